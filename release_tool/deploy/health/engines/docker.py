"""The containers with a label, as `docker inspect` tells them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.engines.workload import Instance, InstanceState, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.config.model import Check
    from release_tool.deploy.health.engines.client import EngineClient

_ONE_OFF = "com.docker.compose.oneoff"
"""The label of what `docker compose run` starts beside the service."""
_STOPPED = frozenset({"created", "exited", "dead"})


class _Read(msgspec.Struct, frozen=True, rename="pascal"):
    """Of the engine's objects what is needed here; the rest is passed by."""


class _Health(_Read, frozen=True):
    status: str = ""


class _State(_Read, frozen=True):
    status: str = ""
    exit_code: int = 0
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    started_at: datetime | None = None
    health: _Health = _Health()


class _Settings(_Read, frozen=True):
    image: str = ""
    labels: dict[str, str] | None = None


class _Container(_Read, frozen=True):
    id: str
    name: str = ""
    image: str = ""
    restart_count: int = 0
    state: _State = _State()
    config: _Settings = _Settings()

    @property
    def one_off(self) -> bool:
        return (self.config.labels or {}).get(_ONE_OFF, "").lower() == "true"

    @property
    def asks_by_digest(self) -> bool:
        return "@" in self.config.image


class _Image(_Read, frozen=True):
    id: str
    repo_digests: tuple[str, ...] | None = None


def look(client: EngineClient, check: Check) -> Workload:
    """Ask the engine for the containers with the check's label; raises ConnectionFailedError without an answer.

    What has stopped counts only where nothing newer runs: a container that was replaced may be kept.
    """
    listed = client.text("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={check.label}").decode().split()
    containers = client.ask("inspect", *listed, kind=tuple[_Container, ...]) if listed else ()
    containers = tuple(one for one in containers if not one.one_off)
    digests = _digests(client, {one.image for one in containers if not one.asks_by_digest})
    return Workload(noun="container", instances=tuple(_instances(containers, digests)))


def _digests(client: EngineClient, images: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The digests in registries that images were pulled by; what was never in one has none."""
    wanted = sorted(images)
    told = client.ask("image", "inspect", *wanted, kind=tuple[_Image, ...]) if wanted else ()
    return {one.id: one.repo_digests or () for one in told}


def _instances(containers: Iterable[_Container], digests: Mapping[str, tuple[str, ...]]) -> Iterable[Instance]:
    found = [(one, (one.config.image, *digests.get(one.image, ()))) for one in containers]
    running = {image for one, images in found for image in images if one.state.status not in _STOPPED}
    for one, images in found:
        if one.state.status in _STOPPED and running and running.isdisjoint(images):
            continue
        state, why = _state(one.state)
        yield Instance(
            id=one.id,
            name=one.name.removeprefix("/"),
            images=images,
            state=state,
            why=why,
            restarts=one.restart_count,
            since=one.state.started_at,
        )


def _state(state: _State) -> tuple[InstanceState, str]:
    match state.status:
        case "running" if state.health.status == "unhealthy":
            return InstanceState.FAILING, "its health check fails"
        case "running" if state.health.status == "starting":
            return InstanceState.STARTING, "its health check has not passed yet"
        case "running":
            return InstanceState.AVAILABLE, ""
        case "created":
            return InstanceState.STARTING, "it was not started yet"
        case "paused":
            return InstanceState.FAILING, "it is paused"
        case _:
            memory = ", out of memory" if state.oom_killed else ""
            return InstanceState.FAILING, f"{state.status} (code {state.exit_code}{memory})"
