"""What a release is planned from."""

from __future__ import annotations

import msgspec

from release_tool.history.changes import Change
from release_tool.model.tag_names import Naming
from release_tool.model.tags import VersionTag
from release_tool.model.version import Bump, Version


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for beyond "the next release"; `by` is who asked."""

    force: Bump | Version | None = None
    prerelease: str = ""
    since: str = ""
    by: str = ""


class Forced(msgspec.Struct, frozen=True):
    """Who forced a version, and the bump it would have been."""

    by: str
    was: Bump


class ReleaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is made from.

    `base` is where the range begins and `changes` are what the range holds, oldest first.
    `since_stable` are the changes since the last stable release, which a prerelease's number counts from;
    for a stable release they are the same as `changes`.
    `used` is every version that has a tag anywhere, `counted` the highest stable one reachable from the target.
    `prepared` is the stable version that there are only prereleases of, and `elsewhere` the highest release where this
    history has none. `naming` says how the branch names its releases.
    `half_done` are the half-done tags of this branch, `containing` is a newer release that holds the target already.
    `withheld` says why nothing new is released now, although something could be.
    """

    branch: str
    maintenance: bool
    target: str
    base: VersionTag | None
    counted: Version | None
    used: frozenset[Version]
    changes: tuple[Change, ...]
    since_stable: tuple[Change, ...]
    half_done: tuple[VersionTag, ...] = ()
    containing: VersionTag | None = None
    since: str = ""
    newest: Version | None = None
    prepared: Version | None = None
    elsewhere: VersionTag | None = None
    naming: Naming = Naming(prefix="v", families=frozenset({""}))
    withheld: str = ""
    unseen: tuple[str, ...] = ()

    @property
    def first(self) -> bool:
        """Whether nothing tells where the range begins: the first release, which lists nothing."""
        return self.base is None and not self.since
