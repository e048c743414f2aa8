"""The issues that halt: found by their label, with their author and whether the author may push."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.halts.model import End, Issue, IssueComment
from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.github.accounts import ACTIONS, Accounts
from release_tool.github.graphql import Actor, PageInfo, pages
from release_tool.github.transport import Purpose
from release_tool.history.trust import Trust, trust_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest
    from release_tool.project import Project

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

_EVENTS = """
fragment happened on IssueTimelineItemsConnection {
  nodes {
    __typename
    ... on ClosedEvent { actor { login __typename } closer { __typename } createdAt }
    ... on LabeledEvent { actor { login __typename } label { name } createdAt }
    ... on UnlabeledEvent { actor { login __typename } label { name } createdAt }
  }
}
"""

_KINDS = "last: 20, itemTypes: [CLOSED_EVENT, LABELED_EVENT, UNLABELED_EVENT]"
_NEWEST = "orderBy: {field: UPDATED_AT, direction: DESC}"
_BRIEF = f"""@include(if: $ended) {{
      nodes {{ number state labels(first: 50) {{ nodes {{ name }} }} timelineItems({_KINDS}) {{ ...happened }} }}
    }}"""

_ISSUE = (
    """
fragment whole on Issue {
  number url title body state createdAt updatedAt closedAt viewerDidAuthor
  author { login __typename }
  labels(first: $page) { totalCount nodes { name } }
"""
    f"  timelineItems({_KINDS}) {{ ...happened }}\n"
    """
  comments(first: $page) { ...said }
}
""" + _SAID + _EVENTS
)

_ISSUES = (
    """
query(
  $owner: String!, $name: String!, $label: String!, $states: [IssueState!], $order: IssueOrder, $page: Int!,
  $after: String, $ended: Boolean!
) {
  repository(owner: $owner, name: $name) {
    issues(labels: [$label], states: $states, orderBy: $order, first: $page, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { ...whole }
    }
"""
    f"    closed: issues(labels: [$label], states: [CLOSED], {_NEWEST}, first: 20) {_BRIEF}\n"
    f"    touched: issues({_NEWEST}, first: 30) {_BRIEF}\n"
    """
  }
}
""" + _ISSUE
)
"""With `ended` also what was closed, or lost the label, a short while ago: that may lift nothing."""

_ONE = (
    """
query($owner: String!, $name: String!, $number: Int!, $page: Int!) {
  repository(owner: $owner, name: $name) { issue(number: $number) { ...whole } }
}
"""
    + _ISSUE
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
    """An issue with the label that was asked for; `closed` is None while it is open.

    `uncertain` says that this token may not ask whether its author may push; it counts, so that nothing is overlooked.
    """

    issue: Issue
    uncertain: bool = False
    created: datetime
    closed: datetime | None


class _Written(msgspec.Struct, frozen=True, rename="camel"):
    body: str
    viewer_did_author: bool
    author: Actor | None

    @property
    def writer(self) -> str:
        """Its author: us, a login, or empty where the account was deleted."""
        if self.viewer_did_author or (self.author and self.author.name == ACTIONS):
            return US
        return self.author.name if self.author else ""


class _Comment(_Written, frozen=True, rename="camel"):
    database_id: int
    created_at: datetime


class _Comments(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    page_info: PageInfo
    nodes: tuple[_Comment, ...]


class _Label(msgspec.Struct, frozen=True):
    name: str


class _Labels(msgspec.Struct, frozen=True, rename="camel"):
    nodes: tuple[_Label, ...]
    total_count: int = 0


class _Closer(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="__typename")


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = msgspec.field(name="__typename")
    created_at: datetime
    actor: Actor | None = None
    closer: _Closer | None = None
    label: _Label | None = None

    @property
    def who(self) -> str:
        return self.actor.name if self.actor else ""

    def is_about(self, label: str) -> bool:
        return self.label is not None and self.label.name.casefold() == label.casefold()


class _Events(msgspec.Struct, frozen=True):
    nodes: tuple[_Event, ...] = ()

    def newest(self, kind: str, label: str = "") -> _Event | None:
        """The newest event of a kind; of those about a label where one is named."""
        return next(
            (one for one in reversed(self.nodes) if one.kind == kind and (not label or one.is_about(label))), None
        )


class _Brief(msgspec.Struct, frozen=True, rename="camel"):
    number: int
    state: str
    labels: _Labels
    timeline_items: _Events

    def ended(self, label: str) -> _Event | None:
        """The event by which it is no open issue with a label any more; None where it is one, or never was."""
        if label.casefold() not in {one.name.casefold() for one in self.labels.nodes}:
            return self.timeline_items.newest("UnlabeledEvent", label)
        return None if self.state == "OPEN" else self.timeline_items.newest("ClosedEvent")


class _Briefs(msgspec.Struct, frozen=True):
    nodes: tuple[_Brief, ...] = ()


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
    timeline_items: _Events = _Events()

    @property
    def brief(self) -> _Brief:
        return _Brief(self.number, self.state, self.labels, self.timeline_items)


class _Issues(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    nodes: tuple[_Issue, ...]


class _IssuesRepository(msgspec.Struct, frozen=True):
    issues: _Issues
    closed: _Briefs = _Briefs()
    touched: _Briefs = _Briefs()

    @property
    def page_info(self) -> PageInfo:
        return self.issues.page_info


class _OneRepository(msgspec.Struct, frozen=True):
    issue: _Issue | None


class _Commented(msgspec.Struct, frozen=True):
    comments: _Comments


class _CommentsRepository(msgspec.Struct, frozen=True):
    issue: _Commented | None


class HaltIssues:
    """The labelled issues of one repository; every method raises RemoteError where GitHub did not return all of them.

    PermissionDeniedError is raised where the token lacks a right.
    """

    def __init__(self, rest: Rest, graphql: GraphQL, trust: Trust | None = None) -> None:
        self._graphql = graphql
        self._trust = trust or Trust(accounts=Accounts(rest, graphql))

    def labelled(
        self, label: str, *, closed_since: datetime | None = None, ended_since: datetime | None = None
    ) -> tuple[LabelledIssue, ...]:
        """The open issues with a label, and on demand those that were closed since a time, oldest first.

        With `ended_since` also those that were closed or lost the label since then in a way that may lift nothing.
        Pull requests are not among them. The author of what we wrote is `US`. An app that may open issues here was
        let in by an administrator, and counts as somebody who may push; people are asked for one by one.
        Comments are told only where the issue's author counts.
        """
        found = {issue.number: issue for issue in self._open(label, ended_since)}
        found |= {issue.number: issue for issue in (self._closed(label, closed_since) if closed_since else ())}
        return tuple(self._told(found[number], label) for number in sorted(found))

    # How it is asked

    def _open(self, label: str, ended_since: datetime | None) -> Iterator[_Issue]:
        """The open ones, and those whose end has to be looked at closely."""
        oldest_first = {"field": "CREATED_AT", "direction": "ASC"}
        for page in self._pages(label, "OPEN", oldest_first, ended=ended_since is not None):
            yield from page.issues.nodes
            ended = {brief.number: brief for brief in (*page.closed.nodes, *page.touched.nodes)}
            for brief in ended.values():
                event = brief.ended(label)
                if event and ended_since and event.created_at >= ended_since and self._is_doubtful(event):
                    yield self._whole(brief.number)

    def _closed(self, label: str, since: datetime) -> Iterator[_Issue]:
        """Those closed since a time, which were all touched since."""
        for page in self._pages(label, "CLOSED", {"field": "UPDATED_AT", "direction": "DESC"}):
            for issue in page.issues.nodes:
                if issue.updated_at < since:
                    return
                if issue.closed_at and issue.closed_at >= since:
                    yield issue

    def _is_doubtful(self, event: _Event) -> bool:
        """Whether an event may not lift a halt; only closing the issue by hand always does."""
        return event.kind != "ClosedEvent" or event.closer is not None or not self._trust.counts(event.who)

    def _whole(self, number: int) -> _Issue:
        purpose = Purpose(f"reading issue #{number}", "issues: read")
        variables = {"page": _PAGE, "number": number}
        issue = self._graphql.repository(_ONE, variables, _OneRepository, purpose).issue
        if issue is None:
            raise RemoteError(f"GitHub knows no issue #{number} any more", during=purpose.doing)
        return issue

    def _pages(
        self, label: str, state: str, order: dict[str, str], *, ended: bool = False
    ) -> Iterator[_IssuesRepository]:
        purpose = Purpose(f"looking for issues with the label {label}", "issues: read")
        fixed: dict[str, object] = {"page": _PAGE, "label": label, "states": [state], "order": order}

        def ask(after: str | None) -> _IssuesRepository:
            variables = {**fixed, "after": after, "ended": ended and after is None}
            return self._graphql.repository(_ISSUES, variables, _IssuesRepository, purpose)

        return pages(ask)

    def _told(self, issue: _Issue, label: str) -> LabelledIssue:
        if issue.labels.total_count > len(issue.labels.nodes):
            raise RemoteError(f"GitHub did not return all labels of issue #{issue.number}")
        theirs = issue.writer == US or (self._may_halt(issue.author) if issue.author else False)
        writes = theirs is not False
        told = Issue(
            number=issue.number,
            url=issue.url,
            title=issue.title,
            body=issue.body,
            author=issue.writer,
            author_writes=writes,
            labels=tuple(label.name for label in issue.labels.nodes),
            labelled_well=issue.writer == US or not writes or self._is_labelled_well(issue, label),
            open=issue.state == "OPEN",
            end=self._end(issue.brief.ended(label)),
            comments=tuple(self._comments(issue)) if writes else (),
        )
        return LabelledIssue(issue=told, uncertain=theirs is None, created=issue.created_at, closed=issue.closed_at)

    def _may_halt(self, actor: Actor) -> bool | None:
        """Whether somebody may halt; None where this token may not ask."""
        try:
            return actor.is_bot or self._trust.may_push(actor.name)
        except PermissionDeniedError:
            return None

    def _is_labelled_well(self, issue: _Issue, label: str) -> bool:
        """Whether the label of somebody's issue was set by one who may; where GitHub does not tell, its author did."""
        event = issue.timeline_items.newest("LabeledEvent", label)
        return event is None or event.actor is None or self._may_halt(event.actor) is not False

    def _end(self, event: _Event | None) -> End | None:
        if event is None:
            return None
        return End(
            by=event.who,
            means={"PullRequest": "a pull request", "Commit": "a commit"}.get(event.closer.kind, "a project")
            if event.closer
            else "",
            unlabelled=event.kind == "UnlabeledEvent",
            counts=self._trust.counts(event.who),
        )

    def _comments(self, issue: _Issue) -> list[IssueComment]:
        rest = pages(lambda after: self._more_comments(issue.number, after), issue.comments)
        said = [comment for page in rest for comment in page.nodes]
        if len(said) < issue.comments.total_count:
            raise RemoteError(f"GitHub did not return all comments on issue #{issue.number}")
        return [IssueComment(comment.writer, comment.body, comment.database_id, comment.created_at) for comment in said]

    def _more_comments(self, number: int, after: str | None) -> _Comments:
        purpose = Purpose(f"reading the comments on issue #{number}", "issues: read")
        variables = {"page": _PAGE, "number": number, "after": after}
        issue = self._graphql.repository(_COMMENTS, variables, _CommentsRepository, purpose).issue
        if issue is None:
            raise RemoteError(f"GitHub knows no issue #{number} any more", during=purpose.doing)
        return issue.comments


def halt_issues(project: Project) -> HaltIssues:
    """The issues of a project, with who counts there."""
    trust = trust_of(project)
    return project.remote.adapter(lambda rest, graphql: HaltIssues(rest, graphql, trust))
