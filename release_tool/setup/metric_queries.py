"""Asking each query of metrics once, so that one that can't ever be answered is found before a deployment needs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from release_tool.config.variables import filled_in, target_names, used_in
from release_tool.deploy.health.connection import ConnectionFailedError, TimedConnection
from release_tool.deploy.health.prometheus import Prometheus, QueryRefusedError
from release_tool.deploy.health.series import since
from release_tool.deploy.health.verdict import checks_of
from release_tool.setup.checks import ok, problem, unseen
from release_tool.text.masking import masker, url_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.config.model import Check, Config, Environment
    from release_tool.deploy.health.series import Series
    from release_tool.setup.checks import DoctorFinding

_FEW = 5
"""How many targets a query is asked for: it is the same one for all of them."""


def of_queries(config: Config, variables: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Ask each query, where the variables that it needs are set here."""
    for name, environment in config.environments.items():
        for check in checks_of(environment):
            if check.asks_metrics:
                yield _finding(check, environment, name, variables)


def _finding(check: Check, environment: Environment, name: str, variables: Mapping[str, str]) -> DoctorFinding:
    about = f"metric {check.name} of {name}"
    if missing := [one for one in check.own_variables if not variables.get(one, "").strip()]:
        return unseen(about, f"was not asked: {', '.join(missing)} is not set here", "set it here, and run it again")
    targets = target_names(environment, name)[: _FEW if "target" in used_in(check.query) else 1]
    try:
        silent = [one for one in targets if not _asked(check, environment, name, one, variables)]
    except QueryRefusedError as refusal:
        return problem(about, refusal.detail, f"correct `query` of `{check.name}` in environments.{name}.checks")
    except ConnectionFailedError as trouble:
        return unseen(about, trouble.detail, "release-tool doctor, from where the deployments run")
    if silent:
        nothing = f"the query finds no series for {', '.join(silent)}"
        return unseen(
            about, nothing, "right where nothing runs yet; else correct the query, for no data is not healthy"
        )
    return ok(about, f"Prometheus answers the query for {', '.join(targets)}")


def _asked(
    check: Check, environment: Environment, name: str, target: str, variables: Mapping[str, str]
) -> tuple[Series, ...]:
    """What a query finds now; raises ConnectionFailedError where that can't be known."""
    secrets = [variables.get(one, "") for one in check.own_variables]
    addresses = (check.url, variables.get(check.url_env, ""))
    mask = masker(frozenset({*secrets}.union(*map(url_secrets, addresses)) - {""}))
    attempt = TimedConnection(check.timeout.total_seconds())
    timer = threading.Timer(attempt.left, attempt.cut)
    timer.start()
    try:
        lately = since(None, check.interval, environment.bake)
        query = filled_in(check.query, {"target": target, "environment": name, "since": lately})
        return Prometheus(check, variables, attempt, mask).query(query)
    finally:
        timer.cancel()
        attempt.close()
