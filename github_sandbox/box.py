"""A sandbox: one directory with all its state, served on loopback."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import signal
import socket
from typing import TYPE_CHECKING

import msgspec

from github_sandbox import scenario as form
from github_sandbox.app import Application
from github_sandbox.build import TOKEN, build
from github_sandbox.errors import SandboxError
from github_sandbox.githttp import install_hook
from github_sandbox.github import GitHub
from github_sandbox.repository import Repository
from github_sandbox.server import Server
from github_sandbox.snapshot import fill
from github_sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import IO, Self

    from github_sandbox.app import Request
    from github_sandbox.faults import Armed, Fault
    from github_sandbox.snapshot import Snapshot

DURING = "starting the sandbox"


class Sandbox:
    """A running stand-in; as a context manager it stops at the end."""

    def __init__(self, github: GitHub, application: Application, server: Server, lock: IO[str]) -> None:
        self.github = github
        self.faults = application.faults
        self._application = application
        self._server = server
        self._lock = lock

    @classmethod
    def start(cls, scenario: dict[str, object], directory: Path, port: int = 0) -> Self:
        """Serves the state in a directory, which is built from the scenario when there is none.

        SandboxError when the scenario is wrong, when it is not the one the state was built from,
        or when the directory or the port is taken.
        """
        parsed = form.parse(scenario)
        digest = hashlib.sha256(msgspec.json.encode(scenario, order="deterministic")).hexdigest()
        return cls._serve(directory, port, lambda: _opened(parsed, digest, directory))

    @classmethod
    def adopt(cls, snapshot: Snapshot, directory: Path) -> Self:
        """Serves a copy of a real repository from a new directory."""
        return cls._serve(directory, 0, lambda: _adopted(snapshot, directory))

    @classmethod
    def _serve(cls, directory: Path, port: int, github_of: Callable[[], GitHub]) -> Self:
        with contextlib.ExitStack() as cleanup:
            lock = cleanup.enter_context(_locked(directory))
            github = github_of()
            cleanup.callback(github.shut)
            application = Application(github, directory / "git")
            server = _listening(application, port)
            cleanup.pop_all()
        server.start()
        return cls(github, application, server, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server; the state stays."""
        self.faults.clear()
        self._server.stop()
        with self.github.store.lock:
            self.github.store.commit()
        self.github.shut()
        self._lock.close()

    @property
    def api_url(self) -> str:
        """Where the REST interface is."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def graphql_url(self) -> str:
        """Where the GraphQL interface is."""
        return f"{self.api_url}/graphql"

    @property
    def repository(self) -> str:
        """The repository as OWNER/NAME."""
        return self.github.settings.repository

    @property
    def clone_url(self) -> str:
        """Where git clones from and, with the token as password, pushes to."""
        return f"{self.api_url}/{self.repository}.git"

    @property
    def push_url(self) -> str:
        """The clone URL with the token in it."""
        return self.clone_url.replace("http://", f"http://x-access-token:{TOKEN}@", 1)

    @property
    def token(self) -> str:
        """The token of a workflow."""
        return TOKEN

    def secrets(self, environment: str = "") -> dict[str, str]:
        """What a job gets: the repository's secrets, and those of the environment that it names."""
        settings = self.github.settings
        own = (one.secrets for one in settings.environments if one.name == environment)
        return settings.actions.secrets | next(own, {})

    @property
    def git_directory(self) -> Path:
        """The bare repository itself."""
        return self.github.repository.path

    @property
    def requests(self) -> list[Request]:
        """What was asked, in order, without the sandbox's own endpoints."""
        return list(self._application.requests)

    def forget_requests(self) -> None:
        """Empties the request log."""
        self._application.requests.clear()

    def fault(self, fault: Fault) -> Armed:
        """Arms a fault."""
        return self.faults.add(fault)

    def announcement(self) -> str:
        """One line of JSON that tells a program where everything is."""
        names = ("api_url", "graphql_url", "clone_url", "repository", "token")
        return msgspec.json.encode({name: getattr(self, name) for name in names}).decode()


def up(scenario: Path, directory: Path, announce: Callable[[str], None], port: int = 0) -> None:
    """Serves a scenario until SIGINT or SIGTERM, and announces one line of JSON when ready."""
    with _told_to_end() as told, Sandbox.start(form.load(scenario), directory, port) as box:
        announce(box.announcement())
        told.recv(1)


@contextlib.contextmanager
def _told_to_end() -> Iterator[socket.socket]:
    """What a byte comes from at SIGINT or SIGTERM.

    An event that a handler sets does not do: Python runs handlers in the main thread, which sleeps on
    when the signal comes just before it falls asleep, or to another thread.
    """
    told, teller = socket.socketpair()
    with told, teller:
        teller.settimeout(0)
        before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
        earlier = signal.set_wakeup_fd(teller.fileno())
        try:
            yield told
        finally:
            signal.set_wakeup_fd(earlier)
            for number, handler in before.items():
                signal.signal(number, handler)


def _locked(directory: Path) -> IO[str]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in directory.iterdir()}
        if names - {"lock"} and "state.db" not in names:
            raise SandboxError(f"{directory} is not empty, and holds no sandbox", during=DURING)
        lock = (directory / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise SandboxError(f"{directory} can't be used: {error.strerror}", during=DURING) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise SandboxError(f"{directory} is served by another sandbox", during=DURING) from error
    return lock


def _opened(scenario: form.Scenario, digest: str, directory: Path) -> GitHub:
    """The state of a directory, built where there is none or the building was interrupted."""
    store = Store(directory / "state.db")
    repository = Repository(directory / "git" / f"{scenario.repository}.git")
    assets = directory / "assets"
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(store.close)
        if not store.built:
            for part in (directory / "git", assets):
                shutil.rmtree(part, ignore_errors=True)
            assets.mkdir()
            _build(scenario, digest, repository, store, assets)
        if store.settings.scenario != digest:
            raise SandboxError(
                f"{directory} holds the state of another scenario",
                during=DURING,
                todo="give the same scenario, or another directory",
            )
        cleanup.pop_all()
    return GitHub(store, repository, assets)


def _adopted(snapshot: Snapshot, directory: Path) -> GitHub:
    """The state of a snapshot."""
    store = Store(directory / "state.db")
    repository = Repository(directory / "git" / f"{snapshot.repository}.git")
    assets = directory / "assets"
    assets.mkdir()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(store.close)
        repository.create(snapshot.branch)
        fill(snapshot, repository, store)
        install_hook(repository.path)
        store.commit()
        cleanup.pop_all()
    return GitHub(store, repository, assets)


def _build(scenario: form.Scenario, digest: str, repository: Repository, store: Store, assets: Path) -> None:
    repository.create(scenario.default_branch)
    build(scenario, repository, store, assets)
    install_hook(repository.path)
    store.settings.scenario = digest
    store.commit()


def _listening(application: Application, port: int) -> Server:
    try:
        return Server(application, port)
    except OSError as error:
        raise SandboxError(f"port {port} can't be used: {error.strerror}", during=DURING) from error
