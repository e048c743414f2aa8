"""What import-linter's contracts (pyproject.toml) can't say about the house."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import release_tool
from release_tool.cli import _CONTENTS
from tests import house

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(release_tool.__file__).parent
RULES = (
    "deploy/freeze",
    "deploy/halts/model",
    "deploy/health/judge",
    "deploy/health/verdict",
    "deploy/health/curves",
    "deploy/health/watch",
    "deploy/ledger/events",
    "deploy/ledger/lock",
    "deploy/ledger/model",
    "deploy/ledger/phase",
    "deploy/ledger/recovery",
    "deploy/ledger/watching",
    "deploy/manual",
    "deploy/policy",
    "deploy/transcript",
    "history/changes",
    "history/containment",
    "history/facts",
    "model/commits",
    "model/tag_message",
    "model/tags",
    "model/version",
    "notify/notice",
    "pull_request/comment",
    "pull_request/policy",
    "release/notes/body",
    "release/notes/merge",
    "release/notes/render",
    "release/plan",
    "setup/checks",
    "setup/detect",
    "setup/files",
    "setup/proposal",
    "setup/render",
    "status/attention",
    "status/dashboard/charts",
    "status/dashboard/figures",
    "status/environment",
    "status/metrics",
    "status/model",
    "status/overdue",
    "status/pipeline",
    "status/text",
    "sync/conflict_text",
    "sync/plan",
    "text/globs",
    "text/html",
    "text/humanize",
    "text/markdown",
    "text/markers",
    "text/masking",
    "text/receipt",
    "text/visible",
)
"""The modules that decide: pure functions of values."""
PURE = [PACKAGE / f"{name}.py" for name in RULES]

RULES_LIBRARIES = {"markdown_it", "msgspec", "release_tool"}
IMPURE_CALLS = {"breakpoint", "input", "now", "open", "print", "today", "utcnow"}
SAME_CONCEPT = {
    "announce",  # telling people: of a release, of a deployment
    "environment",  # an environment: to deploy to, as its status is shown
    "issues",  # issues: those of halts, those that we open
    "merge",  # three-way merges: of commits, of notes
    "model",  # the values of a stage
    "plan",  # what a stage will do, as a value
    "policy",  # what may not go: a pull request, a deployment
    "rehearsal",  # the command, and what it does
    "render",  # values made into text: notes, files
    "sync",  # the command, and the stage
    "withdraw",  # a release and what runs of it
}
"""The names of modules that stand in more than one stage, each for the same thing there."""
MOST_MODULES = 22
HEAVY = {"apprise", "flask", "github", "graphql", "jinja2", "markdown_it", "requests", "rich", "semver", "stamina"}


def imported_packages(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case _:
                pass


def called_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name
            case _:
                pass


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE).with_suffix("")))
def test_a_rule_needs_few_libraries(path: Path) -> None:
    libraries = set(imported_packages(ast.parse(path.read_text()))) - sys.stdlib_module_names
    assert libraries <= RULES_LIBRARIES


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE).with_suffix("")))
def test_a_rule_asks_no_clock_and_touches_no_file(path: Path) -> None:
    assert set(called_names(ast.parse(path.read_text()))) & IMPURE_CALLS == set()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_user_who_asks_for_help_waits_for_click_and_nothing_heavier(option: str) -> None:
    loaded = loaded_by(option)
    assert "click" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("command", sorted(_CONTENTS))
def test_a_command_loads_nothing_heavy_before_it_needs_it(command: str) -> None:
    loaded = loaded_by(command, "--help")
    assert "click" in loaded
    assert loaded & {*HEAVY, "http", "logging", "yaml"} == set()
    assert not any(name.startswith(("release_tool.notify", "release_tool.github.api")) for name in loaded)


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command loads, and the packages that they are in."""
    report = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "release_tool", *arguments],
        capture_output=True,
        check=True,
        text=True,
    ).stderr
    modules = {line.rpartition("|")[2].strip() for line in report.splitlines()}
    return modules | {name.partition(".")[0] for name in modules}


def test_the_version_is_known_and_nothing_else_is_made_up() -> None:
    assert release_tool.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        getattr(release_tool, "versoin")  # noqa: B009 -- mypy would refuse the misspelt attribute


def test_every_public_class_has_a_name_of_its_own() -> None:
    for product in (PACKAGE, PACKAGE.with_name("github_sandbox")):
        names = Counter(
            node.name
            for path in product.rglob("*.py")
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        )
        assert [name for name, times in names.items() if times > 1] == []


def test_a_module_has_the_name_of_another_only_for_the_same_concept_in_another_stage() -> None:
    names = Counter(path.stem for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    assert {name for name, times in names.items() if times > 1} == SAME_CONCEPT


def test_a_folder_is_small_enough_to_find_a_room_by_ls() -> None:
    folders = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    assert max(folders.values()) <= MOST_MODULES


def test_the_picture_of_the_layers_is_that_of_today() -> None:
    """`make layers` draws it anew."""
    assert house.PAGE.read_text() == house.page()


def test_every_file_and_name_of_the_architecture_exists() -> None:
    text = house.PAGE.read_text()
    named = re.findall(r"`([a-z_/]+\.py)`(?: `(\w+)`)?", text)
    assert len(named) > 30
    for file, name in named:
        path = PACKAGE / file
        assert path.is_file(), file
        defined = {getattr(node, "name", "") for node in ast.walk(ast.parse(path.read_text()))}
        fields = {
            node.target.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        assert not name or name in defined | fields, f"{file} {name}"


def test_ways_of_values_are_short() -> None:
    ways = house.PAGE.read_text().partition("## How four values flow through the code")[2].partition("\n## ")[0]
    assert max(int(number) for number in re.findall(r"^(\d+)\.", ways, re.MULTILINE)) <= 10
