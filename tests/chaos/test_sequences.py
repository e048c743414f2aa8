"""Whatever happens in whatever order: production is proven or a person told, and nothing bad comes back by itself."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from release_tool.deploy.halts import commands
from release_tool.deploy.halts.model import HaltOrder
from release_tool.deploy.ledger.model import DeploymentKind, quarantine
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.errors import RefusedError, UnhealthyError
from tests import examples
from tests.chaos.aftermath import assert_in_order
from tests.chaos.past import enter, prove
from tests.production import QUICK, production, releases

if TYPE_CHECKING:
    from tests.production import Production

VERSIONS = ("1.2.4", "1.3.0", "1.3.1")


What = Literal["roll back", "reconcile", "halt", "resume"]


class Deploys(msgspec.Struct, frozen=True):
    version: str
    automatic: bool
    insists: bool


class Breaks(msgspec.Struct, frozen=True):
    """From now on a version does not answer well, or does again."""

    version: str
    well: bool


class Dies(msgspec.Struct, frozen=True):
    """A run comes up to a phase and is killed."""

    version: str
    automatic: bool
    phases: int
    brought: bool


class Does(msgspec.Struct, frozen=True):
    what: What


Event = Deploys | Breaks | Dies | Does
EVENTS = st.lists(
    st.one_of(
        st.builds(Deploys, st.sampled_from(VERSIONS), st.booleans(), st.booleans()),
        st.builds(Breaks, st.sampled_from(("1.2.3", *VERSIONS)), st.booleans()),
        st.builds(Dies, st.sampled_from(VERSIONS), st.booleans(), st.integers(0, 4), st.booleans()),
        st.builds(Does, st.sampled_from(["roll back", "reconcile", "halt", "resume"])),
    ),
    min_size=2,
    max_size=6,
)
PHASES = (
    PhaseRecord(Phase.WAITING, "for its turn"),
    PhaseRecord(Phase.CHANGING, "production"),
    PhaseRecord(Phase.VERIFYING, "production"),
    PhaseRecord(Phase.ROLLING_BACK, "it failed"),
)


def happen(here: Production, event: Event, bad: set[str]) -> None:
    match event:
        case Deploys():
            bring(here, event)
        case Breaks(version, well):
            bad.discard(version) if well else bad.add(version)
        case Dies(version, automatic, phases, brought):
            enter(here, version, *PHASES[:phases], automatic=automatic)
            if phases > 1 and brought:
                here.service.file.write_text(version)
        case Does(what):
            do(here, what)


def bring(here: Production, event: Deploys) -> None:
    if event.automatic:
        here.deploy_automatically(event.version)
    elif event.insists:
        here.deploy(event.version, overrides="halt quarantine older", reason="I know better")
    else:
        here.deploy(event.version)


def do(here: Production, what: What) -> None:
    match what:
        case "roll back":
            here.rollback()
        case "reconcile":
            here.reconcile()
        case "halt":
            commands.halt(here.shop.project(), HaltOrder(environment="production", by="ada", reason="wait"))
        case "resume":
            commands.resume(here.shop.project(), "", "ada")


def assert_nothing_bad_came_back_by_itself(here: Production) -> None:
    """No automatic deployment has touched a commit that was quarantined when it began."""
    ledger = here.ledger()
    for number, one in enumerate(ledger):
        if one.payload.automatic and one.payload.kind is DeploymentKind.DEPLOY and one.owner.run != 1:
            assert not one.changed or one.commit not in quarantine(ledger[:number]), here.story()


@pytest.mark.timeout(300)  # each of its examples is several deployments
@settings(max_examples=examples.number(6), suppress_health_check=[HealthCheck.too_slow])
@example(
    [
        Breaks("1.2.3", well=False),
        Dies("1.3.1", automatic=False, phases=2, brought=False),
        Deploys("1.2.4", automatic=False, insists=False),
        Does("resume"),
    ]
)  # who lifts an incident was told
@given(EVENTS)
def test_no_sequence_of_events_ends_with_something_bad_or_unknown_that_nobody_was_told_of(events: list[Event]) -> None:
    bad: set[str] = set()
    with (
        tempfile.TemporaryDirectory() as directory,
        production(
            Path(directory),
            behave=lambda version, _: (500 if version in bad else 200, {"version": version}),
            configuration=QUICK,
            history=releases("1.2.3", *VERSIONS),
        ) as here,
    ):
        prove(here, "1.2.3")
        for event in events:
            with contextlib.suppress(RefusedError, UnhealthyError):  # a person was told no, or that it went wrong
                happen(here, event, bad)
        here.reconcile()
        assert_in_order(here)
        assert_nothing_bad_came_back_by_itself(here)
