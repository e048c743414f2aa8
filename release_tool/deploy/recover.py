"""Recovering orphaned deployments: closed, verified, or rolled back, so that none stays unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy import conclude
from release_tool.deploy.attempt import Attempt
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.dispatch import outcome
from release_tool.deploy.health.verdict import HealthState, Reading
from release_tool.deploy.ledger import recovery
from release_tool.deploy.ledger.model import GONE, DeploymentKind, live
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.recovery import Close, OrphanHealth, RollBack, VerifyOrphan, give_up, next_remedy
from release_tool.deploy.ledger.watching import over
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import DeployRequest, best_rollback_target
from release_tool.deploy.rollout import look as look_at
from release_tool.deploy.rollout import verify_health

if TYPE_CHECKING:
    from release_tool.deploy.attempt import DeployResult
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.rollout import Rollout

_LOOKS = {HealthState.HEALTHY: OrphanHealth.HEALTHY, HealthState.UNHEALTHY: OrphanHealth.UNHEALTHY}


def recover(
    environment: DeployEnvironment, writer: LedgerWriter, *, only_close: bool = False
) -> tuple[DeployResult, ...]:
    """Finish, close or roll back the orphaned deployments.

    `only_close` says that the environment can't be reached from here: what would have to be looked at is closed as
    unknown. Else UsageError is raised before that, where what the command and its checks are given is not set here.
    """
    done = []
    while remedy := next_remedy(writer.look(), writer.living()):
        left = (remedy.begun if isinstance(remedy, RollBack) else None) or remedy.deployment
        environment.project.say(f"{left} was interrupted while {left.phase}")
        match remedy:
            case Close():
                done.append(_close(environment, writer, remedy))
            case VerifyOrphan() | RollBack() if only_close:
                begun = remedy.begun if isinstance(remedy, RollBack) else None
                done.append(_close(environment, writer, give_up(begun or remedy.deployment)))
            case VerifyOrphan():
                environment.passed()
                done.append(_examine(environment, writer, remedy.deployment))
            case RollBack():
                environment.passed()
                if remedy.begun:
                    writer.write(remedy.begun, give_up(remedy.begun).phase)
                done.append(_roll_back(environment, writer, remedy.deployment, remedy.reason))
    now = live(writer.ledger).deployment
    if now:
        conclude.replace_others(writer, now)  # a run that was interrupted between the two left both
    return (*done, *end_watch(environment, writer))


def end_watch(environment: DeployEnvironment, writer: LedgerWriter) -> tuple[DeployResult, ...]:
    """Record that a watch ended early whose run is gone: the version was proven, and still is."""
    now = live(writer.ledger).deployment
    if now is None or now.phase.word is not Phase.WATCHING or writer.watcher(now):
        return ()
    ending = over(now, "ended early: its run is gone")
    with writer.patient("writing that its watch is over"):
        writer.write(now, ending, patiently=False)
    environment.project.say(f"{now}: {ending.text}")
    return (_attempt(environment, writer, now).result(DeployOutcome.HEALTHY, ending.text, now),)


def _close(
    environment: DeployEnvironment, writer: LedgerWriter, remedy: Close, rollout: Rollout | None = None
) -> DeployResult:
    dead, phase = remedy.deployment, remedy.phase
    attempt = _attempt(environment, writer, dead)
    match phase.word:
        case Phase.FAILED:
            result = conclude.end_failed(attempt, rollout or attempt.rollout(dead), phase, phase.text)
        case Phase.HEALTHY:
            conclude.prove(writer, dead, phase)
            result = conclude.proven_result(attempt, phase, dead)
        case _:
            writer.write(dead, phase)
            result = attempt.result(outcome(phase), phase.text, dead)
    return result


def _examine(environment: DeployEnvironment, writer: LedgerWriter, dead: Deployment) -> DeployResult:
    attempt = _attempt(environment, writer, dead)
    if attempt.revisions.gone([dead.commit]):  # its checks would run in a checkout of unreviewed code
        return _close(
            environment, writer, Close(dead, PhaseRecord(Phase.UNKNOWN, f"interrupted, and its commit {GONE}"))
        )
    rollout = attempt.rollout(dead)
    look = _at_once(rollout) or _through_a_bake(rollout)
    writer.look()
    if writer.now(dead).finished or dead.id in writer.living():
        return attempt.result(DeployOutcome.SUPERSEDED, f"{dead} was recovered by another run meanwhile", dead)
    back = best_rollback_target(attempt.revisions, writer.ledger, dead.commit)
    verdict = recovery.judge(dead, look, back, environment.target_names, tells_version=environment.tells_version)
    if isinstance(verdict, RollBack):
        return _roll_back(environment, writer, dead, verdict.reason, rollout)
    return _close(environment, writer, verdict, rollout)


def _at_once(rollout: Rollout) -> OrphanHealth | None:
    """The remedy that a few samples already show, before a whole bake; None where they leave it open."""
    readings = {one.sample for samples in look_at(rollout) for one in samples}
    payload = rollout.entry.payload
    cut_short = rollout.now().phase.word is Phase.CHANGING  # the command may have ended before its rollout did
    if readings == {Reading.STALE} and cut_short and (payload.kind is DeploymentKind.DEPLOY or payload.automatic):
        return OrphanHealth.UNCHANGED
    if readings == {Reading.UNMEASURABLE}:
        return OrphanHealth.INCONCLUSIVE
    return OrphanHealth.SILENT if readings <= {Reading.BAD, Reading.UNMEASURABLE} else None


def _through_a_bake(rollout: Rollout) -> OrphanHealth:
    found = verify_health(rollout)
    return (
        OrphanHealth.INCONCLUSIVE
        if isinstance(found, PhaseRecord)
        else _LOOKS.get(found.state, OrphanHealth.INCONCLUSIVE)
    )


def _roll_back(
    environment: DeployEnvironment, writer: LedgerWriter, dead: Deployment, reason: str, rollout: Rollout | None = None
) -> DeployResult:
    attempt = _attempt(environment, writer, dead)
    return conclude.conclude(attempt, rollout or attempt.rollout(dead), PhaseRecord(Phase.FAILED, reason))


def _attempt(environment: DeployEnvironment, writer: LedgerWriter, dead: Deployment) -> Attempt:
    """The attempt of an interrupted run, as far as its deployment tells."""
    revisions = resolve_revisions(environment.project)
    revision = msgspec.structs.replace(revisions.named(dead.commit), name=dead.payload.name)
    request = DeployRequest(by=dead.payload.by, reason=dead.payload.reason, automatic=dead.payload.automatic)
    return Attempt.begin(writer, revisions, revision, request, kind=dead.payload.kind)
