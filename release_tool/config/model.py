"""The tables and keys of the configuration, each with what it means, from which the JSON Schema is made."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal

import msgspec

from release_tool.text.documents import UNREADABLE
from release_tool.text.visible import shortened

Data = dict[str, object]
"""A TOML table as it was read, not yet validated."""

DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)", re.ASCII)
_LONGEST = timedelta(days=366)
_SHOWN = 200
"""Characters of a value that an error shows."""
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_RELEASED_VERSION = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Argv = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
Ratio = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,4}%$")]
Percentage = Annotated[str, msgspec.Meta(pattern=r"^(100|[0-9]{1,2})%$")]
Wave = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | Annotated[str, msgspec.Meta(pattern=r"^(100|[1-9][0-9]?)%$")]
SecretName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Permission = Annotated[str, msgspec.Meta(pattern=r"^[a-z-]+$")]
Level = Literal["major", "minor", "patch", "none"]

USUAL_TYPES: dict[str, Level] = {
    "feat": "minor",
    "fix": "patch",
    "perf": "patch",
    "revert": "patch",
    "build": "none",
    "chore": "none",
    "ci": "none",
    "docs": "none",
    "refactor": "none",
    "style": "none",
    "test": "none",
}
"""The types of Angular's convention, and how far semantic-release moves the version for each by default."""
LEVELS = ("major", "minor", "patch", "none")
OUR_TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
"""Variables that are ours alone: what a command is given, it is given under another name."""
_ENGINES = ("kubernetes", "docker")


class Duration(timedelta):
    """A length of time, written as `"500ms"`, `"5s"`, `"2m"`, `"1h"` or `"1d"`."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration as it is written in the configuration; ValueError says what was expected."""
        match = DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected a duration such as `5s`, got {shown(value)}")
        unit = timedelta(**{_UNITS[match[2]]: 1})
        if int(match[1]) > _LONGEST / unit:
            raise ValueError(f"expected a duration of at most `{_LONGEST.days}d`, got {shown(value)}")
        return cls(**{_UNITS[match[2]]: int(match[1])})


def _lasting(text: str) -> Duration:
    """The default of a key that holds a duration; a factory, because msgspec can't show other defaults in a schema."""
    return msgspec.field(default_factory=partial(Duration.parse, text))


class Table(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the configuration: keys in kebab case, unknown ones are errors."""


class Labels(Table, frozen=True):
    """Which labels of a pull request mean what; labels are compared without regard to case."""

    major: tuple[Text, ...] = ("major", "breaking", "breaking-change")
    """Breaking changes: the release is a major one (below 1.0.0 a minor one), and the text needs a `Migration`."""
    minor: tuple[Text, ...] = ("minor", "feature", "enhancement")
    """New features: the release is at least a minor one."""
    patch: tuple[Text, ...] = ("patch", "bug", "fix")
    """Everything else that is worth a release; `bug`, `fix` and `patch` put it among the bug fixes."""
    none: tuple[Text, ...] = ("no-release", "documentation", "chore", "dependencies")
    """Not worth a release by itself: it waits for the next one, and stands in its notes."""
    hidden: tuple[Text, ...] = ("skip-changelog",)
    """Left out of the notes, but not out of the release."""
    irreversible: tuple[Text, ...] = ("irreversible",)
    """A rollback can't undo it; deploying it takes a person and `--override irreversible`."""
    reversible: tuple[Text, ...] = ("reversible",)
    """Touches `irreversible-paths`, but a rollback can undo it."""


class Identity(Table, frozen=True):
    """The name and mail address that stand in the tags and merge commits made by the tool."""

    name: Text = "release-tool"
    """The name."""
    email: Text = "release-tool@users.noreply.github.com"
    """The mail address."""


class Job(Table, frozen=True):
    """The secrets and permissions of a job of yours in the workflows that `init` writes."""

    secrets: tuple[SecretName, ...] = ()
    """The secrets that it is given as variables; each has to be set, or nothing starts."""
    permissions: dict[Permission, Literal["read", "write"]] = {}
    """What its token may do besides reading the commit, such as `{packages = "write"}`."""
    environment: str = ""
    """The environment on GitHub with these secrets; without one they are the repository's or the organization's."""
    workflow: str = ""
    """A workflow of yours that is called instead of steps in ours: a path such as `.github/workflows/build.yml`."""


class Build(Job, frozen=True):
    """How the release is built."""

    enabled: bool = True
    """Whether anything is built; without, a release is its tag and its notes."""
    references: tuple[Text, ...] = ()
    """What is built besides files, such as `["web"]`; a release that lacks one of them is refused."""


class DeploySetup(Table, frozen=True):
    """The secrets and permissions of the action that sets up the deploy command, besides `pass-env`."""

    secrets: tuple[SecretName, ...] = ()
    """The secrets that it is given as variables, the environment's own before the repository's."""
    permissions: dict[Permission, Literal["read", "write"]] = {}
    """What its token may do besides what a deployment needs, such as `{id-token = "write"}`."""


class Sync(Table, frozen=True):
    """How a release is carried into the branch that you host."""

    branch: Text = "cloud"
    """The branch that you host."""
    keep_cloud: tuple[Text, ...] = ()
    """Patterns of files that always stay as they are on that branch: no release changes, adds, deletes or moves one."""
    via: Literal["push", "pull-request"] = "push"
    """Whether the branch is moved by a push, or by a pull request that a person merges."""


class Freeze(Table, frozen=True):
    """A repeated window in which nothing is deployed automatically: from a cron time on, for a while."""

    cron: Text
    """When it begins: minute, hour, day of the month, month and day of the week, such as `0 18 * * FRI`."""
    duration: Duration
    """How long it lasts."""
    timezone: Text = "UTC"
    """The time zone, such as `Europe/Berlin`."""


class HeaderTest(Table, frozen=True):
    """What a header of an answer must match."""

    name: Text
    """The name of the header, in any case."""
    pattern: Text
    """A regular expression that matches a part of its value."""


class JsonTest(Table, frozen=True):
    """A condition on the value at a JSON pointer of the answer; without one the value only has to exist."""

    pointer: str
    """Where the value is: a JSON pointer such as `/database/ok`."""
    equal: str | int | float | bool | None = None
    """The value that is expected."""
    min: float | None = None
    """The smallest value that is allowed."""
    max: float | None = None
    """The largest value that is allowed."""


class Check(Table, frozen=True):
    """A health check, which is repeated while a deployment is verified.

    Without a `status` any from 200 to 299 is good. An answer slower than `latency` is bad, one that takes longer than
    `timeout` is not waited for.
    """

    kind: Literal["http", "tcp", "command", "kubernetes", "docker", "prometheus"] = "http"
    """How it is asked: by a request, by a connection alone, by a command that ends with code 0, of the engine that
    runs it, which knows the image, the restarts and the availability of every pod or container, or of Prometheus, which
    knows what the application told of itself."""
    name: str = ""
    """Its name in messages and in the ledger; the default is its kind."""
    url: str = ""
    """What is requested: a full URL, or a path on the target's `url`; for `prometheus` the server's URL."""
    command: tuple[Text, ...] = ()
    """What a check of the kind `command` runs, in a checkout of the deployed commit; for an engine its client, with the
    variables that the deploy command has. Without one that is `kubectl` or `docker`."""
    workload: str = ""
    """What a check of the kind `kubernetes` looks at, such as `deployment/shop`; a `statefulset` or `daemonset` too. It
    may use `$target`, the environment's name where that names no targets, and `$environment`, as may the next three."""
    namespace: str = ""
    """The namespace of the workload; without one that of the client's own configuration."""
    label: str = ""
    """Which containers a check of the kind `docker` looks at, such as `com.docker.compose.service=web`."""
    reference: str = ""
    """The name of the release's reference whose image every pod or container has to run, which proves the version."""
    query: str = ""
    """What a check of the kind `prometheus` asks, in PromQL; it may use `$target`, `$environment` and `$since`, which
    is how long ago the command ended, and never more than `bake`."""
    url_env: str = ""
    """The variable of `pass-env` that holds the address of Prometheus, where that is a secret."""
    token_env: str = ""
    """The variable of `pass-env` that holds the token for Prometheus, or with `user` the password."""
    user: str = ""
    """The name to ask Prometheus by, where it wants one and a password."""
    max: float | None = None
    """The most that any series of the query may be."""
    min: float | None = None
    """The least that any series of the query may be."""
    compare: Literal["before"] | None = None
    """With `before`, it is bad when it is worse than it was before the deployment, by more than `worse-by` and by more
    than chance makes: of `prometheus` the query, of `http` how long an answer takes."""
    worse: Literal["higher", "lower"] = "higher"
    """Whether a higher or a lower value of the query is worse."""
    worse_by: Ratio = "20%"
    """By how much it may be worse than before; for `http` it is `50%` where none is set."""
    no_data: Literal["unmeasurable", "bad"] = "unmeasurable"
    """What it means that the query finds nothing: unmeasurable is never healthy, and nothing is rolled back for it."""
    version_pointer: str = ""
    """Where the JSON answer has its version or commit: a JSON pointer such as `/version`."""
    version_header: str = ""
    """The header with the version or commit."""
    version_pattern: str = ""
    """A regular expression whose one group is the version or commit in the answer."""
    status: tuple[Status, ...] = ()
    """The status codes that are good; without any, 200 to 299. Redirects are not followed."""
    headers: tuple[HeaderTest, ...] = ()
    """What headers of the answer must match."""
    body_pattern: str = ""
    """A regular expression that matches a part of the answer."""
    json: tuple[JsonTest, ...] = ()
    """What the JSON answer must hold."""
    latency: Duration | None = None
    """An answer that takes longer is bad."""
    initial_delay: Duration = _lasting("0s")
    """How long to wait after the command before the first sample; for `prometheus` it is `30s` where none is set."""
    interval: Duration = _lasting("2s")
    """The time between two measurements; for `prometheus` `15s` where none is set, the usual pace of collecting."""
    samples: Count = 3
    """How often it is asked each time, all at once: an old version on few of many servers is seldom met. An engine and
    Prometheus are asked once, for they know all of them."""
    timeout: Duration = _lasting("2s")
    """How long an answer is waited for; for `prometheus` it is `10s` where none is set."""
    failure_threshold: Count = 8
    """How many bad intervals in a row are unhealthy, once the new version has answered well; for `prometheus` it is `6`
    where none is set."""
    failure_budget: Percentage = "10%"
    """The share of samples that may be bad in a bake; each of them makes the bake longer."""
    deadline: Duration = _lasting("5m")
    """The time after the end of the command by which a bake must have begun."""

    @property
    def asks_the_application(self) -> bool:
        """Whether it asks the application itself, so that no answer is the application's fault."""
        return not (self.asks_an_engine or self.asks_metrics)

    @property
    def times(self) -> bool:
        """Whether it measures how long an answer takes."""
        return self.kind == "http"

    @property
    def asks_metrics(self) -> bool:
        """Whether it asks what the application told of itself, and not the application."""
        return self.kind == "prometheus"

    @property
    def own_variables(self) -> tuple[str, ...]:
        """The variables of `pass-env` that it names itself."""
        return tuple(filter(None, (self.url_env, self.token_env)))

    @property
    def asks_an_engine(self) -> bool:
        """Whether it asks what runs the application, and not the application."""
        return self.kind in _ENGINES

    @property
    def tells_version(self) -> bool:
        """Whether it proves which version answers, and not only that one does."""
        told = self.version_pointer or self.version_header or self.version_pattern
        return bool(self.reference if self.asks_an_engine else told)

    @property
    def asked(self) -> int:
        """How often it is asked at each look."""
        return self.samples if self.asks_the_application else 1


class Target(Table, frozen=True):
    """One target of an environment, deployed to and verified after the one before."""

    name: Text
    """Its name, which the command gets as `RELEASE_TARGET`."""
    url: str = ""
    """Its URL, which the command gets as `RELEASE_TARGET_URL`; the default is the environment's."""


class Environment(Table, frozen=True):
    """A named place that is deployed to: a command, targets, checks."""

    command: Argv
    """What deploys: a program and its arguments, run without a shell in a clean checkout of the commit."""
    automatic: bool = False
    """Whether every release is deployed automatically, in the order of the file; without it a person deploys."""
    rollback_command: tuple[Text, ...] = ()
    """The command of a rollback, where it is another one."""
    command_timeout: Duration = _lasting("10m")
    """The time limit of the command, after which it and everything that it started are ended."""
    pass_env: tuple[Text, ...] = ()
    """The environment variables that are passed to the command, besides `PATH`, `HOME` and those named `RELEASE_…`."""
    lock_timeout: Duration = _lasting("30m")
    """How long to wait for another deployment of the same environment."""
    rollback_environment: str = ""
    """The environment on GitHub in which a rollback runs, where the usual one asks for an approval."""
    after: tuple[Text, ...] = ()
    """Environments that have to be healthy at the same commit first."""
    url: str = ""
    """Its URL, which the paths of checks are relative to."""
    health: str = ""
    """A check with all defaults: the URL to request."""
    bake: Duration = _lasting("2m")
    """How long the new version has to pass every check without interruption."""
    watch: Duration = _lasting("0s")
    """How long it is measured after the bake, at a slower pace. The environment is healthy and free meanwhile, and is
    rolled back when found unhealthy. At most five hours; it takes a job of that length."""
    freeze: tuple[Freeze, ...] = ()
    """When nothing is deployed automatically."""
    targets: tuple[Target, ...] = ()
    """Its targets, deployed one after the other; without any, the environment is its only target."""
    wave: Wave | tuple[Wave, ...] | None = None
    """How many targets are deployed side by side before the next ones: a number, a part such as `"10%"`, or how many
    there are after each wave, such as `[1, "25%", "100%"]`. All checks prove a wave before the next one begins."""
    pause_after: Count | tuple[Count, ...] | None = None
    """The waves, by their numbers, after which a person has to resume; without `wave` each target is one."""
    pause_timeout: Duration = _lasting("1h")
    """How long it is waited for that; then it is rolled back."""
    checks: tuple[Check, ...] = ()
    """The health checks."""


WATCH_PACE = timedelta(seconds=30)
"""The time between two looks of a check in a watch, at least; what is asked less often anyway keeps its own."""
LONGEST_WATCH = timedelta(hours=5)


LONGEST_PAUSES = timedelta(hours=2)


def shortest_watch(environment: Environment) -> timedelta:
    """The shortest watch that could find anything: a full run of bad intervals of the most impatient check."""
    checks = environment.checks or (Check(),)
    return min(check.failure_threshold * max(check.interval, WATCH_PACE) for check in checks)


Event = Literal[
    "released",
    "sync-conflict",
    "deployed",
    "rolled-back",
    "failed",
    "halted",
    "resumed",
    "held",
    "drift",
    "needs-person",
]


class Channel(Table, frozen=True):
    """Where notifications go: a variable that holds an Apprise URL, and the events it gets; an empty list means all."""

    url_env: Text
    """The variable that holds the address, which is a secret."""
    events: tuple[Event, ...] = ()
    """The events that it gets; all where none is named."""
    environments: tuple[Text, ...] = ()
    """The environments whose events it gets; all where none is named."""


class Messages(Table, frozen=True):
    """Your own templates for the messages about an event; an empty one means the standard template."""

    released: str = ""
    """A release was published."""
    sync_conflict: str = ""
    """A release conflicts with the hosted branch, and a person has to resolve that."""
    deployed: str = ""
    """A version was deployed, and is healthy."""
    rolled_back: str = ""
    """An environment was rolled back to a version that was proven healthy."""
    failed: str = ""
    """A deployment failed, and the environment is not known to be healthy."""
    halted: str = ""
    """Automatic deployments were stopped."""
    resumed: str = ""
    """Automatic deployments were resumed."""
    held: str = ""
    """An automatic deployment is blocked, and waits."""
    drift: str = ""
    """What runs differs from the ledger, or work is overdue."""
    needs_person: str = ""
    """Something waits for a person."""


class Config(Table, frozen=True):
    """Everything that can be configured; an empty configuration releases a repository."""

    tag_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/@-]*$")] | None = None
    """The text before the version in a tag's name, which also selects one of several packages; detected by default."""
    branch: Text = "main"
    """The branch that is released; where there is no `main`, the default branch of the repository."""
    maintenance: tuple[Text, ...] = ("*.x",)
    """Patterns of branches that get releases of their own, never `latest`, and deployed by a person only."""
    initial_version: Annotated[str, msgspec.Meta(pattern=_RELEASED_VERSION)] = "0.1.0"
    """The first version, where nothing is released yet."""
    major_on_zero: bool = False
    """Whether a breaking change below 1.0.0 leads to 1.0.0, instead of raising the minor."""
    release_on: Literal["merge", "schedule", "manual"] = "merge"
    """What starts a release: every merge, the schedule of the workflow, or a person alone."""
    unlabelled: Literal["patch", "fail"] = "patch"
    """The bump of a pull request without a label or a Conventional Commit title; `fail` refuses it."""
    direct_push: Literal["patch", "none"] = "patch"
    """The bump of a commit that was pushed directly, without a Conventional Commit title."""
    irreversible_paths: tuple[Text, ...] = ()
    """Patterns of files whose changes a rollback can't undo, such as `**/migrations/*.py`."""
    comment_released: bool = False
    """Whether the comment on each pull request names the release that contains it."""
    notes_template: str = ""
    """A Jinja2 template of your own for the release notes: a path in the repository."""
    trusted_apps: tuple[Text, ...] = ()
    """GitHub Apps whose deployments and statuses are trusted like those of your workflows, now or in the past."""
    max_wait: Duration = _lasting("5m")
    """How long to wait for GitHub at most: for its rate limits, and where the API or git gets no answer."""
    release_now: bool = False
    """Whether a push may make the first release; without it a person starts that one, with `bump`."""
    look: Text = "23 4 * * *"
    """When the scheduled workflow looks for missed work, as a cron expression; each run costs a minute of a runner."""
    labels: Labels = Labels()
    """Which labels mean what; a label that you name for one bump is no longer among the usual ones of another."""
    types: dict[str, Level] = {}
    """How far each Conventional Commit type moves the version, where that differs from the default, such as
    `docs = "patch"`. The defaults are `feat = "minor"`, `fix`, `perf` and `revert = "patch"`, and `build`, `chore`,
    `ci`, `docs`, `refactor`, `style` and `test = "none"`. Other words are no types; a `!` is major after any word."""
    identity: Identity = Identity()
    """Who makes tags and merge commits."""
    build: Build = Build()
    """How the release is built."""
    tests: Job = Job()
    """The secrets and permissions of the tests of the hosted branch."""
    deploy_setup: DeploySetup = DeploySetup()
    """The secrets and permissions of the action that sets up the deploy command."""
    sync: Sync | None = None
    """With this table every release is carried into a branch that you host."""
    environments: dict[str, Environment] = {}
    """The environments that are deployed to, each in a table with its name."""
    channels: dict[str, Channel] = {}
    """The notification channels, each in a table with its name."""
    messages: Messages = Messages()
    """Templates of your own for messages."""


def decode(kind: type, value: object) -> object:
    """Read a value of a type of ours, for msgspec."""
    if kind is Duration:
        return Duration.parse(value)
    raise NotImplementedError(kind)


def shown(value: object) -> str:
    """A value as an error shows it."""
    try:
        text = msgspec.json.encode(value, enc_hook=str).decode()
    except UNREADABLE:
        text = str(type(value).__name__)
    return shortened(text, _SHOWN)
