"""Deployments written into the ledger of a sample project, as a deployment writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.deploy.ledger.store import Deployments
from release_tool.model.tags import Owner
from tests.deploy.ledger.ledgers import phase

if TYPE_CHECKING:
    from tests.shop import Shop

CONFIG = """
[sync]

[environments.staging]
command = ["./deploy.sh"]
automatic = true
health = "https://staging.example.com/health"

[environments.production]
command = ["./deploy.sh"]
automatic = true
url = "https://shop.example.com"

[[environments.production.checks]]
url = "/health"
version-pointer = "/version"
"""

PROVEN = ("changing: web", "verifying: web", "baking:", "healthy: every check held")
RECORDED = ("baking:", "healthy: every check held")


def deployed(  # noqa: PLR0913  # a ledger is written in one line for each deployment
    place: Shop,
    environment: str,
    ref: str,
    name: str,
    *lines: str,
    kind: DeploymentKind = DeploymentKind.DEPLOY,
    automatic: bool = True,
    by: str = "",
    reason: str = "",
    parent: int | None = None,
) -> int:
    """Write a deployment with the phases that it went through, and tell its number."""
    deployments = place.github().adapter(Deployments)
    payload = Payload(
        commit=place.git("rev-parse", f"{ref}^{{commit}}"),
        name=name,
        kind=kind,
        automatic=automatic,
        owner=Owner(run=7, attempt=2),
        by=by,
        reason=reason,
        parent=parent,
    )
    number = deployments.create(environment, payload, f"{name} to {environment}")
    for line in lines:
        deployments.status(number, phase(line))
    return number


def recorded(place: Shop, environment: str, ref: str, name: str) -> int:
    """Write down what runs, as a person does who begins with the tool."""
    return deployed(place, environment, ref, name, *RECORDED, kind=DeploymentKind.RECORD, automatic=False, by="ada")
