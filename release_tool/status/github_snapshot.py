"""A look at everything at once: deployments, open pull requests and marks on commits, for one request."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import Deployment
from release_tool.deploy.ledger.store import DEPLOYMENT, Deployments, Record
from release_tool.github.api import Status
from release_tool.github.graphql import Actor, PageInfo, told
from release_tool.github.transport import Purpose
from release_tool.history.marks import Marks, counted
from release_tool.history.trust import Ignored, Trust

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest


_PAGE = 100
_PULLS = 50
_NODES = 500_000 - 5_000
"""What GitHub tells at most at once, less what is asked for beside the deployments."""


class BranchPullRequest(msgspec.Struct, frozen=True, rename="camel"):
    """An open pull request from a branch of the repository itself."""

    number: int
    url: str
    title: str
    created_at: datetime
    branch: str = msgspec.field(name="headRefName")
    is_cross_repository: bool = False


class GitHubSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen: the newest deployments of each environment, oldest first; those that are `cut` have older ones.

    `pulls` are open towards the hosted branch, and `marks` are our statuses of commits; where some of these are
    ignored, somebody wrote over them. `ignored` is what was passed over.
    """

    ledgers: dict[str, tuple[Deployment, ...]]
    cut: frozenset[str]
    pulls: tuple[BranchPullRequest, ...]
    marks: dict[str, Marks]
    ignored: tuple[Ignored, ...] = ()


class _Deployments(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    nodes: tuple[Record, ...]


class _Pulls(msgspec.Struct, frozen=True):
    nodes: tuple[BranchPullRequest, ...]


class _Open(msgspec.Struct, frozen=True, rename="camel"):
    pull_requests: _Pulls


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    context: str
    state: str
    created_at: datetime
    creator: Actor | None = None

    @property
    def status(self) -> Status:
        """The status, as REST tells it."""
        author = self.creator.name if self.creator else ""
        return Status(context=self.context, state=self.state.casefold(), author=author, at=self.created_at)


class _Status(msgspec.Struct, frozen=True):
    contexts: tuple[_Context, ...]


class _Commit(msgspec.Struct, frozen=True):
    status: _Status | None = None

    @property
    def statuses(self) -> list[Status]:
        """The newest one of each context."""
        return [one.status for one in self.status.contexts] if self.status else []


_LOOKING = Purpose("looking at deployments and pull requests", "deployments: read and pull-requests: read")


class _Answer(msgspec.Struct, frozen=True):
    """The repository three times over; what was not asked for is empty."""

    open: _Open | None
    deployed: dict[str, _Deployments] | None = None
    marked: dict[str, _Commit | None] | None = None


class GitHubSnapshots:
    """What one repository shows at a glance; raises RemoteError where GitHub fails, or the token lacks a right."""

    def __init__(self, rest: Rest, graphql: GraphQL, trust: Trust | None = None) -> None:
        self._graphql = graphql
        self._trust = trust or Trust()
        self._deployments = Deployments(rest, graphql, self._trust)

    def look(self, environments: Sequence[str], base: str, commits: Collection[str]) -> GitHubSnapshot:
        """Look at the newest deployments to some environments, the pull requests to a branch, and some commits."""
        places = {f"e{number}": name for number, name in enumerate(environments)}
        marked = {f"c{number}": sha for number, sha in enumerate(dict.fromkeys(commits))}
        found = self._asked(places, base, marked)
        pulls = found.open.pull_requests.nodes if found.open else ()
        pages = dict(zip(environments, told(found.deployed or {}, places, _LOOKING), strict=True))
        answers = zip(marked.values(), told(found.marked or {}, marked, _LOOKING), strict=True)
        written = {sha: (answer or _Commit()).statuses for sha, answer in answers}
        ledgers = {name: self._deployments.told(page.nodes) for name, page in pages.items()}
        return GitHubSnapshot(
            ledgers=ledgers,
            cut=frozenset(name for name, page in pages.items() if page.page_info.has_next_page),
            pulls=tuple(pull for pull in pulls if not pull.is_cross_repository),
            marks={sha: counted(statuses, sha, self._trust) for sha, statuses in written.items()},
            ignored=self._deployments.ignored,
        )

    def _asked(self, places: Mapping[str, str], base: str, marked: Mapping[str, str]) -> _Answer:
        """Ask; for less of the past each time that GitHub could not tell it."""
        fixed = {"base": base, "pulls": _PULLS, **places, **marked}

        def ask(failures: int) -> tuple[str, dict[str, object]]:
            most = min(_PAGE, _NODES // ((1 + _PAGE) * len(places))) if places else 0
            sizes = {"first": max(most >> failures, 1), "page": _PAGE} if places else {}
            return _query(places, marked), fixed | sizes

        answer = self._graphql.ask_less(ask, _Answer, _LOOKING)
        self._graphql.found(answer.open, _LOOKING)
        return answer


def _query(places: Iterable[str], marked: Iterable[str]) -> str:
    """Each environment and each commit is a variable and the alias of its answer."""
    newest = "orderBy: {field: CREATED_AT, direction: DESC}, first: $first"
    page = "{ pageInfo { hasNextPage } nodes { ...deployed } }"
    status = "{ ... on Commit { status { contexts { context state createdAt creator { login __typename } } } } }"
    deployed = [f"    {name}: deployments(environments: [${name}], {newest}) {page}" for name in places]
    commits = [f"    {name}: object(oid: ${name}) {status}" for name in marked]
    variables = [f", ${name}: String!" for name in places] + [f", ${name}: GitObjectID!" for name in marked]
    if deployed:
        variables.append(", $first: Int!, $page: Int!")
    return f"""
query($owner: String!, $name: String!, $base: String!, $pulls: Int!{"".join(variables)}) {{
  open: repository(owner: $owner, name: $name) {{
    pullRequests(states: OPEN, baseRefName: $base, first: $pulls, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
      nodes {{ number url title createdAt headRefName isCrossRepository }}
    }}
  }}
{_part("deployed", deployed)}{_part("marked", commits)}}}
{DEPLOYMENT if deployed else ""}"""


def _part(name: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return "\n".join([f"  {name}: repository(owner: $owner, name: $name) {{", *lines, "  }\n"])
