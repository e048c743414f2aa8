"""Deploy to many targets at once: how long it takes by the clock that the tool waits by, and what GitHub is asked."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.production import COMMAND, production

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.production import Production

_COMMAND = COMMAND.replace("'{file}'", "'{file}'-$RELEASE_TARGET")
_SIZES = (1, 10, 50)
_WAVES = '[1, "10%", "50%"]'
_FLEET = 200
_STALE = ("web-100", "web-200")
"""One in a hundred of the fleet, the first of them in the middle."""


class Measured(NamedTuple):
    """What a deployment took: minutes by the tool's clock, and requests to GitHub by what they do."""

    targets: int
    waves: str
    outcome: str
    minutes: float
    written: int
    read: int


def main(sizes: Sequence[int]) -> None:
    """Print a line for each size of a healthy fleet, one by one and in waves, and one for a fleet that is not."""
    print(f"{'targets':>8}  {'wave':20}{'minutes':>9}{'written':>9}{'read':>7}  outcome")
    for size in sizes:
        _print(_measured(size))
    for size in (max(sizes), _FLEET):
        _print(_measured(size, _WAVES))
    _print(_measured(_FLEET, _WAVES, stale=_STALE))


def _print(found: Measured) -> None:
    print(
        f"{found.targets:>8}  {found.waves:20}{found.minutes:>9.1f}{found.written:>9}{found.read:>7}  {found.outcome}",
        flush=True,
    )


def _measured(size: int, waves: str = "", stale: Sequence[str] = ()) -> Measured:
    names = [f"web-{number}" for number in range(1, size + 1)]
    command = _COMMAND
    for name in stale:
        command += f'[ "$RELEASE_TARGET $RELEASE_VERSION" != "{name} 1.3.0" ] || printf 0.0.0 > "{{file}}-{name}"\n'
    settings = _configuration(names, waves)
    with (
        tempfile.TemporaryDirectory() as temporary,
        production(Path(temporary), configuration=settings, command=command) as here,
    ):
        here.was_proven("1.2.4")
        for name in names:
            here.service.file.with_name(f"{here.service.file.name}-{name}").write_text("1.2.4")
        return _deployed(here, size, waves)


def _deployed(here: Production, size: int, waves: str) -> Measured:
    began, asked = here.clock.time, len(here.shop.box.requests)
    done = here.deploy("1.3.0")
    requests = here.shop.box.requests[asked:]
    written = sum(request.method != "GET" and "graphql" not in request.path for request in requests)
    minutes = (here.clock.time - began).total_seconds() / 60
    return Measured(size, waves or "one by one", done.outcome.value, minutes, written, len(requests) - written)


def _configuration(names: Sequence[str], waves: str) -> str:
    targets = ", ".join(f'{{{{ name = "{name}", url = "{{url}}/{name}" }}}}' for name in names)
    return f"""
[environments.production]
command = ["./deploy.sh"]
url = "{{url}}"
targets = [{targets}]
{f"wave = {waves}" if waves else ""}

[[environments.production.checks]]
name = "health"
url = "/health"
version-pointer = "/version"
samples = 1
interval = "10s"
"""


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or _SIZES)
