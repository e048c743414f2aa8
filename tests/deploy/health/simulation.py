"""Thousands of made-up deployments, and what becomes of them under our rule and under the usual ones.

A trace says for each second what a check would be told, so that every rule looks at the same deployments.
`EXAMPLES=all python -m tests.deploy.health.simulation` writes the tables of `docs/health.md` anew.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Check, Environment
from release_tool.deploy.health.verdict import HealthAnalysis, HealthState, Reading, Sample, rules_of
from tests import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.deploy.health.verdict import HealthRule

OK, STALE, BAD = Reading.OK, Reading.STALE, Reading.BAD
LENGTH = 720
"""Seconds of a trace: the deadline, a bake, and as much again."""

AT_ONCE = 3
"""How many may ask in each second; answers that depend on who is asked differ among them."""

RUNS = examples.number(250, part=12)
"""How many traces there are of each kind."""

PATIENCE = 300
"""Seconds that every rule waits for the new version; the deadline of the sample configuration."""

LOST = 0.03
LONGEST_BURST = 8
DOCUMENT = Path(__file__).parents[3] / "docs/health.md"
ENDED = datetime(2026, 1, 5, 12, tzinfo=UTC)

Answers = list[Reading]
Making = Callable[[random.Random], Answers]


class Trace(msgspec.Struct, frozen=True):
    """A deployment: what it answers in each second after the command, `AT_ONCE` times, and whether it is a good one."""

    kind: str
    good: bool
    answers: Answers

    def answer(self, second: int) -> Reading:
        """What the first one is answered who asks in a second."""
        return self.answers[second * AT_ONCE]


class End(msgspec.Struct, frozen=True):
    """How a rule ended: whether it called the deployment healthy, and after how many seconds."""

    healthy: bool
    after: int


class Contender(msgspec.Struct, frozen=True):
    """A rule that is compared with others; `told` is whether the check tells it the version."""

    name: str
    told: bool
    rule: Callable[[Trace], End]


def phases(*parts: tuple[float, Reading], last: Reading) -> Answers:
    """One reading after the other, each for its seconds, and the last one for the rest."""
    answers = [reading for seconds, reading in parts for _ in range(round(seconds) * AT_ONCE)]
    return (answers + [last] * LENGTH * AT_ONCE)[: LENGTH * AT_ONCE]


def moments() -> Iterator[float]:
    """The second of each answer."""
    return (number / AT_ONCE for number in range(LENGTH * AT_ONCE))


def good(rng: random.Random) -> Answers:
    return phases((rng.uniform(0, 5), BAD), last=OK)


def slow_start(rng: random.Random) -> Answers:
    return phases((rng.uniform(20, 200), BAD), last=OK)


def old_until_new(rng: random.Random) -> Answers:
    return phases((rng.uniform(5, 120), STALE), (rng.uniform(0, 10), BAD), last=OK)


def rolling(rng: random.Random) -> Answers:
    """Answers come from old and new servers, more and more from new ones."""
    begin = rng.uniform(0, 30)
    end = begin + rng.uniform(30, 150)
    return [OK if rng.uniform(begin, end) < second else STALE for second in moments()]


def cold_start(rng: random.Random) -> Answers:
    """The first answers are unsteady: caches are cold, connections are made."""
    unsteady = rng.uniform(5, 40)
    return [BAD if second < unsteady and rng.random() < 0.3 else OK for second in moments()]


def never_starts(_: random.Random) -> Answers:
    return phases(last=BAD)


def starts_too_late(rng: random.Random) -> Answers:
    return phases((rng.uniform(310, 600), BAD), last=OK)


def old_stays(_: random.Random) -> Answers:
    return phases(last=STALE)


def part_stays_old(rng: random.Random) -> Answers:
    """One server of four at least, three of four at most, go on with the old version."""
    share = rng.uniform(0.25, 0.75)
    return [STALE if rng.random() < share else OK for _ in moments()]


def part_is_broken(rng: random.Random) -> Answers:
    """One server of three at least, two of three at most, fail."""
    share = rng.uniform(1 / 3, 2 / 3)
    return [BAD if rng.random() < share else OK for _ in moments()]


def old_comes_back(rng: random.Random) -> Answers:
    """The platform goes back to the old version by itself."""
    return phases((rng.uniform(0, 30), BAD), (rng.uniform(5, 110), OK), last=STALE)


def dies(rng: random.Random) -> Answers:
    return phases((rng.uniform(0, 60), BAD), (rng.uniform(2, 115), OK), last=BAD)


def flaps(rng: random.Random) -> Answers:
    """Up for a while and down for a while, at least a fifth of the time down."""
    parts: list[tuple[float, Reading]] = []
    for _ in range(LENGTH // 10):
        up = rng.uniform(5, 30)
        parts += [(up, OK), (rng.uniform(up / 4 + 1, 20), BAD)]
    return phases(*parts, last=BAD)


def crash_loop(rng: random.Random) -> Answers:
    """It starts, crashes, and is started again, each time after a longer break."""
    parts: list[tuple[float, Reading]] = []
    start, pause = rng.uniform(5, 20), rng.uniform(2, 10)
    for turn in range(LENGTH // 10):
        parts += [(start + pause * 2 ** min(turn, 5), BAD), (rng.uniform(3, 60), OK)]
    return phases(*parts, last=BAD)


def regularly(rng: random.Random, up: int, down: int) -> Answers:
    """Up and down in the same rhythm again and again."""
    start = (rng.uniform(0, 10), BAD)
    return phases(start, *((float(up), OK), (float(down), BAD)) * (LENGTH // (up + down)), last=OK)


def short_crash_loop(rng: random.Random) -> Answers:
    """It is up for 30 seconds and down for 4."""
    return regularly(rng, 30, 4)


def long_crash_loop(rng: random.Random) -> Answers:
    """It is up for a minute and down for 8 seconds."""
    return regularly(rng, 60, 8)


def degrades(rng: random.Random) -> Answers:
    """After a minute and a half a part of the answers fails."""
    share = rng.uniform(0.25, 0.75)
    return [BAD if second > 90 and rng.random() < share else OK for second in moments()]


def grows_slow(rng: random.Random) -> Answers:
    """Answers take longer and longer, until more and more of them take too long."""
    begin = rng.uniform(20, 80)
    lasts = rng.uniform(40, 120)
    return [BAD if rng.random() < (second - begin) / lasts else OK for second in moments()]


def one_dead_address(rng: random.Random) -> Answers:
    """One of four addresses that take turns is dead."""
    dead = rng.randrange(4)
    turns = [AT_ONCE * (number // AT_ONCE // 2) + number % AT_ONCE for number in range(LENGTH * AT_ONCE)]
    return [BAD if turn % 4 == dead else OK for turn in turns]


GOOD: tuple[Making, ...] = (good, slow_start, old_until_new, rolling, cold_start)
BROKEN: tuple[Making, ...] = (
    never_starts,
    starts_too_late,
    old_stays,
    part_stays_old,
    part_is_broken,
    old_comes_back,
    dies,
    flaps,
    crash_loop,
    short_crash_loop,
    long_crash_loop,
    degrades,
    grows_slow,
    one_dead_address,
)


def kind_of(making: Making) -> str:
    return getattr(making, "__name__", repr(getattr(making, "keywords", ""))).replace("_", " ")


def disturbed(answers: Answers, rng: random.Random) -> Answers:
    """Lose up to 3 % of the answers, in bursts of one to eight seconds."""
    share, mean = rng.uniform(0, LOST), (1 + LONGEST_BURST) / 2
    left = 0
    lossy = list(answers)
    for second in range(LENGTH):
        if left == 0 and rng.random() < share / mean:
            left = round(rng.uniform(1, LONGEST_BURST))
        if left:
            lossy[second * AT_ONCE : (second + 1) * AT_ONCE] = [BAD] * AT_ONCE
            left -= 1
    return lossy


def made(making: Making, number: int, kind: str, *, is_good: bool = False) -> Trace:
    """Make the trace of that number, always the same."""
    rng = random.Random(f"{kind} {number}")  # noqa: S311 - a simulation that anybody can repeat, not a secret
    return Trace(kind, is_good, disturbed(making(rng), rng))


@cache
def traces(runs: int = RUNS) -> tuple[Trace, ...]:
    """Make so many traces of each kind."""
    return tuple(
        made(making, number, kind_of(making), is_good=makings is GOOD)
        for makings in (GOOD, BROKEN)
        for making in makings
        for number in range(runs)
    )


def untold(trace: Trace) -> Trace:
    """What a check sees that does not tell the version: the old one looks as good as the new one."""
    return msgspec.structs.replace(trace, answers=[OK if answer is STALE else answer for answer in trace.answers])


def sample_rule() -> HealthRule:
    """The rule of the sample configuration, which is all defaults."""
    check = Check(url="/health", version_pointer="/version")
    (rule,) = rules_of(Environment(command=("./deploy.sh",), checks=(check,)), [""])
    return rule


def samples(trace: Trace, rule: HealthRule, gap: range = range(0)) -> Iterator[list[Sample]]:
    """What the check of a rule is told, one interval after the other, but for a gap."""
    for second in range(0, LENGTH, int(rule.interval.total_seconds())):
        if second not in gap:
            at = ENDED + timedelta(seconds=second)
            told = trace.answers[second * AT_ONCE :][: rule.samples]
            yield [Sample(target=rule.target, check=rule.check, at=at, sample=answer) for answer in told]


def ours(trace: Trace, rule: HealthRule | None = None, gap: range = range(0)) -> End:
    """The rule of release-tool, by default with the sample configuration; in a gap the machine sleeps."""
    rule = rule or sample_rule()
    health = HealthAnalysis.begun([rule], ENDED)
    for latest in samples(trace, rule, gap):
        if latest[0].at - health.now > timedelta(minutes=1):
            health = health.interrupted(latest[0].at - health.now, latest[0].at)
        health = health.observed(*latest)
        if health.state.final:
            break
    return End(health.state is HealthState.HEALTHY, int((health.now - ENDED).total_seconds()))


def first_good(trace: Trace, every: int, patience: int) -> int | None:
    """The second of the first good answer, or None."""
    return next((second for second in range(0, patience + 1, every) if trace.answer(second) is OK), None)


def first_success(trace: Trace, patience: int = PATIENCE) -> End:
    """Once every second; the first good answer wins."""
    first = first_good(trace, 1, patience)
    return End(healthy=False, after=patience) if first is None else End(healthy=True, after=first)


def fixed_count(trace: Trace) -> End:
    """From the first good answer on ten samples, one every 10 seconds; the fourth failure is one too many."""
    first = first_good(trace, 10, PATIENCE)
    if first is None:
        return End(healthy=False, after=PATIENCE)
    failures = 0
    for second in range(first, first + 100, 10):
        failures += trace.answer(second) is not OK
        if failures > 3:
            return End(healthy=False, after=second)
    return End(healthy=True, after=first + 90)


def consecutive(trace: Trace) -> End:
    """Every 5 seconds; three good ones in a row win, three others lose, counted from the first good one on."""
    first = first_good(trace, 5, PATIENCE)
    run, before = 0, OK
    for second in range(PATIENCE if first is None else first, PATIENCE + 1, 5):
        answer = OK if trace.answer(second) is OK else BAD
        run, before = run + 1 if answer is before else 1, answer
        if run >= 3:
            return End(healthy=answer is OK, after=second)
    return End(healthy=False, after=PATIENCE)


RULES: dict[str, Callable[[Trace], End]] = {
    "first success within 30 s": partial(first_success, patience=30),
    "first success": first_success,
    "10 samples, at most 3 failures": fixed_count,
    "3 in a row, every 5 s": consecutive,
    "release-tool": ours,
}
CONTENDERS = [Contender(name, told, rule) for name, rule in RULES.items() for told in (False, True)]


@cache
def ends(contender: Contender) -> list[tuple[Trace, End]]:
    """What becomes of every trace under a rule."""
    if contender.told:
        return [(trace, contender.rule(trace)) for trace in traces()]
    told = ends(msgspec.structs.replace(contender, told=True))
    return [(trace, contender.rule(untold(trace)) if STALE in trace.answers else end) for trace, end in told]


def false_greens(results: list[tuple[Trace, End]]) -> list[Trace]:
    return [trace for trace, end in results if end.healthy and not trace.good]


def needless_rollbacks(results: list[tuple[Trace, End]]) -> list[Trace]:
    return [trace for trace, end in results if trace.good and not end.healthy]


def comparison() -> str:
    """The table that compares the rules."""
    lines = [
        "| rule | knows the version | false green | needless rollback | a good one takes | a bad one takes |",
        "|---|---|---:|---:|---:|---:|",
        *(_row(contender, ends(contender)) for contender in CONTENDERS),
    ]
    return "\n".join(lines)


def _row(contender: Contender, results: list[tuple[Trace, End]]) -> str:
    good_ones = sum(trace.good for trace, _ in results)
    green = _percent(len(false_greens(results)), len(results) - good_ones)
    needless = _percent(len(needless_rollbacks(results)), good_ones)
    takes = [_typical(results, is_good=is_good) for is_good in (True, False)]
    return f"| {contender.name} | {'yes' if contender.told else 'no'} | {green} | {needless} | {' | '.join(takes)} |"


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %"


def _typical(results: list[tuple[Trace, End]], *, is_good: bool) -> str:
    times = [end.after for trace, end in results if trace.good is is_good and end.healthy is is_good]
    return f"{median(times):.0f} s"


def by_kind() -> str:
    """The table that says how many of each kind every rule with the version calls healthy."""
    knowing = [contender for contender in CONTENDERS if contender.told]
    results = [ends(contender) for contender in knowing]
    lines = [
        f"| kind | should be | {' | '.join(contender.name for contender in knowing)} |",
        f"|---|---|{'---:|' * len(knowing)}",
        *(_kind_row(making, makings is GOOD, results) for makings in (GOOD, BROKEN) for making in makings),
    ]
    return "\n".join(lines)


def _kind_row(making: Making, is_good: bool, results: list[list[tuple[Trace, End]]]) -> str:
    kind = kind_of(making)
    healthy = [sum(end.healthy for trace, end in result if trace.kind == kind) for result in results]
    cells = " | ".join(_percent(count, RUNS) for count in healthy)
    return f"| {kind} | {'healthy' if is_good else 'unhealthy'} | {cells} |"


SHARES = (0.02, 0.05, 0.1, 0.2, 0.3)


def by_share() -> str:
    """The table that says what our rule makes of servers that are old, or fail, in a part only."""
    lines = [
        "| part of the answers | called healthy, when old | called healthy, when failing |",
        "|---:|---:|---:|",
        *(f"| {share:.0%} | {_called_healthy(share, STALE)} | {_called_healthy(share, BAD)} |" for share in SHARES),
    ]
    return "\n".join(lines)


def _called_healthy(share: float, reading: Reading) -> str:
    runs = examples.number(100)
    partly = [
        made(partial(partly_so, share=share, reading=reading), number, f"{reading} {share}") for number in range(runs)
    ]
    return _percent(sum(ours(trace).healthy for trace in partly), runs)


def unseen(making: Making, count: int, *, is_good: bool = False) -> list[Trace]:
    """Traces that nothing was tuned on."""
    return [made(making, number, f"unseen {kind_of(making)}", is_good=is_good) for number in range(count)]


def partly_so(rng: random.Random, share: float, reading: Reading) -> Answers:
    return [reading if rng.random() < share else OK for _ in moments()]


def written(document: str) -> str:
    """Put what the simulation says where the document has its tables."""
    for name, table in (("comparison", comparison), ("kinds", by_kind), ("shares", by_share)):
        pattern = rf"(?<=<!-- simulation: {name} -->\n).*?(?=\n<!-- end -->)"
        document = re.sub(pattern, partial(_literally, table()), document, count=1, flags=re.DOTALL)
    return document


def _literally(text: str, _: re.Match[str]) -> str:
    return text


if __name__ == "__main__":
    assert examples.ALL, "what the document says is true of all: EXAMPLES=all"
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
