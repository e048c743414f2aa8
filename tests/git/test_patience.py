"""Git over a network that has bad days: what is read is asked for again, and no answer that can't be true is taken."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.errors import NoAnswerError, PermissionDeniedError, RateLimitedError, RemoteError
from release_tool.git.repository import Git
from release_tool.system.patience import Patience
from tests.clock import FakeClock
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Shop

FOREVER = 10_000
REFS = "/info/refs"
PLAIN = {"content-type": "text/plain"}
LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@contextmanager
def reached(directory: Path, **patience: float) -> Iterator[tuple[Shop, Git, FakeClock]]:
    clock = FakeClock()
    with shop(directory, {"tag": "v1.2.3"}) as ours:
        limits = Patience(
            clock=clock,
            max_wait=timedelta(seconds=patience.get("max_wait", 300)),
            silence=int(patience.get("silence", 30)),
        )
        yield ours, Git.find(ours.clone, server_url=ours.box.api_url, patience=limits), clock


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path=REFS, status=500),
        Fault(path=REFS, status=502, text="<html>bad gateway</html>"),
        Fault(path=REFS, drop="before"),
        Fault(path=REFS, drop="before", reset=True),
        Fault(path=REFS, truncated=True),
        Fault(path=REFS, status=200, text=""),
        Fault(path=REFS, status=200, text="<html>one moment</html>"),
        Fault(path=REFS, status=200, text="<html>\n<body>\none moment\n</body>\n</html>\n"),
        Fault(method="POST", path="git-upload-pack", status=502),
        Fault(method="POST", path="git-upload-pack", truncated=True),
        Fault(method="POST", path="git-upload-pack", status=200, text=""),
    ],
    ids=[
        "500", "502", "lost", "reset", "cut", "empty", "a page", "a long page", "502 later", "cut later", "empty later",
    ],
)  # fmt: skip
def test_refs_are_asked_for_again_when_the_remote_does_not_answer(tmp_path: Path, fault: Fault) -> None:
    with reached(tmp_path) as (ours, git, clock):
        ours.box.fault(fault)

        assert "v1.2.3" in git.remote_tags()
        assert clock.sleeps == [1]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path=REFS, status=429, times=2),
        Fault(path=REFS, status=403, text=LIMIT, headers=PLAIN, times=2),
    ],
    ids=["429", "403"],
)
def test_a_limit_is_waited_for(tmp_path: Path, fault: Fault) -> None:
    with reached(tmp_path) as (ours, git, clock):
        ours.box.fault(fault)

        assert git.fetch_branch("main") == ours.git("rev-parse", "origin/main")
        assert clock.sleeps == [60, 120]


def test_a_limit_is_not_waited_for_longer_than_is_wanted(tmp_path: Path) -> None:
    with reached(tmp_path, max_wait=59) as (ours, git, clock):
        ours.box.fault(Fault(path=REFS, status=429, times=FOREVER))

        with pytest.raises(RateLimitedError):
            git.remote_tags()
        assert clock.sleeps == []


def test_a_missing_right_is_told_at_once_and_as_that(tmp_path: Path) -> None:
    with reached(tmp_path) as (ours, git, clock):
        ours.box.fault(Fault(path=REFS, status=403, text="Permission denied.", headers=PLAIN, times=FOREVER))

        with pytest.raises(PermissionDeniedError, match="refuses access to this token or account"):
            git.remote_tags()
        assert clock.sleeps == []


def test_a_list_without_any_ref_is_no_list_however_often_it_comes(tmp_path: Path) -> None:
    with reached(tmp_path) as (ours, git, _):
        empty = ours.box.fault(Fault(path=REFS, status=200, text="", times=FOREVER))

        with pytest.raises(NoAnswerError, match="no branch and no tag"):
            git.remote_tags()
        with pytest.raises(NoAnswerError, match="no branch and no tag"):
            git.fetch_branch("main")
        assert empty.seen > 10


def test_a_branch_is_missing_when_it_was_missed_twice(tmp_path: Path) -> None:
    with reached(tmp_path) as (ours, git, _):
        head = ours.git("rev-parse", "origin/main")
        other = f"{head}\trefs/heads/other\n"
        ours.box.fault(Fault(path=REFS, status=200, text=other))  # as a dumb server tells it

        assert git.fetch_branch("main") == head
        assert git.fetch_branch("nowhere") is None


@pytest.mark.parametrize("path", [REFS, "git-upload-pack$"])
def test_a_server_that_says_nothing_is_given_up_after_a_while(tmp_path: Path, path: str) -> None:
    with reached(tmp_path, silence=1, max_wait=0) as (ours, git, _):
        ours.box.fault(Fault(path=path, block="before"))

        with pytest.raises(NoAnswerError):
            git.remote_tags()
        ours.box.faults.clear()


def test_history_is_fetched_again_when_the_connection_broke(tmp_path: Path) -> None:
    with reached(tmp_path) as (ours, git, clock):
        ours.git("commit", "--quiet", "--allow-empty", "--message", "fix: more")
        ours.git("push", "--quiet", ours.box.push_url, "HEAD:main")
        ours.git("reset", "--quiet", "--hard", "origin/main")
        ours.git("reflog", "expire", "--expire=now", "--all")
        ours.git("prune")
        lists = ours.box.fault(Fault(method="POST", path="git-upload-pack", body="", truncated=True, after=1))

        head = git.fetch_branch("main")

        assert head is not None
        assert git.has_commit(head)
        assert lists.seen > 1
        assert clock.sleeps == [1]


def test_what_the_remote_does_not_have_is_not_asked_for_again(tmp_path: Path) -> None:
    with reached(tmp_path) as (ours, git, clock):
        ours.git("remote", "set-url", "origin", f"{ours.box.api_url}/acme/other.git")

        with pytest.raises(RemoteError, match="not found"):
            git.remote_tags()
        assert clock.sleeps == []
