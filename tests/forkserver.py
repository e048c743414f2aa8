"""Processes of `release-tool` that are there at once: each is forked from one that has imported everything.

A test types a command as a user does, and it runs as a process of its own, with its own folder, environment, standard
streams and exit code; what is saved is starting Python and importing the libraries, which takes longer than most
commands. One server belongs to each worker of pytest and ends with it. Where such a command starts another one of
itself, as a rehearsal does, a small program takes the place of Python and asks the same server.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypedDict

from tests import measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coverage import Coverage

    from release_tool.system.patience import Patience


_ROOT = Path(__file__).parent.parent
_SERVERS: list[tuple[subprocess.Popen[bytes], Path]] = []


_LAUNCHER = """#!{python} -IS
import json, os, signal, sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket

sends = sys.argv[1:] == ["-P", "-m", "release_tool.notify.worker"]
if not sends and sys.argv[1:3] != ["-m", "release_tool"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
asked = {{"argv": sys.argv[3:], "cwd": os.getcwd(), "env": dict(os.environ), "sends": sends}}
asked |= {{"chaos": None, "victim": False, "measured": True}}
text = json.dumps(asked).encode()
line = socket(AF_UNIX)
line.connect({server!r})
files = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
line.sendmsg([len(text).to_bytes(4, "big")], [(SOL_SOCKET, SCM_RIGHTS, files)])
line.sendall(text)
said = b""
while said.count(b"\\n") < 2 and (more := line.recv(64)):
    said += more
    if said.count(b"\\n") == 1:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(int(said.split()[0]), number))
code = os.waitstatus_to_exitcode(int(said.split()[1]))
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
"""What a command takes for Python: the tool and what sends its messages are forked, all else goes to the real one."""


class Chaos(NamedTuple):
    """How a command runs among faults: at a time that only its own waits move on, with short limits.

    `broken` breaks the rule that what was written without an answer is read back.
    """

    start: str
    silence: int
    deadline: float
    broken: bool = False


class Ended(NamedTuple):
    """What a command left behind; a negative code is the number of the signal that ended it."""

    code: int
    out: str
    err: str


class Running:
    """A command that was started; who starts one also waits for its end."""

    def __init__(self, request: Mapping[str, object], answer: str) -> None:
        with contextlib.ExitStack() as held:
            self._out, self._err, given = (held.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write(answer.encode())
            given.seek(0)
            self._line = held.enter_context(socket.socket(socket.AF_UNIX))
            self._line.connect(os.fspath(_server() / "socket"))
            asked = json.dumps(request).encode()
            files = [file.fileno() for file in (given, self._out, self._err)]
            socket.send_fds(self._line, [len(asked).to_bytes(4, "big")], files)
            self._line.sendall(asked)
            self._answers = held.enter_context(self._line.makefile())
            self.pid = int(self._answers.readline())
            self._held = held.pop_all()

    def says(self, words: str, timeout: float = 60) -> bool:
        """Wait until these words stand in its standard error; False where it ends, or takes too long, without them."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            over = select.select([self._line], [], [], min(left, 0.02))[0]
            # Its place in the file is the command's, too, so nobody may seek in it while it runs.
            if words in os.pread(self._err.fileno(), 1 << 20, 0).decode(errors="replace"):
                return True
            if over:
                break
        return False

    def kill(self) -> Ended:
        """End it as nothing can refuse, and wait until it is over."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, timeout: float = 60) -> Ended:
        """Wait for its end; raises TimeoutError, and ends it, where it does not come."""
        with self._held:
            self._line.settimeout(timeout)
            try:
                code = os.waitstatus_to_exitcode(int(self._answers.readline()))
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
                raise
            return Ended(code, _text(self._out), _text(self._err))


def start(  # noqa: PLR0913 - each of these is a thing that a caller decides
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    answer: str = "",
    chaos: Chaos | None = None,
    victim: bool = False,
) -> Running:
    """Start `release-tool`, or the `victim` of tests/chaos, with this environment and nothing else of ours."""
    asked = {"argv": list(argv), "cwd": os.fspath(cwd), "env": dict(env), "chaos": chaos, "victim": victim}
    return Running({**asked, "sends": False, "measured": measured.anything()}, answer)


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
    return start(argv, cwd=cwd, env=env, answer=answer, chaos=chaos).wait(timeout)


def python() -> Path:
    """What a program that starts `release-tool` by a Python takes for one."""
    return _server() / "python"


def _text(file: io.BufferedRandom | tempfile._TemporaryFileWrapper[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(io.BytesIO(file.read()), encoding="utf-8").read()


@functools.cache
def _server() -> Path:
    """The folder of this worker's server, which is started where there is none yet, and ends when we do."""
    folder = Path(tempfile.mkdtemp(prefix="release-tool-forks-"))
    environment = {name: value for name, value in os.environ.items() if name.startswith(("EXAMPLES", "HOME", "PATH"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forkserver", folder, data_file()],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    _SERVERS.append((process, folder))
    return folder


@functools.cache
def data_file() -> str:
    """Where this worker's measurements go; empty where nothing is measured. It is asked first before any test."""
    import coverage

    measuring = coverage.Coverage.current()
    return os.fspath(Path(str(measuring.get_option("run:data_file"))).resolve()) if measuring else ""


def end() -> None:
    """End the server, where one was started, before what it measured is added up."""
    for process, folder in _SERVERS:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
    _SERVERS.clear()


def main(folder: Path, file: str) -> None:
    """Serve until ended, or until nobody is left who could ask; what is run is measured in files of that name."""
    coverage = _coverage(file) if file else None
    with _measuring(coverage):
        import release_tool

        for module in pkgutil.walk_packages(release_tool.__path__, "release_tool."):
            if not module.name.endswith(("__main__", "_version")):
                importlib.import_module(module.name)
    for library in ("github", "tomllib"):  # nearly every command loads them when it comes to them
        importlib.import_module(library)
    _read_templates()
    _read_services()
    _make_launcher(folder)
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
                    _watch(line, coverage)
                line.close()


def _read_templates() -> None:
    """Read what `init` and `doctor` render, which takes them longer than all else that they do."""
    from release_tool.setup import shipped

    for name in shipped.templates().list_templates():
        shipped.templates().get_template(name)


def _read_services() -> None:
    """Read what can send a message to whom, which takes longer than to send one."""
    import apprise

    apprise.Apprise.instantiate("json://127.0.0.1")


def _make_launcher(folder: Path) -> None:
    """Let each command that we start take our launcher for its Python."""
    launcher = folder / "python"
    launcher.write_text(_LAUNCHER.format(python=sys.executable, server=os.fspath(folder / "socket")))
    launcher.chmod(0o700)
    sys.executable = os.fspath(launcher)


def _coverage(name: str) -> Coverage:
    """What measures commands: by itself coverage sets itself up anew in each of them, and adds all that did not run."""
    from coverage import Coverage

    packages = [f"{_ROOT}/{package}/*" for package in ("github_sandbox", "release_tool")]
    made = Coverage(data_file=name, data_suffix=True, branch=True, config_file=False, include=packages)
    made.set_option("run:disable_warnings", ["no-data-collected"])
    return made


@contextlib.contextmanager
def _measuring(coverage: Coverage | None) -> Iterator[None]:
    """Measure what runs meanwhile, in a file of this process."""
    if coverage is None:
        yield
        return
    coverage.start()
    try:
        yield
    finally:
        coverage.stop()
        coverage.save()


def _watch(line: socket.socket, coverage: Coverage | None) -> NoReturn:
    """Start the command that is asked for, tell which process it is, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    line.settimeout(None)
    size, files, _, _ = socket.recv_fds(line, 4, 3)
    request = json.loads(_read(line, int.from_bytes(size, "big")))
    process = os.fork()
    if process == 0:
        line.close()
        _become(request, files, coverage)
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


class Request(TypedDict):
    """What is asked of the server."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    chaos: tuple[str, int, float, bool] | None
    victim: bool
    sends: bool
    measured: bool


def _become(request: Request, files: list[int], coverage: Coverage | None) -> NoReturn:
    """Be the command: its folder, its environment, its standard streams; and end as it does."""
    for ours, given in enumerate(files):
        os.dup2(given, ours)
        os.close(given)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv = ["release-tool", *request["argv"]]
    code = 1
    try:
        with _measuring(coverage if request["measured"] else None), measured.without_servers():
            _act(request)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  # what Python itself does at the end of a program
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    # The rest of what Python does at its end, without giving back memory piece by piece that nobody needs.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    os._exit(code)


def _act(request: Request) -> None:
    if request["sends"]:
        from release_tool.notify import worker

        worker.main()
        return
    if request["victim"]:
        from tests.chaos import victim

        victim.main(*request["argv"])
        return
    from release_tool.cli import main as command

    command(request["argv"], patience=_patience(Chaos(*request["chaos"])) if request["chaos"] else None)


def _patience(chaos: Chaos) -> Patience:
    from release_tool.system.patience import Patience
    from tests.chaos.broken import break_reading_back
    from tests.clock import FakeClock

    if chaos.broken:
        break_reading_back()
    clock = FakeClock(datetime.fromisoformat(chaos.start))
    return Patience(clock=clock, silence=chaos.silence, deadline=chaos.deadline)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
