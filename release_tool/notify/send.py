"""Telling people: what could not be told fails nothing, is reported, and is told by the next run."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from release_tool.config import Event
from release_tool.deploy.links import links
from release_tool.errors import ReleaseToolError, UsageError
from release_tool.notify.notice import Notice, Told, subscribers
from release_tool.release.announce import _full
from release_tool.text.markdown import inert
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from release_tool.config import Config
    from release_tool.notify.channels import Channels
    from release_tool.notify.notice import Message
    from release_tool.project import Project

RECENT = timedelta(days=3)
"""How long it is tried to tell of something: over a weekend, and no storm of old news after a long silence."""


@dataclasses.dataclass(frozen=True)
class Notifier:
    """Words a notice and sends it to the channels that want it; `directory` is where a project's templates are."""

    config: Config
    directory: Path
    channels: Channels
    say: Callable[[str], None]

    def __call__(self, notice: Notice, *, only: Collection[str] | None = None) -> Told:
        """Tell every channel that wants to know, or of these only the ones that are named."""
        wanting = subscribers(self.config.channels, notice.event, notice.environment)
        names = [name for name in wanting if only is None or name in only]
        return self.channels.send(self._worded(notice), names) if names else Told()

    def _worded(self, notice: Notice) -> Message:
        """Write the message; a template that fails is no reason to tell nobody."""
        from release_tool.notify.message import Wording

        wording = Wording(self.config.messages, self.directory)
        try:
            return wording.write(notice)
        except ReleaseToolError as error:
            self.say(f"{error.message}; the standard words are sent instead")
            return wording.standard(notice)


def tell(project: Project, notice: Notice, *, only: Collection[str] | None = None) -> Told:
    """Tell everybody who wants to know, and report who could not be told; this never raises for a channel.

    What is still `owed` afterwards is the caller's to write down where the fact lives, and to tell in a later run
    by naming it in `only`.
    """
    told = project.notify(notice, only=only)
    if told.sent:
        project.say(f"told {', '.join(told.sent)}: {visible(notice.title)}")
    for failure in told.failures:
        project.say(f"{failure.channel} was not told: {failure.reason}")
    if told.failures:
        project.actions.write_summary(_report(notice, told))
    return told


def send_test(project: Project) -> Told:
    """Send a test message to every channel; raises UsageError where there is none, or a template does not work."""
    if not project.config.channels:
        raise UsageError(
            "no channel is configured",
            already="nothing was sent",
            todo="add a table `[channels.NAME]` with `url-env`, the name of the variable that holds its address",
        )
    _insist_on_templates(project)
    title = f"A test from {project.repository or 'release-tool'}"
    return tell(project, Notice(event="test", title=title, links=links(project)))


def _insist_on_templates(project: Project) -> None:
    """Raise UsageError for the first template of the project's own that fails, be there anything to tell or not."""
    from release_tool.notify.message import Wording

    wording = Wording(project.config.messages, project.git.root)
    for event in get_args(Event):
        for notice in (Notice(event=event, title="A test"), _full(event)):
            wording.write(notice)


def _report(notice: Notice, told: Told) -> str:
    rows = [f"- {inert(failure.channel)}: {inert(failure.reason)}" for failure in told.failures]
    return "\n".join([f"#### Not everybody was told: {inert(notice.title)}", "", *rows])
