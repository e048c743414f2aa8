"""The time, handed in wherever it is needed, so that no test waits."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> datetime:
        """The time in UTC, aware of its zone; somebody may set it, so no duration is taken from it."""

    def steady(self) -> datetime:
        """The time that it was at first, moved on by what went by since, whatever is done to the clock."""

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""


def _monotonic() -> float:
    boot = getattr(time, "CLOCK_BOOTTIME", None)  # Linux has it; elsewhere a machine that sleeps goes unnoticed
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SystemClock:
    """The machine's own clock: `wall` tells seconds since 1970, as somebody set it, `went_by` those that went by."""

    def __init__(self, wall: Callable[[], float] = time.time, went_by: Callable[[], float] = _monotonic) -> None:
        self._wall = wall
        self._went_by = went_by
        self._began = self.now()
        self._mark = went_by()

    def now(self) -> datetime:
        """The time in UTC, aware of its zone."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def steady(self) -> datetime:
        """The time at first, moved on by what went by since, the time that the machine was asleep included."""
        return self._began + timedelta(seconds=self._went_by() - self._mark)

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds; none for a number below zero."""
        time.sleep(max(seconds, 0))
