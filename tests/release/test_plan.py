"""Facts become the plan of the next release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from release_tool.config.model import Config
from release_tool.errors import RefusedError, UsageError
from release_tool.history.facts import ReleaseFacts, Request
from release_tool.model.tag_names import Naming, read_names
from release_tool.model.tags import Owner, TagState, VersionTag, is_maintenance, version_tags, withheld
from release_tool.model.version import Bump, Version
from release_tool.release.plan import Action, parse_force, parse_identifier, plan_finish, plan_release
from tests.builders import change, sha

if TYPE_CHECKING:
    from release_tool.history.changes import Change

CONFIG = Config()
HEAD = sha("head")


def tag(name: str, commit: str = "base", **more: object) -> VersionTag:
    made = VersionTag(name=name, version=Version.parse(name.removeprefix("v")), commit=sha(commit))
    return msgspec.structs.replace(made, **more)


def facts(*changes: Change, base: VersionTag | None = None, **more: object) -> ReleaseFacts:
    known = ReleaseFacts(
        branch="main",
        maintenance=False,
        target=HEAD,
        base=base,
        counted=base.version if base else None,
        used=frozenset([base.version] if base else []),
        changes=changes,
        since_stable=changes,
    )
    return msgspec.structs.replace(known, **more)


V123 = tag("v1.2.3")


def test_the_bump_of_a_release_is_the_highest_of_its_changes() -> None:
    plan = plan_release(facts(change(1, "A"), change(2, "B", Bump.MINOR), base=V123), Request(), CONFIG)
    assert (plan.action, plan.tag, plan.bump, plan.previous) == (Action.RELEASE, "v1.3.0", Bump.MINOR, "v1.2.3")
    assert plan.reason == "2 changes since v1.2.3"
    assert plan.latest


def test_planning_twice_gives_the_same_plan() -> None:
    known = facts(change(1, "A", Bump.MAJOR), base=V123)
    assert plan_release(known, Request(), CONFIG) == plan_release(known, Request(), CONFIG)


def test_there_is_nothing_to_do_right_after_a_release() -> None:
    at_head = tag("v1.3.0", "head")
    plan = plan_release(facts(base=at_head), Request(force=Bump.MAJOR), CONFIG)
    assert (plan.action, plan.reason) == (Action.NOTHING, "nothing has landed on main since v1.3.0")


def test_changes_that_ask_for_no_release_wait_for_the_next_one() -> None:
    waiting = facts(change(1, "A", Bump.NONE), base=V123)
    plan = plan_release(waiting, Request(), CONFIG)
    assert (plan.action, plan.reason) == (Action.NOTHING, "none of 1 change since v1.2.3 asks for a release")
    assert plan_release(waiting, Request(force=Bump.PATCH), CONFIG).tag == "v1.2.4"


def test_a_repository_without_tags_begins_with_the_initial_version() -> None:
    plan = plan_release(facts(), Request(), CONFIG)
    assert (plan.tag, plan.previous, plan.changes, plan.reason) == ("v0.1.0", None, (), "the first release")


def test_a_first_release_can_be_forced_to_any_version() -> None:
    assert plan_release(facts(), Request(force=Version(3, 0, 0)), CONFIG).tag == "v3.0.0"
    assert plan_release(facts(), Request(force=Bump.MAJOR), CONFIG).tag == "v1.0.0"


def test_below_one_breaking_is_a_minor_and_one_comes_by_force_only() -> None:
    known = facts(change(1, "A", Bump.MAJOR), base=tag("v0.4.2"))
    assert plan_release(known, Request(), CONFIG).tag == "v0.5.0"
    assert plan_release(known, Request(force=Bump.MAJOR), CONFIG).tag == "v1.0.0"
    assert plan_release(known, Request(), Config(major_on_zero=True)).tag == "v1.0.0"


@pytest.mark.parametrize(
    "force, expected",
    [(Bump.MAJOR, "v2.0.0"), (Bump.PATCH, "v1.2.4"), (Version(1, 9, 0), "v1.9.0")],
)
def test_force_raises_or_lowers_and_says_who_did(force: Bump | Version, expected: str) -> None:
    known = facts(change(1, "A", Bump.MINOR), base=V123)
    plan = plan_release(known, Request(force=force, by="ada"), CONFIG)
    assert plan.tag == expected
    assert plan.forced is not None
    assert (plan.forced.by, plan.forced.was) == ("ada", Bump.MINOR)
    assert plan.reason == "1 change since v1.2.3; forced by ada, would have been minor"


@pytest.mark.parametrize(
    "version, message",
    [
        (Version(1, 2, 2), "--force 1.2.2 is lower than 1.2.3, which is released already"),
        (Version(1, 2, 3), "version 1.2.3 exists already"),
        (Version(1, 5, 0), "version 1.5.0 exists already"),
    ],
)
def test_a_forced_version_must_be_higher_and_unused(version: Version, message: str) -> None:
    known = facts(change(1, "A"), base=V123, used=frozenset({V123.version, Version(1, 5, 0)}))
    with pytest.raises(RefusedError, match=message):
        plan_release(known, Request(force=version), CONFIG)


def test_on_a_maintenance_branch_a_version_that_another_branch_has_is_refused() -> None:
    used = frozenset({V123.version, Version(1, 2, 4)})
    known = facts(change(1, "A"), base=V123, used=used, branch="1.x", maintenance=True)
    with pytest.raises(RefusedError, match=r"version 1\.2\.4 exists already on another branch") as refused:
        plan_release(known, Request(), CONFIG)
    assert refused.value.todo.endswith("free on `1.x`: `release-tool bump --force 1.2.5`")
    assert plan_release(known, Request(force=Version(1, 2, 5)), CONFIG).tag == "v1.2.5"


@pytest.mark.parametrize("bump, expected", [(Bump.PATCH, "v1.2.5"), (Bump.MINOR, "v1.4.0")])
def test_on_the_main_branch_a_number_that_another_branch_has_is_skipped(bump: Bump, expected: str) -> None:
    used = frozenset({V123.version, Version(1, 2, 4), Version(1, 3, 0)})
    known = facts(change(1, "A", bump), base=V123, used=used)
    assert plan_release(known, Request(), CONFIG).tag == expected


def test_the_number_of_an_abandoned_release_stays_used() -> None:
    known = facts(change(1, "A", Bump.MINOR), base=V123, counted=Version(1, 3, 0))
    plan = plan_release(known, Request(), CONFIG)
    assert (plan.tag, plan.previous) == ("v1.4.0", "v1.2.3")


def test_something_half_done_comes_first() -> None:
    half = tag("v1.3.0", "older", state=TagState.HALF_DONE)
    known = facts(change(1, "A", Bump.MINOR), base=V123, half_done=(half,))
    plan = plan_release(known, Request(force=Bump.MAJOR), CONFIG)
    assert (plan.action, plan.tag, plan.sha) == (Action.FINISH, "v1.3.0", half.commit)
    assert plan_finish(known, half) == plan


def test_an_owner_that_lives_is_left_alone_and_what_it_leaves_out_comes_after_it() -> None:
    elsewhere = tag("v1.3.0", "older", state=TagState.HALF_DONE, owner=Owner(run=123), owner_lives=True)
    plan = plan_release(facts(change(1, "A"), base=V123, half_done=(elsewhere,)), Request(), CONFIG)
    assert (plan.action, plan.again) == (Action.NOTHING, True)
    assert plan.reason == f"run 123 is working on v1.3.0, and {HEAD[:10]} is released after it"

    here = tag("v1.3.0", "head", state=TagState.HALF_DONE, owner=Owner(run=123), owner_lives=True)
    plan = plan_release(facts(change(1, "A"), base=V123, half_done=(here,)), Request(), CONFIG)
    assert (plan.action, plan.again, plan.reason) == (Action.NOTHING, False, "run 123 is working on v1.3.0")


def test_a_commit_that_a_newer_release_has_is_not_released_again() -> None:
    plan = plan_release(facts(change(1, "A"), base=V123, containing=tag("v1.3.0", "newer")), Request(), CONFIG)
    assert (plan.action, plan.reason) == (Action.NOTHING, f"{HEAD[:10]} is in v1.3.0 already")


def test_an_older_release_finished_late_is_not_latest() -> None:
    half = tag("v1.2.4", "older", state=TagState.HALF_DONE)
    assert not plan_finish(facts(change(1, "A"), base=V123, newest=Version(1, 3, 0)), half).latest


def test_a_maintenance_release_is_never_latest() -> None:
    plan = plan_release(facts(change(1, "A"), base=V123, branch="1.x", maintenance=True), Request(), CONFIG)
    assert (plan.tag, plan.latest) == ("v1.2.4", False)


def test_prereleases_lead_to_the_version_that_the_changes_ask_for() -> None:
    known = facts(change(1, "A", Bump.MINOR), base=V123)
    plan = plan_release(known, Request(prerelease="rc"), CONFIG)
    assert (plan.tag, plan.prerelease, plan.latest) == ("v1.3.0-rc.1", True, False)


def test_a_later_prerelease_counts_from_the_last_stable_release() -> None:
    feature, fix = change(1, "A", Bump.MINOR), change(2, "B")
    known = facts(
        fix,
        base=tag("v1.3.0-rc.1"),
        counted=V123.version,
        since_stable=(feature, fix),
        used=frozenset({V123.version, Version.parse("1.3.0-rc.1")}),
    )
    plan = plan_release(known, Request(prerelease="rc"), CONFIG)
    assert (plan.tag, plan.previous, plan.changes) == ("v1.3.0-rc.2", "v1.3.0-rc.1", (fix,))


def test_a_series_of_prereleases_that_was_forced_goes_on() -> None:
    known = facts(
        change(2, "B"),
        base=tag("v2.0.0-rc.1"),
        counted=V123.version,
        used=frozenset({V123.version, Version.parse("2.0.0-rc.1")}),
    )
    assert plan_release(known, Request(prerelease="rc"), CONFIG).tag == "v2.0.0-rc.2"


def test_the_highest_tag_comes_first_and_what_is_no_version_not_at_all() -> None:
    names = read_names(
        (name, sha(name)) for name in ["v1.0.0", "nightly", "v1.10.0", "v1.9.0", "v1.10.0-rc.1", "x-2.0.0"]
    )
    found = version_tags(names, Naming(prefix="v", families=frozenset({""})))
    assert [known.name for known in found] == ["v1.10.0", "v1.10.0-rc.1", "v1.9.0", "v1.0.0"]


@pytest.mark.parametrize("text", ["huge", "1.2", "v1.2.3.4", "1.3.0-rc.1", "-1", "1.3.0\n"])
def test_nonsense_cannot_be_forced(text: str) -> None:
    with pytest.raises(UsageError, match="is neither `major`, `minor`, `patch` nor a version"):
        parse_force(text, "v")


def test_a_version_may_be_forced_with_and_without_its_prefix() -> None:
    assert parse_force("v1.3.0", "v") == parse_force("1.3.0", "v") == Version(1, 3, 0)
    assert (parse_force("minor", "v"), parse_force("", "v")) == (Bump.MINOR, None)


@pytest.mark.parametrize("text", ["1", "rc.1", "ä", "rc 1", "01"])
def test_a_prerelease_needs_a_name(text: str) -> None:
    with pytest.raises(UsageError):
        parse_identifier(text)


@pytest.mark.parametrize(
    "release_on, event, made",
    [
        ("merge", "push", True),
        ("merge", "schedule", True),
        ("schedule", "push", False),
        ("schedule", "schedule", True),
        ("schedule", "workflow_dispatch", True),
        ("manual", "push", False),
        ("manual", "schedule", False),
        ("manual", "workflow_dispatch", True),
        ("manual", "", True),
    ],
)
def test_release_on_says_which_event_makes_a_release(
    release_on: Literal["merge", "schedule", "manual"], event: str, made: bool
) -> None:
    reason = withheld(event, Config(release_on=release_on))
    assert (reason == "") is made
    planned = plan_release(facts(change(1, "A"), base=V123, withheld=reason), Request(), CONFIG)
    assert (planned.action is Action.RELEASE) is made


def test_something_half_done_is_finished_whatever_the_event() -> None:
    half = tag("v1.3.0", "older", state=TagState.HALF_DONE)
    known = facts(base=V123, half_done=(half,), withheld="releases are started by hand")
    assert plan_release(known, Request(), CONFIG).action is Action.FINISH


def test_maintenance_branches_are_those_that_match() -> None:
    assert is_maintenance("1.x", CONFIG)
    assert not is_maintenance("main", CONFIG)
    assert not is_maintenance("main", Config(maintenance=("*",)))
    assert not is_maintenance("feature", CONFIG)
