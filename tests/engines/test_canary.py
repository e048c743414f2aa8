"""What is put to the recipe `kubectl-canary`: a version passes as the canary first, or is stopped there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines.on_kubernetes import KubectlCanary
from tests.engines.project import Version
from tests.engines.recipe import HEALTHY, IMAGES, ROLLED_BACK, Wrong, case

if TYPE_CHECKING:
    from pathlib import Path

BAD = {
    "healthy, but the old version answers: stopped at the canary": IMAGES[Wrong.OLD_ANSWERS],
    "ends by itself after 15 s: stopped at the canary": Version("1.2.0", {"SHOP_END_AFTER": "15s"}),
}


@case(KubectlCanary, "first deployment, then an upgrade: the canary first, then the rest")
def test_a_good_version_passes_as_the_canary_and_then_everywhere(
    tmp_path: Path, canary: KubectlCanary, seen: list[str]
) -> None:
    with canary.namespace(tmp_path, replicas=3) as place:
        place.first()
        place.agree("1.0.0")
        ended = place.here.deploy("1.1.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert (ended.code, ended.outcome) == (HEALTHY, "healthy")
        place.agree("1.1.0")
        assert (len(place.track("canary")), len(place.track("stable"))) == (1, 3)


@pytest.mark.parametrize(
    "version", [pytest.param(version, id=name, marks=case(KubectlCanary, name)) for name, version in BAD.items()]
)
def test_a_bad_version_is_stopped_at_the_canary_and_the_rest_was_never_touched(
    tmp_path: Path, canary: KubectlCanary, version: Version, seen: list[str]
) -> None:
    with canary.namespace(tmp_path, version, bake="20s", replicas=3) as place:
        place.first()
        stable, generation = place.track("stable"), place.generation("shop-stable")
        ended = place.here.deploy("1.2.0")
        kept = place.track("stable") == stable and place.generation("shop-stable") == generation
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s; the stable pods are {'the same' if kept else 'others'}")
        assert (ended.code, ended.outcome) == (ROLLED_BACK, "rolled_back")
        assert kept
        place.agree("1.0.0")


@case(KubectlCanary, "rollback by a person: the rest first, then the canary")
def test_a_person_takes_both_tracks_back(tmp_path: Path, canary: KubectlCanary, seen: list[str]) -> None:
    with canary.namespace(tmp_path, replicas=3) as place:
        place.first()
        assert place.here.deploy("1.1.0").code == HEALTHY
        ended = place.here.rollback()
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        place.agree("1.0.0")
