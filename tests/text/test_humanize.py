from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.text.humanize import ago, count, duration
from tests.status.dashboard.samples import NOW


@pytest.mark.parametrize(
    "seconds, told",
    [
        (0, "just now"),
        (44, "just now"),
        (45, "1 minute ago"),
        (80 * 60, "80 minutes ago"),
        (90 * 60, "2 hours ago"),
        (35 * 3600, "35 hours ago"),
        (36 * 3600, "2 days ago"),
        (400 * 86_400, "400 days ago"),
        (-1, "in a moment"),
        (-3 * 3600, "in 3 hours"),
    ],
)
def test_how_long_ago_is_told_in_the_unit_that_says_most(seconds: int, told: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == told


@pytest.mark.parametrize(
    "seconds, written",
    [
        (0.2, "0 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (3_659, "1 h"),
        (12_000, "3 h 20 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_written_with_its_two_largest_units(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_duration_is_never_written_as_a_shorter_one(one: float, other: float) -> None:
    assert (seconds_in(duration(one)) <= seconds_in(duration(other))) or one > other


def seconds_in(written: str) -> int:
    words = written.split()
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    return sum(int(number) * sizes[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


def test_a_number_agrees_with_its_noun() -> None:
    assert (count(0, "change"), count(1, "change"), count(1_000, "change")) == (
        "0 changes",
        "1 change",
        "1,000 changes",
    )
