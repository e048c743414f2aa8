"""The links that a message about a deployment has."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from release_tool.deploy.halts.model import LABEL, HaltOrder, marker
from release_tool.deploy.our_workflows import workflow_of

if TYPE_CHECKING:
    from release_tool.notify.notice import Link
    from release_tool.project import Project


def links(
    project: Project, *, before: str = "", after: str = "", environment: str = "", run: str | None = None
) -> tuple[Link, ...]:
    """The pages that a message leads to: the run, what changed between two refs, and the ways to stop an environment.

    The run is this one unless the page of another is given.
    Rolling back leads to the page of the workflow that deploys, halting to an issue that only needs to be sent off.
    """
    found = project.links(before=before, after=after, run=run)
    if not environment:
        return found
    halt = f"{project.web_url}/issues/new?{urlencode(_halt_issue(environment), quote_via=quote)}"
    page = f"{project.web_url}/actions/workflows/{workflow_of(project, 'deploy')}"
    return (*found, ("roll back", page), ("halt", halt))


def _halt_issue(environment: str) -> dict[str, str]:
    order = HaltOrder(environment=environment)
    text = f"{marker(order)}\n\nWhy: \n\nTo resume, close this issue.\n"
    return {"labels": LABEL, "title": f"Halt deployments to {environment}", "body": text}
