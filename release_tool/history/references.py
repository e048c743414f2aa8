"""What was built of a commit besides files: in the manifest of its release, else written on the commit itself."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.history.marks import CONTEXTS, marks_of
from release_tool.history.trust import Ignored
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.github.api import Release, ReleaseAsset
    from release_tool.history.marks import Marks
    from release_tool.project import Project

MANIFEST = "manifest.json"
"""The asset of a release that names everything built."""

REFERENCE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*)=(?P<reference>\S+@sha256:[0-9a-f]{64})", re.ASCII)
"""A reference as it is written in one line."""

_CONTEXT = f"{CONTEXTS}reference/"
_LARGEST = 10_000_000
"""Bytes of a manifest: far more than the thousand files of a release take."""


class ImageReference(msgspec.Struct, frozen=True):
    """Something built that is no file, such as a container image: its name and `REF@sha256:…`."""

    name: str
    reference: str


class References(msgspec.Struct, frozen=True):
    """What was built of a commit, each name with its digest, and the records that say otherwise."""

    known: dict[str, str]
    ignored: tuple[Ignored, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """The part of a release's manifest that a deployment needs."""

    schema: int
    tag: str
    commit: str
    references: tuple[ImageReference, ...] = ()


def record(project: Project, commit: str, references: Iterable[ImageReference]) -> None:
    """Write references on the commit that they were built from; twice is the same as once."""
    wanted = {reference.name: reference.reference for reference in references}
    known = _on_commit(marks_of(project, commit)) if wanted else {}
    for name, reference in wanted.items():
        if known.get(name) != reference:
            project.remote.create_status(commit, f"{_CONTEXT}{name}", "success", reference)


def references_of(commit: str, marks: Marks, manifest: Manifest | None) -> References:
    """The references of a commit: those of the manifest where there is one, else those of statuses that count."""
    written = _on_commit(marks)
    if manifest is None:
        return usable(written, commit)
    known = {reference.name: reference.reference for reference in manifest.references}
    wrong = [name for name, reference in written.items() if known.get(name) != reference]
    told = tuple(
        Ignored(what=_named(name, commit), why=f"says otherwise than the manifest of {manifest.tag}") for name in wrong
    )
    good = usable(known, commit)
    return References(good.known, (*told, *good.ignored))


def usable(written: Mapping[str, str], commit: str) -> References:
    """Those of some references that have the form of one, with a digest."""
    known = {name: text for name, text in written.items() if REFERENCE.fullmatch(f"{name}={text}")}
    wrong = tuple(
        Ignored(what=_named(name, commit), why="is no reference with a digest") for name in written if name not in known
    )
    return References(known, wrong)


def manifest_of(project: Project, release: Release, commit: str) -> Manifest | Ignored | None:
    """Read the manifest of a release, if it has one; one that is not this commit's is passed over."""
    asset = next((asset for asset in release.assets if asset.name == MANIFEST), None)
    if asset is None:
        return None
    content = project.remote.read_asset(asset, most=_LARGEST)
    return _verified(content, asset, release.tag, commit) or Ignored(
        what=f"{MANIFEST} of {release.tag}", why=f"is not what was published for {commit[:10]}"
    )


def _verified(content: bytes, asset: ReleaseAsset, tag: str, commit: str) -> Manifest | None:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if asset.digest not in {None, digest}:
        return None
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return manifest if (manifest.schema, manifest.tag, manifest.commit) == (1, tag, commit) else None


def _on_commit(marks: Marks) -> dict[str, str]:
    return {
        context.removeprefix(_CONTEXT): status.description
        for context, status in marks.counted.items()
        if context.startswith(_CONTEXT)
    }


def _named(name: str, commit: str) -> str:
    return f"the reference `{visible(name)}` of {commit[:10]}"
