"""Which commits of a range landed by themselves, and which came inside a pull request or behind a merge by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from release_tool.history.changes import BumpRule
from release_tool.model.commits import Commit
from release_tool.model.version import Bump

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from release_tool.history.changes import Change

Parents: TypeAlias = "Mapping[str, Sequence[str]]"
"""A part of the history: the parents of each of its commits."""


class Grouped(msgspec.Struct, frozen=True):
    """The commits of a range in groups: every one of them is in `landed`, or inside one pull request.

    `landed` are those that landed by themselves, newest first. `inside` are those that a pull request's merge brought,
    `behind` those that landed behind a merge by hand, each by the hash of the merge.
    """

    landed: tuple[Commit, ...]
    inside: Mapping[str, tuple[Commit, ...]]
    behind: Mapping[str, tuple[str, ...]]


def reached(starts: Iterable[str], parents: Parents, taken: Collection[str] = ()) -> Iterator[str]:
    """Every commit of a part of the history that some commits contain, themselves included, but what is taken."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        sha = waiting.pop()
        if sha in parents and sha not in found and sha not in taken:
            found.add(sha)
            yield sha
            waiting.extend(parents[sha])


def group(commits: Sequence[Commit], target: str, is_pull: Callable[[Commit], bool]) -> Grouped:
    """Group the commits of a range (children first) by what landed them.

    The first-parent line landed by itself. What a merge brought belongs to the oldest merge that reaches it: to its
    pull request where it is one's, else the first-parent line of that side landed by itself, too.
    """
    grouping = _Grouping(commits)
    grouping.land(target)
    while grouping.merges:
        sha, below = grouping.merges.pop()
        if is_pull(grouping.known[sha]):
            grouping.fold(sha)
        else:
            grouping.unfold(sha, below)
    return Grouped(
        landed=tuple(commit for commit in commits if commit.sha in grouping.landed),
        inside=grouping.inside,
        behind={merge: tuple(shas) for merge, shas in grouping.behind.items()},
    )


class _Grouping:
    """What became of the commits of a range so far; of the `merges` that wait, the last one is the oldest of its line.

    Each waits with the merges by hand that it lies behind.
    """

    def __init__(self, commits: Sequence[Commit]) -> None:
        self.known = {commit.sha: commit for commit in commits}
        self._place = {commit.sha: number for number, commit in enumerate(commits)}
        self._parents = {commit.sha: commit.parents for commit in commits}
        self._taken: set[str] = set()
        self.landed: set[str] = set()
        self.inside: dict[str, tuple[Commit, ...]] = {}
        self.behind: dict[str, list[str]] = {}
        self.merges: list[tuple[str, tuple[str, ...]]] = []

    def land(self, tip: str, below: tuple[str, ...] = ()) -> None:
        """Let a first-parent line land by itself, as far as it is new and nobody's yet."""
        line = list(self._line(tip))
        self.landed.update(line)
        self._taken.update(line)
        for merge in below:
            self.behind[merge] += line
        self.merges.extend((sha, below) for sha in line if self.known[sha].is_merge)

    def fold(self, merge: str) -> None:
        """Give all that a merge brought to its pull request."""
        brought = [*reached(self.known[merge].parents[1:], self._parents, self._taken)]
        self._taken.update(brought)
        brought.sort(key=self._place.__getitem__, reverse=True)  # the oldest first
        self.inside[merge] = tuple([self.known[sha] for sha in brought])

    def unfold(self, merge: str, below: tuple[str, ...]) -> None:
        """Let each side that a merge by hand brought land by itself."""
        self.behind[merge] = []
        for parent in reversed(self.known[merge].parents[1:]):
            self.land(parent, (*below, merge))

    def _line(self, tip: str) -> Iterator[str]:
        sha = tip
        while sha in self.known and sha not in self._taken:
            yield sha
            sha = next(iter(self.known[sha].parents), "")


def merged_by_hand(changes: Sequence[Change], behind: Mapping[str, Sequence[str]]) -> tuple[Change, ...]:
    """Let what landed behind a merge by hand count for itself, and the merge for nothing more.

    A merge that brought nothing new counts as before, and one that was taken back takes back what it brought.
    """
    if not behind:
        return tuple(changes)
    landed = {change.sha for change in changes}
    brought = {merge: [sha for sha in shas if sha in landed] for merge, shas in behind.items()}
    cancelled = {
        sha: change for change in changes if change.cancelled_by is not None for sha in brought.get(change.sha, ())
    }
    return tuple(_settled(change, len(brought.get(change.sha, ())), cancelled.get(change.sha)) for change in changes)


def _settled(change: Change, brought: int, cancelled: Change | None) -> Change:
    if cancelled is not None and change.cancelled_by is None:
        return msgspec.structs.replace(
            change,
            bump=Bump.NONE,
            rule=BumpRule.REVERT,
            reason=cancelled.reason,
            cancelled_by=cancelled.cancelled_by,
        )
    if brought and change.rule is BumpRule.POLICY:
        count = "1 change that counts" if brought == 1 else f"{brought} changes that count"
        reason = f"brought {count} by itself" if brought == 1 else f"brought {count} by themselves"
        return msgspec.structs.replace(change, bump=Bump.NONE, reason=reason, hidden=True)
    return change
