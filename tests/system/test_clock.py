from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

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
