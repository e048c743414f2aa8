"""Text that is generated and then edited by hand: what people wrote survives when it is generated again.

The text ends in an invisible comment, the record, which names every part that was generated, with a digest. A part
that still stands there word for word is ours, and is replaced or removed; every other line is a person's, and stays.
A recorded part that is not found was edited or deleted by a person, and is never generated again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.release.notes.body import HEADINGS, section_of
from release_tool.text.markdown import MARK, inert, unmarked
from release_tool.text.markers import _BANNER, _RECORD, LIMIT, _unix, _unquoted, is_ours, without_record
from release_tool.text.receipt import Receipt, receipt_of, with_receipt, without_receipt
from release_tool.text.visible import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


BANNER_ROOM = 1_500
"""How many characters of the limit generated text leaves to the banner of a withdrawn release."""

_LONGEST_REASON = 500
_PART = re.compile(r"(?P<id>[a-z0-9-]+):(?P<mark>[a-z2-7]{8}(?:\.\d+\.[a-z2-7]{8})?|gone)")
_UNSAFE = re.compile(r"[^A-Za-z0-9._/+-]|--")
_SECTION_LINE = "## "
_GONE = "gone"
_IDS_PER_LINE = 6


class GeneratedPart(msgspec.Struct, frozen=True):
    """A generated piece of a text. Its id is `SECTION-KEY`, or `SECTION` alone for what begins a section."""

    id: str
    text: str

    @property
    def section(self) -> str:
        """The section it stands in."""
        return self.id.partition("-")[0]

    @property
    def begins(self) -> str | None:
        """The section that begins with it."""
        return None if "-" in self.id else self.id


class EditedLine(msgspec.Struct, frozen=True):
    """A line that was not generated, or not like this; empty lines are nobody's."""

    text: str

    @property
    def begins(self) -> str | None:
        """The section that begins with it, where the line is a heading; empty for a heading of none of ours."""
        return section_of(self.text[3:]) or "" if self.text.startswith(_SECTION_LINE) else None


Item = GeneratedPart | EditedLine


class NotesText(msgspec.Struct, frozen=True):
    """A text taken apart, with the marks of all parts that were ever generated into it."""

    items: tuple[Item, ...]
    marks: dict[str, str]
    base: str | None

    @property
    def parts(self) -> dict[str, GeneratedPart]:
        """The parts that stand as they were generated, in the order of the text."""
        return {item.id: item for item in self.items if isinstance(item, GeneratedPart)}

    @property
    def touched(self) -> frozenset[str]:
        """The keys of what was generated once and then edited or deleted."""
        return frozenset(map(_key, self.marks.keys() - self.parts.keys()))

    @property
    def is_untouched(self) -> bool:
        """Whether no person changed anything."""
        return list(self.parts) == list(self.marks) and not any(_is_written(item) for item in self.items)


def compose(parts: Sequence[GeneratedPart], base: str | None) -> str:
    """Write parts as a text that `merge` can take apart again; `base` is the tag that `base_of` reads back."""
    return _written(_spaced(parts), {part.id: _mark(part.text) for part in parts}, base)


def whole(text: str, base: str | None) -> str:
    """Write a text that is generated as one piece, such as a project's own template makes it."""
    return compose((GeneratedPart("text", unmarked(without_record(text)).strip("\n")),), base)


def merge(existing: str, fresh: str) -> str:
    """Bring a text up to date with what `compose` would write now; what people wrote or deleted stays so.

    A text without a record is wholly a person's: it is kept, and the fresh one is put below, once. A banner on top
    stays on top, and a receipt stays.
    """
    existing = _unix(existing)
    receipt = receipt_of(existing)
    if receipt != Receipt():
        return with_receipt(merge(without_receipt(existing), fresh), receipt, LIMIT)
    banner = _BANNER.match(existing)
    if banner:
        return banner[0] + merge(existing[banner.end() :], fresh)
    if not existing.strip():
        return fresh
    if not (is_ours(existing) and is_ours(fresh)):
        return _below(existing, fresh)
    old, new = _page(existing), _page(fresh)
    if old.is_untouched:
        return fresh
    merged = _edited(old, new)
    return fresh if _page(merged).is_untouched else merged


def _below(existing: str, fresh: str) -> str:
    """Put a text below a person's; where that holds it already, only the record is missing."""
    record = _RECORD.search(fresh)
    missing = fresh if without_record(fresh).strip() not in existing else f"{record[0]}\n" if record else ""
    return f"{existing.rstrip()}\n\n{missing}" if missing else existing


def withdrawn(existing: str, tag: str, reason: str, *, never_released: bool = False) -> str:
    """Put a banner on top that says why nobody should use this release; an earlier one is replaced.

    A text that leaves no room for it under GitHub's limit loses its last lines, and says so.
    """
    kind = "abandoned" if never_released else "withdrawn"
    title = f"{inert(tag, alone=False)} was {'never released' if never_released else 'withdrawn'}."
    advice = "Its changes are in a later release." if never_released else "Use another release."
    quoted_text = f"> [!CAUTION]\n> **{title}** {advice}\n>\n> {inert(shortened(reason, _LONGEST_REASON))}"
    banner = f"{MARK}{kind} -->\n{quoted_text}\n{MARK}end -->\n\n"
    return banner + _cut(_BANNER.sub("", _unix(existing)), LIMIT - len(banner))


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    note = "\n\nThe rest of this text was taken out, because GitHub takes no longer one.\n"
    return text[: room - len(note)].rpartition("\n")[0] + note


def quoted(tag: str) -> str:
    """Percent-encode what a tag may contain that would end a link or a comment."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), tag)


def _is_written(item: Item) -> bool:
    return isinstance(item, EditedLine) and bool(item.text.strip())


def _spaced(parts: Sequence[Item]) -> Iterator[Item]:
    """Put an empty line between what would run together; the items of a list stand close."""
    last = ""
    for part in parts:
        if last and part.text and not _are_close(last, part.text):
            yield EditedLine("")
        yield part
        last = part.text


def _are_close(above: str, below: str) -> bool:
    return below.startswith("- ") and above.rpartition("\n")[2].startswith(("- ", "  "))


def _written(items: Iterator[Item] | Sequence[Item], marks: Mapping[str, str], base: str | None) -> str:
    tokens = [f"{id_}:{mark}" for id_, mark in marks.items()]
    rows = [" ".join(tokens[at : at + _IDS_PER_LINE]) + "\n" for at in range(0, len(tokens), _IDS_PER_LINE)]
    origin = f" base={quoted(base)}" if base else ""
    text = "\n".join(item.text for item in items).rstrip().lstrip("\n")
    above = f"{text}\n\n" if text else ""
    return f"{above}{MARK}notes{origin}\n{''.join(rows)}-->\n"


def _digest(text: str) -> str:
    return base64.b32encode(hashlib.blake2b(text.encode(), digest_size=5).digest()).decode().lower()


def _key(id_: str) -> str:
    return id_.partition("-")[2] or id_


def _mark(text: str) -> str:
    """The digest of the first line, and where there are more, their number and digest."""
    first, *rest = [line.rstrip() for line in text.split("\n")]
    return ".".join([_digest(first), *([str(len(rest)), _digest("\n".join(rest))] if rest else [])])


def _height(mark: str) -> int:
    return 1 + int(mark.split(".")[1]) if "." in mark else 1


def _page(text: str) -> NotesText:
    """Take a text apart with the help of its record."""
    *_, record = _RECORD.finditer(text)
    marks = {part["id"]: part["mark"] for part in _PART.finditer(record["parts"])}
    lines = _RECORD.sub("", text).strip("\n").rstrip().split("\n")
    return NotesText(tuple(_items(lines, marks)), marks, _unquoted(record["base"]) if record["base"] else None)


def _items(lines: Sequence[str], marks: Mapping[str, str]) -> Iterator[Item]:
    waiting: dict[str, list[str]] = {}
    for id_, mark in marks.items():
        waiting.setdefault(mark.partition(".")[0], []).append(id_)
    at = 0
    while at < len(lines):
        candidates = waiting.get(_digest(lines[at].rstrip()), [])
        found = next((id_ for id_ in candidates if _is_at(lines, at, marks[id_])), None)
        height = _height(marks[found]) if found else 1
        text = "\n".join(lines[at : at + height])
        if found:
            candidates.remove(found)
        yield GeneratedPart(found, text) if found else EditedLine(text)
        at += height


def _is_at(lines: Sequence[str], at: int, mark: str) -> bool:
    return _mark("\n".join(lines[at : at + _height(mark)])) == mark


def _edited(old: NotesText, new: NotesText) -> str:
    """Replace, remove and add parts between the lines that people wrote."""
    items, touched = list(_kept(old, new)), old.touched
    for part in new.parts.values():
        if part.id not in old.marks and _key(part.id) not in touched:
            items = _with(items, part, new)
    here = {item.id: _mark(item.text) for item in items if isinstance(item, GeneratedPart)}
    known = [*new.marks, *(id_ for id_ in old.marks if id_ in here or _key(id_) in touched)]
    return _written(items, {id_: here.get(id_, _GONE) for id_ in known}, new.base)


def _kept(old: NotesText, new: NotesText) -> Iterator[Item]:
    """What stays of the old items, with the new text of parts; an empty line goes with the part above it."""
    last = ""
    removed = False
    for at, item in enumerate(old.items):
        if isinstance(item, GeneratedPart) and item.id not in new.parts and not _heads_something(old.items[at:], new):
            removed = True
        elif not (removed and not item.text.strip() and not last):
            removed, last = False, item.text.strip()
            yield new.parts.get(item.id, item) if isinstance(item, GeneratedPart) else item


def _heads_something(items: Sequence[Item], new: NotesText) -> bool:
    """Whether the first item is the heading of a section in which something will be left."""
    if _id(items[0]) not in HEADINGS:
        return False
    return any(_is_written(item) or _id(item) in new.parts for item in items[1 : _end_of_section(items, 1)])


def _id(item: Item) -> str | None:
    return item.id if isinstance(item, GeneratedPart) else None


def _with(items: list[Item], part: GeneratedPart, new: NotesText) -> list[Item]:
    """Add a part in its place, below a heading of its section; what has one by a person's hand gets no second."""
    heading = _find_heading(items, part.section)
    if part.begins and heading is not None:
        return items
    at = _beside_sibling(items, part, new, _region(items, heading))
    if at is None and heading is None and not part.begins:
        items = _with(items, new.parts[part.section], new)
        heading = _find_heading(items, part.section)
    if at is None:
        at = _before_later_section(items, part, new) if heading is None else _end_of_section(items, heading + 1)
    above = [EditedLine("")] if at and not _may_touch(items[at - 1].text, part.text) else []
    below = [EditedLine("")] if at < len(items) and not _may_touch(part.text, items[at].text) else []
    return [*items[:at], *above, part, *below, *items[at:]]


def _may_touch(above: str, below: str) -> bool:
    return not above.strip() or not below.strip() or _are_close(above, below)


def _find_heading(items: Sequence[Item], section: str) -> int | None:
    return next((at for at, item in enumerate(items) if item.begins == section), None)


def _region(items: Sequence[Item], heading: int | None) -> range:
    """Where the items of a section are looked for: below its heading, or anywhere where a person took that away."""
    return range(len(items)) if heading is None else range(heading + 1, _end_of_section(items, heading + 1))


def _beside_sibling(items: Sequence[Item], part: GeneratedPart, new: NotesText, region: range) -> int | None:
    """Where a part goes that follows or precedes another one of its section: after what people wrote below that."""
    order = [other.id for other in new.parts.values() if other.section == part.section and not other.begins]
    places = {id_: at for at in region if (id_ := _id(items[at]))}
    index = order.index(part.id) if part.id in order else 0
    for above in reversed(order[:index]):
        if above in places:
            at = places[above] + 1
            while at < len(items) and _is_written(items[at]) and items[at].begins is None:
                at += 1
            return at
    return next((places[below] for below in order[index:] if below in places), None)


def _before_later_section(items: Sequence[Item], part: GeneratedPart, new: NotesText) -> int:
    sections = [other.section for other in new.parts.values() if other.begins]
    later = sections[sections.index(part.section) + 1 :]
    return next((at for name in later if (at := _find_heading(items, name)) is not None), len(items))


def _end_of_section(items: Sequence[Item], start: int) -> int:
    """Where the section ends whose first line below the heading is at `start`, empty lines left out."""
    end = next((at for at in range(start, len(items)) if items[at].begins is not None), len(items))
    while end > start and not items[end - 1].text.strip():
        end -= 1
    return end
