"""Setting up: little is asked, all is shown before it is written, and what somebody changed is never lost."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_tool.config.model import Sync
from release_tool.config.read import parse
from release_tool.setup import files as scaffold
from release_tool.setup import shipped
from tests import forkserver
from tests.adoption import ADMIN, SOURCE, adopt
from tests.cli.terminal import read_all
from tests.shop import shop
from tests.workflow_rules import read_workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.config.model import Config
    from tests.shop import Entry, Result, Shop

RELEASE = scaffold.RELEASE
LIBRARY = {RELEASE, scaffold.POLICY, "release-tool.toml"}
FILES = {"Makefile": "build:\n\ttrue\ntest:\n\ttrue\n", "README.md": "hello\n"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Shop]:
    """A repository that has never seen the tool."""
    with shop(tmp_path, {"tag": "v1.2.3"}, files=FILES) as made:
        yield made


def init(of: Shop, *args: str, answer: str = "") -> Result:
    return of.run("init", "--source", SOURCE, *args, answer=answer)


def text(of: Shop, path: str) -> str:
    return (of.clone / path).read_text()


def configured(of: Shop) -> Config:
    return parse(text(of, "release-tool.toml"), "release-tool.toml")


def changed(of: Shop) -> list[str]:
    return of.git("status", "--short", "--untracked-files=all").splitlines()


# Writing


def test_one_command_writes_everything_and_doing_it_again_writes_nothing(fresh: Shop) -> None:
    first, before = init(fresh, "--yes"), changed(fresh)
    again = init(fresh, "--yes")
    assert (first.code, again.code) == (0, 0)
    assert {line.partition(" ")[2] for line in before} == LIBRARY
    assert again.out == "everything is up to date\n"
    assert changed(fresh) == before


def test_without_anybody_to_say_yes_nothing_is_written(fresh: Shop) -> None:
    result = init(fresh)
    assert result.code == 3
    assert "aborted: not confirmed" in result.err
    assert "`--yes`" in result.err
    assert changed(fresh) == []


def test_a_dry_run_prints_a_patch_that_git_applies_to_the_same_end(fresh: Shop) -> None:
    patch = init(fresh, "--dry-run").out
    assert changed(fresh) == []
    subprocess.run(["git", "apply"], cwd=fresh.clone, input=patch, text=True, check=True)
    assert init(fresh, "--dry-run").out == "everything is up to date\n"


def test_everything_is_shown_before_it_is_asked_for(fresh: Shop) -> None:
    result = init(fresh, "--cloud", "cloud", answer="n\n")
    shown, _, asked = result.err.partition("Write ")
    assert '+branch = "cloud"' in shown
    assert f"new  {RELEASE} (" in shown
    assert asked.startswith(f"{len(LIBRARY) + 2} files?")  # a look and RELEASING.md go with a hosted branch
    assert (result.code, changed(fresh)) == (3, [])


def test_programs_are_told_each_file_and_what_is_left_to_do(fresh: Shop) -> None:
    document = init(fresh, "--yes", "--json").document
    files = document["files"]
    assert isinstance(files, list)
    assert {"path": RELEASE, "state": "new", "written": True} in files
    assert isinstance(document["todo"], list)
    assert "release-tool doctor" in document["todo"][-1]


def test_what_only_a_person_can_do_stands_at_the_end(fresh: Shop) -> None:
    out = init(fresh, "--yes", "--cloud", "cloud", "--app").out
    assert "Make the first release yourself: `release-tool bump`" in out
    assert "Require the checks `checks` and `policy` on `main`" in out
    assert "gh secret set RELEASE_TOOL_APP_KEY --repo acme/shop" in out
    assert out.rstrip().endswith("`--fix` makes labels and branches.")


def test_who_wants_the_first_merge_to_release_says_so_and_it_is_written_down(fresh: Shop) -> None:
    assert "Make the first release yourself" in init(fresh, "--yes").out
    assert not configured(fresh).release_now
    out = init(fresh, "--yes", "--release-now").out
    assert configured(fresh).release_now
    assert "Make the first release yourself" not in out


def test_from_a_folder_below_the_same_is_found_and_written(fresh: Shop) -> None:
    below = fresh.clone / "docs" / "deep"
    below.mkdir(parents=True)
    done = forkserver.run(["init", "--source", SOURCE, "--yes"], cwd=below, env=os.environ | fresh.environment())
    assert "tested with: make test" in done.err
    assert (fresh.clone / RELEASE).exists()
    assert list(below.iterdir()) == []


def test_a_clone_without_a_working_tree_is_refused(fresh: Shop, tmp_path: Path) -> None:
    fresh.git("clone", "--quiet", "--bare", fresh.box.clone_url, str(tmp_path / "bare"))
    command = [sys.executable, "-m", "release_tool", "init", "--yes"]
    done = subprocess.run(
        command,
        cwd=tmp_path / "bare",
        env=os.environ | fresh.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "no working tree here" in done.stderr) == (2, True)


# Finding out


def test_the_default_branch_the_tags_and_the_labels_are_found_out(tmp_path: Path) -> None:
    history: list[Entry] = [
        {"tag": "shop-2.0.0"},
        {"label": "type: feature"},
        {"branch": "cloud", "from": "shop-2.0.0"},
    ]
    with shop(tmp_path, *history, default_branch="trunk", files=FILES) as made:
        assert init(made, "--yes").code == 0
        found = configured(made)
        assert (found.branch, found.tag_prefix, found.sync) == ("trunk", "shop-", Sync())
        assert "type: feature" in found.labels.minor
        assert 'branches: [trunk, "*.x", cloud]' in text(made, RELEASE)
        assert made.run("plan").code == 0


def test_init_finds_the_prefix_that_plan_finds(tmp_path: Path) -> None:
    fix: Entry = {"commit": "feat: search", "files": {"x": "1"}}
    with shop(tmp_path, {"tag": "1.0.0"}, {"tag": "1.1.0"}, {"tag": "v1.2.0"}, fix, files=FILES) as made:
        before = made.run("plan").out
        assert init(made, "--yes").code == 0
        assert configured(made).tag_prefix is None
        assert made.run("plan").out == before
        assert "v1.3.0 is next" in before


def test_of_several_packages_a_person_chooses_one_by_its_prefix(tmp_path: Path) -> None:
    tags: list[Entry] = [{"tag": "cli@1.0.0"}, {"tag": "web@1.0.0"}, {"commit": "More"}, {"tag": "cli@1.1.0"}]
    with shop(tmp_path, *tags, files=FILES) as made:
        told = init(made, "--yes")
        assert (told.code, "cli@1.1.0, web@1.0.0" in told.err) == (3, True)
        assert 'choose one in release-tool.toml, such as `tag-prefix = "cli@"`' in told.err
        (made.clone / "release-tool.toml").write_text('tag-prefix = "cli@"\n')
        made.git("add", ".")
        assert init(made, "--yes").code == 0


def test_a_repository_without_tags_goes_on_from_the_version_it_names(tmp_path: Path) -> None:
    files = {"package.json": '{\n  "version": "3.1.4"\n}\n'}
    with shop(tmp_path, files=files) as made:
        assert init(made, "--yes").code == 0
        assert configured(made).initial_version == "3.1.4"
        assert "v3.1.4 is next" in made.run("plan").out


def test_without_a_token_and_without_a_network_it_is_set_up_all_the_same(fresh: Shop) -> None:
    fresh.git("remote", "set-url", "origin", "https://github.com/acme/shop.git")
    result = fresh.run("init", "--source", SOURCE, "--yes", env={"GITHUB_TOKEN": "", "GH_TOKEN": "", "PATH": PATH})
    assert result.code == 0
    assert "https://github.com/acme/shop/settings" in result.out


PATH = os.pathsep.join(place for place in os.environ["PATH"].split(os.pathsep) if not (Path(place) / "gh").exists())


OLD = ".github/workflows/old.yml"
COMPETING = {OLD: "on: push\njobs:\n  x:\n    steps:\n      - run: npx semantic-release\n      - run: npx more\n"}
SWITCHED_OFF = COMPETING[OLD].replace("- run: npx s", "- if: false # release-tool does this now\n        run: npx s")


@pytest.fixture
def competing(tmp_path: Path) -> Iterator[Shop]:
    """A repository in which something releases already."""
    with shop(tmp_path, {"tag": "v1.2.3"}, files=FILES | COMPETING) as made:
        yield made


def test_what_would_compete_is_named_with_the_patch_that_switches_it_off(competing: Shop) -> None:
    result = init(competing, "--yes")
    assert f"also releases or deploys: semantic-release, in {OLD}" in result.err
    todo, _, patch = result.out.partition("This switches it off, and so does `release-tool init --switch-off`:\n")
    assert todo.index(f"Switch off semantic-release in {OLD}, in the same pull request") < todo.index("Commit these")
    assert text(competing, OLD) == COMPETING[OLD]
    subprocess.run(["git", "apply"], cwd=competing.clone, input=patch.lstrip(), text=True, check=True)
    assert text(competing, OLD) == SWITCHED_OFF


def test_what_would_compete_is_switched_off_where_it_is_asked_for_and_then_competes_no_more(competing: Shop) -> None:
    assert f"+++ b/{OLD}" in init(competing, "--switch-off", "--dry-run").out
    assert f"+++ b/{OLD}" not in init(competing, "--dry-run").out
    document = init(competing, "--yes", "--switch-off", "--json").document
    told = document["switch_off"]
    assert isinstance(told, list)
    assert [(one["path"], one["written"]) for one in told] == [(OLD, True)]
    assert f"See what {OLD} does after semantic-release, which is off now" in str(document["todo"])
    assert text(competing, OLD) == SWITCHED_OFF
    again = init(competing, "--yes", "--switch-off")
    assert (again.out, "also releases" in again.err) == ("everything is up to date\n", False)


@pytest.mark.parametrize("answer, wanted", [("y", SWITCHED_OFF), ("n", COMPETING[OLD])])
def test_at_a_terminal_it_is_offered_with_what_would_change(competing: Shop, answer: str, wanted: str) -> None:
    seen = answered(competing, "", answer, "y")
    assert seen.index("+      - if: false") < seen.index(f"Switch off semantic-release in {OLD}, in the same change?")
    assert text(competing, OLD) == wanted


def test_a_project_whose_pull_requests_are_tested_already_is_told_how_its_check_is_to_be_named(tmp_path: Path) -> None:
    own = {".github/workflows/ci.yml": "on: pull_request\njobs: {test: {steps: [{run: make test}]}}\n"}
    with shop(tmp_path, files=FILES | own) as made:
        assert "Let the last job of .github/workflows/ci.yml be named `checks`" in init(made, "--yes").out


def test_tests_that_nobody_knows_fail_until_somebody_writes_them(tmp_path: Path) -> None:
    with shop(tmp_path) as made:
        result = init(made, "--yes", "--cloud", "cloud")
        assert "Write the tests of this project" in result.out
        assert "exit 1" in text(made, RELEASE)
        assert init(made, "--yes", "--test", "true").code == 0


def test_another_server_gets_the_workflows_that_run_there(fresh: Shop) -> None:
    env = {"GITHUB_SERVER_URL": "https://git.example.com", "GITHUB_TOKEN": "", "GH_TOKEN": "", "PATH": PATH}
    result = fresh.run("init", "--source", SOURCE, "--yes", "--runner", "[self-hosted, linux]", env=env)
    assert result.code == 0
    assert "pinned actions available on git.example.com" in result.out
    assert "queue: max" not in text(fresh, RELEASE)
    assert "runs-on: [self-hosted, linux]" in text(fresh, scaffold.POLICY)


def test_a_tool_that_does_not_know_where_it_came_from_asks(fresh: Shop) -> None:
    result = fresh.run("init", "--source", "somewhere", "--yes")
    assert (result.code, changed(fresh)) == (2, [])
    assert "which commit of release-tool the workflows are to use" in result.err
    assert "--source git+https://" in result.err


# Names


def test_a_strangers_file_of_our_name_keeps_everything_from_being_written(tmp_path: Path) -> None:
    with shop(tmp_path, files=FILES | {RELEASE: "on: push\njobs: {}\n"}) as made:
        refused = init(made, "--yes")
        assert (refused.code, changed(made)) == (3, [])
        assert f"{RELEASE} exists already and is not managed by release-tool" in refused.err
        assert init(made, "--yes", "--overwrite").code == 0
        assert "# release-tool: release." in text(made, RELEASE)


def test_workflows_with_the_commonest_names_stay_the_projects_own(tmp_path: Path) -> None:
    theirs = {f".github/workflows/{name}.yml": "on: push\n" for name in ("release", "publish", "build", "deploy")}
    with shop(tmp_path, files=FILES | theirs) as made:
        assert init(made, "--yes", "--recipe", "fly", "--url", "https://shop.fly.dev").code == 0
        assert all(line.startswith("??") for line in changed(made))


# Deploying


@pytest.mark.parametrize("recipe", shipped.recipes())
def test_a_recipe_becomes_an_environment_that_is_whole(fresh: Shop, recipe: str) -> None:
    result = init(fresh, "--yes", "--recipe", recipe, "--url", "https://shop.test", "--environment", "live")
    assert result.code == 0, result.err
    (name, environment), *others = configured(fresh).environments.items()
    assert (name, others) == ("live", [])
    assert os.access(fresh.clone / environment.command[0], os.X_OK)
    for secret in environment.pass_env:
        assert f"      {secret}: ${{{{ secrets.{secret} }}}}" in text(fresh, scaffold.DEPLOY)
        assert f"gh secret set {secret} --env live --repo acme/shop" in result.out
    assert f"github.com/acme/release-tool/blob/{'a' * 40}/docs/recipes/{recipe}/README.md" in result.out


def test_what_a_file_tells_is_proposed_and_not_done_unasked(tmp_path: Path) -> None:
    with shop(tmp_path, files=FILES | {"config/deploy.yml": ""}) as made:
        result = init(made, "--yes")
        assert configured(made).environments == {}
        assert "`release-tool init --recipe kamal --url URL`" in result.out


def test_an_environment_can_be_added_later_and_everything_else_stays(fresh: Shop) -> None:
    init(fresh, "--yes", "--cloud", "cloud")
    (fresh.clone / "release-tool.toml").write_text('# mine\nunlabelled = "fail"\n\n[sync]\nbranch = "cloud"\n')
    result = init(fresh, "--yes", "--recipe", "fly", "--url", "https://shop.fly.dev")
    assert result.code == 0, result.err
    assert text(fresh, "release-tool.toml").startswith('# mine\nunlabelled = "fail"\n')
    assert [*configured(fresh).environments] == ["production"]
    assert "FLY_API_TOKEN: ${{ secrets.FLY_API_TOKEN }}" in text(fresh, scaffold.DEPLOY)


def test_on_a_terminal_two_questions_are_enough(tmp_path: Path) -> None:
    with shop(tmp_path, files=FILES | {"fly.toml": ""}) as made:
        seen = answered(made, "hosted", "y", "https://shop.fly.dev", "y")
        assert "Branch that you host and that releases are merged into" in seen
        assert "Deploy by the recipe `fly`, as fly.toml suggests?" in seen
        found = configured(made)
        assert found.sync == Sync(branch="hosted")
        assert found.environments["production"].url == "https://shop.fly.dev"


def answered(of: Shop, *answers: str) -> str:
    """Run `init` as a person at a terminal does, and tell what they saw."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "release_tool", "init", "--source", SOURCE]
    started = subprocess.Popen(
        command, cwd=of.clone, env=os.environ | of.environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    seen = read_all(ours)
    os.close(ours)
    assert started.wait() == 0, seen
    return seen


# Upgrading


def older(of: Shop, path: str) -> None:
    """Let a file be as an older version of ours wrote it."""
    place = of.clone / path
    place.write_text(scaffold.sign(path, "# as it was then\n", "0.0.1"))


def test_an_untouched_file_of_an_older_version_is_upgraded(fresh: Shop) -> None:
    init(fresh, "--yes")
    now = text(fresh, RELEASE)
    older(fresh, RELEASE)
    result = init(fresh, "--yes")
    assert "-# as it was then" in result.err
    assert text(fresh, RELEASE) == now


def test_a_changed_file_is_left_as_it_is_unless_somebody_agrees(fresh: Shop) -> None:
    init(fresh, "--yes")
    now = text(fresh, RELEASE)
    (fresh.clone / RELEASE).write_text(now + "# mine\n")

    kept = init(fresh, "--yes")
    assert (kept.code, "is not managed by release-tool" in kept.err) == (0, True)
    unasked = init(fresh)
    assert (unasked.code, "aborted: not confirmed" in unasked.err) == (3, True)
    refused = init(fresh, answer="n\n")
    assert (refused.code, text(fresh, RELEASE)) == (0, now + "# mine\n")
    agreed = init(fresh, answer="y\ny\n")
    assert "-# mine" in agreed.err
    assert text(fresh, RELEASE) == now


def test_a_changed_file_is_replaced_when_told_so(fresh: Shop) -> None:
    init(fresh, "--yes", "--cloud", "cloud")
    (fresh.clone / scaffold.RELEASING).write_text(text(fresh, scaffold.RELEASING) + "# Our way\n")
    assert init(fresh, "--yes", "--overwrite").code == 0
    assert "# Our way" not in text(fresh, scaffold.RELEASING)


def test_what_is_the_users_stays_as_it_is_for_ever(fresh: Shop) -> None:
    init(fresh, "--yes", "--recipe", "fly", "--url", "https://shop.fly.dev")
    (fresh.clone / scaffold.DEPLOY_SETUP).write_text("# mine\n")
    mine = text(fresh, RELEASE).replace("          make build\n", "          make everything\n")
    (fresh.clone / RELEASE).write_text(mine)
    assert init(fresh, "--yes", "--overwrite").code == 0
    assert (text(fresh, scaffold.DEPLOY_SETUP), text(fresh, RELEASE)) == ("# mine\n", mine)


def test_an_upgrade_keeps_the_runner_the_app_and_the_source_that_were_chosen(fresh: Shop) -> None:
    init(fresh, "--yes", "--runner", "big-machine", "--app")
    before = text(fresh, RELEASE)
    assert fresh.run("init", "--yes").out == "everything is up to date\n"
    assert text(fresh, RELEASE) == before
    assert f"uses: acme/release-tool@{'a' * 40} # v" in before


def test_a_hosted_branch_is_added_to_a_configuration_that_is_there(fresh: Shop) -> None:
    (fresh.clone / "pyproject.toml").write_text('[tool.release-tool]\nunlabelled = "fail"\n')
    assert init(fresh, "--yes", "--cloud", "hosted").code == 0
    found = parse(text(fresh, "pyproject.toml"), "pyproject.toml")
    assert (found.unlabelled, found.sync) == ("fail", Sync(branch="hosted"))
    assert not (fresh.clone / "release-tool.toml").exists()
    assert 'branches: [main, "*.x", hosted]' in text(fresh, RELEASE)


# Manners


def test_nothing_is_written_through_a_link_that_leads_out_of_the_repository(fresh: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (fresh.clone / ".github").symlink_to(outside)
    result = init(fresh, "--yes")
    assert result.code == 3
    assert "is a link" in result.err
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [".github", ".github/workflows", "RELEASING.md/x", f"{RELEASE}/x"],
    ids=lambda path: path.rpartition(".")[2],
)
def test_where_one_file_cannot_be_written_none_is(fresh: Shop, wrong: str) -> None:
    (fresh.clone / wrong).parent.mkdir(parents=True, exist_ok=True)
    (fresh.clone / wrong).write_text("mine\n")
    before = changed(fresh)
    refused = init(fresh, "--yes", "--cloud", "cloud")
    assert (refused.code, changed(fresh)) == (3, before)
    assert "already true: nothing was written" in refused.err


def test_a_file_whose_version_no_build_sets_is_named(tmp_path: Path) -> None:
    python = {"pyproject.toml": '[project]\nname = "shop"\nversion = "1.2.3"\n'}
    with shop(tmp_path, {"tag": "v1.2.3"}, files=FILES | python) as made:
        told = "pyproject.toml says '1.2.3', and the build does not set it"
        assert told in init(made, "--yes", "--dry-run", "--json").out + init(made, "--yes").out
        made.git("clean", "-fdq")
        (made.clone / "Makefile").unlink()
        assert told not in init(made, "--yes").out


def test_a_hostile_file_name_is_shown_without_its_escapes(fresh: Shop) -> None:
    (fresh.clone / "\x1b[31mred.service").write_text("")
    result = init(fresh, "--yes")
    assert result.code == 0
    assert "\x1b[31m" not in result.err + result.out


def test_an_unknown_recipe_is_refused_with_the_known_ones(fresh: Shop) -> None:
    result = init(fresh, "--recipe", "carrier-pigeon", "--yes")
    assert (result.code, changed(fresh)) == (2, [])
    assert "no recipe 'carrier-pigeon'" in result.err


def test_the_wheel_has_every_file_that_is_written() -> None:
    """The templates lie in the package; the build puts in what stands in `force-include`."""
    import tomllib

    root = Path(__file__).parent.parent.parent
    build = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    included = build["force-include"]
    assert included == {path: f"release_tool/shipped/{path}" for path in included}
    assert str(shipped.RECIPES) in included


@pytest.mark.parametrize(
    "url, tags, told",
    [
        ("https://gitlab.com/acme/shop.git", [], "works with GitHub and its Actions only"),
        ("https://github.com/acme/shop.git", ["a@1.0.0", "a@1.1.0", "b@1.0.0", "b@1.1.0"], "as one"),
    ],
    ids=["GitLab", "several products"],
)
def test_where_nothing_of_it_could_work_it_is_refused_with_a_sentence(
    fresh: Shop, url: str, tags: list[str], told: str
) -> None:
    fresh.git("remote", "set-url", "origin", url)
    for tag in tags:
        fresh.git("tag", tag)
    away = {"GITHUB_TOKEN": "", "GH_TOKEN": "", "PATH": PATH}
    result = fresh.run("init", "--source", SOURCE, "--yes", env=away)
    assert (result.code, changed(fresh)) == (3, [])
    assert told in result.err


def test_a_library_that_ships_nothing_releases_its_tag_and_notes_alone(tmp_path: Path) -> None:
    with shop(tmp_path, ADMIN, files={"go.mod": "module x\n", "x.go": "package x\n"}) as made:
        adopt(made)
        assert not configured(made).build.enabled
        jobs = read_workflow(text(made, RELEASE)).jobs
        assert [*jobs] == ["plan", "release"]
        assert "dist" not in str(jobs["release"])
        done = made.run("release", env=made.job())
        assert done.code == 0, done.err
        released = made.api("GET", "releases/tags/v0.1.0")
        assert isinstance(released, dict)
        assert (released["assets"], released["draft"]) == ([], False)
        assert released["body"].startswith("First release.")
