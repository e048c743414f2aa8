"""From facts to the plan of the next release; a pure function, so that the same facts give the same plan."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.errors import RefusedError, UsageError
from release_tool.history.changes import Change
from release_tool.history.facts import Forced
from release_tool.model.version import (
    Bump,
    Version,
    next_prerelease,
    next_version,
    parse_tag,
    parse_version,
    tag_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config.model import Config
    from release_tool.history.facts import ReleaseFacts, Request
    from release_tool.model.tag_names import Naming
    from release_tool.model.tags import VersionTag

_IDENTIFIER = r"(?!0[0-9])(?=.*[A-Za-z-])[0-9A-Za-z-]+"

_FEW = 3
_THREE = 3


class Action(enum.Enum):
    """What there is to do."""

    RELEASE = "release"
    FINISH = "finish"
    NOTHING = "nothing"


class ReleasePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the next release would be, and why.

    `again` says that another run has more to do; `unseen` what could not be looked at, `remarks` which tags look like
    versions and count for nothing, and `warnings` what will be wrong with the release.
    """

    action: Action
    reason: str
    branch: str
    sha: str
    previous: str | None = None
    tag: str | None = None
    version: Version | None = None
    bump: Bump = Bump.NONE
    forced: Forced | None = None
    prerelease: bool = False
    latest: bool = False
    changes: tuple[Change, ...] = ()
    again: bool = False
    unseen: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse_force(text: str, prefix: str | None) -> Bump | Version | None:
    """Read what `--force` was given: a level, a version with or without the tag's prefix, or nothing."""
    if not text:
        return None
    if text in {"major", "minor", "patch"}:
        return Bump[text.upper()]
    version = parse_version(text) or parse_tag(text, prefix)
    if version is None or version.prerelease or version.build:
        raise UsageError(
            f"--force {text!r} is neither `major`, `minor`, `patch` nor a version such as `1.3.0`",
            todo="name a level or a version; a prerelease is made with `--pre`",
        )
    return version


def parse_identifier(text: str) -> str:
    """Read what `--pre` was given: an identifier such as `rc`, or nothing."""
    if text and not re.fullmatch(_IDENTIFIER, text):
        raise UsageError(
            f"--pre {text!r} is not an identifier such as `rc` or `beta`",
            todo="use letters, digits and hyphens, and at least one that is no digit",
        )
    return text


def plan_release(facts: ReleaseFacts, request: Request, config: Config) -> ReleasePlan:
    """Decide what the next release is; raises RefusedError where what was asked for can't be."""
    if facts.half_done:
        return _finish(facts, facts.half_done[0])
    _refuse_packages(facts.naming)
    idle = _why_nothing(facts, request) or _why_no_number(facts, request)
    if idle:
        return _nothing(facts, idle)
    bump = _highest(facts.changes)
    version = _number(facts, request, config)
    return ReleasePlan(
        action=Action.RELEASE,
        reason=_reason(facts, request, bump),
        branch=facts.branch,
        sha=facts.target,
        previous=facts.base.name if facts.base else None,
        tag=tag_name(version, facts.naming.prefix),
        version=version,
        bump=bump,
        forced=None if request.force is None else Forced(request.by, bump),
        prerelease=bool(version.prerelease),
        latest=_is_latest(facts, version),
        changes=facts.changes,
        unseen=facts.unseen,
        remarks=facts.naming.remarks,
    )


def _refuse_packages(found: Naming) -> None:
    """Refuse to guess where several packages are released, and nothing says which one this is."""
    if found.packages:
        shown = ", ".join(f"`{name}`" for name in found.packages[:_FEW])
        more = len(found.packages) - _FEW
        raise RefusedError(
            f"several packages are released here ({shown}{f' and {more} more' if more > 0 else ''}),"
            " and nothing says which one this is",
            during="finding the prefix of version tags",
            already="nothing was written",
            todo=f'choose one by its prefix in the configuration, such as `tag-prefix = "{found.choice}"`',
        )


def _why_nothing(facts: ReleaseFacts, request: Request) -> str:
    """Say why there is nothing to release; empty where there is something."""
    if facts.withheld:
        return facts.withheld
    if facts.containing:
        return f"{facts.target[:10]} is in {facts.containing.name} already"
    if facts.first:
        return ""
    if not facts.changes:
        return f"nothing has landed on {facts.branch} since {_since(facts)}"
    if _highest(facts.changes) is Bump.NONE and request.force is None and facts.base is not None:
        return f"none of {_count(facts.changes)} since {_since(facts)} asks for a release"
    return ""


def _why_no_number(facts: ReleaseFacts, request: Request) -> str:
    """Say why no number can be found; empty where one can: what follows a date is unknown."""
    if not facts.naming.calendar or isinstance(request.force, Version):
        return ""
    why = "the newest version is a date, so the next one is named with `--force X.Y.Z`"
    if facts.base is None:
        return f"the first release waits for a number: {why}"
    wait = "waits" if len(facts.changes) == 1 else "wait"
    return f"{_count(facts.changes)} since {_since(facts)} {wait} for a number: {why}"


def plan_finish(facts: ReleaseFacts, tag: VersionTag) -> ReleasePlan:
    """Plan the publishing of a tag that exists already: its number is fixed, the rest is as for any release."""
    return ReleasePlan(
        action=Action.FINISH,
        reason=f"{tag.name} is half-done: the tag exists, but the release is not published",
        branch=facts.branch,
        sha=tag.commit,
        previous=facts.base.name if facts.base else None,
        tag=tag.name,
        version=tag.version,
        bump=_highest(facts.changes),
        prerelease=not tag.stable,
        latest=_is_latest(facts, tag.version),
        changes=facts.changes,
        unseen=facts.unseen,
        remarks=facts.naming.remarks,
    )


def _finish(facts: ReleaseFacts, tag: VersionTag) -> ReleasePlan:
    if not tag.owner_lives:
        return plan_finish(facts, tag)
    contained = tag.commit == facts.target or facts.containing == tag
    reason = f"{tag.owner} is working on {tag.name}"
    if not contained:
        reason += f", and {facts.target[:10]} is released after it"
    return msgspec.structs.replace(_nothing(facts, reason), again=not contained)


def _nothing(facts: ReleaseFacts, reason: str) -> ReleasePlan:
    return ReleasePlan(
        action=Action.NOTHING,
        reason=reason,
        branch=facts.branch,
        sha=facts.target,
        previous=facts.base.name if facts.base else None,
        changes=facts.changes,
        unseen=facts.unseen,
        remarks=facts.naming.remarks,
    )


def _number(facts: ReleaseFacts, request: Request, config: Config) -> Version:
    core = _free(_core(facts, request, config), facts, request)
    _refuse_below(core, facts, request)
    return next_prerelease(core, request.prerelease, facts.used) if request.prerelease else core


def _free(core: Version, facts: ReleaseFacts, request: Request) -> Version:
    """A number that no tag has: a release of the main branch never waits for another branch's."""
    if request.prerelease or core not in facts.used:
        return core
    if isinstance(request.force, Version):
        raise RefusedError(
            f"version {core} exists already",
            during="choosing the next version",
            already="nothing was written",
            todo="name a higher one with `--force X.Y.Z`",
        )
    free = _unused(core, request.force or _highest(facts.changes), facts.used)
    if facts.maintenance:
        raise RefusedError(
            f"version {core} exists already on another branch",
            during="choosing the next version",
            already="nothing was written",
            todo=f"take the next number that is free on `{facts.branch}`: `release-tool bump --force {free}`",
        )
    return free


def _refuse_below(core: Version, facts: ReleaseFacts, request: Request) -> None:
    """Refuse a version that is not above all that looks released: it would become the latest, and be older."""
    numbers = (core.major, core.minor, core.patch)
    unread = [tag for tag in facts.naming.unread if not tag.suffixed and tag.numbers > numbers]
    if unread:
        highest = max(unread, key=lambda tag: tag.numbers)
        above = _just_above(highest.numbers)
        settled = f"`--force {above}`" if facts.counted else f'`initial-version = "{above}"` in the configuration'
        what = "which looks like a version, but can't be read"
        raise _below(core, highest.name, what, f"{settled}, or delete that tag")
    first = facts.elsewhere is not None and not isinstance(request.force, Version)
    if facts.elsewhere and first and core <= facts.elsewhere.version:
        above = facts.elsewhere.version.raised(Bump.MINOR)
        todo = f'`initial-version = "{above}"` in the configuration, or a lower one by `--force X.Y.Z`'
        raise _below(core, facts.elsewhere.name, f"which is released and not in `{facts.branch}`", todo)


def _just_above(numbers: tuple[int, ...]) -> Version:
    """The lowest version that is surely above some numbers: `1.2.4` for `1.2.3.4`, and `4.0.0` for `3`."""
    major, minor, patch = (*numbers, 0, 0)[:_THREE]
    match len(numbers):
        case 1:
            return Version(major + 1)
        case 2:
            return Version(major, minor + 1)
        case _:
            return Version(major, minor, patch + 1)


def _below(core: Version, tag: str, what: str, settled: str) -> RefusedError:
    return RefusedError(
        f"the next version would be {core}, which is not above {tag}, {what}",
        during="choosing the next version",
        already="nothing was written",
        todo=f"set the next version: {settled}",
    )


def _unused(core: Version, bump: Bump, used: frozenset[Version]) -> Version:
    """Count on from a number that some other branch has used."""
    while core in used:
        core = next_version(core, max(bump, Bump.PATCH), major_on_zero=True)
    return core


def _core(facts: ReleaseFacts, request: Request, config: Config) -> Version:
    """The stable version that the release leads to: itself, or what its prereleases are for."""
    bump = _highest(facts.since_stable)
    match request.force:
        case Version() as version:
            return _higher(version, facts)
        case Bump() as level:
            return _prepared(next_version(facts.counted or Version(0), level, major_on_zero=True), facts)
        case None if facts.counted is None:
            return _continued(_prepared(Version.parse(config.initial_version), facts), facts, request)
        case None:
            raised = next_version(facts.counted, max(bump, Bump.PATCH), major_on_zero=config.major_on_zero)
            return _continued(raised, facts, request)
        case _ as never:
            assert_never(never)


def _prepared(first: Version, facts: ReleaseFacts) -> Version:
    """The first stable version is the one that prereleases were made of, where there are any."""
    return max(first, facts.prepared) if facts.prepared else first


def _continued(core: Version, facts: ReleaseFacts, request: Request) -> Version:
    """A series of prereleases goes on where it is, even when it began with a forced higher number."""
    if not (request.prerelease and facts.base and facts.base.version.prerelease):
        return core
    return max(core, facts.base.version.released())


def _higher(version: Version, facts: ReleaseFacts) -> Version:
    if facts.counted is not None and version < facts.counted:
        raise RefusedError(
            f"--force {version} is lower than {facts.counted}, which is released already",
            during="choosing the next version",
            already="nothing was written",
            todo=f"name a version above {facts.counted}",
        )
    return version


def _is_latest(facts: ReleaseFacts, version: Version) -> bool:
    if facts.maintenance or version.prerelease:
        return False
    return facts.newest is None or version >= facts.newest


def _highest(changes: Sequence[Change]) -> Bump:
    return max((change.bump for change in changes), default=Bump.NONE)


def _since(facts: ReleaseFacts) -> str:
    return facts.since or (facts.base.name if facts.base else "the beginning")


def _counts_as(facts: ReleaseFacts) -> str:
    """Say how the base was read where its name is not simply its version."""
    if facts.since or facts.base is None or facts.base.name.endswith(str(facts.base.version)):
        return ""
    return f", which counts as {facts.base.version}"


def _reason(facts: ReleaseFacts, request: Request, bump: Bump) -> str:
    if facts.first:
        return "the first release" + (", which the prereleases are of" if facts.prepared else "")
    text = f"{_count(facts.changes)} since {_since(facts)}{_counts_as(facts)}"
    return text if request.force is None else f"{text}; forced by {request.by}, would have been {bump}"


def _count(changes: Sequence[Change]) -> str:
    return "1 change" if len(changes) == 1 else f"{len(changes)} changes"
