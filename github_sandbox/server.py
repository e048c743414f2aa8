"""A small threaded HTTP/1.1 server for one WSGI application: keep-alive, and answers that never come."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Body: TypeAlias = "Iterable[bytes]"

Connection: TypeAlias = "socket.socket | tuple[bytes, socket.socket]"
Address: TypeAlias = "tuple[str, int] | str"

IN_MEMORY = 1 << 20
MOST_BYTES = 1 << 31
"""A body of so many bytes is not received: GitHub takes none, and refuses by its length."""
PATIENCE = 10.0
"""How long an answer may still take when the server stops, in seconds."""


class DroppedError(Exception):
    """The connection ends here, without an answer or in the middle of it; by a reset, nothing is even said."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class Server:
    """Serves an application on loopback, in threads of its own."""

    def __init__(self, application: WSGIApplication, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"application": staticmethod(application)})
        self._server = _QuietServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve, daemon=True)
        self.port = self._server.server_port

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answers nothing any more."""
        self._server.end()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._ended = threading.Condition()
        self._over = threading.Event()
        super().__init__(address, handler)

    def serve(self) -> None:
        """Answers until it is ended, and is asleep until somebody comes."""
        while not self._over.is_set():
            self.handle_request()

    def end(self) -> None:
        """Ends that, by coming once more."""
        self._over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.server_port)).close()

    def process_request(self, request: Connection, client_address: Address) -> None:
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Connection) -> None:
        super().shutdown_request(request)
        with self._ended:
            self._open.discard(request)
            self._ended.notify_all()

    def hang_up(self) -> None:
        """Ends all connections, each after the answer that it is giving."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        with self._ended:
            self._ended.wait_for(lambda: not self._open, PATIENCE)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # only printed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment for a small answer
    application: WSGIApplication

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
        """Says nothing: there is a request log."""

    def handle(self) -> None:
        """Answers one connection; the other side may leave at any time."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def answer(self) -> None:
        """Hands a request to the application and sends what it answers."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
            self._receive(body)
            try:
                self._send(self.application(self._environ(body), self._start))
            except DroppedError as dropped:
                self.close_connection = True
                self._hang_up(reset=dropped.reset)

    def _hang_up(self, *, reset: bool) -> None:
        with contextlib.suppress(OSError):
            self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = answer  # noqa: N815 -- the parent's names
    do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 -- the same

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        del exc_info
        self._status, self._headers = status, headers
        return self.wfile.write  # the old way to answer, which nobody uses

    def _receive(self, body: IO[bytes]) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body.write(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        elif self._length >= MOST_BYTES:
            self.close_connection = True
        else:
            left = self._length
            while left and (data := self.rfile.read(min(left, IN_MEMORY))):
                body.write(data)
                left -= len(data)
        body.seek(0)

    @property
    def _length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    def _environ(self, body: IO[bytes]) -> WSGIEnvironment:
        url = urlsplit(self.path)
        size = body.seek(0, io.SEEK_END)
        body.seek(0)
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(url.path, "latin-1"),
            "QUERY_STRING": url.query,
            "REQUEST_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "sandbox.announced": self._length,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.connection.getsockname()[1]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ

    def _send(self, parts: Body) -> None:
        try:
            code, _, reason = self._status.partition(" ")
            self.send_response_only(int(code), reason)
            sized = any(name.lower() == "content-length" for name, _ in self._headers)
            bare = int(code) in {204, 304} or self.command == "HEAD"
            for name, value in self._headers:
                self.send_header(name, value)
            if not sized and not bare:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for data in parts:
                if data and not bare:
                    self.wfile.write(data if sized else b"%x\r\n%b\r\n" % (len(data), data))
            if not sized and not bare:
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
