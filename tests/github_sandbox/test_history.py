"""The repository that a scenario makes is what GitHub would have left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_sandbox.history import ConflictError, merged
from tests.github_sandbox.client import git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github_sandbox.conftest import Clone, Serve

ADD: dict[str, object] = {"pull": 1, "title": "Add search", "author": "ada", "files": {"search.py": "one\n"}}


SAME = {
    "git/ref/heads/main": "bb6963703a37f7294a1aa9d63a45d906059a3356",
    "git/ref/tags/v1": "eb4b2687cbcd33e6c328ff530195268b3b841c47",
}
"""Hashes that a change of the sandbox would break, with every scenario that somebody keeps."""


def log(place: Path, *options: str) -> list[str]:
    return git(place, "log", "--first-parent", "--format=%s", *options).splitlines()


def test_the_same_scenario_makes_the_same_hashes_whoever_builds_it(serve: Serve) -> None:
    one, other = serve({"tag": "v1"}, ADD), serve({"tag": "v1"}, ADD)

    for path in ("git/ref/heads/main", "git/ref/tags/v1"):
        hashes = [client.get(path)["object"] for client in (one, other)]
        assert [value["sha"] for value in hashes if isinstance(value, dict)] == [SAME[path]] * 2


def test_a_squashed_pull_request_is_one_commit_of_its_author(serve: Serve, clone: Clone) -> None:
    place = clone(serve(ADD | {"co_authors": ["Bob <bob@example.com>"]}))

    assert log(place) == ["Add search (#1)", "Initial commit"]
    assert git(place, "show", "-s", "--format=%an %cn %aI") == "ada GitHub 2026-01-05T09:00:01+00:00"
    assert git(place, "show", "-s", "--format=%(trailers:key=Co-authored-by,valueonly)") == "Bob <bob@example.com>"


def test_a_merged_pull_request_is_a_merge_commit_that_names_it(serve: Serve, clone: Clone) -> None:
    place = clone(serve(ADD | {"merge": "merge", "branch": "search"}, {"commit": "Direct"}))

    assert log(place)[1] == "Merge pull request #1 from acme/search"
    assert git(place, "show", "-s", "--format=%b", "HEAD~1") == "Add search"
    assert git(place, "show", "HEAD:search.py") == "one"


def test_a_rebased_pull_request_is_its_commits_again_and_the_last_one_is_its_merge(serve: Serve, clone: Clone) -> None:
    commits = [{"message": "a", "files": {"f": "1"}}, {"message": "b", "files": {"f": "2"}}]
    client = serve({"commit": "Direct"}, {"pull": 2, "title": "Two", "merge": "rebase", "commits": commits})
    place = clone(client)

    assert log(place) == ["b", "a", "Direct", "Initial commit"]
    assert client.get("pulls/2")["merge_commit_sha"] == git(place, "rev-parse", "HEAD")
    heads = {commit["sha"] for commit in client.many("pulls/2/commits")}
    assert heads.isdisjoint(git(place, "rev-list", "HEAD").split())


def test_a_title_edited_after_the_merge_leaves_the_commit_as_it_was(serve: Serve, clone: Clone) -> None:
    client = serve(ADD | {"title_now": "feat!: Add search"})

    assert client.get("pulls/1")["title"] == "feat!: Add search"
    assert log(clone(client))[0] == "Add search (#1)"


def test_a_revert_takes_back_exactly_what_was_changed(serve: Serve, clone: Clone) -> None:
    client = serve(ADD, {"commit": "Other", "files": {"other.py": "x"}}, {"revert": 1})
    place = clone(client)

    assert log(place)[0] == 'Revert "Add search" (#2)'
    assert client.get("pulls/2")["body"] == "Reverts acme/shop#1"
    assert git(place, "ls-tree", "--name-only", "HEAD") == "other.py"
    patches = [git(place, "diff", *ends) for ends in (("HEAD~2", "HEAD~3"), ("HEAD~1", "HEAD"))]
    assert patches[0] == patches[1]


def test_a_revert_of_a_revert_brings_it_back(serve: Serve, clone: Clone) -> None:
    place = clone(serve(ADD, {"revert": 1}, {"revert": 2}))

    assert log(place)[0] == 'Revert "Revert "Add search"" (#3)'
    assert git(place, "show", "HEAD:search.py") == "one"


def test_a_branch_that_main_was_merged_into_is_merged_without_mains_commits(serve: Serve, clone: Clone) -> None:
    client = serve(
        {"branch": "topic", "commit": "Topic", "files": {"t": "1"}},
        {"commit": "Direct", "files": {"d": "1"}},
        {"merge-branch": "main", "into": "topic"},
        {"pull": 1, "title": "Topic", "branch": "topic", "merge": "merge"},
    )
    place = clone(client)

    assert log(place) == ["Merge pull request #1 from acme/topic", "Direct", "Initial commit"]
    own = [commit["commit"] for commit in client.many("pulls/1/commits")]
    assert [part["message"] for part in own if isinstance(part, dict)] == ["Topic", "Merge branch 'main' into topic"]
    assert git(place, "ls-tree", "--name-only", "HEAD").split() == ["d", "t"]


def test_a_pull_request_can_have_another_base(serve: Serve, clone: Clone) -> None:
    place = clone(serve({"branch": "1.x", "from": "main"}, ADD | {"base": "1.x"}))

    assert log(place) == ["Initial commit"]
    assert log(place, "origin/1.x")[0] == "Add search (#1)"


def test_the_head_of_a_fork_is_a_ref_of_the_pull_request_only(serve: Serve, clone: Clone) -> None:
    client = serve(ADD | {"fork": True, "state": "open"})
    place = clone(client)

    assert git(place, "branch", "-r", "--format=%(refname:short)").split() == ["origin/HEAD", "origin/main"]
    git(place, "fetch", "--quiet", "origin", "refs/pull/1/head")
    assert git(place, "log", "-1", "--format=%an", "FETCH_HEAD") == "ada"
    head = client.get("pulls/1")["head"]
    assert isinstance(head, dict)
    assert head["label"] == "ada:pull-1"


def test_tags_are_annotated_or_not_and_claimed_ones_name_their_owner(serve: Serve, clone: Clone) -> None:
    place = clone(
        serve(
            {"tag": "v1.0.0"},
            {"tag": "v1.1.0", "annotated": False, "release": False},
            {"tag": "v1.2.0", "claimed": True, "owner": {"run": 77, "attempt": 2, "job": 501}},
        )
    )

    kinds = [git(place, "cat-file", "-t", tag) for tag in ("v1.0.0", "v1.1.0", "v1.2.0")]
    assert kinds == ["tag", "commit", "tag"]
    trailer = git(place, "tag", "-l", "--format=%(contents:trailers)", "v1.2.0")
    assert trailer == "Release-Tool-Owner: run=77 attempt=2 job=501"


def test_only_a_plain_tag_has_a_release(serve: Serve) -> None:
    client = serve(
        {"tag": "v1"},
        {"tag": "v2", "claimed": True},
        {"tag": "v3", "release": False},
        {"tag": "v4", "claimed": True, "draft": True},
    )

    found = {release["tag_name"]: release["draft"] for release in client.many("releases")}
    assert found == {"v1": False, "v4": True}


def test_a_thousand_pull_requests_are_built_and_listed(serve: Serve) -> None:
    client = serve(*({"pull": n, "title": f"Change {n}", "files": {f"f{n}": "x"}} for n in range(1, 1001)))

    assert len(client.box.github.store.pulls) == 1000
    assert client.get("pulls/1000")["title"] == "Change 1000"


def test_a_file_can_be_removed_and_an_executable_is_one(serve: Serve, clone: Clone) -> None:
    place = clone(serve({"commit": "A", "files": {"a b": None, "run.sh": "#!/bin/sh\n"}}, files={"a b": "1", "é": "2"}))

    listed = git(place, "-c", "core.quotePath=false", "ls-tree", "--format=%(objectmode) %(path)", "HEAD")
    assert listed.splitlines() == ["100755 run.sh", "100644 é"]


LINES = st.lists(st.sampled_from("abcdefgh"), max_size=8).map(lambda lines: "".join(f"{one}\n" for one in lines))


@given(base=LINES, changed=LINES)
def test_what_one_side_left_alone_is_taken_from_the_other(base: str, changed: str) -> None:
    assert merged("f", base, base, changed) == changed
    assert merged("f", base, changed, base) == changed
    assert merged("f", base, changed, changed) == changed


def test_lines_changed_far_apart_are_merged_and_the_same_line_is_a_conflict() -> None:
    assert merged("f", "a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n") == "A\nb\nc\nD\n"
    with pytest.raises(ConflictError):
        merged("f", "a\n", "b\n", "c\n")
    with pytest.raises(ConflictError):
        merged("f", "a\n", None, "c\n")
