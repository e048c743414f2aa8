"""Asking targets how they are: many questions at the same time, each answered by exactly one sample, in time."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.config.model import Check, Target
from release_tool.config.variables import filled_in
from release_tool.config.workloads import named
from release_tool.deploy import command
from release_tool.deploy.health.before import Comparison
from release_tool.deploy.health.comparison import span_compared
from release_tool.deploy.health.connection import ConnectionFailedError, TimedConnection, resolve
from release_tool.deploy.health.judge import ProbeResponse, judge, unusable
from release_tool.deploy.health.verdict import Measurement, Reading, Sample
from release_tool.errors import UsageError
from release_tool.text.masking import masker, url_secrets
from release_tool.text.visible import visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from urllib.parse import SplitResult

    from release_tool.deploy.health.before import Before
    from release_tool.deploy.health.connection import Address
    from release_tool.deploy.health.engines.workload import Workload
    from release_tool.deploy.health.judge import Expected
    from release_tool.deploy.health.prometheus import Prometheus
    from release_tool.system.clock import Clock
    from release_tool.text.masking import Masker

_LAST_WORDS = 0.25
"""Seconds that a measurement gets after its time limit, to report the cause itself."""
_AT_ONCE = 64
"""How many questions are asked at the same time; of more of them each would lose its time to the others."""
_LONGEST_DETAIL = 200
_PORTS = {"http": 80, "https": 443}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One check of one target."""

    target: Target
    check: Check


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured: an environment for as long as its bake, and since when the command has ended, if one ran."""

    environment: str = ""
    bake: timedelta = timedelta(minutes=2)
    ended: datetime | None = None


def insist_usable(questions: Iterable[Question]) -> None:
    """Raise UsageError for the first question that could never be answered, before anything is changed."""
    for question in questions:
        check, during = question.check, f"reading the check {question.check.name or question.check.kind}"
        for problem in unusable(check):
            raise UsageError(problem, during=during, todo="correct the configuration")
        match check.kind:
            case "http":
                _url(question)
            case "tcp":
                _address(question)
            case "command" | "kubernetes" | "docker" | "prometheus":
                pass  # they have no address on the target
            case _:
                assert_never(check.kind)


class Prober:
    """Measures whether targets answer, and whether it is the expected version that does.

    Command checks run in `directory` with `environment`, and with what `told` has for their target by its name.
    `secrets` never stand in a detail, and nor do passwords of URLs. Where a name has several addresses they take
    turns; it is looked up by `resolve` each time, and `say` is told once of each that can't be reached from here.
    What an engine says began anew after `calm_since` is a restart already at the first look. `occasion` is what queries
    of metrics are about, and `before` what is compared with.
    """

    def __init__(  # noqa: PLR0913 - each of these is a thing that a caller decides
        self,
        *,
        expected: Expected,
        clock: Clock,
        directory: Path,
        environment: Mapping[str, str],
        variables: Mapping[str, Mapping[str, str]] | None = None,
        secrets: Iterable[str] = (),
        resolve: Callable[[str, int], Sequence[Address]] = resolve,
        say: Callable[[str], None] = lambda _: None,
        calm_since: datetime | None = None,
        occasion: Occasion | None = None,
        before: Before | None = None,
    ) -> None:
        self._variables = variables or {}
        self._expected = expected
        self._clock = clock
        self._directory = directory
        self._environment = environment
        self._secrets = frozenset(secrets)
        self._resolve = resolve
        self._say = say
        self._calm_since = calm_since
        self._occasion = occasion or Occasion()
        self._before = before
        self._comparisons: dict[tuple[str, str], Comparison] = {}
        self._seen: dict[tuple[str, str], Workload] = {}
        self._left_out: set[str] = set()
        self._turns: Counter[tuple[str, str]] = Counter()

    def measure(self, questions: Sequence[Question]) -> tuple[Sample, ...]:
        """Ask all of them, many at the same time: one sample for each, in their order, each within its time limit."""
        asked, batch = [], _Batch()
        for question in questions:
            batch.wait(_AT_ONCE - 1)
            asked.append(_Asked(self._ask, question, self._attempt(question), self._clock, batch.ended))
            batch.begin(asked[-1])
        batch.wait(0)
        for address in sorted({address for one in asked for address in one.attempt.unreachable} - self._left_out):
            self._left_out.add(address)
            self._say(f"{address} is left out of the checks: this machine has no route to it")
        return self._compared(asked, [self._sample(one.question, batch.found[one]) for one in asked])

    def _compared(self, asked: Sequence[_Asked], samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples of an interval, those of each check that compares judged together."""
        together: dict[tuple[str, str], list[int]] = {}
        for number, one in enumerate(asked):
            if one.question.check.compare:
                together.setdefault((samples[number].target, samples[number].check), []).append(number)
        found = list(samples)
        for (target, check), numbers in together.items():
            if self._before is not None and self._before.knows(target, check):
                comparison = self._comparison(asked[numbers[0]].question, target, check, self._before)
                judged = comparison.judged(samples[number] for number in numbers)
                for number, sample in zip(numbers, judged, strict=True):
                    found[number] = sample
        return tuple(found)

    def _comparison(self, question: Question, target: str, check: str, before: Before) -> Comparison:
        """What compares a check of a target, made at its first look."""
        if (target, check) not in self._comparisons:
            made = Comparison(question.check, self._occasion.bake, before.values(target, check))
            self._comparisons[target, check] = made
            if made.lacks:
                self._say(f"{check} of {target} is compared with nothing: {made.lacks}")
        return self._comparisons[target, check]

    def _attempt(self, question: Question) -> TimedConnection:
        name = question.target.name, question.check.name
        self._turns[name] += 1
        seconds = question.check.timeout.total_seconds()
        return TimedConnection(seconds, turn=self._turns[name] - 1, resolve=self._resolve)

    def _sample(self, question: Question, found: _Found) -> Sample:
        detail = visible(self._mask(question)(found.measured.detail))[:_LONGEST_DETAIL]
        return Sample(
            target=question.target.name,
            check=question.check.name or question.check.kind,
            at=found.at,
            sample=found.measured.reading,
            detail=detail,
            address=found.address,
            addresses=found.addresses,
            value=found.measured.value,
            took=found.measured.took,
        )

    def _ask(self, question: Question, attempt: TimedConnection) -> Measurement:
        check = question.check
        match check.kind:
            case "http":
                from release_tool.deploy.health import http

                answer = http.ask(_url(question), attempt)
            case "tcp":
                answer = _reach(_address(question), attempt)
            case "command":
                answer = self._run(question, attempt)
            case "kubernetes" | "docker":
                return self._look(question, attempt)
            case "prometheus":
                return self._query(question, attempt)
            case _:
                assert_never(check.kind)
        mask = self._mask(question)
        reading, detail = judge(answer, check, self._expected, lambda text: mask(visible_block(text)))
        took = round(answer.seconds, 6) if check.kind == "http" else None
        return Measurement(reading=reading, detail=detail, took=took)

    def _look(self, question: Question, attempt: TimedConnection) -> Measurement:
        """Ask an engine, and compare what it tells with the look before."""
        from release_tool.deploy.health.engines import docker, kubernetes
        from release_tool.deploy.health.engines.client import EngineClient
        from release_tool.deploy.health.engines.workload import judge_workload

        check, here = named(question.check, self._names(question)), (question.target.name, question.check.name)
        reference = self._expected.references.get(check.reference, "")
        if check.reference and not reference:
            missing = f"no reference named {check.reference} is recorded for {self._expected.version}"
            return Measurement(reading=Reading.BAD, detail=missing)
        program = check.command or ("kubectl" if check.kind == "kubernetes" else "docker",)
        client = EngineClient(program, self._directory, self._variables_of(question), attempt)
        found = kubernetes.look(client, check) if check.kind == "kubernetes" else docker.look(client, check)
        before = self._seen.get(here)
        self._seen[here] = found
        reading, detail = judge_workload(found, before, reference, calm_since=self._calm_since)
        return Measurement(reading=reading, detail=detail)

    def _query(self, question: Question, attempt: TimedConnection) -> Measurement:
        """Ask Prometheus for what the application told of itself until now."""
        from release_tool.deploy.health.prometheus import Prometheus
        from release_tool.deploy.health.series import judge_series, since

        check, mask = question.check, self._mask(question)
        ended = self._occasion.ended
        gone = None if ended is None else self._clock.steady() - ended
        if check.compare:
            gone = timedelta()  # what is compared has to be alike, so no range grows
        lately = since(gone, check.interval, self._occasion.bake)
        query = filled_in(check.query, {**self._names(question), "since": lately})
        server = Prometheus(check, self._variables_of(question), attempt, mask)
        if check.compare and self._before is not None:
            self._look_back(question, server, query, self._before)
        return judge_series(server.query(query), check, mask)

    def _look_back(self, question: Question, server: Prometheus, query: str, before: Before) -> None:
        """Ask once how a metric was before the deployment began."""
        from release_tool.deploy.health.series import samples_of

        target, check = question.target.name, question.check.name or question.check.kind
        if before.knows(target, check):
            return
        span = span_compared(question.check, self._occasion.bake)
        history = server.history(query, before.began, span, question.check.interval)
        before.keep(target, check, samples_of(target, question.check, history))

    def _names(self, question: Question) -> dict[str, str]:
        """What the texts of a check may use."""
        return {"target": question.target.name, "environment": self._occasion.environment}

    def _variables_of(self, question: Question) -> dict[str, str]:
        return {**self._environment, **self._variables.get(question.target.name, {})}

    def _mask(self, question: Question) -> Masker:
        """What masks the secrets of a question in the detail of its answer."""
        addresses = (
            question.check.url,
            question.target.url,
            self._variables_of(question).get(question.check.url_env, ""),
        )
        return masker(self._secrets.union(*map(url_secrets, addresses)))

    def _run(self, question: Question, attempt: TimedConnection) -> ProbeResponse:
        mask = self._mask(question)
        limit = attempt.left
        try:
            ran = command.run(
                question.check.command,
                directory=self._directory,
                environment=self._variables_of(question),
                timeout=limit,
                mask=mask,
                grace=_LAST_WORDS,
                keeps=False,
            )
        except UsageError as error:
            raise ConnectionFailedError(Reading.UNMEASURABLE, error.message) from None
        if ran.timed_out:
            raise attempt.over
        if ran.code:
            raise ConnectionFailedError(Reading.BAD, f"the command {ran.ending}{command.last_line(ran.evidence)}")
        return ProbeResponse(seconds=ran.seconds, body=ran.evidence.encode())


class _Found(msgspec.Struct, frozen=True):
    """What came of a question, and when that was known."""

    measured: Measurement
    at: datetime
    address: str
    addresses: tuple[str, ...]


class _Asked:
    """A question on its way: a thread asks it, and is not waited for any longer than it has time."""

    def __init__(
        self,
        ask: Callable[[Question, TimedConnection], Measurement],
        question: Question,
        attempt: TimedConnection,
        clock: Clock,
        ended: queue.SimpleQueue[tuple[_Asked, _Found | Exception]],
    ) -> None:
        self.question = question
        self.attempt = attempt
        self._ask = ask
        self._clock = clock
        self._ended = ended
        self._cut_at: float | None = None
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def patience(self) -> float:
        """Seconds until its time is over, or, once it was cut, until it is given up."""
        return self.attempt.left if self._cut_at is None else max(self._cut_at + _LAST_WORDS - time.monotonic(), 0)

    def out_of_time(self) -> _Found | None:
        """Cut it, so that it can say itself what it was about; the second time, that nothing was found in time."""
        if self._cut_at is None:
            self._cut_at = time.monotonic()
            self.attempt.cut()
            return None
        over = self.attempt.over
        reading = over.reading if self.question.check.asks_the_application else Reading.UNMEASURABLE
        return self._found(Measurement(reading=reading, detail=over.detail))

    def _work(self) -> None:
        try:
            self._ended.put((self, self._found(self._ask(self.question, self.attempt))))
        except ConnectionFailedError as trouble:
            self._ended.put((self, self._found(Measurement(reading=trouble.reading, detail=trouble.detail))))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
            self._ended.put((self, error))
        finally:
            self.attempt.close()

    def _found(self, measured: Measurement) -> _Found:
        address, addresses = self.attempt.address, self.attempt.addresses
        if len(addresses) > 1:
            measured = msgspec.structs.replace(measured, detail=f"{address}: {measured.detail}")
        return _Found(measured, self._clock.steady(), address, addresses)


class _Batch:
    """Questions that are asked side by side, of which each ends once."""

    def __init__(self) -> None:
        self.ended: queue.SimpleQueue[tuple[_Asked, _Found | Exception]] = queue.SimpleQueue()
        self.found: dict[_Asked, _Found] = {}
        self._running: set[_Asked] = set()

    def begin(self, asked: _Asked) -> None:
        """Take in a question that has just been asked."""
        self._running.add(asked)

    def wait(self, until: int) -> None:
        """Wait until no more than so many questions are on their way."""
        while len(self._running) > until:
            soonest = min(self._running, key=lambda one: one.patience)
            try:
                asked, found = self.ended.get(timeout=soonest.patience)
            except queue.Empty:
                asked, given_up = soonest, soonest.out_of_time()
                if given_up is None:
                    continue
                found = given_up
            if isinstance(found, Exception):
                raise found
            if asked in self._running:  # else it was given up before
                self._running.remove(asked)
                self.found[asked] = found


def _reach(address: tuple[str, int], attempt: TimedConnection) -> ProbeResponse:
    began = time.monotonic()
    attempt.connect(*address).close()
    return ProbeResponse(seconds=time.monotonic() - began)


def _url(question: Question) -> str:
    """The address of a check: a whole URL, or a path on that of the target."""
    path, base = question.check.url, question.target.url
    url = path if "://" in path else f"{base.rstrip('/')}/{path.removeprefix('/')}" if path else base
    parts = _split(url, question)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _no_url(question)
    return url


def _address(question: Question) -> tuple[str, int]:
    """The host and port of a check: `tcp://host:port`, `host:port`, `:port` on the target's host, or the target's."""
    own, base = question.check.url, _split(question.target.url, question)
    parts = _split(own if "://" in own else f"//{own}", question) if own else base
    host, port = parts.hostname or base.hostname, parts.port or _PORTS.get(parts.scheme)
    if not host or not port:
        raise _no_url(question)
    return host, port


def _split(url: str, question: Question) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        _ = parts.port  # which is read only now
    except ValueError:
        raise _no_url(question) from None
    return parts


def _no_url(question: Question) -> UsageError:
    check, target = question.check, question.target
    name = f"the check {check.name or check.kind}" + (f" of {target.name}" if target.name else "")
    wanted = "a host and a port" if check.kind == "tcp" else "a host, by http or https"
    return UsageError(f"the `url` of {name} does not name {wanted}", todo="give the check or the target a whole `url`")
