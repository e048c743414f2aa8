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
RECORDS = frozenset({CHECKSUMS, MANIFEST, FULL_NOTES})
"""The files that are made here."""

MOST_FILES = 1000 - len(RECORDS)
"""How many files a release may have besides the records."""
TOO_LARGE = 2 * 1024**3
"""The bytes that no file of a release may reach."""

_SPECIAL = re.compile(r"[^A-Za-z0-9_+@-]+")
"""What GitHub replaces by one dot; it is replaced here first, so that two files never become one after the claim."""

_LONGEST_REFERENCE = 140
"""The characters that GitHub keeps of what stands beside the name in a commit's status."""


class File(msgspec.Struct, frozen=True):
    """A file of a release, under the name that it has on GitHub; the digest is `sha256:` and 64 hexadecimal digits."""

    name: str
    size: int
    digest: str


class Asset(File, frozen=True):
    """A file to publish; the label is the name that it was given, and shows on GitHub that the tool uploaded it."""

    path: Path
    label: str


class _Manifest(msgspec.Struct, frozen=True):
    schema: int
    tag: str
    version: str
    commit: str
    files: tuple[File, ...]
    references: tuple[ImageReference, ...]


def collect(paths: Iterable[Path]) -> tuple[Asset, ...]:
    """Read the files to publish; raises UsageError for what GitHub would not take, or not under a name of its own."""
    assets: dict[str, Asset] = {}
    for path in paths:
        if path.name == REFERENCES:
            continue
        if len(assets) == MOST_FILES:
            raise _unusable(path, f"is one too many: a release has at most {MOST_FILES} files besides the records")
        asset = _read(path)
        if asset.name in assets or asset.name in RECORDS:
            twice = (
                f"is {assets[asset.name].path} as well" if asset.name in assets else "is made by release-tool itself"
            )
            raise _unusable(path, f"would be published as {asset.name!r}, which {twice}")
        assets[asset.name] = asset
    return tuple(assets.values())


def insist_on_references(promised: Iterable[str], given: Iterable[ImageReference]) -> None:
    """Raise RefusedError where something that the configuration promises was not built."""
    missing = sorted(set(promised) - {reference.name for reference in given})
    if missing:
        raise RefusedError(
            f"the build reported no reference for {', '.join(missing)}, which `build.references` requires",
            already="nothing was written",
            todo=f"write `NAME=REF@DIGEST` into dist/{REFERENCES}; GitHub drops outputs that contain a secret's value",
        )


def parse_references(values: Iterable[str]) -> tuple[ImageReference, ...]:
    """Read `NAME=REF@sha256:…` values, of which one may hold several lines; raises UsageError for another form.

    A value such as `@FILE` stands for what is in that file; a build that told nothing has no release-references.txt.
    """
    found: dict[str, ImageReference] = {}
    for line in (line.strip() for value in values for line in _told(value).splitlines()):
        match = REFERENCE.fullmatch(line)
        if line and match is None:
            raise UsageError(
                f"--reference {line!r} is not of the form NAME=REF@DIGEST",
                already="nothing was written",
                todo="give it as `web=ghcr.io/acme/shop@sha256:…`, with the digest that the registry reported",
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
    path = Path(value[1:])
    if path.name == REFERENCES and not path.exists():
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--reference {value!r}: the file can't be read: {error}",
            already="nothing was written",
            todo=f"let the build write what it built into dist/{REFERENCES}, one NAME=REF@DIGEST a line",
        ) from error


def records(
    files: Sequence[File], references: Sequence[ImageReference], plan: ReleasePlan, directory: Path
) -> tuple[Asset, ...]:
    """Make the manifest and the checksums of everything that is published; a release of nothing gets neither."""
    if not files and not references:
        return ()
    listed = tuple(File(file.name, file.size, file.digest) for file in files)
    manifest = _Manifest(1, str(plan.tag), str(plan.version), plan.sha, listed, tuple(references))
    written = _write(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    lines = [f"{file.digest.removeprefix('sha256:')}  {file.name}\n" for file in (*listed, written)]
    return written, _write(directory / CHECKSUMS, "".join(lines).encode())


def full_notes(text: str, directory: Path) -> Asset:
    """Make an asset of notes that are too long for a release."""
    return _write(directory / FULL_NOTES, text.encode())


def digest_of(path: Path) -> str:
    """Hash a file as GitHub does."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _read(path: Path) -> Asset:
    try:
        size = _size(path)
        digest = digest_of(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have that name"
        raise _unusable(path, f"can't be read: {why}") from error
    label = path.name.encode(errors="replace").decode()
    return Asset(_name_on_github(path.name), size, digest, path, label)


def _size(path: Path) -> int:
    """How large a file is; raises UsageError where it is none that GitHub takes, without reading it."""
    if not path.exists():
        raise _unusable(path, "does not exist")
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise _unusable(path, "is a link that leads out of its folder")
    if not path.is_file():
        raise _unusable(path, "is not a file")
    size = path.stat().st_size
    if size == 0:
        raise _unusable(path, "is empty")
    if size >= TOO_LARGE:
        raise _unusable(path, "is too large: GitHub takes files below 2 GiB")
    return size


def _name_on_github(name: str) -> str:
    """A name that GitHub keeps as it is, and the one that it would give where it has a choice."""
    clean = _SPECIAL.sub(".", name).rstrip(".")
    return clean if clean and not clean.startswith(".") else f"default{clean}"


def _write(path: Path, content: bytes) -> Asset:
    path.write_bytes(content)
    return Asset(path.name, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}", path, path.name)


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"asset {str(path)!r} {why}",
        during="reading the files to publish",
        already="nothing was written",
        todo="build the files again, or name the right ones",
    )
