"""Counts the git programs that release-tool starts, by one of the same name that stands before git on the PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

OURS = "--no-pager"
"""The option by which a git program of release-tool is told from one of the stand-in or of a test."""


class Counter:
    """The lines of git programs that were started."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = directory / "started"
        self.forget()
        git = Path(directory, "git")
        git.write_text(f"#!/bin/sh\necho \"$*\" >> '{self._log}'\nexec '{shutil.which('git')}' \"$@\"\n")
        git.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")

    def forget(self) -> None:
        """Begin to count anew."""
        self._log.write_text("")

    def started(self) -> list[str]:
        """What release-tool started."""
        return [line for line in self._log.read_text().splitlines() if line.startswith(OURS)]
