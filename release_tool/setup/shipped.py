"""The files that come with the tool and are written into other repositories: its own workflows and recipes."""

from __future__ import annotations

from pathlib import Path

from release_tool.errors import BugError
from release_tool.setup.files import ACTION, INSTALL, LOCK, RELEASING, UV, WORKFLOWS

_PACKAGE = Path(__file__).parent.parent
_FILES = {
    ACTION: ACTION,
    INSTALL: "install.sh",
    LOCK: "requirements/tool.txt",
    UV: "requirements/uv.txt",
    RELEASING: RELEASING,
    ".github/PULL_REQUEST_TEMPLATE.md": ".github/PULL_REQUEST_TEMPLATE.md",
    ".github/actions/deploy-setup/action.yml": ".github/actions/deploy-setup/action.yml",
}
"""Where a file goes, and where it comes from."""


def files() -> dict[str, str]:
    """The files of a repository that uses the tool, by their path there, as they are in the tool's own repository."""
    root = _root()
    workflows = {f"{WORKFLOWS}/{path.name}": path for path in sorted((root / WORKFLOWS).glob("*.yml"))}
    if not workflows:
        raise BugError("release-tool was installed without its workflows")
    others = {path: root / source for path, source in _FILES.items()}
    return {
        path: source.read_text(encoding="utf-8") for path, source in (workflows | others).items() if source.exists()
    }


def sources() -> tuple[Path, ...]:
    """Where the files come from, below the top of the tool's own repository."""
    return (Path(WORKFLOWS), Path("docs/recipes"), *map(Path, _FILES.values()))


def recipes() -> tuple[str, ...]:
    """The names of the recipes for deploying."""
    return tuple(sorted(path.parent.name for path in (_root() / "docs/recipes").glob("*/release-tool.toml")))


def recipe(name: str) -> dict[str, str]:
    """The files of a recipe by their path below it, its configuration among them."""
    place = _root() / "docs/recipes" / name
    return {
        str(path.relative_to(place)): path.read_text(encoding="utf-8")
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.suffix != ".md"
    }


def _root() -> Path:
    """Where the build put them, else the checkout that the tool runs from."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent
