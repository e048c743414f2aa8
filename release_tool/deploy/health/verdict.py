"""Samples become a verdict: whether a deployment is healthy, which is decided once and without a clock.

Each check of each target is followed on a track of its own; the deployment is healthy when all tracks are, at once.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from itertools import chain, count, pairwise
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.config.model import Check
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from release_tool.config.model import Environment

_NOTHING = timedelta()
CRASH_LOOP = 3
"""How many samples with a restart are a crash loop; one or two may be a program that waited for another."""
_DEAREST = 8
"""How many intervals a bad one costs the bake, at most: what fails for a tenth of the time never makes that good."""


class Reading(enum.Enum):
    """What one measurement found."""

    OK = "ok"
    STALE = "stale"
    BAD = "bad"
    RESTARTED = "restarted"
    UNMEASURABLE = "unmeasurable"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of one target by one check, at the time when it was over, with a time zone.

    `stale` is well answered, by another version, or not yet all of it the new one. `restarted` is what an engine knows:
    the new version ended and began again. `unmeasurable` could not be asked at all, for a reason of our own.
    `address` was asked of the `addresses` that the name of the target meant then. `value` is that of a metric, and
    `took` the seconds in which an answer by HTTP came.
    """

    target: str
    check: str
    at: datetime
    sample: Reading
    detail: str = ""
    address: str = ""
    addresses: tuple[str, ...] = ()
    value: float | None = None
    took: float | None = None

    def document(self) -> dict[str, object]:
        """What is written down of it: what was not measured is left out."""
        return {name: one for name, one in msgspec.to_builtins(self).items() if one is not None}


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking once; the detail is one short line without secrets."""

    reading: Reading
    detail: str
    value: float | None = None
    took: float | None = None


class HealthState(enum.Enum):
    """What the samples say so far."""

    STARTING = "starting"
    PENDING = "pending"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"

    @property
    def final(self) -> bool:
        """Whether no further sample can change it."""
        return not (self is HealthState.STARTING or self is HealthState.PENDING)


_TELLING = (Reading.OK, Reading.UNMEASURABLE, Reading.BAD, Reading.STALE, Reading.RESTARTED)
"""The readings in the order in which one of an interval tells more than the others."""

_PRECEDENCE = (
    HealthState.UNHEALTHY,
    HealthState.STARTING,
    HealthState.PENDING,
    HealthState.INCONCLUSIVE,
    HealthState.HEALTHY,
)


class HealthVerdict(msgspec.Struct, frozen=True):
    """A state, and the sentence that says why."""

    state: HealthState
    reason: str


class HealthRule(msgspec.Struct, frozen=True, kw_only=True):
    """When one check of one target is healthy, which is asked `samples` times an interval.

    `budget` is in percent; `proves` is whether it tells the version, `engine` whether an engine is asked, and `metrics`
    whether Prometheus is.
    """

    target: str
    check: str
    interval: timedelta
    timeout: timedelta
    threshold: int
    budget: int
    deadline: timedelta
    bake: timedelta
    proves: bool = False
    engine: bool = False
    metrics: bool = False
    samples: int = 1

    @property
    def cost(self) -> timedelta:
        """By how much a wholly bad interval makes the bake longer; less where the budget allows for more of them."""
        return self.interval * max(min(_DEAREST, 100 / self.budget - 2), 0) if self.budget else self.bake

    @property
    def reach(self) -> timedelta:
        """How long before a sample the one before it can be; what lies further back was not looked at."""
        return self.interval + self.timeout

    def about(self, sample: Sample) -> bool:
        """Whether this is the rule that a sample falls under."""
        return (self.target, self.check) == (sample.target, sample.check)


def checks_of(environment: Environment) -> tuple[Check, ...]:
    """Every check of an environment, the one that `health` stands for included, each with a name of its own."""
    short = (Check(url=environment.health),) if environment.health else ()
    taken = {check.name for check in environment.checks}
    return tuple(_named(check, taken) for check in short + environment.checks)


def _named(check: Check, taken: set[str]) -> Check:
    """Give a check without a name that of its kind, with a number where others have it already."""
    if check.name:
        return check
    candidates = chain([check.kind], (f"{check.kind}-{number}" for number in count(2)))
    name = next(name for name in candidates if name not in taken)
    taken.add(name)
    return msgspec.structs.replace(check, name=name)


def rules_of(environment: Environment, targets: Iterable[str]) -> tuple[HealthRule, ...]:
    """One rule for each check on each of the targets."""
    checks = checks_of(environment)
    return tuple(_rule(target, check, environment.bake) for target in targets for check in checks)


def _rule(target: str, check: Check, bake: timedelta) -> HealthRule:
    return HealthRule(
        target=target,
        check=check.name,
        interval=check.interval,
        timeout=check.timeout,
        threshold=check.failure_threshold,
        budget=int(check.failure_budget.removesuffix("%")),
        deadline=check.deadline,
        bake=bake,
        samples=check.asked,
        proves=check.tells_version,
        engine=check.asks_an_engine,
        metrics=check.asks_metrics,
    )


class _Mark(msgspec.Struct, frozen=True):
    """What was measured in an interval of a bake, how much of it was bad, and how much of the time before it covers."""

    at: datetime
    measured: tuple[Sample, ...]
    bad: int
    total: int
    since: timedelta


class _Bake(msgspec.Struct, frozen=True):
    """The latest intervals of an unbroken time of good answers, no more of them than a whole bake needs.

    It grows by the time that was looked at, so that neither a pause nor unmeasurable samples make it any longer.
    `credit` is the time of good answers of which what bad ones cost was taken off; it is never less than nothing.
    """

    marks: tuple[_Mark, ...] = ()
    length: timedelta = _NOTHING
    bad: int = 0
    total: int = 0
    credit: timedelta = _NOTHING

    def grown(self, at: datetime, measured: Sequence[Sample], rule: HealthRule) -> _Bake:
        since = min(max(at - self.marks[-1].at, _NOTHING), rule.reach) if self.marks else _NOTHING
        bad, total = sum(one.sample is Reading.BAD for one in measured), len(measured)
        return _Bake(
            (*self.marks, _Mark(at, tuple(measured), bad, total, since)),
            self.length + since,
            self.bad + bad,
            self.total + total,
            max(self.credit + since - rule.cost * bad / total, _NOTHING),
        ).trimmed(rule.bake)

    def without(self, addresses: Collection[str], rule: HealthRule) -> _Bake | None:
        """The same without the samples of some addresses; None where no good ones remain."""
        bake = None
        for mark in self.marks:
            measured = [one for one in mark.measured if one.address not in addresses]
            if bake or any(one.sample is Reading.OK for one in measured):
                bake = (bake or _Bake()).grown(mark.at, measured, rule) if measured else bake
        return bake

    def trimmed(self, bake: timedelta) -> _Bake:
        """Forget the first intervals for as long as the others are a whole bake."""
        length, bad, total, first = self.length, self.bad, self.total, 0
        for mark, following in pairwise(self.marks):
            if length - following.since < bake:
                break
            length, bad, total, first = length - following.since, bad - mark.bad, total - mark.total, first + 1
        return _Bake(self.marks[first:], length, bad, total, self.credit)

    def overdrawn(self, rule: HealthRule) -> bool:
        return self.bad * 100 > rule.budget * self.total


class CheckProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of one target has been through since the command ended.

    `samples` counts the intervals in which it was asked, `bad` the bad ones in a row since the start, `restarts` those
    since the start that found a restart, `unmeasurable` the latest ones that told nothing, and `absent` those in a row
    in which the name did not mean an address any more.
    """

    rule: HealthRule
    ended: datetime
    state: HealthState = HealthState.STARTING
    started: bool = False
    samples: int = 0
    bad: int = 0
    restarts: int = 0
    unmeasurable: int = 0
    last: Sample | None = None
    bake: _Bake | None = None
    missed: timedelta = _NOTHING
    absent: dict[str, int] = {}

    @property
    def deadline(self) -> datetime:
        """When a bake must have begun, and be unbroken; the time that we missed is not counted."""
        return self.ended + self.rule.deadline + self.missed

    @property
    def baked(self) -> timedelta:
        """How much of the bake has gone by."""
        return min(self.bake.length, self.bake.credit, self.rule.bake) if self.bake else _NOTHING

    @property
    def decided(self) -> bool:
        """Whether no further sample counts here; a healthy track can still fall ill while others are waited for."""
        return self.state is HealthState.UNHEALTHY or self.state is HealthState.INCONCLUSIVE

    def left(self, now: datetime) -> timedelta:
        """How long until this can be healthy if all goes well; before the bake, how long there is to begin it."""
        if self.bake is not None:
            return self.rule.bake - self.baked
        return max(self.deadline - now, _NOTHING)

    def observed(self, *samples: Sample) -> CheckProgress:
        """Take in the samples of an interval, without judging yet; those from before the command ended say nothing."""
        heard = [sample for sample in samples if sample.at >= self.ended]
        if not heard:
            return self
        last = max(heard, key=lambda sample: (_TELLING.index(sample.sample), sample.at))
        seen = msgspec.structs.replace(self, samples=self.samples + 1, last=last)
        at = max(sample.at for sample in heard)
        measured = seen.measured(at, [one for one in heard if one.sample is not Reading.UNMEASURABLE])
        return measured.meant({address for one in heard for address in one.addresses})

    def measured(self, at: datetime, samples: Sequence[Sample]) -> CheckProgress:
        """Count what was measured in an interval: bad is one in which nothing else was."""
        replace, readings = msgspec.structs.replace, {one.sample for one in samples}
        if not samples:
            return replace(self, unmeasurable=self.unmeasurable + 1)
        if Reading.RESTARTED in readings:
            return replace(self, unmeasurable=0, restarts=self.restarts + self.started, bake=None)
        if Reading.STALE in readings:
            return replace(self, unmeasurable=0, bad=0, bake=None)
        if readings == {Reading.BAD}:
            bake = self.bake and self.bake.grown(at, samples, self.rule)
            return replace(self, unmeasurable=0, bad=self.bad + self.started, bake=bake)
        bake = (self.bake or _Bake()).grown(at, samples, self.rule)
        return replace(self, unmeasurable=0, bad=0, bake=bake, started=True)

    def meant(self, addresses: Collection[str]) -> CheckProgress:
        """Know what the name meant in an interval, and forget what was measured at addresses that vanished.

        An answer may name a part of many addresses each time, so one has vanished after a full run without it.
        """
        if not addresses:
            return self
        absent = {one: 0 if one in addresses else self.absent.get(one, 0) + 1 for one in {*self.absent, *addresses}}
        gone = {one for one, intervals in absent.items() if intervals >= self.rule.threshold}
        bake = self.bake.without(gone, self.rule) if self.bake and gone else self.bake
        left = {one: intervals for one, intervals in absent.items() if one not in gone}
        return msgspec.structs.replace(self, bake=bake, absent=left)

    def interrupted(self, gap: timedelta, now: datetime) -> CheckProgress:
        """Know that nothing was sampled until now, for a reason of our own, and begin the bake anew.

        What had begun to bake gets a full run of samples to begin again in, however late it is.
        """
        missed = self.missed + gap
        if self.bake is not None:
            missed = max(missed, now + self.rule.threshold * self.rule.reach - self.ended - self.rule.deadline)
        return msgspec.structs.replace(self, missed=missed, bad=0, bake=None)

    def judged(self, now: datetime) -> CheckProgress:
        """Say what the samples mean at a time."""
        state = self.state if self.decided else self._state(now)
        return self if state is self.state else msgspec.structs.replace(self, state=state)

    def _state(self, now: datetime) -> HealthState:
        if self.bad >= self.rule.threshold or self.restarts >= CRASH_LOOP:
            return HealthState.UNHEALTHY
        if self._holds:
            return HealthState.HEALTHY
        if now > self.deadline and self._blind(now):
            return HealthState.INCONCLUSIVE
        if (now > self.deadline and self.bake is None) or self._hopeless:
            return HealthState.UNHEALTHY
        return HealthState.PENDING if self.started else HealthState.STARTING

    @property
    def _whole(self) -> bool:
        return self.bake is not None and self.bake.length >= self.rule.bake

    @property
    def _holds(self) -> bool:
        """Whether a whole bake lies behind us that ends with good answers, and that bad ones have not made longer."""
        return self.baked >= self.rule.bake and self._last_is(Reading.OK) and not self._overdrawn

    @property
    def _overdrawn(self) -> bool:
        return self.bake is not None and self.bake.overdrawn(self.rule)

    @property
    def _hopeless(self) -> bool:
        """Whether the last bake that could begin before the deadline is over, and nothing was made good.

        It is over when it is whole, has too many bad samples, and is far from made good; else a bake later.
        """
        if self.bake is None or not self._whole:
            return False
        late = self.bake.marks[0].at - self.deadline
        far = self._overdrawn and self.bake.credit < self.rule.bake / 4
        return late >= self.rule.bake or (late >= _NOTHING and far)

    def _blind(self, now: datetime) -> bool:
        """Whether a full run of samples was unmeasurable, or missing."""
        latest = self.last.at if self.last else self.ended
        silent = now - latest > self.rule.threshold * self.rule.reach
        return silent or self.unmeasurable >= min(self.rule.threshold, self.samples)

    def _last_is(self, reading: Reading) -> bool:
        return self.last is not None and self.last.sample is reading

    @property
    def reason(self) -> str:
        """The sentence that says why the track is where it is."""
        match self.state:
            case HealthState.STARTING:
                told = "the new version has not answered well yet"
            case HealthState.PENDING if self.bake is None:
                told = self._unbegun
            case HealthState.PENDING:
                told = f"good for {_shown(self.baked)} of {_shown(self.rule.bake)}"
            case HealthState.HEALTHY:
                told = f"good for {_shown(self.rule.bake)}"
            case HealthState.UNHEALTHY:
                told = self._complaint()
            case HealthState.INCONCLUSIVE:
                told = f"the latest samples were unmeasurable, and the deadline of {_shown(self.rule.deadline)} is over"
            case _:
                assert_never(self.state)
        return f"{self._name}: {told}{self._detail}"

    @property
    def _name(self) -> str:
        return " ".join(f"`{name}`" for name in (self.rule.target, self.rule.check) if name)

    @property
    def _detail(self) -> str:
        """What the last sample adds, where something is wrong."""
        if self.last is None or self.last.sample is Reading.OK or not self.last.detail:
            return ""
        return f" ({visible(self.last.detail)})"

    @property
    def _unbegun(self) -> str:
        """What it is that a bake waits for."""
        if self.rule.metrics:
            return "its metrics are not good yet"
        return "the bake begins anew" if self.rule.engine else "another version answers, too"

    @property
    def _incomplete(self) -> str:
        """What it is that an unbroken bake could not begin for."""
        if self.rule.metrics:
            return "its metrics were not good"
        if not self.rule.engine:
            return "another version still answered"
        return "it still restarted" if self._last_is(Reading.RESTARTED) else "the rollout was not complete"

    def _complaint(self) -> str:
        deadline = f"{_shown(self.rule.deadline)} after the command"
        if self.bad >= self.rule.threshold:
            what = "sample" if self.rule.samples == 1 else "interval"
            return f"{self.bad} bad {what if self.bad == 1 else f'{what}s'} in a row"
        if self.restarts >= CRASH_LOOP:
            return f"it restarted {self.restarts} times"
        if self.bake is not None and self._overdrawn:
            return f"{self.bake.bad} of {self.bake.total} samples were bad, more than {self.rule.budget} %"
        if self.bake is not None:
            return f"bad samples came again and again, the last time {self.bake.bad} of {self.bake.total}"
        if self.started or self._last_is(Reading.STALE):
            return f"{self._incomplete} {deadline}"
        return f"the new version had not answered well {deadline}"


class HealthAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment from the end of its command on: samples and ticks of time go in, a verdict comes out.

    `now` is the latest time that was heard of, `state` what the tracks are together.
    """

    tracks: tuple[CheckProgress, ...]
    now: datetime
    state: HealthState = HealthState.STARTING

    @classmethod
    def begun(cls, rules: Iterable[HealthRule], ended: datetime) -> HealthAnalysis:
        """Begin when the command has ended; ValueError without a rule, for nothing would be healthy by accident."""
        tracks = tuple(CheckProgress(rule=rule, ended=ended) for rule in rules)
        if not tracks:
            raise ValueError("without a check nothing can be called healthy")
        return cls(tracks=tracks, now=ended)

    @property
    def proven(self) -> bool:
        """Whether each target has a check that tells the version, so that healthy means the right one."""
        proving = {track.rule.target for track in self.tracks if track.rule.proves}
        return proving == {track.rule.target for track in self.tracks}

    @property
    def verdict(self) -> HealthVerdict:
        """The state of the whole, and why."""
        if self.state is not HealthState.HEALTHY:
            return HealthVerdict(
                self.state, "; ".join(track.reason for track in self.tracks if track.state is self.state)
            )
        bake = _shown(max(track.rule.bake for track in self.tracks))
        unproven = "" if self.proven else ", which is unproven: no check tells the version"
        return HealthVerdict(self.state, f"the new version answered well for {bake}{unproven}")

    def left(self) -> timedelta:
        """How long until this can be healthy if all goes well; until all bake, how long there is to begin."""
        return _NOTHING if self.state.final else max(track.left(self.now) for track in self.tracks)

    def observed(self, sample: Sample, *more: Sample) -> HealthAnalysis:
        """Take in the samples that a check of a target got in an interval; after the verdict they change nothing.

        ValueError where no check of a target made them.
        """
        if not any(track.rule.about(sample) for track in self.tracks):
            raise ValueError(f"no check {sample.check!r} of a target {sample.target!r} is waited for")
        health = self.ticked(max(one.at for one in (sample, *more)))
        if health.state.final:
            return health
        tracks = (
            _counting(track, health.tracks).observed(sample, *more) if track.rule.about(sample) else track
            for track in health.tracks
        )
        return self._judged(tracks, health.now)

    def interrupted(self, gap: timedelta, now: datetime) -> HealthAnalysis:
        """Know that nothing was sampled for a while, until now, for a reason of our own; nothing is judged by it."""
        if self.state.final:
            return self
        tracks = tuple(track.interrupted(gap, now) for track in self.tracks)
        return msgspec.structs.replace(self, tracks=tracks, now=max(now, self.now))

    def ticked(self, now: datetime) -> HealthAnalysis:
        """Let time go by without a sample; a verdict stays."""
        return self if self.state.final else self._judged(self.tracks, max(now, self.now))

    def _judged(self, tracks: Iterable[CheckProgress], now: datetime) -> HealthAnalysis:
        judged = tuple(track.judged(now) for track in tracks)
        return HealthAnalysis(tracks=judged, now=now, state=combined(track.state for track in judged))


def _counting(track: CheckProgress, tracks: Iterable[CheckProgress]) -> CheckProgress:
    """A track of metrics counts bad ones from when its target answers well: they have no start of their own."""
    others = (one for one in tracks if one.rule.target == track.rule.target and not one.rule.metrics)
    begins = track.rule.metrics and not track.started and all(one.started for one in others)
    return msgspec.structs.replace(track, started=True) if begins else track


def combined(states: Iterable[HealthState]) -> HealthState:
    """Make one state of several: unhealthy when one is, healthy when all are, and no end before all have ended."""
    found = tuple(states)
    return next(state for state in _PRECEDENCE if state in found)


def _shown(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    if time and not minutes + seconds:
        return f"{time // timedelta(milliseconds=1)}ms"
    return " ".join(f"{count}{unit}" for count, unit in ((minutes, "m"), (seconds, "s")) if count) or "0s"
