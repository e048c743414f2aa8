"""What is put to the recipe `helm` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines.on_kubernetes import Helm
from tests.engines.project import DEFAULT_BAKE, Version
from tests.engines.recipe import HEALTHY, case

if TYPE_CHECKING:
    from pathlib import Path


@case(Helm, "killed at: changing, then reconcile, then the next upgrade")
def test_a_release_that_was_left_pending_is_taken_up_again(tmp_path: Path, helm: Helm, seen: list[str]) -> None:
    with helm.namespace(tmp_path, Version("1.2.0", {"SHOP_START_AFTER": "20s"})) as place:
        place.first()
        place.here.killed_at("changing", "deploy", "1.2.0", "-e", "production", "--here")
        ended = place.here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {place.here.story()[-1]}")
        assert place.here.deploy("1.1.0", "--override", "older", "--reason", "the next one").code == HEALTHY
        place.agree("1.1.0")


@case(Helm, "the default bake of 2 m")
def test_a_deployment_with_the_defaults_is_healthy(tmp_path: Path, helm: Helm, seen: list[str]) -> None:
    with helm.place(tmp_path, bake=DEFAULT_BAKE) as place:
        ended = place.here.deploy("1.0.0")
        assert ended.code == HEALTHY
        place.agree("1.0.0")
        seen.append(f"healthy in {ended.seconds:.0f} s")
