"""Where everything lies that the engines need, and what is changed beside it."""

from __future__ import annotations

import os
from pathlib import Path

LANES = ("compose-ssh", "systemd", "kubectl", "kubectl-canary", "helm", "road")
"""The recipes, and the whole road: each has a room and engines of its own, and their cases run side by side."""
LANE = os.environ.get("ENGINES_LANE", "")
"""The one whose cases this process runs."""

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
RECIPES = REPOSITORY / "docs" / "recipes"
BUILD = REPOSITORY / "build" / "engines"
BIN = BUILD / "bin"
STATE = BUILD / "lanes" / LANE
"""What the engines of a lane keep."""
LOGS = STATE / "logs"
ROWS = BUILD / "rows"
REPORT = REPOSITORY / "docs" / "engines.md"

PATH = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
"""Only Debian's programs and our own, whatever else the machine has."""

CGROUPS = "release-tool-engines"
"""The one thing of a run that outlives its namespaces: its control groups, all of them under this name."""
CGROUP = f"{CGROUPS}/{LANE or 'one'}"
