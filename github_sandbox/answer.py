"""What the stand-in answers, how it refuses, and who asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from github_sandbox.store import Author, Rights

if TYPE_CHECKING:
    from collections.abc import Sequence


Document: TypeAlias = dict[str, object]

RANKS = {"none": 0, "read": 1, "write": 2}


class Answer(msgspec.Struct, frozen=True):
    """What is sent back; `data` stands for bytes that are not JSON."""

    status: int = HTTPStatus.OK
    document: object = None
    headers: dict[str, str] = {}
    data: bytes | None = None


class ApiError(Exception):
    """A refusal, in GitHub's words."""

    def __init__(self, status: int, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)

    def answer(self) -> Answer:
        """The refusal as it is sent."""
        document: Document = {
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
        }
        if self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            document["status"] = str(int(self.status))
        if self.errors:
            document["errors"] = self.errors
        return Answer(self.status, document)


def not_found(message: str = "Not Found") -> ApiError:
    """What is not there, or not for this token."""
    return ApiError(HTTPStatus.NOT_FOUND, message)


def forbidden(message: str = "Resource not accessible by integration") -> ApiError:
    """What this token has no right to."""
    return ApiError(HTTPStatus.FORBIDDEN, message)


def invalid(resource: str, field: str, code: str, message: str | None = None) -> ApiError:
    """A field that GitHub's validation refuses."""
    error = {"resource": resource, "code": code, "field": field}
    if message:
        error["message"] = message
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", [error])


def check_length(resource: str, field: str, text: str | None, most: int) -> None:
    """Refuses a text that is longer than GitHub keeps."""
    if text is not None and len(text) > most:
        raise invalid(resource, field, "custom", f"{field} is too long (maximum is {most} characters)")


def unprocessable(message: str, errors: Sequence[object] = ()) -> ApiError:
    """What is understood and can't be done."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message, errors)


class Caller(msgspec.Struct, frozen=True):
    """Who sends a request; without a token nobody."""

    author: Author | None
    rights: Rights

    def may(self, permission: str, level: str = "write") -> bool:
        """Whether the token has this permission, at least at this level."""
        right = self.rights.get(permission, "none")
        return right if isinstance(right, bool) else RANKS[right] >= RANKS[level]
