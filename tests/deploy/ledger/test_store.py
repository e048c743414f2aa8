"""The ledger on GitHub, asked of the stand-in; and answers that the stand-in never gives."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from werkzeug import Response

from github_sandbox import Fault
from release_tool.deploy.ledger import model
from release_tool.deploy.ledger.model import DeploymentKind, Override, Payload
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import Deployments
from release_tool.errors import RemoteError
from release_tool.github.api import GitHub, NoAnswerError, PermissionDeniedError, RejectedError
from release_tool.model.tags import Owner
from tests.clock import FakeClock
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    from pytest_httpserver import HTTPServer

    from tests.shop import Entry, Shop

    class Start(Protocol):
        def __call__(self, *history: Entry) -> Shop: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:
        yield lambda *history: running.enter_context(shop(tmp_path, *history))


MAIN = "0e1238aac6c4e09c0d032ccb13a09b208b92741a"
"""The commit of a repository in which nothing has happened yet; it is the same every time."""


def payload_of(commit: str = MAIN, **more: object) -> Payload:
    standard = Payload(
        commit=commit,
        name="1.3.0",
        kind=DeploymentKind.DEPLOY,
        automatic=True,
        owner=Owner(run=7, attempt=2, job="42"),
        references={"web": "ghcr.io/acme/shop@sha256:1"},
        overrides=(Override.HALT,),
    )
    return msgspec.structs.replace(standard, **more)


def deployed(environment: str = "production", *lines: tuple[str, str], **more: object) -> Entry:
    """A deployment in a scenario, with its statuses."""
    statuses = [{"state": state, "description": line} for state, line in lines]
    return {
        "deployment": environment,
        "payload": model.encode(payload_of()),
        "statuses": statuses,
        **more,
    }


def healthy() -> list[tuple[str, str]]:
    return [("in_progress", "changing: web"), ("success", "healthy:")]


# Writing


def test_a_deployment_is_read_back_as_it_was_written_with_its_phases(start: Start) -> None:
    place = start()
    deployments = place.github().adapter(Deployments)
    written = payload_of(place.git("rev-parse", "origin/main"))

    number = deployments.create("production", written, "1.3.0 to production")
    (fresh,) = deployments.ledger("production")
    phases = (
        PhaseRecord(Phase.WAITING, "for #3"),
        PhaseRecord(Phase.CHANGING, "web-1"),
        PhaseRecord(Phase.HEALTHY, "2 checks"),
    )
    for phase in phases:
        deployments.status(number, phase, log_url="https://example.com/run", environment_url="https://example.com")

    (found,) = deployments.ledger("production")
    assert (fresh.id, fresh.payload, fresh.steps) == (number, written, ())
    assert tuple(step.phase for step in found.steps) == phases
    assert found.healthy
    assert found.created < found.steps[0].at < found.steps[2].at
    record = place.box.github.store.deployments.get(number)
    assert record is not None
    assert (record.task, record.sha, record.description) == ("release-tool", written.commit, "1.3.0 to production")
    newest = [*place.box.github.store.deployment_statuses][-1]
    assert (newest.log_url, newest.environment_url) == ("https://example.com/run", "https://example.com")


def test_a_commit_is_deployed_whatever_its_checks_say(start: Start) -> None:
    place = start({"status": "ci", "state": "failure", "ref": "main"})
    deployments = place.github().adapter(Deployments)

    number = deployments.create("production", payload_of(place.git("rev-parse", "origin/main")), "")

    assert [deployment.id for deployment in deployments.ledger("production")] == [number]


def test_what_is_healthy_elsewhere_stays_so_until_we_say_otherwise(start: Start) -> None:
    place = start()
    deployments = place.github().adapter(Deployments)
    commit = place.git("rev-parse", "origin/main")
    for _ in range(2):
        deployments.status(deployments.create("staging", payload_of(commit), ""), PhaseRecord(Phase.HEALTHY))

    assert [deployment.healthy for deployment in deployments.ledger("staging")] == [True, True]


def test_a_commit_that_github_does_not_have_is_refused(start: Start) -> None:
    with pytest.raises(RejectedError, match="No ref found"):
        start().github().adapter(Deployments).create("production", payload_of("f" * 40), "")


@pytest.mark.parametrize("status,match", [(202, "made no deployment"), (409, "409: Conflict merging")])
def test_an_answer_without_a_deployment_is_an_error(start: Start, status: int, match: str) -> None:
    place = start()
    document: dict[str, object] = {"message": "Conflict merging main into cloud."}
    place.box.fault(Fault(method="POST", path="/deployments$", status=status, document=document))

    with pytest.raises(RemoteError, match=match):
        place.github().adapter(Deployments).create("production", payload_of(), "")


def test_a_token_without_the_right_is_told_which(start: Start) -> None:
    place = start({"rights": {"contents": "write", "deployments": "read"}})
    deployments = place.github().adapter(Deployments)
    commit = place.git("rev-parse", "origin/main")

    with pytest.raises(PermissionDeniedError, match="deployments: write"):
        deployments.create("production", payload_of(commit), "")
    assert deployments.ledger("production") == ()


# Answers that got lost


def test_a_deployment_whose_answer_got_lost_is_found_by_its_nonce(start: Start) -> None:
    place = start()
    github, commit = place.github(), place.git("rev-parse", "origin/main")
    twin = github.adapter(Deployments).create("production", payload_of(commit), "")
    place.box.fault(Fault(method="POST", path="/deployments$", drop="after"))

    made = github.adapter(Deployments).create("production", payload_of(commit), "")

    assert [deployment.id for deployment in github.adapter(Deployments).ledger("production")] == [twin, made]


def test_a_deployment_that_never_arrived_is_not_sent_again_and_not_mistaken_for_another(start: Start) -> None:
    place = start()
    github, commit = place.github(), place.git("rev-parse", "origin/main")
    twin = github.adapter(Deployments).create("production", payload_of(commit), "")
    place.box.fault(Fault(method="POST", path="/deployments$", drop="before"))

    with pytest.raises(NoAnswerError) as failure:
        github.adapter(Deployments).create("production", payload_of(commit), "")
    assert "it is not known whether" in failure.value.already
    assert [deployment.id for deployment in github.adapter(Deployments).ledger("production")] == [twin]


@pytest.mark.parametrize("drop,written", [("before", 0), ("after", 1)])
def test_a_status_whose_answer_got_lost_is_sent_once_and_can_be_read_back(
    start: Start, drop: str, written: int
) -> None:
    place = start(deployed())
    deployments = place.github().adapter(Deployments)
    (before,) = deployments.ledger("production")
    place.box.fault(Fault(method="POST", path="/statuses$", drop="before" if drop == "before" else "after"))

    with pytest.raises(NoAnswerError):
        deployments.status(before.id, PhaseRecord(Phase.BAKING))
    (after,) = deployments.ledger("production")
    assert len(after.steps) == written


# Reading


def test_other_tools_and_other_environments_are_left_out(start: Start) -> None:
    place = start(
        deployed("production", *healthy()),
        deployed("production", ("success", ""), task="deploy"),
        deployed("production", ("success", ""), payload={"web_url": "x"}),
        deployed("production", ("success", ""), payload="some text"),
        deployed("staging", *healthy()),
    )

    found = place.github().adapter(Deployments).ledger("production")

    assert [deployment.healthy for deployment in found] == [True]


@pytest.mark.parametrize("payload", [{"schema": 2, "commit": "a" * 40}, {"schema": 1}, '{"schema": 1, "commit": 5}'])
def test_what_can_not_be_read_is_passed_over_and_named_once(start: Start, payload: object) -> None:
    place = start(deployed("production", payload=payload), deployed())
    deployments = place.github().adapter(Deployments)
    number = next(iter(place.box.github.store.deployments)).id

    assert [len(deployments.ledger("production")) for _ in range(2)] == [1, 1]
    assert [str(one) for one in deployments.ignored] == [
        f"deployment #{number} to production has a payload that can't be read"
    ]


def test_a_payload_that_was_sent_as_text_is_read_too(start: Start) -> None:
    text = json.dumps(model.encode(payload_of()))

    (found,) = start(deployed("production", payload=text)).github().adapter(Deployments).ledger("production")

    assert found.payload == payload_of()


def test_an_environment_without_deployments_has_an_empty_ledger_and_no_environment_asks_nothing(start: Start) -> None:
    github = start().github()

    assert github.adapter(Deployments).ledgers([]) == {}
    assert github.requests == 0
    assert github.adapter(Deployments).ledger("production") == ()
    assert github.adapter(Deployments).newest("production", 5) == ()


@pytest.mark.parametrize("count, requests", [(10, 1), (100, 1), (1000, 10)])
def test_a_hundred_deployments_to_any_environments_cost_one_request(start: Start, count: int, requests: int) -> None:
    history = [deployed(("production", "staging")[number % 2], *healthy()) for number in range(count)]
    github = start(*history).github()

    found = github.adapter(Deployments).ledgers(["production", "staging"])

    assert github.requests == requests
    assert {name: len(deployments) for name, deployments in found.items()} == dict.fromkeys(found, count // 2)
    assert all(len(deployment.steps) == 2 for deployments in found.values() for deployment in deployments)
    ids = [deployment.id for deployment in found["production"]]
    assert ids == sorted(ids)


def test_the_newest_few_cost_one_request(start: Start) -> None:
    github = start(*[deployed("production", *healthy()) for _ in range(150)]).github()

    newest = github.adapter(Deployments).newest("production", 20)

    assert github.requests == 1
    assert newest == github.adapter(Deployments).ledger("production")[-20:]


def test_the_newest_are_found_behind_those_of_other_tools(start: Start) -> None:
    others = [deployed("production", task="deploy") for _ in range(7)]
    github = start(deployed(), deployed(), *others, deployed()).github()

    assert github.adapter(Deployments).newest("production", 2) == github.adapter(Deployments).ledger("production")[1:]


def test_more_statuses_than_a_page_has_room_for_are_read_too(start: Start) -> None:
    lines = [("queued", f"waiting: {number}") for number in range(250)]
    github = start(deployed("production", *lines), deployed("production", *healthy())).github()

    first, second = github.adapter(Deployments).ledger("production")

    assert [step.phase.text for step in first.steps] == [str(number) for number in range(250)]
    assert len(second.steps) == 2
    assert github.requests == 3


# Answers that the stand-in never gives

GRAPHQL = "/api/graphql"
REST = "/api/v3"
US = {"login": "github-actions", "__typename": "Bot"}


@pytest.fixture
def github(httpserver: HTTPServer) -> GitHub:
    return GitHub(
        "acme/shop",
        token="t0ken",
        api_url=httpserver.url_for(REST),
        graphql_url=httpserver.url_for(GRAPHQL),
        clock=FakeClock(),
    )


def answers(server: HTTPServer, *documents: object, status: int = 200) -> None:
    for document in documents:
        response = Response(json.dumps(document), status=status, content_type="application/json")
        server.expect_ordered_request(GRAPHQL, method="POST").respond_with_response(response)


def page(*lines: str, newest: str | None, total: int | None = None, more: bool = False) -> dict[str, object]:
    """A page with one deployment, whose statuses were all written in the same second."""
    at = "2026-01-05T10:00:00Z"
    nodes = [
        {"id": line, "state": "IN_PROGRESS", "description": f"{line}: web", "createdAt": at, "creator": US}
        for line in lines
    ]
    statuses = {
        "totalCount": len(lines) if total is None else total,
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "nodes": nodes,
    }
    node = {
        "id": "DE_1",
        "databaseId": 1,
        "environment": "production",
        "task": "release-tool",
        "payload": json.dumps(json.dumps(model.encode(payload_of()))),
        "createdAt": at,
        "commitOid": MAIN,
        "creator": US,
        "latestStatus": {"id": newest} if newest else None,
        "statuses": statuses,
    }
    deployments = {"pageInfo": {"hasNextPage": more, "endCursor": "next"}, "nodes": [node]}
    return {"data": {"repository": {"p0": deployments}}}


def test_a_deployment_is_asked_for_just_as_it_is_and_every_time_with_another_nonce(
    httpserver: HTTPServer, github: GitHub
) -> None:
    made = Response('{"id": 41}', status=201, content_type="application/json")
    httpserver.expect_request(f"{REST}/repos/acme/shop/deployments", method="POST").respond_with_response(made)

    assert [github.adapter(Deployments).create("production", payload_of(), "To production") for _ in range(2)] == [
        41,
        41,
    ]

    sent = [json.loads(request.data) for request, _ in httpserver.log]
    nonces = [body["payload"].pop("nonce") for body in sent]
    assert len({*nonces}) == 2
    assert (
        sent
        == [
            {
                "ref": MAIN,
                "task": "release-tool",
                "auto_merge": False,
                "required_contexts": [],
                "environment": "production",
                "description": "To production",
                "payload": json.loads(json.dumps(model.encode(payload_of()))),
            }
        ]
        * 2
    )


@pytest.mark.parametrize(
    "lines,newest",
    [
        (["baking", "verifying", "changing"], "baking"),
        (["changing", "verifying", "baking"], "baking"),
        (["changing", "verifying", "baking"], "one that came meanwhile"),
        (["baking", "verifying", "changing"], None),
        (["baking"], "baking"),
    ],
)
def test_the_order_of_statuses_does_not_depend_on_the_order_that_github_tells_them_in(
    httpserver: HTTPServer, github: GitHub, lines: list[str], newest: str | None
) -> None:
    answers(httpserver, page(*lines, newest=newest))

    (found,) = github.adapter(Deployments).ledger("production")

    words = [Phase.CHANGING, Phase.VERIFYING, Phase.BAKING]
    assert [step.phase.word for step in found.steps] == words[-len(lines) :]


def test_statuses_that_github_keeps_to_itself_are_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, page("changing", newest="changing", total=2))

    with pytest.raises(RemoteError, match="did not return all statuses of deployment #1"):
        github.adapter(Deployments).ledger("production")


def test_a_page_that_is_too_much_for_github_is_asked_for_again_and_smaller(
    httpserver: HTTPServer, github: GitHub
) -> None:
    timeout = {"data": None, "errors": [{"message": "Something went wrong while executing your query."}]}
    answers(httpserver, timeout, timeout, page(newest=None, more=True), page(newest=None))

    assert len(github.adapter(Deployments).ledger("production")) == 2
    asked = [json.loads(request.data)["variables"] for request, _ in httpserver.log]
    assert [(variables["first"], variables["after0"]) for variables in asked] == [
        (100, None),
        (50, None),
        (25, None),
        (100, "next"),
    ]


def starts(server: HTTPServer) -> list[list[str | None]]:
    """Where the pages began that each query asked for."""
    asked = [json.loads(request.data)["variables"] for request, _ in server.log]
    return [[variables[name] for name in sorted(variables) if name.startswith("after")] for variables in asked]


def pages_of(*found: dict[str, object]) -> dict[str, object]:
    """One answer with several pages."""
    told = [json.loads(json.dumps(one))["data"]["repository"]["p0"] for one in found]
    return {"data": {"repository": {f"p{number}": one for number, one in enumerate(told)}}}


def test_pages_whose_ends_are_known_are_asked_for_together(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, pages_of(page(newest=None, more=True), page(newest=None)))
    github.page_ends["production"] = ("next",)

    assert len(github.adapter(Deployments).ledger("production")) == 2
    assert starts(httpserver) == [[None, "next"]]
    assert github.page_ends == {"production": ("next",)}


def test_a_page_that_begins_elsewhere_than_the_one_before_ends_does_not_count(
    httpserver: HTTPServer, github: GitHub
) -> None:
    """Whoever wrote what is known: what is read is what GitHub's own pages lead to."""
    first, wrong, second = page(newest=None, more=True), page(newest=None), page("changing", newest="changing")
    answers(httpserver, pages_of(first, wrong, wrong), second)
    github.page_ends["production"] = ("made up", "next")

    found = github.adapter(Deployments).ledger("production")

    assert sorted(len(one.steps) for one in found) == [0, 1]
    assert starts(httpserver) == [[None, "made up", "next"], ["next"]]


def test_pages_that_are_too_many_or_not_known_to_github_are_asked_for_one_by_one(
    httpserver: HTTPServer, github: GitHub
) -> None:
    invalid = {"data": None, "errors": [{"type": "INVALID_CURSOR_ARGUMENTS", "message": "not a valid cursor"}]}
    first, second = page(newest=None, more=True), page(newest=None)
    answers(httpserver, invalid, invalid, first, second)
    github.page_ends["production"] = ("next", "b", "c")

    found = github.adapter(Deployments).ledger("production")

    assert len(found) == 2
    assert starts(httpserver) == [[None, "next", "b", "c"], [None, "next"], [None], ["next"]]


def test_a_ledger_is_read_again_for_fewer_requests_unless_nothing_is_waited_for(start: Start) -> None:
    """One request for many pages may be too much for GitHub, and would have to be asked for again."""
    github = start(*[deployed("production") for _ in range(250)]).github()
    first = github.adapter(Deployments).ledger("production")
    costs = [github.requests]
    again = github.adapter(Deployments).ledger("production")
    costs.append(github.requests)
    with github.impatient():
        at_once = github.adapter(Deployments).ledger("production")
    costs.append(github.requests)

    assert first == again == at_once
    assert costs == [3, 4, 7]


def test_what_is_known_in_a_circle_leads_to_the_end_all_the_same(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, pages_of(*[page(newest=None)] * 13))
    github.page_ends["production"] = ("a", "a")

    assert len(github.adapter(Deployments).ledger("production")) == 1


def test_a_repository_that_is_hidden_has_no_empty_ledger(httpserver: HTTPServer, github: GitHub) -> None:
    missing = {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}
    answers(httpserver, missing)

    with pytest.raises(RemoteError, match="no repository acme/shop, or hides it"):
        github.adapter(Deployments).ledger("production")


def test_a_deployment_that_is_deleted_while_it_is_read_is_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    cut = json.loads(json.dumps(page("changing", newest="changing")))
    node = cut["data"]["repository"]["p0"]["nodes"][0]
    node["statuses"]["pageInfo"] = {"hasNextPage": True, "endCursor": "next"}
    answers(httpserver, cut, {"data": {"node": None}, "errors": [{"type": "NOT_FOUND", "message": "Gone"}]})

    with pytest.raises(RemoteError, match="no deployment #1 any more"):
        github.adapter(Deployments).ledger("production")
