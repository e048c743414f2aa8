"""What people are told of a deployment: one thing for each that matters to them, and nothing of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase

if TYPE_CHECKING:
    from release_tool.config.model import Event
    from release_tool.deploy.ledger.model import Deployment


def event_of(deployment: Deployment) -> Event | None:
    """The event that its end is; None where it is none, or is told as part of what became of another deployment.

    What is only written down was brought by nobody, a rollback that follows from a failure is told with that, but for
    one from what was proven before, and who hands over leaves the telling to the rollback that took over.
    """
    kind, phase = deployment.payload.kind, deployment.phase
    follows = kind is DeploymentKind.ROLLBACK and deployment.payload.automatic and not deployment.payload.watched
    if kind is DeploymentKind.RECORD or follows:
        return None
    match phase.word:
        case Phase.HEALTHY | Phase.WATCHING | Phase.REPLACED:
            return "rolled-back" if kind is DeploymentKind.ROLLBACK else "deployed"
        case Phase.FAILED if phase.handed_over_to is None:
            return "rolled-back" if phase.rolled_back_to else "failed"
        case Phase.UNKNOWN:
            return "needs-person"
        case Phase.HELD:
            return "held"
        case _:
            return None
