"""What a workflow file says about being started by hand."""

from __future__ import annotations

import json

import yaml  # type: ignore[import-untyped] # its types are a package of their own, for one function
from yaml.error import YAMLError  # type: ignore[import-untyped] # the same

EVENT = "workflow_dispatch"

Inputs = dict[str, dict[str, object]]


def inputs(text: str) -> Inputs | None:
    """The inputs that a person may give, None where nobody may start it by hand or where it can't be read."""
    try:
        found = _triggers(yaml.safe_load(text))
    except YAMLError:
        return None
    if EVENT not in found:
        return None
    dispatch = found[EVENT]
    declared = dispatch.get("inputs") if isinstance(dispatch, dict) else None
    return {str(name): one or {} for name, one in declared.items()} if isinstance(declared, dict) else {}


def _triggers(document: object) -> dict[object, object]:
    """The events that start it; YAML reads the key `on` as a truth."""
    if not isinstance(document, dict):
        return {}
    found = document.get("on", document.get(True))
    match found:
        case dict():
            return found
        case list():
            return dict.fromkeys(found)
        case _:
            return {found: None}


def problem(known: Inputs, given: dict[str, object]) -> str:
    """What GitHub has against the inputs of a start; empty where it takes them."""
    if unknown := [name for name in given if name not in known]:
        return f"Unexpected inputs provided: {json.dumps(unknown)}"
    for name, one in known.items():
        if one.get("required") is True and "default" not in one and given.get(name) in {None, ""}:
            return f"Required input '{name}' not provided"
        options = one.get("options")
        if name in given and isinstance(options, list) and given[name] not in options:
            return f"Provided value '{given[name]}' for input '{name}' not in the list of allowed values"
    return ""
