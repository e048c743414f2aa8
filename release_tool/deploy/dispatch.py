"""Starting a workflow from a terminal, and following its run to the end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from release_tool.deploy.attempt import DeployResult, live_name
from release_tool.deploy.ledger.phase import Phase
from release_tool.deploy.ledger.store import deployments_of
from release_tool.deploy.policy import DeployOutcome
from release_tool.errors import RemoteError, SignalError
from release_tool.history.look import main_branch
from release_tool.release.make import ReleaseOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.phase import PhaseRecord
    from release_tool.github.api import WorkflowJob, WorkflowRun
    from release_tool.project import Project
    from release_tool.release.plan import ReleasePlan

_OUTCOMES = {
    Phase.HEALTHY: DeployOutcome.HEALTHY,
    Phase.WATCHING: DeployOutcome.HEALTHY,
    Phase.REPLACED: DeployOutcome.HEALTHY,
    Phase.HELD: DeployOutcome.HELD,
    Phase.NOT_DONE: DeployOutcome.HELD,
    Phase.SUPERSEDED: DeployOutcome.SUPERSEDED,
    Phase.REFUSED: DeployOutcome.REFUSED,
}


def start(project: Project, workflow: str, inputs: Mapping[str, str], *, branch: str = "") -> int:
    """Start a workflow on a branch, else the main one; the number of its run.

    Raises RemoteError where it did not start.
    """
    return project.remote.workflows.dispatch(workflow, branch or main_branch(project), inputs)


def follow(project: Project, number: int, show: Callable[[WorkflowJob], None]) -> WorkflowRun:
    """Follow a run to its end; each job is shown whenever its state has changed.

    An interrupt only stops following it, and says that the run continues.
    """
    url = f"{project.web_url}/actions/runs/{number}"
    try:  # once it is printed that Ctrl-C is safe, it is
        project.say(f"started {url}; Ctrl-C stops following it, not the run itself")
        return _followed(project, number, show)
    except KeyboardInterrupt:
        raise SignalError(
            signal.SIGINT,
            during=f"following run {number}",
            already="the run itself continues",
            todo=f"see how it ends: {url}",
        ) from None


def _followed(project: Project, number: int, show: Callable[[WorkflowJob], None]) -> WorkflowRun:
    seen: dict[int, tuple[str, str | None]] = {}
    last: WorkflowRun | None = None
    for run, jobs in project.remote.follow(number):
        for job in jobs:
            if seen.get(job.id) != (job.status, job.conclusion):
                seen[job.id] = (job.status, job.conclusion)
                show(job)
        last = run
    if last is None:
        raise RemoteError(f"GitHub reports nothing about run {number}", during=f"following run {number}")
    return last


def released_by(project: Project, planned: ReleasePlan, run: WorkflowRun) -> ReleaseOutcome:
    """The result of a followed run of the release stage; raises RemoteError where it failed."""
    release = project.remote.release_by_tag(str(planned.tag))
    if release is not None and not release.draft:
        return ReleaseOutcome(plan=planned, reason=f"{planned.tag} is released", released=True, url=release.html_url)
    if run.conclusion == "success":
        return ReleaseOutcome(
            plan=planned, reason=f"run {run.id} succeeded, but {planned.tag} is not published: see why"
        )
    raise RemoteError(
        f"run {run.id} ended with {run.conclusion}, but {planned.tag} is not published",
        during=f"following run {run.id}",
        already="what it did is kept; another run continues from there",
        todo=f"see why: {run.html_url}",
    )


def outcome_of(environment: DeployEnvironment, run: WorkflowRun) -> DeployResult:
    """What a followed run did to an environment, from what it wrote into the ledger."""
    ledger = deployments_of(environment.project).ledger(environment.name)
    ours = [one for one in ledger if one.owner.run == run.id and one.payload.parent is None] or [
        one for one in ledger if one.owner.run == run.id
    ]
    if not ours:
        return _without_deployment(environment, run, live_name(ledger))
    entry = ours[-1]
    return DeployResult(
        environment=environment.name,
        outcome=outcome(entry.phase),
        reason=entry.proof if entry.phase.word is Phase.WATCHING else entry.phase.text,
        version=entry.payload.name,
        commit=entry.commit,
        live=live_name(ledger),
        rolled_back_to=entry.phase.rolled_back_to or None,
        blameless=entry.blameless,
        deployment=entry.id,
    )


def outcome(phase: PhaseRecord) -> DeployOutcome:
    """The outcome that a phase of the ledger stands for."""
    if phase.word is Phase.FAILED:
        handed_over = DeployOutcome.SUPERSEDED if phase.handed_over_to is not None else DeployOutcome.UNHEALTHY
        return DeployOutcome.ROLLED_BACK if phase.rolled_back_to else handed_over
    return _OUTCOMES.get(phase.word, DeployOutcome.INCONCLUSIVE)


def _without_deployment(environment: DeployEnvironment, run: WorkflowRun, live: str | None) -> DeployResult:
    if run.conclusion == "success":
        return DeployResult(
            environment=environment.name, outcome=DeployOutcome.UNCHANGED, reason="there was nothing to do", live=live
        )
    raise RemoteError(
        f"run {run.id} ended with {run.conclusion} and deployed nothing to {environment.name}",
        during=f"following run {run.id}",
        already=f"{live} is live in {environment.name}" if live else "",
        todo=f"see why: {run.html_url}",
    )
