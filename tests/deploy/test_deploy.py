"""What a deployment comes to, for everything that an environment can be: the transition table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inline_snapshot import snapshot

from github_sandbox import Fault
from release_tool.deploy import reconcile
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.withdraw import withdraw
from tests.counting import Counter
from tests.production import CURIOUS, QUICK, RIVAL, EventfulClock, production, releases
from tests.service import bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from github_sandbox.app import Request as Asked
    from tests.production import Production
    from tests.service import Said
    from tests.shop import Entry


# From good to good or bad


def test_a_healthy_version_follows_a_healthy_one(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        assert here.deploy("1.2.3").outcome == "healthy"
        done = here.deploy("1.2.4")
        assert (done.outcome, done.before, done.live) == ("healthy", "1.2.3", "1.2.4")
        assert here.service.deployed() == "1.2.4"
        assert here.story() == snapshot(
            [
                "deploy 1.2.3: replaced: by 1.2.4 (#1011)",
                "deploy 1.2.4: healthy: the new version answered well for 2m",
            ]
        )


def test_a_version_that_is_not_healthy_is_rolled_back_to_the_last_known_good(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS, behave=bad("1.3.0")) as here:
        here.deploy("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to, done.live) == ("rolled_back", "1.2.4", "1.2.4")
        assert here.service.deployed() == "1.2.4"
        good, failed, back = here.ledger()
        assert (good.phase.word, failed.phase.word, back.phase.word) == (Phase.REPLACED, Phase.FAILED, Phase.HEALTHY)
        assert (failed.phase.rolled_back_to, back.payload.parent) == ("1.2.4", failed.id)
        assert here.halts() == [], "a rollback that is healthy needs nobody"
        assert [(told.event, told.environment, told.before, told.after) for told in here.shop.notices] == [
            ("deployed", "production", "", "1.2.4"),
            ("rolled-back", "production", "1.3.0", "1.2.4"),
        ]
        addresses = dict(here.shop.notices[-1].links)
        assert list(addresses) == ["compare", "roll back", "halt"]
        assert addresses["compare"].endswith(f"/compare/v1.2.4...{failed.payload.commit}")


def test_every_phase_stands_in_the_ledger_before_it_is_acted_on(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.deploy("1.2.4")
        here.deploy("1.3.0")
        good, failed, back = ([str(step.phase) for step in one.steps] for one in here.ledger())
        assert good == snapshot(
            [
                "waiting: for its turn",
                "changing: production",
                "verifying: production",
                "baking: the new version answers",
                "healthy: the new version answered well for 10s",
                "replaced: by 1.2.4 (#1015)",
            ]
        )
        why = "`production` `health`: the new version had not answered well 20s after the command"
        assert failed[:3] == good[:3]
        assert failed[3].startswith(f"rolling back: {why}")
        assert failed[4].startswith(f"failed: {why}")
        assert failed[4].endswith("; rolled back to 1.2.4")
        assert back == good[:-1]


def test_a_deployment_costs_few_requests(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        here.was_proven("1.2.4")
        here.shop.box.forget_requests()
        here.deploy("1.3.0")
        request = [request for request in here.shop.box.requests if not request.path.startswith("/acme/shop.git")]
        assert len(request) <= 30


def test_that_it_goes_back_is_written_first_and_what_is_asked_until_the_command_is_known(tmp_path: Path) -> None:
    asked_by: list[int] = []

    def behave(version: str, _: int) -> Said:
        if version == "1.3.0":
            asked_by.append(len(here.shop.box.requests))
        return (500 if version == "1.3.0" else 200), {"version": version}

    with production(tmp_path, configuration=QUICK, behave=behave) as here:
        here.deploy("1.2.4")
        here.shop.box.forget_requests()
        assert here.deploy("1.3.0").outcome == "rolled_back"
        failed = here.ledger()[1]
        asked = [_asked(one) for one in here.shop.box.requests[asked_by[-1] :]]
    assert failed.steps[-2].phase.word is Phase.ROLLING_BACK
    assert asked[:8] == [
        "POST deployments/N/statuses",  # rolling back
        "POST /graphql",  # the ledger: which version was good
        "POST deployments",  # the rollback is a deployment of its own
        "POST deployments/N/statuses",  # it waits for its turn
        "POST /graphql",  # nobody else holds the environment
        "POST /graphql",  # nor somebody who began at the same moment
        "POST /graphql",  # nor a person who takes over
        "POST deployments/N/statuses",  # changing: the command runs
    ]


def _asked(request: Asked) -> str:
    """A request by its kind, whatever it is about."""
    path = request.path.partition("?")[0].removeprefix("/repos/acme/shop/")
    return f"{request.method} {re.sub(r'[0-9a-f]{40}|[0-9]+', 'N', path)}"


def test_a_deployment_starts_few_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with production(tmp_path) as here:
        here.was_proven("1.2.4")
        git = Counter(tmp_path, monkeypatch)
        assert here.deploy("1.3.0").outcome == "healthy"
        assert 0 < len(git.started()) <= 16


def test_looking_starts_few_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with production(tmp_path) as here:
        here.was_proven("1.2.4")
        git = Counter(tmp_path, monkeypatch)
        for command, most in (("plan", 10), ("status", 14)):
            git.forget()
            assert here.shop.run(command).code == 0
            assert 0 < len(git.started()) <= most


# From bad, and from nothing


def test_who_verifies_shows_that_it_lives_while_nothing_can_be_read(tmp_path: Path) -> None:
    """Queries have a limit of their own, and whoever can still read would take the environment."""
    slow = QUICK.replace('"10s"', '"6m"').replace("samples = 1", 'samples = 1\ninterval = "10s"')
    with production(tmp_path, clock="machine", configuration=slow) as here:
        here.was_proven("1.2.4")
        here.clock = clock = EventfulClock()
        limit = Fault(path="/graphql", status=429, headers={"Retry-After": "900"}, times=100)
        shown: list[int] = []

        def count() -> None:
            shown.append(sum(one.path.endswith("/statuses") for one in here.shop.box.requests))

        clock.after(60, lambda: here.shop.box.fault(limit))
        clock.after(90, count)
        clock.after(270, count)
        clock.after(300, here.shop.box.faults.clear)

        assert here.deploy("1.3.0").outcome == "healthy"
        assert shown[1] - shown[0] >= 2


def test_a_healthy_version_follows_a_failed_one(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4")) as here:
        here.deploy("1.2.3")
        assert here.deploy("1.2.4").outcome == "rolled_back"
        done = here.deploy_automatically("1.3.0")
        assert (done.outcome, done.before, done.live) == ("healthy", "1.2.3", "1.3.0")


def test_what_is_neither_healthy_nor_rolled_back_is_an_incident_that_halts_the_environment(tmp_path: Path) -> None:
    broken: list[str] = []
    with production(tmp_path, configuration=QUICK, behave=bad(among=broken)) as here:
        here.deploy("1.2.4")
        broken += ["1.3.0", "1.2.4"]  # what was good a moment ago is not any more
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to, done.live) == ("unhealthy", None, None)
        assert done.incident
        assert here.halts() == ["Deployments to production are halted after an incident"]
        _, failed, back = here.ledger()
        assert (failed.phase.word, back.phase.word) == (Phase.FAILED, Phase.FAILED)
        assert "the rollback to 1.2.4 did not succeed" in failed.phase.text
        held = here.deploy_automatically("1.3.0")
        assert held.outcome == "held"


def test_a_failed_rollback_says_nothing_against_the_commit_that_it_went_back_to(tmp_path: Path) -> None:
    broken = ["1.3.0"]
    with production(tmp_path, configuration=QUICK, behave=bad(among=broken)) as here:
        here.deploy("1.2.4")
        broken += ["1.2.4"]
        here.deploy("1.3.0")
        broken.clear()
        done = here.rollback()
        assert (done.outcome, done.version) == ("healthy", "1.2.4")


def test_the_first_deployment_of_an_environment_is_a_persons(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason) == (
            "held",
            "nothing was proven in production yet: its first deployment must be started by a person",
        )
        assert here.service.deployed() == ""
        assert here.deploy("1.3.0").outcome == "healthy"


def test_a_first_deployment_that_fails_has_no_way_back_and_says_so(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live) == ("unhealthy", None)
        assert "there is no rollback target" in done.reason
        assert done.incident
        assert [one.phase.word for one in here.ledger()] == [Phase.FAILED]


def test_after_a_failed_first_deployment_a_person_deploys_another_one(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.2.4")) as here:
        here.deploy("1.2.4")
        assert here.deploy("1.3.0").reason.startswith("deployments halted"), "the incident is still open"
        done = here.deploy("1.3.0", overrides="halt", reason="this one is mended")
        assert (done.outcome, done.live) == ("healthy", "1.3.0")


# The way back


def test_the_way_back_is_what_was_proven_and_never_just_the_one_before(tmp_path: Path) -> None:
    with production(
        tmp_path, configuration=QUICK, behave=bad("1.2.4", "1.3.0"), history=releases("1.2.3", "1.2.4", "1.3.0")
    ) as here:
        here.deploy("1.2.3")
        here.deploy("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to) == ("rolled_back", "1.2.3")


def test_a_deployment_whose_way_back_has_vanished_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        unnamed(here)()
        done = here.deploy("1.3.0")
        assert (done.outcome, done.ways_out) == ("refused", ("no-way-back",))
        assert done.reason.startswith("there is no rollback target; 0.0.1 (#")
        assert done.reason.endswith(") is in neither the deployed branch nor a release any more")
        assert here.service.deployed() == ""


def test_a_person_may_go_without_a_way_back_and_then_nothing_is_rolled_back(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        unnamed(here)()
        done = here.deploy("1.3.0", overrides="no-way-back", reason="it has to go")
        assert (done.outcome, done.live) == ("unhealthy", None)
        assert "`--override no-way-back` ruled a rollback out" in done.reason
        assert done.incident
        assert len(here.ledger()) == 2, "there is no rollback"


def test_a_way_back_that_vanishes_during_a_deployment_leaves_the_one_before_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.deploy("1.2.3")
        vanish = unnamed(here)
        clock = here.clock = EventfulClock()
        clock.after(5, vanish)
        done = here.deploy("1.3.0", overrides="older", reason="what is live stands beside it")
        assert (done.outcome, done.rolled_back_to) == ("rolled_back", "1.2.3")


def test_a_way_back_that_is_left_is_not_taken_across_what_cannot_be_undone(tmp_path: Path) -> None:
    one_way: Entry = {"pull": 5, "title": "Drop a table", "labels": ["irreversible"], "files": {"a.sql": "drop"}}
    history: list[Entry] = [*releases("1.2.3"), one_way, {"tag": "v1.2.4"}, *releases("1.3.0")]
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0"), history=history) as here:
        here.deploy("1.2.3")
        vanish = unnamed(here, "v1.2.4")
        clock = here.clock = EventfulClock()
        clock.after(5, vanish)
        done = here.deploy("1.3.0", overrides="older", reason="what is live stands beside it")
        assert (done.outcome, done.incident != "") == ("unhealthy", True)
        assert done.reason.startswith("#5 can't be undone by a rollback to 1.2.3, after this: `production` `health`")
        assert here.service.deployed() == "1.3.0"


def unnamed(here: Production, base: str = "v1.2.3") -> Callable[[], None]:
    """Prove a commit that only a tag of its own has, and return what makes it vanish everywhere."""
    git, box = here.shop.git, str(here.shop.box.git_directory)
    git("checkout", "--quiet", "--detach", base)
    git("commit", "--quiet", "--allow-empty", "--message", "with a tag that is deleted")
    git("push", "--quiet", here.shop.box.push_url, "HEAD:refs/tags/v0.0.1")
    here.rival("v0.0.1", PhaseRecord(Phase.HEALTHY, "as it was"))
    git("checkout", "--quiet", "main")

    def vanish() -> None:
        git("-C", box, "update-ref", "-d", "refs/tags/v0.0.1")
        for repository in (box, str(here.shop.clone)):
            git("-C", repository, "reflog", "expire", "--expire=now", "--all")
            git("-C", repository, "prune", "--expire=now")

    return vanish


# The same, older, quarantined


def test_what_is_live_already_is_not_deployed_again(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.deploy("1.3.0")
        here.shop.box.forget_requests()
        for done in (here.deploy("1.3.0"), here.deploy_automatically("v1.3.0")):
            assert (done.outcome, done.reason) == ("unchanged", "1.3.0 is live in production already")
        assert len(here.ledger()) == 1


def test_what_is_live_and_dead_is_brought_again_to_a_person_and_never_by_itself(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        here.service.file.write_text("nothing")
        assert here.preview("1.3.0").outcome == "goes"
        assert here.deploy_automatically("1.3.0").outcome == "unchanged"
        done = here.deploy("1.3.0")
        assert (done.outcome, done.live, here.service.deployed()) == ("healthy", "1.3.0", "1.3.0")
        assert len(here.ledger()) == 3


def test_what_is_live_and_fails_for_less_than_its_threshold_is_unchanged(tmp_path: Path) -> None:
    failing = iter([(500, ""), (500, "")])
    with production(tmp_path, configuration=QUICK) as here:
        here.deploy("1.3.0")
        here.service.behave = lambda version, _: next(failing, (200, {"version": version}))
        assert here.deploy("1.3.0").outcome == "unchanged"


def test_what_is_live_is_brought_again_where_a_person_insists_and_gone_back_from_where_that_fails(
    tmp_path: Path,
) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.was_proven("1.2.4")
        here.deploy("1.3.0")
        assert here.deploy_again("1.3.0").outcome == "healthy"
        assert len(here.ledger()) == 3
        here.service.behave = lambda version, _: (500, "") if version == "1.3.0" else (200, {"version": version})
        done = here.deploy_again("1.3.0")
        assert (done.outcome, done.rolled_back_to) == ("rolled_back", "1.2.4")


def test_what_is_live_and_can_not_be_asked_is_not_touched(tmp_path: Path) -> None:
    check = '\n[[environments.production.checks]]\nname = "own"\nkind = "command"\ncommand = ["./gone.sh"]\n'
    with production(tmp_path, configuration=QUICK + check) as here:
        here.was_proven("1.3.0")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.reason) == (
            "inconclusive",
            "1.3.0 should be live, but its health could not be measured",
        )
        assert len(here.ledger()) == 1
        assert here.preview("1.3.0").outcome == "refused", "there is nothing to go back to"


def test_an_older_commit_is_refused_to_a_person_and_superseded_where_nobody_asked(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.deploy("1.2.4")
        here.deploy("1.3.0")
        refused = here.deploy("1.2.3")
        assert (refused.outcome, refused.reason, refused.ways_out) == (
            "refused",
            "1.2.3 is older than 1.3.0, which is live",
            ("older",),
        )
        passed = here.deploy_automatically("1.2.3")
        assert (passed.outcome, passed.reason) == ("superseded", "1.2.3 is older than 1.3.0, which is live")
        done = here.deploy("1.2.3", overrides="older", reason="to compare them")
        assert (done.outcome, done.live) == ("healthy", "1.2.3")


def test_what_failed_is_quarantined_until_a_person_brings_it_healthily(tmp_path: Path) -> None:
    broken = ["1.3.0"]
    with production(tmp_path, configuration=QUICK, behave=bad(among=broken)) as here:
        here.deploy("1.2.4")
        here.deploy("1.3.0")
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason) == ("held", "1.3.0 was rolled back (#1015)")
        refused = here.deploy("1.3.0")
        assert (refused.outcome, refused.ways_out) == ("refused", ("quarantine",))
        broken.clear()
        done = here.deploy("1.3.0", overrides="quarantine", reason="the database was full")
        assert done.outcome == "healthy"
        here.deploy("1.2.4", overrides="older quarantine", reason="to see that it ended")
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_a_no_is_written_down_once_for_each_commit_and_reason(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS, behave=bad("1.3.0")) as here:
        here.deploy("1.2.4")
        here.deploy("1.3.0")
        first, second = here.deploy_automatically("1.3.0"), here.deploy_automatically("1.3.0")
        assert (first.outcome, second.outcome) == ("held", "held")
        assert (first.deployment is not None, second.deployment) == (True, None)
        here.deploy_automatically("1.2.3")
        assert [str(one.phase) for one in here.ledger()[3:]] == [
            "held: 1.3.0 was rolled back (#1016)",
            "superseded: 1.2.3 is older than 1.2.4, which is live",
        ]
        assert [notice.event for notice in here.shop.notices].count("held") == 1


def test_what_is_held_is_written_down_once_by_the_plan_and_told(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK + CURIOUS) as here:
        for _ in range(2):
            steps = reconcile.plan([here.environment()], writes=True)
            assert [(step.action, step.needed) for step in steps] == [("nothing", False)]
        assert here.story() == [
            "deploy 1.3.0: held: nothing was proven in production yet: its first deployment must be started by a person"
        ]
        assert [notice.event for notice in here.shop.notices] == ["held"]


# Waiting


def test_an_automatic_deployment_that_waits_is_superseded_by_a_newer_one(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.deploy("1.2.3")
        ahead = here.rival("v1.2.3", PhaseRecord(Phase.CHANGING, "production"))
        clock = here.clock = EventfulClock()
        clock.after(20, lambda: here.rival("v1.3.0"))
        done = here.deploy_automatically("1.2.4")
        assert (done.outcome, done.reason[:10]) == ("superseded", "by 1.3.0 (")
        assert here.service.deployed() == "1.2.3"
        assert not here.ledger()[1].finished, f"#{ahead} goes on"


def test_what_is_older_by_the_time_its_turn_comes_is_superseded(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.deploy("1.2.3")
        ahead = here.rival("v1.3.0", PhaseRecord(Phase.CHANGING, "production"), automatic=False)
        clock = here.clock = EventfulClock()
        clock.after(40, lambda: here.tell(ahead, PhaseRecord(Phase.HEALTHY, "as it was")))
        done = here.deploy_automatically("1.2.4")
        assert (done.outcome, done.reason, done.live) == (
            "superseded",
            "1.2.4 is older than 1.3.0, which is live",
            "1.3.0",
        )


def test_what_was_withdrawn_while_it_waited_is_not_deployed(tmp_path: Path) -> None:
    with production(tmp_path, RIVAL, configuration=QUICK) as here:
        here.deploy("1.2.3")
        ahead = here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production"))
        clock = here.clock = EventfulClock()
        clock.after(20, lambda: withdraw(here.shop.project(), "v1.3.0", "it loses data"))
        clock.after(40, lambda: here.tell(ahead, PhaseRecord(Phase.HEALTHY, "as it was")))
        done = here.deploy_automatically("1.3.0")
        assert (done.outcome, done.reason) == ("held", "1.3.0 was withdrawn")


def test_whoever_waits_in_vain_is_held_or_refused_and_says_for_whom(tmp_path: Path) -> None:
    patient = QUICK.replace('bake = "10s"', 'bake = "10s"\nlock-timeout = "1m"')
    with production(tmp_path, RIVAL, configuration=patient) as here:
        here.deploy("1.2.3")
        number = here.rival("v1.2.4", PhaseRecord(Phase.CHANGING, "production"))
        refused, held = here.deploy("1.3.0"), here.deploy_automatically("1.3.0")
        assert (refused.outcome, held.outcome) == ("refused", "held")
        assert refused.reason == held.reason == f"waited in vain: 1.2.4 (#{number}) holds the environment"
        assert sum(here.clock.sleeps) < 200
        assert here.service.deployed() == "1.2.3"
