"""Judge 20,000 made-up deployments by our rule and those of other tools, and write the tables of `docs/health.md`.

The others are tuned on traces of their own, with `--tune`; the final traces are looked at once.
"""

from __future__ import annotations

import argparse
import itertools
import math
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deploy.health.metric_simulation import (
    BROKEN,
    GOOD,
    OURS,
    TUNED,
    USUAL,
    argo_with,
    ends,
    flagger_with,
    kayenta_with,
    kind_of,
    ours_by_http,
    score,
    traces,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.deploy.health.metric_simulation import Contender, End, Score, Trace

_PAGE = Path(__file__).parents[1] / "docs/health.md"
_RUNS = 1334
"""Of each of fifteen kinds: 20,010 deployments."""
_TUNING = 120
_OUR_TIME = 165
"""Seconds that a good deployment may take where a rule is tuned to be as fast as ours."""


def main() -> None:
    """Write the tables, or tune."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="say what makes the least errors on the traces for tuning")
    parser.add_argument("--http", action="store_true", help="say what becomes of latencies that are asked by HTTP")
    parser.add_argument("--runs", type=int, default=_RUNS, help="deployments of each kind")
    parser.add_argument("--seed", default="final", help="the name of the traces")
    options = parser.parse_args()
    if options.tune:
        _tune()
        return
    if options.http:
        _by_http()
        return
    contenders, made = [OURS, *USUAL, *TUNED], traces(options.runs, options.seed)
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(ends, contenders, itertools.repeat(made)))
    tables = {"rules": _rules(contenders, made, results), "kinds": _kinds(contenders, made, results)}
    print("\n\n".join(tables.values()))
    if options.seed == "final":
        page = _PAGE.read_text()
        for name, table in tables.items():
            begin, end = f"<!-- analysis: {name} -->\n", "\n<!-- end -->"
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}{table}{end}{rest.partition(end)[2]}"
        _PAGE.write_text(page)


def _by_http() -> None:
    """Print what becomes of 1,000 versions each: good ones, good ones with a burst of load, and slower ones."""
    for slower, burst in ((1, False), (1, True), (1.5, False), (2, False), (3, False)):
        found = [ours_by_http(f"final {number}", slower=slower, burst=burst) for number in range(1000)]
        healthy, back = sum(end.healthy for end in found), sum(end.back for end in found)
        print(f"{slower:g} times as slow{', with a burst' if burst else ''}: {healthy} healthy, {back} rolled back")


def _tune() -> None:
    """Print what makes the least errors: at any time, and where a good one takes no longer than with ours."""
    made = traces(_TUNING, "tuning")
    for contenders in (_argos(), _flaggers(), _kayentas()):
        scored = [(one, score(made, ends(one, made))) for one in contenders]
        for longest in (math.inf, _OUR_TIME):
            best, found = min((one for one in scored if one[1].good_takes <= longest), key=_errors)
            print(f"{best.name}: {best.described}: {found}")


def _argos() -> Iterator[Contender]:
    limits = itertools.product(range(7), (1.25, 1.5, 1.75, 2), (0, 30))
    for (interval, count), (failures, latency, delay) in itertools.product(
        itertools.product((15, 30), (8, 10, 16, 20, 26)), limits
    ):
        yield argo_with(interval, count, failures, latency, delay)


def _flaggers() -> Iterator[Contender]:
    for interval, threshold in itertools.product((15, 30, 60), range(1, 7)):
        for steps, latency in itertools.product((3, 5, 8, 10), (1.25, 1.5, 1.75, 2)):
            yield flagger_with(interval, threshold, steps, latency)


def _kayentas() -> Iterator[Contender]:
    for values, confidence in itertools.product((10, 20, 30, 50), (0.95, 0.98, 0.99, 0.999)):
        for tolerance in (0.1, 0.25, 0.5, 0.75):
            yield kayenta_with(values, confidence, tolerance)


def _errors(scored: tuple[Contender, Score]) -> tuple[float, float]:
    _, found = scored
    return found.false_greens + found.needless, found.good_takes


def _rules(contenders: Sequence[Contender], made: Sequence[Trace], results: Sequence[Sequence[End]]) -> str:
    lines = [
        "| rule | parameters | false green | needless rollback | a good one takes | a bad one takes |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for contender, found in zip(contenders, results, strict=True):
        one = score(made, found)
        takes = f"{one.good_takes:.0f} s | {one.bad_takes:.0f} s"
        errors = f"{100 * one.false_greens:.2f} % | {100 * one.needless:.2f} %"
        lines.append(f"| {contender.name} | {contender.described} | {errors} | {takes} |")
    return "\n".join(lines)


def _kinds(contenders: Sequence[Contender], made: Sequence[Trace], results: Sequence[Sequence[End]]) -> str:
    lines = [
        f"| kind | wrong | {' | '.join(one.name for one in contenders)} |",
        f"|---|---|{'---:|' * len(contenders)}",
    ]
    for making in (*GOOD, *BROKEN):
        kind, good = kind_of(making), making in GOOD
        cells = []
        for found in results:
            here = [end for trace, end in zip(made, found, strict=True) if trace.kind == kind]
            wrong = sum(end.back if good else end.healthy for end in here)
            cells.append(f"{100 * wrong / len(here):.1f} %")
        lines.append(f"| {kind} | {'rolled back' if good else 'called healthy'} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
