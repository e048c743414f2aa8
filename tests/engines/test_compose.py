"""What is put to the recipe `compose-ssh` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines.daemon import output
from tests.engines.on_docker import Compose, another_key
from tests.engines.project import DEFAULT_BAKE, Version, recipe_files
from tests.engines.recipe import HEALTHY, LOST, ROLLED_BACK, case
from tests.engines.room import DEPLOY, ROOT, runs_as

if TYPE_CHECKING:
    from pathlib import Path


@case(Compose, "the default bake of 2 m")
def test_a_deployment_with_the_defaults_is_healthy(tmp_path: Path, compose: Compose, seen: list[str]) -> None:
    with compose.place(tmp_path, bake=DEFAULT_BAKE) as place:
        ended = place.here.deploy("1.0.0")
        assert (ended.code, ended.outcome) == (HEALTHY, "healthy")
        place.agree("1.0.0")
        seen.append(f"healthy in {ended.seconds:.0f} s")


@case(Compose, "starts too late")
def test_a_version_that_starts_too_late_is_rolled_back(tmp_path: Path, compose: Compose, seen: list[str]) -> None:
    with compose.machine(tmp_path, Version("1.2.0", {"SHOP_START_AFTER": "10m"})) as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


SHORT_LIFE = Version("1.2.0", {"SHOP_END_AFTER": "15s"})


@case(Compose, "ends by itself after 15 s, with a bake of 20 s")
def test_a_container_that_ends_by_itself_is_not_healthy(tmp_path: Path, compose: Compose, seen: list[str]) -> None:
    with compose.machine(tmp_path, SHORT_LIFE, bake="20s") as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        samples = [one["sample"] for one in ended.samples]
        restarts = place.container.restarts
        seen.append(f"{ended.told}; {samples.count('ok')} of the last {len(samples)} samples good, restarts {restarts}")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


@case(Compose, "crash loop after a version that ends by itself after 15 s")
def test_a_rollback_does_not_go_to_a_version_that_ends_by_itself(
    tmp_path: Path, compose: Compose, seen: list[str]
) -> None:
    crashes = Version("1.3.0", {"SHOP_END_AFTER": "0s"})
    with compose.machine(tmp_path, SHORT_LIFE, crashes, bake="20s") as place:
        place.first()
        place.here.deploy("1.2.0")
        ended = place.here.deploy("1.3.0")
        seen.append(f"{ended.told}, exit code {ended.code}")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


@case(Compose, "killed while the new container starts, then reconcile at once")
def test_reconcile_goes_back_where_a_killed_run_left_a_container_that_starts(
    tmp_path: Path, compose: Compose, seen: list[str]
) -> None:
    with compose.machine(tmp_path, Version("1.2.0", {"SHOP_START_AFTER": "15s"})) as place:
        place.first()
        new = place.here.references["1.2.0"]
        place.here.killed_when(lambda: new in place.runs(), "deploy", "1.2.0", "-e", "production", "--here")
        ended = place.here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {place.here.story()[-1]}")
        place.settle()
        [name] = [one for one in ("1.0.0", "1.2.0") if place.here.live() == place.here.commit(one)]
        place.agree(name)


@case(Compose, "killed while the new image is pulled, then reconcile before the pull goes on")
def test_nothing_goes_on_over_there_when_the_tool_was_killed(tmp_path: Path, compose: Compose, seen: list[str]) -> None:
    with compose.place(tmp_path) as place:
        place.first()
        compose.docker.remove_image(place.here.references["1.1.0"])
        with compose.docker.registry.held():
            place.here.killed_when(lambda: runs_as(DEPLOY, " pull "), "deploy", "1.1.0", "-e", "production", "--here")
            ended = place.here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {place.here.story()[-1]}")
        place.settle()
        place.agree("1.0.0")


@case(Compose, "another host key")
def test_a_machine_with_another_host_key_is_given_nothing(tmp_path: Path, compose: Compose, seen: list[str]) -> None:
    names = compose.ssh.known_hosts.split()[0]
    with compose.place(tmp_path) as place:
        place.first()
        before = place.state()
        ended = place.here.deploy("1.1.0", SSH_KNOWN_HOSTS=f"{names} {another_key()[1]}")
        seen.append(f"exit code {ended.code}, {ended.told}")
        assert place.state() == before
        place.refused(ended)


def migrating(name: str, schema: int, reads: int, built_of: str = "") -> Version:
    """A version that brings the file to a schema, and can read files up to another."""
    settings = {"SHOP_SCHEMA": str(schema), "SHOP_SCHEMA_READS": str(reads), "SHOP_SCHEMA_FILE": "/data/shop.db"}
    return Version(name, settings, built_of)


DATA = {"compose.yaml": recipe_files("compose-ssh")["compose.yaml"] + '    volumes: ["./data:/data"]\n'}
"""The recipe's own, with a folder that outlives its containers."""
_ROWS = "SELECT group_concat(version) FROM starts"


def _database(question: str) -> str:
    return output("sqlite3", str(ROOT / "data" / "shop.db"), question)


@case(Compose, "a bad version that migrated the database, and the old one can read it")
def test_what_a_migration_added_stays_when_its_version_is_rolled_back(
    tmp_path: Path, compose: Compose, seen: list[str]
) -> None:
    good = (migrating("1.0.0", 1, 2), migrating("1.1.0", 1, 2))
    bad = migrating("1.2.0", 2, 2, built_of="1.0.0")
    with compose.machine(tmp_path, bad, good=good, files=DATA) as place:
        place.first()
        assert (_database("PRAGMA user_version"), _database(_ROWS)) == ("1", "1.0.0")
        ended = place.here.deploy("1.2.0")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")
        schema, started = _database("PRAGMA user_version"), _database(_ROWS)
        seen.append(f"{ended.told}; the file has schema {schema}, and rows of {started}")
        assert (schema, started) == ("2", "1.0.0,1.2.0,1.0.0")


@case(Compose, "a bad version that migrated the database, and the old one can't read it")
def test_a_rollback_over_a_migration_that_nobody_marked_is_an_incident(
    tmp_path: Path, compose: Compose, seen: list[str]
) -> None:
    good = (migrating("1.0.0", 1, 1), migrating("1.1.0", 1, 1))
    bad = migrating("1.2.0", 2, 2, built_of="1.0.0")
    with compose.machine(tmp_path, bad, good=good, files=DATA) as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        seen.append(f"exit code {ended.code}, {ended.told}; the file has schema {_database('PRAGMA user_version')}")
        assert ended.code == LOST
        assert _database("PRAGMA user_version") == "2"
