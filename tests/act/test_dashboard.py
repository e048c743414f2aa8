"""The look that builds the dashboard, run for real."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.act.project import LOOK, RELEASE, SEARCH, files_of, project
from tests.status.test_status import many

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)


def test_the_dashboard_is_an_artifact_where_nobody_asked_for_pages(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH) as made:
        run = made.dispatch(LOOK)
        assert (run.green, run.jobs) == (True, ["look"])
        (page,) = made.artifacts.glob("*/1/dashboard/index.html")
        assert "1.2.3" in page.read_text()
        assert not (made.artifacts / "published").exists()


def test_the_dashboard_of_a_repository_with_pages_is_published_where_somebody_asked_for_it(
    tmp_path: Path, act: Path
) -> None:
    with project(tmp_path, act, SEARCH) as made:
        made.variables["RELEASE_PAGES"] = "true"
        run = made.schedule(LOOK)
        assert (run.green, run.jobs) == (True, ["look"])
        assert "1.2.3" in (made.artifacts / "published/index.html").read_text()


def test_the_next_look_knows_where_the_pages_of_a_long_ledger_ended(tmp_path: Path, act: Path) -> None:
    deploys = files_of('[environments.production]\ncommand = ["./deploy.sh"]\n')
    with project(tmp_path, act, SEARCH, *many(101), tree=deploys) as made:
        assert made.dispatch(LOOK).green
        (kept,) = (made.artifacts / "cache").iterdir()
        with tarfile.open(kept) as archive:
            assert archive.getnames() == ["site/.release-tool.json", "site/ledger-pages.json"]
        again = made.dispatch(LOOK)
        assert again.green
        assert any("site/ledger-pages.json" in line for line in again.said.log.splitlines())
        assert [*(made.artifacts / "cache").iterdir()] == [kept]


def test_a_release_starts_a_run_that_shows_it(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH) as made:
        made.merge(1)
        made.push(RELEASE)
        (run,) = made.dispatched(LOOK)
        (page,) = made.artifacts.glob("*/1/dashboard/index.html")
        assert (run.green, "1.3.0" in page.read_text()) == (True, True)
