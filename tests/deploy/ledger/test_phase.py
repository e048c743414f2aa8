"""What the ledger holds of a deployment can be read back, whatever people wrote into it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from release_tool.deploy.ledger.phase import (
    EVERYBODY,
    LIMIT,
    DeploymentState,
    Phase,
    PhaseRecord,
    describe,
    is_same_end,
    read,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
PLAIN_TEXT = st.text("abcdefghij ,.:#-()", max_size=40).map(lambda text: " ".join(text.split()))
CHANNELS = st.lists(st.text("abc.-_019 ,]*", min_size=1, max_size=20) | ANY_TEXT, max_size=4).map(tuple)
PHASES = st.builds(
    PhaseRecord,
    st.sampled_from(Phase),
    ANY_TEXT,
    ANY_TEXT,
    st.none() | st.integers(min_value=0, max_value=10**15),
    CHANNELS,
)


@pytest.mark.parametrize(
    "phase, state, description",
    [
        (PhaseRecord(Phase.WAITING, "for #40"), DeploymentState.QUEUED, "waiting: for #40"),
        (PhaseRecord(Phase.CHANGING, "web-1"), DeploymentState.IN_PROGRESS, "changing: web-1"),
        (PhaseRecord(Phase.CHANGING), DeploymentState.IN_PROGRESS, "changing:"),
        (PhaseRecord(Phase.VERIFYING, "web: eu"), DeploymentState.IN_PROGRESS, "verifying: web: eu"),
        (PhaseRecord(Phase.BAKING), DeploymentState.IN_PROGRESS, "baking:"),
        (PhaseRecord(Phase.HEALTHY, "60 good samples"), DeploymentState.SUCCESS, "healthy: 60 good samples"),
        (PhaseRecord(Phase.WATCHING, "until 14:05"), DeploymentState.SUCCESS, "watching: until 14:05"),
        (PhaseRecord(Phase.HELD, "halted by ada"), DeploymentState.INACTIVE, "held: halted by ada"),
        (PhaseRecord(Phase.SUPERSEDED, "by 1.4.0"), DeploymentState.INACTIVE, "superseded: by 1.4.0"),
        (PhaseRecord(Phase.REFUSED, "not tested"), DeploymentState.INACTIVE, "refused: not tested"),
        (PhaseRecord(Phase.NOT_DONE, "interrupted"), DeploymentState.INACTIVE, "not done: interrupted"),
        (PhaseRecord(Phase.ROLLING_BACK, "8 bad samples"), DeploymentState.IN_PROGRESS, "rolling back: 8 bad samples"),
        (PhaseRecord(Phase.FAILED, "8 bad samples"), DeploymentState.FAILURE, "failed: 8 bad samples"),
        (
            PhaseRecord(Phase.FAILED, "bad", rolled_back_to="1.2.3"),
            DeploymentState.FAILURE,
            "failed: bad; rolled back to 1.2.3",
        ),
        (
            PhaseRecord(Phase.FAILED, "bad", handed_over_to=41),
            DeploymentState.FAILURE,
            "failed: bad; handed over to #41",
        ),
        (PhaseRecord(Phase.HEALTHY, "good", owed=("a", "b")), DeploymentState.SUCCESS, "healthy: good [tell: a, b]"),
        (PhaseRecord(Phase.HEALTHY, owed=("a",)), DeploymentState.SUCCESS, "healthy:  [tell: a]"),
        (
            PhaseRecord(Phase.FAILED, "x", "1.2", owed=("*",)),
            DeploymentState.FAILURE,
            "failed: x; rolled back to 1.2 [tell: *]",
        ),
        (PhaseRecord(Phase.REPLACED, "by 1.4.0"), DeploymentState.INACTIVE, "replaced: by 1.4.0"),
        (PhaseRecord(Phase.UNKNOWN, "interrupted"), DeploymentState.ERROR, "unknown: interrupted"),
    ],
)
def test_every_phase_has_a_state_and_a_line_that_begins_with_it(
    phase: PhaseRecord, state: DeploymentState, description: str
) -> None:
    assert describe(phase) == (state, description)
    assert read(state.value, description) == phase


@given(st.sampled_from(Phase), PLAIN_TEXT)
def test_what_was_written_is_read_back(word: Phase, text: str) -> None:
    state, description = describe(PhaseRecord(word, text))
    assert read(state.value, description) == PhaseRecord(word, text)


@given(PHASES)
@example(PhaseRecord(Phase.FAILED, "x" * 500, rolled_back_to="1" * 500))
@example(PhaseRecord(Phase.FAILED, "it said; rolled back to 9.9.9"))
def test_a_description_always_fits_and_says_the_same_when_it_is_read_and_written_again(phase: PhaseRecord) -> None:
    state, description = describe(phase)
    assert len(description) <= LIMIT
    assert "\n" not in description
    description.encode()
    again = read(state.value, description)
    assert again.word is phase.word
    assert describe(again) == (state, description)


@given(ANY_TEXT)
def test_no_text_of_a_failure_pretends_to_be_its_ending(text: str) -> None:
    assert read("failure", describe(PhaseRecord(Phase.FAILED, text))[1]).rolled_back_to == ""
    assert (
        read("failure", describe(PhaseRecord(Phase.FAILED, text, rolled_back_to="1.2.3"))[1]).rolled_back_to == "1.2.3"
    )


def test_a_long_reason_never_costs_the_ending() -> None:
    _, description = describe(PhaseRecord(Phase.FAILED, "why " * 100, rolled_back_to="1.2.3"))
    assert description.startswith("failed: why why")
    assert description.endswith("…; rolled back to 1.2.3")


@pytest.mark.parametrize(
    "state, description, word",
    [
        ("inactive", "", Phase.REPLACED),
        ("success", "Deployed by hand", Phase.HEALTHY),
        ("IN_PROGRESS", "verifying: web", Phase.VERIFYING),
        ("in_progress", "draining: web", Phase.CHANGING),
        ("success", "changing: web", Phase.HEALTHY),
        ("success", "a word of later: until 14:05", Phase.HEALTHY),
        ("failure", "", Phase.FAILED),
        ("pending", "", Phase.WAITING),
        ("error", "", Phase.UNKNOWN),
        ("destroyed", "", Phase.UNKNOWN),
    ],
)
def test_a_status_of_somebody_else_is_taken_by_its_state(state: str, description: str, word: Phase) -> None:
    assert read(state, description).word is word


@given(ANY_TEXT, CHANNELS)
@example("it said [tell: ops]", ())
def test_no_text_pretends_that_somebody_is_owed_a_message(text: str, owed: tuple[str, ...]) -> None:
    state, description = describe(PhaseRecord(Phase.HELD, text, owed=owed))
    assert bool(read(state.value, description).owed) == bool(owed)


@pytest.mark.parametrize("owed", [("a" * 31,), ("a, b",), ("a]",), ("",), ("a" * 15, "b" * 15)])
def test_channels_whose_names_find_no_room_are_written_as_everybody(owed: tuple[str, ...]) -> None:
    state, description = describe(PhaseRecord(Phase.HEALTHY, "good", owed=owed))
    assert read(state.value, description).owed == (EVERYBODY,)


def test_who_is_owed_a_message_is_not_shown_to_people() -> None:
    assert str(PhaseRecord(Phase.HEALTHY, "good", owed=("team",))) == "healthy: good"


@given(ANY_TEXT, CHANNELS)
def test_an_end_is_the_same_whoever_is_owed_the_message_of_it(text: str, owed: tuple[str, ...]) -> None:
    state, description = describe(PhaseRecord(Phase.HELD, text, owed=owed))
    written = read(state.value, description)
    acknowledged = read(state.value, describe(msgspec.structs.replace(written, owed=()))[1])
    for known in (written, acknowledged):
        assert is_same_end(known, PhaseRecord(Phase.HELD, text))
        assert not is_same_end(known, PhaseRecord(Phase.HELD, "\u0101" + text))


@given(ANY_TEXT, ANY_TEXT)
def test_every_status_can_be_read(state: str, description: str) -> None:
    read(state, description)


def test_characters_that_a_description_can_not_hold_are_replaced() -> None:
    assert describe(PhaseRecord(Phase.HELD, "halted 🚀\ud800 \x1b[31mnow\u202e")) == (
        DeploymentState.INACTIVE,
        "held: halted \ufffd\ufffd now",
    )


def test_a_name_of_nothing_but_spaces_is_no_name() -> None:
    assert describe(PhaseRecord(Phase.FAILED, rolled_back_to=" ")) == (DeploymentState.FAILURE, "failed:")
