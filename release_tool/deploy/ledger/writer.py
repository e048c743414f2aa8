"""The ledger of one environment for one owner: reads, writes, and signs of life."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from release_tool.deploy.ledger.events import event_of
from release_tool.deploy.ledger.lock import living
from release_tool.deploy.ledger.model import Deployment, PhaseChange, followed_by, is_written
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, as_written
from release_tool.deploy.ledger.store import deployments_of
from release_tool.deploy.ledger.watching import watch_of
from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.history.owner import claimant, lives
from release_tool.history.trust import summed_up
from release_tool.notify.notice import subscribers
from release_tool.text.masking import without_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Ledger, Payload
    from release_tool.model.tags import Owner

T = TypeVar("T")

_FEW = 30
"""How many of the newest deployments are read again to see what has changed."""
PAUSES = (1.0, 4.0, 10.0)
"""Seconds between one attempt to write a phase and the next."""
_RENEWAL = timedelta(minutes=1)
"""How often an owner whose process others can't check gives a sign of life."""


class LedgerWriter:
    """What is written here is known here at once, even while GitHub's lists don't show it yet."""

    def __init__(self, environment: DeployEnvironment) -> None:
        self.environment = environment
        self._project = environment.project
        self._deployments = deployments_of(environment.project)
        self._known: dict[int, Deployment] = {}
        self.ledger: Ledger = ()
        """All deployments, oldest first, as they were when we last looked."""
        self._remember(*self._deployments.ledger(environment.name))
        for one in summed_up(self._deployments.ignored):
            environment.project.say(f"ignored: {one}")
        self._ours: set[int] = set()
        self._written_at = environment.project.clock.now()
        self._shown_alive_at = environment.project.clock.steady()

    @functools.cached_property
    def owner(self) -> Owner:
        """Who we are."""
        return claimant(self._project)

    def _remember(self, *deployments: Deployment) -> None:
        self._known |= {deployment.id: deployment for deployment in deployments}
        self.ledger = tuple(self._known[number] for number in sorted(self._known))

    def look(self) -> Ledger:
        """The ledger as it is now; finished deployments of long ago are not read again."""
        newest = self._deployments.newest(self.environment.name, _FEW)
        oldest = min((deployment.id for deployment in newest), default=0)
        older = [one for one in self.ledger if one.id < oldest and not one.finished and one.id not in self._ours]
        found = self._deployments.ledger(self.environment.name) if older else newest
        self._remember(*(one for one in found if len(one.steps) >= len(self._known.get(one.id, one).steps)))
        return self.ledger

    def living(self) -> frozenset[int]:
        """The deployments whose owners are still at work, as checking them shows."""
        others: dict[Owner, Deployment] = {
            one.owner: one for one in self.ledger if not one.finished and one.id not in self._ours
        }
        alive = {owner for owner, one in others.items() if lives(self._project, owner, one.seen_at)}
        return living(self.ledger, alive, self._ours)

    def is_others(self, deployment: Deployment) -> bool:
        """Whether another owner of a deployment is still at work, as checking it shows."""
        ours = deployment.id in self._ours
        return not ours and lives(self._project, deployment.owner, deployment.seen_at)

    def watcher(self, deployment: Deployment) -> Owner | None:
        """Who still watches a deployment after its bake, who is asked; None where nobody does."""
        watch = watch_of(deployment)
        alive = watch and lives(self._project, watch.owner, deployment.seen_at)
        return watch.owner if watch and alive else None

    def now(self, deployment: Deployment) -> Deployment:
        """A deployment with all that was written of it."""
        return self._known[deployment.id]

    def enter(self, payload: Payload) -> Deployment:
        """Begin a deployment: it waits for its turn."""
        entry = self._create(payload)
        self.write(entry, PhaseRecord(Phase.WAITING, "for its turn"))
        return self.now(entry)

    def _create(self, payload: Payload) -> Deployment:
        description = f"{payload.kind.value} {payload.name}"
        number = self._deployments.create(self.environment.name, payload, description)
        self._ours.add(number)
        entry = Deployment(id=number, payload=payload, created=self._project.clock.now())
        self._remember(entry)
        return entry

    def enter_once(self, payload: Payload, phase: PhaseRecord) -> Deployment | None:
        """Record how a deployment ended that did not begin; None where the ledger has the same record already."""
        if is_written(self.ledger, payload.commit, self._masked(phase)):
            return None
        entry = self._create(payload)
        self.write(entry, phase)
        return self.now(entry)

    def write(self, deployment: Deployment, phase: PhaseRecord, *, patiently: bool = True) -> None:
        """Write a phase before it is acted on; since writing it twice does no harm, a failed write is tried again."""
        owed = self._owed(deployment, phase)
        self._write(deployment, msgspec.structs.replace(self._masked(phase), owed=owed), patiently=patiently)
        self.environment.progress.phase(f"{deployment}: {self.now(deployment).phase}")

    def write_owed(self, deployment: Deployment, channels: tuple[str, ...]) -> None:
        """Write which channels are still to be notified of a deployment's end."""
        phase = msgspec.structs.replace(self.now(deployment).phase, owed=channels)
        self._write(deployment, phase, patiently=False)

    def _owed(self, deployment: Deployment, phase: PhaseRecord) -> tuple[str, ...]:
        """The channels to notify of an end, written with the end itself, so that an interruption loses no message."""
        known = self.now(deployment)
        if known.finished:
            return known.phase.owed
        event = event_of(msgspec.structs.replace(known, steps=(PhaseChange(phase, self._written_at),)))
        return subscribers(self._project.config.channels, event, self.environment.name) if event else ()

    def _write(self, deployment: Deployment, phase: PhaseRecord, *, patiently: bool) -> None:
        self.insist(lambda: self._status(deployment.id, phase), PAUSES if patiently else ())
        self._written_at, self._shown_alive_at = self._project.clock.now(), self._project.clock.steady()
        known = self._known[deployment.id]
        steps = followed_by(known.steps, PhaseChange(as_written(phase), self._written_at))
        self._remember(msgspec.structs.replace(known, steps=steps))

    def insist(self, act: Callable[[], T], pauses: Iterable[float] = PAUSES) -> T:
        """Do something that is safe to repeat, again where GitHub failed; its last failure is raised."""
        for pause in pauses:
            try:
                return act()
            except RemoteError:
                self._project.clock.sleep(pause)
        return act()

    @contextmanager
    def patient(self, doing: str) -> Iterator[None]:
        """Try something that may fail; where GitHub fails or refuses, say so and go on."""
        try:
            yield
        except (RemoteError, PermissionDeniedError) as error:
            self._project.say(f"{doing} failed; continuing without it: {error.message}")

    def _masked(self, phase: PhaseRecord) -> PhaseRecord:
        return msgspec.structs.replace(phase, text=self.environment.mask(phase.text))

    def _status(self, number: int, phase: PhaseRecord) -> None:
        url = self.environment.mask(without_user(self.environment.settings.url))
        self._deployments.status(number, phase, log_url=self._project.actions.run_url, environment_url=url)

    def stay_alive(self, deployment: Deployment) -> None:
        """Give a sign of life, where others can't check our process; most calls cost nothing."""
        if self.owner.run or self._project.clock.steady() - self._shown_alive_at < _RENEWAL:
            return
        self._status(deployment.id, self.now(deployment).phase)
        self._shown_alive_at = self._project.clock.steady()

    @contextmanager
    def kept_alive(self, deployment: Deployment, renewal: timedelta = _RENEWAL) -> Iterator[None]:
        """Give signs of life while something else takes long."""
        if self.owner.run:
            yield
            return
        over = threading.Event()
        phase = self.now(deployment).phase

        def renew() -> None:
            while not over.wait(renewal.total_seconds()):
                try:
                    self._status(deployment.id, phase)
                except (RemoteError, PermissionDeniedError):
                    continue  # the next one may succeed; two may fail before we count as dead

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
