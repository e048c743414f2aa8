"""What has to be known before a deployment, gathered for `policy.may_deploy` to decide by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy import freeze, policy
from release_tool.deploy.halts import model
from release_tool.deploy.halts.commands import halts_of
from release_tool.deploy.ledger.model import DeploymentKind, Override, live, proven_commits, rollback_target, yardstick
from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.text.globs import matching
from release_tool.text.humanize import few
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from release_tool.deploy.candidates import Revision, RevisionResolver
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.ledger.model import Deployment, Ledger, RollbackTarget
    from release_tool.history.changes import Change
    from release_tool.project import Project

_FEW = 3
"""How many of the changes that can't be undone are named."""


class DeployRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for a deployment and why; nobody did where it is automatic.

    `again` asks for it although it is live, which nothing does by itself.
    """

    by: str = ""
    reason: str = ""
    automatic: bool = False
    overrides: frozenset[Override] = frozenset()
    again: bool = False


def facts_before(  # noqa: PLR0913 - a deployment is decided by all of these
    revisions: RevisionResolver,
    revision: Revision,
    request: DeployRequest,
    name: str,
    ledgers: Mapping[str, Ledger],
    *,
    halted: str,
    kind: DeploymentKind = DeploymentKind.DEPLOY,
    leaves: Deployment | None = None,
) -> policy.DeployFacts:
    """Gather what decides whether a commit may be deployed to the environment of a name, and write nothing.

    `ledgers` are those of all environments that matter, and `halted` says who stops deployments, empty where nobody.
    """
    ledger = ledgers[name]
    deploys = kind is DeploymentKind.DEPLOY
    withdrawn, gone = unfit(revisions, ledger, (revision.commit, revision.name))
    mark = _mark(revisions, ledger, revision) if deploys else None
    known = policy.DeployFacts(
        environment=name,
        ledger=ledger,
        commit=revision.commit,
        name=revision.name,
        kind=kind,
        automatic=request.automatic,
        overrides=request.overrides,
        halted=halted,
        frozen=frozen(revisions.project, name) if deploys else "",
        older=mark is not None and revisions.project.git.is_ancestor(revision.commit, mark),
        apart=mark is not None and revisions.are_apart(revision.commit, mark),
        tested=not deploys or revisions.is_tested(revision.commit),
        withdrawn=withdrawn,
        gone=gone,
        unmet=_unmet(revisions.project, revision, request, name, ledgers) if deploys else (),
        again=request.again and deploys,
    )
    if not policy.hangs_on_changes(known):
        return known
    left = leaves.commit if kind is DeploymentKind.ROLLBACK and leaves else mark if known.older or known.apart else None
    return msgspec.structs.replace(known, irreversible=_one_way(revisions, known, left))


def _one_way(revisions: RevisionResolver, known: policy.DeployFacts, left: str | None) -> str:
    """The irreversible changes from the live version to the commit, and from the commit to its rollback target."""
    one_way = irreversible(revisions, known.commit, left) if left else ""
    if one_way or (left and not known.apart):
        return one_way
    back = rollback_target(known.ledger, known.commit, withdrawn=known.withdrawn, gone=known.gone).choice
    return irreversible(revisions, back.commit if back else None, known.commit)


def halted(environment: DeployEnvironment, request: DeployRequest, kind: DeploymentKind) -> str:
    """Who halted the environment and why, empty where nobody did; raises RemoteError where that can't be read.

    A halt is for deployments alone.
    """
    if kind is not DeploymentKind.DEPLOY:
        return ""
    try:
        found = model.halting(halts_of(environment.project), environment.name, environment.project.clock.now())
    except (RemoteError, PermissionDeniedError) as error:
        if Override.HALT in request.overrides and not request.automatic:
            return "may be halted: the halts could not be read"
        raise RemoteError(
            f"whether {environment.name} is halted can't be read: {error.message}",
            during="looking for halts",
            already="nothing was changed",
            todo=error.todo or "run the command again later",
        ) from error
    return str(found) if found else ""


def frozen(project: Project, name: str) -> str:
    """Until when a freeze of the configuration holds, empty where none does."""
    until = freeze.frozen_until(project.config.environments[name].freeze, project.clock.now())
    return freeze.frozen(until) if until else ""


def best_rollback_target(
    revisions: RevisionResolver, ledger: Ledger, leaves: str | None, tried: Collection[str] = ()
) -> RollbackTarget:
    """The last known good other than the one rolled back and those tried, with the reason why not the others."""
    withdrawn, gone = unfit(revisions, ledger)
    return rollback_target(ledger, leaves, withdrawn=withdrawn, gone=gone, tried=tried)


def unfit(
    revisions: RevisionResolver, ledger: Ledger, *others: tuple[str, str]
) -> tuple[frozenset[str], frozenset[str]]:
    """The commits of withdrawn releases, and those in no branch or release; `others` are more named commits."""
    known = {*others, *((one.commit, one.payload.name) for one in ledger)}
    bad = revisions.withdrawn()
    withdrawn = frozenset(commit for commit, name in known if name in bad)
    return withdrawn, revisions.gone({*(commit for commit, _ in others), *proven_commits(ledger)})


def irreversible(revisions: RevisionResolver, older: str | None, newer: str) -> str:
    """The irreversible changes that one commit has and another lacks, in words; empty where there are none."""
    git = revisions.project.git
    if older is None or not git.obtain(older):
        return ""
    if not git.is_ancestor(older, newer):
        older = git.merge_base(older, newer)
    if older is None or older == newer:
        return ""
    changes = revisions.changes(older, newer)
    found = [change.name for change in changes if change.irreversible]
    settled = {path for change in changes if change.irreversible is False for path in _files(revisions.project, change)}
    patterns = revisions.project.config.irreversible_paths
    paths = matching(git.files_between(older, newer), patterns) if patterns else ()
    one_way = [path for path in paths if path not in settled]
    named = found or [f"`{visible(path)}`" for path in one_way]
    return few(named, _FEW)


def _files(project: Project, change: Change) -> tuple[str, ...]:
    git = project.git
    parent = next(iter(commit.parents), None) if (commit := git.commit(change.sha)) else None
    return git.files_between(parent, change.sha) if parent else ()


def _mark(revisions: RevisionResolver, ledger: Ledger, revision: Revision) -> str | None:
    """What is live, or the last known good, where that is another commit; else None.

    A commit in no branch or release is ignored here: a forged record of one would block every deployment.
    """
    mark = yardstick(ledger)
    return None if mark is None or mark == revision.commit or revisions.gone([mark]) else mark


def _unmet(
    project: Project, revision: Revision, request: DeployRequest, name: str, ledgers: Mapping[str, Ledger]
) -> tuple[str, ...]:
    names = policy.requirements(project.config.environments, name, automatic=request.automatic)
    return tuple(other for other in names if live(ledgers[other]).commit != revision.commit)
