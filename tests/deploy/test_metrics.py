"""Deployments that metrics judge, from the command to the verdict; Prometheus is a stand-in on loopback."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from release_tool.errors import UsageError
from tests.metrics_server import MetricsServer, answers, error, vector
from tests.production import QUICK, production

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.metrics_server import Act
    from tests.production import Production

TOKEN = "hunter2-hunter2"
METRICS = """
[[environments.production.checks]]
kind = "prometheus"
name = "errors"
query = 'errors{{env="$environment"}}[$since]'
url = "{prometheus}"
token-env = "PROMETHEUS_TOKEN"
max = 0.01
initial-delay = "0s"
interval = "5s"
failure-threshold = 3
deadline = "20s"
"""


@contextmanager
def measured(
    tmp_path: Path, behave: Callable[[str, Mapping[str, str]], Act]
) -> Iterator[tuple[Production, MetricsServer]]:
    """An environment whose 1.2.4 is live, with metrics that depend on what is deployed."""
    with MetricsServer(lambda _: vector("0")) as server:
        metrics = METRICS.replace("{prometheus}", server.url)
        settings = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["PROMETHEUS_TOKEN"]') + metrics
        with production(tmp_path, configuration=settings) as here:
            here.was_proven("1.2.4")
            server.behave = lambda parameters: behave(here.service.deployed(), parameters)
            yield here, server


def test_a_version_whose_metrics_are_bad_is_rolled_back_although_it_answers_well(tmp_path: Path) -> None:
    with measured(tmp_path, lambda version, _: vector("0.3" if version == "1.3.0" else "0")) as (here, server):
        here.evidence = tmp_path / "evidence"
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
        (kept,) = here.evidence.iterdir()
        samples = [json.loads(line) for line in (kept / "samples.jsonl").read_text().splitlines()]
    assert (done.outcome, done.live) == ("rolled_back", "1.2.4")
    assert "`errors`: 3 bad samples in a row (0.3 is more than 0.01)" in done.reason
    assert {one.get("value") for one in samples if one["check"] == "errors"} == {0.3, 0}
    assert {parameters["query"] for parameters in server.asked} == {'errors{env="production"}[10s]'}


def test_a_version_whose_metrics_are_good_is_healthy(tmp_path: Path) -> None:
    with measured(tmp_path, lambda *_: vector("0.002")) as (here, server):
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
        assert (done.outcome, done.reason) == ("healthy", "the new version answered well for 10s")
        assert here.verify(PROMETHEUS_TOKEN=TOKEN).outcome == "healthy"
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "act, why",
    [
        pytest.param(
            error("bad_data", "parse error", 400), "Prometheus refused the query: bad_data: parse error", id="query"
        ),
        pytest.param(answers("<html>Sign in"), "what answers is not Prometheus (200)", id="another server"),
        pytest.param(vector(), "no data: the query found no series", id="no data"),
        pytest.param(
            answers("no", 401), "PROMETHEUS_TOKEN is needed, and has to be valid", id="a token that is refused"
        ),
    ],
)
def test_what_can_not_be_measured_is_never_healthy_and_never_rolled_back(tmp_path: Path, act: Act, why: str) -> None:
    with measured(tmp_path, lambda *_: act) as (here, _):
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
        assert (done.outcome, here.service.deployed()) == ("inconclusive", "1.3.0")
        assert why in done.reason
        assert TOKEN not in done.reason


def test_without_its_token_nothing_is_begun(tmp_path: Path) -> None:
    with measured(tmp_path, lambda *_: vector("0")) as (here, server):
        with pytest.raises(UsageError, match="PROMETHEUS_TOKEN"):
            here.deploy("1.3.0")
        assert (here.service.deployed(), server.asked) == ("1.2.4", [])


def test_verify_says_what_it_lacks_where_there_is_no_token(tmp_path: Path) -> None:
    with measured(tmp_path, lambda *_: vector("0")) as (here, _):
        done = here.verify()
        assert done.outcome == "inconclusive"
        assert "PROMETHEUS_TOKEN is not set, or empty" in done.reason
