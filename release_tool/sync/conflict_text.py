"""The text for a person about a release that conflicts with the hosted branch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec

from release_tool.text.markdown import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

MARKER = "<!-- release-tool:sync-conflict -->"
LIMIT = 60_000
"""The characters of a pull request's body, with room to spare: GitHub takes 65,536."""

_MOST_VIEWS = 20
_TITLE = re.compile(r"Resolve the conflicts of (\S+) with \S+")


class ConflictView(Protocol):
    """One file in conflict: how it conflicts, and a short view of both sides."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def kind(self) -> str:
        """How it conflicts, in git's words."""

    @property
    def ours_text(self) -> str:
        """What the hosted branch has."""

    @property
    def theirs_text(self) -> str:
        """What the release has."""


class ConflictingChange(msgspec.Struct, frozen=True):
    """A change of the release that touches files in conflict; `merged_by` is empty where nobody is known."""

    name: str
    title: str
    files: tuple[str, ...]
    merged_by: str


def conflict_title(tag: str, branch: str) -> str:
    """Name the pull request."""
    return f"Resolve the conflicts of {tag} with {branch}"


def tag_in_title(title: str) -> str | None:
    """Read the tag from a title that `conflict_title` wrote."""
    match = _TITLE.fullmatch(title)
    return match[1] if match else None


def conflict_text(
    tag: str, branch: str, head: str, conflicts: Sequence[ConflictView], culprits: Sequence[ConflictingChange]
) -> str:
    """Write the pull request's body: the files, where they come from, both sides, and the commands that resolve it."""
    parts = [
        MARKER,
        f"{tag} can't be merged into `{branch}` by itself: {_count(conflicts)} in conflict.",
        _files(conflicts, culprits),
        "### To resolve it",
        _commands(branch, head),
        "Then merge this pull request **with a merge commit**, so that the same conflict does not come back.",
        f"A file that should always stay as it is on `{branch}` belongs into `keep-cloud` in the configuration.",
    ]
    text = "\n\n".join(parts)
    for view in conflicts[:_MOST_VIEWS]:
        shown = _view(view, branch, tag)
        if len(text) + len(shown) > LIMIT:
            break
        text += f"\n\n{shown}"
    return f"{text}\n"


def _count(conflicts: Sequence[ConflictView]) -> str:
    return "1 file is" if len(conflicts) == 1 else f"{len(conflicts)} files are"


def _files(conflicts: Sequence[ConflictView], culprits: Sequence[ConflictingChange]) -> str:
    lines = []
    for view in conflicts[:200]:
        sources = [f"{culprit.name} {inert(culprit.title)}" for culprit in culprits if view.path in culprit.files]
        source = f", changed by {'; '.join(sources)}" if sources else ""
        lines.append(f"- {_code(view.path)} ({inert(view.kind)}){source}")
    if len(conflicts) > len(lines):
        lines.append(f"- and {len(conflicts) - len(lines)} more")
    return "\n".join(lines)


def _commands(branch: str, head: str) -> str:
    return (
        "```sh\n"
        "git fetch origin --tags\n"
        f"git switch --create {head} --track origin/{head}\n"
        f"git merge origin/{branch}    # now resolve the conflicts\n"
        "git add --all && git commit\n"
        f"git push origin {head}\n"
        "```"
    )


def _view(view: ConflictView, branch: str, tag: str) -> str:
    return (
        f"<details><summary>{inert(view.path)}</summary>\n\n"
        f"On `{branch}`:\n\n{_fenced(view.ours_text)}\n\nIn {tag}:\n\n{_fenced(view.theirs_text)}\n\n</details>"
    )


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _code(path: str) -> str:
    return f"`{path.replace('`', chr(39))}`"
