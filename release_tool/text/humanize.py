"""Times, durations and numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_UNITS = (("day", 86_400, 36 * 3_600), ("hour", 3_600, 90 * 60), ("minute", 60, 45))
"""Each unit, its seconds, and from how many seconds on a time is told in it: 80 minutes say more than 1 hour."""

_SHORT = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

_LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_PLAIN = range(-9, 15)
"""The powers of ten that are written as digits, or as so many millions."""


def count(number: int, noun: str) -> str:
    """Write a number with its noun, such as `1 change` and `2 changes`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def few(names: Sequence[str], most: int) -> str:
    """List the first of some names, and tell how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def ago(then: datetime, now: datetime) -> str:
    """Tell how long ago something was, or how soon it will be, in its largest fitting unit."""
    seconds = abs((now - then).total_seconds())
    for unit, size, least in _UNITS:
        if seconds >= least:
            told = count(round(seconds / size), unit)
            return f"{told} ago" if then <= now else f"in {told}"
    return "just now" if then <= now else "in a moment"


def duration(seconds: float) -> str:
    """Write a duration with its two largest units, such as `3 h 20 min`."""
    left = round(seconds)
    for at, (unit, size) in enumerate(_SHORT):
        if left >= size:
            below, smaller = _SHORT[at + 1] if at + 1 < len(_SHORT) else ("", 1)
            rest = left % size // smaller if below else 0
            return f"{left // size} {unit}" + (f" {rest} {below}" if rest else "")
    return "0 s"


def figure(value: float, digits: int = 6) -> str:
    """Write what was measured with so many digits that count, such as `0.0000123`, `12,345` or `413.6 million`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    mantissa, _, power_of_ten = f"{value:.{digits - 1}e}".partition("e")
    power = int(power_of_ten)
    if power not in _PLAIN:
        return f"{_without_zeros(mantissa)} × 10^{power}"  # noqa: RUF001 - it is the sign that is meant
    rounded = float(f"{mantissa}e{power}")
    if not rounded:
        return "0"
    for unit, name in _LARGE:
        if abs(rounded) >= unit:
            return f"{rounded / unit:.{digits}g} {name}"
    return _without_zeros(f"{rounded:,.{max(digits - 1 - power, 0)}f}")


def _without_zeros(text: str) -> str:
    """A number without the zeros that end its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """Draw values as bars of one character each, from the lowest to the highest; what is not known is a dot."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0) / 4, max(known, default=0.0) / 4  # what is between the largest ones is a number
    top = len(_BARS) - 1
    step = (high - low) / top

    def bar(value: float) -> str:
        return _BARS[min(round((value / 4 - low) / step), top) if step else 0]  # the smallest steps are rounded to less

    return "".join("·" if value is None else bar(value) for value in values)
