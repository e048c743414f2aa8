"""Halts: an issue stops automatic deployments until it is closed; channels are notified of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.halts import model as halts
from release_tool.deploy.halts.issues import US, halt_issues
from release_tool.deploy.halts.model import LABEL, Halt, HaltOrder, IssueComment, OwedNotice
from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.notify.notice import Notice, subscribers
from release_tool.notify.send import RECENT
from release_tool.pull_request import github
from release_tool.pull_request.comment import LIMIT
from release_tool.pull_request.github import PullRequests
from release_tool.text.receipt import Receipt, with_receipt, without_receipt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from release_tool.deploy.halts.model import Issue
    from release_tool.project import Project


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `halt` or `resume`: the halts that were set or lifted, and whether anything changed.

    `left` are those of all environments that go on to halt the one that was resumed.
    """

    halts: tuple[Halt, ...]
    changed: bool
    left: tuple[Halt, ...] = ()


def halts_of(project: Project) -> tuple[Halt, ...]:
    """The halts that hold, over or not; raises RemoteError.

    Each is pinned, so that editing its text changes nothing, and reopened where its end lifts no halt.
    """
    now = project.clock.now()
    found = halt_issues(project).labelled(LABEL, ended_since=now - halts.REMEMBERED)
    issues = [one.issue for one in found]
    _pin_all(project, issues)
    holding = (one for one in halts.read_halts(issues, US) if not (one.kept and one.is_over(now)))
    return tuple(_restored(project, one) for one in holding)


def halt(project: Project, order: HaltOrder, *, tells: bool = True) -> Halted:
    """Open the issue that stops automatic deployments, unless one says the same; identical ones after it are closed.

    Without `tells` channels are notified later, by `tell_halts`.
    """
    order = order.fitting
    there = [one for one in halts_of(project) if one.order == order]
    for again in there[1:]:  # a network may send a request twice
        told = subscribers(project.config.channels, "resumed", order.environment)  # the other one still halts
        text = with_receipt(f"The same as #{there[0].issue}.", Receipt(told=told), LIMIT)
        project.remote.issues.close(again.issue, text)
    if there:
        return Halted(halts=(there[0],), changed=False)
    made = _open(project, order)
    debt = _pin(project, made)
    if debt and tells:
        _tell_all(project, [debt])
    return Halted(halts=(made,), changed=True)


def resume(project: Project, environment: str, by: str) -> Halted:
    """Close the issues that halt one environment, or all of them, those of incidents included."""
    now, there = project.clock.now(), halts_of(project)
    lifted = halts.lifted_by(there, environment)
    _tell_all(project, [_close(project, one, f"Resumed by {by}." if by else "Resumed.") for one in lifted])
    left = (one for one in there if one not in lifted and one.stops(environment) and not one.is_over(now))
    return Halted(halts=lifted, changed=bool(lifted), left=tuple(left))


def close_over(project: Project, now: datetime) -> tuple[Halt, ...]:
    """Close the issues of halts that have expired; `tell_halts` announces it."""
    over = halts.over(halts_of(project), now)
    for one in over:
        _close(project, one, "The time of the halt has passed.")
    return over


def open_incident(project: Project, environment: str, reason: str, *details: str) -> Halt:
    """Open the issue of an incident, which halts the environment until a person resumes; one that is open is enough."""
    order = HaltOrder(environment=environment, reason=reason, incident=True).fitting
    return incident_of(project, environment) or _open(project, order, *details)


def incident_of(project: Project, environment: str) -> Halt | None:
    """The open incident of an environment."""
    there = halts_of(project)
    return next((one for one in there if one.order.incident and one.order.environment == environment), None)


def tell_halts(project: Project) -> None:
    """Announce halts that were set or lifted, by hand too, to the channels that were not notified yet.

    Without a subscribed channel nothing is read. What can't be read or sent now, the next run announces.
    """
    channels = project.config.channels
    resumed = bool(subscribers(channels, "resumed"))
    if not resumed and not subscribers(channels, "halted"):
        return
    since = project.clock.now() - RECENT
    try:
        found = halt_issues(project).labelled(LABEL, closed_since=since if resumed else None)
        issues = [one.issue for one in found]
        closed = [
            one for one in halts.closed_by_hand(issues, US) if subscribers(channels, "resumed", one.order.environment)
        ]
        noted = [*_pin_all(project, issues), *(_note_closed(project, one) for one in closed)]
        _tell_all(project, [*halts.owed_notices(issues, US, since), *noted])
    except (RemoteError, PermissionDeniedError) as error:
        project.say(f"the channels to notify of a halt can't be read: {error.message}")


def _open(project: Project, order: HaltOrder, *details: str) -> Halt:
    title, body = halts.issue_text(order, *details)
    made = project.remote.issues.create_issue(title, body, (LABEL,))
    return Halt(issue=made.number, url=made.url, order=order)


def _restored(project: Project, one: Halt) -> Halt:
    """Reopen an issue and label it; where that fails it still halts, and the next look tries again."""
    if one.kept is None:
        return one
    try:
        project.remote.issues.reopen(one.issue)
        project.remote.issues.add_labels(one.issue, (LABEL,))
        project.remote.adapter(PullRequests).create(one.issue, halts.reopening(one))
    except (RemoteError, PermissionDeniedError) as error:
        project.say(
            f"#{one.issue} {one.kept}, but the halt still holds; the issue could not be reopened: {error.message}"
        )
        return one
    project.say(f"#{one.issue} {one.kept}, but the halt still holds: the issue was reopened")
    return msgspec.structs.replace(one, kept=None)


def _pin_all(project: Project, issues: Iterable[Issue]) -> list[OwedNotice]:
    new = (
        Halt(issue=issue.number, url=issue.url, order=halts.order_of(issue, US)) for issue in halts.unpinned(issues, US)
    )
    return [debt for one in new if (debt := _pin(project, one))]


def _pin(project: Project, one: Halt) -> OwedNotice | None:
    """Pin a halt, with a record of the channels to notify; an incident is announced as the failure.

    Where that can't be written it still halts, and the next look pins it.
    """
    owed = () if one.order.incident else subscribers(project.config.channels, "halted", one.order.environment)
    body = with_receipt(halts.pin(one.order), Receipt(owed=owed), LIMIT)
    try:
        made = project.remote.adapter(PullRequests).create(one.issue, body)
    except (RemoteError, PermissionDeniedError):
        return None
    return OwedNotice(halt=one, comment=IssueComment(US, made.body, made.id), over=False)


def _close(project: Project, lifted: Halt, why: str) -> OwedNotice:
    """Close an issue with a comment, which records the channels to notify."""
    body = _with_owed(project, lifted, why)
    return OwedNotice(
        halt=lifted, comment=IssueComment(US, body, project.remote.issues.close(lifted.issue, body)), over=True
    )


def _note_closed(project: Project, closed: Halt) -> OwedNotice:
    """Record the channels to notify of a halt that a person ended."""
    made = project.remote.adapter(PullRequests).create(
        closed.issue, _with_owed(project, closed, "This issue was closed.")
    )
    return OwedNotice(halt=closed, comment=IssueComment(US, made.body, made.id), over=True)


def _with_owed(project: Project, over: Halt, text: str) -> str:
    owed = subscribers(project.config.channels, "resumed", over.order.environment)
    return with_receipt(text, Receipt(owed=owed), LIMIT)


def _tell_all(project: Project, debts: Iterable[OwedNotice]) -> None:
    """Announce each once, and record the notified channels; one that fails is left alone until the next run."""
    refusing: set[str] = set()
    for debt in debts:
        if not debt.receipt.owed:
            continue
        asked = [name for name in debt.receipt.owed if name not in refusing]
        told = project.tell(_notice(project, debt), only=asked)
        refusing |= {*told.owed}
        left = tuple(name for name in debt.receipt.owed if name in refusing)
        _write_down(project, debt, Receipt(told=(*debt.receipt.told, *told.sent), owed=left))


def _write_down(project: Project, debt: OwedNotice, receipt: Receipt) -> None:
    if receipt == debt.receipt:
        return
    comment = github.PullRequestComment(debt.comment.id, debt.comment.body, debt.halt.url)
    try:
        project.remote.adapter(PullRequests).update(comment, with_receipt(comment.body, receipt, LIMIT))
    except (RemoteError, PermissionDeniedError) as error:
        project.say(f"the notified channels could not be recorded, so they may be notified twice: {error.message}")


def _notice(project: Project, debt: OwedNotice) -> Notice:
    order, page = debt.halt.order, ("the halt", debt.halt.url)
    if debt.over:
        return Notice(
            event="resumed",
            title=f"Deployments to {order.environment or 'every environment'} are resumed",
            environment=order.environment,
            text=without_receipt(debt.comment.body).strip(),
            refers_to=page,
            links=project.links(),
        )
    return Notice(
        event="halted",
        title=halts.issue_text(order)[0],
        environment=order.environment,
        who=order.by,
        reason=order.reason,
        links=(page, *project.links()),
    )
