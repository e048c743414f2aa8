"""How git is called: with nothing of a user's settings that would change what it says, and with our token."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import (
    NoAnswerError,
    PermissionDeniedError,
    RateLimitedError,
    RemoteError,
    UsageError,
)
from release_tool.git.objects import READER, Objects
from release_tool.system import process
from release_tool.system.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from release_tool.git.objects import Object

_CONFIG = (
    "color.ui=false",
    "core.quotePath=false",
    "diff.ignoreSubmodules=none",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.mailmap=false",
    "log.showSignature=false",
)
"""What a user's configuration must not change."""

_ENVIRONMENT: Mapping[str, str | None] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",  # GitHub does not see local replacements either
    # Inside a git hook these name the repository of the hook, and we are bound to a directory.
    **dict.fromkeys(
        (
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_COMMON_DIR",
            "GIT_DIR",
            "GIT_GRAFT_FILE",
            "GIT_INDEX_FILE",
            "GIT_NAMESPACE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_PREFIX",
            "GIT_SHALLOW_FILE",
            "GIT_WORK_TREE",
        )
    ),
}

_NO_LAZY_FETCH: Mapping[str, str | None] = {"GIT_NO_LAZY_FETCH": "1"}
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_LISTING = 4
"""A list of refs must be there within so many times the silence that is borne; what is fetched may be long."""
_LEAST_SPEED = 1
"""Bytes in a second; a server that still packs says less than a sentence every five seconds, and no more."""

_LIMITED = r"(?i)rate limit|abuse detection|returned error: 429|RPC failed; HTTP 4(?:29|03)"
"""A limit; rights are refused before the first request that would do anything, so what comes then is one, too."""
_DENIED = (
    r"returned error: 40[13]|Permission to \S+ denied|Permission denied|could not read Username"
    r"|Authentication failed"
)
_SILENT = (
    r"unable to access '[^']*': (?!The requested URL returned error: 4)(?!.*certificate)"
    r"|returned error: 5\d\d|HTTP 5\d\d|RPC failed|early EOF|hung up|unexpected disconnect|expected flush"
    r"|bytes of body are still expected|bad line length|invalid server response|not valid: is this a git repository"
    r"|Operation too slow|[Cc]onnection (?:reset|timed out|closed|refused)|did not end within|no branch and no tag"
)
"""What git says of a server that did not answer, or gave no answer of git's."""
_TOKEN_VARIABLE = "RELEASE_TOOL_GIT_HEADER"  # noqa: S105 - the name of a variable, not a token


class Layout(msgspec.Struct, frozen=True):
    """Where a repository keeps what, and how it names its objects; `top` is None where it is bare."""

    directory: Path
    objects: Path
    shallow: Path
    object_format: str
    top: Path | None


class GitProgram:
    """The git program in one directory; `token` goes to that server only, and never into an argv.

    What reads over the network is asked again with `patience`.
    `config` and `variables` come on top of the settings and the environment that it has anyway.
    """

    def __init__(  # noqa: PLR0913 - where it is, who asks, how long, and what comes on top
        self,
        directory: Path,
        *,
        token: str | None,
        server_url: str,
        patience: Patience | None = None,
        config: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self._token = token
        self._server_url = server_url.rstrip("/")
        self.patience = patience or Patience()
        slow = (f"http.lowSpeedLimit={_LEAST_SPEED}", f"http.lowSpeedTime={self.patience.silence}")
        self._config = (*_CONFIG, *slow, *config)
        self._variables = variables or {}

    def run(
        self,
        *args: str,
        ok: Collection[int] = (0,),
        stdin: bytes = b"",
        env: Mapping[str, str | None] | None = None,
        timeout: float | None = None,
    ) -> process.Finished:
        """Run git to its end, with more variables; raises RemoteError in git's own words for a code that isn't `ok`."""
        with _told(args[0]):
            return process.run(
                self._argv(args),
                cwd=self.directory,
                env={**self._environment, **(env or {})},
                ok=ok,
                stdin=stdin,
                timeout=timeout or self.patience.deadline,
            )

    def run_here(self, *args: str, ok: Collection[int] = (0,), stdin: bytes = b"") -> process.Finished:
        """The same, but a partial clone fetches nothing for it."""
        return self.run(*args, ok=ok, stdin=stdin, env=_NO_LAZY_FETCH)

    def read(self, names: Iterable[str]) -> Iterator[Object | None]:
        """The object of each name (a hash, a ref, `COMMIT:PATH`), None where there is none; raises RemoteError."""
        for name, found in zip(asked := list(names), self.read_here(asked), strict=True):
            if found or not self._lacks_objects:
                yield found
            else:
                with _told(READER[0]):
                    yield from self._objects.read([name])

    def read_here(self, names: Iterable[str]) -> Iterator[Object | None]:
        """The same, but a partial clone fetches nothing for it."""
        with _told(READER[0]):
            yield from self._objects_here.read(map(safe, names))

    def read_anew(self) -> None:
        """Forget what was read of a history that may be longer now."""
        self._objects.restart()
        self._objects_here.restart()

    @functools.cached_property
    def layout(self) -> Layout:
        """Where the repository keeps what."""
        paths = ("--git-path", "objects", "--git-path", "shallow")
        asked = ("--show-object-format", "--absolute-git-dir", *paths, "--show-cdup")
        object_format, directory, objects, shallow, *up = self.run("rev-parse", *asked).text.splitlines()
        return Layout(
            directory=Path(directory),
            objects=(self.directory / objects).resolve(),
            shallow=(self.directory / shallow).resolve(),
            object_format=object_format,
            top=(self.directory / up[0]).resolve() if up else None,
        )

    @functools.cached_property
    def _lacks_objects(self) -> bool:
        """Whether this is a partial clone, in which git may fetch what is asked for."""
        places = {self.layout.objects, self.layout.directory / "objects"}
        return any(next(place.glob("pack/*.promisor"), None) for place in places)

    def line(self, *args: str) -> str:
        """What git says, as one line."""
        return self.run(*args).text.removesuffix("\n")

    def stream(self, *args: str, separator: bytes = b"\n", keep: int | None = None) -> Iterator[bytes]:
        """What git says, piece by piece."""
        with _told(args[0]):
            yield from process.stream(
                self._argv(args), cwd=self.directory, env=self._environment, separator=separator, keep=keep
            )

    def remote(self, *args: str) -> process.Finished:
        """Read over the network, again where the remote did not answer; raises RemoteError, and for a right it says."""
        return self.patience.ask(lambda _: self._reached(*args))

    def refs(self, remote: str) -> str:
        """The branches and tags of a remote, as `git ls-remote` lists them.

        An empty list is no answer: git takes whatever comes with a 200 for the refs, be it nothing at all.
        """

        def once(_: int) -> str:
            listing = ("ls-remote", "--quiet", "--heads", "--tags", remote)
            listed = self._reached(*listing, timeout=_LISTING * self.patience.silence).text
            if "\trefs/" not in listed:
                raise NoAnswerError(
                    "the remote lists no branch and no tag",
                    during="git ls-remote",
                    already="nothing was done",
                    todo="push a branch, if nothing was ever pushed there; else run the command again later",
                )
            return listed

        return self.patience.ask(once)

    @contextlib.contextmanager
    def impatient(self) -> Iterator[None]:
        """Ask a remote once, and wait for nothing, while something else must not be kept waiting."""
        patient = self.patience
        self.patience = msgspec.structs.replace(patient, max_wait=timedelta())
        try:
            yield
        finally:
            self.patience = patient

    def with_token(self, token: str) -> GitProgram:
        """The same repository, reached with another token."""
        return GitProgram(self.directory, token=token, server_url=self._server_url, patience=self.patience)

    def writing_into(self, objects: Path) -> GitProgram:
        """The same repository, but every object that is fetched or made is written into another directory."""
        return self._with(variables={"GIT_OBJECT_DIRECTORY": str(objects)})

    def beside(self, directory: Path, config: Sequence[str]) -> GitProgram:
        """The same repository with another directory as its working tree, and an index of its own in there."""
        variables = {
            "GIT_DIR": str(self.layout.directory),
            "GIT_WORK_TREE": str(directory),
            "GIT_INDEX_FILE": str(directory / ".git"),  # a name that no file of the repository can have
        }
        return self._with(directory, config=config, variables=variables)

    def _with(
        self, directory: Path | None = None, *, variables: Mapping[str, str], config: Sequence[str] = ()
    ) -> GitProgram:
        """The same repository, reached in the same way, with settings and variables of its own."""
        return GitProgram(
            directory or self.directory,
            token=self._token,
            server_url=self._server_url,
            patience=self.patience,
            config=config,
            variables=variables,
        )

    def _reached(self, *args: str, timeout: float | None = None) -> process.Finished:
        """Run what needs the network, once."""
        try:
            return self.run(*args, timeout=timeout)
        except RemoteError as error:
            raise unreached(error) from None

    @functools.cached_property
    def _objects(self) -> Objects:
        return self._reader({})

    @functools.cached_property
    def _objects_here(self) -> Objects:
        return self._reader(_NO_LAZY_FETCH)

    def _reader(self, env: Mapping[str, str | None]) -> Objects:
        """What reads objects; it does not hold us, so that it ends with us."""
        start = functools.partial(
            process.Companion, self._argv(READER), cwd=self.directory, timeout=self.patience.deadline
        )
        return Objects(functools.partial(start, env={**self._environment, **env}))

    def _argv(self, args: Sequence[str]) -> list[str]:
        if "logging" in sys.modules:  # loaded already where it is configured; otherwise loading it takes too long
            import logging
            import shlex

            logging.getLogger(__name__).info("git %s", without_credentials(shlex.join(args)))
        config = [word for setting in self._config for word in ("-c", setting)]
        return ["git", "--no-pager", *config, *self._credentials, *args]

    @functools.cached_property
    def _credentials(self) -> list[str]:
        """Options that send our token, instead of a stored one, to its server only; the token is in a variable."""
        key = f"http.{self._server_url}/.extraHeader"
        return ["-c", f"{key}=", f"--config-env={key}={_TOKEN_VARIABLE}"] if self._token else []

    @functools.cached_property
    def _environment(self) -> Mapping[str, str | None]:
        if not self._token:
            return {**_ENVIRONMENT, **self._variables}
        import base64

        login = base64.b64encode(f"x-access-token:{self._token}".encode()).decode()
        return {**_ENVIRONMENT, **self._variables, _TOKEN_VARIABLE: f"Authorization: Basic {login}"}


def safe(ref: str) -> str:
    """Refuse what git would take for an option."""
    if not ref or ref.startswith(("-", "^")) or any(letter in ref for letter in "\0\r\n"):
        raise UsageError(f"{ref!r} is not a valid name of a commit", todo="name a tag, a branch or a commit")
    return ref


def unreached(error: RemoteError) -> RemoteError | PermissionDeniedError:
    """What a failure of git that needed the network really was: a limit, a missing right, or no answer at all."""
    told: RemoteError | PermissionDeniedError
    if re.search(_LIMITED, error.message):
        told = RateLimitedError(f"the remote's rate limit is used up: {error.message}", None)
        told.during = error.during
    elif re.search(_DENIED, error.message):
        told = PermissionDeniedError(
            f"the remote refuses access to this token or account: {error.message}",
            during=error.during,
            todo="give the job `contents: read`, or use a token or a key that may read the repository",
        )
    else:
        told = (NoAnswerError if re.search(_SILENT, error.message) else RemoteError)(
            error.message,
            during=error.during,
            todo="check the network, the rights and the name (`--repo OWNER/NAME`), then run the command again",
        )
    return told


def without_credentials(text: str) -> str:
    """A text without what stands before the host in its URLs."""
    return _USER_INFO.sub("", text)


@contextlib.contextmanager
def _told(command: str) -> Iterator[None]:
    """Report a failure of git in git's own words, without the credentials that may stand in a URL."""
    try:
        yield
    except process.ProcessError as error:
        lines = (line.strip().removeprefix("fatal: ") for line in error.finished.stderr.splitlines())
        said = without_credentials(" ".join(filter(None, lines)))
        raise RemoteError(said or f"git ended with code {error.finished.code}", during=f"git {command}") from None
