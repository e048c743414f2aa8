"""What a program said, kept within bounds: its beginning and its end, which is where the reasons stand."""

from __future__ import annotations

from collections import deque

_FIRST = 16 * 1024
_LAST = 48 * 1024


class Transcript:
    """Lines as they come, of which the first and the last characters are kept, always in whole lines."""

    def __init__(self, *, first: int = _FIRST, last: int = _LAST) -> None:
        self._room_first = first
        self._room_last = last
        self._first: list[str] = []
        self._last: deque[str] = deque()
        self._left_out = 0

    def add(self, line: str) -> None:
        """Take a line, without its end."""
        size = len(line) + 1
        if not self._last and not self._left_out and size <= self._room_first:
            self._first.append(line)
            self._room_first -= size
            return
        self._last.append(line)
        self._room_last -= size
        while self._room_last < 0:
            self._room_last += len(self._last.popleft()) + 1
            self._left_out += 1

    def leave_out(self, lines: int) -> None:
        """Know of lines that are not given; with them goes what came right before, for an end has no gaps."""
        self._left_out += len(self._last) + lines
        self._room_last += sum(len(line) + 1 for line in self._last)
        self._last.clear()

    @property
    def text(self) -> str:
        """All that was kept, with a line in between that says how much was not."""
        gap = [f"… lines left out here: {self._left_out} …"] if self._left_out else []
        return "".join(f"{line}\n" for line in (*self._first, *gap, *self._last))
