"""Which jobs of the workflows that `init` writes run, from how the jobs before them ended, as GitHub decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Build, Config, Duration, Environment, Job, Sync
from release_tool.setup import files as scaffold
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.adoption import ACTION
from tests.workflow_rules import read_workflow
from tests.workflow_walk import STATUS, evaluate, walk

if TYPE_CHECKING:
    from tests.workflow_rules import Workflow
    from tests.workflow_walk import Value

VALUES = Values(branch="main", action=ACTION, build=("make build",), test=("make test",))
CONFIG = Config(sync=Sync(), environments={"production": Environment(command=("./deploy.sh",))})
CALLED = Config(
    sync=Sync(),
    build=Build(workflow=".github/workflows/build.yml", references=("web",)),
    tests=Job(workflow=".github/workflows/tests.yml"),
)
FILES = render(CONFIG, VALUES)
RELEASE, DEPLOY, LOOK = (read_workflow(FILES[path]) for path in (scaffold.RELEASE, scaffold.DEPLOY, scaffold.LOOK))
BY_WORKFLOW = read_workflow(render(CALLED, VALUES)[scaffold.RELEASE])
BY_APP = read_workflow(render(CONFIG, msgspec.structs.replace(VALUES, app=True))[scaffold.RELEASE])
WATCHED = read_workflow(
    render(Config(environments={"production": Environment(command=("./deploy.sh",), watch=Duration(hours=5))}), VALUES)[
        scaffold.DEPLOY
    ]
)
ENDS = st.sampled_from(["success", "failure", "cancelled"])
MAIN: dict[str, Value] = {"github.ref": "refs/heads/main", "github.ref_type": "branch"}
ONE = '[{"environment": "production"}]'


def jobs_that_run(workflow: Workflow, facts: dict[str, Value], ends: dict[str, str]) -> str:
    return " ".join(job for job, end in walk(workflow, facts, ends).items() if end != "skipped")


def of_release(action: str, state: str, build: str = "true") -> dict[str, Value]:
    return MAIN | {
        "steps.plan.outputs.action": action,
        "steps.candidate.outputs.state": state,
        "steps.candidate.outputs.build": build,
    }


@pytest.mark.parametrize(
    "facts, ends, jobs",
    [
        (of_release("release", "candidate"), {}, "plan build release tests advance"),
        (of_release("nothing", "nothing"), {}, "plan release"),
        (of_release("nothing", "candidate"), {}, "plan release tests advance"),
        (of_release("nothing", "tested"), {}, "plan release advance"),
        (of_release("release", "conflict"), {"release": "failure"}, "plan build release"),
        (of_release("release", "candidate"), {"build": "failure"}, "plan build"),
        (of_release("release", "candidate"), {"tests": "cancelled"}, "plan build release tests"),
        (of_release("", "pushed") | {"github.ref": "refs/heads/cloud"}, {}, "release tests advance"),
        (of_release("", "candidate") | {"inputs.carry": "v1.0.2"}, {}, "release tests advance"),
        (of_release("release", ""), {"plan": "failure"}, "plan"),
    ],
)
def test_a_release_is_built_tested_and_carried_over_as_far_as_it_is_due(
    facts: dict[str, Value], ends: dict[str, str], jobs: str
) -> None:
    assert jobs_that_run(RELEASE, facts, ends) == jobs


@pytest.mark.parametrize(
    "build, jobs",
    [
        ("true", "plan build release candidate tests advance"),  # it was merged, so it is something new
        ("false", "plan build release tests advance"),  # it is the release itself
    ],
)
def test_a_candidate_that_is_the_release_itself_is_not_built_twice(build: str, jobs: str) -> None:
    assert jobs_that_run(BY_WORKFLOW, of_release("release", "candidate", build), {}) == jobs


@pytest.mark.parametrize("workflow", [RELEASE, BY_WORKFLOW], ids=["steps", "workflows"])
@given(
    state=st.sampled_from(["candidate", "tested", "pushed", "nothing", "moved", "conflict", ""]),
    build=st.sampled_from(["true", "false", ""]),
    action=st.sampled_from(["release", "finish", "nothing", ""]),
    ends=st.dictionaries(st.sampled_from(["plan", "build", "release", "candidate", "tests"]), ENDS),
)
def test_cloud_never_moves_to_a_commit_that_is_not_built_and_tested(
    workflow: Workflow, state: str, build: str, action: str, ends: dict[str, str]
) -> None:
    ended = walk(workflow, of_release(action, state, build), ends)
    if ended["tests"] != "skipped":
        assert ended.get("candidate", "success") == "success" or build == "false"
        assert state in {"candidate", "pushed"}
    if ended["advance"] != "skipped":
        assert state == "tested" or ended["tests"] == "success"


@pytest.mark.parametrize(
    "ref, kind, sender, jobs",
    [
        ("refs/tags/v1.3.0", "tag", "Bot", ""),
        ("refs/heads/cloud", "branch", "Bot", ""),
        ("refs/tags/v1.3.0", "tag", "User", "plan build release tests advance"),
        ("refs/heads/cloud", "branch", "User", "release tests advance"),
        ("refs/heads/main", "branch", "Bot", "plan build release tests advance"),  # a bot merged a pull request
    ],
)
def test_what_our_app_pushes_itself_starts_no_second_chain_of_jobs(ref: str, kind: str, sender: str, jobs: str) -> None:
    pushed: dict[str, Value] = {"github.ref": ref, "github.ref_type": kind, "github.event.sender.type": sender}
    assert jobs_that_run(BY_APP, of_release("release", "candidate") | pushed, {}) == jobs


def test_each_step_of_an_app_gets_a_token_of_its_own_for_none_lives_longer_than_an_hour() -> None:
    """The action makes it, right before the command, and no job that acts by it takes an hour."""
    acting = [job for job in BY_APP.jobs.values() if any("app-key" in step.with_ for step in job.steps)]
    assert [job.timeout_minutes for job in acting] == [15, 30, 15]
    assert "app-key" not in FILES[scaffold.DEPLOY]


def test_what_is_built_and_tested_is_the_very_commit_that_cloud_moves_to() -> None:
    told = [BY_WORKFLOW.jobs[name].with_["sha"] for name in ("candidate", "tests")]
    assert [*told, BY_WORKFLOW.jobs["advance"].env["SHA"]] == 3 * ["${{ needs.release.outputs.sha }}"]


@pytest.mark.parametrize(
    "facts, jobs",
    [
        ({"inputs.action": "deploy", "steps.deploy.outputs.environments": ONE}, "plan environments after"),
        ({"inputs.action": "rollback", "steps.rollback.outputs.environments": ONE}, "plan environments after"),
        ({"steps.carry-on.outputs.environments": ONE}, "plan environments after"),
        ({"steps.carry-on.outputs.environments": "[]"}, "plan"),
        ({"inputs.action": "halt"}, "plan"),
        ({"inputs.plan": ONE}, "environments after"),
        ({"github.event_name": "issues", "github.event.label.name": "bug"}, ""),
        ({"github.event_name": "issues", "github.event.issue.labels.*.name": "release-halt"}, "plan"),
    ],
)
def test_a_run_asks_for_an_environment_only_where_there_is_something_to_do(facts: dict[str, Value], jobs: str) -> None:
    assert jobs_that_run(DEPLOY, facts, {}) == jobs


@pytest.mark.parametrize(
    "end, jobs", [("success", "environments"), ("failure", "environments after"), ("cancelled", "environments after")]
)
def test_a_watch_is_one_job_of_a_run_of_its_own_unless_it_has_to_go_back(end: str, jobs: str) -> None:
    watched = '[{"environment": "production", "action": "watch"}]'
    assert jobs_that_run(WATCHED, {"inputs.plan": watched}, {"environments": end}) == jobs


def test_a_watch_may_take_as_long_as_it_says_and_go_back_then() -> None:
    """A token of the workflow's own lives as long as its job, which on GitHub's runners is six hours at most."""
    assert WATCHED.jobs["environments"].timeout_minutes == 5 * 60 + 60
    assert DEPLOY.jobs["environments"].timeout_minutes == 180
    paused = Environment(command=("./deploy.sh",), pause_after=(1, 2), pause_timeout=Duration(minutes=45))
    files = render(Config(environments={"production": paused}), VALUES)
    assert read_workflow(files[scaffold.DEPLOY]).jobs["environments"].timeout_minutes == 180 + 90
    assert "watch" not in FILES[scaffold.DEPLOY].casefold()


@pytest.mark.parametrize("end", ["failure", "cancelled"])
def test_what_a_lost_runner_left_is_closed(end: str) -> None:
    assert "after" in jobs_that_run(DEPLOY, {"inputs.plan": ONE}, {"environments": end})


def test_nothing_waits_in_a_group_that_an_approval_could_hold() -> None:
    assert DEPLOY.groups() == set()


def test_nothing_that_halts_resumes_or_closes_names_an_environment() -> None:
    assert [name for name, job in DEPLOY.jobs.items() if job.environment] == ["environments"]


def test_github_writes_no_deployment_down_beside_those_of_the_ledger() -> None:
    assert DEPLOY.jobs["environments"].environment["deployment"] is False


# The look


def steps_that_run(facts: dict[str, Value], failing: str = "") -> list[str]:
    """What the steps of the look are about that GitHub runs, where one of them fails."""
    ran, failed = list[str](), False
    for step in LOOK.jobs["look"].steps:
        status: dict[str, Value] = {"cancelled()": False, "success()": not failed}
        asks = not step.if_ or bool(evaluate(step.if_, facts | status))
        if asks and (STATUS.search(step.if_) or not failed):
            ran.append(str(step.with_.get("run") or step.with_.get("start") or step.name))
            failed = failed or ran[-1] == failing
    return ran


DAILY: dict[str, Value] = {"github.event_name": "schedule"}
HINT = "Bring back where the pages of the ledger ended"
SHOWS = ["status --tell", HINT, "dashboard site", "Keep it as an artifact"]
LOOKS = ["plan", "sync --dry-run"]


@pytest.mark.parametrize(
    "facts, runs",
    [
        ({"action": "nothing", "state": "nothing"}, [*LOOKS, "reconcile --plan", *SHOWS]),
        ({"action": "release", "state": "nothing"}, [*LOOKS, "release-tool.yml", "reconcile --plan", *SHOWS]),
        ({"action": "nothing", "state": "merge"}, [*LOOKS, "release-tool.yml", "reconcile --plan", *SHOWS]),
        ({"action": "nothing", "state": "conflict"}, [*LOOKS, "reconcile --plan", *SHOWS]),
    ],
)
def test_a_look_starts_only_what_is_needed(facts: dict[str, str], runs: list[str]) -> None:
    told: dict[str, Value] = {"steps.plan.outputs.action": facts["action"], "steps.sync.outputs.state": facts["state"]}
    assert steps_that_run(DAILY | told) == runs


def test_a_look_that_somebody_started_shows_how_things_are_and_starts_nothing() -> None:
    assert steps_that_run({"github.event_name": "workflow_dispatch"}) == SHOWS


@pytest.mark.parametrize("failing", ["plan", "sync --dry-run", "reconcile --plan", "status --tell"])
def test_what_is_wrong_with_one_thing_keeps_a_look_from_no_other(failing: str) -> None:
    """A plan that failed has told nothing, so that no release is started that would only fail again."""
    assert steps_that_run(DAILY, failing) == [*LOOKS, "reconcile --plan", *SHOWS]
