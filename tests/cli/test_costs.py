"""What each command costs: requests to GitHub, and git programs; whoever makes one cost more has to say so here."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from release_tool.config.model import Config, Environment
from release_tool.setup.files import DEPLOY
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests import examples
from tests.adoption import ACTION, SOURCE
from tests.chaos.past import prove
from tests.cli.test_bump import RELEASE as WORKFLOW
from tests.cli.test_bump import runner
from tests.counting import Counter
from tests.production import CONFIGURATION, production
from tests.shop import Shop, shop
from tests.status.test_status import many

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from tests.shop import Entry

QUICK = (
    CONFIGURATION.replace('url = "{url}"\n', 'url = "{url}"\nbake = "100ms"\n')
    + 'interval = "50ms"\ntimeout = "10s"\ndeadline = "60s"\n'
)
FORM = render(
    Config(environments={"production": Environment(command=("./deploy.sh",))}), Values(branch="main", action=ACTION)
)[DEPLOY]
OPEN: Entry = {"pull": 70, "title": "fix: it", "author": "ada", "state": "open", "files": {"search.py": "1"}}
MERGED: Entry = {"pull": 69, "title": "fix: more", "author": "ada", "files": {"more.py": "1"}}
TEAM = {"release-tool.toml": '[channels.team]\nurl-env = "TEAM_URL"\n'}
SYNC = {"release-tool.toml": '[sync]\nbranch = "cloud"\n'}
CLOUD: Entry = {"branch": "cloud", "from": "v1.2.3", "commit": "Settings", "author": "ops", "files": {"fly.toml": "a"}}


class Size(NamedTuple):
    """How much has come together: pull requests since the last release, and deployments."""

    pulls: int
    deployments: int


_PATIENCE = 400
"""Seconds that a command may take on the largest project, measured and beside everything else."""
SIZES = (Size(10, 10), Size(100, 1_000), Size(1_000, 5_000))


class Most(NamedTuple):
    """How many requests to the API and how many git programs a command may take."""

    requests: int
    programs: int


def costs(place: Shop, git: Counter, *command: str, **more: str) -> Most:
    """Run a command that is to do its work, and count."""
    place.box.forget_requests()
    git.forget()
    done = place.run(*command, env=place.environment(**more), timeout=_PATIENCE)
    assert done.code in {0, 3}, (command, done.err)
    asked = [one for one in place.box.requests if re.match(r"/(repos|graphql|user)\b", one.path)]
    return Most(len(asked), len(git.started()))


DEPLOYED = {
    "plan": (2, 2, 11, 7),
    "bump --dry-run": (2, 2, 11, 7),
    "check-pr 70": (7, 7, 16, 7),
    "release": (8, 8, 17, 8),
    "notes v1.3.1": (1, 1, 1, 2),
    "notes v1.3.1 --write": (4, 4, 13, 7),
    "doctor": (21, 31, 71, 15),
    "deploy 1.3.1 -e production --dry-run": (5, 15, 64, 10),
    "deploy 1.3.1 -e production --here": (30, 39, 88, 16),
    "verify -e production": (3, 13, 53, 10),
    "halt -e production --reason pause": (3, 3, 3, 2),
    "resume -e production": (7, 17, 63, 8),
    "reconcile --plan": (3, 13, 56, 6),
    "reconcile": (5, 15, 58, 6),
    "rollback -e production --here --reason broken": (26, 35, 84, 16),
    "status": (4, 4, 4, 15),
    "dashboard site": (4, 14, 54, 15),
    "dashboard site --json": (4, 4, 7, 15),
    "withdraw v1.3.1 --reason bad --yes": (5, 15, 55, 7),
}
"""The requests of each command at each of the sizes, and its git programs at any.

A hundred pull requests cost one, and a hundred deployments where a command has to know all of them: not for a status,
nor for a dashboard beside the last one, which is the second one here.
"""

BEGUN = {
    "init --yes --source SOURCE": (2, 2, 2, 5),
    "notify test": (0, 0, 0, 2),
    "bump --yes": (9, 9, 18, 8),
    "bump --yes --here": (6, 6, 24, 9),
    "rehearse": (6, 7, 43, 46),
}
SYNCED = {
    "sync --candidate": Most(5, 29),
    "sync --tested=CANDIDATE": Most(2, 4),
    "sync --advance=CANDIDATE": Most(3, 34),
}


@pytest.mark.timeout(600)  # every command on the largest project, where others need the cores as well
@pytest.mark.parametrize("size", SIZES if examples.ALL else SIZES[:1], ids=str)
def test_no_command_costs_more_than_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: Size) -> None:
    merged: list[Entry] = [
        {"pull": 100 + number, "title": "fix: more", "author": "ada", "files": {"more.py": str(number)}}
        for number in range(size.pulls)
    ]
    files = {".github/workflows/brings.yml": FORM}
    past = many(size.deployments)
    most = _most(DEPLOYED, size)
    with production(tmp_path, *merged, OPEN, *past, configuration=QUICK, files=files) as here:
        prove(here, "1.2.4", "1.3.0")
        git = Counter(tmp_path, monkeypatch)
        found = {command: costs(here.shop, git, *command.split()) for command in most}
    assert {name: cost for name, cost in found.items() if not _within(cost, most[name])} == {}


@pytest.mark.parametrize("size", SIZES if examples.ALL else SIZES[:1], ids=str)
def test_beginning_costs_no_more_than_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer, size: Size
) -> None:
    httpserver.expect_request("/").respond_with_data("")
    merged: list[Entry] = [
        {"pull": number, "title": "fix: more", "author": "ada", "files": {"more.py": str(number)}}
        for number in range(1, size.pulls + 1)
    ]
    most = _most(BEGUN, size)
    team = f"json://{httpserver.host}:{httpserver.port}/"
    with shop(tmp_path, WORKFLOW, {"tag": "v1.2.3"}, *merged, files=TEAM) as place:
        git = Counter(tmp_path, monkeypatch)
        found = {}
        with runner(place, lambda _: "success"):
            for command in most:
                argv = command.replace("SOURCE", SOURCE).split()
                found[command] = costs(place, git, *argv, TEAM_URL=team)
    assert {name: cost for name, cost in found.items() if not _within(cost, most[name])} == {}


def test_carrying_a_release_costs_no_more_than_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, CLOUD, MERGED, {"tag": "v1.3.0"}, files=SYNC) as place:
        git = Counter(tmp_path, monkeypatch)
        found = {}
        for command in SYNCED:
            candidate = place.git("ls-remote", "origin", "refs/heads/release-tool/candidate/*").partition("\t")[0]
            found[command] = costs(place, git, *command.replace("CANDIDATE", candidate).split())
    assert {name: cost for name, cost in found.items() if not _within(cost, SYNCED[name])} == {}


def test_a_job_needs_neither_the_files_of_the_past_nor_a_second_check_out(tmp_path: Path) -> None:
    """As the workflows check it out: files are fetched with the token of the job where two branches change one."""
    lines = [f"line {number}\n" for number in range(9)]
    ours: Entry = {"pull": 1, "title": "fix: the end", "files": {"shop.txt": "".join([*lines[:-1], "end\n"])}}
    theirs = CLOUD | {"files": {"shop.txt": "".join(["begin\n", *lines[1:]])}}
    files = {**SYNC, "shop.txt": "".join(lines)}
    with shop(tmp_path, {"tag": "v1.2.3"}, theirs, ours, files=files, private=True) as place:
        clone = tmp_path / "job"
        argv = ["git", "clone", "--quiet", "--filter=blob:none", place.box.push_url, str(clone)]
        subprocess.run(argv, check=True)
        job = Shop(place.box, clone)
        job.git("remote", "set-url", "origin", place.box.clone_url)
        candidate = ""
        for command in ("release", "sync --candidate", "sync --tested={}", "sync --advance={}", "plan"):
            done = job.run(*command.format(candidate).split(), env=job.job())
            assert done.code == 0, (command, done.err)
            listed = place.git("ls-remote", "origin", "refs/heads/release-tool/candidate/*")
            candidate = listed.partition("\t")[0] or candidate
        place.git("fetch", "--quiet")
        assert place.git("show", "origin/cloud:shop.txt").splitlines()[:: len(lines) - 1] == ["begin", "end"]


def _most(table: Mapping[str, tuple[int, int, int, int]], size: Size) -> dict[str, Most]:
    return {name: Most(row[SIZES.index(size)], row[-1]) for name, row in table.items()}


def _within(cost: Most, most: Most) -> bool:
    return cost.requests <= most.requests and cost.programs <= most.programs
