"""`python -m release_tool` is the same as `release-tool`."""

from __future__ import annotations

from release_tool.cli import main

main()
