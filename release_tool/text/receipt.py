"""The channels that were notified of something, and those still to be, recorded in the text that it is about."""

from __future__ import annotations

import re

import msgspec

from release_tool.text.documents import UNREADABLE
from release_tool.text.markdown import MARK

_START, _END = f"{MARK}told ", " -->"
_LINE = re.compile(rf"^{re.escape(_START)}(?P<receipt>\{{[^\n]*\}}){re.escape(_END)}[ \t]*\n?", re.MULTILINE)


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The channels that were notified, and those that still lack the message."""

    told: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()


def receipt_of(text: str | None) -> Receipt:
    """Read what a text says; an empty receipt where it says nothing that can be read."""
    found = _LINE.search(_unix(text or ""))
    try:
        return msgspec.json.decode(found["receipt"], type=Receipt) if found else Receipt()
    except UNREADABLE:
        return Receipt()


def with_receipt(text: str, receipt: Receipt, limit: int) -> str:
    """Write it below the text, where people don't see it; left out where the text would become longer than `limit`."""
    kept = without_receipt(text)
    if receipt == Receipt():
        return kept
    written = f"{kept.rstrip()}\n{_line(receipt)}\n" if kept.strip() else f"{_line(receipt)}\n"
    return written if len(written) <= limit else kept


def without_receipt(text: str) -> str:
    """The text that it was written into."""
    text = _unix(text)
    return _LINE.sub("", text) if _START in text else text


def _line(receipt: Receipt) -> str:
    """In a form that can't end the comment it stands in."""
    text = msgspec.json.encode(receipt).decode()
    return _START + text.replace("<", r"\u003c").replace(">", r"\u003e").replace("-", r"\u002d") + _END


def _unix(text: str) -> str:
    """GitHub's editor writes CRLF."""
    return text.replace("\r\n", "\n")
