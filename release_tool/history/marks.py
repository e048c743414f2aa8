"""What we wrote on commits: the newest status of each context whose author counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.github.api import Status
from release_tool.history.trust import Ignored, trust_of
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.history.trust import Trust
    from release_tool.project import Project

CONTEXTS = "release-tool/"
"""What the contexts of our statuses begin with; others are not looked at."""


class Marks(msgspec.Struct, frozen=True):
    """The statuses of a commit that count, by context, and those of strangers that came after them."""

    counted: dict[str, Status]
    ignored: tuple[Ignored, ...] = ()

    def is_set(self, context: str) -> bool:
        """Whether the newest status of a context that counts is a success."""
        return context in self.counted and self.counted[context].state == "success"


def marks_of(project: Project, commit: str) -> Marks:
    """Read our statuses of a commit; raises RejectedError for a commit that GitHub does not have."""
    return counted(project.remote.statuses(commit), commit, trust_of(project))


def counted(statuses: Iterable[Status], commit: str, trust: Trust) -> Marks:
    """Tell the newest status of each context that counts from those that strangers wrote since; newest come first."""
    found: dict[str, Status] = {}
    ignored: list[Ignored] = []
    for status in statuses:
        if not status.context.startswith(CONTEXTS) or status.context in found:
            continue
        if trust.counts(status.author):
            found[status.context] = status
        else:
            ignored.append(trust.ignored(f"`{visible(status.context)}` of {commit[:10]}", status.author))
    return Marks(found, tuple(ignored))
