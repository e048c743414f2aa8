"""A past for an environment, written straight into the ledger: for tests that are about what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import Deployments
from release_tool.model.tags import Owner

if TYPE_CHECKING:
    from tests.production import Production

LONG_GONE = Owner(run=1, attempt=1, job="1")


def prove(here: Production, *versions: str) -> None:
    """Let versions have been deployed by a person one after the other, each healthy; the last one is live."""
    deployments = here.shop.github().adapter(Deployments)
    before = 0
    for version in versions:
        number = enter(here, version)
        for phase in (PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.HEALTHY, "in the past")):
            deployments.status(number, phase)
        if before:
            deployments.status(before, PhaseRecord(Phase.REPLACED, f"by {version} (#{number})"))
        before = number
        here.service.file.write_text(version)


def enter(  # noqa: PLR0913 - what a deployment can be told to be
    here: Production,
    version: str,
    *phases: PhaseRecord,
    owner: Owner = LONG_GONE,
    kind: DeploymentKind = DeploymentKind.DEPLOY,
    automatic: bool = False,
    parent: int | None = None,
) -> int:
    """Write a deployment of a version with its phases; its number."""
    deployments = here.shop.github().adapter(Deployments)
    commit = here.shop.git("rev-parse", f"v{version}^{{commit}}")
    payload = Payload(commit=commit, name=version, kind=kind, automatic=automatic, owner=owner, by="ada", parent=parent)
    number = deployments.create("production", payload, f"deploy {version}")
    for phase in phases:
        deployments.status(number, phase)
    return number
