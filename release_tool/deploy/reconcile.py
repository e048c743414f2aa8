"""Reconciling: recover interrupted deployments, then deploy the newest version that was blocked or missed."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy import policy
from release_tool.deploy.announce import tell_owed
from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.deploy import attempt_at, bring, newest, not_begun
from release_tool.deploy.halts.commands import close_over, halts_of, tell_halts
from release_tool.deploy.ledger.model import DeploymentKind, live
from release_tool.deploy.ledger.recovery import next_remedy
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.deploy.policy import DeployOutcome
from release_tool.deploy.preconditions import DeployRequest
from release_tool.deploy.recover import end_watch, recover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.deploy.attempt import Attempt, DeployResult
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.recovery import Remedy


class ReconcileAction(enum.StrEnum):
    """What `reconcile` does in an environment: recover what was interrupted, deploy something, or nothing."""

    SETTLE = "settle"
    DEPLOY = "deploy"
    NOTHING = "nothing"


class ReconcileStep(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done in one environment, and why; where it is held, `then` says when it is looked at again."""

    environment: str
    action: ReconcileAction
    version: str
    reason: str
    changes: tuple[str, ...] = ()
    then: str = ""

    @property
    def needed(self) -> bool:
        """Whether anything is to be done there."""
        return self.action is not ReconcileAction.NOTHING


def reconcile(
    environments: Sequence[DeployEnvironment], *, only_settle: bool = False, only_close: bool = False
) -> tuple[DeployResult, ...]:
    """Recover interrupted deployments in each environment, then deploy the automatic ones in their order.

    `only_settle` deploys nothing new, and `only_close` touches no environment at all. Notifications that are still
    to be sent come last.
    """
    done: list[DeployResult] = []
    writers = {environment.name: LedgerWriter(environment) for environment in environments}
    for environment in environments:
        done += recover(environment, writers[environment.name], only_close=only_close)
    carries_on = bool(environments) and not (only_settle or only_close)
    for environment in environments if carries_on else ():
        if attempt := _undone(environment, writers[environment.name], done):
            done.append(bring(attempt))
    if carries_on:
        close_over(environments[0].project, environments[0].project.clock.now())
    for environment in environments:
        if attempt := _newest(environment) if carries_on and environment.settings.automatic else None:
            done.append(bring(attempt))
        else:
            tell_owed(writers[environment.name])
    if environments and not only_settle:
        tell_halts(environments[0].project)
    return tuple(done)


def _newest(environment: DeployEnvironment) -> Attempt | None:
    """Look again, because the environment before may have taken long."""
    return newest(environment, resolve_revisions(environment.project), DeployRequest(automatic=True))


def _undone(environment: DeployEnvironment, writer: LedgerWriter, settled: Sequence[DeployResult]) -> Attempt | None:
    """The attempt to repeat what a person asked for, where its run was interrupted before it changed anything."""
    numbers = {one.deployment for one in settled if one.environment == environment.name}
    left = next((one for one in reversed(writer.ledger) if one.id in numbers and one.undone), None)
    if left is None or left.payload.automatic or left.payload.kind is not DeploymentKind.DEPLOY:
        return None
    payload = left.payload
    request = DeployRequest(by=payload.by, reason=payload.reason, overrides=frozenset(payload.overrides))
    return attempt_at(environment, payload.name, request, writer=writer)


def plan(environments: Sequence[DeployEnvironment], *, writes: bool = False) -> tuple[ReconcileStep, ...]:
    """What `reconcile` would do in each environment.

    `writes` records what is blocked, and then sends the notifications that are due, unless something
    was interrupted: that is recovered first, by another call.
    """
    if not environments:
        return ()
    if writes and environments[0].project.actions.event_name == "issues":
        halts_of(environments[0].project)  # what ended in a way that lifts no halt is opened again at once
    revisions, request = resolve_revisions(environments[0].project), DeployRequest(automatic=True)
    attempts = {
        environment.name: newest(environment, revisions, request)
        for environment in environments
        if environment.settings.automatic
    }
    facts = {name: attempt.facts() for name, attempt in attempts.items() if attempt}
    decisions = {step.environment: step.decision for step in policy.next_steps(facts)}
    for name, attempt in attempts.items():
        if writes and attempt and decisions[name].outcome in {DeployOutcome.HELD, DeployOutcome.SUPERSEDED}:
            not_begun(attempt, decisions[name])
    writers = {
        environment.name: attempt.writer if (attempt := attempts.get(environment.name)) else LedgerWriter(environment)
        for environment in environments
    }
    remedies = {name: next_remedy(writer.ledger, writer.living()) for name, writer in writers.items()}
    if writes and not any(remedies.values()):
        for writer in writers.values():
            end_watch(writer.environment, writer)
            tell_owed(writer, revisions)
        tell_halts(environments[0].project)
    return tuple(
        _step(
            environment,
            writers[environment.name],
            attempts.get(environment.name),
            decisions.get(environment.name),
            remedies[environment.name],
        )
        for environment in environments
    )


def _step(
    environment: DeployEnvironment,
    writer: LedgerWriter,
    attempt: Attempt | None,
    decision: policy.DeployDecision | None,
    remedy: Remedy | None,
) -> ReconcileStep:
    goes = decision is not None and decision.outcome is DeployOutcome.GOES
    if attempt and goes:
        titles = tuple(f"{change.name} {change.title}" for change in attempt.changes())
        return ReconcileStep(
            environment=environment.name,
            action=ReconcileAction.DEPLOY,
            version=attempt.revision.name,
            reason="",
            changes=titles,
        )
    if remedy:
        reason = f"{remedy.deployment} was interrupted"
        return ReconcileStep(environment=environment.name, action=ReconcileAction.SETTLE, version="", reason=reason)
    if attempt and decision:
        return ReconcileStep(
            environment=environment.name,
            action=ReconcileAction.NOTHING,
            version=attempt.revision.name,
            reason=decision.reason,
            then=attempt.then() if decision.outcome is DeployOutcome.HELD else "",
        )
    now = live(writer.ledger).deployment
    reason = f"{now.payload.name} is live, and it is the newest" if now else "waits for a person"
    if not environment.settings.automatic:
        reason = "waits for a person"
    return ReconcileStep(environment=environment.name, action=ReconcileAction.NOTHING, version="", reason=reason)
