"""Histories as found in the wild, and what `plan` says to them; `python -m tests.versions` writes the table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release_tool.cli.release import plan_text
from release_tool.errors import RefusedError
from release_tool.history.facts import Request
from release_tool.release.planning import plan
from tests.console import ROOT
from tests.git.repo import Repo
from tests.solo import solo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release_tool.release.plan import ReleasePlan

DOCUMENT = ROOT / "docs" / "versions.md"
_BEGIN, _END = "<!-- histories -->\n", "<!-- /histories -->\n"


def _tagged(*tags: str) -> Callable[[Repo], None]:
    """A branch with a commit for each tag, and one fix that is not released."""

    def make(repo: Repo) -> None:
        for tag in tags:
            repo.commit("fix: something")
            repo.tag(tag)
        repo.commit("fix: totals")

    return make


def _merged_back(repo: Repo) -> None:
    _tagged("v1.4.0")(repo)
    repo.git("switch", "--quiet", "--create", "2.x", "v1.4.0")
    repo.commit("feat!: new format", new="1")
    repo.tag("v2.0.0")
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: search", search="1")
    repo.tag("v1.5.0")
    repo.merge("2.x", "Merge branch '2.x'")


def _pulled(repo: Repo) -> None:
    repo.commit("Begin")
    repo.tag("v1.4.0")
    repo.git("switch", "--quiet", "--create", "mine")
    repo.commit("fix: totals", mine="1")
    repo.git("switch", "--quiet", "main")
    repo.commit("feat: search", theirs="1")
    repo.git("switch", "--quiet", "mine")
    repo.merge("main", "Merge branch 'main' of github.com:acme/shop")
    repo.git("branch", "--quiet", "--force", "main", "mine")
    repo.git("switch", "--quiet", "main")


def _by_hand(repo: Repo) -> None:
    repo.commit("Begin")
    repo.tag("v1.4.0")
    repo.git("switch", "--quiet", "--create", "topic")
    repo.commit("feat!: new format", new="1")
    repo.git("switch", "--quiet", "main")
    repo.merge("topic", "Merge branch 'topic'")


def _aside(repo: Repo) -> None:
    _tagged("v1.4.0")(repo)
    repo.git("switch", "--quiet", "--create", "topic")
    repo.commit("Try")
    repo.tag("v9.9.9")
    repo.git("switch", "--quiet", "main")


HISTORIES: tuple[tuple[str, Callable[[Repo], None], str], ...] = (
    ("no tag", _tagged(), "Nothing is released yet: `initial-version` begins, and nothing is listed."),
    (
        "`v0.4.10`, then `0.5.0` … `0.16.4`",
        _tagged("v0.4.9", "v0.4.10", "0.5.0", "0.16.4"),
        "The prefix changed on the way: all of it is one order, and the next tag is named like the highest.",
    ),
    (
        "`1.0.0`, `1.1.0`, `v1.2.0`",
        _tagged("1.0.0", "1.1.0", "v1.2.0"),
        "The same the other way round, however many tags have the older prefix.",
    ),
    (
        "`v1.0`, `v1.1`, `v1.2`",
        _tagged("v1.0", "v1.1", "v1.2"),
        "Two parts count as three, and three are what comes next.",
    ),
    (
        "`2025.11.1`, `2026.02.3`",
        _tagged("2025.11.1", "2026.02.3"),
        "A year in front, or a leading zero, is a date: what comes after one is for a person to say.",
    ),
    (
        "`v1.0.0-beta.1`, `v1.0.0-beta.2`",
        _tagged("v1.0.0-beta.1", "v1.0.0-beta.2"),
        "Prereleases alone: the first release is the one that they prepare.",
    ),
    (
        "`v1.2.3`, `v1.2.3.1`",
        _tagged("v1.2.3", "v1.2.3.1"),
        "Four parts can't be read; they are reported, and the next version is above them all the same.",
    ),
    (
        "`v1.2.3`, `v1.3.0.1`",
        _tagged("v1.2.3", "v1.3.0.1"),
        "Here it would not be above them, and nothing older is published as the latest.",
    ),
    (
        "`@acme/cli@1.2.3`, `@acme/web@2.0.1`, `@acme/cli@1.3.0`",
        _tagged("@acme/cli@1.2.3", "@acme/web@2.0.1", "@acme/cli@1.3.0"),
        "Several packages are tagged side by side, and only a prefix can choose one.",
    ),
    (
        "`v1.2.3` beside `debian/1.2.3-1` and `nightly-20240101`",
        _tagged("v1.2.3", "debian/1.2.3-1", "nightly-20240101"),
        "Tags of packaging or builds are ignored, and reported where they look like a version.",
    ),
    (
        "`v1.4.0`; `2.x` released v2.0.0, `main` released v1.5.0, and `2.x` was merged into `main`",
        _merged_back,
        "Both were released: what is in either of them is not listed again.",
    ),
    (
        "`git pull` on `main` made a merge whose first parent is the wrong side",
        _pulled,
        "Every commit counts, on whichever side of the merge it is.",
    ),
    (
        "`git merge --no-ff topic`, with a `feat!:` inside",
        _by_hand,
        "A merge by hand is what it brings: the breaking change counts.",
    ),
    (
        "`v1.4.0`, and `v9.9.9` by hand on a branch that was never merged",
        _aside,
        "It is on no branch that is released, so it takes nothing away.",
    ),
)


def table() -> str:
    """The table of the document: each history, what `plan` really says, and why."""
    return "".join(["| history | `release-tool plan` says | why |\n| --- | --- | --- |\n", *_rows()])


def _rows() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        for number, (history, make, why) in enumerate(HISTORIES):
            repo = Repo.create(Path(directory, str(number)))
            make(repo)
            yield f"| {history} | {'<br>'.join(f'`{line}`' for line in said(repo))} | {why} |\n"


def said(repo: Repo) -> list[str]:
    """What `plan` says in a clone that is all there is: its headline and what it read otherwise, or why it refuses."""
    try:
        told = plan(solo(repo.directory), Request())
    except RefusedError as refused:
        return [_inline(f"error: {refused.message}"), _inline(f"do next: {refused.todo}")]
    return [_inline(line) for line in _lines(told)]


def _lines(told: ReleasePlan) -> Iterator[str]:
    headline, *others = click.unstyle(plan_text(told)).splitlines()
    yield headline
    yield from (line for line in others if line.startswith("Tags: "))


def _inline(text: str) -> str:
    return text.replace("`", "").replace("|", r"\|")


def rewritten(document: str) -> str:
    """The document with its table written anew."""
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text()))
