from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from release_tool.system.clock import SystemClock


def test_the_system_clock_tells_the_time_in_utc() -> None:
    now = SystemClock().now()

    assert now.utcoffset() == timedelta()
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_system_clock_waits_as_long_as_it_is_told_and_never_for_less_than_nothing() -> None:
    start = time.monotonic()

    SystemClock().sleep(0.01)
    SystemClock().sleep(-1)

    assert time.monotonic() - start >= 0.01


def test_the_steady_time_begins_with_the_real_one_and_goes_on_by_what_goes_by() -> None:
    clock = SystemClock()
    before = clock.steady()
    clock.sleep(0.01)
    assert clock.steady() - before >= timedelta(seconds=0.01)
    assert abs(clock.steady() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("step", [1500.0, -3600.0], ids=["forward", "back"])
def test_who_sets_the_clock_moves_no_duration(step: float) -> None:
    wall, went_by = [0.0], [100.0]
    clock = SystemClock(lambda: wall[0], lambda: went_by[0])
    before = clock.steady()
    wall[0], went_by[0] = step, 107.0
    assert clock.now() == datetime.fromtimestamp(step, UTC)
    assert clock.steady() - before == timedelta(seconds=7)
