"""The files that `init` wrote up to 1.3: which of them go, which are the user's to keep, and what still names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from release_tool.config.model import Build, Job
from release_tool.setup import called
from release_tool.setup.files import WORKFLOWS, is_untouched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RELEASE = f"{WORKFLOWS}/release.yml"
BUILD, TESTS = f"{WORKFLOWS}/build.yml", f"{WORKFLOWS}/cloud-tests.yml"
"""The user's workflows; they are called as before, and never changed."""

J = TypeVar("J", bound=Job)
_ACTION = ".github/actions/release-tool"
_NAMES = ("release", "publish", "cloud-sync", "cloud-advance", "deploy", "dashboard", "pr-policy")
_WERE_OURS = (
    *(f"{WORKFLOWS}/{name}.yml" for name in _NAMES),
    *(f"{_ACTION}/{name}" for name in ("action.yml", "install.sh", "requirements.txt", "uv.txt")),
)
FILES = (*_WERE_OURS, BUILD, TESTS)
"""All that has to be read to know it."""

_CALLS_OURS = re.compile(
    rf"uses: \./(?:{re.escape(_ACTION)}|\.github/workflows/(?:publish|cloud-sync|cloud-advance)\.yml)\b"
)
_STARTS = re.compile(r"^on:.*?^\S", re.DOTALL | re.MULTILINE)
_BY_ITSELF = re.compile(r"\b(?:push|schedule|pull_request_target|issues)\b")


class OldSet(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the old set in a repository.

    `removed` are files of ours that nobody touched, `kept` others that do nothing by themselves, and `stuck` those
    that somebody edited and that would go on to release beside the new ones.
    """

    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    build: Build = Build()
    tests: Job = Job()
    undeclared: tuple[str, ...] = ()
    """Secrets that the build uses and does not declare, so that nobody can pass them."""


def find(texts: Mapping[str, str]) -> OldSet:
    """Tell what there is of the old set in the files of a repository."""
    ours = {path: text for path, text in texts.items() if path in _WERE_OURS and _is_ours(text)}
    if not ours:
        return OldSet()
    untouched = {path for path, text in ours.items() if is_untouched(text)}
    edited = ours.keys() - untouched
    stuck = sorted(path for path in edited if _starts_by_itself(ours[path]))
    wanted = any(_ACTION in text for path, text in texts.items() if path.startswith(WORKFLOWS) and path not in ours)
    needed = {path for path in untouched if path.startswith(_ACTION) and wanted}
    return OldSet(
        removed=tuple(sorted(untouched - needed)),
        kept=tuple(sorted({*edited, *needed}.difference(stuck))),
        stuck=tuple(stuck),
        build=_called(texts, BUILD, Build()),
        tests=_called(texts, TESTS, Job()),
        undeclared=tuple(sorted(called.used(texts.get(BUILD, "")) - called.declared(texts.get(BUILD, "")))),
    )


def mentions(texts: Mapping[str, str], removed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Tell which files name a workflow that is gone, such as a badge or a script that starts it."""
    gone = [path.rpartition("/")[2] for path in removed if path.startswith(WORKFLOWS)]
    for name in gone:
        named = re.compile(rf"workflows/{re.escape(name)}|workflow run {re.escape(name)}")
        yield from ((path, name) for path, text in sorted(texts.items()) if path not in removed and named.search(text))


def _is_ours(text: str) -> bool:
    return "Kept by release-tool " in text.partition("\n")[0] or bool(_CALLS_OURS.search(text))


def _starts_by_itself(workflow: str) -> bool:
    found = _STARTS.search(workflow)
    return bool(found and _BY_ITSELF.search(found[0]))


def _called(texts: Mapping[str, str], path: str, usual: J) -> J:
    """What calls a workflow of the user's as before: with the secrets that it declares and the rights that it asks."""
    text = texts.get(path, "")
    if not called.is_callable(text):
        return usual
    secrets = tuple(sorted(called.used(text) & called.declared(text)))
    return msgspec.structs.replace(usual, workflow=path, secrets=secrets, permissions=called.asked(text))
