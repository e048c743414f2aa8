"""Workflow runs, their jobs, and dispatches, as records: nothing is run."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from github_sandbox import views, workflow_file
from github_sandbox.answer import Answer, not_found, unprocessable
from github_sandbox.call import route
from github_sandbox.github import WORKFLOWS
from github_sandbox.history import account_id
from github_sandbox.rest.git import Body
from github_sandbox.store import Run

if TYPE_CHECKING:
    from github_sandbox.call import Call
    from github_sandbox.store import Job

MOST_INPUTS = 25
ACTIVE = "active"
FILTERS = {"branch": "branch", "event": "event", "status": "status", "head_sha": "sha"}


class Dispatch(Body):
    """A workflow to start."""

    ref: str
    inputs: dict[str, object] = msgspec.field(default_factory=dict)
    return_run_details: bool = False


def _workflows(call: Call) -> list[str]:
    """The workflow files of the default branch."""
    files = call.github.repository.run(
        "ls-tree", "-r", "--name-only", call.github.main_head().sha, "--", f"{WORKFLOWS}/"
    )
    return [path for path in files.splitlines() if path.endswith((".yml", ".yaml"))]


def _workflow(call: Call) -> str:
    """The workflow of the path, by its file or its id."""
    for path in _workflows(call):
        if call.path["workflow"] in _names(path):
            return path
    raise not_found()


@route("GET", "{}/actions/workflows", "actions:read")
def list_workflows(call: Call) -> Answer:
    """The workflows of the default branch."""
    found = _workflows(call)
    part, headers = call.page(found)
    document = {"total_count": len(found), "workflows": [views.workflow(call, path) for path in part]}
    return Answer(document=document, headers=headers)


@route("GET", "{}/actions/workflows/<workflow>", "actions:read")
def get_workflow(call: Call) -> Answer:
    """One workflow."""
    return Answer(document=views.workflow(call, _workflow(call)))


def _newest_attempts(call: Call) -> list[Run]:
    """The newest attempt of each run, newest run first."""
    runs = {run.id: run for run in sorted(call.github.store.runs, key=lambda run: (run.id, run.attempt))}
    return sorted(runs.values(), key=lambda run: (run.created_at, run.id), reverse=True)


def _runs(call: Call, found: list[Run]) -> Answer:
    kept = [
        run for run in found if all(call.query.get(key) in {None, getattr(run, name)} for key, name in FILTERS.items())
    ]
    part, headers = call.page(kept)
    document = {"total_count": len(kept), "workflow_runs": [views.run(call, run) for run in part]}
    return Answer(document=document, headers=headers)


@route("GET", "{}/actions/runs", "actions:read")
def list_runs(call: Call) -> Answer:
    """All runs."""
    return _runs(call, _newest_attempts(call))


@route("GET", "{}/actions/workflows/<workflow>/runs", "actions:read")
def list_workflow_runs(call: Call) -> Answer:
    """The runs of one workflow, named by its file or its id."""
    name = call.path["workflow"]
    return _runs(call, [run for run in _newest_attempts(call) if name in _names(run.path)])


def _names(path: str) -> set[str]:
    return {path, path.rpartition("/")[2], str(account_id(path))}


def _run(call: Call) -> Run:
    attempt = call.number("attempt") if "attempt" in call.path else None
    number = call.number("number")
    for run in _newest_attempts(call) if attempt is None else call.github.store.runs:
        if run.id == number and attempt in {None, run.attempt}:
            return run
    raise not_found()


@route("GET", "{}/actions/runs/<number>", "actions:read")
def get_run(call: Call) -> Answer:
    """The newest attempt of a run."""
    return Answer(document=views.run(call, _run(call)))


@route("GET", "{}/actions/runs/<number>/attempts/<attempt>", "actions:read")
def get_attempt(call: Call) -> Answer:
    """One attempt of a run."""
    return Answer(document=views.run(call, _run(call)))


def _jobs(call: Call, run: Run) -> Answer:
    part, headers = call.page(run.jobs)
    document = {"total_count": len(run.jobs), "jobs": [views.job(call, run, job) for job in part]}
    return Answer(document=document, headers=headers)


@route("GET", "{}/actions/runs/<number>/jobs", "actions:read")
def list_jobs(call: Call) -> Answer:
    """The jobs of the newest attempt."""
    return _jobs(call, _run(call))


@route("GET", "{}/actions/runs/<number>/attempts/<attempt>/jobs", "actions:read")
def list_attempt_jobs(call: Call) -> Answer:
    """The jobs of one attempt."""
    return _jobs(call, _run(call))


@route("GET", "{}/actions/jobs/<number>", "actions:read")
def get_job(call: Call) -> Answer:
    """One job."""
    run, job = _job(call, call.number("number"))
    return Answer(document=views.job(call, run, job))


def _job(call: Call, number: int) -> tuple[Run, Job]:
    for run in call.github.store.runs:
        for job in run.jobs:
            if job.id == number:
                return run, job
    raise not_found()


@route("POST", "{}/actions/workflows/<workflow>/dispatches", "actions:write")
def dispatch(call: Call) -> Answer:
    """Records a run that waits to be started."""
    body = call.body(Dispatch)
    path = _workflow(call)
    sha = call.github.repository.resolve(body.ref)
    if sha is None:
        raise unprocessable(f"No ref found for: {body.ref}")
    if len(body.inputs) > MOST_INPUTS:
        raise unprocessable(f"Only {MOST_INPUTS} inputs are allowed")
    _check_start(call, path, sha, body.inputs)
    run = _start(call, path, sha, body)
    if not body.return_run_details:
        return Answer(HTTPStatus.NO_CONTENT)
    view = views.run(call, run)
    details = {"workflow_run_id": run.id, "run_url": view["url"], "html_url": view["html_url"]}
    return Answer(document=details)


def _check_start(call: Call, path: str, sha: str, given: dict[str, object]) -> None:
    """Refuses what is switched off, and what the file at that commit does not ask for."""
    if call.github.settings.actions.states.get(path, ACTIVE) != ACTIVE:
        raise unprocessable(f"Cannot trigger a '{workflow_file.EVENT}' on a disabled workflow")
    found = call.github.repository.read(f"{sha}:{path}")
    known = workflow_file.inputs(found.data.decode(errors="replace")) if found else None
    if known is None:
        raise unprocessable(f"Workflow does not have '{workflow_file.EVENT}' trigger")
    if wrong := workflow_file.problem(known, given):
        raise unprocessable(wrong)


@route("PUT", "{}/actions/workflows/<workflow>/enable", "actions:write")
def enable_workflow(call: Call) -> Answer:
    """Switches a workflow on."""
    return _switch(call, ACTIVE)


@route("PUT", "{}/actions/workflows/<workflow>/disable", "actions:write")
def disable_workflow(call: Call) -> Answer:
    """Switches a workflow off."""
    return _switch(call, "disabled_manually")


def _switch(call: Call, state: str) -> Answer:
    call.github.settings.actions.states[_workflow(call)] = state
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


def _start(call: Call, path: str, sha: str, body: Dispatch) -> Run:
    store = call.github.store
    number = store.settings.next_run
    store.settings.next_run += 1
    name = path.rpartition("/")[2]
    return store.runs.put(
        Run(
            key=f"{number}/1",
            id=number,
            attempt=1,
            number=number,
            name=name.rpartition(".")[0],
            path=path,
            event="workflow_dispatch",
            branch=body.ref,
            sha=sha,
            status="queued",
            actor=call.author,
            jobs=[],
            inputs=body.inputs,
            created_at=store.tick(),
        )
    )
