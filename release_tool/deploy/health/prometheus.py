"""A Prometheus server, asked by its HTTP API; whatever goes wrong there tells nothing of the application."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec

from release_tool.deploy.health import http
from release_tool.deploy.health.connection import ConnectionFailedError
from release_tool.deploy.health.series import Series
from release_tool.deploy.health.verdict import Reading
from release_tool.text.documents import UNREADABLE
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from release_tool.config.model import Check
    from release_tool.deploy.health.connection import TimedConnection
    from release_tool.deploy.health.judge import ProbeResponse

_MOST_POINTS = 1000
"""Values of each series that are asked for at most; the server refuses more than 11,000."""
_LONGEST = 120
"""Characters of what the server says that a detail shows."""
_OF_THE_QUERY = frozenset({"bad_data", "execution"})
"""The types of errors that the query itself causes; the others are those of a server in trouble."""

Document = TypeVar("Document")


class QueryRefusedError(ConnectionFailedError):
    """The server answers, and the query is one that it never answers with a number."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reading.UNMEASURABLE, detail)


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """What every answer of the API is wrapped in; `infos` are hints that change nothing, and are passed by."""

    status: str
    data: _Data | None = None
    error_type: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()


class _Found(msgspec.Struct, frozen=True):
    """One series of an instant vector; a native histogram has no `value`."""

    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None


class _Range(msgspec.Struct, frozen=True):
    """One series of a range of time."""

    metric: dict[str, str] = {}
    values: tuple[tuple[float, str], ...] = ()


class Prometheus:
    """The server that a check asks, with the address and the credentials that variables hold."""

    def __init__(
        self, check: Check, variables: Mapping[str, str], attempt: TimedConnection, mask: Callable[[str], str]
    ) -> None:
        self._check = check
        self._variables = variables
        self._attempt = attempt
        self._mask = mask

    def query(self, query: str) -> tuple[Series, ...]:
        """What a query finds now; raises ConnectionFailedError where that can't be known."""
        data = self._data("query", {"query": query})
        match data.result_type:
            case "vector":
                return tuple(map(self._series, self._read(data.result, tuple[_Found, ...])))
            case "scalar":
                _, value = self._read(data.result, tuple[float, str])
                return (Series({}, self._number(value)),)
            case "matrix":
                raise QueryRefusedError("the query gives a range, not a value: use a function such as `rate`")
            case other:
                raise QueryRefusedError(f"the query gives a {self._shown(other)}, not a number")

    def history(self, query: str, until: datetime, span: timedelta, step: timedelta) -> dict[datetime, list[Series]]:
        """What a query found in a span of time; raises ConnectionFailedError where that can't be known."""
        data = self._data(
            "query_range",
            {
                "query": query,
                "start": f"{(until - span).timestamp():.3f}",
                "end": f"{until.timestamp():.3f}",
                "step": f"{max(step, span / _MOST_POINTS).total_seconds():.3f}",
            },
        )
        found: dict[datetime, list[Series]] = {}
        for series in self._read(data.result, tuple[_Range, ...]):
            for at, value in series.values:
                found.setdefault(_time(at), []).append(Series(series.metric, self._number(value)))
        return found

    def _series(self, found: _Found) -> Series:
        if found.value is None:
            raise QueryRefusedError(
                "the query gives a histogram, not a number: use a function such as `histogram_quantile`"
            )
        return Series(found.metric, self._number(found.value[1]))

    def _data(self, endpoint: str, parameters: Mapping[str, str]) -> _Data:
        """What the API answers; raises ConnectionFailedError for everything else that may have answered."""
        limit = {"timeout": f"{self._attempt.left:.3f}"}
        url, authorization = self._url(endpoint), self._authorization()
        try:
            answer = http.ask(url, self._attempt, parameters={**parameters, **limit}, authorization=authorization)
        except ConnectionFailedError as trouble:
            raise _told_nothing(f"Prometheus: {trouble.detail}") from None
        envelope = self._envelope(answer)
        if envelope.status != "success":
            refused = f"Prometheus refused the query: {self._shown(_complaint(envelope))}"
            raise QueryRefusedError(refused) if envelope.error_type in _OF_THE_QUERY else _told_nothing(refused)
        if envelope.warnings:
            raise _told_nothing(f"Prometheus warns that this may not be all: {self._shown(envelope.warnings[0])}")
        if envelope.data is None:
            raise _told_nothing(_foreign(answer, "it has no `data`"))
        return envelope.data

    def _envelope(self, answer: ProbeResponse) -> _Envelope:
        """Read an answer; an error of the API is JSON, too, whatever its status is."""
        status = answer.status or 0
        if status in range(300, 400):
            raise _told_nothing(_foreign(answer, "redirects are not followed"))
        if answer.cut:
            raise _told_nothing(f"Prometheus tells more than the {len(answer.body)} bytes that are read")
        try:
            return msgspec.json.decode(answer.body, type=_Envelope)
        except UNREADABLE:
            pass
        if status in {401, 403}:
            named = self._check.token_env or "a token in `token-env`"
            raise _told_nothing(f"Prometheus does not let us in ({status}): {named} is needed, and has to be valid")
        raise _told_nothing(_foreign(answer, "it is not the JSON of its API"))

    def _read(self, document: msgspec.Raw, kind: type[Document]) -> Document:
        try:
            return msgspec.json.decode(document, type=kind)
        except UNREADABLE:
            raise _told_nothing("Prometheus answers with a result that can't be read") from None

    def _number(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise _told_nothing(f"Prometheus answers with {self._shown(text)}, which is no number") from None

    def _url(self, endpoint: str) -> str:
        """The address of an endpoint below that of the server, whose own parameters stay."""
        address = self._check.url or self._variable(self._check.url_env)
        unusable = _told_nothing(f"{self._check.url_env or '`url`'} holds no whole address")
        try:
            parts = urlsplit(address)
            whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            raise unusable from None
        if not whole:
            raise unusable
        return parts._replace(path=f"{parts.path.rstrip('/')}/api/v1/{endpoint}", fragment="").geturl()

    def _authorization(self) -> str:
        """What is sent as the header of that name: nothing, a token, or a name and a password."""
        name = self._check.token_env
        if not name:
            return ""
        token = self._variable(name)
        if self._check.user:
            return f"Basic {base64.b64encode(f'{self._check.user}:{token}'.encode()).decode()}"
        if not (token.isascii() and token.isprintable()):
            raise _told_nothing(f"{name} holds no token: it has characters that no header can have")
        return f"Bearer {token}"

    def _variable(self, name: str) -> str:
        if value := self._variables.get(name, "").strip():
            return value
        raise _told_nothing(f"{name} is not set, or empty")

    def _shown(self, text: str) -> str:
        return shortened(visible(self._mask(text)), _LONGEST)


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise _told_nothing(f"Prometheus answers with {seconds:g} as a time, which is none") from None


def _told_nothing(detail: str) -> ConnectionFailedError:
    return ConnectionFailedError(Reading.UNMEASURABLE, detail)


def _foreign(answer: ProbeResponse, why: str) -> str:
    return f"what answers is not Prometheus ({answer.status}): {why}"


def _complaint(envelope: _Envelope) -> str:
    return ": ".join(filter(None, (envelope.error_type, envelope.error))) or envelope.status
