"""A real Prometheus that scrapes a real small application of several instances, all on loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROGRAM = shutil.which("prometheus")
SCRAPED = "200ms"
_PATIENCE = 20
"""Seconds in which it has to be ready."""


class Instance:
    """One server of the application: it counts requests as time goes by, some of which fail, and has a latency."""

    def __init__(self) -> None:
        self.failing = 0.0
        self.latency = 0.1
        self._began = time.monotonic()
        self._counted = (0.0, 0.0, self._began)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def metrics(self) -> str:
        good, bad, at = self._counted
        now = time.monotonic()
        requests = 100 * (now - at)
        self._counted = good, bad, _ = (good + requests * (1 - self.failing), bad + requests * self.failing, now)
        return (
            "# TYPE http_requests_total counter\n"
            f'http_requests_total{{code="200"}} {good}\nhttp_requests_total{{code="500"}} {bad}\n'
            f"# TYPE latency_seconds gauge\nlatency_seconds {self.latency}\n"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        instance = self

        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # Prometheus waits no longer than until the next time

            def do_GET(self) -> None:
                content = instance.metrics().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        return Handler


@contextlib.contextmanager
def started(directory: Path, addresses: Mapping[str, str], *, scraped: str = SCRAPED) -> Iterator[str]:
    """Start Prometheus for servers, each with its name as the label `target`; say where it answers when it does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    targets = ", ".join(f'{{targets: ["{at}"], labels: {{target: "{name}"}}}}' for name, at in addresses.items())
    settings = directory / "prometheus.yml"
    settings.write_text(
        f"global: {{scrape_interval: {scraped}, scrape_timeout: {scraped}}}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{targets}]}}]\n"
    )
    arguments = [
        f"--config.file={settings}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    program = subprocess.Popen([str(PROGRAM), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_ready(address)
        yield f"http://{address}"
    finally:
        program.terminate()
        program.wait(_PATIENCE)


def _await_ready(address: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while not _ready(address):
        assert time.monotonic() < ends, "Prometheus was not ready in time"
        time.sleep(0.05)


def _ready(address: str) -> bool:
    with contextlib.closing(HTTPConnection(address, timeout=1)) as connection, contextlib.suppress(OSError):
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == HTTPStatus.OK
    return False
