"""What our workflows pass to a command besides its options, checked before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.errors import RefusedError
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.config.model import Environment
    from release_tool.project import Project

_SECRET = "RELEASE_SECRET_"  # noqa: S105  # the beginning of a name
"""Before the name of a secret, the variable that says whether it is set; the plan never gets what it is."""


def insist_on_secrets(project: Project, variables: Mapping[str, str]) -> None:
    """Raise RefusedError before anything is built for which a secret is missing: in a workflow that one is empty."""
    asked = {*project.config.build.secrets, *project.config.tests.secrets}
    missing = sorted(name for name in asked if variables.get(_SECRET + name) == "false")
    if missing:
        settings = f"{project.web_url}/settings/secrets/actions"
        commands = "; ".join(f"gh secret set {name} --repo {project.repository}" for name in missing)
        raise RefusedError(
            f"the secret {', '.join(missing)} is empty, which `secrets` in the configuration names for the build",
            during="checking the secrets of the build",
            already="nothing was built or written",
            todo=f"set it: {commands} ({settings}), or let the organization's be used in this repository",
        )


def insist_on_gate(name: str, environment: Environment, variables: Mapping[str, str]) -> None:
    """Raise RefusedError where a job that has another environment's secrets is told to deploy here."""
    from release_tool.deploy.environment import GATE

    gate = variables.get(GATE, "")
    if gate not in {"", name, environment.rollback_environment or name}:
        raise RefusedError(
            f"this job has the secrets of the environment `{gate}`, but deploys `{name}`",
            already="nothing was touched",
            todo=f"start it without a plan of your own: `release-tool deploy VERSION -e {word(name)}`",
        )
