"""The life of a pull request, with the one comment on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests

from github_sandbox import Fault
from release_tool.errors import RemoteError, UsageError
from release_tool.history.facts import Request
from release_tool.pull_request.check import check, check_group
from release_tool.pull_request.comment import MARKER
from release_tool.pull_request.github import PullRequests
from release_tool.release.planning import plan
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.pull_request.github import PullRequestComment
    from tests.shop import Entry, Shop

OPEN: Entry = {"pull": 7, "title": "Add search", "author": "ada", "state": "open", "files": {"search.py": "1"}}
FIX: Entry = {"pull": 2, "title": "fix: mend it", "files": {"shop.py": "2"}}
STRICT = {"release-tool.toml": 'unlabelled = "fail"\nirreversible-paths = ["**/migrations/*.py"]\n'}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX, OPEN, files=STRICT) as made:
        yield made


def label(made: Shop, *names: str, number: int = 7) -> None:
    made.api("PATCH", f"issues/{number}", {"labels": list(names)})


def comments(made: Shop, number: int = 7) -> list[PullRequestComment]:
    return made.github().adapter(PullRequests).comments(number)


def codes(made: Shop, number: int = 7) -> set[str]:
    return {finding.code for finding in check(made.project(), number).found}


def test_a_pull_request_lives_from_unlabelled_to_corrected_to_merged_with_one_comment_that_changes(
    project: Shop,
) -> None:
    refused = project.run("check-pr", "7")
    assert refused.code == 3
    assert "nothing says how far it moves the version" in refused.out
    (comment,) = comments(project)
    assert "### ❌ This can't be merged yet" in comment.body

    label(project, "feature")
    passed = project.run("check-pr", "7")
    assert passed.code == 0, passed.err
    (same,) = comments(project)
    assert same.id == comment.id
    assert "### ✅ Merging this makes v1.3.0" in same.body
    assert "With the 1 change that waits on `main` that makes v1.3.0; alone it would make v1.3.0." in same.body
    assert "> - Add search ([#7]" in same.body

    project.api("PUT", "pulls/7/merge", {"merge_method": "squash"})
    project.git("pull", "--quiet")
    assert project.run("plan", "--json").document["tag"] == "v1.3.0"
    assert [comment.id for comment in comments(project)] == [same.id]


def test_nothing_is_written_when_nothing_changed(project: Shop) -> None:
    label(project, "feature")
    assert check(project.project(), 7).said == "created"
    project.box.forget_requests()
    assert check(project.project(), 7).said == "unchanged"
    assert not [asked for asked in project.box.requests if "comments" in asked.path]


def test_the_preview_of_a_pull_request_says_what_it_makes_alone_and_with_what_waits(project: Shop) -> None:
    label(project, "bug")
    preview = check(project.project(), 7).preview
    assert preview is not None
    assert (preview.alone, preview.together, preview.waiting) == ("v1.2.4", "v1.2.4", 1)


def test_a_fork_without_rights_has_no_comment_and_is_not_a_failure(tmp_path: Path) -> None:
    fork = OPEN | {"fork": True, "labels": ["feature"]}
    with shop(tmp_path, {"tag": "v1.2.3"}, fork, {"rights": {"pull-requests": "read", "issues": "read"}}) as made:
        summary = made.clone / "summary.md"
        result = made.run("check-pr", "7", env=made.job(GITHUB_STEP_SUMMARY=str(summary)))
        assert result.code == 0, result.err
        assert "no comment: this token may not write one" in result.out
        assert "Merging this makes v1.3.0" in summary.read_text()
        assert comments(made) == []


def test_two_checks_at_once_end_with_one_comment(project: Shop) -> None:
    label(project, "feature")
    blocked = project.box.fault(Fault(method="POST", path="/comments$", block="before"))
    slow = project.begin("check-pr", "7")
    assert blocked.wait_until_reached(30)
    assert check(project.project(), 7).said == "created"
    blocked.release()
    assert slow.wait().code == 0
    assert len(comments(project)) == 1


def test_a_comment_that_got_no_answer_is_not_written_twice(project: Shop) -> None:
    label(project, "feature")
    project.box.fault(Fault(method="POST", path="/comments$", drop="after"))
    assert check(project.project(), 7).said == "created"
    assert len(comments(project)) == 1


def test_a_stale_check_does_not_have_the_last_word(project: Shop) -> None:
    label(project, "feature")
    check(project.project(), 7)
    blocked = project.box.fault(Fault(method="PATCH", path="/comments/", block="before"))
    label(project)
    stale = project.begin("check-pr", "7")
    assert blocked.wait_until_reached(30)
    label(project, "bug")
    check(project.project(), 7)
    blocked.release()
    stale.wait()
    (comment,) = comments(project)
    assert "label 'bug'" in comment.body


def test_a_comment_of_somebody_else_with_our_marker_is_not_ours(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, OPEN | {"labels": ["feature"]}, {"token": "t-eve", "login": "eve"}) as made:
        headers = {"Authorization": "Bearer t-eve"}
        url = f"{made.box.api_url}/repos/acme/shop/issues/7/comments"
        requests.post(url, json={"body": f"{MARKER}\nfree beer"}, headers=headers, timeout=10).raise_for_status()
        check(made.project(), 7)
        found = made.api("GET", "issues/7/comments")
        assert isinstance(found, list)
        assert [one["body"].splitlines()[1] for one in found] == ["free beer", ""]


def test_a_breaking_change_needs_its_migration(project: Shop) -> None:
    label(project, "breaking")
    checked = check(project.project(), 7)
    assert checked.refused
    assert "no-migration" in codes(project)
    assert "## Migration" in comments(project)[0].body
    project.api("PATCH", "pulls/7", {"body": "## Migration\n\nRun `shop migrate` first.\n"})
    assert not check(project.project(), 7).refused


def test_a_template_left_standing_is_no_migration(project: Shop) -> None:
    label(project, "breaking")
    project.api("PATCH", "pulls/7", {"body": "## Migration\r\n\r\n<!-- What do people have to do? -->\r\nN/A\r\n"})
    assert "no-migration" in codes(project)


def test_a_one_way_change_needs_a_word_on_it(tmp_path: Path) -> None:
    history = OPEN | {"labels": ["feature"], "files": {"db/migrations/0001.py": "1"}}
    with shop(tmp_path, {"tag": "v1.2.3"}, history, files=STRICT) as made:
        assert "one-way" in codes(made)
        label(made, "feature", "irreversible")
        assert "one-way" not in codes(made)
        label(made, "feature", "irreversible", "reversible")
        assert "contradicting-labels" in codes(made)


@pytest.mark.parametrize(
    "change, labels, code",
    [
        ({"title": "feat: add it"}, ["bug"], "title-against-labels"),
        ({"title": "Add it"}, ["feature", "no-release"], "contradicting-labels"),
        ({"title": "Add it"}, ["feature", "bug"], "several-labels"),
        ({"body": "## Migration\n\nRun it first."}, ["feature"], "migration-without-breaking"),
        ({"body": "BREAKING CHANGE: all of it"}, ["feature"], "breaking-in-prose"),
        ({"title": "Thanks @everyone"}, ["feature"], "mention"),
        ({"title": 'Revert "Add it"'}, ["bug"], "revert"),
        ({"title": "Add it"}, ["question"], "unlabelled"),
        ({"title": "feature: add it"}, [], "nearly-conventional"),
        ({"title": "feat:add it"}, ["question"], "nearly-conventional"),
    ],
)
def test_what_a_reviewer_should_know_is_said(
    project: Shop, change: dict[str, str], labels: list[str], code: str
) -> None:
    project.api("PATCH", "pulls/7", change)
    label(project, *labels)
    assert code in codes(project)


def test_whoever_has_to_set_a_label_is_offered_those_that_exist(tmp_path: Path) -> None:
    labels: list[Entry] = [{"label": "documentation"}, {"label": "enhancement"}]
    with shop(tmp_path, {"tag": "v1.2.3"}, OPEN, *labels) as made:
        (found,) = (one for one in check(made.project(), 7).found if one.code == "unlabelled")
        assert "(`major`, `enhancement`, `patch`, `documentation`)" in found.todo


def test_a_breaking_footer_of_a_commit_makes_it_breaking_before_the_merge_as_after_it(tmp_path: Path) -> None:
    parts = [
        {"message": "Add it\n\nBREAKING CHANGE: the old way is gone", "files": {"a": "1"}},
        {"message": "fix: it", "files": {"b": "1"}},
    ]
    opened = {"pull": 7, "title": "feat: add it", "state": "open", "commits": parts}
    with shop(tmp_path, {"tag": "v1.2.3"}, opened) as made:
        found = check(made.project(), 7)

        assert found.change is not None
        assert str(found.change.bump) == "major"
        assert {"breaking-by-footer", "no-migration"} <= {finding.code for finding in found.found}
        made.api("PUT", "pulls/7/merge", {"merge_method": "rebase"})
        made.git("pull", "--quiet")
        assert plan(made.project(), Request()).tag == "v2.0.0"


def test_what_causes_no_release_says_so_before_the_merge(project: Shop) -> None:
    project.api("PATCH", "pulls/7", {"title": "docs: tell it"})
    found = check(project.project(), 7)

    assert found.change is not None
    assert (str(found.change.bump), found.change.reason) == ("none", "title 'docs:'")
    assert found.preview is not None
    assert found.preview.alone is None


def test_a_configured_label_that_does_not_exist_is_named_with_the_command_that_creates_it(tmp_path: Path) -> None:
    files = {"release-tool.toml": 'labels.minor = ["semver: minor"]\n'}
    with shop(tmp_path, {"tag": "v1.2.3"}, OPEN, files=files) as made:
        (finding,) = [one for one in check(made.project(), 7).found if one.severity.value == "warning"]
        assert finding.message == "this repository has no label `semver: minor`"
        assert finding.todo == "create it: `gh label create 'semver: minor'`"


def test_a_pull_request_to_another_base_passes(tmp_path: Path) -> None:
    topic: Entry = {"branch": "topic", "from": "v1.2.3", "commit": "Begin", "files": {"x": "1"}}
    with shop(tmp_path, {"tag": "v1.2.3"}, topic, OPEN | {"base": "topic"}, files=STRICT) as made:
        result = made.run("check-pr", "7")
        assert (result.code, result.out) == (
            0,
            "#7: not released from here: `topic` is not a branch that is released\n",
        )
        assert comments(made) == []


def test_a_maintenance_branch_previews_its_own_version(tmp_path: Path) -> None:
    old: Entry = {"branch": "1.x", "from": "v1.2.3", "commit": "fix: an old one", "files": {"x": "1"}}
    newer: Entry = {"tag": "v2.0.0"}
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX, newer, old, OPEN | {"base": "1.x", "labels": ["bug"]}) as made:
        preview = check(made.project(), 7).preview
        assert preview is not None
        assert (preview.alone, preview.together, preview.waiting) == ("v1.2.4", "v1.2.4", 1)


def test_a_maintenance_branch_whose_next_number_is_taken_is_told_of_it_with_the_way_out(tmp_path: Path) -> None:
    old: Entry = {"branch": "1.x", "from": "v1.2.3"}
    with shop(
        tmp_path, {"tag": "v1.2.3"}, old, FIX, {"tag": "v1.2.4"}, OPEN | {"base": "1.x", "labels": ["bug"]}
    ) as made:
        checked = check(made.project(), 7)
        assert not checked.refused
        found = {finding.code: finding for finding in checked.found}["no-version"]
        assert found.message == "nothing will be released: version 1.2.4 exists already on another branch"
        assert found.todo == "take the next number that is free on `1.x`: `release-tool bump --force 1.2.5`"
        assert "### ✅ Merging this makes no release" in comments(made)[0].body


def test_in_actions_the_number_comes_from_the_event(project: Shop) -> None:
    event = project.clone / "event.json"
    event.write_text(json.dumps({"action": "labeled", "number": 7, "pull_request": {"number": 7}}))
    env = project.job() | {"GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "pull_request_target"}
    result = project.run("check-pr", "--json", env=env)
    assert result.code == 3
    assert (result.document["pull"], result.document["refused"]) == (7, True)
    assert "::error title=#7%3A unlabelled::" in result.err


def test_without_a_number_and_without_an_event_the_command_asks_which(project: Shop) -> None:
    assert project.run("check-pr").code == 2
    with pytest.raises(UsageError, match="there is no pull request #99"):
        check(project.project(), 99)


def test_in_the_merge_queue_every_pull_request_of_the_group_is_checked(tmp_path: Path) -> None:
    first = OPEN | {"queued": True, "labels": ["feature"]}
    second = OPEN | {"pull": 8, "title": "Unlabelled", "queued": True, "files": {"y": "1"}}
    with shop(tmp_path, {"tag": "v1.2.3"}, first, second, files=STRICT) as made:
        queue = made.github().adapter(PullRequests).queued("main")
        by_number = {number: sha for sha, number in queue.items()}
        event = made.clone / "event.json"
        group = {"head_sha": by_number[8], "head_ref": f"refs/heads/gh-readonly-queue/main/pr-8-{by_number[8]}"}
        event.write_text(json.dumps({"merge_group": {**group, "base_ref": "refs/heads/main"}}))
        env = made.job() | {"GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "merge_group"}
        checked = check_group(made.project(env=env))
        assert [(one.number, one.refused) for one in checked] == [(7, False), (8, True)]
        assert comments(made) == []
        result = made.run("check-pr", env=env)
        assert (result.code, "the policy refuses #8" in result.err) == (3, True)


def test_a_merge_group_that_cannot_be_read_fails(project: Shop) -> None:
    event = project.clone / "event.json"
    event.write_text("{}")
    env = project.job() | {"GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "merge_group"}
    with pytest.raises(RemoteError, match="which pull requests are in the merge group"):
        check_group(project.project(env=env))


def test_the_comment_never_grows_too_long_and_pings_nobody(project: Shop) -> None:
    label(project, "feature")
    body = "## New features\n\n" + "Thanks @ada, more. " * 12_000
    project.api("PATCH", "pulls/7", {"title": "Thank @org/team", "body": body[:65_536]})
    checked = check(project.project(), 7)
    assert len(checked.text) < 65_536
    assert "@org/team" not in checked.text.replace("`@org/team`", "")


def test_after_the_release_the_comment_can_say_where_it_went(tmp_path: Path) -> None:
    files = {"release-tool.toml": "comment-released = true\n"}
    with shop(tmp_path, {"tag": "v1.2.3"}, OPEN | {"labels": ["feature"]}, FIX, files=files) as made:
        check(made.project(), 7)
        made.api("PUT", "pulls/7/merge", {"merge_method": "squash"})
        made.git("pull", "--quiet")
        made.box.fault(Fault(method="POST", path="/issues/2/comments", status=500))
        released = made.run("release")
        (comment,) = comments(made)
        assert "Released in [v1.3.0](" in comment.body
        assert "Merging this makes v1.3.0" in comment.body
        assert "#2 got no comment about v1.3.0" in released.err
