"""Trust: whose records count, since many accounts may write on GitHub, and few may make us act."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import PermissionDeniedError
from release_tool.github.accounts import ACTIONS, Access
from release_tool.github.graphql import BOT
from release_tool.text.humanize import few
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.github.accounts import Accounts
    from release_tool.project import Project

_FEW = 3
"""How many of the records that are ignored for one reason are named."""


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """An ignored record: what it is, why it does not count, and what to do about it."""

    what: str
    why: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.why}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose records count: the workflows' account, the named apps, the token's own app, and people who may push.

    Without `accounts` nobody is asked about, and only the workflows and the named apps count.
    """

    apps: frozenset[str] = frozenset()
    accounts: Accounts | None = None

    def is_ours(self, author: str) -> bool:
        """Whether an account is one that the tool works as; a person is asked about each time."""
        if author in {ACTIONS, *self.apps}:
            return True
        return author.endswith(BOT) and self.accounts is not None and author == self.accounts.viewer

    def counts(self, author: str) -> bool:
        """Whether what an account wrote counts: it is ours, or a person's who may push, as far as that can be asked."""
        try:
            return self.is_ours(author) or self.may_push(author)
        except PermissionDeniedError:
            return False

    def may_push(self, author: str) -> bool:
        """Whether an account is a person's with write access; raises PermissionDeniedError where nobody tells."""
        if not author or author.endswith(BOT) or self.accounts is None:
            return False
        return self.accounts.access(author) >= Access.WRITE

    def ignored(self, what: str, author: str) -> Ignored:
        """Report that a record is ignored because of its author."""
        if author.endswith(BOT):
            name = visible(author.removesuffix(BOT))
            todo = f'if the app is yours, add "{name}" to `trusted-apps`; if not, take its rights away'
            return Ignored(what=what, why=f"by {visible(author)}, an app that `trusted-apps` does not name", todo=todo)
        who = visible(author) if author else "a deleted account"
        return Ignored(what=what, why=f"by {who}, who has no write access")


def trust_of(project: Project) -> Trust:
    """Whose records count in a project."""
    apps = frozenset(f"{name.removesuffix(BOT)}{BOT}" for name in project.config.trusted_apps)
    return Trust(apps=apps, accounts=project.remote.accounts)


def summed_up(ignored: Iterable[Ignored]) -> tuple[Ignored, ...]:
    """Say the same about several records once, in the order in which they were met."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in ignored:
        named = found.setdefault((one.why, one.todo), [])
        named += [] if one.what in named else [one.what]
    return tuple(Ignored(what=few(named, _FEW), why=why, todo=todo) for (why, todo), named in found.items())
