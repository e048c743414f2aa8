"""Where the tool that runs was installed from: what pip wrote down, and the checkout it names."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from release_tool.edges.installation import source_of

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "4f5e6d7" + 33 * "0"


def written(url: str, **more: object) -> str:
    return json.dumps({"url": url, **more})


def test_an_installation_from_git_names_its_very_commit() -> None:
    info = {"vcs": "git", "requested_revision": "v1.4.0", "commit_id": COMMIT}
    told = source_of(written("https://github.com/acme/release-tool.git", vcs_info=info))
    assert told == f"git+https://github.com/acme/release-tool.git@{COMMIT}"


@pytest.mark.parametrize("remote", ["https://github.com/acme/tool.git", "git@github.com:acme/tool.git"])
def test_an_installation_from_a_checkout_names_the_commit_that_is_checked_out(tmp_path: Path, remote: str) -> None:
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    for command in (["init"], ["remote", "add", "origin", remote], [*identity, "commit", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    told = source_of(written(tmp_path.as_uri(), dir_info={"editable": True}))
    assert told == f"git+https://github.com/acme/tool.git@{head.stdout.strip()}"


def test_an_installation_from_elsewhere_names_nothing(tmp_path: Path) -> None:
    assert source_of(None) == ""
    assert source_of(written(tmp_path.as_uri(), dir_info={})) == ""
    assert source_of(written((tmp_path / "gone").as_uri(), dir_info={})) == ""
