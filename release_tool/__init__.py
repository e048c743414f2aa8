"""From a merged pull request to a healthy production, and back again."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: the constant that the build wrote, else the installed one."""
    if name != "__version__":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        from release_tool._version import VERSION
    except ModuleNotFoundError:
        from importlib.metadata import version

        return version("release-tool-cli")
    return VERSION
