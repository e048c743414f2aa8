"""Names of commits: the newest release that a commit contains, and how many commits of its branch follow that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.model.tags import TagState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.model.tags import VersionTag
    from release_tool.project import Project


def newest_in(project: Project, tags: Sequence[VersionTag], commit: str) -> VersionTag | None:
    """The highest released stable version that a commit contains."""
    stable = [tag for tag in tags if tag.stable and tag.state is TagState.RELEASED]
    place = project.git.first_reachable([tag.commit for tag in stable], commit)
    return None if place is None else stable[place]


def name_of_commit(project: Project, tags: Sequence[VersionTag], commit: str) -> str:
    """Name a commit as `1.3.0`, `1.3.0+cloud.2`, or by its short hash where it contains no release."""
    tag = newest_in(project, tags, commit)
    if tag is None:
        return commit[:10]
    return commit_name(str(tag.version), _following(project, tag.commit, commit))


def line_since(project: Project, release: str, head: str) -> tuple[str, ...]:
    """The first-parent commits up to `head` that contain a release, newest first, and the release itself at the end."""
    line = [landed.sha for landed in project.git.first_parent_log(release, head)]
    containing = line[: _count_containing(project, release, line)]
    return (*containing, release) if _is_on_line(project, release, head, line) else tuple(containing)


def _following(project: Project, release: str, commit: str) -> int:
    """How many first-parent commits follow the first one that contains the release, found by halving."""
    line = [landed.sha for landed in project.git.first_parent_log(release, commit)]
    containing = _count_containing(project, release, line)
    brought_by_merge = containing < len(line) or not _is_on_line(project, release, commit, line)
    return max(containing - 1, 0) if brought_by_merge else containing


def _count_containing(project: Project, release: str, line: Sequence[str]) -> int:
    newest, oldest = 0, len(line)
    while newest < oldest:
        middle = (newest + oldest) // 2
        if project.git.first_reachable([release], line[middle]) is None:
            oldest = middle
        else:
            newest = middle + 1
    return newest


def _is_on_line(project: Project, release: str, commit: str, line: Sequence[str]) -> bool:
    """Whether the release itself is a first-parent commit of the branch: it was fast-forwarded, not merged."""
    if not line:
        return commit == release
    bottom = project.git.commit(line[-1])
    return bottom is not None and next(iter(bottom.parents), None) == release


def commit_name(version: str, following: int) -> str:
    """Name a commit of the hosted branch by the newest release in it and how many commits follow that release."""
    return f"{version}+cloud.{following}" if following else version
