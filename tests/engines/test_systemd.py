"""What is put to the recipe `systemd` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines.on_systemd import Systemd
from tests.engines.project import DEFAULT_BAKE
from tests.engines.recipe import HEALTHY, ROLLED_BACK, case

if TYPE_CHECKING:
    from pathlib import Path


@case(Systemd, "fails on the second machine only")
def test_a_version_that_fails_on_the_second_machine_is_rolled_back_on_both(
    tmp_path: Path, systemd: Systemd, seen: list[str]
) -> None:
    with systemd.fleet(tmp_path, "case $SHOP_LISTEN in 127.0.0.12:*) exit 1 ;; esac") as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


@case(Systemd, "ends by itself after 15 s, with a bake of 20 s")
def test_a_service_that_ends_by_itself_is_not_healthy(tmp_path: Path, systemd: Systemd, seen: list[str]) -> None:
    with systemd.fleet(tmp_path, "(sleep 15; kill -KILL $$) &", bake="20s") as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        restarts = [one.restarts() for one in place.machines]
        bad = sum(one["sample"] == "bad" for one in ended.samples)
        seen.append(f"{ended.told}; {bad} bad of the last {len(ended.samples)} samples, restarts {restarts}")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


@case(Systemd, "the default bake of 2 m")
def test_a_deployment_with_the_defaults_is_healthy(tmp_path: Path, systemd: Systemd, seen: list[str]) -> None:
    with systemd.place(tmp_path, bake=DEFAULT_BAKE) as place:
        ended = place.here.deploy("1.0.0")
        assert ended.code == HEALTHY
        place.agree("1.0.0")
        seen.append(f"healthy in {ended.seconds:.0f} s")
