from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from release_tool.config.read import parse
from release_tool.setup import files as scaffold
from release_tool.setup.files import FileState, compare, sign
from release_tool.setup.init import CONFIGURATION
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests.workflow_rules import (
    DEFAULT_BRANCH,
    ONLY_PULL_REQUESTS,
    PINS,
    REQUIRED,
    Strategy,
    breaches_of_workflow,
    read_action,
    read_workflow,
)
from tests.workflow_walk import evaluate

ROOT = Path(__file__).parent.parent
WORKFLOWS = {
    f"./{path.relative_to(ROOT)}": path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
READ = {path: read_workflow(text) for path, text in WORKFLOWS.items()}
JOBS = [job for workflow in READ.values() for job in workflow.jobs.values()]
STEPS = [step for job in JOBS for step in job.steps]
MEASURED = "3.13"
"""The Python on which the coverage is measured; the others run the same tests without."""
TARGETS = sorted({step.run.split()[1] for step in STEPS if step.run.startswith("make ")} - {'"$TARGET"'})
CHECKS = READ["./.github/workflows/pr-checks.yml"].jobs

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


@pytest.mark.parametrize("text", [SOUND, TESTED, CHECKED, TRUSTED], ids=["release", "tests", "checks", "policy"])
def test_a_sound_workflow_breaks_no_rule(text: str) -> None:
    assert list(breaches_of_workflow(text, {"./called.yml": read_workflow(CALLED)})) == []


@pytest.mark.parametrize("case", BROKEN)
def test_a_breach_of_the_house_rules_is_named(case: str) -> None:
    text, sound, broken, sentence = BROKEN[case]
    assert sound in text
    found = list(breaches_of_workflow(text.replace(sound, broken), {"./called.yml": read_workflow(CALLED)}))
    assert [breach for breach in found if breach.startswith(sentence)]


def test_the_workflows_of_this_repository_are_those_that_init_writes() -> None:
    """But for the steps that build it, which are ours as a user's are the user's."""
    config = parse((ROOT / CONFIGURATION).read_text(), CONFIGURATION)
    there = (ROOT / scaffold.RELEASE).read_text()
    pinned = re.search(rf"uses: ({re.escape(scaffold.source_of(there))} # \S+)$", there, re.MULTILINE)
    assert pinned
    written = render(config, Values(branch="main", action=pinned[1], build=("make build",)))
    signed = {path: sign(path, text, "0") for path, text in written.items()}
    states = {path: compare(path, text, (ROOT / path).read_text()).state for path, text in signed.items()}
    assert states == dict.fromkeys([scaffold.RELEASE, scaffold.POLICY], FileState.CURRENT)


def test_a_new_run_gets_every_input_that_a_person_may_give() -> None:
    action = read_action((ROOT / "action.yml").read_text())
    (step,) = [step for step in action.runs.steps if step.name == "Start another run with the same inputs"]
    inputs = read_workflow((ROOT / scaffold.RELEASE).read_text()).interface("workflow_dispatch").inputs
    assert re.findall(r"--raw-field=(\w+)=", step.run) == list(inputs)


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
