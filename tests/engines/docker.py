"""A Docker daemon, a registry and an ssh server, each in the room at its usual place."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import msgspec
import requests

from tests.engines.daemon import ENVIRONMENT, Daemon, output, succeeds
from tests.engines.place import CGROUP, HERE, STATE
from tests.engines.programs import COMPOSE
from tests.engines.room import DEPLOY, HOME, MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGISTRY = "127.0.0.1:5000"
KEYS = STATE / "ssh"
_SOCKET = "unix:///run/docker.sock"


class Ssh(msgspec.Struct, frozen=True):
    """What a person has who may log in as `deploy`."""

    key: str
    known_hosts: str


class Container(msgspec.Struct, frozen=True):
    """What Docker knows of a container that runs the shop."""

    identity: str
    image: str
    state: str
    restarts: int


class Docker:
    """The daemon with its registry, and what is asked of it."""

    def __init__(self) -> None:
        argv = (
            *("dockerd", "--host", _SOCKET, "--data-root", str(STATE / "docker"), "--exec-root", "/run/docker"),
            *("--pidfile", "/run/docker.pid", "--cgroup-parent", f"/{CGROUP}", "--storage-driver", "overlay2"),
            *("--ip", "127.0.0.1", "--log-level", "warn"),
        )
        self.registry = _registry()
        self.daemon = Daemon("dockerd", argv, ready=lambda: succeeds("docker", "version"))

    @property
    def version(self) -> str:
        return output("docker", "version", "--format", "{{.Server.Version}}")

    def containers(self) -> tuple[Container, ...]:
        """The containers of the recipe, also those that ended."""
        found = output("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project")
        return tuple(_container(identity) for identity in found.split())

    def remove_all(self) -> None:
        """Leave no container behind, as on a new machine."""
        if found := output("docker", "ps", "--all", "--quiet").split():
            output("docker", "rm", "--force", "--volumes", *found)

    def remove_image(self, image: str) -> None:
        """Remove an image from the machine, so that only the registry has it."""
        succeeds("docker", "rmi", "--force", output("docker", "inspect", "--format", "{{.Id}}", image))

    def forget(self, image: str) -> None:
        """Remove an image from the machine and from the registry, as a careless clean-up does."""
        self.remove_image(image)
        name, _, digest = image.removeprefix(f"{REGISTRY}/").partition("@")
        answer = requests.delete(f"http://{REGISTRY}/v2/{name}/manifests/{digest}", timeout=10)
        answer.raise_for_status()


def _container(identity: str) -> Container:
    told = json.loads(output("docker", "inspect", identity))[0]
    return Container(identity, told["Config"]["Image"], told["State"]["Status"], told["RestartCount"])


def _registry() -> Daemon:
    """A registry on loopback, whose images stay from run to run."""
    STATE.mkdir(parents=True, exist_ok=True)
    configuration = STATE / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: '{REGISTRY}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {STATE / 'registry'}}}, delete: {{enabled: true}}}}\n"
    )
    return Daemon("registry", ["docker-registry", "serve", str(configuration)], ready=lambda: listens(5000))


def keys() -> Ssh:
    """The keys of `deploy` and of all machines, made once."""
    for name in ("host", "deploy"):
        if not (KEYS / name).exists():
            KEYS.mkdir(parents=True, exist_ok=True)
            output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(KEYS / name))
    public = (KEYS / "host.pub").read_text().strip()
    return Ssh((KEYS / "deploy").read_text(), f"{','.join(MACHINES)} {public}\n")


@contextlib.contextmanager
def sshd() -> Iterator[None]:
    """Let `deploy` log in on the room itself."""
    allowed = HOME / ".ssh" / "authorized_keys"
    allowed.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(KEYS / "deploy.pub", allowed)
    configuration = KEYS / "sshd_config"
    configuration.write_text(
        f"ListenAddress 127.0.0.1\nHostKey {KEYS / 'host'}\nUsePAM no\nPasswordAuthentication no\n"
        f"AllowUsers {DEPLOY}\nSetEnv PATH=/usr/bin:/bin\nPidFile none\nAuthorizedKeysFile {allowed}\n"
    )
    _plugin()
    with Daemon("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", str(configuration)], ready=lambda: listens(22)):
        yield


def _plugin() -> None:
    """Give `deploy` the compose plugin, where docker looks for it."""
    place = HOME / ".docker" / "cli-plugins" / "docker-compose"
    place.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        shutil.copy(COMPOSE.file, place)
    _own(HOME)


def _own(folder: Path) -> None:
    subprocess.run(["chown", "-R", f"{DEPLOY}:{DEPLOY}", str(folder)], check=True, env=ENVIRONMENT)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def build_image(source: Path, commit: str, version: str, name: str = "shop") -> str:
    """Build the shop of a checkout as its own build does, push it, and tell its reference."""
    flags = f"-s -w -X main.commit={commit} -X main.version={version}"
    output(
        *("go", "-C", str(source / "app"), "build", "-trimpath", "-ldflags", flags, "-o", str(source / "shop"), "."),
        environment={"CGO_ENABLED": "0", "PATH": f"/usr/local/go/bin:{ENVIRONMENT['PATH']}"},
    )
    shutil.copy("/bin/busybox", source / "busybox")
    if SQLITE in (source / "Dockerfile").read_text():
        _copy_with_libraries("/usr/bin/sqlite3", source / SQLITE)
    tag = f"{REGISTRY}/{name}:{version}"
    output("docker", "build", "--quiet", "--tag", tag, str(source), environment={"DOCKER_BUILDKIT": "0"})
    output("docker", "push", "--quiet", tag)
    return output("docker", "inspect", "--format", "{{index .RepoDigests 0}}", tag)


def _copy_with_libraries(program: str, root: Path) -> None:
    """Copy a program of the machine and the libraries that it loads, each to its place below a folder."""
    loaded = [word for word in output("ldd", program).split() if word.startswith("/")]
    for file in (program, *loaded):
        place = root / file.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def push_pause() -> None:
    """Push the image that holds a pod's namespaces: it sleeps."""
    folder = STATE / "pause"
    folder.mkdir(exist_ok=True)
    shutil.copy("/bin/busybox", folder / "sleep")
    (folder / "Dockerfile").write_text('FROM scratch\nCOPY sleep /sleep\nENTRYPOINT ["/sleep", "1000000"]\n')
    tag = f"{REGISTRY}/pause:1"
    output("docker", "build", "--quiet", "--tag", tag, str(folder), environment={"DOCKER_BUILDKIT": "0"})
    output("docker", "push", "--quiet", tag)


APPLICATION = HERE / "application"
SQLITE = "sqlite"
"""The folder with SQLite's own program, for the images that keep something."""
