"""The workflows, run for real: what people who merge, push or fill in a form can rely on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from tests.act.project import BUILD, CONFIGURATION, FILES, HOLE, LOOK, RELEASE, SEARCH, files_of, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.act.project import Project

pytestmark = pytest.mark.timeout(300)

PATH = f".github/workflows/{RELEASE}"
PUBLISH = ["plan", "build", "release"]
SYNC = ["tests", "advance"]


@pytest.fixture
def ours(tmp_path: Path, act: Path) -> Iterator[Project]:
    """v1.2.3 is released, `cloud` has a commit of its own, and pull requests 1 (a feature) and 2 (a fix) are open."""
    with project(tmp_path, act, SEARCH, HOLE) as runner:
        yield runner


# The whole road


def test_a_merged_pull_request_is_released_and_carried_into_cloud_by_one_run(ours: Project) -> None:
    ours.merge(1)
    run = ours.push(RELEASE)
    assert (run.green, run.jobs) == (True, PUBLISH + SYNC)
    assert ours.releases() == ["v1.3.0", "v1.2.3"]
    assert ours.contains("cloud", "v1.3.0")


def test_every_job_that_decides_says_on_the_page_of_the_run_what_it_did_and_why(ours: Project) -> None:
    ours.merge(1)
    lines = ours.push(RELEASE).summary.splitlines()
    told = [*dict.fromkeys(line for line in lines if line.startswith("###"))]  # act tells each step's twice
    cloud = ours.commit("cloud")[:10]
    assert told == [
        "### main: v1.3.0 is next (minor): 1 change since v1.2.3",
        "### v1.3.0 is released",
        "### candidate: `cloud` has commits of its own, so v1.3.0 is merged into it",
        f"### tested: {cloud} is tested",
        f"### advanced: `cloud` moved to {cloud}",
    ]


def test_what_was_built_once_is_what_was_attested_and_released(ours: Project) -> None:
    ours.merge(1)
    ours.push(RELEASE)
    built = hashlib.sha256(b"v1.3.0\n").hexdigest()
    assert built in ours.asset("v1.3.0", "SHA256SUMS")
    attested = (ours.artifacts / "attested").read_text().splitlines()
    assert [line.partition(" ")[0] for line in attested if line.endswith("/dist/shop.txt")] == [built]


def test_merges_that_no_run_has_seen_are_released_together(ours: Project) -> None:
    ours.merge(1)
    ours.merge(2)
    look = ours.schedule(LOOK)
    (run,) = ours.dispatched(RELEASE)
    assert (look.green, run.green, run.jobs) == (True, True, PUBLISH + SYNC)
    assert ours.releases() == ["v1.3.0", "v1.2.3"]


def test_a_run_that_finds_nothing_to_do_says_so_and_changes_nothing(ours: Project) -> None:
    ours.merge(1)
    ours.push(RELEASE)
    before = ours.refs()
    run = ours.dispatch(RELEASE, level="auto")
    assert (run.green, run.jobs) == (True, ["plan", "release"])
    assert "nothing has landed on main since v1.3.0" in run.summary
    assert ours.refs() == before


def test_a_private_repository_is_released_without_attestation(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH, private=True) as runner:
        runner.merge(1)
        run = runner.push(RELEASE)
        assert (run.green, runner.releases()) == (True, ["v1.3.0", "v1.2.3"])
        assert not (runner.artifacts / "attested").exists()


def test_a_reference_arrives_by_a_file_where_github_drops_the_output(tmp_path: Path, act: Path) -> None:
    """As it does where the name of a registry is kept as a secret."""
    image = f"registry.test/shop@sha256:{'b' * 64}"
    told = BUILD.replace("make build", f"make build && echo web={image} > dist/release-references.txt")
    promising = '\n[build]\nworkflow = ".github/workflows/build.yml"\nreferences = ["web"]\n'
    tree = files_of(CONFIGURATION + promising) | {".github/workflows/build.yml": told}
    with project(tmp_path, act, SEARCH, tree=tree) as made:
        made.merge(1)
        run = made.push(RELEASE)
        assert (run.green, run.jobs) == (True, [*PUBLISH, "build", *SYNC]), run.said.log[-3000:]
        for built in ("v1.3.0", "cloud"):
            assert made.statuses(made.commit(built))["release-tool/reference/web"] == "success"


def test_a_maintenance_branch_is_released_from_and_stays_out_of_cloud(ours: Project) -> None:
    ours.land("1.2.x", "fix: a hole in the old version", at="v1.2.3")
    cloud = ours.commit("cloud")
    run = ours.push(RELEASE, "refs/heads/1.2.x")
    assert (run.green, run.jobs) == (True, PUBLISH)
    assert ours.releases() == ["v1.2.4", "v1.2.3"]
    assert ours.commit("cloud") == cloud


def test_a_schedule_that_github_switched_off_is_switched_on_again_by_the_next_release(ours: Project) -> None:
    states = ours.shop.box.github.settings.actions.states
    states[f".github/workflows/{LOOK}"] = "disabled_inactivity"
    ours.merge(1)
    assert ours.push(RELEASE).green
    assert states[f".github/workflows/{LOOK}"] == "active"


# By hand


@pytest.mark.parametrize(
    "inputs, tag",
    [
        ({"level": "major"}, "v2.0.0"),
        ({"level": "auto"}, "v1.3.0"),
        ({"level": "patch", "version": "1.7.0"}, "v1.7.0"),
        ({"level": "auto", "pre": "rc"}, "v1.3.0-rc.1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_a_person_forces_a_level_or_a_version_by_the_form(ours: Project, inputs: dict[str, str], tag: str) -> None:
    ours.merge(1)
    run = ours.dispatch(RELEASE, **inputs)
    assert run.green, run.said.log
    assert ours.releases() == [tag, "v1.2.3"]


def test_a_bump_typed_at_a_terminal_follows_the_run_to_the_release(ours: Project) -> None:
    ours.merge(1)
    ours.shop.git("pull", "--quiet")
    typed, (run,) = ours.types("bump", "--force", "major", "--yes", starts=RELEASE)
    assert (typed.code, run.green) == (0, True)
    assert "v2.0.0 is released" in typed.out
    assert ours.releases() == ["v2.0.0", "v1.2.3"]


def test_a_version_tag_that_a_person_pushes_becomes_that_version_and_reaches_cloud(ours: Project) -> None:
    ours.merge(1)
    ours.tag("v1.9.0", "main")
    run = ours.push(RELEASE, "refs/tags/v1.9.0")
    assert (run.green, run.jobs) == (True, PUBLISH + SYNC)
    assert ours.releases() == ["v1.9.0", "v1.2.3"]
    assert ours.contains("cloud", "v1.9.0")


def test_a_hot_fix_of_an_older_version_is_tested_by_the_form_and_moves_nothing(ours: Project) -> None:
    ours.merge(1)
    ours.push(RELEASE)
    ours.land("1.2.x", "fix: a hole in the old version", at="v1.2.3")
    ours.push(RELEASE, "refs/heads/1.2.x")
    cloud = ours.commit("cloud")
    run = ours.dispatch(RELEASE, carry="v1.2.4")
    assert (run.green, run.jobs) == (True, ["release", *SYNC]), run.said.log[-3000:]
    assert ours.commit("cloud") == cloud
    assert ours.statuses(ours.commit("v1.2.4"))["release-tool/tested"] == "success"


def test_what_a_person_pushes_to_cloud_is_built_and_tested_and_stays_there(ours: Project) -> None:
    ours.land("cloud", "Hotfix", at="cloud")
    pushed = ours.commit("cloud")
    run = ours.push(RELEASE, "refs/heads/cloud")
    assert (run.green, run.jobs) == (True, ["release", *SYNC])
    assert (ours.commit("cloud"), ours.statuses(pushed)["release-tool/tested"]) == (pushed, "success")


# When something fails


def test_a_build_that_fails_leaves_no_tag_and_no_release(ours: Project) -> None:
    ours.merge(1)
    before = ours.refs()
    ours.breaks("build")
    run = ours.push(RELEASE)
    assert (run.green, run.jobs[:2]) == (False, ["plan", "build: failure"])
    assert (ours.refs(), ours.releases(drafts=True)) == (before, ["v1.2.3"])


def test_cloud_tests_that_fail_leave_cloud_where_it_was_and_the_release_published(ours: Project) -> None:
    ours.merge(1)
    before = ours.commit("cloud")
    ours.breaks("test")
    run = ours.push(RELEASE)
    assert (run.green, run.jobs) == (False, [*PUBLISH, "tests: failure"])
    assert (ours.commit("cloud"), ours.releases()) == (before, ["v1.3.0", "v1.2.3"])


@pytest.mark.parametrize("what", ["build", "test"])
def test_a_run_that_failed_is_run_again_and_finishes_the_work(ours: Project, what: str) -> None:
    ours.merge(1)
    ours.breaks(what)
    failed = ours.push(RELEASE)
    ours.mends(what)
    run = ours.again(failed)
    assert (failed.green, run.green) == (False, True)
    assert ours.releases() == ["v1.3.0", "v1.2.3"]
    assert ours.contains("cloud", "v1.3.0")


def test_a_run_that_died_after_it_claimed_the_tag_is_run_again_and_publishes_one_release(ours: Project) -> None:
    ours.merge(1)
    ours.shop.box.fault(Fault(method="POST", path="/assets", status=502, times=1000))
    failed = ours.push(RELEASE)
    ours.shop.box.faults.clear()
    assert (failed.green, ours.commit("v1.3.0"), ours.releases()) == (False, ours.commit("main"), ["v1.2.3"])
    run = ours.again(failed)
    assert (run.green, ours.releases(drafts=True)) == (True, ["v1.3.0", "v1.2.3"])
    assert ours.contains("cloud", "v1.3.0")


def test_a_run_that_came_too_late_to_tag_its_commit_leaves_it_to_a_run_of_what_is_newest(ours: Project) -> None:
    """GitHub lets nobody tag a commit whose workflow files are at the head of no branch any more."""
    ours.land("main", "feat: search", at="main", path=PATH, text=f"{FILES[PATH]}# search\n")
    late = ours.commit("main")
    ours.land("main", "ci: build it otherwise", at="main", path=PATH, text=f"{FILES[PATH]}# otherwise\n")
    first = ours.push(RELEASE, sha=late)
    assert (first.green, ours.releases()) == (True, ["v1.2.3"])
    (second,) = ours.dispatched(RELEASE)
    assert (second.green, ours.releases()) == (True, ["v1.3.0", "v1.2.3"])
    assert ours.contains("v1.3.0", "main")


def test_what_a_failed_run_left_is_done_by_the_next_run_of_whatever_kind(ours: Project) -> None:
    ours.merge(1)
    ours.breaks("test")
    ours.push(RELEASE)
    ours.mends("test")
    ours.schedule(LOOK)
    (run,) = ours.dispatched(RELEASE)
    assert (run.green, run.jobs) == (True, ["plan", "release", *SYNC])
    assert ours.contains("cloud", "v1.3.0")


def test_a_run_of_last_week_that_is_run_again_changes_nothing(ours: Project) -> None:
    ours.merge(1)
    last_week = ours.push(RELEASE)
    ours.merge(2)
    ours.push(RELEASE)
    before = ours.refs(), ours.releases()
    run = ours.again(last_week)
    assert run.green, run.said.log
    assert (ours.refs(), ours.releases()) == before


def test_a_release_that_a_dead_run_left_half_done_is_finished_first_and_then_what_landed_since(
    tmp_path: Path, act: Path
) -> None:
    landed = SEARCH | {"state": "merged"}
    with project(tmp_path, act, landed, {"tag": "v1.3.0", "claimed": True}, HOLE) as runner:
        runner.merge(2)
        first = runner.push(RELEASE)
        assert (first.green, runner.releases()) == (True, ["v1.3.0", "v1.2.3"])
        assert "hole.py" not in runner.asset("v1.3.0", "parts.txt")
        (second,) = runner.dispatched(RELEASE)
        assert second.green
        assert runner.releases() == ["v1.3.1", "v1.3.0", "v1.2.3"]
        assert "hole.py" in runner.asset("v1.3.1", "parts.txt")
        assert runner.contains("cloud", "v1.3.1")


def test_a_conflict_with_cloud_ends_the_run_red_with_a_pull_request_that_says_what_to_do(
    tmp_path: Path, act: Path
) -> None:
    clash = SEARCH | {"files": {"fly.toml": "of main\n"}}
    with project(tmp_path, act, clash) as runner:
        runner.merge(1)
        before = runner.commit("cloud")
        run = runner.push(RELEASE)
        assert (run.green, run.jobs) == (False, ["plan", "build", "release: failure"])
        assert runner.commit("cloud") == before
        assert runner.pulls("cloud") == ["Resolve the conflicts of v1.3.0 with cloud"]
