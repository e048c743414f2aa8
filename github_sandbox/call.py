"""One request to the REST interface: who asks, what for, and how GitHub answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from github_sandbox.answer import Answer, ApiError, not_found, unprocessable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from github_sandbox.answer import Caller
    from github_sandbox.github import GitHub
    from github_sandbox.store import Author

PER_PAGE = 30
MAXIMUM = 100

T = TypeVar("T")
V = TypeVar("V")


class Call:
    """One request to one endpoint."""

    def __init__(self, github: GitHub, caller: Caller, url: str, path: Mapping[str, str], body: bytes) -> None:
        self.github = github
        self.caller = caller
        self.url = url
        self.path = path
        self.raw = body
        self.query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        self.content_type = "application/octet-stream"
        self.accept = ""
        self.cut_short = False
        self.size = len(body)

    @property
    def author(self) -> Author:
        """Who asks; an endpoint that writes has somebody."""
        if self.caller.author is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Requires authentication")
        return self.caller.author

    @property
    def root(self) -> str:
        """Where this stand-in answers, as the client sees it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def number(self, name: str) -> int:
        """A number in the path; not found when it is none."""
        text = self.path[name]
        if not text.isascii() or not text.isdigit():
            raise not_found()
        return int(text)

    def body(self, kind: type[T]) -> T:
        """The JSON body as a typed value; a wrong type or an unknown key is refused, which finds typos."""
        try:
            return msgspec.json.decode(self.raw or b"{}", type=kind)
        except msgspec.ValidationError as error:
            raise unprocessable(f"Invalid request.\n\n{error}") from error
        except msgspec.DecodeError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "Problems parsing JSON") from error

    def page(self, items: Sequence[T]) -> tuple[list[T], dict[str, str]]:
        """The part of a list that was asked for, and the Link header to the other parts."""
        size = min(_positive(self.query.get("per_page"), PER_PAGE), MAXIMUM)
        page = _positive(self.query.get("page"), 1)
        last = max(1, -(-len(items) // size))
        links: dict[str, int] = {}
        if page > 1:
            links |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            links |= {"next": page + 1, "last": last}
        header = ", ".join(f'<{self._at(number)}>; rel="{name}"' for name, number in links.items())
        return list(items[(page - 1) * size : page * size]), {"Link": header} if header else {}

    def paged(self, items: Sequence[T], view: Callable[[T], V]) -> Answer:
        """A list as it is answered."""
        part, headers = self.page(items)
        return Answer(document=[view(item) for item in part], headers=headers)

    def _at(self, page: int) -> str:
        query = urlencode(self.query | {"page": str(page)})
        return urlunsplit(urlsplit(self.url)._replace(query=query))


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else default


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler: TypeAlias = "Callable[[Call], Answer]"


class Route(msgspec.Struct, frozen=True):
    """An endpoint and the permissions of which one is needed."""

    method: Method
    path: str
    handler: Handler
    needs: list[str]


ROUTES: list[Route] = []


def route(method: Method, path: str, *needs: str) -> Callable[[Handler], Handler]:
    """Makes a function the endpoint of a path; `{}` stands for the repository's."""

    def register(handler: Handler) -> Handler:
        full = path.replace("{}", "/repos/<owner>/<repo>")
        ROUTES.append(Route(method, full, handler, list(needs)))
        return handler

    return register
