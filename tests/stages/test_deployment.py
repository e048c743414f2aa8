"""What a deployment comes to, for everything that an environment can be and an application can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inline_snapshot import snapshot

from release_tool.domain.phase import Word
from release_tool.stages import reconciliation
from tests.production import production

if TYPE_CHECKING:
    from pathlib import Path


def test_a_healthy_version_follows_a_healthy_one(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        assert here.deploy("1.2.3").outcome == "healthy"
        done = here.deploy("1.2.4")
        assert (done.outcome, done.before, done.live) == ("healthy", "1.2.3", "1.2.4")
        assert here.service.file.read_text() == "1.2.4"
        assert here.story() == snapshot(
            [
                "deploy 1.2.3: replaced: by 1.2.4 (#1011)",
                "deploy 1.2.4: healthy: the new version answered well for 2m",
            ]
        )


def test_a_version_that_is_not_healthy_is_rolled_back_to_the_last_known_good(tmp_path: Path) -> None:
    with production(
        tmp_path, behave=lambda version, _: (500 if version == "1.3.0" else 200, {"version": version})
    ) as here:
        here.deploy("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to, done.live) == ("rolled_back", "1.2.4", "1.2.4")
        assert here.service.file.read_text() == "1.2.4"
        good, bad, back = here.ledger()
        assert (good.phase.word, bad.phase.word, back.phase.word) == (Word.REPLACED, Word.FAILED, Word.HEALTHY)
        assert (bad.phase.rolled_back_to, back.payload.parent) == ("1.2.4", bad.id)
        assert [(told.event, told.environment, told.before, told.after) for told in here.shop.notices] == [
            ("deployed", "production", "", "1.2.4"),
            ("rolled-back", "production", "1.3.0", "1.2.4"),
        ]
        addresses = dict(here.shop.notices[-1].links)
        assert list(addresses) == ["compare", "roll back", "halt"]
        assert addresses["compare"].endswith(f"/compare/v1.2.4...{bad.payload.commit}")


def test_what_is_held_is_written_down_once_by_the_plan_and_told(tmp_path: Path) -> None:
    with production(tmp_path) as here:
        for _ in range(2):
            steps = reconciliation.plan([here.place()], writes=True)
            assert [(step.action, step.needed) for step in steps] == [("nothing", False)]
        assert here.story() == [
            "deploy 1.3.0: held: nothing was proven in production yet: its first deployment is a person's"
        ]
        assert [notice.event for notice in here.shop.notices] == ["held"]
