"""The two descriptions that the sandbox is held against fit to it, and the check itself finds what is wrong."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

import graphql
import pytest

from github_sandbox.traffic import Exchange
from tests.github_sandbox.contract import checker, prune_graphql, prune_openapi, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = {
    ("/_storage/{}", "get"),
    ("/{}/{}/releases/download/{}/{}", "get"),
}
"""What the sandbox has and the description has not."""


def answered(method: str, path: str, status: int, body: object, sent: object = None) -> list[str]:
    """The problems of one request and its answer."""
    asked = json.dumps(sent).encode() if sent else b""
    return checker.github().problems(Exchange(method, path, asked, status, json.dumps(body).encode()))


LABEL = {
    "id": 1,
    "node_id": "LA",
    "url": "http://127.0.0.1/",
    "name": "minor",
    "description": None,
    "color": "ededed",
    "default": False,
}
LABELS = "/repos/acme/shop/labels"
PULLS = "/repos/acme/shop/pulls"


def test_every_endpoint_of_the_sandbox_is_described_by_github() -> None:
    described = {(prune_openapi.shape(one.template), one.method) for one in checker.github().operations}

    assert prune_openapi.served() - described == OWN
    assert described <= prune_openapi.served()


def test_what_github_would_say_has_no_problems() -> None:
    assert answered("GET", f"{LABELS}/minor", 200, LABEL) == []
    assert answered("POST", LABELS, 201, LABEL, {"name": "minor"}) == []
    assert answered("GET", f"{LABELS}/none", 404, {}) == []


ONE = f"{LABELS}/minor"


@pytest.mark.parametrize(
    "asked,status,body,problem",
    [
        (("GET", ONE), 200, LABEL | {"id": "1"}, "the answer 200, $.id: '1' is not of type 'integer'"),
        (("GET", ONE), 200, LABEL | {"colour": "x"}, "the answer 200 has 'colour', which is not described"),
        (("GET", LABELS), 200, [LABEL | {"nmae": "x"}], "the answer 200 has 'nmae', which is not described"),
        (("GET", ONE), 500, {}, "status 500 is not described"),
        (("GET", f"{LABELS}?perpage=3"), 200, [], "the query has no 'perpage'"),
        (("GET", f"{PULLS}?state=opened"), 200, [], "state='opened' is none of ['open', 'closed', 'all']"),
        (("POST", LABELS, {"color": "x"}), 201, LABEL, "the request, $: 'name' is a required property"),
        (("POST", LABELS, {"name": "x", "colr": "x"}), 201, LABEL, "the request has 'colr', which is not described"),
    ],
)
def test_a_contradiction_is_found(asked: tuple[str, ...], status: int, body: object, problem: str) -> None:
    method, path, *sent = asked

    assert answered(method, path, status, body, *sent) == [f"{method} {path.partition('?')[0]}: {problem}"]


def test_an_address_that_github_does_not_have_is_found() -> None:
    assert answered("GET", "/repos/acme/shop/labls", 200, []) == ["GET /repos/acme/shop/labls is not described"]


def test_names_with_slashes_are_found_in_addresses() -> None:
    found = checker.github().operation("GET", "/repos/acme/shop/git/ref/heads/feature/x")

    assert found is not None
    assert found.template == "/repos/{owner}/{repo}/git/ref/{ref}"


def test_the_descriptions_are_cut_to_what_is_used() -> None:
    document: dict[str, object] = {
        "openapi": "3.0.3",
        "paths": {
            "/repos/{owner}/{repo}/labels": {
                "get": {"summary": "x", "responses": {"200": {"$ref": "#/components/responses/ok"}}},
                "trace": {},
            },
            "/unknown": {"get": {}},
        },
        "components": {
            "responses": {"ok": {"description": "d", "schema": {"$ref": "#/components/schemas/label"}}, "other": {}},
            "schemas": {"label": {"properties": {"description": {"type": "string", "example": "e"}}}},
        },
    }

    assert prune_openapi.prune(document) | {"info": None} == {
        "openapi": "3.0.3",
        "info": None,
        "paths": {
            "/repos/{owner}/{repo}/labels": {"get": {"responses": {"200": {"$ref": "#/components/responses/ok"}}}}
        },
        "components": {
            "responses": {"ok": {"schema": {"$ref": "#/components/schemas/label"}}},
            "schemas": {"label": {"properties": {"description": {"type": "string"}}}},
        },
    }


# The traffic of the tests


def exchange(number: int, state: str, *, name: str = "minor") -> Exchange:
    answer = [{"number": number, "state": state, "labels": [{"name": name}, {"name": "other"}]}]
    return Exchange("GET", f"{PULLS}?per_page={number}", b"", 200, json.dumps(answer).encode())


def test_what_differs_in_names_and_numbers_only_is_looked_at_once() -> None:
    assert traffic.shape_of(exchange(1, "open")) == traffic.shape_of(exchange(23, "open", name="major"))
    assert traffic.shape_of(exchange(1, "open")) != traffic.shape_of(exchange(1, "closed"))


@pytest.mark.parametrize("everything,times", [(False, 1), (True, 2)])
def test_a_contradiction_in_the_traffic_is_told_once_or_every_time(*, everything: bool, times: int) -> None:
    seen = traffic.Traffic(everything=everything)
    for number in (1, 2):
        seen.watch(Exchange("GET", f"/repos/acme/shop/issues/{number}/labels", b"", 200, b'[{"nmae": "x"}]'))

    found = [one for one in seen.problems() if "nmae" in one]

    assert len(found) == times
    assert list(seen.problems()) == []


# GraphQL


def schema_text() -> str:
    return resources.files("github_sandbox").joinpath("schema.graphql").read_text(encoding="utf-8")


def arguments(schema: graphql.GraphQLSchema) -> Iterator[tuple[str, str, set[str]]]:
    """The fields of all types with their arguments."""
    for name, kind in schema.type_map.items():
        if isinstance(kind, graphql.GraphQLObjectType | graphql.GraphQLInterfaceType) and not name.startswith("__"):
            for field, definition in kind.fields.items():
                yield name, field, set(definition.args)


def test_the_schema_is_sound_and_is_what_the_list_of_kept_fields_says() -> None:
    schema = graphql.build_schema(schema_text())
    kept = prune_graphql.kept()

    assert graphql.validate_schema(schema) == []
    assert {(name, field): names for name, field, names in arguments(schema)} == {
        (name, field): names for name, fields in kept.items() for field, names in fields.items()
    }


def test_cutting_the_schema_again_changes_nothing() -> None:
    original = graphql.parse(schema_text(), no_location=True)

    assert prune_graphql.prune(original, prune_graphql.kept()) == schema_text()


def test_a_field_that_github_does_not_have_cannot_be_kept() -> None:
    original = graphql.parse(schema_text(), no_location=True)

    with pytest.raises(SystemExit, match="Label has no colour"):
        prune_graphql.prune(original, {"Label": {"colour": set()}})
    with pytest.raises(SystemExit, match="the schema has no Lable"):
        prune_graphql.prune(original, {"Lable": {}})
    with pytest.raises(SystemExit, match="label has no argument nmae"):
        prune_graphql.prune(original, {"Repository": {"label": {"nmae"}}})
