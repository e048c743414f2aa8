"""Bringing a commit to targets, wave by wave: the command, then the checks until there is a verdict."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.waves import pauses_of, waves_of
from release_tool.deploy import command
from release_tool.deploy.command import CommandInput, surroundings
from release_tool.deploy.evidence import CommandOutput, Evidence
from release_tool.deploy.health.baseline import look_before
from release_tool.deploy.health.before import Before
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Occasion, Prober
from release_tool.deploy.health.verdict import HealthAnalysis, HealthState, HealthVerdict, Reading, rules_of
from release_tool.deploy.health.watch import WatchAnalysis, paced
from release_tool.deploy.ledger.lock import yields_to
from release_tool.deploy.ledger.model import DeploymentKind, name_wave
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.links import links
from release_tool.deploy.queue import interrupted
from release_tool.git.checkout import checkout
from release_tool.notify.notice import Notice
from release_tool.text.humanize import duration
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from release_tool.config.model import Target
    from release_tool.deploy.candidates import RevisionResolver
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.health.probe import Question
    from release_tool.deploy.health.verdict import Sample
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.preconditions import DeployRequest
    from release_tool.git.checkout import Checkout

_AT_ONCE = 16
"""How many commands run side by side: each has a checkout of its own."""
_LOOK_EVERY = timedelta(seconds=15)
"""How often the ledger is read while samples are taken, for a person who takes over."""
_GAP = timedelta(minutes=1)
_TELL_EVERY = timedelta(minutes=10)
"""How often a watch says how it goes."""
_MOST_BAKES = 10
"""How many bakes may begin anew after the deadline, before that alone is the verdict."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollout:
    """One deployment on its way to some targets; `tag` is that of the release in it."""

    environment: DeployEnvironment
    writer: LedgerWriter
    revisions: RevisionResolver
    entry: Deployment
    tag: str
    targets: tuple[Target, ...]
    request: DeployRequest
    evidence: Evidence = dataclasses.field(default_factory=Evidence)

    def now(self) -> Deployment:
        """The deployment with all that was written of it."""
        return self.writer.now(self.entry)

    def write(self, word: Phase, text: str = "") -> None:
        """Write a phase of it."""
        self.writer.write(self.entry, PhaseRecord(word, text))

    def mention(self, word: Phase, text: str) -> None:
        """Write a phase that only informs, without repeating it: samples don't wait for that."""
        with self.in_passing(f"writing that it is {word.value}"):
            self.writer.write(self.entry, PhaseRecord(word, text), patiently=False)

    @contextmanager
    def in_passing(self, doing: str) -> Iterator[None]:
        """Ask GitHub once, and do without it where it does not answer."""
        with self.writer.patient(doing), self.environment.project.remote.impatient():
            yield

    @contextmanager
    def checked_out(self) -> Iterator[Checkout]:
        """Its commit, as commands are run in; raises RefusedError for one that no review and no test has seen."""
        self.revisions.insist_standing(self.entry.commit)
        with checkout(self.environment.project.git, self.entry.commit) as tree:
            yield tree

    def command_input(self, target: Target) -> CommandInput:
        """What the command for a target is to bring."""
        payload = self.entry.payload
        return CommandInput(
            version=payload.name,
            commit=payload.commit,
            tag=self.tag,
            environment=self.environment.name,
            target=target.name,
            target_url=target.url,
            kind="rollback" if payload.kind is DeploymentKind.ROLLBACK else "deploy",
            references=payload.references,
        )

    def variables(self, passed: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """The whole environment of the command for each target; `passed` are those of our variables that it gets."""
        ours = self.environment.ours
        return {target.name: surroundings(self.command_input(target), passed, ours) for target in self.targets}

    @property
    def waves(self) -> list[Sequence[Target]]:
        """Its targets as they are brought side by side; what undoes a wave begins with the newest one."""
        setting = self.environment.settings.wave
        waves = waves_of(self.environment.targets, setting)
        mine = [[target for target in wave if target in self.targets] for wave in waves]
        undoes = setting and self.entry.payload.kind is DeploymentKind.ROLLBACK
        return [wave for wave in (reversed(mine) if undoes else mine) if wave]

    def pauses_after(self, wave: int) -> bool:
        """Whether a person is waited for after a wave, which nobody is who goes back."""
        deploys = self.entry.payload.kind is DeploymentKind.DEPLOY
        return deploys and wave in pauses_of(self.environment.settings) and wave < len(self.waves)

    @property
    def argv(self) -> tuple[str, ...]:
        """The command; a rollback may have one of its own."""
        settings = self.environment.settings
        goes_back = self.entry.payload.kind is DeploymentKind.ROLLBACK
        return (goes_back and settings.rollback_command) or settings.command


def roll_out(rollout: Rollout) -> PhaseRecord:
    """Bring the commit to every target, wave by wave, and verify it there; the phase it returns is not written yet.

    It is `healthy:`, `failed:` (by itself, or handed over to a person's rollback), `rolling back:` where a halt asks
    for it, `unknown:` where health could not be measured or the environment was lost to somebody else, or what
    `interruption` says of a deployment that has not changed anything. Raises UsageError before anything is changed.
    """
    environment = rollout.environment
    variables = rollout.variables(environment.passed())
    with rollout.checked_out() as tree:
        for values in variables.values():
            command.insist_found(rollout.argv, tree.directory, values)
        before = _measured_before(rollout, tree.directory, variables)
        touched: list[Target] = []
        verdict = HealthVerdict(HealthState.HEALTHY, "there was nothing to verify")
        for number, wave in enumerate(rollout.waves, start=1):
            if ending := interrupted(rollout.writer, rollout.entry, rollout.request):
                return ending
            touched += wave
            names = name_wave([target.name for target in wave])
            rollout.write(Phase.CHANGING, names)
            failure = _run_commands(rollout, wave, tree.directory, variables)
            ended = environment.project.clock.steady()
            if failure:
                return PhaseRecord(Phase.FAILED, failure)
            rollout.mention(Phase.VERIFYING, names)
            found = _verify_targets(rollout, touched, tree.directory, variables, ended, before)
            if isinstance(found, PhaseRecord):
                return found
            verdict = found
            if verdict.state is not HealthState.HEALTHY:
                return _failed(verdict)
            if rollout.pauses_after(number):
                prober = _prober(rollout, tree.directory, variables, ended=ended, before=before)
                if ending := _paused(rollout, number, touched, prober):
                    return ending
    return PhaseRecord(Phase.HEALTHY, verdict.reason)


def _paused(rollout: Rollout, wave: int, targets: Sequence[Target], prober: Prober) -> PhaseRecord | None:
    """Wait after a wave until a person resumes, measuring on; how it ends where nobody does, or it must not go on.

    It goes back when its time is over: a person was to say yes, and nobody did.
    """
    environment, project = rollout.environment, rollout.environment.project
    patience = environment.settings.pause_timeout
    until, whole = project.clock.now() + patience, len(rollout.waves)
    pause = PhaseRecord(Phase.PAUSED, f"after wave {wave} of {whole}, until {until:%H:%M} UTC")
    rollout.writer.write(rollout.entry, pause)
    project.say(f"`release-tool resume -e {word(environment.name)}` goes on; the rollback begins at {until:%H:%M} UTC")
    _tell_of_pause(rollout, pause)

    def look() -> PhaseRecord | None:
        if taken := _taken_over(rollout):
            return taken
        return PhaseRecord(Phase.RESUMED) if rollout.now().is_resumed(pause) else None

    here = dataclasses.replace(rollout, targets=tuple(targets))
    between = now_and_then(rollout, "looking whether somebody resumes or takes over", look)
    found = _watch(here, prober, patience, between)
    if isinstance(found, PhaseRecord):
        return None if found.word is Phase.RESUMED else found
    return PhaseRecord(
        Phase.FAILED, found.complaint or f"nobody resumed it within {duration(patience.total_seconds())}"
    )


def _tell_of_pause(rollout: Rollout, pause: PhaseRecord) -> None:
    """Tell whoever wants to know that a person is waited for."""
    environment, payload = rollout.environment, rollout.entry.payload
    environment.project.tell(
        Notice(
            event="needs-person",
            title=f"{environment.name}: {payload.name} is paused {pause.text}",
            text=f"`release-tool resume -e {word(environment.name)}` goes on; without that it is rolled back then.",
            environment=environment.name,
            after=payload.name,
            who=payload.by,
            links=links(environment.project, environment=environment.name),
        )
    )


def _measured_before(rollout: Rollout, directory: Path, variables: Mapping[str, Mapping[str, str]]) -> Before | None:
    """What the deployment is compared with; what it goes back from is no measure for a rollback."""
    environment = rollout.environment
    if rollout.entry.payload.kind is DeploymentKind.ROLLBACK or not any(one.compare for one in environment.checks):
        return None
    clock, bake = environment.project.clock, environment.settings.bake
    before = Before(clock.now(), rollout.evidence.before)
    if timed := [one for one in environment.questions(rollout.targets) if one.check.compare and one.check.times]:
        environment.project.say("measuring how fast the live version answers, to compare with it")
        with rollout.writer.kept_alive(rollout.entry):
            look_before(_prober(rollout, directory, variables).measure, timed, bake, clock.sleep, before)
        before.began = clock.now()
    return before


def _verify_targets(  # noqa: PLR0913, PLR0917 - each of these is a thing that a caller decides
    rollout: Rollout,
    targets: Sequence[Target],
    directory: Path,
    variables: Mapping[str, Mapping[str, str]],
    ended: datetime,
    before: Before | None,
) -> HealthVerdict | PhaseRecord:
    """Sample targets, whose command has ended, until there is a verdict, or until a person's rollback takes over."""

    def baking() -> None:
        rollout.mention(Phase.BAKING, "the new version answers")

    prober = _prober(rollout, directory, variables, ended=ended, before=before)
    here = dataclasses.replace(rollout, targets=tuple(targets))
    between = now_and_then(rollout, "looking for a rollback that takes over", lambda: _taken_over(rollout))
    return sample(here, prober, ended, between=between, baking=baking)


def now_and_then(
    rollout: Rollout, doing: str, look: Callable[[], PhaseRecord | None], every: timedelta = _LOOK_EVERY
) -> Callable[[], PhaseRecord | None]:
    """A look at the ledger at most that often; it shows that this run lives, and is left out where GitHub fails.

    Who holds an environment shows that even where nothing can be read, for else it would be taken for dead; of what has
    ended nothing is written without a look, for something newer may have replaced it.
    """
    clock = rollout.environment.project.clock
    looked_at = clock.steady()

    def between() -> PhaseRecord | None:
        nonlocal looked_at
        if clock.steady() - looked_at < every:
            return None
        looked_at, seen = clock.steady(), False
        with rollout.in_passing(doing):
            if ending := look():
                return ending
            seen = True
        if seen or not rollout.now().finished:
            with rollout.in_passing("showing that this run lives"):
                rollout.writer.stay_alive(rollout.entry)
        return None

    return between


def verify_health(rollout: Rollout, calm: timedelta = timedelta()) -> HealthVerdict | PhaseRecord:
    """Run the checks of its targets through a bake, changing nothing and notifying nobody.

    What restarted within the time before that should have been `calm` is not healthy.
    """
    with _probing(rollout, calm) as prober:
        return sample(rollout, prober, rollout.environment.project.clock.steady())


def watch_health(
    rollout: Rollout, length: timedelta, between: Callable[[], PhaseRecord | None]
) -> WatchAnalysis | PhaseRecord:
    """Ask each check of its targets at the pace of a watch, until it is over or tells enough, or `between` ends it."""
    began = next((step.at for step in rollout.now().steps if step.phase.word is Phase.CHANGING), rollout.entry.created)
    with _probing(rollout, timedelta(), before=Before(began, rollout.evidence.before)) as prober:
        return _watch(rollout, prober, length, between)


def _watch(
    rollout: Rollout, prober: Prober, length: timedelta, between: Callable[[], PhaseRecord | None]
) -> WatchAnalysis | PhaseRecord:
    environment, clock = rollout.environment, rollout.environment.project.clock
    questions = [
        msgspec.structs.replace(question, check=paced(question.check))
        for question in environment.questions(rollout.targets)
    ]
    watch = WatchAnalysis.begun(environment.settings, [target.name for target in rollout.targets])
    end = clock.steady() + length
    told_at = seen_at = clock.steady()
    due = [seen_at for _ in questions]
    while not watch.complaint and (now := clock.steady()) < end:
        if now - seen_at > _longest_wait(questions):
            environment.project.say(f"nothing was sampled for {(now - seen_at).total_seconds():.0f} s")
            watch = watch.interrupted()
        ripe = [number for number, at in enumerate(due) if at <= now]
        request = [number for number in ripe for _ in range(questions[number].check.asked)]
        latest = prober.measure([questions[number] for number in request]) if request else ()
        for number in ripe:
            due[number] = max(due[number] + questions[number].check.interval, now)
        watch = watch.observed(latest)
        rollout.evidence.samples += latest
        seen_at = clock.steady()
        if seen_at - told_at >= _TELL_EVERY:
            told_at = seen_at
            environment.project.say(f"watching {rollout.entry}: {watch.counted}")
        if ending := between():
            return ending
        wake = min(*due, end, seen_at + _LOOK_EVERY)
        clock.sleep(max((wake - clock.steady()).total_seconds(), 0.0))
    return watch


def look(rollout: Rollout) -> tuple[tuple[Sample, ...], ...]:
    """The samples of each check of each target: it is asked until it is well answered, or as often as it may fail."""
    clock, questions = rollout.environment.project.clock, rollout.environment.questions(rollout.targets)
    found: dict[int, tuple[Sample, ...]] = dict.fromkeys(range(len(questions)), ())
    with _probing(rollout, rollout.environment.settings.bake) as prober:
        while request := [number for number, question in enumerate(questions) if _asks_on(question, found[number])]:
            if any(found.values()):
                clock.sleep(max(questions[number].check.interval.total_seconds() for number in request))
            for number, one in zip(request, prober.measure([questions[number] for number in request]), strict=True):
                found[number] += (one,)
                rollout.evidence.samples.append(one)
    return tuple(found.values())


def _asks_on(question: Question, samples: Sequence[Sample]) -> bool:
    answered = any(one.sample is Reading.OK for one in samples)
    return not answered and len(samples) < question.check.failure_threshold


@contextmanager
def _probing(rollout: Rollout, calm: timedelta, *, before: Before | None = None) -> Iterator[Prober]:
    """What asks its targets while nothing is deployed to them; nothing should have restarted while it was `calm`."""
    environment = rollout.environment
    passed = {name: environment.ours[name] for name in environment.settings.pass_env if name in environment.ours}
    with rollout.checked_out() as tree:
        calm_since = environment.project.clock.now() - calm if calm else None
        yield _prober(rollout, tree.directory, rollout.variables(passed), calm_since, before=before)


def _prober(  # noqa: PLR0913 - each of these is a thing that a caller decides
    rollout: Rollout,
    directory: Path,
    variables: Mapping[str, Mapping[str, str]],
    calm_since: datetime | None = None,
    *,
    ended: datetime | None = None,
    before: Before | None = None,
) -> Prober:
    """What asks targets whether the commit of a deployment answers, whose command may just have ended."""
    environment = rollout.environment
    return Prober(
        expected=Expected(
            commit=rollout.entry.commit,
            version=rollout.entry.payload.name,
            references=rollout.entry.payload.references,
        ),
        clock=environment.project.clock,
        directory=directory,
        environment={},
        variables=variables,
        secrets=environment.secrets(),
        say=environment.project.say,
        calm_since=calm_since,
        occasion=Occasion(environment=environment.name, bake=environment.settings.bake, ended=ended),
        before=before,
    )


def sample(
    rollout: Rollout,
    prober: Prober,
    ended: datetime,
    *,
    between: Callable[[], PhaseRecord | None] = lambda: None,
    baking: Callable[[], None] = lambda: None,
) -> HealthVerdict | PhaseRecord:
    """Ask each check of each target at its interval until there is a verdict, or until `between` ends it.

    `baking` is called when every check has begun to bake.
    """
    environment, clock = rollout.environment, rollout.environment.project.clock
    questions = environment.questions(rollout.targets)
    health = HealthAnalysis.begun(rules_of(environment.settings, [target.name for target in rollout.targets]), ended)
    seen_at = ended
    due = [ended + question.check.initial_delay for question in questions]
    announced = False
    while not health.state.final:
        now = clock.steady()
        ripe = [number for number, at in enumerate(due) if at <= now]
        request = [number for number in ripe for _ in range(questions[number].check.asked)]
        latest = prober.measure([questions[number] for number in request]) if request else ()
        for number in ripe:
            due[number] = max(due[number] + questions[number].check.interval, now)
        if (gap := clock.steady() - seen_at) > _longest_wait(questions):
            environment.project.say(f"nothing was sampled for {gap.total_seconds():.0f} s, so the bake begins anew")
            health, latest = health.interrupted(gap, clock.steady()), ()
            due = [max(at, clock.steady()) for at in due]
        seen_at = clock.steady()
        health = _observed(health, latest).ticked(seen_at)
        rollout.evidence.samples += latest
        environment.progress.health(health, rollout.evidence.samples)
        if not announced and all(track.bake for track in health.tracks):
            announced = True
            baking()
        if ending := between():
            return ending
        if clock.steady() > max(track.deadline + _MOST_BAKES * track.rule.bake for track in health.tracks):
            return HealthVerdict(HealthState.UNHEALTHY, "no bake held for long enough")
        if not health.state.final:
            clock.sleep(max((min(due) - clock.steady()).total_seconds(), 0.0))
    return health.verdict


def _longest_wait(questions: Sequence[Question]) -> timedelta:
    """How long nothing may come of sampling before that is no more than slowness: the machine slept, or hung."""
    return max(_GAP, *(2 * (one.check.interval + one.check.timeout) + one.check.initial_delay for one in questions))


def _observed(health: HealthAnalysis, samples: Sequence[Sample]) -> HealthAnalysis:
    """Take in the samples of an interval, those of one check of one target together."""
    together: dict[tuple[str, str], list[Sample]] = {}
    for one in sorted(samples, key=lambda sample: sample.at):
        together.setdefault((one.target, one.check), []).append(one)
    for group in sorted(together.values(), key=lambda group: group[-1].at):
        health = health.observed(*group)
    return health


def _taken_over(rollout: Rollout) -> PhaseRecord | None:
    """Whether a person's rollback asks for the environment while we verify."""
    rollback = yields_to(rollout.writer.look(), rollout.now(), rollout.writer.living())
    if rollback is None:
        return None
    return PhaseRecord(Phase.FAILED, "a person took over", handed_over_to=rollback.id)


def _run_commands(
    rollout: Rollout, wave: Sequence[Target], directory: Path, variables: Mapping[str, Mapping[str, str]]
) -> str:
    """Run the command for each target of a wave, side by side; why that failed, empty where all went well."""
    show = rollout.environment.progress.line
    with rollout.writer.kept_alive(rollout.entry):
        if len(wave) == 1:
            outputs = [_run_command(rollout, wave[0], directory, variables, show)]
        else:
            outputs = _side_by_side(rollout, wave, variables, show)
    rollout.evidence.said += sorted(outputs, key=lambda one: not one.ran.succeeded)  # the last one is shown
    failed = [f"{one.target} {one.ran.ending}" for one in outputs if not one.ran.succeeded]
    return f"the command for {'; for '.join(failed)}" if failed else ""


def _side_by_side(
    rollout: Rollout, wave: Sequence[Target], variables: Mapping[str, Mapping[str, str]], show: Callable[[str], None]
) -> list[CommandOutput]:
    """Run several commands at once, each in a checkout of its own; an interrupt ends them all."""
    from concurrent.futures import ThreadPoolExecutor

    commands, lock = command.CommandGroup(), threading.Lock()

    def one(target: Target) -> CommandOutput:
        def show_as_its_own(line: str) -> None:
            with lock:
                show(f"{target.name}: {line}")

        with checkout(rollout.environment.project.git, rollout.entry.commit) as tree:
            return _run_command(rollout, target, tree.directory, variables, show_as_its_own, commands)

    with ThreadPoolExecutor(min(len(wave), _AT_ONCE)) as pool:
        futures = [pool.submit(one, target) for target in wave]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            commands.end()
            raise


def _run_command(  # noqa: PLR0913, PLR0917 - each of these is a thing that a caller decides
    rollout: Rollout,
    target: Target,
    directory: Path,
    variables: Mapping[str, Mapping[str, str]],
    show: Callable[[str], None],
    among: command.CommandGroup | None = None,
) -> CommandOutput:
    """Run the command for a target."""
    ran = command.run(
        rollout.argv,
        directory=directory,
        environment=variables[target.name],
        timeout=rollout.environment.settings.command_timeout.total_seconds(),
        mask=rollout.environment.mask,
        show=show,
        among=among,
    )
    return CommandOutput(target.name, ran)


def _failed(verdict: HealthVerdict) -> PhaseRecord:
    word = Phase.UNKNOWN if verdict.state is HealthState.INCONCLUSIVE else Phase.FAILED
    return PhaseRecord(word, verdict.reason)
