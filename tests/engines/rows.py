"""The table that a run writes: which case of which recipe was run on what, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Row(msgspec.Struct, frozen=True):
    """One case; `result` is `ok`, `red`, `false green` or `not run`."""

    recipe: str
    case: str
    result: str
    seen: str
    seconds: int
    engine: str
    day: str


def keep(row: Row, folder: Path, name: str) -> None:
    """Write a row down, in place of the one of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(row)))


def kept(folder: Path) -> tuple[Row, ...]:
    return tuple(msgspec.json.decode(file.read_bytes(), type=Row) for file in sorted(folder.glob("*.json")))


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
    cells = (row.recipe, row.case, row.result, row.seen, time, row.engine, row.day)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


BEGIN, END = "<!-- engines: table -->\n", "<!-- end -->"


def written_into(text: str, rows: Iterable[Row]) -> str:
    """A document with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(rows)}{END}{after}"
