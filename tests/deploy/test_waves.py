"""Targets side by side, a few at first and then more, each wave proven before the next begins."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Target
from release_tool.config.read import parse
from release_tool.config.waves import waves_of
from release_tool.deploy.environment import SilentProgress
from release_tool.deploy.ledger.model import name_wave, wave_named
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, describe, read
from release_tool.errors import SignalError, UsageError
from tests.production import COMMAND, QUICK, production

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release_tool.config.model import Wave
    from tests.production import Production

NAMES = tuple(f"web-{number}" for number in range(1, 7))
TARGETS = ", ".join(f'{{{{ name = "{name}", url = "{{url}}/{name}" }}}}' for name in NAMES)
FLEET = QUICK.replace('bake = "10s"', f'bake = "10s"\ntargets = [{TARGETS}]\nwave = [1, "50%"]')
COMMANDS = (
    COMMAND.replace("'{file}'", "'{file}'-$RELEASE_TARGET") + "echo $RELEASE_KIND $RELEASE_TARGET >> '{file}'.log\n"
)


def sizes(total: int, wave: Wave | tuple[Wave, ...] | None) -> list[int]:
    return [len(wave) for wave in waves_of([Target(name=f"t{number}") for number in range(total)], wave)]


def test_waves_are_cumulative_rounded_up_and_end_with_the_rest() -> None:
    assert sizes(3, None) == [1, 1, 1]
    assert sizes(5, 2) == [2, 2, 1]
    assert sizes(6, "50%") == [3, 3]
    assert sizes(25, "10%") == [3, 3, 3, 3, 3, 3, 3, 3, 1]
    assert sizes(10, (1, "25%", "100%")) == [1, 2, 7]
    assert sizes(10, (1, "25%")) == [1, 2, 7]
    assert sizes(2, (1, "25%", "100%")) == [1, 1]
    assert sizes(3, 100) == [3]


_waves = st.one_of(st.integers(1, 40), st.integers(1, 100).map("{}%".format))


@given(st.integers(1, 60), st.one_of(st.none(), _waves, st.lists(_waves, min_size=1).map(tuple)))
def test_every_target_is_in_exactly_one_wave_in_its_order(total: int, wave: Wave | tuple[Wave, ...] | None) -> None:
    targets = [Target(name=f"t{number}") for number in range(total)]

    waves = waves_of(targets, wave)

    assert [target for one in waves for target in one] == targets
    assert all(waves)


_names = st.one_of(
    st.from_regex(r"[a-z0-9.-]{1,200}", fullmatch=True),
    st.from_regex(r"[ab]{0,3}(\.europe\.production\.shop\.example){2,5}[ab]{0,3}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text("a \u2026\U0001f600\U0001f601;:[tell]", min_size=1, max_size=12),
)


@given(st.lists(_names, min_size=1, max_size=8, unique=True), st.data())
def test_a_wave_is_found_again_by_what_the_ledger_holds_of_it(names: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(names) - 1))
    end = data.draw(st.integers(start + 1, len(names)))

    written = describe(PhaseRecord(Phase.CHANGING, name_wave(names[start:end])))

    assert tuple(wave_named(read(written[0].value, written[1]).text, names)) == tuple(names[start:end])


@pytest.mark.parametrize("wave", ['"0%"', '"101%"', "0", '"ten"', "[]", '["50%", "10%"]', "[3, 1]"])
def test_a_wave_that_is_none_is_refused(wave: str) -> None:
    with pytest.raises(UsageError, match="wave"):
        parse(f'[environments.production]\ncommand = ["./deploy.sh"]\nwave = {wave}\n', "release-tool.toml")


def proven_everywhere(here: Production) -> None:
    here.was_proven("1.2.4")
    for name in NAMES:
        here.service.file.with_name(f"{here.service.file.name}-{name}").write_text("1.2.4")


def commands(here: Production) -> list[str]:
    return here.service.file.with_name(f"{here.service.file.name}.log").read_text().splitlines()


def test_each_wave_is_brought_side_by_side_and_proven_before_the_next(tmp_path: Path) -> None:
    with production(tmp_path, configuration=FLEET, command=COMMANDS) as here:
        proven_everywhere(here)

        assert here.deploy("1.3.0").outcome == "healthy"

        assert [str(step.phase) for step in here.ledger()[1].steps] == [
            "waiting: for its turn",
            "changing: web-1",
            "verifying: web-1",
            "baking: the new version answers",
            "changing: web-2 … web-3",
            "verifying: web-2 … web-3",
            "baking: the new version answers",
            "changing: web-4 … web-6",
            "verifying: web-4 … web-6",
            "baking: the new version answers",
            "healthy: the new version answered well for 10s",
        ]
        done = commands(here)
        assert done[0] == "deploy web-1"
        assert (sorted(done[1:3]), sorted(done[3:])) == (
            ["deploy web-2", "deploy web-3"],
            ["deploy web-4", "deploy web-5", "deploy web-6"],
        )


def test_a_wave_that_fails_is_rolled_back_newest_first_and_the_rest_is_not_touched(tmp_path: Path) -> None:
    broken = COMMANDS + 'case "$RELEASE_TARGET $RELEASE_VERSION" in "web-3 1.3.0") exit 3 ;; esac\n'
    with production(tmp_path, configuration=FLEET, command=broken) as here:
        proven_everywhere(here)

        done = here.deploy("1.3.0")

        assert (done.outcome, done.reason) == ("rolled_back", "the command for web-3 ended with code 3")
        ran = commands(here)
        assert sorted(ran[1:3]) == ["deploy web-2", "deploy web-3"]
        assert sorted(ran[3:5]) == ["rollback web-2", "rollback web-3"], "the newest wave first"
        assert ran[5:] == ["rollback web-1"]


def test_one_bad_target_in_a_wave_is_enough(tmp_path: Path) -> None:
    def behave(version: str, _: int) -> tuple[int, object]:
        return (500 if version == "dead" else 200), {"version": version}

    dead = COMMANDS + "[ \"$RELEASE_TARGET $RELEASE_VERSION\" != 'web-2 1.3.0' ] || printf dead > '{file}'-web-2\n"
    with production(tmp_path, configuration=FLEET, command=dead, behave=behave) as here:
        proven_everywhere(here)

        done = here.deploy("1.3.0")

        assert done.outcome == "rolled_back"
        assert "`web-2` `health`" in done.reason
        assert len(commands(here)) == 6


def test_what_was_brought_goes_back_however_long_its_names_are(tmp_path: Path) -> None:
    def behave(version: str, _: int) -> tuple[int, object]:
        return (500 if version == "dead" else 200), {"version": version}

    fleet = FLEET
    for name in NAMES:
        fleet = fleet.replace(f'name = "{name}"', f'name = "{name}.europe.production.{"cluster." * 6}example"')
    dead = COMMANDS + "[ \"$RELEASE_TARGET $RELEASE_VERSION\" != 'web-2 1.3.0' ] || printf dead > '{file}'-web-2\n"
    dead = dead.replace("$RELEASE_TARGET", "${{RELEASE_TARGET_URL##*/}}")
    with production(tmp_path, configuration=fleet, command=dead, behave=behave) as here:
        proven_everywhere(here)

        assert here.deploy("1.3.0").outcome == "rolled_back"

        assert {here.service.deployed(name) for name in NAMES} == {"1.2.4"}
        assert len(commands(here)) == 6


class Lines(SilentProgress):
    """What commands say, kept, and what is done about it."""

    def __init__(self, lines: list[str], do: Callable[[str], object] = lambda _: None) -> None:
        self._lines, self._do = lines, do

    def line(self, text: str) -> None:
        self._lines.append(text)
        self._do(text)


def test_who_ends_a_deployment_ends_all_commands_of_a_wave(tmp_path: Path) -> None:
    slow = COMMANDS + '[ "$RELEASE_TARGET" = web-1 ] || {{ echo $$ begun; sleep 60; }}\n'
    lines: list[str] = []

    def interrupt(_: str) -> None:
        if sum("begun" in one for one in lines) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    def end(*_: object) -> None:
        raise SignalError(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with production(tmp_path, configuration=FLEET, command=slow) as here:
            here.progress = Lines(lines, interrupt)
            proven_everywhere(here)
            with pytest.raises(SignalError):
                here.deploy("1.3.0")
    finally:
        signal.signal(signal.SIGTERM, before)

    for pid in [int(line.split()[1]) for line in lines if "begun" in line]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_each_target_says_is_told_with_its_name(tmp_path: Path) -> None:
    lines: list[str] = []
    with production(tmp_path, configuration=FLEET, command=COMMANDS) as here:
        here.progress = Lines(lines)
        proven_everywhere(here)
        here.deploy("1.3.0")

    assert "deploying 1.3.0 to web-1" in lines, "alone, it needs no name"
    assert {"web-2: deploying 1.3.0 to web-2", "web-3: deploying 1.3.0 to web-3"} <= set(lines)
