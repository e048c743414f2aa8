"""What titles and footers say by Conventional Commits 1.0.0, and what they nearly say."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CONVENTIONAL = re.compile(r"(?P<type>\w[\w-]*)(?:\((?P<scope>[^()\n]+)\))?(?P<breaking>!)?: +(?P<text>\S.*)")
_NEARLY = r"[^\w\n]*(?P<type>[A-Za-z]+)\s*(?:\([^()\n]*\))?\s*(?P<breaking>!?)(?:\s*[:;\uff1a\]]|\s+[-\u2013\u2014]\s)"
_FOOTER = r"(?:[A-Za-z][\w-]*|BREAKING CHANGE)(?:: | #)\S"
_NOTHING = r"(?!(?:none|no|nothing|n/?a|-+)\W*$)"
"""What templates are filled in with where nothing is broken."""
_BREAKING = rf"BREAKING[ -]CHANGE: +(?i:{_NOTHING})\S"
_NEARLY_BREAKING = (
    rf"\W*(?:(?i:breaking(?:[ _-]?changes?)?)\s*(?:!|:\s*(?i:{_NOTHING})\S)|BREAKING[ _-]CHANGES?(?!\w|:))"
)
_FENCE = r" {0,3}(?:```|~~~)"
_MEANT = {
    **dict.fromkeys(("feature", "features", "feats", "enhancement"), "feat"),
    **dict.fromkeys(("bug", "bugfix", "bugfixes", "fixes", "fixed", "fixup", "hotfix"), "fix"),
    "performance": "perf",
    "doc": "docs",
    "documentation": "docs",
    "tests": "test",
    "testing": "test",
    "refactoring": "refactor",
}
"""Words that people write where a type is meant."""


class Conventional(msgspec.Struct, frozen=True):
    """A title in the form of Conventional Commits 1.0.0, taken apart; the type is in lower case."""

    type: str
    scope: str
    breaking: bool
    text: str


@functools.lru_cache(maxsize=256)
def conventional(title: str) -> Conventional | None:
    """Take a title of that form apart, whatever its type; None where it has another form.

    Each is asked for a few times in a row.
    """
    match = _CONVENTIONAL.fullmatch(title.strip())
    if match is None:
        return None
    return Conventional(match["type"].lower(), match["scope"] or "", bool(match["breaking"]), match["text"])


def near_miss(title: str, types: Collection[str]) -> str:
    """Say which type a title nearly has; empty where it has one, or is far from any."""
    if (said := conventional(title)) is not None:
        meant = "" if said.breaking else _meant(said.type, types)
        return f"`{said.type}` is not a known type: did you mean `{meant}`?" if meant and said.type not in types else ""
    nearly = re.match(_NEARLY, title.strip())
    word = nearly["type"].lower() if nearly else ""
    meant = word if word in types else _MEANT.get(word, "")
    if not nearly or meant not in types:
        return ""
    return f"it looks like `{meant}{nearly['breaking']}:`, but does not have its form: `{meant}{nearly['breaking']}: …`"


def _meant(word: str, types: Collection[str]) -> str:
    import difflib  # few titles come this near

    if (meant := _MEANT.get(word, "")) in types:
        return meant
    longer = [known for known in types if len(known) > len("fix") and abs(len(known) - len(word)) <= 1]
    return next(iter(difflib.get_close_matches(word, longer, n=1, cutoff=0.75)), "")


def has_breaking_footer(message: str) -> bool:
    """Whether a commit's message has a footer `BREAKING CHANGE: …`, in capitals, where footers stand.

    Footers begin with a paragraph, and go on to the end; what a code block shows is none.
    """
    if "BREAKING" not in message:  # said of nearly every commit, and much faster than a look at each line
        return False
    within = False
    above = "the title"
    for line in _body(message):
        begins = not above.strip()
        if (begins or within) and re.match(_BREAKING, line):
            return True
        within = within or (begins and re.match(_FOOTER, line) is not None)
        above = line
    return False


def nearly_breaking(message: str) -> str:
    """The line of a commit's message that nearly says that it breaks something; empty without one."""
    if "breaking" not in message.lower():
        return ""
    lines = (message.partition("\n")[0], *_body(message))
    return next((line.strip()[:60] for line in lines if re.match(_NEARLY_BREAKING, line)), "")


def _body(message: str) -> Iterator[str]:
    """The lines below the title, without blocks of code."""
    fenced = False
    for line in message.splitlines()[1:]:
        if re.match(_FENCE, line):
            fenced = not fenced
        elif not fenced:
            yield line
