"""The issues that halt: found by their label, with who wrote them and whether that one may push."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.halts.model import Issue, IssueComment
from release_tool.errors import RemoteError
from release_tool.github.accounts import ACTIONS, Access, Accounts, Actor
from release_tool.github.transport import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.github.transport import Query, Transport

US = "release-tool itself"
"""The author of what this token's account wrote, or Actions: no login, so that nobody can have it as theirs."""

_PAGE = 100

_SAID = """
fragment said on IssueCommentConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes { databaseId body createdAt viewerDidAuthor author { login __typename } }
}
"""

_ISSUES = (
    """
query(
  $owner: String!, $name: String!, $label: String!, $states: [IssueState!], $order: IssueOrder, $page: Int!,
  $after: String
) {
  repository(owner: $owner, name: $name) {
    issues(labels: [$label], states: $states, orderBy: $order, first: $page, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number url title body state createdAt updatedAt closedAt viewerDidAuthor
        author { login __typename }
        labels(first: $page) { totalCount nodes { name } }
        comments(first: $page) { ...said }
      }
    }
  }
}
"""
    + _SAID
)

_COMMENTS = (
    """
query($owner: String!, $name: String!, $number: Int!, $page: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) { comments(first: $page, after: $after) { ...said } }
  }
}
"""
    + _SAID
)


class LabelledIssue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue with the label that was asked for; `closed` is None while it is open."""

    issue: Issue
    created: datetime
    closed: datetime | None


class _Written(msgspec.Struct, frozen=True, rename="camel"):
    body: str
    viewer_did_author: bool
    author: Actor | None

    @property
    def writer(self) -> str:
        """Who wrote it: us, somebody's login, or nobody whose account is gone."""
        if self.viewer_did_author or (self.author and self.author.name == ACTIONS):
            return US
        return self.author.name if self.author else ""


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class _Comment(_Written, frozen=True, rename="camel"):
    database_id: int
    created_at: datetime


class _Comments(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    page_info: _PageInfo
    nodes: tuple[_Comment, ...]


class _Label(msgspec.Struct, frozen=True):
    name: str


class _Labels(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    nodes: tuple[_Label, ...]


class _Issue(_Written, frozen=True, rename="camel"):
    number: int
    url: str
    title: str
    state: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    labels: _Labels
    comments: _Comments


class _Issues(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    nodes: tuple[_Issue, ...]


class _IssuesRepository(msgspec.Struct, frozen=True):
    issues: _Issues


class _IssuesAnswer(msgspec.Struct, frozen=True):
    repository: _IssuesRepository | None


class _Commented(msgspec.Struct, frozen=True):
    comments: _Comments


class _CommentsRepository(msgspec.Struct, frozen=True):
    issue: _Commented | None


class _CommentsAnswer(msgspec.Struct, frozen=True):
    repository: _CommentsRepository | None


class HaltIssues:
    """The labelled issues of one repository; every method raises RemoteError where GitHub does not tell all of them.

    PermissionDeniedError is raised where the token lacks a right.
    """

    def __init__(self, repository: str, transport: Transport) -> None:
        self._repository = repository
        self._transport = transport
        self._accounts = Accounts(repository, transport)

    def labelled(self, label: str, *, closed_since: datetime | None = None) -> tuple[LabelledIssue, ...]:
        """The open issues with a label, and on demand those that were closed since a time, oldest first.

        Pull requests are not among them. The author of what we wrote is `US`. An app that may open issues here was
        let in by an administrator, and counts as somebody who may push; people are asked for one by one.
        Comments are told only where the issue's author counts.
        """
        found = [*self._open(label), *(self._closed(label, closed_since) if closed_since else ())]
        people = {issue.writer for issue in found if issue.author and not issue.author.is_bot} - {US}
        writers = {login for login in sorted(people) if self._accounts.access(login) >= Access.WRITE}
        told = {issue.number: self._told(issue, writers) for issue in found}
        return tuple(told[number] for number in sorted(told))

    # How it is asked

    def _open(self, label: str) -> Iterator[_Issue]:
        return self._issues(label, "OPEN", {"field": "CREATED_AT", "direction": "ASC"})

    def _closed(self, label: str, since: datetime) -> Iterator[_Issue]:
        """Those closed since a time, which were all touched since."""
        for issue in self._issues(label, "CLOSED", {"field": "UPDATED_AT", "direction": "DESC"}):
            if issue.updated_at < since:
                return
            if issue.closed_at and issue.closed_at >= since:
                yield issue

    def _issues(self, label: str, state: str, order: dict[str, str]) -> Iterator[_Issue]:
        purpose = Purpose(f"looking for issues with the label {label}", "issues: read")
        after: str | None = None
        while True:
            variables = self._names() | {"label": label, "states": [state], "order": order, "after": after}
            query: Query = {"query": _ISSUES, "variables": variables}
            page = self._issue_page(query, purpose)
            yield from page.nodes
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor

    def _issue_page(self, query: Query, purpose: Purpose) -> _Issues:
        found = self._transport.query(lambda _: query, _IssuesAnswer, purpose).repository
        if found is None:
            raise RemoteError(
                f"GitHub knows no repository {self._repository}, or hides it from this token",
                during=purpose.doing,
                todo="check the name (`--repo OWNER/NAME`), and that the token may read it",
            )
        return found.issues

    def _told(self, issue: _Issue, writers: set[str]) -> LabelledIssue:
        if issue.labels.total_count > len(issue.labels.nodes):
            raise RemoteError(f"GitHub does not tell all labels of issue #{issue.number}")
        writes = issue.writer in {US, *writers} or bool(issue.author and issue.author.is_bot)
        told = Issue(
            number=issue.number,
            url=issue.url,
            title=issue.title,
            body=issue.body,
            author=issue.writer,
            author_writes=writes,
            labels=tuple(label.name for label in issue.labels.nodes),
            open=issue.state == "OPEN",
            comments=tuple(self._comments(issue)) if writes else (),
        )
        return LabelledIssue(issue=told, created=issue.created_at, closed=issue.closed_at)

    def _comments(self, issue: _Issue) -> list[IssueComment]:
        page, said = issue.comments, [*issue.comments.nodes]
        while page.page_info.has_next_page:
            page = self._more_comments(issue.number, page.page_info.end_cursor)
            said += page.nodes
        if len(said) < issue.comments.total_count:
            raise RemoteError(f"GitHub does not tell all comments on issue #{issue.number}")
        return [IssueComment(comment.writer, comment.body, comment.database_id, comment.created_at) for comment in said]

    def _more_comments(self, number: int, after: str | None) -> _Comments:
        purpose = Purpose(f"reading the comments on issue #{number}", "issues: read")
        query: Query = {"query": _COMMENTS, "variables": self._names() | {"number": number, "after": after}}
        repository = self._transport.query(lambda _: query, _CommentsAnswer, purpose).repository
        if repository is None or repository.issue is None:
            raise RemoteError(f"GitHub knows no issue #{number} any more", during=purpose.doing)
        return repository.issue.comments

    def _names(self) -> dict[str, object]:
        owner, _, name = self._repository.partition("/")
        return {"owner": owner, "name": name, "page": _PAGE}
