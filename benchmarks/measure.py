"""Measuring commands: in turn, so that whatever else the machine does falls on all of them; medians of many rounds."""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Cost(NamedTuple):
    """What a command costs: the time of one run, in bytes the memory of its largest process, and processor seconds."""

    seconds: float
    peak: int
    cpu: float


class Spent(NamedTuple):
    """What something took: seconds, and those of a processor that the programs took which were started for it."""

    seconds: float
    cpu: float


@contextlib.contextmanager
def spending() -> Iterator[Callable[[], Spent]]:
    """Measure what is done within; what is handed out tells it when that is over."""
    begun, before = time.perf_counter(), _children()
    found = Spent(0, 0)
    yield lambda: found
    found = Spent(time.perf_counter() - begun, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
        return [median(costs) for costs in zip(*rounds, strict=True)]

    def _once(self, argv: Sequence[str]) -> Cost:
        return once(argv, self.directory, self.environment)


def once(
    argv: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    *,
    deadline: float | None = None,
    ok: Collection[int] = (0,),
) -> Cost:
    """Run a command; raises subprocess.TimeoutExpired after so many seconds, RuntimeError for a code not in `ok`."""
    begin = time.perf_counter()
    quiet = None if 0 in ok and len(ok) == 1 else subprocess.DEVNULL
    program = subprocess.Popen(
        argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=quiet
    )
    ended = threading.Event()

    def end() -> None:
        ended.set()
        program.kill()

    late = threading.Timer(deadline, end) if deadline else None
    if late:
        late.start()
    _, status, usage = os.wait4(program.pid, 0)
    seconds = time.perf_counter() - begin
    if late:
        late.cancel()
    program.returncode = os.waitstatus_to_exitcode(status)
    if ended.is_set():
        raise subprocess.TimeoutExpired(argv, deadline or 0)
    if program.returncode not in ok:
        raise RuntimeError(f"{' '.join(argv)} ended with code {program.returncode}")
    return Cost(seconds, usage.ru_maxrss * _MAXRSS_UNIT, usage.ru_utime + usage.ru_stime)


def median(costs: Sequence[Cost]) -> Cost:
    """The cost in the middle of some."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        max(cost.peak for cost in costs),
        statistics.median(cost.cpu for cost in costs),
    )
