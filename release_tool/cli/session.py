"""What commands share: the project they work on, built once from the environment, and how they print."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from release_tool.cli import DOCUMENTED, PATIENCE
from release_tool.cli.colour import colour
from release_tool.config.read import FILES, choose, parse
from release_tool.errors import RefusedError, UsageError
from release_tool.git.push import Branches
from release_tool.git.repository import Git, parse_remote
from release_tool.github.actions import Actions
from release_tool.model.tags import Owner
from release_tool.project import Project
from release_tool.system import host, process
from release_tool.system.clock import SystemClock
from release_tool.system.patience import Patience
from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from release_tool.cli import Options
    from release_tool.config.model import Config
    from release_tool.github.actions import Level
    from release_tool.github.api import GitHub, WorkflowJob
    from release_tool.notify.channels import Channels
    from release_tool.notify.notice import Notice, SendReport
    from release_tool.notify.send import Notifier
    from release_tool.project import Notify


_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_TOKEN = r"[!-~]{1,4096}"  # noqa: S105 - what one looks like
_ADDRESS = r"[!-~]{1,2048}"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SHOWN = 200
"""Characters of an input that an error shows."""


class _Place(NamedTuple):
    """A repository: its server, its `owner/name`, and the remote (or URL) that git knows it by."""

    server: str
    repository: str
    remote: str


class Session:
    """One run of one command: results go to standard output, everything else to standard error."""

    def __init__(self, options: Options, environment: Mapping[str, str], patience: Patience | None = None) -> None:
        self.options = options
        self.patience = patience or Patience()
        self.actions = Actions(environment)
        self._environment = environment
        self._colour = colour(environment)
        self.above: Callable[[str], None] | None = None
        """What shows a styled line above a live view, while there is one."""

    def project(self) -> Project:
        """The repository that the command stands in; raises UsageError where there is none."""
        git = Git.find(Path.cwd())
        server, repository, remote = self._place(git)
        token, source = self._token(server)
        settings = read_config(git, self.options.config)
        ours = token if self.actions.enabled else None  # a person's git has credentials of its own
        patience = msgspec.structs.replace(self.patience, max_wait=settings.max_wait)
        git = git.reached(token=ours or None, server_url=server, remote=remote, patience=patience)
        return Project(
            git=git,
            config=settings,
            actions=self.actions,
            clock=self.patience.clock,
            owner=self._owner(),
            repository=repository,
            web_url=f"{server}/{repository}" if repository else "",
            github=self._github(server, repository, token, source, patience) if token and repository else None,
            branches=Branches(git, token=token or None),
            say=self.say,
            notify=self._notify(git, settings),
            settling=0 if _is_loopback(self.actions.api_url) else 2,
        )

    def channels(self, settings: Config) -> Channels:
        """Where messages go."""
        from release_tool.notify.channels import Channels

        return Channels(settings.channels, self._environment, SystemClock())

    def notifier(self, git: Git, settings: Config) -> Notifier:
        """What sends notifications, by a configuration and with the templates of a clone."""
        from release_tool.notify.send import Notifier

        return Notifier(settings, git.root, self.channels(settings), self.say)

    def _notify(self, git: Git, settings: Config) -> Notify:
        """The same, made when there is something to tell."""

        def tell(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
            return self.notifier(git, settings)(notice, only=only)

        return tell

    def say(self, text: str) -> None:
        """Tell the person what is being done."""
        line = self.actions.safe_log(click.style(visible_block(text), dim=True))
        if self.above:
            self.above(line)
        else:
            click.echo(line, err=True, color=self._colour)

    def show_job(self, run_url: str) -> Callable[[WorkflowJob], None]:
        """What shows each job of a followed run, and where a person has to approve one."""

        def show(job: WorkflowJob) -> None:
            state = job.conclusion or job.status
            self.say(f"{job.name}: {state}" + (f"; approve it on {run_url}" if state == "waiting" else ""))

        return show

    def show(self, text: str) -> None:
        """Print a result for people, in which no terminal escape but our own is left."""
        click.echo(self.actions.safe_log(text), color=self._colour)

    def show_as_written(self, text: str) -> None:
        """Print a text that people wrote: exactly, but where people look at it without terminal escapes."""
        self.show(visible_block(text) if self.actions.enabled or sys.stdout.isatty() else text)

    def annotate(self, level: Level, message: str, *, title: str) -> None:
        """Show a message at the top of the run in Actions; elsewhere the printed result says it."""
        if self.actions.enabled:
            click.echo(self.actions.annotation(level, visible_block(message), title=title), err=True)

    def document(self, fields: Mapping[str, object]) -> None:
        """Print a result for programs: one document, and nothing else on standard output."""
        import json

        click.echo(json.dumps({"schema": 1, **fields}, ensure_ascii=False, indent=2))
        click.get_current_context().meta[DOCUMENTED] = True

    def confirm(self, question: str) -> None:
        """Ask before something that can't be undone; raises RefusedError where it is not confirmed."""
        if not self.agrees(question):
            raise _nobody_agreed()

    def agrees(self, question: str) -> bool:
        """Ask, and return the answer; raises RefusedError where there is none."""
        try:
            return click.confirm(question, err=True)
        except click.Abort:
            click.echo(err=True)  # the answer that never came would have ended the line
            raise _nobody_agreed() from None

    def person(self) -> str:
        """Who types this, or who started the run."""
        return self.actions.actor or host.this_process().user

    def _owner(self) -> Owner:
        if self.actions.run:
            return Owner(run=self.actions.run, attempt=self.actions.attempt)
        return msgspec.structs.replace(host.this_process())

    def _place(self, git: Git) -> _Place:
        """Where the repository is: as asked for, as Actions says, or as the remote tells."""
        url = git.remote_url() or ""
        named, scheme = parse_remote(url), url.partition(":")[0].lower()
        server = f"{'http' if scheme == 'http' else 'https'}://{named[0]}" if named else "https://github.com"
        if "GITHUB_SERVER_URL" in self._environment:
            server = self.actions.server_url
            _insist_on_address("GITHUB_SERVER_URL", server)
        asked = self.options.repo or self.actions.repository or (named[1] if named else "")
        if asked and not _REPOSITORY.fullmatch(asked):
            raise UsageError(f"--repo {asked[:_SHOWN]!r} is not of the form OWNER/NAME", todo="name it as `acme/shop`")
        if not asked or (named and named[1].casefold() == asked.casefold()):
            return _Place(server, asked, git.remote)
        return _Place(server, asked, git.remote_named(asked) or f"{server}/{asked}.git")

    def _token(self, server: str) -> tuple[str, str]:
        """The token and where it came from; both are empty where there is none."""
        for name in ("GITHUB_TOKEN", "GH_TOKEN"):
            if token := self._environment.get(name, "").strip():
                if not re.fullmatch(_TOKEN, token):
                    raise UsageError(
                        f"{name} does not hold a token", todo="set it to the token alone, as GitHub made it"
                    )
                return token, name
        if not process.is_there("gh") or not server.startswith("https://"):
            return "", ""
        host = server.removeprefix("https://").partition("/")[0]
        done = process.run(["gh", "auth", "token", "--hostname", host], ok=range(256))
        return done.text.strip() if done.code == 0 else "", "gh auth token"

    def _github(self, server: str, repository: str, token: str, source: str, patience: Patience) -> GitHub:
        from release_tool.github.api import GitHub

        api_url, graphql_url = self.actions.api_url, self.actions.graphql_url
        if server != "https://github.com" and "GITHUB_API_URL" not in self._environment:
            api_url, graphql_url = f"{server}/api/v3", f"{server}/api/graphql"
        _insist_on_address("GITHUB_API_URL", api_url)
        _insist_on_address("GITHUB_GRAPHQL_URL", graphql_url)
        return GitHub(
            repository,
            token=token,
            token_source=source,
            api_url=api_url,
            graphql_url=graphql_url,
            clock=patience.clock,
            max_wait=patience.max_wait.total_seconds(),
            silence=patience.silence,
            seconds_between_writes=0 if _is_loopback(api_url) else 1,
        )


def _insist_on_address(name: str, url: str) -> None:
    """Raise UsageError where a variable holds no address that could be asked."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or not re.fullmatch(_ADDRESS, url):
        raise UsageError(
            f"{name} is not a URL: {url[:_SHOWN]!r}", todo=f"set {name} to a URL as Actions does, or unset it"
        )


def _nobody_agreed() -> RefusedError:
    return RefusedError("aborted: not confirmed", already="nothing was written", todo="confirm, or pass `--yes`")


def _is_loopback(url: str) -> bool:
    """Whether a stand-in on this machine is asked, which minds no haste, and shows at once what was written."""
    if not any(name in url.lower() for name in _LOOPBACK):
        return False
    from urllib.parse import urlsplit  # takes longer to load than most of us

    return urlsplit(url).hostname in _LOOPBACK


def current_session() -> Session:
    """The session of the command that is being run."""
    context = click.get_current_context()
    return Session(context.find_root().obj, os.environ, context.meta.get(PATIENCE))


def read_config(git: Git, named: str) -> Config:
    """Read the configuration: the named file, else the one of the usual files that has any; in a bare clone of HEAD."""
    if named:
        return parse(_text(Path(named)), Path(named).name)
    return choose({name: text for name in FILES if (text := _configured(git, name)) is not None})


def _configured(git: Git, name: str) -> str | None:
    path = git.root / name
    if path.is_file():
        return _text(path)
    content = git.file("HEAD", name) if git.is_bare else None
    return None if content is None else content.decode(errors="replace")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or "it is not UTF-8"
        raise UsageError(
            f"{str(path)[:_SHOWN]} can't be read: {why}", todo="name a readable file with `--config`"
        ) from error
