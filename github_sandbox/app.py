"""The web application: routes, tokens, limits, conditional requests, faults and the request log."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import flask
import msgspec

from github_sandbox import githttp, graphql_api, rest
from github_sandbox.answer import Answer, ApiError, forbidden, not_found
from github_sandbox.call import ROUTES, Call
from github_sandbox.faults import Fault, Faults
from github_sandbox.server import DroppedError
from github_sandbox.traffic import WATCHERS, Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from github_sandbox.answer import Caller
    from github_sandbox.call import Route
    from github_sandbox.faults import Armed
    from github_sandbox.github import GitHub

HOUR = 3600
LIMIT = 5000
OLD, NEW = "2022-11-28", "2026-03-10"
GONE = {"merge_commit_sha", "assignee", "rate"}
"""What answers do not have any more under the new version of the interface."""

SUBJECTS = rest.__all__
"""Their endpoints register themselves when they are imported."""
APPLICATION = "sandbox.application"


class Request(msgspec.Struct, frozen=True):
    """A line of the request log; `status` is 0 where no answer was sent."""

    method: str
    path: str
    status: int
    body: str = ""


class View(Protocol):
    """What Flask calls, with the variables of the path."""

    def __call__(self, **path: str) -> flask.Response:
        """The answer."""


class Application:
    """Everything behind the port, as a WSGI application."""

    def __init__(self, github: GitHub, git_root: Path) -> None:
        self.github = github
        self.faults = Faults()
        self.requests: list[Request] = []
        self._git_root = git_root
        self._used: dict[str, int] = {}

    # requests

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        path = environ["PATH_INFO"]
        if path.startswith("/_sandbox/"):
            return self._admin(environ)(environ, start)
        full = environ["REQUEST_URI"]
        body = b"" if ".git/" in path else environ["wsgi.input"].read()
        if body:
            environ["wsgi.input"] = io.BytesIO(body)
        armed = self.faults.hit(environ["REQUEST_METHOD"], full, body)
        log = _Logged(self.requests, environ["REQUEST_METHOD"], full, body)
        return self._faulted(armed, environ, log.around(start), log)

    def _faulted(
        self, armed: Armed | None, environ: WSGIEnvironment, start: StartResponse, log: _Logged
    ) -> Iterable[bytes]:
        fault = armed.fault if armed else Fault()
        if armed and fault.block == "before":
            armed.hold()
        if fault.drop == "before":
            log.write(0)
            raise DroppedError(reset=fault.reset)
        if fault.status is not None and not fault.acts:
            return self._broken(fault)(environ, start)
        environ["sandbox.starter"] = fault.starter
        if armed and (fault.late or fault.block):
            return self._late(armed, environ, start, log)
        return self._inner(environ, start)

    def _late(self, armed: Armed, environ: WSGIEnvironment, start: StartResponse, log: _Logged) -> Iterable[bytes]:
        """Acts, and only then fails."""
        held: list[tuple[str, list[tuple[str, str]]]] = []

        def keep(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> StartResponse:
            del exc_info
            held.append((status, headers))
            return start

        if armed.fault.twice:
            list(self._inner(environ, keep))  # type: ignore[arg-type] # only called, never written to
            environ["wsgi.input"].seek(0)
        parts = list(self._inner(environ, keep))  # type: ignore[arg-type] # the same
        armed.acted.set()
        if armed.fault.block == "after":
            armed.hold()
        if armed.fault.drop == "after":
            log.write(0)
            raise DroppedError(reset=armed.fault.reset)
        if armed.fault.status is not None:
            return self._broken(armed.fault)(environ, start)
        start(*held[-1])
        return _half(parts) if armed.fault.truncated else parts

    def _broken(self, fault: Fault) -> flask.Response:
        document = fault.document if fault.document is not None else {"message": fault.text or "Fault"}
        is_text = fault.document is None and fault.text is not None
        text = fault.text if is_text else msgspec.json.encode(document)
        response = flask.Response(text, status=fault.status, content_type="application/json; charset=utf-8")
        response.headers.update(fault.headers)
        return response

    def _inner(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(f"/{self.github.settings.repository}.git/"):
            return self._git(environ, start)
        environ[APPLICATION] = self
        return router()(environ, start)

    def _admin(self, environ: WSGIEnvironment) -> flask.Response:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "POST", "/_sandbox/faults":
                try:
                    self.faults.add(msgspec.json.decode(environ["wsgi.input"].read(), type=Fault))
                except msgspec.MsgspecError as error:
                    return _plain({"message": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
                return _plain({}, HTTPStatus.CREATED)
            case "DELETE", "/_sandbox/faults":
                self.faults.clear()
                return _plain({})
            case "GET", "/_sandbox/requests":
                return _plain(list(self.requests))
            case "DELETE", "/_sandbox/requests":
                self.requests.clear()
                return _plain({})
            case _:
                return _plain({"message": "Not Found"}, HTTPStatus.NOT_FOUND)

    # git

    def _git(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with self.github.store.lock:
            caller = self._caller(environ.get("HTTP_AUTHORIZATION"))
            pushes = "git-receive-pack" in environ["PATH_INFO"] + environ["QUERY_STRING"]
            hidden = self.github.settings.private and (caller is None or caller.author is None)
        if caller is None or hidden or (pushes and caller.author is None):
            return self._refuse_git(HTTPStatus.UNAUTHORIZED, environ, start)
        if pushes and not caller.may("contents"):
            return self._refuse_git(HTTPStatus.FORBIDDEN, environ, start)
        if environ["REQUEST_METHOD"] == "POST" and pushes:
            return self._push(environ, start, caller)
        return githttp.serve(environ, start, self._git_root, {})

    def _push(self, environ: WSGIEnvironment, start: StartResponse, caller: Caller) -> Iterable[bytes]:
        github = self.github
        with github.store.lock:
            asked = githttp.commands(environ["wsgi.input"])
            variables = {"SANDBOX_REFUSAL": self._refusal(caller, asked)}
            if not caller.may("workflows"):
                variables["SANDBOX_BRANCH"] = f"refs/heads/{github.main}"
            parts = githttp.serve(environ, start, self._git_root, variables)
            github.store.tick()
            github.follow(caller.author)
            github.store.commit()
        return parts

    def _refusal(self, caller: Caller, asked: list[tuple[str, str, str]]) -> str:
        for _, new, ref in asked:
            if objections := self.github.objections(caller, ref, new):
                listed = "".join(f"\n- {one}" for one in objections)
                return f"GH013: Repository rule violations found for {ref}.\n{listed}"
            if self.github.is_protected(caller, ref):
                kind = "Protected branch" if ref.startswith("refs/heads/") else "Protected tag"
                return f"GH006: {kind} update failed for {ref}."
        return ""

    def _refuse_git(self, status: HTTPStatus, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        text = "Permission denied." if status == HTTPStatus.FORBIDDEN else "Authentication is needed."
        response = flask.Response(f"{text}\n", status=status, content_type="text/plain")
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
        return response(environ, start)

    # endpoints

    def endpoint(self, route: Route, path: dict[str, str]) -> flask.Response:
        """Answers at an endpoint, alone: one request at a time reads and writes."""
        with self.github.store.lock:
            try:
                answer = self._answer(route, path)
            except ApiError as error:
                answer = error.answer()
            finally:
                self.github.finish_request()
        return self._send(answer)

    def unknown(self) -> flask.Response:
        """Answers where there is nothing."""
        return self._send(not_found().answer())

    def _answer(self, route: Route, path: dict[str, str]) -> Answer:
        self._check_version()
        caller = self._known_caller()
        asked = f"{path.get('owner', '')}/{path.get('repo', '')}"
        settings = self.github.settings
        if "owner" in path and asked.lower() != settings.repository.lower():
            raise not_found()
        if settings.private and caller.author is None and route.needs:
            raise not_found()
        _check_rights(route, caller)
        self._count()
        return route.handler(self._call(caller, path))

    def _call(self, caller: Caller, path: dict[str, str]) -> Call:
        request = flask.request
        call = Call(self.github, caller, request.url, path, request.get_data())
        call.content_type = request.content_type or call.content_type
        call.accept = request.headers.get("Accept", "")
        call.cut_short = bool(request.environ["sandbox.starter"])
        call.size = max(call.size, request.environ["sandbox.announced"])
        return call

    def _check_version(self) -> None:
        version = flask.request.headers.get("X-GitHub-Api-Version", OLD)
        if version not in {OLD, NEW}:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"{version} is not a supported version")

    def _known_caller(self) -> Caller:
        caller = self._caller(flask.request.headers.get("Authorization"))
        if caller is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Bad credentials")
        return caller

    def _caller(self, authorization: str | None) -> Caller | None:
        kind, _, value = (authorization or "").strip().partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value).decode().partition(":")[2]
            except ValueError:
                return None
        return self.github.caller(value.strip() if kind else None)

    def graphql(self) -> flask.Response:
        """Answers a query, alone as well."""
        with self.github.store.lock:
            try:
                call = self._call(self._known_caller(), {})
                answer = graphql_api.execute(call, self._limit("graphql"))
                self._count("graphql")
            except ApiError as error:
                answer = error.answer()
            finally:
                self.github.finish_request()
        return self._send(answer, "graphql")

    def rate_limit(self) -> flask.Response:
        """Tells the limits, for nothing."""
        resources = {name: self._limit(name) for name in ("core", "graphql", "search")}
        return self._send(Answer(document={"resources": resources, "rate": resources["core"]}))

    # limits and answers

    def _limit(self, resource: str) -> dict[str, int]:
        used = self._used.get(resource, 0)
        reset = (int(time.time()) // HOUR + 1) * HOUR
        return {"limit": LIMIT, "used": used, "remaining": max(0, LIMIT - used), "reset": reset}

    def _count(self, resource: str = "core", by: int = 1) -> None:
        self._used[resource] = self._used.get(resource, 0) + by

    def _send(self, answer: Answer, resource: str = "core") -> flask.Response:
        if answer.data is not None:
            return flask.Response(answer.data, answer.status, answer.headers, mimetype="application/octet-stream")
        document = answer.document
        if flask.request.headers.get("X-GitHub-Api-Version") == NEW:
            document = _without(document, GONE)
        text = b"" if answer.document is None else msgspec.json.encode(document)
        response = flask.Response(text, answer.status, answer.headers)
        response.content_type = "application/json; charset=utf-8"
        if flask.request.method == "GET" and answer.status == HTTPStatus.OK:
            response.set_etag(hashlib.sha256(text).hexdigest(), weak=True)
            response.make_conditional(flask.request)
            if response.status_code == HTTPStatus.NOT_MODIFIED:
                self._count(resource, -1)
        for name, value in self._limit(resource).items():
            response.headers[f"X-RateLimit-{name.title()}"] = str(value)
        _show(text, response.status_code)
        response.headers["X-RateLimit-Resource"] = resource
        response.headers["X-GitHub-Request-Id"] = f"{len(self.requests):08X}"
        return response


def _show(answer: bytes, status: int) -> None:
    """Lets those see it who want to, in the version that is described."""
    request = flask.request
    if WATCHERS and request.headers.get("X-GitHub-Api-Version", OLD) == OLD and not request.environ["sandbox.starter"]:
        url = request.environ["REQUEST_URI"]
        exchange = Exchange(request.method, url, request.get_data(), status, answer)
        for watch in WATCHERS:
            watch(exchange)


@functools.cache
def router() -> flask.Flask:
    """All endpoints; made once for all sandboxes of a process, because it takes longer than the rest of a start."""
    app = flask.Flask("github_sandbox", static_folder=None)
    app.url_map.merge_slashes = False
    for route in ROUTES:
        _add(app, route.method, route.path, _view(route))
    _add(app, "POST", "/graphql", lambda **_: _here().graphql())
    _add(app, "GET", "/rate_limit", lambda **_: _here().rate_limit())
    for code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        app.register_error_handler(code, lambda _: _here().unknown())
    return app


def _add(app: flask.Flask, method: str, path: str, view: View) -> None:
    app.add_url_rule(path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)


def _view(route: Route) -> View:
    return lambda **path: _here().endpoint(route, path)


def _here() -> Application:
    found: object = flask.request.environ[APPLICATION]
    if not isinstance(found, Application):
        raise TypeError("a request outside of a sandbox")
    return found


def _check_rights(route: Route, caller: Caller) -> None:
    if not route.needs or any(caller.may(*need.split(":")) for need in route.needs):
        return
    if caller.author is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "Requires authentication")
    raise forbidden()


def _plain(document: object, status: HTTPStatus = HTTPStatus.OK) -> flask.Response:
    return flask.Response(msgspec.json.encode(document), status, content_type="application/json")


def _without(document: object, keys: set[str]) -> object:
    if isinstance(document, dict):
        return {key: _without(value, keys) for key, value in document.items() if key not in keys}
    if isinstance(document, list):
        return [_without(value, keys) for value in document]
    return document


class _Logged:
    """Writes one line of the request log when the answer begins."""

    def __init__(self, requests: list[Request], method: str, path: str, body: bytes) -> None:
        self._requests = requests
        self._method = method
        self._path = path
        self._body = body if path.startswith("/graphql") else b""

    def write(self, status: int) -> None:
        """Writes the line."""
        text = self._body.decode(errors="replace")
        self._requests.append(Request(self._method, self._path, status, text))

    def around(self, start: StartResponse) -> StartResponse:
        """The same beginning of an answer, written down."""

        def begin(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> object:
            del exc_info
            self.write(int(status.split(" ", maxsplit=1)[0]))
            return start(status, headers)

        return begin  # type: ignore[return-value] # what it returns is passed through


def _half(parts: list[bytes]) -> Iterator[bytes]:
    """The first half of an answer; then the connection ends."""
    whole = b"".join(parts)
    yield whole[: len(whole) // 2]
    raise DroppedError
