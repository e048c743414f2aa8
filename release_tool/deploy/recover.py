"""Settling what dead runs left behind: closed, examined, or rolled back, so that no deployment stays unfinished."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.deploy import conclude
from release_tool.deploy.attempt import Attempt, live_name
from release_tool.deploy.candidates import look_at_deployable
from release_tool.deploy.dispatch import outcome
from release_tool.deploy.health.verdict import State
from release_tool.deploy.ledger import recovery
from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.ledger.recovery import Close, Examine, Look, RollBack, give_up, next_remedy
from release_tool.deploy.preconditions import Asked, best_way_back
from release_tool.deploy.rollout import Journey, examine

if TYPE_CHECKING:
    from release_tool.deploy.attempt import Deployed
    from release_tool.deploy.environment import Place
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import Book

_LOOKS = {State.HEALTHY: Look.HEALTHY, State.UNHEALTHY: Look.UNHEALTHY}


def settle(place: Place, book: Book, *, only_close: bool = False) -> tuple[Deployed, ...]:
    """Finish, close or roll back what nobody is at work on any more.

    `only_close` says that the environment can't be reached from here: what would have to be looked at is closed as
    unknown.
    """
    done = []
    while remedy := next_remedy(book.look(), book.living()):
        place.project.say(f"{remedy.deployment} was left behind while {remedy.deployment.phase}")
        match remedy:
            case Close():
                done.append(_close(place, book, remedy))
            case Examine() | RollBack() if only_close:
                done.append(_close(place, book, give_up(remedy.deployment)))
            case Examine():
                done.append(_examine(place, book, remedy.deployment))
            case RollBack():
                done.append(_roll_back(place, book, remedy.deployment, remedy.reason))
    now = live(book.ledger).deployment
    if now:
        conclude.replace_others(book, now)  # a run that died between the two left both
    return tuple(done)


def _close(place: Place, book: Book, remedy: Close, journey: Journey | None = None) -> Deployed:
    dead, phase = remedy.deployment, remedy.phase
    attempt = _attempt(place, book, dead)
    match phase.word:
        case Word.FAILED:
            told = conclude.end_failed(attempt, journey or _journey(attempt, dead), phase, phase.text)
        case Word.HEALTHY:
            conclude.prove(book, dead, phase)
            told = attempt.told("healthy", phase.text, dead)
        case _:
            book.write(dead, phase)
            told = attempt.told(outcome(phase), phase.text, dead)
    return told


def _examine(place: Place, book: Book, dead: Deployment) -> Deployed:
    attempt = _attempt(place, book, dead)
    journey = _journey(attempt, dead)
    found = examine(journey)
    look = Look.INCONCLUSIVE if isinstance(found, Phase) else _LOOKS.get(found.state, Look.INCONCLUSIVE)
    book.look()
    if book.now(dead).finished or dead.id in book.living():
        return attempt.told("superseded", f"{dead} was settled by somebody else meanwhile", dead)
    back = best_way_back(attempt.deployable, book.ledger, dead.commit)
    verdict = recovery.judge(dead, look, back, place.target_names, tells_version=place.tells_version)
    if isinstance(verdict, RollBack):
        return _roll_back(place, book, dead, verdict.reason, journey)
    return _close(place, book, verdict, journey)


def _roll_back(place: Place, book: Book, dead: Deployment, reason: str, journey: Journey | None = None) -> Deployed:
    attempt = _attempt(place, book, dead)
    return conclude.conclude(attempt, journey or _journey(attempt, dead), Phase(Word.FAILED, reason))


def _attempt(place: Place, book: Book, dead: Deployment) -> Attempt:
    """What a dead run was at, as far as its deployment tells."""
    deployable = look_at_deployable(place.project)
    wanted = dataclasses.replace(deployable.named(dead.commit), name=dead.payload.name)
    asked = Asked(by=dead.payload.by, reason=dead.payload.reason, automatic=dead.payload.automatic)
    return Attempt(
        place=place,
        book=book,
        deployable=deployable,
        wanted=wanted,
        kind=dead.payload.kind,
        asked=asked,
        before=live_name(book.ledger),
    )


def _journey(attempt: Attempt, dead: Deployment) -> Journey:
    return Journey(
        place=attempt.place,
        book=attempt.book,
        entry=dead,
        tag=attempt.wanted.tag,
        targets=attempt.place.targets,
        asked=attempt.asked,
    )
