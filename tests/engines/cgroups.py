"""The control groups of a run, which are the one thing that its namespaces don't take with them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines.place import CGROUP, CGROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE = 10


def make() -> None:
    """Make our group in each hierarchy, for who wants to find it there."""
    hierarchies = [_ROOT] if (_ROOT / "cgroup.procs").exists() else [*_ROOT.glob("*/cgroup.procs")]
    for found in hierarchies:
        hierarchy = found if found.is_dir() else found.parent
        (hierarchy / CGROUP).mkdir(parents=True, exist_ok=True)


def procs_of(name: str) -> Path:
    """The file by which a process enters a group of ours, in the hierarchy in which systemd keeps its units."""
    hierarchy = next(one for one in (_ROOT / "systemd", _ROOT) if (one / "cgroup.procs").exists())
    group = hierarchy / CGROUP / name
    group.mkdir(parents=True, exist_ok=True)
    return group / "cgroup.procs"


def ours() -> tuple[Path, ...]:
    """The topmost groups of ours, in each hierarchy that the machine has."""
    return tuple(sorted({*_ROOT.glob(CGROUPS), *_ROOT.glob(f"*/{CGROUPS}")}))


def remove() -> tuple[Path, ...]:
    """End what still runs in our groups, and remove them; what is told are those that stayed."""
    deadline = time.monotonic() + _PATIENCE
    while (left := ours()) and time.monotonic() < deadline:
        for group in left:
            _remove(group)
        time.sleep(0.1)
    return left


def _remove(top: Path) -> None:
    for group in _deepest_first(top):
        try:
            for process in (group / "cgroup.procs").read_text().split():
                os.kill(int(process), signal.SIGKILL)
            group.rmdir()
        except (OSError, ValueError):
            continue


def _deepest_first(top: Path) -> Iterator[Path]:
    for found, _, _ in os.walk(top, topdown=False):
        yield Path(found)
