"""The floor below `plan`: imports click, runs the same `git log` and matches one regular expression.

With `--tags` it reads all tags as well, which is what a plan can't do without, however many there are.
"""

from __future__ import annotations

import re
import subprocess
import sys

import click

_FORMAT = "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%B"
_PULL = re.compile(rb"^Merge pull request #(\d+)|\(#(\d+)\)$", re.MULTILINE)


def main(base: str, *, tags: bool) -> None:
    """Count the pull requests between a tag and the head, and find the highest version."""
    if tags:
        click.echo(_highest())
    log = _git("log", "-z", _FORMAT, "--no-patch", "--first-parent", f"{base}..HEAD", "--")
    click.echo(sum(1 for _ in _PULL.finditer(log)))


def _highest() -> str:
    from semver import Version

    lines = _git("show-ref", "--tags", "--dereference").decode().splitlines()
    names = (line.partition(" refs/tags/v")[2] for line in lines)
    return str(
        max((Version.parse(name) for name in names if name[-3:] != "^{}"), key=lambda found: found.to_tuple()[:3])
    )


def _git(*args: str) -> bytes:
    return subprocess.run(["git", *args], check=True, capture_output=True).stdout


main(sys.argv[1], tags="--tags" in sys.argv)
