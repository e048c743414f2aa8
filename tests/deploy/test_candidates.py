"""Which commit a person means by a version, what it is called, and what may be deployed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.withdraw import withdraw
from release_tool.errors import RefusedError, UsageError
from tests.production import QUICK, production, releases
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry

HOSTED = '[sync]\nbranch = "cloud"\n' + QUICK


def on_cloud(title: str, *, begins: str | None = None) -> Entry:
    """A commit of the hosted branch alone."""
    begin: Entry = {"from": begins} if begins else {}
    return {"branch": "cloud", "commit": title, "author": "ops", "files": {f"{title}.toml": title}, **begin}


MERGED: Entry = {"merge-branch": "main", "into": "cloud"}
HISTORY: list[Entry] = [
    *releases("1.2.4"),
    on_cloud("Settings", begins="v1.2.4"),
    *releases("1.3.0"),
    MERGED,
    on_cloud("Hotfix"),
]
"""On `cloud`: v1.2.4, a commit, the merge of v1.3.0, another commit."""


def found(here: Production, text: str) -> tuple[str, str]:
    """The name and the commit of what would be deployed."""
    done = here.preview(text)
    return done.version, done.commit


# Names


def test_without_a_hosted_branch_a_version_is_its_tag(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        tag = here.commit("v1.2.4")
        for text in ("1.2.4", "v1.2.4", tag, tag[:7]):
            assert found(here, text) == ("1.2.4", tag)


def test_without_a_hosted_branch_only_a_release_is_deployed_for_nothing_else_was_built(tmp_path: Path) -> None:
    landed: Entry = {"commit": "fix: not released yet", "author": "ada", "files": {"x": "1"}}
    with production(tmp_path, landed, configuration=QUICK) as here, pytest.raises(RefusedError, match="no commit"):
        here.preview(here.commit("main"))


def test_with_a_hosted_branch_a_version_is_the_commit_that_carries_just_that_name_there(tmp_path: Path) -> None:
    with production(tmp_path, configuration=HOSTED, history=HISTORY) as here:
        merge = here.commit("cloud~1")
        assert merge != here.commit("v1.3.0")
        names = {
            "1.2.4": here.commit("v1.2.4"),
            "1.2.4+cloud.1": here.commit("cloud~2"),
            "1.3.0": merge,
            "1.3.0+cloud.1": here.commit("cloud"),
        }
        for name, commit in names.items():
            assert found(here, name) == found(here, f"v{name}") == found(here, commit[:10]) == (name, commit)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9.9.9", id="of no release"),
        pytest.param("1.3.0+cloud.7", id="beyond the head"),
        pytest.param("1.3.0+build.1", id="of another kind"),
        pytest.param("feedbeefcafe", id="of no commit"),
        pytest.param("cloud", id="of a branch"),
        pytest.param("--help", id="that is an option"),
        pytest.param("1.3.0-rc.1", id="of a prerelease"),
        pytest.param("", id="that is empty"),
    ],
)
def test_a_name_is_refused_before_anything_is_written(tmp_path: Path, text: str) -> None:
    with production(tmp_path, {"tag": "v1.3.0-rc.1", "at": "main"}, configuration=HOSTED, history=HISTORY) as here:
        with pytest.raises(RefusedError, match="is called") as refused:
            here.deploy(text)
        assert refused.value.already == "nothing was changed"
        assert here.ledger() == ()


def test_a_commit_that_is_not_on_the_deployed_branch_is_refused(tmp_path: Path) -> None:
    aside: Entry = {"branch": "aside", "from": "v1.2.4", "commit": "Aside", "author": "eve", "files": {"a": "b"}}
    with production(tmp_path, aside, configuration=HOSTED, history=HISTORY) as here:
        with pytest.raises(RefusedError, match="no commit of `cloud` is called"):
            here.deploy(here.commit("aside"))
        merged = here.commit("v1.3.0")
        assert found(here, merged) == ("1.3.0", merged), "what was merged into it is on it"


# What may be deployed


def test_with_a_hosted_branch_only_what_was_tested_is_deployed_whoever_asks(tmp_path: Path) -> None:
    with production(tmp_path, configuration=HOSTED, history=HISTORY) as here:
        here.was_proven("1.2.4")
        refused = here.deploy("1.3.0", overrides="halt older quarantine no-way-back irreversible", reason="now")
        assert (refused.outcome, refused.reason, refused.ways_out) == ("refused", "1.3.0 was not tested", ())
        assert here.deploy_automatically("1.3.0").outcome == "held"
        here.tested("cloud~1")
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_a_hotfix_on_the_hosted_branch_goes_although_the_release_in_it_failed(tmp_path: Path) -> None:
    with production(tmp_path, configuration=HOSTED, history=HISTORY, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.tested("cloud~1")
        here.tested("cloud")
        assert here.deploy_automatically("1.3.0").outcome == "rolled_back"
        assert here.deploy_automatically("1.3.0").outcome == "held"
        done = here.deploy_automatically("1.3.0+cloud.1")
        assert (done.outcome, done.before, done.live) == ("healthy", "1.2.4", "1.3.0+cloud.1")


def test_a_rollback_does_not_ask_whether_its_commit_was_tested(tmp_path: Path) -> None:
    with production(tmp_path, configuration=HOSTED, history=HISTORY, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.tested("cloud~1")
        assert here.deploy("1.3.0").rolled_back_to == "1.2.4"


def test_a_withdrawn_release_is_neither_deployed_nor_gone_back_to(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")
        withdraw(here.shop.project(), "v1.2.4", "it loses data")
        assert here.deploy("1.3.0").rolled_back_to == "1.2.3"
        refused = here.deploy("1.2.4", overrides="halt older quarantine no-way-back irreversible", reason="now")
        assert (refused.outcome, refused.reason, refused.ways_out) == ("refused", "1.2.4 was withdrawn", ())


# By which configuration


def test_the_configuration_is_that_of_what_is_deployed_and_not_that_of_the_checkout(tmp_path: Path) -> None:
    elsewhere: Entry = {
        "branch": "cloud",
        "commit": "Move",
        "author": "ops",
        "files": {"release-tool.toml": '[sync]\nbranch = "cloud"\n[environments.moved]\ncommand = ["true"]\n'},
    }
    with production(tmp_path, elsewhere, configuration=HOSTED, history=HISTORY) as here:
        assert "environments.production" in (here.shop.clone / "release-tool.toml").read_text()
        with pytest.raises(UsageError, match="there is no environment 'production' on `cloud`") as wrong:
            here.environment()
        assert wrong.value.todo == "name one of `moved`"


def test_an_environment_without_checks_is_an_error_for_nothing_would_ever_be_healthy(tmp_path: Path) -> None:
    bare = '[environments.production]\ncommand = ["./deploy.sh"]\nurl = "{url}"\n'
    with (
        production(tmp_path, configuration=bare) as here,
        pytest.raises(UsageError, match="has no checks, so nothing could ever be called healthy"),
    ):
        here.deploy("1.3.0")
