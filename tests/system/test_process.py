from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.errors import RemoteError, UsageError
from release_tool.system.process import Companion, ProcessError, run, stream

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = sys.executable


def script(text: str) -> list[str]:
    return [PYTHON, "-c", text]


def test_a_program_gets_its_arguments_as_they_are_and_no_shell_sees_them() -> None:
    done = run([*script("import sys; print(sys.argv[1:])"), "$(touch oops); *", "a b"])

    assert done.text == "['$(touch oops); *', 'a b']\n"


def test_a_program_reads_what_it_is_given_and_nothing_of_ours() -> None:
    echo = script("import sys; print(sys.stdin.read(), end='')")

    assert run(echo, stdin=b"hello").stdout == b"hello"
    assert run(echo).stdout == b""


def test_an_expected_code_is_a_result_and_another_one_an_error_with_the_programs_words() -> None:
    failing = script("import sys; sys.exit('it went wrong')")

    assert run(failing, ok=(0, 1)).code == 1
    with pytest.raises(ProcessError, match="ended with code 1: it went wrong") as failure:
        run(failing)
    assert failure.value.finished.stderr.strip() == "it went wrong"
    assert failure.value.exit_code == 4


def test_a_program_that_does_not_end_in_time_is_ended() -> None:
    with pytest.raises(RemoteError, match=r"did not end within 0\.2 seconds"):
        run(script("import sys; sys.stdin.close(); import signal; signal.pause()"), timeout=0.2)


def test_a_missing_program_is_told_with_what_to_do() -> None:
    with pytest.raises(UsageError, match="no-such-program can't be started") as failure:
        run(["no-such-program"])
    assert failure.value.todo == "install no-such-program, or put it on the PATH"
    with pytest.raises(UsageError, match="no-such-program can't be started"):
        list(stream(["no-such-program"]))


def test_a_missing_directory_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone is not a directory"):
        run([PYTHON], cwd=tmp_path / "gone")


def test_variables_are_added_and_taken_away_and_messages_are_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_TOOL_GONE", "1")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    names = "import os; print(*(os.environ.get(n) for n in ('RELEASE_TOOL_GONE', 'RELEASE_TOOL_NEW', 'LC_ALL')))"

    done = run(script(names), env={"RELEASE_TOOL_GONE": None, "RELEASE_TOOL_NEW": "2"})

    assert done.text == "None 2 C\n"


@given(st.lists(st.binary(max_size=20).map(lambda piece: piece.replace(b"\0", b""))))
def test_a_stream_is_cut_at_its_separators_and_nowhere_else(pieces: list[bytes]) -> None:
    output = b"".join(piece + b"\0" for piece in pieces)

    read = stream(["printf", "%b", "".join(f"\\0{byte:03o}" for byte in output)], separator=b"\0")

    assert list(read) == pieces


def test_a_stream_keeps_only_as_much_of_a_piece_as_was_asked_for() -> None:
    huge = script("import sys; sys.stdout.write('x' * 1000000 + '\\nshort\\nlast')")

    assert list(stream(huge, keep=10)) == [b"x" * 10, b"short", b"last"]


def test_a_stream_ends_its_program_when_nobody_reads_on() -> None:
    endless = stream(script("while True: print('again', flush=True)"))

    assert next(endless) == b"again"
    endless.close()


def test_a_stream_of_a_program_that_fails_is_an_error_and_not_a_short_answer() -> None:
    failing = stream(script("import sys; print('first'); sys.exit('lost the rest')"))

    assert next(failing) == b"first"
    with pytest.raises(ProcessError, match="lost the rest"):
        next(failing)


ECHO = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)"


def test_a_companion_answers_one_question_after_the_other() -> None:
    echo = Companion(script(ECHO), timeout=30)

    echo.ask(b"one\n")
    assert echo.line() == b"ONE"
    echo.ask(b"two\nthree\n")
    assert (echo.read(2), echo.line(), echo.line()) == (b"TW", b"O", b"THREE")


def test_a_companion_ends_with_who_holds_it() -> None:
    companion = Companion(script("import os, sys\nprint(os.getpid(), flush=True)\nsys.stdin.read()"), timeout=30)
    number = int(companion.line())
    os.kill(number, 0)

    del companion

    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_companion_that_ended_is_told_in_its_own_words() -> None:
    companion = Companion(script("import sys\nsys.exit('no more')"), timeout=30)
    with pytest.raises(ProcessError, match="ended with code 1: no more"):
        companion.line()
    with pytest.raises(ProcessError, match="ended with code 1: no more"):
        companion.ask(b"still there?\n")


def test_a_companion_that_does_not_answer_in_time_is_an_error() -> None:
    silent = Companion(script("import sys; sys.stdin.read()"), timeout=0.2)
    with pytest.raises(RemoteError, match=r"did not answer within 0\.2 seconds"):
        silent.line()


def test_a_companion_that_can_not_be_started_is_told_as_any_program() -> None:
    with pytest.raises(UsageError, match="no-such-program can't be started"):
        Companion(["no-such-program"], timeout=1)
