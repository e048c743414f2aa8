"""A watch stands in the ledger so that whoever reads it knows until when, and can ask whether anybody still watches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.deploy.ledger.model import DeploymentKind, live, lost_proofs, rollback_target, steps
from release_tool.deploy.ledger.phase import LIMIT, Phase, describe, read
from release_tool.deploy.ledger.watching import Watch, over, watch_of, watched_until
from release_tool.model.tags import Owner
from tests.deploy.ledger.ledgers import PROVEN, START, deployment

UNTIL = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
LINE = "watching: until 2026-11-20 14:05 UTC, by run 7/1/71"


@given(
    st.builds(
        Owner, run=st.integers(1, 10**12), attempt=st.integers(1, 99), job=st.from_regex(r"[0-9]{0,12}", fullmatch=True)
    )
    | st.builds(
        Owner,
        process=st.integers(1, 4_000_000),
        started=st.from_regex(r"[0-9]{0,12}", fullmatch=True),
        host=st.from_regex(r"[a-z0-9.-]{1,63}", fullmatch=True),
    )
)
def test_who_watches_and_until_when_is_read_back(owner: Owner) -> None:
    state, line = describe(Watch(UNTIL, owner).phase)

    assert len(line) <= LIMIT
    found = watch_of(deployment(1, "1", *PROVEN, str(read(state.value, line))))
    assert found == Watch(UNTIL, owner)


@pytest.mark.parametrize(
    "line", ["watching: until 14:05", "watching: until 2026-13-45 14:05 UTC, by run 7/1/71", "watching:", PROVEN[-1]]
)
def test_what_says_nothing_of_a_watch_is_none(line: str) -> None:
    assert watch_of(deployment(1, "1", *PROVEN, line)) is None


def test_what_is_watched_is_live_proven_finished_and_a_rollback_target() -> None:
    watched = deployment(1, "1", *PROVEN, LINE)

    assert (watched.healthy, watched.proven, watched.finished) == (True, True, True)
    assert watched.proof == "every check held"
    assert live([watched]).deployment == watched
    assert rollback_target([watched], None).choice == watched
    assert not lost_proofs([watched])


def test_whoever_watches_on_is_seen_by_the_time_of_the_latest_line() -> None:
    twice = steps([("success", PROVEN[-1], START), ("success", LINE, START), ("success", LINE, UNTIL)])
    assert [one.at for one in twice] == [START, UNTIL]


def test_what_was_proven_stays_proven_when_its_watch_is_over() -> None:
    ended = over(deployment(1, "1", *PROVEN, LINE), "ended early")
    assert str(ended) == "healthy: every check held; its watch ended early"
    again = deployment(1, "1", *PROVEN, LINE, str(ended), LINE)
    assert str(over(again, "is over")) == "healthy: every check held; its watch is over"


def test_a_watch_lasts_from_the_first_proof_to_a_whole_minute() -> None:
    hour = timedelta(hours=1)
    assert watched_until(deployment(5, "1", *PROVEN, LINE, PROVEN[-1]), hour) == START + timedelta(hours=1, minutes=6)
    assert watched_until(deployment(5, "1", *PROVEN), timedelta()) is None
    assert watched_until(deployment(5, "1", *PROVEN, kind=DeploymentKind.ROLLBACK), hour) is None
    assert watched_until(deployment(5, "1", "changing: web"), hour) is None


def test_an_older_reader_takes_what_is_watched_for_healthy() -> None:
    """Words that it does not know are taken by their state, and payloads by the fields that it knows."""
    state, _ = describe(Watch(UNTIL, Owner(run=7)).phase)
    assert read(state.value, LINE.replace("watching", "unheard-of")).word is Phase.HEALTHY
