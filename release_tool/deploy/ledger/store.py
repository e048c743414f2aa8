"""The ledger where it is kept: GitHub's deployments that the tool made, each with all of its statuses."""

from __future__ import annotations

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import TASK, Deployment, decode, encode, steps
from release_tool.deploy.ledger.phase import describe
from release_tool.errors import NeedsPersonError, NoAnswerError, RemoteError
from release_tool.github import transport as github_transport
from release_tool.github.transport import Purpose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from release_tool.deploy.ledger.model import Payload
    from release_tool.deploy.ledger.phase import PhaseRecord
    from release_tool.github.transport import Query, Transport

_PAGE = 100
_FEW = 30
_READ = "deployments: read"
_WRITE = "deployments: write"

_TOLD = """
fragment told on DeploymentStatusConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes { id state description createdAt }
}
"""

DEPLOYMENT = (
    """
fragment deployed on Deployment {
  id databaseId environment task payload createdAt
  latestStatus { id }
  statuses(first: $page) { ...told }
}
"""
    + _TOLD
)
"""How a `Record` is asked for, for queries that ask for more than deployments; `$page` is how many statuses to tell."""

_DEPLOYMENTS = (
    """
query(
  $owner: String!, $name: String!, $environments: [String!]!, $first: Int!, $after: String, $page: Int!
) {
  repository(owner: $owner, name: $name) {
    deployments(
      environments: $environments, orderBy: {field: CREATED_AT, direction: DESC}, first: $first, after: $after
    ) {
      pageInfo { hasNextPage endCursor }
      nodes { ...deployed }
    }
  }
}
"""
    + DEPLOYMENT
)

_STATUSES = (
    """
query($id: ID!, $page: Int!, $after: String) {
  node(id: $id) { ... on Deployment { statuses(first: $page, after: $after) { ...told } } }
}
"""
    + _TOLD
)


class _Made(msgspec.Struct, frozen=True):
    id: int


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    state: str
    created_at: datetime
    description: str | None


class _Statuses(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    page_info: _PageInfo
    nodes: tuple[_Status, ...]


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment as GitHub tells it, of whatever tool."""

    id: str
    number: int = msgspec.field(name="databaseId")
    created_at: datetime
    latest_status: _Id | None
    statuses: _Statuses
    environment: str | None
    task: str | None
    payload: str | None

    def read(self) -> Payload | None:
        """What it says of itself, None where another tool made it.

        Raises NeedsPersonError where the tool made it and can't read it: to pass it by could hide what is going on.
        """
        payload = decode(self.task or "", self.payload)
        if payload is None and self.task == TASK and "schema" in (self.payload or ""):
            raise NeedsPersonError(
                f"what release-tool wrote into deployment #{self.number} to {self.environment} can't be read",
                during="reading the ledger",
                todo="use the release-tool that wrote it, or a newer one, or set it inactive on GitHub and delete it",
            )
        return payload

    def oldest_first(self, told: Sequence[_Status]) -> Sequence[_Status]:
        """Its statuses in order: GitHub does not promise any, but tells which of them is the newest."""
        newest = self.latest_status.id if self.latest_status else ""
        return told if told and newest not in {"", told[0].id} else told[::-1]


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    nodes: tuple[Record, ...]


class _Repository(msgspec.Struct, frozen=True):
    deployments: _Page


class _Answer(msgspec.Struct, frozen=True):
    repository: _Repository | None


class _Node(msgspec.Struct, frozen=True):
    statuses: _Statuses


class _StatusesAnswer(msgspec.Struct, frozen=True):
    node: _Node | None


class Deployments:
    """The deployments of one repository, as the ledger sees them; those of other tools are left out.

    Every method raises RemoteError where GitHub fails, PermissionDeniedError where the token lacks a right, and
    NeedsPersonError where the ledger holds something of ours that can't be read.
    """

    def __init__(self, repository: str, transport: Transport) -> None:
        self._repository = repository
        self._transport = transport

    def create(self, environment: str, payload: Payload, description: str) -> int:
        """Write a deployment of the payload's commit and return its number; it is without a status yet.

        It is sent once, with a nonce in its payload. Where no answer comes, the newest deployments are looked through
        for that nonce, and NoAnswerError is raised where none has it; it may still turn up then, as its owner's.
        """
        purpose = Purpose(f"writing a deployment of {payload.name} to {environment}", _WRITE)
        nonce = secrets.token_hex(8)
        fields = {
            "ref": payload.commit,
            "task": TASK,
            "auto_merge": False,
            "required_contexts": [],
            "environment": environment,
            "description": description,
            "payload": encode(payload) | {"nonce": nonce},
        }
        try:
            return self._create(fields, purpose)
        except NoAnswerError:
            made = self._made_with(nonce, environment)
            if made is None:
                raise
            return made

    def status(self, number: int, phase: PhaseRecord, *, log_url: str = "", environment_url: str = "") -> None:
        """Write a phase of a deployment; twice says the same as once. No other deployment becomes inactive by it."""
        state, line = describe(phase)
        fields: dict[str, object] = {
            "state": state.value,
            "description": line,
            "log_url": log_url,
            "environment_url": environment_url,
            "auto_inactive": False,
        }
        purpose = Purpose(f"writing that deployment #{number} is {phase.word.value}", _WRITE)
        self._transport.write("POST", self._path(number, "statuses"), fields, purpose)

    def ledger(self, environment: str) -> tuple[Deployment, ...]:
        """All deployments to an environment, oldest first; a hundred cost a request, those of other tools included."""
        return self.ledgers([environment])[environment]

    def ledgers(self, environments: Collection[str]) -> dict[str, tuple[Deployment, ...]]:
        """The ledger of each of some environments, for no more requests than that of one."""
        found: dict[str, list[Deployment]] = {name.casefold(): [] for name in environments}
        for page in self._pages(environments, _PAGE) if environments else ():
            for node in page:
                found[(node.environment or "").casefold()] += self._ours([node])
        return {name: _in_order(found[name.casefold()]) for name in environments}

    def newest(self, environment: str, count: int) -> tuple[Deployment, ...]:
        """The newest deployments to an environment, oldest first: `count` of them, or all where there are fewer."""
        found: list[Deployment] = []
        for page in self._pages([environment], min(count, _PAGE)):
            found += self._ours(page)
            if len(found) >= count:
                break
        return _in_order(found)[-count:]

    def told(self, records: Iterable[Record]) -> tuple[Deployment, ...]:
        """Those of some records that are ours, oldest first, with all of their statuses."""
        return _in_order(self._ours(records))

    # How it is asked

    def _create(self, fields: dict[str, object], purpose: Purpose) -> int:
        answer = self._transport.write("POST", self._path(), fields, purpose)
        if answer.status != HTTPStatus.CREATED:
            raise RemoteError(f"GitHub made no deployment (it answered {answer.status})", during=purpose.doing)
        return github_transport.decode(answer.body, _Made, purpose).id

    def _made_with(self, nonce: str, environment: str) -> int | None:
        newest = next(self._pages([environment], _FEW))
        return next((node.number for node in newest if nonce in (node.payload or "")), None)

    def _ours(self, nodes: Iterable[Record]) -> list[Deployment]:
        return [self._told(node, payload) for node in nodes if (payload := node.read())]

    def _told(self, node: Record, payload: Payload) -> Deployment:
        told = node.oldest_first(self._statuses(node))
        return Deployment(
            id=node.number,
            payload=payload,
            created=node.created_at,
            steps=steps((status.state, status.description or "", status.created_at) for status in told),
        )

    def _statuses(self, node: Record) -> Sequence[_Status]:
        """All statuses of a deployment, of which a page of deployments has room for some only."""
        page, told = node.statuses, [*node.statuses.nodes]
        while page.page_info.has_next_page:
            page = self._more_statuses(node, page.page_info.end_cursor)
            told += page.nodes
        if len(told) < node.statuses.total_count:
            raise RemoteError(f"GitHub does not tell all statuses of deployment #{node.number}")
        return told

    def _more_statuses(self, node: Record, after: str | None) -> _Statuses:
        purpose = Purpose(f"reading the statuses of deployment #{node.number}", _READ)
        query: Query = {"query": _STATUSES, "variables": {"id": node.id, "page": _PAGE, "after": after}}
        found = self._transport.query(lambda _: query, _StatusesAnswer, purpose).node
        if found is None:
            raise RemoteError(f"GitHub knows no deployment #{node.number} any more", during=purpose.doing)
        return found.statuses

    def _pages(self, environments: Collection[str], size: int) -> Iterator[tuple[Record, ...]]:
        """Every page of the deployments to some environments, newest first; there is always one."""
        after: str | None = None
        while True:
            page = self._page(environments, size, after)
            yield page.nodes
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor

    def _page(self, environments: Collection[str], size: int, after: str | None) -> _Page:
        """One page; a smaller one each time that GitHub could not make it."""
        purpose = Purpose(f"reading the deployments to {', '.join(environments)}", _READ)
        owner, _, name = self._repository.partition("/")
        fixed = {"owner": owner, "name": name, "environments": list(environments), "after": after, "page": _PAGE}

        def ask(failures: int) -> Query:
            return {"query": _DEPLOYMENTS, "variables": fixed | {"first": max(size >> failures, 1)}}

        found = self._transport.query(ask, _Answer, purpose).repository
        if found is None:
            raise RemoteError(
                f"GitHub knows no repository {self._repository}, or hides it from this token",
                during=purpose.doing,
                todo="check the name (`--repo OWNER/NAME`), and that the token may read it",
            )
        return found.deployments

    def _path(self, *parts: str | int) -> str:
        return "/".join([f"/repos/{self._repository}/deployments", *map(str, parts)])


def _in_order(found: Iterable[Deployment]) -> tuple[Deployment, ...]:
    return tuple(sorted(found, key=lambda deployment: deployment.id))
