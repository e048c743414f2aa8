"""`plan` beside the peers, each from the index in an environment of its own, in turn with us on the same clones.

A peer that can't be installed or does not end is a row that says why.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.clones import Shape, branch, grown, tag
from benchmarks.measure import median, once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.measure import Cost

OURS = "release-tool"
CLICK = "import click"
LOG = "git log"
_TOOL = str(Path(sys.executable).with_name("release-tool"))
_PACKAGES = ("git-cliff", "commitizen", "python-semantic-release")
_ENOUGH = 8.0
"""Seconds of all runs of a program on a clone after which it is not run again there."""
_DEADLINE = 20.0
"""Seconds after which a run is ended."""
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9].*$")
_SYNTHETIC = (
    ("100 commits", 100, 10, 10, 0),
    ("1,000 commits", 1_000, 10, 10, 0),
    ("10,000 commits", 10_000, 10, 10, 0),
    ("100,000 commits", 100_000, 10, 10, 0),
    ("10,000 commits, 10,000 tags", 10_000, 10, 10_000, 0),
    ("10,000 commits, 500 branches", 10_000, 10, 10, 500),
    ("100,000 commits, 1,000 unreleased", 100_000, 1_000, 10, 0),
    ("100,000 commits, 50,000 unreleased", 100_000, 50_000, 10, 0),
)


class Peer(NamedTuple):
    """A program to compare with: its version, or why it is not there."""

    name: str
    version: str
    folder: Path | None


class Measured(NamedTuple):
    """What the programs cost on one clone, by name; for those that were not run, why."""

    clone: str
    costs: Mapping[str, Cost]
    missing: Mapping[str, str]

    def ratio(self, other: str) -> float | None:
        """How much more time of the processors we take than another one."""
        return self.costs[OURS].cpu / self.costs[other].cpu if {OURS, other} <= self.costs.keys() else None


def installed(directory: Path) -> list[Peer]:
    """Install the peers from the index, each into an environment of its own."""
    return [_installed(package, directory / package) for package in _PACKAGES]


def _installed(package: str, folder: Path) -> Peer:
    python = str(folder / "bin" / "python")
    for argv in (
        [sys.executable, "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            return Peer(package, f"not run: {(done.stderr.strip().splitlines() or ['no answer'])[-1][:120]}", None)
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    return Peer(package, version, folder)


def measured(
    directory: Path, environment: Mapping[str, str], peers: Sequence[Peer], named: Sequence[str], rounds: int
) -> Iterator[Measured]:
    """Measure synthetic histories, and the clones that are named as `DIRECTORY` or `DIRECTORY=PREFIX`."""
    for title, commits, unreleased, tags, branches in _SYNTHETIC:
        clone = grown(directory, commits)
        tag(clone, Shape(commits + 1, unreleased, tags))
        if branches:
            branch(clone, branches)
        yield _on(clone, title, "v", environment, peers, rounds)
    for name in named:
        place, _, prefix = name.partition("=")
        clone = Path(place).resolve()
        yield _on(clone, clone.name, prefix or _prefix(clone), environment, peers, rounds)


def _on(  # noqa: PLR0913, PLR0917 - a clone, what is run on it, and how often
    clone: Path, title: str, prefix: str, environment: Mapping[str, str], peers: Sequence[Peer], rounds: int
) -> Measured:
    settings = _settings(Path(environment["PYTHONPYCACHEPREFIX"]).parent, clone, prefix)
    base = _git(clone, "describe", "--tags", "--abbrev=0", f"--match={prefix}[0-9]*")
    commands = {
        OURS: [_TOOL, "--config", str(settings / "ours.toml"), "plan"],
        CLICK: [sys.executable, "-c", "import click"],
        LOG: ["git", "log", "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%B", f"{base}..HEAD"],
        **{peer.name: _command(peer.folder, peer.name, settings) for peer in peers if peer.folder},
    }
    missing = {peer.name: peer.version for peer in peers if not peer.folder}
    runs: dict[str, list[Cost]] = {}
    for name, argv in commands.items():
        try:
            runs[name] = [once(argv, clone, environment, deadline=_DEADLINE, ok=range(256))]
        except subprocess.TimeoutExpired:
            missing[name] = f"not run: more than {_DEADLINE:.0f} s"
    first = {name: costs[0].seconds for name, costs in runs.items()}
    for number in range(1, rounds + 1):
        for name in [name for name, seconds in first.items() if number * seconds < _ENOUGH]:
            cost = once(commands[name], clone, environment, deadline=_DEADLINE, ok=range(256))
            runs[name] = [*runs[name], cost] if number > 1 else [cost]  # the first of all only filled caches
    return Measured(title, {name: median(costs) for name, costs in runs.items()}, missing)


def _settings(directory: Path, clone: Path, prefix: str) -> Path:
    """The configurations with which all of them mean the same tags."""
    folder = directory / f"settings-{clone.name}-{time.monotonic_ns()}"
    folder.mkdir()
    head = _git(clone, "branch", "--show-current") or "main"
    texts = {
        "ours.toml": f'tag-prefix = "{prefix}"\nbranch = "{head}"\n',
        "cz.toml": '[tool.commitizen]\nname = "cz_conventional_commits"\nversion_provider = "scm"\n'
        f'tag_format = "{prefix}$version"\n',
        "cliff.toml": f'[git]\ntag_pattern = "{prefix}[0-9].*"\n',
        "psr.toml": f'[tool.semantic_release]\ntag_format = "{prefix}{{version}}"\n'
        '[tool.semantic_release.branches.any]\nmatch = ".*"\n',
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def _command(folder: Path, name: str, settings: Path) -> list[str]:
    programs = folder / "bin"
    match name:
        case "git-cliff":
            return [str(programs / name), "--config", str(settings / "cliff.toml"), "--unreleased", "--bump"]
        case "commitizen":
            return [str(programs / "cz"), "--config", str(settings / "cz.toml"), "bump", "--dry-run", "--yes"]
        case _:
            tool = str(programs / "semantic-release")
            return [tool, "-c", str(settings / "psr.toml"), "--noop", "version", "--print"]


def _prefix(clone: Path) -> str:
    return _VERSION.sub("", _git(clone, "describe", "--tags", "--abbrev=0"))


def _git(clone: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=clone, check=True, capture_output=True, text=True).stdout.strip()


def table(rows: Sequence[Measured]) -> Iterator[str]:
    """The figures in Markdown: milliseconds of the processors, in which a busy machine shows less than in wall time."""
    others = (*_PACKAGES,)
    yield (
        "| clone | plan, wall | plan, CPU | memory | ÷ `import click` | the same, wall | ÷ `git log` | "
        + " | ".join(f"÷ {name}" for name in others)
        + " |"
    )
    yield "| --- |" + " ---: |" * (6 + len(others))
    for row in rows:
        ours = row.costs.get(OURS)
        if ours is None:
            yield f"| {row.clone} | {row.missing[OURS]} |" + " |" * (5 + len(others))
            continue
        cells = [row.clone, f"{ours.seconds * 1000:,.0f} ms", f"{ours.cpu * 1000:,.0f} ms", f"{ours.peak / 1e6:.0f} MB"]
        cells += [_shown(row, CLICK), f"{ours.seconds / row.costs[CLICK].seconds:.2f}"]
        cells += [_shown(row, name) for name in (LOG, *others)]
        yield f"| {' | '.join(cells)} |"


def _shown(row: Measured, name: str) -> str:
    ratio = row.ratio(name)
    return row.missing.get(name, "not run") if ratio is None else f"{ratio:.2f}"
