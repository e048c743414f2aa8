"""GitHub fails at any moment of a deployment: production ends proven or told, and the next run puts all in order."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from github_sandbox import Fault
from release_tool.config.model import Duration
from release_tool.deploy import deploy
from release_tool.deploy.preconditions import DeployRequest
from release_tool.errors import ReleaseToolError, RemoteError, UnhealthyError
from release_tool.github.api import GitHub
from tests import examples
from tests.chaos.aftermath import assert_in_order
from tests.chaos.past import prove
from tests.production import QUICK, production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.deploy.attempt import DeployResult
    from tests.production import Production

WRITES = "POST|PATCH|PUT|DELETE"
GOOD = ["entry", "waiting", "changing", "verifying", "baking", "healthy", "replaced"]
BAD = [*GOOD[:4], "rolling back", "entry back", *(f"{write} back" for write in GOOD[1:]), "failed"]
FOREVER = 10_000
FAULTS = {
    "500": Fault(status=500),
    "lost on the way": Fault(drop="before"),
    "answer lost": Fault(drop="after"),
    "rate limit": Fault(status=403, headers={"retry-after": "30"}, text="You have exceeded a secondary rate limit"),
    "401": Fault(status=401, document={"message": "Bad credentials"}),
}
DENIED = Fault(status=403, document={"message": "Resource not accessible by integration"})


@contextmanager
def scene(directory: Path, *, bad: bool = False) -> Iterator[Production]:
    with production(
        directory,
        behave=lambda version, _: (500 if bad and version == "1.3.0" else 200, {"version": version}),
        configuration=QUICK,
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        yield here


def arm(here: Production, fault: Fault, *, after: int, times: int = 1, path: str = "/repos/") -> None:
    here.shop.box.fault(msgspec.structs.replace(fault, method=WRITES, path=path, after=after, times=times))


def told(here: Production) -> DeployResult | ReleaseToolError:
    try:
        return here.deploy("1.3.0")
    except ReleaseToolError as error:
        return error


POINTS = [
    *((write, "500") for write in range(1, len(GOOD))),
    (2, "answer lost"),
    (5, "answer lost"),
    (3, "rate limit"),
    (5, "401"),
]


@pytest.mark.parametrize(
    "write, name", examples.some(POINTS), ids=[f"{GOOD[write]}-{name}" for write, name in examples.some(POINTS)]
)
def test_a_phase_whose_writing_failed_once_is_written_again(tmp_path: Path, write: int, name: str) -> None:
    with scene(tmp_path) as here:
        arm(here, FAULTS[name], after=write)
        assert here.deploy("1.3.0").outcome == "healthy"
        assert_in_order(here)
        assert [one.phase.word.value for one in here.ledger()][-2:] == ["replaced", "healthy"]


@pytest.mark.parametrize("fault", [*FAULTS.values(), DENIED], ids=[*FAULTS, "denied"])
def test_a_deployment_that_could_not_be_entered_changes_nothing(tmp_path: Path, fault: Fault) -> None:
    with scene(tmp_path) as here:
        arm(here, fault, after=0, times=FOREVER)
        outcome = told(here)
        assert isinstance(outcome, ReleaseToolError)
        assert outcome.exit_code in {2, 4}
        assert here.service.file.read_text() == "1.2.4"
        here.shop.box.faults.clear()
        here.reconcile()
        assert_in_order(here)


def test_a_rollback_that_the_network_sent_twice_leaves_nothing_waiting(tmp_path: Path) -> None:
    with scene(tmp_path, bad=True) as here:
        here.shop.box.fault(Fault(method="POST", path="/deployments$", after=1, twice=True))
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert_in_order(here)


STOPS = [
    *(("answer lost", write) for write in BAD[1:]),
    *(("denied", write) for write in ("verifying", "healthy back")),
]


@pytest.mark.parametrize(
    "name, last", examples.some(STOPS), ids=[f"{last}-{name}" for name, last in examples.some(STOPS)]
)
def test_when_nothing_can_be_written_any_more_the_run_says_so_and_the_next_one_puts_it_in_order(
    tmp_path: Path, name: str, last: str
) -> None:
    write = BAD.index(last)
    with scene(tmp_path, bad=True) as here:
        arm(here, FAULTS.get(name, DENIED), after=write, times=FOREVER)
        outcome = told(here)
        changed = write > BAD.index("changing")
        if isinstance(outcome, ReleaseToolError):
            assert isinstance(outcome, UnhealthyError) == changed, outcome
            assert not changed or "release-tool reconcile -e production" in outcome.todo
        else:
            assert outcome.outcome in {"unhealthy", "rolled_back"}
        here.shop.box.faults.clear()
        here.reconcile()
        assert_in_order(here)


@pytest.mark.parametrize("fault", [Fault(status=502), Fault(drop="before")], ids=["502", "lost"])
def test_while_github_is_down_during_the_bake_the_verification_goes_on(tmp_path: Path, fault: Fault) -> None:
    with scene(tmp_path) as here:
        here.shop.box.faults.clear()

        def behave(version: str, number: int) -> tuple[int, object]:
            if version == "1.3.0" and number == 1:
                arm(here, fault, after=0, times=FOREVER, path="/")
            if version == "1.3.0" and number == 5:
                here.shop.box.faults.clear()
            return 200, {"version": version}

        here.service.behave = behave
        assert here.deploy("1.3.0").outcome == "healthy"
        assert_in_order(here)


@pytest.mark.parametrize(
    "fault",
    [Fault(status=502), Fault(status=429, headers={"retry-after": "120"}), DENIED],
    ids=["down", "rate limited", "denied"],
)
def test_samples_do_not_wait_for_github(tmp_path: Path, fault: Fault) -> None:
    """GitHub fails from the first good answer on; its retries take their time from the same clock as the samples."""
    with scene(tmp_path) as here:

        def behave(version: str, number: int) -> tuple[int, object]:
            if version == "1.3.0" and number == 1:
                arm(here, fault, after=0, times=FOREVER, path="/")
            return 200, {"version": version}

        here.service.behave = behave
        environment = here.environment()
        settings = msgspec.structs.replace(environment.settings, bake=Duration(seconds=40))
        box = here.shop.box
        github = GitHub(
            box.repository,
            token=box.token,
            api_url=box.api_url,
            graphql_url=box.graphql_url,
            clock=here.clock,
            seconds_between_writes=0,
        )
        project = msgspec.structs.replace(environment.project, github=github)
        with pytest.raises(RemoteError, match=r"1\.3\.0 is healthy in production, but that could not be recorded"):
            deploy.deploy(
                dataclasses.replace(environment, project=project, settings=settings), "1.3.0", DeployRequest(by="ada")
            )
        assert here.service.asked == 40 / 2 + 1
        box.faults.clear()
        (settled,) = here.reconcile()
        assert settled.outcome == "healthy"


def test_an_incident_that_could_not_be_opened_at_once_is_opened_all_the_same(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        here.service.behave = lambda *_: (500, "broken for good")
        here.shop.box.fault(Fault(method="POST", path="/issues$", status=502))
        done = here.deploy("1.3.0")
        assert (done.outcome, bool(done.incident)) == ("unhealthy", True)
        assert here.halts() == ["Deployments to production are halted after an incident"]
