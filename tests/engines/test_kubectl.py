"""What is put to the recipe `kubectl` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines.on_kubernetes import Kubectl, as_daemon_set, as_stateful_set
from tests.engines.project import DEFAULT_BAKE, Version
from tests.engines.recipe import HEALTHY, IMAGES, ROLLED_BACK, Wrong, case

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lane("kubectl-canary")
"""The recipe's own lane would be the longest of all with these; this one has a cluster, too, and few cases."""

LIVES = {
    "ends by itself after 15 s, with a bake of 20 s": ("15s", "20s"),
    "ends by itself after 100 s, with the default bake of 2 m": ("100s", DEFAULT_BAKE),
}


@pytest.mark.parametrize(
    "life, bake", [pytest.param(*how, id=name, marks=case(Kubectl, name)) for name, how in LIVES.items()]
)
def test_pods_that_end_by_themselves_are_not_healthy(
    tmp_path: Path, kubectl: Kubectl, life: str, bake: str, seen: list[str]
) -> None:
    with kubectl.namespace(tmp_path, Version("1.2.0", {"SHOP_END_AFTER": life}), bake=bake) as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        bad = sum(one["sample"] == "bad" for one in ended.samples)
        seen.append(f"{ended.told}; {bad} bad of the last {len(ended.samples)} samples")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")


KINDS = {"StatefulSet": as_stateful_set, "DaemonSet": as_daemon_set}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=case(Kubectl, f"{kind}: upgrade, then one that ends by itself")) for kind in KINDS],
)
def test_other_kinds_are_upgraded_and_rolled_back(tmp_path: Path, kubectl: Kubectl, kind: str, seen: list[str]) -> None:
    short = Version("1.2.0", {"SHOP_END_AFTER": "15s"})
    with kubectl.namespace(tmp_path, short, bake="20s", change=KINDS[kind]) as place:
        place.first()
        place.agree("1.0.0")
        assert place.here.deploy("1.1.0").code == HEALTHY
        place.agree("1.1.0")
        ended = place.here.deploy("1.2.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        place.agree("1.1.0")


@case(Kubectl, "the default bake of 2 m, and the old version answers")
def test_with_the_defaults_the_old_version_is_proven_again(tmp_path: Path, kubectl: Kubectl, seen: list[str]) -> None:
    with kubectl.namespace(tmp_path, IMAGES[Wrong.OLD_ANSWERS], bake=DEFAULT_BAKE) as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        place.agree("1.0.0")
