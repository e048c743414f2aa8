"""Judging the answer to a check: good or bad, from the expected version or another one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.verdict import Reading
from release_tool.text.documents import UNREADABLE
from release_tool.text.humanize import figure
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release_tool.config.model import Check, JsonTest

    Mask = Callable[[str], str]
    Show = Callable[[object], str]

_LONGEST = 80
"""Characters of an answer that a detail shows."""
_SHORT_HASH = re.compile(r"[0-9a-f]{7,64}")
_FALLBACK_CACHES = ("x-cache", "cf-cache-status", "x-vercel-cache")
_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_BEFORE_SECRETS = re.compile(r"[?#].*")
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What should answer: a commit, the name that it goes by, and the images and other things that were built of it."""

    commit: str
    version: str
    references: Mapping[str, str] = {}

    def is_meant_by(self, told: str) -> bool:
        """Whether an application that says this is the expected one; at least seven digits name a commit."""
        told = told.strip().casefold()
        short = _SHORT_HASH.fullmatch(told) is not None and self.commit.startswith(told)
        return short or told.removeprefix("v") == self.version.casefold().removeprefix("v")


class ProbeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came back and how long it took; names of headers in lower case. A command has neither status nor headers.

    `cut` is whether the body is only the beginning of what there was.
    """

    seconds: float
    status: int | None = None
    headers: Mapping[str, str] = {}
    body: bytes = b""
    cut: bool = False


class _Unfit(Exception):  # noqa: N818 - it never leaves this file, and is no error of ours
    """The answer is bad, with the reason."""


def judge(answer: ProbeResponse, check: Check, expected: Expected, mask: Mask = str) -> tuple[Reading, str]:
    """Compare an answer with what the check asks for; the detail is one short line, masked before it was cut.

    A bad answer is bad from any version; a good one of another version is stale, and one that tells no version, where
    the check says that it should, is bad.
    """
    show = partial(_shown, mask)
    summary = _summary(answer, mask)
    try:
        _insist(answer, check, show)
        told = [_insist_told(where, version) for where, version in _versions(answer, check)]
    except _Unfit as reason:
        return Reading.BAD, f"{summary}: {reason}"
    others = [version for version in told if not expected.is_meant_by(version)]
    if others:
        return Reading.STALE, f"{summary}: it is {show(others[0])}, not {show(expected.version)}"
    return Reading.OK, f"{summary}: it is {show(told[0])}" if told else summary


def unusable(check: Check) -> Iterator[str]:
    """The errors in a check itself: invalid patterns and pointers, and proofs that its kind can't give."""
    patterns = {"version-pattern": check.version_pattern, "body-pattern": check.body_pattern}
    patterns |= {f"headers[{number}].pattern": test.pattern for number, test in enumerate(check.headers)}
    for key, pattern in patterns.items():
        yield from _unusable_pattern(key, pattern)
    pointers = {"version-pointer": check.version_pointer}
    pointers |= {f"json[{number}].pointer": test.pointer for number, test in enumerate(check.json)}
    for key, pointer in pointers.items():
        if pointer and not pointer.startswith("/"):
            yield f"`{key}`: a JSON pointer begins with `/`, got {_shown(str, pointer)}"
    yield from _unusable_kind(check)
    if check.kind != "http" and (check.status or check.headers or check.version_header):
        yield f"`kind`: a check by {check.kind} has no status and no headers"


def _unusable_kind(check: Check) -> Iterator[str]:
    """What a check of its kind needs, or can't have; of engines and metrics that is said where it is read."""
    reads = check.version_pattern or check.version_pointer or check.body_pattern or check.json
    if reads and check.kind not in {"http", "command"}:
        yield f"`kind`: a check by {check.kind} reads no answer"
    if check.kind == "command" and not check.command:
        yield "`command`: missing"


def _unusable_pattern(key: str, pattern: str) -> Iterator[str]:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield f"`{key}`: {error}"
        return
    if key == "version-pattern" and pattern and groups != 1:
        yield f"`{key}`: expected one group, which is the version, got {groups}"


# Is it a good answer?


def _insist(answer: ProbeResponse, check: Check, show: Show) -> None:
    _insist_status(answer, check, show)
    for test in check.headers:
        header = answer.headers.get(test.name.casefold())
        if header is None:
            raise _Unfit(f"there is no header {test.name}")
        if not re.search(test.pattern, header):
            raise _Unfit(f"the header {test.name} is {show(header)}")
    if check.body_pattern and not re.search(check.body_pattern, _text(answer)):
        raise _Unfit(f"`body-pattern` is not in the answer{_beginning(answer)}")
    for expectation in check.json:
        _insist_json(_at(_json(answer), expectation.pointer), expectation, show)
    if check.latency is not None and answer.seconds > check.latency.total_seconds():
        raise _Unfit(f"slower than {check.latency.total_seconds() * 1000:.0f} ms")


def _insist_status(answer: ProbeResponse, check: Check, show: Show) -> None:
    status = answer.status
    if status is None or (status in check.status if check.status else status in range(200, 300)):
        return
    if status in range(300, 400) and "location" in answer.headers:
        place = _USER_INFO.sub("", _BEFORE_SECRETS.sub("", answer.headers["location"]))
        raise _Unfit(f"a redirect to {show(place)}, and redirects are not followed")
    raise _Unfit(f"expected {' or '.join(map(str, check.status)) or '200 to 299'}")


def _insist_json(value: object, test: JsonTest, show: Show) -> None:
    where = f"`{test.pointer}`"
    if isinstance(value, _Absent):
        raise _Unfit(f"there is no {where} in the JSON")
    if test.equal is not None and not (value == test.equal and isinstance(value, bool) == isinstance(test.equal, bool)):
        raise _Unfit(f"{where} is {show(value)}, not {show(test.equal)}")
    if test.min is None and test.max is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unfit(f"{where} is {show(value)}, not a number")
    if test.min is not None and value < test.min:
        raise _Unfit(f"{where} is {show(value)}, less than {figure(test.min)}")
    if test.max is not None and value > test.max:
        raise _Unfit(f"{where} is {show(value)}, more than {figure(test.max)}")


# Whose answer is it?


def _versions(answer: ProbeResponse, check: Check) -> Iterator[tuple[str, str | None]]:
    """What each proof of the check tells, with where it was looked for."""
    if check.version_pointer:
        yield f"`{check.version_pointer}`", _scalar(_at(_json(answer), check.version_pointer))
    if check.version_header:
        yield f"the header {check.version_header}", answer.headers.get(check.version_header.casefold())
    if check.version_pattern:
        match = re.search(check.version_pattern, _text(answer))
        yield f"`version-pattern`{_beginning(answer)}", match[1] if match else None


def _insist_told(where: str, version: str | None) -> str:
    if version is None or not version.strip():
        raise _Unfit(f"no version is found in {where}")
    return version


def _scalar(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


# Reading it


class _Absent:
    """What a JSON pointer finds where there is nothing."""


def _text(answer: ProbeResponse) -> str:
    return answer.body.decode(errors="replace")


def _json(answer: ProbeResponse) -> object:
    try:
        return msgspec.json.decode(answer.body.removeprefix(b"\xef\xbb\xbf"), type=object)
    except UNREADABLE:
        raise _Unfit(f"the answer is not JSON{_beginning(answer)}") from None


def _at(value: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901)."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        match value:
            case dict() if key in value:
                value = value[key]
            case list() if _INDEX.fullmatch(key) and len(key) < len(str(len(value))) + 1 and int(key) < len(value):
                value = value[int(key)]
            case _:
                return _Absent()
    return value


def _beginning(answer: ProbeResponse) -> str:
    return f", of which only the first {len(answer.body)} bytes were read" if answer.cut else ""


def _summary(answer: ProbeResponse, mask: Mask) -> str:
    said = "answered" if answer.status is None else str(answer.status)
    return f"{said} in {answer.seconds * 1000:.0f} ms{_cache(answer.headers, mask)}"


def _cache(headers: Mapping[str, str], mask: Mask) -> str:
    """A note where the answer may be outdated: it came from a cache, although the request forbids that."""
    age = headers.get("age", "").strip()
    told = [f"Age {age}"] if age.isdecimal() and int(age[:9]) else []
    told += [f"{name.title()} {headers[name]}" for name in _FALLBACK_CACHES if "hit" in headers.get(name, "").lower()]
    return f" from a cache ({_cut(mask(', '.join(told)))})" if told else ""


def _shown(mask: Mask, value: object) -> str:
    return f"`{_cut(mask(value if isinstance(value, str) else _as_json(value)))}`"


def _as_json(value: object) -> str:
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, and what nests too deep
        return "too much to show"


def _cut(text: str) -> str:
    return shortened(visible(text[: 4 * _LONGEST]), _LONGEST)
