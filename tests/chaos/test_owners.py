"""Whether somebody is still at work on a deployment is asked, never guessed: what the dead left is settled."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.model.tags import Owner
from release_tool.system import host
from tests.chaos.aftermath import assert_in_order
from tests.chaos.past import enter, prove
from tests.production import CURIOUS, QUICK, production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry

RUN, JOB = 77, 501
OWNER = Owner(run=RUN, attempt=1, job=str(JOB))
CHANGING = PhaseRecord(Phase.CHANGING, "production")


def run(status: str, job: str, *, attempt: int = 1, number: int = JOB, more: tuple[Entry, ...] = ()) -> Entry:
    """An attempt of the run, with the job of the deployment."""
    jobs: list[Entry] = [{"id": number, "runner_name": f"runner-{RUN}", "status": job}, *more]
    return {"run": RUN, "attempt": attempt, "status": status, "jobs": jobs}


def lives(number: int) -> Entry:
    return {"id": number, "runner_name": "another", "status": "in_progress"}


@contextmanager
def left_behind(directory: Path, *runs: Entry, owner: Owner = OWNER, **scenario: object) -> Iterator[Production]:
    """Two versions were proven; then a job brought 1.3.0, and was not heard of again."""
    with production(directory, *runs, configuration=QUICK + CURIOUS, **scenario) as here:  # type: ignore[arg-type]  # what a scenario holds
        prove(here, "1.2.3", "1.2.4")
        enter(here, "1.3.0", CHANGING, owner=owner, automatic=True)
        here.service.file.write_text("1.3.0")
        yield here


def last(here: Production) -> str:
    return str(here.ledger()[-1].phase)


DEAD = {
    "a lost runner": (run("completed", "completed"),),
    "a failed job that is run again": (
        run("completed", "completed"),
        run("in_progress", "in_progress", attempt=2, number=601),
    ),
    "a dead job in a living run": (run("in_progress", "completed", more=(lives(502),)),),
    "a run that nobody knows": (),
}


@pytest.mark.parametrize("runs", DEAD.values(), ids=DEAD)
def test_what_a_dead_job_left_is_finished_by_one_that_reaches_the_environment(
    tmp_path: Path, runs: tuple[Entry, ...]
) -> None:
    with left_behind(tmp_path, *runs) as here:
        (settled,) = here.reconcile(job=here.shop.job(88))
        assert (settled.outcome, settled.reason) == ("healthy", "found healthy after an interruption")
        assert_in_order(here)


@pytest.mark.parametrize("runs", DEAD.values(), ids=DEAD)
def test_what_a_dead_job_left_is_closed_and_told_by_one_that_reaches_nothing(
    tmp_path: Path, runs: tuple[Entry, ...]
) -> None:
    with left_behind(tmp_path, *runs) as here:
        here.service.behave = lambda *_: (500, "nobody may ask")
        (settled,) = here.reconcile(only_close=True, job=here.shop.job(88))
        assert settled.outcome == "inconclusive"
        assert last(here) == "unknown: interrupted while changing: production"
        assert [notice.event for notice in here.shop.notices] == ["needs-person"]
        assert (here.service.asked, here.service.file.read_text()) == (0, "1.3.0")


def test_a_living_job_is_left_alone(tmp_path: Path) -> None:
    with left_behind(tmp_path, run("in_progress", "in_progress")) as here:
        assert here.reconcile(only_settle=True, job=here.shop.job(88)) == ()
        assert here.reconcile(only_close=True, job=here.shop.job(88)) == ()
        assert last(here) == "changing: production"


def test_what_an_earlier_step_of_our_own_job_left_is_ours_to_settle(tmp_path: Path) -> None:
    with left_behind(tmp_path, run("in_progress", "in_progress")) as here:
        (settled,) = here.reconcile(job=here.shop.job(RUN))
        assert settled.outcome == "healthy"
        assert_in_order(here)


def test_the_job_of_an_attempt_that_is_run_again_does_not_take_the_first_attempts_deployment_for_its_own(
    tmp_path: Path,
) -> None:
    again = run("in_progress", "in_progress", attempt=2)
    with left_behind(tmp_path, run("in_progress", "in_progress"), again) as here:
        assert here.reconcile(only_settle=True, job=here.shop.job(RUN, attempt=2)) == ()


def test_a_process_of_this_host_is_asked(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        owner = msgspec.structs.replace(host.this_process(), process=other.pid, started=started(other.pid))
        with left_behind(tmp_path, owner=owner) as here:
            assert here.reconcile(only_settle=True) == ()
            other.kill()
            other.wait()
            (settled,) = here.reconcile(only_settle=True)
            assert settled.outcome == "healthy"


def started(number: int) -> str:
    """When a process began, as the kernel counts."""
    from pathlib import Path

    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]


ELSEWHERE = Owner(host="elsewhere", user="eve", process=1, started="1")


def test_a_process_of_another_host_lives_while_github_saw_it_not_long_ago_however_fast_our_clock_is(
    tmp_path: Path,
) -> None:
    with left_behind(tmp_path, owner=ELSEWHERE, clock="machine") as here:
        here.clock.time = datetime.now(UTC) + timedelta(hours=1)
        assert here.reconcile(only_settle=True) == ()


def test_a_process_of_another_host_that_github_saw_long_ago_is_dead_however_slow_our_clock_is(tmp_path: Path) -> None:
    with left_behind(tmp_path, owner=ELSEWHERE) as here:
        here.clock.time = here.ledger()[-1].seen_at + timedelta(seconds=1)
        (settled,) = here.reconcile(only_settle=True)
        assert settled.outcome == "healthy"


def test_who_can_not_be_asked_shows_that_he_is_alive_while_a_command_runs(tmp_path: Path) -> None:
    with left_behind(tmp_path, owner=host.this_process()) as here:
        writer = LedgerWriter(here.environment())
        entry = writer.ledger[-1]
        third = here.shop.box.fault(Fault(method="POST", path="/statuses$", after=2, block="before"))
        failing = here.shop.box.fault(Fault(method="POST", path="/statuses$", status=502))
        with writer.kept_alive(entry, timedelta(milliseconds=10)):
            assert third.wait_until_reached()
            third.release()
        assert failing.reached.is_set()
        assert [str(step.phase) for step in here.ledger()[-1].steps][:2] == ["changing: production"] * 2


def test_a_job_need_not_show_that_it_is_alive(tmp_path: Path) -> None:
    with left_behind(tmp_path, run("in_progress", "in_progress")) as here:
        writer = LedgerWriter(here.environment(**here.shop.job(RUN)))
        here.shop.box.forget_requests()
        with writer.kept_alive(writer.ledger[-1], timedelta(0)):
            here.clock.sleep(3600)
            writer.stay_alive(writer.ledger[-1])
        assert not [one for one in here.shop.box.requests if one.path.endswith("/statuses")]


def test_who_verifies_for_long_renews_the_lease_once_a_minute(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK.replace('bake = "10s"', 'bake = "5m"')) as here:
        prove(here, "1.2.3", "1.2.4")
        here.shop.box.forget_requests()
        assert here.deploy("1.3.0").outcome == "healthy"
        baked = [str(step.phase) for step in here.ledger()[-1].steps if step.phase.word is Phase.BAKING]
        assert 5 <= len(baked) <= 6


def test_deployments_of_other_tools_hold_nothing_up(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        prove(here, "1.2.3", "1.2.4")
        fields = {"ref": here.commit("v1.2.3"), "environment": "production", "task": "deploy", "required_contexts": []}
        made = here.shop.api("POST", "deployments", fields | {"auto_merge": False})
        assert isinstance(made, dict)
        here.shop.api("POST", f"deployments/{made['id']}/statuses", {"state": "in_progress"})
        assert here.deploy("1.3.0").outcome == "healthy"
