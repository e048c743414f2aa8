"""`release-tool bump` from a terminal: the workflow is started and followed to its end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from github_sandbox.store import Job
from tests.shop import by_hand, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from github_sandbox.store import Run
    from tests.shop import Entry, Shop

RELEASE: Entry = {
    "commit": "Workflows",
    "files": {".github/workflows/ships.yml": "# release-tool: release\n" + by_hand("level", "version", "pre", "since")},
}
FEATURE: Entry = {"pull": 1, "title": "Add search", "labels": ["feature"], "files": {"search.py": "1"}}


@contextmanager
def runner(place: Shop, work: Callable[[Run], str]) -> Iterator[list[dict[str, object]]]:
    """Play GitHub's runner: the first run that is started is worked on, and ends as `work` says; gives its inputs."""
    inputs: list[dict[str, object]] = []
    over = threading.Event()

    def play() -> None:
        while not over.wait(0.02):
            runs = [run for run in place.box.github.store.runs if run.status == "queued"]
            for run in runs:
                inputs.append(run.inputs)
                run.conclusion = work(run)
                run.status = "completed"
                place.box.github.store.runs.put(run)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield inputs
    finally:
        over.set()
        thread.join()


def test_a_bump_from_a_terminal_starts_the_workflow_and_ends_with_the_release(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASE, {"tag": "v1.2.3"}, FEATURE) as place:

        def work(run: Run) -> str:
            run.jobs = [Job(id=5, name="Publish", status="completed", conclusion="success")]
            assert place.run("release", "--force", "major", env=place.job(run.id)).code == 0
            return "success"

        with runner(place, work) as inputs:
            done = place.run("bump", "--force", "major", "--yes")

    assert inputs == [{"level": "major"}]
    assert done.out.startswith("v2.0.0 is released\n")
    assert "Publish: success" in done.err
    assert done.code == 0


def test_a_bump_whose_run_fails_says_where_to_look(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASE, {"tag": "v1.2.3"}, FEATURE) as place, runner(place, lambda _: "failure"):
        done = place.run("bump", "--force", "1.9.0", "--yes")
        assert done.code == 4
        assert "ended with failure, but v1.9.0 is not published" in done.err
        assert "/actions/runs/" in done.err


def test_who_stops_following_does_not_stop_the_run(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASE, {"tag": "v1.2.3"}, FEATURE) as place:
        process = place.start("bump", "--yes")
        assert process.stderr is not None
        while "started" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGINT
        assert "the run itself continues" in said
        assert [run.status for run in place.box.github.store.runs] == ["queued"]
