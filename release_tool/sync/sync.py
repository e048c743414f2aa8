"""The sync stage: carry a released tag into the hosted branch by a tested candidate, or report the conflict."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Sync
from release_tool.errors import RefusedError, UsageError
from release_tool.git import merge
from release_tool.git.push import Pushed
from release_tool.history.commit_names import name_of_commit
from release_tool.history.look import (
    RepositorySnapshot,
    branch_snapshot,
    changes_between,
    line_of,
    main_branch,
    why_unreleased,
)
from release_tool.history.marks import marks_of
from release_tool.history.references import record, references_of
from release_tool.model.tag_names import named_alike, read_names
from release_tool.model.tags import TagState, version_tags
from release_tool.notify.notice import subscribers
from release_tool.release.announce import announce_missed
from release_tool.release.notes.edit import resolve_tag
from release_tool.sync.conflict import CONFLICT_BRANCH, close_superseded, open_conflict
from release_tool.sync.plan import (
    Kept,
    SyncAction,
    SyncFacts,
    SyncPlan,
    keep_message,
    merge_message,
    plan_sync,
    record_message,
)
from release_tool.text.globs import matcher
from release_tool.text.markers import is_withdrawn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from release_tool.git.merge import Merged
    from release_tool.history.references import ImageReference
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project

CANDIDATE = "release-tool/candidate"
"""The commit status that marks a commit as ours: nobody else's push, so nothing to test a second time."""

TESTED = "release-tool/tested"
CANDIDATE_BRANCH = "release-tool/candidate/"
_POLL_SECONDS = 1.0


class SyncState(enum.StrEnum):
    """The state of a sync, done or planned; `pushed` is a person's push to the branch, `moved` another run's."""

    NOTHING = "nothing"
    CREATE = "create"
    FAST_FORWARD = "fast-forward"
    MERGE = "merge"
    TEST = "test"
    CANDIDATE = "candidate"
    TESTED = "tested"
    PUSHED = "pushed"
    ADVANCED = "advanced"
    MOVED = "moved"
    PULL_REQUEST = "pull-request"
    CONFLICT = "conflict"


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a sync; `build` says that the commit is not the tag's and needs a build of its own.

    `kept` are the paths that stay as they are on the hosted branch, although they are other in the release.
    """

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
    kept: tuple[Kept, ...] = ()


class _Way(msgspec.Struct, frozen=True):
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
        done = msgspec.structs.replace(advance(project, made.sha), tag=made.tag, kept=made.kept)
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
    if way.plan.action is SyncAction.TEST and _is_tested(project, way.facts.tag.commit):
        return _tested_aside(project, way.facts.tag.name, way.facts.tag.commit, state=SyncState.NOTHING)
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
    if CANDIDATE not in marks_of(project, commit).counted and not _is_in(project, commit, cloud):
        raise RefusedError(
            f"{commit[:10]} is neither a candidate nor on `{settings.branch}`",
            during="recording that the tests passed",
            already="nothing was written",
            todo="name the commit that `release-tool sync --candidate` printed",
        )
    record(project, commit, references)
    project.remote.create_status(commit, TESTED, "success", "the tests passed on this very commit")
    return SyncResult(state=SyncState.TESTED, reason=f"{commit[:10]} is tested", sha=commit)


def owed_references(project: Project, sha: str) -> frozenset[str]:
    """What the configuration promises of a build, but for what its commit has already: a release recorded its own."""
    promised = frozenset(project.config.build.references)
    if not promised:
        return promised
    commit = _resolve(project, sha)
    return promised - references_of(commit, marks_of(project, commit), None).known.keys()


def advance(project: Project, sha: str) -> SyncResult:
    """Move the hosted branch to a tested candidate, by a fast-forward and never otherwise.

    A release of a maintenance branch moves nothing: it can be deployed by its name from now on.
    """
    settings = _settings(project)
    if settings is None:
        return _no_sync()
    commit = _resolve(project, sha)
    cloud = project.git.fetch_branch(settings.branch)
    result = SyncResult(state=SyncState.NOTHING, reason="", sha=commit, cloud=cloud or "")
    if _is_in(project, commit, cloud):
        _clean_up(project, settings, commit)
        return msgspec.structs.replace(result, reason=f"`{settings.branch}` has {commit[:10]} already")
    _insist_on_tested_candidate(project, commit)
    if name := _maintenance_release(project, commit):
        aside = _tested_aside(project, name, commit, state=SyncState.TESTED)
        return msgspec.structs.replace(aside, cloud=result.cloud)
    return _move(project, settings, result)


# Looking


def _settings(project: Project) -> Sync | None:
    return project.config.sync


def _no_sync() -> SyncResult:
    return SyncResult(
        state=SyncState.NOTHING, reason="there is no `[sync]` table in the configuration: the tag itself is deployed"
    )


def _announce_without_sync(project: Project) -> None:
    """Announce releases here, too, where nothing is carried: this run comes regularly and may edit them."""
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
    line = line_of(project, seen, tag.commit)
    facts = SyncFacts(
        branch=settings.branch,
        tag=tag,
        cloud=cloud,
        contains=_is_in(project, tag.commit, cloud),
        behind=cloud is not None and _is_in(project, cloud, tag.commit),
        squashed=_squashed(project, seen, settings, cloud, tag),
        line=line if line != seen.branch else "",
        kept=_kept(project, settings, cloud, tag.commit) if cloud and line == seen.branch else (),
    )
    return _Way(settings, seen, facts, plan_sync(facts))


def _chosen(project: Project, seen: RepositorySnapshot, name: str) -> VersionTag | None:
    """The named release, or the newest one; raises RefusedError for one that is not to be carried anywhere."""
    if not name:
        on_main = (tag for tag in seen.tags if _is_in(project, tag.commit, seen.head))
        return next((tag for tag in on_main if _why_not(project, seen, tag) is None), None)
    wanted = resolve_tag(project, name)
    found = next((tag for tag in seen.tags if tag.name == wanted), None)
    why = "does not exist on GitHub" if found is None else _why_not(project, seen, found)
    if why is not None:
        raise RefusedError(
            f"{wanted} {why}",
            during="choosing the release to carry over",
            already="nothing was written",
            todo=f"name a published stable release of `{seen.branch}` or a maintenance branch, or none for the newest",
        )
    return found


def _why_not(project: Project, seen: RepositorySnapshot, tag: VersionTag) -> str | None:
    """Why a tag is not carried into the hosted branch; None where it is."""
    if why := why_unreleased(project, seen, tag):
        return why
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


def _kept(project: Project, settings: Sync, cloud: str, release: str) -> tuple[Kept, ...]:
    """The kept paths in which a release differs; what the hosted branch alone ever had is none of these."""
    base = project.git.merge_base(cloud, release) if settings.keep_cloud else None
    if base is None:
        return ()
    deleted = {change.path for change in project.git.raw_changes(base, release) if change.deletes}
    differing = [one for one in project.git.raw_changes(cloud, release) if not one.deletes or one.path in deleted]
    named = {one.path.decode(errors="replace"): one for one in differing}
    kept = filter(matcher(settings.keep_cloud), sorted(named))
    how = [Kept(path, "new" if named[path].adds else "deleted" if named[path].deletes else "changed") for path in kept]
    return tuple(sorted(how, key=lambda one: ("new", "changed", "deleted").index(one.how)))


def _pushed_by_person(project: Project) -> SyncResult | None:
    """A push to the hosted branch that started this run, and was not ours, is to be tested as it is."""
    settings = _settings(project)
    if settings is None or project.actions.event_name != "push" or project.actions.branch != settings.branch:
        return None
    head = project.git.fetch_branch(settings.branch)
    if head is None:
        return SyncResult(state=SyncState.NOTHING, reason=f"`{settings.branch}` is gone by now")
    marks = marks_of(project, head)
    result = SyncResult(state=SyncState.NOTHING, reason=f"{head[:10]} is our own push", sha=head, cloud=head)
    if CANDIDATE in marks.counted:
        return result
    if TESTED in marks.counted:
        return msgspec.structs.replace(result, reason=f"{head[:10]} is tested already")
    seen = branch_snapshot(project, main_branch(project))
    version = name_of_commit(project, seen.tags if seen else (), head)
    tagged = seen is not None and any(tag.commit == head for tag in seen.tags)
    return msgspec.structs.replace(
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
    return _commit_tree(project, merged.tree, (ours, way.facts.tag.commit), message)


def _recorded(project: Project, way: _Way) -> str:
    """The head of the hosted branch, and on it a merge that changes nothing for each squashed resolution."""
    ours = str(way.facts.cloud)
    for resolved in way.facts.squashed:
        message = record_message(way.facts.branch, resolved.name)
        ours = _commit_tree(project, project.git.tree_of(ours), (ours, resolved.commit), message)
    return ours


def _merged(project: Project, way: _Way, ours: str) -> Merged | None:
    """Merge the release into the hosted branch; None where recording a resolution has brought it in already."""
    if _is_in(project, way.facts.tag.commit, ours):
        return None
    return merge.merge(project.git, ours, way.facts.tag.commit, matcher(way.settings.keep_cloud))


def _commit_tree(project: Project, tree: str, parents: Sequence[str], message: str) -> str:
    """Make a commit that is the same every time it is made of the same parents."""
    identity = project.config.identity
    date = max(project.git.commit_dates(parents).values())
    return merge.commit_tree(project.git, tree, parents, message, name=identity.name, email=identity.email, date=date)


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
            return msgspec.structs.replace(
                _result(way, state=SyncState.MOVED, reason="another run makes a candidate"), again=True
            )
    marks = marks_of(project, sha)
    if CANDIDATE not in marks.counted:
        project.remote.create_status(sha, CANDIDATE, "pending", f"candidate of {way.facts.tag.name}")
    is_tested = marks.is_set(TESTED)
    return msgspec.structs.replace(
        _result(way, state=SyncState.TESTED if is_tested else SyncState.CANDIDATE, reason=way.plan.reason),
        sha=sha,
        version=name_of_commit(project, way.seen.tags, sha),
        build=sha != way.facts.tag.commit,
    )


def _conflict(project: Project, way: _Way) -> SyncResult:
    merged = _merged(project, way, _recorded(project, way))
    conflicts = merged.conflicts if merged else ()
    opened = open_conflict(project, way.seen, way.facts, conflicts, offered=_to_resolve(project, way))
    return msgspec.structs.replace(
        _result(way, state=SyncState.CONFLICT, reason=f"{way.facts.tag.name} conflicts with `{way.facts.branch}`"),
        pull=opened.number if opened.is_pull else None,
        url=opened.url,
        conflicts=tuple(conflict.path for conflict in conflicts),
    )


def _to_resolve(project: Project, way: _Way) -> str:
    """The release as a person resolves its conflicts: with what the hosted branch keeps as it is there."""
    release = way.facts.tag.commit
    tree = merge.with_kept(project.git, release, str(way.facts.cloud), matcher(way.settings.keep_cloud))
    if tree is None or tree == project.git.tree_of(release):
        return release
    return _commit_tree(project, tree, (release,), keep_message(way.facts.branch, way.facts.tag.name))


def _is_tested(project: Project, commit: str) -> bool:
    return marks_of(project, commit).is_set(TESTED)


def _maintenance_release(project: Project, commit: str) -> str:
    """The version tag at a commit that the main branch does not contain; empty where there is none."""
    if _is_in(project, commit, project.git.fetch_branch(main_branch(project))):
        return ""
    names = read_names((name, ref.commit) for name, ref in project.git.remote_tags().items() if ref.commit == commit)
    return next((tag.name for tag in version_tags(names, named_alike(names, project.config.tag_prefix))), "")


def _tested_aside(project: Project, tag: str, commit: str, *, state: SyncState) -> SyncResult:
    """Take away the branch of a release that was only to be tested, and say how it is deployed."""
    branch = f"{CANDIDATE_BRANCH}{tag}"
    if branch in project.branches.tips(CANDIDATE_BRANCH):
        project.branches.delete(branch, expect=commit)
    reason = f"{tag} is tested and no branch moves: `release-tool deploy {tag} -e ENV` brings it where it is wanted"
    return SyncResult(state=state, reason=reason, tag=tag, sha=commit)


def _insist_on_tested_candidate(project: Project, commit: str) -> None:
    marks = marks_of(project, commit)
    if CANDIDATE not in marks.counted:
        what, todo = "is not a candidate of ours", "make one with `release-tool sync --candidate`"
    elif not marks.is_set(TESTED):
        what, todo = "is not tested", f"run the tests on it, then `release-tool sync --tested {commit}`"
    else:
        return
    raise RefusedError(
        f"{commit[:10]} {what}", during="moving the hosted branch", already="nothing was written", todo=todo
    )


def _insist_on_release_in(project: Project, settings: Sync, commit: str, cloud: str | None) -> None:
    """Refuse what carries anything else than a release, whatever its statuses say; every workflow may write those."""
    seen = branch_snapshot(project, main_branch(project))
    released = {tag.commit for tag in seen.tags if tag.state is TagState.RELEASED} if seen else set()
    if not _carries(project, settings, commit, cloud, released):
        raise RefusedError(
            f"{commit[:10]} is neither a release nor the merge of one into `{settings.branch}`",
            during="moving the hosted branch",
            already="nothing was written",
            todo="make a candidate with `release-tool sync --candidate`",
        )


def _carries(project: Project, settings: Sync, commit: str, cloud: str | None, released: Collection[str]) -> bool:
    """Whether a commit is a release, or the hosted branch with releases merged into it and nothing else."""
    if commit in released or _is_in(project, commit, cloud):
        return True
    made = project.git.commit(commit)
    if made is None or len(made.parents) != 2 or made.parents[1] not in released:  # noqa: PLR2004 - ours and theirs
        return False
    ours, theirs = made.parents
    merged = merge.merge(project.git, ours, theirs, matcher(settings.keep_cloud))
    trees = {project.git.tree_of(ours), *([] if merged.conflicts else [merged.tree])}
    return project.git.tree_of(commit) in trees and _carries(project, settings, ours, cloud, released)


def _move(project: Project, settings: Sync, result: SyncResult) -> SyncResult:
    commit, cloud = result.sha, result.cloud or None
    if cloud is not None and not project.git.is_ancestor(cloud, commit):
        return _moved(result, settings)
    _insist_on_release_in(project, settings, commit, cloud)
    if settings.via == "pull-request" and cloud is not None:
        return _by_pull_request(project, settings, result)
    if project.branches.push(commit, settings.branch, expect=cloud) is Pushed.MOVED:
        return _moved(result, settings)
    project.say(f"`{settings.branch}` is at {commit[:10]} now")
    _clean_up(project, settings, commit)
    return msgspec.structs.replace(
        result, state=SyncState.ADVANCED, reason=f"`{settings.branch}` moved to {commit[:10]}"
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
    return msgspec.structs.replace(
        result, state=SyncState.PULL_REQUEST, reason=reason, tag=tag, pull=pull.number, url=pull.url
    )


def _moved(result: SyncResult, settings: Sync) -> SyncResult:
    reason = f"`{settings.branch}` moved meanwhile, so the candidate is made and tested anew"
    return msgspec.structs.replace(result, state=SyncState.MOVED, reason=reason, again=True)


def _clean_up(project: Project, settings: Sync, commit: str) -> None:
    """Take away what only the way needed: the branches of candidates that the hosted branch has, and their marks."""
    tips = project.branches.tips()
    if not _is_in(project, commit, tips.get(settings.branch)):
        tips = project.branches.tips()  # that was the list of a moment before the branch moved
    for name, sha in tips.items():
        if name.startswith(CANDIDATE_BRANCH) and (sha == commit or _is_in(project, sha, commit)):
            project.branches.delete(name, expect=sha)
    close_superseded(project, settings, commit)


def _result(way: _Way, *, state: SyncState, reason: str, conflicts: tuple[str, ...] = ()) -> SyncResult:
    return SyncResult(
        state=state,
        reason=reason,
        tag=way.facts.tag.name,
        cloud=way.facts.cloud or "",
        conflicts=conflicts,
        kept=way.facts.kept,
    )
