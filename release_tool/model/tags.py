"""The version tags of a repository, and what each stands for."""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from release_tool.model.version import Version, precedence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.config.model import Config
    from release_tool.model.tag_names import Naming, TagName
    from release_tool.model.version import Precedence


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who claimed a tag, so that it can be asked whether it lives: a job in Actions, else a process of a host.

    `started` tells a process from a later one with the same number: it is when it began, in clock ticks since boot.
    """

    run: int = 0
    attempt: int = 0
    job: str = ""
    host: str = ""
    user: str = ""
    process: int = 0
    started: str = ""

    def __str__(self) -> str:
        if self.run:
            return f"run {self.run}"
        return f"process {self.process} of {self.user} on {self.host}"


class TagState(enum.Enum):
    """What has become of a version tag."""

    RELEASED = "released"
    HALF_DONE = "half-done"
    ABANDONED = "abandoned"


class VersionTag(msgspec.Struct, frozen=True):
    """A tag that carries a version: `v1.3.0` at a commit."""

    name: str
    version: Version
    commit: str
    state: TagState = TagState.RELEASED
    owner: Owner | None = None
    owner_lives: bool = False

    @property
    def stable(self) -> bool:
        """Whether it is no prerelease."""
        return not self.version.prerelease


def is_maintenance(branch: str, config: Config) -> bool:
    """Whether releases of this branch are maintenance releases: never `latest`, never deployed by themselves."""
    return branch != config.branch and any(fnmatchcase(branch, pattern) for pattern in config.maintenance)


def withheld(event: str, config: Config) -> str:
    """Say why an event in Actions makes no release: `release-on` waits for the schedule, or for a person."""
    if event == "push" and config.release_on == "schedule":
        return "releases are made on a schedule (`release-on`)"
    if event in {"push", "schedule"} and config.release_on == "manual":
        return "releases are started by hand (`release-on`)"
    return ""


def version_tags(names: Iterable[TagName], naming: Naming) -> tuple[VersionTag, ...]:
    """Keep the tags that carry a version of a branch's releases, the highest first."""
    found = [VersionTag(tag.name, version, tag.commit) for tag, version in naming.counted(names)]
    found.sort(key=_rank, reverse=True)
    return tuple(found)


def _rank(tag: VersionTag) -> tuple[Precedence, bool, str]:
    return precedence(tag.version), not tag.version.build, tag.name
