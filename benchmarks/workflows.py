"""What the workflows cost on GitHub's runners: jobs counted from the files, minutes modelled.

A job takes ten seconds to start, installs the tool where it uses it, and is billed by the minute, rounded up. What
the project's own build, tests and deploy commands take comes on top.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import Spent, spending
from benchmarks.road import walked as road_steps
from release_tool.config.model import Config, Environment, Sync
from release_tool.setup.files import DEPLOY, LOOK, RELEASE
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.workflow_rules import read_workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.workflow_rules import Job, Step

_ROOT = Path(__file__).parents[1]
_OLD = _ROOT / "tests/setup/old_set/.github/workflows"
_START = 10.0
_WORK = 15.0
"""Seconds that a command of ours takes, with the check-out."""
_ASSUMED = 10.0
"""Seconds of an installation where it can't be measured."""
_ANSWER = 0.2
"""Seconds until GitHub has answered a request."""
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


def measured() -> tuple[Spent, str]:
    """What the action's own installation takes here, without a cache; else what is assumed."""
    with tempfile.TemporaryDirectory() as place:
        argv = ["sh", "install.sh", f"{place}/tool", "requirements/job.txt"]
        environment = os.environ | {"UV_NO_CACHE": "1", "UV_NO_CONFIG": "1", "PIP_NO_CACHE_DIR": "1"}
        with spending() as spent:
            done = subprocess.run(argv, cwd=_ROOT, env=environment, capture_output=True, check=False)
    if done.returncode:
        return Spent(_ASSUMED, _ASSUMED), "assumed: it could not be measured here"
    return spent(), "measured here"


def show() -> None:
    """Print the table."""
    found_install, how = measured()
    install = found_install.seconds
    print(f"\nJobs and billed minutes, with an installation of {install:.0f} s ({how})\n")
    print(f"{'':24}{'jobs in a row':>15}{'jobs in all':>13}{'minutes':>9}{'idle month':>12}")
    for kind in kinds():
        found = cost(kind, install)
        print(f"{kind.name:24}{found.in_a_row:>15}{found.jobs:>13}{found.minutes:>9}{idle(kind, install):>12,}")
    print("\nOurs from a merge to the start of the deploy command\n")
    for line in critical_path():
        print(line)


def critical_path() -> Iterator[str]:
    """Our part of the way from a merge to the start of the deploy command: measured parts, as often as they are met.

    The starts of jobs at GitHub and the project's own build and tests are left out; a check-out that the files of the
    past are left out of is measured as such.
    """
    install, how = measured()
    road = next(kind for kind in kinds() if kind.name == "the whole road")
    jobs = [job for run in road.merge for job in _way(road.files, run.path, run)]
    own = sum("release-tool@" in step.uses and not _is_none(step) for job in jobs for step in job.steps)
    plain = sum(step.uses.startswith("actions/checkout@") for job in jobs for step in job.steps)
    steps = road_steps()
    asked = sum(step.requests for step in steps)
    answers = Spent(_ANSWER, 0)
    parts = [
        ("check-out of the history alone", _cloned("--filter=blob:none"), own),
        ("check-out of everything", _cloned(), plain),
        (f"installation ({how})", install, sum(_installs(job) for job in jobs)),
        *((f"`{step.command}`", step.spent, 1) for step in steps),
        (f"an answer of GitHub ({_ANSWER} s assumed)", answers, asked),
    ]
    yield "| part | seconds | of a processor | times | seconds in all | of a processor |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for part, spent, times in parts:
        whole = f"{spent.seconds * times:.1f} | {spent.cpu * times:.1f}"
        yield f"| {part} | {spent.seconds:.1f} | {spent.cpu:.1f} | {times} | {whole} |"
    seconds = sum(spent.seconds * times for _, spent, times in parts)
    cpu = sum(spent.cpu * times for _, spent, times in parts)
    yield f"| **ours in all**, in {len(jobs)} jobs in a row (goal: 75) | | | | **{seconds:.0f}** | **{cpu:.0f}** |"


def _is_none(step: Step) -> bool:
    """Whether a step of our action checks nothing out on this way: it says so, or says so where all went well."""
    return "none" in str(step.with_.get("ref", ""))


def _installs(job: Job) -> bool:
    return any("release-tool@" in step.uses and step.with_.get("run") for step in job.steps)


def _cloned(*options: str) -> Spent:
    """A clone of this repository, the quickest of three."""
    upload = "--upload-pack=git -c uploadpack.allowFilter=true upload-pack"
    taken = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as place, spending() as spent:
            argv = ["git", "clone", "--quiet", upload, *options, _ROOT.as_uri(), "clone"]
            subprocess.run(argv, cwd=place, check=True, capture_output=True)
        taken.append(spent())
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


def _in_a_row(files: Mapping[str, str], path: str, run: Run) -> int:
    return len(_way(files, path, run))


def _way(files: Mapping[str, str], path: str, run: Run, within: str = "") -> list[Job]:
    """The longest row of jobs that wait for one another."""
    jobs = read_workflow(files[path]).jobs

    def own(name: str) -> list[Job]:
        full, called = f"{within}{name}", _name(jobs[name].uses)
        times = run.times(full, jobs[name])
        if not times:
            return []
        return times * (_way(files, called, run, f"{full}/") if called in files else [jobs[name]])

    def before(name: str) -> list[Job]:
        return [*max(map(before, jobs[name].waits_for()), key=len, default=[]), *own(name)]

    return max(map(before, jobs), key=len)


def _minutes(job: Job, install: float) -> int:
    tool = any("release-tool" in step.uses for step in job.steps)
    bakes = bool(job.strategy)
    seconds = _START + (install + _WORK if tool else 0) + (Environment(command=("x",)).bake.total_seconds() * bakes)
    return max(1, math.ceil(seconds / 60))
