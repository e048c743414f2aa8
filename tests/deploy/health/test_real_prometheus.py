"""Checks that ask a real Prometheus, which scrapes a real small application; `make prometheus` installs it."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from release_tool.config.model import Check, Duration, Target
from release_tool.deploy.health.before import Before
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Occasion, Prober, Question
from release_tool.deploy.health.verdict import Reading
from release_tool.system.clock import SystemClock
from tests.prometheus import PROGRAM, Instance, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release_tool.deploy.health.verdict import Sample

RATIO = """sum by (instance) (rate(http_requests_total{code=~"5.."}[$since]))
  / sum by (instance) (rate(http_requests_total[$since]))"""
LONG = Duration(seconds=10)
MOMENT = dt.timedelta(milliseconds=1)
PACE = Duration(milliseconds=300)
CHECK = Check(kind="prometheus", name="errors", query=RATIO, max=0.01, timeout=LONG, interval=PACE)


class Shop:
    """An application of three instances, and the Prometheus that scrapes them."""

    def __init__(self, url: str, instances: list[Instance]) -> None:
        self.url = url
        self.instances = instances

    def prober(self, before: Before | None = None) -> Prober:
        return Prober(
            expected=Expected(commit="5f3c2a1b" * 5, version="1.3.0"),
            clock=SystemClock(),
            directory=Path(),
            environment={},
            occasion=Occasion(environment="production", bake=dt.timedelta(seconds=1.5)),
            before=before,
        )

    def ask(self, **changes: object) -> Sample:
        return self.asked_by(self.prober(), **changes)

    def asked_by(self, prober: Prober, **changes: object) -> Sample:
        check = msgspec.structs.replace(CHECK, **{"url": self.url, **changes})
        (sample,) = prober.measure([Question(target=Target(name="web"), check=check)])
        return sample

    def becomes(self, wanted: Callable[[Sample], bool], **changes: object) -> Sample:
        """Ask until an answer is as wanted."""
        ends = time.monotonic() + 20
        while not wanted(sample := self.ask(**changes)):
            assert time.monotonic() < ends, sample
            time.sleep(0.1)
        return sample


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The application and its Prometheus; the tests that ask it are skipped without one."""
    if PROGRAM is None:
        pytest.skip("no Prometheus on this machine: apt-get install prometheus")
    instances = [Instance() for _ in range(3)]
    addresses = {f"web-{number}": one.address for number, one in enumerate(instances)}
    with started(tmp_path_factory.mktemp("prometheus"), addresses) as url:
        yield Shop(url, instances)
    for one in instances:
        one.close()


def test_an_application_whose_requests_are_answered_well_is_good(prometheus: Shop) -> None:
    sample = prometheus.becomes(lambda one: "the worst of 3 series" in one.detail)
    assert (sample.sample, sample.value) == (Reading.OK, 0)


@pytest.mark.parametrize(
    "query, detail",
    [
        ("rate(", "Prometheus refused the query: bad_data: invalid parameter "),
        ("http_requests_total[1m]", "the query gives a range, not a value: use a function such as `rate`"),
        ('"many"', "the query gives a string, not a number"),
        ("nothing_total", "no data: the query found no series"),
        ("vector(0) / vector(0)", "no data: NaN"),
        (
            "http_requests_total + on (job) http_requests_total",
            "Prometheus refused the query: execution: found duplicate series for the match group",
        ),
    ],
)
def test_what_it_can_not_tell_is_unmeasurable(prometheus: Shop, query: str, detail: str) -> None:
    prometheus.becomes(lambda one: one.sample is Reading.OK)
    sample = prometheus.ask(query=query)
    assert (sample.sample, sample.detail[: len(detail)]) == (Reading.UNMEASURABLE, detail)


def test_a_path_that_is_not_its_api_is_named(prometheus: Shop) -> None:
    sample = prometheus.ask(url=f"{prometheus.url}/elsewhere")
    assert (sample.sample, sample.detail) == (
        Reading.UNMEASURABLE,
        "what answers is not Prometheus (404): it is not the JSON of its API",
    )


def test_a_latency_that_doubles_is_worse_than_before(prometheus: Shop) -> None:
    changes = {"query": "max(latency_seconds)", "compare": "before", "max": None}
    span = dt.timedelta(seconds=6)
    prometheus.becomes(lambda one: one.sample is Reading.OK, query="max(latency_seconds offset 5s)", max=1)
    kept: list[Sample] = []
    before = Before(SystemClock().now(), kept)
    prober = prometheus.prober(before)
    sample = prometheus.asked_by(prober, **changes)
    for number in range(50):
        if number == 6:
            prometheus.instances[1].latency = 0.2
        sample = prometheus.asked_by(prober, **changes)
        if sample.sample is Reading.BAD:
            break
        time.sleep(PACE.total_seconds())
    assert (sample.value, sample.detail) == (0.2, "0.2: worse than before: 0.2, and it was 0.1 at worst")
    assert {one.value for one in kept} == {0.1}
    assert all(before.began - span - MOMENT <= one.at <= before.began + MOMENT for one in kept)


def test_one_instance_of_three_whose_requests_fail_is_named(prometheus: Shop) -> None:
    failing = prometheus.instances[2]
    failing.failing = 0.3
    sample = prometheus.becomes(lambda one: one.sample is Reading.BAD)
    failing.failing = 0
    assert f'instance="{failing.address}"' in sample.detail
    assert "is more than 0.01" in sample.detail


def test_one_instance_of_three_that_is_dead_is_named(prometheus: Shop) -> None:
    dead = prometheus.instances.pop()
    dead.close()
    sample = prometheus.becomes(lambda one: one.sample is Reading.BAD, query="up", max=None, min=1)
    assert sample.detail.startswith("0 at {")
    assert f'instance="{dead.address}"' in sample.detail
