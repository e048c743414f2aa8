"""A stand-in for Prometheus: real HTTP on loopback, which answers queries as its documented API does, or worse."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

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

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return act


class MetricsServer:
    """Answers by a function of the query's parameters, and remembers the parameters, the paths and the headers."""

    def __init__(self, behave: Callable[[Mapping[str, str]], Act]) -> None:
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.behave = behave
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # whoever asked has gone, which is no matter of ours

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                parameters = dict(parse_qsl(parts.query))
                server.asked.append(parameters)
                server.paths.append(parts.path)
                server.headers.append(dict(self.headers))
                numbers = (parameters[name] for name in ("timeout", "start", "end", "step") if name in parameters)
                plain = all(re.fullmatch(r"\d+(\.\d+)?", number) for number in numbers)
                act = server.behave(parameters) if plain else error("bad_data", "not a valid duration", 400)
                act(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        return Handler
