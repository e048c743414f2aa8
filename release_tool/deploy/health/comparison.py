"""Whether what is measured now is worse than it was before: by enough to matter, and by more than chance makes."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from release_tool.config.queries import LOOKS_COMPARED as LEAST
from release_tool.text.humanize import figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from release_tool.config.model import Check

BAKES_BEFORE = 4
"""So many bakes before the deployment are compared with: of one alone nobody knows how much it is up and down."""
_BEYOND_CHANCE = 2.33
"""Standard deviations of the rank test, one-sided: chance alone goes beyond that once in a hundred looks."""


def looks_compared(check: Check, bake: timedelta) -> int:
    """How many of the latest looks are compared with those before: half a bake; of answers, which jump more, all."""
    return max(LEAST, math.ceil(bake / (1 if check.times else 2) / check.interval))


def span_compared(check: Check, bake: timedelta) -> timedelta:
    """How long a time before the deployment is compared with: four bakes, and twice as many looks as are needed."""
    return max(BAKES_BEFORE * bake, 2 * LEAST * check.interval)


def compared(before: Sequence[float], now: Sequence[float], check: Check) -> str:
    """Say that values are worse than those before, by more than the check allows and chance explains; else nothing.

    They have to be worse than the worst stretch before that was as long: what was as bad already is no change.
    """
    if min(len(before), len(now)) < LEAST:
        return ""
    sign = -1 if check.worse == "lower" else 1
    then, latest = [sign * value for value in before], [sign * value for value in now]
    usual, found = _worst_stretch(then, len(latest)), median(latest)
    margin = abs(usual) * int(check.worse_by.removesuffix("%")) / 100
    if found - usual <= margin or rank_difference(then, latest) <= _BEYOND_CHANCE:
        return ""
    return f"worse than before: {_shown(sign * found, check)}, and it was {_shown(sign * usual, check)} at worst"


def rank_difference(before: Sequence[float], now: Sequence[float]) -> float:
    """By how many standard deviations values rank above those before (Mann and Whitney), of ties half of each.

    The normal approximation, corrected for ties and for the steps between ranks; for as few as five values it is on the
    safe side of the exact distribution.
    """
    ranks = _ranks([*before, *now])
    few, many, total = len(now), len(before), len(now) + len(before)
    above = sum(ranks[value] for value in now) - few * (few + 1) / 2
    ties = sum(count**3 - count for count in Counter([*before, *now]).values())
    variance = few * many / 12 * (total + 1 - ties / (total * (total - 1)))
    return (above - few * many / 2 - 0.5) / math.sqrt(variance) if variance > 0 else 0.0


def _ranks(values: Sequence[float]) -> dict[float, float]:
    """The rank of each value; equal ones share the middle of theirs."""
    counts = sorted(Counter(values).items())
    ends = [0]
    for _, count in counts:
        ends.append(ends[-1] + count)
    return {value: (begin + 1 + end) / 2 for (value, _), (begin, end) in zip(counts, pairwise(ends), strict=True)}


def _worst_stretch(values: Sequence[float], length: int) -> float:
    """The median of the stretch of values whose median is the highest."""
    starts = range(max(len(values) - length, 0) + 1)
    return max(median(values[start : start + length]) for start in starts)


def _shown(value: float, check: Check) -> str:
    return f"{value * 1000:.0f} ms" if check.kind == "http" else figure(value)
