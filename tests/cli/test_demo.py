"""The demo."""

from __future__ import annotations

import subprocess
import sys


def test_the_demo_shows_every_stage_in_order() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "release_tool", "demo", "--fast"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    story = (
        "#1: can't be merged yet",
        "error: nothing says how far it moves the version",
        "#1: merging this makes v1.3.0",
        "| ### ✅ Merging this makes v1.3.0",
        "#1 Search the catalogue by name: merged",
        "main: v1.3.0 is next (minor): 3 changes since v1.2.3",
        "v1.3.0 is released",
        "## New features",
        "nothing has landed on main since v1.3.0",
        "cloud       1.2.3+cloud.1, behind by v1.3.0",
        "candidate: `cloud` has commits of its own, so v1.3.0 is merged into it",
        "advanced: `cloud` moved to",
        "cloud       1.3.0, up to date",
        "conflict: v1.3.1 conflicts with `cloud`",
        "Resolve the conflicts of v1.3.1 with cloud",
        "cloud       1.3.0+cloud.1, behind by v1.3.1",
    )
    places = [done.stdout.index(line) for line in story]
    assert places == sorted(places)
