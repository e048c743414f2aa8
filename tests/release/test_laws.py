"""What holds for every history: each change is in exactly one release, and a second look finds nothing to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release_tool.history.facts import Request
from release_tool.release.make import ReleaseContents, release
from release_tool.release.plan import Action
from release_tool.release.planning import plan
from tests import examples
from tests.shop import shop

if TYPE_CHECKING:
    from tests.shop import Entry

LABELS = ("breaking", "feature", "bug", "documentation", "no-release", "skip-changelog")


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """What lands on a main branch: pull requests merged in every way, direct pushes, reverts; then one last fix."""
    history: list[Entry] = [{"tag": "v1.2.3"}]
    merged: list[int] = []
    for number in range(1, draw(st.integers(2, 6)) + 1):
        kind = draw(st.sampled_from(["squash", "merge", "rebase", "push", "revert"]))
        title = draw(st.sampled_from(["Change it", "feat: change it", "fix: change it"])) + f" {number}"
        if kind == "push":
            history.append({"commit": title, "author": "bob", "files": {f"{number}.py": title}})
        elif kind == "revert" and merged:
            history.append({"revert": merged.pop(), "number": number})
        else:
            history.append(pull(number, title, kind, draw(st.sets(st.sampled_from(LABELS), max_size=2))))
            merged.append(number)
    return [*history, {"pull": 99, "title": "fix: the last word", "files": {"last.py": "1"}}]


def pull(number: int, title: str, kind: str, labels: set[str]) -> Entry:
    entry: Entry = {"pull": number, "title": title, "labels": sorted(labels), "author": "ada"}
    if kind == "rebase":
        parts = [{"message": f"{title}, part {part}", "files": {f"{number}-{part}.py": title}} for part in (1, 2)]
        return entry | {"merge": "rebase", "commits": parts}
    return entry | {"merge": "squash" if kind == "revert" else kind, "files": {f"{number}.py": title}}


@settings(
    max_examples=examples.number(10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories(), st.data())
def test_every_change_is_in_exactly_one_release(history: list[Entry], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory, shop(Path(directory), *history) as made:
        line = made.git("rev-list", "--first-parent", "--reverse", "v1.2.3..HEAD").split()
        landed = {change.sha for change in plan(made.project(), Request()).changes}
        told: list[str] = []
        stops = data.draw(st.sets(st.sampled_from(sorted(landed, key=line.index)), max_size=2)) | {line[-1]}
        for commit in sorted(stops, key=line.index):
            made.git("checkout", "--quiet", "--detach", commit)
            outcome = release(made.project(), Request(), ReleaseContents())
            told += [change.sha for change in outcome.plan.changes] if outcome.released else []
            assert plan(made.project(), Request()).action is Action.NOTHING
        assert sorted(told) == sorted(landed)
        assert not [found.tag for found in made.github().releases() if found.draft]
