"""The host we run on and its processes: who we are, and whether a process that was here still lives."""

from __future__ import annotations

import os
from pathlib import Path

from release_tool.model.tags import Owner
from release_tool.system import process


def this_process() -> Owner:
    """Name the process that is running, so that a later one can ask whether it lives."""
    number = os.getpid()
    return Owner(host=os.uname().nodename, user=_user(), process=number, started=_started(number))


def process_lives(owner: Owner) -> bool:
    """Whether a process of this host is still the one that was named; a later one with its number is another."""
    if owner.process <= 0:
        return False  # zero and less name groups
    try:
        os.kill(owner.process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it lives, and belongs to another user
    return _started(owner.process) == owner.started


def _user() -> str:
    import getpass  # only where no workflow runs

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user need not have a name


def _started(number: int) -> str:
    """When a process began, in a form that is the same at every look; empty once it has ended."""
    stat = Path(f"/proc/{number}/stat")
    try:
        # After the name, which may hold anything: state is field 3 and the start time field 22 of proc(5).
        fields = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return _started_by_ps(number) if not Path("/proc/self/stat").exists() else ""
    return "" if fields[0] == "Z" else fields[19]


def _started_by_ps(number: int) -> str:
    done = process.run(["ps", "-o", "lstart=", "-p", str(number)], ok=(0, 1))
    return "-".join(done.text.split())
