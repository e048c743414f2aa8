"""Other people's clients of GitHub do their ordinary round trips against the stand-in, and notice nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import github
import graphql
import pytest

from tests.github_sandbox.client import git
from tests.github_sandbox.contract import prune_graphql, prune_openapi

if TYPE_CHECKING:
    from github_sandbox import Sandbox
    from tests.github_sandbox.client import Client
    from tests.github_sandbox.conftest import Clone, Serve

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUILT = ROOT / "build" / "clients"
REQUIRED = bool(os.environ.get("CLIENTS_REQUIRED"))
"""Whether somebody counts on these tests, so that a missing client fails them."""
MISSING = "other people's clients are not installed, so none is tried: `make clients` installs them where Node 20 is"

BY_HAND = "on: {workflow_dispatch: {inputs: {level: {type: string}}}}"
HISTORY: list[dict[str, object]] = [
    {"tag": "v1.0.0"},
    {"issue": "It is slow", "number": 1},
    {"pull": 2, "title": "feat: add search", "body": "Closes #1", "author": "ada", "files": {"search.py": "1"}},
]


@pytest.fixture
def clients() -> Path:
    """Where the clients are installed; without them the test is skipped, or fails where somebody counts on it."""
    if shutil.which("node") and (BUILT / ".ready").exists():
        return BUILT
    if REQUIRED:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.fixture
def client(serve: Serve) -> Client:
    return serve(*HISTORY, files={"README.md": "hello", ".github/workflows/release.yml": BY_HAND})


def node(box: Sandbox, cwd: Path, *argv: str, text: str = "") -> str:
    """What a program of Node prints about the sandbox; it must succeed."""
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    told = {"GITHUB_API_URL": box.api_url, "GITHUB_REPOSITORY": box.repository, "GITHUB_TOKEN": box.token}
    done = subprocess.run(
        ["node", *argv], cwd=cwd, env=ours | told, input=text, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_octokit_makes_a_release_and_all_around_it(clients: Path, client: Client) -> None:
    script = (HERE / "clients" / "octokit.js").read_text(encoding="utf-8")

    assert json.loads(node(client.box, clients, "--input-type=module", text=script)) == {
        "again": [422, "Reference already exists"],
        "asset": "shop.2.txt",
        "bytes": "hello",
        "comment": 201,
        "latest": "v2.0.0",
        "merged": [2],
        "published": ["v2.0.0", False],
        "refused": [422, 'Unexpected inputs provided: ["lvl"]'],
        "releases": ["v2.0.0", "v1.0.0"],
        "started": 204,
        "status": "success",
    }


def test_semantic_release_releases_and_tells_everybody(clients: Path, client: Client, clone: Clone) -> None:
    place = clone(client)
    (place / "dist").mkdir()
    (place / "dist" / "shop 1.txt").write_text("hello")
    plugins: list[object] = ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator"]
    publisher = ["@semantic-release/github", {"githubApiUrl": client.box.api_url, "assets": ["dist/*"]}]
    settings = {"branches": ["main"], "repositoryUrl": client.box.push_url, "plugins": [*plugins, publisher]}
    (place / ".releaserc.json").write_text(json.dumps(settings))

    said = node(client.box, place, str(clients / "node_modules/semantic-release/bin/semantic-release.js"), "--no-ci")

    assert "Published release 1.1.0 on default channel" in said
    release = client.get("releases/latest")
    assert (release["tag_name"], release["draft"]) == ("v1.1.0", False)
    assert [asset["name"] for asset in client.many(f"releases/{release['id']}/assets")] == ["shop.1.txt"]
    assert git(place, "ls-remote", "origin", "refs/tags/v1.1.0") != ""
    for number in (1, 2):
        assert "released" in {label["name"] for label in client.many(f"issues/{number}/labels")}
        assert "1.1.0" in str(client.many(f"issues/{number}/comments")[0]["body"])


def test_pygithub_makes_a_release_and_all_around_it(client: Client, tmp_path: Path) -> None:
    asked = github.Github(
        auth=github.Auth.Token(client.box.token),
        base_url=client.box.api_url,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
    repository = asked.get_repo("acme/shop")
    (tmp_path / "shop 2.txt").write_text("hello")

    commit = repository.get_branch("main").commit.sha
    repository.create_git_tag("v2.0.0", "Two", commit, "commit")
    repository.create_git_ref("refs/tags/v2.0.0", commit)
    with pytest.raises(github.GithubException, match="Reference already exists"):
        repository.create_git_ref("refs/tags/v2.0.0", commit)
    draft = repository.create_git_release("v2.0.0", "Two", "Text", draft=True)
    asset = draft.upload_asset(str(tmp_path / "shop 2.txt"))
    draft.update_release("Two", "Text", draft=False)
    issue = repository.get_issue(1)
    issue.create_comment("Thanks")
    issue.add_to_labels("released")
    deployment = repository.create_deployment("v2.0.0", auto_merge=False, required_contexts=[])
    deployment.create_status("success")
    workflow = repository.get_workflow("release.yml")

    assert asset.name == "shop.2.txt"
    assert [release.tag_name for release in repository.get_releases()] == ["v2.0.0", "v1.0.0"]
    assert repository.get_latest_release().tag_name == "v2.0.0"
    assert [label.name for label in issue.get_labels()] == ["released"]
    assert [status.state for status in deployment.get_statuses()] == ["success"]
    assert [pull.number for pull in repository.get_pulls(state="closed")] == [2]
    assert workflow.create_dispatch("main", {"level": "minor"})
    assert [run.event for run in workflow.get_runs()] == ["workflow_dispatch"]
    assert repository.compare("v1.0.0", "main").total_commits == 1


def test_what_the_stand_in_is_held_against_is_cut_out_of_githubs_own_descriptions(clients: Path) -> None:
    whole = json.loads((clients / "api.github.com.json").read_text(encoding="utf-8"))
    schema = (clients / "node_modules/@octokit/graphql-schema/schema.graphql").read_text(encoding="utf-8")
    cut = json.loads((HERE / "contract" / "github.json").read_text(encoding="utf-8"))
    ours = (ROOT / "github_sandbox" / "schema.graphql").read_text(encoding="utf-8")

    assert prune_openapi.prune(whole) == cut
    assert prune_graphql.prune(graphql.parse(schema, no_location=True), prune_graphql.kept()) == ours
