"""Whether output is coloured, by the variables that people know; apart, so that `--help` imports nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def colour(environment: Mapping[str, str]) -> bool | None:
    """Whether output is coloured: as the person wants it, else None: where it is a terminal."""
    if environment.get("NO_COLOR"):
        return False
    return True if environment.get("FORCE_COLOR") else None
