"""How far each release has come: merged, released, in the hosted branch, deployed, healthy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from release_tool.deploy.ledger.model import quarantine
from release_tool.history.changes import Landing, authors_of
from release_tool.history.containment import condensed, first_with
from release_tool.status.environment import began_at, proven_at
from release_tool.status.model import Milestone, ReleasePipeline, StageState
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from release_tool.deploy.ledger.model import Deployment, Ledger
    from release_tool.history.containment import Commits
    from release_tool.model.commits import Commit
    from release_tool.status.model import Cloud, EnvironmentStatus, PendingVersion, ReleaseStatus


class EnvironmentLedger(NamedTuple):
    """An environment as it is shown, with the ledger behind it."""

    shown: EnvironmentStatus
    ledger: Ledger


class Route(NamedTuple):
    """What releases pass on their way: the hosted branch, None without one, and the environments in order.

    `tested` tells when the commits of the hosted branch were found good, `obstacles` what a person has to resolve
    before a tag comes into that branch: what to do and where. `history` reaches down to the oldest release.
    """

    cloud: Cloud | None
    line: Sequence[str]
    tested: Mapping[str, datetime]
    obstacles: Mapping[str, tuple[str, str]]
    stations: Sequence[EnvironmentLedger]
    history: Commits


def pipelines(releases: Sequence[ReleaseStatus], route: Route) -> tuple[ReleasePipeline, ...]:
    """How far each release has come, in the order of the releases."""
    wanted = {release.commit for release in releases}
    deployed = {one.commit for station in route.stations for one in station.ledger}
    history = condensed(route.history, wanted | deployed)
    arrivals = [_Arrivals.of(station, history, wanted) for station in route.stations]
    into_cloud = first_with(route.history, reversed(route.line))
    return tuple(
        ReleasePipeline(
            tag=release.tag,
            commit=release.commit,
            url=release.url,
            milestones=tuple(_milestones(release, route, into_cloud.get(release.commit), arrivals)),
        )
        for release in releases
    )


def authors(commits: Sequence[str], history: Commits) -> dict[int, tuple[str, ...]]:
    """Who wrote what each of some commits has that those before it have not, by place; bots are left out."""
    found: dict[int, dict[str, None]] = {}
    for sha, place in first_with(history, commits).items():
        people = authors_of(Landing((history[sha],)))
        found.setdefault(place, {}).update({visible(str(author)): None for author in people if not author.bot})
    return {place: tuple(sorted(names, key=str.casefold)) for place, names in found.items()}


class _Arrivals(NamedTuple):
    """For the commit of each release the deployments to an environment that matter: which first brought it, and so on.

    `last` tells by the commit that was deployed which deployment changed the environment last with just that.
    `good` are the first proven ones that nobody went back from, and `ran` the versions that were brought as themselves.
    """

    station: EnvironmentLedger
    quarantined: Mapping[str, str]
    brought: Mapping[str, Deployment]
    last: Mapping[str, Deployment]
    proven: Mapping[str, Deployment]
    good: Mapping[str, Deployment]
    newest: Mapping[str, Deployment]
    ran: frozenset[str]

    @classmethod
    def of(cls, station: EnvironmentLedger, history: Commits, wanted: Collection[str]) -> _Arrivals:
        changed = [one for one in station.ledger if one.changed or one.proven]
        proven = [one for one in station.ledger if one.proven]
        quarantined = quarantine(station.ledger)
        return cls(
            station,
            quarantined,
            _firsts(history, changed, wanted),
            {one.commit: one for one in changed},
            _firsts(history, proven, wanted),
            _firsts(history, [one for one in proven if one.commit not in quarantined], wanted),
            _firsts(history, station.ledger[::-1], wanted),
            frozenset(_version(one) for one in changed),
        )


def _firsts(history: Commits, deployments: Sequence[Deployment], wanted: Collection[str]) -> dict[str, Deployment]:
    places = first_with(history, (one.commit for one in deployments))
    return {sha: deployments[places[sha]] for sha in wanted if sha in places}


def _milestones(
    release: ReleaseStatus, route: Route, into_cloud: int | None, arrivals: Iterable[_Arrivals]
) -> Iterator[Milestone]:
    yield Milestone(name="merged", mark=StageState.DONE, at=_merged_at(release, route.history.get(release.commit)))
    yield _released(release)
    if route.cloud:
        yield _in_cloud(release, route, route.cloud, into_cloud)
    arrived = not route.cloud or into_cloud is not None
    for each in arrivals:
        yield from _in_environment(release, each, arrived=arrived)


def _merged_at(release: ReleaseStatus, commit: Commit | None) -> datetime | None:
    """When a release was merged; where the clock that made the commit was ahead, when it was released."""
    if commit is None:
        return None
    at = datetime.fromtimestamp(commit.committed_at, UTC)
    return min(at, release.published) if release.published else at


def _released(release: ReleaseStatus) -> Milestone:
    if release.half_done:
        return Milestone(name="released", mark=StageState.HELD, text="half-done", todo=release.todo)
    text = "withdrawn" if release.withdrawn else ""
    return Milestone(name="released", mark=StageState.DONE, at=release.published, url=release.url, text=text)


def _in_cloud(release: ReleaseStatus, route: Route, cloud: Cloud, place: int | None) -> Milestone:
    name = f"in {cloud.branch}"
    if place is not None:
        return Milestone(name=name, mark=StageState.DONE, at=route.tested.get(route.line[::-1][place]))
    if release.withdrawn or release.half_done:
        mark, text = (StageState.PASSED_BY, "withdrawn") if release.withdrawn else (StageState.WAITING, "")
        return Milestone(name=name, mark=mark, text=text)
    if release.tag in route.obstacles:
        todo, url = route.obstacles[release.tag]
        return Milestone(name=name, mark=StageState.HELD, text="waits for a person", todo=todo, url=url)
    return Milestone(name=name, mark=StageState.WAITING, todo=cloud.todo)


def _in_environment(release: ReleaseStatus, arrivals: _Arrivals, *, arrived: bool) -> tuple[Milestone, ...]:
    brought = arrivals.brought.get(release.commit)
    if brought is None:
        return _not_brought(release, arrivals, arrived=arrived)
    environment = arrivals.station.shown.name
    if release.version not in arrivals.ran:
        return tuple(_included(name, environment, _carrier(release, arrivals)) for name in ("deployed", "healthy"))
    deployed = Milestone(name="deployed", environment=environment, mark=StageState.DONE, at=began_at(brought))
    return deployed, _healthy(release, arrivals)


def _included(name: str, environment: str, carrier: Deployment) -> Milestone:
    """What a release that never ran itself, or failed, has of a later one."""
    text = f"included in {visible(carrier.payload.name)}"
    return Milestone(name=name, environment=environment, mark=StageState.PASSED_BY, text=text)


def _carrier(release: ReleaseStatus, arrivals: _Arrivals) -> Deployment:
    """The deployment with which a release came that never ran itself: a good one where there is any."""
    found = (known.get(release.commit) for known in (arrivals.good, arrivals.proven, arrivals.brought))
    return next(one for one in found if one)


def _healthy(release: ReleaseStatus, arrivals: _Arrivals) -> Milestone:
    environment = arrivals.station.shown
    good, proven = arrivals.good.get(release.commit), arrivals.proven.get(release.commit)
    if good and _version(good) != release.version:
        return _included("healthy", environment.name, good)
    if good:
        return Milestone(name="healthy", environment=environment.name, mark=StageState.DONE, at=proven_at(good))
    if proven and _version(proven) == release.version:
        text = visible(arrivals.quarantined[proven.commit])
        return Milestone(
            name="healthy", environment=environment.name, mark=StageState.FAILED, at=proven_at(proven), text=text
        )
    return _unproven(release, arrivals)


def _unproven(release: ReleaseStatus, arrivals: _Arrivals) -> Milestone:
    """What is being deployed may still be healthy; else what came of the release itself counts, not of later ones."""
    environment, newest = arrivals.station.shown, arrivals.newest[release.commit]
    if not newest.finished:
        text = _phase(release, newest)
        return Milestone(name="healthy", environment=environment.name, mark=StageState.UNDER_WAY, text=text)
    text = visible(str(arrivals.last[arrivals.brought[release.commit].commit].phase))
    return Milestone(
        name="healthy", environment=environment.name, mark=StageState.FAILED, text=text, todo=environment.todo
    )


def _not_brought(release: ReleaseStatus, arrivals: _Arrivals, *, arrived: bool) -> tuple[Milestone, ...]:
    environment = arrivals.station.shown
    healthy = Milestone(name="healthy", environment=environment.name, mark=StageState.WAITING)
    deployed = Milestone(name="deployed", environment=environment.name, mark=StageState.WAITING)
    if release.withdrawn:
        return tuple(_with(one, mark=StageState.PASSED_BY, text="withdrawn") for one in (deployed, healthy))
    newest = arrivals.newest.get(release.commit)
    if newest and not newest.finished:
        return _with(deployed, mark=StageState.UNDER_WAY, text=_phase(release, newest)), healthy
    if arrived and environment.missing:
        return _missing(release, arrivals, environment.missing, deployed), healthy
    return deployed, healthy


def _missing(release: ReleaseStatus, arrivals: _Arrivals, missing: PendingVersion, deployed: Milestone) -> Milestone:
    """Why a release is not deployed: its own reason, and else that it is to come with a newer one."""
    if _core(missing.name) == release.version:
        return _with(deployed, mark=StageState.HELD, text=missing.why, todo=missing.todo)
    own = [one for one in arrivals.station.ledger if _version(one) == release.version]
    if own:
        return _with(deployed, mark=StageState.HELD, text=visible(str(own[-1].phase)))
    return _with(deployed, mark=StageState.WAITING, text=f"comes with {missing.name}")


def _with(milestone: Milestone, *, mark: StageState, text: str, todo: str = "") -> Milestone:
    return Milestone(name=milestone.name, environment=milestone.environment, mark=mark, text=text, todo=todo)


def _phase(release: ReleaseStatus, one: Deployment) -> str:
    """Where a deployment is, and of what, where that is another release."""
    other = "" if _version(one) == release.version else f"with {visible(one.payload.name)}: "
    return other + visible(str(one.phase))


def _version(one: Deployment) -> str:
    """The release that a deployment brings, without what the hosted branch has on top of it."""
    return _core(one.payload.name)


def _core(name: str) -> str:
    return name.partition("+")[0]
