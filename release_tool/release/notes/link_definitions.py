"""Links and footnotes of a section whose definitions stand elsewhere in the body: written out where they are used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from release_tool.text.markdown import Piece, parse, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK = re.compile(
    r" {0,3}\[(?P<label>[^\[\]^][^\[\]]{0,200})\]:[ \t]*(?:<(?P<angled>[^<>]*)>|(?P<url>[^\s<]\S*))"
    r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*"
)
_FOOTNOTE = re.compile(r" {0,3}\[(?P<label>\^[^\[\]\s]{1,100})\]:[ \t]+(?P<text>\S.*)")
_USE = re.compile(r"(?<![\\\]])\[(?P<text>[^\[\]]{1,500})\](?:\[(?P<label>[^\[\]]{0,200})\])?(?![\[(:])")
_NEEDS_ANGLES = re.compile(r"[\s()]")


def with_definitions(text: str, whole: str) -> str:
    """A part of a text with the links and footnotes that the whole defines outside of this part."""
    if "]:" not in whole or "[" not in text:
        return text
    own = dict(_definitions(text))
    elsewhere = {label: found for label, found in _definitions(whole) if label not in own}
    if not elsewhere:
        return text
    code = _code(text)
    lines = text.split("\n")
    return "\n".join(line if at in code else _written_out(line, elsewhere) for at, line in enumerate(lines))


def _written_out(line: str, definitions: dict[str, str]) -> str:
    def written(found: re.Match[str]) -> str:
        defined = definitions.get(_normal(found["label"] or found["text"]))
        if defined is None:
            return found[0]
        if found["text"].startswith("^"):
            return f" ({defined})"
        return f"[{found['text']}]({f'<{defined}>' if _NEEDS_ANGLES.search(defined) else defined})"

    return "".join(piece if kind is Piece.CODE else _USE.sub(written, piece) for kind, piece in pieces(line))


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    """What each label stands for: an address, or the first line of a footnote; the first definition counts."""
    known: set[str] = set()
    code = _code(text)
    for at, line in enumerate(text.split("\n")):
        found = None if at in code else _FOOTNOTE.fullmatch(line) or _LINK.fullmatch(line)
        if found and (label := _normal(found["label"])) not in known:
            known.add(label)
            parts = found.groupdict()
            yield label, (parts.get("text") or parts.get("angled") or parts.get("url") or "").strip()


def _code(text: str) -> frozenset[int]:
    tokens = parse(text) if "]:" in text or "`" in text or "    " in text or "~" in text else []
    return frozenset(
        line for token in tokens if token.type in {"fence", "code_block"} and token.map for line in range(*token.map)
    )


def _normal(label: str) -> str:
    return " ".join(label.split()).casefold()
