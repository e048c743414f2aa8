"""Which of a repository's workflows are ours: told by a line at the top of each, whatever its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release_tool.project import Project

_FOLDER = ".github/workflows"
_ROLE = re.compile(r"(?:# Kept by release-tool [^\n]*\n)?# release-tool: (?P<role>[a-z]+)\b", re.ASCII)
_KEPT = "# Kept by release-tool "
_NAMES = {"release": "release-tool.yml", "deploy": "release-tool-deploy.yml", "look": "release-tool-look.yml"}
_OLD_NAMES = {"release": "release.yml", "deploy": "deploy.yml", "look": "dashboard.yml"}
"""What they were called when they had no such line."""


def role_of(text: str) -> str:
    """What a workflow is to us, such as `release`; empty where it is none of ours."""
    found = _ROLE.match(text.replace("\r\n", "\n"))
    return found["role"] if found else ""


def workflow_of(project: Project, role: str) -> str:
    """The name of the file that has a role, as it is in the commit that is checked out; else the usual one."""
    texts = {
        path: (project.git.file("HEAD", path) or b"").decode(errors="replace")
        for path in project.git.files_in("HEAD", _FOLDER)
    }
    named = next((path for path, text in texts.items() if role_of(text) == role), "")
    old = f"{_FOLDER}/{_OLD_NAMES[role]}"
    if not named and texts.get(old, "").startswith(_KEPT):
        named = old
    return named.rpartition("/")[2] or _NAMES[role]
