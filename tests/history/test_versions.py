"""What `plan` says to histories as they are found in the wild."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.errors import RefusedError
from release_tool.history.facts import Request
from release_tool.model.version import Bump, Version
from release_tool.release.plan import Action
from release_tool.release.planning import plan
from tests import versions
from tests.counting import Counter
from tests.git.repo import Repo
from tests.solo import solo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo")


def test_the_table_of_histories_shows_what_plan_really_says() -> None:
    document = versions.DOCUMENT.read_text()
    assert versions.rewritten(document) == document


def tagged(repo: Repo, *tags: str) -> Repo:
    for tag in tags:
        repo.commit("fix: something")
        repo.tag(tag)
    repo.commit("feat: search")
    return repo


def configured(repo: Repo, line: str) -> None:
    (repo.directory / "release-tool.toml").write_text(f"{line}\n")


def test_the_line_that_chooses_a_package_settles_it(repo: Repo) -> None:
    tagged(repo, "@acme/cli@1.2.3", "@acme/web@2.0.1", "@acme/cli@1.3.0")
    with pytest.raises(RefusedError, match="several packages are released here") as refused:
        plan(solo(repo.directory), Request())
    assert (refused.value.exit_code, '`tag-prefix = "@acme/cli@"`' in refused.value.todo) == (3, True)

    configured(repo, 'tag-prefix = "@acme/cli@"')
    told = plan(solo(repo.directory), Request())
    assert (told.tag, told.previous) == ("@acme/cli@1.4.0", "@acme/cli@1.3.0")
    assert told.remarks == ("`@acme/web@2.0.1` is not among this project's versions (`tag-prefix`)",)


def test_the_line_that_names_the_first_version_settles_it_where_tags_cannot_be_read(repo: Repo) -> None:
    tagged(repo, "v1", "v2", "v3")
    with pytest.raises(RefusedError, match="not above v3") as refused:
        plan(solo(repo.directory), Request())
    assert '`initial-version = "4.0.0"`' in refused.value.todo
    configured(repo, 'initial-version = "4.0.0"')
    assert plan(solo(repo.directory), Request()).tag == "v4.0.0"


def test_a_first_release_below_what_another_branch_released_is_refused(repo: Repo) -> None:
    repo.commit("Begin")
    repo.git("switch", "--quiet", "--create", "release-1.30")
    tagged(repo, "v1.30.0")
    repo.git("switch", "--quiet", "main")
    with pytest.raises(RefusedError, match=r"would be 0\.1\.0, which is not above v1\.30\.0") as refused:
        plan(solo(repo.directory), Request())
    assert '`initial-version = "1.31.0"`' in refused.value.todo
    assert plan(solo(repo.directory), Request(force=Version(1, 31, 0))).tag == "v1.31.0"


def test_after_a_date_a_person_names_the_next_version(repo: Repo) -> None:
    tagged(repo, "2025.11.1", "2026.02.3")
    waiting = plan(solo(repo.directory), Request(force=Bump.MINOR))
    assert (waiting.action, waiting.tag, len(waiting.changes)) == (Action.NOTHING, None, 1)
    named = plan(solo(repo.directory), Request(force=Version(2026, 3, 0)))
    assert (named.tag, named.previous) == ("2026.3.0", "2026.02.3")
    with pytest.raises(RefusedError, match=r"lower than 2026\.2\.3"):
        plan(solo(repo.directory), Request(force=Version(2026, 1, 0)))


def test_a_chosen_prefix_names_the_next_tag_and_not_the_order_of_versions(repo: Repo) -> None:
    tagged(repo, "v0.4.10", "0.5.0", "0.16.4")
    configured(repo, 'tag-prefix = "v"')
    assert plan(solo(repo.directory), Request()).tag == "v0.17.0"


def test_a_level_cannot_force_the_first_release_below_what_prereleases_prepare(repo: Repo) -> None:
    tagged(repo, "v2.0.0-rc.1")
    assert plan(solo(repo.directory), Request(force=Bump.MINOR)).tag == "v2.0.0"


def test_plan_asks_git_no_more_where_there_are_many_branches(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged(repo, "v1.0.0")
    programs = []
    (tmp_path / "bin").mkdir()
    counter = Counter(tmp_path / "bin", monkeypatch)
    for others in (1, 60):
        for number in range(others):
            repo.git("branch", "--force", f"{number}.x", "v1.0.0")
            repo.git("branch", "--force", f"topic-{number}")
        counter.forget()
        assert plan(solo(repo.directory), Request()).tag == "v1.1.0"
        programs.append(len(counter.started()))
    assert programs[0] == programs[1]


def test_a_commit_of_many_branches_that_are_not_checked_out_is_found_by_one_walk(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged(repo, "v1.0.0")
    for number in range(40):
        repo.git("branch", f"{number}.x", "v1.0.0")
    repo.git("switch", "--quiet", "39.x")
    fixed = repo.commit("fix: old")
    repo.git("switch", "--quiet", "--detach", fixed)
    (tmp_path / "bin").mkdir()
    counter = Counter(tmp_path / "bin", monkeypatch)
    told = plan(solo(repo.directory), Request())
    assert (told.branch, told.tag) == ("39.x", "v1.0.1")
    assert len(counter.started()) < 20
