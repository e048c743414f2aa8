"""A small application for tests: real HTTP on loopback, deployed by a real command, as well or badly as a test asks."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class Answer(dict[str, object]):
    """What the application says of itself."""


class Service:
    """What runs in an environment: its deploy command writes a version into a file, and it tells that version.

    `behave` decides what is answered from the version that was deployed and the number of the request since then.
    """

    def __init__(self, file: Path, behave: Callable[[str, int], tuple[int, object]] | None = None) -> None:
        self.file = file
        self.behave = behave or (lambda version, _: (200, {"version": version}))
        self.asked = 0
        self._last = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self) -> tuple[int, object]:
        version = self.file.read_text().strip() if self.file.exists() else ""
        self.asked = self.asked + 1 if version == self._last else 1
        self._last = version
        return self.behave(version, self.asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = service.answer()
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        return Handler
