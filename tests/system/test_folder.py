from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from release_tool.errors import RefusedError, UsageError
from release_tool.system.folder import Folder

if TYPE_CHECKING:
    from pathlib import Path


def files_in(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("[!.]*")) if not file.is_dir()}


def test_a_folder_is_made_and_holds_what_was_written(tmp_path: Path) -> None:
    Folder(tmp_path / "a" / "b").replace({"index.html": "one", "x/2.html": "two\n"}, last="index.html")
    assert files_in(tmp_path / "a" / "b") == {"index.html": "one", "x/2.html": "two\n"}
    assert list(tmp_path.rglob("*.new")) == []


def test_what_we_do_not_write_any_more_is_removed_and_what_others_wrote_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.replace({"index.html": "one", "old/2.html": "two", "old/deep/3.html": "three"}, last="index.html")
    (tmp_path / "CNAME").write_text("status.example.com")
    (tmp_path / "old" / "theirs.txt").write_text("theirs")
    folder.replace({"index.html": "new"}, last="index.html")
    assert files_in(tmp_path) == {"CNAME": "status.example.com", "index.html": "new", "old/theirs.txt": "theirs"}
    assert not (tmp_path / "old" / "deep").exists()


def test_what_is_gone_with_its_folder_needs_no_removal(tmp_path: Path) -> None:
    """A cache keeps the record of what was written, and not what was."""
    Folder(tmp_path / "a").replace({"index.html": "one", "old/deep/3.html": "three"}, last="index.html")
    (tmp_path / "b").mkdir()
    for record in (tmp_path / "a").glob(".*"):
        record.rename(tmp_path / "b" / record.name)
    Folder(tmp_path / "b").replace({"index.html": "new"}, last="index.html")
    assert files_in(tmp_path / "b") == {"index.html": "new"}


def test_a_file_of_somebody_else_is_not_overwritten_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "index.html").write_text("theirs")
    with pytest.raises(RefusedError, match=r"holds x/index\.html, which release-tool did not write"):
        Folder(tmp_path).replace({"a.html": "ours", "x/index.html": "ours"}, last="a.html")
    assert files_in(tmp_path) == {"x/index.html": "theirs"}


def test_nothing_is_written_where_a_file_is_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("theirs")
    with pytest.raises(RefusedError, match="holds x, which release-tool did not write"):
        Folder(tmp_path).replace({"a.html": "ours", "x/y/index.html": "ours"}, last="a.html")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_an_interrupted_write_is_carried_on_by_the_next(tmp_path: Path) -> None:
    in_the_way = tmp_path / "b" / f".c.html.{os.getpid()}.new"
    in_the_way.mkdir(parents=True)
    with pytest.raises(UsageError):
        Folder(tmp_path).replace({"a.html": "ours", "b/c.html": "ours"}, last="a.html")
    in_the_way.rmdir()
    Folder(tmp_path).replace({"a.html": "ours", "b/c.html": "ours"}, last="a.html")
    assert files_in(tmp_path) == {"a.html": "ours", "b/c.html": "ours"}


def test_a_reader_sees_a_file_as_it_was_or_as_it_is_and_never_half_of_it(tmp_path: Path) -> None:
    folder, texts = Folder(tmp_path), {"a" * 3_000_000, "b" * 3_000_000}
    folder.replace({"index.html": "a" * 3_000_000}, last="index.html")
    seen, done = set[str](), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((tmp_path / "index.html").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for text in sorted(texts) * 5:
        folder.replace({"index.html": text}, last="index.html")
    done.set()
    reader.join()
    assert seen <= texts


@pytest.mark.parametrize("outside", ["../victim", "/etc/victim", "link/victim", ".git/config"])
def test_a_record_that_names_files_outside_of_the_folder_is_not_believed(tmp_path: Path, outside: str) -> None:
    folder, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / ".git").mkdir()
    (folder / "link").symlink_to(elsewhere)
    victims = [tmp_path / "victim", elsewhere / "victim", folder / ".git" / "config"]
    for victim in victims:
        victim.write_text("theirs")
    (folder / ".release-tool.json").write_text(f'{{"schema": 1, "files": ["{outside}"]}}')
    Folder(folder).replace({"index.html": "ours"}, last="index.html")
    assert [victim.read_text() for victim in victims] == ["theirs"] * 3


def test_a_folder_inside_that_leads_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "releases").symlink_to(tmp_path)
    with pytest.raises(RefusedError):
        Folder(tmp_path / "site").replace({"releases/index.html": "ours"}, last="releases/index.html")
    assert not (tmp_path / "index.html").exists()


def test_a_record_that_nobody_can_read_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / ".release-tool.json").write_text("{")
    with pytest.raises(RefusedError, match="it is unknown which files are ours"):
        Folder(tmp_path).replace({"index.html": "ours"}, last="index.html")
    assert files_in(tmp_path) == {}


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(UsageError, match="site can't be written"):
        Folder(tmp_path / "site").replace({"index.html": "ours"}, last="index.html")


def test_what_was_written_can_be_read_by_a_web_server(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Folder(tmp_path).replace({"index.html": "ours"}, last="index.html")
    finally:
        os.umask(before)
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644
