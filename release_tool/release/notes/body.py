"""The sections of a pull request's body that release notes are made of."""

from __future__ import annotations

import re
import string
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from release_tool.release.notes.link_definitions import with_definitions
from release_tool.text.markdown import Piece, closed, comment_end, fenced, lines_of, parse, pieces, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it.token import Token

HEADINGS = {
    "breaking": "Breaking changes",
    "migration": "Migration",
    "features": "New features",
    "fixes": "Bug fixes",
    "other": "Other changes",
}
"""What each section is called in release notes, in their order there."""

PLACEHOLDERS = (
    "Describe the change for the people who use it.",
    "Describe what breaks, and for whom.",
    "Describe what people have to do before, while and after they upgrade.",
)
"""Texts of the pull request template that count as nothing where they were left standing."""

_SYNONYMS = {
    "breaking": """breaking, breaking change, breaking changes, incompatible changes, backward incompatible changes,
        backwards incompatible changes, backwards incompatibilities""",
    "migration": """migration, migrations, migrating, migration guide, migration instructions, migration notes,
        migration steps, migration path, how to migrate, upgrading, upgrade guide, upgrade notes, upgrade steps,
        upgrade instructions, how to upgrade""",
    "features": """feature, features, new feature, new features, enhancement, enhancements, added, what s new,
        whats new""",
    "fixes": "fixes, fixed, bug fix, bug fixes, bugfix, bugfixes, bugs fixed",
    "other": """other, other changes, release note, release notes, changelog, change log, changelog entry, changed,
        what changed, what s changed, whats changed, user facing changes""",
}
_NAMES = {" ".join(words.split()): name for name, text in _SYNONYMS.items() for words in text.split(",")}
_NOTHING = frozenset({"", "n/a", "n.a", "na", "nil", "no", "none", "nothing", "not applicable"})
_SUMMARY = "summary"
_UNCUT = frozenset({"breaking", "migration"})
"""The sections that a ruler does not end: a signature below one is bad, a lost half of a migration is worse."""

_LONGEST_HEADING = 200
_WORD = re.compile(r"[^\W\d_]+")
_DECORATION = re.compile(r"<!--.*?-->|:[a-z0-9_+-]+:|\([^()]*\)", re.IGNORECASE)
_ATX = re.compile(r" {0,3}#{1,6}(?=[ \t])(.*)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_BOX = re.compile(r"[ \t>*+\-0-9.)]*(?P<box>(?:\[(?P<tick>[ xX])\](?:[ \t]+|$))+)")
_TO_CLEAN = re.compile(rf"<!--|{'|'.join(re.escape(text.split()[0]) for text in set(PLACEHOLDERS))}")
_DETAILS = re.compile(r"<(/?)details\b", re.IGNORECASE)


class Sections(msgspec.Struct, frozen=True):
    """What a body says, as Markdown source: each section is empty where it is absent or says nothing.

    `other` is text for release notes under a general heading, `summary` everything that stands in no section.
    """

    summary: str = ""
    features: str = ""
    fixes: str = ""
    breaking: str = ""
    migration: str = ""
    other: str = ""


class _Edit(NamedTuple):
    start: int
    end: int


class _Boundary(NamedTuple):
    """A heading (of a section, where `name` is one) or a ruler, which ends what a heading of the first level ends."""

    start: int
    end: int
    level: int
    name: str | None
    ruler: bool


def read(body: str | None) -> Sections:
    """Read the sections of a body; whatever it contains, nothing is raised and no text of a section is lost.

    A section ends at the next heading of its level or above, at the next section, and (breaking changes and
    migration excepted) at a ruler. What stands in code, quotes, lists, HTML or `<details>` is no heading.
    """
    lines = lines_of(body or "")
    if not _may_have_sections(lines):
        return Sections(trimmed("\n".join(lines)))
    return msgspec.convert({name: _settled(name, text) for name, text in _parts("\n".join(lines)).items()}, Sections)


def render(sections: Sections) -> str:
    """Write sections as a body that `read` reads as the same sections."""
    texts = {name: getattr(sections, name) for name in HEADINGS}
    return "\n\n".join(filter(None, [sections.summary, *_headed({name: text for name, text in texts.items() if text})]))


def section_of(heading: str) -> str | None:
    """Which section a heading begins, as the name of a field of `Sections`; level, case and decoration don't matter."""
    if len(heading) > _LONGEST_HEADING:
        return None
    return _NAMES.get(" ".join(_WORD.findall(_DECORATION.sub(" ", heading).casefold())))


def _headed(texts: Mapping[str, str]) -> Iterator[str]:
    """Headings of the first level, because those inside a section are always below it."""
    for name, text in texts.items():
        yield f"# {HEADINGS[name]}\n\n{text}"


def _may_have_sections(lines: Sequence[str]) -> bool:
    """A cheap look that spares most bodies the parser."""
    return any(
        section_of(atx[1]) if (atx := _ATX.fullmatch(line)) else above.strip() and _UNDERLINE.fullmatch(line)
        for above, line in zip(["", *lines], lines, strict=False)
    )


def _settled(name: str, text: str) -> str:
    """The text where it reads back as itself and leaves nothing open, else as a block of code, which always does."""
    return next((shown for shown in (text, closed(text)) if _stands_alone(name, shown)), fenced(text))


def _stands_alone(name: str, text: str) -> bool:
    after = "fixes" if name == "features" else "features"
    before = [text] if name == _SUMMARY else _headed({name: text})
    again = "\n\n".join([*before, *_headed({after: "x"})])
    return _parts(again) == {name: text, after: "x"} and _is_balanced(text)


def _parts(text: str) -> dict[str, str]:
    """The text of each section that says something, by its name."""
    whole = _cleaned(text)
    lines = whole.split("\n")
    chunks: dict[str, list[str]] = {}
    for owner, owned in groupby(_without_boxes(_owners(lines), lines), key=itemgetter(0)):
        if owner:
            chunks.setdefault(owner, []).append(trimmed("\n".join(line for _, line in owned)))
    texts = {name: "\n\n".join(filter(None, texts)) for name, texts in chunks.items()}
    return {name: with_definitions(text, whole) for name, text in texts.items() if not _says_nothing(text)}


def _without_boxes(owners: Sequence[str | None], lines: Sequence[str]) -> list[tuple[str | None, str]]:
    """Each line with its section and without a box: an item is a step there, whether somebody ticked it or not.

    Outside of the sections boxes are choices of the template's, and an item that nobody chose is left out.
    """
    kept: dict[int, str] = dict(enumerate(lines))
    tokens = [token for token in parse("\n".join(lines)) if token.map] if any("[" in line for line in lines) else []
    for item, token in pairwise(tokens):
        if item.type != "list_item_open" or token.type != "paragraph_open" or not (item.map and token.map):
            continue
        first, box = token.map[0], _BOX.match(lines[token.map[0]])
        if box and owners[first] in {None, _SUMMARY} and box["tick"] == " ":
            for number in _filled(range(*item.map), lines):
                kept.pop(number, None)
        elif box:
            kept[first] = lines[first][: box.start("box")] + lines[first][box.end() :]
    return [(owners[number], line) for number, line in kept.items()]


def _filled(numbers: range, lines: Sequence[str]) -> range:
    """Some lines without the empty ones at their end, which part what comes next from what came before."""
    last = next((number for number in reversed(numbers) if lines[number].strip()), numbers.start - 1)
    return range(numbers.start, last + 1)


def _says_nothing(text: str) -> bool:
    return text.strip(string.punctuation + string.whitespace + "\u2013\u2014\u2026").casefold() in _NOTHING


def _cleaned(text: str) -> str:
    """Take out comments and what is left of the template."""
    if not _TO_CLEAN.search(text):
        return text
    kept, position = [], 0
    for edit in sorted(_edits(text)):
        if edit.start >= position:
            kept.append(text[position : edit.start])
            position = edit.end
    return "".join([*kept, text[position:]])


def _edits(text: str) -> Iterator[_Edit]:
    offsets = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    for token in parse(text):
        place = _place(token, offsets)
        if token.type == "html_block":
            yield from _raw_comments(text, place)
        elif token.type == "inline":
            yield from _paragraph_edits(text, place, token.content)


def _place(token: Token, offsets: Sequence[int]) -> _Edit:
    start, end = token.map or (0, 0)
    return _Edit(offsets[start], min(offsets[end], offsets[-1] - 1))


def _raw_comments(text: str, block: _Edit) -> Iterator[_Edit]:
    """The comments in a block of HTML; one that nothing ends goes to its end."""
    position = text.find("<!--", block.start, block.end)
    while position >= 0:
        closing = comment_end(text, position)
        after = closing if 0 < closing <= block.end else block.end
        yield _Edit(position, after)
        position = text.find("<!--", after, block.end)


def _paragraph_edits(text: str, paragraph: _Edit, content: str) -> Iterator[_Edit]:
    if " ".join(content.split()) in PLACEHOLDERS:
        yield paragraph
    elif "<!--" in content:
        position = paragraph.start
        for kind, piece in pieces(text[paragraph.start : paragraph.end], comments=True):
            if kind is Piece.COMMENT:
                yield _Edit(position, position + len(piece))
            position += len(piece)


def _owners(lines: Sequence[str]) -> list[str | None]:
    """Which section each line belongs to; the heading of a section belongs to none."""
    owners: list[str | None] = []
    opened: list[tuple[int, str]] = []
    for boundary in _boundaries(lines):
        owner = opened[-1][1] if opened else _SUMMARY
        if boundary.ruler and owner in _UNCUT:
            continue
        owners += [owner] * (boundary.start - len(owners))
        while opened and opened[-1][0] >= boundary.level:
            opened.pop()
        if boundary.name:
            opened.append((boundary.level, boundary.name))
            owners += [None] * (boundary.end - boundary.start)
    return owners + [opened[-1][1] if opened else _SUMMARY] * (len(lines) - len(owners))


def _boundaries(lines: Sequence[str]) -> Iterator[_Boundary]:
    tokens = parse("\n".join(lines))
    inside = _details(lines, tokens)[0]
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        if token.level or token.map is None or inside[token.map[0]]:
            continue
        start, end = token.map
        if token.type == "hr":
            yield _Boundary(start, end, level=1, name=None, ruler=True)
        elif token.type == "heading_open" and following:
            yield _Boundary(start, end, level=int(token.tag[1:]), name=section_of(following.content), ruler=False)


def _is_balanced(text: str) -> bool:
    return "details" not in text.lower() or _details(text.split("\n"), parse(text))[1]


def _details(lines: Sequence[str], tokens: Sequence[Token]) -> tuple[list[bool], bool]:
    """Which lines are folded away in `<details>`, and whether all of these have a beginning and an end."""
    code = {
        line for token in tokens if token.type in {"fence", "code_block"} and token.map for line in range(*token.map)
    }
    depth = [0] * (len(lines) + 1)
    opened: list[int] = []
    stray = False
    for at, line in enumerate(lines):
        for closing in _DETAILS.findall(_prose(line)) if "details" in line.lower() and at not in code else ():
            if not closing:
                opened.append(at)
            elif opened:
                depth[opened.pop()] += 1
                depth[at] -= 1
            else:
                stray = True
    return [level > 0 for level in accumulate(depth)], not (opened or stray)


def _prose(line: str) -> str:
    return " ".join(piece for kind, piece in pieces(line) if kind is Piece.PROSE)
