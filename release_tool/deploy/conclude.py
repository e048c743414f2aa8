"""How a deployment ends: proven, handed over, gone back from, or an incident; the ledger is told first."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.deploy.attempt import live_name
from release_tool.deploy.halts.commands import open_incident
from release_tool.deploy.ledger.model import Kind, Payload
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.preconditions import best_way_back, irreversible
from release_tool.deploy.queue import await_turn
from release_tool.deploy.rollout import deliver
from release_tool.errors import PermissionDeniedError, ReleaseToolError, RemoteError, SignalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_tool.config import Target
    from release_tool.deploy.attempt import Attempt, Deployed
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import Book
    from release_tool.deploy.rollout import Journey

_SHOWN_SAMPLES = 50


def see_through(journey: Journey, still_goes: Callable[[], Phase | None] = lambda: None) -> Phase:
    """Wait for the turn of a deployment and bring it, again where somebody came first; the phase that it comes to.

    `still_goes` is asked when its turn has come, and may name another phase instead.
    """
    while True:
        stop = await_turn(journey.book, journey.entry, journey.asked) or still_goes()
        if stop is not None:
            return stop
        ending = deliver(journey)
        if ending.word is not Word.WAITING:
            return ending


def conclude(attempt: Attempt, journey: Journey, ending: Phase) -> Deployed:
    """Write how a deployment ended, and do what follows from that."""
    told = _concluded(attempt, journey, ending)
    return _with_evidence(told, journey)


def _concluded(attempt: Attempt, journey: Journey, ending: Phase) -> Deployed:
    book, entry = journey.book, journey.entry
    match ending.word:
        case Word.HEALTHY:
            prove(book, entry, ending)
            return attempt.told("healthy", ending.text, entry)
        case Word.HELD | Word.REFUSED | Word.SUPERSEDED:
            book.write(entry, ending)
            return attempt.told(ending.word.value, ending.text, entry)
        case Word.UNKNOWN:
            book.write(entry, ending)
            return attempt.told("inconclusive", ending.text, entry)
        case _ if ending.handed_over_to is not None:
            book.write(entry, ending)
            return attempt.told("superseded", f"{ending.text}: deployment #{ending.handed_over_to}", entry)
        case _:
            return _failed(attempt, journey, ending)


def _failed(attempt: Attempt, journey: Journey, ending: Phase) -> Deployed:
    keep_evidence(journey)
    return end_failed(attempt, journey, go_back(journey, attempt, ending.text), ending.text)


def end_failed(attempt: Attempt, journey: Journey, ending: Phase, reason: str) -> Deployed:
    """Write how a deployment ended that failed, after its incident: who dies in between leaves something to settle."""
    book, entry = journey.book, journey.entry
    undone = ending.rolled_back_to or ending.handed_over_to is not None
    opened = "" if undone else incident(attempt, journey, ending.text)
    book.write(entry, ending)
    if ending.handed_over_to is not None:
        return attempt.told("superseded", str(ending), entry)
    if ending.rolled_back_to:
        return dataclasses.replace(attempt.told("rolled_back", reason, entry), rolled_back_to=live_name(book.ledger))
    return dataclasses.replace(attempt.told("unhealthy", ending.text, entry), incident=opened)


def prove(book: Book, entry: Deployment, ending: Phase) -> None:
    """Write that a deployment is healthy, and then that it replaced what was."""
    book.write(entry, ending)
    with book.patient("writing what it replaced"):  # what is missing there, whoever settles writes
        replace_others(book, entry)


def replace_others(book: Book, entry: Deployment) -> None:
    """Write that everything that was live before has been replaced."""
    for other in book.ledger:
        if other.healthy and other.id != entry.id and other.id < entry.id:
            book.write(other, Phase(Word.REPLACED, f"by {entry}"))


def go_back(journey: Journey, attempt: Attempt, reason: str) -> Phase:
    """Bring the targets that were touched back to the last known good, once; how the one that failed ends by it."""
    book, failed = journey.book, journey.now()
    if failed.payload.kind is not Kind.DEPLOY:
        return Phase(Word.FAILED, reason)
    if not failed.can_roll_back:
        ruled_out = ", ".join(f"`--override {one.value}`" for one in failed.payload.overrides)
        return _not_back(f"{ruled_out} ruled a rollback out", reason)
    book.write(failed, Phase(Word.ROLLING_BACK, reason))
    back = best_way_back(attempt.deployable, book.look(), failed.commit)
    if back.choice is None:
        return _not_back(back.reason, reason)
    one_way = ""
    with book.patient("looking for what can't be undone"):  # asked before, of a way back that may be gone by now
        one_way = irreversible(book.place, attempt.deployable, back.choice.commit, failed.commit)
    if one_way:
        why = f"{one_way} can't be undone by going back to {back.choice.payload.name}"
        return _not_back(why, reason)
    book.place.project.say(f"rolling back: {back.reason}")
    return _bring_back(journey, attempt, back.choice, reason)


def _bring_back(journey: Journey, attempt: Attempt, good: Deployment, reason: str) -> Phase:
    """Deploy the last known good as a deployment of its own; how the one that failed ends by it."""
    book, failed = journey.book, journey.now()
    payload = Payload(
        commit=good.commit,
        name=good.payload.name,
        kind=Kind.ROLLBACK,
        automatic=True,
        owner=book.owner,
        by=failed.payload.by,
        reason=reason,
        references=good.payload.references,
        parent=failed.id,
    )
    child = book.enter(payload)
    journey.evidence.close_chapter()
    known = attempt.deployable.named(good.commit)
    targets = touched(journey) or journey.targets
    back = dataclasses.replace(journey, entry=child, tag=known.tag, targets=targets)
    try:
        ending = see_through(back)
    except SignalError:
        raise  # what the rollback left is for the next run
    except ReleaseToolError as error:
        if not book.now(child).changed:
            book.write(child, Phase(Word.NOT_DONE, error.message))
            return _not_back(f"the rollback to {good.payload.name} could not begin", reason, error.message)
        raise
    if ending.word is Word.HEALTHY:
        prove(book, child, ending)
        return Phase(Word.FAILED, reason, rolled_back_to=good.payload.name)
    book.write(child, ending)
    if ending.handed_over_to is not None:
        return Phase(Word.FAILED, reason, handed_over_to=ending.handed_over_to)
    return _not_back(f"the rollback to {good.payload.name} did not succeed", reason, ending.text)


def _not_back(why: str, reason: str, then: str = "") -> Phase:
    """How a deployment ends that is not undone; that comes first, for a status has no room for a long text."""
    return Phase(Word.FAILED, f"{why}, after this: {reason}" + (f"; then: {then}" if then else ""))


def touched(journey: Journey) -> tuple[Target, ...]:
    """The targets that a deployment may have changed."""
    names = set(journey.now().touched)
    return tuple(target for target in journey.place.targets if target.name in names)


def incident(attempt: Attempt, journey: Journey, reason: str) -> str:
    """Stop the line: an issue that halts the environment, with what is known; its address, empty where that failed."""
    mask = journey.place.masker()
    details = "\n\n".join([mask(journey.evidence.markdown()), "By hand:\n\n" + _indented(attempt.manual())])
    try:
        place = journey.place
        return journey.book.insist(lambda: open_incident(place.project, place.name, mask(reason), details)).url
    except (RemoteError, PermissionDeniedError) as error:
        journey.place.project.say(f"opening the incident failed, so nothing is halted: {error.message}")
        return ""


def keep_evidence(journey: Journey) -> None:
    """Write down what happened, before it is undone; a full disk never keeps anybody from undoing it."""
    if journey.place.evidence is None:
        return
    try:
        journey.evidence.write(journey.place.evidence / f"{journey.place.name}-{journey.entry.id}")
    except OSError as error:
        journey.place.project.say(f"the evidence could not be kept: {error}")


def _with_evidence(told: Deployed, journey: Journey) -> Deployed:
    keep_evidence(journey)
    samples = tuple(journey.evidence.samples[-_SHOWN_SAMPLES:])
    return dataclasses.replace(told, samples=samples, evidence=journey.evidence.markdown())


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
