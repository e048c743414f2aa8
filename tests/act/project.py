"""A project that releases and hosts itself with the very workflows that `init` writes."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import requests

from release_tool.config.read import parse
from release_tool.setup import files
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.act.program import ROOT
from tests.act.runner import Runner
from tests.adoption import ACTION
from tests.shop import Result, shop
from tests.workflow_rules import PINS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.act.runner import Run
    from tests.shop import Entry

MAKEFILE = """\
# What a person breaks by a file in the home directory, as an outage would, can't be made.
build smoke test tests style types workflows tools road coverage table: able
able:
	@for goal in $(MAKECMDGOALS); do test ! -e "$(HOME)/no-$$goal" || { echo "no $$goal today"; exit 1; }; done
build:
	mkdir -p dist
	git describe --tags --always > dist/shop.txt
	git ls-files ':!.github' > dist/parts.txt
smoke:
	test -z "$(EXPECTED)" || grep --line-regexp "v$(EXPECTED)" dist/shop.txt
coverage:
	mkdir -p build
	echo '<coverage/>' > build/coverage.xml
.PHONY: able build smoke test tests style types workflows tools road coverage table
"""

CONFIGURATION = 'release-now = true\n\n[sync]\nbranch = "cloud"\n'
VALUES = Values(
    branch="main",
    action=ACTION,
    build=("make build", 'EXPECTED="${RELEASE_TAG#v}" make smoke'),
    test=("make test",),
)
RELEASE, DEPLOY, LOOK, POLICY = (
    path.rpartition("/")[2] for path in (files.RELEASE, files.DEPLOY, files.LOOK, files.POLICY)
)
CHECKS = ".github/workflows/pr-checks.yml"


def files_of(configuration: str) -> dict[str, str]:
    """What `init` writes for a configuration, with what it is written for."""
    return {
        **render(parse(configuration, "release-tool.toml"), VALUES),
        CHECKS: (ROOT / CHECKS).read_text(),
        "Makefile": MAKEFILE,
        "README.md": "hello\n",
        "release-tool.toml": configuration,
    }


FILES = files_of(CONFIGURATION)

BUILD = f"""\
name: Build
on:
  workflow_call:
    inputs:
      version: {{type: string, required: true}}
      sha: {{type: string, required: true}}
      tag: {{type: string, default: ""}}
      artifact: {{type: string, required: true}}
    outputs:
      references: {{value: ""}}
permissions: {{}}
jobs:
  build:
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@{PINS["actions/checkout"]}
        with:
          ref: ${{{{ inputs.sha }}}}
          fetch-depth: 0
      - run: make build
      - uses: actions/upload-artifact@{PINS["actions/upload-artifact"]}
        with:
          name: ${{{{ inputs.artifact }}}}
          path: dist/*
"""
"""A build in a workflow of its own, which tells no output."""

ADAS = "adas-token"

BEGIN: list[Entry] = [
    {"token": ADAS, "login": "ada", "rights": {"workflows": True}},
    {"tag": "v1.2.3"},
    {"branch": "cloud", "from": "v1.2.3", "commit": "Cloud settings", "author": "ops", "files": {"fly.toml": "a\n"}},
]
"""Something is released, and `cloud` has a commit of its own."""

SEARCH: Entry = {
    "pull": 1,
    "title": "Add search",
    "labels": ["feature"],
    "author": "ada",
    "files": {"search.py": "1\n"},
    "state": "open",
}
HOLE: Entry = {
    "pull": 2,
    "title": "Close a hole",
    "labels": ["fix"],
    "author": "bob",
    "files": {"hole.py": "1\n"},
    "state": "open",
}


class Asset(msgspec.Struct, frozen=True):
    """A file of a release."""

    name: str
    browser_download_url: str


class Release(msgspec.Struct, frozen=True):
    """A release, as GitHub tells it."""

    tag_name: str
    draft: bool
    assets: list[Asset]


class Status(msgspec.Struct, frozen=True):
    """A status of a commit, as GitHub tells it."""

    context: str
    state: str


class Pull(msgspec.Struct, frozen=True):
    """A pull request, as GitHub tells it."""

    title: str


class Issue(msgspec.Struct, frozen=True):
    """An issue, as GitHub tells it; pull requests are listed among them."""

    number: int
    title: str
    pull_request: dict[str, object] | None = None


class Comment(msgspec.Struct, frozen=True):
    """A comment, as GitHub tells it."""

    body: str


class Project(Runner):
    """The project, with what its people do and what they see."""

    # What people do

    def merge(self, number: int) -> None:
        """Merge a pull request."""
        self.shop.api("PUT", f"pulls/{number}/merge", {"merge_method": "squash"})

    def land(self, branch: str, title: str, *, at: str, path: str = "landed.txt", text: str = "landed\n") -> None:
        """Push a commit with one file to a branch, on top of a branch or tag."""
        self.shop.git("fetch", "--quiet", "--tags", "origin")
        self.shop.git("checkout", "--quiet", "--detach", self.commit(at))
        (self.shop.clone / path).write_text(text)
        self.shop.git("add", path)
        self.shop.git("commit", "--quiet", f"--message={title}")
        self._push(f"HEAD:refs/heads/{branch}")

    def tag(self, name: str, at: str) -> None:
        """Push an annotated tag."""
        self.shop.git("fetch", "--quiet", "origin")
        self.shop.git("tag", "--annotate", f"--message={name}", name, self.commit(at))
        self._push(name)

    def _push(self, what: str) -> None:
        url = self.shop.box.push_url.replace(self.shop.box.token, ADAS)
        self.shop.git("push", "--quiet", url, what)

    def types(self, *args: str, starts: str) -> tuple[Result, list[Run]]:
        """Type a command at a terminal that starts a workflow; gives also the runs, which it follows."""
        process = self.shop.start(*args)
        assert any(line.startswith("started ") for line in process.stderr or ())
        runs = self.dispatched(starts)
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err), runs

    def close(self, issue: int) -> None:
        """Close an issue."""
        self.shop.api("PATCH", f"issues/{issue}", {"state": "closed"})

    def breaks(self, goal: str) -> None:
        """Let nobody make something any more."""
        (self.home / f"no-{goal}").touch()

    def mends(self, goal: str) -> None:
        """Let it be made again."""
        (self.home / f"no-{goal}").unlink()

    # What people see

    def refs(self) -> dict[str, str]:
        """Every branch and tag, with its commit."""
        listed = self.shop.git("ls-remote", "--heads", "--tags", "origin").splitlines()
        return {ref.split("/", 2)[2].removesuffix("^{}"): sha for sha, ref in map(str.split, listed)}

    def commit(self, name: str) -> str:
        """The commit of a branch or tag."""
        return self.refs()[name]

    def contains(self, branch: str, tag: str) -> bool:
        """Whether a branch contains the commit of a tag."""
        argv = ["git", "merge-base", "--is-ancestor", tag, branch]
        return subprocess.run(argv, cwd=self.shop.box.git_directory, check=False).returncode == 0

    def releases(self, *, drafts: bool = False) -> list[str]:
        """The tags of the published releases, the newest first."""
        return [release.tag_name for release in self._releases() if drafts or not release.draft]

    def asset(self, tag: str, name: str) -> str:
        """What is in a file of a release."""
        (url,) = [
            asset.browser_download_url
            for release in self._releases()
            for asset in release.assets
            if (release.tag_name, asset.name) == (tag, name)
        ]
        return requests.get(url, headers={"Authorization": f"Bearer {self.shop.box.token}"}, timeout=10).text

    def statuses(self, sha: str) -> dict[str, str]:
        """The newest status of a commit for each context."""
        found = msgspec.convert(self.shop.api("GET", f"commits/{sha}/statuses"), list[Status])
        return {status.context: status.state for status in reversed(found)}

    def pulls(self, base: str) -> list[str]:
        """The titles of the open pull requests against a branch."""
        return [pull.title for pull in msgspec.convert(self.shop.api("GET", f"pulls?base={base}"), list[Pull])]

    def issues(self) -> dict[int, str]:
        """The open issues, by their numbers."""
        found = msgspec.convert(self.shop.api("GET", "issues"), list[Issue])
        return {issue.number: issue.title for issue in found if issue.pull_request is None}

    def comments(self, number: int) -> list[str]:
        """The comments of a pull request."""
        return [
            comment.body
            for comment in msgspec.convert(self.shop.api("GET", f"issues/{number}/comments"), list[Comment])
        ]

    def _releases(self) -> list[Release]:
        return msgspec.convert(self.shop.api("GET", "releases"), list[Release])


@contextmanager
def project(
    directory: Path, act: Path, *history: Entry, tree: Mapping[str, str] = FILES, **scenario: object
) -> Iterator[Project]:
    """The project on the sandbox, with runners for it; with other files where they are given."""
    with shop(directory, *BEGIN, *history, files=dict(tree), **scenario) as made:
        yield Project(made, act, directory / "runner")
