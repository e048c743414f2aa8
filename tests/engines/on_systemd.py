"""The recipe `systemd` with its very files, on two machines whose first process is a real systemd."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from tests.engines.daemon import until
from tests.engines.machine import machines
from tests.engines.on_docker import another_key
from tests.engines.place import RECIPES
from tests.engines.project import BAKE, DEADLINE, DEFAULT_BAKE, Deployed, recipe_files
from tests.engines.recipe import GOOD, IMAGE_GONE, Place, Recipe, Wrong
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.docker import Ssh
    from tests.engines.machine import Machine
    from tests.shop import Entry

NAMES = ("web-1.example.com", "web-2.example.com")
SERVE = """#!/bin/sh
# The shop from its source tree: it reads its commit once, when it starts.
set -eu
site=$(mktemp -d)
printf '{{"commit": "%s"}}' "$(cat REVISION)" >"$site/health"
{wrong}
exec busybox httpd -f -p "$SHOP_LISTEN" -h "$site"
"""
SCRIPTS = {
    Wrong.CRASHES: "exit 1",
    Wrong.OLD_ANSWERS: """printf '{{"commit": "%040d"}}' 0 >"$site/health" """,
    Wrong.FAILS_LATER: '(sleep 12; rm "$site/health") &',
}


class Fleet(Place):
    """Two machines."""

    def __init__(self, here: Deployed, found: tuple[Machine, ...]) -> None:
        super().__init__(here)
        self.machines = found

    def first(self) -> None:
        super().first()
        for one in self.machines:
            one.enable()

    def runs(self) -> list[str]:
        return [one.revision() for one in self.machines]

    def named(self, version: str) -> str:
        return self.here.commit(version)

    def state(self) -> object:
        return [(one.revision(), one.systemctl("show", "--property=InvocationID", "shop")) for one in self.machines]

    def settle(self) -> None:
        until(lambda: not any(one.is_activating() for one in self.machines), 60, lambda: "the script still runs")

    def restart(self) -> None:
        self.machines[0].daemon.kill()
        self.machines[0].daemon.start()

    def expired(self) -> dict[str, str]:
        return {"SSH_KEY": another_key()[0]}

    def forget(self, version: str) -> None:
        raise NotImplementedError(f"{version} has no image")


class Systemd(Recipe):
    """The recipe on two machines."""

    name = "systemd"
    engine = "systemd 252, OpenSSH 9.2, two machines"
    secret = "SSH_KEY"
    lacks: ClassVar = {
        Wrong.ONE_OF_THREE.value: "each machine is a target of its own, and is asked for itself",
        IMAGE_GONE: "there is no image: the files come from git",
    }

    def __init__(self, keys: Ssh) -> None:
        self.keys = keys

    @contextmanager
    def place(self, folder: Path, wrong: Wrong | None = None, *, bake: str = BAKE) -> Iterator[Fleet]:
        with self.fleet(folder, SCRIPTS[wrong] if wrong else "", bake) as found:
            yield found

    @contextmanager
    def fleet(self, folder: Path, wrong: str = "", bake: str = BAKE) -> Iterator[Fleet]:
        """New machines, and a project whose third release does something wrong before it serves."""
        files = {**recipe_files(self.name), "release-tool.toml": configuration(bake), "README.md": "hello\n"}
        secrets = {"SSH_KEY": self.keys.key, "SSH_KNOWN_HOSTS": self.keys.known_hosts}
        versions = {one.name: "" for one in GOOD} | ({"1.2.0": wrong} if wrong else {})
        with (
            machines(NAMES, "{address}:8080") as found,
            shop(folder, *history(versions), files=files, clock="machine") as project,
        ):
            yield Fleet(Deployed(project, secrets, folder), found)


def configuration(bake: str) -> str:
    """The recipe's own with the shop's addresses, and with short times where `bake` is not the default."""
    text = (RECIPES / "systemd" / "release-tool.toml").read_text()
    for name in NAMES:
        assert f'url = "https://{name}"' in text
        text = text.replace(f'url = "https://{name}"', f'url = "http://{name}:8080"')
    if bake == DEFAULT_BAKE:
        return text
    assert f'bake = "{DEFAULT_BAKE}"' in text
    return text.replace(f'bake = "{DEFAULT_BAKE}"', f'bake = "{bake}"') + f'deadline = "{DEADLINE}"\n'


def history(versions: dict[str, str]) -> Iterator[Entry]:
    for version, wrong in versions.items():
        files = {"bin/serve": SERVE.format(wrong=wrong.format()), "version.txt": version}
        yield {"commit": f"fix: {version}", "author": "ada", "files": files}
        yield {"tag": f"v{version}"}
