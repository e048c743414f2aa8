"""Which came first: of some commits in their order, the first one that contains another commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.model.commits import Commit

Commits: TypeAlias = "Mapping[str, Commit]"
"""A part of the history, by hash; what lies below it is not asked for."""


def first_with(history: Commits, tips: Iterable[str]) -> dict[str, int]:
    """For each commit of the history the place of the first tip that contains it; each is walked over once."""
    found: dict[str, int] = {}
    for place, tip in enumerate(tips):
        waiting = [tip]
        while waiting:
            sha = waiting.pop()
            if sha in history and sha not in found:
                found[sha] = place
                waiting.extend(history[sha].parents)
    return found
