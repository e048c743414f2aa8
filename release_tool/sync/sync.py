"""The sync stage: a released tag reaches the hosted branch by a tested candidate, or a person is told why not."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from release_tool.errors import RefusedError, UsageError
from release_tool.git import merge
from release_tool.git.push import Pushed
from release_tool.history.commit_names import name_of_commit
from release_tool.history.look import branch_snapshot, changes_between, main_branch
from release_tool.history.references import record
from release_tool.model.tags import TagState
from release_tool.notify.notice import subscribers
from release_tool.release.announce import announce_missed
from release_tool.release.notes.edit import resolve_tag
from release_tool.sync.conflict import CONFLICT_BRANCH, close_superseded, open_conflict
from release_tool.sync.plan import SyncAction, SyncFacts, merge_message, plan_sync, record_message
from release_tool.text.globs import matching
from release_tool.text.markers import is_withdrawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config import Sync
    from release_tool.git.merge import Merged
    from release_tool.history.look import RepositorySnapshot
    from release_tool.history.references import ImageReference
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project
    from release_tool.sync.plan import SyncPlan

CANDIDATE = "release-tool/candidate"
"""The commit status that marks a commit as ours: nobody else's push, so nothing to test a second time."""

TESTED = "release-tool/tested"
CANDIDATE_BRANCH = "release-tool/candidate/"
_POLL_SECONDS = 1.0


class SyncState(enum.StrEnum):
    """What a sync came to, or would; `pushed` is a person's push to the branch, `moved` that somebody came first."""

    NOTHING = "nothing"
    CREATE = "create"
    FAST_FORWARD = "fast-forward"
    MERGE = "merge"
    CANDIDATE = "candidate"
    TESTED = "tested"
    PUSHED = "pushed"
    ADVANCED = "advanced"
    MOVED = "moved"
    PULL_REQUEST = "pull-request"
    CONFLICT = "conflict"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What a sync came to; `build` says that the commit is not the tag's and needs a build of its own."""

    state: SyncState
    reason: str
    tag: str = ""
    sha: str = ""
    cloud: str = ""
    version: str = ""
    pull: int | None = None
    url: str = ""
    build: bool = False
    again: bool = False
    conflicts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Way:
    """The way from the hosted branch to a release: the facts of both, and the plan made of them."""

    settings: Sync
    seen: RepositorySnapshot
    facts: SyncFacts
    plan: SyncPlan


def sync(project: Project, tag: str) -> SyncResult:
    """Carry a release into the hosted branch at once, where no separate tests are wanted."""
    while True:
        made = candidate(project, tag)
        if made.state not in {SyncState.CANDIDATE, SyncState.TESTED}:
            return made
        if made.state is SyncState.CANDIDATE:
            tested(project, made.sha, ())
        done = advance(project, made.sha)
        if not done.again or project.actions.enabled:
            return done
        project.say(f"{done.reason}; looking again")
        project.clock.sleep(_POLL_SECONDS)


def preview(project: Project, tag: str) -> SyncResult:
    """Say what a sync would do, and write nothing."""
    way = _way(project, tag)
    if isinstance(way, SyncResult):
        return way
    found = _merged(project, way, _recorded(project, way)) if way.plan.action is SyncAction.MERGE else None
    conflicts = tuple(conflict.path for conflict in found.conflicts) if found else ()
    reason = f"{way.plan.reason}, which conflicts in {len(conflicts)} files" if conflicts else way.plan.reason
    return _result(
        way,
        state=SyncState.CONFLICT if conflicts else SyncState(way.plan.action.value),
        reason=reason,
        conflicts=conflicts,
    )


def candidate(project: Project, tag: str) -> SyncResult:
    """Make the commit that the hosted branch would move to, push it to a branch of its own, and mark it as ours."""
    pushed = _pushed_by_person(project)
    if pushed is not None:
        return pushed
    way = _way(project, tag)
    if isinstance(way, SyncResult):
        _announce_without_sync(project)
        return way
    announce_missed(project, way.seen)
    if way.plan.action is SyncAction.NOTHING:
        _clean_up(project, way.settings, str(way.facts.cloud))  # a run that was killed may have left something
        return _result(way, state=SyncState.NOTHING, reason=way.plan.reason)
    sha = _commit(project, way)
    if sha is None:
        return _conflict(project, way)
    return _offer(project, way, sha)


def tested(project: Project, sha: str, references: Sequence[ImageReference]) -> SyncResult:
    """Record that the tests passed on a commit, and what was built of it; raises RefusedError for a stranger's."""
    settings = _settings(project)
    if settings is None:
        return _no_sync()
    commit = _resolve(project, sha)
    cloud = project.git.fetch_branch(settings.branch)
    if CANDIDATE not in project.remote.statuses(commit) and not _is_in(project, commit, cloud):
        raise RefusedError(
            f"{commit[:10]} is neither a candidate nor on `{settings.branch}`",
            during="recording that the tests passed",
            already="nothing was written",
            todo="name the commit that `release-tool sync --candidate` printed",
        )
    record(project, commit, references)
    project.remote.create_status(commit, TESTED, "success", "the tests passed on this very commit")
    return SyncResult(state=SyncState.TESTED, reason=f"{commit[:10]} is tested", sha=commit)


def advance(project: Project, sha: str) -> SyncResult:
    """Move the hosted branch to a tested candidate, by a fast-forward and never otherwise."""
    settings = _settings(project)
    if settings is None:
        return _no_sync()
    commit = _resolve(project, sha)
    cloud = project.git.fetch_branch(settings.branch)
    result = SyncResult(state=SyncState.NOTHING, reason="", sha=commit, cloud=cloud or "")
    if _is_in(project, commit, cloud):
        _clean_up(project, settings, commit)
        return dataclasses.replace(result, reason=f"`{settings.branch}` has {commit[:10]} already")
    _insist_on_tested_candidate(project, commit)
    if cloud is not None and not project.git.is_ancestor(cloud, commit):
        return _moved(result, settings)
    if settings.via == "pull-request" and cloud is not None:
        return _by_pull_request(project, settings, result)
    if project.branches.push(commit, settings.branch, expect=cloud) is Pushed.MOVED:
        return _moved(result, settings)
    project.say(f"`{settings.branch}` is at {commit[:10]} now")
    _clean_up(project, settings, commit)
    return dataclasses.replace(result, state=SyncState.ADVANCED, reason=f"`{settings.branch}` moved to {commit[:10]}")


# Looking


def _settings(project: Project) -> Sync | None:
    return project.config.sync


def _no_sync() -> SyncResult:
    return SyncResult(
        state=SyncState.NOTHING, reason="there is no `[sync]` table in the configuration: the tag itself is deployed"
    )


def _announce_without_sync(project: Project) -> None:
    """Tell of releases here, too, where nothing is carried: every hour somebody comes by who may write into them."""
    seen = branch_snapshot(project, main_branch(project)) if subscribers(project.config.channels, "released") else None
    if seen is not None:
        announce_missed(project, seen)


def _way(project: Project, name: str) -> _Way | SyncResult:
    settings = _settings(project)
    if settings is None:
        return _no_sync()
    seen = branch_snapshot(project, main_branch(project))
    tag = None if seen is None else _chosen(project, seen, name)
    if seen is None or tag is None:
        return SyncResult(
            state=SyncState.NOTHING, reason="nothing is released that could be carried into the hosted branch"
        )
    cloud = project.git.fetch_branch(settings.branch)
    facts = SyncFacts(
        branch=settings.branch,
        tag=tag,
        cloud=cloud,
        contains=_is_in(project, tag.commit, cloud),
        behind=cloud is not None and _is_in(project, cloud, tag.commit),
        squashed=_squashed(project, seen, settings, cloud, tag),
    )
    return _Way(settings, seen, facts, plan_sync(facts))


def _chosen(project: Project, seen: RepositorySnapshot, name: str) -> VersionTag | None:
    """The named release, or the newest one; raises RefusedError for one that is not to be carried anywhere."""
    if not name:
        good = (tag for tag in seen.tags if _why_not(project, seen, tag) is None)
        return next(good, None)
    wanted = resolve_tag(project, name)
    found = next((tag for tag in seen.tags if tag.name == wanted), None)
    why = "does not exist on GitHub" if found is None else _why_not(project, seen, found)
    if why is not None:
        raise RefusedError(
            f"{wanted} {why}",
            during="choosing the release to carry over",
            already="nothing was written",
            todo=f"name a published stable release of `{seen.branch}`, or none for the newest",
        )
    return found


def _why_not(project: Project, seen: RepositorySnapshot, tag: VersionTag) -> str | None:
    """Why a tag is not carried into the hosted branch; None where it is."""
    if not tag.stable:
        return "is a prerelease"
    if tag.state is not TagState.RELEASED:
        return "was given up" if tag.state is TagState.ABANDONED else "is not published yet"
    if project.git.first_reachable([tag.commit], seen.head) is None:
        return f"is not on `{seen.branch}`"
    listed = next((release for release in seen.releases if release.tag == tag.name and not release.draft), None)
    release = listed or project.remote.release_by_tag(tag.name)
    return "is withdrawn" if release is not None and is_withdrawn(release.body) else None


def _is_in(project: Project, commit: str, head: str | None) -> bool:
    return head is not None and project.git.first_reachable([commit], head) is not None


def _squashed(
    project: Project, seen: RepositorySnapshot, settings: Sync, cloud: str | None, tag: VersionTag
) -> tuple[VersionTag, ...]:
    """The releases below a tag whose conflict was resolved in a pull request that was squashed, the lowest first."""
    if cloud is None:
        return ()
    merged = project.remote.issues.closed_pulls(CONFLICT_BRANCH, settings.branch)
    merges = {pull.branch.removeprefix(CONFLICT_BRANCH): pull.merge_commit for pull in merged if pull.merge_commit}
    names = {name for name, commit in merges.items() if _is_in(project, commit, cloud)}
    found = (
        known for known in reversed(seen.tags) if known.name in names and _is_in(project, known.commit, tag.commit)
    )
    return tuple(known for known in found if not _is_in(project, known.commit, cloud))


def _pushed_by_person(project: Project) -> SyncResult | None:
    """A push to the hosted branch that started this run, and was not ours, is to be tested as it is."""
    settings = _settings(project)
    if settings is None or project.actions.event_name != "push" or project.actions.branch != settings.branch:
        return None
    head = project.git.fetch_branch(settings.branch)
    if head is None:
        return SyncResult(state=SyncState.NOTHING, reason=f"`{settings.branch}` is gone by now")
    statuses = project.remote.statuses(head)
    result = SyncResult(state=SyncState.NOTHING, reason=f"{head[:10]} is our own push", sha=head, cloud=head)
    if CANDIDATE in statuses:
        return result
    if TESTED in statuses:
        return dataclasses.replace(result, reason=f"{head[:10]} is tested already")
    seen = branch_snapshot(project, main_branch(project))
    version = name_of_commit(project, seen.tags if seen else (), head)
    tagged = seen is not None and any(tag.commit == head for tag in seen.tags)
    return dataclasses.replace(
        result, state=SyncState.PUSHED, reason=f"somebody pushed {head[:10]}", version=version, build=not tagged
    )


def _resolve(project: Project, sha: str) -> str:
    found = project.git.resolve(sha)
    if found is None:
        project.git.fetch_commit(sha)
        found = project.git.resolve(sha)
    if found is None:
        raise UsageError(f"{sha!r} names no commit", todo="give the whole hash that `sync --candidate` printed")
    return found


# Acting


def _commit(project: Project, way: _Way) -> str | None:
    """The commit that the hosted branch would move to; None where the release conflicts with it."""
    if way.plan.action is not SyncAction.MERGE:
        return way.facts.tag.commit
    ours = _recorded(project, way)
    merged = _merged(project, way, ours)
    if merged is None:
        return ours
    if merged.conflicts:
        return None
    message = merge_message(way.facts.branch, way.facts.tag.name, _brought(project, way))
    return _commit_tree(project, merged.tree, ours, way.facts.tag.commit, message)


def _recorded(project: Project, way: _Way) -> str:
    """The head of the hosted branch, and on it a merge that changes nothing for each squashed resolution."""
    ours = str(way.facts.cloud)
    for resolved in way.facts.squashed:
        message = record_message(way.facts.branch, resolved.name)
        ours = _commit_tree(project, project.git.tree_of(ours), ours, resolved.commit, message)
    return ours


def _merged(project: Project, way: _Way, ours: str) -> Merged | None:
    """Merge the release into the hosted branch; None where recording a resolution has brought it in already."""
    if _is_in(project, way.facts.tag.commit, ours):
        return None
    kept = way.settings.keep_cloud
    return merge.merge(project.git, ours, way.facts.tag.commit, lambda path: bool(matching([path], kept)))


def _commit_tree(project: Project, tree: str, ours: str, theirs: str, message: str) -> str:
    """Make a merge commit that is the same every time it is made of the same parents."""
    identity = project.config.identity
    date = max(project.git.commit_dates([ours, theirs]).values())
    return merge.commit_tree(
        project.git, tree, (ours, theirs), message, name=identity.name, email=identity.email, date=date
    )


def _brought(project: Project, way: _Way) -> tuple[str, ...]:
    """The pull requests that the release brings to the hosted branch, each in one line."""
    changes = changes_between(project, way.seen, way.facts.cloud, way.facts.tag.commit)
    return tuple(f"{change.name} {change.title}".partition("\n")[0] for change in changes)


def _offer(project: Project, way: _Way, sha: str) -> SyncResult:
    """Push a candidate to its branch and mark it; done before, it is only found again."""
    branch = f"{CANDIDATE_BRANCH}{way.facts.tag.name}"
    there = project.branches.tips(CANDIDATE_BRANCH).get(branch)
    if there != sha:
        project.say(f"pushing the candidate of {way.facts.tag.name}, {sha[:10]}")
        if project.branches.push(sha, branch, expect=there, force=there is not None) is Pushed.MOVED:
            return dataclasses.replace(
                _result(way, state=SyncState.MOVED, reason="another run makes a candidate"), again=True
            )
    statuses = project.remote.statuses(sha)
    if CANDIDATE not in statuses:
        project.remote.create_status(sha, CANDIDATE, "pending", f"candidate of {way.facts.tag.name}")
    is_tested = TESTED in statuses and statuses[TESTED].state == "success"
    return dataclasses.replace(
        _result(way, state=SyncState.TESTED if is_tested else SyncState.CANDIDATE, reason=way.plan.reason),
        sha=sha,
        version=name_of_commit(project, way.seen.tags, sha),
        build=sha != way.facts.tag.commit,
    )


def _conflict(project: Project, way: _Way) -> SyncResult:
    merged = _merged(project, way, _recorded(project, way))
    conflicts = merged.conflicts if merged else ()
    opened = open_conflict(project, way.seen, way.facts, conflicts)
    return dataclasses.replace(
        _result(way, state=SyncState.CONFLICT, reason=f"{way.facts.tag.name} conflicts with `{way.facts.branch}`"),
        pull=opened.number if opened.is_pull else None,
        url=opened.url,
        conflicts=tuple(conflict.path for conflict in conflicts),
    )


def _insist_on_tested_candidate(project: Project, commit: str) -> None:
    statuses = project.remote.statuses(commit)
    if CANDIDATE not in statuses:
        what, todo = "is not a candidate of ours", "make one with `release-tool sync --candidate`"
    elif TESTED not in statuses or statuses[TESTED].state != "success":
        what, todo = "is not tested", f"run the tests on it, then `release-tool sync --tested {commit}`"
    else:
        return
    raise RefusedError(
        f"{commit[:10]} {what}", during="moving the hosted branch", already="nothing was written", todo=todo
    )


def _by_pull_request(project: Project, settings: Sync, result: SyncResult) -> SyncResult:
    """Leave the move to a person, where pushing is forbidden."""
    branches = project.branches.tips(CANDIDATE_BRANCH)
    name = next((branch for branch, sha in branches.items() if sha == result.sha), None)
    if name is None:
        return _moved(result, settings)
    tag = name.removeprefix(CANDIDATE_BRANCH)
    issues = project.remote.issues
    pull = issues.open_pull(name, settings.branch) or issues.create_pull(
        f"Carry {tag} into {settings.branch}",
        name,
        settings.branch,
        f"The tests passed on {result.sha}.\n\nMerge it with a merge commit: `{settings.branch}` keeps the tag then.\n",
    )
    reason = f"#{pull.number} waits for a person to merge it"
    return dataclasses.replace(
        result, state=SyncState.PULL_REQUEST, reason=reason, tag=tag, pull=pull.number, url=pull.url
    )


def _moved(result: SyncResult, settings: Sync) -> SyncResult:
    reason = f"`{settings.branch}` moved meanwhile, so the candidate is made and tested anew"
    return dataclasses.replace(result, state=SyncState.MOVED, reason=reason, again=True)


def _clean_up(project: Project, settings: Sync, commit: str) -> None:
    """Take away what only the way needed: the branches of candidates that the hosted branch has, and their marks."""
    for name, sha in project.branches.tips(CANDIDATE_BRANCH).items():
        if sha == commit or _is_in(project, sha, commit):
            project.branches.delete(name, expect=sha)
    close_superseded(project, settings, commit)


def _result(way: _Way, *, state: SyncState, reason: str, conflicts: tuple[str, ...] = ()) -> SyncResult:
    return SyncResult(
        state=state, reason=reason, tag=way.facts.tag.name, cloud=way.facts.cloud or "", conflicts=conflicts
    )
