"""What a job lacks is told before anything is built or touched: secrets that are empty, references that got lost."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from release_tool.config.model import Build, Config, DeploySetup, Environment, Sync
from release_tool.config.model import Job as Tests
from release_tool.setup import files as scaffold
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.cli.test_deployment import QUICK, document, scene
from tests.shop import shop
from tests.workflow_rules import read_workflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

REFERENCE = f"web=registry.test/shop@sha256:{'a' * 64}"
IMAGE = '[build]\nsecrets = ["REGISTRY_TOKEN"]\nreferences = ["web"]\n\n[sync]\nbranch = "cloud"\n'


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Shop]:
    """A project that pushes an image and has something to release."""
    history: tuple[Entry, ...] = (
        {"tag": "v1.2.3"},
        {"branch": "cloud", "from": "v1.2.3", "commit": "Ours", "files": {"fly.toml": "x"}},
        {"pull": 1, "title": "feat: search", "author": "ada", "files": {"search.py": "1"}},
    )
    with shop(tmp_path, *history, files={"release-tool.toml": IMAGE}) as made:
        yield made


def writes(of: Shop) -> list[str]:
    return [f"{one.method} {one.path}" for one in of.box.requests if one.method != "GET" and "/repos/" in one.path]


# Secrets of the repository and the organization: the plan is told whether they are there


def test_a_secret_of_the_build_that_is_empty_is_refused_while_nothing_is_built(image: Shop) -> None:
    refused = image.run("plan", env=image.job(RELEASE_SECRET_REGISTRY_TOKEN="false"))
    assert refused.code == 3
    assert "the secret REGISTRY_TOKEN is empty" in refused.err
    assert "already true: nothing was built or written" in refused.err
    assert "gh secret set REGISTRY_TOKEN --repo acme/shop" in refused.err
    assert "/acme/shop/settings/secrets/actions" in refused.err
    assert writes(image) == []
    assert image.run("plan", env=image.job(RELEASE_SECRET_REGISTRY_TOKEN="true")).code == 0


def test_who_plans_at_home_is_asked_for_no_secret(image: Shop) -> None:
    assert image.run("plan").code == 0


# An environment's secrets: looked at in the job that names the environment


def test_an_empty_secret_of_an_environment_is_refused_before_the_ledger_or_a_target_is_touched(tmp_path: Path) -> None:
    passing = QUICK.replace("bake =", 'rollback-environment = "rescue"\npass-env = ["SSH_KEY"]\nbake =')
    with scene(tmp_path, configuration=passing) as here:
        before = here.ledger()
        for argv, gate in (
            (("deploy", "1.3.0", "-e", "production"), "production"),
            (("rollback", "-e", "production"), "rescue"),
        ):
            refused = here.shop.run(*argv, env=here.shop.job(SSH_KEY="", RELEASE_GATE=gate))
            assert refused.code == 2, refused.err
            assert "`pass-env` names SSH_KEY, which is not set, or empty" in refused.err
            assert f"gh secret set SSH_KEY --env {gate}" in refused.err
        assert here.ledger() == before
        assert here.halts() == []


def test_a_job_with_the_secrets_of_another_environment_deploys_nothing(tmp_path: Path) -> None:
    configuration = QUICK.replace("bake =", 'rollback-environment = "rescue"\nbake =')
    with scene(tmp_path, configuration=configuration) as here:
        before = here.ledger()
        refused = here.shop.run("deploy", "1.3.0", "-e", "production", env=here.shop.job(RELEASE_GATE="staging"))
        assert refused.code == 3
        assert "this job has the secrets of the environment `staging`, but deploys `production`" in refused.err
        assert here.ledger() == before
        done = here.shop.run("rollback", "-e", "production", "--json", env=here.shop.job(RELEASE_GATE="rescue"))
        assert document(done)["outcome"] == "healthy"


GIVEN = Config(
    sync=Sync(),
    environments={"production": Environment(command=("./deploy.sh",))},
    build=Build(secrets=("A", "B"), environment="builds"),
    tests=Tests(secrets=("A", "B")),
    deploy_setup=DeploySetup(secrets=("A", "B")),
)


@pytest.mark.parametrize(
    "path, job, where",
    [
        (scaffold.RELEASE, "build", " --env builds"),
        (scaffold.RELEASE, "tests", ""),
        (scaffold.DEPLOY, "environments", " --env rescue"),
    ],
)
def test_the_step_that_looks_for_empty_secrets_names_the_first_and_where_to_set_it(
    path: str, job: str, where: str
) -> None:
    """It is run here as a runner does, and comes before every step that could use one."""
    steps = read_workflow(render(GIVEN, Values(branch="main", action=ACTION))[path]).jobs[job].steps
    (number,) = (number for number, step in enumerate(steps) if "NAMES" in step.env)
    assert all("secrets." not in str(step) for step in steps[:number])
    variables = {"NAMES": steps[number].env["NAMES"], "ENVIRONMENT": "production", "RELEASE_GATE": "rescue"}

    def run(**secrets: str) -> tuple[int, str]:
        argv = ["bash", "-e", "-c", steps[number].run]
        done = subprocess.run(argv, env=variables | secrets, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    assert run(A="1", B="2") == (0, "")
    assert run(A="1", B="") == (3, f"::error::The secret B is empty: gh secret set B{where}")
    assert run(B="2") == (3, f"::error::The secret A is empty: gh secret set A{where}")


# References: GitHub drops an output that contains a secret's value


@pytest.mark.parametrize("given", [(), ("--reference=",), (f"--reference={REFERENCE.replace('web', 'db')}",)])
def test_a_promised_reference_that_nothing_names_fails_the_release(image: Shop, given: tuple[str, ...]) -> None:
    refused = image.run("release", *given, env=image.job())
    assert refused.code == 3
    assert "the build reported no reference for web, which `build.references` requires" in refused.err
    assert "write `NAME=REF@DIGEST` into dist/release-references.txt" in refused.err
    assert writes(image) == []


def test_a_reference_travels_in_a_file_where_the_output_was_dropped(image: Shop) -> None:
    dist = image.clone / "dist"
    dist.mkdir()
    (dist / "release-references.txt").write_text(f"{REFERENCE}\n")
    done = image.run("release", "dist/release-references.txt", "--reference=", env=image.job())
    assert done.code == 0, done.err
    statuses = image.api("GET", f"commits/{image.git('rev-parse', 'HEAD')}/statuses")
    assert isinstance(statuses, list)
    assert [one["description"] for one in statuses] == [REFERENCE.partition("=")[2]]


def test_a_candidate_that_lacks_a_promised_reference_does_not_count_as_tested(image: Shop) -> None:
    assert image.run("release", f"--reference={REFERENCE}", env=image.job()).code == 0
    offered = image.run("sync", "--candidate", "--json", env=image.job()).document["sha"]
    refused = image.run("sync", f"--tested={offered}", "--reference=", env=image.job())
    assert refused.code == 3
    assert "the build reported no reference for web" in refused.err
    assert image.run("sync", f"--tested={offered}", f"--reference={REFERENCE}", env=image.job()).code == 0
