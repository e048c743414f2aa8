"""Workflows that are started by hand, and which run that was."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from release_tool.errors import NoAnswerError, RefusedError, RemoteError
from release_tool.github.graphql import account
from release_tool.github.transport import Purpose, RejectedError, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest
    from release_tool.github.transport import ApiResponse
    from release_tool.system.clock import Clock

_MANY = 50
ACTIVE = "active"
"""The state of a workflow that is switched on; others are GitHub's (`disabled_inactivity`) or a person's doing."""
_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between one look and the next for a run that was just started."""


class _Details(msgspec.Struct, frozen=True):
    workflow_run_id: int


class _Workflow(msgspec.Struct, frozen=True):
    path: str
    state: str


class _Workflows(msgspec.Struct, frozen=True):
    workflows: tuple[_Workflow, ...] = ()


class _User(msgspec.Struct, frozen=True):
    login: str


class _Run(msgspec.Struct, frozen=True):
    id: int
    actor: _User | None = None
    head_branch: str | None = None


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: list[_Run]


class WaitingRun(msgspec.Struct, frozen=True):
    """A run that waits for somebody to approve it, or for a timer; its title may be anybody's words."""

    id: int
    html_url: str
    created_at: datetime
    name: str | None = None
    display_title: str = ""


class _WaitingRuns(msgspec.Struct, frozen=True):
    workflow_runs: list[WaitingRun]


class Workflows:
    """The workflows of one repository; every method raises RemoteError where GitHub fails."""

    def __init__(self, rest: Rest, graphql: GraphQL, clock: Clock) -> None:
        self._rest = rest
        self._graphql = graphql
        self._clock = clock

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> int:
        """Start a workflow, named by its file, on a branch or tag, and return the number of its run.

        It is started once. Where GitHub does not say which run that is, or does not answer, the run is looked for:
        one that is new, on that ref, and by this token's account. NoAnswerError is raised where there is none,
        NotFoundError for an unknown workflow, RefusedError for one that is switched off, and RejectedError for a ref
        or inputs that it does not take.
        """
        purpose = Purpose(f"starting {workflow} on {ref}", "actions: write")
        newest = max((run.id for run in self._runs(workflow)), default=0)
        try:
            answer = self._start(workflow, {"ref": ref, "inputs": dict(inputs)}, purpose)
        except NoAnswerError:
            run = self._started(workflow, ref, newest)
            if run is None:
                raise
            return run
        if answer.status == HTTPStatus.OK:
            return decode(answer.body, _Details, purpose).workflow_run_id
        return self._insist(self._started(workflow, ref, newest), purpose)

    def waiting(self) -> list[WaitingRun]:
        """The newest runs of any workflow that wait for an environment's approval, newest first."""
        purpose = Purpose("listing the runs that wait for approval", "actions: read")
        found = self._rest.read("actions/runs", _WaitingRuns, purpose, status="waiting", per_page=_MANY)
        return found.workflow_runs

    def states(self) -> dict[str, str]:
        """Whether each workflow of the default branch is `active`, by its path."""
        purpose = Purpose("listing the workflows", "actions: read")
        pages = self._rest.pages("actions/workflows", _Workflows, purpose)
        return {workflow.path: workflow.state for page in pages for workflow in page.workflows}

    # How it is asked

    def _start(self, workflow: str, fields: dict[str, object], purpose: Purpose) -> ApiResponse:
        path = self._rest.path(f"{_path(workflow)}/dispatches")
        try:
            return self._rest.transport.write("POST", path, fields | {"return_run_details": True}, purpose)
        except RejectedError:
            # A server that does not know that field has done nothing; any other reason is told again.
            return self._start_plainly(workflow, fields, purpose)

    def _start_plainly(self, workflow: str, fields: dict[str, object], purpose: Purpose) -> ApiResponse:
        try:
            return self._rest.transport.write("POST", self._rest.path(f"{_path(workflow)}/dispatches"), fields, purpose)
        except RejectedError:
            self._insist_on_active(workflow, purpose)
            raise

    def _insist_on_active(self, workflow: str, purpose: Purpose) -> None:
        """GitHub switches the schedule of a quiet repository off, and with it everything that starts the workflow."""
        state = self._rest.read(_path(workflow), _Workflow, purpose).state
        if state != ACTIVE:
            raise RefusedError(
                f"{workflow} is switched off on GitHub ({state})",
                during=purpose.doing,
                already="nothing was started",
                todo=f"switch it on and try again: gh workflow enable {workflow} --repo {self._rest.repository}",
            )

    def _started(self, workflow: str, ref: str, newest: int) -> int | None:
        """The run that we have just started, None where none turns up in time."""
        us = account(self._graphql.viewer())
        for pause in (*_PAUSES, None):
            later = [run for run in self._runs(workflow) if run.id > newest and run.head_branch == ref]
            ours = [run.id for run in later if run.actor and account(run.actor.login) == us]
            if len(ours) > 1:
                raise RemoteError(
                    f"{workflow} was started more than once at the same moment ({_listed(ours)})",
                    already="one of these runs is ours",
                    todo="look at them on GitHub",
                )
            if ours:
                return ours[0]
            if pause is not None:
                self._clock.sleep(pause)
        return None

    def _insist(self, run: int | None, purpose: Purpose) -> int:
        if run is None:
            raise RemoteError(
                "GitHub does not show the run",
                during=purpose.doing,
                already="the workflow was started",
                todo="look for it on GitHub",
            )
        return run

    def _runs(self, workflow: str) -> list[_Run]:
        """The newest runs of a workflow that somebody started."""
        purpose = Purpose(f"listing the runs of {workflow}", "actions: read")
        path = f"{_path(workflow)}/runs"
        return self._rest.read(path, _Runs, purpose, event="workflow_dispatch", per_page=_MANY).workflow_runs


def _path(workflow: str) -> str:
    return f"actions/workflows/{quote(workflow, safe='')}"


def _listed(runs: list[int]) -> str:
    return ", ".join(map(str, sorted(runs)))
