"""The recipe `systemd` with its very files, on two machines whose first process is a real systemd."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engines.daemon import until
from tests.engines.machine import machines
from tests.engines.place import RECIPES
from tests.engines.project import BAKE, DEADLINE, Deployed, recipe_files
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.docker import Ssh
    from tests.engines.machine import Machine
    from tests.shop import Entry

ENGINE = "systemd 252, OpenSSH 9.2, two machines"
pytestmark = pytest.mark.usefixtures("debian")
NAMES = ("web-1.example.com", "web-2.example.com")
HEALTHY, ROLLED_BACK, LOST = 0, 6, 7
SERVE = """#!/bin/sh
# The shop from its source tree: it reads its commit once, when it starts.
set -eu
site=$(mktemp -d)
printf '{{"commit": "%s"}}' "$(cat REVISION)" >"$site/health"
{wrong}
exec busybox httpd -f -p "$SHOP_LISTEN" -h "$site"
"""
GOOD = {"1.0.0": "", "1.1.0": ""}
BAD = {
    "crash loop": "exit 1",
    "healthy, but the old version answers": """printf '{{"commit": "%040d"}}' 0 >"$site/health" """,
    "failing after a while": '(sleep 12; rm "$site/health") &',
    "fails on the second machine only": "case $SHOP_LISTEN in 127.0.0.12:*) exit 1 ;; esac",
}


def case(text: str) -> pytest.MarkDecorator:
    return pytest.mark.case("systemd", text, ENGINE)


class Fleet:
    """The machines, and the project that is deployed to them."""

    def __init__(self, here: Deployed, found: tuple[Machine, ...]) -> None:
        self.here = here
        self.machines = found

    def first(self) -> None:
        assert self.here.deploy("1.0.0").code == HEALTHY, self.here.story()
        for one in self.machines:
            one.enable()

    def settle(self) -> None:
        """Wait until what a killed run left running on the machines has ended."""
        until(lambda: not any(one.is_activating() for one in self.machines), 60, lambda: "the script still runs")

    def agree(self, version: str) -> None:
        """Insist that ledger, machines and checks name the same version."""
        assert self.here.live() == self.here.commit(version), self.here.story()
        assert {one.revision() for one in self.machines} == {self.here.commit(version)}
        assert self.here.verify().code == HEALTHY


@contextmanager
def fleet(folder: Path, keys: Ssh, bad: str = "", bake: str = BAKE) -> Iterator[Fleet]:
    files = {**recipe_files("systemd"), "release-tool.toml": configuration(bake), "README.md": "hello\n"}
    secrets = {"SSH_KEY": keys.key, "SSH_KNOWN_HOSTS": keys.known_hosts}
    versions = GOOD | ({"1.2.0": bad} if bad else {})
    with (
        machines(NAMES, "{address}:8080") as found,
        shop(folder, *history(versions), files=files, clock="machine") as project,
    ):
        yield Fleet(Deployed(project, secrets, folder), found)


def configuration(bake: str) -> str:
    """The recipe's own, with the shop's addresses and a short bake."""
    text = (RECIPES / "systemd" / "release-tool.toml").read_text()
    for name in NAMES:
        assert f'url = "https://{name}"' in text
        text = text.replace(f'url = "https://{name}"', f'url = "http://{name}:8080"')
    assert 'bake = "2m"' in text
    return text.replace('bake = "2m"', f'bake = "{bake}"') + f'deadline = "{DEADLINE}"\n'


def history(versions: dict[str, str]) -> Iterator[Entry]:
    for version, wrong in versions.items():
        files = {"bin/serve": SERVE.format(wrong=wrong.format()), "version.txt": version}
        yield {"commit": f"fix: {version}", "author": "ada", "files": files}
        yield {"tag": f"v{version}"}


@case("first deployment, then an upgrade")
def test_first_deployment_and_upgrade_are_healthy(tmp_path: Path, keys: Ssh, seen: list[str]) -> None:
    with fleet(tmp_path, keys) as where:
        one = where.here.deploy("1.0.0")
        assert one.code == HEALTHY
        where.agree("1.0.0")
        two = where.here.deploy("1.1.0")
        assert two.code == HEALTHY
        where.agree("1.1.0")
        seen.append(f"healthy in {one.seconds:.0f} s, upgraded in {two.seconds:.0f} s")


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name, marks=case(name)) for name, bad in BAD.items()])
def test_a_bad_version_is_rolled_back_and_the_old_one_proven(
    tmp_path: Path, keys: Ssh, bad: str, seen: list[str]
) -> None:
    with fleet(tmp_path, keys, bad) as where:
        where.first()
        ended = where.here.deploy("1.2.0")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        where.agree("1.0.0")


@case("ends by itself after 15 s, with a bake of 20 s")
def test_a_service_that_ends_by_itself_is_not_healthy(tmp_path: Path, keys: Ssh, seen: list[str]) -> None:
    with fleet(tmp_path, keys, "(sleep 15; kill -KILL $$) &", bake="20s") as where:
        where.first()
        ended = where.here.deploy("1.2.0")
        restarts = [one.restarts() for one in where.machines]
        bad = sum(one["sample"] == "bad" for one in ended.samples)
        seen.append(f"{ended.outcome} after {bad} bad of the last {len(ended.samples)} samples; restarts {restarts}")
        assert ended.code == ROLLED_BACK
        where.agree("1.0.0")


@case("rollback by a person")
def test_a_person_goes_back(tmp_path: Path, keys: Ssh, seen: list[str]) -> None:
    with fleet(tmp_path, keys) as where:
        where.first()
        assert where.here.deploy("1.1.0").code == HEALTHY
        ended = where.here.rollback()
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        where.agree("1.0.0")


@pytest.mark.parametrize(
    "moment", [pytest.param(at, marks=case(f"killed at: {at}, then reconcile")) for at in ("changing", "baking")]
)
def test_reconcile_finishes_what_a_killed_run_left(tmp_path: Path, keys: Ssh, moment: str, seen: list[str]) -> None:
    with fleet(tmp_path, keys) as where:
        where.first()
        where.here.killed_at(moment, "deploy", "1.1.0", "-e", "production", "--here")
        ended = where.here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {where.here.story()[-1]}")
        where.settle()
        [name] = [one for one in GOOD if where.here.live() == where.here.commit(one)]
        where.agree(name)


@case("a machine restarted at: baking")
def test_a_machine_that_is_restarted_ends_in_agreement(tmp_path: Path, keys: Ssh, seen: list[str]) -> None:
    with fleet(tmp_path, keys) as where:
        where.first()

        def restart() -> None:
            where.machines[0].daemon.kill()
            where.machines[0].daemon.start()

        ended = where.here.when("baking", restart, "deploy", "1.1.0", "-e", "production", "--here")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, exit code {ended.code}")
        assert ended.code in {HEALTHY, ROLLED_BACK}
        where.agree("1.1.0" if ended.code == HEALTHY else "1.0.0")
