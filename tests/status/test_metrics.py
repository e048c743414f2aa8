"""Delivery metrics: what each number counts, and the laws that they keep whatever the ledger holds."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.deploy.ledger.model import DeploymentKind, PhaseChange
from release_tool.history.containment import condensed, first_with
from release_tool.model.commits import Author, Commit
from release_tool.status.metrics import Counts, DeliveryMetrics, Percentiles, delivery
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, START, deployment, phase, rollback

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release_tool.deploy.ledger.model import Deployment

NOW = START + timedelta(hours=1)
"""A Friday; the ledgers of these tests begin at noon, one deployment a minute, one phase a second."""


def measured(*ledger: Deployment, history: dict[str, Commit] | None = None, at: datetime = NOW) -> DeliveryMetrics:
    return delivery(ledger, history or {}, at)


def line(*names: str, seconds_before: int = 60) -> dict[str, Commit]:
    """A history without branches, oldest first; every commit is as many seconds older than noon."""
    before = START - timedelta(seconds=seconds_before)
    commits = [
        Commit(sha(name), (sha(parent),), Author("Ada"), int(before.timestamp()), "")
        for parent, name in zip(("", *names), names, strict=False)
    ]
    return {commit.sha: commit for commit in commits}


# What is counted


def test_nothing_deployed_is_not_known_rather_than_zero() -> None:
    assert measured() == DeliveryMetrics(weeks=measured().weeks)
    assert [week.start.isoformat() for week in measured().weeks][::12] == ["2026-08-24", "2026-11-16"]
    assert {week.counts for week in measured().weeks} == {Counts()}


def test_what_never_changed_anything_is_no_deployment() -> None:
    held = deployment(1, "1", "held: deployments frozen")
    waiting = deployment(2, "2", "waiting: for #1")

    assert measured(held, waiting).frequency is None


def test_a_record_is_no_deployment() -> None:
    assert (
        measured(deployment(1, "1", "baking:", "healthy:", kind=DeploymentKind.RECORD, automatic=False)).frequency
        is None
    )


@pytest.mark.parametrize(
    "last,counts",
    [
        (PROVEN, Counts(healthy=1)),
        ((*PROVEN, "replaced: by #9"), Counts(healthy=1)),
        (FAILED, Counts(failed=1)),
        (LEFT, Counts(failed=1)),
        (("changing: web", "unknown: interrupted"), Counts(unknown=1)),
        (("changing: web", "baking:"), Counts()),
    ],
)
def test_a_deployment_counts_by_how_it_ended(last: Sequence[str], counts: Counts) -> None:
    assert measured(deployment(1, "1", *last)).counts == counts


def test_what_a_person_asked_for_and_the_ways_back_are_counted_apart() -> None:
    found = measured(
        deployment(1, "1", *PROVEN, automatic=False),
        deployment(2, "2", *LEFT),
        rollback(3, "1", *PROVEN, leaves=2),
    )

    assert found.counts == Counts(healthy=1, failed=1, manual=1, rollbacks=1)
    assert found.change_failure_rate == 0.5


def test_a_green_deployment_that_somebody_went_back_from_is_a_failure() -> None:
    found = measured(
        deployment(1, "1", *PROVEN), deployment(2, "2", *PROVEN), rollback(3, "1", *PROVEN, leaves=2, automatic=False)
    )

    assert found.counts == Counts(healthy=1, failed=1, rollbacks=1)


def test_what_nobody_knows_makes_no_failure_rate() -> None:
    assert measured(deployment(1, "1", "changing: web", "unknown:")).change_failure_rate is None


def test_a_frequency_is_per_week_and_the_first_days_are_a_whole_one() -> None:
    ledger = [deployment(number, str(number), *PROVEN) for number in range(1, 5)]

    assert measured(*ledger).frequency == 4
    assert measured(*ledger, at=START + timedelta(weeks=2, minutes=1)).frequency == 2


def test_only_the_last_weeks_count() -> None:
    old = measured(deployment(1, "1", *PROVEN), at=START + timedelta(weeks=13))

    assert old.frequency == 0
    assert old.counts == Counts()
    assert old.change_failure_rate is None


# How fast


def test_lead_time_is_from_each_commit_to_the_first_healthy_deployment_with_it() -> None:
    history = line("1", "2", "3", "4")
    found = measured(
        deployment(1, "1", *PROVEN),
        deployment(2, "2", *LEFT),
        deployment(3, "3", *PROVEN),
        deployment(4, "4", *PROVEN),
        history=history,
    )

    # A minute before noon, then three and four minutes after it, and the three phases before `healthy`.
    assert found.lead_time == Percentiles(count=3, median=60 + 180 + 3, p90=60 + 240 + 3)


def test_what_the_first_deployment_brought_has_no_lead_time() -> None:
    assert measured(deployment(1, "2", *PROVEN), history=line("1", "2")).lead_time is None


def test_a_merge_has_no_lead_time_of_its_own() -> None:
    history = line("1", "2")
    merge = Commit(sha("3"), (sha("2"), sha("1")), Author("Ada"), int(START.timestamp()), "")

    found = measured(
        deployment(1, "1", *PROVEN), deployment(2, "3", *PROVEN), history={**history, merge.sha: merge}
    ).lead_time

    assert found is not None
    assert found.count == 1


def test_a_commit_of_the_future_took_no_time() -> None:
    history = line("1", "2", seconds_before=-3600)

    found = measured(deployment(1, "1", *PROVEN), deployment(2, "2", *PROVEN), history=history).lead_time

    assert found == Percentiles(count=1, median=0, p90=0)


# How soon well again


def test_recovery_is_from_the_change_that_failed_to_the_next_proof() -> None:
    found = measured(deployment(1, "1", *PROVEN), deployment(2, "2", *LEFT), rollback(3, "1", *PROVEN, leaves=2))

    assert found.recovery_time == Percentiles(count=1, median=63, p90=63)
    assert not found.unrecovered


def test_recovery_from_a_green_one_begins_when_a_person_asks() -> None:
    back = rollback(3, "1", "waiting:", *PROVEN, leaves=2, automatic=False)

    found = measured(deployment(1, "1", *PROVEN), deployment(2, "2", *PROVEN), back)

    assert found.recovery_time == Percentiles(count=1, median=4, p90=4)


def test_failures_on_top_of_each_other_are_recovered_from_once() -> None:
    found = measured(
        deployment(1, "1", *PROVEN),
        deployment(2, "2", *FAILED),
        rollback(3, "1", *FAILED, leaves=2),
        deployment(4, "4", *FAILED, automatic=False),
        deployment(5, "5", "baking:", "healthy:", kind=DeploymentKind.RECORD, automatic=False),
    )

    assert found.recovery_time == Percentiles(count=1, median=181, p90=181)


def test_an_environment_that_is_still_down_says_so() -> None:
    found = measured(deployment(1, "1", *PROVEN), deployment(2, "2", *FAILED))

    assert found.unrecovered
    assert found.recovery_time is None


def test_what_its_watch_found_unhealthy_has_failed_although_its_rollback_could_not_begin() -> None:
    good, bad = deployment(1, "1", *PROVEN), deployment(2, "2", *PROVEN, "unhealthy: 3 bad intervals in a row")
    back = rollback(3, "1", "not done: the registry is away", leaves=2)
    back = msgspec.structs.replace(back, payload=msgspec.structs.replace(back.payload, watched=True))
    proof = PhaseChange(phase("healthy: the new version answered well for 2m"), START + timedelta(minutes=5))
    again = msgspec.structs.replace(bad, steps=(*bad.steps, proof))

    found, later = measured(good, bad, back), measured(good, again, back)

    assert (found.counts, found.unrecovered) == (Counts(healthy=1, failed=1), True)
    assert (later.counts, later.unrecovered) == (found.counts, False)
    assert later.recovery_time == Percentiles(count=1, median=120, p90=120)


# Laws

KINDS = st.sampled_from([PROVEN, LEFT, FAILED, ("held: frozen",), ("changing: web", "unknown:"), ("waiting:",)])


@st.composite
def ledgers(draw: st.DrawFn) -> list[Deployment]:
    found: list[Deployment] = []
    for number, phases in enumerate(draw(st.lists(KINDS, max_size=12)), 1):
        commit, automatic, goes_back = str(draw(st.integers(1, 6))), draw(st.booleans()), draw(st.booleans())
        if found and goes_back:
            leaves = draw(st.sampled_from(found)).id
            found.append(rollback(number, commit, *phases, leaves=leaves, automatic=automatic))
        else:
            found.append(deployment(number, commit, *phases, automatic=automatic))
    return found


LEDGERS = ledgers()


HISTORY = line(*"123456")


@given(LEDGERS, st.data())
def test_the_order_in_which_deployments_are_told_does_not_matter(ledger: list[Deployment], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ledger))

    assert delivery(shuffled, HISTORY, NOW) == delivery(ledger, HISTORY, NOW)


@given(LEDGERS)
def test_rates_are_shares_and_durations_are_in_order(ledger: list[Deployment]) -> None:
    found = delivery(ledger, HISTORY, NOW)

    for rate in (found.change_failure_rate, *(week.change_failure_rate for week in found.weeks)):
        assert rate is None or 0 <= rate <= 1
    for spread in filter(None, (found.lead_time, found.recovery_time)):
        assert 0 <= spread.median <= spread.p90
        assert spread.count > 0
    assert found.frequency is None or found.frequency >= 0


@given(LEDGERS)
def test_the_weeks_add_up_to_the_whole(ledger: list[Deployment]) -> None:
    found = delivery(ledger, HISTORY, NOW)

    for field in Counts.__struct_fields__:
        assert sum(getattr(week.counts, field) for week in found.weeks) == getattr(found.counts, field)


@given(LEDGERS)
def test_every_deployment_is_counted_once_or_not_at_all(ledger: list[Deployment]) -> None:
    counts = delivery(ledger, HISTORY, NOW).counts

    ended = [one for one in ledger if one.changed and one.finished]
    assert counts.healthy + counts.failed + counts.unknown + counts.rollbacks == len(ended)
    assert counts.manual <= counts.healthy + counts.failed + counts.unknown


@given(LEDGERS, st.integers(0, 12))
def test_a_held_deployment_changes_no_number(ledger: list[Deployment], at: int) -> None:
    if not ledger:
        return
    held = deployment(at + 100, "1", "held: frozen")

    assert delivery([*ledger, held], HISTORY, NOW) == delivery(ledger, HISTORY, NOW)


@given(LEDGERS, st.sampled_from(sorted(HISTORY)))
def test_what_lies_below_the_first_proven_commit_changes_no_number(ledger: list[Deployment], first: str) -> None:
    below = first_with(HISTORY, [first])
    above = {name: commit for name, commit in HISTORY.items() if name not in below}

    assert delivery(ledger, HISTORY, NOW, first=first) == delivery(ledger, above, NOW)


@given(LEDGERS, st.integers(-12, 12))
def test_the_time_zone_of_whoever_looks_does_not_matter(ledger: list[Deployment], hours: int) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=hours)))

    assert delivery(ledger, HISTORY, there) == delivery(ledger, HISTORY, NOW.astimezone(UTC))


def test_numbers_survive_the_way_through_json() -> None:
    found = measured(deployment(1, "1", *PROVEN), deployment(2, "2", *LEFT), history=line("1", "2"))

    assert msgspec.json.decode(msgspec.json.encode(found), type=DeliveryMetrics) == found


def test_the_documents_define_the_numbers_in_the_same_words() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "status.md").read_text(encoding="utf-8")

    for definition in msgspec.structs.astuple(DeliveryMetrics().definitions):
        assert definition in text


# Containment


def test_a_commit_belongs_to_the_first_tip_that_contains_it() -> None:
    history = line("1", "2", "3")

    assert first_with(history, [sha("2"), sha("1"), sha("3")]) == {sha("2"): 0, sha("1"): 0, sha("3"): 2}


def test_what_is_not_in_the_history_belongs_to_nobody() -> None:
    assert first_with({}, [sha("1")]) == {}


@given(st.data())
def test_a_condensed_history_tells_the_same_of_the_commits_that_it_keeps(data: st.DataObject) -> None:
    names = [sha(str(number)) for number in range(data.draw(st.integers(1, 12)))]
    parents = [
        data.draw(st.sets(st.sampled_from(names[:place]), max_size=3)) if place else () for place in range(len(names))
    ]
    history = {
        name: Commit(name, tuple(below), Author("Ada"), 0, "") for name, below in zip(names, parents, strict=True)
    }
    kept = data.draw(st.sets(st.sampled_from(names)))
    tips = data.draw(st.lists(st.sampled_from(sorted(kept)))) if kept else []

    whole = first_with(history, tips)
    assert first_with(condensed(history, kept), tips) == {one: whole[one] for one in kept if one in whole}
