"""Commits and pull requests, and who made them."""

from __future__ import annotations

import functools
import re

import msgspec

_NO_REPLY = r"(?i)(?:[0-9]+\+)?(?P<login>[^@+]+)@users\.noreply\.github\.com"

_MACHINES = frozenset({"noreply", "no-reply", "bot", "cursoragent", "codex", "copilot", "aider", "amp"})
"""What stands before the `@` of mail addresses under which assistants are credited; no person reads them."""
_ASSISTANTS = frozenset({"copilot", "claude", "codex"})
"""The logins of assistants that are no `[bot]` to GitHub."""


LARGEST_NUMBER = 2**31 - 1
"""No issue or pull request has a larger number: GitHub can't even be asked for one."""


class Author(msgspec.Struct, frozen=True):
    """Somebody who wrote a change; the login is None where only a name is known."""

    name: str
    login: str | None = None
    bot: bool = False

    def __str__(self) -> str:
        return self.login or self.name


class Commit(msgspec.Struct, frozen=True):
    """A commit as git tells it; times are in seconds since the epoch.

    `authored_at`, and `committer`, a mail address, are left out where nobody asks how it came to be.
    """

    sha: str
    parents: tuple[str, ...]
    author: Author
    committed_at: int
    message: str
    authored_at: int = 0
    committer: str = ""

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0].strip()

    @property
    def is_merge(self) -> bool:
        """Whether the commit has more than one parent."""
        return len(self.parents) > 1

    @property
    def made_on_github(self) -> bool:
        """Whether it was made on GitHub, as a squash is: it commits at once, and in its own name.

        What it rebases is committed by whoever merged it, later than it was written.
        """
        return self.committer.startswith("noreply@") and self.authored_at == self.committed_at


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A merged pull request; `author` is None where the account was deleted."""

    number: int
    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    author: Author | None = None
    url: str = ""
    base: str = ""
    head: str = ""
    merge_commit: str | None = None


def login_of(mail: str) -> str | None:
    """Read the login from the mail address that GitHub gives to those who hide theirs."""
    match = re.fullmatch(_NO_REPLY, mail)
    return match["login"] if match else None


@functools.lru_cache(maxsize=4096)
def author_of(name: str, mail: str) -> Author:
    """Make an author of the name and mail address in a commit; few people write most of them."""
    login = login_of(mail)
    bot = (login or name).endswith("[bot]") or (login or "").casefold() in _ASSISTANTS
    local, at, _ = mail.partition("@")
    return Author(name or login or mail, login, bot=bot or (bool(at) and local.lower() in _MACHINES))
