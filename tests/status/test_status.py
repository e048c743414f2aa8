"""One look at everything, taken at the stand-in: what it tells, and what it costs."""

from __future__ import annotations

import json
import os
import re
import signal
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import chain
from typing import TYPE_CHECKING

import jsonschema
import msgspec
import pytest

from github_sandbox import Fault
from release_tool.deploy import reconcile
from release_tool.deploy.environment import environment_named
from release_tool.deploy.ledger import model
from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase, PhaseRecord, describe
from release_tool.errors import RefusedError, UsageError
from release_tool.status.attention import concerns
from release_tool.status.dashboard.site import LEDGER_PAGES, write
from release_tool.status.model import Health, NextLook, StageState, SwitchedOff, json_schema
from release_tool.status.overview import look
from tests.cli.terminal import on_a_terminal
from tests.clock import FakeClock
from tests.counting import Counter
from tests.deploy.ledger.test_store import payload_of
from tests.ledgers import CONFIG, PROVEN, deployed, recorded
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.status.model import EnvironmentStatus, Overview
    from tests.shop import Entry, Shop

CONFIGURED: Entry = {"commit": "Configure", "files": {"release-tool.toml": CONFIG}, "author": "ada"}
SEARCH: Entry = {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "1"}}
FIX: Entry = {"pull": 2, "title": "Fix totals", "labels": ["bug"], "author": "bob", "files": {"total.py": "1"}}
CLOUD: Entry = {
    "branch": "cloud",
    "from": "v1.3.0",
    "commit": "Cloud settings",
    "author": "ops",
    "files": {"fly.toml": "x"},
}
TESTED: Entry = {"status": "release-tool/tested", "ref": "cloud"}
HISTORY: tuple[Entry, ...] = (CONFIGURED, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0"}, CLOUD, TESTED, FIX)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *HISTORY) as made:
        yield made


def requests(place: Shop) -> int:
    """What GitHub was asked, git's own requests apart."""
    return len([one for one in place.box.requests if re.match(r"/(repos|graphql|user)\b", one.path)])


def of(seen: Overview, name: str) -> EnvironmentStatus:
    return next(one for one in seen.environments if one.name == name)


def bad_release(place: Shop) -> None:
    """1.2.3 everywhere, 1.3.0 in staging; in production it failed, and was rolled back."""
    for environment in ("staging", "production"):
        recorded(place, environment, "v1.2.3", "1.2.3")
    deployed(place, "staging", "origin/cloud", "1.3.0+cloud.1", *PROVEN)
    failed = deployed(
        place,
        "production",
        "origin/cloud",
        "1.3.0+cloud.1",
        "changing: web",
        "verifying: web",
        "failed: 8 bad samples in a row; rolled back to 1.2.3",
    )
    deployed(place, "production", "v1.2.3", "1.2.3", *PROVEN, kind=DeploymentKind.ROLLBACK, parent=failed)


# What is in the document


def test_a_look_tells_where_every_release_is(place: Shop) -> None:
    bad_release(place)

    seen = look(place.project())

    assert (seen.repository, seen.branch, seen.released, seen.unreleased) == ("acme/shop", "main", "v1.3.0", 1)
    assert [(change.pull, change.title, change.authors, change.bump) for change in seen.changes] == [
        (2, "Fix totals", ("bob",), "patch")
    ]
    assert seen.cloud is not None
    assert (seen.cloud.name, seen.cloud.behind, seen.cloud.tested) == ("1.3.0+cloud.1", (), True)
    assert [(one.tag, one.authors, one.latest) for one in seen.releases] == [
        ("v1.3.0", ("ada",), True),
        ("v1.2.3", ("ada", "maintainer"), False),
    ]
    assert seen.production == "production"


def test_each_environment_is_told_with_what_it_lacks_and_why(place: Shop) -> None:
    bad_release(place)

    seen = look(place.project())

    staging, production = of(seen, "staging"), of(seen, "production")
    assert staging.live is not None
    assert (staging.health, staging.live.name, staging.live.proven) == (Health.HEALTHY, "1.3.0+cloud.1", False)
    assert staging.missing is None
    assert staging.way_back.name == "1.2.3"
    assert production.live is not None
    assert (production.live.name, production.live.kind, production.live.proven) == ("1.2.3", "rollback", True)
    assert production.missing is not None
    assert production.missing.why == f"1.3.0+cloud.1 was rolled back (#{production.live.deployment})"
    assert [(one.phase, one.kind) for one in production.timeline] == [
        ("healthy", "rollback"),
        ("failed", "deploy"),
        ("healthy", "record"),
    ]
    assert (production.delivery.change_failure_rate, production.delivery.counts.rollbacks) == (1, 1)


def test_each_release_is_followed_on_its_way(place: Shop) -> None:
    bad_release(place)

    newest, _ = look(place.project()).journeys

    assert newest.tag == "v1.3.0"
    assert [(one.name, one.environment, one.mark) for one in newest.milestones] == [
        ("merged", "", StageState.DONE),
        ("released", "", StageState.DONE),
        ("in cloud", "", StageState.DONE),
        ("deployed", "staging", StageState.DONE),
        ("healthy", "staging", StageState.DONE),
        ("deployed", "production", StageState.DONE),
        ("healthy", "production", StageState.FAILED),
    ]


def test_lead_time_is_known_from_git(place: Shop) -> None:
    bad_release(place)

    lead = of(look(place.project()), "staging").delivery.lead_time

    # The pull request and the settings of the hosted branch came after the first deployment, and went with the second.
    assert lead is not None
    assert lead.count == 2
    assert 0 < lead.median < 60


def test_the_release_came_into_the_hosted_branch_when_it_was_tested_there(tmp_path: Path) -> None:
    merged: Entry = {"branch": "cloud", "from": "v1.2.3", "commit": "Cloud settings", "files": {"fly.toml": "x"}}
    with shop(
        tmp_path,
        CONFIGURED,
        {"tag": "v1.2.3"},
        SEARCH,
        {"tag": "v1.3.0"},
        merged,
        {"merge-branch": "v1.3.0", "into": "cloud", "author": "ops"},
        TESTED,
    ) as place:
        newest, older = look(place.project()).journeys

    (there,) = [one for one in newest.milestones if one.name == "in cloud"]
    assert (there.mark, there.at is not None) == (StageState.DONE, True)
    assert [one.at for one in older.milestones if one.name == "in cloud"] == [None]


def test_without_a_hosted_branch_the_newest_good_release_is_what_could_be_deployed(tmp_path: Path) -> None:
    config = CONFIG.replace("[sync]", "")
    configured: Entry = {"commit": "Configure", "files": {"release-tool.toml": config}}
    withdrawn: Entry = {"tag": "v1.4.0"}
    with shop(tmp_path, configured, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0"}, FIX, withdrawn) as place:
        assert place.run("withdraw", "v1.4.0", "--reason", "it loses orders").code == 0
        recorded(place, "production", "v1.2.3", "1.2.3")
        deployed(place, "production", "v1.4.0", "1.4.0", *PROVEN)

        seen = look(place.project())

    assert seen.cloud is None
    staging, production = of(seen, "staging"), of(seen, "production")
    assert staging.missing is not None
    assert staging.missing.name == "1.3.0"
    assert production.missing is None  # 1.4.0 contains it
    assert [(one.tag, one.withdrawn, one.latest) for one in seen.releases[:2]] == [
        ("v1.4.0", True, False),
        ("v1.3.0", False, True),
    ]


ALONE: Entry = {"commit": "Configure", "files": {"release-tool.toml": CONFIG.replace("[sync]", "")}}
ONE_WAY: Entry = {**SEARCH, "labels": ["feature", "irreversible"]}


@pytest.mark.parametrize(
    "history,withdrawn,failed,reason",
    [
        (
            (ALONE, {"tag": "v1.2.3"}, ONE_WAY, {"tag": "v1.3.0"}),
            "",
            "",
            "#1 can't be undone by a rollback to 1.2.3",
        ),
        (
            (ALONE, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0"}),
            "v1.3.0",
            "v1.3.0",
            "there is no rollback target; 1.3.0 (#1008) was withdrawn; leaving 1.2.3 (#1005)",
        ),
        (
            (CONFIGURED, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0"}, {"branch": "cloud", "from": "v1.3.0"}, TESTED),
            "v1.3.0",
            "",
            "1.3.0 was withdrawn",
        ),
    ],
)
def test_what_stands_against_a_deployment_is_what_the_deployment_itself_would_say(
    tmp_path: Path, history: tuple[Entry, ...], withdrawn: str, failed: str, reason: str
) -> None:
    with shop(tmp_path, *history) as place:
        recorded(place, "staging", "v1.2.3", "1.2.3")
        if failed:
            deployed(place, "staging", failed, failed[1:], "changing: web", "failed: 8 bad samples in a row")
        if withdrawn:
            assert place.run("withdraw", withdrawn, "--reason", "it loses orders").code == 0

        missing = of(look(place.project()), "staging").missing
        (step,) = reconcile.plan([environment_named(place.project(), "staging", ours={})])

    assert missing is not None
    assert (missing.name, missing.why) == (step.version, step.reason)
    assert missing.why == reason


def test_a_withdrawn_release_is_no_way_back(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as place:
        recorded(place, "staging", "v1.2.3", "1.2.3")
        deployed(place, "staging", "origin/cloud", "1.3.0+cloud.1", *PROVEN)
        assert place.run("withdraw", "v1.2.3", "--reason", "it loses orders").code == 0

        back = of(look(place.project()), "staging").way_back

    assert (back.name, [one.why for one in back.passed_over]) == (None, ["is being rolled back", "was withdrawn"])


def test_a_commit_that_is_gone_is_no_way_back(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, *many(1)) as place:
        deployed(place, "production", "origin/cloud", "1.3.0+cloud.1", *PROVEN)

        back = of(look(place.project()), "production").way_back

    assert [one.why for one in back.passed_over] == [
        "is being rolled back",
        "is in neither the deployed branch nor a release any more",
    ]


def test_halts_freezes_and_what_waits_for_a_person_are_told(tmp_path: Path) -> None:
    frozen = CONFIG + '\n[[environments.staging.freeze]]\ncron = "0 9 * * *"\nduration = "6h"\n'
    configured: Entry = {"branch": "cloud", "commit": "Freeze", "files": {"release-tool.toml": frozen}}
    stop: Entry = {"issue": "Stop", "labels": ["release-halt"], "author": "maintainer"}
    outsider: Entry = {"issue": "Stop", "labels": ["release-halt"], "author": "stranger"}
    waiting: Entry = {"run": 9, "status": "waiting", "name": "Deploy"}
    with shop(tmp_path, *HISTORY, configured, TESTED, stop, outsider, waiting) as place:
        recorded(place, "staging", "origin/cloud", "1.3.0+cloud.2")
        recorded(place, "production", "v1.2.3", "1.2.3")
        deployed(place, "production", "v1.3.0", "1.3.0", *PROVEN)
        place.git("pull", "-q")

        seen = look(place.project())

    assert [(one.by, one.reason, one.environment) for one in seen.halts] == [("maintainer", "Stop", "")]
    staging, production = of(seen, "staging"), of(seen, "production")
    assert staging.frozen == "frozen until Mon 2026-01-05 15:00 UTC"
    assert production.missing is not None
    assert production.missing.why.startswith("deployments halted by maintainer: Stop")
    assert [one.what for one in seen.waiting] == ["Deploy waits for approval: Fix totals (#2)"]


def test_records_that_count_for_nothing_are_said_once_with_what_to_do(tmp_path: Path) -> None:
    healthy: Entry = {"statuses": [{"state": "success", "description": "healthy:"}]}
    forged = [entry | healthy | {"creator": "ci-app[bot]"} for entry in many(5)]
    broken: Entry = {"deployment": "production", "payload": {"schema": 1, "commit": "zz"}}
    tested = TESTED | {"creator": "ci-app[bot]"}
    with shop(tmp_path, *HISTORY, TESTED, tested, *forged, broken) as place:
        seen = look(place.project())
        lines = [line for line in place.run("status").out.splitlines() if "ignored" in line]

    whys = [(one.what.count(",") + one.what.count(" and "), one.why) for one in seen.ignored]
    assert whys == [
        (0, "has a payload that can't be read"),
        (3, "by ci-app[bot], an app that `trusted-apps` does not name"),
    ]
    assert seen.ignored[1].todo.startswith('if the app is yours, add "ci-app" to `trusted-apps`')
    assert of(seen, "production").live is None
    assert seen.cloud is not None
    assert seen.cloud.tested  # by us, before somebody wrote over it
    assert len(lines) == 2


def test_an_incident_is_told_as_one_and_waits_for_a_person(place: Shop) -> None:
    from release_tool.deploy.halts.model import LABEL, HaltOrder, issue_text

    title, body = issue_text(HaltOrder(environment="production", reason="the rollback failed", incident=True))
    place.github().issues.create_issue(title, body, (LABEL,))

    seen = look(place.project())

    (incident,) = seen.incidents
    assert (incident.environment, incident.reason, incident.incident) == ("production", "the rollback failed", True)
    assert incident.todo == "when it is fixed, `release-tool resume -e production`"
    assert [one.what for one in seen.waiting] == ["an incident in production: the rollback failed"]
    assert of(seen, "production").halts == (incident,)
    assert of(seen, "staging").halts == ()


def test_a_conflict_that_waits_is_what_is_to_be_done_about_the_hosted_branch(tmp_path: Path) -> None:
    other: Entry = {"branch": "cloud", "from": "v1.2.3", "commit": "Ours", "files": {"search.py": "2"}}
    with shop(tmp_path, CONFIGURED, {"tag": "v1.2.3"}, other, SEARCH, {"tag": "v1.3.0"}) as place:
        assert place.run("sync").code == 5

        seen = look(place.project())

    assert seen.cloud is not None
    (waiting,) = seen.waiting
    assert (waiting.tag, waiting.what) == ("v1.3.0", "#2 Resolve the conflicts of v1.3.0 with cloud")
    assert seen.cloud.todo == f"resolve the conflict: {waiting.url}"
    (there,) = [one for one in seen.journeys[0].milestones if one.name == "in cloud"]
    assert (there.mark, there.url) == (StageState.HELD, waiting.url)


def test_a_half_done_release_is_told_with_how_to_finish_it(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0", "release": False, "claimed": True}) as place:
        seen = look(place.project())

    assert seen.half_done == ("v1.3.0",)
    assert [(one.tag, one.half_done, one.todo) for one in seen.releases] == [
        ("v1.3.0", True, "finish it with `release-tool release`"),
        ("v1.2.3", False, ""),
    ]
    assert [one.text for one in seen.cases] == ["v1.3.0 was claimed and not published, and no run is working on it"]


def test_one_environment_is_looked_at_closely_with_its_changes(place: Shop) -> None:
    bad_release(place)

    changes = of(look(place.project(), closely="staging"), "staging").changes

    assert changes is not None
    assert (changes.before, changes.after) == ("1.2.3", "1.3.0+cloud.1")
    assert [(one.pull, one.title, one.authors) for one in changes.changes] == [
        (1, "Add search", ("ada",)),
        (None, "Cloud settings", ("ops",)),
    ]


def test_an_unknown_environment_is_refused_with_those_that_there_are(place: Shop) -> None:
    with pytest.raises(UsageError, match="no environment `prod`") as refused:
        look(place.project(), closely="prod")
    assert "`staging`, `production`" in refused.value.todo


def test_a_branch_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    trunk: Entry = {"commit": "x", "files": {"release-tool.toml": 'branch = "trunk"'}}
    with shop(tmp_path, trunk) as place, pytest.raises(RefusedError, match="no branch `trunk`"):
        look(place.project())


def test_a_token_that_may_not_see_runs_says_so_and_sees_all_else(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"rights": {"actions": "none"}}) as place:
        seen = look(place.project())

    assert [text.partition(":")[0] for text in seen.unseen] == ["the runs that wait for approval"]
    assert seen.released == "v1.3.0"


def test_who_may_not_push_sees_a_persons_halt_and_that_its_right_is_not_known(tmp_path: Path) -> None:
    halt: Entry = {"issue": "Stop", "labels": ["release-halt"], "author": "ada"}
    with shop(tmp_path, *HISTORY, halt, {"token": "of-eve", "login": "eve"}) as here:
        here.git("pull", "-q")
        done = here.run("status", env=here.environment(GITHUB_TOKEN="of-eve"))

    assert done.code == 0
    assert "halted" in done.out
    assert "whether ada may halt deployments, and who may resume them: that takes push access" in done.out


def test_a_tag_by_hand_that_was_never_merged_is_nowhere_called_released(tmp_path: Path) -> None:
    aside: Entry = {"branch": "topic", "from": "main", "commit": "Try", "files": {"x": "1"}}
    with shop(tmp_path, *HISTORY, aside, {"tag": "v9.9.9", "at": "topic"}) as place:
        blob = place.git("hash-object", "-w", "README.md")
        place.git("push", "--quiet", place.box.push_url, f"{blob}:refs/tags/v8.8.8")
        seen = look(place.project())

    assert seen.released == "v1.3.0"
    assert [release.tag for release in seen.releases if release.latest] == ["v1.3.0"]


def test_halts_that_can_not_be_read_are_an_error_and_not_none(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"rights": {"issues": "none"}}) as place:
        place.git("pull", "-q")
        found = place.run("status")

    assert found.code == 2
    assert "issues: read" in found.err


# Scheduled looks

LOOK = ".github/workflows/looks.yml"
LOOKS: Entry = {
    "commit": "Workflows",
    "files": {LOOK: '# release-tool: look\non:\n  schedule:\n    - cron: "23 4 * * *" # daily\njobs: {}\n'},
}


def lines(place: Shop) -> list[str]:
    return [" ".join(line.split()) for line in place.run("status").out.splitlines()]


def test_what_waits_says_when_it_is_looked_at_again(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, LOOKS) as place:
        bad_release(place)
        clock = FakeClock(datetime(2026, 11, 20, 12, tzinfo=UTC))

        seen = look(msgspec.structs.replace(place.project(), clock=clock))

        assert seen.next_look == NextLook(at=datetime(2026, 11, 21, 4, 23, tzinfo=UTC))
        assert any(re.fullmatch(r"next look \w{3} [\d-]+ 04:23 UTC", line) for line in lines(place))


def test_where_nothing_looks_it_says_what_to_type(place: Shop) -> None:
    bad_release(place)
    assert "next look not scheduled: `gh workflow run release-tool-deploy.yml`" in lines(place)


@pytest.mark.parametrize(
    "state, told",
    [
        ("disabled_inactivity", "GitHub switched it off, for nothing happened here for 60 days"),
        ("disabled_manually", "disabled_manually"),
    ],
)
def test_a_schedule_that_is_switched_off_is_shown_with_the_command_that_switches_it_on(
    tmp_path: Path, state: str, told: str
) -> None:
    off: Entry = {"actions": "enabled", "states": {LOOK: state}}
    with shop(tmp_path, *HISTORY, LOOKS, off) as place:
        recorded(place, "staging", "v1.2.3", "1.2.3")
        todo = "`gh workflow enable looks.yml --repo acme/shop`"

        seen = look(place.project())

        assert seen.switched_off == (SwitchedOff(path=LOOK, state=state, todo=todo),)
        assert seen.next_look == NextLook(at=None, todo="`gh workflow run release-tool-deploy.yml`")
        assert f"off {LOOK}: {told}: {todo}" in lines(place)
        assert f"A workflow is off: {LOOK}: {told}" in [concern.text for concern in concerns(seen)]


# What it costs


def test_a_look_costs_six_requests_at_most(tmp_path: Path) -> None:
    stop: Entry = {"issue": "Stop", "labels": ["release-halt"], "author": "maintainer"}
    with shop(tmp_path, *HISTORY, stop, {"commit": "Direct", "files": {"x": "y"}}) as place:
        bad_release(place)
        place.box.forget_requests()

        look(place.project())

        assert requests(place) <= 6


def test_a_look_that_asks_whether_its_schedule_is_on_costs_no_more(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, LOOKS) as place:
        bad_release(place)
        place.box.forget_requests()

        look(place.project())

        assert requests(place) <= 6


def test_a_look_costs_one_request_more_for_each_further_hundred_pull_requests(tmp_path: Path) -> None:
    waiting: list[Entry] = [{"pull": number, "title": "fix: it"} for number in range(10, 310)]
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *waiting) as place:
        place.box.forget_requests()

        assert look(place.project()).unreleased == len(waiting)

        assert requests(place) <= 6 + 2


@pytest.mark.parametrize("releases", [20, 60])
def test_a_look_starts_as_many_programs_for_many_releases_as_for_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, releases: int
) -> None:
    made: list[tuple[Entry, Entry]] = [
        ({"commit": f"Number {number}"}, {"tag": f"v1.{number}.0"}) for number in range(releases)
    ]
    with shop(
        tmp_path, CONFIGURED, *chain(*made), {**CLOUD, "from": made[-1][1]["tag"]}, FIX, {"tag": "v2.0.0"}
    ) as place:
        git = Counter(tmp_path, monkeypatch)
        seen = look(place.project())

        assert seen.cloud is not None
        assert seen.cloud.behind == ("v2.0.0",)
        assert len(git.started()) <= 35


@pytest.mark.parametrize("environments", [2, 8])
def test_a_look_reads_the_history_as_often_for_many_environments_as_for_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environments: int
) -> None:
    names = [f"place-{number}" for number in range(environments)]
    text = "".join(f'[environments.{name}]\ncommand = ["./deploy.sh"]\n' for name in names)
    configured: Entry = {"commit": "Configure", "files": {"release-tool.toml": text}}
    with shop(tmp_path, configured, {"tag": "v1.2.3"}, SEARCH, {"tag": "v1.3.0"}, FIX, {"tag": "v1.3.1"}) as place:
        for name, first in zip(names, ["v1.2.3", "v1.3.0"] * environments, strict=False):
            deployed(place, name, first, first, *PROVEN)
            deployed(place, name, "v1.3.1", "1.3.1", *PROVEN)
        git = Counter(tmp_path, monkeypatch)
        seen = look(place.project())

        leads = [one.delivery.lead_time for one in seen.environments]
        assert [lead and lead.count for lead in leads] == [2, 1] * (environments // 2)
        assert sum(" log " in line for line in git.started()) <= 6


def test_a_repository_that_only_releases_costs_two(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, SEARCH) as place:
        look(place.project())

        assert requests(place) == 2


def many(count: int, *words: Phase) -> list[Entry]:
    """Deployments of a commit that nobody has any more; healthy, until the next took the place of each."""
    states = [describe(PhaseRecord(word)) for word in words or (Phase.CHANGING, Phase.HEALTHY, Phase.REPLACED)]
    statuses = [{"state": state.value, "description": line} for state, line in states]
    payload = model.encode(payload_of("a" * 40))
    return [{"deployment": "production", "payload": payload, "statuses": statuses} for _ in range(count)]


@pytest.mark.parametrize("count", [10, 1_000, 5_000])
def test_a_look_costs_six_requests_however_many_deployments_there_were(tmp_path: Path, count: int) -> None:
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *many(count), FIX) as place:
        look(place.project())

        assert requests(place) <= 6


def test_a_dashboard_costs_a_request_for_each_hundred_deployments_and_ten_more(tmp_path: Path) -> None:
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *many(1_000), FIX) as place:
        look(place.project(), whole=True)

        assert requests(place) <= 20


@pytest.mark.parametrize("count", [10, 1_000, 5_000])
def test_a_dashboard_that_knows_where_pages_ended_costs_ten_requests_however_many_deployments_there_were(
    tmp_path: Path, count: int
) -> None:
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *many(count), FIX) as place:
        last, now = place.project(), place.project()
        look(last, whole=True)
        recorded(place, "production", "v1.3.0", "1.3.0")
        place.box.forget_requests()
        now.remote.page_ends.update(last.remote.page_ends)
        seen = look(now, whole=True)

        assert requests(place) <= 10
    timeline = of(seen, "production").timeline
    assert (len(timeline), timeline[0].name) == (count + 1, "1.3.0")
    [(name, ends)] = last.remote.page_ends.items()
    assert now.remote.page_ends[name][: len(ends)] == ends


def test_a_site_is_written_for_fewer_requests_where_the_last_one_lies(tmp_path: Path) -> None:
    site, again = tmp_path / "site", tmp_path / "again"
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *many(501), FIX) as place:
        files = write(place.project(), site)
        cost = requests(place)
        place.box.forget_requests()

        assert write(place.project(), site) == files
        assert requests(place) == cost - 5
        again.mkdir()
        (again / LEDGER_PAGES).write_text('{"schema": 1, "ends": ["of somebody else"')
        with pytest.raises(RefusedError, match=f"{LEDGER_PAGES}, which release-tool did not write"):
            write(place.project(), again)
    assert LEDGER_PAGES not in (site / "index.html").read_text()


def test_a_site_is_written_where_what_it_knows_of_pages_is_made_up(tmp_path: Path) -> None:
    with shop(tmp_path, CONFIGURED, {"tag": "v1.3.0"}, CLOUD, *many(1), FIX) as place:
        project = place.project()
        files = write(project, tmp_path / "site")
        ends = {name: ["made up"] for name in project.remote.page_ends}
        (tmp_path / "site" / LEDGER_PAGES).write_text(json.dumps({"schema": 2, "ends": ends}))

        assert write(place.project(clock=FakeClock()), tmp_path / "site") == files


def test_a_thousand_deployments_and_releases_cost_twenty_five_requests(tmp_path: Path) -> None:
    releases: list[Entry] = [{"tag": f"v1.{number}.0", "annotated": False} for number in range(1000)]
    with shop(tmp_path, CONFIGURED, *releases, CLOUD, *many(1000), FIX) as place:
        seen = look(place.project(), whole=True)

        assert requests(place) <= 25
    assert len(seen.releases) == 1000
    assert len(of(seen, "production").timeline) == 1000
    assert len(seen.journeys) == 10


def test_a_long_ledger_is_only_read_to_its_end_where_its_newest_part_tells_too_little(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, *many(1), *many(150, Phase.HELD)) as place:
        vague = of(look(place.project()), "production")
        recorded(place, "production", "v1.2.3", "1.2.3")
        deployed(place, "production", "v1.3.0", "1.3.0", *PROVEN)
        telling = of(look(place.project()), "production")

    assert len(vague.timeline) == 151
    assert len(telling.timeline) == 100


# The command


def test_the_document_is_what_its_schema_says_and_has_all_fields_of_before(place: Shop) -> None:
    bad_release(place)
    place.git("pull", "-q")

    document = place.run("status", "--json", "-e", "staging").document

    shipped = json.loads(resources.files("release_tool").joinpath("status.schema.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(json_schema())), "write it anew with `make schema`"
    jsonschema.validate(document, shipped)
    assert document["schema"] == 1
    assert {"branch", "released", "half_done", "unreleased", "cloud"} <= document.keys()
    assert document["cloud"] == {
        "branch": "cloud",
        "head": place.git("rev-parse", "origin/cloud"),
        "name": "1.3.0+cloud.1",
        "behind": [],
        "tested": True,
        "todo": "",
    }


def test_a_pipe_gets_plain_lines(place: Shop) -> None:
    bad_release(place)

    found = place.run("status")

    assert found.code == 0
    assert "\x1b" not in found.out
    assert re.search(r"^cloud +1\.3\.0\+cloud\.1, up to date$", found.out, re.MULTILINE)
    assert re.search(r"^production +healthy: 1\.2\.3 \([0-9a-f]{10}\) since ", found.out, re.MULTILINE)
    assert "release a fix, or `release-tool deploy 1.3.0+cloud.1 -e production --override quarantine" in found.out


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_gets_colour_and_no_line_is_wider_than_it(place: Shop, columns: int) -> None:
    bad_release(place)

    drawn = on_a_terminal(place, "status", COLUMNS=str(columns))

    assert "\x1b[" in drawn
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert max(map(len, lines)) <= columns
    assert any("→ release a fix" in line for line in lines)


def test_what_people_wrote_is_shown_and_does_nothing(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J [red]red[/red] \u202e<!channel> {{ 7*7 }}"
    stop: Entry = {"issue": hostile, "labels": ["release-halt"], "author": "maintainer"}
    with shop(tmp_path, *HISTORY, stop, {"run": 9, "status": "waiting", "name": hostile}) as place:
        place.git("pull", "-q")
        drawn = on_a_terminal(place, "status", COLUMNS="200")
        piped = place.run("status").out
        document = place.run("status", "--json").document

    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    for text in (plain, piped, json.dumps(document, ensure_ascii=False)):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", text)
        assert "[red]red[/red] <!channel> {{ 7*7 }}" in text


def test_no_color_is_heeded(place: Shop) -> None:
    assert "\x1b[" not in on_a_terminal(place, "status", NO_COLOR="1")


def test_an_environment_is_shown_closely(place: Shop) -> None:
    bad_release(place)

    found = place.run("status", "-e", "staging").out

    assert "#1 Add search (ada)" in found
    assert "not back to 1.3.0+cloud.1" in found
    assert "rollback target: 1.2.3" in found
    assert "lead time" in found


def test_watching_draws_again_and_ends_quietly(place: Shop) -> None:
    watching = place.start("status", "--watch")
    assert watching.stdout is not None
    first = [watching.stdout.readline() for _ in range(3)]
    for line in watching.stdout:
        if "Ctrl-C ends" in line:
            break
    os.kill(watching.pid, signal.SIGINT)
    _, said = watching.communicate(timeout=20)

    assert first[0].startswith("released")
    assert watching.returncode == 130
    assert said == ""


def test_watching_survives_that_github_does_not_answer_for_once(place: Shop) -> None:
    place.box.fault(Fault(method="GET", path="/releases", status=404, document={"message": "Not Found"}, times=1))
    watching = place.start("status", "--watch")
    assert watching.stdout is not None
    first = watching.stdout.readline() + watching.stdout.readline()
    os.kill(watching.pid, signal.SIGINT)
    watching.communicate(timeout=20)

    assert "error:" in first
    assert watching.returncode == 130


@pytest.mark.parametrize("other", ["--json", "--tell"])
def test_watching_goes_with_nothing_else(place: Shop, other: str) -> None:
    assert place.run("status", "--watch", other).code == 2


def test_a_moment_is_the_one_of_the_clock(place: Shop) -> None:
    clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=5))

    assert look(place.project(clock=clock)).at == clock.time
