"""What to do about a deployment whose owner is gone: close it, verify what is live, or roll it back."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias, assert_never

import msgspec

from release_tool.deploy.ledger.lock import yields_to
from release_tool.deploy.ledger.model import Deployment, DeploymentKind, live
from release_tool.deploy.ledger.phase import INTERRUPTED, Phase, PhaseRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from release_tool.deploy.ledger.model import Ledger, RollbackTarget


class Close(msgspec.Struct, frozen=True):
    """Write how it ended; nothing else is needed."""

    deployment: Deployment
    phase: PhaseRecord


class VerifyOrphan(msgspec.Struct, frozen=True):
    """Run the checks through a bake, then ask `judge`."""

    deployment: Deployment


class RollBack(msgspec.Struct, frozen=True):
    """Roll back to the last known good, as the deployment itself would have.

    `begun` is the rollback of a watch that was interrupted before it changed anything.
    """

    deployment: Deployment
    reason: str
    begun: Deployment | None = None


Remedy: TypeAlias = Close | VerifyOrphan | RollBack


class OrphanHealth(enum.Enum):
    """What the checks said about the commit of an interrupted deployment.

    `unchanged` is that another version was answered well every time, `silent` that nothing was.
    """

    UNCHANGED = "unchanged"
    SILENT = "silent"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


def left_behind(ledger: Ledger, living: Collection[int]) -> tuple[Deployment, ...]:
    """The orphaned deployments, which no run will finish; `living` are those with a living owner."""
    return tuple(deployment for deployment in ledger if not deployment.finished and deployment.id not in living)


def next_remedy(ledger: Ledger, living: Collection[int]) -> Remedy | None:
    """The next remedy for orphaned deployments, None where there are none.

    The newest comes first, so that a rollback is recovered before the deployment that it was to undo.
    """
    found = (_remedy(ledger, one, living) for one in reversed(left_behind(ledger, living)))
    return next((remedy for remedy in found if remedy), None)


def judge(
    deployment: Deployment, look: OrphanHealth, way_back: RollbackTarget, targets: Iterable[str], *, tells_version: bool
) -> Close | RollBack:
    """Decide about an interrupted deployment by what the checks said through a bake.

    Where no check tells the version, good answers prove nothing unless every target was brought to the new one.
    """
    match look:
        case OrphanHealth.UNCHANGED:
            return Close(deployment, PhaseRecord(Phase.NOT_DONE, f"{INTERRUPTED} before it changed anything"))
        case OrphanHealth.INCONCLUSIVE:
            return Close(deployment, PhaseRecord(Phase.UNKNOWN, f"{INTERRUPTED}, and its health could not be measured"))
        case OrphanHealth.HEALTHY if tells_version or _is_complete(deployment, targets):
            return Close(deployment, PhaseRecord(Phase.HEALTHY, "found healthy after an interruption"))
        case OrphanHealth.HEALTHY:
            return _failed(deployment, f"{INTERRUPTED} before every target was deployed", way_back)
        case OrphanHealth.SILENT:
            return _failed(deployment, f"{INTERRUPTED}, and nothing answers", way_back)
        case OrphanHealth.UNHEALTHY:
            own = _is_complete(deployment, targets)
            reason = "found unhealthy after an interruption" if own else f"{INTERRUPTED}, and found unhealthy"
            return _failed(deployment, reason, way_back)
        case _ as never:
            assert_never(never)


def give_up(deployment: Deployment) -> Close:
    """Close the orphaned deployments without checks, where the environment can't be reached."""
    return Close(deployment, _given_up(deployment))


def _remedy(ledger: Ledger, one: Deployment, living: Collection[int]) -> Remedy | None:
    if not one.changed:
        left = _left_in_its_watch(ledger, one)
        return RollBack(left, one.payload.reason, begun=one) if left else give_up(one)
    if any(child.payload.automatic and child.id in living for child in _rollbacks_of(ledger, one)):
        return None  # the rollback under way decides
    if ending := _ending(ledger, one, living):
        return Close(one, ending)
    return RollBack(one, one.phase.text) if one.phase.word is Phase.ROLLING_BACK else VerifyOrphan(one)


def _left_in_its_watch(ledger: Ledger, rollback: Deployment) -> Deployment | None:
    """What a watch has begun to go back from; None where it is left already, or somebody tried it since."""
    now = live(ledger).deployment
    came = any(other.id > rollback.id for other in ledger)
    return now if now and rollback.payload.watched and now.id == rollback.payload.parent and not came else None


def _rollbacks_of(ledger: Ledger, one: Deployment) -> list[Deployment]:
    return [
        other for other in ledger if other.payload.parent == one.id and other.payload.kind is DeploymentKind.ROLLBACK
    ]


def _ending(ledger: Ledger, one: Deployment, living: Collection[int]) -> PhaseRecord | None:
    """How an interrupted deployment has ended already, by later deployments; None where there are none."""
    if attempts := [child for child in _rollbacks_of(ledger, one) if child.changed]:
        return _left_for(attempts[-1])
    if later := [other for other in ledger if other.id > one.id and (other.changed or other.proven)]:
        return PhaseRecord(Phase.UNKNOWN, f"interrupted; {later[-1]} came after it")
    rollback = yields_to(ledger, one, living)
    return PhaseRecord(Phase.FAILED, "interrupted", handed_over_to=rollback.id) if rollback else None


def _left_for(rollback: Deployment) -> PhaseRecord:
    if rollback.proven:
        return PhaseRecord(Phase.FAILED, "interrupted", rolled_back_to=rollback.payload.name)
    if not rollback.finished:
        return PhaseRecord(Phase.FAILED, "interrupted", handed_over_to=rollback.id)
    return PhaseRecord(Phase.FAILED, f"interrupted, and the rollback to {rollback} did not succeed")


def _is_complete(deployment: Deployment, targets: Iterable[str]) -> bool:
    """Whether the command ended on every target."""
    names = tuple(targets)
    return len(deployment.touched(names)) == len(names) and deployment.phase.word in {Phase.VERIFYING, Phase.BAKING}


def _failed(deployment: Deployment, reason: str, way_back: RollbackTarget) -> Close | RollBack:
    if deployment.can_roll_back and way_back.choice:
        return RollBack(deployment, reason)
    return Close(deployment, PhaseRecord(Phase.FAILED, reason))


def _given_up(deployment: Deployment) -> PhaseRecord:
    if deployment.changed:
        return PhaseRecord(Phase.UNKNOWN, f"interrupted while {deployment.phase}")
    return PhaseRecord(Phase.NOT_DONE, "interrupted before anything changed")
