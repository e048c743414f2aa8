"""What the documents say is what happens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from release_tool import errors
from release_tool.cli import group
from tests.console import ROOT, rerun

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text()


def test_every_console_block_of_the_readme_shows_what_the_commands_really_print() -> None:
    assert rerun(README) == README


def test_the_readme_names_the_exit_code_of_every_failure() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    real = {kind.exit_code for kind in classes if issubclass(kind, errors.ReleaseToolError) and hasattr(kind, "kind")}
    assert told | {128} == real | {0}


def test_the_readme_names_every_command() -> None:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            assert f"`release-tool {name}" in README


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=str)
def test_every_link_inside_the_project_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_everything_that_contributors_are_led_to_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"`((?:release_tool|tests)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    walk = re.findall(r"^\| `([\w/]+\.py)` \| `(\w+)` \|", text, re.MULTILINE)
    assert walk
    for path, name in walk:
        assert re.search(rf"^ *def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path}: {name}"
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\w+)", text):
        assert f"\n{target}: " in makefile, target
