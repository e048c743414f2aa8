"""The recipe `compose-ssh` with its very files: a real ssh server, a real Docker, a real registry."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.engines.daemon import output
from tests.engines.programs import COMPOSE
from tests.engines.project import BAKE, adapted, deployed, recipe_files
from tests.engines.recipe import GOOD, IMAGES, Place, Recipe, Wrong
from tests.engines.room import DEPLOY, ROOT, nothing_runs_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engines.docker import Container, Docker, Ssh
    from tests.engines.project import Deployed, Version

URL = "http://app.example.com:8080"


class Machine(Place):
    """One machine with Docker."""

    def __init__(self, here: Deployed, docker: Docker) -> None:
        super().__init__(here)
        self.docker = docker

    def agree(self, version: str) -> None:
        super().agree(version)
        assert self.container.state == "running"

    @property
    def container(self) -> Container:
        [found] = self.docker.containers()
        return found

    def runs(self) -> list[str]:
        return [one.image for one in self.docker.containers()]

    def state(self) -> object:
        return self.docker.containers()

    def settle(self) -> None:
        nothing_runs_as(DEPLOY)

    def restart(self) -> None:
        self.docker.daemon.stop()
        self.docker.daemon.start()

    def expired(self) -> dict[str, str]:
        return {"SSH_KEY": another_key()[0]}

    def forget(self, version: str) -> None:
        self.docker.forget(self.here.references[version])


class Compose(Recipe):
    """The recipe on a machine of its own."""

    name = "compose-ssh"
    engine = f"Docker 20.10, compose {COMPOSE.version}, OpenSSH 9.2"
    secret = "SSH_KEY"
    lacks: ClassVar = {Wrong.ONE_OF_THREE.value: "the recipe runs one container on a machine"}

    def __init__(self, docker: Docker, ssh: Ssh) -> None:
        self.docker = docker
        self.ssh = ssh

    @contextmanager
    def place(self, folder: Path, wrong: Wrong | None = None, *, bake: str = BAKE) -> Iterator[Machine]:
        with self.machine(folder, *([IMAGES[wrong]] if wrong else []), bake=bake) as found:
            yield found

    @contextmanager
    def machine(
        self,
        folder: Path,
        *more: Version,
        bake: str = BAKE,
        good: tuple[Version, ...] = GOOD,
        files: Mapping[str, str] | None = None,
    ) -> Iterator[Machine]:
        """A new machine, and a project with two good releases and what a case adds; `files` replace the recipe's."""
        self.docker.remove_all()
        for one in ROOT.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        (ROOT / "app.env").touch()
        shutil.chown(ROOT / "app.env", DEPLOY, DEPLOY)
        whole = {**recipe_files(self.name), "release-tool.toml": adapted(self.name, URL, bake), **(files or {})}
        secrets = {"SSH_KEY": self.ssh.key, "SSH_KNOWN_HOSTS": self.ssh.known_hosts}
        with deployed(folder, whole, (*good, *more), secrets) as here:
            yield Machine(here, self.docker)
            self.docker.remove_all()


def another_key() -> tuple[str, str]:
    """A key that nobody knows, with its public half."""
    with tempfile.TemporaryDirectory() as folder:
        output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key")
        return Path(f"{folder}/key").read_text(), Path(f"{folder}/key.pub").read_text()
