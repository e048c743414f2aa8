"""What was built of a commit besides files: written on the commit itself, where every deployment of it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.project import Project

_CONTEXT = "release-tool/reference/"


def record(project: Project, commit: str, references: Iterable[ImageReference]) -> None:
    """Write references on the commit that they were built from; twice is the same as once."""
    wanted = {reference.name: reference.reference for reference in references}
    known = recorded(project, commit) if wanted else {}
    for name, reference in wanted.items():
        if known.get(name) != reference:
            project.remote.create_status(commit, f"{_CONTEXT}{name}", "success", reference)


def recorded(project: Project, commit: str) -> dict[str, str]:
    """The references of a commit by name, each with its digest."""
    statuses = project.remote.statuses(commit)
    return {
        context.removeprefix(_CONTEXT): status.description
        for context, status in statuses.items()
        if context.startswith(_CONTEXT)
    }


class ImageReference(msgspec.Struct, frozen=True):
    """Something built that is no file, such as a container image: its name and `REF@sha256:…`."""

    name: str
    reference: str
