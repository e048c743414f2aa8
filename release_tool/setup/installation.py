"""Where the tool that runs came from, so that others can install the very same: its repository, and its commit."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

import release_tool
from release_tool.errors import ReleaseToolError
from release_tool.git.repository import Git, parse_remote

DISTRIBUTION = "release-tool-cli"
NOBODY = "OWNER"
"""Who owns the repository of the tool, as long as that is not settled."""

_ROOT = Path(release_tool.__file__).parents[1]
_ARCHIVE = ".git_archival.txt"
_NODE = re.compile(r"^node: ([0-9a-f]{40})$", re.MULTILINE)
_BUILT_FROM = re.compile(r"\+g([0-9a-f]{7,40})\b")


class Source(NamedTuple):
    """A repository, as pip names it (`git+https://…`), and a commit or tag of it; what is not known is empty."""

    repository: str
    commit: str

    @property
    def url(self) -> str:
        """What pip installs; empty where a part of it is not known."""
        return f"{self.repository}@{self.commit}" if self.repository and self.commit else ""


class _Vcs(msgspec.Struct, frozen=True):
    commit_id: str


class _DirectUrl(msgspec.Struct, frozen=True):
    """What an installer writes down about a package that came from elsewhere than an index (PEP 610)."""

    url: str
    vcs_info: _Vcs | None = None


def source() -> Source:
    """What installs this very tool."""
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:  # it runs from its folder, without having been installed
        return source_of(None, "", _ROOT)
    home = next((url.partition(", ")[2] for url in installed.metadata.get_all("Project-URL") or ()), "")
    return source_of(installed.read_text("direct_url.json"), home, _ROOT)


def source_of(direct_url: str | None, home: str, root: Path) -> Source:
    """What an installer wrote down, else the folder that was built, else what the build put into the version.

    `home` is the page of the project, `root` the folder that the package lies in.
    """
    written = msgspec.json.decode(direct_url, type=_DirectUrl) if direct_url else None
    fallback = f"git+{home}.git" if home else ""
    if written and written.vcs_info:
        local = urlsplit(written.url).scheme == "file"
        return Source(fallback if local else f"git+{written.url}", written.vcs_info.commit_id)
    folder = Path(unquote(urlsplit(written.url).path)) if written else root
    found = _of_archive(folder) or _of_checkout(folder) or _of_version(release_tool.__version__)
    return Source(found.repository or fallback, found.commit)


def _of_archive(folder: Path) -> Source | None:
    """The commit of an unpacked `git archive`, which is how GitHub hands out an action."""
    try:
        found = _NODE.search((folder / _ARCHIVE).read_text(encoding="utf-8"))
    except OSError:
        return None
    return Source("", found[1]) if found else None


def _of_checkout(folder: Path) -> Source | None:
    """The commit that is checked out, with the repository that it was cloned from where others can reach that."""
    if not (folder / ".git").exists():
        return None
    try:
        git = Git.find(folder)
        named = parse_remote(git.remote_url() or "")
        return Source(f"git+https://{named[0]}/{named[1]}.git" if named else "", git.head())
    except ReleaseToolError:  # a folder that git can't read: the version says less, but something
        return None


def _of_version(version: str) -> Source:
    """The commit that a build between two releases has in its version, else the tag of the release."""
    found = _BUILT_FROM.search(version)
    if found:
        return Source("", found[1])
    return Source("", "" if version.startswith("0.0.0") else f"v{version}")
