"""Release notes: changes in, Markdown out, with whatever people wrote made inert and folded to fit GitHub's limit."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError
from release_tool.history.changes import Change, ChangeKind
from release_tool.history.titles import conventional
from release_tool.release.notes.body import HEADINGS, read
from release_tool.release.notes.merge import BANNER_ROOM, GeneratedPart, compose, merge, quoted, withdrawn
from release_tool.text.markdown import blocks, inert, inert_block, nested
from release_tool.text.markers import LIMIT, base_of, is_abandoned, is_withdrawn, without_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from release_tool.model.commits import Author

__all__ = [
    "ATTACHMENT",
    "LIMIT",
    "Notes",
    "Rendered",
    "base_of",
    "entry",
    "inert",
    "inert_block",
    "is_abandoned",
    "is_withdrawn",
    "merge",
    "regenerate",
    "render",
    "withdrawn",
    "without_record",
]

ATTACHMENT = "RELEASE_NOTES.md"
"""The asset that holds the full text where a release's own text is folded."""

_SECTIONS = {
    ChangeKind.BREAKING: "breaking",
    ChangeKind.FEATURE: "features",
    ChangeKind.FIX: "fixes",
    ChangeKind.OTHER: "other",
}
_DROPPED_TYPES = frozenset({"feat", "fix", "docs", "style", "refactor", "perf", "test", "build", "ci", "chore"})
"""The Conventional Commit types that say no more than the section does; `revert:` says something."""

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BOT = "[bot]"
_GHOST = "ghost"
_LONG_TEXT = 5_000
_CUTS = (32_000, 16_000, 8_000, 4_000, 2_000, 1_000, 500, 0)
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What release notes are made of.

    `previous` is None for a first release, `repository_url` is empty where links are not known, and `newcomers` are
    the logins of those whose first merged pull request is among the changes.
    """

    tag: str
    previous: str | None
    changes: tuple[Change, ...]
    repository_url: str = ""
    newcomers: frozenset[str] = frozenset()

    @property
    def shown(self) -> tuple[Change, ...]:
        """The changes that have a place in the notes."""
        return tuple(change for change in self.changes if not change.hidden and change.cancelled_by is None)


class Rendered(msgspec.Struct, frozen=True):
    """Notes as text; `full` is what has to be attached as `RELEASE_NOTES.md` where the text is folded."""

    text: str
    full: str | None = None


class Fold(enum.Enum):
    """What is left out where notes are too long, the least important first, in the words that tell the reader."""

    LONG_TEXTS = "the ends of long texts"
    OTHER_TEXTS = "the texts of other changes"
    OTHER = "the list of other changes"
    FIX_TEXTS = "the texts of bug fixes"
    FEATURE_TEXTS = "the texts of new features"
    CONTRIBUTORS = "the list of contributors"
    FIXES = "the list of bug fixes"
    FEATURES = "the list of new features"
    BREAKING_TEXTS = "long texts of breaking changes and migrations"
    BREAKING = "the list of breaking changes"


_TEXTS = {
    "other": Fold.OTHER_TEXTS,
    "fixes": Fold.FIX_TEXTS,
    "features": Fold.FEATURE_TEXTS,
}
_LISTS = {
    "other": Fold.OTHER,
    "fixes": Fold.FIXES,
    "features": Fold.FEATURES,
    "breaking": Fold.BREAKING,
    "migration": Fold.BREAKING,
}


class _Entry(msgspec.Struct, frozen=True):
    """An item of a section: its line, and the block below it."""

    id: str
    section: str
    line: str
    text: str


class _Folding(msgspec.Struct, frozen=True):
    """How far notes are folded.

    `longest` is the most that a text of a breaking change or a migration may have, and `share` what is kept of the
    list that was folded `last`.
    """

    folds: frozenset[Fold] = frozenset()
    last: Fold | None = None
    longest: int | None = None
    share: float = 0.0


def render(notes: Notes, limit: int = LIMIT) -> Rendered:
    """Write release notes of at most `limit` characters, which are not less than 4,000."""
    entries = tuple(_entries(notes))
    for folding in _foldings(notes, entries):
        text = compose(tuple(_parts(notes, entries, folding)), notes.previous)
        if len(text) <= limit - BANNER_ROOM:
            return Rendered(text, without_record(_full(notes, entries)) if folding.folds else None)
    raise ValueError(f"release notes don't fit into {limit} characters")


def regenerate(existing: str, notes: Notes, limit: int = LIMIT) -> Rendered:
    """Write release notes anew into a text that may have been edited; RefusedError where that leaves them no room."""
    rendered = render(notes, limit)
    merged = merge(existing, rendered.text)
    if len(merged) > limit:
        room = max(limit - (len(merged) - len(rendered.text)), 4_000)
        rendered = render(notes, room)
        merged = merge(existing, rendered.text)
    if len(merged) > limit:
        raise RefusedError(
            f"the release notes would have {len(merged)} characters, and GitHub takes {limit}",
            already="the published text is as it was",
            todo="shorten what was added by hand",
        )
    return Rendered(merged, rendered.full)


def entry(change: Change, repository_url: str) -> str:
    """Write one change as it will read in the notes."""
    return _text_of(_entry(change, repository_url.rstrip("/")))


def _full(notes: Notes, entries: Sequence[_Entry]) -> str:
    return compose(tuple(_parts(notes, entries, _Folding())), notes.previous)


def _foldings(notes: Notes, entries: Sequence[_Entry]) -> Iterator[_Folding]:
    """Ever shorter ways to write the notes; breaking changes and migrations are cut only when all else is folded."""
    yield _Folding()
    folds: frozenset[Fold] = frozenset()
    for fold in Fold:
        if _applies(fold, notes, entries):
            folds |= {fold}
            yield from _steps(_Folding(folds, fold))


def _steps(folding: _Folding) -> Iterator[_Folding]:
    match folding.last:
        case Fold.BREAKING_TEXTS:
            yield from (msgspec.structs.replace(folding, longest=longest) for longest in _CUTS)
        case Fold.FIXES | Fold.FEATURES:
            yield from (msgspec.structs.replace(folding, share=share) for share in _SHARES)
        case Fold.BREAKING:
            yield from (msgspec.structs.replace(folding, longest=0, share=share) for share in _SHARES)
        case _:
            yield folding


def _applies(fold: Fold, notes: Notes, entries: Sequence[_Entry]) -> bool:
    match fold:
        case Fold.CONTRIBUTORS:
            return bool(_contributors(notes))
        case Fold.BREAKING_TEXTS:
            return any(item.text for item in entries if item.section not in _TEXTS)
        case Fold.LONG_TEXTS:
            return any(len(item.text) > _LONG_TEXT for item in entries if item.section in _TEXTS)
        case Fold.OTHER_TEXTS | Fold.FIX_TEXTS | Fold.FEATURE_TEXTS:
            return any(item.text for item in entries if _TEXTS.get(item.section) is fold)
        case _:
            return any(_LISTS[item.section] is fold for item in entries)


def _parts(notes: Notes, entries: Sequence[_Entry], folding: _Folding) -> Iterator[GeneratedPart]:
    if introduction := _introduction(notes):
        yield GeneratedPart("intro", introduction)
    for section, heading in HEADINGS.items():
        listed = [item for item in entries if item.section == section]
        if listed:
            yield GeneratedPart(section, f"## {heading}")
            yield from _folded_list(notes, listed, folding)
    yield from _closing(notes, folding)


def _introduction(notes: Notes) -> str:
    if notes.previous is None:
        return "First release."
    return "" if notes.shown else "Nothing in this release changes what its users see."


def _folded_list(notes: Notes, listed: Sequence[_Entry], folding: _Folding) -> Iterator[GeneratedPart]:
    section = listed[0].section
    fold = _LISTS[section]
    share = folding.share if fold is folding.last else 0.0
    kept = int(len(listed) * share) if fold in folding.folds else len(listed)
    for item in listed[:kept]:
        yield GeneratedPart(item.id, _text_of(_shortened(item, folding)))
    if kept < len(listed):
        count = f"{len(listed) - kept} more" if kept else f"{len(listed)} of them"
        yield GeneratedPart(f"{section}-folded", f"- {count}, listed in `{ATTACHMENT}`{_compared(notes)}")


def _shortened(item: _Entry, folding: _Folding) -> _Entry:
    fold = _TEXTS.get(item.section)
    if fold in folding.folds:
        return msgspec.structs.replace(item, text="")
    longest = _LONG_TEXT if fold and Fold.LONG_TEXTS in folding.folds else None if fold else folding.longest
    return item if longest is None else msgspec.structs.replace(item, text=_cut(item.text, longest))


def _cut(text: str, longest: int) -> str:
    """Keep the first paragraphs of a text, whole ones only, and say where the rest is."""
    if len(text) <= longest:
        return text
    kept: list[str] = []
    for block in blocks(text):
        longest -= len(block) + 2
        if longest < 0:
            break
        kept.append(block)
    return "\n\n".join([*kept, f"*This text is cut here. The full text is attached as `{ATTACHMENT}`.*"])


def _closing(notes: Notes, folding: _Folding) -> Iterator[GeneratedPart]:
    people = _contributors(notes)
    if people and Fold.CONTRIBUTORS in folding.folds:
        yield GeneratedPart("contributors", f"## Contributors\n\n{len(people)} people, listed in `{ATTACHMENT}`.")
    elif people:
        yield GeneratedPart("contributors", _contributors_text(notes, people))
    if folding.folds:
        folded = ", ".join(fold.value for fold in Fold if fold in folding.folds)
        full = f"The full text is attached as `{ATTACHMENT}`."
        yield GeneratedPart("folded", f"These notes are too long for GitHub. Left out: {folded}. {full}")
    if notes.previous is not None:
        yield GeneratedPart("compare", f"**Full changelog:** {_comparison(notes)}")


def _comparison(notes: Notes) -> str:
    name = f"{inert(notes.previous or '', alone=False)}...{inert(notes.tag, alone=False)}"
    return f"[{name}]({_compare_url(notes)})" if notes.repository_url else name


def _compare_url(notes: Notes) -> str:
    return f"{notes.repository_url.rstrip('/')}/compare/{quoted(notes.previous or '')}...{quoted(notes.tag)}"


def _compared(notes: Notes) -> str:
    linked = notes.repository_url and notes.previous is not None
    return f" and in the [comparison]({_compare_url(notes)})" if linked else ""


def _entries(notes: Notes) -> Iterator[_Entry]:
    url = notes.repository_url.rstrip("/")
    for change in notes.shown:
        yield _entry(change, url)
        if migration := inert_block(read(change.body).migration):
            line = f"- {_reference(change, url)}: {_title(change)}"
            yield _Entry(f"migration-m{_key(change)}", "migration", line, migration)


def _entry(change: Change, url: str) -> _Entry:
    section = _SECTIONS[change.kind]
    line = f"- {_title(change)} ({_reference(change, url)}){_by(change.authors)}"
    return _Entry(f"{section}-{_key(change)}", section, line, inert_block(_own_text(change, section)))


def _text_of(item: _Entry) -> str:
    return f"{item.line}\n\n{nested(item.text)}" if item.text else item.line


def _key(change: Change) -> str:
    return f"p{change.pull}" if change.pull else f"c{change.sha[:12]}"


def _own_text(change: Change, section: str) -> str:
    """What its body says for its section, else for release notes in general (where bots paste those of others)."""
    sections = read(change.body)
    texts = {
        "breaking": sections.breaking,
        "features": sections.features,
        "fixes": sections.fixes,
    }
    by_bots = bool(change.authors) and all(map(_is_bot, change.authors))
    return texts.get(section) or ("" if by_bots else sections.other)


def _title(change: Change) -> str:
    """The title without what the section and the reference say already; the scope of a Conventional Commit stays."""
    title = change.title.strip().removesuffix(f"(#{change.pull})").strip()
    parts = conventional(title)
    if parts is None or parts.type not in _DROPPED_TYPES:
        return inert(title) or "Untitled"
    scope = inert(parts.scope, alone=False)
    return f"**{scope}:** {inert(parts.text)}" if scope else inert(parts.text)


def _reference(change: Change, url: str) -> str:
    name = change.name
    if not url:
        return name
    return f"[{name}]({url}/pull/{change.pull})" if change.pull else f"[{name}]({url}/commit/{change.sha})"


def _by(authors: Iterable[Author]) -> str:
    names = [_plain_name(author) for author in authors if not _is_ghost(author)]
    if not names:
        return ""
    return f" by {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else f" by {names[0]}"


def _plain_name(author: Author) -> str:
    return inert(str(author).removesuffix(_BOT), alone=False) or "somebody"


def _is_bot(author: Author) -> bool:
    return author.bot or str(author).endswith(_BOT)


def _is_ghost(author: Author) -> bool:
    return author.login is None and author.name == _GHOST


def _contributors(notes: Notes) -> dict[str, tuple[Author, Change]]:
    """Everybody but bots, in the order of the alphabet, each with the first change of theirs."""
    people: dict[str, tuple[Author, Change]] = {}
    for change in notes.shown:
        for author in change.authors:
            if not (_is_bot(author) or _is_ghost(author)):
                people.setdefault(str(author).casefold(), (author, change))
    return dict(sorted(people.items()))


def _contributors_text(notes: Notes, people: dict[str, tuple[Author, Change]]) -> str:
    url = notes.repository_url.rstrip("/")
    newcomers = {login.casefold() for login in notes.newcomers}
    names = {key: _linked_name(author, url) for key, (author, _) in people.items()}
    welcomes = [
        f"- {names[key]} made their first contribution in {_reference(change, url)}. Welcome!"
        for key, (author, change) in people.items()
        if author.login and author.login.casefold() in newcomers
    ]
    return "\n\n".join(["## Contributors", ", ".join(names.values()), *(["\n".join(welcomes)] if welcomes else [])])


def _linked_name(author: Author, url: str) -> str:
    name = _plain_name(author)
    host = url.rsplit("/", 2)[0]
    return f"[{name}]({host}/{author.login})" if url and author.login and _LOGIN.fullmatch(author.login) else name
