"""Processes of `release-tool` that are there at once: each is forked from one that has imported everything.

A test types a command as a user does, and it runs as a process of its own, with its own folder, environment, standard
streams and exit code; what is saved is starting Python and importing the libraries, which takes longer than most
commands. One server belongs to each worker of pytest and ends with it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release_tool.system.patience import Patience


_RUNNING: list[tuple[subprocess.Popen[bytes], Path]] = []


class Chaos(NamedTuple):
    """How a command runs among faults: at a time that only its own waits move on, with short limits.

    `broken` breaks the rule that what was written without an answer is read back.
    """

    start: str
    silence: int
    deadline: float
    broken: bool = False


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def run(  # noqa: PLR0913 - each of these is a thing that a caller decides
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    answer: str = "",
    timeout: float = 60,
    chaos: Chaos | None = None,
) -> Ended:
    """Run `release-tool` with this environment and nothing else of ours; raises TimeoutError where it does not end."""
    with contextlib.ExitStack() as files:
        out, err, given = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(answer.encode())
        given.seek(0)
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout)
            line.connect(os.fspath(_server() / "socket"))
            asked = {"argv": list(argv), "cwd": os.fspath(cwd), "env": dict(env), "chaos": chaos}
            request = json.dumps(asked).encode()
            socket.send_fds(line, [len(request).to_bytes(4, "big")], [file.fileno() for file in (given, out, err)])
            line.sendall(request)
            code = _code(line)
        return Ended(code, _text(out), _text(err))


def _code(line: socket.socket) -> int:
    """The exit code of the command, or minus the signal that ended it."""
    with line.makefile() as answers:
        process = int(answers.readline())
        try:
            return os.waitstatus_to_exitcode(int(answers.readline()))
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise


def _text(file: io.BufferedRandom | tempfile._TemporaryFileWrapper[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(io.BytesIO(file.read()), encoding="utf-8").read()


@functools.cache
def _server() -> Path:
    """The folder of this worker's server, which is started where there is none yet, and ends when we do."""
    folder = Path(tempfile.mkdtemp(prefix="release-tool-forks-"))
    environment = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "HOME", "PATH"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forkserver", folder],
        cwd=Path(__file__).parent.parent,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    _RUNNING.append((process, folder))
    return folder


def end() -> None:
    """End the server, where one was started, before what it measured is added up."""
    for process, folder in _RUNNING:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
    _RUNNING.clear()


def main(folder: Path) -> None:
    """Serve until ended, or until nobody is left who could ask."""
    import release_tool

    for module in pkgutil.walk_packages(release_tool.__path__, "release_tool."):
        if not module.name.endswith(("__main__", "_version")):
            importlib.import_module(module.name)
    gc.freeze()  # so that a fork shares its memory
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.fspath(folder / "socket"))
        door.listen(64)
        door.settimeout(1)
        print("ready", flush=True)  # noqa: T201  # the answer that is waited for
        parent = os.getppid()
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                line, _ = door.accept()
                if os.fork() == 0:
                    door.close()
                    _watch(line)
                line.close()


def _watch(line: socket.socket) -> NoReturn:
    """Start the command that is asked for, tell which process it is, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    line.settimeout(None)
    size, files, _, _ = socket.recv_fds(line, 4, 3)
    request = json.loads(_read(line, int.from_bytes(size, "big")))
    process = os.fork()
    if process == 0:
        line.close()
        _become(request["argv"], request["cwd"], request["env"], files, request["chaos"] and Chaos(*request["chaos"]))
    line.sendall(f"{process}\n".encode())
    for file in files:
        os.close(file)
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(BrokenPipeError):
        line.sendall(f"{status}\n".encode())
    os._exit(0)


def _read(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += line.recv(size - len(found))
    return found


def _become(argv: list[str], cwd: str, env: dict[str, str], files: list[int], chaos: Chaos | None) -> NoReturn:
    """Be the command: its folder, its environment, its standard streams; and end as it does."""
    for ours, given in enumerate(files):
        os.dup2(given, ours)
        os.close(given)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["release-tool", *argv]
    from release_tool.cli import main as command

    code = 1
    try:
        command(argv, patience=_patience(chaos) if chaos else None)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  # what Python itself does at the end of a program
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(code)


def _patience(chaos: Chaos) -> Patience:
    from release_tool.system.patience import Patience
    from tests.chaos.broken import break_reading_back
    from tests.clock import FakeClock

    if chaos.broken:
        break_reading_back()
    clock = FakeClock(datetime.fromisoformat(chaos.start))
    return Patience(clock=clock, silence=chaos.silence, deadline=chaos.deadline)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
