"""One look at everything: the newest release, what waits for the next one, and how far the hosted branch is behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.domain.release import Request, TagState
from release_tool.errors import RefusedError
from release_tool.stages.history import facts_for, look_at_head, main_branch
from release_tool.stages.naming import name_of_commit

if TYPE_CHECKING:
    from release_tool.stages.history import Look
    from release_tool.stages.project import Project


class CloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The hosted branch: its head and the head's name (None where it does not exist), and the releases it lacks."""

    branch: str
    head: str | None
    name: str | None
    behind: tuple[str, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is; `half_done` are claimed tags that are not published, `cloud` is None without `[sync]`."""

    branch: str
    released: str | None
    half_done: tuple[str, ...]
    unreleased: int
    cloud: CloudStatus | None


def status(project: Project) -> Status:
    """Look where the newest release is on its way."""
    branch = main_branch(project)
    seen = look_at_head(project, branch)
    if seen is None:
        raise RefusedError(
            f"there is no branch `{branch}` on GitHub",
            todo="push it, or name another one in the configuration (`branch`)",
        )
    facts = facts_for(project, seen, Request())
    return Status(
        branch=branch,
        released=_newest(seen),
        half_done=tuple(tag.name for tag in facts.half_done),
        unreleased=len(facts.changes),
        cloud=_cloud(project, seen),
    )


def _newest(seen: Look) -> str | None:
    return next((tag.name for tag in seen.tags if tag.stable and tag.state is TagState.RELEASED), None)


def _cloud(project: Project, seen: Look) -> CloudStatus | None:
    settings = project.config.sync
    if settings is None:
        return None
    head = project.git.fetch_branch(settings.branch)
    on_main = [
        tag
        for tag in reversed(seen.tags)
        if tag.stable
        and tag.state is TagState.RELEASED
        and project.git.first_reachable([tag.commit], seen.head) is not None
    ]
    behind = (tag.name for tag in on_main if head is None or project.git.first_reachable([tag.commit], head) is None)
    return CloudStatus(
        branch=settings.branch,
        head=head,
        name=name_of_commit(project, seen.tags, head) if head else None,
        behind=tuple(behind),
    )
