"""What answers is compared with what the ledger says, and a difference is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.past import prove
from tests.production import production

if TYPE_CHECKING:
    from pathlib import Path

    from tests.production import Production

CONFIGURATION = """
[environments.production]
command = ["./deploy.sh"]
url = "{url}"

[[environments.production.checks]]
url = "/health"
version-pointer = "/version"
interval = "50ms"
timeout = "1s"
failure-threshold = 3
"""


def said(here: Production) -> str:
    """What a scheduled look says, besides its result."""
    done = here.shop.run("status", "--tell")
    assert done.code == 0
    return done.err


def test_a_version_that_somebody_brought_past_the_ledger_is_told_once_and_closed_when_it_is_over(
    tmp_path: Path,
) -> None:
    with production(tmp_path, configuration=CONFIGURATION) as here:
        prove(here, "1.2.3", "1.3.0")
        assert said(here) == ""

        here.service.file.write_text("1.2.3")
        assert "notified: production in production answers with another version than 1.3.0" in said(here)
        assert said(here) == ""

        here.service.file.write_text("1.3.0")
        assert "it is resolved" in said(here)


def test_an_application_that_does_not_answer_is_no_drift(tmp_path: Path) -> None:
    with production(tmp_path, configuration=CONFIGURATION) as here:
        prove(here, "1.2.3", "1.3.0")
        here.service.behave = lambda _version, _number: (500, {})
        assert said(here) == ""
