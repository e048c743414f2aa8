"""The environments as a look shows them, each with the ledger behind it."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from release_tool.deploy.candidates import RevisionResolver
from release_tool.deploy.environment import deployed_branch
from release_tool.deploy.freeze import frozen_until
from release_tool.deploy.halts import model as halting
from release_tool.deploy.preconditions import DeployRequest, facts_before, unfit
from release_tool.history.changes import landing_change, landings
from release_tool.history.commit_names import newest_in
from release_tool.history.look import changes_between
from release_tool.status import model
from release_tool.status.collect import tested_at
from release_tool.status.environment import EnvironmentFacts, environment_status, live_and_previous
from release_tool.status.metrics import delivery
from release_tool.status.pipeline import EnvironmentLedger
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release_tool.deploy.candidates import Revision
    from release_tool.deploy.ledger.model import Ledger
    from release_tool.deploy.policy import DeployFacts
    from release_tool.history.changes import Change
    from release_tool.history.containment import Commits
    from release_tool.history.look import RepositorySnapshot
    from release_tool.project import Project
    from release_tool.status.collect import StatusSnapshot
    from release_tool.status.metrics import DeliveryMetrics
    from release_tool.status.model import ChangeStatus, EnvironmentStatus, HaltStatus


def environment_ledgers(project: Project, snapshot: StatusSnapshot, closely: str) -> list[EnvironmentLedger]:
    """Every environment in the order of the configuration; `closely` names the one whose changes are looked up."""
    head = snapshot.cloud or snapshot.seen.head
    revisions = RevisionResolver(
        project=project,
        branch=deployed_branch(project),
        head=head,
        seen=snapshot.seen,
        at=project.clock.steady(),
        marks=dict(snapshot.on_github.marks),
    )
    newest = None if project.config.sync and snapshot.cloud is None else revisions.newest()
    shared = _Shared(newest, *_walked(project, snapshot.ledgers))
    return [
        EnvironmentLedger(
            _environment(revisions, snapshot, name, shared, closely=name == closely), snapshot.ledgers[name]
        )
        for name in project.config.environments
    ]


class _Shared(NamedTuple):
    """What is found once for all environments: the newest to deploy, and what deployments brought.

    `firsts` are the commits that were proven first, by environment, and `walked` what came between these and others.
    """

    newest: Revision | None
    firsts: Mapping[str, str]
    walked: Commits

    def delivery(self, name: str, ledger: Ledger, at: datetime) -> DeliveryMetrics:
        """Measure an environment; before a second commit was proven there, nothing has a lead time."""
        first = self.firsts.get(name)
        return delivery(ledger, self.walked if first else {}, at, first=first)


def _environment(
    revisions: RevisionResolver, snapshot: StatusSnapshot, name: str, shared: _Shared, *, closely: bool
) -> EnvironmentStatus:
    project, newest = revisions.project, shared.newest
    settings, ledger = project.config.environments[name], snapshot.ledgers[name]
    withdrawn, gone = unfit(revisions, ledger)
    return environment_status(
        EnvironmentFacts(
            name=name,
            settings=settings,
            ledger=ledger,
            at=snapshot.at,
            url=project.web_url,
            candidate=_asked(revisions, snapshot, name, newest) if newest else None,
            since=_since(snapshot, newest) if newest else None,
            halts=tuple(halt_status(project, halt, snapshot.since) for halt in snapshot.halts if halt.stops(name)),
            frozen_until=frozen_until(settings.freeze, snapshot.at),
            withdrawn=withdrawn,
            gone=gone,
            delivery=shared.delivery(name, ledger, snapshot.at),
            changes=_changes(project, snapshot, ledger) if closely else None,
        )
    )


def _asked(revisions: RevisionResolver, snapshot: StatusSnapshot, name: str, newest: Revision) -> DeployFacts:
    """The facts by which an automatic run would decide about the newest version."""
    halt = halting.halting(snapshot.halts, name, snapshot.at)
    request = DeployRequest(automatic=True)
    return facts_before(revisions, newest, request, name, snapshot.ledgers, halted=str(halt) if halt else "")


def _since(snapshot: StatusSnapshot, newest: Revision) -> datetime | None:
    """Since when it could be deployed: the hosted branch was tested, or the release published."""
    published = (release.published_at for release in snapshot.published if release.tag == newest.tag)
    return tested_at(snapshot, newest.commit) if snapshot.cloud else next(published, None)


def _walked(project: Project, ledgers: Mapping[str, Ledger]) -> tuple[dict[str, str], Commits]:
    """What was proven first in each environment, and the commits from there on, of one walk for all of them."""
    proven = {name: list(dict.fromkeys(one.commit for one in ledger if one.proven)) for name, ledger in ledgers.items()}
    here = project.git.present({commit for commits in proven.values() for commit in commits})
    tips = {name: [commit for commit in commits if commit in here] for name, commits in proven.items()}
    firsts = {name: commits[0] for name, commits in tips.items() if len(commits) > 1}
    bases = sorted({*firsts.values()})
    base = project.git.merge_base(*bases) if len(bases) > 1 else next(iter(bases), None)
    return firsts, project.git.history(sorted({commit for name in firsts for commit in tips[name]}), base)


def _changes(project: Project, snapshot: StatusSnapshot, ledger: Ledger) -> model.Changes | None:
    """What the environment got with what is live; None where nothing was live before."""
    now, before = live_and_previous(ledger)
    if (
        now is None
        or before is None
        or len(project.git.present([now.commit, before.commit])) != len({now.commit, before.commit})
    ):
        return None
    return model.Changes(
        before=visible(before.payload.name),
        after=visible(now.payload.name),
        url=f"{project.web_url}/compare/{before.commit}...{now.commit}",
        changes=tuple(
            change_status(project, change) for change in _between(project, snapshot.seen, before.commit, now.commit)
        ),
    )


def _between(project: Project, seen: RepositorySnapshot, before: str, after: str) -> list[Change]:
    """The changes of the releases between two deployed commits, and what was pushed to the hosted branch alone."""
    old, new = (newest_in(project, seen.tags, commit) for commit in (before, after))
    released = changes_between(project, seen, old.commit if old else None, new.commit) if new else ()
    theirs = project.git.history([new.commit], old.commit if old else None) if new else {}
    alone = [commit for commit in project.git.first_parent_log(before, after) if commit.sha not in theirs]
    pushed = landings([commit for commit in alone if not commit.is_merge])
    return [*released, *(landing_change(landing, project.config) for landing in pushed)]


def production_of(environments: Sequence[EnvironmentStatus]) -> str:
    """The environment that matters most: the one of that name, else the last."""
    names = [environment.name for environment in environments]
    return "production" if "production" in names else next(iter(names[::-1]), "")


def change_status(project: Project, change: Change) -> ChangeStatus:
    """A change as it is shown."""
    where = f"pull/{change.pull}" if change.pull else f"commit/{change.sha}"
    return model.ChangeStatus(
        pull=change.pull,
        commit=change.sha,
        title=visible(change.title),
        kind=change.kind.value,
        bump=str(change.bump),
        authors=tuple(visible(str(author)) for author in change.authors),
        at=datetime.fromtimestamp(change.landed_at, UTC),
        url=f"{project.web_url}/{where}",
        cancelled=change.cancelled_by is not None,
    )


def halt_status(project: Project, halt: halting.Halt, since: Mapping[int, datetime]) -> HaltStatus:
    """A halt as it is shown; `since` tells when the issue of each was opened."""
    order = halt.order
    option = ["-e", visible(order.environment)] if order.environment else []
    fixed = "when it is fixed, " if order.incident else ""
    return model.HaltStatus(
        issue=halt.issue,
        url=halt.url,
        environment=visible(order.environment),
        by=visible(order.by),
        reason=visible(order.reason),
        since=since.get(halt.issue, project.clock.now()),
        until=order.until,
        incident=order.incident,
        todo=f"{fixed}`{shlex.join(['release-tool', 'resume', *option])}`",
        kept=str(halt.kept) if halt.kept else "",
    )
