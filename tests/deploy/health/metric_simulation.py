"""Thousands of made-up deployments whose metrics are asked, judged by our rule and by those of other tools.

A trace has what Prometheus would answer every fifteen seconds, from eight minutes before the deployment to fifteen
after it: the ratio of requests that fail, and a latency. `python -m benchmarks.analysis` writes the tables of
`docs/health.md`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from statistics import mean, median
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.read import parse
from release_tool.deploy.health.before import Comparison
from release_tool.deploy.health.series import Series, judge_series
from release_tool.deploy.health.verdict import HealthAnalysis, HealthState, Reading, Sample, rules_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config.model import Check, Environment

STEP = 15
"""Seconds between two collections, and two values of a trace."""
BEFORE = 8 * 60 // STEP
AFTER = 15 * 60 // STEP
ENDED = datetime(2026, 1, 5, 12, tzinfo=UTC)
ERRORS = 0.01
"""The most requests that may fail: what everybody who sets a limit sets here."""

Values = list[float | None]
Shape = Callable[[float], float]
"""A factor at a number of seconds after the command."""


def _unchanged(_: float) -> float:
    return 1


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment: its metrics from before it and after it, those of a control at the same time, and what is usual."""

    kind: str
    good: bool
    errors: Values
    latency: Values
    control_errors: Values
    control_latency: Values
    usual: float

    @property
    def after(self) -> tuple[Values, Values]:
        return self.errors[BEFORE:], self.latency[BEFORE:]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What the new version does: failures beside the usual ones, a factor of latency, and when nothing is told.

    `load` is what happens to everybody at the time, also to the old version, of latency and of failures.
    """

    failing: Shape = lambda _: 0.0
    slower: Shape = _unchanged
    load: Shape = _unchanged
    missing: Callable[[float], bool] = lambda _: False


Making = Callable[[random.Random], Course]


# Good ones


def steady(_: random.Random) -> Course:
    return Course()


def daily_peak(rng: random.Random) -> Course:
    """The load rises towards its peak, by a tenth to a fifth in ten minutes."""
    rate = rng.uniform(0.1, 0.2) / 600
    return Course(load=lambda at: 1 + rate * (at + BEFORE * STEP))


def burst(rng: random.Random) -> Course:
    """The load is up to twice as much, for up to a minute."""
    begin, lasts, height = rng.uniform(0, 200), rng.uniform(15, 60), rng.uniform(1.2, 2)
    return Course(load=lambda at: height if begin <= at < begin + lasts else 1)


def bursts(rng: random.Random) -> Course:
    """The load is up to twice as much every few minutes, as it was before."""
    period, lasts, height = rng.uniform(150, 240), rng.uniform(15, 60), rng.uniform(1.2, 2)
    shift = rng.uniform(0, period)
    return Course(load=lambda at: height if (at + shift) % period < lasts else 1)


def gaps(rng: random.Random) -> Course:
    """Prometheus has no data for up to 45 seconds, three times at most."""
    begins = [(rng.uniform(-400, 300), rng.uniform(5, 45)) for _ in range(rng.randint(1, 3))]
    return Course(missing=lambda at: any(begin <= at < begin + lasts for begin, lasts in begins))


def restarts(rng: random.Random) -> Course:
    """Counters begin anew when the command ends, and once more: a rate has nothing for one or two collections."""
    again = rng.uniform(30, 200)
    return Course(missing=lambda at: 0 <= at < 20 or again <= at < again + 20)


def cold_start(rng: random.Random) -> Course:
    """Caches are cold for up to 45 seconds."""
    lasts, height = rng.uniform(15, 45), rng.uniform(1.3, 2.5)
    return Course(slower=lambda at: height if 0 <= at < lasts else 1)


# Broken ones


def errors_step(rng: random.Random) -> Course:
    share = rng.uniform(0.02, 0.1)
    return Course(failing=lambda at: share if at >= 0 else 0)


def errors_late(rng: random.Random) -> Course:
    begin, share = rng.uniform(30, 90), rng.uniform(0.02, 0.1)
    return Course(failing=lambda at: share if at >= begin else 0)


def leak(rng: random.Random) -> Course:
    """Failures rise over a minute."""
    begin, share = rng.uniform(15, 75), rng.uniform(0.03, 0.3)
    return Course(failing=lambda at: share * min(max((at - begin) / 60, 0), 1))


def one_dead_of_twenty(rng: random.Random) -> Course:
    """One of twenty instances is dead; some of its requests are answered by another one."""
    share = 0.05 * rng.uniform(0.4, 1)
    return Course(failing=lambda at: share if at >= 0 else 0)


def flaps(rng: random.Random) -> Course:
    """A fifth to a half of the time a part of the requests fails."""
    up, down, share = rng.uniform(20, 60), rng.uniform(15, 30), rng.uniform(0.05, 0.3)
    return Course(failing=lambda at: share if at >= 0 and at % (up + down) > up else 0)


def slower(rng: random.Random) -> Course:
    """Everything takes one and a half times to three times as long."""
    factor = rng.uniform(1.5, 3)
    return Course(slower=lambda at: factor if at >= 0 else 1)


def slower_and_slower(rng: random.Random) -> Course:
    """It takes longer and longer, for one or two minutes, up to two to four times as long."""
    begin, lasts, factor = rng.uniform(0, 30), rng.uniform(60, 120), rng.uniform(2, 4)
    return Course(slower=lambda at: 1 + (factor - 1) * min(max((at - begin) / lasts, 0), 1))


def doubled_under_load(rng: random.Random) -> Course:
    """It is twice as slow once the load comes, half a minute or a minute later."""
    begin = rng.uniform(20, 60)
    return Course(slower=lambda at: 2 if at >= begin else 1)


GOOD: tuple[Making, ...] = (steady, daily_peak, burst, bursts, gaps, restarts, cold_start)
BROKEN: tuple[Making, ...] = (
    errors_step,
    errors_late,
    leak,
    one_dead_of_twenty,
    flaps,
    slower,
    slower_and_slower,
    doubled_under_load,
)


def kind_of(making: Making) -> str:
    return making.__name__.replace("_", " ")


def made(making: Making, seed: str) -> Trace:
    """Make the trace of a seed: a service with its own load, noise and failures, and what becomes of it."""
    rng = random.Random(f"{kind_of(making)} {seed}")  # noqa: S311 - a simulation that anybody can repeat, not a secret
    course = making(rng)
    usual = 10 ** rng.uniform(1.5, 3)
    failing, requests = 10 ** rng.uniform(-4, -3), 10 ** rng.uniform(2.7, 4.5)
    noise, memory = rng.uniform(0.03, 0.15), rng.uniform(0.2, 0.6)

    def series(new: Course, before: Course) -> tuple[Values, Values]:
        counts, speeds, drift = [], [], rng.gauss(0, noise)
        for number in range(-BEFORE - 1, AFTER):
            at = number * STEP + STEP / 2
            now = new if at >= 0 else before
            load = course.load(at)
            counts.append(_poisson(rng, requests / 2 * min(failing * load + now.failing(at), 1)))
            drift = memory * drift + rng.gauss(0, noise * math.sqrt(1 - memory**2))
            speeds.append(usual * load * now.slower(at) * math.exp(drift))
        missing = [course.missing(number * STEP) for number in range(-BEFORE, AFTER)]
        ratios = [min((one + other) / requests, 1) for one, other in pairwise(counts)]
        times = [(one + other) / 2 for one, other in pairwise(speeds)]
        return _without(ratios, missing), _without(times, missing)

    errors, latency = series(course, Course())
    control_errors, control_latency = series(Course(), Course())
    return Trace(
        kind=kind_of(making),
        good=making in GOOD,
        errors=errors,
        latency=latency,
        control_errors=control_errors,
        control_latency=control_latency,
        usual=usual,
    )


def _without(values: Sequence[float], missing: Sequence[bool]) -> Values:
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


_AS_GOOD_AS_NORMAL = 30


def _poisson(rng: random.Random, expected: float) -> int:
    """How many there are, where so many are expected."""
    if expected > _AS_GOOD_AS_NORMAL:
        return max(round(rng.gauss(expected, math.sqrt(expected))), 0)
    limit, product, count = math.exp(-expected), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


@cache
def traces(runs: int, seed: str) -> tuple[Trace, ...]:
    """Make so many traces of each kind."""
    return tuple(made(making, f"{seed} {number}") for making in (*GOOD, *BROKEN) for number in range(runs))


# The rules


class End(msgspec.Struct, frozen=True):
    """How a rule ended: whether it called the deployment healthy, whether it went back, and after how many seconds."""

    healthy: bool
    back: bool
    after: int


Rule = Callable[[Trace], End]


def _green(after: int) -> End:
    return End(healthy=True, back=False, after=after)


def _red(after: int) -> End:
    return End(healthy=False, back=True, after=after)


CONFIGURATION = f"""
[environments.production]
command = ["./deploy.sh"]
[[environments.production.checks]]
kind = "prometheus"
name = "errors"
url = "https://prometheus.example.com"
query = "a"
max = {ERRORS}
[[environments.production.checks]]
kind = "prometheus"
name = "latency"
url = "https://prometheus.example.com"
query = "b"
compare = "before"
"""
"""What the documentation shows: a limit for failures, and a latency that is compared with before; all defaults."""


@cache
def sample_settings() -> Environment:
    return parse(CONFIGURATION, "release-tool.toml").environments["production"]


def ours(trace: Trace) -> End:
    """The rule of release-tool, by the very code that judges deployments."""
    settings = sample_settings()
    health = HealthAnalysis.begun(rules_of(settings, [""]), ENDED)
    metrics = dict(zip(settings.checks, (trace.errors, trace.latency), strict=True))
    compared = {
        check.name: Comparison(check, settings.bake, [one for one in values[:BEFORE] if one is not None])
        for check, values in metrics.items()
        if check.compare
    }
    for number in range(30 // STEP, AFTER):
        for check, values in metrics.items():
            samples = [_sampled(values[BEFORE + number], check, number * STEP)]
            if check.name in compared:
                samples = compared[check.name].judged(samples)
            health = health.observed(*samples)
        if health.state.final:
            break
    after = round((health.now - ENDED).total_seconds())
    return End(health.state is HealthState.HEALTHY, health.state is HealthState.UNHEALTHY, after)


def _sampled(value: float | None, check: Check, second: int) -> Sample:
    found = judge_series([] if value is None else [Series({}, value)], check, str)
    at = ENDED + timedelta(seconds=second)
    return Sample(target="", check=check.name, at=at, sample=found.reading, detail=found.detail, value=found.value)


def argo(  # noqa: PLR0913, PLR0917 - the names of its own parameters
    trace: Trace,
    interval: int,
    count: int,
    failure_limit: int,
    latency: float,
    initial_delay: int = 0,
    consecutive_error_limit: int = 4,
) -> End:
    """An AnalysisRun of Argo Rollouts: each metric is measured `count` times, and fails with one failure too many.

    A query that finds nothing is an error; more than `consecutive_error_limit` in a row fail, too.
    """
    limits, step = (ERRORS, latency * trace.usual), interval // STEP
    failed, errors = [0, 0], [0, 0]
    for number in range(1, count + 1):
        for metric, (values, limit) in enumerate(zip(trace.after, limits, strict=True)):
            value = values[initial_delay // STEP + number * step]
            errors[metric] = errors[metric] + 1 if value is None else 0
            failed[metric] += value is not None and value > limit
        if max(failed) > failure_limit or max(errors) > consecutive_error_limit:
            return _red(initial_delay + number * interval)
    return _green(initial_delay + count * interval)


def flagger(trace: Trace, interval: int, threshold: int, steps: int, latency: float) -> End:
    """A Canary of Flagger: a step for each look at which all metrics of the last minute are good.

    Else it is a failed check, as no value is; with `threshold` of them it goes back.
    """
    limits, failed, done = (ERRORS, latency * trace.usual), 0, 0
    for number in range(interval // STEP, AFTER, interval // STEP):
        minute = [[one for one in values[max(number - 3, 0) : number + 1] if one is not None] for values in trace.after]
        good = all(values and mean(values) <= limit for values, limit in zip(minute, limits, strict=True))
        failed, done = failed + (not good), done + good
        if failed >= threshold:
            return _red(number * STEP)
        if done >= steps:
            return _green(number * STEP)
    return _red(AFTER * STEP)


def kayenta(trace: Trace, values: int, confidence: float, tolerance: float) -> End:
    """Kayenta's judge: after so many values each metric is compared with a control that ran at the same time.

    It is high where the confidence interval of the difference is above a part of the estimated difference; of two
    metrics one that is high makes a score of 50, which is below every usual `marginal`.
    """
    pairs = ((trace.errors, trace.control_errors), (trace.latency, trace.control_latency))
    after = values * STEP
    for experiment, control in pairs:
        new, old = ([one for one in side[BEFORE + 1 :][:values] if one is not None] for side in (experiment, control))
        if _is_high(new, old, confidence, tolerance):
            return _red(after)
    return _green(after)


def _is_high(new: Sequence[float], old: Sequence[float], confidence: float, tolerance: float) -> bool:
    """Whether the interval of the Hodges-Lehmann estimate is above a part of it, as `wilcox.test` of R finds it."""
    differences = sorted(one - other for one in new for other in old)
    if not differences or new == old:
        return False
    few, many = len(new), len(old)
    deviations = _DEVIATIONS[confidence]
    first = math.floor(few * many / 2 - deviations * math.sqrt(few * many * (few + many + 1) / 12))
    return differences[max(first, 0)] > tolerance * abs(median(differences))


_DEVIATIONS = {0.95: 1.96, 0.98: 2.326, 0.99: 2.576, 0.999: 3.291}
"""Of a normal distribution, for a confidence on both sides."""


# Answers by HTTP, whose latency is compared


def ours_by_http(seed: str, *, slower: float = 1, burst: bool = False) -> End:
    """What becomes of a version that is so many times slower, or meets a burst of load, where answers are compared.

    They are up and down by themselves and together, and the version before was measured for half a minute.
    """
    rng = random.Random(f"{seed} {slower} {burst}")  # noqa: S311 - a simulation that anybody can repeat, not a secret
    noise, memory, each = rng.uniform(0.03, 0.15), rng.uniform(0.8, 0.97), rng.uniform(0.05, 0.4)
    begin, lasts, height = rng.uniform(-30, 120), rng.uniform(10, 60), rng.uniform(1.2, 2)
    drift = rng.gauss(0, noise)

    def look(second: int, factor: float) -> list[float]:
        nonlocal drift
        drift = memory * drift + rng.gauss(0, noise * math.sqrt(1 - memory**2))
        load = height if burst and begin <= second < begin + lasts else 1
        return [0.05 * factor * load * math.exp(drift + rng.gauss(0, each)) for _ in range(3)]

    settings = parse(BY_HTTP, "release-tool.toml").environments["production"]
    (check,) = settings.checks
    compared = Comparison(check, settings.bake, [took for second in range(-30, 0, 2) for took in look(second, 1)])
    health = HealthAnalysis.begun(rules_of(settings, [""]), ENDED)
    for second in range(0, AFTER * STEP, 2):
        at = ENDED + timedelta(seconds=second)
        answers = [Sample(target="", check="up", at=at, sample=Reading.OK, took=took) for took in look(second, slower)]
        health = health.observed(*compared.judged(answers))
        if health.state.final:
            break
    after = round((health.now - ENDED).total_seconds())
    return End(health.state is HealthState.HEALTHY, health.state is HealthState.UNHEALTHY, after)


BY_HTTP = """
[environments.production]
command = ["./deploy.sh"]
[[environments.production.checks]]
name = "up"
url = "https://shop.example.com"
compare = "before"
"""


class Contender(msgspec.Struct, frozen=True):
    """A rule with its parameters, which stand in the table."""

    name: str
    judge: Rule
    parameters: Mapping[str, float] = {}

    @property
    def described(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in self.parameters.items()) or "defaults"


class Score(msgspec.Struct, frozen=True):
    """How a rule did: parts of false greens and needless rollbacks, and the usual seconds to a right verdict."""

    false_greens: float
    needless: float
    good_takes: float
    bad_takes: float


def ends(contender: Contender, made_up: Sequence[Trace]) -> list[End]:
    """What becomes of each trace under a rule."""
    return [contender.judge(trace) for trace in made_up]


def score(made_up: Sequence[Trace], found: Sequence[End]) -> Score:
    judged = list(zip(made_up, found, strict=True))
    good, bad = [end for trace, end in judged if trace.good], [end for trace, end in judged if not trace.good]
    return Score(
        sum(end.healthy for end in bad) / len(bad),
        sum(end.back for end in good) / len(good),
        median([end.after for end in good if end.healthy] or [math.inf]),
        median([end.after for end in bad if end.back] or [math.inf]),
    )


def argo_with(interval: int, count: int, failure_limit: int, latency: float, initial_delay: int = 0) -> Contender:
    """Argo Rollouts with parameters; a `latency` of 1.5 is a limit of one and a half times what is usual."""
    judge = partial(
        argo,
        interval=interval,
        count=count,
        failure_limit=failure_limit,
        latency=latency,
        initial_delay=initial_delay,
    )
    return Contender("Argo Rollouts", judge, judge.keywords)


def flagger_with(interval: int, threshold: int, steps: int, latency: float) -> Contender:
    """Flagger with parameters."""
    judge = partial(flagger, interval=interval, threshold=threshold, steps=steps, latency=latency)
    return Contender("Flagger", judge, judge.keywords)


def kayenta_with(values: int, confidence: float, tolerance: float) -> Contender:
    """Kayenta's judge with parameters."""
    judge = partial(kayenta, values=values, confidence=confidence, tolerance=tolerance)
    return Contender("Kayenta", judge, judge.keywords)


def named(name: str, contender: Contender) -> Contender:
    return Contender(f"{contender.name}, {name}", contender.judge, contender.parameters)


OURS = Contender("release-tool", ours)
USUAL = (
    named("defaults", argo_with(interval=15, count=10, failure_limit=0, latency=1.5)),
    named("example", argo_with(interval=15, count=10, failure_limit=3, latency=1.5)),
    named("example", flagger_with(interval=60, threshold=5, steps=10, latency=1.5)),
    named("defaults", kayenta_with(values=50, confidence=0.98, tolerance=0.25)),
)
"""The rules with what their documentation and their own defaults say; what has no default is as long as ours."""
TUNED = (
    named("tuned", argo_with(interval=30, count=16, failure_limit=6, latency=1.5, initial_delay=30)),
    named("as fast", argo_with(interval=15, count=8, failure_limit=3, latency=1.5, initial_delay=30)),
    named("tuned", flagger_with(interval=60, threshold=5, steps=5, latency=1.5)),
    named("as fast", flagger_with(interval=30, threshold=5, steps=5, latency=1.5)),
    named("tuned", kayenta_with(values=50, confidence=0.98, tolerance=0.75)),
    named("as fast", kayenta_with(values=10, confidence=0.95, tolerance=0.1)),
)
"""The rules with what makes the least errors on the traces for tuning; `as fast` where a good one takes no longer than
with ours."""
