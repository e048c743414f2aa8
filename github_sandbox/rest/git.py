"""Refs, tags, commits, comparisons and merges."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from github_sandbox import views
from github_sandbox.answer import Answer, ApiError, not_found, unprocessable
from github_sandbox.call import route
from github_sandbox.github import MergeConflictError
from github_sandbox.history import account_id
from github_sandbox.repository import ZERO, GitError, Person, Ref

if TYPE_CHECKING:
    from github_sandbox.answer import Document
    from github_sandbox.call import Call

MOST_FILES = 300
MOST_COMMITS = 250


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What a request says; keys GitHub does not have are refused."""


class NewRef(Body):
    """A ref to make."""

    ref: str
    sha: str


class MovedRef(Body):
    """Where a ref goes."""

    sha: str
    force: bool = False


class Tagger(Body):
    """Who makes a tag; `date` in ISO 8601."""

    name: str
    email: str
    date: str | None = None


class NewTag(Body):
    """A tag object to make."""

    tag: str
    message: str
    object: str
    type: str
    tagger: Tagger | None = None


class Merge(Body):
    """What is merged into what."""

    base: str
    head: str
    commit_message: str | None = None


@route("GET", "{}/git/ref/<path:ref>", "contents:read")
def get_ref(call: Call) -> Answer:
    """One ref."""
    found = call.github.repository.ref(f"refs/{call.path['ref']}")
    if found is None or _hidden(found):
        raise not_found()
    return Answer(document=views.ref(call, found))


@route("GET", "{}/git/matching-refs/<path:ref>", "contents:read")
def matching_refs(call: Call) -> Answer:
    """All refs that begin like this."""
    found = call.github.repository.refs(f"refs/{call.path['ref']}")
    return call.paged([ref for ref in found if not _hidden(ref)], lambda ref: views.ref(call, ref))


def _hidden(ref: Ref) -> bool:
    return ref.name.startswith("refs/sandbox/")


@route("POST", "{}/git/refs", "contents:write")
def create_ref(call: Call) -> Answer:
    """A new ref: the one write that only one of several can win."""
    body = call.body(NewRef)
    repository = call.github.repository
    if not body.ref.startswith(("refs/heads/", "refs/tags/")) or not repository.valid(body.ref):
        raise unprocessable("Reference name is not formatted correctly.")
    found = repository.read(body.sha)
    if found is None or found.sha != body.sha:
        raise unprocessable("Object does not exist")
    if repository.ref(body.ref):
        raise unprocessable("Reference already exists")
    commit = repository.read(f"{body.sha}^{{commit}}")
    if commit is None:
        raise unprocessable("Object is not a commit or a tag of one")
    call.github.check_creation(call.caller, body.ref, commit.sha)
    if not call.github.move(call.caller, body.ref, body.sha, ZERO):
        raise unprocessable("Reference already exists")
    call.github.store.tick()
    made = views.ref(call, Ref(body.ref, body.sha, found.kind))
    return Answer(HTTPStatus.CREATED, made, {"Location": str(made["url"])})


@route("PATCH", "{}/git/refs/<path:ref>", "contents:write")
def update_ref(call: Call) -> Answer:
    """Moves a ref."""
    body = call.body(MovedRef)
    name = f"refs/{call.path['ref']}"
    old = call.github.repository.ref(name)
    new = call.github.repository.read(body.sha)
    if old is None:
        raise unprocessable("Reference does not exist")
    if new is None:
        raise unprocessable("Object does not exist")
    if refusal := call.github.refusal(call.caller, name, new.sha):
        raise unprocessable(refusal)
    if not body.force and not call.github.repository.is_ancestor(old.sha, new.sha):
        raise unprocessable("Update is not a fast forward")
    call.github.check_workflows(call.caller, new.sha)
    if not call.github.move(call.caller, name, new.sha, old.sha):
        raise ApiError(HTTPStatus.CONFLICT, "Reference was moved meanwhile")
    call.github.store.tick()
    return Answer(document=views.ref(call, Ref(name, new.sha, new.kind)))


@route("DELETE", "{}/git/refs/<path:ref>", "contents:write")
def delete_ref(call: Call) -> Answer:
    """Takes a ref away; the published release of a deleted tag becomes a draft."""
    name = f"refs/{call.path['ref']}"
    old = call.github.repository.ref(name)
    if old is None:
        raise unprocessable("Reference does not exist")
    held = call.github.published(name.removeprefix("refs/tags/"))
    if call.github.is_protected(call.caller, name) or (held and held.immutable):
        raise unprocessable("Repository rule violations found\n\nCannot delete this ref.")
    call.github.move(call.caller, name, ZERO, old.sha)
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


@route("POST", "{}/git/tags", "contents:write")
def create_tag(call: Call) -> Answer:
    """An annotated tag as an object; no ref names it yet."""
    body = call.body(NewTag)
    found = call.github.repository.read(body.object)
    if found is None or found.kind != body.type:
        raise unprocessable("Object does not exist or is of another type")
    now = call.github.store.tick()
    author = call.author
    mail = f"{account_id(author.login)}+{author.login}@users.noreply.github.com"
    tagger = Person(author.login, mail, now)
    if body.tagger:
        tagger = Person(body.tagger.name, body.tagger.email, _seconds(body.tagger.date, now))
    head = f"object {found.sha}\ntype {found.kind}\ntag {body.tag}\ntagger {tagger}\n\n"
    try:
        sha = call.github.repository.write("tag", f"{head}{body.message.rstrip()}\n".encode())
    except GitError as error:
        raise unprocessable(f"Tag is not well-formed: {error}") from error
    return _tag(call, sha, HTTPStatus.CREATED)


def _seconds(text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise unprocessable(f"Invalid request.\n\n{text!r} is not a date-time.") from error


@route("GET", "{}/git/tags/<sha>", "contents:read")
def get_tag(call: Call) -> Answer:
    """An annotated tag by the hash of its object."""
    return _tag(call, call.path["sha"], HTTPStatus.OK)


def _tag(call: Call, sha: str, status: HTTPStatus) -> Answer:
    found = call.github.repository.tag(sha)
    if found is None:
        raise not_found()
    return Answer(status, views.tag(call, found))


@route("GET", "{}/git/commits/<sha>", "contents:read")
def get_git_commit(call: Call) -> Answer:
    """A commit as git has it."""
    found = call.github.repository.read(call.path["sha"])
    if found is None or found.kind != "commit":
        raise not_found()
    return Answer(document=views.git_commit(call, call.github.repository.commit(found.sha)))


@route("GET", "{}/commits", "contents:read")
def list_commits(call: Call) -> Answer:
    """The commits that a branch, tag or hash contains, newest first."""
    start = call.github.repository.resolve(call.query.get("sha", call.github.main))
    if start is None:
        raise not_found()
    hashes = call.github.repository.log(start)
    return call.paged(hashes, lambda sha: views.commit(call, call.github.repository.commit(sha)))


@route("GET", "{}/commits/<path:ref>", "contents:read")
def get_commit(call: Call) -> Answer:
    """One commit with its files."""
    commit = call.github.commit(call.path["ref"])
    empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    changes = call.github.repository.changes(commit.parents[0] if commit.parents else empty, commit.sha)
    added = sum(change.additions for change in changes)
    removed = sum(change.deletions for change in changes)
    return Answer(
        document=views.commit(call, commit)
        | {
            "stats": {"additions": added, "deletions": removed, "total": added + removed},
            "files": [views.file(call, commit.sha, change) for change in changes[:MOST_FILES]],
        }
    )


@route("GET", "{}/commits/<path:ref>/pulls", "pull-requests:read")
def pulls_of_commit(call: Call) -> Answer:
    """The pull requests of a commit, as the index knows them."""
    commit = call.github.commit(call.path["ref"])
    return call.paged(call.github.associated(commit.sha), lambda pull: views.pull(call, pull))


@route("GET", "{}/compare/<path:basehead>", "contents:read")
def compare(call: Call) -> Answer:
    """What one commit has that another has not."""
    base_name, dots, head_name = call.path["basehead"].partition("...")
    repository = call.github.repository
    base, head = repository.resolve(base_name), repository.resolve(head_name)
    if not dots or base is None or head is None:
        raise not_found()
    common = repository.merge_base(base, head)
    if common is None:
        raise not_found(f"No common ancestor between {base_name} and {head_name}.")
    return _comparison(call, base, head, common)


def _comparison(call: Call, base: str, head: str, common: str) -> Answer:
    repository = call.github.repository
    ahead = repository.log("--reverse", f"{base}..{head}")
    behind = repository.log(f"{head}..{base}")
    paged = "page" in call.query or "per_page" in call.query
    shown, headers = call.page(ahead) if paged else (ahead[:MOST_COMMITS], {})
    first = call.query.get("page", "1") == "1"
    files = repository.changes(common, head)[:MOST_FILES] if first else []
    page = views.web(call, f"/compare/{base}...{head}")
    document: Document = {
        "url": views.api(call, f"/compare/{base}...{head}"),
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": views.commit(call, repository.commit(base)),
        "merge_base_commit": views.commit(call, repository.commit(common)),
        "status": _status(len(ahead), len(behind)),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [views.commit(call, repository.commit(sha)) for sha in shown],
        "files": [views.file(call, head, change) for change in files],
    }
    return Answer(document=document, headers=headers)


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"


@route("POST", "{}/merges", "contents:write")
def merge(call: Call) -> Answer:
    """Merges a branch or commit into a branch, always with a merge commit."""
    body = call.body(Merge)
    base = call.github.head(body.base)
    head = call.github.repository.resolve(body.head)
    if base is None:
        raise not_found("Base does not exist")
    if head is None:
        raise not_found("Head does not exist")
    if call.github.repository.is_ancestor(head, base):
        return Answer(HTTPStatus.NO_CONTENT)
    ref = f"refs/heads/{body.base}"
    if call.github.is_protected(call.caller, ref):
        raise ApiError(HTTPStatus.FORBIDDEN, f"Protected branch update failed for {ref}.")
    message = body.commit_message or f"Merge {body.head} into {body.base}"
    try:
        made = call.github.merge_commit(base, head, call.author, message)
    except MergeConflictError as conflict:
        raise ApiError(HTTPStatus.CONFLICT, "Merge conflict") from conflict
    call.github.check_workflows(call.caller, made)
    call.github.move(call.caller, ref, made, base)
    return Answer(HTTPStatus.CREATED, views.commit(call, call.github.repository.commit(made)))
