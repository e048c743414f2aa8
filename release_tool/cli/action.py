"""The command of a workflow's step, as the root action hands it over: one text, split without a shell."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from release_tool.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VARIABLE = re.compile(r"\$(?P<name>[A-Za-z_]\w*)", re.ASCII)


def words_of(text: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The words of a command: `$NAME` is what the variable holds, never split again; `*` names files.

    What a person typed into a form can so neither add a word nor run anything.
    """
    return tuple(word for written in shlex.split(text) for word in _expanded(written, environment))


def _expanded(written: str, environment: Mapping[str, str]) -> Iterator[str]:
    word = _VARIABLE.sub(lambda found: environment.get(found["name"], ""), written)
    if not written.endswith("/*"):
        yield word
        return
    yield from (str(path) for path in sorted(Path(word).parent.glob("*")))


def run() -> NoReturn:
    """Run what the step says."""
    main(list(words_of(os.environ.get("RELEASE_TOOL_RUN", ""), os.environ)))


if __name__ == "__main__":
    run()
