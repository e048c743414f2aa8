"""The configuration as a JSON Schema, for editors."""

from __future__ import annotations

import ast
import inspect
import itertools
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import DURATION, Config, Duration, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.config.model import Data


def json_schema() -> Data:
    """Describe the table `tool.release-tool` as a JSON Schema, for editors."""
    schema = msgspec.json.schema(Config, schema_hook=_schema_hook)
    for table in _tables(Table):
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
    for kind in kinds.values():
        if isinstance(text := kind.get("description"), str):
            kind["description"] = inspect.cleandoc(text)


def _tables(table: type[Table]) -> Iterator[type[Table]]:
    for kind in table.__subclasses__():
        yield kind
        yield from _tables(kind)


def _told_of_keys(table: type[Table]) -> dict[str, str]:
    """What stands below each key of a table, which Python itself forgets."""
    inherited = {
        name: text for base in table.__bases__ if base is not Table for name, text in _told_of_keys(base).items()
    }
    (body,) = (node.body for node in ast.parse(inspect.getsource(table)).body if isinstance(node, ast.ClassDef))
    return inherited | {
        key.target.id: text.value.value
        for key, text in itertools.pairwise(body)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def _schema_hook(kind: type) -> Data:
    if kind is Duration:
        return {"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["5s", "2m", "1h"]}
    raise NotImplementedError(kind)
