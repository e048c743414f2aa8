"""Whoever has the workflows of 1.3 is moved over in one change, and nothing of theirs is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_tool.config.read import parse
from release_tool.setup import files as scaffold
from release_tool.setup.old_set import find
from tests.adoption import SOURCE
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shop import Result, Shop

OLD_SET = Path(__file__).parent / "old_set"
FILES = {str(path.relative_to(OLD_SET)): path.read_text() for path in OLD_SET.rglob("*") if path.is_file()}
GONE = {
    *(f".github/actions/release-tool/{name}" for name in ("action.yml", "install.sh", "requirements.txt", "uv.txt")),
    *(
        f"{scaffold.WORKFLOWS}/{name}.yml"
        for name in ("release", "publish", "cloud-sync", "cloud-advance", "deploy", "dashboard", "pr-policy")
    ),
}
MINE = tuple(f"{scaffold.WORKFLOWS}/{name}.yml" for name in ("build", "cloud-tests", "pr-checks"))
BADGE = "[![release](https://github.com/acme/shop/actions/workflows/release.yml/badge.svg)](x)\n"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Shop]:
    """A repository that was set up by 1.3, with a build that pushes an image."""
    with shop(tmp_path, {"tag": "v1.2.3"}, files=FILES | {"README.md": BADGE, "deploy.sh": "#!/bin/sh\n"}) as made:
        yield made


def init(of: Shop, *args: str) -> Result:
    return of.run("init", "--source", SOURCE, "--yes", *args)


def tracked(of: Shop) -> set[str]:
    of.git("add", "--all")
    return set(of.git("ls-files").splitlines())


def test_the_old_set_is_replaced_in_one_change_and_what_is_the_users_stays(old: Shop) -> None:
    result = init(old)
    assert result.code == 0, result.err
    left = tracked(old)
    assert left & GONE == set()
    assert {scaffold.RELEASE, scaffold.POLICY, scaffold.DEPLOY, scaffold.LOOK, scaffold.RELEASING} <= left
    for path in (*MINE, scaffold.DEPLOY_SETUP):
        assert (old.clone / path).read_text() == FILES[path]
    assert init(old).out == "everything is up to date\n"


def test_the_users_build_and_tests_are_called_as_before(old: Shop) -> None:
    init(old)
    found = parse((old.clone / "release-tool.toml").read_text(), "release-tool.toml")
    assert (found.build.workflow, found.tests.workflow) == MINE[:2]
    release = (old.clone / scaffold.RELEASE).read_text()
    assert release.count("uses: ./.github/workflows/build.yml") == 2  # for a release, and for a candidate
    assert "uses: ./.github/workflows/cloud-tests.yml" in release


def test_what_only_a_person_can_move_over_is_named(old: Shop) -> None:
    out = init(old).out
    assert "Declare `REGISTRY_TOKEN: {required: false}`" in out
    assert "README.md names release.yml, which does not exist any more" in out
    assert "trusted publishers" in out


def test_secrets_that_a_build_declares_and_rights_that_it_asks_go_along(old: Shop) -> None:
    path = old.clone / MINE[0]
    declared = path.read_text().replace(
        "  workflow_call:\n", "  workflow_call:\n    secrets:\n      REGISTRY_TOKEN:\n        required: false\n"
    )
    path.write_text(declared.replace("      contents: read", "      packages: write\n      contents: read"))
    assert init(old).code == 0
    found = parse((old.clone / "release-tool.toml").read_text(), "release-tool.toml")
    assert (found.build.secrets, found.build.permissions) == (("REGISTRY_TOKEN",), {"packages": "write"})
    release = (old.clone / scaffold.RELEASE).read_text()
    assert "      REGISTRY_TOKEN: ${{ secrets.REGISTRY_TOKEN }}\n" in release
    assert "RELEASE_SECRET_REGISTRY_TOKEN: ${{ secrets.REGISTRY_TOKEN != '' }}" in release


def test_an_edited_file_that_would_go_on_to_release_is_refused(old: Shop) -> None:
    path = old.clone / scaffold.WORKFLOWS / "release.yml"
    path.write_text(path.read_text() + "# mine\n")
    result = init(old)
    assert result.code == 3
    assert "release.yml was edited, and would still make releases beside the new workflows" in result.err
    assert (old.clone / scaffold.WORKFLOWS / "publish.yml").exists()
    assert not (old.clone / scaffold.RELEASE).exists()


def test_an_edited_file_that_starts_nothing_is_left_and_named(old: Shop) -> None:
    path = old.clone / scaffold.WORKFLOWS / "publish.yml"
    path.write_text(path.read_text() + "# mine\n")
    assert "Remove .github/workflows/publish.yml when you no longer need" in init(old).out
    assert path.read_text().endswith("# mine\n")


def test_the_change_can_be_read_first_and_applied_by_git(old: Shop) -> None:
    patch = old.run("init", "--source", SOURCE, "--dry-run").out
    subprocess.run(["git", "apply"], cwd=old.clone, input=patch, text=True, check=True)
    assert tracked(old) & GONE == set()


def test_a_strangers_workflows_of_the_same_names_are_nothing_of_ours() -> None:
    theirs = {f"{scaffold.WORKFLOWS}/{name}.yml": "on: push\n" for name in ("release", "publish", "deploy", "build")}
    found = find(theirs)
    assert (found.removed, found.stuck, found.build.workflow) == ((), (), "")


def test_mending_puts_no_second_set_beside_the_old_one(old: Shop) -> None:
    old.run("doctor", "--fix")
    assert not (old.clone / scaffold.RELEASE).exists()
    assert "release-tool init" in old.run("doctor").out
