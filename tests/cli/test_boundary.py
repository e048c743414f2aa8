"""The boundary never fails: whatever can't be written or read, the exit code is right and nobody sees a traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shop import Entry, Shop

FIX: Entry = {"pull": 1, "title": "fix: a hole", "files": {"a.py": "1\n"}}
TOOL = [sys.executable, "-m", "release_tool"]
FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, {"tag": "v1.2.3"}, FIX) as made:
        yield made


@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/file", "/", "a" * 5000, "\udcff/x"])
def test_outputs_and_summaries_that_can_t_be_written_are_a_warning_after_a_release(ours: Shop, place: str) -> None:
    done = ours.run("release", env=ours.job(GITHUB_OUTPUT=place, GITHUB_STEP_SUMMARY=place))

    assert done.code == 0, done.err
    assert "::warning title=release-tool::the outputs of the step can't be written: " in done.err
    assert "the summary of the step can't be written" in done.err
    assert [release.tag for release in ours.github().releases() if not release.draft] == ["v1.2.4", "v1.2.3"]


@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/file"])
def test_an_error_keeps_its_exit_code_where_the_summary_can_t_be_written(ours: Shop, place: str) -> None:
    done = ours.run("release", "nonsense", env=ours.job(GITHUB_OUTPUT=place, GITHUB_STEP_SUMMARY=place))

    assert done.code == 2
    assert "Traceback" not in done.err


@NEEDS_FULL
@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--json"), ("status",), ("help",)])
def test_a_full_disk_is_told_with_what_is_true(ours: Shop, arguments: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [*TOOL, *arguments],
            cwd=ours.clone,
            env=os.environ | ours.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 4, done.stderr
    assert "is out of space" in done.stderr
    assert "already true: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments, code", [("plan", 0), ("release nonsense --json", 2)])
def test_a_closed_stream_changes_no_exit_code(ours: Shop, closed: str, arguments: str, code: int) -> None:
    line = f"exec {shlex.join([*TOOL, *arguments.split()])} {closed}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=ours.clone, env=os.environ | ours.environment(), capture_output=True, check=False
    )

    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


@NEEDS_FULL
def test_an_error_that_can_t_be_told_has_its_exit_code(ours: Shop) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [*TOOL, "release", "nonsense", "--json"], cwd=ours.clone, stdout=full, stderr=full, check=False
        )

    assert done.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("a" * 5000,),
        ("--config", "a" * 5000, "plan"),
        ("release", "a" * 5000),
        ("plan", "--since", "a" * 5000),
        ("notes", "a" * 5000),
        ("--repo", "a" * 5000, "plan"),
        ("--repo", "acme/../../x", "plan"),
        ("--repo", "http://[::1/x", "plan"),
        ("dashboard", "a" * 5000),
        ("deploy", "a" * 5000, "-e", "production"),
        ("deploy", "\udcff"),
        ("withdraw", "v1", "--reason", "\udcff"),
    ],
    ids=lambda arguments: " ".join(word[:12] for word in arguments).encode("ascii", "replace").decode(),
)
def test_an_argument_that_is_none_is_refused(ours: Shop, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*TOOL, *arguments],
        cwd=ours.clone,
        env=os.environ | ours.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {2, 3}, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"GITHUB_API_URL": "nonsense"},
        {"GITHUB_API_URL": "http://[::1"},
        {"GITHUB_API_URL": "http://127.0.0.1:99999"},
        {"GITHUB_API_URL": "file:///etc/passwd"},
        {"GITHUB_GRAPHQL_URL": "http://"},
        {"GITHUB_SERVER_URL": "http://[::1"},
        {"GITHUB_TOKEN": "t\udcffken"},
        {"GITHUB_TOKEN": "two words"},
        {"GITHUB_TOKEN": "line\nline"},
        {"GITHUB_REPOSITORY": "acme"},
        {"GITHUB_REPOSITORY": "acme/shop/more"},
        {"GITHUB_REPOSITORY": "acme/\udcff"},
    ],
    ids=str,
)
def test_a_variable_that_is_none_is_named(ours: Shop, variables: dict[str, str]) -> None:
    done = subprocess.run(
        [*TOOL, "release"],
        cwd=ours.clone,
        env=os.environ | ours.environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[" * 50_000, b"9" * 10_000, b"null", b"", b'{"a": ' * 50_000, b'{"pull_request": 7}']
)
def test_an_event_that_is_none_is_refused(ours: Shop, tmp_path: Path, content: bytes) -> None:
    event = tmp_path / "event.json"
    event.write_bytes(content)

    done = ours.run("check-pr", env=ours.job(GITHUB_EVENT_PATH=str(event)) | {"GITHUB_EVENT_NAME": "pull_request"})

    assert done.code == 2, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "target, why", [("/etc/passwd", "is a link that leads out of its folder"), ("nowhere", "does not exist")]
)
def test_an_asset_that_is_a_link_out_of_its_folder_is_not_published(ours: Shop, target: str, why: str) -> None:
    (ours.clone / "dist.txt").symlink_to(target)

    done = ours.run("release", "dist.txt")

    assert done.code == 2
    assert why in done.err
    assert [release.tag for release in ours.github().releases()] == ["v1.2.3"]
