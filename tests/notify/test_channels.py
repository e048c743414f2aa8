"""Messages on their way: every channel by itself, in time, and with its address kept secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from werkzeug import Response

from release_tool.config.model import Channel
from release_tool.notify.channels import Channels
from release_tool.notify.notice import Message, SendFailure, SendReport
from release_tool.notify.worker import SendRequest, SendResult
from tests.clock import FakeClock
from tests.receivers import curt, deaf, mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from tests.receivers import Mailbox

pytestmark = pytest.mark.usefixtures("forked_senders")

PYTHON = sys.executable
"""The real one, for tests of the process that sends."""
HELLO = Message("v1.3.0 is released", "What changed:\n\n- Search (#12)", "success")
SECRET = "T0ken-of-the-team"


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def real_senders(forked_senders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start Python for what sends after all, with an environment that it reads as it starts."""
    del forked_senders
    monkeypatch.setattr(sys, "executable", PYTHON)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def send(clock: FakeClock, *, seconds: float = 20, **urls: str) -> SendReport:
    """Send a message to channels with these addresses; the variable of a channel is its name in capitals."""
    channels = {name: Channel(url_env=name.upper()) for name in urls}
    environment = os.environ | {name.upper(): url for name, url in urls.items() if url}
    return Channels(channels, environment, clock, seconds=seconds).send(HELLO, tuple(urls))


def hook(server: HTTPServer, more: str = "") -> str:
    return f"json://127.0.0.1:{server.port}/{SECRET}{more}"


def answers(server: HTTPServer, *given: Response) -> list[dict[str, object]]:
    """Let a server give these answers, one after the other; what it was sent is added to the list."""
    got: list[dict[str, object]] = []
    left = list(given)

    def take(request: Request) -> Response:
        got.append(json.loads(request.data))
        return left.pop(0)

    server.expect_request(f"/{SECRET}").respond_with_handler(take)
    return got


def busy(retry_after: str | None = None) -> Response:
    return Response(status=429, headers={} if retry_after is None else {"Retry-After": retry_after})


def test_a_message_arrives_as_it_was_written(httpserver: HTTPServer, clock: FakeClock) -> None:
    got = answers(httpserver, Response(status=200))
    assert send(clock, team=hook(httpserver)) == SendReport(sent=("team",))
    assert [(body["title"], body["message"], body["type"]) for body in got] == [(HELLO.subject, HELLO.body, "success")]


def test_a_mail_can_be_read_with_and_without_formatting(mail: Mailbox, clock: FakeClock) -> None:
    assert send(clock, team=mail.url) == SendReport(sent=("team",))
    (found,) = mail.mails
    assert (found.subject, found.to) == ("v1.3.0 is released", "team@example.com")
    assert "- Search (#12)" in found.plain
    assert "<li>Search (#12)</li>" in found.formatted


def test_what_is_too_long_for_a_service_comes_in_pieces_instead_of_not_at_all(
    httpserver: HTTPServer, clock: FakeClock
) -> None:
    got = answers(httpserver, Response(status=200), Response(status=200))
    channels = Channels({"team": Channel(url_env="TEAM")}, os.environ | {"TEAM": hook(httpserver)}, clock)
    told = channels.send(Message("Long", "word " * 10_000), ["team"])
    assert told.delivered
    assert "".join(str(body["message"]) for body in got).count("word") == 10_000


def test_a_service_that_wants_rest_gets_it_and_then_the_message(httpserver: HTTPServer, clock: FakeClock) -> None:
    got = answers(httpserver, busy("7"), Response(status=200))
    assert send(clock, team=hook(httpserver)) == SendReport(sent=("team",))
    assert clock.sleeps == [7]
    assert len(got) == 2


@pytest.mark.parametrize(
    "retry_after, seconds",
    [("Mon, 05 Jan 2026 12:00:09 GMT", 9), ("0.5", 0.5), (None, 1), ("soon", 1), ("Mon, 05 Jan 2026 11:00:00", 0)],
)
def test_rest_may_be_asked_for_in_seconds_or_until_a_date_or_without_saying(
    httpserver: HTTPServer, clock: FakeClock, retry_after: str | None, seconds: float
) -> None:
    answers(httpserver, busy(retry_after), Response(status=200))
    assert send(clock, team=hook(httpserver)).delivered
    assert clock.sleeps == [seconds]


def test_who_wants_rest_for_too_long_is_left_to_the_next_run(httpserver: HTTPServer, clock: FakeClock) -> None:
    answers(httpserver, busy("3600"))
    told = send(clock, team=hook(httpserver))
    assert told.failures == (SendFailure("team", "the service answered 429 and asks to wait 3600 s"),)
    assert clock.sleeps == []


def test_nobody_is_asked_more_than_three_times(httpserver: HTTPServer, clock: FakeClock) -> None:
    got = answers(httpserver, busy("2"), busy("2"), busy("2"))
    told = send(clock, team=hook(httpserver))
    assert told.failures == (SendFailure("team", "the service answered 429 and asks to wait 2 s"),)
    assert (len(got), clock.sleeps) == (3, [2, 2])


def test_a_service_that_is_down_for_a_moment_says_when_it_is_back(httpserver: HTTPServer, clock: FakeClock) -> None:
    answers(httpserver, Response(status=503, headers={"Retry-After": "3"}), Response(status=200))
    assert send(clock, team=hook(httpserver)).delivered
    assert clock.sleeps == [3]


@pytest.mark.parametrize("status", [500, 503, 404])
def test_any_other_no_is_told_and_not_tried_again(httpserver: HTTPServer, clock: FakeClock, status: int) -> None:
    got = answers(httpserver, Response(status=status))
    assert send(clock, team=hook(httpserver)).failures == (SendFailure("team", f"the service answered {status}"),)
    assert (len(got), clock.sleeps) == (1, [])


def test_a_closed_connection_is_told(clock: FakeClock) -> None:
    with curt() as address:
        told = send(clock, team=f"json://{address}/{SECRET}")
    assert [failure.reason for failure in told.failures] == [
        "A Connection error occurred sending JSON notification to ***."
    ]


@pytest.mark.parametrize("scheme", ["json", "mailto"])
def test_a_service_that_never_answers_is_given_up_in_time(clock: FakeClock, scheme: str) -> None:
    with deaf() as address:
        told = send(clock, seconds=0.5, team=f"{scheme}://{address}?from=a@example.com&to=b@example.com")
    assert told.failures == (SendFailure("team", "no answer within 0.5 s"),)


def test_what_keeps_one_channel_from_a_message_is_no_matter_to_the_others(
    httpserver: HTTPServer, mail: Mailbox, clock: FakeClock
) -> None:
    answers(httpserver, Response(status=500))
    told = send(clock, web=hook(httpserver), nowhere="", mail=mail.url, odd="carrier-pigeon")
    assert told.sent == ("mail",)
    assert told.failures == (
        SendFailure("web", "the service answered 500"),
        SendFailure("nowhere", "NOWHERE is not set where this ran"),
        SendFailure("odd", "ODD holds no address that Apprise understands"),
    )
    assert told.owed == ("web", "nowhere", "odd")


def test_only_a_channel_that_wants_rest_is_told_again(httpserver: HTTPServer, mail: Mailbox, clock: FakeClock) -> None:
    answers(httpserver, busy("5"), Response(status=200))
    assert send(clock, mail=mail.url, web=hook(httpserver)).sent == ("mail", "web")
    assert len(mail.mails) == 1


def test_no_part_of_an_address_is_ever_shown(clock: FakeClock) -> None:
    with curt() as address:
        urls = {
            "web": f"json://user:{SECRET}@{address}/p4th-of-it?-q=qu3ry",
            "mail": f"mailto://{SECRET}:p4ssword@{address}?from=fr0m@example.com&to=t0@example.com",
            "xml": f"xml://{address}/{SECRET}%2Fmore",
        }
        told = send(clock, seconds=20, **urls)
    shown = " ".join(failure.reason for failure in told.failures)
    assert len(told.failures) == 3
    assert [word for word in (SECRET, "p4th", "qu3ry", "p4ssword", "fr0m", "127.0.0.1") if word in shown] == []


@pytest.mark.usefixtures("real_senders")
def test_a_service_s_library_sees_none_of_our_secrets(httpserver: HTTPServer, clock: FakeClock, tmp_path: Path) -> None:
    answers(httpserver, Response(status=200))
    seen = tmp_path / "seen.json"
    (tmp_path / "sitecustomize.py").write_text(
        f"import json, os, pathlib, sys\npathlib.Path({str(seen)!r}).write_text(json.dumps([*sys.argv, *os.environ]))\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "GITHUB_TOKEN": "our-own",
        "DEPLOY_KEY": "a-secret",
        "TEAM": hook(httpserver),
    }
    told = Channels({"team": Channel(url_env="TEAM")}, environment, clock).send(HELLO, ["team"])
    assert told.delivered
    names = set(json.loads(seen.read_text()))
    assert names.isdisjoint({"GITHUB_TOKEN", "DEPLOY_KEY", "TEAM"})
    assert not [name for name in names if SECRET in name]


@pytest.mark.usefixtures("real_senders")
def test_a_module_beside_us_is_not_taken_for_a_library(
    httpserver: HTTPServer, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(httpserver, Response(status=200))
    (tmp_path / "apprise.py").write_text("raise SystemExit('a stranger')\n")
    monkeypatch.chdir(tmp_path)
    assert send(clock, team=hook(httpserver)).delivered


@pytest.mark.usefixtures("real_senders")
def test_a_sender_that_breaks_is_a_failure_like_any_other(clock: FakeClock, tmp_path: Path) -> None:
    (tmp_path / "apprise.py").write_text("raise RuntimeError('broken')\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "TEAM": "json://127.0.0.1:9/x"}
    told = Channels({"team": Channel(url_env="TEAM")}, environment, clock).send(HELLO, ["team"])
    assert told.failures == (SendFailure("team", "the process that sends it ended with code 1"),)


def courier(order: SendRequest) -> SendResult:
    """Run the process that sends, as it is."""
    argv = [PYTHON, "-P", "-m", "release_tool.notify.worker"]
    done = subprocess.run(argv, input=msgspec.json.encode(order), capture_output=True, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=SendResult)


def test_the_process_that_sends_says_what_the_service_answered(httpserver: HTTPServer) -> None:
    answers(httpserver, busy("7"))
    order = SendRequest(url=hook(httpserver), subject="s", body="b", mood="info", seconds=20)
    found = courier(order)
    assert (found.delivered, found.status, found.retry_after) == (False, 429, "7")
    assert courier(msgspec.structs.replace(order, url="carrier-pigeon")) == SendResult(understood=False)


def test_the_process_that_sends_ends_itself_when_nobody_is_left_to_end_it() -> None:
    with deaf() as address:
        order = SendRequest(url=f"json://{address}", subject="s", body="b", mood="info", seconds=0.5)
        with pytest.raises(subprocess.CalledProcessError, match="SIGALRM"):
            courier(order)


@pytest.mark.parametrize("rest", ["9" * 400, "1e999", "Mon, 99 Jan 99999999 00:00:00 GMT"])
def test_a_service_that_wants_rest_for_ever_is_not_waited_for(
    httpserver: HTTPServer, clock: FakeClock, rest: str
) -> None:
    httpserver.expect_request(f"/{SECRET}").respond_with_response(busy(rest))

    (failure,) = send(clock, team=hook(httpserver)).failures

    assert failure.reason.startswith("the service answered 429")
