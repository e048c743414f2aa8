"""Answers that can't be true: no list of refs makes the tool forget a release that another list tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.errors import NeedsPersonError, NoAnswerError
from release_tool.history.look import branch_snapshot, look
from tests.shop import shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shop import Entry, Shop

HISTORY: tuple[Entry, ...] = (
    {"tag": "v1.2.3"},
    {"pull": 1, "title": "fix: mend it", "files": {"a": "1"}},
)
REFS = "/info/refs"
FOREVER = 10_000


def without_tags(ours: Shop) -> str:
    """The refs as a dumb server tells them that knows the branch alone."""
    return f"{ours.git('rev-parse', 'origin/main')}\trefs/heads/main\n"


@pytest.mark.parametrize("text", ["", "<html>one moment, please</html>"], ids=["nothing", "a page"])
def test_a_release_is_not_made_over_an_empty_list_of_refs(tmp_path: Path, text: str) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        ours.box.fault(Fault(path=REFS, status=200, text=text, times=FOREVER))

        with pytest.raises(NoAnswerError) as failure:
            look(ours.project(), online=True)

        assert failure.value.exit_code == 4
        assert [release.tag for release in ours.github().releases()] == ["v1.2.3"]


def test_one_empty_list_of_refs_is_asked_for_again(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        ours.box.fault(Fault(path=REFS, status=200, text=""))

        assert [tag.name for tag in look(ours.project(), online=True).tags] == ["v1.2.3"]


def test_a_list_without_the_tag_of_a_release_is_asked_for_again(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        ours.box.fault(Fault(path=REFS, status=200, text=without_tags(ours)))
        seen = branch_snapshot(ours.project(), "main")

        assert seen is not None
        assert [tag.name for tag in seen.tags] == ["v1.2.3"]


def test_a_release_without_its_tag_needs_a_person_who_is_told_both_ways_out(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        ours.box.fault(Fault(path=REFS, status=200, text=without_tags(ours), times=FOREVER))

        with pytest.raises(NeedsPersonError, match=r"v1\.2\.3 is released on GitHub, and git lists no tag") as failure:
            look(ours.project(), online=True)

        assert failure.value.already == "nothing was written"
        assert "git push origin v1.2.3" in failure.value.todo
        assert "delete the release v1.2.3" in failure.value.todo


def test_a_tag_that_only_the_clone_has_proves_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        ours.git("tag", "v9.0.0")

        assert [tag.name for tag in look(ours.project(), online=True).tags] == ["v1.2.3"]


def test_an_empty_list_of_releases_does_not_make_what_is_published_half_done(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as ours:
        assert ours.run("release").code == 0
        ours.box.fault(Fault(path=r"/releases\?", status=200, text="[]", times=FOREVER))

        states = {tag.name: tag.state.value for tag in look(ours.project(), online=True).tags}

        assert states == {"v1.2.4": "released", "v1.2.3": "released"}
