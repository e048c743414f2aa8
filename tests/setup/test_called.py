"""A workflow of the user's that ours calls: whatever GitHub would refuse, or leave empty, is named before."""

from __future__ import annotations

from pathlib import Path

import pytest

from release_tool.config.model import Build, Job
from release_tool.setup.called import breaches

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
IMAGE = (EXAMPLES / "compose/build.yml").read_text()
PATH = ".github/workflows/build.yml"
SOUND = Build(workflow=PATH, secrets=("REGISTRY_TOKEN",))


def test_the_examples_take_what_they_are_given() -> None:
    assert list(breaches("build", SOUND, IMAGE)) == []
    tests = (EXAMPLES / "kubernetes/cloud-tests.yml").read_text()
    assert list(breaches("tests", Job(workflow=PATH), tests)) == []


@pytest.mark.parametrize(
    "job, workflow, told",
    [
        (SOUND, None, "is not there"),
        (SOUND, "on: push\n", "does not start on `workflow_call`"),
        (SOUND, IMAGE.replace("      REGISTRY_TOKEN: #", "      OTHER: #"), "does not declare REGISTRY_TOKEN"),
        (Build(workflow=PATH), IMAGE, "uses REGISTRY_TOKEN, which `build.secrets` does not name"),
        (
            SOUND,
            IMAGE.replace("      contents: read", "      packages: write\n      contents: read"),
            "asks for `packages: write`, which `build.permissions` does not grant",
        ),
    ],
    ids=["missing", "not callable", "undeclared", "unnamed", "not granted"],
)
def test_what_would_not_start_or_be_empty_is_named(job: Build, workflow: str | None, told: str) -> None:
    assert told in "".join(breaches("build", job, workflow))


def test_steps_of_ours_need_no_such_look() -> None:
    assert list(breaches("build", Build(secrets=("REGISTRY_TOKEN",)), None)) == []
