"""What holds for every test: no network beyond this machine, and nothing of the person who runs them."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import examples, forkserver, measured, needs

if TYPE_CHECKING:
    from collections.abc import Generator

settings.register_profile("local", deadline=None, max_examples=examples.number(50))
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

FOREIGN = (
    "ACTIONS_",
    "CI",
    "CLICOLOR",
    "FORCE_COLOR",
    "GH_",
    "GIT_",
    "GITHUB_",
    "NO_COLOR",
    "RELEASE_",
    "RUNNER_",
)
"""Beginnings of the variables that could change what a test sees."""

DEAD_END = "http://127.0.0.1:9"
"""A proxy that answers nobody, for the programs that a test starts."""


class OutsideWorldError(RuntimeError):
    """A test tried to leave this machine; no handler of network errors may swallow that."""


def stay_on_this_machine(event: str, args: tuple[object, ...]) -> None:
    """Refuse whatever would look up or connect to another host."""
    match event, args:
        case (("socket.connect" | "socket.sendto"), (_, (host, *_))):
            insist_on_loopback(event, host)
        case (("socket.getaddrinfo" | "socket.gethostbyname"), (host, *_)):
            insist_on_loopback(event, host)
        case _:
            pass


def insist_on_loopback(event: str, host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and not is_loopback(name):
        raise OutsideWorldError(f"{event} to {name}: a test stays on this machine")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host in {"", "localhost", "localhost.localdomain"}


@pytest.hookimpl(wrapper=True, trylast=True)  # before pytest-cov adds up what was measured
def pytest_runtestloop() -> Generator[None, object, object]:
    forkserver.data_file()
    try:
        return (yield)
    finally:
        forkserver.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with measured.nothing() if item.get_closest_marker("again") else contextlib.nullcontext():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needs.mark(items)
    needs.begin_with_the_longest(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


sys.addaudithook(stay_on_this_machine)


@pytest.fixture(autouse=True)
def traffic_as_github_describes_it(request: pytest.FixtureRequest) -> Generator[None]:
    """Hold what is asked of the stand-in, and what it answers, against GitHub's own description."""
    if request.node.get_closest_marker("sandbox") is None:
        yield
        return
    from tests.github_sandbox.contract.traffic import TRAFFIC

    own = "github_sandbox" in request.path.parts
    with contextlib.nullcontext() if own else measured.without_servers():
        yield
    problems = list(TRAFFIC.problems())
    assert not problems, "\n".join(problems[:10])


@pytest.fixture(autouse=True)
def a_machine_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give every test the environment of a fresh machine, with a git identity and no git configuration."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("COLUMNS", "EDITOR", "LINES", "VISUAL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_CONFIG_COUNT": "1",  # nothing here has to outlive the machine, and waiting for its disk takes long
        "GIT_CONFIG_KEY_0": "core.fsync",
        "GIT_CONFIG_VALUE_0": "none",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "TZ": "UTC",
        "all_proxy": DEAD_END,
        "http_proxy": DEAD_END,
        "https_proxy": DEAD_END,
        "no_proxy": "127.0.0.1,localhost,::1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def forked_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork what sends each message, too, from a process that has read what can send one; Python would for a second."""
    monkeypatch.setattr(sys, "executable", os.fspath(forkserver.python()))
