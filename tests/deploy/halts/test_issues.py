"""The issues that halt, asked of the stand-in; and answers that the stand-in never gives."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from werkzeug import Response

from github_sandbox import Fault
from release_tool.deploy.halts.issues import US, HaltIssues
from release_tool.deploy.halts.model import LABEL, HaltOrder, IssueComment, issue_text, pin, read_halts
from release_tool.errors import RemoteError
from release_tool.github.accounts import Access
from release_tool.github.api import GitHub, PermissionDeniedError
from release_tool.pull_request.github import PullRequests
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


ADA: Entry = {"collaborator": "ada", "permission": "write"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:
        yield lambda *history: running.enter_context(shop(tmp_path, *history))


def halt(title: str = "Stop", **more: object) -> Entry:
    return {"issue": title, "labels": [LABEL], "author": "ada"} | more


OURS = halt("By Actions", author="github-actions[bot]", author_type="Bot")


def titles(place: Shop) -> dict[str, bool]:
    """The labelled issues, each with whether its author counts."""
    found = place.github().adapter(HaltIssues).labelled(LABEL)
    return {one.issue.title: one.issue.author_writes for one in found}


# Which issues


def test_an_open_issue_with_the_label_is_told_whole(start: Start) -> None:
    place = start(
        ADA,
        halt("Stop", body="Why", labels=[LABEL, "ops"], comments=[{"body": "Yes", "author": "eve"}]),
        {"issue": "Other", "labels": ["ops"]},
        halt("Over", state="closed"),
        {"pull": 9, "title": "Not an issue", "labels": [LABEL], "state": "open"},
    )

    (found,) = place.github().adapter(HaltIssues).labelled(LABEL)

    issue = found.issue
    assert (issue.title, issue.body, issue.author, issue.author_writes) == ("Stop", "Why", "ada", True)
    assert (issue.labels, issue.open, issue.is_pull) == ((LABEL, "ops"), True, False)
    (comment,) = issue.comments
    assert comment == IssueComment("eve", "Yes", comment.id, comment.at)
    assert comment.id
    assert comment.at
    assert comment.at >= found.created
    assert issue.url.endswith(f"/acme/shop/issues/{issue.number}")
    assert found.closed is None


def test_only_issues_of_people_who_may_push_count(start: Start) -> None:
    place = start(
        ADA,
        {"collaborator": "bob", "permission": "admin"},
        {"collaborator": "eve", "permission": "read"},
        halt("By a writer"),
        halt("By an administrator", author="bob"),
        halt("By a reader", author="eve"),
        halt("By an outsider", author="mallory"),
        halt("By an app", author="pager[bot]", author_type="Bot"),
        halt("By nobody any more", author=None),
        OURS,
    )

    assert titles(place) == {
        "By a writer": True,
        "By an administrator": True,
        "By a reader": False,
        "By an outsider": False,
        "By an app": True,
        "By nobody any more": False,
        "By Actions": True,
    }


def test_each_author_is_asked_about_once_and_we_are_not(start: Start) -> None:
    place = start(ADA, *[halt(f"Stop {number}") for number in range(3)], OURS)
    github = place.github()

    assert len(github.adapter(HaltIssues).labelled(LABEL)) == 4
    assert github.requests == 2


def test_nobody_can_take_the_name_that_we_go_by(start: Start) -> None:
    place = start(
        OURS,
        halt("By somebody called like us", author="github-actions"),
    )

    ours, theirs = place.github().adapter(HaltIssues).labelled(LABEL)

    assert (ours.issue.author, ours.issue.author_writes) == (US, True)
    assert (theirs.issue.author, theirs.issue.author_writes) == ("github-actions", False)


def test_a_persons_terminal_knows_the_halts_of_actions_and_its_own(start: Start) -> None:
    mine: Entry = {"token": "of-ada", "login": "ada", "rights": {"issues": "write"}}
    place = start(ADA, mine, halt("Mine"), OURS)

    found = place.github("of-ada").adapter(HaltIssues).labelled(LABEL)

    assert [one.issue.author for one in found] == [US, US]


def test_a_halt_goes_through_github_and_comes_back_whatever_is_done_to_its_text(start: Start) -> None:
    place = start(ADA)
    github = place.github()
    order = HaltOrder(environment="production", by="ada", reason="Too slow")
    opened = github.issues.create_issue(*issue_text(order), [LABEL])
    github.adapter(PullRequests).create(opened.number, pin(order))
    github.issues.update_issue(opened.number, title="Nothing", body="All is well")

    (found,) = read_halts((one.issue for one in github.adapter(HaltIssues).labelled(LABEL)), US)

    assert (found.issue, found.order) == (opened.number, order)


def test_those_closed_lately_are_told_on_demand(start: Start) -> None:
    place = start(
        ADA, halt("Forgotten", state="closed"), halt("Long over", state="closed"), halt("Still open"), halt("Just over")
    )
    github = place.github()
    first, second = github.adapter(HaltIssues).labelled(LABEL)
    github.issues.close(second.issue.number, "Done")
    place.api("POST", f"issues/{first.issue.number - 1}/comments", {"body": "Touched again"})

    found = github.adapter(HaltIssues).labelled(LABEL, closed_since=second.created + timedelta(seconds=1))

    assert [(one.issue.title, one.issue.open, one.closed is None) for one in found] == [
        ("Still open", True, True),
        ("Just over", False, False),
    ]


def test_pages_of_issues_and_of_comments_are_read_to_the_end(start: Start) -> None:
    said = [{"body": f"Comment {number}", "author": "eve"} for number in range(250)]
    place = start(ADA, halt("Much discussed", comments=said), *[halt(f"Stop {number}") for number in range(120)])
    github = place.github()

    found = github.adapter(HaltIssues).labelled(LABEL)

    assert len(found) == 121
    assert [comment.body for comment in found[0].issue.comments] == [comment["body"] for comment in said]
    assert github.requests == 2 + 2 + 1


def test_the_comments_on_an_outsiders_issue_cost_nothing(start: Start) -> None:
    said = [{"body": "x", "author": "eve"} for _ in range(150)]
    github = start(halt("Spam", author="eve", comments=said)).github()

    (found,) = github.adapter(HaltIssues).labelled(LABEL)

    assert found.issue.comments == ()
    assert github.requests == 2


def test_halts_that_cannot_be_read_are_an_error_and_never_none(start: Start) -> None:
    place = start({"rights": {"contents": "write", "issues": "none"}})

    with pytest.raises(PermissionDeniedError, match="issues: read"):
        place.github().adapter(HaltIssues).labelled(LABEL)


def test_a_halt_counts_for_who_may_not_ask_what_its_author_may_do(start: Start) -> None:
    place = start(ADA, {"token": "of-eve", "login": "eve"}, halt("Mine"))

    (found,) = place.github("of-eve").adapter(HaltIssues).labelled(LABEL)

    assert (found.issue.author, found.issue.author_writes, found.uncertain) == ("ada", True, True)


# Rights


def test_what_somebody_may_do_is_told(start: Start) -> None:
    halts = start(ADA, {"collaborator": "bob", "permission": "none"}).github().accounts

    assert halts.access("ada") is Access.WRITE
    assert halts.access("bob") is Access.NONE
    assert halts.access("eve") is Access.READ
    assert Access.NONE < Access.READ < Access.TRIAGE < Access.WRITE < Access.ADMIN


def test_whose_writer_can_not_be_asked_about_halts_and_is_named_as_uncertain(start: Start) -> None:
    place = start(ADA, halt())
    place.box.fault(Fault(path="/collaborators/", status=403, document={"message": "Must have push access"}))
    (found,) = place.github().adapter(HaltIssues).labelled(LABEL)
    assert (found.uncertain, found.issue.author_writes, found.issue.labelled_well) == (True, True, True)


# Answers that the stand-in never gives

GRAPHQL = "/api/graphql"
PERMISSION = "/api/v3/repos/acme/shop/collaborators/ada/permission"


@pytest.fixture
def github(httpserver: HTTPServer) -> GitHub:
    return GitHub(
        "acme/shop",
        token="t0ken",
        api_url=httpserver.url_for("/api/v3"),
        graphql_url=httpserver.url_for(GRAPHQL),
        clock=FakeClock(),
    )


def answer(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status=status, content_type="application/json")


def labelled(labels: int = 1, comments: int = 0, *, more: bool = False) -> Response:
    """An issue of ours with one label, and as many of both as GitHub says that there are."""
    page = {"hasNextPage": more, "endCursor": "next"}
    issue = {
        "number": 1,
        "url": "",
        "title": "Stop",
        "body": "",
        "state": "OPEN",
        "createdAt": "2026-01-05T10:00:00Z",
        "updatedAt": "2026-01-05T10:00:00Z",
        "closedAt": None,
        "viewerDidAuthor": True,
        "author": {"login": "ada", "__typename": "User"},
        "labels": {"totalCount": labels, "nodes": [{"name": LABEL}]},
        "comments": {"totalCount": comments, "pageInfo": page, "nodes": []},
    }
    issues = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [issue]}
    return answer({"data": {"repository": {"issues": issues}}})


NO_ISSUE = answer({"data": {"repository": {"issue": None}}, "errors": [{"type": "NOT_FOUND", "message": "Gone"}]})
NOTHING = answer({"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]})


@pytest.mark.parametrize(
    "responses,match",
    [
        ([labelled(labels=2)], "did not return all labels of issue #1"),
        ([labelled(comments=1)], "did not return all comments on issue #1"),
        ([labelled(comments=1, more=True), NOTHING], "knows no repository"),
        ([labelled(comments=1, more=True), NO_ISSUE], "knows no issue #1 any more"),
        ([NOTHING], "no repository acme/shop, or hides it"),
    ],
)
def test_an_answer_that_is_cut_short_is_an_error(
    httpserver: HTTPServer, github: GitHub, responses: list[Response], match: str
) -> None:
    for response in responses:
        httpserver.expect_ordered_request(GRAPHQL, method="POST").respond_with_response(response)

    with pytest.raises(RemoteError, match=match):
        github.adapter(HaltIssues).labelled(LABEL)


@pytest.mark.parametrize(
    "permission,role,access",
    [
        ("read", "triage", Access.TRIAGE),
        ("read", "our own role", Access.READ),
        ("write", "maintain", Access.WRITE),
        ("maintain", "maintain", Access.WRITE),
        ("admin", "admin", Access.ADMIN),
    ],
)
def test_roles_are_told_as_what_they_allow(
    httpserver: HTTPServer, github: GitHub, permission: str, role: str, access: Access
) -> None:
    document = {"permission": permission, "role_name": role}
    httpserver.expect_request(PERMISSION).respond_with_response(answer(document))

    assert github.accounts.access("ada") is access


def test_a_person_whom_github_does_not_know_may_do_nothing(httpserver: HTTPServer, github: GitHub) -> None:
    httpserver.expect_request(PERMISSION).respond_with_response(answer({"message": "Not Found"}, 404))

    assert github.accounts.access("ada") is Access.NONE


def test_a_right_of_a_kind_that_is_not_known_is_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    httpserver.expect_request(PERMISSION).respond_with_response(answer({"permission": "sometimes"}))

    with pytest.raises(RemoteError, match="can't be read"):
        github.accounts.access("ada")
