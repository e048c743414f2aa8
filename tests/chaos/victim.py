"""A deployment in a process of its own, for tests that kill it: the real stage, with a clock that never waits."""

from __future__ import annotations

import os

import msgspec

from release_tool.cli import Options
from release_tool.cli.session import Session
from release_tool.deploy import deploy, reconcile
from release_tool.deploy.environment import environment_named, with_deployed_configuration
from release_tool.deploy.preconditions import DeployRequest
from tests.clock import FakeClock


def main(verb: str, version: str = "") -> None:
    project = msgspec.structs.replace(Session(Options(), os.environ).project(), clock=FakeClock())
    environment = environment_named(with_deployed_configuration(project), "production", ours=os.environ)
    match verb:
        case "deploy":
            deploy.deploy(environment, version, DeployRequest(by="ada"))
        case "rollback":
            deploy.rollback(environment, version, DeployRequest(by="ada", reason="it is broken"), halts=True)
        case _:
            reconcile.reconcile([environment])
