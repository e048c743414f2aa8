"""What the commands of an environment need, checked before it is said that they would deploy something."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_INTERPRETERS = frozenset({"sh", "bash", "dash", "zsh", "python", "python3", "node", "ruby", "perl"})
_EXECUTABLE = "100755"
_DEPLOY_SETUP = ".github/actions/deploy-setup"


class Lack(msgspec.Struct, frozen=True):
    """Something that is missing, and what to do about it; `certain` where nobody could run the command."""

    text: str
    todo: str
    certain: bool


class _Check(msgspec.Struct, frozen=True):
    command: list[str] = []


class _Commands(msgspec.Struct, frozen=True, rename="kebab"):
    command: list[str]
    rollback_command: list[str] = []
    checks: list[_Check] = []


def lacks(
    environment: Mapping[str, object], version: str, folder: Path, mode_of: Callable[[str], str]
) -> Iterator[Lack]:
    """Tell what the commands of an environment lack.

    `mode_of` gives the mode that a file has in the commit that would be deployed, empty where it has no such file;
    `folder` is where somebody works, who may not have committed it yet.
    """
    told = msgspec.convert(environment, _Commands)
    commands = [told.command, told.rollback_command, *(check.command for check in told.checks)]
    seen = set[tuple[str, bool]]()
    for argv in filter(None, commands):
        program, *arguments = argv
        in_commit = "/" in program and not program.startswith("/")
        needs = [(program, True)]
        if program.rpartition("/")[2] in _INTERPRETERS and arguments and not arguments[0].startswith("-"):
            needs.append((arguments[0], False))
        for name, runs in needs:
            if (name, runs) not in seen:
                seen.add((name, runs))
                if in_commit or not runs:
                    yield from _of_file(name, version, folder, mode_of, runs=runs)
                else:
                    yield from _of_program(name)


def _of_file(name: str, version: str, folder: Path, mode_of: Callable[[str], str], *, runs: bool) -> Iterator[Lack]:
    path = os.path.normpath(name)
    mode, here = mode_of(path), folder / path
    if mode and (mode == _EXECUTABLE or not runs):
        return
    if mode:
        todo = f"run `git update-index --chmod=+x {word(path)}`, and commit"
        yield Lack(f"{name} is not executable in {version}", todo, certain=True)
    elif here.is_file() and (os.access(here, os.X_OK) or not runs):
        yield Lack(f"{name} is in your folder, and not in {version}", f"commit {path}", certain=False)
    else:
        yield Lack(f"{name}, which is to be run, is not in {version}", f"add {path}, and commit it", certain=True)


def _of_program(name: str) -> Iterator[Lack]:
    if shutil.which(name) is None:
        text = f"{name} is not on this machine, so it is not known whether it can be run"
        yield Lack(text, f"let {_DEPLOY_SETUP} bring {name} to the runner", certain=False)
