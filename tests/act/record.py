"""A run as GitHub lists it, job by job, while act runs it: whoever claims something is asked there whether it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_sandbox.store import Author, Job, Run

if TYPE_CHECKING:
    from github_sandbox.store import Store
    from tests.act.program import Line
    from tests.act.runner import Attempt

WHO = "ada"

MACHINE = "The machine is "
"""What the stand-in of actions/checkout says before the name of the runner."""


class Listed:
    """The record of one attempt; `hear` keeps it up to date."""

    def __init__(self, store: Store, attempt: Attempt) -> None:
        self._store = store
        self._at_work: dict[str, Job] = {}
        self._run = Run(
            key=f"{attempt.number}/{attempt.attempt}",
            id=attempt.number,
            attempt=attempt.attempt,
            number=attempt.number,
            name=attempt.workflow,
            path=f".github/workflows/{attempt.workflow}",
            event=attempt.event.name,
            branch=attempt.event.ref_name,
            sha=attempt.sha,
            status="in_progress",
            actor=Author(WHO),
            jobs=[],
            inputs=attempt.event.inputs,
            created_at=store.settings.now,
        )
        with store.lock:
            store.runs.put(self._run)

    def hear(self, line: Line) -> None:
        """Take in a line of act's."""
        if not line.job_id:
            return
        with self._store.lock:
            job = self._at_work.get(line.job) or self._begun(line)
            if line.msg.startswith(MACHINE):
                job.runner_name = line.msg.removeprefix(MACHINE).strip()
            if line.job_result:
                job.status, job.conclusion = "completed", line.job_result
                del self._at_work[line.job]

    def end(self, conclusion: str) -> None:
        """Write down how it ended; a job that was at work then was cancelled."""
        with self._store.lock:
            for job in self._at_work.values():
                job.status, job.conclusion = "completed", "cancelled"
            self._run.status, self._run.conclusion = "completed", conclusion
            self._store.runs.put(self._run)

    def _begun(self, line: Line) -> Job:
        number = self._run.id * 10_000 + self._run.attempt * 100 + len(self._run.jobs)
        job = Job(id=number, name=line.job.strip(), status="in_progress")
        self._at_work[line.job] = job
        self._run.jobs.append(job)
        return job
