"""Who lifts a halt: `resume`, or by hand somebody with write access; nothing and nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from release_tool.deploy import reconcile
from release_tool.deploy.halts.commands import halt, halts_of, open_incident, resume
from release_tool.deploy.halts.model import LABEL, HaltOrder
from tests.production import production
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

PEOPLE: list[Entry] = [
    {"collaborator": "ada", "permission": "write"},
    {"token": "of-ada", "login": "ada"},
    {"collaborator": "eve", "permission": "read"},
    {"token": "of-eve", "login": "eve"},
    {"token": "of-stale", "login": "stale[bot]", "type": "Bot"},
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *PEOPLE) as found:
        yield found


def halted(place: Shop) -> int:
    """Halt production; the number of the issue."""
    made = halt(place.project(), HaltOrder(environment="production", by="ada", reason="stop"))
    return made.halts[0].issue


def ask(place: Shop, verb: str, path: str, body: object = None, token: str = "of-ada") -> dict[str, object]:  # noqa: S107 - opens nothing but the sandbox
    """Do something on GitHub as somebody."""
    url = f"{place.box.api_url}/repos/{place.box.repository}/{path}"
    answer = requests.request(verb, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    answer.raise_for_status()
    found = answer.json() if answer.content else {}
    return found if isinstance(found, dict) else {}


def close(place: Shop, number: int, token: str) -> None:
    ask(place, "PATCH", f"issues/{number}", {"state": "closed"}, token)


def unlabel(place: Shop, number: int, token: str) -> None:
    ask(place, "DELETE", f"issues/{number}/labels/{LABEL}", token=token)


def merge(place: Shop, number: int) -> None:
    """Merge a pull request of ada's that closes an issue by a keyword."""
    place.git("checkout", "-q", "-b", "topic")
    (place.clone / "x").write_text("x")
    place.git("add", "x")
    place.git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-qm", "Something")
    place.git("push", "-q", place.box.push_url, "topic")
    body = {"title": "Something", "head": "topic", "base": "main", "body": f"Fixes #{number}"}
    pull = ask(place, "POST", "pulls", body)["number"]
    ask(place, "PUT", f"pulls/{pull}/merge", {})


def state(place: Shop, number: int) -> tuple[object, list[str]]:
    """Whether an issue is open, and its labels."""
    issue = place.api("GET", f"issues/{number}")
    assert isinstance(issue, dict)
    return issue["state"], [label["name"] for label in issue["labels"]]


def said(place: Shop, number: int) -> str:
    """The last comment on an issue."""
    comments = place.api("GET", f"issues/{number}/comments")
    assert isinstance(comments, list)
    return str(comments[-1]["body"])


def test_a_pull_request_that_closes_its_issue_lifts_no_halt(place: Shop) -> None:
    number = halted(place)
    merge(place, number)
    assert state(place, number) == ("closed", [LABEL])

    (seen,) = halts_of(place.project())

    assert seen.order.environment == "production"
    assert state(place, number) == ("open", [LABEL])
    assert said(place, number).startswith("This issue was closed by ada with a pull request. That lifts no halt")


def test_a_commit_that_closes_its_issue_lifts_no_halt(tmp_path: Path) -> None:
    stop: Entry = {
        "issue": "Stop", "number": 5, "labels": [LABEL], "author": "ada", "state": "closed", "closed_by": "ada",
        "closed_with": "main",
    }  # fmt: skip
    with shop(tmp_path, *PEOPLE, stop) as place:
        assert len(halts_of(place.project())) == 1
        assert state(place, 5) == ("open", [LABEL])


@pytest.mark.parametrize("end", [close, unlabel])
@pytest.mark.parametrize("token", ["of-eve", "of-stale"])
def test_nobody_without_write_access_lifts_a_halt(place: Shop, end: object, token: str) -> None:
    number = halted(place)
    assert callable(end)
    end(place, number, token)

    for _ in range(2):
        assert [one.issue for one in halts_of(place.project())] == [number]

    assert state(place, number) == ("open", [LABEL])
    comments = place.api("GET", f"issues/{number}/comments")
    assert isinstance(comments, list)
    assert len(comments) == 2  # what pins it, and one word about this


@pytest.mark.parametrize("end", [close, unlabel])
def test_somebody_with_write_access_lifts_a_halt_by_hand(place: Shop, end: object) -> None:
    number = halted(place)
    assert callable(end)
    end(place, number, "of-ada")
    assert halts_of(place.project()) == ()


def test_the_halt_of_an_incident_ends_by_closing_it_and_not_by_taking_its_label_off(place: Shop) -> None:
    number = open_incident(place.project(), "production", "it burns", "").issue
    unlabel(place, number, "of-ada")
    assert [one.issue for one in halts_of(place.project())] == [number]
    close(place, number, "of-ada")
    assert halts_of(place.project()) == ()


def test_resume_lifts_a_halt_that_a_pull_request_seemed_to_lift(place: Shop) -> None:
    number = halted(place)
    merge(place, number)
    assert resume(place.project(), "production", "ada").changed
    assert (state(place, number)[0], halts_of(place.project())) == ("closed", ())


def test_where_an_issue_can_not_be_opened_again_it_holds_and_says_why(place: Shop) -> None:
    number = halted(place)
    merge(place, number)
    token = place.box.github.store.tokens.get(place.box.token)
    assert token is not None
    token.rights |= {"issues": "read", "pull-requests": "read"}

    (seen,) = halts_of(place.project())

    assert str(seen) == (
        f"halted by ada: stop (#{number}, which was closed by ada with a pull request, but the halt still holds)"
    )


def test_the_run_that_the_closing_starts_opens_it_again_although_nothing_is_to_be_deployed(tmp_path: Path) -> None:
    with production(tmp_path, *PEOPLE) as here:
        number = halted(here.shop)
        close(here.shop, number, "of-eve")
        job = here.shop.job() | {"GITHUB_EVENT_NAME": "issues"}
        here.was_proven("1.3.0")
        reconcile.plan([here.environment(**job)], writes=True)
        assert state(here.shop, number) == ("open", [LABEL])


def test_the_label_on_an_issue_of_a_writer_halts_only_where_one_who_may_set_it(place: Shop) -> None:
    number = ask(place, "POST", "issues", {"title": "An old one"})["number"]
    assert isinstance(number, int)
    ask(place, "POST", f"issues/{number}/labels", {"labels": [LABEL]}, "of-eve")
    assert halts_of(place.project()) == ()
    unlabel(place, number, "of-eve")
    ask(place, "POST", f"issues/{number}/labels", {"labels": [LABEL]})
    assert [one.order.reason for one in halts_of(place.project())] == ["An old one"]


def test_looking_costs_one_request_and_one_more_for_each_person(place: Shop) -> None:
    number = halted(place)
    close(place, number, "of-ada")
    project = place.project()
    for _ in range(2):
        assert halts_of(project) == ()
    assert project.remote.requests == 3  # two looks, and what ada may do
