"""What was missed is told once for each case, and never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from github_sandbox import Fault
from release_tool.errors import RemoteError
from release_tool.notify.notice import SendFailure, SendReport
from release_tool.status.model import OverdueCase, OverdueKind
from release_tool.status.overdue import LABEL, PATIENCE
from release_tool.status.overdue_issues import announce_overdue, overdue
from tests.clock import FakeClock
from tests.shop import shop
from tests.status.test_status import SEARCH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from release_tool.notify.notice import Notice
    from release_tool.project import Project
    from tests.shop import Entry, Shop

DRIFT = OverdueCase(
    kind=OverdueKind.DRIFT, key="drift production", text="web-1 in production is other", todo="verify", environment=""
)
TITLE = "#1 was merged into main and is not released"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Shop]:
    """A merged pull request that nobody released."""
    with shop(tmp_path, {"tag": "v1.2.3"}, SEARCH) as made:
        yield made


def later(place: Shop, after: timedelta = PATIENCE * 2) -> Project:
    return place.project(clock=FakeClock(datetime(2026, 1, 5, 9, tzinfo=UTC) + after))


def issues(place: Shop) -> list[tuple[str, str]]:
    """Every case that has an issue, and whether that is open."""
    return [(issue.title, issue.state) for issue in place.box.github.store.issues if LABEL in issue.labels]


def told(place: Shop) -> list[str]:
    return [notice.title for notice in place.notices]


def test_what_is_young_may_be_on_its_way(place: Shop) -> None:
    assert overdue(later(place, PATIENCE / 2)) == ()
    assert [case.kind for case in overdue(later(place))] == ["unreleased"]


def test_a_case_is_told_once_and_not_once_an_hour(place: Shop) -> None:
    first, second = announce_overdue(later(place)), announce_overdue(later(place, timedelta(days=1)))

    assert [case.text for case in first.told] == [TITLE]
    assert (len(second.cases), second.told, second.closed) == (1, (), ())
    assert told(place) == [TITLE]
    (notice,) = place.notices
    assert notice.event == "drift"
    assert notice.links[0][1].endswith("/issues/2")
    assert issues(place) == [(TITLE, "open")]


def test_what_is_over_is_closed_and_told_again_when_it_comes_back(place: Shop) -> None:
    announce_overdue(later(place), drifted=[DRIFT])

    over = announce_overdue(later(place), drifted=[])
    back = announce_overdue(later(place), drifted=[DRIFT])

    assert len(over.closed) == 1
    assert [case.kind for case in back.told] == ["drift"]
    assert sorted(issues(place)) == sorted([(TITLE, "open"), (DRIFT.text, "closed"), (DRIFT.text, "open")])
    assert told(place) == [TITLE, DRIFT.text, DRIFT.text]


def test_drift_stays_told_where_nobody_measured(place: Shop) -> None:
    announce_overdue(later(place), drifted=[DRIFT])

    assert announce_overdue(later(place)).closed == ()
    assert (DRIFT.text, "open") in issues(place)


def test_a_case_that_somebody_closed_is_not_told_again(place: Shop) -> None:
    announce_overdue(later(place))
    place.api("PATCH", "issues/2", {"state": "closed"})

    assert announce_overdue(later(place)).told == ()
    assert issues(place) == [(TITLE, "closed")]


def test_a_telling_that_was_interrupted_is_made_up_for(place: Shop) -> None:
    place.box.fault(Fault(method="PATCH", path="/issues/2$", status=500, document={"message": "no"}))
    with pytest.raises(RemoteError):
        announce_overdue(later(place))
    place.box.faults.clear()

    again = announce_overdue(later(place))

    assert [case.text for case in again.told] == [TITLE]
    assert told(place) == [TITLE, TITLE]
    assert issues(place) == [(TITLE, "open")]


def test_who_could_not_be_told_of_a_case_is_told_by_the_next_look_and_nobody_else(place: Shop) -> None:
    asked: list[Collection[str] | None] = []
    answers = iter(
        [
            SendReport(("team",), (SendFailure("ops", "down"),)),
            SendReport((), (SendFailure("ops", "down"),)),
            SendReport(("ops",)),
        ]
    )

    def notify(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        assert notice.title == TITLE
        asked.append(only)
        return next(answers)

    looks = [announce_overdue(msgspec.structs.replace(later(place), notify=notify)) for _ in range(4)]
    assert asked == [None, ("ops",), ("ops",)]
    assert [len(look.told) for look in looks] == [1, 0, 0, 0]


def test_a_run_that_waits_for_an_approval_for_long_is_told_to_whom_it_may_concern_and_once(tmp_path: Path) -> None:
    configuration = '[environments.production]\ncommand = ["true"]\nhealth = "http://127.0.0.1:9/"\n'
    run: Entry = {"run": 9, "status": "waiting", "name": "Deploy"}
    with shop(tmp_path, {"tag": "v1.2.3"}, run, files={"release-tool.toml": configuration}) as made:
        assert announce_overdue(later(made, PATIENCE / 2)).told == ()
        for _ in range(2):
            announce_overdue(later(made))
        (notice,) = made.notices
        assert notice.event == "needs-person"
        assert notice.title.startswith("Deploy waits for approval")
        assert "/actions/runs/9" in notice.text


def test_an_issue_that_was_left_open_when_its_case_was_over_is_closed(place: Shop) -> None:
    announce_overdue(later(place), drifted=[DRIFT])
    place.box.fault(Fault(method="POST", path="/comments$", status=500, document={"message": "no"}))
    with pytest.raises(RemoteError):
        announce_overdue(later(place), drifted=[])
    place.box.faults.clear()

    assert len(announce_overdue(later(place), drifted=[]).closed) == 1
    assert (DRIFT.text, "closed") in issues(place)


def test_an_issue_of_somebody_else_tells_nothing(place: Shop) -> None:
    announce_overdue(later(place))
    body = next(issue.body for issue in place.box.github.store.issues if LABEL in issue.labels)
    with shop(
        place.clone.parent / "other",
        {"tag": "v1.2.3"},
        SEARCH,
        {"issue": "Told, really", "body": body, "labels": [LABEL], "author": "stranger"},
    ) as other:
        assert [case.text for case in announce_overdue(later(other)).told] == [TITLE]


def test_the_command_tells_and_says_so(place: Shop) -> None:
    first, second = place.run("status", "--tell"), place.run("status", "--tell")

    assert (first.code, second.code) == (0, 0)
    assert f"notified: {TITLE}" in first.err
    assert second.err == ""
    assert f"missed      {TITLE}" in second.out
