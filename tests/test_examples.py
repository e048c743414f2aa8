"""The examples are whole: a configuration that is read, a build that the workflows can call, every secret named."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_tool.config.read import parse
from release_tool.deploy.freeze import parse_cron, parse_zone
from release_tool.deploy.health.judge import unusable
from release_tool.deploy.health.verdict import checks_of
from release_tool.release.assets import parse_references
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.workflow_rights import breaches_of_rights
from tests.workflow_rules import breaches_of_action, breaches_of_workflow, read_workflow

if TYPE_CHECKING:
    from release_tool.config.model import Config

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/release-tool.toml"))
RECIPES = {"compose": "compose-ssh", "kubernetes": "kubectl", "library": ""}
WORKFLOWS = {f"./{path.relative_to(ROOT)}": path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
DIGEST = f"sha256:{'a' * 64}"
DOCKER = """#!/bin/sh
echo "docker $*" >>calls
case $1 in inspect) echo "${{4%:*}}@{digest}" ;; esac
"""


def configuration(name: str) -> Config:
    file = EXAMPLES / name / "release-tool.toml"
    return parse(file.read_text(), file.name)


def callable_workflows(name: str) -> dict[str, str]:
    """The workflows of a repository that has taken the example over."""
    own = {f"./.github/workflows/{path.name}": path.read_text() for path in (EXAMPLES / name).glob("*.yml")}
    return {path: text for path, text in WORKFLOWS.items() if path not in own} | own


def test_there_is_one_for_each_way_that_is_promised() -> None:
    assert sorted(RECIPES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_environments_can_be_healthy_and_prove_the_version(name: str) -> None:
    for environment in configuration(name).environments.values():
        checks = checks_of(environment)
        assert any(check.version_pointer for check in checks)
        assert [problem for check in checks for problem in unusable(check)] == []
        for freeze in environment.freeze:
            parse_cron(freeze.cron)
            parse_zone(freeze.timezone)


@pytest.mark.parametrize("name", NAMES)
def test_its_command_is_in_the_example_or_in_its_recipe(name: str) -> None:
    for environment in configuration(name).environments.values():
        recipe = ROOT / "docs" / "recipes" / RECIPES[name]
        found = [
            path
            for path in (EXAMPLES / name / environment.command[0], recipe / environment.command[0])
            if path.exists()
        ]
        assert found
        assert found[0].stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("name", NAMES)
def test_its_page_names_every_secret_and_fits_on_a_page(name: str) -> None:
    config, page = configuration(name), (EXAMPLES / name / "README.md").read_text()
    secrets = {secret for environment in config.environments.values() for secret in environment.pass_env}
    secrets |= {channel.url_env for channel in config.channels.values()}
    secrets |= {"REGISTRY_TOKEN"} if "REGISTRY_TOKEN" in (EXAMPLES / name / "build.yml").read_text() else set()
    assert [secret for secret in sorted(secrets) if f"`{secret}`" not in page] == []
    places = {*config.environments, *(one.rollback_environment for one in config.environments.values())} - {""}
    assert [place for place in sorted(places) if f"environment `{place}`" not in page] == []
    assert len(page.splitlines()) <= 60


@pytest.mark.parametrize("name", NAMES)
def test_its_workflows_keep_the_house_rules_and_can_be_called_by_ours(name: str) -> None:
    texts = callable_workflows(name)
    others = {path: read_workflow(text) for path, text in texts.items()}
    for path, text in texts.items():
        assert list(breaches_of_workflow(text, others)) == [], path
    for action in (EXAMPLES / name).glob("*/action.yml"):
        assert list(breaches_of_action(action.read_text())) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_init_writes_for_it_gives_its_build_the_secrets_that_it_names(name: str) -> None:
    config = configuration(name)
    values = Values(branch="main", action=ACTION, build=("make build",), test=("make test",))
    files = {path: text for path, text in render(config, values).items() if path.startswith(".github/workflows")}
    files |= {
        path.removeprefix("./"): text
        for path, text in callable_workflows(name).items()
        if text not in WORKFLOWS.values()
    }
    passed = {secret for environment in config.environments.values() for secret in environment.pass_env}
    assert list(breaches_of_rights(files, passed.union(config.build.secrets, config.tests.secrets))) == []


@pytest.mark.parametrize("name", ["compose", "kubernetes"])
def test_its_build_tells_the_image_by_its_digest(tmp_path: Path, name: str) -> None:
    (job,) = read_workflow((EXAMPLES / name / "build.yml").read_text()).jobs.values()
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(digest=DIGEST))
    docker.chmod(0o755)
    (tmp_path / "compose.yaml").write_text("image: ${IMAGE:?}\n")
    (tmp_path / "k8s").mkdir()
    output = tmp_path / "output"
    environment = {
        "PATH": f"{docker.parent}{os.pathsep}{os.environ['PATH']}",
        "IMAGE": "ghcr.io/acme/shop",
        "SHA": "5" * 40,
        "VERSION": "1.3.0",
        "REGISTRY_TOKEN": "our-token",
        "REFERENCE": f"ghcr.io/acme/shop@{DIGEST}",
        "GITHUB_OUTPUT": str(output),
    }
    for step in job.steps:
        subprocess.run(["bash", "-e", "-c", step.run], cwd=tmp_path, env=environment, check=True)
    told = output.read_text().removeprefix("reference=").strip()
    (reference,) = parse_references([f"web={told}"])
    assert reference.reference == f"ghcr.io/acme/shop@{DIGEST}"
    calls = (tmp_path / "calls").read_text()
    assert "our-token" not in calls
    assert f"docker push ghcr.io/acme/shop:{'5' * 40}" in calls
    built = list((tmp_path / "dist").iterdir())
    assert built
    assert all(DIGEST in file.read_text() for file in built if file.suffix == ".yaml")


def test_the_two_regions_differ_from_the_recipe_in_one_line() -> None:
    recipe = (ROOT / "docs" / "recipes" / "kubectl" / "deploy.sh").read_text().splitlines()
    ours = (EXAMPLES / "kubernetes" / "deploy.sh").read_text().splitlines()
    assert [line for line in ours if not line.startswith("kubectl config use-context ")] == recipe
    assert len(ours) == len(recipe) + 1
