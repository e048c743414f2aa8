"""Globs over the paths of a repository, as `.gitignore` and GitHub Actions users know them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PIECE = re.compile(r"(?P<any_depth>\*\*/)|(?P<rest>\*\*)|(?P<part>\*)|(?P<one>\?)|(?P<text>[^*?]+)")


def matching(paths: Iterable[str], globs: Iterable[str]) -> tuple[str, ...]:
    """Keep the paths that a glob matches: `*` stays within a folder, `**/` is any number of folders, also none."""
    return tuple(filter(matcher(globs), paths))


def matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """What says of a path whether a glob matches it."""
    patterns = [re.compile("".join(map(_translated, _PIECE.finditer(glob)))) for glob in globs]
    return lambda path: any(pattern.fullmatch(path) for pattern in patterns)


def _translated(piece: re.Match[str]) -> str:
    if piece["any_depth"]:
        return "(?:[^/]+/)*"
    if piece["rest"]:
        return "(?s:.*)"
    if piece["part"]:
        return "[^/]*"
    return "[^/]" if piece["one"] else re.escape(piece["text"])
