"""Records as GitHub's GraphQL interface shows them: mappings whose callable values take arguments."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, assert_never

import graphql
import msgspec

from github_sandbox import views
from github_sandbox.answer import forbidden, not_found
from github_sandbox.history import EPOCH, account_id
from github_sandbox.repository import Person
from github_sandbox.rest.repos import search
from github_sandbox.store import Author, Pull

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from github_sandbox.call import Call
    from github_sandbox.repository import Change, Commit, Ref
    from github_sandbox.store import (
        Asset,
        Comment,
        CommitStatus,
        Deployment,
        DeploymentStatus,
        Issue,
        IssueEvent,
        Label,
        Release,
    )

View: TypeAlias = dict[str, object]
T = TypeVar("T")

DEPLOYMENT_STATES = {"success": "ACTIVE"}


class Field(Protocol):
    """What answers a field that takes arguments."""

    def __call__(self, _info: object, /, **given: object) -> View:
        """The value of the field."""


class Arguments:
    """The arguments of a field, typed on the way out."""

    def __init__(self, given: dict[str, object]) -> None:
        self._given = given

    def text(self, name: str) -> str:
        """A text; empty when it was not given."""
        value = self._given.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """A number."""
        value = self._given.get(name)
        return value if isinstance(value, int) else None

    def names(self, name: str) -> list[str] | None:
        """A list of texts; None when it was not given."""
        value = self._given.get(name)
        return [str(one) for one in value] if isinstance(value, list) else None

    def within(self, name: str) -> Arguments:
        """The fields of an object; none when it was not given."""
        value = self._given.get(name)
        return Arguments(value if isinstance(value, dict) else {})

    def order(self, default: str = "CREATED_AT", direction: str = "ASC") -> tuple[str, bool]:
        """The field to sort by, and whether downwards."""
        value = self._given.get("orderBy")
        if not isinstance(value, dict):
            return default, direction == "DESC"
        return str(value["field"]), value["direction"] == "DESC"


def connection(items: Sequence[T], view: Callable[[T], View]) -> Field:
    """A list that is answered in pages."""

    def answer(_info: object, /, **given: object) -> View:
        return page(items, view, Arguments(given))

    return answer


def page(items: Sequence[T], view: Callable[[T], View], given: Arguments) -> View:
    """The page of a list that was asked for."""
    start = _index(given.text("after"), -1) + 1
    end = _index(given.text("before"), len(items))
    first, last = given.number("first"), given.number("last")
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    part = items[start:end]
    return {
        "totalCount": len(items),
        "nodes": [view(item) for item in part],
        "pageInfo": {
            "startCursor": _cursor(start) if part else None,
            "endCursor": _cursor(start + len(part) - 1) if part else None,
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
        },
    }


def _cursor(index: int) -> str:
    return base64.b64encode(f"cursor:{index}".encode()).decode()


def _index(cursor: str, default: int) -> int:
    if not cursor:
        return default
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("cursor:"))
    except ValueError as error:
        text = f"`{cursor}` does not appear to be a valid cursor."
        raise graphql.GraphQLError(text, extensions={"type": "INVALID_CURSOR_ARGUMENTS"}) from error


# the root


def root(call: Call, limit: dict[str, int]) -> View:
    """Everything a query can begin with."""
    return {
        "id": "query",
        "viewer": lambda _info: account(call, call.author, kind="User"),
        "rateLimit": lambda _info: limit | {"resetAt": views.moment(limit["reset"])},
        "repository": lambda _info, **given: find_repository(call, Arguments(given)),
        "search": lambda _info, **given: find_issues(call, Arguments(given)),
        "node": lambda _info, **given: find_node(call, Arguments(given).text("id")),
    }


def find_repository(call: Call, given: Arguments) -> View:
    """The repository, when it is the one that was asked for."""
    asked = f"{given.text('owner')}/{given.text('name')}"
    if asked.lower() != call.github.settings.repository.lower():
        raise not_found(f"Could not resolve to a Repository with the name '{asked}'.")
    return repository(call)


def find_issues(call: Call, given: Arguments) -> View:
    """What a search for issues finds."""
    found = search(call, given.text("query")) if given.text("type") == "ISSUE" else []
    shown = page(found, lambda issue: issue_or_pull(call, issue), given)
    return shown | {"issueCount": len(found)}


def find_node(call: Call, node: str) -> View:
    """Anything by its opaque name."""
    prefix, _, rest = node.partition("_")
    try:
        number = base64.urlsafe_b64decode(f"{rest}===").decode()
    except ValueError as error:
        raise not_found(f"Could not resolve to a node with the global id of '{node}'") from error
    store = call.github.store
    if prefix == "R":
        return repository(call)
    if prefix in {"I", "PR"} and number.isdigit():
        return issue_or_pull(call, call.github.issue(int(number)))
    if prefix == "RE" and (found := store.releases.get(number)):
        return release(call, found)
    if prefix == "DE" and (deployed := store.deployments.get(number)):
        return deployment(call, deployed)
    raise not_found(f"Could not resolve to a node with the global id of '{node}'")


def _needs(call: Call, permission: str) -> None:
    if not call.caller.may(permission, "read"):
        raise forbidden()


# accounts


def account(call: Call, author: Author | None, kind: str = "") -> View | None:
    """An account; deleted ones are nothing."""
    if author is None:
        return None
    return {
        "__typename": kind or author.type,
        "id": views.node_id("U", author.login),
        "databaseId": account_id(author.login),
        "login": author.login.removesuffix("[bot]") if author.type == "Bot" and not kind else author.login,
        "name": None,
        "url": f"{call.root}/{author.login}",
        "avatarUrl": f"{call.root}/avatars/{account_id(author.login)}",
    }


def ghost(call: Call, author: Author | None) -> View | None:
    """An account where there is always one."""
    return account(call, author or Author("ghost"))


def git_actor(call: Call, person: Person) -> View:
    """Somebody as git knows them, with the account behind."""
    login = views.login_of(person)
    known = login is not None and login != "ghost" and views.kind_of(login) == "User"
    return {
        "name": person.name,
        "email": person.mail,
        "date": views.moment(person.at),
        "user": account(call, Author(login)) if known and login else None,
    }


def assignees(call: Call, issue: Issue) -> Field:
    """Who is assigned."""
    return connection(issue.assignees, lambda login: account(call, Author(login)) or {})


# the repository


def repository(call: Call) -> View:
    """The repository."""
    github = call.github
    settings = github.settings
    owner, name = settings.repository.split("/")
    levels = {"administration": "ADMIN", "contents": "WRITE"}
    level = next((levels[right] for right in levels if call.caller.may(right)), "READ")
    return {
        "__typename": "Repository",
        "id": views.node_id("R", views.REPOSITORY_ID),
        "databaseId": views.REPOSITORY_ID,
        "name": name,
        "nameWithOwner": settings.repository,
        "owner": account(call, Author(owner, "Organization")),
        "url": views.web(call),
        "description": None,
        "isPrivate": settings.private,
        **dict.fromkeys(("isFork", "isArchived"), False),
        **dict.fromkeys(("mergeCommitAllowed", "squashMergeAllowed", "rebaseMergeAllowed"), True),
        "createdAt": views.moment(EPOCH),
        **dict.fromkeys(("pushedAt", "updatedAt"), views.moment(settings.now)),
        "viewerPermission": level,
        "defaultBranchRef": lambda _info: find_ref(call, f"refs/heads/{settings.default_branch}"),
        "object": lambda _info, **given: find_object(call, Arguments(given)),
        "ref": lambda _info, **given: find_ref(call, Arguments(given).text("qualifiedName")),
        "refs": lambda _info, **given: find_refs(call, Arguments(given)),
        **_issue_fields(call),
        **_release_fields(call),
        "deployments": lambda _info, **given: find_deployments(call, Arguments(given)),
        "mergeQueue": lambda _info, **given: find_queue(call, Arguments(given)),
    }


def _issue_fields(call: Call) -> View:
    return {
        "issue": lambda _info, **given: find_issue(call, Arguments(given)),
        "issueOrPullRequest": lambda _info, **given: find_either(call, Arguments(given)),
        "issues": lambda _info, **given: find_all_issues(call, Arguments(given)),
        "label": lambda _info, **given: find_label(call, Arguments(given)),
        "labels": lambda _info, **given: page(
            list(call.github.store.labels), lambda one: label(call, one), Arguments(given)
        ),
        "pullRequest": lambda _info, **given: find_pull(call, Arguments(given)),
        "pullRequests": lambda _info, **given: find_pulls(call, Arguments(given)),
    }


def _release_fields(call: Call) -> View:
    return {
        "latestRelease": lambda _info: _maybe_release(call, call.github.latest()),
        "release": lambda _info, **given: _maybe_release(call, call.github.published(Arguments(given).text("tagName"))),
        "releases": lambda _info, **given: find_releases(call, Arguments(given)),
    }


# git


def find_ref(call: Call, name: str) -> View | None:
    """A ref by its full name, or the name of a branch or tag."""
    for full in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        found = call.github.repository.ref(full)
        if found:
            return ref(call, found)
    return None


def find_refs(call: Call, given: Arguments) -> View:
    """The refs below a prefix."""
    found = call.github.repository.refs(given.text("refPrefix"))
    field, down = given.order("ALPHABETICAL")
    if field == "TAG_COMMIT_DATE":
        found.sort(key=lambda one: _date(call, one))
    return page(found[::-1] if down else found, lambda one: ref(call, one), given)


def _date(call: Call, value: Ref) -> int:
    sha = call.github.repository.resolve(value.sha)
    return call.github.repository.commit(sha).committer.at if sha else 0


def ref(call: Call, value: Ref) -> View:
    """A ref."""
    prefix = "/".join(value.name.split("/")[:2]) + "/"
    return {
        "__typename": "Ref",
        "id": views.node_id("REF", value.name),
        "name": value.name.removeprefix(prefix),
        "prefix": prefix,
        "target": lambda _info: git_object(call, value.sha),
        "compare": lambda _info, **given: comparison(call, value, Arguments(given).text("headRef")),
    }


def comparison(call: Call, base: Ref, head: str) -> View | None:
    """What another ref has that this one has not."""
    repository_ = call.github.repository
    sha = repository_.resolve(head.removeprefix("refs/heads/").removeprefix("refs/tags/"))
    if sha is None:
        return None
    ahead, behind = repository_.log(f"{base.sha}..{sha}"), repository_.log(f"{sha}..{base.sha}")
    states = {(True, True): "DIVERGED", (True, False): "AHEAD", (False, True): "BEHIND"}
    return {
        "id": views.node_id("CMP", f"{base.sha}...{sha}"),
        "aheadBy": len(ahead),
        "behindBy": len(behind),
        "status": states.get((bool(ahead), bool(behind)), "IDENTICAL"),
        "commits": connection(ahead[::-1], lambda one: commit(call, repository_.commit(one))),
    }


def find_object(call: Call, given: Arguments) -> View | None:
    """A git object by its hash, or by an expression such as `main:README.md`."""
    oid, expression = given.text("oid"), given.text("expression")
    if oid:
        return git_object(call, oid)
    stem, colon, path = expression.partition(":")
    sha = call.github.repository.resolve(stem)
    return git_object(call, f"{sha}:{path}" if colon else sha) if sha else None


def git_object(call: Call, name: str) -> View | None:
    """A commit, tag or file of git."""
    found = call.github.repository.read(name)
    if found is None:
        return None
    if found.kind == "commit":
        return commit(call, call.github.repository.commit(found.sha))
    head: View = {"id": views.node_id(found.kind, found.sha), "oid": found.sha, "abbreviatedOid": found.sha[:7]}
    if found.kind == "tag":
        return head | _tag(call, found.sha)
    binary = b"\0" in found.data
    return head | {
        "__typename": "Blob",
        "byteSize": len(found.data),
        "isBinary": binary,
        "text": None if binary else found.data.decode(errors="replace"),
    }


def _tag(call: Call, sha: str) -> View:
    tag = call.github.repository.tag(sha)
    if tag is None:
        return {}
    return {
        "__typename": "Tag",
        "name": tag.name,
        "message": tag.message,
        "tagger": git_actor(call, tag.tagger),
        "target": lambda _info: git_object(call, tag.target),
    }


def commit(call: Call, value: Commit) -> View:
    """A commit."""
    repository_ = call.github.repository
    headline, _, body = value.message.partition("\n")
    return {
        "__typename": "Commit",
        "id": views.node_id("C", value.sha),
        "oid": value.sha,
        "abbreviatedOid": value.sha[:7],
        "url": views.web(call, f"/commit/{value.sha}"),
        "message": value.message,
        "messageHeadline": headline,
        "messageBody": body.strip("\n"),
        "author": git_actor(call, value.author),
        "committer": git_actor(call, value.committer),
        "authoredDate": views.moment(value.author.at),
        "committedDate": views.moment(value.committer.at),
        "authors": connection(_authors(value), lambda person: git_actor(call, person)),
        "parents": connection(value.parents, lambda sha: commit(call, repository_.commit(sha))),
        "history": lambda _info, **given: page(
            repository_.log(value.sha), lambda sha: commit(call, repository_.commit(sha)), Arguments(given)
        ),
        "associatedPullRequests": lambda _info, **given: page(
            call.github.associated(value.sha), lambda found: pull(call, found), Arguments(given)
        ),
        "status": lambda _info: commit_status(call, value.sha),
    }


def _authors(value: Commit) -> list[Person]:
    """The author and the co-authors of a commit."""
    named = re.findall(r"(?im)^co-authored-by: *(.*?) *<([^>]*)> *$", value.message)
    people = [value.author, *(Person(name, mail, value.author.at) for name, mail in named)]
    return list({person.mail.lower(): person for person in reversed(people)}.values())[::-1]


def commit_status(call: Call, sha: str) -> View | None:
    """The newest status of each context."""
    newest = {status.context: status for status in call.github.store.statuses if status.sha == sha}
    if not newest:
        return None
    states = {status.state.upper() for status in newest.values()}
    state = next((name for name in ("ERROR", "FAILURE", "PENDING") if name in states), "SUCCESS")
    contexts = [_context(call, status) for status in newest.values()]
    return {"id": views.node_id("S", sha), "state": state, "contexts": contexts}


def _context(call: Call, status: CommitStatus) -> View:
    return {
        "id": views.node_id("SC", status.id),
        "context": status.context,
        "state": status.state.upper(),
        "description": status.description,
        "targetUrl": status.target_url,
        "createdAt": views.moment(status.created_at),
        "creator": account(call, status.creator),
    }


# issues and pull requests


def issue_or_pull(call: Call, value: Issue) -> View:
    """An issue or a pull request."""
    return pull(call, value) if isinstance(value, Pull) else issue(call, value)


def find_issue(call: Call, given: Arguments) -> View:
    """An issue by number."""
    _needs(call, "issues")
    found = call.github.store.issues.get(given.number("number"))
    if found is None:
        raise not_found(f"Could not resolve to an Issue with the number of {given.number('number')}.")
    return issue(call, found)


def find_either(call: Call, given: Arguments) -> View:
    """An issue or a pull request by number."""
    is_pull = call.github.store.pulls.get(given.number("number")) is not None
    return find_pull(call, given) if is_pull else find_issue(call, given)


def find_all_issues(call: Call, given: Arguments) -> View:
    """Issues by state and label."""
    _needs(call, "issues")
    found = _chosen(_chosen(list(call.github.store.issues), given.within("filterBy")), given)
    states = given.names("states")
    chosen = [one for one in found if states is None or one.state.upper() in states]
    return page(chosen, lambda one: issue(call, one), given)


I = TypeVar("I", bound="Issue")  # noqa: E741 -- short for an issue or what is one


def _chosen(found: Sequence[I], given: Arguments) -> list[I]:
    """What wears one of the labels, in the order that was asked for."""
    wanted = given.names("labels")
    chosen = [one for one in found if wanted is None or set(wanted) & set(one.labels)]
    field, down = given.order()
    attribute = "updated_at" if field == "UPDATED_AT" else "created_at"
    return sorted(chosen, key=lambda one: (getattr(one, attribute), one.number), reverse=down)


def find_label(call: Call, given: Arguments) -> View | None:
    """A label by name."""
    found = call.github.store.labels.get(given.text("name").lower())
    return label(call, found) if found else None


def label(call: Call, value: Label) -> View:
    """A label."""
    return {
        "__typename": "Label",
        "id": views.node_id("LA", value.id),
        "name": value.name,
        "color": value.color,
        "description": value.description,
        "isDefault": False,
        "url": views.web(call, f"/labels/{value.name}"),
    }


def _common(call: Call, value: Issue) -> View:
    store = call.github.store
    return {
        "databaseId": value.id,
        "number": value.number,
        "title": value.title,
        "body": value.body or "",
        "closed": value.state == "closed",
        "locked": value.locked,
        "activeLockReason": None,
        "milestone": None,
        "closedAt": views.when(value.closed_at),
        "createdAt": views.moment(value.created_at),
        "updatedAt": views.moment(value.updated_at),
        "author": account(call, value.author),
        "authorAssociation": views.association(call, value.author),
        "assignees": assignees(call, value),
        "labels": connection(value.labels, lambda name: label(call, call.github.label(name))),
        "comments": lambda _info, **given: page(
            [one for one in store.comments if one.issue == value.number],
            lambda one: comment(call, one),
            Arguments(given),
        ),
        "repository": lambda _info: repository(call),
        "viewerDidAuthor": value.author == call.author,
    }


def issue(call: Call, value: Issue) -> View:
    """An issue."""
    reason = value.state_reason
    return _common(call, value) | {
        "__typename": "Issue",
        "id": views.node_id("I", value.number),
        "url": views.web(call, f"/issues/{value.number}"),
        "state": value.state.upper(),
        "stateReason": reason.upper() if reason else None,
        "timelineItems": lambda _info, **given: find_events(call, value, Arguments(given)),
    }


EVENTS = {
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "labeled": "LabeledEvent",
    "unlabeled": "UnlabeledEvent",
}


def find_events(call: Call, of: Issue, given: Arguments) -> View:
    """What happened to an issue, oldest first; of the kinds that were asked for."""
    wanted = given.names("itemTypes")
    found = [
        one
        for one in call.github.store.issue_events
        if one.issue == of.number and (wanted is None or f"{one.kind.upper()}_EVENT" in wanted)
    ]
    return page(found, lambda one: issue_event(call, one), given)


def issue_event(call: Call, value: IssueEvent) -> View:
    """Something that happened to an issue."""
    common: View = {
        "__typename": EVENTS[value.kind],
        "id": views.node_id("EV", value.id),
        "actor": account(call, value.actor),
        "createdAt": views.moment(value.created_at),
    }
    match value.kind:
        case "labeled" | "unlabeled":
            return common | {"label": label(call, call.github.label(value.label or ""))}
        case "closed":
            return common | {"closer": lambda _info: _closer(call, value)}
        case "reopened":
            return common
        case _:
            assert_never(value.kind)


def _closer(call: Call, value: IssueEvent) -> View | None:
    if value.commit:
        return commit(call, call.github.repository.commit(value.commit))
    return pull(call, call.github.pull(value.pull)) if value.pull else None


def comment(call: Call, value: Comment) -> View:
    """A comment."""
    return {
        "id": views.node_id("IC", value.id),
        "databaseId": value.id,
        "body": value.body,
        "author": account(call, value.author),
        "authorAssociation": views.association(call, value.author),
        "createdAt": views.moment(value.created_at),
        "updatedAt": views.moment(value.updated_at),
        "url": views.web(call, f"/issues/{value.issue}#issuecomment-{value.id}"),
        "viewerDidAuthor": value.author == call.author,
    }


def find_pull(call: Call, given: Arguments) -> View:
    """A pull request by number."""
    _needs(call, "pull-requests")
    found = call.github.store.pulls.get(given.number("number"))
    if found is None:
        raise not_found(f"Could not resolve to a PullRequest with the number of {given.number('number')}.")
    return pull(call, found)


def find_pulls(call: Call, given: Arguments) -> View:
    """Pull requests by state, branches and labels."""
    _needs(call, "pull-requests")
    states, base, head = given.names("states"), given.text("baseRefName"), given.text("headRefName")
    chosen = [
        one
        for one in _chosen(list(call.github.store.pulls), given)
        if (states is None or _pull_state(one) in states) and base in {"", one.base} and head in {"", one.head}
    ]
    return page(chosen, lambda one: pull(call, one), given)


def _pull_state(value: Pull) -> str:
    return "MERGED" if value.merged_at is not None else value.state.upper()


def pull(call: Call, value: Pull) -> View:
    """A pull request."""
    repository_ = call.github.repository
    url = views.web(call, f"/pull/{value.number}")
    merged = value.merge_commit
    return _common(call, value) | {
        "__typename": "PullRequest",
        "id": views.node_id("PR", value.number),
        "url": url,
        "permalink": url,
        "state": _pull_state(value),
        "merged": value.merged_at is not None,
        "mergedAt": views.when(value.merged_at),
        "mergedBy": account(call, value.merged_by),
        "mergeCommit": lambda _info: commit(call, repository_.commit(merged)) if merged else None,
        "isDraft": value.draft,
        "mergeable": "UNKNOWN" if value.state == "closed" else "MERGEABLE",
        "isCrossRepository": value.fork,
        "isInMergeQueue": value.queue_head is not None and value.state == "open",
        "baseRefName": value.base,
        "baseRefOid": value.base_sha,
        "headRefName": value.head,
        "headRefOid": value.head_sha,
        "baseRepository": lambda _info: repository(call),
        "headRepository": lambda _info: _head_repository(call, value),
        "commits": connection(value.commits, lambda sha: pull_commit(call, value, sha)),
        "files": lambda _info, **given: page(_changes(call, value), _file, Arguments(given)),
        "changedFiles": lambda _info: len(_changes(call, value)),
    }


def pull_commit(call: Call, of: Pull, sha: str) -> View:
    """A commit of a pull request."""
    node = views.node_id("PRC", f"{of.number}:{sha}")
    return {"id": node, "commit": lambda _info: commit(call, call.github.repository.commit(sha))}


def _changes(call: Call, value: Pull) -> list[Change]:
    return call.github.repository.changes(*views.diff_ends(call, value))


def _file(change: Change) -> View:
    kinds = {"A": "ADDED", "D": "DELETED"}
    return {
        "path": change.path,
        "additions": change.additions,
        "deletions": change.deletions,
        "changeType": kinds.get(change.status, "MODIFIED"),
    }


def _head_repository(call: Call, value: Pull) -> View | None:
    if not value.fork:
        return repository(call)
    if value.author is None:
        return None
    name = call.github.settings.repository.split("/")[1]
    fork = f"{value.author.login}/{name}"
    return repository(call) | {
        "id": views.node_id("R", account_id(fork)),
        "nameWithOwner": fork,
        "owner": account(call, value.author),
        "isFork": True,
    }


def find_queue(call: Call, given: Arguments) -> View | None:
    """The merge queue of a branch, when something waits in it."""
    branch = given.text("branch") or call.github.main
    waiting = [one for one in call.github.store.pulls if one.queue_head and one.state == "open"]
    entries = [one for one in waiting if one.base == branch]
    if not entries:
        return None
    return {
        "id": views.node_id("MQ", branch),
        "url": views.web(call, f"/queue/{branch}"),
        "entries": connection(list(enumerate(entries, 1)), lambda one: _entry(call, *one)),
    }


def _entry(call: Call, position: int, value: Pull) -> View:
    repository_ = call.github.repository
    head = value.queue_head or value.head_sha
    return {
        "id": views.node_id("MQE", value.number),
        "position": position,
        "state": "AWAITING_CHECKS",
        "enqueuedAt": views.moment(value.updated_at),
        "enqueuer": ghost(call, value.author),
        "baseCommit": lambda _info: commit(call, repository_.commit(value.base_sha)),
        "headCommit": lambda _info: commit(call, repository_.commit(head)),
        "pullRequest": lambda _info: pull(call, value),
    }


# releases


def _maybe_release(call: Call, value: Release | None) -> View | None:
    return release(call, value) if value else None


def find_releases(call: Call, given: Arguments) -> View:
    """Releases, drafts for accounts that may push."""
    field, down = given.order("CREATED_AT", "DESC")
    found = sorted(
        call.github.listed(call.caller),
        key=lambda one: (one.name or "", one.id) if field == "NAME" else ("", one.created_at, one.id),
        reverse=down,
    )
    return page(found, lambda one: release(call, one), given)


def release(call: Call, value: Release) -> View:
    """A release with its assets."""
    latest = call.github.latest()
    user = value.author if value.author and value.author.type == "User" else None
    return {
        "__typename": "Release",
        "id": views.node_id("RE", value.id),
        "databaseId": value.id,
        "tagName": value.tag_name,
        "name": value.name,
        "description": value.body,
        "isDraft": value.draft,
        "isPrerelease": value.prerelease,
        "isLatest": latest is not None and latest.id == value.id,
        "createdAt": views.moment(value.created_at),
        "publishedAt": views.when(value.published_at),
        "updatedAt": views.moment(value.updated_at),
        "url": views.web(call, f"/releases/tag/{value.tag_name}"),
        "author": account(call, user),
        "tag": lambda _info: find_ref(call, f"refs/tags/{value.tag_name}"),
        "tagCommit": lambda _info: _tag_commit(call, value),
        "releaseAssets": lambda _info, **given: _assets(call, value, Arguments(given)),
    }


def _tag_commit(call: Call, value: Release) -> View | None:
    found = call.github.tag_commit(value.tag_name)
    return commit(call, found) if found else None


def _assets(call: Call, value: Release, given: Arguments) -> View:
    name = given.text("name")
    found = [one for one in call.github.assets_of(value) if name in {"", one.name}]
    return page(found, lambda one: asset(call, value, one), given)


def asset(call: Call, of: Release, value: Asset) -> View:
    """A file of a release."""
    return {
        "id": views.node_id("RA", value.id),
        "name": value.name,
        "size": value.size,
        "contentType": value.content_type,
        "downloadCount": value.downloads,
        "downloadUrl": views.web(call, f"/releases/download/{of.tag_name}/{value.name}"),
        "url": views.web(call, f"/releases/download/{of.tag_name}/{value.name}"),
        "createdAt": views.moment(value.created_at),
        "updatedAt": views.moment(value.updated_at),
    }


# deployments


def find_deployments(call: Call, given: Arguments) -> View:
    """Deployments by environment, oldest first unless asked otherwise."""
    _needs(call, "deployments")
    environments = given.names("environments")
    found = [one for one in call.github.store.deployments if environments is None or one.environment in environments]
    _, down = given.order()
    statuses: dict[int, list[DeploymentStatus]] = {}
    for one in call.github.store.deployment_statuses:
        statuses.setdefault(one.deployment, []).append(one)
    return page(found[::-1] if down else found, lambda one: _deployment(call, one, statuses.get(one.id, [])), given)


def deployment(call: Call, value: Deployment) -> View:
    """A deployment with its statuses."""
    own = [one for one in call.github.store.deployment_statuses if one.deployment == value.id]
    return _deployment(call, value, own)


def _deployment(call: Call, value: Deployment, own: Sequence[DeploymentStatus]) -> View:
    """A deployment with its own statuses, newest first."""
    statuses = own[::-1]
    newest = statuses[0] if statuses else None
    return {
        "__typename": "Deployment",
        "id": views.node_id("DE", value.id),
        "databaseId": value.id,
        "commit": lambda _info: commit(call, call.github.repository.commit(value.sha)),
        "commitOid": value.sha,
        "createdAt": views.moment(value.created_at),
        "updatedAt": views.moment(value.updated_at),
        "creator": ghost(call, value.creator),
        "description": value.description,
        "environment": value.environment,
        "originalEnvironment": value.environment,
        "latestStatus": deployment_status(call, newest) if newest else None,
        "payload": msgspec.json.encode(value.payload).decode(),
        "ref": lambda _info: find_ref(call, value.ref),
        "state": _deployment_state(newest),
        "statuses": connection(statuses, lambda one: deployment_status(call, one)),
        "task": value.task,
    }


def _deployment_state(newest: DeploymentStatus | None) -> str:
    if newest is None:
        return "PENDING"
    return DEPLOYMENT_STATES.get(newest.state, newest.state.upper())


def deployment_status(call: Call, value: DeploymentStatus) -> View:
    """A status of a deployment."""
    return {
        "__typename": "DeploymentStatus",
        "id": views.node_id("DES", value.id),
        "state": value.state.upper(),
        "description": value.description,
        "environment": value.environment,
        "environmentUrl": value.environment_url or None,
        "logUrl": value.log_url or None,
        "createdAt": views.moment(value.created_at),
        "updatedAt": views.moment(value.created_at),
        "creator": ghost(call, value.creator),
        "deployment": lambda _info: _parent(call, value),
    }


def _parent(call: Call, value: DeploymentStatus) -> View | None:
    found = call.github.store.deployments.get(value.deployment)
    return deployment(call, found) if found else None
