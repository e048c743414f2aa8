"""Who is behind a record on GitHub, and what that account may do in the repository."""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec

from release_tool.errors import PermissionDeniedError
from release_tool.github.graphql import BOT
from release_tool.github.transport import NotFoundError, Purpose

if TYPE_CHECKING:
    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest

ACTIONS = f"github-actions{BOT}"
"""The account of every workflow."""


class Access(enum.IntEnum):
    """What somebody may do in the repository; each includes those before."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    ADMIN = 4


class _Permission(msgspec.Struct, frozen=True):
    permission: Literal["none", "read", "write", "maintain", "triage", "admin"]
    role_name: str = ""

    @property
    def access(self) -> Access:
        """GitHub calls it `read` where somebody has the role of triage."""
        match self.permission:
            case "read" if self.role_name == "triage":
                return Access.TRIAGE
            case "maintain":
                return Access.WRITE
            case name:
                return Access[name.upper()]


class Accounts:
    """The accounts of one repository, each asked about once.

    Every method raises RemoteError where GitHub fails, and PermissionDeniedError where the token lacks a right.
    """

    def __init__(self, rest: Rest, graphql: GraphQL) -> None:
        self._rest = rest
        self._graphql = graphql
        self._access: dict[str, Access] = {}

    @functools.cached_property
    def viewer(self) -> str:
        """The login of the account that the token is of; empty where the token does not tell."""
        try:
            return self._graphql.viewer()
        except PermissionDeniedError:
            return ""

    def access(self, login: str) -> Access:
        """What somebody may do in the repository; an account that does not exist may do nothing."""
        if login not in self._access:
            self._access[login] = self._asked(login)
        return self._access[login]

    def _asked(self, login: str) -> Access:
        purpose = Purpose(f"asking what {login} may do", "metadata: read")
        try:
            found = self._rest.read(f"collaborators/{quote(login, safe='')}/permission", _Permission, purpose)
        except NotFoundError:
            return Access.NONE
        return found.access
