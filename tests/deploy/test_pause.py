"""A person can hold a deployment between its waves, and whoever goes back takes over at any moment."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from release_tool.config.read import parse
from release_tool.deploy.halts.commands import halt
from release_tool.deploy.halts.model import HaltOrder
from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import DeploymentState, Phase, PhaseRecord, read
from release_tool.deploy.ledger.writer import LedgerWriter
from release_tool.deploy.queue import resume_paused
from release_tool.errors import UsageError
from tests.deploy.test_waves import COMMANDS, FLEET, commands, proven_everywhere
from tests.production import RIVAL, EventfulClock, production

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.production import Production

PAUSED = FLEET.replace('wave = [1, "50%"]', 'wave = [1, "50%"]\npause-after = 1\npause-timeout = "30m"')
MINUTE = 60


def at(here: Production, minutes: float, act: Callable[[], object]) -> EventfulClock:
    """Let something happen while it waits."""
    clock = EventfulClock()
    clock.after(minutes * MINUTE, act)
    here.clock = clock
    return clock


def resumes(here: Production, by: str = "bob") -> Callable[[], object]:
    """Another one resumes, from where he is."""
    return lambda: here.tell(here.ledger()[-1].id, PhaseRecord(Phase.RESUMED, f"by {by}"))


def test_after_the_named_wave_a_person_is_waited_for(tmp_path: Path) -> None:
    with production(tmp_path, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)
        clock = at(here, 20, resumes(here))
        began = clock.time

        assert here.deploy("1.3.0").outcome == "healthy"

        steps = here.ledger()[1].steps
        words = [word for word, _ in itertools.groupby(step.phase.word for step in steps)]
        first = words.index(Phase.PAUSED)
        assert words[first - 1 : first + 3] == [Phase.BAKING, Phase.PAUSED, Phase.RESUMED, Phase.CHANGING]
        assert words.count(Phase.PAUSED) == 1, "of one wave alone"
        assert 20 <= (clock.time - began).total_seconds() / MINUTE <= 22
        assert len(commands(here)) == 6
        assert str(steps[first].phase).startswith("paused: after wave 1 of 3, until ")


def test_where_nobody_resumes_it_goes_back_and_says_so(tmp_path: Path) -> None:
    with production(tmp_path, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)

        done = here.deploy("1.3.0")

        assert (done.outcome, done.reason) == ("rolled_back", "nobody resumed it within 30 min")
        assert commands(here) == ["deploy web-1", "rollback web-1"]


def test_what_is_paused_is_measured_on(tmp_path: Path) -> None:
    sick: set[str] = set()

    def behave(version: str, _: int) -> tuple[int, object]:
        return (500 if version in sick else 200), {"version": version}

    with production(tmp_path, configuration=PAUSED, command=COMMANDS, behave=behave) as here:
        proven_everywhere(here)
        clock = at(here, 5, lambda: sick.add("1.3.0"))
        began = clock.time

        done = here.deploy("1.3.0")

        assert (done.outcome, "`web-1` `health`: 3 bad intervals in a row" in done.reason) == ("rolled_back", True)
        assert (clock.time - began).total_seconds() / MINUTE <= 9
        assert commands(here) == ["deploy web-1", "rollback web-1"]


def test_a_persons_rollback_takes_over_from_a_pause(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)

        def goes_back() -> None:
            here.rival("v1.2.4", kind=DeploymentKind.ROLLBACK, automatic=False, parent=here.ledger()[-1].id)

        clock = at(here, 5, goes_back)
        began = clock.time

        done = here.deploy("1.3.0")

        assert (done.outcome, "a person took over" in done.reason) == ("superseded", True)
        assert (clock.time - began).total_seconds() / MINUTE <= 6
        assert commands(here) == ["deploy web-1"], "who took over goes back"


def test_a_halt_that_nobody_lifted_keeps_what_is_resumed_from_going_on(tmp_path: Path) -> None:
    with production(tmp_path, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)

        def halts_and_resumes() -> None:
            halt(here.shop.project(), HaltOrder(environment="production", by="bob", reason="not now"))
            resumes(here)()

        at(here, 5, halts_and_resumes)
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert commands(here) == ["deploy web-1", "rollback web-1"]


def test_resume_finds_what_is_paused_and_whose_owner_lives(tmp_path: Path) -> None:
    pause = PhaseRecord(Phase.PAUSED, "after wave 1 of 3, until 13:00 UTC")
    with production(tmp_path, RIVAL, configuration=PAUSED) as here:
        here.was_proven("1.2.4")
        number = here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "web-1"), pause)

        gone_on = resume_paused(LedgerWriter(here.environment()), "ada")

        assert gone_on is not None
        assert gone_on.id == number
        assert str(here.ledger()[1].phase) == "resumed: by ada"
        assert here.ledger()[1].is_resumed(pause)
        here.tell(number, pause)  # its owner says once more that he lives
        assert here.ledger()[1].is_resumed(pause)
        assert resume_paused(LedgerWriter(here.elsewhere().environment()), "ada") is not None, "twice does no harm"


def test_what_was_killed_in_a_pause_is_left_to_reconcile(tmp_path: Path) -> None:
    pause = PhaseRecord(Phase.PAUSED, "after wave 1 of 3, until 13:00 UTC")
    with production(tmp_path, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)
        here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "web-1"), PhaseRecord(Phase.VERIFYING, "web-1"), pause)
        here.service.file.with_name(f"{here.service.file.name}-web-1").write_text("1.3.0")
        assert resume_paused(LedgerWriter(here.environment()), "ada") is None

        (done,) = here.reconcile(only_settle=True)

        assert (done.outcome, done.blameless) == ("rolled_back", True)
        assert commands(here) == ["rollback web-1"]


def test_a_rollback_waits_for_nobody(tmp_path: Path) -> None:
    with production(tmp_path, configuration=PAUSED, command=COMMANDS) as here:
        proven_everywhere(here)
        at(here, 1, resumes(here))
        here.deploy("1.3.0")
        assert here.rollback().outcome == "healthy"


def test_an_older_reader_takes_a_pause_for_a_change_under_way() -> None:
    """Words that it does not know are taken by their state, and name no target."""
    assert Phase.PAUSED.state is Phase.RESUMED.state is DeploymentState.IN_PROGRESS
    assert read("in_progress", "unheard-of: after wave 1 of 3").word is Phase.CHANGING


@pytest.mark.parametrize(
    "settings, why",
    [
        ("pause-after = 3", "after wave 3 of 3 there is nothing to wait for"),
        ("pause-after = [1, 4]", "after wave 4 of 3"),
        ('pause-after = [1, 2]\npause-timeout = "90m"', "two hours"),
        ('pause-after = 1\npause-timeout = "0s"', "nobody can resume in no time"),
        ("pause-after = 0", "pause-after"),
    ],
)
def test_a_pause_that_could_not_be_is_refused(settings: str, why: str) -> None:
    targets = ", ".join(f'{{ name = "web-{number}" }}' for number in range(3))
    text = f'[environments.production]\ncommand = ["./deploy.sh"]\ntargets = [{targets}]\n{settings}\n'
    with pytest.raises(UsageError, match="pause-after") as raised:
        parse(text, "release-tool.toml")
    assert why in raised.value.message
