"""Files are read and written inside of the working tree, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.errors import RefusedError
from release_tool.git.worktree import Worktree

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    tree = Worktree(tmp_path)
    tree.write("deploy/now.sh", "#!/bin/sh\r\nécho\n", executable=True)
    assert tree.read("deploy/now.sh") == "#!/bin/sh\r\nécho\n"
    assert (tmp_path / "deploy/now.sh").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "deploy").iterdir()] == ["now.sh"]


def test_what_is_not_there_or_too_large_to_be_a_manifest_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2**20 + 1))
    assert Worktree(tmp_path).read("large") is None
    assert Worktree(tmp_path).read("gone") is None


@pytest.mark.parametrize("path", ["../outside", "linked/file", "link"])
def test_nothing_outside_of_the_tree_is_read_or_written(tmp_path: Path, path: str) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "away"
    inside.mkdir()
    outside.mkdir()
    (outside / "file").write_text("theirs")
    (inside / "linked").symlink_to(outside)
    (inside / "link").symlink_to(outside / "file")
    with pytest.raises(RefusedError, match="is a link, or lies behind one"):
        Worktree(inside).write(path, "ours")
    with pytest.raises(RefusedError):
        Worktree(inside).read(path)
    assert (outside / "file").read_text() == "theirs"
