"""What import-linter's contracts (pyproject.toml) can't say about the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import release_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(release_tool.__file__).parent
DOMAIN = sorted((PACKAGE / "domain").rglob("*.py"))

DOMAIN_LIBRARIES = {"markdown_it", "msgspec", "release_tool", "semver"}
IMPURE_CALLS = {"breakpoint", "input", "now", "open", "print", "today", "utcnow"}
HEAVY = {"apprise", "flask", "github", "graphql", "jinja2", "markdown_it", "requests", "rich", "stamina"}


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


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.stem)
def test_the_domain_needs_few_libraries(path: Path) -> None:
    libraries = set(imported_packages(ast.parse(path.read_text()))) - sys.stdlib_module_names
    assert libraries <= DOMAIN_LIBRARIES


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.stem)
def test_the_domain_asks_no_clock_and_touches_no_file(path: Path) -> None:
    assert set(called_names(ast.parse(path.read_text()))) & IMPURE_CALLS == set()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_user_who_asks_for_help_waits_for_click_and_nothing_heavier(option: str) -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "release_tool", option],
        capture_output=True,
        check=True,
        text=True,
    ).stderr
    packages = {line.rpartition("|")[2].strip().partition(".")[0] for line in loaded.splitlines()}
    assert "click" in packages
    assert packages & HEAVY == set()


def test_the_version_is_known_and_nothing_else_is_made_up() -> None:
    assert release_tool.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        getattr(release_tool, "versoin")  # noqa: B009 -- mypy would refuse the misspelt attribute
