"""The commands that need no GitHub: the stand-in, and the demo on it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from release_tool.cli import Suggesting
from release_tool.errors import UsageError


@click.group(cls=Suggesting)
def sandbox() -> None:
    """Serve a stand-in for GitHub on this machine: REST, GraphQL and git, with all its state in one directory.

    \b
    Example:
      release-tool sandbox up shop.json --dir /tmp/shop
    """


@sandbox.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--dir", "directory", required=True, type=click.Path(path_type=Path), help="Where its state lives.")
@click.option("--port", default=0, help="The port to listen on. [default: any that is free]")
def up(scenario: Path, directory: Path, port: int) -> None:
    """Build the repository of a SCENARIO, serve it on loopback, and run until interrupted.

    Prints one line of JSON when it is ready. Started again on the same directory it serves what is there.

    \b
    Example:
      release-tool sandbox up shop.json --dir /tmp/shop
    """
    from github_sandbox import up as serve
    from github_sandbox.errors import SandboxError

    try:
        serve(scenario, directory, click.echo, port)
    except SandboxError as error:
        raise UsageError(error.message, during=error.during, todo=error.todo) from error


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Keep everything here. [default: temporary]")
@click.option("--fast", is_flag=True, help="Don't pause between the steps.")
def demo(directory: Path | None, fast: bool) -> None:
    """Watch the whole process on a sample project, on a stand-in for GitHub; nothing leaves this machine.

    \b
    Examples:
      release-tool demo
      release-tool demo --fast --dir /tmp/shop
    """
    from release_tool.demo.demo import run

    colour = False if os.environ.get("NO_COLOR") else None
    pause = 0.0 if fast or not os.isatty(1) else 0.7

    def show(text: str) -> None:
        click.echo(text, color=colour)

    with tempfile.TemporaryDirectory(prefix="release-tool-demo-") as temporary:
        stays = directory or Path(tempfile.mkdtemp(prefix="release-tool-dashboard-"))
        run(directory or Path(temporary), stays / "dashboard", show, pause)
