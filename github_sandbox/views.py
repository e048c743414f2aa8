"""Records as GitHub's REST interface shows them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from github_sandbox.history import EPOCH, account_id
from github_sandbox.store import Pull

if TYPE_CHECKING:
    from github_sandbox.answer import Document
    from github_sandbox.call import Call
    from github_sandbox.repository import Change, Commit, Person, Ref, Tag
    from github_sandbox.store import (
        Asset,
        Author,
        Comment,
        CommitStatus,
        Deployment,
        DeploymentStatus,
        Issue,
        Job,
        Label,
        Release,
        Run,
    )

REPOSITORY_URLS = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits:git/commits",
    "git_refs:git/refs",
    "git_tags:git/tags",
    "hooks",
    "issue_comment:issues/comments",
    "issue_events:issues/events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees:git/trees",
]
USER_URLS = [
    "events",
    "followers",
    "following",
    "gists",
    "organizations:orgs",
    "received_events",
    "repos",
    "starred",
    "subscriptions",
]
REPOSITORY_ID = 1296269


def when(at: int | None) -> str | None:
    """A time as GitHub writes it."""
    return None if at is None else moment(at)


def moment(at: int) -> str:
    """A time that is always there."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: object) -> str:
    """An opaque name of anything."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def api(call: Call, path: str = "") -> str:
    """A URL below the repository's, in the interface."""
    return f"{call.root}/repos/{call.github.settings.repository}{path}"


def web(call: Call, path: str = "") -> str:
    """A URL below the repository's, in the browser."""
    return f"{call.root}/{call.github.settings.repository}{path}"


def user(call: Call, author: Author | None) -> Document | None:
    """An account; deleted ones are nothing."""
    return account(call, author.login, author.type) if author else None


def account(call: Call, login: str, kind: str = "User") -> Document:
    """An account by name."""
    url = f"{call.root}/users/{login}"
    urls = {f"{name}_url": f"{url}/{path or name}" for name, _, path in (part.partition(":") for part in USER_URLS)}
    return urls | {
        "login": login,
        "id": account_id(login),
        "node_id": node_id("U", login),
        "avatar_url": f"{call.root}/avatars/{account_id(login)}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{call.root}/{login}",
        "type": kind,
        "site_admin": False,
    }


def repository(call: Call) -> Document:
    """The repository."""
    settings = call.github.settings
    owner, name = settings.repository.split("/")
    urls = {
        f"{key}_url": api(call, f"/{path or key}") for key, _, path in (part.partition(":") for part in REPOSITORY_URLS)
    }
    return (
        urls
        | _counts(call)
        | {
            "id": REPOSITORY_ID,
            "node_id": node_id("R", REPOSITORY_ID),
            "name": name,
            "full_name": settings.repository,
            "owner": account(call, owner, "Organization"),
            "private": settings.private,
            "visibility": "private" if settings.private else "public",
            "html_url": web(call),
            "url": api(call),
            "git_url": f"git:{web(call).removeprefix('http:')}.git",
            "clone_url": f"{web(call)}.git",
            "ssh_url": f"git@127.0.0.1:{settings.repository}.git",
            "svn_url": web(call),
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "default_branch": settings.default_branch,
            "topics": [],
            "created_at": moment(EPOCH),
            "updated_at": moment(settings.now),
            "pushed_at": moment(settings.now),
        }
    )


def minimal_repository(call: Call) -> Document:
    """The repository as it stands inside runs and statuses."""
    return {key: value for key, value in repository(call).items() if not key.startswith("allow_")}


def inner_repository(call: Call) -> Document:
    """The repository as it stands inside pull requests."""
    gone = {"network_count", "subscribers_count"}
    return {key: value for key, value in repository(call).items() if key not in gone}


def _counts(call: Call) -> Document:
    github = call.github
    open_issues = sum(issue.state == "open" for issue in github.issues())
    may = call.caller.may
    return {
        "description": None,
        "fork": False,
        "archived": False,
        "disabled": False,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "delete_branch_on_merge": False,
        "permissions": {
            "admin": may("administration"),
            "maintain": may("administration"),
            "push": may("contents"),
            "triage": may("issues"),
            "pull": may("contents", "read"),
        },
        "open_issues": open_issues,
        "open_issues_count": open_issues,
        **dict.fromkeys(("has_issues", "has_downloads", "has_projects"), True),
        **dict.fromkeys(("has_wiki", "has_pages", "has_discussions"), False),
        **dict.fromkeys(
            (
                "size",
                "forks",
                "forks_count",
                "watchers",
                "watchers_count",
                "stargazers_count",
                "network_count",
                "subscribers_count",
            ),
            0,
        ),
    }


def owner(call: Call) -> str:
    """Whose repository it is."""
    return call.github.settings.repository.split("/")[0]


# git


def ref(call: Call, value: Ref) -> Document:
    """A ref."""
    kind = "commits" if value.kind == "commit" else f"{value.kind}s"
    return {
        "ref": value.name,
        "node_id": node_id("REF", value.name),
        "url": api(call, f"/git/{value.name}"),
        "object": {"type": value.kind, "sha": value.sha, "url": api(call, f"/git/{kind}/{value.sha}")},
    }


def tag(call: Call, value: Tag) -> Document:
    """An annotated tag."""
    return {
        "node_id": node_id("TA", value.sha),
        "tag": value.name,
        "sha": value.sha,
        "url": api(call, f"/git/tags/{value.sha}"),
        "message": value.message,
        "tagger": git_person(value.tagger),
        "object": {
            "type": value.kind,
            "sha": value.target,
            "url": api(call, f"/git/{value.kind}s/{value.target}"),
        },
        "verification": unsigned(),
    }


def unsigned() -> Document:
    """What is said of anything without a signature."""
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def git_person(value: Person) -> Document:
    """Somebody as git knows them."""
    return {"name": value.name, "email": value.mail, "date": moment(value.at)}


def git_commit(call: Call, value: Commit) -> Document:
    """A commit as an object of git."""
    return {
        "sha": value.sha,
        "node_id": node_id("C", value.sha),
        "url": api(call, f"/git/commits/{value.sha}"),
        "html_url": web(call, f"/commit/{value.sha}"),
        "author": git_person(value.author),
        "committer": git_person(value.committer),
        "message": value.message,
        "tree": {"sha": value.tree, "url": api(call, f"/git/trees/{value.tree}")},
        "parents": [parent(call, sha) for sha in value.parents],
        "verification": unsigned(),
    }


def parent(call: Call, sha: str) -> Document:
    """A parent of a commit."""
    return {"sha": sha, "url": api(call, f"/commits/{sha}"), "html_url": web(call, f"/commit/{sha}")}


def commit(call: Call, value: Commit) -> Document:
    """A commit with the accounts behind it."""
    inner = {
        "url": api(call, f"/git/commits/{value.sha}"),
        "author": git_person(value.author),
        "committer": git_person(value.committer),
        "message": value.message,
        "tree": {"sha": value.tree, "url": api(call, f"/git/trees/{value.tree}")},
        "comment_count": 0,
        "verification": unsigned(),
    }
    return {
        "sha": value.sha,
        "node_id": node_id("C", value.sha),
        "commit": inner,
        "url": api(call, f"/commits/{value.sha}"),
        "html_url": web(call, f"/commit/{value.sha}"),
        "comments_url": api(call, f"/commits/{value.sha}/comments"),
        "author": behind(call, value.author),
        "committer": behind(call, value.committer),
        "parents": [parent(call, sha) for sha in value.parents],
    }


def login_of(value: Person) -> str | None:
    """The account whose mail address stands in a commit."""
    local, _, domain = value.mail.partition("@")
    if value.mail == "noreply@github.com":
        return "web-flow"
    return local.partition("+")[2] if domain == "users.noreply.github.com" else None


def behind(call: Call, value: Person) -> Document | None:
    """The account behind somebody whom git knows."""
    login = login_of(value)
    return None if login in {None, "ghost"} or login is None else account(call, login, kind_of(login))


def kind_of(login: str) -> str:
    """The kind of an account, by its name."""
    return "Bot" if login.endswith("[bot]") else "User"


def file(call: Call, sha: str, value: Change) -> Document:
    """A file of a diff."""
    names = {"A": "added", "D": "removed", "T": "changed"}
    return {
        "sha": value.sha,
        "filename": value.path,
        "status": names.get(value.status, "modified"),
        "additions": value.additions,
        "deletions": value.deletions,
        "changes": value.additions + value.deletions,
        "blob_url": web(call, f"/blob/{sha}/{value.path}"),
        "raw_url": web(call, f"/raw/{sha}/{value.path}"),
        "contents_url": api(call, f"/contents/{value.path}?ref={sha}"),
    }


# releases


def release(call: Call, value: Release) -> Document:
    """A release with its assets."""
    url = api(call, f"/releases/{value.id}")
    assets = call.github.assets_of(value)
    tagged = not value.draft
    return {
        "id": value.id,
        "node_id": node_id("RE", value.id),
        "tag_name": value.tag_name,
        "target_commitish": value.target_commitish,
        "name": value.name,
        "body": value.body,
        "draft": value.draft,
        "prerelease": value.prerelease,
        "immutable": value.immutable,
        "author": user(call, value.author) or account(call, "ghost"),
        "assets": [asset(call, found) for found in assets],
        "created_at": moment(value.created_at),
        "published_at": when(value.published_at),
        "updated_at": moment(value.updated_at),
        "url": url,
        "assets_url": f"{url}/assets",
        "upload_url": f"{call.root}/uploads{url.removeprefix(call.root)}/assets{{?name,label}}",
        "html_url": web(call, f"/releases/tag/{value.tag_name}"),
        "tarball_url": api(call, f"/tarball/{value.tag_name}") if tagged else None,
        "zipball_url": api(call, f"/zipball/{value.tag_name}") if tagged else None,
    }


def asset(call: Call, value: Asset) -> Document:
    """A file of a release."""
    owner = call.github.store.releases.get(value.release)
    tag_name = owner.tag_name if owner else ""
    return {
        "id": value.id,
        "node_id": node_id("RA", value.id),
        "name": value.name,
        "label": value.label,
        "content_type": value.content_type,
        "state": value.state,
        "size": value.size,
        "digest": value.digest,
        "download_count": value.downloads,
        "uploader": user(call, value.uploader),
        "created_at": moment(value.created_at),
        "updated_at": moment(value.updated_at),
        "url": api(call, f"/releases/assets/{value.id}"),
        "browser_download_url": web(call, f"/releases/download/{tag_name}/{value.name}"),
    }


# issues and pull requests


def label(call: Call, value: Label) -> Document:
    """A label."""
    return {
        "id": value.id,
        "node_id": node_id("LA", value.id),
        "url": api(call, f"/labels/{value.name}"),
        "name": value.name,
        "color": value.color,
        "default": False,
        "description": value.description,
    }


def labels(call: Call, value: Issue) -> list[Document]:
    """The labels of an issue."""
    return [label(call, call.github.label(name)) for name in value.labels]


def association(call: Call, author: Author | None) -> str:
    """How an author stands to the repository."""
    known = author is not None and author.login in call.github.settings.collaborators
    return "MEMBER" if known else "NONE"


def _issue_parts(call: Call, value: Issue) -> Document:
    return {
        "id": value.id,
        "number": value.number,
        "title": value.title,
        "body": value.body,
        "state": value.state,
        "locked": value.locked,
        "active_lock_reason": None,
        "user": user(call, value.author),
        "labels": labels(call, value),
        "assignee": account(call, value.assignees[0]) if value.assignees else None,
        "assignees": [account(call, login) for login in value.assignees],
        "milestone": None,
        "created_at": moment(value.created_at),
        "updated_at": moment(value.updated_at),
        "closed_at": when(value.closed_at),
        "author_association": association(call, value.author),
        "comments_url": api(call, f"/issues/{value.number}/comments"),
    }


def comment_count(call: Call, value: Issue) -> int:
    """How many comments there are."""
    return sum(comment.issue == value.number for comment in call.github.store.comments)


def issue(call: Call, value: Issue) -> Document:
    """An issue, or a pull request as the issues interface shows it."""
    url = api(call, f"/issues/{value.number}")
    place = "pull" if isinstance(value, Pull) else "issues"
    found = _issue_parts(call, value) | {
        "node_id": node_id("I", value.number),
        "url": url,
        "repository_url": api(call),
        "labels_url": f"{url}/labels{{/name}}",
        "events_url": f"{url}/events",
        "html_url": web(call, f"/{place}/{value.number}"),
        "comments": comment_count(call, value),
        "state_reason": value.state_reason,
    }
    if isinstance(value, Pull):
        pull_url = api(call, f"/pulls/{value.number}")
        page = web(call, f"/pull/{value.number}")
        found["draft"] = value.draft
        found["pull_request"] = {
            "url": pull_url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": when(value.merged_at),
        }
    return found


def comment(call: Call, value: Comment) -> Document:
    """A comment."""
    return {
        "id": value.id,
        "node_id": node_id("IC", value.id),
        "url": api(call, f"/issues/comments/{value.id}"),
        "html_url": web(call, f"/issues/{value.issue}#issuecomment-{value.id}"),
        "issue_url": api(call, f"/issues/{value.issue}"),
        "body": value.body,
        "user": user(call, value.author),
        "created_at": moment(value.created_at),
        "updated_at": moment(value.updated_at),
        "author_association": association(call, value.author),
    }


def pull(call: Call, value: Pull) -> Document:
    """A pull request as lists show it."""
    url = api(call, f"/pulls/{value.number}")
    page = web(call, f"/pull/{value.number}")
    links = {
        "self": url,
        "html": page,
        "issue": api(call, f"/issues/{value.number}"),
        "comments": api(call, f"/issues/{value.number}/comments"),
        "review_comments": f"{url}/comments",
        "review_comment": f"{url}/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": api(call, f"/statuses/{value.head_sha}"),
    }
    return _issue_parts(call, value) | {
        "node_id": node_id("PR", value.number),
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"],
        "commits_url": links["commits"],
        "statuses_url": links["statuses"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "merged_at": when(value.merged_at),
        "merge_commit_sha": value.merge_commit,
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": value.draft,
        "auto_merge": None,
        "base": _end(call, value.base, value.base_sha, call.github.settings.repository.split("/")[0]),
        "head": _head_end(call, value),
        "_links": {name: {"href": link} for name, link in links.items()},
    }


def pull_label(call: Call, value: Pull) -> str:
    """The head of a pull request with its owner, as lists are filtered by it."""
    author = value.author.login if value.author else "unknown"
    return f"{author if value.fork else owner(call)}:{value.head}"


def _end(call: Call, branch: str, sha: str, owner: str) -> Document:
    return {
        "ref": branch,
        "sha": sha,
        "label": f"{owner}:{branch}",
        "user": account(call, owner, "Organization"),
        "repo": inner_repository(call),
    }


def _head_end(call: Call, value: Pull) -> Document:
    owner, name = call.github.settings.repository.split("/")
    if not value.fork:
        return _end(call, value.head, value.head_sha, owner)
    end = _end(call, value.head, value.head_sha, value.author.login if value.author else "unknown")
    if value.author is None:
        return end | {"repo": None, "user": None}
    fork = f"{value.author.login}/{name}"
    end["user"] = user(call, value.author)
    end["repo"] = inner_repository(call) | {
        "id": REPOSITORY_ID + account_id(fork),
        "full_name": fork,
        "owner": user(call, value.author),
        "fork": True,
    }
    return end


def whole_pull(call: Call, value: Pull) -> Document:
    """A pull request with what takes a look into git."""
    changes = call.github.repository.changes(*diff_ends(call, value))
    return pull(call, value) | {
        "merged": value.merged_at is not None,
        "merged_by": user(call, value.merged_by),
        "mergeable": None if value.state == "closed" else mergeable(call, value),
        "mergeable_state": "unknown" if value.state == "closed" else "clean",
        "rebaseable": None,
        "comments": comment_count(call, value),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(value.commits),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
        "user": user(call, value.author) or account(call, "ghost"),
    }


def mergeable(call: Call, value: Pull) -> bool:
    """Whether a pull request merges without a conflict."""
    base = call.github.head(value.base)
    return bool(base and call.github.repository.merge_tree(base, value.head_sha))


def diff_ends(call: Call, value: Pull) -> tuple[str, str]:
    """The two commits between which a pull request shows its changes."""
    base = call.github.repository.merge_base(value.base_sha, value.head_sha) or value.base_sha
    return base, value.head_sha


# deployments and statuses


def deployment(call: Call, value: Deployment) -> Document:
    """A deployment."""
    url = api(call, f"/deployments/{value.id}")
    return {
        "id": value.id,
        "node_id": node_id("DE", value.id),
        "url": url,
        "statuses_url": f"{url}/statuses",
        "repository_url": api(call),
        "sha": value.sha,
        "ref": value.ref,
        "task": value.task,
        "payload": value.payload,
        "environment": value.environment,
        "original_environment": value.environment,
        "description": value.description,
        "creator": user(call, value.creator),
        "transient_environment": value.transient,
        "production_environment": value.production,
        "created_at": moment(value.created_at),
        "updated_at": moment(value.updated_at),
    }


def deployment_status(call: Call, value: DeploymentStatus) -> Document:
    """A status of a deployment."""
    url = api(call, f"/deployments/{value.deployment}")
    return {
        "id": value.id,
        "node_id": node_id("DES", value.id),
        "url": f"{url}/statuses/{value.id}",
        "deployment_url": url,
        "repository_url": api(call),
        "state": value.state,
        "description": value.description,
        "environment": value.environment,
        "target_url": value.log_url,
        "log_url": value.log_url,
        "environment_url": value.environment_url,
        "creator": user(call, value.creator),
        "created_at": moment(value.created_at),
        "updated_at": moment(value.created_at),
    }


def status(call: Call, value: CommitStatus) -> Document:
    """A status of a commit."""
    creator = user(call, value.creator)
    return {
        "id": value.id,
        "node_id": node_id("SC", value.id),
        "url": api(call, f"/statuses/{value.sha}"),
        "avatar_url": creator["avatar_url"] if creator else None,
        "state": value.state,
        "context": value.context,
        "description": value.description,
        "target_url": value.target_url,
        "creator": creator,
        "created_at": moment(value.created_at),
        "updated_at": moment(value.created_at),
    }


# runs


def workflow(call: Call, path: str) -> Document:
    """A workflow by its file."""
    number = account_id(path)
    name = path.rpartition("/")[2]
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": name.rpartition(".")[0],
        "path": path,
        "state": call.github.settings.actions.states.get(path, "active"),
        "created_at": moment(EPOCH),
        "updated_at": moment(EPOCH),
        "url": api(call, f"/actions/workflows/{number}"),
        "html_url": web(call, f"/blob/{call.github.main}/{path}"),
        "badge_url": web(call, f"/workflows/{name}/badge.svg"),
    }


def run(call: Call, value: Run) -> Document:
    """An attempt of a workflow run."""
    url = api(call, f"/actions/runs/{value.id}")
    links = ("jobs", "logs", "cancel", "rerun", "artifacts")
    head = call.github.repository.commit(value.sha)
    return {f"{name}_url": f"{url}/{name}" for name in links} | {
        "id": value.id,
        "name": value.name,
        "node_id": node_id("WFR", value.key),
        "head_branch": value.branch,
        "head_sha": value.sha,
        "path": value.path,
        "display_title": head.message.partition("\n")[0],
        "run_number": value.number,
        "run_attempt": value.attempt,
        "event": value.event,
        "status": value.status,
        "conclusion": value.conclusion,
        "workflow_id": account_id(value.path),
        "check_suite_url": api(call, f"/check-suites/{value.id}"),
        "url": url,
        "html_url": web(call, f"/actions/runs/{value.id}"),
        "previous_attempt_url": None,
        "workflow_url": api(call, f"/actions/workflows/{account_id(value.path)}"),
        "pull_requests": [],
        "actor": user(call, value.actor),
        "triggering_actor": user(call, value.actor),
        "created_at": moment(value.created_at),
        "updated_at": moment(value.created_at),
        "run_started_at": moment(value.created_at),
        "head_commit": _simple_commit(head),
        "repository": minimal_repository(call),
        "head_repository": minimal_repository(call),
    }


def _simple_commit(value: Commit) -> Document:
    return {
        "id": value.sha,
        "tree_id": value.tree,
        "message": value.message,
        "timestamp": moment(value.committer.at),
        "author": {"name": value.author.name, "email": value.author.mail},
        "committer": {"name": value.committer.name, "email": value.committer.mail},
    }


def job(call: Call, of: Run, value: Job) -> Document:
    """A job of a run."""
    ended = value.status == "completed"
    return {
        "id": value.id,
        "node_id": node_id("CR", value.id),
        "run_id": of.id,
        "run_attempt": of.attempt,
        "run_url": api(call, f"/actions/runs/{of.id}"),
        "head_sha": of.sha,
        "head_branch": of.branch,
        "workflow_name": of.name,
        "name": value.name,
        "url": api(call, f"/actions/jobs/{value.id}"),
        "html_url": web(call, f"/actions/runs/{of.id}/job/{value.id}"),
        "check_run_url": api(call, f"/check-runs/{value.id}"),
        "status": value.status,
        "conclusion": value.conclusion,
        "created_at": moment(of.created_at),
        "started_at": moment(of.created_at),
        "completed_at": moment(of.created_at) if ended else None,
        "labels": ["ubuntu-latest"],
        "runner_id": account_id(value.runner_name) if value.runner_name else None,
        "runner_name": value.runner_name,
        "runner_group_id": 1 if value.runner_name else None,
        "runner_group_name": "Default" if value.runner_name else None,
        "steps": [],
    }
