"""Planning: what one look finds, turned into the plan of the next release; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.history.look import facts_for, look
from release_tool.release import version_files
from release_tool.release.plan import Action, plan_finish, plan_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.history.facts import Request
    from release_tool.history.look import RepositorySnapshot
    from release_tool.project import Project
    from release_tool.release.plan import ReleasePlan


def plan(project: Project, request: Request) -> ReleasePlan:
    """Say what the next release would be: with a token as GitHub knows it, else from git alone."""
    planned = look_and_plan(project, request, online=project.github is not None and bool(project.repository))[1]
    warnings = () if planned.action is Action.NOTHING else _warnings(project, planned)
    return msgspec.structs.replace(planned, warnings=tuple(warnings))


def _warnings(project: Project, planned: ReleasePlan) -> Iterator[str]:
    """The build would report another version where nothing sets it from the tag."""
    files = {path: project.git.file(planned.sha, path) for path in (*version_files.PATHS, *version_files.BUILDS)}
    texts = {path: found.decode(errors="replace") for path, found in files.items() if found is not None}
    for file in version_files.unset(texts):
        yield (
            f"{file.path} says {file.version!r}, and no build sets it from the tag:"
            f" `{file.command}` in {version_files.BUILD} would"
        )


def look_and_plan(project: Project, request: Request, *, online: bool) -> tuple[RepositorySnapshot, ReleasePlan]:
    """Look, and plan; what is half-done and has no living owner is finished first."""
    seen = look(project, online=online)
    facts = facts_for(project, seen, request)
    if facts.half_done and not facts.half_done[0].owner_lives:
        tag = facts.half_done[0]
        return seen, plan_finish(facts_for(project, seen, request, finishing=tag), tag)
    return seen, plan_release(facts, request, project.config)
