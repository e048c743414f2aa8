"""A GitHub stand-in on loopback over real git, the scenarios and the demo.

Its names are loaded when they are used: the libraries behind them are heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github_sandbox.box import Sandbox, up
    from github_sandbox.faults import Fault

__all__ = ["Fault", "Sandbox", "up"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    from github_sandbox import box, faults

    return faults.Fault if name == "Fault" else getattr(box, name)
