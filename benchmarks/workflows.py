"""What the workflows cost on GitHub's runners: jobs counted from the files, minutes modelled.

A job takes ten seconds to start, installs the tool where it uses it, and is billed by the minute, rounded up. What
the project's own build, tests and deploy commands take comes on top.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from release_tool.config.model import Config, Environment, Sync
from release_tool.setup.files import DEPLOY, LOOK, RELEASE
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.workflow_rules import read_workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.workflow_rules import Job

_ROOT = Path(__file__).parents[1]
_OLD = _ROOT / "tests/setup/old_set/.github/workflows"
_START = 10.0
_WORK = 15.0
"""Seconds that a command of ours takes, with the check-out."""
_ASSUMED = 10.0
"""Seconds of an installation where it can't be measured."""
_MONTH = 365 / 12
_LIVE = {"production": Environment(command=("./deploy.sh",))}
_VALUES = Values(branch="main", action=f"acme/release-tool@{'a' * 40} # v1.4.0", build=("make",), test=("make test",))


class Run(NamedTuple):
    """One run of a workflow: its file, the jobs that are skipped in it, and to how many environments it deploys."""

    path: str
    skipped: frozenset[str] = frozenset()
    environments: int = 1

    def times(self, name: str, job: Job) -> int:
        """How often a job of it runs, one after the other; `CALL/JOB` names one of a called workflow."""
        if {name, name.rpartition("/")[2], "/".join(name.split("/")[-2:])} & self.skipped:
            return 0
        return self.environments if job.strategy else 1


class Cost(NamedTuple):
    """What runs cost: jobs, how many of them wait for one another, and billed minutes."""

    jobs: int
    in_a_row: int
    minutes: int


class Kind(NamedTuple):
    """A kind of project: its files, what a merge starts up to production, what follows, and a month without a merge."""

    name: str
    files: Mapping[str, str]
    merge: tuple[Run, ...]
    after: tuple[Run, ...]
    idle: tuple[tuple[Run, float], ...]


def kinds() -> Iterator[Kind]:
    """Today's files beside those of 1.3."""
    old = {path.name: path.read_text() for path in _OLD.glob("*.yml")}
    hourly, dashboard = 24 * _MONTH, Run("dashboard.yml", frozenset({"publish"}))
    started = frozenset({"sync-of-tag", "again", "line"})
    alone = started | {"advance/build", "advance/tests", "advance/advance", "deploy/environments", "deploy/close"}
    left = (
        (Run("release.yml", alone | {"publish/build", "publish/release", "dashboard"}), hourly),
        (dashboard, hourly),
    )
    yield Kind("1.3, a library", old, (Run("release.yml", alone),), (dashboard,), left)
    yield Kind("1.3, the whole road", old, (Run("release.yml", started),), (dashboard,), left)
    library = {path.rpartition("/")[2]: text for path, text in render(Config(), _VALUES).items()}
    yield Kind("a library", library, (Run(_name(RELEASE)),), (), ())
    road = {
        path.rpartition("/")[2]: text for path, text in render(Config(sync=Sync(), environments=_LIVE), _VALUES).items()
    }
    deploy = Run(_name(DEPLOY), frozenset({"plan", "after"}))
    closing = Run(_name(DEPLOY), frozenset({"plan", "environments"}))
    daily = ((Run(_name(LOOK)), _MONTH),)
    yield Kind("the whole road", road, (Run(_name(RELEASE)), deploy), (closing, Run(_name(LOOK))), daily)


def cost(kind: Kind, install: float) -> Cost:
    """What one merge costs, and how long its way to the end is."""
    billed = [list(_jobs(kind.files, run)) for run in (*kind.merge, *kind.after)]
    minutes = sum(_minutes(job, install) for jobs in billed for _, job in jobs)
    return Cost(sum(map(len, billed)), sum(_in_a_row(kind.files, run.path, run) for run in kind.merge), minutes)


def idle(kind: Kind, install: float) -> int:
    """The minutes that a month costs in which nothing is merged."""
    return round(
        sum(times * sum(_minutes(job, install) for _, job in _jobs(kind.files, run)) for run, times in kind.idle)
    )


def measured() -> tuple[float, str]:
    """The seconds that the action's own installation takes here, without a cache; else what is assumed."""
    with tempfile.TemporaryDirectory() as place:
        argv = ["sh", "install.sh", f"{place}/tool", "requirements/tool.txt", "."]
        begun = time.monotonic()
        done = subprocess.run(argv, cwd=_ROOT, capture_output=True, check=False)
        took = time.monotonic() - begun
    return (took, "measured here") if done.returncode == 0 else (_ASSUMED, "assumed: it could not be measured here")


def show() -> None:
    """Print the table."""
    install, how = measured()
    print(f"\nJobs and billed minutes, with an installation of {install:.0f} s ({how})\n")
    print(f"{'':24}{'jobs in a row':>15}{'jobs in all':>13}{'minutes':>9}{'idle month':>12}")
    for kind in kinds():
        found = cost(kind, install)
        print(f"{kind.name:24}{found.in_a_row:>15}{found.jobs:>13}{found.minutes:>9}{idle(kind, install):>12,}")
    print("\nOurs from a merge to the start of the deploy command\n")
    for line in critical_path():
        print(line)


def critical_path() -> Iterator[str]:
    """Our part of the way from a merge to the start of the deploy command: measured parts, times the jobs in a row.

    The starts of jobs at GitHub and the project's own build and tests are left out.
    """
    install, how = measured()
    parts = {"check-out": _timed("git", "clone", "--quiet", _ROOT.as_uri(), "clone"), f"installation ({how})": install}
    parts["start of the command"] = _timed(str(Path(sys.executable).with_name("release-tool")), "--version")
    road = next(kind for kind in kinds() if kind.name == "the whole road")
    jobs = sum(_in_a_row(road.files, run.path, run) for run in road.merge)
    yield "| part of a job | seconds | jobs in a row | seconds in all |"
    yield "| --- | ---: | ---: | ---: |"
    for part, seconds in parts.items():
        yield f"| {part} | {seconds:.1f} | {jobs} | {seconds * jobs:.0f} |"
    yield f"| **ours in all** | {sum(parts.values()):.1f} | {jobs} | {sum(parts.values()) * jobs:.0f} (goal: 75) |"


def _timed(*argv: str) -> float:
    """The seconds of a command, the shortest of three, each in a directory of its own."""
    taken = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as place:
            begun = time.monotonic()
            subprocess.run(argv, cwd=place, check=True, capture_output=True)
            taken.append(time.monotonic() - begun)
    return min(taken)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _jobs(files: Mapping[str, str], run: Run, path: str = "", within: str = "") -> Iterator[tuple[str, Job]]:
    """The jobs of a run, those of called workflows in place of the calls."""
    for name, job in read_workflow(files[path or run.path]).jobs.items():
        full = f"{within}{name}"
        called = _name(job.uses)
        for _ in range(run.times(full, job)):
            if called in files:
                yield from _jobs(files, run, called, f"{full}/")
            else:
                yield full, job


def _in_a_row(files: Mapping[str, str], path: str, run: Run, within: str = "") -> int:
    jobs = read_workflow(files[path]).jobs

    def own(name: str) -> int:
        full, called = f"{within}{name}", _name(jobs[name].uses)
        times = run.times(full, jobs[name])
        return times * (_in_a_row(files, called, run, f"{full}/") if times and called in files else 1)

    def depth(name: str) -> int:
        return own(name) + max(map(depth, jobs[name].waits_for()), default=0)

    return max(map(depth, jobs))


def _minutes(job: Job, install: float) -> int:
    tool = any("release-tool" in step.uses for step in job.steps)
    bakes = bool(job.strategy)
    seconds = _START + (install + _WORK if tool else 0) + (Environment(command=("x",)).bake.total_seconds() * bakes)
    return max(1, math.ceil(seconds / 60))
