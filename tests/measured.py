"""What is measured by coverage: every day all but the threads of servers, which their own tests run.

What is traced takes half as long again, and most of a test's time is the stand-in's. In the gate all is measured.
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
