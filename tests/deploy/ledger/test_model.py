"""What a ledger says: what is live, what is quarantined, and where to go back to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.deploy.ledger.model import (
    TASK,
    DeploymentKind,
    Override,
    Payload,
    decode,
    encode,
    is_written,
    leaving,
    live,
    live_before,
    lost_proofs,
    over_by,
    proven_commits,
    quarantine,
    rollback_target,
    steps,
    yardstick,
)
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, describe
from release_tool.model.tags import Owner
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, START, deployment, phase, rollback

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

OWNERS = st.builds(Owner, run=st.integers(0, 10**12), attempt=st.integers(0, 9), job=st.text(), host=st.text())
PAYLOADS = st.builds(
    Payload,
    commit=st.integers().map(sha),
    name=st.text(),
    kind=st.sampled_from(DeploymentKind),
    automatic=st.booleans(),
    owner=OWNERS,
    by=st.text(),
    reason=st.text(),
    references=st.dictionaries(st.text(), st.text()),
    parent=st.none() | st.integers(1, 10**12),
    overrides=st.lists(st.sampled_from(Override)).map(tuple),
)
PAYLOAD = deployment(1, "a").payload
REPLACED = (*PROVEN, "replaced: by a newer one")


@given(PAYLOADS)
def test_a_payload_is_read_back_from_every_form_in_which_github_tells_it(payload: Payload) -> None:
    document = encode(payload)
    text = msgspec.json.encode(document).decode()
    assert document["schema"] == 1
    assert decode(TASK, document) == payload
    assert decode(TASK, text) == payload
    assert decode(TASK, msgspec.json.encode(text).decode()) == payload


def test_fields_that_a_later_release_tool_adds_are_passed_by() -> None:
    assert decode(TASK, encode(PAYLOAD) | {"weather": "fine", "owner": encode(PAYLOAD)["owner"]}) == PAYLOAD


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_another_tool_wrote_is_not_ours(payload: object) -> None:
    assert decode(TASK, payload) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": "1"},
        {"commit": "--upload-pack=x"},
        {"commit": sha("a") + "\n"},
        {"kind": "promote"},
        {"owner": None},
        {"automatic": "yes"},
    ],
)
def test_a_payload_that_can_not_be_understood_is_never_counted(change: dict[str, object]) -> None:
    assert decode(TASK, encode(PAYLOAD) | change) is None


def test_a_payload_without_a_schema_or_with_another_task_is_not_ours() -> None:
    document = encode(PAYLOAD)
    assert decode("deploy", document) is None
    assert decode(TASK, {key: value for key, value in document.items() if key != "schema"}) is None
    assert decode(TASK, "[" * 100_000) is None


def test_statuses_become_phases() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert [step.phase for step in steps([("queued", "waiting: for #1", at), ("success", "healthy:", at)])] == [
        PhaseRecord(Phase.WAITING, "for #1"),
        PhaseRecord(Phase.HEALTHY),
    ]


def test_what_ended_is_not_begun_again_by_a_status_that_was_sent_before_and_arrived_late() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    late = ("in_progress", "baking: the new version answers", at)

    assert steps([("success", "healthy: it holds", at), late]) == steps([("success", "healthy: it holds", at)])
    assert steps([("inactive", "", at), late])[-1].phase.word is Phase.BAKING  # GitHub itself writes that one


def test_a_deployment_without_any_status_waits() -> None:
    new = deployment(1, "a")
    assert (new.phase.word, new.finished, new.in_progress, new.changed) == (Phase.WAITING, False, False, False)
    assert new.seen_at == new.created


@pytest.mark.parametrize(
    "lines, known, possible",
    [
        (("changing: a", "changing: b … c"), "abc", "abc"),
        (("changing: a",), "a", "a"),
        (("changing: a", "changing: b … gone"), "a", "abcd"),
        (("changing: a", "changing: gone"), "a", "abcd"),
        (("changing: c … b",), "", "abcd"),
        (("waiting:",), "", ""),
    ],
)
def test_where_a_wave_has_targets_that_nobody_knows_any_more_any_may_have_been_touched(
    lines: tuple[str, ...], known: str, possible: str
) -> None:
    one = deployment(1, "a", *lines)
    assert one.touched("abcd") == tuple(known)
    assert one.may_have_touched("abcd") == tuple(possible)


def test_a_deployment_knows_which_targets_it_touched_and_when_it_was_seen_last() -> None:
    one = deployment(1, "a", "changing: web-1", "verifying: web-1", "baking:", "changing: web-2", "changing: web-2")
    assert one.touched(("web-1", "web-2", "web-3")) == ("web-1", "web-2")
    assert one.seen_at > one.created >= START


@pytest.mark.parametrize("end", ["held: halted", "superseded: by #2", "refused: halted", "not done: no way"])
def test_what_changed_nothing_leaves_what_is_live(end: str) -> None:
    ledger = [deployment(1, "a", *PROVEN), deployment(2, "b", "waiting:", end)]
    assert live(ledger).commit == sha("a")


def test_nothing_is_live_before_the_first_deployment() -> None:
    assert live([]).commit is None
    assert live([]).unknown == ""
    assert live([deployment(1, "a", "held: first")]).unknown == ""


@pytest.mark.parametrize(
    "lines, why",
    [
        (("changing: web",), "1.b (#2) is under way"),
        (FAILED, "1.b (#2) failed and nothing was proven since"),
        (("changing: web", "unknown: lost"), "the outcome of 1.b (#2) is unknown"),
        (REPLACED, "the outcome of 1.b (#2) is unknown"),
        (("changing: web", "rolling back: bad"), "1.b (#2) is under way"),
    ],
)
def test_after_a_change_that_was_not_proven_what_is_live_is_unknown(lines: tuple[str, ...], why: str) -> None:
    found = live([deployment(1, "a", *PROVEN), deployment(2, "b", *lines)])
    assert found.commit is None
    assert found.unknown == why


def test_a_rollback_that_succeeded_is_live() -> None:
    ledger = [deployment(1, "a", *REPLACED), deployment(2, "b", *LEFT), rollback(3, "a", *PROVEN, leaves=2)]
    assert live(ledger).commit == sha("a")


def test_a_record_is_live_and_an_unfinished_one_changed_nothing() -> None:
    ledger = [
        deployment(1, "a", *PROVEN),
        deployment(2, "b", "verifying: web", kind=DeploymentKind.RECORD, automatic=False),
    ]
    assert live(ledger).commit == sha("a")
    ledger[1] = deployment(2, "b", "verifying: web", "healthy:", kind=DeploymentKind.RECORD, automatic=False)
    assert live(ledger).commit == sha("b")


A = deployment(1, "a", *REPLACED)
B = deployment(2, "b", *REPLACED)


@pytest.mark.parametrize(
    "ledger, expected",
    [
        ([A, B, deployment(3, "c", *FAILED)], {"c": "failed here (#3)"}),
        ([A, B, deployment(3, "c", "changing: web", "unknown: no network")], {}),
        ([A, B, deployment(3, "c", "not done: no checkout")], {}),
        ([A, B, rollback(3, "a", *PROVEN, leaves=2, automatic=False)], {"b": "was rolled back (#3)"}),
        ([A, B, rollback(3, "a", "refused: irreversible", leaves=2, automatic=False)], {}),
        ([A, B, deployment(3, "c", *FAILED), rollback(4, "b", *FAILED, leaves=3)], {"c": "was rolled back (#4)"}),
        ([A, deployment(2, "b", *FAILED), deployment(3, "b", *PROVEN, automatic=False)], {}),
        (
            [
                A,
                deployment(2, "b", *FAILED),
                deployment(3, "b", "healthy:", kind=DeploymentKind.RECORD, automatic=False),
            ],
            {},
        ),
        ([A, deployment(2, "b", *FAILED), deployment(3, "b", *PROVEN)], {"b": "failed here (#2)"}),
        ([A, deployment(2, "b", *FAILED), deployment(3, "b", *FAILED, automatic=False)], {"b": "failed here (#3)"}),
        ([A, deployment(2, "b", *PROVEN, automatic=False), deployment(3, "b", *FAILED)], {"b": "failed here (#3)"}),
    ],
    ids=[
        "a failed deployment is quarantined",
        "an inconclusive one is not",
        "one that changed nothing is not",
        "what a person rolled back from is",
        "a rollback that never began quarantines nothing",
        "a failed rollback does not quarantine what it went back to",
        "a person's healthy deployment ends it",
        "a record ends it",
        "an automatic one does not",
        "a person's failed one does not",
        "what was proven can fail later",
    ],
)
def test_quarantine(ledger: list[Deployment], expected: dict[str, str]) -> None:
    assert quarantine(ledger) == {sha(commit): why for commit, why in expected.items()}


def test_the_way_back_is_what_was_proven_last_and_says_why_not_the_others() -> None:
    ledger = [
        deployment(1, "a", *REPLACED),
        deployment(2, "b", *REPLACED),
        deployment(3, "c", *REPLACED),
        deployment(4, "d", "changing: web", "unknown: lost"),
        deployment(5, "e", *FAILED),
        deployment(6, "f", *PROVEN),
        deployment(7, "g", "held: halted"),
        deployment(8, "h", "changing: web"),
    ]
    back = rollback_target(ledger, sha("h"), withdrawn={sha("f")}, gone={sha("c")})
    assert back.choice == ledger[1]
    assert back.reason == (
        "1.b (#2) is the last known good; leaving 1.h (#8); 1.f (#6) was withdrawn; "
        "1.e (#5) failed here (#5); 1.d (#4) was never proven here; "
        "1.c (#3) is in neither the deployed branch nor a release any more"
    )


def test_without_anything_proven_there_is_no_way_back() -> None:
    assert rollback_target([], sha("a")).reason == "there is no rollback target"
    assert rollback_target([deployment(1, "a", *FAILED)], sha("b")).choice is None


def test_a_commit_that_was_proven_once_and_then_again_is_as_good_as_its_latest_proof() -> None:
    ledger = [A, B, rollback(3, "a", *PROVEN, leaves=2), deployment(4, "c", "changing: web")]
    assert proven_commits(ledger) == (sha("a"), sha("b"))
    assert rollback_target(ledger, sha("c")).choice == ledger[2]


def test_a_failed_release_in_between_is_never_gone_back_to() -> None:
    ledger = [A, deployment(2, "b", *LEFT), rollback(3, "a", *REPLACED, leaves=2), deployment(4, "c", "changing: web")]
    back = rollback_target(ledger, sha("c")).choice
    assert back is not None
    assert back.commit == sha("a")


def test_a_rollback_leaves_what_was_brought_last() -> None:
    running = deployment(3, "c", "changing: web")
    assert leaving([A, B]) == B
    assert leaving([A, B, running]) == running
    assert leaving([A, B, deployment(3, "c", "held: halted")]) == B
    assert leaving([A, rollback(2, "b", *PROVEN, leaves=1)]) == rollback(2, "b", *PROVEN, leaves=1)
    assert leaving([]) is None


def test_after_a_failed_rollback_the_next_one_still_leaves_the_bad_release_and_goes_to_what_has_its_proof() -> None:
    bad = deployment(3, "c", *FAILED)
    ledger = [A, B, bad, rollback(4, "b", *FAILED, leaves=3)]
    assert leaving(ledger) == bad
    assert rollback_target(ledger, bad.commit).choice == A
    command = rollback(4, "b", "changing: web", "failed: the command for web ended with code 1", leaves=3)
    assert rollback_target([A, B, bad, command], bad.commit).choice == B, "its command says nothing about a version"


def test_a_proof_is_lost_by_what_is_seen_later_and_comes_back_by_another_one() -> None:
    lost = deployment(2, "b", *PROVEN, "unhealthy: it restarted 3 times")
    assert (lost.proven, lost.healthy, lost.disproven) == (True, True, "it restarted 3 times")
    assert live([A, lost]).deployment == lost, "it is what runs"
    assert rollback_target([A, lost, deployment(3, "c", *FAILED)], sha("c")).choice == A
    replaced = deployment(2, "b", *PROVEN, "unhealthy: it restarted 3 times", "replaced: by 1.c")
    assert lost_proofs([A, replaced]) == {sha("b"): "was found unhealthy after it was proven (#2)"}
    assert not lost_proofs([A, replaced, deployment(4, "b", *PROVEN)])
    assert not lost_proofs([A, deployment(2, "b", *PROVEN, "unhealthy: slow", "healthy: every check held")])


def test_age_is_measured_against_what_is_live_else_the_last_known_good() -> None:
    assert yardstick([A, deployment(2, "b", *PROVEN)]) == sha("b")
    assert yardstick([A, deployment(2, "b", "changing: web", "unknown: lost")]) == sha("a")
    assert yardstick([deployment(1, "a", *FAILED)]) is None


def test_a_no_is_written_once_for_each_commit_and_reason() -> None:
    ledger = [deployment(1, "a", "held: halted by ada")]
    assert is_written(ledger, sha("a"), PhaseRecord(Phase.HELD, "halted\nby ada"))
    assert not is_written(ledger, sha("a"), PhaseRecord(Phase.HELD, "frozen"))
    assert not is_written(ledger, sha("b"), PhaseRecord(Phase.HELD, "halted by ada"))


def test_a_no_is_written_once_whoever_is_owed_the_message_of_it() -> None:
    why = "halted by ada: " + "the database is slow " * 20
    told = phase(describe(PhaseRecord(Phase.HELD, why, owed=("team", "ops")))[1])
    for owed in (("team", "ops"), ("ops",), ()):
        line = describe(msgspec.structs.replace(told, owed=owed))[1]
        assert is_written([deployment(1, "a", line)], sha("a"), PhaseRecord(Phase.HELD, why))


def test_an_end_that_is_written_again_is_no_step_and_keeps_its_time() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    later, last = at + timedelta(hours=1), at + timedelta(hours=2)
    found = steps(
        [
            ("success", "healthy: good [tell: team, ops]", at),
            ("success", "healthy: good [tell: ops]", later),
            ("inactive", "replaced: by #2 [tell: ops]", last),
        ]
    )
    assert [(step.phase, step.at) for step in found] == [
        (PhaseRecord(Phase.HEALTHY, "good", owed=("ops",)), at),
        (PhaseRecord(Phase.REPLACED, "by #2", owed=("ops",)), last),
    ]
    alive = steps([("in_progress", "baking:", at), ("in_progress", "baking:", later)])
    assert len(alive) == 2, "that somebody is alive is news"


A_FAILED = deployment(2, "b", *FAILED)
A_LEFT = deployment(2, "b", *LEFT)
BACK = rollback(3, "a", *PROVEN, leaves=2)
TAKEN_OVER = deployment(2, "b", "changing: web", "failed: a person took over; handed over to #3")


@pytest.mark.parametrize(
    "earlier, was_live, over",
    [
        pytest.param([], None, None, id="the first"),
        pytest.param([A], 1, None, id="after a healthy one"),
        pytest.param([A, deployment(2, "b", "held: halted")], 1, None, id="after one that was held"),
        pytest.param([A, A_FAILED], None, 2, id="after a failure"),
        pytest.param([A, deployment(2, "b", "changing: web", "unknown: lost")], None, 2, id="after nobody knew"),
        pytest.param([A, A_LEFT, BACK], 3, 2, id="after a failure that was rolled back"),
        pytest.param([A, A_FAILED, rollback(3, "a", *FAILED, leaves=2)], None, 2, id="after a rollback that failed"),
        pytest.param([A, TAKEN_OVER, rollback(3, "a", *PROVEN, leaves=2, automatic=False)], 3, None, id="a person's"),
        pytest.param([A, deployment(2, "b", "changing: web")], None, None, id="while another one is under way"),
    ],
)
def test_a_healthy_deployment_knows_what_it_replaced_and_what_is_over_by_it(
    earlier: list[Deployment], was_live: int | None, over: int | None
) -> None:
    new = deployment(9, "c", *PROVEN)
    before, failed = live_before([*earlier, new], new), over_by([*earlier, new], new)
    assert (before.id if before else None, failed.id if failed else None) == (was_live, over)


def test_only_a_deployment_is_rolled_back_by_itself_and_never_where_a_person_ruled_it_out() -> None:
    assert deployment(1, "a").can_roll_back
    assert deployment(1, "a", overrides=(Override.HALT, Override.OLDER)).can_roll_back
    assert not deployment(1, "a", overrides=(Override.IRREVERSIBLE,)).can_roll_back
    assert not deployment(1, "a", overrides=(Override.NO_WAY_BACK,)).can_roll_back
    assert not rollback(1, "a", leaves=0).can_roll_back


def test_nothing_is_held_against_a_commit_whose_run_died() -> None:
    died = deployment(2, "b", "changing: web", "failed: interrupted, and nothing answers; rolled back to 1.a")
    back = rollback(3, "a", *PROVEN, leaves=2)
    assert quarantine([deployment(1, "a", *PROVEN), died, back]) == {}
    stuck = deployment(2, "b", "changing: web", "failed: there is no way back, after this: interrupted, and found so")
    assert quarantine([stuck]) == {}
    own = deployment(2, "b", "changing: web", "failed: found unhealthy after an interruption; rolled back to 1.a")
    assert list(quarantine([deployment(1, "a", *PROVEN), own, back])) == [sha("b")]


def test_what_was_found_to_have_changed_nothing_leaves_live_what_was() -> None:
    undone = deployment(2, "b", "changing: web", "not done: interrupted before it changed anything")
    assert live([deployment(1, "a", *PROVEN), undone]).commit == sha("a")
    assert (undone.changed, undone.undone, undone.touched(("web",))) == (False, True, ())
