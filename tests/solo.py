"""A clone without GitHub, as the stages see it: everything is told by git alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.cli.session import read_config
from release_tool.git.push import Branches
from release_tool.git.repository import Git
from release_tool.github.actions import Actions
from release_tool.notify.notice import SendReport
from release_tool.project import Project
from release_tool.system import host
from tests.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def solo(directory: Path) -> Project:
    """What the stages work on in a clone whose person has no token."""
    git = Git.find(directory)
    return Project(
        git=git,
        config=read_config(git, ""),
        actions=Actions({}),
        clock=FakeClock(),
        owner=host.this_process(),
        repository="acme/shop",
        web_url="https://github.com/acme/shop",
        github=None,
        branches=Branches(git, token=None),
        say=lambda _: None,
        notify=lambda _, *, only=None: SendReport(sent=tuple(only or ())),
    )
