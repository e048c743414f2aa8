"""A folder that is ours: files are written into it whole or not at all, and no other file is touched."""

from __future__ import annotations

import contextlib
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError, UsageError
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_RECORD = ".release-tool.json"
"""The file that lists what we wrote, so that we overwrite and remove nothing else."""

_DURING = "writing the folder"


class _Record(msgspec.Struct, frozen=True, tag_field="schema", tag=1):
    files: tuple[str, ...]


class Folder:
    """A folder that files are written into, by their paths below it; it is made where it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def replace(self, files: Mapping[str, str], *, last: str) -> None:
        """Make these all of our files; `last` is written when everything that it leads to is there.

        Raises RefusedError where a file of somebody else is in the way, and UsageError where it can't be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._replace(files, last)
        except OSError as error:
            raise UsageError(
                f"{self.path} can't be written: {error.strerror or error}",
                during=_DURING,
                already="each file is as it was or as it should be, and none is half written",
                todo="name a folder that can be written",
            ) from error

    def _replace(self, files: Mapping[str, str], last: str) -> None:
        ours = self._ours()
        self._insist_on_ours(files.keys() - ours)
        self._record(ours | files.keys())  # first, so that what is written is known as ours if this is interrupted
        for name in sorted(files, key=lambda name: (name == last, name)):
            self._write(name, files[name])
        for name in sorted(ours - files.keys()):
            self._remove(name)
        self._record(files.keys())

    def _ours(self) -> set[str]:
        """What we wrote at another time; nothing outside of the folder is ever believed to be ours."""
        try:
            record = msgspec.json.decode((self.path / _RECORD).read_bytes(), type=_Record)
        except FileNotFoundError:
            return set()
        except UNREADABLE as error:
            raise RefusedError(
                f"{self.path / _RECORD} can't be read, so it is unknown which files are ours: {error}",
                during=_DURING,
                already="nothing was written",
                todo="name an empty folder, or remove this one",
            ) from error
        return {name for name in record.files if self._is_inside(name)}

    def _is_inside(self, name: str) -> bool:
        path = PurePosixPath(name)
        is_plain = not path.is_absolute() and not any(part.startswith(".") for part in path.parts)
        return is_plain and (self.path / path).parent.resolve().is_relative_to(self.path.resolve())

    def _insist_on_ours(self, names: Iterable[str]) -> None:
        foreign = next(filter(None, map(self._in_the_way, sorted(names))), None)
        if foreign:
            raise RefusedError(
                f"{self.path} holds {foreign}, which release-tool did not write",
                during=_DURING,
                already="nothing was written",
                todo="name an empty folder, or one that release-tool wrote before",
            )

    def _in_the_way(self, name: str) -> str:
        """What is where a file, or a folder of it, is to be; empty where nothing is."""
        folders = [str(folder) for folder in PurePosixPath(name).parents if folder.name]
        files = (one for one in folders if os.path.lexists(self.path / one) and not (self.path / one).is_dir())
        taken = os.path.lexists(self.path / name) or not self._is_inside(name)
        return next(files, name if taken else "")

    def _record(self, names: Iterable[str]) -> None:
        self._write(_RECORD, msgspec.json.encode(_Record(tuple(sorted(names)))).decode() + "\n")

    def _write(self, name: str, text: str) -> None:
        """Write a file beside its place and move it there, so that no reader sees half of it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            fresh.write_bytes(text.encode(errors="replace"))
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)

    def _remove(self, name: str) -> None:
        """Remove a file, and the folders that were there for it alone; who kept our record alone has none of them."""
        path = self.path / name
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self.path or (parent.exists() and any(parent.iterdir())):
                break
            with contextlib.suppress(FileNotFoundError):
                parent.rmdir()
