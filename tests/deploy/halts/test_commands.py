"""Halts and freezes: what stops a deployment, what does not, who may overrule it, and how things go on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.halts.commands import halt, resume, tell_halts
from release_tool.deploy.halts.model import LABEL, HaltOrder
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.errors import RemoteError
from tests.production import CURIOUS, QUICK, RIVAL, EventfulClock, production
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry

ADA: Entry = {"collaborator": "ada", "permission": "write"}
FREEZES = QUICK.replace(
    'bake = "10s"',
    'bake = "10s"\nfreeze = [{{ cron = "0 9 * * MON", duration = "8h", timezone = "Europe/Berlin" }}]',
)
"""Frozen on the Monday that every clock of the tests begins on, until four in the afternoon by UTC."""
UNREADABLE = Fault(path="graphql", body=r"issues\(", status=502, times=100)


def issue(title: str = "Stop", **more: object) -> Entry:
    return {"issue": title, "labels": [LABEL], "author": "ada"} | more


def halted(here: Production) -> int:
    """Halt production from the command line; the number of the issue."""
    made = halt(here.shop.project(clock=here.clock), HaltOrder(environment="production", by="ada", reason="stop"))
    return made.halts[0].issue


# What a halt does


def test_a_halt_holds_what_is_automatic_and_refuses_a_person_who_may_overrule_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        why = f"deployments halted by ada: stop (#{halted(here)})"
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason) == ("held", why)
        refused = here.deploy("1.3.0")
        assert (refused.outcome, refused.reason, refused.ways_out) == ("refused", why, ("halt",))
        assert here.service.deployed() == "1.2.4"
        assert here.deploy("1.3.0", overrides="halt", reason="it mends what was halted for").outcome == "healthy"


def test_a_halt_holds_however_much_its_reason_says_and_is_known_again(tmp_path: Path) -> None:
    log = "a line of a log, <b>@ada</b> -- `x`\n" * 3_000
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        order = HaltOrder(environment="production", by="ada", reason=log)
        made = [halt(here.shop.project(clock=here.clock), order) for _ in range(2)]
        assert [(one.changed, len(one.halts)) for one in made] == [(True, 1), (False, 1)]
        assert here.deploy_automatically("1.3.0").outcome == "held"


def test_a_halt_of_another_environment_stops_nothing_and_one_of_all_does(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        halt(here.shop.project(), HaltOrder(environment="staging", by="ada", reason="stop"))
        assert here.preview("1.3.0").outcome == "goes"
        halt(here.shop.project(), HaltOrder(by="ada", reason="stop"))
        assert here.preview("1.3.0").outcome == "refused"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(issue(author="eve"), id="an outsiders issue"),
        pytest.param({"pull": 9, "title": "Stop", "labels": [LABEL], "state": "open"}, id="a labelled pull request"),
        pytest.param(issue(state="closed"), id="a closed issue"),
        pytest.param(issue(labels=["bug"]), id="an issue without the label"),
    ],
)
def test_nothing_is_halted_by(tmp_path: Path, entry: Entry) -> None:
    with production(tmp_path, ADA, entry, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_everything_is_halted_by_a_labelled_issue_of_somebody_who_may_push(tmp_path: Path) -> None:
    with production(tmp_path, ADA, issue("The database moves"), configuration=QUICK) as here:
        here.was_proven("1.2.4")
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason[:46]) == ("held", "deployments halted by ada: The database moves ")


def test_a_halt_stays_what_it_was_when_somebody_edits_its_text(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        number = halted(here)
        before = here.preview("1.3.0").reason
        here.shop.api("PATCH", f"issues/{number}", {"body": "Nothing is halted.", "title": "Never mind"})
        assert here.preview("1.3.0").reason == before


# When it ends


@pytest.mark.parametrize("ending", ["closed", "unlabelled", "resumed"])
def test_a_halt_ends_by_closing_its_issue_taking_its_label_off_or_resuming(tmp_path: Path, ending: str) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        number = halted(here)
        match ending:
            case "closed":
                here.shop.api("PATCH", f"issues/{number}", {"state": "closed"})
            case "unlabelled":
                here.shop.api("DELETE", f"issues/{number}/labels/{LABEL}")
            case _:
                assert resume(here.shop.project(), "production", "ada").changed
        assert [one.outcome for one in here.reconcile()] == ["healthy"]


def test_a_halt_that_the_network_sent_twice_becomes_one_when_it_is_asked_for_again(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS) as here:
        order = HaltOrder(environment="production", reason="a test", by="ada")
        here.shop.box.fault(Fault(method="POST", path="/issues$", twice=True))
        halt(here.shop.project(), order)
        assert len(here.halts()) == 2

        assert halt(here.shop.project(), order).changed is False
        tell_halts(here.shop.project())

        assert len(here.halts()) == 1
        assert [notice.event for notice in here.shop.notices] == ["halted"] * 2


def test_a_halt_until_a_time_ends_then_and_its_issue_is_closed(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        until = here.clock.now() + timedelta(hours=1)
        halt(here.shop.project(), HaltOrder(environment="production", by="ada", reason="stop", until=until))
        assert [one.outcome for one in here.reconcile()] == ["held"]
        here.clock.time = until
        assert [one.outcome for one in here.reconcile()] == ["healthy"]
        assert here.halts() == []


def test_an_incident_is_never_lifted_by_the_tool_and_always_by_a_person(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4")) as here:
        assert here.deploy("1.2.4").incident
        here.clock.time += timedelta(days=30)
        assert [one.outcome for one in here.reconcile()] == ["held"]
        resume(here.shop.project(), "", "ada")
        assert here.halts() == []


def test_two_incidents_share_one_issue(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4", "1.3.0")) as here:
        first = here.deploy("1.2.4")
        second = here.deploy("1.3.0", overrides="halt", reason="perhaps this one")
        assert first.incident == second.incident != ""
        assert here.halts() == ["Deployments to production are halted after an incident"]


def test_what_was_held_is_carried_on_with_the_newest_only(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.3")
        halted(here)
        assert [here.deploy_automatically(version).outcome for version in ("1.2.4", "1.3.0")] == ["held", "held"]
        resume(here.shop.project(), "", "ada")
        assert [(one.version, one.outcome) for one in here.reconcile()] == [("1.3.0", "healthy")]
        assert [one.payload.name for one in here.ledger() if one.changed or one.proven] == ["1.2.3", "1.3.0"]
        assert here.reconcile() == ()


# While somebody waits


@pytest.mark.parametrize("automatic, outcome", [(True, "held"), (False, "refused")])
def test_who_is_halted_while_waiting_does_not_begin(tmp_path: Path, *, automatic: bool, outcome: str) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.was_proven("1.2.3")
        here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production"))
        clock = here.clock = EventfulClock()
        clock.after(20, lambda: halted(here))
        done = here.deploy_automatically("1.3.0") if automatic else here.deploy("1.3.0")
        assert (done.outcome, done.reason[:22]) == (outcome, "halted by ada: stop (#")
        assert str(here.ledger()[-1].phase).startswith(f"{outcome}: halted by ada: stop")


# When halts can't be read


def test_where_halts_cannot_be_read_nothing_automatic_begins(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        here.shop.box.fault(UNREADABLE)
        with pytest.raises(RemoteError, match="whether production is halted can't be read") as failed:
            here.deploy_automatically("1.3.0")
        assert failed.value.already == "nothing was changed"
        assert len(here.ledger()) == 1
        assert here.service.deployed() == "1.2.4"


def test_without_the_right_to_read_issues_nothing_automatic_begins(tmp_path: Path) -> None:
    with production(tmp_path, {"rights": {"issues": "none"}}, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        with pytest.raises(RemoteError, match="whether production is halted can't be read"):
            here.deploy_automatically("1.3.0")
        assert here.service.deployed() == "1.2.4"


def test_a_person_who_overrules_halts_goes_although_they_cannot_be_read(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        here.shop.box.fault(UNREADABLE)
        with pytest.raises(RemoteError):
            here.deploy("1.3.0")
        assert here.deploy("1.3.0", overrides="halt", reason="GitHub is down").outcome == "healthy"


# Freezes


def test_a_freeze_holds_what_is_automatic_until_it_is_over_and_a_person_may_overrule_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=FREEZES) as here:
        here.was_proven("1.2.3")
        held = here.deploy_automatically("1.2.4")
        assert (held.outcome, held.reason) == ("held", "deployments frozen until Mon 2026-01-05 17:00 Europe/Berlin")
        refused = here.deploy("1.2.4")
        assert (refused.outcome, refused.ways_out) == ("refused", ("halt",))
        assert here.deploy("1.2.4", overrides="halt", reason="it can't wait").outcome == "healthy"
        here.clock.time = here.clock.time.replace(hour=16)
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_a_no_whose_reason_holds_a_secret_is_written_once_and_without_it(tmp_path: Path) -> None:
    configuration = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["KEY"]')
    with production(tmp_path, issue("The key s3cr3t-key leaked"), ADA, configuration=configuration) as here:
        here.was_proven("1.2.3")
        for _ in range(2):
            assert here.deploy_automatically("1.2.4", KEY="s3cr3t-key").outcome == "held"
        held = [line for line in here.story() if "held" in line]
        assert len(held) == 1
        assert "s3cr3t-key" not in held[0]
