"""What every command costs on a very large project, and on one half as large: requests, CPU time and memory.

`python -m benchmarks.load` writes it into `docs/scale.md`.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.clones import GIT_ENVIRONMENT, environment_in
from github_sandbox import Sandbox
from github_sandbox.store import Author, Deployment, DeploymentStatus
from release_tool.deploy.ledger.model import TASK, DeploymentKind, Payload, encode
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, describe
from release_tool.model.tags import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
_TOOL = str(Path(sys.executable).with_name("release-tool"))
_UNIT = 1 if sys.platform == "darwin" else 1024
_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""Runs a command and tells what it cost; it is small itself, for that counts as the memory of what it starts."""
_US = Author("github-actions[bot]", "Bot")
_LIVE = "production"
_CONFIGURATION = """
[sync]

[environments.{name}]
command = ["./deploy.sh"]
bake = "2s"
checks = [{{ url = "{url}", version-pointer = "/version", interval = "1s" }}]
"""
_OTHER = """
[environments.{name}]
command = ["./deploy.sh"]
health = "{url}"
"""
_COMMAND = "#!/bin/sh\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\n"
_HEALTHY = (PhaseRecord(Phase.CHANGING, "web"), PhaseRecord(Phase.VERIFYING, "web"), PhaseRecord(Phase.HEALTHY, "held"))

_REPLACED = PhaseRecord(Phase.REPLACED, "by a later one")


class Size(NamedTuple):
    """How large a project is; the pull requests were merged since its last release."""

    commits: int
    tags: int
    releases: int
    deployments: int
    pulls: int
    environments: int

    def __truediv__(self, parts: int) -> Size:
        return Size(*(number // parts for number in self))

    def version(self, number: int) -> str:
        """The version of a tag by its number, from 1 on."""
        return f"1.{number // 100}.{number % 100}"

    @property
    def newest(self) -> str:
        """The version of the last release."""
        return self.version(self.tags)


LARGE = Size(commits=100_000, tags=10_000, releases=2_000, deployments=5_000, pulls=1_000, environments=60)


class Spent(NamedTuple):
    """What a command cost, and how it ended."""

    code: int
    requests: int
    cpu: float
    peak: float


def main() -> None:
    """Measure all of it, and write the table into its page anew."""
    with tempfile.TemporaryDirectory(prefix="release-tool-load-") as temporary:
        directory = Path(temporary)
        lines = [*table(directory, environment_in(directory))]
    measured = re.compile("<!-- load -->.*<!-- /load -->", re.DOTALL)
    text = "\n".join(["<!-- load -->", "", *lines, "", "<!-- /load -->"])
    _PAGE.write_text(measured.sub(lambda _: text, _PAGE.read_text()))


def table(directory: Path, environment: Mapping[str, str], large: Size = LARGE) -> Iterator[str]:
    """What each command costs on the project, and on one half as large."""
    half, whole = (_spent(directory / f"load-{size.commits}", environment, size) for size in (large / 2, large))
    described = ", ".join(f"{number:,} {name}" for name, number in large._asdict().items())
    yield f"Each command on a project of {described}, and on one half as large:"
    yield ""
    yield "| command | exit code | requests | of the half | CPU | of the half | ratio | memory |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for name, (code, requests, cpu, peak) in whole.items():
        less = half[name]
        yield (
            f"| `{name}` | {code} | {requests} | {less.requests} | {cpu * 1000:,.0f} ms | {less.cpu * 1000:,.0f} ms"
            f" | {cpu / less.cpu:.2f} | {peak:.0f} MB |"
        )


def _spent(directory: Path, environment: Mapping[str, str], size: Size) -> dict[str, Spent]:
    with project(directory, size) as (box, clone):
        named = {
            "GITHUB_API_URL": box.api_url,
            "GITHUB_GRAPHQL_URL": box.graphql_url,
            "GITHUB_SERVER_URL": box.api_url,
            "GITHUB_REPOSITORY": box.repository,
            "GITHUB_TOKEN": box.token,
        }
        return {shown: _run(box, clone, {**environment, **named}, argv) for shown, argv in commands(size).items()}


def commands(size: Size) -> dict[str, Sequence[str]]:
    """What is run, in this order; each writes what the next ones find."""
    made, here = size.version(size.tags + 1), ("-e", _LIVE, "--here")
    last, before = size.newest, size.version(size.tags - 1)
    return {
        "plan": ["plan"],
        "check-pr": ["check-pr", str(size.pulls + 1)],
        "bump --dry-run": ["bump", "--dry-run"],
        "release --dry-run": ["release", "--dry-run"],
        "status": ["status"],
        "status -e": ["status", "-e", _LIVE],
        "dashboard": ["dashboard", "site"],
        "doctor": ["doctor"],
        "verify": ["verify", "-e", _LIVE],
        "release": ["release"],
        "sync --dry-run": ["sync", "--dry-run"],
        "sync": ["sync"],
        "notes": ["notes", f"v{made}"],
        "notes --write": ["notes", f"v{made}", "--write"],
        "reconcile --plan": ["reconcile", "--plan"],
        "reconcile --only-close": ["reconcile", "--only-close"],
        "deploy --dry-run": ["deploy", made, "-e", _LIVE, "--dry-run"],
        "deploy": ["deploy", made, *here],
        "reconcile": ["reconcile", "-e", _LIVE],
        "rollback --dry-run": ["rollback", "-e", _LIVE, "--dry-run"],
        "rollback": ["rollback", *here, "--reason", "a test"],
        "resume": ["resume", "-e", _LIVE],
        "halt": ["halt", "--reason", "a test"],
        "status, halted": ["status"],
        "resume, all of them": ["resume"],
        "withdraw": ["withdraw", f"v{before}", "--yes", "--reason", "bad"],
        "plan, nothing to do": ["plan"],
        "notify test": ["notify", "test"],
        "sync, nothing to do": ["sync", f"v{last}"],
    }


def _run(box: Sandbox, clone: Path, environment: Mapping[str, str], argv: Sequence[str]) -> Spent:
    box.forget_requests()
    measured = [sys.executable, "-c", _MEASURED, _TOOL, *argv]
    done = subprocess.run(measured, cwd=clone, env=environment, capture_output=True, text=True, check=True)
    if "Traceback" in done.stderr:
        raise RuntimeError(f"{' '.join(argv)} has a bug:\n{done.stderr}")
    code, cpu, peak = json.loads(done.stdout)
    asked = [request for request in box.requests if f"/{box.repository}.git/" not in request.path]
    return Spent(code, len(asked), cpu, peak * _UNIT / 1e6)


@contextlib.contextmanager
def project(directory: Path, size: Size) -> Iterator[tuple[Sandbox, Path]]:
    """A project of a size on the stand-in, with an application that runs its last release."""
    directory.mkdir()
    live = directory / "live"
    live.write_text(size.newest)
    with _application(live) as url:
        files = {"release-tool.toml": _configuration(size, url), "deploy.sh": _COMMAND.format(file=live)}
        scenario: dict[str, object] = {"repository": "acme/shop", "files": files, "history": list(_history(size))}
        with Sandbox.start(scenario, directory / "github") as box:
            clone = directory / "clone"
            subprocess.run(
                ["git", "clone", "--quiet", box.clone_url, clone], check=True, env=os.environ | GIT_ENVIRONMENT
            )
            _deploy(box, size)
            yield box, clone


def _configuration(size: Size, url: str) -> str:
    others = (_OTHER.format(name=f"place-{number}", url=url) for number in range(1, size.environments))
    return _CONFIGURATION.format(name=_LIVE, url=url) + "".join(others)


def _history(size: Size) -> Iterator[dict[str, object]]:
    """Commits with tags among them, of which the last ones are releases; then what was merged since."""
    steps = size.commits // size.tags
    for number in range(1, size.commits + 1):
        yield {"commit": f"fix: number {number}", "author": "ada", "files": {f"f{number % 16}": str(number)}}
        tag, between = divmod(number, steps)
        if not between and tag <= size.tags:
            yield {"tag": f"v{size.version(tag)}", "release": tag > size.tags - size.releases, "body": "### Fixes"}
    settings = {"fly.toml": "a"}
    yield {"branch": "cloud", "from": f"v{size.newest}", "commit": "Settings", "author": "ops", "files": settings}
    for number in range(1, size.pulls + 1):
        text = f"## Summary\n\nIt counts the orders of day {number}, and no other ones.\n"
        files = {f"p{number % 16}": str(number)}
        yield {
            "pull": number,
            "title": f"Correct {number}",
            "labels": ["fix"],
            "body": text,
            "author": "ada",
            "files": files,
        }
    yield {"pull": size.pulls + 1, "title": "Add", "labels": ["feature"], "state": "open", "files": {"x": "1"}}


def _deploy(box: Sandbox, size: Size) -> None:
    """Write deployments of the last releases, half of them to production and the others in turn, all of them proven."""
    store, listed = box.github.store, _commits(box)
    later: set[str] = set()
    with store.lock:
        for number in range(size.deployments, 0, -1):
            place = _LIVE if number % 2 else f"place-{number // 2 % (size.environments - 1) + 1}"
            version = size.version(max(size.tags - (size.deployments - number) // 4, 1))
            phases = (*_HEALTHY, *([_REPLACED] if place in later else []))
            _put(box, number, place, _payload(version, listed[f"v{version}"]), phases)
            later.add(place)
        store.settings.next_id = 2_000_000
        store.commit()


def _commits(box: Sandbox) -> dict[str, str]:
    form = "--format=%(refname:strip=2) %(*objectname)%(objectname)"
    argv = ["git", "for-each-ref", form, "refs/tags"]
    output = subprocess.run(argv, cwd=box.git_directory, check=True, capture_output=True, text=True).stdout
    return {name: shas[:40] for name, _, shas in (line.partition(" ") for line in output.splitlines())}


def _payload(version: str, commit: str) -> Payload:
    owner = Owner(run=1, attempt=1, job="1")
    return Payload(commit=commit, name=version, kind=DeploymentKind.DEPLOY, automatic=True, owner=owner)


def _put(box: Sandbox, made: int, place: str, payload: Payload, phases: Sequence[PhaseRecord]) -> None:
    store, at, commit = box.github.store, box.github.settings.now, payload.commit
    store.deployments.put(
        Deployment(
            key=str(made), id=made, sha=commit, ref=commit, task=TASK, environment=place, payload=encode(payload),
            description=None, creator=_US, transient=False, production=place == _LIVE, created_at=at, updated_at=at,
        )
    )  # fmt: skip
    for later, phase in enumerate(phases):
        (state, text), number = describe(phase), 1_000_000 + 10 * made + later
        store.deployment_statuses.put(
            DeploymentStatus(
                key=str(number), id=number, deployment=made, state=state.value, description=text, environment=place,
                log_url="", environment_url="", creator=_US, created_at=at + later,
            )
        )  # fmt: skip


@contextlib.contextmanager
def _application(file: Path) -> Iterator[str]:
    """What answers with the version that was deployed last."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"version": file.read_text()}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


if __name__ == "__main__":
    main()
