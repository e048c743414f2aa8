"""What may be published: GitHub's limits are known before anything is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from release_tool.errors import UsageError
from release_tool.release.assets import MOST_FILES, TOO_LARGE, collect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    made.mkdir()
    return made


def file(folder: Path, name: str, size: int = 1) -> Path:
    path = folder / name
    with path.open("wb") as written:
        written.truncate(size)
    return path


def refused(*paths: Path) -> str:
    with pytest.raises(UsageError) as error:
        collect(paths)
    assert (error.value.already, error.value.exit_code) == ("nothing was written", 2)
    return error.value.message


@pytest.mark.parametrize("name, size", [("empty", 0), ("large", TOO_LARGE)])
def test_a_file_that_github_does_not_take_for_its_size_is_refused(folder: Path, name: str, size: int) -> None:
    assert f"{name}' is " in refused(file(folder, name, size))


def test_what_is_no_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "is not a file" in refused(folder / "pipe")
    assert "is not a file" in refused(folder)
    assert "does not exist" in refused(folder / "nothing")


def test_a_link_that_leads_out_of_its_folder_is_refused_and_one_inside_is_read(folder: Path) -> None:
    file(folder.parent, "secret")
    (folder / "out").symlink_to("../secret")
    (folder / "in").symlink_to(file(folder, "shop").name)
    assert "leads out of its folder" in refused(folder / "out")
    assert [asset.name for asset in collect([folder / "in"])] == ["in"]


def test_more_files_than_a_release_holds_are_refused(folder: Path) -> None:
    paths = [file(folder, f"{number}.txt") for number in range(MOST_FILES + 1)]
    assert len(collect(paths[:-1])) == MOST_FILES
    assert f"at most {MOST_FILES} files" in refused(*paths)


@pytest.mark.parametrize(
    "names",
    [("a b.txt", "a~b.txt"), ("報告.pdf", "概要.pdf"), (".env", "default.env"), ("SHA256SUMS",), ("manifest.json",)],
)
def test_two_files_that_become_one_name_are_refused(folder: Path, names: tuple[str, ...]) -> None:
    assert "would be published as" in refused(*(file(folder, name) for name in names))


def test_a_name_that_is_no_text_is_published_all_the_same(folder: Path) -> None:
    (asset,) = collect([file(folder, os.fsdecode(b"shop-\xff.zip"))])
    assert (asset.name, asset.label) == ("shop-.zip", "shop-?.zip")
