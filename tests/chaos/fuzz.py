"""What users, files, variables and servers could say, at random: it ends well, or with one of our own errors.

`python -m tests.chaos.fuzz` tries a hundred thousand cases in one process; `--first N --cases 1` tries one again.
"""

# ruff: noqa: E501 - words stand side by side

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release_tool.cli import Options, group, main
from release_tool.cli.session import Session
from release_tool.config.read import parse
from release_tool.deploy.freeze import parse_cron, parse_zone
from release_tool.deploy.health.judge import Expected, ProbeResponse, judge, unusable
from release_tool.deploy.health.probe import Question, insist_usable
from release_tool.deploy.health.verdict import checks_of, rules_of
from release_tool.deploy.ledger.model import TASK, decode
from release_tool.deploy.ledger.store import Deployments
from release_tool.errors import BugError, ReleaseToolError
from release_tool.git.push import read_push
from release_tool.git.repository import branch_tips
from release_tool.github.actions import Actions
from release_tool.github.api import GitHub
from release_tool.model.tag_message import assets_of, owner_of
from release_tool.model.version import parse_tag, precedence
from release_tool.system.host import process_lives
from release_tool.system.process import Finished
from release_tool.text.masking import Masker
from release_tool.text.receipt import receipt_of
from tests.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_tool.config.model import Config

SEED, CASES, TOLD = 20260105, 100_000, 5_000
TARGET = "web"

WORDS = (
    "", "a", "0", "-1", "1", "true", "null", "v1.2.3", "1.2.3", "main", "HEAD", "-", "--", "--help", "../..", "/", "@", "#",
    "5s", "99999999999999d", "10%", "http://[::1", "http://x:99999/", "https://example.com/a?b#c", "file:///etc/passwd",
    "\0", "\n", "\r\n", "\x1b[31m", "\u202e", "\ud800", "\udcff", "\ufeff", "é", "𝟙", "²", "a" * 5000, "9" * 400, "9" * 5000,
    "[" * 2000, "{" * 2000, '{"a":' * 2000, "a." * 3000, "(" * 200, "(a+)+$", "[[:x:]]", "* * * * *", "0 18 * * FRI", "*/0 * * * *",
    "Europe/Berlin", "../../etc/passwd", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0000-00-00", "1e999", "NaN",
    "<html>", "refs/heads/main", "$(id)", "`id`", "%s%n", "::error::x", "::set-output name=a::b", "_" * 300, "🚀",
)  # fmt: skip

CONFIGURATION = """
tag-prefix = "v"
branch = "main"
maintenance = ["*.x"]
initial-version = "0.1.0"
release-on = "merge"
irreversible-paths = ["**/migrations/*.py"]
max-wait = "5m"
[labels]
major = ["major"]
minor = ["feature"]
[identity]
name = "release-tool"
[sync]
branch = "cloud"
keep-cloud = ["deploy/**"]
via = "push"
[environments.production]
command = ["./deploy.sh", "--now"]
automatic = true
url = "https://example.com"
health = "/health"
bake = "2m"
pass-env = ["TOKEN"]
[[environments.production.freeze]]
cron = "0 18 * * FRI"
duration = "3d"
timezone = "Europe/Berlin"
[[environments.production.targets]]
name = "web"
[[environments.production.checks]]
kind = "http"
url = "/health"
status = [200, 204]
version-pointer = "/version"
version-pattern = "(.*)"
interval = "2s"
failure-threshold = 8
failure-budget = "10%"
headers = [{name = "X-A", pattern = "a"}]
json = [{pointer = "/ok", equal = true, min = 1.5, max = 2}]
[channels.team]
url-env = "TEAM_URL"
events = ["released"]
[messages]
released = "a.j2"
"""
DOCUMENTS = (
    {"full_name": "acme/shop", "default_branch": "main", "html_url": "https://x"},
    [{"id": 1, "tag_name": "v1", "draft": False, "prerelease": False, "html_url": "x", "upload_url": "x", "created_at": "2026-01-05T12:00:00Z"}],
    {"statuses": [{"context": "a", "state": "success", "description": None, "target_url": None}]},
    {"data": {"repository": {"pull": None, "pullRequests": {"pageInfo": {"hasNextPage": True, "endCursor": "x"}, "nodes": []}}}},
    {"data": {"repository": {"deployments": {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [{"databaseId": 1}]}}}},
    {"message": "Not Found", "errors": [{"code": "missing", "field": "x"}, "text"]},
    {"schema": 1, "commit": "zz", "name": "1.2.3", "kind": "deploy", "automatic": False, "owner": {"process": 10**18}},
    {"number": 7, "pull_request": {"number": 7}, "merge_group": {"base_ref": "refs/heads/main", "head_sha": "0", "head_ref": "x"}},
)  # fmt: skip
HEADERS = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "location", "link", "content-length", "content-type",
           "content-encoding", "transfer-encoding", "connection", "x-long")  # fmt: skip
STATUSES = (
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    307,
    308,
    400,
    401,
    403,
    404,
    409,
    410,
    418,
    422,
    429,
    451,
    500,
    502,
    503,
)
COMMANDS = ("plan", "release", "status", "notes", "halt", "resume", "withdraw", "deploy", "rollback", "verify", "reconcile",
            "sync", "check-pr", "doctor", "dashboard", "notify", "help", "bump")  # fmt: skip
PARSED = (*COMMANDS, "init", "demo", "rehearse", "sandbox", "no-such-command")
OPTIONS = ("--json", "--yes", "-e", "--environment", "--reason", "--until", "--to", "--dry-run", "--since", "--force", "--prerelease",
           "--reference", "--expect", "--override", "--candidate", "--tested", "--advance", "--plan", "--repo", "--config", "--debug",
           "--verbose", "-V", "-h", "--evidence", "--number", "--here", "--automatic", "--record", "--write")  # fmt: skip
VARIABLES = ("GITHUB_ACTIONS", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME", "GITHUB_ACTOR", "GITHUB_EVENT_NAME",
             "GITHUB_REF_NAME", "GITHUB_REF_TYPE", "GITHUB_SHA", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL",
             "GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_TOKEN", "GH_TOKEN", "NO_COLOR")  # fmt: skip


class Fuzz:
    """Cases by their number; each is drawn from the seed and its number alone."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.seed = seed
        self.server = Server()
        self.kinds: dict[str, tuple[int, Callable[[random.Random], None]]] = {
            "configuration": (38, self.configuration),
            "event": (14, self.event),
            "environment": (14, self.environment),
            "command line": (14, self.command_line),
            "command": (1, self.command),
            "session": (1, self.session),
            "answer": (6, self.answer),
            "text": (8, self.text),
            "health": (4, self.health),
        }

    def case(self, number: int) -> str:
        """Try a case; what is wrong with it, or nothing."""
        draw = random.Random(f"{self.seed}/{number}")  # noqa: S311 - cases, no secrets
        names = list(self.kinds)
        (name,) = draw.choices(names, [self.kinds[name][0] for name in names])
        try:
            self.kinds[name][1](draw)
        except BugError as error:
            return f"{name}: a bug: {error.message[:300]}"
        except (ReleaseToolError, click.ClickException, click.exceptions.Exit, click.Abort):
            return ""
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            return f"{name}: {type(error).__name__}: {str(error)[:300]}"
        return ""

    def configuration(self, draw: random.Random) -> None:
        source = draw.choice(("release-tool.toml", "pyproject.toml"))
        text = _broken_toml(draw)
        use(parse(text if source == "release-tool.toml" else _prefixed(text), source))

    def event(self, draw: random.Random) -> None:
        file = self.directory / "event.json"
        file.write_bytes(_broken_json(draw))
        actions = Actions({"GITHUB_EVENT_PATH": str(file), "GITHUB_EVENT_NAME": draw.choice(WORDS)})
        from release_tool.pull_request.check import event_number

        event_number(actions.event)

    def environment(self, draw: random.Random) -> None:
        actions = Actions(_environment(draw, self.directory))
        for name in (
            "enabled",
            "run",
            "attempt",
            "actor",
            "branch",
            "tag",
            "pushed_tag",
            "repository",
            "api_url",
            "run_url",
        ):
            getattr(actions, name)
        with contextlib.redirect_stderr(io.StringIO()):
            actions.write_outputs({"a": draw.choice(WORDS)})
            actions.write_summary(draw.choice(WORDS))
        actions.safe_log(draw.choice(WORDS))
        Masker(draw.choice(WORDS) for _ in range(2))(draw.choice(WORDS))

    def command_line(self, draw: random.Random) -> None:
        """Parse, and run nothing."""
        words = _words(draw)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            group.make_context("release-tool", list(words), resilient_parsing=False)
            name = draw.choice(PARSED)
            command = group.get_command(click.Context(group), name)
            if command is not None:
                command.make_context(name, [word for word in words if word != name])

    def command(self, draw: random.Random) -> None:
        """Run a command where there is no repository."""
        words = [draw.choice(COMMANDS), *(word for word in _words(draw) if word != "--debug" and word not in PARSED)]
        out, err = _Text(), _Text()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words)
            except SystemExit as ended:
                if ended.code == 1 or "Traceback" in err.getvalue():
                    raise AssertionError(f"{words!r:.300}: {err.getvalue()[-300:]}") from None

    def session(self, draw: random.Random) -> None:
        environment = _environment(draw, self.directory)
        options = Options(repo=draw.choice(WORDS), config=draw.choice(("", "", *WORDS)))
        with contextlib.chdir(self.directory / "repo"), contextlib.redirect_stderr(io.StringIO()):
            _ = Session(options, environment).project().github

    def answer(self, draw: random.Random) -> None:
        self.server.answers = [_answer(draw, self.server.url) for _ in range(draw.randrange(1, 4))]
        github = GitHub(
            "acme/shop",
            token="t0ken",
            api_url=self.server.url,
            graphql_url=f"{self.server.url}/graphql",
            clock=FakeClock(),
            max_wait=20,
            silence=1,
            seconds_between_writes=0,
        )
        ask: Callable[[], object] = draw.choice(
            (
                github.repository,
                github.releases,
                lambda: github.release_by_tag("v1"),
                lambda: github.statuses("0" * 40),
                lambda: github.run_jobs(1, 1),
                lambda: github.pull(1),
                lambda: github.create_ref("refs/tags/v1", "0" * 40),
                lambda: github.merged_pulls("main", {"0" * 40}, 0),
                lambda: github.pull_messages([1]),
                lambda: github.tag_object("0" * 40),
                lambda: github.adapter(Deployments).ledger("production"),
            )
        )
        ask()

    def text(self, draw: random.Random) -> None:
        """What others wrote where only text can stand: tags, messages, payloads, listings."""
        text = "".join(
            draw.choice((*WORDS, "\n", " ", "Release-Tool-Owner: run=1 process=")) for _ in range(draw.randrange(6))
        )
        owner = owner_of(text)
        assets_of(text)
        if owner:
            process_lives(owner)
        receipt_of(text)
        branch_tips(text)
        version = parse_tag(text, "v") or parse_tag(f"v1.2.3-{text}", "v")
        if version:
            precedence(version)
        decode(TASK, draw.choice((text, _broken_json(draw).decode(errors="replace"), draw.choice(DOCUMENTS))))
        with contextlib.suppress(ReleaseToolError):
            read_push(Finished(128, text.encode(errors="replace"), text), "cloud")

    def health(self, draw: random.Random) -> None:
        headers = {draw.choice(HEADERS): draw.choice(WORDS), "age": draw.choice(WORDS), "x-cache": draw.choice(WORDS)}
        body = _broken_json(draw)
        answer = ProbeResponse(
            seconds=0.1, status=draw.choice(STATUSES), headers=headers, body=body, cut=draw.random() < 0.1
        )
        with contextlib.suppress(ReleaseToolError):
            for environment in parse(_broken_toml(draw), "release-tool.toml").environments.values():
                for check in checks_of(environment):
                    if not list(unusable(check)) and "+)+" not in check.version_pattern + check.body_pattern:
                        judge(answer, check, Expected(commit="0" * 40, version="1.2.3"))
        judge(answer, _CHECK, Expected(commit="0" * 40, version="1.2.3"))


def use(config: Config) -> None:
    """Do with a configuration what every command does that deploys."""
    for environment in config.environments.values():
        targets = environment.targets
        rules_of(environment, [target.name for target in targets])
        with contextlib.suppress(ReleaseToolError):
            insist_usable(
                Question(target=target, check=check) for target in targets for check in checks_of(environment)
            )
        for freeze in environment.freeze:
            with contextlib.suppress(ReleaseToolError):
                parse_cron(freeze.cron)
                parse_zone(freeze.timezone)


_CHECK = next(iter(parse(CONFIGURATION, "release-tool.toml").environments["production"].checks))


def _broken_toml(draw: random.Random) -> str:
    lines = CONFIGURATION.splitlines()
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(lines))
        key = lines[at].partition("=")[0].strip() or draw.choice(WORDS)
        match draw.randrange(6):
            case 0:
                lines[at] = draw.choice(WORDS)
            case 1:
                lines[at] = f"{key} = {_value(draw)}"
            case 2:
                del lines[at]
            case 3:
                lines.insert(at, lines[draw.randrange(len(lines))])
            case 4:
                lines[at] = f"{key} = {json.dumps(draw.choice(WORDS))}"
            case _:
                cut = draw.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + draw.choice(WORDS) + lines[at][cut:]
        lines = lines or [""]
    return "\n".join(lines)


def _value(draw: random.Random) -> str:
    depth = draw.choice((1, 2, 40, 2000))
    return draw.choice(
        (
            "9" * 5000, "9" * 4000, "-1", "1.5", "inf", "nan", "1e400", "0x7fffffffffffffffffff", "true", "[]", "{}", "[[[]]]",
            "[" * depth + "]" * depth, "{a=" * depth + "1" + "}" * depth, "1979-05-27T07:32:00Z", "07:32:00",
            '["a", 1]', '[""]', f'["{"a" * 5000}"]', '"""\n"""', "'\\'", '"\\u0000"', '"\\uD800"',
        )
    )  # fmt: skip


def _prefixed(text: str) -> str:
    """The same as a part of a pyproject.toml."""
    tables = text.replace("[[", "[[tool.release-tool.").replace("\n[", "\n[tool.release-tool.")
    return "[tool.release-tool]\n" + tables.replace("[tool.release-tool.[tool.", "[[tool.")


def _broken_json(draw: random.Random) -> bytes:
    document = json.loads(json.dumps(draw.choice(DOCUMENTS)))
    for _ in range(draw.randrange(4)):
        _change(draw, document)
    text = json.dumps(document).encode()
    match draw.randrange(8):
        case 0:
            cut = draw.randrange(len(text))
            return text[:cut] + draw.choice((b"", b"\xff", b"\0", b"9" * 5000, b"[" * 50_000)) + text[cut:]
        case 1:
            return text[: draw.randrange(len(text))]
        case 2:
            return draw.choice(
                (
                    b"",
                    b"null",
                    b"[" * 50_000,
                    b'{"a":' * 50_000,
                    b"9" * 10_000,
                    b"\xff\xfe",
                    b"\xef\xbb\xbf{}",
                    b"1e999",
                )
            )
        case _:
            return text


def _change(draw: random.Random, document: object) -> None:
    """Put something else somewhere into a document."""
    value: object = draw.choice((None, True, -1, 0, 10**30, 1.5, [], {}, [[]], *WORDS[:40]))
    while True:
        if isinstance(document, dict) and document:
            key = draw.choice(list(document))
            inner: object = document[key]
            if not isinstance(inner, dict | list) or not inner or draw.random() < 0.4:
                document[key] = value
                return
        elif isinstance(document, list) and document:
            at = draw.randrange(len(document))
            inner = document[at]
            if not isinstance(inner, dict | list) or not inner or draw.random() < 0.4:
                document[at] = value
                return
        else:
            return
        document = inner


def _environment(draw: random.Random, directory: Path) -> dict[str, str]:
    chosen = {draw.choice(VARIABLES): draw.choice((*WORDS, str(directory), "true")) for _ in range(draw.randrange(8))}
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):  # they are written to
        if name in chosen:
            chosen[name] = draw.choice(
                (str(directory), str(directory / "step"), "a" * 5000, f"{directory}/no/where", "\udcff/x")
            )
    return {
        name: value.replace("\0", "").replace("\ud800", "") for name, value in chosen.items()
    }  # nothing can hold these


def _words(draw: random.Random) -> list[str]:
    words = [draw.choice((*PARSED, *OPTIONS, *OPTIONS, *WORDS)) for _ in range(draw.randrange(6))]
    return [word.replace("\0", "").replace("\ud800", "") for word in words]  # no argument can hold these


def _answer(draw: random.Random, url: str) -> bytes:
    body = _broken_json(draw)
    if draw.random() < 0.05:
        return draw.choice(
            (b"", b"\xff" * 100, b"HTTP/1.1\r\n\r\n", b"HTTP/9.9 abc x\r\n\r\n", b"SSH-2.0-x\r\n", b"\r\n" * 500)
        )
    headers = {"content-length": str(len(body)), "content-type": "application/json", "connection": "close"}
    for _ in range(draw.randrange(3)):
        value = draw.choice(
            (*WORDS, f"{url}/x", "gzip", "chunked", f'<{url}/next>; rel="next"', "text/html; charset=no-such")
        )
        headers[draw.choice(HEADERS)] = (
            value.encode(errors="replace").decode("latin-1").replace("\n", "").replace("\r", "")
        )
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {draw.choice(STATUSES)} X\r\n{lines}\r\n".encode("latin-1") + body


class Server:
    """A server that answers each request with the next of some bytes, and then with the last of them for ever."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                asked = b""
                while b"\r\n\r\n" not in asked and (more := connection.recv(65536)):
                    asked += more
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass


class _Text(io.StringIO):
    """A stream that takes letters only, as the real ones do."""

    def write(self, text: str) -> int:
        text.encode(errors="replace")
        return super().write(text)


@functools.cache
def _prepared(directory: Path) -> Path:
    import subprocess

    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", directory / "repo"], check=True)
    return directory


def run(seed: int, first: int, cases: int, say: Callable[[str], None]) -> list[str]:
    """Try cases, and return what is wrong with those that did not end well."""
    with tempfile.TemporaryDirectory(prefix="release-tool-fuzz-") as name:
        fuzz = Fuzz(_prepared(Path(name)), seed)
        empty = fuzz.directory / "in" / "an" / "empty" / "folder"
        empty.mkdir(parents=True)
        with contextlib.chdir(empty):
            wrong = _tried(fuzz, first, cases, say)
    return wrong


def _tried(fuzz: Fuzz, first: int, cases: int, say: Callable[[str], None]) -> list[str]:
    wrong = []
    for number in range(first, first + cases):
        began = time.monotonic()
        if why := fuzz.case(number) or ("it took longer than 20 s" if time.monotonic() - began > 20 else ""):
            wrong.append(f"case {number}: {why}")
            say(wrong[-1])
        if (number + 1 - first) % TOLD == 0:
            say(f"{number + 1 - first:,} of {cases:,} cases, {len(wrong)} of them wrong")
    return wrong


def started() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=CASES)
    asked = parser.parse_args()
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CEILING_DIRECTORIES=tempfile.gettempdir())
    began = time.monotonic()
    wrong = run(asked.seed, asked.first, asked.cases, lambda text: print(text, flush=True))  # noqa: T201 - its result
    minutes = (time.monotonic() - began) / 60
    print(f"seed {asked.seed}: {asked.cases - len(wrong)} of {asked.cases} cases ended well, in {minutes:.0f} minutes")  # noqa: T201
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    started()
