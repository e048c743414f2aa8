from __future__ import annotations

import base64
import datetime as dt
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from release_tool.config.model import Check, Duration, Environment, Target
from release_tool.config.read import parse
from release_tool.deploy.health.before import Before
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Occasion, Prober, Question
from release_tool.deploy.health.series import since
from release_tool.deploy.health.verdict import HealthAnalysis, HealthState, Reading, Sample, rules_of
from release_tool.errors import UsageError
from tests.clock import FakeClock
from tests.metrics_server import NOON, MetricsServer, answers, error, success, vector
from tests.service import drips, resets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.metrics_server import Act

EXPECTED = Expected(commit="5f3c2a1b" * 5, version="1.3.0")
LONG = Duration(seconds=20)
SHORT = Duration(milliseconds=300)
BEGAN = FakeClock().now()
BAKE = dt.timedelta(minutes=2)
RATIO = Check(kind="prometheus", query='errors{pod="$target"}[$since]', max=0.01, timeout=LONG, token_env="TOKEN")
COMPARED = msgspec.structs.replace(RATIO, max=None, compare="before")
TOKEN = "hunter2-hunter2"


def asked(
    server: str,
    check: Check = RATIO,
    *,
    variables: Mapping[str, str] | None = None,
    ended: float | None = None,
    before: Before | None = None,
) -> Sample:
    clock = FakeClock()
    prober = Prober(
        expected=EXPECTED,
        clock=clock,
        directory=Path(),
        environment={},
        variables={"web-1": {"TOKEN": TOKEN} if variables is None else variables},
        secrets=[TOKEN],
        occasion=Occasion(
            environment="production",
            bake=BAKE,
            ended=None if ended is None else clock.steady() - dt.timedelta(seconds=ended),
        ),
        before=before,
    )
    check = check if check.url_env else msgspec.structs.replace(check, url=server)
    (sample,) = prober.measure([Question(target=Target(name="web-1"), check=check)])
    return sample


def found(act: Act, check: Check = RATIO) -> tuple[str, str, float | None]:
    with MetricsServer(lambda _: act) as server:
        sample = asked(server.url, check)
    return sample.sample.value, sample.detail, sample.value


# What a query finds


@pytest.mark.parametrize(
    "act, expected",
    [
        pytest.param(vector("0.01"), ("ok", "0.01", 0.01), id="just within"),
        pytest.param(vector("0.011"), ("bad", "0.011 is more than 0.01", 0.011), id="just beyond"),
        pytest.param(success("scalar", [NOON, "0.5"]), ("bad", "0.5 is more than 0.01", 0.5), id="a scalar"),
        pytest.param(vector("+Inf"), ("bad", "infinity is more than 0.01", None), id="without an end"),
        pytest.param(vector("-Inf"), ("ok", "-infinity", None), id="without an end below"),
        pytest.param(
            vector("0", "0.002", "0.001"),
            ("ok", '0.002 at {instance="web-2"}, the worst of 3 series', 0.002),
            id="several",
        ),
        pytest.param(
            vector("0", "0.5", "0.02"), ("bad", '0.5 at {instance="web-2"} is more than 0.01', 0.5), id="one of several"
        ),
        pytest.param(
            vector("NaN", "0.5"), ("bad", '0.5 at {instance="web-2"} is more than 0.01', 0.5), id="bad, and no number"
        ),
        pytest.param(
            vector("0", "NaN"), ("unmeasurable", 'no data: NaN at {instance="web-2"}', 0), id="good, and no number"
        ),
        pytest.param(vector("NaN"), ("unmeasurable", "no data: NaN", None), id="no number"),
        pytest.param(vector(), ("unmeasurable", "no data: the query found no series", None), id="nothing"),
    ],
)
def test_every_series_has_to_be_within_the_bounds(act: Act, expected: tuple[str, str, float | None]) -> None:
    assert found(act) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        ("0.9", ("bad", "0.9 is less than 0.95", 0.9)),
        ("0.95", ("ok", "0.95", 0.95)),
        ("1.5", ("bad", "1.5 is more than 1.2", 1.5)),
    ],
)
def test_a_value_can_have_a_least_and_a_most(value: str, expected: tuple[str, str, float]) -> None:
    assert found(vector(value), msgspec.structs.replace(RATIO, min=0.95, max=1.2)) == expected


def test_of_several_the_one_that_is_least_decides_where_only_a_least_is_asked_for() -> None:
    assert found(vector("7", "3", "5"), msgspec.structs.replace(RATIO, min=2, max=None)) == (
        "ok",
        '3 at {instance="web-2"}, the worst of 3 series',
        3,
    )


@pytest.mark.parametrize(
    "act", [vector(), vector("NaN"), vector("0", "NaN")], ids=["nothing", "no number", "one of two"]
)
def test_no_data_is_bad_where_that_was_said(act: Act) -> None:
    reading, detail, _ = found(act, msgspec.structs.replace(RATIO, no_data="bad"))
    assert (reading, detail.partition(":")[0]) == ("bad", "no data")


# What tells nothing


@pytest.mark.parametrize(
    "act, why",
    [
        pytest.param(
            error("bad_data", '1:8: parse error: unexpected "["', 400),
            'Prometheus refused the query: bad_data: 1:8: parse error: unexpected "["',
            id="no PromQL",
        ),
        pytest.param(
            error("execution", "many-to-many matching not allowed", 422),
            "Prometheus refused the query: execution: many-to-many matching not allowed",
            id="can't be executed",
        ),
        pytest.param(
            error("timeout", "query timed out", 503),
            "Prometheus refused the query: timeout: query timed out",
            id="overload",
        ),
        pytest.param(
            success("vector", [{"metric": {}, "value": [NOON, "0"]}], warnings=["store a: no answer"]),
            "Prometheus warns that this may not be all: store a: no answer",
            id="a part of the data",
        ),
        pytest.param(
            success("matrix", [{"metric": {}, "values": [[NOON, "0"]]}]),
            "the query gives a range, not a value: use a function such as `rate`",
            id="a range",
        ),
        pytest.param(success("string", [NOON, "x"]), "the query gives a string, not a number", id="a string"),
        pytest.param(
            success("vector", [{"metric": {}, "histogram": [NOON, {"count": "1", "sum": "1"}]}]),
            "the query gives a histogram, not a number: use a function such as `histogram_quantile`",
            id="a histogram",
        ),
        pytest.param(vector("many"), "Prometheus answers with many, which is no number", id="no number at all"),
        pytest.param(
            success("vector", {"a": 1}), "Prometheus answers with a result that can't be read", id="another result"
        ),
        pytest.param(
            answers({"status": "success"}),
            "what answers is not Prometheus (200): it has no `data`",
            id="no data at all",
        ),
        pytest.param(
            answers("<html>Sign in</html>"),
            "what answers is not Prometheus (200): it is not the JSON of its API",
            id="a login page",
        ),
        pytest.param(
            answers({"version": "1.3.0"}),
            "what answers is not Prometheus (200): it is not the JSON of its API",
            id="another JSON",
        ),
        pytest.param(
            answers("[" * 100_000), "what answers is not Prometheus (200): it is not the JSON of its API", id="nested"
        ),
        pytest.param(
            answers("404 page not found", 404),
            "what answers is not Prometheus (404): it is not the JSON of its API",
            id="another path",
        ),
        pytest.param(
            answers("", 302, Location="/login"),
            "what answers is not Prometheus (302): redirects are not followed",
            id="a redirect to a login",
        ),
        pytest.param(
            answers("Unauthorized", 401),
            "Prometheus does not let us in (401): TOKEN is needed, and has to be valid",
            id="a token that is not valid",
        ),
        pytest.param(
            answers({"message": "invalid API key"}, 403),
            "Prometheus does not let us in (403): TOKEN is needed, and has to be valid",
            id="no right to ask",
        ),
        pytest.param(
            answers(" " * 1_100_000), "Prometheus tells more than the 1048576 bytes that are read", id="too much"
        ),
        pytest.param(resets, "Prometheus: the connection was reset", id="a reset"),
    ],
)
def test_what_prometheus_can_not_answer_tells_nothing_of_the_application(act: Act, why: str) -> None:
    assert found(act) == ("unmeasurable", why, None)


@pytest.mark.parametrize("time", [1e300, -1e300, 253402300800, -62135596801])
def test_a_time_before_that_is_none_tells_nothing(time: float) -> None:
    before = Before(BEGAN, [])
    hostile, usual = success("matrix", [{"metric": {}, "values": [[time, "1"]]}]), vector("1")
    with MetricsServer(lambda parameters: hostile if "start" in parameters else usual) as server:
        sample = asked(server.url, COMPARED, before=before)
    assert (sample.sample, sample.detail.endswith("as a time, which is none")) == (Reading.UNMEASURABLE, True)


@pytest.mark.parametrize("value, told", [("+Inf", "infinity"), ("-Inf", "-infinity"), ("1e999", "infinity")])
def test_what_is_infinite_can_not_be_compared_and_is_not_good(value: str, told: str) -> None:
    assert found(vector(value), COMPARED)[:2] == ("unmeasurable", f"no data: {told}")
    assert found(vector("1"), COMPARED)[0] == "ok"


def test_hints_of_prometheus_change_nothing() -> None:
    hint = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
    assert found(success("scalar", [NOON, "0"], infos=[hint]))[0] == "ok"


def test_an_answer_that_does_not_end_in_time_tells_nothing() -> None:
    reading, detail, _ = found(drips, msgspec.structs.replace(RATIO, timeout=SHORT))
    assert (reading, detail) == ("unmeasurable", "Prometheus: no complete answer within 0.3 s")


def test_a_server_that_is_not_there_tells_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sample = asked(f"http://127.0.0.1:{port}")
    assert (sample.sample, sample.detail) == (Reading.UNMEASURABLE, "Prometheus: the connection was refused")


# How it is asked


def test_it_is_asked_by_the_official_api_below_its_address() -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        assert asked(f"{server.url}/prometheus/?dedup=true", ended=61.2).sample is Reading.OK
    (parameters,) = server.asked
    assert server.paths == ["/prometheus/api/v1/query"]
    assert parameters["query"] == 'errors{pod="web-1"}[62s]'
    assert parameters["dedup"] == "true"
    assert 0 < float(parameters["timeout"]) <= 20


@pytest.mark.parametrize(
    "query, sent",
    [
        ("a{env='$environment'}", "a{env='production'}"),
        ("${target}_total", "web-1_total"),
        ('label_replace(up, "a", "$1", "b", "(.*)$")', 'label_replace(up, "a", "$1", "b", "(.*)$")'),
        ('a{b="$$target"}', 'a{b="$target"}'),
    ],
)
def test_only_what_is_named_is_filled_in(query: str, sent: str) -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        asked(server.url, msgspec.structs.replace(RATIO, query=query))
    assert server.asked[0]["query"] == sent


@pytest.mark.parametrize(
    "gone, expected",
    [(None, "120s"), (0, "30s"), (29.5, "30s"), (30.1, "31s"), (119.2, "120s"), (500, "120s")],
)
def test_a_range_reaches_back_to_the_command_and_never_further_than_a_bake(gone: float | None, expected: str) -> None:
    elapsed = None if gone is None else dt.timedelta(seconds=gone)
    assert since(elapsed, dt.timedelta(seconds=15), BAKE) == expected


def test_the_token_of_a_variable_is_sent_and_never_shown() -> None:
    with MetricsServer(lambda _: error("bad_data", f"no such token: {TOKEN}", 400)) as server:
        sample = asked(server.url, variables={"TOKEN": f"{TOKEN}\n"})
    assert server.headers[0]["Authorization"] == f"Bearer {TOKEN}"
    assert sample.detail == "Prometheus refused the query: bad_data: no such token: ***"


def test_a_name_and_a_password_are_sent() -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        assert asked(server.url, msgspec.structs.replace(RATIO, user="ada")).sample is Reading.OK
    scheme, _, encoded = server.headers[0]["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", f"ada:{TOKEN}")


def test_without_a_token_none_is_sent() -> None:
    with MetricsServer(lambda _: vector("0")) as server:
        assert asked(server.url, msgspec.structs.replace(RATIO, token_env="")).sample is Reading.OK
    assert "Authorization" not in server.headers[0]


def test_the_address_can_come_from_a_variable() -> None:
    check = msgspec.structs.replace(RATIO, url_env="ADDRESS")
    with MetricsServer(lambda _: vector("0")) as server:
        assert asked("", check, variables={"ADDRESS": server.url, "TOKEN": TOKEN}).sample is Reading.OK


@pytest.mark.parametrize(
    "variables, why",
    [
        ({"ADDRESS": "http://127.0.0.1:1"}, "TOKEN is not set, or empty"),
        ({"TOKEN": TOKEN}, "ADDRESS is not set, or empty"),
        ({"TOKEN": TOKEN, "ADDRESS": "prometheus:9090"}, "ADDRESS holds no whole address"),
        ({"TOKEN": TOKEN, "ADDRESS": "http://[::1"}, "ADDRESS holds no whole address"),
        (
            {"TOKEN": "two\nlines", "ADDRESS": "http://127.0.0.1:1"},
            "TOKEN holds no token: it has characters that no header can have",
        ),
    ],
)
def test_what_a_variable_lacks_is_named(variables: dict[str, str], why: str) -> None:
    sample = asked("", msgspec.structs.replace(RATIO, url_env="ADDRESS"), variables=variables)
    assert (sample.sample, sample.detail) == (Reading.UNMEASURABLE, why)


# How it is configured

ENVIRONMENT = """
[environments.production]
command = ["x"]
pass-env = ["PROMETHEUS_TOKEN"]
targets = [{ name = "web-1" }]
[[environments.production.checks]]
kind = "prometheus"
"""
QUERY = 'query = "errors"\n'
URL = 'url = "https://prometheus.example.com"\n'
MAX = "max = 0.01\n"


def check_of(text: str) -> Check:
    return parse(ENVIRONMENT + text, "release-tool.toml").environments["production"].checks[0]


def test_it_is_asked_as_often_as_metrics_are_collected_unless_something_else_is_said() -> None:
    usual = check_of(QUERY + URL + MAX)
    assert (usual.initial_delay, usual.interval, usual.timeout, usual.failure_threshold, usual.asked) == (
        Duration(seconds=30),
        Duration(seconds=15),
        Duration(seconds=10),
        6,
        1,
    )
    assert check_of(QUERY + URL + MAX + 'interval = "2s"\n').interval == Duration(seconds=2)


def test_it_proves_no_version() -> None:
    assert not check_of(QUERY + URL + MAX).tells_version


@pytest.mark.parametrize(
    "text, problem",
    [
        (URL + MAX, "query`: missing"),
        ('query = " "\n' + URL + MAX, "query`: missing"),
        (
            'query = "rate(a[$__rate_interval])"\n' + URL + MAX,
            (
                "query`: there is no `$__rate_interval`, only `$target`, `$environment`, `$since`; "
                "a dollar of its own is written `$$`"
            ),
        ),
        (
            QUERY + MAX,
            'url`: expected the whole address of Prometheus, such as `https://prometheus.example.com`, got ""',
        ),
        (
            QUERY + MAX + 'url = "/api"',
            'url`: expected the whole address of Prometheus, such as `https://prometheus.example.com`, got "/api"',
        ),
        (QUERY + URL + MAX + 'url-env = "ADDRESS"', "url-env`: the address stands in `url` already"),
        (QUERY + MAX + 'url-env = "ADDRESS"', "url-env`: `pass-env` does not name ADDRESS"),
        (QUERY + URL + MAX + 'token-env = "TOKEN"', "token-env`: `pass-env` does not name TOKEN"),
        (
            QUERY + URL + MAX + 'user = "ada"',
            "user`: needs a password: name the variable that holds it in `token-env`",
        ),
        (QUERY + URL, "max`: missing: without `max`, `min` or `compare` nothing is ever bad"),
        (QUERY + URL + "max = nan", "max`: expected a number, got nan"),
        (QUERY + URL + MAX + "min = 0.02", "min`: is more than `max`, 0.01, so nothing is ever good"),
        (
            QUERY + URL + MAX + 'deadline = "40s"',
            "interval`: leaves no time for a second look before `deadline`",
        ),
        (
            QUERY + URL + MAX + 'interval = "61s"',
            "interval`: `bake` is shorter than two of them, 122 s, of which no rate can be told",
        ),
        (QUERY + URL + MAX + 'latency = "2s"', "latency`: a check of the kind `prometheus` has none"),
        (QUERY + URL + MAX + 'command = ["promtool"]', "command`: a check of the kind `prometheus` has none"),
    ],
)
def test_what_could_never_be_healthy_or_never_be_bad_is_refused_when_it_is_read(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as failure:
        check_of(text)
    assert failure.value.message == f"`environments.production.checks[0].{problem}"


@pytest.mark.parametrize("key", ['query = "up"', "max = 1", 'no-data = "bad"', 'token-env = "PROMETHEUS_TOKEN"'])
def test_no_other_kind_of_check_asks_metrics(key: str) -> None:
    with pytest.raises(UsageError, match="only a check of the kind `prometheus` has it"):
        parse((ENVIRONMENT + key).replace('kind = "prometheus"', 'kind = "http"'), "release-tool.toml")


def test_a_target_whose_name_would_end_a_quoted_string_is_refused() -> None:
    text = (ENVIRONMENT + URL + MAX + "query = 'up{pod=\"$target\"}'").replace('"web-1"', "'web\"1'")
    with pytest.raises(UsageError, match="can't stand in a query"):
        parse(text, "release-tool.toml")


# What they mean for a deployment


def judged(readings: str, *, answers_from: int = 0) -> tuple[HealthState, str]:
    """What becomes of a deployment whose metrics are like this every 15 s, and that answers well from a look on."""
    check = msgspec.structs.replace(check_of(QUERY + URL + MAX), name="errors")
    settings = Environment(command=("x",), checks=(check, Check(name="health", interval=Duration(seconds=15))))
    health = HealthAnalysis.begun(rules_of(settings, ["web-1"]), BEGAN)
    for number, letter in enumerate(readings):
        at = BEGAN + dt.timedelta(seconds=30 + 15 * number)
        answer = Reading.OK if number >= answers_from else Reading.BAD
        health = health.observed(Sample(target="web-1", check="health", at=at, sample=answer))
        reading = {"+": Reading.OK, "-": Reading.BAD, "?": Reading.UNMEASURABLE}[letter]
        health = health.observed(Sample(target="web-1", check="errors", at=at, sample=reading))
    return health.state, health.verdict.reason


@pytest.mark.parametrize(
    "readings, state",
    [
        ("+++++++++", HealthState.HEALTHY),
        ("------", HealthState.UNHEALTHY),
        ("-----", HealthState.PENDING),
        ("+++++------", HealthState.UNHEALTHY),
        ("++++++++-", HealthState.PENDING),
        ("++++-++++", HealthState.PENDING),
        ("++++-+++++++++", HealthState.HEALTHY),
        ("?" * 30, HealthState.INCONCLUSIVE),
        ("?????+++++++++", HealthState.HEALTHY),
    ],
)
def test_metrics_are_judged_from_the_first_look_on(readings: str, state: HealthState) -> None:
    assert judged(readings)[0] is state


def test_bad_metrics_do_not_count_while_the_application_starts() -> None:
    assert judged("-" * 10, answers_from=10)[0] is HealthState.STARTING
    assert judged("-" * 9 + "+" * 10, answers_from=10)[0] is HealthState.HEALTHY
    assert judged("-" * 16, answers_from=10) == (HealthState.UNHEALTHY, "`web-1` `errors`: 6 bad samples in a row")


def test_metrics_that_are_never_good_are_named() -> None:
    assert judged("-")[1].startswith("`web-1` `errors`: its metrics are not good yet; ")
    assert judged("-?" * 12)[1] == "`web-1` `errors`: 6 bad samples in a row"


def test_the_examples_of_the_documentation_are_read() -> None:
    page = (Path(__file__).parents[3] / "docs/health.md").read_text()
    tables = "".join(text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "prometheus" in text)
    environment = '[environments.production]\ncommand = ["x"]\npass-env = ["PROMETHEUS_TOKEN"]\n'
    checks = parse(environment + tables, "release-tool.toml").environments["production"].checks
    assert [check.name for check in checks] == ["errors", "latency"]
    with MetricsServer(lambda _: vector("0")) as server:
        for check in checks:
            here = msgspec.structs.replace(check, url=server.url)
            assert asked(server.url, here, variables={"PROMETHEUS_TOKEN": TOKEN}).sample is Reading.OK
    assert 'env="production"}[120s]' in server.asked[0]["query"]
    assert 'app="shop"}[30s]' in server.asked[1]["query"]
