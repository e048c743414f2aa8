"""One look at everything, as one value: what the screen, the dashboard, the metrics and the badges are made from.

Every text may have been written by anybody and is shown with care: the notes are Markdown, all else is one line.
Times are aware and in UTC. `todo` is the command to type or the thing to do, empty where nothing is to be done.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from release_tool.deploy.health.curves import Curve
from release_tool.history.trust import Ignored
from release_tool.status.metrics import DeliveryMetrics

SCHEMA = 1
"""The number of the document; fields may be added under the same one, never changed."""


class Health(enum.Enum):
    """How an environment is, as its ledger says."""

    HEALTHY = "healthy"
    CHANGING = "changing"
    """A deployment or rollback is under way."""
    UNHEALTHY = "unhealthy"
    """A change failed, and nothing was proven healthy since."""
    UNKNOWN = "unknown"
    NOTHING = "nothing deployed"


class StageState(enum.Enum):
    """How far a release has come on one stretch of its way."""

    DONE = "done"
    UNDER_WAY = "under way"
    WAITING = "waiting"
    """It is to come, and nothing stands in its way."""
    HELD = "held"
    """Something stands in its way, or a person has to approve."""
    FAILED = "failed"
    PASSED_BY = "passed by"
    """It never comes by itself: a newer release has it, or it was withdrawn."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An address on GitHub and what is there, such as `run` or `compare`."""

    name: str
    url: str


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment in the timeline of an environment.

    `kind` is `deploy`, `rollback` or `record`; `by` is empty where no person is known and `automatic` tells that
    none asked. `phase` is how the ledger's last line begins (`healthy`, `failed`, `held`, `baking` …) and `text` is
    that line. `reason` is what a person gave, `parent` the deployment that a rollback leaves.
    `seconds` counts from the first change to the end, None where nothing changed or it has not ended. `curves` show why
    a rollback left what it did.
    """

    id: int
    environment: str
    name: str
    commit: str
    kind: str
    automatic: bool
    by: str
    reason: str
    created: datetime
    phase: str
    text: str
    state: str
    finished: bool
    changed: bool
    proven: bool
    ended: datetime | None = None
    seconds: float | None = None
    rolled_back_to: str = ""
    handed_over_to: int | None = None
    parent: int | None = None
    overrides: tuple[str, ...] = ()
    owner: str = ""
    links: tuple[Link, ...] = ()
    curves: tuple[Curve, ...] = ()


class LiveVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What runs in an environment; `proven` says that a check told the version, so that it is surely this one."""

    name: str
    commit: str
    deployment: int
    since: datetime
    by: str
    automatic: bool
    proven: bool
    kind: str = "deploy"
    links: tuple[Link, ...] = ()


class PendingVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The newest that could be deployed to an environment and is not, and why."""

    name: str
    commit: str
    since: datetime | None
    why: str
    todo: str


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that is not the rollback target, and why not."""

    name: str
    commit: str
    deployment: int
    why: str


class RollbackTargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollback would go to, None where there is no rollback target; why this one, and why not the others."""

    name: str | None = None
    commit: str | None = None
    deployment: int | None = None
    reason: str
    passed_over: tuple[Passed, ...] = ()
    todo: str = ""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that automatic deployments to an environment skip."""

    commit: str
    name: str
    why: str


class HaltStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A halt of automatic deployments; without an environment it is for all, without `until` until a person resumes.

    `kept` says how its issue ended, where that lifts nothing.
    """

    issue: int
    url: str
    environment: str
    by: str
    reason: str
    since: datetime
    until: datetime | None
    incident: bool
    todo: str
    kept: str = ""


class ChangeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A change: a merged pull request, or a commit that was pushed directly (`pull` is None).

    `kind` is `breaking`, `feature`, `fix` or `other`, `bump` how far it moves the version; one that is `cancelled` was
    taken back before it was released, or takes another back.
    """

    pull: int | None
    commit: str
    title: str
    kind: str
    bump: str
    authors: tuple[str, ...]
    at: datetime
    url: str
    cancelled: bool = False


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment got with what is live, since what was live before; from, to and the changes, oldest first."""

    before: str
    after: str
    url: str
    changes: tuple[ChangeStatus, ...]


class EnvironmentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One environment: what is live (None where nothing is, or where `unknown` says why), and everything else.

    `automatic` says that it follows releases by itself. `running` are the deployments that have not ended, the one
    that holds the environment first. `frozen` says until when, as people say it, and is empty outside of a freeze.
    `timeline` is newest first, and whole only where all of the ledger was read. `changes` is None where not asked for.
    `watched_until` says until when somebody goes on measuring what is live; None where nobody does.
    """

    name: str
    url: str
    automatic: bool
    health: Health
    text: str
    todo: str
    live: LiveVersion | None
    unknown: str
    previous: LiveVersion | None
    running: tuple[TimelineEntry, ...]
    missing: PendingVersion | None
    quarantined: tuple[Quarantined, ...]
    way_back: RollbackTargetStatus
    halts: tuple[HaltStatus, ...]
    frozen: str
    frozen_until: datetime | None
    timeline: tuple[TimelineEntry, ...]
    delivery: DeliveryMetrics
    changes: Changes | None = None
    watched_until: datetime | None = None


class ReleaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A release; `published` is None for one that is half-done, whose `todo` tells how to finish it."""

    tag: str
    version: str
    commit: str
    url: str
    published: datetime | None
    notes: str
    authors: tuple[str, ...]
    prerelease: bool
    withdrawn: bool
    latest: bool
    half_done: bool
    todo: str = ""


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of a release's way: `merged`, `released`, `in BRANCH`, and `deployed` and `healthy` by environment.

    `at` is None where it has not happened, or the time is not recorded.
    """

    name: str
    mark: StageState
    environment: str = ""
    at: datetime | None = None
    text: str = ""
    todo: str = ""
    url: str = ""


class ReleasePipeline(msgspec.Struct, frozen=True, kw_only=True):
    """How far a release has come, from the merge to every environment in the order of the configuration."""

    tag: str
    commit: str
    url: str
    milestones: tuple[Milestone, ...]


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """The hosted branch: its head and the head's name (None where it does not exist), and the releases it lacks."""

    branch: str
    head: str | None
    name: str | None
    behind: tuple[str, ...]
    tested: bool = False
    todo: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a person: a run to be approved, a conflict to be resolved, an incident, a deployment.

    `tag` is the release that it is about, where it is about one.
    """

    what: str
    url: str
    todo: str
    tag: str = ""
    environment: str = ""
    since: datetime | None = None


class OverdueKind(enum.StrEnum):
    """The kinds of overdue work."""

    UNRELEASED = "unreleased"
    NEVER_SYNCED = "never-synced"
    NEVER_DEPLOYED = "never-deployed"
    DRIFT = "drift"
    """Live is not what the ledger says."""
    APPROVAL = "approval"
    """A run waits for a person's approval."""


class OverdueCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case of overdue work or drift; `key` tells it from others."""

    kind: OverdueKind
    key: str
    text: str
    todo: str
    environment: str = ""
    since: datetime | None = None


class NextLook(msgspec.Struct, frozen=True, kw_only=True):
    """When the next scheduled look at what waits is; None where there is none, and then what to type."""

    at: datetime | None
    todo: str = ""


class SwitchedOff(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow of ours that is switched off on GitHub, by its path; `state` says by whom, in GitHub's words."""

    path: str
    state: str
    todo: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is, at one moment.

    `released` is the newest stable release's tag, `half_done` are claimed tags that are not published, `unreleased`
    counts the changes that wait on `branch` and `changes` are these, oldest first. `cloud` is None without `[sync]`.
    `releases` and `journeys` are newest first. `production` names the environment that matters most, empty without
    any. `incidents` are among the halts too. `unseen` says what could not be looked at, and `ignored` which records
    count for nothing, each once. `next_look` is None where nothing is deployed.
    """

    repository: str
    url: str
    at: datetime
    branch: str
    released: str | None
    half_done: tuple[str, ...]
    unreleased: int
    cloud: Cloud | None
    changes: tuple[ChangeStatus, ...] = ()
    releases: tuple[ReleaseStatus, ...] = ()
    journeys: tuple[ReleasePipeline, ...] = ()
    production: str = ""
    environments: tuple[EnvironmentStatus, ...] = ()
    halts: tuple[HaltStatus, ...] = ()
    incidents: tuple[HaltStatus, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    cases: tuple[OverdueCase, ...] = ()
    unseen: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    next_look: NextLook | None = None
    switched_off: tuple[SwitchedOff, ...] = ()


def document(seen: Overview) -> dict[str, object]:
    """The one document that programs are given, by `status --json` and by the dashboard."""
    fields: dict[str, object] = msgspec.to_builtins(seen)
    return {"schema": SCHEMA, **fields}


def json_schema() -> dict[str, object]:
    """Describe that document as a JSON Schema."""
    from release_tool.config.schema import clean_descriptions  # only a schema needs it

    (reference,), components = msgspec.json.schema_components([Overview], ref_template="#/$defs/{name}")
    whole = components["Overview"]
    whole["properties"] = {"schema": {"const": SCHEMA}, **whole["properties"]}
    whole["required"] = ["schema", *whole["required"]]
    clean_descriptions(components)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **reference, "$defs": components}
