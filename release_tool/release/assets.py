"""What is published beside the notes: the given files, their checksums, and a manifest that names everything built."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError, UsageError
from release_tool.history.references import MANIFEST, REFERENCE, ImageReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from release_tool.release.plan import ReleasePlan

CHECKSUMS = "SHA256SUMS"
FULL_NOTES = "RELEASE_NOTES.md"
REFERENCES = "release-references.txt"
"""The file in which a build tells what it built besides files, one `NAME=REF@DIGEST` a line; it is not published."""

_OURS = frozenset({CHECKSUMS, MANIFEST, FULL_NOTES})
_RENAMED = re.compile(r"[^A-Za-z0-9._+@~-]+")
"""GitHub renames an asset that has other characters in its name; we do it first, so that the name is known."""

_LONGEST_REFERENCE = 140
"""The characters that GitHub keeps of what stands beside the name in a commit's status."""


class Asset(msgspec.Struct, frozen=True):
    """A file to publish, under the name that it has on GitHub; the digest is `sha256:` and 64 hexadecimal digits."""

    name: str
    path: Path
    size: int
    digest: str


class _File(msgspec.Struct, frozen=True):
    name: str
    size: int
    digest: str


class _Manifest(msgspec.Struct, frozen=True):
    schema: int
    tag: str
    version: str
    commit: str
    files: tuple[_File, ...]
    references: tuple[ImageReference, ...]


def collect(paths: Iterable[Path]) -> tuple[Asset, ...]:
    """Read the files to publish; raises UsageError for one that is missing, empty, no file, or there twice."""
    assets: dict[str, Asset] = {}
    for path in paths:
        if path.name == REFERENCES:
            continue
        asset = _read(path)
        if asset.name in assets or asset.name in _OURS:
            twice = "is made by release-tool itself" if asset.name in _OURS else f"is {assets[asset.name].path} as well"
            raise _unusable(path, f"would be published as {asset.name!r}, which {twice}")
        assets[asset.name] = asset
    return tuple(assets.values())


def insist_on_references(promised: Iterable[str], given: Iterable[ImageReference]) -> None:
    """Raise RefusedError where something that the configuration promises was not built."""
    missing = sorted(set(promised) - {reference.name for reference in given})
    if missing:
        raise RefusedError(
            f"the build told no reference of {', '.join(missing)}, which `build.references` promises",
            already="nothing was written",
            todo=f"write `NAME=REF@DIGEST` into dist/{REFERENCES}; GitHub drops outputs that contain a secret's value",
        )


def parse_references(values: Iterable[str]) -> tuple[ImageReference, ...]:
    """Read `NAME=REF@sha256:…` values, of which one may hold several lines; raises UsageError for another form.

    A value such as `@FILE` stands for what is in that file.
    """
    found: dict[str, ImageReference] = {}
    for line in (line.strip() for value in values for line in _told(value).splitlines()):
        match = REFERENCE.fullmatch(line)
        if line and match is None:
            raise UsageError(
                f"--reference {line!r} is not of the form NAME=REF@DIGEST",
                already="nothing was written",
                todo="give it as `web=ghcr.io/acme/shop@sha256:…`, with the digest that the registry told",
            )
        if match and len(match["reference"]) > _LONGEST_REFERENCE:
            raise UsageError(
                f"--reference {line!r} is too long: GitHub keeps {_LONGEST_REFERENCE} characters of it on the commit",
                already="nothing was written",
                todo="push it under a shorter name",
            )
        if match:
            reference = ImageReference(match["name"], match["reference"])
            if found.setdefault(reference.name, reference) != reference:
                raise UsageError(f"--reference names {reference.name!r} twice", todo="give each name once")
    return tuple(found.values())


def references_among(paths: Iterable[Path]) -> tuple[str, ...]:
    """What a build told of what it built besides files, in the file among its files that is for that."""
    return tuple(f"@{path}" for path in paths if path.name == REFERENCES)


def _told(value: str) -> str:
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--reference {value!r}: the file can't be read: {error}",
            already="nothing was written",
            todo=f"let the build write what it built into dist/{REFERENCES}, one NAME=REF@DIGEST a line",
        ) from error


def with_records(
    assets: Sequence[Asset], references: Sequence[ImageReference], plan: ReleasePlan, directory: Path
) -> tuple[Asset, ...]:
    """Add the manifest and the checksums of everything to the assets; a release of nothing gets neither."""
    if not assets and not references:
        return ()
    manifest = _Manifest(
        1,
        str(plan.tag),
        str(plan.version),
        plan.sha,
        tuple(_File(asset.name, asset.size, asset.digest) for asset in assets),
        tuple(references),
    )
    written = _write(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    listed = [*assets, written]
    lines = [f"{asset.digest.removeprefix('sha256:')}  {asset.name}\n" for asset in listed]
    return (*listed, _write(directory / CHECKSUMS, "".join(lines).encode()))


def full_notes(text: str, directory: Path) -> Asset:
    """Make an asset of notes that are too long for a release."""
    return _write(directory / FULL_NOTES, text.encode())


def digest_of(path: Path) -> str:
    """Hash a file as GitHub does."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _read(path: Path) -> Asset:
    try:
        if path.is_symlink():
            raise _unusable(path, "is a symbolic link, which may lead to what nobody meant to publish")
        if not path.exists():
            raise _unusable(path, "does not exist")
        if not path.is_file():
            raise _unusable(path, "is not a file")
        size = path.stat().st_size
        if size == 0:
            raise _unusable(path, "is empty")
        digest = digest_of(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have that name"
        raise _unusable(path, f"can't be read: {why}") from error
    return Asset(_RENAMED.sub(".", path.name), path, size, digest)


def _write(path: Path, content: bytes) -> Asset:
    path.write_bytes(content)
    return Asset(path.name, path, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"asset {str(path)!r} {why}",
        during="reading the files to publish",
        already="nothing was written",
        todo="build the files again, or name the right ones",
    )
