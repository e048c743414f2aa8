"""Workflows that are started and followed, asked of the stand-in; and what servers answer that know less."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
import requests
from werkzeug import Response

from github_sandbox import Fault
from github_sandbox.store import Job
from release_tool.errors import RefusedError, RemoteError
from release_tool.github.api import GitHub, NoAnswerError, NotFoundError, PermissionDeniedError, RejectedError
from tests.clock import FakeClock
from tests.shop import by_hand, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Protocol

    from pytest_httpserver import HTTPServer

    from tests.shop import Entry, Shop

    class Start(Protocol):
        def __call__(self, *history: Entry) -> Shop: ...


DEPLOY: Entry = {"commit": "Workflows", "files": {".github/workflows/deploy.yml": by_hand("action", "environment")}}
INPUTS = {"action": "deploy", "environment": "production"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:
        yield lambda *history: running.enter_context(shop(tmp_path, DEPLOY, *history))


def started(place: Shop) -> list[int]:
    """The runs that were dispatched."""
    return [run.id for run in place.box.github.store.runs if run.event == "workflow_dispatch"]


# Starting


def test_a_workflow_is_started_with_its_inputs_and_its_run_is_known_at_once(start: Start) -> None:
    place = start({"run": 77})
    github = place.github()

    number = github.workflows.dispatch("deploy.yml", "main", INPUTS)

    assert github.requests == 2
    run = github.run(number)
    assert run is not None
    assert (run.event, run.status, run.conclusion) == ("workflow_dispatch", "queued", None)
    record = place.box.github.store.runs.get(f"{number}/1")
    assert record is not None
    assert record.inputs == INPUTS


def test_a_run_whose_number_got_lost_is_found_and_not_started_again(start: Start) -> None:
    place = start()
    workflows = place.github().workflows
    earlier = workflows.dispatch("deploy.yml", "main", INPUTS)
    place.box.fault(Fault(method="POST", path="dispatches", drop="after"))

    number = workflows.dispatch("deploy.yml", "main", INPUTS)

    assert started(place) == [earlier, number]


def test_a_start_that_never_arrived_is_told_and_no_earlier_run_is_taken_for_it(start: Start) -> None:
    place = start()
    workflows = place.github().workflows
    earlier = workflows.dispatch("deploy.yml", "main", INPUTS)
    place.box.fault(Fault(method="POST", path="dispatches", drop="before"))

    with pytest.raises(NoAnswerError) as failure:
        workflows.dispatch("deploy.yml", "main", INPUTS)
    assert "it is not known whether" in failure.value.already
    assert started(place) == [earlier]


@pytest.mark.parametrize(
    "workflow,ref,error", [("none.yml", "main", NotFoundError), ("deploy.yml", "none", RejectedError)]
)
def test_what_is_not_there_is_not_started(start: Start, workflow: str, ref: str, error: type[RemoteError]) -> None:
    place = start()

    with pytest.raises(error):
        place.github().workflows.dispatch(workflow, ref, INPUTS)
    assert started(place) == []


def test_a_workflow_that_is_switched_off_is_refused_with_how_to_switch_it_on(start: Start) -> None:
    place = start({"actions": "enabled", "states": {".github/workflows/deploy.yml": "disabled_inactivity"}})

    with pytest.raises(RefusedError, match=r"deploy\.yml is switched off on GitHub \(disabled_inactivity\)") as refused:
        place.github().workflows.dispatch("deploy.yml", "main", INPUTS)
    assert refused.value.todo.endswith("gh workflow enable deploy.yml --repo acme/shop")
    assert started(place) == []


def test_inputs_that_the_workflow_does_not_ask_for_are_told(start: Start) -> None:
    with pytest.raises(RejectedError, match='Unexpected inputs provided: \\["ation"\\]'):
        start().github().workflows.dispatch("deploy.yml", "main", {"ation": "deploy"})


def test_a_token_that_may_not_start_workflows_is_told_so(start: Start) -> None:
    place = start({"rights": {"contents": "write", "actions": "read"}})

    with pytest.raises(PermissionDeniedError, match="actions: write"):
        place.github().workflows.dispatch("deploy.yml", "main", INPUTS)


# Servers that do not say which run it is

WORKFLOW = "/api/v3/repos/acme/shop/actions/workflows/deploy.yml"
EARLIER = {"id": 5, "head_branch": "main", "actor": {"login": "ada"}}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def older(httpserver: HTTPServer, clock: FakeClock) -> GitHub:
    return GitHub(
        "acme/shop",
        token="t0ken",
        api_url=httpserver.url_for("/api/v3"),
        graphql_url=httpserver.url_for("/api/graphql"),
        clock=clock,
    )


def run(number: int, actor: str = "ada", ref: str = "main") -> dict[str, object]:
    return {"id": number, "head_branch": ref, "actor": {"login": actor}}


def answer(document: object, status: int = 200) -> Response:
    return Response("" if status == 204 else json.dumps(document), status=status, content_type="application/json")


def listed(server: HTTPServer, *runs: dict[str, object]) -> None:
    document = {"workflow_runs": [*runs, EARLIER]}
    server.expect_ordered_request(f"{WORKFLOW}/runs").respond_with_response(answer(document))


def silent(server: HTTPServer, *statuses: int) -> None:
    """Expect a start, refused or answered with nothing, and the question who asks."""
    listed(server)
    for status in statuses:
        refusal = answer({"message": '"return_run_details" is not a permitted key.'}, status)
        server.expect_ordered_request(f"{WORKFLOW}/dispatches", method="POST").respond_with_response(refusal)
    viewer = answer({"data": {"viewer": {"login": "Ada"}}})
    server.expect_ordered_request("/api/graphql").respond_with_response(viewer)


def test_a_run_that_github_does_not_name_is_waited_for(httpserver: HTTPServer, older: GitHub, clock: FakeClock) -> None:
    silent(httpserver, 204)
    listed(httpserver)
    listed(httpserver, run(7, actor="eve"), run(8, ref="v1.0.0"))
    listed(httpserver, run(7, actor="eve"), run(8, ref="v1.0.0"), run(9))

    assert older.workflows.dispatch("deploy.yml", "main", INPUTS) == 9
    assert clock.sleeps == [1, 2]


def test_a_server_that_does_not_know_the_newest_field_is_asked_without_it(
    httpserver: HTTPServer, older: GitHub
) -> None:
    silent(httpserver, 422, 204)
    listed(httpserver, run(6))

    assert older.workflows.dispatch("deploy.yml", "main", INPUTS) == 6
    sent = [json.loads(request.data) for request, _ in httpserver.log if request.path.endswith("dispatches")]
    assert sent == [
        {"ref": "main", "inputs": INPUTS, "return_run_details": True},
        {"ref": "main", "inputs": INPUTS},
    ]


def test_a_run_that_never_turns_up_is_an_error_that_says_it_was_started(httpserver: HTTPServer, older: GitHub) -> None:
    silent(httpserver, 204)
    for _ in range(5):
        listed(httpserver)

    with pytest.raises(RemoteError, match="does not show the run") as failure:
        older.workflows.dispatch("deploy.yml", "main", INPUTS)
    assert failure.value.already == "the workflow was started"


def test_two_runs_of_ours_at_the_same_moment_are_not_guessed_between(httpserver: HTTPServer, older: GitHub) -> None:
    silent(httpserver, 204)
    listed(httpserver, run(7), run(6))

    with pytest.raises(RemoteError, match=r"more than once at the same moment \(6, 7\)"):
        older.workflows.dispatch("deploy.yml", "main", INPUTS)


# Following


class Scripted(FakeClock):
    """A clock on which something happens whenever somebody waits."""

    def __init__(self, *events: Callable[[], None]) -> None:
        super().__init__()
        self.events = list(events)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.events.pop(0)()


def test_a_run_is_followed_through_its_jobs_to_its_end(start: Start) -> None:
    place = start()
    github = place.github()
    number = github.workflows.dispatch("deploy.yml", "main", INPUTS)
    store = place.box.github.store
    record = store.runs.get(f"{number}/1")
    assert record is not None

    def begin() -> None:
        record.status, record.jobs = "in_progress", [Job(id=1, name="production", status="in_progress")]

    def end() -> None:
        record.status, record.conclusion = "completed", "failure"
        record.jobs = [Job(id=1, name="production", status="completed", conclusion="failure")]

    clock = Scripted(begin, end)
    box = place.box
    follower = GitHub(box.repository, token=box.token, api_url=box.api_url, graphql_url=box.graphql_url, clock=clock)

    seen = [(run.status, run.conclusion, [job.status for job in jobs]) for run, jobs in follower.follow(number)]

    assert seen == [
        ("queued", None, []),
        ("in_progress", None, ["in_progress"]),
        ("completed", "failure", ["completed"]),
    ]
    assert clock.sleeps == [5, 5]
    assert follower.requests == 6


def test_a_run_that_does_not_change_is_looked_at_less_often_and_costs_nothing_of_the_rate(start: Start) -> None:
    place = start()
    github = place.github()
    number = github.workflows.dispatch("deploy.yml", "main", INPUTS)
    record = place.box.github.store.runs.get(f"{number}/1")
    assert record is not None

    def end() -> None:
        record.status, record.conclusion = "completed", "success"

    clock = Scripted(*[lambda: None] * 6, end)
    box = place.box
    follower = GitHub(box.repository, token=box.token, api_url=box.api_url, graphql_url=box.graphql_url, clock=clock)
    before = used(place)
    assert len(list(follower.follow(number))) == 8

    assert clock.sleeps == [5, 7.5, 11.25, 16.875, 20, 20, 20]
    assert used(place) - before <= 4  # the run and its jobs, at first and at their end


def used(place: Shop) -> int:
    """What was used of the rate so far, which asking does not change."""
    headers = {"Authorization": f"Bearer {place.box.token}"}
    limits = requests.get(f"{place.box.api_url}/rate_limit", headers=headers, timeout=9).json()
    return int(limits["resources"]["core"]["used"])


def test_a_run_that_github_does_not_know_cannot_be_followed(start: Start) -> None:
    with pytest.raises(RemoteError, match="no run 4711"):
        next(start().github().follow(4711))


# Waiting at a door


def test_runs_that_wait_for_approval_are_told(start: Start) -> None:
    place = start({"run": 77, "status": "waiting"}, {"run": 78, "status": "in_progress"}, {"run": 79})

    (waiting,) = place.github().workflows.waiting()

    assert (waiting.id, waiting.name) == (77, "release")
    assert waiting.html_url.endswith("/actions/runs/77")
