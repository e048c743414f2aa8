"""What is measured by coverage: all in the gate, and every day what says something new.

What is traced takes half as long again, and a simulation three times as long. So the threads of servers are measured
by their own tests, and what runs the same code again and again not at all.
"""

from __future__ import annotations

import contextlib
import socketserver
import sys
import threading
from typing import TYPE_CHECKING

from tests import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Literal

    from _typeshed import TraceFunction


def anything() -> bool:
    """Whether anything is measured now."""
    from coverage import Coverage

    return Coverage.current() is not None


@contextlib.contextmanager
def nothing() -> Iterator[None]:
    """Measure nothing meanwhile; a worker may be measured twice, as one of the tests and as a process of its own."""
    from coverage import Coverage

    stopped: list[Coverage] = []
    while one := Coverage.current():
        one.stop()
        stopped.append(one)
    try:
        yield
    finally:
        for one in reversed(stopped):
            one.start()


@contextlib.contextmanager
def without_servers() -> Iterator[None]:
    """Trace no thread of a server that begins meanwhile."""
    trace = threading.gettrace()
    if trace is None or examples.ALL:
        yield
        return

    def spare(
        frame: FrameType, event: Literal["call", "line", "return", "exception", "opcode"], value: object
    ) -> TraceFunction | None:
        target = getattr(threading.current_thread(), "_target", None)
        if isinstance(getattr(target, "__self__", None), socketserver.BaseServer):
            sys.settrace(None)
            return None
        return trace(frame, event, value)

    threading.settrace(spare)
    try:
        yield
    finally:
        threading.settrace(trace)
