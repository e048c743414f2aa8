"""The project's own workflows, rendered with another project's values.

What is replaced has to be there: a shipped file that has changed so far that it can't be rendered is a bug.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import BugError
from release_tool.setup.files import ACTION, APP, APP_KEY, RELEASING, RUNNER, WORKFLOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release_tool.config import Config

_OWN = re.compile(
    r"^ *# What is this project's own: from here\n(?P<own>.*?)^ *# What is this project's own: to here\n",
    re.DOTALL | re.MULTILINE,
)
_PASS_ENV = re.compile(
    r"^(?P<mark>(?P<indent> *)# pass-env:[^\n]*\n(?:(?P=indent)#[^\n]*\n)*)"
    r"(?:(?P=indent)\w+: \$\{\{ secrets\.\w+ \}\}\n)*",
    re.MULTILINE,
)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
_DEPLOYING = frozenset({"cloud-sync.yml", "deploy.yml"})
_CALLED = _DEPLOYING | {"publish.yml", "cloud-advance.yml"}
"""Our own workflows that others of ours call; the way to a deployment has what its command asks for, too."""
_CALL = re.compile(
    r"^    uses: \./\.github/workflows/(?P<callee>(?:publish|cloud-sync|cloud-advance|deploy)\.yml)[^\n]*\n",
    re.MULTILINE,
)
_INSTALL = re.compile(r"^        uses: \./\.github/actions/release-tool[^\n]*\n", re.MULTILINE)
_TOKEN = re.compile(r"^(?P<indent> +)GITHUB_TOKEN: [^\n]*\n", re.MULTILINE)
_LOOKS_ONLY = re.compile(r" +run: exec release-tool dashboard")
_TELLING = frozenset({"publish.yml", "cloud-advance.yml", "deploy.yml", "dashboard.yml"})
"""The workflows whose jobs have something to tell by a channel."""


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


def render(shipped: Mapping[str, str], config: Config, values: Values) -> dict[str, str]:
    """Every file of a repository with its text, unsigned; raises BugError where a shipped file can't be rendered."""
    return {path: _rendered(path, text, config, values) for path, text in shipped.items()}


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
    return _everywhere(name, text, config, values) if path.startswith(WORKFLOWS) else text


def _everywhere(name: str, text: str, config: Config, values: Values) -> str:
    """What holds for every workflow: what it runs on, who acts, who is told, and what the server lacks."""
    text = text.replace(f"runs-on: {RUNNER}", f"runs-on: {values.runner}")
    channels = sorted({channel.url_env for channel in config.channels.values()})
    if values.app:
        text = _with_app(text)
    if name in _TELLING:
        text = _with_channels(text, channels)
    text = _with_secrets(name, text, config, values)
    return _for_enterprise(text, values.server) if values.server else text


def _action(text: str, values: Values) -> str:
    if not values.source:
        return text
    own = "        # This repository builds what it has checked out.\n"
    text = _swap(text, own, "")
    text = _swap(text, "/../../../requirements/tool.txt", "/requirements.txt")
    text = _swap(text, "/../../../install.sh", "/install.sh")
    return _swap(text, "SOURCE: ${{ github.action_path }}/../../..", f"SOURCE: {values.source}")


def _release(text: str, config: Config, values: Values) -> str:
    branches = ", ".join(map(_scalar, (values.branch, *config.maintenance)))
    pushes = f"    branches: [{branches}]\n" if config.release_on == "merge" else ""
    text = _swap(text, '    branches: [main, "*.x"]\n', pushes)
    prefix = "v" if config.tag_prefix is None else config.tag_prefix
    tags = f"{prefix}*" if prefix else "[0-9]*"
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
    names = sorted(_passed_on(config))
    if _PASS_ENV.search(text) is None:
        raise _unrenderable("# pass-env:")

    def lines(found: re.Match[str]) -> str:
        return found["mark"] + "".join(f"{found['indent']}{name}: ${{{{ secrets.{name} }}}}\n" for name in names)

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
    """Let a GitHub App act: each job that has the tool gets its token."""
    given = f"          app: ${{{{ vars.{APP} }}}}\n          app-key: ${{{{ secrets.{APP_KEY} }}}}\n"
    text = _INSTALL.sub(lambda found: f"        id: tool\n{found[0]}        with:\n{given}", text)
    return text.replace("GITHUB_TOKEN: ${{ github.token }}", "GITHUB_TOKEN: ${{ steps.tool.outputs.token }}")


def _with_channels(text: str, names: Iterable[str]) -> str:
    """Let each step that acts on GitHub tell everybody, too; one that only looks has nothing to tell."""

    def told(found: re.Match[str]) -> str:
        silent = _LOOKS_ONLY.match(text, found.end())
        return found[0] + "".join(
            f"{found['indent']}{name}: ${{{{ secrets.{name} }}}}\n" for name in names if not silent
        )

    return _TOKEN.sub(told, text)


def _with_secrets(name: str, text: str, config: Config, values: Values) -> str:
    """Hand secrets on to our own workflows that are called, which get none by themselves; to no others.

    An environment's own secret of a name goes before the one that is handed on.
    """

    def handed(found: re.Match[str]) -> str:
        wanted = _secrets(found["callee"], config, values)
        lines = "".join(f"      {secret}: ${{{{ secrets.{secret} }}}}\n" for secret in wanted)
        return found[0] + (f"    secrets:\n{lines}" if wanted else "")

    text = _CALL.sub(handed, text)
    taken = "".join(f"      {secret}:\n        required: false\n" for secret in _secrets(name, config, values))
    return text.replace("  workflow_call:\n", f"  workflow_call:\n    secrets:\n{taken}") if taken else text


def _secrets(name: str, config: Config, values: Values) -> tuple[str, ...]:
    """The secrets that one of our workflows takes when it is called."""
    taken = {channel.url_env for channel in config.channels.values()}
    if name in _DEPLOYING:
        taken |= _passed_on(config)
    return (*([APP_KEY] if values.app else []), *sorted(taken)) if name in _CALLED else ()


def _passed_on(config: Config) -> set[str]:
    """What deploy commands get of the environment of the job."""
    return {name for environment in config.environments.values() for name in environment.pass_env}


def _for_enterprise(text: str, server: str) -> str:
    """Leave out what GitHub Enterprise Server lacks: queues and attestations; name it to `gh`."""
    text = re.sub(r"^ +queue: max[^\n]*\n", "", text, flags=re.MULTILINE)
    if "attestations: write" in text:  # an identity is what Pages ask for, too
        text = re.sub(r"^ +(?:attestations|id-token): write[^\n]*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^      - name: Attest [^\n]*\n(?:        [^\n]*\n)+", "", text, flags=re.MULTILINE)
    return re.sub(
        r"^(?P<indent> +)GH_TOKEN: (?P<token>[^\n]*)\n",
        rf"\g<indent>GH_ENTERPRISE_TOKEN: \g<token>\n\g<indent>GH_HOST: {server}\n",
        text,
        flags=re.MULTILINE,
    )


def _scalar(text: str) -> str:
    """A YAML scalar, quoted where it could mean something else than a text."""
    means_more = not _PLAIN.fullmatch(text) or text.casefold() in _WORDS
    return _quoted(text) if means_more else text


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _swap(text: str, old: str, new: str) -> str:
    if old not in text:
        raise _unrenderable(old)
    return text.replace(old, new)


def _unrenderable(missing: str) -> BugError:
    return BugError(f"a shipped file does not have {missing.strip()!r} any more, which is rendered for each project")
