"""A look at everything for other programs: one JSON document, metrics for Prometheus, badges for shields."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from release_tool.status.model import Health, document
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from release_tool.status.metrics import DeliveryMetrics, Percentiles
    from release_tool.status.model import EnvironmentStatus, Overview

_PREFIX = "release_tool_"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 60

_COLOURS = {
    Health.HEALTHY: "brightgreen",
    Health.CHANGING: "yellow",
    Health.UNHEALTHY: "red",
    Health.UNKNOWN: "orange",
    Health.NOTHING: "lightgrey",
}


class _Gauge(NamedTuple):
    """One measured value: the metric with its help text, the labels, and the number, None where it is not known."""

    name: str
    about: str
    labels: Mapping[str, str]
    value: float | None


def status_json(seen: Overview) -> str:
    """The document of `status --json`, as a file."""
    return json.dumps(document(seen), ensure_ascii=False, indent=2) + "\n"


def metrics(seen: Overview) -> str:
    """The text that Prometheus reads; what is not known is left out, never zero."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    families: dict[str, GaugeMetricFamily] = {}
    for gauge in _gauges(seen):
        if gauge.value is not None:
            name = _PREFIX + gauge.name
            family = families.setdefault(name, GaugeMetricFamily(name, gauge.about, labels=tuple(gauge.labels)))
            family.add_metric(tuple(map(visible, gauge.labels.values())), gauge.value)

    class Found(Collector):
        def collect(self) -> Iterable[GaugeMetricFamily]:
            return families.values()

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Found())
    return generate_latest(registry).decode()


def badges(seen: Overview) -> dict[str, str]:
    """The files that shields.io's endpoint badge reads, by name: `release.json` and one for each environment."""
    found = {
        "release.json": _badge("release", seen.released or "nothing yet", "blue" if seen.released else "lightgrey")
    }
    for environment in seen.environments:
        name = _free(_UNSAFE.sub("-", environment.name)[:_LONGEST_NAME] or "environment", found)
        found[name] = _badge(environment.name, _message(environment), _COLOURS[environment.health])
    return found


# Badges


def _badge(label: str, message: str, colour: str) -> str:
    return json.dumps({"schemaVersion": 1, "label": label, "message": message, "color": colour}) + "\n"


def _message(environment: EnvironmentStatus) -> str:
    if environment.live and environment.health is Health.HEALTHY:
        return environment.live.name
    return environment.health.value


def _free(name: str, taken: Mapping[str, str]) -> str:
    """A file's name that no other badge has, on file systems that don't tell case apart either."""
    known = {one.casefold() for one in taken}
    number, found = 1, f"{name}.json"
    while found.casefold() in known:
        number += 1
        found = f"{name}-{number}.json"
    return found


# Metrics


def _gauges(seen: Overview) -> Iterator[_Gauge]:
    yield _Gauge("looked_timestamp_seconds", "When these values were collected.", {}, seen.at.timestamp())
    if seen.released:
        yield _Gauge("released_info", "The newest stable release.", {"tag": seen.released}, 1)
    yield _Gauge("unreleased_changes", "Changes that wait for the next release.", {}, seen.unreleased)
    yield _Gauge("half_done_releases", "Tags that are claimed and not published.", {}, len(seen.half_done))
    if seen.cloud:
        behind = "Releases that the hosted branch lacks."
        yield _Gauge("hosted_behind_releases", behind, {"branch": seen.cloud.branch}, len(seen.cloud.behind))
    yield _Gauge("waiting", "Open action items.", {}, len(seen.waiting))
    yield _Gauge("incidents", "Open incidents.", {}, len(seen.incidents))
    yield _Gauge("missed", "Overdue work and drift.", {}, len(seen.cases))
    for environment in seen.environments:
        yield from _of_environment(environment)
        yield from _of_delivery(environment.name, environment.delivery)


def _of_environment(environment: EnvironmentStatus) -> Iterator[_Gauge]:
    where = {"environment": environment.name}
    for health in Health:
        about = "Whether an environment is in this state."
        yield _Gauge("environment_health", about, {**where, "state": health.value}, environment.health is health)
    if live := environment.live:
        what = {**where, "version": live.name, "commit": live.commit, "proven": str(live.proven).lower()}
        yield _Gauge("environment_live_info", "What is live.", what, 1)
        yield _Gauge("environment_live_since_timestamp_seconds", "Since when.", where, live.since.timestamp())
    if until := environment.watched_until:
        about = "Until when what is live is watched after its bake."
        yield _Gauge("environment_watched_until_timestamp_seconds", about, where, until.timestamp())
    facts = {
        "halted": ("Whether automatic deployments are halted.", bool(environment.halts)),
        "frozen": ("Whether automatic deployments are frozen.", bool(environment.frozen)),
        "lacks_newest": ("Whether something newer could be deployed.", environment.missing is not None),
        "way_back": ("Whether there is a rollback target.", environment.way_back.name is not None),
        "quarantined_commits": ("Commits that automatic deployments skip.", len(environment.quarantined)),
    }
    for name, (about, value) in facts.items():
        yield _Gauge(f"environment_{name}", about, where, value)


def _of_delivery(environment: str, delivery: DeliveryMetrics) -> Iterator[_Gauge]:
    where = {"environment": environment}
    counts, known = delivery.counts, delivery.frequency is not None
    outcomes = {"healthy": counts.healthy, "failed": counts.failed, "unknown": counts.unknown}
    for outcome, count in outcomes.items():
        about = "Deployments of something new in the last weeks, by how they ended."
        yield _Gauge("deployments", about, {**where, "outcome": outcome}, count if known else None)
    yield _Gauge("deployments_manual", "Those that a person asked for.", where, counts.manual if known else None)
    yield _Gauge("rollbacks", "Rollbacks in the last weeks.", where, counts.rollbacks if known else None)
    definitions = delivery.definitions
    yield _Gauge("deployment_frequency_per_week", definitions.frequency, where, delivery.frequency)
    yield _Gauge("change_failure_ratio", definitions.change_failure_rate, where, delivery.change_failure_rate)
    yield from _quantiles("lead_time_seconds", definitions.lead_time, where, delivery.lead_time)
    yield from _quantiles("recovery_time_seconds", definitions.recovery_time, where, delivery.recovery_time)


def _quantiles(name: str, about: str, where: Mapping[str, str], spread: Percentiles | None) -> Iterator[_Gauge]:
    if spread:
        yield _Gauge(name, about, {**where, "quantile": "0.5"}, spread.median)
        yield _Gauge(name, about, {**where, "quantile": "0.9"}, spread.p90)
