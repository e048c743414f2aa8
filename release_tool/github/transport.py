"""Requests to GitHub: reads are repeated without an answer, writes only when they surely did nothing."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict, TypeVar
from urllib.parse import urlsplit

import msgspec

from release_tool.errors import NoAnswerError, PermissionDeniedError, RateLimitedError, RemoteError, UsageError
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests
    from github.Requester import Requester

    from release_tool.system.patience import Patience

T = TypeVar("T")

API_VERSION = "2022-11-28"
_AGENT = "release-tool"
_WHOLE_FILE = 10
"""How many times longer a server may be silent while it receives, or looks for, a whole file."""
_LOG = logging.getLogger(__name__)
_CHUNK = 1024 * 1024
_REMEMBERED = 64
"""How many answers are kept, the latest: what is polled is asked for again soon."""
_OF_A_RECORD = frozenset({"html_url", "id", "node_id", "ref", "sha", "url"})
"""What every record of GitHub's has one of."""
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="next"')
_NUMBER = re.compile(r"[0-9]{1,300}")
_LONGEST_WAIT = 366 * 86_400.0
"""Seconds; a longer wait counts as endless."""
_LIMIT_TEXT = re.compile(r"rate limit|abuse detection", re.IGNORECASE)


class NotFoundError(RemoteError):
    """GitHub knows no such thing, or hides it from this token."""


class RejectedError(RemoteError):
    """GitHub understood and refuses (422), for the reason that it `said`.

    `codes` are the codes of its reasons, such as `already_exists`.
    """

    def __init__(self, said: str, codes: frozenset[str], *, during: str) -> None:
        super().__init__(f"GitHub refuses: {said}", during=during)
        self.said = said
        self.codes = codes


class Purpose(msgspec.Struct, frozen=True):
    """What a request is for, in words, and the permission a workflow's job needs for it."""

    doing: str
    permission: str


class ApiResponse(msgspec.Struct, frozen=True):
    """What GitHub answered; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def next_page(self) -> str | None:
        """The URL of the next page of a list."""
        link = _NEXT.search(self.headers.get("link", ""))
        return link[1] if link else None


class Query(TypedDict):
    """A GraphQL query as it is sent."""

    query: str
    variables: Mapping[str, object]


class _Reason(msgspec.Struct, frozen=True):
    code: str = ""
    field: str = ""
    message: str = ""

    def __str__(self) -> str:
        return self.message or " ".join(filter(None, (self.field, self.code)))


class _Refusal(msgspec.Struct, frozen=True):
    """The body of an answer that says no."""

    message: str = ""
    errors: list[_Reason | str] | str = []

    def __str__(self) -> str:
        parts = "\n".join([self.message, *map(str, self.reasons)]).splitlines()
        return "; ".join(filter(None, map(str.strip, parts)))

    @property
    def reasons(self) -> list[_Reason]:
        listed = [self.errors] if isinstance(self.errors, str) else self.errors
        return [_Reason(message=reason) if isinstance(reason, str) else reason for reason in listed]


class _Extensions(msgspec.Struct, frozen=True):
    code: str = ""


class _QueryError(msgspec.Struct, frozen=True):
    """What went wrong with a query; a code in its extensions says that the query itself is wrong."""

    message: str = ""
    type: str = ""
    extensions: _Extensions = _Extensions()


class _QueryAnswer(msgspec.Struct, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_QueryError] = []


class Transport:
    """Asks one GitHub with one token, and counts its requests."""

    def __init__(  # noqa: PLR0913 - what differs between GitHubs, between tokens, and between us and a test
        self,
        *,
        token: str | None,
        token_source: str,
        api_url: str,
        graphql_url: str,
        patience: Patience,
        seconds_between_writes: float,
    ) -> None:
        self.requests = 0
        self.api_url = api_url.rstrip("/")
        self._requesters: dict[str, Requester] = {}
        self._token = token
        self._token_source = token_source
        self._graphql_url = graphql_url
        self._patience = patience
        self._clock = patience.clock
        self._between_writes = timedelta(seconds=seconds_between_writes)
        self._last_write = datetime.min.replace(tzinfo=UTC)
        self._was_accepted = False
        self._remembered: dict[str, ApiResponse] = {}
        self._dated: tuple[str, datetime] | None = None

    def time(self) -> datetime:
        """What time it is at GitHub by its latest answer, to the second; ours where none told."""
        if self._dated is None:
            return self._clock.now()
        from email.utils import parsedate_to_datetime  # seldom needed

        date, at = self._dated
        return parsedate_to_datetime(date) + (self._clock.steady() - at)

    # The four ways to ask

    def read(self, url: str, purpose: Purpose) -> ApiResponse:
        """Get something by its path or whole URL; asks again when GitHub does not answer.

        What was read before is asked for only if it changed: an answer that it did not costs nothing of the rate.
        """
        whole = self._absolute(url)
        answer = self._patience.ask(lambda _: self._read_once(whole, purpose))
        return _accepted(answer, purpose)

    def _read_once(self, url: str, purpose: Purpose) -> ApiResponse:
        known = self._remembered.pop(url, None)
        answer = self._once("GET", url, purpose, unless=known.headers["etag"] if known else "")
        if known and answer.status == http.HTTPStatus.NOT_MODIFIED:
            answer = known
        if answer.status == http.HTTPStatus.OK and answer.headers.get("etag"):
            self._remembered[url] = answer
            while len(self._remembered) > _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return answer

    def write(self, verb: str, path: str, body: Mapping[str, object] | None, purpose: Purpose) -> ApiResponse:
        """Change something, once; raises NoAnswerError when it is not known whether it happened."""
        url = self._absolute(path)
        return _done(_accepted(self._writing(lambda: self._once(verb, url, purpose, body), purpose), purpose), purpose)

    def query(self, ask: Callable[[int], Query], kind: type[T], purpose: Purpose) -> T:
        """Ask by GraphQL; `ask` is told how often GitHub failed before, and can ask for less then.

        An answer with errors is never taken, except for one where something asked for does not exist.
        """

        def once(failures: int) -> bytes:
            return self._checked_query(self._once("POST", self._graphql_url, purpose, ask(failures)), purpose)

        return decode(self._patience.ask(once), kind, purpose)

    def upload(self, url: str, path: Path, content_type: str, purpose: Purpose) -> ApiResponse:
        """Send a file as it is, without reading it into memory."""
        self._insist_on_our_github(url)
        sent = self._writing(lambda: self._upload_once(url, path, content_type, purpose), purpose)
        return _done(_accepted(sent, purpose), purpose)

    def digest(self, url: str, purpose: Purpose) -> str:
        """Download something and tell its SHA-256; another host that GitHub points to does not get our token."""
        return self._patience.ask(lambda _: self._digest_once(self._absolute(url), purpose))

    def download(self, url: str, purpose: Purpose, *, most: int) -> bytes:
        """Download something that is no larger than so many bytes, from wherever GitHub points to, as `digest` does."""
        return self._patience.ask(lambda _: self._download_once(self._absolute(url), purpose, most))

    # Patience

    @property
    def is_patient(self) -> bool:
        """Whether something is asked again."""
        return bool(self._patience.max_wait)

    @contextlib.contextmanager
    def impatient(self) -> Iterator[None]:
        """Ask everything once and wait for nothing, while something else must not be kept waiting."""
        patient = self._patience
        self._patience = msgspec.structs.replace(patient, max_wait=timedelta())
        try:
            yield
        finally:
            self._patience = patient

    def _writing(self, once: Callable[[], ApiResponse], purpose: Purpose) -> ApiResponse:
        """Write once, at a distance from the write before; a rate limit is waited for, because it did nothing."""
        pause = self._last_write + self._between_writes - self._clock.steady()
        if pause > timedelta():
            self._clock.sleep(pause.total_seconds())
        try:
            return self._patience.ask(lambda _: once(), again=False)
        except NoAnswerError as silence:
            silence.already = f"it is not known whether GitHub did it: {purpose.doing}"
            raise
        finally:
            self._last_write = self._clock.steady()

    # One request

    def _once(
        self, verb: str, url: str, purpose: Purpose, body: Mapping[str, object] | None = None, *, unless: str = ""
    ) -> ApiResponse:
        """Ask once; `unless` is the ETag of what is known, and no body comes where it is still so."""
        origin, path = _split(url)
        requester = self._requester(origin)
        conditions: dict[str, str | int] | None = {"If-None-Match": unless} if unless else None
        with self._told(purpose):
            status, headers, text = requester.requestJson(verb, path, input=body, headers=conditions)
        return self._answered(ApiResponse(status, headers, text), purpose)

    def _upload_once(self, url: str, path: Path, content_type: str, purpose: Purpose) -> ApiResponse:
        headers = {"Content-Type": content_type}
        with self._told(purpose), path.open("rb") as file, self._session() as session:
            sent = session.post(
                url, data=file, headers=headers, timeout=_WHOLE_FILE * self._patience.silence, allow_redirects=False
            )
            answer = ApiResponse(sent.status_code, _lower(sent.headers), sent.text)
        return self._answered(answer, purpose)

    def _digest_once(self, url: str, purpose: Purpose) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks_once(url, purpose):
            digest.update(chunk)
        return digest.hexdigest()

    def _download_once(self, url: str, purpose: Purpose, most: int) -> bytes:
        found = bytearray()
        for chunk in self._chunks_once(url, purpose):
            found += chunk
            if len(found) > most:
                raise RemoteError(f"it is larger than {most} bytes", during=purpose.doing)
        return bytes(found)

    def _chunks_once(self, url: str, purpose: Purpose) -> Iterator[bytes]:
        headers = {"Accept": "application/octet-stream"}
        with (
            self._told(purpose),
            self._session() as session,
            session.get(url, headers=headers, timeout=_WHOLE_FILE * self._patience.silence, stream=True) as sent,
        ):
            told = "" if sent.ok else sent.text
            _accepted(self._answered(ApiResponse(sent.status_code, _lower(sent.headers), told), purpose), purpose)
            yield from sent.iter_content(_CHUNK)

    def _answered(self, answer: ApiResponse, purpose: Purpose) -> ApiResponse:
        """Raise for an answer that is a rate limit, a server error, or a rejected token."""
        if date := answer.headers.get("date"):
            self._dated = date, self._clock.steady()
        if _is_limit(answer):
            raise _limited(answer, self._clock.now(), purpose)
        if answer.status >= 500:  # noqa: PLR2004 - the class of the server's own failures
            raise NoAnswerError(f"GitHub answered {answer.status}", during=purpose.doing, todo="run the command again")
        if answer.status == 401:  # noqa: PLR2004 - unauthorized
            raise self._unauthorized(purpose)
        self._was_accepted = True
        return answer

    def _unauthorized(self, purpose: Purpose) -> UsageError | RemoteError:
        """A wrong token is the user's fault; one that was good a moment ago has run out, or GitHub is mistaken."""
        if self._was_accepted:
            return RemoteError(
                f"GitHub does not accept the token from {self._token_source} any more",
                during=purpose.doing,
                todo="run the command again with a fresh token; an app's token lives for an hour, a workflow's own for "
                "as long as its job",
            )
        return UsageError(
            f"GitHub does not accept the token from {self._token_source}",
            during=purpose.doing,
            todo="use a valid token that has not expired",
        )

    def _checked_query(self, answer: ApiResponse, purpose: Purpose) -> bytes:
        _accepted(answer, purpose)
        reply = decode(answer.body, _QueryAnswer, purpose)
        for error in reply.errors:
            if error.type == "RATE_LIMITED":
                raise _limited(answer, self._clock.now(), purpose)
            if error.type in {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
                raise _denied(error.message, purpose)
            if error.extensions.code:
                raise RemoteError(f"GitHub rejects the query: {error.message}", during=purpose.doing)
            if error.type != "NOT_FOUND":
                raise NoAnswerError(f"GitHub could not answer in full: {error.message}", during=purpose.doing)
        return bytes(reply.data)

    @contextlib.contextmanager
    def _told(self, purpose: Purpose) -> Iterator[None]:
        """Count a request, and tell when it got no answer, whatever the library calls that."""
        import requests

        self.requests += 1
        _LOG.info("GitHub, request %d: %s", self.requests, purpose.doing)
        try:
            yield
        except requests.Timeout as error:
            raise NoAnswerError("GitHub took too long to answer", during=purpose.doing) from error
        except requests.RequestException as error:
            raise NoAnswerError("the connection to GitHub failed", during=purpose.doing) from error
        except RecursionError as error:
            raise RemoteError("GitHub redirects in a circle", during=purpose.doing) from error
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                raise
            # A redirect that PyGithub refuses to follow, told by nothing more than this.
            raise RemoteError(str(error), during=purpose.doing) from error
        except (ValueError, OverflowError, http.client.HTTPException) as error:
            raise RemoteError(f"GitHub's answer can't be read: {error}", during=purpose.doing) from error

    # Who asks whom

    def _requester(self, origin: str) -> Requester:
        if origin not in self._requesters:
            self._requesters[origin] = self._connect(origin)
        return self._requesters[origin]

    def _connect(self, origin: str) -> Requester:
        from github import Auth, Github

        return Github(
            auth=Auth.Token(self._insist_on_token()),
            base_url=origin,
            timeout=self._patience.silence,
            user_agent=_AGENT,
            retry=None,  # its own would repeat writes
            seconds_between_requests=None,
            seconds_between_writes=None,  # ours waits by the clock it is given
            api_version=API_VERSION,
        ).requester

    def _session(self) -> requests.Session:
        import requests

        token = self._insist_on_token()

        def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        session = requests.Session()
        session.auth = authorize  # a header would lose against a .netrc file
        session.headers.update({"User-Agent": _AGENT, "X-GitHub-Api-Version": API_VERSION})
        return session

    def _insist_on_token(self) -> str:
        if not self._token:
            raise UsageError(
                "this needs GitHub, and there is no token",
                todo="set GITHUB_TOKEN, or log in with `gh auth login`",
            )
        return self._token

    def _absolute(self, url: str) -> str:
        """The whole URL of a path; a URL that GitHub gave must be its own, for it gets our token."""
        if url.startswith("/"):
            return self.api_url + url
        self._insist_on_our_github(url)
        return url

    def _insist_on_our_github(self, url: str) -> None:
        try:
            ours, theirs = urlsplit(self.api_url), urlsplit(url)
        except ValueError:
            raise RemoteError("GitHub redirects to an invalid URL, so nothing is sent there") from None
        domain = (ours.hostname or "").removeprefix("api.")
        host = theirs.hostname or ""
        if theirs.scheme != ours.scheme or not (host == domain or host.endswith(f".{domain}")):
            raise RemoteError(f"GitHub redirects to {host or url}, which is not its own host, so nothing is sent there")


def decode(body: bytes | str, kind: type[T], purpose: Purpose) -> T:
    """Read an answer as a value of a kind; raises RemoteError where it is none."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise RemoteError(f"GitHub's answer can't be read: {error}", during=purpose.doing) from error


def onward(place: str | None, been: set[str]) -> str:
    """Where a list goes on, which is noted in `been`; raises RemoteError where that is nowhere, or was there already.

    A list that goes round in a circle has no end.
    """
    if place is None or place in been:
        raise RemoteError(
            "GitHub's answer can't be true: a list goes on where it has been already",
            during="reading a list page by page",
            todo="run the same command again",
        )
    been.add(place)
    return place


def _accepted(answer: ApiResponse, purpose: Purpose) -> ApiResponse:
    """Turn an answer that says no into the error that says what to do."""
    if answer.status < 300:  # noqa: PLR2004 - the class of success
        return answer
    refusal = _refusal(answer)
    said = str(refusal) or f"it answered {answer.status}"
    match answer.status:
        case 403:
            raise _denied(said, purpose)
        case 404 | 410:
            raise NotFoundError(
                f"GitHub does not know it, or hides it from this token: {said}",
                during=purpose.doing,
                todo=f"check the name, and that the token has `{purpose.permission}`",
            )
        case 422:
            codes = frozenset(reason.code for reason in refusal.reasons if reason.code)
            raise RejectedError(said, codes, during=purpose.doing)
        case status:
            raise RemoteError(f"GitHub answered {status}: {said}", during=purpose.doing)


def _done(answer: ApiResponse, purpose: Purpose) -> ApiResponse:
    """Insist that GitHub itself says that it wrote: what stands before it may answer anything, and did nothing."""
    if answer.status > 201:  # noqa: PLR2004 - accepted or without content: only GitHub says so, and says no more
        return answer
    try:
        document: object = msgspec.json.decode(answer.body)
    except UNREADABLE:
        document = None
    if isinstance(document, list) or (isinstance(document, dict) and not document.keys().isdisjoint(_OF_A_RECORD)):
        return answer
    raise NoAnswerError(
        "GitHub's answer does not confirm the write",
        during=purpose.doing,
        already=f"it is not known whether GitHub did it: {purpose.doing}",
        todo="run the command again",
    )


def _denied(said: str, purpose: Purpose) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"the token may not do this; it needs the permission `{purpose.permission}` (GitHub says: {said})",
        during=purpose.doing,
        todo=f"add `{purpose.permission}` to the permissions of the job, or use a token that has it",
    )


def _refusal(answer: ApiResponse) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except UNREADABLE:  # a page of a proxy, say: its status has to do
        return _Refusal()


def _is_limit(answer: ApiResponse) -> bool:
    """Whether GitHub did nothing because of too many requests; a missing right is a 403 too."""
    if answer.status == 429:  # noqa: PLR2004 - too many requests
        return True
    if answer.status != 403:  # noqa: PLR2004 - forbidden
        return False
    said = _refusal(answer).message or answer.body[:_CHUNK]  # what stands before GitHub may speak no JSON
    return (
        "retry-after" in answer.headers
        or _LIMIT_TEXT.search(said) is not None
        or (answer.headers.get("x-ratelimit-remaining") == "0" and "not accessible" not in said)
    )


def _limited(answer: ApiResponse, now: datetime, purpose: Purpose) -> RateLimitedError:
    """How long GitHub wants us to wait: what it says, else until its counter starts anew."""
    after, reset = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-reset", "")
    wait: float | None = None
    if _NUMBER.fullmatch(after):
        wait = min(float(after), _LONGEST_WAIT)
    elif answer.headers.get("x-ratelimit-remaining") == "0" and _NUMBER.fullmatch(reset):
        wait = min(max(float(reset) - now.timestamp(), 0) + 1, _LONGEST_WAIT)
    until = "" if wait is None else f" until {now + timedelta(seconds=wait):%H:%M:%S} UTC"
    error = RateLimitedError(f"GitHub's rate limit is used up{until}", wait)
    error.during = purpose.doing
    return error


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path + (f"?{parts.query}" if parts.query else "")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
