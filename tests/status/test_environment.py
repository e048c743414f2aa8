"""How an environment stands, by its ledger: what is live, what it lacks and why, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release_tool.deploy.ledger.model import DeploymentKind, Override
from release_tool.status.model import Health
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, START, deployment, rollback
from tests.status.overviews import BY_HAND, NOW, URL, candidate, environment, halt

RECORD = deployment(1, "2", "baking:", "healthy: every check held", kind=DeploymentKind.RECORD, automatic=False)
GOOD = deployment(2, "3", *PROVEN)
REPLACED = deployment(1, "2", *PROVEN, "replaced: by #2")


# What is live


def test_what_is_live_is_told_with_since_when_by_whom_and_whether_that_is_proven() -> None:
    live = environment(REPLACED, deployment(2, "3", *PROVEN, automatic=False)).live

    assert live is not None
    assert (live.name, live.commit, live.deployment, live.kind) == ("1.3", sha("3"), 2, "deploy")
    assert live.since == START + timedelta(minutes=2, seconds=3)
    assert (live.by, live.automatic, live.proven) == ("ada", False, True)
    assert [link.url for link in live.links] == [f"{URL}/actions/runs/2/attempts/1", f"{URL}/commit/{sha('3')}"]


def test_where_no_check_tells_the_version_nothing_is_proven() -> None:
    live = environment(GOOD, settings=BY_HAND).live

    assert live is not None
    assert not live.proven


def test_what_was_unproven_when_it_was_deployed_stays_so() -> None:
    live = environment(deployment(1, "1", "baking:", "healthy: which is unproven: no check tells the version")).live

    assert live is not None
    assert not live.proven


def test_what_is_proven_again_is_live_since_the_first_time() -> None:
    again = deployment(3, "3", "baking:", "healthy:", kind=DeploymentKind.RECORD, automatic=False)

    live = environment(REPLACED, GOOD, again).live

    assert live is not None
    assert (live.deployment, live.automatic) == (2, True)


def test_what_came_back_is_live_since_it_came_back() -> None:
    live = environment(REPLACED, deployment(2, "3", *LEFT), rollback(3, "2", *PROVEN, leaves=2)).live

    assert live is not None
    assert (live.deployment, live.kind) == (3, "rollback")


def test_what_was_live_before_is_the_last_other_commit_that_was_proven() -> None:
    found = environment(REPLACED, deployment(2, "4", *FAILED), deployment(3, "3", *PROVEN))

    assert found.previous is not None
    assert found.previous.name == "1.2"
    assert environment(RECORD).previous is None


# Health


@pytest.mark.parametrize(
    "ledger,health,text,todo",
    [
        ((), Health.NOTHING, "nothing was deployed here yet", "`release-tool deploy 1.9 -e production`"),
        ((GOOD,), Health.HEALTHY, "1.3 is healthy", ""),
        ((GOOD, deployment(3, "4", "held: frozen")), Health.HEALTHY, "1.3 is healthy", ""),
        ((GOOD, deployment(3, "4", "waiting: for #2")), Health.HEALTHY, "1.3 is healthy", ""),
        (
            (REPLACED, GOOD, deployment(19, "4", "changing: web")),
            Health.CHANGING,
            "1.4 (#19) changing: web",
            "",
        ),
        (
            (GOOD, deployment(3, "4", "changing: web")),
            Health.CHANGING,
            "1.4 (#3) changing: web",
            "",
        ),
        (
            (GOOD, deployment(3, "4", *FAILED)),
            Health.UNHEALTHY,
            "1.4 (#3) failed and nothing was proven since",
            "`release-tool rollback -e production`",
        ),
        (
            (deployment(3, "4", *FAILED),),
            Health.UNHEALTHY,
            "1.4 (#3) failed and nothing was proven since",
            "`release-tool verify -e production`",
        ),
        (
            (GOOD, deployment(3, "4", "changing: web", "unknown: interrupted")),
            Health.UNKNOWN,
            "the outcome of 1.4 (#3) is unknown",
            "`release-tool reconcile -e production`",
        ),
    ],
)
def test_health_is_what_the_ledger_says_with_what_to_do(
    ledger: tuple[object, ...], health: Health, text: str, todo: str
) -> None:
    found = environment(ledger=ledger, candidate=candidate("9"))

    assert (found.health, found.text, found.todo) == (health, text, todo)


def test_what_is_paused_says_who_has_to_do_what() -> None:
    found = environment(GOOD, deployment(3, "4", "changing: web", "paused: after wave 1 of 3, until 13:00 UTC"))
    assert (found.health, found.text) == (
        Health.CHANGING,
        "1.4 (#3) paused: after wave 1 of 3, until 13:00 UTC",
    )
    assert found.todo == (
        "`release-tool resume -e production` goes on, `release-tool rollback -e production` goes back"
    )


def test_what_is_watched_says_until_when_and_no_longer_than_that() -> None:
    until = (NOW + timedelta(minutes=65)).replace(second=0, microsecond=0)
    watched = deployment(2, "3", *PROVEN, f"watching: until {until:%Y-%m-%d %H:%M} UTC, by run 7/1/71")

    found = environment(watched)
    assert (found.health, found.watched_until) == (Health.HEALTHY, until)
    assert found.text == f"1.3 is healthy, watched until {until:%H:%M} UTC"
    assert found.live is not None
    assert found.live.proven

    late = environment(watched, at=until + timedelta(minutes=1))
    assert (late.health, late.watched_until, late.text) == (Health.HEALTHY, None, "1.3 is healthy")


def test_a_deployment_that_gives_no_sign_of_life_is_to_be_asked_about() -> None:
    found = environment(GOOD, deployment(3, "4", "changing: web"), at=NOW + timedelta(hours=1))

    assert found.text == "1.4 (#3) changing: web, no sign of life since 2026-11-20 12:03 UTC"
    assert found.todo == "`release-tool reconcile -e production`"


def test_what_holds_the_environment_comes_before_what_waits() -> None:
    found = environment(GOOD, deployment(3, "4", "waiting: for #5"), deployment(5, "5", "changing: web"))

    assert [entry.id for entry in found.running] == [5, 3]


# What is missing


def why(*ledger: object, **more: object) -> tuple[str, str]:
    """Why an environment lacks the candidate 1.9, and what to do."""
    missing = environment(ledger=ledger, **{"candidate": candidate("9"), **more}).missing
    assert missing is not None
    assert (missing.name, missing.commit) == ("1.9", sha("9"))
    return missing.why, missing.todo


def test_nothing_is_missing_where_the_newest_is_live_or_under_way_or_older() -> None:
    assert environment(REPLACED, GOOD, candidate=candidate("3")).missing is None
    assert environment(GOOD, deployment(3, "9", "baking:"), candidate=candidate("9")).missing is None
    assert environment(REPLACED, GOOD, candidate=candidate("9", older=True)).missing is None
    assert environment(GOOD).missing is None


@pytest.mark.parametrize(
    "ledger,more,reason,todo",
    [
        ((REPLACED, GOOD), {}, "not started yet", "`release-tool reconcile -e production`"),
        ((REPLACED, GOOD), {"settings": BY_HAND}, "waits for a person", "`release-tool deploy 1.9 -e production`"),
        (
            (),
            {},
            "nothing was proven in production yet: its first deployment must be started by a person",
            "`release-tool deploy 1.9 -e production`",
        ),
        (
            (REPLACED, GOOD),
            {"halts": (halt(),), "candidate": candidate("9", halted="halted by ada (#7)")},
            "deployments halted by ada (#7)",
            "`release-tool resume`",
        ),
        (
            (REPLACED, GOOD),
            {"frozen_until": datetime(2026, 11, 23, 8, tzinfo=UTC)},
            "deployments frozen until Mon 2026-11-23 08:00 UTC",
            "wait, or `release-tool deploy 1.9 -e production --override halt --reason TEXT`",
        ),
        (
            (REPLACED, GOOD, deployment(3, "9", *LEFT), rollback(4, "3", *PROVEN, leaves=3)),
            {},
            "1.9 was rolled back (#4)",
            "release a fix, or `release-tool deploy 1.9 -e production --override quarantine --reason TEXT`",
        ),
        (
            (REPLACED, GOOD),
            {"candidate": candidate("9", tested=False)},
            "1.9 was not tested",
            "let its tests pass: `release-tool sync` shows how far it is",
        ),
        (
            (REPLACED, GOOD),
            {"candidate": candidate("9", unmet=("staging",))},
            "1.9 is not healthy in staging, which comes before production",
            "`release-tool deploy 1.9 -e staging`",
        ),
        (
            (REPLACED, GOOD, deployment(3, "9", "held: a migration can't be undone")),
            {},
            "held: a migration can't be undone",
            "`release-tool deploy 1.9 -e production`",
        ),
    ],
)
def test_what_is_missing_says_why_and_what_to_do(
    ledger: tuple[object, ...], more: dict[str, object], reason: str, todo: str
) -> None:
    assert why(*ledger, **more) == (reason, todo)


def test_an_incident_is_resumed_from_before_any_other_halt() -> None:
    halts = (halt(issue=1, todo="first"), halt(issue=9, todo="incident", incident=True))

    assert why(REPLACED, GOOD, halts=halts, candidate=candidate("9", halted="halted"))[1] == "incident"


# Ways back


def test_the_way_back_is_told_with_why_not_the_others() -> None:
    back = environment(REPLACED, GOOD, deployment(3, "4", *LEFT), rollback(4, "3", *PROVEN, leaves=3)).way_back

    assert (back.name, back.deployment, back.todo) == ("1.2", 1, "`release-tool rollback -e production`")
    assert [(one.name, one.why) for one in back.passed_over] == [
        ("1.3", "is being rolled back"),
        ("1.4", "was rolled back (#4)"),
    ]


def test_without_a_way_back_the_next_healthy_deployment_makes_one() -> None:
    back = environment(GOOD).way_back

    assert (back.name, back.todo) == (None, "the next healthy deployment makes one")
    assert environment().way_back.todo == ""


def test_commits_that_are_skipped_are_named() -> None:
    found = environment(GOOD, deployment(3, "4", *FAILED)).quarantined

    assert [(one.name, one.commit, one.why) for one in found] == [("1.4", sha("4"), "failed here (#3)")]


# The timeline


def test_the_timeline_is_newest_first_with_how_long_each_took() -> None:
    found = environment(REPLACED, deployment(2, "3", *LEFT), rollback(3, "2", *PROVEN, leaves=2)).timeline

    assert [(entry.id, entry.kind, entry.phase, entry.seconds, entry.parent) for entry in found] == [
        (3, "rollback", "healthy", 3, 2),
        (2, "deploy", "failed", 2, None),
        (1, "deploy", "replaced", 3, None),
    ]
    assert found[1].rolled_back_to == "1.2.3"
    assert found[2].proven


def test_what_changed_nothing_or_has_not_ended_took_no_time() -> None:
    found = environment(GOOD, deployment(3, "4", "held: frozen"), deployment(4, "5", "changing: web")).timeline

    assert [(entry.finished, entry.changed, entry.seconds) for entry in found] == [
        (False, True, None),
        (True, False, None),
        (True, True, 3),
    ]


def test_a_deployment_is_compared_with_what_was_proven_before_it() -> None:
    found = environment(REPLACED, deployment(2, "4", *FAILED), deployment(3, "3", *PROVEN)).timeline

    compared = {entry.id: [link.url for link in entry.links if link.name == "compare"] for entry in found}
    assert compared == {
        1: [],
        2: [f"{URL}/compare/{sha('2')}...{sha('4')}"],
        3: [f"{URL}/compare/{sha('2')}...{sha('3')}"],
    }


def test_overrides_and_owners_are_told() -> None:
    (entry,) = environment(deployment(5, "3", *PROVEN, automatic=False, overrides=(Override.OLDER,))).timeline

    assert (entry.overrides, entry.owner, entry.by) == (("older",), "run 5", "ada")


def test_without_an_address_there_are_no_links() -> None:
    assert environment(GOOD, url="").timeline[0].links == ()


def test_an_environment_with_an_awkward_name_is_quoted_in_commands() -> None:
    found = environment(name="eu west; rm -rf", candidate=candidate("9"))

    assert found.todo == "`release-tool deploy 1.9 -e 'eu west; rm -rf'`"


def test_what_people_wrote_is_one_line_without_escapes() -> None:
    hostile = "a\x1b[31mred\x1b[0m\nnext\u202eline"
    one = deployment(3, "4", f"failed: {hostile}")
    found = environment(GOOD, one, name=hostile, halts=(halt(),), candidate=candidate("9", halted=hostile))

    texts = [found.text, found.todo, found.timeline[0].text, found.quarantined[0].why]
    assert found.missing is not None
    for text in [*texts, found.missing.why, found.missing.todo]:
        assert "\x1b" not in text
        assert "\n" not in text
        assert "\u202e" not in text
