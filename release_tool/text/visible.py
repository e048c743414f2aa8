"""Text that people wrote, made safe to show: control characters and direction overrides do nothing any more."""

from __future__ import annotations

import re

_ESCAPES = (
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # control sequences, such as colours
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]{0,2000}(?:\x07|\x1b\\|\x9c)"  # commands, such as a link
    r"|\x1b[ -~]"
)
_INVISIBLE = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, all but tab and newline
    "\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction and format
    "\ud800-\udfff"  # halves of characters, which no file and no terminal takes
    "\U000e0000-\U000e007f]"  # tags
)


def visible_block(text: str) -> str:
    """Keep the lines of a text and take out terminal escapes, control characters and direction overrides."""
    if text.isascii() and text.isprintable():  # nearly every title: there is nothing to take out
        return text
    return re.sub(_INVISIBLE, "", re.sub(_ESCAPES, "", text.replace("\r\n", "\n")))


def shortened(text: str, longest: int) -> str:
    """A text of at most so many characters; one that lost its end says so."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def visible(text: str) -> str:
    """Make one line of a text, without terminal escapes, control characters and direction overrides."""
    return " ".join(visible_block(text).split())
