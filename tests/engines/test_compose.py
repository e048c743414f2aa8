"""The recipe `compose-ssh` with its very files: a real ssh server, a real Docker, a real registry."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engines.daemon import output
from tests.engines.programs import COMPOSE
from tests.engines.project import BAKE, DEFAULT_BAKE, Version, adapted, deployed, recipe_files
from tests.engines.room import DEPLOY, ROOT, nothing_runs_as, runs_as

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.docker import Container, Docker, Ssh
    from tests.engines.project import Deployed

URL = "http://app.example.com:8080"
ENGINE = f"Docker 20.10, compose {COMPOSE.version}, OpenSSH 9.2"
GOOD = (Version("1.0.0"), Version("1.1.0"))
HEALTHY, ROLLED_BACK, LOST = 0, 6, 7


def case(text: str) -> pytest.MarkDecorator:
    return pytest.mark.case("compose-ssh", text, ENGINE)


@contextmanager
def machine(folder: Path, docker: Docker, ssh: Ssh, *bad: Version, bake: str = BAKE) -> Iterator[Deployed]:
    """A new machine, and a project with two good releases and what a case adds."""
    docker.remove_all()
    for one in ROOT.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    (ROOT / "app.env").touch()
    shutil.chown(ROOT / "app.env", DEPLOY, DEPLOY)
    files = {**recipe_files("compose-ssh"), "release-tool.toml": adapted("compose-ssh", URL, bake)}
    secrets = {"SSH_KEY": ssh.key, "SSH_KNOWN_HOSTS": ssh.known_hosts}
    with deployed(folder, files, (*GOOD, *bad), secrets) as here:
        yield here
        docker.remove_all()


def first(here: Deployed) -> None:
    """Have the first version running and proven."""
    assert here.deploy("1.0.0").code == HEALTHY, here.story()


def agree(here: Deployed, docker: Docker, version: str) -> Container:
    """Insist that ledger, machine and checks name the same version; the container is told."""
    assert here.live() == here.commit(version), here.story()
    [container] = docker.containers()
    assert (container.image, container.state) == (here.references[version], "running")
    assert here.verify().code == HEALTHY
    return container


@case("first deployment, then an upgrade")
def test_first_deployment_and_upgrade_are_healthy(tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]) -> None:
    with machine(tmp_path, docker, ssh) as here:
        one = here.deploy("1.0.0")
        assert (one.code, one.outcome) == (HEALTHY, "healthy")
        agree(here, docker, "1.0.0")
        two = here.deploy("1.1.0")
        assert (two.code, two.outcome) == (HEALTHY, "healthy")
        agree(here, docker, "1.1.0")
        seen.append(f"healthy in {one.seconds:.0f} s, upgraded in {two.seconds:.0f} s")


BAD = {
    "crash loop": Version("1.2.0", {"SHOP_END_AFTER": "0s"}),
    "healthy, but the old version answers": Version("1.2.0", built_of="1.0.0"),
    "failing after a while": Version("1.2.0", {"SHOP_FAIL_AFTER": "12s"}),
    "starts too late": Version("1.2.0", {"SHOP_START_AFTER": "10m"}),
}


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name, marks=case(name)) for name, bad in BAD.items()])
def test_a_bad_version_is_rolled_back_and_the_old_one_proven(
    tmp_path: Path, docker: Docker, ssh: Ssh, bad: Version, seen: list[str]
) -> None:
    with machine(tmp_path, docker, ssh, bad) as here:
        first(here)
        ended = here.deploy("1.2.0")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert (ended.code, ended.outcome) == (ROLLED_BACK, "rolled_back")
        agree(here, docker, "1.0.0")


@case("the default bake of 2 m")
def test_an_upgrade_with_the_defaults_is_healthy(tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]) -> None:
    with machine(tmp_path, docker, ssh, bake=DEFAULT_BAKE) as here:
        ended = here.deploy("1.0.0")
        assert (ended.code, ended.outcome) == (HEALTHY, "healthy")
        agree(here, docker, "1.0.0")
        seen.append(f"healthy in {ended.seconds:.0f} s")


SHORT_LIFE = Version("1.2.0", {"SHOP_END_AFTER": "15s"})


@case("ends by itself after 15 s, with a bake of 20 s")
def test_a_container_that_ends_by_itself_is_not_healthy(
    tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]
) -> None:
    with machine(tmp_path, docker, ssh, SHORT_LIFE, bake="20s") as here:
        first(here)
        ended = here.deploy("1.2.0")
        [container] = docker.containers()
        samples = [one["sample"] for one in ended.samples]
        seen.append(
            f"{ended.outcome} with {samples.count('ok')} of the last {len(samples)} samples good,"
            f" RestartCount {container.restarts}"
        )
        assert ended.code == ROLLED_BACK
        agree(here, docker, "1.0.0")


@case("crash loop after a version that ends by itself after 15 s was called healthy")
def test_a_rollback_does_not_go_to_a_version_that_ends_by_itself(
    tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]
) -> None:
    with machine(tmp_path, docker, ssh, SHORT_LIFE, Version("1.3.0", {"SHOP_END_AFTER": "0s"}), bake="20s") as here:
        first(here)
        here.deploy("1.2.0")
        ended = here.deploy("1.3.0")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, exit code {ended.code}")
        assert ended.code == ROLLED_BACK
        agree(here, docker, "1.0.0")


@case("rollback by a person")
def test_a_person_goes_back_and_the_environment_is_halted(
    tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]
) -> None:
    with machine(tmp_path, docker, ssh) as here:
        first(here)
        assert here.deploy("1.1.0").code == HEALTHY
        ended = here.rollback()
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        agree(here, docker, "1.0.0")
        held = here.deploy("1.1.0", "--automatic")
        assert (held.code, held.outcome) == (HEALTHY, "held")


MOMENTS = {
    "waiting": ("1.1.0", {"1.0.0"}),
    "changing": ("1.1.0", {"1.0.0", "1.1.0"}),
    "verifying": ("1.1.0", {"1.0.0", "1.1.0"}),
    "baking": ("1.1.0", {"1.0.0", "1.1.0"}),
    "rolling back": ("1.2.0", {"1.0.0"}),
}
"""When the tool is killed, in the words of the ledger; what it was about to bring; and what may be live afterwards."""


@pytest.mark.parametrize("moment", [pytest.param(at, marks=case(f"killed at: {at}, then reconcile")) for at in MOMENTS])
def test_reconcile_finishes_what_a_killed_run_left(
    tmp_path: Path, docker: Docker, ssh: Ssh, moment: str, seen: list[str]
) -> None:
    version, allowed = MOMENTS[moment]
    with machine(tmp_path, docker, ssh, BAD["healthy, but the old version answers"]) as here:
        first(here)
        here.killed_at(moment, "deploy", version, "-e", "production", "--here")
        ended = here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {here.story()[-1]}")
        nothing_runs_as(DEPLOY)
        [name] = [one for one in allowed if here.live() == here.commit(one)]
        agree(here, docker, name)


@case("killed while the new container starts, then reconcile at once")
def test_reconcile_goes_back_where_a_killed_run_left_a_container_that_starts(
    tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]
) -> None:
    def is_replaced() -> bool:
        return here.references["1.2.0"] in {one.image for one in docker.containers()}

    with machine(tmp_path, docker, ssh, Version("1.2.0", {"SHOP_START_AFTER": "15s"})) as here:
        first(here)
        here.killed_when(is_replaced, "deploy", "1.2.0", "-e", "production", "--here")
        ended = here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {here.story()[-1]}")
        nothing_runs_as(DEPLOY)
        [name] = [one for one in ("1.0.0", "1.2.0") if here.live() == here.commit(one)]
        agree(here, docker, name)


@case("killed while the new image is pulled, then reconcile before the pull goes on")
def test_nothing_goes_on_over_there_when_the_tool_was_killed(
    tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]
) -> None:
    with machine(tmp_path, docker, ssh) as here:
        first(here)
        docker.remove_image(here.references["1.1.0"])
        with docker.registry.held():
            here.killed_when(lambda: runs_as(DEPLOY, " pull "), "deploy", "1.1.0", "-e", "production", "--here")
            ended = here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {here.story()[-1]}")
        nothing_runs_as(DEPLOY)
        agree(here, docker, "1.0.0")


@pytest.mark.parametrize(
    "moment", [pytest.param(at, marks=case(f"daemon restarted at: {at}")) for at in ("changing", "baking")]
)
def test_a_daemon_that_is_restarted_ends_in_agreement(
    tmp_path: Path, docker: Docker, ssh: Ssh, moment: str, seen: list[str]
) -> None:
    def restart() -> None:
        docker.daemon.stop()
        docker.daemon.start()

    with machine(tmp_path, docker, ssh) as here:
        first(here)
        ended = here.when(moment, restart, "deploy", "1.1.0", "-e", "production", "--here")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, exit code {ended.code}")
        assert ended.code in {HEALTHY, ROLLED_BACK}
        agree(here, docker, "1.1.0" if ended.code == HEALTHY else "1.0.0")


CREDENTIALS = {
    "no key": {"SSH_KEY": ""},
    "a key that is not let in any more": {"SSH_KEY": "expired"},
    "another host key": {"SSH_KNOWN_HOSTS": "other"},
}


@pytest.mark.parametrize("secrets", [pytest.param(one, id=name, marks=case(name)) for name, one in CREDENTIALS.items()])
def test_without_credentials_nothing_is_changed(
    tmp_path: Path, docker: Docker, ssh: Ssh, secrets: dict[str, str], seen: list[str]
) -> None:
    given = {name: _wrong(word, ssh, tmp_path) for name, word in secrets.items()}
    with machine(tmp_path, docker, ssh) as here:
        first(here)
        before = docker.containers()
        ended = here.deploy("1.1.0", **given)
        seen.append(f"exit code {ended.code}, {ended.outcome}: {ended.document.get('reason') or ended.err.strip()}")
        assert docker.containers() == before
        assert ended.code != HEALTHY
        here.reconcile()
        agree(here, docker, "1.0.0")


def _wrong(word: str, ssh: Ssh, folder: Path) -> str:
    """Another key than the one that is let in, or than the one of the machine."""
    match word:
        case "expired":
            output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "expired"))
            return (folder / "expired").read_text()
        case "other":
            output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "other"))
            return f"{ssh.known_hosts.split()[0]} {(folder / 'other.pub').read_text()}"
        case _:
            return ""


@case("the image of the rollback is gone")
def test_a_rollback_without_its_image_is_an_incident(tmp_path: Path, docker: Docker, ssh: Ssh, seen: list[str]) -> None:
    with machine(tmp_path, docker, ssh, BAD["healthy, but the old version answers"]) as here:
        first(here)
        image = here.references["1.0.0"]
        ended = here.when("verifying", lambda: docker.forget(image), "deploy", "1.2.0", "-e", "production", "--here")
        seen.append(f"exit code {ended.code}, {ended.outcome}: {ended.document.get('reason')}")
        assert ended.code == LOST
