"""A part of the matrix of faults, drawn with a fixed seed; `make chaos` runs all of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests import examples
from tests.chaos import fuzz
from tests.chaos.matrix import KINDS, SEED, World, clean, points_of, wrongs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.matrix import Clean, Point

JOURNEYS = ("release", "sync", "deploy", "rollback", "resume")
"""Those that write most, and together make every kind of request."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("matrix"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def recorded() -> dict[str, Clean]:
    """The journeys on which nothing went wrong, each recorded when it is needed."""
    return {}


def some_points(name: str, known: Clean) -> list[Point]:
    points = points_of(name, known)
    return random.Random(SEED).sample(points, 2 if examples.ALL else 1)  # noqa: S311 - a draw, not a secret


@pytest.mark.parametrize("name", JOURNEYS)
def test_whatever_goes_wrong_on_a_journey_it_ends_right_and_can_be_run_again(
    world: World, recorded: dict[str, Clean], name: str
) -> None:
    known = recorded[name] = clean(world, name)
    found = {point.key: wrongs(world, point, known) for point in some_points(name, known)}

    assert {key: wrong for key, wrong in found.items() if wrong} == {}


def test_every_kind_of_fault_is_met_by_a_read_or_a_write(world: World, recorded: dict[str, Clean]) -> None:
    known = recorded.get("release") or clean(world, "release")

    assert {point.kind for point in points_of("release", known)} == KINDS.keys()


def test_a_tool_that_reads_nothing_back_is_found_out(world: World, recorded: dict[str, Clean]) -> None:
    known = recorded.get("deploy") or clean(world, "deploy")
    points = points_of("deploy", known)
    *_, healthy, _replaced = (one for one in points if one.kind == "reset" and one.request.endswith("/statuses"))

    assert wrongs(world, healthy, known, broken=True) != []
    assert wrongs(world, healthy, known) == []


def test_what_anybody_could_say_ends_with_one_of_our_own_errors() -> None:
    assert fuzz.run(fuzz.SEED, 0, 400, lambda _: None) == []
