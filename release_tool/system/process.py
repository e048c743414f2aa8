"""The one place that runs other programs: an argv in, no shell, a typed result out."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from release_tool.errors import NoAnswerError, RemoteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

_CHUNK = 64 * 1024


class Finished(msgspec.Struct, frozen=True):
    """What a program left behind when it ended by itself."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """The standard output as text; bytes that are no UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")


class ProcessError(RemoteError):
    """A program ended with a code that its caller did not expect."""

    def __init__(self, program: str, finished: Finished) -> None:
        said = finished.stderr.strip() or "it said nothing"
        super().__init__(f"{program} ended with code {finished.code}: {said}")
        self.finished = finished


def run(  # noqa: PLR0913 - one runner: each of these is a thing that some program needs
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes = b"",
    ok: Collection[int] = (0,),
    timeout: float | None = None,
) -> Finished:
    """Run a program to its end; `env` adds to our own environment, and takes away where the value is None.

    Raises ProcessError for a code that is not in `ok`, NoAnswerError when it takes longer than `timeout` seconds,
    and UsageError when it can't be started.
    """
    with _starting(argv[0], cwd):
        try:
            done = subprocess.run(
                argv, cwd=cwd, env=_environment(env), input=stdin, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise NoAnswerError(f"{argv[0]} did not end within {timeout:g} seconds") from late
    return _checked(argv[0], Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace")), ok)


def stream(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    separator: bytes = b"\n",
    keep: int | None = None,
) -> Generator[bytes, None, None]:
    """Run a program and read its output piece by piece, so that memory stays small; `keep` cuts longer pieces.

    Leaving the iterator early ends the program.
    Raises ProcessError when it ended with another code than 0.
    """
    with _complaints() as complaints, _started(argv, cwd, env, complaints) as (program, output):
        try:
            yield from _split(output, separator, keep)
        except BaseException:
            program.kill()
            raise
        code = program.wait()
        complaints.seek(0)
        _checked(argv[0], Finished(code, b"", complaints.read().decode(errors="replace")), (0,))


def is_there(program: str) -> bool:
    """Whether a program is on the PATH."""
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(Path(place, program).is_file() and os.access(Path(place, program), os.X_OK) for place in places)


class Companion:
    """A program that stays, and answers on its output what it is asked on its input.

    It ends when this object is no longer referenced; when our process dies, its input ends, and so does it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self._name = argv[0]
        self._timeout = timeout
        self._answer = bytearray()
        self._complaints = _complaints()
        try:
            with _starting(argv[0], cwd):
                self._program = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=_environment(env),
                    bufsize=0,  # so that nothing is left to be written when it is ended
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._complaints,
                )
        except BaseException:
            self._complaints.close()
            raise
        self.end = weakref.finalize(self, _end, self._program, self._complaints)

    def ask(self, question: bytes) -> None:
        """Write a question that is no longer than a pipe holds; raises ProcessError where the program ended."""
        try:
            _pipe(self._program.stdin).write(question)
        except BrokenPipeError:
            raise self._ended() from None

    def line(self) -> bytes:
        """Read a line of the answer without its end; raises as `read` does."""
        while (end := self._answer.find(b"\n")) < 0:
            self._wait()
        return self.read(end + 1)[:-1]

    def read(self, size: int) -> bytes:
        """Read so many bytes; raises ProcessError where the program ended, RemoteError where it takes too long."""
        while len(self._answer) < size:
            self._wait()
        read = bytes(self._answer[:size])
        del self._answer[:size]
        return read

    def _wait(self) -> None:
        output = _pipe(self._program.stdout)
        poll = select.poll()
        poll.register(output, select.POLLIN)
        if not poll.poll(self._timeout * 1000):
            raise RemoteError(f"{self._name} did not answer within {self._timeout:g} seconds")
        if not (more := output.read(_CHUNK)):
            raise self._ended()
        self._answer += more

    def _ended(self) -> ProcessError:
        code = self._program.wait()
        self._complaints.seek(0)
        complaints = self._complaints.read().decode(errors="replace")
        return ProcessError(Path(self._name).name, Finished(code, b"", complaints))


def _complaints() -> IO[bytes]:
    """A file without a name for what a program says beside its output; a pipe without a reader would fill."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("complaints"), "w+b")
    import tempfile  # takes longer to load than the file to make

    return tempfile.TemporaryFile()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # pragma: no cover - a pipe was asked for
        raise AssertionError
    return pipe


def _end(program: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    """End a program that may be in the middle of an answer."""
    with complaints, program:
        program.kill()


@contextlib.contextmanager
def _started(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str | None] | None, complaints: IO[bytes]
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    with _starting(argv[0], cwd):
        program = subprocess.Popen(
            argv,
            cwd=cwd,
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
    with program:
        yield program, _pipe(program.stdout)


@contextlib.contextmanager
def _starting(program: str, cwd: Path | None) -> Iterator[None]:
    """Turn the ways in which a program can't be started into a user's error."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"an argument of {program} contains a NUL byte: {error}") from error
    except OSError as error:
        if cwd is not None and not cwd.is_dir():
            raise UsageError(f"{cwd} is not a directory") from error
        raise UsageError(
            f"{program} can't be started: {error.strerror}", todo=f"install {program}, or put it on the PATH"
        ) from error


def _environment(changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Our own environment with changes; the language is fixed so that messages read the same everywhere."""
    merged: dict[str, str | None] = {**os.environ, "LC_ALL": "C", **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


def _checked(program: str, finished: Finished, ok: Collection[int]) -> Finished:
    if finished.code not in ok:
        raise ProcessError(Path(program).name, finished)
    return finished


def _split(output: IO[bytes], separator: bytes, keep: int | None) -> Iterator[bytes]:
    """Cut a stream at each separator; what follows the last one is a piece of its own unless it is empty."""
    rest = b""
    while chunk := os.read(output.fileno(), _CHUNK):
        first, *others = chunk.split(separator)
        rest = (rest + first)[:keep]
        for piece in others:
            yield rest
            rest = piece[:keep]
    if rest:
        yield rest
