from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from release_tool.errors import RemoteError, UsageError
from release_tool.git.checkout import checkout
from release_tool.git.repository import Git
from tests.git.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "shop")


def test_a_checkout_has_the_files_of_the_commit_and_nothing_of_the_clone(repo: Repo) -> None:
    old = repo.commit(**{"deploy.sh": "old\n", "gone.txt": "x", ".gitattributes": "gone.txt export-ignore\n"})
    repo.git("rm", "--quiet", "gone.txt")
    repo.commit(**{"deploy.sh": "new\n"})
    (repo.directory / "deploy.sh").write_text("not committed\n")
    (repo.directory / "untracked").touch()
    before = repo.git("status", "--porcelain"), repo.head()

    with checkout(Git(repo.directory), old) as clean:
        assert (clean.directory / "deploy.sh").read_text() == "old\n"
        assert sorted(path.name for path in clean.directory.iterdir()) == [
            ".git",
            ".gitattributes",
            "deploy.sh",
            "gone.txt",
        ]

    assert (repo.git("status", "--porcelain"), repo.head()) == before
    assert (repo.directory / "deploy.sh").read_text() == "not committed\n"
    assert not clean.directory.exists()


def test_modes_and_links_are_those_of_the_commit(repo: Repo) -> None:
    (repo.directory / "run.sh").write_text("#!/bin/sh\n")
    (repo.directory / "run.sh").chmod(0o755)
    (repo.directory / "link").symlink_to("run.sh")
    head = repo.commit()

    with checkout(Git(repo.directory), head) as clean:
        assert os.access(clean.directory / "run.sh", os.X_OK)
        assert (clean.directory / "link").readlink().name == "run.sh"


def test_a_command_may_ask_git_in_its_checkout_and_push_from_it(repo: Repo, tmp_path: Path) -> None:
    commits = [repo.commit(file=text) for text in ("1", "2", "3")]
    repo.git("remote", "add", "origin", "https://ada:secret@example.com/shop.git")
    host = Repo.create(tmp_path / "host")

    with checkout(Git(repo.directory), commits[1]) as clean:
        there = Repo(clean.directory)
        assert there.git("rev-parse", "HEAD") == commits[1]
        assert there.git("status", "--porcelain") == ""
        assert there.git("rev-list", "--count", "HEAD") == "2"
        assert there.git("remote") == ""
        there.git("push", "--quiet", str(host.directory), "HEAD:refs/heads/live")

    assert host.git("rev-parse", "live") == commits[1]


def test_a_shallow_clone_can_be_checked_out(repo: Repo, tmp_path: Path) -> None:
    repo.commits(3)
    repo.git("reset", "--quiet", "--hard")
    head = repo.commit(file="x")
    shallow = repo.clone(tmp_path / "shallow", "--depth=1")

    with checkout(Git(shallow.directory), head) as clean:
        assert Repo(clean.directory).git("rev-list", "HEAD") == head
        assert (clean.directory / "file").read_text() == "x"


def test_a_partial_clone_gets_the_files_that_it_has_not(repo: Repo, tmp_path: Path) -> None:
    old = repo.commit(file="old")
    repo.commit(file="new")
    repo.git("config", "uploadpack.allowFilter", "true")
    partial = repo.clone(tmp_path / "partial", "--filter=blob:none")

    with checkout(Git(partial.directory), old) as clean:
        assert (clean.directory / "file").read_text() == "old"


def test_a_clone_that_shows_only_a_part_of_its_files_is_checked_out_whole(repo: Repo) -> None:
    (repo.directory / "apps").mkdir()
    head = repo.commit(**{"apps/web": "web", "top": "top"})
    repo.git("sparse-checkout", "set", "--cone", "nothing")

    with checkout(Git(repo.directory), head) as clean:
        assert (clean.directory / "apps" / "web").read_text() == "web"


def test_submodules_stay_empty_and_are_named(repo: Repo) -> None:
    head = repo.commit(file="x")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},vendor/théme")
    repo.git("commit", "--quiet", "--message=Add a submodule")

    with checkout(Git(repo.directory), repo.head()) as clean:
        assert clean.submodules == ("vendor/théme",)
        assert list((clean.directory / "vendor" / "théme").iterdir()) == []


def test_what_the_command_left_behind_goes_with_the_checkout(repo: Repo) -> None:
    head = repo.commit(file="x")

    with checkout(Git(repo.directory), head) as clean:
        subprocess.run(["sh", "-c", "mkdir d && touch d/f && chmod 500 d"], cwd=clean.directory, check=True)

    assert not clean.directory.exists()


def test_a_commit_that_is_not_there_is_told(repo: Repo) -> None:
    repo.commit()

    with pytest.raises(RemoteError), checkout(Git(repo.directory), "1" * 40):
        pass
    with (
        pytest.raises(UsageError, match="is not a valid name of a commit"),
        checkout(Git(repo.directory), "--upload-pack=x"),
    ):
        pass
