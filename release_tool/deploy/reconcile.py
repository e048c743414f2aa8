"""Reconciling: what dead runs left is settled, and what was held or missed is carried on, the newest only."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.deploy import policy
from release_tool.deploy.announce import tell_owed
from release_tool.deploy.candidates import look_at_deployable
from release_tool.deploy.deploy import bring, newest, not_begun
from release_tool.deploy.halts.commands import close_over, tell_halts
from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.recovery import next_remedy
from release_tool.deploy.ledger.writer import Book
from release_tool.deploy.policy import Outcome
from release_tool.deploy.preconditions import Asked
from release_tool.deploy.recover import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.deploy.attempt import Attempt, Deployed
    from release_tool.deploy.environment import Place
    from release_tool.deploy.ledger.recovery import Remedy


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

    `only_settle` deploys nothing new, and `only_close` touches no environment at all. Who is still to be told of
    something is told last.
    """
    done: list[Deployed] = []
    books = {place.name: Book(place) for place in places}
    for place in places:
        done += settle(place, books[place.name], only_close=only_close)
    carries_on = bool(places) and not (only_settle or only_close)
    if carries_on:
        close_over(places[0].project, places[0].project.clock.now())
    for place in places:
        if attempt := _newest(place) if carries_on and place.settings.automatic else None:
            done.append(bring(attempt))
        else:
            tell_owed(books[place.name])
    if places and not only_settle:
        tell_halts(places[0].project)
    return tuple(done)


def _newest(place: Place) -> Attempt | None:
    """Looked at anew: the environment before took its time."""
    return newest(place, look_at_deployable(place.project), Asked(automatic=True))


def plan(places: Sequence[Place], *, writes: bool = False) -> tuple[Step, ...]:
    """What `reconcile` would do in each environment.

    `writes` has the ledger told of what is held, and then everybody of what they were not told yet, unless something
    was left behind: that comes first, and so does whoever does it.
    """
    if not places:
        return ()
    deployable, asked = look_at_deployable(places[0].project), Asked(automatic=True)
    attempts = {place.name: newest(place, deployable, asked) for place in places if place.settings.automatic}
    facts = {name: attempt.facts() for name, attempt in attempts.items() if attempt}
    decisions = {step.environment: step.decision for step in policy.next_steps(facts)}
    for name, attempt in attempts.items():
        if writes and attempt and decisions[name].outcome in {Outcome.HELD, Outcome.SUPERSEDED}:
            not_begun(attempt, decisions[name])
    books = {place.name: attempt.book if (attempt := attempts.get(place.name)) else Book(place) for place in places}
    remedies = {name: next_remedy(book.ledger, book.living()) for name, book in books.items()}
    if writes and not any(remedies.values()):
        for book in books.values():
            tell_owed(book, deployable)
        tell_halts(places[0].project)
    return tuple(
        _step(place, books[place.name], attempts.get(place.name), decisions.get(place.name), remedies[place.name])
        for place in places
    )


def _step(
    place: Place, book: Book, attempt: Attempt | None, decision: policy.Decision | None, remedy: Remedy | None
) -> Step:
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
