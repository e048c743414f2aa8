"""Which came first: of some commits in their order, the first one that contains another commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

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


def condensed(history: Commits, kept: Collection[str]) -> Commits:
    """The history of some commits alone: the parents of each are the nearest of them below it.

    `first_with` tells the same of them as it does with the whole history, in as many steps as they are.
    """
    nearest: dict[str, frozenset[str]] = {}
    found = {}
    for tip in kept:
        waiting = [tip] if tip in history else []
        while waiting:
            sha = waiting.pop()
            parents = [parent for parent in history[sha].parents if parent in history]
            if unknown := [parent for parent in parents if parent not in nearest]:
                waiting += [sha, *unknown]
                continue
            below = _together([nearest[parent] for parent in parents])
            if sha in kept:
                found[sha] = msgspec.structs.replace(history[sha], parents=tuple(below))
                below = frozenset({sha})
            nearest[sha] = below
    return found


def _together(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    """All of some sets; the very set where there is one, as below most of a long history."""
    return sets[0] if len(sets) == 1 else frozenset().union(*sets)
