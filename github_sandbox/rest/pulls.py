"""Pull requests: looking, opening, changing, merging."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from github_sandbox import views
from github_sandbox.answer import Answer, ApiError, check_length, invalid, not_found
from github_sandbox.call import route
from github_sandbox.github import MergeConflictError
from github_sandbox.repository import ZERO
from github_sandbox.rest.git import MOST_COMMITS, Body
from github_sandbox.rest.issues import LONGEST_COMMENT, LONGEST_TITLE
from github_sandbox.store import Pull

if TYPE_CHECKING:
    from github_sandbox.call import Call


class NewPull(Body):
    """A pull request to open."""

    head: str
    base: str
    title: str | None = None
    body: str | None = None
    draft: bool = False
    maintainer_can_modify: bool = False
    issue: int | None = None
    head_repo: str | None = None


class ChangedPull(Body):
    """What changes in a pull request."""

    title: str | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    base: str | None = None
    maintainer_can_modify: bool | None = None


class MergePull(Body):
    """How a pull request is merged."""

    commit_title: str | None = None
    commit_message: str | None = None
    sha: str | None = None
    merge_method: Literal["merge", "squash", "rebase"] = "merge"


@route("GET", "{}/pulls", "pull-requests:read")
def list_pulls(call: Call) -> Answer:
    """Pull requests, newest first unless asked otherwise."""
    query = call.query
    state, base, head = query.get("state", "open"), query.get("base"), query.get("head")
    found = [
        pull
        for pull in call.github.store.pulls
        if state in {"all", pull.state}
        and base in {None, pull.base}
        and head in {None, pull.head, views.pull_label(call, pull)}
    ]
    key = "updated_at" if query.get("sort") == "updated" else "created_at"
    down = query.get("direction", "desc" if query.get("sort", "created") == "created" else "asc") == "desc"
    found.sort(key=lambda pull: (getattr(pull, key), pull.number), reverse=down)
    return call.paged(found, lambda pull: views.pull(call, pull))


@route("POST", "{}/pulls", "pull-requests:write")
def create_pull(call: Call) -> Answer:
    """A new pull request between two branches of the repository."""
    body = call.body(NewPull)
    _check_texts(body)
    github = call.github
    branch = body.head.removeprefix(f"{github.settings.repository.split('/')[0]}:")
    head, base = github.head(branch), github.head(body.base)
    if base is None:
        raise invalid("PullRequest", "base", "invalid")
    if head is None:
        raise invalid("PullRequest", "head", "invalid")
    commits = github.repository.log("--reverse", f"{base}..{head}")
    if not commits:
        text = f"No commits between {body.base} and {branch}"
        raise invalid("PullRequest", "head", "custom", text)
    if any(p.state == "open" and (p.head, p.base) == (branch, body.base) for p in github.store.pulls):
        text = f"A pull request already exists for {views.owner(call)}:{branch}."
        raise invalid("PullRequest", "head", "custom", text)
    now = github.store.tick()
    number = github.store.new_number()
    pull = Pull(
        key=str(number),
        id=github.store.new_id(),
        number=number,
        title=body.title or "",
        body=body.body,
        author=call.author,
        labels=[],
        created_at=now,
        updated_at=now,
        base=body.base,
        base_sha=base,
        head=branch,
        head_sha=head,
        draft=body.draft,
        commits=commits,
    )
    github.repository.move(f"refs/pull/{number}/head", head, ZERO)
    made = views.whole_pull(call, github.store.pulls.put(pull))
    return Answer(HTTPStatus.CREATED, made, {"Location": str(made["url"])})


def _check_texts(body: NewPull | ChangedPull) -> None:
    check_length("PullRequest", "title", body.title, LONGEST_TITLE)
    check_length("PullRequest", "body", body.body, LONGEST_COMMENT)


@route("GET", "{}/pulls/<number>", "pull-requests:read")
def get_pull(call: Call) -> Answer:
    """One pull request."""
    return Answer(document=views.whole_pull(call, call.github.pull(call.number("number"))))


@route("PATCH", "{}/pulls/<number>", "pull-requests:write")
def update_pull(call: Call) -> Answer:
    """Changes a pull request, its title after the merge included."""
    pull = call.github.pull(call.number("number"))
    body = call.body(ChangedPull)
    _check_texts(body)
    if body.base and not call.github.head(body.base):
        raise invalid("PullRequest", "base", "invalid")
    pull.title = pull.title if body.title is None else body.title
    pull.body = pull.body if body.body is None else body.body
    pull.base = body.base or pull.base
    if body.state == "closed" and pull.state == "open":
        call.github.close(pull, call.author)
    elif body.state == "open" and pull.merged_at is None:
        pull.state, pull.closed_at = "open", None
    call.github.save(pull)
    return Answer(document=views.whole_pull(call, pull))


@route("GET", "{}/pulls/<number>/commits", "pull-requests:read")
def pull_commits(call: Call) -> Answer:
    """The commits of a pull request, 250 of them at most."""
    pull = call.github.pull(call.number("number"))
    commits = pull.commits[:MOST_COMMITS]
    return call.paged(commits, lambda sha: views.commit(call, call.github.repository.commit(sha)))


@route("GET", "{}/pulls/<number>/files", "pull-requests:read")
def pull_files(call: Call) -> Answer:
    """The files that a pull request changes."""
    pull = call.github.pull(call.number("number"))
    changes = call.github.repository.changes(*views.diff_ends(call, pull))
    return call.paged(changes, lambda change: views.file(call, pull.head_sha, change))


@route("GET", "{}/pulls/<number>/merge", "pull-requests:read")
def is_merged(call: Call) -> Answer:
    """204 for a merged pull request, else 404."""
    if call.github.pull(call.number("number")).merged_at is None:
        raise not_found()
    return Answer(HTTPStatus.NO_CONTENT)


@route("PUT", "{}/pulls/<number>/merge", "contents:write")
def merge_pull(call: Call) -> Answer:
    """Merges a pull request."""
    pull = call.github.pull(call.number("number"))
    body = call.body(MergePull)
    base = call.github.head(pull.base)
    if pull.state == "closed" or pull.draft or base is None:
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable")
    if body.sha not in {None, pull.head_sha}:
        raise ApiError(HTTPStatus.CONFLICT, "Head branch was modified. Review and try the merge again.")
    if call.github.is_protected(call.caller, f"refs/heads/{pull.base}"):
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "Repository rule violations found")
    try:
        landed = _landed(call, pull, base, body)
    except MergeConflictError as conflict:
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable") from conflict
    call.github.merged(pull, call.author, landed[-1], landed)
    call.github.move(call.caller, f"refs/heads/{pull.base}", landed[-1], base)
    done = {"sha": landed[-1], "merged": True, "message": "Pull Request successfully merged"}
    return Answer(document=done)


def _landed(call: Call, pull: Pull, base: str, body: MergePull) -> list[str]:
    if body.merge_method == "rebase":
        return call.github.rebased_commits(pull, base)
    if body.merge_method == "squash":
        title = body.commit_title or f"{pull.title} (#{pull.number})"
        message = _text(title, body.commit_message)
        return [call.github.squash_commit(pull, base, message)]
    title = f"Merge pull request #{pull.number} from {views.owner(call)}/{pull.head}"
    text = pull.title if body.commit_message is None else body.commit_message
    return [call.github.merge_commit(base, pull.head_sha, call.author, _text(body.commit_title or title, text))]


def _text(title: str, message: str | None) -> str:
    return f"{title}\n\n{message}" if message else title
