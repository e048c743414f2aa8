"""`python -m tests.engines [ARGUMENTS OF PYTEST]` runs the recipes on real engines; `--clean` undoes what it left."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.engines import cgroups, machine, programs, room
from tests.engines.place import BUILD, CGROUP, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

CHANGES = f"""What this changes outside of {BUILD.relative_to(REPOSITORY)}:
  packages   Debian's {", ".join(sorted(programs.PACKAGES))}, where they are missing; no service is started
  cgroups    {CGROUP}, in each hierarchy; removed at the end, or by make engines-clean
Bridges, rules, ports, mounts, users and processes are in namespaces of the run.
They end with it, also when it is killed."""
_AS_IT_IS = "--no-build"


def main(arguments: list[str]) -> int:
    if arguments == ["--clean"]:
        return clean()
    print(CHANGES, flush=True)
    try:
        programs.install()
    except programs.MissingError as error:
        print(f"not run: {error}", flush=True)
        return 1
    if _AS_IT_IS not in arguments:
        programs.build()
        machine.prepare()
    with _alone():
        return _in_a_room([one for one in arguments if one != _AS_IT_IS])


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder, because two runs would end each other."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"not run: another run is at work in {BUILD}") from None
        yield


def _in_a_room(arguments: list[str]) -> int:
    cgroups.remove()
    started = time.monotonic()
    code = run(arguments)
    left = cgroups.remove()
    print(f"ended with {code} after {time.monotonic() - started:.0f} s; {_told(left)}", flush=True)
    return code or bool(left)


def run(arguments: list[str]) -> int:
    """Run the cases in a room of their own."""
    pytest = ("-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-s", "-v", "--no-header")
    where = (f"--basetemp={BUILD / 'tmp'}", "tests/engines")
    process = subprocess.Popen(room.entrance(sys.executable, *pytest, *where, *arguments), cwd=REPOSITORY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the cases hear it, too, and end in order
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def clean() -> int:
    """Remove all that a run made, but for the packages."""
    with _alone():
        left = cgroups.remove()
    if not left:
        shutil.rmtree(BUILD, ignore_errors=True)
    print(_told(left), flush=True)
    return int(bool(left))


def _told(left: Collection[Path]) -> str:
    return f"left behind: {', '.join(map(str, left)) or 'nothing'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
