"""Each query of metrics is asked once by `doctor`, which says what keeps it from an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.config.read import parse
from release_tool.setup.checks import FindingState
from release_tool.setup.metric_queries import of_queries
from tests.metrics_server import MetricsServer, answers, error, success, vector

if TYPE_CHECKING:
    from release_tool.setup.checks import DoctorFinding
    from tests.metrics_server import Act

TOKEN = "hunter2-hunter2"
METRIC = """
[environments.production]
command = ["./deploy.sh"]
pass-env = ["PROMETHEUS_TOKEN"]
targets = [{ name = "web-1" }, { name = "web-2" }]

[[environments.production.checks]]
url = "https://app.example.com/health"

[[environments.production.checks]]
kind = "prometheus"
name = "errors"
url = "ADDRESS"
token-env = "PROMETHEUS_TOKEN"
query = 'errors{instance="$target"}[$since]'
max = 0.01
"""


def found(address: str, **variables: str) -> DoctorFinding:
    config = parse(METRIC.replace("ADDRESS", address), "release-tool.toml")
    (one,) = of_queries(config, {"PROMETHEUS_TOKEN": TOKEN, **variables})
    assert one.about == "metric errors of production"
    return one


def test_a_query_is_asked_once_for_each_target_with_its_token() -> None:
    with MetricsServer(lambda _: vector("0.3")) as server:
        one = found(server.url)
    assert (one.verdict, one.text) == (FindingState.OK, "Prometheus answers the query for web-1, web-2")
    assert [parameters["query"] for parameters in server.asked] == [
        'errors{instance="web-1"}[120s]',
        'errors{instance="web-2"}[120s]',
    ]
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "act, verdict, text",
    [
        pytest.param(
            error("bad_data", f"parse error near {TOKEN}", 400),
            FindingState.PROBLEM,
            "Prometheus refused the query: bad_data: parse error near ***",
            id="a query that is refused",
        ),
        pytest.param(success("matrix", []), FindingState.PROBLEM, "the query gives a range, not a value", id="a range"),
        pytest.param(
            error("unavailable", "restarting", 503),
            FindingState.UNSEEN,
            "Prometheus refused the query: unavailable: restarting",
            id="a server in trouble",
        ),
        pytest.param(
            vector(), FindingState.UNSEEN, "the query finds no series for web-1, web-2", id="targets of other names"
        ),
        pytest.param(
            answers("<html>", 200), FindingState.UNSEEN, "what answers is not Prometheus (200)", id="another server"
        ),
        pytest.param(
            answers("no", 401),
            FindingState.UNSEEN,
            "PROMETHEUS_TOKEN is needed, and has to be valid",
            id="a token that is refused",
        ),
    ],
)
def test_what_keeps_a_query_from_an_answer_is_named(act: Act, verdict: FindingState, text: str) -> None:
    with MetricsServer(lambda _: act) as server:
        one = found(server.url)
    assert one.verdict is verdict
    assert text in one.text
    assert one.fix


def test_without_its_token_a_query_is_not_asked() -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        one = found(server.url, PROMETHEUS_TOKEN="")
    assert (one.verdict, one.text) == (FindingState.UNSEEN, "was not asked: PROMETHEUS_TOKEN is not set here")
    assert server.asked == []


def test_an_address_that_does_not_answer_is_not_seen_from_here() -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        pass
    one = found(server.url)
    assert (one.verdict, one.text) == (FindingState.UNSEEN, "Prometheus: the connection was refused")
