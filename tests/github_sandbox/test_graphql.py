"""GraphQL is GitHub's own schema, with its limits and its way to refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.github_sandbox.client import Client

if TYPE_CHECKING:
    from tests.github_sandbox.client import Doc
    from tests.github_sandbox.conftest import Serve

MERGED = """
query($o:String!,$n:String!,$base:String!,$after:String){repository(owner:$o,name:$n){
  pullRequests(states:MERGED,baseRefName:$base,orderBy:{field:UPDATED_AT,direction:DESC},first:2,after:$after){
    totalCount pageInfo{hasNextPage endCursor}
    nodes{number title body url merged mergedAt updatedAt baseRefName isCrossRepository headRepository{nameWithOwner}
      author{login __typename} mergeCommit{oid} labels(first:20){totalCount nodes{name}}}}}
  rateLimit{cost remaining resetAt nodeCount}}
"""


def inside(value: object, *path: str) -> Doc:
    """An object inside another."""
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    assert isinstance(value, dict)
    return value


def nodes(value: object, *path: str) -> list[Doc]:
    """The nodes of a connection inside an object."""
    found = inside(value, *path)["nodes"]
    assert isinstance(found, list)
    return found


def refusal(answer: Doc) -> Doc:
    """The first error of an answer."""
    found = answer["errors"]
    assert isinstance(found, list)
    first = found[0]
    assert isinstance(first, dict)
    return first


def test_a_cursor_that_is_none_is_no_thing_that_is_missing(serve: Serve) -> None:
    asked: Doc = {"o": "acme", "n": "shop", "base": "main", "after": "made up"}
    error = refusal(serve().query(MERGED, **asked))
    assert error["type"] == "INVALID_CURSOR_ARGUMENTS"
    assert error["message"] == "`made up` does not appear to be a valid cursor."
    assert error["path"] == ["repository", "pullRequests"]


def test_merged_pull_requests_are_paged_through(serve: Serve) -> None:
    client = serve(
        {"pull": 1, "title": "A", "labels": [f"l{n}" for n in range(25)], "author": "ada"},
        {"pull": 2, "title": "B", "author": None, "fork": True},
        {"pull": 3, "title": "C", "author": "renovate[bot]", "author_type": "Bot"},
        {"pull": 4, "title": "D", "state": "open"},
        {"branch": "1.x", "from": "main"},
        {"pull": 5, "title": "E", "base": "1.x"},
    )
    asked: Doc = {"o": "acme", "n": "shop", "base": "main"}
    first = inside(client.query(MERGED, **asked), "data", "repository", "pullRequests")
    cursor = inside(first, "pageInfo")["endCursor"]
    second = inside(client.query(MERGED, **asked, after=cursor), "data", "repository", "pullRequests")
    found = nodes(first) + nodes(second)

    assert first["totalCount"] == 3
    assert [pull["number"] for pull in found] == [3, 2, 1]
    assert [pull["author"] for pull in found] == [
        {"login": "renovate", "__typename": "Bot"},
        None,
        {"login": "ada", "__typename": "User"},
    ]
    assert found[1]["headRepository"] is None
    assert (inside(found[2], "labels")["totalCount"], len(nodes(found[2], "labels"))) == (25, 20)
    assert inside(second, "pageInfo")["hasNextPage"] is False


def test_a_query_tells_what_it_costs(serve: Serve) -> None:
    answer = serve().query(MERGED, o="acme", n="shop", base="main")

    assert inside(answer, "data", "rateLimit") | {"resetAt": 0} == {
        "cost": 1,
        "remaining": 5000,
        "resetAt": 0,
        "nodeCount": 42,
    }


def test_many_commits_are_asked_for_in_one_query(serve: Serve) -> None:
    client = serve(
        {"pull": 1, "title": "A", "merge": "rebase", "commits": [{"message": "a"}, {"message": "b"}]},
        {"commit": "Direct\n\nCo-authored-by: Bob <bob@example.com>", "author": "eve"},
    )
    hashes = [str(commit["sha"]) for commit in client.many("commits")]
    pulls = "associatedPullRequests(first:5){totalCount nodes{number}}"
    part = f"...on Commit{{messageHeadline {pulls} authors(first:5){{nodes{{name}}}}}}"
    found = client.data(" ".join(f'c{n}:object(oid:"{sha}"){{{part}}}' for n, sha in enumerate(hashes)))

    assert [[pull["number"] for pull in nodes(one, "associatedPullRequests")] for one in found.values()] == [
        [],
        [1],
        [1],
        [],
    ]
    assert [author["name"] for author in nodes(found["c0"], "authors")] == ["eve", "Bob"]


def test_the_index_of_commits_is_late_and_the_table_of_pull_requests_is_not(serve: Serve) -> None:
    client = serve({"lag": {"associations": 1}}, {"pull": 1, "title": "A"})
    commit = 'object(expression:"main"){...on Commit{associatedPullRequests(first:5){totalCount}}}'
    counts = [inside(client.data(commit), "object", "associatedPullRequests")["totalCount"] for _ in range(2)]

    assert inside(client.data("pullRequests(states:MERGED,first:5){totalCount}"), "pullRequests")["totalCount"] == 1
    assert counts == [0, 1]


def test_one_pull_request_shows_all_of_itself(serve: Serve) -> None:
    client = serve(
        {"pull": 7, "title": "A", "body": "b", "merge": "merge", "branch": "a", "files": {"a": "1\n2\n", "b": "1\n"}},
    )
    found = client.data(
        "pullRequest(number:7){id databaseId state closed mergedBy{login} baseRefName headRefName"
        " baseRepository{nameWithOwner}"
        " commits(first:9){nodes{commit{message}}} files(first:9){nodes{path additions changeType}} changedFiles"
        " comments(first:1){totalCount} assignees(first:1){totalCount} authorAssociation isInMergeQueue}"
    )

    pull = inside(found, "pullRequest")
    assert pull["state"] == "MERGED"
    assert pull["mergedBy"] == {"login": "maintainer"}
    assert nodes(pull, "commits") == [{"commit": {"message": "A"}}]
    assert nodes(pull, "files") == [
        {"path": "a", "additions": 2, "changeType": "ADDED"},
        {"path": "b", "additions": 1, "changeType": "ADDED"},
    ]
    again = client.query("query($id:ID!){node(id:$id){...on PullRequest{number}}}", id=pull["id"])
    assert inside(again, "data", "node") == {"number": 7}


def test_releases_and_their_assets_are_listed(serve: Serve) -> None:
    client = serve(
        {"tag": "v1", "assets": {"a": "1"}}, {"commit": "A"}, {"tag": "v2"}, {"release": "v3", "draft": True}
    )
    wanted = "tagName isDraft isLatest tagCommit{messageHeadline} tag{name} releaseAssets(first:5){nodes{name size}}"
    found = client.data(
        f"releases(first:5,orderBy:{{field:CREATED_AT,direction:ASC}}){{nodes{{{wanted}}}}}"
        ' release(tagName:"v1"){name}'
        ' latestRelease{tagName} none:release(tagName:"v3"){name}'
    )

    assert [(one["tagName"], one["isDraft"], one["isLatest"]) for one in nodes(found, "releases")] == [
        ("v1", False, False),
        ("v2", False, True),
        ("v3", True, False),
    ]
    assert nodes(nodes(found, "releases")[0], "releaseAssets") == [{"name": "a", "size": 1}]
    assert (found["release"], found["latestRelease"], found["none"]) == ({"name": "v1"}, {"tagName": "v2"}, None)


def test_deployments_are_read_with_their_statuses_in_one_query(serve: Serve) -> None:
    statuses = [{"state": "in_progress", "description": "baking:"}, {"state": "success", "description": "healthy:"}]
    client = serve(
        {"deployment": "production", "payload": {"schema": 1}, "statuses": statuses},
        {"deployment": "staging"},
        {"status": "tested"},
    )
    found = client.data(
        'deployments(environments:["production"],first:5,orderBy:{field:CREATED_AT,direction:DESC}){nodes{'
        "databaseId state task environment payload commitOid createdAt creator{login} latestStatus{state}"
        " commit{status{state contexts{context}}} ref{name}"
        " statuses(first:5){nodes{state description createdAt logUrl environmentUrl}}}}"
    )

    (deployment,) = nodes(found, "deployments")
    assert deployment["payload"] == '{"schema":1}'
    assert (deployment["state"], deployment["latestStatus"]) == ("ACTIVE", {"state": "SUCCESS"})
    assert [status["description"] for status in nodes(deployment, "statuses")] == ["healthy:", "baking:"]
    assert inside(deployment, "commit", "status")["contexts"] == [{"context": "tested"}]


def test_refs_tags_and_files_are_read(serve: Serve) -> None:
    client = serve({"tag": "v1"}, {"commit": "A"}, {"tag": "v2", "annotated": False}, files={"f": "text"})
    found = client.data(
        'refs(refPrefix:"refs/tags/",first:5,orderBy:{field:TAG_COMMIT_DATE,direction:DESC})'
        "{nodes{name target{oid __typename"
        " ...on Tag{message tagger{name} target{__typename}}}}}"
        ' file:object(expression:"v1:f"){...on Blob{text byteSize isBinary}} defaultBranchRef{name prefix}'
        ' none:object(expression:"nowhere"){oid}'
        ' ref(qualifiedName:"refs/tags/v1"){compare(headRef:"main"){aheadBy status'
        " commits(first:5){nodes{message}}}}"
    )

    assert [ref["name"] for ref in nodes(found, "refs")] == ["v2", "v1"]
    assert [inside(ref, "target")["__typename"] for ref in nodes(found, "refs")] == ["Commit", "Tag"]
    assert found["file"] == {"text": "text", "byteSize": 4, "isBinary": False}
    assert found["none"] is None
    assert inside(found, "ref", "compare")["aheadBy"] == 1
    assert nodes(found, "ref", "compare", "commits") == [{"message": "A"}]


def test_issues_are_found_by_label_and_by_search(serve: Serve) -> None:
    client = serve(
        {"issue": "Halt", "labels": ["release-halt"], "comments": [{"body": "why"}]},
        {"issue": "Other"},
        {"pull": 3, "title": "A", "author": "ada"},
    )
    found = client.data(
        'issues(labels:["release-halt"],states:[OPEN],first:5)'
        "{nodes{number title state comments(first:5){nodes{body}}}}"
        ' label(name:"release-halt"){name color} labels(first:5){totalCount} issue(number:2){title}'
    )
    answer = client.query(
        'query{search(query:"repo:acme/shop is:pr is:merged author:ada",type:ISSUE,first:1)'
        "{issueCount nodes{...on PullRequest{number} ...on Issue{title}}} viewer{login}}"
    )

    assert [issue["title"] for issue in nodes(found, "issues")] == ["Halt"]
    assert inside(answer, "data", "search") == {"issueCount": 1, "nodes": [{"number": 3}]}
    assert inside(answer, "data", "viewer") == {"login": "github-actions[bot]"}


def test_an_issue_tells_whether_it_is_the_callers_own(serve: Serve) -> None:
    client = serve(
        {"issue": "Ours", "author": "github-actions[bot]", "author_type": "Bot"},
        {"issue": "Namesake", "author": "github-actions"},
    )

    found = nodes(client.data("issues(first:5){nodes{title viewerDidAuthor}}"), "issues")
    assert found == [{"title": "Ours", "viewerDidAuthor": True}, {"title": "Namesake", "viewerDidAuthor": False}]


def test_the_merge_queue_holds_what_waits_in_order(serve: Serve) -> None:
    client = serve(
        {"pull": 1, "title": "A", "state": "open", "queued": True, "files": {"a": "1"}},
        {"pull": 2, "title": "B", "state": "open", "queued": True, "files": {"b": "1"}},
    )
    entry = "position pullRequest{number} headCommit{message parents(first:1){nodes{message}}}"
    queue = f'mergeQueue(branch:"main"){{entries(first:5){{nodes{{{entry}}}}}}}'
    found = nodes(client.data(queue), "mergeQueue", "entries")

    assert [(one["position"], one["pullRequest"]) for one in found] == [(1, {"number": 1}), (2, {"number": 2})]
    assert nodes(found[1], "headCommit", "parents") == [{"message": "A (#1)"}]
    assert serve().data("mergeQueue{id}")["mergeQueue"] is None


# refusals


@pytest.mark.parametrize(
    "field,kind",
    [
        ("pullRequests{nodes{number}}", "MISSING_PAGINATION_BOUNDARIES"),
        ("pullRequests(first:101){totalCount}", "EXCESSIVE_PAGINATION"),
        (
            (
                "pullRequests(first:100){nodes{labels(first:100){nodes{name}} commits(first:100){nodes{commit{"
                "associatedPullRequests(first:100){totalCount}}}}}}"
            ),
            "MAX_NODE_LIMIT_EXCEEDED",
        ),
    ],
)
def test_a_query_that_asks_for_too_much_is_refused(serve: Serve, field: str, kind: str) -> None:
    answer = serve().query(f'{{repository(owner:"acme",name:"shop"){{{field}}}}}')

    assert refusal(answer)["type"] == kind
    assert "data" not in answer


def test_bounds_are_found_in_fragments_and_variables(serve: Serve) -> None:
    fragment = "fragment All on Repository{labels(first:$n){totalCount}}"
    text = f'query($n:Int!){{repository(owner:"acme",name:"shop"){{...All}}}} {fragment}'

    assert refusal(serve().query(text, n=200))["type"] == "EXCESSIVE_PAGINATION"
    assert inside(serve().query(text, n=1), "data", "repository", "labels") == {"totalCount": 0}


def test_what_is_missing_is_null_beside_what_is_there(serve: Serve) -> None:
    answer = serve().query('{repository(owner:"acme",name:"shop"){name pullRequest(number:9){title}} viewer{login}}')

    assert inside(answer, "data", "repository") == {"name": "shop", "pullRequest": None}
    assert refusal(answer)["type"] == "NOT_FOUND"
    assert refusal(answer)["path"] == ["repository", "pullRequest"]
    assert refusal(answer)["message"] == "Could not resolve to a PullRequest with the number of 9."


def test_another_repository_cannot_be_resolved(serve: Serve) -> None:
    answer = serve().query('{repository(owner:"acme",name:"other"){name}}')

    assert answer["data"] == {"repository": None}
    assert refusal(answer)["message"] == "Could not resolve to a Repository with the name 'acme/other'."


def test_a_field_that_github_does_not_have_is_refused(serve: Serve) -> None:
    assert "Cannot query field 'titel'" in str(refusal(serve().query("{titel}"))["message"])
    assert "Syntax Error" in str(refusal(serve().query("{"))["message"])


def test_a_token_without_the_right_gets_nothing(serve: Serve) -> None:
    client = serve({"rights": {"pull-requests": "none"}})
    answer = client.query('{repository(owner:"acme",name:"shop"){pullRequests(first:1){totalCount}}}')

    assert refusal(answer)["type"] == "FORBIDDEN"
    anybody = Client(client.box, None)
    assert anybody.session.post(client.box.graphql_url, json={"query": "{viewer{login}}"}, timeout=9).status_code == 401


def test_a_query_for_many_commits_is_one_request_to_the_late_index(serve: Serve) -> None:
    client = serve(
        {"lag": {"associations": 1}},
        {"pull": 1, "title": "A", "merge": "rebase", "commits": [{"message": "a"}, {"message": "b"}]},
    )
    part = "...on Commit{associatedPullRequests(first:5){totalCount}}"
    asked = f'a:object(expression:"main~1"){{{part}}} b:object(expression:"main"){{{part}}}'
    counts = [
        [inside(one, "associatedPullRequests")["totalCount"] for one in client.data(asked).values()] for _ in range(2)
    ]

    assert counts == [[0, 0], [1, 1]]


def test_how_many_there_are_is_told_without_bounds(serve: Serve) -> None:
    client = serve({"pull": 1, "title": "A"}, {"issue": "B", "number": 2, "labels": ["slow"]})

    found = client.data("pullRequests{totalCount} either: issueOrPullRequest(number: 2){... on Issue{title}}")
    assert found == {"pullRequests": {"totalCount": 1}, "either": {"title": "B"}}
    filtered = client.data('issues(first: 9, filterBy: {labels: ["fast"]}){totalCount}')
    assert filtered == {"issues": {"totalCount": 0}}
