from __future__ import annotations

import msgspec

from release_tool.status.attention import Level, concerns
from release_tool.status.model import Cloud, Health
from tests.status.dashboard.samples import bare, calm, empty, incident


def test_on_a_calm_day_nobody_has_anything_to_look_at() -> None:
    assert concerns(calm()) == ()
    assert concerns(empty()) == ()


def test_what_is_broken_comes_before_what_waits_and_what_waits_before_what_is_good_to_know() -> None:
    assert [(concern.level, concern.text) for concern in concerns(incident())] == [
        (Level.URGENT, "Incident in staging: the rollback to 1.4.0 failed"),
        (
            Level.DUE,
            f"Deployments to production are halted by grace: {incident().halts[0].reason}",
        ),
        (Level.DUE, "run 9101 waits for somebody to approve the deployment of 1.4.3 to production"),
        (Level.DUE, "v1.3.2 was never deployed to production"),
        (Level.DUE, "v1.4.3 is half-done"),
        (Level.NOTE, "1.4.3 is not in production: halted by grace (#231)"),
        (Level.NOTE, "cloud is behind by v1.4.2, v1.4.3"),
    ]


def test_an_environment_that_is_not_well_or_not_known_to_be_is_urgent_and_says_what_to_do() -> None:
    (production,) = bare().environments
    for health in (Health.UNHEALTHY, Health.UNKNOWN):
        ill = msgspec.structs.replace(
            production, health=health, unknown="1.4.2 (#7) failed", todo="`release-tool rollback -e production`"
        )
        (concern,) = concerns(msgspec.structs.replace(bare(), environments=(ill,)))
        assert concern.level is Level.URGENT
        assert concern.text == f"production is {health.value}: 1.4.2 (#7) failed"
        assert concern.todo == "`release-tool rollback -e production`"


def test_what_is_told_by_its_issue_is_not_told_again_as_something_that_waits() -> None:
    day = incident()
    told = msgspec.structs.replace(
        day.waiting[0], url=day.halts[0].url, what="the halt of production waits for a person"
    )
    texts = [concern.text for concern in concerns(msgspec.structs.replace(day, waiting=(told,)))]
    assert "the halt of production waits for a person" not in texts


def test_a_freeze_a_missing_branch_and_what_could_not_be_looked_at_are_good_to_know() -> None:
    (production,) = bare().environments
    day = msgspec.structs.replace(
        bare(),
        environments=(msgspec.structs.replace(production, frozen="frozen until Monday 06:00"),),
        cloud=Cloud(branch="cloud", head=None, name=None, behind=(), todo="`release-tool sync`"),
        unseen=("approvals, without the right to read Actions",),
    )
    assert [concern.text for concern in concerns(day)] == [
        "production is frozen until Monday 06:00",
        "cloud does not exist yet",
        "Not looked at: approvals, without the right to read Actions",
    ]
