"""What the other tests of this folder rest on: what act runs is what GitHub would, and it ends."""

from __future__ import annotations

import os
import select
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.act import program
from tests.act.prepare import readable
from tests.act.project import FILES, RELEASE, SEARCH, Project, project
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)

WORKFLOWS = {
    **{path: text for path, text in FILES.items() if path.startswith(".github/workflows/")},
    **{
        f"1.3: {path.name}": path.read_text()
        for path in (program.ROOT / "tests/setup/old_set/.github/workflows").iterdir()
    },
}

HANGS = """\
on: push
jobs:
  hang:
    runs-on: ubuntu-latest
    steps:
      - run: echo $$ > "$HOME/shell"; sleep 1000 & echo $! > "$HOME/child"; wait
"""
ELSEWHERE = """\
on: push
jobs:
  borrow:
    runs-on: ubuntu-latest
    steps:
      - uses: somebody/something@0123456789012345678901234567890123456789
"""


@contextmanager
def of_workflow(directory: Path, act: Path, text: str, *, limit: float) -> Iterator[Project]:
    """A repository with one workflow."""
    with shop(directory, files={".github/workflows/one.yml": text}) as made:
        yield Project(made, act, directory / "runner", limit=limit)


def ends(process: int) -> bool:
    """Whether a process ends within seconds."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("path", WORKFLOWS)
def test_act_is_given_every_line_of_a_workflow_but_those_it_can_t_read(path: str) -> None:
    given = readable(WORKFLOWS[path]).splitlines()
    changed = [line.split(" #")[0].strip() for line in WORKFLOWS[path].splitlines() if line not in given]
    assert set(changed) <= {
        "queue: max",
        "deployment: false",
        "include: ${{ fromJSON(needs.plan.outputs.environments) }}",
        "name: evidence-${{ strategy.job-index }}-${{ github.run_attempt }}",
    }


def test_a_run_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, act: Path) -> None:
    with of_workflow(tmp_path, act, HANGS, limit=5) as made:
        with pytest.raises(TimeoutError):
            made.push("one.yml")
        assert all(ends(int((made.home / name).read_text())) for name in ("shell", "child"))
        (record,) = made.shop.box.github.store.runs
        assert (record.status, record.conclusion) == ("completed", "cancelled")


def test_an_action_that_has_no_stand_in_is_fetched_from_nowhere(tmp_path: Path, act: Path) -> None:
    with of_workflow(tmp_path, act, ELSEWHERE, limit=30) as made:
        run = made.push("one.yml")
        assert not run.green
        assert "somebody/something" in run.said.log


def test_a_run_is_on_the_sandbox_like_any_other_and_over_when_it_ended(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH) as made:
        made.merge(1)
        run = made.push(RELEASE)
        record, *_ = made.shop.box.github.store.runs
        assert (record.id, record.event, record.branch) == (run.of.number, "push", "main")
        assert (record.status, record.conclusion) == ("completed", "success")
        made.shop.git("fetch", "--quiet", "--tags")
        claim = made.shop.git("tag", "--list", "--format=%(contents)", "v1.3.0")
        (release,) = [job for job in record.jobs if "/Release, and" in job.name]
        assert f"run={run.of.number} attempt=1 job={release.id}" in claim
