"""What has to be known before a deployment, gathered for `guard.may_deploy` to decide by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy import freeze, policy
from release_tool.deploy.halts import model
from release_tool.deploy.halts.commands import halts_of
from release_tool.deploy.ledger.model import Kind, Override, live, proven_commits, way_back, yardstick
from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.text.globs import matching
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.deploy.candidates import Deployable, Wanted
    from release_tool.deploy.environment import Place
    from release_tool.deploy.ledger.model import Deployment, Ledger, WayBack
    from release_tool.history.changes import Change

_FEW = 3
"""How many of the changes that can't be undone are named."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for a deployment and why; nobody did where it is automatic."""

    by: str = ""
    reason: str = ""
    automatic: bool = False
    overrides: frozenset[Override] = frozenset()


def facts_before(  # noqa: PLR0913 - a deployment is decided by all of these
    place: Place,
    deployable: Deployable,
    wanted: Wanted,
    asked: Asked,
    ledgers: Mapping[str, Ledger],
    *,
    kind: Kind,
    leaves: Deployment | None = None,
) -> policy.Facts:
    """Gather what decides whether a commit may be deployed; `ledgers` are those of all environments that matter."""
    ledger = ledgers[place.name]
    deploys = kind is Kind.DEPLOY
    withdrawn, gone = unfit(deployable, ledger, wanted)
    back = way_back(ledger, wanted.commit, withdrawn=withdrawn, gone=gone)
    newer = _newer_mark(place, ledger, wanted) if deploys else None
    between = (back.choice.commit if back.choice else None, wanted.commit)
    if kind is Kind.ROLLBACK and leaves:
        between = (wanted.commit, leaves.commit)
    elif newer:
        between = (wanted.commit, newer)
    return policy.Facts(
        environment=place.name,
        ledger=ledger,
        commit=wanted.commit,
        name=wanted.name,
        kind=kind,
        automatic=asked.automatic,
        overrides=asked.overrides,
        halted=halted(place, asked) if deploys else "",
        frozen=frozen(place) if deploys else "",
        older=newer is not None,
        tested=not deploys or deployable.is_tested(wanted.commit),
        withdrawn=withdrawn,
        gone=gone,
        irreversible=irreversible(place, deployable, *between),
        unmet=_unmet(place, wanted, ledgers, asked) if deploys else (),
    )


def halted(place: Place, asked: Asked) -> str:
    """Who halted the environment and why, empty where nobody did; raises RemoteError where that can't be read."""
    try:
        found = model.halting(halts_of(place.project), place.name, place.project.clock.now())
    except (RemoteError, PermissionDeniedError) as error:
        if Override.HALT in asked.overrides and not asked.automatic:
            return "halted or not, which could not be read"
        raise RemoteError(
            f"whether {place.name} is halted can't be read: {error.message}",
            during="looking for halts",
            already="nothing was changed",
            todo=error.todo or "run the command again later",
        ) from error
    return str(found) if found else ""


def frozen(place: Place) -> str:
    """Until when a freeze of the configuration holds, empty where none does."""
    until = freeze.frozen_until(place.settings.freeze, place.project.clock.now())
    return freeze.frozen(until) if until else ""


def best_way_back(deployable: Deployable, ledger: Ledger, leaves: str | None) -> WayBack:
    """The last known good other than the commit that is left, with the reason why not the others."""
    withdrawn = _withdrawn(deployable, ledger)
    gone = deployable.gone(proven_commits(ledger))
    return way_back(ledger, leaves, withdrawn=withdrawn, gone=gone)


def unfit(deployable: Deployable, ledger: Ledger, wanted: Wanted) -> tuple[frozenset[str], frozenset[str]]:
    """The commits of withdrawn releases, and those that do not exist any more."""
    withdrawn = _withdrawn(deployable, ledger)
    if wanted.name in deployable.withdrawn():
        withdrawn |= {wanted.commit}
    return withdrawn, deployable.gone({wanted.commit, *proven_commits(ledger)})


def irreversible(place: Place, deployable: Deployable, older: str | None, newer: str) -> str:
    """What can't be undone between two commits, as a person would name it; empty where all can."""
    git = place.project.git
    if older is None or older == newer or not git.obtain(older) or not git.is_ancestor(older, newer):
        return ""
    changes = changes_to(deployable, older, newer)
    found = [change.name for change in changes if change.irreversible]
    settled = {path for change in changes if change.irreversible is False for path in _files(place, change)}
    patterns = place.project.config.irreversible_paths
    paths = matching(git.files_between(older, newer), patterns) if patterns else ()
    one_way = [path for path in paths if path not in settled]
    named = found or [f"`{visible(path)}`" for path in one_way]
    more = f" and {len(named) - _FEW} more" if len(named) > _FEW else ""
    return ", ".join(named[:_FEW]) + more


def _withdrawn(deployable: Deployable, ledger: Ledger) -> frozenset[str]:
    names = deployable.withdrawn()
    return frozenset(deployment.commit for deployment in ledger if deployment.payload.name in names)


def changes_to(deployable: Deployable, older: str | None, newer: str) -> tuple[Change, ...]:
    """The changes on the main branch that one commit has and the other has not."""
    if older is None or not deployable.project.git.obtain(older):
        return ()
    return deployable.changes(older, newer)


def _files(place: Place, change: Change) -> tuple[str, ...]:
    git = place.project.git
    parent = next(iter(commit.parents), None) if (commit := git.commit(change.sha)) else None
    return git.files_between(parent, change.sha) if parent else ()


def _newer_mark(place: Place, ledger: Ledger, wanted: Wanted) -> str | None:
    """What is live, or the last known good, where that contains the commit and is another one; else None."""
    mark = yardstick(ledger)
    if mark is None or mark == wanted.commit or not place.project.git.obtain(mark):
        return None
    return mark if place.project.git.is_ancestor(wanted.commit, mark) else None


def _unmet(place: Place, wanted: Wanted, ledgers: Mapping[str, Ledger], asked: Asked) -> tuple[str, ...]:
    environments = place.project.config.environments
    names = policy.requirements(environments, place.name, automatic=asked.automatic)
    return tuple(name for name in names if live(ledgers[name]).commit != wanted.commit)
