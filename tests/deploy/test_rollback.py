"""Going back, by a person's word or by itself: to what, across what, and who makes room for it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.halts.commands import resume
from release_tool.deploy.ledger.model import DeploymentKind, lost_proofs
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.withdraw import withdraw
from tests.production import COMMAND, QUICK, RIVAL, EventfulClock, production, releases
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production
    from tests.service import Said
    from tests.shop import Entry


def one_way(*labels: str, path: str = "table.sql") -> list[Entry]:
    """A history whose 1.3.0 has a change with these labels."""
    change: Entry = {"pull": 5, "title": "Drop a table", "labels": list(labels), "files": {path: "drop"}}
    return [*releases("1.2.3", "1.2.4"), change, {"tag": "v1.3.0"}]


def live_on_both(here: Production) -> None:
    """1.3.0 is live, and 1.2.3 and 1.2.4 were proven before it."""
    for version in ("1.2.3", "1.2.4", "1.3.0"):
        here.was_proven(version)


# Going one further


def test_where_the_last_known_good_does_not_come_up_again_the_one_before_it_is_brought(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4", "1.3.0")) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")

        done = here.deploy("1.3.0")

        assert (done.outcome, done.rolled_back_to, done.live) == ("rolled_back", "1.2.3", "1.2.3")
        deployment, first, second = here.ledger()[2:]
        assert deployment.phase.text.startswith(
            "1.2.4 did not come up again, after this: `production` `health`: the new"
        )
        assert (first.payload.name, first.failed_checks) == ("1.2.4", True)
        assert (second.payload.name, second.phase.word) == ("1.2.3", Phase.HEALTHY)
        assert not here.halts()
        assert list(lost_proofs(here.ledger()).values()) == [
            f"was not healthy when it was rolled back to (#{here.ledger()[3].id})"
        ]


def test_nobody_goes_further_back_than_once(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.3", "1.2.4", "1.3.0")) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")

        done = here.deploy("1.3.0")

        assert (done.outcome, done.incident != "") == ("unhealthy", True)
        assert "the rollback to 1.2.3 did not succeed" in here.ledger()[2].phase.text
        assert len(here.ledger()) == 5


def test_a_loss_of_proof_is_known_to_the_next_rollback(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.3")
        here.rival("v1.2.4", PhaseRecord(Phase.HEALTHY), PhaseRecord(Phase.UNHEALTHY, "it restarted 3 times"))

        done = here.deploy("1.3.0")

        assert (done.outcome, done.live) == ("rolled_back", "1.2.3")
        assert len(here.ledger()) == 4, "1.2.4 was not tried"


# A person's word


def test_what_is_green_but_bad_is_left_for_the_one_before_quarantined_and_the_environment_halted(
    tmp_path: Path,
) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        live_on_both(here)
        done = here.rollback()
        assert (done.outcome, done.version, done.before, done.live) == ("healthy", "1.2.4", "1.3.0", "1.2.4")
        assert here.service.deployed() == "1.2.4"
        assert here.halts() == ["Deployments to production are halted"]
        assert [one.outcome for one in here.reconcile()] == ["held"]
        resume(here.shop.project(), "", "ada")
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason[:22]) == ("held", "1.3.0 was rolled back ")


def test_going_back_once_more_goes_to_the_one_before_that(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        live_on_both(here)
        here.rollback()
        assert here.rollback().live == "1.2.3"
        refused = here.rollback()
        assert (refused.outcome, refused.reason[:27]) == ("refused", "there is no rollback target")


def test_nothing_is_halted_where_a_person_says_so(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        live_on_both(here)
        assert here.rollback(halts=False).outcome == "healthy"
        assert here.halts() == []


def test_a_person_goes_back_to_any_version_that_was_proven_here_and_to_no_other(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.3.0")
        refused = here.rollback("1.2.4")
        assert (refused.outcome, refused.reason, refused.ways_out) == (
            "refused",
            "1.2.4 was never proven in production",
            (),
        )
        assert here.halts() == []
        assert here.rollback("1.3.0").outcome == "unchanged"
        assert here.rollback("v1.2.3").live == "1.2.3"


def test_nobody_goes_back_to_a_withdrawn_release(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        live_on_both(here)
        withdraw(here.shop.project(), "v1.2.4", "it loses data")
        assert here.rollback("1.2.4").reason == "1.2.4 was withdrawn"
        assert here.rollback().live == "1.2.3"


TALKS = (
    COMMAND
    + """
for line in $(seq 60); do head -c 4000 /dev/zero | tr '\\0' 'x'; echo " $line"; done
"""
)
"""A command that has much to say."""


def test_an_incident_is_opened_however_much_there_is_to_say_of_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, command=TALKS, behave=bad("1.2.3", "1.2.4", "1.3.0")) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")

        done = here.deploy("1.3.0", reason="a log\n" * 20_000)

        assert (done.outcome, done.incident != "") == ("unhealthy", True)
        assert here.halts() == ["Deployments to production are halted after an incident"]
        assert max(len(one.payload.reason) for one in here.ledger()) == 2_000


def test_a_persons_rollback_that_is_not_healthy_is_an_incident(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4")) as here:
        live_on_both(here)
        done = here.rollback(halts=False)
        assert (done.outcome, done.live, done.incident != "") == ("unhealthy", None, True)
        assert here.halts() == ["Deployments to production are halted after an incident"]
        assert here.ledger()[-1].phase.word is Phase.FAILED


def test_after_a_failed_deployment_that_went_back_by_itself_a_person_leaves_what_is_live(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").live == "1.2.4"
        assert here.rollback().live == "1.2.3"


def test_a_halt_is_no_reason_not_to_go_back(tmp_path: Path) -> None:
    frozen = QUICK.replace('bake = "10s"', 'bake = "10s"\nfreeze = [{{ cron = "* * * * *", duration = "1h" }}]')
    with production(
        tmp_path, {"issue": "Stop", "labels": ["release-halt"], "author": "ada"}, configuration=frozen
    ) as here:
        live_on_both(here)
        assert here.rollback().outcome == "healthy"


@pytest.mark.parametrize(
    "hindrance",
    [
        pytest.param(Fault(path="graphql", body=r"issues\(", status=502, times=100), id="GitHub fails"),
        pytest.param(None, id="the right is missing"),
    ],
)
def test_going_back_matters_more_than_halting_where(tmp_path: Path, hindrance: Fault | None) -> None:
    rights: list[Entry] = [] if hindrance else [{"rights": {"issues": "none"}}]
    with production(tmp_path, *rights, configuration=QUICK) as here:
        live_on_both(here)
        if hindrance:
            here.shop.box.fault(hindrance)
        assert here.rollback().live == "1.2.4"
        assert any(line.startswith("halting the environment failed") for line in here.shop.said)


# Across what can't be undone


@pytest.mark.parametrize(
    "history, configured, named",
    [
        pytest.param(one_way("irreversible"), "", "#5", id="by its label"),
        pytest.param(
            one_way("feature", path="app/migrations/7.py"),
            'irreversible-paths = ["**/migrations/*.py"]\n',
            "`app/migrations/7.py`",
            id="by a path",
        ),
    ],
)
def test_a_change_that_cannot_be_undone_stops_both_ways_until_a_person_overrules_it(
    tmp_path: Path, history: list[Entry], configured: str, named: str
) -> None:
    with production(tmp_path, configuration=configured + QUICK, history=history) as here:
        here.was_proven("1.2.4")
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason) == ("held", f"{named} can't be undone by a rollback to 1.2.4")
        assert here.deploy("1.3.0").ways_out == ("irreversible",)
        assert here.deploy("1.3.0", overrides="irreversible", reason="known").outcome == "healthy"
        refused = here.rollback()
        assert (refused.outcome, refused.reason) == ("refused", f"{named} can't be undone by a rollback")
        assert here.rollback(overrides="irreversible").live == "1.2.4"


def test_a_path_counts_as_reversible_where_its_change_says_so(tmp_path: Path) -> None:
    configured = 'irreversible-paths = ["**/migrations/*.py"]\n' + QUICK
    history = one_way("reversible", path="app/migrations/7.py")
    with production(tmp_path, configuration=configured, history=history) as here:
        here.was_proven("1.2.4")
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_after_an_overruled_one_way_change_nothing_is_rolled_back(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, history=one_way("irreversible"), behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0", overrides="irreversible", reason="known")
        assert (done.outcome, done.incident != "") == ("unhealthy", True)
        assert done.reason.startswith("`--override irreversible` ruled a rollback out, after this: ")
        assert here.service.deployed() == "1.3.0"


def test_an_older_version_is_not_brought_across_what_cannot_be_undone_without_a_word_for_that(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, history=one_way("irreversible")) as here:
        live_on_both(here)
        refused = here.deploy("1.2.4", overrides="older", reason="to compare them")
        assert (refused.outcome, refused.ways_out) == ("refused", ("irreversible",))
        assert refused.reason == "#5 can't be undone by a rollback to 1.2.4"


# Taking over


def test_a_persons_rollback_takes_over_from_a_deployment_that_is_verified(tmp_path: Path) -> None:
    runs: list[Entry] = [
        {
            "run": number,
            "status": "in_progress",
            "jobs": [{"id": 10 * number, "status": "in_progress", "runner_name": f"runner-{number}"}],
        }
        for number in (1, 2)
    ]
    with production(tmp_path, *runs, configuration=QUICK.replace('"10s"', '"1m"')) as here, ThreadPoolExecutor() as us:
        here.was_proven("1.2.4")
        person = here.elsewhere(**here.shop.job(2))
        going = []

        def behave(version: str, number: int) -> Said:
            if (version, number) == ("1.3.0", 5):
                going.append(us.submit(person.rollback))
                entered.reached.wait(20)
            return 200, {"version": version}

        here.service.behave = behave
        entered = here.shop.box.fault(Fault(path="deployments/.*/statuses", body="waiting", after=1, block="after"))
        entered.release()
        done = here.deploy_automatically("1.3.0", **here.shop.job(1))
        back = going[0].result(timeout=60)
        assert [one.outcome for one in here.reconcile()] == ["held"], "it is halted, and 1.3.0 is quarantined"
    assert (done.outcome, done.reason[:34]) == ("superseded", "a person took over: deployment #10")
    assert (back.outcome, back.live) == ("healthy", "1.2.4")
    assert here.service.deployed() == "1.2.4"


def test_a_persons_rollback_sends_away_what_only_waits(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        live_on_both(here)
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"))
        clock = here.clock = EventfulClock()
        clock.after(20, lambda: here.rival("v1.2.4", kind=DeploymentKind.ROLLBACK, automatic=False))
        done = here.deploy("1.2.3", overrides="older", reason="to compare them")
        assert (done.outcome, done.reason[:10]) == ("superseded", "by 1.2.4 (")


# Evidence


REFUSED = """#!/bin/sh
echo 'Permission denied (publickey).' >&2
exit 255
"""


def test_a_command_that_reaches_nobody_leaves_what_is_live_proven_and_halts_nothing(tmp_path: Path) -> None:
    """Where the credentials have expired, the rollback's command fails as the deployment's did."""
    with production(tmp_path, configuration=QUICK, command=REFUSED) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to, done.live) == ("rolled_back", "1.2.4", "1.2.4")
        assert (done.incident, here.halts()) == ("", [])
        back = here.ledger()[-1].phase
        assert back.word is Phase.HEALTHY
        assert back.text.startswith("the command for production ended with code 255, but 1.2.4 answered well for 10s")


def test_a_rollback_that_reaches_nobody_is_an_incident_where_the_bad_version_answers(tmp_path: Path) -> None:
    reached_once = COMMAND.replace("set -eu", 'set -eu\n[ "$RELEASE_KIND" = deploy ] || exit 255')
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0"), command=reached_once) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("unhealthy", None)
        assert "the command for production ended with code 255" in done.reason
        assert done.incident


def test_a_rollback_that_reaches_nobody_proves_nothing_after_a_command_that_did_something(tmp_path: Path) -> None:
    """What answers like the last good version may be the new one, whose image was built of another commit."""
    lies = COMMAND.replace("set -eu", 'set -eu\n[ "$RELEASE_KIND" = deploy ] || exit 255; RELEASE_VERSION=1.2.4')
    with production(tmp_path, configuration=QUICK, command=lies) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("unhealthy", None)
        assert done.incident


def test_a_rollback_that_reaches_nobody_proves_nothing_where_no_check_tells_the_version(tmp_path: Path) -> None:
    untold = QUICK.replace('version-pointer = "/version"\n', "")
    with production(tmp_path, configuration=untold, command=REFUSED) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("unhealthy", None)


def test_evidence_is_kept_before_anything_is_rolled_back(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.evidence = tmp_path / "evidence"
        here.deploy("1.3.0")
        (kept,) = here.evidence.iterdir()
        assert (
            "deploying 1.3.0 to production\n\n# the command for production ended with code 0\n"
            in (kept / "command-1.log").read_text()
        )
        samples = [json.loads(line) for line in (kept / "samples.jsonl").read_text().splitlines()]
        assert samples[0]["sample"] == "bad"
        assert samples[-1]["sample"] == "ok", "those of the rollback come behind"


def test_evidence_that_cannot_be_kept_never_keeps_anybody_from_going_back(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.evidence = tmp_path / "file" / "evidence"
        (tmp_path / "file").write_text("no folder")
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert any(line.startswith("the evidence could not be kept: ") for line in here.shop.said)
