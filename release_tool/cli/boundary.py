"""The one error boundary: every failure becomes a message, and for machines a document, and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

import click

from release_tool.cli.colour import colour
from release_tool.errors import BugError, ReleaseToolError, SignalError, UsageError
from release_tool.github.actions import Actions
from release_tool.text.visible import visible_block


def tell(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Show an error on standard error (and with `--json` on standard output) and return its exit code."""
    if isinstance(error, BrokenPipeError):
        return _pipe_closed()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return UsageError.exit_code
    if debug:
        traceback.print_exception(error)
    failure = _failure(error)
    code = 128 + failure.number if isinstance(failure, SignalError) else failure.exit_code
    click.echo("\n".join(_lines(failure)), err=True, color=colour(os.environ))
    if as_json:
        click.echo(json.dumps({"schema": 1, "error": _document(failure, code)}, ensure_ascii=False))
    _tell_actions(failure)
    return code


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


def _pipe_closed() -> int:
    """Whoever read our output went away (`| head`): say nothing, and keep Python from complaining at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE
