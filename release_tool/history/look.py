"""Looking: what the clone and GitHub know about the releases of a branch, gathered into `ReleaseFacts`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import NeedsPersonError, RefusedError, UsageError
from release_tool.history import changes as domain
from release_tool.history.facts import ReleaseFacts
from release_tool.history.grouping import group, merged_by_hand, reached
from release_tool.history.owner import lives
from release_tool.model.tag_message import owner_of
from release_tool.model.tag_names import named_alike, named_by_highest, naming, needs_history, read_names
from release_tool.model.tags import TagState, is_maintenance, version_tags, withheld
from release_tool.model.version import parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from release_tool.git.repository import RemoteRefs, TagMessage, TagRef
    from release_tool.github.api import Release
    from release_tool.history.changes import Change, RevertProof, RevertProposal
    from release_tool.history.facts import Request
    from release_tool.history.grouping import Grouped
    from release_tool.model.commits import Commit, PullRequest
    from release_tool.model.tag_names import Naming, TagName
    from release_tool.model.tags import VersionTag
    from release_tool.model.version import Version
    from release_tool.project import Project

_HALF_DONE, _ABANDONED = TagState.HALF_DONE, TagState.ABANDONED  # asking an enum takes longer, and tags are thousands
_NEWEST = 30
"""How many of the newest tags are asked whether we made them."""
_LOOKS_AGAIN = (1, 2)
"""How often it is waited until everybody sees what was written, before what contradicts itself is asked for again."""
_CLOCKS_DIFFER = 7 * 24 * 3600
"""Seconds by which a commit may seem older than one that it contains, since each machine has a clock of its own."""
_PAGE = 100
"""Releases are read newest first, this many at once; a tag older than all of them was finished long ago."""


class RepositorySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found: the branch and its head, every version tag (highest first), and the newest releases.

    `refs` are all tags of the remote, as (name, commit), to see later whether one has been added.
    `naming` says how the branch names its releases, and `tips` where the other branches are that are released.
    Without GitHub there are no releases, every tag counts as released, and `unseen` says what that hides.
    """

    branch: str
    head: str
    target: str
    tags: tuple[VersionTag, ...]
    naming: Naming
    tips: frozenset[str] = frozenset()
    releases: tuple[Release, ...] = ()
    refs: frozenset[tuple[str, str]] = frozenset()
    unseen: tuple[str, ...] = ()


def look(project: Project, *, online: bool) -> RepositorySnapshot:
    """See where the checkout stands and which version tags there are; online means as GitHub has them now."""
    target = project.git.head()
    if not online:
        tags = project.git.tags()  # one look at all refs, before any is asked for
        return _local_snapshot(project, find_branch(project, target), target, tags)
    branch = find_branch(project, target)
    _ = project.remote  # before the network is asked for anything
    listed = _listed(project, branch)
    return _look_online(project, branch, target, _published_head(project, branch, target, listed), listed)


def local_snapshot(project: Project, branch: str, target: str) -> RepositorySnapshot:
    """See a commit of a branch as this clone has it; GitHub is asked nothing."""
    return _local_snapshot(project, branch, target, project.git.tags())


def _local_snapshot(project: Project, branch: str, target: str, here: Mapping[str, TagRef]) -> RepositorySnapshot:
    names = read_names((name, ref.commit) for name, ref in here.items())
    if project.git.is_shallow():
        names = read_names((name, ref.commit) for name, ref in project.git.remote_tags().items())
    found = _completed(project, target, names)
    tags = version_tags(names, found)
    main = main_branch(project)
    tips = project.git.tips(lambda name: name != branch and (name == main or _maintained(project, name)))
    others = frozenset(tip for of_one in tips.values() for tip in of_one)
    return RepositorySnapshot(
        branch=branch, head=target, target=target, tags=tags, naming=found, tips=others, unseen=_unseen(tags)
    )


def branch_snapshot(project: Project, branch: str) -> RepositorySnapshot | None:
    """See a branch as it is on GitHub, whatever is checked out; None where there is no such branch."""
    listed = _listed(project, branch)
    head = _fetched_head(project, branch, listed)
    return None if head is None else _look_online(project, branch, head, head, listed)


def is_released(project: Project, branch: str) -> bool:
    """Whether releases come from a branch: it is the main one, or a maintenance branch."""
    return branch == main_branch(project) or _maintained(project, branch)


def line_of(project: Project, seen: RepositorySnapshot, commit: str) -> str:
    """The branch that a commit was released from: the one that was looked at, else a maintenance branch on GitHub.

    Empty where neither contains it.
    """
    if project.git.first_reachable([commit], seen.head) is not None:
        return seen.branch
    tips = {name: tip for name, tip in project.branches.tips().items() if _maintained(project, name)}
    here = (name for name, tip in sorted(tips.items()) if project.git.obtain(tip))
    return next((name for name in here if project.git.first_reachable([commit], tips[name]) is not None), "")


def why_unreleased(project: Project, seen: RepositorySnapshot, tag: VersionTag) -> str:
    """Why a tag is no stable release of the branch or of a maintenance branch; empty where it is one."""
    if not tag.stable:
        return "is a prerelease"
    if tag.state is not TagState.RELEASED:
        return "was given up" if tag.state is TagState.ABANDONED else "is not published yet"
    return "" if line_of(project, seen, tag.commit) else f"is on neither `{seen.branch}` nor a maintenance branch"


def _look_online(project: Project, branch: str, target: str, head: str, listed: _Listed) -> RepositorySnapshot:
    refs, releases = listed.refs.tags, listed.releases
    names = read_names((name, ref.commit) for name, ref in refs.items())
    found = _completed(project, target, names)
    tags = _with_states(project, version_tags(names, found), refs, releases)
    main = main_branch(project)
    others = {
        tip
        for name, tip in listed.refs.branches.items()
        if name != branch and (name == main or _maintained(project, name))
    }
    return RepositorySnapshot(
        branch=branch,
        head=head,
        target=target,
        tags=tags,
        naming=found,
        tips=frozenset(others),
        releases=releases,
        refs=tag_refs(refs),
    )


class _Listed(msgspec.Struct, frozen=True):
    """What git and GitHub list of one moment: branches and tags, and the newest releases."""

    refs: RemoteRefs
    releases: tuple[Release, ...]

    def missing(self, prefix: str | None) -> list[str]:
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
        f" or delete the release {tag} on GitHub if it should be ignored; then run the command again",
    )


def tag_refs(refs: Mapping[str, TagRef]) -> frozenset[tuple[str, str]]:
    """All tags as (name, commit), to compare one look with another."""
    return frozenset((name, ref.commit) for name, ref in refs.items())


def find_branch(project: Project, target: str) -> str:
    """Find the branch that a commit is released from: the one that is checked out, else one that contains it.

    Raises RefusedError where the commit is on neither the main branch nor a maintenance branch.
    """
    main = main_branch(project)
    for name in filter(None, (project.actions.branch, project.git.current_branch(), main)):
        if is_released(project, name) and project.git.branches_containing(target, name.__eq__):
            return name
    others = project.git.branches_containing(target, lambda name: _maintained(project, name))
    for name in sorted(others):
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
    stable = tuple(tag for tag in tags if tag.state is not _ABANDONED and not tag.version.prerelease)
    changes: tuple[Change, ...] = ()
    if since:
        changes = changes_between(project, seen, since, target)
    elif base:
        taken = tuple(tag for tag in tags if _is_base(tag)) if wants_prerelease else stable
        commits = unreleased(project, seen, base, target, taken, finishing=finishing is not None)
        changes = _changes(project, seen, commits, base.commit, target)
    since_stable = changes
    if wants_prerelease and stable_base != base and not since:
        commits = unreleased(project, seen, stable_base, target, stable, finishing=finishing is not None)
        since_stable = _changes(project, seen, commits, stable_base.commit if stable_base else None, target)
    counted = reachable.first(tag for tag in tags if tag.stable)
    prepared = None if counted else reachable.first(tag for tag in tags if not tag.stable)
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
        prepared=prepared.version.released() if prepared else None,
        elsewhere=None if counted else next((tag for tag in tags if tag.stable), None),
        naming=seen.naming,
        withheld="" if finishing else _withheld(project, seen),
        unseen=seen.unseen,
    )


def _withheld(project: Project, seen: RepositorySnapshot) -> str:
    """Why the event that started us makes no new release: a tag's push only ever finishes that tag.

    Nor does merging what sets the tool up release: the first time a person says so.
    """
    if project.actions.pushed_tag:
        return f"the tag {project.actions.pushed_tag} was pushed, and it has no half-done release"
    event = project.actions.event_name
    found = withheld(event, project.config)
    if found or event not in {"push", "schedule"} or project.config.release_now or _released_before(project, seen):
        return found
    return (
        "nothing was released with release-tool here yet, and the first release must be started by a person: "
        "`release-tool bump`"
    )


def _released_before(project: Project, seen: RepositorySnapshot) -> bool:
    """Whether we wrote one of the newest releases, or claimed one of the newest tags.

    A clone need not have the tags, and a person may have written a release's notes anew: either of them is enough.
    """
    from release_tool.text.markers import is_ours

    if any(is_ours(release.body) for release in seen.releases):
        return True
    messages = project.git.tag_messages([tag.name for tag in seen.tags[:_NEWEST]])
    return any(owner_of(message.text) for message in messages.values())


def changes_between(project: Project, seen: RepositorySnapshot, base: str | None, target: str) -> tuple[Change, ...]:
    """What landed on the branch after `base` up to `target`, oldest first; reverts are proven by git."""
    return _changes(project, seen, _new_commits(project, base, target), base, target)


def pulls_between(project: Project, seen: RepositorySnapshot, base: str | None, target: str) -> dict[str, PullRequest]:
    """The pull request that each commit after `base` up to `target` came with: as GitHub knows it, else its message."""
    grouped, owners = _grouped(project, seen, _new_commits(project, base, target), target)
    if owners is not None:
        return owners
    told = ((landing, domain.pull_from_message(landing, seen.branch)) for landing in domain.landings(grouped.landed))
    return {commit.sha: pull for landing, pull in told if pull for commit in landing.commits}


def _changes(
    project: Project, seen: RepositorySnapshot, commits: Sequence[Commit], base: str | None, target: str
) -> tuple[Change, ...]:
    """Turn the commits of a range (children first) into changes; every one of them is in exactly one."""
    grouped, owners = _grouped(project, seen, commits, target)
    landed = domain.landings(grouped.landed, owners, grouped.inside)
    proofs = [
        proof
        for proposal in domain.proposals(landed, project.repository)
        for proof in _prove(project, seen, proposal, base)
    ]
    return merged_by_hand(domain.assess(landed, project.config, project.repository, proofs), grouped.behind)


def _grouped(
    project: Project, seen: RepositorySnapshot, commits: Sequence[Commit], target: str
) -> tuple[Grouped, dict[str, PullRequest] | None]:
    """Group the commits of a range by what landed them: as GitHub knows it, else as their messages tell."""
    if not _online(project, seen):
        return group(commits, target, lambda commit: domain.pull_number(commit) is not None), None
    owners: dict[str, PullRequest] = {}
    asked: set[str] = set()
    while True:
        grouped = group(commits, target, lambda commit: commit.sha in owners)  # noqa: B023 - called at once
        unasked = [commit for commit in grouped.landed if commit.sha not in asked]
        if not asked:
            line = _first_parents(commits, target)
            unasked = [commit for commit in unasked if commit.sha in line]
        if not unasked:
            return grouped, owners
        owners |= _owners(project, seen.branch, unasked, aside=bool(asked))
        asked.update(commit.sha for commit in unasked)


def _first_parents(commits: Sequence[Commit], target: str) -> set[str]:
    """The first-parent line of a range: with all merges taken for pull requests, nothing else landed by itself."""
    return {commit.sha for commit in group(commits, target, lambda _: True).landed}


def _new_commits(project: Project, base: str | None, target: str) -> list[Commit]:
    """The commits of a range, children first; where a clone is shallow, with all that merges brought."""
    commits = project.git.new_commits(base, target)
    if project.git.is_shallow() and any(commit.is_merge for commit in commits):
        project.say("this clone is shallow: fetching the rest of its history, which merges lead to")
        project.git.unshallow()
        commits = project.git.new_commits(base, target)
    return commits


def unreleased(  # noqa: PLR0913 - the ends of a range, and what is taken out of it
    project: Project,
    seen: RepositorySnapshot,
    base: VersionTag | None,
    target: str,
    released: Sequence[VersionTag],
    *,
    finishing: bool = False,
) -> list[Commit]:
    """The commits that the target contains and no released tag of this branch or another released one does."""
    commits = _new_commits(project, base.commit if base else None, target)
    parents: dict[str, Sequence[str]] = {commit.sha: commit.parents for commit in commits}
    if not parents:
        return []
    if _online(project, seen):
        project.git.fetch_commits(seen.tips)
    since = min(commit.committed_at for commit in commits) - _CLOCKS_DIFFER
    beside = project.git.parents_beside({*seen.tips, seen.head}, [target, *([base.commit] if base else [])], since)
    shas = {tag.commit for tag in released}
    aside = {sha for sha in shas if sha in beside}
    if finishing and aside:
        aside = _earlier(project, aside, target)
    own = {sha for sha in shas if sha in parents}
    gone = set(reached([*own, *aside], parents | beside))
    return [commit for commit in commits if commit.sha not in gone]


def _earlier(project: Project, shas: set[str], target: str) -> set[str]:
    """Those of the commits that were there before another one: what was released later took nothing from it."""
    dates = project.git.commit_dates({*shas, target})
    return {sha for sha in shas if dates[sha] <= dates[target] and not project.git.is_ancestor(target, sha)}


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


def _completed(project: Project, target: str, names: Sequence[TagName]) -> Naming:
    """How the branch names its releases, with enough history in the clone to know which tags `target` contains."""
    configured = project.config.tag_prefix
    if project.git.is_shallow():
        project.say("this clone is shallow: fetching history until the last release is in it")
        if needs_history(names, configured):
            project.git.unshallow()
        else:
            tags = version_tags(names, named_alike(names, configured))
            commits = [tag.commit for tag in tags if tag.stable]
            project.git.deepen_until(lambda: _knows_base(project, commits, target))
    return _named(project, target, names)


def look_at_tags(project: Project) -> tuple[Naming, tuple[VersionTag, ...]]:
    """How what is checked out names its releases, and its version tags, as far as this clone knows them."""
    names = read_names((name, ref.commit) for name, ref in project.git.tags().items())
    head = project.git.resolve("HEAD")
    found = _named(project, head, names) if head else named_alike(names, project.config.tag_prefix)
    return found, version_tags(names, found)


def _named(project: Project, target: str, names: Sequence[TagName]) -> Naming:
    configured = project.config.tag_prefix
    if not needs_history(names, configured):
        return named_alike(names, configured)
    git = project.git
    alike = named_by_highest(
        names,
        configured,
        first=lambda commits: git.first_reachable(commits, target),
        within=lambda commits: git.within(commits, target),
    )
    return alike or naming(names, git.places({tag.commit for tag in names}, target), configured)


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
    return tag.state is not _ABANDONED


def _is_above(tag: VersionTag, finishing: VersionTag) -> bool:
    """Whether a tag is the one to finish, or a higher version at its commit, which adds nothing to it."""
    return tag.commit == finishing.commit and tag.version >= finishing.version


class _Reachable(msgspec.Struct, frozen=True):
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
        if tag.state is _HALF_DONE and project.git.first_reachable([tag.commit], seen.head) is not None
    ]
    return tuple(tag for tag in reversed(found) if pushed in {None, tag.name})


def _containing(project: Project, seen: RepositorySnapshot, *, wants_prerelease: bool) -> VersionTag | None:
    """The release of this branch that has the target already, though the target is not its commit; the lowest one."""
    if seen.target == seen.head:
        return None
    above = project.git.between(seen.target, seen.head)
    wanted = (tag for tag in reversed(seen.tags) if tag.state is not TagState.ABANDONED)
    return next((tag for tag in wanted if (tag.stable or wants_prerelease) and tag.commit in above), None)


def _newest(project: Project, seen: RepositorySnapshot) -> Version | None:
    """The highest stable version released on the branch, which alone may be `latest`."""
    newest = _Reachable(project, seen.head).first(
        tag for tag in seen.tags if tag.stable and tag.state is TagState.RELEASED
    )
    return newest.version if newest else None


def _owners(project: Project, branch: str, commits: list[Commit], *, aside: bool) -> dict[str, PullRequest]:
    """Which commit belongs to which pull request: by merge commit, and by the commits it had for a rebased one.

    What came from aside, behind a merge by hand, may have been merged into any branch.
    """
    if not commits:
        return {}
    wanted = {commit.sha for commit in commits}
    oldest = min(commit.committed_at for commit in commits)
    owners = project.remote.merged_pulls(branch, wanted, oldest)
    for commit in commits:
        number = domain.pull_number(commit)
        if commit.sha not in owners and number is not None:
            pull = project.remote.pull(number)
            if pull is not None and pull.merge_commit == commit.sha and (aside or pull.base == branch):
                owners[commit.sha] = pull
    suspects = domain.rebase_suspects(commits, owners)
    return owners | domain.rebased(commits, owners, project.remote.pull_messages(suspects))


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
