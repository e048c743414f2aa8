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
_VERSION = re.compile(rb" refs/tags/v(\d+)\.(\d+)\.(\d+)$", re.MULTILINE)


def main(base: str, *, tags: bool) -> None:
    """Count the pull requests between a tag and the head, and find the highest version."""
    if tags:
        click.echo(_highest())
    log = _git("log", "-z", _FORMAT, "--no-patch", "--first-parent", f"{base}..HEAD", "--")
    click.echo(sum(1 for _ in _PULL.finditer(log)))


def _highest() -> str:
    lines = _git("show-ref", "--tags", "--dereference")
    return ".".join(
        map(str, max((int(major), int(minor), int(patch)) for major, minor, patch in _VERSION.findall(lines)))
    )


def _git(*args: str) -> bytes:
    return subprocess.run(["git", *args], check=True, capture_output=True).stdout


main(sys.argv[1], tags="--tags" in sys.argv)
