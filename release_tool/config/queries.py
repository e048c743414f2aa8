"""Checks that ask metrics, as they are configured: their query, their pace, and what can't stand together."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Duration, shown
from release_tool.config.variables import target_names, unknown_in, used_in
from release_tool.text.humanize import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from release_tool.config.model import Check, Config, Data, Environment

VARIABLES = ("target", "environment", "since")
"""What a query may use, each after a `$`."""
_ADDRESS = re.compile(r"https?://[^/?#\s]+[^\s]*", re.IGNORECASE)
LOOKS_COMPARED = 5
"""So many looks are compared at least: of fewer, chance alone makes every order often enough."""
_WHOLE = 100
_QUOTES = re.compile(r"[\"'`\\\n]")
"""What can't stand in a quoted string of a query as it is."""
_PACE: Mapping[str, object] = {
    "initial-delay": Duration(seconds=30),
    "interval": Duration(seconds=15),
    "timeout": Duration(seconds=10),
    "failure-threshold": 6,
}
"""The defaults of a check that asks metrics: it learns nothing new between two collections."""
_OF_ANSWERS = {"worse-by": "50%"}
"""The default of a check that compares how long answers take, which is up and down more than metrics of many are."""
_OWN = ("query", "url-env", "token-env", "user", "max", "min", "no-data")
"""The keys that no other kind of check has."""
_COMPARED = ("worse", "worse-by")
"""The keys that mean nothing where nothing is compared."""
_FOREIGN = ("command", "namespace", "latency")
"""Keys that mean nothing to it; the others are refused because it reads no answer and knows no workload."""


class _Given(msgspec.Struct):
    """The keys that an environment was given for each of its checks."""

    checks: tuple[dict[str, object], ...] = ()


def paced(config: Config, data: Data) -> Config:
    """The configuration with the defaults of each kind of check, where `data`, which it was read from, names none."""
    given = msgspec.convert(data.get("environments", {}), dict[str, _Given])
    environments = {
        name: msgspec.structs.replace(
            environment,
            checks=tuple(map(_paced, environment.checks, given[name].checks)),
        )
        for name, environment in config.environments.items()
    }
    return msgspec.structs.replace(config, environments=environments)


def _paced(check: Check, given: Mapping[str, object]) -> Check:
    usual = _PACE if check.kind == "prometheus" else _OF_ANSWERS if check.compare and check.times else {}
    missing = {key.replace("-", "_"): value for key, value in usual.items() if key not in given}
    return msgspec.structs.replace(check, **missing)


def problems(check: Check, environment: Environment, name: str) -> Iterator[tuple[str, str]]:
    """Why a check of an environment could never be healthy, or never anything else, each with its key."""
    yield from _problems_of_comparison(check, environment)
    if check.kind != "prometheus":
        yield from ((key, "only a check of the kind `prometheus` has it") for key in _set(check, _OWN))
        return
    yield from ((key, "a check of the kind `prometheus` has none") for key in _set(check, _FOREIGN))
    yield from _problems_of_query(check, environment, name)
    yield from _problems_of_address(check, environment)
    yield from _problems_of_bounds(check)
    yield from _problems_of_pace(check, environment)


def _set(check: Check, keys: tuple[str, ...]) -> Iterator[str]:
    """Those of some keys that are not left at their defaults."""
    usual = type(check)()
    for key in keys:
        field = key.replace("-", "_")
        if getattr(check, field) != getattr(usual, field):
            yield key


def _problems_of_query(check: Check, environment: Environment, name: str) -> Iterator[tuple[str, str]]:
    if not check.query.strip():
        yield "query", "missing"
    yield from (("query", problem) for problem in unknown_in(check.query, VARIABLES))
    used = used_in(check.query)
    names = target_names(environment, name) if "target" in used else []
    for value in names + ([name] if "environment" in used else []):
        if _QUOTES.search(value):
            yield "query", f"{shown(value)} can't stand in a query: it has a quote, a backslash or a line break"


def _problems_of_address(check: Check, environment: Environment) -> Iterator[tuple[str, str]]:
    if check.url and check.url_env:
        yield "url-env", "the address stands in `url` already"
    elif not check.url_env and not _ADDRESS.fullmatch(check.url):
        wanted = "the whole address of Prometheus, such as `https://prometheus.example.com`"
        yield "url", f"expected {wanted}, got {shown(check.url)}"
    for key, variable in (("url-env", check.url_env), ("token-env", check.token_env)):
        if variable and variable not in environment.pass_env:
            yield key, f"`pass-env` does not name {variable}"
    if check.user and not check.token_env:
        yield "user", "needs a password: name the variable that holds it in `token-env`"


def _problems_of_bounds(check: Check) -> Iterator[tuple[str, str]]:
    if check.max is None and check.min is None and check.compare is None:
        yield "max", "missing: without `max`, `min` or `compare` nothing is ever bad"
    for key, bound in (("max", check.max), ("min", check.min)):
        if bound is not None and not math.isfinite(bound):
            yield key, f"expected a number, got {bound}"
    if check.max is not None and check.min is not None and check.min > check.max:
        yield "min", f"is more than `max`, {figure(check.max)}, so nothing is ever good"


def _problems_of_comparison(check: Check, environment: Environment) -> Iterator[tuple[str, str]]:
    if check.compare is None:
        yield from ((key, "there is nothing that it is compared with: set `compare`") for key in _set(check, _COMPARED))
        return
    if check.kind not in {"prometheus", "http"}:
        yield "compare", f"a check of the kind `{check.kind}` measures nothing that can be compared"
    if check.worse == "lower" and (check.kind == "http" or int(check.worse_by.removesuffix("%")) >= _WHOLE):
        yield "worse", "nothing is ever that much lower"
    if environment.bake < LOOKS_COMPARED * check.interval:
        yield "compare", f"a `bake` has less than {LOOKS_COMPARED} looks, too few to tell a change from chance"


def _problems_of_pace(check: Check, environment: Environment) -> Iterator[tuple[str, str]]:
    if check.initial_delay + check.interval > check.deadline:
        yield "interval", "leaves no time for a second look before `deadline`"
    if environment.bake < 2 * check.interval:
        yield (
            "interval",
            f"`bake` is shorter than two of them, {_seconds(2 * check.interval)}, of which no rate can be told",
        )


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"
