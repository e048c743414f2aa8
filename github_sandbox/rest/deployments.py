"""Deployments with their statuses, and the statuses of commits."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec

from github_sandbox import views
from github_sandbox.answer import Answer, ApiError, invalid, not_found, unprocessable
from github_sandbox.call import route
from github_sandbox.github import MergeConflictError
from github_sandbox.rest.git import Body
from github_sandbox.store import CommitStatus, Deployment, DeploymentStatus

if TYPE_CHECKING:
    from github_sandbox.answer import Document
    from github_sandbox.call import Call

LONGEST_DESCRIPTION = 140


class NewDeployment(Body):
    """A deployment to make."""

    ref: str
    task: str = "deploy"
    auto_merge: bool = True
    required_contexts: list[str] | None = None
    payload: dict[str, object] | str = msgspec.field(default_factory=dict[str, object])
    environment: str = "production"
    description: str | None = None
    transient_environment: bool = False
    production_environment: bool | None = None


class NewDeploymentStatus(Body):
    """A status of a deployment to add."""

    state: Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
    target_url: str = ""
    log_url: str = ""
    description: str = ""
    environment: str | None = None
    environment_url: str = ""
    auto_inactive: bool = True


class NewStatus(Body):
    """A status of a commit to add."""

    state: Literal["error", "failure", "pending", "success"]
    target_url: str | None = None
    description: str | None = None
    context: str = "default"


@route("GET", "{}/deployments", "deployments:read")
def list_deployments(call: Call) -> Answer:
    """Deployments, newest first, by `sha`, `ref`, `task` and `environment`."""
    found = [
        deployment
        for deployment in call.github.store.deployments
        if all(call.query.get(key) in {None, getattr(deployment, key)} for key in _FILTERS)
    ]
    return call.paged(found[::-1], lambda deployment: views.deployment(call, deployment))


_FILTERS = ("sha", "ref", "task", "environment")


@route("POST", "{}/deployments", "deployments:write")
def create_deployment(call: Call) -> Answer:
    """A new deployment; unless told not to, the default branch is merged into the ref instead."""
    body = call.body(NewDeployment)
    github = call.github
    sha = github.repository.resolve(body.ref)
    if sha is None:
        raise unprocessable(f"No ref found for: {body.ref}")
    if body.auto_merge and github.head(body.ref):
        behind = _bring_up_to_date(call, body.ref, sha)
        if behind:
            return behind
    _check_contexts(call, sha, body.required_contexts)
    now = github.store.tick()
    made = Deployment(
        key="",
        id=github.store.new_id(),
        sha=sha,
        ref=body.ref,
        task=body.task,
        environment=body.environment,
        payload=body.payload,
        description=body.description,
        creator=call.author,
        transient=body.transient_environment,
        production=body.environment == "production"
        if body.production_environment is None
        else body.production_environment,
        created_at=now,
        updated_at=now,
    )
    made.key = str(made.id)
    view = views.deployment(call, github.store.deployments.put(made))
    return Answer(HTTPStatus.CREATED, view, {"Location": str(view["url"])})


def _bring_up_to_date(call: Call, branch: str, sha: str) -> Answer | None:
    github = call.github
    main = github.main_head().sha
    if github.repository.is_ancestor(main, sha):
        return None
    try:
        made = github.merge_commit(sha, main, call.author, f"Merge {github.main} into {branch}")
    except MergeConflictError as conflict:
        text = f"Conflict merging {github.main} into {branch}."
        raise ApiError(HTTPStatus.CONFLICT, text) from conflict
    github.move(call.caller, f"refs/heads/{branch}", made, sha)
    return Answer(HTTPStatus.ACCEPTED, {"message": f"Auto-merged {github.main} into {branch} on deployment."})


def _check_contexts(call: Call, sha: str, required: list[str] | None) -> None:
    states = {status.context: status.state for status in reversed(_newest(call, sha))}
    missing = [name for name in (states if required is None else required) if states.get(name) != "success"]
    if missing:
        text = f"Conflict: Commit status checks failed for {sha}."
        error = {"resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        raise ApiError(HTTPStatus.CONFLICT, text, [error | {"contexts": missing}])


def _deployment(call: Call) -> Deployment:
    found = call.github.store.deployments.get(call.number("number"))
    if found is None:
        raise not_found()
    return found


@route("GET", "{}/deployments/<number>", "deployments:read")
def get_deployment(call: Call) -> Answer:
    """One deployment."""
    return Answer(document=views.deployment(call, _deployment(call)))


def _statuses(call: Call, of: Deployment) -> list[DeploymentStatus]:
    """The statuses of a deployment, newest first."""
    return [status for status in call.github.store.deployment_statuses if status.deployment == of.id][::-1]


@route("DELETE", "{}/deployments/<number>", "deployments:write")
def delete_deployment(call: Call) -> Answer:
    """Takes a deployment away: an inactive one, or the only one."""
    deployment = _deployment(call)
    statuses = _statuses(call, deployment)
    active = not statuses or statuses[0].state != "inactive"
    if active and len(call.github.store.deployments) > 1:
        raise unprocessable("We cannot delete an active deployment unless it is the only deployment.")
    for status in statuses:
        call.github.store.deployment_statuses.delete(status)
    call.github.store.deployments.delete(deployment)
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


@route("GET", "{}/deployments/<number>/statuses", "deployments:read")
def list_deployment_statuses(call: Call) -> Answer:
    """The statuses of a deployment, newest first."""
    found = _statuses(call, _deployment(call))
    return call.paged(found, lambda status: views.deployment_status(call, status))


@route("GET", "{}/deployments/<number>/statuses/<status>", "deployments:read")
def get_deployment_status(call: Call) -> Answer:
    """One status of a deployment."""
    found = call.github.store.deployment_statuses.get(call.number("status"))
    if found is None or found.deployment != _deployment(call).id:
        raise not_found()
    return Answer(document=views.deployment_status(call, found))


@route("POST", "{}/deployments/<number>/statuses", "deployments:write")
def create_deployment_status(call: Call) -> Answer:
    """A new status; a success makes older deployments inactive that are neither transient nor production."""
    deployment = _deployment(call)
    body = call.body(NewDeploymentStatus)
    if len(body.description) > LONGEST_DESCRIPTION:
        text = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise invalid("DeploymentStatus", "description", "custom", text)
    made = _add_status(call, deployment, body)
    if body.state == "success" and body.auto_inactive:
        _deactivate_others(call, deployment)
    view = views.deployment_status(call, made)
    return Answer(HTTPStatus.CREATED, view, {"Location": str(view["url"])})


def _add_status(call: Call, deployment: Deployment, body: NewDeploymentStatus) -> DeploymentStatus:
    store = call.github.store
    deployment.updated_at = store.tick()
    deployment.environment = body.environment or deployment.environment
    store.deployments.put(deployment)
    new = store.new_id()
    return store.deployment_statuses.put(
        DeploymentStatus(
            key=str(new),
            id=new,
            deployment=deployment.id,
            state=body.state,
            description=body.description,
            environment=deployment.environment,
            log_url=body.log_url or body.target_url,
            environment_url=body.environment_url,
            creator=call.author,
            created_at=deployment.updated_at,
        )
    )


def _deactivate_others(call: Call, deployment: Deployment) -> None:
    for other in call.github.store.deployments:
        same = other.environment == deployment.environment and other.id < deployment.id
        if same and not other.transient and not other.production:
            statuses = _statuses(call, other)
            if statuses and statuses[0].state == "success":
                _add_status(call, other, NewDeploymentStatus(state="inactive"))


# statuses of commits


def _newest(call: Call, sha: str) -> list[CommitStatus]:
    """The statuses of a commit, newest first."""
    return [status for status in call.github.store.statuses if status.sha == sha][::-1]


@route("POST", "{}/statuses/<sha>", "statuses:write")
def create_status(call: Call) -> Answer:
    """A new status of a commit."""
    body = call.body(NewStatus)
    commit = call.github.commit(call.path["sha"])
    if body.description and len(body.description) > LONGEST_DESCRIPTION:
        text = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise invalid("Status", "description", "custom", text)
    store = call.github.store
    now = store.tick()
    new = store.new_id()
    made = store.statuses.put(
        CommitStatus(
            key=str(new),
            id=new,
            sha=commit.sha,
            state=body.state,
            context=body.context,
            description=body.description,
            target_url=body.target_url,
            creator=call.author,
            created_at=now,
        )
    )
    view = views.status(call, made)
    return Answer(HTTPStatus.CREATED, view, {"Location": str(view["url"])})


@route("GET", "{}/commits/<path:ref>/statuses", "statuses:read")
def list_statuses(call: Call) -> Answer:
    """All statuses of a commit, newest first."""
    found = _newest(call, call.github.commit(call.path["ref"]).sha)
    return call.paged(found, lambda status: views.status(call, status))


@route("GET", "{}/commits/<path:ref>/status", "statuses:read")
def combined_status(call: Call) -> Answer:
    """The newest status of each context, and what they come to."""
    sha = call.github.commit(call.path["ref"]).sha
    newest = {status.context: status for status in reversed(_newest(call, sha))}
    part, headers = call.page(list(newest.values()))
    url = views.api(call, f"/commits/{sha}")
    return Answer(
        document={
            "state": _combined({status.state for status in newest.values()}),
            "statuses": [_without_creator(views.status(call, status)) for status in part],
            "sha": sha,
            "total_count": len(newest),
            "repository": views.minimal_repository(call),
            "commit_url": url,
            "url": f"{url}/status",
        },
        headers=headers,
    )


def _without_creator(status: Document) -> Document:
    return {key: value for key, value in status.items() if key != "creator"}


def _combined(states: set[str]) -> str:
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"
