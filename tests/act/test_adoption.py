"""A repository that has never seen the tool, from `init` to its first deployed pull request, run for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.act.project import SEARCH, Project
from tests.adoption import ADMIN, adopt
from tests.service import Service
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAKEFILE = """\
build:
	mkdir -p dist && git describe --tags --always > dist/shop.txt
test:
	test -e README.md
"""
COMMAND = """#!/bin/sh
set -eu
printf '%s' "$DEPLOY_TOKEN" > "$HOME/given"
printf '%s' "$RELEASE_VERSION" > "$HOME/live"
"""
ENVIRONMENT = """\
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
TOKEN = "a secret of the deployment"
PUBLISH = ["plan", "build", "release"]
SYNC = ["candidate", "tests", "advance"]
"""Where `cloud` is nothing but releases it moves to the very tag, which is built already."""
DEPLOY = ["plan", "environments", "close"]


@pytest.fixture
def fresh(tmp_path: Path, act: Path) -> Iterator[Project]:
    """A released project without any workflow, and a place that it is to be deployed to."""
    runner = tmp_path / "runner"
    files = {"Makefile": MAKEFILE, "README.md": "hello\n", "deploy.sh": COMMAND}
    with (
        Service(runner / "home" / "live") as service,
        shop(tmp_path, {"tag": "v1.2.3"}, SEARCH, ADMIN, files=files) as made,
    ):
        (made.clone / "release-tool.toml").write_text(ENVIRONMENT.format(url=service.url))
        project = Project(made, act, runner)
        project.secrets["DEPLOY_TOKEN"] = TOKEN
        yield project


@pytest.mark.timeout(300)
def test_from_init_to_the_first_released_synced_and_deployed_pull_request(fresh: Project) -> None:
    adopt(fresh.shop, "--cloud", "cloud")
    assert "made the branch cloud at " in fresh.shop.run("doctor", "--fix").err

    # What is there is released and carried into `cloud`; nothing is deployed before a person did it once.
    first = fresh.push("release.yml")
    assert (first.green, first.jobs) == (True, [*PUBLISH, *SYNC, "plan"]), first.said.log[-3000:]
    begun = fresh.dispatch("deploy.yml", action="deploy", environment="production", version="1.2.4")
    assert begun.green, begun.said.log[-3000:]

    fresh.merge(1)
    run = fresh.push("release.yml")
    assert (run.green, run.jobs) == (True, [*PUBLISH, *SYNC, *DEPLOY]), run.said.log[-3000:]
    assert {"v1.2.4", "v1.3.0"} <= {*fresh.releases()}
    assert fresh.commit("cloud") == fresh.commit("v1.3.0")
    assert (fresh.home / "live").read_text() == "1.3.0"
    assert (fresh.home / "given").read_text() == TOKEN
