"""The program that runs the workflows, where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.act import program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def act() -> Path:
    """nektos/act; without it the test is skipped, or fails where somebody counts on it."""
    return program.find()
