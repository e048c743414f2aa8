"""The owner of a claimed tag: whether it lives is checked, and never concluded from time alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.system import host

if TYPE_CHECKING:
    from datetime import datetime

    from release_tool.model.tags import Owner
    from release_tool.project import Project

LEASE = timedelta(minutes=3)
"""How long a process of another host, which can't be checked, counts as alive after its last sign of life."""


def claimant(project: Project) -> Owner:
    """Who we are when we claim something: in Actions with the number of our job, which only GitHub knows."""
    owner = project.owner
    if not owner.run or owner.job or project.github is None:
        return owner
    jobs = project.github.run_jobs(owner.run, owner.attempt) or ()
    ours = [job for job in jobs if job.runner_name == project.actions.runner and job.status != "completed"]
    return msgspec.structs.replace(owner, job=str(ours[0].id)) if len(ours) == 1 else owner


def lives(project: Project, owner: Owner, seen_at: datetime) -> bool:
    """Whether the owner of a claimed tag is still at work; what our own job or process left behind is ours.

    `seen_at` is the owner's last sign of life, which matters only for a process of another host.
    """
    if owner.run:
        return _run_lives(project, owner)
    if owner.host != project.owner.host:
        now = project.github.time() if project.github else project.clock.now()
        return now - seen_at < LEASE  # both by GitHub's clock, for ours may be wrong
    return owner.process != project.owner.process and host.process_lives(owner)


def _run_lives(project: Project, owner: Owner) -> bool:
    jobs = project.remote.run_jobs(owner.run, owner.attempt)
    if jobs is None or owner == claimant(project):
        return False
    return any(job.status != "completed" and owner.job in {"", str(job.id)} for job in jobs)
