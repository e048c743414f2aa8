"""Measuring commands: in turn, so that whatever else the machine does falls on all of them; medians of many rounds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Cost(NamedTuple):
    """What a command costs: the time of one run, and in bytes the memory of its largest process."""

    seconds: float
    peak: int


class Bench(NamedTuple):
    """Where commands run, in which environment, and how often."""

    directory: Path
    environment: Mapping[str, str]
    rounds: int

    def compare(self, *commands: Sequence[str]) -> list[Cost]:
        """Run commands in turn; each is run once before, so that files are read and bytecode is written."""
        for argv in commands:
            self._once(argv)
        rounds = [[self._once(argv) for argv in commands] for _ in range(self.rounds)]
        return [_median(costs) for costs in zip(*rounds, strict=True)]

    def _once(self, argv: Sequence[str]) -> Cost:
        begin = time.perf_counter()
        program = subprocess.Popen(
            argv, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(program.pid, 0)
        seconds = time.perf_counter() - begin
        program.returncode = os.waitstatus_to_exitcode(status)
        if program.returncode:
            raise RuntimeError(f"{' '.join(argv)} ended with code {program.returncode}")
        return Cost(seconds, usage.ru_maxrss * _MAXRSS_UNIT)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.seconds for cost in costs), max(cost.peak for cost in costs))
