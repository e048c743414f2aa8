"""The ledger where it is kept: GitHub's deployments that the tool made, each with all of its statuses."""

from __future__ import annotations

import functools
import secrets
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import TASK, Deployment, decode, encode, steps
from release_tool.deploy.ledger.phase import describe, is_spoken
from release_tool.errors import NoAnswerError, RemoteError
from release_tool.github import transport as github_transport
from release_tool.github.graphql import BOT, Actor, PageInfo, pages, told
from release_tool.github.transport import Purpose
from release_tool.history.trust import Ignored, Trust, trust_of
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from release_tool.deploy.ledger.model import Payload
    from release_tool.deploy.ledger.phase import PhaseRecord
    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest
    from release_tool.project import Project

_OLDEST, _NEWEST = "ASC", "DESC"
_PAGE = 100
_FEW = 30
_READ = "deployments: read"
_WRITE = "deployments: write"

_TOLD = """
fragment told on DeploymentStatusConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes { id state description createdAt creator { login __typename } }
}
"""

DEPLOYMENT = (
    """
fragment deployed on Deployment {
  id databaseId environment task payload createdAt commitOid
  creator { login __typename }
  latestStatus { id }
  statuses(first: $page) { ...told }
}
"""
    + _TOLD
)
"""How a `Record` is asked for, for queries that ask for more than deployments; `$page` is how many statuses to tell."""

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


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    state: str
    created_at: datetime
    description: str | None
    creator: Actor | None = None

    @property
    def author(self) -> str:
        return self.creator.name if self.creator else ""


class _Statuses(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    page_info: PageInfo
    nodes: tuple[_Status, ...]


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment as GitHub returns it, of any tool."""

    id: str
    number: int = msgspec.field(name="databaseId")
    created_at: datetime
    latest_status: _Id | None
    statuses: _Statuses
    environment: str | None
    task: str | None
    payload: str | None
    commit: str = msgspec.field(name="commitOid")
    creator: Actor | None = None

    @property
    def author(self) -> str:
        """Who made it, empty where the account is gone."""
        return self.creator.name if self.creator else ""

    @property
    def is_of_the_tool(self) -> bool:
        """Whether the tool made it, as it says of itself."""
        return self.task == TASK and "schema" in (self.payload or "")

    @property
    def name(self) -> str:
        """Its name in the message that it is ignored."""
        return f"deployment #{self.number} to {visible(self.environment or '')}"

    def read(self) -> Payload | None:
        """Its payload; None where it is another tool's, can't be read, or is about another commit."""
        payload = decode(self.task or "", self.payload)
        return payload if payload and payload.commit == self.commit else None

    def oldest_first(self, told: Sequence[_Status]) -> Sequence[_Status]:
        """Its statuses in order: GitHub does not promise any, but tells which of them is the newest."""
        newest = self.latest_status.id if self.latest_status else ""
        return told if told and newest not in {"", told[0].id} else told[::-1]


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    nodes: tuple[Record, ...]


class _Node(msgspec.Struct, frozen=True):
    statuses: _Statuses


class _StatusesAnswer(msgspec.Struct, frozen=True):
    node: _Node | None


class Deployments:
    """The deployments of one repository, as the ledger sees them; those of other tools are left out.

    Records of untrusted authors, unreadable ones and those that contradict themselves are ignored,
    and told in `ignored`. Every method raises RemoteError where GitHub fails, and PermissionDeniedError where the token
    lacks a right.
    """

    def __init__(self, rest: Rest, graphql: GraphQL, trust: Trust | None = None) -> None:
        self._rest = rest
        self._graphql = graphql
        self._trust = trust or Trust()
        self._ignored: dict[str, Ignored] = {}

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """The records that were ignored so far, each once."""
        return tuple(self._ignored.values())

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
        self._rest.send("POST", f"deployments/{number}/statuses", fields, purpose)

    def ledger(self, environment: str) -> tuple[Deployment, ...]:
        """All deployments to an environment, oldest first; a hundred cost a request, those of other tools included."""
        return self.ledgers([environment])[environment]

    def ledgers(self, environments: Collection[str]) -> dict[str, tuple[Deployment, ...]]:
        """The ledger of each of some environments, for no more requests than that of one.

        Where GitHub's `page_ends` are known, many hundreds cost a request; all of them are read anew.
        """
        nodes: dict[str, list[Record]] = {name.casefold(): [] for name in environments}
        for page in self._whole(environments) if environments else ():
            for node in page:
                place = (node.environment or "").casefold()
                if place not in nodes:
                    raise RemoteError(
                        f"GitHub told of {node.name}, which is to another environment",
                        during=f"reading the deployments to {', '.join(environments)}",
                    )
                nodes[place].append(node)
        return {name: self.told(nodes[name.casefold()][::-1]) for name in environments}

    def newest(self, environment: str, count: int) -> tuple[Deployment, ...]:
        """The newest deployments to an environment, oldest first: `count` of them, or all where there are fewer."""
        nodes: list[Record] = []
        found: tuple[Deployment, ...] = ()
        for page in self._pages([environment], min(count, _PAGE)):
            nodes += page
            found = self.told(nodes)
            if len(found) >= count:
                break
        return found[-count:]

    def told(self, records: Iterable[Record]) -> tuple[Deployment, ...]:
        """The trusted ones of some records, oldest first, with all of their trusted statuses."""
        ours = [record for record in records if record.is_of_the_tool]
        built_on = {
            payload.parent for record in ours if self._trust.is_ours(record.author) and (payload := record.read())
        }
        found = (self._told(record, built_on) for record in ours)
        return tuple(sorted((one for one in found if one), key=lambda deployment: deployment.id))

    # How it is asked

    def _create(self, fields: dict[str, object], purpose: Purpose) -> int:
        answer = self._rest.transport.write("POST", self._rest.path("deployments"), fields, purpose)
        if answer.status != HTTPStatus.CREATED:
            raise RemoteError(f"GitHub made no deployment (it answered {answer.status})", during=purpose.doing)
        return github_transport.decode(answer.body, _Made, purpose).id

    def _made_with(self, nonce: str, environment: str) -> int | None:
        newest = next(self._pages([environment], _FEW))
        return next((node.number for node in newest if nonce in (node.payload or "")), None)

    def _told(self, record: Record, built_on: Collection[int | None]) -> Deployment | None:
        payload = record.read()
        if payload is None:
            self._pass_over(Ignored(what=record.name, why=_unreadable(record)))
            return None
        if not self._counts(record, built_on):
            self._pass_over(self._trust.ignored(record.name, record.author))
            return None
        told = record.oldest_first(self._statuses(record))
        counted = [status for status in told if self._status_counts(record, status)]
        return Deployment(
            id=record.number,
            payload=payload,
            created=record.created_at,
            steps=steps((status.state, status.description or "", status.created_at) for status in counted),
        )

    def _counts(self, record: Record, built_on: Collection[int | None]) -> bool:
        """Whether a deployment is ours or a writer's; one that we built on counts after its author has left, too."""
        if self._trust.is_ours(record.author):
            return True
        if record.author.endswith(BOT):
            return False
        return (
            record.number in built_on
            or any(self._builds_on(status) for status in self._statuses(record))
            or self._trust.counts(record.author)
        )

    def _builds_on(self, status: _Status) -> bool:
        """Whether a status of a deployment shows that we built on it."""
        return is_spoken(status.state, status.description or "") and self._trust.is_ours(status.author)

    def _status_counts(self, record: Record, status: _Status) -> bool:
        if status.author == record.author or self._trust.counts(status.author):
            return True
        what = f"the status `{status.state.lower()}` of {record.name}"
        self._pass_over(self._trust.ignored(what, status.author))
        return False

    def _pass_over(self, ignored: Ignored) -> None:
        self._ignored[ignored.what] = ignored

    def _statuses(self, node: Record) -> Sequence[_Status]:
        """All statuses of a deployment, of which a page of deployments has room for some only."""
        rest = pages(lambda after: self._more_statuses(node, after), node.statuses)
        told = [status for page in rest for status in page.nodes]
        if len(told) < node.statuses.total_count:
            raise RemoteError(f"GitHub did not return all statuses of deployment #{node.number}")
        return told

    def _more_statuses(self, node: Record, after: str | None) -> _Statuses:
        purpose = Purpose(f"reading the statuses of deployment #{node.number}", _READ)
        variables = {"id": node.id, "page": _PAGE, "after": after}
        found = self._graphql.ask(_STATUSES, variables, _StatusesAnswer, purpose).node
        if found is None:
            raise RemoteError(f"GitHub knows no deployment #{node.number} any more", during=purpose.doing)
        return found.statuses

    def _whole(self, environments: Collection[str]) -> Iterator[tuple[Record, ...]]:
        """Every page of the deployments to some environments, oldest first: their ends stay where they are."""
        name = " ".join(sorted(map(str.casefold, environments)))
        ask = functools.partial(self._asked, environments, _OLDEST, _PAGE)
        return (page.nodes for page in self._graphql.whole(name, ask))

    def _pages(self, environments: Collection[str], size: int) -> Iterator[tuple[Record, ...]]:
        """Every page of the deployments to some environments, newest first; there is always one."""
        return (page.nodes for page in pages(lambda after: self._asked(environments, _NEWEST, size, [after])[0]))

    def _asked(
        self, environments: Collection[str], order: str, size: int, starts: Sequence[str | None]
    ) -> Sequence[_Page]:
        """Pages that begin somewhere; fewer, and then a smaller one, each time that GitHub could not make them."""
        purpose = Purpose(f"reading the deployments to {', '.join(environments)}", _READ)
        fixed: dict[str, object] = {"environments": list(environments), "page": _PAGE}
        asked: Sequence[str | None] = ()

        def ask(failures: int) -> tuple[str, dict[str, object]]:
            nonlocal asked
            asked = starts[: max(len(starts) >> failures, 1)]
            first = max(size >> max(failures + 1 - len(starts).bit_length(), 0), 1)
            cursors = {f"after{number}": cursor for number, cursor in enumerate(asked)}
            return _pages_query(order, len(asked)), fixed | {"first": first} | cursors

        answer = self._graphql.repository_less(ask, dict[str, _Page], purpose)
        return told(answer, (f"p{number}" for number in range(len(asked))), purpose)


def _pages_query(order: str, count: int) -> str:
    """So many pages at once, each an alias that begins at a variable of its own."""
    cursors = "".join(f", $after{number}: String" for number in range(count))
    of = f"environments: $environments, orderBy: {{field: CREATED_AT, direction: {order}}}, first: $first"
    fields = "{ pageInfo { hasNextPage endCursor } nodes { ...deployed } }"
    asked = "".join(f"    p{number}: deployments({of}, after: $after{number}) {fields}\n" for number in range(count))
    return f"""
query($owner: String!, $name: String!, $environments: [String!]!, $first: Int!, $page: Int!{cursors}) {{
  repository(owner: $owner, name: $name) {{
{asked}  }}
}}
{DEPLOYMENT}"""


def _unreadable(record: Record) -> str:
    if decode(record.task or "", record.payload):
        return "has another commit than its payload says"
    return "has a payload that can't be read"


def deployments_of(project: Project) -> Deployments:
    """The deployments of a project, of which those count whose authors it trusts."""
    trust = trust_of(project)
    return project.remote.adapter(lambda rest, graphql: Deployments(rest, graphql, trust))
