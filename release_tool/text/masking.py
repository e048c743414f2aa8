"""Secrets in a text become `***`, in whatever way they were written down."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import TYPE_CHECKING

from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"

_SHORTEST = 4
"""Characters of a secret; what is shorter, such as `1` or `yes`, stands everywhere and tells nothing."""
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LEFT_ALONE = (b"", b"/", b"!'()*", b"*")
"""What encoders of URLs leave as it is besides the unreserved characters; they don't agree."""
_GO = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_SHELL_QUOTES = ("'\\''", "'\"'\"'", "\\'")
"""How a quote stands inside of quotes: as `set -x` writes it, as Python quotes for a shell, and as a literal has it."""
_SHELL_SPECIAL = frozenset(" \t'\"\\|&;()<>!{}*[]?^$`,#~")
_ANSI_C = str.maketrans({"\\": "\\\\", "'": "\\'", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\v": "\\v", "\f": "\\f"})
_BASE32_BYTES = 5
"""Bytes that become eight letters together."""
_WRAPPED = (64, 76)
"""Characters of a line of base64: PEM's and MIME's."""
_FIRST_OWN = (0, 2, 3)
"""The first letter of base64 that is the secret's alone, when it begins after none, one or two other bytes."""
_USER_INFO = re.compile(r"://([^/?#\s]*)@")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class Masker:
    """Takes secrets out of texts, as they are and as programs write them down.

    In URLs and in JSON (and once more in these), in HTML and XML, quoted for a shell or as a literal, and in hex,
    base32 and base64.

    Of a secret with several lines each line is one. Nothing shorter than four characters counts as a secret.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST})
        self.longest = max(map(len, self._forms), default=0)
        """Characters of the longest form: what is cut off a text may leave less than that of a secret at its end."""

    def __call__(self, text: str) -> str:
        """The text with a mask for each secret; secrets that overlap share one."""
        spans = sorted(span for form in self._forms if form in text for span in _occurrences(form, text))
        if not spans:
            return text
        kept, shown_until = [], 0
        for start, end in _merged(spans):
            kept += [text[shown_until:start], MASK]
            shown_until = end
        return "".join([*kept, text[shown_until:]])


@functools.lru_cache(maxsize=64)
def masker(secrets: frozenset[str]) -> Masker:
    """What takes these secrets out of texts, made once: there are hundreds of ways to write each."""
    return Masker(secrets)


def url_secrets(url: str) -> frozenset[str]:
    """What is secret in a URL: its password, or the name that stands there alone, encoded and decoded."""
    match = _USER_INFO.search(url)
    if match is None:
        return frozenset()
    name, colon, password = match[1].partition(":")
    secret = password if colon else name
    return frozenset({secret, _PERCENT.sub(_decoded, secret)} - {""})


def without_user(url: str) -> str:
    """A URL as anybody may see it and open it: without the name and the password in it."""
    return _USER_INFO.sub("://", url, count=1)


def _decoded(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode(errors="replace")


def _forms(secret: str) -> Iterator[str]:
    """Every spelling of a secret that is looked for."""
    for part in {secret, secret.strip(), *map(str.strip, secret.splitlines())}:
        if len(part) >= _SHORTEST:
            yield from (part, visible_block(part), _bytes(part).decode(errors="replace"))
            yield from (part.replace("'", quoted) for quoted in _SHELL_QUOTES)
            yield from _in_shells(part)
            yield from (repr(part)[1:-1], ascii(part)[1:-1], repr(_bytes(part))[2:-1])
            yield from (encoded for once in {*_in_urls(part)} for encoded in (once, *_in_urls(once)))
            yield from (encoded for once in {*_in_json(part)} for encoded in (once, *_in_json(once)))
            yield from _in_markup(part)
            yield from (_bytes(part).hex(), _bytes(part).hex().upper())
            yield from _in_base64(_bytes(part))
            yield from _in_base32(_bytes(part))


def _in_urls(secret: str) -> Iterator[str]:
    for left_alone in _LEFT_ALONE:
        plain = _UNRESERVED | set(left_alone)
        for style in ("%{:02X}", "%{:02x}"):
            encoded = "".join(chr(byte) if byte in plain else style.format(byte) for byte in _bytes(secret))
            yield from (encoded, encoded.replace("%20", "+"))


def _in_json(secret: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield from (text, text.replace("/", "\\/"), text.translate(_GO))


def _in_markup(secret: str) -> Iterator[str]:
    """As HTML and XML have it; which quotes become references, and how they are written, differs."""
    plain = secret.replace("&", "&amp;").replace("<", "&lt;")
    for text in (plain, plain.replace(">", "&gt;")):
        for double in ('"', "&quot;", "&#34;", "&#x22;"):
            for single in ("'", "&#39;", "&#x27;", "&apos;", "&#039;"):
                yield text.replace('"', double).replace("'", single)


def _in_shells(secret: str) -> Iterator[str]:
    """As `printf %q` writes it: with a backslash before whatever could mean something, or between `$'` and `'`."""
    for special in (_SHELL_SPECIAL, _SHELL_SPECIAL - {","}, _SHELL_SPECIAL | {"=", ":", "@", "%", "+"}):
        yield "".join(f"\\{letter}" if letter in special else letter for letter in secret)
    yield secret.translate(_ANSI_C)
    for style in ("\\{:03o}", "\\x{:02x}", "\\x{:02X}"):
        letters = _bytes(secret).decode("latin-1").translate(_ANSI_C)
        yield "".join(letter if " " <= letter <= "~" else style.format(ord(letter)) for letter in letters)


def _in_base32(secret: bytes) -> Iterator[str]:
    """The part of the base32 that is the same wherever the secret stands in what was encoded."""
    for before in range(_BASE32_BYTES):
        encoded = base64.b32encode(bytes(before) + secret).decode()
        own = encoded[-(-before * 8 // 5) : (before + len(secret)) * 8 // 5]
        yield from (own, own.lower())


def _in_base64(secret: bytes) -> Iterator[str]:
    """The part of the base64 that is the same wherever the secret stands in what was encoded."""
    for alphabet in (None, b"-_"):
        for before, first in enumerate(_FIRST_OWN):
            encoded = base64.b64encode(bytes(before) + secret, alphabet).decode()
            own = encoded[first : (before + len(secret)) * 8 // 6]
            yield own
            if not before:
                yield from (own[at : at + width] for width in _WRAPPED for at in range(0, len(own), width))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # an environment variable may hold bytes that are no UTF-8


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join spans that overlap or touch; they come sorted."""
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start > end:
            yield start, end
            start = next_start
        end = max(end, next_end)
    yield start, end
