"""What every stage works on: a clone, its configuration, GitHub where there is a token, and a clock."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Protocol

import msgspec

from release_tool.errors import UsageError
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from release_tool.config.model import Config
    from release_tool.git.push import Branches
    from release_tool.git.repository import Git
    from release_tool.github.actions import Actions
    from release_tool.github.api import GitHub
    from release_tool.model.tags import Owner
    from release_tool.notify.notice import Link, Notice, SendReport
    from release_tool.system.clock import Clock


class Notify(Protocol):
    """What sends messages; it raises nothing for a channel that can't be reached."""

    def __call__(self, notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        """Notify every subscribed channel, or only those of them that are named."""


class Project(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One repository as a command sees it.

    `repository` is `owner/name`, empty where no remote tells; `github` is None without a token.
    `say` tells the person what is being done, one sentence each; `notify` tells everybody who wants to know, and is
    called through `tell`. `settling` is how many seconds it takes until everybody sees what
    was written to GitHub.
    """

    git: Git
    config: Config
    actions: Actions
    clock: Clock
    owner: Owner
    repository: str
    web_url: str
    github: GitHub | None
    branches: Branches
    say: Callable[[str], None]
    notify: Notify
    settling: float = 2

    @functools.cached_property
    def remote(self) -> GitHub:
        """GitHub, or the error that says how to give the tool a token."""
        if not self.repository:
            raise UsageError(
                "which repository this is could not be found out: there is no remote `origin`",
                todo="add the remote, or name the repository with `release-tool --repo OWNER/NAME`",
            )
        if self.github is None:
            raise UsageError(
                f"there is no token for {self.repository}",
                already="nothing was read or written on GitHub",
                todo="set GITHUB_TOKEN (or GH_TOKEN), or log in with `gh auth login`",
            )
        return self.github

    def tell(self, notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        """Notify the subscribed channels, and report which failed; this never raises for a channel.

        What is still `owed` afterwards is the caller's to write down where the fact lives, and to tell in a later run
        by naming it in `only`.
        """
        told = self.notify(notice, only=only)
        if told.sent:
            self.say(f"notified {', '.join(told.sent)}: {visible(notice.title)}")
        for failure in told.failures:
            self.say(f"{failure.channel} was not notified: {failure.reason}")
        if told.failures:
            self.actions.write_summary(_not_told(notice, told))
        return told

    def links(self, *, before: str = "", after: str = "", run: str | None = None) -> tuple[Link, ...]:
        """The pages that every message leads to: the run, this one unless another is given, and what changed."""
        from urllib.parse import quote

        found = [("run", self.actions.run_url if run is None else run)]
        if before and after:
            found.append(("compare", f"{self.web_url}/compare/{quote(before)}...{quote(after)}"))
        return tuple((name, address) for name, address in found if address)


def _not_told(notice: Notice, told: SendReport) -> str:
    from release_tool.text.markdown import inert

    rows = [f"- {inert(failure.channel)}: {inert(failure.reason)}" for failure in told.failures]
    return "\n".join([f"#### Some channels were not notified: {inert(notice.title)}", "", *rows])
