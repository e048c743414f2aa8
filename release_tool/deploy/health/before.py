"""What was measured before a deployment began, to compare with what is measured after it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.queries import LOOKS_COMPARED as LEAST
from release_tool.deploy.health.comparison import compared, looks_compared
from release_tool.deploy.health.verdict import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from release_tool.config.model import Check
    from release_tool.deploy.health.verdict import Sample

    Key = tuple[str, str]


class Before:
    """The samples from before a deployment that began at a time, by target and check; `kept` is where they are kept."""

    def __init__(self, began: datetime, kept: list[Sample]) -> None:
        self.began = began
        self._kept = kept
        self._known: set[Key] = set()

    def knows(self, target: str, check: str) -> bool:
        """Whether all that there is of a check of a target is here."""
        return (target, check) in self._known

    def keep(self, target: str, check: str, samples: Iterable[Sample]) -> None:
        """Keep what was measured by a check of a target, which may be nothing."""
        self._kept += samples
        self._known.add((target, check))

    def values(self, target: str, check: str) -> list[float]:
        """What was measured by a check of a target."""
        return _values(one for one in self._kept if (one.target, one.check) == (target, check))


class Comparison:
    """The latest values of one check of one target, compared with those from before."""

    def __init__(self, check: Check, bake: timedelta, before: list[float]) -> None:
        self._check = check
        self._before = before
        values = looks_compared(check, bake) * check.asked
        self._now: deque[float] = deque(maxlen=values)
        self._enough = values * 3 // 4  # some may have failed

    @property
    def lacks(self) -> str:
        """Why nothing can be compared, if that is so."""
        count = len(self._before)
        return f"there are {count} values from before, and {LEAST} are needed" if count < LEAST else ""

    def judged(self, samples: Iterable[Sample]) -> list[Sample]:
        """The samples of an interval: what was well answered is bad where the latest ones are worse than before."""
        found = list(samples)
        self._now.extend(_values(one for one in found if one.sample is not Reading.STALE))
        complaint = compared(self._before, self._now, self._check) if len(self._now) >= self._enough else ""
        return [_worse(one, complaint) if complaint and one.sample is Reading.OK else one for one in found]


def _worse(sample: Sample, complaint: str) -> Sample:
    return msgspec.structs.replace(sample, sample=Reading.BAD, detail=f"{sample.detail}: {complaint}")


def _values(samples: Iterable[Sample]) -> list[float]:
    """The values of metrics, and how long what was well answered took."""
    return [
        value
        for one in samples
        if (value := one.took if one.value is None else one.value) is not None
        if one.value is not None or one.sample in {Reading.OK, Reading.STALE}
    ]
