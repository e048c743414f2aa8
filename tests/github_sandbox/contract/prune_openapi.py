"""Cuts the part that the sandbox serves out of GitHub's OpenAPI description.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
    python tests/github_sandbox/contract/prune_openapi.py package/generated/api.github.com.json > github.json

Descriptions, examples and headers are left out, and so is what no operation of the sandbox mentions.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from github_sandbox import rest
from github_sandbox.call import ROUTES

SUBJECTS = rest.__all__
"""Their endpoints register themselves when they are imported."""
DROPPED = {"description", "summary", "example", "examples", "externalDocs", "tags", "headers", "title", "deprecated"}
KEPT_EXTENSION = "x-multi-segment"

Node = dict[str, object]


def shape(path: str) -> str:
    """A path with its variables nameless."""
    return re.sub(r"[{<][^}>]*[}>]", "{}", path).removeprefix("/uploads")


def served() -> set[tuple[str, str]]:
    """The operations that the sandbox has: the shape of the path, and the method."""
    own = {(shape(route.path.replace("{}", "/repos/<owner>/<repo>")), route.method.lower()) for route in ROUTES}
    return own | {("/rate_limit", "get")}


def prune(whole: Node) -> Node:
    """The description that is left."""
    wanted = served()
    paths = {
        path: {
            method: lean(operation) for method, operation in as_node(item).items() if (shape(path), method) in wanted
        }
        for path, item in as_node(whole["paths"]).items()
    }
    kept: Node = {
        "openapi": whole["openapi"],
        "info": {"title": "A part of GitHub's REST API", "version": "2022-11-28"},
        "paths": {path: item for path, item in paths.items() if item},
        "components": {},
    }
    copy_mentioned(as_node(whole["components"]), kept)
    return kept


def as_node(value: object) -> Node:
    """A value that is an object."""
    assert isinstance(value, dict)
    return value


def lean(value: object, *, names: bool = False) -> object:
    """A value without its prose; `names` says that the keys are names of properties."""
    if isinstance(value, list):
        return [lean(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: lean(inner, names=key == "properties" and not names)
        for key, inner in value.items()
        if names or not (key in DROPPED or (key.startswith("x-") and key != KEPT_EXTENSION))
    }


def copy_mentioned(components: Node, kept: Node) -> None:
    """Adds the components that are mentioned, and what these mention."""
    target = as_node(kept["components"])
    left = mentioned(kept["paths"])
    while left:
        _, _, kind, name = left.pop().split("/", 3)
        group = as_node(target.setdefault(kind, {}))
        if name not in group:
            group[name] = lean(as_node(components[kind])[name])
            left |= mentioned(group[name])


def mentioned(value: object) -> set[str]:
    """The components that a value refers to."""
    return set(re.findall(r'"\$ref": ?"(#/components/[^"]+)"', json.dumps(value)))


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    sys.stdout.write(json.dumps(prune(json.loads(text)), separators=(",", ":"), sort_keys=True) + "\n")
