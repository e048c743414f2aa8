"""The git repository on this machine, read through the git program; nothing of it is ever written but objects."""

from __future__ import annotations

import functools
import itertools
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import BugError, RemoteError, UsageError
from release_tool.git.program import GitProgram, safe, without_credentials
from release_tool.model.commits import Commit, author_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from release_tool.system.patience import Patience

_USUAL_URL = re.compile(r"https://([A-Za-z0-9.-]+(?::[0-9]+)?)/([\w.-]+)/([\w.-]+?)(?:\.git)?/?", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HEAD = re.compile(r"ref: refs/heads/(?P<branch>(?!\.)[^\s]+)\n|[0-9a-f]{40,64}\n")
"""The file that says what is checked out, where refs are kept in files; elsewhere it names a branch with a dot."""
_WEB_URL = r"(?i)(?:https?|ssh|git)://.+"
_SCP_URL = r"(?:[^@/\s]+@)?([^:/\s]+):(?!//)(.+)"
_FETCHED = re.compile(r"([^\t]+)\t(.*) \(fetch\)(?: \[.*\])?")
_SIGNATURE = r"(?m)^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----$"

_SECONDS = re.compile(r"[0-9]{1,20}")
_LATEST = 253_402_214_400
"""The last day of the year 9999, after which Python knows no time."""
_TAGGED = rb"(?m)^tagger .*> (\d{1,11}) [+-]\d{4}$"

_COMMITTED = rb"(?m)^committer .*> (\d{1,20}) [+-]\d{4}$"
_COMMIT_FORMAT = "--format=%H%n%P%n%an%n%ae%n%ct%n%at%n%ce%n%B"
_LINES_ABOVE = 7
"""The lines before the message, which can't hold the end of one: git takes it out of a name."""
_LONGEST_MESSAGE = 256 * 1024
_ONLY_OBJECTS = (
    "--quiet",
    "--no-tags",
    "--no-prune",
    "--no-auto-gc",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--refmap=",
)
_DEEPENINGS = (50, 200, 800, 3200, 12800)
_FATAL = 128
"""The code with which git ends when it can't do what it was asked."""
_LIKELY = 2
"""How many commits are asked about one by one before the history is walked."""
_AT_ONCE, _GROWING = 16, 4
"""How many are asked about in the first walk, and how many times as many in each one after it."""


_ABSENT = "000000"
"""The mode of what is not there."""


class TagRef(msgspec.Struct, frozen=True):
    """Where a tag points: the object it names, and what is left when annotations are peeled off it."""

    object: str
    commit: str

    @property
    def annotated(self) -> bool:
        """Whether the tag has an object of its own, with a message."""
        return self.object != self.commit


class RemoteRefs(msgspec.Struct, frozen=True):
    """What a remote had at one moment: the tip of every branch, and where every tag points, by name."""

    branches: dict[str, str]
    tags: dict[str, TagRef]


class TagMessage(msgspec.Struct, frozen=True):
    """What an annotated tag says, and when it was made; the beginning of 1970 where it does not tell."""

    text: str
    tagged_at: datetime


class RawChange(msgspec.Struct, frozen=True):
    """One path that differs between two trees."""

    path: bytes
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str

    @property
    def adds(self) -> bool:
        """Whether the path is only in the second tree."""
        return self.old_mode == _ABSENT

    @property
    def deletes(self) -> bool:
        """Whether the path is only in the first tree."""
        return self.new_mode == _ABSENT

    def reversed(self) -> RawChange:
        """The change that takes this one back."""
        return RawChange(self.path, self.new_mode, self.old_mode, self.new_blob, self.old_blob)


class Git:
    """A git repository, bound to a directory in it; works in worktrees, bare, detached and in subdirectories.

    `remote` is the name or the URL of the remote that its methods look at and fetch from.
    """

    def __init__(
        self,
        directory: Path,
        *,
        token: str | None = None,
        server_url: str = "https://github.com",
        remote: str = "origin",
        patience: Patience | None = None,
    ) -> None:
        self.remote = remote
        self.program = GitProgram(directory, token=token, server_url=server_url, patience=patience)
        self._ancestry: dict[tuple[str, str], bool] = {}

    @classmethod
    def find(
        cls,
        cwd: Path,
        *,
        token: str | None = None,
        server_url: str = "https://github.com",
        remote: str = "origin",
        patience: Patience | None = None,
    ) -> Git:
        """Find the repository that `cwd` is in; the token goes to that server only, and never into an argv.

        Raises UsageError where there is none.
        """
        git = cls(cwd, token=token, server_url=server_url, remote=remote, patience=patience)
        try:
            _ = git.root
        except RemoteError as error:
            raise UsageError(
                f"no git repository can be read in {cwd}: {error.message}",
                todo="run this inside a clone of the repository",
            ) from error
        return git

    def reached(self, *, token: str | None, server_url: str, remote: str, patience: Patience) -> Git:
        """The same repository, reached in another way."""
        other = Git(self.program.directory, token=token, server_url=server_url, remote=remote, patience=patience)
        other.program.layout = self.program.layout
        return other

    def impatient(self) -> AbstractContextManager[None]:
        """Ask the remote once, and wait for nothing, while something else must not be kept waiting."""
        return self.program.impatient()

    @property
    def root(self) -> Path:
        """The top of the working tree, or the repository itself where it is bare."""
        return self.program.layout.top or self.program.layout.directory

    @property
    def is_bare(self) -> bool:
        """Whether there is no working tree, only the repository itself."""
        return not (self.root / ".git").exists()

    def borrowed(self, objects: Path) -> Git:
        """The same repository, of which nothing is changed: what is fetched goes into a new directory of objects.

        That directory borrows all the others from here, so it can stand in for them in any other repository.
        """
        (objects / "info").mkdir(parents=True)
        (objects / "info" / "alternates").write_bytes(os.fsencode(self.program.layout.objects) + b"\n")
        import copy  # only a rehearsal borrows

        apart = copy.copy(self)
        apart.program = self.program.writing_into(objects)
        apart._ancestry = {}  # noqa: SLF001 - another one of us
        return apart

    # Names and remotes

    def remote_url(self) -> str | None:
        """The URL of the remote without the credentials that may stand in it, or None where there is no such remote."""
        url = self._remotes().get(self.remote)
        return without_credentials(url) if url else None

    def remote_named(self, repository: str) -> str | None:
        """The name of the remote that is a repository, `owner/name`, whatever the person called it."""
        found = ((name, parse_remote(url)) for name, url in self._remotes().items())
        return next((name for name, parsed in found if parsed and parsed[1].casefold() == repository.casefold()), None)

    def _remotes(self) -> dict[str, str]:
        """The URL that git fetches from, of every remote by name."""
        lines = map(_FETCHED.fullmatch, self.program.run("remote", "--verbose").text.splitlines())
        return {line[1]: line[2] for line in lines if line}

    # Commits and branches

    def head(self) -> str:
        """The commit that is checked out; raises UsageError where there is none yet."""
        found = next(self.program.read_here(["HEAD^{commit}"]))
        if found is None:
            raise UsageError("the repository has no commit yet", todo="commit something first")
        return found.sha

    def resolve(self, ref: str) -> str | None:
        """The commit that a tag, branch or (short) hash names, or None where there is none."""
        found = next(self.program.read([f"{safe(ref)}^{{commit}}"]))
        return found.sha if found else None

    def current_branch(self) -> str | None:
        """The branch that is checked out, or None where the head is detached."""
        head = self.program.layout.directory / "HEAD"
        found = _HEAD.fullmatch(head.read_text(errors="replace")) if head.is_file() and not head.is_symlink() else None
        if found:
            return found["branch"]
        done = self.program.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
        return done.text.strip().removeprefix("refs/heads/") if done.code == 0 else None

    def has_branch(self, name: str) -> bool:
        """Whether there is a branch of that name, here or as last fetched from the remote."""
        return any(name == branch for branch, _ in self._branches)

    def branches(self) -> dict[str, str]:
        """The tip of every branch, by name: of the one here and the one last fetched that which contains the other.

        Where neither does it is the one last fetched, which is the remote's.
        """
        tips: dict[str, str] = {}
        for name, tip in self._branches:
            here = tips.setdefault(name, tip)
            if here != tip and not self.is_ancestor(tip, here):
                tips[name] = tip
        return tips

    def default_branch(self) -> str | None:
        """The branch that the remote named as its default when it was cloned, or None where that isn't known."""
        prefix = f"refs/remotes/{self.remote}/"
        done = self.program.run("symbolic-ref", "--quiet", f"{prefix}HEAD", ok=(0, 1, 128))  # 128: the remote is a URL
        return done.text.strip().removeprefix(prefix) if done.code == 0 else None

    def tips(self, wanted: Callable[[str], bool]) -> dict[str, tuple[str, ...]]:
        """The tips of the branches that are wanted, here and as last fetched from the remote, by name."""
        found: dict[str, tuple[str, ...]] = {}
        for name, tip in self._branches:
            if wanted(name):
                found[name] = (*found.get(name, ()), tip)
        return found

    def branches_containing(self, sha: str, wanted: Callable[[str], bool]) -> set[str]:
        """The names of the branches, here or as last fetched from the remote, that are wanted and contain a commit."""
        tips = self.tips(wanted)
        others = {tip for of_one in tips.values() for tip in of_one if tip != sha}
        containing = {sha, *self._containing(sha, others)} if others else {sha}
        return {name for name, of_one in tips.items() if not containing.isdisjoint(of_one)}

    def between(self, sha: str, head: str) -> set[str]:
        """The commits that are contained in `head` and contain another commit, without that one itself."""
        options = ("--ancestry-path", safe(head), f"^{safe(sha)}")
        return set(self.program.run("rev-list", *options, "--").text.splitlines())

    def _containing(self, sha: str, tips: Collection[str]) -> set[str]:
        """The commits that contain another one, as one walk from some tips down to it meets them."""
        lines = self._parents(tips, [f"{sha}^@"], "--topo-order")
        containing = {sha}
        for commit, parents in reversed(lines):
            if not containing.isdisjoint(parents):
                containing.add(commit)
        return containing

    def _parents(
        self, tips: Collection[str], without: Iterable[str], *options: str
    ) -> list[tuple[str, tuple[str, ...]]]:
        """The commits that some tips contain and others do not, each with its parents."""
        asked = self.program.run("rev-list", *options, "--parents", "--stdin", stdin=_beside(tips, without))
        return [(commit, tuple(parents)) for commit, *parents in map(str.split, asked.text.splitlines())]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether a commit is contained in another one; raises RemoteError when one of them is not here."""
        known = self._known(ancestor, descendant)
        if known is not None:
            return known
        done = self.program.run("merge-base", "--is-ancestor", safe(ancestor), safe(descendant), ok=(0, 1))
        return self._remember(ancestor, descendant, contained=done.code == 0)

    def merge_base(self, one: str, other: str, *more: str) -> str | None:
        """The newest commit that some others contain, one of them where there are several; None where there is none."""
        options = ("--octopus",) if more else ()
        done = self.program.run("merge-base", *options, *map(safe, (one, other, *more)), ok=(0, 1))
        return done.text.strip() or None

    def has_commit(self, sha: str) -> bool:
        """Whether a commit is here, as a whole hash names it."""
        return sha in self.present([sha])

    def present(self, shas: Collection[str]) -> set[str]:
        """Those of the hashes that are commits and are here; nothing is fetched to find out."""
        return {thing.sha for thing in self.program.read_here(shas) if thing and thing.kind == "commit"}

    # Tags

    def tags(self) -> dict[str, TagRef]:
        """Every tag that is here, by name; one that was put on a tree or a file is on no commit's history.

        The branches are seen in the same look.
        """
        listing = self.program.run("show-ref", "--dereference", ok=(0, 1)).text
        self._branches = self._branches_in(listing)
        return _tag_refs(listing, " ")

    def remote_tags(self) -> dict[str, TagRef]:
        """Every tag of the remote, by name; raises RemoteError when it does not answer."""
        return self.remote_refs().tags

    def remote_refs(self) -> RemoteRefs:
        """The branches and tags of the remote, of one moment; raises RemoteError when it lists none at all."""
        listing = self.program.refs(self.remote)
        return RemoteRefs(branches=branch_tips(listing), tags=_tag_refs(listing, "\t"))

    def fetch_tags(self, names: Collection[str]) -> None:
        """Fetch the objects of some of the remote's tags without writing any ref.

        In a shallow clone this brings all the history below them, so deepen it first.
        """
        if names:
            self._fetch(*(f"refs/tags/{name}" for name in names))

    def tags_containing(self, sha: str) -> set[str]:
        """The names of the tags that are here and contain a commit."""
        options = ("--format=%(refname:strip=2)", "--contains", safe(sha))
        return set(self.program.run("for-each-ref", *options, "refs/tags").text.splitlines())

    def first_reachable(self, commits: Iterable[str], target: str) -> int | None:
        """The place of the first of some commits that is contained in `target`, or None; commits not here are not.

        Meant for commits of which the first are likely: the others are asked for in groups that grow, and each group
        costs a walk down to where it left the history of `target`.
        """
        left = iter(commits)
        for place, commit in enumerate(itertools.islice(left, _LIKELY)):
            if self._is_contained(commit, target):
                return place
        begin, size = _LIKELY, _AT_ONCE
        while some := list(itertools.islice(left, size)):
            outside = self._outside(some, target)
            if found := [place for place, commit in enumerate(some, begin) if commit not in outside]:
                return found[0]
            begin, size = begin + size, _GROWING * size
        return None

    def outside(self, commits: Collection[str], target: str) -> frozenset[str]:
        """Those of some commits that `target` does not contain; a shallow clone is deepened until that is sure."""
        asked = [commit for commit in commits if not self._known(commit, target)]
        found = self._walked_outside(asked, target) if asked else frozenset()
        if found and self.is_shallow():
            self.deepen_until(lambda: not self._walked_outside(found, target))
            found = self._walked_outside(found, target)
        return found

    def within(self, commits: Collection[str], target: str) -> frozenset[str]:
        """Those of some commits that `target` contains, as far as this clone knows; nothing is fetched to find out."""
        return frozenset(commits) - self._outside(commits, target)

    def tag_message(self, tag: str) -> TagMessage | None:
        """The message of a tag, named or as the hash of its object, without its signature; None if not annotated."""
        return self.tag_messages([tag]).get(tag)

    def tag_messages(self, tags: Iterable[str]) -> dict[str, TagMessage]:
        """The messages of those tags (names, or hashes of tag objects) that are here and annotated."""
        tags = list(tags)
        names = [tag if _SHA.fullmatch(tag) else f"refs/tags/{tag}" for tag in tags]
        found = zip(tags, self.program.read(names), strict=True)
        return {tag: _message(thing.content) for tag, thing in found if thing and thing.kind == "tag"}

    # History

    def first_parent_log(self, base: str | None, target: str) -> list[Commit]:
        """The commits of `target`'s first-parent line that `base` does not contain, newest first."""
        return [] if base == target else list(self._log("--first-parent", *_range(base, target)))

    def places(self, commits: Collection[str], target: str) -> dict[str, int]:
        """Where those of some commits that `target` contains stand in its history, the newest first."""
        wanted = {commit.encode() for commit in commits}
        walked = enumerate(self.program.stream("rev-list", safe(target), "--"))
        return {sha.decode(): place for place, sha in walked if sha in wanted}

    def new_commits(self, base: str | None, target: str) -> list[Commit]:
        """The commits that `target` contains and `base` does not, children before their parents."""
        return [] if base == target else list(self._log("--topo-order", *_range(base, target)))

    def parents_beside(self, tips: Collection[str], without: Collection[str], since: int) -> dict[str, tuple[str, ...]]:
        """The commits since a time that some tips contain and others do not, with their parents.

        Tips that are not here contain none.
        """
        read = self.program.read_here(set(tips).difference(without))
        newer = [tip.sha for tip in read if tip and tip.kind == "commit" and _committed(tip.content) >= since]
        return dict(self._parents(newer, without, f"--max-age={max(since, 0)}")) if newer else {}

    def history(self, tips: Collection[str], base: str | None) -> dict[str, Commit]:
        """The commits that some others contain, themselves included, and `base` does not, by hash."""
        if not tips:
            return {}
        below = [] if base is None else [f"^{safe(base)}"]
        return {commit.sha: commit for commit in self._log(*map(safe, tips), *below)}

    def commit(self, ref: str) -> Commit | None:
        """One commit, or None where there is none of that name."""
        sha = self.resolve(ref)
        return next(self._log("--max-count=1", sha)) if sha else None

    def commit_dates(self, shas: Collection[str]) -> dict[str, int]:
        """When some commits were committed, in seconds since the epoch; raises RemoteError when one is not here."""
        options = ("--stdin", "--no-walk=unsorted", "--no-commit-header", "--format=%H %ct")
        lines = self.program.run("rev-list", *options, stdin=_asked(shas)).text.splitlines() if shas else []
        return {sha: _date(date) for sha, _, date in (line.partition(" ") for line in lines)}

    def find_commit_by_message(self, text: str, until: str) -> Commit | None:
        """The newest commit of the first-parent line of `until` with one line that contains `text`, or None."""
        if not text or "\n" in text:
            raise BugError("a message is searched for a part of one line")
        found = self._log("--first-parent", "--max-count=1", "--fixed-strings", f"--grep={text}", safe(until))
        return next(found, None)

    def files(self) -> tuple[str, ...]:
        """The paths of the working tree's files from its top, wherever one stands; those that git ignores left out."""
        options = ("-z", "--cached", "--others", "--exclude-standard", "--full-name")
        listed = self.program.run("ls-files", *options, "--", ":/").stdout
        return tuple(sorted({path.decode(errors="replace") for path in listed.split(b"\0") if path}))

    def files_in(self, ref: str, folder: str) -> tuple[str, ...]:
        """The paths of a commit's files in a folder, not in those below it; none where there is no such folder."""
        listed = self.program.run("ls-tree", "-z", "--name-only", safe(ref), "--", f"{folder}/", ok=range(256)).stdout
        return tuple(path.decode(errors="replace") for path in listed.split(b"\0") if path)

    def file(self, ref: str, path: str) -> bytes | None:
        """What a file holds in a commit, or None where it is not there."""
        found = next(self.program.read([f"{safe(ref)}:{path}"]))
        return found.content if found and found.kind == "blob" else None

    # Changes

    def raw_changes(self, before: str | None, after: str) -> frozenset[RawChange]:
        """The paths that differ between two commits, with their modes and blobs; None stands for nothing at all."""
        options = ("--raw", "-z", "--no-renames", "--no-abbrev", "-r")
        pieces = self.program.run("diff-tree", *options, self._tree(before), self._tree(after)).stdout.split(b"\0")
        return frozenset(map(_raw_change, pieces[:-1:2], pieces[1::2]))

    def files_between(self, before: str, after: str) -> tuple[str, ...]:
        """The paths that differ between two commits, in order; a renamed file is told by both of its names."""
        return tuple(sorted(change.path.decode(errors="replace") for change in self.raw_changes(before, after)))

    def tree_of(self, ref: str) -> str:
        """The hash of a commit's tree: what two commits with the same content have in common."""
        return self.program.line("rev-parse", "--verify", "--quiet", f"{safe(ref)}^{{tree}}")

    def small_blobs(self, shas: Collection[str], largest: int) -> dict[str, bytes]:
        """The contents of files by their hashes, but of none that has more bytes than `largest`."""
        if not shas:
            return {}
        sizes = self.program.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=_asked(shas)).text
        small = [sha for sha, _, size in (line.partition(" ") for line in sizes.splitlines()) if int(size) <= largest]
        return {thing.sha: thing.content for thing in self.program.read(small) if thing}

    def patch_id(self, before: str | None, after: str | None) -> str | None:
        """A hash of what leads from one commit to another, whatever the lines around it are numbered.

        None where nothing changes, and where a binary file does: its change has no lines to compare.
        """
        options = ("--patch", "-r", "--unified=3", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short")
        return _patch_id(self.program.stream("diff-tree", *options, *prefixes, self._tree(before), self._tree(after)))

    def same_change_reversed(self, original: tuple[str | None, str], revert: tuple[str | None, str]) -> bool:
        """Whether a revert takes back exactly what the original did; each is given as (parent, commit)."""
        done, undone = self.raw_changes(*original), self.raw_changes(*revert)
        if not done or {change.path for change in done} != {change.path for change in undone}:
            return False
        if {change.reversed() for change in done} == undone:
            return True
        parent, sha = original
        backwards = self.patch_id(sha, parent)
        return backwards is not None and backwards == self.patch_id(*revert)

    # Clones that lack something

    def is_partial(self) -> bool:
        """Whether the clone lacks files, which are fetched only when they are needed."""
        pattern = r"^(extensions\.partialclone|remote\..*\.promisor)$"
        return self.program.run("config", "--get-regexp", pattern, ok=(0, 1)).code == 0

    def is_shallow(self) -> bool:
        """Whether the clone lacks the beginning of its history."""
        return self.program.layout.shallow.exists()

    def deepen(self, by: int) -> None:
        """Fetch that many more generations of a shallow clone's history."""
        self._fetch_history(f"--deepen={by}")

    def unshallow(self) -> None:
        """Fetch all of the history that a shallow clone lacks."""
        self._fetch_history("--unshallow")

    def deepen_until(self, enough: Callable[[], bool]) -> None:
        """Deepen a shallow clone in growing steps until there is enough, or all of it is here.

        Raises RemoteError when there is no remote, or it does not answer.
        """
        for by in _DEEPENINGS:
            if not self.is_shallow() or enough():
                return
            self.deepen(by)
        if self.is_shallow() and not enough():
            self.unshallow()

    def fetch_branch(self, branch: str) -> str | None:
        """The commit that a branch of the remote is at now, fetched if it is not here; None if there is none.

        That there is none is believed when it was listed twice.
        """
        sha = self.remote_refs().branches.get(branch) or self.remote_refs().branches.get(branch)
        if sha is not None:
            self.fetch_commit(sha)
        return sha

    def fetch_commit(self, sha: str) -> None:
        """Fetch a commit with its history, if it is not here."""
        if not self.has_commit(sha):
            self._fetch(sha)

    def fetch_commits(self, shas: Collection[str]) -> None:
        """Fetch those of some commits that are not here, with their histories."""
        if missing := sorted(set(shas) - self.present(shas)):
            self._fetch(*missing)

    def obtain(self, sha: str) -> bool:
        """Whether a commit, named by its whole hash, is here, fetched if it has to be; raises RemoteError."""
        if self.has_commit(sha) or not _SHA.fullmatch(sha):
            return self.has_commit(sha)
        try:
            self._fetch(sha)
        except RemoteError:
            self.program.refs(self.remote)  # fails, too, where nothing answers
            return False
        return True

    # How git is called

    def _log(self, *args: str) -> Iterator[Commit]:
        options = ("-z", _COMMIT_FORMAT, "--no-patch", "--no-notes", "--no-decorate")
        return map(_commit, self.program.stream("log", *options, *args, "--", separator=b"\0", keep=_LONGEST_MESSAGE))

    def _fetch(self, *wants: str, options: Sequence[str] = ()) -> None:
        """Fetch objects, and change no ref, whatever the remote's configuration says."""
        try:
            self.program.remote("fetch", *_ONLY_OBJECTS, *options, self.remote, *wants)
        finally:  # a shallow clone may have more history now
            self.program.read_anew()
            self._ancestry = {pair: contained for pair, contained in self._ancestry.items() if contained}

    def _fetch_history(self, option: str) -> None:
        try:
            self._fetch(*self._boundary(), options=(option,))
        except RemoteError as error:
            raise RemoteError(
                f"this clone is shallow, and more of its history can't be fetched: {error.message}",
                during=error.during,
                todo="run `git fetch --unshallow`, or check out with `fetch-depth: 0`",
            ) from error

    # Smaller questions

    @functools.cached_property
    def _empty_tree(self) -> str:
        """The tree without any file; its hash depends on the format of the repository."""
        return self.program.line("hash-object", "-t", "tree", "--stdin")

    def _tree(self, commit: str | None) -> str:
        return self._empty_tree if commit is None else safe(commit)

    @functools.cached_property
    def _branches(self) -> list[tuple[str, str]]:
        """The names and tips of the local branches and of the remote's as last fetched."""
        prefixes = ("refs/heads/", f"refs/remotes/{self.remote}/")
        return self._branches_in(self.program.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes).text)

    def _branches_in(self, listing: str) -> list[tuple[str, str]]:
        prefixes = ("refs/heads/", f"refs/remotes/{self.remote}/")
        before_tags = listing.partition(" refs/tags/")[0]  # git tells refs in the order of their names
        return [
            (ref.removeprefix(prefix), tip)
            for tip, _, ref in (line.partition(" ") for line in before_tags.splitlines())
            for prefix in prefixes
            if ref.startswith(prefix) and ref != f"refs/remotes/{self.remote}/HEAD"
        ]

    def _boundary(self) -> list[str]:
        """The commits at which a shallow clone's history ends: what a remote that we came from surely knows."""
        path = self.program.layout.shallow
        return path.read_text().split() if path.exists() else []

    def _is_contained(self, commit: str, target: str) -> bool:
        """Whether a commit is contained in `target`; one that is not here is not, and none is fetched to find out."""
        known = self._known(commit, target)
        if known is not None:
            return known
        asked = ("merge-base", "--is-ancestor", safe(commit), safe(target))
        done = self.program.run_here(*asked, ok=(0, 1, _FATAL))
        if done.code == _FATAL:
            return self.has_commit(commit) and self.is_ancestor(commit, target)
        return self._remember(commit, target, contained=done.code == 0)

    def _known(self, ancestor: str, descendant: str) -> bool | None:
        """Whether a commit is contained in another one, as far as that is known without a walk."""
        if ancestor == descendant and _SHA.fullmatch(ancestor) and self.has_commit(ancestor):
            return True
        return self._ancestry.get((ancestor, descendant))

    def _remember(self, ancestor: str, descendant: str, *, contained: bool) -> bool:
        """Note what stays true of two hashes until something is fetched: a commit's history does not change."""
        if _SHA.fullmatch(ancestor) and _SHA.fullmatch(descendant):
            self._ancestry[ancestor, descendant] = contained
        return contained

    def _outside(self, commits: Collection[str], target: str) -> frozenset[str]:
        """Those of some commits that `target` does not contain, or that are not here."""
        known = {commit: self._known(commit, target) for commit in commits}
        without = frozenset(commit for commit, contained in known.items() if contained is False)
        asked = [commit for commit, contained in known.items() if contained is None]
        return without | self._walked_outside(asked, target) if asked else without

    def _walked_outside(self, commits: Collection[str], target: str) -> frozenset[str]:
        """Those that are not here, or that a walk meets before it comes into the history of `target`."""
        asked = {commit for commit in commits if _SHA.fullmatch(commit)}
        stdin = _beside(asked, [target])
        walked = self.program.run_here("rev-list", "--ignore-missing", "--stdin", stdin=stdin) if asked else None
        met = asked.intersection(walked.text.splitlines()) if walked else set()
        here = met | (self.present(asked - met) if asked - met else set())
        for commit in here:
            self._remember(commit, target, contained=commit not in met)
        return frozenset(commits) - (here - met)


def parse_remote(url: str) -> tuple[str, str] | None:
    """Read the host and `owner/name` out of the URL of a remote: https, ssh or scp-like, with `.git` or without."""
    if usual := _USUAL_URL.fullmatch(url):
        return usual[1].lower(), f"{usual[2]}/{usual[3]}"
    if re.fullmatch(_WEB_URL, url):
        from urllib.parse import urlsplit  # takes longer to load than most of us

        parts = urlsplit(url)
        with_port = parts.scheme.lower().startswith("http")
        host, path = (parts.netloc.rpartition("@")[2] if with_port else parts.hostname or ""), parts.path
    elif scp := re.fullmatch(_SCP_URL, url):
        host, path = scp.groups()
    else:
        return None
    names = path.strip("/").removesuffix(".git").split("/")
    return (host.lower(), "/".join(names)) if host and len(names) == 2 and all(names) else None  # noqa: PLR2004 - o/n


def _range(base: str | None, target: str) -> list[str]:
    return [safe(target)] if base is None else [safe(target), f"^{safe(base)}"]


def _commit(record: bytes) -> Commit:
    sha, parents, name, mail, time, authored, committer, message = record.decode(errors="replace").split(
        "\n", _LINES_ABOVE
    )
    return Commit(
        sys.intern(sha),
        tuple(map(sys.intern, parents.split())),
        author_of(name, mail),
        _date(time),
        message.rstrip("\n"),
        int(authored),
        sys.intern(committer),
    )


def _date(text: str) -> int:
    """When something was committed, in seconds since the epoch; a clock may have said anything, and is bounded."""
    return min(int(text), _LATEST) if _SECONDS.fullmatch(text) else 0


def _committed(commit: bytes) -> int:
    """When a commit was committed, by its own headers."""
    found = re.search(_COMMITTED, commit)
    return _date(found[1].decode()) if found else 0


def _tag_refs(listing: str, between: str) -> dict[str, TagRef]:
    """Read lines of a hash and a ref; a name with `^{}` behind, which follows it, stands for what a tag is put on."""
    refs: dict[str, TagRef] = {}
    for sha, name in re.findall(rf"(?m)^([0-9a-f]+){between}refs/tags/(.+)$", listing):
        if name[-3:] == "^{}":
            refs[name[:-3]] = TagRef(refs[name[:-3]].object, sha)
        else:
            refs[name] = TagRef(sha, sha)
    return refs


def branch_tips(listing: str) -> dict[str, str]:
    """The commit of every branch in what `git ls-remote` listed, by its name."""
    lines = (line.partition("\trefs/heads/") for line in listing.splitlines())
    return {name: sha for sha, _, name in lines if name}


def _beside(tips: Iterable[str], without: Iterable[str]) -> bytes:
    """What git reads to walk over the commits that some tips contain and others do not."""
    return "".join([*(f"{safe(tip)}\n" for tip in tips), *(f"^{safe(name)}\n" for name in without)]).encode()


def _asked(names: Iterable[str]) -> bytes:
    """The names of objects as git reads them from its standard input."""
    return "".join(f"{safe(name)}\n" for name in names).encode()


def _message(tag_object: bytes) -> TagMessage:
    """The message of a tag object, without its headers and its signature, and the date in its headers."""
    headers, _, content = tag_object.partition(b"\n\n")
    text = content.decode(errors="replace")
    signature = re.search(_SIGNATURE, text)
    tagged = re.search(_TAGGED, headers)
    return TagMessage(
        (text[: signature.start()] if signature else text).strip("\n"),
        datetime.fromtimestamp(int(tagged[1]) if tagged else 0, UTC),
    )


def _raw_change(header: bytes, path: bytes) -> RawChange:
    old_mode, new_mode, old_blob, new_blob, _ = header.decode().removeprefix(":").split(" ")
    return RawChange(path, old_mode, new_mode, old_blob, new_blob)


def _patch_id(lines: Iterator[bytes]) -> str | None:
    """Hash a patch without what depends on its place: line numbers and the names of blobs."""
    import hashlib  # takes longer to load than a plan without reverts takes to make

    digest, empty = hashlib.sha256(), True
    for line in lines:
        if line.startswith(b"Binary files "):
            return None
        if not line.startswith((b"@@", b"index ")):
            digest.update(line + b"\n")
            empty = False
    return None if empty else digest.hexdigest()
