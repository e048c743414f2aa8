"""The tool with a rule broken on purpose: a matrix of faults that finds nothing wrong with it is worth nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.errors import NoAnswerError
from release_tool.github.api import Claim, GitHub
from release_tool.github.transport import ApiResponse, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.github.transport import Purpose


def break_reading_back() -> None:
    """Believe from now on that what was written without an answer was done, instead of reading it back."""
    create_ref, write = GitHub.create_ref, Transport.write

    def create(self: GitHub, ref: str, sha: str) -> Claim:
        try:
            return create_ref(self, ref, sha)
        except NoAnswerError:
            return Claim.CREATED

    def believe(
        self: Transport, verb: str, path: str, body: Mapping[str, object] | None, purpose: Purpose
    ) -> ApiResponse:
        try:
            return write(self, verb, path, body, purpose)
        except NoAnswerError:
            if verb == "POST" and not path.endswith(("/statuses", "/refs")):
                raise  # its answer is needed
            return ApiResponse(status=200, headers={}, body="{}")

    GitHub.create_ref = create  # type: ignore[method-assign] # that is what breaking it means
    Transport.write = believe  # type: ignore[method-assign] # the same
