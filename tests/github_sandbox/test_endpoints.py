"""Every endpoint answers as GitHub describes it; the client checks both sides of each request."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.github_sandbox.client import Client
    from tests.github_sandbox.conftest import Serve

HISTORY: list[dict[str, object]] = [
    {"tag": "v1.0.0", "assets": {"shop.txt": "one"}, "body": "First"},
    {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "s"}},
    {"pull": 2, "title": "Open", "body": "b", "author": "eve", "state": "open", "files": {"x": "y"}},
    {"pull": 3, "title": "From a fork", "author": "zoe", "fork": True, "merge": "merge", "files": {"f": "1"}},
    {"pull": 4, "title": "Ghost", "author": None, "state": "closed", "fork": True, "files": {"g": "1"}},
    {"issue": "Halt", "labels": ["release-halt"], "assignees": ["ada"], "comments": [{"body": "why"}]},
    {"deployment": "production", "statuses": [{"state": "success", "description": "healthy:"}]},
    {"status": "release-tool/tested", "description": "fine"},
    {"run": 77, "status": "in_progress", "jobs": [{"id": 501, "runner_name": "r1", "status": "in_progress"}]},
    {"release": "v1.1.0", "draft": True},
    {"branch": "cloud", "from": "v1.0.0", "commit": "Settings", "files": {"fly.toml": "x"}},
    {"environment": "production", "reviewers": ["ada"], "wait_timer": 5, "branches": ["main"], "secrets": ["SSH_KEY"]},
    {"environment": "staging", "protected_only": True},
    {"ruleset": "Checks", "checks": ["checks", "policy"], "rules": ["deletion"]},
    {"ruleset": "Tags", "target": "tag", "include": ["refs/tags/v*"], "rules": ["deletion"]},
    {"actions": "enabled", "allowed": "selected", "states": {".github/workflows/release.yml": "disabled_manually"}},
    {"rights": {"administration": "read", "environments": "read", "secrets": "read"}},
]

READS = [
    "",
    "/rate_limit",
    "/users/ada",
    "/search/issues?q=repo:acme/shop+is:pr+is:merged+author:ada",
    "/search/issues?q=is:issue+label:release-halt+halt",
    "actions/jobs/501",
    "actions/permissions",
    "actions/permissions/workflow",
    "actions/runs",
    "actions/secrets",
    "actions/runs/77",
    "actions/runs/77/attempts/1",
    "actions/runs/77/attempts/1/jobs",
    "actions/runs/77/jobs",
    "actions/workflows",
    "actions/workflows/release.yml",
    "actions/workflows/release.yml/runs?status=in_progress",
    "branches",
    "branches/cloud",
    "collaborators/maintainer/permission",
    "commits?sha=cloud&per_page=1",
    "commits/main",
    "commits/main/pulls",
    "commits/main/status",
    "commits/main/statuses",
    "compare/v1.0.0...main",
    "compare/main...cloud?per_page=1&page=1",
    "contents/README.md?ref=v1.0.0",
    "deployments?environment=production&task=release-tool",
    "environments",
    "environments/production/deployment-branch-policies",
    "environments/production/secrets",
    "git/matching-refs/tags/v1",
    "git/ref/heads/main",
    "issues?state=all&labels=feature&creator=ada&sort=updated&direction=asc",
    "issues/1",
    "issues/5",
    "issues/5/comments",
    "issues/5/labels",
    "labels",
    "labels/feature",
    "pulls?state=all&sort=updated&direction=desc&base=main",
    "pulls/1",
    "pulls/2",
    "pulls/3",
    "pulls/3/commits",
    "pulls/3/files",
    "pulls/4",
    "releases",
    "releases/latest",
    "releases/tags/v1.0.0",
    "rules/branches/main",
    "rulesets",
    "rulesets/101",
    "rulesets/102?includes_parents=true",
    "tags",
]


@pytest.fixture
def client(serve: Serve) -> Client:
    return serve(*HISTORY, files={"README.md": "hello", ".github/workflows/release.yml": "on: push"})


def test_everything_can_be_read(client: Client) -> None:
    answers = {path: client.ask("GET", path).status_code for path in READS}

    assert {path: status for path, status in answers.items() if status != 200} == {}


def test_what_a_list_shows_can_be_asked_for_by_its_own_address(client: Client) -> None:
    for path in ("releases", "pulls?state=all", "issues?state=all", "deployments", "actions/runs"):
        found: object = client.ask("GET", path).json()
        items = found["workflow_runs"] if isinstance(found, dict) else found
        assert isinstance(items, list)
        assert items
        for item in items:
            assert client.get(str(item["url"]))["id"] == item["id"]


def test_a_release_is_made_filled_published_and_taken_away(client: Client) -> None:
    main = client.get("branches/main")["commit"]
    assert isinstance(main, dict)
    made = client.post("git/tags", {"tag": "v2.0.0", "message": "v2.0.0\n", "object": main["sha"], "type": "commit"})
    assert client.get(f"git/tags/{made['sha']}") == made
    client.post("git/refs", {"ref": "refs/tags/v2.0.0", "sha": made["sha"]})
    release = client.post("releases", {"tag_name": "v2.0.0", "name": "Two", "draft": True})
    asset = client.upload(release, "shop 1.tar.gz", b"bytes").json()
    client.patch(f"releases/assets/{asset['id']}", {"label": "Archive"})
    published = client.patch(f"releases/{release['id']}", {"tag_name": "v2.0.0", "draft": False})

    assert asset["name"] == "shop.1.tar.gz"
    assert asset["digest"] == f"sha256:{hashlib.sha256(b'bytes').hexdigest()}"
    assert published["draft"] is False
    assert client.get("releases/latest")["id"] == release["id"]
    assert client.session.get(asset["browser_download_url"], timeout=20).content == b"bytes"
    assert client.ask("DELETE", f"releases/assets/{asset['id']}").status_code == 204
    assert client.ask("DELETE", f"releases/{release['id']}").status_code == 204
    assert client.ask("DELETE", "git/refs/tags/v2.0.0").status_code == 204
    assert client.ask("GET", "git/ref/tags/v2.0.0").status_code == 404


def test_the_bytes_of_an_asset_are_a_redirect_away(client: Client) -> None:
    assets = client.get("releases/tags/v1.0.0")["assets"]
    assert isinstance(assets, list)
    sent = client.ask("GET", assets[0]["url"], headers={"Accept": "application/octet-stream"})

    assert sent.status_code == 302
    assert client.session.get(sent.headers["Location"], timeout=20).content == b"one"
    assert client.session.get(assets[0]["browser_download_url"], timeout=20).content == b"one"


def test_a_pull_request_is_opened_changed_and_merged(client: Client) -> None:
    opened = client.post("pulls", {"title": "Sync", "head": "cloud", "base": "main", "body": "b"})
    number = opened["number"]
    client.patch(f"pulls/{number}", {"title": "Sync cloud"})
    assert client.ask("POST", f"issues/{number}/labels", {"labels": ["sync"]}).status_code == 200
    assert client.ask("GET", f"pulls/{number}/merge").status_code == 404
    done = client.ask("PUT", f"pulls/{number}/merge", {"merge_method": "squash"}).json()

    assert done["merged"] is True
    assert client.ask("GET", f"pulls/{number}/merge").status_code == 204
    commit = client.get("commits/main")
    inner = commit["commit"]
    assert isinstance(inner, dict)
    assert commit["sha"] == done["sha"]
    assert inner["message"] == f"Sync cloud (#{number})"
    assert [pull["number"] for pull in client.many(f"commits/{done['sha']}/pulls")] == [number]


@pytest.mark.parametrize("method", ["merge", "rebase"])
def test_a_pull_request_can_be_merged_in_other_ways(client: Client, method: str) -> None:
    done = client.ask("PUT", "pulls/2/merge", {"merge_method": method}).json()

    assert client.get("pulls/2")["merge_commit_sha"] == done["sha"]
    assert client.many("commits")[0]["sha"] == done["sha"]


def test_an_issue_is_opened_talked_about_and_closed(client: Client) -> None:
    issue = client.post("issues", {"title": "Halt", "body": "b", "labels": ["release-halt"], "assignees": ["ada"]})
    number = issue["number"]
    comment = client.post(f"issues/{number}/comments", {"body": "first"})
    changed = client.patch(f"issues/comments/{comment['id']}", {"body": "second"})
    client.post(f"issues/{number}/assignees", {"assignees": ["bob"]})
    assert client.ask("PUT", f"issues/{number}/labels", {"labels": ["x", "y"]}).status_code == 200
    assert client.ask("DELETE", f"issues/{number}/labels/x").status_code == 200
    assert client.ask("DELETE", f"issues/{number}/labels").status_code == 204
    closed = client.patch(f"issues/{number}", {"state": "closed", "state_reason": "not_planned"})

    assert client.get(f"issues/comments/{comment['id']}")["body"] == changed["body"] == "second"
    assert closed["state"] == "closed"
    assert closed["labels"] == []
    assert client.patch(f"issues/{number}", {"state": "open"})["closed_at"] is None
    assert client.ask("DELETE", f"issues/comments/{comment['id']}").status_code == 204
    assert client.many(f"issues/{number}/comments") == []


def test_labels_are_made_renamed_and_taken_away(client: Client) -> None:
    client.post("labels", {"name": "minor", "color": "00ff00", "description": "d"})
    assert client.ask("POST", "issues/1/labels", {"labels": ["minor"]}).status_code == 200
    client.patch("labels/minor", {"new_name": "feature-2"})
    worn = {label["name"] for label in client.many("issues/1/labels")}

    assert worn == {"feature", "feature-2"}
    assert client.ask("DELETE", "labels/feature-2").status_code == 204
    assert {label["name"] for label in client.many("issues/1/labels")} == {"feature"}


def test_a_deployment_gets_its_statuses(client: Client) -> None:
    asked = {"ref": "main", "auto_merge": False, "required_contexts": [], "payload": {"schema": 1}}
    made = client.post("deployments", asked)
    status = client.post(f"deployments/{made['id']}/statuses", {"state": "success", "description": "healthy:"})

    assert made["payload"] == {"schema": 1}
    assert client.many(f"deployments/{made['id']}/statuses") == [status]
    assert client.get(f"deployments/{made['id']}/statuses/{status['id']}") == status
    assert client.ask("DELETE", f"deployments/{made['id']}").status_code == 422
    client.post(f"deployments/{made['id']}/statuses", {"state": "inactive"})
    assert client.ask("DELETE", f"deployments/{made['id']}").status_code == 204


def test_a_branch_is_made_merged_into_moved_and_taken_away(client: Client) -> None:
    main = client.get("git/ref/heads/main")["object"]
    cloud = client.get("git/ref/heads/cloud")["object"]
    assert isinstance(main, dict)
    assert isinstance(cloud, dict)
    client.post("git/refs", {"ref": "refs/heads/next", "sha": cloud["sha"]})
    merged = client.post("merges", {"base": "next", "head": main["sha"], "commit_message": "Carry main"})
    moved = client.patch("git/refs/heads/cloud", {"sha": merged["sha"]})

    assert client.ask("POST", "merges", {"base": "next", "head": "main"}).status_code == 204
    assert moved["object"] == client.get("git/ref/heads/next")["object"]
    assert client.get(f"git/commits/{merged['sha']}")["message"] == "Carry main"
    assert client.ask("DELETE", "git/refs/heads/next").status_code == 204


def test_a_commit_gets_a_status(client: Client) -> None:
    sha = client.get("commits/main")["sha"]
    client.post(f"statuses/{sha}", {"state": "failure", "context": "build", "description": "d"})

    assert client.get("commits/main/status")["state"] == "failure"
    client.post(f"statuses/{sha}", {"state": "success", "context": "build"})
    combined = client.get("commits/main/status")
    assert combined["state"] == "success"
    assert combined["total_count"] == 2


def test_notes_are_written_by_the_stand_in_too(client: Client) -> None:
    notes = client.post("releases/generate-notes", {"tag_name": "v3", "target_commitish": "main"}, 200)

    assert "* Add search by @ada in " in str(notes["body"])
