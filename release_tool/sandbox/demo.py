"""The demo: a sample project lives through its stages, with the very commands that a user would type."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import msgspec
import requests

from release_tool.errors import BugError
from release_tool.sandbox.box import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SCENARIO: dict[str, object] = {
    "repository": "acme/shop",
    "files": {
        "README.md": "# Shop\n",
        "shop.py": "def total(prices):\n    return sum(prices)\n",
    },
    "history": [
        {"tag": "v1.2.3"},
        {
            "pull": 1,
            "title": "Search the catalogue by name",
            "labels": ["feature"],
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
    ],
}


def run(directory: Path, show: Callable[[str], None], pause: float) -> None:
    """Play the demo in a directory; `pause` is how many seconds to wait before each step."""
    with Sandbox.start(SCENARIO, directory / "github") as box:
        stage = _Stage(box, directory / "shop", show, pause)
        stage.tell("A project on GitHub: v1.2.3 is released, three pull requests are open.")
        stage.command("git", "clone", "--quiet", box.clone_url, str(directory / "shop"), where=directory)
        stage.tell("Its maintainers merge them.")
        for number in (1, 2, 3):
            stage.merge(number)
        stage.command("git", "pull", "--quiet")
        stage.tell("What would the next release be, and why?")
        stage.command("release-tool", "plan")
        stage.tell("Build it, then release what was built.")
        stage.command("mkdir", "-p", "dist")
        stage.command("git", "archive", "--format=tar.gz", "--output=dist/shop-1.3.0.tar.gz", "HEAD")
        stage.command("release-tool", "release", "dist/shop-1.3.0.tar.gz", "--expect", "v1.3.0")
        stage.command("release-tool", "notes", "v1.3.0")
        stage.tell("The same command again finds nothing to do.")
        stage.command("release-tool", "release")
        stage.tell("That was the release stage.")


class _Stage:
    """Shows each command and runs it for real; whatever fails ends the demo."""

    def __init__(self, box: Sandbox, clone: Path, show: Callable[[str], None], pause: float) -> None:
        self._box = box
        self._clone = clone
        self._show = show
        self._pause = pause

    def tell(self, text: str) -> None:
        time.sleep(self._pause)
        self._show("\n" + click.style(text, bold=True))

    def merge(self, number: int) -> None:
        """Press the merge button, as a maintainer does."""
        url = f"{self._box.api_url}/repos/{self._box.repository}/pulls/{number}"
        headers = {"Authorization": f"Bearer {self._box.token}"}
        title = msgspec.json.decode(requests.get(url, headers=headers, timeout=10).content)["title"]
        answer = requests.put(f"{url}/merge", json={"merge_method": "squash"}, headers=headers, timeout=10)
        answer.raise_for_status()
        self._show(f"  #{number} {title}: merged")

    def command(self, *argv: str, where: Path | None = None) -> None:
        time.sleep(self._pause)
        self._show(click.style(f"$ {shlex.join(argv)}", fg="cyan"))
        real = [sys.executable, "-m", "release_tool", *argv[1:]] if argv[0] == "release-tool" else argv
        sys.stdout.flush()
        done = subprocess.run(real, cwd=where or self._clone, env=self._environment(), check=False)
        if done.returncode != 0:
            raise BugError(f"the demo stopped: `{shlex.join(argv)}` ended with code {done.returncode}")

    def _environment(self) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return ours | {
            "GITHUB_API_URL": self._box.api_url,
            "GITHUB_GRAPHQL_URL": self._box.graphql_url,
            "GITHUB_SERVER_URL": self._box.api_url,
            "GITHUB_REPOSITORY": self._box.repository,
            "GITHUB_TOKEN": self._box.token,
        }
