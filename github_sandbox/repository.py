"""The bare git repository behind the stand-in, through the git program."""

from __future__ import annotations

import os
import subprocess
import threading
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

ZERO = "0" * 40
CONFIGURATION = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfsync = none
[fastimport]
\tunpackLimit = 1
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[gc]
\tauto = 0
[receive]
\tautogc = false
"""
SPACE = os.fsencode(" ")


class Person(msgspec.Struct, frozen=True):
    """Somebody as git knows them; `at` in seconds since 1970, UTC."""

    name: str
    mail: str
    at: int

    def __str__(self) -> str:
        return f"{self.name} <{self.mail}> {self.at} +0000"


class Object(msgspec.Struct, frozen=True):
    """One git object."""

    sha: str
    kind: str
    data: bytes


class Commit(msgspec.Struct, frozen=True):
    """One commit, read."""

    sha: str
    tree: str
    parents: list[str]
    author: Person
    committer: Person
    message: str


class Tag(msgspec.Struct, frozen=True):
    """One annotated tag, read."""

    sha: str
    target: str
    kind: str
    name: str
    tagger: Person
    message: str


class Ref(msgspec.Struct, frozen=True):
    """A name in the repository and the object (tag object or commit) it points at."""

    name: str
    sha: str
    kind: str


class Change(msgspec.Struct, frozen=True):
    """One file that differs between two commits; line counts are 0 for binary files."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int


class GitError(Exception):
    """Git refused; the text is what it said."""


def environment() -> dict[str, str]:
    """What git runs with: nothing of the user's own settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


class Repository:
    """A bare repository; usable from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._commits: dict[str, Commit] = {}

    def create(self, branch: str) -> None:
        """Makes the empty repository, with what GitHub allows to fetch and push."""
        for name in ("objects", "refs"):
            (self.path / name).mkdir(parents=True)
        (self.path / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
        (self.path / "config").write_text(CONFIGURATION, encoding="utf-8")

    def run(self, *argv: str, text: bytes = b"", variables: dict[str, str] | None = None) -> str:
        """What a git command prints; GitError when it fails."""
        done = self.attempt(*argv, text=text, variables=variables)
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip() or f"git {argv[0]} failed")
        return done.stdout.decode(errors="replace")

    def attempt(
        self, *argv: str, text: bytes = b"", variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """A finished git command, whatever its exit code."""
        return subprocess.run(
            ["git", *argv],
            input=text,
            capture_output=True,
            cwd=self.path,
            env=environment() | (variables or {}),
            check=False,
        )

    # objects

    def read(self, name: str) -> Object | None:
        """The object of a hash or a name such as `refs/heads/main:README.md`."""
        if "\n" in name or not name:
            return None
        with self._lock:
            return self._ask(name)

    def _ask(self, name: str) -> Object | None:
        reader = self._reader
        if reader.stdin is None or reader.stdout is None:
            raise GitError("the reader of objects has no pipes")
        reader.stdin.write(os.fsencode(name) + b"\n")
        reader.stdin.flush()
        head = reader.stdout.readline().split(SPACE)
        if len(head) != 3 or not head[2].strip().isdigit():  # noqa: PLR2004 -- hash, kind and size
            return None
        data = reader.stdout.read(int(head[2]))
        reader.stdout.read(1)
        return Object(head[0].decode(), head[1].decode(), data)

    @cached_property
    def _reader(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.path,
            env=environment(),
        )

    def close(self) -> None:
        """Ends the reader of objects."""
        with self._lock:
            if "_reader" in self.__dict__:
                self._reader.communicate()
                del self._reader

    def resolve(self, revision: str) -> str | None:
        """The commit a branch, tag or (short) hash stands for, a branch before a tag as on GitHub."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            found = self.read(f"{name}^{{commit}}")
            if found:
                return found.sha
        return None

    def commit(self, sha: str) -> Commit:
        """The commit of a full hash; GitError when there is none."""
        if sha not in self._commits:
            found = self.read(sha)
            if not found or found.kind != "commit":
                raise GitError(f"no commit {sha}")
            self._commits[sha] = _commit(found)
        return self._commits[sha]

    def tag(self, sha: str) -> Tag | None:
        """The annotated tag of a full hash."""
        found = self.read(sha)
        return _tag(found) if found and found.kind == "tag" else None

    def write(self, kind: str, data: bytes) -> str:
        """Stores an object and returns its hash; GitError when it is malformed."""
        return self.run("hash-object", "-w", "-t", kind, "--stdin", text=data).strip()

    def write_commit(self, tree: str, parents: list[str], author: Person, committer: Person, text: str) -> str:
        """Stores a commit and returns its hash."""
        head = "".join(f"parent {parent}\n" for parent in parents)
        lines = f"tree {tree}\n{head}author {author}\ncommitter {committer}\n\n{text.rstrip()}\n"
        return self.write("commit", lines.encode())

    # refs

    def refs(self, prefix: str) -> list[Ref]:
        """All refs below a prefix, by name."""
        lines = self.run("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)").splitlines()
        found = [Ref(name, sha, kind) for sha, kind, name in (line.split(" ", 2) for line in lines)]
        return [ref for ref in found if ref.name.startswith(prefix)]

    def ref(self, name: str) -> Ref | None:
        """The ref of a full name."""
        found = self.read(name) if name.startswith("refs/") else None
        return Ref(name, found.sha, found.kind) if found else None

    def valid(self, name: str) -> bool:
        """Whether git accepts this as a full name of a ref."""
        return not self.attempt("check-ref-format", name).returncode

    def move(self, name: str, new: str, old: str) -> bool:
        """Creates (`old` is ZERO), moves or deletes (`new` is ZERO) a ref, if it is where `old` says."""
        if new == ZERO:
            return not self.attempt("update-ref", "-d", name, old).returncode
        return not self.attempt("update-ref", name, new, old).returncode

    # history

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        return not self.attempt("merge-base", "--is-ancestor", older, newer).returncode

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor."""
        done = self.attempt("merge-base", one, other)
        return done.stdout.decode().strip() or None

    def log(self, *argv: str) -> list[str]:
        """Hashes as `git rev-list` prints them."""
        return self.run("rev-list", *argv, "--").split()

    def changes(self, old: str, new: str) -> list[Change]:
        """The files that differ, by path."""
        raw = self.run("diff-tree", "-r", "-z", "--raw", old, new).split("\0")
        counts = self.run("diff-tree", "-r", "-z", "--numstat", old, new).split("\0")
        lines = {path: (added, removed) for added, removed, path in (c.split("\t", 2) for c in counts if c)}
        found = []
        for head, path in zip(raw[::2], raw[1::2], strict=False):
            _, _, before, after, status = head.split(" ")
            added, removed = lines.get(path, ("0", "0"))
            sha = before if status == "D" else after
            found.append(Change(path, status[0], sha, _count(added), _count(removed)))
        return found

    def merge_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge; None on a conflict."""
        done = self.attempt("merge-tree", "--write-tree", "--allow-unrelated-histories", ours, theirs)
        return None if done.returncode else done.stdout.decode().split("\n", 1)[0]

    def pick_tree(self, onto: str, commit: str) -> str | None:
        """The tree of a commit applied to another place; None on a conflict."""
        parent = self.commit(commit).parents[0]
        # The older git has no way to name the base of a merge-tree, but a commit can be given one.
        there = self.commit(onto)
        stand_in = self.write_commit(there.tree, [parent], there.author, there.committer, "stand-in")
        return self.merge_tree(stand_in, commit)


def _count(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _person(line: str) -> Person:
    name, _, rest = line.partition(" <")
    mail, _, when = rest.rpartition("> ")
    return Person(name, mail, int(when.split(" ")[0]))


def _parts(found: Object) -> tuple[list[tuple[str, str]], str]:
    head, _, message = found.data.decode(errors="replace").partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith(" ")]
    return [(key, value) for key, _, value in (line.partition(" ") for line in lines)], message


def _commit(found: Object) -> Commit:
    fields, message = _parts(found)
    only = dict(fields)
    return Commit(
        sha=found.sha,
        tree=only["tree"],
        parents=[value for key, value in fields if key == "parent"],
        author=_person(only["author"]),
        committer=_person(only["committer"]),
        message=message.removesuffix("\n"),
    )


def _tag(found: Object) -> Tag:
    fields, message = _parts(found)
    only = dict(fields)
    return Tag(
        sha=found.sha,
        target=only["object"],
        kind=only["type"],
        name=only["tag"],
        tagger=_person(only.get("tagger", "nobody <> 0 +0000")),
        message=message.removesuffix("\n"),
    )
