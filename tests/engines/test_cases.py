"""The cases that every recipe is put to, each on its own engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines.on_docker import Compose
from tests.engines.on_kubernetes import Helm, Kubectl
from tests.engines.on_systemd import Systemd
from tests.engines.recipe import GOOD, HEALTHY, IMAGE_GONE, LOST, ROLLED_BACK, Recipe, Wrong, case

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.mark import ParameterSet

FIXTURES: dict[type[Recipe], str] = {Compose: "compose", Systemd: "systemd", Kubectl: "kubectl", Helm: "helm"}


def everywhere(text: str, *values: object) -> list[ParameterSet]:
    """A case for each recipe; where it can't be put to one, its row says why."""
    return [_put_to(recipe, fixture, text, values) for recipe, fixture in FIXTURES.items()]


def _put_to(recipe: type[Recipe], fixture: str, text: str, values: tuple[object, ...]) -> ParameterSet:
    why = recipe.lacks.get(text)
    marks = [case(recipe, text), *([pytest.mark.skip(reason=why)] if why else [])]
    return pytest.param(fixture, *values, id=f"{recipe.name}-{text}", marks=marks)


@pytest.fixture
def recipe(request: pytest.FixtureRequest) -> Recipe:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Recipe)
    return found


@pytest.mark.parametrize("recipe", everywhere("first deployment, then an upgrade"), indirect=True)
def test_first_deployment_and_upgrade_are_healthy(tmp_path: Path, recipe: Recipe, seen: list[str]) -> None:
    with recipe.place(tmp_path) as place:
        one = place.here.deploy("1.0.0")
        assert (one.code, one.outcome) == (HEALTHY, "healthy")
        place.agree("1.0.0")
        two = place.here.deploy("1.1.0")
        assert (two.code, two.outcome) == (HEALTHY, "healthy")
        place.agree("1.1.0")
        seen.append(f"healthy in {one.seconds:.0f} s, upgraded in {two.seconds:.0f} s")


@pytest.mark.parametrize(
    "recipe, wrong", [one for wrong in Wrong for one in everywhere(wrong.value, wrong)], indirect=["recipe"]
)
def test_a_bad_version_is_rolled_back_and_the_old_one_proven(
    tmp_path: Path, recipe: Recipe, wrong: Wrong, seen: list[str]
) -> None:
    with recipe.place(tmp_path, wrong) as place:
        place.first()
        ended = place.here.deploy("1.2.0")
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert (ended.code, ended.outcome) == (ROLLED_BACK, "rolled_back")
        place.agree("1.0.0")


@pytest.mark.parametrize("recipe", everywhere("rollback by a person"), indirect=True)
def test_a_person_goes_back_and_the_environment_is_halted(tmp_path: Path, recipe: Recipe, seen: list[str]) -> None:
    with recipe.place(tmp_path) as place:
        place.first()
        assert place.here.deploy("1.1.0").code == HEALTHY
        ended = place.here.rollback()
        seen.append(f"{ended.told}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        place.agree("1.0.0")
        held = place.here.deploy("1.1.0", "--automatic")
        assert (held.code, held.outcome) == (HEALTHY, "held")


MOMENTS = {
    "waiting": ("1.1.0", {"1.0.0"}),
    "changing": ("1.1.0", {"1.0.0", "1.1.0"}),
    "verifying": ("1.1.0", {"1.0.0", "1.1.0"}),
    "baking": ("1.1.0", {"1.0.0", "1.1.0"}),
    "rolling back": ("1.2.0", {"1.0.0"}),
}
"""When the tool is killed, in the words of the ledger; what it was about to bring; and what may be live afterwards."""


@pytest.mark.parametrize(
    "recipe, moment",
    [one for moment in MOMENTS for one in everywhere(f"killed at: {moment}, then reconcile", moment)],
    indirect=["recipe"],
)
def test_reconcile_finishes_what_a_killed_run_left(
    tmp_path: Path, recipe: Recipe, moment: str, seen: list[str]
) -> None:
    version, allowed = MOMENTS[moment]
    with recipe.place(tmp_path, Wrong.OLD_ANSWERS) as place:
        place.first()
        place.here.killed_at(moment, "deploy", version, "-e", "production", "--here")
        ended = place.here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {place.here.story()[-1]}")
        place.settle()
        [name] = [one.name for one in GOOD if place.here.live() == place.here.commit(one.name)]
        assert name in allowed
        place.agree(name)


@pytest.mark.parametrize(
    "recipe, moment",
    [one for at in ("changing", "baking") for one in everywhere(f"node or daemon restarted at: {at}", at)],
    indirect=["recipe"],
)
def test_a_restart_in_mid_deployment_ends_in_agreement(
    tmp_path: Path, recipe: Recipe, moment: str, seen: list[str]
) -> None:
    with recipe.place(tmp_path) as place:
        place.first()
        ended = place.here.when(moment, place.restart, "deploy", "1.1.0", "-e", "production", "--here")
        seen.append(f"{ended.told}, exit code {ended.code}")
        assert ended.code in {HEALTHY, ROLLED_BACK}
        place.agree("1.1.0" if ended.code == HEALTHY else "1.0.0")


@pytest.mark.parametrize(
    "recipe, given",
    [one for how in ("missing", "expired") for one in everywhere(f"credentials {how}", how == "expired")],
    indirect=["recipe"],
)
def test_without_credentials_nothing_is_changed(tmp_path: Path, recipe: Recipe, given: bool, seen: list[str]) -> None:
    with recipe.place(tmp_path) as place:
        place.first()
        before = place.state()
        ended = place.here.deploy("1.1.0", **(place.expired() if given else {recipe.secret: ""}))
        seen.append(f"exit code {ended.code}, {ended.told}")
        assert place.state() == before
        place.refused(ended)


@pytest.mark.parametrize("recipe", everywhere(IMAGE_GONE), indirect=True)
def test_a_rollback_without_its_image_is_an_incident(tmp_path: Path, recipe: Recipe, seen: list[str]) -> None:
    with recipe.place(tmp_path, Wrong.OLD_ANSWERS) as place:
        place.first()
        asked = ("deploy", "1.2.0", "-e", "production", "--here")
        ended = place.here.when("verifying", lambda: place.forget("1.0.0"), *asked)
        seen.append(f"exit code {ended.code}, {ended.told}")
        assert ended.code == LOST
