"""Git talks to the sandbox as it talks to GitHub: anybody clones, the token pushes as far as its rights go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.github_sandbox.client import fails, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github_sandbox.conftest import Clone, Serve

WORKFLOW = ".github/workflows/ci.yml"


def commit(place: Path, name: str, text: str) -> None:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", f"Write {name}")


def test_a_push_with_the_token_is_seen_by_the_interface(serve: Serve, clone: Clone) -> None:
    client = serve()
    place = clone(client)
    commit(place, "a", "1")
    git(place, "push", "--quiet", "origin", "HEAD:main", "HEAD:next")

    assert client.get("commits/main")["sha"] == git(place, "rev-parse", "HEAD")
    assert {branch["name"] for branch in client.many("branches")} == {"main", "next"}


def test_a_large_push_arrives(serve: Serve, clone: Clone) -> None:
    client = serve()
    place = clone(client)
    commit(place, "big", "".join(str(n * 7919 % 104729) for n in range(600_000)))
    git(place, "-c", "core.compression=0", "push", "--quiet", "origin", "HEAD:main")

    assert client.get("commits/main")["sha"] == git(place, "rev-parse", "HEAD")


def test_without_a_token_one_can_clone_and_not_push(serve: Serve, clone: Clone) -> None:
    client = serve()
    place = clone(client)
    git(place, "remote", "set-url", "origin", client.box.clone_url)
    git(place, "fetch", "--quiet")

    assert "could not read Username" in fails(place, "push", "origin", "HEAD:next")


def test_a_private_repository_is_cloned_with_the_token_only(serve: Serve, clone: Clone, tmp_path: Path) -> None:
    client = serve(private=True)

    clone(client)
    assert "could not read Username" in fails(tmp_path, "clone", client.box.clone_url, "other")


def test_a_token_that_may_only_read_cannot_push(serve: Serve, clone: Clone) -> None:
    place = clone(serve({"rights": {"contents": "read"}}))

    assert "403" in fails(place, "push", "origin", "HEAD:next")


def test_a_shallow_and_partial_clone_can_be_deepened(serve: Serve, clone: Clone) -> None:
    place = clone(serve({"commit": "A"}, {"commit": "B"}), "--depth=1", "--filter=blob:none")

    assert git(place, "rev-list", "--count", "HEAD") == "1"
    git(place, "fetch", "--quiet", "--unshallow")
    assert git(place, "rev-list", "--count", "HEAD") == "3"


def test_any_commit_can_be_fetched_by_its_hash(serve: Serve, clone: Clone) -> None:
    client = serve({"pull": 1, "title": "A", "files": {"a": "1"}, "fork": True, "state": "open"})
    sha = str(client.many("pulls/1/commits")[0]["sha"])
    place = clone(client)
    git(place, "fetch", "--quiet", "origin", sha)

    assert git(place, "rev-parse", "FETCH_HEAD") == sha


def test_a_long_question_which_git_compresses_is_understood(serve: Serve, clone: Clone) -> None:
    history: list[dict[str, object]] = [{"commit": f"C{number}"} for number in range(40)]
    client = serve(*history)
    shas = [str(one["sha"]) for one in client.many("commits?per_page=100")]
    place = clone(client, "--depth=1")

    git(place, "fetch", "--quiet", "--depth=1", "origin", *shas)

    assert git(place, "cat-file", "-t", shas[-1]) == "commit"


def test_a_protected_branch_refuses_a_push(serve: Serve, clone: Clone) -> None:
    client = serve({"branch": "cloud", "from": "main"}, {"protect": "cloud"})
    place = clone(client)
    commit(place, "a", "1")

    assert "GH006: Protected branch update failed for refs/heads/cloud." in fails(place, "push", "origin", "HEAD:cloud")
    git(place, "push", "--quiet", "origin", "HEAD:main")


def test_the_name_of_a_burned_tag_refuses_a_push(serve: Serve, clone: Clone) -> None:
    place = clone(serve({"burned": "v1.0.0"}))
    git(place, "tag", "v1.0.0")

    assert "GH013" in fails(place, "push", "origin", "v1.0.0")


def test_new_workflow_files_take_a_right_of_their_own(serve: Serve, clone: Clone) -> None:
    place = clone(serve(files={WORKFLOW: "old"}))
    git(place, "push", "--quiet", "origin", "HEAD:same")
    commit(place, WORKFLOW, "new")

    assert f"create or update workflow `{WORKFLOW}` without" in fails(place, "push", "origin", "HEAD:next")
    allowed = clone(serve({"rights": {"workflows": True}}, files={WORKFLOW: "old"}))
    commit(allowed, WORKFLOW, "new")
    git(allowed, "push", "--quiet", "origin", "HEAD:next")


def test_workflow_files_that_another_branch_has_can_be_pushed(serve: Serve, clone: Clone) -> None:
    history: dict[str, object] = {"branch": "next", "from": "main", "commit": "Workflow", "files": {WORKFLOW: "new"}}
    place = clone(serve(history, files={WORKFLOW: "old"}))

    git(place, "push", "--quiet", "origin", "origin/next:refs/heads/cloud")


def test_a_push_to_its_branch_updates_a_pull_request(serve: Serve, clone: Clone) -> None:
    client = serve({"pull": 1, "title": "A", "state": "open", "files": {"a": "1"}})
    place = clone(client)
    git(place, "switch", "--quiet", "pull-1")
    commit(place, "b", "2")
    git(place, "push", "--quiet", "origin", "pull-1")

    assert client.get("pulls/1")["commits"] == 2
    git(place, "push", "--quiet", "origin", "pull-1:main")
    assert client.get("pulls/1")["merged"] is True


def test_taking_its_branch_away_closes_a_pull_request(serve: Serve, clone: Clone) -> None:
    client = serve({"pull": 1, "title": "A", "state": "open", "files": {"a": "1"}})
    git(clone(client), "push", "--quiet", "origin", ":pull-1")

    found = client.get("pulls/1")
    assert (found["state"], found["merged"]) == ("closed", False)


def test_a_release_whose_tag_was_deleted_is_a_draft_again(serve: Serve, clone: Clone) -> None:
    client = serve({"tag": "v1"})
    git(clone(client), "push", "--quiet", "origin", ":v1")

    assert client.many("releases")[0]["draft"] is True
