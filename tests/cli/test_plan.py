"""`release-tool plan` as its users run it: what it prints for people, programs and jobs, and that it writes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from release_tool.history.facts import Request
from release_tool.release.planning import plan
from tests.counting import Counter
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Entry, Shop

RELEASED: Entry = {"tag": "v1.2.3"}
HISTORY: list[Entry] = [
    RELEASED,
    {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "1\n"}},
    {"commit": "Tidy up", "author": "bob", "files": {"tidy.py": "1\n"}},
    {"pull": 2, "title": "fix: a hole", "author": "eve", "files": {"hole.py": "1\n"}},
    {"revert": 2, "number": 3, "author": "ada"},
]


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *HISTORY) as made:
        yield made


def test_a_person_reads_what_comes_next_and_why_change_by_change(ours: Shop) -> None:
    result = ours.run("plan")

    assert (result.code, result.err) == (0, "")
    assert result.out.replace(ours.git("rev-parse", "--short=10", "HEAD~2"), "0123456789") == snapshot("""\
main: v1.3.0 is next (minor): 4 changes since v1.2.3

  minor  #1          Add search            label 'feature'
  patch  0123456789  Tidy up               pushed directly, and `direct-push` is 'patch'
  none   #2          fix: a hole           cancelled out by #3
  none   #3          Revert "fix: a hole"  cancelled out by #2
""")


def test_without_a_token_it_says_what_it_can_t_see(ours: Shop) -> None:
    result = ours.run("plan", env={})

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == "main: v1.2.4 is next (patch): 4 changes since v1.2.3"
    assert result.out.splitlines()[-1] == snapshot(
        "Not seen without a token: labels and texts of pull requests; pull requests that were rebased;"
        " whether v1.2.3 and the tags before it were published."
    )


def test_without_a_token_nothing_is_asked_of_anybody(ours: Shop) -> None:
    ours.box.forget_requests()

    assert ours.run("plan", env={}).code == 0
    assert ours.box.requests == []


def test_a_plan_without_a_token_starts_few_programs_and_loads_nothing_it_does_not_use(
    ours: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(tmp_path, monkeypatch)
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    argv = [sys.executable, "-X", "importtime", "-m", "release_tool", "plan"]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it loads a lot
    report = subprocess.run(argv, cwd=ours.clone, env=unmeasured, capture_output=True, check=True, text=True).stderr

    loaded = {line.rpartition("|")[2].strip() for line in report.splitlines()}
    assert loaded.isdisjoint({"github", "http", "jinja2", "json", "logging", "requests", "rich", "tempfile"})
    assert loaded.isdisjoint({"release_tool.github.api", "release_tool.notify", "release_tool.text.markdown"})
    asked = [line for line in counter.started() if " diff-tree " not in line]  # what proves a revert comes on top
    assert sum(" show-ref " in line or " for-each-ref " in line for line in asked) == 1
    assert len(asked) <= 8


def test_a_program_reads_one_document_with_every_field(ours: Shop) -> None:
    document = ours.run("plan", "--json").document
    changes = document.pop("changes")
    notes = document.pop("notes")

    assert document.pop("sha") == ours.git("rev-parse", "HEAD")
    assert document == snapshot(
        {
            "schema": 1,
            "action": "release",
            "reason": "4 changes since v1.2.3",
            "branch": "main",
            "previous": "v1.2.3",
            "tag": "v1.3.0",
            "version": "1.3.0",
            "bump": "minor",
            "forced": None,
            "prerelease": False,
            "latest": True,
            "unseen": [],
            "remarks": [],
            "warnings": [],
        }
    )
    assert isinstance(changes, list)
    assert changes[0].pop("sha") == ours.git("rev-parse", "HEAD~3")
    assert changes[0] == snapshot(
        {
            "pull": 1,
            "title": "Add search",
            "kind": "feature",
            "hidden": False,
            "bump": "minor",
            "rule": "label",
            "reason": "label 'feature'",
            "authors": ["ada"],
            "cancelled_by": None,
        }
    )
    assert [change["cancelled_by"] for change in changes] == [None, None, 3, 2]
    assert [change["pull"] for change in changes] == [1, None, 2, 3]
    assert isinstance(notes, str)
    assert "## New features\n\n- Add search" in notes


def test_who_forces_and_what_it_would_have_been_is_told(ours: Shop) -> None:
    document = ours.run("plan", "--json", "--force", "major", env=ours.environment(GITHUB_ACTOR="eve")).document

    assert (document["tag"], document["bump"], document["forced"]) == (
        "v2.0.0",
        "minor",
        {"by": "eve", "from": "minor"},
    )


def test_changes_that_ask_for_no_release_are_listed_and_can_be_released(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, {"pull": 1, "title": "docs: tell it", "files": {"a": "1"}}) as ours:
        assert ours.run("plan").out == snapshot("""\
main: nothing to release: none of 1 change since v1.2.3 asks for a release

  none  #1  docs: tell it  title 'docs:'

They wait for the next release; `release-tool bump --force patch` makes one of them.
""")
        assert ours.run("status").out.splitlines()[1:3] == snapshot(
            [
                "unreleased  1 change on `main`, none asks for a release: `release-tool bump --force patch`",
                "            asks for no release: #1 docs: tell it",
            ]
        )
        assert ours.run("bump", "--force", "patch", "--dry-run").out.startswith("main: v1.2.4 is next (forced)")


@pytest.mark.parametrize(
    "path, text, version",
    [
        ("pyproject.toml", '[project]\nname = "shop"\nversion = "1.0.0"\n', "1.0.0"),
        ("pyproject.toml", '[tool.poetry]\nname = "shop"\nversion = "1.0.1"\n', "1.0.1"),
        ("package.json", '{"name": "shop", "version": "1.0.2"}', "1.0.2"),
        ("Cargo.toml", '[package]\nname = "shop"\nversion = "1.0.3"\n', "1.0.3"),
        ("pyproject.toml", '[project]\nname = "shop"\ndynamic = ["version"]\n', ""),
        ("package.json", '{"name": "shop", "version": "1.0.2", "private": true}', ""),
        ("Cargo.toml", "not a table", ""),
    ],
)
def test_a_version_in_a_file_that_no_build_sets_is_told(tmp_path: Path, path: str, text: str, version: str) -> None:
    change: Entry = {"commit": "fix: it", "files": {"a": "1"}}
    with shop(tmp_path / "1", {"tag": "v1.2.3"}, change, files={path: text}) as ours:
        warnings = plan(ours.project(env={}), Request()).warnings
        assert [f"{path} says {version!r}, and no build sets it" in one for one in warnings] == [True] * bool(version)
        command = re.search(r"`(.*)`", "".join(warnings))
    build = {path: text, ".github/workflows/build.yml": f"      - run: {command[1] if command else ''}\n"}
    with shop(tmp_path / "2", {"tag": "v1.2.3"}, change, files=build) as ours:
        assert plan(ours.project(env={}), Request()).warnings == ()


def test_forcing_does_not_make_a_release_of_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED) as ours:
        document = ours.run("plan", "--json", "--force", "major").document

        assert (document["action"], document["tag"], document["notes"]) == ("nothing", None, "")
        assert ours.run("plan").out == "main: nothing to release: nothing has landed on main since v1.2.3\n"


def test_half_done_is_told_as_something_to_finish(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, HISTORY[1], {"tag": "v1.3.0", "claimed": True}, HISTORY[2]) as ours:
        assert ours.run("plan", "--json").document["action"] == "finish"
        assert ours.run("plan").out.startswith(
            "main: v1.3.0 is to be finished: v1.3.0 is half-done: the tag exists, but the release is not published\n"
        )


def test_planning_writes_nothing_anywhere(ours: Shop) -> None:
    def state() -> tuple[str, str, list[str]]:
        files = sorted(str(path) for path in ours.clone.rglob("*") if path.is_file() and "objects" not in path.parts)
        return ours.git("for-each-ref"), ours.git("status", "--porcelain", "--ignored"), files

    before = state()
    for args in (["plan"], ["plan", "--json"], ["release", "--dry-run"], ["bump", "--dry-run"]):
        assert ours.run(*args).code == 0

    assert state() == before
    asked = {f"{request.method} {request.path.partition('?')[0]}" for request in ours.box.requests}
    assert {request for request in asked if not request.startswith("GET ")} == {
        "POST /graphql",
        "POST /acme/shop.git/git-upload-pack",
    }


def test_a_job_gets_flat_outputs_and_a_summary(ours: Shop, tmp_path: Path) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"

    ours.run("plan", env=ours.job(GITHUB_OUTPUT=str(outputs), GITHUB_STEP_SUMMARY=str(summary)))

    told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert told == {
        "action": "release",
        "reason": "4 changes since v1.2.3",
        "tag": "v1.3.0",
        "version": "1.3.0",
        "sha": ours.git("rev-parse", "HEAD"),
        "previous": "v1.2.3",
        "bump": "minor",
        "again": "false",
    }
    assert "| minor | #1 | Add search | label 'feature' |" in summary.read_text()
    assert "## New features" in summary.read_text()


def test_notes_beyond_what_github_takes_are_folded_and_attached_in_full(tmp_path: Path) -> None:
    story = "## New features\n\n" + "A sentence of a very long story. " * 1_000
    long: list[Entry] = [
        {"pull": number, "title": f"Part {number}", "labels": ["feature"], "body": story, "files": {f"{number}": "1\n"}}
        for number in range(1, 9)
    ]
    breaking: Entry = {
        "pull": 9,
        "title": "feat!: new format",
        "body": "## Migration\n\nRun `shop convert`.",
        "files": {"b": "1\n"},
    }
    with shop(tmp_path, RELEASED, *long, breaking) as ours:
        notes = ours.run("plan", "--json").document["notes"]
        made = ours.run("release", "--json")
        release = ours.github().release_by_tag("v2.0.0")

        assert isinstance(notes, str)
        assert 0 < len(notes) <= 125_000
        assert "Run `shop convert`." in notes
        assert made.document["released"] is True
        assert release is not None
        assert len(release.body or "") <= 125_000
        assert [asset.name for asset in release.assets] == ["RELEASE_NOTES.md"]
        assert release.assets[0].size > 8 * 30_000


def test_a_long_title_does_not_tear_the_table(tmp_path: Path) -> None:
    titles = ["feat: short", f"fix: {'very ' * 60}long"]
    pulls: list[Entry] = [
        {"pull": number, "title": title, "files": {f"{number}": "1\n"}} for number, title in enumerate(titles, start=1)
    ]
    with shop(tmp_path, RELEASED, *pulls) as ours:
        rows = [line for line in ours.run("plan").out.splitlines() if "#" in line]

        assert len({row.index("title '") for row in rows}) == 1
        assert rows[1].endswith("…  title 'fix:'")


def test_without_a_server_url_the_remote_tells_where_github_is(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, {"pull": 1, "title": "Add search", "files": {"a": "1"}}) as ours:
        env = {name: value for name, value in ours.environment().items() if name != "GITHUB_SERVER_URL"}

        notes = str(ours.run("plan", "--json", env=env).document["notes"])

        assert f"({ours.box.api_url}/acme/shop/pull/1)" in notes


def test_verbose_shows_every_program_and_request_and_no_token(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, {"pull": 1, "title": "Add search", "files": {"a": "1"}}) as ours:
        told = ours.run("--verbose", "plan")

        assert "git ls-remote" in told.err
        assert "GitHub, request 1: listing the releases" in told.err
        assert ours.box.token not in told.err
        assert "listing the releases" not in ours.run("plan").err
