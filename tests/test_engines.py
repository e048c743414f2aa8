"""What `make engines` builds and writes, as far as it can be seen without an engine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.engines import room, rows
from tests.engines.on_docker import Compose
from tests.engines.on_kubernetes import Helm, Kubectl
from tests.engines.on_systemd import Systemd
from tests.engines.place import LANES, RECIPES, REPORT, REPOSITORY
from tests.engines.programs import CLUSTER, KUBERNETES, PROGRAMS
from tests.engines.project import BAKE, DEFAULT_BAKE, adapted, recipe_files
from tests.engines.recipe import IMAGE_GONE, Wrong

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.recipe import Recipe

CASE = rows.Case("kubectl", "crash | loop", "Kubernetes")
ROW = rows.Row(CASE, "ok", "rolled back\nin 9 s", 12, "2026-01-05")


def test_every_program_of_a_cluster_is_of_the_version_that_its_module_is_locked_to() -> None:
    assert {program.version for program in CLUSTER} == {KUBERNETES}
    for program in PROGRAMS:
        assert f" {program.version}\n" in (program.directory / "go.mod").read_text()
        assert (program.directory / "go.sum").stat().st_size


def test_a_row_stays_one_row_whatever_was_seen() -> None:
    [_, _, line] = rows.table([ROW]).splitlines()
    assert line == r"| kubectl | crash \| loop | ok | rolled back in 9 s | 12 s | Kubernetes | 2026-01-05 |"


def test_a_run_replaces_the_row_of_a_case_and_keeps_the_others(tmp_path: Path) -> None:
    other = rows.Case("compose-ssh", "crash loop", "Docker")
    again = rows.Row(CASE, "**red**", "", 0, "2026-01-06")
    rows.keep(ROW, tmp_path)
    rows.keep(rows.Row(other, "ok", ""), tmp_path)
    rows.keep(again, tmp_path)
    assert rows.of_all({CASE: "", other: ""}, tmp_path) == (rows.Row(other, "ok", ""), again)


def test_a_case_that_never_ran_is_a_row_too_and_one_that_is_no_more_is_none(tmp_path: Path) -> None:
    rows.keep(rows.Row(rows.Case("kubectl", "an old case", "Kubernetes"), "ok", ""), tmp_path)
    assert rows.of_all({CASE: "it has no image"}, tmp_path) == (rows.Row(CASE, "not run", "it has no image"),)


@pytest.mark.parametrize("what", ["table", "road"])
def test_what_a_run_writes_has_its_place_in_the_document(what: str) -> None:
    text = REPORT.read_text()
    written = rows.written_into(text, what, "new\n")
    assert "new\n<!-- end -->" in written
    assert rows.written_into(written, what, "new\n") == written


@pytest.mark.parametrize("recipe", [Compose, Systemd, Kubectl, Helm])
def test_a_case_that_a_recipe_lacks_is_one_of_the_cases(recipe: type[Recipe]) -> None:
    assert set(recipe.lacks) <= {IMAGE_GONE, *(wrong.value for wrong in Wrong)}
    assert all(recipe.lacks.values())


@pytest.mark.parametrize("recipe", ["compose-ssh", "kubectl", "kubectl-canary"])
def test_a_case_runs_the_very_files_of_its_recipe(recipe: str) -> None:
    files = recipe_files(recipe)
    assert files["deploy.sh"] == (RECIPES / recipe / "deploy.sh").read_text()
    assert "README.md" not in files
    assert f'bake = "{BAKE}"' in adapted(recipe, "http://shop")
    assert (
        adapted(recipe, "https://app.example.com", DEFAULT_BAKE) == (RECIPES / recipe / "release-tool.toml").read_text()
    )


def test_what_is_started_ends_with_who_started_it() -> None:
    entrance = room.entrance("true")
    assert entrance[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert {"--kill-child", "--pid", "--net", "--mount"} < set(entrance)


def test_a_room_has_the_names_of_the_recipes_on_loopback() -> None:
    assert all(address.startswith("127.") for address in room.MACHINES.values())


def test_a_room_has_the_cases_of_its_own_recipe() -> None:
    ask = (sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", "tests/engines")
    room = os.environ | {"ENGINES_ROOM": "entered", "ENGINES_LANE": "helm"}
    done = subprocess.run(ask, cwd=REPOSITORY, env=room, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert {one for one in LANES if f"[{one}-{Wrong.CRASHES.value}]" in done.stdout} == {"helm"}


@pytest.mark.skip(reason="every recipe on its real engine: make engines")
def test_the_recipes_on_real_engines() -> None:
    """Named here, because none of them is collected elsewhere."""
