"""Clones to measure on: as long as asked for, with as many tags, and the habits of real projects mixed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PERSON = "Ada <ada@example.com>"
_BEGIN = 1_700_000_000
_FILES = 16
_MESSAGES = (
    "Add search for orders (#{n})\n\nIt finds them by name.\n\nCo-authored-by: Bob <bob@example.com>",
    "Correct a typo",
    "fix(cart): count what is sold out (#{n})",
    "Merge pull request #{n} from ada/topic-{n}\n\nfeat: show the prices of yesterday",
)
GIT_ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
"""What keeps the configuration of whoever measures out of it."""
_FOREIGN = ("GH_", "GIT_", "GITHUB_", "PYTHON")


class Shape(NamedTuple):
    """How big a clone is: the commits of its first-parent line, those since the last release, and its tags."""

    commits: int
    unreleased: int
    tags: int

    @property
    def base(self) -> str:
        """The tag of its last release."""
        return name_of(self.tags)


def environment_in(directory: Path) -> dict[str, str]:
    """An environment without a token, in which bytecode is kept, as it is where the tool is installed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return ours | GIT_ENVIRONMENT | {"PYTHONPYCACHEPREFIX": str(directory / "bytecode")}


def name_of(number: int) -> str:
    """The tag with a number; no version looks like a year."""
    return f"v{1 + number // 1000}.{number % 1000}.0"


def grown(directory: Path, commits: int) -> Path:
    """The repository below a directory that has that many commits since its first one; a large one takes half a minute.

    Whoever wants one of that length gets the same, and gives it tags and branches of his own.
    """
    clone = directory / f"clone-{commits}"
    if not clone.exists():
        clone.mkdir()
        grow(clone, commits + 1)
    return clone


def grow(directory: Path, commits: int) -> None:
    """Make a repository whose first-parent line has that many commits; every fourth one merges another commit."""
    _git(directory, "init", "--quiet", "--initial-branch=main", ".")
    # A server that is not asked over TLS is none that `gh` could have a token for.
    _git(directory, "remote", "add", "origin", "http://localhost/acme/shop.git")
    _git(directory, "fast-import", "--quiet", stdin=_history(commits))


def tag(directory: Path, shape: Shape) -> None:
    """Replace all tags: one at the last release, and the others, half of them annotated, on the commits below it."""
    _delete_tags(directory)
    line = _git(directory, "rev-list", "--first-parent", "--reverse", "main").split()
    released = line[: shape.commits - shape.unreleased]
    places = [released[number * len(released) // shape.tags] for number in range(1, shape.tags)]
    annotated = [_annotated(number, sha) for number, sha in enumerate(places, 1) if number % 2]
    plain = [_reset(number, sha) for number, sha in enumerate(places, 1) if not number % 2]
    _git(directory, "fast-import", "--quiet", stdin=[*annotated, *plain, _annotated(shape.tags, released[-1])])
    _git(directory, "pack-refs", "--all")


def branch(directory: Path, count: int) -> None:
    """Make that many other branches, half of them to maintain, each with a commit of its own, all over the history."""
    line = _git(directory, "rev-list", "--first-parent", "--reverse", "main").split()
    begins = [line[number * len(line) // count] for number in range(count)]
    names = [f"topic-{number}" if number % 2 else f"{number}.x" for number in range(count)]
    _git(directory, "fast-import", "--quiet", stdin=map(_begun, names, begins))
    _git(directory, "pack-refs", "--all")


def _delete_tags(directory: Path) -> None:
    refs = _git(directory, "for-each-ref", "--format=delete %(refname)", "refs/tags")
    _git(directory, "update-ref", "--stdin", stdin=[refs.encode()])


def _begun(name: str, sha: str) -> bytes:
    head = f"commit refs/heads/{name}\ncommitter {_PERSON} {_BEGIN} +0000\n".encode()
    return head + _data("Keep it alive") + f"from {sha}\n\n".encode()


def _annotated(number: int, sha: str) -> bytes:
    return f"tag {name_of(number)}\nfrom {sha}\ntagger {_PERSON} {_BEGIN + number} +0000\n".encode() + _data(
        f"v{number}"
    )


def _reset(number: int, sha: str) -> bytes:
    return f"reset refs/tags/{name_of(number)}\nfrom {sha}\n\n".encode()


def _history(commits: int) -> Iterator[bytes]:
    """The first-parent line as git fast-import reads it; marks below `commits` are its own, the others are merged."""
    for number in range(1, commits + 1):
        message = _MESSAGES[number % len(_MESSAGES)].format(n=number)
        if message.startswith("Merge"):
            side = commits + number
            yield _commit("topic", side, number - 1, None, "show the prices of yesterday")
            yield _commit("main", number, number - 1, side, message)
        else:
            yield _commit("main", number, number - 1, None, message)
    yield b"reset refs/heads/topic\nfrom 0000000000000000000000000000000000000000\n\n"


def _commit(branch: str, mark: int, parent: int, merged: int | None, message: str) -> bytes:
    when = _BEGIN + 60 * parent
    lines = [f"commit refs/heads/{branch}", f"mark :{mark}", f"committer {_PERSON} {when} +0000"]
    head = "\n".join(lines).encode() + b"\n" + _data(message)
    parents = [f"from :{parent}"] if parent else []
    parents += [f"merge :{merged}"] if merged else []
    change = f"M 100644 inline file-{mark % _FILES}\n".encode() + _data(str(mark))
    return head + "".join(f"{line}\n" for line in parents).encode() + change


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _git(directory: Path, *args: str, stdin: Iterable[bytes] = ()) -> str:
    with subprocess.Popen(
        ["git", *args], cwd=directory, env=os.environ | GIT_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdin and program.stdout  # noqa: PT018, S101 - pipes were asked for
        for piece in stdin:
            program.stdin.write(piece)
        program.stdin.close()
        output = program.stdout.read().decode()
    if program.returncode:
        raise RuntimeError(f"git {args[0]} ended with code {program.returncode}")
    return output
