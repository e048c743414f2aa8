"""A deploy command that never ends by itself, and says when it has begun."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production

PATIENCE = 60

ENDLESS = """#!/bin/sh
set -eu
printf '%s' "$RELEASE_VERSION" > '{file}'
if [ "$RELEASE_VERSION" = 1.3.0 ]; then
    echo $$ > '{file}.fifo'
    while :; do sleep 0.1 || true; done
fi
"""
"""It changes what runs, tells the number of its process, and hangs; only with 1.3.0."""

DEAF = ENDLESS.replace("set -eu", "set -eu\ntrap \"echo heard > '{file}.fifo'\" TERM")
"""The same, and when it is asked to end it only says that it has heard."""


def fifo(here: Production) -> Path:
    """Where the command tells its number; reading it waits until it does."""
    path = here.service.file.with_suffix(".fifo")
    os.mkfifo(path)
    return path


def assert_ends(number: int) -> None:
    """Wait for a process that is not ours to end."""
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], PATIENCE)[0], f"process {number} is still there"
    finally:
        os.close(handle)
