"""GitHub Actions: the environment variables of a job, and its outputs, summary and log commands."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from release_tool.errors import BugError, UsageError
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Level = Literal["error", "warning", "notice"]

_SUMMARY_LIMIT = 1024 * 1024
_CUT = "\n\n*The summary is cut here: GitHub shows no more than 1 MiB.*\n"
_SHOWN = 200
_NUMBER = re.compile(r"[0-9]{1,18}")
_OUTPUT_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_COMMAND = r"(?m)^[\s\u180e\u200b-\u200d\u2060\ufeff]*:(?=:)|##(?=\[)"
"""Where the runner looks for a command: `::` first in a line, and the older `##[` anywhere."""
_LINE_END = r"\r\n?"


class Actions:
    """A job of GitHub Actions as its environment variables tell it; outside of one, most of it is empty."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.enabled = self._get("GITHUB_ACTIONS") == "true"
        """Whether we run in a job."""
        self.run = self._number("GITHUB_RUN_ID")
        """The id of the workflow run; 0 outside of one."""
        self.attempt = self._number("GITHUB_RUN_ATTEMPT")
        """The number of the run's attempt; 0 outside of one."""
        self.job = self._get("GITHUB_JOB")
        """The name of the job in its workflow, which is not the id that the API knows it by."""
        self.runner = self._get("RUNNER_NAME")
        """The name of the machine that runs the job."""
        self.actor = self._get("GITHUB_TRIGGERING_ACTOR") or self._get("GITHUB_ACTOR")
        """Who started this attempt, which may be somebody else than who started the run."""
        self.event_name = self._get("GITHUB_EVENT_NAME")
        """What happened, such as `push`; in a called workflow it is what the caller was started by."""
        self.sha = self._get("GITHUB_SHA")
        """The commit that the run is on."""
        self.repository = self._get("GITHUB_REPOSITORY")
        """`owner/name` of the repository that the run belongs to."""
        self.server_url = self._get("GITHUB_SERVER_URL") or "https://github.com"
        """Where people and git find GitHub."""
        self.api_url = self._get("GITHUB_API_URL") or "https://api.github.com"
        """Where the REST API is."""
        self.graphql_url = self._get("GITHUB_GRAPHQL_URL") or "https://api.github.com/graphql"
        """Where the GraphQL API is."""
        self.run_url = f"{self.server_url}/{self.repository}/actions/runs/{self.run}" if self.run else ""
        """The page of the run; empty outside of one."""

    @property
    def branch(self) -> str | None:
        """The branch that the run is on."""
        return self._get("GITHUB_REF_NAME") or None if self._get("GITHUB_REF_TYPE") == "branch" else None

    @property
    def tag(self) -> str | None:
        """The tag that the run is on."""
        return self._get("GITHUB_REF_NAME") or None if self._get("GITHUB_REF_TYPE") == "tag" else None

    @property
    def pushed_tag(self) -> str | None:
        """The tag whose push started the run."""
        return self.tag if self.event_name == "push" else None

    @functools.cached_property
    def event(self) -> dict[str, object]:
        """The payload of the event; raises UsageError where it can't be read."""
        path = self._get("GITHUB_EVENT_PATH")
        if not path:
            return {}
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, object])
        except (OSError, *UNREADABLE) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or str(error)
            raise UsageError(f"the event in {path[:_SHOWN]} can't be read: {why[:_SHOWN]}") from error

    # What a job reports

    def write_outputs(self, outputs: Mapping[str, str]) -> None:
        """Set outputs of the step, where there is one; no value, whatever it contains, can set another output."""
        text = "".join(_output(name, value) for name, value in outputs.items())
        if path := self._get("GITHUB_OUTPUT"):
            with self._warned("the outputs of the step"):
                _append(Path(path), text.encode(errors="replace"))

    def write_summary(self, markdown: str) -> None:
        """Add to the summary of the step, where there is one; what GitHub would refuse as too long is cut off."""
        path = self._get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        with self._warned("the summary of the step"):
            file = Path(path)
            used = file.stat().st_size if file.exists() else 0
            _append(file, _fitting(f"{markdown.rstrip()}\n".encode(errors="replace"), _SUMMARY_LIMIT - used))

    @contextlib.contextmanager
    def _warned(self, what: str) -> Iterator[None]:
        """Warn of what can't be written for the step: the work that it would have reported is done, and stays."""
        try:
            yield
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or "no file can have that name"
            warning = self.annotation("warning", f"{what} can't be written: {why}", title="release-tool")
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{warning if self.enabled else f'warning: {what} can not be written: {why}'}\n")
                sys.stderr.flush()

    def annotation(self, level: Level, message: str, *, title: str = "") -> str:
        """The line that, printed in a job, makes GitHub show a message at the top of the run."""
        named = f" title={_property(title)}" if title else ""
        return f"::{level}{named}::{_data(message)}"

    def safe_log(self, text: str) -> str:
        """Text for the log of a job in which no line is taken for a command; elsewhere it stays as it is."""
        return re.sub(_COMMAND, "\\g<0>\u200b", re.sub(_LINE_END, "\n", text)) if self.enabled else text

    def mask(self, secret: str) -> str:
        """The lines that, printed in a job, make GitHub hide a secret in all that is printed later."""
        return "\n".join(f"::add-mask::{_data(line)}" for line in secret.splitlines() if line.strip())

    def _get(self, name: str) -> str:
        return self._environment.get(name, "").encode(errors="replace").decode()

    def _number(self, name: str) -> int:
        return int(value) if _NUMBER.fullmatch(value := self._get(name)) else 0


def _output(name: str, value: str) -> str:
    """One output; where it has several lines, nobody can guess the one that ends it."""
    if not re.fullmatch(_OUTPUT_NAME, name):
        raise BugError(f"{name!r} is no name of an output")
    if "\n" not in value and "\r" not in value:
        return f"{name}={value}\n"
    import secrets  # takes longer to load than all else here, and is seldom needed

    end = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _fitting(text: bytes, room: int) -> bytes:
    """As much of a text as there is room for, with a line that says where it was cut; never a part of a letter."""
    if len(text) <= room:
        return text
    kept = max(room - len(_CUT.encode()), 0)
    return text[:kept].decode(errors="ignore").encode() + _CUT.encode() if room >= len(_CUT.encode()) else b""


def _append(file: Path, text: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
