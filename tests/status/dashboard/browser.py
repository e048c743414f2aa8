"""A real browser that looks at a site, and tells what the site tried that a static page should not."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.status.dashboard import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser of this machine; playwright's own, which it would have to download, is never asked for."""

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = files("axe_playwright_python") / "axe.min.js"


class Look:
    """A page in a browser: `complaints` are dialogs, errors, and whatever its policy had to stop."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, url: str) -> Look:
        """Go to a page, with everything that is folded on it unfolded."""
        self.page.goto(url)
        for folded in self.page.locator("details").all():
            folded.evaluate("details => { details.open = true }")
        return self

    @property
    def overflow(self) -> int:
        """By how many pixels it is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    @property
    def broken_hashes(self) -> int:
        """How many hashes of commits go on in another line."""
        return int(
            self.page.evaluate(
                "[...document.querySelectorAll('.commit')].filter(one => one.getClientRects().length > 1).length"
            )
        )

    def violations(self) -> list[str]:
        """What axe-core finds that keeps somebody from using the page."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run().then(result => JSON.stringify(result.violations))")
        return [f"{rule['id']}: {node['html']}" for rule in json.loads(found) for node in rule["nodes"]]

    def in_first_viewport(self, text: str) -> bool:
        """Whether a text can be read without scrolling."""
        box = self.page.get_by_text(text).first.bounding_box()
        size = self.page.viewport_size
        return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser of this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def looking(  # noqa: PLR0913  # what people differ in
    browser: Browser,
    width: int = 1440,
    height: int = 900,
    *,
    dark: bool = False,
    scripts: bool = True,
    moment: datetime = samples.NOW,
) -> Iterator[Look]:
    """Open a window, at the moment that the samples are of unless said otherwise."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    page = context.new_page()
    page.clock.set_fixed_time(moment)
    yield Look(page)
    context.close()
