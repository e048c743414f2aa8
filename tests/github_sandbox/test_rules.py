"""The awkward sides of GitHub: each of them is there, so that nobody meets it first in production."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests.github_sandbox.client import Client

if TYPE_CHECKING:
    from tests.github_sandbox.client import Doc
    from tests.github_sandbox.conftest import Serve

WORKFLOW = ".github/workflows/ci.yml"
RELEASE = ".github/workflows/release.yml"
STARTS = "actions/workflows/release.yml/dispatches"
BY_HAND = """\
on:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [minor, major], required: true}
      since: {type: string, required: true, default: ""}
      note:
"""
MOVED_ON: list[Doc] = [{"tag": "old", "release": False}, {"commit": "Change CI", "files": {WORKFLOW: "new"}}]


def head(client: Client, name: str = "main") -> str:
    return str(client.get(f"commits/{name}")["sha"])


def errors(response: requests.Response) -> str:
    """The message and the details of a refusal, as one text."""
    return response.text


# tags


def test_a_tag_that_exists_cannot_be_claimed_again(serve: Serve) -> None:
    client = serve({"tag": "v1"})
    refused = client.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": head(client)})

    assert (refused.status_code, refused.json()["message"]) == (422, "Reference already exists")


@pytest.mark.parametrize(
    "body,message",
    [
        ({"ref": "tags/v1", "sha": "HEAD"}, "Reference name is not formatted correctly."),
        ({"ref": "refs/tags/v1..2", "sha": "HEAD"}, "Reference name is not formatted correctly."),
        ({"ref": "refs/tags/v1", "sha": "0" * 40}, "Object does not exist"),
    ],
)
def test_a_ref_needs_a_good_name_and_an_object(serve: Serve, body: Doc, message: str) -> None:
    assert serve().post("git/refs", body, 422)["message"] == message


RESTRICTED = "Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n"
TAGS: Doc = {"ruleset": "Tags", "target": "tag", "include": ["~ALL"]}


@pytest.mark.parametrize(
    "entry,message",
    [
        ({"burned": "v1"}, RESTRICTED),
        ({"protect": "refs/tags/v*"}, "Reference update failed"),
        (TAGS | {"rules": ["creation"]}, RESTRICTED),
    ],
)
def test_a_name_that_a_rule_guards_cannot_be_created(serve: Serve, entry: Doc, message: str) -> None:
    client = serve(entry)

    assert client.post("git/refs", {"ref": "refs/tags/v1", "sha": head(client)}, 422)["message"] == message


def test_a_commit_without_a_signature_gets_no_tag_where_a_rule_wants_one(serve: Serve) -> None:
    client = serve(TAGS | {"rules": ["required_signatures"]})
    sha = head(client)
    refused = client.post("git/refs", {"ref": "refs/tags/v1", "sha": sha}, 422)["message"]

    assert refused == (
        f"Repository rule violations found\n\nCommits must have verified signatures.\n\nFound 1 violation:\n\n{sha}\n\n"
    )


def test_a_commit_whose_workflow_files_are_at_no_branch_cannot_be_tagged(serve: Serve) -> None:
    client = serve(*MOVED_ON, files={WORKFLOW: "old"})
    sha = head(client, "old")
    refused = client.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": sha})

    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    client.post("git/refs", {"ref": "refs/tags/v2", "sha": head(client)})


def test_with_the_right_to_workflows_any_commit_can_be_tagged(serve: Serve) -> None:
    client = serve(*MOVED_ON, {"rights": {"workflows": True}}, files={WORKFLOW: "old"})

    client.post("git/refs", {"ref": "refs/tags/v1", "sha": head(client, "old")})


def test_a_branch_moves_forward_only_unless_forced(serve: Serve) -> None:
    client = serve({"branch": "cloud", "from": "main", "commit": "C"}, {"commit": "D"})
    sha = head(client)

    assert client.patch("git/refs/heads/cloud", {"sha": sha}, 422)["message"] == "Update is not a fast forward"
    client.patch("git/refs/heads/cloud", {"sha": sha, "force": True})


def test_a_protected_branch_is_not_moved_or_merged_into(serve: Serve) -> None:
    client = serve({"branch": "cloud", "from": "main"}, {"commit": "D"}, {"protect": "cloud"})

    assert client.ask("PATCH", "git/refs/heads/cloud", {"sha": head(client)}).status_code == 422
    assert client.ask("POST", "merges", {"base": "cloud", "head": "main"}).status_code == 403
    assert client.many("rules/branches/cloud")[0]["type"] == "update"


def test_a_merge_that_conflicts_is_409(serve: Serve) -> None:
    client = serve(
        {"branch": "cloud", "from": "main", "commit": "C", "files": {"a": "1"}}, {"commit": "D", "files": {"a": "2"}}
    )

    assert client.ask("POST", "merges", {"base": "cloud", "head": "main"}).status_code == 409
    assert client.ask("POST", "merges", {"base": "nowhere", "head": "main"}).status_code == 404


# releases


def test_a_draft_is_found_by_its_id_and_in_the_list_and_not_by_its_tag(serve: Serve) -> None:
    client = serve({"tag": "v1", "release": False})
    draft = client.post("releases", {"tag_name": "v1", "draft": True})

    assert client.ask("GET", "releases/tags/v1").status_code == 404
    assert client.get(f"releases/{draft['id']}")["draft"] is True
    assert [release["id"] for release in client.many("releases")] == [draft["id"]]


def test_who_may_not_push_sees_no_drafts(serve: Serve) -> None:
    client = serve({"release": "v1", "draft": True}, {"tag": "v0"})
    anybody = Client(client.box, None)

    assert [release["tag_name"] for release in anybody.many("releases")] == ["v0"]
    assert anybody.ask("GET", f"releases/{client.many('releases')[0]['id']}").status_code == 404


def test_a_draft_makes_no_tag_and_publishing_it_does(serve: Serve) -> None:
    client = serve()
    draft = client.post("releases", {"tag_name": "v1", "draft": True})
    assert client.ask("GET", "git/ref/tags/v1").status_code == 404
    client.patch(f"releases/{draft['id']}", {"tag_name": "v1", "draft": False})

    assert client.get("git/ref/tags/v1")["ref"] == "refs/tags/v1"


def test_two_drafts_of_one_tag_are_allowed_and_only_one_can_be_published(serve: Serve) -> None:
    client = serve({"tag": "v1", "release": False})
    one, other = (client.post("releases", {"tag_name": "v1", "draft": True}) for _ in range(2))
    client.patch(f"releases/{one['id']}", {"tag_name": "v1", "draft": False})
    refused = client.ask("PATCH", f"releases/{other['id']}", {"tag_name": "v1", "draft": False})

    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]


def test_a_draft_that_is_changed_without_its_tag_name_loses_it(serve: Serve) -> None:
    client = serve()
    draft = client.post("releases", {"tag_name": "v1", "draft": True})

    assert str(client.patch(f"releases/{draft['id']}", {"body": "b"})["tag_name"]).startswith("untagged-")


def test_a_draft_of_a_tag_that_exists_keeps_it_whatever_is_changed(serve: Serve) -> None:
    client = serve({"tag": "v1", "release": False})
    draft = client.post("releases", {"tag_name": "v1", "draft": True})
    published = client.patch(f"releases/{draft['id']}", {"draft": False})

    assert (published["tag_name"], published["draft"]) == ("v1", False)


def test_a_body_has_at_most_125000_characters(serve: Serve) -> None:
    client = serve()
    client.post("releases", {"tag_name": "v1", "draft": True, "body": "é" * 125_000})
    refused = client.ask("POST", "releases", {"tag_name": "v1", "draft": True, "body": "x" * 125_001})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["message"] == "body is too long (maximum is 125000 characters)"


def test_a_release_of_a_target_with_other_workflow_files_is_forbidden(serve: Serve) -> None:
    client = serve(*MOVED_ON, files={WORKFLOW: "old"})
    sha = head(client, "old")

    assert client.ask("POST", "releases", {"tag_name": "v1", "target_commitish": sha}).status_code == 403
    client.post("releases", {"tag_name": "old"})


def test_publishing_is_refused_where_a_rule_guards_the_tag(serve: Serve) -> None:
    client = serve({"protect": "refs/tags/v*"})
    refused = client.ask("POST", "releases", {"tag_name": "v1"})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "pre_receive"


def test_a_burned_name_cannot_be_released(serve: Serve) -> None:
    refused = serve({"burned": "v1"}).ask("POST", "releases", {"tag_name": "v1", "draft": True})

    assert "tag_name was used by an immutable release" in errors(refused)


def test_an_immutable_release_is_locked_but_for_its_text(serve: Serve) -> None:
    client = serve(immutable_releases=True)
    release = client.post("releases", {"tag_name": "v1", "draft": True})
    asset = client.upload(release, "a.txt", b"1").json()
    done = client.patch(f"releases/{release['id']}", {"tag_name": "v1", "draft": False})

    assert done["immutable"] is True
    assert "Cannot upload assets to an immutable release" in errors(client.upload(release, "b.txt", b"1"))
    assert client.ask("DELETE", f"releases/assets/{asset['id']}").status_code == 422
    assert client.ask("DELETE", "git/refs/tags/v1").status_code == 422
    assert client.ask("PATCH", f"releases/{release['id']}", {"draft": True}).status_code == 422
    assert client.patch(f"releases/{release['id']}", {"body": "new"})["body"] == "new"


def test_the_name_of_an_immutable_release_stays_burned_when_it_is_gone(serve: Serve) -> None:
    client = serve(immutable_releases=True)
    release = client.post("releases", {"tag_name": "v1"})
    assert client.ask("DELETE", f"releases/{release['id']}").status_code == 204
    assert client.ask("DELETE", "git/refs/tags/v1").status_code == 204

    assert client.ask("POST", "releases", {"tag_name": "v1"}).status_code == 422
    assert client.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": head(client)}).status_code == 422


def test_an_asset_needs_a_name_of_its_own_and_contents(serve: Serve) -> None:
    client = serve()
    release = client.post("releases", {"tag_name": "v1", "draft": True})
    assert client.upload(release, "a.txt", b"1").status_code == 201

    assert "already_exists" in errors(client.upload(release, "a.txt", b"2"))
    assert "size must be greater" in errors(client.upload(release, "b.txt", b""))


@pytest.mark.parametrize(
    "name,kept",
    [
        (".env.example", "default.env.example"),
        ("報告.pdf", "default.pdf"),
        ("Überblick.pdf", "Uberblick.pdf"),
        ("a_ð_æ_©_ŋ.txt", "a_d_ae_._ng.txt"),
        ("żółw (2).txt", "zolw.2.txt"),
        ("erick%%%%%!!!zhao.txt", "erick.zhao.txt"),
        ("shop_1.2.4~rc1-1~deb12u1_amd64.deb", "shop_1.2.4.rc1-1.deb12u1_amd64.deb"),
        ("shop+1@x..y.", "shop+1@x.y"),
    ],
)
def test_the_name_of_an_asset_keeps_only_what_is_plain(serve: Serve, name: str, kept: str) -> None:
    client = serve()
    release = client.post("releases", {"tag_name": "v1", "draft": True})

    assert client.upload(release, name, b"1").json()["name"] == kept
    assert "already_exists" in errors(client.upload(release, kept, b"1"))


def test_an_asset_of_two_gibibytes_is_refused_before_it_is_received(serve: Serve) -> None:
    client = serve()
    release = client.post("releases", {"tag_name": "v1", "draft": True})
    url = urlsplit(str(release["upload_url"]).partition("{")[0])
    connection = http.client.HTTPConnection(url.netloc, timeout=9)
    connection.putrequest("POST", f"{url.path}?name=a.img")
    connection.putheader("Authorization", f"Bearer {client.box.token}")
    connection.putheader("Content-Length", str(2**31))
    connection.endheaders()
    answer = connection.getresponse()

    assert (answer.status, "size must be less than 2147483648" in answer.read().decode()) == (422, True)
    connection.close()


def test_a_digest_can_be_missing(serve: Serve) -> None:
    client = serve({"tag": "v1", "assets": {"a": "1"}}, digests=False)

    assert client.many("releases")[0]["assets"] != []
    found = client.many("releases")[0]["assets"]
    assert isinstance(found, list)
    assert found[0]["digest"] is None


def test_latest_is_what_was_marked_and_never_a_prerelease(serve: Serve) -> None:
    client = serve({"tag": "v1"}, {"commit": "A"}, {"tag": "v2", "prerelease": True})
    assert client.get("releases/latest")["tag_name"] == "v1"
    client.post("releases", {"tag_name": "v0.9", "make_latest": "false"})
    assert client.get("releases/latest")["tag_name"] == "v1"
    third = client.post("releases", {"tag_name": "v3"})
    assert client.get("releases/latest")["tag_name"] == "v3"
    client.patch(f"releases/{third['id']}", {"prerelease": True})

    assert client.get("releases/latest")["tag_name"] == "v1"


def test_a_new_release_stays_out_of_the_list_for_a_while(serve: Serve) -> None:
    client = serve({"lag": {"lists": 2}})
    client.post("releases", {"tag_name": "v1", "draft": True})

    assert [len(client.many("releases")) for _ in range(3)] == [0, 0, 1]


def test_the_index_of_commits_learns_of_a_merge_late(serve: Serve) -> None:
    client = serve({"lag": {"associations": 1}}, {"pull": 1, "title": "A"})

    assert [len(client.many("commits/main/pulls")) for _ in range(2)] == [0, 1]


# rights


def test_a_wrong_token_is_refused_even_for_what_is_public(serve: Serve) -> None:
    stranger = Client(serve().box, "no-token")

    assert stranger.ask("GET", "releases").status_code == 401
    assert (
        stranger.session.post(stranger.box.graphql_url, json={"query": "{viewer{login}}"}, timeout=9).status_code == 401
    )


def test_without_a_token_one_reads_what_is_public_and_writes_nothing(serve: Serve) -> None:
    anybody = Client(serve({"tag": "v1"}).box, None)

    assert len(anybody.many("releases")) == 1
    assert anybody.ask("POST", "releases", {"tag_name": "v2"}).status_code == 401
    assert anybody.ask("GET", "/user").status_code == 401
    assert Client(serve(private=True).box, None).ask("GET", "releases").status_code == 404


@pytest.mark.parametrize(
    "permission,method,path,body",
    [
        ("contents", "POST", "releases", {"tag_name": "v1"}),
        ("contents", "POST", "git/refs", {"ref": "refs/tags/v1", "sha": "0" * 40}),
        ("deployments", "POST", "deployments", {"ref": "main"}),
        ("statuses", "POST", "statuses/main", {"state": "success"}),
        ("actions", "POST", "actions/workflows/x.yml/dispatches", {"ref": "main"}),
        ("issues", "POST", "issues", {"title": "A"}),
        ("pull-requests", "POST", "pulls", {"title": "A", "head": "a", "base": "main"}),
    ],
)
def test_a_write_takes_its_right(serve: Serve, permission: str, method: str, path: str, body: Doc) -> None:
    refused = serve({"rights": {permission: "read"}}).ask(method, path, body)

    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")


def test_either_of_two_rights_is_enough_for_a_comment(serve: Serve) -> None:
    client = serve({"pull": 1, "title": "A"}, {"rights": {"issues": "none"}})

    client.post("issues/1/comments", {"body": "b"})


def test_what_is_elsewhere_is_not_found(serve: Serve) -> None:
    client = serve()

    assert client.ask("GET", "/repos/acme/other/releases").status_code == 404
    assert client.ask("GET", "releases/1234").status_code == 404
    assert client.ask("GET", "releases/x").status_code == 404
    assert client.get("/repos/ACME/Shop")["full_name"] == "acme/shop"


def test_other_people_have_tokens_of_their_own(serve: Serve) -> None:
    client = serve(
        {"token": "adas", "login": "ada"},
        {"collaborator": "ada", "permission": "write"},
        {"token": "eves", "login": "eve"},
    )
    ada, eve = Client(client.box, "adas"), Client(client.box, "eves")

    assert ada.get("/user")["login"] == "ada"
    assert client.ask("GET", "/user").status_code == 403
    assert client.get("collaborators/ada/permission")["permission"] == "write"
    assert ada.get("collaborators/eve/permission")["permission"] == "read"
    refused = eve.ask("GET", "collaborators/ada/permission")
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "Must have push access to view collaborator permission.",
    )
    assert Client(client.box, None).ask("GET", "collaborators/ada/permission").status_code == 401


def test_the_tokens_of_other_people_have_rights_of_their_own(serve: Serve) -> None:
    client = serve({"token": "adas", "login": "ada", "rights": {"issues": "write", "contents": "read"}})
    ada = Client(client.box, "adas")

    ada.post("issues", {"title": "A"})
    assert ada.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": "f" * 40}).status_code == 403


# deployments


def test_a_deployment_merges_the_default_branch_unless_told_not_to(serve: Serve) -> None:
    client = serve({"branch": "cloud", "from": "main"}, {"commit": "A", "files": {"a": "1"}})
    merged = client.ask("POST", "deployments", {"ref": "cloud", "required_contexts": []})

    assert merged.status_code == 202
    assert client.many("deployments") == []
    client.post("deployments", {"ref": "cloud", "required_contexts": []})


def test_a_deployment_waits_for_all_statuses_unless_told_not_to(serve: Serve) -> None:
    client = serve({"status": "build", "state": "pending"})

    assert client.ask("POST", "deployments", {"ref": "main"}).status_code == 409
    client.post("deployments", {"ref": "main", "required_contexts": []})


def test_success_makes_older_deployments_inactive_but_in_production(serve: Serve) -> None:
    client = serve(
        {"deployment": "staging", "statuses": [{"state": "success"}]},
        {"deployment": "production", "statuses": [{"state": "success"}]},
    )
    for environment in ("staging", "production"):
        asked: Doc = {"ref": "main", "environment": environment, "required_contexts": []}
        made = client.post("deployments", asked)
        client.post(f"deployments/{made['id']}/statuses", {"state": "success"})
    older = {one["environment"]: one["id"] for one in client.many("deployments")[2:]}

    assert client.many(f"deployments/{older['staging']}/statuses")[0]["state"] == "inactive"
    assert client.many(f"deployments/{older['production']}/statuses")[0]["state"] == "success"


def test_a_description_of_a_status_has_at_most_140_characters(serve: Serve) -> None:
    client = serve({"deployment": "production"})
    number = client.many("deployments")[0]["id"]

    assert (
        client.ask("POST", f"deployments/{number}/statuses", {"state": "error", "description": "x" * 141}).status_code
        == 422
    )


# workflows


def test_a_dispatch_is_recorded_as_a_run_that_waits(serve: Serve) -> None:
    client = serve({"run": 77}, files={RELEASE: BY_HAND})
    asked = {"ref": "main", "inputs": {"level": "minor"}}
    assert client.ask("POST", "actions/workflows/release.yml/dispatches", asked).status_code == 204
    details = client.post("actions/workflows/release.yml/dispatches", asked | {"return_run_details": True}, 200)

    run = client.get(f"actions/runs/{details['workflow_run_id']}")
    assert (run["event"], run["status"], run["path"]) == (
        "workflow_dispatch",
        "queued",
        RELEASE,
    )
    assert [run.inputs for run in client.box.github.store.runs][1:] == [{"level": "minor"}] * 2
    assert client.ask("POST", "actions/workflows/none.yml/dispatches", asked).status_code == 404
    assert client.ask("POST", "actions/workflows/release.yml/dispatches", {"ref": "x"}).status_code == 422


@pytest.mark.parametrize(
    "inputs,message",
    [
        ({"levle": "minor", "x": "1"}, 'Unexpected inputs provided: ["levle", "x"]'),
        ({}, "Required input 'level' not provided"),
        ({"level": "huge"}, "Provided value 'huge' for input 'level' not in the list of allowed values"),
    ],
)
def test_a_dispatch_gives_what_the_workflow_asks_for_and_nothing_else(
    serve: Serve, inputs: dict[str, str], message: str
) -> None:
    client = serve(files={RELEASE: BY_HAND})

    assert client.post(f"{STARTS}", {"ref": "main", "inputs": inputs}, 422)["message"] == message


@pytest.mark.parametrize("text", ["on: push", "on: [push]", "on: {push: {}}", "a: [", "text", ""])
def test_what_nobody_may_start_by_hand_is_not_dispatched(serve: Serve, text: str) -> None:
    client = serve(files={RELEASE: text})

    assert client.post(STARTS, {"ref": "main"}, 422)["message"] == "Workflow does not have 'workflow_dispatch' trigger"


def test_a_dispatch_reads_the_workflow_as_it_is_on_the_branch(serve: Serve) -> None:
    client = serve({"branch": "old", "from": "main"}, {"commit": "A", "files": {RELEASE: BY_HAND}})

    assert "trigger" in str(client.post(STARTS, {"ref": "old"}, 422)["message"])


def test_a_workflow_that_is_off_is_not_dispatched_until_it_is_on_again(serve: Serve) -> None:
    off: Doc = {"actions": "enabled", "states": {RELEASE: "disabled_inactivity"}}
    client = serve(off, files={RELEASE: "on: [workflow_dispatch]"})
    refused = client.post(STARTS, {"ref": "main"}, 422)

    assert refused["message"] == "Cannot trigger a 'workflow_dispatch' on a disabled workflow"
    assert client.ask("PUT", "actions/workflows/release.yml/enable").status_code == 204
    assert client.ask("POST", STARTS, {"ref": "main"}).status_code == 204
    assert client.ask("PUT", "actions/workflows/release.yml/disable").status_code == 204
    assert client.get("actions/workflows/release.yml")["state"] == "disabled_manually"


def test_a_job_gets_the_secrets_of_the_repository_and_of_its_environment(serve: Serve) -> None:
    box = serve(
        {"actions": "enabled", "secrets": {"KEY": "for all", "TOKEN": "t"}},
        {"environment": "production", "secrets": {"KEY": "for production"}},
        {"environment": "staging", "secrets": ["SSH_KEY"]},
    ).box

    assert box.secrets() == {"KEY": "for all", "TOKEN": "t"}
    assert box.secrets("production") == {"KEY": "for production", "TOKEN": "t"}
    assert box.secrets("staging").keys() == {"KEY", "TOKEN", "SSH_KEY"}


def test_attempts_of_a_run_are_told_apart(serve: Serve) -> None:
    jobs: list[list[Doc]] = [[{"id": 501, "runner_name": "r1"}], [{"id": 502, "status": "in_progress"}]]
    client = serve({"run": 7, "jobs": jobs[0]}, {"run": 7, "attempt": 2, "status": "in_progress", "jobs": jobs[1]})

    assert client.get("actions/runs/7")["run_attempt"] == 2
    assert client.get("actions/runs/7/attempts/1")["conclusion"] == "success"
    found = client.get("actions/runs/7/attempts/1/jobs")["jobs"]
    assert isinstance(found, list)
    assert [(job["id"], job["runner_name"]) for job in found] == [(501, "r1")]
    assert client.ask("GET", "actions/runs/8").status_code == 404


# lists, conditions, limits


def test_long_lists_come_in_pages_that_link_to_each_other(serve: Serve) -> None:
    client = serve(*({"pull": n, "title": str(n), "state": "closed"} for n in range(1, 8)))
    url: str | None = f"{client.box.api_url}/repos/acme/shop/pulls?state=all&per_page=3"
    pages = []
    while url:
        answer = client.session.get(url, timeout=20)
        pages.append([pull["number"] for pull in answer.json()])
        url = answer.links.get("next", {}).get("url")

    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


def test_what_did_not_change_is_304_and_costs_nothing(serve: Serve) -> None:
    client = serve({"tag": "v1"})
    first = client.ask("GET", "releases")
    again = client.ask("GET", "releases", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    assert client.ask("GET", "releases").headers["X-RateLimit-Used"] == "2"


def test_the_new_version_of_the_interface_has_no_merge_commit_sha(serve: Serve) -> None:
    url = f"{serve({'pull': 1, 'title': 'A'}).box.api_url}/repos/acme/shop/pulls/1"
    versions = ["2022-11-28", "2026-03-10", "1999-01-01"]
    old, new, unknown = (
        requests.get(url, headers={"X-GitHub-Api-Version": version}, timeout=9) for version in versions
    )

    assert "merge_commit_sha" in old.json()
    assert "merge_commit_sha" not in new.json()
    assert unknown.status_code == 400


def test_a_key_that_github_does_not_have_is_refused(serve: Serve) -> None:
    refused = serve().ask("POST", "issues", {"title": "A", "lables": []})

    assert refused.status_code == 422
    assert "unknown field `lables`" in refused.json()["message"]


def test_text_that_is_no_json_is_refused(serve: Serve) -> None:
    client = serve()
    refused = client.session.post(f"{client.box.api_url}/repos/acme/shop/issues", data=b"{", timeout=9)

    assert (refused.status_code, refused.json()["message"]) == (400, "Problems parsing JSON")


@pytest.mark.parametrize(
    "method,path,body,status",
    [
        ("DELETE", "git/refs/tags/none", None, 422),
        ("PATCH", "git/refs/tags/none", {"sha": "0" * 40}, 422),
        ("PATCH", "git/refs/heads/main", {"sha": "0" * 40}, 422),
        ("POST", "git/tags", {"tag": "v1", "message": "m", "object": "0" * 40, "type": "commit"}, 422),
        ("GET", f"git/tags/{'0' * 40}", None, 404),
        ("GET", f"git/commits/{'0' * 40}", None, 404),
        ("GET", "git/ref/heads/none", None, 404),
        ("GET", "commits/none", None, 422),
        ("GET", "commits?sha=none", None, 404),
        ("GET", "compare/none...main", None, 404),
        ("GET", "branches/none", None, 404),
        ("GET", "contents/none", None, 404),
        ("GET", "pulls/99", None, 404),
        ("GET", "issues/99", None, 404),
        ("GET", "labels/none", None, 404),
        ("DELETE", "issues/1/labels/none", None, 404),
        ("GET", "issues/comments/99", None, 404),
        ("GET", "deployments/99", None, 404),
        ("GET", "releases/latest", None, 404),
        ("GET", "releases/assets/99", None, 404),
        ("GET", "actions/jobs/99", None, 404),
        ("GET", "actions/workflows/none.yml", None, 404),
        ("POST", "deployments", {"ref": "none"}, 422),
        ("POST", "releases", {"tag_name": "v 1"}, 422),
        ("POST", "releases", {"tag_name": "v1", "target_commitish": "none"}, 422),
        ("POST", "releases/generate-notes", {"tag_name": "v9"}, 422),
        ("POST", "pulls", {"title": "A", "head": "none", "base": "main"}, 422),
        ("POST", "pulls", {"title": "A", "head": "main", "base": "none"}, 422),
        ("POST", "pulls", {"title": "A", "head": "main", "base": "main"}, 422),
        ("POST", "pulls", {"title": "A", "head": "pull-2", "base": "main"}, 422),
        ("PUT", "pulls/1/merge", {}, 405),
        ("PUT", "pulls/2/merge", {"sha": "0" * 40}, 409),
        ("POST", "labels", {"name": "Feature"}, 422),
        ("POST", "issues/1/comments", {"body": "x" * 65_537}, 422),
        ("GET", "/search/issues?q=", None, 422),
        ("GET", "/search/issues?q=milestone:1", None, 422),
    ],
)
def test_what_cannot_be_done_is_refused(serve: Serve, method: str, path: str, body: object, status: int) -> None:
    client = serve(
        {"pull": 1, "title": "A", "labels": ["feature"]},
        {"pull": 2, "title": "B", "state": "open", "files": {"b": "1"}},
    )

    assert client.ask(method, path, body).status_code == status


def test_a_pull_request_that_conflicts_or_goes_to_a_protected_branch_cannot_be_merged(serve: Serve) -> None:
    history: list[Doc] = [
        {"pull": 1, "title": "A", "state": "open", "files": {"a": "1"}},
        {"pull": 2, "title": "B", "state": "open", "files": {"a": "2"}},
    ]
    client = serve(*history)
    assert client.ask("PUT", "pulls/1/merge", {"merge_method": "squash"}).status_code == 200

    assert client.get("pulls/2")["mergeable"] is False
    for way in ("merge", "squash", "rebase"):
        assert client.ask("PUT", "pulls/2/merge", {"merge_method": way}).status_code == 405
    assert serve(*history, {"protect": "main"}).ask("PUT", "pulls/1/merge", {}).status_code == 405


def test_a_pull_request_is_closed_and_opened_again(serve: Serve) -> None:
    client = serve({"pull": 1, "title": "A", "state": "open", "files": {"a": "1"}})

    assert client.patch("pulls/1", {"state": "closed"})["closed_at"] is not None
    assert client.patch("pulls/1", {"state": "open"})["closed_at"] is None


def test_whether_releases_are_immutable_takes_an_administrator(serve: Serve) -> None:
    assert serve().ask("GET", "immutable-releases").status_code == 403
    client = serve({"rights": {"administration": "write"}})
    assert client.ask("GET", "immutable-releases").status_code == 404
    assert client.ask("PUT", "immutable-releases").status_code == 204
    assert client.get("immutable-releases")["enabled"] is True
    assert client.ask("DELETE", "immutable-releases").status_code == 204
    assert client.ask("GET", "immutable-releases").status_code == 404


def test_an_administrator_passes_a_rule(serve: Serve) -> None:
    client = serve({"protect": "refs/tags/v*"}, {"rights": {"administration": "write"}})

    client.post("git/refs", {"ref": "refs/tags/v1", "sha": head(client)})


def test_comments_belong_to_their_authors(serve: Serve) -> None:
    client = serve({"issue": "A"}, {"token": "adas", "login": "ada"}, {"token": "eves", "login": "eve"})
    ada, eve = Client(client.box, "adas"), Client(client.box, "eves")
    comment = ada.post("issues/1/comments", {"body": "mine"})

    assert eve.ask("PATCH", f"issues/comments/{comment['id']}", {"body": "b"}).status_code == 403
    assert ada.patch(f"issues/comments/{comment['id']}", {"body": "b"})["body"] == "b"


@pytest.mark.parametrize(
    "query,numbers",
    [
        ("is:pr", [3, 2]),
        ("is:open", [3, 1]),
        ("is:issue halt", [1]),
        ("base:main is:closed", [2]),
        ('merged:>=2026-01-05T09:00:02Z label:"good first"', [2]),
        ("merged:<2026-01-05T09:00:02Z", []),
        ("created:2026-01-05..2026-01-06", [3, 2, 1]),
        ("created:2026-01-05T09:00:03Z", [3]),
        ("author:app/renovate[bot]", [3]),
    ],
)
def test_a_search_understands_qualifiers(serve: Serve, query: str, numbers: list[int]) -> None:
    client = serve(
        {"issue": "Halt"},
        {"pull": 2, "title": "A", "labels": ["good first"]},
        {"pull": 3, "title": "B", "author": "renovate[bot]", "state": "open", "draft": True, "files": {"b": "1"}},
    )
    found = client.ask("GET", f"/search/issues?q=repo:acme/shop {query}").json()

    assert [item["number"] for item in found["items"]] == numbers


def test_a_tag_object_can_have_a_tagger_and_a_date(serve: Serve) -> None:
    client = serve()
    asked = {"tag": "v1", "message": "m", "object": head(client), "type": "commit"}
    tagger = {"name": "Ada", "email": "ada@example.com", "date": "2026-02-03T04:05:06Z"}
    made = client.post("git/tags", asked | {"tagger": tagger})

    assert made["tagger"] == tagger
    assert client.ask("POST", "git/tags", asked | {"tagger": tagger | {"date": "soon"}}).status_code == 422


def test_a_ruleset_keeps_tags_from_being_made_and_tells_which_rules_hold(serve: Serve) -> None:
    tags: Doc = {
        "ruleset": "Tags",
        "target": "tag",
        "include": ["~ALL"],
        "exclude": ["refs/tags/x*"],
        "rules": ["creation"],
    }
    client = serve(tags, {"ruleset": "Main", "checks": ["policy"]})
    sha = head(client, "main")

    assert client.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": sha}).status_code == 422
    assert client.ask("POST", "git/refs", {"ref": "refs/tags/x1", "sha": sha}).status_code == 201
    assert client.get("rulesets/101")["current_user_can_bypass"] == "never"
    assert [rule["type"] for rule in client.many("rules/branches/main")] == ["required_status_checks"]


def test_a_ruleset_that_is_off_or_let_through_keeps_nobody(serve: Serve) -> None:
    rules: dict[str, object] = {"target": "tag", "include": ["~ALL"], "rules": ["creation"]}
    client = serve({"ruleset": "Off", "active": False, **rules}, {"ruleset": "Open", "bypass": True, **rules})

    assert client.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": head(client, "main")}).status_code == 201


def test_an_issue_needs_a_title(serve: Serve) -> None:
    assert serve().ask("POST", "issues", {"title": ""}).status_code == 422


PULL = {"head": "cloud", "base": "main", "title": "A"}


@pytest.mark.parametrize(
    "asked,fits,field,most",
    [
        ("POST issues", {}, "title", 256),
        ("POST issues", {"title": "A"}, "body", 65_536),
        ("PATCH issues/1", {}, "title", 256),
        ("POST pulls", PULL, "title", 256),
        ("PATCH pulls/2", {}, "title", 256),
        ("PATCH pulls/2", {}, "body", 65_536),
        ("POST labels", {}, "name", 50),
        ("POST labels", {"name": "a"}, "description", 100),
        ("PATCH labels/a", {}, "description", 100),
        ("POST issues/1/comments", {}, "body", 65_536),
    ],
)
def test_texts_are_as_long_as_github_keeps_them_and_no_longer(
    serve: Serve, asked: str, fits: Doc, field: str, most: int
) -> None:
    method, path = asked.split()
    client = serve(
        {"issue": "A", "number": 1},
        {"pull": 2, "title": "B", "state": "open", "files": {"b": "1"}},
        {"branch": "cloud", "from": "main", "commit": "C", "files": {"c": "1"}},
        {"label": "a"} if method == "PATCH" else {"label": "b"},
    )
    refused = client.ask(method, path, fits | {field: "é" * (most + 1)})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["message"] == f"{field} is too long (maximum is {most} characters)"
    assert client.ask(method, path, fits | {field: "é" * most}).ok


@pytest.mark.parametrize(
    "method,path,body",
    [
        ("POST", "issues", {"title": "A", "labels": ["x" * 51]}),
        ("POST", "issues/1/labels", {"labels": ["x" * 51]}),
        ("PUT", "issues/1/labels", ["x" * 51]),
        ("PATCH", "issues/1", {"labels": ["x" * 51]}),
        ("POST", "labels", {"name": "x", "color": "#00ff00"}),
        ("PATCH", "labels/a", {"new_name": "x" * 51}),
    ],
)
def test_a_label_that_github_does_not_make_is_refused(serve: Serve, method: str, path: str, body: object) -> None:
    client = serve({"issue": "A", "number": 1}, {"label": "a"})

    assert client.ask(method, path, body).status_code == 422
    assert [label["name"] for label in client.many("labels")] == ["a"]
