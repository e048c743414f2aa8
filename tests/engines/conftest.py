"""Cases on real engines, which `make engines` runs."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engines import machine, rows
from tests.engines.cluster import Cluster
from tests.engines.docker import Docker, sshd
from tests.engines.docker import keys as made_keys
from tests.engines.on_docker import Compose
from tests.engines.on_kubernetes import Helm, Kubectl, KubectlCanary
from tests.engines.on_systemd import Systemd
from tests.engines.place import BUILD, LANE, REPORT, REPOSITORY, ROWS
from tests.engines.programs import CLUSTER, COMPOSE, HELM, lacking
from tests.engines.room import is_entered
from tests.engines.rows import Case, alone

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.engines.docker import Ssh

_HERE = Path(__file__).parent
_STARTING = BUILD / ".starting"
"""Held by the lane whose engines start: all at once they starve the first cases of the others."""
_SEEN = pytest.StashKey[list[str]]()
_CASES = pytest.StashKey[dict[Case, str]]()
"""The cases of all recipes, and why each of them is not run where it never was."""

collect_ignore_glob = [] if is_entered() else ["test_*.py"]
"""No case runs outside of a room, where it would change the machine; `tests/test_engines.py` names them there."""


@pytest.hookimpl(tryfirst=True)  # before anybody chooses some of them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if _HERE in item.path.parents]
    for item in ours:
        item.add_marker("engines")
        item.add_marker(pytest.mark.timeout(1200))
    config.stash[_CASES] = {case: _why_not(item) for item in ours if (case := _case(item))}
    others = [item for item in ours if LANE and (case := _case(item)) and _lane(item, case) != LANE]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


def _case(item: pytest.Item) -> Case | None:
    found = item.get_closest_marker("case")
    return Case(*map(str, found.args)) if found else None


def _lane(item: pytest.Item, case: Case) -> str:
    """The lane of a case: that of its recipe, or the one with time to spare that its module names."""
    named = item.get_closest_marker("lane")
    return str(named.args[0]) if named else case.recipe


def _why_not(item: pytest.Item) -> str:
    lacks = item.get_closest_marker("skip")
    return str(lacks.kwargs["reason"]) if lacks else "no run chose it yet"


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
        with alone(_STARTING):
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
def cluster(docker: Docker) -> Iterator[Cluster]:
    if missing := lacking(*CLUSTER):
        pytest.skip(missing)
    assert docker.version
    with ExitStack() as engines:
        with alone(_STARTING):
            found = engines.enter_context(Cluster())
        yield found


@pytest.fixture
def compose(docker: Docker, ssh: Ssh) -> Compose:
    return Compose(docker, ssh)


@pytest.fixture
def systemd(keys: Ssh) -> Systemd:
    if missing := machine.lacking():
        pytest.skip(missing)
    return Systemd(keys)


@pytest.fixture
def kubectl(cluster: Cluster, docker: Docker) -> Kubectl:
    return Kubectl(cluster, docker)


@pytest.fixture
def canary(cluster: Cluster, docker: Docker) -> KubectlCanary:
    return KubectlCanary(cluster, docker)


@pytest.fixture
def helm(cluster: Cluster, docker: Docker) -> Helm:
    if missing := lacking(HELM):
        pytest.skip(missing)
    return Helm(cluster, docker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case = _case(item)
    ends = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
    if case and ends and is_entered():
        rows.keep(_row(item, case, report), ROWS)
    return report


def _row(item: pytest.Item, case: Case, report: pytest.TestReport) -> rows.Row:
    result, told = _result(report)
    seen = "; ".join([*item.stash.get(_SEEN, []), *([told] if told else [])])
    seen = seen.replace(f"{REPOSITORY}/", "")
    return rows.Row(case, result, seen, round(report.duration), f"{datetime.now(UTC):%Y-%m-%d}")


def _result(report: pytest.TestReport) -> tuple[str, str]:
    if report.outcome == "passed":
        return "ok", ""
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return rows.NOT_RUN, str(report.longrepr[2]).removeprefix("Skipped: ")
    return "**red**", _last_line(report)


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    cases = session.config.stash.get(_CASES, {})
    if is_entered() and cases and not session.config.option.collectonly:
        with alone(BUILD / ".report"):
            table = rows.table(rows.of_all(cases, ROWS))
            REPORT.write_text(rows.written_into(REPORT.read_text(), "table", table))
