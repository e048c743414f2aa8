"""What should have happened and has not, or is other than it should be: each case is told once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from release_tool.domain.health import Reading
from release_tool.domain.overview import Case
from release_tool.domain.standing import NOT_BEGUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from release_tool.config import Config
    from release_tool.domain.health import Sample
    from release_tool.domain.overview import Environment, Live, Overview

PATIENCE = timedelta(hours=2)
"""What is younger may still be on its way: builds, tests and a bake take their time."""


def cases(seen: Overview, config: Config) -> tuple[Case, ...]:
    """What was missed, as far as a look at everything tells.

    What waits for a person, or is halted, frozen or quarantined, was told when that began, and is no case.
    """
    found = [*_unreleased(seen, config), *_half_done(seen), *_never_synced(seen), *_never_deployed(seen)]
    return tuple(case for case in found if case.since is None or seen.at - case.since >= PATIENCE)


def drift(environment: str, live: Live | None, samples: Iterable[Sample]) -> Case | None:
    """Whether what answers is other than what the ledger says, by the last sample of each check and target.

    What could not be measured says nothing.
    """
    last = {(one.target, one.check): one for one in sorted(samples, key=lambda one: one.at)}
    if live is None:
        return None
    for reading, what in ((Reading.STALE, "answers with another version than"), (Reading.BAD, "is not healthy with")):
        targets = sorted({one.target for one in last.values() if one.sample is reading})
        if targets:
            return Case(
                kind="drift",
                key=f"drift {environment} {live.commit} {reading.value}",
                environment=environment,
                text=f"{', '.join(targets)} in {environment} {what} {live.name}, which the ledger says is live",
                todo=f"`release-tool verify -e {environment}`, then deploy or record what should be live",
                since=min(one.at for one in last.values() if one.sample is reading),
            )
    return None


def _unreleased(seen: Overview, config: Config) -> Iterator[Case]:
    if config.release_on != "merge" or seen.half_done:
        return
    asking = [change for change in seen.changes if change.bump != "none"]
    if asking:
        first = asking[0]
        name = f"#{first.pull}" if first.pull else first.commit[:10]
        yield Case(
            kind="unreleased",
            key=f"unreleased {first.commit}",
            text=f"{name} was merged into {seen.branch} and is not released",
            todo="look at the runs of `release.yml`, or release it with `release-tool bump`",
            since=first.at,
        )


def _half_done(seen: Overview) -> Iterator[Case]:
    for release in seen.releases:
        if release.half_done and release.todo:
            yield Case(
                kind="unreleased",
                key=f"half-done {release.tag}",
                text=f"{release.tag} was begun, is not published, and nobody is at work on it",
                todo=release.todo,
            )


def _never_synced(seen: Overview) -> Iterator[Case]:
    if seen.cloud is None or any(one.tag in seen.cloud.behind for one in seen.waiting):
        return
    behind = [release for release in seen.releases if release.tag in seen.cloud.behind and not release.withdrawn]
    if behind:
        newest = behind[0]
        yield Case(
            kind="never-synced",
            key=f"never-synced {newest.tag}",
            text=f"{newest.tag} is not in {seen.cloud.branch}",
            todo=seen.cloud.todo,
            since=newest.published,
        )


def _never_deployed(seen: Overview) -> Iterator[Case]:
    for environment in seen.environments:
        missing = environment.missing
        if missing and environment.automatic and missing.why == NOT_BEGUN:
            yield _not_deployed(environment, missing.commit, missing.name, missing.todo, missing.since)


def _not_deployed(environment: Environment, commit: str, name: str, todo: str, since: datetime | None) -> Case:
    return Case(
        kind="never-deployed",
        key=f"never-deployed {environment.name} {commit}",
        environment=environment.name,
        text=f"{name} was not deployed to {environment.name}, and nobody has begun",
        todo=todo,
        since=since,
    )
