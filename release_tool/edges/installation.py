"""Where the tool that runs was installed from, so that others can install the very same."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from release_tool.edges.git import Git, parse_remote
from release_tool.errors import ReleaseToolError


class _Vcs(msgspec.Struct, frozen=True):
    commit_id: str


class _DirectUrl(msgspec.Struct, frozen=True):
    """What pip writes down about a package that came from elsewhere than an index (PEP 610)."""

    url: str
    vcs_info: _Vcs | None = None


def source() -> str:
    """What pip installs this very tool from: a commit of its repository, `git+https://…@HASH`; empty if not known."""
    try:
        return source_of(distribution("release-tool-cli").read_text("direct_url.json"))
    except PackageNotFoundError:
        return ""


def source_of(direct_url: str | None) -> str:
    """Read what pip wrote down: a commit of a repository, or a directory that may be a checkout of one."""
    if direct_url is None:
        return ""
    told = msgspec.json.decode(direct_url, type=_DirectUrl)
    if told.vcs_info:
        return f"git+{told.url}@{told.vcs_info.commit_id}"
    return _of_checkout(Path(unquote(urlsplit(told.url).path)))


def _of_checkout(directory: Path) -> str:
    """The commit that is checked out, where the repository that it was cloned from can be reached by others."""
    try:
        git = Git.find(directory)
        named = parse_remote(git.remote_url() or "")
        return f"git+https://{named[0]}/{named[1]}.git@{git.head()}" if named else ""
    except ReleaseToolError:  # the directory is gone, or no repository: what was not found out is asked for
        return ""
