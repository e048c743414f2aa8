"""What is made of a look at everything: the way of each release, what was missed, and the lines of one screen."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from release_tool.config.model import Config
from release_tool.deploy.health.verdict import Reading, Sample
from release_tool.model.commits import Author, Commit
from release_tool.status.environment import NOT_BEGUN, environment_status
from release_tool.status.model import (
    Changes,
    Cloud,
    Health,
    OverdueCase,
    OverdueKind,
    Overview,
    PendingVersion,
    StageState,
    Waiting,
    document,
)
from release_tool.status.overdue import PATIENCE, OverdueState, cases, drift, issue_text, mark_of, read_mark, remarked
from release_tool.status.pipeline import EnvironmentLedger, Route, authors, pipelines
from release_tool.status.text import StatusLine, Tone, closely, lasting, screen
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, START, deployment, rollback
from tests.status.overviews import BY_HAND, NOW, URL, brought, candidate, environment, facts, halt, release, seen

LATER = NOW + PATIENCE


def line(*names: str, author: Author = Author("Ada", "ada")) -> dict[str, Commit]:  # noqa: B008  # a frozen value
    """A history without branches, oldest first."""
    commits = [
        Commit(sha(name), (sha(parent),), author, int(START.timestamp()), "Change")
        for parent, name in zip(("", *names), names, strict=False)
    ]
    return {commit.sha: commit for commit in commits}


# The way of a release


def way(*ledger: object, cloud: Cloud | None = None, **more: object) -> dict[str, list[tuple[str, str, str]]]:
    """The milestones of the releases 1.4 and 1.3, each as its name, its mark and its text."""
    known = facts(ledger=ledger, **{"candidate": candidate("4"), **more})
    route = Route(
        cloud=cloud,
        line=[sha("3"), sha("2")],
        tested={sha("3"): NOW},
        obstacles={"v1.4": ("resolve the conflict", f"{URL}/pull/9")},
        stations=[EnvironmentLedger(environment_status(known), known.ledger)],
        history=line("2", "3", "4"),
    )
    found = pipelines([release("4"), release("3")], route)
    return {journey.tag: [(one.name, one.mark.value, one.text) for one in journey.milestones] for journey in found}


BEGUN = [("merged", "done", ""), ("released", "done", "")]


def test_a_release_is_merged_released_deployed_and_healthy() -> None:
    found = way(deployment(1, "2", *PROVEN), deployment(2, "3", *PROVEN))

    assert found["v1.3"] == [*BEGUN, ("deployed", "done", ""), ("healthy", "done", "")]
    assert found["v1.4"] == [*BEGUN, ("deployed", "held", NOT_BEGUN), ("healthy", "waiting", "")]


@pytest.mark.parametrize("end", [PROVEN, FAILED, ("changing: web", "baking:")])
def test_a_release_that_never_ran_itself_is_included_in_a_later_one_and_not_healthy(end: tuple[str, ...]) -> None:
    found = way(deployment(1, "2", *PROVEN), deployment(2, "4", *end))

    included = ("passed by", "included in 1.4")
    assert found["v1.3"] == [*BEGUN, ("deployed", *included), ("healthy", *included)]


def test_a_release_that_waits_says_its_own_reason_and_never_that_of_a_later_one() -> None:
    good, quarantined = deployment(1, "2", *PROVEN), deployment(3, "4", *FAILED)
    back = rollback(4, "2", *PROVEN, leaves=3)
    held = deployment(2, "3", "held: frozen until Monday")

    halted = way(good, candidate=candidate("4", halted="halted by ada"))

    assert halted["v1.3"][2] == ("deployed", "waiting", "comes with 1.4")
    assert halted["v1.4"][2] == ("deployed", "held", "deployments halted by ada")
    assert way(good, held)["v1.3"][2] == ("deployed", "held", "held: frozen until Monday")
    assert way(good, quarantined, back)["v1.3"][2:] == [
        ("deployed", "passed by", "included in 1.4"),
        ("healthy", "passed by", "included in 1.4"),
    ]


def test_a_release_is_never_merged_after_it_was_released() -> None:
    early = release("4", published=START - timedelta(minutes=5))

    (found,) = pipelines([early], Route(None, [], {}, {}, [], line("4")))

    assert [one.at for one in found.milestones] == [early.published, early.published]


@pytest.mark.parametrize(
    "last,deployed,healthy",
    [
        (("waiting: for #1",), ("under way", "waiting: for #1"), ("waiting", "")),
        (("changing: web", "baking:"), ("done", ""), ("under way", "baking:")),
        (FAILED, ("done", ""), ("failed", "failed: 8 bad samples in a row")),
        (("changing: web", "unknown: lost"), ("done", ""), ("failed", "unknown: lost")),
    ],
)
def test_a_release_is_as_far_as_its_last_deployment(
    last: tuple[str, ...], deployed: tuple[str, str], healthy: tuple[str, str]
) -> None:
    found = way(deployment(1, "2", *PROVEN), deployment(2, "4", *last))

    assert found["v1.4"] == [*BEGUN, ("deployed", *deployed), ("healthy", *healthy)]


def test_a_release_that_somebody_went_back_from_is_not_healthy_any_more() -> None:
    green = (deployment(1, "2", *PROVEN), deployment(2, "4", *PROVEN), rollback(3, "2", *PROVEN, leaves=2))

    assert way(*green)["v1.4"][-1] == ("healthy", "failed", "was rolled back (#3)")


def test_each_release_that_failed_says_why_itself_whatever_became_of_a_later_one() -> None:
    stale = deployment(2, "3", "changing: web", "failed: another version still answered")
    held = deployment(4, "4", "held: 1.4 failed here (#3)")

    found = way(deployment(1, "2", *PROVEN), stale, deployment(3, "4", *FAILED), held)

    assert found["v1.3"][-1] == ("healthy", "failed", "failed: another version still answered")
    assert found["v1.4"][-1] == ("healthy", "failed", "failed: 8 bad samples in a row")


def test_a_release_that_failed_gets_another_chance_with_a_later_one() -> None:
    later = deployment(3, "4", "changing: web", "baking:")

    found = way(deployment(1, "2", *PROVEN), deployment(2, "3", *FAILED), later)

    assert found["v1.3"][-1] == ("healthy", "under way", "with 1.4: baking:")


def test_a_release_that_was_healthy_stays_so_when_a_later_one_is_gone_back_from() -> None:
    proven = (deployment(1, "2", *PROVEN), deployment(2, "3", *PROVEN), deployment(3, "4", *PROVEN))

    found = way(*proven, rollback(4, "2", *PROVEN, leaves=3))

    assert found["v1.3"][-1] == ("healthy", "done", "")
    assert found["v1.4"][-1] == ("healthy", "failed", "was rolled back (#4)")


def test_a_withdrawn_release_is_passed_by() -> None:
    known = facts(ledger=(), candidate=None)
    route = Route(
        Cloud(branch="cloud", head=None, name=None, behind=()),
        [],
        {},
        {},
        [EnvironmentLedger(environment_status(known), ())],
        {},
    )

    (found,) = pipelines([release("4", withdrawn=True)], route)

    assert [(one.mark, one.text) for one in found.milestones[2:]] == [(StageState.PASSED_BY, "withdrawn")] * 3


def test_the_hosted_branch_is_a_milestone_with_the_time_of_its_tests() -> None:
    cloud = Cloud(branch="cloud", head=sha("3"), name="1.3", behind=("v1.4",), todo="`release-tool sync`")

    found = way(cloud=cloud)

    assert found["v1.3"][2] == ("in cloud", "done", "")
    assert found["v1.4"][2] == ("in cloud", "held", "waits for a person")
    assert found["v1.4"][3:] == [("deployed", "waiting", ""), ("healthy", "waiting", "")]


def test_a_half_done_release_says_how_to_finish_it() -> None:
    half_done = release("4", published=None, half_done=True, todo="finish it")
    cloud = Cloud(branch="cloud", head=None, name=None, behind=())

    (found,) = pipelines([half_done], Route(cloud, [], {}, {}, [], {}))

    assert [(one.name, one.mark, one.todo) for one in found.milestones] == [
        ("merged", StageState.DONE, ""),
        ("released", StageState.HELD, "finish it"),
        ("in cloud", StageState.WAITING, ""),
    ]


def test_authors_are_those_of_a_release_and_of_none_before_and_no_bots() -> None:
    history = {**line("1"), **line("1", "2")} | {
        one.sha: msgspec.structs.replace(one, message="Change\n\nCo-authored-by: Eve <eve@users.noreply.github.com>")
        for one in line("2", "3", author=Author("renovate[bot]", "renovate[bot]", bot=True)).values()
        if one.sha == sha("3")
    }

    assert authors([sha("1"), sha("3")], history) == {0: ("ada",), 1: ("ada", "eve")}


# What was missed


def kinds(found: Overview, **config: object) -> list[str]:
    """The kinds of cases that were missed."""
    return [case.kind for case in cases(found, msgspec.structs.replace(Config(), **config))]


def test_nothing_was_missed_where_everything_is_fine() -> None:
    assert kinds(seen(environment(deployment(1, "3", *PROVEN)), at=LATER)) == []


def test_a_change_that_is_not_released_for_long_was_missed() -> None:
    waiting = seen(changes=(brought(1, at=NOW),), unreleased=1, at=LATER)

    (case,) = cases(waiting, Config())
    assert (case.kind, case.text) == ("unreleased", "#1 was merged into main and is not released")
    assert kinds(msgspec.structs.replace(waiting, at=LATER - timedelta(seconds=1))) == []
    assert kinds(waiting, release_on="manual") == []
    assert kinds(seen(changes=(brought(1, at=NOW, bump="none"),), at=LATER)) == []


def test_a_half_done_release_that_nobody_is_at_work_on_was_missed() -> None:
    abandoned = release("4", published=None, half_done=True, todo="finish it")
    running = msgspec.structs.replace(abandoned, todo="")

    assert kinds(seen(releases=(abandoned,), half_done=("v1.4",))) == ["unreleased"]
    assert kinds(seen(releases=(running,), half_done=("v1.4",))) == []


def test_a_release_that_never_came_into_the_hosted_branch_was_missed_unless_somebody_was_told() -> None:
    cloud = Cloud(branch="cloud", head=sha("2"), name="1.2", behind=("v1.3",), todo="`release-tool sync`")
    behind = seen(cloud=cloud, releases=(release("3", published=NOW),), at=LATER)
    told = (Waiting(what="#9", url="", todo="resolve it", tag="v1.3"),)

    assert kinds(behind) == ["never-synced"]
    assert kinds(msgspec.structs.replace(behind, waiting=told)) == []
    assert kinds(msgspec.structs.replace(behind, releases=(release("3", published=NOW, withdrawn=True),))) == []


def test_a_release_that_nobody_began_to_deploy_was_missed_and_one_that_is_held_was_not() -> None:
    good = (deployment(1, "2", *PROVEN), deployment(2, "3", *PROVEN))

    assert kinds(seen(environment(*good, candidate=candidate("9"), since=NOW), at=LATER)) == ["never-deployed"]
    assert kinds(seen(environment(*good, candidate=candidate("9"), since=NOW, settings=BY_HAND), at=LATER)) == []
    halted = environment(*good, candidate=candidate("9", halted="halted"), since=NOW, halts=(halt(),))
    assert kinds(seen(halted, at=LATER)) == []


def sample(reading: Reading, target: str = "web-1", at: int = 0) -> Sample:
    return Sample(target=target, check="health", at=NOW + timedelta(seconds=at), sample=reading)


def test_drift_is_an_answer_of_another_version_or_a_bad_one() -> None:
    live = environment(deployment(1, "3", *PROVEN)).live

    stale = drift("production", live, [sample(Reading.OK), sample(Reading.STALE, at=1)])
    bad = drift("production", live, [sample(Reading.BAD), sample(Reading.OK, "web-2")])

    assert stale is not None
    assert stale.text == "web-1 in production answers with another version than 1.3, which the ledger says is live"
    assert bad is not None
    assert bad.text == "web-1 in production is not healthy with 1.3, which the ledger says is live"
    assert stale.key != bad.key


def test_the_drift_of_thousands_of_targets_has_room_in_an_issue() -> None:
    live = environment(deployment(1, "3", *PROVEN)).live
    names = [f"server-{number:04}.europe.production.shop.example" for number in range(5_000)]

    case = drift("production", live, [sample(Reading.BAD, name) for name in names])

    assert case is not None
    assert "server-0019.europe.production.shop.example and 4980 more in production" in case.text
    assert len(issue_text(case, OverdueState.TOLD)[1]) < 65_536


def test_a_good_last_answer_is_no_drift_and_what_could_not_be_measured_says_nothing() -> None:
    live = environment(deployment(1, "3", *PROVEN)).live

    assert drift("production", live, [sample(Reading.STALE), sample(Reading.OK, at=1)]) is None
    assert drift("production", live, [sample(Reading.UNMEASURABLE)]) is None
    assert drift("production", live, []) is None
    assert drift("production", None, [sample(Reading.STALE)]) is None


CASES = st.builds(OverdueCase, kind=st.sampled_from(OverdueKind), key=st.text(), text=st.text(), todo=st.text())


@given(CASES, st.sampled_from(OverdueState), st.sampled_from(OverdueState))
def test_how_far_a_case_was_told_is_read_from_its_issue_whatever_people_wrote(
    case: OverdueCase, before: OverdueState, after: OverdueState
) -> None:
    _, body = issue_text(case, before)

    assert read_mark(body) == mark_of(case, before)
    assert read_mark(remarked(body, mark_of(case, after))) == mark_of(case, after)


def test_a_quoted_mark_is_no_mark() -> None:
    _, body = issue_text(OverdueCase(kind=OverdueKind.DRIFT, key="a", text="", todo=""), OverdueState.TOLD)

    assert read_mark(f"> {body}") is None
    assert read_mark(body.replace("told", "sold")) is None
    assert read_mark("") is None


# The screen


def lines(found: Overview) -> list[str]:
    return [f"{one.label}|{one.text}|{one.todo}" for one in screen(found)]


def test_a_fine_repository_is_told_in_a_few_lines() -> None:
    good = environment(deployment(1, "2", *PROVEN), deployment(2, "3", *PROVEN, automatic=False))

    found = seen(good, cloud=Cloud(branch="cloud", head=sha("3"), name="1.3", behind=(), tested=True))

    assert lines(found) == snapshot(
        [
            "released|v1.3, 2026-11-20 12:00 UTC, 20 min ago, by ada|",
            "cloud|1.3, up to date|",
            "production|healthy: 1.3 (77de68daec) since 2026-11-20 12:02 UTC, 18 min ago, by ada|",
            "|rollback target: 1.2 (da4b9237ba)|",
        ]
    )
    assert {one.tone for one in screen(found)} <= {Tone.GOOD, Tone.PLAIN}


def test_everything_that_is_not_fine_says_what_to_do() -> None:
    broken = environment(
        deployment(1, "2", *PROVEN), deployment(2, "3", *FAILED), candidate=candidate("9", halted="x"), halts=(halt(),)
    )
    found = seen(
        broken,
        environment(name="staging"),
        cloud=Cloud(branch="cloud", head=sha("2"), name="1.2", behind=("v1.3",), todo="`release-tool sync`"),
        half_done=("v1.4",),
        releases=(release("4", half_done=True, todo="finish it"), release("3", withdrawn=True)),
        unreleased=2,
        halts=(halt(), halt(issue=8, incident=True, url=f"{URL}/issues/8", environment="production")),
        waiting=(Waiting(what="a run waits", url=URL, todo="approve it"),),
        cases=(OverdueCase(kind=OverdueKind.DRIFT, key="", text="web-1 answers with another version", todo="verify"),),
        unseen=("the runs",),
    )

    assert lines(found) == snapshot(
        [
            "released|v1.3, which was withdrawn|release a fix",
            "unreleased|2 changes on `main`|see `release-tool plan`",
            "half-done|v1.4|finish it",
            "cloud|1.2, behind by v1.3|`release-tool sync`",
            (
                "production|unhealthy, halted: 1.3 (#2) failed and nothing was proven since|"
                "`release-tool rollback -e production`"
            ),
            "|pending: 1.9 (deployments x)|`release-tool resume`",
            "|rollback target: 1.2 (da4b9237ba)|",
            "staging|nothing deployed|release something first: `release-tool plan`",
            "halted|everything by ada: the database is full (#7)|`release-tool resume`",
            "incident|production by ada: the database is full (#8)|`release-tool resume`",
            "waiting|a run waits|approve it",
            "drift|web-1 answers with another version|verify",
            "not seen|the runs|use a token with that right",
        ]
    )
    unhelpful = [one for one in screen(found) if one.tone in {Tone.CARE, Tone.BAD} and not one.todo]
    assert unhelpful == []


def test_a_new_repository_says_how_to_begin() -> None:
    empty = seen(
        released=None, releases=(), cloud=Cloud(branch="cloud", head=None, name=None, behind=(), todo="`sync`")
    )

    assert lines(empty) == snapshot(
        ["released|nothing yet|see `release-tool plan`", "cloud|does not exist yet|`sync` makes it"]
    )


def test_an_environment_is_told_closely() -> None:
    found = environment(deployment(1, "2", *PROVEN), deployment(2, "3", *LEFT), rollback(3, "2", *PROVEN, leaves=2))
    changes = Changes(before="1.1", after="1.2", url=URL, changes=(brought(4), brought(5, pull=None)))
    whole = seen(msgspec.structs.replace(found, changes=changes))

    assert [f"{one.label}|{one.text}|{one.todo}" for one in closely(whole, "production")] == snapshot(
        [
            "production|healthy: 1.2 (da4b9237ba) since 2026-11-20 12:03 UTC, 17 min ago, automatically|",
            "|no rollback target|the next healthy deployment makes one",
            "|not back to 1.2 (#3): it is being rolled back|",
            "|not back to 1.3 (#2): it was rolled back (#3)|",
            "quarantine|1.3 (77de68daec) was rolled back (#3)|",
            "changes|1.1 → 1.2: 2 changes|",
            "|#4 Search by name (ada)|",
            "|b14d807099 Search by name (ada)|",
            "#3|11-20 12:03 rollback 1.2 automatically in 3 s: healthy: every check held|",
            "#2|11-20 12:02 deploy 1.3 automatically in 2 s: failed: 8 bad samples in a row; rolled back to 1.2.3|",
            "#1|11-20 12:01 deploy 1.2 automatically in 3 s: healthy: every check held|",
            "delivery|frequency not known, lead time not known, failure rate not known, recovery not known|",
        ]
    )


@pytest.mark.parametrize(
    "seconds,text", [(-1, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


@given(st.text(max_size=2000))
def test_no_line_is_long_or_more_than_one_or_has_an_escape(hostile: str) -> None:
    good = environment(deployment(1, "3", *PROVEN), name=hostile or "x", candidate=candidate("9", halted=hostile))
    found = seen(
        msgspec.structs.replace(
            good,
            text=hostile,
            health=Health.UNKNOWN,
            missing=PendingVersion(name=hostile, commit="", since=None, why=hostile, todo=hostile),
        ),
        waiting=(Waiting(what=hostile, url="", todo=hostile),),
        halts=(halt(reason=hostile, by=hostile),),
        branch=hostile,
    )

    for one in screen(found):
        assert "\n" not in one.label + one.text + one.todo
        assert "\x1b" not in one.label + one.text + one.todo
        assert len(one.text) <= 240


def test_a_line_has_a_tone_and_says_nothing_to_do_by_itself() -> None:
    assert StatusLine("released", "v1.0.0") == ("released", "v1.0.0", Tone.PLAIN, "")


def test_the_document_has_its_number_and_reads_back() -> None:
    found = seen(environment(deployment(1, "3", *PROVEN)))
    text = document(found)

    assert text["schema"] == 1
    assert msgspec.convert(text, Overview) == found
