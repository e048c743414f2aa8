"""GitHub's runners, for a repository on the sandbox: an event starts the workflow of its commit, and act runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from tests.act import program
from tests.act.prepare import prepare
from tests.act.program import Said
from tests.act.record import WHO, Listed

if TYPE_CHECKING:
    from pathlib import Path

    from github_sandbox.store import Run as Record
    from tests.shop import Shop

LIMIT = 120.0
"""How many seconds a run may take."""


class Event(msgspec.Struct, frozen=True):
    """What happened, and the branch or tag on which."""

    name: str
    ref: str
    inputs: dict[str, object] = {}
    fields: dict[str, object] = {}

    @property
    def ref_name(self) -> str:
        """The branch or tag without what says which of both it is."""
        return self.ref.split("/", 2)[2]


class Attempt(msgspec.Struct, frozen=True):
    """One attempt of a run of a workflow, at the commit at which the event was."""

    number: int
    attempt: int
    workflow: str
    event: Event
    sha: str


class Run(msgspec.Struct, frozen=True):
    """What came of an attempt."""

    of: Attempt
    said: Said

    @property
    def green(self) -> bool:
        """Whether every job that ran succeeded."""
        return self.said.code == 0

    @property
    def jobs(self) -> list[str]:
        """The jobs that ran, in the order in which they ended; one that failed says so.

        Not those that start a run of the dashboard: they run beside the others, and end whenever they do.
        """
        return [job for job in self.said.jobs if job != "dashboard"]

    @property
    def summary(self) -> str:
        """What the page of the run shows."""
        return "\n".join(self.said.summaries)


class Runner:
    """Runs the workflows of one repository; what it makes lies under `directory`."""

    def __init__(self, shop: Shop, act: Path, directory: Path, *, limit: float = LIMIT) -> None:
        self.shop = shop
        self.home = directory / "home"
        self.artifacts = directory / "artifacts"
        self.secrets: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self._act = act
        self._directory = directory
        self._limit = limit
        for path in (self.home, self.artifacts):
            path.mkdir(parents=True)

    # What starts a run

    def push(self, workflow: str, ref: str = "refs/heads/main", *, sha: str = "") -> Run:
        """Somebody pushed a branch or tag; with `sha` it has moved on since."""
        return self._start(workflow, Event("push", ref), sha)

    def dispatch(self, workflow: str, ref: str = "refs/heads/main", **inputs: str) -> Run:
        """A person started a workflow by its form."""
        return self._start(workflow, Event("workflow_dispatch", ref, dict(inputs)))

    def schedule(self, workflow: str) -> Run:
        """It was time."""
        return self._start(workflow, Event("schedule", "refs/heads/main"))

    def pull_request(self, workflow: str, event: str, number: int) -> Run:
        """Something was done with a pull request; the run has the default branch's workflow, or the merged one."""
        pull = self.shop.api("GET", f"pulls/{number}")
        ref = "refs/heads/main" if event == "pull_request_target" else f"refs/pull/{number}/head"
        return self._start(
            workflow, Event(event, ref, fields={"number": number, "pull_request": pull, "action": "opened"})
        )

    def issue(self, workflow: str, action: str, number: int) -> Run:
        """Something was done with an issue."""
        found = self.shop.api("GET", f"issues/{number}")
        return self._start(workflow, Event("issues", "refs/heads/main", fields={"action": action, "issue": found}))

    def again(self, run: Run) -> Run:
        """A person ran all jobs of a run again: the same run at the same commit, with the next attempt's number."""
        return self._run(msgspec.structs.replace(run.of, attempt=run.of.attempt + 1))

    def dispatched(self, workflow: str) -> list[Run]:
        """Run what was started of a workflow by other workflows or by a command, one after the other."""
        queued = [record for record in self.shop.box.github.store.runs if record.status == "queued"]
        waiting = [record for record in queued if record.path.endswith(f"/{workflow}")]
        return [self._run(_started(record)) for record in waiting]

    # How it runs

    def _start(self, workflow: str, event: Event, sha: str = "") -> Run:
        store = self.shop.box.github.store
        with store.lock:
            number = store.settings.next_run
            store.settings.next_run += 1
        return self._run(Attempt(number, 1, workflow, event, sha or self._commit(event.ref)))

    def _commit(self, ref: str) -> str:
        listed = self.shop.git("ls-remote", "origin", ref, f"{ref}^{{}}")
        return listed.splitlines()[-1].split()[0]

    def _run(self, run: Attempt) -> Run:
        place = self._directory / f"{run.number}-{run.attempt}"
        checkout = self._checkout(run, place)
        listed = Listed(self.shop.box.github.store, run)
        conclusion = "cancelled"
        try:
            said = program.run(
                self._argv(run, checkout, place), env=self._environment(), limit=self._limit, hear=listed.hear
            )
            conclusion = "success" if said.code == 0 else "failure"
        finally:
            listed.end(conclusion)
        return Run(run, said)

    def _checkout(self, run: Attempt, place: Path) -> Path:
        """The commit of the run, for act to read the workflows from."""
        checkout = place / "workflows"
        subprocess.run(["git", "clone", "--quiet", str(self.shop.box.git_directory), str(checkout)], check=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach", run.sha], cwd=checkout, check=True)
        prepare(checkout / ".github/workflows")
        return checkout

    def _argv(self, run: Attempt, checkout: Path, place: Path) -> list[str]:
        event = place / "event.json"
        event.write_text(json.dumps(self._payload(run)))
        return [
            *(str(self._act), run.event.name, "--json", "--no-cache-server", "--pull=false", "--rm"),
            *("--action-offline-mode", "--no-skip-checkout", "--platform=ubuntu-latest=-self-hosted"),
            f"--directory={checkout}",
            f"--workflows=.github/workflows/{run.workflow}",
            f"--eventpath={event}",
            f"--action-cache-path={place / 'jobs'}",
            f"--actor={WHO}",
            f"--secret=GITHUB_TOKEN={self.shop.box.token}",
            *(f"--secret={name}={value}" for name, value in self.secrets.items()),
            *(f"--var={name}={value}" for name, value in self.variables.items()),
            *program.stand_ins(),
            *(f"--env={name}={value}" for name, value in self._context(run).items()),
        ]

    def _payload(self, run: Attempt) -> dict[str, object]:
        event = run.event
        told = {"ref": event.ref, "after": run.sha, "deleted": False, "repository": self.shop.api("GET", "")}
        return told | {"inputs": event.inputs} | event.fields

    def _context(self, run: Attempt) -> dict[str, str]:
        """What makes act's contexts and variables those of the sandbox."""
        box = self.shop.box
        return {
            "GITHUB_API_URL": box.api_url,
            "GITHUB_GRAPHQL_URL": box.graphql_url,
            "GITHUB_REF": run.event.ref,
            "GITHUB_REPOSITORY": box.repository,
            "GITHUB_RUN_ATTEMPT": str(run.attempt),
            "GITHUB_RUN_ID": str(run.number),
            "GITHUB_SERVER_URL": box.api_url,
            "GITHUB_TRIGGERING_ACTOR": WHO,
        }

    def _environment(self) -> dict[str, str]:
        """What the machine has on its own; a runner has no git identity, and here it reaches no other machine."""
        passed = ("no_proxy", "http_proxy", "https_proxy", "all_proxy", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return measured | {
            **{name: os.environ[name] for name in passed},
            "ARTIFACTS": str(self.artifacts),
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join((str(program.HERE / "bin"), os.environ["PATH"])),
            "PYTHON": sys.executable,
        }


def _started(record: Record) -> Attempt:
    """A run that a workflow asked for."""
    event = Event(record.event, f"refs/heads/{record.branch}", record.inputs)
    return Attempt(record.id, record.attempt, record.path.rpartition("/")[2], event, record.sha)
