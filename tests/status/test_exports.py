"""Metrics and badges: read back by those who read them, whatever people wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from prometheus_client.parser import text_string_to_metric_families

from release_tool.status.exports import badges, metrics, status_json
from release_tool.status.metrics import Counts, DeliveryMetrics, Percentiles
from release_tool.status.model import Cloud, Health, document
from release_tool.text.visible import visible
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, PROVEN, deployment
from tests.status.overviews import candidate, environment, halt, seen

if TYPE_CHECKING:
    from release_tool.status.model import Overview

MEASURED = DeliveryMetrics(
    counts=Counts(healthy=3, failed=1, unknown=1, manual=2, rollbacks=1),
    frequency=1.5,
    lead_time=Percentiles(count=3, median=60, p90=120),
    change_failure_rate=0.25,
)
HOSTILE = 'eu "west"\\\n{x="1"} 9\n# HELP \u202e'


def read(found: Overview) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples as Prometheus reads them, without the time of the look."""
    families = text_string_to_metric_families(metrics(found))
    return {
        (one.name.removeprefix("release_tool_"), tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def test_metrics_are_read_back_as_they_were_measured() -> None:
    good = environment(deployment(1, "2", *PROVEN), deployment(2, "3", *PROVEN), delivery=MEASURED)
    cloud = Cloud(branch="cloud", head=sha("3"), name="1.3", behind=("v1.4", "v1.5"))

    found = read(seen(good, cloud=cloud, unreleased=4))

    here = ("environment", "production")
    assert found["unreleased_changes", ()] == 4
    assert found["hosted_behind_releases", (("branch", "cloud"),)] == 2
    assert found["environment_health", (here, ("state", "healthy"))] == 1
    assert found["environment_health", (here, ("state", "unhealthy"))] == 0
    info = (("commit", sha("3")), here, ("proven", "true"), ("version", "1.3"))
    assert found["environment_live_info", info] == 1
    assert found["environment_way_back", (here,)] == 1
    assert found["deployments", (here, ("outcome", "healthy"))] == 3
    assert found["deployments_manual", (here,)] == 2
    assert found["rollbacks", (here,)] == 1
    assert found["deployment_frequency_per_week", (here,)] == 1.5
    assert found["lead_time_seconds", (here, ("quantile", "0.9"))] == 120
    assert found["change_failure_ratio", (here,)] == 0.25


def test_what_is_not_known_is_not_there_rather_than_zero() -> None:
    found = {name for name, _ in read(seen(environment(), released=None))}

    assert found.isdisjoint({"released_info", "deployment_frequency_per_week", "change_failure_ratio", "deployments"})
    assert found.isdisjoint({"lead_time_seconds", "recovery_time_seconds", "environment_live_info"})
    assert "hosted_behind_releases" not in found


def test_labels_are_what_people_see_of_what_was_written_and_nothing_else() -> None:
    hostile = environment(deployment(1, "3", *PROVEN), name=HOSTILE)

    found = read(seen(hostile, released='v1"\n'))

    assert found["released_info", (("tag", 'v1"'),)] == 1
    assert found["environment_health", (("environment", visible(HOSTILE)), ("state", "healthy"))] == 1
    assert len(found) == len(read(seen(environment(deployment(1, "3", *PROVEN)))))


@given(st.text())
def test_every_name_is_read_back(name: str) -> None:
    found = read(seen(environment(deployment(1, "3", *PROVEN), name=name)))

    assert ("environment_health", (("environment", visible(name)), ("state", "healthy"))) in found


def test_badges_say_the_release_and_what_is_live() -> None:
    good = environment(deployment(1, "3", *PROVEN))
    bad = environment(deployment(1, "3", *FAILED), name="staging")

    found = badges(seen(good, bad))

    assert {name: json.loads(text) for name, text in found.items()} == snapshot(
        {
            "release.json": {"schemaVersion": 1, "label": "release", "message": "v1.3", "color": "blue"},
            "production.json": {"schemaVersion": 1, "label": "production", "message": "1.3", "color": "brightgreen"},
            "staging.json": {"schemaVersion": 1, "label": "staging", "message": "unhealthy", "color": "red"},
        }
    )


@pytest.mark.parametrize("health", list(Health))
def test_every_state_has_a_badge(health: Health) -> None:
    one = msgspec.structs.replace(environment(), health=health)

    assert json.loads(badges(seen(one))["production.json"])["message"] == health.value


NAMES = st.lists(st.sampled_from(["release", "Release", "../x", "x/y", "x-y", "", "..", "a" * 300, "é"]), unique=True)


@given(NAMES)
def test_every_badge_has_a_file_of_its_own_in_the_folder(names: list[str]) -> None:
    found = badges(seen(*(environment(name=name) for name in names)))

    assert len({name.casefold() for name in found}) == len(names) + 1
    for name in found:
        assert name.isascii()
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name) < 100


def test_the_file_is_the_document() -> None:
    found = seen(environment(deployment(1, "3", *PROVEN), candidate=candidate("9", halted="x"), halts=(halt(),)))

    assert json.loads(status_json(found)) == json.loads(json.dumps(document(found)))
