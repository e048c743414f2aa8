"""Two releases at once: both commits are released, and every change is in exactly one release."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.text.markers import is_abandoned
from tests.shop import Shop, shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.forkserver import Running
    from tests.shop import Entry

FIX: Entry = {"pull": 1, "title": "fix: mend it", "files": {"a.py": "1"}}
FEATURE: Entry = {"pull": 2, "title": "feat: add search", "files": {"b.py": "2"}}
ANOTHER_FIX: Entry = {"pull": 2, "title": "fix: mend more", "files": {"b.py": "2"}}
DEADLINE = 60


def pair(directory: Path, later: Entry) -> Iterator[tuple[Shop, Shop]]:
    """The same repository twice: a clone at the older of two commits, and one at the newer."""
    with shop(directory, {"tag": "v1.2.3"}, FIX, later) as newer:
        clone = directory / "older"
        subprocess.run(["git", "clone", "--quiet", newer.box.clone_url, str(clone)], check=True)
        older = Shop(newer.box, clone)
        older.git("checkout", "--quiet", "--detach", "HEAD~1")
        yield older, newer


@pytest.fixture
def different(tmp_path: Path) -> Iterator[tuple[Shop, Shop]]:
    """The older commit asks for v1.2.4, the newer one for v1.3.0."""
    yield from pair(tmp_path, FEATURE)


@pytest.fixture
def same(tmp_path: Path) -> Iterator[tuple[Shop, Shop]]:
    """Both commits ask for v1.2.4."""
    yield from pair(tmp_path, ANOTHER_FIX)


def assert_each_change_once(made: Shop) -> dict[str, list[int]]:
    """Check that all is published and each change told once; returns the pull requests by tag."""
    everything = made.github().releases()
    assert not [found.tag for found in everything if found.draft]
    told = {
        found.tag: [number for number in (1, 2) if f"/pull/{number})" in (found.body or "")]
        for found in everything
        if found.tag != "v1.2.3" and not is_abandoned(found.body)
    }
    assert sorted(number for numbers in told.values() for number in numbers) == [1, 2]
    return told


def finish(*running: Running) -> None:
    for process in running:
        done = process.wait(DEADLINE)
        assert done.code == 0, done.err


def test_two_processes_at_once_release_both_commits(different: tuple[Shop, Shop]) -> None:
    older, newer = different
    finish(older.begin("release"), newer.begin("release"))
    assert_each_change_once(newer)


def test_two_processes_at_once_that_want_the_same_version_release_both_commits(same: tuple[Shop, Shop]) -> None:
    older, newer = same
    finish(older.begin("release"), newer.begin("release"))
    assert_each_change_once(newer)


def test_the_newer_commit_waits_for_the_older_one_that_has_the_tag(same: tuple[Shop, Shop]) -> None:
    older, newer = same
    drafting = newer.box.fault(Fault(method="POST", path="/releases$", block="before"))
    first = older.begin("release")
    assert drafting.wait_until_reached(DEADLINE)
    second = newer.begin("release")
    assert second.says("is working on v1.2.4, and", DEADLINE)
    drafting.release()
    finish(first, second)
    assert assert_each_change_once(newer) == {"v1.2.4": [1], "v1.2.5": [2]}


def test_a_release_that_was_overtaken_before_its_claim_is_given_up(different: tuple[Shop, Shop]) -> None:
    older, newer = different
    claiming = newer.box.fault(Fault(method="POST", path="/git/refs$", block="before"))
    slow = older.begin("release")
    assert claiming.wait_until_reached(DEADLINE)
    finish(newer.begin("release"))
    claiming.release()
    finish(slow)
    assert assert_each_change_once(newer) == {"v1.3.0": [1, 2]}
    given_up = newer.github().release_by_tag("v1.2.4")
    assert given_up is not None
    assert given_up.prerelease
    assert is_abandoned(given_up.body)


def test_a_lower_release_waits_until_the_higher_one_has_been_published(different: tuple[Shop, Shop]) -> None:
    older, newer = different
    publishing = newer.box.fault(Fault(method="PATCH", path="/releases/", block="before"))
    claiming = newer.box.fault(Fault(method="POST", path="/git/refs$", block="before"))
    slow = older.begin("release")
    assert claiming.wait_until_reached(DEADLINE)
    fast = newer.begin("release")
    assert publishing.wait_until_reached(DEADLINE)
    claiming.release()
    assert slow.says("waiting for v1.3.0", DEADLINE)
    publishing.release()
    finish(fast, slow)
    assert assert_each_change_once(newer) == {"v1.3.0": [1, 2]}


def test_a_higher_release_leaves_out_what_a_lower_one_claimed_in_time(different: tuple[Shop, Shop]) -> None:
    older, newer = different
    claiming = newer.box.fault(Fault(method="POST", path="/git/refs$", block="before"))
    slow = older.begin("release")
    assert claiming.wait_until_reached(DEADLINE)
    drafting = newer.box.fault(Fault(method="POST", path="/releases$", block="before"))
    fast = newer.begin("release")
    assert drafting.wait_until_reached(DEADLINE)
    claiming.release()
    assert slow.says("waiting for v1.3.0", DEADLINE)
    drafting.release()
    finish(fast, slow)
    assert assert_each_change_once(newer) == {"v1.2.4": [1], "v1.3.0": [2]}
    latest = newer.github().latest_release()
    assert latest is not None
    assert latest.tag == "v1.3.0"
