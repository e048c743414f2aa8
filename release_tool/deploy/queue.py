"""Waiting for an environment: one deployment at a time holds it, and the others wait, yield or are superseded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.lock import interruption, superseded_by
from release_tool.deploy.ledger.model import Kind
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.preconditions import halted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import Book
    from release_tool.deploy.preconditions import Asked

_POLL = 10.0
_POLL_GOING_BACK = 3.0


def await_turn(book: Book, entry: Deployment, asked: Asked) -> Phase | None:
    """Wait until a deployment holds its environment; else the phase that it comes to, which is not written yet."""
    place, clock = book.place, book.place.project.clock
    until = clock.now() + place.settings.lock_timeout
    poll = _POLL_GOING_BACK if entry.payload.kind is Kind.ROLLBACK else _POLL
    sure = False
    while True:
        stop = _stop(book, entry, asked)
        if stop is None and sure:
            return None
        sure = stop is None
        if stop is not None and stop.word is not Word.WAITING:
            return stop
        if stop is not None and clock.now() >= until:
            return Phase(Word.HELD if asked.automatic else Word.REFUSED, f"waited in vain: {stop.text}")
        if stop is not None and stop.text != book.now(entry).phase.text:
            book.write(entry, stop)
        book.stay_alive(entry)
        left = max((until - clock.now()).total_seconds(), 0.0)
        # Two who begin at the same moment see each other by the second look.
        clock.sleep(place.project.settling if sure else min(poll, left))


def _stop(book: Book, entry: Deployment, asked: Asked) -> Phase | None:
    ledger, alive, now = book.look(), book.living(), book.now(entry)
    if other := superseded_by(ledger, now, alive, frozenset(_containing(book, now))):
        return Phase(Word.SUPERSEDED, f"by {other}")
    halt = halted(book.place, asked) if entry.payload.kind is Kind.DEPLOY else ""
    return interruption(ledger, now, alive, halt)


def _containing(book: Book, entry: Deployment) -> Iterator[str]:
    """The commits that later deployments bring and that contain this one's."""
    git = book.place.project.git
    for other in book.ledger:
        later = other.id > entry.id and not other.finished and other.commit != entry.commit
        if later and git.obtain(other.commit) and git.is_ancestor(entry.commit, other.commit):
            yield other.commit
