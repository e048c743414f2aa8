"""Whose word counts: what others write into GitHub must not make us run, deploy or halt anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from github_sandbox import Fault
from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import deployments_of
from release_tool.errors import RefusedError
from release_tool.model.tags import Owner
from release_tool.sync.sync import TESTED
from tests.production import QUICK, production
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry, Shop

STRANGER = "of-ci"
"""The token of an app that may write deployments and statuses, and that nobody has named."""

CI: Entry = {"token": STRANGER, "login": "ci-app[bot]", "type": "Bot"}
BOB: list[Entry] = [{"collaborator": "bob"}, {"token": "of-bob", "login": "bob"}]
HEALTHY = [("in_progress", "changing: production"), ("success", "healthy: all is well")]
DIGEST = "sha256:" + "a" * 64
TRUSTING = 'trusted-apps = ["ci-app"]\n'


def fork(stolen: Path) -> Entry:
    """A pull request of a fork, never merged, whose deploy command does what it likes."""
    command = f"#!/bin/sh\ntouch '{stolen}'\n"
    return {
        "pull": 9, "title": "Help", "fork": True, "state": "open", "author": "mallory", "files": {"deploy.sh": command},
    }  # fmt: skip


def post(shop: Shop, path: str, body: object, token: str = STRANGER) -> dict[str, object]:
    """Write something on GitHub with a token of somebody else's."""
    answer = requests.post(
        f"{shop.box.api_url}/repos/{shop.box.repository}/{path}",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def write(
    here: Production, commit: str, *lines: tuple[str, str], token: str = STRANGER, ref: str = "", **more: object
) -> int:
    """Write a deployment to production as the tool would, as somebody else."""
    payload = Payload(
        commit=commit,
        name="1.2.3",
        kind=DeploymentKind.DEPLOY,
        automatic=False,
        owner=Owner(run=99, attempt=1, job="1"),
    )
    document = msgspec.to_builtins(msgspec.structs.replace(payload, **more))
    body = {
        "ref": ref or commit,
        "task": "release-tool",
        "auto_merge": False,
        "required_contexts": [],
        "environment": "production",
        "payload": document,
    }
    number = post(here.shop, "deployments", body, token)["id"]
    assert isinstance(number, int)
    for line in lines:
        tell(here, number, *line, token=token)
    return number


def tell(here: Production, number: int, state: str, description: str, token: str = STRANGER) -> None:
    """Write a status of a deployment as somebody else."""
    body = {"state": state, "description": description, "auto_inactive": False}
    post(here.shop, f"deployments/{number}/statuses", body, token)


def mark(here: Production, ref: str, context: str, description: str = "", token: str = STRANGER) -> None:
    """Write a status of a commit as somebody else."""
    body = {"state": "success", "context": context, "description": description}
    post(here.shop, f"statuses/{here.commit(ref)}", body, token)


def fork_head(here: Production) -> str:
    return here.shop.git("-C", str(here.shop.box.git_directory), "rev-parse", "refs/pull/9/head")


def ours(here: Production) -> str:
    """The token that every workflow of the repository has."""
    return here.shop.box.token


# Forged deployments


@pytest.mark.parametrize("workflow", [False, True], ids=["an app", "another workflow"])
def test_a_forged_deployment_of_a_forks_commit_is_never_checked_out(tmp_path: Path, workflow: bool) -> None:
    stolen = tmp_path / "stolen"
    with production(tmp_path, CI, fork(stolen), configuration=QUICK, behave=bad("1.2.4")) as here:
        here.was_proven("1.2.3")
        write(here, fork_head(here), *HEALTHY, token=ours(here) if workflow else STRANGER)

        done = here.deploy("1.2.4")

        assert (done.outcome, done.live, here.service.deployed()) == ("rolled_back", "1.2.3", "1.2.3")
        assert here.rollback().outcome == "refused"
        assert not stolen.exists()


@pytest.mark.parametrize("workflow", [False, True], ids=["an app", "another workflow"])
def test_a_forged_deployment_under_way_is_never_checked_out_either(tmp_path: Path, workflow: bool) -> None:
    """Its owner is dead, so it would be looked at in a checkout of its commit, or rolled back from."""
    stolen = tmp_path / "stolen"
    configuration = (
        QUICK + '[[environments.production.checks]]\nname = "own"\nkind = "command"\ncommand = ["./deploy.sh"]'
    )
    with production(tmp_path, CI, fork(stolen), configuration=configuration) as here:
        here.was_proven("1.2.3")
        commit = fork_head(here)
        write(here, commit, ("in_progress", "changing: production"), token=ours(here) if workflow else STRANGER)

        here.reconcile(only_settle=True)

        assert not stolen.exists()
        assert here.service.deployed() == "1.2.3"
        assert [line for line in here.story() if "rollback" in line] == []


def test_a_forged_commit_that_contains_ours_keeps_nothing_from_being_deployed(tmp_path: Path) -> None:
    with production(tmp_path, fork(tmp_path / "stolen"), configuration=QUICK) as here:
        here.was_proven("1.2.3")
        write(here, fork_head(here), *HEALTHY, token=ours(here))
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_what_a_stranger_wrote_is_named_and_what_to_do_about_it(tmp_path: Path) -> None:
    with production(tmp_path, CI, configuration=QUICK) as here:
        here.was_proven("1.2.3")
        forged = write(here, here.commit("v1.2.4"), *HEALTHY)

        assert here.deploy("1.3.0").outcome == "healthy"

        said = [line for line in here.shop.said if "ignored: " in line]
        why = "by ci-app[bot], an app that `trusted-apps` does not name"
        assert said == [f"ignored: deployment #{forged} to production {why}"]


def test_the_records_of_an_app_that_the_configuration_names_count(tmp_path: Path) -> None:
    with production(tmp_path, CI, configuration=TRUSTING + QUICK, behave=bad("1.3.0")) as here:
        write(here, here.commit("v1.2.3"), *HEALTHY)
        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"


def test_what_the_token_at_hand_wrote_itself_counts_whatever_its_account(tmp_path: Path) -> None:
    with production(tmp_path, CI, configuration=QUICK) as here:
        app = {"GITHUB_TOKEN": STRANGER}
        assert here.deploy("1.2.3", **app).outcome == "healthy"
        assert here.deploy("1.2.3", **app).outcome == "unchanged"
        assert here.deploy("1.2.3").outcome == "healthy"  # as the workflows see it, nothing was deployed yet


def test_the_records_of_a_person_count_who_may_push_and_he_is_asked_about_once(tmp_path: Path) -> None:
    with production(tmp_path, *BOB, configuration=QUICK, behave=bad("1.3.0")) as here:
        for _ in range(3):
            write(here, here.commit("v1.2.3"), *HEALTHY, token="of-bob")
        project = here.environment().project
        found = deployments_of(project).ledger("production")
        assert (len(found), project.remote.requests) == (3, 2)  # the ledger, and what bob may do
        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"


def test_the_records_of_a_person_without_write_access_count_only_where_we_built_on_them(tmp_path: Path) -> None:
    reader: list[Entry] = [{"collaborator": "bob", "permission": "read"}, *BOB[1:]]
    with production(tmp_path, *reader, configuration=QUICK) as here:
        kept = write(here, here.commit("v1.2.3"), *HEALTHY, token="of-bob")
        here.tell(kept, PhaseRecord(Phase.REPLACED, "by 1.2.4 (#1)"))
        left = write(here, here.commit("v1.2.4"), *HEALTHY, token="of-bob")
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"), kind=DeploymentKind.ROLLBACK, parent=left)
        lost = write(here, here.commit("v1.2.4"), *HEALTHY, token="of-bob")

        found = {one.id: one.proven for one in here.ledger()}

        assert (found[kept], found[left], lost in found) == (True, True, False)


# Statuses of others


def test_a_strangers_status_of_our_deployment_changes_nothing(tmp_path: Path) -> None:
    with production(tmp_path, CI, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.3")
        (ours_,) = here.ledger()
        tell(here, ours_.id, "failure", "failed: it burns")
        tell(here, ours_.id, "in_progress", "rolling back: it burns")

        assert [one.healthy for one in here.ledger()] == [True]
        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"
        assert "the status `failure` of deployment" in "".join(here.shop.said)


# Malformed records


MALFORMED = [{"schema": 1, "commit": "zz"}, {"schema": 2}, {"schema": 1}, '{"schema": 1, "commit": 5}', "schema"]


def test_a_malformed_deployment_blocks_nothing(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")
        body = {"ref": "main", "task": "release-tool", "auto_merge": False, "environment": "production"}
        for payload in MALFORMED:
            post(here.shop, "deployments", body | {"payload": payload}, ours(here))

        assert here.reconcile(only_settle=True) == ()
        assert here.rollback(halts=False).live == "1.2.3"
        assert here.deploy("1.3.0").outcome == "healthy"


def test_a_deployment_that_is_about_another_commit_than_it_says_is_passed_over(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.3")
        write(here, here.commit("v1.2.4"), *HEALTHY, token=ours(here), ref="v1.2.3")

        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"
        assert "has another commit than its payload says" in "".join(here.shop.said)


# Where a commit stands


def test_after_a_forced_push_the_lost_way_back_is_told(tmp_path: Path) -> None:
    cloud: list[Entry] = [{"branch": "cloud", "from": "v1.2.3", "commit": "Settings", "files": {"a": "1"}}]
    with production(tmp_path, *cloud, configuration="[sync]\n" + QUICK) as here:
        first = here.commit("cloud")
        here.rival("cloud", *[PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.HEALTHY, "well")])
        here.shop.api("PATCH", "git/refs/heads/cloud", {"sha": here.commit("v1.3.0"), "force": True})
        here.tested("v1.3.0")

        refused = here.preview("v1.3.0")

        assert (refused.outcome, refused.ways_out) == ("refused", ("no-way-back",))
        assert refused.reason.endswith("is in neither the deployed branch nor a release any more")
        with pytest.raises(RefusedError, match="no commit of `cloud` is called"):
            here.record(first)
        with pytest.raises(RefusedError, match="is in neither `cloud` nor a release, so nothing of it is run"):
            here.verify()


def test_a_commit_that_stands_nowhere_is_neither_deployed_nor_written_down(tmp_path: Path) -> None:
    with production(tmp_path, fork(tmp_path / "stolen"), configuration=QUICK) as here:
        for attempt in (here.deploy, here.record, here.rollback):
            with pytest.raises(RefusedError, match="no commit of `main` is called"):
                attempt(fork_head(here))
        assert here.story() == []


# References, and what was tested


REFERRING = """#!/bin/sh
printf '%s' "$RELEASE_VERSION" > '{file}'
printf '%s' "$RELEASE_REF_WEB" > '{file}.web'
"""
GOOD = f"ghcr.io/acme/shop@{DIGEST}"
EVIL = f"ghcr.io/mallory/shop@{DIGEST}"
WEB = "release-tool/reference/web"


def image(tmp_path: Path) -> str:
    return (tmp_path / "deployed.web").read_text()


def published(here: Production, tmp_path: Path, name: str, reference: str, **more: object) -> None:
    """Let a release have a manifest."""
    manifest = {"schema": 1, "tag": name, "version": name[1:], "commit": here.commit(name), "files": []}
    references = [{"name": "web", "reference": reference}]
    path = tmp_path / "manifest.json"
    path.write_bytes(msgspec.json.encode(manifest | {"references": references} | more))
    github = here.shop.github()
    release = github.release_by_tag(name)
    assert release is not None
    github.upload_asset(release, path.name, path, "application/json")


def test_a_strangers_reference_chooses_no_image(tmp_path: Path) -> None:
    with production(tmp_path, CI, configuration=QUICK, command=REFERRING) as here:
        here.built("v1.2.3", "web", GOOD)
        mark(here, "v1.2.3", WEB, EVIL)

        assert here.deploy("1.2.3").outcome == "healthy"

        assert image(tmp_path) == GOOD
        assert "`release-tool/reference/web` of" in "".join(here.shop.said)


def test_the_manifest_of_a_release_has_the_last_word_on_what_was_built(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, command=REFERRING) as here:
        published(here, tmp_path, "v1.2.3", GOOD)
        mark(here, "v1.2.3", WEB, EVIL, token=ours(here))

        assert here.deploy("1.2.3").outcome == "healthy"

        assert image(tmp_path) == GOOD
        assert "says otherwise than the manifest of v1.2.3" in "".join(here.shop.said)


def test_a_rollback_is_held_against_the_manifest_too(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, command=REFERRING, behave=bad("1.3.0")) as here:
        published(here, tmp_path, "v1.2.3", GOOD)
        write(here, here.commit("v1.2.3"), *HEALTHY, token=ours(here), references={"web": EVIL})

        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"

        assert image(tmp_path) == GOOD


def test_a_rollback_goes_on_by_the_ledger_while_the_manifest_can_not_be_read(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, command=REFERRING) as here:
        published(here, tmp_path, "v1.2.3", GOOD)
        write(here, here.commit("v1.2.3"), *HEALTHY, token=ours(here), references={"web": GOOD})
        here.was_proven("1.3.0")
        here.shop.box.fault(Fault(method="GET", path="/releases/assets/", status=502, times=100))

        assert here.rollback().live == "1.2.3"
        assert image(tmp_path) == GOOD


@pytest.mark.parametrize("more", [{"commit": "f" * 40}, {"references": "all"}], ids=["another commit", "another form"])
def test_a_manifest_that_is_not_this_releases_is_passed_over_and_named(tmp_path: Path, more: dict[str, object]) -> None:
    with production(tmp_path, configuration=QUICK, command=REFERRING) as here:
        published(here, tmp_path, "v1.2.3", EVIL, **more)
        here.built("v1.2.3", "web", GOOD)

        assert here.deploy("1.2.3").outcome == "healthy"

        assert image(tmp_path) == GOOD
        assert "manifest.json of v1.2.3 is not what was published for" in "".join(here.shop.said)


def test_a_reference_without_a_digest_is_passed_over(tmp_path: Path) -> None:
    with production(
        tmp_path, configuration=QUICK, command=REFERRING.replace("$RELEASE_REF_WEB", "${{RELEASE_REF_WEB-}}")
    ) as here:
        mark(here, "v1.2.3", WEB, "ghcr.io/acme/shop:latest", token=ours(here))
        assert here.deploy("1.2.3").outcome == "healthy"
        assert image(tmp_path) == ""


def test_a_commit_that_a_stranger_calls_tested_is_not(tmp_path: Path) -> None:
    cloud: Entry = {"branch": "cloud", "from": "main", "commit": "Settings", "files": {"a": "1"}}
    with production(tmp_path, CI, cloud, configuration="[sync]\n" + QUICK) as here:
        mark(here, "cloud", TESTED)
        refused = here.preview(here.commit("cloud"))
        assert (refused.outcome, refused.reason) == ("refused", "1.3.0+cloud.1 was not tested")
        here.tested("cloud")
        mark(here, "cloud", TESTED)
        assert here.preview(here.commit("cloud")).outcome == "goes"
