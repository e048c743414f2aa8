"""A look at everything at once, asked of the stand-in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.ledger.store import Deployments
from release_tool.errors import RemoteError
from release_tool.github.api import GitHub
from release_tool.status.github_snapshot import GitHubSnapshots
from tests.deploy.ledger.test_store import deployed, healthy
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shop import Shop

HISTORY: list[dict[str, object]] = [
    {"branch": "cloud", "from": "main", "commit": "Cloud settings", "files": {"fly.toml": "x"}},
    {"status": "release-tool/tested", "ref": "cloud"},
    deployed("staging", *healthy()),
    deployed("production", *healthy()),
    deployed("production", ("in_progress", "changing: web")),
    deployed("production", *healthy(), task="another tool"),
    {"pull": 1, "title": "Resolve it", "base": "cloud", "state": "open", "files": {"x": "y"}},
    {"pull": 2, "title": "Something else", "state": "open", "files": {"z": "y"}},
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Shop]:
    with contextlib.ExitStack() as running:
        yield running.enter_context(shop(tmp_path, *HISTORY))


def test_one_request_tells_of_deployments_pull_requests_and_marks(place: Shop) -> None:
    github, cloud = place.github(), place.git("rev-parse", "origin/cloud")

    seen = github.adapter(GitHubSnapshots).look(["staging", "production", "nowhere"], "cloud", [cloud, cloud, "f" * 40])

    assert github.requests == 1
    assert {name: len(ledger) for name, ledger in seen.ledgers.items()} == {"staging": 1, "production": 2, "nowhere": 0}
    assert seen.ledgers["production"] == github.adapter(Deployments).ledger("production")
    assert seen.cut == frozenset()
    assert [pull.title for pull in seen.pulls] == ["Resolve it"]
    assert {sha: list(marks.counted) for sha, marks in seen.marks.items()} == {
        cloud: ["release-tool/tested"],
        "f" * 40: [],
    }


def test_what_is_not_asked_for_is_not_there(place: Shop) -> None:
    seen = place.github().adapter(GitHubSnapshots).look([], "main", [])

    assert (seen.ledgers, seen.marks, seen.cut) == ({}, {}, frozenset())
    assert [pull.title for pull in seen.pulls] == ["Something else"]


def test_an_unknown_repository_is_an_error(place: Shop) -> None:
    box = place.box
    github = GitHub("acme/nothing", token=box.token, api_url=box.api_url, graphql_url=box.graphql_url)

    with pytest.raises(RemoteError, match="acme/nothing"):
        github.adapter(GitHubSnapshots).look(["production"], "cloud", [])


def test_an_environment_with_more_deployments_than_a_page_has_says_so(tmp_path: Path) -> None:
    many = [deployed("production", *healthy()) for _ in range(101)]
    with shop(tmp_path, *many, deployed("staging", *healthy())) as place:
        seen = place.github().adapter(GitHubSnapshots).look(["production", "staging"], "cloud", [])

    assert seen.cut == {"production"}
    assert (len(seen.ledgers["production"]), len(seen.ledgers["staging"])) == (100, 1)
    assert seen.ledgers["production"][-1].id > seen.ledgers["production"][0].id > 1


def test_more_environments_than_github_tells_pages_of_at_once_cost_one_request_too(place: Shop) -> None:
    """It tells of half a million things at most: 49 times a hundred deployments with a hundred statuses each."""
    github, names = place.github(), [*(f"place-{number}" for number in range(59)), "production"]

    seen = github.adapter(GitHubSnapshots).look(names, "cloud", [])

    assert github.requests == 1
    assert len(seen.ledgers["production"]) == 2
