"""How branches of the remote are moved: against the stand-in, and read from what GitHub is known to answer."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.errors import NoAnswerError, RefusedError, RemoteError
from release_tool.git.push import Branches, ProtectedError, Pushed, WorkflowsError, read_push
from release_tool.git.repository import Git
from release_tool.github.api import PermissionDeniedError
from release_tool.system.patience import Patience
from release_tool.system.process import Finished
from tests.clock import FakeClock
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    from tests.shop import Entry, Shop

    class Start(Protocol):
        def __call__(self, *history: Entry) -> Shop: ...


CLOUD: Entry = {"branch": "cloud", "from": "main", "commit": "Settings", "author": "ops", "files": {"fly.toml": "1"}}
FOREVER = 10_000
WORKFLOW = ".github/workflows/ci.yml"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:
        yield lambda *history: running.enter_context(shop(tmp_path, *history))


def branches_of(place: Shop) -> Branches:
    """As a person has them, whose clone reaches the remote without our token."""
    git = Git.find(place.clone, server_url=place.box.api_url, patience=Patience(clock=FakeClock()))
    return Branches(git, token=place.box.token)


def commit(place: Shop, path: str, text: str, *, on: str = "origin/cloud") -> str:
    """Commit a file on top of another commit, as nobody's branch."""
    place.git("checkout", "--quiet", "--detach", on)
    file = place.clone / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    place.git("add", path)
    place.git("commit", "--quiet", "--message", f"Write {path}")
    return place.git("rev-parse", "HEAD")


def remote(place: Shop, branch: str) -> str:
    return place.git("ls-remote", "origin", f"refs/heads/{branch}").partition("\t")[0]


# What is done


def test_a_branch_moves_forwards_and_nothing_of_the_clone_follows(start: Start) -> None:
    place = start(CLOUD)
    branches, head = branches_of(place), remote(place, "cloud")
    newer = commit(place, "a", "1")
    refs = place.git("show-ref", "--head")
    hook = place.clone / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 1\n")  # what a person has set up for pushes of their own
    hook.chmod(0o755)

    assert branches.push(newer, "cloud", expect=head) is Pushed.DONE
    assert branches.push(newer, "cloud", expect=head) is Pushed.UP_TO_DATE

    assert branches.tips() == {"main": remote(place, "main"), "cloud": newer}
    assert place.git("show-ref", "--head") == refs


def test_what_was_moved_meanwhile_is_not_overwritten(start: Start) -> None:
    place = start(CLOUD)
    branches, head = branches_of(place), remote(place, "cloud")
    theirs, ours = commit(place, "a", "theirs"), commit(place, "a", "ours")
    branches.push(theirs, "cloud", expect=head)

    assert branches.push(ours, "cloud", expect=head) is Pushed.MOVED
    assert branches.push(ours, "cloud", expect=head, force=True) is Pushed.MOVED
    assert branches.push(ours, "cloud", expect=None) is Pushed.MOVED
    assert branches.push(ours, "cloud", expect=None, force=True) is Pushed.MOVED
    assert remote(place, "cloud") == theirs


def test_a_branch_is_made_anew_from_exactly_where_it_was(start: Start) -> None:
    place = start(CLOUD)
    branches = branches_of(place)
    first, second = commit(place, "a", "1"), commit(place, "a", "2")

    assert branches.push(first, "release-tool/candidate/v1", expect=None) is Pushed.DONE
    assert branches.push(second, "release-tool/candidate/v1", expect=first) is Pushed.MOVED
    assert branches.push(second, "release-tool/candidate/v1", expect=first, force=True) is Pushed.DONE
    assert branches.tips("release-tool/") == {"release-tool/candidate/v1": second}


def test_a_branch_is_deleted_where_it_is_as_it_was_seen(start: Start) -> None:
    place = start(CLOUD)
    branches, head = branches_of(place), remote(place, "cloud")
    newer = commit(place, "a", "1")

    assert branches.delete("cloud", expect=newer) is Pushed.MOVED
    assert branches.delete("cloud", expect=head) is Pushed.DONE
    assert branches.delete("cloud", expect=head) is Pushed.UP_TO_DATE
    assert "cloud" not in branches.tips()


def test_a_branch_that_is_where_it_was_is_deleted_although_a_page_of_a_proxy_said_otherwise(start: Start) -> None:
    place = start(CLOUD)
    branches, head = branches_of(place), remote(place, "cloud")
    page = place.box.fault(Fault(path="service=git-receive-pack", status=200, text="<html>One moment</html>"))

    assert branches.delete("cloud", expect=head) is Pushed.DONE
    assert page.spent
    assert "cloud" not in branches.tips()


def test_a_branch_whose_name_begins_with_that_of_another_is_refused_by_that_name(start: Start) -> None:
    place = start({"branch": "release-tool", "from": "main", "commit": "Set up", "files": {"a": "1"}})
    head = place.git("rev-parse", "HEAD")
    with pytest.raises(RefusedError, match="beside the branch release-tool: one name begins with the other") as refused:
        branches_of(place).push(head, "release-tool/candidate/v1.3.0", expect=None)
    assert refused.value.todo == "rename or delete release-tool, then run the command again"


def test_a_bare_clone_pushes_too(start: Start, tmp_path: Path) -> None:
    place = start(CLOUD)
    newer = commit(place, "a", "1")
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", place.clone, bare], check=True)
    git = Git(bare, server_url=place.box.api_url, remote=place.box.clone_url)  # by its URL, as in a fork's clone

    assert Branches(git, token=place.box.token).push(newer, "next", expect=None) is Pushed.DONE
    assert remote(place, "next") == newer


def test_a_push_that_git_repeated_without_being_asked_to_is_no_surprise(start: Start) -> None:
    place = start(CLOUD)
    newer = commit(place, "a", "1")
    place.box.fault(Fault(method="POST", path="git-receive-pack", drop="after"))

    assert branches_of(place).push(newer, "cloud", expect=remote(place, "cloud")) is Pushed.UP_TO_DATE


def test_a_push_without_an_answer_that_was_done_is_read_back(start: Start) -> None:
    place = start(CLOUD)
    newer = commit(place, "a", "1")
    place.box.fault(Fault(method="POST", path="git-receive-pack", drop="after", times=FOREVER))

    assert branches_of(place).push(newer, "cloud", expect=remote(place, "cloud")) is Pushed.UP_TO_DATE
    assert remote(place, "cloud") == newer


def test_a_push_that_never_gets_an_answer_tells_where_the_branch_is(start: Start) -> None:
    place = start(CLOUD)
    branches, head = branches_of(place), remote(place, "cloud")
    newer = commit(place, "a", "1")
    place.box.fault(Fault(method="POST", path="git-receive-pack", drop="before", times=FOREVER))

    with pytest.raises(NoAnswerError) as failure:
        branches.push(newer, "cloud", expect=head)

    assert failure.value.already == "cloud had not moved when it was read back"
    place.box.faults.clear()
    assert remote(place, "cloud") == head
    assert branches.push(newer, "cloud", expect=head) is Pushed.DONE


def test_a_push_whose_end_nobody_knows_is_not_repeated(start: Start) -> None:
    place = start(CLOUD)
    newer, head = commit(place, "a", "1"), remote(place, "cloud")
    pushed = place.box.fault(Fault(method="POST", path="git-receive-pack", status=502, times=FOREVER))
    place.box.fault(Fault(path="git-upload-pack", status=502, times=FOREVER))

    with pytest.raises(RemoteError) as failure:
        branches_of(place).push(newer, "cloud", expect=head)

    assert failure.value.already == "it is not known whether cloud was moved"
    assert pushed.seen == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="git-receive-pack", status=502),
        Fault(method="POST", path="git-receive-pack", status=429),
        Fault(
            method="POST",
            path="git-receive-pack",
            status=403,
            text="You have exceeded a secondary rate limit",
            headers={"content-type": "text/plain"},
        ),
        Fault(
            path="service=git-receive-pack",
            status=403,
            text="You have exceeded a secondary rate limit",
            headers={"content-type": "text/plain"},
        ),
    ],
    ids=["502", "429", "limit", "limit before"],
)
def test_a_push_waits_until_the_remote_can_take_it(start: Start, fault: Fault) -> None:
    place = start(CLOUD)
    newer, head = commit(place, "a", "1"), remote(place, "cloud")
    place.box.fault(fault)

    assert branches_of(place).push(newer, "cloud", expect=head) is Pushed.DONE
    assert remote(place, "cloud") == newer


# What is refused


def test_a_protected_branch_names_its_rule_and_the_ways_out(start: Start) -> None:
    place = start(CLOUD, {"protect": "cloud"})
    branches, head = branches_of(place), remote(place, "cloud")

    with pytest.raises(ProtectedError) as failure:
        branches.push(commit(place, "a", "1"), "cloud", expect=head)

    assert "GH006" in failure.value.rule
    assert failure.value.rule in failure.value.message
    assert "GitHub App" in failure.value.todo
    assert "deploy key" in failure.value.todo
    assert failure.value.exit_code == RefusedError.exit_code
    assert remote(place, "cloud") == head


def test_a_workflow_file_that_is_on_no_branch_yet_is_named(start: Start) -> None:
    place = start(CLOUD, {"commit": "CI", "files": {WORKFLOW: "on: push"}})
    branches, head = branches_of(place), remote(place, "cloud")

    with pytest.raises(WorkflowsError) as failure:
        branches.push(commit(place, WORKFLOW, "on: [push, pull_request]"), "cloud", expect=head)

    assert failure.value.path == WORKFLOW
    assert "workflows: write" in failure.value.todo
    assert "deploy key" in failure.value.todo
    same = commit(place, WORKFLOW, "on: push")
    assert branches.push(same, "cloud", expect=head) is Pushed.DONE  # `main` has the very same


def test_a_token_that_may_only_read_is_told_the_right_it_lacks(start: Start) -> None:
    place = start(CLOUD, {"rights": {"contents": "read"}})

    with pytest.raises(PermissionDeniedError, match="403") as failure:
        branches_of(place).push(commit(place, "a", "1"), "cloud", expect=remote(place, "cloud"))

    assert "contents: write" in failure.value.todo


def test_the_token_is_in_no_argv_and_in_no_message(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    place = start(CLOUD, {"rights": {"contents": "read"}})
    newer = commit(place, "a", "1")
    trace = place.clone / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))  # tells the argv of every program that git starts

    with pytest.raises(PermissionDeniedError) as failure:
        branches_of(place).push(newer, "cloud", expect=None)

    assert "push" in trace.read_text()
    assert place.box.token not in trace.read_text() + failure.value.message


def test_credentials_that_stand_in_a_url_are_not_logged(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    place = start(CLOUD)
    newer = commit(place, "a", "1")
    place.git("remote", "set-url", "origin", place.box.push_url)
    caplog.set_level("INFO")

    assert Branches(Git.find(place.clone)).push(newer, "next", expect=None) is Pushed.DONE

    assert "git push" in caplog.text
    assert place.box.token not in caplog.text


# What GitHub is known to answer


def answered(result: str, said: str = "", code: int = 1) -> Finished:
    text = f"To https://github.com/acme/shop.git\n{result}\nDone\n"
    return Finished(code=code, stdout=text.encode(), stderr=said)


WHERE = "abc:refs/heads/cloud"
PROTECTED = """\
remote: error: GH006: Protected branch update failed for refs/heads/cloud.
remote: error: At least 1 approving review is required.
error: failed to push some refs to 'https://github.com/acme/shop.git'
"""
RULES = """\
remote: error: GH013: Repository rule violations found for refs/heads/cloud.
remote:
remote: - Cannot update this protected ref.
remote:
"""


@pytest.mark.parametrize(
    "result, expected",
    [
        (f" \t{WHERE}\t1234567..89abcde", Pushed.DONE),
        (f"+\t{WHERE}\t1234567...89abcde (forced update)", Pushed.DONE),
        (f"*\t{WHERE}\t[new branch]", Pushed.DONE),
        ("-\t:refs/heads/cloud\t[deleted]", Pushed.DONE),
        (f"=\t{WHERE}\t[up to date]", Pushed.UP_TO_DATE),
        (f"!\t{WHERE}\t[rejected] (stale info)", Pushed.MOVED),
        (f"!\t{WHERE}\t[rejected] (fetch first)", Pushed.MOVED),
        (f"!\t{WHERE}\t[rejected] (non-fast-forward)", Pushed.MOVED),
        (f"!\t{WHERE}\t[remote rejected] (cannot lock ref 'refs/heads/cloud': is at 1 but expected 2)", Pushed.MOVED),
        (f"!\t{WHERE}\t[remote rejected] (failed to update ref)", Pushed.MOVED),
    ],
)
def test_every_result_of_a_push_is_understood(result: str, expected: Pushed) -> None:
    assert read_push(answered(result), "cloud") is expected


@pytest.mark.parametrize(
    "why, said, rule",
    [
        (
            "protected branch hook declined",
            PROTECTED,
            "GH006: Protected branch update failed for refs/heads/cloud.; At least 1 approving review is required.",
        ),
        (
            "push declined due to repository rule violations",
            RULES,
            "GH013: Repository rule violations found for refs/heads/cloud.; - Cannot update this protected ref.",
        ),
        ("pre-receive hook declined", "", "pre-receive hook declined"),
    ],
)
def test_a_rule_is_told_in_the_words_of_github(why: str, said: str, rule: str) -> None:
    with pytest.raises(ProtectedError) as failure:
        read_push(answered(f"!\t{WHERE}\t[remote rejected] ({why})", said), "cloud")
    assert failure.value.rule == rule


def test_a_workflow_is_found_in_the_summary_too() -> None:
    why = f"refusing to allow a GitHub App to create or update workflow `{WORKFLOW}` without `workflows` permission"

    with pytest.raises(WorkflowsError, match=r"ci\.yml") as failure:
        read_push(answered(f"!\t{WHERE}\t[remote rejected] ({why})"), "cloud")
    assert failure.value.path == WORKFLOW


@pytest.mark.parametrize(
    "result, said",
    [
        ("", "fatal: unable to access 'https://ada:secret@github.com/acme/shop.git/': Could not resolve host"),
        (f"!\t{WHERE}\t[remote failure] (remote failed to report status)", "fatal: the remote end hung up"),
        ("", ""),
    ],
)
def test_a_push_that_did_not_end_is_known_to_be_unknown(result: str, said: str) -> None:
    with pytest.raises(RemoteError) as failure:
        read_push(answered(result, said, code=128), "cloud")
    assert "not known" in failure.value.already
    assert "secret" not in failure.value.message
