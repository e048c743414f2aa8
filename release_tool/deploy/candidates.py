"""Resolving a version to a commit, and naming commits."""

from __future__ import annotations

import dataclasses
import re
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.environment import deployed_branch
from release_tool.errors import PermissionDeniedError, RefusedError, RemoteError
from release_tool.history.commit_names import line_since, name_of_commit, newest_in
from release_tool.history.look import branch_snapshot, changes_between, line_of, main_branch, why_unreleased
from release_tool.history.marks import Marks, marks_of
from release_tool.history.references import Manifest, References, manifest_of, references_of, usable
from release_tool.history.trust import Ignored
from release_tool.model.tags import TagState
from release_tool.model.version import parse_tag, parse_version
from release_tool.sync.sync import TESTED
from release_tool.text.markers import is_withdrawn

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from release_tool.history.changes import Change
    from release_tool.history.look import RepositorySnapshot
    from release_tool.model.tags import VersionTag
    from release_tool.model.version import Version
    from release_tool.project import Project

FAR_BACK = 20
"""How many commits of the hosted branch are looked at for passed tests, from its head on."""
_HOSTED = "cloud."
_HASH = re.compile(r"[0-9a-f]{7,64}")


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that can be deployed, by its name; `tag` is that of the release in it, empty where it has none."""

    commit: str
    name: str
    tag: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionResolver:
    """What can be deployed: the deployed branch with its head, and every release, as they were `at` the time of a look.

    What follows from that alone is found out once. `marks` are those of commits that are known already.
    """

    project: Project
    branch: str
    head: str
    seen: RepositorySnapshot
    at: datetime
    marks: dict[str, Marks] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    _named: dict[str, Revision] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)
    _changes: dict[tuple[str, str], tuple[Change, ...]] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _standing: dict[str, bool] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def hosted(self) -> bool:
        """Whether there is a hosted branch, so that only tested commits are deployed."""
        return self.project.config.sync is not None

    def find(self, text: str) -> Revision:
        """The commit that a person means by `1.3.0`, `v1.3.0`, `1.3.0+cloud.2` or a hash; raises RefusedError.

        A release of a maintenance branch is a name like any other, and stands for the commit of its tag.
        """
        version = parse_tag(text, self.project.config.tag_prefix) or parse_version(text)
        commit = self._of_version(version) if version else self._of_hash(text)
        if commit is None:
            why = self._why_not(version) if version else ""
            raise RefusedError(
                f"no commit of `{self.branch}` is called {text}" + (f": {why}" if why else ""),
                during="finding what is to be deployed",
                already="nothing was changed",
                todo="see `release-tool status` for what is there",
            )
        return self.named(commit)

    def named(self, commit: str) -> Revision:
        """A commit with its name; one that is not here has no better one than its hash."""
        if commit not in self._named and not self.project.git.has_commit(commit):
            return Revision(commit=commit, name=commit[:10], tag="")
        if commit not in self._named:
            tag = newest_in(self.project, self.seen.tags, commit)
            name = name_of_commit(self.project, self.seen.tags, commit)
            self._named[commit] = Revision(commit=commit, name=name, tag=tag.name if tag else "")
        return self._named[commit]

    def changes(self, older: str, newer: str) -> tuple[Change, ...]:
        """The changes that the release in one commit brings to those in another, on its branch.

        There are none where the older one is not here.
        """
        if not self.project.git.obtain(older):
            return ()
        first, last = self.named(older).tag, self.named(newer).tag
        if not first or not last or first == last:
            return ()
        if (first, last) not in self._changes:
            tags = {tag.name: tag.commit for tag in self.seen.tags}
            line = line_of(self.project, self.seen, tags[last]) or self.seen.branch
            seen = msgspec.structs.replace(self.seen, branch=line)
            self._changes[first, last] = changes_between(self.project, seen, tags[first], tags[last])
        return self._changes[first, last]

    def newest(self) -> Revision | None:
        """The newest commit that may be deployed by itself; None where there is none."""
        if not self.hosted:
            withdrawn = self.withdrawn()
            good = (tag for tag in self.seen.tags if self._is_carried(tag) and str(tag.version) not in withdrawn)
            tag = next(good, None)
            return self.named(tag.commit) if tag else None
        line = self.project.git.first_parent_log(self.project.git.resolve(f"{self.head}~{FAR_BACK}"), self.head)
        tested = next((landed.sha for landed in line if self.is_tested(landed.sha)), None)
        return self.named(tested) if tested else None

    def are_apart(self, one: str, other: str) -> bool:
        """Whether neither of two commits contains the other, and one is a release beside the deployed branch."""
        git = self.project.git
        if git.is_ancestor(one, other) or git.is_ancestor(other, one):
            return False
        return any(tag.commit in {one, other} and self._is_beside(tag) for tag in self.seen.tags)

    def is_tested(self, commit: str) -> bool:
        """Whether the tests of the hosted branch passed on just this commit; without that branch nothing is asked."""
        if not self.hosted:
            return True
        return self._marks_of(commit).is_set(TESTED)

    def references(self, revision: Revision, proven: dict[str, str] | None = None) -> References:
        """What was built of a commit besides files; `proven` is what the ledger says of a rollback target.

        The manifest of its release takes precedence. A rollback proceeds without one that can't be read at the moment.
        """
        manifest = self._manifest_of(revision, insist=proven is None)
        marks = Marks({}) if proven is not None else self._marks_of(revision.commit)
        unread = (manifest,) if isinstance(manifest, Ignored) else ()
        verified = manifest if isinstance(manifest, Manifest) else None
        if proven is not None and verified is None:
            found = usable(proven, revision.commit)
        else:
            found = references_of(revision.commit, marks, verified)
        return References(found.known, (*marks.ignored, *unread, *found.ignored))

    def _manifest_of(self, revision: Revision, *, insist: bool) -> Manifest | Ignored | None:
        released = (
            tag.name for tag in self.seen.tags if tag.commit == revision.commit and tag.state is TagState.RELEASED
        )
        tag = next(released, None)
        if insist:
            return self._read_manifest(tag, revision.commit) if tag else None
        try:
            with self.project.remote.impatient():  # a rollback does not wait for it
                return self._read_manifest(tag, revision.commit) if tag else None
        except (RemoteError, PermissionDeniedError):
            return None

    def _read_manifest(self, tag: str, commit: str) -> Manifest | Ignored | None:
        listed = (release for release in self.seen.releases if release.tag == tag and not release.draft)
        release = next(listed, None)
        if release is None and len(self.seen.releases) == 100:  # noqa: PLR2004 - as many as one look shows
            release = self.project.remote.release_by_tag(tag)
        return manifest_of(self.project, release, commit) if release else None

    def _marks_of(self, commit: str) -> Marks:
        if commit not in self.marks:
            self.marks[commit] = marks_of(self.project, commit)
        return self.marks[commit]

    def withdrawn(self) -> frozenset[str]:
        """The names of the releases that were withdrawn."""
        bad = {release.tag for release in self.seen.releases if not release.draft and is_withdrawn(release.body)}
        return frozenset(str(tag.version) for tag in self.seen.tags if tag.name in bad)

    def gone(self, commits: Collection[str]) -> frozenset[str]:
        """Which of some commits are in neither the deployed branch nor a release, so that nothing of them is run.

        That a commit exists proves nothing: those of pull requests do, too, of forks as well. But it may vanish.
        """
        if unknown := {commit for commit in commits if commit not in self._standing}:
            outside = self.project.git.outside(unknown - self._released, self.head)
            self._standing.update((commit, commit not in outside) for commit in unknown)
        standing = {commit for commit in commits if self._standing[commit]}
        vanished = standing - self.project.git.present(standing)
        return frozenset(commits) - standing | {one for one in vanished if not self.project.git.obtain(one)}

    @cached_property
    def _released(self) -> frozenset[str]:
        return frozenset(tag.commit for tag in self.seen.tags if tag.state is TagState.RELEASED)

    def insist_standing(self, commit: str) -> None:
        """Raise RefusedError for a commit that nothing may be run of."""
        if self.gone([commit]):
            raise RefusedError(
                f"{commit[:10]} is in neither `{self.branch}` nor a release, so nothing of it is run",
                during="checking out what was deployed",
                already="nothing was run",
                todo="deploy a version that `release-tool status` names",
            )

    def _of_version(self, version: Version) -> str | None:
        tag, suffix = self._tag_of(version), version.build or ""
        if tag is None or why_unreleased(self.project, self.seen, tag):
            return None
        if suffix and not (self.hosted and suffix.startswith(_HOSTED)):
            return None
        named = self._on_hosted(tag, str(version)) if self.hosted else None
        if named is None and not suffix and not (self.hosted and self._is_carried(tag)):
            return tag.commit
        return named

    def _of_hash(self, text: str) -> str | None:
        if not _HASH.fullmatch(text):
            return None
        commit = self.project.git.resolve(text) or (text if self.project.git.obtain(text) else None)
        if commit is None:
            return None
        if self.hosted and self.project.git.first_reachable([commit], self.head) is not None:
            return commit
        # What is not on a hosted branch was never built and tested, unless it is a release that is not carried there.
        tags = (tag for tag in self.seen.tags if tag.commit == commit and not (self.hosted and self._is_carried(tag)))
        return commit if any(not why_unreleased(self.project, self.seen, tag) for tag in tags) else None

    def _on_hosted(self, tag: VersionTag, name: str) -> str | None:
        """The newest commit of the hosted branch that has just this name."""
        line = line_since(self.project, tag.commit, self.head)
        return next((sha for sha in line if name_of_commit(self.project, self.seen.tags, sha) == name), None)

    def _tag_of(self, version: Version) -> VersionTag | None:
        core = msgspec.structs.replace(version, build=None)
        return next((tag for tag in self.seen.tags if tag.version == core), None)

    def _why_not(self, version: Version) -> str:
        """Why the tag of a version names no commit that can be deployed; empty where there is no more to say."""
        tag = self._tag_of(version)
        if tag is None:
            return ""
        if why := why_unreleased(self.project, self.seen, tag):
            return f"{tag.name} {why}"
        carried = self.hosted and self.project.git.first_reachable([tag.commit], self.head) is None
        return f"{tag.name} was not carried there yet" if carried else ""

    def _is_beside(self, tag: VersionTag) -> bool:
        released = tag.stable and tag.state is TagState.RELEASED
        return released and self.project.git.first_reachable([tag.commit], self.head) is None

    def _is_carried(self, tag: VersionTag) -> bool:
        """Whether a tag is a stable release of the main branch: those are deployed by themselves."""
        released = tag.stable and tag.state is TagState.RELEASED
        return released and self.project.git.first_reachable([tag.commit], self.seen.head) is not None


def resolve_revisions(project: Project) -> RevisionResolver:
    """See what can be deployed; raises RefusedError where the branch that is deployed does not exist."""
    at = project.clock.steady()
    seen = branch_snapshot(project, main_branch(project))
    branch = deployed_branch(project)
    head = seen.head if seen and branch == seen.branch else project.git.fetch_branch(branch)
    if seen is None or head is None:
        raise RefusedError(
            f"there is no branch `{branch if seen else main_branch(project)}` on GitHub",
            during="finding what can be deployed",
            already="nothing was changed",
            todo="carry a release into it with `release-tool sync`" if seen else "push it",
        )
    return RevisionResolver(project=project, branch=branch, head=head, seen=seen, at=at)
