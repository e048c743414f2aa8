"""The release stage against the sandbox: whatever happens on the way, it ends in one tag and one release."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from github_sandbox import Fault
from release_tool.errors import RefusedError, ReleaseToolError, RemoteError
from release_tool.history.facts import Request
from release_tool.model.tag_message import owner_of
from release_tool.model.tags import Owner
from release_tool.model.version import Bump
from release_tool.release.assets import collect, parse_references
from release_tool.release.make import ReleaseContents, claim_next, release
from release_tool.release.plan import Action
from release_tool.release.planning import plan
from tests import examples
from tests.clock import FakeClock
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release_tool.github.api import Release
    from release_tool.release.make import ReleaseOutcome
    from tests.shop import Entry, Shop

FEATURE: Entry = {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "1"}}
FIX: Entry = {"pull": 2, "title": "fix: mend it", "author": "bob", "files": {"shop.py": "2"}}
HISTORY: tuple[Entry, ...] = ({"tag": "v1.2.3"}, FEATURE, FIX)
WRITES = "POST|PATCH|PUT|DELETE"
OURS = r"/repos/|/uploads/"
WORLD_OF_WRITES = ["tag object", "ref", "draft", "asset", "manifest", "checksums", "publish"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *HISTORY) as made:
        build(made)
        yield made


def build(made: Shop, name: str = "shop.tar.gz", content: bytes = b"bytes of the shop") -> str:
    (made.clone / "dist").mkdir(exist_ok=True)
    (made.clone / "dist" / name).write_bytes(content)
    return f"dist/{name}"


def materials(made: Shop, *names: str, expect: str = "") -> ReleaseContents:
    return ReleaseContents(assets=collect(made.clone / name for name in names), expect=expect)


def released(made: Shop) -> dict[str, Release]:
    """Every release on GitHub by its tag; there must be one only, and no draft."""
    everything = made.github().releases()
    assert not [found.tag for found in everything if found.draft]
    by_tag = {found.tag: found for found in everything}
    assert len(by_tag) == len(everything)
    return by_tag


def tags(made: Shop) -> set[str]:
    listed = subprocess.run(
        ["git", "tag", "--list"], cwd=made.box.git_directory, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def go(made: Shop, *assets: str, request: Request | None = None) -> ReleaseOutcome:
    return release(made.project(), request or Request(by="ada"), materials(made, *assets))


def assert_released_whole(made: Shop) -> None:
    assert tags(made) == {"v1.2.3", "v1.3.0"}
    found = released(made)["v1.3.0"]
    assert sorted(asset.name for asset in found.assets) == ["SHA256SUMS", "manifest.json", "shop.tar.gz"]
    assert all(asset.state == "uploaded" for asset in found.assets)
    by_name = {asset.name: asset for asset in found.assets}
    (built,) = collect([made.clone / "dist" / "shop.tar.gz"])
    assert by_name["shop.tar.gz"].digest == built.digest
    assert "Add search" in (found.body or "")
    latest = made.github().latest_release()
    assert latest is not None
    assert latest.tag == "v1.3.0"


def test_a_release_has_a_tag_notes_and_verified_files(project: Shop) -> None:
    outcome = go(project, "dist/shop.tar.gz")
    assert (outcome.released, outcome.plan.tag, outcome.again) == (True, "v1.3.0", False)
    assert_released_whole(project)


def test_the_same_command_again_finds_nothing_to_do_and_writes_nothing(project: Shop) -> None:
    go(project, "dist/shop.tar.gz")
    project.box.forget_requests()
    outcome = go(project, "dist/shop.tar.gz")
    assert (outcome.plan.action, outcome.reason) == (Action.NOTHING, "nothing has landed on main since v1.3.0")
    assert not [asked for asked in project.box.requests if asked.path.startswith("/repos") and asked.method != "GET"]


def test_a_dry_run_after_the_release_finds_nothing_to_do(project: Shop) -> None:
    go(project)
    assert plan(project.project(), Request()).action is Action.NOTHING


def test_the_manifest_and_the_checksums_tell_what_was_built(project: Shop, tmp_path: Path) -> None:
    image = f"ghcr.io/acme/shop@sha256:{'a' * 64}"
    made = materials(project, "dist/shop.tar.gz")
    outcome = release(
        project.project(), Request(), ReleaseContents(assets=made.assets, references=parse_references([f"web={image}"]))
    )
    manifest = json.loads(content(project, "manifest.json"))
    assert manifest == {
        "schema": 1,
        "tag": "v1.3.0",
        "version": "1.3.0",
        "commit": outcome.plan.sha,
        "files": [{"name": "shop.tar.gz", "size": 17, "digest": made.assets[0].digest}],
        "references": [{"name": "web", "reference": image}],
    }
    for name in ("shop.tar.gz", "manifest.json", "SHA256SUMS"):
        (tmp_path / name).write_bytes(content(project, name))
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)
    assert checked.stdout.decode() == "shop.tar.gz: OK\nmanifest.json: OK\n"


@pytest.mark.parametrize("interrupted", [False, True], ids=["at once", "with a run that failed at that"])
def test_references_stand_on_their_commit_before_anybody_can_deploy_the_release(
    project: Shop, *, interrupted: bool
) -> None:
    images = parse_references([f"web=ghcr.io/acme/shop@sha256:{'a' * 64}", f"db=ghcr.io/acme/db@sha256:{'b' * 64}"])
    if interrupted:
        project.box.fault(Fault(method="POST", path="/statuses/", after=1, status=502))
        with pytest.raises(RemoteError):
            release(project.project(), Request(), ReleaseContents(references=images))
        assert {found.tag for found in project.github().releases() if not found.draft} == {"v1.2.3"}
    outcome = release(project.project(), Request(), ReleaseContents(references=images))
    found = project.github().statuses(outcome.plan.sha)
    assert {status.context: status.description for status in found} == {
        f"release-tool/reference/{image.name}": image.reference for image in images
    }
    written = [asked.path for asked in project.box.requests if asked.method in {"POST", "PATCH"}]
    recorded = [place for place, path in enumerate(written) if "/statuses/" in path]
    published = max(place for place, path in enumerate(written) if re.search(r"/releases/\d+$", path))
    assert max(recorded) < published
    assert len(recorded) == len(images) + interrupted


def content(made: Shop, name: str) -> bytes:
    """Download a file of v1.3.0, as a user does."""
    (asset,) = [asset for asset in released(made)["v1.3.0"].assets if asset.name == name]
    answer = requests.get(asset.browser_download_url, timeout=10)
    answer.raise_for_status()
    return answer.content


GITHUB_NAMES = {
    ".env.example": "default.env.example",
    "報告.pdf": "default.pdf",
    "Überblick.pdf": "default.berblick.pdf",
    "shop_1.2.4~rc1-1~deb12u1_amd64.deb": "shop_1.2.4.rc1-1.deb12u1_amd64.deb",
    "shop (1).zip": "shop.1.zip",
    "a!b+c.txt": "a.b+c.txt",
}


@pytest.mark.parametrize("name", GITHUB_NAMES)
def test_a_file_that_github_renames_is_published_and_listed_under_its_new_name(
    project: Shop, tmp_path: Path, name: str
) -> None:
    renamed = GITHUB_NAMES[name]
    outcome = go(project, build(project, name))
    assert outcome.released
    assert sorted(asset.name for asset in released(project)["v1.3.0"].assets) == sorted(
        ["SHA256SUMS", renamed, "manifest.json"]
    )
    assert f"{name} is called {renamed} on GitHub" in project.said
    assert [file["name"] for file in json.loads(content(project, "manifest.json"))["files"]] == [renamed]
    for one in (renamed, "manifest.json", "SHA256SUMS"):
        (tmp_path / one).write_bytes(content(project, one))
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)
    assert checked.stdout.decode() == f"{renamed}: OK\nmanifest.json: OK\n"


def test_a_name_that_only_github_knows_is_taken_from_its_answer_and_found_again_after_a_crash(project: Shop) -> None:
    """GitHub says nowhere which names it changes, so its answer is what counts."""
    build(project, "a..b.txt")
    project.box.fault(Fault(method="POST", path="/assets", after=1, status=500, times=9))
    with pytest.raises(RemoteError):
        go(project, "dist/a..b.txt")
    project.box.faults.clear()
    (asset,) = next(found for found in project.github().releases() if found.draft).assets
    project.api("PATCH", f"releases/assets/{asset.id}", {"name": "a-b.txt"})
    go(project, "dist/a..b.txt")
    found = sorted(asset.name for asset in released(project)["v1.3.0"].assets)
    assert found == ["SHA256SUMS", "a-b.txt", "manifest.json"]
    assert "  a-b.txt\n" in content(project, "SHA256SUMS").decode()


def half_done(made: Shop, *names: str) -> Release:
    """A run that died right before it published: everything but that was done."""
    made.box.fault(Fault(method="PATCH", path="/releases/", status=500, times=9))
    with pytest.raises(ReleaseToolError):
        go(made, *names)
    made.box.faults.clear()
    return next(found for found in made.github().releases() if found.draft)


def test_what_a_dead_run_left_in_the_draft_is_not_published(project: Shop) -> None:
    half_done(project, build(project, "shop-0900.zip", b"early"))
    go(project, build(project, "shop-0915.zip", b"late"))
    found = sorted(asset.name for asset in released(project)["v1.3.0"].assets)
    assert found == ["SHA256SUMS", "manifest.json", "shop-0915.zip"]
    assert "removing shop-0900.zip, which an earlier run left" in project.said


def test_what_a_person_added_to_the_draft_is_published_listed_and_told(project: Shop) -> None:
    draft = half_done(project, "dist/shop.tar.gz")
    added = b"signed by hand"
    answer = requests.post(
        draft.upload_url.partition("{")[0],
        params={"name": "shop.tar.gz.asc"},
        data=added,
        headers={"Authorization": f"Bearer {project.box.token}", "Content-Type": "text/plain"},
        timeout=10,
    )
    answer.raise_for_status()
    go(project, "dist/shop.tar.gz")
    found = sorted(asset.name for asset in released(project)["v1.3.0"].assets)
    assert found == ["SHA256SUMS", "manifest.json", "shop.tar.gz", "shop.tar.gz.asc"]
    assert f"{hashlib.sha256(added).hexdigest()}  shop.tar.gz.asc\n" in content(project, "SHA256SUMS").decode()
    assert "publishing shop.tar.gz.asc too, which somebody added to the draft" in project.said


@pytest.mark.parametrize("pulls, most", [(10, 8), (100, 9), (1_000, 18)])
def test_a_release_without_files_costs_few_requests(tmp_path: Path, pulls: int, most: int) -> None:
    merged: list[Entry] = [
        {"pull": number, "title": f"Change {number}", "labels": ["fix"], "author": "ada", "files": {"f": str(number)}}
        for number in range(1, pulls + 1)
    ]
    with shop(tmp_path, {"tag": "v1.2.3"}, *merged) as made:
        outcome = go(made)
        asked = [one for one in made.box.requests if not one.path.startswith("/acme/shop.git")]
        assert [change.pull for change in outcome.plan.changes] == list(range(1, pulls + 1))
        assert len(asked) <= most, [f"{one.method} {one.path}" for one in asked]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", examples.some(range(len(WORLD_OF_WRITES))), ids=WORLD_OF_WRITES.__getitem__)
def test_a_release_killed_at_any_write_and_run_again_ends_as_if_it_had_not_been_killed(
    project: Shop, write: int, when: str
) -> None:
    armed = project.box.fault(Fault(method=WRITES, path=OURS, after=write, block=when))  # type: ignore[arg-type]  # the table's two words
    doomed = project.begin("release", "dist/shop.tar.gz")
    assert armed.wait_until_reached(30)
    doomed.kill()
    armed.release()
    project.box.faults.clear()

    again = project.run("release", "dist/shop.tar.gz")
    assert again.code == 0, again.err
    assert_released_whole(project)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", examples.some(range(len(WORLD_OF_WRITES))), ids=WORLD_OF_WRITES.__getitem__)
def test_a_write_without_an_answer_is_read_back_and_never_done_twice(project: Shop, write: int, when: str) -> None:
    project.box.fault(Fault(method=WRITES, path=OURS, after=write, drop=when))  # type: ignore[arg-type]  # the table's two words
    with contextlib.suppress(RemoteError):
        go(project, "dist/shop.tar.gz")
    go(project, "dist/shop.tar.gz")
    assert_released_whole(project)


def test_a_terminated_release_says_that_it_can_be_run_again(project: Shop) -> None:
    armed = project.box.fault(Fault(method="POST", path="/releases$", block="before"))
    doomed = project.begin("release", "dist/shop.tar.gz")
    assert armed.wait_until_reached(30)
    os.kill(doomed.pid, signal.SIGTERM)
    armed.release()
    done = doomed.wait()
    assert done.code == 128 + signal.SIGTERM
    assert "run the same command again" in done.err


def claim_by(made: Shop, run: int, *, job: int = 501) -> None:
    """Leave a claimed tag v1.3.0 behind, as a job that ended there."""
    planned = plan(made.project(), Request())
    message = f"v1.3.0\n\nRelease-Tool-Owner: run={run} attempt=1 job={job}\n"
    made.github().create_ref("refs/tags/v1.3.0", made.github().create_tag_object("v1.3.0", message, planned.sha))


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [{"run": 77, "status": "completed", "jobs": [{"id": 501, "runner_name": "r", "status": "completed"}]}],
        [
            {
                "run": 77,
                "status": "in_progress",
                "jobs": [
                    {"id": 501, "runner_name": "r", "status": "completed"},
                    {"id": 502, "runner_name": "s", "status": "in_progress"},
                ],
            }
        ],
    ],
    ids=["unknown run", "ended run", "ended job in a living run"],
)
def test_what_a_dead_owner_left_is_finished(tmp_path: Path, runs: list[Entry]) -> None:
    with shop(tmp_path, *HISTORY, *runs) as made:
        claim_by(made, 77)
        assert go(made).released
        assert set(released(made)) == {"v1.2.3", "v1.3.0"}


def test_an_owner_that_lives_is_left_alone(tmp_path: Path) -> None:
    jobs = [{"id": 501, "runner_name": "runner-77", "status": "in_progress"}]
    with shop(tmp_path, *HISTORY, {"run": 77, "status": "in_progress", "jobs": jobs}) as made:
        claim_by(made, 77)
        outcome = go(made)
        assert (outcome.plan.action, outcome.reason) == (Action.NOTHING, "run 77 is working on v1.3.0")
        assert set(released(made)) == {"v1.2.3"}


def test_a_persons_command_does_not_wait_for_ever(tmp_path: Path) -> None:
    jobs = [{"id": 501, "runner_name": "runner-77", "status": "in_progress"}]
    with shop(tmp_path, *HISTORY, {"run": 77, "status": "in_progress", "jobs": jobs}) as made:
        made.git("checkout", "--quiet", "--detach", "HEAD~1")
        claim_by(made, 77)
        made.git("checkout", "--quiet", "main")
        with pytest.raises(RefusedError, match=r"gave up after 30 minutes: run 77 is working on v1\.3\.0, and"):
            release(made.project(clock=FakeClock(speed=600)), Request(), ReleaseContents())


def test_what_our_own_job_left_behind_is_ours(tmp_path: Path) -> None:
    jobs = [{"id": 501, "runner_name": "runner-77", "status": "in_progress"}]
    with shop(tmp_path, *HISTORY, {"run": 77, "status": "in_progress", "jobs": jobs}) as made:
        claim_by(made, 77)
        outcome = release(made.project(env=made.job(77)), Request(), ReleaseContents())
        assert outcome.released


def test_in_actions_a_claimed_tag_names_the_job_that_claimed_it(tmp_path: Path) -> None:
    jobs = [{"id": 501, "runner_name": "runner-77", "status": "in_progress"}]
    with shop(tmp_path, *HISTORY, {"run": 77, "status": "in_progress", "jobs": jobs}) as made:
        release(made.project(env=made.job(77)), Request(), ReleaseContents())
        message = made.project().git.remote_tags()["v1.3.0"].object
        found = made.github().tag_object(message)
        assert found is not None
        assert "Release-Tool-Owner: run=77 attempt=1 job=501" in found.message


def test_finishing_is_followed_by_what_landed_since(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, {"tag": "v1.3.0", "claimed": True}, FIX) as made:
        outcome = go(made)
        assert outcome.plan.tag == "v1.3.1"
        assert set(released(made)) == {"v1.2.3", "v1.3.0", "v1.3.1"}


def test_a_job_that_finished_something_asks_for_another_run(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, {"tag": "v1.3.0", "claimed": True}, FIX) as made:
        outcome = release(made.project(env=made.job()), Request(), ReleaseContents())
        assert (outcome.plan.tag, outcome.released, outcome.again) == ("v1.3.0", True, True)
        outcome = release(made.project(env=made.job(2)), Request(), ReleaseContents())
        assert (outcome.plan.tag, outcome.released, outcome.again) == ("v1.3.1", True, False)


def test_files_of_one_commit_are_never_published_for_another(tmp_path: Path) -> None:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, {"tag": "v1.3.0", "claimed": True}, FIX) as made:
        build(made)
        half_done = made.git("rev-parse", "HEAD~1")
        with pytest.raises(RefusedError, match="belong to another commit") as refused:
            go(made, "dist/shop.tar.gz")
        assert half_done in refused.value.todo
        assert set(released(made)) == {"v1.2.3"}


def test_a_release_that_was_claimed_with_files_is_not_published_without_them(project: Shop) -> None:
    project.box.fault(Fault(method="POST", path="/releases$", status=403))
    with pytest.raises(ReleaseToolError):
        go(project, "dist/shop.tar.gz")
    with pytest.raises(RefusedError, match=r"v1\.3\.0 was claimed for 1 files, but none is given now"):
        go(project)


def test_a_release_is_not_published_under_a_tag_it_was_not_built_for(project: Shop) -> None:
    with pytest.raises(RefusedError, match=r"built for v1\.2\.4, but the next release is v1\.3\.0"):
        release(project.project(), Request(), materials(project, expect="v1.2.4"))
    outcome = release(project.project(env=project.job()), Request(), materials(project, expect="v1.2.4"))
    assert (outcome.released, outcome.again) == (False, True)
    assert tags(project) == {"v1.2.3"}


def test_a_tag_that_a_person_pushed_is_finished_under_its_own_number(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"tag": "v3.0.0", "release": False}) as made:
        env = made.job() | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v3.0.0"}
        outcome = release(made.project(env=env), Request(), ReleaseContents())
        assert (outcome.plan.tag, outcome.released, outcome.again) == ("v3.0.0", True, False)
        assert "Add search" in (released(made)["v3.0.0"].body or "")


@pytest.mark.parametrize("tag", ["v1", "v1.2.3"])
def test_the_push_of_a_tag_that_needs_no_finishing_releases_nothing(tmp_path: Path, tag: str) -> None:
    moving: tuple[Entry, ...] = ({"tag": "v1", "release": False},) if tag == "v1" else ()
    with shop(tmp_path, *HISTORY, *moving) as made:
        env = made.job() | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": tag}
        outcome = release(made.project(env=env), Request(), ReleaseContents())
        assert (outcome.released, outcome.again) == (False, False)
        assert outcome.reason == f"the tag {tag} was pushed, and it has no half-done release"
        assert set(released(made)) == {"v1.2.3"}


def test_a_tag_without_a_release_that_nobody_of_us_made_counts_as_released(tmp_path: Path) -> None:
    with shop(tmp_path, FEATURE, {"tag": "v1.3.0", "release": False}, FIX) as made:
        assert go(made).plan.tag == "v1.3.1"
        assert set(released(made)) == {"v1.3.1"}


def test_a_draft_of_a_person_is_never_touched(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"release": "v1.3.0", "draft": True, "body": "My own words"}) as made:
        go(made)
        drafts = [found for found in made.github().releases() if found.draft]
        assert [(found.tag, found.body) for found in drafts] == [("v1.3.0", "My own words")]


def test_a_draft_that_arrives_after_its_release_is_removed_by_the_next_run(project: Shop) -> None:
    go(project)
    ours = released(project)["v1.3.0"].body or ""
    for body in (ours, "My own words"):
        project.github().create_draft("v1.3.0", "v1.3.0", body, prerelease=False)
    assert not go(project).released
    assert [found.body for found in project.github().releases() if found.draft] == ["My own words"]


def test_a_release_that_one_page_still_shows_as_its_draft_is_not_removed(project: Shop) -> None:
    go(project)
    listed = project.api("GET", "releases?per_page=100")
    assert isinstance(listed, list)
    drafts = [one | {"draft": True} for one in listed if one["tag_name"] == "v1.3.0"]
    project.box.fault(Fault(method="GET", path="/releases\\?", status=200, text=json.dumps([*drafts, *listed])))
    go(project)
    assert "v1.3.0" in released(project)


def test_a_draft_that_a_person_has_taken_over_since_it_was_listed_is_not_removed(project: Shop) -> None:
    go(project)
    ours = released(project)["v1.3.0"].body or ""
    taken = project.github().create_draft("v2.0.0", "v2.0.0", "My own words", prerelease=False)
    listed = project.api("GET", "releases?per_page=100")
    assert isinstance(listed, list)
    before = [one | {"tag_name": "v1.3.0", "body": ours} if one["id"] == taken.id else one for one in listed]
    project.box.fault(Fault(method="GET", path="/releases\\?", status=200, text=json.dumps(before)))
    go(project)
    assert [found.body for found in project.github().releases() if found.draft] == ["My own words"]


@pytest.mark.parametrize("method, status", [("DELETE", 502), ("DELETE", 404), ("GET", 502)])
def test_a_late_draft_that_can_not_be_removed_keeps_no_release(project: Shop, method: str, status: int) -> None:
    go(project)
    ours = released(project)["v1.3.0"].body or ""
    late = project.github().create_draft("v1.3.0", "v1.3.0", ours, prerelease=False)
    project.git("commit", "--quiet", "--allow-empty", "--message=fix: more")
    project.git("push", "--quiet", project.box.push_url, "HEAD:main")
    project.box.fault(Fault(method=method, path=f"/releases/{late.id}$", status=status, times=9))

    assert go(project).released

    project.box.faults.clear()
    assert not go(project).released
    assert "v1.3.1" in released(project)


def test_several_drafts_of_ours_become_one_release(project: Shop) -> None:
    project.box.fault(Fault(method="POST", path="/releases$", drop="after"))
    project.box.fault(Fault(method="GET", path="/releases\\?", after=1, times=3, status=200, document=None, text="[]"))
    go(project, "dist/shop.tar.gz")
    assert_released_whole(project)


def test_the_digest_that_github_does_not_tell_is_computed_from_a_download(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, digests=False) as made:
        build(made)
        go(made, "dist/shop.tar.gz")
        assert len(released(made)["v1.3.0"].assets) == 3


def test_immutable_releases_are_published_with_all_their_files(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, immutable_releases=True) as made:
        build(made)
        go(made, "dist/shop.tar.gz")
        found = released(made)["v1.3.0"]
        assert (found.immutable, len(found.assets)) == (True, 3)


def test_a_burned_name_is_refused_with_the_way_out_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"burned": "v1.3.0"}) as made:
        with pytest.raises(RefusedError, match=r"does not allow the tag v1\.3\.0") as refused:
            go(made)
        assert "--force X.Y.Z" in refused.value.todo
        assert tags(made) == {"v1.2.3"}
        assert release(made.project(), Request(force=Bump.MAJOR), ReleaseContents()).plan.tag == "v2.0.0"


@pytest.mark.parametrize(
    "entry,reason,advice",
    [
        ({"protect": "refs/tags/v*"}, "Reference update failed", "bypass the rule that protects tags"),
        (
            {"ruleset": "Tags", "target": "tag", "include": ["~ALL"], "rules": ["creation"]},
            "Cannot create ref due to creations being restricted.",
            "if a tag rule restricts creation, let the tool's token bypass it",
        ),
        (
            {"ruleset": "Signed", "target": "tag", "include": ["~ALL"], "rules": ["required_signatures"]},
            "Commits must have verified signatures.",
            "release a commit that GitHub signed",
        ),
    ],
)
def test_a_tag_that_a_rule_refuses_is_told_with_githubs_reason_and_what_to_do(
    tmp_path: Path, entry: Entry, reason: str, advice: str
) -> None:
    with shop(tmp_path, *HISTORY, entry) as made:
        done = made.run("release")
        assert (done.code, tags(made)) == (3, {"v1.2.3"})
        assert reason in done.err
        assert advice in " ".join(done.err.split())


def test_a_lost_race_for_the_tag_gives_way_to_the_next_run(project: Shop) -> None:
    armed = project.box.fault(Fault(method="POST", path="/git/refs$", block="before"))
    late = project.begin("release", env=project.job())
    assert armed.wait_until_reached(30)
    go(project)
    armed.release()
    done = late.wait()
    assert done.code == 0, done.err
    assert "somebody else claimed v1.3.0 meanwhile" in done.out


def test_a_commit_whose_workflow_files_moved_on_gives_way_to_the_head(project: Shop) -> None:
    project.git("checkout", "--quiet", "HEAD~1")
    project.box.fault(
        Fault(method="POST", path="/git/refs$", status=403, document={"message": "Resource not accessible"})
    )
    outcome = release(project.project(env=project.job()), Request(), ReleaseContents())
    assert (outcome.released, outcome.again) == (False, True)
    assert "workflow files have changed" in outcome.reason


def test_a_token_that_may_not_tag_the_head_is_told_which_right_it_lacks(tmp_path: Path) -> None:
    with shop(tmp_path, *HISTORY, {"rights": {"contents": "read"}}) as made:
        with pytest.raises(ReleaseToolError) as refused:
            go(made)
        assert refused.value.exit_code in {2, 3}
        assert "contents: write" in refused.value.todo
        assert tags(made) == {"v1.2.3"}


def test_bump_claims_the_tag_and_release_finishes_it(project: Shop) -> None:
    outcome = claim_next(project.project(), Request(force=Bump.MAJOR, by="ada"), "v2.0.0")
    assert outcome.reason.startswith("v2.0.0 is claimed at ")
    assert set(released(project)) == {"v1.2.3"}
    assert go(project, "dist/shop.tar.gz").plan.tag == "v2.0.0"


def test_bump_refuses_when_the_plan_is_another_by_now(project: Shop) -> None:
    with pytest.raises(RefusedError, match=r"the next release is now v1\.3\.0, not v1\.2\.4"):
        claim_next(project.project(), Request(), "v1.2.4")


def test_who_forced_a_version_stands_in_the_tag(project: Shop) -> None:
    go(project, request=Request(force=Bump.MAJOR, by="ada"))
    found = project.github().tag_object(project.project().git.remote_tags()["v2.0.0"].object)
    assert found is not None
    assert "forced by ada, would have been minor" in found.message


def test_prereleases_are_marked_and_never_latest(project: Shop) -> None:
    outcome = go(project, request=Request(prerelease="rc"))
    found = released(project)["v1.3.0-rc.1"]
    assert (outcome.plan.tag, found.prerelease) == ("v1.3.0-rc.1", True)
    latest = project.github().latest_release()
    assert latest is not None
    assert latest.tag == "v1.2.3"
    assert go(project).plan.tag == "v1.3.0"


def test_a_last_weeks_run_changes_nothing(project: Shop) -> None:
    go(project)
    project.git("checkout", "--quiet", "HEAD~1")
    outcome = release(project.project(env=project.job()), Request(), ReleaseContents())
    assert (outcome.released, outcome.again) == (False, False)
    assert "is in v1.3.0 already" in outcome.reason


def test_the_host_of_a_process_that_ended_knows_that_it_ended(project: Shop) -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    project_ = project.project()
    dead = msgspec.structs.replace(project_.owner, process=done.pid, started="1")
    message = f"v1.3.0\n\nRelease-Tool-Owner: host={dead.host} user={dead.user} process={dead.process} started=1\n"
    head = project.git("rev-parse", "HEAD")
    project.github().create_ref("refs/tags/v1.3.0", project.github().create_tag_object("v1.3.0", message, head))
    assert go(project).released


def test_the_owner_is_read_back_from_the_tag() -> None:
    text = "v1.3.0\n\nRelease-Tool-Owner: run=9 attempt=2 job=3\n"
    assert owner_of(text) == Owner(run=9, attempt=2, job="3")
    assert owner_of("v1.3.0\n\nRelease-Tool-Owner: run=9\n\nand more text") is None
