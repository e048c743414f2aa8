"""What answers is compared with what the ledger says, and a difference is told once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.chaos.past import prove
from tests.metrics_server import MetricsServer, error, vector
from tests.production import production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.metrics_server import Act
    from tests.production import Production

CONFIGURATION = """
[environments.production]
command = ["./deploy.sh"]
url = "{url}"

[[environments.production.checks]]
url = "/health"
version-pointer = "/version"
interval = "50ms"
timeout = "1s"
failure-threshold = 3
"""


def said(here: Production, **env: str) -> str:
    """What a scheduled look says, besides its result."""
    done = here.shop.run("status", "--tell", env=here.shop.environment(**env) if env else None)
    assert done.code == 0
    return done.err


def test_a_version_that_somebody_brought_past_the_ledger_is_told_once_and_closed_when_it_is_over(
    tmp_path: Path,
) -> None:
    with production(tmp_path, configuration=CONFIGURATION) as here:
        prove(here, "1.2.3", "1.3.0")
        assert said(here) == ""

        here.service.file.write_text("1.2.3")
        assert "notified: production in production answers with another version than 1.3.0" in said(here)
        assert said(here) == ""

        here.service.file.write_text("1.3.0")
        assert "it is resolved" in said(here)


METRICS = """pass-env = ["PROMETHEUS_TOKEN"]
targets = [{{ name = "web-1" }}]
bake = "1s"
"""
METRIC = """
[[environments.production.checks]]
kind = "prometheus"
name = "errors"
url = "{prometheus}"
token-env = "PROMETHEUS_TOKEN"
query = 'errors{{instance="$target"}}[$since]'
max = 0.01
initial-delay = "0s"
interval = "50ms"
timeout = "1s"
failure-threshold = 3
"""


@contextmanager
def measured(tmp_path: Path, act: Act) -> Iterator[tuple[Production, MetricsServer]]:
    """1.3.0, which answers well, and has a metric."""
    with MetricsServer(lambda _: act) as server:
        metric = METRIC.replace("{prometheus}", server.url)
        settings = CONFIGURATION.replace('url = "{url}"\n', 'url = "{url}"\n' + METRICS, 1) + metric
        with production(tmp_path, configuration=settings) as here:
            prove(here, "1.2.3", "1.3.0")
            yield here, server


def test_a_look_that_lacks_the_token_of_a_metric_still_finds_another_version(tmp_path: Path) -> None:
    with measured(tmp_path, vector("0")) as (here, server):
        assert said(here) == ""
        here.service.file.write_text("1.2.3")
        assert "web-1 in production answers with another version than 1.3.0" in said(here)
        assert server.asked == []


def test_a_look_asks_for_the_metric_of_each_target_and_shows_what_became_unhealthy(tmp_path: Path) -> None:
    with measured(tmp_path, vector("0.3")) as (here, server):
        assert said(here, PROMETHEUS_TOKEN="t0ken") == ""
        assert {one["query"] for one in server.asked} == {'errors{instance="web-1"}[150ms]'}
        shown = here.shop.run("status").out
    assert "production  unhealthy: 1.3.0" in shown
    assert "0.3 is more than 0.01" in shown


def test_metrics_that_can_not_be_had_are_neither_drift_nor_unhealthy(tmp_path: Path) -> None:
    with measured(tmp_path, error("bad_data", "parse error", 400)) as (here, server):
        assert said(here, PROMETHEUS_TOKEN="t0ken") == ""
        server.close()
        assert said(here, PROMETHEUS_TOKEN="t0ken") == ""
        assert "production  healthy: 1.3.0" in here.shop.run("status").out


def test_an_application_that_does_not_answer_is_no_drift(tmp_path: Path) -> None:
    with production(tmp_path, configuration=CONFIGURATION) as here:
        prove(here, "1.2.3", "1.3.0")
        here.service.behave = lambda _version, _number: (500, {})
        assert said(here) == ""
