"""The configuration: TOML text in, one frozen `Config` out; the JSON Schema comes from the same types."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from release_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = ("release-tool.toml", "pyproject.toml")
"""The files that a repository may have its configuration in."""

Data = dict[str, object]
"""A TOML table as it was read, not yet validated."""

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_RELEASED_VERSION = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Argv = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
Percentage = Annotated[str, msgspec.Meta(pattern=r"^(100|[0-9]{1,2})%$")]


class Duration(timedelta):
    """A length of time, written as `"500ms"`, `"5s"`, `"2m"`, `"1h"` or `"1d"`."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration as it is written in the configuration; ValueError says what was expected."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected a duration such as `5s`, got {_shown(value)}")
        return cls(**{_UNITS[match[2]]: int(match[1])})


def _lasting(text: str) -> Duration:
    """The default of a key that holds a duration; a factory, because msgspec can't show other defaults in a schema."""
    return msgspec.field(default_factory=partial(Duration.parse, text))


class _Table(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the configuration: keys in kebab case, unknown ones are errors."""


class Labels(_Table, frozen=True):
    """Which labels of a pull request mean what; labels are compared without regard to case."""

    major: tuple[Text, ...] = ("major", "breaking", "breaking-change")
    minor: tuple[Text, ...] = ("minor", "feature", "enhancement")
    patch: tuple[Text, ...] = ("patch", "bug", "fix", "documentation", "chore", "dependencies")
    none: tuple[Text, ...] = ("no-release",)
    hidden: tuple[Text, ...] = ("skip-changelog",)
    irreversible: tuple[Text, ...] = ("irreversible",)
    reversible: tuple[Text, ...] = ("reversible",)


class Identity(_Table, frozen=True):
    """The name and mail address that stand in the tags and merge commits made by the tool."""

    name: Text = "release-tool"
    email: Text = "release-tool@users.noreply.github.com"


class Sync(_Table, frozen=True):
    """How a release is carried into the branch of what the team hosts."""

    branch: Text = "cloud"
    keep_cloud: tuple[Text, ...] = ()
    via: Literal["push", "pull-request"] = "push"


class Freeze(_Table, frozen=True):
    """A repeated window in which nothing is deployed automatically: from a cron time on, for a while."""

    cron: Text
    duration: Duration
    timezone: Text = "UTC"


class HeaderTest(_Table, frozen=True):
    """What a header of an answer must match."""

    name: Text
    pattern: Text


class JsonTest(_Table, frozen=True):
    """What an answer's JSON must hold where a JSON pointer leads; without a condition, anything at all."""

    pointer: str
    equal: str | int | float | bool | None = None
    min: float | None = None
    max: float | None = None


class Check(_Table, frozen=True):
    """What is asked, again and again, to know whether a deployment is healthy.

    Without a `status` any from 200 to 299 is good. An answer slower than `latency` is bad, one that takes longer than
    `timeout` is not waited for.
    """

    kind: Literal["http", "tcp", "command"] = "http"
    name: str = ""
    url: str = ""
    command: tuple[Text, ...] = ()
    version_pointer: str = ""
    version_header: str = ""
    version_pattern: str = ""
    status: tuple[Status, ...] = ()
    headers: tuple[HeaderTest, ...] = ()
    body_pattern: str = ""
    json: tuple[JsonTest, ...] = ()
    latency: Duration | None = None
    initial_delay: Duration = _lasting("0s")
    interval: Duration = _lasting("2s")
    timeout: Duration = _lasting("2s")
    failure_threshold: Count = 8
    failure_budget: Percentage = "10%"
    deadline: Duration = _lasting("5m")


class Target(_Table, frozen=True):
    """One of the places of an environment, deployed to and verified after the one before."""

    name: Text
    url: str = ""


class Environment(_Table, frozen=True):
    """A named place that is deployed to: a command, targets, checks."""

    command: Argv
    automatic: bool = False
    rollback_command: tuple[Text, ...] = ()
    command_timeout: Duration = _lasting("10m")
    pass_env: tuple[Text, ...] = ()
    lock_timeout: Duration = _lasting("30m")
    rollback_environment: str = ""
    after: tuple[Text, ...] = ()
    url: str = ""
    health: str = ""
    bake: Duration = _lasting("2m")
    freeze: tuple[Freeze, ...] = ()
    targets: tuple[Target, ...] = ()
    checks: tuple[Check, ...] = ()


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
    events: tuple[Event, ...] = ()
    environments: tuple[Text, ...] = ()


class Messages(_Table, frozen=True):
    """Templates of a project's own for the messages about an event; an empty one is the standard one."""

    released: str = ""
    sync_conflict: str = ""
    deployed: str = ""
    rolled_back: str = ""
    failed: str = ""
    halted: str = ""
    resumed: str = ""
    held: str = ""
    drift: str = ""
    needs_person: str = ""


class Config(_Table, frozen=True):
    """Everything that can be configured; an empty configuration releases a repository."""

    tag_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/@-]*$")] = "v"
    branch: Text = "main"
    maintenance: tuple[Text, ...] = ("*.x",)
    initial_version: Annotated[str, msgspec.Meta(pattern=_RELEASED_VERSION)] = "0.1.0"
    major_on_zero: bool = False
    release_on: Literal["merge", "schedule", "manual"] = "merge"
    unlabelled: Literal["patch", "fail"] = "patch"
    direct_push: Literal["patch", "none"] = "patch"
    irreversible_paths: tuple[Text, ...] = ()
    comment_released: bool = False
    notes_template: str = ""
    max_wait: Duration = _lasting("5m")
    labels: Labels = Labels()
    identity: Identity = Identity()
    sync: Sync | None = None
    environments: dict[str, Environment] = {}
    channels: dict[str, Channel] = {}
    messages: Messages = Messages()


def parse(text: str, source: str) -> Config:
    """Read a `pyproject.toml` (its table `tool.release-tool`) or a `release-tool.toml`; raises UsageError.

    `source` is the file's name, which decides between the two and stands in every message.
    """
    data = _table(_toml(text, source), source)
    config = _convert({} if data is None else data, source)
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
    for table in (Config, Check, Environment):
        properties = schema["$defs"][table.__name__]["properties"]
        for field in msgspec.structs.fields(table):
            if isinstance(field.default_factory, partial):
                properties[field.encode_name]["default"] = field.default_factory.args[0]
    return schema


def _toml(text: str, source: str) -> Data:
    import tomllib  # a repository without a configuration needs no TOML

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
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
    expected = text.partition(", got")[0].removesuffix(".")
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
    return msgspec.json.encode(value, enc_hook=str).decode()


def _wrong(message: str, source: str) -> UsageError:
    return UsageError(message, during=f"reading {source}", todo=f"correct {source} and try again")


def _contradictions(config: Config) -> Iterator[str]:
    labels = config.labels
    bumps = {"major": labels.major, "minor": labels.minor, "patch": labels.patch, "none": labels.none}
    yield from _mapped_twice(bumps)
    yield from _mapped_twice({"irreversible": labels.irreversible, "reversible": labels.reversible})
    if config.sync and config.sync.branch == config.branch:
        yield f"`sync.branch`: is the same as `branch`, {_shown(config.branch)}"
    for name, environment in config.environments.items():
        for other in environment.after:
            if other not in config.environments or other == name:
                yield f"`environments.{name}.after`: no other environment is named {_shown(other)}"
        yield from _impossible_checks(f"environments.{name}.checks", environment.checks)
    for name, channel in config.channels.items():
        for unknown in sorted({*channel.environments} - {*config.environments}):
            yield f"`channels.{name}.environments`: no environment is named {_shown(unknown)}"


def _impossible_checks(place: str, checks: tuple[Check, ...]) -> Iterator[str]:
    names = [check.name for check in checks]
    for number, check in enumerate(checks):
        if not check.interval:
            yield f"`{place}[{number}].interval`: must be longer than nothing"
        if check.initial_delay >= check.deadline:
            yield f"`{place}[{number}].initial-delay`: leaves no time before `deadline`"
        if check.name and check.name in names[:number]:
            yield f"`{place}[{number}].name`: another check is named {_shown(check.name)}"


def _mapped_twice(mapping: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    counts = Counter(label.casefold() for labels in mapping.values() for label in {text.casefold() for text in labels})
    for label, count in counts.items():
        if count > 1:
            keys = [f"`labels.{key}`" for key, labels in mapping.items() if label in map(str.casefold, labels)]
            yield f"{' and '.join(keys)}: both have the label {_shown(label)}"
