"""The picture of the layers, drawn from the imports; `python -m tests.house` writes it anew."""

from __future__ import annotations

import functools
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"
PRODUCT, STAND_IN = "release_tool", "github_sandbox"
_HIDDEN = {"__main__", "_version"}


@functools.cache
def imports() -> dict[str, set[str]]:
    """Which part of the product imports which others, by the names of packages and of modules at the top."""
    graph = grimp.build_graph(PRODUCT, STAND_IN)
    parts = [*sorted(graph.find_children(PRODUCT)), STAND_IN]
    found = {
        part: {other for other in parts if other != part and _imports(graph, part, other)}
        for part in parts
        if part.rpartition(".")[2] not in _HIDDEN
    }
    return {_short(part): {_short(other) for other in others} for part, others in found.items()}


def picture() -> str:
    """The layers as a Mermaid flowchart: an arrow for each import that follows from no other two."""
    found = imports()
    lines = [
        f"  {part} --> {other}"
        for part, others in sorted(found.items())
        for other in sorted(others)
        if not any(_reaches(found, middle, other) for middle in others - {other})
    ]
    return "\n".join(["flowchart TD", *lines, ""])


def page() -> str:
    """The page with the picture as it is today."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{picture()}{END}{rest.partition(END)[2]}"


def _imports(graph: grimp.ImportGraph, part: str, other: str) -> bool:
    return graph.direct_import_exists(importer=part, imported=other, as_packages=True)


def _short(part: str) -> str:
    return part.removeprefix(f"{PRODUCT}.")


def _reaches(found: dict[str, set[str]], part: str, other: str) -> bool:
    return other in found[part] or any(_reaches(found, middle, other) for middle in found[part])


if __name__ == "__main__":
    PAGE.write_text(page())
