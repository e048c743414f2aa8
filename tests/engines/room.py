"""The room in which the engines run: namespaces of their own, whose mounts, network and processes end with it.

`python -m tests.engines.room COMMAND…` is the first program in it, furnishes it, and becomes the command.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

from tests.engines.daemon import output, until
from tests.engines.place import BUILD

MACHINES = {
    "app.example.com": "127.0.0.1",
    "web-1.example.com": "127.0.0.11",
    "web-2.example.com": "127.0.0.12",
}
"""The names that the recipes use, and the loopback addresses that they have in the room."""

DEPLOY = "deploy"
HOME = Path("/run/home") / DEPLOY
ROOT = Path("/srv/shop")
_NUMBER = 64990
_OWN = ("/run", "/srv", "/var/lib", "/var/log")
"""Folders that are empty in the room."""
_COPIED = ("/etc", "/opt")
"""Folders that are the machine's, and whose changes stay in the room."""
_PATIENCE = 120.0

UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
DIES_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")


def is_entered() -> bool:
    return os.environ.get("ENGINES_ROOM") == "entered"


def entrance(*command: str) -> list[str]:
    """How a command is run in a new room; whatever it starts ends with it, also where it is killed."""
    return [*DIES_WITH_ITS_PARENT, *UNSHARE, "tini", "--", sys.executable, "-m", "tests.engines.room", *command]


def furnish() -> None:
    """Give the room its loopback, folders of its own, and a user `deploy` who may use Docker."""
    _run("ip", "link", "set", "lo", "up")
    for folder in _OWN:
        if BUILD.is_relative_to(folder):
            raise SystemExit(f"the engines can't be run from within {folder}")
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for folder in _COPIED:
        upper, work = Path(f"/run/upper{folder}"), Path(f"/run/work{folder}")
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        _run("mount", "-t", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", "room", folder)
    for name, text in _files().items():
        (Path("/etc") / name).write_text(text)
    Path("/run/sshd").mkdir()
    for home in (HOME, ROOT):
        home.mkdir(parents=True)
        os.chown(home, _NUMBER, _NUMBER)


def nothing_runs_as(user: str) -> None:
    """Wait until what somebody left running on the machine has ended."""
    number = str(pwd.getpwnam(user).pw_uid)
    until(lambda: not _processes_of(number), _PATIENCE, lambda: f"{user} still runs {_processes_of(number)}")


def runs_as(user: str, words: str) -> bool:
    """Whether somebody runs a command with these words in it."""
    return any(words in line for line in _processes_of(str(pwd.getpwnam(user).pw_uid)))


def _processes_of(number: str) -> list[str]:
    return output("sh", "-c", 'pgrep -a -U "$0" | grep -v sshd || true', number).splitlines()


def _files() -> dict[str, str]:
    hosts = "".join(f"{address} {name}\n" for name, address in MACHINES.items())
    groups = [_with_member(line) for line in Path("/etc/group").read_text().splitlines()]
    return {
        "hosts": f"127.0.0.1 localhost {os.uname().nodename}\n{hosts}",
        "passwd": f"{Path('/etc/passwd').read_text()}{DEPLOY}:x:{_NUMBER}:{_NUMBER}::{HOME}:/bin/sh\n",
        "shadow": f"{Path('/etc/shadow').read_text()}{DEPLOY}:*:19000:0:99999:7:::\n",
        "group": "\n".join([*groups, f"{DEPLOY}:x:{_NUMBER}:", ""]),
    }


def _with_member(line: str) -> str:
    if not line.startswith("docker:"):
        return line
    return f"{line}{'' if line.endswith(':') else ','}{DEPLOY}"


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def main() -> None:
    furnish()
    os.environ["ENGINES_ROOM"] = "entered"
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell; this process becomes the command


if __name__ == "__main__":
    main()
