"""The scenario format: what a repository has been through, entry by entry, as JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

import msgspec

from github_sandbox.errors import SandboxError
from github_sandbox.history import EPOCH, Files
from github_sandbox.store import Clock

if TYPE_CHECKING:
    from pathlib import Path

Account: TypeAlias = Literal["User", "Bot"]
Level: TypeAlias = Literal["none", "read", "write", "admin"]
Right: TypeAlias = Literal["none", "read", "write"] | bool

MAINTAINER = "maintainer"
ACTIONS = "github-actions[bot]"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anything in a scenario: keys it does not know are errors."""


class Owner(Part, frozen=True, kw_only=True):
    """Who holds a claimed tag: a job of a run of GitHub Actions."""

    run: int = 1
    attempt: int = 1
    job: int = 1


class CommitPart(Part, frozen=True, kw_only=True):
    """One commit of a pull request."""

    message: str
    files: Files = {}
    author: str | None = None


class TagEntry(Part, frozen=True, kw_only=True):
    """A tag, and by default a published release of it."""

    tag: str
    at: str | None = None
    annotated: bool = True
    message: str | None = None
    release: bool = True
    claimed: bool = False
    owner: Owner | None = None
    draft: bool = False
    prerelease: bool = False
    immutable: bool = False
    name: str | None = None
    body: str | None = None
    assets: dict[str, str] = {}
    author: str = MAINTAINER


class ReleaseEntry(Part, frozen=True, kw_only=True):
    """A release without a tag of its own making; a published one makes a missing tag, as GitHub does."""

    release: str
    target: str | None = None
    draft: bool = False
    prerelease: bool = False
    immutable: bool = False
    name: str | None = None
    body: str | None = None
    assets: dict[str, str] = {}
    author: str = ACTIONS


class PullEntry(Part, frozen=True, kw_only=True):
    """A pull request: merged by default, or open, or closed without a merge."""

    pull: int
    title: str
    title_now: str | None = None
    body: str | None = None
    labels: list[str] = []
    author: str | None = MAINTAINER
    author_type: Account = "User"
    state: Literal["open", "merged", "closed"] = "merged"
    merge: Literal["squash", "merge", "rebase"] = "squash"
    message: str | None = None
    files: Files = {}
    commits: list[CommitPart] = []
    co_authors: list[str] = []
    base: str | None = None
    branch: str | None = None
    fork: bool = False
    draft: bool = False
    queued: bool = False
    merged_by: str = MAINTAINER


class RevertEntry(Part, frozen=True, kw_only=True):
    """A pull request that takes back a merged one, as GitHub's Revert button makes it."""

    revert: int
    number: int | None = None
    title: str | None = None
    body: str | None = None
    labels: list[str] = []
    author: str | None = MAINTAINER
    author_type: Account = "User"
    state: Literal["open", "merged", "closed"] = "merged"
    merge: Literal["squash", "merge", "rebase"] = "squash"
    message: str | None = None


class CommitEntry(Part, frozen=True, kw_only=True):
    """A commit pushed directly; with `branch` to that branch, which `from` begins."""

    commit: str | None = None
    branch: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    author: str = MAINTAINER
    files: Files = {}
    co_authors: list[str] = []


class MergeEntry(Part, frozen=True, kw_only=True):
    """A merge commit of one branch into another, made by hand."""

    merge_branch: str = msgspec.field(name="merge-branch")
    into: str
    author: str = MAINTAINER
    message: str | None = None


class CommentPart(Part, frozen=True, kw_only=True):
    """One comment on an issue."""

    body: str
    author: str | None = MAINTAINER
    author_type: Account = "User"


class IssueEntry(Part, frozen=True, kw_only=True):
    """An issue; its author has set the labels unless somebody else did.

    `closed_with` is what closed it by a keyword: a pull request, such as `#5`, or a commit by the name of a branch or
    tag. Without it a closed one was closed by hand.
    """

    issue: str
    number: int | None = None
    body: str | None = None
    labels: list[str] = []
    assignees: list[str] = []
    author: str | None = MAINTAINER
    author_type: Account = "User"
    state: Literal["open", "closed"] = "open"
    labelled_by: str | None = None
    closed_by: str = ACTIONS
    closed_with: str | None = None
    comments: list[CommentPart] = []


class DeploymentStatusPart(Part, frozen=True, kw_only=True):
    """One status of a deployment."""

    state: Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
    description: str = ""
    log_url: str = ""
    environment_url: str = ""
    creator: str | None = None


class DeploymentEntry(Part, frozen=True, kw_only=True):
    """A deployment with its statuses, oldest first, one second apart."""

    deployment: str
    ref: str | None = None
    task: str = "release-tool"
    payload: dict[str, object] | str = {}
    description: str | None = None
    creator: str = ACTIONS
    transient: bool = False
    production: bool | None = None
    statuses: list[DeploymentStatusPart] = []


class StatusEntry(Part, frozen=True, kw_only=True):
    """A commit status."""

    status: str
    ref: str | None = None
    state: Literal["error", "failure", "pending", "success"] = "success"
    description: str | None = None
    target_url: str | None = None
    creator: str = ACTIONS


class JobPart(Part, frozen=True, kw_only=True):
    """One job of a workflow run."""

    id: int
    name: str = "release"
    status: Literal["queued", "in_progress", "completed", "waiting"] = "completed"
    conclusion: Literal["success", "failure", "cancelled", "skipped", "timed_out"] | None = None
    runner_name: str | None = None


class RunEntry(Part, frozen=True, kw_only=True):
    """One attempt of a workflow run."""

    run: int
    attempt: int = 1
    name: str = "release"
    path: str = ".github/workflows/release.yml"
    event: str = "push"
    branch: str | None = None
    status: Literal["queued", "in_progress", "completed", "waiting"] = "completed"
    conclusion: Literal["success", "failure", "cancelled", "skipped", "timed_out"] | None = None
    jobs: list[JobPart] = []


class RightsEntry(Part, frozen=True, kw_only=True):
    """What the token may do: a level for each permission, and whether it may change workflow files."""

    rights: dict[str, Right]


class TokenEntry(Part, frozen=True, kw_only=True):
    """One more token, of another account."""

    token: str
    login: str
    type: Account = "User"
    rights: dict[str, Right] = {}


class CollaboratorEntry(Part, frozen=True, kw_only=True):
    """Somebody with rights in the repository."""

    collaborator: str
    permission: Level = "write"


class BurnedEntry(Part, frozen=True, kw_only=True):
    """The name of a tag that an immutable release used up."""

    burned: str


class ProtectEntry(Part, frozen=True, kw_only=True):
    """A branch name, or a pattern that begins with `refs/`, which the token may not create or move."""

    protect: str


class RulesetEntry(Part, frozen=True, kw_only=True):
    """A set of rules for branches or tags; `checks` are required ones, `bypass` lets every token through."""

    ruleset: str
    target: Literal["branch", "tag"] = "branch"
    include: list[str] = msgspec.field(default_factory=lambda: ["~DEFAULT_BRANCH"])
    exclude: list[str] = []
    rules: list[
        Literal["creation", "update", "deletion", "non_fast_forward", "required_linear_history", "required_signatures"]
    ] = []
    checks: list[str] = []
    bypass: bool = False
    active: bool = True


Secrets: TypeAlias = dict[str, str] | list[str]
"""Names and what they stand for, or names alone, each of which stands for itself."""


class EnvironmentEntry(Part, frozen=True, kw_only=True):
    """An environment with its protection; without `branches` every branch may be deployed from."""

    environment: str
    reviewers: list[str] = []
    wait_timer: int = 0
    branches: list[str] | None = None
    protected_only: bool = False
    secrets: Secrets = {}


class ActionsEntry(Part, frozen=True, kw_only=True):
    """What GitHub Actions may do: `allowed` are whose actions, `states` those of workflows by their paths."""

    actions: Literal["enabled", "disabled"]
    allowed: Literal["all", "local_only", "selected"] = "all"
    opens_pulls: bool = True
    states: dict[str, Literal["active", "disabled_inactivity", "disabled_manually"]] = {}
    secrets: Secrets = {}


class LabelEntry(Part, frozen=True, kw_only=True):
    """A label that exists in the repository."""

    label: str
    color: str = "ededed"
    description: str | None = None


class Lag(Part, frozen=True, kw_only=True):
    """For how many requests what was just merged or released stays unseen, from here on."""

    associations: int = 0
    lists: int = 0


class LagEntry(Part, frozen=True, kw_only=True):
    """Answers that come late, for everything after this entry."""

    lag: Lag


Entry: TypeAlias = (
    TagEntry
    | PullEntry
    | RevertEntry
    | MergeEntry
    | IssueEntry
    | DeploymentEntry
    | StatusEntry
    | RunEntry
    | RightsEntry
    | TokenEntry
    | CollaboratorEntry
    | BurnedEntry
    | ProtectEntry
    | LagEntry
    | ReleaseEntry
    | LabelEntry
    | RulesetEntry
    | EnvironmentEntry
    | ActionsEntry
    | CommitEntry
)

KINDS: dict[str, type[Entry]] = {
    "tag": TagEntry,
    "pull": PullEntry,
    "revert": RevertEntry,
    "merge-branch": MergeEntry,
    "issue": IssueEntry,
    "deployment": DeploymentEntry,
    "run": RunEntry,
    "token": TokenEntry,
    "rights": RightsEntry,
    "collaborator": CollaboratorEntry,
    "burned": BurnedEntry,
    "protect": ProtectEntry,
    "lag": LagEntry,
    "release": ReleaseEntry,
    "label": LabelEntry,
    "ruleset": RulesetEntry,
    "environment": EnvironmentEntry,
    "actions": ActionsEntry,
    "status": StatusEntry,
    "branch": CommitEntry,
    "commit": CommitEntry,
}
"""The key that tells an entry's kind; where an entry has several of them, the first of this list does."""


class Scenario(Part, frozen=True, kw_only=True):
    """A repository and what happened to it, in order."""

    repository: str = "acme/shop"
    begins: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.fromtimestamp(EPOCH, UTC)
    clock: Clock = "counted"
    default_branch: str = "main"
    private: bool = False
    immutable_releases: bool = False
    digests: bool = True
    files: dict[str, str] = {}
    history: list[Entry] = []


class Raw(Part, frozen=True, kw_only=True):
    """A scenario whose entries were not looked at yet."""

    repository: str = "acme/shop"
    begins: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.fromtimestamp(EPOCH, UTC)
    clock: Clock = "counted"
    default_branch: str = "main"
    private: bool = False
    immutable_releases: bool = False
    digests: bool = True
    files: dict[str, str] = {}
    history: list[dict[str, object]] = []


T = TypeVar("T")


def load(path: Path) -> dict[str, object]:
    """The JSON document of a scenario file; SandboxError when there is none."""
    try:
        document: dict[str, object] = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise SandboxError(f"{path} can't be read: {error.strerror}", during="reading the scenario") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SandboxError(f"{path} is not a JSON object: {error}", during="reading the scenario") from error
    return document


def parse(document: dict[str, object]) -> Scenario:
    """The scenario of a document; SandboxError names the path and the value of what is wrong."""
    raw = _convert(document, Raw, "")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", raw.repository):
        raise wrong("repository", f"expected OWNER/NAME, got {raw.repository!r}")
    return Scenario(
        repository=raw.repository,
        begins=raw.begins,
        clock=raw.clock,
        default_branch=raw.default_branch,
        private=raw.private,
        immutable_releases=raw.immutable_releases,
        digests=raw.digests,
        files=raw.files,
        history=[_entry(entry, f"history[{index}]") for index, entry in enumerate(raw.history)],
    )


def wrong(path: str, problem: str) -> SandboxError:
    """The error for one place of a scenario."""
    return SandboxError(f"`{path}`: {problem}", during="reading the scenario", todo="correct the scenario")


def _entry(entry: dict[str, object], path: str) -> Entry:
    for key, kind in KINDS.items():
        if key in entry:
            return _convert(entry, kind, path)
    keys = ", ".join(f"`{key}`" for key in entry) or "nothing"
    raise wrong(path, f"unknown kind of entry: it has {keys}, and none of {', '.join(KINDS)}")


def _convert(value: object, kind: type[T], path: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        raise _explained(problem, value, path, place.rstrip("`")) from error


def _explained(problem: str, value: object, path: str, place: str) -> SandboxError:
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem)
    if unknown:
        place = f"{place}.{unknown[1]}"
        problem = "unknown key"
    elif found := re.fullmatch(r"(Expected .*), got `.*`", problem):
        problem = f"{found[1][0].lower()}{found[1][1:]}, got {_show(value, place)}"
    elif place:
        problem = f"{problem[0].lower()}{problem[1:]}"
    return wrong(f"{path}{place}".lstrip("."), problem)


def _show(value: object, place: str) -> str:
    """The value at a place such as `.commits[0].files`, in JSON; `...` stands for any key of a mapping."""
    for key, index in re.findall(r"\.(\w[\w-]*)|\[(\d+|\.\.\.)\]", place):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and index.isdigit():
            value = value[int(index)]
        else:
            return "something else"
    return msgspec.json.encode(value).decode()
