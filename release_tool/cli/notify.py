"""The commands of the notifications: notify test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from release_tool.cli import Suggesting
from release_tool.cli.session import current_session
from release_tool.errors import RemoteError
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from release_tool.notify.notice import SendReport


@click.group(cls=Suggesting)
def notify() -> None:
    """Send a test message to the notification channels.

    \b
    Example:
      release-tool notify test
    """


@notify.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def test(as_json: bool) -> None:
    """Send a test message to every configured channel, whichever events it subscribes to.

    Your own templates (`[messages]`) are rendered too, but not sent.

    \b
    Examples:
      release-tool notify test
      release-tool notify test --json
    """
    from release_tool.notify.send import test_notice

    session = current_session()
    project = session.project()
    notice = test_notice(project.config, project.git.root, project.repository)
    told = project.tell(msgspec.structs.replace(notice, links=project.links()))
    if as_json:
        session.document({"channels": _document(told)})
    else:
        session.show("\n".join(_lines(told)))
    if told.failures:
        raise RemoteError(
            f"not reached: {', '.join(told.owed)}",
            during="sending a test message",
            already=f"reached: {', '.join(told.sent)}" if told.sent else "no channel was reached",
            todo="correct the address in the channel's variable, or see what its service says, and try again",
        )


def _document(told: SendReport) -> list[dict[str, object]]:
    reached = [{"name": name, "delivered": True, "reason": ""} for name in told.sent]
    return reached + [
        {"name": failure.channel, "delivered": False, "reason": failure.reason} for failure in told.failures
    ]


def _lines(told: SendReport) -> list[str]:
    reached = [f"{visible(name)}: delivered" for name in told.sent]
    return reached + [
        f"{visible(failure.channel)}: not delivered: {visible(failure.reason)}" for failure in told.failures
    ]
