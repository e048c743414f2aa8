"""A proposed configuration says exactly what was wished for, and a person is told all that is left to do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Config, Environment, Labels, Sync
from release_tool.config.read import parse
from release_tool.setup.detect import Competitor, Way
from release_tool.setup.proposal import Deviations, configuration, extended, left_to_do

RECIPE = """\
[environments.production]
automatic = true
command = ["./deploy.sh"]
pass-env = ["SSH_KEY"]
targets = [{ name = "app.example.com", url = "https://app.example.com" }]

[[environments.production.checks]]
url = "/health"
version-pointer = "/commit"
"""
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)


@given(
    NAMES,
    st.from_regex(r"[A-Za-z0-9._/@-]*", fullmatch=True),
    st.from_regex(r"[0-9]\.[0-9]\.[0-9]", fullmatch=True),
    NAMES,
)
def test_what_is_written_is_read_back_as_it_was_wished_for(branch: str, prefix: str, first: str, label: str) -> None:
    labels = msgspec.structs.replace(Labels(), minor=(*Labels().minor, f"kind/{label}"))
    wishes = Deviations(
        branch=branch, tag_prefix=prefix, initial_version=first, labels=labels, cloud=f"hosted-{branch}"
    )
    read = parse(configuration(wishes), "release-tool.toml")
    assert read == Config(
        branch=branch,
        tag_prefix=prefix,
        initial_version=first,
        labels=labels,
        sync=Sync(branch=f"hosted-{branch}"),
    )


def test_a_repository_like_most_needs_no_key_at_all() -> None:
    assert parse(configuration(Deviations()), "release-tool.toml") == Config()


def test_a_recipe_gets_the_name_and_the_address_of_the_environment() -> None:
    wishes = Deviations(recipe=RECIPE, environment="staging", url="https://shop.test:8443/")
    (name, environment), *others = parse(configuration(wishes), "release-tool.toml").environments.items()
    assert (name, others) == ("staging", [])
    assert [(target.name, target.url) for target in environment.targets] == [("shop.test", "https://shop.test:8443")]
    assert environment.checks[0].version_pointer == "/commit"


@pytest.mark.parametrize("within, source", [("", "release-tool.toml"), ("tool.release-tool.", "pyproject.toml")])
def test_a_configuration_that_is_there_gets_what_is_missing_and_keeps_all_else(within: str, source: str) -> None:
    there = f"# mine\n[{within}labels]\nminor = ['feat']\n" if within else "# mine\nunlabelled = 'fail'\n"
    before = parse(there, source)
    text = extended(there, before, Deviations(cloud="cloud", recipe=RECIPE), within=within)
    after = parse(text, source)
    assert text.startswith(there.rstrip("\n"))
    assert (after.sync, [*after.environments]) == (Sync(), ["production"])
    assert (after.labels, after.unlabelled) == (before.labels, before.unlabelled)
    assert extended(text, after, Deviations(cloud="other", recipe=RECIPE), within=within) == text


@pytest.mark.parametrize(
    "there, source",
    [
        ("# mine\n[labels]\nminor = ['feat']\n", "release-tool.toml"),
        ("release-now = false # not yet\n[sync]\n", "release-tool.toml"),
        (
            "[tool.release-tool] # ours\nbranch = 'trunk'\n[tool.release-tool.labels]\nminor = ['feat']\n",
            "pyproject.toml",
        ),
        ("[project]\nname = 'x'\n[tool.release-tool.labels]\nminor = ['feat']\n", "pyproject.toml"),
    ],
)
def test_that_the_first_push_releases_is_written_into_a_configuration_that_is_there(there: str, source: str) -> None:
    before, within = parse(there, source), "tool.release-tool." if source == "pyproject.toml" else ""
    text = extended(there, before, Deviations(release_now=True), within=within)
    assert parse(text, source) == msgspec.structs.replace(before, release_now=True)
    assert extended(text, parse(text, source), Deviations(release_now=True), within=within) == text


def test_what_only_a_person_can_do_is_told_with_its_commands() -> None:
    environment = Environment(command=("./deploy.sh",), pass_env=("SSH_KEY",))
    todo = "\n".join(
        left_to_do(
            Config(sync=Sync(), environments={"production": environment}),
            repository="acme/shop",
            web_url="https://github.com/acme/shop",
            branch="trunk",
            unsure=("Write how it is tested.",),
            competitors=(
                Competitor(".releaserc", "semantic-release", Way.CONFIGURED),
                Competitor("auto.yml", "auto", Way.RUN),
            ),
            off=(),
            app=True,
        )
    )
    for told in (
        "Write how it is tested.",
        "Switch off what runs semantic-release, in the same pull request: .releaserc configures it",
        "Switch off auto in auto.yml, in the same pull request: both would release",
        "Require the checks `checks` and `policy` on `trunk`",
        "https://github.com/acme/shop/settings",
        "gh variable set RELEASE_TOOL_APP --repo acme/shop",
        "gh secret set RELEASE_TOOL_APP_KEY --repo acme/shop",
        "repos/acme/shop/environments/production",
        "gh secret set SSH_KEY --env production --repo acme/shop",
        "release-tool deploy VERSION -e production --record",
        "release-tool doctor",
    ):
        assert told in todo


def told_of_look(text: str) -> list[str]:
    config = parse(text, "release-tool.toml")
    todo = left_to_do(
        config,
        repository="acme/shop",
        web_url="https://github.com/acme/shop",
        branch="main",
        unsure=(),
        competitors=(),
        off=(),
        app=False,
    )
    return [line for line in todo if "every hour" in line]


LIVE = '[environments.production]\ncommand = ["x"]\n'


@pytest.mark.parametrize(
    "text, waits",
    [
        ('release-on = "schedule"', '`release-on = "schedule"` or `halt --until`'),
        (f"{LIVE}automatic = true", "automatic deployments or `halt --until`"),
        (f'{LIVE}freeze = [{{ cron = "0 18 * * FRI", duration = "2h" }}]', "freezes or `halt --until`"),
    ],
)
def test_an_hourly_look_is_proposed_with_its_price_where_a_day_may_be_too_long(text: str, waits: str) -> None:
    (line,) = told_of_look(text)
    assert f"too long for {waits}" in line
    assert '`look = "23 * * * *"`' in line
    assert "730 minutes of a runner a month" in line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[sync]",
        LIVE,
        'look = "23 * * * *"\nrelease-on = "schedule"',
        f'look = "*/30 * * * *"\n{LIVE}automatic = true',
    ],
)
def test_no_hourly_look_is_proposed_where_nothing_waits_or_there_is_one(text: str) -> None:
    assert told_of_look(text) == []


@pytest.mark.parametrize(
    "found, off, says",
    [
        (Competitor("ci.yml", "auto", Way.RUN), (), "Switch off auto in ci.yml, in the same pull request"),
        (Competitor("ci.yml", "auto", Way.RUN), ("ci.yml",), "See what ci.yml does after auto, which is off now"),
        (Competitor("ci.yml", "auto", Way.BY_HAND), (), "Start ci.yml no more: auto in it would release, too."),
        (Competitor(".autorc", "auto", Way.CONFIGURED), (), "Switch off what runs auto, in the same pull request"),
        (Competitor("ci.yml", "Fly", Way.RUN), (), None),
    ],
)
def test_what_to_do_about_what_releases_already_depends_on_what_runs_it(
    found: Competitor, off: tuple[str, ...], says: str | None
) -> None:
    """What only deploys is in nobody's way where nothing is deployed by us."""

    def told(config: Config, *competitors: Competitor) -> list[str]:
        return list(
            left_to_do(
                config,
                repository="acme/shop",
                web_url="https://github.com/acme/shop",
                branch="main",
                unsure=(),
                competitors=competitors,
                off=off,
                app=False,
            )
        )

    first, *others = told(Config(), found)
    assert first.startswith(says or "Commit these files")
    assert others[0].startswith("Commit these files" if says else "Require")
    configured = Competitor("x", found.what, Way.CONFIGURED)
    assert found.way is Way.CONFIGURED or told(Config(), found, configured) == [first, *others]
    deployed = Config(environments={"production": Environment(command=("true",))})
    assert says or told(deployed, found)[0].startswith("Switch off Fly in ci.yml, in the same pull request: both would")
