"""A token that runs out in the middle of a deployment, as an app's does after an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_sandbox import Fault
from release_tool.deploy.ledger.phase import Phase
from release_tool.errors import RemoteError
from tests.production import QUICK, production

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.production import Production

UNWRITTEN = "1.3.0 is healthy in production, but that could not be recorded: .* does not accept the token from"


def runs_out(here: Production) -> Callable[[str, int], tuple[int, object]]:
    """The new version answers well, and from its first answer on GitHub takes the token no more."""
    over: list[str] = []

    def answer(version: str, _: int) -> tuple[int, object]:
        if version == "1.3.0" and not over:
            over.append(version)
            here.shop.box.fault(Fault(status=401, path="^/(repos|graphql)", times=10_000))
        return 200, {"version": version}

    return answer


def test_a_token_that_runs_out_leaves_a_healthy_version_live_and_the_next_run_says_so(tmp_path: Path) -> None:
    with production(tmp_path, configuration=QUICK) as here:
        here.deploy("1.2.4")
        here.service.behave = runs_out(here)
        with pytest.raises(RemoteError, match=UNWRITTEN):
            here.deploy("1.3.0")
        here.shop.box.faults.clear()
        assert here.service.deployed() == "1.3.0"
        assert Phase.UNKNOWN not in {one.phase.word for one in here.ledger()}

        here.reconcile()

        assert (here.service.deployed(), here.ledger()[1].phase.word) == ("1.3.0", Phase.HEALTHY)
        assert here.halts() == []
