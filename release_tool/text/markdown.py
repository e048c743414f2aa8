"""Markdown that people wrote: cut into code and prose, and made inert, so that it is shown and does nothing."""

from __future__ import annotations

import enum
import functools
import re
import string
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MARK = "<!-- rt:"
"""How the comments begin in which release-tool writes down what it wrote; no text of a user contains it."""

_NO_BREAK = "\u200b"
"""A space without width: invisible, and what it parts is no mention and no reference any more."""

_LINE_BREAK = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PUNCTUATION = re.escape(string.punctuation)

_TICKS = re.compile("`+")
_STEP = re.compile(rf"\\[{_PUNCTUATION}]|`+|<!--")
_EMPTY_COMMENT = re.compile("<!--?-?>")

_CLOSING = re.compile(
    r"(?<![a-z0-9])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?=:?\s+(?:[\w./-]*#\d|GH-\d|https?://))",
    re.IGNORECASE | re.ASCII,
)
_REFERRING = re.compile(
    r"""(?P<url>\bhttps?://[\w.~:/?\#@!&+,;=%-]*)
      | (?P<mention>(?<![A-Za-z0-9])@(?=[A-Za-z0-9]))
      | (?P<foreign>(?<=[\w.-])\#(?=\d))""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LITERAL = re.compile(rf"\\(?=[{_PUNCTUATION}]|$)|[`<\[\]*~$]|&(?=#?\w{{1,32}};)|_(?!(?<=[^\W_]_)(?=[^\W_]))")
_LEADING = re.compile(r"(?:(?=[-+*>#=])|(?=::)|(?P<digits>\d{1,9})(?=[.)]))")
_ACTIVE = re.compile(
    rf"(?P<escaped>\\[{_PUNCTUATION}])"
    r"|(?P<image>!(?=\[))"
    r"|(?P<link>\](?=\((?!\s*(?:https?://|mailto:|[\w./#?=%~-]*[)\s\"]))|:))"
    r"|(?P<other>[<`]|(?<=#)#(?=\[)|&(?!(?:amp|lt|gt|quot|nbsp);)(?=#?\w{1,32};))",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"^(\s*)(?=::)")
_MAY_HOLD_CODE = re.compile(r"```|~~~| {4}|\t")
_TABLE_RULE = re.compile(r"[\s>*+|:.)\d-]+")
_CELL_EDGE = re.compile(r"(?<!\\)\|")


class Piece(enum.Enum):
    """What a piece of a paragraph is."""

    PROSE = "prose"
    CODE = "code"
    COMMENT = "comment"


def lines_of(text: str) -> list[str]:
    """Cut a text into lines, whichever way their ends were written, without what is made to deceive."""
    return visible_block(_SURROGATE.sub("\ufffd", _LINE_BREAK.sub("\n", text))).split("\n")


def trimmed(text: str) -> str:
    """Take empty lines off both ends of a text; the first line keeps its indentation."""
    lines = text.rstrip().split("\n")
    return "\n".join(lines[next((index for index, line in enumerate(lines) if line.strip()), len(lines)) :])


def pieces(text: str, *, comments: bool = False) -> Iterator[tuple[Piece, str]]:
    """Cut a paragraph into prose, code spans and (where they count) HTML comments, by the rules of CommonMark."""
    ends = _span_ends(text)
    last_comment = text.rfind("-->") if comments else -1
    start = position = 0
    while found := _STEP.search(text, position):
        position = found.end()
        kind, end = Piece.PROSE, -1
        if found[0][0] == "`":
            kind, end = Piece.CODE, _span_end(ends, found)
        elif found[0] == "<!--" and found.start() < last_comment:
            kind, end = Piece.COMMENT, comment_end(text, found.start())
        if end > 0:
            yield Piece.PROSE, text[start : found.start()]
            yield kind, text[found.start() : end]
            start = position = end
    yield Piece.PROSE, text[start:]


def _span_ends(text: str) -> dict[int, list[int]]:
    """Where runs of backticks stand, by their length."""
    ends: dict[int, list[int]] = {}
    for run in _TICKS.finditer(text):
        ends.setdefault(len(run[0]), []).append(run.start())
    return ends


def _span_end(ends: dict[int, list[int]], opening: re.Match[str]) -> int:
    length = len(opening[0])
    starts = ends.get(length, [])
    index = bisect_left(starts, opening.end())
    return starts[index] + length if index < len(starts) else -1


def comment_end(text: str, start: int) -> int:
    """Where the HTML comment that begins at `start` ends; -1 where nothing ends it."""
    if empty := _EMPTY_COMMENT.match(text, start):
        return empty.end()
    end = text.find("-->", start + 4)
    return end + 3 if end >= 0 else -1


def inert(text: str, *, alone: bool = True) -> str:
    """Make one line of a title or name: code spans stay, everything else is shown as it was typed.

    `alone` says that no other text of users stands in the same paragraph: then a single `*` needs no escape.
    """
    line = " ".join(" ".join(lines_of(text)).split())
    cut = list(pieces(line))
    prose = "".join(piece for kind, piece in cut if kind is Piece.PROSE)
    harmless = frozenset(mark for mark in "*_~$" if alone and prose.count(mark) == 1)
    shown = "".join(piece if kind is Piece.CODE else _literal(piece, harmless) for kind, piece in cut)
    return unmarked(_LEADING.sub(lambda found: f"{found[0]}\\", shown, count=1) if _LEADING.match(shown) else shown)


def _literal(piece: str, harmless: frozenset[str]) -> str:
    return _LITERAL.sub(lambda found: found[0] if found[0] in harmless else f"\\{found[0]}", _unreferring(piece))


def inert_block(text: str) -> str:
    """Make a block of Markdown harmless: formatting and code stay, HTML is shown, and nothing pings, closes or loads.

    Images become links, because what an image shows can be changed after the merge. The result stays inert at the
    left margin and indented with `nested`.
    """
    lines = lines_of(text)
    code = _code_lines(lines)
    table = any("-" in line and _TABLE_RULE.fullmatch(line) for line in lines)
    shown = [
        _code_line(line, code[at]) if at in code else _prose_line(line, table=table) for at, line in enumerate(lines)
    ]
    return unmarked(closed(trimmed("\n".join(shown))))


class _Code(enum.Enum):
    FENCED = "fenced"
    INDENTED = "indented"
    NESTED = "nested"


def _code_lines(lines: list[str]) -> dict[int, _Code]:
    """Which lines are code, once all HTML is escaped: read without the rules for HTML and for link definitions."""
    text = "\n".join(lines)
    if not _MAY_HOLD_CODE.search(text):
        return {}
    found: dict[int, _Code] = {}
    for token in parse(text, "html_block", "reference"):
        if token.type in {"fence", "code_block"} and token.map:
            flat = _Code.FENCED if token.type == "fence" else _Code.INDENTED
            found.update(dict.fromkeys(range(*token.map), _Code.NESTED if token.level else flat))
    return found


def _code_line(line: str, code: _Code) -> str:
    """Keep a line of code, with spaces for those tabs whose width would change with the indentation."""
    match code:
        case _Code.FENCED:
            return line
        case _Code.INDENTED:
            rest = line.lstrip()
            return line[: len(line) - len(rest)].expandtabs(4) + rest
        case _Code.NESTED:
            return line.expandtabs(4)


def _prose_line(line: str, *, table: bool) -> str:
    """Escape what is active in a line; a code span has to end in it, and in a table within its cell."""
    shown = [
        piece
        if kind is Piece.CODE and not (table and _CELL_EDGE.search(piece))
        else _ACTIVE.sub(_calm, _unreferring(piece))
        for kind, piece in pieces(line.expandtabs(4))
    ]
    return _COMMAND.sub(r"\1\\", "".join(shown))


def _calm(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "escaped":
            return found[0]
        case "image":
            return ""
        case "link":
            return f"{found[0]}\\"
        case _:
            return f"\\{found[0]}"


def _unreferring(text: str) -> str:
    """Part what would ping somebody, close an issue, or link to another repository's issue of the same number."""
    return _REFERRING.sub(_part, _CLOSING.sub(rf"\g<0>{_NO_BREAK}", text))


def _part(found: re.Match[str]) -> str:
    return found[0].replace("@", "%40") if found["url"] else f"{found[0]}{_NO_BREAK}"


def unmarked(text: str) -> str:
    """Make sure that no comment in a text passes for one of ours."""
    return text.replace(MARK, MARK.replace(" ", f"{_NO_BREAK} "))


def closed(text: str) -> str:
    """End the code fence that a text leaves open."""
    last = next(reversed(parse(text)), None) if _MAY_HOLD_CODE.search(text) else None
    if last is None or last.type != "fence" or last.level or last.map is None:
        return text
    ending = re.compile(rf" {{0,3}}{re.escape(last.markup)}{re.escape(last.markup[0])}*\s*")
    is_ended = last.map[1] - last.map[0] > 1 and ending.fullmatch(text.rpartition("\n")[2])
    return text if is_ended else f"{text}\n{last.markup}"


def nested(text: str) -> str:
    """Indent a block so that it belongs to the list item above it and can't leave it."""
    return "\n".join(f"  {line}" if line.strip() else "" for line in text.split("\n"))


def fenced(text: str) -> str:
    """Show a text as a block of code, which holds whatever it is."""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def blocks(text: str) -> tuple[str, ...]:
    """Cut a text between its paragraphs, lists, fences and so on, never inside one."""
    lines = text.split("\n")
    starts = [token.map[0] for token in parse(text) if token.map and token.level == 0]
    edges = [0, *sorted({start for start in starts if start > 0}), len(lines)]
    return tuple(trimmed("\n".join(lines[start:end])) for start, end in pairwise(edges))


def parse(text: str, *without: str) -> list[Token]:
    """Read the block structure of a text by CommonMark, without the named rules; paragraphs stay as typed."""
    return _parser(without).parse(text)


@functools.cache
def _parser(without: tuple[str, ...]) -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable(["inline", *without])
