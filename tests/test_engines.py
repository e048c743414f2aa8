"""What `make engines` builds and writes, as far as it can be seen without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines import room, rows
from tests.engines.place import RECIPES
from tests.engines.programs import CLUSTER, KUBERNETES, PROGRAMS
from tests.engines.project import BAKE, DEFAULT_BAKE, adapted, recipe_files

if TYPE_CHECKING:
    from pathlib import Path

ROW = rows.Row("kubectl", "crash | loop", "ok", "rolled back\nin 9 s", 12, "Kubernetes", "2026-01-05")


def test_every_program_of_a_cluster_is_of_the_version_that_its_module_is_locked_to() -> None:
    assert {program.version for program in CLUSTER} == {KUBERNETES}
    for program in PROGRAMS:
        assert f" {program.version}\n" in (program.directory / "go.mod").read_text()
        assert (program.directory / "go.sum").stat().st_size


def test_a_row_stays_one_row_whatever_was_seen() -> None:
    [_, _, line] = rows.table([ROW]).splitlines()
    assert line == r"| kubectl | crash \| loop | ok | rolled back in 9 s | 12 s | Kubernetes | 2026-01-05 |"


def test_a_run_replaces_its_own_row_and_keeps_the_others(tmp_path: Path) -> None:
    rows.keep(ROW, tmp_path, "one")
    rows.keep(ROW, tmp_path, "two")
    again = rows.Row("kubectl", "crash loop", "red", "", 0, "Kubernetes", "2026-01-06")
    rows.keep(again, tmp_path, "one")
    assert rows.kept(tmp_path) == (again, ROW)


def test_the_table_is_written_between_its_marks() -> None:
    text = f"before\n{rows.BEGIN}old\n{rows.END}\nafter\n"
    assert rows.written_into(text, [ROW]) == f"before\n{rows.BEGIN}{rows.table([ROW])}{rows.END}\nafter\n"


@pytest.mark.parametrize("recipe", ["compose-ssh", "kubectl"])
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


@pytest.mark.skip(reason="every recipe on its real engine: make engines")
def test_the_recipes_on_real_engines() -> None:
    """Named here, because none of them is collected elsewhere."""
