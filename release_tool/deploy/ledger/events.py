"""The event of a deployment's end: one for each that people should know of, and none for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase

if TYPE_CHECKING:
    from release_tool.config.model import Event
    from release_tool.deploy.ledger.model import Deployment


def event_of(deployment: Deployment) -> Event | None:
    """The event of its end; None where it has none, or is announced as part of another deployment.

    A record deploys nothing, an automatic rollback is announced with the failure unless it follows from a watch, and a
    deployment that hands over is announced with the rollback that took over.
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
