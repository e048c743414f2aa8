"""Looking after a repository: every precondition as a line of its own, and what can be fixed safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.environment import with_deployed_configuration
from release_tool.deploy.ledger.store import deployments_of
from release_tool.errors import PermissionDeniedError, RefusedError, UsageError
from release_tool.git.worktree import Worktree
from release_tool.github.transport import NotFoundError
from release_tool.history.commit_names import newest_in
from release_tool.history.facts import Request
from release_tool.history.look import branch_snapshot, facts_for, main_branch
from release_tool.history.marks import marks_of
from release_tool.model.version import Bump, next_version, parse_version, tag_name
from release_tool.pull_request.policy import missing_labels
from release_tool.release.version_files import BUILDS, PATHS
from release_tool.setup import checks as judge
from release_tool.setup import init
from release_tool.setup.checks import DoctorFinding, FindingState, Fix
from release_tool.setup.files import DEPLOY, RELEASE, WORKFLOWS, is_kept
from release_tool.setup.github_settings import Settings
from release_tool.setup.metric_queries import of_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from release_tool.config.model import Config
    from release_tool.github.api import GitHub
    from release_tool.history.look import RepositorySnapshot
    from release_tool.history.trust import Ignored
    from release_tool.project import Project
    from release_tool.setup.files import ManagedFile

_COLOURS = {"major": "d73a4a", "minor": "0e8a16", "patch": "1d76db", "none": "c5def5"}


class DoctorReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every finding, in the order in which one fixes them."""

    findings: tuple[DoctorFinding, ...]

    @property
    def problems(self) -> tuple[DoctorFinding, ...]:
        """What does not hold."""
        return tuple(finding for finding in self.findings if finding.verdict is FindingState.PROBLEM)


def examine(project: Project, variables: Mapping[str, str]) -> DoctorReport:
    """Look at every precondition; `variables` are those that are set here. Writes nothing."""
    doctor = _Doctor(project, variables)
    return DoctorReport(findings=tuple(doctor.findings()))


def fix(project: Project, found: DoctorReport) -> tuple[str, ...]:
    """Repair what safely can be, and say what was done; running it again finds nothing to do."""
    wanted = {finding.repair for finding in found.problems}
    done: list[str] = []
    if Fix.FILES in wanted:
        done += _fix_files(project)
    if project.github and Fix.LABELS in wanted:
        done += _fix_labels(project, project.github)
    if project.github and Fix.CLOUD in wanted:
        done += _fix_cloud(project)
    return tuple(done)


class _Doctor:
    """One examination: what is read once is kept for the other looks."""

    def __init__(self, project: Project, variables: Mapping[str, str]) -> None:
        self._project = project
        self._config = project.config
        self._variables = variables
        self._tree = Worktree(project.git.root)
        self._settings = f"{project.web_url}/settings"

    def findings(self) -> Iterator[DoctorFinding]:
        yield from judge.of_configuration(self._config, init.configured(self._tree))
        yield from self._files()
        yield from judge.of_version_files(self._texts((*PATHS, *BUILDS)))
        yield judge.of_clone(shallow=self._project.git.is_shallow())
        if self._project.github is None:
            yield judge.unseen("GitHub", "cannot be seen without a token", "gh auth login, or set GITHUB_TOKEN")
        else:
            yield from self._on_github(self._project.github)
        yield from judge.of_proof(self._config)
        yield from judge.of_watch(self._config)
        yield from judge.of_channels(self._config, self._variables.keys(), self._workflows())

    def _files(self) -> Iterator[DoctorFinding]:
        files = _proposed(self._project)
        if files is None:
            text = "this repository was not set up, or not from a release-tool that knows where it came from"
            yield judge.problem("files", text, "release-tool init")
        else:
            yield from judge.of_files(files)
            yield from judge.of_triggers(file for file in files if file.path.startswith(WORKFLOWS))
        called = (self._config.build.workflow, self._config.tests.workflow)
        yield from judge.of_called(self._config, {path: self._tree.read(path) for path in called if path})
        yield from judge.of_passed(self._config, self._tree.read(DEPLOY), self._tree.read(RELEASE))

    def _on_github(self, github: GitHub) -> Iterator[DoctorFinding]:
        """Each look may be hidden from the token, and then hides none of the others."""
        branch = main_branch(self._project)
        settings = github.adapter(Settings)
        looks: tuple[tuple[str, Callable[[], Iterable[DoctorFinding]]], ...] = (
            ("clock", lambda: self._clock(github)),
            ("token", lambda: judge.of_rights(settings.rights(branch))),
            ("version tags", lambda: self._history(github, branch)),
            ("labels", lambda: judge.of_labels(self._config, settings.labels())),
            ("checks", lambda: judge.of_required_checks(branch, settings.branch_rules(branch), self._settings)),
            ("hosted branch", lambda: self._cloud(github)),
            ("Actions", lambda: judge.of_actions(self._config, settings.actions(), self._settings)),
            ("workflows", lambda: judge.of_workflows(github.workflows.states(), self._kept_workflows())),
            ("immutable releases", lambda: self._immutable(github)),
            ("environments", lambda: self._environments(github, branch)),
            ("secrets", lambda: self._secrets(github)),
            ("ledger", self._ledgers),
            ("metrics", self._metrics),
        )
        for about, look in looks:
            yield from _seen(about, look)

    def _clock(self, github: GitHub) -> Iterator[DoctorFinding]:
        theirs = github.adapter(Settings).time()
        if theirs:
            yield judge.of_clock(self._project.clock.now() - theirs)

    def _history(self, github: GitHub, branch: str) -> Iterator[DoctorFinding]:
        seen = branch_snapshot(self._project, branch)
        if seen is None:
            return
        yield from judge.of_tags(seen.tags, seen.naming)
        yield from judge.of_waiting(facts_for(self._project, seen, Request()).changes, self._config)
        yield from judge.of_tag_rules(
            _next_tag(self._config, seen), github.adapter(Settings).tag_rulesets(), self._settings
        )

    def _cloud(self, github: GitHub) -> Iterator[DoctorFinding]:
        if self._config.sync:
            rules = github.adapter(Settings).branch_rules(self._config.sync.branch)
            merges = github.adapter(Settings).allows_merge_commits()
            yield from judge.of_cloud(self._config, rules, merges=merges, settings=self._settings)

    def _immutable(self, github: GitHub) -> Iterator[DoctorFinding]:
        locked = github.adapter(Settings).immutable_releases()
        yield from judge.of_immutable_releases(locked=locked, settings=self._settings)

    def _environments(self, github: GitHub, branch: str) -> Iterator[DoctorFinding]:
        if self._config.environments:
            found = {one.name: one for one in github.adapter(Settings).environments()}
            branches = dict.fromkeys([branch, *([self._config.sync.branch] if self._config.sync else [])])
            yield from judge.of_environments(self._config, found, tuple(branches), self._project.repository)

    def _secrets(self, github: GitHub) -> Iterator[DoctorFinding]:
        for name, environment in self._config.environments.items():
            gates = {name, environment.rollback_environment or name} if environment.pass_env else set()
            for gate in sorted(gates):
                known = github.adapter(Settings).secrets(gate)
                yield from judge.of_secrets(gate, environment, known, self._project.repository)

    def _ledgers(self) -> Iterator[DoctorFinding]:
        if self._config.environments:
            deployments = deployments_of(self._project)
            yield from judge.of_ledgers(self._config, deployments.ledgers(tuple(self._config.environments)))
            yield from judge.of_records((*deployments.ignored, *self._ignored_marks()))

    def _metrics(self) -> Iterator[DoctorFinding]:
        """Queries are asked as they stand where deployments read them: no other file may name who gets a token."""
        if any(check.asks_metrics for one in self._config.environments.values() for check in one.checks):
            yield from of_queries(with_deployed_configuration(self._project).config, self._variables)

    def _ignored_marks(self) -> tuple[Ignored, ...]:
        """What strangers wrote on the head of the hosted branch."""
        sync = self._config.sync
        head = self._project.git.fetch_branch(sync.branch) if sync else None
        return marks_of(self._project, head).ignored if head else ()

    def _kept_workflows(self) -> tuple[str, ...]:
        files = _proposed(self._project) or ()
        return tuple(file.path for file in files if file.path.startswith(WORKFLOWS) and is_kept(file.path))

    def _texts(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: text for path in paths if (text := self._tree.read(path)) is not None}

    def _workflows(self) -> Iterator[str]:
        for path in self._project.git.files():
            if path.startswith(f"{WORKFLOWS}/"):
                yield self._tree.read(path) or ""


def _seen(about: str, look: Callable[[], Iterable[DoctorFinding]]) -> Iterator[DoctorFinding]:
    """Let a look be hidden from the token, or be refused: that is a finding of its own."""
    try:
        yield from tuple(look())
    except (PermissionDeniedError, NotFoundError) as error:
        yield judge.unseen(about, f"cannot be seen with this token: {error.during or error.message}", error.todo)
    except (RefusedError, UsageError) as error:
        yield judge.problem(about, error.message, error.todo)


def _proposed(project: Project) -> tuple[ManagedFile, ...] | None:
    """The files as `init` would write them, None where it does not know enough to."""
    try:
        return init.propose(project, init.survey(project), init.Choices()).files
    except (RefusedError, UsageError):
        return None


def _next_tag(config: Config, seen: RepositorySnapshot) -> str:
    """A tag that a release may want to make next."""
    newest = next((tag.version for tag in seen.tags if tag.stable), None)
    first = parse_version(config.initial_version)
    version = next_version(newest, Bump.PATCH, major_on_zero=config.major_on_zero) if newest else first
    return tag_name(version, seen.naming.prefix) if version else seen.naming.prefix


# Fixing


def _fix_files(project: Project) -> Iterator[str]:
    """Write the files of ours that are missing or older into the working tree; what somebody changed stays.

    Half a set would release twice or not at all: what is in the way, or of an older set, is left to `init`.
    """
    found = init.survey(project)
    files = init.propose(project, found, init.Choices())
    if found.old.removed or files.stuck or files.strange():
        return
    kept = tuple(file for file in files.to_write() if is_kept(file.path))
    init.write(project, kept)
    yield from (f"wrote {file.path}: commit it, and merge it by a pull request" for file in kept)


def _fix_labels(project: Project, github: GitHub) -> Iterator[str]:
    for label in (
        name for names in missing_labels(github.adapter(Settings).labels(), project.config) for name in names
    ):
        github.adapter(Settings).create_label(label, *_appearance(project.config, label))
        yield f"made the label {label}"


def _appearance(config: Config, label: str) -> tuple[str, str]:
    for field, colour in _COLOURS.items():
        if label in getattr(config.labels, field):
            return colour, "Causes no release" if field == "none" else f"Raises the {field} version"
    return "ededed", "Read by release-tool"


def _fix_cloud(project: Project) -> Iterator[str]:
    """Begin the hosted branch at the newest release, else where the main branch is."""
    sync = project.config.sync
    seen = branch_snapshot(project, main_branch(project))
    if sync is None or seen is None:
        return
    newest = newest_in(project, seen.tags, seen.head)
    released = newest.commit if newest else seen.head
    project.git.fetch_commit(released)
    project.branches.push(released, sync.branch, expect=None)
    yield f"made the branch {sync.branch} at {released[:10]}"
