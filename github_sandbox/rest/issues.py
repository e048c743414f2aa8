"""Issues, labels and comments; the same endpoints serve pull requests."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec

from github_sandbox import views
from github_sandbox.answer import Answer, check_length, forbidden, invalid, not_found
from github_sandbox.call import route
from github_sandbox.rest.git import Body
from github_sandbox.store import Comment, Issue, Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from github_sandbox.call import Call

LONGEST_COMMENT = 65_536
LONGEST_TITLE = 256
LONGEST_LABEL = 50
LONGEST_LABEL_DESCRIPTION = 100
COLOUR = re.compile(r"[0-9a-fA-F]{6}")
BOTH = ("issues:read", "pull-requests:read")
CHANGE = ("issues:write", "pull-requests:write")


class LabelName(Body):
    """A label by its name."""

    name: str


Names = list[str | LabelName]


class NewIssue(Body):
    """An issue to open."""

    title: str | int
    body: str | None = None
    labels: Names = msgspec.field(default_factory=list)
    assignees: list[str] = msgspec.field(default_factory=list)
    assignee: str | None = None
    milestone: int | None = None
    type: str | None = None


class ChangedIssue(Body):
    """What changes in an issue."""

    title: str | int | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None = None
    labels: Names | None = None
    assignees: list[str] | None = None
    assignee: str | None = None
    milestone: int | None = None


class CommentBody(Body):
    """The text of a comment."""

    body: str


class LabelsBody(Body):
    """Labels by name."""

    labels: Names = msgspec.field(default_factory=list)


class AssigneesBody(Body):
    """People by login."""

    assignees: list[str] = msgspec.field(default_factory=list)


class NewLabel(Body):
    """A label to make."""

    name: str
    color: str = "ededed"
    description: str | None = None


class ChangedLabel(Body):
    """What changes in a label."""

    new_name: str | None = None
    color: str | None = None
    description: str | None = None


def _worn(call: Call, names: Iterable[str | LabelName]) -> list[str]:
    """The labels of these names; missing ones are made."""
    plain = [name if isinstance(name, str) else name.name for name in names]
    for name in plain:
        _check_label(name)
    return [call.github.label(name).name for name in plain]


def _check_label(name: str | None, color: str | None = None, description: str | None = None) -> None:
    check_length("Label", "name", name, LONGEST_LABEL)
    check_length("Label", "description", description, LONGEST_LABEL_DESCRIPTION)
    if color is not None and not COLOUR.fullmatch(color):
        raise invalid("Label", "color", "invalid")


@route("GET", "{}/issues", "issues:read")
def list_issues(call: Call) -> Answer:
    """Issues and pull requests, newest first unless asked otherwise."""
    query = call.query
    state, creator, assignee = query.get("state", "open"), query.get("creator"), query.get("assignee")
    wanted = {name.lower() for name in query.get("labels", "").split(",") if name}
    since = query.get("since", "")
    found = [
        issue
        for issue in call.github.issues()
        if state in {"all", issue.state}
        and creator in {None, issue.author.login if issue.author else "ghost"}
        and (assignee in {None, "*"} or assignee in issue.assignees)
        and wanted <= {name.lower() for name in issue.labels}
        and views.moment(issue.updated_at) >= since
    ]
    key = "updated_at" if query.get("sort") == "updated" else "created_at"
    found.sort(key=lambda issue: (getattr(issue, key), issue.number), reverse=query.get("direction") != "asc")
    return call.paged(found, lambda issue: views.issue(call, issue))


@route("POST", "{}/issues", "issues:write")
def create_issue(call: Call) -> Answer:
    """A new issue."""
    body = call.body(NewIssue)
    if not str(body.title).strip():
        raise invalid("Issue", "title", "missing_field")
    check_length("Issue", "title", str(body.title), LONGEST_TITLE)
    check_length("Issue", "body", body.body, LONGEST_COMMENT)
    store = call.github.store
    now = store.tick()
    number = store.new_number()
    issue = Issue(
        key=str(number),
        id=store.new_id(),
        number=number,
        title=str(body.title),
        body=body.body,
        author=call.author,
        labels=[],
        assignees=body.assignees,
        created_at=now,
        updated_at=now,
    )
    call.github.relabel(issue, _worn(call, body.labels), call.author)
    made = views.issue(call, store.issues.put(issue))
    return Answer(HTTPStatus.CREATED, made, {"Location": str(made["url"])})


@route("GET", "{}/issues/<number>", *BOTH)
def get_issue(call: Call) -> Answer:
    """One issue."""
    return Answer(document=views.issue(call, _issue(call)))


def _issue(call: Call) -> Issue:
    return call.github.issue(call.number("number"))


@route("PATCH", "{}/issues/<number>", *CHANGE)
def update_issue(call: Call) -> Answer:
    """Changes an issue."""
    issue = _issue(call)
    body = msgspec.json.decode(call.raw, type=dict[str, object])
    change = call.body(ChangedIssue)
    check_length("Issue", "title", None if change.title is None else str(change.title), LONGEST_TITLE)
    check_length("Issue", "body", change.body, LONGEST_COMMENT)
    issue.title = issue.title if change.title is None else str(change.title)
    issue.body = change.body if "body" in body else issue.body
    if change.labels is not None:
        call.github.relabel(issue, _worn(call, change.labels), call.author)
    if change.assignees is not None:
        issue.assignees = change.assignees
    if change.state == "closed" and issue.state == "open":
        call.github.close(issue, call.author)
        issue.state_reason = change.state_reason or "completed"
    elif change.state == "open" and issue.state == "closed":
        call.github.reopen(issue, call.author)
    call.github.save(issue)
    return Answer(document=views.issue(call, issue))


# labels of an issue


def _labels(call: Call, issue: Issue) -> Answer:
    call.github.save(issue)
    return Answer(document=views.labels(call, issue))


@route("GET", "{}/issues/<number>/labels", *BOTH)
def issue_labels(call: Call) -> Answer:
    """The labels of an issue."""
    issue = _issue(call)
    return call.paged(issue.labels, lambda name: views.label(call, call.github.label(name)))


@route("POST", "{}/issues/<number>/labels", *CHANGE)
def add_labels(call: Call) -> Answer:
    """Adds labels; missing ones are made."""
    issue = _issue(call)
    call.github.relabel(issue, list(dict.fromkeys([*issue.labels, *_label_names(call)])), call.author)
    return _labels(call, issue)


@route("PUT", "{}/issues/<number>/labels", *CHANGE)
def set_labels(call: Call) -> Answer:
    """Replaces the labels."""
    issue = _issue(call)
    call.github.relabel(issue, _label_names(call), call.author)
    return _labels(call, issue)


def _label_names(call: Call) -> list[str]:
    """The labels of a body that is `{"labels": [...]}` or just the list."""
    if call.raw.lstrip().startswith(b"["):
        return _worn(call, call.body(Names))
    return _worn(call, call.body(LabelsBody).labels)


@route("DELETE", "{}/issues/<number>/labels", *CHANGE)
def clear_labels(call: Call) -> Answer:
    """Takes all labels off."""
    issue = _issue(call)
    call.github.relabel(issue, [], call.author)
    call.github.save(issue)
    return Answer(HTTPStatus.NO_CONTENT)


@route("DELETE", "{}/issues/<number>/labels/<path:name>", *CHANGE)
def remove_label(call: Call) -> Answer:
    """Takes one label off."""
    issue = _issue(call)
    kept = [name for name in issue.labels if name.lower() != call.path["name"].lower()]
    if len(kept) == len(issue.labels):
        raise not_found("Label does not exist")
    call.github.relabel(issue, kept, call.author)
    return _labels(call, issue)


@route("POST", "{}/issues/<number>/assignees", *CHANGE)
def add_assignees(call: Call) -> Answer:
    """Assigns people."""
    issue = _issue(call)
    issue.assignees = list(dict.fromkeys([*issue.assignees, *call.body(AssigneesBody).assignees]))
    call.github.save(issue)
    return Answer(HTTPStatus.CREATED, views.issue(call, issue))


# comments


@route("GET", "{}/issues/<number>/comments", *BOTH)
def list_comments(call: Call) -> Answer:
    """The comments on an issue, oldest first."""
    issue = _issue(call)
    found = [comment for comment in call.github.store.comments if comment.issue == issue.number]
    return call.paged(found, lambda comment: views.comment(call, comment))


@route("POST", "{}/issues/<number>/comments", *CHANGE)
def create_comment(call: Call) -> Answer:
    """A new comment."""
    issue = _issue(call)
    body = call.body(CommentBody).body
    check_length("IssueComment", "body", body, LONGEST_COMMENT)
    store = call.github.store
    call.github.save(issue)
    new = store.new_id()
    made = store.comments.put(
        Comment(
            key=str(new),
            id=new,
            issue=issue.number,
            body=body,
            author=call.author,
            created_at=issue.updated_at,
            updated_at=issue.updated_at,
        )
    )
    view = views.comment(call, made)
    return Answer(HTTPStatus.CREATED, view, {"Location": str(view["url"])})


def _comment(call: Call) -> Comment:
    found = call.github.store.comments.get(call.number("number"))
    if found is None:
        raise not_found()
    return found


def _own_comment(call: Call) -> Comment:
    found = _comment(call)
    writer = call.github.permission(call.author.login) in {"write", "admin"}
    if found.author != call.author and call.author.type != "Bot" and not writer:
        raise forbidden("Must have admin rights to Repository.")
    return found


@route("GET", "{}/issues/comments/<number>", *BOTH)
def get_comment(call: Call) -> Answer:
    """One comment."""
    return Answer(document=views.comment(call, _comment(call)))


@route("PATCH", "{}/issues/comments/<number>", *CHANGE)
def update_comment(call: Call) -> Answer:
    """Changes a comment."""
    comment = _own_comment(call)
    body = call.body(CommentBody).body
    check_length("IssueComment", "body", body, LONGEST_COMMENT)
    comment.body = body
    comment.updated_at = call.github.store.tick()
    return Answer(document=views.comment(call, call.github.store.comments.put(comment)))


@route("DELETE", "{}/issues/comments/<number>", *CHANGE)
def delete_comment(call: Call) -> Answer:
    """Takes a comment away."""
    call.github.store.comments.delete(_own_comment(call))
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


# labels of the repository


@route("GET", "{}/labels", *BOTH)
def list_labels(call: Call) -> Answer:
    """All labels."""
    return call.paged(list(call.github.store.labels), lambda label: views.label(call, label))


@route("POST", "{}/labels", *CHANGE)
def create_label(call: Call) -> Answer:
    """A new label."""
    body = call.body(NewLabel)
    _check_label(body.name, body.color, body.description)
    store = call.github.store
    if store.labels.get(body.name.lower()):
        raise invalid("Label", "name", "already_exists")
    new = store.new_id()
    made = Label(key=body.name.lower(), id=new, name=body.name, color=body.color, description=body.description)
    store.tick()
    view = views.label(call, store.labels.put(made))
    return Answer(HTTPStatus.CREATED, view, {"Location": str(view["url"])})


def _label(call: Call) -> Label:
    found = call.github.store.labels.get(call.path["name"].lower())
    if found is None:
        raise not_found()
    return found


@route("GET", "{}/labels/<path:name>", *BOTH)
def get_label(call: Call) -> Answer:
    """One label."""
    return Answer(document=views.label(call, _label(call)))


@route("PATCH", "{}/labels/<path:name>", *CHANGE)
def update_label(call: Call) -> Answer:
    """Changes a label; what wears it keeps it under the new name."""
    old = _label(call)
    body = call.body(ChangedLabel)
    _check_label(body.new_name, body.color, body.description)
    store = call.github.store
    new = Label(
        key=(body.new_name or old.name).lower(),
        id=old.id,
        name=body.new_name or old.name,
        color=body.color or old.color,
        description=old.description if body.description is None else body.description,
    )
    store.labels.delete(old)
    store.labels.put(new)
    for issue in call.github.issues():
        if old.name in issue.labels:
            issue.labels = [new.name if name == old.name else name for name in issue.labels]
            call.github.save(issue)
    store.tick()
    return Answer(document=views.label(call, new))


@route("DELETE", "{}/labels/<path:name>", *CHANGE)
def delete_label(call: Call) -> Answer:
    """Takes a label away, from everything that wears it."""
    label = _label(call)
    call.github.store.labels.delete(label)
    for issue in call.github.issues():
        if label.name in issue.labels:
            issue.labels.remove(label.name)
            call.github.save(issue)
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)
