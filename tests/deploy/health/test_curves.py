"""Why a deployment was left is kept as a few curves, which fit into the ledger and decide nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Check, Duration
from release_tool.deploy.health.curves import MOST, MOST_POINTS, ROOM, Curve, curve_lines, curves_of, read_curves
from release_tool.deploy.health.verdict import Reading, Sample
from release_tool.deploy.ledger.model import TASK, decode, encode
from release_tool.status.dashboard.charts import CURVE, curve
from tests.deploy.ledger.ledgers import deployment

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
HEALTH = Check(name="health", url="/health", latency=Duration.parse("300ms"))
ERRORS = Check(name="errors", kind="prometheus", max=0.01)
WEB = "web-1"


def sample(second: float, reading: Reading = Reading.OK, check: str = "health", **more: object) -> Sample:
    plain = Sample(target=WEB, check=check, at=BEGIN + timedelta(seconds=second), sample=reading)
    return msgspec.structs.replace(plain, **more)


SLOWER = curves_of(
    [sample(second, took=0.1) for second in (-60, -30)],
    [sample(0, took=0.1), sample(2, took=0.2), sample(4, Reading.BAD, took=0.4)],
    [HEALTH],
)


def test_a_curve_has_what_was_before_and_after_with_its_bound() -> None:
    (found,) = SLOWER
    assert found == Curve(
        target=WEB,
        check="health",
        at=(-60, -30, 0, 2, 4),
        marks="oooob",
        values=(0.1, 0.1, 0.1, 0.2, 0.4),
        seconds=True,
        most=0.3,
    )
    assert curve_lines([found]) == (
        "web-1  health  ▁▁│▁▃█\n  0.1 s before, 0.4 s in the end, at most 0.3 s is good, 1 of 3 points after it are bad"
    )


def test_what_measures_nothing_is_a_row_of_signs() -> None:
    own = Check(name="own", kind="command", command=("x",))
    (found,) = curves_of([], [sample(0, check="own"), sample(2, Reading.BAD, check="own")], [own])
    assert (found.values, found.line) == ((), "●✗")
    assert len(curve(found).marks) == 2


def test_of_many_samples_those_that_tell_most_are_kept() -> None:
    many = [sample(second, Reading.BAD if second == 777 else Reading.OK, took=0.1) for second in range(1_000)]
    (found,) = curves_of([sample(-second, took=0.1) for second in range(1_000, 0, -1)], many, [HEALTH])
    assert len(found.at) == MOST_POINTS
    assert (found.before, found.marks.count("b")) == (20, 1)


def test_those_that_went_bad_come_first_and_no_more_are_kept_than_there_is_room_for() -> None:
    checks = [msgspec.structs.replace(ERRORS, name=f"errors-{number}" + "x" * 50) for number in range(9)]
    after = [
        sample(second, Reading.BAD if check is checks[7] else Reading.OK, check=check.name, value=second / 3)
        for check in checks
        for second in range(200)
    ]
    found = curves_of([], after, checks)
    assert found[0].check.startswith("errors-7")
    assert 1 < len(found) <= MOST
    assert len(msgspec.json.encode(found)) <= ROOM


def test_where_nothing_was_asked_there_is_no_curve() -> None:
    assert curves_of([sample(-1)], [], [HEALTH]) == ()


def test_the_ledger_gives_back_what_was_written() -> None:
    payload = msgspec.structs.replace(deployment(1, "1").payload, curves=SLOWER)
    assert decode(TASK, msgspec.json.encode(encode(payload)).decode()) == payload
    assert "curves" not in encode(deployment(1, "1").payload), "most deployments have none"


@pytest.mark.parametrize(
    "curves",
    [
        "text",
        7,
        None,
        [{"target": "x"}],
        [{"target": "x", "check": "y", "at": [1], "marks": "oo"}],
        [{"target": "x", "check": "y", "at": [1], "marks": "!"}],
        [{"target": "x", "check": "y", "at": [1], "marks": "o", "values": [1, 2]}],
        [{"target": "x" * 1_000, "check": "y", "at": [1], "marks": "o"}],
        [{"target": "x", "check": "y", "at": list(range(1_000)), "marks": "o" * 1_000}],
    ],
)
def test_curves_that_can_not_be_read_make_no_deployment_unreadable(curves: object) -> None:
    payload = deployment(1, "1").payload
    assert decode(TASK, encode(payload) | {"curves": curves}) == payload


def test_those_that_can_be_read_are() -> None:
    broken: object = {"target": "x"}
    assert read_curves([broken, msgspec.to_builtins(SLOWER[0])]) == SLOWER


VALUES = st.none() | st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(st.integers(-500, 500), st.sampled_from("osubr"), VALUES), min_size=1, max_size=60), VALUES)
def test_every_point_and_every_bound_lies_in_its_drawing(
    points: list[tuple[int, str, float | None]], most: float | None
) -> None:
    points.sort(key=lambda point: point[0])
    drawn = curve(
        Curve(
            target=WEB,
            check="x",
            at=tuple(at for at, _, _ in points),
            marks="".join(mark for _, mark, _ in points),
            values=tuple(value for _, _, value in points),
            most=most,
        )
    )
    places = [tuple(map(float, place.split(","))) for line in drawn.lines for place in line.split()]
    places += [(mark.x, mark.y) for mark in drawn.marks]
    assert all(0 <= x <= CURVE[0] and 0 <= y <= CURVE[1] for x, y in places)
    assert drawn.most is None or 0 <= drawn.most <= CURVE[1]
