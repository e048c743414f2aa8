"""What becomes of made-up deployments whose metrics are asked; `python -m benchmarks.analysis` judges 20,010."""

from __future__ import annotations

import pytest

from tests import examples
from tests.deploy.health.metric_simulation import (
    AFTER,
    BEFORE,
    BROKEN,
    GOOD,
    OURS,
    TUNED,
    USUAL,
    argo_with,
    ends,
    flagger_with,
    kayenta_with,
    kind_of,
    leak,
    made,
    one_dead_of_twenty,
    ours_by_http,
    sample_settings,
    score,
    steady,
    traces,
)

RUNS = examples.number(60, part=6)


def test_good_deployments_are_not_rolled_back_and_broken_ones_are_not_called_healthy() -> None:
    made_up = traces(RUNS, "tests")
    found = score(made_up, ends(OURS, made_up))
    assert found.needless * len(GOOD) * RUNS <= 1
    assert found.false_greens * len(BROKEN) * RUNS <= 2
    assert found.good_takes == 150
    assert 120 <= found.bad_takes <= 180


@pytest.mark.parametrize("making", [leak, one_dead_of_twenty], ids=kind_of)
def test_a_leak_that_rises_over_a_minute_and_one_dead_of_twenty_are_found(making: object) -> None:
    here = [trace for trace in traces(RUNS, "tests") if trace.kind == kind_of(making)]  # type: ignore[arg-type]
    assert not [end for end in ends(OURS, here) if end.healthy]


def test_an_answer_that_takes_twice_as_long_is_found_and_a_good_one_is_not_rolled_back() -> None:
    numbers = range(examples.number(40, part=4))
    assert all(ours_by_http(f"tests {number}").healthy for number in numbers)
    assert all(ours_by_http(f"tests {number}", slower=2).back for number in numbers)


def test_every_deployment_gets_a_verdict() -> None:
    made_up = traces(3, "tests")
    assert all(end.healthy or end.back for end in ends(OURS, made_up))


def test_a_trace_has_what_was_before_and_what_is_after_and_is_the_same_each_time() -> None:
    trace = made(steady, "tests 0")
    assert len(trace.errors) == len(trace.control_latency) == BEFORE + AFTER
    assert trace == made(steady, "tests 0")
    assert trace != made(steady, "tests 1")


def test_the_others_are_judged_by_their_own_rules() -> None:
    broken = next(trace for trace in traces(1, "tests") if trace.kind == "errors step")
    first = [
        argo_with(interval=15, count=10, failure_limit=2, latency=10).judge(broken),
        flagger_with(interval=15, threshold=3, steps=10, latency=10).judge(broken),
        kayenta_with(values=10, confidence=0.98, tolerance=0.25).judge(broken),
    ]
    assert [(end.back, end.healthy) for end in first] == [(True, False)] * 3
    assert first[0].after <= 75
    assert first[2].after == 150


def test_each_rule_stands_in_the_table_with_all_of_its_parameters() -> None:
    assert OURS.described == "defaults"
    for contender in (*USUAL, *TUNED):
        assert len(contender.described.split(", ")) == len(contender.parameters) >= 3
    assert [check.failure_threshold for check in sample_settings().checks] == [6, 6]
