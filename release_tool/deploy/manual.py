"""Deploying by hand: the commands to type when neither GitHub nor this tool can be reached."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def by_hand(
    title: str, commit: str, steps: Iterable[tuple[Sequence[str], Mapping[str, str]]], pass_env: Iterable[str]
) -> str:
    """Write the commands that bring a commit: each step is an argv with the variables that it is told.

    Variables of `pass_env` hold secrets and are only named.
    """
    lines = [f"# {title}", f"git switch --detach {commit}"]
    needed = list(pass_env)
    if needed:
        lines.append(f"# needs in its environment: {', '.join(needed)}")
    for argv, variables in steps:
        told = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        lines.append(f"env {told} {shlex.join(argv)}")
    return "\n".join(lines)
