"""How a deployment ends: healthy, handed over, rolled back, or with an incident; the ledger is written first."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.attempt import live_name
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.halts.commands import open_incident
from release_tool.deploy.health.curves import curves_of
from release_tool.deploy.health.verdict import HealthState, Reading
from release_tool.deploy.ledger.lock import superseded_by
from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.deploy.ledger.phase import REASON, Phase, PhaseRecord
from release_tool.deploy.ledger.watching import watched_until
from release_tool.deploy.ledger.writer import PAUSES
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import best_rollback_target, irreversible
from release_tool.deploy.queue import await_turn
from release_tool.deploy.rollout import look, roll_out, verify_health
from release_tool.errors import PermissionDeniedError, ReleaseToolError, RemoteError, SignalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_tool.config.model import Target
    from release_tool.deploy.attempt import Attempt, DeployResult
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.rollout import Rollout

_SHOWN_SAMPLES = 50
_STILL_KNOWN = timedelta(minutes=5)
"""How old what is known of releases may be when a rollback begins: a bake or two, but no pause and no watch."""


def run_to_end(rollout: Rollout, still_goes: Callable[[], PhaseRecord | None] = lambda: None) -> PhaseRecord:
    """Wait in the queue, roll out, and return the final phase; again where another deployment came first.

    `still_goes` is called when its turn has come, and may return the phase to end with instead.
    """
    while True:
        stop = await_turn(rollout.writer, rollout.entry, rollout.request) or still_goes()
        if stop is not None:
            return stop
        ending = roll_out(rollout)
        if ending.word is not Phase.WAITING:
            return ending


def conclude(attempt: Attempt, rollout: Rollout, ending: PhaseRecord) -> DeployResult:
    """Write how a deployment ended, and do what follows from that."""
    result = _concluded(attempt, rollout, ending)
    keep_evidence(rollout)
    return with_evidence(result, rollout)


def _concluded(attempt: Attempt, rollout: Rollout, ending: PhaseRecord) -> DeployResult:
    writer, entry = rollout.writer, rollout.entry
    match ending.word:
        case Phase.HEALTHY:
            prove(writer, entry, ending)
            return proven_result(attempt, ending, entry)
        case Phase.HELD | Phase.REFUSED | Phase.SUPERSEDED:
            writer.write(entry, ending)
            return attempt.result(DeployOutcome(ending.word.value), ending.text, entry)
        case Phase.UNKNOWN:
            writer.write(entry, ending)
            return attempt.result(DeployOutcome.INCONCLUSIVE, ending.text, entry)
        case _ if ending.handed_over_to is not None:
            writer.write(entry, ending)
            return attempt.result(
                DeployOutcome.SUPERSEDED, f"{ending.text}: deployment #{ending.handed_over_to}", entry
            )
        case _:
            return _failed(attempt, rollout, ending)


def _failed(attempt: Attempt, rollout: Rollout, ending: PhaseRecord) -> DeployResult:
    found, environment = rollout.evidence, rollout.environment
    found.curves = curves_of(found.before, found.samples, environment.checks)
    keep_evidence(rollout)
    return end_failed(attempt, rollout, roll_back(rollout, attempt, ending.text), ending.text)


def end_failed(attempt: Attempt, rollout: Rollout, ending: PhaseRecord, reason: str) -> DeployResult:
    """Write that a deployment failed, after its incident is opened: an interruption in between is recovered later."""
    writer, entry = rollout.writer, rollout.entry
    undone = ending.rolled_back_to or ending.handed_over_to is not None
    opened = "" if undone else incident(attempt, rollout, ending.text)
    if not rollout.now().finished:  # what was proven and is found unhealthy in its watch has ended already
        writer.write(entry, ending)
    if ending.handed_over_to is not None:
        return attempt.result(DeployOutcome.SUPERSEDED, str(ending), entry)
    if ending.rolled_back_to:
        result = attempt.result(DeployOutcome.ROLLED_BACK, reason, entry)
        blameless = writer.now(entry).blameless
        return msgspec.structs.replace(result, rolled_back_to=live_name(writer.ledger), blameless=blameless)
    return msgspec.structs.replace(attempt.result(DeployOutcome.UNHEALTHY, ending.text, entry), incident=opened)


def prove(writer: LedgerWriter, entry: Deployment, ending: PhaseRecord) -> None:
    """Write that a deployment is healthy, and then that it replaced the earlier ones."""
    writer.write(entry, ending)
    with writer.patient("writing what it replaced"):  # recovery writes what is missing here
        replace_others(writer, entry)


def proven_result(attempt: Attempt, ending: PhaseRecord, entry: Deployment) -> DeployResult:
    """What a proven deployment came to, and until when it is to be watched."""
    result = attempt.result(DeployOutcome.HEALTHY, ending.text, entry)
    until = watched_until(attempt.writer.now(entry), attempt.environment.settings.watch)
    return msgspec.structs.replace(result, watched_until=until)


def replace_others(writer: LedgerWriter, entry: Deployment) -> None:
    """Write that everything that was live before has been replaced."""
    for other in writer.ledger:
        if other.healthy and other.id != entry.id and other.id < entry.id:
            writer.write(other, PhaseRecord(Phase.REPLACED, f"by {entry}"))


def roll_back(rollout: Rollout, attempt: Attempt, reason: str) -> PhaseRecord:
    """Roll the touched targets back to the last known good, and return how the failed deployment ends.

    One attempt, and a second one to the known good before it where the first does not become healthy, although
    it was proven once.
    """
    writer, failed = rollout.writer, rollout.now()
    if failed.payload.kind is not DeploymentKind.DEPLOY:
        return PhaseRecord(Phase.FAILED, reason)
    if not failed.can_roll_back:
        ruled_out = ", ".join(f"`--override {one.value}`" for one in failed.payload.overrides)
        return _not_back(f"{ruled_out} ruled a rollback out", reason)
    if not failed.finished:
        writer.write(failed, PhaseRecord(Phase.ROLLING_BACK, reason))
    attempt = _looked_again(attempt)
    rollout = dataclasses.replace(rollout, revisions=attempt.revisions)
    back = _way_back(rollout, attempt)
    if isinstance(back, str):
        return _not_back(back, reason)
    ending = _roll_back_to(rollout, attempt, back, reason)
    if ending.rolled_back_to or ending.handed_over_to is not None:
        return ending
    further = _way_back(rollout, attempt, tried=(back.commit,)) if _came_to_nothing(writer, failed) else ""
    if isinstance(further, str):
        return ending
    return _roll_back_to(rollout, attempt, further, f"{back.payload.name} did not come up again, after this: {reason}")


def _looked_again(attempt: Attempt) -> Attempt:
    """The attempt with what is released now, where that was seen long ago; the best may have been withdrawn since."""
    project, revisions = attempt.environment.project, attempt.revisions
    if project.clock.steady() - revisions.at > _STILL_KNOWN:
        try:
            with project.remote.impatient(), project.git.impatient():
                revisions = resolve_revisions(project)
        except SignalError:
            raise
        except ReleaseToolError as error:  # going back is what matters now
            project.say(f"what was withdrawn lately is not known: {error.message}")
    return dataclasses.replace(attempt, revisions=revisions)


def _way_back(rollout: Rollout, attempt: Attempt, tried: tuple[str, ...] = ()) -> Deployment | str:
    """The next known good to try, or why there is none."""
    writer, failed = rollout.writer, rollout.now()
    back = best_rollback_target(attempt.revisions, writer.look(), failed.commit, tried)
    if back.choice is None:
        return back.reason
    one_way = ""
    with writer.patient(
        "looking for irreversible changes"
    ):  # decided earlier, for a rollback target that may be another one by now
        one_way = irreversible(attempt.revisions, back.choice.commit, failed.commit)
    if one_way:
        return f"{one_way} can't be undone by a rollback to {back.choice.payload.name}"
    writer.environment.project.say(f"rolling back: {back.reason}")
    return back.choice


def _came_to_nothing(writer: LedgerWriter, failed: Deployment) -> bool:
    """Whether the rollback of a deployment has failed itself, and did not only end with an unknown outcome."""
    return any(one.payload.parent == failed.id and one.phase.word is Phase.FAILED for one in writer.ledger)


def _roll_back_to(rollout: Rollout, attempt: Attempt, good: Deployment, reason: str) -> PhaseRecord:
    """Deploy the last known good as a deployment of its own, and return how the failed one ends."""
    writer, failed = rollout.writer, rollout.now()
    known = attempt.revisions.named(good.commit)
    payload = Payload(
        commit=good.commit,
        name=good.payload.name,
        kind=DeploymentKind.ROLLBACK,
        automatic=True,
        owner=writer.owner,
        by=failed.payload.by,
        reason=reason,
        references=attempt.revisions.references(known, good.payload.references).known,
        parent=failed.id,
        watched=failed.finished,
        curves=rollout.evidence.curves,
    )
    child = writer.enter(payload)
    if failed.healthy:  # only now, so that who dies in between leaves a rollback that is carried on
        writer.write(failed, PhaseRecord(Phase.UNHEALTHY, reason))
    rollout.evidence.close_chapter()
    targets = touched(rollout) or rollout.targets
    back = dataclasses.replace(rollout, entry=child, tag=known.tag, targets=targets)
    reached_nobody = _ended_by_its_command(rollout)
    try:
        ending = _begun_at_last(back)
        if reached_nobody and _ended_by_its_command(back):
            ending = _as_it_answers(back, ending)
    except SignalError:
        raise  # the next run recovers the rollback
    except ReleaseToolError as error:
        if not writer.now(child).changed:
            writer.write(child, PhaseRecord(Phase.NOT_DONE, error.message))
            return _not_back(f"the rollback to {good.payload.name} could not begin", reason, error.message)
        raise
    if ending.word is Phase.HEALTHY:
        prove(writer, child, ending)
        return PhaseRecord(Phase.FAILED, reason, rolled_back_to=good.payload.name)
    writer.write(child, ending)
    if ending.word is Phase.SUPERSEDED and (other := _came_first(writer, child)):
        return PhaseRecord(Phase.FAILED, reason, handed_over_to=other.id)
    if ending.handed_over_to is not None:
        return PhaseRecord(Phase.FAILED, reason, handed_over_to=ending.handed_over_to)
    return _not_back(f"the rollback to {good.payload.name} did not succeed", reason, ending.text)


def _came_first(writer: LedgerWriter, rollback: Deployment) -> Deployment | None:
    """What made a rollback pointless: a person's, or something newer."""
    return superseded_by(writer.look(), writer.now(rollback), writer.living(), ())


def _begun_at_last(rollout: Rollout) -> PhaseRecord:
    """Run a rollback to its end, again where GitHub failed before it changed anything."""
    for pause in PAUSES:
        try:
            return run_to_end(rollout)
        except RemoteError:
            if rollout.now().changed:
                raise
            rollout.environment.project.clock.sleep(pause)
    return run_to_end(rollout)


def _ended_by_its_command(rollout: Rollout) -> bool:
    """Whether the last command that was run failed, so that nothing was verified after it."""
    said = rollout.evidence.said
    return bool(said) and not said[-1].ran.succeeded


def _as_it_answers(back: Rollout, ending: PhaseRecord) -> PhaseRecord:
    """How a rollback ends whose command failed like the deployment's own: the checks decide.

    Where a credential has expired, neither command changed anything, and there is nothing to undo.
    A deployment whose command did something is another matter: its image may tell the commit of the last good one.
    """
    if ending.word is not Phase.FAILED or not back.environment.tells_version or not _answers(back):
        return ending
    found = verify_health(back)
    if isinstance(found, PhaseRecord) or found.state is not HealthState.HEALTHY:
        return ending
    answered = found.reason.replace("the new version", back.entry.payload.name, 1)
    return PhaseRecord(Phase.HEALTHY, f"{ending.text}, but {answered}")


def _answers(rollout: Rollout) -> bool:
    """Whether every check of every target passes with the version of a deployment, within a few samples."""
    return all(samples[-1].sample is Reading.OK for samples in look(rollout))


def _not_back(why: str, reason: str, then: str = "") -> PhaseRecord:
    """How a deployment ends that is not rolled back; the reason comes first, because a status cuts long texts."""
    return PhaseRecord(Phase.FAILED, f"{why}{REASON}{reason}" + (f"; then: {then}" if then else ""))


def touched(rollout: Rollout) -> tuple[Target, ...]:
    """The targets that a deployment may have changed."""
    names = rollout.now().may_have_touched(rollout.environment.target_names)
    return tuple(target for target in rollout.environment.targets if target.name in names)


def incident(attempt: Attempt, rollout: Rollout, reason: str) -> str:
    """Open the issue of an incident, which halts the environment, and return its URL; empty where that failed."""
    mask = rollout.environment.mask
    details = mask(rollout.evidence.markdown()), "By hand:\n\n" + _indented(attempt.manual())
    try:
        environment = rollout.environment
        return rollout.writer.insist(
            lambda: open_incident(environment.project, environment.name, mask(reason), *details)
        ).url
    except (RemoteError, PermissionDeniedError) as error:
        rollout.environment.project.say(f"opening the incident failed, so nothing is halted: {error.message}")
        return ""


def keep_evidence(rollout: Rollout) -> None:
    """Save the evidence before the rollback; a full disk does not prevent the rollback."""
    if rollout.environment.evidence is None:
        return
    try:
        folder = rollout.environment.evidence / f"{rollout.environment.name}-{rollout.entry.id}"
        rollout.evidence.write(folder, rollout.environment.mask)
    except OSError as error:
        rollout.environment.project.say(f"the evidence could not be kept: {error}")


def with_evidence(result: DeployResult, rollout: Rollout) -> DeployResult:
    """The result with the last samples, and with what happened in words."""
    samples = tuple(rollout.evidence.samples[-_SHOWN_SAMPLES:])
    return msgspec.structs.replace(result, samples=samples, evidence=rollout.evidence.markdown())


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
