"""The rehearsal: a team sees its next release before it adopts anything, and nothing is touched by that."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.demo.command_needs import lacks
from release_tool.demo.rehearsal import toml
from tests.adoption import SOURCE
from tests.shop import shop

if TYPE_CHECKING:
    from tests.shop import Entry, Result, Shop

SYNC = "[sync]\n"
STAGING = """
[environments.staging]
automatic = true
command = ["./deploy.sh"]
pass-env = ["SSH_KEY"]
health = "https://staging.example.com/health"
"""
HISTORY: tuple[Entry, ...] = (
    {"pull": 1, "title": "fix: the first one", "author": "bob", "files": {"a.txt": "1\n"}},
    {"tag": "v1.2.3"},
    {
        "branch": "cloud",
        "from": "v1.2.3",
        "commit": "What we host",
        "author": "ops",
        "files": {"cloud.toml": "x = 1\n"},
    },
    {"pull": 7, "title": "Search by name", "labels": ["feature"], "author": "ada", "files": {"search.py": "1\n"}},
    {"pull": 9, "title": "fix: round totals", "author": "bob", "files": {"total.py": "1\n"}},
)
CONFLICT: Entry = {"branch": "cloud", "commit": "In a hurry", "author": "ops", "files": {"total.py": "2\n"}}
READS = re.compile(r"GET .*|POST /graphql|POST \S+/git-upload-pack")


class Rehearsed(NamedTuple):
    """What `rehearse --json` told."""

    result: Result
    outcome: str
    stages: dict[str, str]
    reasons: dict[str, str]
    todo: list[str]


def configured(text: str) -> dict[str, object]:
    return {"files": {"README.md": "hello\n", "deploy.sh": "#!/bin/sh\n", "release-tool.toml": text}}


def rehearsed(of: Shop, *args: str, **env: str) -> Rehearsed:
    result = of.run("rehearse", "--json", *args, env=of.environment(**env))
    assert "outcome" in result.document, result
    stages = result.document["stages"]
    todo = result.document["todo"]
    assert isinstance(stages, list)
    assert isinstance(todo, list)
    return Rehearsed(
        result,
        str(result.document["outcome"]),
        {stage["stage"]: stage["outcome"] for stage in stages},
        {stage["stage"]: stage["reason"] for stage in stages},
        todo,
    )


def fingerprint(*folders: Path) -> str:
    """What every file below some folders is called, and holds."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path}\0{path.stat().st_mtime_ns}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def writing(of: Shop) -> list[str]:
    asked = [f"{request.method} {request.path}" for request in of.box.requests]
    return [request for request in asked if not READS.fullmatch(request)]


def test_it_shows_the_release_the_sync_and_the_deployments_with_what_github_knows(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **configured(SYNC + STAGING)) as made:
        before = fingerprint(made.clone, made.box.git_directory)
        done = made.run("rehearse")
        assert (done.code, writing(made)) == (0, [])
        assert fingerprint(made.clone, made.box.git_directory) == before
        address = f"{made.box.api_url}/acme/shop"
    story = (
        "main: v1.3.0 is next (minor): 2 changes since v1.2.3",
        "minor  #7  Search by name     label 'feature'",
        "$ release-tool release placeholder.txt",
        f"- Search by name ([#7]({address}/pull/7)) by ada",
        "made their first contribution in [#7]",
        "$ release-tool sync --candidate",
        "$ release-tool sync --advance",
        "Simulated: staging.",
        "staging: 1.2.3+cloud.1 healthy",
        "staging: 1.3.0 healthy",
        "What would happen",
        "plan     ok            v1.3.0: 2 changes since v1.2.3",
        "build    skipped       nothing was built; `--build` runs it here",
        "release  ok            v1.3.0 is released",
        "sync     ok            `cloud` moved to",
        "staging  ok            simulated: 1.3.0 would be deployed",
        "What to do first",
        "`release-tool deploy VERSION -e staging --record`",
        "Simulated: your build and its files",
    )
    places = [done.out.index(line) for line in story]
    assert places == sorted(places)
    assert "[bob](" in done.out
    assert "bob) made their first contribution" not in done.out


def test_a_conflict_is_told_as_it_would_be_and_needs_a_person(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, CONFLICT, **configured(SYNC + STAGING)) as made:
        done = made.run("rehearse")
        assert writing(made) == []
    assert done.code == 5
    assert "Resolve the conflicts of v1.3.0 with cloud" in done.out
    assert "- `total.py` (add/add), changed by #9 fix: round totals" in done.out
    assert "sync     needs-person  v1.3.0 conflicts with `cloud`: total.py" in done.out
    assert "staging  skipped       the release does not reach `cloud`" in done.out
    assert "`git switch cloud`, `git merge main`, and push" in done.out


def test_what_would_be_refused_is_told_with_the_way_around_it(tmp_path: Path) -> None:
    migration: Entry = {"pull": 12, "title": "fix: drop a column", "files": {"migrations/2.py": "drop\n"}}
    text = 'irreversible-paths = ["migrations/*"]\n' + STAGING
    with shop(tmp_path, *HISTORY, migration, **configured(text)) as made:
        done = rehearsed(made)
    assert (done.result.code, done.outcome) == (3, "refused")
    assert done.stages == {"plan": "goes", "build": "skipped", "release": "goes", "staging": "refused"}
    assert done.reasons["staging"].startswith("held: `migrations/2.py` can't be undone")
    assert done.todo == ["deploy it as a person, with `--override irreversible` and a reason"]


def test_a_hosted_branch_with_another_beginning_needs_a_person_too(tmp_path: Path) -> None:
    identity = ("-c", "user.name=ops", "-c", "user.email=ops@example.com")
    with shop(tmp_path, *HISTORY[:2], **configured(SYNC + STAGING)) as made:
        made.git("checkout", "--quiet", "--orphan", "other")
        made.git(*identity, "commit", "--quiet", "--message=Another beginning")
        made.git("push", "--quiet", made.box.push_url, "HEAD:refs/heads/cloud")
        made.git("checkout", "--quiet", "main")
        done = rehearsed(made)
    assert (done.result.code, done.outcome) == (5, "needs-person")
    assert done.stages == {"plan": "nothing", "release": "nothing", "sync": "needs-person", "staging": "skipped"}
    assert done.todo[0]


def test_a_branch_that_only_people_move_is_moved_for_them(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **configured('[sync]\nvia = "pull-request"\n' + STAGING)) as made:
        done = rehearsed(made)
    assert (done.outcome, done.reasons["sync"]) == ("goes", "#10 waits for a person to merge it; here it is merged")
    assert done.stages["staging"] == "goes"


def test_an_environment_that_is_frozen_is_told_as_it_is_now(tmp_path: Path) -> None:
    frozen = STAGING + 'freeze = [{ cron = "* * * * *", duration = "1h" }]\n'
    with shop(tmp_path, *HISTORY, **configured(frozen)) as made:
        done = rehearsed(made)
    assert done.result.code == 3
    assert done.reasons["staging"].startswith("held: deployments frozen until")


def test_what_is_half_done_is_finished_first(tmp_path: Path) -> None:
    claimed: Entry = {"tag": "v1.2.4", "claimed": True, "at": "#7"}
    with shop(tmp_path, *HISTORY, claimed) as made:
        done = rehearsed(made)
    assert done.outcome == "goes"
    assert done.result.err.count("publishing v1.2.4") == 1
    assert done.result.err.count("publishing v1.2.5") == 1


def test_without_a_token_it_is_derived_from_git_and_says_so(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **configured(SYNC)) as made:
        made.box.forget_requests()
        done = rehearsed(made, GITHUB_TOKEN="")
        assert made.box.requests == []
    assert (done.result.code, done.result.document["source"]) == (0, "git")
    assert done.reasons["plan"] == "v1.2.4: 2 changes since v1.2.3"
    assert "labels and texts of pull requests" in str(done.result.document["unseen"])
    assert done.todo[0].startswith("set a token")


def test_a_folder_that_was_never_on_github_is_rehearsed_too(tmp_path: Path) -> None:
    """No remote, no tags, a detached head: the first release."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(tmp_path / "my shop")], check=True)
    with shop(tmp_path / "unused") as made:
        made.clone = tmp_path / "my shop"
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        made.git(*identity, "commit", "--quiet", "--allow-empty", "--message=Begin")
        made.git("checkout", "--quiet", "--detach")
        done = rehearsed(made, GITHUB_TOKEN="", GITHUB_REPOSITORY="")
    assert (done.outcome, done.result.document["repository"]) == ("goes", "local/my-shop")
    assert done.reasons["plan"] == "v0.1.0: the first release"
    assert done.reasons["release"] == "v0.1.0 is released"


def test_a_draft_of_the_configuration_is_tried_before_it_is_committed(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as made:
        (made.clone / "release-tool.toml").write_text('tag-prefix = "shop-"\n')
        done = rehearsed(made)
    assert done.reasons["plan"].startswith("shop-0.1.0: the first release")


def test_the_folder_is_kept_where_it_is_asked_for_and_is_gone_otherwise(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with shop(tmp_path, *HISTORY) as made:
        rehearsed(made, TMPDIR=str(scratch))
        assert list(scratch.iterdir()) == []
        kept = rehearsed(made, "--keep", TMPDIR=str(scratch)).result.document["folder"]
    assert [str(path) for path in scratch.iterdir()] == [kept]


@pytest.mark.parametrize(
    "how, says",
    [("--depth=1", "this clone is shallow"), ("--filter=blob:none", "this clone is partial")],
)
def test_a_clone_that_lacks_something_is_told_what_to_do(tmp_path: Path, how: str, says: str) -> None:
    with shop(tmp_path, *HISTORY) as made:
        made.clone = tmp_path / "other"
        subprocess.run(["git", "clone", "--quiet", how, made.box.clone_url, str(made.clone)], check=True)
        done = made.run("rehearse")
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "do next: " in done.err


def test_an_environment_that_could_never_be_healthy_is_named_before_anything_is_played(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **configured('[environments.production]\ncommand = ["./deploy.sh"]\n')) as made:
        done = made.run("rehearse")
    assert (done.code, done.out) == (2, "")
    assert "`environments.production` has no checks" in done.err


def test_no_token_and_no_secret_reaches_what_is_rehearsed(tmp_path: Path) -> None:
    """Every program of the rehearsal runs git, so a git that writes its environment down sees what they were given."""
    seen, real = tmp_path / "seen", shutil.which("git")
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\ncase $PWD in *release-tool-rehearsal-*) env >>{seen} ;; esac\nexec {real} "$@"\n')
    shim.chmod(0o755)
    token: Entry = {"token": "adas-token", "login": "ada"}
    with shop(tmp_path, *HISTORY, token, **configured(SYNC + STAGING)) as made:
        path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
        done = rehearsed(made, GITHUB_TOKEN="adas-token", GH_TOKEN="adas-token", SSH_KEY="our-key", PATH=path)
    assert done.outcome == "goes"
    told = seen.read_text()
    assert "GITHUB_TOKEN=sandbox-token" in told
    assert "adas-token" not in told
    assert "our-key" not in told


# What is built


MAKE = "build:\n\tmkdir -p dist\n\tenv > dist/env.txt\n\tgit describe > dist/version.txt\n"


def with_make(makefile: str = MAKE, text: str = "") -> dict[str, object]:
    return {"files": {"Makefile": makefile, "release-tool.toml": text}}


def test_a_build_is_shown_asked_for_and_run_in_a_copy_without_secrets(tmp_path: Path) -> None:
    text = '[build]\nsecrets = ["REGISTRY_TOKEN"]\n'
    with shop(tmp_path, *HISTORY, **with_make(text=text)) as made:
        before = fingerprint(made.clone)
        env = made.environment(REGISTRY_TOKEN="our-key", AWS_SECRET_ACCESS_KEY="aws-key", HTTPS_PROXY="http://me:pw@p")
        done = made.run("rehearse", "--build", "--keep", env=env, answer="y\n")
        assert fingerprint(made.clone) == before
        assert writing(made) == []
    assert done.code == 0, done.err
    asked = done.err.index("Run it on this machine?")
    assert done.err.index("  make build") < asked
    assert done.err.index("empty, where GitHub would have them: REGISTRY_TOKEN") < asked
    assert "build    ok            made env.txt, version.txt" in done.out
    assert "Simulated: the tests of the hosted branch" in done.out
    folder = Path(done.out.rstrip().removesuffix(".").rpartition("The copy is kept in ")[2])
    told = (folder / "build" / "dist" / "env.txt").read_text()
    assert "RELEASE_VERSION=1.3.0" in told
    assert (folder / "build" / "dist" / "version.txt").read_text() == "v1.3.0\n"
    for secret in ("our-key", "aws-key", "me:pw", "sandbox-token"):
        assert secret not in told
    shutil.rmtree(folder)


def test_without_anybody_to_say_yes_nothing_is_run(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **with_make(f"build:\n\ttouch {tmp_path}/ran\n")) as made:
        for answer in ("", "n\n"):
            done = made.run("rehearse", "--build", answer=answer)
            assert (done.code, done.out) == (3, "")
            assert "already true: nothing was run" in done.err
            assert "`release-tool rehearse --build --yes`" in done.err
    assert not (tmp_path / "ran").exists()


def test_nothing_is_built_unless_somebody_asks_and_that_is_said(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, **with_make(f"build:\n\ttouch {tmp_path}/ran\n")) as made:
        done = rehearsed(made)
    assert done.stages["build"] == "skipped"
    assert done.reasons["build"].startswith("nothing was built")
    assert str(done.result.document["simulated"]).startswith("your build and its files")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "makefile, says",
    [
        ("build:\n\t@echo no compiler; exit 4\n", "the build ended with code 2: make: *** "),
        ("build:\n\ttrue\n", "the build left no file in `dist`"),
    ],
)
def test_a_build_that_fails_ends_the_rehearsal_with_what_it_said(tmp_path: Path, makefile: str, says: str) -> None:
    with shop(tmp_path, *HISTORY, **with_make(makefile, STAGING)) as made:
        done = rehearsed(made, "--build", "--yes")
    assert (done.result.code, done.outcome) == (3, "refused")
    assert done.reasons["build"].startswith(says)
    assert done.stages == {"plan": "goes", "build": "refused", "staging": "skipped"}


def test_what_the_workflow_builds_by_is_what_is_run(tmp_path: Path) -> None:
    """The steps are the user's own, and may be others than those that `init` wrote."""
    with shop(tmp_path, *HISTORY, files={"README.md": ""}) as made:
        init = made.run("init", "--source", SOURCE, "--build", "exit 1", "--yes")
        assert init.code == 0, init.err
        workflow = made.clone / ".github" / "workflows" / "release-tool.yml"
        mine = (
            "      - uses: actions/setup-node@v6\n"
            '      - env: {WHO: me, KEY: "${{ secrets.KEY }}"}\n'
            '        run: mkdir -p dist && echo "$WHO$KEY" > dist/own.txt\n'
        )
        before, own, after = workflow.read_text().partition("      - name: Build\n        run: |\n          exit 1\n")
        assert own
        workflow.write_text(before + mine + after)
        done = rehearsed(made, "--build", "--yes")
    assert done.reasons["build"] == "made own.txt; not run here: actions/setup-node"
    assert "empty, where GitHub would have them: KEY" in done.result.err


def test_a_build_that_only_github_can_run_is_not_said_to_go(tmp_path: Path) -> None:
    text = '[build]\nworkflow = ".github/workflows/build.yml"\nreferences = ["web"]\n'
    with shop(tmp_path, *HISTORY, **with_make(text=text)) as made:
        refused = made.run("rehearse", "--build", "--yes")
        done = rehearsed(made)
    assert refused.code == 3
    assert ".github/workflows/build.yml builds this project, and what it does runs on GitHub only" in refused.err
    assert (done.outcome, done.stages["build"]) == ("goes", "skipped")


@pytest.mark.parametrize("text", ["[build]\nenabled = false\n", ""], ids=["configured", "found"])
def test_what_ships_nothing_is_released_as_its_tag_and_notes(tmp_path: Path, text: str) -> None:
    files = {"go.mod": "module example.com/x\n", "x.go": "package x\n", "release-tool.toml": text}
    with shop(tmp_path, *HISTORY, files=files) as made:
        done = made.run("rehearse", "--build", "--yes")
    assert done.code == 0, done.err
    assert "build    nothing       nothing is built" in done.out
    assert "$ release-tool release\n" in done.out


# What a deployment needs


MODES = {"deploy.sh": "100755", "up.sh": "100644"}
"""What lies in the commit."""


@pytest.mark.parametrize(
    "settings, says, certain",
    [
        ({"command": ["./deploy.sh"]}, None, None),
        ({"command": ["./other.sh"]}, "./other.sh, which is to be run, is not in 1.3.0", True),
        ({"command": ["./up.sh"]}, "./up.sh is not executable in 1.3.0", True),
        ({"command": ["bash", "up.sh"]}, None, None),
        ({"command": ["bash", "-c", "exit"]}, None, None),
        ({"command": ["bash", "scripts/../down.sh"]}, "scripts/../down.sh, which is to be run", True),
        ({"command": ["no-such-program", "up"]}, "no-such-program is not on this machine", False),
        ({"command": ["true"], "rollback-command": ["./back.sh"]}, "./back.sh, which is to be run", True),
        ({"command": ["true"], "checks": [{"command": ["./smoke.sh"]}]}, "./smoke.sh, which is to be run", True),
        ({"command": ["./mine.sh"]}, "./mine.sh is in your folder, and not in 1.3.0", False),
    ],
)
def test_what_the_commands_of_an_environment_need_and_lack_is_told(
    tmp_path: Path, settings: dict[str, object], says: str | None, certain: bool | None
) -> None:
    (tmp_path / "mine.sh").touch(mode=0o755)
    found = list(lacks(settings, "1.3.0", tmp_path, lambda path: MODES.get(path, "")))
    assert [lack.certain for lack in found] == ([] if certain is None else [certain])
    assert all(lack.text.startswith(says or "") and lack.todo for lack in found)


def test_a_deployment_does_not_go_where_its_script_is_missing(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, files={"release-tool.toml": STAGING}) as made:
        done = rehearsed(made)
    assert (done.result.code, done.stages["staging"]) == (3, "refused")
    assert done.reasons["staging"] == "./deploy.sh, which is to be run, is not in 1.3.0"
    assert done.todo == ["add deploy.sh, and commit it"]


def test_a_script_that_is_not_committed_yet_is_told_apart_from_one_that_is_missing(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, files={"release-tool.toml": STAGING}) as made:
        (made.clone / "deploy.sh").write_text("#!/bin/sh\n")
        (made.clone / "deploy.sh").chmod(0o755)
        done = rehearsed(made)
    assert (done.result.code, done.stages["staging"]) == (0, "skipped")
    assert done.reasons["staging"] == "./deploy.sh is in your folder, and not in 1.3.0"
    assert "commit deploy.sh" in done.todo


def test_a_linked_worktree_is_as_good_as_the_clone(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as made:
        made.git("worktree", "add", "--quiet", str(tmp_path / "elsewhere"), "-b", "topic")
        made.clone = tmp_path / "elsewhere"
        assert rehearsed(made).outcome == "goes"


def test_what_github_has_and_the_clone_has_not_is_fetched_beside_it(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY) as made:
        old = tmp_path / "old"
        subprocess.run(
            ["git", "clone", "--quiet", "--single-branch", "--no-tags", made.box.clone_url, str(old)], check=True
        )
        made.clone = old
        made.git("reset", "--quiet", "--hard", "HEAD~2")
        made.git("update-ref", "refs/remotes/origin/main", "HEAD")
        made.git("reflog", "expire", "--expire=now", "--all")
        made.git("prune", "--expire=now")
        made.git("gc", "--quiet", "--prune=now")
        before = fingerprint(made.clone)
        done = rehearsed(made)
        assert fingerprint(made.clone) == before
    assert done.reasons["plan"] == "v1.3.0: 2 changes since v1.2.3"


VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.integers(-(2**63), 2**63 - 1),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_a_written_configuration_is_read_as_it_was_meant(table: dict[str, object]) -> None:
    assert tomllib.loads(toml(table)) == table


def test_help_says_what_the_exit_codes_mean() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "release_tool", "rehearse", "--help"], capture_output=True, text=True, check=True
    )
    assert "5 when a person would be needed" in " ".join(done.stdout.split())
