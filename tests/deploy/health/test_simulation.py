"""What the rule does on thousands of made-up deployments: whoever changes it sees it here."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from release_tool.deploy.health.verdict import Reading
from tests import examples
from tests.deploy.health.simulation import (
    AT_ONCE,
    BROKEN,
    CONTENDERS,
    DOCUMENT,
    GOOD,
    LENGTH,
    PATIENCE,
    RUNS,
    degrades,
    ends,
    false_greens,
    long_crash_loop,
    needless_rollbacks,
    one_dead_address,
    ours,
    partly_so,
    sample_rule,
    short_crash_loop,
    traces,
    unseen,
    written,
)

if TYPE_CHECKING:
    from tests.deploy.health.simulation import Making

pytestmark = pytest.mark.timeout(600)  # all of the deployments take their time, where others need the cores as well

OURS = CONTENDERS[-1]


def test_no_broken_deployment_is_called_healthy() -> None:
    assert [trace.kind for trace in false_greens(ends(OURS))] == []


def test_at_most_one_good_deployment_in_a_thousand_is_rolled_back() -> None:
    results = ends(OURS)
    needless = [trace.kind for trace in needless_rollbacks(results)]
    assert len(needless) * 1000 <= sum(trace.good for trace, _ in results), needless


def test_every_deployment_gets_a_verdict_before_its_trace_ends() -> None:
    assert max(end.after for _, end in ends(OURS)) < LENGTH - 2


def test_the_traces_are_many_of_many_kinds_and_noisy() -> None:
    assert len(GOOD) + len(BROKEN) >= 9
    assert len(traces()) >= 12 * RUNS
    steady = [trace.answers[10 * AT_ONCE :] for trace in traces() if trace.kind == "good"]
    lost = [answers.count(Reading.BAD) / len(answers) for answers in steady]
    assert 0.01 < sum(lost) / len(lost) < 0.02
    assert max(lost) > 0.03


@pytest.mark.parametrize(
    "making, found",
    [
        (partial(partly_so, share=0.05, reading=Reading.STALE), 99),
        (short_crash_loop, 95),
        (long_crash_loop, 95),
        (degrades, 95),
        (one_dead_address, 100),
    ],
    ids=["an old version on one of twenty", "down 4 s of 34", "down 8 s of 68", "degrades", "one dead of four"],
)
def test_what_is_broken_is_found_on_traces_that_nothing_was_tuned_on(making: Making, found: int) -> None:
    assert sum(not ours(trace).healthy for trace in unseen(making, 100)) >= found


@pytest.mark.parametrize("share", [0.05, 0.0], ids=["one dead instance of twenty", "sticky sessions by source"])
def test_what_a_check_can_not_see_is_stated_as_not_seen(share: float) -> None:
    """Whom a load balancer always sends to the same instance never meets another one."""
    making = partial(partly_so, share=share, reading=Reading.BAD)
    assert sum(ours(trace).healthy for trace in unseen(making, 100)) >= 80
    assert re.search("one dead instance of twenty", DOCUMENT.read_text())
    assert re.search("sticky sessions", DOCUMENT.read_text())


def test_good_deployments_that_nothing_was_tuned_on_are_healthy_also_where_the_machine_sleeps() -> None:
    count = examples.number(250, part=12)
    good = [trace for making in GOOD for trace in unseen(making, count, is_good=True)]
    gaps = [range(0), range(100, 200), range(PATIENCE - 50, PATIENCE + 50)]
    needless = [trace.kind for at, trace in enumerate(good) if not ours(trace, gap=gaps[at % 3]).healthy]
    assert len(needless) * 1000 <= len(good), needless


@pytest.mark.parametrize(
    "worse",
    [
        {"bake": timedelta(0)},
        {"bake": timedelta(seconds=30)},
        {"budget": 60, "threshold": 40},
        {"threshold": 3},
        {"deadline": timedelta(minutes=1)},
        {"deadline": timedelta(minutes=9)},
    ],
    ids=str,
)
def test_the_simulation_notices_when_the_rule_gets_worse(worse: dict[str, object]) -> None:
    rule = msgspec.structs.replace(sample_rule(), **worse)
    wrong = [trace for trace in traces()[:: examples.number(24)] if ours(trace, rule).healthy is not trace.good]
    assert len(wrong) >= 3


def test_the_tables_of_the_document_are_what_the_simulation_says() -> None:
    document = DOCUMENT.read_text()
    assert document.count("<!-- simulation: ") == 3
    again = "write them anew: EXAMPLES=all python -m tests.deploy.health.simulation"
    assert compared(written(document)) == compared(document), again


def compared(document: str) -> str:
    """What is the same however often it was tried: every day all but the figures."""
    return document if examples.ALL else re.sub(r"\d+(\.\d+)?", "0", document)
