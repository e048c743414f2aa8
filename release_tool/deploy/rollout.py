"""Bringing a commit to targets, one after the other: the command, then the checks until there is a verdict."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from release_tool.deploy import command
from release_tool.deploy.command import Delivery, surroundings
from release_tool.deploy.evidence import Evidence, Said
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Prober
from release_tool.deploy.health.verdict import Health, State, Verdict, rules_of
from release_tool.deploy.ledger.lock import interruption, yields_to
from release_tool.deploy.ledger.model import Kind
from release_tool.deploy.ledger.phase import Phase, Word
from release_tool.deploy.preconditions import halted
from release_tool.git.checkout import checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from release_tool.config import Target
    from release_tool.deploy.command import Ran
    from release_tool.deploy.environment import Place
    from release_tool.deploy.health.verdict import Sample
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import Book
    from release_tool.deploy.preconditions import Asked

_LOOK_EVERY = timedelta(seconds=15)
"""How often the ledger is read while samples are taken, for a person who takes over."""
_MOST_BAKES = 10
"""How many bakes may begin anew after the deadline, before that alone is the verdict."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Journey:
    """One deployment on its way to some targets; `tag` is that of the release in it."""

    place: Place
    book: Book
    entry: Deployment
    tag: str
    targets: tuple[Target, ...]
    asked: Asked
    evidence: Evidence = dataclasses.field(default_factory=Evidence)

    def now(self) -> Deployment:
        """The deployment with all that was written of it."""
        return self.book.now(self.entry)

    def write(self, word: Word, text: str = "") -> None:
        """Write a phase of it."""
        self.book.write(self.entry, Phase(word, text))

    def mention(self, word: Word, text: str) -> None:
        """Write a phase that nothing is done by: samples don't wait for that."""
        with self.in_passing(f"writing that it is {word.value}"):
            self.book.write(self.entry, Phase(word, text), patiently=False)

    @contextmanager
    def in_passing(self, doing: str) -> Iterator[None]:
        """Ask GitHub once, and do without it where it does not answer."""
        with self.book.patient(doing), self.place.project.remote.impatient():
            yield

    def delivery(self, target: Target) -> Delivery:
        """What the command for a target is to bring."""
        payload = self.entry.payload
        return Delivery(
            version=payload.name,
            commit=payload.commit,
            tag=self.tag,
            environment=self.place.name,
            target=target.name,
            target_url=target.url,
            kind="rollback" if payload.kind is Kind.ROLLBACK else "deploy",
            references=payload.references,
        )

    @property
    def argv(self) -> tuple[str, ...]:
        """The command; a rollback may have one of its own."""
        settings = self.place.settings
        goes_back = self.entry.payload.kind is Kind.ROLLBACK
        return (goes_back and settings.rollback_command) or settings.command


def deliver(journey: Journey) -> Phase:
    """Bring the commit to every target and verify it there; the phase says how that ended, and is not written yet.

    It is `healthy:`, `failed:` (by itself, or handed over to a person's rollback), `rolling back:` where a halt asks
    for it, `unknown:` where health could not be measured or the environment was lost to somebody else, or what
    `interruption` says of a deployment that has not changed anything. Raises UsageError before anything is changed.
    """
    place = journey.place
    passed = place.passed()
    told = {target.name: surroundings(journey.delivery(target), passed, place.ours) for target in journey.targets}
    with checkout(place.project.git, journey.entry.commit) as tree:
        for environment in told.values():
            command.insist_found(journey.argv, tree.directory, environment)
        touched: list[Target] = []
        verdict = Verdict(State.HEALTHY, "there was nothing to verify")
        for target in journey.targets:
            if ending := _look_again(journey):
                return ending
            touched.append(target)
            ran = _bring(journey, target, tree.directory, told[target.name])
            ended = place.project.clock.now()
            if not ran.succeeded:
                return Phase(Word.FAILED, f"the command for {target.name} {ran.ending}")
            journey.mention(Word.VERIFYING, target.name)
            found = watch(journey, touched, tree.directory, told, ended)
            if isinstance(found, Phase):
                return found
            verdict = found
            if verdict.state is not State.HEALTHY:
                return _failed(verdict)
    return Phase(Word.HEALTHY, verdict.reason)


def watch(
    journey: Journey,
    targets: Sequence[Target],
    directory: Path,
    told: Mapping[str, Mapping[str, str]],
    ended: datetime,
) -> Verdict | Phase:
    """Sample targets, whose command has ended, until there is a verdict, or until a person's rollback takes over."""
    clock = journey.place.project.clock
    looked_at = clock.now()

    def between() -> Phase | None:
        nonlocal looked_at
        if clock.now() - looked_at < _LOOK_EVERY:
            return None
        looked_at = clock.now()
        with journey.in_passing("looking for somebody who takes over"):
            journey.book.stay_alive(journey.entry)
            return _taken_over(journey)

    def baking() -> None:
        journey.mention(Word.BAKING, "the new version answers")

    prober, here = prober_of(journey, directory, told), dataclasses.replace(journey, targets=tuple(targets))
    return sample(here, prober, ended, between=between, baking=baking)


def examine(journey: Journey) -> Verdict | Phase:
    """Run the checks of its targets through a bake, changing nothing and telling nobody."""
    place = journey.place
    passed = {name: place.ours[name] for name in place.settings.pass_env if name in place.ours}
    told = {target.name: surroundings(journey.delivery(target), passed, place.ours) for target in journey.targets}
    with checkout(place.project.git, journey.entry.commit) as tree:
        return sample(journey, prober_of(journey, tree.directory, told), place.project.clock.now())


def prober_of(journey: Journey, directory: Path, told: Mapping[str, Mapping[str, str]]) -> Prober:
    """What asks targets whether the commit of a deployment answers."""
    return Prober(
        expected=Expected(commit=journey.entry.commit, version=journey.entry.payload.name),
        clock=journey.place.project.clock,
        directory=directory,
        environment={},
        told=told,
        secrets=journey.place.secrets(),
    )


def sample(
    journey: Journey,
    prober: Prober,
    ended: datetime,
    *,
    between: Callable[[], Phase | None] = lambda: None,
    baking: Callable[[], None] = lambda: None,
) -> Verdict | Phase:
    """Ask each check of each target at its interval until there is a verdict, or until `between` ends it.

    `baking` is called when every check has begun to bake.
    """
    place, clock = journey.place, journey.place.project.clock
    questions = place.questions(journey.targets)
    health = Health.begun(rules_of(place.settings, [target.name for target in journey.targets]), ended)
    limit = ended + max(track.rule.deadline + _MOST_BAKES * track.rule.bake for track in health.tracks)
    due = [ended + question.check.initial_delay for question in questions]
    announced = False
    while not health.state.final:
        now = clock.now()
        ripe = [number for number, at in enumerate(due) if at <= now]
        latest = prober.measure([questions[number] for number in ripe]) if ripe else ()
        for number in ripe:
            due[number] = max(due[number] + questions[number].check.interval, now)
        health = _observed(health, latest).ticked(clock.now())
        journey.evidence.samples += latest
        place.progress.health(health, journey.evidence.samples)
        if not announced and all(track.bake for track in health.tracks):
            announced = True
            baking()
        if ending := between():
            return ending
        if clock.now() > limit:
            return Verdict(State.UNHEALTHY, "no bake held for long enough")
        if not health.state.final:
            clock.sleep(max((min(due) - clock.now()).total_seconds(), 0.0))
    return health.verdict


def _observed(health: Health, samples: Sequence[Sample]) -> Health:
    for one in sorted(samples, key=lambda sample: sample.at):
        health = health.observed(one)
    return health


def _look_again(journey: Journey) -> Phase | None:
    """What a deployment comes to instead of its next target, None where it goes on."""
    ledger = journey.book.look()
    halt = halted(journey.place, journey.asked) if journey.entry.payload.kind is Kind.DEPLOY else ""
    return interruption(ledger, journey.now(), journey.book.living(), halt)


def _taken_over(journey: Journey) -> Phase | None:
    """Whether a person's rollback asks for the environment while we verify."""
    rollback = yields_to(journey.book.look(), journey.now(), journey.book.living())
    if rollback is None:
        return None
    return Phase(Word.FAILED, "a person took over", handed_over_to=rollback.id)


def _bring(journey: Journey, target: Target, directory: Path, environment: Mapping[str, str]) -> Ran:
    """Run the command for a target."""
    place = journey.place
    journey.write(Word.CHANGING, target.name)
    with journey.book.kept_alive(journey.entry):
        ran = command.run(
            journey.argv,
            directory=directory,
            environment=environment,
            timeout=place.settings.command_timeout.total_seconds(),
            mask=place.masker(),
            show=place.progress.line,
        )
    journey.evidence.said.append(Said(target.name, ran))
    return ran


def _failed(verdict: Verdict) -> Phase:
    word = Word.UNKNOWN if verdict.state is State.INCONCLUSIVE else Word.FAILED
    return Phase(word, verdict.reason)
