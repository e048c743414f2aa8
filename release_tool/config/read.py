"""Reading the configuration: a file as TOML, then its tables, then what can't stand together."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import (
    LEVELS,
    LONGEST_PAUSES,
    LONGEST_WATCH,
    OUR_TOKENS,
    Config,
    Target,
    decode,
    shortest_watch,
    shown,
)
from release_tool.config.waves import pauses_of, waves_of
from release_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from release_tool.config.model import Data, Environment, Wave

FILES = ("release-tool.toml", "pyproject.toml")
"""The files that a repository may have its configuration in."""

_LONGEST_LABEL = 50
_LONGEST_ENVIRONMENT = 255
_LARGEST = 1024 * 1024
"""Characters of a file that is read."""
_DEEP = re.compile(r"[A-Za-z0-9_\"'-]++(?:[ \t]*+\.[ \t]*+[A-Za-z0-9_\"'-]++){40}")
"""A key with more parts than any table is deep; reading one takes the square of their number."""
_TYPE = r"\w[\w-]*"


def parse(text: str, source: str) -> Config:
    """Read a `pyproject.toml` (its table `tool.release-tool`) or a `release-tool.toml`; raises UsageError.

    `source` is the file's name, which decides between the two and stands in every message.
    """
    from release_tool.config import queries  # a repository without a configuration has nothing that is to be checked

    data = _table(_toml(text, source), source)
    config = queries.paced(_with_labels_moved(_convert({} if data is None else data, source), data), data or {})
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
    """Whether a file has anything to say to release-tool; a `pyproject.toml` that does not name it is not read."""
    if source.endswith("pyproject.toml") and "release-tool" not in text and "\\" not in text:
        return False
    return _table(_toml(text, source), source) is not None


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
        raise _wrong(f"`tool.release-tool`: expected a table, got {shown(table)}", source)
    return table


def _place_of_nul(value: object, place: str = "") -> str:
    """The key of a text with a NUL character, empty where there is none."""
    if isinstance(value, dict):
        return next(filter(None, (_place_of_nul(one, f"{place}.{key}") for key, one in value.items())), "")
    if isinstance(value, list):
        return next(filter(None, (_place_of_nul(one, f"{place}[{number}]") for number, one in enumerate(value))), "")
    return place if isinstance(value, str) and "\0" in value else ""


def _convert(data: Data, source: str) -> Config:
    try:
        if place := _place_of_nul(data):
            raise _wrong(f"`{place.removeprefix('.')}`: no program can be given a NUL character", source)
        return msgspec.convert(data, Config, dec_hook=decode)
    except msgspec.ValidationError as error:
        from release_tool.config.validation_errors import explain  # only a mistake needs it

        raise _wrong(explain(str(error), data), source) from None
    except (RecursionError, OverflowError, ValueError) as error:
        raise _wrong(f"a value can't be read: {error}", source) from None


def _with_labels_moved(config: Config, data: Data | None) -> Config:
    """Take the labels that somebody named for one bump out of the usual ones of the others."""
    labels, given = config.labels, (data or {}).get("labels", {})
    if not isinstance(given, dict):
        return config
    named = {label.casefold() for level in LEVELS if level in given for label in getattr(labels, level)}
    left = {
        level: tuple(label for label in getattr(labels, level) if label.casefold() not in named)
        for level in LEVELS
        if level not in given
    }
    return msgspec.structs.replace(config, labels=msgspec.structs.replace(labels, **left))


def _wrong(message: str, source: str) -> UsageError:
    return UsageError(message, during=f"reading {source}", todo=f"correct {source} and try again")


def _contradictions(config: Config) -> Iterator[str]:
    labels = config.labels
    bumps = {"major": labels.major, "minor": labels.minor, "patch": labels.patch, "none": labels.none}
    yield from _too_long(bumps)
    yield from _mapped_twice(bumps)
    yield from _mapped_twice({"irreversible": labels.irreversible, "reversible": labels.reversible})
    for name in config.types:
        if not re.fullmatch(_TYPE, name) or name != name.lower():
            yield f"`types.{name}`: a type is one word in lower case"
    yield from _our_tokens(config.environments)
    yield from _no_schedule(config.look)
    if config.sync and config.sync.branch == config.branch:
        yield f"`sync.branch`: is the same as `branch`, {shown(config.branch)}"
    yield from _impossible_environments(config.environments)
    for name, channel in config.channels.items():
        for unknown in sorted({*channel.environments} - {*config.environments}):
            yield f"`channels.{name}.environments`: no environment is named {shown(unknown)}"


def _impossible_environments(environments: Mapping[str, Environment]) -> Iterator[str]:
    yield from _no_names(environments)
    for name, environment in environments.items():
        for other in environment.after:
            if other not in environments or other == name:
                yield f"`environments.{name}.after`: no other environment is named {shown(other)}"
        if name in _before(name, environments):
            yield f"`environments.{name}.after`: waits for itself in the end, so nothing could ever be deployed"
        yield from _named_twice(f"environments.{name}.targets", [target.name for target in environment.targets])
        if not environment.command_timeout:
            yield f"`environments.{name}.command-timeout`: must be longer than nothing"
        yield from _impossible_checks(name, environment)
        yield from _impossible_watch(f"environments.{name}.watch", environment)
        yield from _impossible_pauses(f"environments.{name}.pause-after", environment)
        if isinstance(environment.wave, tuple) and not _grows(environment.wave):
            yield f'`environments.{name}.wave`: expected marks that grow, such as `[1, "25%", "100%"]`'


def _no_names(names: Iterable[str]) -> Iterator[str]:
    """Names that GitHub takes for one environment, which would have one ledger, or that it does not take at all."""
    known: dict[str, str] = {}
    for name in names:
        if not name.strip() or len(name) > _LONGEST_ENVIRONMENT:
            yield f"`environments`: GitHub takes a name of 1 to {_LONGEST_ENVIRONMENT} characters, got {shown(name)}"
        if (other := known.setdefault(name.casefold(), name)) != name:
            same = f"is the same as `environments.{other}` to GitHub, which does not tell case apart"
            yield f"`environments.{name}`: {same}"


def _before(name: str, environments: Mapping[str, Environment]) -> set[str]:
    """The environments that have to be healthy before one, and before these in turn."""
    found, asked = set[str](), [name]
    while asked:
        if environment := environments.get(asked.pop()):
            asked += {*environment.after} - found
            found.update(environment.after)
    return found


def _named_twice(place: str, names: list[str]) -> Iterator[str]:
    """What is measured of two targets of one name could not be told apart, nor which of them was brought."""
    for number, name in enumerate(names if len({*names}) < len(names) else ()):
        if name in names[:number]:
            yield f"`{place}[{number}].name`: another target is named {shown(name)}"


def _no_schedule(cron: str) -> Iterator[str]:
    from release_tool.config.cron import insist_on_schedule

    try:
        insist_on_schedule(cron)
    except ValueError as error:
        yield f"`look`: expected {error}, as GitHub reads a schedule, got {shown(cron)}"


def _our_tokens(environments: Mapping[str, Environment]) -> Iterator[str]:
    for name, environment in environments.items():
        for ours in (one for one in environment.pass_env if one in OUR_TOKENS):
            yield f"`environments.{name}.pass-env`: {ours} is the tool's own; pass on another token by another name"


def _impossible_watch(place: str, environment: Environment) -> Iterator[str]:
    if not environment.watch:
        return
    if not (environment.checks or environment.health):
        yield f"`{place}`: there is no check to watch with"
    elif environment.watch > LONGEST_WATCH:
        yield f"`{place}`: a job lasts for six hours at most, and has to be able to go back: at most `5h`"
    elif environment.watch < (least := shortest_watch(environment)):
        seconds = f"{least.total_seconds():.0f}s"
        yield f"`{place}`: finds nothing in less than `{seconds}`, which `failure-threshold` bad intervals take"


def _impossible_pauses(place: str, environment: Environment) -> Iterator[str]:
    pauses = pauses_of(environment)
    if isinstance(environment.wave, tuple) and not _grows(environment.wave):
        return  # which is said apart
    waves = len(waves_of(environment.targets or (Target(name="one"),), environment.wave))
    if pauses and max(pauses) >= waves:
        yield f"`{place}`: after wave {max(pauses)} of {waves} there is nothing to wait for"
    elif len(pauses) * environment.pause_timeout > LONGEST_PAUSES:
        yield f"`{place}`: all pauses together may last for two hours, and each lasts for `pause-timeout`"
    elif pauses and not environment.pause_timeout:
        yield f"`{place}`: nobody can resume in no time; make `pause-timeout` longer"


def _grows(marks: tuple[Wave, ...]) -> bool:
    """Whether each mark is more than the one before, as far as that is known without the number of targets."""
    numbers = [mark for mark in marks if isinstance(mark, int)]
    parts = [int(mark.removesuffix("%")) for mark in marks if isinstance(mark, str)]
    return bool(marks) and all(one < other for row in (numbers, parts) for one, other in itertools.pairwise(row))


def _impossible_checks(name: str, environment: Environment) -> Iterator[str]:
    from release_tool.config import queries, workloads

    place, names = f"environments.{name}.checks", [check.name for check in environment.checks]
    for number, check in enumerate(environment.checks):
        for key, value in (("interval", check.interval), ("timeout", check.timeout), ("latency", check.latency)):
            if value is not None and not value:
                yield f"`{place}[{number}].{key}`: must be longer than nothing"
        if check.initial_delay >= check.deadline:
            yield f"`{place}[{number}].initial-delay`: leaves no time before `deadline`"
        if check.name and check.name in names[:number]:
            yield f"`{place}[{number}].name`: another check is named {shown(check.name)}"
        found = (module.problems(check, environment, name) for module in (queries, workloads))
        for key, problem in itertools.chain.from_iterable(found):
            yield f"`{place}[{number}].{key}`: {problem}"


def _too_long(mapping: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for key, labels in mapping.items():
        for label in labels:
            if len(label) > _LONGEST_LABEL:
                yield f"`labels.{key}`: GitHub has no label of more than {_LONGEST_LABEL} characters: {shown(label)}"


def _mapped_twice(mapping: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    counts = Counter(label.casefold() for labels in mapping.values() for label in {text.casefold() for text in labels})
    for label, count in counts.items():
        if count > 1:
            keys = [f"`labels.{key}`" for key, labels in mapping.items() if label in map(str.casefold, labels)]
            yield f"{' and '.join(keys)}: both have the label {shown(label)}"
