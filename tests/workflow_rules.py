"""The house rules of the workflows: each function names the breaches it finds, a sentence each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import msgspec
import yaml  # type: ignore[import-untyped] # its types are a package of their own, for one function

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PINS = {
    "actions/attest": "1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2",
    "actions/cache/restore": "55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0",
    "actions/cache/save": "55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0",
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "actions/create-github-app-token": "bcd2ba49218906704ab6c1aa796996da409d3eb1 # v3.2.0",
    "actions/dependency-review-action": "a1d282b36b6f3519aa1f3fc636f609c47dddb294 # v5.0.0",
    "actions/deploy-pages": "cd2ce8fcbc39b97be8ca5fce6e763baed58fa128 # v5.0.0",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "actions/upload-artifact": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "actions/upload-pages-artifact": "fc324d3547104276b827a68afc52ff2a11cc49c9 # v5.0.0",
}
"""The only actions of others that may be used, each at the one commit that was looked at."""

LEVELS = ("none", "read", "write")
MOST_LINES = 5

REQUIRED = ("checks", "policy")
"""The checks that the branch rules require, by the name of the job."""

ONLY_PULL_REQUESTS = "${{ github.event_name == 'pull_request' }}"
"""What cancels the older run of a pull request, and never one of the merge queue."""

PULL_REQUESTS = frozenset({"pull_request", "pull_request_target"})
PRIVILEGED = frozenset({"pull_request_target", "workflow_run"})
"""Events that a stranger's code can cause, and whose runs have rights and secrets all the same."""

DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"
FILTERS = frozenset({"branches", "branches-ignore", "paths", "paths-ignore"})

USE = re.compile(r"^\s*(?:- )?uses: *(?P<what>[^\s@]+)(?:@(?P<at>.*))?$", re.MULTILINE)
GRANT = re.compile(r"^\s+(?P<what>[a-z-]+): (?:read|write)(?P<reason> # \S.*)?$", re.MULTILINE)
OUTPUT = re.compile(r"\b(?P<of>needs|jobs|steps)\.(?P<id>[\w-]+)\.outputs\.(?P<name>[\w-]+)")
STEP = re.compile(r"\bsteps\.(?P<id>[\w-]+)")
INPUT = re.compile(r"\binputs\.(?P<name>[\w-]+)")
START = re.compile(r"\bgh workflow run (?P<file>[\w.-]+)")
OURS = re.compile(r"[\w.-]+/release-tool@[0-9a-f]{40} # v\d+\.\d+\.\d+\S*")
"""The tool's own action at a commit: it starts runs where it is told their file."""
FIELD = re.compile(r"--raw-field=(?P<name>[\w-]+)=")
STATUS = re.compile(r"\b(?:always|cancelled)\(\)")
"""What lets a job run although one before it was skipped."""

STRANGERS = re.compile(r"github\.(?:head_ref\b|event\b(?!\.(?:number|repository)\b))")
"""The parts of an event that a stranger may have written."""


class Step(msgspec.Struct, rename="kebab"):
    """One step of a job or of a composite action."""

    name: str = ""
    id: str = ""
    if_: str = msgspec.field(name="if", default="")
    uses: str = ""
    run: str = ""
    env: dict[str, str] = {}
    with_: dict[str, str | int | bool] = msgspec.field(name="with", default_factory=dict)


class Concurrency(msgspec.Struct, rename="kebab"):
    """Who waits for whom."""

    group: str
    queue: str = "single"
    cancel_in_progress: bool | str = False


class Strategy(msgspec.Struct):
    """What a job runs once for each of."""

    matrix: dict[str, object] | str


class Job(msgspec.Struct, rename="kebab"):
    """One job, or one call of another workflow."""

    name: str = ""
    needs: str | list[str] = []
    if_: str = msgspec.field(name="if", default="")
    strategy: Strategy | None = None
    environment: dict[str, str | bool] = {}
    permissions: dict[str, str] | None = None
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    uses: str = ""
    with_: dict[str, str | int | bool] = msgspec.field(name="with", default_factory=dict)
    outputs: dict[str, str] = {}
    timeout_minutes: int = 0
    concurrency: Concurrency | None = None
    steps: list[Step] = []

    def waits_for(self) -> set[str]:
        """The jobs that have to end before."""
        return {self.needs} if isinstance(self.needs, str) else set(self.needs)


class Input(msgspec.Struct):
    """What a workflow may be given."""

    required: bool = False


class Output(msgspec.Struct):
    """What a called workflow gives back."""

    value: str


class Interface(msgspec.Struct):
    """What a workflow takes and gives when it is called, or takes from a person."""

    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}


class Workflow(msgspec.Struct, rename="kebab"):
    """One workflow file."""

    on: dict[str, object]
    jobs: dict[str, Job]
    run_name: str = ""
    permissions: dict[str, str] | None = None
    concurrency: Concurrency | None = None

    def can_write(self) -> bool:
        """Whether any of its jobs may change something."""
        return any("write" in (job.permissions or {}).values() for job in self.jobs.values())

    def behind(self, job_id: str) -> set[str]:
        """The jobs that a job waits for, and those that they wait for."""
        direct = self.jobs[job_id].waits_for()
        return direct.union(*(self.behind(name) for name in direct))

    def groups(self) -> set[str]:
        """The concurrency groups that it waits for, as a whole or in a job."""
        holders: tuple[Workflow | Job, ...] = (self, *self.jobs.values())
        return {holder.concurrency.group for holder in holders if holder.concurrency}

    def interface(self, event: str) -> Interface:
        """What it takes and gives on `workflow_call` or `workflow_dispatch`."""
        return msgspec.convert(self.on.get(event) or {}, Interface)


class _Runs(msgspec.Struct):
    steps: list[Step]


class Action(msgspec.Struct):
    """A composite action."""

    runs: _Runs


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the library has no types
    """Reads YAML as GitHub does, by version 1.2: `on` is a word, and nothing is said twice."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> object:  # type: ignore[no-any-unimported] # the same
        names = [key.value for key, _ in node.value]
        assert len(names) == len(set(names)), names
        return super().construct_mapping(node, deep=deep)


for kind, pattern, begins in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?[0-9]+\.[0-9]+", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(rf"^(?:{pattern})$"), [*begins, ""])


def read_workflow(text: str) -> Workflow:
    """Read a workflow file."""
    return msgspec.convert(_Loader(text).get_single_data(), Workflow)


def read_action(text: str) -> Action:
    """Read a composite action's file."""
    return msgspec.convert(_Loader(text).get_single_data(), Action)


def breaches_of_action(text: str) -> Iterator[str]:
    """Tell every breach in a composite action."""
    yield from breaches_of_pins(text)
    for step in read_action(text).runs.steps:
        yield from breaches_of_step(step)


def breaches_of_workflow(text: str, others: Mapping[str, Workflow]) -> Iterator[str]:
    """Tell every breach in a workflow; `others` are the workflows it may call, by path."""
    workflow = read_workflow(text)
    yield from breaches_of_pins(text)
    yield from breaches_of_grants(text, workflow)
    yield from breaches_of_start(workflow)
    for job_id, job in workflow.jobs.items():
        yield from breaches_of_job(job_id, job)
        yield from breaches_of_call(job_id, job, others)
        yield from breaches_of_waiting(job_id, workflow, others)
        yield from breaches_of_starts(job_id, job, others)
    yield from breaches_of_commit(workflow)
    yield from breaches_of_names(text, workflow, others)
    yield from breaches_of_trust(text, workflow)
    yield from breaches_of_required(workflow)
    for concurrency in (workflow.concurrency, *(job.concurrency for job in workflow.jobs.values())):
        yield from breaches_of_concurrency(concurrency, may_cancel=not workflow.can_write())


def breaches_of_pins(text: str) -> Iterator[str]:
    """Only what was looked at runs: an action of others at its one commit, with the version behind."""
    for use in USE.finditer(text):
        what, at = use["what"], use["at"]
        if not what.startswith("./") and PINS.get(what) != at and not OURS.fullmatch(f"{what}@{at}"):
            yield f"`{what}@{at}` is not pinned as in PINS"


def breaches_of_grants(text: str, workflow: Workflow) -> Iterator[str]:
    """Nothing is granted on top, and every grant of a job says why."""
    if workflow.permissions != {}:
        yield "`permissions: {}` is missing on top"
    for grant in GRANT.finditer(text):
        if not grant["reason"]:
            yield f"the grant `{grant['what']}` has no reason behind it"


def breaches_of_start(workflow: Workflow) -> Iterator[str]:
    """A run has a name that says what it is, unless another workflow's run is what a person sees."""
    if workflow.on.keys() != {"workflow_call"} and not workflow.run_name:
        yield "`run-name` is missing"


def breaches_of_job(job_id: str, job: Job) -> Iterator[str]:
    """A job says what it may do, and for how long; a call takes its limits from what it calls."""
    if job.permissions is None:
        yield f"job `{job_id}` has no permissions"
    if not job.uses and not job.timeout_minutes:
        yield f"job `{job_id}` has no time limit"
    for step in job.steps:
        yield from breaches_of_step(step)


def breaches_of_step(step: Step) -> Iterator[str]:
    """A script is short, takes values from the environment only, and hands the process to the tool."""
    lines = step.run.strip().splitlines()
    if "${{" in step.run:
        yield f"step `{step.name}` has an expression in its script"
    if len(lines) > MOST_LINES:
        yield f"step `{step.name}` has a script of {len(lines)} lines"
    if any(line.startswith(("release-tool ", "gh ")) for line in lines):
        yield f"step `{step.name}` does not `exec`, so that no signal reaches the program"
    if step.uses.startswith("actions/checkout@") and step.with_.get("persist-credentials") is not False:
        yield f"step `{step.name}` leaves credentials in the checkout"


def breaches_of_concurrency(concurrency: Concurrency | None, *, may_cancel: bool) -> Iterator[str]:
    """Nothing that changes the world is cancelled, nor anything in the merge queue; GitHub refuses to queue as well."""
    if concurrency is None or concurrency.cancel_in_progress is False:
        return
    if concurrency.queue == "max":
        yield f"the group `{concurrency.group}` cancels what runs beside `queue: max`"
    elif not may_cancel or concurrency.cancel_in_progress != ONLY_PULL_REQUESTS:
        yield f"the group `{concurrency.group}` cancels what runs"


def breaches_of_trust(text: str, workflow: Workflow) -> Iterator[str]:
    """A stranger's code runs without rights, and a run with rights keeps a stranger's code and text out."""
    if "pull_request" in workflow.on and (workflow.can_write() or "secrets." in text):
        yield "the code of a pull request runs with rights or secrets"
    if not PRIVILEGED & workflow.on.keys():
        return
    for found in STRANGERS.finditer(text):
        yield f"`{found[0]}` may be a stranger's text, and the run has rights"
    for step in (step for job in workflow.jobs.values() for step in job.steps):
        checks_out = step.uses.startswith("actions/checkout@") or "/release-tool@" in step.uses
        if checks_out and step.with_.get("ref") not in {DEFAULT_BRANCH, "none"}:
            yield f"step `{step.name}` may check out a stranger's code"


def breaches_of_required(workflow: Workflow) -> Iterator[str]:
    """A required check reports on every pull request and on every group of the merge queue, and is never skipped."""
    for job_id, job in workflow.jobs.items():
        if job.name not in REQUIRED:
            continue
        if "merge_group" not in workflow.on or not PULL_REQUESTS & workflow.on.keys():
            yield f"the required check `{job.name}` does not start on pull requests and in the merge queue"
        if any(FILTERS & event.keys() for event in workflow.on.values() if isinstance(event, dict)):
            yield f"the required check `{job.name}` does not start for every pull request"
        if job.if_ != ("always()" if job.needs else ""):
            yield f"the required check `{job.name}` may be skipped, and then counts as passed"
        if job.waits_for() != workflow.jobs.keys() - {job_id}:
            yield f"the required check `{job.name}` does not wait for every other job"


def breaches_of_call(job_id: str, job: Job, others: Mapping[str, Workflow]) -> Iterator[str]:
    """A call gives what the other workflow takes, and may do all that the other's jobs may do."""
    if not job.uses:
        return
    if (other := others.get(job.uses)) is None:
        yield f"job `{job_id}` calls `{job.uses}`, which does not exist"
        return
    inputs = other.interface("workflow_call").inputs
    for name in sorted(job.with_.keys() - inputs.keys()):
        yield f"job `{job_id}` gives `{name}`, which `{job.uses}` does not take"
    for name in sorted({name for name, value in inputs.items() if value.required} - job.with_.keys()):
        yield f"job `{job_id}` does not give `{name}`, which `{job.uses}` needs"
    for callee in other.jobs.values():
        yield from breaches_of_rights(job_id, job, callee.permissions or {})


def breaches_of_waiting(job_id: str, workflow: Workflow, others: Mapping[str, Workflow]) -> Iterator[str]:
    """No condition is passed over because another job was skipped, and no call waits for what its own run holds."""
    job = workflow.jobs[job_id]
    if job.if_ and not STATUS.search(job.if_):
        for name in sorted(name for name in workflow.behind(job_id) if workflow.jobs[name].if_):
            yield f"job `{job_id}` is skipped with `{name}`, whatever its condition says"
    held = {holder.concurrency.group for holder in (workflow, job) if holder.concurrency}
    for group in sorted(held & others[job.uses].groups() if job.uses in others else ()):
        yield f"job `{job_id}` waits for the group `{group}`, which its own run holds"


def breaches_of_starts(job_id: str, job: Job, others: Mapping[str, Workflow]) -> Iterator[str]:
    """A run that is started can be, by this job, and takes what it is given."""
    files = {path.rpartition("/")[2]: other for path, other in others.items() if "workflow_dispatch" in other.on}
    for step in job.steps:
        for key, least in (("again", "write"), ("keep", "read"), ("start", "write")):
            yield from breaches_of_action_starts(job_id, job, str(step.with_.get(key, "")), files, least)
        if (start := START.search(step.run)) is None:
            continue
        if (other := files.get(start["file"])) is None:
            yield f"step `{step.name}` starts `{start['file']}`, which can't be started"
            continue
        for name in sorted(set(FIELD.findall(step.run)) - other.interface("workflow_dispatch").inputs.keys()):
            yield f"step `{step.name}` gives `{name}`, which `{start['file']}` does not take"
        if (job.permissions or {}).get("actions") != "write":
            yield f"job `{job_id}` starts a run, and may not"


def breaches_of_action_starts(
    job_id: str, job: Job, file: str, files: Mapping[str, Workflow], least: str
) -> Iterator[str]:
    """What the tool's own action is told to start can be started, by this job; who may only read says how."""
    if file and file not in files:
        yield f"job `{job_id}` starts `{file}`, which can't be started"
    if file and (job.permissions or {}).get("actions") not in {least, "write"}:
        yield f"job `{job_id}` starts a run, and may not"


def breaches_of_commit(workflow: Workflow) -> Iterator[str]:
    """What is told its commit works on that very commit, wherever the branch is by then."""
    if "sha" not in workflow.interface("workflow_call").inputs:
        return
    for step in (step for job in workflow.jobs.values() for step in job.steps):
        if step.uses.startswith("actions/checkout@") and step.with_.get("ref") != "${{ inputs.sha }}":
            yield f"step `{step.name}` checks out another commit than the one it is told"


def breaches_of_rights(job_id: str, job: Job, asked: Mapping[str, str]) -> Iterator[str]:
    """GitHub refuses to start a run whose called workflow asks for more than the caller has."""
    granted = job.permissions or {}
    for what, level in asked.items():
        if LEVELS.index(level) > LEVELS.index(granted.get(what, "none")):
            yield f"job `{job_id}` calls a job that asks for `{what}: {level}`"


def breaches_of_names(text: str, workflow: Workflow, others: Mapping[str, Workflow]) -> Iterator[str]:
    """A misspelt input or output is empty without a word, so each one that is read has to exist."""
    known = {f"needs.{name}" for name in outputs_of(workflow, others)}
    known |= {f"jobs.{name}" for name in outputs_of(workflow, others)}
    steps = {step.id for job in workflow.jobs.values() for step in job.steps}
    for read in STEP.finditer(text):
        if read["id"] not in steps:
            yield f"no step has the id `{read['id']}`"
    for read in OUTPUT.finditer(text):
        if read["of"] != "steps" and f"{read['of']}.{read['id']}.{read['name']}" not in known:
            yield f"`{read[0]}` is read, but nothing writes it"
    inputs = {name for event in ("workflow_call", "workflow_dispatch") for name in workflow.interface(event).inputs}
    for read in INPUT.finditer(text):
        if read["name"] not in inputs:
            yield f"`{read[0]}` is read, but no such input exists"


def outputs_of(workflow: Workflow, others: Mapping[str, Workflow]) -> Iterator[str]:
    """Tell what the jobs of a workflow write, as `JOB.OUTPUT`."""
    for job_id, job in workflow.jobs.items():
        called = others[job.uses].interface("workflow_call").outputs if job.uses in others else {}
        for name in (*job.outputs, *called):
            yield f"{job_id}.{name}"
