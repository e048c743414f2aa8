"""What runs now: checked against what should be live, or written down as the first thing that is known good."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from release_tool.config import Duration
from release_tool.deploy.attempt import Attempt, live_name
from release_tool.deploy.candidates import look_at_deployable
from release_tool.deploy.conclude import prove
from release_tool.deploy.deploy import attempt_at
from release_tool.deploy.health.verdict import State, Verdict
from release_tool.deploy.ledger.lock import interruption
from release_tool.deploy.ledger.model import Deployment, Kind, live, yardstick
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.ledger.writer import Book
from release_tool.deploy.policy import Decision, Outcome
from release_tool.deploy.preconditions import Asked
from release_tool.deploy.rollout import Journey, examine
from release_tool.errors import RefusedError

if TYPE_CHECKING:
    from release_tool.deploy.attempt import Deployed
    from release_tool.deploy.environment import Place

_SHOWN = 50
_FEW = 3
"""How many intervals without a fault are enough to say that what should be live is."""


def record(place: Place, version: str, asked: Asked) -> Deployed:
    """Write down what runs now as proven, when the checks hold through a bake; nothing is deployed."""
    attempt = attempt_at(place, version, asked, Kind.RECORD)
    busy = _busy(attempt)
    if busy:
        return attempt.told("refused", busy)
    journey, verdict = _checked(attempt)
    if verdict.state is not State.HEALTHY:
        outcome = "inconclusive" if verdict.state is State.INCONCLUSIVE else "unhealthy"
        return _with_samples(attempt.told(outcome, f"{verdict.reason}; nothing was written"), journey)
    entry = attempt.book.enter(attempt.payload(Decision(outcome=Outcome.GOES)))
    stop = interruption(attempt.book.look(), entry, attempt.book.living())
    if stop is not None:
        attempt.book.write(entry, Phase(Word.REFUSED, stop.text))
        return attempt.told("refused", stop.text, entry)
    prove(attempt.book, entry, Phase(Word.HEALTHY, verdict.reason))
    return _with_samples(attempt.told("healthy", f"written down: {verdict.reason}", entry), journey)


def verify(place: Place) -> Deployed:
    """Run the checks now against what should be live; raises RefusedError where nothing should be."""
    place = _in_short(place)
    book = Book(place)
    commit = live(book.ledger).commit or yardstick(book.ledger)
    if commit is None:
        raise RefusedError(
            f"nothing was ever proven in {place.name}, so there is nothing to verify",
            already="nothing was changed",
            todo=f"write down what runs there: `release-tool deploy VERSION -e {place.name} --record`",
        )
    deployable = look_at_deployable(place.project)
    known = next(one for one in reversed(book.ledger) if one.commit == commit)
    attempt = Attempt(
        place=place,
        book=book,
        deployable=deployable,
        wanted=dataclasses.replace(deployable.named(commit), name=known.payload.name),
        kind=Kind.RECORD,
        asked=Asked(),
        before=live_name(book.ledger),
    )
    journey, verdict = _checked(attempt)
    told = attempt.told(verdict.state.value, verdict.reason)
    return _with_samples(told, journey)


def _busy(attempt: Attempt) -> str:
    """Who is at work on the environment, so that what runs now is not what will."""
    alive = attempt.book.living()
    at_work = next((one for one in attempt.book.ledger if one.id in alive), None)
    return f"{at_work} holds the environment" if at_work else ""


def _in_short(place: Place) -> Place:
    """The environment with a bake of a few samples, and with no more patience than a full run of bad ones takes."""
    checks = tuple(
        msgspec.structs.replace(
            check,
            initial_delay=Duration(),
            deadline=Duration(seconds=check.failure_threshold * (check.interval + check.timeout).total_seconds()),
        )
        for check in place.checks
    )
    bake = Duration(seconds=_FEW * max(check.interval for check in checks).total_seconds())
    settings = msgspec.structs.replace(place.settings, health="", checks=checks, bake=bake)
    return dataclasses.replace(place, settings=settings)


def _checked(attempt: Attempt) -> tuple[Journey, Verdict]:
    """Run the checks; nothing is written."""
    payload = attempt.payload(Decision(outcome=Outcome.GOES))
    unwritten = Deployment(id=0, payload=payload, created=attempt.place.project.clock.now())
    place = attempt.place
    journey = Journey(
        place=place,
        book=attempt.book,
        entry=unwritten,
        tag=attempt.wanted.tag,
        targets=place.targets,
        asked=attempt.asked,
    )
    found = examine(journey)
    return journey, found if isinstance(found, Verdict) else Verdict(State.INCONCLUSIVE, found.text)


def _with_samples(told: Deployed, journey: Journey) -> Deployed:
    samples = tuple(journey.evidence.samples[-_SHOWN:])
    return dataclasses.replace(told, samples=samples, evidence=journey.evidence.markdown())
