"""What a reader sees of a Markdown text, and what GitHub would do with it; by a parser, not by our own code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.rules_block import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).enable("strikethrough")
PARSER.block.ruler.before("lheading", "gfm_table", table, {"alt": ["paragraph", "reference"]})
"""GitHub begins a table only where nothing else begins; markdown-it asks for tables first."""

SAFE_LINK = re.compile(r"(?:https?://|mailto:)\S*|[\w./#?=%~-]*", re.IGNORECASE)
ACTIONS = {
    "mention": re.compile(r"(?:^|[^A-Za-z0-9])@[A-Za-z0-9]"),
    "closing": re.compile(r"(?<![A-Za-z0-9])(?:clos|fix|resolv)(?:e|ed|es)?:?\s+[\w./-]*#\d", re.IGNORECASE),
    "foreign reference": re.compile(r"(?:^|\s)(?!\S*://)\S*[\w.-]#\d", re.ASCII | re.IGNORECASE),
}


def outline(markdown: str) -> list[str]:
    """The blocks at the left margin."""
    return [token.tag for token in PARSER.parse(markdown) if token.level == 0 and token.nesting >= 0 and token.tag]


def items(markdown: str) -> list[str]:
    """The first lines of the items of all lists at the left margin, as they read."""
    tokens = PARSER.parse(markdown)
    starts = [at for at, token in enumerate(tokens) if token.type == "list_item_open" and token.level == 1]
    return [next(shown(token) for token in tokens[at:] if token.type == "inline") for at in starts]


def reads(markdown: str) -> str:
    """The text of all paragraphs, without invisible characters."""
    return "\n".join(shown(token) for token in PARSER.parse(markdown) if token.type == "inline")


def shown(token: Token) -> str:
    text = "".join("\n" if child.type.endswith("break") else child.content for child in token.children or [])
    return text.replace("\u200b", "")


def active(markdown: str) -> list[str]:
    """Whatever is more than text, code, formatting and harmless links."""
    return [found for token in PARSER.parse(markdown) for found in _active(token)]


def _active(token: Token) -> Iterator[str]:
    if token.type in {"html_block", "html_inline", "image"}:
        yield f"{token.type} {token.content}"
    if token.type == "link_open" and not SAFE_LINK.fullmatch(str(token.attrs["href"])):
        yield f"link {token.attrs['href']}"
    children = token.children or []
    for child in children:
        yield from _active(child)
    text = "".join(_outside_links(children))
    yield from (f"{name} in {text!r}" for name, pattern in ACTIONS.items() if pattern.search(text))


def _outside_links(children: list[Token]) -> Iterator[str]:
    """What GitHub looks through for mentions and references: no links, no code."""
    depth = 0
    for child in children:
        depth += child.nesting if child.type.startswith("link_") else 0
        if child.type.endswith("break"):
            yield "\n"
        elif child.type == "code_inline" or child.type.startswith("link_"):
            yield " \x00"
        elif not depth:
            yield child.content
