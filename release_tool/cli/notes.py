"""The commands for what a published release says: notes, withdraw."""

from __future__ import annotations

import sys

import click

from release_tool.cli import completion
from release_tool.cli.session import current_session
from release_tool.errors import UsageError
from release_tool.text.typed import word


@click.command()
@click.argument("tag", default="", shell_complete=completion.tags)
@click.option("--edit", is_flag=True, help="Open the published text in $EDITOR.")
@click.option("--write", is_flag=True, help="Generate the text again and keep manual edits.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def notes(tag: str, edit: bool, write: bool, as_json: bool) -> None:
    """Show the notes of a release (of the newest where no TAG is named), edit them, or generate them anew.

    \b
    Examples:
      release-tool notes
      release-tool notes v1.3.0 --edit
      release-tool notes v1.3.0 --write
    """
    from release_tool.release.notes import edit as stage
    from release_tool.release.notes.render import without_record

    if edit and write:
        raise UsageError("--edit and --write exclude each other", todo="give one of them")
    session = current_session()
    project = session.project()
    if edit:
        shown = stage.edit(project, tag, lambda text: click.edit(text, extension=".md", require_save=True))
    elif write:
        shown = stage.write(project, tag)
    else:
        shown = stage.show(project, tag)
    if as_json:
        session.document({"tag": shown.tag, "text": shown.text, "url": shown.url, "changed": shown.changed})
    elif edit or write:
        session.show(f"the notes of {shown.tag} are {'saved' if shown.changed else 'unchanged'}")
    else:
        session.show_as_written(without_record(shown.text))


@click.command()
@click.argument("tag", shell_complete=completion.tags)
@click.option("--reason", required=True, metavar="TEXT", help="The reason, shown on the release.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def withdraw(tag: str, reason: str, yes: bool, as_json: bool) -> None:
    """Mark a bad release: it gets a banner, is no longer latest, and is never deployed again. Deletes nothing.

    A half-done release is abandoned: its number is not used again, and its changes go into the next release.

    \b
    Example:
      release-tool withdraw v1.3.0 --reason "loses orders, see #45"
    """
    from release_tool.deploy.withdraw import withdraw as mark

    if not reason.strip():
        raise UsageError("--reason is empty", todo="give the reason, in a sentence for your users")
    session = current_session()
    project = session.project()
    if sys.stdin.isatty() and not (yes or session.actions.enabled):
        session.confirm(f"Withdraw {tag} for everybody?")
    done = mark(project, tag, reason)
    if as_json:
        session.document(
            {
                "tag": done.tag,
                "state": done.state,
                "reason": done.reason,
                "url": done.url,
                "latest": done.latest,
                "live": list(done.live),
            }
        )
    else:
        back = [f"it is live in {name}: `release-tool rollback -e {word(name)}` rolls it back" for name in done.live]
        session.show("\n".join(filter(None, [f"{done.tag}: {done.state}: {done.reason}", done.url, *back])))
    session.actions.write_outputs({"tag": done.tag, "state": done.state})
