"""The shapes of the dashboard's charts, as numbers: the template only has to draw them.

Places along the width are percentages, because a chart is as wide as the page lets it be; heights are of `HEIGHT`.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.verdict import Reading
from release_tool.status.model import TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from release_tool.deploy.health.curves import Curve


HEIGHT = 64
"""The height of a column chart, in pixels."""

LANE = 50
"""The height of the lane of an environment, in pixels: rollbacks stand above the line."""

_LEAST = 2
"""The height of a column that stands for next to nothing: it was measured, and has to be seen."""

_MOST_MARKS = 150
_STEPS = (1, 2, 2.5, 5, 10)


class Column(msgspec.Struct, frozen=True):
    """One column, from the bottom: `height` of it is solid, and up to `upper` it is pale. Not measured: None."""

    x: float
    width: float
    height: float | None
    upper: float | None


class Columns(msgspec.Struct, frozen=True):
    """A column chart, and the value that its full height stands for (None where nothing was measured)."""

    columns: tuple[Column, ...]
    top: float | None


CURVE = (320, 80)
"""The width and the height of the curve of a check, which keep their proportion."""

_EDGE = 6


class CurveMark(msgspec.Struct, frozen=True):
    """A point of a curve at which something was wrong."""

    x: float
    y: float
    reading: str


class CurveShape(msgspec.Struct, frozen=True, kw_only=True):
    """The curve of a check: the lines through what was measured, and what was wrong on the way.

    `began` is where the deployment begins, None where nothing was measured before; `most` and `least` are the bounds.
    """

    lines: tuple[str, ...]
    marks: tuple[CurveMark, ...]
    began: float | None = None
    most: float | None = None
    least: float | None = None


class ChartMarker(msgspec.Struct, frozen=True):
    """A deployment's place in the lane of its environment."""

    x: float
    entry: TimelineEntry


class LaneSegment(msgspec.Struct, frozen=True):
    """A part of the lane in which the environment was proven healthy, or else had failed."""

    x: float
    width: float
    good: bool


class Lane(msgspec.Struct, frozen=True):
    """The deployments of one environment along the time, with how it was between them."""

    start: datetime
    end: datetime
    marks: tuple[ChartMarker, ...]
    stretches: tuple[LaneSegment, ...]


def columns(values: Sequence[tuple[float | None, float | None]], steps: Sequence[float] = ()) -> Columns:
    """Draw a value for each week, and one above it such as a 90th percentile (None: there is none).

    The full height stands for the first of the `steps` that is high enough, or else for a round number.
    """
    measured = [value for pair in values for value in pair if value is not None]
    if not measured:
        return Columns((), None)
    highest = max(measured)
    full = next((step for step in steps if step >= highest), None) or _round_above(highest)
    step = 100 / len(values)
    return Columns(
        tuple(
            Column(round(at * step + step * 0.12, 2), round(step * 0.76, 2), _height(value, full), _height(upper, full))
            for at, (value, upper) in enumerate(values)
        ),
        full,
    )


def lane(timeline: Iterable[TimelineEntry], start: datetime, end: datetime) -> Lane:
    """Place deployments on the stretch of time from `start` to `end`; of very many the newest are marked."""
    entries = sorted((entry for entry in timeline if entry.created <= end), key=lambda entry: entry.id)
    within = [entry for entry in entries if entry.created >= start][-_MOST_MARKS:]
    marks = tuple(ChartMarker(_place(entry.created, start, end), entry) for entry in within)
    return Lane(start, end, marks, tuple(_stretches(entries, start, end)))


def curve(shown: Curve) -> CurveShape:
    """Draw what a check measured before and after a deployment; what measures nothing is a row of its marks."""
    first, last = shown.at[0], shown.at[-1]
    known = [one for one in (*shown.values, shown.most, shown.least) if one is not None]
    low, high = min([0.0, *known]), max(known, default=1.0)
    width, height = CURVE

    def across(at: int) -> float:
        return round(_EDGE + (width - 2 * _EDGE) * ((at - first) / (last - first) if last > first else 1), 1)

    def up(value: float | None) -> float:
        share = 0.5 if value is None else (value - low) / (high - low) if high > low else 0
        return round(height - _EDGE - (height - 2 * _EDGE) * share, 1)

    values = shown.values or (None,) * len(shown.at)
    points = [(across(at), value) for at, value in zip(shown.at, values, strict=True)]
    runs = (list(run) for there, run in itertools.groupby(points, key=lambda one: one[1] is not None) if there)
    wrong = (one for one in zip(points, shown.readings, strict=True) if one[1] is not Reading.OK or not shown.values)
    return CurveShape(
        lines=tuple(" ".join(f"{x},{up(value)}" for x, value in run) for run in runs),
        marks=tuple(CurveMark(x, up(value), reading.value) for (x, value), reading in wrong),
        began=across(0) if shown.before else None,
        most=None if shown.most is None else up(shown.most),
        least=None if shown.least is None else up(shown.least),
    )


def beginning(timelines: Iterable[Sequence[TimelineEntry]], end: datetime, longest: timedelta) -> datetime:
    """Where the lanes of all environments begin: at the first deployment of any, but not longer ago than that."""
    first = min((entry.created for timeline in timelines for entry in timeline), default=end - longest)
    return max(first - (end - first) * 0.02, end - longest)


def _stretches(entries: Iterable[TimelineEntry], start: datetime, end: datetime) -> Iterator[LaneSegment]:
    """Cut the time at every proof and every failure; what came last before the start goes on into it.

    Neighbours that are alike are one stretch.
    """
    turns = sorted((turn for entry in entries for turn in _turns(entry)), key=lambda turn: turn[0])
    changes = [turn for at, turn in enumerate(turns) if at == 0 or turn[1] is not turns[at - 1][1]]
    for at, (since, good) in enumerate(changes):
        until = changes[at + 1][0] if at + 1 < len(changes) else end
        x = _place(since, start, end)
        if width := round(_place(until, start, end) - x, 2):
            yield LaneSegment(x, width, good)


def _turns(entry: TimelineEntry) -> Iterator[tuple[datetime, bool]]:
    if entry.ended is None:
        return
    if entry.proven:
        yield entry.ended, True
    elif entry.changed:
        yield entry.ended - timedelta(seconds=entry.seconds or 0), False


def _place(at: datetime, start: datetime, end: datetime) -> float:
    """A percentage of the width, a little away from both edges, so that a mark is seen whole."""
    share = (at - start) / (end - start) if end > start else 1
    return round(1 + 98 * min(max(share, 0), 1), 2)


def _height(value: float | None, top: float) -> float | None:
    return None if value is None else max(round(HEIGHT * min(value / top, 1), 1), _LEAST)


_SMALLEST = 1e-300
"""Below it the powers of ten end; nothing that is measured comes near."""


def _round_above(value: float) -> float:
    """The next round number, for the end of an axis."""
    if value < _SMALLEST:
        return 1
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= value)
