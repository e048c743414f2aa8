from __future__ import annotations

import contextlib
import datetime as dt
import errno
import gzip
import itertools
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from release_tool.config.model import Check, Duration, JsonTest, Target
from release_tool.deploy.health.connection import (
    ConnectionFailedError,
    TimedConnection,
    connection_trouble,
    lookup_trouble,
    resolve,
)
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Prober, Question, insist_usable
from release_tool.deploy.health.verdict import Reading, Sample
from release_tool.errors import UsageError
from tests.certificates import certificate
from tests.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from release_tool.deploy.health.connection import Address

NOWHERE = "fd00::1"
EXPECTED = Expected(commit="5f3c2a1b" * 5, version="1.3.0")
LONG = Duration(seconds=20)
SHORT = Duration(milliseconds=300)
MEGABYTE = 1024 * 1024
PYTHON = sys.executable
VERSION = Check(version_pointer="/version", timeout=LONG)


def response(body: bytes = b'{"version": "1.3.0"}', *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


class Server:
    """A server on loopback that reads requests, remembers them, and then does to a connection what it was told to."""

    def __init__(
        self,
        behave: Callable[[socket.socket], None],
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        reads: bool,
    ) -> None:
        self.requests: list[str] = []
        self._behave, self._tls, self._reads = behave, tls, reads
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.address = f"[{host}]" if ":" in host else host
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._connections: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}:{self.port}"

    def close(self) -> None:
        self._over.set()
        socket.create_connection((self.address.strip("[]"), self.port), timeout=5).close()
        for thread in (self._accepting, *self._connections):
            thread.join(timeout=10)
            assert not thread.is_alive(), "a connection was left open"
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._over.is_set():
                connection.close()
                return
            self._connections.append(threading.Thread(target=self._serve, args=(connection,)))
            self._connections[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as open_ones:
            open_ones.callback(connection.close)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                open_ones.callback(connection.close)
            if self._reads:
                self.requests.append(self._request(connection))
            self._behave(connection)

    @staticmethod
    def _request(connection: socket.socket) -> str:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096) or b"\r\n\r\n"
        return request.decode()


class Serve:
    """Starts servers and ends them all."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    def __call__(
        self,
        behave: Callable[[socket.socket], None] | bytes,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        reads: bool = True,
    ) -> Server:
        does = (lambda connection: connection.sendall(behave)) if isinstance(behave, bytes) else behave
        self._servers.append(Server(does, host=host, port=port, tls=tls, reads=reads))
        return self._servers[-1]

    def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    serving = Serve()
    yield serving
    serving.close()


@pytest.fixture
def prober(tmp_path: Path) -> Prober:
    return Prober(
        expected=EXPECTED,
        clock=FakeClock(),
        directory=tmp_path,
        environment={"PATH": os.environ["PATH"], "RELEASE_TARGET": "web-1"},
        secrets=["hunter2-hunter2"],
    )


def ask(prober: Prober, url: str, check: Check = VERSION) -> tuple[Reading, str]:
    (sample,) = prober.measure([Question(target=Target(name="web-1", url=url), check=check)])
    return sample.sample, sample.detail


def forever(*pieces: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """Say the pieces, the last one again and again until the other side is gone."""

    def behave(connection: socket.socket) -> None:
        for piece in itertools.chain(pieces, itertools.repeat(pieces[-1])):
            connection.sendall(piece)
            if pause and gone(connection, pause):
                return

    return behave


def silent(connection: socket.socket) -> None:
    connection.settimeout(10)
    while connection.recv(4096):
        pass


def gone(connection: socket.socket, within: float) -> bool:
    connection.settimeout(within)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False


# One answer, one sample


def test_what_was_not_measured_is_not_written_down() -> None:
    sample = Sample(target="web-1", check="errors", at=FakeClock().now(), sample=Reading.OK, value=0.25)
    assert sample.document() == {
        "target": "web-1",
        "check": "errors",
        "at": FakeClock().now().isoformat().replace("+00:00", "Z"),
        "sample": "ok",
        "detail": "",
        "address": "",
        "addresses": (),
        "value": 0.25,
    }


def test_a_sample_tells_target_check_time_and_what_was_found(serve: Serve, prober: Prober) -> None:
    server = serve(response())
    check = Check(name="health", url="/health", version_pointer="/version", timeout=LONG)

    (sample,) = prober.measure([Question(target=Target(name="web-1", url=f"{server.url}/app/"), check=check)])

    assert sample == Sample(
        target="web-1",
        check="health",
        at=FakeClock().now(),
        sample=Reading.OK,
        detail=sample.detail,
        took=sample.took,
    )
    assert sample.took is not None
    assert 0 < sample.took < 20
    assert sample.detail.startswith("200 in ")
    assert sample.detail.endswith(" ms: it is `1.3.0`")
    assert server.requests[0].startswith("GET /app/health?release-tool=")


def test_each_request_goes_past_caches_and_names_the_tool(serve: Serve, prober: Prober) -> None:
    server = serve(response())

    for _ in range(2):
        assert ask(prober, f"{server.url}/health?deep=1")[0] is Reading.OK

    first, second = server.requests
    assert first.startswith("GET /health?deep=1&release-tool=")
    assert first.splitlines()[0] != second.splitlines()[0]
    assert "Cache-Control: no-cache, no-store, max-age=0" in first
    assert "User-Agent: release-tool/" in first


def test_the_old_version_is_stale(serve: Serve, prober: Prober) -> None:
    reading, detail = ask(prober, serve(response(b'{"version": "1.2.9"}')).url)

    assert (reading, detail.partition(": ")[2]) == (Reading.STALE, "it is `1.2.9`, not `1.3.0`")


def test_an_error_out_of_a_cache_says_so(serve: Serve, prober: Prober) -> None:
    server = serve(response(b"", "Age: 86", "X-Cache: Hit from cloudfront", status="504 Gateway Timeout"))

    reading, detail = ask(prober, server.url)

    assert reading is Reading.BAD
    assert "from a cache (Age 86, X-Cache Hit from cloudfront): expected 200 to 299" in detail


def test_a_redirect_is_not_followed(serve: Serve, prober: Prober) -> None:
    elsewhere = serve(response())
    server = serve(response(b"", f"Location: {elsewhere.url}/", status="301 Moved Permanently"))

    reading, detail = ask(prober, server.url)

    assert reading is Reading.BAD
    assert detail.endswith(f"a redirect to `{elsewhere.url}/`, and redirects are not followed")
    assert elsewhere.requests == []


def test_wrong_json_is_bad(serve: Serve, prober: Prober) -> None:
    check = Check(json=(JsonTest(pointer="/db", equal="up"),), timeout=LONG)

    assert ask(prober, serve(response(b"<html>")).url, check)[1].endswith("the answer is not JSON")
    assert ask(prober, serve(response(b'{"db": "down"}')).url, check)[1].endswith("`/db` is `down`, not `up`")


def test_a_packed_answer_is_unpacked_even_though_it_was_not_asked_for(serve: Serve, prober: Prober) -> None:
    packed = gzip.compress(b'{"version": "1.3.0"}')

    assert ask(prober, serve(response(packed, "Content-Encoding: gzip")).url)[0] is Reading.OK
    assert ask(prober, serve(response(b"no gzip", "Content-Encoding: gzip")).url) == (
        Reading.BAD,
        "its answer can't be unpacked",
    )


def test_an_answer_by_ipv6_counts_like_any_other(serve: Serve, prober: Prober) -> None:
    try:
        server = serve(response(), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")

    assert ask(prober, server.url)[0] is Reading.OK
    assert ask(prober, server.url, Check(kind="tcp", timeout=LONG))[0] is Reading.OK


# Several addresses behind one name


class Names:
    """A name server: what a name means, as a test says."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    def __call__(self, host: str, port: int) -> list[Address]:
        assert host == "shop.localhost"
        return [(socket.AF_APPLETALK if host == NOWHERE else socket.AF_INET, (host, port)) for host in self.hosts]


class Fleet:
    """Servers behind the name `shop.localhost`, on one port, each of a version."""

    def __init__(
        self, serve: Serve, directory: Path, versions: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> None:
        self.servers: dict[str, Server] = {}
        port = 0
        for host, version in versions.items():
            answer = response(f'{{"version": "{version}"}}'.encode())
            self.servers[host] = serve(answer, host=host, port=port, tls=tls)
            port = self.servers[host].port
        self.names = Names(*versions)
        self.said: list[str] = []
        self.url = f"http{'s' if tls else ''}://shop.localhost:{port}"
        self.prober = Prober(
            expected=EXPECTED,
            clock=FakeClock(),
            directory=directory,
            environment={},
            resolve=self.names,
            say=self.said.append,
        )

    def ask(self, times: int) -> list[tuple[Reading, str]]:
        return [ask(self.prober, self.url) for _ in range(times)]


def test_each_address_of_a_name_is_asked_in_turn_and_named(serve: Serve, tmp_path: Path) -> None:
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0", "127.0.0.3": "1.2.9"})

    answers = fleet.ask(4)

    assert [reading for reading, _ in answers] == [Reading.OK, Reading.STALE] * 2
    assert [detail.partition(":")[0] for _, detail in answers] == ["127.0.0.2", "127.0.0.3"] * 2
    assert "Host: shop.localhost" in fleet.servers["127.0.0.3"].requests[0]


def test_whichever_address_is_asked_the_handshake_is_about_the_name_of_the_url(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = certificate(tmp_path / "shop", dt.datetime.now(dt.UTC) + dt.timedelta(days=1), "shop.localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    asked_for: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0", "127.0.0.3": "1.3.0"}, context)

    assert [reading for reading, _ in fleet.ask(2)] == [Reading.OK] * 2
    assert asked_for == ["shop.localhost"] * 2


def test_an_address_that_nobody_answers_at_is_bad_although_others_do(serve: Serve, tmp_path: Path) -> None:
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0"})
    fleet.names.hosts = ("127.0.0.2", "127.0.0.9")

    assert [reading for reading, _ in fleet.ask(4)] == [Reading.OK, Reading.BAD] * 2


def test_a_name_is_looked_up_each_time_and_what_it_does_not_mean_any_more_is_not_asked(
    serve: Serve, tmp_path: Path
) -> None:
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0", "127.0.0.3": "1.2.9"})
    fleet.ask(2)
    fleet.names.hosts = ("127.0.0.2",)

    assert [reading for reading, _ in fleet.ask(3)] == [Reading.OK] * 3
    assert len(fleet.servers["127.0.0.3"].requests) == 1


def test_a_sample_tells_which_address_was_asked_and_what_the_name_meant_then(serve: Serve, tmp_path: Path) -> None:
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0", "127.0.0.3": "1.2.9"})
    question = Question(target=Target(name="web", url=fleet.url), check=Check(version_pointer="/version"))

    first, second = fleet.prober.measure([question, question])
    fleet.names.hosts = ("127.0.0.2",)
    (alone,) = fleet.prober.measure([question])

    assert (first.address, second.address, alone.address) == ("127.0.0.2", "127.0.0.3", "127.0.0.2")
    assert first.addresses == second.addresses == ("127.0.0.2", "127.0.0.3")
    assert alone.addresses == ("127.0.0.2",)


def test_an_address_without_a_route_is_left_out_and_told_once(serve: Serve, tmp_path: Path) -> None:
    """It is of a family that no machine of today speaks, as many a runner speaks no IPv6."""
    fleet = Fleet(serve, tmp_path, {"127.0.0.2": "1.3.0"})
    fleet.names.hosts = ("127.0.0.2", NOWHERE)

    assert [reading for reading, _ in fleet.ask(4)] == [Reading.OK] * 4
    assert fleet.said == [f"{NOWHERE} is left out of the checks: this machine has no route to it"]


# What never ends


@pytest.mark.parametrize(
    "behave",
    [
        silent,
        forever(b"H", b"T", pause=0.01),
        forever(b"HTTP/1.1 200 OK\r\n", b"X", pause=0.01),
        forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.01),
        forever(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", pause=0.01),
        forever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.01),
    ],
    ids=["silent", "status", "headers", "body", "sized", "chunks"],
)
def test_an_answer_that_drips_is_cut_off_and_its_connection_closed(
    serve: Serve, prober: Prober, behave: Callable[[socket.socket], None]
) -> None:
    server = serve(behave)  # whose end insists on closed connections

    assert ask(prober, server.url, Check(timeout=SHORT)) == (Reading.BAD, "no complete answer within 0.3 s")


def test_a_handshake_that_is_never_answered_is_cut_off(serve: Serve, prober: Prober) -> None:
    server = serve(silent, reads=False)

    assert ask(prober, server.url.replace("http", "https"), Check(timeout=SHORT)) == (
        Reading.BAD,
        "no complete answer within 0.3 s",
    )


def test_of_an_endless_answer_only_the_beginning_is_read(serve: Serve, prober: Prober) -> None:
    server = serve(forever(b"HTTP/1.1 200 OK\r\n\r\nup ", b"x" * 65536))

    assert ask(prober, server.url, Check(body_pattern="^up", timeout=LONG))[0] is Reading.OK
    reading, detail = ask(prober, server.url)
    assert reading is Reading.BAD
    assert detail.endswith(f"the answer is not JSON, of which only the first {MEGABYTE} bytes were read")


def test_a_small_answer_that_unpacks_into_a_huge_one_stays_small(serve: Serve, prober: Prober) -> None:
    bomb = gzip.compress(bytes(100 * MEGABYTE), compresslevel=1)

    reading, detail = ask(prober, serve(response(bomb, "Content-Encoding: gzip")).url)

    assert reading is Reading.BAD
    assert detail.endswith(f"only the first {MEGABYTE} bytes were read")


def test_endless_headers_are_refused(serve: Serve, prober: Prober) -> None:
    server = serve(forever(b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n"))

    assert ask(prober, server.url)[1].startswith("its answer is not valid HTTP")


# What breaks


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half(connection: socket.socket) -> None:
    connection.sendall(response()[:-5])


@pytest.mark.parametrize(
    "behave, detail",
    [
        (reset, "the connection was reset"),
        (half, "the connection was closed before the answer was whole"),
        (b"", "the connection was closed before the answer was whole"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "its answer is not valid HTTP (ConnectionError)"),
    ],
    ids=["reset", "half", "nothing", "other"],
)
def test_a_broken_answer_is_one_bad_sample(
    serve: Serve, prober: Prober, behave: Callable[[socket.socket], None] | bytes, detail: str
) -> None:
    assert ask(prober, serve(behave).url) == (Reading.BAD, detail)


def test_a_port_that_nobody_listens_on_is_bad(prober: Prober) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    for check in (Check(timeout=LONG), Check(kind="tcp", timeout=LONG)):
        assert ask(prober, f"http://127.0.0.1:{port}", check) == (Reading.BAD, "the connection was refused")


def test_a_certificate_that_has_expired_is_bad(
    serve: Serve, prober: Prober, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    valid, expired = (certificate(tmp_path / str(days), now + days * day) for days in (1, -1))

    def reading(path: Path, trusted: Path) -> tuple[Reading, str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        return ask(prober, serve(response(), tls=context).url)

    assert reading(valid, trusted=valid)[0] is Reading.OK
    assert reading(expired, trusted=expired) == (
        Reading.BAD,
        "its certificate is not accepted: certificate has expired",
    )
    assert reading(valid, trusted=expired)[1].startswith("its certificate is not accepted: ")


def test_http_where_https_was_expected_is_bad(serve: Serve, prober: Prober) -> None:
    reading, detail = ask(prober, serve(response(), reads=False).url.replace("http", "https"))

    assert reading is Reading.BAD
    assert detail.startswith("no encrypted connection: ")


# Whose fault it is


@pytest.mark.parametrize(
    "number, reading",
    [
        (socket.EAI_NONAME, Reading.BAD),
        (socket.EAI_AGAIN, Reading.UNMEASURABLE),
        (socket.EAI_FAIL, Reading.UNMEASURABLE),
    ],
)
def test_a_name_that_does_not_exist_is_the_targets_fault_and_a_lookup_that_fails_is_ours(
    number: int, reading: Reading
) -> None:
    assert lookup_trouble(socket.gaierror(number, "why")).reading is reading


@pytest.mark.parametrize(
    "failures, reading",
    [
        ([errno.ENETUNREACH], Reading.UNMEASURABLE),
        ([errno.EMFILE], Reading.UNMEASURABLE),
        ([errno.EHOSTUNREACH], Reading.BAD),
        ([errno.ECONNREFUSED], Reading.BAD),
        ([errno.ETIMEDOUT], Reading.BAD),
        ([errno.ECONNREFUSED, errno.ENETUNREACH], Reading.BAD),
        ([errno.ENETUNREACH, errno.ETIMEDOUT], Reading.BAD),
        ([errno.ENETUNREACH, errno.ENETUNREACH], Reading.UNMEASURABLE),
        ([], Reading.UNMEASURABLE),
    ],
)
def test_only_where_no_address_could_even_be_asked_it_is_our_network(failures: list[int], reading: Reading) -> None:
    assert connection_trouble([OSError(number, os.strerror(number)) for number in failures]).reading is reading


def test_a_proxy_that_can_not_be_reached_is_ours(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")

    for scheme in ("http", "https"):
        assert ask(prober, f"{scheme}://127.0.0.2/health") == (
            Reading.UNMEASURABLE,
            "our proxy: the connection was refused",
        )


def test_a_proxy_that_does_not_let_us_through_is_ours(
    serve: Serve, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("https_proxy", serve(response(b"", status="407 Proxy Authentication Required")).url)

    assert ask(prober, "https://127.0.0.2/health") == (
        Reading.UNMEASURABLE,
        "our proxy refused the connection",
    )


def test_a_name_that_can_not_even_be_looked_up_is_bad() -> None:
    with pytest.raises(ConnectionFailedError, match="its host is not a valid name") as trouble:
        TimedConnection(5).connect(f"{'a' * 70}.localhost", 80)
    assert trouble.value.reading is Reading.BAD


# Secrets


def test_no_password_and_no_query_of_a_url_stands_in_a_detail(serve: Serve, prober: Prober) -> None:
    echo = serve(response(b'{"version": "hunter2-hunter2 and s3cret/pw"}'))
    url = echo.url.replace("://", "://ada:s3cret%2Fpw@")

    assert ask(prober, url)[1].endswith("it is `*** and ***`, not `1.3.0`")
    assert "Authorization: Basic " in echo.requests[0]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    broken = f"http://ada:s3cret@127.0.0.1:{port}/health?token=t0ken-t0ken"
    assert ask(prober, broken) == (Reading.BAD, "the connection was refused")


# TCP and commands


def test_a_port_that_takes_connections_is_ok(serve: Serve, prober: Prober) -> None:
    port = serve(silent, reads=False).port

    for url in (f"tcp://127.0.0.1:{port}", f"127.0.0.1:{port}", f":{port}", ""):
        check = Check(kind="tcp", url=url, timeout=LONG)
        assert ask(prober, f"http://127.0.0.1:{port}", check)[0] is Reading.OK


def script(text: str, pattern: str = "", pointer: str = "") -> Check:
    return Check(
        kind="command", command=("sh", "-c", text), timeout=LONG, version_pattern=pattern, version_pointer=pointer
    )


def test_a_command_that_ends_well_is_ok_and_may_tell_the_version(prober: Prober) -> None:
    assert ask(prober, "", script('test "$RELEASE_TARGET" = web-1'))[0] is Reading.OK
    assert ask(prober, "", script("echo app 1.3.0", pattern="app (.*)"))[0] is Reading.OK
    assert ask(prober, "", script("echo app 1.2.9", pattern="app (.*)"))[0] is Reading.STALE
    assert ask(prober, "", script('echo \'{"v": "1.3.0"}\'', pointer="/v"))[0] is Reading.OK


def test_a_command_that_fails_is_bad_with_its_last_words_but_no_secrets(prober: Prober) -> None:
    assert ask(prober, "", script("echo some; echo 'hunter2-hunter2 is wrong' >&2; echo; exit 3")) == (
        Reading.BAD,
        "the command ended with code 3: *** is wrong",
    )
    assert ask(prober, "", script("kill -9 $$")) == (
        Reading.BAD,
        f"the command was ended by signal {signal.SIGKILL}",
    )


def test_a_command_that_is_missing_measures_nothing(prober: Prober) -> None:
    assert ask(prober, "", Check(kind="command", command=("./no-such-check",))) == (
        Reading.UNMEASURABLE,
        "there is no file ./no-such-check",
    )


def test_a_secret_that_the_application_tells_is_nowhere_in_what_is_told_of_it(serve: Serve, tmp_path: Path) -> None:
    secret = "canary-" + "s3cr3t" * 40
    server = serve(lambda connection: connection.sendall(response(b'{"version": "%b"}' % secret.encode())))
    asking = Prober(expected=EXPECTED, clock=FakeClock(), directory=tmp_path, environment={}, secrets=[secret])

    (sample,) = asking.measure([Question(target=Target(name="web", url=server.url), check=VERSION)])

    assert sample.sample is Reading.STALE
    assert "***" in sample.detail
    assert "canary" not in sample.detail


def test_a_command_that_takes_too_long_is_bad_and_ended(prober: Prober) -> None:
    check = Check(kind="command", command=("sleep", "100"), timeout=SHORT)

    assert ask(prober, "", check) == (Reading.BAD, "no complete answer within 0.3 s")


def test_a_command_that_can_not_even_be_ended_is_not_waited_for(prober: Prober) -> None:
    check = Check(kind="command", command=("sh", "-c", "setsid sleep 1 & wait"), timeout=SHORT)
    began = time.monotonic()

    assert ask(prober, "", check) == (Reading.BAD, "no complete answer within 0.3 s")
    assert time.monotonic() - began < LONG.total_seconds()


# Several at once


def test_several_questions_are_asked_at_the_same_time_and_answered_in_their_order(serve: Serve, prober: Prober) -> None:
    everybody = threading.Barrier(3)

    def together(connection: socket.socket) -> None:
        everybody.wait(timeout=10)
        connection.sendall(response())

    targets = [Target(name=f"web-{number}", url=serve(together).url) for number in range(3)]

    samples = prober.measure([Question(target=target, check=VERSION) for target in targets])

    assert [(sample.target, sample.sample) for sample in samples] == [
        (f"web-{number}", Reading.OK) for number in range(3)
    ]


def test_one_that_hangs_holds_up_no_other_and_ends_at_its_own_limit(serve: Serve, prober: Prober) -> None:
    hanging, good = (Target(name=name, url=serve(does).url) for name, does in (("a", silent), ("b", response())))
    began = time.monotonic()

    samples = prober.measure(
        [
            Question(target=hanging, check=Check(timeout=SHORT)),
            Question(target=good, check=Check(timeout=LONG)),
            Question(target=hanging, check=Check(kind="command", command=("sleep", "100"), timeout=SHORT)),
        ]
    )

    assert [sample.sample for sample in samples] == [Reading.BAD, Reading.OK, Reading.BAD]
    assert time.monotonic() - began < LONG.total_seconds()


def test_no_more_than_64_questions_are_asked_at_once_so_that_each_has_its_whole_time(
    serve: Serve, tmp_path: Path
) -> None:
    crowd, met = threading.Barrier(65), []

    def together(host: str, port: int) -> Sequence[Address]:
        with contextlib.suppress(threading.BrokenBarrierError):
            met.append(crowd.wait(timeout=0.5))
        return resolve(host, port)

    prober = Prober(expected=EXPECTED, clock=FakeClock(), directory=tmp_path, environment={}, resolve=together)
    question = Question(target=Target(name="web-1", url=serve(response()).url), check=VERSION)

    samples = prober.measure([question] * 70)

    assert {sample.sample for sample in samples} == {Reading.OK}
    assert (len(samples), met) == (70, [])


def test_nothing_to_ask_is_nothing_found(prober: Prober) -> None:
    assert prober.measure([]) == ()


# Questions that can't be asked


@pytest.mark.parametrize(
    "url, check",
    [
        ("", Check()),
        ("app.example.com", Check(url="/health")),
        ("https://", Check()),
        ("https://app.example.com:port", Check()),
        ("", Check(url="ftp://app.example.com")),
        ("", Check(kind="tcp", url="db")),
        ("", Check(kind="tcp", url=":5432")),
        ("https://app.example.com", Check(version_pattern="(")),
        ("", Check(kind="command")),
    ],
)
def test_a_question_that_can_never_be_asked_is_told_before_anything_is_changed(url: str, check: Check) -> None:
    with pytest.raises(UsageError) as failure:
        insist_usable([Question(target=Target(name="web-1", url=url), check=check)])
    assert failure.value.todo


def test_a_question_that_can_not_be_asked_is_no_sample(prober: Prober) -> None:
    with pytest.raises(UsageError, match="the `url` of the check http of web-1 does not name a host, by http or https"):
        ask(prober, "app.example.com")


def test_questions_with_an_address_can_be_asked() -> None:
    target = Target(name="web-1", url="https://ada:pw@app.example.com/shop")

    insist_usable(
        [
            Question(target=target, check=Check()),
            Question(target=target, check=Check(url="/health")),
            Question(target=target, check=Check(kind="tcp")),
            Question(target=target, check=Check(kind="tcp", url=":5432")),
            Question(target=Target(name="x"), check=Check(url="https://app.example.com/health")),
            Question(target=Target(name="x"), check=Check(kind="command", command=("true",))),
        ]
    )
