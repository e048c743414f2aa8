"""GitHub's rules for secrets and permissions, over workflows that call each other; no runner of ours knows them.

A called workflow gets the secrets that it declares and that its caller names, and nothing else. What is not there is
an empty text. A caller's permissions are the ceiling: whoever asks for more keeps the whole run from starting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tests.workflow_rules import LEVELS, read_workflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.workflow_rules import Job, Workflow

SECRET = re.compile(r"\bsecrets\.(?P<name>\w+)")
ASKED = re.compile(r"^ +RELEASE_SECRET_(?P<name>\w+): \$\{\{ secrets\.(?P=name) != '' \}\}$", re.MULTILINE)
INSISTED = re.compile(r"\$\{(?P<name>\w+):\?")
DEPTH = 1
"""How many calls deep an environment's secret was seen to arrive; what lies deeper nobody has measured."""


class Declared(msgspec.Struct):
    """A secret that a called workflow takes."""

    required: bool = False


class Called(msgspec.Struct):
    """What a workflow takes when it is called."""

    secrets: dict[str, Declared] = {}


def breaches_of_rights(files: Mapping[str, str], needed: Iterable[str]) -> Iterator[str]:
    """Tell what GitHub would not start, and which of the secrets that are needed would be empty, file by file.

    `files` are the workflows of one repository by their path; `needed` are the secrets without which a command fails.
    """
    read = {f"./{path}": read_workflow(text) for path, text in files.items()}
    texts = {f"./{path}": text for path, text in files.items()}
    found = set[str]()
    for path, workflow in read.items():
        if workflow.on.keys() != {"workflow_call"}:
            found |= {*_walk(path, read, texts, frozenset(needed))}
    yield from sorted(found)


def _walk(  # noqa: PLR0913, PLR0917 - a walk takes along what it has been given
    path: str,
    read: Mapping[str, Workflow],
    texts: Mapping[str, str],
    needed: frozenset[str],
    given: frozenset[str] | None = None,
    depth: int = 0,
) -> Iterator[str]:
    """Follow the calls from one workflow; `given` are the secrets that its caller named, None for all there are."""
    workflow, name = read[path], path.rpartition("/")[2]
    for job_id, job in workflow.jobs.items():
        used = {match["name"] for match in SECRET.finditer(_text_of(job))} & needed
        yield from _empty(name, job_id, used, given)
        if job.environment and used and depth > DEPTH:
            yield f"{name}: job `{job_id}` has an environment's secrets {depth} calls deep, which nobody has measured"
        if not job.uses and (unguarded := used - _guarded(texts[path], job)):
            yield f"{name}: job `{job_id}` uses {_list(unguarded)}, and nothing looks whether they are empty"
        if job.uses in read:
            yield from _call(name, job_id, job, read[job.uses])
            passed = frozenset(job.secrets) & frozenset(_declared(read[job.uses]))
            yield from _walk(job.uses, read, texts, needed, passed, depth + 1)


def _empty(name: str, job_id: str, used: set[str], given: frozenset[str] | None) -> Iterator[str]:
    if given is not None and (empty := used - given):
        yield f"{name}: job `{job_id}` uses {_list(empty)}, which its caller does not pass: they are empty"


def _call(name: str, job_id: str, job: Job, callee: Workflow) -> Iterator[str]:
    """What keeps a call from starting."""
    declared = _declared(callee)
    for secret in sorted(job.secrets.keys() - declared.keys()):
        yield f"{name}: job `{job_id}` passes {secret}, which {job.uses} does not declare: nothing starts"
    for secret in sorted(key for key, value in declared.items() if value.required and key not in job.secrets):
        yield f"{name}: job `{job_id}` does not pass {secret}, which {job.uses} requires: nothing starts"
    granted = job.permissions or {}
    for called in callee.jobs.values():
        for what, level in (called.permissions or {}).items():
            if LEVELS.index(level) > LEVELS.index(granted.get(what, "none")):
                asked = f"`{what}: {level}`, which {job.uses} asks"
                yield f"{name}: job `{job_id}` grants less than {asked}: nothing starts"


def _guarded(text: str, job: Job) -> set[str]:
    """The secrets that are looked at before a command runs: by a step, by the plan, or by the tool's own deployment."""
    here = {name for step in job.steps for name in str(step.env.get("NAMES", "")).split()}
    here |= {match["name"] for step in job.steps for match in INSISTED.finditer(step.run)}
    planned = {match["name"] for match in ASKED.finditer(text)}
    asks = any("/release-tool@" in step.uses for step in job.steps)
    by_tool = {name for step in job.steps if "/release-tool@" in step.uses for name in step.env}
    return here | planned | (by_tool if asks else set())


def _declared(workflow: Workflow) -> dict[str, Declared]:
    return msgspec.convert(workflow.on.get("workflow_call") or {}, Called).secrets


def _text_of(job: Job) -> str:
    return msgspec.json.encode(job).decode()


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
