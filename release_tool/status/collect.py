"""Gathering what a look at everything needs, for few requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.candidates import FAR_BACK
from release_tool.deploy.environment import with_deployed_configuration
from release_tool.deploy.halts import model as halting
from release_tool.deploy.halts.issues import US, halt_issues
from release_tool.deploy.ledger.model import Ledger, live, rollback_target
from release_tool.deploy.ledger.store import deployments_of
from release_tool.deploy.our_workflows import our_workflows, switched_off
from release_tool.errors import RefusedError
from release_tool.github.api import PermissionDeniedError
from release_tool.github.api import Release as Published
from release_tool.history.containment import Commits, first_with
from release_tool.history.facts import ReleaseFacts, Request
from release_tool.history.look import RepositorySnapshot, branch_snapshot, facts_for, main_branch
from release_tool.history.marks import marks_of
from release_tool.history.trust import Ignored, summed_up, trust_of
from release_tool.model.tags import TagState, VersionTag
from release_tool.status import model
from release_tool.status.github_snapshot import GitHubSnapshot, GitHubSnapshots
from release_tool.status.model import Waiting
from release_tool.sync.sync import TESTED
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from release_tool.project import Project

FEW = 10
"""How many releases a look shows that is not to show all of them, and how many are followed on their way."""


class StatusSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one look gathered, before anything is made of it."""

    at: datetime
    whole: bool
    seen: RepositorySnapshot
    facts: ReleaseFacts
    published: tuple[Published, ...]
    followed: tuple[VersionTag, ...]
    cloud: str | None
    line: tuple[str, ...]
    history: Commits
    on_github: GitHubSnapshot
    ledgers: Mapping[str, Ledger]
    ignored: tuple[Ignored, ...]
    halts: tuple[halting.Halt, ...]
    since: Mapping[int, datetime]
    unseen: tuple[str, ...]
    waiting: tuple[Waiting, ...]
    workflows: Mapping[str, str]
    off: Mapping[str, str]


def as_deployed(project: Project) -> Project:
    """The project with the environments that deployments know: those on the branch that is deployed."""
    environments = with_deployed_configuration(project).config.environments
    return msgspec.structs.replace(project, config=msgspec.structs.replace(project.config, environments=environments))


def collect(project: Project, *, whole: bool) -> StatusSnapshot:
    """Look at git and GitHub; raises RefusedError where there is no main branch."""
    branch = main_branch(project)
    seen = branch_snapshot(project, branch)
    if seen is None:
        raise RefusedError(
            f"there is no branch `{branch}` on GitHub",
            todo="push it, or name another one in the configuration (`branch`)",
        )
    settings = project.config.sync
    cloud = project.git.fetch_branch(settings.branch) if settings else None
    followed = _on_main(project, seen)
    base = None if whole or len(followed) <= FEW else followed[FEW].commit
    history = project.git.history([sha for sha in (seen.head, cloud) if sha], base)
    line = tuple(commit.sha for commit in project.git.first_parent_log(base, cloud)) if cloud else ()
    at = project.clock.now()
    on_github = _on_github(project, branch, [*line[:FAR_BACK], *_arrivals(followed[:FEW], line, history)], whole=whole)
    ledgers, ignored = _ledgers(project, on_github, whole=whole)
    halts, since, uncertain = _halts(project, at)
    waiting, unseen = _waiting_runs(project)
    workflows = our_workflows(project)
    off, hidden = switched_off(project, workflows)
    return StatusSnapshot(
        at=at,
        whole=whole,
        seen=seen,
        facts=facts_for(project, seen, Request()),
        published=_published(project, seen, whole=whole),
        followed=followed[:FEW],
        cloud=cloud,
        line=line,
        history=history,
        on_github=on_github,
        ledgers=ledgers,
        ignored=summed_up(ignored),
        halts=halts,
        since=since,
        unseen=(*unseen, *uncertain, *hidden),
        waiting=waiting,
        workflows=workflows,
        off=off,
    )


def is_released(tag: VersionTag) -> bool:
    """Whether a tag is a stable release."""
    return tag.stable and tag.state is TagState.RELEASED


def _on_main(project: Project, seen: RepositorySnapshot) -> tuple[VersionTag, ...]:
    """The stable releases of the main branch, half-done ones included, the highest first; few more than are shown."""
    wanted = [tag for tag in seen.tags if tag.stable and tag.state is not TagState.ABANDONED]
    found: list[VersionTag] = []
    while len(found) <= FEW:
        place = project.git.first_reachable((tag.commit for tag in wanted), seen.head)
        if place is None:
            break
        found.append(wanted[place])
        wanted = wanted[place + 1 :]
    return tuple(found)


def contains(project: Project, head: str | None, commit: str) -> bool:
    """Whether a commit is contained in another one, which need not exist."""
    return head is not None and project.git.first_reachable([commit], head) is not None


def _arrivals(followed: Sequence[VersionTag], line: Sequence[str], history: Commits) -> Iterator[str]:
    """The commits with which the followed releases came into the hosted branch."""
    oldest_first = line[::-1]
    places = first_with(history, oldest_first)
    for tag in followed:
        if tag.commit in places:
            yield oldest_first[places[tag.commit]]


def _on_github(project: Project, branch: str, commits: Sequence[str], *, whole: bool) -> GitHubSnapshot:
    """What costs one request, and nothing where there is neither a hosted branch nor an environment."""
    from release_tool.status.github_snapshot import GitHubSnapshot

    settings = project.config.sync
    environments = () if whole else tuple(project.config.environments)
    if not settings and not environments:
        return GitHubSnapshot(ledgers={}, cut=frozenset(), pulls=(), marks={})
    trust = trust_of(project)
    snapshots = project.remote.adapter(lambda rest, graphql: GitHubSnapshots(rest, graphql, trust))
    found = snapshots.look(environments, settings.branch if settings else branch, commits)
    return _uncovered(project, found)


def _uncovered(project: Project, found: GitHubSnapshot) -> GitHubSnapshot:
    """The same with our own statuses of those commits on which a stranger wrote over them."""
    hidden = {commit: marks_of(project, commit) for commit, marks in sorted(found.marks.items()) if marks.ignored}
    ignored = tuple(one for marks in hidden.values() for one in marks.ignored)
    return msgspec.structs.replace(found, marks={**found.marks, **hidden}, ignored=(*found.ignored, *ignored))


def _ledgers(
    project: Project, on_github: GitHubSnapshot, *, whole: bool
) -> tuple[Mapping[str, Ledger], tuple[Ignored, ...]]:
    """The ledgers: their newest part, but the whole of one whose newest part shows no rollback target.

    Ignored records come with them.
    """
    deployments = deployments_of(project)
    if whole:
        ledgers = deployments.ledgers(tuple(project.config.environments))
        return ledgers, (*on_github.ignored, *deployments.ignored)
    telling = {name for name, ledger in on_github.ledgers.items() if _tells_enough(ledger)}
    older = deployments.ledgers(tuple(sorted(on_github.cut - telling)))
    return {**on_github.ledgers, **older}, (*on_github.ignored, *deployments.ignored)


def _tells_enough(ledger: Ledger) -> bool:
    now = live(ledger)
    return bool(now.deployment or now.unknown) and rollback_target(ledger, now.commit).choice is not None


def _halts(project: Project, at: datetime) -> tuple[tuple[halting.Halt, ...], dict[int, datetime], tuple[str, ...]]:
    """The halts that stop anything now, when each began, and whose right to halt this token may not ask for."""
    if not project.config.environments:
        return (), {}, ()
    issues = halt_issues(project).labelled(halting.LABEL, ended_since=at - halting.REMEMBERED)
    found = halting.read_halts((labelled.issue for labelled in issues), US)
    people = sorted({visible(one.issue.author) for one in issues if one.uncertain})
    return (
        tuple(halt for halt in found if not halt.is_over(at)),
        {one.issue.number: one.created for one in issues},
        tuple(f"whether {who} may halt deployments, and who may resume them: that takes push access" for who in people),
    )


def _waiting_runs(project: Project) -> tuple[tuple[Waiting, ...], tuple[str, ...]]:
    """The runs that wait for approval; a token that may not see them is reported, and hides nothing else."""
    if not project.config.environments:
        return (), ()
    try:
        runs = project.remote.workflows.waiting()
    except PermissionDeniedError as error:
        return (), (f"the runs that wait for approval: {visible(error.message)}",)
    return tuple(
        model.Waiting(
            what=f"{visible(run.name or 'a run')} waits for approval: {visible(run.display_title)}",
            url=run.html_url,
            todo=f"approve or reject it: {run.html_url}",
            since=run.created_at,
        )
        for run in runs
    ), ()


def _published(project: Project, seen: RepositorySnapshot, *, whole: bool) -> tuple[Published, ...]:
    full = len(seen.releases) == 100  # noqa: PLR2004 - as many as one answer has
    older = project.remote.older_releases() if whole and full else []
    return tuple({release.id: release for release in (*seen.releases, *older) if not release.draft}.values())


def tested_at(snapshot: StatusSnapshot, commit: str) -> datetime | None:
    """When the tests passed on a commit of the hosted branch; None where they did not."""
    marks = snapshot.on_github.marks.get(commit)
    return marks.counted[TESTED].at if marks and marks.is_set(TESTED) else None
