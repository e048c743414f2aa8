"""What stands for a target and its environment in the texts of a check: `$target`, `$environment`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.config.model import Environment

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})", re.ASCII)


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """A text with the values of its variables; `$$` is a dollar, and `$1` what PromQL makes of it."""
    return _VARIABLE.sub(lambda match: "$" if match["dollar"] else values[_name(match)], text)


def used_in(text: str) -> set[str]:
    """The names of the variables in a text."""
    return {_name(match) for match in _VARIABLE.finditer(text) if not match["dollar"]}


def unknown_in(text: str, known: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with each variable of a text that does not exist."""
    names = ", ".join(f"`${one}`" for one in known)
    for unknown in sorted(used_in(text) - {*known}):
        yield f"there is no `${unknown}`, only {names}; a dollar of its own is written `$$`"


def target_names(environment: Environment, name: str) -> list[str]:
    """What `$target` stands for: the targets, or the environment, where it is its own only one."""
    return [target.name for target in environment.targets] or [name]


def _name(match: re.Match[str]) -> str:
    return match["plain"] or match["braced"]
