"""Short ways to write a ledger: commits by a letter, phases by the lines that stand for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from release_tool.deploy.ledger.model import Deployment, DeploymentKind, Payload, PhaseChange
from release_tool.deploy.ledger.phase import Phase, read
from release_tool.model.tags import Owner
from tests.builders import sha

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Override
    from release_tool.deploy.ledger.phase import PhaseRecord

START = datetime(2026, 11, 20, 12, tzinfo=UTC)

PROVEN = ("changing: web", "verifying: web", "baking:", "healthy: every check held")
FAILED = ("changing: web", "verifying: web", "failed: 8 bad samples in a row")
LEFT = ("changing: web", "verifying: web", "failed: 8 bad samples in a row; rolled back to 1.2.3")


def run(number: int) -> Owner:
    """The owner that a run is."""
    return Owner(run=number, attempt=1, job=str(number * 10))


def phase(line: str) -> PhaseRecord:
    """Read a line as the ledger would hold it."""
    return read(Phase(line.partition(":")[0]).state.value, line)


def deployment(  # noqa: PLR0913  # a ledger is read in one line for each deployment
    number: int,
    commit: str,
    *lines: str,
    kind: DeploymentKind = DeploymentKind.DEPLOY,
    automatic: bool = True,
    parent: int | None = None,
    overrides: tuple[Override, ...] = (),
    owner: int = 0,
) -> Deployment:
    """A deployment of a commit that went through some phases; its owner is a run with its own number unless named."""
    payload = Payload(
        commit=sha(commit),
        name=f"1.{commit}",
        kind=kind,
        automatic=automatic,
        owner=run(owner or number),
        by="" if automatic else "ada",
        parent=parent,
        overrides=overrides,
    )
    steps = tuple(
        PhaseChange(phase(line), START + timedelta(minutes=number, seconds=at)) for at, line in enumerate(lines)
    )
    return Deployment(id=number, payload=payload, created=START + timedelta(minutes=number), steps=steps)


def rollback(number: int, commit: str, *lines: str, leaves: int, automatic: bool = True, owner: int = 0) -> Deployment:
    """A rollback from a deployment."""
    return deployment(
        number, commit, *lines, kind=DeploymentKind.ROLLBACK, automatic=automatic, parent=leaves, owner=owner
    )
