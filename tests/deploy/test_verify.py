"""Writing down what runs already, and looking whether what should run does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.model import DeploymentKind, lost_proofs, rollback_target
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.errors import RefusedError
from tests.production import QUICK, RIVAL, production
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

UNMEASURABLE = QUICK + '[[environments.production.checks]]\nkind = "command"\nname = "own"\ncommand = ["./missing"]\n'


# Recording


def test_what_runs_is_written_down_as_proven_without_running_the_command(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, command="#!/bin/sh\nexit 1\n") as here:
        here.service.file.write_text("1.2.4")
        done = here.record("1.2.4")
        assert (done.outcome, done.live) == ("healthy", "1.2.4")
        (entry,) = here.ledger()
        assert (entry.payload.kind, entry.payload.by, entry.proven) == (DeploymentKind.RECORD, "ada", True)


def test_after_a_record_automatic_deployments_may_begin(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.service.file.write_text("1.2.4")
        here.record("1.2.4")
        done = here.deploy_automatically("1.3.0")
        assert (done.outcome, done.rolled_back_to) == ("rolled_back", "1.2.4")


@pytest.mark.parametrize(
    "runs, configuration, outcome",
    [
        pytest.param("1.2.3", QUICK, "unhealthy", id="another version runs"),
        pytest.param("broken", QUICK, "unhealthy", id="it is not healthy"),
        pytest.param("1.3.0", UNMEASURABLE, "inconclusive", id="it can't be measured"),
    ],
)
def test_nothing_is_written_down_where(tmp_path: Path, runs: str, configuration: str, outcome: str) -> None:
    with production(tmp_path, configuration=configuration, behave=bad("broken")) as here:
        here.service.file.write_text(runs)
        done = here.record("1.3.0")
        assert (done.outcome, done.reason.endswith("; nothing was written")) == (outcome, True)
        assert here.ledger() == ()


def test_neither_halt_nor_age_nor_quarantine_keep_anybody_from_writing_down_what_runs(tmp_path: Path) -> None:
    frozen = QUICK.replace('bake = "10s"', 'bake = "10s"\nfreeze = [{{ cron = "* * * * *", duration = "1h" }}]')
    with production(
        tmp_path, {"issue": "Stop", "labels": ["release-halt"], "author": "ada"}, configuration=frozen
    ) as here:
        here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.FAILED, "by itself"))
        here.was_proven("1.3.0")
        here.service.file.write_text("1.2.4")
        assert here.record("1.2.4").live == "1.2.4"


def test_nobody_writes_down_what_runs_while_somebody_is_changing_it(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.service.file.write_text("1.2.4")
        number = here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"))
        done = here.record("1.2.4")
        assert (done.outcome, done.reason) == ("refused", f"1.3.0 (#{number}) holds the environment")


def test_a_record_is_withdrawn_where_somebody_began_meanwhile(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.service.file.write_text("1.2.4")

        def begin(version: str, number: int) -> tuple[int, object]:
            if number == 3:
                here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"))
            return 200, {"version": version}

        here.service.behave = begin
        assert here.record("1.2.4").outcome == "refused"
        assert [one.phase.word for one in here.ledger()] == [Phase.CHANGING, Phase.REFUSED]


# Verifying


def test_verify_says_whether_what_should_be_live_is_and_writes_nothing_of_drift(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        here.was_proven("1.3.0")
        began = here.clock.time
        assert here.verify().outcome == "healthy"
        assert (here.clock.time - began).total_seconds() <= 10, "it is a look, not a bake"
        here.service.file.write_text("1.2.4")
        done = here.verify()
        assert (done.outcome, "it is `1.2.4`, not `1.3.0`" in done.reason) == ("unhealthy", True)
        assert [str(one.phase) for one in here.ledger()] == ["healthy: the new version answered well for 2m"]


def test_a_version_that_is_found_unhealthy_loses_its_proof_until_it_holds_a_whole_bake(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, behave=bad(among=sick)) as here:
        here.was_proven("1.3.0")
        sick.add("1.3.0")
        assert here.verify().outcome == "unhealthy"
        (lost,) = here.ledger()
        assert (lost.healthy, lost.phase.word) == (True, Phase.UNHEALTHY), "it is live, and known to be bad"
        assert "is the last known good, though it was found unhealthy" in rollback_target(here.ledger(), None).reason

        sick.clear()
        began = here.clock.time
        assert here.verify().outcome == "healthy"
        assert here.clock.time - began >= timedelta(minutes=2), "a look is not enough for a proof"
        assert not rollback_target(here.ledger(), None).doubt


def test_what_lost_its_proof_is_brought_again_when_a_person_asks_for_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.service.file.write_text("1.3.0")
        here.rival("v1.2.4", PhaseRecord(Phase.HEALTHY), PhaseRecord(Phase.REPLACED))
        here.rival("v1.3.0", PhaseRecord(Phase.HEALTHY), PhaseRecord(Phase.UNHEALTHY, "it restarted 3 times"))

        assert here.deploy("1.3.0").outcome == "healthy"

        assert [one.phase.word for one in here.ledger()] == [Phase.REPLACED, Phase.REPLACED, Phase.HEALTHY]
        assert not lost_proofs(here.ledger())


def test_who_may_not_write_still_learns_what_verify_found(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.3.0")
        here.shop.box.fault(Fault(method="POST", path="/statuses$", status=403, times=9))
        assert here.verify().outcome == "unhealthy"


def test_verify_measures_by_the_last_known_good_while_nobody_knows_what_is_live(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.UNKNOWN, "lost"))
        done = here.verify()
        assert (done.version, done.outcome, done.live) == ("1.2.4", "healthy", None)


def test_where_nothing_was_proven_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here, pytest.raises(RefusedError, match="nothing was ever prov"):
        here.verify()


def test_where_every_proof_is_lost_verify_asks_for_what_was_proven_last(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4", "1.3.0")) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "unhealthy"
        done = here.verify()
        assert (done.version, done.outcome) == ("1.2.4", "unhealthy")
