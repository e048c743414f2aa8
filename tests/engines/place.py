"""Where everything lies that the engines need, and what is changed beside it."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
RECIPES = REPOSITORY / "docs" / "recipes"
BUILD = REPOSITORY / "build" / "engines"
BIN = BUILD / "bin"
LOGS = BUILD / "logs"
ROWS = BUILD / "rows"
REPORT = REPOSITORY / "docs" / "engines.md"

PATH = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
"""Only Debian's programs and our own, whatever else the machine has."""

CGROUP = "release-tool-engines"
"""The one thing of a run that outlives its namespaces: its control groups, all of them under this name."""
