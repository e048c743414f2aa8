from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forkserver
from tests.workflow_rules import (
    DEFAULT_BRANCH,
    ONLY_PULL_REQUESTS,
    PINS,
    REQUIRED,
    Strategy,
    breaches_of_action,
    breaches_of_workflow,
    read_workflow,
)
from tests.workflow_walk import evaluate, walk

if TYPE_CHECKING:
    from tests.workflow_rules import Step, Workflow
    from tests.workflow_walk import Value

ROOT = Path(__file__).parent.parent
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
WORKFLOWS = {
    f"./{path.relative_to(ROOT)}": path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
READ = {path: read_workflow(text) for path, text in WORKFLOWS.items()}
JOBS = [job for workflow in READ.values() for job in workflow.jobs.values()]
STEPS = [step for job in JOBS for step in job.steps]
COMMANDS = [step for step in STEPS if "release-tool " in step.run]
MEASURED = "3.13"
"""The Python on which the coverage is measured; the others run the same tests without."""
TARGETS = sorted({step.run.split()[1] for step in STEPS if step.run.startswith("make ")} - {'"$TARGET"'})
CHECKS = READ["./.github/workflows/pr-checks.yml"].jobs
RELEASE = READ["./.github/workflows/release.yml"]
DASHBOARD = READ["./.github/workflows/dashboard.yml"]
SYNC = READ["./.github/workflows/cloud-sync.yml"]
ADVANCE = READ["./.github/workflows/cloud-advance.yml"]
DEPLOY = READ["./.github/workflows/deploy.yml"]

CHECKOUT = PINS["actions/checkout"]
SOUND = f"""
run-name: Release
on:
  push: {{}}
  workflow_dispatch:
    inputs:
      level: {{}}
permissions: {{}}
jobs:
  plan:
    permissions:
      contents: read # look
    timeout-minutes: 5
    concurrency:
      group: release
      queue: max
      cancel-in-progress: false
    outputs:
      tag: ${{{{ steps.plan.outputs.tag }}}}
    steps:
      - name: Check out
        uses: actions/checkout@{CHECKOUT}
        with:
          persist-credentials: false
      - name: Plan
        id: plan
        run: exec release-tool plan "$LEVEL"
  call:
    needs: plan
    if: needs.plan.outputs.tag
    permissions:
      contents: write # release
    uses: ./called.yml
    with:
      tag: ${{{{ needs.plan.outputs.tag || inputs.level }}}}
  again:
    needs: call
    if: ${{{{ !cancelled() && inputs.level }}}}
    permissions:
      actions: write # start a run
    timeout-minutes: 5
    steps:
      - name: Start
        run: exec gh workflow run called.yml --raw-field=tag="$TAG"
"""
CALLED = """
on:
  workflow_call:
    inputs:
      tag: {required: true}
  workflow_dispatch:
    inputs:
      tag: {}
concurrency:
  group: called
permissions: {}
jobs:
  release:
    permissions:
      contents: write # release
    timeout-minutes: 5
"""
TESTED = f"""
on:
  workflow_call:
    inputs:
      sha: {{required: true}}
permissions: {{}}
jobs:
  tests:
    permissions:
      contents: read # check out
    timeout-minutes: 5
    steps:
      - name: Check out
        uses: actions/checkout@{CHECKOUT}
        with:
          ref: ${{{{ inputs.sha }}}}
          persist-credentials: false
"""
CHECKED = f"""
run-name: Checks
on:
  pull_request:
  merge_group:
concurrency:
  group: checks
  cancel-in-progress: {ONLY_PULL_REQUESTS}
permissions: {{}}
jobs:
  tests:
    permissions:
      contents: read # look
    timeout-minutes: 5
  checks:
    name: checks
    needs: tests
    if: always()
    permissions: {{}}
    timeout-minutes: 5
"""
TRUSTED = f"""
run-name: Policy
on:
  pull_request_target:
    types: [opened]
  merge_group:
concurrency:
  group: policy-${{{{ github.event.number }}}}
permissions: {{}}
jobs:
  policy:
    name: policy
    permissions:
      pull-requests: write # comment
    timeout-minutes: 5
    steps:
      - name: Check out
        uses: actions/checkout@{CHECKOUT}
        with:
          ref: {DEFAULT_BRANCH}
          persist-credentials: false
      - name: Check
        run: exec release-tool check-pr
"""
BREACHES = {
    "a pin that nobody looked at": (CHECKOUT, "v7", "`actions/checkout@v7` is not pinned as in PINS"),
    "a pin with another version behind": (
        "# v7.0.1",
        "# v7.0.0",
        f"`actions/checkout@{CHECKOUT.replace('7.0.1', '7.0.0')}` is not pinned as in PINS",
    ),
    "an action from elsewhere": ("actions/checkout@", "evil/checkout@", f"`evil/checkout@{CHECKOUT}` is not"),
    "rights for all jobs": ("permissions: {}", "permissions: {contents: read}", "`permissions: {}` is missing"),
    "a right without a reason": ("read # look", "read", "the grant `contents` has no reason"),
    "a run without a name": ("run-name: Release", "", "`run-name` is missing"),
    "a job without rights": (
        "permissions:\n      contents: read # look\n",
        "name: Plan\n",
        "job `plan` has no permissions",
    ),
    "a job without a limit": ("timeout-minutes: 5", "name: Plan", "job `plan` has no time limit"),
    "an expression in a script": (
        '"$LEVEL"',
        "${{ inputs.level }}",
        "step `Plan` has an expression in its script",
    ),
    "a long script": (
        'exec release-tool plan "$LEVEL"',
        "|\n" + 6 * "          true\n",
        "step `Plan` has a script of 6 lines",
    ),
    "a tool that gets no signal": ("exec release-tool", "release-tool", "step `Plan` does not `exec`"),
    "credentials that stay": (
        "persist-credentials: false",
        "fetch-depth: 0",
        "step `Check out` leaves credentials in the checkout",
    ),
    "a queue that cancels": (
        "cancel-in-progress: false",
        "cancel-in-progress: true",
        "the group `release` cancels what runs beside `queue: max`",
    ),
    "a call of nothing": ("./called.yml", "./cold.yml", "job `call` calls `./cold.yml`, which does not exist"),
    "an input too many": (
        "with:\n      tag:",
        "with:\n      tag: v1\n      tog:",
        "job `call` gives `tog`, which `./called.yml` does not take",
    ),
    "an input too few": (
        "with:\n      tag: ${{ needs.plan.outputs.tag || inputs.level }}",
        "name: Call",
        "job `call` does not give `tag`, which `./called.yml` needs",
    ),
    "a call with fewer rights": (
        "write # release",
        "read # release",
        "job `call` calls a job that asks for `contents: write`",
    ),
    "a misspelt output": (
        "needs.plan.outputs.tag",
        "needs.plan.outputs.tog",
        "`needs.plan.outputs.tog` is read, but nothing writes it",
    ),
    "a misspelt step": ("steps.plan.", "steps.plam.", "no step has the id `plam`"),
    "a misspelt input": ("inputs.level", "inputs.lever", "`inputs.lever` is read, but no such input exists"),
    "a release that is cancelled": (
        "queue: max\n      cancel-in-progress: false",
        f"cancel-in-progress: {ONLY_PULL_REQUESTS}",
        "the group `release` cancels what runs",
    ),
    "a condition that is never asked": (
        "!cancelled() && ",
        "",
        "job `again` is skipped with `call`, whatever its condition says",
    ),
    "a call that waits for itself": (
        "uses: ./called.yml",
        "concurrency: {group: called}\n    uses: ./called.yml",
        "job `call` waits for the group `called`, which its own run holds",
    ),
    "a start of nothing": ("run called.yml", "run cold.yml", "step `Start` starts `cold.yml`, which can't be started"),
    "a start with an input too many": (
        "--raw-field=tag=",
        "--raw-field=tog=",
        "step `Start` gives `tog`, which `called.yml` does not take",
    ),
    "a start without the right": (
        "actions: write # start a run",
        "actions: read # look at runs",
        "job `again` starts a run, and may not",
    ),
}
BREACHES_OF_TESTS = {
    "tests of whatever the branch is at": (
        "          ref: ${{ inputs.sha }}\n",
        "",
        "step `Check out` checks out another commit than the one it is told",
    ),
}
BREACHES_OF_CHECKS = {
    "a stranger's code with rights": ("read # look", "write # fix", "the code of a pull request runs with rights"),
    "a stranger's code with secrets": (
        "timeout-minutes: 5\n  checks",
        "timeout-minutes: 5\n    env: {KEY: '${{ secrets.KEY }}'}\n  checks",
        "the code of a pull request runs with rights or secrets",
    ),
    "a merge queue that is cancelled": (ONLY_PULL_REQUESTS, "true", "the group `checks` cancels what runs"),
    "a merge queue that waits for ever": (
        "  merge_group:\n",
        "",
        "the required check `checks` does not start on pull requests and in the merge queue",
    ),
    "a pull request that waits for ever": (
        "pull_request:",
        "pull_request: {paths: [src]}",
        "the required check `checks` does not start for every pull request",
    ),
    "a required check that is skipped": (
        "    if: always()\n",
        "",
        "the required check `checks` may be skipped, and then counts as passed",
    ),
    "a job that nobody asks": (
        "  checks:\n",
        "  types:\n    permissions: {}\n    timeout-minutes: 5\n  checks:\n",
        "the required check `checks` does not wait for every other job",
    ),
}
BREACHES_OF_TRUST = {
    "a stranger's code checked out": (
        DEFAULT_BRANCH,
        "refs/pull/${{ github.event.number }}/merge",
        "step `Check out` may check out a stranger's code",
    ),
    "a checkout that does not say of what": (
        f"          ref: {DEFAULT_BRANCH}\n",
        "",
        "step `Check out` may check out a stranger's code",
    ),
    "a stranger's text": (
        "run: exec release-tool check-pr",
        "run: exec release-tool check-pr\n        env: {TITLE: '${{ github.event.pull_request.title }}'}",
        "`github.event` may be a stranger's text",
    ),
    "a stranger's branch": (
        "run-name: Policy",
        "run-name: Policy of ${{ github.head_ref }}",
        "`github.head_ref` may be a stranger's text",
    ),
    "a required check under a condition": (
        "name: policy\n",
        "name: policy\n    if: github.event.number\n",
        "the required check `policy` may be skipped",
    ),
}
BROKEN = {
    case: (text, *breach)
    for text, breaches in (
        (SOUND, BREACHES),
        (TESTED, BREACHES_OF_TESTS),
        (CHECKED, BREACHES_OF_CHECKS),
        (TRUSTED, BREACHES_OF_TRUST),
    )
    for case, breach in breaches.items()
}


@pytest.mark.parametrize("path", WORKFLOWS)
def test_a_workflow_keeps_the_house_rules(path: str) -> None:
    assert list(breaches_of_workflow(WORKFLOWS[path], READ)) == []


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_a_composite_action_keeps_the_house_rules(path: Path) -> None:
    assert list(breaches_of_action(path.read_text())) == []


@pytest.mark.parametrize("text", [SOUND, TESTED, CHECKED, TRUSTED], ids=["release", "tests", "checks", "policy"])
def test_a_sound_workflow_breaks_no_rule(text: str) -> None:
    assert list(breaches_of_workflow(text, {"./called.yml": read_workflow(CALLED)})) == []


@pytest.mark.parametrize("case", BROKEN)
def test_a_breach_of_the_house_rules_is_named(case: str) -> None:
    text, sound, broken, sentence = BROKEN[case]
    assert sound in text
    found = list(breaches_of_workflow(text.replace(sound, broken), {"./called.yml": read_workflow(CALLED)}))
    assert [breach for breach in found if breach.startswith(sentence)]


@pytest.mark.parametrize("workflow", [RELEASE, SYNC], ids=["release", "sync"])
def test_a_new_run_gets_every_input_that_a_person_may_give(workflow: Workflow) -> None:
    handed_on = re.findall(r"--raw-field=(\w+)=", workflow.jobs["again"].steps[0].run)
    assert handed_on == list(workflow.interface("workflow_dispatch").inputs)


def test_each_required_check_is_reported_by_exactly_one_job() -> None:
    assert sorted(job.name for job in JOBS if job.name in REQUIRED) == sorted(REQUIRED)


def test_a_pull_request_is_tested_on_every_python_that_the_package_supports() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    supported = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)
    on = {python: "coverage" if python == MEASURED else "tests" for python in supported}
    runs = [{"python": python, "target": target} for python, target in on.items()]
    assert CHECKS["tests"].strategy == Strategy(matrix={"include": runs})


@pytest.mark.parametrize("target", ["coverage", "tests"])
def test_what_a_pull_request_is_tested_with_can_be_made(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], capture_output=True, check=True, cwd=ROOT)


@pytest.mark.parametrize(
    "results, passes",
    [
        ("success", True),
        ("success success success", True),
        ("success failure success", False),
        ("skipped success", False),
        ("success cancelled", False),
        ("", False),
    ],
)
def test_the_checks_pass_only_when_every_job_succeeded(results: str, passes: bool) -> None:
    (step,) = CHECKS["checks"].steps
    finished = subprocess.run(
        ["bash", "-e", "-c", step.run], capture_output=True, check=False, env=os.environ | {"RESULTS": results}
    )
    assert (finished.returncode == 0) is passes


@pytest.mark.parametrize("target", TARGETS)
def test_a_workflow_makes_only_what_can_be_made(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], capture_output=True, check=True, cwd=ROOT)


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.name)
def test_a_workflow_passes_only_options_that_the_command_has(step: Step) -> None:
    _, _, command, *words = shlex.split(step.run)
    described = forkserver.run([command, "--help"], cwd=ROOT, env=os.environ).out
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", described))


def run_step(path: str, job: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run the very script of a job's step of the same name, as a person starts it, in a repository, from git alone.

    Every input is empty then. Gives what the step wrote, which has to be all that the workflow reads.
    """
    (step,) = [step for step in READ[path].jobs[job].steps if step.id == job]
    output = root / "output"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    monkeypatch.setenv("GITHUB_REF_TYPE", "branch")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in step.env.keys() - {"GITHUB_TOKEN"}:
        monkeypatch.setenv(name, "")
    checkout = root / "checkout"
    for argv in (
        ["init", "--quiet", "--initial-branch=main", str(checkout)],
        ["-C", str(checkout), "commit", "--quiet", "--allow-empty", "--message=feat: begin"],
        ["-C", str(checkout), "tag", "--annotate", "--message=v1.2.3", "v1.2.3"],
        ["-C", str(checkout), "commit", "--quiet", "--allow-empty", "--message=feat: search"],
    ):
        subprocess.run(["git", *argv], check=True)

    subprocess.run(["bash", "-e", "-c", step.run], check=True, cwd=checkout)

    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert set(re.findall(rf"steps\.{job}\.outputs\.(\w+)", WORKFLOWS[path])) <= written.keys()
    return written


def test_the_plan_step_writes_every_output_that_the_workflow_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = run_step("./.github/workflows/publish.yml", "plan", tmp_path, monkeypatch)
    assert (written["action"], written["tag"], written["again"]) == ("release", "v1.3.0", "false")


def test_a_project_that_hosts_nothing_has_nothing_to_sync_and_runs_no_job_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = run_step("./.github/workflows/cloud-advance.yml", "candidate", tmp_path, monkeypatch)
    facts: dict[str, Value] = {f"steps.candidate.outputs.{name}": value for name, value in written.items()}
    assert written["state"] == "nothing"
    assert jobs_that_run(ADVANCE, facts, {}) == {"candidate"}


@pytest.mark.parametrize(
    "private, build_type, pages",
    [
        ("false", "workflow", "true"),
        ("true", "workflow", "false"),  # Pages of a private repository may be open to everybody
        ("false", "legacy", "false"),  # Pages come from a branch, which a publication would replace
        ("false", "", "false"),
    ],
)
def test_the_dashboard_is_published_only_where_everybody_may_read_it_and_somebody_asked_for_it(
    tmp_path: Path, private: str, build_type: str, pages: str
) -> None:
    (step,) = [step for step in DASHBOARD.jobs["build"].steps if step.id == "pages"]
    gh = tmp_path / "gh"
    no_pages = 'echo \'{"message": "Not Found"}\'; exit 1'
    told = f"echo {build_type}" if build_type else no_pages
    gh.write_text(f'#!/bin/sh\ncase "$2" in */pages) {told};; *) echo {private};; esac\n')
    gh.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_REPOSITORY": "acme/shop",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step.run], check=True, env=os.environ | environment, capture_output=True, text=True
    )
    assert (tmp_path / "output").read_text() == f"pages={pages}\n"
    assert ("artifact of this run" in done.stdout) is (pages == "false")
    assert ("publish" in jobs_that_run(DASHBOARD, {"steps.pages.outputs.pages": pages}, {})) is (pages == "true")


def jobs_that_run(workflow: Workflow, facts: dict[str, Value], ends: dict[str, str]) -> set[str]:
    return {job for job, end in walk(workflow, facts, ends).items() if end != "skipped"}


@pytest.mark.parametrize(
    "expression, value",
    [
        ("a == 'x' && b == 'y z'", True),
        ("a == 'y' || b != 'y z'", False),
        ("${{ !(a == 'y') && b }}", "y z"),
        ("unknown || 'else'", "else"),
        ("a == 'y' && b == 'y z' || a == 'x'", True),
        ("a == 'y' && (b == 'y z' || a == 'x')", False),
        ("contains(b, 'z') && !contains(b, a)", True),
    ],
)
def test_a_condition_is_read_as_github_reads_it(expression: str, value: str) -> None:
    assert evaluate(expression, {"a": "x", "b": "y z"}) == value


@pytest.mark.parametrize(
    "state, build, ends, jobs",
    [
        ("candidate", "true", {}, "candidate build tests advance"),
        ("candidate", "false", {}, "candidate tests advance"),
        ("tested", "true", {}, "candidate advance"),
        ("pushed", "true", {}, "candidate build tests advance"),
        ("pushed", "false", {}, "candidate tests advance"),
        ("nothing", "false", {}, "candidate"),
        ("conflict", "false", {"candidate": "failure"}, "candidate"),
        ("candidate", "true", {"build": "failure"}, "candidate build"),
        ("candidate", "true", {"build": "cancelled"}, "candidate build"),
        ("candidate", "true", {"tests": "failure"}, "candidate build tests"),
        ("candidate", "false", {"tests": "cancelled"}, "candidate tests"),
    ],
)
def test_a_sync_builds_what_is_new_then_tests_it_then_moves_cloud(
    state: str, build: str, ends: dict[str, str], jobs: str
) -> None:
    facts: dict[str, Value] = {"steps.candidate.outputs.state": state, "steps.candidate.outputs.build": build}
    assert jobs_that_run(ADVANCE, facts, ends) == set(jobs.split())


ENDS = st.sampled_from(["success", "failure", "cancelled"])


@given(
    state=st.sampled_from(["candidate", "tested", "pushed", "nothing", "moved", "conflict", ""]),
    build=st.sampled_from(["true", "false", ""]),
    ends=st.fixed_dictionaries({"candidate": ENDS, "build": ENDS, "tests": ENDS}),
)
def test_cloud_never_moves_to_a_commit_that_is_not_built_and_tested(
    state: str, build: str, ends: dict[str, str]
) -> None:
    ended = walk(ADVANCE, {"steps.candidate.outputs.state": state, "steps.candidate.outputs.build": build}, ends)
    if ended["tests"] != "skipped":
        assert build == "false" or ended["build"] == "success"
    if ended["advance"] != "skipped":
        assert state == "tested" or ended["tests"] == "success"


@pytest.mark.parametrize("job", ["candidate", "advance"])
def test_a_sync_that_was_overtaken_starts_a_new_one(job: str) -> None:
    told = ADVANCE.interface("workflow_call").outputs["again"].value
    assert evaluate(told, {f"jobs.{job}.outputs.again": "true"})
    assert not evaluate(told, {f"jobs.{job}.outputs.again": "false"})
    assert "again" in jobs_that_run(SYNC, {"needs.advance.outputs.again": "true"}, {})
    assert "again" not in jobs_that_run(SYNC, {"needs.advance.outputs.again": "false"}, {})


@pytest.mark.parametrize("end", ["success", "failure", "skipped"])
def test_what_is_tested_and_missed_is_deployed_whatever_became_of_the_sync(end: str) -> None:
    assert "deploy" in jobs_that_run(SYNC, {}, {"advance": end})


ONE = '[{"environment": "production"}]'


@pytest.mark.parametrize(
    "facts, jobs",
    [
        ({"inputs.action": "deploy", "steps.deploy.outputs.environments": ONE}, "plan environments close dashboard"),
        (
            {"inputs.action": "rollback", "steps.rollback.outputs.environments": ONE},
            "plan environments close dashboard",
        ),
        ({"steps.carry-on.outputs.environments": ONE}, "plan environments close dashboard"),
        ({"steps.carry-on.outputs.environments": "[]"}, "plan"),
        ({"inputs.action": "halt"}, "line"),
        (
            {"inputs.action": "resume", "steps.carry-on.outputs.environments": ONE},
            "line plan environments close dashboard",
        ),
        ({"github.event_name": "issues", "github.event.label.name": "bug"}, ""),
        ({"github.event_name": "issues", "github.event.issue.labels.*.name": "release-halt"}, "plan"),
        (
            {
                "github.event_name": "issues",
                "github.event.label.name": "release-halt",
                "steps.carry-on.outputs.environments": ONE,
            },
            "plan environments close dashboard",
        ),
    ],
)
def test_a_run_asks_for_an_environment_only_where_there_is_something_to_do(facts: dict[str, Value], jobs: str) -> None:
    assert jobs_that_run(DEPLOY, facts, {}) == set(jobs.split())


@pytest.mark.parametrize("end", ["failure", "cancelled"])
def test_what_a_lost_runner_left_is_closed(end: str) -> None:
    facts: dict[str, Value] = {"steps.carry-on.outputs.environments": ONE}
    assert "close" in jobs_that_run(DEPLOY, facts, {"environments": end})


def test_nothing_waits_in_a_group_that_an_approval_could_hold() -> None:
    assert DEPLOY.groups() == set()
    assert SYNC.concurrency is None
    assert SYNC.jobs["deploy"].concurrency is None


def test_nothing_that_halts_resumes_or_closes_names_an_environment() -> None:
    assert [name for name, job in DEPLOY.jobs.items() if job.environment] == ["environments"]


def test_github_writes_no_deployment_down_beside_those_of_the_ledger() -> None:
    assert DEPLOY.jobs["environments"].environment["deployment"] is False


def test_what_is_built_and_tested_is_the_very_commit_that_cloud_moves_to() -> None:
    told = [job.with_["sha"] for job in ADVANCE.jobs.values() if job.uses]
    told += [step.env["SHA"] for job in ADVANCE.jobs.values() for step in job.steps if "SHA" in step.env]
    assert told == 4 * ["${{ needs.candidate.outputs.sha }}"]


@pytest.mark.parametrize(
    "ref, kind, job",
    [
        ("refs/heads/main", "branch", {"sync"}),
        ("refs/heads/1.x", "branch", set()),
        ("refs/tags/v1.3.0", "tag", {"sync-of-tag"}),
    ],
)
@pytest.mark.parametrize("end", ["success", "failure", "skipped"])
def test_a_sync_follows_every_run_of_main_or_of_a_tag_whether_it_published_or_not(
    ref: str, kind: str, job: set[str], end: str
) -> None:
    facts: dict[str, Value] = {"github.ref": ref, "github.ref_type": kind}
    assert jobs_that_run(RELEASE, facts, {"publish": end}) - {"publish"} == job
