"""The files of a working tree: read and written inside of it, and nowhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from release_tool.errors import RefusedError

_LARGEST = 1024 * 1024


class Worktree:
    """The working tree of a clone; paths are relative to its top."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> str | None:
        """The text of a file, None where there is none; raises RefusedError where it leads out of the repository."""
        place = self._inside(path)
        if not place.is_file() or place.stat().st_size > _LARGEST:
            return None
        with place.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read()

    def insist_on_room(self, path: str) -> None:
        """Raise RefusedError where no file can be made: a folder has its name, a file a folder's, or nobody may."""
        place = self._inside(path)
        above = next(folder for folder in place.parents if folder.exists())
        if place.is_dir() or not above.is_dir() or not os.access(above, os.W_OK):
            in_the_way = place if place.is_dir() or above.is_dir() else above
            raise RefusedError(
                f"{path} can't be made: {in_the_way.relative_to(self._root)} is in the way, or nobody may write there",
                already="nothing was written",
                todo="remove or rename what has this name, or let yourself write there, and run this again",
            )

    def write(self, path: str, text: str, *, executable: bool = False) -> None:
        """Write a file whole or not at all; raises RefusedError where it leads out of the repository."""
        place = self._inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=place.parent, prefix=".release-tool-")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(made).chmod(0o755 if executable else 0o644)
        Path(made).replace(place)

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that are empty then; raises RefusedError where it leads out of it all."""
        place = self._inside(path)
        place.unlink(missing_ok=True)
        for folder in place.parents:
            if folder == self._root or any(folder.iterdir()):
                return
            folder.rmdir()

    def _inside(self, path: str) -> Path:
        place = self._root / path
        if not place.resolve().is_relative_to(self._root) or place.is_symlink():
            raise RefusedError(
                f"{path} is a link, or lies behind one",
                already="nothing was written through it",
                todo="replace the link by a file or folder of its own",
            )
        return place
