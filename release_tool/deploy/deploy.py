"""The deployment stage: deploy a commit and verify it, or roll back, or open an incident."""

from __future__ import annotations

import dataclasses
import signal
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.announce import tell_owed
from release_tool.deploy.attempt import Attempt, DeployResult, live_name
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.conclude import conclude, run_to_end
from release_tool.deploy.halts.commands import halt, tell_halts
from release_tool.deploy.halts.model import HaltOrder
from release_tool.deploy.health.verdict import Reading
from release_tool.deploy.ledger.model import DeploymentKind, leaving, live
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import DeployRequest, best_rollback_target
from release_tool.deploy.recover import recover
from release_tool.deploy.rollout import look
from release_tool.errors import ReleaseToolError, RemoteError, SignalError, UnhealthyError
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from release_tool.deploy.candidates import RevisionResolver
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.policy import DeployDecision

__all__ = [
    "DeployRequest",
    "DeployResult",
    "bring",
    "deploy",
    "newest",
    "not_begun",
    "preview",
    "preview_rollback",
    "rollback",
]

_TAKE_UP = "`release-tool reconcile -e {}` looks at what is live, and finishes or rolls back"

_STILL_NEW = timedelta(seconds=10)
"""How long a look at branches and releases stays valid; a deployment that waited for longer looks again."""


def preview(environment: DeployEnvironment, version: str, request: DeployRequest) -> DeployResult:
    """The result that a deployment would have; nothing is written."""
    return _previewed(attempt_at(environment, version, request))


def preview_rollback(environment: DeployEnvironment, version: str, request: DeployRequest) -> DeployResult:
    """The result that a rollback would have; nothing is written."""
    attempt = _going_back(environment, version, request)
    return attempt if isinstance(attempt, DeployResult) else _previewed(attempt)


def deploy(environment: DeployEnvironment, version: str, request: DeployRequest) -> DeployResult:
    """Deploy a commit to an environment, verify it through a bake, and roll back where it is not healthy.

    Interrupted deployments are recovered first. Raises UsageError before anything is changed.
    """
    writer = LedgerWriter(environment)
    recover(environment, writer)
    return bring(attempt_at(environment, version, request, writer=writer))


def bring(attempt: Attempt) -> DeployResult:
    """Carry out an attempt, then send the notifications."""
    done = _go(attempt)
    if done.outcome is DeployOutcome.ROLLED_BACK:
        with attempt.writer.patient("closing what the network sent twice"):  # else the rollback's twin is left waiting
            recover(attempt.environment, attempt.writer, only_close=True)
    tell_owed(attempt.writer, attempt.revisions)
    return done


def newest(environment: DeployEnvironment, revisions: RevisionResolver, request: DeployRequest) -> Attempt | None:
    """The attempt to deploy the newest commit; None where that is live already."""
    revision = revisions.newest()
    writer = LedgerWriter(environment)
    if revision is None or live(writer.ledger).commit == revision.commit:
        return None
    return Attempt.begin(writer, revisions, revision, request)


def rollback(environment: DeployEnvironment, version: str, request: DeployRequest, *, halts: bool) -> DeployResult:
    """Roll back to the last known good or the named version, even during a deployment; only a person asks for it.

    `halts` leaves the environment halted, so that nothing deploys the bad version again.
    """
    attempt = _going_back(environment, version, request)
    if isinstance(attempt, DeployResult):
        return attempt
    decision = attempt.decide()
    if decision.outcome is not DeployOutcome.GOES:
        return not_begun(attempt, decision)
    environment.passed()  # before anything is halted
    if halts:
        _halt_behind(attempt)
    result = _go(attempt)
    with attempt.writer.patient(
        "recovering the deployment that it took over from"
    ):  # where no run is left that would write how that ended
        recover(environment, attempt.writer)
        tell_owed(attempt.writer, attempt.revisions)
        tell_halts(environment.project)
    return result


def attempt_at(
    environment: DeployEnvironment,
    version: str,
    request: DeployRequest,
    kind: DeploymentKind = DeploymentKind.DEPLOY,
    *,
    writer: LedgerWriter | None = None,
) -> Attempt:
    """The attempt to deploy a version; raises RefusedError where no commit has that name."""
    revisions, writer = resolve_revisions(environment.project), writer or LedgerWriter(environment)
    return Attempt.begin(writer, revisions, revisions.find(version), request, kind=kind)


def _going_back(environment: DeployEnvironment, version: str, request: DeployRequest) -> Attempt | DeployResult:
    """The attempt to roll back what was deployed last, or why there is no rollback target."""
    revisions, writer = resolve_revisions(environment.project), LedgerWriter(environment)
    leaves = leaving(writer.ledger)
    if version:
        revision = revisions.find(version)
    else:
        back = best_rollback_target(revisions, writer.ledger, leaves.commit if leaves else None)
        if back.choice is None:
            return DeployResult(
                environment=environment.name,
                outcome=DeployOutcome.REFUSED,
                reason=back.reason,
                live=live_name(writer.ledger),
            )
        environment.project.say(back.reason)
        revision = msgspec.structs.replace(revisions.named(back.choice.commit), name=back.choice.payload.name)
    return Attempt.begin(writer, revisions, revision, request, kind=DeploymentKind.ROLLBACK, leaves=leaves)


def _previewed(attempt: Attempt) -> DeployResult:
    attempt, decision = _decided(attempt)
    if decision is None:  # who runs it may reach what can't be reached from here
        attempt = _again(attempt)
        decision = attempt.decide()
    if decision.outcome is DeployOutcome.GOES:
        goes = attempt.result(DeployOutcome.GOES, "every safety check passes")
        return msgspec.structs.replace(goes, changes=attempt.changes(), by_hand=attempt.manual())
    result = attempt.result(decision.outcome, decision.reason)
    return msgspec.structs.replace(result, ways_out=tuple(one.value for one in decision.ways_out))


def _go(attempt: Attempt) -> DeployResult:
    """Decide, wait in the queue, decide again, and deploy."""
    attempt, decision = _decided(attempt)
    if decision is None:
        return attempt.result(
            DeployOutcome.INCONCLUSIVE, f"{attempt.revision.name} should be live, but its health could not be measured"
        )
    if decision.outcome is not DeployOutcome.GOES:
        return not_begun(attempt, decision)
    attempt.environment.passed()  # what the command lacks is found before anything is waited for
    by_hand, changes = attempt.manual(), attempt.changes()
    attempt.environment.project.say(by_hand)
    looked_at = attempt.environment.project.clock.steady()
    entry = attempt.writer.enter(attempt.payload(decision))
    ending: PhaseRecord | None = None
    try:
        with _concluded_on_failure(attempt.writer, entry):
            rollout = attempt.rollout(entry)
            ending = run_to_end(rollout, lambda: _still_allowed(attempt, looked_at))
            done = conclude(attempt, rollout, ending)
    except UnhealthyError as error:
        raise _unwritten(attempt, error) if ending and ending.word is Phase.HEALTHY else error from error.__cause__
    return msgspec.structs.replace(done, by_hand=by_hand, changes=changes)


def _decided(attempt: Attempt) -> tuple[Attempt, DeployDecision | None]:
    """The decision, and the attempt: the live version is deployed again where a person asks and it is unhealthy.

    No decision can be made where the live version can't be checked.
    """
    decision = attempt.decide()
    if (
        decision.outcome is not DeployOutcome.UNCHANGED
        or attempt.kind is not DeploymentKind.DEPLOY
        or attempt.request.automatic
    ):
        return attempt, decision
    entry = next(one for one in reversed(attempt.writer.ledger) if one.commit == attempt.revision.commit)
    if entry.disproven:
        return _again(attempt), _again(attempt).decide()
    found = look(attempt.rollout(entry))
    failing = [samples for samples in found if samples[-1].sample is not Reading.OK]
    if not failing:
        unproven = "" if attempt.environment.tells_version else ", which is unproven: no check tells the version"
        return attempt, msgspec.structs.replace(decision, reason=decision.reason + unproven)
    if all(sample.sample is Reading.UNMEASURABLE for samples in failing for sample in samples):
        return attempt, None
    attempt.environment.project.say(
        f"{attempt.revision.name} should be live, but is unhealthy: {failing[0][-1].detail}"
    )
    attempt = _again(attempt)
    return attempt, attempt.decide()


def _again(attempt: Attempt) -> Attempt:
    return dataclasses.replace(attempt, request=msgspec.structs.replace(attempt.request, again=True))


def _still_allowed(attempt: Attempt, looked_at: datetime) -> PhaseRecord | None:
    """The phase that ends a deployment because of what happened while it waited; None where it proceeds."""
    recover(attempt.environment, attempt.writer)
    project = attempt.environment.project
    if project.clock.steady() - looked_at > _STILL_NEW:
        attempt = dataclasses.replace(attempt, revisions=resolve_revisions(project))
    decision = attempt.decide()
    if decision.outcome is DeployOutcome.UNCHANGED:
        return PhaseRecord(Phase.SUPERSEDED, decision.reason)
    return decision.phase


def not_begun(attempt: Attempt, decision: DeployDecision) -> DeployResult:
    """The result of a refusal: recorded once for an automatic run, reported in full to a person."""
    result = attempt.result(decision.outcome, decision.reason)
    if decision.outcome in {DeployOutcome.HELD, DeployOutcome.SUPERSEDED} and decision.phase:
        entry = attempt.writer.enter_once(attempt.payload(decision), decision.phase)
        if entry:
            result = msgspec.structs.replace(result, deployment=entry.id)
    return msgspec.structs.replace(result, ways_out=tuple(one.value for one in decision.ways_out))


def _halt_behind(attempt: Attempt) -> None:
    """Halt the environment before anything is touched; where that fails, the rollback goes on."""
    left = attempt.leaves.payload.name if attempt.leaves else "the live version"
    reason = attempt.request.reason or f"{left} was rolled back"
    order = HaltOrder(
        environment=attempt.environment.name, by=attempt.request.by, reason=attempt.environment.mask(reason)
    )
    with attempt.writer.patient("halting the environment"):
        halt(attempt.environment.project, order, tells=False)


@contextmanager
def _concluded_on_failure(writer: LedgerWriter, entry: Deployment) -> Iterator[None]:
    """Close a waiting deployment when we are interrupted; one that has begun is recovered by `reconcile`.

    Raises UnhealthyError where something was changed and the outcome is unknown.
    """
    try:
        yield
    except BaseException as error:
        now = writer.now(entry)
        if not now.changed and not now.finished:
            why = "interrupted" if _signal(error) or not isinstance(error, ReleaseToolError) else error.message
            with writer.patient("writing that nothing was done"):
                writer.write(entry, PhaseRecord(Phase.NOT_DONE, why), patiently=False)
        if number := _signal(error):
            raise _interrupted(number, now, writer.environment.name) from error
        if isinstance(error, ReleaseToolError) and now.changed and not now.finished:
            raise _failed_midway(error, now, writer.environment.name) from error
        raise


def _signal(error: BaseException) -> int | None:
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return error.number if isinstance(error, SignalError) else None


def _interrupted(number: int, entry: Deployment, environment: str) -> SignalError:
    if entry.finished:
        return SignalError(number, already=f"the deployment of {entry} had ended: {entry.phase}")
    if not entry.changed:
        return SignalError(number, during="waiting to deploy", already="nothing was changed")
    return SignalError(
        number,
        during=f"deploying to {environment}",
        already="the environment was changed, and its health is not proven",
        todo=_TAKE_UP.format(word(environment)),
    )


def _unwritten(attempt: Attempt, error: UnhealthyError) -> RemoteError:
    """The version is healthy, but GitHub accepts no status, as with an expired token."""
    return RemoteError(
        f"{attempt.revision.name} is healthy in {attempt.environment.name}, but that could not be recorded:"
        f" {error.message}",
        during=error.during,
        already=f"{attempt.revision.name} is live, and passed its checks until the end",
        todo=_TAKE_UP.format(word(attempt.environment.name)),
    )


def _failed_midway(error: ReleaseToolError, entry: Deployment, environment: str) -> UnhealthyError:
    return UnhealthyError(
        f"the deployment of {entry} could not be finished: {error.message}",
        during=error.during or f"deploying to {environment}",
        already=f"the environment may have changed; the last phase in the ledger is: {entry.phase}",
        todo=_TAKE_UP.format(word(environment)),
    )
