"""The deployment stage: an environment is healthy on the wanted commit, or back on the last known good, or told."""

from __future__ import annotations

import dataclasses
import signal
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from release_tool.deploy.announce import tell_owed
from release_tool.deploy.attempt import Attempt, Deployed, live_name
from release_tool.deploy.candidates import look_at_deployable
from release_tool.deploy.conclude import conclude, see_through
from release_tool.deploy.halts.commands import halt, tell_halts
from release_tool.deploy.halts.model import Order
from release_tool.deploy.ledger.model import Kind, leaving, live
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.ledger.writer import Book
from release_tool.deploy.policy import Outcome
from release_tool.deploy.preconditions import Asked, best_way_back
from release_tool.deploy.recover import settle
from release_tool.deploy.rollout import Journey
from release_tool.errors import ReleaseToolError, SignalError, UnhealthyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from release_tool.deploy.candidates import Deployable
    from release_tool.deploy.environment import Place
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.policy import Decision

__all__ = ["Asked", "Deployed", "bring", "deploy", "newest", "not_begun", "preview", "preview_rollback", "rollback"]

_TAKE_UP = "`release-tool reconcile -e {}` looks at what is live, and finishes or rolls back"

_STILL_NEW = timedelta(seconds=10)
"""How long what was seen of branches and releases counts as known; whoever waited for longer looks again."""


def preview(place: Place, version: str, asked: Asked) -> Deployed:
    """Say what a deployment would come to, and write nothing."""
    return _previewed(attempt_at(place, version, asked))


def preview_rollback(place: Place, version: str, asked: Asked) -> Deployed:
    """Say what a rollback would come to, and write nothing."""
    attempt = _going_back(place, version, asked)
    return attempt if isinstance(attempt, Deployed) else _previewed(attempt)


def deploy(place: Place, version: str, asked: Asked) -> Deployed:
    """Bring a commit to an environment, verify it through a bake, and go back where it is not healthy.

    What a dead run left is settled first. Raises UsageError before anything is changed.
    """
    book = Book(place)
    settle(place, book)
    return bring(attempt_at(place, version, asked, book=book))


def bring(attempt: Attempt) -> Deployed:
    """Bring what is wanted where it is wanted, then tell everybody."""
    done = _go(attempt)
    tell_owed(attempt.book, attempt.deployable)
    return done


def newest(place: Place, deployable: Deployable, asked: Asked) -> Attempt | None:
    """The attempt to bring the newest commit; None where there is none that is not live already."""
    wanted = deployable.newest()
    book = Book(place)
    if wanted is None or live(book.ledger).commit == wanted.commit:
        return None
    before = live_name(book.ledger)
    return Attempt(
        place=place, book=book, deployable=deployable, wanted=wanted, kind=Kind.DEPLOY, asked=asked, before=before
    )


def rollback(place: Place, version: str, asked: Asked, *, halts: bool) -> Deployed:
    """Bring the last known good back, or the named one, and take over from what runs; it is a person's word.

    `halts` leaves the environment halted, so that nothing brings back what was left.
    """
    attempt = _going_back(place, version, asked)
    if isinstance(attempt, Deployed):
        return attempt
    decision = attempt.decide()
    if decision.outcome is not Outcome.GOES:
        return not_begun(attempt, decision)
    place.passed()  # before anything is halted
    if halts:
        _halt_behind(attempt)
    told = _go(attempt)
    with attempt.book.patient("settling what it took over from"):  # where nobody is left to say how that ended
        settle(place, attempt.book)
        tell_owed(attempt.book, attempt.deployable)
        tell_halts(place.project)
    return told


def attempt_at(
    place: Place, version: str, asked: Asked, kind: Kind = Kind.DEPLOY, *, book: Book | None = None
) -> Attempt:
    """The attempt to bring a version; raises RefusedError where no commit is called that."""
    deployable, book = look_at_deployable(place.project), book or Book(place)
    wanted, before = deployable.find(version), live_name(book.ledger)
    return Attempt(place=place, book=book, deployable=deployable, wanted=wanted, kind=kind, asked=asked, before=before)


def _going_back(place: Place, version: str, asked: Asked) -> Attempt | Deployed:
    """The attempt to leave what was brought last, or why there is no way back."""
    deployable, book = look_at_deployable(place.project), Book(place)
    leaves = leaving(book.ledger)
    if version:
        wanted = deployable.find(version)
    else:
        back = best_way_back(deployable, book.ledger, leaves.commit if leaves else None)
        if back.choice is None:
            return Deployed(environment=place.name, outcome="refused", reason=back.reason, live=live_name(book.ledger))
        place.project.say(back.reason)
        wanted = dataclasses.replace(deployable.named(back.choice.commit), name=back.choice.payload.name)
    return Attempt(
        place=place,
        book=book,
        deployable=deployable,
        wanted=wanted,
        kind=Kind.ROLLBACK,
        asked=asked,
        leaves=leaves,
        before=live_name(book.ledger),
    )


def _previewed(attempt: Attempt) -> Deployed:
    decision = attempt.decide()
    if decision.outcome is Outcome.GOES:
        return attempt.with_context(attempt.told("goes", "nothing stands in its way"))
    told = attempt.told(decision.outcome.value, decision.reason)
    return dataclasses.replace(told, ways_out=tuple(one.value for one in decision.ways_out))


def _go(attempt: Attempt) -> Deployed:
    """Decide, wait for the turn, decide again, and bring it."""
    decision = attempt.decide()
    if decision.outcome is not Outcome.GOES:
        return not_begun(attempt, decision)
    attempt.place.passed()  # what the command needs is missed before anybody waits for it
    told = attempt.with_context(attempt.told("goes", ""))
    attempt.place.project.say(told.by_hand)
    looked_at = attempt.place.project.clock.now()
    entry = attempt.book.enter(attempt.payload(decision))
    with _left_in_order(attempt.book, entry):
        journey = Journey(
            place=attempt.place,
            book=attempt.book,
            entry=entry,
            tag=attempt.wanted.tag,
            targets=attempt.place.targets,
            asked=attempt.asked,
        )
        ending = see_through(journey, lambda: _still_goes(attempt, looked_at))
        done = conclude(attempt, journey, ending)
    return dataclasses.replace(done, by_hand=told.by_hand, changes=told.changes)


def _still_goes(attempt: Attempt, looked_at: datetime) -> Phase | None:
    """What a deployment comes to instead, by what has happened while it waited; None where it goes."""
    settle(attempt.place, attempt.book)
    project = attempt.place.project
    if project.clock.now() - looked_at > _STILL_NEW:
        attempt = dataclasses.replace(attempt, deployable=look_at_deployable(project))
    decision = attempt.decide()
    if decision.outcome is Outcome.UNCHANGED:
        return Phase(Word.SUPERSEDED, decision.reason)
    return decision.phase


def not_begun(attempt: Attempt, decision: Decision) -> Deployed:
    """A "no": an automatic one is written down once, a person is told all of it."""
    told = attempt.told(decision.outcome.value, decision.reason)
    if decision.outcome in {Outcome.HELD, Outcome.SUPERSEDED} and decision.phase:
        entry = attempt.book.enter_once(attempt.payload(decision), decision.phase)
        if entry:
            told = dataclasses.replace(told, deployment=entry.id)
    return dataclasses.replace(told, ways_out=tuple(one.value for one in decision.ways_out))


def _halt_behind(attempt: Attempt) -> None:
    """Halt the environment before anything is touched; where that fails, going back matters more."""
    left = attempt.leaves.payload.name if attempt.leaves else "what was live"
    reason = attempt.asked.reason or f"{left} was rolled back from"
    order = Order(environment=attempt.place.name, by=attempt.asked.by, reason=attempt.place.masker()(reason))
    with attempt.book.patient("halting the environment"):
        halt(attempt.place.project, order, tells=False)


@contextmanager
def _left_in_order(book: Book, entry: Deployment) -> Iterator[None]:
    """Leave no deployment waiting when we are interrupted; what has begun is for `reconcile` to look at.

    Raises UnhealthyError where something was changed and nobody knows how that ended.
    """
    try:
        yield
    except BaseException as error:
        now = book.now(entry)
        if not now.changed and not now.finished:
            why = "interrupted" if _signal(error) or not isinstance(error, ReleaseToolError) else error.message
            with book.patient("writing that nothing was done"):
                book.write(entry, Phase(Word.NOT_DONE, why), patiently=False)
        if number := _signal(error):
            raise _interrupted(number, now, book.place.name) from error
        if isinstance(error, ReleaseToolError) and now.changed and not now.finished:
            raise _cut_short(error, now, book.place.name) from error
        raise


def _signal(error: BaseException) -> int | None:
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return error.number if isinstance(error, SignalError) else None


def _interrupted(number: int, entry: Deployment, environment: str) -> SignalError:
    if entry.finished:
        return SignalError(number, already=f"the deployment of {entry} had ended: {entry.phase}")
    if not entry.changed:
        return SignalError(number, during="waiting to deploy", already="nothing was changed")
    return SignalError(
        number,
        during=f"deploying to {environment}",
        already="something was changed, and it is not proven",
        todo=_TAKE_UP.format(environment),
    )


def _cut_short(error: ReleaseToolError, entry: Deployment, environment: str) -> UnhealthyError:
    return UnhealthyError(
        f"the deployment of {entry} could not be seen through: {error.message}",
        during=error.during or f"deploying to {environment}",
        already=f"something was changed, and the ledger says no more than: {entry.phase}",
        todo=_TAKE_UP.format(environment),
    )
