"""Messages through Apprise: to each channel independently, with a time limit, and without showing its address."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

import msgspec

from release_tool.notify.notice import SendFailure, SendReport
from release_tool.notify.worker import SendRequest, SendResult
from release_tool.text.documents import UNREADABLE
from release_tool.text.masking import Masker
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from release_tool.config.model import Channel
    from release_tool.notify.notice import Message
    from release_tool.system.clock import Clock

_SECONDS = 20.0
_LONGEST_REST = 30.0
"""The longest pause in seconds that is granted to a service; after a longer one the next run sends the message."""
_SHORT_REST = 1.0
"""The pause in seconds for a service that does not say how long it wants; Slack takes one message a second."""
_TRIES = 3
_FOR_EVER = 86_400.0
_LONGEST_REASON = 200
_WORD = re.compile(r"[^/?#&=@:,;\s]+")
_PASSED_ON = (
    *("PATH", "HOME", "TMPDIR", "TZ", "PYTHONPATH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""What a service's library needs of our environment, in which there are secrets that are none of its business."""


class Channels:
    """The configured channels, with their addresses from the environment; `seconds` is the limit of one attempt."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        environment: Mapping[str, str],
        clock: Clock,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._channels = channels
        self._environment = environment
        self._clock = clock
        self._seconds = seconds

    def send(self, message: Message, names: Sequence[str]) -> SendReport:
        """Send a message to some of them, all at the same time; a failure of one does not affect the others.

        Where a service asks for a short pause, the message is sent again after it.
        """
        failures = {name: reason for name in names if (reason := self._unusable(name))}
        waiting = [name for name in names if name not in failures]
        for attempt in range(1, _TRIES + 1):
            answers = self._attempt(message, waiting)
            failures |= {name: self._reason(name, answer) for name, answer in answers.items() if not _arrived(answer)}
            rests = {name: rest for name, answer in answers.items() if (rest := self._rest(answer)) is not None}
            waiting = [name for name, rest in rests.items() if rest <= _LONGEST_REST]
            if not waiting or attempt == _TRIES:
                break
            self._clock.sleep(max(rests[name] for name in waiting))
            for name in waiting:
                del failures[name]
        return SendReport(
            sent=tuple(name for name in names if name not in failures),
            failures=tuple(SendFailure(name, failures[name]) for name in names if name in failures),
        )

    def _unusable(self, name: str) -> str:
        variable = self._channels[name].url_env
        return "" if self._url(name) else f"{variable} is not set where this ran"

    def _url(self, name: str) -> str:
        return self._environment.get(self._channels[name].url_env, "").strip()

    def _attempt(self, message: Message, names: Iterable[str]) -> dict[str, SendResult | None]:
        """Start a worker for each, and wait for all of them; None is the result of one that did not finish."""
        until = time.monotonic() + self._seconds
        with contextlib.ExitStack() as stack:
            couriers = {name: stack.enter_context(_Courier(self._order(name, message), self._around)) for name in names}
            return {name: courier.answer(until) for name, courier in couriers.items()}

    def _order(self, name: str, message: Message) -> SendRequest:
        return SendRequest(
            url=self._url(name),
            subject=message.subject,
            body=message.body,
            mood=message.mood,
            seconds=self._seconds,
        )

    @property
    def _around(self) -> dict[str, str]:
        return {name: self._environment[name] for name in _PASSED_ON if name in self._environment}

    def _rest(self, answer: SendResult | None) -> float | None:
        """The seconds that a service asks to wait; None where it does not ask for that."""
        if answer is None or answer.delivered:
            return None
        asked = _seconds_of(answer.retry_after, self._clock.now())
        match answer.status:
            case HTTPStatus.TOO_MANY_REQUESTS:
                return _SHORT_REST if asked is None else asked
            case HTTPStatus.SERVICE_UNAVAILABLE:
                return asked
            case _:
                return None

    def _reason(self, name: str, answer: SendResult | None) -> str:
        if answer is None:
            return f"no answer within {self._seconds:g} s"
        if not answer.understood:
            return f"{self._channels[name].url_env} holds no address that Apprise understands"
        if answer.status >= HTTPStatus.BAD_REQUEST:
            rest = self._rest(answer)
            return f"the service answered {answer.status}" + (f" and asks to wait {rest:.0f} s" if rest else "")
        said = visible(Masker(_words(self._url(name)))(answer.said))
        return said[:_LONGEST_REASON] or "the service did not accept it"


class _Courier:
    """A worker process that sends a message; leaving the context ends it."""

    def __init__(self, order: SendRequest, environment: Mapping[str, str]) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-P", "-m", "release_tool.notify.worker"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._program.stdin is None:  # pragma: no cover - a pipe was asked for
            raise AssertionError
        with (
            contextlib.suppress(BrokenPipeError),
            self._program.stdin as order_in,
        ):  # one that ended has no answer anyway
            order_in.write(msgspec.json.encode(order))
        self._program.stdin = None  # else `communicate` would flush what is closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.kill()
        self._program.communicate()

    def answer(self, until: float) -> SendResult | None:
        """Its result; None where it has none when the monotonic clock reaches the limit."""
        try:
            output, _ = self._program.communicate(timeout=max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            return None
        if self._program.returncode == -signal.SIGALRM:
            return None
        with contextlib.suppress(*UNREADABLE):  # the last line is ours; a service's library may print, too
            return msgspec.json.decode((output.splitlines() or [b""])[-1], type=SendResult)
        return SendResult(said=f"the process that sends it ended with code {self._program.returncode}")


def _arrived(answer: SendResult | None) -> bool:
    return answer is not None and answer.delivered


def _words(url: str) -> frozenset[str]:
    """All that could be secret in an address: for most services that is nearly everything."""
    words = frozenset(_WORD.findall(url))
    return words | {unquote(word) for word in words} | {url}


def _seconds_of(retry_after: str, now: datetime) -> float | None:
    """How long a service wants rest, which it tells in seconds or as a date."""
    from email.utils import parsedate_to_datetime  # seldom needed

    try:
        seconds = float(retry_after) if retry_after[:1].isdecimal() else _until(parsedate_to_datetime(retry_after), now)
    except (ValueError, OverflowError):
        return None
    return min(seconds, _FOR_EVER)


def _until(date: datetime, now: datetime) -> float:
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0)
