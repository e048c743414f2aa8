"""The one error boundary: every failure becomes a message, and for machines a document, and an exit code."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, TextIO

import click

from release_tool.cli.colour import colour
from release_tool.errors import BugError, ReleaseToolError, RemoteError, SignalError, UsageError
from release_tool.github.actions import Actions
from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What a machine says that has no room: on its disk, in its memory, in its tables."""
_SHOWN = 200
"""Characters of a file's name that are shown."""


def tell(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Show an error on standard error (and with `--json` on standard output) and return its exit code.

    Where it can't be shown, the code alone reports it: a failure to print causes no other failure.
    """
    if isinstance(error, BrokenPipeError):
        _let_go(sys.stdout)
        return 128 + signal.SIGPIPE
    failure = _failure(error)
    code = 128 + failure.number if isinstance(failure, SignalError) else failure.exit_code
    with _as_far_as_possible(sys.stderr):
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
            return UsageError.exit_code
        if debug:
            traceback.print_exception(error)
        click.echo("\n".join(_lines(failure)), err=True, color=colour(os.environ))
        _tell_actions(failure)
    with _as_far_as_possible(sys.stdout):
        if as_json:
            click.echo(json.dumps({"schema": 1, "error": _document(failure, code)}))
        sys.stdout.flush()
    return code


@contextlib.contextmanager
def _as_far_as_possible(stream: TextIO) -> Iterator[None]:
    """Write to a stream that may be full or gone; Python must not complain about that at exit either."""
    try:
        yield
    except (OSError, ValueError):
        _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Let whatever is still to be written to a stream go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _failure(error: BaseException) -> ReleaseToolError:
    match error:
        case ReleaseToolError():
            return error
        case click.Abort() | KeyboardInterrupt():
            return SignalError(signal.SIGINT, todo="run the same command again; it carries on")
        case click.ClickException():
            ctx = error.ctx if isinstance(error, click.UsageError) else None
            command = ctx.command_path if ctx else "release-tool"
            return UsageError(error.format_message(), todo=f"see `{command} --help`")
        case OSError(errno=number) if number in _FULL:
            return RemoteError(
                f"this machine is out of space, memory or processes: {error.strerror}",
                already="what was done on GitHub stays",
                todo="free some, then run the same command again; it carries on",
            )
        case OSError(filename=str() | bytes() as name):
            return UsageError(
                f"{os.fsdecode(name)[:_SHOWN]} can't be used: {error.strerror}",
                already="what was done before stays",
                todo="name another file, or make it usable, then run the same command again",
            )
        case _:
            return BugError(
                f"a bug in release-tool: {type(error).__name__}: {error}",
                todo="run it again with `--debug` before the command's name and report what it shows",
            )


def _lines(failure: ReleaseToolError) -> list[str]:
    title = click.style("error:", fg="red", bold=True)
    hints = (("during", failure.during), ("already true", failure.already), ("do next", failure.todo))
    return [f"{title} {visible_block(failure.message)}"] + [
        f"  {click.style(name + ':', bold=True)} {visible_block(text)}" for name, text in hints if text
    ]


def _document(failure: ReleaseToolError, code: int) -> dict[str, str | int]:
    return {
        "kind": failure.kind,
        "exit_code": code,
        "message": failure.message,
        "during": failure.during,
        "already": failure.already,
        "todo": failure.todo,
    }


def _tell_actions(failure: ReleaseToolError) -> None:
    actions = Actions(os.environ)
    if actions.enabled:
        click.echo(actions.annotation("error", visible_block(failure.message), title="release-tool"), err=True)
        actions.write_summary("\n".join(f"> {line}" for line in click.unstyle("\n".join(_lines(failure))).splitlines()))
