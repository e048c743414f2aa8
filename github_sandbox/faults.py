"""Faults for tests: which request goes wrong, and how."""

from __future__ import annotations

import re
import threading
from typing import Literal

import msgspec

WAIT = 60.0
"""How long a blocked request waits at most, in seconds."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to requests whose method, path with query, and body match.

    The first `after` matching requests are spared, the next `times` are hit.
    `status` answers instead of the stand-in, or with `acts` after it acted; `drop` ends the connection before or
    after it acted, with `reset` by a TCP reset; `truncated` ends it in the middle of the answer; `twice` acts twice;
    `block` holds the request back until the fault is released;
    `starter` answers an upload with 502 and leaves an asset behind that is empty and in that state.
    """

    method: str = ".*"
    path: str = ".*"
    body: str = ""
    after: int = 0
    times: int = 1
    status: int | None = None
    text: str | None = None
    document: dict[str, object] | None = None
    headers: dict[str, str] = {}
    acts: bool = False
    drop: Literal["before", "after"] | None = None
    reset: bool = False
    truncated: bool = False
    twice: bool = False
    block: Literal["before", "after"] | None = None
    starter: bool = False

    @property
    def late(self) -> bool:
        """Whether it goes wrong only after the stand-in acted."""
        return "after" in {self.drop, self.block} or self.acts or self.truncated or self.twice

    def matches(self, method: str, path: str, body: bytes) -> bool:
        """Whether this request is meant."""
        return bool(
            re.fullmatch(self.method, method)
            and re.search(self.path, path)
            and (not self.body or re.search(self.body, body.decode(errors="replace")))
        )


class Armed:
    """A fault that waits for its requests."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.reached = threading.Event()
        self.acted = threading.Event()
        self._released = threading.Event()

    @property
    def spent(self) -> bool:
        """Whether it has hit all that it was made for."""
        return self.seen >= self.fault.after + self.fault.times

    def wait_until_reached(self, timeout: float = WAIT) -> bool:
        """Waits for the first request that is hit; False when none came."""
        return self.reached.wait(timeout)

    def wait_until_acted(self, timeout: float = WAIT) -> bool:
        """Waits until a request that is blocked, or hit after it acted, has acted; False when none did."""
        return self.acted.wait(timeout)

    def release(self) -> None:
        """Lets blocked requests go on."""
        self._released.set()

    def hold(self) -> None:
        """Blocks until released."""
        self._released.wait(WAIT)


class Faults:
    """All faults that are armed; the first that matches hits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []

    def add(self, fault: Fault) -> Armed:
        """Arms a fault."""
        armed = Armed(fault)
        with self._lock:
            self._armed.append(armed)
        return armed

    def hit(self, method: str, path: str, body: bytes) -> Armed | None:
        """The fault that hits this request, counted."""
        with self._lock:
            for armed in self._armed:
                if armed.spent or not armed.fault.matches(method, path, body):
                    continue
                armed.seen += 1
                if armed.seen > armed.fault.after:
                    armed.reached.set()
                    return armed
        return None

    def clear(self) -> None:
        """Disarms and releases all."""
        with self._lock:
            for armed in self._armed:
                armed.release()
            self._armed.clear()
