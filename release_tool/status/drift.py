"""Measuring whether what should be live is what answers: a release that went away is noticed, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.environment import environment_named, with_deployed_configuration
from release_tool.deploy.health.verdict import Reading
from release_tool.deploy.verify import verify
from release_tool.errors import ReleaseToolError
from release_tool.status.overdue import drift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.project import Project
    from release_tool.status.model import OverdueCase, Overview


def drifted(project: Project, seen: Overview, ours: Mapping[str, str]) -> tuple[OverdueCase, ...]:
    """The environments in which another version answers than the ledger says is live.

    What does not answer is left out: that may lie between us and the environment, and says nothing about the ledger.
    """
    deployed = with_deployed_configuration(project)
    found = []
    for environment in seen.environments:
        if environment.live is None or environment.running:
            continue
        try:
            samples = verify(environment_named(deployed, environment.name, ours=ours)).samples
        except ReleaseToolError as error:
            project.say(f"{environment.name} could not be measured: {error.message}")
            continue
        answered = [sample for sample in samples if sample.sample is not Reading.BAD]
        found.append(drift(environment.name, environment.live, answered))
    return tuple(case for case in found if case)
