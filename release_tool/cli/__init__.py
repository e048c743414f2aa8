"""The command line, a table of contents: each command parses, calls one stage, and prints."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from release_tool.cli.colour import colour

if TYPE_CHECKING:
    from types import FrameType

    from click.shell_completion import CompletionItem

    from release_tool.system.patience import Patience

_SECTIONS = {
    "Release": {
        "plan": ("release", "Show what the next release would be, and why."),
        "bump": ("release", "Make the next release, or force a level or version."),
        "release": ("release", "Claim the tag, upload, verify, publish; finish what is half-done."),
        "notes": ("notes", "Show, edit or regenerate the notes of a release."),
        "withdraw": ("notes", "Mark a bad release: never deployed, never rolled back to."),
    },
    "Pull requests": {
        "check-pr": ("pull_request", "Check a pull request, and preview its release."),
    },
    "Hosted branch": {
        "sync": ("sync", "Carry a release into the hosted branch, tested."),
    },
    "Deployments": {
        "deploy": ("deployment", "Deploy a version, verify it, and roll back if it is not healthy."),
        "rollback": ("deployment", "Roll back to the last known good version now."),
        "reconcile": ("deployment", "Recover interrupted deployments; retry blocked ones."),
        "verify": ("deployment", "Run the checks now against what should be live."),
        "halt": ("deployment", "Stop automatic deployments."),
        "resume": ("deployment", "Lift a halt, and show what will be deployed next."),
    },
    "Monitoring": {
        "status": ("status", "Show every release, environment and action item."),
        "dashboard": ("dashboard", "Write the dashboard, a static site of the status."),
        "notify": ("notify", "Send a test message to every channel."),
    },
    "Set-up": {
        "init": ("setup", "Set a repository up, or upgrade it."),
        "doctor": ("setup", "Check that everything is in place."),
        "help": ("help", "Show the help of a command."),
    },
    "Try it": {
        "demo": ("sandbox", "Watch the whole process on a sample project."),
        "rehearse": ("rehearsal", "Rehearse your next release on a copy of your repository."),
        "sandbox": ("sandbox", "Serve a stand-in for GitHub on this machine."),
    },
}
"""Every command with its module and its line in `--help`, so that `--help` need not import them."""

_CONTENTS = {name: entry for commands in _SECTIONS.values() for name, entry in commands.items()}

_WIDEST = 100
"""Columns of help."""
_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2

_COMPLETE = "_RELEASE_TOOL_COMPLETE"
"""The variable by which a shell asks; its name is click's rule."""


DOCUMENTED = "release_tool.documented"
"""Where a command notes that it has printed its one JSON document, so that an error does not print a second."""


_GARBAGE = 1_000_000
"""How many things are made before those in circles are looked for: in a short command there are none to be found."""


PATIENCE = "release_tool.patience"
"""Where the command line keeps how long it waits for others; nothing there is as long as it always is."""


class Options(NamedTuple):
    """What stands on the group and holds for every command."""

    repo: str = ""
    config: str = ""
    verbose: bool = False
    debug: bool = False


class Suggesting(click.Group):
    """A group that names the command that was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command by its name; raises click.UsageError where there is none."""
        if not (ctx.resilient_parsing or args[0].startswith("-") or self.get_command(ctx, args[0])):
            raise self.unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def unknown(self, ctx: click.Context, name: str) -> click.UsageError:
        """The error for a name that no command has."""
        import difflib  # only a mistake needs these

        from release_tool.text.visible import visible

        close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        meant = f"; did you mean `{close[0]}`?" if close else ""
        return click.UsageError(f"unknown command `{visible(name)}`{meant}", ctx)


class _Contents(Suggesting):
    """A group that imports the module of a command only when the command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_CONTENTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _CONTENTS:
            return None
        module = importlib.import_module(f"release_tool.cli.{_CONTENTS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101  # a fault of the table above, never of a user
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands that begin so, without a look at any of them, and the options."""
        from click.shell_completion import CompletionItem

        found = ((name, text) for name, (_, text) in _CONTENTS.items() if name.startswith(incomplete))
        commands = [CompletionItem(name, help=text) for name, text in found]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(map(len, _CONTENTS))  # the same for all, so that the sections stand in one column
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in commands.items()])


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # click's
    if value and not ctx.resilient_parsing:
        from release_tool import __version__

        click.echo(f"release-tool {__version__}")
        ctx.exit()


def _width() -> int:
    """How wide help is, as click finds it with a module that loads three compressions."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(_STANDARD_OUTPUT).columns
    except (OSError, ValueError):
        columns = 0
    return max(min(columns or 80, _WIDEST) - 2, 50)


def _tell_steps() -> None:
    """Show every program that is run and every request that is sent; neither ever holds a token."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("release_tool")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


@click.group(cls=_Contents, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST})
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.option("--repo", default="", metavar="OWNER/NAME", help="The repository on GitHub. [default: the remote]")
@click.option("--config", default="", metavar="FILE", type=click.Path(), help="Read the configuration from this file.")
@click.option("--verbose", is_flag=True, help="Show every program run and request sent.")
@click.option("--debug", is_flag=True, help="Also show where an error was raised.")
@click.pass_context
def group(ctx: click.Context, repo: str, config: str, verbose: bool, debug: bool) -> None:
    """Take a project from a merged pull request to a healthy production, and back again.

    \b
    Examples:
      release-tool plan                     what would the next release be?
      release-tool bump --force minor       make it, at least as a minor
      release-tool notes v1.3.0 --edit      correct what it says
      release-tool demo                     watch it all on a sample project
    """
    import signal  # `--help` can do without

    signal.signal(signal.SIGTERM, _end_by_signal)
    ctx.obj = Options(repo, config, verbose, debug)
    if verbose or debug:
        _tell_steps()


def _complete(instruction: str) -> int:
    """Answer a shell that completes our command line, or asks how to."""
    from click.shell_completion import shell_complete

    return shell_complete(group, {}, "release-tool", _COMPLETE, instruction)


def _end_by_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exception, so that what was begun is closed on the way out."""
    from release_tool.errors import SignalError

    raise SignalError(number, already="what was done stays", todo="run the same command again; it carries on")


def _insist_on_text(arguments: list[str]) -> None:
    """Refuse bytes that are no UTF-8: they could be written nowhere."""
    from release_tool.errors import UsageError

    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"argument {number} is not UTF-8", todo="write it in UTF-8") from None


def _open_streams() -> None:
    """Let what is written to a closed stream vanish, and nothing that we open take the place of one."""
    while (unneeded := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        pass
    os.close(unneeded)
    streams = ("stdin", "stdout", "stderr")
    for number, name in enumerate(streams):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def main(argv: list[str] | None = None, *, patience: Patience | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code: the one place where errors are shown."""
    _open_streams()
    if instruction := os.environ.get(_COMPLETE):
        code = _complete(instruction)
    else:
        gc.set_threshold(_GARBAGE)
        code = _run(sys.argv[1:] if argv is None else argv, patience)
    gc.freeze()  # all that is left ends with us: to look for circles in it takes longer than to import click
    sys.exit(code)


def _run(arguments: list[str], patience: Patience | None) -> int:
    """Run a command, and tell the code to end with."""
    debug = "--debug" in arguments
    meta: dict[str, object] = {}
    try:
        _insist_on_text(arguments)
        given = list(arguments)  # click empties it
        with group.make_context("release-tool", given, color=colour(os.environ), terminal_width=_width()) as ctx:
            meta = ctx.meta
            meta[PATIENCE] = patience
            group.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    except BaseException as error:  # noqa: BLE001  # the boundary: whatever it is, it is told in one place
        from release_tool.cli.boundary import tell

        return tell(error, as_json="--json" in arguments and DOCUMENTED not in meta, debug=debug)
    return 0
