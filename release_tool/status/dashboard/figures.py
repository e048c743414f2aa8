"""The four delivery metrics as they are shown: a number, what it means, and how it went week by week."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.status.dashboard.charts import Columns, columns
from release_tool.text.humanize import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from release_tool.status.metrics import Counts, DeliveryMetrics, Percentiles

NOT_KNOWN = "not known"

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_DURATIONS = (
    *(number * _MINUTE for number in (1, 2, 5, 10, 20, 30)),
    *(number * _HOUR for number in (1, 2, 4, 8, 12)),
    *(number * _DAY for number in (1, 2, 4, 7, 14, 30, 60, 90, 180, 365)),
)
"""The ends that an axis of durations may have; a round number of seconds is none that people know."""

_SHARES = (0.1, 0.25, 0.5, 1.0)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: its number with what stands beside it, its definition, its chart, and the chart in words.

    `top` is what the full height of the chart stands for.
    """

    name: str
    value: str
    unit: str
    beside: str
    definition: str
    chart: Columns
    told: str
    top: str


def figures(delivery: DeliveryMetrics) -> tuple[Figure, ...]:
    """Write the metrics of one environment."""
    weeks = delivery.weeks
    return (
        _figure(
            "Deployment frequency",
            NOT_KNOWN if delivery.frequency is None else f"{delivery.frequency:.1f}",
            "a week",
            f"{count(delivery.counts.manual, 'deployment')} by hand",
            delivery.definitions.frequency,
            [] if delivery.frequency is None else [(float(week.counts.healthy), None) for week in weeks],
            lambda value: f"{value:g}",
        ),
        _figure(
            "Lead time",
            _middle(delivery.lead_time),
            "median",
            _nine_of_ten(delivery.lead_time, "commit"),
            delivery.definitions.lead_time,
            [_pair(week.lead_time) for week in weeks],
            duration,
            _DURATIONS,
        ),
        _figure(
            "Change failure rate",
            percent(delivery.change_failure_rate),
            "",
            f"{delivery.counts.failed} failed, {count(delivery.counts.rollbacks, 'rollback')}",
            delivery.definitions.change_failure_rate,
            [(week.change_failure_rate, None) for week in weeks],
            percent,
            _SHARES,
        ),
        _figure(
            "Recovery time",
            _middle(delivery.recovery_time),
            "median",
            _nine_of_ten(delivery.recovery_time, "failure"),
            delivery.definitions.recovery_time,
            [_pair(week.recovery_time) for week in weeks],
            duration,
            _DURATIONS,
        ),
    )


def percent(share: float | None) -> str:
    """Write a share in whole percent."""
    return NOT_KNOWN if share is None else f"{share * 100:.0f} %"


def tallied(counts: Counts) -> str:
    """Say what was counted, in one line."""
    line = (
        f"{counts.healthy} healthy, {counts.failed} failed, {count(counts.rollbacks, 'rollback')}; "
        f"{counts.manual} by hand"
    )
    return f"{line}; {counts.unknown} with an unknown outcome" if counts.unknown else line


def _figure(  # noqa: PLR0913, PLR0917  # a row of the table above
    name: str,
    value: str,
    unit: str,
    beside: str,
    definition: str,
    values: Sequence[tuple[float | None, float | None]],
    write: Callable[[float], str],
    steps: Sequence[float] = (),
) -> Figure:
    chart = columns(values, steps)
    return Figure(
        name=name,
        value=value,
        unit="" if value == NOT_KNOWN else unit,
        beside=beside if value != NOT_KNOWN else "nothing was measured in these weeks",
        definition=definition,
        chart=chart,
        told=f"{name}, {_told(values, write)}",
        top="" if chart.top is None else write(chart.top),
    )


def _told(values: Sequence[tuple[float | None, float | None]], write: Callable[[float], str]) -> str:
    """Say in words what a chart shows."""
    known = [value for value, _ in values if value is not None]
    if not known:
        return "no week was measured"
    return (
        f"{len(known)} of {count(len(values), 'week')} measured: lowest {write(min(known))}, "
        f"highest {write(max(known))}, latest {write(known[-1])}"
    )


def _pair(spread: Percentiles | None) -> tuple[float | None, float | None]:
    return (spread.median, spread.p90) if spread else (None, None)


def _middle(spread: Percentiles | None) -> str:
    return duration(spread.median) if spread else NOT_KNOWN


def _nine_of_ten(spread: Percentiles | None, noun: str) -> str:
    return f"90 % within {duration(spread.p90)}, of {count(spread.count, noun)}" if spread else ""
