"""Every failure that a user can see, each class with its own exit code."""

from __future__ import annotations

from typing import ClassVar


class ReleaseToolError(Exception):
    """A failure that is shown to the user: what failed, during what, what is already true, what to do next.

    Every sentence stands alone, without a full stop at its end; an empty one is not shown.
    """

    exit_code: ClassVar[int]
    kind: ClassVar[str]

    def __init__(self, message: str, *, during: str = "", already: str = "", todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.during = during
        self.already = already
        self.todo = todo


class BugError(ReleaseToolError):
    """release-tool itself is wrong: something happened that its code rules out."""

    exit_code = 1
    kind = "bug"


class UsageError(ReleaseToolError):
    """The command line or the configuration is wrong; nothing was done."""

    exit_code = 2
    kind = "usage"


class RefusedError(ReleaseToolError):
    """A precondition does not hold, or the person said no; nothing was done."""

    exit_code = 3
    kind = "refused"


class RemoteError(ReleaseToolError):
    """GitHub, git or the network failed; running the command again is safe."""

    exit_code = 4
    kind = "remote"


class NoAnswerError(RemoteError):
    """A request got no answer: a write may have happened or not, so look before repeating it."""


class RateLimitedError(RemoteError):
    """GitHub refused to do anything now; `wait` is in seconds, None where it did not say how long."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message, todo="run the command again later, or use a token with a limit of its own")
        self.wait = wait


class NeedsPersonError(ReleaseToolError):
    """Facts contradict each other or changes conflict, and only a person can decide."""

    exit_code = 5
    kind = "needs-person"


class RolledBackError(ReleaseToolError):
    """The deployment failed and was rolled back; the environment is healthy."""

    exit_code = 6
    kind = "rolled-back"


class UnhealthyError(ReleaseToolError):
    """The deployment failed or could not be proven, and the environment is not known to be healthy."""

    exit_code = 7
    kind = "unhealthy"


class SignalError(ReleaseToolError):
    """A signal ended the command; the exit code is 128 and the signal's number."""

    exit_code = 128
    kind = "signal"

    def __init__(self, number: int, *, during: str = "", already: str = "", todo: str = "") -> None:
        super().__init__(f"ended by signal {number}", during=during, already=already, todo=todo)
        self.number = number


class PermissionDeniedError(UsageError):
    """The token may not do this; the message names the permission it lacks."""
