"""The files that `init` wrote up to 1.3: which of them go, which are the user's to keep, and what still names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from release_tool.config import Build, Job
from release_tool.setup.files import WORKFLOWS, is_untouched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RELEASE = f"{WORKFLOWS}/release.yml"
BUILD, TESTS = f"{WORKFLOWS}/build.yml", f"{WORKFLOWS}/cloud-tests.yml"
"""What was the user's; it is called as before, and nobody touches it."""

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
_SECRET = re.compile(r"\bsecrets\.(?P<name>\w+)")
_DECLARED = re.compile(r"^    secrets:\n(?P<names>(?: {6}.*\n)+)", re.MULTILINE)
_NAME = re.compile(r"^ {6}(?P<name>\w+):", re.MULTILINE)
_GRANT = re.compile(r"^ {6}(?P<what>[a-z]+(?:-[a-z]+)*): (?P<level>read|write)\b", re.MULTILINE)


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
    called = any(_ACTION in text for path, text in texts.items() if path.startswith(WORKFLOWS) and path not in ours)
    needed = {path for path in untouched if path.startswith(_ACTION) and called}
    return OldSet(
        removed=tuple(sorted(untouched - needed)),
        kept=tuple(sorted({*edited, *needed}.difference(stuck))),
        stuck=tuple(stuck),
        build=_called(texts, BUILD, Build()),
        tests=_called(texts, TESTS, Job()),
        undeclared=tuple(sorted(_used(texts.get(BUILD, "")) - _declared(texts.get(BUILD, "")))),
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
    if "workflow_call" not in text:
        return usual
    grants = {found["what"]: found["level"] for found in _GRANT.finditer(text) if found["what"] != "contents"}
    return msgspec.structs.replace(
        usual, workflow=path, secrets=tuple(sorted(_used(text) & _declared(text))), permissions=grants
    )


def _used(workflow: str) -> set[str]:
    return {found["name"] for found in _SECRET.finditer(workflow)} - {"GITHUB_TOKEN"}


def _declared(workflow: str) -> set[str]:
    found = _DECLARED.search(workflow)
    return {name["name"] for name in _NAME.finditer(found["names"])} if found else set()
