"""The marks by which a text of a release is known as ours."""

from __future__ import annotations

import re

from release_tool.text.markdown import MARK
from release_tool.text.receipt import without_receipt

LIMIT = 125_000
"""The longest text that GitHub takes for a release, in characters."""


_RECORD = re.compile(rf"^{MARK}notes(?: base=(?P<base>\S*))?\n(?P<parts>(?:[^\n]*\n)*?)-->[ \t]*$", re.MULTILINE)


_BANNER = re.compile(
    rf"^{MARK}(?P<kind>withdrawn|abandoned) -->\n(?P<text>.*?)^{MARK}end -->\n*", re.MULTILINE | re.DOTALL
)


def is_ours(text: str | None) -> bool:
    """Whether a text was generated here, however it was edited since."""
    return text is not None and _RECORD.search(_unix(text)) is not None


def base_of(text: str) -> str | None:
    """Which tag the range of these notes began after; None where it was the beginning, or there is no record."""
    found = _RECORD.search(_unix(text))
    return _unquoted(found["base"]) if found and found["base"] else None


def without_record(text: str) -> str:
    """The text as readers see it, without the invisible comments that are ours."""
    text = _RECORD.sub("", without_receipt(text))
    return _BANNER.sub(lambda banner: f"{banner['text']}\n", text).rstrip() + "\n"


def is_withdrawn(text: str | None) -> bool:
    """Whether a release's text carries the banner, of a withdrawn release or of an abandoned one."""
    return bool(_BANNER.search(_unix(text or "")))


def is_abandoned(text: str | None) -> bool:
    """Whether a release's text says that it was never released."""
    banner = _BANNER.search(_unix(text or ""))
    return bool(banner and banner["kind"] == "abandoned")


def _unix(text: str) -> str:
    """GitHub's editor writes CRLF, which is no edit."""
    return text.replace("\r\n", "\n")


def _unquoted(tag: str) -> str:
    escaped = re.compile(r"(?:%[0-9A-F]{2})+")
    return escaped.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="replace"), tag)
