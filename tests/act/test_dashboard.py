"""The workflow of the dashboard, run for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from tests.act.project import SEARCH, project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)

PAGES = Fault(method="GET", path="/pages$", status=200, document={"build_type": "workflow"}, times=10)


@pytest.mark.parametrize("private", [True, False])
def test_the_dashboard_is_an_artifact_where_not_everybody_may_read_it(tmp_path: Path, act: Path, private: bool) -> None:
    with project(tmp_path, act, SEARCH, private=private) as made:
        if private:
            made.shop.box.fault(PAGES)
        run = made.dispatch("dashboard.yml")
        assert (run.green, sorted(run.jobs)) == (True, ["build", "missed"])
        (page,) = made.artifacts.glob("*/1/dashboard/index.html")
        assert "1.2.3" in page.read_text()
        assert not (made.artifacts / "published").exists()


def test_the_dashboard_of_a_public_repository_with_pages_is_published(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH) as made:
        made.shop.box.fault(PAGES)
        run = made.schedule("dashboard.yml")
        assert (run.green, sorted(run.jobs)) == (True, ["build", "missed", "publish"])
        assert "1.2.3" in (made.artifacts / "published/index.html").read_text()


def test_a_release_starts_a_run_that_shows_it(tmp_path: Path, act: Path) -> None:
    with project(tmp_path, act, SEARCH) as made:
        made.merge(1)
        made.push("release.yml")
        (run,) = made.dispatched("dashboard.yml")
        (page,) = made.artifacts.glob("*/1/dashboard/index.html")
        assert (run.green, "1.3.0" in page.read_text()) == (True, True)
