"""Which targets are deployed side by side, and after which of them a person is waited for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config.model import Environment, Target, Wave


def waves_of(targets: Sequence[Target], wave: Wave | tuple[Wave, ...] | None) -> list[Sequence[Target]]:
    """Split targets into waves: one by one, by the same step each time, or up to each mark and then the rest."""
    total = len(targets)
    if isinstance(wave, tuple):
        ends = [*(_part(mark, total) for mark in wave), total]
    else:
        step = _part(wave or 1, total)
        ends = [*range(step, total, step), total]
    starts = [0, *itertools.accumulate(ends, max)]
    return [targets[start:end] for start, end in itertools.pairwise(starts) if start < end]


def _part(mark: Wave, total: int) -> int:
    """How many targets a mark means, rounded up."""
    return min(mark, total) if isinstance(mark, int) else -(-total * int(mark.removesuffix("%")) // 100)


def pauses_of(environment: Environment) -> tuple[int, ...]:
    """The numbers of the waves after which a person is waited for."""
    marks = environment.pause_after
    return marks if isinstance(marks, tuple) else () if marks is None else (marks,)
