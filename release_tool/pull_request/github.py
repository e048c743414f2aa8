"""Pull requests before they are merged: what they are, what they would do, and what we say on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RemoteError
from release_tool.github.graphql import Actor, LabelPage, PageInfo, pages
from release_tool.github.transport import NotFoundError, Purpose
from release_tool.model.commits import Author, Commit, PullRequest
from release_tool.pull_request.policy import MergeCandidate

if TYPE_CHECKING:
    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest

_PAGE = 100

_QUERY = """
query($owner: String!, $name: String!, $number: Int!, $page: Int!, $files: Boolean!, $after: String) {
  repository(owner: $owner, name: $name) {
    labels(first: $page) { totalCount nodes { name } }
    pullRequest(number: $number) {
      number title body url state baseRefName headRefName headRefOid
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


class _Path(msgspec.Struct, frozen=True):
    path: str


class _Message(msgspec.Struct, frozen=True):
    oid: str
    message: str


class _Committed(msgspec.Struct, frozen=True):
    commit: _Message


class _Commits(msgspec.Struct, frozen=True):
    nodes: tuple[_Committed, ...]


class _Files(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    nodes: tuple[_Path, ...]


class _Pull(msgspec.Struct, frozen=True, rename="camel"):
    number: int
    title: str
    body: str
    url: str
    state: str
    base_ref_name: str
    head_ref_name: str
    head_ref_oid: str
    author: Actor | None
    labels: LabelPage
    commits: _Commits
    files: _Files | None = None


class _Repository(msgspec.Struct, frozen=True, rename="camel"):
    labels: LabelPage
    pull_request: _Pull | None


class _Comment(msgspec.Struct, frozen=True, rename="camel"):
    database_id: int
    body: str
    url: str
    viewer_did_author: bool


class _Comments(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    nodes: tuple[_Comment, ...]


class _Commented(msgspec.Struct, frozen=True):
    comments: _Comments


class _CommentsRepository(msgspec.Struct, frozen=True, rename="camel"):
    pull_request: _Commented | None


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


class _Made(msgspec.Struct, frozen=True):
    id: int
    body: str
    html_url: str


class PullRequests:
    """The pull requests of one repository; every method raises RemoteError where GitHub fails."""

    def __init__(self, rest: Rest, graphql: GraphQL) -> None:
        self._rest = rest
        self._graphql = graphql

    def candidate(self, number: int, *, files: bool) -> MergeCandidate | None:
        """A pull request as it is now, with the labels that exist; its paths cost more requests, so they are asked for.

        None where there is none of that number.
        """
        purpose = Purpose(f"reading pull request #{number}", "pull-requests: read")
        paths: list[str] = []
        after: str | None = None
        while True:
            variables = {"number": number, "page": _PAGE, "files": files, "after": after}
            found = self._graphql.repository(_QUERY, variables, _Repository, purpose)
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
            for page in pages(lambda after: self._comment_page(number, after))
            for comment in page.nodes
            if comment.viewer_did_author
        ]

    def create(self, number: int, body: str) -> PullRequestComment:
        """Write a comment. Read back: `comments`."""
        purpose = Purpose(f"commenting on #{number}", "pull-requests: write")
        made = self._rest.write("POST", f"issues/{number}/comments", {"body": body}, _Made, purpose)
        return PullRequestComment(made.id, made.body, made.html_url)

    def update(self, comment: PullRequestComment, body: str) -> PullRequestComment:
        """Change a comment; changing it twice is the same as once."""
        purpose = Purpose(f"changing the comment {comment.id}", "pull-requests: write")
        made = self._rest.write("PATCH", f"issues/comments/{comment.id}", {"body": body}, _Made, purpose)
        return PullRequestComment(made.id, made.body, made.html_url)

    def delete(self, comment: PullRequestComment) -> None:
        """Delete a comment; one that is gone already is fine."""
        purpose = Purpose(f"deleting the comment {comment.id}", "pull-requests: write")
        try:
            self._rest.send("DELETE", f"issues/comments/{comment.id}", None, purpose)
        except NotFoundError:
            return

    def queued(self, branch: str) -> dict[str, int]:
        """The pull requests in the merge queue of a branch, by the commit that each is tested as."""
        purpose = Purpose(f"reading the merge queue of {branch}", "pull-requests: read")
        variables = {"branch": branch, "page": _PAGE}
        queue = self._graphql.repository(_QUEUE, variables, _QueueRepository, purpose).merge_queue
        if queue is None or queue.entries.total_count > len(queue.entries.nodes):
            raise RemoteError(f"GitHub did not return the whole merge queue of {branch}", during=purpose.doing)
        return {
            entry.head_commit.oid: entry.pull_request.number
            for entry in queue.entries.nodes
            if entry.head_commit and entry.pull_request
        }

    def _comment_page(self, number: int, after: str | None) -> _Comments:
        purpose = Purpose(f"reading the comments on #{number}", "pull-requests: read")
        variables = {"number": number, "page": _PAGE, "after": after}
        pull = self._graphql.repository(_COMMENTS, variables, _CommentsRepository, purpose).pull_request
        if pull is None:
            raise RemoteError(f"GitHub knows no pull request #{number}", during=purpose.doing)
        return pull.comments


def _candidate(pull: _Pull, known: LabelPage, paths: tuple[str, ...], purpose: Purpose) -> MergeCandidate:
    if not pull.labels.whole:
        raise RemoteError("GitHub did not return all labels", during=purpose.doing)
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
            head=pull.head_ref_name,
        ),
        head=pull.head_ref_oid,
        state=pull.state.lower(),
        commits=tuple(
            Commit(node.commit.oid, (), author or Author("ghost"), 0, node.commit.message)
            for node in pull.commits.nodes
        ),
        files=paths,
        known_labels=frozenset(known.names),
        knows_all_labels=known.whole,
    )
