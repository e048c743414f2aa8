"""Builds a repository from a scenario: a graph of commits as values, then one `git fast-import`."""

from __future__ import annotations

import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from github_sandbox.repository import Person, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_sandbox.repository import Repository

Files: TypeAlias = dict[str, str | None]
"""Paths with their new text; `None` removes the file."""

EPOCH = 1767603600
"""2026-01-05T09:00:00Z: when every history begins."""

SCRATCH = "refs/sandbox/scratch"
MANY = 50
"""So many branches and tags that git finds them quicker in one file."""


class ConflictError(Exception):
    """Two changes of one file that can't be merged; the text is its path."""


class Node:
    """One commit to be; `sha` is known after the import."""

    def __init__(self, mark: int, parents: list[Node], author: Person, committer: Person, text: str) -> None:
        self.mark = mark
        self.parents = parents
        self.author = author
        self.committer = committer
        self.text = text
        self.delta: Files = {}
        self.sha = ""


class TagNode(msgspec.Struct, frozen=True):
    """One tag to be; lightweight without a message."""

    name: str
    target: Node
    message: str | None
    tagger: Person


def account_id(login: str) -> int:
    """A number that an account always has."""
    return zlib.crc32(login.encode()) % 9_000_000 + 1_000_000


def person(login: str | None, at: int) -> Person:
    """An account as the author of a commit; a deleted one is called ghost."""
    name = login or "ghost"
    return Person(name, f"{account_id(name)}+{name}@users.noreply.github.com", at)


def web_flow(at: int) -> Person:
    """Who commits what is merged in the browser or through the API."""
    return Person("GitHub", "noreply@github.com", at)


class Graph:
    """The commits, branches and tags of a history that is being written."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.heads: dict[str, Node] = {}
        self.hidden: dict[str, Node] = {}
        self.tags: dict[str, TagNode] = {}

    def add(self, parents: list[Node], author: Person, text: str, files: Files, by: Person | None = None) -> Node:
        """A new commit that changes these files of its first parent."""
        node = Node(len(self.nodes) + 1, parents, author, by or author, text)
        node.delta = dict(files)
        self.nodes.append(node)
        return node

    def read(self, node: Node | None, path: str) -> str | None:
        """The text of a file at a commit."""
        while node is not None:
            if path in node.delta:
                return node.delta[path]
            node = node.parents[0] if node.parents else None
        return None

    def snapshot(self, node: Node) -> Files:
        """Every path that was ever touched, with its text at a commit."""
        line = [node]
        while line[-1].parents:
            line.append(line[-1].parents[0])
        files: Files = {}
        for at in reversed(line):
            files.update(at.delta)
        return files

    def inverse(self, onto: Node, first: Node, last: Node) -> Files:
        """What takes back the commits after `first` up to `last` (a first-parent line); or ConflictError."""
        touched: dict[str, None] = {}
        at = last
        while at is not first:
            touched |= dict.fromkeys(at.delta)
            at = at.parents[0]
        return {
            path: merged(path, self.read(last, path), self.read(onto, path), self.read(first, path)) for path in touched
        }

    def merge(self, ours: Node, theirs: Node) -> Files:
        """What a merge of `theirs` changes in `ours`; or ConflictError."""
        base = self._base(ours, theirs)
        before, here, there = self.snapshot(base), self.snapshot(ours), self.snapshot(theirs)
        changed = {path for path in there if there[path] != before.get(path)}
        return {
            path: merged(path, before.get(path), here.get(path), there[path])
            for path in sorted(changed)
            if here.get(path) != there[path]
        }

    def _base(self, one: Node, other: Node) -> Node:
        known = ancestors(one)
        return max((node for node in ancestors(other) if node in known), key=lambda node: node.mark)

    def write(self, repository: Repository) -> None:
        """Imports everything and learns the hashes."""
        with tempfile.TemporaryDirectory() as directory:
            marks = Path(directory, "marks")
            done = subprocess.run(
                ["git", "fast-import", "--quiet", f"--export-marks={marks}"],
                input="".join(self._stream()).encode(),
                capture_output=True,
                cwd=repository.path,
                env=environment(),
                check=False,
            )
            if done.returncode:
                raise ValueError(done.stderr.decode(errors="replace").splitlines()[0])
            for line in marks.read_text().splitlines():
                mark, sha = line[1:].split(" ")
                self.nodes[int(mark) - 1].sha = sha
        (repository.path / SCRATCH).unlink(missing_ok=True)
        if len(self.heads) + len(self.tags) > MANY:
            repository.run("pack-refs", "--all")

    def _stream(self) -> Iterator[str]:
        for node in self.nodes:
            yield from _commit_lines(node)
        for name, node in (*((f"refs/heads/{n}", h) for n, h in self.heads.items()), *self.hidden.items()):
            yield f"reset {name}\nfrom :{node.mark}\n\n"
        for tag in self.tags.values():
            yield _tag_lines(tag)


def ancestors(node: Node) -> set[Node]:
    """A commit and everything it contains."""
    found: set[Node] = set()
    left = [node]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left.extend(at.parents)
    return found


def merged(path: str, base: str | None, ours: str | None, theirs: str | None) -> str | None:
    """The text of a file that was changed on two sides; or ConflictError."""
    if ours in {base, theirs}:
        return theirs
    if theirs == base:
        return ours
    if base is None or ours is None or theirs is None:
        raise ConflictError(path)
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for name, text in (("ours", ours), ("base", base), ("theirs", theirs)):
            Path(directory, name).write_text(text, encoding="utf-8", newline="")
            names.append(name)
        done = subprocess.run(
            ["git", "merge-file", "-p", *names],
            capture_output=True,
            cwd=directory,
            env=environment(),
            check=False,
        )
    if done.returncode:
        raise ConflictError(path)
    return done.stdout.decode()


def _commit_lines(node: Node) -> Iterator[str]:
    yield f"commit {SCRATCH}\nmark :{node.mark}\nauthor {node.author}\ncommitter {node.committer}\n"
    yield _data(node.text.rstrip() + "\n")
    if node.parents:
        yield f"from :{node.parents[0].mark}\n"
    yield from (f"merge :{parent.mark}\n" for parent in node.parents[1:])
    for path, text in node.delta.items():
        yield f"D {_quoted(path)}\n" if text is None else f"M {_mode(text)} inline {_quoted(path)}\n{_data(text)}"
    yield "\n"


def _mode(text: str) -> str:
    return "100755" if text.startswith("#!") else "100644"


def _tag_lines(tag: TagNode) -> str:
    if tag.message is None:
        return f"reset refs/tags/{tag.name}\nfrom :{tag.target.mark}\n\n"
    return f"tag {tag.name}\nfrom :{tag.target.mark}\ntagger {tag.tagger}\n{_data(tag.message.rstrip() + chr(10))}"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
