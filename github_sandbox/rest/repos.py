"""The repository itself, accounts, limits and search."""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from github_sandbox import views
from github_sandbox.answer import Answer, forbidden, not_found, unprocessable
from github_sandbox.call import route
from github_sandbox.history import EPOCH
from github_sandbox.store import Pull

if TYPE_CHECKING:
    from github_sandbox.answer import Document
    from github_sandbox.call import Call
    from github_sandbox.repository import Ref
    from github_sandbox.store import Issue

MOST_FOUND = 1000


@route("GET", "{}", "metadata:read")
def get_repository(call: Call) -> Answer:
    """The repository."""
    return Answer(document=views.repository(call))


@route("GET", "{}/branches", "contents:read")
def list_branches(call: Call) -> Answer:
    """All branches."""
    return call.paged(call.github.repository.refs("refs/heads/"), lambda ref: _short_branch(call, ref))


def _short_branch(call: Call, ref: Ref) -> Document:
    return {
        "name": ref.name.removeprefix("refs/heads/"),
        "commit": {"sha": ref.sha, "url": views.api(call, f"/commits/{ref.sha}")},
        "protected": ref.name in call.github.settings.protected,
    }


@route("GET", "{}/branches/<path:branch>", "contents:read")
def get_branch(call: Call) -> Answer:
    """One branch."""
    name = call.path["branch"]
    sha = call.github.head(name)
    if sha is None:
        raise not_found("Branch not found")
    is_protected = f"refs/heads/{name}" in call.github.settings.protected
    url = views.api(call, f"/branches/{name}")
    return Answer(
        document={
            "name": name,
            "commit": views.commit(call, call.github.repository.commit(sha)),
            "_links": {"self": url, "html": views.web(call, f"/tree/{name}")},
            "protected": is_protected,
            "protection": {
                "enabled": is_protected,
                "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
            },
            "protection_url": f"{url}/protection",
        }
    )


@route("GET", "{}/tags", "contents:read")
def list_tags(call: Call) -> Answer:
    """All tags, by name."""
    return call.paged(call.github.repository.refs("refs/tags/"), lambda ref: _tag(call, ref))


def _tag(call: Call, ref: Ref) -> Document:
    name = ref.name.removeprefix("refs/tags/")
    commit = call.github.tag_commit(name)
    sha = commit.sha if commit else ref.sha
    return {
        "name": name,
        "commit": {"sha": sha, "url": views.api(call, f"/commits/{sha}")},
        "zipball_url": views.api(call, f"/zipball/{ref.name}"),
        "tarball_url": views.api(call, f"/tarball/{ref.name}"),
        "node_id": views.node_id("REF", ref.name),
    }


@route("GET", "{}/contents/<path:path>", "contents:read")
def get_contents(call: Call) -> Answer:
    """A file at a commit."""
    path = call.path["path"]
    ref = call.query.get("ref", call.github.main)
    sha = call.github.repository.resolve(ref)
    found = call.github.repository.read(f"{sha}:{path}") if sha else None
    if found is None or found.kind != "blob":
        raise not_found()
    url = views.api(call, f"/contents/{path}?ref={ref}")
    git_url = views.api(call, f"/git/blobs/{found.sha}")
    page = views.web(call, f"/blob/{ref}/{path}")
    return Answer(
        document={
            "type": "file",
            "encoding": "base64",
            "size": len(found.data),
            "name": path.rpartition("/")[2],
            "path": path,
            "content": base64.encodebytes(found.data).decode(),
            "sha": found.sha,
            "url": url,
            "git_url": git_url,
            "html_url": page,
            "download_url": views.web(call, f"/raw/{ref}/{path}"),
            "_links": {"self": url, "git": git_url, "html": page},
        }
    )


@route("GET", "{}/collaborators/<login>/permission", "metadata:read")
def get_permission(call: Call) -> Answer:
    """What somebody may do here; a person is told only with the right to push."""
    if call.author.type != "Bot" and call.github.permission(call.author.login) not in {"write", "admin"}:
        raise forbidden("Must have push access to view collaborator permission.")
    login = call.path["login"]
    level = call.github.permission(login)
    flags = ("pull", "triage", "push", "maintain", "admin")
    rank = {"none": 0, "read": 1, "write": 3, "admin": 5}[level]
    permissions = {flag: index < rank for index, flag in enumerate(flags)}
    account = views.account(call, login, views.kind_of(login))
    return Answer(
        document={
            "permission": level,
            "role_name": level,
            "user": account | {"permissions": permissions, "role_name": level},
        }
    )


@route("GET", "{}/immutable-releases", "administration:read")
def get_immutable(call: Call) -> Answer:
    """Whether new releases are immutable; 404 says they are not."""
    if not call.github.settings.immutable_releases:
        raise not_found()
    return Answer(document={"enabled": True, "enforced_by_owner": False})


@route("PUT", "{}/immutable-releases", "administration:write")
def set_immutable(call: Call) -> Answer:
    """Makes new releases immutable."""
    call.github.settings.immutable_releases = True
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


@route("DELETE", "{}/immutable-releases", "administration:write")
def unset_immutable(call: Call) -> Answer:
    """Leaves new releases mutable."""
    call.github.settings.immutable_releases = False
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


@route("GET", "/installation/repositories")
def list_installed(call: Call) -> Answer:
    """The repositories that an app's token is for; a person's is for none."""
    if call.author.type != "Bot":
        raise forbidden("You must authenticate with an installation access token in order to list repositories.")
    part, headers = call.page([views.repository(call)])
    return Answer(document={"total_count": 1, "repositories": part}, headers=headers)


@route("GET", "/user")
def get_user(call: Call) -> Answer:
    """Who the token belongs to; an app's token belongs to nobody."""
    author = call.author
    if author.type == "Bot":
        raise forbidden()
    return Answer(document=_profile(call, author.login))


@route("GET", "/users/<login>")
def get_account(call: Call) -> Answer:
    """Any account: all of them exist."""
    return Answer(document=_profile(call, call.path["login"]))


def _profile(call: Call, login: str) -> Document:
    text = ("bio", "blog", "company", "email", "hireable", "location", "name")
    counts = ("followers", "following", "public_gists", "public_repos")
    began = views.moment(EPOCH)
    return (
        views.account(call, login, views.kind_of(login))
        | dict.fromkeys(text)
        | dict.fromkeys(counts, 0)
        | {"user_view_type": "public", "created_at": began, "updated_at": began}
    )


@route("GET", "/search/issues")
def search_issues(call: Call) -> Answer:
    """Issues and pull requests that match qualifiers; words are looked for in titles."""
    found = search(call, call.query.get("q", ""))[:MOST_FOUND]
    part, headers = call.page(found)
    items = [_found(call, issue) for issue in part]
    return Answer(
        document={"total_count": len(found), "incomplete_results": False, "search_type": "lexical", "items": items},
        headers=headers,
    )


def _found(call: Call, issue: Issue) -> Document:
    view = views.issue(call, issue)
    if isinstance(issue, Pull):
        view["pull_request"] = {"merged_at": views.when(issue.merged_at)} | _links(view)
    return view | {"score": 1.0}


def _links(view: Document) -> Document:
    links = view["pull_request"]
    return links if isinstance(links, dict) else {}


def search(call: Call, query: str) -> list[Issue]:
    """What a search finds, newest first."""
    if not query.strip():
        raise unprocessable("Validation Failed", [{"resource": "Search", "field": "q", "code": "missing"}])
    terms = [term.strip('"') for term in re.findall(r'(?:[^\s"]|"[^"]*")+', query)]
    found = [issue for issue in call.github.issues() if all(_matches(call, issue, term) for term in terms)]
    return sorted(found, key=lambda issue: (issue.created_at, issue.number), reverse=True)


def _matches(call: Call, issue: Issue, term: str) -> bool:  # noqa: PLR0911 -- one line for each qualifier
    name, colon, value = term.partition(":")
    value = value.strip('"')
    pull = issue if isinstance(issue, Pull) else None
    match name if colon else "":
        case "repo":
            return value.lower() == call.github.settings.repository.lower()
        case "is" | "type" | "state":
            return _is(issue, value)
        case "author":
            return issue.author is not None and issue.author.login.lower() == value.removeprefix("app/").lower()
        case "base":
            return pull is not None and pull.base == value
        case "label":
            return value.lower() in {label.lower() for label in issue.labels}
        case "merged" | "created" | "closed" | "updated":
            at = pull.merged_at if pull and name == "merged" else getattr(issue, f"{name}_at", None)
            return at is not None and _in_range(views.moment(at), value)
        case "":
            return term.lower() in issue.title.lower()
        case _:
            raise unprocessable(f"The sandbox does not know the search qualifier {name!r}")


def _is(issue: Issue, value: str) -> bool:
    pull = issue if isinstance(issue, Pull) else None
    return {
        "pr": pull is not None,
        "pull-request": pull is not None,
        "issue": pull is None,
        "merged": pull is not None and pull.merged_at is not None,
        "unmerged": pull is not None and pull.merged_at is None,
        "draft": pull is not None and pull.draft,
        "public": True,
    }.get(value, issue.state == value)


def _in_range(at: str, value: str) -> bool:
    low, dots, high = value.partition("..")
    if dots:
        return low <= at <= high
    for sign, holds in {">=": at >= value[2:], "<=": at <= value[2:], ">": at > value[1:], "<": at < value[1:]}.items():
        if value.startswith(sign):
            return holds
    return at.startswith(value)
