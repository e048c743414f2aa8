"""Several who want the same environment: one goes, and the others wait, yield, or say who is in their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from tests.chaos.aftermath import assert_in_order
from tests.chaos.past import enter, prove
from tests.chaos.test_kills import OURS, WRITES, start
from tests.production import QUICK, EventfulClock, production

if TYPE_CHECKING:
    from pathlib import Path

    from release_tool.deploy.attempt import DeployResult
    from tests.forkserver import Running

PATIENCE = 60
SLOW = """#!/bin/sh
set -eu
echo "begin $RELEASE_VERSION" >> '{file}.log'
printf '%s' "$RELEASE_VERSION" > '{file}'
echo "end $RELEASE_VERSION" >> '{file}.log'
"""


def ends_well(process: Running) -> str:
    done = process.wait(PATIENCE)
    assert done.code == 0, done.err
    return done.out


WAITED = ["just entered", "waiting", "about to change", "verifying", "baking"]


@pytest.mark.parametrize("write", range(len(WAITED)), ids=WAITED)
def test_who_comes_second_waits_until_the_first_is_done(tmp_path: Path, write: int) -> None:
    """The first is held up after one of its writes until the second has waited for a minute."""
    with production(tmp_path, configuration=QUICK, command=SLOW) as here:
        prove(here, "1.2.3")
        held = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=write, block="after"))
        first = start(here, ("deploy", "1.2.4"))
        assert held.wait_until_acted(PATIENCE)
        before = here.service.file.with_suffix(".log")
        seen: list[str] = []

        def go_on() -> None:
            seen.append(before.read_text() if before.exists() else "")
            held.release()
            ends_well(first)

        second = here.elsewhere()
        second.clock = clock = EventfulClock()
        clock.after(60, go_on)
        assert second.deploy("1.3.0").outcome == "healthy"
        assert "1.3.0" not in seen[0]
        assert [one.phase.word.value for one in here.ledger()] == ["replaced", "replaced", "healthy"]
        assert_in_order(here)


def test_who_enters_later_waits_although_it_began_first(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        prove(here, "1.2.3")
        entering = here.shop.box.fault(Fault(method=WRITES, path=OURS, block="before"))
        waiting = here.shop.box.fault(Fault(method=WRITES, path=OURS, body='"waiting: 1.3.0', block="after"))
        first = start(here, ("deploy", "1.2.4"))
        assert entering.wait_until_reached(PATIENCE)
        second = here.elsewhere()
        second.clock = clock = EventfulClock()

        def let_in() -> None:
            entering.release()
            assert waiting.wait_until_acted(PATIENCE)

        clock.after(1, let_in)
        assert second.deploy("1.3.0").outcome == "healthy"
        waiting.release()
        ends_well(first)
        assert here.story()[1:] == [
            "deploy 1.3.0: healthy: the new version answered well for 10s",
            "deploy 1.2.4: refused: 1.2.4 is older than 1.3.0, which is live",
        ]


@pytest.mark.parametrize(
    "automatic, outcome", [(False, "refused"), (True, "held")], ids=["a person", "an automatic run"]
)
def test_who_has_waited_for_long_enough_says_who_holds_the_environment(
    tmp_path: Path, automatic: bool, outcome: str
) -> None:
    brief = QUICK.replace("bake =", 'lock-timeout = "95s"\nbake =')
    with production(tmp_path, configuration=brief) as here:
        prove(here, "1.2.3")
        held = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=3, block="after"))
        first = start(here, ("deploy", "1.2.4"))
        assert held.wait_until_acted(PATIENCE)
        second = here.elsewhere()
        done: DeployResult = second.deploy_automatically("1.3.0") if automatic else second.deploy("1.3.0")
        number = here.ledger()[1].id
        assert (done.outcome, done.reason) == (outcome, f"waited in vain: 1.2.4 (#{number}) holds the environment")
        assert sum(second.clock.sleeps) == 95
        held.release()
        ends_well(first)
        assert_in_order(here)


def test_a_dead_owner_holds_nobody_up(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        prove(here, "1.2.3")
        enter(here, "1.2.4", PhaseRecord(Phase.WAITING, "for its turn"))
        assert here.deploy("1.3.0").outcome == "healthy"
        assert sum(here.clock.sleeps) < 60
        assert here.story()[1] == "deploy 1.2.4: not done: interrupted before anything changed"


def test_two_who_settle_the_same_at_the_same_moment_settle_it_once(tmp_path: Path) -> None:
    with production(
        tmp_path,
        behave=lambda version, _: (500 if version == "1.3.0" else 200, {"version": version}),
        configuration=QUICK,
        command=SLOW,
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"), automatic=True)
        here.service.file.write_text("1.3.0")
        held = here.shop.box.fault(Fault(method=WRITES, path=OURS, after=1, block="after"))
        first = start(here, ("reconcile",))
        assert held.wait_until_acted(PATIENCE)
        second = here.elsewhere()
        second.clock = clock = EventfulClock()

        def go_on() -> None:
            held.release()
            ends_well(first)

        clock.after(45, go_on)
        second.reconcile()
        assert_in_order(here)
        log = here.service.file.with_suffix(".log").read_text().split("\n")
        begun = [line for line in log if line.startswith("begin")]
        # Nobody saw 1.3.0 fail by itself, so it may be brought once more, and then it does.
        assert begun in (["begin 1.2.4"], ["begin 1.2.4", "begin 1.3.0", "begin 1.2.4"])


def test_a_persons_rollback_takes_over_from_a_deployment_that_runs(tmp_path: Path) -> None:
    """Two terminals, the real clock: the deployment would wait for its version for an hour."""
    patient = QUICK.replace('"20s"', '"1h"').replace('"10s"', '"300ms"') + 'interval = "200ms"\n'
    with production(
        tmp_path,
        behave=lambda version, _: (200, {"version": "1.2.4" if version == "1.3.0" else version}),
        configuration=patient,
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        verifying = here.shop.box.fault(Fault(method="POST", body='"verifying:', block="after"))
        running = here.shop.begin("deploy", "1.3.0", "-e", "production", "--here")
        assert verifying.wait_until_acted(PATIENCE)
        verifying.release()
        back = here.shop.run("rollback", "-e", "production", "--here", "--reason", "checkout is broken")
        assert back.code == 0, back.err
        out = ends_well(running)
        number = here.ledger()[-1].id
        assert f"superseded: a person took over: deployment #{number}" in out
        assert here.story()[2:] == [
            f"deploy 1.3.0: failed: a person took over; handed over to #{number}",
            "rollback 1.2.4: healthy: the new version answered well for 300ms",
        ]
        assert here.halts() == ["Deployments to production are halted"]
        assert here.service.file.read_text() == "1.2.4"
