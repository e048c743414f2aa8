"""Machines on which a real systemd runs: a Debian in a folder, with namespaces and a loopback address of its own.

`python -m tests.engines.machine FOLDER` is the first program in one, furnishes it, and becomes systemd.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import cgroups
from tests.engines.daemon import Daemon, output, succeeds
from tests.engines.docker import KEYS, listens
from tests.engines.place import BUILD, RECIPES, STATE
from tests.engines.room import DEPLOY, MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = BUILD / "machines" / "debian"
_READY = BASE.parent / ".ready"
_INCLUDED = "systemd,systemd-sysv,dbus,openssh-server,procps,sudo,busybox-static"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_SUDO = f"{DEPLOY} ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop\n"
_USERS = f"""set -eu
useradd --system --home /srv/shop shop
useradd --create-home --shell /bin/sh {DEPLOY}
usermod --password '*' {DEPLOY}
mkdir -p /srv/shop
chown {DEPLOY}:{DEPLOY} /srv/shop
chmod 440 /etc/sudoers.d/shop
systemctl enable ssh
systemctl mask console-getty
"""


class Machine:
    """One machine with systemd; what it changes of the Debian that it shares with the others is its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = MACHINES[name]
        self.root = STATE / "machines" / name / "root"
        into_group = ("sh", "-c", 'echo $$ >"$0" && exec "$@"', str(cgroups.procs_of(name)))
        apart = ("unshare", "--cgroup", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child")
        argv = (*into_group, *apart, sys.executable, "-m", "tests.engines.machine", str(self.root))
        self.daemon = Daemon(f"machine-{name}", argv, ready=self._is_up)

    def install(self, listen: str) -> None:
        """Do what the recipe asks of a machine: a user, the unit, the right to restart it, its settings."""
        self._mount()
        files = {
            "etc/hostname": f"{self.name}\n",
            "etc/ssh/sshd_config": f"ListenAddress {self.address}\nHostKey /etc/ssh/engines\nUsePAM no\n",
            "etc/sudoers.d/shop": _SUDO,
            "etc/systemd/system/shop.service": (RECIPES / "systemd" / "shop.service").read_text(),
        }
        for path, text in files.items():
            (self.root / path).write_text(text)
        output("chroot", str(self.root), "sh", "-c", _USERS)
        shutil.copy(KEYS / "host", self.root / "etc/ssh/engines")
        (self.root / "etc/ssh/engines").chmod(0o600)
        (self.root / "srv/shop/app.env").write_text(f"SHOP_LISTEN={listen}\n")
        authorized = self.root / "home" / DEPLOY / ".ssh" / "authorized_keys"
        authorized.parent.mkdir(mode=0o700)
        shutil.copy(KEYS / "deploy.pub", authorized)
        output("chroot", str(self.root), "chown", "-R", f"{DEPLOY}:{DEPLOY}", f"/home/{DEPLOY}/.ssh")

    def _mount(self) -> None:
        """Lay an empty layer of its own over the shared Debian."""
        upper, work = self.root.parent / "upper", self.root.parent / "work"
        for folder in (upper, work):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.root, upper, work):
            folder.mkdir(parents=True, exist_ok=True)
        output(
            "mount", "-t", "overlay", "-o", f"lowerdir={BASE},upperdir={upper},workdir={work}", "shop", str(self.root)
        )

    def remove(self) -> None:
        output("umount", "--recursive", str(self.root))

    def revision(self) -> str:
        """The commit whose files the link names; empty where there is none."""
        link = self.root / "srv/shop/current"
        return str(link.readlink()).removeprefix("releases/") if link.is_symlink() else ""

    def systemctl(self, *args: str) -> str:
        """Ask its systemd, as its administrator does."""
        return output(*self._inside(), "systemctl", *args)

    def _is_up(self) -> bool:
        """Whether its systemd has started all that it is to start."""
        began = bool(_children_of(self.daemon.pid)) and listens(22, self.address)
        return began and succeeds(*self._inside(), "systemctl", "is-active", "multi-user.target")

    def _inside(self) -> tuple[str, ...]:
        [systemd] = _children_of(self.daemon.pid)
        return ("nsenter", "--target", systemd, "--all", "--root", "--wd")

    def enable(self) -> None:
        """Have it started with the machine from now on, as the recipe says to do after the first deployment."""
        self.systemctl("enable", "shop")

    def is_activating(self) -> bool:
        """Whether the recipe's script runs on it, which is a shell that reads its standard input."""
        return succeeds(*self._inside(), "pgrep", "-f", "^sh -s --")

    def restarts(self) -> int:
        """How often systemd has started the service again by itself."""
        return int(self.systemctl("show", "--property=NRestarts", "--value", "shop"))


def _children_of(unshare: int) -> list[str]:
    """The first process of a machine, whose parent is the program that made its namespaces; none before it began."""
    return Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()


def prepare() -> str:
    """Have a Debian in a folder, once; what it failed with, empty where it is there."""
    done = _READY
    if done.exists():
        return ""
    if not shutil.which("debootstrap"):
        return "debootstrap is missing"
    shutil.rmtree(BASE, ignore_errors=True)
    BASE.parent.mkdir(parents=True, exist_ok=True)
    if not succeeds(
        "nice", "-n", "19", "debootstrap", "--variant=minbase", f"--include={_INCLUDED}", "bookworm", str(BASE)
    ):
        return "debootstrap failed"
    done.touch()
    return ""


def lacking() -> str:
    """What is not there for machines, in one line."""
    return "" if _READY.exists() else "there is no Debian in a folder"


@contextlib.contextmanager
def machines(names: tuple[str, ...], listen: str) -> Iterator[tuple[Machine, ...]]:
    """New machines with these names, all of them up."""
    with contextlib.ExitStack() as engines:
        found = tuple(Machine(name) for name in names)
        for one in found:
            one.install(listen.format(address=one.address))
            engines.callback(one.remove)
            engines.enter_context(one.daemon)
        yield found


def furnish(root: Path) -> None:
    """Give a machine its own /proc, /sys, /dev, /run and control groups."""
    mounts = (
        ("-t", "proc", "proc", "proc"),
        ("-t", "sysfs", "-o", "ro", "sysfs", "sys"),
        ("-t", "tmpfs", "-o", "mode=755", "tmpfs", "run"),
        ("-t", "tmpfs", "-o", "mode=755", "tmpfs", "dev"),
        ("-t", "tmpfs", "-o", "mode=755", "tmpfs", "sys/fs/cgroup"),
    )
    for *options, place in mounts:
        output("mount", *options, str(root / place))
    groups = root / "sys/fs/cgroup/systemd"
    groups.mkdir()
    output("mount", "-t", "cgroup", "-o", "none,name=systemd", "cgroup", str(groups))
    for name in _DEVICES:
        (root / "dev" / name).touch()
        output("mount", "--bind", f"/dev/{name}", str(root / "dev" / name))
    for name in ("pts", "shm"):
        (root / "dev" / name).mkdir()
    output("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", str(root / "dev/pts"))
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    (root / "dev/fd").symlink_to("/proc/self/fd")


def main(root: Path) -> None:
    furnish(root)
    os.chroot(root)
    os.chdir("/")
    environment = {"container": "docker", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    os.execve("/lib/systemd/systemd", ["systemd", "--unit=multi-user.target", "--log-target=console"], environment)  # noqa: S606 - no shell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
