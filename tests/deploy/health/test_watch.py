"""What a watch makes of thousands of made-up hours: what is good stays, and what goes bad is found."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from release_tool.config.model import Check, Environment
from release_tool.deploy.health.verdict import Reading, Sample
from release_tool.deploy.health.watch import WatchAnalysis, paced
from tests import examples

HOUR = 120
"""Looks of a check with the defaults."""
RUNS = examples.number(2_000, part=10)
SETTINGS = Environment(command=("x",), checks=(Check(url="/health", name="health"),))
BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def looked(watch: WatchAnalysis, *readings: Reading) -> WatchAnalysis:
    return watch.observed([Sample(target="web", check="health", at=BEGIN, sample=one) for one in readings])


def left_after(chances: list[float], seed: int, reading: Reading = Reading.BAD) -> int | None:
    """After how many looks a version is left which fails in each with a chance, None where it stays."""
    luck = random.Random(seed)  # noqa: S311 - made-up networks need no secrets
    watch = WatchAnalysis.begun(SETTINGS, ["web"])
    for number, chance in enumerate(chances):
        found = reading if luck.random() < chance else Reading.OK
        watch = looked(watch, found, found, found)
        if watch.complaint:
            return number
    return None


def test_a_good_version_is_not_left_for_a_network_that_loses_some() -> None:
    left = [seed for seed in range(RUNS) if left_after([0.03 * (seed % 4) / 3] * HOUR, seed) is not None]
    assert not left


def test_a_version_that_begins_to_fail_for_a_third_of_the_time_is_left_within_two_hours() -> None:
    begins = [HOUR // 2 * seed // RUNS for seed in range(RUNS)]
    traces = [[0.0] * begin + [1 / 3] * (2 * HOUR - begin) for begin in begins]
    found = [left_after(trace, seed) for seed, trace in enumerate(traces)]
    assert None not in found


def test_a_version_that_dies_is_left_after_a_full_run_of_bad_looks() -> None:
    dead = [0.0] * 20 + [1.0] * 20
    assert left_after(dead, 1) == 20 + 8 - 1


def test_the_third_restart_is_one_too_many() -> None:
    watch = WatchAnalysis.begun(SETTINGS, ["web"])
    for complaint in ("", "", "it restarted 3 times"):
        watch = looked(looked(watch, Reading.OK), Reading.RESTARTED)
        assert complaint in watch.complaint
        assert bool(watch.complaint) == bool(complaint)


def test_another_version_and_what_could_not_be_measured_blame_nobody() -> None:
    watch = WatchAnalysis.begun(SETTINGS, ["web"])
    for _ in range(HOUR):
        watch = looked(looked(watch, Reading.STALE), Reading.UNMEASURABLE)
    assert not watch.complaint
    assert not watch.blind
    for _ in range(8):
        watch = looked(watch, Reading.UNMEASURABLE)
    assert watch.blind == "`web` `health`"


def test_one_of_several_targets_is_enough() -> None:
    watch = WatchAnalysis.begun(SETTINGS, ["web", "other"])
    for _ in range(8):
        watch = looked(watch, Reading.BAD)
    assert watch.complaint == "`web` `health`: 8 bad intervals in a row"


def test_a_check_is_asked_twice_a_minute_at_most() -> None:
    assert paced(Check(url="/")).interval == timedelta(seconds=30)
    assert paced(Check(url="/", interval=type(Check().interval)(minutes=5))).interval == timedelta(minutes=5)
