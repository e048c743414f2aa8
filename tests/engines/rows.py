"""The table that a run writes: which case of which recipe was run on what, and what was seen."""

from __future__ import annotations

import contextlib
import fcntl
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


NOT_RUN = "not run"


class Case(msgspec.Struct, frozen=True):
    """What a recipe is put to, and the engine below it."""

    recipe: str
    text: str
    engine: str

    @property
    def name(self) -> str:
        return re.sub(r"\W+", "-", f"{self.recipe} {self.text}")


class Row(msgspec.Struct, frozen=True):
    """What came of a case; `result` is `ok`, `red`, `false green` or `not run`."""

    of: Case
    result: str
    seen: str
    seconds: int = 0
    day: str = ""


def keep(row: Row, folder: Path) -> None:
    """Write a row down, in place of the one of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{row.of.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(row)))


@contextlib.contextmanager
def alone(lock: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold a lock; BlockingIOError where somebody else does and this one is not to wait."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield


def of_all(cases: Mapping[Case, str], folder: Path) -> tuple[Row, ...]:
    """A row for each case, sorted by recipe: what was seen when it was run last, or why it never was."""
    return tuple(_row(case, why, folder) for case, why in sorted(cases.items(), key=lambda one: one[0].recipe))


def _row(case: Case, why: str, folder: Path) -> Row:
    file = folder / f"{case.name}.json"
    return msgspec.json.decode(file.read_bytes(), type=Row) if file.exists() else Row(case, NOT_RUN, why)


def table(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| recipe | case | result | seen | time | engine | day |",
        "|---|---|---|---|---:|---|---|",
        *(_line(row) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    time = f"{row.seconds} s" if row.seconds else ""
    cells = (row.of.recipe, row.of.text, row.result, row.seen, time, row.of.engine, row.day)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def written_into(text: str, what: str, block: str) -> str:
    """A document with a block between the two marks that name what is written there."""
    begin, end = f"<!-- engines: {what} -->\n", "<!-- end -->"
    before, found, rest = text.partition(begin)
    assert found, f"the document has no place for the {what}"
    _, _, after = rest.partition(end)
    return f"{before}{begin}{block}{end}{after}"
