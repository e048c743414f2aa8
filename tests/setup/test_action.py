"""What the root action does around the command that a step names: its scripts are run here as a runner runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_tool.config.model import Config, Environment
from release_tool.setup import files as scaffold
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.shop import shop
from tests.workflow_rules import read_action

if TYPE_CHECKING:
    from tests.shop import Entry, Shop

ROOT = Path(__file__).parents[2]
STEPS = {step.name: step for step in read_action((ROOT / "action.yml").read_text()).runs.steps}
FILES = render(
    Config(environments={"production": Environment(command=("./deploy.sh",))}), Values(branch="main", action=ACTION)
)
LOOK, DEPLOY = "release-tool-look.yml", "release-tool-deploy.yml"
KEEP, START = "Switch a schedule on again that GitHub switched off", "Start what comes next, on the default branch"


def run(of: Shop, step: str, start: str = LOOK) -> subprocess.CompletedProcess[str]:
    """Run one step in a job that starts a workflow, and keeps the look alive."""
    names = {"GH_REPO": of.box.repository, "GH_TOKEN": of.box.token, "KEEP": LOOK, "START": start, "REF": "main"}
    path = f"{ROOT / 'tests/act/bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEPS[step].run],
        env={"PATH": path, "PYTHON": sys.executable, "PLAN": ""} | of.environment() | names,
        capture_output=True,
        text=True,
        check=False,
    )


def started(of: Shop) -> list[str]:
    return [run.path.rpartition("/")[2] for run in of.box.github.store.runs]


def state(of: Shop) -> str:
    return of.box.github.settings.actions.states.get(scaffold.LOOK, "active")


def switched_off(by: str, path: str = scaffold.LOOK) -> Entry:
    return {"actions": "enabled", "states": {path: by}}


def test_what_is_installed_is_this_very_commit_with_its_own_lock_and_nothing_from_a_cache() -> None:
    install = STEPS["Install"]
    assert install.env["UV_NO_CACHE"] == "1"
    assert '"$HERE/install.sh" "$tool" "$HERE/requirements/job.txt"' in install.run
    assert install.env["HERE"] == "${{ github.action_path }}"
    assert [step.uses for step in STEPS.values() if "cache" in step.uses] == []


def test_a_look_that_is_on_is_started(tmp_path: Path) -> None:
    with shop(tmp_path, files=FILES) as made:
        assert [run(made, KEEP).returncode, run(made, START).returncode] == [0, 0]
        assert started(made) == [LOOK]


def test_a_look_that_github_switched_off_is_switched_on_and_started(tmp_path: Path) -> None:
    with shop(tmp_path, switched_off("disabled_inactivity"), files=FILES) as made:
        assert [run(made, KEEP).returncode, run(made, START).returncode] == [0, 0]
        assert (state(made), started(made)) == ("active", [LOOK])


def test_a_look_that_a_person_switched_off_fails_no_run_and_stays_off(tmp_path: Path) -> None:
    with shop(tmp_path, switched_off("disabled_manually"), files=FILES) as made:
        kept, begun = run(made, KEEP), run(made, START)
        assert (kept.returncode, begun.returncode) == (0, 0)
        assert f"::warning::{LOOK} could not be started, so the dashboard stays as it is" in begun.stdout
        assert (state(made), started(made)) == ("disabled_manually", [])


def test_a_run_that_may_not_switch_the_look_on_says_how_and_goes_on(tmp_path: Path) -> None:
    reads: Entry = {"rights": {"actions": "read"}}
    with shop(tmp_path, switched_off("disabled_inactivity"), reads, files=FILES) as made:
        kept, begun = run(made, KEEP), run(made, START)
        assert (kept.returncode, begun.returncode) == (0, 0)
        assert f"Switch it on: gh workflow enable {LOOK}" in kept.stdout
        assert "::warning::" in begun.stdout
        assert state(made) == "disabled_inactivity"


@pytest.mark.parametrize("by", ["disabled_inactivity", "disabled_manually"])
def test_a_deployment_that_cannot_be_started_fails_the_run(tmp_path: Path, by: str) -> None:
    with shop(tmp_path, switched_off(by, scaffold.DEPLOY), files=FILES) as made:
        assert run(made, START, DEPLOY).returncode != 0
        assert started(made) == []
