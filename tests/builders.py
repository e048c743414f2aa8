"""Short ways to make the values that tests of the domain are about."""

from __future__ import annotations

import hashlib
import itertools

from release_tool.history.changes import BumpRule, Change, ChangeKind, Landing
from release_tool.model.commits import Author, Commit, PullRequest
from release_tool.model.version import Bump

_numbers = itertools.count(1)


def sha(name: object) -> str:
    """A hash that looks like one and is the same for the same name."""
    return hashlib.sha1(str(name).encode(), usedforsecurity=False).hexdigest()


def commit(message: str, *, parents: int = 1, author: Author | None = None, name: object = None) -> Commit:
    """A commit with a message; every one is different unless it is named."""
    own = sha(next(_numbers) if name is None else name)
    above = tuple(sha(f"{own}-{number}") for number in range(parents))
    return Commit(own, above, author or Author("Ada", "ada"), 1_700_000_000, message)


def pull(
    number: int,
    title: str,
    *labels: str,
    body: str = "",
    message: str | None = None,
    author: Author | None = Author("ada", "ada"),  # noqa: B008  # a frozen value
) -> Landing:
    """A pull request that was squashed; its commit is titled as GitHub does it unless a message is given."""
    landed = commit(f"{title} (#{number})" if message is None else message)
    request = PullRequest(
        number=number, title=title, body=body, labels=labels, author=author, base="main", merge_commit=landed.sha
    )
    return Landing((landed,), request, number)


def push(message: str) -> Landing:
    """A commit that was pushed directly."""
    return Landing((commit(message),))


def change(
    number: int | None, title: str, bump: Bump = Bump.PATCH, kind: ChangeKind = ChangeKind.OTHER, body: str = ""
) -> Change:
    """A change as the assessment would make it."""
    return Change(
        pull=number,
        sha=sha(number or title),
        title=title,
        kind=kind,
        bump=bump,
        rule=BumpRule.LABEL,
        reason="label",
        authors=(Author("ada", "ada"),),
        body=body,
    )
