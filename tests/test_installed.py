"""However the tool was installed, it works in a fresh clone of another project."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.shop import Shop

ROOT = Path(__file__).parent.parent
PYTHON = Path(sys.executable)
UV = PYTHON.with_name("uv")
LIBRARIES = Path(pytest.__file__).parents[1]
CODES = {0, 3, 5}
"""How a command ends that did its work: well, refused, or with something left for a person."""


def git(directory: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository as it is now, what is not committed yet included, at a tag of its own."""
    place = tmp_path_factory.mktemp("checkout") / "release-tool"
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(place))
    for name in git(ROOT, "ls-files", "--modified", "--others", "--exclude-standard").splitlines():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            (place / name).write_bytes((ROOT / name).read_bytes())
        else:
            (place / name).unlink()
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    git(place, "add", "--all")
    git(place, *who, "commit", "--quiet", "--allow-empty", "--message", "As it is")
    git(place, *who, "tag", "--annotate", "v87.6.5", "--message", "A release")
    git(place, "remote", "remove", "origin")
    return place


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of that clone, built once."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [PYTHON, "-m", "build", "--no-isolation", "--wheel", "--outdir", place, checkout],
        check=True,
        capture_output=True,
    )
    (built,) = place.iterdir()
    return built


def from_wheel(_checkout: Path, wheel: Path, _folder: Path) -> str:
    return str(wheel)


def from_folder(checkout: Path, _wheel: Path, _folder: Path) -> str:
    return str(checkout)


def from_git(checkout: Path, _wheel: Path, _folder: Path) -> str:
    return f"git+{checkout.as_uri()}"


def from_archive(checkout: Path, _wheel: Path, folder: Path) -> str:
    """What GitHub unpacks for an action: every file of a commit, and no repository."""
    git(checkout, "archive", "--output", str(folder / "archive.tar"), "HEAD")
    with tarfile.open(folder / "archive.tar") as archive:
        archive.extractall(folder / "archive", filter="data")
    return str(folder / "archive")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    feature: dict[str, object] = {
        "pull": 1,
        "title": "Search",
        "labels": ["feature"],
        "author": "ada",
        "files": {"s": "1"},
    }
    with shop(tmp_path, {"tag": "v1.2.3"}, feature) as made:
        yield made


# uv and pip write the same down of where something came from (PEP 610); `pipx` and `uv tool` call them.
@pytest.mark.parametrize("way", [from_wheel, from_folder, from_git, from_archive])
def test_every_command_of_the_first_ten_minutes_works(
    tmp_path: Path, checkout: Path, wheel: Path, project: Shop, way: Callable[[Path, Path, Path], str]
) -> None:
    environment = tmp_path / "environment"
    subprocess.run([UV, "venv", "--quiet", "--offline", "--python", PYTHON, environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{LIBRARIES}\n")  # what it needs is there, as nothing is downloaded here
    installing = [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python"]
    subprocess.run([*installing, environment, way(checkout, wheel, tmp_path)], check=True)

    def run(*args: str) -> str:
        done = subprocess.run(
            [environment / "bin" / "release-tool", *args],
            cwd=project.clone,
            env=os.environ | project.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in CODES, done.stderr
        return done.stdout + done.stderr

    commit = git(checkout, "rev-parse", "HEAD")
    assert run("--version") == "release-tool 87.6.5\n"
    assert "v1.3.0 is next" in run("plan")
    assert "What would happen" in run("rehearse")
    assert "writing .github/workflows/release-tool.yml" in run("init", "--yes")
    workflow = (project.clone / ".github/workflows/release-tool.yml").read_text(encoding="utf-8")
    assert any(f"uses: OWNER/release-tool@{named} # v87.6.5" in workflow for named in (commit, "v87.6.5"))
    assert run("doctor")


def test_the_action_runs_the_archive_of_a_commit_as_it_lies_there(checkout: Path, tmp_path: Path) -> None:
    """With what is installed beside it, and without having been installed itself."""
    git(checkout, "archive", "--output", str(tmp_path / "archive.tar"), "HEAD")
    place, beside = tmp_path / "unpacked", tmp_path / "beside"
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archive.extractall(place, filter="data")
    beside.mkdir()
    for library in LIBRARIES.iterdir():
        if "release_tool" not in library.name and library.suffix != ".pth":
            (beside / library.name).symlink_to(library)
    told = {}
    for command in ("--version", "init --help", "deploy --help"):
        env = os.environ | {"PYTHONPATH": f"{place}{os.pathsep}{beside}", "RELEASE_TOOL_RUN": command}
        argv = [str(PYTHON), "-P", "-S", "-m", "release_tool.cli.action"]
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        told[command] = done.stdout
    assert told["--version"] == "release-tool 87.6.5\n"
    assert "Usage: release-tool deploy" in told["deploy --help"]
