"""Everything GitHub knows besides git: records in memory, written through to one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Rights = dict[str, str | bool]

Clock: TypeAlias = Literal["counted", "machine"]
"""What tells the time of a write: a second after the one before, the same in every run, or the machine."""


class Author(msgspec.Struct, frozen=True):
    """An account; the authors of records are `None` when their account was deleted."""

    login: str
    type: str = "User"


class Record(msgspec.Struct, kw_only=True):
    """One row; `key` is unique among the records of its class. Times are in seconds since 1970."""

    key: str


class Label(Record, kw_only=True):
    """A label that exists."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


class Issue(Record, kw_only=True):
    """An issue, or the part of a pull request that is one."""

    id: int
    number: int
    title: str
    body: str | None
    author: Author | None
    labels: list[str]
    assignees: list[str] = []
    state: str = "open"
    state_reason: str | None = None
    created_at: int
    updated_at: int
    closed_at: int | None = None
    closed_by: Author | None = None
    locked: bool = False


class Pull(Issue, kw_only=True):
    """A pull request; `landed` are the commits it put on its base, `commits` those of its head, oldest first."""

    base: str
    base_sha: str
    head: str
    head_sha: str
    fork: bool = False
    draft: bool = False
    commits: list[str]
    landed: list[str] = []
    merged_at: int | None = None
    merged_by: Author | None = None
    merge_commit: str | None = None
    queue_head: str | None = None
    lag: int = 0


class Comment(Record, kw_only=True):
    """A comment on an issue or pull request."""

    id: int
    issue: int
    body: str
    author: Author | None
    created_at: int
    updated_at: int


class IssueEvent(Record, kw_only=True):
    """Something that happened to an issue or pull request.

    `label` is the one that was put on or taken off; `commit` or `pull` is what closed it by a keyword in its text.
    """

    id: int
    issue: int
    kind: Literal["closed", "reopened", "labeled", "unlabeled"]
    actor: Author | None
    label: str | None = None
    commit: str | None = None
    pull: int | None = None
    created_at: int


class Release(Record, kw_only=True):
    """A release; `latest` is what `make_latest` said last."""

    id: int
    tag_name: str
    target_commitish: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    immutable: bool = False
    latest: str = "legacy"
    author: Author | None
    created_at: int
    published_at: int | None
    updated_at: int
    lag: int = 0


class Asset(Record, kw_only=True):
    """A file of a release; its bytes lie beside the database, under its id."""

    id: int
    release: int
    name: str
    label: str | None
    content_type: str
    state: str = "uploaded"
    size: int
    digest: str | None
    uploader: Author | None
    created_at: int
    updated_at: int
    downloads: int = 0


class Deployment(Record, kw_only=True):
    """A deployment."""

    id: int
    sha: str
    ref: str
    task: str
    environment: str
    payload: dict[str, object] | str
    description: str | None
    creator: Author | None
    transient: bool
    production: bool
    created_at: int
    updated_at: int


class DeploymentStatus(Record, kw_only=True):
    """One status of a deployment."""

    id: int
    deployment: int
    state: str
    description: str
    environment: str
    log_url: str
    environment_url: str
    creator: Author | None
    created_at: int


class CommitStatus(Record, kw_only=True):
    """One status of a commit."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Author | None
    created_at: int


class Job(msgspec.Struct, kw_only=True):
    """A job of a run."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    runner_name: str | None = None


class Run(Record, kw_only=True):
    """One attempt of a workflow run; its key is `ID/ATTEMPT`."""

    id: int
    attempt: int
    number: int
    name: str
    path: str
    event: str
    branch: str
    sha: str
    status: str
    conclusion: str | None = None
    actor: Author
    jobs: list[Job]
    inputs: dict[str, object] = {}
    created_at: int


class Token(Record, kw_only=True):
    """A token (its text is the key) and what it may do."""

    author: Author
    rights: Rights


class Ruleset(msgspec.Struct, kw_only=True):
    """Rules for the refs of some patterns; `checks` are those that are required, `bypass` lets every token through."""

    name: str
    target: str = "branch"
    include: list[str]
    exclude: list[str] = []
    rules: list[str] = []
    checks: list[str] = []
    bypass: bool = False
    active: bool = True


class Environment(msgspec.Struct, kw_only=True):
    """An environment; without `branches` every branch may be deployed from."""

    name: str
    reviewers: list[str] = []
    wait_timer: int = 0
    branches: list[str] | None = None
    protected_only: bool = False
    secrets: dict[str, str] = {}


class Actions(msgspec.Struct, kw_only=True):
    """What GitHub Actions may do; `states` are those of workflows that are not active, by path."""

    enabled: bool = True
    allowed: str = "all"
    opens_pulls: bool = True
    states: dict[str, str] = {}
    secrets: dict[str, str] = {}


class Settings(Record, kw_only=True):
    """What holds for the whole repository; there is one, and it is written last when history is built."""

    scenario: str
    repository: str
    default_branch: str
    private: bool
    immutable_releases: bool
    digests: bool
    now: int
    clock: Clock = "counted"
    next_id: int = 1000
    next_number: int = 1
    next_run: int = 9001
    latest: int | None = None
    burned: list[str] = []
    protected: list[str] = []
    rulesets: list[Ruleset] = []
    environments: list[Environment] = []
    actions: Actions = msgspec.field(default_factory=Actions)
    collaborators: dict[str, str] = {}
    lag_associations: int = 0
    lag_lists: int = 0


R = TypeVar("R", bound=Record)


class Table(Generic[R]):
    """The records of one class, in the order they were made."""

    def __init__(self, store: Store, kind: type[R]) -> None:
        self._store = store
        self._rows: dict[str, R] = {}
        self._decoder = msgspec.json.Decoder(kind)
        self.name = kind.__name__

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: object) -> R | None:
        """The record of a key."""
        return self._rows.get(str(key))

    def put(self, record: R) -> R:
        """Adds or changes a record; it is on disk after the store's next `commit`."""
        self._rows[record.key] = record
        self._store.changed[self.name, record.key] = record
        return record

    def delete(self, record: R) -> None:
        """Takes a record away."""
        del self._rows[record.key]
        self._store.changed[self.name, record.key] = None

    def load(self, key: str, text: bytes) -> None:
        """Takes a record from disk."""
        self._rows[key] = self._decoder.decode(text)


class Store:
    """All records; the lock is held while they are read or written."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.changed: dict[tuple[str, str], Record | None] = {}
        self.labels = Table(self, Label)
        self.issues = Table(self, Issue)
        self.pulls = Table(self, Pull)
        self.comments = Table(self, Comment)
        self.issue_events = Table(self, IssueEvent)
        self.releases = Table(self, Release)
        self.assets = Table(self, Asset)
        self.deployments = Table(self, Deployment)
        self.deployment_statuses = Table(self, DeploymentStatus)
        self.statuses = Table(self, CommitStatus)
        self.runs = Table(self, Run)
        self.tokens = Table(self, Token)
        self.all_settings = Table(self, Settings)
        self._open(path)

    def _open(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # it outlives us, and need not outlive the machine
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record (number INTEGER PRIMARY KEY, kind TEXT, key TEXT, value BLOB,"
            " UNIQUE (kind, key))"
        )
        tables = {table.name: table for table in vars(self).values() if isinstance(table, Table)}
        for kind, key, value in self._database.execute("SELECT kind, key, value FROM record ORDER BY number"):
            tables[kind].load(key, value)

    @property
    def built(self) -> bool:
        """Whether a whole history is in it."""
        return bool(len(self.all_settings))

    @property
    def settings(self) -> Settings:
        """What holds for the whole repository; changes to it are written with every `commit`."""
        return next(iter(self.all_settings))

    def commit(self) -> None:
        """Writes what changed since the last time, whole or not at all."""
        if not self.changed:
            return
        if self.built:
            self.all_settings.put(self.settings)
        self._database.execute("BEGIN")
        for (kind, key), record in self.changed.items():
            if record is None:
                self._database.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
            else:
                self._database.execute(
                    "INSERT INTO record (kind, key, value) VALUES (?, ?, ?)"
                    " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
                    (kind, key, msgspec.json.encode(record)),
                )
        self._database.execute("COMMIT")
        self.changed.clear()

    def close(self) -> None:
        """Closes the file."""
        with self.lock:
            self._database.close()

    def tick(self) -> int:
        """The time of the next thing that happens."""
        counted = self.settings.clock == "counted"
        self.settings.now = self.settings.now + 1 if counted else max(self.settings.now, int(time.time()))
        self.all_settings.put(self.settings)
        return self.settings.now

    def new_id(self) -> int:
        """A number no other record has."""
        self.settings.next_id += 1
        return self.settings.next_id

    def new_number(self) -> int:
        """The next number of an issue or pull request."""
        number = self.settings.next_number
        self.settings.next_number += 1
        return number
