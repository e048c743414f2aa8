"""What is wrong with a value of the configuration, by its key and with what is expected there."""

from __future__ import annotations

import difflib
import re
import typing

import msgspec

from release_tool.config.model import (
    LEVELS,
    Build,
    Channel,
    Check,
    Config,
    DeploySetup,
    Environment,
    Freeze,
    HeaderTest,
    Identity,
    Job,
    JsonTest,
    Labels,
    Messages,
    Sync,
    Target,
    decode,
    shown,
)

if typing.TYPE_CHECKING:
    from release_tool.config.model import Data


def explain(message: str, data: Data) -> str:
    """Name the key and the value of a validation error: its path tells of tables only `[...]`."""
    text, _, path = message.partition(" - at `$")
    names = _path(path.rstrip("`"), data, message)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text):
        return f"`{_dotted([*names, unknown[1]])}`: unknown key{_suggestion(names, unknown[1])}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text):
        return f"`{_dotted([*names, missing[1]])}`: missing"
    if text.startswith("Invalid enum value"):
        return f"`{_dotted(names)}`: expected one of {_choices(names)}, got {shown(_value(names, data))}"
    if text.startswith("expected"):
        return f"`{_dotted(names)}`: {text}"
    expected = text.partition(", got")[0].removesuffix(".").replace(" | null", "")  # TOML has no null
    return f"`{_dotted(names)}`: {expected[0].lower()}{expected[1:]}, got {shown(_value(names, data))}"


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
            msgspec.convert({top: {key: entry}}, Config, dec_hook=decode)
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
    kind = _struct_at(names)
    known = kind.__struct_encode_fields__ if kind else ()
    close = difflib.get_close_matches(unknown, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _choices(names: list[str | int]) -> str:
    *path, last = [name for name in names if isinstance(name, str)]
    if path == ["types"]:
        return ", ".join(f"`{level}`" for level in LEVELS)
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
