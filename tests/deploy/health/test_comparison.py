from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Check, Duration
from release_tool.config.read import parse
from release_tool.deploy.health.comparison import compared, looks_compared, rank_difference
from release_tool.errors import UsageError

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


def test_a_comparison_alone_is_enough_for_a_check_of_metrics() -> None:
    config = parse(ENVIRONMENT + QUERY + 'compare = "before"', "release-tool.toml")
    assert config.environments["production"].checks[0].worse_by == "20%"
