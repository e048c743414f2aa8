"""Reconciling: what dead runs left is settled, and what was held or missed is carried on, the newest only."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.domain import guard
from release_tool.domain.guard import Outcome
from release_tool.domain.ledger import live
from release_tool.domain.recovery import next_remedy
from release_tool.stages.book import Book
from release_tool.stages.deployment import deploy_newest, newest, not_begun
from release_tool.stages.halting import close_over
from release_tool.stages.preconditions import Asked
from release_tool.stages.settling import settle
from release_tool.stages.wanted import look_at_deployable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.stages.attempt import Attempt, Deployed
    from release_tool.stages.place import Place


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What is to be done in one environment: `settle` what was left behind, `deploy` something, or nothing, and why."""

    environment: str
    action: str
    version: str
    reason: str
    changes: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether anything is to be done there."""
        return self.action != "nothing"


def reconcile(places: Sequence[Place], *, only_settle: bool = False, only_close: bool = False) -> tuple[Deployed, ...]:
    """Settle what dead runs left in each environment, then carry on, in their order, what is automatic.

    `only_settle` deploys nothing new, and `only_close` touches no environment at all.
    """
    done: list[Deployed] = []
    for place in places:
        done += settle(place, Book(place), only_close=only_close)
    if only_settle or only_close or not places:
        return tuple(done)
    close_over(places[0].project, places[0].project.clock.now())
    for place in places:
        if not place.settings.automatic:
            continue
        deployable = look_at_deployable(place.project)  # anew: the environment before took its time
        if told := deploy_newest(place, deployable, Asked(automatic=True)):
            done.append(told)
    return tuple(done)


def plan(places: Sequence[Place], *, writes: bool = False) -> tuple[Step, ...]:
    """What `reconcile` would do in each environment; `writes` has the ledger told of what is held, and nothing else."""
    if not places:
        return ()
    deployable, asked = look_at_deployable(places[0].project), Asked(automatic=True)
    attempts = {place.name: newest(place, deployable, asked) for place in places if place.settings.automatic}
    facts = {name: attempt.facts() for name, attempt in attempts.items() if attempt}
    decisions = {step.environment: step.decision for step in guard.next_steps(facts)}
    for name, attempt in attempts.items():
        if writes and attempt and decisions[name].outcome in {Outcome.HELD, Outcome.SUPERSEDED}:
            not_begun(attempt, decisions[name])
    return tuple(_step(place, attempts.get(place.name), decisions.get(place.name)) for place in places)


def _step(place: Place, attempt: Attempt | None, decision: guard.Decision | None) -> Step:
    book = attempt.book if attempt else Book(place)
    remedy = next_remedy(book.ledger, book.living())
    goes = decision is not None and decision.outcome is Outcome.GOES
    if attempt and goes:
        titles = tuple(f"{change.name} {change.title}" for change in attempt.with_context(attempt.told("", "")).changes)
        return Step(environment=place.name, action="deploy", version=attempt.wanted.name, reason="", changes=titles)
    if remedy:
        reason = f"{remedy.deployment} was left behind"
        return Step(environment=place.name, action="settle", version="", reason=reason)
    if attempt and decision:
        return Step(environment=place.name, action="nothing", version=attempt.wanted.name, reason=decision.reason)
    now = live(book.ledger).deployment
    reason = f"{now.payload.name} is live, and it is the newest" if now else "waits for a person"
    if not place.settings.automatic:
        reason = "waits for a person"
    return Step(environment=place.name, action="nothing", version="", reason=reason)
