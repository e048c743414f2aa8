"""Measures everything, and writes the table and its picture into `docs/performance.md`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import peers, workflows
from benchmarks.clones import environment_in
from benchmarks.measure import Bench
from benchmarks.peers import CLICK, OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.peers import Measured, Peer

_PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_PICTURE = _PAGE.with_suffix(".svg")
_TOOL = str(Path(sys.executable).with_name("release-tool"))
_BEGIN, _END = "<!-- measured -->", "<!-- /measured -->"
_STARTS = {
    "--version": (["--version"], {}),
    "--help": (["--help"], {}),
    "completion": ([], {"_RELEASE_TOOL_COMPLETE": "bash_complete", "COMP_WORDS": "release-tool pl", "COMP_CWORD": "1"}),
}
_ROW, _LEFT, _BAR = 22, 270, 360
_MOST = 8.0
"""The ratio at which a bar ends; what is more is cut, and its number tells."""


def main(named: Sequence[str]) -> None:
    """Measure, and write the page and the picture anew."""
    with tempfile.TemporaryDirectory(prefix="release-tool-bench-") as temporary:
        directory = Path(temporary)
        environment = environment_in(directory)
        starts = list(_starts(directory, environment))
        others = peers.installed(directory / "peers")
        way = list(workflows.critical_path())
        rows = []
        for row in peers.measured(directory, environment, others, named, rounds=9):
            rows.append(row)
            print(f"{row.clone}: {row.costs[OURS].cpu * 1000:.0f} ms" if OURS in row.costs else row.clone, flush=True)
            _write([*_about(others), "", *starts, "", *peers.table(rows), "", *way], rows)


def _write(lines: Sequence[str], rows: Sequence[Measured]) -> None:
    """Put what is measured so far where the page had what was measured before."""
    text = "\n".join(lines)
    measured = re.compile(f"{_BEGIN}.*{_END}", re.DOTALL)
    _PAGE.write_text(measured.sub(lambda _: f"{_BEGIN}\n\n{text}\n\n{_END}", _PAGE.read_text()))
    _PICTURE.write_text("\n".join(picture(rows)) + "\n")


def _about(others: Sequence[Peer]) -> Iterator[str]:
    """The machine and the versions."""
    git = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    python = platform.python_version()
    yield f"Measured on {os.cpu_count()} cores ({platform.machine()}, {platform.system()}), Python {python}, Git {git}."
    yield f"click {version('click')}, " + ", ".join(f"{peer.name} {peer.version}" for peer in others) + "."


def _starts(directory: Path, environment: Mapping[str, str]) -> Iterator[str]:
    yield "| start | ÷ `import click`, CPU | ÷ `import click`, wall |"
    yield "| --- | ---: | ---: |"
    for name, (arguments, variables) in _STARTS.items():
        ours, floor = Bench(directory, {**environment, **variables}, rounds=15).compare(
            [_TOOL, *arguments], [sys.executable, "-c", "import click"]
        )
        yield f"| {name} | {ours.cpu / floor.cpu:.2f} | {ours.seconds / floor.seconds:.2f} |"


def picture(rows: Sequence[Measured]) -> Iterator[str]:
    """A bar for each clone: how many times as long as `import click` a plan takes; the text says what the bars show."""
    height = _ROW * (len(rows) + 2)
    told = "; ".join(f"{row.clone}: {row.ratio(CLICK):.1f}" for row in rows)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img"'
        ' aria-labelledby="title description" font-family="sans-serif" font-size="13">'
    )
    yield '<title id="title">A plan, in times of importing click</title>'
    yield f'<desc id="description">{escape(told)}</desc>'
    yield f'<rect width="720" height="{height}" fill="#ffffff"/>'
    for number, row in enumerate(rows, 1):
        ratio = row.ratio(CLICK) or 0
        y = number * _ROW
        width = _BAR * min(ratio, _MOST) / _MOST
        yield f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end" fill="#1f2328">{escape(row.clone)}</text>'
        yield f'<rect x="{_LEFT}" y="{y + 2}" width="{width:.0f}" height="16" fill="#0550ae"/>'
        yield f'<text x="{_LEFT + width + 6:.0f}" y="{y + 14}" fill="#1f2328">{ratio:.1f}</text>'
    yield "</svg>"


if __name__ == "__main__":
    main(sys.argv[1:])
