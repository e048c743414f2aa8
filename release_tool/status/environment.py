"""How an environment stands: what its ledger, the halts and the newest release make of it, ready to be shown."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.config.model import Environment
from release_tool.deploy.freeze import frozen
from release_tool.deploy.ledger.model import (
    DeploymentKind,
    Ledger,
    Override,
    leaving,
    live,
    quarantine,
    rollback_target,
)
from release_tool.deploy.ledger.phase import Phase
from release_tool.deploy.ledger.watching import watch_of
from release_tool.deploy.policy import DeployFacts, DeployOutcome, may_deploy
from release_tool.status import model
from release_tool.status.metrics import DeliveryMetrics
from release_tool.status.model import Health, Link
from release_tool.text.masking import without_user
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.deploy.ledger.model import Deployment, LiveDeployment
    from release_tool.deploy.policy import DeployDecision

NOT_BEGUN = "not started yet"
"""What is said of a version that nothing stands against and that was not deployed."""

WAITS = "waits for a person"
"""Why another environment does."""

SILENCE = timedelta(minutes=30)
"""After this long without a sign of life it should be checked whether the run is still alive."""


class EnvironmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one environment at a moment; `url` is the repository's on the web, empty where unknown.

    `candidate` are the facts by which an automatic run decides about the newest version, and `since` when that
    could be deployed. `halts` are those that stop the environment; `withdrawn` and `gone` are commits.
    """

    name: str
    settings: Environment
    ledger: Ledger
    at: datetime
    url: str = ""
    candidate: DeployFacts | None = None
    since: datetime | None = None
    halts: tuple[model.HaltStatus, ...] = ()
    frozen_until: datetime | None = None
    withdrawn: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    delivery: DeliveryMetrics = DeliveryMetrics()
    changes: model.Changes | None = None


def environment_status(facts: EnvironmentFacts) -> model.EnvironmentStatus:
    """The whole status of an environment."""
    now = live(facts.ledger)
    health, text, todo = _health(facts, now)
    return model.EnvironmentStatus(
        name=facts.name,
        url=without_user(facts.settings.url),
        automatic=facts.settings.automatic,
        health=health,
        text=text,
        todo=todo,
        live=_live(facts, now.deployment) if now.deployment else None,
        unknown=visible(now.unknown),
        previous=_previous(facts),
        running=tuple(_entry(facts, one) for one in _running(facts.ledger)),
        missing=_missing(facts),
        quarantined=tuple(_quarantined(facts)),
        way_back=_way_back(facts),
        halts=facts.halts,
        frozen=frozen(facts.frozen_until) if facts.frozen_until else "",
        frozen_until=facts.frozen_until,
        timeline=tuple(_timeline(facts))[::-1],
        delivery=facts.delivery,
        changes=facts.changes,
        watched_until=_watched_until(facts, now),
    )


def command(facts: EnvironmentFacts, verb: str, *more: str) -> str:
    """The command that does something to an environment, as it is typed."""
    return f"`{shlex.join(['release-tool', *verb.split(), '-e', visible(facts.name), *more])}`"


def live_and_previous(ledger: Ledger) -> tuple[Deployment | None, Deployment | None]:
    """What is live, and what was proven before it with another commit; where live is unknown, the last proven one."""
    now = live(ledger).deployment
    before = [one for one in ledger if one.proven and (now is None or (one.id < now.id and one.commit != now.commit))]
    return now, before[-1] if before else None


def proven_at(deployment: Deployment) -> datetime:
    """When a deployment was proven healthy, else its last sign of life."""
    return next((step.at for step in deployment.steps if step.phase.word is Phase.HEALTHY), deployment.seen_at)


def began_at(one: Deployment) -> datetime:
    """When it began to change the environment, else when it was made."""
    return next((step.at for step in one.steps if step.phase.word is Phase.CHANGING), one.created)


# Health


def _health(facts: EnvironmentFacts, now: LiveDeployment) -> tuple[Health, str, str]:
    under_way = next((one for one in _running(facts.ledger) if one.in_progress), None)
    if under_way:
        return Health.CHANGING, *_under_way(facts, under_way)
    if now.deployment and now.deployment.disproven:
        name = visible(now.deployment.payload.name)
        return (
            Health.UNHEALTHY,
            f"{name} was proven, and is unhealthy: {visible(now.deployment.disproven)}",
            command(facts, "verify"),
        )
    if now.deployment:
        until = _watched_until(facts, now)
        watched = f", watched until {until:%H:%M} UTC" if until else ""
        return Health.HEALTHY, f"{visible(now.deployment.payload.name)} is healthy{watched}", ""
    if not now.unknown:
        return Health.NOTHING, "nothing was deployed here yet", _first(facts)
    if _last_change(facts.ledger).phase.word is Phase.FAILED:
        back = _way_back(facts).name is not None
        return Health.UNHEALTHY, visible(now.unknown), command(facts, "rollback" if back else "verify")
    return Health.UNKNOWN, visible(now.unknown), command(facts, "reconcile")


def _watched_until(facts: EnvironmentFacts, now: LiveDeployment) -> datetime | None:
    """Until when what is live is watched, as its ledger says; None when that time is over."""
    watch = watch_of(now.deployment) if now.deployment else None
    return watch.until if watch and watch.until > facts.at else None


def _under_way(facts: EnvironmentFacts, one: Deployment) -> tuple[str, str]:
    text = f"{visible(str(one))} {visible(str(one.phase))}"
    if one.phase.word is Phase.PAUSED:
        return text, f"{command(facts, 'resume')} goes on, {command(facts, 'rollback')} goes back"
    if facts.at - one.seen_at < SILENCE:
        return text, ""
    return f"{text}, no sign of life since {one.seen_at:%Y-%m-%d %H:%M} UTC", command(facts, "reconcile")


def _first(facts: EnvironmentFacts) -> str:
    deploy = command(facts, f"deploy {visible(facts.candidate.name)}") if facts.candidate else ""
    return deploy or "release something first: `release-tool plan`"


def _last_change(ledger: Ledger) -> Deployment:
    return next(one for one in reversed(ledger) if one.changed or one.proven)


def _running(ledger: Ledger) -> list[Deployment]:
    """What has not ended, the one that has begun first."""
    return sorted((one for one in ledger if not one.finished), key=lambda one: (not one.in_progress, one.id))


# Live


def _live(facts: EnvironmentFacts, one: Deployment) -> model.LiveVersion:
    first = _first_of_run(facts.ledger, one)
    return model.LiveVersion(
        name=visible(one.payload.name),
        commit=one.commit,
        deployment=first.id,
        since=proven_at(first),
        by=visible(first.payload.by),
        automatic=first.payload.automatic,
        proven=any(check.tells_version for check in facts.settings.checks) and "unproven" not in one.proof,
        kind=first.payload.kind.value,
        links=tuple(_links(facts.url, first)),
    )


def _first_of_run(ledger: Ledger, one: Deployment) -> Deployment:
    """The first of the deployments of just this commit that nothing came between: it was brought then."""
    first = one
    for other in reversed(ledger):
        if other.id >= first.id or not (other.changed or other.proven):
            continue
        if other.commit != one.commit or not other.proven:
            break
        first = other
    return first


def _previous(facts: EnvironmentFacts) -> model.LiveVersion | None:
    _, before = live_and_previous(facts.ledger)
    return _live(facts, before) if before else None


# What is missing


def _missing(facts: EnvironmentFacts) -> model.PendingVersion | None:
    candidate = facts.candidate
    if candidate is None or any(one.commit == candidate.commit for one in _running(facts.ledger)):
        return None
    decision = may_deploy(candidate)
    if decision.outcome in {DeployOutcome.UNCHANGED, DeployOutcome.SUPERSEDED}:
        return None
    why, todo = _held(facts, candidate, decision) if decision.objections else _not_begun(facts, candidate)
    return model.PendingVersion(
        name=visible(candidate.name), commit=candidate.commit, since=facts.since, why=visible(why), todo=todo
    )


def _not_begun(facts: EnvironmentFacts, candidate: DeployFacts) -> tuple[str, str]:
    """Why a version that nothing stands against was not deployed: the ledger's reason, else that nothing started."""
    noes = {Phase.HELD, Phase.REFUSED, Phase.NOT_DONE}
    told = (one.phase for one in reversed(facts.ledger) if one.commit == candidate.commit and one.phase.word in noes)
    deploy = command(facts, f"deploy {visible(candidate.name)}")
    if phase := next(told, None):
        return str(phase), deploy
    if facts.settings.automatic:
        return NOT_BEGUN, command(facts, "reconcile")
    return WAITS, deploy


def _held(facts: EnvironmentFacts, candidate: DeployFacts, decision: DeployDecision) -> tuple[str, str]:
    objection = decision.objections[0]
    return objection.reason, _way_out(facts, candidate, objection.override)


def _way_out(facts: EnvironmentFacts, candidate: DeployFacts, override: Override | None) -> str:
    deploy = f"deploy {visible(candidate.name)}"
    if override is None:
        return _unmet(facts, candidate) or command(facts, deploy)
    overruled = command(facts, deploy, "--override", override.value, "--reason", "TEXT")
    match override:
        case Override.HALT if facts.halts:
            return min(facts.halts, key=lambda halt: (not halt.incident, halt.issue)).todo
        case Override.QUARANTINE:
            return f"release a fix, or {overruled}"
        case Override.HALT:
            return f"wait, or {overruled}"
        case Override.OLDER | Override.IRREVERSIBLE | Override.NO_WAY_BACK:
            return overruled
        case _ as never:
            assert_never(never)


def _unmet(facts: EnvironmentFacts, candidate: DeployFacts) -> str:
    """What to do about a refusal that can't be bypassed; empty where a person only has to start it."""
    if not candidate.tested:
        return "let its tests pass: `release-tool sync` shows how far it is"
    if candidate.unmet:
        return command(msgspec.structs.replace(facts, name=candidate.unmet[0]), f"deploy {visible(candidate.name)}")
    return ""


# The ways back


def _way_back(facts: EnvironmentFacts) -> model.RollbackTargetStatus:
    left = leaving(facts.ledger)
    found = rollback_target(facts.ledger, left.commit if left else None, withdrawn=facts.withdrawn, gone=facts.gone)
    passed = tuple(
        model.Passed(name=visible(one.payload.name), commit=one.commit, deployment=one.id, why=visible(why))
        for one, why in found.passed_over
    )
    if found.choice is None:
        todo = "the next healthy deployment makes one" if left else ""
        return model.RollbackTargetStatus(reason=visible(found.reason), passed_over=passed, todo=todo)
    return model.RollbackTargetStatus(
        name=visible(found.choice.payload.name),
        commit=found.choice.commit,
        deployment=found.choice.id,
        reason=visible(found.reason),
        passed_over=passed,
        todo=command(facts, "rollback"),
    )


def _quarantined(facts: EnvironmentFacts) -> Iterator[model.Quarantined]:
    names = {one.commit: one.payload.name for one in facts.ledger}
    for commit, why in quarantine(facts.ledger).items():
        yield model.Quarantined(commit=commit, name=visible(names[commit]), why=visible(why))


# The timeline


def _timeline(facts: EnvironmentFacts) -> Iterator[model.TimelineEntry]:
    """Every deployment, oldest first, each compared with what was proven before it."""
    before: str | None = None
    for one in facts.ledger:
        yield _entry(facts, one, before)
        before = one.commit if one.proven else before


def _entry(facts: EnvironmentFacts, one: Deployment, before: str | None = None) -> model.TimelineEntry:
    payload, phase = one.payload, one.phase
    ended = _ended(one)
    return model.TimelineEntry(
        id=one.id,
        environment=facts.name,
        name=visible(payload.name),
        commit=one.commit,
        kind=payload.kind.value,
        automatic=payload.automatic,
        by=visible(payload.by),
        reason=visible(payload.reason),
        created=one.created,
        phase=phase.word.value,
        text=visible(str(phase)),
        state=phase.word.state.value,
        finished=one.finished,
        changed=one.changed,
        proven=one.proven,
        ended=ended,
        seconds=(ended - began_at(one)).total_seconds() if ended and one.changed else None,
        rolled_back_to=visible(phase.rolled_back_to),
        handed_over_to=phase.handed_over_to,
        parent=payload.parent,
        overrides=tuple(override.value for override in payload.overrides),
        owner=visible(str(payload.owner)),
        links=tuple(_links(facts.url, one, before)),
        curves=payload.curves,
    )


def _ended(one: Deployment) -> datetime | None:
    """When it was over; being replaced later is no part of it."""
    return proven_at(one) if one.finished else None


def _links(url: str, one: Deployment, before: str | None = None) -> Iterator[Link]:
    owner = one.owner
    if url and owner.run:
        yield Link(name="run", url=f"{url}/actions/runs/{owner.run}/attempts/{owner.attempt or 1}")
    if url:
        yield Link(name="commit", url=f"{url}/commit/{one.commit}")
    if url and before and before != one.commit and one.payload.kind is DeploymentKind.DEPLOY:
        yield Link(name="compare", url=f"{url}/compare/{before}...{one.commit}")
