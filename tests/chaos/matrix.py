"""Every request of every command, and every way in which it can go wrong; then the command is run again.

`python -m tests.chaos.matrix` runs all of it, and goes on where it was ended: what was found lies in `build/chaos`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import requests

from github_sandbox import Fault, Sandbox
from release_tool.deploy.halts.model import LABEL
from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import Deployments
from release_tool.model.tags import Owner
from tests import forkserver
from tests.chaos.past import enter, prove
from tests.conftest import FOREIGN
from tests.forkserver import Chaos
from tests.production import COMMAND, QUICK, RELEASES, Production, releases
from tests.service import Service
from tests.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from github_sandbox.app import Request
    from tests.forkserver import Ended
    from tests.shop import Entry

SEED = 20260105
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
SILENCE, DEADLINE, PATIENCE = 1, 20.0, 60.0
PAGE = "<html><head><title>One moment</title></head><body>We are back soon.</body></html>"
LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
PLAIN = {"content-type": "text/plain"}
ROOT = Path(__file__).parent.parent.parent


class Kind(NamedTuple):
    """A way in which a request goes wrong; `heals` is whether a command goes on by itself when a read does."""

    fault: Fault
    reads: bool = True
    writes: bool = True
    heals: bool = False
    days: int = 0
    codes: frozenset[int] = frozenset({4})


KINDS = {
    "500": Kind(Fault(status=500), heals=True),
    "502": Kind(Fault(status=502, text=PAGE), heals=True),
    "502 after": Kind(Fault(status=502, text=PAGE, acts=True), reads=False),
    "429": Kind(Fault(status=429, headers={"retry-after": "7"}), heals=True),
    "403": Kind(Fault(status=403, text=LIMIT, headers=PLAIN), heals=True),
    "reset": Kind(Fault(drop="before", reset=True), heals=True),
    "reset after": Kind(Fault(drop="after", reset=True), reads=False),
    "truncated": Kind(Fault(truncated=True), heals=True),
    "foreign": Kind(Fault(status=200, text='{"message": "hello"}')),
    "hang": Kind(Fault(block="before"), heals=True),
    "twice": Kind(Fault(twice=True), reads=False),
    "stale": Kind(Fault(status=200), writes=False),
    "null": Kind(Fault(status=200, text="null")),
    "page": Kind(Fault(status=200, text=PAGE, headers={"content-type": "text/html"})),
    "circle": Kind(Fault(status=301)),
    "header": Kind(Fault(status=200, text="{}", headers={"x-long": "a" * 70_000})),
    "401": Kind(Fault(status=401, document={"message": "Bad credentials"}), codes=frozenset({2, 4})),
    "clock behind": Kind(Fault(times=0), days=-3, heals=True),
    "clock ahead": Kind(Fault(times=0), days=3, heals=True),
    "409": Kind(Fault(status=409, document={"message": "Conflict"})),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Journey:
    """A command among others: what was before, what is run, and what is run after it went wrong."""

    argv: tuple[str, ...]
    again: tuple[tuple[str, ...], ...]
    prepare: Callable[[Production], object] = lambda _: None
    bad: bool = False
    hosted: bool = False
    deploys: bool = False


def _halted(here: Production) -> None:
    run(here, ("halt", "--reason", "a test"), 0)


def _orphaned(here: Production) -> None:
    enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"))


def _held_elsewhere(here: Production) -> None:
    owner = Owner(host="another-host", user="eve", process=4711, started="1")
    enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"), owner=owner)


_SETTLE = ("reconcile", "-e", "production", "--only-settle")
_HERE = ("-e", "production", "--here")
_BACK = ("rollback", "--to", "1.2.3", "--reason", "broken", *_HERE)
JOURNEYS = {
    "release": Journey(argv=("release", "notes.txt"), again=(("release", "notes.txt"),)),
    "sync": Journey(argv=("sync",), again=(("sync",),), hosted=True),
    "deploy": Journey(argv=("deploy", "1.3.0", *_HERE), again=(_SETTLE, ("deploy", "1.3.0", *_HERE)), deploys=True),
    "bad deploy": Journey(argv=("deploy", "1.3.0", *_HERE), again=(_SETTLE,), bad=True, deploys=True),
    "rollback": Journey(argv=_BACK, again=(_SETTLE, _BACK), deploys=True),
    "deploy beside another host": Journey(
        argv=("deploy", "1.3.0", *_HERE),
        again=(_SETTLE, ("deploy", "1.3.0", *_HERE)),
        prepare=_held_elsewhere,
        deploys=True,
    ),
    "halt": Journey(argv=("halt", "--reason", "a test"), again=(("halt", "--reason", "a test"),)),
    "resume": Journey(argv=("resume",), again=(("resume",),), prepare=_halted),
    "reconcile": Journey(argv=_SETTLE, again=(_SETTLE,), prepare=_orphaned, deploys=True),
    "notes": Journey(argv=("notes", "v1.3.0", "--write"), again=(("notes", "v1.3.0", "--write"),)),
    "withdraw": Journey(
        argv=("withdraw", "v1.3.0", "--yes", "--reason", "bad"),
        again=(("withdraw", "v1.3.0", "--yes", "--reason", "bad"),),
    ),
    "status": Journey(argv=("status",), again=(("status",),)),
    "dashboard": Journey(argv=("dashboard", "site"), again=(("dashboard", "site"),)),
}

FIX: Entry = {"pull": 1, "title": "fix: a hole", "files": {"a.py": "1\n"}}
CLOUD: Entry = {"branch": "cloud", "from": "v1.2.3", "commit": "Settings", "author": "ops", "files": {"fly.toml": "a"}}


class Point(NamedTuple):
    """One request of a journey, by its place, and what happens to it."""

    journey: str
    place: int
    kind: str
    request: str = ""

    @property
    def key(self) -> str:
        return f"{self.journey}/{self.place}/{self.kind}"


class World:
    """The places where journeys begin, each made once and copied for every point; servers keep their ports."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.service = Service(directory / "deployed").__enter__()
        self._port = 0
        self._made: dict[str, dict[str, object]] = {}

    def close(self) -> None:
        self.service.__exit__(None, None, None)

    @contextlib.contextmanager
    def scene(self, name: str) -> Iterator[Production]:
        """The project as the journey finds it."""
        if name not in self._made:
            self._make(name)
        shutil.rmtree(self.directory / "now", ignore_errors=True)
        shutil.copytree(self.directory / name, self.directory / "now", symlinks=True)
        shutil.copyfile(self.directory / f"{name}.deployed", self.service.file)
        self._behave(name)
        with self._served(name, self.directory / "now") as here:
            yield here

    def _make(self, name: str) -> None:
        journey, place = JOURNEYS[name], self.directory / name
        history: list[Entry] = [*releases(*RELEASES), *([CLOUD] if journey.hosted else []), FIX]
        files = {
            "README.md": "hello\n",
            "release-tool.toml": QUICK.format(url=self.service.url)
            + ('[sync]\nbranch = "cloud"\n' if journey.hosted else ""),
            "deploy.sh": COMMAND.format(file=self.service.file),
        }
        self._made[name] = {"repository": "acme/shop", "files": files, "history": history}
        place.mkdir()
        with self._served(name, place) as here:
            subprocess.run(["git", "clone", "--quiet", here.shop.box.clone_url, place / "clone"], check=True)
            (place / "clone" / "notes.txt").write_text("an asset\n")
            if not journey.hosted:
                prove(here, "1.2.3", "1.2.4")
            else:
                self.service.file.write_text("1.2.4")
            journey.prepare(here)
        shutil.copyfile(self.service.file, self.directory / f"{name}.deployed")

    def _behave(self, name: str) -> None:
        bad = JOURNEYS[name].bad
        self.service.behave = lambda version, _: (500 if bad and version == "1.3.0" else 200, {"version": version})

    @contextlib.contextmanager
    def _served(self, name: str, place: Path) -> Iterator[Production]:
        with Sandbox.start(self._made[name], place / "github", self._port) as box:
            self._port = int(box.api_url.rpartition(":")[2])
            yield Production(Shop(box, place / "clone"), self.service)


def run(here: Production, argv: Sequence[str], day: int, *, broken: bool = False) -> Ended:
    """Run a command as a person does, on a day after the first one."""
    chaos = Chaos((START + timedelta(days=day)).isoformat(), SILENCE, DEADLINE, broken)
    env = os.environ | here.shop.environment()
    return forkserver.run(argv, cwd=here.shop.clone, env=env, timeout=PATIENCE, chaos=chaos)


# What is true afterwards


def state(here: Production, journey: Journey) -> dict[str, object]:
    """What a person finds on GitHub and in the environment."""
    found: dict[str, object] = {"in order": _in_order(here)}
    if journey.deploys:
        return found | {"running": here.service.file.read_text()}
    box = here.shop.box
    listed = here.shop.api("GET", "releases?per_page=100")
    refs = ["for-each-ref", "--format=%(refname) %(objecttype) %(tree) %(*tree)", "refs/heads", "refs/tags"]
    assert isinstance(listed, list)
    return found | {
        "releases": sorted(_release(release) for release in listed),
        "refs": here.shop.git("-C", str(box.git_directory), *refs).splitlines(),
        "halts": len(here.halts()),
    }


def _release(release: dict[str, object]) -> list[str]:
    """What counts of a release."""
    assets = release["assets"]
    assert isinstance(assets, list)
    files = sorted(
        f"{asset['name']} {asset['size']} {asset['state']}" for asset in assets if asset["name"] == "notes.txt"
    )
    body = re.sub(r"\d{4}-\d\d-\d\d\S*", "DATE", str(release["body"]))
    return [str(release["tag_name"]), str(release["draft"]), str(release["prerelease"]), str(len(assets)), *files, body]


def _in_order(here: Production) -> str:
    """Whether nothing is unfinished, and what is live is proven, or a person was told."""
    ledger = here.shop.github().adapter(Deployments).ledger("production")
    unfinished = [str(one) for one in ledger if not one.finished]
    now = live(ledger).deployment
    if unfinished:
        return f"unfinished: {unfinished}"
    if now and (here.service.file.read_text(), now.proven) != (now.payload.name, True):
        return f"{now.payload.name} is live, and {here.service.file.read_text()} runs"
    told = [issue for issue in _issues(here) if str(issue["title"]).endswith("after an incident")]
    if ledger and not now and not told and ledger[-1].phase.word is not Phase.UNKNOWN:
        return "it is unknown what is live, and nobody was told"
    return "yes"


def _issues(here: Production) -> list[dict[str, object]]:
    found = here.shop.api("GET", f"issues?state=all&labels={LABEL}")
    assert isinstance(found, list)
    return found


# The points


class Clean(NamedTuple):
    """A journey on which nothing goes wrong: what is asked, how it ends, and what is true after it and once more."""

    asked: tuple[Request, ...]
    code: int
    after: dict[str, object]
    codes: tuple[int, ...]
    final: dict[str, object]


def clean(world: World, name: str) -> Clean:
    """Record a journey on which nothing goes wrong."""
    journey = JOURNEYS[name]
    with world.scene(name) as here:
        here.shop.box.forget_requests()
        first = run(here, journey.argv, 0)
        asked = tuple(here.shop.box.requests)
        after = state(here, journey)
        codes = tuple(run(here, argv, 1 + day).code for day, argv in enumerate(journey.again))
        assert "Traceback" not in first.err, first.err
        assert first.code in {0, 3, 6}, first.err
        return Clean(asked, first.code, after, codes, state(here, journey))


def points_of(name: str, recorded: Clean) -> list[Point]:
    """Every request of a journey with every kind of fault that it can meet."""
    return [
        Point(name, place, kind, f"{request.method} {request.path}")
        for place, request in enumerate(recorded.asked)
        for kind, described in KINDS.items()
        if (place == 0 if described.days else described.writes if _writes(request) else described.reads)
    ]


def _writes(request: Request) -> bool:
    reads = request.method == "GET" or request.path.endswith("/git-upload-pack")
    return not (reads or (request.path == "/graphql" and "mutation" not in request.body))


def wrongs(world: World, point: Point, recorded: Clean, *, broken: bool = False) -> list[str]:
    """What is wrong with how a journey ended at a point, and with what its repetition made of it.

    A write that hangs arrives when its command has ended, so what it leaves is found by the repetition alone.
    """
    journey, kind = JOURNEYS[point.journey], KINDS[point.kind]
    request = recorded.asked[point.place]
    with world.scene(point.journey) as here:
        fault = _at(here, kind.fault, point, request)
        armed = here.shop.box.fault(fault)
        arrives_late = point.kind == "hang" and _writes(request)
        try:
            first = run(here, journey.argv, kind.days, broken=broken)
        except TimeoutError:
            return ["it hangs"]
        finally:
            here.shop.box.faults.clear()
        if arrives_late and armed.reached.is_set():
            assert armed.wait_until_acted(), point
        found = _wrong_end(journey, point, recorded, first)
        if first.code == recorded.code and journey.argv[0] != "halt" and not arrives_late:
            now = state(here, journey)
            found += [f"ended with {first.code}, but {_difference(recorded.after, now)}"] * (now != recorded.after)
        found += _wrong_again(here, journey, recorded, as_it_should=first.code == recorded.code)
        final = state(here, journey)
        found += [f"after it was run again {_difference(recorded.final, final)}"] * (final != recorded.final)
        return found


def _wrong_again(here: Production, journey: Journey, recorded: Clean, *, as_it_should: bool) -> list[str]:
    """Run what is run afterwards; what was left is rolled back then, and what was done is done."""
    ends = [run(here, argv, 1 + day) for day, argv in enumerate(journey.again)]
    codes = tuple(end.code for end in ends)
    said = "; ".join(end.err for end in ends)
    allowed = {0, *recorded.codes, *([6] if journey.deploys else [])}
    if "Traceback" in said or not allowed.issuperset(codes) or (as_it_should and codes != recorded.codes):
        return [f"again ended with {codes}, not {recorded.codes}: {said}"]
    return []


def _wrong_end(journey: Journey, point: Point, recorded: Clean, ended: Ended) -> list[str]:
    kind = KINDS[point.kind]
    allowed = {recorded.code, *kind.codes}
    if kind.heals and not _writes(recorded.asked[point.place]):
        allowed = {recorded.code}
    if journey.deploys and _writes(recorded.asked[point.place]) | (not kind.heals):
        allowed |= {7}
    found = []
    if "Traceback" in ended.err or ended.code == 1:
        found.append(f"a traceback: {ended.err}")
    if ended.code not in allowed:
        found.append(f"ended with {ended.code}, not with one of {sorted(allowed)}: {ended.err}")
    return found


def _at(here: Production, fault: Fault, point: Point, request: Request) -> Fault:
    """The fault for the request at its place; what is stale is what is answered now, before anything happened."""
    changes: dict[str, object] = {"after": point.place}
    if point.kind == "stale":
        box = here.shop.box
        answer = requests.request(
            request.method,
            f"{box.api_url}{request.path}",
            data=request.body.encode(),
            headers={"Authorization": f"Bearer {box.token}"},
            timeout=10,
        )
        kept = ("content-type", "link")
        headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() in kept}
        changes |= {"status": answer.status_code, "text": answer.text, "headers": headers}
    if point.kind == "circle":
        changes["headers"] = {"location": f"{here.shop.box.api_url}{request.path}"}
    return Fault(**({name: getattr(fault, name) for name in fault.__struct_fields__} | changes))


def _difference(wanted: dict[str, object], found: dict[str, object]) -> str:
    return "; ".join(f"{key} is {found.get(key)}, not {wanted[key]}" for key in wanted if wanted[key] != found.get(key))


# All of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="draw the order of the points with it")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once")
    parser.add_argument("--journeys", default=",".join(JOURNEYS), help="of these alone")
    parser.add_argument("--only", default="", help="points whose key holds this")
    parser.add_argument("--most", type=int, default=0, help="no more points than these")
    parser.add_argument("--broken", action="store_true", help="break a rule, to see whether that is found")
    parser.add_argument("--minutes", type=float, default=600, help="end after so long; the next run goes on")
    parser.add_argument("--worker", type=int, default=-1, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker >= 0:
        work(asked)
        return
    began = time.monotonic()
    argv = [sys.executable, "-m", "tests.chaos.matrix", *sys.argv[1:]]
    workers = [subprocess.Popen([*argv, "--worker", str(number)]) for number in range(asked.jobs)]
    codes = [worker.wait() for worker in workers]
    results = found(asked)
    wrong = {key: value for key, value in results.items() if value}
    for key, value in sorted(wrong.items()):
        print(f"{key}: {' | '.join(value)}"[:2000])  # noqa: T201 - what it is run for
    minutes = (time.monotonic() - began) / 60
    print(  # noqa: T201 - the same
        f"seed {asked.seed}: {len(results) - len(wrong)} of {len(results)} points ended right,"
        f" in {minutes:.0f} minutes with {asked.jobs} at once"
    )
    sys.exit(1 if any(codes) or bool(wrong) != asked.broken else 0)


def found(asked: argparse.Namespace) -> dict[str, list[str]]:
    """What is known of the points of this very code."""
    lines = [line for file in _files(asked) for line in file.read_text().splitlines()]
    return {entry["key"]: entry["wrong"] for entry in map(json.loads, lines)}


def work(asked: argparse.Namespace) -> None:
    """Do the share of one worker, and write down each point as soon as it is done."""
    until = time.monotonic() + 60 * asked.minutes
    done = found(asked)
    _be_nobody()
    with tempfile.TemporaryDirectory(prefix="release-tool-chaos-") as directory, _world(Path(directory)) as world:
        recorded = {name: clean(world, name) for name in JOURNEYS if name in asked.journeys.split(",")}
        points = [point for name in recorded for point in points_of(name, recorded[name])]
        random.Random(asked.seed).shuffle(points)  # noqa: S311 - an order, not a secret
        wanted = [point for point in points if asked.only in point.key][: asked.most or None]
        with _file(asked, asked.worker).open("a") as log:
            for point in wanted[asked.worker :: asked.jobs]:
                if point.key in done:
                    continue
                if time.monotonic() > until:
                    break
                wrong = wrongs(world, point, recorded[point.journey], broken=asked.broken)
                log.write(json.dumps({"key": point.key, "request": point.request, "wrong": wrong}) + "\n")
                log.flush()
    forkserver.end()


@contextlib.contextmanager
def _world(directory: Path) -> Iterator[World]:
    world = World(directory)
    try:
        yield world
    finally:
        world.close()


def _be_nobody() -> None:
    """Take the environment of a fresh machine, with a git identity and no git configuration."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) or name.lower().endswith("_proxy")]:
        del os.environ[name]
    identity = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    os.environ.update(identity, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", LC_ALL="C.UTF-8", TZ="UTC")


def _files(asked: argparse.Namespace) -> list[Path]:
    return sorted(_file(asked, 0).parent.glob("*.jsonl"))


def _file(asked: argparse.Namespace, worker: int) -> Path:
    folder = ROOT / "build" / "chaos" / f"{_code()}{'-broken' if asked.broken else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{worker}.jsonl"


@functools.cache
def _code() -> str:
    """A name for the very code that is tried."""
    digest = hashlib.sha256()
    for folder in ("release_tool", "github_sandbox", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    main()
