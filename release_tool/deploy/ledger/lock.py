"""Who holds an environment: the lowest deployment that is not finished and whose owner lives.

Everywhere, `living` are the numbers of the deployments whose owners are still at work, as that function tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import DeploymentKind, Override, quarantine
from release_tool.deploy.ledger.phase import Phase, PhaseRecord

if TYPE_CHECKING:
    from collections.abc import Collection

    from release_tool.deploy.ledger.model import Deployment, Ledger
    from release_tool.model.tags import Owner


def living(ledger: Ledger, owners: Collection[Owner], ours: Collection[int] = ()) -> frozenset[int]:
    """The deployments whose owners are still at work: those of the *other* owners, and `ours`.

    What an earlier step of our own job left behind has our owner and is none of ours.
    """
    unfinished = (deployment for deployment in ledger if not deployment.finished)
    return frozenset(one.id for one in unfinished if one.owner in owners or one.id in ours)


def queue(ledger: Ledger, living: Collection[int]) -> tuple[Deployment, ...]:
    """The living deployments in their order: what has begun, a person's rollback, a rollback, then what came first."""
    found = [deployment for deployment in ledger if not deployment.finished and deployment.id in living]
    return tuple(sorted(found, key=_order))


def holder(ledger: Ledger, living: Collection[int]) -> Deployment | None:
    """The deployment that holds the environment, None where nobody does."""
    return next(iter(queue(ledger, living)), None)


def is_its_turn(ledger: Ledger, deployment: Deployment, living: Collection[int]) -> bool:
    """Whether a deployment may go on: its owner holds the environment, with it or with the one that it rolls back."""
    same_owner = {other.id for other in ledger if other.owner == deployment.owner}
    first = holder(ledger, same_owner.union(living))
    return first is not None and first.owner == deployment.owner


def yields_to(ledger: Ledger, deployment: Deployment, living: Collection[int]) -> Deployment | None:
    """The person's rollback that takes over from a deployment, waiting or under way.

    One to the same commit does not: two people who roll back at the same moment cause one rollback.
    """
    later = (other for other in queue(ledger, living) if other.persons_rollback and other.id > deployment.id)
    newest = max(later, key=lambda other: other.id, default=None)
    return newest if newest and newest.commit != deployment.commit else None


def superseded_by(
    ledger: Ledger, deployment: Deployment, living: Collection[int], newer: Collection[str]
) -> Deployment | None:
    """The later deployment that supersedes a waiting one; a person's is superseded by a rollback only.

    `newer` are the commits that contain this deployment's.
    """
    if rollback := yields_to(ledger, deployment, living):
        return rollback
    if not deployment.payload.automatic:
        return None
    if deployment.payload.kind is DeploymentKind.ROLLBACK:
        return _overtaker(ledger, deployment)
    promising = frozenset(newer) - quarantine(ledger).keys()
    later = [other for other in queue(ledger, living) if other.id > deployment.id and other.commit in promising]
    return next((other for other in later if other.payload.kind is DeploymentKind.DEPLOY), None)


def interruption(ledger: Ledger, deployment: Deployment, living: Collection[int], halt: str = "") -> PhaseRecord | None:
    """The phase that stops a deployment before its next target; None where it continues.

    `halt` says who halted the environment and why. `rolling back:` means that it is to be rolled back by itself.
    """
    if rollback := yields_to(ledger, deployment, living):
        if deployment.changed:
            return PhaseRecord(Phase.FAILED, "a person took over", handed_over_to=rollback.id)
        return PhaseRecord(Phase.SUPERSEDED, f"by the rollback to {rollback}")
    if halt and _heeds_halts(deployment):
        return PhaseRecord(_halted(deployment), halt)
    if is_its_turn(ledger, deployment, living):
        return None
    other = f"{holder(ledger, living)} holds the environment"
    return PhaseRecord(Phase.UNKNOWN if deployment.changed else Phase.WAITING, other)


def _order(deployment: Deployment) -> tuple[bool, bool, bool, int]:
    goes_back = deployment.payload.kind is DeploymentKind.ROLLBACK
    return not deployment.in_progress, not deployment.persons_rollback, not goes_back, deployment.id


def _overtaker(ledger: Ledger, rollback: Deployment) -> Deployment | None:
    """What came between a rollback and the deployment that it is to undo: another rollback, or something newer.

    A first attempt that failed, to another commit, is what this one follows from.
    """
    left = rollback.payload.parent or rollback.id
    between = [other for other in ledger if other.id > left and other.id != rollback.id]
    came = [other for other in between if other.changed or other.proven]
    first = came[0] if len(came) == 1 else None
    return None if first and _goes_further(rollback, first) else next(iter(came), None)


def _goes_further(rollback: Deployment, first: Deployment) -> bool:
    """Whether a rollback is the second attempt to undo the same deployment."""
    together = first.payload.parent is not None and first.payload.parent == rollback.payload.parent
    return together and first.phase.word is Phase.FAILED and first.commit != rollback.commit


def _heeds_halts(deployment: Deployment) -> bool:
    return deployment.payload.kind is DeploymentKind.DEPLOY and Override.HALT not in deployment.payload.overrides


def _halted(deployment: Deployment) -> Phase:
    if deployment.changed:
        return Phase.ROLLING_BACK if deployment.can_roll_back else Phase.FAILED
    return Phase.HELD if deployment.payload.automatic else Phase.REFUSED
