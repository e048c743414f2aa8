"""The configuration."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

import release_tool
from release_tool.config.model import Config, Duration
from release_tool.config.read import choose, parse
from release_tool.config.schema import json_schema
from release_tool.errors import UsageError
from tests import reference

COMPLETE = """
[tool.release-tool]
tag-prefix = "v"
branch = "main"
maintenance = ["*.x"]
initial-version = "0.1.0"
major-on-zero = false
release-on = "merge"
unlabelled = "patch"
direct-push = "patch"
irreversible-paths = ["**/migrations/*.py"]

[tool.release-tool.labels]
major = ["major", "breaking", "breaking-change"]
minor = ["minor", "feature", "enhancement"]
patch = ["patch", "bug", "fix"]
none = ["no-release", "documentation", "chore", "dependencies"]
hidden = ["skip-changelog"]
irreversible = ["irreversible"]
reversible = ["reversible"]

[tool.release-tool.types]
docs = "patch"

[tool.release-tool.sync]
branch = "cloud"
keep-cloud = ["deploy/**"]
via = "push"

[tool.release-tool.environments.production]
automatic = true
command = ["./deploy.sh"]
command-timeout = "10m"
pass-env = ["SSH_KEY", "SSH_HOST"]
lock-timeout = "30m"
url = "https://app.example.com"
bake = "2m"
freeze = [{ cron = "0 18 * * FRI", duration = "62h", timezone = "Europe/Berlin" }]

[[tool.release-tool.environments.production.checks]]
kind = "http"
url = "/health"
version-pointer = "/version"
interval = "2s"
timeout = "2s"
failure-threshold = 8
failure-budget = "10%"
deadline = "5m"

[tool.release-tool.channels.team]
url-env = "RELEASE_TOOL_SLACK_URL"
events = ["released", "deployed", "rolled-back", "needs-person"]
"""


def message_of(text: str, source: str = "release-tool.toml") -> str:
    with pytest.raises(UsageError) as raised:
        parse(text, source)
    return raised.value.message


def test_an_empty_configuration_is_all_defaults() -> None:
    assert parse("", "release-tool.toml") == Config()


def test_a_complete_configuration_is_read() -> None:
    config = parse(COMPLETE, "pyproject.toml")
    production = config.environments["production"]
    assert config.sync is not None
    assert config.sync.keep_cloud == ("deploy/**",)
    assert production.bake == Duration(minutes=2)
    assert production.checks[0].version_pointer == "/version"


def test_a_label_that_is_named_for_one_bump_is_no_longer_a_usual_one_of_another() -> None:
    config = parse('[labels]\npatch = ["Documentation", "bug"]\n', "release-tool.toml")
    assert config.labels.patch == ("Documentation", "bug")
    assert config.labels.none == ("no-release", "chore", "dependencies")


def test_a_pyproject_of_somebody_else_configures_nothing() -> None:
    text = "[tool.other]\nkey = 1\n"
    assert choose({"pyproject.toml": text}) == Config()
    assert parse(text, "pyproject.toml") == Config()


@pytest.mark.parametrize(
    "text, expected",
    [
        ('tag-prefx = "v"', "`tag-prefx`: unknown key; did you mean `tag-prefix`?"),
        ("[labels]\nmayor = []", "`labels.mayor`: unknown key; did you mean `major`?"),
        ("tag-prefix = 5", "`tag-prefix`: expected `str`, got 5"),
        ('labels.major = ["a", 2]', "`labels.major[1]`: expected `str`, got 2"),
        ('types.docs = "tiny"', '`types.docs`: expected one of `major`, `minor`, `patch`, `none`, got "tiny"'),
        ('release-on = "sometimes"', '`release-on`: expected one of `merge`, `schedule`, `manual`, got "sometimes"'),
        (
            '[channels.team]\nurl-env = "URL"\nevents = ["relesed"]',
            (
                "`channels.team.events[0]`: expected one of `released`, `sync-conflict`, `deployed`, `rolled-back`, "
                '`failed`, `halted`, `resumed`, `held`, `drift`, `needs-person`, got "relesed"'
            ),
        ),
        (
            '[channels.team]\nurl-env = "URL"\nenvironments = ["prod"]',
            '`channels.team.environments`: no environment is named "prod"',
        ),
        ('[messages]\nrelesed = "own.j2"', "`messages.relesed`: unknown key; did you mean `released`?"),
        ("[environments.production]\nautomatic = true", "`environments.production.command`: missing"),
        (
            (
                '[environments.staging]\ncommand = ["x"]\n[environments.production]\ncommand = ["x"]\n'
                "[[environments.production.checks]]\ninterval = 5"
            ),
            "`environments.production.checks[0].interval`: expected a duration such as `5s`, got 5",
        ),
        (
            '[environments.production]\ncommand = ["x"]\nbake = "2 minutes"',
            '`environments.production.bake`: expected a duration such as `5s`, got "2 minutes"',
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\nintervall = "5s"',
            "`environments.production.checks[0].intervall`: unknown key; did you mean `interval`?",
        ),
        (
            '[environments.production]\ncommand = ["x"]\nchecks = [{ json = [{ pointr = "/up" }] }]',
            "`environments.production.checks[0].json[0].pointr`: unknown key; did you mean `pointer`?",
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\nlatency = 5',
            "`environments.production.checks[0].latency`: expected a duration such as `5s`, got 5",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key_and_value(text: str, expected: str) -> None:
    assert message_of(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            'labels.minor = ["' + "x" * 50 + '", "' + "y" * 51 + '"]',
            '`labels.minor`: GitHub has no label of more than 50 characters: "' + "y" * 51 + '"',
        ),
        (
            'labels.major = ["breaking"]\nlabels.minor = ["Breaking"]',
            '`labels.major` and `labels.minor`: both have the label "breaking"',
        ),
        (
            'labels.irreversible = ["one-way"]\nlabels.reversible = ["one-way"]',
            '`labels.irreversible` and `labels.reversible`: both have the label "one-way"',
        ),
        ('types."two words" = "patch"', "`types.two words`: a type is one word in lower case"),
        ('types.Docs = "patch"', "`types.Docs`: a type is one word in lower case"),
        ('branch = "cloud"\n[sync]', '`sync.branch`: is the same as `branch`, "cloud"'),
        (
            '[environments.prod]\ncommand = ["x"]\n[environments.PROD]\ncommand = ["x"]',
            "`environments.PROD`: is the same as `environments.prod` to GitHub, which does not tell case apart",
        ),
        (
            '[environments.production]\ncommand = ["x"]\ncommand-timeout = "0s"',
            "`environments.production.command-timeout`: must be longer than nothing",
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\ntimeout = "0s"',
            "`environments.production.checks[0].timeout`: must be longer than nothing",
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\nlatency = "0s"',
            "`environments.production.checks[0].latency`: must be longer than nothing",
        ),
        (
            '[environments.production]\ncommand = ["x", "a\\u0000b"]',
            "`environments.production.command[1]`: no program can be given a NUL character",
        ),
        (
            "".join(f'[environments.{one}]\ncommand = ["x"]\nafter = ["{two}"]\n' for one, two in ("ac", "ba", "cb")),
            "`environments.a.after`: waits for itself in the end, so nothing could ever be deployed",
        ),
        (
            '[environments.production]\ncommand = ["x"]\ntargets = [{name = "web"}, {name = "eu"}, {name = "web"}]',
            '`environments.production.targets[2].name`: another target is named "web"',
        ),
        (
            f'[environments."{"x" * 256}"]\ncommand = ["x"]',
            f'`environments`: GitHub takes a name of 1 to 255 characters, got "{"x" * 198}…',
        ),
        ('[environments." "]\ncommand = ["x"]', '`environments`: GitHub takes a name of 1 to 255 characters, got " "'),
        (
            '[environments.production]\ncommand = ["x"]\nafter = ["staging"]',
            '`environments.production.after`: no other environment is named "staging"',
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\ninterval = "0s"',
            "`environments.production.checks[0].interval`: must be longer than nothing",
        ),
        (
            '[environments.production]\ncommand = ["x"]\n[[environments.production.checks]]\ninitial-delay = "5m"',
            "`environments.production.checks[0].initial-delay`: leaves no time before `deadline`",
        ),
        (
            '[environments.production]\ncommand = ["x"]\nchecks = [{ name = "up" }, { name = "up" }]',
            '`environments.production.checks[1].name`: another check is named "up"',
        ),
        (
            'look = "daily"',
            '`look`: expected a cron time such as `0 18 * * FRI`, as GitHub reads a schedule, got "daily"',
        ),
        (
            'look = "0 25 * * *"',
            '`look`: expected 0 to 23 for `25`, as GitHub reads a schedule, got "0 25 * * *"',
        ),
    ],
)
def test_a_contradiction_is_named(text: str, expected: str) -> None:
    assert message_of(text) == expected


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GH_TOKEN"])
def test_the_tools_own_token_is_never_passed_on(name: str) -> None:
    """Neither to a command nor to a check, by whichever command of ours that is asked."""
    assert message_of(f'[environments.production]\ncommand = ["x"]\npass-env = ["SSH_KEY", "{name}"]') == (
        f"`environments.production.pass-env`: {name} is the tool's own; pass on another token by another name"
    )


@pytest.mark.parametrize(
    "cron", ["0 4 * * 7", "0 4 * * FRI-SUN", "*/90 * * * *", " 0 4 * * *", "0 4 * *\t*", "0 4 * * *\n", "@daily", ""]
)
def test_a_cadence_that_github_does_not_take_is_refused_before_a_workflow_has_it(cron: str) -> None:
    assert message_of(f"look = {json.dumps(cron)}").startswith("`look`: expected ")


@pytest.mark.parametrize("cron", ["23 * * * *", "20/15 4-6 1,15 JAN-MAR sun", "0   4 * * MON-FRI", "*/30 * * * 0"])
def test_a_cadence_that_github_takes_is_read(cron: str) -> None:
    assert parse(f'look = "{cron}"', "release-tool.toml").look == cron


def test_text_that_is_no_toml_is_named_with_its_place() -> None:
    assert message_of("tag-prefix = ").startswith("release-tool.toml is not valid TOML: Invalid value (at ")


def test_the_schema_for_editors_knows_every_key_of_a_table() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert "command-timeout" in definitions["Environment"]["properties"]
    assert definitions["Environment"]["properties"]["bake"]["default"] == "2m"


def test_the_schema_that_is_shipped_is_the_one_of_the_types() -> None:
    shipped = (Path(release_tool.__file__).parent / "config.schema.json").read_text()
    assert json.loads(shipped) == json.loads(json.dumps(json_schema())), "write it anew with `make schema`"


def test_the_reference_that_is_shipped_is_the_one_of_the_types() -> None:
    assert reference.PAGE.read_text() == reference.page(), "write it anew with `make schema`"


def test_the_reference_has_every_table_with_a_sentence_for_each_key() -> None:
    tables = reference.definitions()
    assert tables.keys() == reference.TABLES.keys()
    for table in tables.values():
        for kind in table.properties.values():
            assert kind.description.endswith(".")


# What nobody would write


@pytest.mark.parametrize("text", ["99999999999999d", "367d", "999999999999d", "9" * 5000 + "s", "١s"])
def test_a_duration_that_nobody_can_wait_for_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a duration"):
        parse(f'max-wait = "{text}"', "release-tool.toml")


@pytest.mark.parametrize("text", ["0ms", "366d", "31622400s"])
def test_a_duration_of_up_to_a_year_is_taken(text: str) -> None:
    assert parse(f'max-wait = "{text}"', "release-tool.toml").max_wait <= timedelta(days=366)


@pytest.mark.parametrize(
    "text",
    [
        f"x = {'9' * 10_000}",
        f"x = {'[' * 50_000}",
        f"x = {'{a=' * 50_000}",
        f"x = {'[' * 300}1{']' * 300}",
        "branch = " + "{a=" * 200 + "1" + "}" * 200,
        "x" * (1024 * 1024 + 1),
        f"[environments.x]\ncommand = ['a']\n[[environments.x.checks]]\nfailure-threshold = {'9' * 4000}",
    ],
    ids=["a number", "arrays", "tables", "an array", "a table", "a long file", "a count"],
)
def test_a_configuration_that_no_program_can_read_is_refused(text: str) -> None:
    table = "" if text.startswith("[") else "[tool.release-tool]\n"
    for source, whole in (("release-tool.toml", text), ("pyproject.toml", table + text)):
        with pytest.raises(UsageError) as failure:
            parse(whole, source if table else "release-tool.toml")
        assert len(failure.value.message) < 2000


def test_a_key_of_twenty_thousand_parts_is_refused_at_once() -> None:
    began = time.monotonic()

    with pytest.raises(UsageError, match="a key of more than 40 parts"):
        parse(f"a{'.a' * 20_000} = 1", "release-tool.toml")
    assert time.monotonic() - began < 5
