"""What GitHub's bad days do to us: limits, failures, silence, and answers that are none."""

from __future__ import annotations

import json
import socket
import threading
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from werkzeug import Response

from release_tool.deploy.ledger.store import Deployments
from release_tool.errors import RemoteError, UsageError
from release_tool.github.api import (
    Claim,
    GitHub,
    NoAnswerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    RestrictedError,
)
from release_tool.status.github_snapshot import GitHubSnapshots
from tests.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_httpserver import HTTPServer

REPOSITORY = {
    "full_name": "acme/shop",
    "default_branch": "main",
    "html_url": "https://github.com/acme/shop",
    "private": True,
}
REPO = "/api/v3/repos/acme/shop"
GRAPHQL = "/api/graphql"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def github(httpserver: HTTPServer, clock: FakeClock) -> GitHub:
    return GitHub(
        "acme/shop",
        token="t0ken",
        api_url=httpserver.url_for("/api/v3"),
        graphql_url=httpserver.url_for(GRAPHQL),
        clock=clock,
    )


def answers(server: HTTPServer, method: str, path: str, *responses: Response) -> None:
    for response in responses:
        server.expect_ordered_request(path, method=method).respond_with_response(response)


def answer(status: int, body: object = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status=status, headers=named, content_type="application/json")


def said(message: str, status: int = 403, **headers: str) -> Response:
    return answer(status, {"message": message}, **headers)


def told(error: Exception) -> str:
    """All that a log could show of an error and what caused it."""
    return "".join(traceback.format_exception(error))


@pytest.fixture
def dead_end() -> Iterator[str]:
    """A server that takes every connection and ends it without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100_000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


# Who is asked


def test_every_request_names_the_version_of_the_api_and_the_token(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, "GET", REPO, answer(200, REPOSITORY))

    assert github.repository().default_branch == "main"

    headers = httpserver.log[0][0].headers
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["Authorization"] == "token t0ken"
    assert github.requests == 1


def test_without_a_token_nothing_is_asked_and_the_error_says_how_to_give_one(httpserver: HTTPServer) -> None:
    github = GitHub("acme/shop", token=None, api_url=httpserver.url_for(""))

    with pytest.raises(UsageError, match="there is no token") as failure:
        github.repository()

    assert "GITHUB_TOKEN" in failure.value.todo
    assert httpserver.log == []


def test_a_token_that_is_not_accepted_is_named_by_where_it_came_from(httpserver: HTTPServer, clock: FakeClock) -> None:
    answers(httpserver, "GET", REPO, said("Bad credentials", 401))
    github = GitHub(
        "acme/shop", token="t0ken", token_source="GH_TOKEN", api_url=httpserver.url_for("/api/v3"), clock=clock
    )

    with pytest.raises(UsageError, match="does not accept the token from GH_TOKEN") as failure:
        github.repository()
    assert "t0ken" not in repr(failure.value) + repr(github) + told(failure.value)


def test_a_token_that_was_accepted_before_has_run_out_and_the_command_can_be_repeated(
    httpserver: HTTPServer, github: GitHub
) -> None:
    answers(httpserver, "GET", REPO, answer(200, REPOSITORY), said("Bad credentials", 401))
    github.repository()

    with pytest.raises(RemoteError, match="does not accept the token from GITHUB_TOKEN any more") as failure:
        github.repository()
    assert failure.value.exit_code == 4
    assert "an app's token lives for an hour" in failure.value.todo


def test_the_token_is_not_sent_to_a_host_that_is_not_githubs(httpserver: HTTPServer, github: GitHub) -> None:
    jobs = {"jobs": [{"id": 1, "name": "release", "status": "queued"}]}
    link = '<https://evil.example.com/next>; rel="next"'
    answers(httpserver, "GET", f"{REPO}/actions/runs/1/attempts/1/jobs", answer(200, jobs, Link=link))

    with pytest.raises(RemoteError, match=r"evil\.example\.com, which is not its own host"):
        github.run_jobs(1, 1)


def test_what_was_read_before_is_asked_for_only_if_it_changed(httpserver: HTTPServer, github: GitHub) -> None:
    first = answer(200, REPOSITORY, ETag='W/"one"')
    httpserver.expect_ordered_request(REPO).respond_with_response(first)
    unless = {"If-None-Match": 'W/"one"'}
    httpserver.expect_ordered_request(REPO, headers=unless).respond_with_response(answer(304, ETag='W/"one"'))
    httpserver.expect_ordered_request(REPO, headers=unless).respond_with_response(
        answer(200, REPOSITORY | {"default_branch": "trunk"}, ETag='W/"two"')
    )
    found = [github.repository().default_branch for _ in range(3)]

    assert found == ["main", "main", "trunk"]
    httpserver.check_assertions()


def test_pages_are_followed_to_the_last(httpserver: HTTPServer, github: GitHub) -> None:
    path = f"{REPO}/actions/runs/1/attempts/1/jobs"
    for number in (1, 2):
        link = f'<{httpserver.url_for(path)}?page={number + 1}>; rel="next"' if number == 1 else ""
        jobs = {"jobs": [{"id": number, "name": "release", "status": "queued"}]}
        answers(httpserver, "GET", path, answer(200, jobs, Link=link))

    jobs_read = github.run_jobs(1, 1)

    assert jobs_read is not None
    assert [job.id for job in jobs_read] == [1, 2]


# Reads


def test_a_read_is_asked_again_when_github_breaks_down(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    answers(httpserver, "GET", REPO, answer(502), answer(500, "oops"), answer(200, REPOSITORY))

    assert github.repository().full_name == "acme/shop"
    assert clock.sleeps == [1, 2]
    assert github.requests == 3


def test_a_read_gives_up_when_github_stays_down(httpserver: HTTPServer, github: GitHub, clock: FakeClock) -> None:
    answers(httpserver, "GET", REPO, *[answer(503)] * 6)

    with pytest.raises(NoAnswerError, match="GitHub answered 503") as failure:
        github.repository()
    assert failure.value.during == "reading the repository acme/shop"
    assert clock.sleeps == [1, 2, 4, 8, 16]


def test_a_read_is_asked_again_when_the_connection_breaks(dead_end: str, clock: FakeClock) -> None:
    github = GitHub("acme/shop", token="t0ken", api_url=dead_end, clock=clock)

    with pytest.raises(NoAnswerError, match="the connection to GitHub failed") as failure:
        github.repository()
    assert github.requests == 6
    assert "t0ken" not in told(failure.value)


# Limits


@pytest.mark.parametrize(
    "refusal, pause",
    [
        (said("slow down", 429, Retry_After="7"), 7),
        (said("You have exceeded a secondary rate limit", Retry_After="30"), 30),
        (said("API rate limit exceeded for installation", X_RateLimit_Remaining="0", X_RateLimit_Reset="RESET"), 121),
        (said("You have exceeded a secondary rate limit"), 60),
        (said("slow down", 429), 60),
    ],
    ids=["429", "retry-after", "reset", "no header", "429 without header"],
)
def test_a_limit_is_waited_for_as_long_as_github_says(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock, refusal: Response, pause: float
) -> None:
    if "X-RateLimit-Reset" in refusal.headers:
        refusal.headers["X-RateLimit-Reset"] = str(int((clock.now() + timedelta(seconds=120)).timestamp()))
    answers(httpserver, "GET", REPO, refusal, answer(200, REPOSITORY))

    assert github.repository().full_name == "acme/shop"
    assert clock.sleeps == [pause]


def test_a_limit_that_lasts_too_long_is_told_and_not_waited_for(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    answers(httpserver, "GET", REPO, said("API rate limit exceeded", Retry_After="3000"))

    with pytest.raises(RateLimitedError, match="used up until 12:50:00 UTC"):
        github.repository()
    assert clock.sleeps == []


def test_a_secondary_limit_is_waited_for_longer_each_time_and_not_for_ever(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    answers(httpserver, "GET", REPO, *[said("You have exceeded a secondary rate limit")] * 3)

    with pytest.raises(RateLimitedError):
        github.repository()
    assert clock.sleeps == [60, 120]


def test_a_write_that_met_a_limit_is_repeated_because_it_did_nothing(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    limit = said("API rate limit exceeded", Retry_After="5")
    answers(httpserver, "POST", f"{REPO}/git/refs", limit, answer(201, {"ref": "refs/tags/v1"}))

    assert github.create_ref("refs/tags/v1", "abc") is Claim.CREATED
    assert clock.sleeps == [5]


def test_a_missing_right_is_not_taken_for_a_limit(httpserver: HTTPServer, github: GitHub, clock: FakeClock) -> None:
    refusal = said("Resource not accessible by integration", X_RateLimit_Remaining="0")
    answers(httpserver, "GET", f"{REPO}/releases", refusal)

    with pytest.raises(PermissionDeniedError, match="needs the permission `contents: read`") as failure:
        github.releases()
    assert failure.value.exit_code == 2
    assert clock.sleeps == []


# Writes


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_got_no_answer_is_never_repeated(httpserver: HTTPServer, github: GitHub, status: int) -> None:
    answers(httpserver, "POST", f"{REPO}/releases", answer(status))

    with pytest.raises(NoAnswerError) as failure:
        github.create_draft("v1", "v1", "", prerelease=False)
    assert failure.value.already == "it is not known whether GitHub did it: creating the draft of v1"
    assert len(httpserver.log) == github.requests == 1


def test_a_write_whose_connection_broke_is_never_repeated(dead_end: str, clock: FakeClock) -> None:
    github = GitHub("acme/shop", token="t0ken", api_url=dead_end, clock=clock)

    with pytest.raises(NoAnswerError):
        github.create_ref("refs/tags/v1", "abc")
    assert github.requests == 1


def test_writes_keep_their_distance_and_reads_need_none(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    for _ in range(2):
        answers(httpserver, "DELETE", f"{REPO}/releases/1", answer(204))
        answers(httpserver, "GET", REPO, answer(200, REPOSITORY))

    github.delete_release(1)
    github.repository()
    clock.sleep(0.25)
    github.delete_release(1)
    github.repository()

    assert clock.sleeps == [0.25, 0.75]


def test_a_refusal_is_told_in_githubs_words_and_with_its_codes(httpserver: HTTPServer, github: GitHub) -> None:
    reasons = [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]
    answers(httpserver, "PATCH", f"{REPO}/releases/1", answer(422, {"message": "Validation Failed", "errors": reasons}))

    with pytest.raises(RejectedError, match="Validation Failed; tag_name already_exists") as failure:
        github.update_release(1, "v1", draft=False)
    assert failure.value.codes == {"already_exists"}


def test_a_page_that_is_no_answer_of_github_is_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    httpserver.expect_request(f"{REPO}/releases/1").respond_with_data("<html>Sign in</html>")
    httpserver.expect_request(f"{REPO}/releases/2").respond_with_json({"id": "two"})
    httpserver.expect_request(f"{REPO}/releases/3").respond_with_data("<html>", status=418)

    for number in (1, 2):
        with pytest.raises(RemoteError, match="can't be read"):
            github.release(number)
    with pytest.raises(RemoteError, match="GitHub answered 418"):
        github.release(3)


def test_a_redirect_to_another_host_is_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, "GET", REPO, answer(301, None, Location="http://elsewhere.example.com/x"))

    with pytest.raises(RemoteError, match="redirected"):
        github.repository()


# What is not there


def test_something_missing_is_told_from_a_repository_that_is_missing(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, "GET", f"{REPO}/releases/tags/v1", said("Not Found", 404))
    answers(httpserver, "GET", REPO, answer(200, REPOSITORY))
    answers(httpserver, "GET", f"{REPO}/releases/tags/v2", said("Not Found", 404))

    assert github.release_by_tag("v1") is None
    assert github.release_by_tag("v2") is None  # the repository is known by now


def test_a_missing_repository_is_an_error_and_never_an_empty_answer(httpserver: HTTPServer, github: GitHub) -> None:
    httpserver.expect_request(GRAPHQL).respond_with_json(
        {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}
    )
    httpserver.expect_request(f"{REPO}/releases/tags/v1").respond_with_data("", status=404)
    httpserver.expect_request(f"{REPO}/actions/runs/1/attempts/1/jobs").respond_with_data("", status=404)
    httpserver.expect_request(REPO).respond_with_data("", status=404)

    for ask in (
        lambda: github.release_by_tag("v1"),
        lambda: github.run_jobs(1, 1),
        github.repository,
        lambda: github.pull(1),
        lambda: github.merged_pulls("main", {"abc"}, 0),
    ):
        with pytest.raises(RemoteError, match="GitHub knows no repository acme/shop"):
            ask()


def test_a_claim_that_a_rule_stands_against_is_told_from_one_that_came_late(
    httpserver: HTTPServer, github: GitHub
) -> None:
    refs, ref = f"{REPO}/git/refs", f"{REPO}/git/ref/tags/v1"
    exists = said("Reference already exists", 422)
    answers(httpserver, "POST", refs, exists)
    answers(httpserver, "GET", ref, answer(200, {"ref": "refs/tags/v1", "object": {"sha": "abc"}}))
    answers(httpserver, "POST", refs, said("Rule violations\n\nCannot create ref: creations restricted.\n\n", 422))
    answers(httpserver, "GET", ref, said("Not Found", 404))
    answers(httpserver, "POST", refs, said("Object does not exist", 422))
    answers(httpserver, "GET", ref, said("Not Found", 404))
    answers(httpserver, "POST", refs, said("Resource not accessible by integration"))
    answers(httpserver, "POST", refs, said("Not Found", 404))

    assert github.create_ref("refs/tags/v1", "abc") is Claim.EXISTS
    with pytest.raises(RestrictedError) as restricted:
        github.create_ref("refs/tags/v1", "abc")
    assert restricted.value.said == "Rule violations; Cannot create ref: creations restricted."
    with pytest.raises(RejectedError, match="Object does not exist"):
        github.create_ref("refs/tags/v1", "abc")
    assert github.create_ref("refs/tags/v1", "abc") is Claim.FORBIDDEN
    assert github.create_ref("refs/tags/v1", "abc") is Claim.FORBIDDEN


@pytest.mark.parametrize(
    "errors",
    [
        "Commits must have verified signatures.",
        ["Commits must have verified signatures."],
        [{"resource": "Reference", "code": "custom", "message": "Commits must have verified signatures."}],
    ],
    ids=["a text", "texts", "reasons"],
)
def test_githubs_own_reason_is_kept_wherever_it_stands_in_the_answer(
    httpserver: HTTPServer, github: GitHub, errors: object
) -> None:
    no = answer(422, {"message": "Repository rule violations found", "errors": errors})
    answers(httpserver, "POST", f"{REPO}/git/refs", no)
    answers(httpserver, "GET", f"{REPO}/git/ref/tags/v1", said("Not Found", 404))
    answers(httpserver, "GET", REPO, answer(200, REPOSITORY))

    with pytest.raises(RestrictedError) as restricted:
        github.create_ref("refs/tags/v1", "abc")
    assert restricted.value.said == "Repository rule violations found; Commits must have verified signatures."


@pytest.mark.parametrize("passes", [True, False])
def test_a_claim_that_is_refused_without_a_reason_is_tried_once_more(
    httpserver: HTTPServer, github: GitHub, *, passes: bool
) -> None:
    refs, ref = f"{REPO}/git/refs", f"{REPO}/git/ref/tags/v1"
    no = said("Reference update failed", 422)
    answers(httpserver, "POST", refs, no)
    answers(httpserver, "GET", ref, said("Not Found", 404))
    answers(httpserver, "GET", REPO, answer(200, REPOSITORY))
    answers(httpserver, "POST", refs, answer(201, {"ref": "refs/tags/v1"}) if passes else no)
    answers(httpserver, "GET", ref, said("Not Found", 404))

    if passes:
        assert github.create_ref("refs/tags/v1", "abc") is Claim.CREATED
    else:
        with pytest.raises(RestrictedError, match="Reference update failed"):
            github.create_ref("refs/tags/v1", "abc")
    assert sum(request.method == "POST" for request, _ in httpserver.log) == 2


def test_a_write_to_what_is_hidden_names_the_permission(httpserver: HTTPServer, github: GitHub) -> None:
    answers(httpserver, "DELETE", f"{REPO}/releases/1", said("Not Found", 404))

    with pytest.raises(NotFoundError) as failure:
        github.delete_release(1)
    assert "contents: write" in failure.value.todo


# GraphQL


def page(*numbers: int, more: bool = False) -> Response:
    nodes = [
        {
            "number": number,
            "title": f"Title {number}",
            "body": "",
            "url": "",
            "merged": True,
            "mergedAt": "2026-01-05T10:00:00Z",
            "updatedAt": "2026-01-05T10:00:00Z",
            "baseRefName": "main",
            "baseRepository": {"nameWithOwner": "acme/shop"},
            "author": None,
            "mergeCommit": {"oid": f"sha{number}"},
            "labels": {"totalCount": 0, "nodes": []},
        }
        for number in numbers
    ]
    pulls = {"pageInfo": {"hasNextPage": more, "endCursor": "next"}, "nodes": nodes}
    return answer(200, {"data": {"repository": {"pullRequests": pulls}}})


def asked(server: HTTPServer) -> list[object]:
    return [json.loads(request.data)["variables"]["first"] for request, _ in server.log]


def test_a_page_that_github_could_not_make_is_asked_for_again_and_smaller(
    httpserver: HTTPServer, github: GitHub
) -> None:
    timeout = answer(200, {"data": None, "errors": [{"message": "Something went wrong while executing your query."}]})
    answers(httpserver, "POST", GRAPHQL, answer(502), timeout, page(1, more=True), page(2))

    assert github.merged_pulls("main", {"sha1", "sha2"}, 0).keys() == {"sha1", "sha2"}
    assert asked(httpserver) == [100, 50, 25, 100]


def test_an_answer_with_errors_is_never_taken_for_the_whole(httpserver: HTTPServer, github: GitHub) -> None:
    partial = json.loads(page(1).get_data())
    partial["errors"] = [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}]
    answers(httpserver, "POST", GRAPHQL, *[answer(200, partial)] * 6)

    with pytest.raises(NoAnswerError, match="could not answer in full: Resource limits"):
        github.merged_pulls("main", {"sha1", "sha2"}, 0)


def test_a_limit_on_queries_is_waited_for_too(httpserver: HTTPServer, github: GitHub, clock: FakeClock) -> None:
    reset = str(int((clock.now() + timedelta(seconds=40)).timestamp()))
    limit = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    headers = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": reset}
    answers(httpserver, "POST", GRAPHQL, answer(200, limit, **headers), page(1))

    assert github.merged_pulls("main", {"sha1"}, 0).keys() == {"sha1"}
    assert clock.sleeps == [41]


def test_a_right_that_is_missing_for_a_query_is_named(httpserver: HTTPServer, github: GitHub) -> None:
    error = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
    answers(httpserver, "POST", GRAPHQL, answer(200, {"data": None, "errors": [error]}))

    with pytest.raises(PermissionDeniedError, match="`pull-requests: read`"):
        github.merged_pulls("main", {"sha1"}, 0)


def test_a_query_that_github_does_not_understand_is_not_repeated(httpserver: HTTPServer, github: GitHub) -> None:
    error = {"message": "Field 'pulls' doesn't exist on type 'Query'", "extensions": {"code": "undefinedField"}}
    answers(httpserver, "POST", GRAPHQL, answer(200, {"errors": [error]}))

    with pytest.raises(RemoteError, match="rejects the query: Field 'pulls'"):
        github.merged_pulls("main", {"sha1"}, 0)
    assert github.requests == 1


def test_labels_that_are_cut_short_are_an_error(httpserver: HTTPServer, github: GitHub) -> None:
    cut = json.loads(page(1).get_data())
    pull = cut["data"]["repository"]["pullRequests"]["nodes"][0]
    pull["labels"] = {"totalCount": 150, "nodes": [{"name": f"label-{number}"} for number in range(100)]}
    answers(httpserver, "POST", GRAPHQL, answer(200, {"data": {"repository": {"pull": pull}}}))
    answers(httpserver, "POST", GRAPHQL, answer(200, {"data": {"repository": {"pull": pull}}}))

    with pytest.raises(RemoteError, match="did not return all labels"):
        github.pull(1)


def test_pull_requests_are_asked_for_in_batches_which_shrink_when_github_can_not_answer(
    httpserver: HTTPServer, github: GitHub
) -> None:
    def known(first: int, last: int) -> Response:
        pulls: dict[str, None] = dict.fromkeys(f"p{number}" for number in range(first, last + 1))
        return answer(200, {"data": {"repository": pulls}})

    answers(httpserver, "POST", GRAPHQL, known(1, 25), answer(504), known(26, 37), known(38, 40))

    assert github.pull_messages(range(1, 41)) == {}
    counts = [len(json.loads(request.data)["variables"]) - 3 for request, _ in httpserver.log]
    assert counts == [25, 15, 12, 3]


def test_a_limit_that_is_told_in_plain_words_is_one_too(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    limit = Response("You have exceeded a secondary rate limit.", status=403, content_type="text/plain")
    answers(httpserver, "GET", REPO, limit, answer(200, REPOSITORY))

    assert github.repository().full_name == "acme/shop"
    assert clock.sleeps == [60]


# Answers that nobody should give


SEEN: dict[str, object] = {"open": {"pullRequests": {"nodes": []}}, "deployed": {}, "marked": {}}


@pytest.mark.parametrize(
    "data, ask",
    [
        ({"repository": {}}, lambda github: github.pull_messages([1, 2])),
        ({}, lambda github: github.newcomers(["ada"], datetime(2026, 1, 5, tzinfo=UTC))),
        ({"repository": {}}, lambda github: github.issues.who_merged([1])),
        ({"repository": {}}, lambda github: github.adapter(Deployments).ledger("production")),
        (SEEN, lambda github: github.adapter(GitHubSnapshots).look(["production"], "main", [])),
        (SEEN, lambda github: github.adapter(GitHubSnapshots).look([], "main", ["0" * 40])),
    ],
    ids=["messages", "newcomers", "who merged", "ledger", "snapshot of deployments", "snapshot of marks"],
)
def test_an_answer_that_lacks_what_was_asked_for_is_refused(
    httpserver: HTTPServer, github: GitHub, data: dict[str, object], ask: Callable[[GitHub], object]
) -> None:
    answers(httpserver, "POST", GRAPHQL, answer(200, {"data": data}))

    with pytest.raises(RemoteError, match="GitHub's answer lacks"):
        ask(github)


def test_a_list_that_goes_round_in_a_circle_is_refused(httpserver: HTTPServer, github: GitHub) -> None:
    here = httpserver.url_for(f"{REPO}/commits/{'0' * 40}/statuses?page=2")
    rest = [answer(200, [], Link=f'<{here}>; rel="next"')] * 2
    answers(httpserver, "GET", f"{REPO}/commits/{'0' * 40}/statuses", *rest)
    answers(httpserver, "POST", GRAPHQL, page(1, more=True), page(2, more=True))

    with pytest.raises(RemoteError, match="goes on where it has been already"):
        github.statuses("0" * 40)
    with pytest.raises(RemoteError, match="goes on where it has been already"):
        github.merged_pulls("main", {"sha1", "sha2", "sha3"}, 0)


@pytest.mark.parametrize(
    "body", ['{"message": "hello"}', "null", "<html>one moment</html>", "", "{}", "[" * 50_000, "\udcff"]
)
def test_a_write_that_something_else_than_github_answers_is_not_believed(
    httpserver: HTTPServer, github: GitHub, body: str
) -> None:
    raw = Response(body.encode(errors="replace"), status=200, content_type="application/json")
    httpserver.expect_request(f"{REPO}/statuses/abc", method="POST").respond_with_response(raw)
    httpserver.expect_request(f"{REPO}/git/refs", method="POST").respond_with_response(raw)
    httpserver.expect_request(f"{REPO}/releases/1", method="DELETE").respond_with_response(raw)

    for write in (
        lambda: github.create_status("abc", "a", "success", "b"),
        lambda: github.create_ref("refs/tags/v1", "abc"),
        lambda: github.delete_release(1),
    ):
        with pytest.raises(NoAnswerError) as failure:
            write()
        assert "it is not known whether GitHub did it" in failure.value.already


@pytest.mark.parametrize("headers", [{"Retry_After": "9" * 400}, {"Retry_After": "9" * 20}, {"Retry_After": "²"}])
def test_a_pause_that_nobody_could_make_is_a_limit_all_the_same(
    httpserver: HTTPServer, github: GitHub, headers: dict[str, str]
) -> None:
    answers(httpserver, "GET", REPO, *[said("slow down", 429, **headers)] * 5)

    with pytest.raises(RateLimitedError):
        github.repository()


def test_a_counter_that_never_starts_anew_is_a_limit_all_the_same(httpserver: HTTPServer, github: GitHub) -> None:
    limit = said("API rate limit exceeded", X_RateLimit_Remaining="0", X_RateLimit_Reset="9" * 300)
    answers(httpserver, "GET", REPO, limit)

    with pytest.raises(RateLimitedError):
        github.repository()


def test_who_asks_for_a_pause_of_nothing_is_not_asked_for_ever(
    httpserver: HTTPServer, github: GitHub, clock: FakeClock
) -> None:
    httpserver.expect_request(REPO).respond_with_response(said("slow down", 429, Retry_After="0"))

    with pytest.raises(RateLimitedError):
        github.repository()
    assert clock.sleeps == [1, 2, 4, 8, 16, 32, 64, 128]


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://[", "//", "http://\x7f:99999/", "https://evil.example.com/", "gopher://x/", ""]
)
@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_to_nowhere_is_an_error_of_github(
    httpserver: HTTPServer, github: GitHub, status: int, location: str
) -> None:
    httpserver.expect_request(REPO).respond_with_response(answer(status, {}, Location=location))

    with pytest.raises(RemoteError):
        github.repository()


def test_redirects_in_a_circle_come_to_an_end(httpserver: HTTPServer, github: GitHub) -> None:
    circle = answer(301, {}, Location=httpserver.url_for(REPO))
    httpserver.expect_request(REPO).respond_with_response(circle)

    with pytest.raises(RemoteError):
        github.repository()


@pytest.mark.parametrize(
    "body", ["[" * 50_000, '{"a":' * 50_000, "9" * 10_000, '{"full_name": 1' + "0" * 9_999 + "}", "null", "\ud800"]
)
@pytest.mark.parametrize("status", [200, 404, 422, 403])
def test_a_body_that_no_program_can_read_is_an_error_of_github(
    httpserver: HTTPServer, github: GitHub, status: int, body: str
) -> None:
    raw = Response(body.encode(errors="surrogatepass"), status=status, content_type="application/json")
    httpserver.expect_request(REPO).respond_with_response(raw)

    with pytest.raises((RemoteError, PermissionDeniedError)):
        github.repository()


@pytest.mark.parametrize("headers", [{"X-A": "a" * 70_000}, {f"X-{number}": "a" for number in range(120)}])
def test_headers_without_an_end_are_an_error_of_github(
    httpserver: HTTPServer, github: GitHub, headers: dict[str, str]
) -> None:
    httpserver.expect_request(REPO).respond_with_response(Response("{}", headers=headers))

    with pytest.raises(RemoteError):
        github.repository()
