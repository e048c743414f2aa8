"""Something that people are told about, apart from how it reaches them."""

from __future__ import annotations

import msgspec


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message: `event` is what a channel subscribes to, `links` are pairs of a name and an address."""

    event: str
    title: str
    text: str = ""
    links: tuple[tuple[str, str], ...] = ()
