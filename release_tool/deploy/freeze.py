"""Freeze windows: from a cron time on, for a while, on the clock of a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from release_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from release_tool.config.model import Freeze

_FORESIGHT = timedelta(days=31)
"""How far ahead windows that follow one another without a gap are followed."""

_FAR_AHEAD = 4 * 366
"""How many days ahead a time is looked for, so that the 29th of February is found."""

_MONTHS = {
    name: at
    for at, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1
    )
}
_WEEKDAYS = {name: at for at, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_SUNDAY_AFTER = 7
_FIELDS: tuple[tuple[int, int, Mapping[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, _SUNDAY_AFTER, _WEEKDAYS),
)
_ENTRY = re.compile(r"(?:\*|(?P<first>\w{1,9})(?:-(?P<last>\w{1,9}))?)(?:/(?P<every>[0-9]{1,2}))?", re.ASCII)


class Cron(msgspec.Struct, frozen=True):
    """The times that a cron line means. `either` says that a day of the month *or* of the week is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def has_day(self, day: date) -> bool:
        """Whether it means any time of a day."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either else of_month and of_week)

    def times(self) -> Iterator[time]:
        """Its times of a day, the latest first."""
        for hour in sorted(self.hours, reverse=True):
            for minute in sorted(self.minutes, reverse=True):
                yield time(hour, minute)


def parse_cron(text: str) -> Cron:
    """Read the five fields of a cron line, such as `0 18 * * FRI`; raises UsageError."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise _wrong("cron", "a cron time such as `0 18 * * FRI`", text)
    minutes, hours, days, months, weekdays = (
        _numbers(field, *allowed, text) for field, allowed in zip(fields, _FIELDS, strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def parse_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name, such as `Europe/Berlin`; raises UsageError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _wrong("timezone", "a time zone such as `Europe/Berlin`", name) from None


def frozen_until(freezes: Iterable[Freeze], at: datetime) -> datetime | None:
    """When the freeze that an aware moment is in ends, or None where it is in none; raises UsageError.

    The end is on the clock of the window's time zone. Windows that overlap or meet are one.
    A duration counts hours on the clock: 62 hours from Friday 18:00 end on Monday at 08:00, also when clocks change.
    """
    windows = [(parse_cron(one.cron), one.duration, parse_zone(one.timezone)) for one in freezes]
    until: datetime | None = None
    while until is None or until - at < _FORESIGHT:
        ends = (_end_at(until or at, *window) for window in windows)
        latest = max((end for end in ends if end), default=None)
        if latest is None:
            break
        until = latest
    return until


def frozen(until: datetime) -> str:
    """Say until when, as people say it."""
    return f"frozen until {until:%a} {until:%Y-%m-%d %H:%M} {until.tzinfo}"


def next_time(cron: Cron, after: datetime) -> datetime | None:
    """The first time of a cron line after an aware moment, in UTC as GitHub reads it; None where none comes."""
    utc = after.astimezone(UTC)
    for ahead in range(_FAR_AHEAD):
        day = utc.date() + timedelta(days=ahead)
        if not cron.has_day(day):
            continue
        moments = sorted(datetime.combine(day, at, UTC) for at in cron.times())
        if later := next((moment for moment in moments if moment > utc), None):
            return later
    return None


def _end_at(at: datetime, cron: Cron, duration: timedelta, zone: ZoneInfo) -> datetime | None:
    """The end of the window that a moment is in; the one that began last also ends last.

    Where a time on the clock may mean two moments, a window rather begins early and ends late.
    """
    local = at.astimezone(zone)
    earliest = (local - duration).date() - timedelta(days=1)
    for started in _starts_before(local, earliest, cron):
        if min(_readings(started, zone)) <= at:
            end = max(_readings(started + duration, zone))
            return end.astimezone(zone) if end > at else None
    return None


def _starts_before(local: datetime, earliest: date, cron: Cron) -> Iterator[datetime]:
    """The times on the clock at which a window may have begun, the latest first."""
    day = local.date()
    while day >= earliest:
        if cron.has_day(day):
            yield from (datetime.combine(day, at) for at in cron.times())
        day -= timedelta(days=1)


def _readings(clock: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments that a time on the clock may mean: they differ where clocks change."""
    utc = ZoneInfo("UTC")
    return clock.replace(tzinfo=zone, fold=0).astimezone(utc), clock.replace(tzinfo=zone, fold=1).astimezone(utc)


def _numbers(field: str, low: int, high: int, names: Mapping[str, int], whole: str) -> frozenset[int]:
    found: set[int] = set()
    for entry in field.split(","):
        match = _ENTRY.fullmatch(entry)
        numbers = _range(match, low, high, names) if match else None
        if not numbers:
            raise _wrong("cron", f"{low} to {high} for `{field}`", whole)
        found.update(numbers)
    return frozenset(found)


def _range(match: re.Match[str], low: int, high: int, names: Mapping[str, int]) -> range | None:
    """The numbers of one entry: `5`, `1-5`, `*/10`, `1-5/2`, or `5/10`, which goes on to the end."""
    every = int(match["every"] or 1)
    first = low if match["first"] is None else _number(match["first"], names)
    last = _number(match["last"], names) if match["last"] else first
    if match["first"] is None or (match["every"] and not match["last"]):
        last = high
    if last == 0 and first and high == _SUNDAY_AFTER:
        last = high  # FRI-SUN
    if first is None or last is None or every == 0 or not low <= first <= last <= high:
        return None
    return range(first, last + 1, every)


def _number(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) if text.isdecimal() else names.get(text.upper())


def _wrong(key: str, expected: str, got: str) -> UsageError:
    return UsageError(f"`freeze.{key}`: expected {expected}, got `{got}`", todo="correct the configuration")
