"""Sending notifications: a failure is reported, fails no command, and is repeated by the next run."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from release_tool.config.model import Event
from release_tool.errors import ReleaseToolError, UsageError
from release_tool.notify.notice import Notice, NoticeChange, SendReport, subscribers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from release_tool.config.model import Config
    from release_tool.notify.channels import Channels
    from release_tool.notify.notice import Message

RECENT = timedelta(days=3)
"""How long a notification is tried again: over a weekend, without a flood of old ones after a long outage."""


@dataclasses.dataclass(frozen=True)
class Notifier:
    """Renders a notice and sends it to the subscribed channels; `directory` is where a project's templates are."""

    config: Config
    directory: Path
    channels: Channels
    say: Callable[[str], None]

    def __call__(self, notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        """Notify every subscribed channel, or only those of them that are named."""
        wanting = subscribers(self.config.channels, notice.event, notice.environment)
        names = [name for name in wanting if only is None or name in only]
        return self.channels.send(self._worded(notice), names) if names else SendReport()

    def _worded(self, notice: Notice) -> Message:
        """Write the message; where the project's template fails, the standard one is used."""
        from release_tool.notify.message import Wording

        wording = Wording(self.config.messages, self.directory)
        try:
            return wording.write(notice)
        except ReleaseToolError as error:
            self.say(f"{error.message}; the standard message is sent instead")
            return wording.standard(notice)


def test_notice(config: Config, directory: Path, repository: str) -> Notice:
    """A test message; raises UsageError where there is no channel, or a template of the project's own does not work."""
    if not config.channels:
        raise UsageError(
            "no channel is configured",
            already="nothing was sent",
            todo="add a table `[channels.NAME]` with `url-env`, the name of the variable that holds its address",
        )
    _insist_on_templates(config, directory)
    return Notice(event="test", title=f"A test from {repository or 'release-tool'}")


def _insist_on_templates(config: Config, directory: Path) -> None:
    """Raise UsageError for the first template of the project's own that fails, be there anything to tell or not."""
    from release_tool.notify.message import Wording

    wording = Wording(config.messages, directory)
    for event in get_args(Event):
        for notice in (Notice(event=event, title="A test"), _full(event)):
            wording.write(notice)


def _full(event: Event) -> Notice:
    """A notice in which nothing is left empty."""
    page = ("page", "https://example.com")
    return Notice(
        event=event,
        title="A test",
        text="Some text",
        links=(page,),
        environment="production",
        before="1.2.3",
        after="1.3.0",
        changes=(NoticeChange("#1", "A change"),),
        who="ada",
        reason="A reason",
        refers_to=page,
    )
