"""A program of an engine that is started, waited for, and stopped by its own id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.engines.place import LOGS, PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

_PATIENCE = 180.0
_PAUSE = 0.2
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}


class NotReadyError(Exception):
    """A program that did not come up, with the end of what it wrote."""


class Daemon:
    """One started program; its log lies in `build/engines/logs`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._ready = ready
        self._environment = ENVIRONMENT | dict(environment or {})
        self._patience = patience
        self._log = LOGS / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        started = time.monotonic()
        LOGS.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        until(self._ready, self._patience, lambda: self._process_ended() or f"{self.name} is not ready: {self._tail()}")
        print(f"{self.name}: ready in {time.monotonic() - started:.1f} s", flush=True)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """End it as its own administrator would, and for good where it does not listen."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let it answer nobody for a while, as a network does that has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _process_ended(self) -> str:
        if self._process is None or self._process.poll() is None:
            return ""
        raise NotReadyError(f"{self.name} ended with {self._process.returncode}: {self._tail()}")

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def until(holds: Callable[[], bool], patience: float, otherwise: Callable[[], str]) -> None:
    """Wait until something holds; `otherwise` says what to tell where it never does."""
    deadline = time.monotonic() + patience
    while not holds():
        told = otherwise()
        if time.monotonic() > deadline:
            raise NotReadyError(told)
        time.sleep(_PAUSE)


def succeeds(*argv: str) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(argv, capture_output=True, env=ENVIRONMENT, check=False).returncode == 0


def output(*argv: str, environment: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """What a command prints; where it fails, that is an error with what it said."""
    done = subprocess.run(
        argv, capture_output=True, text=True, env=ENVIRONMENT | dict(environment or {}), input=stdin, check=False
    )
    if done.returncode:
        raise NotReadyError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()
