"""The files that a repository is set up with: this project's own workflows, rendered with another project's values."""

from __future__ import annotations

import enum
import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.domain.version import parse_version, precedence
from release_tool.errors import BugError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.config import Config

WORKFLOWS = ".github/workflows"
ACTION = ".github/actions/release-tool/action.yml"
LOCK = ".github/actions/release-tool/requirements.txt"
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
_OWN = re.compile(
    r"^ *# What is this project's own: from here\n(?P<own>.*?)^ *# What is this project's own: to here\n",
    re.DOTALL | re.MULTILINE,
)
_PASS_ENV = re.compile(
    r"^(?P<indent> *)# pass-env:[^\n]*\n(?:(?P=indent)\w+: \$\{\{ secrets\.\w+ \}\}\n)*", re.MULTILINE
)
_PASSED = re.compile(r"^ *(?P<name>\w+): \$\{\{ secrets\.(?P=name) \}\}$", re.MULTILINE)
_RUNS_ON = re.compile(r"^ +runs-on: (?P<runner>.+)$", re.MULTILINE)
_SOURCE = re.compile(r"^ +SOURCE: (?P<source>\S+)$", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
_CALLED = ("publish", "cloud-sync", "deploy", "dashboard")
"""Our own workflows that others of ours call, and that act on GitHub."""

OLD_ARTIFACTS = {
    "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1": (
        "actions/upload-artifact@c24449f33cd45d4826c6702db7e49f7cdb9b551d # v3.2.1-node20"
    ),
    "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1": (
        "actions/download-artifact@ad191675b41f6a5b46da9a048cb6893812da158b # v3.1.0-node20"
    ),
}
"""GitHub Enterprise Server knows the artifacts of version 3 only."""


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What the files of one repository depend on besides its configuration.

    `branch` is the one that is released, `source` what pip installs the tool from, empty for a checkout of the tool
    itself. `server` is the host of a GitHub Enterprise Server. `app` says whether a GitHub App acts. `build`, `test`
    are lines of shell, and `setup` is a step that comes before them.
    """

    branch: str
    source: str
    runner: str = RUNNER
    server: str = ""
    app: bool = False
    setup: str = ""
    build: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class State(enum.Enum):
    """How a file of a repository stands to the one that would be written."""

    NEW = "new"
    CURRENT = "current"
    OLDER = "older"
    """We wrote it, and nobody has touched it since."""
    CHANGED = "changed"
    """Somebody else wrote or changed it, or a newer version of ours did."""
    YOURS = "yours"
    """It was written once, and is the user's whatever is in it."""


class File(msgspec.Struct, frozen=True):
    """One file of a repository as it should be, and as it is (None where it is missing)."""

    path: str
    text: str
    there: str | None
    state: State


def is_kept(path: str) -> bool:
    """Whether a file stays ours, and is kept up to date; what is not is written once, and then the user's."""
    return path in {ACTION, LOCK, RELEASING} or (path.startswith(f"{WORKFLOWS}/") and path not in _YOURS)


def render(shipped: Mapping[str, str], config: Config, values: Values) -> dict[str, str]:
    """Every file of a repository with its text, unsigned; raises BugError where a shipped file can't be rendered."""
    return {path: _rendered(path, text, config, values) for path, text in shipped.items()}


def sign(path: str, text: str, version: str) -> str:
    """Mark a file as ours, by a first line with the version and a digest of the rest; not what is the user's."""
    if not is_kept(path):
        return text
    line = f"Kept by release-tool {version} (sha256:{_digest(text)}). {_WHY}"
    return (f"<!-- {line} -->\n" if path.endswith(".md") else f"# {line}\n") + text


def compare(path: str, text: str, there: str | None) -> File:
    """Tell how a file that is there stands to a signed text that would be written in its place."""
    return File(path, text, there, _state(path, text, there))


def version_of(text: str) -> str:
    """The version of ours that wrote a file; empty where none did."""
    mark = _MARK.match(text)
    return mark["version"] if mark else ""


def source_of(action: str) -> str:
    """What an action that we wrote installs the tool from; empty where it does not say."""
    found = _SOURCE.search(action)
    return found["source"] if found and "${{" not in found["source"] else ""


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


def _state(path: str, text: str, there: str | None) -> State:
    if there is None:
        return State.NEW
    there = there.replace("\r\n", "\n")
    if not is_kept(path):
        return State.YOURS
    body = _MARK.sub("", there, count=1)
    if body == _MARK.sub("", text, count=1):
        return State.CURRENT
    mark = _MARK.match(there)
    if mark is None or mark["digest"] != _digest(body) or _is_newer(mark["version"], text):
        return State.CHANGED
    return State.OLDER


def _is_newer(version: str, text: str) -> bool:
    mark = _MARK.match(text)
    theirs, ours = parse_version(version), parse_version(mark["version"] if mark else "")
    return theirs is not None and ours is not None and precedence(theirs) > precedence(ours)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rendered(path: str, text: str, config: Config, values: Values) -> str:
    name = path.rpartition("/")[2]
    if path == ACTION:
        text = _action(text, values)
    elif path == RELEASING:
        text = _releasing(text, config, values)
    elif name == "release.yml":
        text = _release(text, config, values)
    elif name == "cloud-sync.yml":
        text = _sync(text, config)
    elif name == "deploy.yml":
        text = _deploy(text, config)
    elif _OWN.search(text):
        text = _own(name, text, values)
    return _everywhere(text, values) if path.startswith(WORKFLOWS) else text


def _everywhere(text: str, values: Values) -> str:
    text = text.replace(f"runs-on: {RUNNER}", f"runs-on: {values.runner}")
    text = _with_app(text) if values.app else text
    return _for_enterprise(text, values.server) if values.server else text


def _action(text: str, values: Values) -> str:
    if not values.source:
        return text
    own = "        # This repository builds what it has checked out.\n"
    text = _swap(text, own, "")
    text = _swap(text, "/../../../requirements/tool.txt", "/requirements.txt")
    return _swap(text, "SOURCE: ${{ github.action_path }}/../../..", f"SOURCE: {values.source}")


def _release(text: str, config: Config, values: Values) -> str:
    branches = ", ".join(map(_scalar, (values.branch, *config.maintenance)))
    pushes = f"    branches: [{branches}]\n" if config.release_on == "merge" else ""
    text = _swap(text, '    branches: [main, "*.x"]\n', pushes)
    tags = f"{config.tag_prefix}*" if config.tag_prefix else "[0-9]*"
    text = _swap(text, 'tags: ["v*"]', f"tags: [{_quoted(tags)}]")
    return text.replace("refs/heads/main", f"refs/heads/{values.branch}")


def _sync(text: str, config: Config) -> str:
    """Without a hosted branch there is no push to it, and the deployment of a release still goes this way."""
    push = re.compile(r"^  push:\n    branches: \[cloud\][^\n]*\n", re.MULTILINE)
    found = push.search(text)
    if found is None:
        raise _unrenderable("  push:\n    branches: [cloud]")
    if config.sync is None:
        return push.sub("", text)
    text = text.replace(found[0], found[0].replace("[cloud]", f"[{_scalar(config.sync.branch)}]"))
    return text.replace("run-name: Sync cloud", f"run-name: Sync {config.sync.branch}")


def _deploy(text: str, config: Config) -> str:
    """Hand on the secrets that `pass-env` names, one line each, below the line that marks their place."""
    names = sorted({name for environment in config.environments.values() for name in environment.pass_env})
    if _PASS_ENV.search(text) is None:
        raise _unrenderable("# pass-env:")

    def lines(found: re.Match[str]) -> str:
        mark, indent = found[0].splitlines(keepends=True)[0], found["indent"]
        return mark + "".join(f"{indent}{name}: ${{{{ secrets.{name} }}}}\n" for name in names)

    return _PASS_ENV.sub(lines, text)


def _own(name: str, text: str, values: Values) -> str:
    """Replace what is this project's own way to build or test by the other project's."""
    steps = _steps("Build", values.setup, values.build) if name == "build.yml" else ""
    steps = steps or _steps("Test", values.setup, values.test)
    if name == "pr-checks.yml":
        text = _swap(text, "needs: [style, types, workflows, tests, package]", "needs: [tests]")
        steps = _TESTS_JOB.replace("CHECKOUT", _checkout(text)) + steps + "\n"
    return _OWN.sub(lambda _: steps, text)


_TESTS_JOB = """\
  tests:
    name: Tests
    runs-on: ubuntu-latest
    timeout-minutes: 30
    permissions:
      contents: read # check out the change
    steps:
      - name: Check out
        uses: CHECKOUT
        with:
          persist-credentials: false
"""


def _checkout(text: str) -> str:
    found = re.search(r"uses: (actions/checkout@.*)", text)
    if found is None:
        raise _unrenderable("actions/checkout")
    return found[1]


def _steps(name: str, setup: str, lines: Iterable[str]) -> str:
    commands = "".join(f"          {line}\n" for line in lines)
    return f"{setup}      - name: {name}\n        run: |\n{commands}"


def _releasing(text: str, config: Config, values: Values) -> str:
    text = text.replace("| `main` |", f"| `{values.branch}` |").replace("`main`'s", f"`{values.branch}`'s")
    return text.replace("`cloud`", f"`{config.sync.branch}`") if config.sync else text


def _with_app(text: str) -> str:
    """Let a GitHub App act: each job that has the tool gets its token, and calls hand its key on."""
    install = "        uses: ./.github/actions/release-tool"
    given = f"          app: ${{{{ vars.{APP} }}}}\n          app-key: ${{{{ secrets.{APP_KEY} }}}}\n"
    text = re.sub(
        rf"^{re.escape(install)}[^\n]*\n",
        lambda found: f"        id: tool\n{found[0]}        with:\n{given}",
        text,
        flags=re.MULTILINE,
    )
    text = text.replace("GITHUB_TOKEN: ${{ github.token }}", "GITHUB_TOKEN: ${{ steps.tool.outputs.token }}")
    handed = f"    secrets:\n      {APP_KEY}: ${{{{ secrets.{APP_KEY} }}}}\n"
    calls = re.compile(rf"^    uses: \./{re.escape(WORKFLOWS)}/(?:{'|'.join(_CALLED)})\.yml[^\n]*\n", re.MULTILINE)
    text = calls.sub(lambda found: found[0] + handed, text)
    declared = f"      {APP_KEY}:\n        description: The key of the app that acts\n        required: true\n"
    takes = "  workflow_call:\n"
    return text.replace(takes, f"{takes}    secrets:\n{declared}") if APP_KEY in text else text


def _for_enterprise(text: str, server: str) -> str:
    """Leave out what GitHub Enterprise Server lacks: queues, attestations, newer artifacts; name it to `gh`."""
    text = re.sub(r"^ +queue: max[^\n]*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ +(?:attestations|id-token): write[^\n]*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^      - name: Attest [^\n]*\n(?:        [^\n]*\n)+", "", text, flags=re.MULTILINE)
    for new, old in OLD_ARTIFACTS.items():
        text = text.replace(new, old)
    return re.sub(
        r"^(?P<indent> +)GH_TOKEN: (?P<token>[^\n]*)\n",
        rf"\g<indent>GH_ENTERPRISE_TOKEN: \g<token>\n\g<indent>GH_HOST: {server}\n",
        text,
        flags=re.MULTILINE,
    )


def _scalar(text: str) -> str:
    return (
        text
        if _PLAIN.fullmatch(text) and text not in {"true", "false", "null", "yes", "no", "on", "off"}
        else _quoted(text)
    )


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _swap(text: str, old: str, new: str) -> str:
    if old not in text:
        raise _unrenderable(old)
    return text.replace(old, new)


def _unrenderable(missing: str) -> BugError:
    return BugError(f"a shipped file does not have {missing.strip()!r} any more, which is rendered for each project")
