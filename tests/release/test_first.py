"""The first release of a repository is a person's; from then on what lands is released by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shop import shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shop import Entry

FIX: Entry = {"pull": 1, "title": "fix: a", "files": {"a": "1"}}
NEXT: Entry = {"pull": 2, "title": "fix: b", "files": {"b": "1"}, "state": "open"}
PUSH = {"GITHUB_EVENT_NAME": "push"}


@pytest.mark.parametrize("event", ["push", "schedule"])
def test_nothing_but_a_person_makes_the_first_release(tmp_path: Path, event: str) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX, NEXT) as made:
        for command in ("plan", "release"):
            ended = made.run(command, "--json", env=made.job() | {"GITHUB_EVENT_NAME": event})
            assert (ended.code, ended.document["action"]) == (0, "nothing")
            assert "`release-tool bump`" in str(ended.document["reason"])
        assert made.run("release", "--json", env=made.job()).document["released"] is True
        made.api("PUT", "pulls/2/merge", {"merge_method": "squash"})
        made.git("pull", "--quiet", "--tags", "origin", "main")
        assert made.run("plan", "--json", env=made.job() | PUSH).document["tag"] == "v1.2.5"


def test_a_clone_that_has_no_tags_goes_on_releasing(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX, NEXT) as made:
        assert made.run("release", "--json", env=made.job()).document["released"] is True
        made.api("PUT", "pulls/2/merge", {"merge_method": "squash"})
        made.git("pull", "--quiet", "--no-tags", "origin", "main")
        made.git("tag", "--delete", *made.git("tag").split())
        assert made.run("plan", "--json", env=made.job() | PUSH).document["tag"] == "v1.2.5"


def test_who_says_so_lets_the_first_push_release(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX, files={"release-tool.toml": "release-now = true\n"}) as made:
        assert made.run("plan", "--json", env=made.job() | PUSH).document["tag"] == "v1.2.4"
