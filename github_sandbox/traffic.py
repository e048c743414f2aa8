"""What is asked and answered, for those who want to look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


class Exchange(msgspec.Struct, frozen=True):
    """One request to an interface and what was answered; `url` is the path with its query."""

    method: str
    url: str
    request: bytes
    status: int
    answer: bytes


WATCHERS: list[Callable[[Exchange], None]] = []
"""Who sees each exchange of each sandbox of this process; what a fault says instead of GitHub is not among them."""
