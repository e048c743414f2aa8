"""From facts to the plan of a sync: which commit the hosted branch is to move to."""

from __future__ import annotations

import enum

import msgspec

from release_tool.model.tags import VersionTag


class SyncAction(enum.Enum):
    """How the hosted branch gets to a release."""

    NOTHING = "nothing"
    CREATE = "create"
    FAST_FORWARD = "fast-forward"
    MERGE = "merge"
    TEST = "test"


class Kept(msgspec.Struct, frozen=True):
    """A path that the hosted branch keeps, and how it is in the release: `new`, `changed` or `deleted`."""

    path: str
    how: str


class SyncFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hosted branch and a release are.

    `cloud` is the head of the branch, None where it does not exist. `contains` says that it has the release already,
    `behind` that the release contains it. `squashed` are the releases whose conflicts were resolved in a pull request
    that was squashed, the lowest first: the branch has their content, but not their commits.
    `line` is the maintenance branch that the release is on, empty for one of the main branch: the hosted branch never
    gets such a release, which is only tested, so that it can be deployed by its name.
    `kept` are the paths that the hosted branch keeps and that are other in the release, new ones first.
    """

    branch: str
    tag: VersionTag
    cloud: str | None
    contains: bool = False
    behind: bool = False
    squashed: tuple[VersionTag, ...] = ()
    line: str = ""
    kept: tuple[Kept, ...] = ()


class SyncPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync would do, and why."""

    action: SyncAction
    reason: str


def plan_sync(facts: SyncFacts) -> SyncPlan:
    """Decide how the hosted branch gets to a release."""
    tag, branch = facts.tag.name, facts.branch
    if facts.contains:
        return SyncPlan(action=SyncAction.NOTHING, reason=f"`{branch}` has {tag} already")
    if facts.line:
        reason = f"{tag} is a release of `{facts.line}`: it is tested, and `{branch}` stays as it is"
        return SyncPlan(action=SyncAction.TEST, reason=reason)
    if facts.cloud is None:
        return SyncPlan(action=SyncAction.CREATE, reason=f"`{branch}` does not exist: it begins at {tag}")
    if facts.behind and facts.kept:
        reason = f"{tag} differs in what `{branch}` keeps, so it is merged, and {_files(facts.kept)} as before"
        return SyncPlan(action=SyncAction.MERGE, reason=reason)
    if facts.behind:
        return SyncPlan(action=SyncAction.FAST_FORWARD, reason=f"{tag} contains `{branch}`")
    return SyncPlan(action=SyncAction.MERGE, reason=f"`{branch}` has commits of its own, so {tag} is merged into it")


def _files(kept: tuple[Kept, ...]) -> str:
    return "1 file stays" if len(kept) == 1 else f"{len(kept)} files stay"


def merge_message(branch: str, tag: str, pulls: tuple[str, ...]) -> str:
    """Write the message of the merge commit: the release, and the pull requests that it brings."""
    listed = "".join(f"- {pull}\n" for pull in pulls)
    return f"Merge {tag} into {branch}\n" + (f"\n{listed}" if listed else "")


def record_message(branch: str, tag: str) -> str:
    """Write the message of a merge that changes nothing."""
    return (
        f"Record that {tag} is in {branch}\n\n"
        "Its conflicts were resolved in a pull request that was squashed.\n"
        "This merge changes no file, and keeps the same conflicts from coming back.\n"
    )


def keep_message(branch: str, tag: str) -> str:
    """Write the message of the commit with which a person resolves the conflicts of a release."""
    return f"Keep in {tag} what {branch} keeps\n\nThese files are as they are on {branch}, whatever the release has.\n"
