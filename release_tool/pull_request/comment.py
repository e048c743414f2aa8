"""The one comment on a pull request: what merging it makes, how it will read, and what is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.pull_request.policy import Severity, refuses
from release_tool.text.markdown import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.history.changes import Change
    from release_tool.pull_request.policy import PolicyFinding

MARKER = "<!-- release-tool:check-pr -->"
LIMIT = 65_536
"""The characters that GitHub takes in a comment."""

_QUEUE_REF = re.compile(r"/pr-([0-9]{1,9})-[0-9a-f]+$")
_FOLDED = "\n\n*The entry is longer than a comment may be; the release notes have it whole.*"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What merging a pull request would make: alone, and together with the `waiting` changes that are not released.

    A tag is None where nothing would be released.
    """

    base: str
    alone: str | None
    together: str | None
    waiting: int


def render(change: Change, preview: Preview, found: tuple[PolicyFinding, ...], entry: str) -> str:
    """Write the comment; the entry, the only part of any length, is folded where it would be too long."""
    head = "\n\n".join([MARKER, f"### {_headline(preview, found)}", _why(change, preview), *_list(found)])
    if not entry:
        return f"{head}\n"
    title = "**Its entry in the notes**"
    room = LIMIT - len(head) - len(title) - len(_FOLDED) - 10
    quoted = "\n".join(f"> {line}" if line else ">" for line in entry.splitlines())
    if len(quoted) > room:
        quoted = f"> {inert(change.title)}{_FOLDED}"
    return f"{head}\n\n{title}\n\n{quoted}\n"


def elsewhere(base: str) -> str:
    """Write the comment on a pull request to a branch that is not released."""
    return f"{MARKER}\n\n### ✅ Not released from here\n\n`{inert(base)}` is not a branch that is released.\n"


def number_in_ref(ref: str) -> int | None:
    """Read the pull request's number from the name of a merge queue's branch, which ends in `pr-12-<hash>`."""
    match = _QUEUE_REF.search(ref)
    return int(match[1]) if match else None


def is_ours(body: str) -> bool:
    """Whether a comment has our marker; who wrote it is asked of GitHub."""
    return body.startswith(MARKER)


def with_release(body: str, tag: str, url: str) -> str:
    """Add to a comment which release its pull request went into."""
    line = f"Released in [{inert(tag)}]({url})."
    return body if line in body else f"{body.rstrip()}\n\n{line}\n"


def _headline(preview: Preview, found: tuple[PolicyFinding, ...]) -> str:
    if refuses(found):
        return "❌ This can't be merged yet"
    if preview.together is None:
        return "✅ Merging this makes no release"
    return f"✅ Merging this makes {preview.together}"


def _why(change: Change, preview: Preview) -> str:
    lines = [f"It counts as **{change.bump}**: {inert(change.reason)}."]
    if preview.waiting and preview.together:
        others = "1 change that waits" if preview.waiting == 1 else f"{preview.waiting} changes that wait"
        alone = f"it would make {preview.alone}" if preview.alone else "it would make no release"
        lines.append(f"With the {others} on `{preview.base}` that makes {preview.together}; alone {alone}.")
    if change.hidden:
        lines.append("It is left out of the release notes.")
    return " ".join(lines)


def _list(found: tuple[PolicyFinding, ...]) -> Iterator[str]:
    if found:
        yield "\n".join(f"- {_sign(finding.severity)} {_sentence(finding)}" for finding in found)


def _sentence(finding: PolicyFinding) -> str:
    text = f"{_capitalised(finding.message)}."
    if finding.todo:
        text += f" {_capitalised(finding.todo)}"
    return text.rstrip().replace("\n", "\n  ")  # a block of code stays within its item


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sign(severity: Severity) -> str:
    match severity:
        case Severity.ERROR:
            return "❌"
        case Severity.WARNING:
            return "⚠️"
        case Severity.NOTICE:
            return "💡"
        case _ as never:
            assert_never(never)
