"""Where the tool that runs was installed from: what pip wrote down, and the checkout it names."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Protocol

import pytest

import release_tool
from release_tool.setup.installation import source_of

if TYPE_CHECKING:
    from pathlib import Path


class Checkout(Protocol):
    """Makes a repository with one commit, cloned from a remote where one is given: its folder and that commit."""

    def __call__(self, remote: str = "") -> tuple[Path, str]:
        """Make it."""


COMMIT = "4f5e6d7" + 33 * "0"


def written(url: str, **more: object) -> str:
    return json.dumps({"url": url, **more})


HOME = "https://github.com/OWNER/release-tool"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    def make(remote: str = "") -> tuple[Path, str]:
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        more = [["remote", "add", "origin", remote]] if remote else []
        for command in (["init"], *more, [*identity, "commit", "--allow-empty", "-m", "x"]):
            subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
        return tmp_path, head.stdout.strip()

    return make


def test_an_installation_from_git_names_its_very_commit(tmp_path: Path) -> None:
    info = {"vcs": "git", "requested_revision": "v1.4.0", "commit_id": COMMIT}
    told = source_of(written("https://github.com/acme/release-tool.git", vcs_info=info), HOME, tmp_path)
    assert told.url == f"git+https://github.com/acme/release-tool.git@{COMMIT}"


def test_an_installation_from_a_clone_on_this_machine_names_where_others_find_it(tmp_path: Path) -> None:
    told = source_of(written("file:///srv/tool", vcs_info={"vcs": "git", "commit_id": COMMIT}), HOME, tmp_path)
    assert told.url == f"git+{HOME}.git@{COMMIT}"


@pytest.mark.parametrize("remote", ["https://github.com/acme/tool.git", "git@github.com:acme/tool.git"])
def test_an_installation_from_a_checkout_names_the_commit_that_is_checked_out(checkout: Checkout, remote: str) -> None:
    folder, head = checkout(remote)
    told = source_of(written(folder.as_uri(), dir_info={"editable": True}), HOME, folder)
    assert told.url == f"git+https://github.com/acme/tool.git@{head}"


def test_a_checkout_without_a_remote_names_the_page_of_the_project(checkout: Checkout) -> None:
    folder, head = checkout()
    assert source_of(None, HOME, folder).url == f"git+{HOME}.git@{head}"


def test_an_unpacked_archive_names_the_commit_that_it_was_made_of(tmp_path: Path) -> None:
    (tmp_path / ".git_archival.txt").write_text(f"node: {COMMIT}\nnode-date: 2026-01-05\n")
    assert source_of(None, HOME, tmp_path).url == f"git+{HOME}.git@{COMMIT}"


@pytest.mark.parametrize("direct_url", [None, "file:///gone/release_tool_cli-1.4.0-py3-none-any.whl"])
def test_a_wheel_names_what_its_version_was_built_from(tmp_path: Path, direct_url: str | None) -> None:
    found = source_of(written(direct_url, archive_info={}) if direct_url else None, HOME, tmp_path)
    version = release_tool.__version__
    assert found.commit
    assert found.commit in version or found.commit == f"v{version}"


def test_what_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    assert source_of(None, "", tmp_path).url == ""
