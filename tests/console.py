"""The console blocks of a document, run for real; `python -m tests.console README.md` writes their output anew."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.shop import shop

if TYPE_CHECKING:
    from tests.shop import Shop

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def rerun(document: str, scenario: Path = ROOT / "docs" / "examples" / "shop.json") -> str:
    """Run every command of the console blocks in a clone of the sample project, and put in what it printed."""
    whole = json.loads(scenario.read_text())
    with tempfile.TemporaryDirectory() as directory, shop(Path(directory), *whole.pop("history"), **whole) as made:
        console = _Console(made)
        return _BLOCK.sub(lambda block: "".join(map(console.answer, _commands(block[0]))), document)


def _commands(block: str) -> list[str]:
    return re.findall(r"^\$ (.*(?:\\\n.*)*)\n", block, re.MULTILINE)


class _Console:
    def __init__(self, made: Shop) -> None:
        self._shop = made
        self._environment = made.environment() | {
            "LOGNAME": "ada",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._token = self._environment.pop("GITHUB_TOKEN")

    def answer(self, command: str) -> str:
        if command.startswith("export GITHUB_TOKEN="):
            self._environment["GITHUB_TOKEN"] = self._token
            return f"$ {command}\n"
        done = subprocess.run(
            shlex.split(command),
            cwd=self._shop.clone,
            env=os.environ | self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(self._shop.box.api_url, "https://github.com")
        return f"$ {command}\n{said.rstrip()}\n" if said.strip() else f"$ {command}\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rerun(path.read_text()))
