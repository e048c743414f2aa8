"""One deployment at a time holds an environment, and a dead one never does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.lock import holder, interruption, is_its_turn, living, queue, superseded_by, yields_to
from release_tool.deploy.ledger.model import DeploymentKind, Override
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, PROVEN, deployment, phase, rollback, run

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

DONE = deployment(1, "a", *PROVEN)
RUNNING = deployment(2, "b", "waiting:", "changing: web")
WAITING = deployment(3, "c", "waiting:")
LATER = deployment(4, "d", "waiting:")
BACK = rollback(5, "a", "waiting:", leaves=2, automatic=False)


def test_the_lowest_living_deployment_that_is_not_finished_holds_the_environment() -> None:
    ledger = [DONE, WAITING, LATER]
    assert holder(ledger, {3, 4}) == WAITING
    assert is_its_turn(ledger, WAITING, {3, 4})
    assert not is_its_turn(ledger, LATER, {3, 4})
    assert holder([DONE], {1}) is None


def test_a_dead_owner_does_not_block() -> None:
    assert is_its_turn([RUNNING, WAITING, LATER], LATER, {4})


def test_nobody_starts_while_another_living_owner_is_at_work_even_with_a_lower_number() -> None:
    late = deployment(9, "b", "changing: web")
    assert holder([WAITING, late], {3, 9}) == late
    assert not is_its_turn([WAITING, late], WAITING, {3, 9})


def test_what_is_at_work_is_what_lives_elsewhere_and_what_we_named() -> None:
    ledger = [DONE, RUNNING, WAITING, deployment(4, "d", "waiting:", owner=7), deployment(6, "e", owner=7)]
    assert living(ledger, {run(3)}) == {3}
    assert living(ledger, {run(1), run(2)}, ours={6}) == {2, 6}


def test_a_rollback_goes_within_the_lock_of_the_deployment_that_it_undoes() -> None:
    failing = deployment(2, "b", "changing: web", "rolling back: bad")
    own = rollback(4, "a", leaves=2, owner=2)
    assert is_its_turn([DONE, failing, WAITING, own], own, {2, 3, 4})


def test_what_an_earlier_step_of_our_own_job_left_does_not_block_us() -> None:
    ours = deployment(4, "d", owner=2)
    assert is_its_turn([RUNNING, WAITING, ours], ours, {3, 4})


def test_rollbacks_wait_before_deployments_and_a_persons_before_the_tools() -> None:
    tools = rollback(6, "a", leaves=2)
    assert queue([WAITING, LATER, BACK, tools], {3, 4, 5, 6}) == (BACK, tools, WAITING, LATER)


def test_a_persons_rollback_supersedes_everything_that_waits_and_takes_over_from_what_runs() -> None:
    ledger, alive = [DONE, RUNNING, WAITING, LATER, BACK], {2, 3, 4, 5}
    for other in (RUNNING, WAITING, LATER):
        assert yields_to(ledger, other, alive) == BACK
    assert interruption(ledger, RUNNING, alive) == PhaseRecord(Phase.FAILED, "a person took over", handed_over_to=5)
    assert interruption(ledger, WAITING, alive) == PhaseRecord(Phase.SUPERSEDED, "by the rollback to 1.a (#5)")


def test_a_persons_rollback_whose_owner_died_takes_nothing_over() -> None:
    assert yields_to([DONE, RUNNING, BACK], RUNNING, {2}) is None


def test_two_people_who_go_back_at_the_same_moment_go_back_once() -> None:
    second = rollback(6, "a", leaves=2, automatic=False)
    ledger, alive = [DONE, RUNNING, BACK, second], {2, 5, 6}
    assert yields_to(ledger, BACK, alive) is None
    assert queue(ledger, {5, 6})[0] == BACK


def test_a_rollback_to_something_else_takes_over_from_a_rollback() -> None:
    second = rollback(6, "z", leaves=2, automatic=False)
    assert yields_to([DONE, RUNNING, BACK, second], BACK, {5, 6}) == second


def test_a_waiting_automatic_deployment_is_superseded_by_a_later_one_that_contains_it() -> None:
    ledger, alive = [DONE, RUNNING, WAITING, LATER], {2, 3, 4}
    assert superseded_by(ledger, WAITING, alive, {sha("d")}) == LATER
    assert superseded_by(ledger, WAITING, alive, set()) is None
    assert superseded_by(ledger, WAITING, {2, 3}, {sha("d")}) is None
    assert superseded_by(ledger, LATER, alive, {sha("b")}) is None


def test_a_later_deployment_that_is_quarantined_supersedes_nothing() -> None:
    ledger = [deployment(1, "d", *FAILED), WAITING, LATER]
    assert superseded_by(ledger, WAITING, {3, 4}, {sha("d")}) is None


def test_what_a_person_asked_for_is_superseded_by_a_rollback_alone() -> None:
    asked = deployment(3, "c", "waiting:", automatic=False)
    assert superseded_by([RUNNING, asked, LATER], asked, {2, 3, 4}, {sha("d")}) is None
    assert superseded_by([RUNNING, asked, BACK], asked, {2, 3, 5}, set()) == BACK


def test_a_waiting_automatic_rollback_is_superseded_once_anything_else_was_done_about_it() -> None:
    left = deployment(2, "b", *FAILED)
    first, second = rollback(3, "a", *PROVEN, leaves=2), rollback(4, "a", "waiting:", leaves=2)
    assert superseded_by([DONE, left, second], second, {4}, set()) is None
    assert superseded_by([DONE, left, first, second], second, {4}, set()) == first


@pytest.mark.parametrize(
    "one, expected",
    [
        (deployment(2, "b", "waiting:"), "held: halted by ada"),
        (deployment(2, "b", "waiting:", automatic=False), "refused: halted by ada"),
        (deployment(2, "b", "changing: web-1"), "rolling back: halted by ada"),
        (deployment(2, "b", "changing: web-1", overrides=(Override.NO_WAY_BACK,)), "failed: halted by ada"),
        (deployment(2, "b", "changing: web-1", automatic=False, overrides=(Override.HALT,)), None),
        (rollback(2, "b", "changing: web-1", leaves=1), None),
        (deployment(2, "b", "verifying: web", kind=DeploymentKind.RECORD, automatic=False), None),
    ],
    ids=["waiting", "waiting, a person's", "between targets", "no way back", "overruled", "a rollback", "a record"],
)
def test_a_halt_stops_a_deployment_while_it_waits_and_between_targets(one: Deployment, expected: str | None) -> None:
    found = interruption([DONE, one], one, {2}, "halted by ada")
    assert found == (phase(expected) if expected else None)


def test_a_deployment_that_lost_its_turn_waits_or_is_unknown_and_never_goes_on() -> None:
    ledger = [RUNNING, WAITING, deployment(4, "d", "changing: web")]
    assert interruption(ledger, RUNNING, {2, 3, 4}) is None
    assert interruption(ledger, WAITING, {2, 3, 4}) == PhaseRecord(Phase.WAITING, "1.b (#2) holds the environment")
    assert interruption(ledger, ledger[2], {2, 3, 4}) == PhaseRecord(Phase.UNKNOWN, "1.b (#2) holds the environment")


def test_a_second_attempt_to_another_commit_follows_from_the_first_that_failed_and_a_third_does_not() -> None:
    bad = deployment(2, "b", *FAILED)
    first = rollback(3, "a", *FAILED, leaves=2)
    second = rollback(4, "c", "waiting:", leaves=2)
    assert superseded_by([DONE, bad, first, second], second, {4}, ()) is None
    again = rollback(4, "a", "waiting:", leaves=2)
    assert superseded_by([DONE, bad, first, again], again, {4}, ()) == first
    third = rollback(5, "d", "waiting:", leaves=2)
    failed = rollback(4, "c", *FAILED, leaves=2)
    assert superseded_by([DONE, bad, first, failed, third], third, {5}, ()) == first
