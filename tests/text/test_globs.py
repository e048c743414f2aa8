"""Patterns of paths."""

from __future__ import annotations

import pytest

from release_tool.text.globs import matching


@pytest.mark.parametrize("path", ["deploy/a", "deploy/a/b", "deploy/.x", "deploy/two\nlines", "deploy/é\u2028b\r"])
def test_a_pattern_of_a_folder_matches_every_path_in_it_whatever_its_name(path: str) -> None:
    for glob in ("deploy/**", "**", "**/*", "*/**"):
        assert matching([path], [glob]) == (path,)
    assert matching([path], ["deployed/**", "deploy"]) == ()
