"""Delivery metrics of an environment, from its ledger: how often, how fast, how safely, and how soon well again."""

from __future__ import annotations

from datetime import date

import msgspec

DEFINITIONS = {
    "frequency": (
        "Deployments of something new that were proven healthy, per week. "
        "Rollbacks are not among them; those that a person asked for are, and are also counted apart."
    ),
    "lead_time": (
        "From the date of a commit to the moment that the first deployment with it was proven healthy. "
        "Every commit counts once, merges do not."
    ),
    "change_failure_rate": (
        "Of the deployments of something new that changed the environment, the share that failed or that somebody "
        "went back from. Those whose outcome nobody knows are left out."
    ),
    "recovery_time": (
        "From the moment that a failed deployment began to change the environment, or that somebody asked to go back, "
        "until the environment was proven healthy again."
    ),
}
"""What each number means, in words to show beside it."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds, of which `count` were measured: the middle one, and the one that nine of ten keep to."""

    count: int
    median: float
    p90: float


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Deployments that ended, each counted once: `healthy` and `failed` are of something new, `manual` among them.

    `rollbacks` counts the ways back that changed the environment, and `unknown` those whose outcome nobody knows.
    """

    healthy: int = 0
    failed: int = 0
    manual: int = 0
    rollbacks: int = 0
    unknown: int = 0


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """One week from Monday, in UTC; what nothing was measured for is None, never zero."""

    start: date
    counts: Counts
    lead_time: Spread | None = None
    change_failure_rate: float | None = None
    recovery_time: Spread | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery metrics of one environment over its last weeks, oldest first; what is not known is None.

    `frequency` is per week. `unrecovered` says that the environment has not been proven healthy since it last failed.
    """

    weeks: tuple[Week, ...] = ()
    counts: Counts = Counts()
    frequency: float | None = None
    lead_time: Spread | None = None
    change_failure_rate: float | None = None
    recovery_time: Spread | None = None
    unrecovered: bool = False
    definitions: dict[str, str] = DEFINITIONS
