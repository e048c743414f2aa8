"""Looking: what the clone and GitHub know about the releases of a branch, gathered into `ReleaseFacts`."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import NeedsPersonError, RefusedError, UsageError
from release_tool.history import changes as domain
from release_tool.history.facts import ReleaseFacts
from release_tool.history.owner import lives
from release_tool.model.tag_message import owner_of
from release_tool.model.tags import TagState, is_maintenance, other_prefixes, version_tags, withheld
from release_tool.model.version import parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.git.repository import RemoteRefs, TagMessage, TagRef
    from release_tool.github.api import Release
    from release_tool.history.changes import Change, RevertProof, RevertProposal
    from release_tool.history.facts import Request
    from release_tool.model.commits import Commit, PullRequest
    from release_tool.model.tags import VersionTag
    from release_tool.model.version import Version
    from release_tool.project import Project

_LOOKS_AGAIN = (1, 2)
"""How often it is waited until everybody sees what was written, before what contradicts itself is asked for again."""
_PAGE = 100
"""Releases are read newest first, this many at once; a tag older than all of them was finished long ago."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RepositorySnapshot:
    """What one look found: the branch and its head, every version tag (highest first), and the newest releases.

    `refs` are all tags of the remote, as (name, commit), to see later whether one has been added.
    Without GitHub there are no releases, every tag counts as released, and `unseen` says what that hides.
    """

    branch: str
    head: str
    target: str
    tags: tuple[VersionTag, ...]
    releases: tuple[Release, ...] = ()
    refs: frozenset[tuple[str, str]] = frozenset()
    unseen: tuple[str, ...] = ()


def look(project: Project, *, online: bool) -> RepositorySnapshot:
    """See where the checkout stands and which version tags there are; online means as GitHub has them now."""
    target = project.git.head()
    branch = find_branch(project, target)
    if not online:
        return local_snapshot(project, branch, target)
    _ = project.remote  # before the network is asked for anything
    listed = _listed(project, branch)
    return _look_online(project, branch, target, _published_head(project, branch, target, listed), listed)


def local_snapshot(project: Project, branch: str, target: str) -> RepositorySnapshot:
    """See a commit of a branch as this clone has it; GitHub is asked nothing."""
    tags = _complete(project, target, project.git.tags(), online=False)
    return RepositorySnapshot(branch=branch, head=target, target=target, tags=tags, unseen=_unseen(tags))


def branch_snapshot(project: Project, branch: str) -> RepositorySnapshot | None:
    """See a branch as it is on GitHub, whatever is checked out; None where there is no such branch."""
    listed = _listed(project, branch)
    head = _fetched_head(project, branch, listed)
    return None if head is None else _look_online(project, branch, head, head, listed)


def is_released(project: Project, branch: str) -> bool:
    """Whether releases come from a branch: it is the main one, or a maintenance branch."""
    return branch == main_branch(project) or _maintained(project, branch)


def _look_online(project: Project, branch: str, target: str, head: str, listed: _Listed) -> RepositorySnapshot:
    refs, releases = listed.refs.tags, listed.releases
    tags = _complete(project, target, refs, online=True)
    tags = _with_states(project, tags, refs, releases)
    return RepositorySnapshot(
        branch=branch, head=head, target=target, tags=tags, releases=releases, refs=tag_refs(refs)
    )


@dataclasses.dataclass(frozen=True)
class _Listed:
    """What git and GitHub list of one moment: branches and tags, and the newest releases."""

    refs: RemoteRefs
    releases: tuple[Release, ...]

    def missing(self, prefix: str) -> list[str]:
        """The tags of published releases that git does not list, though GitHub has no such release without its tag."""
        named = (release.tag for release in self.releases if not release.draft)
        return [tag for tag in named if parse_tag(tag, prefix) and tag not in self.refs.tags]


def _listed(project: Project, branch: str) -> _Listed:
    """List branches, tags and releases, again where the branch is not among them, or they contradict each other.

    Nothing is concluded from a tag that is missing in one list alone: raises NeedsPersonError where that stays so.
    """
    prefix = project.config.tag_prefix
    listed = _list(project)
    for times in _LOOKS_AGAIN:
        if branch in listed.refs.branches and not listed.missing(prefix):
            break
        project.clock.sleep(times * project.settling)
        listed = _list(project)
    if missing := listed.missing(prefix):
        raise _without_tag(project, missing[0])
    return listed


def _list(project: Project) -> _Listed:
    return _Listed(project.git.remote_refs(), tuple(project.remote.releases()))


def _without_tag(project: Project, tag: str) -> NeedsPersonError:
    return NeedsPersonError(
        f"{tag} is released on GitHub, and git lists no tag {tag}",
        during="listing tags and releases",
        already="nothing was written",
        todo=f"put the tag back with `git push {project.git.remote} {tag}`, at the commit that was released,"
        f" or delete the release {tag} on GitHub if it is to count for nothing; then run the command again",
    )


def tag_refs(refs: Mapping[str, TagRef]) -> frozenset[tuple[str, str]]:
    """All tags as (name, commit), to compare one look with another."""
    return frozenset((name, ref.commit) for name, ref in refs.items())


def find_branch(project: Project, target: str) -> str:
    """Find the branch that a commit is released from: the one that is checked out, else one that contains it.

    Raises RefusedError where the commit is on neither the main branch nor a maintenance branch.
    """
    main = main_branch(project)
    eligible = project.git.branches_containing(target, lambda name: name == main or _maintained(project, name))
    for name in (project.actions.branch, project.git.current_branch(), main, *sorted(eligible)):
        if name in eligible:
            return name
    raise RefusedError(
        f"commit {target[:10]} is on neither `{main}` nor a maintenance branch"
        f" ({', '.join(f'`{pattern}`' for pattern in project.config.maintenance)})",
        during="finding the branch that is released",
        already="nothing was written",
        todo=f"check out `{main}`, or name another branch in the configuration (`branch`, `maintenance`)",
    )


def main_branch(project: Project) -> str:
    """The branch that is released: the configured one, or the repository's default where that one is missing."""
    configured = project.config.branch
    if configured != "main" or project.git.has_branch(configured):
        return configured
    return project.git.default_branch() or configured


def facts_for(
    project: Project, seen: RepositorySnapshot, request: Request, *, finishing: VersionTag | None = None
) -> ReleaseFacts:
    """Gather what a plan for the target needs, or for a half-done tag that is to be finished at its own commit."""
    target = finishing.commit if finishing else seen.target
    tags = tuple(tag for tag in seen.tags if not _is_above(tag, finishing)) if finishing else seen.tags
    wants_prerelease = bool(request.prerelease) if finishing is None else not finishing.stable
    reachable = _Reachable(project, target)
    base = reachable.first(tag for tag in tags if _is_base(tag) and (tag.stable or wants_prerelease))
    stable_base = reachable.first(tag for tag in tags if _is_base(tag) and tag.stable) if wants_prerelease else base
    since = _resolve_since(project, request, target)
    begin = since or (base.commit if base else None)
    first = begin is None
    changes = () if first else changes_between(project, seen, begin, target)
    since_stable = changes
    if wants_prerelease and stable_base != base and not since:
        since_stable = changes_between(project, seen, stable_base.commit if stable_base else None, target)
    counted = reachable.first(tag for tag in tags if tag.stable)
    return ReleaseFacts(
        branch=seen.branch,
        maintenance=_maintained(project, seen.branch),
        target=target,
        base=base,
        counted=counted.version if counted else None,
        used=frozenset(tag.version for tag in tags),
        changes=changes,
        since_stable=since_stable,
        half_done=() if finishing else _half_done(project, seen),
        containing=None if finishing else _containing(project, seen, wants_prerelease=wants_prerelease),
        since=request.since if since else "",
        newest=_newest(project, seen),
        strangers=_strangers(project, seen) if base is None else "",
        withheld="" if finishing else _withheld(project),
        unseen=seen.unseen,
    )


def _withheld(project: Project) -> str:
    """Why the event that started us makes no new release: a tag's push only ever finishes that tag."""
    if project.actions.pushed_tag:
        return f"the tag {project.actions.pushed_tag} was pushed, and nothing about it is half-done"
    return withheld(project.actions.event_name, project.config)


def _strangers(project: Project, seen: RepositorySnapshot) -> str:
    names = sorted(name for name, _ in seen.refs) or sorted(project.git.tags())
    return other_prefixes(names, project.config.tag_prefix)


def changes_between(project: Project, seen: RepositorySnapshot, base: str | None, target: str) -> tuple[Change, ...]:
    """What landed on the branch after `base` up to `target`, oldest first; reverts are proven by git."""
    commits = project.git.first_parent_log(base, target)
    owners = None
    if _online(project, seen):
        owners = _owners(project, seen.branch, commits)
        commits, owners = _with_merged_in(project, seen.branch, commits, owners, base)
    landed = domain.landings(commits, owners)
    proofs = [
        proof
        for proposal in domain.proposals(landed, project.repository)
        for proof in _prove(project, seen, proposal, base)
    ]
    return domain.assess(landed, project.config, project.repository, proofs)


def pulls_between(project: Project, seen: RepositorySnapshot, base: str | None, target: str) -> dict[str, PullRequest]:
    """The pull request that each commit after `base` up to `target` came with: as GitHub knows it, else its message."""
    commits = project.git.first_parent_log(base, target)
    if not _online(project, seen):
        told = ((landing, domain.pull_from_message(landing, seen.branch)) for landing in domain.landings(commits))
        return {commit.sha: pull for landing, pull in told if pull for commit in landing.commits}
    owners = _owners(project, seen.branch, commits)
    return _with_merged_in(project, seen.branch, commits, owners, base)[1]


def _online(project: Project, seen: RepositorySnapshot) -> bool:
    return project.github is not None and not seen.unseen


def _maintained(project: Project, branch: str) -> bool:
    return is_maintenance(branch, project.config)


def _fetched_head(project: Project, branch: str, listed: _Listed) -> str | None:
    head = listed.refs.branches.get(branch)
    if head is not None:
        project.git.fetch_commit(head)
    return head


def _published_head(project: Project, branch: str, target: str, listed: _Listed) -> str:
    head = _fetched_head(project, branch, listed)
    if head is None or not project.git.is_ancestor(target, head):
        raise RefusedError(
            f"commit {target[:10]} is not on `{branch}` on GitHub",
            during="finding the branch that is released",
            already="nothing was written",
            todo=f"merge or push it to `{branch}` first, or check out a commit that is there",
        )
    return head


def _complete(project: Project, target: str, refs: Mapping[str, TagRef], *, online: bool) -> tuple[VersionTag, ...]:
    """The version tags, with enough history in the clone to know which of them `target` contains."""
    if not project.git.is_shallow():
        return _version_tags(project, refs)
    project.say("this clone is shallow: fetching history until the last release is in it")
    tags = _version_tags(project, refs if online else project.git.remote_tags())
    commits = [tag.commit for tag in tags if tag.stable]
    project.git.deepen_until(lambda: _knows_base(project, commits, target))
    return tags


def _version_tags(project: Project, refs: Mapping[str, TagRef]) -> tuple[VersionTag, ...]:
    return version_tags(((name, ref.commit) for name, ref in refs.items()), project.config.tag_prefix)


def _knows_base(project: Project, commits: list[str], target: str) -> bool:
    """Whether the highest version in `target` is sure: every higher one is here, and is not in it."""
    place = project.git.first_reachable(commits, target)
    return place is not None and len(project.git.present(commits[:place])) == len(set(commits[:place]))


def _with_states(
    project: Project, tags: tuple[VersionTag, ...], refs: Mapping[str, TagRef], releases: tuple[Release, ...]
) -> tuple[VersionTag, ...]:
    """Tell half-done and abandoned tags from released ones, by our trailer, our drafts and the event we run for."""
    from release_tool.text.markers import is_abandoned, is_ours

    published = {release.tag: release for release in releases if not release.draft}
    drafted = {release.tag for release in releases if release.draft and is_ours(release.body)}
    messages = _messages(project, {tag.name: refs[tag.name] for tag in tags if tag.name not in published})
    oldest = min(release.created_at for release in releases) if len(releases) == _PAGE else None

    def judged(tag: VersionTag) -> VersionTag:
        message = messages.get(tag.name)
        owner = owner_of(message.text) if message else None
        release = published.get(tag.name)
        if release is None and (owner or tag.name in drafted or tag.name == project.actions.pushed_tag):
            if oldest and message and message.tagged_at < oldest:
                return tag
            release = project.remote.release_by_tag(tag.name)  # a list that lacks it proves nothing
            if release is None:
                alive = owner is not None and message is not None and lives(project, owner, message.tagged_at)
                return msgspec.structs.replace(tag, state=TagState.HALF_DONE, owner=owner, owner_lives=alive)
        abandoned = release is not None and is_abandoned(release.body)
        return msgspec.structs.replace(tag, state=TagState.ABANDONED) if abandoned else tag

    return tuple(map(judged, tags))


def _messages(project: Project, refs: Mapping[str, TagRef]) -> dict[str, TagMessage]:
    """The messages of annotated tags by name; what was put onto a commit of ours since the last fetch is fetched."""
    objects = {ref.object: name for name, ref in refs.items() if ref.annotated}
    found = project.git.tag_messages(objects)
    missing = objects.keys() - found.keys()
    here = project.git.present([refs[objects[sha]].commit for sha in missing])
    missing = {sha for sha in missing if refs[objects[sha]].commit in here}
    if missing:
        project.git.fetch_tags([objects[sha] for sha in missing])
        found |= project.git.tag_messages(missing)
    return {objects[sha]: message for sha, message in found.items()}


def _is_base(tag: VersionTag) -> bool:
    """Whether a range may begin at a tag: what is half-done below is finished first, what was given up never is."""
    return tag.state is not TagState.ABANDONED


def _is_above(tag: VersionTag, finishing: VersionTag) -> bool:
    """Whether a tag is the one to finish, or a higher version at its commit, which adds nothing to it."""
    return tag.commit == finishing.commit and tag.version >= finishing.version


@dataclasses.dataclass(frozen=True)
class _Reachable:
    """Which tags a commit contains; the highest come first, so most questions cost one look."""

    project: Project
    target: str

    def first(self, tags: Iterable[VersionTag]) -> VersionTag | None:
        asked, found = itertools.tee(tags)
        place = self.project.git.first_reachable((tag.commit for tag in asked), self.target)
        return None if place is None else next(itertools.islice(found, place, None))


def _resolve_since(project: Project, request: Request, target: str) -> str | None:
    if not request.since:
        return None
    since = project.git.resolve(request.since)
    if since is None or not project.git.is_ancestor(since, target):
        what = "names no commit" if since is None else f"is not in {target[:10]}"
        raise UsageError(f"--since {request.since!r} {what}", todo="name a tag or a commit of this branch")
    return since


def _half_done(project: Project, seen: RepositorySnapshot) -> tuple[VersionTag, ...]:
    """The half-done tags of this branch, the lowest first; where a tag's push started us, that one alone."""
    pushed = project.actions.pushed_tag
    found = [
        tag
        for tag in seen.tags
        if tag.state is TagState.HALF_DONE and project.git.first_reachable([tag.commit], seen.head) is not None
    ]
    return tuple(tag for tag in reversed(found) if pushed in {None, tag.name})


def _containing(project: Project, seen: RepositorySnapshot, *, wants_prerelease: bool) -> VersionTag | None:
    """The release of this branch that has the target already, though the target is not its commit; the lowest one."""
    if seen.target == seen.head:
        return None
    for tag in reversed(seen.tags):
        if tag.state is TagState.ABANDONED or not (tag.stable or wants_prerelease) or tag.commit == seen.target:
            continue
        if len(project.git.present([tag.commit])) == 0:
            continue
        if project.git.is_ancestor(seen.target, tag.commit) and project.git.is_ancestor(tag.commit, seen.head):
            return tag
    return None


def _newest(project: Project, seen: RepositorySnapshot) -> Version | None:
    """The highest stable version released on the branch, which alone may be `latest`."""
    newest = _Reachable(project, seen.head).first(
        tag for tag in seen.tags if tag.stable and tag.state is TagState.RELEASED
    )
    return newest.version if newest else None


def _owners(project: Project, branch: str, commits: list[Commit]) -> dict[str, PullRequest]:
    """Which commit belongs to which pull request: by merge commit, and by association for rebase merges."""
    if not commits:
        return {}
    wanted = {commit.sha for commit in commits}
    oldest = min(commit.committed_at for commit in commits)
    owners = project.remote.merged_pulls(branch, wanted, oldest)
    for commit in commits:
        number = domain.pull_number(commit)
        if commit.sha not in owners and number is not None:
            pull = project.remote.pull(number)
            if pull is not None and pull.merge_commit == commit.sha and pull.base == branch:
                owners[commit.sha] = pull
    suspects = domain.rebase_suspects(commits, owners)
    return owners | project.remote.associated_pulls(branch, suspects) if suspects else owners


def _with_merged_in(
    project: Project, branch: str, commits: list[Commit], owners: dict[str, PullRequest], base: str | None
) -> tuple[list[Commit], dict[str, PullRequest]]:
    """Add the pull requests of this branch that a merge pushed by hand hides behind its second parent."""
    if all(commit.sha in owners for commit in commits if commit.is_merge):
        return commits, owners
    brought = project.git.merged_in(base, commits[0].sha)
    shown: list[Commit] = []
    for commit in commits:
        shown.append(commit)
        hidden = brought.get(commit.sha, ()) if commit.is_merge and commit.sha not in owners else ()
        found = project.remote.merged_pulls(
            branch, {side.sha for side in hidden}, min((side.committed_at for side in hidden), default=0)
        )
        owners = owners | found
        shown += [side for side in reversed(hidden) if side.sha in found]
    return shown, owners


def _prove(
    project: Project, seen: RepositorySnapshot, proposal: RevertProposal, base: str | None
) -> Iterable[RevertProof]:
    """Ask git which of the landings a revert may mean it really takes back: in the range, else among the released."""
    revert = (proposal.revert.parent, proposal.revert.sha)
    proven = False
    for candidate in proposal.candidates:
        if project.git.same_change_reversed((candidate.parent, candidate.sha), revert):
            proven = True
            yield domain.RevertProof(proposal.revert.sha, candidate.sha, domain.name_of(candidate))
    if not proven and base is not None:
        yield from _prove_released(project, seen, proposal, base)


def _prove_released(
    project: Project, seen: RepositorySnapshot, proposal: RevertProposal, base: str
) -> Iterable[RevertProof]:
    revert = (proposal.revert.parent, proposal.revert.sha)
    for commit in _released_originals(project, proposal, base):
        parent = commit.parents[0] if commit.parents else None
        if project.git.same_change_reversed((parent, commit.sha), revert):
            number = domain.pull_number(commit)
            name = f"#{number}" if number else commit.sha[:10]
            yield domain.RevertProof(proposal.revert.sha, commit.sha, name, _released_in(project, seen, commit.sha))
            return


def _released_originals(project: Project, proposal: RevertProposal, base: str) -> Iterable[Commit]:
    for sha in proposal.reference.commits:
        if commit := project.git.commit(sha):
            yield commit
    texts = [text for number in proposal.reference.pulls for text in (f"(#{number})", f"Merge pull request #{number} ")]
    for text in [*texts, *proposal.reference.titles]:
        if commit := project.git.find_commit_by_message(text, base):
            yield commit


def _released_in(project: Project, seen: RepositorySnapshot, sha: str) -> str | None:
    """The lowest version that contains a commit."""
    containing = project.git.tags_containing(sha)
    return next((tag.name for tag in reversed(seen.tags) if tag.stable and tag.name in containing), None)


def _unseen(tags: tuple[VersionTag, ...]) -> tuple[str, ...]:
    newest = next((tag.name for tag in tags if tag.stable), None)
    published = (f"whether {newest} and the tags before it were published",) if newest else ()
    return ("labels and texts of pull requests", "pull requests that were rebased", *published)
