"""`release-tool dashboard`, from a repository on the stand-in to the files of a site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from release_tool.deploy.halts.model import HaltOrder, issue_text
from release_tool.deploy.ledger.model import DeploymentKind, Payload
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.ledger.store import Deployments
from release_tool.model.tags import Owner
from tests.shop import shop
from tests.status.dashboard.test_pages import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Shop

CONFIGURATION = """
[tool.release-tool.environments.production]
automatic = true
command = ["./deploy.sh"]
health = "https://shop.example.com/health"
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose newest release was rolled back, with a halt."""
    with shop(
        tmp_path,
        {"commit": "Configure", "author": "ada", "files": {"pyproject.toml": CONFIGURATION}},
        {"tag": "v1.2.3"},
        {"pull": 1, "title": "Add search", "labels": ["feature"], "author": "ada", "files": {"search.py": "1"}},
        {"tag": "v1.3.0"},
        {"pull": 2, "title": "fix: search", "author": "bob", "files": {"search.py": "2"}},
    ) as built:
        yield built


def deploy(
    place: Shop, tag: str, *phases: PhaseRecord, kind: DeploymentKind = DeploymentKind.DEPLOY, parent: int | None = None
) -> int:
    """Write a deployment into the ledger, through all its phases."""
    payload = Payload(
        commit=place.git("rev-parse", f"{tag}^{{commit}}"),
        name=tag.removeprefix("v"),
        kind=kind,
        automatic=True,
        owner=Owner(run=7, attempt=1, job="42"),
        reason="8 bad samples in a row" if parent else "",
        parent=parent,
    )
    number = place.github().adapter(Deployments).create("production", payload, f"{tag} to production")
    for phase in (PhaseRecord(Phase.CHANGING, "web"), *phases):
        place.github().adapter(Deployments).status(number, phase)
    return number


def roll_back(place: Shop) -> None:
    """Deploy v1.2.3, then v1.3.0 and back again, and halt."""
    deploy(place, "v1.2.3", PhaseRecord(Phase.HEALTHY, "every check held"))
    bad = deploy(place, "v1.3.0", PhaseRecord(Phase.FAILED, "8 bad samples in a row", rolled_back_to="1.2.3"))
    deploy(place, "v1.2.3", PhaseRecord(Phase.HEALTHY, "every check held"), kind=DeploymentKind.ROLLBACK, parent=bad)
    title, body = issue_text(HaltOrder(environment="production", by="ada", reason="we look into search first"))
    place.api("POST", "issues", {"title": title, "body": body, "labels": ["release-halt"]})


def test_the_site_tells_what_happened_to_people_and_to_programs(place: Shop, tmp_path: Path) -> None:
    roll_back(place)
    site = tmp_path / "site"
    done = place.run("dashboard", str(site))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"wrote the dashboard, 7 files: open {site}/index.html\n"

    text = Reader((site / "index.html").read_text()).text
    for said in (
        "production is healthy",
        "Rolled back from 1.3.0: 8 bad samples in a row",
        "we look into search first",
        "1 change see release-tool plan",
    ):
        assert said in text, said
    status = json.loads((site / "status.json").read_text())
    assert (status["schema"], status["environments"][0]["live"]["name"]) == (1, "1.2.3")
    families = {family.name for family in text_string_to_metric_families((site / "metrics.prom").read_text())}
    assert "release_tool_environment_live_info" in families
    assert json.loads((site / "badges" / "production.json").read_text())["message"] == "1.2.3"


def test_the_same_command_again_brings_the_site_up_to_date(place: Shop, tmp_path: Path) -> None:
    site = str(tmp_path / "site")
    assert place.run("dashboard", site).code == 0
    assert "nothing is deployed to production" in Reader((tmp_path / "site" / "index.html").read_text()).text
    roll_back(place)
    found = place.run("dashboard", site, "--json").document
    assert found["index"] == f"{site}/index.html"
    assert "production is healthy" in Reader((tmp_path / "site" / "index.html").read_text()).text


def test_a_folder_with_a_page_of_somebody_else_is_left_alone(place: Shop, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("theirs")
    done = place.run("dashboard", str(tmp_path))
    assert done.code == 3
    assert "index.html, which release-tool did not write" in done.err
    assert (tmp_path / "index.html").read_text() == "theirs"


def test_a_job_is_told_where_the_site_is(place: Shop, tmp_path: Path) -> None:
    output = tmp_path / "output"
    env = place.job(GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert place.run("dashboard", str(tmp_path / "site"), env=env).code == 0
    assert output.read_text() == f"index={tmp_path}/site/index.html\nfiles=6\n"
    assert (tmp_path / "summary").read_text().startswith("Wrote the dashboard, 6 files.")
