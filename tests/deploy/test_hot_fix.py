"""A hot fix of an older line, from its release on a maintenance branch to a healthy environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.withdraw import withdraw
from release_tool.errors import RefusedError
from release_tool.status.overview import look
from tests.production import QUICK, production, releases
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Entry

HOSTED = '[sync]\nbranch = "cloud"\n' + QUICK
ONE_WAY = 'irreversible-paths = ["migrations/*"]\n'

CLOUD: list[Entry] = [
    *releases("1.0.1"),
    {"branch": "cloud", "from": "v1.0.1", "commit": "Settings", "author": "ops", "files": {"fly.toml": "a"}},
    *releases("1.1.0"),
    {"merge-branch": "main", "into": "cloud"},
]
FIXED: Entry = {"branch": "1.0.x", "from": "v1.0.1", "commit": "fix: a hot one", "author": "ada", "files": {"hot": "1"}}
HOT_FIX: list[Entry] = [FIXED, {"tag": "v1.0.2", "at": "1.0.x"}]


def release_of_maintenance(here: Production) -> None:
    """Fix something on `1.0.x` and release it as the workflow does."""
    shop = here.shop
    shop.git("switch", "--quiet", "--create", "1.0.x", "v1.0.1")
    (shop.clone / "hot.txt").write_text("fixed")
    shop.git("add", "--all")
    shop.git("commit", "--quiet", "--message", "fix: a hot one")
    shop.git("push", "--quiet", shop.box.push_url, "1.0.x")
    assert shop.run("release", env=shop.job() | {"GITHUB_REF_NAME": "1.0.x"}).code == 0
    shop.git("switch", "--quiet", "main")


def test_a_hot_fix_of_an_older_line_comes_out_tested_and_by_a_persons_word(tmp_path: Path) -> None:
    with production(tmp_path, configuration=HOSTED, history=CLOUD) as here:
        here.was_proven("1.0.1")
        release_of_maintenance(here)
        cloud = here.commit("cloud")
        refused = here.deploy("v1.0.2")
        assert (refused.outcome, refused.reason, refused.ways_out) == ("refused", "1.0.2 was not tested", ())

        offered = here.shop.run("sync", "v1.0.2", "--candidate", "--json").document
        sha = here.commit("v1.0.2")
        assert (offered["state"], offered["sha"], offered["build"]) == ("candidate", sha, False)
        assert here.commit("release-tool/candidate/v1.0.2") == sha
        assert here.shop.run("sync", "--tested", sha).code == 0
        advanced = here.shop.run("sync", "--advance", sha)
        assert (advanced.code, advanced.out.partition(":")[0]) == (0, "tested")
        assert here.commit("cloud") == cloud

        done = here.deploy("v1.0.2")
        assert (done.outcome, done.version, done.commit) == ("healthy", "1.0.2", here.commit("v1.0.2"))
        assert [change.title for change in done.changes] == ["fix: a hot one"]
        assert (done.before, here.service.file.read_text()) == ("1.0.1", "1.0.2")


def test_automatic_deployments_never_pick_a_hot_fix_and_never_replace_it(tmp_path: Path) -> None:
    with production(tmp_path, *HOT_FIX, configuration=HOSTED, history=CLOUD) as here:
        here.was_proven("1.0.1")
        here.tested("v1.0.2")
        assert here.reconcile() == (), "what is tested is on no branch that is deployed by itself"
        assert here.deploy("1.0.2").outcome == "healthy"

        here.tested("cloud")
        (held,) = here.reconcile()
        assert (held.outcome, held.version) == ("held", "1.1.0")
        assert held.reason == "1.1.0 neither contains nor is contained in 1.0.2, which is live"
        (shown,) = look(here.shop.project()).environments
        assert shown.live is not None
        assert shown.missing is not None
        assert (shown.live.name, shown.missing.name, shown.missing.why) == ("1.0.2", "1.1.0", held.reason)
        assert "deploy 1.1.0 -e production --override older" in shown.missing.todo

        assert here.deploy("1.1.0", overrides="older", reason="it has the fix, too").outcome == "healthy"
        assert here.reconcile() == ()


@pytest.mark.parametrize("configuration", [QUICK, HOSTED], ids=["without a hosted branch", "with one"])
def test_a_hot_fix_beside_what_is_live_needs_the_override_older(tmp_path: Path, configuration: str) -> None:
    with production(tmp_path, *HOT_FIX, configuration=configuration, history=CLOUD) as here:
        here.tested("v1.0.2")
        here.was_proven("1.0.1")
        here.was_proven("1.1.0")
        refused = here.deploy("1.0.2")
        assert (refused.outcome, refused.ways_out) == ("refused", ("older",))
        assert refused.reason == "1.0.2 neither contains nor is contained in 1.1.0, which is live"
        assert here.deploy_automatically("1.0.2").outcome == "held"
        assert here.deploy("1.0.2", overrides="older", reason="1.1.0 loses data").outcome == "healthy"
        assert here.rollback().live == "1.1.0"


def test_a_hot_fix_that_live_contains_is_older(tmp_path: Path) -> None:
    merged: list[Entry] = [{"merge-branch": "1.0.x", "into": "main"}, *releases("1.1.1")]
    with production(tmp_path, *HOT_FIX, *merged, configuration=QUICK, history=CLOUD) as here:
        here.was_proven("1.0.1")
        here.was_proven("1.1.1")
        refused = here.deploy("1.0.2")
        assert (refused.reason, refused.ways_out) == ("1.0.2 is older than 1.1.1, which is live", ("older",))


def test_without_a_hosted_branch_the_tag_of_a_hot_fix_is_deployed_by_name_and_by_hash(tmp_path: Path) -> None:
    with production(tmp_path, *HOT_FIX, configuration=QUICK, history=CLOUD) as here:
        here.was_proven("1.0.1")
        tag = here.commit("v1.0.2")
        for text in ("1.0.2", "v1.0.2", tag, tag[:10]):
            found = here.preview(text)
            assert (found.outcome, found.version, found.commit) == ("goes", "1.0.2", tag)


def test_what_live_changed_for_good_is_told_before_a_hot_fix_leaves_it(tmp_path: Path) -> None:
    migration: Entry = {"commit": "feat: new prices", "author": "ada", "files": {"migrations/1.sql": "drop"}}
    history = [*releases("1.0.1"), migration, *releases("1.1.0"), *HOT_FIX]
    with production(tmp_path, configuration=ONE_WAY + QUICK, history=history) as here:
        here.was_proven("1.0.1")
        here.was_proven("1.1.0")
        refused = here.deploy("1.0.2", overrides="older", reason="now")
        assert refused.reason == "`migrations/1.sql` can't be undone by deploying, or rolling back from, 1.0.2"
        assert refused.ways_out == ("irreversible",)


def test_a_hot_fix_that_fails_is_rolled_back_from_and_quarantined(tmp_path: Path) -> None:
    with production(tmp_path, *HOT_FIX, configuration=QUICK, history=CLOUD, behave=bad("1.0.2")) as here:
        here.was_proven("1.0.1")
        assert here.deploy("1.0.2").rolled_back_to == "1.0.1"
        assert here.deploy("1.0.2").ways_out == ("quarantine",)


def test_a_withdrawn_hot_fix_is_not_deployed(tmp_path: Path) -> None:
    with production(tmp_path, *HOT_FIX, configuration=QUICK, history=CLOUD) as here:
        here.was_proven("1.0.1")
        withdraw(here.shop.project(), "v1.0.2", "it loses data")
        assert here.deploy("1.0.2").reason == "1.0.2 was withdrawn"


@pytest.mark.parametrize(
    "entries, version, why",
    [
        ([{"tag": "v1.0.2-rc.1", "at": "1.0.x"}], "1.0.2-rc.1", "v1.0.2-rc.1 is a prerelease"),
        ([{"tag": "v1.0.2", "at": "1.0.x", "claimed": True}], "1.0.2", "v1.0.2 is not published yet"),
        (
            [
                {"branch": "aside", "from": "v1.0.1", "commit": "A", "files": {"a": "1"}},
                {"tag": "v9.9.9", "at": "aside"},
            ],
            "9.9.9",
            "v9.9.9 is on neither `main` nor a maintenance branch",
        ),
        (releases("1.2.0"), "1.2.0", "v1.2.0 was not carried there yet"),
    ],
    ids=["prerelease", "claimed", "aside", "not carried"],
)
def test_a_name_that_can_not_be_deployed_is_refused_with_the_reason_why(
    tmp_path: Path, entries: list[Entry], version: str, why: str
) -> None:
    with production(tmp_path, FIXED, *entries, configuration=HOSTED, history=CLOUD) as here:
        with pytest.raises(RefusedError) as refused:
            here.deploy(version)
        assert refused.value.message == f"no commit of `cloud` is called {version}: {why}"
