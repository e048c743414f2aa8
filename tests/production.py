"""An environment for tests: a sample project with releases, and a real application that its commands deploy."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from release_tool.deploy import deploy, reconcile, verify
from release_tool.deploy.environment import SilentProgress, environment_named, with_deployed_configuration
from release_tool.deploy.halts.issues import HaltIssues
from release_tool.deploy.halts.model import LABEL
from release_tool.deploy.ledger.model import DeploymentKind, Override, Payload
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import Deployments, deployments_of
from release_tool.deploy.preconditions import DeployRequest
from release_tool.history.references import ImageReference, record
from release_tool.model.tags import Owner
from release_tool.sync.sync import TESTED
from tests.clock import FakeClock
from tests.service import Service
from tests.shop import Shop, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from release_tool.deploy.attempt import DeployResult
    from release_tool.deploy.environment import DeployEnvironment, Progress
    from release_tool.deploy.ledger.model import Deployment
    from tests.service import Behave
    from tests.shop import Entry

RELEASES = ("1.2.3", "1.2.4", "1.3.0")

CONFIGURATION = """
[environments.production]
automatic = true
command = ["./deploy.sh"]
url = "{url}"

[[environments.production.checks]]
name = "health"
url = "/health"
version-pointer = "/version"
samples = 1
"""
"""One sample each time, so that a test can say which of them is answered how."""

QUICK = """
[environments.production]
automatic = true
command = ["./deploy.sh"]
url = "{url}"
bake = "10s"

[[environments.production.checks]]
name = "health"
url = "/health"
version-pointer = "/version"
samples = 1
deadline = "20s"
failure-threshold = 3
failure-budget = "0%"
"""
"""The same with little patience, where how long it takes is not what a test is about."""

CURIOUS = """
[channels.team]
url-env = "TEAM_URL"
"""
"""Somebody who wants to know everything, to be added to a configuration."""

COMMAND = """#!/bin/sh
set -eu
echo "deploying $RELEASE_VERSION to $RELEASE_TARGET"
printf '%s' "$RELEASE_VERSION" > '{file}'
"""

RIVAL: Entry = {
    "run": 7,
    "status": "in_progress",
    "jobs": [{"id": 71, "status": "in_progress", "runner_name": "runner-7"}],
}
"""Another run, which lives."""


class EventfulClock(FakeClock):
    """A clock at whose times something happens, while somebody else sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[float, Callable[[], object]]] = []
        self._start = self.time

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen when so much time has gone by from the start on."""
        self._events.append((seconds, act))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        gone = (self.time - self._start) / timedelta(seconds=1)
        due = [act for at, act in self._events if at <= gone]
        self._events = [event for event in self._events if event[0] > gone]
        for act in due:
            act()


class Production:
    """One environment, `production`, of a project with three releases; each command is run by a clock of its own."""

    def __init__(self, project: Shop, service: Service, environment: Mapping[str, str] | None = None) -> None:
        self.shop = project
        self.service = service
        self.clock: FakeClock = FakeClock()
        self.evidence: Path | None = None
        self.progress: Progress = SilentProgress()
        self._environment = dict(environment or {})

    def environment(self, name: str = "production", **environment: str) -> DeployEnvironment:
        environment = self._environment | environment
        env = self.shop.environment() | environment
        project = with_deployed_configuration(self.shop.project(env=env, clock=self.clock))
        ours = os.environ | environment
        return environment_named(project, name, ours=ours, progress=self.progress, evidence=self.evidence)

    def preview(self, version: str, *, at: str = "production", **env: str) -> DeployResult:
        """What a person's deployment would come to."""
        return deploy.preview(self.environment(at, **env), version, DeployRequest(by="ada"))

    def deploy(
        self,
        version: str,
        *,
        at: str = "production",
        by: str = "ada",
        reason: str = "",
        overrides: str = "",
        **env: str,
    ) -> DeployResult:
        """Deploy as a person."""
        chosen = frozenset(Override(word) for word in overrides.split())
        return deploy.deploy(
            self.environment(at, **env), version, DeployRequest(by=by, reason=reason, overrides=chosen)
        )

    def deploy_again(self, version: str) -> DeployResult:
        """Deploy as a person who insists."""
        return deploy.deploy(self.environment(), version, DeployRequest(by="ada", again=True))

    def deploy_automatically(self, version: str, *, at: str = "production", **env: str) -> DeployResult:
        return deploy.deploy(self.environment(at, **env), version, DeployRequest(automatic=True))

    def rollback(self, to: str = "", *, halts: bool = True, overrides: str = "", **env: str) -> DeployResult:
        """Go back as a person."""
        chosen = frozenset(Override(word) for word in overrides.split())
        request = DeployRequest(by="ada", reason="it is broken", overrides=chosen)
        return deploy.rollback(self.environment(**env), to, request, halts=halts)

    def record(self, version: str, **env: str) -> DeployResult:
        return verify.record(self.environment(**env), version, DeployRequest(by="ada"))

    def verify(self, **env: str) -> DeployResult:
        return verify.verify(self.environment(**env))

    def watch(self, **env: str) -> DeployResult:
        return verify.watch(self.environment(**env))

    def reconcile(
        self,
        *names: str,
        only_settle: bool = False,
        only_close: bool = False,
        job: Mapping[str, str] | None = None,
        **env: str,
    ) -> tuple[DeployResult, ...]:
        environments = [self.environment(name, **(job or {}), **env) for name in names or ("production",)]
        return reconcile.reconcile(environments, only_settle=only_settle, only_close=only_close)

    def was_proven(self, version: str) -> None:
        """Let a version run and stand in the ledger as healthy, as an earlier run would have left it."""
        self.service.file.write_text(version)
        self.rival(f"v{version}", PhaseRecord(Phase.HEALTHY, "the new version answered well for 2m"))

    def ledger(self, name: str = "production") -> tuple[Deployment, ...]:
        return deployments_of(self.shop.project()).ledger(name)

    def story(self, name: str = "production") -> list[str]:
        """The ledger as lines: each deployment with its last phase."""
        return [f"{one.payload.kind.value} {one.payload.name}: {one.phase}" for one in self.ledger(name)]

    def halts(self) -> list[str]:
        """The titles of the issues that halt."""
        return [found.issue.title for found in self.shop.github().adapter(HaltIssues).labelled(LABEL)]

    def commit(self, ref: str) -> str:
        """The commit that a tag or a branch of GitHub's names now."""
        return self.shop.git("-C", str(self.shop.box.git_directory), "rev-parse", f"{ref}^{{commit}}")

    def tested(self, ref: str) -> None:
        """Say that the tests of the hosted branch passed on a commit."""
        self.shop.github().create_status(self.commit(ref), TESTED, "success", "the tests passed")

    def built(self, ref: str, name: str, reference: str) -> None:
        """Say what was built of a commit."""
        record(self.shop.project(), self.commit(ref), [ImageReference(name, reference)])

    def rival(
        self,
        ref: str,
        *phases: PhaseRecord,
        kind: DeploymentKind = DeploymentKind.DEPLOY,
        automatic: bool = True,
        parent: int | None = None,
        watched: bool = False,
    ) -> int:
        """Write a deployment of another run into the ledger; it lives where the scenario has `RIVAL`."""
        payload = Payload(
            commit=self.commit(ref),
            name=ref.removeprefix("v"),
            kind=kind,
            automatic=automatic,
            owner=Owner(run=7, attempt=1, job="71"),
            parent=parent,
            watched=watched,
        )
        number = self.shop.github().adapter(Deployments).create("production", payload, "of another run")
        for phase in phases or (PhaseRecord(Phase.WAITING),):
            self.tell(number, phase)
        return number

    def tell(self, number: int, phase: PhaseRecord) -> None:
        """Write a phase of another run's deployment."""
        self.shop.github().adapter(Deployments).status(number, phase)

    def elsewhere(self, **environment: str) -> Production:
        """The same environment as another run meets it, in a clone of its own."""
        clone = self.shop.clone.with_name("elsewhere")
        subprocess.run(["git", "clone", "--quiet", self.shop.box.clone_url, str(clone)], check=True)
        return Production(Shop(self.shop.box, clone), self.service, environment)


@contextmanager
def production(  # noqa: PLR0913 - each of these is a thing that a test decides
    directory: Path,
    *more: Entry,
    behave: Behave | None = None,
    configuration: str = CONFIGURATION,
    command: str = COMMAND,
    files: dict[str, str] | None = None,
    history: Sequence[Entry] | None = None,
    certificate: Path | None = None,
    **scenario: object,
) -> Iterator[Production]:
    """Serve a project with the releases 1.2.3, 1.2.4 and 1.3.0, or a history of its own, and what it deploys."""
    file = directory / "deployed"
    with Service(file, behave, certificate=certificate) as service:
        tree = {
            "README.md": "hello\n",
            "release-tool.toml": configuration.format(url=service.url, file=file),
            "deploy.sh": command.format(file=file),
            **(files or {}),
        }
        whole = [*(releases(*RELEASES) if history is None else history), *more]
        with shop(directory, *whole, files=tree, **scenario) as project:
            yield Production(project, service)


def releases(*versions: str) -> list[Entry]:
    """A history of releases, each with a commit of its own."""
    history: list[Entry] = []
    for version in versions:
        commit: Entry = {"commit": f"fix: step {version}", "author": "ada", "files": {"step.txt": version}}
        history += [commit, {"tag": f"v{version}"}]
    return history
