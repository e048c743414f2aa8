"""The files that come with the tool and are written into other repositories: templates of workflows, and recipes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from release_tool.setup.render import known, wanted

if TYPE_CHECKING:
    from jinja2 import Environment

    from release_tool.config.model import Config
    from release_tool.setup.render import Values

_TEMPLATES = Path(__file__).parent / "templates"
_PACKAGE = Path(__file__).parent.parent
RECIPES = Path("docs/recipes")
"""Where the recipes lie, below the top of the tool's own repository."""


def render(config: Config, values: Values) -> dict[str, str]:
    """Every file of a repository with its text, unsigned."""
    told = known(config, values)
    return {path: templates().get_template(name).render(told) for path, name in wanted(config).items()}


@functools.cache
def templates() -> Environment:
    """What renders the files; reading a template takes far longer than rendering it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only a set-up needs it

    # Workflows are full of `${{ }}`, so the templates have other marks; what is rendered is YAML and never HTML.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        line_statement_prefix="%%",
        keep_trailing_newline=True,
    )


def recipes() -> tuple[str, ...]:
    """The names of the recipes for deploying."""
    return tuple(sorted(path.parent.name for path in (_root() / RECIPES).glob("*/release-tool.toml")))


def recipe(name: str) -> dict[str, str]:
    """The files of a recipe by their path below it, its configuration among them."""
    place = _root() / RECIPES / name
    return {
        str(path.relative_to(place)): path.read_text(encoding="utf-8")
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.suffix != ".md"
    }


def _root() -> Path:
    """Where the build put them, else the checkout that the tool runs from."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent
