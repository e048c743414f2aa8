from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from release_tool.status.dashboard.charts import HEIGHT, beginning, columns, lane
from release_tool.status.dashboard.figures import figures, tallied
from release_tool.status.metrics import DeliveryMetrics
from tests.status.dashboard.samples import DAY, NOW, calm, entry

if TYPE_CHECKING:
    from release_tool.status.model import TimelineEntry

VALUES = st.lists(st.tuples(st.none() | st.floats(0, 1e7), st.none() | st.floats(0, 1e7)), max_size=20)
ENTRIES = st.lists(
    st.builds(
        lambda number, hours, phase: entry(number, "1.0.0", NOW - timedelta(hours=hours), phase),
        st.integers(1, 10_000),
        st.integers(0, 24 * 60),
        st.sampled_from(["healthy", "replaced", "failed", "held", "unknown"]),
    ),
    max_size=30,
)


@given(VALUES)
def test_every_column_stays_in_its_chart_and_a_higher_value_is_never_lower(
    values: list[tuple[float | None, float | None]],
) -> None:
    chart = columns(values)
    for column, (value, upper) in zip(chart.columns, values, strict=bool(chart.columns)):
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert (column.height is None, column.upper is None) == (value is None, upper is None)
        assert all(0 < height <= HEIGHT for height in (column.height, column.upper) if height is not None)
    shown = zip(chart.columns, values[: len(chart.columns)], strict=True)
    solid = sorted((value, column.height or 0) for column, (value, _) in shown if value is not None)
    assert [height for _, height in solid] == sorted(height for _, height in solid)


@given(VALUES)
@example([(None, 5e-324)])
def test_the_axis_ends_at_the_highest_value_or_above(values: list[tuple[float | None, float | None]]) -> None:
    highest = max((value for pair in values for value in pair if value is not None), default=None)
    top = columns(values).top
    assert (top is None) is (highest is None)
    assert top is None or highest is None or top >= highest


def test_a_week_that_was_not_measured_is_a_gap_and_zero_is_seen() -> None:
    gap, zero, some = columns([(None, None), (0.0, None), (4.0, None)]).columns
    assert gap.height is None
    assert zero.height == 2
    assert some.height == 51.2


def test_an_axis_of_durations_ends_where_people_count_to() -> None:
    shown = {figure.name: figure.top for figure in figures(calm().environments[0].delivery)}
    assert shown == {
        "Deployment frequency": "10",
        "Lead time": "1 d",
        "Change failure rate": "25 %",
        "Recovery time": "20 min",
    }


def test_what_was_never_measured_is_not_known_and_has_no_chart() -> None:
    for figure in figures(DeliveryMetrics()):
        assert (figure.value, figure.chart.columns) == ("not known", ())
        assert figure.definition


def test_a_chart_is_told_in_words_to_those_who_do_not_see_it() -> None:
    told = [figure.told for figure in figures(calm().environments[0].delivery)]
    assert told[0] == "Deployment frequency, 12 of 12 weeks measured: lowest 0, highest 9, latest 4"
    assert told[2] == "Change failure rate, 11 of 12 weeks measured: lowest 0 %, highest 20 %, latest 20 %"


def test_deployments_by_hand_and_of_unknown_outcome_are_told_apart() -> None:
    counts = msgspec.structs.replace(calm().environments[0].delivery.counts, unknown=2)
    assert tallied(counts) == "64 healthy, 5 failed, 5 rollbacks; 14 by hand; 2 with an unknown outcome"


@given(ENTRIES)
def test_a_lane_shows_every_deployment_of_its_time_in_order_and_its_stretches_never_overlap(
    entries: list[TimelineEntry],
) -> None:
    start = NOW - 30 * DAY
    drawn = lane(entries, start, NOW)
    assert len(drawn.marks) == sum(start <= one.created for one in entries)
    assert all(0 <= mark.x <= 100 for mark in drawn.marks)
    ends = [(part.x, round(part.x + part.width, 2)) for part in drawn.stretches]
    assert ends == sorted(ends)
    assert all(before[1] <= after[0] + 0.011 for before, after in pairwise(ends))


def test_between_a_failure_and_the_rollback_that_was_proven_the_lane_is_not_well() -> None:
    failed = entry(2, "1.1.0", NOW - 5 * DAY, "failed", seconds=0.0)
    back = entry(3, "1.0.0", NOW - 4 * DAY, kind="rollback", parent=2)
    drawn = lane([back, failed, entry(1, "1.0.0", NOW - 9 * DAY)], NOW - 10 * DAY, NOW)
    assert [(part.good, round(part.width)) for part in drawn.stretches] == [(True, 39), (False, 10), (True, 39)]


def test_what_was_live_before_a_lane_begins_goes_on_into_it() -> None:
    drawn = lane([entry(1, "1.0.0", NOW - 300 * DAY)], NOW - 10 * DAY, NOW)
    assert drawn.marks == ()
    assert [(part.good, part.x, part.width) for part in drawn.stretches] == [(True, 1, 98)]


def test_lanes_begin_at_the_first_deployment_of_any_environment_and_not_too_long_ago() -> None:
    old, young = entry(1, "1.0.0", NOW - 300 * DAY), entry(2, "1.1.0", NOW - 3 * DAY)
    assert beginning([(young,), ()], NOW, 84 * DAY) < young.created
    assert beginning([(young,), (old,)], NOW, 84 * DAY) == NOW - 84 * DAY
    assert beginning([], NOW, 84 * DAY) == NOW - 84 * DAY
