"""The reference of every configuration key, made of the JSON Schema; `python -m tests.reference` writes it anew."""

from __future__ import annotations

from pathlib import Path

import msgspec

from release_tool.config.schema import json_schema

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

HEAD = """# Configuration

Everything that can be configured, made of the very types that read it.
None of it is needed: an empty configuration releases a repository.

It stands in `[tool.release-tool]` of `pyproject.toml`, or with the same keys in `release-tool.toml`; not in both.
Environments are read from the head of the branch that is deployed, everything else from the commit that is checked out.
A key that is not known, a value of the wrong type and a contradiction are errors that name the key and the value.
Editors complete and check `release-tool.toml` with `release_tool/config.schema.json`.

A *duration* is a whole number and a unit, such as `"500ms"`, `"5s"`, `"2m"`, `"1h"` or `"1d"`.
*Patterns* are paths or names with `*`, `?` and `**` for any number of folders.
Three [complete examples](examples/README.md) and the [recipes](recipes/README.md) show it in use.
"""

TABLES = {
    "Config": ("The table itself", ""),
    "Labels": ("`[labels]`", "A label stands in one of the first four at most, and in one of the last two."),
    "Identity": ("`[identity]`", ""),
    "Build": (
        "`[build]`",
        "`release-tool init` writes it into the workflow; [adopting](adopting.md#what-the-build-gets) says how.",
    ),
    "Job": ("`[tests]`", "The tests of the hosted branch; they build what they test."),
    "DeploySetup": ("`[deploy-setup]`", "For logins that the action `.github/actions/deploy-setup` makes."),
    "Sync": ("`[sync]`", "Without this table there is no sync, and environments deploy the tag itself."),
    "Environment": (
        "`[environments.NAME]`",
        "The order of the tables is that of the deployments. [Recipes](recipes/README.md) are whole environments.",
    ),
    "Target": ("`[[environments.NAME.targets]]`", ""),
    "Freeze": ("`[[environments.NAME.freeze]]`", ""),
    "Check": (
        "`[[environments.NAME.checks]]`",
        "When a deployment is healthy, and what the last five keys mean exactly, stands in [health.md](health.md).",
    ),
    "HeaderTest": ("`[[environments.NAME.checks.headers]]`", ""),
    "JsonTest": ("`[[environments.NAME.checks.json]]`", ""),
    "Channel": (
        "`[channels.NAME]`",
        "[Telling people](notifications.md) has the addresses; the events are the keys of `[messages]`, below.",
    ),
    "Messages": (
        "`[messages]`",
        "One key for each event, whose template it is; [how to write one](notifications.md) says what it is given.",
    ),
}
"""The heading of each table, and a sentence that links to more."""


class Kind(msgspec.Struct, rename="camel"):
    """What the schema says of a value."""

    type: str = ""
    description: str = ""
    default: object = msgspec.UNSET
    enum: list[str | None] = []
    pattern: str = ""
    examples: list[str] = []
    minimum: int | None = None
    maximum: int | None = None
    items: Kind | None = None
    additional_properties: Kind | bool | None = None
    any_of: list[Kind] = []
    ref: str = msgspec.field(name="$ref", default="")

    @property
    def table(self) -> str:
        return self.ref.rpartition("/")[2]


class Table(msgspec.Struct):
    """What the schema says of a table."""

    description: str
    properties: dict[str, Kind]
    required: list[str] = []


def definitions() -> dict[str, Table]:
    return msgspec.convert(json_schema()["$defs"], dict[str, Table])


def page() -> str:
    """The whole document."""
    found = definitions()
    return "\n".join([HEAD, *(_section(title, more, found[name]) for name, (title, more) in TABLES.items())])


def _section(title: str, more: str, table: Table) -> str:
    about = [" ".join(table.description.split()).replace(". ", ".\n"), more]
    rows = [_row(key, kind, required=key in table.required) for key, kind in table.properties.items()]
    return "\n".join(
        [f"## {title}", "", *filter(None, about), "", "| key | value | default | |", "|---|---|---|---|", *rows, ""]
    )


def _row(key: str, kind: Kind, *, required: bool) -> str:
    default = "*needed*" if required else _default(kind)
    cells = (f"`{key}`", _value(kind), default, kind.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(kind: Kind) -> str:
    if kind.default in (None, "", [], {}, msgspec.UNSET) or isinstance(kind.default, dict):
        return ""
    return f"`{msgspec.json.encode(kind.default).decode().replace(',', ', ')}`"


def _value(kind: Kind) -> str:
    """What may stand there, in words."""
    if kind.any_of:
        return " or ".join(_value(one) for one in kind.any_of if one.type != "null")
    if kind.ref:
        return f"[table](#{_anchor(kind.table)})"
    if kind.enum:
        return ", ".join(f'`"{choice}"`' for choice in kind.enum)
    if kind.items:
        return f"list of {_plural(_value(kind.items))}"
    if isinstance(kind.additional_properties, Kind):
        return f"{_plural(_value(kind.additional_properties))} by name"
    return _scalar(kind)


def _scalar(kind: Kind) -> str:
    limits = [f"from {kind.minimum}"] if kind.minimum is not None else []
    limits += [f"to {kind.maximum}"] if kind.maximum is not None else []
    names = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}
    if kind.examples:
        return "duration"
    if kind.pattern.endswith("%$"):
        return 'percentage, `"10%"`'
    return " ".join([names[kind.type], *limits])


def _plural(text: str) -> str:
    return text.replace("text", "texts").replace("number", "numbers").replace("[table]", "[tables]")


def _anchor(table: str) -> str:
    """How GitHub links to the heading of a table."""
    title = TABLES[table][0].lower()
    return "".join(letter for letter in title.replace(" ", "-") if letter.isalnum() or letter in "-_")


if __name__ == "__main__":
    PAGE.write_text(page())
