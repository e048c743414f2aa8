"""Deployments that metrics judge, from the command to the verdict; Prometheus is a stand-in on loopback."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.errors import UsageError
from release_tool.status.dashboard.site import write
from tests.metrics_server import MetricsServer, answers, error, matrix, vector
from tests.production import QUICK, production
from tests.service import bad, says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.metrics_server import Act
    from tests.production import Production
    from tests.service import Said

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
COMMANDED = """
[[environments.production.checks]]
kind = "command"
name = "login"
command = ["sh", "-c", "test -n \\"$PASSWORD\\""]
failure-threshold = 3
"""


@contextmanager
def measured(
    tmp_path: Path, behave: Callable[[str, Mapping[str, str]], Act], changes: Iterable[tuple[str, str]] = ()
) -> Iterator[tuple[Production, MetricsServer]]:
    """An environment whose 1.2.4 is live, with metrics that depend on what is deployed, and changed settings."""
    with MetricsServer(lambda _: vector("0")) as server:
        metrics = METRICS.replace("{prometheus}", server.url)
        settings = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["PROMETHEUS_TOKEN"]') + metrics
        for usual, other in changes:
            settings = settings.replace(usual, other)
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


def test_a_version_is_left_for_the_largest_number_as_for_any_other(tmp_path: Path) -> None:
    """Many programs tell it for what they have not measured yet."""
    numbers = iter(["-1e308", *["1.7976931348623157e+308"] * 3])
    with measured(tmp_path, lambda version, _: vector(next(numbers) if version == "1.3.0" else "0")) as (here, _):
        here.evidence = tmp_path / "evidence"
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
        assert (done.outcome, done.live) == ("rolled_back", "1.2.4")
        write(here.environment().project, tmp_path / "site")


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


def test_verify_says_at_once_what_it_lacks_and_asks_the_rest_all_the_same(tmp_path: Path) -> None:
    with measured(tmp_path, lambda *_: vector("0")) as (here, server):
        began, written = here.clock.steady(), here.ledger()
        done = here.verify()
        assert done.outcome == "inconclusive"
        assert done.reason.startswith("`errors` was not asked: PROMETHEUS_TOKEN is not set, or empty; else ")
        assert {one.check for one in done.samples} == {"health"}
        assert (here.clock.steady() - began).total_seconds() < 20
        assert (server.asked, here.ledger()) == ([], written)

        here.service.behave = bad("1.2.4")
        done = here.verify()
        assert (done.outcome, "`health`" in done.reason) == ("unhealthy", True)


def test_what_was_found_unhealthy_by_metrics_is_not_proven_again_without_them(tmp_path: Path) -> None:
    with measured(tmp_path, lambda *_: vector("0.3")) as (here, server):
        assert here.verify(PROMETHEUS_TOKEN=TOKEN).outcome == "unhealthy"
        assert here.ledger()[-1].disproven

        assert here.verify().outcome == "inconclusive"
        assert here.ledger()[-1].disproven

        server.behave = lambda _: vector("0")
        assert here.verify(PROMETHEUS_TOKEN=TOKEN).outcome == "healthy"
        assert not here.ledger()[-1].disproven


def test_a_command_that_lacks_a_secret_here_does_not_disprove_what_is_live(tmp_path: Path) -> None:
    settings = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["PASSWORD"]') + COMMANDED
    with production(tmp_path, configuration=settings) as here:
        here.was_proven("1.2.4")
        done = here.verify()
        assert done.outcome == "inconclusive"
        assert "`login` was not asked: PASSWORD is not set, or empty" in done.reason
        assert not here.ledger()[-1].disproven

        assert here.verify(PASSWORD=TOKEN).outcome == "healthy"


def test_without_its_secrets_nobody_calls_what_was_interrupted_unhealthy(tmp_path: Path) -> None:
    settings = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["PASSWORD"]') + COMMANDED
    with production(tmp_path, configuration=settings) as here:
        here.was_proven("1.2.4")
        here.service.file.write_text("1.3.0")
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.VERIFYING, "production"))

        with pytest.raises(UsageError, match="PASSWORD, which is not set"):
            here.reconcile()

        assert (here.ledger()[-1].phase.word, here.halts()) == (Phase.VERIFYING, [])
        (done,) = here.reconcile(only_settle=True, PASSWORD=TOKEN)
        assert (done.outcome, done.live) == ("healthy", "1.3.0")


# What is compared with before

COMPARED = ("max = 0.01", 'compare = "before"')
LONGER = ('bake = "10s"', 'bake = "1m"')


@contextmanager
def compared(tmp_path: Path, now: str, *before: float) -> Iterator[tuple[Production, MetricsServer]]:
    """An environment whose metric is compared with what it was before 1.3.0."""

    def behave(version: str, parameters: Mapping[str, str]) -> Act:
        if "start" in parameters:
            return matrix(*before, parameters=parameters)
        return vector(now if version == "1.3.0" else "100")

    with measured(tmp_path, behave, (COMPARED, LONGER, ('deadline = "20s"', 'deadline = "2m"'))) as found:
        found[0].evidence = tmp_path / "evidence"
        yield found


def test_a_version_that_is_worse_than_the_one_before_is_rolled_back_with_what_was_before_in_the_evidence(
    tmp_path: Path,
) -> None:
    with compared(tmp_path, "200", *[99, 100, 101] * 16) as (here, server):
        began = here.clock.now()
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
        (kept,) = (tmp_path / "evidence").iterdir()
        before = [json.loads(line) for line in (kept / "before.jsonl").read_text().splitlines()]
        assert "200: worse than before: 200, and it was 100 at worst" in str(here.ledger()[-2].phase)
    assert (done.outcome, done.live) == ("rolled_back", "1.2.4")
    (asked,) = (parameters for parameters in server.asked if "start" in parameters)
    assert 0 <= float(asked["end"]) - began.timestamp() < 10
    assert float(asked["end"]) - float(asked["start"]) == 240
    assert (asked["step"], asked["query"]) == ("5.000", 'errors{env="production"}[10s]')
    assert [one["value"] for one in before] == [99, 100, 101] * 16
    assert before[0]["at"] < began.isoformat()


def test_a_version_that_is_as_good_as_the_one_before_is_healthy(tmp_path: Path) -> None:
    with compared(tmp_path, "110", *[99, 100, 101] * 16) as (here, _):
        assert here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN).outcome == "healthy"


def test_what_has_no_before_is_compared_with_nothing_and_that_is_told(tmp_path: Path) -> None:
    with compared(tmp_path, "200", 100, 100) as (here, _):
        assert here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN).outcome == "healthy"
        assert "errors of production is compared with nothing: there are 2 values from before, and 5 are needed" in (
            here.shop.said
        )


def test_a_rollback_is_not_compared_with_what_it_goes_back_from(tmp_path: Path) -> None:
    with compared(tmp_path, "200", *[1] * 48) as (here, server):
        here.rival("v1.3.0", PhaseRecord(Phase.HEALTHY, "the new version answered well for 1m"))
        assert here.rollback("1.2.4", PROMETHEUS_TOKEN=TOKEN).outcome == "healthy"
    assert not any("start" in parameters for parameters in server.asked)


def test_before_that_can_not_be_asked_for_tells_nothing(tmp_path: Path) -> None:
    def behave(_: str, parameters: Mapping[str, str]) -> Act:
        return error("execution", "too many points", 422) if "start" in parameters else vector("1")

    with measured(tmp_path, behave, (COMPARED, ('bake = "10s"', 'bake = "25s"'))) as (here, _):
        done = here.deploy("1.3.0", PROMETHEUS_TOKEN=TOKEN)
    assert done.outcome == "inconclusive"
    assert "Prometheus refused the query: execution: too many points" in done.reason


def test_a_version_that_answers_slower_than_the_one_before_is_rolled_back(tmp_path: Path) -> None:
    def behave(version: str, _: int) -> Said:
        def act(handler: BaseHTTPRequestHandler) -> None:
            time.sleep(0.2 if version == "1.3.0" else 0)
            says(json.dumps({"version": version}).encode())(handler)

        return act

    slow = QUICK.replace("samples = 1", 'samples = 1\ncompare = "before"\nworse-by = "300%"')
    with production(tmp_path, configuration=slow, behave=behave) as here:
        here.was_proven("1.2.4")
        here.evidence = tmp_path / "evidence"
        done = here.deploy("1.3.0")
        (kept,) = here.evidence.iterdir()
        before = [json.loads(line) for line in (kept / "before.jsonl").read_text().splitlines()]
    assert (done.outcome, done.live) == ("rolled_back", "1.2.4")
    assert "worse than before: 2" in done.reason
    assert len(before) == 5
    assert all(one["took"] < 0.1 for one in before)


def test_where_nothing_answers_yet_nothing_is_measured_before(tmp_path: Path) -> None:
    settings = QUICK.replace("samples = 1", 'samples = 1\ncompare = "before"')
    with production(tmp_path, configuration=settings, behave=bad("")) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
        assert "health of production is compared with nothing: there are 0 values" in here.shop.said[-1]
