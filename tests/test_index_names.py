"""Nothing installs us by a name on an index: ours is not registered, and `release-tool` there is somebody else's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = re.compile(
    r"\b(?:pip3?|pipx|uv tool|uv pip)[\"', ]+(?:install|run|upgrade)\b(?P<what>[^`\n#]*)|\buvx (?P<run>[^`\n#]*)"
)
OURS = re.compile(r"^release[-_.]tool(?:[-_.]cli)?(?:\[.*\])?(?:[=<>~!].*)?$")


def by_name(text: str) -> list[str]:
    """The commands in a text that would ask an index for a package of our name."""
    return [
        found[0]
        for found in COMMAND.finditer(text)
        if any(OURS.match(word.strip("'\",.;:()")) for word in (found["what"] or found["run"] or "").split())
    ]


@pytest.mark.parametrize(
    "text, names",
    [
        ("pip install 'release-tool[sandbox]'", True),
        ("python3 -m pip install --upgrade release-tool", True),
        ("`pipx install release-tool-cli==1.2.3`", True),
        ("uvx release-tool plan", True),
        ("uv tool install git+https://github.com/OWNER/release-tool", False),
        ("pip uninstall release-tool", False),
        ("pip install . # in a clone of release-tool", False),
    ],
)
def test_what_would_ask_an_index_is_found(text: str, names: bool) -> None:
    assert bool(by_name(text)) is names


def test_no_message_document_or_workflow_installs_us_by_name() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = [
        path
        for name in listed.splitlines()
        if (path := ROOT / name).is_file() and path != Path(__file__)
        if path.suffix not in {".graphql", ".json", ".png", ".svg"}
    ]
    assert {path.name: found for path in texts if (found := by_name(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("name", ["dev.txt", "job.txt", "tool.txt", "uv.txt"])
def test_no_lock_names_us(name: str) -> None:
    assert re.findall(r"^release[-_.]?tool.*", (ROOT / "requirements" / name).read_text(), re.MULTILINE) == []
