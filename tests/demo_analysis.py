"""The demonstration of what only metrics know: `make demo-analysis` plays it, with a real Prometheus.

Six servers are deployed in waves while their users buy. A good version comes in the middle of a daily peak, one doubles
its latency only under load, and one leaks memory.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from github_sandbox.box import Sandbox
from tests.prometheus import PROGRAM, started

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = tuple(f"web-{number}" for number in range(1, 7))
DAY, PEAK = 6.0, 12.0
"""Requests a second to each server."""

CONFIGURATION = """
[build]
enabled = false

[environments.production]
command = ["./deploy.sh"]
pass-env = ["SHOP_HOME", "SHOP_PYTHON"]
targets = [{targets}]
wave = [1, "50%"]
bake = "10s"
watch = "4m"

[[environments.production.checks]]
name = "health"
url = "/health"
version-pointer = "/version"

[[environments.production.checks]]
kind = "prometheus"
name = "latency"
url = "{prometheus}"
query = '''
rate(shop_seconds_sum{{target="$target"}}[$since]) / rate(shop_seconds_count{{target="$target"}}[$since])
'''
compare = "before"
worse-by = "50%"
interval = "1s"
initial-delay = "3s"

[[environments.production.checks]]
kind = "prometheus"
name = "memory"
url = "{prometheus}"
query = 'shop_memory_bytes{{target="$target"}}'
max = 150e6
interval = "1s"
initial-delay = "2s"
failure-threshold = 2
"""

COMMAND = """#!/bin/sh
# Ends the server of this target, starts this commit's instead, and waits until it listens.
set -eu
pid=$SHOP_HOME/$RELEASE_TARGET
if [ -f "$pid" ]; then kill "$(cat "$pid")" || true; rm "$pid"; fi
"$SHOP_PYTHON" server.py "${RELEASE_TARGET_URL##*:}" "$RELEASE_VERSION" "$pid" >"$pid.log" 2>&1 &
tries=0
until [ -s "$pid" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || { cat "$pid.log"; exit 1; }
    sleep 0.05
done
"""

SERVER = """import collections, http.server, json, os, pathlib, sys, time

PORT, VERSION, PID = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
BEGAN, TOOK, RECENT = time.monotonic(), [], collections.deque(maxlen=4)


def busy():
    \"\"\"Whether the latest purchases came within a second.\"\"\"
    return len(RECENT) == RECENT.maxlen and RECENT[-1] - RECENT[0] < 1


def seconds():
    return {seconds}


def memory():
    age = time.monotonic() - BEGAN
    return {memory}


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/buy":
            RECENT.append(time.monotonic())
            time.sleep(seconds())
            TOOK.append(time.monotonic() - RECENT[-1])
        if self.path == "/metrics":
            known = dict(seconds_sum=sum(TOOK), seconds_count=len(TOOK), memory_bytes=memory())
            told = "".join(f"shop_{{name}} {{value}}\\n" for name, value in known.items())
        else:
            told = json.dumps(dict(version=VERSION))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True


server = Server(("127.0.0.1", PORT), Shop)
PID.write_text(str(os.getpid()))
server.serve_forever()
"""


def server(seconds: str = "0.05", memory: str = "50e6") -> str:
    """The application, with what a purchase takes and how much memory it has."""
    return SERVER.format(seconds=seconds, memory=memory)


SLOW = server(seconds="0.1 if busy() else 0.05")
LEAKING = server(memory="50e6 + 5e6 * max(age - 60, 0)")


class Users:
    """They buy from each server, so many times a second."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.rate = DAY
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(port,), daemon=True) for port in ports.values()]
        for thread in self._threads:
            thread.start()

    def _buy(self, port: int) -> None:
        while not self._over.wait(1 / self.rate):
            with (
                contextlib.suppress(OSError, HTTPException),
                contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=2)) as connection,
            ):
                connection.request("GET", "/buy")
                connection.getresponse().read()

    def go(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


class Play:
    """Shows what happens, and runs each command as it is shown."""

    def __init__(self, box: Sandbox, home: Path) -> None:
        self._box = box
        self.clone = home / "shop"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")} | {
            "GITHUB_API_URL": box.api_url,
            "GITHUB_GRAPHQL_URL": box.graphql_url,
            "GITHUB_SERVER_URL": box.api_url,
            "GITHUB_REPOSITORY": box.repository,
            "GITHUB_TOKEN": box.token,
            "SHOP_HOME": str(home / "running"),
            "SHOP_PYTHON": sys.executable,
        }
        subprocess.run(["git", "clone", "--quiet", box.clone_url, self.clone], check=True)

    def tell(self, text: str) -> None:
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)  # noqa: T201 - it is a play

    def run(self, *argv: str, code: int = 0) -> None:
        """Run a command of release-tool, which has to end with that code."""
        print(f"$ {shlex.join(['release-tool', *argv])}", flush=True)  # noqa: T201 - it is a play
        done = subprocess.run(
            [sys.executable, "-m", "release_tool", *argv], cwd=self.clone, env=self._environment, check=False
        )
        if done.returncode != code:
            sys.exit(f"this ended with {done.returncode}, and should have ended with {code}")

    def release(self, text: str, title: str) -> None:
        """Push a change of the application, and release it."""
        (self.clone / "server.py").write_text(text)
        identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
        for command in (
            [*identity, "commit", "--quiet", "--allow-empty", "--all", "--message", title],
            ["push", "--quiet", self._box.push_url, "HEAD:refs/heads/main"],
        ):
            subprocess.run(["git", *command], cwd=self.clone, check=True)
        self.run("release")


def play(directory: Path, dashboard: Path) -> None:
    """Play it in a directory, and leave the dashboard."""
    ports = {name: _free_port() for name in NAMES}
    (directory / "running").mkdir(parents=True)
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    targets = ", ".join(f'{{name = "{name}", url = "http://{address}"}}' for name, address in addresses.items())
    with started(directory, addresses, scraped="500ms") as prometheus, _ended(directory / "running"):
        files = {
            "release-tool.toml": CONFIGURATION.format(targets=targets, prometheus=prometheus),
            "deploy.sh": COMMAND,
            "server.py": server(),
        }
        scenario: dict[str, object] = {
            "repository": "acme/shop",
            "files": files,
            "history": [{"tag": "v1.0.0"}],
            "begins": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
            "clock": "machine",
        }
        with Sandbox.start(scenario, directory / "github") as box:
            users = Users(ports)
            try:
                _story(Play(box, directory), users, dashboard)
            finally:
                users.go()


def _story(stage: Play, users: Users, dashboard: Path) -> None:
    stage.tell("Six servers get 1.0.0, one first, then three, then all; each wave is proven before the next.")
    stage.run("deploy", "1.0.0", "-e", "production", "--here", "--no-watch")
    stage.tell("A good version comes while the users double: the daily peak is no reason to go back.")
    stage.release(server(), "fix: say thank you")
    users.rate = PEAK
    stage.run("deploy", "1.0.1", "-e", "production", "--here", "--no-watch")
    stage.tell("The next one takes twice as long, but only under load. No check asks for that; the metrics know.")
    stage.release(SLOW, "fix: count what is left in stock")
    stage.run("deploy", "1.0.2", "-e", "production", "--here", code=6)
    stage.tell("The last one leaks. It is healthy through its bake, and is watched after that.")
    stage.release(LEAKING, "fix: remember what was bought")
    stage.run("deploy", "1.0.3", "-e", "production", "--here", code=6)
    stage.tell("Why each of them was left, with the curves before and after:")
    stage.run("status", "-e", "production")
    stage.run("dashboard", str(dashboard))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def _ended(running: Path) -> Iterator[None]:
    """End the servers that the deploy commands left running."""
    try:
        yield
    finally:
        for file in running.iterdir():
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text()), signal.SIGTERM)


def main() -> None:
    if PROGRAM is None:
        sys.exit("there is no Prometheus on this machine: `make prometheus` installs it")
    dashboard = Path("build/demo-analysis")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="release-tool-analysis-") as directory:
        play(Path(directory), dashboard.resolve())
    print(f"\nThat was all, in {time.monotonic() - began:.0f} s. Open {dashboard / 'index.html'} and look.")  # noqa: T201


if __name__ == "__main__":
    main()
