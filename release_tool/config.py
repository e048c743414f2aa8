"""The configuration: TOML text in, one frozen `Config` out; the JSON Schema comes from the same types."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from release_tool.errors import UsageError
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = ("release-tool.toml", "pyproject.toml")
"""The files that a repository may have its configuration in."""

Data = dict[str, object]
"""A TOML table as it was read, not yet validated."""

_DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)", re.ASCII)
_LONGEST_LABEL = 50
_LONGEST = timedelta(days=366)
_LARGEST = 1024 * 1024
"""Characters of a file that is read."""
_DEEP = re.compile(r"[A-Za-z0-9_\"'-]++(?:[ \t]*+\.[ \t]*+[A-Za-z0-9_\"'-]++){40}")
"""A key with more parts than any table is deep; reading one takes the square of their number."""
_SHOWN = 200
"""Characters of a value that an error shows."""
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_RELEASED_VERSION = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Argv = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
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
_LEVELS = ("major", "minor", "patch", "none")
_ENGINES = ("kubernetes", "docker")
_TYPE = re.compile(r"\w[\w-]*")


class Duration(timedelta):
    """A length of time, written as `"500ms"`, `"5s"`, `"2m"`, `"1h"` or `"1d"`."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration as it is written in the configuration; ValueError says what was expected."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected a duration such as `5s`, got {_shown(value)}")
        unit = timedelta(**{_UNITS[match[2]]: 1})
        if int(match[1]) > _LONGEST / unit:
            raise ValueError(f"expected a duration of at most `{_LONGEST.days}d`, got {_shown(value)}")
        return cls(**{_UNITS[match[2]]: int(match[1])})


def _lasting(text: str) -> Duration:
    """The default of a key that holds a duration; a factory, because msgspec can't show other defaults in a schema."""
    return msgspec.field(default_factory=partial(Duration.parse, text))


class _Table(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the configuration: keys in kebab case, unknown ones are errors."""


class Labels(_Table, frozen=True):
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
    """Can't be undone by going back to an older version; deployments over it need a person's word."""
    reversible: tuple[Text, ...] = ("reversible",)
    """Touches `irreversible-paths`, and can be undone all the same."""


class Identity(_Table, frozen=True):
    """The name and mail address that stand in the tags and merge commits made by the tool."""

    name: Text = "release-tool"
    """The name."""
    email: Text = "release-tool@users.noreply.github.com"
    """The mail address."""


class Job(_Table, frozen=True):
    """What a job of your own is given in the workflows that `init` writes, by name and nothing else."""

    secrets: tuple[SecretName, ...] = ()
    """The secrets that it is given as variables; each has to be set, or nothing is begun."""
    permissions: dict[Permission, Literal["read", "write"]] = {}
    """What its token may do besides reading the commit, such as `{packages = "write"}`."""
    environment: str = ""
    """The environment on GitHub with these secrets; without one they are the repository's or the organization's."""
    workflow: str = ""
    """A workflow of yours that is called instead of steps in ours: a path such as `.github/workflows/build.yml`."""


class Build(Job, frozen=True):
    """How what is released is built."""

    enabled: bool = True
    """Whether anything is built; without, a release is its tag and its notes."""
    references: tuple[Text, ...] = ()
    """What is built besides files, such as `["web"]`; a release that lacks one of them is refused."""


class DeploySetup(_Table, frozen=True):
    """What the action that sets up the deploy command is given, beside what `pass-env` names."""

    secrets: tuple[SecretName, ...] = ()
    """The secrets that it is given as variables, the environment's own before the repository's."""
    permissions: dict[Permission, Literal["read", "write"]] = {}
    """What its token may do besides what a deployment needs, such as `{id-token = "write"}`."""


class Sync(_Table, frozen=True):
    """How a release is carried into the branch of what the team hosts."""

    branch: Text = "cloud"
    """The branch that you host."""
    keep_cloud: tuple[Text, ...] = ()
    """Patterns of files that always stay as they are on that branch: no release changes, adds, deletes or moves one."""
    via: Literal["push", "pull-request"] = "push"
    """Whether the branch is moved by a push, or by a pull request that a person merges."""


class Freeze(_Table, frozen=True):
    """A repeated window in which nothing is deployed automatically: from a cron time on, for a while."""

    cron: Text
    """When it begins: minute, hour, day of the month, month and day of the week, such as `0 18 * * FRI`."""
    duration: Duration
    """How long it lasts."""
    timezone: Text = "UTC"
    """Where that time is meant: a name such as `Europe/Berlin`."""


class HeaderTest(_Table, frozen=True):
    """What a header of an answer must match."""

    name: Text
    """The name of the header, in any case."""
    pattern: Text
    """A regular expression that is found in its value."""


class JsonTest(_Table, frozen=True):
    """What an answer's JSON must hold where a JSON pointer leads; without a condition, anything at all."""

    pointer: str
    """Where the value is: a JSON pointer such as `/database/ok`."""
    equal: str | int | float | bool | None = None
    """What the value is."""
    min: float | None = None
    """The least that it may be."""
    max: float | None = None
    """The most that it may be."""


class Check(_Table, frozen=True):
    """What is asked, again and again, to know whether a deployment is healthy.

    Without a `status` any from 200 to 299 is good. An answer slower than `latency` is bad, one that takes longer than
    `timeout` is not waited for.
    """

    kind: Literal["http", "tcp", "command", "kubernetes", "docker"] = "http"
    """How it is asked: by a request, by a connection alone, by a command that ends with code 0, or of the engine that
    runs it, which knows the image, the restarts and the availability of every pod or container."""
    name: str = ""
    """What it is called in messages and in the ledger; without one it is called as its kind."""
    url: str = ""
    """What is asked: a whole address, or a path on the target's `url`."""
    command: tuple[Text, ...] = ()
    """What a check of the kind `command` runs, in a checkout of the deployed commit; for an engine its client, with the
    variables that the deploy command has. Without one that is `kubectl` or `docker`."""
    workload: str = ""
    """What a check of the kind `kubernetes` looks at, such as `deployment/shop`; a `statefulset` or `daemonset` too."""
    namespace: str = ""
    """The namespace of the workload; without one that of the client's own configuration."""
    label: str = ""
    """Which containers a check of the kind `docker` looks at, such as `com.docker.compose.service=web`."""
    reference: str = ""
    """The name of the release's reference whose image every pod or container has to run, which proves the version."""
    version_pointer: str = ""
    """Where the JSON answer tells its version or commit: a JSON pointer such as `/version`."""
    version_header: str = ""
    """The header that tells the version or commit."""
    version_pattern: str = ""
    """A regular expression whose one group is the version or commit in the answer."""
    status: tuple[Status, ...] = ()
    """The status codes that are good; without any, 200 to 299. Redirects are not followed."""
    headers: tuple[HeaderTest, ...] = ()
    """What headers of the answer must match."""
    body_pattern: str = ""
    """A regular expression that is found in the answer."""
    json: tuple[JsonTest, ...] = ()
    """What the JSON answer must hold."""
    latency: Duration | None = None
    """An answer that takes longer is bad."""
    initial_delay: Duration = _lasting("0s")
    """How long to wait after the command before the first sample."""
    interval: Duration = _lasting("2s")
    """The time between two looks."""
    samples: Count = 3
    """How often it is asked each time, all at once: an old version on few of many servers is seldom met. An engine is
    asked once, for it knows all of them."""
    timeout: Duration = _lasting("2s")
    """How long an answer is waited for."""
    failure_threshold: Count = 8
    """So many bad intervals in a row are unhealthy, once the new version has answered well."""
    failure_budget: Percentage = "10%"
    """So much of the samples of a bake may be bad; each of them makes the bake longer."""
    deadline: Duration = _lasting("5m")
    """A bake must have begun by then, counted from the end of the command."""

    @property
    def asks_an_engine(self) -> bool:
        """Whether it asks what runs the application, and not the application."""
        return self.kind in _ENGINES

    @property
    def proves(self) -> bool:
        """Whether it tells the version."""
        told = self.version_pointer or self.version_header or self.version_pattern
        return bool(self.reference if self.asks_an_engine else told)

    @property
    def asked(self) -> int:
        """How often it is asked at each look."""
        return 1 if self.asks_an_engine else self.samples


class Target(_Table, frozen=True):
    """One of the places of an environment, deployed to and verified after the one before."""

    name: Text
    """What it is called: `RELEASE_TARGET` of the command."""
    url: str = ""
    """Where it answers: `RELEASE_TARGET_URL` of the command; without one the environment's."""


class Environment(_Table, frozen=True):
    """A named place that is deployed to: a command, targets, checks."""

    command: Argv
    """What deploys: a program and its arguments, run without a shell in a clean checkout of the commit."""
    automatic: bool = False
    """Whether it follows every release by itself, in the order of the file; without it a person deploys."""
    rollback_command: tuple[Text, ...] = ()
    """What is run to go back, where that is another command."""
    command_timeout: Duration = _lasting("10m")
    """The command is ended after that, with all that it started."""
    pass_env: tuple[Text, ...] = ()
    """The variables that the command is given of ours, beside `PATH`, `HOME` and those named `RELEASE_…`."""
    lock_timeout: Duration = _lasting("30m")
    """How long to wait for another deployment of the same environment."""
    rollback_environment: str = ""
    """The environment on GitHub in which a rollback runs, where the usual one asks for an approval."""
    after: tuple[Text, ...] = ()
    """Environments that have to be healthy at the same commit before."""
    url: str = ""
    """Where it answers; the paths of checks are on it."""
    health: str = ""
    """A whole check with all defaults: the address to ask."""
    bake: Duration = _lasting("2m")
    """For how long every check must be answered well, by the new version, without a break."""
    freeze: tuple[Freeze, ...] = ()
    """When nothing is deployed by itself."""
    targets: tuple[Target, ...] = ()
    """The places that it consists of, deployed one after the other; without any it is one place."""
    wave: Wave | tuple[Wave, ...] | None = None
    """How many targets are deployed side by side before the next ones: a number, a part such as `"10%"`, or how many
    there are after each wave, such as `[1, "25%", "100%"]`. All checks prove a wave before the next one begins."""
    checks: tuple[Check, ...] = ()
    """What proves that it is healthy."""


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


class Channel(_Table, frozen=True):
    """Where messages go: a variable that holds an Apprise URL, and what is told there; what is left empty is all."""

    url_env: Text
    """The variable that holds the address, which is a secret."""
    events: tuple[Event, ...] = ()
    """What is told; all where none is named."""
    environments: tuple[Text, ...] = ()
    """Of which environments; of all where none is named."""


class Messages(_Table, frozen=True):
    """Templates of a project's own for the messages about an event; an empty one is the standard one."""

    released: str = ""
    """A release was published."""
    sync_conflict: str = ""
    """A release can't be carried to what you host, until somebody resolves a conflict."""
    deployed: str = ""
    """A version was deployed, and is healthy."""
    rolled_back: str = ""
    """An environment went back to a version that was good."""
    failed: str = ""
    """A deployment failed, and the environment is not known to be healthy."""
    halted: str = ""
    """Automatic deployments were stopped."""
    resumed: str = ""
    """Automatic deployments go on."""
    held: str = ""
    """An automatic deployment is blocked, and waits."""
    drift: str = ""
    """What is there is not what should be there."""
    needs_person: str = ""
    """Something waits for a person."""


class Config(_Table, frozen=True):
    """Everything that can be configured; an empty configuration releases a repository."""

    tag_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/@-]*$")] | None = None
    """What stands before the version in a tag's name, which chooses one of several packages; else it is found."""
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
    """What a pull request is that says nothing of how far it moves the version; `fail` refuses it."""
    direct_push: Literal["patch", "none"] = "patch"
    """What a commit is that was pushed directly, without a Conventional Commit title."""
    irreversible_paths: tuple[Text, ...] = ()
    """Patterns of files whose change can't be undone by going back, such as `**/migrations/*.py`."""
    comment_released: bool = False
    """Whether each pull request is told, in its comment, which release it went into."""
    notes_template: str = ""
    """A Jinja2 template of your own for the release notes: a path in the repository."""
    trusted_apps: tuple[Text, ...] = ()
    """Apps whose deployments and statuses count like those of your workflows: what you make tokens of, or made once."""
    max_wait: Duration = _lasting("5m")
    """How long to wait for GitHub at most: for its rate limits, and where the API or git gets no answer."""
    release_now: bool = False
    """Whether a push may make the first release; without it a person starts that one, with `bump`."""
    look: Text = "23 4 * * *"
    """When the workflows look for what an event missed, as a cron time; each look is a minute of a runner."""
    labels: Labels = Labels()
    """Which labels mean what; a label that you name for one bump is no longer among the usual ones of another."""
    types: dict[str, Level] = {}
    """How far each Conventional Commit type moves the version, where it is otherwise than usual, such as
    `docs = "patch"`. Usual are `feat = "minor"`, `fix`, `perf` and `revert = "patch"`, and `build`, `chore`, `ci`,
    `docs`, `refactor`, `style` and `test = "none"`. Other words are no types; a `!` is major after any word."""
    identity: Identity = Identity()
    """Who makes tags and merge commits."""
    build: Build = Build()
    """How what is released is built."""
    tests: Job = Job()
    """What the tests of the hosted branch are given."""
    deploy_setup: DeploySetup = DeploySetup()
    """What sets up the deploy command is given."""
    sync: Sync | None = None
    """With this table every release is carried into a branch that you host."""
    environments: dict[str, Environment] = {}
    """Where releases are deployed to, each in a table with its name."""
    channels: dict[str, Channel] = {}
    """Who is told what, each in a table with its name."""
    messages: Messages = Messages()
    """Templates of your own for messages."""


def parse(text: str, source: str) -> Config:
    """Read a `pyproject.toml` (its table `tool.release-tool`) or a `release-tool.toml`; raises UsageError.

    `source` is the file's name, which decides between the two and stands in every message.
    """
    data = _table(_toml(text, source), source)
    config = _with_labels_moved(_convert({} if data is None else data, source), data)
    for contradiction in _contradictions(config):
        raise _wrong(contradiction, source)
    return config


def choose(texts: Mapping[str, str]) -> Config:
    """Read the one of the usual files, by name, that configures release-tool; raises UsageError where two do."""
    having = [name for name, text in texts.items() if configures(text, name)]
    if len(having) > 1:
        raise UsageError(f"both {having[0]} and {having[1]} configure release-tool", todo="keep one of them")
    return parse(texts[having[0]], having[0]) if having else Config()


def configures(text: str, source: str) -> bool:
    """Whether a file has anything to say to release-tool."""
    return _table(_toml(text, source), source) is not None


def json_schema() -> Data:
    """Describe the table `tool.release-tool` as a JSON Schema, for editors."""
    schema = msgspec.json.schema(Config, schema_hook=_schema_hook)
    for table in _tables(_Table):
        properties, told = schema["$defs"][table.__name__]["properties"], _told_of_keys(table)
        for field in msgspec.structs.fields(table):
            described = properties[field.encode_name]
            described["description"] = " ".join(told[field.name].split())
            if isinstance(field.default_factory, partial):
                described["default"] = field.default_factory.args[0]
    clean_descriptions(schema["$defs"])
    return schema


def clean_descriptions(kinds: Mapping[str, Data]) -> None:
    """Take the indentation of docstrings out of a schema, as Python does it itself from 3.13 on."""
    import inspect  # only a schema needs it

    for kind in kinds.values():
        if isinstance(text := kind.get("description"), str):
            kind["description"] = inspect.cleandoc(text)


def _tables(table: type[_Table]) -> Iterator[type[_Table]]:
    for kind in table.__subclasses__():
        yield kind
        yield from _tables(kind)


def _told_of_keys(table: type[_Table]) -> dict[str, str]:
    """What stands below each key of a table, which Python itself forgets."""
    import ast  # only a schema needs it
    import inspect

    inherited = {
        name: text for base in table.__bases__ if base is not _Table for name, text in _told_of_keys(base).items()
    }
    (body,) = (node.body for node in ast.parse(inspect.getsource(table)).body if isinstance(node, ast.ClassDef))
    return inherited | {
        key.target.id: text.value.value
        for key, text in itertools.pairwise(body)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def _toml(text: str, source: str) -> Data:
    import tomllib  # a repository without a configuration needs no TOML

    if len(text) > _LARGEST or _DEEP.search(text):
        what = "has a key of more than 40 parts" if len(text) <= _LARGEST else "is larger than 1 MiB"
        raise UsageError(f"{source} {what}", todo="correct the file and try again")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{source} nests its values too deep", todo="correct the file and try again") from None
    except ValueError as error:  # what is no TOML, and a number of thousands of digits
        raise UsageError(f"{source} is not valid TOML: {error}", todo="correct the file and try again") from None


def _table(data: Data, source: str) -> Data | None:
    if not source.endswith("pyproject.toml"):
        return data
    tool = data.get("tool", {})
    table = tool.get("release-tool") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise _wrong(f"`tool.release-tool`: expected a table, got {_shown(table)}", source)
    return table


def _convert(data: Data, source: str) -> Config:
    try:
        return msgspec.convert(data, Config, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise _wrong(_explain(str(error), data), source) from None
    except (RecursionError, OverflowError, ValueError) as error:
        raise _wrong(f"a value can't be read: {error}", source) from None


def _with_labels_moved(config: Config, data: Data | None) -> Config:
    """Take the labels that somebody named for one bump out of the usual ones of the others."""
    labels, given = config.labels, (data or {}).get("labels", {})
    if not isinstance(given, dict):
        return config
    named = {label.casefold() for level in _LEVELS if level in given for label in getattr(labels, level)}
    left = {
        level: tuple(label for label in getattr(labels, level) if label.casefold() not in named)
        for level in _LEVELS
        if level not in given
    }
    return msgspec.structs.replace(config, labels=msgspec.structs.replace(labels, **left))


def _decode(kind: type, value: object) -> object:
    if kind is Duration:
        return Duration.parse(value)
    raise NotImplementedError(kind)


def _schema_hook(kind: type) -> Data:
    if kind is Duration:
        return {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["5s", "2m", "1h"]}
    raise NotImplementedError(kind)


def _explain(message: str, data: Data) -> str:
    """Name the key and the value of a validation error: its path tells of tables only `[...]`."""
    text, _, path = message.partition(" - at `$")
    names = _path(path.rstrip("`"), data, message)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text):
        return f"`{_dotted([*names, unknown[1]])}`: unknown key{_suggestion(names, unknown[1])}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text):
        return f"`{_dotted([*names, missing[1]])}`: missing"
    if text.startswith("Invalid enum value"):
        return f"`{_dotted(names)}`: expected one of {_choices(names)}, got {_shown(_value(names, data))}"
    if text.startswith("expected"):
        return f"`{_dotted(names)}`: {text}"
    expected = text.partition(", got")[0].removesuffix(".").replace(" | null", "")  # TOML has no null
    return f"`{_dotted(names)}`: {expected[0].lower()}{expected[1:]}, got {_shown(_value(names, data))}"


def _path(path: str, data: Data, message: str) -> list[str | int]:
    """Follow `.environments[...].checks[0]` through the data, finding by trial which entry `[...]` means."""
    names: list[str | int] = []
    for step in re.findall(r"\.[^.\[]+|\[\d+\]|\[\.\.\.\]", path):
        if step == "[...]":
            names.append(_culprit(names, data, message))
        elif step.startswith("["):
            names.append(int(step[1:-1]))
        else:
            names.append(step[1:])
    return names


def _culprit(names: list[str | int], data: Data, message: str) -> str:
    table = _value(names, data)
    (top,) = names
    for key, entry in table.items() if isinstance(table, dict) else ():
        try:
            msgspec.convert({top: {key: entry}}, Config, dec_hook=_decode)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    return "*"


def _value(names: list[str | int], data: object) -> object:
    for name in names:
        if isinstance(data, dict):
            data = data.get(name)
        elif isinstance(data, list) and isinstance(name, int):
            data = data[name]
    return data


def _dotted(names: list[str | int]) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names).removeprefix(".")


def _suggestion(names: list[str | int], unknown: str) -> str:
    import difflib  # only a mistake needs it

    kind = _struct_at(names)
    known = kind.__struct_encode_fields__ if kind else ()
    close = difflib.get_close_matches(unknown, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _choices(names: list[str | int]) -> str:
    import typing

    *path, last = [name for name in names if isinstance(name, str)]
    if path == ["types"]:
        return ", ".join(f"`{level}`" for level in _LEVELS)
    table = _struct_at(list(path)) or Config
    field = next(field for field in msgspec.structs.fields(table) if field.encode_name == last)
    literal = next(iter(typing.get_args(field.type)), None)
    options = typing.get_args(literal) or typing.get_args(field.type)
    return ", ".join(f"`{option}`" for option in options)


def _struct_at(names: list[str | int]) -> type[msgspec.Struct] | None:
    keys = ".".join(str(name) for name in names if isinstance(name, str))
    patterns: list[tuple[str, type[msgspec.Struct]]] = [
        (r"", Config),
        (r"labels", Labels),
        (r"identity", Identity),
        (r"build", Build),
        (r"tests", Job),
        (r"deploy-setup", DeploySetup),
        (r"sync", Sync),
        (r"environments\.[^.]+", Environment),
        (r"environments\..+\.checks", Check),
        (r"environments\..+\.checks\.headers", HeaderTest),
        (r"environments\..+\.checks\.json", JsonTest),
        (r"environments\..+\.targets", Target),
        (r"environments\..+\.freeze", Freeze),
        (r"channels\.[^.]+", Channel),
        (r"messages", Messages),
    ]
    return next((kind for pattern, kind in patterns if re.fullmatch(pattern, keys)), None)


def _shown(value: object) -> str:
    try:
        shown = msgspec.json.encode(value, enc_hook=str).decode()
    except UNREADABLE:
        shown = str(type(value).__name__)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def _wrong(message: str, source: str) -> UsageError:
    return UsageError(message, during=f"reading {source}", todo=f"correct {source} and try again")


def _contradictions(config: Config) -> Iterator[str]:
    labels = config.labels
    bumps = {"major": labels.major, "minor": labels.minor, "patch": labels.patch, "none": labels.none}
    yield from _too_long(bumps)
    yield from _mapped_twice(bumps)
    yield from _mapped_twice({"irreversible": labels.irreversible, "reversible": labels.reversible})
    for name in config.types:
        if not _TYPE.fullmatch(name) or name != name.lower():
            yield f"`types.{name}`: a type is one word in lower case"
    if config.sync and config.sync.branch == config.branch:
        yield f"`sync.branch`: is the same as `branch`, {_shown(config.branch)}"
    for name, environment in config.environments.items():
        for other in environment.after:
            if other not in config.environments or other == name:
                yield f"`environments.{name}.after`: no other environment is named {_shown(other)}"
        yield from _impossible_checks(f"environments.{name}.checks", environment.checks)
        if isinstance(environment.wave, tuple) and not _grows(environment.wave):
            yield f'`environments.{name}.wave`: expected marks that grow, such as `[1, "25%", "100%"]`'
    for name, channel in config.channels.items():
        for unknown in sorted({*channel.environments} - {*config.environments}):
            yield f"`channels.{name}.environments`: no environment is named {_shown(unknown)}"


def _grows(marks: tuple[Wave, ...]) -> bool:
    """Whether each mark is more than the one before, as far as that is known without the number of targets."""
    numbers = [mark for mark in marks if isinstance(mark, int)]
    parts = [int(mark.removesuffix("%")) for mark in marks if isinstance(mark, str)]
    return bool(marks) and all(one < other for row in (numbers, parts) for one, other in itertools.pairwise(row))


def _impossible_checks(place: str, checks: tuple[Check, ...]) -> Iterator[str]:
    names = [check.name for check in checks]
    for number, check in enumerate(checks):
        if not check.interval:
            yield f"`{place}[{number}].interval`: must be longer than nothing"
        if check.initial_delay >= check.deadline:
            yield f"`{place}[{number}].initial-delay`: leaves no time before `deadline`"
        if check.name and check.name in names[:number]:
            yield f"`{place}[{number}].name`: another check is named {_shown(check.name)}"


def _too_long(mapping: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for key, labels in mapping.items():
        for label in labels:
            if len(label) > _LONGEST_LABEL:
                yield f"`labels.{key}`: GitHub has no label of more than {_LONGEST_LABEL} characters: {_shown(label)}"


def _mapped_twice(mapping: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    counts = Counter(label.casefold() for labels in mapping.values() for label in {text.casefold() for text in labels})
    for label, count in counts.items():
        if count > 1:
            keys = [f"`labels.{key}`" for key, labels in mapping.items() if label in map(str.casefold, labels)]
            yield f"{' and '.join(keys)}: both have the label {_shown(label)}"
