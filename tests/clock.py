"""A clock for tests: it goes on only when somebody sleeps, and remembers for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that starts at a fixed time and never waits; with a `speed` more time goes by than was slept.

    Who changes its `time` sets the clock, by which no time goes by.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 5, 12, tzinfo=UTC), *, speed: float = 1) -> None:
        self.time = start
        self._steady = start
        self.speed = speed
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.time

    def steady(self) -> datetime:
        return self._steady

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.pass_by(timedelta(seconds=seconds * self.speed))

    def pass_by(self, time: timedelta) -> None:
        """Let time go by in which nobody slept: the machine was suspended."""
        self.time += time
        self._steady += time
