"""The objects of a repository, read by one git program that stays, instead of one for each question."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from release_tool.system.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from release_tool.system.process import Companion

READER = ("cat-file", "--batch")
"""How git is asked for one object after the other, in every version of it that people have."""

_AT_ONCE = 16
"""How many names are asked for before the answers are read: fewer than fill a pipe."""


class Object(msgspec.Struct, frozen=True):
    """One object of git: a blob, a tree, a commit or a tag."""

    sha: str
    kind: str
    content: bytes


class Objects:
    """What reads objects for us; it is started when it is needed, and finds what comes while it runs."""

    def __init__(self, start: Callable[[], Companion]) -> None:
        self._start = start
        self._reader: Companion | None = None

    def read(self, names: Iterable[str]) -> Iterator[Object | None]:
        """The object of each name, None where there is none of it; raises ProcessError where git can't go on."""
        left = iter(names)
        while some := list(itertools.islice(left, _AT_ONCE)):
            yield from self._read(some)

    def restart(self) -> None:
        """Read on with a new program: one remembers where the history of a shallow clone ended."""
        reader, self._reader = self._reader, None
        if reader:
            reader.end()

    def _read(self, names: Sequence[str]) -> list[Object | None]:
        if self._reader:
            try:
                return self._answers(self._reader, names)
            except ProcessError:  # ended from outside, as by an interrupt from the keyboard: a new one may do it
                pass
        self._reader = self._start()
        return self._answers(self._reader, names)

    def _answers(self, reader: Companion, names: Sequence[str]) -> list[Object | None]:
        try:
            reader.ask("".join(f"{name}\n" for name in names).encode(errors="surrogateescape"))
            return [_answer(reader) for _ in names]
        except BaseException:  # what is left of its answers would be taken for the next ones
            self.restart()
            raise


def _answer(reader: Companion) -> Object | None:
    """Read one answer; a line that does not end with a size says that there is no such object, or more than one."""
    line = reader.line().decode(errors="replace")
    if not line.rpartition(" ")[2].isdigit():
        return None
    sha, kind, size = line.split(" ")
    return Object(sha, kind, reader.read(int(size) + 1)[:-1])
