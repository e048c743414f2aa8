"""What must hold for an environment once somebody has reconciled it, whatever happened before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.deploy.halts.model import LABEL
from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.phase import Phase

if TYPE_CHECKING:
    from tests.production import Production


def assert_in_order(here: Production) -> None:
    """Nothing is unfinished, so nobody holds the environment; it runs what was proven, or a person was told."""
    ledger = here.ledger()
    assert not [str(one) for one in ledger if not one.finished], here.story()
    now = live(ledger).deployment
    if now:
        assert (here.service.file.read_text(), now.proven) == (now.payload.name, True), here.story()
    else:
        assert is_told(here), here.story()


def is_told(here: Production) -> bool:
    """Whether a person was told that nobody knows how the environment is: by an incident, or in the ledger.

    One that a person has lifted by now counts, for who lifts it has read it.
    """
    issues = here.shop.api("GET", f"issues?state=all&labels={LABEL}")
    assert isinstance(issues, list)
    incidents = [issue for issue in issues if issue["title"].endswith("after an incident")]
    return bool(incidents) or here.ledger()[-1].phase.word is Phase.UNKNOWN
