"""Cases on real engines, which `make engines` runs."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engines import machine, rows
from tests.engines.cluster import Cluster
from tests.engines.docker import Docker, sshd
from tests.engines.docker import keys as made_keys
from tests.engines.place import REPORT, ROWS
from tests.engines.programs import CLUSTER, COMPOSE, HELM, lacking
from tests.engines.room import is_entered

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.engines.docker import Ssh

_HERE = Path(__file__).parent
_SEEN = pytest.StashKey[list[str]]()


collect_ignore_glob = [] if is_entered() else ["test_*.py"]
"""No case runs outside of a room, where it would change the machine; `tests/test_engines.py` names them there."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("engines")
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> list[str]:
    """What a case saw, for its row in the table."""
    found: list[str] = []
    request.node.stash[_SEEN] = found
    return found


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    with ExitStack() as engines:
        found = Docker()
        engines.enter_context(found.daemon)
        engines.enter_context(found.registry)
        yield found


@pytest.fixture(scope="session")
def keys() -> Ssh:
    return made_keys()


@pytest.fixture(scope="session")
def ssh(docker: Docker, keys: Ssh) -> Iterator[Ssh]:
    if missing := lacking(COMPOSE):
        pytest.skip(missing)
    assert docker.version
    with sshd():
        yield keys


@pytest.fixture(scope="session")
def debian() -> None:
    if missing := machine.lacking():
        pytest.skip(missing)


@pytest.fixture(scope="session")
def helm() -> None:
    if missing := lacking(HELM):
        pytest.skip(missing)


@pytest.fixture(scope="session")
def cluster(docker: Docker) -> Iterator[Cluster]:
    if missing := lacking(*CLUSTER):
        pytest.skip(missing)
    assert docker.version
    with Cluster() as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case = item.get_closest_marker("case")
    ends = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
    if case and ends and is_entered():
        name = re.sub(r"\W+", "-", item.nodeid.removeprefix("tests/engines/"))
        rows.keep(_row(item, case, report), ROWS, name)
    return report


def _row(item: pytest.Item, case: pytest.Mark, report: pytest.TestReport) -> rows.Row:
    recipe, text, engine = (str(one) for one in case.args)
    result, told = _result(report)
    seen = "; ".join([*item.stash.get(_SEEN, []), *([told] if told else [])])
    return rows.Row(recipe, text, result, seen, round(report.duration), engine, f"{datetime.now(UTC):%Y-%m-%d}")


def _result(report: pytest.TestReport) -> tuple[str, str]:
    if hasattr(report, "wasxfail") and report.outcome == "skipped":
        return "**false green**", ""
    if report.outcome == "passed":
        return "ok", ""
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return "not run", str(report.longrepr[2]).removeprefix("Skipped: ")
    return "**red**", _last_line(report)


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else ""


def pytest_sessionfinish() -> None:
    if is_entered() and REPORT.exists():
        REPORT.write_text(rows.written_into(REPORT.read_text(), rows.kept(ROWS)))
