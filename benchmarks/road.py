"""Our commands on the way of a merge to production, each as a process of its own on the stand-in for GitHub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Spent, spending
from github_sandbox import Sandbox

_TOOL = str(Path(sys.executable).with_name("release-tool"))
_CONFIGURATION = """
[sync]

[environments.production]
command = ["./deploy.sh"]
automatic = true
bake = "100ms"
checks = [{ kind = "command", command = ["true"], interval = "50ms" }]
"""
_FOREIGN = ("GH_", "GIT_", "GITHUB_", "PYTHON")
JOBS = (
    ("plan",),
    ("release", "sync --candidate"),
    ("sync --tested=SHA", "sync --advance=SHA", "reconcile --plan"),
    ("deploy HEAD -e production --here",),
)
"""What is run between a merge and the deploy command, job by job; `SHA` is the candidate."""


class Step(NamedTuple):
    """One command: what it takes here, and how often GitHub's API is asked; of a deployment, until its command runs."""

    command: str
    spent: Spent
    requests: int


def walked() -> list[Step]:
    """Bring one merged pull request to production, with a hosted branch that has a commit of its own."""
    with tempfile.TemporaryDirectory(prefix="release-tool-road-") as temporary:
        return _walked(Path(temporary))


def _walked(directory: Path) -> list[Step]:
    begun = directory / "begun"
    files = {"release-tool.toml": _CONFIGURATION, "deploy.sh": f"#!/bin/sh\ndate +%s.%N > '{begun}'\n"}
    hosted = {"branch": "cloud", "from": "v1.0.0", "commit": "Settings", "author": "ops", "files": {"fly.toml": "a"}}
    merged = {"pull": 1, "title": "feat: more", "author": "ada", "files": {"more": "1"}}
    scenario: dict[str, object] = {
        "repository": "acme/shop",
        "files": files,
        "history": [{"tag": "v1.0.0"}, hosted, merged],
    }
    with Sandbox.start(scenario, directory / "github") as box:
        clone = directory / "clone"
        subprocess.run(["git", "clone", "--quiet", box.clone_url, str(clone)], check=True)
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        environment = ours | {
            "GITHUB_API_URL": box.api_url,
            "GITHUB_GRAPHQL_URL": box.graphql_url,
            "GITHUB_SERVER_URL": box.api_url,
            "GITHUB_REPOSITORY": box.repository,
            "GITHUB_TOKEN": box.token,
        }
        steps, candidate = [], ""
        for job, command in [(job, command) for job, commands in enumerate(JOBS) for command in commands]:
            # Nothing is compiled in a new job; of a runner's standard library that is said too much.
            environment["PYTHONPYCACHEPREFIX"] = str(directory / f"bytecode-{job}")
            box.forget_requests()
            argv = [_TOOL, *command.replace("SHA", candidate).replace("HEAD", candidate).split()]
            argv += ["--json"] if command.endswith("--candidate") else []
            started = time.time()
            with spending() as spent:
                done = subprocess.run(argv, cwd=clone, env=environment, check=True, capture_output=True, text=True)
            whole = spent()
            until = float(begun.read_text()) - started if begun.exists() else whole.seconds
            asked = sum(f"/{box.repository}.git/" not in one.path for one in box.requests)
            steps.append(Step(command, Spent(until, whole.cpu), asked))
            candidate = json.loads(done.stdout)["sha"] if command.endswith("--candidate") else candidate
        return steps
