"""What receives messages in tests: a mail server, and servers that answer nothing."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session


class Mail(NamedTuple):
    """What a mail says, with and without formatting."""

    subject: str
    to: str
    plain: str
    formatted: str


class Mailbox:
    """Keeps every mail; `url` is the address of a channel that ends here."""

    def __init__(self, port: int) -> None:
        self.mails: list[Mail] = []
        self.url = f"mailto://127.0.0.1:{port}?from=release@example.com&to=team@example.com"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - theirs
        assert isinstance(envelope.content, bytes)
        read = email.message_from_bytes(envelope.content, policy=email.policy.default)
        bodies = [body.get_content() for kind in ("plain", "html") if (body := read.get_body((kind,)))]
        self.mails.append(Mail(str(read["Subject"]), str(read["To"]), *bodies))
        return "250 taken"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run a mail server."""
    port = _free_port()
    box = Mailbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextmanager
def deaf() -> Iterator[str]:
    """Run a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def curt() -> Iterator[str]:
    """Run a server that closes every connection without an answer."""

    def close_all() -> None:
        while True:
            connection, _ = server.accept()
            connection.close()  # without listening first: a mail program waits to be greeted
            if over.is_set():
                return

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=close_all)
        thread.start()
        address = server.getsockname()
        yield f"127.0.0.1:{address[1]}"
        over.set()
        socket.create_connection(address).close()
        thread.join()
