"""Halts: automatic deployments are stopped by an issue, and go on when it is closed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.domain import halts
from release_tool.domain.halts import LABEL, Halt, Order
from release_tool.domain.notice import Notice
from release_tool.edges.github_transport import PermissionDeniedError
from release_tool.edges.halts import US
from release_tool.errors import RemoteError
from release_tool.stages.notification import links, tell

if TYPE_CHECKING:
    from datetime import datetime

    from release_tool.domain.notice import Link
    from release_tool.stages.project import Project


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halted:
    """What `halt` or `resume` came to: the halts that were set or lifted, and whether anything changed."""

    halts: tuple[Halt, ...]
    changed: bool


def halts_of(project: Project) -> tuple[Halt, ...]:
    """The open halts, over or not; each is pinned, so that editing its text changes nothing. Raises RemoteError."""
    issues = [found.issue for found in project.remote.halts.labelled(LABEL)]
    for issue in halts.unpinned(issues, US):
        try:
            project.remote.conversation.create(issue.number, halts.pin(halts.order_of(issue, US)))
        except (RemoteError, PermissionDeniedError):
            continue  # it is a halt all the same, and the next one who looks pins it
    return halts.read_halts(issues, US)


def halt(project: Project, order: Order) -> Halted:
    """Open the issue that stops automatic deployments; one that says just that already is enough."""
    there = next((one for one in halts_of(project) if one.order == order), None)
    if there:
        return Halted(halts=(there,), changed=False)
    made = _open(project, order)
    notice = Notice(
        event="halted",
        title=halts.issue_text(order)[0],
        environment=order.environment,
        who=order.by,
        reason=order.reason,
        links=(_link(made), *links(project)),
    )
    tell(project, notice)
    return Halted(halts=(made,), changed=True)


def resume(project: Project, environment: str, by: str) -> Halted:
    """Close the issues that halt one environment, or all of them; a person's word also ends an incident's halt."""
    lifted = halts.lifted_by(halts_of(project), environment)
    for one in lifted:
        project.remote.issues.close(one.issue, f"Resumed by {by}." if by else "Resumed.")
    for one in lifted:
        _tell_resumed(project, one, who=by)
    return Halted(halts=lifted, changed=bool(lifted))


def close_over(project: Project, now: datetime) -> tuple[Halt, ...]:
    """Close the issues of halts whose time has passed."""
    over = halts.over(halts_of(project), now)
    for one in over:
        project.remote.issues.close(one.issue, "Its time has passed.")
        _tell_resumed(project, one, text="The time of the halt has passed.")
    return over


def open_incident(project: Project, environment: str, reason: str, details: str) -> Halt:
    """Open the issue of an incident, which halts the environment until a person resumes; one that is open is enough."""
    order = Order(environment=environment, reason=reason, incident=True)
    there = halts_of(project)
    known = next((one for one in there if one.order.incident and one.order.environment == environment), None)
    return known or _open(project, order, details)


def _open(project: Project, order: Order, details: str = "") -> Halt:
    title, body = halts.issue_text(order, details)
    made = project.remote.issues.create_issue(title, body, (LABEL,))
    return Halt(issue=made.number, url=made.url, order=order)


def _tell_resumed(project: Project, lifted: Halt, *, who: str = "", text: str = "") -> None:
    environment = lifted.order.environment
    notice = Notice(
        event="resumed",
        title=f"Deployments to {environment or 'every environment'} go on",
        environment=environment,
        who=who,
        text=text,
        refers_to=_link(lifted),
        links=links(project),
    )
    tell(project, notice)


def _link(halt: Halt) -> Link:
    return ("the halt", halt.url)
