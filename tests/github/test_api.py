"""What GitHub tells and does, asked of the stand-in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest

from github_sandbox import Fault, Sandbox
from release_tool.git.repository import Git
from release_tool.github.api import Claim, GitHub, NoAnswerError, RejectedError, RestrictedError
from release_tool.model.commits import Author, PullRequest
from tests.clock import FakeClock
from tests.git.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.model.commits import Commit

Scenario = dict[str, object]


class Start(Protocol):
    def __call__(self, *history: Scenario) -> Sandbox: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    boxes: list[Sandbox] = []

    def start(*history: Scenario) -> Sandbox:
        scenario: Scenario = {"repository": "acme/shop", "files": {"README.md": "hello"}, "history": list(history)}
        boxes.append(Sandbox.start(scenario, tmp_path / "box"))
        return boxes[-1]

    yield start
    for box in boxes:
        box.stop()


def github_of(box: Sandbox) -> GitHub:
    return GitHub(
        box.repository,
        token=box.token,
        api_url=box.api_url,
        graphql_url=box.graphql_url,
        clock=FakeClock(),
        seconds_between_writes=0,
    )


def line_of(box: Sandbox) -> list[Commit]:
    return Git(box.git_directory).first_parent_log(None, "main")


def pull(number: int, merge: str = "squash", **more: object) -> Scenario:
    files = {f"file-{number}": "x"}
    rest: Scenario = {"commits": [{"message": "One", "files": files}, {"message": "Two", "files": {"y": str(number)}}]}
    changes = rest if merge == "rebase" else {"files": files}
    standard: Scenario = {"title": f"Title {number}", "labels": [], "author": "ada", "merge": merge}
    return {"pull": number} | standard | changes | more


# Pull requests


def test_pull_requests_are_found_by_their_merge_commit_in_one_request(start: Start) -> None:
    box = start(pull(1, body="Text", labels=["feature"]), pull(2, "merge"), pull(3, "rebase", author=None))
    github, line = github_of(box), line_of(box)

    found = github.merged_pulls("main", {commit.sha for commit in line}, line[-1].committed_at)

    assert github.requests == 1
    assert {pull.number for pull in found.values()} == {1, 2, 3}
    squash = found[line[3].sha]
    assert squash == PullRequest(
        number=1,
        title="Title 1",
        body="Text",
        labels=("feature",),
        author=Author(name="ada", login="ada"),
        url=squash.url,
        base="main",
        head="pull-1",
        merge_commit=line[3].sha,
    )
    assert found[line[2].sha].number == 2
    assert found[line[0].sha].author is None


def test_nothing_is_asked_where_nothing_is_wanted(start: Start) -> None:
    github = github_of(start(pull(1)))

    assert github.merged_pulls("main", set(), 0) == {}
    assert github.pull_messages([]) == {}
    assert github.newcomers([], datetime(2026, 1, 1, tzinfo=UTC)) == set()
    assert github.requests == 0


@pytest.mark.parametrize("count, requests", [(10, 1), (100, 1), (1000, 10)])
def test_a_hundred_pull_requests_cost_one_request(start: Start, count: int, requests: int) -> None:
    box = start(*(pull(number) for number in range(1, count + 1)))
    github, line = github_of(box), line_of(box)

    found = github.merged_pulls("main", {commit.sha for commit in line[:-1]}, line[-1].committed_at)

    assert len(found) == count
    assert github.requests == requests


def test_pull_requests_last_touched_before_the_range_are_not_read(start: Start) -> None:
    box = start(*(pull(number) for number in range(1, 251)))
    github, line = github_of(box), line_of(box)

    a_day_later = line[0].committed_at + 24 * 3600
    assert github.merged_pulls("main", {"0" * 40}, a_day_later) == {}

    assert github.requests == 1


def test_more_labels_than_a_page_has_room_for_are_read_too(start: Start) -> None:
    labels = [f"label-{number:02}" for number in range(30)]
    box = start(pull(1, labels=labels))
    github, line = github_of(box), line_of(box)

    [found] = github.merged_pulls("main", {line[0].sha}, 0).values()

    assert sorted(found.labels) == labels
    assert github.requests == 2


def test_the_commits_of_pull_requests_are_told_without_merges_and_all_at_once(start: Start) -> None:
    box = start(
        pull(1, "rebase"),
        {"branch": "topic", "commit": "Begin", "files": {"topic": "1"}},
        {"commit": "Meanwhile", "files": {"z": "1"}},
        {"merge-branch": "main", "into": "topic"},
        {"pull": 2, "title": "Topic", "branch": "topic", "merge": "squash"},
    )
    github = github_of(box)

    found = github.pull_messages([1, 2])

    assert found.keys() == {1, 2}
    assert len(found[1]) == 2
    assert found[2] == ("Begin",)
    assert github.requests == 1


def test_a_pull_request_to_another_branch_does_not_count(start: Start) -> None:
    box = start({"branch": "topic", "from": "main", "commit": "Start", "author": "ada"}, pull(1, base="topic"))
    github = github_of(box)
    [merge, *_] = Git(box.git_directory).first_parent_log(None, "topic")

    assert github.merged_pulls("main", {merge.sha}, 0) == {}
    assert github.merged_pulls("topic", {merge.sha}, 0).keys() == {merge.sha}


def test_the_pull_request_of_a_fork_counts(start: Start) -> None:
    box = start(pull(1, fork=True))
    github, line = github_of(box), line_of(box)

    assert github.merged_pulls("main", {line[0].sha}, 0).keys() == {line[0].sha}


def test_what_the_index_of_commits_does_not_know_yet_is_known_by_the_pull_request(
    start: Start,
) -> None:
    box = start({"lag": {"associations": 1}}, pull(1))
    github, line = github_of(box), line_of(box)

    assert github.merged_pulls("main", {line[0].sha}, 0).keys() == {line[0].sha}
    found = github.pull(1)
    assert found is not None
    assert found.merge_commit == line[0].sha


def test_a_bot_is_a_bot_and_has_the_name_that_git_knows_it_by(start: Start) -> None:
    box = start(pull(1, author="dependabot[bot]", author_type="Bot"))
    github = github_of(box)

    found = github.pull(1)

    assert found is not None
    assert found.author == Author(name="dependabot[bot]", login="dependabot[bot]", bot=True)


def test_a_pull_request_that_is_open_or_does_not_exist_is_not_merged(start: Start) -> None:
    github = github_of(start(pull(1, state="open")))

    assert github.pull(1) is None
    assert github.pull(99) is None


def test_newcomers_are_those_who_had_nothing_merged_before(start: Start) -> None:
    box = start(pull(1, author="ada"), {"tag": "v1.0.0"}, pull(2, author="ada"), pull(3, author="eve"))
    github, line = github_of(box), line_of(box)
    before = datetime.fromtimestamp(line[1].committed_at, UTC)

    assert github.newcomers(["ada", "eve", "eve", 'x" repo:other'], before) == {"eve"}
    assert github.requests == 1


# Releases


def test_every_release_is_among_the_newest_or_the_older_ones(start: Start) -> None:
    github = github_of(start(*({"tag": f"v1.{number}.0", "annotated": False} for number in range(205))))

    newest, older = github.releases(), github.older_releases()

    assert (len(newest), len(older), github.requests) == (100, 105, 3)
    assert len({release.tag for release in [*newest, *older]}) == 205


def test_a_release_goes_from_a_draft_with_files_to_a_published_one(start: Start, tmp_path: Path) -> None:
    box = start({"tag": "v1.0.0", "release": False})
    github = github_of(box)
    file = tmp_path / "shop.tar.gz"
    file.write_bytes(b"hello" * 100_000)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    draft = github.create_draft("v1.0.0", "v1.0.0", "Notes", prerelease=False)
    assert (draft.draft, draft.tag, draft.body, draft.published_at) == (True, "v1.0.0", "Notes", None)
    assert github.release_by_tag("v1.0.0") is None
    assert draft.id in [release.id for release in github.releases()]

    asset = github.upload_asset(draft, "shop.tar.gz", file, "application/gzip")
    assert (asset.name, asset.size, asset.state, asset.digest) == (file.name, 500_000, "uploaded", f"sha256:{digest}")
    assert github.digest_asset(asset) == digest
    with pytest.raises(RejectedError) as failure:
        github.upload_asset(draft, "shop.tar.gz", file, "application/gzip")
    assert failure.value.codes == {"already_exists"}

    github.update_release(draft.id, "v1.0.0", draft=False, latest=True)
    published = github.release_by_tag("v1.0.0")
    assert published is not None
    assert (published.id, published.draft, published.tag, published.assets) == (draft.id, False, "v1.0.0", (asset,))
    assert published.published_at is not None
    assert github.latest_release() == published


def test_what_is_not_named_in_a_change_stays_as_it_is(start: Start) -> None:
    box = start({"tag": "v1.0.0", "release": False})
    github = github_of(box)
    draft = github.create_draft("v1.0.0", "Name", "Notes", prerelease=True)

    changed = github.update_release(draft.id, "v1.0.0", body="")

    assert (changed.name, changed.body or "", changed.draft, changed.prerelease) == ("Name", "", True, True)
    assert changed.tag == "v1.0.0"


def test_drafts_and_files_can_be_deleted(start: Start, tmp_path: Path) -> None:
    github = github_of(start({"tag": "v1.0.0", "release": False}))
    draft = github.create_draft("v1.0.0", "v1.0.0", "", prerelease=False)
    (tmp_path / "file").write_text("x")
    asset = github.upload_asset(draft, "file", tmp_path / "file", "text/plain")

    github.delete_asset(asset)
    left = github.release(draft.id)
    assert left is not None
    assert left.assets == ()
    github.delete_release(draft.id)
    assert github.release(draft.id) is None


def test_an_upload_that_got_no_answer_is_not_repeated_and_can_be_read_back(start: Start, tmp_path: Path) -> None:
    box = start({"tag": "v1.0.0", "release": False})
    github = github_of(box)
    draft = github.create_draft("v1.0.0", "v1.0.0", "", prerelease=False)
    (tmp_path / "file").write_text("x")
    box.fault(Fault(method="POST", path="assets", drop="after"))

    with pytest.raises(NoAnswerError):
        github.upload_asset(draft, "file", tmp_path / "file", "text/plain")

    left = github.release(draft.id)
    assert left is not None
    assert [asset.name for asset in left.assets] == ["file"]


def test_a_download_that_broke_is_started_anew(start: Start, tmp_path: Path) -> None:
    box = start({"tag": "v1.0.0", "release": False})
    github = github_of(box)
    draft = github.create_draft("v1.0.0", "v1.0.0", "", prerelease=False)
    (tmp_path / "file").write_text("x")
    asset = github.upload_asset(draft, "file", tmp_path / "file", "text/plain")
    box.fault(Fault(method="GET", path=f"assets/{asset.id}", drop="before"))
    box.fault(Fault(method="GET", path=f"assets/{asset.id}", status=503))

    assert github.digest_asset(asset) == hashlib.sha256(b"x").hexdigest()


# Tags


def test_a_tag_is_claimed_once(start: Start) -> None:
    box = start()
    github, [head] = github_of(box), line_of(box)
    sha = github.create_tag_object("v1.0.0", "v1.0.0\n\nText", head.sha)

    assert github.ref("refs/tags/v1.0.0") is None
    assert github.create_ref("refs/tags/v1.0.0", sha) is Claim.CREATED
    assert github.create_ref("refs/tags/v1.0.0", sha) is Claim.EXISTS
    assert github.ref("refs/tags/v1.0.0") == sha
    message = Git(box.git_directory).tag_message("v1.0.0")
    assert message is not None
    assert message.text == "v1.0.0\n\nText"
    tag = github.tag_object(sha)
    assert tag is not None
    assert (tag.tag, tag.message.strip(), tag.commit) == ("v1.0.0", "v1.0.0\n\nText", head.sha)
    assert tag.tagged_at.utcoffset() is not None
    assert github.tag_object(head.sha) is None


@pytest.mark.parametrize("drop, there", [("before", False), ("after", True)])
def test_a_claim_that_got_no_answer_can_be_read_back(start: Start, drop: str, there: bool) -> None:
    box = start()
    github, [head] = github_of(box), line_of(box)
    box.fault(Fault(method="POST", path="git/refs", drop="before" if drop == "before" else "after"))

    with pytest.raises(NoAnswerError):
        github.create_ref("refs/tags/v1.0.0", head.sha)

    assert (github.ref("refs/tags/v1.0.0") == head.sha) is there


def test_a_token_without_rights_is_refused_the_claim(start: Start) -> None:
    box = start({"rights": {"contents": "read"}})
    [head] = line_of(box)

    assert github_of(box).create_ref("refs/tags/v1.0.0", head.sha) is Claim.FORBIDDEN


def test_a_name_that_an_immutable_release_burned_can_not_be_claimed(start: Start) -> None:
    box = start({"burned": "v1.0.0"})
    [head] = line_of(box)

    with pytest.raises(RestrictedError, match="creations being restricted"):
        github_of(box).create_ref("refs/tags/v1.0.0", head.sha)


# Runs and who asks


def test_the_jobs_of_a_run_are_told_and_an_unknown_run_is_unknown(start: Start) -> None:
    job = {"id": 501, "name": "release", "runner_name": "r1", "status": "in_progress"}
    github = github_of(start({"run": 77, "attempt": 1, "status": "in_progress", "jobs": [job]}))

    jobs, run = github.run_jobs(77, 1), github.run(77)

    assert jobs is not None
    assert [(job.id, job.status, job.runner_name) for job in jobs] == [(501, "in_progress", "r1")]
    assert run is not None
    assert run.status == "in_progress"
    assert github.run_jobs(78, 1) is None
    assert github.run(78) is None


def test_the_repository_is_told(start: Start) -> None:
    github = github_of(start())

    assert (github.repository().full_name, github.repository().default_branch) == ("acme/shop", "main")


def test_a_clone_reads_the_tags_and_branches_of_the_remote_with_the_token(start: Start, tmp_path: Path) -> None:
    box = start({"tag": "v1.0.0"})
    github, [head] = github_of(box), line_of(box)
    clone = Repo.create(tmp_path / "clone")
    clone.git("remote", "add", "origin", box.clone_url)
    git = Git(clone.directory, token=box.token, server_url=box.api_url)
    sha = github.create_tag_object("v1.1.0", "v1.1.0", head.sha)
    github.create_ref("refs/tags/v1.1.0", sha)

    assert git.remote_tags()["v1.1.0"].object == sha
    assert git.fetch_branch("main") == head.sha
    git.fetch_tags(["v1.1.0"])
    assert git.tag_messages([sha])[sha].text == "v1.1.0"
    assert git.tags() == {}
