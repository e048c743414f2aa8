"""Withdrawing a bad release: it is marked, passed over, and nothing is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.withdraw import withdraw
from release_tool.errors import RefusedError
from release_tool.history.facts import Request
from release_tool.release.make import ReleaseContents, release
from release_tool.release.planning import plan
from release_tool.text.markers import is_abandoned, is_withdrawn
from tests.production import production
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.github.api import Release
    from tests.shop import Entry, Shop

FEATURE: Entry = {"pull": 1, "title": "Add search", "labels": ["feature"], "files": {"search.py": "1"}}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE) as made:
        yield made


def of(made: Shop, tag: str) -> Release:
    found = made.github().release_by_tag(tag)
    assert found is not None
    return found


def latest(made: Shop) -> str:
    found = made.github().latest_release()
    return found.tag if found else ""


def test_a_withdrawn_release_has_a_banner_with_the_reason_and_is_not_latest_any_more(project: Shop) -> None:
    release(project.project(), Request(), ReleaseContents())
    assert latest(project) == "v1.3.0"
    done = withdraw(project.project(), "1.3.0", "loses orders")
    found = of(project, "v1.3.0")
    assert (done.state, done.latest, latest(project)) == ("withdrawn", "v1.2.3", "v1.2.3")
    assert is_withdrawn(found.body)
    assert "loses orders" in (found.body or "")
    assert "Add search" in (found.body or "")


def test_who_withdraws_what_is_live_is_told_so_and_how_to_leave_it(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        here.deploy("1.2.3")
        here.deploy("1.3.0")
        done = here.shop.run("withdraw", "v1.3.0", "--reason", "loses orders")
        assert done.out.endswith("it is live in production: `release-tool rollback -e production` rolls it back\n")
        assert here.shop.run("withdraw", "v1.2.4", "--reason", "slow", "--json").document["live"] == []
        assert here.rollback().live == "1.2.3"


def test_a_release_is_withdrawn_once(project: Shop) -> None:
    release(project.project(), Request(), ReleaseContents())
    withdraw(project.project(), "v1.3.0", "loses orders")
    body = of(project, "v1.3.0").body
    assert withdraw(project.project(), "v1.3.0", "again").state == "unchanged"
    assert of(project, "v1.3.0").body == body


def test_a_withdrawn_release_stays_the_base_of_the_next_one(project: Shop) -> None:
    release(project.project(), Request(), ReleaseContents())
    withdraw(project.project(), "v1.3.0", "loses orders")
    assert plan(project.project(), Request()).previous == "v1.3.0"


def test_a_release_that_is_not_in_the_main_branch_is_never_made_the_latest(tmp_path: Path) -> None:
    aside: Entry = {"branch": "topic", "from": "main", "commit": "Try", "files": {"x": "1"}}
    with shop(tmp_path, {"tag": "v1.2.3"}, aside, {"tag": "v9.9.9", "at": "topic"}, FEATURE, {"tag": "v1.3.0"}) as made:
        assert withdraw(made.project(), "v1.3.0", "loses orders").latest == "v1.2.3"


def test_the_only_release_that_is_withdrawn_is_no_longer_latest(tmp_path: Path) -> None:
    with shop(tmp_path, FEATURE) as made:
        release(made.project(), Request(), ReleaseContents())
        assert latest(made) == "v0.1.0"
        withdraw(made.project(), "v0.1.0", "does not start")
        assert latest(made) == ""


def test_a_half_done_release_is_given_up_and_its_changes_go_into_the_next_one(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, {"tag": "v1.3.0", "claimed": True}) as made:
        done = withdraw(made.project(), "v1.3.0", "can't be built")
        found = of(made, "v1.3.0")
        assert (done.state, found.prerelease, is_abandoned(found.body)) == ("abandoned", True, True)
        next_one = plan(made.project(), Request())
        assert (next_one.tag, next_one.previous) == ("v1.4.0", "v1.2.3")
        assert [change.pull for change in next_one.changes] == [1]
        assert release(made.project(), Request(), ReleaseContents()).released


def test_a_half_done_release_whose_owner_lives_is_not_given_up(tmp_path: Path) -> None:
    jobs = [{"id": 501, "runner_name": "r", "status": "in_progress"}]
    claimed: Entry = {"tag": "v1.3.0", "claimed": True, "owner": {"run": 77, "attempt": 1, "job": 501}}
    with shop(tmp_path, FEATURE, claimed, {"run": 77, "status": "in_progress", "jobs": jobs}) as made:
        with pytest.raises(RefusedError, match=r"run 77 is making v1\.3\.0 right now"):
            withdraw(made.project(), "v1.3.0", "too slow")
        assert made.github().release_by_tag("v1.3.0") is None


def test_what_is_not_there_cannot_be_withdrawn(project: Shop) -> None:
    with pytest.raises(RefusedError, match=r"there is no version tag v9\.9\.9 on GitHub"):
        withdraw(project.project(), "9.9.9", "because")
    assert project.run("withdraw", "v1.2.3", "--reason", " ").code == 2


def test_the_command_tells_what_it_did(project: Shop) -> None:
    project.run("release")
    result = project.run("withdraw", "v1.3.0", "--reason", "loses orders", "--json")
    document = result.document
    assert (document["schema"], document["tag"], document["state"]) == (1, "v1.3.0", "withdrawn")
