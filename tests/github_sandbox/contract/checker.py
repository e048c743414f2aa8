"""Checks a request and its answer against GitHub's OpenAPI description."""

from __future__ import annotations

import json
import re
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_sandbox.traffic import Exchange

Node: TypeAlias = dict[str, object]

URN = "urn:github"
OWN = re.compile(r"/_sandbox/|/_storage/|/graphql$|\.git/|/releases/download/")
"""What GitHub has, too, and does not describe there; and what is the sandbox's own."""

EVERYWHERE = {"400", "401", "403", "404", "422"}
"""Refusals that GitHub gives everywhere, and describes at few operations only."""

FIRST_REFUSAL = 400
REFUSED = {401, 404}
"""What is answered at an address that GitHub may not have; a request to one need not be described."""

NULL_IN_FACT = re.compile(
    r"\.head\.(repo|user)$|\.labels\[\d+\]\.description$|\.items\[\d+\]\.body$|(\$(\[\d+\])?|commit|commits\[\d+\])\.(author|committer)$"
)
"""Where GitHub answers null and its description forgot to say so.

These are deleted forks, labels and texts left empty, and commits of people without an account.
"""

IN_FACT = ("starter",)
"""What GitHub answers and its description does not know: the state of an asset whose upload broke off."""

LABELS = "/issues/{issue_number}/labels"
"""Where GitHub takes a bare list of names, too, as semantic-release sends it."""

MULTI_SEGMENT = "x-multi-segment"


class Operation(msgspec.Struct, frozen=True):
    """One operation of the description; `pointer` is where it stands."""

    method: str
    template: str
    pattern: str
    pointer: str
    node: Node


class Contract:
    """GitHub's description, ready to be asked."""

    def __init__(self, document: Node) -> None:
        self._document = document
        _allow_null(document)
        self._registry: Registry[Node] = Registry().with_resource(URN, DRAFT4.create_resource(document))

    @cached_property
    def operations(self) -> list[Operation]:
        """All operations, the most specific first."""
        found = [
            Operation(method, path, self._pattern(path, item), f"/paths/{_escaped(path)}/{method}", as_node(node))
            for path, item in as_node(self._document["paths"]).items()
            for method, node in as_node(item).items()
        ]
        return sorted(found, key=lambda one: (one.template.count("{"), -len(one.template)))

    @cached_property
    def enumerated(self) -> frozenset[str]:
        """The names of all properties that have only certain values somewhere."""
        return frozenset(_enumerated(self._document))

    def _pattern(self, path: str, item: object) -> str:
        greedy = {
            str(parameter["name"])
            for node in as_node(item).values()
            for parameter in self._parameters(as_node(node))
            if parameter.get(MULTI_SEGMENT)
        }
        parts = re.split(r"\{(\w+)\}", path)
        names = {name: ".+" if name in greedy else "[^/]+" for name in parts[1::2]}
        return "".join(names[part] if index % 2 else re.escape(part) for index, part in enumerate(parts))

    def _parameters(self, operation: Node) -> Iterator[Node]:
        listed = operation.get("parameters", [])
        assert isinstance(listed, list)
        yield from (self.resolve(parameter) for parameter in listed)

    def resolve(self, value: object) -> Node:
        """What a reference stands for."""
        node = as_node(value)
        while "$ref" in node:
            found: object = self._document
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                found = as_node(found)[part]
            node = as_node(found)
        return node

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a request."""
        for one in self.operations:
            if one.method == method.lower() and re.fullmatch(one.pattern, path):
                return one
        return None

    def problems(self, exchange: Exchange) -> list[str]:
        """What contradicts the description, in sentences."""
        url = urlsplit(exchange.url)
        if OWN.search(url.path):
            return []
        path = unquote(url.path).removeprefix("/uploads")
        operation = self.operation(exchange.method, path)
        if operation is None:
            return [] if exchange.status in REFUSED else [f"{exchange.method} {path} is not described"]
        found = self._query_problems(operation, dict(parse_qsl(url.query)))
        if exchange.status < FIRST_REFUSAL:
            found += self._body_problems(operation, exchange.request)
        return [f"{exchange.method} {path}: {one}" for one in found + self._answer_problems(operation, exchange)]

    def _query_problems(self, operation: Operation, query: dict[str, str]) -> list[str]:
        known = {
            str(one["name"]): as_node(one["schema"]) for one in self._parameters(operation.node) if one["in"] == "query"
        }
        found = [f"the query has no {name!r}" for name in query if name not in known]
        for name, schema in known.items():
            values = self.resolve(schema).get("enum")
            if name in query and isinstance(values, list) and query[name] not in values:
                found.append(f"{name}={query[name]!r} is none of {values}")
        return found

    def _body_problems(self, operation: Operation, body: bytes) -> list[str]:
        content = as_node(as_node(operation.node.get("requestBody", {})).get("content", {}))
        if "application/json" not in content or not body:
            return []
        sent = json.loads(body)
        if operation.template.endswith(LABELS) and isinstance(sent, list):
            sent = {"labels": sent}
        return self._json_problems(f"{operation.pointer}/requestBody/content", sent, "the request")

    def _answer_problems(self, operation: Operation, exchange: Exchange) -> list[str]:
        status = str(exchange.status)
        responses = as_node(operation.node["responses"])
        if status not in responses:
            return [] if status in EVERYWHERE or status == "304" else [f"status {status} is not described"]
        described = self.resolve(responses[status])
        content = as_node(described.get("content", {}))
        if "application/json" not in content:
            return []
        reference = as_node(responses[status]).get("$ref")
        pointer = str(reference)[1:] if reference else f"{operation.pointer}/responses/{status}"
        return self._json_problems(f"{pointer}/content", json.loads(exchange.answer), f"the answer {status}")

    def _json_problems(self, pointer: str, value: object, what: str) -> list[str]:
        schema = {"$ref": f"{URN}#{pointer}/application~1json/schema"}
        validator = OAS30Validator(schema, registry=self._registry)
        wrong = [
            f"{what}, {error.json_path}: {error.message}"
            for error in validator.iter_errors(value)
            if not (error.instance is None and NULL_IN_FACT.search(error.json_path)) and error.instance not in IN_FACT
        ]
        described = self._at(f"{pointer}/application~1json/schema")
        return wrong + [f"{what} has {name!r}, which is not described" for name in self._unknown(described, value)]

    def _at(self, pointer: str) -> Node:
        found: object = self._document
        for part in pointer.strip("/").split("/"):
            found = as_node(found)[part.replace("~1", "/").replace("~0", "~")]
        return self.resolve(found)

    def _unknown(self, schema: Node, value: object) -> Iterator[str]:
        """Keys that a typo would make: such objects are open, so that validation alone lets them pass."""
        if isinstance(value, list) and schema.get("type") == "array":
            for one in value:
                yield from self._unknown(self.resolve(schema["items"]), one)
        elif isinstance(value, dict) and "properties" in schema:
            known = as_node(schema["properties"])
            yield from (name for name in value if name not in known)
            for name in value.keys() & known.keys():
                yield from self._unknown(self.resolve(known[name]), value[name])


def as_node(value: object) -> Node:
    """A value that is an object."""
    assert isinstance(value, dict)
    return value


def _enumerated(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _enumerated(one)
    elif isinstance(value, dict):
        yield from (str(name) for name, inner in value.items() if isinstance(inner, dict) and "enum" in inner)
        for inner in value.values():
            yield from _enumerated(inner)


def _allow_null(value: object) -> None:
    """Puts null among the values of an enumeration that may be null, where GitHub leaves it out."""
    if isinstance(value, list):
        for one in value:
            _allow_null(one)
    elif isinstance(value, dict):
        allowed = value.get("enum")
        if value.get("nullable") is True and isinstance(allowed, list) and None not in allowed:
            allowed.append(None)
        for inner in value.values():
            _allow_null(inner)


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1")


@cache
def github() -> Contract:
    """GitHub's description, cut to what the sandbox serves."""
    text = Path(__file__).with_name("github.json").read_text(encoding="utf-8")
    return Contract(json.loads(text))
