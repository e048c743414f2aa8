"""Signals as Actions and people send them: the run ends in time and says what is true, and the next one carries on."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.model.tags import Owner
from tests.chaos.aftermath import assert_in_order
from tests.chaos.endless import DEAF, ENDLESS, PATIENCE, assert_ends, fifo
from tests.chaos.past import enter, prove
from tests.production import COMMAND, CONFIGURATION, production

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry

OURS, OTHERS = 77, 78
RUNS: tuple[Entry, ...] = tuple(
    {
        "run": run,
        "status": "in_progress",
        "jobs": [{"id": run, "runner_name": f"runner-{run}", "status": "in_progress"}],
    }
    for run in (OURS, OTHERS)
)
QUICK = (
    CONFIGURATION.replace('url = "{url}"\n', 'url = "{url}"\nbake = "300ms"\n')
    + 'interval = "100ms"\ndeadline = "60s"\n'
)
"""For real processes with the real clock: they bake for a moment, and wait for long where nothing gets healthy."""
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


@contextmanager
def scene(directory: Path, *, command: str = COMMAND, stale: bool = False) -> Iterator[Production]:
    """Two versions were proven; where it is `stale`, the application goes on telling the one before for ever."""

    def behave(version: str, _: int) -> tuple[int, object]:
        return 200, {"version": "1.2.4" if stale and version == "1.3.0" else version}

    with production(directory, *RUNS, behave=behave, configuration=QUICK, command=command) as here:
        prove(here, "1.2.3", "1.2.4")
        yield here


def start(here: Production) -> subprocess.Popen[str]:
    """Deploy 1.3.0 as a job of Actions does."""
    return here.shop.start("deploy", "1.3.0", "-e", "production", env=here.shop.job(OURS))


def started_up_to(here: Production, words: str) -> subprocess.Popen[str]:
    """The same, as soon as it has written a phase."""
    armed = here.shop.box.fault(Fault(method="POST", path="/statuses$", body=f'"{words}', block="after"))
    started = start(here)
    assert armed.wait_until_acted(PATIENCE)
    armed.release()
    return started


def ended(started: subprocess.Popen[str], number: int) -> str:
    """What a process says that is ended by a signal."""
    _, said = started.communicate(timeout=PATIENCE)
    assert started.returncode == 128 + number, said
    return said


@SIGNALS
def test_who_is_interrupted_while_waiting_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with scene(tmp_path) as here:
        held = enter(
            here,
            "1.2.3",
            PhaseRecord(Phase.CHANGING, "production"),
            owner=Owner(run=OTHERS, attempt=1, job=str(OTHERS)),
        )
        started = started_up_to(here, f"waiting: 1.2.3 .#{held}")
        started.send_signal(number)
        said = ended(started, number)
        assert "nothing was changed" in said
        assert here.story()[-1] == "deploy 1.3.0: not done: interrupted"


@SIGNALS
def test_an_interrupted_command_is_ended_with_all_it_started_and_the_same_job_settles_it(
    tmp_path: Path, number: int
) -> None:
    with scene(tmp_path, command=ENDLESS) as here:
        begun = fifo(here)
        started = start(here)
        command = int(begun.read_text())
        started.send_signal(number)
        said = ended(started, number)
        assert "the environment was changed, and its health is not proven" in said
        assert "release-tool reconcile -e production" in said
        assert_ends(command)
        (settled, *_) = here.reconcile(job=here.shop.job(OURS))
        assert settled.outcome == "healthy"
        assert_in_order(here)


def test_a_command_that_does_not_listen_is_ended_by_the_second_signal_at_once(tmp_path: Path) -> None:
    with scene(tmp_path, command=DEAF) as here:
        begun = fifo(here)
        started = start(here)
        command = int(begun.read_text())
        started.send_signal(signal.SIGINT)
        assert begun.read_text() == "heard\n"
        started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=PATIENCE)
        assert started.returncode in {128 + signal.SIGINT, 128 + signal.SIGTERM}, said
        assert_ends(command)


@SIGNALS
def test_an_interrupted_verification_is_taken_up_by_the_same_job(tmp_path: Path, number: int) -> None:
    with scene(tmp_path, stale=True) as here:
        started = started_up_to(here, "verifying:")
        started.send_signal(number)
        assert "the environment was changed, and its health is not proven" in ended(started, number)
        (settled, *_) = here.reconcile(job=here.shop.job(OURS))
        assert (settled.outcome, settled.rolled_back_to) == ("rolled_back", "1.2.4")
        assert_in_order(here)


@SIGNALS
def test_an_interrupted_rollback_is_not_taken_for_one_that_failed(tmp_path: Path, number: int) -> None:
    with scene(tmp_path, stale=True) as here:
        here.service.behave = lambda version, _: (500 if version == "1.3.0" else 200, {"version": "nobody's"})
        enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"), PhaseRecord(Phase.ROLLING_BACK, "it failed"))
        armed = here.shop.box.fault(Fault(method="POST", path="/statuses$", body='"waiting: ', block="after"))
        started = here.shop.start("reconcile", "-e", "production", env=here.shop.job(OURS))
        assert armed.wait_until_acted(PATIENCE)
        os.kill(started.pid, number)
        armed.release()
        ended(started, number)
        here.service.behave = lambda version, _: (500 if version == "1.3.0" else 200, {"version": version})
        here.reconcile(job=here.shop.job(OURS))
        assert_in_order(here)
        assert here.service.file.read_text() == "1.2.4"
