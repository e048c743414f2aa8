"""An environment for tests: a sample project with releases, and a real application that its commands deploy."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from release_tool.domain.ledger import Override
from release_tool.stages import baseline, deployment, reconciliation
from release_tool.stages.place import place_named, with_deployed_configuration
from release_tool.stages.preconditions import Asked
from tests.clock import FakeClock
from tests.service import Service
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from release_tool.domain.ledger import Deployment
    from release_tool.stages.attempt import Deployed
    from release_tool.stages.place import Place
    from tests.shop import Entry, Shop

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
"""

COMMAND = """#!/bin/sh
set -eu
echo "deploying $RELEASE_VERSION to $RELEASE_TARGET"
printf '%s' "$RELEASE_VERSION" > '{file}'
"""


class Production:
    """One environment, `production`, of a project with three releases; each command is run by a clock of its own."""

    def __init__(self, project: Shop, service: Service) -> None:
        self.shop = project
        self.service = service
        self.clock = FakeClock()

    def place(self, name: str = "production", **environment: str) -> Place:
        env = self.shop.environment() | environment
        project = with_deployed_configuration(self.shop.project(env=env, clock=self.clock))
        return place_named(project, name, ours=os.environ | environment)

    def deploy(self, version: str, *, by: str = "ada", reason: str = "", overrides: str = "", **env: str) -> Deployed:
        """Deploy as a person."""
        chosen = frozenset(Override(word) for word in overrides.split())
        return deployment.deploy(self.place(**env), version, Asked(by=by, reason=reason, overrides=chosen))

    def deploy_automatically(self, version: str, **env: str) -> Deployed:
        return deployment.deploy(self.place(**env), version, Asked(automatic=True))

    def rollback(self, to: str = "", *, halts: bool = True, overrides: str = "", **env: str) -> Deployed:
        """Go back as a person."""
        chosen = frozenset(Override(word) for word in overrides.split())
        asked = Asked(by="ada", reason="it is broken", overrides=chosen)
        return deployment.rollback(self.place(**env), to, asked, halts=halts)

    def record(self, version: str, **env: str) -> Deployed:
        return baseline.record(self.place(**env), version, Asked(by="ada"))

    def verify(self, **env: str) -> Deployed:
        return baseline.verify(self.place(**env))

    def reconcile(self, *, only_settle: bool = False, only_close: bool = False, **env: str) -> tuple[Deployed, ...]:
        return reconciliation.reconcile([self.place(**env)], only_settle=only_settle, only_close=only_close)

    def ledger(self, name: str = "production") -> tuple[Deployment, ...]:
        return self.shop.github().deployments.ledger(name)

    def story(self, name: str = "production") -> list[str]:
        """The ledger as lines: each deployment with its last phase."""
        return [f"{one.payload.kind.value} {one.payload.name}: {one.phase}" for one in self.ledger(name)]


@contextmanager
def production(
    directory: Path,
    *more: Entry,
    behave: Callable[[str, int], tuple[int, object]] | None = None,
    configuration: str = CONFIGURATION,
    command: str = COMMAND,
    files: dict[str, str] | None = None,
    **scenario: object,
) -> Iterator[Production]:
    """Serve a project with the releases 1.2.3, 1.2.4 and 1.3.0, and the application that it deploys."""
    file = directory / "deployed"
    history: list[Entry] = []
    commit: Entry
    for number, version in enumerate(RELEASES):
        commit = {"commit": f"fix: step {number}", "author": "ada", "files": {"step.txt": str(number)}}
        history += [commit, {"tag": f"v{version}"}]
    with Service(file, behave) as service:
        tree = {
            "README.md": "hello\n",
            "release-tool.toml": configuration.format(url=service.url, file=file),
            "deploy.sh": command.format(file=file),
            **(files or {}),
        }
        with shop(directory, *history, *more, files=tree, **scenario) as project:
            yield Production(project, service)
