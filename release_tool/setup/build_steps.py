"""How a project is built, for a rehearsal on this machine: the steps that our workflow has, or would get."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import yaml  # type: ignore[import-untyped] # its types are a package of their own, for one function

from release_tool.errors import UsageError
from release_tool.git.worktree import Worktree
from release_tool.setup import detect
from release_tool.setup.files import RELEASE, own_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from release_tool.project import Project

_EXPRESSION = "${{"
_ACTION = re.compile(r"(?P<name>[^@\s]+)@")


class BuildStep(msgspec.Struct, frozen=True):
    """Lines for bash, the folder that they are run in, and variables of their own."""

    script: str
    folder: str = "."
    variables: dict[str, str] = {}


class BuildSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is written how a project is built, and what can be run of it here.

    `elsewhere` are the steps that only GitHub runs, and `empty` the variables that hold nothing here. Where a workflow
    of the user's builds, `workflow` is its path, and there is no step.
    """

    source: str
    steps: tuple[BuildStep, ...] = ()
    elsewhere: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    workflow: str = ""

    @property
    def ships_nothing(self) -> bool:
        """Whether a release is its tag and its notes."""
        return not (self.steps or self.elsewhere or self.workflow)


def read_build(project: Project) -> BuildSteps:
    """Find out how the project is built: as its release workflow says, else as `init` would write it."""
    build = project.config.build
    if not build.enabled:
        return BuildSteps(source="`[build] enabled = false`")
    if build.workflow:
        return BuildSteps(source=build.workflow, workflow=build.workflow, empty=build.secrets)
    own = own_part(Worktree(project.git.root).read(RELEASE) or "", "build")
    if own is None:
        lines = _detected(project)
        steps = (BuildStep("\n".join(lines)),) if lines else ()
        return BuildSteps(source="what `release-tool init` would write", steps=steps, empty=build.secrets)
    written = _parsed(own)
    return BuildSteps(
        source=RELEASE,
        steps=tuple(step for one in written if (step := _step(one))),
        elsewhere=tuple(_name(one) for one in written if _step(one) is None),
        empty=tuple(dict.fromkeys([*build.secrets, *(name for one in written for name in _unknown(one))])),
    )


def _detected(project: Project) -> tuple[str, ...]:
    tree, paths = Worktree(project.git.root), project.git.files()
    texts = {path: text for path in detect.telling(paths) if (text := tree.read(path)) is not None}
    return detect.stack(paths, texts).build


def _parsed(steps: str) -> list[dict[str, object]]:
    try:
        return msgspec.convert(yaml.safe_load(steps) or [], list[dict[str, object]])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise UsageError(
            f"the steps of the build in {RELEASE} can't be read: {error}",
            during="looking how the project is built",
            already="nothing was run",
            todo="correct what stands between `Yours (build)` and `to here`",
        ) from error


def _step(one: Mapping[str, object]) -> BuildStep | None:
    """What of a step can be run here; None for an action, another shell, and what only GitHub can fill in."""
    script, shell = str(one.get("run", "")), one.get("shell", "bash")
    if not script or shell != "bash" or _EXPRESSION in script or "if" in one:
        return None
    known = {name: text for name, text in _variables(one) if _EXPRESSION not in text}
    return BuildStep(script, str(one.get("working-directory", ".")), known)


def _name(one: Mapping[str, object]) -> str:
    action = _ACTION.match(str(one.get("uses", "")))
    return action["name"] if action else str(one.get("name", "a step without a name"))


def _unknown(one: Mapping[str, object]) -> Iterator[str]:
    if _step(one):
        yield from (name for name, text in _variables(one) if _EXPRESSION in text)


def _variables(one: Mapping[str, object]) -> list[tuple[str, str]]:
    told = one.get("env")
    return [(str(name), str(text)) for name, text in told.items()] if isinstance(told, dict) else []
