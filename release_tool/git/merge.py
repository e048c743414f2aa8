"""Merging without a working tree: nothing is written but objects, in any clone, bare ones included."""

from __future__ import annotations

import itertools
import os
import re
import signal
import tempfile
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import NeedsPersonError, RemoteError, UsageError
from release_tool.git.program import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from release_tool.git.program import GitProgram
    from release_tool.git.repository import Git

_OLDEST_GIT = (2, 38)
_CONFIG = (
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "diff.algorithm=histogram",
    "merge.conflictStyle=merge",
    "merge.directoryRenames=conflict",
    "merge.renameLimit=7000",
    "merge.renames=true",
    "merge.renormalize=false",
)
"""What would let a merge come out differently for different users; these are what git does by default."""

_CONFLICTING = 1
_ABORTED = -signal.SIGABRT
"""How git ends where it finds that its own merging is wrong, which happens in rare histories."""

_BASE, _OURS, _THEIRS = 1, 2, 3
_KIND = re.compile(r"CONFLICT \(([^)]+)\)")
_LINK, _MODULE = "120000", "160000"
_FEW_LINES = 20
_LONGEST_LINE = 200
_LARGEST = 1024 * 1024
"""Bytes of a file that is still looked into to show a conflict."""

Tree = dict[bytes, "TreeEntry"]


class Conflict(msgspec.Struct, frozen=True):
    """A path that git could not merge: how git calls it, and a short view of what each side has there.

    The kind is a word of git's, such as `content`, `add/add`, `modify/delete` or `rename/delete`.
    """

    path: str
    kind: str
    ours_text: str
    theirs_text: str


class Merged(msgspec.Struct, frozen=True):
    """What a merge came to; where there are conflicts, its tree is nothing to commit."""

    tree: str
    conflicts: tuple[Conflict, ...]


class TreeEntry(msgspec.Struct, frozen=True):
    """What stands at a path: a file, a link or a submodule."""

    mode: str
    sha: str


class _Clash(msgspec.Struct, frozen=True):
    """A path that git could not merge: what it was before and is on each side, and the names git left it under."""

    path: bytes
    kind: str
    sides: dict[int, TreeEntry]
    names: frozenset[bytes]


def merge(git: Git, ours: str, theirs: str, keep: Callable[[str], bool]) -> Merged:
    """Merge two commits; a path that is kept is afterwards what it is in `ours`, be it nothing, and is no conflict.

    What is kept takes no part in the merge, so nothing of it goes anywhere else, and nothing comes to it by a rename.
    A shallow clone is completed first.
    Raises NeedsPersonError where the two have no history in common, and UsageError where git is older than 2.38.
    """
    _insist_on_new_git(git.program)
    if git.is_shallow():
        git.unshallow()  # where history is cut off, a wrong common ancestor may be found
    ours, theirs = _commit_of(git, ours), _commit_of(git, theirs)
    _insist_on_common_history(git.program, ours, theirs)
    with tempfile.TemporaryDirectory(prefix="release-tool-") as directory:
        program = git.program.beside(Path(directory), _CONFIG)
        _write_attributes(git, program, ours)
        one, other = _without_kept(git, program, ours, theirs, keep)
        tree, clashes = _merge_tree(program, one, other)
        entries = _entries(program, tree)
        if one != ours or other != theirs:
            kept = _kept_in(program, ours, keep)
            clashes += _in_the_way(kept, entries)
            tree = tree if clashes else _changed(program, tree, kept)
    return Merged(tree, tuple(_shown(git, clashes, entries, one, other)))


def with_kept(git: Git, onto: str, ours: str, keep: Callable[[str], bool]) -> str | None:
    """The tree of one commit in which the paths that are kept are what they are in another one.

    None where that can't be, because a folder of one is a file of the other.
    """
    with tempfile.TemporaryDirectory(prefix="release-tool-") as directory:
        program = git.program.beside(Path(directory), _CONFIG)
        theirs = _entries(program, onto)
        left = {path: entry for path, entry in theirs.items() if not keep(_text(path))}
        kept = _kept_in(program, ours, keep)
        if _in_the_way(kept, left):
            return None
        return _changed(program, _commit_of(git, onto), kept, without=theirs.keys() - left.keys())


def commit_tree(  # noqa: PLR0913 - what a commit is made of
    git: Git, tree: str, parents: Sequence[str], message: str, *, name: str, email: str, date: int
) -> str:
    """Make a commit and return its hash, which is the same for the same arguments, whatever the user configured.

    `date` is in seconds since the epoch; author and committer are the same.
    """
    who = {"NAME": name, "EMAIL": email, "DATE": f"@{date} +0000"}
    env = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in who.items()}
    ancestors = [word for parent in parents for word in ("-p", safe(parent))]
    done = git.program.run(
        "commit-tree", "--no-gpg-sign", "-F", "-", *ancestors, safe(tree), stdin=message.encode(), env=env
    )
    return done.text.strip()


# What must hold


def _commit_of(git: Git, name: str) -> str:
    return git.program.line("rev-parse", "--verify", f"{safe(name)}^{{commit}}")


def _insist_on_new_git(program: GitProgram) -> None:
    said = program.line("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < _OLDEST_GIT:
        oldest = ".".join(map(str, _OLDEST_GIT))
        raise UsageError(
            f"merging needs git {oldest} or newer, and this is {said.removeprefix('git version ')}",
            todo=f"install git {oldest} or newer",
        )


def _insist_on_common_history(program: GitProgram, ours: str, theirs: str) -> None:
    if program.run("merge-base", ours, theirs, ok=(0, 1)).code == 1:
        raise NeedsPersonError(
            f"{ours[:10]} and {theirs[:10]} have no history in common, so nothing can be merged",
            todo="merge them once by hand with `git merge --allow-unrelated-histories`",
        )


# The merge


def _write_attributes(git: Git, program: GitProgram, commit: str) -> None:
    """Put the attributes of a commit where git looks for them: they can name another way to merge a file."""
    files = {
        PurePosixPath(os.fsdecode(path)): entry.sha
        for path, entry in _entries(program, commit).items()
        if path.endswith(b".gitattributes") and entry.mode.startswith("100")
    }
    contents = git.small_blobs(set(files.values()), _LARGEST)
    for path, sha in files.items():
        if path.name == ".gitattributes" and sha in contents and ".." not in path.parts:
            target = program.directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(contents[sha])


def _without_kept(
    git: Git, program: GitProgram, ours: str, theirs: str, keep: Callable[[str], bool]
) -> tuple[str, str]:
    """Both sides as if what is kept had never been there: with the merge bases they have, and theirs, made anew.

    They are the very same commits where nothing is kept in any of these.
    """
    known = _with_bases(program, ours, theirs)
    dropped = {sha: _kept_in(program, sha, keep) for sha in known}
    if not any(dropped.values()):
        return ours, theirs
    below = {sha: [other for other in known if other != sha and _contains(program, sha, other)] for sha in known}
    dates = git.commit_dates(known)
    anew: dict[str, str] = {}
    for sha in sorted(known, key=lambda sha: len(below[sha])):
        tree = _changed(program, sha, {}, without=dropped[sha])
        parents = [anew[other] for other in below[sha]]
        anew[sha] = commit_tree(git, tree, parents, "x", name="x", email="x", date=dates[sha])
    return anew[ours], anew[theirs]


def _kept_in(program: GitProgram, commit: str, keep: Callable[[str], bool]) -> Tree:
    return {path: entry for path, entry in _entries(program, commit).items() if keep(_text(path))}


def _with_bases(program: GitProgram, *commits: str) -> list[str]:
    """Some commits, the merge bases of each two of them, and so on: all that git looks at when it merges the first."""
    known, asked = list(dict.fromkeys(commits)), set[tuple[str, str]]()
    while pairs := [pair for pair in itertools.combinations(known, 2) if pair not in asked]:
        for pair in pairs:
            found = program.run("merge-base", "--all", *pair, ok=(0, 1)).text.split()
            known += [sha for sha in found if sha not in known]
            asked.add(pair)
    return known


def _contains(program: GitProgram, commit: str, other: str) -> bool:
    return program.run("merge-base", "--is-ancestor", other, commit, ok=(0, 1)).code == 0


def _merge_tree(program: GitProgram, ours: str, theirs: str) -> tuple[str, list[_Clash]]:
    """The tree of a merge, in which conflicts have left their marks, and what could not be merged."""
    done = program.run("merge-tree", "--write-tree", "-z", "--messages", ours, theirs, ok=(0, _CONFLICTING, _ABORTED))
    if done.code == _ABORTED:
        raise NeedsPersonError(
            f"git can't merge {theirs[:10]} into {ours[:10]} and gives up: {done.stderr.strip()}",
            during="git merge-tree",
            todo="install a newer git, or merge them by hand",
        )
    tree, _, rest = done.stdout.partition(b"\0")
    listed, _, said = rest.partition(b"\0\0") if done.code == _CONFLICTING else (b"", b"", b"")
    original = re.compile(rb"(?:~(?:%s|%s)(?:_\d+)?)+\Z" % (ours.encode(), theirs.encode()))
    clashes = _clashes(listed, said, lambda name: original.sub(b"", name))
    if done.code == _CONFLICTING and not clashes:
        raise RemoteError("git found a conflict and does not say where", during="git merge-tree")
    return tree.decode(), clashes


def _clashes(listed: bytes, said: bytes, original: Callable[[bytes], bytes]) -> list[_Clash]:
    """Read what git lists and says; what it had to move out of the way is told by its own name."""
    sides: defaultdict[bytes, dict[int, TreeEntry]] = defaultdict(dict)
    names: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for line in filter(None, listed.split(b"\0")):
        fields, _, name = line.partition(b"\t")
        mode, sha, stage = fields.decode().split(" ")
        path = original(name)
        names[path].add(name)
        sides[path][int(stage)] = TreeEntry(mode, sha)
    kinds: dict[bytes, str] = {}
    for about, message in _messages(said):
        paths = [original(name) for name in about]
        kind = _KIND.search(message)
        if kind:
            known = [path for path in paths if path in sides] or paths[:1]
            kinds |= {path: kind[1] for path in known if path not in kinds}
    return [
        _Clash(path, kinds.get(path, "content"), sides[path], frozenset(names[path])) for path in {**sides, **kinds}
    ]


def _messages(said: bytes) -> Iterator[tuple[list[bytes], str]]:
    """What git says, each with the paths it is about; advice about submodules, about none, comes last."""
    fields = iter(said.split(b"\0"))
    for count in itertools.takewhile(bytes.isdigit, fields):
        about = list(itertools.islice(fields, int(count)))
        _, message = next(fields), next(fields)
        yield about, message.decode(errors="replace")


def _in_the_way(kept: Tree, merged: Tree) -> list[_Clash]:
    """Where a kept file and the rest of the merge can't both be, because a folder of one is a file of the other."""
    folders = {folder for path in merged for folder in _folders(path)}
    files = {path: {_OURS: entry} for path, entry in kept.items() if path in folders}
    above = {folder for path in kept for folder in _folders(path) if folder in merged}
    sides = files | {path: {_THEIRS: merged[path]} for path in sorted(above)}
    return [_Clash(path, "file/directory", side, frozenset({path})) for path, side in sides.items()]


def _folders(path: bytes) -> Iterator[bytes]:
    """The folders that a path is in."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _changed(program: GitProgram, tree: str, put: Tree, *, without: Iterable[bytes] = ()) -> str:
    """A tree without some paths and with others instead."""
    lines = [b"0 %s 0\t%s" % (b"0" * len(tree), path) for path in without]
    lines += [_line(entry, path) for path, entry in put.items()]
    program.run("read-tree", tree)
    program.run("update-index", "-z", "--index-info", stdin=b"".join(line + b"\0" for line in lines))
    return program.line("write-tree")


def _line(entry: TreeEntry, path: bytes) -> bytes:
    return f"{entry.mode} {entry.sha} 0\t".encode() + path


def _entries(program: GitProgram, tree: str) -> Tree:
    """Everything in a tree, by its path."""
    lines = program.run("ls-tree", "-r", "-z", "--full-tree", tree).stdout.split(b"\0")
    found = ((line.partition(b"\t")) for line in lines if line)
    return {path: TreeEntry(fields[:6].decode(), fields.rpartition(b" ")[2].decode()) for fields, _, path in found}


# How a conflict is shown


def _shown(git: Git, clashes: Sequence[_Clash], entries: Tree, ours: str, theirs: str) -> Iterator[Conflict]:
    merged = {clash.path: entries[clash.path] for clash in clashes if clash.path in entries}
    looked_at = [*merged.values(), *(entry for clash in clashes for entry in clash.sides.values())]
    blobs = git.small_blobs({entry.sha for entry in looked_at if entry.mode != _MODULE}, _LARGEST)
    for clash in clashes:
        content = blobs.get(merged[clash.path].sha, b"") if clash.path in merged else b""
        hunks = _hunks(content, ours, theirs)
        one, other = hunks or (_view(clash, side, blobs) for side in (_OURS, _THEIRS))
        yield Conflict(_text(clash.path), clash.kind, one, other)


def _hunks(content: bytes, ours: str, theirs: str) -> tuple[str, str] | None:
    """Both sides of the places where git left marks in a file; None where it left none."""
    marks = rb"^<{7} %s[^\n]*\n(.*?)^={7}\r?\n(.*?)^>{7} %s" % (ours.encode(), theirs.encode())
    found = re.findall(marks, content, re.MULTILINE | re.DOTALL)
    if not found:
        return None
    one, other = (b"\xe2\x80\xa6\n".join(sides) for sides in zip(*found, strict=True))
    return _short(one), _short(other)


def _view(clash: _Clash, side: int, blobs: Mapping[str, bytes]) -> str:
    """What one side has: the beginning of the file, or in brackets what it is instead."""
    entry = clash.sides.get(side)
    if entry is None:
        return "(deleted)" if _BASE in clash.sides else "(not there)"
    if entry.mode == _MODULE:
        return f"(submodule at {entry.sha[:10]})"
    content = blobs.get(entry.sha)
    if content is None:
        return "(too large to show)"
    if entry.mode == _LINK:
        return f"(link to {_text(content)})"
    return f"(binary, {len(content)} bytes)" if b"\0" in content else _short(content)


def _short(content: bytes) -> str:
    lines = _text(content).splitlines()
    shown = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in lines[:_FEW_LINES]]
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"… {more} more lines"] if more else shown)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
