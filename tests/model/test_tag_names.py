"""Which tags are versions, and how the next one is named."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.model.tag_names import Scheme, named_alike, named_by_highest, naming, needs_history, read_names
from release_tool.model.tags import version_tags

if TYPE_CHECKING:
    from release_tool.model.tag_names import Naming


def found(*line: str, configured: str | None = None, aside: tuple[str, ...] = ()) -> Naming:
    """How a history with these tags is read: the oldest first, each on a commit of its own unless joined by `=`."""
    commits = [(name, str(number)) for number, names in enumerate(line) for name in names.split("=")]
    tags = read_names([*commits, *((name, "elsewhere") for name in aside)])
    places = {str(number): len(line) - number for number in range(len(line))}
    return naming(tags, places, configured)


@pytest.mark.parametrize(
    "name, prefix, scheme, version",
    [
        ("v1.2.3", "v", Scheme.SEMVER, "1.2.3"),
        ("1.0.0-rc.1", "", Scheme.SEMVER, "1.0.0-rc.1"),
        ("shop-1.2.3+build.5", "shop-", Scheme.SEMVER, "1.2.3+build.5"),
        ("k8s-v1.2.3", "k8s-v", Scheme.SEMVER, "1.2.3"),
        ("@acme/cli@1.2.3", "@acme/cli@", Scheme.SEMVER, "1.2.3"),
        ("python3.11-v1.2.3", "python3.11-v", Scheme.SEMVER, "1.2.3"),
        ("2.0.0rc2", "", Scheme.SEMVER, "2.0.0-rc.2"),
        ("1.0b1", "", Scheme.TWO_PART, "1.0.0-b.1"),
        ("v1.2", "v", Scheme.TWO_PART, "1.2.0"),
        ("2025.11.1", "", Scheme.CALENDAR, "2025.11.1"),
        ("26.02", "", Scheme.CALENDAR, "26.2.0"),
        ("v1.2.3.4", "v", Scheme.UNREAD, "None"),
        ("1.2.3.RELEASE", "", Scheme.UNREAD, "None"),
        ("1.0.post1", "", Scheme.UNREAD, "None"),
        ("2024-01-31", "", Scheme.UNREAD, "None"),
        ("app/v1", "app/v", Scheme.UNREAD, "None"),
    ],
)
def test_a_name_that_looks_like_a_version_is_taken_apart(name: str, prefix: str, scheme: Scheme, version: str) -> None:
    [read] = read_names([(name, "")])
    assert (read.prefix, read.scheme, str(read.version)) == (prefix, scheme, version)


@pytest.mark.parametrize(
    "name", ["nightly", "nightly-20240101", "v-next", "release-7", "v٩.٩.٩", "ä1.2.3", "", "v", "sha-1"]
)
def test_other_names_are_no_versions(name: str) -> None:
    assert read_names([(name, "")]) == ()


@pytest.mark.parametrize(
    "line, prefix",
    [
        ([], "v"),
        (["3.1.3"], ""),
        (["v0.4.10", "0.5.0", "0.16.4"], ""),
        (["1.0.0", "1.1.0", "v1.2.0"], "v"),
        (["shop-1.0.0", "shop-1.1.0", "v2.0.0"], "v"),
        (["v1.0", "v1.1", "v1.2"], "v"),
        (["release/1.0.0-rc.1"], "release/"),
        (["v1.0.0-beta.1", "v1.0.0-beta.2"], "v"),
        (["app/v1", "app/v2"], "app/v"),
        (["v1.2.3=debian/1.2.3-1", "debian/1.2.3-2", "nightly-2024.01.01"], "v"),
        (["v1.2.3=release-1.2.3", "v1.2.4=release-1.2.4"], "v"),
        (["v2.0.0", "1.9.9"], "v"),
    ],
)
def test_the_next_tag_is_named_like_the_highest_version_of_the_history(line: list[str], prefix: str) -> None:
    assert (found(*line).prefix, found(*line).packages) == (prefix, ())


@pytest.mark.parametrize(
    "line, choice",
    [
        (["@acme/cli@1.2.3", "@acme/web@2.0.1", "@acme/cli@1.3.0"], "@acme/cli@"),
        (["v28.5.2", "api/v1.52.0", "docker-v29.0.0", "api/v1.53.0"], "docker-v"),
        (["cli-v1.0.0", "web-v1.0.0", "cli-v1.1.0", "web-v1.0.1"], "web-v"),
        (["v1.2.3", "sdk/v0.3.0", "v1.2.4", "sdk/v0.3.1"], "v"),
        (["@acme/cli@1.2.3", "app/v1"], "app/v"),
    ],
)
def test_of_several_packages_none_is_taken_until_a_prefix_chooses_one(line: list[str], choice: str) -> None:
    several = found(*line)
    assert (len(several.packages) > 1, several.choice) == (True, choice)
    chosen = found(*line, configured=choice)
    assert (chosen.packages, chosen.prefix) == ((), choice)


def test_tags_of_other_branches_tell_the_prefix_where_the_history_has_none() -> None:
    assert found(aside=("3.0.0", "sdk/v9.0.0")).prefix == ""
    assert found("v1.0.0", aside=("3.0.0",)).prefix == "v"


@pytest.mark.parametrize(
    "line, calendar",
    [
        (["2025.11.1", "2026.02.3"], True),
        (["26.02", "26.10"], True),
        (["v17.03.0", "v20.10.0"], False),
        (["26.1", "26.1.2", "26.2"], False),
        (["2019.01", "v1.0.0", "v1.1.0"], False),
        (["v1.1.0", "2026.1"], True),
    ],
)
def test_a_line_is_one_of_dates_where_the_newest_version_is_one(line: list[str], calendar: bool) -> None:
    assert found(*line).calendar is calendar


def test_what_counts_for_nothing_is_told() -> None:
    assert found("2019.01", "v1.0.0", "v1.1.0.1", "debian/1.0.0", "v1.2.0").remarks == (
        "`v1.1.0.1` looks like a version, but can't be read",
        "`2019.01` is of an earlier scheme, with the year first or leading zeros",
        "`debian/1.0.0` is not among this project's versions (`tag-prefix`)",
    )
    many = found("sdk/v1.0.0", "sdk/v1.1.0", "sdk/v1.2.0", "sdk/v1.3.0", "v1.0.0", configured="v")
    assert many.remarks == (
        "`sdk/v1.3.0`, `sdk/v1.2.0` and 2 more are not among this project's versions (`tag-prefix`)",
    )


def test_a_tag_that_points_at_the_newest_of_its_line_is_no_version() -> None:
    names = [
        read.name for read in read_names([("v1", "a"), ("v1.2", "a"), ("v1.2.3", "a"), ("v1.1", "b"), ("v2", "c")])
    ]
    assert names == ["v1.2.3", "v1.1", "v2"]


def test_two_part_and_plain_versions_have_one_order_whatever_their_prefix() -> None:
    line = ["v1.0", "1.1.0", "v1.0.1", "1.2", "v1.1.1"]
    names = read_names((name, name) for name in line)
    assert [tag.name for tag in version_tags(names, found(*line))] == ["1.2", "v1.1.1", "1.1.0", "v1.0.1", "v1.0"]


NAMES = st.tuples(st.sampled_from(["v", "", "shop-", "a/v"]), st.tuples(*[st.integers(0, 30)] * 3)).map(
    lambda made: made[0] + ".".join(map(str, made[1]))
)


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_what_is_settled_is_above_everything_that_it_counts_and_names_alone_tell_the_same(line: list[str]) -> None:
    settled, tags = found(*line), read_names((name, str(number)) for number, name in enumerate(line))
    if not needs_history(tags, None):
        assert named_alike(tags, None) == settled
    if not settled.packages:
        counted = version_tags(tags, settled)
        highest = max(tag.version for tag in counted)
        assert counted[0].version == highest
        assert settled.prefix in {tag.prefix for tag in tags if tag.version == highest}
        assert list(itertools.pairwise(counted)) == [
            pair for pair in itertools.pairwise(counted) if pair[0].version >= pair[1].version
        ]


names = st.builds(
    "{}{}.{}{}".format,
    st.sampled_from(["", "v", "cli-"]),
    st.sampled_from([0, 1, 2, 2024]),
    st.sampled_from([0, 1, 10]),
    st.sampled_from(["", ".0", ".3", ".3-rc.1", ".3+build", ".x"]),
)


@given(
    st.lists(st.tuples(names, st.integers(0, 9)), unique_by=lambda tag: tag[0], max_size=8),
    st.lists(st.integers(0, 9), unique=True),
    st.sampled_from([None, "", "v", "cli-"]),
)
def test_the_highest_version_alone_tells_nothing_but_what_the_whole_history_tells(
    tags: list[tuple[str, int]], line: list[int], configured: str | None
) -> None:
    read = read_names((name, str(commit)) for name, commit in tags)
    places = {str(commit): place for place, commit in enumerate(line)}
    told = named_by_highest(
        read,
        configured,
        first=lambda commits: next((place for place, commit in enumerate(commits) if commit in places), None),
        within=lambda commits: commits & places.keys(),
    )
    assert told is None or told == naming(read, places, configured)


def test_of_one_project_without_dates_the_highest_version_tells_the_prefix() -> None:
    read = read_names([("1.2.0", "a"), ("v1.3.0", "b"), ("v9.0.0", "elsewhere"), ("1.x", "a")])
    told = named_by_highest(
        read, None, first=lambda commits: commits.index("b"), within=lambda commits: commits - {"elsewhere"}
    )
    assert told is not None
    assert told.prefix == "v"
