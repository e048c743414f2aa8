"""The command of the sync stage: sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from release_tool.cli import completion
from release_tool.cli.session import current_session
from release_tool.errors import NeedsPersonError, UsageError
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from release_tool.cli.session import Session
    from release_tool.project import Project
    from release_tool.sync.sync import SyncResult


def _not_empty(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty hash: a workflow's missing output must not be taken for "the whole sync, without tests"."""
    if value is not None and not value.strip():
        raise click.BadParameter("is empty: name the commit", param=parameter)
    return value


@click.command()
@click.argument("tag", default="", shell_complete=completion.tags)
@click.option("--candidate", is_flag=True, help="Make and push the commit to test, and stop.")
@click.option("--tested", metavar="SHA", callback=_not_empty, help="Record that the tests passed on a candidate.")
@click.option("--advance", metavar="SHA", callback=_not_empty, help="Move the hosted branch to a tested candidate.")
@click.option("--reference", "references", multiple=True, metavar="NAME=REF@DIGEST", help="What was built of it.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def sync(
    tag: str,
    candidate: bool,
    tested: str | None,
    advance: str | None,
    references: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Carry a release (the newest where no TAG is named) into the hosted branch, `cloud`.

    At once, or step by step with tests in between: the branch never moves to a commit that was not tested.
    A conflict becomes a pull request that says what to do, and exit code 5.
    A release of a maintenance branch is only tested: it is deployed by its name, and the branch stays.

    \b
    Examples:
      release-tool sync --dry-run
      release-tool sync v1.3.0 --candidate
      release-tool sync --tested 4f5e6d7… && release-tool sync --advance 4f5e6d7…
    """
    if sum(map(bool, (candidate, tested, advance, dry_run))) > 1 or (tag and (tested or advance)):
        raise UsageError("these options exclude each other", todo="give one of --candidate, --tested, --advance")
    if references and not tested:
        raise UsageError("--reference needs --tested", todo="add `--tested SHA`")
    from release_tool.sync.sync import SyncState

    session = current_session()
    done = _run(session.project(), tag, tested, advance, references, candidate=candidate, dry_run=dry_run)
    _tell(session, done, as_json=as_json)
    if done.state is SyncState.CONFLICT and not dry_run:
        raise NeedsPersonError(
            done.reason,
            already="the hosted branch is unchanged" + (f"; {done.url} says what to do" if done.url else ""),
            todo="resolve the conflict there; the next run carries on",
        )


def _run(  # the options of the command
    project: Project,
    tag: str,
    tested: str | None,
    advance: str | None,
    references: tuple[str, ...],
    *,
    candidate: bool,
    dry_run: bool,
) -> SyncResult:
    from release_tool.release.assets import insist_on_references, parse_references
    from release_tool.sync import sync as stage

    if dry_run:
        return stage.preview(project, tag)
    if candidate:
        return stage.candidate(project, tag)
    if tested:
        built = parse_references(references)
        insist_on_references(stage.owed_references(project, tested) if project.actions.enabled else (), built)
        return stage.tested(project, tested, built)
    return stage.advance(project, advance) if advance else stage.sync(project, tag)


def _tell(session: Session, done: SyncResult, *, as_json: bool) -> None:
    from release_tool.sync.sync import SyncState

    if as_json:
        session.document(
            {
                "state": done.state,
                "reason": done.reason,
                "tag": done.tag or None,
                "sha": done.sha or None,
                "cloud": done.cloud or None,
                "version": done.version or None,
                "pull": done.pull,
                "url": done.url,
                "build": done.build,
                "again": done.again,
                "conflicts": list(done.conflicts),
                "kept": [{"path": one.path, "how": one.how} for one in done.kept],
            }
        )
    else:
        lines = [f"{done.state}: {visible(done.reason)}"]
        lines += [f"  {visible(path)}" for path in done.conflicts]
        lines += [_kept_title(done), *_kept(done)] if done.kept else []
        lines += [
            value
            for value in (done.sha if done.state in {SyncState.CANDIDATE, SyncState.PUSHED} else "", done.url)
            if value
        ]
        session.show("\n".join(lines))
    session.actions.write_outputs(
        {
            "state": done.state,
            "sha": done.sha,
            "tag": done.tag,
            "version": done.version,
            "pull": str(done.pull or ""),
            "build": "true" if done.build else "false",
            "again": "true" if done.again else "false",
        }
    )
    session.actions.write_summary(_summary(done))


def _summary(done: SyncResult) -> str:
    from release_tool.text.markdown import fenced

    parts = [f"### {done.state}: {visible(done.reason)}", done.url]
    parts += [_kept_title(done), fenced("\n".join(_kept(done)))] if done.kept else []
    return "\n\n".join(filter(None, parts))


def _kept_title(done: SyncResult) -> str:
    return f"Kept as they are on the hosted branch (`keep-cloud`), although different in {visible(done.tag)}:"


def _kept(done: SyncResult) -> list[str]:
    return [f"  {one.how}: {visible(one.path)}" for one in done.kept]
