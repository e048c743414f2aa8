"""The commands of the release stage: plan, bump, release."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from release_tool.cli import completion, terminal
from release_tool.cli.session import current_session
from release_tool.cli.workflow import insist_on_secrets
from release_tool.history.facts import Request
from release_tool.model.version import Bump
from release_tool.release.plan import Action, parse_force, parse_identifier
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_tool.cli.session import Session
    from release_tool.history.changes import Change
    from release_tool.project import Project
    from release_tool.release.make import ReleaseOutcome
    from release_tool.release.plan import ReleasePlan

P = ParamSpec("P")

_COLOURS = {"major": "red", "minor": "green", "patch": "cyan", "none": "bright_black"}


def _asks(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command the options that say what kind of release is wanted."""
    for option in (
        click.option(
            "--since",
            default="",
            metavar="REF",
            shell_complete=completion.tags,
            help="Count changes after this tag or commit.",
        ),
        click.option("--pre", default="", metavar="NAME", help="Make a prerelease, such as 1.3.0-rc.1 for `rc`."),
        click.option(
            "--force",
            default="",
            metavar="LEVEL",
            shell_complete=completion.levels,
            help="major, minor, patch, or an exact version X.Y.Z.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_asks
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def plan(force: str, pre: str, since: str, as_json: bool) -> None:
    """Show what the next release would be, and why, change by change. Writes nothing.

    Without a token it plans from git alone, and lists what it can't see.

    \b
    Examples:
      release-tool plan
      release-tool plan --force minor
      release-tool plan --json | jq -r .version
    """
    from release_tool.release.planning import plan as look_ahead

    session = current_session()
    project = session.project()
    planned = look_ahead(project, _request(project, force, pre, since))
    if planned.action is not Action.NOTHING:
        insist_on_secrets(project, os.environ)
    notes = _notes(project, planned) if as_json or session.actions.enabled else ""
    if as_json:
        session.document(plan_document(planned) | {"notes": notes})
    else:
        _show_plan(session, planned)
    session.actions.write_outputs(_outputs(planned) | {"again": _flag(planned.again)})
    if session.actions.enabled:
        session.actions.write_summary(_summary(planned, notes))


@click.command()
@_asks
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--here", is_flag=True, help="Claim the tag from this machine instead of starting the workflow.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bump(force: str, pre: str, since: str, dry_run: bool, yes: bool, here: bool, as_json: bool) -> None:
    """Make the next release: show the plan, ask, start the workflow, and follow it.

    \b
    Examples:
      release-tool bump --dry-run
      release-tool bump --force minor
      release-tool bump --force 2.0.0 --here --yes
    """
    from release_tool.release.make import claim_next
    from release_tool.release.planning import plan as look_ahead

    session = current_session()
    project = session.project()
    request = _request(project, force, pre, since)
    planned = look_ahead(project, request)
    if dry_run or planned.action is not Action.RELEASE:
        _tell_plan(session, planned, as_json=as_json)
        return
    if not (yes or session.actions.enabled):
        session.say(plan_text(planned, terminal.width(sys.stderr)))
        session.confirm(f"Release {planned.tag} at {planned.sha[:10]}?")
    if here or session.actions.enabled:
        outcome = claim_next(project, request, str(planned.tag))
    else:
        outcome = _by_workflow(session, project, request, planned)
    _tell_outcome(session, outcome, as_json=as_json)


def _by_workflow(session: Session, project: Project, request: Request, planned: ReleasePlan) -> ReleaseOutcome:
    """Start the workflow that releases, and follow it to its end."""
    from release_tool.deploy import dispatch
    from release_tool.deploy.our_workflows import workflow_of

    force = request.force
    level = {"level": force.name.lower()} if isinstance(force, Bump) else {"level": "auto"}
    version = {} if force is None or isinstance(force, Bump) else {"version": str(force)}
    more = {name: value for name, value in (("pre", request.prerelease), ("since", request.since)) if value}
    run = dispatch.start(project, workflow_of(project, "release"), level | version | more, branch=planned.branch)
    ended = dispatch.follow(project, run, session.show_job(f"{project.web_url}/actions/runs/{run}"))
    return dispatch.released_by(project, planned, ended)


@click.command()
@click.argument("assets", nargs=-1, metavar="[ASSET]...", type=click.Path())
@click.option("--expect", default="", metavar="TAG", help="Publish only if the release is this tag.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="NAME=REF@DIGEST",
    help="A build result that is not a file, such as an image.",
)
@_asks
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def release(
    assets: tuple[str, ...],
    expect: str,
    references: tuple[str, ...],
    force: str,
    pre: str,
    since: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Claim the tag, then draft, upload, verify and publish; finish half-done releases first.

    Running it again is always safe: it carries on where it was interrupted, or finds nothing to do.

    \b
    Examples:
      release-tool release dist/*
      release-tool release dist/* --expect v1.3.0
      release-tool release --reference web=ghcr.io/acme/shop@sha256:…
    """
    from release_tool.pull_request.check import tell_released
    from release_tool.release.assets import collect, insist_on_references, parse_references, references_among
    from release_tool.release.make import ReleaseContents
    from release_tool.release.make import release as make
    from release_tool.release.planning import plan as look_ahead

    session = current_session()
    paths = [Path(name) for name in assets]
    built = parse_references([*references, *references_among(paths)])
    materials = ReleaseContents(assets=collect(paths), references=built, expect=expect)
    project = session.project()
    request = _request(project, force, pre, since)
    if dry_run:
        _tell_plan(session, look_ahead(project, request), as_json=as_json)
    else:
        insist_on_references(project.config.build.references, built)
        made = make(project, request, materials)
        if made.released and project.config.comment_released:
            tell_released(project, made.plan, made.url)
        _tell_outcome(session, made, as_json=as_json)


def _request(project: Project, force: str, pre: str, since: str) -> Request:
    return Request(
        force=parse_force(force, project.config.tag_prefix),
        prerelease=parse_identifier(pre),
        since=since,
        by=project.actions.actor or project.owner.user or "somebody",
    )


def _notes(project: Project, planned: ReleasePlan) -> str:
    from release_tool.release.notes.edit import notes_of, written
    from release_tool.release.notes.render import without_record

    return "" if planned.action is Action.NOTHING else without_record(written(project, notes_of(project, planned)).text)


def plan_document(planned: ReleasePlan) -> dict[str, object]:
    """The fields of `plan --json`, without its notes."""
    forced = planned.forced
    return {
        "action": planned.action.value,
        "reason": planned.reason,
        "branch": planned.branch,
        "previous": planned.previous,
        "tag": planned.tag,
        "version": str(planned.version) if planned.version else None,
        "sha": planned.sha,
        "bump": str(planned.bump),
        "forced": {"by": forced.by, "from": str(forced.was)} if forced else None,
        "prerelease": planned.prerelease,
        "latest": planned.latest,
        "changes": [_change_document(change) for change in planned.changes],
        "unseen": list(planned.unseen),
        "remarks": list(planned.remarks),
        "warnings": list(planned.warnings),
    }


def _change_document(change: Change) -> dict[str, object]:
    return {
        "pull": change.pull,
        "sha": change.sha,
        "title": change.title,
        "kind": change.kind.value,
        "hidden": change.hidden,
        "bump": str(change.bump),
        "rule": change.rule.value,
        "reason": change.reason,
        "authors": [str(author) for author in change.authors],
        "cancelled_by": change.cancelled_by,
    }


def plan_text(planned: ReleasePlan, columns: int | None = None) -> str:
    """A plan as a person reads it: the result, then a line for each change, then what could not be seen.

    On a terminal all of it fits into its columns.
    """
    lines = [_headline(planned), ""] if planned.changes else [_headline(planned)]
    lines += _table(planned.changes, columns)
    if planned.action is Action.NOTHING and _waiting(planned):
        lines += ["", "They wait for the next release; `release-tool bump --force patch` makes one of them."]
    for warning in planned.warnings:
        lines += ["", f"Warning: {visible(warning)}."]
    if planned.remarks:
        lines += ["", *(f"Tags: {visible(remark)}." for remark in planned.remarks)]
    if planned.unseen:
        lines += ["", f"Not seen without a token: {'; '.join(planned.unseen)}."]
    return "\n".join(lines)


def _waiting(planned: ReleasePlan) -> bool:
    """Whether changes are there that ask for no release, and were not taken back either."""
    alive = [change for change in planned.changes if change.cancelled_by is None]
    return bool(alive) and all(change.bump is Bump.NONE for change in alive)


def _headline(planned: ReleasePlan) -> str:
    what = visible(planned.reason)
    match planned.action:
        case Action.RELEASE:
            how = "forced" if planned.forced else str(planned.bump)
            shown = f" ({how})" if planned.changes else ""
            return f"{planned.branch}: {click.style(str(planned.tag), bold=True)} is next{shown}: {what}"
        case Action.FINISH:
            return f"{planned.branch}: {click.style(str(planned.tag), bold=True)} is to be finished: {what}"
        case Action.NOTHING:
            return f"{planned.branch}: nothing to release: {what}"


def _table(changes: tuple[Change, ...], columns: int | None) -> list[str]:
    rows = [(str(change.bump), change.name, visible(change.title), visible(change.reason)) for change in changes]
    if columns and rows:
        styled = [
            (click.style(level, fg=_COLOURS[level]), name, title, click.style(reason, dim=True))
            for level, name, title, reason in rows
        ]
        return [terminal.table(styled, columns, indent=2)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    widths[2] = min(widths[2], 60)
    levels = {level: click.style(level.ljust(widths[0]), fg=_COLOURS[level]) for level in {row[0] for row in rows}}
    return [
        f"  {levels[level]}  {name.ljust(widths[1])}  "
        f"{shortened(title, widths[2]).ljust(widths[2])}  {click.style(reason, dim=True)}"
        for level, name, title, reason in rows
    ]


def _show_plan(session: Session, planned: ReleasePlan) -> None:
    session.show(terminal.ended(plan_text(planned, terminal.width(sys.stdout)), _headline(planned)))


def _tell_plan(session: Session, planned: ReleasePlan, *, as_json: bool) -> None:
    if as_json:
        session.document(plan_document(planned))
    else:
        _show_plan(session, planned)
    session.actions.write_outputs(_outputs(planned) | {"again": _flag(planned.again), "released": "false"})


def _tell_outcome(session: Session, outcome: ReleaseOutcome, *, as_json: bool) -> None:
    planned = outcome.plan
    results: dict[str, object] = {"released": outcome.released, "again": outcome.again, "url": outcome.url}
    if as_json:
        session.document(plan_document(planned) | {"reason": outcome.reason} | results)
    else:
        session.show("\n".join(filter(None, [outcome.reason, outcome.url])))
    session.actions.write_outputs(
        _outputs(planned)
        | {"reason": outcome.reason, "again": _flag(outcome.again), "released": _flag(outcome.released)}
        | {"url": outcome.url}
    )
    session.actions.write_summary(_outcome_summary(outcome))


def _outputs(planned: ReleasePlan) -> dict[str, str]:
    return {
        "action": planned.action.value,
        "reason": visible(planned.reason),
        "tag": planned.tag or "",
        "version": str(planned.version or ""),
        "sha": planned.sha,
        "previous": planned.previous or "",
        "bump": str(planned.bump),
    }


def _flag(value: bool) -> str:  # the value is all there is
    return "true" if value else "false"


def _summary(planned: ReleasePlan, notes: str) -> str:
    from release_tool.release.notes.render import inert

    lines = [f"### {inert(click.unstyle(_headline(planned)))}", ""]
    if planned.changes:
        lines += ["| bump | change | title | why |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {change.bump} | {change.name} | {_cell(change.title)} | {_cell(change.reason)} |"
            for change in planned.changes
        ]
    lines += ["", *(f"⚠️ {inert(warning)}." for warning in planned.warnings)] if planned.warnings else []
    return "\n".join([*lines, "", notes])


def _cell(text: str) -> str:
    from release_tool.release.notes.render import inert

    return inert(text).replace("|", "\\|")


def _outcome_summary(outcome: ReleaseOutcome) -> str:
    from release_tool.release.notes.render import inert

    link = f"\n\n{outcome.url}" if outcome.url else ""
    forced = outcome.plan.forced
    by = f"\n\nForced by {inert(forced.by)}; it would have been {forced.was}." if forced else ""
    return f"### {inert(outcome.reason)}{by}{link}"
