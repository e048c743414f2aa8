"""The programs of the engines: Debian's packages, and what is built from the Go module proxy, each once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.engines.place import BIN, HERE, LOGS

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_HERE = Path("/usr/sbin/policy-rc.d")
_GO_BUILD = ("nice", "-n", "19", "go", "build", "-trimpath", "-mod=readonly")
_STARTS_NOTHING = "#!/bin/sh\nexit 101\n"


class MissingError(Exception):
    """What the machine lacks, in one line."""


class Program(msgspec.Struct, frozen=True):
    """Something that is built of a module of its own under `programs`, locked by its go.sum."""

    name: str
    module: str
    package: str
    version: str
    variables: Mapping[str, str]

    @property
    def file(self) -> Path:
        return BIN / self.name

    @property
    def directory(self) -> Path:
        return HERE / "programs" / self.module

    @property
    def flags(self) -> str:
        """Without symbols, and with the version that the program tells."""
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.variables.items())])

    @property
    def stamp(self) -> str:
        """What the program depends on; another stamp is another program."""
        parts = [self.package, self.flags, *((self.directory / name).read_text() for name in ("go.mod", "go.sum"))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


KUBERNETES = "v1.34.4"
_TOLD = "k8s.io/component-base/version"


def _kubernetes(name: str) -> Program:
    _, major, minor = KUBERNETES.replace("v", ".").split(".")[:3]
    variables = {f"{_TOLD}.gitVersion": KUBERNETES, f"{_TOLD}.gitMajor": major, f"{_TOLD}.gitMinor": minor}
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", KUBERNETES, variables)


COMPOSE = Program(
    "docker-compose",
    "compose",
    "github.com/docker/compose/v2/cmd",
    "v2.40.3",
    {"github.com/docker/compose/v2/internal.Version": "v2.40.3"},
)
HELM = Program(
    "helm",
    "helm",
    "helm.sh/helm/v3/cmd/helm",
    "v3.19.0",
    {"helm.sh/helm/v3/internal/version.version": "v3.19.0"},
)
CLUSTER = tuple(
    _kubernetes(name)
    for name in ("kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
)
PROGRAMS = (COMPOSE, *CLUSTER, HELM)

PACKAGES = {
    "busybox-static": "/bin/busybox",
    "conntrack": "/usr/sbin/conntrack",
    "containerd": "/usr/bin/containerd",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "debootstrap": "/usr/sbin/debootstrap",
    "docker-registry": "/usr/bin/docker-registry",
    "docker.io": "/usr/sbin/dockerd",
    "etcd-server": "/usr/bin/etcd",
    "iproute2": "/sbin/ip",
    "iptables": "/usr/sbin/iptables",
    "openssh-server": "/usr/sbin/sshd",
    "runc": "/usr/sbin/runc",
    "sqlite3": "/usr/bin/sqlite3",
    "tini": "/usr/bin/tini",
}
"""Debian's packages, each with a file by which it is known to be there."""


def install() -> None:
    """Have Debian's packages installed; none of their services is started."""
    missing = [name for name, file in PACKAGES.items() if not Path(file).exists()]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingError(f"this machine lacks {', '.join(missing)}: install them, or run as root on Debian")
    print(f"installing {', '.join(missing)}", flush=True)
    ours = not _NOT_HERE.exists()
    if ours:
        _NOT_HERE.write_text(_STARTS_NOTHING)
        _NOT_HERE.chmod(0o755)
    try:
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *missing)
    finally:
        if ours:
            _NOT_HERE.unlink()


def _apt(*args: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "-qq", *args], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"apt-get {args[0]} failed: {done.stderr.strip()}")


def build(programs: Iterable[Program] = PROGRAMS) -> None:
    """Build what is not there yet; what can't be built is named, and its cases say that they were not run."""
    for program in programs:
        if is_built(program):
            continue
        started = time.monotonic()
        print(f"building {program.name} {program.version}", end=" ", flush=True)
        print(f"{_build(program) or 'done'} in {time.monotonic() - started:.0f} s", flush=True)


def is_built(program: Program) -> bool:
    stamp = _stamp_file(program)
    return program.file.exists() and stamp.exists() and stamp.read_text() == program.stamp


def _stamp_file(program: Program) -> Path:
    return BIN / f".{program.name}"


def _build(program: Program) -> str:
    """Build one program; what it failed with, empty where it is there now."""
    if not shutil.which("go"):
        return "not built: there is no Go"
    BIN.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{program.name}.log"
    with log.open("w") as output:
        done = subprocess.run(
            [*_GO_BUILD, "-ldflags", program.flags, "-o", program.file, program.package],
            cwd=program.directory,
            env=os.environ | {"CGO_ENABLED": "0"},
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        return f"not built, see {log}"
    _stamp_file(program).write_text(program.stamp)
    return ""


def lacking(*programs: Program) -> str:
    """What of these the machine lacks, in one line; empty where all are there."""
    missing = [program.name for program in programs if not is_built(program)]
    return f"not built: {', '.join(missing)}" if missing else ""
