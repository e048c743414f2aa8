"""A merge that was pushed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.history.facts import Request
from release_tool.release.planning import plan
from tests.shop import shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shop import Entry

BREAKING: Entry = {"pull": 1, "title": "Drop it", "labels": ["breaking"], "files": {"a.py": "1"}}


def test_pull_requests_behind_a_merge_pushed_by_hand_are_not_lost(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, BREAKING) as made:
        made.git("checkout", "--quiet", "-b", "mine", "v1.2.3")
        (made.clone / "mine.py").write_text("1")
        made.git("add", "mine.py")
        made.git("commit", "--quiet", "--message", "Work of mine")
        made.git("merge", "--quiet", "--no-ff", "--message", "Merge branch 'main'", "origin/main")
        made.git("push", "--quiet", made.box.push_url, "mine:main")
        made.git("branch", "--force", "main", "mine")
        made.git("checkout", "--quiet", "main")
        made.git("fetch", "--quiet")

        planned = plan(made.project(), Request())

        assert planned.tag == "v2.0.0"
        assert [(change.pull, change.title) for change in planned.changes] == [
            (None, "Work of mine"),
            (1, "Drop it"),
            (None, "Merge branch 'main'"),
        ]
