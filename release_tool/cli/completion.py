"""What a shell offers for the word that is being typed: from the clone alone, at once, and silently nothing without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from release_tool.errors import ReleaseToolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from release_tool.config.model import Config
    from release_tool.git.repository import Git
    from release_tool.model.version import Version


def levels(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The levels of a release that `--force` takes."""
    return _beginning(("major", "minor", "patch"), incomplete)


def environments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The environments of the configuration."""
    clone = _clone(context)
    return _beginning(clone[1].environments, incomplete) if clone else []


def tags(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The version tags that the clone has, the newest first."""
    clone = _clone(context)
    return _beginning(_version_tags(*clone), incomplete) if clone else []


def versions(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The versions that the clone has tags of, the newest first; as tags, where one is begun."""
    clone = _clone(context)
    if not clone:
        return []
    found = _version_tags(*clone)
    as_tags = bool(incomplete) and not incomplete[0].isdecimal()
    return _beginning(found if as_tags else map(str, found.values()), incomplete)


def _clone(context: click.Context) -> tuple[Git, Config] | None:
    """The clone that the shell is in with its configuration; None where it is in none that can be read."""
    from release_tool.cli.session import read_config
    from release_tool.git.repository import Git

    try:
        git = Git.find(Path.cwd())
        return git, read_config(git, context.find_root().params.get("config") or "")
    except (ReleaseToolError, OSError):
        return None


def _version_tags(git: Git, config: Config) -> dict[str, Version]:
    from release_tool.model.version import parse_tag, precedence

    found = {tag: version for tag in git.tags() if (version := parse_tag(tag, config.tag_prefix))}
    return dict(sorted(found.items(), key=lambda one: precedence(one[1]), reverse=True))


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
