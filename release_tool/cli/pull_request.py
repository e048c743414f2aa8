"""The command of the pull request stage: check-pr."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from release_tool.cli.session import current_session
from release_tool.errors import RefusedError, UsageError
from release_tool.model.commits import LARGEST_NUMBER
from release_tool.text.visible import visible, visible_block

if TYPE_CHECKING:
    from release_tool.cli.session import Session
    from release_tool.pull_request.check import CheckResult

_COLOURS = {"error": "red", "warning": "yellow", "notice": "blue"}
_SAID = {
    "created": "commented",
    "updated": "updated the comment",
    "unchanged": "the comment says so already",
    "forbidden": "no comment: this token may not write one (it is a fork's, or lacks `pull-requests: write`)",
    "none": "",
}


@click.command("check-pr")
@click.argument("number", type=click.IntRange(min=1, max=LARGEST_NUMBER), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check_pr(number: int | None, as_json: bool) -> None:
    """Check pull request NUMBER against the policy, and preview the release that it leads to.

    In Actions the number comes from the event; in a merge queue every pull request of the group is checked.
    The result is one comment on the pull request, which is kept up to date.

    \b
    Examples:
      release-tool check-pr 12
      release-tool check-pr 12 --json | jq .problems
    """
    from release_tool.pull_request.check import check, check_group, number_of_event

    session = current_session()
    project = session.project()
    chosen = number or number_of_event(project)
    if chosen is None and project.actions.event_name != "merge_group":
        raise UsageError("which pull request?", todo="name its number, as in `release-tool check-pr 12`")
    checked = check_group(project) if chosen is None else (check(project, chosen),)
    _tell(session, checked, as_json=as_json, group=chosen is None)
    refused = [f"#{one.number}" for one in checked if one.refused]
    if refused:
        raise RefusedError(
            f"the policy refuses {', '.join(refused)}",
            todo="fix what is listed above; the check runs again by itself",
        )


def _tell(session: Session, checked: tuple[CheckResult, ...], *, as_json: bool, group: bool) -> None:
    if as_json:
        documents = [_document(one) for one in checked]
        session.document({"pulls": documents} if group else documents[0])
    else:
        session.show("\n\n".join(map(_text, checked)))
    for one in checked:
        session.actions.write_summary(one.text)
        for finding in one.found:
            session.annotate(finding.severity.value, finding.message, title=f"#{one.number}: {finding.code}")
    session.actions.write_outputs({"refused": "true" if any(one.refused for one in checked) else "false"})


def _text(checked: CheckResult) -> str:
    lines = [f"#{checked.number}: {_headline(checked)}"]
    if checked.change is not None:
        lines.append(f"  {checked.change.bump}: {visible(checked.change.reason)}")
    lines += [
        f"  {click.style(finding.severity.value, fg=_COLOURS[finding.severity.value])}: {visible(finding.message)}"
        + (f"\n{textwrap.indent(visible_block(finding.todo), '    ')}" if finding.todo else "")
        for finding in checked.found
    ]
    if checked.entry:
        lines += ["", textwrap.indent(visible_block(checked.entry), "  ")]
    said = _SAID[checked.said]
    if said:
        lines += ["", f"{said}: {checked.url}" if checked.url else said]
    return "\n".join(lines)


def _headline(checked: CheckResult) -> str:
    if checked.preview is None:
        return f"not released from here: `{visible(checked.base)}` is not a branch that is released"
    made = checked.preview.together
    what = f"merging this makes {made}" if made else "merging this makes no release"
    return f"can't be merged yet ({what})" if checked.refused else what


def _document(checked: CheckResult) -> dict[str, object]:
    change, preview = checked.change, checked.preview
    return {
        "pull": checked.number,
        "base": checked.base,
        "released_from_here": change is not None,
        "refused": checked.refused,
        "bump": str(change.bump) if change else None,
        "kind": change.kind.value if change else None,
        "rule": change.rule.value if change else None,
        "reason": change.reason if change else None,
        "hidden": change.hidden if change else None,
        "alone": preview.alone if preview else None,
        "together": preview.together if preview else None,
        "waiting": preview.waiting if preview else None,
        "entry": checked.entry,
        "problems": [
            {"code": one.code, "severity": one.severity.value, "message": one.message, "todo": one.todo}
            for one in checked.found
        ],
        "comment": {"state": checked.said, "url": checked.url, "text": checked.text},
    }
