"""Real HTTP on loopback, and a small application for tests that is deployed by a real command, well or badly."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    Said: TypeAlias = "tuple[int, object] | Callable[[BaseHTTPRequestHandler], None]"
    """A status and what is told as JSON, or what is done with the connection instead."""
    Behave: TypeAlias = Callable[[str, int], Said]

_DRIP = 0.02


class Loopback:
    """A server on loopback: what comes of each request is decided by `answered`."""

    def __init__(self, answered: Callable[[BaseHTTPRequestHandler], None], *, certificate: Path | None = None) -> None:
        self.scheme = "https" if certificate else "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answered))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Answer nobody any more; a second time is none."""
        if self._over.is_set():
            return
        self._over.set()
        socket.create_connection(("127.0.0.1", self._server.server_port)).close()  # it sleeps until somebody comes
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._over.is_set():
            self._server.handle_request()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _handler(answered: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # whoever asked has gone, which is no matter of ours

        def do_GET(self) -> None:
            answered(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    return Handler


class Service(Loopback):
    """What runs in an environment: its deploy command writes a version into a file, and it tells that version.

    `behave` decides what is answered from the version that was deployed and the number of the request since then.
    What is asked below `/web-1/` is an application of its own, deployed by the file whose name ends with `-web-1`.
    """

    def __init__(self, file: Path, behave: Behave | None = None, *, certificate: Path | None = None) -> None:
        super().__init__(self._answer, certificate=certificate)
        self.file = file
        self.behave = behave or (lambda version, _: (200, {"version": version}))
        self._asked: dict[Path, tuple[str, int]] = {}

    @property
    def asked(self) -> int:
        """How often it was asked since it was deployed last."""
        return self._asked.get(self.file, ("", 0))[1]

    def deployed(self, place: str = "") -> str:
        """The version that the deploy command brought."""
        file = self._file(place)
        return file.read_text().strip() if file.exists() else ""

    def answer(self, path: str) -> Said:
        *places, _ = urlsplit(path).path.strip("/").split("/")
        place = "-".join(places)
        version, (before, number) = self.deployed(place), self._asked.get(self._file(place), ("", 0))
        number = number + 1 if version == before else 1
        self._asked[self._file(place)] = (version, number)
        return self.behave(version, number)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        said = self.answer(handler.path)
        act = said if callable(said) else says(json.dumps(said[1]).encode(), said[0])
        act(handler)

    def _file(self, place: str) -> Path:
        return self.file.with_name(f"{self.file.name}-{place}") if place else self.file


def bad(*versions: str, among: Collection[str] = ()) -> Behave:
    """Behave well, but for these versions, and those that are among what a test may change meanwhile."""

    def behave(version: str, _: int) -> Said:
        return 500 if version in versions or version in among else 200, {"version": version}

    return behave


def says(content: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with just these bytes; a header's name is written with `_` for `-`."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return act


def resets(handler: BaseHTTPRequestHandler) -> None:
    """End the connection without an answer, as a process does that dies."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()


def drips(handler: BaseHTTPRequestHandler) -> None:
    """Answer one byte at a time, for as long as anybody listens."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        handler.wfile.write(b" ")
        time.sleep(_DRIP)
