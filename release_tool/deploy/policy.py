"""The deployment policy: whether a deployment may proceed, the objections, and which a person may bypass."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import (
    GONE,
    DeploymentKind,
    Ledger,
    Override,
    live,
    proven_commits,
    quarantine,
    rollback_target,
)
from release_tool.deploy.ledger.phase import Phase, PhaseRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.config.model import Environment


class DeployFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before a deployment of one commit to one environment.

    `halted` and `frozen` say by whom and until when, and are empty where nothing stands in the way.
    `older` says that the ledger's `yardstick` contains the commit, `apart` that neither contains the other and one is a
    release of a maintenance branch. `tested` says that it may be deployed where that matters.
    `withdrawn` and `gone` are the commits of bad releases and those that can't be deployed any more.
    `irreversible` names what can't be undone between the commit and its rollback target, or what is live where
    that is newer.
    `unmet` are the environments that come first and are not healthy at the commit.
    `again` says that what is live is to be brought once more.
    """

    environment: str
    ledger: Ledger
    commit: str
    name: str
    kind: DeploymentKind = DeploymentKind.DEPLOY
    automatic: bool = False
    overrides: frozenset[Override] = frozenset()
    halted: str = ""
    frozen: str = ""
    older: bool = False
    apart: bool = False
    tested: bool = True
    withdrawn: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    irreversible: str = ""
    unmet: tuple[str, ...] = ()
    again: bool = False

    @property
    def unchanged(self) -> bool:
        """Whether the commit is live already, so that there is nothing to decide."""
        records = self.kind is DeploymentKind.RECORD
        return not records and not self.again and live(self.ledger).commit == self.commit


class Objection(msgspec.Struct, frozen=True):
    """An objection, and the override that bypasses it, None where nobody may."""

    reason: str
    override: Override | None = None


class DeployOutcome(enum.StrEnum):
    """What becomes of a deployment: the first five before it begins, the others once something was changed."""

    GOES = "goes"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    HELD = "held"
    SUPERSEDED = "superseded"
    HEALTHY = "healthy"
    ROLLED_BACK = "rolled_back"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


class DeployDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a deployment may proceed, the objections, and the overrides that were used."""

    outcome: DeployOutcome
    reason: str = ""
    objections: tuple[Objection, ...] = ()
    overruled: tuple[Objection, ...] = ()

    @property
    def ways_out(self) -> tuple[Override, ...]:
        """The overrides that a person needs, none where one of the objections can't be overruled."""
        needed = tuple(dict.fromkeys(objection.override for objection in self.objections if objection.override))
        return needed if all(objection.override for objection in self.objections) else ()

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The overrides that were needed, for the ledger."""
        return tuple(dict.fromkeys(objection.override for objection in self.overruled if objection.override))

    @property
    def phase(self) -> PhaseRecord | None:
        """The phase to write into the ledger, None where nothing is written."""
        words = {
            DeployOutcome.REFUSED: Phase.REFUSED,
            DeployOutcome.HELD: Phase.HELD,
            DeployOutcome.SUPERSEDED: Phase.SUPERSEDED,
        }
        word = words.get(self.outcome)
        return PhaseRecord(word, self.reason) if word else None


class NextStep(msgspec.Struct, frozen=True):
    """One environment and whether its turn comes."""

    environment: str
    decision: DeployDecision


def may_deploy(facts: DeployFacts) -> DeployDecision:
    """Decide whether a deployment may proceed. The lock of another one is no objection: it is waited for.

    For an automatic run "older" is `superseded` and any other objection `held`; a person gets all objections.
    """
    if facts.unchanged:
        return DeployDecision(
            outcome=DeployOutcome.UNCHANGED, reason=f"{facts.name} is live in {facts.environment} already"
        )
    found = tuple(_objections(facts))
    allowed = frozenset[Override]() if facts.automatic else facts.overrides
    objections = tuple(objection for objection in found if objection.override not in allowed)
    if not objections:
        return DeployDecision(outcome=DeployOutcome.GOES, overruled=found)
    return _held(facts, objections) if facts.automatic else _refused(objections)


def hangs_on_changes(facts: DeployFacts) -> bool:
    """Whether irreversible changes matter, which cost most to find: an automatic run gets one reason only."""
    if not facts.automatic:
        return not facts.unchanged
    return may_deploy(msgspec.structs.replace(facts, unmet=())).outcome is DeployOutcome.GOES


def requirements(environments: Mapping[str, Environment], name: str, *, automatic: bool) -> tuple[str, ...]:
    """The environments that have to be healthy at a commit before this one may get it.

    They are those in `after`, and in an automatic run also the automatic one before it in the order of the file.
    """
    names = list(environments)
    before = [other for other in names[: names.index(name)] if environments[other].automatic]
    followed = before[-1:] if automatic and environments[name].automatic else []
    return tuple(dict.fromkeys([*environments[name].after, *followed]))


def next_steps(facts: Mapping[str, DeployFacts]) -> tuple[NextStep, ...]:
    """Go through the environments in their order; one that waits only for an earlier one of this run is included."""
    going: set[str] = set()
    found = []
    for name, known in facts.items():
        unmet = tuple(other for other in known.unmet if other not in going)
        decision = may_deploy(msgspec.structs.replace(known, unmet=unmet))
        if decision.outcome is DeployOutcome.GOES:
            going.add(name)
        found.append(NextStep(name, decision))
    return tuple(found)


def _held(facts: DeployFacts, objections: tuple[Objection, ...]) -> DeployDecision:
    """Block an automatic run; only the first reason counts, so that the same objection always has the same text."""
    older = [objection for objection in objections if objection.override is Override.OLDER]
    outcome = DeployOutcome.SUPERSEDED if facts.older else DeployOutcome.HELD
    return DeployDecision(outcome=outcome, reason=(older or objections)[0].reason, objections=objections)


def _refused(objections: tuple[Objection, ...]) -> DeployDecision:
    reason = "; ".join(objection.reason for objection in objections)
    return DeployDecision(outcome=DeployOutcome.REFUSED, reason=reason, objections=objections)


def _objections(facts: DeployFacts) -> Iterator[Objection]:
    match facts.kind:
        case DeploymentKind.DEPLOY:
            yield from _commit_objections(facts)
            yield from _freeze_objections(facts)
            yield from _history_objections(facts)
        case DeploymentKind.ROLLBACK:
            yield from _rollback_objections(facts)
        case DeploymentKind.RECORD:
            return  # it changes nothing, so nothing can object


def _commit_objections(facts: DeployFacts) -> Iterator[Objection]:
    yield from _existence_objections(facts)
    if not facts.tested:
        yield Objection(f"{facts.name} was not tested")
    for other in facts.unmet:
        yield Objection(f"{facts.name} is not healthy in {other}, which comes before {facts.environment}")


def _existence_objections(facts: DeployFacts) -> Iterator[Objection]:
    if facts.commit in facts.withdrawn:
        yield Objection(f"{facts.name} was withdrawn")
    if facts.commit in facts.gone:
        yield Objection(f"{facts.name} {GONE}")


def _freeze_objections(facts: DeployFacts) -> Iterator[Objection]:
    for why in filter(None, (facts.halted, facts.frozen)):
        yield Objection(f"deployments {why}", Override.HALT)


def _history_objections(facts: DeployFacts) -> Iterator[Objection]:
    if facts.older or facts.apart:
        now = live(facts.ledger).deployment
        what = f"{now.payload.name}, which is live" if now else "the last known good"
        how = "is older than" if facts.older else "neither contains nor is contained in"
        yield Objection(f"{facts.name} {how} {what}", Override.OLDER)
        if facts.irreversible:
            how = "a rollback to" if facts.older else "deploying, or rolling back from,"
            what = f"{facts.irreversible} can't be undone by {how} {facts.name}"
            yield Objection(what, Override.IRREVERSIBLE)
    if why := quarantine(facts.ledger).get(facts.commit):
        yield Objection(f"{facts.name} {why}", Override.QUARANTINE)
    if proven_commits(facts.ledger):
        yield from _rollback_target_objections(facts)
    elif facts.automatic:
        yield Objection(
            f"nothing was proven in {facts.environment} yet: its first deployment must be started by a person"
        )


def _rollback_target_objections(facts: DeployFacts) -> Iterator[Objection]:
    back = rollback_target(facts.ledger, facts.commit, withdrawn=facts.withdrawn, gone=facts.gone)
    if back.choice is None:
        yield Objection(back.reason, Override.NO_WAY_BACK)
    elif facts.irreversible and not (facts.older or facts.apart):
        what = f"{facts.irreversible} can't be undone by a rollback to {back.choice.payload.name}"
        yield Objection(what, Override.IRREVERSIBLE)


def _rollback_objections(facts: DeployFacts) -> Iterator[Objection]:
    yield from _existence_objections(facts)
    if facts.commit not in proven_commits(facts.ledger):
        yield Objection(f"{facts.name} was never proven in {facts.environment}")
    if facts.automatic and (why := quarantine(facts.ledger).get(facts.commit)):
        yield Objection(f"{facts.name} {why}")
    if facts.irreversible:
        yield Objection(f"{facts.irreversible} can't be undone by a rollback", Override.IRREVERSIBLE)
