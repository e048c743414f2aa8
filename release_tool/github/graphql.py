"""GraphQL, asked about one repository: its name as variables, pages by cursor, accounts and labels as it tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from release_tool.errors import RemoteError
from release_tool.github.transport import Purpose, onward
from release_tool.model.commits import Author

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from release_tool.github.transport import Query, Transport

T = TypeVar("T")

BOT = "[bot]"
"""What the logins of apps end with, and those of people never do."""


_TOGETHER = 13
"""How many pages are asked for at once at most: five thousand records in four requests, far below what GitHub tells."""


class PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    """Whether a page is the last one, and where the next one begins."""

    has_next_page: bool
    end_cursor: str | None = None


class _Page(Protocol):
    @property
    def page_info(self) -> PageInfo: ...


P = TypeVar("P", bound=_Page)


class Actor(msgspec.Struct, frozen=True):
    """An account as GraphQL tells it."""

    login: str
    kind: str = msgspec.field(name="__typename")
    full_name: str | None = msgspec.field(name="name", default=None)

    @property
    def is_bot(self) -> bool:
        """Whether it is an app's."""
        return self.kind == "Bot"

    @property
    def name(self) -> str:
        """The login as it is known everywhere but there: GraphQL leaves the `[bot]` out."""
        return f"{self.login.removesuffix(BOT)}{BOT}" if self.is_bot else self.login

    def author(self) -> Author:
        """The same as an author."""
        return Author(name=self.full_name or self.name, login=self.name, bot=self.name.endswith(BOT))


class _Name(msgspec.Struct, frozen=True):
    name: str


class LabelPage(msgspec.Struct, frozen=True, rename="camel"):
    """The first labels of something, and how many there are."""

    total_count: int = 0
    nodes: tuple[_Name, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that are told."""
        return tuple(label.name for label in self.nodes)

    @property
    def whole(self) -> bool:
        """Whether all of them are told."""
        return self.total_count <= len(self.nodes)


class InRepository(msgspec.Struct, Generic[T], frozen=True):
    """An answer that is about the repository alone."""

    repository: T | None


class _Viewer(msgspec.Struct, frozen=True):
    login: str


class _ViewerAnswer(msgspec.Struct, frozen=True):
    viewer: _Viewer


class GraphQL:
    """The GraphQL interface, about one repository: `$owner` and `$name` of a query are its name."""

    def __init__(self, repository: str, transport: Transport) -> None:
        self._repository = repository
        self._transport = transport
        self.page_ends: dict[str, tuple[str, ...]] = {}
        """Where the pages of lists that were read whole end, by the name of the list; it only saves requests."""

    def ask(self, query: str, variables: Mapping[str, object], kind: type[T], purpose: Purpose) -> T:
        """Ask a query, again where GitHub does not answer."""
        return self.ask_less(lambda _: (query, variables), kind, purpose)

    def ask_less(self, ask: Callable[[int], tuple[str, Mapping[str, object]]], kind: type[T], purpose: Purpose) -> T:
        """Ask a query that is told how often GitHub failed before, so that it can ask for less then."""

        def named(failures: int) -> Query:
            query, variables = ask(failures)
            owner, _, name = self._repository.partition("/")
            names = {"owner": owner, "name": name} if "$owner" in query else {}
            return {"query": query, "variables": {**names, **variables}}

        return self._transport.query(named, kind, purpose)

    def repository(self, query: str, variables: Mapping[str, object], kind: type[T], purpose: Purpose) -> T:
        """Ask a query about the repository, again where GitHub does not answer; raises RemoteError without one."""
        return self.repository_less(lambda _: (query, variables), kind, purpose)

    def repository_less(
        self, ask: Callable[[int], tuple[str, Mapping[str, object]]], kind: type[T], purpose: Purpose
    ) -> T:
        """The same with a query that can ask for less, as for `ask_less`."""
        answer = self.ask_less(ask, InRepository[kind], purpose)  # type: ignore[valid-type]  # known when it is read
        return self.found(answer.repository, purpose)

    def whole(self, name: str, ask: Callable[[Sequence[str | None]], Sequence[P]]) -> Iterator[P]:
        """Every page of a list, many at once where `page_ends` knows where they end.

        What is known is never believed: a page counts only where it begins at the end of the one before, as GitHub
        tells both. `ask` may answer with fewer pages than it is asked for, and is asked for no more at once from then
        on. Where nothing is waited for, only one is asked for, as too many at once may have to be asked for again.
        """
        found: list[str] = []
        for page in _chained(ask, self.page_ends.get(name, ()), _TOGETHER if self._transport.is_patient else 1):
            if page.page_info.has_next_page and page.page_info.end_cursor:
                found.append(page.page_info.end_cursor)
            yield page
        self.page_ends[name] = tuple(found)

    def viewer(self) -> str:
        """The login of the account that the token is of."""
        purpose = Purpose("asking whose the token is", "metadata: read")
        return self.ask("query { viewer { login } }", {}, _ViewerAnswer, purpose).viewer.login

    def found(self, repository: T | None, purpose: Purpose) -> T:
        """The repository of an answer; raises RemoteError where there is none."""
        if repository is None:
            raise no_repository(self._repository, purpose)
        return repository


def pages(ask: Callable[[str | None], P], first: P | None = None) -> Iterator[P]:
    """Every page of a list, each asked for with the cursor at which it begins; the `first` one may be known already."""
    been: set[str] = set()
    page = ask(None) if first is None else first
    yield page
    while page.page_info.has_next_page:
        page = ask(onward(page.page_info.end_cursor, been))
        yield page


def told(answer: Mapping[str, T], names: Iterable[str], purpose: Purpose) -> list[T]:
    """What an answer tells by some names, in their order; raises RemoteError where it lacks one that was asked for."""
    try:
        return [answer[name] for name in names]
    except KeyError as missing:
        raise RemoteError(f"GitHub's answer lacks {missing}, which was asked for", during=purpose.doing) from None


def _chained(ask: Callable[[Sequence[str | None]], Sequence[P]], ends: Sequence[str], most: int) -> Iterator[P]:
    """Every page, where some `ends` of pages are said to be known; one counts where the one before it ends."""
    following = dict(zip((None, *ends), ends, strict=False))
    after: str | None = None
    been: set[str] = set()
    while True:
        starts = _starts(after, following, most)
        answered = ask(starts)
        most = min(most, len(answered)) if len(answered) < len(starts) else most
        for start, page in zip(starts, answered, strict=False):
            if start != after:
                break
            yield page
            if not page.page_info.has_next_page:
                return
            after = onward(page.page_info.end_cursor, been)


def _starts(after: str | None, following: Mapping[str | None, str], most: int) -> Sequence[str | None]:
    """Where the next pages begin, as far as that is known."""
    starts = [after]
    while len(starts) < most and starts[-1] in following:
        starts.append(following[starts[-1]])
    return starts


def account(login: str) -> str:
    """One name for an account: REST calls an app `name[bot]`, GraphQL may call it `name`."""
    return login.removesuffix(BOT).casefold()


def no_repository(name: str, purpose: Purpose) -> RemoteError:
    """The error for a repository that GitHub does not return."""
    return RemoteError(
        f"GitHub knows no repository {name}, or hides it from this token",
        during=purpose.doing,
        todo="check the name (`--repo OWNER/NAME`), and that the token may read it",
    )
