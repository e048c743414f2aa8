"""nektos/act as a program: where it is, what it is told, how long it may take, and what it says."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.adoption import ACTION
from tests.workflow_rules import PINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOOLS = "build/go"
REQUIRED = bool(os.environ.get("ACT_REQUIRED"))
"""Whether somebody counts on these tests, so that a missing program fails them."""

MISSING = "nektos/act is not installed, so no workflow is run: `make tools` installs it where Go 1.25 or newer is"


class Line(msgspec.Struct, frozen=True):
    """One line of what act says; most fields are there in some lines only."""

    msg: str = ""
    job: str = ""
    job_id: str = msgspec.field(name="jobID", default="")
    job_result: str = msgspec.field(name="jobResult", default="")
    command: str = ""
    content: str = ""


class Said(msgspec.Struct, frozen=True):
    """What a run of act left."""

    code: int
    lines: list[Line]

    @property
    def jobs(self) -> list[str]:
        """The jobs that ran, in the order in which they ended; one that failed says so."""
        ended = [line for line in self.lines if line.job_result]
        return [line.job_id + ("" if line.job_result == "success" else f": {line.job_result}") for line in ended]

    @property
    def summaries(self) -> list[str]:
        """What the steps wrote for the page of the run."""
        return [line.content for line in self.lines if line.command == "summary"]

    @property
    def log(self) -> str:
        """What a person would read."""
        return "\n".join(f"[{line.job.strip()}] {line.msg.rstrip()}" for line in self.lines)


def find() -> Path:
    """The program; without it the test is skipped, or fails where ACT_REQUIRED is set."""
    found = shutil.which("act", path=os.pathsep.join((str(ROOT / TOOLS), os.environ["PATH"])))
    if found:
        return Path(found)
    if REQUIRED:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def stand_ins() -> Iterator[str]:
    """The options that put a folder of ours in the place of every action that the workflows may use."""
    for name, pin in PINS.items():
        repository = "/".join(name.split("/")[:2])
        folder = HERE / "actions" / repository.rpartition("/")[2]
        if folder.is_dir():
            yield f"--local-repository={repository}@{pin.partition(' ')[0]}={folder}"
    yield f"--local-repository={ACTION.partition(' ')[0]}={tool()}"


@functools.cache
def tool() -> Path:
    """The tool's own repository as a runner has it: an unpacked archive of it, without `.git`."""
    folder = Path(tempfile.mkdtemp(prefix="release-tool-action-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # It fails where a file changes under its hands, as the report of the engines does.
    changed = subprocess.run(["git", "stash", "create"], cwd=ROOT, capture_output=True, text=True, check=False)
    commit = changed.stdout.strip() or "HEAD"
    archive = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def run(argv: list[str], *, env: Mapping[str, str], limit: float, hear: Callable[[Line], None]) -> Said:
    """Run act to its end, and hand on each line at once.

    TimeoutError after `limit` seconds; all that it started is ended then.
    """
    process = subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    late = threading.Event()
    watch = threading.Timer(limit, _end, [process, late])
    watch.start()
    lines = []
    with process:
        for text in process.stdout or ():
            lines.append(_line(text))
            hear(lines[-1])
    watch.cancel()
    if late.is_set():
        raise TimeoutError(f"{argv} took longer than {limit} seconds")
    return Said(process.returncode, lines)


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    """End a process and its children, which have sessions of their own, each by its number."""
    late.set()
    for number in (*_children(process.pid), process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _children(number: int) -> Iterator[int]:
    """The processes that a process started, the youngest generation first."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(number)], capture_output=True, text=True, check=False)
    for child in map(int, listed.stdout.split()):
        yield from _children(child)
        yield child


def _line(text: bytes) -> Line:
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.DecodeError:
        return Line(msg=text.decode(errors="replace"))
