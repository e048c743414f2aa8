"""How a watch stands in the ledger: until when, and by whom, who can so be asked whether he still watches."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import DeploymentKind
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.model.tags import Owner

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

_TIME = "%Y-%m-%d %H:%M"
_LINE = re.compile(
    r"until (?P<until>\d{4}-\d\d-\d\d \d\d:\d\d) UTC, by "
    r"(?:run (?P<run>\d{1,18})/(?P<attempt>\d{1,6})/(?P<job>\d{0,18})"
    r"|process (?P<process>\d{1,12})/(?P<started>[\w:-]{0,40}) on (?P<host>\S+))",
    re.ASCII,
)


class Watch(msgspec.Struct, frozen=True):
    """Until when a deployment is watched, and who watches it."""

    until: datetime
    owner: Owner

    @property
    def phase(self) -> PhaseRecord:
        """The phase that says so."""
        return PhaseRecord(Phase.WATCHING, f"until {self.until:{_TIME}} UTC, by {_named(self.owner)}")


def watch_of(deployment: Deployment) -> Watch | None:
    """The watch that a deployment is under, by its ledger; None where it is under none, or nobody can read which."""
    found = _LINE.fullmatch(deployment.phase.text) if deployment.phase.word is Phase.WATCHING else None
    if found is None:
        return None
    try:
        until = datetime.strptime(found["until"], _TIME).replace(tzinfo=UTC)
    except ValueError:  # digits that are no date
        return None
    if found["run"]:
        return Watch(until, Owner(run=int(found["run"]), attempt=int(found["attempt"]), job=found["job"]))
    return Watch(until, Owner(process=int(found["process"]), started=found["started"], host=found["host"]))


def watched_until(deployment: Deployment, length: timedelta) -> datetime | None:
    """Until when a deployment is to be watched; None for what goes back, or only writes down what runs."""
    proven = next((step.at for step in deployment.steps if step.phase.word is Phase.HEALTHY), None)
    if not length or proven is None or deployment.payload.kind is not DeploymentKind.DEPLOY:
        return None
    return _whole_minute(proven + length)


def _whole_minute(at: datetime) -> datetime:
    """The first whole minute that is not before a time: that is how the ledger tells it."""
    begun = at.replace(second=0, microsecond=0)
    return begun if begun == at else begun + timedelta(minutes=1)


def over(deployment: Deployment, why: str) -> PhaseRecord:
    """How a deployment goes on when nobody watches it any more: proven, as before."""
    proof = deployment.proof.partition(_OVER)[0]
    return PhaseRecord(Phase.HEALTHY, f"{proof}{_OVER}{why}")


_OVER = "; its watch "


def _named(owner: Owner) -> str:
    if owner.run:
        return f"run {owner.run}/{owner.attempt}/{owner.job}"
    return f"process {owner.process}/{owner.started} on {owner.host}"
