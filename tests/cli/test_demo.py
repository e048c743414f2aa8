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
    )
    places = [done.stdout.index(line) for line in story]
    assert places == sorted(places)
