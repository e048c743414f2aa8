"""The names of tags: which of them are versions, of which scheme, and which of several prefixes is the project's."""

from __future__ import annotations

import enum
import itertools
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.model.version import Version, parse_version, precedence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from release_tool.model.version import Precedence

_PREFIX = r"(?P<prefix>|[A-Za-z0-9._/@-]*?[A-Za-z._/@-])"
_REST = r"(?P<rest>(?:[-+._]|(?:a|b|c|rc|alpha|beta|dev|pre|post)[-._]?[0-9]).*|)"
_SHAPES = tuple(
    f"{prefix}(?P<numbers>{numbers}){_REST}"
    for prefix, numbers in (
        (_PREFIX, r"[0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+)*"),
        (_PREFIX, r"[0-9]+\.[0-9]+"),
        ("(?P<prefix>[vV]?)", "(?:19|20)[0-9]{2}-[0-9]{1,2}(?:-[0-9]{1,2})?"),
        (r"(?P<prefix>(?:[A-Za-z0-9._/@-]*[._/@-])?[vV])", "[0-9]{1,4}"),
    )
)
"""How a version looks, the surest first: `v1.2.3`, `v1.2`, `2024-01-31`, `v1`."""
_USUAL = re.compile(r"([vV]?)(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
"""A stable version that is written as SemVer writes it, which may still be a date."""
_PYTHON = r"[-._]?(?P<name>a|b|c|rc|alpha|beta|dev|pre)[-._]?(?P<number>[0-9]{0,9})"
"""A prerelease as Python writes it: `1.0rc1`."""
_YEARS = range(1990, 2100)
_THREE = 3
_PLAIN = frozenset({"", "v", "V"})
"""Prefixes that name nothing: their versions are those of the whole repository, in one order."""
_OTHERS = frozenset(
    {"debian", "upstream", "ubuntu", "fedora", "rpm", "deb", "nightly", "snapshot", "archive", "backup", "old", "test"}
)
"""First words of tags that tell what somebody packaged, built or kept, and not what the project released."""
_PACKAGE = frozenset("/@")
"""What stands between the name of a package and its version."""
_FEW = 3


class Scheme(enum.Enum):
    """How the numbers of a version are meant; `UNREAD` looks like a version and is none that can be counted on."""

    SEMVER = "semver"
    TWO_PART = "two-part"
    CALENDAR = "calendar"
    UNREAD = "unread"


_SEMVER = Scheme.SEMVER  # a name of its own, for asking an enum for it thousands of times takes longer


class TagName(msgspec.Struct, frozen=True):
    """A tag whose name looks like a version, taken apart; `version` is what it counts as, None where it is unread."""

    name: str
    commit: str
    prefix: str
    numbers: tuple[int, ...]
    scheme: Scheme
    version: Version | None = None
    suffixed: bool = False

    @property
    def stable(self) -> bool:
        """Whether it can be read and is no prerelease."""
        return self.version is not None and not self.version.prerelease

    @property
    def family(self) -> str:
        """What its versions have one order with: `1.2.3` and `v1.2.4` are of one project, `cli@1.2.4` may not be."""
        return family(self.prefix)

    @property
    def rank(self) -> Precedence:
        """What sorts the names that can be read."""
        return precedence(self.version or Version(0))


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """How a branch names its releases.

    `prefix` is that of its next tag, `families` are those whose versions count, and `schemes` how they are meant.
    `calendar` says that the newest of them are dates, so that nothing can count on from them.
    `unread` are tags of its history whose numbers could not be read; `remarks` tell of all that counts for nothing.
    `packages` is a tag of each package where several are released and nothing says which one this is, and `choice`
    the prefix of the likeliest.
    """

    prefix: str
    families: frozenset[str]
    schemes: frozenset[Scheme] = frozenset({Scheme.SEMVER, Scheme.TWO_PART})
    calendar: bool = False
    unread: tuple[TagName, ...] = ()
    remarks: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    choice: str = ""

    def counts(self, tag: TagName) -> bool:
        """Whether a tag carries a version of this branch's releases."""
        return tag.version is not None and tag.scheme in self.schemes and tag.family in self.families

    def counted(self, tags: Iterable[TagName]) -> Iterator[tuple[TagName, Version]]:
        """Those of some tags that do, with their versions; the families of thousands of tags are few."""
        families: dict[str, bool] = {}
        usual = _SEMVER in self.schemes
        for tag in tags:
            prefix = tag.prefix
            if prefix not in families:
                families[prefix] = family(prefix) in self.families
            fits = usual if tag.scheme is _SEMVER else tag.scheme in self.schemes
            if fits and families[prefix] and tag.version is not None:
                yield tag, tag.version


def family(prefix: str) -> str:
    """What the versions behind a prefix have one order with."""
    return "" if prefix in _PLAIN else prefix


def read_names(tags: Iterable[tuple[str, str]]) -> tuple[TagName, ...]:
    """Take apart the names of tags (name, commit) that look like versions; one that only points at another is none."""
    found = [read for name, commit in tags if (read := _read_usual(name, commit) or _read(name, commit))]
    if min((len(tag.numbers) for tag in found), default=_THREE) >= _THREE:
        return tuple(found)
    whole = {(tag.commit, tag.prefix, tag.numbers[:place]) for tag in found for place in (1, 2) if _is_whole(tag)}
    return tuple(tag for tag in found if _is_whole(tag) or (tag.commit, tag.prefix, tag.numbers) not in whole)


def _is_whole(tag: TagName) -> bool:
    return len(tag.numbers) >= _THREE


def _read_usual(name: str, commit: str) -> TagName | None:
    """Read what nearly all of many thousand tags look like in one step; None for all that needs a closer look."""
    match = _USUAL.fullmatch(name)
    if match is None:
        return None
    prefix, first, second, third = match.groups()
    major, minor, patch = int(first), int(second), int(third)
    if major in _YEARS:
        return None
    return TagName(name, commit, prefix, (major, minor, patch), _SEMVER, Version(major, minor, patch))


def _read(name: str, commit: str) -> TagName | None:
    match = next((found for shape in _SHAPES if (found := re.fullmatch(shape, name))), None)
    if match is None:
        return None
    parts = re.split("[.-]", match["numbers"])
    scheme = _scheme(parts) if "." in match["numbers"] else Scheme.UNREAD
    version = None if scheme is Scheme.UNREAD else _version(parts, match["rest"])
    return TagName(
        name=name,
        commit=commit,
        prefix=match["prefix"],
        numbers=tuple(map(int, parts)),
        scheme=scheme if version else Scheme.UNREAD,
        version=version,
        suffixed=match["rest"][:1] in {"-", "+"} or re.fullmatch(_PYTHON, match["rest"]) is not None,
    )


def _scheme(parts: Sequence[str]) -> Scheme:
    if len(parts) > _THREE:
        return Scheme.UNREAD
    if int(parts[0]) in _YEARS or any(_has_leading_zero(part) for part in parts):
        return Scheme.CALENDAR
    return Scheme.SEMVER if len(parts) == _THREE else Scheme.TWO_PART


def _has_leading_zero(part: str) -> bool:
    return len(part) > 1 and part.startswith("0")


def _version(parts: Sequence[str], rest: str) -> Version | None:
    numbers = ".".join(str(int(part)) for part in [*parts, "0"][:_THREE])
    if python := re.fullmatch(_PYTHON, rest):
        rest = f"-{python['name']}.{int(python['number'] or 0)}" if not rest.startswith("-") else rest
    return parse_version(numbers + rest)


def naming(tags: Sequence[TagName], places: Mapping[str, int], configured: str | None) -> Naming:
    """Find how a branch names its releases, from the tags of its history.

    `places` says where the commits of the history stand, the newest first; `configured` is the prefix that was chosen.
    """
    line = tuple(tag for tag in tags if tag.commit in places)
    chosen = None if configured is None else Naming(prefix=configured, families=frozenset({family(configured)}))
    found = chosen or _found(tags, line, places)
    if found.packages:
        return found
    ours = [tag for tag in line if tag.stable and tag.family in found.families]
    calendar = _is_calendar(ours, places)
    schemes = found.schemes | {Scheme.CALENDAR} if calendar else found.schemes
    unread = tuple(tag for tag in line if tag.scheme is Scheme.UNREAD and tag.family in found.families)
    settled = msgspec.structs.replace(found, calendar=calendar, schemes=schemes, unread=unread)
    return msgspec.structs.replace(settled, remarks=_remarks(settled, line))


def needs_history(tags: Sequence[TagName], configured: str | None) -> bool:
    """Whether the names alone don't tell how releases are named, so that one has to know where the tags are."""
    wanted = None if configured is None else family(configured)
    prefixes = {tag.prefix for tag in tags}
    ours = {prefix for prefix in prefixes if wanted is None or family(prefix) == wanted}
    return len(ours) > 1 or any(tag.scheme is not _SEMVER and tag.prefix in ours for tag in tags)


def named_alike(tags: Sequence[TagName], configured: str | None) -> Naming:
    """How releases are named where `needs_history` says that the names tell it."""
    prefix = (tags[0].prefix if tags else "v") if configured is None else configured
    alike = Naming(prefix=prefix, families=frozenset({family(prefix)}))
    return msgspec.structs.replace(alike, remarks=_remarks(alike, tags))


def named_by_highest(
    tags: Sequence[TagName],
    configured: str | None,
    *,
    first: Callable[[Sequence[str]], int | None],
    within: Callable[[frozenset[str]], frozenset[str]],
) -> Naming | None:
    """How releases are named where all tags are of one project and no dates: the highest version says it.

    None where more has to be known: `naming` needs to know the whole history for that, and here a part of it will do.
    `first` finds the place of the first commit that is in the history, and `within` those that are.
    """
    families = {family(prefix) for prefix in {tag.prefix for tag in tags}}
    if families != {"" if configured is None else family(configured)} or any(
        tag.scheme is Scheme.CALENDAR for tag in tags
    ):
        return None
    prefix = _prefix_of_highest(tags, first) if configured is None else configured
    if prefix is None:
        return None
    unread = [tag for tag in tags if tag.scheme is Scheme.UNREAD]
    ours = within(frozenset(tag.commit for tag in unread)) if unread else frozenset()
    line = tuple(tag for tag in unread if tag.commit in ours)
    settled = Naming(prefix=prefix, families=frozenset(families), unread=line)
    return msgspec.structs.replace(settled, remarks=_remarks(settled, line))


def _prefix_of_highest(tags: Sequence[TagName], first: Callable[[Sequence[str]], int | None]) -> str | None:
    """The prefix of the highest release in the history; None where there is none, or two are the highest."""
    ranked = sorted((tag for tag in tags if tag.stable), key=_by_numbers, reverse=True)
    place = first([tag.commit for tag in ranked])
    if place is None:
        return None
    highest = ranked[place]
    equal = {tag.commit for tag in ranked if tag.numbers == highest.numbers and tag.rank == highest.rank}
    return highest.prefix if len(equal) == 1 else None


def _by_numbers(tag: TagName) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What sorts stable versions as their rank and their numbers do."""
    return (*tag.numbers, 0)[:_THREE], tag.numbers


def _found(tags: Sequence[TagName], line: Sequence[TagName], places: Mapping[str, int]) -> Naming:
    """The prefix of the highest version in the history, where all of its versions are of one project."""
    known = _telling(line) or [tag for tag in _telling(tags) if not tag.family] or _telling(tags)
    if not known:
        return Naming(prefix="v", families=frozenset({""}))
    known = [tag for tag in known if not _is_of_others(tag)] or known
    known = _without_doubles(known)
    families = {tag.family for tag in known}
    if len(families) > 1 and not _follow_each_other(known, places):
        return _several(known, places)
    highest = max(known, key=lambda tag: (tag.rank, tag.numbers, -places.get(tag.commit, 0)))
    return Naming(prefix=highest.prefix, families=frozenset(families))


def _telling(tags: Sequence[TagName]) -> list[TagName]:
    """The tags that tell the prefix: releases and what names a package, else prereleases, else whatever is there."""
    stable = [tag for tag in tags if tag.stable or (tag.version is None and _PACKAGE & set(tag.prefix))]
    return stable or [tag for tag in tags if tag.version] or [*tags]


def _is_of_others(tag: TagName) -> bool:
    return bool(_OTHERS & set(re.split(r"[^a-z]+", tag.prefix.lower())))


def _without_doubles(tags: Sequence[TagName]) -> list[TagName]:
    """Leave out the families that only say again what plain tags say at the same commits."""
    plain = {(tag.commit, tag.numbers) for tag in tags if not tag.family}
    own = {tag.family for tag in tags if not tag.family or (tag.commit, tag.numbers) not in plain}
    return [tag for tag in tags if tag.family in own]


def _follow_each_other(tags: Sequence[TagName], places: Mapping[str, int]) -> bool:
    """Whether each prefix was given up for the next one, which went on with higher versions."""
    groups = [[tag for tag in tags if tag.family == name] for name in {tag.family for tag in tags}]
    groups.sort(key=lambda group: min(places.get(tag.commit, 0) for tag in group), reverse=True)
    return all(_follows(older, newer, places) for older, newer in itertools.pairwise(groups))


def _follows(older: Sequence[TagName], newer: Sequence[TagName], places: Mapping[str, int]) -> bool:
    begun = max(places.get(tag.commit, 0) for tag in newer)
    ended = min(places.get(tag.commit, 0) for tag in older)
    return begun < ended and max(tag.rank for tag in older) <= min(tag.rank for tag in newer)


def _several(tags: Sequence[TagName], places: Mapping[str, int]) -> Naming:
    newest: dict[str, TagName] = {}
    for tag in sorted(tags, key=lambda tag: (places.get(tag.commit, 0), tag.name)):
        newest.setdefault(tag.family, tag)
    likeliest = min(newest.values(), key=lambda tag: bool(_PACKAGE & set(tag.prefix)))
    return Naming(
        prefix=likeliest.prefix,
        families=frozenset({likeliest.family}),
        packages=tuple(tag.name for tag in newest.values()),
        choice=likeliest.prefix,
    )


def _is_calendar(tags: Sequence[TagName], places: Mapping[str, int]) -> bool:
    """Whether the newest version is a date; of months, `26.10` is told by the `26.02` before it."""
    if not tags:
        return False
    newest = min(tags, key=lambda tag: (places[tag.commit], -tag.numbers[0]))
    return any(tag.scheme is Scheme.CALENDAR and tag.numbers[0] == newest.numbers[0] for tag in tags)


def _remarks(settled: Naming, line: Sequence[TagName]) -> tuple[str, ...]:
    """Tell of the tags of the history that look like versions and count for nothing."""
    unread = [tag for tag in line if tag.scheme is Scheme.UNREAD and tag.family in settled.families]
    dates = [tag for tag in line if tag.scheme is Scheme.CALENDAR and tag.family in settled.families]
    others = [tag for tag in line if tag.family not in settled.families]
    remarks = [f"{_told(unread)} look{_s(unread)} like a version, but can't be read"] if unread else []
    if dates and not settled.calendar:
        remarks.append(f"{_told(dates)} {_is(dates)} of an earlier scheme, with the year first or leading zeros")
    if others:
        remarks.append(f"{_told(others)} {_is(others)} not among this project's versions (`tag-prefix`)")
    return tuple(remarks)


def _told(tags: Sequence[TagName]) -> str:
    names = [f"`{tag.name}`" for tag in sorted(tags, key=lambda tag: (tag.numbers, tag.name), reverse=True)]
    shown = names if len(names) <= _FEW else [*names[: _FEW - 1], f"{len(names) - _FEW + 1} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _s(tags: Sequence[TagName]) -> str:
    return "s" if len(tags) == 1 else ""


def _is(tags: Sequence[TagName]) -> str:
    return "is" if len(tags) == 1 else "are"
