"""Delivery metrics of an environment, from its ledger: how often, how fast, how safely, and how soon well again."""

from __future__ import annotations

import enum
import math
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase
from release_tool.history.containment import first_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from release_tool.deploy.ledger.model import Deployment, Ledger
    from release_tool.history.containment import Commits

WEEKS = 13
"""How many weeks are looked at, the one that has begun included."""

_WEEK = timedelta(weeks=1)
_NINE_OF_TEN = 0.9


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """What each number means, in words to show beside it."""

    frequency: str = (
        "Deployments of something new that were proven healthy and stayed, per week. "
        "Rollbacks are counted apart; those that a person asked for are in it, and counted apart, too."
    )
    lead_time: str = (
        "From the date of a commit to the moment that the first deployment with it was proven healthy. "
        "Merges are not counted, nor is what the first deployment of all brought."
    )
    change_failure_rate: str = (
        "Of the deployments of something new that changed the environment, the share that failed or was rolled back. "
        "Those with an unknown outcome are left out."
    )
    recovery_time: str = (
        "From the moment that a failed deployment began to change the environment, or that a person asked for a "
        "rollback, until the environment was proven healthy again."
    )


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds, of which `count` were measured: the middle one, and the one that nine of ten keep to."""

    count: int
    median: float
    p90: float


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Deployments that ended after they changed something.

    One of something new is `healthy` and stayed, or `failed`, or its outcome is `unknown`; `manual` says how many of
    these a person asked for. `rollbacks` are none of them.
    """

    healthy: int = 0
    failed: int = 0
    unknown: int = 0
    manual: int = 0
    rollbacks: int = 0

    @property
    def failure_rate(self) -> float | None:
        """The share that failed, None where nothing is known."""
        judged = self.healthy + self.failed
        return self.failed / judged if judged else None


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """One week from Monday, in UTC; what nothing was measured for is None, never zero."""

    start: date
    counts: Counts
    lead_time: Percentiles | None = None
    change_failure_rate: float | None = None
    recovery_time: Percentiles | None = None


class DeliveryMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery metrics of one environment over its last weeks, oldest first; what is not known is None.

    `frequency` is per week. `unrecovered` says that the environment has not been proven healthy since it last failed.
    """

    weeks: tuple[Week, ...] = ()
    counts: Counts = Counts()
    frequency: float | None = None
    lead_time: Percentiles | None = None
    change_failure_rate: float | None = None
    recovery_time: Percentiles | None = None
    unrecovered: bool = False
    definitions: Definitions = Definitions()


class _Outcome(enum.Enum):
    """What became of a deployment; its value is the count that it belongs to."""

    HEALTHY = "healthy"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WENT_BACK = "rollbacks"


class _Ended(NamedTuple):
    at: datetime
    outcome: _Outcome
    manual: bool


class _Measured(NamedTuple):
    """How long something took, and when it was over."""

    at: datetime
    seconds: float


class _Facts(NamedTuple):
    """Everything that was measured, ever or within a time, in the order of it."""

    ended: list[_Ended]
    leads: list[_Measured]
    recoveries: list[_Measured]

    def within(self, start: datetime, end: datetime) -> _Facts:
        ended, leads, recoveries = self
        return _Facts(_between(ended, start, end), _between(leads, start, end), _between(recoveries, start, end))


_F = TypeVar("_F", _Ended, _Measured)


def _between(facts: list[_F], start: datetime, end: datetime) -> list[_F]:
    """Those from one moment on and before another, of facts in the order of time."""
    return facts[bisect_left(facts, start, key=_at) : bisect_left(facts, end, key=_at)]


def _at(fact: _Ended | _Measured) -> datetime:
    return fact.at


def delivery(
    ledger: Ledger, history: Commits, at: datetime, *, first: str | None = None, weeks: int = WEEKS
) -> DeliveryMetrics:
    """Measure an environment over its last weeks, up to an aware moment.

    `history` has the commits that were deployed, with what lies below them down to the `first` that was proven;
    what lies below that one may be there, and has no lead time.
    """
    deployments = sorted(ledger, key=lambda one: one.id)
    recoveries, unrecovered = _recoveries(deployments)
    starts = _mondays(at, weeks)
    ended = sorted(_ended(deployments), key=_at)
    facts = _Facts(ended, list(_leads(deployments, history, first)), recoveries)
    seen = facts.within(starts[0], starts[-1] + _WEEK)
    counts = _counted(seen.ended)
    return DeliveryMetrics(
        weeks=tuple(_week(start, facts.within(start, start + _WEEK)) for start in starts),
        counts=counts,
        frequency=_frequency(counts, max(starts[0], deployments[0].created), at) if facts.ended else None,
        lead_time=_spread(seen.leads),
        change_failure_rate=counts.failure_rate,
        recovery_time=_spread(seen.recoveries),
        unrecovered=unrecovered,
    )


def _mondays(at: datetime, weeks: int) -> list[datetime]:
    """The beginnings of the last weeks, the one that has begun included."""
    today = at.astimezone(UTC).date()
    monday = datetime.combine(today - timedelta(days=today.weekday()), time(), UTC)
    return [monday - _WEEK * back for back in reversed(range(weeks))]


def _week(start: datetime, facts: _Facts) -> Week:
    counts = _counted(facts.ended)
    return Week(
        start=start.date(),
        counts=counts,
        lead_time=_spread(facts.leads),
        change_failure_rate=counts.failure_rate,
        recovery_time=_spread(facts.recoveries),
    )


def _counted(ended: Iterable[_Ended]) -> Counts:
    counts = {outcome.value: 0 for outcome in _Outcome} | {"manual": 0}
    for one in ended:
        counts[one.outcome.value] += 1
        counts["manual"] += one.manual and one.outcome is not _Outcome.WENT_BACK
    return Counts(**counts)


def _frequency(counts: Counts, start: datetime, at: datetime) -> float:
    """How many a week; less than a week counts as a whole one, so that a first day promises nothing."""
    return counts.healthy / max((at - start) / _WEEK, 1.0)


def _spread(measured: Iterable[_Measured]) -> Percentiles | None:
    seconds = sorted(one.seconds for one in measured)
    if not seconds:
        return None
    count = len(seconds)
    median = (seconds[(count - 1) // 2] + seconds[count // 2]) / 2
    return Percentiles(count=count, median=median, p90=seconds[math.ceil(count * _NINE_OF_TEN) - 1])


# How deployments ended


def _ended(deployments: Sequence[Deployment]) -> Iterator[_Ended]:
    left = _left(deployments)
    for one in deployments:
        if one.changed and one.finished:
            yield _Ended(_proven_at(one) or one.seen_at, _outcome(one, left), not one.payload.automatic)


def _outcome(deployment: Deployment, left: frozenset[int]) -> _Outcome:
    if deployment.payload.kind is DeploymentKind.ROLLBACK:
        return _Outcome.WENT_BACK
    if deployment.phase.word is Phase.FAILED or deployment.id in left:
        return _Outcome.FAILED
    return _Outcome.HEALTHY if deployment.proven else _Outcome.UNKNOWN


def _left(deployments: Iterable[Deployment]) -> frozenset[int]:
    """The deployments that were rolled back, or were to be."""
    return frozenset(one.payload.parent for one in deployments if one.payload.parent and _leaves(one))


def _leaves(deployment: Deployment) -> bool:
    """Whether it is a rollback that changed something, or that a watch asked for: what it was to leave is no good."""
    return deployment.payload.kind is DeploymentKind.ROLLBACK and (deployment.changed or deployment.payload.watched)


def _proven_at(deployment: Deployment) -> datetime | None:
    return next((step.at for step in deployment.steps if step.phase.word is Phase.HEALTHY), None)


# How fast


def _leads(deployments: Iterable[Deployment], history: Commits, first: str | None) -> Iterator[_Measured]:
    proven = sorted((at, one.id, one.commit) for one in deployments if (at := _proven_at(one)))
    seconds = [at.timestamp() for at, *_ in proven]
    tips = [first or "", *(commit for *_, commit in proven)]
    for sha, tip in first_with(history, tips).items():
        commit, place = history[sha], tip - 1
        if place > 0 and not commit.is_merge:
            yield _Measured(proven[place][0], max(seconds[place] - commit.committed_at, 0.0))


# How soon well again


class _Turn(NamedTuple):
    """A moment at which the environment became good or bad; what happens at the same one goes by deployments."""

    at: datetime
    deployment: int
    good: bool


def _recoveries(deployments: Sequence[Deployment]) -> tuple[list[_Measured], bool]:
    """How long each recovery took, and whether the last one is still to come."""
    found: list[_Measured] = []
    since: datetime | None = None
    for turn in sorted(_turns(deployments)):
        if not turn.good:
            since = since or turn.at
        elif since:
            found.append(_Measured(turn.at, (turn.at - since).total_seconds()))
            since = None
    return found, since is not None


def _turns(deployments: Sequence[Deployment]) -> Iterator[_Turn]:
    by_id = {one.id: one for one in deployments}
    for one in deployments:
        if proven := _proven_at(one):
            yield _Turn(proven, one.id, good=True)
        if one.payload.kind is DeploymentKind.DEPLOY and one.changed and one.phase.word is Phase.FAILED:
            yield _Turn(_began_at(one), one.id, good=False)
        for before, step in pairwise(one.steps):
            if (before.phase.word, step.phase.word) == (Phase.UNHEALTHY, Phase.HEALTHY):
                yield _Turn(step.at, one.id, good=True)
        left = by_id.get(one.payload.parent or 0)
        if _leaves(one) and left and left.proven:
            yield _Turn(one.created, one.id, good=False)


def _began_at(deployment: Deployment) -> datetime:
    """When it began to change the environment."""
    return next((step.at for step in deployment.steps if step.phase.word is Phase.CHANGING), deployment.created)
