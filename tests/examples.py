"""How much is tried of what could be tried for ever: a part every day, all of it in the gate (`EXAMPLES=all`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ALL = os.environ.get("EXAMPLES") == "all"
_PART = 4


def number(of_all: int, *, part: int = _PART) -> int:
    """How many examples of a law are tried, of so many in the gate: every day one in each `part`."""
    return of_all if ALL else max(3, of_all // part)


def some(of_all: Sequence[T], *, part: int = _PART) -> Sequence[T]:
    """The cases of a sweep that are tried: all in the gate; every day the first, the last, and those evenly between."""
    return of_all if ALL else [*of_all[:-1:part], *of_all[-1:]]
