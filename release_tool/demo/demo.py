"""The demo: a sample project lives through its stages, with the very commands that a user would type."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec
import requests

from github_sandbox.box import Sandbox
from release_tool.errors import BugError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

T = TypeVar("T")

CONFIGURATION = """unlabelled = "fail"

[sync]
branch = "cloud"

[environments.production]
automatic = true
command = ["./deploy.sh"]
pass-env = ["SHOP_HOME", "SHOP_PYTHON"]
url = "http://127.0.0.1:{port}"
bake = "1s"

[[environments.production.checks]]
name = "health"
url = "/health"
version-pointer = "/version"
interval = "200ms"
failure-threshold = 3
deadline = "3s"
"""

COMMAND = """#!/bin/sh
# Ends what runs, starts this commit's server instead, and waits until it listens.
set -eu
echo "starting shop $RELEASE_VERSION on $RELEASE_TARGET_URL"
if [ -f "$SHOP_HOME/pid" ]; then
    kill "$(cat "$SHOP_HOME/pid")" || true
    rm "$SHOP_HOME/pid"
fi
"$SHOP_PYTHON" server.py "${RELEASE_TARGET_URL##*:}" "$RELEASE_VERSION" "$SHOP_HOME/pid" >"$SHOP_HOME/log" 2>&1 &
tries=0
until [ -s "$SHOP_HOME/pid" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || { cat "$SHOP_HOME/log"; exit 1; }
    sleep 0.05
done
"""

SERVER = """import http.server, itertools, json, os, pathlib, sys

PORT, VERSION, PID = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
ASKED = itertools.count(1)


def health():
    {health}


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, version = health()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(dict(version=version)).encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True  # the one before may not be quite gone


server = Server(("127.0.0.1", PORT), Shop)
PID.write_text(str(os.getpid()))
server.serve_forever()
"""
"""What the demo deploys: a small server that is told its version when it starts, and says it when it is asked."""

GOOD = "return 200, VERSION"
STALE = 'return 200, "1.3.0"  # said by hand, and forgotten'
BREAKING = "return (200 if next(ASKED) <= 3 else 500), VERSION"

_FILES = {
    "README.md": "# Shop\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "stock.py": "def left(sold):\n    return 10 - sold\n",
    "server.py": SERVER.format(health=GOOD),
    "deploy.sh": COMMAND,
}

_AGE = timedelta(days=2)
"""How long the project has been there when the demo begins."""

SCENARIO: dict[str, object] = {
    "repository": "acme/shop",
    "history": [
        {"label": "major"},
        {"label": "minor"},
        {"label": "no-release"},
        {"tag": "v1.2.3"},
        {
            "branch": "cloud",
            "from": "v1.2.3",
            "commit": "Settings of what we host",
            "author": "ops",
            "files": {"cloud.toml": 'region = "fra"\n'},
        },
        {
            "pull": 1,
            "title": "Search the catalogue by name",
            "author": "ada",
            "state": "open",
            "body": "## New features\n\nType a part of a name and see what fits, best first.\n",
            "files": {"search.py": "def search(names, part):\n    return [name for name in names if part in name]\n"},
        },
        {
            "pull": 2,
            "title": "fix: round totals to cents",
            "author": "bob",
            "state": "open",
            "files": {"shop.py": "def total(prices):\n    return round(sum(prices), 2)\n"},
        },
        {
            "pull": 3,
            "title": "Tell in the README what the shop is for",
            "labels": ["documentation", "skip-changelog"],
            "author": "ada",
            "state": "open",
            "files": {"README.md": "# Shop\n\nSells things.\n"},
        },
        {
            "pull": 4,
            "title": "fix: never sell more than there is",
            "author": "eve",
            "state": "open",
            "files": {"stock.py": "def left(sold):\n    return max(10 - sold, 0)\n"},
        },
    ],
}


def run(directory: Path, dashboard: Path, show: Callable[[str], None], pause: float) -> None:
    """Play the demo in a directory, and leave the dashboard; `pause` is how many seconds to wait before each step."""
    began = time.monotonic()
    with _Application(directory / "production") as application, _begun(directory, application, show, pause) as stage:
        show(_OPENING)
        for number, (title, play) in enumerate(_CHAPTERS, 1):
            stage.chapter(f"[{number}/{len(_CHAPTERS)}] {title}")
            play(stage)
        stage.tell("The same as a static page, which needs nothing but a browser.")
        stage.command("release-tool", "dashboard", str(dashboard))
    show(f"\nThat was all, in {time.monotonic() - began:.0f} seconds. Open {dashboard / 'index.html'} and look.")


@contextlib.contextmanager
def _begun(directory: Path, application: _Application, show: Callable[[str], None], pause: float) -> Iterator[_Stage]:
    """Serve a project that has been there for some days; from now on the clock is the machine's for all."""
    scenario = SCENARIO | {
        "files": {**_FILES, "release-tool.toml": CONFIGURATION.format(port=application.port)},
        "begins": (datetime.now(UTC) - _AGE).isoformat(),
        "clock": "machine",
    }
    with Sandbox.start(scenario, directory / "github") as box:
        yield _Stage(box, directory, application, show, pause)


def _pull_requests(stage: _Stage) -> None:
    stage.tell("v1.2.3 is released, and pull requests are open.")
    stage.clone()
    stage.tell("Nothing says yet how far #1 moves the version. The check says so on the pull request.")
    stage.command("release-tool", "check-pr", "1", code=3)
    stage.tell("Ada sets the label `feature`.")
    stage.label(1, "feature")
    stage.command("release-tool", "check-pr", "1")
    stage.tell("The comment on #1 says the same now.")
    stage.comments(1)
    stage.tell("The maintainers merge #1, #2 and #3.")
    for number in (1, 2, 3):
        stage.merge(number)
    stage.command("git", "pull", "--quiet")


def _release(stage: _Stage) -> None:
    stage.tell("What would the next release be, and why?")
    stage.command("release-tool", "plan")
    stage.tell("Build it, then release what was built.")
    stage.command("mkdir", "-p", "dist")
    stage.command("git", "archive", "--format=tar.gz", "--output=dist/shop-1.3.0.tar.gz", "HEAD")
    stage.command("release-tool", "release", "dist/shop-1.3.0.tar.gz", "--expect", "v1.3.0")
    stage.command("release-tool", "notes", "v1.3.0")
    stage.tell("The same command again finds nothing to do.")
    stage.command("release-tool", "release")


def _sync(stage: _Stage) -> None:
    stage.tell("What the team hosts is the branch `cloud`, with settings of its own. It is behind now.")
    stage.command("release-tool", "status")
    stage.tell("The release is merged for it, tested, and only then `cloud` moves.")
    stage.command("release-tool", "sync", "--candidate")
    candidate = stage.tip("release-tool/candidate/v1.3.0")
    stage.command("git", "fetch", "--quiet", "origin", candidate)
    stage.command("git", "ls-tree", "--name-only", candidate)
    stage.command("release-tool", "sync", "--tested", candidate)
    stage.command("release-tool", "sync", "--advance", candidate)
    stage.command("release-tool", "status")


def _deployment(stage: _Stage) -> None:
    stage.tell("The first deployment of an environment must be started by a person.")
    stage.command("release-tool", "deploy", "1.3.0", "-e", "production", "--here")
    stage.health()


def _failures(stage: _Stage) -> None:
    stage.tell("The next release answers 200, but it says that it is another version: something old still runs.")
    stage.release("1.3.1", SERVER.format(health=STALE), "fix: tell the version more simply")
    stage.command("release-tool", "reconcile", code=6)
    stage.health()
    stage.tell("The one after that starts well, and breaks while it is watched.")
    stage.release("1.3.2", SERVER.format(health=BREAKING), "fix: tell the version as it was started")
    stage.command("release-tool", "reconcile", code=6)
    stage.health()
    stage.tell("What failed is not tried again by itself.")
    stage.command("release-tool", "reconcile")
    stage.tell("A maintainer wants quiet until the cause is found.")
    stage.command("release-tool", "halt", "-e", "production", "--reason", "we look for the cause")
    stage.command("release-tool", "verify", "-e", "production")


def _conflict(stage: _Stage) -> None:
    stage.tell("Somebody fixes `cloud` in a hurry, and #4 changes the same lines on main.")
    stage.hotfix("stock.py", "def left(sold):\n    return abs(10 - sold)\n", "Never have less than nothing")
    stage.merge(4)
    stage.command("git", "pull", "--quiet")
    stage.command("release-tool", "release")
    stage.tell("That can't be merged automatically: a pull request says exactly what to do.")
    stage.command("release-tool", "sync", code=5)
    stage.body("release-tool/conflict/v1.3.3")


def _overview(stage: _Stage) -> None:
    stage.tell("What happened to production, and what is pending?")
    stage.command("release-tool", "status", "-e", "production")
    stage.tell("And everything on one screen?")
    stage.command("release-tool", "status")


_OPENING = """\
A sample project on a stand-in for GitHub: every command is real, and nothing leaves this machine.
Lines that begin with `$` are what you would type; what follows is what they say."""

_CHAPTERS: tuple[tuple[str, Callable[[_Stage], None]], ...] = (
    ("Pull requests say how far they move the version", _pull_requests),
    ("What was merged becomes v1.3.0", _release),
    ("The hosted branch follows, once it is tested", _sync),
    ("Production gets the release, and it is proven there", _deployment),
    ("Two bad releases are rolled back", _failures),
    ("A conflict waits for a person", _conflict),
    ("Where everything is", _overview),
)


class _Titled(msgspec.Struct, frozen=True):
    title: str


class _Comment(msgspec.Struct, frozen=True):
    body: str


class _Pull(msgspec.Struct, frozen=True):
    number: int
    title: str
    body: str


class _Application:
    """What runs in production: a process of its own, started by the deploy command and ended with the demo."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process that the last deploy command started."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self._home / "pid").read_text()), signal.SIGTERM)

    @property
    def environment(self) -> Mapping[str, str]:
        """What its deploy command has to be told."""
        return {"SHOP_HOME": str(self._home), "SHOP_PYTHON": sys.executable}


class _Stage:
    """Shows each command and runs it for real; whatever fails ends the demo."""

    def __init__(
        self, box: Sandbox, home: Path, application: _Application, show: Callable[[str], None], pause: float
    ) -> None:
        self._box = box
        self._clone = home / "shop"
        self._compiled = home / "compiled"
        self._application = application
        self._show = show
        self._pause = pause

    def chapter(self, title: str) -> None:
        """Say how far the story is, and what comes now."""
        self._show("\n\n" + click.style(title, fg="green", bold=True, underline=True))

    def tell(self, text: str) -> None:
        time.sleep(self._pause)
        self._show("\n" + click.style(text, bold=True))

    def clone(self) -> None:
        """Get the project, as everybody does."""
        self.command("git", "clone", "--quiet", self._box.clone_url, str(self._clone), where=self._clone.parent)

    def merge(self, number: int) -> None:
        """Press the merge button, as a maintainer does."""
        title = self._ask("GET", f"pulls/{number}", _Titled).title
        self._ask("PUT", f"pulls/{number}/merge", dict, {"merge_method": "squash"})
        self._show(f"  #{number} {title}: merged")

    def label(self, number: int, *labels: str) -> None:
        """Set the labels of a pull request, as its author does."""
        self._ask("PUT", f"issues/{number}/labels", list, {"labels": list(labels)})

    def comments(self, number: int) -> None:
        """Show the comments on a pull request."""
        for comment in self._ask("GET", f"issues/{number}/comments", list[_Comment]):
            self._quote(comment.body)

    def body(self, branch: str) -> None:
        """Show the pull request that is open from a branch."""
        owner = self._box.repository.partition("/")[0]
        for pull in self._ask("GET", f"pulls?state=open&head={owner}:{branch}", list[_Pull]):
            self._show(f"  #{pull.number} {pull.title}")
            self._quote(pull.body)

    def tip(self, branch: str) -> str:
        """The commit of a branch on GitHub."""
        return self._git("rev-parse", f"refs/heads/{branch}", where=self._box.git_directory)

    def release(self, version: str, server: str, message: str) -> None:
        """Push a change to main, release it, and carry it into `cloud`, tested: what the workflows do by themselves."""
        (self._clone / "server.py").write_text(server)
        self._git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-am", message)
        self._git("push", "--quiet", self._box.push_url, "HEAD:refs/heads/main")
        self._show(f"  {message}: pushed to main")
        self._quietly("release", "--expect", f"v{version}")
        self._quietly("sync")
        self._show(f"  v{version} is released, and `cloud` has it")

    def health(self) -> None:
        """Ask production how it is, as anybody can."""
        url = f"http://127.0.0.1:{self._application.port}/health"
        self._show(click.style(f"$ curl {url}", fg="cyan"))
        self._show(requests.get(url, timeout=10).text)

    def _quietly(self, *argv: str) -> None:
        """Run a command that was shown before."""
        real = [sys.executable, "-m", "release_tool", *argv]
        done = subprocess.run(
            real, cwd=self._clone, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BugError(f"the demo stopped: `{shlex.join(argv)}` said {done.stderr}")

    def hotfix(self, path: str, content: str, message: str) -> None:
        """Push a commit to `cloud`, as somebody does at night."""
        self._git("fetch", "--quiet", "origin")
        self._git("checkout", "--quiet", "--detach", "origin/cloud")
        (self._clone / path).write_text(content)
        self._git("-c", "user.name=ops", "-c", "user.email=ops@example.com", "commit", "--quiet", "-am", message)
        self._git("push", "--quiet", self._box.push_url, "HEAD:refs/heads/cloud")
        self._git("checkout", "--quiet", "main")
        self._show(f"  {message}: pushed to cloud")

    def _git(self, *args: str, where: Path | None = None) -> str:
        done = subprocess.run(["git", *args], cwd=where or self._clone, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _quote(self, text: str) -> None:
        lines = [line for line in text.splitlines() if not line.startswith("<!--")]
        self._show(textwrap.indent("\n".join(lines).strip(), "  | ", lambda _: True))

    def command(self, *argv: str, where: Path | None = None, code: int = 0) -> None:
        """Run a command as it is shown; it must end with that code."""
        time.sleep(self._pause)
        self._show(click.style(f"$ {shlex.join(argv)}", fg="cyan"))
        real = [sys.executable, "-m", "release_tool", *argv[1:]] if argv[0] == "release-tool" else argv
        sys.stdout.flush()
        done = subprocess.run(real, cwd=where or self._clone, env=self._environment(), check=False)
        if done.returncode != code:
            raise BugError(f"the demo stopped: `{shlex.join(argv)}` ended with code {done.returncode}")

    def _ask(self, verb: str, path: str, kind: type[T], body: object = None) -> T:
        """Ask the sandbox as a person's browser does."""
        answer = requests.request(
            verb,
            f"{self._box.api_url}/repos/{self._box.repository}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._box.token}"},
            timeout=10,
        )
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=kind)

    def _environment(self) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return ours | {
            "GITHUB_API_URL": self._box.api_url,
            "GITHUB_GRAPHQL_URL": self._box.graphql_url,
            "GITHUB_SERVER_URL": self._box.api_url,
            "GITHUB_REPOSITORY": self._box.repository,
            "GITHUB_TOKEN": self._box.token,
            **self._application.environment,
            **self._kept,
        }

    @property
    def _kept(self) -> Mapping[str, str]:
        """What each command compiles of itself is kept for the next one, also where Python was told to keep nothing."""
        if not sys.dont_write_bytecode:
            return {}
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self._compiled)}
