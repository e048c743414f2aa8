from __future__ import annotations

import itertools
import math
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Check, Duration
from release_tool.config.read import parse
from release_tool.deploy.health.before import Before, Comparison
from release_tool.deploy.health.comparison import compared, looks_compared, rank_difference, span_compared
from release_tool.deploy.health.verdict import Reading, Sample
from release_tool.errors import UsageError
from tests.clock import FakeClock

LATENCY = Check(kind="prometheus", compare="before", interval=Duration(seconds=15))
STEADY = [100, 101, 99, 102, 98] * 6
numbers = st.lists(st.integers(0, 20).map(float), min_size=5, max_size=12)


@pytest.mark.parametrize(
    "now, complaint",
    [
        pytest.param([100, 99, 101, 102, 98], "", id="the same"),
        pytest.param([119, 118, 120, 119, 119], "", id="worse, but not by a fifth"),
        pytest.param([125, 126, 124, 127, 125], "worse than before: 125, and it was 100 at worst", id="by a quarter"),
        pytest.param([100, 99, 300, 300, 101], "", id="two that stand out"),
        pytest.param([50, 50, 50, 50, 50], "", id="better"),
        pytest.param([300, 300, 300, 300], "", id="too few"),
    ],
)
def test_worse_is_what_is_beyond_the_ratio_and_beyond_chance(now: list[float], complaint: str) -> None:
    assert compared(STEADY, now, LATENCY) == complaint


def test_what_was_as_bad_for_as_long_before_is_no_change() -> None:
    burst = [*STEADY[:10], 200, 210, 205, 190, 200, *STEADY[15:]]
    assert compared(burst, [200, 205, 195, 200, 210], LATENCY) == ""
    assert compared(burst, [300, 305, 295, 300, 310], LATENCY) == "worse than before: 300, and it was 200 at worst"


def test_a_lower_value_is_worse_where_that_is_said() -> None:
    ratio = msgspec.structs.replace(LATENCY, worse="lower", worse_by="5%")
    assert (
        compared([0.99] * 20, [0.9, 0.91, 0.9, 0.89, 0.9], ratio) == "worse than before: 0.9, and it was 0.99 at worst"
    )
    assert compared([0.99] * 20, [0.97, 0.97, 0.97, 0.97, 0.97], ratio) == ""
    assert compared([0.9] * 20, [0.99] * 5, ratio) == ""


def test_from_nothing_every_steady_rise_is_worse() -> None:
    assert compared([0.0] * 30, [0.1] * 5, LATENCY) == "worse than before: 0.1, and it was 0 at worst"
    assert compared([0.0] * 30, [0.0, 0.0, 0.1, 0.0, 0.0], LATENCY) == ""


def test_half_a_bake_is_compared_and_five_looks_at_least() -> None:
    assert looks_compared(LATENCY, Duration(minutes=2)) == 5
    assert looks_compared(LATENCY, Duration(minutes=10)) == 20


def test_a_look_that_is_seldom_is_compared_with_enough_of_them_however_short_the_bake_is() -> None:
    seldom = msgspec.structs.replace(LATENCY, interval=Duration(seconds=30))
    assert span_compared(seldom, Duration(minutes=2)) == timedelta(minutes=8)
    assert span_compared(seldom, Duration(seconds=10)) == timedelta(minutes=5)


# The rank test


def exact(before: list[float], now: list[float]) -> float:
    """How likely chance alone ranks as many of some values above others, counted out."""
    together = [*before, *now]

    def above(chosen: tuple[int, ...]) -> float:
        others = [value for at, value in enumerate(together) if at not in chosen]
        return sum((together[at] > other) + (together[at] == other) / 2 for at in chosen for other in others)

    whole = range(len(together))
    found = above(tuple(range(len(before), len(together))))
    ways = [above(chosen) for chosen in itertools.combinations(whole, len(now))]
    return sum(one >= found for one in ways) / len(ways)


@given(st.lists(st.integers(0, 20), min_size=6, max_size=6), st.lists(st.integers(0, 20), min_size=5, max_size=5))
def test_beyond_its_limit_chance_alone_comes_once_in_a_hundred_at_most(before: list[float], now: list[float]) -> None:
    if rank_difference(before, now) > 2.33:
        assert exact(before, now) <= 0.01


@given(numbers, numbers)
def test_it_depends_on_the_order_alone(before: list[float], now: list[float]) -> None:
    stretched = rank_difference([value**3 + 7 for value in before], [value**3 + 7 for value in now])
    assert rank_difference(before, now) == pytest.approx(stretched)


@given(numbers, numbers)
def test_both_can_not_be_worse_than_the_other(before: list[float], now: list[float]) -> None:
    assert rank_difference(before, now) <= 0 or rank_difference(now, before) <= 0


def test_its_value_is_that_of_the_usual_formula() -> None:
    assert rank_difference([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(
        (25 - 12.5 - 0.5) / math.sqrt(25 * 11 / 12)
    )
    assert rank_difference([1, 1, 1, 1, 1], [1, 1, 1, 1, 1]) == 0


# How it is configured

ENVIRONMENT = (
    '[environments.production]\ncommand = ["x"]\nurl = "https://a.example.com"\n[[environments.production.checks]]\n'
)
QUERY = 'kind = "prometheus"\nquery = "a"\nurl = "https://prometheus.example.com"\n'


@pytest.mark.parametrize(
    "text, problem",
    [
        ('worse-by = "50%"', "worse-by`: there is nothing that it is compared with: set `compare`"),
        (
            'kind = "tcp"\ncompare = "before"',
            "compare`: a check of the kind `tcp` measures nothing that can be compared",
        ),
        ('compare = "before"\nworse = "lower"', "worse`: nothing is ever that much lower"),
        (QUERY + 'compare = "before"\nworse = "lower"\nworse-by = "100%"', "worse`: nothing is ever that much lower"),
        (
            QUERY + 'compare = "before"\ninterval = "30s"',
            "compare`: a `bake` has less than 5 looks, too few to tell a change from chance",
        ),
    ],
)
def test_a_comparison_that_could_never_find_anything_is_refused_when_it_is_read(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as failure:
        parse(ENVIRONMENT + text, "release-tool.toml")
    assert failure.value.message == f"`environments.production.checks[0].{problem}"


def test_answers_may_be_slower_by_half_unless_something_else_is_said() -> None:
    config = parse(ENVIRONMENT + 'compare = "before"', "release-tool.toml")
    assert config.environments["production"].checks[0].worse_by == "50%"
    config = parse(ENVIRONMENT + 'compare = "before"\nworse-by = "20%"', "release-tool.toml")
    assert config.environments["production"].checks[0].worse_by == "20%"


def test_a_comparison_alone_is_enough_for_a_check_of_metrics() -> None:
    config = parse(ENVIRONMENT + QUERY + 'compare = "before"', "release-tool.toml")
    assert config.environments["production"].checks[0].worse_by == "20%"


# Samples that are compared


def looks(reading: Reading, took: float, check: Check, count: int) -> list[Sample]:
    """What an answer of the check told each time."""
    return [
        Sample(target="web", check=check.name, at=FakeClock().now(), sample=reading, took=took)
        for _ in range(count * check.asked)
    ]


def comparison(*, bake: int = 20) -> tuple[Comparison, Check]:
    check = Check(name="up", compare="before", worse_by="50%", samples=1)
    before = Before(FakeClock().now(), [])
    before.keep("web", "up", looks(Reading.STALE, 0.1, check, 10))
    return Comparison(check, timedelta(seconds=bake), before.values("web", "up")), check


def readings(samples: list[Sample]) -> set[Reading]:
    return {one.sample for one in samples}


def test_answers_are_judged_once_most_of_a_bake_is_there() -> None:
    compared_with, check = comparison()
    assert readings(compared_with.judged(looks(Reading.OK, 0.3, check, 6))) == {Reading.OK}
    (last,) = compared_with.judged(looks(Reading.OK, 0.3, check, 1))
    assert (last.sample, last.detail) == (Reading.BAD, ": worse than before: 300 ms, and it was 100 ms at worst")


def test_answers_of_the_old_version_and_bad_ones_say_nothing_of_how_fast_the_new_one_is() -> None:
    compared_with, check = comparison()
    compared_with.judged(looks(Reading.STALE, 0.1, check, 10))
    compared_with.judged(looks(Reading.BAD, 9, check, 10))
    assert readings(compared_with.judged(looks(Reading.OK, 0.3, check, 7))) == {Reading.BAD}
    assert readings(compared_with.judged(looks(Reading.OK, 0.1, check, 10))) == {Reading.OK}


def test_what_is_bad_or_stale_stays_so() -> None:
    compared_with, check = comparison()
    compared_with.judged(looks(Reading.OK, 0.3, check, 10))
    assert readings(compared_with.judged(looks(Reading.STALE, 0.3, check, 1))) == {Reading.STALE}
