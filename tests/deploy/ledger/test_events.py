"""Which ends of deployments are news, and which; one thing is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.events import event_of
from release_tool.deploy.ledger.model import DeploymentKind
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, deployment, rollback

if TYPE_CHECKING:
    from release_tool.config.model import Event

HANDED_OVER = ("changing: web", "failed: a person took over; handed over to #3")


@pytest.mark.parametrize(
    "lines, event",
    [
        (PROVEN, "deployed"),
        ((*PROVEN, "replaced: by 1.c (#3)"), "deployed"),
        (FAILED, "failed"),
        (LEFT, "rolled-back"),
        (("changing: web", "unknown: lost"), "needs-person"),
        (("held: halted by ada",), "held"),
        (HANDED_OVER, None),
        (("superseded: by 1.c (#3)",), None),
        (("refused: not tested",), None),
        (("not done: interrupted",), None),
        (("changing: web",), None),
        ((), None),
    ],
)
def test_the_end_of_a_deployment_is_one_event_or_none(lines: tuple[str, ...], event: Event | None) -> None:
    assert event_of(deployment(2, "b", *lines)) == event


@pytest.mark.parametrize("lines, event", [(PROVEN, "rolled-back"), (FAILED, "failed"), (HANDED_OVER, None)])
def test_a_persons_rollback_is_told_and_what_follows_from_a_failure_is_told_with_that(
    lines: tuple[str, ...], event: Event | None
) -> None:
    assert event_of(rollback(3, "a", *lines, leaves=2, automatic=False)) == event
    assert event_of(rollback(3, "a", *lines, leaves=2)) is None


def test_what_is_only_written_down_is_no_news() -> None:
    assert (
        event_of(deployment(2, "b", "verifying: web", "healthy:", kind=DeploymentKind.RECORD, automatic=False)) is None
    )
