"""REST, asked about one repository: paths below it, answers as values, and lists to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from release_tool.github.transport import decode, onward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.github.transport import Purpose, Transport

T = TypeVar("T")


class Rest:
    """The REST interface of one repository; paths are below it and have their names quoted already."""

    def __init__(self, repository: str, transport: Transport) -> None:
        self.repository = repository
        self.transport = transport

    def path(self, path: str = "", **parameters: str | int) -> str:
        """The whole path of something in the repository; an empty one is the repository itself."""
        whole = f"/repos/{self.repository}/{path}".rstrip("/")
        return f"{whole}?{urlencode(parameters)}" if parameters else whole

    def read(self, path: str, kind: type[T], purpose: Purpose, **parameters: str | int) -> T:
        """Read something; raises NotFoundError where it is not there."""
        return decode(self.transport.read(self.path(path, **parameters), purpose).body, kind, purpose)

    def pages(self, path: str, kind: type[T], purpose: Purpose, **parameters: str | int) -> Iterator[T]:
        """Read a list to its end, a hundred at once, following the links that GitHub gives."""
        been: set[str] = set()
        answer = self.transport.read(self.path(path, **{"per_page": 100, **parameters}), purpose)
        yield decode(answer.body, kind, purpose)
        while answer.next_page:
            answer = self.transport.read(onward(answer.next_page, been), purpose)
            yield decode(answer.body, kind, purpose)

    def write(self, verb: str, path: str, fields: Mapping[str, object] | None, kind: type[T], purpose: Purpose) -> T:
        """Write something, once, and read the answer."""
        return decode(self.transport.write(verb, self.path(path), fields, purpose).body, kind, purpose)

    def send(self, verb: str, path: str, fields: Mapping[str, object] | None, purpose: Purpose) -> None:
        """Write something, once, whose answer says nothing more."""
        self.transport.write(verb, self.path(path), fields, purpose)
