"""A client of an engine, such as `kubectl` or `docker`: asked for JSON, and over in time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, TypeVar

import msgspec

from release_tool.deploy import command
from release_tool.deploy.health.connection import ConnectionFailedError
from release_tool.deploy.health.verdict import Reading
from release_tool.errors import UsageError
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from release_tool.deploy.health.connection import TimedConnection

_LARGEST = 64 * 1024 * 1024
"""Bytes of an answer that are read: some thousand pods."""
_CHUNK = 64 * 1024
_NOT_THERE = ("(NotFound)", "No such object", "No such container")
"""How the clients say that what is asked for does not exist, which is an answer."""

Document = TypeVar("Document")


class EngineClient:
    """A client that is run in a directory, with the variables that the deploy command has; `program` is its argv."""

    def __init__(
        self, program: Sequence[str], directory: Path, environment: Mapping[str, str], attempt: TimedConnection
    ) -> None:
        self._program = program
        self._directory = directory
        self._environment = environment
        self._attempt = attempt

    def ask(self, *arguments: str, kind: type[Document]) -> Document:
        """What it prints, read as JSON; raises ConnectionFailedError without an answer."""
        try:
            return msgspec.json.decode(self.text(*arguments), type=kind)
        except UNREADABLE as error:
            raise ConnectionFailedError(Reading.UNMEASURABLE, f"{self._name} printed no valid JSON: {error}") from None

    def text(self, *arguments: str) -> bytes:
        """What it prints; raises ConnectionFailedError without an answer."""
        said, code, complaint = self._run([*self._program, *arguments])
        if not code:
            return said
        reading = Reading.BAD if any(words in complaint for words in _NOT_THERE) else Reading.UNMEASURABLE
        raise ConnectionFailedError(reading, f"{self._name} ended with code {code}{command.last_line(complaint)}")

    @property
    def _name(self) -> str:
        return self._program[0].rpartition("/")[2]

    def _run(self, argv: Sequence[str]) -> tuple[bytes, int, str]:
        """Run it in a process group of its own, which is ended when the time is over."""
        with tempfile.TemporaryFile() as complaints:
            try:
                program = command.started(argv, self._directory, self._environment, stderr=complaints)
            except UsageError as error:
                raise ConnectionFailedError(Reading.UNMEASURABLE, error.message) from None
            with program, _ended_in(self._attempt.left, program):
                said = program.stdout.read(_LARGEST + 1) if program.stdout else b""
            complaints.seek(0)
            complaint = complaints.read(_CHUNK).decode(errors="replace")
        if not self._attempt.left:
            raise ConnectionFailedError(Reading.UNMEASURABLE, self._attempt.over.detail)
        if len(said) > _LARGEST:
            raise ConnectionFailedError(Reading.UNMEASURABLE, f"{self._name} printed more than is read")
        return said, program.returncode, complaint


@contextlib.contextmanager
def _ended_in(seconds: float, program: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a program and what it started when its time is over, and when it is left."""
    timer = threading.Timer(seconds, _end, [program])
    timer.start()
    try:
        yield
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(seconds)
    finally:
        timer.cancel()
        if program.poll() is None:
            _end(program)


def _end(program: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
