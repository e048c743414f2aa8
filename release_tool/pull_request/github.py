"""Pull requests before they are merged: what they are, what they would do, and what we say on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RemoteError
from release_tool.github.transport import NotFoundError, Purpose, decode
from release_tool.model.commits import Author, Commit, PullRequest
from release_tool.pull_request.policy import MergeCandidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.github.transport import Transport

_PAGE = 100

_QUERY = """
query($owner: String!, $name: String!, $number: Int!, $page: Int!, $files: Boolean!, $after: String) {
  repository(owner: $owner, name: $name) {
    labels(first: $page) { totalCount nodes { name } }
    pullRequest(number: $number) {
      number title body url state baseRefName headRefOid
      author { login __typename }
      labels(first: $page) { totalCount nodes { name } }
      commits(last: $page) { nodes { commit { oid message } } }
      files(first: $page, after: $after) @include(if: $files) { pageInfo { hasNextPage endCursor } nodes { path } }
    }
  }
}
"""

_COMMENTS = """
query($owner: String!, $name: String!, $number: Int!, $page: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(first: $page, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { databaseId body url viewerDidAuthor }
      }
    }
  }
}
"""

_QUEUE = """
query($owner: String!, $name: String!, $branch: String!, $page: Int!) {
  repository(owner: $owner, name: $name) {
    mergeQueue(branch: $branch) {
      entries(first: $page) { totalCount nodes { headCommit { oid } pullRequest { number } } }
    }
  }
}
"""


class PullRequestComment(msgspec.Struct, frozen=True):
    """A comment of ours on a pull request."""

    id: int
    body: str
    url: str


class _Name(msgspec.Struct, frozen=True):
    name: str


class _Labels(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    nodes: tuple[_Name, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.nodes)


class _Path(msgspec.Struct, frozen=True):
    path: str


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class _Message(msgspec.Struct, frozen=True):
    oid: str
    message: str


class _Committed(msgspec.Struct, frozen=True):
    commit: _Message


class _Commits(msgspec.Struct, frozen=True):
    nodes: tuple[_Committed, ...]


class _Files(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    nodes: tuple[_Path, ...]


class _Actor(msgspec.Struct, frozen=True):
    login: str
    kind: str = msgspec.field(name="__typename")


class _Pull(msgspec.Struct, frozen=True, rename="camel"):
    number: int
    title: str
    body: str
    url: str
    state: str
    base_ref_name: str
    head_ref_oid: str
    author: _Actor | None
    labels: _Labels
    commits: _Commits
    files: _Files | None = None


class _Repository(msgspec.Struct, frozen=True, rename="camel"):
    labels: _Labels
    pull_request: _Pull | None


class _Answer(msgspec.Struct, frozen=True):
    repository: _Repository | None


class _Comment(msgspec.Struct, frozen=True, rename="camel"):
    database_id: int
    body: str
    url: str
    viewer_did_author: bool


class _Comments(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    nodes: tuple[_Comment, ...]


class _Commented(msgspec.Struct, frozen=True):
    comments: _Comments


class _CommentsRepository(msgspec.Struct, frozen=True, rename="camel"):
    pull_request: _Commented | None


class _CommentsAnswer(msgspec.Struct, frozen=True):
    repository: _CommentsRepository | None


class _Oid(msgspec.Struct, frozen=True):
    oid: str


class _Number(msgspec.Struct, frozen=True):
    number: int


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    head_commit: _Oid | None
    pull_request: _Number | None


class _Entries(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    nodes: tuple[_Entry, ...]


class _Queue(msgspec.Struct, frozen=True):
    entries: _Entries


class _QueueRepository(msgspec.Struct, frozen=True, rename="camel"):
    merge_queue: _Queue | None


class _QueueAnswer(msgspec.Struct, frozen=True):
    repository: _QueueRepository | None


class _Made(msgspec.Struct, frozen=True):
    id: int
    body: str
    html_url: str


class PullRequests:
    """The pull requests of one repository; every method raises RemoteError where GitHub fails."""

    def __init__(self, repository: str, transport: Transport) -> None:
        self._repository = repository
        self._transport = transport

    def candidate(self, number: int, *, files: bool) -> MergeCandidate | None:
        """A pull request as it is now, with the labels that exist; its paths cost more requests, so they are asked for.

        None where there is none of that number.
        """
        purpose = Purpose(f"reading pull request #{number}", "pull-requests: read")
        paths: list[str] = []
        after: str | None = None
        while True:
            found = self._asked(number, files, after, purpose)
            if found is None:
                return None
            pull = found.pull_request
            if pull is None:
                return None
            paths += [file.path for file in pull.files.nodes] if pull.files else []
            if pull.files is None or not pull.files.page_info.has_next_page:
                return _candidate(pull, found.labels, tuple(paths), purpose)
            after = pull.files.page_info.end_cursor

    def comments(self, number: int) -> list[PullRequestComment]:
        """The comments on a pull request that were written with this token's account, oldest first."""
        return [
            PullRequestComment(comment.database_id, comment.body, comment.url)
            for page in self._comment_pages(number)
            for comment in page.nodes
            if comment.viewer_did_author
        ]

    def create(self, number: int, body: str) -> PullRequestComment:
        """Write a comment. Read back: `comments`."""
        purpose = Purpose(f"commenting on #{number}", "pull-requests: write")
        answer = self._transport.write("POST", self._path("issues", number, "comments"), {"body": body}, purpose)
        made = decode(answer.body, _Made, purpose)
        return PullRequestComment(made.id, made.body, made.html_url)

    def update(self, comment: PullRequestComment, body: str) -> PullRequestComment:
        """Change a comment; changing it twice is the same as once."""
        purpose = Purpose(f"changing the comment {comment.id}", "pull-requests: write")
        answer = self._transport.write("PATCH", self._path("issues", "comments", comment.id), {"body": body}, purpose)
        made = decode(answer.body, _Made, purpose)
        return PullRequestComment(made.id, made.body, made.html_url)

    def delete(self, comment: PullRequestComment) -> None:
        """Delete a comment; one that is gone already is fine."""
        purpose = Purpose(f"deleting the comment {comment.id}", "pull-requests: write")
        try:
            self._transport.write("DELETE", self._path("issues", "comments", comment.id), None, purpose)
        except NotFoundError:
            return

    def queued(self, branch: str) -> dict[str, int]:
        """The pull requests in the merge queue of a branch, by the commit that each is tested as."""
        purpose = Purpose(f"reading the merge queue of {branch}", "pull-requests: read")
        variables = {**self._names(), "branch": branch, "page": _PAGE}
        answer = self._transport.query(lambda _: {"query": _QUEUE, "variables": variables}, _QueueAnswer, purpose)
        queue = answer.repository.merge_queue if answer.repository else None
        if queue is None or queue.entries.total_count > len(queue.entries.nodes):
            raise RemoteError(f"GitHub does not tell the whole merge queue of {branch}", during=purpose.doing)
        return {
            entry.head_commit.oid: entry.pull_request.number
            for entry in queue.entries.nodes
            if entry.head_commit and entry.pull_request
        }

    def _asked(self, number: int, files: bool, after: str | None, purpose: Purpose) -> _Repository | None:  # noqa: FBT001  # handed on
        variables = {**self._names(), "number": number, "page": _PAGE, "files": files, "after": after}
        answer = self._transport.query(lambda _: {"query": _QUERY, "variables": variables}, _Answer, purpose)
        return answer.repository

    def _comment_pages(self, number: int) -> Iterator[_Comments]:
        purpose = Purpose(f"reading the comments on #{number}", "pull-requests: read")
        after: str | None = None
        while True:
            answer = self._comment_page(number, after, purpose)
            pull = answer.repository.pull_request if answer.repository else None
            if pull is None:
                raise RemoteError(f"GitHub knows no pull request #{number}", during=purpose.doing)
            yield pull.comments
            if not pull.comments.page_info.has_next_page:
                return
            after = pull.comments.page_info.end_cursor

    def _comment_page(self, number: int, after: str | None, purpose: Purpose) -> _CommentsAnswer:
        variables = {**self._names(), "number": number, "page": _PAGE, "after": after}
        return self._transport.query(lambda _: {"query": _COMMENTS, "variables": variables}, _CommentsAnswer, purpose)

    def _names(self) -> dict[str, object]:
        owner, _, name = self._repository.partition("/")
        return {"owner": owner, "name": name}

    def _path(self, *parts: str | int) -> str:
        return "/".join(["/repos", self._repository, *map(str, parts)])


def _candidate(pull: _Pull, known: _Labels, paths: tuple[str, ...], purpose: Purpose) -> MergeCandidate:
    if pull.labels.total_count > len(pull.labels.nodes):
        raise RemoteError("GitHub does not tell all labels", during=purpose.doing)
    who = pull.author
    author = Author(who.login, who.login, bot=who.kind == "Bot") if who else None
    return MergeCandidate(
        pull=PullRequest(
            number=pull.number,
            title=pull.title,
            body=pull.body,
            labels=pull.labels.names,
            author=author,
            url=pull.url,
            base=pull.base_ref_name,
        ),
        head=pull.head_ref_oid,
        state=pull.state.lower(),
        commits=tuple(
            Commit(node.commit.oid, (), author or Author("ghost"), 0, node.commit.message)
            for node in pull.commits.nodes
        ),
        files=paths,
        known_labels=frozenset(known.names),
        knows_all_labels=known.total_count == len(known.nodes),
    )
