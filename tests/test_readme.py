"""What the documents say is what happens."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import click
import pytest

from release_tool import errors
from release_tool.cli import group
from release_tool.setup.files import is_kept
from tests.adoption import SOURCE
from tests.console import ROOT, rerun
from tests.shop import shop

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["README.md", "docs/first-release.md"])
def test_every_console_block_shows_what_the_commands_really_print(name: str) -> None:
    document = (ROOT / name).read_text()
    assert rerun(document) == document


def test_the_first_two_commands_of_the_readme_lead_to_a_plan_of_ones_own_repository() -> None:
    block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert block
    install, plan = (line.partition(" #")[0].rstrip() for line in block[1].splitlines())
    assert install.split() == ["uv", "tool", "install", "git+https://github.com/OWNER/release-tool"]
    assert plan == "release-tool plan"


def test_leaving_as_the_readme_says_leaves_nothing_that_is_kept_up_to_date(tmp_path: Path) -> None:
    command = re.search(r"^ *(git grep .* git rm)$", README, re.MULTILINE)
    assert command
    with shop(tmp_path, {"tag": "v1.2.3"}) as made:
        assert made.run("init", "--yes", "--source", SOURCE, "--recipe", "fly", "--cloud", "cloud").code == 0
        made.git("add", "--all")
        subprocess.run(["sh", "-c", f"{command[1]} --cached --quiet"], cwd=made.clone, check=True)
        left = set(made.git("ls-files", "--cached").splitlines())
    assert {path for path in left if is_kept(path)} == set()
    named = README[README.index("## Leaving again") :]
    assert "release-tool.toml" in named
    assert ".github/actions/deploy-setup" in named


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
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\w+)", text):
        assert f"\n{target}: " in makefile, target
