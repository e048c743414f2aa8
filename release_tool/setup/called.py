"""A workflow of the user's that ours calls: what it uses, what it declares, and what GitHub would not start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.config.model import Job

_SECRET = re.compile(r"\bsecrets\.(?P<name>\w+)")
_DECLARED = re.compile(r"^    secrets:\n(?P<names>(?: {6}.*\n)+)", re.MULTILINE)
_NAME = re.compile(r"^ {6}(?P<name>\w+):", re.MULTILINE)
_GRANT = re.compile(r"^ {6}(?P<what>[a-z]+(?:-[a-z]+)*): (?P<level>read|write)\b", re.MULTILINE)


def is_callable(workflow: str) -> bool:
    """Whether another workflow can call it."""
    return re.search(r"\bworkflow_call\b", workflow) is not None


def used(workflow: str) -> set[str]:
    """The secrets that it uses, but for the token that every job has."""
    return {found["name"] for found in _SECRET.finditer(workflow)} - {"GITHUB_TOKEN"}


def declared(workflow: str) -> set[str]:
    """The secrets that it takes from who calls it."""
    found = _DECLARED.search(workflow)
    return {name["name"] for name in _NAME.finditer(found["names"])} if found else set()


def asked(workflow: str) -> dict[str, str]:
    """The permissions that its jobs ask for, besides reading the commit."""
    return {found["what"]: found["level"] for found in _GRANT.finditer(workflow) if found["what"] != "contents"}


def breaches(name: str, job: Job, workflow: str | None) -> Iterator[str]:
    """Tell what keeps the call of a workflow from starting, or leaves a secret empty; `name` is the table's."""
    path = job.workflow
    if not path:
        return
    if workflow is None or not is_callable(workflow):
        yield f"{path} is not there, or does not start on `workflow_call`"
        return
    for secret in sorted(set(job.secrets) - declared(workflow)):
        yield f"{path} does not declare {secret} below `on.workflow_call.secrets`: GitHub starts no run at all"
    for secret in sorted(used(workflow) - set(job.secrets)):
        yield f"{path} uses {secret}, which `{name}.secrets` does not name: it is empty there"
    for what, level in sorted(asked(workflow).items()):
        if (level, job.permissions.get(what)) not in {("read", "read"), ("read", "write"), ("write", "write")}:
            yield f"{path} asks for `{what}: {level}`, which `{name}.permissions` does not grant: no run starts at all"
