"""The workflows up to a healthy production, and back again, run for real on an application that answers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.store import Deployments
from tests.act.project import BEGIN, DEPLOY, HOLE, LOOK, RELEASE, SEARCH, Project, files_of
from tests.service import Service, bad
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.act.runner import Run
    from tests.shop import Entry

CONFIGURATION = """
release-now = true

[sync]
branch = "cloud"
"""

ENVIRONMENT = """
[environments.{name}]
automatic = true
command = ["./deploy.sh"]
url = "{url}"
bake = "500ms"
{more}

[[environments.{name}.checks]]
url = "/health"
version-pointer = "/version"
interval = "100ms"
failure-threshold = {patience}
deadline = "5s"
"""

COMMAND = """#!/bin/sh
set -eu
if test -e "$HOME/lost"; then  # the machine goes, and all that was at work on it
  rm "$HOME/lost"
  kill -9 $PPID $(ps -o ppid= -p $PPID)
  exit
fi
env > "$HOME/given"
printf '%s' "$RELEASE_VERSION" > "$HOME/live-in-$RELEASE_ENVIRONMENT"
"""

BEFORE = "1.2.3+cloud.1"
BROKEN = "1.4.0"
"""What no environment can stand."""


class Hosted(Project):
    """A project whose `cloud` is deployed by every release; `services` are what runs in its environments."""

    services: Mapping[str, Service]

    def live(self, environment: str = "production") -> str:
        """What an environment answers with."""
        return (self.home / f"live-in-{environment}").read_text()

    def story(self, environment: str = "production") -> list[str]:
        """Every deployment with what it came to, oldest first."""
        ledger = self.shop.github().adapter(Deployments).ledger(environment)
        return [f"{one.payload.kind.value} {one.payload.name}: {one.phase.word.value}" for one in ledger]

    def brings(self, run: Run) -> Run:
        """The deployment that a run started, once it has ended."""
        assert run.green, run.said.log[-3000:]
        (deployment,) = self.dispatched(DEPLOY)
        return deployment

    def first(self, environment: str = "production") -> None:
        """Deploy what is there for the first time, which is a person's to do."""
        person = self.shop.environment(HOME=str(self.home))
        done = self.shop.run("deploy", BEFORE, "--environment", environment, "--here", "--no-watch", env=person)
        assert (done.code, self.live(environment)) == (0, BEFORE), done.err


@contextmanager
def hosting(
    directory: Path, act: Path, environments: Mapping[str, str], *, patience: int = 2, **scenario: object
) -> Iterator[Hosted]:
    """A project with environments, each with more of its configuration."""
    runner, services = directory / "runner", {}
    with ExitStack() as stack:
        configuration = CONFIGURATION
        for name, more in environments.items():
            services[name] = stack.enter_context(Service(runner / "home" / f"live-in-{name}", answer))
            configuration += ENVIRONMENT.format(name=name, url=services[name].url, more=more, patience=patience)
        tree = files_of(configuration) | {"deploy.sh": COMMAND}
        tested: Entry = {"status": "release-tool/tested", "ref": "cloud"}
        made = stack.enter_context(shop(directory, *BEGIN, tested, SEARCH, HOLE, files=tree, **scenario))
        project = Hosted(made, act, runner)
        project.services = services
        yield project


def answer(version: str, _: int) -> tuple[int, object]:
    """What an application of a version answers."""
    return 500 if version == BROKEN else 200, {"version": version}


pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def ours(tmp_path: Path, act: Path) -> Iterator[Hosted]:
    """Production is deployed to by each release; 1.2.3+cloud.1 is live there."""
    with hosting(tmp_path, act, {"production": ""}) as made:
        made.first()
        yield made


ROAD = ["plan", "build", "release", "tests", "advance"]
BROUGHT = ["environments", "after"]


def test_a_merged_pull_request_is_released_carried_into_cloud_and_live_six_jobs_later(ours: Hosted) -> None:
    ours.merge(1)
    run = ours.push(RELEASE)
    deployment = ours.brings(run)
    assert (run.jobs, deployment.green, deployment.jobs) == (ROAD, True, BROUGHT)
    assert (ours.live(), ours.story()[-1]) == ("1.3.0", "deploy 1.3.0: healthy")
    assert "### production: 1\\.3.0 healthy" in deployment.summary


def test_a_version_that_is_not_healthy_ends_its_run_red_with_production_healthy_on_the_one_before(ours: Hosted) -> None:
    ours.merge(1)
    deployment = ours.brings(ours.dispatch(RELEASE, version=BROKEN))
    assert (deployment.green, deployment.jobs) == (False, ["environments: failure", "after"])
    assert (ours.live(), ours.story()[-2:]) == (BEFORE, [f"deploy {BROKEN}: failed", f"rollback {BEFORE}: healthy"])
    assert "### production: 1\\.4.0 rolled back" in deployment.summary
    assert list(ours.artifacts.glob("*/*/evidence-*/*"))


def test_what_could_not_be_deployed_is_not_tried_again_by_any_run_but_the_next_version_is(ours: Hosted) -> None:
    ours.merge(1)
    failed = ours.brings(ours.dispatch(RELEASE, version=BROKEN))
    before = ours.story()
    again, later = ours.again(failed), ours.schedule(LOOK)
    assert (again.green, later.green, ours.dispatched(DEPLOY)) == (True, True, [])
    assert ours.story() == [*before, f"deploy {BROKEN}: held"]
    ours.merge(2)
    assert ours.brings(ours.push(RELEASE)).green
    assert ours.live() == "1.4.1"


def test_a_run_of_last_week_that_is_run_again_deploys_nothing_older(ours: Hosted) -> None:
    ours.merge(1)
    last_week = ours.push(RELEASE)
    brought = ours.brings(last_week)
    ours.merge(2)
    ours.brings(ours.push(RELEASE))
    before = ours.live(), ours.story(), ours.refs()
    assert ours.again(last_week).green
    assert ours.dispatched(DEPLOY) == []
    assert ours.again(brought).green
    assert (ours.live(), ours.story(), ours.refs()) == before


def test_cloud_tests_that_fail_keep_a_release_out_of_production(ours: Hosted) -> None:
    ours.merge(1)
    ours.breaks("test")
    failed = ours.push(RELEASE)
    assert (failed.green, ours.dispatched(DEPLOY), ours.live()) == (False, [], BEFORE)
    ours.mends("test")
    ours.brings(ours.again(failed))
    assert ours.live() == "1.3.0"


def test_a_halt_set_by_the_form_holds_deployments_until_the_form_lifts_it(ours: Hosted) -> None:
    halt = ours.dispatch(DEPLOY, action="halt", environment="production", reason="Black Friday")
    assert (halt.green, halt.jobs) == (True, ["plan"]), halt.said.log[-1500:]
    ours.merge(1)
    held = ours.push(RELEASE)
    assert (held.green, ours.live(), ours.releases()[0]) == (True, BEFORE, "v1.3.0")
    assert ours.dispatched(DEPLOY) == []
    assert "Black Friday" in held.summary
    assert "the next look is on" in held.summary
    resume = ours.dispatch(DEPLOY, action="resume", environment="production")
    assert (resume.green, resume.jobs, ours.live()) == (True, ["plan", *BROUGHT], "1.3.0")


def test_closing_the_issue_of_a_halt_carries_on_what_it_held(ours: Hosted) -> None:
    ours.dispatch(DEPLOY, action="halt", reason="Black Friday")
    ours.merge(1)
    ours.push(RELEASE)
    (issue,) = ours.issues()
    ours.close(issue)
    run = ours.issue(DEPLOY, "closed", issue)
    assert (run.green, run.jobs, ours.live()) == (True, ["plan", *BROUGHT], "1.3.0")


def test_closing_any_other_issue_runs_no_job(ours: Hosted) -> None:
    ours.shop.api("POST", "issues", {"title": "A question"})
    (issue,) = ours.issues()
    ours.close(issue)
    run = ours.issue(DEPLOY, "closed", issue)
    assert (run.green, run.jobs) == (True, []), run.said.log[-1500:]


def test_a_person_rolls_back_by_the_form_alone_and_it_stays_so_until_they_lift_the_halt(ours: Hosted) -> None:
    ours.merge(1)
    ours.brings(ours.push(RELEASE))
    back = ours.dispatch(DEPLOY, action="rollback", environment="production", reason="checkout broke")
    assert (back.green, back.jobs, ours.live()) == (True, ["plan", *BROUGHT], BEFORE)
    ours.merge(2)
    assert ours.push(RELEASE).green
    assert (ours.dispatched(DEPLOY), ours.live()) == ([], BEFORE)
    ours.dispatch(DEPLOY, action="resume")
    assert ours.live() == "1.3.1"


def test_a_rollback_typed_at_a_terminal_follows_the_run_until_production_is_back(ours: Hosted) -> None:
    ours.merge(1)
    ours.brings(ours.push(RELEASE))
    ours.shop.git("pull", "--quiet")
    typed, (run,) = ours.types("rollback", "--environment", "production", "--reason", "checkout broke", starts=DEPLOY)
    assert (typed.code, run.green) == (0, True)
    assert "healthy" in typed.out
    assert ours.live() == BEFORE


def test_a_person_deploys_an_older_version_by_the_form_and_says_what_they_overrule(ours: Hosted) -> None:
    ours.merge(1)
    ours.brings(ours.push(RELEASE))
    asked = {"action": "deploy", "environment": "production", "version": BEFORE}
    refused = ours.dispatch(DEPLOY, **asked)
    assert (refused.green, refused.jobs, ours.live()) == (False, ["plan: failure"], "1.3.0")
    assert ours.dispatch(DEPLOY, **asked, override="older", reason="to compare").green
    assert ours.live() == BEFORE


def test_a_run_that_finds_production_as_it_should_be_asks_nobody_for_an_approval(ours: Hosted) -> None:
    assert ours.schedule(LOOK).green
    assert ours.dispatched(DEPLOY) == []
    run = ours.dispatch(DEPLOY)
    assert (run.green, run.jobs) == (True, ["plan"])


def test_a_version_tag_that_a_person_pushes_is_deployed_by_a_run_on_the_branch(ours: Hosted) -> None:
    ours.merge(1)
    ours.tag("v1.9.0", "main")
    deployment = ours.brings(ours.push(RELEASE, "refs/tags/v1.9.0"))
    assert (deployment.green, deployment.of.event.ref, ours.live()) == (True, "refs/heads/main", "1.9.0")


def test_what_a_lost_machine_left_half_way_is_brought_again_by_the_next_look_and_the_next_goes(ours: Hosted) -> None:
    ours.merge(1)
    (ours.home / "lost").touch()
    lost = ours.brings(ours.push(RELEASE))
    assert (lost.green, ours.story()[-1]) == (False, "deploy 1.3.0: changing")
    ours.brings(ours.schedule(LOOK))
    assert {entry.rpartition(" ")[2] for entry in ours.story()} <= {"healthy", "replaced", "failed", "held", "done"}
    assert ours.live() == "1.3.0"
    ours.merge(2)
    assert ours.brings(ours.push(RELEASE)).green
    assert ours.live() == "1.3.1"


def test_what_is_proven_in_staging_goes_to_production_in_the_same_run(tmp_path: Path, act: Path) -> None:
    with hosting(tmp_path, act, {"staging": "", "production": 'after = ["staging"]'}) as ours:
        ours.first("staging")
        ours.first("production")
        ours.merge(1)
        run = ours.brings(ours.push(RELEASE))
        assert (run.green, run.jobs) == (True, ["environments", *BROUGHT])
        assert (ours.live("staging"), ours.live("production")) == ("1.3.0", "1.3.0")


def test_what_is_not_healthy_in_staging_never_reaches_production(tmp_path: Path, act: Path) -> None:
    with hosting(tmp_path, act, {"staging": "", "production": 'after = ["staging"]'}) as ours:
        ours.first("staging")
        ours.first("production")
        ours.merge(1)
        run = ours.brings(ours.dispatch(RELEASE, version=BROKEN))
        assert not run.green
        assert (ours.live("staging"), ours.live("production")) == (BEFORE, BEFORE)
        assert set(ours.story("production")) <= {f"deploy {BEFORE}: healthy", f"deploy {BROKEN}: held"}


def test_a_version_that_turns_bad_in_its_watch_is_rolled_back_by_a_run_of_its_own(tmp_path: Path, act: Path) -> None:
    with hosting(tmp_path, act, {"production": 'watch = "1h"'}, patience=1, clock="machine") as ours:
        ours.first()
        ours.merge(1)
        deployment = ours.brings(ours.push(RELEASE))
        assert (deployment.green, ours.live(), ours.story()[-1]) == (True, "1.3.0", "deploy 1.3.0: healthy")

        ours.services["production"].behave = bad("1.3.0")
        (watch,) = ours.dispatched(DEPLOY)
        assert (watch.green, watch.jobs) == (False, ["environments: failure", "after"])
        assert (ours.live(), ours.story()[-1]) == (BEFORE, f"rollback {BEFORE}: healthy")
        assert "### production: 1\\.3.0 rolled back" in watch.summary
        assert "1 bad interval in a row" in watch.summary


def test_the_deploy_command_gets_the_secrets_that_it_was_promised_and_no_token(tmp_path: Path, act: Path) -> None:
    with hosting(tmp_path, act, {"production": 'pass-env = ["KEY"]'}) as ours:
        ours.secrets["KEY"] = "correct horse"
        run = ours.dispatch(DEPLOY, action="deploy", environment="production", version=BEFORE)
        assert (run.green, run.jobs, ours.live()) == (True, ["plan", *BROUGHT], BEFORE)
        given = (ours.home / "given").read_text()
        assert "KEY=correct horse\n" in given
        assert ours.shop.box.token not in given
