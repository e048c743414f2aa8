"""The pictures of the README, made anew: `python -m tests.pictures`; it needs a Chromium, and a minute or two."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import tempfile
import termios
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.console import ROOT
from tests.shop import shop
from tests.status.dashboard.browser import chromium, looking

IMAGES = ROOT / "docs" / "images"
_COLUMNS = 98
_TOOL = (sys.executable, "-m", "release_tool")
_FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich draws a terminal, but with the reader's own fonts: a picture that asks nobody for anything."""


def plan() -> None:
    """Draw what `release-tool plan` shows of the sample project on a terminal."""
    whole = json.loads((ROOT / "docs" / "examples" / "shop.json").read_text())
    with tempfile.TemporaryDirectory() as directory, shop(Path(directory), *whole.pop("history"), **whole) as made:
        said = _on_a_terminal(*_TOOL, "plan", folder=made.clone, environment=made.environment())
    console = Console(record=True, file=io.StringIO(), width=_COLUMNS)
    console.print(Text.from_ansi(f"$ release-tool plan\n{said.rstrip()}"))
    console.save_svg(str(IMAGES / "plan.svg"), title="acme/shop", code_format=_FRAME, unique_id="plan")


def dashboard() -> None:
    """Photograph the page that the demo leaves behind."""
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        demo = [*_TOOL, "demo", "--fast", "--dir", f"{directory}/demo"]
        subprocess.run(demo, env=os.environ | {"LOGNAME": "ada"}, capture_output=True, check=True)
        with looking(browser, width=1120, height=550, moment=datetime.now(UTC)) as look:
            look.page.goto(f"file://{directory}/demo/dashboard/index.html")
            # One tone instead of many halves the picture.
            look.page.evaluate("document.querySelector('.hero').style.background = 'var(--card)'")
            look.page.screenshot(path=IMAGES / "dashboard.png")


def _on_a_terminal(*command: str, folder: Path, environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, _COLUMNS))
    whole = os.environ | environment | {"TERM": "xterm"}
    subprocess.run(command, cwd=folder, env=whole, stdin=subprocess.DEVNULL, stdout=theirs, check=True)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return _all_of(terminal.fileno()).replace("\r\n", "\n")


def _all_of(terminal: int) -> str:
    read = b""
    try:
        while part := os.read(terminal, 65536):
            read += part
    except OSError:  # Linux says it so when the other end is closed
        pass
    return read.decode()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    plan()
    dashboard()
