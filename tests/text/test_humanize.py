from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.text.humanize import ago, count, duration, figure, sparkline
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


@pytest.mark.parametrize(
    "value, digits, written",
    [
        (0.0, 6, "0"),
        (0.3, 6, "0.3"),
        (-0.0000123, 6, "-0.0000123"),
        (1234.5, 6, "1,234.5"),
        (1234.5, 3, "1,230"),
        (999.9996, 6, "1,000"),
        (123456.7, 6, "123,457"),
        (413_629_440.0, 6, "413.629 million"),
        (413_629_440.0, 4, "413.6 million"),
        (-999_999_900.0, 6, "-1 billion"),
        (2e12, 6, "2 trillion"),
        (999e12, 3, "999 trillion"),
        (6.02e23, 6, "6.02 × 10^23"),
        (1e-12, 6, "1 × 10^-12"),
        (sys.float_info.max, 3, "1.8 × 10^308"),
        (float("nan"), 6, "NaN"),
        (float("inf"), 6, "infinity"),
        (float("-inf"), 6, "-infinity"),
    ],
)
def test_what_was_measured_is_written_in_plain_digits(value: float, digits: int, written: str) -> None:
    assert figure(value, digits) == written


def test_the_largest_and_the_smallest_numbers_are_drawn_as_any_others() -> None:
    most, least = sys.float_info.max, 63 * 5e-324
    assert (sparkline([-most, most]), sparkline([0, least]), sparkline([-1, None, 0, 1])) == ("▁█", "▁█", "▁·▅█")


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_has_a_bar(values: list[float | None]) -> None:
    assert len(sparkline(values)) == len(values)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(3, 6))
def test_every_number_is_short_and_has_no_exponent_that_only_programs_read(value: float, digits: int) -> None:
    assert "e+" not in figure(value, digits)
    assert "e-" not in figure(value, digits)
    assert len(figure(value, digits)) <= 24
