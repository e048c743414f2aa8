"""The sync stage on real git: a release reaches the hosted branch, tested, or a person is told exactly why not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from github_sandbox import Fault
from release_tool.config.model import Build
from release_tool.errors import RefusedError, ReleaseToolError, UsageError
from release_tool.history.references import record
from release_tool.release.assets import parse_references
from release_tool.status.overview import look
from release_tool.sync import sync as stage
from release_tool.sync.conflict import CONFLICT_BRANCH
from tests import examples
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

CONFIGURED = {"release-tool.toml": '[sync]\nbranch = "cloud"\nkeep-cloud = ["deploy/**"]\n'}
BEGIN: Entry = {"tag": "v1.2.3"}
CLOUD: Entry = {
    "branch": "cloud",
    "from": "v1.2.3",
    "commit": "Cloud settings",
    "author": "ops",
    "files": {"fly.toml": "a"},
}
SEARCH: Entry = {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "1"}}
RELEASED: Entry = {"tag": "v1.3.0"}
OURS = r"/repos/|git-receive-pack"


def project(directory: Path, *history: Entry, **scenario: object) -> Iterator[Shop]:
    with shop(directory, *history, files=CONFIGURED, **scenario) as made:
        yield made


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Shop]:
    """The hosted branch is where v1.2.3 is, and v1.3.0 was released."""
    yield from project(tmp_path, BEGIN, {"branch": "cloud", "from": "v1.2.3"}, SEARCH, RELEASED)


@pytest.fixture
def diverged(tmp_path: Path) -> Iterator[Shop]:
    """The hosted branch has a commit of its own, which does not conflict with v1.3.0."""
    yield from project(tmp_path, BEGIN, CLOUD, SEARCH, RELEASED)


@pytest.fixture
def conflicting(tmp_path: Path) -> Iterator[Shop]:
    """The hosted branch and v1.3.0 changed the same file."""
    own = CLOUD | {"files": {"search.py": "of the cloud"}}
    yield from project(tmp_path, BEGIN, own, SEARCH, RELEASED)


def heads(made: Shop) -> dict[str, str]:
    """The branches on GitHub with their commits."""
    listed = on_github(made, "for-each-ref", "--format=%(refname:strip=2) %(objectname)", "refs/heads")
    return dict(line.split(" ") for line in listed.splitlines())


def on_github(made: Shop, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=made.box.git_directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def candidates(made: Shop) -> list[str]:
    return [name for name in heads(made) if name.startswith(stage.CANDIDATE_BRANCH)]


def carry(made: Shop) -> stage.SyncResult:
    """Do what the workflow does: candidate, tests, advance."""
    offered = stage.candidate(made.project(), "")
    stage.tested(made.project(), offered.sha, ())
    return stage.advance(made.project(), offered.sha)


def test_a_branch_that_is_behind_is_fast_forwarded_to_the_very_tag(behind: Shop) -> None:
    offered = stage.candidate(behind.project(), "v1.3.0")
    tag = on_github(behind, "rev-parse", "v1.3.0^{commit}")
    assert (offered.state, offered.sha, offered.build, offered.version) == ("candidate", tag, False, "1.3.0")
    stage.tested(behind.project(), offered.sha, ())
    assert stage.advance(behind.project(), offered.sha).state == "advanced"
    assert heads(behind)["cloud"] == tag
    assert candidates(behind) == []


def test_a_branch_with_commits_of_its_own_gets_a_merge_with_both_parents(diverged: Shop) -> None:
    before = heads(diverged)["cloud"]
    offered = stage.candidate(diverged.project(), "")
    assert (offered.state, offered.build, offered.version) == ("candidate", True, "1.3.0")
    parents = on_github(diverged, "show", "--no-patch", "--format=%P", offered.sha).split()
    assert parents == [before, on_github(diverged, "rev-parse", "v1.3.0^{commit}")]
    message = on_github(diverged, "show", "--no-patch", "--format=%an <%ae>%n%B", offered.sha)
    assert message.startswith("release-tool <release-tool@users.noreply.github.com>\nMerge v1.3.0 into cloud")
    assert "- #1 Add search" in message
    assert heads(diverged)["cloud"] == before


def test_the_branch_never_moves_to_an_untested_commit(diverged: Shop) -> None:
    before = heads(diverged)["cloud"]
    offered = stage.candidate(diverged.project(), "")
    with pytest.raises(RefusedError, match="is not tested"):
        stage.advance(diverged.project(), offered.sha)
    with pytest.raises(RefusedError, match="is not a candidate of ours"):
        stage.advance(diverged.project(), on_github(diverged, "rev-parse", "v1.3.0^{commit}"))
    assert heads(diverged)["cloud"] == before


def test_a_strangers_commit_cannot_be_called_tested(diverged: Shop) -> None:
    with pytest.raises(RefusedError, match="is neither a candidate nor on `cloud`"):
        stage.tested(diverged.project(), on_github(diverged, "rev-parse", "main"), ())


def test_a_candidate_that_a_stranger_calls_tested_moves_nothing(tmp_path: Path) -> None:
    ci: Entry = {"token": "of-ci", "login": "ci-app[bot]", "type": "Bot"}
    for diverged in project(tmp_path, ci, BEGIN, CLOUD, SEARCH, RELEASED):
        before = heads(diverged)["cloud"]
        offered = stage.candidate(diverged.project(), "")
        diverged.github("of-ci").create_status(offered.sha, stage.TESTED, "success", "")
        with pytest.raises(RefusedError, match="is not tested"):
            stage.advance(diverged.project(), offered.sha)
        assert heads(diverged)["cloud"] == before


def test_a_commit_that_carries_no_release_moves_nothing_whatever_its_statuses_say(diverged: Shop) -> None:
    """Every workflow of the repository may write statuses as we do."""
    before = heads(diverged)["cloud"]
    tree = on_github(diverged, "rev-parse", "main^{tree}")
    release = on_github(diverged, "rev-parse", "v1.3.0^{commit}")
    evil = ["-c", "user.name=eve", "-c", "user.email=eve@example.com", "commit-tree", tree, "-m", "Evil", "-p", before]
    for more in ([], ["-p", release]):
        forged = on_github(diverged, *evil, *more)
        on_github(diverged, "update-ref", f"refs/heads/{stage.CANDIDATE_BRANCH}v1.3.0", forged)
        for context in (stage.CANDIDATE, stage.TESTED):
            diverged.github().create_status(forged, context, "success", "")
        with pytest.raises(RefusedError, match="is neither a release nor the merge of one into `cloud`"):
            stage.advance(diverged.project(), forged)
    assert heads(diverged)["cloud"] == before


def test_what_was_built_is_recorded_on_the_commit_it_was_built_from(diverged: Shop) -> None:
    offered = stage.candidate(diverged.project(), "")
    image = f"ghcr.io/acme/shop@sha256:{'b' * 64}"
    stage.tested(diverged.project(), offered.sha, parse_references([f"web={image}"]))
    found = {status.context: status for status in diverged.github().statuses(offered.sha)}
    assert found["release-tool/reference/web"].description == image
    assert found["release-tool/tested"].state == "success"


def test_a_reference_that_a_release_recorded_is_not_owed_again_where_it_is_the_candidate(diverged: Shop) -> None:
    project = diverged.project()
    promising = msgspec.structs.replace(project.config, build=Build(references=("web",)))
    project = msgspec.structs.replace(project, config=promising)
    commit = on_github(diverged, "rev-parse", "v1.3.0^{commit}")
    assert stage.owed_references(project, commit) == {"web"}
    record(project, commit, parse_references([f"web=ghcr.io/acme/shop@sha256:{'b' * 64}"]))
    assert stage.owed_references(project, commit) == frozenset()


def test_a_build_that_told_nothing_has_no_file_of_references_and_any_other_file_has_to_be_there(tmp_path: Path) -> None:
    assert parse_references([f"@{tmp_path}/release-references.txt"]) == ()
    with pytest.raises(UsageError, match="can't be read"):
        parse_references([f"@{tmp_path}/references.txt"])


def test_doing_it_again_finds_the_same_candidate_and_later_nothing(diverged: Shop) -> None:
    first = stage.candidate(diverged.project(), "")
    assert stage.candidate(diverged.project(), "") == first
    stage.tested(diverged.project(), first.sha, ())
    assert stage.candidate(diverged.project(), "").state == "tested"
    stage.advance(diverged.project(), first.sha)
    again = stage.candidate(diverged.project(), "")
    assert (again.state, again.reason) == ("nothing", "`cloud` has v1.3.0 already")
    assert stage.advance(diverged.project(), first.sha).state == "nothing"


def test_at_once_where_no_separate_tests_are_wanted(diverged: Shop) -> None:
    assert stage.sync(diverged.project(), "").state == "advanced"
    assert stage.sync(diverged.project(), "").state == "nothing"
    assert candidates(diverged) == []


LISTING = "info/refs.service=git-upload-pack"


@pytest.mark.parametrize("place", range(3))
def test_a_list_of_the_branches_of_a_moment_ago_leaves_no_candidate_behind(diverged: Shop, place: int) -> None:
    """It is what GitHub tells once after the hosted branch moved."""
    early = requests.get(f"{diverged.box.clone_url}/info/refs?service=git-upload-pack", timeout=10)
    offered = stage.candidate(diverged.project(), "")
    stage.tested(diverged.project(), offered.sha, ())
    kept = {"content-type": early.headers["content-type"]}
    diverged.box.fault(Fault(path=LISTING, status=200, text=early.text, headers=kept, after=4 + place))

    assert stage.advance(diverged.project(), offered.sha).state == "advanced"
    assert candidates(diverged) == []


def test_a_missing_branch_begins_at_the_tag(tmp_path: Path) -> None:
    for made in project(tmp_path, BEGIN, SEARCH, RELEASED):
        assert carry(made).state == "advanced"
        assert heads(made)["cloud"] == on_github(made, "rev-parse", "v1.3.0^{commit}")


def test_a_branch_that_is_ahead_of_the_release_is_left_alone(tmp_path: Path) -> None:
    for made in project(tmp_path, BEGIN, SEARCH, RELEASED, CLOUD | {"from": "v1.3.0"}):
        assert stage.candidate(made.project(), "").state == "nothing"


def test_a_branch_that_moved_after_the_candidate_was_made_is_never_forced(diverged: Shop) -> None:
    offered = stage.candidate(diverged.project(), "")
    stage.tested(diverged.project(), offered.sha, ())
    hotfix = push_to_cloud(diverged, "hotfix.py")
    moved = stage.advance(diverged.project(), offered.sha)
    assert (moved.state, moved.again) == ("moved", True)
    assert heads(diverged)["cloud"] == hotfix
    anew = stage.candidate(diverged.project(), "")
    assert (anew.state, anew.sha != offered.sha) == ("candidate", True)
    assert on_github(diverged, "rev-parse", f"{anew.sha}^1") == hotfix


def push_to_cloud(made: Shop, name: str, content: str = "1", *, force: str = "") -> str:
    """A person pushes to the hosted branch."""
    made.git("fetch", "--quiet", "origin")
    made.git("checkout", "--quiet", "--detach", force or "origin/cloud")
    (made.clone / name).write_text(content)
    made.git("add", name)
    made.git("commit", "--quiet", "--message", f"Hotfix {name}")
    made.git("push", "--quiet", "--force", made.box.push_url, "HEAD:refs/heads/cloud")
    head = made.git("rev-parse", "HEAD")
    made.git("checkout", "--quiet", "main")
    return head


def test_a_branch_that_was_pushed_anew_meanwhile_is_looked_at_anew(diverged: Shop) -> None:
    offered = stage.candidate(diverged.project(), "")
    stage.tested(diverged.project(), offered.sha, ())
    head = push_to_cloud(diverged, "other.py", force="v1.2.3")
    assert stage.advance(diverged.project(), offered.sha).state == "moved"
    assert carry(diverged).state == "advanced"
    assert on_github(diverged, "merge-base", "--is-ancestor", head, "cloud") == ""


def test_a_branch_that_was_deleted_begins_anew(diverged: Shop) -> None:
    on_github(diverged, "update-ref", "-d", "refs/heads/cloud")
    assert carry(diverged).state == "advanced"
    assert heads(diverged)["cloud"] == on_github(diverged, "rev-parse", "v1.3.0^{commit}")


def test_what_keeps_its_side_is_no_conflict(tmp_path: Path) -> None:
    own = CLOUD | {"files": {"deploy/app.toml": "of the cloud"}}
    change = SEARCH | {"files": {"deploy/app.toml": "of main", "search.py": "1"}}
    for made in project(tmp_path, BEGIN, own, change, RELEASED):
        assert carry(made).state == "advanced"
        assert on_github(made, "show", "cloud:deploy/app.toml") == "of the cloud"
        assert on_github(made, "show", "cloud:search.py") == "1"


BASE: Entry = {"commit": "Begin", "files": {"deploy/app.toml": "1", "deploy/old.toml": "1"}}
TOUCHES = SEARCH | {
    "files": {"deploy/app.toml": "2", "deploy/new.toml": "1", "deploy/old.toml": None, "search.py": "1"}
}
DIFFERS = [("deploy/new.toml", "new"), ("deploy/app.toml", "changed"), ("deploy/old.toml", "deleted")]


@pytest.mark.parametrize(
    "cloud", [{"branch": "cloud", "from": "v1.2.3"}, CLOUD], ids=["that is behind", "with commits of its own"]
)
def test_what_the_branch_keeps_stays_byte_for_byte_and_each_difference_is_told(tmp_path: Path, cloud: Entry) -> None:
    for made in project(tmp_path, BASE, BEGIN, cloud, TOUCHES, RELEASED):
        kept = on_github(made, "ls-tree", "-r", "cloud", "deploy")
        offered = stage.candidate(made.project(), "")
        assert [(one.path, one.how) for one in offered.kept] == DIFFERS
        assert (offered.state, offered.build, offered.version) == ("candidate", True, "1.3.0")
        stage.tested(made.project(), offered.sha, ())
        assert stage.advance(made.project(), offered.sha).state == "advanced"
        assert on_github(made, "ls-tree", "-r", "cloud", "deploy") == kept
        assert on_github(made, "show", "cloud:search.py") == "1"
        assert on_github(made, "merge-base", "--is-ancestor", "v1.3.0", "cloud") == ""


def test_a_release_that_touches_nothing_kept_is_fast_forwarded_to(tmp_path: Path) -> None:
    for made in project(tmp_path, BASE, BEGIN, {"branch": "cloud", "from": "v1.2.3"}, SEARCH, RELEASED):
        offered = stage.candidate(made.project(), "")
        assert (offered.sha, offered.kept) == (on_github(made, "rev-parse", "v1.3.0^{commit}"), ())


def test_what_differs_in_kept_paths_is_told_by_each_sync_and_its_summary_new_files_first(tmp_path: Path) -> None:
    own = CLOUD | {"files": {"deploy/app.toml": "of the cloud", "deploy/own.toml": "1"}}
    for made in project(tmp_path, BASE, BEGIN, own, TOUCHES, RELEASED):
        summary = tmp_path / "summary.md"
        env = made.environment(GITHUB_STEP_SUMMARY=str(summary))
        lines = ["  new: deploy/new.toml", "  changed: deploy/app.toml", "  deleted: deploy/old.toml"]
        done = made.run("sync", env=env)
        title, *named = done.out.splitlines()[1:]
        assert (title, named) == (
            "Kept as they are on the hosted branch (`keep-cloud`), although different in v1.3.0:",
            lines,
        )
        assert "\n".join([title, "", "```", *lines, "```"]) in summary.read_text()
        again = made.run("sync", "--json").document
        assert (again["state"], again["kept"]) == ("nothing", [{"path": path, "how": how} for path, how in DIFFERS[:2]])


def test_where_a_person_resolves_a_conflict_what_is_kept_is_as_it_was_already(tmp_path: Path) -> None:
    own = CLOUD | {"files": {"search.py": "of the cloud", "deploy/app.toml": "of the cloud"}}
    for made in project(tmp_path, BASE, BEGIN, own, TOUCHES, RELEASED):
        kept = on_github(made, "ls-tree", "-r", "cloud", "deploy")
        done = stage.candidate(made.project(), "")
        assert (done.state, done.conflicts) == ("conflict", ("search.py",))
        resolve(made, squash=False)
        assert on_github(made, "ls-tree", "-r", "cloud", "deploy") == kept
        assert on_github(made, "show", "cloud:search.py") == "of both"


def test_a_conflict_is_a_pull_request_that_says_what_to_do_and_exit_code_5(conflicting: Shop) -> None:
    before = heads(conflicting)["cloud"]
    result = conflicting.run("sync", "--candidate", "--json")
    assert result.code == 5
    document = result.document
    assert (document["state"], document["conflicts"]) == ("conflict", ["search.py"])
    pull = conflicting.github().issues.open_pull(f"{CONFLICT_BRANCH}v1.3.0", "cloud")
    assert pull is not None
    assert pull.number == document["pull"]
    for told in ("`search.py`", "#1 Add search", "of the cloud", "git merge origin/cloud", "with a merge commit"):
        assert told in pull.body
    assert heads(conflicting)["cloud"] == before


def test_a_conflict_is_told_once(conflicting: Shop) -> None:
    first = stage.candidate(conflicting.project(), "")
    conflicting.box.forget_requests()
    assert stage.candidate(conflicting.project(), "").pull == first.pull
    assert not [asked for asked in conflicting.box.requests if asked.method == "POST" and asked.path.endswith("/pulls")]


def test_the_merger_of_the_conflicting_pull_request_is_assigned(conflicting: Shop) -> None:
    done = stage.candidate(conflicting.project(), "")
    issue = conflicting.api("GET", f"issues/{done.pull}")
    assert isinstance(issue, dict)
    assert [person["login"] for person in issue["assignees"]] == ["maintainer"]
    assert [label["name"] for label in issue["labels"]] == ["sync-conflict"]


def test_people_are_notified_of_a_conflict_once(conflicting: Shop) -> None:
    stage.candidate(conflicting.project(), "")
    stage.candidate(conflicting.project(), "")
    (notice,) = conflicting.notices
    assert (notice.event, notice.title) == ("sync-conflict", "Resolve the conflicts of v1.3.0 with cloud")


def test_where_no_pull_request_may_be_opened_an_issue_says_the_same(tmp_path: Path) -> None:
    own = CLOUD | {"files": {"search.py": "of the cloud"}}
    rights: Entry = {"rights": {"pull-requests": "read", "issues": "write", "contents": "write"}}
    for made in project(tmp_path, BEGIN, own, SEARCH, RELEASED, rights):
        done = stage.candidate(made.project(), "")
        assert (done.state, done.pull) == ("conflict", None)
        assert "/issues/" in done.url
        assert stage.candidate(made.project(), "").url == done.url


def test_a_newer_release_supersedes_the_conflict_of_an_older_one(conflicting: Shop) -> None:
    older = stage.candidate(conflicting.project(), "")
    release_another(conflicting)
    newer = stage.candidate(conflicting.project(), "")
    assert newer.tag == "v1.3.1"
    assert newer.pull != older.pull
    assert conflicting.github().issues.open_pull(f"{CONFLICT_BRANCH}v1.3.0", "cloud") is None
    assert f"{CONFLICT_BRANCH}v1.3.0" not in heads(conflicting)


def release_another(made: Shop) -> None:
    """Land a fix on main and release it as v1.3.1."""
    made.git("checkout", "--quiet", "main")
    (made.clone / "fix.py").write_text("1")
    made.git("add", "fix.py")
    made.git("commit", "--quiet", "--message", "fix: another")
    made.git("push", "--quiet", made.box.push_url, "main")
    assert made.run("release").code == 0


def resolve(made: Shop, *, squash: bool) -> None:
    """A person resolves the conflict as the pull request says, and merges it."""
    branch = f"{CONFLICT_BRANCH}v1.3.0"
    made.git("fetch", "--quiet", "origin")
    made.git("checkout", "--quiet", "--detach", f"origin/{branch}")
    subprocess.run(["git", "merge", "--quiet", "origin/cloud"], cwd=made.clone, capture_output=True, check=False)
    (made.clone / "search.py").write_text("of both")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "Resolve")
    made.git("push", "--quiet", made.box.push_url, f"HEAD:refs/heads/{branch}")
    made.git("checkout", "--quiet", "main")
    pull = made.github().issues.open_pull(branch, "cloud")
    assert pull is not None
    made.api("PUT", f"pulls/{pull.number}/merge", {"merge_method": "squash" if squash else "merge"})


def test_a_resolved_conflict_is_in_the_branch_and_goes_through_the_tests(conflicting: Shop) -> None:
    stage.candidate(conflicting.project(), "")
    resolve(conflicting, squash=False)
    assert stage.candidate(conflicting.project(), "").state == "nothing"
    job = conflicting.job() | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "cloud"}
    pushed = stage.candidate(conflicting.project(env=job), "")
    assert (pushed.state, pushed.sha, pushed.build) == ("pushed", heads(conflicting)["cloud"], True)


def test_a_resolution_that_was_squashed_is_recorded_so_that_it_does_not_come_back(conflicting: Shop) -> None:
    stage.candidate(conflicting.project(), "")
    resolve(conflicting, squash=True)
    tree = on_github(conflicting, "rev-parse", "cloud^{tree}")
    assert carry(conflicting).state == "advanced"
    assert on_github(conflicting, "rev-parse", "cloud^{tree}") == tree
    release_another(conflicting)
    assert carry(conflicting).state == "advanced"
    assert on_github(conflicting, "show", "cloud:search.py") == "of both"


def test_a_newer_release_after_a_squashed_resolution_does_not_conflict_again(conflicting: Shop) -> None:
    stage.candidate(conflicting.project(), "")
    resolve(conflicting, squash=True)
    release_another(conflicting)
    assert carry(conflicting).state == "advanced"
    assert on_github(conflicting, "show", "cloud:search.py") == "of both"
    assert on_github(conflicting, "show", "cloud:fix.py") == "1"


def test_a_persons_push_is_tested_and_our_own_is_left_alone(diverged: Shop) -> None:
    job = diverged.job() | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "cloud"}
    carry(diverged)
    assert stage.candidate(diverged.project(env=job), "").state == "nothing"
    hotfix = push_to_cloud(diverged, "hotfix.py")
    pushed = stage.candidate(diverged.project(env=job), "")
    assert (pushed.state, pushed.sha, pushed.version) == ("pushed", hotfix, "1.3.0+cloud.1")
    stage.tested(diverged.project(env=job), hotfix, ())
    assert stage.advance(diverged.project(env=job), hotfix).state == "nothing"
    assert stage.candidate(diverged.project(env=job), "").state == "nothing"


@pytest.mark.parametrize(
    "history, tag, why",
    [
        (({"tag": "v1.3.0-rc.1"},), "v1.3.0-rc.1", "is a prerelease"),
        (
            (
                {"branch": "aside", "from": "v1.2.3", "commit": "A", "files": {"x": "1"}},
                {"tag": "v1.2.4", "at": "aside"},
            ),
            "v1.2.4",
            "is on neither `main` nor a maintenance branch",
        ),
        ((), "v9.9.9", "does not exist on GitHub"),
        (({"tag": "v1.3.0", "claimed": True},), "v1.3.0", "is not published yet"),
    ],
)
def test_what_is_no_stable_release_is_refused(tmp_path: Path, history: tuple[Entry, ...], tag: str, why: str) -> None:
    for made in project(tmp_path, BEGIN, {"branch": "cloud", "from": "v1.2.3"}, SEARCH, *history):
        with pytest.raises(RefusedError, match=why):
            stage.candidate(made.project(), tag)
        assert stage.candidate(made.project(), "").state == "nothing"


HOT_FIX: tuple[Entry, ...] = (
    {"branch": "1.2.x", "from": "v1.2.3", "commit": "fix: a hot one", "author": "ada", "files": {"hot.py": "1"}},
    {"tag": "v1.2.4", "at": "1.2.x"},
)


@pytest.mark.parametrize("cloud", [CLOUD, {"branch": "cloud", "from": "v1.2.3"}, None], ids=["apart", "older", "none"])
def test_a_release_of_a_maintenance_branch_is_tested_on_a_branch_of_its_own_and_moves_nothing(
    tmp_path: Path, cloud: Entry | None
) -> None:
    for made in project(tmp_path, BEGIN, *([cloud] if cloud else []), SEARCH, *HOT_FIX):
        before = heads(made)
        assert stage.candidate(made.project(), "").tag == "v1.2.3", "by itself only what is on `main` is carried"
        assert stage.preview(made.project(), "v1.2.4").state == "test"
        offered = stage.candidate(made.project(), "v1.2.4")
        tag = on_github(made, "rev-parse", "v1.2.4^{commit}")
        assert (offered.state, offered.sha, offered.version, offered.build) == ("candidate", tag, "1.2.4", False)
        assert heads(made)[f"{stage.CANDIDATE_BRANCH}v1.2.4"] == tag
        with pytest.raises(RefusedError, match="is not tested"):
            stage.advance(made.project(), tag)
        stage.tested(made.project(), tag, ())
        done = stage.advance(made.project(), tag)
        assert (done.state, done.tag, done.again) == ("tested", "v1.2.4", False)
        again = stage.candidate(made.project(), "v1.2.4")
        assert (again.state, again.reason) == ("nothing", done.reason)
        assert {name: sha for name, sha in heads(made).items() if not name.endswith("v1.2.3")} == before


def test_a_hot_fix_whose_run_died_after_its_tests_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    for made in project(tmp_path, BEGIN, CLOUD, SEARCH, *HOT_FIX):
        offered = stage.candidate(made.project(), "v1.2.4")
        stage.tested(made.project(), offered.sha, ())
        assert made.run("sync", "v1.2.4").code == 0
        assert candidates(made) == []


def test_a_hot_fix_that_a_person_merged_into_the_hosted_branch_is_there_already(tmp_path: Path) -> None:
    merged: Entry = {"merge-branch": "1.2.x", "into": "cloud"}
    for made in project(tmp_path, BEGIN, CLOUD, SEARCH, *HOT_FIX, merged):
        assert stage.candidate(made.project(), "v1.2.4").reason == "`cloud` has v1.2.4 already"


def test_a_withdrawn_release_is_passed_over(diverged: Shop) -> None:
    assert diverged.run("withdraw", "v1.3.0", "--reason", "loses orders").code == 0
    with pytest.raises(RefusedError, match=r"v1\.3\.0 is withdrawn"):
        stage.candidate(diverged.project(), "v1.3.0")
    assert stage.candidate(diverged.project(), "").tag == "v1.2.3"


def test_an_older_release_after_a_newer_one_is_in_it_already(diverged: Shop) -> None:
    release_another(diverged)
    carry(diverged)
    assert stage.candidate(diverged.project(), "v1.3.0").reason == "`cloud` has v1.3.0 already"


def test_without_a_sync_table_there_is_no_sync(tmp_path: Path) -> None:
    with shop(tmp_path, BEGIN) as made:
        for done in (
            stage.candidate(made.project(), ""),
            stage.sync(made.project(), ""),
            stage.tested(made.project(), "HEAD", ()),
            stage.advance(made.project(), "HEAD"),
        ):
            assert done.state == "nothing"
            assert "no `[sync]` table" in done.reason


def test_a_protected_branch_is_named_with_the_two_ways_out(tmp_path: Path) -> None:
    for made in project(tmp_path, BEGIN, CLOUD, SEARCH, RELEASED, {"protect": "cloud"}):
        offered = stage.candidate(made.project(), "")
        stage.tested(made.project(), offered.sha, ())
        with pytest.raises(ReleaseToolError) as refused:
            stage.advance(made.project(), offered.sha)
        assert refused.value.exit_code == 3
        assert "GitHub App" in refused.value.todo
        assert "deploy key" in refused.value.todo


def test_where_pushing_is_forbidden_a_pull_request_carries_the_candidate(tmp_path: Path) -> None:
    files = {"release-tool.toml": '[sync]\nvia = "pull-request"\n'}
    with shop(tmp_path, BEGIN, CLOUD, SEARCH, RELEASED, {"protect": "cloud"}, files=files) as made:
        offered = stage.candidate(made.project(), "")
        stage.tested(made.project(), offered.sha, ())
        done = stage.advance(made.project(), offered.sha)
        assert done.state == "pull-request"
        assert stage.advance(made.project(), offered.sha).pull == done.pull
        assert heads(made)["cloud"] == on_github(made, "rev-parse", f"{offered.sha}^1")


def test_a_dry_run_writes_nothing(conflicting: Shop) -> None:
    before = heads(conflicting)
    result = conflicting.run("sync", "--dry-run", "--json")
    assert (result.code, result.document["state"], result.document["conflicts"]) == (0, "conflict", ["search.py"])
    assert heads(conflicting) == before


def test_the_users_checkout_is_never_touched(diverged: Shop) -> None:
    (diverged.clone / "work.py").write_text("in progress")
    diverged.git("add", "work.py")
    before = (diverged.git("status", "--porcelain"), diverged.git("rev-parse", "HEAD"), diverged.git("branch"))
    assert carry(diverged).state == "advanced"
    assert (diverged.git("status", "--porcelain"), diverged.git("rev-parse", "HEAD"), diverged.git("branch")) == before


def test_a_bare_clone_is_enough(diverged: Shop, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--bare", diverged.box.clone_url, str(tmp_path / "bare")], check=True)
    diverged.clone = tmp_path / "bare"
    result = diverged.run("sync", "--json")
    assert (result.code, result.document["state"]) == (0, "advanced"), result.err


@pytest.mark.parametrize("write", range(4), ids=["branch", "pull request", "assignees", "label"])
def test_a_conflict_told_by_a_killed_run_is_told_once_and_whole(conflicting: Shop, write: int) -> None:
    fault = Fault(method="POST", path=r"/repos/|git-receive-pack$", after=write, block="after")
    armed = conflicting.box.fault(fault)
    doomed = conflicting.begin("sync")
    assert armed.wait_until_reached(30)
    doomed.kill()
    armed.release()
    conflicting.box.faults.clear()

    assert conflicting.run("sync").code == 5
    (pull,) = conflicting.github().issues.open_pulls("release-tool/", "cloud")
    assert pull.labels == ("sync-conflict",)
    issue = conflicting.api("GET", f"issues/{pull.number}")
    assert isinstance(issue, dict)
    assert [person["login"] for person in issue["assignees"]] == ["maintainer"]


def test_a_token_that_may_not_change_workflow_files_is_told_the_two_ways_out(tmp_path: Path) -> None:
    workflow = ".github/workflows/ci.yml"
    lines = "".join(f"# {number}\n" for number in range(9))
    begin: Entry = {"commit": "Begin", "files": {workflow: lines}}
    own = CLOUD | {"files": {workflow: lines.replace("# 1\n", "# one\n")}}
    change = SEARCH | {"files": {workflow: lines.replace("# 7\n", "# seven\n")}}
    for made in project(tmp_path, begin, BEGIN, own, change, RELEASED):
        with pytest.raises(ReleaseToolError) as refused:
            stage.candidate(made.project(), "")
        assert refused.value.exit_code == 3
        assert workflow in refused.value.message
        assert "workflows: write" in refused.value.todo
        assert "deploy key" in refused.value.todo


WRITES = ["push of the candidate", "mark", "tested", "push of the branch", "deletion of the candidate"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", examples.some(range(len(WRITES))), ids=WRITES.__getitem__)
def test_a_sync_killed_anywhere_and_run_again_ends_as_if_it_had_not_been_killed(
    diverged: Shop, write: int, when: str
) -> None:
    fault = Fault(method="POST|PATCH|DELETE", path=r"/repos/.*/statuses|git-receive-pack$", after=write, block=when)  # type: ignore[arg-type]  # the table's two words
    armed = diverged.box.fault(fault)
    doomed = diverged.begin("sync")
    assert armed.wait_until_reached(30)
    doomed.kill()
    armed.release()
    diverged.box.faults.clear()

    again = diverged.run("sync")
    assert again.code == 0, again.err
    assert on_github(diverged, "rev-list", "--count", "--first-parent", "v1.2.3..cloud") == "2"
    assert candidates(diverged) == []
    assert diverged.github().issues.open_pull(f"{CONFLICT_BRANCH}v1.3.0", "cloud") is None


def test_status_says_how_far_the_branch_is_behind(diverged: Shop) -> None:
    found = look(diverged.project())
    assert found.released == "v1.3.0"
    assert found.cloud is not None
    assert (found.cloud.name, found.cloud.behind) == ("1.2.3+cloud.1", ("v1.3.0",))
    assert "1.2.3+cloud.1, behind by v1.3.0" in diverged.run("status").out
    carry(diverged)
    found = look(diverged.project())
    assert found.cloud is not None
    assert (found.cloud.name, found.cloud.behind) == ("1.3.0", ())
