"""Which of a repository's workflows are ours: recognized by a line at the top of each, whatever its name."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from release_tool.config.cron import next_time, read_cron
from release_tool.errors import RemoteError
from release_tool.github.api import PermissionDeniedError
from release_tool.github.workflows import ACTIVE
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from release_tool.project import Project

_FOLDER = ".github/workflows"
_ROLE = re.compile(r"(?:# Kept by release-tool [^\n]*\n)?# release-tool: (?P<role>[a-z]+)\b", re.ASCII)
_KEPT = "# Kept by release-tool "
_NAMES = {"release": "release-tool.yml", "deploy": "release-tool-deploy.yml", "look": "release-tool-look.yml"}
_OLD_NAMES = {"release": "release.yml", "deploy": "deploy.yml", "look": "dashboard.yml"}
"""What they were called when they had no such line."""
_OLD_LOOK = f"{_FOLDER}/{_OLD_NAMES['release']}"
"""What carried on what an event missed when there was no file of its own for that."""
_CRON = re.compile(r"^ +- cron: (?P<quote>[\"\']?)(?P<cron>[^\"\'#\n]+?)(?P=quote) *(?:#.*)?$", re.MULTILINE)


def role_of(text: str) -> str:
    """The role of a workflow, such as `release`; empty where it is none of ours."""
    found = _ROLE.match(text.replace("\r\n", "\n"))
    return found["role"] if found else ""


def our_workflows(project: Project) -> dict[str, str]:
    """Those of the commit that is checked out, by their paths."""
    found = {
        path: (project.git.file("HEAD", path) or b"").decode(errors="replace")
        for path in project.git.files_in("HEAD", _FOLDER)
    }
    return {path: text for path, text in found.items() if role_of(text) or text.startswith(_KEPT)}


def workflow_of(project: Project, role: str) -> str:
    """The name of the file that has a role, as it is in the commit that is checked out; else the usual one."""
    texts = our_workflows(project)
    named = next((path for path, text in texts.items() if role_of(text) == role), "")
    old = f"{_FOLDER}/{_OLD_NAMES[role]}"
    if not named and old in texts:
        named = old
    return named.rpartition("/")[2] or _NAMES[role]


def switched_off(project: Project, workflows: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Which of our workflows are off, with GitHub's word for it; only asked where a schedule of ours looks."""
    if not any(role_of(text) == "look" for text in workflows.values()):
        return {}, ()
    try:
        states = project.remote.workflows.states()
    except PermissionDeniedError as error:
        return {}, (f"whether the workflows are switched on: {visible(error.message)}",)
    return {path: states[path] for path in workflows if states.get(path, ACTIVE) != ACTIVE}, ()


def next_look(project: Project, workflows: Mapping[str, str], after: datetime | None = None) -> datetime | None:
    """When a schedule of our workflows next looks for blocked or missed work; None where there is none."""
    begin = max(filter(None, (project.clock.now(), after)))
    return min((at for cron in _looks(workflows) if (at := _next(cron, begin))), default=None)


def told_next_look(project: Project, after: datetime | None = None) -> str:
    """When the next scheduled look is, or that there is none and what to type then."""
    workflows, off = our_workflows(project), dict[str, str]()
    with contextlib.suppress(RemoteError):  # what was done is done, whether GitHub answers this or not
        off |= switched_off(project, workflows)[0]
    at = next_look(project, {path: text for path, text in workflows.items() if path not in off}, after)
    if at is None:
        looks = [path.rpartition("/")[2] for path in off if role_of(workflows[path]) == "look"]
        why = "".join(f", for {name} is switched off (`gh workflow enable {name}`)" for name in looks)
        return f"no look is scheduled{why}; to try again: `{carrying_on(project)}`"
    return f"the next look is on {at:%a} {at:%Y-%m-%d %H:%M} UTC"


def carrying_on(project: Project) -> str:
    """The command that starts the workflow for blocked or missed work."""
    return f"gh workflow run {workflow_of(project, 'deploy')}"


def _looks(workflows: Mapping[str, str]) -> Iterator[str]:
    for path, text in workflows.items():
        if role_of(text) == "look" or path == _OLD_LOOK:
            yield from (found["cron"] for found in _CRON.finditer(text))


def _next(cron: str, after: datetime) -> datetime | None:
    """An invalid cron line starts nothing on GitHub either."""
    try:
        return next_time(read_cron(cron), after)
    except ValueError:
        return None
