"""What the workflows cost is counted from the very files, and stands in the documents."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.workflows import Kind, Run, cost, idle, kinds
from release_tool.config.model import Build, Config, Environment, Job, Sync
from release_tool.setup.files import DEPLOY as DEPLOYS
from release_tool.setup.files import RELEASE
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.workflow_rules import read_workflow

PAGE = (Path(__file__).parents[2] / "docs/adopting.md").read_text()
INSTALL = 10.0
CALLED = Config(
    sync=Sync(),
    environments={"production": Environment(command=("./deploy.sh",))},
    build=Build(workflow=".github/workflows/build.yml"),
    tests=Job(workflow=".github/workflows/tests.yml"),
)
DEPLOY = Run("release-tool-deploy.yml", frozenset({"plan", "after"}))
AFTER = (Run("release-tool-deploy.yml", frozenset({"plan", "environments"})), Run("release-tool-look.yml"))


def test_a_merge_and_a_quiet_month_cost_what_the_page_says() -> None:
    for kind in kinds():
        found = cost(kind, INSTALL)
        row = f"| {kind.name} | {found.in_a_row} | {found.jobs} | {found.minutes} | {idle(kind, INSTALL):,} |"
        assert row in PAGE, row


def test_it_costs_no_more_than_was_promised() -> None:
    by_name = {kind.name: kind for kind in kinds()}
    library, road = (cost(by_name[name], INSTALL) for name in ("a library", "the whole road"))
    assert library.in_a_row == 3
    assert road.in_a_row == 6
    assert road.jobs <= 10
    assert idle(by_name["a library"], INSTALL) == 0
    assert idle(by_name["the whole road"], INSTALL) <= 60


@pytest.mark.parametrize(
    "skipped, in_a_row, jobs",
    [
        (frozenset[str](), 7, 9),  # the candidate was merged, so that it has to be built
        (frozenset({"candidate"}), 6, 8),  # the candidate is the tag
    ],
)
def test_a_build_in_a_workflow_of_its_own_costs_a_job_more_where_the_candidate_was_merged(
    skipped: frozenset[str], in_a_row: int, jobs: int
) -> None:
    files = render(CALLED, Values(branch="main", action=ACTION))
    named = {path.rpartition("/")[2]: text for path, text in files.items()}
    found = cost(Kind("", named, (Run("release-tool.yml", skipped), DEPLOY), AFTER, ()), INSTALL)
    assert (found.in_a_row, found.jobs) == (in_a_row, jobs)


@pytest.mark.parametrize("called, in_a_row, jobs", [(False, 6, 8), (True, 7, 9)])
def test_each_further_environment_adds_one_job(called: bool, in_a_row: int, jobs: int) -> None:
    for number in range(1, 4):
        live = {f"stage-{place}": Environment(command=("./deploy.sh",)) for place in range(number)}
        config = msgspec.structs.replace(CALLED if called else Config(sync=Sync()), environments=live)
        files = render(config, Values(branch="main", action=ACTION))
        named = {path.rpartition("/")[2]: text for path, text in files.items()}
        deploy = DEPLOY._replace(environments=number)
        found = cost(Kind("", named, (Run("release-tool.yml"), deploy), AFTER, ()), INSTALL)
        assert (found.in_a_row, found.jobs) == (in_a_row + number - 1, jobs + number - 1)
    assert "Each further environment adds one." in PAGE


def test_the_dashboard_is_built_once_for_a_merge() -> None:
    """By the job that comes last, whether something is deployed or not."""
    files = render(CALLED, Values(branch="main", action=ACTION))
    starting = {
        (path, step.name, step.if_)
        for path, text in files.items()
        if path.endswith(".yml") and "/workflows/" in path
        for job in read_workflow(text).jobs.values()
        for step in job.steps
        if step.with_.get("start") == "release-tool-look.yml"
    }
    assert starting == {
        (RELEASE, "Refresh the dashboard, where nothing is deployed", "steps.deploy.outputs.environments == '[]'"),
        (DEPLOYS, "Close it, tell, and refresh the dashboard", ""),
    }
