"""One HTTP request and its whole answer, bounded in time and size; importing this loads the HTTP library."""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
import zlib
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

import release_tool
from release_tool.deploy.health.connection import ConnectionFailedError
from release_tool.deploy.health.judge import ProbeResponse
from release_tool.deploy.health.verdict import Reading

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from urllib3.connectionpool import ConnectionPool

    from release_tool.deploy.health.connection import TimedConnection

_LIMIT = 1024 * 1024
"""Bytes of a body that are read, and bytes that it may have once it is unpacked."""
_CHUNK = 64 * 1024
_GZIP_OR_ZLIB = 47
_HEADERS = {
    "Accept": "application/json, text/plain;q=0.9, */*;q=0.8",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache, no-store, max-age=0",
    "Connection": "close",
    "Pragma": "no-cache",
}


def ask(
    url: str, attempt: TimedConnection, *, parameters: Mapping[str, str] | None = None, authorization: str = ""
) -> ProbeResponse:
    """Get a URL past every cache on the way, without following redirects; raises TroubleError without an answer."""

    def authorized(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = authorization
        return request

    began = time.monotonic()
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, _adapter(attempt))
            with session.get(
                url,
                params={**(parameters or {}), "release-tool": secrets.token_hex(8)},
                headers={**_HEADERS, "User-Agent": f"release-tool/{release_tool.__version__}"},
                allow_redirects=False,
                auth=authorized if authorization else None,
                stream=True,
                timeout=max(attempt.left, 0.001),
            ) as response:
                body, cut = _body(response)
    except (requests.RequestException, HTTPError, OSError, ValueError, http.client.HTTPException) as error:
        raise _trouble(error, attempt) from None
    if not attempt.left:  # the connection may have been cut where an answer may end
        raise attempt.over
    headers = {name.lower(): value for name, value in response.headers.items()}
    seconds = time.monotonic() - began
    return ProbeResponse(seconds=seconds, status=response.status_code, headers=headers, body=body, cut=cut)


def _adapter(attempt: TimedConnection) -> HTTPAdapter:
    """What makes the connections of one attempt, so that they can be cut when its time is over."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return attempt.connect(self._dns_host, self.port or self.default_port, to_proxy=self.proxy is not None)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return attempt.connect(self._dns_host, self.port or self.default_port, to_proxy=self.proxy is not None)

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(
            self,
            request: requests.PreparedRequest,
            verify: bool | str | None,  # noqa: FBT001 - the signature is the library's
            proxies: Mapping[str, str] | None = None,
            cert: tuple[str, str] | str | None = None,
        ) -> ConnectionPool:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            if isinstance(pool, HTTPConnectionPool):  # it always is, but the library does not say so
                pool.ConnectionCls = Encrypted if pool.scheme == "https" else Plain
            return pool

    return Adapter()


def _body(response: requests.Response) -> tuple[bytes, bool]:
    """The body, unpacked, and whether there was more of it."""
    packed = bytearray()
    for piece in response.raw.stream(_CHUNK, decode_content=False):
        packed += piece
        if len(packed) > _LIMIT:
            break
    data, cut = bytes(packed[:_LIMIT]), len(packed) > _LIMIT
    if response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}:
        data, more = _unpacked(data)
        return data, cut or more
    return data, cut


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    """Unpack no more than the limit, however much the data would become."""
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        return unpacking.decompress(data, _LIMIT), bool(unpacking.unconsumed_tail)
    except zlib.error:
        raise ConnectionFailedError(Reading.BAD, "its answer can't be unpacked") from None


def _trouble(error: Exception, attempt: TimedConnection) -> ConnectionFailedError:
    if not attempt.left:
        return attempt.over
    if isinstance(error, requests.exceptions.ProxyError):
        return ConnectionFailedError(Reading.UNMEASURABLE, "our proxy did not let us through")
    details = filter(None, map(_detail, _causes(error)))
    unknown = f"its answer is no HTTP that can be understood ({type(error).__name__})"
    return ConnectionFailedError(Reading.BAD, next(details, unknown))


def _detail(cause: BaseException) -> str:
    """What a cause means in words, or nothing where the one behind it tells more."""
    match cause:
        case ssl.SSLCertVerificationError():
            told = f"its certificate is not accepted: {cause.verify_message}"
        case ssl.SSLError():
            told = f"no encrypted connection: {cause.reason or 'it was closed'}"
        case http.client.RemoteDisconnected() | http.client.IncompleteRead():
            told = "the connection was closed before the answer was whole"
        case ConnectionError():
            told = "the connection was reset"
        case TimeoutError():
            told = "no answer in time"
        case _:
            told = ""
    return told


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it; the libraries wrap each other's."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
