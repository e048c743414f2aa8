"""What a test needs besides Python and git, as marks (the values of `_FIXTURES`), and which tests begin first."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

_ROOT = Path(__file__).parent.parent
_STAND_IN = "github_sandbox"
_FIXTURES = {"serve": "sandbox", "browser": "browser", "act": "act", "prometheus": "prometheus"}
"""Fixtures that need something, whatever the module imports that asks for them."""

_IMPORTS = re.compile(r"^[ \t]*(?:from ([\w.]+) import (\([^)]*\)|[^\n]*)|import ([\w.]+))", re.MULTILINE)

_LONGEST = (
    "act/",
    "chaos/test_leaks.py",
    "chaos/test_matrix.py",
    "cli/test_costs.py",
    "cli/test_demo.py",
    "cli/test_rehearse.py",
    "setup/test_detect.py",
    "setup/test_nine_projects.py",
    "test_installed.py",
)
"""Folders and modules with tests of fifteen seconds and more."""


_AGAIN = (
    "chaos/",
    "deploy/health/test_metric_simulation.py",
    "deploy/health/test_simulation.py",
    "deploy/health/test_watch.py",
    "deploy/ledger/test_laws.py",
    "release/test_laws.py",
)
"""Folders and modules that run the same code again and again: coverage doubles what they take, and learns nothing."""


def mark(items: list[pytest.Item]) -> None:
    """Mark each test with what it needs, so that `make check` can leave out what is slow; the gate measures all."""
    for item in items:
        if not examples.ALL and _lies_in(item, _AGAIN):
            item.add_marker("again")
        if _imports_stand_in(item.path):
            item.add_marker("sandbox")
        for name in getattr(item, "fixturenames", ()):
            if name in _FIXTURES:
                item.add_marker(_FIXTURES[name])


def begin_with_the_longest(items: list[pytest.Item], workers: int) -> None:
    """Let each worker begin with its share of the longest tests, so that none is left alone with them at the end.

    Each worker is given an equal part of all tests, in their order, and takes of the others' when it has none left.
    """
    longest = [item for item in items if _lies_in(item, _LONGEST)]
    rest = [item for item in items if not _lies_in(item, _LONGEST)]
    part = -(-len(items) // workers)
    items.clear()
    for worker in range(workers):
        share = longest[worker::workers]
        items += share + rest[: part - len(share)]
        del rest[: part - len(share)]
    items += rest


def _lies_in(item: pytest.Item, places: tuple[str, ...]) -> bool:
    return item.path.relative_to(_ROOT / "tests").as_posix().startswith(places)


@functools.cache
def _imports_stand_in(path: Path) -> bool:
    """Whether a module of the tests imports the stand-in, itself or through others of the tests."""
    names = list(_imported(path.read_text(encoding="utf-8")))
    return any(name == _STAND_IN or name.startswith(f"{_STAND_IN}.") for name in names) or any(
        _imports_stand_in(module) for name in names if name.startswith("tests.") if (module := _file(name)) != path
    )


def _imported(text: str) -> Iterator[str]:
    """What a module imports; the whole of its syntax would take each worker longer than all else before it begins."""
    for module, names, alone in _IMPORTS.findall(text):
        if alone:
            yield alone
            continue
        yield module
        yield from (f"{module}.{name.split()[0]}" for name in names.strip("()").split(",") if name.strip())


def _file(name: str) -> Path:
    """The file of a module of the tests; the file of this module for what is no module."""
    path = _ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else Path(__file__)
