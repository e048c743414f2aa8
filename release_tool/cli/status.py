"""The command that looks at everything: status."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from release_tool.cli.session import current_session
from release_tool.domain.text import visible_block
from release_tool.errors import RemoteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.cli.session import Session
    from release_tool.domain.overview import Overview
    from release_tool.domain.screen import Line
    from release_tool.stages.project import Project

_SECONDS = 15
"""How long a look stays on the screen with `--watch`; each costs six requests, and GitHub gives 5,000 an hour."""

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_INTERRUPTED = 130
_LABEL = 12
_STYLES = {"plain": "", "good": "green", "care": "yellow", "bad": "bold red"}


@click.command()
@click.option("-e", "--environment", default="", metavar="ENV", help="Look at one environment, in all detail.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
@click.option("--tell", is_flag=True, help="Tell everybody what was missed and what has drifted, once for each case.")
def status(environment: str, as_json: bool, watch: bool, tell: bool) -> None:
    """Show where every release is, how each environment is, and what needs somebody.

    With `-e` also what an environment got last, and the ways back with reasons.

    \b
    Examples:
      release-tool status
      release-tool status -e production
      release-tool status --json | jq '.environments[].health'
    """
    if watch and (as_json or tell):
        raise UsageError("`--watch` looks again and again, and does nothing else", todo="leave it out")
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
        from release_tool.domain.overview import document

        session.document(document(found))
    else:
        session.show(_shown(found, environment))


def _tell(project: Project, found: Overview) -> None:
    from release_tool.stages.drift import drifted
    from release_tool.stages.missed import tell_missed

    telling = tell_missed(project, found, drifted(project, found, os.environ))
    for case in telling.told:
        project.say(f"told everybody: {case.text}")
    for number in telling.closed:
        project.say(f"closed #{number}, for it is over")


def _look(project: Project, environment: str) -> Overview:
    from release_tool.stages.monitoring import look

    return look(project, closely=environment)


def _watch(session: Session, project: Project, environment: str) -> None:
    """Draw what is seen again and again; what GitHub can't tell for once is said below what was seen last."""
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
    from release_tool.domain.screen import closely, screen

    lines = list(closely(found, environment) if environment else screen(found))
    return _table(lines) if sys.stdout.isatty() else "\n".join(map(_plain, lines))


def _plain(line: Line) -> str:
    """One line for a pipe, where nothing is wrapped and every fact stands beside what to do."""
    return f"{line.label:<{_LABEL}}{line.text}{f': {line.todo}' if line.todo else ''}"


def _table(lines: Iterable[Line]) -> str:
    """The lines as a terminal of any width shows them, with what to do below each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="bold", max_width=24)
    grid.add_column(ratio=1, overflow="fold")
    for line in lines:
        text = Text(line.text, style=_STYLES[line.tone.value])
        if line.todo:
            text.append(f"\n→ {line.todo}", style="cyan")
        grid.add_row(Text(line.label), text)
    console = Console(width=shutil.get_terminal_size().columns, force_terminal=True, color_system="standard")
    with console.capture() as drawn:
        console.print(grid)
    return drawn.get().rstrip("\n")
