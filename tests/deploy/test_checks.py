"""What an application may do after its command has ended, and which deployments are healthy for all that."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.environment import SilentProgress
from release_tool.deploy.health.verdict import Reading
from tests.certificates import certificate
from tests.production import CURIOUS, QUICK, production
from tests.service import drips, resets, says

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.clock import FakeClock
    from tests.production import Production
    from tests.service import Behave, Said

OLD = {"version": "1.2.4"}
NEW = {"version": "1.3.0"}
ERROR: Said = (500, None)
BY_COMMAND = (
    QUICK
    + """
[[environments.production.checks]]
kind = "command"
name = "own"
command = ["./check.sh"]
interval = "5s"
"""
)


def new(behave: Callable[[int], Said]) -> Behave:
    """An application whose 1.2.4 is well, and whose 1.3.0 answers its nth request like this."""
    return lambda version, number: behave(number) if version == "1.3.0" else (200, {"version": version})


def told(version: str) -> bytes:
    return json.dumps({"version": version}).encode()


def samples(here: Production) -> int:
    """How often 1.3.0 was asked."""
    return here.service.asked


# What is healthy all the same


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lambda n: ERROR if n <= 30 else (200, NEW), id="it needs a minute to start"),
        pytest.param(lambda n: (200, OLD) if n <= 30 and n % 2 else (200, NEW), id="old and new answer for a minute"),
        pytest.param(lambda n: (200, OLD) if n <= 30 else (200, NEW), id="the old one answers for a minute"),
        pytest.param(lambda n: resets if n == 20 else (200, NEW), id="one connection is reset"),
        pytest.param(lambda n: ERROR if n in range(20, 26) else (200, NEW), id="a tenth of the bake is bad"),
        pytest.param(lambda n: ERROR if n <= 100 else (200, NEW), id="it starts just within the deadline"),
        pytest.param(lambda _: (200, {"version": "v1.3.0"}), id="it tells the version as a tag"),
    ],
)
def test_a_deployment_is_healthy_although(tmp_path: Path, behave: Callable[[int], Said]) -> None:
    with production(tmp_path, behave=new(behave)) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("healthy", "1.3.0")


# What is not


@pytest.mark.parametrize(
    "behave, why",
    [
        pytest.param(
            lambda _: (200, OLD), "another version still answered 20s after the command", id="the old one answers"
        ),
        pytest.param(
            lambda n: (200, OLD if n % 2 else NEW),
            "another version still answered 20s after the command",
            id="half of the answers are the old one's",
        ),
        pytest.param(
            lambda _: says(told("1.2.4"), Age="30"), "from a cache (Age 30): it is `1.2.4`", id="a cache answers"
        ),
        pytest.param(lambda _: ERROR, "had not answered well 20s after the command (500", id="it never starts"),
        pytest.param(lambda _: resets, "(the connection was", id="it resets every connection"),
        pytest.param(
            lambda _: says(b"", 302, Location="/login"), "a redirect to `/login`", id="it redirects to a login"
        ),
        pytest.param(lambda _: says(b"<html>"), "the answer is not JSON", id="it answers with a page"),
        pytest.param(lambda _: (200, {"name": "shop"}), "no version is found in `/version`", id="it tells no version"),
        pytest.param(lambda _: (200, ["1.3.0"]), "no version is found in `/version`", id="it tells another JSON"),
        pytest.param(lambda n: ERROR if n > 3 else (200, NEW), "3 bad samples in a row", id="it dies in the bake"),
        pytest.param(lambda n: ERROR if n % 3 == 0 else (200, NEW), "samples were bad, more than", id="it flaps"),
        pytest.param(
            lambda n: (200, OLD) if n % 4 == 0 else (200, NEW), "another version still", id="an old one stays"
        ),
    ],
)
def test_a_deployment_is_rolled_back_because(tmp_path: Path, behave: Callable[[int], Said], why: str) -> None:
    with production(tmp_path, configuration=QUICK, behave=new(behave)) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to, done.live) == ("rolled_back", "1.2.4", "1.2.4")
        assert why in done.reason
        assert here.service.deployed() == "1.2.4"


def test_an_answer_that_never_ends_is_cut_off_and_bad(tmp_path: Path) -> None:
    slow = QUICK.replace('deadline = "20s"', 'deadline = "20s"\ninterval = "10s"\ntimeout = "200ms"')
    with production(tmp_path, configuration=slow, behave=new(lambda _: drips)) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert done.outcome == "rolled_back"
        assert "no complete answer within 0.2 s" in done.reason


def test_an_expired_certificate_is_no_good_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = certificate(tmp_path / "expired", datetime.now(UTC) - timedelta(days=1))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(expired))
    with production(tmp_path, configuration=QUICK, certificate=expired) as here:
        done = here.deploy("1.3.0")
        assert done.outcome == "unhealthy"
        assert "certificate has expired" in done.reason


def test_no_answer_may_come_out_of_a_cache_on_the_way(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def remember(_: int) -> Said:
        def act(handler: BaseHTTPRequestHandler) -> None:
            asked.append((handler.path, handler.headers["Cache-Control"]))
            says(told("1.3.0"))(handler)

        return act

    with production(tmp_path, configuration=QUICK, behave=new(remember)) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
    paths = [path for path, _ in asked]
    assert len(set(paths)) == len(paths) > 1
    assert all("no-store" in control for _, control in asked)


# What can't be measured


def test_where_only_our_own_measurement_fails_nothing_is_rolled_back_and_a_person_is_told(tmp_path: Path) -> None:
    with production(tmp_path, configuration=BY_COMMAND + CURIOUS) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("inconclusive", None)
        assert "`own`: the latest samples were unmeasurable, and the deadline of 5m is over" in done.reason
        assert here.service.deployed() == "1.3.0"
        assert {one.sample for one in done.samples if one.check == "own"} == {Reading.UNMEASURABLE}
        assert str(here.ledger()[-1].phase).startswith(
            "unknown: `production` `own`: the latest samples were unmeasurable"
        )
        assert [notice.event for notice in here.shop.notices] == ["needs-person"]
        assert here.halts() == []


def test_after_an_inconclusive_deployment_nothing_counts_as_live_and_the_same_commit_may_go_again(
    tmp_path: Path,
) -> None:
    with production(tmp_path, configuration=BY_COMMAND) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        assert here.deploy("1.3.0").outcome == "inconclusive", "it is neither unchanged nor quarantined"


def test_a_check_by_command_is_told_what_was_deployed_where(tmp_path: Path) -> None:
    check = '#!/bin/sh\ntest "$RELEASE_TARGET $RELEASE_VERSION $RELEASE_KIND" = "production 1.3.0 deploy"\n'
    with production(tmp_path, configuration=BY_COMMAND, files={"check.sh": check}) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "healthy"


def test_where_no_check_tells_the_version_the_result_says_that_it_is_unproven(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK.replace('version-pointer = "/version"\n', "")) as here:
        done = here.deploy("1.3.0")
        assert done.outcome == "healthy"
        assert done.reason.endswith("which is unproven: no check tells the version")
        done = here.deploy("1.3.0")
        assert done.outcome == "unchanged"
        assert done.reason.endswith("which is unproven: no check tells the version")


# When the clock is set, or the machine sleeps


@pytest.mark.parametrize("step", [timedelta(minutes=25), timedelta(hours=-1)], ids=["forward", "back"])
@pytest.mark.parametrize("sample", [0, 1, 30], ids=["before the checks", "at first", "in the bake"])
def test_a_clock_that_is_set_changes_no_verdict_and_no_waiting(tmp_path: Path, step: timedelta, sample: int) -> None:
    def behave(number: int) -> Said:
        if number == sample:
            here.clock.time += step
        return 200, NEW

    with production(tmp_path, behave=new(behave)) as here:
        here.was_proven("1.2.4")
        here.clock.time += timedelta() if sample else step
        assert here.deploy("1.3.0").outcome == "healthy"
        assert samples(here) == 61


@pytest.mark.parametrize("sample", [1, 30], ids=["at first", "in the bake"])
def test_a_machine_that_was_asleep_begins_the_bake_anew_and_rolls_nothing_back(tmp_path: Path, sample: int) -> None:
    def behave(number: int) -> Said:
        if number == sample:
            here.clock.pass_by(timedelta(minutes=25))
        return 200, NEW

    with production(tmp_path, behave=new(behave)) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "healthy"
        assert samples(here) == sample + 61
        assert re.search(r"nothing was sampled for 150\d s, so the bake begins anew", "\n".join(here.shop.said))


# Exactly when


def elapsed(clock: FakeClock, began: datetime) -> int:
    return round((clock.time - began) / timedelta(seconds=1))


@pytest.mark.parametrize("last, outcome", [(9, "healthy"), (10, "rolled_back")])
def test_the_eighth_bad_sample_in_a_row_is_one_too_many(tmp_path: Path, last: int, outcome: str) -> None:
    with production(tmp_path, behave=new(lambda n: ERROR if 3 <= n <= last else (200, NEW))) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert done.outcome == outcome
        assert ("8 bad samples in a row" in done.reason) == (outcome == "rolled_back")


def test_one_good_sample_begins_the_count_of_bad_ones_anew(tmp_path: Path) -> None:
    with production(tmp_path, behave=new(lambda n: ERROR if 3 <= n <= 17 and n != 10 else (200, NEW))) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "healthy"


def test_one_answer_of_another_version_begins_the_bake_anew(tmp_path: Path) -> None:
    with production(tmp_path, behave=new(lambda n: (200, OLD if n == 50 else NEW))) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
        assert samples(here) == 50 + 61, "a bake of two minutes has 61 samples"


def test_bad_samples_cost_no_more_than_the_good_ones_before_them(tmp_path: Path) -> None:
    with production(tmp_path, behave=new(lambda n: ERROR if n <= 100 or n in range(120, 126) else (200, NEW))) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
        assert samples(here) == 125 + 60


def test_a_budget_that_is_overdrawn_makes_the_bake_longer(tmp_path: Path) -> None:
    with production(tmp_path, behave=new(lambda n: ERROR if n in range(20, 27) else (200, NEW))) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
        assert samples(here) > 61


@pytest.mark.parametrize("bad_samples, outcome", [(10, "healthy"), (11, "unhealthy")])
def test_a_bake_has_to_begin_at_the_deadline_which_counts_from_the_end_of_the_command(
    tmp_path: Path, bad_samples: int, outcome: str
) -> None:
    class Slow(SilentProgress):
        def line(self, text: str) -> None:
            assert text.startswith("deploying 1.3.0")
            here.clock.sleep(600)

    with production(
        tmp_path, configuration=QUICK, behave=new(lambda n: ERROR if n <= bad_samples else (200, NEW))
    ) as here:
        here.progress = Slow()
        began = here.clock.time
        assert here.deploy("1.3.0").outcome == outcome
        assert elapsed(here.clock, began) > 600


def test_nothing_is_asked_before_the_initial_delay_is_over(tmp_path: Path) -> None:
    at: list[datetime] = []

    def behave(_: int) -> Said:
        at.append(here.clock.time)
        return 200, NEW

    delayed = QUICK.replace('deadline = "20s"', 'deadline = "2m"\ninitial-delay = "1m"')
    with production(tmp_path, configuration=delayed, behave=new(behave)) as here:
        began = here.clock.time
        assert here.deploy("1.3.0").outcome == "healthy"
        assert at[0] - began >= timedelta(minutes=1)


def test_every_check_has_to_hold(tmp_path: Path) -> None:
    second = '\n[[environments.production.checks]]\nname = "second"\ndeadline = "20s"\nbody-pattern = "ok"\n'
    with production(tmp_path, configuration=QUICK + second) as here:
        done = here.deploy("1.3.0")
        assert done.outcome == "unhealthy"
        assert "`production` `second`: the new version had not answered well" in done.reason


def test_the_last_fifty_samples_are_told(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        done = here.deploy("1.3.0")
        assert len(done.samples) == 50
        last = done.samples[-1]
        assert (last.target, last.check, last.sample) == ("production", "health", Reading.OK)
