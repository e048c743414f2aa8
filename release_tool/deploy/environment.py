"""An environment that is deployed to: the configuration of the deployed branch, with targets, variables and secrets."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Protocol, assert_never

import msgspec

from release_tool.config.model import OUR_TOKENS, Target
from release_tool.config.read import FILES, choose
from release_tool.deploy.command import passed_on
from release_tool.deploy.freeze import parse_cron, parse_zone
from release_tool.deploy.health.probe import Question, insist_usable
from release_tool.deploy.health.verdict import checks_of
from release_tool.errors import UsageError
from release_tool.history.look import main_branch
from release_tool.text.masking import masker, url_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from release_tool.config.model import Check, Environment
    from release_tool.deploy.health.verdict import HealthAnalysis, Sample
    from release_tool.project import Project
    from release_tool.text.masking import Masker


GATE = "RELEASE_GATE"
"""The variable that names the environment of GitHub's whose secrets the job has."""


class Progress(Protocol):
    """Shows a person the progress of a deployment."""

    def phase(self, text: str) -> None:
        """Say which phase has begun."""

    def line(self, text: str) -> None:
        """Show a line that a command said, without secrets."""

    def health(self, health: HealthAnalysis, latest: Sequence[Sample]) -> None:
        """Show what the latest samples say."""


class SilentProgress:
    """Shows nothing."""

    def phase(self, text: str) -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""

    def health(self, health: HealthAnalysis, latest: Sequence[Sample]) -> None:
        """Show nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployEnvironment:
    """One environment; without targets it is its own only one.

    `ours` are the variables that we run with, and `evidence` is where evidence is kept, if anywhere.
    """

    project: Project
    name: str
    settings: Environment
    targets: tuple[Target, ...]
    ours: Mapping[str, str]
    progress: Progress = dataclasses.field(default_factory=SilentProgress)
    evidence: Path | None = None

    @functools.cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every check, each with a name."""
        return checks_of(self.settings)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of all targets, in order."""
        return tuple(target.name for target in self.targets)

    @property
    def tells_version(self) -> bool:
        """Whether each target has a check that tells the version."""
        return any(check.tells_version for check in self.checks)

    def questions(self, targets: Iterable[Target]) -> tuple[Question, ...]:
        """Every check of some targets."""
        return tuple(Question(target=target, check=check) for target in targets for check in self.checks)

    def lacking(self, check: Check) -> tuple[str, ...]:
        """The variables that a check needs and that are not set here: what runs a command may need all that it gets."""
        match check.kind:
            case "http" | "tcp":
                needed: tuple[str, ...] = ()
            case "prometheus":
                needed = check.own_variables
            case "command" | "kubernetes" | "docker":
                needed = self.settings.pass_env
            case _:
                assert_never(check.kind)
        return tuple(name for name in needed if not self.ours.get(name, "").strip())

    def passed(self) -> dict[str, str]:
        """The variables of ours that a command is given; raises UsageError for one that isn't set."""
        return passed_on(self.settings.pass_env, self.ours, self.ours.get(GATE) or self.name)

    @functools.cached_property
    def mask(self) -> Masker:
        """What takes every secret out of a text: ours, what is passed on, and passwords in addresses."""
        urls = [self.settings.url, *(target.url for target in self.targets), *(check.url for check in self.checks)]
        return masker(self.secrets().union(*map(url_secrets, urls)))

    def secrets(self) -> frozenset[str]:
        """The values that no sample may show: our tokens, what is passed on, and the addresses of channels."""
        addresses = (channel.url_env for channel in self.project.config.channels.values())
        names = (*OUR_TOKENS, *self.settings.pass_env, *addresses)
        return frozenset({self.ours.get(name, "") for name in names} - {""})


def deployed_branch(project: Project) -> str:
    """The branch whose commits are deployed: the hosted one where there is one, else the main one."""
    return project.config.sync.branch if project.config.sync else main_branch(project)


def with_deployed_configuration(project: Project) -> Project:
    """The project with the configuration that holds for deployments: that of the head of the deployed branch."""
    head = project.git.fetch_branch(deployed_branch(project))
    if head is None:
        return project
    texts = {name: text for name in FILES if (text := project.git.file(head, name)) is not None}
    found = choose({name: text.decode(errors="replace") for name, text in texts.items()})
    return msgspec.structs.replace(project, config=found)


def environment_named(
    project: Project,
    name: str,
    *,
    ours: Mapping[str, str],
    progress: Progress | None = None,
    evidence: Path | None = None,
) -> DeployEnvironment:
    """Find an environment by its name; raises UsageError where there is none, or where it could never be healthy."""
    settings = project.config.environments.get(name)
    if settings is None:
        known = ", ".join(f"`{other}`" for other in project.config.environments)
        raise UsageError(
            f"there is no environment {name!r} on `{deployed_branch(project)}`",
            already="nothing was changed",
            todo=f"name one of {known}" if known else f"add a table `environments.{name}` to the configuration",
        )
    for freeze in settings.freeze:
        parse_cron(freeze.cron)
        parse_zone(freeze.timezone)
    named = settings.targets or (Target(name=name),)
    targets = tuple(Target(name=target.name, url=target.url or settings.url) for target in named)
    environment = DeployEnvironment(
        project=project,
        name=name,
        settings=settings,
        targets=targets,
        ours=ours,
        progress=progress or SilentProgress(),
        evidence=evidence,
    )
    _insist_on_checks(environment)
    return environment


def _insist_on_checks(environment: DeployEnvironment) -> None:
    if not environment.checks:
        raise UsageError(
            f"`environments.{environment.name}` has no checks, so nothing could ever be called healthy",
            todo=f'add a check, such as `health = "https://…/health"`, to `environments.{environment.name}`',
        )
    insist_usable(environment.questions(environment.targets))
