"""Overdue work and drift: each case is announced once."""

from __future__ import annotations

import enum
import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.verdict import Reading
from release_tool.status.environment import NOT_BEGUN
from release_tool.status.model import OverdueCase, OverdueKind
from release_tool.text.humanize import few
from release_tool.text.markdown import inert
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from release_tool.config.model import Config
    from release_tool.deploy.health.verdict import Sample
    from release_tool.status.model import EnvironmentStatus, LiveVersion, Overview

PATIENCE = timedelta(hours=2)
"""What is younger may still be on its way: builds, tests and a bake take their time."""

_MOST_TARGETS = 20
"""How many targets are named that differ from the ledger: an issue has no room for thousands."""

LABEL = "release-missed"
"""The label of the issues for overdue cases."""

_MARKER = re.compile(r"<!-- release-tool:case ([a-z-]+) ([0-9a-f]{64}) ([a-z]+) -->")


class OverdueState(enum.StrEnum):
    """Whether a case was announced; it is kept in a hidden comment of the issue."""

    BEGUN = "begun"
    TOLD = "told"
    OVER = "over"


class OverdueMarker(msgspec.Struct, frozen=True):
    """Which case an issue is about, and whether it was announced."""

    kind: OverdueKind
    digest: str
    standing: OverdueState


def cases(seen: Overview, config: Config) -> tuple[OverdueCase, ...]:
    """The overdue work, as far as a snapshot shows it.

    What waits for a person, or is halted, frozen or quarantined, was announced when that began, and is no case.
    """
    found = [*_unreleased(seen, config), *_half_done(seen), *_never_synced(seen), *_never_deployed(seen)]
    return tuple(case for case in found if case.since is None or seen.at - case.since >= PATIENCE)


def forgotten(seen: Overview) -> tuple[OverdueCase, ...]:
    """The runs that have waited for an approval for long; GitHub itself notifies those who may approve at once."""
    return tuple(
        OverdueCase(
            kind=OverdueKind.APPROVAL,
            key=f"{OverdueKind.APPROVAL} {one.url}",
            text=one.what,
            todo=one.todo,
            since=one.since,
        )
        for one in seen.waiting
        if one.url.startswith(f"{seen.url}/actions/runs/") and one.since and seen.at - one.since >= PATIENCE
    )


_DRIFT = {
    Reading.STALE: "answers with another version than",
    Reading.RESTARTED: "restarts with",
    Reading.BAD: "is not healthy with",
}


def drift(environment: str, live: LiveVersion | None, samples: Iterable[Sample]) -> OverdueCase | None:
    """Whether what answers is other than what the ledger says, by the last sample of each check and target.

    What could not be measured says nothing.
    """
    last = {(one.target, one.check): one for one in sorted(samples, key=lambda one: one.at)}
    if live is None:
        return None
    for reading, what in _DRIFT.items():
        targets = sorted({one.target for one in last.values() if one.sample is reading})
        if targets:
            named = few(targets, _MOST_TARGETS)
            return OverdueCase(
                kind=OverdueKind.DRIFT,
                key=f"drift {environment} {live.commit} {reading.value}",
                environment=environment,
                text=f"{named} in {environment} {what} {live.name}, which the ledger says is live",
                todo=f"`release-tool verify -e {word(environment)}`, then deploy or record what should be live",
                since=min(one.at for one in last.values() if one.sample is reading),
            )
    return None


def mark_of(case: OverdueCase, standing: OverdueState) -> OverdueMarker:
    """The mark of a case; its key may hold what people wrote, so only a digest of it is written down."""
    return OverdueMarker(case.kind, hashlib.sha256(case.key.encode()).hexdigest(), standing)


def issue_text(case: OverdueCase, standing: OverdueState) -> tuple[str, str]:
    """Write the title and body of the issue for a case."""
    since = f" since {case.since:%Y-%m-%d %H:%M} UTC" if case.since else ""
    lines = [
        _written(mark_of(case, standing)),
        f"{inert(case.text)}{since}.",
        f"What to do: {inert(case.todo)}",
        "This issue is closed automatically when that is resolved. If it is closed by hand, nobody is notified again.",
    ]
    return case.text, "\n\n".join(lines) + "\n"


def read_mark(body: str) -> OverdueMarker | None:
    """Read the mark that begins an issue's text; one further down may be a quotation."""
    found = _MARKER.match(body)
    if found is None or found[1] not in {*OverdueKind} or found[3] not in {*OverdueState}:
        return None
    return OverdueMarker(OverdueKind(found[1]), found[2], OverdueState(found[3]))


def remarked(body: str, mark: OverdueMarker) -> str:
    """The text of an issue with another mark at its beginning."""
    return _MARKER.sub(_written(mark), body, count=1)


def _written(mark: OverdueMarker) -> str:
    return f"<!-- release-tool:case {mark.kind} {mark.digest} {mark.standing} -->"


def _unreleased(seen: Overview, config: Config) -> Iterator[OverdueCase]:
    if config.release_on != "merge" or seen.half_done:
        return
    asking = [change for change in seen.changes if change.bump != "none"]
    if asking:
        first = asking[0]
        name = f"#{first.pull}" if first.pull else first.commit[:10]
        yield OverdueCase(
            kind=OverdueKind.UNRELEASED,
            key=f"unreleased {first.commit}",
            text=f"{name} was merged into {seen.branch} and is not released",
            todo="look at the runs of the workflow `Release`, or release it with `release-tool bump`",
            since=first.at,
        )


def _half_done(seen: Overview) -> Iterator[OverdueCase]:
    for release in seen.releases:
        if release.half_done and release.todo:
            yield OverdueCase(
                kind=OverdueKind.UNRELEASED,
                key=f"half-done {release.tag}",
                text=f"{release.tag} was claimed and not published, and no run is working on it",
                todo=release.todo,
            )


def _never_synced(seen: Overview) -> Iterator[OverdueCase]:
    if seen.cloud is None or any(one.tag in seen.cloud.behind for one in seen.waiting):
        return
    behind = [release for release in seen.releases if release.tag in seen.cloud.behind and not release.withdrawn]
    if behind:
        newest = behind[0]
        yield OverdueCase(
            kind=OverdueKind.NEVER_SYNCED,
            key=f"never-synced {newest.tag}",
            text=f"{newest.tag} is not in {seen.cloud.branch}",
            todo=seen.cloud.todo,
            since=newest.published,
        )


def _never_deployed(seen: Overview) -> Iterator[OverdueCase]:
    for environment in seen.environments:
        missing = environment.missing
        if missing and environment.automatic and missing.why == NOT_BEGUN:
            yield _not_deployed(environment, missing.commit, missing.name, missing.todo, missing.since)


def _not_deployed(
    environment: EnvironmentStatus, commit: str, name: str, todo: str, since: datetime | None
) -> OverdueCase:
    return OverdueCase(
        kind=OverdueKind.NEVER_DEPLOYED,
        key=f"never-deployed {environment.name} {commit}",
        environment=environment.name,
        text=f"{name} was not deployed to {environment.name}, and no deployment has started",
        todo=todo,
        since=since,
    )
