"""What each command costs: requests to GitHub, and git programs; whoever makes one cost more has to say so here."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from release_tool.config.model import Config, Environment
from release_tool.setup.files import DEPLOY
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.chaos.past import prove
from tests.counting import Counter
from tests.production import CONFIGURATION, production
from tests.shop import Shop, shop

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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
SYNC = {"release-tool.toml": '[sync]\nbranch = "cloud"\n'}
CLOUD: Entry = {"branch": "cloud", "from": "v1.2.3", "commit": "Settings", "author": "ops", "files": {"fly.toml": "a"}}


class Most(NamedTuple):
    """How many requests to the API and how many git programs a command may take."""

    requests: int
    programs: int


def costs(place: Shop, git: Counter, *command: str) -> Most:
    """Run a command that is to do its work, and count."""
    place.box.forget_requests()
    git.forget()
    done = place.run(*command)
    assert done.code in {0, 3}, (command, done.err)
    asked = [one for one in place.box.requests if re.match(r"/(repos|graphql|user)\b", one.path)]
    return Most(len(asked), len(git.started()))


DEPLOYED = {
    "plan": Most(2, 7),
    "bump --dry-run": Most(2, 7),
    "check-pr 70": Most(7, 7),
    "release": Most(8, 8),
    "notes v1.3.1": Most(1, 2),
    "notes v1.3.1 --write": Most(4, 7),
    "doctor": Most(21, 15),
    "deploy 1.3.1 -e production --dry-run": Most(5, 9),
    "deploy 1.3.1 -e production --here": Most(30, 16),
    "verify -e production": Most(3, 10),
    "halt -e production --reason pause": Most(3, 2),
    "resume -e production": Most(7, 8),
    "reconcile --plan": Most(3, 6),
    "reconcile": Most(5, 6),
    "rollback -e production --here --reason broken": Most(26, 16),
    "status": Most(4, 14),
    "dashboard site": Most(4, 14),
    "withdraw v1.3.1 --reason bad --yes": Most(5, 7),
}
SYNCED = {
    "sync --candidate": Most(5, 29),
    "sync --tested=CANDIDATE": Most(2, 4),
    "sync --advance=CANDIDATE": Most(3, 34),
}


def test_no_command_costs_more_than_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {".github/workflows/brings.yml": FORM}
    with production(tmp_path, MERGED, OPEN, configuration=QUICK, files=files) as here:
        prove(here, "1.2.4", "1.3.0")
        git = Counter(tmp_path, monkeypatch)
        found = {}
        for command in DEPLOYED:
            found[command] = costs(here.shop, git, *command.split())
    assert {name: cost for name, cost in found.items() if not _within(cost, DEPLOYED[name])} == {}


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


def _within(cost: Most, most: Most) -> bool:
    return cost.requests <= most.requests and cost.programs <= most.programs
