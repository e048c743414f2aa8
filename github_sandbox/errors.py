"""What is wrong with what the stand-in was asked to serve."""

from __future__ import annotations


class SandboxError(Exception):
    """A scenario, a directory or a port can't be used: what, during what, and what to do next."""

    def __init__(self, message: str, *, during: str, todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.during = during
        self.todo = todo
