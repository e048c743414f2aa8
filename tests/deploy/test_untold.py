"""Nobody is left untold of deployments and halts: who dies, and what is down, costs nobody a message."""

from __future__ import annotations

import dataclasses
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from github_sandbox import Fault
from release_tool.config.model import Config
from release_tool.deploy import deploy as deployment
from release_tool.deploy import reconcile, verify
from release_tool.deploy.halts import commands
from release_tool.deploy.halts.commands import tell_halts
from release_tool.deploy.halts.issues import HaltIssues
from release_tool.deploy.halts.model import LABEL, HaltOrder
from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.preconditions import DeployRequest
from release_tool.errors import SignalError
from release_tool.notify.channels import Channels
from release_tool.notify.notice import SendReport
from release_tool.notify.send import Notifier
from tests.clock import FakeClock
from tests.notify.test_send import Team
from tests.production import CURIOUS, QUICK, RIVAL, EventfulClock, production
from tests.service import bad

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_httpserver import HTTPServer

    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.notify.notice import Notice
    from release_tool.project import Project
    from tests.production import Production
    from tests.shop import Entry

pytestmark = pytest.mark.usefixtures("forked_senders")

ADA: Entry = {"collaborator": "ada", "permission": "write"}
TWO = """
[channels.team]
url-env = "TEAM_URL"

[channels.ops]
url-env = "OPS_URL"
events = ["deployed", "rolled-back", "failed", "halted", "resumed"]
"""
GOOD = "production: 1.2.4 is healthy"


@pytest.fixture
def team(httpserver: HTTPServer) -> Team:
    return Team(httpserver)


def real(project: Project, team: Team) -> Project:
    """The project with channels that are real."""
    channels = Channels(project.config.channels, os.environ | team.addresses, FakeClock())
    return msgspec.structs.replace(project, notify=Notifier(project.config, Path("nowhere"), channels, project.say))


def at(here: Production, team: Team) -> DeployEnvironment:
    environment = here.environment()
    return dataclasses.replace(environment, project=real(environment.project, team))


def deploy(here: Production, team: Team, version: str) -> str:
    return deployment.deploy(at(here, team), version, DeployRequest(by="ada")).outcome


def later(here: Production, team: Team) -> None:
    """The hourly run, which finds nothing to do but telling."""
    assert not any(step.needed for step in reconcile.plan([at(here, team)], writes=True))


def owed(here: Production) -> list[tuple[str, ...]]:
    """Who is still to be told of each deployment."""
    return [one.phase.owed for one in here.ledger()]


def dies(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
    """Be killed in the very moment of telling."""
    del notice, only
    raise SignalError(signal.SIGTERM)


def dying(environment: DeployEnvironment) -> DeployEnvironment:
    return dataclasses.replace(environment, project=msgspec.structs.replace(environment.project, notify=dies))


# Deployments


def test_who_was_told_of_a_deployment_is_not_told_again(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        deploy(here, team, "1.2.4")
        assert team.heard == [("ops", GOOD), ("team", GOOD)]
        assert owed(here) == [()]
        here.reconcile(only_settle=True)
        assert len(team.got) == 2
        assert here.shop.notices == []


def test_a_rollback_that_a_watch_asked_for_is_told_by_itself(tmp_path: Path, team: Team) -> None:
    sick: set[str] = set()
    watched = QUICK.replace('bake = "10s"', 'bake = "10s"\nwatch = "1h"')
    with production(tmp_path, clock="machine", configuration=watched + CURIOUS, behave=bad(among=sick)) as here:
        deploy(here, team, "1.2.4")
        deploy(here, team, "1.3.0")
        here.clock = clock = EventfulClock()
        clock.after(600, lambda: sick.add("1.3.0"))

        assert verify.watch(at(here, team)).outcome == "rolled_back"

        assert team.got[-1][:2] == ("team", "production: 1.3.0 was rolled back to 1.2.4")
        assert "3 bad intervals in a row" in team.got[-1][2]


def test_a_run_that_dies_before_it_told_of_its_deployment_leaves_nobody_untold(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        with pytest.raises(SignalError):
            deployment.deploy(dying(here.environment()), "1.3.0", DeployRequest(by="ada"))
        assert owed(here) == [("team", "ops")]
        later(here, team)
        assert team.heard == [("ops", "production: 1.3.0 is healthy"), ("team", "production: 1.3.0 is healthy")]
        assert owed(here) == [()]


def test_only_the_channel_that_was_down_is_told_later_and_says_the_same(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        team.down = {"ops"}
        deploy(here, team, "1.3.0")
        assert owed(here) == [("ops",)]
        team.down = set()
        later(here, team)
        first, second = team.got
        assert (first[0], second[0]) == ("team", "ops")
        assert first[1:] == second[1:]
        assert owed(here) == [()]


def test_a_channel_that_stays_down_costs_no_writes(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        team.down = {"ops"}
        deploy(here, team, "1.3.0")
        here.shop.box.forget_requests()
        later(here, team)
        assert [request.path for request in here.shop.box.requests if "statuses" in request.path] == []
        assert len(team.got) == 1


def test_after_some_days_it_is_old_news(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        team.down = {"ops"}
        deploy(here, team, "1.3.0")
        team.down = set()
        here.clock = FakeClock(here.clock.now() + timedelta(days=4))
        later(here, team)
        assert len(team.got) == 1


def test_after_a_long_silence_the_newest_are_told_first_and_not_all_at_once(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        for number in range(7):
            here.rival("v1.3.0", PhaseRecord(Phase.HELD, f"reason {number}", owed=("team",)))
        later(here, team)
        assert [f"reason {number}" in text for number, (_, _, text) in enumerate(team.got, 2)] == [True] * 5
        later(here, team)
        assert len(team.got) == 7


def test_a_channel_that_refuses_one_message_is_not_asked_again_by_the_same_run(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        for number in range(3):
            here.rival("v1.3.0", PhaseRecord(Phase.HELD, f"reason {number}", owed=("team",)))
        team.down = {"team"}
        later(here, team)
        assert [line for line in here.shop.said if "was not notified" in line] == [
            "team was not notified: the service answered 500"
        ]
        assert owed(here)[1:] == [("team",)] * 3


def test_where_no_channel_wants_to_know_nothing_more_is_written(tmp_path: Path) -> None:
    written = []
    for name, channels in (("without", ""), ("deaf", CURIOUS + 'events = ["released"]\n')):
        with production(tmp_path / name, configuration=QUICK + channels) as here:
            here.deploy("1.3.0")
            written.append([request.path for request in here.shop.box.requests if request.method == "POST"])
    assert written[0] == written[1]


def test_while_somebody_else_is_at_it_nobody_is_told_twice(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK + TWO) as here:
        here.rival("v1.3.0", PhaseRecord(Phase.HEALTHY, owed=("team",)))
        here.reconcile(only_settle=True)
        assert here.shop.notices == []
        assert owed(here) == [("team",)]


def test_a_deployment_that_was_replaced_meanwhile_is_still_told(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        team.down = {"ops"}
        deploy(here, team, "1.2.4")
        team.down = set()
        deploy(here, team, "1.3.0")
        assert [title for room, title, _ in team.got if room == "ops"] == [
            GOOD,
            "production: 1.2.4 → 1.3.0 is healthy",
        ]
        assert owed(here) == [(), ()]


def test_a_channel_that_was_taken_away_is_owed_nothing(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        here.rival("v1.3.0", PhaseRecord(Phase.HELD, "halted", owed=("pager",)))
        later(here, team)
        assert team.got == []
        assert owed(here) == [(), ()]


def test_more_channels_than_there_is_room_for_are_all_told(tmp_path: Path, team: Team) -> None:
    names = [f"a-channel-with-a-long-name-{number}" for number in range(9)]
    many = "".join(f'[channels.{name}]\nurl-env = "TEAM_URL"\n' for name in names)
    with production(tmp_path, configuration=QUICK + many) as here:
        with pytest.raises(SignalError):
            deployment.deploy(dying(here.environment()), "1.3.0", DeployRequest(by="ada"))
        later(here, team)
        assert len(team.got) == 9
        assert owed(here) == [()]


def test_who_can_t_write_down_who_was_told_has_deployed_all_the_same(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.shop.box.fault(Fault(method="POST", path="/statuses$", status=502, after=5))
        assert deploy(here, team, "1.3.0") == "healthy"
        assert any("some channels were not notified of the end of 1.3.0" in line for line in here.shop.said)
        assert len(team.got) == 2


def test_what_a_dead_run_left_is_settled_before_anybody_is_told_of_anything(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + TWO, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"))
        heard: list[tuple[str, list[str]]] = []

        def listen(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
            heard.append((notice.title, [one.phase.word.value for one in here.ledger()]))
            return SendReport(sent=tuple(only or ()))

        environment = here.environment()
        environment = dataclasses.replace(
            environment, project=msgspec.structs.replace(environment.project, notify=listen)
        )
        reconcile.plan([environment], writes=True)
        assert heard == []
        reconcile.reconcile([environment])
        # The first had changed nothing and was made up for, by one that failed by its own.
        assert heard == [
            ("production: 1.3.0 was rolled back to 1.2.4", ["replaced", "not done", "failed", "healthy"]),
        ]


def test_a_rollback_waits_for_no_channel(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.2.4")
        here.was_proven("1.3.0")
        heard: list[tuple[str, str]] = []

        def listen(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
            heard.append((notice.title, here.service.deployed()))
            return SendReport(sent=tuple(only or ()))

        environment = here.environment()
        environment = dataclasses.replace(
            environment, project=msgspec.structs.replace(environment.project, notify=listen)
        )
        deployment.rollback(environment, "", DeployRequest(by="ada", reason="it is broken"), halts=True)
        assert heard == [
            ("production: 1.3.0 was rolled back to 1.2.4", "1.2.4"),
            ("Deployments to production are halted", "1.2.4"),
        ]


def test_the_command_tells_the_channels_of_what_is_deployed_whatever_is_checked_out(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        (here.shop.clone / "release-tool.toml").write_text('[channels.other]\nurl-env = "OPS_URL"\n')
        done = here.shop.run("reconcile", "--plan", env=here.shop.environment() | team.addresses)
        assert done.code == 0, done.err
        assert team.heard == [("team", "production: 1.3.0 is held")]
        assert "notified team: production: 1.3.0 is held" in done.err
        assert owed(here) == [()]


# What is in the document


def test_a_persons_rollback_says_from_where_to_where_by_whom_and_why(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS) as here:
        here.was_proven("1.2.4")
        here.was_proven("1.3.0")
        here.rollback()
        (notice,) = [notice for notice in here.shop.notices if notice.event == "rolled-back"]
        assert (notice.before, notice.after, notice.who, notice.reason) == ("1.3.0", "1.2.4", "ada", "it is broken")
        assert [change.title for change in notice.changes] == ["fix: step 1.3.0"]
        assert dict(notice.links)["compare"].endswith(f"/compare/v1.2.4...{here.commit('v1.3.0')}")


def test_a_deployment_says_what_changed_who_asked_for_it_and_in_which_run(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS) as here:
        here.was_proven("1.2.3")
        here.deploy("1.3.0", reason="everybody waits for it", **here.shop.job(5))
        (notice,) = here.shop.notices
        assert (notice.event, notice.before, notice.after) == ("deployed", "1.2.3", "1.3.0")
        assert [change.title for change in notice.changes] == ["fix: step 1.2.4", "fix: step 1.3.0"]
        assert (notice.who, notice.reason) == ("ada", "everybody waits for it")
        assert dict(notice.links)["run"].endswith("/acme/shop/actions/runs/5")
        assert notice.refers_to is None


@pytest.mark.parametrize(
    "end, told",
    [
        (PhaseRecord(Phase.FAILED, "8 bad samples", rolled_back_to="1.2.3"), "1.2.4 was rolled back to 1.2.3"),
        (
            PhaseRecord(Phase.FAILED, "no way back"),
            "1.2.4 is not healthy, and nothing is deployed until a person resumes",
        ),
        (PhaseRecord(Phase.UNKNOWN, "no DNS"), "the health of 1.2.4 is unknown"),
    ],
)
def test_the_first_healthy_deployment_after_a_failure_says_what_is_over(
    tmp_path: Path, end: PhaseRecord, told: str
) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS) as here:
        here.was_proven("1.2.3")
        failed = here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production"), end)
        if end.rolled_back_to:
            here.rival("v1.2.3", PhaseRecord(Phase.HEALTHY), kind=DeploymentKind.ROLLBACK, parent=failed)
        here.deploy("1.3.0")
        here.deploy("1.2.3", overrides="older", reason="once more")
        over, after = here.shop.notices
        assert over.refers_to is not None
        assert (over.refers_to[0], over.refers_to[1].rpartition("/acme/shop/")[2]) == (told, "actions/runs/7")
        assert after.refers_to is None


def test_a_failure_on_nobodys_run_is_found_among_all_deployments(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS, behave=bad("1.2.4")) as here:
        here.was_proven("1.2.3")
        here.deploy("1.2.4")
        here.deploy("1.3.0")
        _, over = here.shop.notices
        assert over.refers_to is not None
        assert over.refers_to[1].endswith("/acme/shop/deployments/production")


def test_an_incident_is_one_message_with_the_issue_to_whom_failures_or_what_needs_a_person_matter(
    tmp_path: Path, team: Team
) -> None:
    channels = """
[channels.team]
url-env = "TEAM_URL"
events = ["failed", "needs-person", "halted"]

[channels.ops]
url-env = "OPS_URL"
events = ["needs-person"]
"""
    with production(tmp_path, configuration=QUICK + channels, behave=bad("1.3.0")) as here:
        deploy(here, team, "1.3.0")
        later(here, team)
        title = "production: 1.3.0 is not healthy, and nothing is deployed until a person resumes"
        assert team.heard == [("ops", title), ("team", title)]
        assert f"- incident: <{here.shop.box.api_url}/acme/shop/issues/" in team.got[0][2]


def test_hostile_reasons_stay_inert_and_secrets_masked_when_they_are_told_later(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        hostile = "<!channel> @everyone [x](https://evil.example) [tell: team, ops]"
        here.rival("v1.3.0", PhaseRecord(Phase.HELD, hostile, owed=("team",)))
        later(here, team)
        ((room, _, text),) = team.got
        assert room == "team"
        assert "<!channel>" not in text
        assert "@everyone" not in text
        assert "](https" not in text


# Halts


def test_a_halt_whose_run_died_is_told_by_the_next_one_and_once(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        with pytest.raises(SignalError):
            commands.halt(
                dying(here.environment()).project, HaltOrder(environment="production", by="ada", reason="stop")
            )
        later(here, team)
        later(here, team)
        title = "Deployments to production are halted"
        assert team.heard == [("ops", title), ("team", title)]
        assert "By: ada" in team.got[0][2]


def test_only_the_channel_that_missed_a_halt_is_told_of_it_later(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        team.down = {"ops"}
        commands.halt(at(here, team).project, HaltOrder(environment="production", by="ada", reason="stop"))
        team.down = set()
        later(here, team)
        assert [room for room, _, _ in team.got] == ["team", "ops"]


def test_a_halt_that_a_person_opened_and_closed_by_hand_is_told_and_each_once(tmp_path: Path, team: Team) -> None:
    issue: Entry = {"issue": "The database moves", "labels": [LABEL], "author": "ada"}
    with production(tmp_path, ADA, issue, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        later(here, team)
        later(here, team)
        assert team.heard == [(room, "Deployments to every environment are halted") for room in ("ops", "team")]
        assert "Reason: The database moves" in team.got[0][2]
        (found,) = here.shop.github().adapter(HaltIssues).labelled(LABEL)
        here.shop.api("PATCH", f"issues/{found.issue.number}", {"state": "closed"})
        later(here, team)
        later(here, team)
        assert [title for room, title, _ in team.got if room == "ops"][1:] == [
            "Deployments to every environment are resumed"
        ]
        assert len(team.got) == 4


def test_that_things_go_on_is_told_by_the_next_run_where_this_one_dies(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        commands.halt(at(here, team).project, HaltOrder(environment="production", by="ada", reason="stop"))
        with pytest.raises(SignalError):
            commands.resume(dying(here.environment()).project, "production", "bob")
        later(here, team)
        later(here, team)
        assert [title for room, title, _ in team.got if room == "ops"][1:] == ["Deployments to production are resumed"]
        assert "Resumed by bob." in team.got[-1][2]


def test_a_halt_whose_time_passed_is_told_to_be_over(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        until = here.clock.now() + timedelta(hours=1)
        commands.halt(
            here.environment().project, HaltOrder(environment="production", by="ada", reason="stop", until=until)
        )
        here.clock.sleep(3601)
        here.reconcile()
        assert [notice.event for notice in here.shop.notices] == ["halted", "resumed"]
        assert here.shop.notices[-1].text == "The time of the halt has passed."


def test_where_nobody_wants_to_hear_of_halts_github_is_not_asked(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS + 'events = ["deployed"]\n') as here:
        environment = here.environment()
        here.shop.box.forget_requests()
        tell_halts(environment.project)
        assert here.shop.box.requests == []


def test_halts_from_before_the_first_channel_are_not_told(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        before = msgspec.structs.replace(here.shop.project(), config=Config())
        commands.halt(before, HaltOrder(environment="production", by="ada", reason="stop"))
        later(here, team)
        assert (team.got, here.shop.notices) == ([], [])


def test_halts_that_can_t_be_read_keep_nobody_from_going_on(tmp_path: Path, team: Team) -> None:
    with production(tmp_path, configuration=QUICK + TWO) as here:
        here.was_proven("1.3.0")
        here.shop.box.fault(Fault(path="graphql", body=r"issues\(", status=502, times=100))
        later(here, team)
        assert any("the channels to notify of a halt can't be read" in line for line in here.shop.said)
