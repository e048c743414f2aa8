"""Looking after a repository: each precondition is a line of its own, says what mends it, and is mended where safe."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger import model
from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.model.tags import Owner
from release_tool.setup import files as scaffold
from release_tool.setup.checks import FindingState
from release_tool.setup.doctor import examine, fix
from tests.adoption import ADMIN, adopt
from tests.clock import FakeClock
from tests.metrics_server import MetricsServer, vector
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.setup.checks import DoctorFinding
    from tests.shop import Entry, Shop

LABELS: list[Entry] = [{"label": name} for name in ("major", "minor", "patch", "no-release")]
GUARD: Entry = {"ruleset": "Main", "checks": ["checks", "policy"]}
HELD: Entry = {"ruleset": "Cloud", "include": ["refs/heads/cloud"], "rules": ["deletion", "non_fast_forward"]}
SEES_ALL: Entry = {"rights": {"administration": "read", "environments": "read", "secrets": "read"}}
PRODUCTION: Entry = {"environment": "production", "branches": ["main", "cloud"], "secrets": ["SSH_KEY"]}
ENVIRONMENT = """
[environments.production]
command = ["./deploy.sh"]
pass-env = ["SSH_KEY"]

[[environments.production.checks]]
url = "https://shop.example.com/health"
version-pointer = "/commit"
"""
HOSTED = '[sync]\nbranch = "cloud"\n'
READING = re.compile(r"GET .*|POST /graphql|POST \S+/git-upload-pack")


def proven() -> Entry:
    payload = Payload(
        commit="a" * 40, name="1.2.3", kind=DeploymentKind.RECORD, automatic=False, owner=Owner(run=1, attempt=1)
    )
    statuses = [{"state": "success", "description": "healthy:"}]
    return {"deployment": "production", "payload": model.encode(payload), "statuses": statuses}


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[Shop]:
    """A repository in which everything is in place."""
    history: list[Entry] = [
        {"tag": "v1.2.3"},
        {"branch": "cloud", "from": "v1.2.3"},
        *LABELS,
        GUARD,
        HELD,
        PRODUCTION,
        proven(),
    ]
    files = {"release-tool.toml": HOSTED + ENVIRONMENT}
    with shop(tmp_path, *history, SEES_ALL, ADMIN, files=files, immutable_releases=True) as made:
        yield adopt(made)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Shop]:
    """A repository that has a configuration, and nothing else."""
    with shop(tmp_path, {"tag": "v1.2.3"}, ADMIN, files={"release-tool.toml": HOSTED}) as made:
        yield made


def test_records_that_count_for_nothing_are_named(tmp_path: Path) -> None:
    broken: Entry = {"deployment": "production", "payload": {"schema": 1, "commit": "zz"}}
    stranger: Entry = {"creator": "ci-app[bot]"}
    cloud: list[Entry] = [
        {"branch": "cloud", "from": "v1.2.3"},
        {"status": "release-tool/tested", "ref": "cloud"} | stranger,
    ]
    history: list[Entry] = [{"tag": "v1.2.3"}, *cloud, proven(), proven() | stranger, broken]
    with shop(tmp_path, *history, ADMIN, files={"release-tool.toml": HOSTED + ENVIRONMENT}) as made:
        found = [one for one in examine(made.project(), {}).findings if one.about == "records"]

    assert [(one.verdict, one.text.partition(" by ")[0][:19]) for one in found] == [
        (FindingState.OK, "ignored: deployment"),
        (FindingState.PROBLEM, "ignored: deployment"),
    ]
    assert "`release-tool/tested` of" in found[1].text
    assert "`trusted-apps`" in found[1].fix


def findings(of: Shop, verdict: FindingState, **env: str) -> dict[str, DoctorFinding]:
    project = of.project(env=of.environment(**env), clock=FakeClock(datetime.now(UTC)))
    return {
        found.about: found
        for found in examine(project, {"TEAM_URL": "json://here", **env}).findings
        if found.verdict is verdict
    }


def problems(of: Shop) -> dict[str, DoctorFinding]:
    return findings(of, FindingState.PROBLEM)


# All in order


def test_where_everything_is_in_place_nothing_is_wrong_and_nothing_was_written(sound: Shop) -> None:
    before = len(sound.box.requests)
    result = sound.run("doctor")
    assert (result.code, result.err) == (0, "")
    assert [line for line in result.out.splitlines() if line.startswith("problem")] == []
    assert "ok       token: contents: write: granted" in result.out
    asked = [
        request for request in sound.box.requests[before:] if not READING.fullmatch(request.method + " " + request.path)
    ]
    assert {request.status for request in asked} == {422}


def test_programs_get_every_line_with_its_verdict(sound: Shop) -> None:
    document = sound.run("doctor", "--json").document
    listed = document["findings"]
    assert isinstance(listed, list)
    assert document["ok"] is True
    assert {"about": "clone", "verdict": "ok", "text": "has its whole history", "fix": "", "repair": None} in listed


def test_what_the_token_cannot_see_is_said_and_is_no_problem(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, *LABELS, GUARD, ADMIN) as made:
        hidden = findings(adopt(made), FindingState.UNSEEN)
        assert {"Actions", "immutable releases"} <= hidden.keys()
        assert all(
            "cannot be seen with this token" in hidden[about].text for about in ("Actions", "immutable releases")
        )
        assert made.run("doctor").code == 0


def test_without_a_token_it_looks_at_what_is_here(bare: Shop) -> None:
    result = bare.run("doctor", env=bare.environment(GITHUB_TOKEN="", GH_TOKEN="", PATH="/usr/bin:/bin"))
    assert "unseen   GitHub: cannot be seen without a token" in result.out
    assert "ok       clone" in result.out


# Metrics

METRIC = """
[environments.production]
command = ["./deploy.sh"]
pass-env = ["PROMETHEUS_TOKEN"]

[[environments.production.checks]]
kind = "prometheus"
name = "errors"
url = "ADDRESS"
token-env = "PROMETHEUS_TOKEN"
query = 'errors{env="$target"}'
max = 0.01
"""


def test_queries_are_asked_and_only_what_the_deployed_branch_says_is_given_a_token(tmp_path: Path) -> None:
    with MetricsServer(lambda _: vector("0")) as server, MetricsServer(lambda _: vector("0")) as stranger:
        files = {"release-tool.toml": METRIC.replace("ADDRESS", server.url)}
        with shop(tmp_path, {"tag": "v1.2.3"}, ADMIN, files=files) as made:
            (made.clone / "release-tool.toml").write_text(METRIC.replace("ADDRESS", stranger.url))
            found = findings(made, FindingState.OK, PROMETHEUS_TOKEN="t0ken")
    assert found["metric errors of production"].text == "Prometheus answers the query for production"
    assert [one["query"] for one in server.asked] == ['errors{env="production"}']
    assert stranger.asked == []


def test_a_configuration_that_the_deployed_branch_has_wrong_hides_no_other_finding(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, ADMIN, files={"release-tool.toml": METRIC}) as made:
        (made.clone / "release-tool.toml").write_text(METRIC.replace("ADDRESS", "https://prometheus.example.com"))
        found = problems(made)
    assert found["metrics"].text.endswith('https://prometheus.example.com`, got "ADDRESS"')
    assert len(found) > 1


# Each problem, with what mends it


def test_a_repository_that_was_not_set_up_is_told_to(bare: Shop) -> None:
    result = bare.run("doctor")
    assert result.code == 3
    assert re.search(r"preconditions do not hold", result.err)
    found = problems(bare)
    assert {"files", "labels", "checks of main", "branch cloud"} <= found.keys()
    assert found["files"].fix == "release-tool init"
    assert "gh label create minor" in found["labels"].fix
    assert "/settings/rules/new?target=branch" in found["checks of main"].fix


@pytest.mark.parametrize(
    "entry, about, text, fix",
    [
        (
            {"ruleset": "No tags", "target": "tag", "include": ["refs/tags/v*"], "rules": ["creation"]},
            "tags",
            "the ruleset No tags keeps this token from making v1.2.4",
            "release-tool init --app",
        ),
        ({"protect": "refs/tags/v*"}, "tags", "keeps this token from making v1.2.4", "let this token bypass"),
        ({"protect": "cloud"}, "branch cloud", "rules keep a push from moving it: update", 'via = "pull-request"'),
        (
            {"ruleset": "Line", "include": ["refs/heads/cloud"], "rules": ["required_linear_history"]},
            "merges into cloud",
            "a rule forbids merge commits",
            "allow them",
        ),
        ({"rights": {"contents": "read"}}, "token: contents: write", "may not", "contents: write"),
        ({"rights": {"deployments": "read"}}, "token: deployments: write", "may not", "deployments: write"),
        ({"rights": {"issues": "read"}}, "token: issues: write", "may not", "issues: write"),
        ({"rights": {"statuses": "read"}}, "token: statuses: write", "may not", "statuses: write"),
        ({"rights": {"pull-requests": "read"}}, "token: pull-requests: write", "may not", "pull-requests: write"),
        ({"rights": {"actions": "read"}}, "token: actions: write", "may not", "actions: write"),
        (
            {"actions": "enabled", "opens_pulls": False},
            "Actions: pull requests",
            "may not open pull requests",
            "/settings/actions",
        ),
        ({"actions": "enabled", "allowed": "local_only"}, "Actions", "may not use actions made by GitHub", "/settings"),
        ({"actions": "disabled"}, "Actions", "is switched off", "/settings/actions"),
        (
            {"actions": "enabled", "states": {scaffold.RELEASE: "disabled_inactivity"}},
            "workflows",
            f"switched off: {scaffold.RELEASE}",
            "gh workflow enable release-tool.yml",
        ),
        (
            {"tag": "v1.3.0", "claimed": True},
            "half-done releases",
            "v1.3.0 was claimed and never published",
            "release-tool withdraw v1.3.0",
        ),
    ],
)
def test_what_stands_in_the_way_is_named_with_what_mends_it(
    tmp_path: Path, entry: Entry, about: str, text: str, fix: str
) -> None:
    history: list[Entry] = [
        {"tag": "v1.2.3"},
        {"branch": "cloud", "from": "v1.2.3"},
        *LABELS,
        GUARD,
        SEES_ALL,
        entry,
        ADMIN,
    ]
    with shop(tmp_path, *history, files={"release-tool.toml": HOSTED}) as made:
        found = problems(adopt(made)).get(about)
        assert found is not None
        assert text in found.text
        assert fix in found.fix


@pytest.mark.parametrize(
    "entry, about, text, fix",
    [
        ({"environment": "elsewhere"}, "environment production", "does not exist", "environments/production"),
        (
            {"environment": "production", "branches": ["main"]},
            "environment production",
            "does not admit cloud",
            "deployment-branch-policies -f name=cloud",
        ),
        (
            {"environment": "production", "reviewers": ["ada"]},
            "rollback of production",
            "asks for an approval",
            "rollback-environment",
        ),
        (
            {"environment": "production", "wait_timer": 10},
            "rollback of production",
            "waits 10 minutes",
            "rollback-environment",
        ),
        (
            {"environment": "production"},
            "secrets of production",
            "SSH_KEY",
            "gh secret set SSH_KEY --env production --repo acme/shop",
        ),
        (
            {"environment": "production"},
            "baseline of production",
            "nothing was proven",
            "release-tool deploy VERSION -e production --record",
        ),
    ],
)
def test_what_an_environment_lacks_is_named_with_what_mends_it(
    tmp_path: Path, entry: Entry, about: str, text: str, fix: str
) -> None:
    files = {"release-tool.toml": HOSTED + ENVIRONMENT}
    with shop(tmp_path, {"tag": "v1.2.3"}, SEES_ALL, entry, files=files) as made:
        found = problems(made).get(about)
        assert found is not None
        assert text in found.text
        assert fix in found.fix


def test_a_secret_of_the_repository_does_as_well_as_one_of_the_environment(tmp_path: Path) -> None:
    files = {"release-tool.toml": HOSTED + ENVIRONMENT}
    shared: Entry = {"actions": "enabled", "secrets": ["SSH_KEY"]}
    with shop(tmp_path, {"tag": "v1.2.3"}, SEES_ALL, shared, {"environment": "production"}, files=files) as made:
        assert "secrets of production" in findings(made, FindingState.OK)


def test_a_secret_that_the_deploy_job_does_not_get_is_named(sound: Shop) -> None:
    path = sound.clone / scaffold.DEPLOY
    path.write_text(path.read_text().replace("      SSH_KEY: ${{ secrets.SSH_KEY }}\n", ""))
    assert problems(sound)["job environments"].text == "release-tool-deploy.yml does not give it SSH_KEY"


def test_what_one_job_is_given_does_not_count_for_another(tmp_path: Path) -> None:
    given = 'secrets = ["TOKEN"]\npermissions = {packages = "write"}\n'
    configuration = f"{HOSTED}[build]\n{given}[tests]\n{given}"
    with shop(tmp_path, {"tag": "v1.2.3"}, ADMIN, files={"release-tool.toml": configuration}) as made:
        path = adopt(made).clone / scaffold.RELEASE
        whole = path.read_text()
        assert {"job build", "job tests"} <= findings(made, FindingState.OK).keys()
        before, tests, after = whole.partition("\n  tests:\n")
        for taken in ("      TOKEN: ${{ secrets.TOKEN }}\n", "packages: write"):
            path.write_text(before + tests + after.replace(taken, "packages: read" if "pack" in taken else ""))
            told = problems(made)["job tests"].text
            lacks = "`packages: write`" if "pack" in taken else "TOKEN"
            assert told == f"release-tool.yml does not give it {lacks}"
            assert "job build" in findings(made, FindingState.OK)


def test_a_changed_workflow_that_starts_on_something_else_is_named_and_any_other_change_is_not(sound: Shop) -> None:
    path = sound.clone / scaffold.RELEASE
    text = path.read_text()
    path.write_text(text.replace("timeout-minutes: 5", "timeout-minutes: 7"))
    assert "triggers" not in problems(sound)
    path.write_text(text.replace('branches: [main, "*.x", cloud]', "branches: [develop]"))
    assert "release-tool.yml has other triggers" in problems(sound)["triggers"].text


def test_a_shallow_clone_is_told_how_to_become_whole(sound: Shop) -> None:
    sound.git("fetch", "--quiet", "--depth=1", "origin", "main")
    assert problems(sound)["clone"].fix == "git fetch --unshallow --tags"


@pytest.mark.parametrize("minutes, way", [(5, "ahead of"), (-5, "behind")])
def test_a_clock_that_is_wrong_is_named(sound: Shop, minutes: int, way: str) -> None:
    wrong = FakeClock(datetime.now(UTC) + timedelta(minutes=minutes))
    found = {finding.about: finding for finding in examine(sound.project(clock=wrong), {}).problems}
    assert f"s {way} GitHub's" in found["clock"].text


def test_tags_that_count_for_nothing_are_named(tmp_path: Path) -> None:
    change: Entry = {"commit": "Change", "files": {"x": "1"}}
    with shop(tmp_path, {"tag": "v1.2"}, change, {"tag": "v1.3.0"}, {"tag": "debian/1.2"}) as made:
        found = {finding.about: finding for finding in examine(made.project(), {}).findings}
        assert found["version tags"].text == (
            "the newest is v1.3.0; `debian/1.2` is not among this project's versions (`tag-prefix`)"
        )


def test_tags_of_several_packages_are_named_with_the_line_that_chooses_one(tmp_path: Path) -> None:
    change: Entry = {"commit": "Change", "files": {"x": "1"}}
    with shop(
        tmp_path, {"tag": "@acme/cli@1.2.3"}, {"tag": "@acme/web@2.0.1"}, change, {"tag": "@acme/cli@1.3.0"}
    ) as made:
        found = problems(made)["version tags"]
        assert found.text == "they are of several packages: @acme/cli@1.3.0, @acme/web@2.0.1"
        assert found.fix == 'choose one by its prefix: `tag-prefix = "@acme/cli@"`'


def test_a_failing_github_is_no_finding_but_an_error(sound: Shop) -> None:
    later = {"retry-after": "3600"}  # longer than anybody waits, so that it is an error at once
    sound.box.fault(Fault(method="GET", path="/labels", status=429, headers=later, times=100))
    result = sound.run("doctor")
    assert result.code == 4
    assert "listing the labels" in result.err


def test_a_version_that_is_written_in_a_file_is_the_builds_to_set(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname = "shop"\nversion = "1.0.0"\n'}
    with shop(tmp_path, {"tag": "v1.2.3"}, files=files) as made:
        found = problems(made)["version in pyproject.toml"]
        assert "says '1.0.0', and no build sets it" in found.text
        assert 'uv version --frozen "$RELEASE_VERSION"' in found.fix
        workflows = made.clone / ".github" / "workflows"
        workflows.mkdir(parents=True)
        (workflows / "build.yml").write_text(f"      - run: {found.fix.partition(': ')[2]}\n")
        assert "version in pyproject.toml" in findings(made, FindingState.OK)


def test_changes_that_cause_no_release_any_more_are_named(tmp_path: Path) -> None:
    quiet: list[Entry] = [
        {"pull": 1, "title": "docs: tell it", "files": {"a": "1"}},
        {"pull": 2, "title": "Bump it", "labels": ["dependencies"], "files": {"b": "1"}},
    ]
    with shop(tmp_path, {"tag": "v1.2.3"}, *quiet) as made:
        found = findings(made, FindingState.OK)["changes that wait"]
        assert found.text.startswith("#1, #2: such types and labels cause no release any more")
        assert "release-tool bump --force patch" in found.fix
    with shop(tmp_path / "2", {"tag": "v1.2.3"}, *quiet, {"commit": "fix: it", "files": {"c": "1"}}) as made:
        assert "changes that wait" not in findings(made, FindingState.OK)


# Mending


def test_what_safely_can_be_mended_is_and_it_says_so(bare: Shop) -> None:
    adopt(bare)
    path = bare.clone / scaffold.RELEASE
    now = path.read_text()
    before = now.partition("\n")[2].replace("timeout-minutes: 15", "timeout-minutes: 9")
    path.write_text(scaffold.sign(scaffold.RELEASE, before, "0.0.1"))

    result = bare.run("doctor", "--fix")

    assert result.code == 3  # the required checks are a person's to set
    for told in ("made the label minor", "made the branch cloud at ", f"wrote {scaffold.RELEASE}: commit it"):
        assert told in result.err
    assert path.read_text() == now
    assert {"labels", "branch cloud", "files"}.isdisjoint(problems(bare))
    assert bare.git("ls-remote", "origin", "refs/heads/cloud").split()[0] == bare.git("rev-parse", "v1.2.3^{commit}")


def test_mending_twice_finds_nothing_left_to_do(bare: Shop) -> None:
    adopt(bare)
    project = bare.project()
    assert fix(project, examine(project, {}))
    assert fix(project, examine(project, {})) == ()


def test_mending_leaves_what_somebody_changed(sound: Shop) -> None:
    path = sound.clone / scaffold.RELEASE
    path.write_text(path.read_text() + "# mine\n")
    assert sound.run("doctor", "--fix").code == 0
    assert path.read_text().endswith("# mine\n")
