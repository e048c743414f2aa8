"""Announcing overdue work: once for each case, in an issue that is closed when the case is resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.links import links
from release_tool.notify.notice import Notice
from release_tool.pull_request.comment import LIMIT
from release_tool.status.model import OverdueCase, OverdueKind
from release_tool.status.overdue import (
    LABEL,
    OverdueState,
    forgotten,
    issue_text,
    mark_of,
    read_mark,
    remarked,
)
from release_tool.status.overview import look
from release_tool.text.receipt import Receipt, receipt_of, with_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config.model import Event
    from release_tool.github.issues import OwnIssue
    from release_tool.project import Project
    from release_tool.status.model import Overview
    from release_tool.status.overdue import OverdueMarker


class OverdueReport(msgspec.Struct, frozen=True, kw_only=True):
    """The overdue work, what of it was announced now, and the issues that were closed as resolved."""

    cases: tuple[OverdueCase, ...]
    told: tuple[OverdueCase, ...]
    closed: tuple[int, ...]


def overdue(project: Project) -> tuple[OverdueCase, ...]:
    """The overdue work that a look without measuring anything finds."""
    return look(project).cases


def announce_overdue(
    project: Project, seen: Overview | None = None, drifted: Sequence[OverdueCase] | None = None
) -> OverdueReport:
    """Announce overdue work that was not announced yet, and close what is resolved.

    `seen` is a look that was just taken; without one, one is taken. `drifted` are the cases of environments that were
    measured, None where none was: what was told of drift stays then.
    Channels are notified before that is recorded, so an interruption repeats a message and loses none, and the ones
    that failed are notified by the next look.
    """
    seen = seen or look(project)
    found = (*seen.cases, *forgotten(seen), *(drifted or ()))
    issues = [(mark, issue) for issue in project.remote.issues.own_issues(LABEL) if (mark := read_mark(issue.body))]
    known = {mark.digest: (mark, issue) for mark, issue in reversed(issues) if mark.standing is not OverdueState.OVER}
    told = tuple(case for case in found if _tell(project, case, known.get(mark_of(case, OverdueState.TOLD).digest)))
    current = {mark_of(case, OverdueState.TOLD).digest for case in found}
    over = [
        (mark, issue)
        for mark, issue in issues
        if _is_over(mark, current, measured=drifted is not None)
        and (issue.open or mark.standing is not OverdueState.OVER)
    ]
    for mark, issue in over:
        _close(project, mark, issue)
    return OverdueReport(cases=found, told=told, closed=tuple(issue.number for _, issue in over if issue.open))


def _tell(project: Project, case: OverdueCase, known: tuple[OverdueMarker, OwnIssue] | None) -> bool:
    """Announce a case, to all channels or those that still lack it; whether it was announced now."""
    was_told = known is not None and known[0].standing is OverdueState.TOLD
    owed = receipt_of(known[1].body).owed if known and was_told else ()
    if was_told and not owed:
        return False
    title, body = issue_text(case, OverdueState.BEGUN)
    number, url = (known[1].number, known[1].url) if known else _opened(project, title, body)
    told = project.tell(_notice(project, case, url), only=owed or None)
    if not was_told or told.owed != owed:
        body = with_receipt(issue_text(case, OverdueState.TOLD)[1], Receipt(owed=told.owed), LIMIT)
        project.remote.issues.update_issue(number, title=title, body=body)
    return not was_told


def _notice(project: Project, case: OverdueCase, url: str) -> Notice:
    return Notice(
        event=_event(case.kind),
        title=case.text,
        environment=case.environment,
        text=f"What to do: {case.todo}",
        links=(("issue", url), *links(project, environment=case.environment)),
    )


def _event(kind: OverdueKind) -> Event:
    match kind:
        case OverdueKind.APPROVAL:
            return "needs-person"
        case OverdueKind.DRIFT | OverdueKind.UNRELEASED | OverdueKind.NEVER_SYNCED | OverdueKind.NEVER_DEPLOYED:
            return "drift"


def _opened(project: Project, title: str, body: str) -> tuple[int, str]:
    opened = project.remote.issues.create_issue(title, body, (LABEL,))
    return opened.number, opened.url


def _is_over(mark: OverdueMarker, current: set[str], *, measured: bool) -> bool:
    if mark.standing is OverdueState.OVER:
        return True
    return mark.digest not in current and (measured or mark.kind is not OverdueKind.DRIFT)


def _close(project: Project, mark: OverdueMarker, issue: OwnIssue) -> None:
    """Write first that it is resolved, so that the same case is announced again when it comes back."""
    over = msgspec.structs.replace(mark, standing=OverdueState.OVER)
    if mark != over:
        project.remote.issues.update_issue(issue.number, title=issue.title, body=remarked(issue.body, over))
    if issue.open:
        project.remote.issues.close(issue.number, "This is resolved.")
