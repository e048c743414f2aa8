"""A process of its own that brings one message to one channel, so that no library of a service can hold up the work.

It is given its order on standard input, and answers on standard output; an argv would show the address to everybody.
"""

from __future__ import annotations

import logging
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from apprise import AppriseAsset
    from requests import Response

_LONGEST = 64 * 1024
"""Characters; far more than anybody is shown, since what is secret in them is only masked later."""


class SendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A message and its address; after `seconds` the process ends, whatever it is doing."""

    url: str
    subject: str
    body: str
    mood: str
    seconds: float


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: the status and `Retry-After` of the last answer over HTTP, and what Apprise says."""

    understood: bool = True
    delivered: bool = False
    status: int = 0
    retry_after: str = ""
    said: str = ""


class _Complaints(logging.Handler):
    """Keeps the first error that Apprise logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()


def carry(order: SendRequest) -> SendResult:
    """Bring a message to all that its address names."""
    import apprise

    complaints = _Complaints()
    logging.getLogger("apprise").addHandler(complaints)
    heard = _listen()
    services = apprise.Apprise(asset=_asset())
    if not services.add(order.url) or not len(services):
        return SendResult(understood=False)
    for service in services:
        if "overflow=" not in order.url.casefold():
            service.overflow_mode = apprise.OverflowMode.SPLIT  # by default what is too long for a service is lost
    sent = services.notify(
        title=order.subject,
        body=order.body,
        notify_type=apprise.NotifyType(order.mood),
        body_format=apprise.NotifyFormat.MARKDOWN,
    )
    last = heard[-1] if heard else None
    return SendResult(
        delivered=bool(sent),
        status=last.status_code if last is not None else 0,
        retry_after=last.headers.get("Retry-After", "") if last is not None else "",
        said=complaints.first[:_LONGEST],
    )


def _asset() -> AppriseAsset:
    """How we call ourselves, without pictures from somebody else's server."""
    import apprise

    return apprise.AppriseAsset(
        app_id="release-tool", app_desc="release-tool", app_url="", image_url_mask="", image_url_logo=""
    )


def _listen() -> list[Response]:
    """Hear every answer over HTTP: of one that was no, Apprise does not tell for how long the service wants rest."""
    import requests

    heard: list[Response] = []

    class Listening(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self.hooks["response"].append(lambda answer, **_: heard.append(answer))

    for module in (requests, requests.sessions):
        vars(module)["Session"] = Listening  # nothing else happens in this process
    return heard


def main() -> None:
    """Send the message that standard input holds."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=SendRequest)
    signal.setitimer(signal.ITIMER_REAL, order.seconds)  # also when the process that started us is gone
    answer = msgspec.json.encode(carry(order))
    sys.stdout.write(f"\n{answer.decode()}\n")


if __name__ == "__main__":
    main()
