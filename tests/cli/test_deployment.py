"""The commands of the deployment stage as their users type them: what they print, write, and end with."""

from __future__ import annotations

import json
import re
import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from github_sandbox.store import Job
from release_tool.config.model import Config, Environment
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.model.tags import Owner
from release_tool.setup.files import DEPLOY
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from release_tool.system.host import this_process
from tests.adoption import ACTION
from tests.chaos.past import enter, prove
from tests.production import COMMAND, CONFIGURATION, production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from github_sandbox.store import Run
    from tests.production import Production
    from tests.service import Behave
    from tests.shop import Result

PATIENCE = 60
QUICK = (
    CONFIGURATION.replace('url = "{url}"\n', 'url = "{url}"\nbake = "200ms"\nlock-timeout = "2s"\n')
    + 'interval = "100ms"\ntimeout = "1s"\ndeadline = "2s"\nfailure-threshold = 3\n'
)
"""For real processes with the real clock."""
FORM = render(
    Config(environments={"production": Environment(command=("./deploy.sh",))}), Values(branch="main", action=ACTION)
)[DEPLOY]
WORKFLOW = {".github/workflows/brings.yml": FORM}
"""The very form that `init` writes, under another name."""
LOOKS = {".github/workflows/looks.yml": '# release-tool: look\non:\n  schedule:\n    - cron: "23 4 * * *"\njobs: {}\n'}
LIVE = "live: 1.2.4"


@contextmanager
def scene(
    directory: Path,
    *,
    behave: Behave | None = None,
    command: str = COMMAND,
    configuration: str = QUICK,
    files: dict[str, str] | None = None,
) -> Iterator[Production]:
    """1.2.3 and 1.2.4 were proven, 1.2.4 is live."""
    with production(
        directory, behave=behave, configuration=configuration, command=command, files=files or WORKFLOW
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        here.shop.box.forget_requests()
        yield here


def bad(*versions: str) -> Behave:
    return lambda version, _: (500 if version in versions else 200, {"version": version})


def writes(here: Production) -> list[str]:
    return [one.path for one in here.shop.box.requests if one.method != "GET" and one.path.startswith("/repos/")]


def deploy(here: Production, version: str, *more: str, **env: str) -> Result:
    environment = here.shop.environment(**env)
    return here.shop.run("deploy", version, "-e", "production", "--here", *more, env=environment)


def document(result: Result) -> dict[str, object]:
    """The one document; the schema and what is of no interest to a reader are checked and taken out."""
    found = result.document
    assert found.pop("schema") == 1
    return found


# Deploying


def test_a_person_reads_what_became_of_a_deployment_and_how_to_do_it_by_hand(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "v1.3.0", "--reason", "a new search")
        assert (done.code, done.out) == (0, "production: 1.3.0 healthy: the new version answered well for 200ms\n")
        assert "# 1.3.0 to production by hand" in done.err
        assert "env RELEASE_VERSION=1.3.0" in done.err
        assert "# back to 1.2.4" in done.err
        assert "release-tool deploy VERSION -e production --record" in done.err
        assert "  | deploying 1.3.0 to production" in done.err
        newest = here.ledger()[-1]
        assert (newest.payload.reason, newest.payload.automatic) == ("a new search", False)


def test_a_program_reads_the_same_as_one_document(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "1.3.0", "--json")
        told = document(done)
        samples = told.pop("samples")
        assert isinstance(samples, list)
        assert set(samples[0]) == {"target", "check", "at", "sample", "detail", "took"}
        assert (samples[-1]["target"], samples[-1]["check"], samples[-1]["sample"]) == ("production", "health", "ok")
        assert told == {
            "environment": "production",
            "version": "1.3.0",
            "commit": here.commit("v1.3.0"),
            "outcome": "healthy",
            "reason": "the new version answered well for 200ms",
            "before": "1.2.4",
            "live": "1.3.0",
            "rolled_back_to": None,
            "deployment": here.ledger()[-1].id,
            "incident": None,
            "watched_until": None,
            "overrides": [],
        }


def test_what_was_rolled_back_ends_with_6_and_says_that_production_is_healthy(tmp_path: Path) -> None:
    with scene(tmp_path, behave=bad("1.3.0")) as here:
        done = deploy(here, "1.3.0", "--evidence", str(tmp_path / "kept"))
        assert done.code == 6
        assert "production: 1.3.0 rolled back:" in done.out
        assert LIVE in done.out
        assert "already true: rolled back: 1.2.4 is live again, and was proven healthy" in done.err
        (kept,) = (tmp_path / "kept").iterdir()
        assert kept.name == f"production-{here.ledger()[2].id}"
        assert "deploying 1.3.0 to production" in (kept / "command-1.log").read_text()
        samples = [json.loads(line) for line in (kept / "samples.jsonl").read_text().splitlines()]
        assert {sample["sample"] for sample in samples} >= {"bad", "ok"}


def test_what_is_not_healthy_ends_with_7_and_names_the_incident(tmp_path: Path) -> None:
    with scene(tmp_path, behave=bad("1.2.3", "1.2.4", "1.3.0")) as here:
        done = deploy(here, "1.3.0", "--json")
        assert done.code == 7
        told = document(done)
        assert (told["outcome"], told["live"]) == ("unhealthy", None)
        assert str(told["incident"]) in done.err
        assert "release-tool rollback -e production" in done.err
        held = deploy(here, "1.3.0", "--automatic")
        assert (held.code, "blocked: deployments halted" in held.out) == (0, True)


def test_a_person_is_refused_with_3_and_told_the_override_by_name(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "1.2.3", "--json")
        assert done.code == 3
        told = document(done)
        assert (told["outcome"], told["overrides"], told["live"]) == ("refused", ["older"], "1.2.4")
        assert 'or bypass the check: `--override older --reason "…"`' in done.err
        assert writes(here) == []
        assert deploy(here, "1.2.3", "--override", "older", "--reason", "I know").code == 0


def test_what_is_held_or_superseded_is_no_failure(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "1.2.3", "--automatic")
        assert (done.code, "superseded: 1.2.3 is older than 1.2.4, which is live" in done.out) == (0, True)
        here.shop.run("halt", "-e", "production", "--reason", "Black Friday")
        done = deploy(here, "1.3.0", "--automatic", "--json")
        assert (done.code, document(done)["outcome"]) == (0, "held")


def test_what_is_held_says_when_it_is_looked_at_again(tmp_path: Path) -> None:
    frozen = QUICK.replace("bake =", 'freeze = [{{cron = "0 0 * * *", duration = "24h"}}]\nbake =')
    with scene(tmp_path, configuration=frozen, files=WORKFLOW | LOOKS) as here:
        here.shop.run("halt", "-e", "production", "--reason", "Black Friday")
        for argv in (("deploy", "1.3.0", "-e", "production", "--automatic", "--here"), ("reconcile", "--dry-run")):
            done = here.shop.run(*argv)
            assert re.search(r"^  the next look is on \w{3} [\d-]+ 04:23 UTC$", done.out, re.MULTILINE), done.out


@pytest.mark.parametrize("state", ["disabled_inactivity", "disabled_manually"])
def test_what_is_held_promises_no_look_that_is_switched_off(tmp_path: Path, state: str) -> None:
    with scene(tmp_path, files=WORKFLOW | LOOKS) as here:
        states = here.shop.box.github.settings.actions.states
        states[".github/workflows/looks.yml"] = state
        done = here.shop.run("halt", "-e", "production", "--reason", "Black Friday", "--until", "1h")
        assert "no look is scheduled, for looks.yml is switched off (`gh workflow enable looks.yml`)" in done.out
        done = here.shop.run("reconcile", "--dry-run")
        assert "no look is scheduled, for looks.yml is switched off (`gh workflow enable looks.yml`)" in done.out


def test_a_halt_is_no_failure_where_github_does_not_tell_whether_the_look_is_on(tmp_path: Path) -> None:
    with scene(tmp_path, files=WORKFLOW | LOOKS) as here:
        here.shop.box.fault(Fault(method="GET", path="/actions/workflows$", status=404, times=100))
        done = here.shop.run("halt", "-e", "production", "--reason", "Black Friday", "--until", "1h")
        assert (done.code, "the next look is on" in done.out) == (0, True)


def test_what_is_live_already_is_not_deployed(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "1.2.4")
        assert (done.code, done.out) == (0, "production: 1.2.4 unchanged: 1.2.4 is live in production already\n")
        assert writes(here) == []


@pytest.mark.parametrize(
    "argv, says",
    [
        (("deploy", "1.3.0", "-e", "production", "--override", "older"), "--override needs a reason"),
        (
            ("deploy", "1.3.0", "-e", "production", "--again", "--automatic"),
            "--again can't be combined with --automatic or --record",
        ),
        (("deploy", "1.3.0", "-e", "production", "--override", "older", "--reason", "  "), "needs a reason"),
        (
            ("deploy", "1.3.0", "-e", "production", "--override", "halt", "--automatic", "--reason", "x"),
            "can't be combined with --automatic",
        ),
        (("deploy", "1.3.0", "-e", "production", "--override", "tested", "--reason", "x"), "'tested' is not one of"),
        (("deploy", "1.3.0", "-e", "nowhere", "--here"), "there is no environment 'nowhere'"),
        (("rollback", "-e", "production", "--override", "halt", "--reason", "x"), "takes `--override irreversible`"),
        (("rollback", "-e", "production", "--override", "irreversible"), "--override needs a reason"),
        (("rollback", "-e", "production", "--no-halt"), "--no-halt needs --here"),
        (("halt", "-e", "nowhere", "--reason", "x"), "there is no environment 'nowhere'"),
        (("halt", "--reason", " "), "a halt needs a reason"),
        (("halt", "--reason", "x", "--until", "yesterday"), "--until 'yesterday' is not a time in the future"),
        (("halt", "--reason", "x", "--until", "2020-01-01T00:00Z"), "is not a time in the future"),
        (("halt", "--reason", "x", "--until", "0s"), "is not a time in the future"),
        (("resume", "-e", "nowhere"), "there is no environment 'nowhere'"),
        (("verify", "-e", "nowhere"), "there is no environment 'nowhere'"),
        (("reconcile", "-e", "nowhere"), "there is no environment 'nowhere'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_with_2_before_anything_is_written(
    shared: Production, argv: tuple[str, ...], says: str
) -> None:
    done = shared.shop.run(*argv)
    assert (done.code, says in done.err) == (2, True), done.err
    assert writes(shared) == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """For tests that write nothing."""
    with scene(tmp_path_factory.mktemp("shared")) as here:
        yield here


def test_a_version_that_is_not_there_is_refused(shared: Production) -> None:
    done = deploy(shared, "9.9.9")
    assert (done.code, "no commit of `main` is called 9.9.9" in done.err) == (3, True)


def test_several_overrides_may_stand_in_one_field_of_a_form(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        here.shop.run("halt", "--reason", "wait")
        done = deploy(here, "1.2.3", "--override", "older halt", "--reason", "x")
        assert done.code == 0, done.err
        assert {one.value for one in here.ledger()[-1].payload.overrides} == {"older", "halt"}


@pytest.mark.parametrize(
    "argv",
    [
        ("deploy", "1.3.0", "-e", "production"),
        ("deploy", "1.2.3", "-e", "production"),
        ("rollback", "-e", "production"),
        ("reconcile",),
        ("reconcile", "-e", "production"),
    ],
    ids=" ".join,
)
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(shared: Production, argv: tuple[str, ...]) -> None:
    done = shared.shop.run(*argv, "--dry-run")
    assert done.code in {0, 3}
    assert "production: " in done.out
    assert writes(shared) == []
    assert shared.service.asked == 0


def test_a_dry_run_tells_programs_whether_it_goes(shared: Production) -> None:
    done = shared.shop.run("rollback", "-e", "production", "--dry-run", "--json")
    assert (done.code, document(done)["outcome"], done.document["version"]) == (0, "goes", "1.2.3")


# In a job


def job(here: Production, tmp_path: Path, *argv: str) -> tuple[Result, dict[str, str], str]:
    """What a command in a job prints, the outputs of its step, and the summary."""
    output, summary = tmp_path / "output", tmp_path / "summary"
    for file in (output, summary):
        file.write_text("")
    env = here.shop.job(GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary), RUNNER_TEMP=str(tmp_path))
    done = here.shop.run(*argv, env=env)
    return done, dict(line.split("=", 1) for line in output.read_text().splitlines()), summary.read_text()


def test_a_job_gets_outputs_a_summary_and_the_evidence(tmp_path: Path) -> None:
    with scene(tmp_path, behave=bad("1.3.0")) as here:
        done, outputs, summary = job(here, tmp_path, "deploy", "1.3.0", "-e", "production")
        assert done.code == 6
        assert outputs | {"deployment": ""} == {
            "outcome": "rolled_back",
            "environment": "production",
            "version": "1.3.0",
            "live": "1.2.4",
            "deployment": "",
            "environments": "[]",
        }
        assert outputs["deployment"] == str(here.ledger()[2].id)
        assert summary.startswith("### production: 1\\.3.0 rolled back\n")
        for part in (
            "The last samples:",
            "deploying 1.3.0 to production",
            "expected 200 to 299",
            "<summary>By hand</summary>",
            "error:",
        ):
            assert part in summary
        assert (tmp_path / "release-tool-evidence").is_dir()


WATCHED = QUICK.replace('bake = "200ms"', 'bake = "200ms"\nwatch = "1h"\nrollback-environment = "production-back"')


def test_a_job_leaves_the_watch_to_a_run_of_its_own(tmp_path: Path) -> None:
    with scene(tmp_path, configuration=WATCHED) as here:
        done, outputs, _ = job(here, tmp_path, "deploy", "1.3.0", "-e", "production")
        assert (done.code, "watched until" in done.out, "the watch of" in done.out) == (0, True, False)
        watch = {"environment": "production", "action": "watch", "version": "1.3.0", "gate": "production-back"}
        assert json.loads(outputs["environments"]) == [watch]
        _, outputs, _ = job(here, tmp_path, "rollback", "-e", "production")
        assert outputs["environments"] == "[]", "what goes back is not watched"


def test_who_deploys_from_here_watches_too_unless_asked_not_to(tmp_path: Path) -> None:
    with scene(tmp_path, configuration=WATCHED) as here:  # the stand-in counts its time from long ago
        done = deploy(here, "1.3.0")
        assert (done.code, "the watch of 1.3.0" in done.out) == (0, True)
        assert done.out.count("production: 1.3.0") == 2
        again = deploy(here, "1.3.0", "--again", "--no-watch")
        assert (again.code, "the watch of" in again.out, "watched until" in again.out) == (0, False, False)
        _, outputs, _ = job(here, tmp_path, "deploy", "1.3.0", "-e", "production", "--again", "--no-watch")
        assert outputs["environments"] == "[]"


def test_what_is_not_configured_to_be_watched_is_not(shared: Production) -> None:
    refused = shared.shop.run("verify", "-e", "production", "--watch")
    assert (refused.code, 'such as `watch = "1h"`' in refused.err) == (2, True)


def test_a_dry_run_in_a_job_names_the_environments_to_make_jobs_of(tmp_path: Path) -> None:
    configuration = QUICK.replace("bake =", 'rollback-environment = "rescue"\nbake =')
    with scene(tmp_path, configuration=configuration) as here:
        _, outputs, _ = job(here, tmp_path, "rollback", "-e", "production", "--dry-run")
        assert json.loads(outputs["environments"]) == [
            {"environment": "production", "action": "rollback", "version": "1.2.3", "gate": "rescue"}
        ]
        _, outputs, _ = job(here, tmp_path, "reconcile", "--dry-run")
        assert json.loads(outputs["environments"]) == [
            {"environment": "production", "action": "reconcile", "version": "1.3.0", "gate": "production"}
        ]
        _, outputs, _ = job(here, tmp_path, "deploy", "1.2.4", "-e", "production", "--dry-run")
        assert outputs["environments"] == "[]"


# Rolling back, verifying, recording


def test_a_rollback_leaves_the_environment_halted_unless_asked_not_to(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = here.shop.run("rollback", "-e", "production", "--here", "--reason", "checkout is broken", "--json")
        assert (done.code, document(done)["outcome"], done.document["version"]) == (0, "healthy", "1.2.3")
        assert here.halts() == ["Deployments to production are halted"]
    with scene(tmp_path / "other") as here:
        assert here.shop.run("rollback", "-e", "production", "--here", "--to", "1.2.3", "--no-halt").code == 0
        assert here.halts() == []


def test_a_rollback_to_what_was_never_proven_is_refused(shared: Production) -> None:
    done = shared.shop.run("rollback", "-e", "production", "--here", "--to", "1.3.0")
    assert (done.code, "1.3.0 was never proven in production" in done.err) == (3, True)
    assert writes(shared) == []


def test_verify_says_whether_what_should_be_live_is_healthy_and_writes_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = here.shop.run("verify", "-e", "production", "--json")
        assert (done.code, document(done)["outcome"]) == (0, "healthy")
        here.service.file.write_text("1.2.3")
        done = here.shop.run("verify", "-e", "production")
        assert (done.code, "production: 1.2.4 unhealthy" in done.out) == (7, True)
        assert writes(here) == []


def test_record_writes_down_what_runs_when_it_is_healthy_and_nothing_else(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = deploy(here, "1.3.0", "--record")
        assert done.code == 7
        assert writes(here) == []
        here.service.file.write_text("1.3.0")
        done = deploy(here, "1.3.0", "--record", "--json")
        assert (done.code, document(done)["live"]) == (0, "1.3.0")
        assert "deploying" not in done.err


# Halting and reconciling


def test_a_halt_until_a_time_of_another_zone_ends_then(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with scene(tmp_path) as here:
        told = (now + timedelta(hours=1)).astimezone(timezone(timedelta(hours=5)))
        done = here.shop.run("halt", "--reason", "a move", "--until", f"{told:%H:%M:%S}+05:00")
        assert f"it ends on {told.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC" in done.out


def test_halt_and_resume_say_what_is_halted_and_what_goes_next(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        done = here.shop.run("halt", "-e", "production", "--reason", "Black Friday", "--until", "2h", "--json")
        assert done.code == 0
        told = document(done)
        assert told["state"] == "halted"
        assert re.search(
            r"it ends on \w{3} [\d-]+ [\d:]+ UTC; from then on, no look is scheduled;"
            r" to try again: `gh workflow run brings\.yml`",
            str(told["next"]),
        )
        again = here.shop.run("halt", "--reason", "the database is being moved")
        assert again.out.startswith("halted: every environment http")
        assert (
            "it lasts until somebody resumes, which also starts blocked deployments: `release-tool resume`" in again.out
        )
        done = here.shop.run("resume", "-e", "production")
        assert done.out.startswith("resumed: production http")
        assert "every environment is still halted, this one too: http" in done.out
        done = here.shop.run("resume", "-e", "production")
        assert (done.code, done.out.partition("\n")[0]) == (0, "still halted")
        assert "`release-tool resume`" in done.out
        assert "next in" not in done.out, "everything is halted still"
        done = here.shop.run("resume")
        assert done.out.splitlines()[1:] == ["next in production: deploy 1.3.0"]
        assert here.shop.run("resume", "--json").document["state"] == "nothing was halted"


def test_resume_lets_go_on_what_is_paused_between_waves(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        pause = PhaseRecord(Phase.PAUSED, "after wave 1 of 2, until 13:00 UTC")
        owner = this_process()
        number = enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "web"), pause, owner=owner)
        lines = here.shop.run("resume", "-e", "production").out.splitlines()
        assert lines[:2] == ["resumed", f"production: 1.3.0 (#{number}) continues"]
        assert here.ledger()[-1].phase.word is Phase.RESUMED


def test_reconcile_tells_each_deployment_that_it_saw_to(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"))
        done = here.shop.run("reconcile", "--json")
        told = document(done)["deployments"]
        assert isinstance(told, list)
        assert (done.code, [one["outcome"] for one in told]) == (0, ["held", "healthy"])
        done = here.shop.run("reconcile", "--only-settle")
        assert (done.code, done.out) == (0, "nothing to recover, and nothing to deploy\n")


def test_what_can_not_be_reached_is_closed_as_unknown_and_ends_with_7(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        enter(here, "1.3.0", PhaseRecord(Phase.CHANGING, "production"))
        done = here.shop.run("reconcile", "-e", "production", "--only-close")
        assert (done.code, here.service.asked) == (7, 0)
        assert "1.3.0 inconclusive: interrupted while changing: production" in done.out


def test_who_waits_in_vain_is_refused_with_3_and_told_who_holds_the_environment(tmp_path: Path) -> None:
    runs = {"run": 78, "status": "in_progress", "jobs": [{"id": 78, "runner_name": "r", "status": "in_progress"}]}
    with production(tmp_path, runs, configuration=QUICK) as here:
        prove(here, "1.2.3")
        number = enter(here, "1.2.4", PhaseRecord(Phase.CHANGING, "x"), owner=Owner(run=78, attempt=1, job="78"))
        done = deploy(here, "1.3.0")
        assert (done.code, f"1.2.4 (#{number}) holds the environment" in done.err) == (3, True), done.err


# From a terminal


@contextmanager
def player(here: Production, conclusion: str, *entries: tuple[str, tuple[PhaseRecord, ...]]) -> Iterator[None]:
    """Play the run that a command starts: before the command hears of it, the run has deployed and ended."""
    armed = here.shop.box.fault(Fault(method="POST", path="/dispatches$", block="after"))

    def play() -> None:
        assert armed.wait_until_acted(PATIENCE)
        run = started_run(here)
        owner = Owner(run=run.id, attempt=1, job="1")
        for version, phases in entries:
            enter(here, version, *phases, owner=owner)
        run.status, run.conclusion = "completed", conclusion
        run.jobs = [Job(id=1, name="deploy (production)", status="completed", conclusion=conclusion)]
        armed.release()

    thread = threading.Thread(target=play)
    thread.start()
    yield
    thread.join()


def started_run(here: Production) -> Run:
    """The run that was started last."""
    return list(here.shop.box.github.store.runs)[-1]


CHANGING = PhaseRecord(Phase.CHANGING, "production")
ENDINGS = {
    "healthy": ("success", (CHANGING, PhaseRecord(Phase.HEALTHY, "good for 2m")), 0),
    "rolled back": ("failure", (CHANGING, PhaseRecord(Phase.FAILED, "it broke", rolled_back_to="1.2.4")), 6),
    "unhealthy": ("failure", (CHANGING, PhaseRecord(Phase.FAILED, "it broke")), 7),
    "inconclusive": ("failure", (CHANGING, PhaseRecord(Phase.UNKNOWN, "nothing could be measured")), 7),
    "refused": ("failure", (PhaseRecord(Phase.REFUSED, "halted"),), 3),
    "superseded": ("success", (PhaseRecord(Phase.SUPERSEDED, "by 1.3.1 (#99)"),), 0),
}


@pytest.mark.parametrize("outcome", ENDINGS)
def test_from_a_terminal_the_workflow_is_started_and_followed_to_the_exit_code_of_its_outcome(
    tmp_path: Path, outcome: str
) -> None:
    conclusion, phases, code = ENDINGS[outcome]
    with scene(tmp_path) as here:
        with player(here, conclusion, ("1.3.0", phases)):
            done = here.shop.run("deploy", "1.3.0", "-e", "production", "--reason", "a new search")
        run = started_run(here)
        assert (done.code, f"production: 1.3.0 {outcome}: {phases[-1].text}" in done.out) == (code, True), done.err
        assert f"started {here.shop.box.api_url}/acme/shop/actions/runs/{run.id}; Ctrl-C stops following it" in done.err
        assert f"deploy (production): {conclusion}" in done.err
        assert (run.path, run.branch) == (".github/workflows/brings.yml", "main")
        assert run.inputs == {
            "action": "deploy",
            "environment": "production",
            "version": "1.3.0",
            "reason": "a new search",
            "override": "",
        }
        assert here.service.asked == 0, "nothing is deployed from here"


def test_to_deploy_again_what_is_live_is_asked_by_the_form(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        with player(here, "success", ("1.2.4", (CHANGING, PhaseRecord(Phase.HEALTHY, "good for 2m")))):
            done = here.shop.run("deploy", "1.2.4", "-e", "production", "--again")
        assert (done.code, started_run(here).inputs["again"]) == (0, "true"), done.err


def test_a_rollback_from_a_terminal_is_the_workflows(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        with player(here, "success", ("1.2.3", (CHANGING, PhaseRecord(Phase.HEALTHY, "good for 2m")))):
            log = "a line of a log\n" * 6_000
            done = here.shop.run("rollback", "-e", "production", "--to", "1.2.3", "--json", "--reason", log)
        assert (done.code, document(done)["outcome"]) == (0, "healthy")
        inputs = started_run(here).inputs
        assert (inputs["action"], len(str(inputs["reason"]))) == ("rollback", 2_000)


def test_a_run_that_fails_without_having_deployed_is_a_failure_that_says_where_to_look(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        with player(here, "failure"):
            done = here.shop.run("deploy", "1.3.0", "-e", "production")
        assert done.code == 4
        assert "deployed nothing to production" in done.err
        assert f"actions/runs/{started_run(here).id}" in done.err


def test_ctrl_c_stops_following_and_never_the_run(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        following = here.shop.start("deploy", "1.3.0", "-e", "production")
        assert following.stderr is not None
        assert "started http" in following.stderr.readline()
        asked = here.shop.box.fault(Fault(method="GET", path="/actions/runs/", block="after"))
        assert asked.wait_until_acted(PATIENCE)
        following.send_signal(signal.SIGINT)
        asked.release()
        _, said = following.communicate(timeout=PATIENCE)
        run = started_run(here)
        assert following.returncode == 130
        assert "already true: the run itself continues" in said
        assert f"actions/runs/{run.id}" in said
        assert run.status == "queued"
        assert not [one for one in writes(here) if "cancel" in one]
