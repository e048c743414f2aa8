"""A repository that has never seen the tool, from `init` to its first deployed pull request, run for real."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.act.program import ROOT
from tests.act.project import BUILD, CONFIGURATION, DEPLOY, HOLE, LOOK, RELEASE, SEARCH, Project, project
from tests.act.project import MAKEFILE as BUILDS
from tests.adoption import ADMIN, adopt
from tests.service import Service
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer

MAKEFILE = """\
build:
	mkdir -p dist && git describe --tags --always > dist/shop.txt
	python3 push.py dist/shop.txt > dist/release-references.txt
test:
	test -e README.md
"""
PUSH = """\
# Pushes what was built to a registry that wants a password, and tells its digest.
import base64, hashlib, os, sys, urllib.request
body = open(sys.argv[1], "rb").read()
given = base64.b64encode(("ci:" + os.environ["REGISTRY_TOKEN"]).encode()).decode()
request = urllib.request.Request(
    open("registry").read() + "/v2/shop", data=body, method="PUT", headers={"Authorization": "Basic " + given}
)
urllib.request.urlopen(request)
print("web=registry.test/shop@sha256:" + hashlib.sha256(body).hexdigest())
"""
COMMAND = """#!/bin/sh
set -eu
printf '%s' "$DEPLOY_TOKEN" > "$HOME/given"
printf '%s' "$RELEASE_REF_WEB" > "$HOME/image"
printf '%s' "$RELEASE_VERSION" > "$HOME/live"
"""
SETTINGS = """\
[build]
secrets = ["REGISTRY_TOKEN"]
references = ["web"]

[tests]
secrets = ["REGISTRY_TOKEN"]

[environments.production]
automatic = true
command = ["./deploy.sh"]
pass-env = ["DEPLOY_TOKEN"]
url = "{url}"
bake = "500ms"

[[environments.production.checks]]
url = "/health"
version-pointer = "/version"
interval = "100ms"
deadline = "10s"
"""
OLD_SET = ROOT / "tests/setup/old_set"
TOKEN, PASSWORD = "a secret of the deployment", "a password of the registry"
ROAD = ["plan", "build", "release", "tests", "advance"]
"""Five jobs in a row, and the deployment is the sixth."""


@pytest.fixture
def fresh(tmp_path: Path, act: Path, httpserver: HTTPServer) -> Iterator[Project]:
    """A released project without any workflow, a registry, and a place that it is to be deployed to."""
    runner = tmp_path / "runner"
    given = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
    httpserver.expect_request("/v2/shop", method="PUT", headers={"Authorization": f"Basic {given}"}).respond_with_data()
    files = {
        "Makefile": MAKEFILE,
        "README.md": "hello\n",
        "deploy.sh": COMMAND,
        "push.py": PUSH,
        "registry": httpserver.url_for(""),
    }
    with (
        Service(runner / "home" / "live") as service,
        shop(tmp_path, {"tag": "v1.2.3"}, SEARCH, ADMIN, files=files) as made,
    ):
        (made.clone / "release-tool.toml").write_text(SETTINGS.format(url=service.url))
        adopting = Project(made, act, runner)
        adopting.secrets |= {"DEPLOY_TOKEN": TOKEN, "REGISTRY_TOKEN": PASSWORD}
        yield adopting


@pytest.mark.timeout(300)
def test_from_init_to_the_first_released_synced_and_deployed_pull_request(fresh: Project) -> None:
    adopt(fresh.shop, "--cloud", "cloud")
    assert "made the branch cloud at " in fresh.shop.run("doctor", "--fix").err

    # Merging what `init` wrote releases nothing: the first release is a person's.
    merged = fresh.push(RELEASE)
    assert (merged.green, merged.jobs) == (True, ["plan", "release"]), merged.said.log[-3000:]
    assert "the first release must be started by a person" in merged.said.log
    assert fresh.releases() == ["v1.2.3"]

    # What is there is released and carried into `cloud`; nothing is deployed before a person did it once.
    first = fresh.dispatch(RELEASE, level="auto")
    assert (first.green, first.jobs) == (True, ROAD), first.said.log[-3000:]
    assert fresh.dispatched(DEPLOY) == []
    begun = fresh.dispatch(DEPLOY, action="deploy", environment="production", version="1.2.4")
    assert begun.green, begun.said.log[-3000:]

    fresh.merge(1)
    run = fresh.push(RELEASE)
    assert (run.green, run.jobs) == (True, ROAD), run.said.log[-3000:]
    assert {"v1.2.4", "v1.3.0"} <= {*fresh.releases()}
    assert fresh.commit("cloud") == fresh.commit("v1.3.0")
    (deployment,) = fresh.dispatched(DEPLOY)
    assert (deployment.green, deployment.jobs) == (True, ["environments", "after"]), deployment.said.log[-3000:]
    assert (fresh.home / "live").read_text() == "1.3.0"
    assert (fresh.home / "given").read_text() == TOKEN
    assert (fresh.home / "image").read_text().startswith("registry.test/shop@sha256:")
    assert PASSWORD not in run.said.log + deployment.said.log

    # One look builds the dashboard for all of it, and the daily one finds nothing that was missed.
    looks = fresh.dispatched(LOOK)
    assert looks
    assert all(look.green for look in looks), looks[-1].said.log[-3000:]
    daily = fresh.schedule(LOOK)
    assert daily.green, daily.said.log[-3000:]
    assert fresh.dispatched(RELEASE) == fresh.dispatched(DEPLOY) == []


@pytest.mark.timeout(200)
def test_a_missing_password_is_said_before_anything_is_built(fresh: Project) -> None:
    adopt(fresh.shop)
    del fresh.secrets["REGISTRY_TOKEN"]
    run = fresh.dispatch(RELEASE, level="auto")
    assert run.jobs == ["plan: failure"], run.said.log[-3000:]
    assert "gh secret set REGISTRY_TOKEN --repo acme/shop" in run.said.log
    assert fresh.releases() == ["v1.2.3"]


@pytest.mark.timeout(300)
def test_who_has_the_files_of_1_3_releases_with_them_and_after_one_change_with_the_new_ones(
    tmp_path: Path, act: Path
) -> None:
    old = {str(path.relative_to(OLD_SET)): path.read_text() for path in OLD_SET.rglob("*") if path.is_file()}
    old |= {".github/workflows/build.yml": BUILD, "Makefile": BUILDS, "release-tool.toml": CONFIGURATION}
    with project(tmp_path, act, SEARCH, HOLE, ADMIN, tree=old) as made:
        made.merge(1)
        before = made.push("release.yml")
        assert before.green, before.said.log[-3000:]
        assert made.commit("cloud") != made.commit("v1.3.0")  # it has a commit of its own, so it was merged

        made.shop.git("pull", "--quiet", "origin", "main")
        adopt(made.shop)
        made.merge(2)
        run = made.push(RELEASE)
        built = ["plan", "build", "release", "build", "tests", "advance"]
        assert (run.green, run.jobs) == (True, built), run.said.log[-3000:]
        assert made.releases()[:2] == ["v1.3.1", "v1.3.0"]
        assert made.contains("cloud", "v1.3.1")
