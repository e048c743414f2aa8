"""Release notes as HTML: the Markdown that people wrote, shown in a page where it can do nothing."""

from __future__ import annotations

import functools
import re
from html import escape
from typing import TYPE_CHECKING

from release_tool.text.markdown import lines_of, trimmed
from release_tool.text.markers import without_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ROOMS = (20_000, 5_000, 1_000)
"""How many characters of a text are read; fewer where these make a page too long."""

_LONGEST = 60_000
"""How many bytes of HTML one text may become; the last room makes fewer, whatever is in it."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"'`|]*[^\s<>\"'`|.,:;!?*_)\]]", re.IGNORECASE)
_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\]", re.IGNORECASE)
_ALIGNED = re.compile(r"text-align:(left|right|center)")
_REL = "noopener nofollow noreferrer"


def as_html(text: str, *, level: int = 4) -> tuple[str, bool]:
    """Render notes as HTML, and tell whether they had to be cut.

    HTML is shown as it was typed, images are their description, links lead to web addresses only, and all headings
    are on one level, so that the outline of the page around them holds.
    """
    whole = without_record(text[: 4 * _ROOMS[0]])
    for room in _ROOMS:
        html = _rendered(_beginning(whole, room), level)
        if len(html.encode()) <= _LONGEST:
            return html, len(whole) > room or len(text) > 4 * _ROOMS[0]
    raise AssertionError("a thousand characters never make so long a page")  # pragma: no cover


def _beginning(text: str, room: int) -> str:
    """Whole lines as far as there is room."""
    text = trimmed("\n".join(lines_of(text)))
    return text if len(text) <= room else text[:room].rpartition("\n")[0] or text[:room]


def _rendered(text: str, level: int) -> str:
    md = _parser()
    tokens = list(_calm(md.parse(text), f"h{level}"))
    return str(md.renderer.render(tokens, md.options, {}))


@functools.cache
def _parser() -> MarkdownIt:
    """Read CommonMark and tables; HTML is recognized only so that it can be shown, and its comments left out."""
    from markdown_it import MarkdownIt

    md = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    md.validateLink = lambda url: bool(_WEB.match(url))  # type: ignore[method-assign]  # how the library is told
    for kind in ("html_block", "html_inline"):
        md.add_render_rule(kind, _shown)
    md.add_render_rule("image", _described)
    return md


def _shown(_renderer: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    """Show HTML as text, without the comments that nobody was meant to see."""
    text = _COMMENT.sub("", tokens[at].content)
    if tokens[at].type == "html_inline":
        return escape(text)
    return f"<p>{escape(text.strip())}</p>\n" if text.strip() else ""


def _described(_renderer: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    """Say what an image shows instead of loading it from wherever it is."""
    return f"<em>image: {escape(tokens[at].content.strip() or 'without a description')}</em>"


def _calm(tokens: Sequence[Token], heading: str) -> Iterator[Token]:
    """Put headings on one level, take styles out, and see to what stands in a line."""
    for at, token in enumerate(tokens):
        if token.type.startswith("heading_"):
            content = tokens[at + 1 if token.nesting == 1 else at - 1]
            token.tag = heading if _is_filled(content) else "p"
        if token.type in {"th_open", "th_close"}:
            content = tokens[at + 1 if token.nesting == 1 else at - 1]
            token.tag = "th" if _is_filled(content) else "td"
        if aligned := _ALIGNED.fullmatch(str(token.attrs.pop("style", ""))):
            token.attrSet("class", aligned[1])
        if token.children:
            token.children = list(
                _calm_line(token.children, in_quote=at > 1 and tokens[at - 2].type == "blockquote_open")
            )
        yield token


def _is_filled(inline: Token) -> bool:
    return any(child.content.strip() or child.type == "image" for child in inline.children or ())


def _calm_line(tokens: Sequence[Token], *, in_quote: bool) -> Iterator[Token]:
    """Say of each link that it leads elsewhere, link addresses that stand for themselves, and name an alert."""
    linked = 0
    for at, token in enumerate(tokens):
        linked += token.nesting if token.type.startswith("link_") else 0
        if token.type == "link_open":
            token.attrSet("rel", _REL)
        if token.type == "link_close" and tokens[at - 1].type == "link_open":
            yield _text(str(tokens[at - 1].attrs["href"]))
        if in_quote and at == 0 and (alert := _ALERT.fullmatch(token.content.strip())):
            yield from _emphasized(f"{alert[1].capitalize()}: ")
        elif token.type == "text" and not linked:
            yield from _with_addresses(token.content)
        else:
            yield token


def _with_addresses(text: str) -> Iterator[Token]:
    start = 0
    for address in _ADDRESS.finditer(text):
        yield _text(text[start : address.start()])
        yield _token("link_open", "a", 1, {"href": address[0], "rel": _REL})
        yield _text(address[0])
        yield _token("link_close", "a", -1)
        start = address.end()
    yield _text(text[start:])


def _emphasized(text: str) -> Iterator[Token]:
    yield _token("strong_open", "strong", 1)
    yield _text(text)
    yield _token("strong_close", "strong", -1)


def _text(content: str) -> Token:
    return _token("text", "", 0, content=content)


def _token(kind: str, tag: str, nesting: int, attrs: dict[str, str] | None = None, content: str = "") -> Token:
    from markdown_it.token import Token

    made = Token(kind, tag, nesting, content=content)  # type: ignore[arg-type]  # the library wants a literal -1, 0 or 1
    for name, value in (attrs or {}).items():
        made.attrSet(name, value)
    return made
