"""Waiting for other services: what does not answer is asked again, and a pause that is asked for is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from release_tool.errors import NoAnswerError, RateLimitedError
from release_tool.system.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0)
_SECONDARY_WAIT = 60.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """`max_wait` is how long something is asked again for at most; the other two are seconds of one attempt.

    `silence` is how long an answer may stop coming, and `deadline` when a program must have ended.
    """

    clock: Clock = msgspec.field(default_factory=SystemClock)
    max_wait: timedelta = timedelta(minutes=5)
    silence: int = 30
    deadline: float = 600

    def ask(self, once: Callable[[int], T], *, again: bool = True) -> T:
        """Ask until there is an answer; `once` is told how often there was none before.

        A limit is always waited for, because it means that nothing was done, and each time at least twice as long;
        after silence it is asked again only where `again` allows that.
        """
        until = self.clock.steady() + self.max_wait
        backoff: Sequence[float] = _BACKOFF if again else ()
        failures = limits = 0
        while True:
            try:
                return once(failures)
            except RateLimitedError as limit:
                pause = _SECONDARY_WAIT * 2**limits if limit.wait is None else max(limit.wait, 2.0**limits)
                limits += 1
                if self.clock.steady() + timedelta(seconds=pause) > until:
                    raise
            except NoAnswerError:
                if failures == len(backoff) or self.clock.steady() + timedelta(seconds=backoff[failures]) > until:
                    raise
                pause = backoff[failures]
                failures += 1
            self.clock.sleep(pause)
