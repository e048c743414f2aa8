"""A clean checkout of one commit, apart from the clone that its objects are in."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from release_tool.git.program import GitProgram, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.git.program import Layout
    from release_tool.git.repository import Git

_SUBMODULE = b"160000 "
_CLEAN = ("core.autocrlf=false", "core.fsmonitor=false", "core.sparseCheckout=false", "core.splitIndex=false")
"""What would let a checkout come out differently for different users."""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one commit in a repository of their own; `submodules` are the paths that stay empty in it."""

    directory: Path
    submodules: tuple[str, ...]


@contextlib.contextmanager
def checkout(git: Git, commit: str) -> Iterator[Checkout]:
    """Check a commit out into a temporary directory, without touching the clone; it is gone afterwards.

    It is a repository with a detached head, so that a command may ask git or push from it, and it knows no remote
    and no credentials of ours. Raises RemoteError where git can't do it.
    """
    with tempfile.TemporaryDirectory(prefix="release-tool-", ignore_cleanup_errors=True) as temporary:
        directory = Path(temporary).resolve()
        _make_repository(directory, git.program.layout, commit)
        git.program.beside(directory, _CLEAN).run(
            "read-tree", "--reset", "-u", safe(commit), env={"GIT_INDEX_FILE": str(directory / ".git" / "index")}
        )
        yield Checkout(directory=directory, submodules=_submodules(git.program, commit))


def _make_repository(directory: Path, layout: Layout, commit: str) -> None:
    """Make an empty repository that finds its objects in another one."""
    git = GitProgram(directory, token=None, server_url="")
    git.run("init", "--quiet", "--template=", f"--object-format={layout.object_format}")
    (directory / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (directory / ".git" / "objects" / "info" / "alternates").write_bytes(os.fsencode(layout.objects) + b"\n")
    if layout.shallow.exists():
        shutil.copyfile(layout.shallow, directory / ".git" / "shallow")
    git.run("update-ref", "--no-deref", "HEAD", safe(commit))


def _submodules(git: GitProgram, commit: str) -> tuple[str, ...]:
    entries = git.stream("ls-tree", "-r", "-z", "--full-tree", safe(commit), separator=b"\0")
    return tuple(os.fsdecode(entry.partition(b"\t")[2]) for entry in entries if entry.startswith(_SUBMODULE))
