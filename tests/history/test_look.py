"""What a user lives through with a repository, told by what is planned for it on real git and the stand-in."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from github_sandbox.faults import Fault
from release_tool.deploy.withdraw import withdraw
from release_tool.errors import RefusedError, RemoteError, UsageError
from release_tool.history.changes import BumpRule, ChangeKind
from release_tool.history.facts import Request
from release_tool.model.version import Bump, Version
from release_tool.release.notes.edit import notes_of, written
from release_tool.release.plan import Action
from release_tool.release.planning import plan
from tests import examples
from tests.shop import Shop, shop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from release_tool.project import Project
    from release_tool.release.notes.render import Rendered
    from release_tool.release.plan import ReleasePlan
    from tests.shop import Entry

RELEASED: Entry = {"tag": "v1.2.3"}
SEARCH: Entry = {"pull": 1, "title": "feat: search", "labels": ["feature"], "files": {"search.py": "find()\n"}}
TYPO: Entry = {"pull": 2, "title": "fix: a typo", "labels": ["fix"], "files": {"README.md": "hello!\n"}}


class Planner(Protocol):
    """Plans the next release of a shop."""

    def __call__(self, of: Shop, *, since: str = "", prerelease: str = "") -> ReleasePlan:
        """The plan."""


@pytest.fixture(params=["token", "git"])
def planned(request: pytest.FixtureRequest) -> Planner:
    """Plan with a token, and from git alone: what both can see, both tell alike."""
    env: Mapping[str, str] | None = None if request.param == "token" else {}

    def look(of: Shop, *, since: str = "", prerelease: str = "") -> ReleasePlan:
        return plan(of.project(env=env), Request(since=since, prerelease=prerelease))

    return look


def with_token(of: Shop) -> ReleasePlan:
    return plan(of.project(), Request())


def bumps(of: ReleasePlan) -> dict[str, str]:
    """The bump of each change by its pull request, or by its title where it was pushed."""
    return {f"#{change.pull}" if change.pull else change.title: str(change.bump) for change in of.changes}


def prose(project: Project, told: ReleasePlan) -> Rendered:
    """The notes of a plan, written."""
    return written(project, notes_of(project, told))


def reclone(of: Shop, path: Path, *options: str) -> Shop:
    """Clone the same repository once more, in another way."""
    subprocess.run(["git", "clone", "--quiet", *options, of.box.clone_url, str(path)], check=True)
    return Shop(of.box, path)


def commit(of: Shop, message: str, **files: str) -> str:
    """Commit on this machine only."""
    for name, text in files.items():
        (of.clone / name).write_text(text)
        of.git("add", name)
    of.git("commit", "--quiet", "--allow-empty", "--message", message)
    return of.git("rev-parse", "HEAD")


def push(of: Shop, branch: str = "main") -> None:
    of.git("push", "--quiet", of.box.push_url, f"HEAD:refs/heads/{branch}")


# Tags


def test_a_repository_without_tags_begins_with_the_initial_version_and_lists_nothing(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, SEARCH) as ours:
        told = planned(ours)

        assert (told.action, told.tag, told.previous) == (Action.RELEASE, "v0.1.0", None)
        assert told.changes == ()
        assert "First release" in prose(ours.project(env={}), told).text


def test_a_first_release_lists_what_landed_since_a_commit_that_is_named(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, TYPO, SEARCH) as ours:
        told = planned(ours, since=ours.git("rev-parse", "HEAD~1"))

        assert told.tag == "v0.1.0"
        assert [change.pull for change in told.changes] == [1]


def test_prereleases_alone_are_no_base_for_a_release_but_for_the_next_prerelease(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, {"tag": "v1.0.0-rc.1", "prerelease": True}, TYPO) as ours:
        stable, candidate = planned(ours), planned(ours, prerelease="rc")

        assert (stable.tag, stable.previous, stable.changes) == ("v1.0.0", None, ())
        assert (candidate.tag, candidate.previous, candidate.prerelease) == ("v1.0.0-rc.2", "v1.0.0-rc.1", True)


def test_a_release_after_its_candidates_lists_everything_since_the_last_stable_one(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, RELEASED, SEARCH, {"tag": "v1.3.0-rc.1", "prerelease": True}, TYPO) as ours:
        told = planned(ours)

        assert (told.tag, told.previous) == ("v1.3.0", "v1.2.3")
        assert bumps(told) == {"#1": "minor", "#2": "patch"}


@pytest.mark.parametrize("tag", ["v9.9.9-01", "nightly", "v٩.٩.٩", "v9.9.9-", "nightly-20240101", "debian/9.9.9"])
def test_a_tag_that_is_no_version_of_the_project_is_as_good_as_none(tmp_path: Path, planned: Planner, tag: str) -> None:
    with shop(tmp_path, RELEASED, {"tag": tag, "release": False}, TYPO) as ours:
        assert planned(ours).previous == "v1.2.3"


@pytest.mark.parametrize(
    "tag, following",
    [("9.9.9", "9.9.10"), ("V9.9.9", "V9.9.10"), ("v9.9", "v9.9.1"), ("version-9.9.9", "version-9.9.10")],
)
def test_a_version_counts_whatever_its_prefix_and_the_next_one_is_named_like_it(
    tmp_path: Path, planned: Planner, tag: str, following: str
) -> None:
    with shop(tmp_path, RELEASED, SEARCH, {"tag": tag, "release": False}, TYPO) as ours:
        assert (planned(ours).previous, planned(ours).tag) == (tag, following)


@pytest.mark.parametrize("tag, way_out", [("v9", "10.0.0"), ("v9.9.9.9", "9.9.10")])
def test_a_version_below_one_that_cannot_be_read_is_refused(
    tmp_path: Path, planned: Planner, tag: str, way_out: str
) -> None:
    with shop(tmp_path, RELEASED, {"tag": tag, "release": False}, TYPO) as ours:
        with pytest.raises(RefusedError, match=f"not above {tag}") as refused:
            planned(ours)
        assert f"`--force {way_out}`" in refused.value.todo


def test_tags_of_another_prefix_count_once_it_is_configured(tmp_path: Path, planned: Planner) -> None:
    config = {"release-tool.toml": 'tag-prefix = "shop-"\n'}
    with shop(tmp_path, RELEASED, {"tag": "shop-4.5.6"}, TYPO, files=config) as ours:
        assert planned(ours).tag == "shop-4.5.7"


def test_a_tag_that_a_person_made_counts_as_released_without_a_release_on_github(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, {"tag": "v1.2.3", "release": False, "annotated": False}, TYPO) as ours:
        assert (planned(ours).action, planned(ours).tag) == (Action.RELEASE, "v1.2.4")


def test_of_two_tags_on_one_commit_the_higher_one_is_the_base(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, {"tag": "v1.10.0"}, {"tag": "v1.9.0"}, TYPO) as ours:
        assert (planned(ours).previous, planned(ours).tag) == ("v1.10.0", "v1.10.1")


def test_nothing_is_released_twice_when_the_head_carries_two_tags(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, TYPO, {"tag": "v1.9.0"}, {"tag": "v1.10.0"}) as ours:
        told = planned(ours)

        assert (told.action, told.reason) == (Action.NOTHING, "nothing has landed on main since v1.10.0")


def test_a_higher_version_on_a_branch_that_was_not_merged_is_no_base(tmp_path: Path, planned: Planner) -> None:
    aside: Entry = {"branch": "next", "commit": "Try", "files": {"x": "1\n"}}
    with shop(tmp_path, RELEASED, aside, {"tag": "v2.0.0", "at": "next"}, TYPO) as ours:
        assert (planned(ours).previous, planned(ours).tag) == ("v1.2.3", "v1.2.4")


def test_a_number_that_was_given_to_another_branch_is_skipped(tmp_path: Path, planned: Planner) -> None:
    aside: Entry = {"branch": "next", "commit": "Try", "files": {"x": "1\n"}}
    with shop(tmp_path, RELEASED, aside, {"tag": "v1.2.4", "at": "next"}, TYPO) as ours:
        assert planned(ours).tag == "v1.2.5"


def test_a_number_that_is_used_with_build_metadata_is_used(tmp_path: Path, planned: Planner) -> None:
    aside: Entry = {"branch": "next", "commit": "Try", "files": {"x": "1\n"}}
    with shop(tmp_path, RELEASED, aside, {"tag": "v1.2.4+build.5", "at": "next"}, TYPO) as ours:
        assert planned(ours).tag == "v1.2.5"


def test_below_one_a_breaking_change_raises_the_minor(tmp_path: Path) -> None:
    breaking: Entry = {"pull": 3, "title": "New format", "labels": ["breaking"], "files": {"x": "1\n"}}
    with shop(tmp_path, {"tag": "v0.3.1"}, breaking) as ours:
        told = with_token(ours)

        assert (told.tag, told.bump) == ("v0.4.0", Bump.MAJOR)


def test_below_one_a_breaking_change_makes_1_0_0_where_that_is_configured(tmp_path: Path, planned: Planner) -> None:
    breaking: Entry = {"pull": 3, "title": "feat!: new format", "files": {"x": "1\n"}}
    config = {"release-tool.toml": "major-on-zero = true\n"}
    with shop(tmp_path, {"tag": "v0.3.1"}, breaking, files=config) as ours:
        assert planned(ours).tag == "v1.0.0"


# Where the checkout stands


@pytest.mark.parametrize("options", [("--depth=1",), ("--depth=1", "--no-tags"), ("--depth=2", "--single-branch")])
def test_a_shallow_clone_is_deepened_until_the_last_release_is_in_it(
    tmp_path: Path, planned: Planner, options: tuple[str, ...]
) -> None:
    many: list[Entry] = [
        {"pull": number, "title": f"Part {number}", "labels": ["fix"], "files": {"x": f"{number}\n"}}
        for number in range(1, 121)
    ]
    with shop(tmp_path, RELEASED, *many) as ours:
        shallow = reclone(ours, tmp_path / "shallow", *options)
        told = planned(shallow)

        assert (told.previous, told.tag, len(told.changes)) == ("v1.2.3", "v1.2.4", 120)
        assert any("shallow" in line for line in shallow.said)


def test_a_shallow_clone_does_not_take_the_first_release_it_meets_for_the_highest(
    tmp_path: Path, planned: Planner
) -> None:
    between: list[Entry] = [{"commit": f"Part {number}", "files": {"x": f"{number}\n"}} for number in range(80)]
    with shop(tmp_path, {"tag": "v2.0.0"}, *between, {"tag": "v1.9.9"}, TYPO) as ours:
        assert planned(reclone(ours, tmp_path / "shallow", "--depth=1")).previous == "v2.0.0"


def test_a_shallow_clone_of_a_repository_without_tags_is_a_first_release(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, SEARCH, TYPO) as ours:
        assert planned(reclone(ours, tmp_path / "shallow", "--depth=1")).tag == "v0.1.0"


def test_a_shallow_clone_whose_remote_is_gone_is_a_clear_error_and_never_a_guess(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, SEARCH, TYPO) as ours:
        shallow = reclone(ours, tmp_path / "shallow", "--depth=1")
        shallow.git("remote", "set-url", "origin", str(tmp_path / "gone"))

        with pytest.raises(RemoteError) as error:
            plan(shallow.project(env={}), Request())

    assert error.value.todo


def test_a_shallow_clone_whose_history_is_not_given_says_how_to_get_it(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, SEARCH, TYPO) as ours:
        shallow = reclone(ours, tmp_path / "shallow", "--depth=1")
        ours.box.fault(Fault(method="POST", path="git-upload-pack", after=1, times=99, status=500))

        with pytest.raises(RemoteError, match="this clone is shallow") as error:
            plan(shallow.project(env={}), Request())

    assert "git fetch --unshallow" in error.value.todo


def test_a_detached_head_is_released_from_the_branch_that_it_is_on(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, TYPO, SEARCH) as ours:
        ours.git("checkout", "--quiet", "--detach", "HEAD~1")
        told = planned(ours)

        assert (told.branch, told.tag, bumps(told)) == ("main", "v1.2.4", {"#2": "patch"})


def test_a_job_that_checked_out_one_commit_without_any_branch_knows_where_it_is(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO) as ours:
        job = tmp_path / "job"
        subprocess.run(["git", "init", "--quiet", str(job)], check=True)
        alone = Shop(ours.box, job)
        alone.git("remote", "add", "origin", ours.box.clone_url)
        alone.git("fetch", "--quiet", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
        alone.git("checkout", "--quiet", "--detach", "origin/main")

        assert plan(alone.project(env=alone.job()), Request()).tag == "v1.2.4"


def test_a_commit_that_a_newer_release_holds_is_not_released_again(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, SEARCH, {"tag": "v1.3.0"}) as ours:
        ours.git("checkout", "--quiet", "--detach", "HEAD~1")
        told = with_token(ours)

        assert told.action is Action.NOTHING
        assert told.reason.endswith("is in v1.3.0 already")


def test_a_maintenance_branch_counts_from_its_own_highest_version_and_is_never_latest(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(
        tmp_path,
        {"tag": "v1.2.3"},
        {"branch": "1.x", "from": "v1.2.3"},
        {"pull": 1, "title": "feat!: new shop", "files": {"shop.py": "1\n"}},
        {"tag": "v2.0.0"},
        {"pull": 2, "title": "fix: old shop", "base": "1.x", "files": {"old.py": "1\n"}},
    ) as ours:
        ours.git("checkout", "--quiet", "1.x")
        told = planned(ours)

        assert (told.branch, told.previous, told.tag, told.latest) == ("1.x", "v1.2.3", "v1.2.4", False)
        assert bumps(told) == {"#2": "patch"}


def test_a_maintenance_branch_may_not_take_a_version_that_exists_elsewhere(tmp_path: Path, planned: Planner) -> None:
    with shop(
        tmp_path,
        {"tag": "v1.2.3"},
        {"branch": "1.x", "from": "v1.2.3"},
        TYPO,
        {"tag": "v1.2.4"},
        {"pull": 3, "title": "fix: old shop", "base": "1.x", "files": {"old.py": "1\n"}},
    ) as ours:
        ours.git("checkout", "--quiet", "1.x")

        with pytest.raises(RefusedError, match=r"1\.2\.4 exists already"):
            planned(ours)


def test_a_commit_on_no_branch_that_is_released_is_refused_by_name(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, {"branch": "topic", "commit": "Try", "files": {"x": "1\n"}}) as ours:
        ours.git("checkout", "--quiet", "topic")

        with pytest.raises(RefusedError, match=r"neither `main` nor a maintenance branch") as refused:
            planned(ours)

    assert refused.value.exit_code == 3


def test_a_commit_that_was_not_pushed_is_refused_with_a_token(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED) as ours:
        commit(ours, "Mine alone")

        with pytest.raises(RefusedError, match="is not on `main` on GitHub") as refused:
            with_token(ours)

    assert "push" in refused.value.todo


def test_a_commit_that_was_not_pushed_can_be_planned_from_git_alone(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED) as ours:
        commit(ours, "feat: mine alone")

        assert plan(ours.project(env={}), Request()).tag == "v1.3.0"


def test_the_default_branch_need_not_be_called_main(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, TYPO, default_branch="trunk") as ours:
        assert (planned(ours).branch, planned(ours).tag) == ("trunk", "v1.2.4")


def test_changes_that_are_not_committed_change_nothing(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, TYPO) as ours:
        clean = planned(ours)
        (ours.clone / "README.md").write_text("half a sentence")
        (ours.clone / "new.py").write_text("not added")
        ours.git("rm", "--quiet", "--cached", "README.md")

        assert planned(ours) == clean


def test_a_subdirectory_is_as_good_as_the_top(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, TYPO, files={"a/b/c.py": "1\n", "release-tool.toml": 'tag-prefix = "w"\n'}) as ours:
        assert planned(Shop(ours.box, ours.clone / "a" / "b")) == planned(ours)


def test_a_second_worktree_is_planned_at_its_own_commit(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, TYPO, SEARCH) as ours:
        ours.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "other"), "HEAD~1")

        assert planned(ours).tag == "v1.3.0"
        assert planned(Shop(ours.box, tmp_path / "other")).tag == "v1.2.4"


def test_a_clone_of_a_fork_is_planned_as_the_repository_that_was_asked_for(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED) as ours:
        fork = tmp_path / "fork.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", ours.box.clone_url, str(fork)], check=True)
        mine = Shop(ours.box, tmp_path / "mine")
        subprocess.run(["git", "clone", "--quiet", str(fork), str(mine.clone)], check=True)
        commit(ours, "fix: after the fork")
        push(ours)
        mine.git("remote", "add", "upstream", ours.box.clone_url)
        mine.git("pull", "--quiet", "upstream", "main")

        assert with_token(mine) == with_token(ours)


def test_a_clone_of_a_fork_is_planned_from_git_alone_with_the_tags_it_has(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO) as ours:
        ours.git("remote", "rename", "origin", "upstream")
        ours.git("remote", "add", "origin", str(tmp_path / "fork.git"))

        assert plan(ours.project(env={}), Request()).tag == "v1.2.4"


# What landed


def test_squash_merge_and_rebase_merges_are_one_change_each(tmp_path: Path) -> None:
    rebased = [{"message": "feat: one", "files": {"c": "1\n"}}, {"message": "two", "files": {"d": "1\n"}}]
    with shop(
        tmp_path,
        RELEASED,
        {"pull": 1, "title": "Squashed", "labels": ["fix"], "merge": "squash", "files": {"a": "1\n"}},
        {"pull": 2, "title": "Merged", "labels": ["fix"], "merge": "merge", "files": {"b": "1\n"}},
        {"pull": 3, "title": "Rebased", "labels": ["fix"], "merge": "rebase", "commits": rebased},
        {"pull": 4, "title": "Squashed too", "labels": ["fix"], "merge": "squash", "files": {"e": "1\n"}},
    ) as ours:
        assert bumps(with_token(ours)) == {"#1": "patch", "#2": "patch", "#3": "patch", "#4": "patch"}


def test_git_alone_tells_squash_and_merge_commits_and_says_that_rebased_ones_are_unseen(tmp_path: Path) -> None:
    rebased = [{"message": "one", "files": {"c": "1\n"}}, {"message": "two", "files": {"d": "1\n"}}]
    with shop(
        tmp_path,
        RELEASED,
        {"pull": 1, "title": "feat: squashed", "merge": "squash", "files": {"a": "1\n"}},
        {"pull": 2, "title": "fix: merged", "merge": "merge", "files": {"b": "1\n"}},
        {"pull": 3, "title": "Rebased", "merge": "rebase", "commits": rebased},
    ) as ours:
        told = plan(ours.project(env={}), Request())

        assert bumps(told) == {"#1": "minor", "#2": "patch", "one": "patch", "two": "patch"}
        assert "pull requests that were rebased" in told.unseen


def test_two_rebased_pull_requests_in_a_row_stay_two(tmp_path: Path) -> None:
    def part(name: str) -> dict[str, object]:
        return {"message": name, "files": {name: "1\n"}}

    with shop(
        tmp_path,
        RELEASED,
        {"commit": "Pushed", "files": {"p": "1\n"}},
        {"pull": 1, "title": "First", "labels": ["feature"], "merge": "rebase", "commits": [part("a"), part("b")]},
        {"pull": 2, "title": "Second", "labels": ["fix"], "merge": "rebase", "commits": [part("c"), part("d")]},
    ) as ours:
        assert bumps(with_token(ours)) == {"Pushed": "patch", "#1": "minor", "#2": "patch"}


def test_a_rebased_stack_belongs_to_the_pull_request_that_brought_it_whatever_its_commits_are_called(
    tmp_path: Path,
) -> None:
    stack = [{"message": "Lower", "files": {"a": "1\n"}}, {"message": "Inner (#1)", "files": {"b": "1\n"}}]
    with shop(
        tmp_path,
        RELEASED,
        {"branch": "stack"},
        {"pull": 1, "title": "Inner", "labels": ["major"], "base": "stack", "files": {"b": "1\n"}},
        {"pull": 2, "title": "Stack", "labels": ["fix"], "merge": "rebase", "commits": stack},
    ) as ours:
        assert bumps(with_token(ours)) == {"#2": "patch"}


def test_a_rebased_pull_request_keeps_its_label_whatever_number_its_last_commit_quotes(tmp_path: Path) -> None:
    parts = [{"message": "feat!: drop it", "files": {"a": "1\n"}}, {"message": "Follow up (#7)", "files": {"b": "1\n"}}]
    quiet: Entry = {"pull": 1, "title": "Inside", "labels": ["no-release"], "merge": "rebase", "commits": parts}
    with shop(tmp_path, RELEASED, {"lag": {"associations": 9}}, quiet) as ours:
        told = with_token(ours)

        assert (told.action, bumps(told)) == (Action.NOTHING, {"#1": "none"})


def test_a_push_below_a_squash_stays_a_push(tmp_path: Path) -> None:
    parts = [{"message": "Tidy up", "files": {"a": "1\n"}}, {"message": "More", "files": {"b": "1\n"}}]
    with shop(
        tmp_path,
        RELEASED,
        {"commit": "Tidy up", "files": {"c": "1\n"}},
        {"pull": 1, "title": "Hush", "labels": ["no-release"], "merge": "squash", "commits": parts},
    ) as ours:
        assert bumps(with_token(ours)) == {"Tidy up": "patch", "#1": "none"}


def test_ten_merges_of_dependabot_release_nothing_and_wait(tmp_path: Path) -> None:
    updates: list[Entry] = [
        {
            "pull": number,
            "title": f"Bump left-pad from 1.{number}.0 to 1.{number + 1}.0",
            "author": "dependabot[bot]",
            "labels": ["dependencies", "javascript"],
            "files": {"lock": f"{number}\n"},
        }
        for number in range(1, 11)
    ]
    with shop(tmp_path, RELEASED, *updates) as ours:
        told = with_token(ours)

        assert (told.action, told.reason) == (Action.NOTHING, "none of 10 changes since v1.2.3 asks for a release")
        assert [change.pull for change in told.changes] == list(range(1, 11))
        forced = plan(ours.project(), Request(force=Bump.PATCH, by="ada"))
        assert (forced.tag, len(forced.changes)) == ("v1.2.4", 10)


def test_chores_release_nothing(tmp_path: Path, planned: Planner) -> None:
    titles = ("chore: tidy", "ci: run it", "build(deps): bump", "docs: tell", "test: try", "style: indent")
    chores: list[Entry] = [{"commit": title, "files": {"x": f"{title}\n"}} for title in titles]
    with shop(tmp_path, RELEASED, *chores) as ours:
        assert planned(ours).reason == "none of 6 changes since v1.2.3 asks for a release"


def test_a_first_release_since_a_commit_is_made_even_if_nothing_in_it_asks_for_one(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, SEARCH, {"commit": "chore: tidy", "files": {"x": "1\n"}}) as ours:
        told = planned(ours, since=ours.git("rev-parse", "HEAD~1"))

        assert (told.action, told.tag, bumps(told)) == (Action.RELEASE, "v0.1.0", {"chore: tidy": "none"})


def test_a_breaking_footer_counts_in_a_squash_and_in_a_push_and_not_in_the_text_of_a_pull_request(
    tmp_path: Path, planned: Planner
) -> None:
    footer = "\n\nBREAKING CHANGE: the old format is gone"
    with shop(
        tmp_path,
        RELEASED,
        {"commit": f"fix: one{footer}", "files": {"a": "1\n"}},
        {"pull": 2, "title": "fix: two", "message": f"fix: two (#2){footer}", "files": {"b": "1\n"}},
        {"pull": 3, "title": "fix: three", "body": footer.strip(), "files": {"c": "1\n"}},
    ) as ours:
        assert [str(change.bump) for change in planned(ours).changes] == ["major", "major", "patch"]


def test_the_commits_of_a_branch_that_was_merged_by_hand_count_and_the_strongest_decides(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(tmp_path, RELEASED) as ours:
        ours.git("checkout", "--quiet", "-b", "topic")
        commit(ours, "fix: a hole", a="1\n")
        commit(ours, "feat!: new format", b="1\n")
        ours.git("checkout", "--quiet", "main")
        ours.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")
        push(ours)
        ours.git("fetch", "--quiet")
        told = planned(ours)

        assert told.tag == "v2.0.0"
        assert bumps(told) == {"fix: a hole": "patch", "feat!: new format": "major", "Merge branch 'topic'": "none"}


def test_a_branch_that_main_was_merged_into_brings_only_itself(tmp_path: Path, planned: Planner) -> None:
    with shop(
        tmp_path,
        RELEASED,
        {"branch": "topic", "commit": "Begin", "files": {"topic.py": "1\n"}},
        {"pull": 1, "title": "feat: meanwhile", "files": {"meanwhile.py": "1\n"}},
        {"merge-branch": "main", "into": "topic"},
        {"branch": "topic", "commit": "End", "files": {"topic.py": "2\n"}},
        {"pull": 2, "title": "fix: the topic", "branch": "topic", "merge": "merge"},
    ) as ours:
        assert bumps(planned(ours)) == {"#1": "minor", "#2": "patch"}


def test_several_pull_requests_that_arrive_in_one_push_are_all_in_the_plan(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, SEARCH, TYPO, {**SEARCH, "pull": 3, "files": {"z": "1\n"}}) as ours:
        told = plan(ours.project(env=ours.job(GITHUB_SHA=ours.git("rev-parse", "HEAD"))), Request())

        assert [change.pull for change in told.changes] == [1, 2, 3]


def test_a_direct_push_is_a_patch_unless_its_title_says_more(tmp_path: Path, planned: Planner) -> None:
    with shop(
        tmp_path,
        RELEASED,
        {"commit": "Tidy up", "files": {"a": "1\n"}},
        {"commit": "feat: quick", "files": {"b": "1\n"}},
    ) as ours:
        told = planned(ours)

        assert bumps(told) == {"Tidy up": "patch", "feat: quick": "minor"}
        assert [(change.pull, change.rule) for change in told.changes] == [
            (None, BumpRule.POLICY),
            (None, BumpRule.TITLE),
        ]


def test_direct_pushes_release_nothing_where_that_is_configured(tmp_path: Path, planned: Planner) -> None:
    config = {"release-tool.toml": 'direct-push = "none"\n'}
    with shop(tmp_path, RELEASED, {"commit": "Tidy up", "files": {"a": "1\n"}}, files=config) as ours:
        assert planned(ours).reason == "none of 1 change since v1.2.3 asks for a release"


def test_a_number_in_a_pushed_message_makes_no_pull_request_of_it(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, {"commit": "Not that one (#2)", "files": {"a": "1\n"}}) as ours:
        assert [change.pull for change in with_token(ours).changes] == [2, None]


def test_without_a_token_a_number_in_a_pushed_message_is_doubted_and_one_in_a_squash_is_not(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, SEARCH, {"commit": "Not that one (#7)", "files": {"a": "1\n"}}) as ours:
        squash, pushed = plan(ours.project(env={}), Request()).changes

        assert "quote" not in squash.reason
        assert pushed.reason.endswith(
            "it may only mention #7, since it is not the commit with which GitHub merged that"
        )


def test_a_pull_request_into_another_branch_lands_with_the_one_that_brings_that_branch(
    tmp_path: Path, planned: Planner
) -> None:
    with shop(
        tmp_path,
        RELEASED,
        {"branch": "big", "commit": "Begin", "files": {"big.py": "1\n"}},
        {"pull": 1, "title": "feat!: a part", "labels": ["breaking"], "base": "big", "files": {"part.py": "1\n"}},
        {"pull": 2, "title": "fix: the whole", "branch": "big", "merge": "merge"},
    ) as ours:
        assert bumps(planned(ours)) == {"#2": "patch"}


# Reverts


def test_a_revert_cancels_what_it_takes_back(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, SEARCH, {"revert": 1, "number": 2}) as ours:
        told = planned(ours)

        assert told.action is Action.NOTHING
        assert [(change.pull, change.cancelled_by) for change in told.changes] == [(1, 2), (2, 1)]


@pytest.mark.parametrize("merge", ["squash", "merge", "rebase"])
def test_a_pull_request_of_several_commits_can_be_reverted_however_it_was_merged(tmp_path: Path, merge: str) -> None:
    parts = [{"message": "one", "files": {"a": "1\n", "b": "1\n"}}, {"message": "two", "files": {"a": "2\n"}}]
    with shop(
        tmp_path, RELEASED, {"pull": 1, "title": "Both", "merge": merge, "commits": parts}, {"revert": 1, "number": 2}
    ) as ours:
        assert [change.cancelled_by for change in with_token(ours).changes] == [2, 1]


@pytest.mark.parametrize("title", ['Revert "Revert "feat: search""', 'Reapply "feat: search"'])
def test_a_revert_of_a_revert_brings_the_first_change_back(tmp_path: Path, planned: Planner, title: str) -> None:
    once: Entry = {"revert": 1, "number": 2}
    twice: Entry = {"revert": 2, "number": 3, "title": title}
    with shop(tmp_path, RELEASED, SEARCH, once, twice) as ours:
        told = planned(ours)

        assert told.tag == "v1.3.0"
        assert bumps(told) == {"#1": "minor", "#2": "none", "#3": "none"}


def test_a_revert_of_a_revert_of_a_revert_is_gone_again(tmp_path: Path, planned: Planner) -> None:
    reverts: list[Entry] = [{"revert": number, "number": number + 1} for number in (1, 2, 3)]
    with shop(tmp_path, RELEASED, SEARCH, *reverts) as ours:
        assert set(bumps(planned(ours)).values()) == {"none"}


def test_a_revert_of_something_released_is_a_fix_that_names_it(tmp_path: Path, planned: Planner) -> None:
    with shop(
        tmp_path, RELEASED, SEARCH, {"tag": "v1.3.0"}, TYPO, {"tag": "v1.3.1"}, {"revert": 1, "number": 3}
    ) as ours:
        told = planned(ours)
        (revert,) = told.changes

        assert (told.tag, revert.kind, revert.rule) == ("v1.3.2", ChangeKind.FIX, BumpRule.REVERT)
        assert revert.reason == "reverts #1, released in v1.3.0"


def test_a_revert_of_something_released_by_its_hash_is_found_too(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, {"commit": "Loud", "files": {"a": "1\n"}}, {"tag": "v1.2.4"}) as ours:
        ours.git("revert", "--no-edit", "HEAD")
        push(ours)
        (revert,) = planned(ours).changes

        assert re.fullmatch(r"reverts [0-9a-f]{10}, released in v1\.2\.4", revert.reason)


def test_a_revert_made_by_git_cancels_by_its_hash(tmp_path: Path, planned: Planner) -> None:
    with shop(tmp_path, RELEASED, {"commit": "feat: loud", "files": {"a": "1\n"}}) as ours:
        loud = ours.git("rev-parse", "HEAD")
        ours.git("revert", "--no-edit", "HEAD")
        push(ours)
        told = planned(ours)

        assert told.action is Action.NOTHING
        assert [change.cancelled_by for change in told.changes] == [ours.git("rev-parse", "HEAD"), loud]


def test_a_revert_counts_although_the_lines_have_moved_meanwhile(tmp_path: Path, planned: Planner) -> None:
    lines = [f"line {number}\n" for number in range(60)]
    changed = ["".join([*lines[:50], "new\n", *lines[51:]]), "".join(["above\n", *lines[:50], "new\n", *lines[51:]])]
    with shop(
        tmp_path,
        RELEASED,
        {"pull": 1, "title": "feat: new", "files": {"long.txt": changed[0]}},
        {"pull": 2, "title": "fix: above", "files": {"long.txt": changed[1]}},
        {"revert": 1, "number": 3},
        files={"long.txt": "".join(lines)},
    ) as ours:
        assert bumps(planned(ours)) == {"#1": "none", "#2": "patch", "#3": "none"}


def test_a_revert_in_words_only_is_an_ordinary_change_and_the_plan_says_why(tmp_path: Path, planned: Planner) -> None:
    words: Entry = {
        "pull": 2,
        "title": 'Revert "Add search"',
        "body": "Reverts #1",
        "files": {"search.py": "find() or nothing()\n"},
    }
    with shop(tmp_path, RELEASED, {**SEARCH, "title": "Add search"}, words) as ours:
        _, revert = planned(ours).changes

        assert (revert.bump, revert.cancelled_by) == (Bump.PATCH, None)
        assert revert.reason.endswith("it looks like a revert, but its patch does not prove it")


def test_a_revert_of_another_repository_s_pull_request_cancels_nothing_here(tmp_path: Path) -> None:
    with shop(
        tmp_path, RELEASED, SEARCH, {"revert": 1, "number": 2, "title": "Undo", "body": "Reverts eve/shop#1"}
    ) as ours:
        assert [change.cancelled_by for change in with_token(ours).changes] == [None, None]


# Who wrote it


def test_a_pull_request_from_a_fork_counts_like_any_other(tmp_path: Path, planned: Planner) -> None:
    fork: Entry = {
        "pull": 1,
        "title": "feat: mine",
        "author": "eve",
        "fork": True,
        "merge": "merge",
        "files": {"a": "1\n"},
    }
    with shop(tmp_path, RELEASED, fork, {**fork, "pull": 2, "merge": "squash", "files": {"b": "1\n"}}) as ours:
        assert bumps(planned(ours)) == {"#1": "minor", "#2": "minor"}


def test_the_change_of_a_deleted_account_stays_and_thanks_nobody(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, {**TYPO, "author": None}) as ours:
        told = with_token(ours)
        text = prose(ours.project(), told).text

        assert [str(author) for author in told.changes[0].authors] == ["ghost"]
        assert "a typo" in text
        assert "Contributors" not in text


def test_a_bot_is_named_as_author_and_left_out_of_the_contributors(tmp_path: Path) -> None:
    bot: Entry = {"pull": 1, "title": "Bump left-pad", "author": "dependabot[bot]", "files": {"lock": "2\n"}}
    with shop(tmp_path, RELEASED, bot, {**TYPO, "author": "bob"}) as ours:
        text = prose(ours.project(), with_token(ours)).text

        assert "Bump left-pad" in text
        assert "by dependabot" in text
        assert "dependabot" not in text.partition("## Contributors")[2].partition("<!--")[0]


def test_co_authors_are_named_once_each(tmp_path: Path, planned: Planner) -> None:
    both = ["Cleo <7+cleo@users.noreply.github.com>", "CLEO <cleo@users.noreply.github.com>", "Dan <dan@example.com>"]
    with shop(tmp_path, RELEASED, {**TYPO, "author": "bob", "co_authors": both}) as ours:
        (change,) = planned(ours).changes

        assert [str(author) for author in change.authors] == ["bob", "cleo", "Dan"]


def test_whoever_contributes_for_the_first_time_is_welcomed_and_nobody_else(tmp_path: Path) -> None:
    early: Entry = {"pull": 1, "title": "Before", "author": "bob", "files": {"a": "1\n"}}
    with shop(
        tmp_path,
        early,
        RELEASED,
        {"pull": 2, "title": "Again", "author": "bob", "files": {"b": "1\n"}},
        {"pull": 3, "title": "New here", "author": "eve", "files": {"c": "1\n"}},
    ) as ours:
        text = prose(ours.project(), with_token(ours)).text
        welcomes = [line for line in text.splitlines() if "first contribution" in line]

        assert len(welcomes) == 1
        assert "eve" in welcomes[0]
        assert "#3" in welcomes[0]


def test_nobody_is_welcomed_for_pushing_directly(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, {"commit": "Tidy up", "author": "bob", "files": {"a": "1\n"}}) as ours:
        assert "first contribution" not in prose(ours.project(), with_token(ours)).text


# What a pull request says


def test_a_title_that_was_edited_after_the_merge_is_shown_and_decides_nothing(tmp_path: Path) -> None:
    edited: Entry = {"pull": 1, "title": "fix: a word", "title_now": "feat!: everything", "files": {"a": "1\n"}}
    with shop(tmp_path, RELEASED, edited, {**edited, "pull": 2, "merge": "merge", "files": {"b": "1\n"}}) as ours:
        told = with_token(ours)

        assert [change.title for change in told.changes] == ["feat!: everything"] * 2
        assert bumps(told) == {"#1": "patch", "#2": "patch"}


def test_prose_never_changes_a_version(tmp_path: Path, planned: Planner) -> None:
    body = "This is no BREAKING CHANGE: nothing\n\nfeat!: really\n\n## Breaking changes\n\nAll of it."
    message = f"Fix a typo (#2)\n\n{body}"
    with shop(tmp_path, RELEASED, {**TYPO, "labels": [], "body": body, "message": message}) as ours:
        assert planned(ours).tag == "v1.2.4"


def test_the_highest_label_wins_even_when_it_is_the_last_of_many(tmp_path: Path) -> None:
    labels = [f"area {number:02}" for number in range(40)]
    with shop(tmp_path, RELEASED, {**TYPO, "labels": [*labels, "fix", "zz", "MAJOR"]}) as ours:
        told = with_token(ours)

        assert (told.tag, told.changes[0].reason) == ("v2.0.0", "label 'MAJOR'")


def test_a_label_that_is_mapped_twice_is_an_error_that_names_both_places(tmp_path: Path) -> None:
    config = {"release-tool.toml": '[labels]\nmajor = ["big"]\nminor = ["BIG"]\n'}
    with (
        shop(tmp_path, RELEASED, files=config) as ours,
        pytest.raises(UsageError, match=r"`labels\.major` and `labels\.minor`: both have the label \"big\""),
    ):
        ours.project()


def test_a_hidden_change_counts_and_is_not_in_the_notes(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, {**SEARCH, "labels": ["feature", "skip-changelog"]}, TYPO) as ours:
        told = with_token(ours)

        assert told.tag == "v1.3.0"
        assert "- search" not in prose(ours.project(), told).text


def test_changes_that_ask_for_no_release_wait_for_the_next_one(tmp_path: Path) -> None:
    quiet = {**TYPO, "labels": ["no-release"]}
    with shop(tmp_path / "1", RELEASED, quiet) as ours:
        assert with_token(ours).reason == "none of 1 change since v1.2.3 asks for a release"
    with shop(tmp_path / "2", RELEASED, quiet, SEARCH) as ours:
        assert bumps(with_token(ours)) == {"#2": "none", "#1": "minor"}


def test_a_title_of_300_characters_is_kept_whole(tmp_path: Path, planned: Planner) -> None:
    title = f"feat: {'very ' * 57}long title"
    with shop(tmp_path, RELEASED, {**SEARCH, "title": title}) as ours:
        told = planned(ours)

        assert len(title) > 300
        assert told.changes[0].title == title
        assert title.removeprefix("feat: ") in prose(ours.project(env={}), told).text


def test_a_body_of_200_kb_does_not_keep_the_notes_from_fitting(tmp_path: Path) -> None:
    body = "## New features\n\n" + "".join(f"Sentence {number} of a very long story.\n\n" for number in range(6_000))
    with shop(tmp_path, RELEASED, {**SEARCH, "body": body}, TYPO) as ours:
        told = with_token(ours)
        notes = prose(ours.project(), told)

        assert len(body) > 190_000
        assert told.changes[0].body == body
        assert len(notes.text) <= 125_000
        assert "- search" in notes.text
        assert "Sentence 5999" in (notes.full or "")


# What is half-done


def test_a_half_done_release_comes_first_at_its_own_commit(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, {"tag": "v1.2.4", "claimed": True}, SEARCH) as ours:
        told = with_token(ours)

        assert (told.action, told.tag, told.previous) == (Action.FINISH, "v1.2.4", "v1.2.3")
        assert told.sha == ours.git("rev-parse", "HEAD~1")
        assert bumps(told) == {"#2": "patch"}


def test_a_release_that_somebody_is_making_right_now_is_left_alone(tmp_path: Path) -> None:
    running: Entry = {
        "run": 7,
        "status": "in_progress",
        "jobs": [{"id": 70, "status": "in_progress", "runner_name": "runner-7"}],
    }
    claimed: Entry = {"tag": "v1.2.4", "claimed": True, "owner": {"run": 7, "attempt": 1, "job": 70}}
    with shop(tmp_path, RELEASED, running, TYPO, claimed) as ours:
        told = with_token(ours)

        assert (told.action, told.reason) == (Action.NOTHING, "run 7 is working on v1.2.4")


def test_git_alone_takes_a_half_done_tag_for_released_and_says_so(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, {"tag": "v1.2.4", "claimed": True}, SEARCH) as ours:
        told = plan(ours.project(env={}), Request())

        assert told.previous == "v1.2.4"
        assert "whether v1.2.4 and the tags before it were published" in told.unseen


def test_what_was_given_up_is_no_base_and_its_number_stays_used(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, {"tag": "v1.2.4", "claimed": True}) as ours:
        withdraw(ours.project(), "v1.2.4", "can't be built")
        told = with_token(ours)

        assert (told.action, told.previous, told.tag) == (Action.RELEASE, "v1.2.3", "v1.2.5")
        assert bumps(told) == {"#2": "patch"}


def test_what_is_withdrawn_stays_the_base_of_the_next_release(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, TYPO, {"tag": "v1.2.4"}, SEARCH) as ours:
        withdraw(ours.project(), "v1.2.4", "loses orders")
        told = with_token(ours)

        assert (told.previous, told.tag, bumps(told)) == ("v1.2.4", "v1.3.0", {"#1": "minor"})


# Laws

TITLES = st.sampled_from(["Tidy up", "fix: a hole", "feat: a door", "api!: a wall", "docs: a word", "Door (again)"])
LABELS = st.lists(st.sampled_from(["major", "feature", "fix", "no-release", "skip-changelog", "area"]), max_size=2)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """What may happen to a repository after a release, every entry in a file of its own."""
    history: list[Entry] = []
    pulls: list[int] = []
    for place in range(draw(st.integers(1, 8))):
        number = place + 1
        title, files = draw(TITLES), {f"file{place}": f"{place}\n"}
        match draw(st.sampled_from(["push", "squash", "merge", "rebase", "revert"])):
            case "push":
                history.append({"commit": title, "files": files})
            case "revert" if pulls:
                reverted = pulls.pop(draw(st.integers(0, len(pulls) - 1)))
                history.append({"revert": reverted, "number": number})
            case "rebase":
                parts = [{"message": f"{part} of #{number}", "files": {f"{part}-{place}": "1\n"}} for part in "abc"]
                pull = {"pull": number, "title": title, "labels": draw(LABELS), "merge": "rebase", "commits": parts}
                history.append(pull)
                pulls.append(number)
            case how:
                merge = "merge" if how == "merge" else "squash"
                pull = {"pull": number, "title": title, "labels": draw(LABELS), "merge": merge, "files": files}
                history.append(pull)
                pulls.append(number)
    return history


def subjects(of: Shop) -> dict[str, str]:
    """The first-parent commits since the release with their first lines, as git tells them."""
    lines = of.git("log", "--first-parent", "--format=%H %s", "v1.2.3..HEAD").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def pull_in(subject: str) -> str | None:
    found = re.search(r"^Merge pull request #(\d+) |\(#(\d+)\)$", subject)
    return found and (found[1] or found[2])


@settings(max_examples=examples.number(10))
@given(history=histories())
def test_every_commit_is_in_one_change_and_the_highest_change_decides(
    tmp_path_factory: pytest.TempPathFactory, history: list[Entry]
) -> None:
    with shop(tmp_path_factory.mktemp("law"), RELEASED, *history) as ours:
        told, again, offline = with_token(ours), with_token(ours), plan(ours.project(env={}), Request())
        commits = subjects(ours)
        rebased = {sha: found[1] for sha, text in commits.items() if (found := re.search(r" of #(\d+)$", text))}

        owners = Counter(rebased.get(sha) or pull_in(text) or sha for sha, text in commits.items())
        assert Counter(str(change.pull or change.sha) for change in told.changes) == Counter(owners.keys())
        assert told.bump == max(change.bump for change in told.changes)
        assert again == told
        assert len(offline.changes) == len({pull_in(text) or sha for sha, text in commits.items()})
        assert all(change.sha in commits for change in (*told.changes, *offline.changes))


@settings(max_examples=examples.number(10))
@given(history=histories(), level=st.sampled_from([Bump.PATCH, Bump.MINOR, Bump.MAJOR]))
def test_the_next_version_is_higher_than_the_base_unless_there_is_nothing_to_release(
    tmp_path_factory: pytest.TempPathFactory, history: list[Entry], level: Bump
) -> None:
    with shop(tmp_path_factory.mktemp("law"), RELEASED, *history) as ours:
        for request in (Request(), Request(force=level, by="ada"), Request(prerelease="rc")):
            told = plan(ours.project(), request)

            assert told.version is None if told.action is Action.NOTHING else told.version is not None
            assert told.version is None or told.version > Version(1, 2, 3)
