"""The open concerns of an overview, the most urgent first, each once."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.status.model import Health
from release_tool.status.text import switched_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.status.model import Cloud, EnvironmentStatus, HaltStatus, NextLook, Overview


class Level(enum.Enum):
    """How much it matters."""

    URGENT = "urgent"
    """Something is broken, or its health is unknown."""
    DUE = "due"
    """It waits for a person."""
    NOTE = "note"
    """It continues without a person, and is good to know."""


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at, and the command to type or the place to go, where there is anything to do."""

    level: Level
    text: str
    todo: str = ""
    url: str = ""
    since: datetime | None = None


def concerns(overview: Overview) -> tuple[Concern, ...]:
    """List the concerns; two with the same address or the same thing to do become one."""
    found: dict[tuple[str, str], Concern] = {}
    for concern in sorted(_all(overview), key=lambda concern: list(Level).index(concern.level)):
        key = (concern.url, concern.todo) if concern.url or concern.todo else (concern.text, "")
        found.setdefault(key, concern)
    return tuple(found.values())


def _all(overview: Overview) -> Iterator[Concern]:
    for environment in overview.environments:
        yield from _of_health(environment)
    for halt in overview.halts:
        yield _of_halt(halt)
    told = {halt.url for halt in overview.halts}
    for waiting in overview.waiting:
        if waiting.url not in told or not waiting.url:
            yield Concern(level=Level.DUE, text=waiting.what, todo=waiting.todo, url=waiting.url, since=waiting.since)
    for case in overview.cases:
        yield Concern(level=Level.DUE, text=case.text, todo=case.todo, since=case.since)
    for release in overview.releases:
        if release.half_done:
            yield Concern(level=Level.DUE, text=f"{release.tag} is half-done", todo=release.todo, url=release.url)
    for environment in overview.environments:
        yield from _of_what_is_missing(environment)
    for off in overview.switched_off:
        yield Concern(level=Level.DUE, text=f"A workflow is off: {switched_off(off)}", todo=off.todo)
    yield from _of_the_rest(overview)


def _of_health(environment: EnvironmentStatus) -> Iterator[Concern]:
    if environment.health in {Health.UNHEALTHY, Health.UNKNOWN}:
        why = environment.unknown or environment.text
        text = f"{environment.name} is {environment.health.value}" + (f": {why}" if why else "")
        yield Concern(level=Level.URGENT, text=text, todo=environment.todo)


def _of_halt(halt: HaltStatus) -> Concern:
    what = halt.environment or "every environment"
    by = f" by {halt.by}" if halt.by else ""
    reason = f": {halt.reason}" if halt.reason else ""
    text = f"Incident in {what}{reason}" if halt.incident else f"Deployments to {what} are halted{by}{reason}"
    level = Level.URGENT if halt.incident else Level.DUE
    return Concern(level=level, text=text, todo=halt.todo, url=halt.url, since=halt.since)


def _of_what_is_missing(environment: EnvironmentStatus) -> Iterator[Concern]:
    if missing := environment.missing:
        text = f"{missing.name} is not in {environment.name}: {missing.why}"
        yield Concern(level=Level.NOTE, text=text, todo=missing.todo, since=missing.since)
    if environment.frozen:
        yield Concern(level=Level.NOTE, text=f"{environment.name} is {environment.frozen}")


def _of_the_rest(overview: Overview) -> Iterator[Concern]:
    if (cloud := overview.cloud) and cloud.todo:
        yield Concern(level=Level.NOTE, text=_of_cloud(cloud), todo=cloud.todo)
    if overview.next_look and any(one.automatic and (one.missing or one.frozen) for one in overview.environments):
        yield _of_next_look(overview.next_look)
    for unseen in overview.unseen:
        yield Concern(level=Level.NOTE, text=f"Not looked at: {unseen}")


def _of_next_look(look: NextLook) -> Concern:
    if look.at is None:
        return Concern(level=Level.NOTE, text="No look at what waits is scheduled", todo=look.todo)
    return Concern(
        level=Level.NOTE, text=f"The next look at what waits is on {look.at:%a} {look.at:%Y-%m-%d %H:%M} UTC"
    )


def _of_cloud(cloud: Cloud) -> str:
    if cloud.head is None:
        return f"{cloud.branch} does not exist yet"
    if cloud.behind:
        return f"{cloud.branch} is behind by {', '.join(cloud.behind)}"
    return f"{cloud.branch} was not tested"
