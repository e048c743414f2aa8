"""What releases or deploys in somebody's workflows: found by what their steps run, and switched off step by step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec
import yaml  # type: ignore[import-untyped] # its types are a package of their own, for one function

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

_RELEASING = {
    "semantic-release": r"(?<!python-)semantic-release\b(?!.*--(?:dry-run|noop)\b(?! *[\"']?[$=]))",
    "python-semantic-release": r"python-semantic-release",
    "release-please": r"release-please",
    "release-drafter": r"release-drafter",
    "GoReleaser": r"goreleaser(?!.*--snapshot\b)",
    "changesets": r"changesets/action",
    "auto": r"\bauto shipit\b|intuit/auto",
    "cargo-dist": r"\bdist host\b|\bcargo dist host\b",
    "GitHub releases": r"softprops/action-gh-release|ncipollo/release-action|actions/create-release|gh release create",
    "tags": r"git tag (?!--?l|--merged|--contains|--points-at|--sort)|mathieudutour/github-tag-action"
    r"|anothrNick/github-tag-action",
}
_DEPLOYING = {
    "Kamal": r"\bkamal (?:deploy|redeploy)\b",
    "Fly": r"\b(?:flyctl|fly) deploy\b",
    "Heroku": r"heroku-deploy|git\.heroku\.com",
    "Kubernetes": r"\bkubectl (?:apply|set image|rollout)\b|\bhelm upgrade\b",
    "ssh": r"appleboy/ssh-action|\bdocker compose .*up\b.*-d|\brsync .*:",
    "Render": r"api\.render\.com/deploy",
}
_MARKS = {what: re.compile(mark) for what, mark in (_RELEASING | _DEPLOYING).items()}
_ANY = re.compile("|".join((_RELEASING | _DEPLOYING).values()))
_COMMENT = re.compile(r"^ *#[^\n]*\n?| +# [^\n]*", re.MULTILINE)
_OFF = "if: false"
_WHY = " # release-tool does this now"
_BY_HAND = {"workflow_dispatch"}


class Place(msgspec.Struct, frozen=True):
    """A step that releases or deploys, or a job that calls a workflow that does: what by, and where it stands.

    `start` is where it begins in the text, `indent` how far it is indented, 0 within braces. `condition` is where the
    condition stands that it has.
    """

    what: str
    start: int
    indent: int
    condition: tuple[int, int] | None


def deploys(what: str) -> bool:
    """Whether it deploys, and releases nothing."""
    return what in _DEPLOYING


def places(workflow: str) -> tuple[Place, ...]:
    """Find every step and every called workflow that releases or deploys, but for those that are off already."""
    if not _ANY.search(workflow):
        return ()
    try:
        jobs = _mapping(yaml.compose(workflow, Loader=yaml.SafeLoader)).get("jobs")
    except yaml.YAMLError:
        return ()
    return tuple(place for _, job in _mapping(jobs and jobs[1]).values() for place in _of_job(job))


def by_hand(workflow: str) -> bool:
    """Whether only a person starts it."""
    try:
        on = yaml.safe_load(workflow)
    except yaml.YAMLError:
        return False
    started = on.get("on", on.get(True)) if isinstance(on, dict) else None
    return {started} == _BY_HAND if isinstance(started, str) else set(started or ()) == _BY_HAND


def switched_off(workflow: str, kinds: Container[str]) -> str:
    """Give every step of these kinds a condition that never holds; all else stays as it is, byte for byte."""
    for place in sorted(places(workflow), key=lambda place: place.start, reverse=True):
        if place.what in kinds:
            workflow = _off(workflow, place)
    return workflow


def _off(text: str, place: Place) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if place.condition is None:
        between = f"{_WHY}{newline}{' ' * place.indent}" if place.indent else ", "
        return text[: place.start] + _OFF + between + text[place.start :]
    start, end = place.condition
    end = len(text[:end].rstrip())  # a text in lines ends where the next key begins
    ends_line = place.indent and text[end:].lstrip(" ").startswith(("\n", "\r"))
    return text[:start] + "false" + _WHY * bool(ends_line) + text[end:]


class _Mark(Protocol):
    """A place in a text."""

    index: int
    column: int


class _Node(Protocol):
    """A part of a YAML text, and where it stands."""

    start_mark: _Mark
    end_mark: _Mark
    value: object


def _mapping(node: object) -> dict[str, tuple[_Node, _Node]]:
    """The keys and values of a mapping by the texts of its keys; empty for anything else."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _of_job(job: _Node) -> Iterator[Place]:
    told = _mapping(job)
    if _is_off(told):
        return
    yield from _place(job, told)
    steps = told["steps"][1] if "steps" in told else None
    for step in steps.value if isinstance(steps, yaml.SequenceNode) else ():
        parts = _mapping(step)
        if not _is_off(parts):
            yield from _place(step, parts)


def _place(node: _Node, parts: Mapping[str, tuple[_Node, _Node]]) -> Iterator[Place]:
    ran = "\n".join(_COMMENT.sub("", str(parts[key][1].value)) for key in ("uses", "run") if key in parts)
    what = next((what for what, mark in _MARKS.items() if mark.search(ran)), None)
    if what is None:
        return
    first = min((key.start_mark for key, _ in parts.values()), key=lambda mark: mark.index)
    condition = parts["if"][1] if "if" in parts else None
    yield Place(
        what=what,
        start=first.index,
        indent=0 if getattr(node, "flow_style", False) else first.column,
        condition=(condition.start_mark.index, condition.end_mark.index) if condition else None,
    )


def _is_off(parts: Mapping[str, tuple[_Node, _Node]]) -> bool:
    return "if" in parts and str(parts["if"][1].value).strip() in {"false", "${{ false }}"}
