"""Names in the commands that people are told to type."""

from __future__ import annotations

import shlex

from release_tool.text.visible import visible


def word(name: str) -> str:
    """A name as one word of a command, in quotes where a shell would take it for something else."""
    return shlex.quote(visible(name))


def environment_path(repository: str, name: str) -> str:
    """Where GitHub's API has an environment, whatever its name holds."""
    from urllib.parse import quote  # seldom needed

    return f"repos/{repository}/environments/{quote(name, safe='')}"
