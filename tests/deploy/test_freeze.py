"""Freeze windows begin and end on the clock of their time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.cron import next_time
from release_tool.config.model import Duration, Freeze
from release_tool.deploy.freeze import frozen, frozen_until, parse_cron, parse_zone
from release_tool.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def freeze(cron: str, duration: str, timezone: str = "Europe/Berlin") -> Freeze:
    return Freeze(cron=cron, duration=Duration.parse(duration), timezone=timezone)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


WEEKEND = freeze("0 18 * * FRI", "62h")


@pytest.mark.parametrize(
    "at, until",
    [
        ("2026-11-20 17:59:59", None),
        ("2026-11-20 18:00", "2026-11-23 08:00"),
        ("2026-11-22 12:00", "2026-11-23 08:00"),
        ("2026-11-23 07:59:59", "2026-11-23 08:00"),
        ("2026-11-23 08:00", None),
        ("2026-03-29 12:00", "2026-03-30 08:00"),
        ("2026-03-30 08:00", None),
        ("2026-10-25 12:00", "2026-10-26 08:00"),
        ("2026-10-26 07:59", "2026-10-26 08:00"),
        ("2026-10-26 08:00", None),
    ],
)
def test_a_weekend_is_frozen_from_friday_evening_to_monday_morning_also_when_clocks_change(
    at: str, until: str | None
) -> None:
    assert frozen_until([WEEKEND], berlin(at)) == (berlin(until) if until else None)
    assert frozen_until([WEEKEND], berlin(at).astimezone(UTC)) == (berlin(until) if until else None)


def test_the_end_is_said_on_the_clock_of_the_window() -> None:
    until = frozen_until([WEEKEND], datetime(2026, 11, 21, tzinfo=UTC))
    assert until is not None
    assert frozen(until) == "frozen until Mon 2026-11-23 08:00 Europe/Berlin"


def test_winter_and_summer_differ_in_utc() -> None:
    nightly = freeze("0 22 * * *", "8h")
    assert frozen_until([nightly], datetime(2026, 1, 10, 20, 59, tzinfo=UTC)) is None
    assert frozen_until([nightly], datetime(2026, 1, 10, 21, 0, tzinfo=UTC)) is not None
    assert frozen_until([nightly], datetime(2026, 7, 10, 19, 59, tzinfo=UTC)) is None
    assert frozen_until([nightly], datetime(2026, 7, 10, 20, 0, tzinfo=UTC)) is not None


def test_a_window_in_the_hour_that_is_skipped_is_not_lost() -> None:
    skipped = freeze("30 2 * * *", "1h")
    at = datetime(2026, 3, 29, 1, 15, tzinfo=UTC)  # 03:15 on the clock, which went from 02:00 to 03:00
    assert frozen_until([skipped], at) == berlin("2026-03-29 03:30")


def test_a_window_in_the_hour_that_comes_twice_covers_both() -> None:
    twice = freeze("0 2 * * *", "1h")
    for minutes in range(120):
        at = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        assert frozen_until([twice], at) == berlin("2026-10-25 03:00")
    assert frozen_until([twice], datetime(2026, 10, 25, 2, 0, tzinfo=UTC)) is None


def test_windows_that_overlap_or_meet_are_one() -> None:
    nights = [freeze("0 18 * * *", "10h"), freeze("0 4 * * *", "2h"), freeze("0 5 * * *", "1h", "UTC")]
    assert frozen_until(nights, berlin("2026-11-20 19:00")) == berlin("2026-11-21 07:00")
    assert frozen_until([], berlin("2026-11-20 19:00")) is None


def test_a_freeze_without_any_end_is_still_told() -> None:
    always = freeze("*/10 * * * *", "1h")
    at = berlin("2026-11-20 19:00")
    until = frozen_until([always], at)
    assert until is not None
    assert until - at > timedelta(days=30)


@pytest.mark.parametrize(
    "cron, day, expected",
    [
        ("0 0 * * *", "2026-11-22", True),
        ("0 0 * * SUN", "2026-11-22", True),
        ("0 0 * * 0", "2026-11-22", True),
        ("0 0 * * 7", "2026-11-22", True),
        ("0 0 * * 1-5", "2026-11-22", False),
        ("0 0 * * FRI-SUN", "2026-11-22", True),
        ("0 0 * * sat,sun", "2026-11-22", True),
        ("0 0 24 12 *", "2026-12-24", True),
        ("0 0 24-31 DEC *", "2026-11-24", False),
        ("0 0 1 * MON", "2026-11-23", True),
        ("0 0 23 * SUN", "2026-11-23", True),
        ("0 0 23 * */2", "2026-11-23", False),
        ("0 0 */10 * *", "2026-11-21", True),
        ("0 0 5/8 * *", "2026-11-21", True),
        ("0 0 */10 * *", "2026-11-22", False),
    ],
)
def test_a_cron_line_means_what_it_means_everywhere(cron: str, day: str, expected: bool) -> None:
    assert parse_cron(cron).has_day(datetime.fromisoformat(day).date()) is expected


@pytest.mark.parametrize(
    "cron", ["", "0 18 * *", "0 18 * * FRI 2026", "60 * * * *", "* 24 * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *"]
)
def test_a_cron_line_that_means_nothing_is_an_error(cron: str) -> None:
    with pytest.raises(UsageError, match=r"freeze\.cron"):
        parse_cron(cron)


@pytest.mark.parametrize("field", ["x", "1,,2", "1-", "-1", "٣", "MON", "9" * 5000, "1-" + "9" * 5000])
def test_a_field_that_means_nothing_is_an_error(field: str) -> None:
    with pytest.raises(UsageError, match="got `0 "):
        parse_cron(f"0 {field} * * *")


@pytest.mark.parametrize("name", ["Europe/Berlln", "", "../../etc/passwd", "Europe", "/etc/localtime"])
def test_a_time_zone_that_does_not_exist_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"freeze\.timezone"):
        parse_zone(name)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  # made aware
    st.integers(0, 23),
    st.integers(1, 100),
)
def test_a_freeze_ends_when_it_says_and_lasts_until_then(at: datetime, hour: int, hours: int) -> None:
    window = freeze(f"0 {hour} * * WED", f"{hours}h")
    until = frozen_until([window], at)
    if until is not None:
        assert at < until <= at + timedelta(hours=hours + 1)
        assert frozen_until([window], until) is None
        assert frozen_until([window], until - timedelta(seconds=1)) == until


@pytest.mark.parametrize(
    "cron, after, expected",
    [
        ("23 4 * * *", "2026-11-20T04:22:59", "2026-11-20T04:23:00"),
        ("23 4 * * *", "2026-11-20T04:23:00", "2026-11-21T04:23:00"),
        ("23 * * * *", "2026-12-31T23:40:00", "2027-01-01T00:23:00"),
        ("0,30 8-9 * * MON", "2026-11-20T12:00:00", "2026-11-23T08:00:00"),
        ("0 0 29 2 *", "2025-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 31 2 *", "2025-01-01T00:00:00", ""),
    ],
)
def test_the_next_time_of_a_cron_line_is_the_first_one_after_a_moment(cron: str, after: str, expected: str) -> None:
    found = next_time(parse_cron(cron), datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert (found.isoformat() if found else "") == (f"{expected}+00:00" if expected else "")
