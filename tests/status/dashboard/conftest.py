"""The browser that the tests of the dashboard share, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.status.dashboard.browser import CHROMIUM, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; the tests that look at pages are skipped without it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with chromium() as started:
        yield started
