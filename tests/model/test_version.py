"""Versions and tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.model.version import (
    Bump,
    Version,
    next_prerelease,
    next_version,
    parse_tag,
    parse_version,
    precedence,
    tag_name,
)

numbers = st.integers(0, 10**6)
stable = st.builds(Version, numbers, numbers, numbers)
identifiers = st.integers(0, 30).map(str) | st.from_regex(r"[0-9]{0,2}[a-c-][a-c0-9-]{0,2}", fullmatch=True)
prereleases = st.lists(identifiers, max_size=3).map(lambda parts: ".".join(parts) or None)
small = st.integers(0, 2)
prefixes = st.sampled_from(["", "v", "shop@", "release/"])


@given(stable, prefixes)
def test_a_tag_made_from_a_version_reads_back_as_that_version(version: Version, prefix: str) -> None:
    assert parse_tag(tag_name(version, prefix), prefix) == version


@given(st.lists(st.builds(Version, small, small, small, prereleases)))
def test_sorting_by_precedence_is_the_order_of_semver(versions: list[Version]) -> None:
    assert sorted(versions, key=precedence) == sorted(versions)


@given(stable, st.sampled_from([Bump.PATCH, Bump.MINOR, Bump.MAJOR]), st.booleans())
def test_the_next_version_is_always_greater(version: Version, bump: Bump, major_on_zero: bool) -> None:
    assert next_version(version, bump, major_on_zero=major_on_zero) > version


@given(stable, st.sampled_from(Bump), st.sampled_from(Bump))
def test_a_greater_bump_never_leads_to_a_lower_version(version: Version, one: Bump, other: Bump) -> None:
    low, high = sorted([one, other])
    assert next_version(version, low, major_on_zero=True) <= next_version(version, high, major_on_zero=True)


@given(st.lists(st.sampled_from(Bump)), st.lists(st.sampled_from(Bump)))
def test_the_bump_of_two_ranges_together_is_the_maximum_of_both(one: list[Bump], other: list[Bump]) -> None:
    separate = max(max(one, default=Bump.NONE), max(other, default=Bump.NONE))
    assert max(one + other, default=Bump.NONE) == separate


@pytest.mark.parametrize(
    "tag",
    [
        "1.2.3",  # lacks the prefix
        "v1.2",
        "v1.2.3.4",
        "v01.2.3",
        "v1.2.3\n",
        "v1.2.3 ",
        "v١.٢.٣",  # digits, but not ASCII's
        "v1.2.3-01",
        "v1.2.3-",
        "version-1.2.3",
        "vv1.2.3",
        "v",
        "",
    ],
)
def test_a_tag_that_is_no_strict_semver_with_the_prefix_is_no_version(tag: str) -> None:
    assert parse_tag(tag, "v") is None


def test_a_version_with_build_metadata_is_a_version() -> None:
    assert str(parse_version("1.2.3-rc.1+build.5")) == "1.2.3-rc.1+build.5"


@pytest.mark.parametrize(
    "base, bump, major_on_zero, expected",
    [
        ("1.2.3", Bump.NONE, False, "1.2.3"),
        ("1.2.3", Bump.PATCH, False, "1.2.4"),
        ("1.2.3", Bump.MINOR, False, "1.3.0"),
        ("1.2.3", Bump.MAJOR, False, "2.0.0"),
        ("0.2.3", Bump.MAJOR, False, "0.3.0"),
        ("0.2.3", Bump.MAJOR, True, "1.0.0"),
        ("0.2.3", Bump.MINOR, False, "0.3.0"),
    ],
)
def test_below_one_a_breaking_change_raises_the_minor(
    base: str, bump: Bump, major_on_zero: bool, expected: str
) -> None:
    assert str(next_version(Version.parse(base), bump, major_on_zero=major_on_zero)) == expected


def test_prereleases_of_one_version_are_counted_up_for_each_name() -> None:
    used = [Version.parse(text) for text in ("1.3.0-rc.1", "1.3.0-rc.10", "1.3.0-beta.4", "1.2.0-rc.11", "1.3.0-rc.x")]
    assert str(next_prerelease(Version(1, 3, 0), "rc", used)) == "1.3.0-rc.11"
    assert str(next_prerelease(Version(1, 3, 0), "beta", used)) == "1.3.0-beta.5"
    assert str(next_prerelease(Version(1, 4, 0), "rc", used)) == "1.4.0-rc.1"
