"""What nektos/act has to be spared of a workflow; every other byte is as GitHub reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = re.compile(r"^ +(?:queue: max|deployment: false)(?: +#.*)?\n", re.MULTILINE)
"""Keys that act refuses. They matter between runs, and for GitHub's own records, of which act has neither."""

PLANNED = re.compile(r"fromJSON\(needs\.(\w+)\.outputs\.(\w+)\)")
"""A matrix that another job planned. Where that job is skipped act reads the matrix all the same, GitHub does not."""

INDEX = "strategy.job-index"
"""What tells the jobs of a matrix apart on GitHub, and is empty for act."""


def prepare(workflows: Path) -> None:
    """Make every workflow in a folder readable for act."""
    for path in workflows.glob("*.yml"):
        path.write_text(readable(path.read_text()))


def readable(text: str) -> str:
    """A workflow without what act can't read."""
    known = UNKNOWN.sub("", text).replace(INDEX, "matrix.environment")
    return PLANNED.sub(r"fromJSON(needs.\1.result == 'success' && needs.\1.outputs.\2 || '[]')", known)
