"""A terminal, to see what a person sees there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.shop import Shop


def on_a_terminal(of: Shop, *args: str, **env: str) -> str:
    """Run `release-tool` with a terminal as its standard output and error, and tell what was written there."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-m", "release_tool", *args],
        cwd=of.clone,
        env=os.environ | of.environment() | {"TERM": "xterm-256color"} | env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = read_all(ours)
    os.close(ours)
    started.wait()
    return seen


def read_all(terminal: int) -> str:
    """What is written to a terminal until nobody writes any more."""
    seen = b""
    while piece := _read(terminal):
        seen += piece
    return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that nobody writes any more
        return b""
