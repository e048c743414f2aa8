"""What an examination makes of facts that the stand-in need not be asked for."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Channel, Check, Config, Duration, Environment, Freeze, Labels, Sync
from release_tool.setup import checks as judge
from release_tool.setup.checks import BranchRules, FindingState, TagRules

CHECK = Check(url="https://shop.example.com/health", version_pointer="/commit")
SOUND = Environment(command=("./deploy.sh",), checks=(CHECK,))


def hosted(environment: Environment) -> Config:
    return Config(environments={"production": environment})


@pytest.mark.parametrize(
    "environment, says",
    [
        (Environment(command=("x",)), "has no check"),
        (Environment(command=("x",), checks=(Check(url="/", body_pattern="("),)), "checks[0]: `body-pattern`"),
        (
            Environment(
                command=("x",), checks=(CHECK,), freeze=(Freeze(cron="0 18 * *", duration=Duration.parse("1h")),)
            ),
            "freeze[0]: ",
        ),
        (
            Environment(
                command=("x",),
                checks=(CHECK,),
                freeze=(Freeze(cron="0 18 * * *", duration=Duration.parse("1h"), timezone="Europe/Atlantis"),),
            ),
            "Europe/Atlantis",
        ),
    ],
)
def test_a_configuration_that_could_never_work_is_a_problem(environment: Environment, says: str) -> None:
    (finding,) = judge.of_configuration(hosted(environment), "release-tool.toml")
    assert finding.verdict is FindingState.PROBLEM
    assert says in finding.text
    assert finding.fix == "correct release-tool.toml"


def test_a_sound_configuration_is_said_to_be_one() -> None:
    (finding,) = judge.of_configuration(hosted(SOUND), "release-tool.toml")
    assert finding.verdict is FindingState.OK


def test_where_there_is_no_workflow_of_ours_none_is_said_to_be_well() -> None:
    (finding,) = judge.of_workflows({".github/workflows/ci.yml": "active"}, ())
    assert finding.verdict is FindingState.UNSEEN
    assert finding.fix == "release-tool init"


@pytest.mark.parametrize("check, verdict", [(CHECK, FindingState.OK), (Check(url="/health"), FindingState.PROBLEM)])
def test_an_environment_is_proven_only_where_a_check_tells_the_version(check: Check, verdict: FindingState) -> None:
    (finding,) = judge.of_proof(hosted(Environment(command=("x",), checks=(check,))))
    assert finding.verdict is verdict


def test_what_a_watch_costs_is_named_where_there_is_one() -> None:
    watched = hosted(Environment(command=("x",), checks=(CHECK,), watch=Duration.parse("1h")))
    (finding,) = judge.of_watch(watched)
    assert (finding.verdict, "60 minutes after each deployment" in finding.text) == (FindingState.OK, True)
    assert not [*judge.of_watch(hosted(SOUND))]


@pytest.mark.parametrize(
    "known, workflow, verdict",
    [
        ({"TEAM_URL"}, "", FindingState.OK),
        (set(), "TEAM_URL: ${{ secrets.TEAM_URL }}", FindingState.UNSEEN),
        (set(), "", FindingState.PROBLEM),
    ],
)
def test_a_channel_needs_its_variable_in_the_jobs_that_tell_it(
    known: set[str], workflow: str, verdict: FindingState
) -> None:
    config = Config(channels={"team": Channel(url_env="TEAM_URL")})
    (finding,) = judge.of_channels(config, known, [workflow])
    assert finding.verdict is verdict


NAMES = st.text("abcv0123456789.-", min_size=1)


@given(NAMES, st.booleans())
def test_a_ruleset_for_all_tags_is_in_the_way_of_every_tag_unless_it_lets_us_through(tag: str, bypassed: bool) -> None:
    everywhere = TagRules("All", ("~ALL",), (), frozenset({"creation"}), bypassed=bypassed)
    (finding,) = judge.of_tag_rules(tag, [everywhere], "https://github.com/acme/shop/settings")
    assert (finding.verdict is FindingState.OK) is bypassed


@pytest.mark.parametrize(
    "include, exclude, rules, verdict",
    [
        ("refs/tags/v*", (), "creation", FindingState.PROBLEM),
        ("refs/tags/x*", (), "creation", FindingState.OK),
        ("refs/tags/v*", ("refs/tags/v1.*",), "creation", FindingState.OK),
        ("refs/tags/v*", (), "deletion", FindingState.OK),
    ],
)
def test_only_a_ruleset_that_covers_the_tag_and_forbids_its_making_is_in_the_way(
    include: str, exclude: tuple[str, ...], rules: str, verdict: FindingState
) -> None:
    ruleset = TagRules("Tags", (include,), exclude, frozenset({rules}), bypassed=False)
    (finding,) = judge.of_tag_rules("v1.2.4", [ruleset], "")
    assert finding.verdict is verdict


@pytest.mark.parametrize("via, verdict", [("push", FindingState.PROBLEM), ("pull-request", FindingState.OK)])
def test_a_guarded_hosted_branch_is_in_the_way_of_a_push_only(via: str, verdict: FindingState) -> None:
    sync = Sync(via="push") if via == "push" else Sync(via="pull-request")
    rules = BranchRules(frozenset({"pull_request"}), frozenset())
    (finding,) = judge.of_cloud(Config(sync=sync), rules, merges=True, settings="")
    assert finding.verdict is verdict


def test_a_repository_that_allows_no_merge_commits_can_settle_no_conflict() -> None:
    rules = BranchRules(frozenset(), frozenset())
    *_, finding = judge.of_cloud(Config(sync=Sync()), rules, merges=False, settings="")
    assert "the repository allows no merge commits" in finding.text


def test_a_label_with_a_quote_in_its_name_makes_a_command_that_a_shell_reads_as_one() -> None:
    labels = Labels(minor=("what's new",))
    (finding,) = judge.of_labels(Config(labels=labels), [*labels.major, *labels.patch, *labels.none])
    assert shlex.split(finding.fix) == ["gh", "label", "create", "what's new"]
