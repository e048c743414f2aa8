"""A project that a recipe deploys: its repository on the stand-in, its images, and the tool as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from github_sandbox import Fault
from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.store import deployments_of
from release_tool.history.references import ImageReference, record
from tests.engines.daemon import until
from tests.engines.docker import APPLICATION, SQLITE, build_image
from tests.engines.place import PATH, RECIPES
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from github_sandbox.faults import Armed
    from release_tool.deploy.ledger.model import Deployment
    from tests.shop import Entry, Shop

DOCKERFILE = """FROM scratch
COPY shop /shop
COPY busybox /bin/wget
{more}EXPOSE 8080
ENTRYPOINT ["/shop"]
"""
_PATIENCE = 900.0


class Version(msgspec.Struct, frozen=True):
    """A release of the shop; `settings` are in its image, `built_of` is a version whose commit its image tells."""

    name: str
    settings: Mapping[str, str] = {}
    built_of: str = ""


class Ended(msgspec.Struct, frozen=True):
    """What a command of the tool left behind, and how long it took."""

    code: int
    document: Mapping[str, object]
    err: str
    seconds: float

    @property
    def outcome(self) -> str:
        return str(self.document.get("outcome", ""))

    @property
    def told(self) -> str:
        """How it ended and why, or what it said where it did not begin."""
        reason = self.document.get("reason")
        return f"{self.outcome}: {reason}" if reason else self.err.strip()

    @property
    def samples(self) -> list[dict[str, str]]:
        found = self.document.get("samples", [])
        assert isinstance(found, list)
        return found


class Deployed:
    """The project, and what a person does with it."""

    def __init__(self, project: Shop, secrets: Mapping[str, str], folder: Path) -> None:
        self.shop = project
        self.references: dict[str, str] = {}
        self._secrets = dict(secrets)
        self._folder = folder
        self._seen = 0

    def build(self, version: Version) -> str:
        """Build the image of a release from a checkout of it, and record it on its commit."""
        source = self._folder / f"build-{version.name}"
        self.shop.git("worktree", "add", "--detach", "--quiet", str(source), f"v{version.name}")
        told = self.commit(version.built_of or version.name)
        reference = build_image(source, told, version.name)
        record(self.shop.project(), self.commit(version.name), [ImageReference("web", reference)])
        self.references[version.name] = reference
        return reference

    def commit(self, version: str) -> str:
        return self.shop.git("rev-parse", f"v{version}^{{commit}}")

    def start(self, *args: str, heard: bool = True, secrets: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the tool as a program of its own; a secret that is empty is not there."""
        where = subprocess.PIPE if heard else subprocess.DEVNULL
        ours = {"PATH": f"{Path(sys.executable).parent}:{PATH}", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        given = {name: text for name, text in (self._secrets | dict(secrets or {})).items() if text}
        return subprocess.Popen(
            [sys.executable, "-m", "release_tool", *args],
            cwd=self.shop.clone,
            env=ours | _IDENTITY | self.shop.environment() | given,
            stdin=subprocess.DEVNULL,
            stdout=where,
            stderr=where,
            text=True,
        )

    def run(self, *args: str, **secrets: str) -> Ended:
        """Run the tool to its end, and print a line about it."""
        started = time.monotonic()
        process = self.start(*args, "--json", secrets=secrets)
        out, err = process.communicate(timeout=_PATIENCE)
        return self._ended(args, process.returncode, out, err, started)

    def _ended(self, args: tuple[str, ...], code: int, out: str, err: str, started: float) -> Ended:
        document = json.loads(out) if out.strip().startswith("{") else {}
        ended = Ended(code, document, err, time.monotonic() - started)
        print(f"    {' '.join(args)} -> {code} in {ended.seconds:.0f} s {ended.told}", flush=True)
        return ended

    def deploy(self, version: str, *more: str, **secrets: str) -> Ended:
        return self.run("deploy", version, "-e", "production", "--here", *more, **secrets)

    def rollback(self, *more: str, **secrets: str) -> Ended:
        return self.run("rollback", "-e", "production", "--here", "--reason", "it is broken", *more, **secrets)

    def verify(self) -> Ended:
        return self.run("verify", "-e", "production")

    def reconcile(self) -> Ended:
        """Finish what a dead run left, and deploy nothing that is newer."""
        return self.run("reconcile", "-e", "production", "--only-settle")

    def ledger(self) -> tuple[Deployment, ...]:
        return deployments_of(self.shop.project()).ledger("production")

    def story(self) -> list[str]:
        """The ledger as lines: each deployment with its last phase."""
        return [f"{one.payload.kind.value} {one.payload.name}: {one.phase}" for one in self.ledger()]

    def live(self) -> str | None:
        """The commit that the ledger says is live."""
        return live(self.ledger()).commit

    def killed_at(self, moment: str, *args: str) -> None:
        """Start the tool, and kill it when it has written this into the ledger."""
        self.killed_when(lambda: self._is_at(moment), *args, held=moment)

    def killed_when(self, holds: Callable[[], bool], *args: str, held: str = "") -> None:
        """Start the tool, and kill it as soon as something holds."""
        with self._started(holds, held, args, heard=False) as process:
            process.kill()
            process.wait()
        print(f"    {' '.join(args)} killed: {self.story()[-1]}", flush=True)

    def when(self, moment: str, act: Callable[[], object], *args: str) -> Ended:
        """Run the tool, and let something happen when it has written this into the ledger."""
        started = time.monotonic()
        with self._started(lambda: self._is_at(moment), moment, (*args, "--json"), heard=True) as process:
            act()
        out, err = process.communicate(timeout=_PATIENCE)
        return self._ended(args, process.returncode, out, err, started)

    @contextmanager
    def _started(
        self, holds: Callable[[], bool], held: str, args: tuple[str, ...], *, heard: bool
    ) -> Iterator[subprocess.Popen[str]]:
        """Start the tool, and wait until something holds.

        It waits there for us, but while its command runs: that one is to be met in the middle.
        """
        stop = held not in {"", "changing"}
        fault = Fault(method="POST", path="/statuses$", body=f"{held}:", block="after")
        armed = self.shop.box.fault(fault) if stop else None
        self._seen = len(self.ledger())
        process = self.start(*args, heard=heard)
        try:
            until(lambda: _is_held(armed) if armed else holds(), _PATIENCE, lambda: _insist_on_running(process))
            yield process
        except BaseException:
            process.kill()
            process.communicate()
            raise
        finally:
            if armed:
                armed.release()

    def _is_at(self, moment: str) -> bool:
        return any(str(one.phase).startswith(moment) for one in self.ledger()[self._seen :])


def _is_held(armed: Armed) -> bool:
    return armed.wait_until_acted(0)


_IDENTITY = {
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def _insist_on_running(process: subprocess.Popen[str]) -> str:
    if process.poll() is None:
        return "the tool never came to the moment at which something was to happen"
    raise AssertionError(f"the tool ended with {process.returncode} before the moment at which something was to happen")


DEFAULT_BAKE = "2m"
BAKE = "10s"
DEADLINE = "40s"
CHECK = "[[environments.production.checks]]\n"


def adapted(recipe: str, url: str, bake: str = BAKE) -> str:
    """The configuration of a recipe with the shop's address, and with short times where `bake` is not the default."""
    text = (RECIPES / recipe / "release-tool.toml").read_text()
    assert 'url = "https://app.example.com"' in text
    text = text.replace('url = "https://app.example.com"', f'url = "{url}"')
    if bake == DEFAULT_BAKE:
        return text
    assert f'bake = "{DEFAULT_BAKE}"' in text
    text = text.replace(f'bake = "{DEFAULT_BAKE}"', f'bake = "{bake}"')
    return text.replace(CHECK, f'{CHECK}deadline = "{DEADLINE}"\n')


def recipe_files(recipe: str) -> dict[str, str]:
    """The very files of a recipe, but for what is told about it and its configuration."""
    folder = RECIPES / recipe
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"README.md", "release-tool.toml"}
    }


def application_files(version: Version) -> dict[str, str]:
    more = "".join(f"ENV {name}={text}\n" for name, text in sorted(version.settings.items()))
    if "SHOP_SCHEMA" in version.settings:
        more += f"COPY {SQLITE} /\n"
    return {
        "Dockerfile": DOCKERFILE.format(more=more),
        "version.txt": version.name,
        **{f"app/{name}": (APPLICATION / name).read_text() for name in ("main.go", "go.mod")},
    }


def history(versions: tuple[Version, ...]) -> Iterator[Entry]:
    for version in versions:
        yield {"commit": f"fix: {version.name}", "author": "ada", "files": application_files(version)}
        yield {"tag": f"v{version.name}"}


@contextmanager
def deployed(
    folder: Path, files: Mapping[str, str], versions: tuple[Version, ...], secrets: Mapping[str, str]
) -> Iterator[Deployed]:
    """Serve a project with these releases, all of them built."""
    with shop(folder, *history(versions), files={"README.md": "hello\n", **files}, clock="machine") as project:
        here = Deployed(project, secrets, folder)
        for version in versions:
            here.build(version)
        yield here
