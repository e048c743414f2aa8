"""The demo."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import forkserver

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.sandbox


def test_the_demo_shows_every_stage_in_order_and_leaves_the_dashboard(tmp_path: Path) -> None:
    done = subprocess.run(
        [forkserver.python(), "-m", "release_tool", "demo", "--fast", "--dir", tmp_path / "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    story = (
        "[1/7] Pull requests say how far they move the version",
        "#1: can't be merged yet",
        "error: nothing says how far it moves the version",
        "#1: merging this makes v1.3.0",
        "| ### ✅ Merging this makes v1.3.0",
        "#1 Search the catalogue by name: merged",
        "[2/7] What was merged becomes v1.3.0",
        "main: v1.3.0 is next (minor): 3 changes since v1.2.3",
        "v1.3.0 is released",
        "## New features",
        "nothing has landed on main since v1.3.0",
        "[3/7] The hosted branch follows, once it is tested",
        "cloud       1.2.3+cloud.1, behind by v1.3.0",
        "candidate: `cloud` has commits of its own, so v1.3.0 is merged into it",
        "advanced: `cloud` moved to",
        "cloud       1.3.0, up to date",
        "[4/7] Production gets the release, and it is proven there",
        "production: 1.3.0 healthy",
        '{"version": "1.3.0"}',
        "[5/7] Two bad releases are rolled back",
        "another version still answered",
        "production: 1.3.1 rolled back",
        "3 bad intervals in a row",
        "production: 1.3.2 rolled back",
        "production: 1.3.2 blocked",
        "halted: production",
        "[6/7] A conflict waits for a person",
        "conflict: v1.3.3 conflicts with `cloud`",
        "Resolve the conflicts of v1.3.3 with cloud",
        "[7/7] Where everything is",
        "cloud       1.3.2+cloud.1, behind by v1.3.3",
        "wrote the dashboard",
        "That was all",
    )
    places = [done.stdout.index(line) for line in story]
    assert places == sorted(places)
    assert [sign for sign in done.stdout if not sign.isprintable() and sign != "\n"] == []
    assert [line for line in shown_in_readme() if line not in map(without_numbers, done.stdout.splitlines())] == []
    dashboard = tmp_path / "demo" / "dashboard"
    ways = journeys_in(dashboard / "status.json")
    for way in ways.values():
        times = [one["at"] for one in way if one["at"]]
        assert times == sorted(times)
    assert {tag: way[-1]["text"].partition(" (")[0] for tag, way in ways.items() if way[-1]["mark"] == "failed"} == {
        "v1.3.1": "failed: `production` `health`: another version still answered 3s after the command",
        "v1.3.2": "failed: `production` `health`: 3 bad intervals in a row",
    }
    page = (dashboard / "index.html").read_text()
    for fact in ("is healthy", "1.3.0", "3 bad intervals in a row", "we look for the cause"):
        assert fact in page
    (live,) = [
        sample.labels["version"]
        for family in text_string_to_metric_families((dashboard / "metrics.prom").read_text())
        for sample in family.samples
        if "version" in sample.labels and sample.labels.get("environment") == "production"
    ]
    assert live == "1.3.0"


def journeys_in(file: Path) -> dict[str, list[dict[str, str]]]:
    """The milestones of each release by its tag."""
    return {way["tag"]: way["milestones"] for way in json.loads(file.read_text())["journeys"]}


def shown_in_readme() -> list[str]:
    """What the README shows of the demo."""
    block = re.search(r"<!-- from the demo -->\n```text\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    return [without_numbers(line) for line in block[1].splitlines()]


def without_numbers(line: str) -> str:
    """A line without what differs from run to run: numbers of deployments, ports, milliseconds."""
    return re.sub(r"#\d+|:\d{4,5}|\d+ ms", "…", line)
