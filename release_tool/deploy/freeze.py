"""Freeze windows: from a cron time on, for a while, on the clock of a time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from release_tool.config.cron import read_cron
from release_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from release_tool.config.cron import Cron
    from release_tool.config.model import Freeze

_FORESIGHT = timedelta(days=31)
"""How far ahead windows that follow one another without a gap are followed."""


def parse_cron(text: str) -> Cron:
    """Read the cron line of a freeze, such as `0 18 * * FRI`; raises UsageError."""
    try:
        return read_cron(text)
    except ValueError as error:
        raise _wrong("cron", str(error), text) from None


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


def _wrong(key: str, expected: str, got: str) -> UsageError:
    return UsageError(f"`freeze.{key}`: expected {expected}, got `{got}`", todo="correct the configuration")
