"""What the tests ask of the stand-in and what it answers, held against GitHub's own description.

Each distinct shape is looked at once in each process of the tests; `TRAFFIC=all` looks at every single request.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import msgspec

from github_sandbox.traffic import WATCHERS
from tests.github_sandbox.contract import checker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_sandbox.traffic import Exchange

Shape: TypeAlias = object

ALL = os.environ.get("TRAFFIC") == "all"
VARYING = re.compile(r"[0-9a-f]{7,64}|\d+")
"""What differs from one address to the next of the same kind: numbers and hashes."""


ENDS = 10
"""So many items of a list tell its shape at each end; the others are made by the same code."""


class Traffic:
    """The exchanges of this process that nobody has looked at yet."""

    def __init__(self, *, everything: bool = ALL) -> None:
        self._everything = everything
        self._lock = threading.Lock()
        self._texts: set[int] = set()
        self._shapes: set[Shape] = set()
        self._fresh: list[Exchange] = []

    def watch(self, exchange: Exchange) -> None:
        """Keeps an exchange of a shape that was not there before."""
        text = hash((exchange.method, exchange.url, exchange.request, exchange.status, exchange.answer))
        with self._lock:
            if not self._everything and (text in self._texts or (shape := shape_of(exchange)) in self._shapes):
                return
            self._texts.add(text)
            if not self._everything:
                self._shapes.add(shape)
            self._fresh.append(exchange)

    def problems(self) -> Iterator[str]:
        """What contradicts the description in what came since the last time."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
        for exchange in fresh:
            yield from checker.github().problems(exchange)


def shape_of(exchange: Exchange) -> Shape:
    """What two exchanges have in common that the description can't tell apart."""
    url = urlsplit(exchange.url)
    address = VARYING.sub("#", url.path)
    return exchange.method, address, VARYING.sub("#", url.query), exchange.status, *map(_read, _texts(exchange))


def _texts(exchange: Exchange) -> tuple[bytes, bytes]:
    """A query is checked by the stand-in itself, which answers by GitHub's own schema."""
    told = b"" if "/graphql" in exchange.url else exchange.answer
    return (b"" if exchange.url.startswith(("/uploads", "/graphql")) else exchange.request), told


def _read(text: bytes) -> Shape:
    try:
        return _shape(msgspec.json.decode(text or b"null"), "")
    except msgspec.DecodeError:
        return "no JSON"


def _shape(value: object, name: str) -> Shape:
    match value:
        case dict():
            return frozenset((key, _shape(inner, key)) for key, inner in value.items())
        case list():
            return frozenset(_shape(inner, name) for inner in (*value[:ENDS], *value[ENDS:][-ENDS:])), "list"
        case str() if name in checker.github().enumerated:
            return value
        case _:
            return type(value)


TRAFFIC = Traffic()
WATCHERS.append(TRAFFIC.watch)
