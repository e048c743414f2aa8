"""The files that a repository is set up with: which are kept up to date, and who changed them since."""

from __future__ import annotations

import enum
import hashlib
import re

import msgspec

from release_tool.deploy.our_workflows import role_of
from release_tool.model.version import parse_version, precedence

WORKFLOWS = ".github/workflows"
RELEASE = f"{WORKFLOWS}/release-tool.yml"
POLICY = f"{WORKFLOWS}/release-tool-policy.yml"
DEPLOY = f"{WORKFLOWS}/release-tool-deploy.yml"
LOOK = f"{WORKFLOWS}/release-tool-look.yml"
DEPLOY_SETUP = ".github/actions/deploy-setup/action.yml"
RELEASING = "RELEASING.md"
_KEPT = frozenset({RELEASE, POLICY, DEPLOY, LOOK, RELEASING})
"""The files that are kept up to date; all others are written once and belong to the user from then on."""

RUNNER = "ubuntu-latest"
APP, APP_KEY = "RELEASE_TOOL_APP", "RELEASE_TOOL_APP_KEY"
"""The variable and the secret that name a GitHub App and hold its key."""

_MARK = re.compile(
    r"(?:# |<!-- )Kept by release-tool (?P<version>\S+) \(sha256:(?P<digest>[0-9a-f]{16})\)[^\n]*\n", re.ASCII
)
_WHY = "Edit it and it is yours: the next `release-tool init` asks before it changes it."
_YOURS = re.compile(
    r"^(?P<begin> *# Yours \((?P<name>\w+)\)[^\n]*: from here\n)(?P<own>.*?)"
    r"^(?P<end> *# Yours \((?P=name)\)[^\n]*: to here\n)",
    re.DOTALL | re.MULTILINE,
)
_PIN = re.compile(r"^(?P<use> *(?:- )?uses: [^\s@#]+)@[^\n]*$", re.MULTILINE)
_ACTION = re.compile(
    r"^ +uses: (?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>\S+)(?: # v(?P<version>\S+))?\n"
    r" +with:\n(?: +(?:app|app-key|ref): [^\n]*\n)* +(?:run|start): ",
    re.MULTILINE,
)
"""How a step of ours uses the tool's action, whatever that is called."""
_PASSED = re.compile(r"^ +(?P<name>\w+): \$\{\{ secrets\.(?P=name) \}\}$", re.MULTILINE)
_GRANT = re.compile(r"^ {6}(?P<what>[a-z]+(?:-[a-z]+)*): (?P<level>read|write)\b", re.MULTILINE)
_RUNS_ON = re.compile(r"^ +runs-on: (?P<runner>.+)$", re.MULTILINE)


class FileState(enum.Enum):
    """How a file of a repository stands to the one that would be written."""

    NEW = "new"
    CURRENT = "current"
    OLDER = "older"
    """We wrote it, and nobody has touched it since."""
    CHANGED = "changed"
    """Somebody changed it, or a newer version of ours wrote it."""
    STRANGE = "strange"
    """It has the name of one of ours, and is somebody else's."""
    GONE = "gone"
    """An older version of ours wrote it, nobody has touched it since, and it is not needed any more."""
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
    return path in _KEPT


def is_ours(text: str) -> bool:
    """Whether we wrote a file, even if somebody changed it since."""
    return bool(_MARK.match(text.replace("\r\n", "\n")) or role_of(text))


def is_untouched(text: str) -> bool:
    """Whether a file is as we wrote it."""
    body, mark = _body(text.replace("\r\n", "\n")), _MARK.match(text.replace("\r\n", "\n"))
    return mark is not None and mark["digest"] in {_digest(body), _digest(_plain(body))}


def sign(path: str, text: str, version: str) -> str:
    """Mark a file as ours, by a first line with the version and a digest of the rest; not what is the user's."""
    if not is_kept(path):
        return text
    line = f"Kept by release-tool {version} (sha256:{_digest(_plain(text))}). {_WHY}"
    return (f"<!-- {line} -->\n" if path.endswith(".md") else f"# {line}\n") + text


def compare(path: str, text: str, there: str | None) -> ManagedFile:
    """Tell how a file that is there stands to a signed text that would be written in its place.

    What is the user's in the one that is there stays as it is in what would be written.
    """
    text = _carried(text, there)
    return ManagedFile(path, text, there, _state(path, text, there))


def version_of(text: str) -> str:
    """The version of ours that wrote a file; empty where none did."""
    mark = _MARK.match(text)
    return mark["version"] if mark else ""


def source_of(workflow: str) -> str:
    """What a workflow that we wrote takes the tool from, as `uses:` names it; empty where it does not say."""
    found = _ACTION.search(workflow)
    return f"{found['repository']}@{found['commit']}" if found else ""


def runner_of(workflow: str) -> str:
    """What a workflow that we wrote runs on."""
    found = _RUNS_ON.search(workflow)
    return found["runner"] if found else RUNNER


def has_app(workflow: str) -> bool:
    """Whether a GitHub App acts in a workflow that we wrote."""
    return f"secrets.{APP_KEY}" in workflow


def own_part(workflow: str, name: str) -> str | None:
    """The steps that are the user's in a workflow that we wrote, by the name of the part; None where it has none."""
    parts = _YOURS.finditer(workflow.replace("\r\n", "\n"))
    return next((found["own"] for found in parts if found["name"] == name), None)


def passed(workflow: str, job: str) -> frozenset[str]:
    """The secrets that a job of a workflow is given, by their names."""
    return frozenset(_PASSED.findall(_job(workflow, job)))


def granted(workflow: str, job: str) -> dict[str, str]:
    """What the token of a job of a workflow may do."""
    return {found["what"]: found["level"] for found in _GRANT.finditer(_job(workflow, job))}


def _job(workflow: str, name: str) -> str:
    found = re.search(rf"^  {name}:[^\n]*\n(?P<lines>(?:(?:    [^\n]*)?\n)+)", workflow, re.MULTILINE)
    return found["lines"] if found else ""


def _carried(text: str, there: str | None) -> str:
    kept = {found["name"]: found["own"] for found in _YOURS.finditer((there or "").replace("\r\n", "\n"))}
    return _YOURS.sub(lambda found: found["begin"] + kept.get(found["name"], found["own"]) + found["end"], text)


def _state(path: str, text: str, there: str | None) -> FileState:
    if there is None:
        return FileState.NEW
    there = there.replace("\r\n", "\n")
    if not is_kept(path) or (path == RELEASING and not is_ours(there)):
        return FileState.YOURS
    body, wanted = _body(there), _body(text)
    if _plain(body) == _plain(wanted) and _action_version(body) == _action_version(wanted):
        return FileState.CURRENT
    if not is_ours(there):
        return FileState.STRANGE
    if not is_untouched(there) or _is_newer(there, text):
        return FileState.CHANGED
    return FileState.OLDER


def _body(text: str) -> str:
    """A file without the line that marks it."""
    mark = _MARK.match(text)
    return text[mark.end() :] if mark else text


def _plain(body: str) -> str:
    """What of a file is ours alone: neither the parts that are the user's, nor pins, which bots raise."""
    return _PIN.sub(r"\g<use>", _YOURS.sub(r"\g<begin>\g<end>", body))


def _action_version(workflow: str) -> str:
    found = _ACTION.search(workflow)
    return (found["version"] or "") if found else ""


def _is_newer(there: str, text: str) -> bool:
    """Whether a newer version of ours wrote it, or a bot raised the action above ours."""
    ours = parse_version(version_of(text))
    theirs = (parse_version(version_of(there)), parse_version(_action_version(there)))
    return ours is not None and any(one is not None and precedence(one) > precedence(ours) for one in theirs)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
