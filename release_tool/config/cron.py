"""Cron lines: the times that five fields mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

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
_ENTRY = re.compile(r"(?:\*|(?P<first>\w{1,9})(?:-(?P<last>\w{1,9}))?)(?:/(?P<every>[0-9]{1,2}))?", re.ASCII)


class _Field(NamedTuple):
    """The numbers that may stand in a field, the names of some, and the longest step."""

    low: int
    high: int
    names: Mapping[str, int] = {}
    longest: int = 99


_USUAL = (_Field(0, 59), _Field(0, 23), _Field(1, 31), _Field(1, 12, _MONTHS), _Field(0, _SUNDAY_AFTER, _WEEKDAYS))
_ON_GITHUB = tuple(
    field._replace(high=high, longest=high) for field, high in zip(_USUAL, (59, 23, 31, 12, 6), strict=True)
)
"""What GitHub reads is narrower: its week ends on Saturday, and no step is longer than its field."""


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


def read_cron(text: str) -> Cron:
    """Read the five fields of a cron line, such as `0 18 * * FRI`; ValueError says what was expected."""
    return _read(text.split(), _USUAL)


def insist_on_schedule(text: str) -> None:
    """Raise ValueError for a cron line that GitHub does not take as the schedule of a workflow."""
    _read(re.split(" +", text), _ON_GITHUB)


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


def _read(fields: list[str], allowed: tuple[_Field, ...]) -> Cron:
    if len(fields) != len(allowed):
        raise ValueError("a cron time such as `0 18 * * FRI`")
    minutes, hours, days, months, weekdays = map(_numbers, fields, allowed)
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def _numbers(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for entry in text.split(","):
        match = _ENTRY.fullmatch(entry)
        numbers = _range(match, field) if match else None
        if not numbers:
            raise ValueError(f"{field.low} to {field.high} for `{text}`")
        found.update(numbers)
    return frozenset(found)


def _range(match: re.Match[str], field: _Field) -> range | None:
    """The numbers of one entry: `5`, `1-5`, `*/10`, `1-5/2`, or `5/10`, which goes on to the end."""
    every = int(match["every"] or 1)
    first = field.low if match["first"] is None else _number(match["first"], field.names)
    last = _number(match["last"], field.names) if match["last"] else first
    if match["first"] is None or (match["every"] and not match["last"]):
        last = field.high
    if last == 0 and first and field.high == _SUNDAY_AFTER:
        last = field.high  # FRI-SUN
    if first is None or last is None or not 0 < every <= field.longest or not field.low <= first <= last <= field.high:
        return None
    return range(first, last + 1, every)


def _number(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) if text.isdecimal() else names.get(text.upper())
