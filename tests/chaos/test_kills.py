"""A run that is killed at any moment: the next one leaves production on a proven commit, or a person told."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from tests import examples, forkserver
from tests.chaos.aftermath import assert_in_order
from tests.chaos.endless import ENDLESS, assert_ends, fifo
from tests.chaos.past import enter, prove
from tests.production import COMMAND, QUICK, production

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.production import Production

WRITES = "POST|PATCH|PUT|DELETE"
OURS = "/repos/"
PATIENCE = 60

GOES = ["entry", "waiting", "changing", "verifying", "baking", "healthy", "replaced"]
FAILS = ["entry", "waiting", "changing", "verifying", "rolling back"]
BACK = ["entry back", "waiting back", "changing back", "verifying back"]
FURTHER = ["entry further", "waiting further", "changing further", "verifying further", "failed further"]


def good(version: str, _: int) -> tuple[int, object]:
    return 200, {"version": version}


def bad_release(version: str, _: int) -> tuple[int, object]:
    return 500 if version == "1.3.0" else 200, {"version": version}


class Broken:
    """An application that a release breaks for good: from then on no version answers."""

    def __init__(self) -> None:
        self.for_good = False

    def __call__(self, version: str, _: int) -> tuple[int, object]:
        self.for_good |= version == "1.3.0"
        return 500 if self.for_good else 200, {"version": version}


class Story(NamedTuple):
    """What is run, how the application behaves, and what is written on GitHub on the way when nobody is killed."""

    argv: tuple[str, ...]
    behave: Callable[[], Callable[[str, int], tuple[int, object]]]
    writes: list[str]


STORIES = {
    "good": Story(("deploy", "1.3.0"), lambda: good, GOES),
    "bad": Story(
        ("deploy", "1.3.0"),
        lambda: bad_release,
        [*FAILS, *BACK, "baking back", "healthy back", "replaced back", "failed"],
    ),
    "broken": Story(("deploy", "1.3.0"), Broken, [*FAILS, *BACK, "failed back", *FURTHER, "incident", "failed"]),
    "rollback": Story(("rollback",), lambda: good, ["halt", "pin", *GOES]),
}
POINTS = [
    (story, write)
    for story, told in STORIES.items()
    for write in range(len(FAILS) if story == "broken" else 0, len(told.writes))  # it begins as the bad one does
]
TRIED = examples.some(POINTS, part=8)


def named(points: Sequence[tuple[str, int]]) -> list[str]:
    return [f"{story}-{STORIES[story].writes[write]}" for story, write in points]


@contextmanager
def scene(directory: Path, story: str, *, command: str = COMMAND) -> Iterator[Production]:
    """An environment with a past: two releases were proven there, one after the other."""
    with production(directory, behave=STORIES[story].behave(), configuration=QUICK, command=command) as here:
        prove(here, "1.2.3", "1.2.4")
        yield here


def start(here: Production, what: tuple[str, ...]) -> forkserver.Running:
    """Start a command as a process of its own, which has a clock that never waits."""
    return forkserver.start(what, cwd=here.shop.clone, env=os.environ | here.shop.environment(), victim=True)


@pytest.mark.parametrize("story", STORIES)
def test_these_are_all_the_writes_of_each_story(tmp_path: Path, story: str) -> None:
    with scene(tmp_path, story) as here:
        here.shop.box.forget_requests()
        started = start(here, STORIES[story].argv)
        done = started.wait(PATIENCE)
        assert done.code == 0, done.err
        written = [one for one in here.shop.box.requests if one.method != "GET" and one.path.startswith("/repos/")]
        assert len(written) == len(STORIES[story].writes), [one.path for one in written]


@pytest.mark.parametrize("story, write", TRIED, ids=named(TRIED))
def test_a_run_that_is_killed_before_any_of_its_writes_is_put_in_order_by_the_next(
    tmp_path: Path, story: str, write: int
) -> None:
    with scene(tmp_path, story) as here:
        armed = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=write, block="before", drop="before"))
        doomed = start(here, STORIES[story].argv)
        assert armed.wait_until_reached(PATIENCE)
        doomed.kill()
        here.shop.box.faults.clear()
        here.reconcile()
        assert_in_order(here)


@pytest.mark.parametrize("story, write", [("good", 2), ("bad", 8), ("broken", 16), ("rollback", 8)])
def test_a_write_that_arrives_after_its_writer_was_killed_changes_nothing_about_that(
    tmp_path: Path, story: str, write: int
) -> None:
    with scene(tmp_path, story) as here:
        armed = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=write, block="after"))
        doomed = start(here, STORIES[story].argv)
        assert armed.wait_until_acted(PATIENCE)
        doomed.kill()
        here.shop.box.faults.clear()
        here.reconcile()
        assert_in_order(here)


@pytest.mark.parametrize("again", [("deploy", "1.3.0"), ("deploy", "1.2.4"), ("rollback",)], ids=" ".join)
def test_who_deploys_next_settles_first_what_was_left_behind(tmp_path: Path, again: tuple[str, ...]) -> None:
    with scene(tmp_path, "bad") as here:
        armed = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=3, block="before", drop="before"))
        doomed = start(here, STORIES["bad"].argv)
        assert armed.wait_until_reached(PATIENCE)
        doomed.kill()
        here.shop.box.faults.clear()
        if again == ("rollback",):
            here.rollback()
        else:
            here.deploy(again[1])
        assert_in_order(here)
        assert here.service.file.read_text() == "1.2.4"


# What answers after our death decides


def left_changing(here: Production, runs: str, *, automatic: bool) -> None:
    """A run died while its command ran; what is deployed is what it left."""
    enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"), automatic=automatic)
    here.service.file.write_text(runs)


@pytest.mark.parametrize("automatic", [True, False], ids=["by itself", "a person's"])
def test_where_the_old_version_answers_nothing_was_changed_and_the_new_one_is_brought_again(
    tmp_path: Path, *, automatic: bool
) -> None:
    with scene(tmp_path, "good") as here:
        left_changing(here, "1.2.4", automatic=automatic)
        here.reconcile()
        assert here.story()[-2:] == [
            "deploy 1.3.0: not done: interrupted before it changed anything",
            "deploy 1.3.0: healthy: the new version answered well for 10s",
        ]
        assert_in_order(here)


def test_where_nothing_answers_production_goes_back_at_once_and_the_version_is_not_blamed(tmp_path: Path) -> None:
    with scene(tmp_path, "bad") as here:
        left_changing(here, "1.3.0", automatic=True)
        began = here.clock.steady()
        (settled,) = here.reconcile(only_settle=True)
        assert (settled.outcome, settled.live, settled.blameless) == ("rolled_back", "1.2.4", True)
        assert settled.reason == "interrupted, and nothing answers"
        assert (here.clock.steady() - began).total_seconds() < 30, "that is a few samples, and the bake of the rollback"
        assert here.preview("1.3.0").outcome == "goes"


def test_where_the_new_version_answers_it_is_verified_through_its_bake(tmp_path: Path) -> None:
    with scene(tmp_path, "good") as here:
        left_changing(here, "1.3.0", automatic=True)
        (settled,) = here.reconcile(only_settle=True)
        assert (settled.outcome, settled.reason) == ("healthy", "found healthy after an interruption")


@pytest.mark.parametrize("story", ["good", "bad"])
def test_a_run_that_is_killed_while_its_command_runs_takes_the_command_with_it(tmp_path: Path, story: str) -> None:
    with scene(tmp_path, story, command=ENDLESS) as here:
        said = fifo(here)
        doomed = start(here, STORIES[story].argv)
        number = int(said.read_text())
        doomed.kill()
        assert_ends(number)
        here.reconcile(only_settle=True)  # for it would be brought again, and never end
        assert_in_order(here)
