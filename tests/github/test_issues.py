"""The pull requests and issues that we open, and the statuses that we set, asked of the stand-in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from github_sandbox import Fault
from release_tool.errors import UsageError
from release_tool.github.api import NoAnswerError, PermissionDeniedError, RejectedError, Status
from release_tool.github.issues import ClosedPull
from release_tool.pull_request.github import PullRequests
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    from tests.shop import Entry, Shop

    class Start(Protocol):
        def __call__(self, *history: Entry) -> Shop: ...


CLOUD: Entry = {"branch": "cloud", "from": "main", "commit": "Settings", "author": "ops", "files": {"fly.toml": "1"}}
TOPIC: Entry = {"branch": "topic/1", "from": "main", "commit": "Topic", "author": "ops", "files": {"topic": "1"}}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:
        yield lambda *history: running.enter_context(shop(tmp_path, *history))


def pull(number: int, branch: str, **more: object) -> Entry:
    standard: Entry = {"title": f"Title {number}", "files": {f"file-{number}": "x"}, "base": "cloud", "author": "ada"}
    return {"pull": number, "branch": branch} | standard | more


# Pull requests


def test_an_open_pull_request_is_found_by_its_branch(start: Start) -> None:
    place = start(CLOUD, TOPIC)
    issues = place.github().issues
    assert issues.open_pull("topic/1", "cloud") is None

    made = issues.create_pull("Title", "topic/1", "cloud", "Text")

    assert issues.open_pull("topic/1", "cloud") == made
    assert (made.title, made.body, made.branch) == ("Title", "Text", "topic/1")
    assert made.head == place.git("rev-parse", "origin/topic/1")
    assert made.url.endswith(f"/acme/shop/pull/{made.number}")
    assert issues.open_pull("topic", "cloud") is None
    assert issues.open_pull("topic/1", "main") is None
    assert issues.open_pulls("topic/", "cloud") == [made]
    issues.update_pull(made.number, title="New", body="Other")
    found = issues.open_pull("topic/1", "cloud")
    assert found is not None
    assert (found.title, found.body) == ("New", "Other")


def test_a_second_pull_request_from_the_same_branch_is_the_first_one(start: Start) -> None:
    issues = start(CLOUD, TOPIC).github().issues

    assert issues.create_pull("Title", "topic/1", "cloud", "Text") == issues.create_pull("T", "topic/1", "cloud", "")


def test_without_commits_there_is_no_pull_request(start: Start) -> None:
    issues = start(CLOUD, {"branch": "empty", "from": "main"}).github().issues

    with pytest.raises(RejectedError, match="No commits between cloud and empty"):
        issues.create_pull("Title", "empty", "cloud", "Text")


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_pull_request_is_never_opened_twice_for_want_of_an_answer(start: Start, drop: str) -> None:
    place = start(CLOUD, TOPIC)
    issues = place.github().issues
    place.box.fault(Fault(method="POST", path="/pulls", drop="before" if drop == "before" else "after"))

    if drop == "before":
        with pytest.raises(NoAnswerError):
            issues.create_pull("Title", "topic/1", "cloud", "Text")
        assert issues.open_pull("topic/1", "cloud") is None
    else:
        assert issues.create_pull("Title", "topic/1", "cloud", "Text") == issues.open_pull("topic/1", "cloud")


def test_a_title_that_is_too_long_for_github_is_shortened(start: Start) -> None:
    place = start(CLOUD, TOPIC)
    issues = place.github().issues

    made = issues.create_pull("x" * 257, "topic/1", "cloud", "Text")
    told = issues.create_issue("é" * 300, "Text", ())

    assert made.title == "x" * 255 + "…"
    assert told.title == "é" * 255 + "…"
    issues.update_issue(told.number, title="y" * 300, body="Text")
    issues.update_pull(made.number, title="z" * 256, body="Text")


def test_the_branch_of_a_fork_is_not_ours(start: Start) -> None:
    issues = start(CLOUD, pull(1, "topic/1", fork=True, state="open")).github().issues

    assert issues.open_pull("topic/1", "cloud") is None


def test_a_token_that_may_not_open_pull_requests_is_told_so(start: Start) -> None:
    issues = start(CLOUD, TOPIC, {"rights": {"contents": "write", "pull-requests": "read"}}).github().issues

    with pytest.raises(PermissionDeniedError, match="pull-requests: write"):
        issues.create_pull("Title", "topic/1", "cloud", "Text")


def test_what_became_of_pull_requests_is_told(start: Start) -> None:
    place = start(
        CLOUD,
        pull(1, "ours/1", merge="squash"),
        pull(2, "ours/2", state="closed"),
        pull(3, "ours/3", merge="merge"),
        pull(4, "ours/4", state="open"),
        pull(5, "theirs/5"),
        pull(6, "ours/6", base="main"),
        pull(7, "ours/7", fork=True),
    )
    squash, merge = (place.git("log", "--format=%H", f"--grep=#{number}", "origin/cloud") for number in (1, 3))

    found = place.github().issues.closed_pulls("ours/", "cloud")

    assert sorted((one.number, one.merged, one.merge_commit) for one in found) == [
        (1, True, squash),
        (2, False, None),
        (3, True, merge),
    ]
    assert next(one for one in found if one.number == 3) == ClosedPull(
        number=3, branch="ours/3", head=place.git("rev-parse", f"{merge}^2"), merged=True, merge_commit=merge
    )


def test_the_people_who_merged_are_told_and_no_bots(start: Start) -> None:
    history = [pull(number, f"topic/{number}", merged_by="eve") for number in range(1, 61)]
    github = start(CLOUD, *history, pull(61, "x", state="open"), pull(62, "y", merged_by="merger[bot]")).github()

    assert github.issues.who_merged([*range(1, 63), 99]) == dict.fromkeys(range(1, 61), "eve")
    assert github.requests == 2
    assert github.issues.who_merged([]) == {}


# Issues


def test_our_own_issue_is_found_by_its_label_and_its_marker(start: Start) -> None:
    others: list[Entry] = [
        {"issue": "Somebody else's", "body": "<!-- marker -->", "labels": ["stuck"], "author": "eve"},
        {"issue": "Closed", "body": "<!-- marker -->", "labels": ["stuck"], "state": "closed"},
    ]
    issues = start(CLOUD, *others).github().issues
    assert issues.find_issue("stuck", "<!-- marker -->") is None

    issues.create_issue("Other", "Text", ["stuck"])
    made = issues.create_issue("Title", "Text\n<!-- marker -->", ["stuck", "new label"])

    assert issues.find_issue("stuck", "<!-- marker -->") == made
    assert issues.find_issue("other", "<!-- marker -->") is None
    issues.update_issue(made.number, title="New", body="<!-- marker --> again")
    found = issues.find_issue("stuck", "<!-- marker -->")
    assert found is not None
    assert (found.number, found.title, found.body) == (made.number, "New", "<!-- marker --> again")


def test_a_pull_request_with_the_label_is_no_issue(start: Start) -> None:
    issues = start(CLOUD, TOPIC).github().issues
    made = issues.create_pull("Title", "topic/1", "cloud", "marker")
    issues.add_labels(made.number, ["stuck"])

    assert issues.find_issue("stuck", "marker") is None


def test_what_is_closed_says_why(start: Start) -> None:
    place = start(CLOUD, TOPIC)
    github = place.github()
    opened = github.issues.create_pull("Title", "topic/1", "cloud", "Text")
    issue = github.issues.create_issue("Title", "marker", ["stuck"])

    for number in (opened.number, issue.number):
        github.issues.close(number, "Superseded")

    assert github.issues.open_pull("topic/1", "cloud") is None
    assert github.issues.find_issue("stuck", "marker") is None
    assert [comment.body for comment in github.adapter(PullRequests).comments(opened.number)] == ["Superseded"]


def test_labels_and_people_are_put_on_once_and_who_is_unknown_is_left_out(start: Start) -> None:
    place = start(CLOUD, TOPIC)
    issues = place.github().issues
    made = issues.create_pull("Title", "topic/1", "cloud", "Text")
    place.box.fault(Fault(method="POST", path="assignees", body="nobody", status=422, times=2))

    for _ in range(2):
        issues.add_labels(made.number, ["stuck"])
        issues.assign(made.number, ["nobody", "ada"])

    record = place.box.github.pull(made.number)
    assert (record.labels, record.assignees) == (["stuck"], ["ada"])
    found = issues.open_pull("topic/1", "cloud")
    assert found is not None
    assert found.labels == ("stuck",)


# Statuses of commits


def test_all_statuses_of_a_commit_are_told_newest_first_with_their_authors(start: Start) -> None:
    history: list[Entry] = [{"status": f"ci/{number}", "state": "failure", "ref": "main"} for number in range(120)]
    place = start(*history)
    github, sha = place.github(), place.git("rev-parse", "origin/main")

    github.create_status(sha, "ci/7", "pending", "x" * 140, "https://example.com/7")
    github.create_status(sha, "ci/8", "success", "Done")

    found = github.statuses(sha)
    assert len(found) == 122
    us = "github-actions[bot]"
    assert [msgspec.structs.replace(one, at=None) for one in found[:2]] == [
        Status(context="ci/8", state="success", author=us, description="Done"),
        Status(context="ci/7", state="pending", author=us, description="x" * 140, target_url="https://example.com/7"),
    ]
    assert (found[2].context, found[2].state) == ("ci/119", "failure")


def test_a_status_that_github_would_cut_is_refused_and_nothing_is_sent(start: Start) -> None:
    place = start(CLOUD)
    github = place.github()

    with pytest.raises(UsageError, match="140 characters"):
        github.create_status(place.git("rev-parse", "origin/main"), "ci", "success", "x" * 141)
    assert github.requests == 0


def test_a_commit_that_github_does_not_have_has_no_statuses_to_tell(start: Start) -> None:
    with pytest.raises(RejectedError, match="No commit found"):
        start(CLOUD).github().statuses("f" * 40)
