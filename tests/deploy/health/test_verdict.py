"""Samples become a verdict: `+` is a good one, `o` one of the old version, `-` a bad one, `?` one that told nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, permutations
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Check, Duration, Environment
from release_tool.config.read import parse
from release_tool.deploy.health.verdict import (
    HealthAnalysis,
    HealthRule,
    HealthState,
    HealthVerdict,
    Reading,
    Sample,
    checks_of,
    combined,
    rules_of,
)
from tests.test_config import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDED = datetime(2026, 1, 5, 12, tzinfo=UTC)
SAMPLE_CONFIGURATION = parse(COMPLETE, "pyproject.toml").environments["production"]
RULE = msgspec.structs.replace(rules_of(SAMPLE_CONFIGURATION, ["web-1"])[0], samples=1)
READINGS = {"+": Reading.OK, "o": Reading.STALE, "-": Reading.BAD, "?": Reading.UNMEASURABLE}

SMALL = HealthRule(
    target="web-1",
    check="http",
    interval=timedelta(seconds=2),
    timeout=timedelta(seconds=2),
    threshold=3,
    budget=20,
    deadline=timedelta(seconds=30),
    bake=timedelta(seconds=20),
)
"""A rule that is quick to decide: what holds for it holds for longer ones."""


def after(seconds: float) -> datetime:
    return ENDED + timedelta(seconds=seconds)


def sample(sign: str, seconds: float, rule: HealthRule = RULE, detail: str = "") -> Sample:
    return Sample(target=rule.target, check=rule.check, at=after(seconds), sample=READINGS[sign], detail=detail)


def fed(signs: str, rule: HealthRule = RULE, begin: float = 0) -> HealthAnalysis:
    """Feed one sample every two seconds, the first one at `begin`."""
    health = HealthAnalysis.begun([rule], ENDED)
    for number, sign in enumerate(signs):
        health = health.observed(sample(sign, begin + 2 * number, rule))
    return health


def state(signs: str, rule: HealthRule = RULE) -> HealthState:
    return fed(signs, rule).state


def decided_at(signs: Iterable[str], rule: HealthRule = SMALL) -> tuple[HealthState, float]:
    """The verdict, and the seconds after the command when it fell."""
    health = fed("".join(signs), rule)
    return health.state, (health.now - ENDED).total_seconds()


def test_a_deployment_is_healthy_with_the_sample_that_makes_the_bake_whole_and_not_before() -> None:
    assert state("+" * 60) is HealthState.PENDING
    assert fed("+" * 61).verdict == HealthVerdict(HealthState.HEALTHY, "the new version answered well for 2m")


def test_a_service_that_needs_a_minute_to_start_comes_out_healthy() -> None:
    assert state("-" * 30) is HealthState.STARTING
    assert decided_at("-" * 30 + "+" * 61, RULE) == (HealthState.HEALTHY, 180)


def test_a_rolling_update_that_answers_with_both_versions_for_a_while_comes_out_healthy() -> None:
    assert decided_at("o" * 10 + "o+" * 30 + "+oo++o+++" * 4 + "+" * 61, RULE)[0] is HealthState.HEALTHY


def test_the_eighth_bad_sample_in_a_row_fires_and_the_seventh_does_not() -> None:
    assert state("+" + "-" * 7) is HealthState.PENDING
    assert fed("+" + "-" * 8).verdict == HealthVerdict(HealthState.UNHEALTHY, "`web-1` `http`: 8 bad samples in a row")


def test_one_good_sample_resets_the_run_of_bad_ones() -> None:
    assert state("+" + "-" * 7 + "+" + "-" * 7) is HealthState.PENDING
    assert state("+" + "-" * 7 + "+" + "-" * 8) is HealthState.UNHEALTHY


def test_an_answer_of_the_old_version_ends_a_run_of_bad_samples_too() -> None:
    assert state("+" + "-" * 7 + "o" + "-" * 7) is HealthState.PENDING


def test_until_the_new_version_has_answered_well_once_bad_samples_do_not_count() -> None:
    assert state("-" * 150) is HealthState.STARTING
    assert state("-" * 150 + "+" + "-" * 7) is HealthState.PENDING


def test_a_stale_sample_starts_the_bake_anew() -> None:
    assert state("+" * 60 + "o" + "+" * 60) is HealthState.PENDING
    assert decided_at("+" * 60 + "o" + "+" * 61, RULE) == (HealthState.HEALTHY, 242)


def test_samples_that_tell_nothing_neither_break_a_run_of_bad_ones_nor_lengthen_it() -> None:
    assert state("+" + "-" * 4 + "?" * 9 + "-" * 3) is HealthState.PENDING
    assert state("+" + "-" * 4 + "?" * 9 + "-" * 4) is HealthState.UNHEALTHY


def test_time_in_which_nothing_was_measured_is_no_part_of_the_bake() -> None:
    assert state("+" * 30 + "?" * 30 + "+") is HealthState.PENDING
    paused = fed("+" * 30).observed(sample("+", 200))
    assert paused.left() == timedelta(minutes=2) - timedelta(seconds=58) - RULE.interval - RULE.timeout


def test_a_bake_ends_with_a_good_sample() -> None:
    assert state("+" * 60 + "-") is HealthState.PENDING
    assert state("+" * 60 + "-" + "+" * 8) is HealthState.HEALTHY


def test_a_bad_sample_makes_the_bake_eight_intervals_longer() -> None:
    assert state("+" * 30 + "-" + "+" * 37) is HealthState.PENDING
    assert state("+" * 30 + "-" + "+" * 38) is HealthState.HEALTHY


def test_in_an_interval_of_several_samples_a_bad_one_costs_its_share_and_a_stale_one_all() -> None:
    rule = msgspec.structs.replace(RULE, samples=3)

    def said(*intervals: str) -> HealthAnalysis:
        health = HealthAnalysis.begun([rule], ENDED)
        for number, signs in enumerate(intervals):
            health = health.observed(*(sample(sign, 2 * number, rule) for sign in signs))
        return health

    assert said(*["+++"] * 61).state is HealthState.HEALTHY
    assert said(*["+++"] * 30, "+-+", *["+++"] * 32).state is HealthState.PENDING
    assert said(*["+++"] * 30, "+-+", *["+++"] * 33).state is HealthState.HEALTHY
    assert said(*["+++"] * 30, "+o+", *["+++"] * 60).state is HealthState.PENDING
    assert said("+++", *["---"] * 7, "-+-", *["---"] * 7).state is HealthState.PENDING
    assert said("+++", *["---"] * 8).verdict.reason == "`web-1` `http`: 8 bad intervals in a row"
    assert said("+++", *["?-?"] * 8).state is HealthState.UNHEALTHY, "what was not measured tells nothing"


@pytest.mark.parametrize("up, down", [(15, 2), (30, 4)], ids=["30 s and 4 s", "60 s and 8 s"])
def test_what_is_up_and_down_in_the_same_rhythm_is_never_healthy(up: int, down: int) -> None:
    verdict = fed(("+" * up + "-" * down) * 20).verdict
    assert verdict.state is HealthState.UNHEALTHY
    assert "bad" in verdict.reason


def test_after_a_gap_the_bake_begins_anew_and_the_deadline_moves() -> None:
    slept = fed("+" * 50 + "-" * 7).interrupted(timedelta(hours=1), after(3700))
    assert (slept.state, slept.tracks[0].bad, slept.tracks[0].bake) == (HealthState.PENDING, 0, None)
    assert slept.ticked(after(3701)).state is HealthState.PENDING
    late = fed("-" * 140 + "+" * 20).interrupted(timedelta(minutes=1), after(380))
    assert late.ticked(after(381)).state is HealthState.PENDING, "there is time to begin again"


def test_the_budget_allows_every_tenth_sample_of_the_bake_to_be_bad_and_not_one_more() -> None:
    rule = msgspec.structs.replace(RULE, bake=timedelta(seconds=38))
    assert state("+-+-" + "+" * 18, rule) is HealthState.PENDING
    assert state("+-+-" + "+" * 19, rule) is HealthState.HEALTHY  # 1 of 20, and the others are forgotten
    early = msgspec.structs.replace(RULE, budget=60)
    assert (
        state("+" * 5 + "-+" * 28, early) is HealthState.HEALTHY
    )  # 28 of 61, and a budget that large makes nothing longer
    assert state("+" * 5 + "-+" * 6 + "+" * 44) is HealthState.PENDING
    assert state("+" * 5 + "-+" * 6 + "+" * 60) is HealthState.HEALTHY


def test_the_budget_counts_the_samples_of_the_bake_and_none_before_it() -> None:
    assert state("-" * 100 + "+" * 61) is HealthState.HEALTHY
    assert state("+-" * 20 + "o" + "+" * 61) is HealthState.HEALTHY


def test_bad_samples_count_for_no_more_than_the_good_ones_before_them() -> None:
    unsteady = "+" + "-" * 7
    assert decided_at(unsteady + "+" * 80, RULE) == (HealthState.HEALTHY, 2 * (7 + 60))


def test_too_many_bad_samples_in_the_last_bake_that_began_in_time_are_unhealthy() -> None:
    signs = "-" * 150 + "++++++--" * 8
    assert fed(signs).verdict.reason == "`web-1` `http`: 14 of 61 samples were bad, more than 10 %"
    assert decided_at(signs, RULE) == (HealthState.UNHEALTHY, 420)


def test_a_whole_bake_of_good_samples_makes_good_what_was_bad_before_it() -> None:
    signs = "-" * 150 + "+" * 8 + "-" * 7 + "+" * 61
    assert decided_at(signs, RULE) == (HealthState.HEALTHY, 448)


def test_a_bake_may_begin_at_the_very_deadline_and_not_later() -> None:
    assert decided_at("-" * 150 + "+" * 61, RULE) == (HealthState.HEALTHY, 420)
    assert decided_at("-" * 151 + "+" * 61, RULE) == (HealthState.UNHEALTHY, 302)


def test_the_deadline_counts_from_the_end_of_the_command() -> None:
    late = HealthAnalysis.begun([RULE], ENDED).observed(sample("-", 299))
    assert late.ticked(after(300)).state is HealthState.STARTING
    assert late.ticked(after(300.001)).verdict == HealthVerdict(
        HealthState.UNHEALTHY, "`web-1` `http`: the new version had not answered well 5m after the command"
    )


def test_a_bake_that_breaks_after_the_deadline_is_not_begun_again() -> None:
    health = fed("-" * 140 + "+" * 20).observed(sample("o", 320, detail="answered 1.2.3"))
    assert health.state is HealthState.UNHEALTHY
    assert (
        health.verdict.reason == "`web-1` `http`: another version still answered 5m after the command (answered 1.2.3)"
    )


def test_an_old_version_that_stays_is_unhealthy_at_the_deadline() -> None:
    assert state("o" * 151) is HealthState.STARTING
    assert fed("o" * 151).ticked(after(301)).verdict.reason == (
        "`web-1` `http`: another version still answered 5m after the command"
    )


@pytest.mark.parametrize(
    "signs, expected",
    [
        ("?" * 151, HealthState.INCONCLUSIVE),
        ("-" * 143 + "?" * 8, HealthState.INCONCLUSIVE),
        ("-" * 144 + "?" * 7, HealthState.UNHEALTHY),
        ("-" * 142 + "?" * 8 + "-", HealthState.UNHEALTHY),
        ("-" * 142 + "?" * 7 + "o?", HealthState.UNHEALTHY),
        ("-" * 120 + "+" * 23 + "?" * 8, HealthState.INCONCLUSIVE),
        ("-" * 120 + "+" * 24 + "?" * 7, HealthState.PENDING),
        ("", HealthState.INCONCLUSIVE),
        ("?" * 3, HealthState.INCONCLUSIVE),
    ],
)
def test_what_could_not_be_measured_at_the_deadline_is_inconclusive(signs: str, expected: HealthState) -> None:
    health = fed(signs)
    assert health.state in {HealthState.STARTING, HealthState.PENDING}
    assert health.ticked(after(300.5)).state is expected


def test_a_check_that_asks_seldom_is_inconclusive_when_none_of_its_few_samples_told_anything() -> None:
    seldom = HealthAnalysis.begun([msgspec.structs.replace(RULE, interval=timedelta(minutes=1))], ENDED)
    for second in range(0, 301, 60):
        seldom = seldom.observed(sample("?", second))
    assert seldom.ticked(after(301)).state is HealthState.INCONCLUSIVE


def test_a_bake_that_nobody_measures_any_more_after_the_deadline_is_inconclusive() -> None:
    baking = fed("-" * 140 + "+" * 15)
    silence = RULE.threshold * (RULE.interval + RULE.timeout)
    assert baking.ticked(baking.now + silence).state is HealthState.PENDING
    assert baking.ticked(baking.now + silence + timedelta(seconds=1)).state is HealthState.INCONCLUSIVE
    assert state("-" * 140 + "+" * 15 + "?" * 8) is HealthState.INCONCLUSIVE


def test_a_network_that_comes_back_before_the_deadline_is_forgiven() -> None:
    assert state("?" * 100 + "+" * 61) is HealthState.HEALTHY


def test_what_was_measured_before_the_command_ended_says_nothing() -> None:
    health = HealthAnalysis.begun([RULE], ENDED).observed(sample("+", -0.1))
    assert health.state is HealthState.STARTING


def test_a_sample_that_comes_late_does_not_turn_back_the_time() -> None:
    health = HealthAnalysis.begun([RULE], ENDED).ticked(after(200)).observed(sample("-", 150))
    assert (health.now, health.left()) == (after(200), timedelta(seconds=100))


def test_a_sample_of_a_check_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="no check 'other' of a target 'web-1' is waited for"):
        HealthAnalysis.begun([RULE], ENDED).observed(msgspec.structs.replace(sample("+", 0), check="other"))


def test_without_a_check_nothing_is_healthy_by_accident() -> None:
    with pytest.raises(ValueError, match="without a check nothing can be called healthy"):
        HealthAnalysis.begun(rules_of(Environment(command=("./deploy.sh",)), ["web-1"]), ENDED)


def test_what_a_server_says_of_itself_is_shown_without_its_escapes() -> None:
    health = fed("+" + "-" * 7).observed(sample("-", 16, detail="status 500: \x1b[31moops\n"))
    assert health.verdict.reason == "`web-1` `http`: 8 bad samples in a row (status 500: oops)"


@pytest.mark.parametrize(
    "signs, reason, left",
    [
        ("-" * 11, "the new version has not answered well yet", 280),
        ("+" * 16, "good for 30s of 2m", 90),
        ("+" * 16 + "o", "another version answers, too", 268),
        ("+" * 61, "", 0),
    ],
)
def test_a_person_who_waits_sees_what_is_waited_for_and_how_long_it_takes(signs: str, reason: str, left: int) -> None:
    health = fed(signs)
    assert reason in health.verdict.reason
    assert health.left() == timedelta(seconds=left)


@pytest.mark.parametrize(
    "states, expected",
    [
        ("healthy", "healthy"),
        ("healthy healthy", "healthy"),
        ("healthy pending", "pending"),
        ("healthy starting pending", "starting"),
        ("healthy inconclusive", "inconclusive"),
        ("inconclusive pending", "pending"),
        ("inconclusive starting", "starting"),
        ("inconclusive unhealthy", "unhealthy"),
        ("healthy pending starting inconclusive unhealthy", "unhealthy"),
    ],
)
def test_several_are_healthy_when_all_are_and_unhealthy_when_one_is(states: str, expected: str) -> None:
    for order in permutations(map(HealthState, states.split())):
        assert combined(order) is HealthState(expected)


OTHER = msgspec.structs.replace(RULE, check="worker")


def together(http: str, worker: str) -> HealthAnalysis:
    health = HealthAnalysis.begun([RULE, OTHER], ENDED)
    for number, signs in enumerate(zip(http, worker, strict=True)):
        for sign, rule in zip(signs, (RULE, OTHER), strict=True):
            health = health.observed(sample(sign, 2 * number, rule))
    return health


def test_checks_are_healthy_in_the_same_bake_and_not_one_after_the_other() -> None:
    late = "-" * 40 + "+" * 60
    assert together("+" * 100, late).state is HealthState.PENDING
    assert together("+" * 101, late + "+").state is HealthState.HEALTHY
    assert together("+" * 99 + "o+", late + "+").state is HealthState.PENDING
    assert together("+" * 101 + "-" * 2, late[:-1] + "o+++").state is HealthState.PENDING


def test_a_check_that_held_can_still_fail_while_another_one_is_waited_for() -> None:
    assert together("+" * 80 + "-" * 8, "-" * 50 + "+" * 38).verdict.reason == "`web-1` `http`: 8 bad samples in a row"


def test_a_fault_of_our_own_at_one_check_does_not_hide_that_another_one_fails() -> None:
    blind_and_baking = together("?" * 152, "-" * 140 + "+" * 12)
    assert blind_and_baking.state is HealthState.PENDING
    for second in range(304, 320, 2):
        blind_and_baking = blind_and_baking.observed(sample("-", second, OTHER))
    assert blind_and_baking.state is HealthState.UNHEALTHY


def test_an_inconclusive_verdict_says_what_was_in_the_way() -> None:
    health = fed("-" * 150).observed(sample("+", 300)).observed(sample("-", 302))
    for second in range(304, 320, 2):
        health = health.observed(sample("?", second, detail="the network of this machine is down"))
    assert health.verdict == HealthVerdict(
        HealthState.INCONCLUSIVE,
        "`web-1` `http`: the latest samples were unmeasurable, and the deadline of 5m is over"
        " (the network of this machine is down)",
    )


def test_every_track_can_tell_a_person_where_it_is() -> None:
    http, worker = together("+" * 61, "-" * 31 + "+" * 30).tracks
    assert (http.state, http.reason) == (HealthState.HEALTHY, "`web-1` `http`: good for 2m")
    assert (worker.state, worker.reason) == (HealthState.PENDING, "`web-1` `worker`: good for 58s of 2m")


def test_what_was_inconclusive_stays_so_while_another_check_is_waited_for() -> None:
    assert together("?" * 151 + "+" * 50, "-" * 140 + "+" * 61).state is HealthState.INCONCLUSIVE


@pytest.mark.parametrize(
    "proving, proven",
    [({}, False), ({"web-1"}, False), ({"web-1", "web-2"}, True)],
    ids=["none", "one", "both"],
)
def test_proven_takes_a_check_that_tells_the_version_on_every_target(proving: set[str], proven: bool) -> None:
    rules = [
        msgspec.structs.replace(SMALL, target=target, check=check, proves=check == "http" and target in proving)
        for target in ("web-1", "web-2")
        for check in ("http", "tcp")
    ]
    assert HealthAnalysis.begun(rules, ENDED).proven is proven


def test_a_healthy_deployment_that_no_check_proved_says_so() -> None:
    verdict = fed("+" * 11, SMALL).verdict
    assert verdict.reason == "the new version answered well for 20s, which is unproven: no check tells the version"


def test_the_rule_of_a_check_is_what_the_configuration_says() -> None:
    assert (RULE.target, RULE.check, RULE.threshold, RULE.budget, RULE.proves) == ("web-1", "http", 8, 10, True)
    assert (RULE.interval, RULE.timeout) == (Duration(seconds=2), Duration(seconds=2))
    assert (RULE.deadline, RULE.bake) == (Duration(minutes=5), Duration(minutes=2))


@pytest.mark.parametrize("key", ["version_pointer", "version_header", "version_pattern"])
def test_every_way_to_tell_the_version_proves_it(key: str) -> None:
    environment = Environment(command=("x",), checks=(msgspec.structs.replace(Check(), **{key: "/x"}), Check()))
    assert [rule.proves for rule in rules_of(environment, ["web-1"])] == [True, False]


def test_an_environment_that_only_names_its_health_page_has_a_whole_check() -> None:
    environment = Environment(command=("./deploy.sh",), health="https://ada:secret@app.example.com/health")
    assert checks_of(environment) == (Check(name="http", url=environment.health),)


def test_checks_are_told_apart_by_name() -> None:
    checks = (Check(), Check(name="http-2"), Check(), Check(kind="tcp"), Check(name="page"))
    names = [check.name for check in checks_of(Environment(command=("x",), health="/up", checks=checks))]
    assert names == ["http", "http-3", "http-2", "http-4", "tcp", "page"]


signs = st.sampled_from("+++++o--?")
some_signs = st.text(signs, max_size=45)


@given(some_signs, st.text(signs, min_size=1))
def test_a_verdict_stays_whatever_comes_after_it(first: str, then: str) -> None:
    health = fed(first + "+" * 30, SMALL)
    assert health.state.final
    later = health
    for number, sign in enumerate(then):
        later = later.observed(sample(sign, 200 + 2 * number, SMALL)).ticked(after(900 + number))
    assert later == health


def plainly(text: str) -> tuple[HealthState, float]:
    """What the small rule says of measured samples, in the slowest and plainest way: from the whole past each time."""
    for end in range(len(text)):
        before, past, seconds = text[:end], text[: end + 1], 2 * end
        since_start = past[past.find("+") :] if "+" in past else ""
        baking = since_the_old_version(past)
        last_bake = baking[-11:]
        whole, too_bad = len(last_bake) == 11, last_bake.count("-") > 0.2 * len(last_bake)
        if seconds > 30 and not (since_the_old_version(before) and baking):
            return HealthState.UNHEALTHY, seconds
        if since_start.endswith("---") or (whole and too_bad and seconds - 20 >= 30):
            return HealthState.UNHEALTHY, seconds
        if whole and not too_bad and last_bake.endswith("+"):
            return HealthState.HEALTHY, seconds
    return HealthState.PENDING if "+" in text else HealthState.STARTING, 2 * max(len(text) - 1, 0)


def since_the_old_version(past: str) -> str:
    tail = past.rpartition("o")[2]
    return tail[tail.find("+") :] if "+" in tail else ""


@given(st.text(st.sampled_from("+++++o--"), max_size=45))
def test_the_verdict_is_the_one_that_the_definition_gives(text: str) -> None:
    assert decided_at(text) == plainly(text)


@given(st.text(st.sampled_from("++++++++o--?"), min_size=11, max_size=45), st.data())
def test_a_better_answer_after_the_start_never_takes_healthy_away_or_delays_it(text: str, data: st.DataObject) -> None:
    verdict, at = decided_at(text)
    if verdict is HealthState.HEALTHY:
        worse = [place for place in range(text.find("+"), len(text)) if text[place] in "o-"]
        for place in data.draw(st.sets(st.sampled_from(worse))) if worse else ():
            text = text[:place] + "+" + text[place + 1 :]
        verdict, earlier = decided_at(text)
        assert verdict is HealthState.HEALTHY
        assert earlier <= at


@given(st.lists(st.tuples(st.sampled_from("+++++o--"), st.integers(0, 2)), max_size=45))
def test_samples_that_tell_nothing_between_the_others_change_nothing(pairs: list[tuple[str, int]]) -> None:
    health = plain = HealthAnalysis.begun([SMALL], ENDED)
    for number, (sign, extra) in enumerate(pairs):
        plain = plain.observed(sample(sign, 2 * number, SMALL))
        for at_once in sign + "?" * extra:
            health = health.observed(sample(at_once, 2 * number, SMALL))
        if plain.state.final:  # healthy takes a latest sample that is good
            break
        assert health.state is plain.state
    assert health.state is plain.state


@given(st.lists(st.tuples(signs, signs, signs), max_size=40), st.permutations(["web-1", "web-2", "web-3"]))
def test_the_order_in_which_targets_are_listed_does_not_matter(
    rows: list[tuple[str, str, str]], order: list[str]
) -> None:
    names = ["web-1", "web-2", "web-3"]
    rules = {name: msgspec.structs.replace(SMALL, target=name) for name in names}
    straight, shuffled = (
        HealthAnalysis.begun(rules.values(), ENDED),
        HealthAnalysis.begun([rules[name] for name in order], ENDED),
    )
    for number, row in enumerate(rows):
        for name, sign in zip(names, row, strict=True):
            straight = straight.observed(sample(sign, 2 * number, rules[name]))
            shuffled = shuffled.observed(sample(sign, 2 * number, rules[name]))
    assert straight.state is shuffled.state
    assert straight.left() == shuffled.left()


@given(st.text(st.sampled_from("+o-"), min_size=1, max_size=20))
def test_whoever_measures_gets_a_verdict_soon_after_the_deadline_and_a_bake(pattern: str) -> None:
    bound = SMALL.deadline + SMALL.bake + (SMALL.threshold + 1) * SMALL.interval
    verdict, at = decided_at(islice(cycle(pattern), 100))
    assert verdict.final
    assert timedelta(seconds=at) <= bound


@given(some_signs)
def test_asking_for_the_verdict_again_and_again_does_not_change_it(text: str) -> None:
    asked = plain = HealthAnalysis.begun([SMALL], ENDED)
    for number, sign in enumerate(text):
        plain = plain.observed(sample(sign, 2 * number, SMALL))
        asked = asked.ticked(after(2 * number - 1)).observed(sample(sign, 2 * number, SMALL)).ticked(after(2 * number))
        assert asked.state is plain.state


# Addresses that the name of a target means


def asked_at(times: str, addresses: str, begin: int = 0) -> list[Sample]:
    """Samples of addresses that take turns, `+` and `-` as they come, while the name means all of some letters."""
    return [
        msgspec.structs.replace(
            sample(sign, 2.0 * (begin + number), SMALL),
            address=addresses[number % len(addresses)],
            addresses=tuple(addresses),
        )
        for number, sign in enumerate(times)
    ]


def looked_at(samples: Iterable[Sample]) -> HealthAnalysis:
    health = HealthAnalysis.begun([SMALL], ENDED)
    for one in samples:
        health = health.observed(one)
    return health


def test_what_was_measured_at_an_address_counts_for_nothing_once_its_name_does_not_mean_it_any_more() -> None:
    """It vanishes with the third interval without it, which is the threshold."""
    both = asked_at("+-" * 5, "ab")

    waits = looked_at([*both, *asked_at("+" * 2, "a", 10)])
    assert (waits.state, waits.tracks[0].baked) == (HealthState.PENDING, timedelta(seconds=4))
    assert looked_at([*both, *asked_at("+" * 3, "a", 10)]).state is HealthState.HEALTHY


def test_an_address_that_some_answers_of_the_name_server_leave_out_goes_on_counting() -> None:
    samples = asked_at("+-" * 5, "ab")
    for begin in range(10, 40, 3):
        samples += [*asked_at("++", "ac", begin), *asked_at("-", "b", begin + 2)]

    assert looked_at(samples).state is not HealthState.HEALTHY


def test_no_bake_is_left_where_an_address_that_vanished_alone_was_good() -> None:
    samples = asked_at("-+" * 4, "ab") + asked_at("-" * 2, "a", 8)

    assert looked_at(samples).tracks[0].bake
    assert looked_at([*samples, *asked_at("+", "a", 10)]).tracks[0].baked == timedelta()


def test_a_lookup_that_fails_takes_no_address_away() -> None:
    unknown = [sample("?", 2.0 * number, SMALL) for number in range(10, 14)]

    found = looked_at([*asked_at("+-" * 5, "ab"), *unknown, *asked_at("++", "a", 14)])
    assert found.tracks[0].absent == {"a": 0, "b": 2}
