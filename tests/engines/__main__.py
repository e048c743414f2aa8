"""`python -m tests.engines [ARGUMENTS OF PYTEST]` runs the recipes on real engines; `--clean` undoes what it left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from tests.engines import cgroups, machine, programs, room
from tests.engines.place import BUILD, CGROUPS, LANES, REPOSITORY
from tests.engines.rows import alone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

CHANGES = f"""What this changes outside of {BUILD.relative_to(REPOSITORY)}:
  packages   Debian's {", ".join(sorted(programs.PACKAGES))}, where they are missing; no service is started
  cgroups    {CGROUPS}, in each hierarchy; removed at the end, or by make engines-clean
Bridges, rules, ports, mounts, users and processes are in namespaces of the run.
They end with it, also when it is killed."""
_AS_IT_IS = "--no-build"
_NOTHING_CHOSEN = 5
"""How pytest says that no case was chosen, as in a lane whose recipe nobody asked for."""


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
        return _in_rooms([one for one in arguments if one != _AS_IT_IS])


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder, because two runs would end each other."""
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        with alone(BUILD / ".lock", waits=False):
            yield
    except BlockingIOError:
        raise SystemExit(f"not run: another run is at work in {BUILD}") from None


def _in_rooms(arguments: list[str]) -> int:
    cgroups.remove()
    started = time.monotonic()
    code = run(arguments)
    left = cgroups.remove()
    print(f"ended with {code} after {time.monotonic() - started:.0f} s; {_told(left)}", flush=True)
    return code or bool(left)


def run(arguments: list[str]) -> int:
    """Run the cases of all recipes side by side, each recipe in a room of its own."""
    lanes = {name: _lane(name, arguments) for name in LANES}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the cases hear it, too, and end in order
    signal.signal(signal.SIGTERM, lambda *_: _end(lanes.values()))
    listeners = [threading.Thread(target=_listen, args=lane) for lane in lanes.items()]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join()
    return _worst({process.wait() for process in lanes.values()})


def _worst(codes: Collection[int]) -> int:
    """The code of a lane that failed; else whether any case was chosen at all."""
    failed = [code for code in codes if code not in {0, _NOTHING_CHOSEN}]
    return next(iter(failed), min(codes))


def _end(lanes: Iterable[subprocess.Popen[str]]) -> None:
    for process in lanes:
        process.kill()  # unshare hears nothing gentler, and its room ends with it


def _lane(name: str, arguments: list[str]) -> subprocess.Popen[str]:
    pytest = ("-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-s", "-v", "--no-header")
    home = BUILD / "lanes" / name
    home.mkdir(parents=True, exist_ok=True)  # pytest makes the last folder only
    where = (f"--basetemp={home / 'tmp'}", "tests/engines")
    return subprocess.Popen(
        room.entrance(sys.executable, *pytest, *where, *arguments),
        cwd=REPOSITORY,
        env=os.environ | {"ENGINES_LANE": name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _listen(name: str, process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        print(f"{name:11} | {line}", end="", flush=True)


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
