"""Checks that ask an engine, as they are configured: which workload or containers of each target they look at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import shown
from release_tool.config.variables import filled_in, target_names, unknown_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.config.model import Check, Environment

VARIABLES = ("target", "environment")
"""What the name of a workload may use, each after a `$`."""
_NAMING = ("workload", "namespace", "label", "reference")
"""The keys that say what is looked at."""
_FORMS = {
    "workload": (re.compile(r"(?:deployment|statefulset|daemonset)/[a-z0-9][a-z0-9.-]{0,252}"), "deployment/shop"),
    "namespace": (re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"), "shop"),
    "label": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*(?:=[A-Za-z0-9._/-]*)?"), "com.docker.compose.service=web"),
}
_NEEDED = {"kubernetes": "workload", "docker": "label"}


def named(check: Check, values: Mapping[str, str]) -> Check:
    """A check of one target, with the values of its variables."""
    return msgspec.structs.replace(check, **{key: filled_in(getattr(check, key), values) for key in _NAMING})


def problems(check: Check, environment: Environment, name: str) -> Iterator[tuple[str, str]]:
    """Why a check of an environment finds nothing to look at, each with its key."""
    if not check.asks_an_engine:
        foreign = "a check of the kind `{}` knows nothing of a workload"
        yield from (
            (key, foreign.format(check.kind)) for key in ("workload", "label", "reference") if getattr(check, key)
        )
        return
    unknown = [(key, problem) for key in _NAMING for problem in unknown_in(getattr(check, key), VARIABLES)]
    yield from unknown
    if not unknown:
        targets = target_names(environment, name)
        yield from _misnamed([named(check, {"target": target, "environment": name}) for target in targets])


def _misnamed(checks: list[Check]) -> Iterator[tuple[str, str]]:
    """What can't be the name of anything, of whichever target it is."""
    for check in checks:
        for key, (form, example) in _FORMS.items():
            value = getattr(check, key)
            if (value or _NEEDED[check.kind] == key) and not form.fullmatch(value):
                yield key, f"expected such as `{example}`, got {shown(value)}"
