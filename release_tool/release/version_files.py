"""Files in which a project writes its own version: nothing is pushed to its branch, so its build has to set them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATHS = ("pyproject.toml", "Cargo.toml", "package.json")
BUILD = ".github/workflows/release-tool.yml"
BUILDS = (BUILD, ".github/workflows/build.yml", "Makefile")
"""What tells whether a build sets the version."""

_UV = 'pipx run uv version --frozen "$RELEASE_VERSION"'
_POETRY = 'pipx run poetry version "$RELEASE_VERSION"'
_NPM = 'npm version --no-git-tag-version --allow-same-version "$RELEASE_VERSION"'
_CARGO = r'sed -i "0,/^version = .*/s//version = \"$RELEASE_VERSION\"/" Cargo.toml && cargo update --workspace'
_SETS = {
    "pyproject.toml": r"\b(?:uv|hatch|poetry|pdm) version\b|pyproject\.toml",
    "Cargo.toml": r"\bcargo set-version\b|Cargo\.toml",
    "package.json": r"\b(?:npm|pnpm|yarn) (?:version|pkg set version)\b|package\.json",
}
_VERSION_USED = re.compile(r"\$\{?RELEASE_VERSION\b|\$\(RELEASE_VERSION\)")


class VersionFile(msgspec.Struct, frozen=True):
    """A file that has a version written into it, and the line of shell that sets it in a build."""

    path: str
    version: str
    command: str


def version_files(texts: Mapping[str, str]) -> tuple[VersionFile, ...]:
    """The files, by their path at the top, that have a version of their own instead of the tag's."""
    return tuple(_written(texts))


def unset(texts: Mapping[str, str]) -> tuple[VersionFile, ...]:
    """Those of them that no build sets, as far as its own files tell; `texts` has these, too."""
    builds = "\n".join(texts.get(path, "") for path in BUILDS)
    if _VERSION_USED.search(builds):
        return ()
    return tuple(file for file in version_files(texts) if not re.search(_SETS[file.path], builds))


def _written(texts: Mapping[str, str]) -> Iterator[VersionFile]:
    python = _toml(texts.get("pyproject.toml", ""))
    poetry = _table(python, "tool", "poetry")
    if version := _text(_table(python, "project").get("version")):
        yield VersionFile("pyproject.toml", version, _UV)
    elif (version := _text(poetry.get("version"))) and not _table(python, "tool", "poetry-dynamic-versioning"):
        yield VersionFile("pyproject.toml", version, _POETRY)
    rust = _toml(texts.get("Cargo.toml", ""))
    for table in (_table(rust, "package"), _table(rust, "workspace", "package")):
        if version := _text(table.get("version")):
            yield VersionFile("Cargo.toml", version, _CARGO)
            break
    node = _json(texts.get("package.json", ""))
    if (version := _text(node.get("version"))) and node.get("private") is not True:
        yield VersionFile("package.json", version, _NPM)


def _toml(text: str) -> dict[str, object]:
    import tomllib  # most looks find no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _json(text: str) -> dict[str, object]:
    try:
        read = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _table(table: Mapping[str, object], *names: str) -> dict[str, object]:
    at: object = table
    for name in names:
        at = at.get(name) if isinstance(at, dict) else None
    return at if isinstance(at, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
