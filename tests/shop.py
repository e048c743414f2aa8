"""A sample project on the sandbox: a stand-in for GitHub, a clone of it, and the commands that a user types there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import requests

from github_sandbox import Sandbox
from release_tool.cli.session import read_config
from release_tool.git.push import Branches
from release_tool.git.repository import Git
from release_tool.github.actions import Actions
from release_tool.github.api import GitHub
from release_tool.model.tags import Owner
from release_tool.notify.notice import SendReport
from release_tool.project import Project
from release_tool.system import host
from release_tool.system.patience import Patience
from tests import forkserver
from tests.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from release_tool.notify.notice import Notice
    from release_tool.system.clock import Clock

Entry = dict[str, object]


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        """Its one JSON document."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


class Shop:
    """One repository: `box` is GitHub's side of it, `clone` the working copy of a person or a job."""

    def __init__(self, box: Sandbox, clone: Path) -> None:
        self.box = box
        self.clone = clone
        self.said: list[str] = []
        self.notices: list[Notice] = []

    def git(self, *args: str) -> str:
        """Run git in the clone."""
        done = subprocess.run(["git", *args], cwd=self.clone, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def api(self, verb: str, path: str, body: object = None) -> object:
        """Do something on GitHub as a person with a browser; an empty path is the repository itself."""
        answer = requests.request(
            verb,
            f"{self.box.api_url}/repos/{self.box.repository}/{path}".rstrip("/"),
            json=body,
            headers={"Authorization": f"Bearer {self.box.token}"},
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def environment(self, **more: str) -> dict[str, str]:
        """What names the sandbox as GitHub; `GITHUB_TOKEN=""` takes the token away."""
        return {
            "GITHUB_API_URL": self.box.api_url,
            "GITHUB_GRAPHQL_URL": self.box.graphql_url,
            "GITHUB_SERVER_URL": self.box.api_url,
            "GITHUB_REPOSITORY": self.box.repository,
            "GITHUB_TOKEN": self.box.token,
            **more,
        }

    def job(self, run: int = 1, *, attempt: int = 1, **more: str) -> dict[str, str]:
        """The environment of a job in Actions that a person started."""
        return self.environment(
            GITHUB_ACTIONS="true",
            GITHUB_RUN_ID=str(run),
            GITHUB_RUN_ATTEMPT=str(attempt),
            RUNNER_NAME=f"runner-{run}",
            GITHUB_EVENT_NAME="workflow_dispatch",
            GITHUB_REF_TYPE="branch",
            GITHUB_REF_NAME="main",
            GITHUB_ACTOR="ada",
            **more,
        )

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `release-tool` in the clone as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "release_tool", *args],
            cwd=self.clone,
            env=os.environ | (self.environment() if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self, *args: str, env: Mapping[str, str] | None = None) -> forkserver.Running:
        """Start `release-tool` in the clone, for a test that holds it up, kills it or lets another one overtake it."""
        return forkserver.start(args, cwd=self.clone, env=os.environ | (self.environment() if env is None else env))

    def run(self, *args: str, env: Mapping[str, str] | None = None, answer: str = "", timeout: float = 60) -> Result:
        """Run `release-tool` in the clone to its end."""
        environment = os.environ | (self.environment() if env is None else env)
        return Result(*forkserver.run(args, cwd=self.clone, env=environment, answer=answer, timeout=timeout))

    def project(self, *, env: Mapping[str, str] | None = None, clock: Clock | None = None) -> Project:
        """What the stages work on, in this process; without `GITHUB_TOKEN` in `env` there is no GitHub."""
        environment = self.environment() if env is None else env
        actions = Actions(environment)
        ours = Owner(run=actions.run, attempt=actions.attempt) if actions.run else host.this_process()
        clock = clock or FakeClock()
        git = Git.find(self.clone, server_url=self.box.api_url, patience=Patience(clock=clock))
        git.remote = git.remote_named(self.box.repository) or git.remote
        return Project(
            git=git,
            config=read_config(git, ""),
            actions=actions,
            clock=clock,
            owner=ours,
            repository=self.box.repository,
            web_url=f"{self.box.api_url}/{self.box.repository}",
            github=self.github(environment["GITHUB_TOKEN"]) if environment.get("GITHUB_TOKEN") else None,
            branches=Branches(git, token=environment.get("GITHUB_TOKEN") or None),
            say=self.said.append,
            notify=self._note,
        )

    def _note(self, notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        """Take a notice down instead of sending it; everybody counts as told."""
        self.notices.append(notice)
        return SendReport(sent=tuple(only or ()))

    def github(self, token: str | None = None) -> GitHub:
        """The sandbox as our edge sees it."""
        return GitHub(
            self.box.repository,
            token=token or self.box.token,
            api_url=self.box.api_url,
            graphql_url=self.box.graphql_url,
            clock=FakeClock(),
            seconds_between_writes=0,
        )


def by_hand(*inputs: str) -> str:
    """The text of a workflow that a person may start, with these inputs."""
    listed = "".join(f"      {name}: {{type: string}}\n" for name in inputs)
    return f"on:\n  workflow_dispatch:\n    inputs:\n{listed}jobs: {{}}\n"


@contextmanager
def shop(directory: Path, *history: Entry, **scenario: object) -> Iterator[Shop]:
    """Build a repository with a history, serve it, and clone it."""
    whole: Entry = {"repository": "acme/shop", "files": {"README.md": "hello\n"}, "history": list(history), **scenario}
    with Sandbox.start(whole, directory / "github") as box:
        clone = directory / "clone"
        url = box.push_url if scenario.get("private") else box.clone_url
        # As over the network, with fewer programs; nothing of it is shared with the stand-in.
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", box.git_directory, clone], check=True)
        settings = clone / ".git/config"
        settings.write_text(settings.read_text().replace(str(box.git_directory), url))
        yield Shop(box, clone)
