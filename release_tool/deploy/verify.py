"""Verifying what runs now against what should be live, or recording it as known good."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Duration
from release_tool.deploy.attempt import Attempt
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.conclude import prove, with_evidence
from release_tool.deploy.deploy import attempt_at
from release_tool.deploy.health.verdict import HealthState, HealthVerdict, Reading
from release_tool.deploy.ledger.lock import interruption
from release_tool.deploy.ledger.model import DeploymentKind, live, yardstick
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import DeployRequest
from release_tool.deploy.rollout import verify_health
from release_tool.errors import RefusedError

if TYPE_CHECKING:
    from release_tool.deploy.attempt import DeployResult
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.rollout import Rollout

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
            todo=f"record what runs there: `release-tool deploy VERSION -e {environment.name} --record`",
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
    settings = msgspec.structs.replace(environment.settings, health="", checks=checks, bake=bake)
    return dataclasses.replace(environment, settings=settings)


def _checked(rollout: Rollout, calm: timedelta = timedelta()) -> HealthVerdict:
    """Run the checks; nothing is written."""
    found = verify_health(rollout, calm)
    return found if isinstance(found, HealthVerdict) else HealthVerdict(HealthState.INCONCLUSIVE, found.text)
