"""Versions by the rules of SemVer 2.0.0, the tags that carry them, and the bump from one to the next."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = r"(0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_STRICT = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LONGEST = 255
"""Characters of a version: no more than the name of a file has."""
_BEFORE_DIGITS = r"^[^0-9]*"


Precedence: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class Version(msgspec.Struct, frozen=True, eq=False):
    """A version by SemVer; two are equal where neither comes before the other: a build does not count."""

    major: int
    minor: int = 0
    patch: int = 0
    prerelease: str | None = None
    build: str | None = None

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a strict version; raises ValueError."""
        if version := parse_version(text):
            return version
        raise ValueError(f"{text!r} is not a SemVer version")

    def __str__(self) -> str:
        prerelease = f"-{self.prerelease}" if self.prerelease else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{prerelease}{build}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(self._compared)

    def __lt__(self, other: Version) -> bool:
        return precedence(self) < precedence(other)

    def __le__(self, other: Version) -> bool:
        return precedence(self) <= precedence(other)

    def __gt__(self, other: Version) -> bool:
        return precedence(self) > precedence(other)

    def __ge__(self, other: Version) -> bool:
        return precedence(self) >= precedence(other)

    @property
    def _compared(self) -> tuple[int, int, int, str | None]:
        return self.major, self.minor, self.patch, self.prerelease or None

    def released(self) -> Version:
        """The stable version that a prerelease is of."""
        return Version(self.major, self.minor, self.patch)

    def raised(self, bump: Bump) -> Version:
        """The stable version that lies one bump above; a prerelease lies below the version that it is of."""
        match bump:
            case Bump.NONE:
                return self.released()
            case Bump.PATCH:
                return Version(self.major, self.minor, self.patch + 1)
            case Bump.MINOR:
                return Version(self.major, self.minor + 1)
            case Bump.MAJOR:
                return Version(self.major + 1)


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
    found = re.fullmatch(_STRICT, text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    major, minor, patch, prerelease, build = found.groups()
    return Version(int(major), int(minor), int(patch), prerelease, build)


def parse_tag(tag: str, prefix: str | None) -> Version | None:
    """Read the version of a tag, or None where the tag lacks the prefix or is no strict SemVer version.

    Without a prefix that was chosen, whatever stands before the first digit is one.
    """
    if prefix is None:
        return parse_version(re.sub(_BEFORE_DIGITS, "", tag))
    return parse_version(tag[len(prefix) :]) if tag.startswith(prefix) else None


def precedence(version: Version) -> Precedence:
    """What sorts versions by the rules of SemVer, made once for each where comparing would be done for every two."""
    if not version.prerelease:
        return version.major, version.minor, version.patch, True, ()
    identifiers = version.prerelease.split(".")
    ordered = tuple((False, int(part), "") if part.isdecimal() else (True, 0, part) for part in identifiers)
    return version.major, version.minor, version.patch, False, ordered


def tag_name(version: Version, prefix: str) -> str:
    """Name the tag of a version."""
    return f"{prefix}{version}"


def next_version(base: Version, bump: Bump, *, major_on_zero: bool) -> Version:
    """Raise a stable version by a bump; below 1.0.0 a major raises the minor unless `major_on_zero`."""
    tamed = bump is Bump.MAJOR and base.major == 0 and not major_on_zero
    return base.raised(Bump.MINOR if tamed else bump)


def next_prerelease(core: Version, identifier: str, used: Iterable[Version]) -> Version:
    """Name the next prerelease of a stable version: `1.3.0-rc.1`, then the number after the highest used."""
    numbers = [
        int(number)
        for version in used
        if version.released() == core and version.prerelease
        for name, _, number in [version.prerelease.rpartition(".")]
        if name == identifier and number.isdecimal()
    ]
    return msgspec.structs.replace(core, prerelease=f"{identifier}.{max(numbers, default=0) + 1}")
