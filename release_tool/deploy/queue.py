"""Waiting for an environment: one deployment at a time holds it, and the others wait, yield or are superseded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.ledger.lock import interruption, superseded_by
from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.preconditions import halted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.preconditions import DeployRequest

_POLL = 10.0
_POLL_GOING_BACK = 3.0


def await_turn(writer: LedgerWriter, entry: Deployment, request: DeployRequest) -> PhaseRecord | None:
    """Wait until a deployment holds its environment; else the phase that it comes to, which is not written yet."""
    environment, clock = writer.environment, writer.environment.project.clock
    until = clock.steady() + environment.settings.lock_timeout
    poll = _POLL_GOING_BACK if entry.payload.kind is DeploymentKind.ROLLBACK else _POLL
    sure = False
    while True:
        stop = interrupted(writer, entry, request, waits=True)
        if stop is None and sure:
            return None
        sure = stop is None
        if stop is not None and stop.word is not Phase.WAITING:
            return stop
        if stop is not None and clock.steady() >= until:
            return PhaseRecord(Phase.HELD if request.automatic else Phase.REFUSED, f"waited in vain: {stop.text}")
        if stop is not None and stop.text != writer.now(entry).phase.text:
            writer.write(entry, stop)
        writer.stay_alive(entry)
        left = max((until - clock.steady()).total_seconds(), 0.0)
        # Two deployments that begin at the same moment see each other at the second look.
        clock.sleep(environment.project.settling if sure else min(poll, left))


def resume_paused(writer: LedgerWriter, by: str) -> Deployment | None:
    """Let a deployment go on that waits for a person after a wave; None where none does whose owner lives."""
    paused = [one for one in writer.ledger if one.phase.word is Phase.PAUSED and one.id in writer.living()]
    for one in paused:
        writer.write(one, PhaseRecord(Phase.RESUMED, f"by {by}" if by else "by a person"))
    return paused[-1] if paused else None


def interrupted(
    writer: LedgerWriter, entry: Deployment, request: DeployRequest, *, waits: bool = False
) -> PhaseRecord | None:
    """The phase that stops a deployment, by the ledger and the halts as they are now; None where it continues.

    One that `waits` may be superseded by a newer one, too.
    """
    ledger, alive, now = writer.look(), writer.living(), writer.now(entry)
    if waits and (other := superseded_by(ledger, now, alive, frozenset(_containing(writer, now)))):
        return PhaseRecord(Phase.SUPERSEDED, f"by {other}")
    return interruption(ledger, now, alive, halted(writer.environment, request, entry.payload.kind))


def _containing(writer: LedgerWriter, entry: Deployment) -> Iterator[str]:
    """The commits that later deployments bring and that contain this one's."""
    git = writer.environment.project.git
    for other in writer.ledger:
        later = other.id > entry.id and not other.finished and other.commit != entry.commit
        if later and git.obtain(other.commit) and git.is_ancestor(entry.commit, other.commit):
            yield other.commit
