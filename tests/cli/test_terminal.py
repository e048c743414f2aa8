"""What a person sees on a terminal of any size: tables that fit, verdicts at the end, and colour where it is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.terminal import on_a_terminal
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

TITLE = "fix: round totals to cents, which the tax office of every country that the shop sells to insists upon"
HISTORY: list[Entry] = [
    {"tag": "v1.2.3"},
    {"pull": 1, "title": "feat: search", "author": "ada", "files": {"a.py": "1\n"}},
    {"pull": 2, "title": TITLE, "author": "bob", "files": {"b.py": "1\n"}},
    {"commit": "Tidy up", "author": "bob", "files": {"c.py": "1\n"}},
]
HEADLINE = "main: v1.3.0 is next (minor): 3 changes since v1.2.3"
CONFIG = """[environments.production]
command = ["true"]
health = "https://shop.example.com/health"
"""


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *HISTORY, files={"README.md": "hello\n", "release-tool.toml": CONFIG}) as made:
        yield made


def lines(of: Shop, *args: str, columns: int, rows: int = 100) -> list[str]:
    seen = on_a_terminal(of, *args, COLUMNS=str(columns), LINES=str(rows))
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_plan_fits_the_terminal_and_nothing_of_it_is_cut(ours: Shop, columns: int) -> None:
    seen = lines(ours, "plan", columns=columns)

    assert max(map(len, seen)) <= columns
    assert seen[0] == HEADLINE
    assert seen[2].split()[:4] == ["minor", "#1", "feat:", "search"]
    assert "…" not in "".join(seen)
    words = " ".join(seen).split()
    assert all(words.count(word) >= TITLE.split().count(word) for word in TITLE.split())


def test_a_table_longer_than_the_screen_ends_with_the_verdict(ours: Shop) -> None:
    assert lines(ours, "plan", columns=80, rows=5)[-1] == HEADLINE
    assert lines(ours, "plan", columns=80, rows=40).count(HEADLINE) == 1
    assert lines(ours, "status", columns=80, rows=4)[-1] == "verdict  production nothing deployed; 2 open action items"
    assert not any("verdict" in line for line in lines(ours, "status", columns=80, rows=40))


def test_a_pipe_has_the_verdict_once_however_small_the_screen(ours: Shop) -> None:
    assert ours.run("plan", env=ours.environment(LINES="5", COLUMNS="60")).out == ours.run("plan").out


def test_doctor_fits_the_terminal_and_its_verdict_is_at_the_end(ours: Shop) -> None:
    seen = lines(ours, "doctor", columns=60, rows=5)
    table = seen[: next(number for number, line in enumerate(seen) if line.startswith("error:"))]

    assert max(map(len, table)) <= 60
    assert re.fullmatch(r"ok: \d+, problem: \d+(, unseen: \d+)?", table[-1])
    assert "".join("".join(table[:-1]).split()) == "".join(ours.run("doctor").out.split())


def test_a_rehearsal_fits_the_terminal_and_ends_with_its_verdict(ours: Shop) -> None:
    seen = lines(ours, "rehearse", columns=60)
    summary = seen[seen.index("What would happen") :]

    assert max(map(len, summary)) <= 60
    assert summary[-1] == "verdict: ok: v1.3.0: 3 changes since v1.2.3"


@pytest.mark.parametrize("args", [("plan",), ("status",), ("plan", "--force", "huge")])
def test_colour_goes_into_a_pipe_where_it_is_forced(ours: Shop, args: tuple[str, ...]) -> None:
    forced = ours.run(*args, env=ours.environment(FORCE_COLOR="1"))
    plain = ours.run(*args, env=ours.environment(FORCE_COLOR=""))
    both = ours.run(*args, env=ours.environment(FORCE_COLOR="1", NO_COLOR="1"))

    assert "\x1b[" in forced.out + forced.err
    assert "\x1b" not in plain.out + plain.err
    assert plain == both
    assert re.sub(r"\x1b\[[0-9;]*m", "", forced.out) == plain.out


def test_colour_that_is_forced_never_gets_into_a_document(ours: Shop) -> None:
    env = ours.environment(FORCE_COLOR="1")

    assert ours.run("plan", "--json", env=env).document["tag"] == "v1.3.0"
    assert "\x1b" not in ours.run("plan", "--json", env=env).out
