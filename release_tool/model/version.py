"""Versions by the rules of SemVer 2.0.0, the tags that carry them, and the bump from one to the next."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, TypeAlias

from semver import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Bump",
    "Precedence",
    "Version",
    "next_prerelease",
    "next_version",
    "parse_tag",
    "parse_version",
    "precedence",
    "tag_name",
]

_STRICT = re.compile(r"[0-9A-Za-z.+-]{1,255}")
"""The characters of a SemVer version (`\\d` alone would let non-ASCII digits pass), no more than a file's name has."""
_BEFORE_DIGITS = re.compile(r"^[^0-9]*")


Precedence: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class Bump(enum.IntEnum):
    """How far a change moves the version; the bump of a release is the maximum over its changes."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


def parse_version(text: str) -> Version | None:
    """Read a strict SemVer version, or None: no prefix, no white space, ASCII digits only."""
    if not _STRICT.fullmatch(text):
        return None
    try:
        return Version.parse(text)
    except ValueError:
        return None


def parse_tag(tag: str, prefix: str | None) -> Version | None:
    """Read the version of a tag, or None where the tag lacks the prefix or is no strict SemVer version.

    Without a prefix that was chosen, whatever stands before the first digit is one.
    """
    if prefix is None:
        return parse_version(_BEFORE_DIGITS.sub("", tag))
    return parse_version(tag[len(prefix) :]) if tag.startswith(prefix) else None


def precedence(version: Version) -> Precedence:
    """What sorts versions by the rules of SemVer, made once for each where comparing would be done for every two."""
    identifiers = version.prerelease.split(".") if version.prerelease else ()
    ordered = tuple((False, int(part), "") if part.isdecimal() else (True, 0, part) for part in identifiers)
    return version.major, version.minor, version.patch, not identifiers, ordered


def tag_name(version: Version, prefix: str) -> str:
    """Name the tag of a version."""
    return f"{prefix}{version}"


def next_version(base: Version, bump: Bump, *, major_on_zero: bool) -> Version:
    """Raise a stable version by a bump; below 1.0.0 a major raises the minor unless `major_on_zero`."""
    core = base.finalize_version()
    match bump:
        case Bump.NONE:
            return core
        case Bump.PATCH:
            return core.bump_patch()
        case Bump.MINOR:
            return core.bump_minor()
        case Bump.MAJOR:
            return core.bump_minor() if core.major == 0 and not major_on_zero else core.bump_major()


def next_prerelease(core: Version, identifier: str, used: Iterable[Version]) -> Version:
    """Name the next prerelease of a stable version: `1.3.0-rc.1`, then the number after the highest used."""
    numbers = [
        int(number)
        for version in used
        if version.finalize_version() == core and version.prerelease
        for name, _, number in [version.prerelease.rpartition(".")]
        if name == identifier and number.isdecimal()
    ]
    return core.replace(prerelease=f"{identifier}.{max(numbers, default=0) + 1}")
