"""What a person sees on a terminal: tables that fold into its width, and a verdict below what is longer than it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def width(stream: TextIO) -> int | None:
    """The columns of a terminal; None where a stream is none, and nothing has to fit."""
    if not stream.isatty():
        return None
    import shutil  # only a terminal needs it

    return shutil.get_terminal_size().columns


def table(rows: Iterable[Sequence[str]], columns: int, *, indent: int = 0) -> str:
    """Rows of styled cells below one another, folded so that no line is longer than the terminal."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for row in rows:
        while len(grid.columns) < len(row):
            grid.add_column(overflow="fold")
        grid.add_row(*map(Text.from_ansi, row))
    console = Console(width=columns, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as drawn:
        console.print(Padding(grid, (0, 0, 0, indent)))
    return drawn.get().rstrip("\n")


def folded(text: str, columns: int) -> str:
    """A text without escapes whose lines are folded between words, each below its own beginning."""
    return "\n".join(part for line in text.split("\n") for part in _folded(line, columns))


def _folded(line: str, columns: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    import textwrap

    beginning = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, columns, subsequent_indent=f"{beginning}  ", break_long_words=False, break_on_hyphens=False
    )


def ended(text: str, verdict: str) -> str:
    """A result, with its verdict at the end where the terminal is too small to show the whole of it."""
    if not sys.stdout.isatty():
        return text
    import shutil

    too_long = text.count("\n") + 1 >= shutil.get_terminal_size().lines
    return f"{text}\n\n{verdict}" if too_long else text
