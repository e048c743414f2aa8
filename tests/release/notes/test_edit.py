"""The notes of a release: what a person wrote into them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.errors import RefusedError, UsageError
from release_tool.history.facts import Request
from release_tool.release.make import ReleaseContents, release
from release_tool.release.notes import edit
from release_tool.release.notes.render import without_record
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

FEATURE: Entry = {
    "pull": 1,
    "title": "Add search",
    "labels": ["feature"],
    "author": "ada",
    "body": "## New features\n\nBy name.",
    "files": {"search.py": "1"},
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE) as made:
        release(made.project(), Request(), ReleaseContents())
        yield made


def published(made: Shop) -> str:
    found = made.github().release_by_tag("v1.3.0")
    assert found is not None
    return found.body or ""


def test_the_notes_of_the_newest_release_are_shown_as_they_are_published(project: Shop) -> None:
    shown = edit.show(project.project(), "")
    assert (shown.tag, shown.text) == ("v1.3.0", published(project))
    assert edit.show(project.project(), "1.3.0") == shown


def test_without_a_token_the_notes_are_generated_from_git(project: Shop) -> None:
    project.git("fetch", "--quiet", "--tags")
    shown = edit.show(project.project(env=project.environment(GITHUB_TOKEN="")), "v1.3.0")
    assert "Add search" in shown.text


def test_an_edit_is_published(project: Shop) -> None:
    shown = edit.edit(project.project(), "v1.3.0", lambda text: text.replace("By name.", "By name and tag."))
    assert shown.changed
    assert "By name and tag." in published(project)


def test_an_edit_is_refused_when_somebody_else_was_faster_and_no_text_is_lost(project: Shop) -> None:
    def slow(text: str) -> str:
        edit.edit(project.project(), "v1.3.0", lambda theirs: theirs + "\nTheirs")
        return text + "\nOurs"

    with pytest.raises(RefusedError, match=r"somebody changed the notes of v1\.3\.0 while you edited them") as refused:
        edit.edit(project.project(), "v1.3.0", slow)
    assert "Theirs" in published(project)
    assert "Ours" not in published(project)
    (kept,) = project.clone.glob(".release-notes-*")
    assert str(kept) in refused.value.todo
    assert "Ours" in kept.read_text()


def test_an_editor_left_without_a_change_changes_nothing(project: Shop) -> None:
    assert not edit.edit(project.project(), "v1.3.0", lambda _: None).changed
    assert not edit.edit(project.project(), "v1.3.0", lambda text: text).changed


def test_notes_written_anew_keep_what_a_person_wrote(project: Shop) -> None:
    edit.edit(project.project(), "v1.3.0", lambda text: "Read this first.\n\n" + text.replace("By name.", "By tag."))
    edited = without_record(published(project))
    edit.write(project.project(), "v1.3.0")
    assert without_record(published(project)) == edited
    assert not edit.write(project.project(), "v1.3.0").changed


def test_notes_written_anew_take_over_what_was_corrected_on_the_pull_request(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE | {"title_now": "Find things"}) as made:
        release(made.project(), Request(), ReleaseContents())
        assert "Find things" in published(made)
        assert not edit.write(made.project(), "v1.3.0").changed


def test_the_command_opens_the_editor_of_the_person(project: Shop) -> None:
    editor = project.clone / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/By name/By colour/" "$1"\n')
    editor.chmod(0o755)
    result = project.run("notes", "v1.3.0", "--edit", env=project.environment(EDITOR=str(editor)))
    assert (result.code, result.out) == (0, "the notes of v1.3.0 are saved\n")
    assert "By colour" in published(project)


def test_notes_of_something_that_is_not_released_cannot_be_edited(project: Shop) -> None:
    with pytest.raises(RefusedError, match=r"there is no release v9\.9\.9 on GitHub"):
        edit.edit(project.project(), "v9.9.9", lambda text: text)
    with pytest.raises(UsageError, match=r"there is no version tag v9\.9\.9"):
        edit.show(project.project(), "v9.9.9")


def test_a_project_can_bring_its_own_template(tmp_path: Path) -> None:
    files = {
        "release-tool.toml": 'notes-template = "notes.j2"\n',
        "notes.j2": "# {{ tag }}\n\n{% for change in changes %}* {{ change.title }}\n{% endfor %}",
    }
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, files=files) as made:
        release(made.project(), Request(), ReleaseContents())
        assert published(made).startswith("# v1.3.0\n\n* Add search\n")


def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path: Path) -> None:
    files = {
        "release-tool.toml": 'notes-template = "notes.j2"\n',
        "notes.j2": "{{ tag.__class__.__mro__[1].__subclasses__() }}",
    }
    with (
        shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, files=files) as made,
        pytest.raises(UsageError, match="can't be used"),
    ):
        release(made.project(), Request(), ReleaseContents())
