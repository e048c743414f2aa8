"""Nine projects of different kinds adopt the tool: what they get is few, sound and whole, and nothing of theirs moves.

The files are those that tell of well-known repositories: their own `release.yml`, several packages, publishing on tags.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.read import parse
from tests import forkserver
from tests.adoption import SOURCE
from tests.workflow_rights import breaches_of_rights
from tests.workflow_rules import breaches_of_workflow, read_workflow

if TYPE_CHECKING:
    from tests.forkserver import Ended

W = ".github/workflows"
ROAD = ("--cloud", "cloud", "--recipe", "compose-ssh", "--url", "https://shop.test")
LOCAL = {"GITHUB_TOKEN": "", "GH_TOKEN": "", "GIT_CONFIG_GLOBAL": os.devnull}
PATH = os.pathsep.join(place for place in os.environ["PATH"].split(os.pathsep) if not (Path(place) / "gh").exists())


def job(run: str, *, on: str = "push", name: str = "all") -> str:
    """A small workflow of somebody's."""
    return f"on: {on}\njobs:\n  {name}:\n    runs-on: ubuntu-latest\n    steps:\n      - {run}\n"


TESTS = job("run: make test", on="pull_request")
ON_TAGS = 'on:\n  push:\n    tags: ["*"]\njobs:\n  publish:\n    runs-on: ubuntu-latest\n    steps:\n      - '


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A project as its files tell it: what it is built with, what competes, and which tests it has."""

    files: dict[str, str]
    tags: tuple[str, ...] = ("v1.2.3",)
    built: str
    competes: tuple[str, ...] = ()
    by_tags: str = ""
    tested_by: str = ""
    prefix: str = ""


KINDS = {
    "a Python library, published on tags": Kind(  # as flask
        files={
            "pyproject.toml": '[project]\nname = "x"\nversion = "3.2.0.dev"\n[build-system]\n[tool.tox]\n',
            f"{W}/publish.yaml": ON_TAGS + "run: gh release create --draft $GITHUB_REF_NAME dist/*\n",
            f"{W}/tests.yaml": TESTS,
        },
        tags=("3.1.0", "3.1.1"),
        built="Python",
        competes=("GitHub releases",),
        by_tags=f"{W}/publish.yaml",
        tested_by=f"{W}/tests.yaml",
    ),
    "a Python program with a release.yml of its own": Kind(  # as pip
        files={
            "pyproject.toml": '[project]\nname = "x"\ndynamic = ["version"]\n[build-system]\n[tool.pytest]\n',
            "noxfile.py": "",
            f"{W}/release.yml": ON_TAGS + "uses: pypa/gh-action-pypi-publish@release/v1\n",
            f"{W}/ci.yml": TESTS.replace("make test", "pipx run nox -- pytest"),
        },
        tags=("26.0", "26.1"),
        built="Python",
        by_tags=f"{W}/release.yml",
        tested_by=f"{W}/ci.yml",
    ),
    "Rust inside of Python, with build and publish and release": Kind(  # as ruff
        files={
            "pyproject.toml": '[project]\nname = "x"\nversion = "0.15.0"\n[build-system]\n[tool.pytest]\n',
            "Cargo.toml": "[workspace]\n",
            f"{W}/build.yml": job("run: cargo build", on="workflow_call"),
            f"{W}/publish.yml": job("run: uv publish", on="workflow_call"),
            f"{W}/release.yml": job("run: dist host --steps=upload", on="workflow_dispatch"),
            f"{W}/ci.yaml": TESTS.replace("make test", "cargo nextest run"),
        },
        tags=("0.14.0", "0.15.0"),
        built="Python",
        competes=("cargo-dist",),
        tested_by=f"{W}/ci.yaml",
    ),
    "Node with a build.yml that tests and releases": Kind(  # as renovate
        files={
            "package.json": '{"version": "0.0.0-semantic-release", "scripts": {"test": "x"}}',
            "pnpm-lock.yaml": "",
            "pyproject.toml": '[project]\nname = "docs"\n[tool.uv]\npackage = false\n',
            ".releaserc.json": "{}",
            f"{W}/build.yml": TESTS.replace("on: pull_request", "on: [push, pull_request]").replace("make", "pnpm")
            + '      - run: pnpm semantic-release --dry-run "$DRY_RUN"\n',
        },
        tags=("42.0.0",),
        built="Node.js",
        competes=("semantic-release",),
        tested_by=f"{W}/build.yml",
    ),
    "several Go modules in one repository": Kind(  # as moby
        files={
            "go.mod": "module example.com/x\n",
            "cmd/dockerd/main.go": "package main\n",
            "Makefile": "build:\n\ttrue\ntest:\n\ttrue\n",
            f"{W}/test.yml": TESTS,
        },
        tags=("docker-v29.7.1", "docker-v29.7.2", "api/v1.54.0", "api/v1.55.0", "client/v0.5.0", "client/v0.5.1"),
        built="Go",
        tested_by=f"{W}/test.yml",
        prefix="docker-v",
    ),
    "a Go library": Kind(  # as cobra
        files={
            "go.mod": "module example.com/x\n",
            "x.go": "package x\n",
            "Makefile": "test:\n\tgo test ./...\nrichtest:\n\tgo test ./...\n",
            f"{W}/test.yml": TESTS.replace("make test", "make richtest"),
        },
        built="Go, a library",
        tested_by=f"{W}/test.yml",
    ),
    "a Rust program that one workflow tests and publishes": Kind(  # as bat
        files={
            "Cargo.toml": '[package]\nname = "x"\nversion = "0.26.1"\n',
            "Cargo.lock": "",
            "src/main.rs": "fn main() {}\n",
            f"{W}/CICD.yml": 'on:\n  pull_request:\n  push:\n    tags: ["*"]\n'
            + TESTS.partition("\n")[2].replace("make test", "cargo test")
            + "      - uses: softprops/action-gh-release@v2\n        if: steps.is-release.outputs.IS_RELEASE\n",
        },
        built="Rust",
        competes=("GitHub releases",),
        by_tags=f"{W}/CICD.yml",
        tested_by=f"{W}/CICD.yml",
    ),
    "several packages of npm": Kind(  # as changesets
        files={
            "package.json": '{"private": true, "workspaces": ["packages/*"], "scripts": {"test": "x"}}',
            ".changeset/config.json": "{}",
            f"{W}/publish.yml": job("uses: changesets/action@v1"),
            f"{W}/ci.yml": TESTS.replace("make", "yarn"),
        },
        tags=("@x/cli@3.0.0", "@x/cli@3.0.1", "@x/write@1.0.0", "@x/write@1.0.1"),
        built="Node.js",
        competes=("changesets",),
        tested_by=f"{W}/ci.yml",
        prefix="@x/cli@",
    ),
    "a plug-in that semantic-release releases, and a deploy.yml": Kind(  # as commit-analyzer
        files={
            "package.json": '{"version": "0.0.0-development", "scripts": {"test": "x"}, "release": {}}',
            "package-lock.json": "{}",
            f"{W}/release.yml": job("run: npx semantic-release"),
            f"{W}/deploy.yml": job("run: flyctl deploy"),
            f"{W}/test.yml": TESTS.replace("make", "npm"),
        },
        built="Node.js",
        competes=("Fly", "semantic-release"),
        tested_by=f"{W}/test.yml",
    ),
}


def begun(place: Path, kind: Kind, remote: str = "https://github.com/acme/shop.git") -> Path:
    """A clone of a project."""
    for path, text in kind.files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    for argv in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", remote],
        ["add", "--all"],
        [*identity, "commit", "--quiet", "--message=Begin"],
        *(["tag", tag] for tag in kind.tags),
    ):
        subprocess.run(["git", *argv], cwd=place, check=True)
    return place


def init(place: Path, *args: str) -> Ended:
    env = os.environ | LOCAL | {"PATH": PATH}
    return forkserver.run(["init", "--source", SOURCE, "--yes", *args], cwd=place, env=env)


def added(place: Path) -> list[str]:
    """What lies there besides what is committed; fails where something of theirs changed."""
    told = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=place, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(line.startswith("?? ") for line in told), told
    return [line[3:].strip('"') for line in told]


def lines(place: Path, paths: list[str]) -> int:
    """As `wc -l` counts; the script of a recipe is the recipe's."""
    return sum((place / path).read_bytes().count(b"\n") for path in paths)


def keeps_the_rules(place: Path, paths: list[str]) -> None:
    """The house's rules, and GitHub's for secrets and permissions, over what was written."""
    written = {path: (place / path).read_text() for path in paths if path.startswith(W)}
    read = {f"./{path}": read_workflow(text) for path, text in written.items()}
    assert [breach for text in written.values() for breach in breaches_of_workflow(text, read)] == []
    told = parse((place / "release-tool.toml").read_text(), "release-tool.toml")
    needed = {name for environment in told.environments.values() for name in environment.pass_env}
    assert list(breaches_of_rights(written, needed)) == []


def adopt(name: str, place: Path) -> None:
    """Set a project up twice: as a library, and then with all that there is."""
    kind = KINDS[name]
    begun(place, kind)
    if kind.prefix:
        refused = init(place)
        assert (refused.code, added(place)) == (3, []), name
        assert "releases a repository as one" in refused.err, name
        (place / "release-tool.toml").write_text(f'tag-prefix = "{kind.prefix}"\n')

    library = init(place)
    assert library.code == 0, library.err
    mine = added(place)
    assert len(mine) <= 3, name
    assert lines(place, mine) <= 200, name
    keeps_the_rules(place, mine)
    assert f"built with: {kind.built} (" in library.err, name
    assert tuple(re.findall(r"also releases or deploys: (.+), in .*\.ya?ml", library.err)) == kind.competes, name
    assert f"Let the last job of {kind.tested_by} be named `checks`" in library.out, name
    assert (f"{kind.by_tags} starts on a pushed tag" in library.out) is bool(kind.by_tags), name
    assert "both would deploy" not in library.out, name

    road = init(place, *ROAD)
    assert road.code == 0, road.err
    mine = [path for path in added(place) if not path.endswith(".sh")]
    assert len(mine) <= 8, name
    assert lines(place, mine) <= 700, name
    keeps_the_rules(place, mine)
    assert ("both would deploy" in road.out) is ("Fly" in kind.competes), name


def test_nine_projects_adopt_it_and_nothing_of_theirs_is_touched(tmp_path: Path) -> None:
    """One test, so that the two programs that look at all of it are started once."""
    places = [tmp_path / str(number) for number in range(len(KINDS))]
    for name, place in zip(KINDS, places, strict=True):
        place.mkdir()
        adopt(name, place)
    ours = [str(path) for place in places for path in sorted(place.glob(f"{W}/release-tool*.yml"))]
    assert len(ours) == 4 * len(KINDS)
    sound = ["zizmor", "--quiet", "--offline", "--pedantic", "--no-progress"]
    for program, *options in (["check-jsonschema", "--builtin-schema", "vendor.github-workflows"], sound):
        command = [str(Path(sys.executable).parent / program), *options, *ours]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_project_on_gitlab_is_refused_with_a_sentence(tmp_path: Path) -> None:
    place = begun(tmp_path, next(iter(KINDS.values())), "https://gitlab.com/acme/shop.git")
    refused = init(place)
    assert (refused.code, added(place)) == (3, [])
    assert "works with GitHub and its Actions only" in refused.err
