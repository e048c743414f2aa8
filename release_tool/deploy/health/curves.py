"""The samples of a deployment as curves that fit into the ledger, so that everybody sees later why it went back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import msgspec

from release_tool.deploy.health.verdict import Reading
from release_tool.text.documents import UNREADABLE
from release_tool.text.humanize import figure, sparkline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from release_tool.config.model import Check
    from release_tool.deploy.health.verdict import Sample

MOST_POINTS = 60
MOST = 4
"""How many curves are kept of a deployment: those that say most of why it was left."""
ROOM = 4_000
"""The bytes that they may have together, for they are read with every look at the ledger."""

_BEFORE = 20
"""How many of the points are from before the deployment, at most."""
_LONGEST_NAME = 60
_LARGEST = 1e300
"""What is larger, such as the largest number of all, is not drawn: rounded it may be none that a ledger can hold."""

_SIGNS = {
    "o": Reading.OK,
    "s": Reading.STALE,
    "u": Reading.UNMEASURABLE,
    "b": Reading.BAD,
    "r": Reading.RESTARTED,
}
"""A letter for each reading, the one that tells most last."""
_LETTERS = {reading: letter for letter, reading in _SIGNS.items()}
_SHAPES = {"o": "●", "s": "○", "u": "?", "b": "✗", "r": "↻"}

Name = Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)]


class Curve(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one check of one target found before and after a deployment, in a few points.

    `at` are seconds from the first look after its command on, below zero before that. `marks` has a letter for each
    point: `o` for ok, `s` for stale, `u` for unmeasurable, `b` for bad, `r` for restarted. `values` are what was
    measured, None where nothing was, and none at all where the check measures nothing; with `seconds` they are how long
    an answer took. More than `most` or less than `least` is bad.
    """

    target: Name
    check: Name
    at: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=MOST_POINTS)]
    marks: Annotated[str, msgspec.Meta(pattern=r"^[osubr]{1,60}\Z")]
    values: Annotated[tuple[float | None, ...], msgspec.Meta(max_length=MOST_POINTS)] = ()
    seconds: bool = False
    most: float | None = None
    least: float | None = None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What each point found."""
        return tuple(_SIGNS[letter] for letter in self.marks)

    @property
    def before(self) -> int:
        """How many of the points are from before the deployment."""
        return sum(at < 0 for at in self.at)

    @property
    def sound(self) -> bool:
        """Whether it can be drawn."""
        numbers = [*self.values, self.most, self.least]
        drawn = all(one is None or abs(one) <= _LARGEST for one in numbers)
        return drawn and len(self.at) == len(self.marks) and len(self.values) in {0, len(self.at)}

    @property
    def told(self) -> str:
        """What it shows, in words."""
        before = [one for one in self.values[: self.before] if one is not None]
        after = [one for one in self.values[self.before :] if one is not None]
        parts = [f"{self.written(_middle(before))} before" if before else ""]
        end = after[-max(len(after) // 3, 1) :]
        parts += [f"{self.written(_middle(end))} in the end" if end else ""]
        parts += ["" if self.most is None else f"at most {self.written(self.most)} is good"]
        parts += ["" if self.least is None else f"at least {self.written(self.least)} is good"]
        bad = sum(letter in "br" for letter in self.marks[self.before :])
        parts += [f"{bad} of {len(self.marks) - self.before} points after it are bad"]
        return ", ".join(filter(None, parts))

    def written(self, value: float) -> str:
        """A value as people read it."""
        return f"{figure(value, 3)} s" if self.seconds else figure(value, 3)

    @property
    def line(self) -> str:
        """The whole curve in one line of text."""
        drawn = sparkline(self.values) if any(one is not None for one in self.values) else self.signs
        cut = self.before
        return f"{drawn[:cut]}│{drawn[cut:]}" if 0 < cut < len(drawn) else drawn

    @property
    def signs(self) -> str:
        """A sign for what each point found."""
        return "".join(_SHAPES[letter] for letter in self.marks)


def curves_of(before: Sequence[Sample], after: Sequence[Sample], checks: Iterable[Check]) -> tuple[Curve, ...]:
    """Make a few curves of all samples: first those that went bad, and no more than there is room for."""
    if not after:
        return ()
    by_name = {check.name: check for check in checks}
    names = dict.fromkeys((one.target, one.check) for one in after if one.check in by_name)
    found = [_curve(name, by_name[name[1]], before, after) for name in names]
    chosen = sorted(found, key=_says)[:MOST]
    while chosen and len(msgspec.json.encode(chosen)) > ROOM:
        chosen.pop()
    return tuple(chosen)


def read_curves(value: object) -> tuple[Curve, ...]:
    """Read curves back; those that can't be read are left out, for nothing is decided by them."""
    found = []
    for one in value[:MOST] if isinstance(value, list | tuple) else ():
        try:
            curve = msgspec.convert(one, Curve)
        except UNREADABLE:
            continue
        found += [curve] if curve.sound else []
    return tuple(found)


def curve_lines(curves: Iterable[Curve]) -> str:
    """Curves as text, each in a line with what it shows below."""
    return "\n".join(f"{one.target}  {one.check}  {one.line}\n  {one.told}" for one in curves)


def _says(curve: Curve) -> tuple[int, bool]:
    """How much a curve says of why a deployment was left, the most first: by how bad it was in the end."""
    end = curve.marks[-max(len(curve.marks) // 3, 1) :]
    return -100 * sum(letter in "br" for letter in end) // len(end), not curve.values


def _curve(name: tuple[str, str], check: Check, before: Sequence[Sample], after: Sequence[Sample]) -> Curve:
    begin = after[0].at
    earlier = _thinned([one for one in before if (one.target, one.check) == name and one.at < begin], _BEFORE)
    later = _thinned([one for one in after if (one.target, one.check) == name], MOST_POINTS - len(earlier))
    points = [*earlier, *later]
    values = tuple(_rounded(_value(one)) for one in points)
    measured = any(value is not None for value in values)
    seconds = check.kind == "http"
    return Curve(
        target=name[0][:_LONGEST_NAME],
        check=name[1][:_LONGEST_NAME],
        at=(*(min(_since(one, begin), -1) for one in earlier), *(_since(one, begin) for one in later)),
        marks="".join(_LETTERS[one.sample] for one in points),
        values=values if measured else (),
        seconds=seconds and measured,
        most=(check.latency.total_seconds() if check.latency else None) if seconds else check.max,
        least=check.min,
    )


def _since(one: Sample, begin: datetime) -> int:
    return round((one.at - begin).total_seconds())


def _thinned(samples: Sequence[Sample], most: int) -> list[Sample]:
    """No more than so many samples: of those that follow one another the one that tells most."""
    if len(samples) <= most:
        return list(samples)
    cuts = [len(samples) * number // most for number in range(most + 1)]
    return [max(samples[start:end], key=_tells) for start, end in itertools.pairwise(cuts)]


def _tells(sample: Sample) -> tuple[int, float]:
    return [*_LETTERS].index(sample.sample), _value(sample) or 0.0


def _value(sample: Sample) -> float | None:
    return sample.took if sample.value is None else sample.value


def _rounded(value: float | None) -> float | None:
    return float(f"{value:.3g}") if value is not None and abs(value) <= _LARGEST else None


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
