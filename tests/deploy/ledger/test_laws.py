"""Whatever happens in whatever order: nothing quarantined is live, and nobody dead holds an environment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from release_tool.deploy.ledger.lock import holder, interruption, is_its_turn, queue, superseded_by
from release_tool.deploy.ledger.lock import living as at_work
from release_tool.deploy.ledger.model import (
    Deployment,
    DeploymentKind,
    Override,
    Payload,
    PhaseChange,
    leaving,
    live,
    quarantine,
    rollback_target,
    yardstick,
)
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, describe, read
from release_tool.deploy.ledger.recovery import (
    Close,
    OrphanHealth,
    RollBack,
    VerifyOrphan,
    judge,
    left_behind,
    next_remedy,
)
from release_tool.deploy.policy import DeployFacts, DeployOutcome, may_deploy
from tests import examples
from tests.builders import sha
from tests.deploy.ledger.ledgers import START, run

if TYPE_CHECKING:
    from release_tool.deploy.policy import DeployDecision
    from release_tool.model.tags import Owner

TARGETS = ("web-1", "web-2")
NEWEST = 3
COMMITS = st.integers(0, NEWEST)
OVERRIDES = st.frozensets(st.sampled_from(Override))
LOOKS = st.sampled_from(OrphanHealth)
PICKS = st.integers(0, 100)


class World(RuleBasedStateMachine):
    """One environment, its ledger, and everybody who deploys to it; commits are numbers, the higher the newer."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: list[Deployment] = []
        self.alive: set[Owner] = set()
        self.halted = ""
        self.runs = 0

    # What people and runs do

    @initialize()
    def first(self) -> None:
        self.ask(0, DeploymentKind.RECORD, automatic=False)
        self.write(self.ledger[-1], PhaseRecord(Phase.HEALTHY))

    @rule(commit=COMMITS)
    def automatic(self, commit: int) -> None:
        self.ask(commit, DeploymentKind.DEPLOY, automatic=True)

    @rule(commit=COMMITS, overrides=OVERRIDES)
    def person(self, commit: int, overrides: frozenset[Override]) -> None:
        self.ask(commit, DeploymentKind.DEPLOY, automatic=False, overrides=overrides)

    @rule(named=st.none() | COMMITS)
    def persons_rollback(self, named: int | None) -> None:
        left = leaving(self.ledger)
        back = rollback_target(self.ledger, left.commit if left else None).choice
        commit = sha(named) if named is not None else back and back.commit
        if left and commit:
            self.ask(self.number(commit), DeploymentKind.ROLLBACK, automatic=False, parent=left.id)

    @rule(halted=st.sampled_from(["", "", "", "halted by ada"]))
    def halt_or_resume(self, halted: str) -> None:
        self.halted = halted

    # What becomes of it

    @precondition(lambda self: self.running())
    @rule(pick=PICKS, look=LOOKS)
    def go_on(self, pick: int, look: OrphanHealth) -> None:
        self.advance(self.pick(pick), look)

    @precondition(lambda self: self.running())
    @rule(look=LOOKS)
    def go_on_to_the_end(self, look: OrphanHealth) -> None:
        """All that live finish; what is gone back to is healthy."""
        for _ in range(50):
            for one in reversed(self.running()):
                self.advance(
                    self.latest(one), look if one.payload.kind is DeploymentKind.DEPLOY else OrphanHealth.HEALTHY
                )

    @precondition(lambda self: self.running())
    @rule(pick=PICKS)
    def kill(self, pick: int) -> None:
        self.alive.discard(self.pick(pick).owner)

    @rule(look=LOOKS)
    def reconcile(self, look: OrphanHealth) -> None:
        while remedy := next_remedy(self.ledger, self.living()):
            match remedy:
                case Close(one, ending):
                    self.write(one, ending)
                case RollBack(one, reason):
                    self.roll_back(one, reason, self.new_owner())
                case VerifyOrphan(one):
                    self.judged(one, look)
        waits_for_a_rollback = {one.payload.parent for one in self.running()}
        assert all(one.id in waits_for_a_rollback for one in left_behind(self.ledger, self.living()))

    def teardown(self) -> None:
        """However it stopped: once all are dead, reconciling to the end leaves nothing unfinished."""
        self.alive.clear()
        self.reconcile(OrphanHealth.UNHEALTHY)
        for _ in range(3):
            self.go_on_to_the_end(OrphanHealth.HEALTHY)
            self.reconcile(OrphanHealth.HEALTHY)
        assert all(one.finished for one in self.ledger)
        self.nothing_quarantined_is_live()

    # What always holds

    @invariant()
    def nothing_quarantined_is_live(self) -> None:
        assert live(self.ledger).commit not in quarantine(self.ledger)

    @invariant()
    def the_way_back_is_proven_and_not_quarantined(self) -> None:
        choice = rollback_target(self.ledger, live(self.ledger).commit).choice
        assert choice is None or (choice.proven and choice.commit not in quarantine(self.ledger))

    @invariant()
    def nobody_dead_holds_the_environment_and_one_owner_at_most_is_at_work(self) -> None:
        held_by = holder(self.ledger, self.living())
        assert held_by is None or held_by.owner in self.alive
        assert len({one.owner for one in self.running() if one.in_progress}) <= 1

    @invariant()
    def somebody_can_always_go_on(self) -> None:
        assert not self.running() or any(is_its_turn(self.ledger, one, self.living()) for one in self.running())

    # How

    def ask(
        self,
        number: int,
        kind: DeploymentKind,
        *,
        automatic: bool,
        parent: int | None = None,
        overrides: frozenset[Override] = frozenset(),
    ) -> None:
        decision = self.decide(number, kind, automatic=automatic, overrides=overrides)
        if decision.outcome is DeployOutcome.UNCHANGED:
            return
        payload = Payload(
            commit=sha(number),
            name=f"1.{number}",
            kind=kind,
            automatic=automatic,
            owner=self.new_owner(),
            parent=parent,
            overrides=decision.overrides,
        )
        self.add(payload, decision.phase or PhaseRecord(Phase.WAITING))

    def decide(
        self, number: int, kind: DeploymentKind, *, automatic: bool, overrides: frozenset[Override]
    ) -> DeployDecision:
        measure = yardstick(self.ledger)
        return may_deploy(
            DeployFacts(
                environment="production",
                ledger=self.ledger,
                commit=sha(number),
                name=f"1.{number}",
                kind=kind,
                automatic=automatic,
                overrides=overrides,
                halted=self.halted,
                older=measure is not None and number < self.number(measure),
            )
        )

    def advance(self, one: Deployment, look: OrphanHealth) -> None:
        match one.phase.word:
            case Phase.WAITING:
                self.start(one)
            case Phase.CHANGING:
                self.write(one, PhaseRecord(Phase.VERIFYING, one.phase.text))
            case Phase.VERIFYING:
                self.next_target(one)
            case Phase.BAKING:
                self.judged(one, look)
            case Phase.ROLLING_BACK:
                self.after_rollback(one)
            case _:
                pass  # it has ended

    def start(self, one: Deployment) -> None:
        newer = {sha(number) for number in range(self.number(one.commit) + 1, NEWEST + 1)}
        if other := superseded_by(self.ledger, one, self.living(), newer):
            self.write(one, PhaseRecord(Phase.SUPERSEDED, f"by {other}"))
        elif is_its_turn(self.ledger, one, self.living()):
            payload = one.payload
            decision = self.decide(
                self.number(one.commit),
                payload.kind,
                automatic=payload.automatic,
                overrides=frozenset(payload.overrides),
            )
            ending = decision.phase or PhaseRecord(Phase.SUPERSEDED, decision.reason)
            begins = (
                PhaseRecord(Phase.HEALTHY)
                if payload.kind is DeploymentKind.RECORD
                else PhaseRecord(Phase.CHANGING, TARGETS[0])
            )
            self.write(one, begins if decision.outcome is DeployOutcome.GOES else ending)

    def next_target(self, one: Deployment) -> None:
        stop = interruption(self.ledger, one, self.living(), self.halted)
        left = [target for target in TARGETS if target not in one.touched(TARGETS)]
        if stop and stop.word is Phase.ROLLING_BACK:
            self.roll_back(one, stop.text, one.owner)
        elif stop:
            self.write(one, stop)
        else:
            self.write(one, PhaseRecord(Phase.CHANGING, left[0]) if left else PhaseRecord(Phase.BAKING))

    def judged(self, one: Deployment, look: OrphanHealth) -> None:
        match judge(one, look, rollback_target(self.ledger, one.commit), TARGETS, tells_version=True):
            case Close(_, ending):
                self.write(one, ending)
            case RollBack(_, reason):
                self.roll_back(one, reason, one.owner if one.owner in self.alive else self.new_owner())

    def roll_back(self, one: Deployment, reason: str, owner: Owner) -> None:
        back = rollback_target(self.ledger, one.commit).choice
        if back is None:
            self.write(one, PhaseRecord(Phase.FAILED, reason))
            return
        self.write(one, PhaseRecord(Phase.ROLLING_BACK, reason))
        rollback = msgspec.structs.replace(
            back.payload, kind=DeploymentKind.ROLLBACK, automatic=True, owner=owner, parent=one.id, overrides=()
        )
        self.add(rollback, PhaseRecord(Phase.WAITING))

    def after_rollback(self, one: Deployment) -> None:
        child = next(other for other in reversed(self.ledger) if other.payload.parent == one.id)
        if child.proven:
            self.write(one, PhaseRecord(Phase.FAILED, one.phase.text, rolled_back_to=child.payload.name))
        elif child.finished:
            self.write(one, PhaseRecord(Phase.FAILED, one.phase.text))

    def add(self, payload: Payload, begins: PhaseRecord) -> None:
        number = len(self.ledger) + 1
        self.ledger.append(Deployment(id=number, payload=payload, created=START + timedelta(minutes=number)))
        self.write(self.ledger[-1], begins)

    def write(self, one: Deployment, phase: PhaseRecord) -> None:
        """Write a status as GitHub holds it; the older live one is replaced."""
        state, line = describe(phase)
        step = PhaseChange(read(state.value, line), one.seen_at + timedelta(seconds=1))
        at = one.id - 1
        self.ledger[at] = msgspec.structs.replace(self.ledger[at], steps=(*self.ledger[at].steps, step))
        if phase.word is Phase.HEALTHY:
            for other in self.ledger:
                if other.healthy and other.id != one.id:
                    self.write(other, PhaseRecord(Phase.REPLACED, f"by #{one.id}"))

    def living(self) -> frozenset[int]:
        return at_work(self.ledger, self.alive)

    def running(self) -> tuple[Deployment, ...]:
        return queue(self.ledger, self.living())

    def pick(self, number: int) -> Deployment:
        running = self.running()
        return running[number % len(running)]

    def latest(self, one: Deployment) -> Deployment:
        return self.ledger[one.id - 1]

    def new_owner(self) -> Owner:
        self.runs += 1
        self.alive.add(run(self.runs))
        return run(self.runs)

    @staticmethod
    def number(commit: str) -> int:
        return next(number for number in range(NEWEST + 1) if sha(number) == commit)


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=examples.number(150), stateful_step_count=30)
