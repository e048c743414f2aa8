"""Which files a repository gets, and the variables of their templates."""

from __future__ import annotations

import re
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.waves import pauses_of
from release_tool.setup.files import DEPLOY, DEPLOY_SETUP, LOOK, POLICY, RELEASE, RELEASING, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.config.model import Config

_MINUTE = timedelta(minutes=1)
_DEPLOYMENT = 180
_WAY_BACK = 60
"""Minutes that are left for a rollback when a watch is over."""
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_REFERENCES_FILE = "--reference=@$RUNNER_TEMP/dist/release-references.txt"
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)

PINS = {
    "attest": "actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2",
    "cache-restore": "actions/cache/restore@55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0",
    "cache-save": "actions/cache/save@55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0",
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "deploy-pages": "actions/deploy-pages@cd2ce8fcbc39b97be8ca5fce6e763baed58fa128 # v5.0.0",
    "download-artifact": "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
    "upload-artifact": "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "upload-pages-artifact": "actions/upload-pages-artifact@fc324d3547104276b827a68afc52ff2a11cc49c9 # v5.0.0",
}
"""The actions of others that our workflows use, each at the one commit that was looked at."""


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What the files of one repository depend on besides its configuration.

    `branch` is the one that is released, `action` the tool's action as `uses:` names it. `server` is the host of a
    GitHub Enterprise Server. `app` says whether a GitHub App acts. `build`, `test` are lines of shell, and `setup` is
    a step that comes before them.
    """

    branch: str
    action: str
    runner: str = RUNNER
    server: str = ""
    app: bool = False
    setup: str = ""
    build: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


def looks(config: Config) -> bool:
    """Whether there is anything that a schedule has to look after."""
    return bool(config.sync or config.environments or config.release_on == "schedule")


def wanted(config: Config) -> dict[str, str]:
    """The files that a configuration asks for, by path, each with its template; a library gets no more than it uses."""
    files = {RELEASE: "release.yml", POLICY: "policy.yml"}
    if config.environments:
        files |= {DEPLOY: "deploy.yml", DEPLOY_SETUP: "deploy-setup.yml"}
    if looks(config):
        files |= {LOOK: "look.yml"}
    if config.sync or config.environments:
        files |= {RELEASING: "RELEASING.md"}
    return files


_FILES = {"release": RELEASE, "policy": POLICY, "deploy": DEPLOY, "look": LOOK}


def known(config: Config, values: Values) -> dict[str, object]:
    """What the templates know of a repository."""
    hosted = f"github.ref == 'refs/heads/{config.sync.branch}' || inputs.carry" if config.sync else "false"
    main = f"github.ref == 'refs/heads/{values.branch}'"
    prefix = "v" if config.tag_prefix is None else config.tag_prefix
    channels = sorted({channel.url_env for channel in config.channels.values()})
    pushed = " && github.event.sender.type != 'Bot'" if values.app else ""
    passed = {name for environment in config.environments.values() for name in environment.pass_env}
    return {
        "action": values.action,
        "app": values.app,
        "attests": config.build.enabled and not values.server,
        "branch": values.branch,
        "build": config.build,
        "build_steps": _steps("Build", values.setup, values.build),
        "carries": f"{main} || {hosted} || github.ref_type == 'tag'",
        "channels": channels,
        "comments": config.comment_released,
        "cron": _quoted(config.look),
        "deploy_setup": config.deploy_setup,
        "environments": config.environments,
        "given": sorted(passed.union(channels)),
        "github_com": not values.server,
        "insisted": _insisted(config),
        "looks": looks(config),
        "names": {role: path.rpartition("/")[2] for role, path in _FILES.items()},
        "on_hosted": f"({hosted}){pushed}" if pushed else hosted,
        "pins": PINS,
        "plan_if": _plan_if(config, values),
        "pushed": _pushed(config, values),
        "references": "--reference=$RELEASE_REFERENCES" if config.build.workflow else "",
        "release_on": config.release_on,
        "runner": values.runner,
        "sync": config.sync,
        "tagged": prefix,
        "tags": _quoted(f"{prefix}*" if prefix else "[0-9]*"),
        "tested_references": _tested_references(config),
        "tests": config.tests,
        "pauses": any(map(pauses_of, config.environments.values())),
        "timeout": _longest(config),
        "watches": any(environment.watch for environment in config.environments.values()),
        "tests_steps": _steps("Test", values.setup, _tested(config, values)),
    }


def _longest(config: Config) -> int:
    """The minutes that a job has at most which deploys, or watches and then goes back."""
    watches = (environment.watch for environment in config.environments.values())
    paused = (len(pauses_of(one)) * one.pause_timeout / _MINUTE for one in config.environments.values())
    deployment = _DEPLOYMENT + ceil(max(paused, default=0))
    return max([deployment, *(ceil(watch / _MINUTE) + _WAY_BACK for watch in watches if watch)])


def _plan_if(config: Config, values: Values) -> str:
    """When there is nothing to plan: what was pushed to the hosted branch, and what our own app pushed."""
    hosted = f"github.ref != 'refs/heads/{config.sync.branch}' && !inputs.carry" if config.sync else ""
    ours = "!(github.ref_type == 'tag' && github.event.sender.type == 'Bot')" if values.app else ""
    condition = " && ".join(filter(None, [hosted, ours]))
    return f"${{{{ {condition} }}}}" if ours else condition


def _pushed(config: Config, values: Values) -> str:
    released = [values.branch, *config.maintenance] if config.release_on == "merge" else []
    branches = [*released, *([config.sync.branch] if config.sync else [])]
    return f"[{', '.join(map(_scalar, branches))}]" if branches else ""


def _insisted(config: Config) -> list[str]:
    """The secrets of the repository or the organization that have to be set before anything begins."""
    jobs = [*([config.build] if config.build.enabled else []), *([config.tests] if config.sync else [])]
    return sorted({name for job in jobs if not job.environment for name in job.secrets})


def _tested_references(config: Config) -> str:
    promised = config.build.references and (config.build.workflow or not config.tests.workflow)
    told = ["--reference=$RELEASE_REFERENCES"] if config.build.workflow else []
    return "".join(f" {one}" for one in [*told, *([_REFERENCES_FILE] if promised else [])])


def _tested(config: Config, values: Values) -> Iterable[str]:
    """What builds and tests a candidate, in one job; what both install is installed once."""
    built = values.build if config.build.enabled and not config.build.workflow else ()
    return dict.fromkeys([*built, *values.test])


def _steps(name: str, setup: str, lines: Iterable[str]) -> str:
    commands = "\n".join(f"          {line}" for line in lines)
    return f"{setup}      - name: {name}\n        run: |\n{commands}"


def _scalar(text: str) -> str:
    """A YAML scalar, quoted where it could mean something else than a text."""
    means_more = not _PLAIN.fullmatch(text) or text.casefold() in _WORDS
    return _quoted(text) if means_more else text


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
