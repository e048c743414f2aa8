"""Which jobs of a workflow run, as GitHub decides it: from conditions, and from how the jobs before ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.workflow_rules import Job, Workflow

Value: TypeAlias = str | bool

TOKEN = re.compile(r"\s*('[^']*'|\w+\(\)|hashFiles\('[^']*'\)|[\w.*-]+|&&|\|\||[!=]=|[!(),])")
STATUS = re.compile(r"\b(?:always|cancelled|failure|success)\(\)")
"""What keeps GitHub from asking for `success()` on its own."""


def walk(workflow: Workflow, facts: Mapping[str, Value], ends: Mapping[str, str]) -> dict[str, str]:
    """How each job ends: `skipped`, or as `ends` says, or else `success`; `facts` are the contexts by dotted name."""
    known, ended = dict(facts), dict[str, str]()
    for job_id, job in workflow.jobs.items():
        runs = _runs(job, known, [ended[name] for name in workflow.behind(job_id)])
        ended[job_id] = ends.get(job_id, "success") if runs else "skipped"
        known[f"needs.{job_id}.result"] = ended[job_id]
        if runs:
            known |= {f"needs.{job_id}.outputs.{name}": _text(value, known) for name, value in job.outputs.items()}
    return ended


def evaluate(expression: str, known: Mapping[str, Value]) -> Value:
    """The value of an expression, with or without `${{ }}`; a name that nobody knows is empty, as on GitHub."""
    inner = expression.strip().removeprefix("${{").removesuffix("}}").strip()
    tokens = TOKEN.findall(inner)
    assert "".join(tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", inner), f"can't read {expression!r}"
    reader = _Reader(tokens, known)
    value = reader.either()
    assert not reader.tokens, f"can't read {expression!r}"
    return value


def _runs(job: Job, known: Mapping[str, Value], behind: list[str]) -> bool:
    status: dict[str, Value] = {
        "always()": True,
        "cancelled()": False,
        "failure()": "failure" in behind,
        "success()": set(behind) <= {"success"},
    }
    asks = not job.if_ or bool(evaluate(job.if_, {**known, **status}))
    return asks and bool(STATUS.search(job.if_) or status["success()"])


def _text(expression: str, known: Mapping[str, Value]) -> str:
    value = evaluate(expression, known) if "${{" in expression else expression
    return str(value).lower() if isinstance(value, bool) else value


class _Reader:
    """Reads an expression from the weakest operator down."""

    def __init__(self, tokens: list[str], known: Mapping[str, Value]) -> None:
        self.tokens = tokens
        self.known = known

    def either(self) -> Value:
        value = self.both()
        while self.takes("||"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Value:
        value = self.equal()
        while self.takes("&&"):
            other = self.equal()
            value = value and other
        return value

    def equal(self) -> Value:
        value = self.one()
        if self.takes("=="):
            return value == self.one()
        return value != self.one() if self.takes("!=") else value

    def one(self) -> Value:
        if self.takes("!"):
            return not self.one()
        if self.takes("("):
            value = self.either()
            assert self.takes(")")
            return value
        token = self.tokens.pop(0)
        if token == "contains":
            assert self.takes("(")
            where = self.either()
            assert self.takes(",")
            what = self.either()
            assert self.takes(")")
            return str(what) in str(where)
        return token[1:-1] if token.startswith("'") else self.known.get(token, "")

    def takes(self, token: str) -> bool:
        found = self.tokens[:1] == [token]
        if found:
            del self.tokens[0]
        return found
