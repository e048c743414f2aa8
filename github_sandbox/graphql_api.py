"""GitHub's GraphQL interface: its own schema, cut to what is used, executed by graphql-core."""

from __future__ import annotations

import functools
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Protocol

import graphql
import msgspec

from github_sandbox import graphql_views
from github_sandbox.answer import Answer, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from github_sandbox.call import Call
    from github_sandbox.graphql_views import View

MOST_ITEMS = 100
MOST_NODES = 500_000


class Asked(Protocol):
    """What the library tells of a field that is asked for."""

    field_name: str


class Query(msgspec.Struct):
    """The body of a request."""

    query: str
    variables: dict[str, object] | None = None
    operation_name: str | None = msgspec.field(name="operationName", default=None)


class Size(msgspec.Struct):
    """What a query asks for: nodes at most, and requests as the limits count them."""

    nodes: int = 0
    requests: int = 0

    @property
    def cost(self) -> int:
        """Points of the rate limit."""
        return max(1, round(self.requests / 100))


@functools.cache
def schema() -> graphql.GraphQLSchema:
    """The parts of GitHub's schema that are served."""
    text = resources.files("github_sandbox").joinpath("schema.graphql").read_text(encoding="utf-8")
    return graphql.build_schema(text, no_location=True)


def execute(call: Call, limit: dict[str, int]) -> Answer:
    """Answers a query: data, errors, or both, and always 200."""
    if call.caller.author is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "This endpoint requires you to be authenticated.")
    body = call.body(Query)
    document = _read(body.query)
    if not isinstance(document, graphql.DocumentNode):
        return _refused(document)
    operation = graphql.utilities.get_operation_ast(document, body.operation_name)
    if operation is None:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Unknown operation")
    measured = measure(document, operation, body.variables or {})
    if isinstance(measured, graphql.GraphQLError):
        return _refused([measured])
    root = graphql_views.root(call, {"cost": measured.cost, "nodeCount": measured.nodes, **limit})
    result = graphql.execute_sync(
        schema(),
        document,
        root,
        variable_values=body.variables,
        operation_name=body.operation_name,
        field_resolver=_field,
    )
    answer: dict[str, object] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_formatted(error) for error in result.errors]
    return Answer(document=answer)


def _field(view: View, info: Asked, **given: object) -> object:
    """A field of a view: the library's own way asks first what kind of thing it has, a hundred times for each query."""
    value = view.get(info.field_name)
    return value(info, **given) if callable(value) else value


@functools.lru_cache(maxsize=256)
def _read(query: str) -> graphql.DocumentNode | tuple[graphql.GraphQLError, ...]:
    """The query, or what is wrong with it; programs ask the same again and again, and reading costs most of it."""
    try:
        document = graphql.parse(query)
    except graphql.GraphQLError as error:
        return (error,)
    return tuple(error for error in graphql.validate(schema(), document) if TAKEN not in error.message) or document


def _refused(errors: Sequence[graphql.GraphQLError]) -> Answer:
    return Answer(document={"errors": [_formatted(error) for error in errors]})


def _formatted(error: graphql.GraphQLError) -> dict[str, object]:
    """An error as GitHub writes it: its type stands beside the message."""
    found: dict[str, object] = dict(error.formatted)
    extensions = found.pop("extensions", None)
    if isinstance(error.original_error, ApiError):
        found["type"] = "NOT_FOUND" if error.original_error.status == HTTPStatus.NOT_FOUND else "FORBIDDEN"
    elif error.original_error is not None and not isinstance(error.original_error, graphql.GraphQLError):
        raise error.original_error
    if isinstance(extensions, dict):
        found |= extensions
    return found


def measure(
    document: graphql.DocumentNode, operation: graphql.OperationDefinitionNode, variables: Mapping[str, object]
) -> Size | graphql.GraphQLError:
    """How much a query asks for; an error when a connection has no bounds, or all is too much."""
    walk = _Walk(document, variables)
    root = schema().query_type
    if root is None:
        raise ApiError(HTTPStatus.BAD_REQUEST, "The schema has no queries")
    try:
        walk.visit(operation.selection_set, root, 1)
    except graphql.GraphQLError as error:
        return error
    if walk.size.nodes > MOST_NODES:
        text = (
            f"This query requests up to {walk.size.nodes:,} possible nodes which exceeds the maximum limit of 500,000."
        )
        return graphql.GraphQLError(text, extensions={"type": "MAX_NODE_LIMIT_EXCEEDED"})
    return walk.size


def _lists(field: graphql.FieldNode) -> bool:
    """Whether the things themselves are asked for, and not only how many there are."""
    asked = field.selection_set.selections if field.selection_set else ()
    names = {node.name.value if isinstance(node, graphql.FieldNode) else "" for node in asked}
    return not names <= {"totalCount", "__typename"}


TAKEN = "because they return conflicting types"
"""What the specification forbids and GitHub takes: one name for fields of an issue and of a pull request."""


class _Walk:
    """Goes through the connections of a query."""

    def __init__(self, document: graphql.DocumentNode, variables: Mapping[str, object]) -> None:
        self.size = Size()
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, graphql.FragmentDefinitionNode)
        }

    def visit(self, selections: graphql.SelectionSetNode, parent: graphql.GraphQLNamedType, times: int) -> None:
        for field, owner in self._fields(selections, parent):
            definition = owner.fields.get(field.name.value)
            if definition is None:  # __typename
                continue
            below = times
            if "first" in definition.args and (_lists(field) or field.arguments):
                below = times * self._bound(field)
                self.size.requests += times
                self.size.nodes += below
            if field.selection_set:
                self.visit(field.selection_set, graphql.get_named_type(definition.type), below)

    def _fields(
        self, selections: graphql.SelectionSetNode, parent: graphql.GraphQLNamedType
    ) -> Iterator[tuple[graphql.FieldNode, graphql.GraphQLObjectType | graphql.GraphQLInterfaceType]]:
        for node in selections.selections:
            if isinstance(node, graphql.FieldNode):
                if isinstance(parent, graphql.GraphQLObjectType | graphql.GraphQLInterfaceType):
                    yield node, parent
                continue
            fragment = self._fragments[node.name.value] if isinstance(node, graphql.FragmentSpreadNode) else node
            if isinstance(fragment, graphql.FragmentDefinitionNode | graphql.InlineFragmentNode):
                condition = fragment.type_condition
                inner = schema().type_map[condition.name.value] if condition else parent
                yield from self._fields(fragment.selection_set, inner)

    def _bound(self, field: graphql.FieldNode) -> int:
        name = field.name.value
        bounds = {argument.name.value: self._value(argument.value) for argument in field.arguments or ()}
        given = {key: value for key, value in bounds.items() if key in {"first", "last"} and value is not None}
        if not given:
            text = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
            raise graphql.GraphQLError(text, field, extensions={"type": "MISSING_PAGINATION_BOUNDARIES"})
        key, value = next(iter(given.items()))
        if not isinstance(value, int) or not 1 <= value <= MOST_ITEMS:
            text = f"Requesting {value} records on the `{name}` connection exceeds the `{key}` limit of 100 records."
            raise graphql.GraphQLError(text, field, extensions={"type": "EXCESSIVE_PAGINATION"})
        return value

    def _value(self, node: graphql.ValueNode) -> object:
        return graphql.utilities.value_from_ast_untyped(node, dict(self._variables))
