"""What a query of metrics found becomes a reading: every series within its bounds, or which one is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.verdict import Measurement, Reading, Sample
from release_tool.text.humanize import figure
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from release_tool.config.model import Check

    Mask = Callable[[str], str]

_LONGEST = 80
"""Characters of the labels of a series that a detail shows."""
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


class Series(msgspec.Struct, frozen=True):
    """One of the values that a query found, with its labels."""

    labels: Mapping[str, str]
    value: float

    def named(self, mask: Mask) -> str:
        """Its value, and which one of several it is."""
        pairs = ", ".join(f"{name}={_quoted(value)}" for name, value in sorted(self.labels.items()))
        where = f" at {{{shortened(visible(mask(pairs)), _LONGEST)}}}" if pairs else ""
        return f"{figure(self.value)}{where}"


def since(gone: timedelta | None, interval: timedelta, bake: timedelta) -> str:
    """How long ago a command ended, as PromQL writes it: at least what tells a rate, at most a bake.

    Where no command ran, `gone` is None, and it is a whole bake.
    """
    whole = bake if gone is None else -(-gone // _SECOND) * _SECOND
    milliseconds = min(max(whole, 2 * interval), bake) // _MILLISECOND
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def judge_series(found: Sequence[Series], check: Check, mask: Mask) -> Measurement:
    """Compare every series with the bounds of a check; the worst one decides, and is named.

    One that is no number tells nothing, nor does an infinite one that is to be compared with numbers; and then nothing
    is known of the whole: a bad one is bad all the same.
    """
    measured = [one for one in found if not math.isnan(one.value)]
    if bad := [one for one in measured if _complaint(one.value, check)]:
        furthest = max(bad, key=lambda one: _excess(one.value, check))
        return _measured(Reading.BAD, f"{furthest.named(mask)} {_complaint(furthest.value, check)}", furthest)
    tells = math.isfinite if check.compare else lambda value: not math.isnan(value)
    missing = [one for one in found if not tells(one.value)]
    worst = worst_of(measured, check)
    if missing:
        return _measured(Reading(check.no_data), f"no data: {missing[0].named(mask)}", worst)
    if worst is None:
        return _measured(Reading(check.no_data), "no data: the query found no series", None)
    several = f", the worst of {len(found)} series" if len(found) > 1 else ""
    return _measured(Reading.OK, f"{worst.named(mask)}{several}", worst)


def worst_of(found: Sequence[Series], check: Check) -> Series | None:
    """The series that decides: in the direction that is worse where that is compared, else the nearest to a bound."""
    if check.compare is None:
        return max(found, key=lambda one: _excess(one.value, check), default=None)
    sign = -1 if check.worse == "lower" else 1
    return max(found, key=lambda one: sign * one.value, default=None)


def samples_of(target: str, check: Check, history: Mapping[datetime, Sequence[Series]]) -> list[Sample]:
    """A sample for each time at which something was measured, of the worst series then."""
    found = []
    for at, series in sorted(history.items()):
        worst = worst_of([one for one in series if math.isfinite(one.value)], check)
        if worst is not None:
            name = check.name or check.kind
            found.append(Sample(target=target, check=name, at=at, sample=Reading.OK, value=worst.value))
    return found


def _measured(reading: Reading, detail: str, worst: Series | None) -> Measurement:
    value = worst.value if worst is not None and math.isfinite(worst.value) else None
    return Measurement(reading=reading, detail=detail, value=value)


def _excess(value: float, check: Check) -> float:
    """How far a value is beyond its bounds; below nothing, how far it is within them."""
    over = -math.inf if check.max is None else value - check.max
    under = -math.inf if check.min is None else check.min - value
    return max(over, under)


def _complaint(value: float, check: Check) -> str:
    if check.max is not None and value > check.max:
        return f"is more than {figure(check.max)}"
    if check.min is not None and value < check.min:
        return f"is less than {figure(check.min)}"
    return ""


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
