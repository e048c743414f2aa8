"""What a person sees while something is deployed: a live view in a terminal, plain lines in a log."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import click

from release_tool.deploy.health.verdict import Reading
from release_tool.text.humanize import figure, sparkline
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from release_tool.cli.session import Session
    from release_tool.deploy.health.verdict import HealthAnalysis, Sample

_EVERY = timedelta(seconds=20)
"""How often a log shows the state of the checks while nothing changes."""
_SHOWN_LINES = 8
_OTHER_LINES = 7
"""Lines that stay free on a small terminal for what is below the command's, its reason folded."""
_SHOWN_SAMPLES = 40
_SHOWN_CURVES = 3
"""How many checks are drawn as they measure, where the terminal is high enough."""
_HIGH = 20
_DRAWN_SAMPLES = 1_000
_STYLES = {
    Reading.OK: ("●", "green"),
    Reading.STALE: ("○", "yellow"),
    Reading.BAD: ("✗", "red"),
    Reading.RESTARTED: ("↻", "red"),
    Reading.UNMEASURABLE: ("?", "magenta"),
}


class PlainProgress:
    """Lines on standard error, one for each thing that changes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._state = ""
        self._told: HealthAnalysis | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing has to be put away."""

    def phase(self, text: str) -> None:
        """Say which phase has begun."""
        self._session.say(text)

    def line(self, text: str) -> None:
        """Show a line that a command said."""
        click.echo(self._session.actions.safe_log(f"  | {text}"), err=True)

    def health(self, health: HealthAnalysis, latest: Sequence[Sample]) -> None:
        """Say what the samples say, when that has changed or a while has gone by."""
        reason = health.verdict.reason if health.state.final else health.state.value
        quiet = self._told is not None and health.now - self._told.now < _EVERY
        if reason == self._state and quiet:
            return
        self._state, self._told = reason, health
        self._session.say(f"{reason} ({counted(latest)}; {left(health)})")


class LiveProgress:
    """A view that is drawn anew: the phase, the end of what the command says, the last samples, the time left."""

    def __init__(self, session: Session) -> None:
        from rich.console import Console

        self._session = session
        self._console: Console = Console(stderr=True, highlight=False, force_terminal=True)
        self._live: Live | None = None
        self._phase = ""
        self._lines: list[str] = []
        self._health: HealthAnalysis | None = None
        self._samples: Sequence[Sample] = ()

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._live.start()
        self._session.above = self._above
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._session.above = None
        if self._live is not None:
            self._live.stop()

    def phase(self, text: str) -> None:
        """Say which phase has begun."""
        self._console.print(visible(text), style="dim", markup=False)
        self._phase = text
        self._draw()

    def line(self, text: str) -> None:
        """Show a line that a command said."""
        shown = max(1, min(_SHOWN_LINES, self._console.height - _OTHER_LINES))
        self._lines = [*self._lines, visible(text)][-shown:]
        self._draw()

    def health(self, health: HealthAnalysis, latest: Sequence[Sample]) -> None:
        """Show the last samples and the time left."""
        self._health, self._samples = health, latest
        self._draw()

    def _above(self, line: str) -> None:
        """Show a line above the view, never folded, for a command to type by hand may stand in it."""
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._view())

    def _view(self) -> Group:
        from rich.console import Group
        from rich.padding import Padding
        from rich.text import Text

        head = Text(visible(self._phase), style="bold", no_wrap=True, overflow="ellipsis")
        for line in self._lines:
            head.append(f"\n  | {line}", style="dim")
        below = [Padding(text, (0, 0, 0, 2)) for text in self._measured()]
        return Group(head, *below)

    def _measured(self) -> Iterator[Text]:
        """The samples that fit into one line, the last that is not fine in full, and the time left."""
        from rich.text import Text

        if self._health is None:
            return
        latest = self._samples[-min(_SHOWN_SAMPLES, max(self._console.width - 4, 1)) :]
        yield Text.assemble(*(_STYLES[sample.sample] for sample in latest))
        curves = _SHOWN_CURVES if self._console.height >= _HIGH else 0
        for name, values in measured(self._samples[-_DRAWN_SAMPLES:])[:curves]:
            room = max(self._console.width - len(name) - 16, 8)
            yield Text(
                f"{sparkline(values[-room:])} {figure(values[-1], 3)} {visible(name)}", style="cyan", no_wrap=True
            )
        bad = [sample for sample in latest if sample.sample is not Reading.OK]
        if bad:
            yield Text(f"{bad[-1].target} {bad[-1].check}: {bad[-1].detail}", style="yellow", overflow="fold")
        yield Text(f"{self._health.state.value}, {left(self._health)}")


def measured(samples: Sequence[Sample]) -> list[tuple[str, list[float]]]:
    """What each check of each target measured, by its name, in order."""
    found: dict[str, list[float]] = {}
    for one in samples:
        value = one.took if one.value is None else one.value
        if value is not None:
            found.setdefault(f"{one.target} {one.check}", []).append(value)
    return list(found.items())


def counted(samples: Sequence[Sample]) -> str:
    """How many samples there are of each kind."""
    counts = Counter(sample.sample for sample in samples)
    return ", ".join(f"{counts[reading]} {reading.value}" for reading in Reading if counts[reading]) or "no samples yet"


def left(health: HealthAnalysis) -> str:
    """How much time is left, as people say it."""
    seconds = int(health.left().total_seconds())
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m {rest}s left" if minutes else f"{rest}s left"
