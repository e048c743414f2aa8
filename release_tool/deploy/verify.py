"""Verifying what runs now against what should be live, or recording it as known good."""

from __future__ import annotations

import dataclasses
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Duration
from release_tool.deploy.announce import tell_owed
from release_tool.deploy.attempt import Attempt, DeployResult
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.conclude import conclude, prove, with_evidence
from release_tool.deploy.deploy import attempt_at
from release_tool.deploy.health.verdict import HealthState, HealthVerdict, Reading
from release_tool.deploy.ledger.lock import interruption
from release_tool.deploy.ledger.model import DeploymentKind, live, yardstick
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.watching import Watch, over, watched_until
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import DeployRequest
from release_tool.deploy.rollout import now_and_then, verify_health, watch_health
from release_tool.errors import RefusedError, ReleaseToolError, SignalError, UnhealthyError, UsageError
from release_tool.text.typed import word

if TYPE_CHECKING:
    from datetime import datetime

    from release_tool.config.model import Check
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.rollout import Rollout

_LOOK_EVERY = timedelta(minutes=1)
"""How often a watch looks for something newer in the ledger."""
_FEW = 3
"""How many intervals without a fault are enough to say that what should be live is."""


def record(environment: DeployEnvironment, version: str, request: DeployRequest) -> DeployResult:
    """Write down what runs now as proven, when the checks hold through a bake; nothing is deployed."""
    attempt = attempt_at(environment, version, request, DeploymentKind.RECORD)
    busy = _busy(attempt)
    if busy:
        return attempt.result(DeployOutcome.REFUSED, busy)
    rollout = attempt.rollout()
    verdict = _checked(rollout)
    if verdict.state is not HealthState.HEALTHY:
        outcome = DeployOutcome.INCONCLUSIVE if verdict.state is HealthState.INCONCLUSIVE else DeployOutcome.UNHEALTHY
        return with_evidence(attempt.result(outcome, f"{verdict.reason}; nothing was written"), rollout)
    entry = attempt.writer.enter(attempt.payload())
    stop = interruption(attempt.writer.look(), entry, attempt.writer.living())
    if stop is not None:
        attempt.writer.write(entry, PhaseRecord(Phase.REFUSED, stop.text))
        return attempt.result(DeployOutcome.REFUSED, stop.text, entry)
    prove(attempt.writer, entry, PhaseRecord(Phase.HEALTHY, verdict.reason))
    return with_evidence(attempt.result(DeployOutcome.HEALTHY, f"recorded: {verdict.reason}", entry), rollout)


def verify(environment: DeployEnvironment) -> DeployResult:
    """Run the checks now against what should be live; raises RefusedError where nothing should be.

    A look takes a few samples; what lost its proof is looked at for a whole bake, which gives it back.
    """
    writer = LedgerWriter(environment)
    commit = live(writer.ledger).commit or yardstick(writer.ledger)
    if commit is None:
        raise RefusedError(
            f"nothing was ever proven in {environment.name}, so there is nothing to verify",
            already="nothing was changed",
            todo=f"record what runs there: `release-tool deploy VERSION -e {word(environment.name)} --record`",
        )
    revisions = resolve_revisions(environment.project)
    known = next(one for one in reversed(writer.ledger) if one.commit == commit)
    revision = msgspec.structs.replace(revisions.named(commit), name=known.payload.name)
    attempt = Attempt.begin(writer, revisions, revision, DeployRequest(), kind=DeploymentKind.RECORD)
    rollout = attempt.rollout()
    if not known.disproven:
        rollout = dataclasses.replace(rollout, environment=_in_short(environment))
    verdict = _checked(rollout, calm=timedelta() if known.disproven else environment.settings.bake)
    _keep_proof(writer, known, rollout, verdict)
    return with_evidence(attempt.result(DeployOutcome(verdict.state.value), verdict.reason), rollout)


def watch(environment: DeployEnvironment) -> DeployResult:
    """Go on measuring what was proven until its watch is over, and go back where it is found unhealthy.

    The environment is nobody's meanwhile: something newer ends the watch, and a rollback waits for its turn. Raises
    UsageError where nothing is to be watched by the configuration, or where the command could not go back from here.
    """
    if not environment.settings.watch:
        raise UsageError(
            f"nothing is watched in {environment.name}",
            already="nothing was changed",
            todo=f'say for how long, such as `watch = "1h"` in `environments.{environment.name}`',
        )
    writer = LedgerWriter(environment)
    known = live(writer.ledger).deployment
    revisions = resolve_revisions(environment.project)
    if known is None:
        return DeployResult(
            environment=environment.name,
            outcome=DeployOutcome.UNCHANGED,
            reason=live(writer.ledger).unknown or "nothing is live here",
        )
    revision = msgspec.structs.replace(revisions.named(known.commit), name=known.payload.name)
    request = DeployRequest(by=known.payload.by, automatic=known.payload.automatic)
    attempt = Attempt.begin(writer, revisions, revision, request)
    if known.disproven:
        return attempt.result(DeployOutcome.UNHEALTHY, f"it was found unhealthy already: {known.disproven}", known)
    until = watched_until(known, environment.settings.watch)
    if not until or (why := _why_not_watched(writer, known, until)):
        return attempt.result(DeployOutcome.UNCHANGED, why if until else "only what a deployment brought is watched")
    environment.passed()  # without them its checks would fail, and it could not go back
    return _watched(attempt, known, until)


def _why_not_watched(writer: LedgerWriter, known: Deployment, until: datetime) -> str:
    if other := writer.watcher(known):
        return f"{other} watches {known}"
    over_already = until <= writer.environment.project.remote.time()
    return f"the watch of {known} was over at {until:%H:%M} UTC" if over_already else ""


def _watched(attempt: Attempt, known: Deployment, until: datetime) -> DeployResult:
    """Watch what is live, and do what follows from what is found."""
    writer, rollout, project = attempt.writer, attempt.rollout(known), attempt.environment.project
    writer.write(known, Watch(until, writer.owner).phase)
    project.say(
        f"{known} is healthy, and watched until {until:%H:%M} UTC; {attempt.environment.name} is free meanwhile"
    )
    try:
        between = now_and_then(
            rollout, "looking for what was deployed since", lambda: _newer(writer, rollout.entry), _LOOK_EVERY
        )
        found = watch_health(rollout, until - project.remote.time(), between)
    except (KeyboardInterrupt, SignalError) as error:
        _end_watch(rollout, "ended early, by a signal", patiently=False)
        number = error.number if isinstance(error, SignalError) else signal.SIGINT
        raise SignalError(
            number, during=f"watching {attempt.environment.name}", already=f"{known} is live, and was proven healthy"
        ) from error
    if isinstance(found, PhaseRecord):
        _end_watch(rollout, f"ended: {found.text}")
        return with_evidence(attempt.result(DeployOutcome.SUPERSEDED, found.text, known), rollout)
    if found.complaint:
        return _left(attempt, rollout, found.complaint)
    if found.blind:
        _end_watch(rollout, "ended without a result")
        text = f"its watch ended without a result, because these checks could not be measured: {found.blind}"
        return with_evidence(attempt.result(DeployOutcome.INCONCLUSIVE, text, known), rollout)
    _end_watch(rollout, f"is over: {found.counted}")
    text = f"watched until {until:%H:%M} UTC: {found.counted}"
    return with_evidence(attempt.result(DeployOutcome.HEALTHY, text, known), rollout)


def _newer(writer: LedgerWriter, known: Deployment) -> PhaseRecord | None:
    newer = [one for one in writer.look() if one.id > known.id and (one.in_progress or one.changed or one.proven)]
    return PhaseRecord(Phase.SUPERSEDED, f"{newer[-1]} was begun") if newer else None


def _end_watch(rollout: Rollout, why: str, *, patiently: bool = True) -> None:
    """Write that nobody watches any more, unless something else was written meanwhile."""
    writer, entry = rollout.writer, rollout.entry
    with writer.patient("writing that the watch is over"):
        if patiently:
            writer.look()
        if writer.now(entry).phase.word is Phase.WATCHING:
            writer.write(entry, over(writer.now(entry), why), patiently=patiently)


def _left(attempt: Attempt, rollout: Rollout, reason: str) -> DeployResult:
    """Go back from what was proven, as a deployment that takes its turn, and tell everybody."""
    try:
        if ending := _newer(attempt.writer, rollout.entry):
            return with_evidence(attempt.result(DeployOutcome.SUPERSEDED, ending.text, rollout.entry), rollout)
        done = conclude(attempt, rollout, PhaseRecord(Phase.FAILED, reason))
    except SignalError:
        raise
    except ReleaseToolError as error:
        raise UnhealthyError(
            f"{rollout.entry} was found unhealthy in its watch, and was not rolled back: {error.message}",
            during=error.during or f"going back in {attempt.environment.name}",
            already=reason,
            todo=f"`release-tool rollback -e {word(attempt.environment.name)}` goes back now",
        ) from error
    tell_owed(attempt.writer, attempt.revisions)
    return done


def _keep_proof(writer: LedgerWriter, known: Deployment, rollout: Rollout, verdict: HealthVerdict) -> None:
    """Write that what is live lost its proof, or has it again after a bake; what another version says is drift."""
    if not known.healthy:
        return
    others = any(one.sample is Reading.STALE for one in rollout.evidence.samples)
    with writer.patient("writing what was found"):
        if verdict.state is HealthState.UNHEALTHY and not known.disproven and not others:
            writer.write(known, PhaseRecord(Phase.UNHEALTHY, verdict.reason))
        if verdict.state is HealthState.HEALTHY and known.disproven:
            writer.write(known, PhaseRecord(Phase.HEALTHY, verdict.reason))


def _busy(attempt: Attempt) -> str:
    """The deployment under way, which is about to change what runs."""
    alive = attempt.writer.living()
    at_work = next((one for one in attempt.writer.ledger if one.id in alive), None)
    return f"{at_work} holds the environment" if at_work else ""


def _in_short(environment: DeployEnvironment) -> DeployEnvironment:
    """The environment with a bake of a few samples, and with no more patience than a full run of bad ones takes."""
    checks = tuple(
        msgspec.structs.replace(
            check,
            initial_delay=Duration(),
            deadline=Duration(seconds=check.failure_threshold * (check.interval + check.timeout).total_seconds()),
        )
        for check in environment.checks
    )
    bake = Duration(seconds=_FEW * max(check.interval for check in checks).total_seconds())
    settings = msgspec.structs.replace(environment.settings, bake=bake)
    return _with_checks(dataclasses.replace(environment, settings=settings), checks)


def _with_checks(environment: DeployEnvironment, checks: tuple[Check, ...]) -> DeployEnvironment:
    """The environment with no other checks than these."""
    settings = msgspec.structs.replace(environment.settings, health="", checks=checks)
    return dataclasses.replace(environment, settings=settings)


def _checked(rollout: Rollout, calm: timedelta = timedelta()) -> HealthVerdict:
    """Run the checks that can be run from here; nothing is written, and without one of them nothing is healthy."""
    environment = rollout.environment
    lacking = {check.name: names for check in environment.checks if (names := environment.lacking(check))}
    asked = tuple(check for check in environment.checks if check.name not in lacking)
    why = "; ".join(
        f"`{name}` was not asked: {', '.join(names)} is not set, or empty" for name, names in lacking.items()
    )
    if not asked:
        return HealthVerdict(HealthState.INCONCLUSIVE, why)
    found = verify_health(dataclasses.replace(rollout, environment=_with_checks(environment, asked)), calm)
    if not isinstance(found, HealthVerdict):
        return HealthVerdict(HealthState.INCONCLUSIVE, found.text)
    if why and found.state is HealthState.HEALTHY:
        return HealthVerdict(HealthState.INCONCLUSIVE, f"{why}; else {found.reason}")
    return found
