"""Short ways to make what a look at everything found."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Check, Environment
from release_tool.deploy.freeze import frozen
from release_tool.deploy.policy import DeployFacts
from release_tool.status import model
from release_tool.status.environment import EnvironmentFacts, environment_status
from tests.builders import sha
from tests.deploy.ledger.ledgers import START

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

NOW = START + timedelta(minutes=20)
URL = "https://github.com/acme/shop"

AUTOMATIC = Environment(command=("./deploy.sh",), automatic=True, checks=(Check(url="/health", version_pointer="/v"),))
BY_HAND = Environment(command=("./deploy.sh",), health="https://shop.example.com/health")


def candidate(name: str, **more: object) -> DeployFacts:
    """The newest commit that could be deployed; commits are named as in the ledgers of tests."""
    standard = DeployFacts(environment="production", ledger=(), commit=sha(name), name=f"1.{name}", automatic=True)
    return msgspec.structs.replace(standard, **more)


def facts(*ledger: Deployment, **more: object) -> EnvironmentFacts:
    """What is known of an automatic environment that tells its version; its candidate meets the same as itself."""
    standard = EnvironmentFacts(name="production", settings=AUTOMATIC, ledger=ledger, at=NOW, url=URL, since=START)
    known = msgspec.structs.replace(standard, **more)
    if known.candidate is None:
        return known
    until = frozen(known.frozen_until) if known.frozen_until else ""
    asked = msgspec.structs.replace(known.candidate, environment=known.name, ledger=known.ledger, frozen=until)
    return msgspec.structs.replace(known, candidate=asked)


def environment(*ledger: Deployment, **more: object) -> model.EnvironmentStatus:
    """An environment as it is shown."""
    return environment_status(facts(*ledger, **more))


def halt(**more: object) -> model.HaltStatus:
    """A halt of everything."""
    standard = model.HaltStatus(
        issue=7,
        url=f"{URL}/issues/7",
        environment="",
        by="ada",
        reason="the database is full",
        since=START,
        until=None,
        incident=False,
        todo="`release-tool resume`",
    )
    return msgspec.structs.replace(standard, **more)


def release(name: str, **more: object) -> model.ReleaseStatus:
    """A release whose tag is on the commit of the same name."""
    standard = model.ReleaseStatus(
        tag=f"v1.{name}",
        version=f"1.{name}",
        commit=sha(name),
        url=f"{URL}/releases/tag/v1.{name}",
        published=START,
        notes="",
        authors=("ada",),
        prerelease=False,
        withdrawn=False,
        latest=False,
        half_done=False,
    )
    return msgspec.structs.replace(standard, **more)


def brought(number: int, **more: object) -> model.ChangeStatus:
    """A merged pull request."""
    standard = model.ChangeStatus(
        pull=number,
        commit=sha(f"pull {number}"),
        title="Search by name",
        kind="feature",
        bump="minor",
        authors=("ada",),
        at=START,
        url=f"{URL}/pull/{number}",
    )
    return msgspec.structs.replace(standard, **more)


def seen(*environments: model.EnvironmentStatus, **more: object) -> model.Overview:
    """A look at a repository that is fine."""
    standard = model.Overview(
        repository="acme/shop",
        url=URL,
        at=NOW,
        branch="main",
        released="v1.3",
        half_done=(),
        unreleased=0,
        cloud=None,
        releases=(release("3", latest=True),),
        environments=environments,
        production="production" if environments else "",
    )
    return msgspec.structs.replace(standard, **more)
