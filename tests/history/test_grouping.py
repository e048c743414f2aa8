"""Which commits a release tells of, and in which groups, on histories as people make them."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from release_tool.history.changes import BumpRule, ChangeKind, pull_number
from release_tool.history.facts import Request
from release_tool.history.grouping import group, merged_by_hand
from release_tool.history.look import facts_for, look, unreleased
from release_tool.model.commits import Author, Commit
from release_tool.model.version import Bump
from release_tool.release.plan import Action
from release_tool.release.planning import plan
from tests import examples
from tests.builders import change, sha
from tests.git.repo import Repo
from tests.shop import shop
from tests.solo import solo

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from release_tool.project import Project
    from tests.shop import Entry

TAG: Entry = {"tag": "v1.4.0"}


def commit(name: str, *parents: str, message: str = "Change") -> Commit:
    return Commit(sha(name), tuple(map(sha, parents)), Author("Ada"), 1_700_000_000, message)


def names(*wanted: str) -> set[str]:
    return set(map(sha, wanted))


def test_each_commit_beside_the_line_belongs_to_the_oldest_merge_that_brought_it() -> None:
    line = [
        commit("second", "first", "inner", message="Merge pull request #2 from a/two"),
        commit("inner", "2a", "first", message="Merge branch 'main' into two"),
        commit("2a", "1b"),
        commit("first", "base", "1b", message="Merge pull request #1 from a/one"),
        commit("1b", "1a"),
        commit("1a", "base"),
    ]
    grouped = group(line, sha("second"), lambda one: pull_number(one) is not None)

    assert [one.sha for one in grouped.landed] == [sha("second"), sha("first")]
    inside = {merge: [one.sha for one in brought] for merge, brought in grouped.inside.items()}
    assert inside == {sha("first"): [sha("1a"), sha("1b")], sha("second"): [sha("2a"), sha("inner")]}


def test_what_lies_behind_merges_by_hand_landed_by_itself_however_many_there_are() -> None:
    line = [
        commit("octopus", "pull", "left", "right", message="Merge branches 'left' and 'right'"),
        commit("right", "inner"),
        commit("inner", "base", "deep", message="Merge branch 'deep' into right"),
        commit("deep", "base"),
        commit("left", "base"),
        commit("pull", "foxtrot"),
        commit("foxtrot", "mine", "theirs", message="Merge branch 'main' of github.com"),
        commit("theirs", "base", "topic", message="Merge pull request #3 from a/topic"),
        commit("topic", "base"),
        commit("mine", "base"),
    ]
    grouped = group(line, sha("octopus"), lambda one: pull_number(one) is not None)

    assert {one.sha for one in grouped.landed} == {one.sha for one in line} - names("topic")
    assert {merge: set(shas) for merge, shas in grouped.behind.items()} == {
        sha("octopus"): names("left", "right", "inner", "deep"),
        sha("inner"): names("deep"),
        sha("foxtrot"): names("theirs"),
    }
    assert [one.sha for one in grouped.inside[sha("theirs")]] == [sha("topic")]


def test_a_merge_by_hand_adds_nothing_to_what_it_brought_and_is_taken_back_with_it() -> None:
    def of(*, cancelled: int | None = None) -> dict[str, str]:
        merge = change(None, "merge", Bump.PATCH)
        rule = BumpRule.POLICY if cancelled is None else BumpRule.REVERT
        merge = msgspec.structs.replace(merge, rule=rule, cancelled_by=cancelled, reason="cancelled")
        side = change(None, "side", Bump.MINOR, ChangeKind.FEATURE)
        settled = merged_by_hand((side, merge), {merge.sha: (side.sha,)})
        return {one.title: f"{one.bump}, {one.reason}" for one in settled}

    assert of() == {"side": "minor, label", "merge": "none, brought 1 change that counts by itself"}
    assert of(cancelled=9)["side"] == "none, cancelled"


def test_a_direct_push_before_a_foxtrot_merge_is_in_the_plan(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "repo")
    repo.commit("Begin")
    repo.tag("v1.0.0")
    repo.git("switch", "--quiet", "--create", "mine")
    repo.commit("fix: mine", a="1")
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: theirs", b="1")
    repo.git("switch", "--quiet", "mine")
    repo.merge("main", "Merge branch 'main' of github.com:acme/shop")
    repo.git("branch", "--quiet", "--force", "main", "mine")
    repo.git("switch", "--quiet", "main")

    told = plan(solo(repo.directory), Request())

    assert told.tag == "v1.1.0"
    assert {one.title: str(one.bump) for one in told.changes} == {
        "fix: mine": "patch",
        "feat: theirs": "minor",
        "Merge branch 'main' of github.com:acme/shop": "none",
    }


def test_a_breaking_change_inside_a_branch_that_was_merged_by_hand_counts(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "repo")
    repo.commit("Begin")
    repo.tag("v1.0.0")
    repo.git("switch", "--quiet", "--create", "topic")
    repo.commit("feat!: new format", a="1")
    repo.git("switch", "--quiet", "main")
    repo.merge("topic", "Merge branch 'topic'")

    assert plan(solo(repo.directory), Request()).tag == "v2.0.0"


def test_a_revert_of_a_merge_by_hand_takes_back_all_that_it_brought(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "repo")
    repo.commit("Begin", readme="1")
    repo.tag("v1.0.0")
    repo.git("switch", "--quiet", "--create", "topic")
    repo.commit("feat!: new format", a="1")
    repo.git("switch", "--quiet", "main")
    merge = repo.merge("topic", "Merge branch 'topic'")
    repo.git("revert", "--mainline", "1", "--no-edit", merge)

    told = plan(solo(repo.directory), Request())

    assert (told.action, told.bump) == (Action.NOTHING, Bump.NONE)


MAINTAINED: list[Entry] = [
    TAG,
    {"branch": "2.x", "from": "v1.4.0", "commit": "feat!: new format", "files": {"two": "1"}},
    {"tag": "v2.0.0", "at": "2.x"},
    {"pull": 2, "title": "fix: two", "labels": ["fix"], "files": {"b": "1"}},
    {"tag": "v1.5.0"},
    {"pull": 3, "title": "fix: three", "labels": ["fix"], "files": {"c": "1"}},
    {"tag": "v1.5.1"},
]


def test_what_the_main_branch_released_is_not_told_again_when_a_maintenance_branch_is_merged_back(
    tmp_path: Path,
) -> None:
    with shop(tmp_path, *MAINTAINED) as made:
        made.git("merge", "--quiet", "--no-ff", "--message", "Merge branch '2.x'", "origin/2.x")
        made.git("push", "--quiet", made.box.push_url, "HEAD:main")
        for told in (plan(made.project(), Request()), plan(made.project(env={}), Request())):
            assert (told.tag, told.previous) == ("v2.0.1", "v2.0.0")
            assert [one.title for one in told.changes] == ["Merge branch '2.x'"]


def test_pull_requests_of_a_maintenance_branch_that_is_merged_back_are_told_as_such(tmp_path: Path) -> None:
    fix: Entry = {"pull": 4, "title": "Mend it", "labels": ["feature"], "base": "2.x", "files": {"d": "1"}}
    with shop(tmp_path, *MAINTAINED, fix) as made:
        made.git("merge", "--quiet", "--no-ff", "--message", "Merge branch '2.x'", "origin/2.x")
        made.git("push", "--quiet", made.box.push_url, "HEAD:main")

        told = plan(made.project(), Request())

        assert told.tag == "v2.1.0"
        assert [(one.pull, str(one.bump)) for one in told.changes] == [(4, "minor"), (None, "none")]


def test_what_a_maintenance_release_has_is_not_in_the_next_release_of_the_main_branch(tmp_path: Path) -> None:
    shared: Entry = {"pull": 5, "title": "fix: both", "labels": ["fix"], "files": {"e": "1"}}
    own: Entry = {"branch": "1.x", "from": "main", "commit": "fix: old only", "files": {"old": "1"}}
    after: Entry = {"pull": 6, "title": "feat: new", "labels": ["feature"], "files": {"f": "1"}}
    with shop(tmp_path, TAG, shared, own, {"tag": "v1.4.1", "at": "1.x"}, after) as made:
        for told in (plan(made.project(), Request()), plan(made.project(env={}), Request())):
            assert (told.tag, [one.pull for one in told.changes]) == ("v1.5.0", [6])


def test_a_tag_by_hand_on_a_branch_that_was_not_merged_takes_nothing_away(tmp_path: Path) -> None:
    aside: Entry = {"branch": "topic", "from": "main", "commit": "Try", "files": {"x": "1"}}
    fix: Entry = {"pull": 5, "title": "fix: it", "labels": ["fix"], "files": {"e": "1"}}
    with shop(tmp_path, TAG, fix, aside, {"tag": "v9.9.9", "at": "topic"}) as made:
        for told in (plan(made.project(), Request()), plan(made.project(env={}), Request())):
            assert (told.tag, [one.pull for one in told.changes]) == ("v1.4.1", [5])


def test_the_notes_of_an_old_release_leave_out_what_was_released_before_it_and_keep_what_came_later(
    tmp_path: Path,
) -> None:
    repo = Repo.create(tmp_path / "repo")
    repo.commit("Begin")
    repo.tag("v1.4.0")
    repo.commit("fix: both", a="1")
    repo.git("branch", "1.x")
    repo.commit("feat: new", c="1")
    repo.tag("v1.5.0")
    repo.git("switch", "--quiet", "1.x")
    repo.commit("fix: old only", b="1")
    repo.tag("v1.4.1")
    repo.git("switch", "--quiet", "main")
    seen = look(solo(repo.directory), online=False)

    def told(name: str) -> list[str]:
        tag = next(tag for tag in seen.tags if tag.name == name)
        return [one.title for one in facts_for(solo(repo.directory), seen, Request(), finishing=tag).changes]

    assert (told("v1.5.0"), told("v1.4.1")) == (["fix: both", "feat: new"], ["fix: old only"])


# Laws


class _History:
    """A history that people make at random: branches, merges of every kind, releases, and tags that were made anew."""

    def __init__(self, repo: Repo, chance: random.Random) -> None:
        self.repo, self.chance, self.count = repo, chance, 0
        self.released: list[tuple[str, set[str]]] = []
        repo.commits(2)
        repo.git("reset", "--quiet", "--hard")
        repo.tag("v1.0.0")
        repo.git("branch", "1.x")
        repo.git("branch", "2.x")
        self.topics: list[str] = []

    @property
    def project(self) -> Project:
        """The clone as a command that starts now sees it."""
        return solo(self.repo.directory)

    def step(self) -> None:
        self.count += 1
        branch = self.chance.choice(["main", "main", "1.x", "2.x"])
        self.repo.git("switch", "--quiet", branch)
        self.chance.choice(
            [self.push, self.topic, self.merge, self.merge, self.foxtrot, self.octopus, self.crossed, self.picked]
        )(branch)
        if self.chance.random() < 0.4:
            self.release(self.chance.choice(["main", "1.x", "2.x"]))

    def push(self, _branch: str) -> None:
        kind = self.chance.choice(["fix: it", "feat: it", "Tidy", "feat: it (#7)"])
        self.repo.commit(kind, **{f"f{self.count}": "1"})

    def topic(self, branch: str) -> None:
        self.topics.append(f"topic{self.count}")
        self.repo.git("switch", "--quiet", "--create", self.topics[-1])
        for _ in range(self.chance.randint(1, 3)):
            self.push(branch)
            self.count += 1

    def merge(self, _branch: str) -> None:
        other = self.chance.choice([*self.topics, "main", "1.x", "2.x"])
        by_button = other in self.topics and self.chance.random() < 0.5
        text = f"Merge pull request #{self.count} from acme/{other}\n\nfix: {other}" if by_button else f"Merge {other}"
        self.repo.merge(other, text)

    def foxtrot(self, branch: str) -> None:
        self.repo.git("switch", "--quiet", "--create", f"mine{self.count}", f"{branch}~1")
        self.push(branch)
        self.repo.merge(branch, f"Merge branch '{branch}' of github.com:acme/shop")
        self.repo.git("branch", "--quiet", "--force", branch, "HEAD")

    def octopus(self, branch: str) -> None:
        sides = [f"side{self.count}{letter}" for letter in "ab"]
        for side in sides:
            self.repo.git("switch", "--quiet", "--create", side, branch)
            self.count += 1
            self.push(branch)
        self.repo.git("switch", "--quiet", branch)
        self.repo.commit("On", **{f"on{self.count}": "1"})
        self.repo.git("merge", "--quiet", "--no-ff", "-m", "Merge both", *sides)

    def crossed(self, branch: str) -> None:
        other = "main" if branch != "main" else "2.x"
        here, there = (self.repo.git("rev-parse", name) for name in (branch, other))
        self.repo.merge(there, f"Merge {other} into {branch}")
        self.repo.git("switch", "--quiet", other)
        self.repo.merge(here, f"Merge {branch} into {other}")

    def picked(self, branch: str) -> None:
        if self.topics:
            picked = self.repo.git("show", "--quiet", "--format=%B", self.chance.choice(self.topics))
            self.repo.commit(f"{picked}\n\n(cherry picked)", **{f"f{self.count}": branch})

    def release(self, branch: str) -> None:
        """Release a branch as the tool plans it, sometimes with a prerelease before and a tag that is made anew."""
        self.repo.git("switch", "--quiet", branch)
        expected = set(self.new())
        self.check(expected)
        if not expected:
            return
        self.count += 1
        name = f"v{self.count}.0.0"
        if self.chance.random() < 0.2:
            self.repo.tag(f"{name}-rc.1")
        if self.chance.random() < 0.2:
            self.repo.tag(name, at="HEAD~1")
            self.repo.git("tag", "--delete", name)
        self.repo.tag(name)
        self.released.append((name, expected))

    def new(self) -> list[str]:
        """The independent reading: what git says is in the head, and in no released tag."""
        tags = [name for name in self.repo.git("tag", "--list").split() if "-" not in name]
        return self.repo.git("rev-list", "HEAD", "--not", *tags).split()

    def check(self, expected: set[str]) -> None:
        """What the tool groups is what git lists, each commit once."""
        project = self.project
        seen = look(project, online=False)
        facts = facts_for(project, seen, Request())
        commits = unreleased(project, seen, facts.base, seen.target, [tag for tag in seen.tags if tag.stable])
        assert {one.sha for one in commits} == expected
        grouped = group(commits, seen.target, lambda one: pull_number(one) is not None)
        inside = [one.sha for brought in grouped.inside.values() for one in brought]
        assert Counter([*(one.sha for one in grouped.landed), *inside]) == Counter(expected)
        assert {one.sha for one in facts.changes} <= expected
        assert bool(facts.changes) is bool(expected)


@settings(max_examples=examples.number(6), deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(4, 14))
def test_every_commit_is_in_exactly_one_release(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    repo = Repo.create(tmp_path_factory.mktemp("law") / "repo")
    history = _History(repo, random.Random(seed))  # noqa: S311 - no secret
    for _ in range(steps):
        history.step()
    told = Counter(sha for _, commits in history.released for sha in commits)
    assert not [sha for sha, times in told.items() if times > 1]
