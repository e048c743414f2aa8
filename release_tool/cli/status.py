"""The command that looks at everything: status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from release_tool.cli import completion, terminal
from release_tool.cli.session import current_session
from release_tool.errors import RemoteError, UsageError
from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.cli.session import Session
    from release_tool.project import Project
    from release_tool.status.model import Overview
    from release_tool.status.text import StatusLine

_SECONDS = 15
"""How long a look stays on the screen with `--watch`; each costs six requests, and GitHub gives 5,000 an hour."""

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_INTERRUPTED = 130
_LABEL = 12
_COLOURS = {"plain": "", "good": "green", "care": "yellow", "bad": "red"}


@click.command()
@click.option(
    "-e",
    "--environment",
    default="",
    metavar="ENV",
    shell_complete=completion.environments,
    help="Show one environment in detail.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--watch", is_flag=True, help="Refresh every few seconds, until Ctrl-C.")
@click.option("--tell", is_flag=True, help="Notify channels of overdue work and drift, once for each case.")
def status(environment: str, as_json: bool, watch: bool, tell: bool) -> None:
    """Show every release, the state of each environment, and the open action items.

    With `-e` also the latest changes of an environment, and why its rollback target was chosen.

    \b
    Examples:
      release-tool status
      release-tool status -e production
      release-tool status --json | jq '.environments[].health'
    """
    if watch and (as_json or tell):
        raise UsageError("`--watch` can't be combined with `--json` or `--tell`", todo="leave it out")
    session = current_session()
    project = session.project()
    if watch:
        _watch(session, project, environment)
    else:
        found = _look(project, environment)
        _print(session, found, environment, as_json=as_json)
        if tell:
            _tell(project, found)


def _print(session: Session, found: Overview, environment: str, *, as_json: bool) -> None:
    if as_json:
        from release_tool.status.model import document

        session.document(document(found))
    else:
        session.show(_shown(found, environment))


def _tell(project: Project, found: Overview) -> None:
    from release_tool.status.drift import drifted
    from release_tool.status.overdue_issues import announce_overdue

    telling = announce_overdue(project, found, drifted(project, found, os.environ))
    for case in telling.told:
        project.say(f"notified: {case.text}")
    for number in telling.closed:
        project.say(f"closed #{number}: it is resolved")


def _look(project: Project, environment: str) -> Overview:
    from release_tool.status.overview import look

    return look(project, closely=environment)


def _watch(session: Session, project: Project, environment: str) -> None:
    """Draw the status again and again; where GitHub fails, the error is shown below the last status."""
    shown = ""
    try:
        while True:
            try:
                found = _look(project, environment)
                shown = f"{_shown(found, environment)}\n{found.at:%H:%M:%S} UTC, every {_SECONDS} s, Ctrl-C ends"
                failure = ""
            except RemoteError as error:
                failure = f"\n{click.style('error:', fg='red')} {visible_block(error.message)}"
            session.show((_CLEAR if sys.stdout.isatty() else "") + shown + failure)
            project.clock.sleep(_SECONDS)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(_INTERRUPTED) from None


def _shown(found: Overview, environment: str) -> str:
    from release_tool.status.text import closely, screen, verdict

    lines = list(closely(found, environment) if environment else screen(found))
    columns = terminal.width(sys.stdout)
    if columns is None:
        return "\n".join(map(_plain, lines))
    last = verdict(found, lines, environment or found.production)
    return terminal.ended(_table(lines, columns), _table([last], columns))


def _plain(line: StatusLine) -> str:
    """One line for a pipe, where nothing is wrapped and every fact stands beside what to do."""
    return f"{line.label:<{_LABEL}}{_coloured(line)}{f': {line.todo}' if line.todo else ''}"


def _table(lines: Iterable[StatusLine], columns: int) -> str:
    """The lines as a terminal of any width shows them, with what to do below each."""
    return terminal.table([(click.style(line.label, bold=True), _with_todo(line)) for line in lines], columns)


def _with_todo(line: StatusLine) -> str:
    todo = click.style(f"→ {line.todo}", fg="cyan")
    return f"{_coloured(line)}\n{todo}" if line.todo else _coloured(line)


def _coloured(line: StatusLine) -> str:
    colour = _COLOURS[line.tone.value]
    return click.style(line.text, fg=colour, bold=line.tone.value == "bad") if colour else line.text
