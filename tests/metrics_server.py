"""A stand-in for Prometheus: real HTTP on loopback, which answers queries as its documented API does, or worse."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from tests.service import Loopback, says

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.server import BaseHTTPRequestHandler

    Act: TypeAlias = Callable[[BaseHTTPRequestHandler], None]

NOON = 1767614400.0


def vector(*values: str, **labels: str) -> Act:
    """An instant vector with these values, each of an instance of its own where there are several."""
    found = [
        {"metric": {"instance": f"web-{number}"} if len(values) > 1 else labels, "value": [NOON, value]}
        for number, value in enumerate(values, start=1)
    ]
    return success("vector", found)


def matrix(*values: float, parameters: Mapping[str, str]) -> Act:
    """A range of one series: these values at its first times."""
    start, step = float(parameters["start"]), float(parameters["step"])
    points = [[start + number * step, str(value)] for number, value in enumerate(values)]
    return success("matrix", [{"metric": {}, "values": points}] if points else [])


def success(kind: str, result: object, **more: object) -> Act:
    return answers({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def error(kind: str, message: str, status: int) -> Act:
    return answers({"status": "error", "errorType": kind, "error": message}, status)


def answers(document: object, status: int = 200, **headers: str) -> Act:
    """Answer with a document: text as it is, everything else as JSON."""
    content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    return says(content, status, **headers)


class MetricsServer(Loopback):
    """Answers by a function of the query's parameters, and remembers the parameters, the paths and the headers."""

    def __init__(self, behave: Callable[[Mapping[str, str]], Act]) -> None:
        super().__init__(self._answer)
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.behave = behave

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        parameters = dict(parse_qsl(parts.query))
        self.asked.append(parameters)
        self.paths.append(parts.path)
        self.headers.append(dict(handler.headers))
        numbers = (parameters[name] for name in ("timeout", "start", "end", "step") if name in parameters)
        plain = all(re.fullmatch(r"\d+(\.\d+)?", number) for number in numbers)
        act = self.behave(parameters) if plain else error("bad_data", "not a valid duration", 400)
        act(handler)
