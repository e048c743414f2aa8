"""Whatever phase a deployment died in, the next run knows what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.model import DeploymentKind, Override, RollbackTarget
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.recovery import (
    Close,
    OrphanHealth,
    RollBack,
    VerifyOrphan,
    give_up,
    judge,
    left_behind,
    next_remedy,
)
from tests.deploy.ledger.ledgers import FAILED, PROVEN, deployment, phase, rollback

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

LIVE = deployment(1, "a", *PROVEN)
BACK = RollbackTarget(LIVE)


@pytest.mark.parametrize(
    "lines, expected",
    [
        ((), "not done: interrupted before anything changed"),
        (("waiting: for #1",), "not done: interrupted before anything changed"),
        (("changing: web",), "examine"),
        (("changing: web", "verifying: web"), "examine"),
        (("changing: web", "verifying: web", "baking:"), "examine"),
        (("changing: web", "rolling back: 8 bad samples"), "roll back: 8 bad samples"),
        (PROVEN, None),
        (FAILED, None),
        (("held: halted",), None),
    ],
)
def test_what_to_do_depends_on_the_phase_it_died_in(lines: tuple[str, ...], expected: str | None) -> None:
    one = deployment(2, "b", *lines)
    match next_remedy([LIVE, one], set()):
        case Close(closed, ending):
            assert (closed, str(ending)) == (one, expected)
        case VerifyOrphan(examined):
            assert (examined, "examine") == (one, expected)
        case RollBack(left, reason):
            assert (left, f"roll back: {reason}") == (one, expected)
        case None:
            assert expected is None


def test_what_somebody_is_at_work_on_is_left_alone() -> None:
    one = deployment(2, "b", "changing: web")
    assert left_behind([LIVE, one], {2}) == ()
    assert next_remedy([LIVE, one], {2}) is None


def test_a_record_that_died_changed_nothing() -> None:
    one = deployment(2, "b", "verifying: web", kind=DeploymentKind.RECORD, automatic=False)
    assert next_remedy([LIVE, one], set()) == give_up(one)
    assert give_up(one).phase.word is Phase.NOT_DONE


LEFT = deployment(2, "b", "changing: web", "rolling back: bad")


@pytest.mark.parametrize(
    "child, living, expected",
    [
        (rollback(3, "a", *PROVEN, leaves=2), set(), "failed: interrupted; rolled back to 1.a"),
        (
            rollback(3, "a", *FAILED, leaves=2),
            set(),
            "failed: interrupted, and the rollback to 1.a (#3) did not succeed",
        ),
        (rollback(3, "a", "changing: web", leaves=2), {3}, None),
        (rollback(3, "a", "waiting:", leaves=2), {3}, None),
        (
            rollback(3, "a", "changing: web", leaves=2, automatic=False),
            {3},
            "failed: interrupted; handed over to #3",
        ),
        (rollback(3, "a", "waiting:", leaves=2, automatic=False), {3}, "failed: interrupted; handed over to #3"),
        (deployment(3, "c", *PROVEN), set(), "unknown: interrupted; 1.c (#3) came after it"),
    ],
    ids=["succeeded", "failed", "under way", "waits", "a person's", "a person's that waits", "something newer"],
)
def test_a_deployment_that_died_while_it_was_rolled_back_ends_as_that_did(
    child: Deployment, living: set[int], expected: str | None
) -> None:
    remedy = next_remedy([LIVE, LEFT, child], living)
    assert remedy == (Close(LEFT, phase(expected)) if expected else None)


def test_a_rollback_is_settled_before_the_deployment_that_it_was_to_undo() -> None:
    child = rollback(3, "a", "changing: web", leaves=2)
    assert next_remedy([LIVE, LEFT, child], set()) == VerifyOrphan(child)
    unbegun = rollback(3, "a", "waiting:", leaves=2)
    assert next_remedy([LIVE, LEFT, unbegun], set()) == give_up(unbegun)


def test_a_rollback_that_never_began_is_made_up_for() -> None:
    assert next_remedy([LIVE, LEFT, rollback(3, "a", "not done: x", leaves=2)], set()) == RollBack(LEFT, "bad")


BAKING = ("changing: web", "verifying: web", "baking:")


@pytest.mark.parametrize(
    "one, look, expected",
    [
        (deployment(2, "b", *BAKING), OrphanHealth.HEALTHY, "healthy: found healthy after an interruption"),
        (
            deployment(2, "b", *BAKING),
            OrphanHealth.INCONCLUSIVE,
            "unknown: interrupted, and its health could not be measured",
        ),
        (deployment(2, "b", *BAKING), OrphanHealth.UNHEALTHY, "found unhealthy after an interruption"),
        (deployment(2, "b", "changing: web"), OrphanHealth.UNHEALTHY, "interrupted, and found unhealthy"),
        (deployment(2, "b", "changing: web"), OrphanHealth.SILENT, "interrupted, and nothing answers"),
        (
            deployment(2, "b", "changing: web"),
            OrphanHealth.UNCHANGED,
            "not done: interrupted before it changed anything",
        ),
        (
            deployment(2, "b", *BAKING, overrides=(Override.NO_WAY_BACK,)),
            OrphanHealth.UNHEALTHY,
            "failed: found unhealthy after an interruption",
        ),
        (rollback(2, "b", *BAKING, leaves=1), OrphanHealth.UNHEALTHY, "failed: found unhealthy after an interruption"),
        (rollback(2, "b", *BAKING, leaves=1), OrphanHealth.HEALTHY, "healthy: found healthy after an interruption"),
    ],
)
def test_what_the_checks_say_decides_about_a_change(one: Deployment, look: OrphanHealth, expected: str) -> None:
    remedy = judge(one, look, BACK, ["web"], tells_version=True)
    ended = ":" in expected
    assert remedy == (Close(one, phase(expected)) if ended else RollBack(one, expected))


@pytest.mark.parametrize(
    "lines, targets, proven",
    [
        (("changing: web",), ["web"], False),
        (("changing: web", "verifying: web"), ["web"], True),
        (BAKING, ["web"], True),
        (BAKING, ["web", "worker"], False),
        (("changing: web", "baking:", "changing: worker"), ["web", "worker"], False),
        (("changing: web", "baking:", "changing: worker", "verifying: worker"), ["web", "worker"], True),
        ((f"changing: {'w' * 129}…", "baking:"), ["w" * 200], True),
    ],
)
def test_good_answers_of_nobody_knows_which_version_prove_only_what_was_deployed_everywhere(
    lines: tuple[str, ...], targets: list[str], proven: bool
) -> None:
    one = deployment(2, "b", *lines)
    remedy = judge(one, OrphanHealth.HEALTHY, BACK, targets, tells_version=False)
    assert isinstance(remedy, Close) is proven
    assert isinstance(judge(one, OrphanHealth.HEALTHY, BACK, targets, tells_version=True), Close)


def test_without_a_way_back_an_interrupted_deployment_that_is_bad_has_failed() -> None:
    one = deployment(2, "b", "changing: web")
    remedy = judge(one, OrphanHealth.UNHEALTHY, RollbackTarget(None), ["web"], tells_version=True)
    assert remedy == Close(one, PhaseRecord(Phase.FAILED, "interrupted, and found unhealthy"))


def test_who_can_not_reach_the_environment_closes_what_was_left_and_claims_nothing() -> None:
    one = deployment(2, "b", "changing: web", "verifying: web")
    assert give_up(one).phase == PhaseRecord(Phase.UNKNOWN, "interrupted while verifying: web")
