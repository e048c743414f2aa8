"""The files that a repository is set up with: which are kept up to date, and who changed them since."""

from __future__ import annotations

import enum
import hashlib
import re

import msgspec

from release_tool.model.version import parse_version, precedence

WORKFLOWS = ".github/workflows"
ACTION = ".github/actions/release-tool/action.yml"
INSTALL = ".github/actions/release-tool/install.sh"
LOCK = ".github/actions/release-tool/requirements.txt"
UV = ".github/actions/release-tool/uv.txt"
INSTALLERS = frozenset({INSTALL, LOCK, UV})
"""What the action installs the tool with; the tool's own repository has them elsewhere."""

RELEASING = "RELEASING.md"
CHECKS = f"{WORKFLOWS}/pr-checks.yml"
_YOURS = (f"{WORKFLOWS}/build.yml", f"{WORKFLOWS}/cloud-tests.yml", CHECKS)
"""The workflows that are written once and belong to the user from then on; all others are kept up to date."""

RUNNER = "ubuntu-latest"
APP, APP_KEY = "RELEASE_TOOL_APP", "RELEASE_TOOL_APP_KEY"
"""The variable and the secret that name a GitHub App and hold its key."""

_MARK = re.compile(
    r"(?:# |<!-- )Kept by release-tool (?P<version>\S+) \(sha256:(?P<digest>[0-9a-f]{16})\)[^\n]*\n", re.ASCII
)
_WHY = "Edit it and it is yours: the next `release-tool init` asks before it changes it."
_PASSED = re.compile(r"^ {6}(?P<name>\w+): \$\{\{ secrets\.(?P=name) \}\}$", re.MULTILINE)
_RUNS_ON = re.compile(r"^ +runs-on: (?P<runner>.+)$", re.MULTILINE)
_SOURCE = re.compile(r"^ +SOURCE: (?P<source>\S+)$", re.MULTILINE)


class FileState(enum.Enum):
    """How a file of a repository stands to the one that would be written."""

    NEW = "new"
    CURRENT = "current"
    OLDER = "older"
    """We wrote it, and nobody has touched it since."""
    CHANGED = "changed"
    """Somebody else wrote or changed it, or a newer version of ours did."""
    YOURS = "yours"
    """It was written once, and is the user's whatever is in it."""


class ManagedFile(msgspec.Struct, frozen=True):
    """One file of a repository as it should be, and as it is (None where it is missing)."""

    path: str
    text: str
    there: str | None
    state: FileState


def is_kept(path: str) -> bool:
    """Whether a file stays ours, and is kept up to date; what is not is written once, and then the user's."""
    return path in {ACTION, RELEASING} | INSTALLERS or (path.startswith(f"{WORKFLOWS}/") and path not in _YOURS)


def sign(path: str, text: str, version: str) -> str:
    """Mark a file as ours, by a first line with the version and a digest of the rest; not what is the user's."""
    if not is_kept(path):
        return text
    line = f"Kept by release-tool {version} (sha256:{_digest(text)}). {_WHY}"
    return (f"<!-- {line} -->\n" if path.endswith(".md") else f"# {line}\n") + text


def compare(path: str, text: str, there: str | None) -> ManagedFile:
    """Tell how a file that is there stands to a signed text that would be written in its place."""
    return ManagedFile(path, text, there, _state(path, text, there))


def version_of(text: str) -> str:
    """The version of ours that wrote a file; empty where none did."""
    mark = _MARK.match(text)
    return mark["version"] if mark else ""


def source_of(action: str) -> str:
    """What an action that we wrote installs the tool from; empty where it does not say."""
    found = _SOURCE.search(action)
    return found["source"] if found and "${{" not in found["source"] else ""


def is_own(action: str) -> bool:
    """Whether an action installs the tool from the checkout: only the tool's own repository does."""
    return "SOURCE: ${{ github.action_path }}" in action


def runner_of(workflow: str) -> str:
    """What a workflow that we wrote runs on."""
    found = _RUNS_ON.search(workflow)
    return found["runner"] if found else RUNNER


def has_app(workflow: str) -> bool:
    """Whether a GitHub App acts in a workflow that we wrote."""
    return f"secrets.{APP_KEY}" in workflow


def passed(workflow: str) -> frozenset[str]:
    """The secrets that a deployment workflow hands on to commands, by their names."""
    return frozenset(_PASSED.findall(workflow))


def _state(path: str, text: str, there: str | None) -> FileState:
    if there is None:
        return FileState.NEW
    there = there.replace("\r\n", "\n")
    if not is_kept(path):
        return FileState.YOURS
    body = _body(there)
    if body == _body(text):
        return FileState.CURRENT
    mark = _MARK.match(there)
    if mark is None or mark["digest"] != _digest(body) or _is_newer(mark["version"], text):
        return FileState.CHANGED
    return FileState.OLDER


def _body(text: str) -> str:
    """A file without the line that marks it."""
    mark = _MARK.match(text)
    return text[mark.end() :] if mark else text


def _is_newer(version: str, text: str) -> bool:
    mark = _MARK.match(text)
    theirs, ours = parse_version(version), parse_version(mark["version"] if mark else "")
    return theirs is not None and ours is not None and precedence(theirs) > precedence(ours)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
