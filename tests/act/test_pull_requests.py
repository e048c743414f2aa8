"""The workflows of a pull request, run for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.act.project import HOLE, POLICY, SEARCH, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.act.project import Project

pytestmark = pytest.mark.timeout(300)

CHECKS = {"style", "types", "workflows", "tests", "package"}


@pytest.fixture
def ours(tmp_path: Path, act: Path) -> Iterator[Project]:
    """Pull requests 1 (a feature) and 2 (a fix) are open."""
    with project(tmp_path, act, SEARCH, HOLE) as made:
        yield made


def test_a_pull_request_is_told_once_which_version_it_makes(ours: Project) -> None:
    for _ in range(2):
        run = ours.pull_request(POLICY, "pull_request_target", 1)
        assert (run.green, run.jobs) == (True, ["policy"])
        assert "Merging this makes v1.3.0" in run.summary
    (comment,) = ours.comments(1)
    assert "Merging this makes v1.3.0" in comment


def test_a_change_that_would_break_others_unwarned_fails_the_policy_check(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH | {"labels": ["breaking"]}) as made:
        run = made.pull_request(POLICY, "pull_request_target", 1)
        assert (run.green, run.jobs) == (False, ["policy: failure"])
        assert "## Migration" in run.summary


def test_the_checks_pass_when_all_of_them_do(ours: Project) -> None:
    run = ours.pull_request("pr-checks.yml", "pull_request", 1)
    assert run.green, run.said.log
    assert (set(run.jobs), run.jobs[-1]) == (CHECKS | {"checks"}, "checks")
    assert sorted(path.name for path in ours.artifacts.glob("*/*/*")) == ["coverage"]


@pytest.mark.parametrize("goal, job", [("style", "style"), ("coverage", "tests"), ("smoke", "package")])
def test_the_checks_fail_when_one_of_them_does(ours: Project, goal: str, job: str) -> None:
    ours.breaks(goal)
    run = ours.pull_request("pr-checks.yml", "pull_request", 1)
    assert not run.green
    assert {f"{job}: failure", "checks: failure"} <= set(run.jobs)
