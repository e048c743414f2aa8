"""What earlier versions wrote on GitHub is read rightly by every command; `tests/records` holds it word for word.

A record is data, not wording: whoever changes what is written leaves these files as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from release_tool.status.model import Health, Overview
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shop import Result, Shop

RECORDS = Path(__file__).with_name("records")


def start(name: str, directory: Path) -> Iterator[Shop]:
    recorded = json.loads((RECORDS / f"{name}.json").read_text())
    (directory / "live").write_text("1.2.3")
    with shop(directory, *recorded["history"], files=recorded["files"]) as made:
        yield made


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Shop]:
    """A rollback after a failed release, two halts, a withdrawn release, edited notes and a claimed tag."""
    yield from start("released", tmp_path)


@pytest.fixture
def conflict(tmp_path: Path) -> Iterator[Shop]:
    """A release in conflict with the hosted branch, and the pull request that says so."""
    yield from start("conflict", tmp_path)


def run(made: Shop, *args: str) -> Result:
    return made.run(*args, env=made.environment() | {"SHOP_FILE": str(made.clone.parent / "live")})


def test_a_claimed_tag_is_planned_to_be_finished_and_is_finished(released: Shop) -> None:
    planned = run(released, "plan", "--json").document
    assert (planned["action"], planned["tag"], planned["previous"]) == ("finish", "v2.0.0", "v1.3.1")
    done = run(released, "release", "--json").document
    assert (done["tag"], done["action"]) == ("v2.0.0", "finish")
    notes = run(released, "notes", "v2.0.0").out
    assert "call `/v2`" in notes


def test_the_ledger_says_what_is_live_what_failed_and_what_is_halted(released: Shop) -> None:
    found = msgspec.json.decode(run(released, "status", "--json").out, type=Overview)
    assert (found.released, found.half_done) == ("v1.3.1", ("v2.0.0",))
    (production,) = found.environments
    assert production.live
    assert (production.health, production.live.name, production.live.proven) == (Health.HEALTHY, "1.2.3", True)
    assert [(entry.kind, entry.name, entry.proven) for entry in production.timeline[::-1]] == [
        ("record", "1.2.3", True),
        ("deploy", "1.3.0", True),
        ("deploy", "1.3.1", False),
        ("rollback", "1.3.0", True),
        ("rollback", "1.2.3", True),
    ]
    assert {one.name: one.why for one in production.quarantined} == {
        "1.3.0": "was rolled back (#1037)",
        "1.3.1": "was rolled back (#1030)",
    }
    assert [(halt.issue, halt.environment, halt.reason) for halt in found.halts] == [
        (14, "production", "search is slow"),
        (15, "", "the database moves"),
    ]


def test_what_failed_and_was_withdrawn_is_not_deployed_again(released: Shop) -> None:
    refused = run(released, "deploy", "1.3.1", "-e", "production", "--dry-run", "--json").document
    assert refused["outcome"] == "refused"
    for why in ("1.3.1 was withdrawn", "deployments halted by ada", "1.3.1 was rolled back (#1030)"):
        assert why in str(refused["reason"])


def test_what_is_live_needs_no_deployment(released: Shop) -> None:
    found = run(released, "deploy", "1.2.3", "-e", "production", "--dry-run", "--json").document
    assert (found["outcome"], found["live"]) == ("unchanged", "1.2.3")


def test_there_is_no_rollback_target_but_what_was_rolled_back_from_and_what_failed(released: Shop) -> None:
    refused = run(released, "rollback", "-e", "production", "--dry-run", "--json").document
    assert (refused["outcome"], str(refused["reason"]).partition(";")[0]) == ("refused", "there is no rollback target")


def test_nothing_is_left_behind_and_what_is_live_is_verified(released: Shop) -> None:
    steps = run(released, "reconcile", "-e", "production", "--dry-run", "--json").document["steps"]
    assert [step["action"] for step in steps] == ["nothing"]  # type: ignore[attr-defined]  # a list of tables
    assert run(released, "verify", "-e", "production", "--json").document["outcome"] == "healthy"


def test_halts_are_lifted(released: Shop) -> None:
    for options in ((), ("-e", "production")):
        assert run(released, "resume", *options).code == 0
    assert run(released, "status", "--json").document["halts"] == []


def test_what_a_person_wrote_into_the_notes_stays(released: Shop) -> None:
    assert run(released, "notes", "v1.3.0", "--write").code == 0
    assert "Ada wrote this line." in run(released, "notes", "v1.3.0").out


def test_a_withdrawn_release_stays_withdrawn_when_its_notes_are_written_anew(released: Shop) -> None:
    assert run(released, "notes", "v1.3.1", "--write").code == 0
    assert "**v1.3.1 was withdrawn.**" in run(released, "notes", "v1.3.1").out


def test_the_dashboard_shows_all_of_it(released: Shop) -> None:
    assert run(released, "dashboard", str(released.clone.parent / "site")).code == 0
    page = (released.clone.parent / "site" / "index.html").read_text()
    assert "search is slow" in page


def test_a_conflict_is_told_once(conflict: Shop) -> None:
    found = run(conflict, "sync", "--json")
    document, _ = json.JSONDecoder().raw_decode(found.out)
    assert (found.code, document["state"], document["pull"]) == (5, "conflict", 13)
    assert len([pull for pull in conflict.box.github.store.pulls if pull.state == "open"]) == 1
