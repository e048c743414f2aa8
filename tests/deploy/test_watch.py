"""After the bake: what was proven is measured for a while longer, and left where it is found unhealthy."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.config.read import parse
from release_tool.deploy import reconcile
from release_tool.deploy.ledger.model import DeploymentKind, live, lost_proofs, quarantine
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.withdraw import withdraw
from release_tool.errors import SignalError, UnhealthyError, UsageError
from tests.deploy.test_metrics import COMMANDED
from tests.metrics_server import MetricsServer, vector
from tests.production import QUICK, RIVAL, EventfulClock, production
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production

WATCHED = QUICK.replace('bake = "10s"', 'bake = "10s"\nwatch = "1h"')
MINUTE = 60


def sick_after(here: Production, minutes: float, sick: set[str], version: str = "1.3.0") -> None:
    """Let a version fail from a while after the beginning on."""
    clock = EventfulClock()
    clock.after(minutes * MINUTE, lambda: sick.add(version))
    here.clock = clock


def test_a_healthy_version_is_watched_while_its_environment_is_free(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "healthy"
        began = here.clock.time

        done = here.watch()

        assert (done.outcome, done.live) == ("healthy", "1.3.0")
        assert "samples were good" in done.reason
        assert 59 * MINUTE <= (here.clock.time - began).total_seconds() <= 61 * MINUTE
        entry = here.ledger()[-1]
        assert [step.phase.word for step in entry.steps[-3:]] == [Phase.HEALTHY, Phase.WATCHING, Phase.HEALTHY]
        assert str(entry.phase).startswith("healthy: the new version answered well for 10s; its watch is over")
        assert {one.state for one in (Phase.WATCHING, Phase.HEALTHY)} == {Phase.HEALTHY.state}


def test_what_is_found_unhealthy_in_its_watch_is_left_by_a_rollback_that_everybody_is_told_of(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad(among=sick)) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        sick_after(here, 20, sick)

        done = here.watch()

        assert (done.outcome, done.rolled_back_to, here.service.deployed()) == ("rolled_back", "1.2.4", "1.2.4")
        assert "3 bad intervals in a row" in done.reason
        left, back = here.ledger()[1:]
        assert [step.phase.word for step in left.steps[-3:]] == [Phase.WATCHING, Phase.UNHEALTHY, Phase.REPLACED]
        assert (back.payload.kind, back.payload.parent, back.payload.watched) == (
            DeploymentKind.ROLLBACK,
            left.id,
            True,
        )
        (curve,) = back.payload.curves
        assert (curve.check, curve.marks[0], curve.marks[-1], len(curve.marks) > 20) == ("health", "o", "b", True)
        assert "points after it are bad" in done.evidence
        assert left.commit in quarantine(here.ledger())
        assert left.commit in lost_proofs(here.ledger())
        assert here.halts() == []


def test_what_fails_now_and_then_in_its_watch_goes_when_it_is_more_than_the_budget(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        here.service.behave = lambda version, number: (
            (500 if version == "1.3.0" and number % 2 else 200),
            {"version": version},
        )

        done = here.watch()

        assert done.outcome == "rolled_back"
        assert "samples were bad, more than 0 %" in done.reason


def test_a_few_lost_answers_in_a_watch_cost_nothing(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        here.service.behave = lambda version, number: (500 if number % 40 < 2 else 200, {"version": version})
        assert here.watch().outcome == "healthy"


def test_what_cannot_be_measured_in_the_end_is_not_called_healthy_and_not_left(tmp_path: Path) -> None:
    own = WATCHED + '[[environments.production.checks]]\nkind = "command"\nname = "own"\ncommand = ["./missing"]\n'
    with production(tmp_path, clock="machine", configuration=own) as here:
        here.was_proven("1.3.0")

        done = here.watch()

        assert (done.outcome, here.service.deployed()) == ("inconclusive", "1.3.0")
        assert live(here.ledger()).commit == here.commit("v1.3.0")
        assert done.reason.startswith("its watch ended without a result, because these checks could not be measured: ")
        assert str(here.ledger()[-1].phase).endswith("; its watch ended without a result")


def test_what_is_found_unhealthy_while_github_fails_is_said_to_be(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad(among=sick)) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        sick_after(here, 20, sick)
        assert isinstance(here.clock, EventfulClock)
        here.clock.after(20 * MINUTE, lambda: here.shop.box.fault(Fault(path="/graphql", status=502, times=100)))

        with pytest.raises(UnhealthyError, match="was found unhealthy in its watch, and was not rolled back: GitHub"):
            here.watch()


def test_what_was_withdrawn_during_the_watch_is_not_gone_back_to(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad(among=sick)) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        sick_after(here, 20, sick)
        assert isinstance(here.clock, EventfulClock)
        here.clock.after(10 * MINUTE, lambda: withdraw(here.shop.project(), "v1.2.4", "it loses orders"))

        assert here.watch().rolled_back_to == "1.2.3"


def test_going_back_does_not_wait_for_git_that_fails(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad(among=sick)) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        sick_after(here, 20, sick)
        assert isinstance(here.clock, EventfulClock)
        box = here.shop.box
        here.clock.after(19 * MINUTE, box.forget_requests)
        here.clock.after(19 * MINUTE, lambda: box.fault(Fault(path="/info/refs", status=503, times=100)))

        assert here.watch().rolled_back_to == "1.2.4"
        assert sum("/info/refs" in request.path for request in box.requests) == 1


def test_without_the_secrets_to_go_back_nothing_is_watched_and_nobody_is_blamed(tmp_path: Path) -> None:
    settings = WATCHED.replace('watch = "1h"', 'watch = "1h"\npass-env = ["PASSWORD"]') + COMMANDED
    with production(tmp_path, clock="machine", configuration=settings) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0", PASSWORD="hunter2-hunter2")

        with pytest.raises(UsageError, match="`pass-env` names PASSWORD, which is not set"):
            here.watch()

        assert (live(here.ledger()).commit, here.halts()) == (here.commit("v1.3.0"), [])
        assert here.watch(PASSWORD="hunter2-hunter2").outcome == "healthy"


def test_something_newer_ends_the_watch(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        clock = EventfulClock()
        clock.after(10 * MINUTE, lambda: here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production")))
        here.clock, began = clock, clock.time

        done = here.watch()

        assert (done.outcome, "1.2.4 (#" in done.reason) == ("superseded", True)
        assert (clock.time - began).total_seconds() <= 12 * MINUTE
        assert here.ledger()[1].phase.word is Phase.HEALTHY


def test_a_deployment_does_not_wait_for_a_watch(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.tell(here.ledger()[0].id, PhaseRecord(Phase.WATCHING, "until 2026-01-05 13:00 UTC, by run 7/1/71"))
        began = here.clock.time
        assert here.deploy("1.3.0").outcome == "healthy"
        assert (here.clock.time - began).total_seconds() < MINUTE
        assert here.ledger()[0].phase.word is Phase.REPLACED


def test_a_watch_that_was_killed_ends_early_and_nobody_is_blamed(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.tell(here.ledger()[0].id, PhaseRecord(Phase.WATCHING, "until 2026-01-05 13:00 UTC, by run 7/1/71"))

        (done,) = here.reconcile(only_settle=True)

        assert (done.outcome, done.live) == ("healthy", "1.2.4")
        assert "its watch ended early" in done.reason
        assert str(here.ledger()[0].phase).endswith("its watch ended early: its run is gone")
        assert not quarantine(here.ledger())
        assert here.reconcile(only_settle=True) == ()


def test_the_look_that_finds_nothing_to_do_says_so_too_without_a_job_for_it(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.3.0")
        here.tell(here.ledger()[0].id, PhaseRecord(Phase.WATCHING, "until 2026-01-05 13:00 UTC, by run 7/1/71"))
        assert not any(step.needed for step in reconcile.plan([here.environment()], writes=True))
        assert str(here.ledger()[0].phase).endswith("its watch ended early: its run is gone")


def test_a_living_watch_is_left_alone_and_not_begun_twice(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.tell(here.ledger()[0].id, PhaseRecord(Phase.WATCHING, "until 2026-01-05 13:00 UTC, by run 7/1/71"))

        assert here.reconcile(only_settle=True) == ()
        assert here.ledger()[0].phase.word is Phase.WATCHING
        assert (here.watch().outcome, "run 7 watches" in here.watch().reason) == ("unchanged", True)


def test_a_signal_ends_the_watch_and_leaves_the_version_live(tmp_path: Path) -> None:
    def end() -> None:
        raise SignalError(signal.SIGTERM)

    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.3.0")
        clock = EventfulClock()
        clock.after(5 * MINUTE, end)
        here.clock = clock

        with pytest.raises(SignalError) as raised:
            here.watch()

        assert (raised.value.number, raised.value.already) == (
            15,
            f"{here.ledger()[0]} is live, and was proven healthy",
        )
        assert str(here.ledger()[0].phase).endswith("its watch ended early, by a signal")


def test_a_rollback_of_a_watch_whose_run_died_before_it_began_is_carried_on(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.was_proven("1.3.0")
        left = here.ledger()[-1].id
        here.tell(left, PhaseRecord(Phase.UNHEALTHY, "3 bad intervals in a row"))
        here.rival("v1.2.4", kind=DeploymentKind.ROLLBACK, parent=left, watched=True)

        (done,) = here.reconcile(only_settle=True)

        assert (done.outcome, here.service.deployed()) == ("rolled_back", "1.2.4")
        assert [one.phase.word for one in here.ledger()[1:]] == [Phase.REPLACED, Phase.NOT_DONE, Phase.HEALTHY]


def test_it_is_closed_where_the_environment_can_not_be_reached(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.was_proven("1.3.0")
        left = here.ledger()[-1].id
        here.tell(left, PhaseRecord(Phase.UNHEALTHY, "3 bad intervals in a row"))
        here.rival("v1.2.4", kind=DeploymentKind.ROLLBACK, parent=left, watched=True)

        here.reconcile(only_close=True)

        assert [one.phase.word for one in here.ledger()[1:]] == [Phase.UNHEALTHY, Phase.NOT_DONE]


def test_a_rollback_of_a_watch_that_does_not_come_up_is_an_incident(tmp_path: Path) -> None:
    sick: set[str] = set()
    with production(tmp_path, clock="machine", configuration=WATCHED, behave=bad(among=sick)) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        sick.add("1.2.4")
        sick_after(here, 20, sick)

        done = here.watch()

        assert (done.outcome, bool(done.incident)) == ("unhealthy", True)
        assert len(here.halts()) == 1


def test_what_goes_back_is_not_watched(tmp_path: Path) -> None:
    with production(tmp_path, clock="machine", configuration=WATCHED) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        here.rollback()
        done = here.watch()
        assert (done.outcome, done.reason) == ("unchanged", "only what a deployment brought is watched")


def test_a_watch_that_is_over_is_not_begun(tmp_path: Path) -> None:
    with production(tmp_path, configuration=WATCHED) as here:  # what the stand-in counts is long ago by its Date
        here.was_proven("1.2.4")
        assert "was over at" in here.watch().reason


@pytest.mark.parametrize(
    "watch, checks, why",
    [
        ("6h", 'health = "https://example.com"', "at most `5h`"),
        ("1h", "", "there is no check to watch with"),
        ("2m", 'health = "https://example.com"', "finds nothing in less than `240s`"),
    ],
)
def test_a_watch_that_could_find_nothing_is_refused(watch: str, checks: str, why: str) -> None:
    text = f'[environments.production]\ncommand = ["./deploy.sh"]\nwatch = "{watch}"\n{checks}\n'
    with pytest.raises(UsageError, match=r"environments\.production\.watch") as raised:
        parse(text, "release-tool.toml")
    assert why in raised.value.message


def test_where_nothing_is_configured_nothing_is_watched(tmp_path: Path) -> None:
    with production(tmp_path) as here, pytest.raises(UsageError, match="nothing is watched in production"):
        here.watch()


LEAKS = """
[[environments.production.checks]]
kind = "prometheus"
name = "memory"
query = 'memory{{env="$environment"}}'
url = "{prometheus}"
max = 500
initial-delay = "0s"
interval = "2s"
failure-threshold = 3
deadline = "20s"
"""


def test_a_version_that_leaks_is_left_in_its_watch_with_the_curve_that_shows_it(tmp_path: Path) -> None:
    with MetricsServer(lambda _: vector("100")) as server:
        configuration = WATCHED + LEAKS.replace("{prometheus}", server.url)
        with production(tmp_path, clock="machine", configuration=configuration) as here:
            here.was_proven("1.2.4")
            here.deploy("1.3.0")
            begun = len(server.asked)
            server.behave = lambda _: vector(
                str(100 + 10 * (len(server.asked) - begun) if here.service.deployed() == "1.3.0" else 100)
            )

            done = here.watch()

            assert (done.outcome, here.service.deployed()) == ("rolled_back", "1.2.4")
            assert "`memory`: 3 bad intervals in a row (" in done.reason
            memory = here.ledger()[-1].payload.curves[0]
            known = [value for value in memory.values if value is not None]
            assert (memory.check, memory.most, known) == ("memory", 500, sorted(known))
            assert (memory.marks[0], memory.marks[-3:]) == ("o", "bbb")
