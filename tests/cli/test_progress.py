"""Looking on while something is deployed: a live view in a terminal that leaves it as it was, plain lines elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.terminal import on_a_terminal
from tests.cli.test_deployment import bad, deploy, scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.production import Production

CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"
ERASED = "\x1b[2K"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURED = re.compile(r"\x1b\[([0-9]+;)*3[0-7](;[0-9]+)*m")
TALKING = """#!/bin/sh
printf '%s' "$RELEASE_VERSION" > '{file}'
for number in 1 2 3 4 5 6 7 8 9 10; do echo "step $number of $RELEASE_VERSION"; done
printf 'a title \\033]0;pwned\\007 and \\033[31mred\\n'
"""
ARGV = ("deploy", "1.3.0", "-e", "production", "--here")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Production]:
    with scene(tmp_path, command=TALKING) as made:
        yield made


def plain(seen: str) -> str:
    return ESCAPE.sub("", seen)


def test_a_terminal_shows_the_phase_the_command_the_samples_and_the_time_left(here: Production) -> None:
    seen = on_a_terminal(here.shop, *ARGV)
    shown = plain(seen)
    assert COLOURED.search(seen)
    for part in ("verifying: production", "| step 10 of 1.3.0", "●", "production health", "s left"):
        assert part in shown, shown
    assert shown.rstrip().endswith("production: 1.3.0 healthy: the new version answered well for 200ms")


def test_the_terminal_is_left_as_it_was(here: Production) -> None:
    seen = on_a_terminal(here.shop, *ARGV)
    assert seen.count(CURSOR_HIDDEN) == seen.count(CURSOR_SHOWN) == 1
    after = seen[seen.index(CURSOR_SHOWN) :]
    assert ERASED in after, "the view is taken away"
    assert "●" not in plain(after)


def test_a_command_can_play_no_tricks_on_the_terminal(here: Production) -> None:
    seen = on_a_terminal(here.shop, *ARGV)
    assert "\x1b]0;" not in seen
    assert "\x1b[31mred" not in seen
    assert "red" in seen


def test_a_failure_on_a_terminal_leaves_it_as_it_was_too(tmp_path: Path) -> None:
    with scene(tmp_path, behave=bad("1.3.0")) as here:
        seen = on_a_terminal(here.shop, *ARGV)
        assert seen.count(CURSOR_HIDDEN) == seen.count(CURSOR_SHOWN) == 1
        shown = plain(seen)
        assert "✗" in shown
        assert "expected 200 to 299" in shown
        assert "already true: rolled back: 1.2.4 is live again" in shown


def test_a_small_terminal_is_wide_and_high_enough_for_what_matters(tmp_path: Path) -> None:
    with scene(tmp_path, command=TALKING, behave=bad("1.3.0")) as here:
        seen = on_a_terminal(here.shop, *ARGV, COLUMNS="60", LINES="12", FORCE_COLOR="")
    drawn = seen[seen.index(CURSOR_HIDDEN) : seen.index(CURSOR_SHOWN)].replace(ERASED, "\n").replace("\r", "\n")
    live = re.compile(r"  \| step|[●✗]|expected 200|\ds left")  # and not the commands to type by hand, printed above it
    lines = [line for line in plain(drawn).splitlines() if live.search(line)]

    assert max(map(len, lines)) <= 60
    assert "expected 200 to 299" in " ".join(" ".join(lines).split())
    assert any(line.strip().endswith("s left") for line in lines)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "a dumb terminal"])
def test_nobody_gets_colour_who_wants_none(here: Production, env: dict[str, str]) -> None:
    seen = on_a_terminal(here.shop, *ARGV, **env)
    assert not COLOURED.search(seen)
    assert "verifying: production" in seen


def test_a_pipe_gets_plain_lines_one_for_each_thing_that_changes(here: Production) -> None:
    done = deploy(here, "1.3.0")
    assert done.code == 0
    assert "\x1b" not in done.err + done.out
    lines = done.err.splitlines()
    number = here.ledger()[-1].id
    phases = [line for line in lines if line.startswith(f"1.3.0 (#{number}): ")]
    assert [line.partition(": ")[2].partition(":")[0] for line in phases] == [
        "waiting",
        "changing",
        "verifying",
        "baking",
        "healthy",
    ]
    assert [line for line in lines if line.startswith("  | step")] == [
        f"  | step {number} of 1.3.0" for number in range(1, 11)
    ]
    assert 1 <= sum("left)" in line for line in lines) <= 5


def test_a_job_gets_plain_lines_that_are_no_commands_to_the_runner(tmp_path: Path) -> None:
    command = "#!/bin/sh\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\necho '::set-output name=live::9'\n"
    with scene(tmp_path, command=command) as here:
        done = here.shop.run("deploy", "1.3.0", "-e", "production", env=here.shop.job())
        assert done.code == 0
        assert not [line for line in done.err.splitlines() if line.lstrip().startswith("::set-output")]
        assert "set-output name=live" in done.err
