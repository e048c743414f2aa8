"""After the bake: what a version that was proven shows for a while longer, at a slower pace, and when it has to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import WATCH_PACE, Duration
from release_tool.deploy.health.verdict import CRASH_LOOP, HealthRule, Reading, Sample, rules_of
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from release_tool.config.model import Check, Environment

_BAKES = 2
"""How many bakes have as many intervals as the time of which a share is judged: of one, 3 % of lost looks are at times
more than 10 %, once in two hundred hours; of two, once in many thousands."""
_LEAST_RUNS = 4
"""How many full runs of bad intervals are the shortest such time."""


def paced(check: Check) -> Check:
    """A check as it is asked in a watch."""
    interval = Duration(seconds=max(check.interval, WATCH_PACE).total_seconds())
    return msgspec.structs.replace(check, interval=interval, initial_delay=Duration())


class WatchedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of one target found since the watch began.

    `latest` has the bad and the measured samples of the last `window` intervals, which are those of two bakes; `bad`
    counts the bad intervals in a row, `unmeasurable` the latest that told nothing, and `restarts` those that found one.
    """

    rule: HealthRule
    window: int
    latest: tuple[tuple[int, int], ...] = ()
    bad: int = 0
    unmeasurable: int = 0
    restarts: int = 0
    last: Sample | None = None

    @classmethod
    def begun(cls, rule: HealthRule) -> WatchedCheck:
        """Begin with nothing known; a bake is as many intervals long here as after a deployment."""
        bake = -(-rule.bake // rule.interval)
        return cls(rule=rule, window=max(_BAKES * bake, _LEAST_RUNS * rule.threshold))

    def observed(self, samples: Sequence[Sample]) -> WatchedCheck:
        """Take in the samples of an interval; what another version answered tells nothing of this one."""
        measured = [one for one in samples if one.sample is not Reading.UNMEASURABLE]
        if not measured:
            return msgspec.structs.replace(self, unmeasurable=self.unmeasurable + 1)
        ours = [one for one in measured if one.sample is not Reading.STALE]
        bad = [one for one in ours if one.sample is Reading.BAD]
        restarted = any(one.sample is Reading.RESTARTED for one in ours)
        return msgspec.structs.replace(
            self,
            latest=(*self.latest, (len(bad), len(ours)))[-self.window :],
            bad=self.bad + 1 if bad and len(bad) == len(measured) else self.bad if restarted else 0,
            unmeasurable=0,
            restarts=self.restarts + restarted,
            last=(bad or ours or measured)[-1],
        )

    @property
    def blind(self) -> bool:
        """Whether the latest looks told nothing."""
        return self.last is None or self.unmeasurable >= self.rule.threshold

    @property
    def complaint(self) -> str:
        """Why the version has to go, empty while it may stay."""
        bad = sum(bad for bad, _ in self.latest)
        if self.bad >= self.rule.threshold:
            why = f"{self.bad} bad {'interval' if self.bad == 1 else 'intervals'} in a row"
        elif self.restarts >= CRASH_LOOP:
            why = f"it restarted {self.restarts} times"
        elif bad > self._allowed:
            why = f"{bad} of {sum(total for _, total in self.latest)} samples were bad, more than {self.rule.budget} %"
        else:
            return ""
        detail = f" ({visible(self.last.detail)})" if self.last and self.last.detail else ""
        return f"`{self.rule.target}` `{self.rule.check}`: {why}{detail}"

    @property
    def _allowed(self) -> float:
        """How many samples of a whole window may be bad; where the budget allows for next to none, a full run of them.

        It is counted against the whole window from the beginning: a few samples alone prove no share.
        """
        return max(self.window * self.rule.samples * self.rule.budget / 100, self.rule.threshold)


class WatchAnalysis(msgspec.Struct, frozen=True):
    """All checks of all targets while they are watched."""

    checks: tuple[WatchedCheck, ...]
    good: int = 0
    total: int = 0

    @classmethod
    def begun(cls, environment: Environment, targets: Iterable[str]) -> WatchAnalysis:
        """Begin for each check of some targets."""
        return cls(tuple(map(WatchedCheck.begun, rules_of(environment, targets))))

    def observed(self, samples: Sequence[Sample]) -> WatchAnalysis:
        """Take in the samples of a look; checks that were not asked stay as they are."""
        heard = [(check, [one for one in samples if check.rule.about(one)]) for check in self.checks]
        good = sum(one.sample is Reading.OK for one in samples)
        return WatchAnalysis(
            tuple(check.observed(found) if found else check for check, found in heard),
            self.good + good,
            self.total + len(samples),
        )

    def interrupted(self) -> WatchAnalysis:
        """Know that nobody looked for a while: what was bad in a row before says nothing of now."""
        return msgspec.structs.replace(
            self, checks=tuple(msgspec.structs.replace(check, bad=0) for check in self.checks)
        )

    @property
    def complaint(self) -> str:
        """Why the version has to go, empty while it may stay."""
        return "; ".join(filter(None, (check.complaint for check in self.checks)))

    @property
    def blind(self) -> str:
        """The checks whose latest looks told nothing."""
        return ", ".join(f"`{check.rule.target}` `{check.rule.check}`" for check in self.checks if check.blind)

    @property
    def counted(self) -> str:
        """What was found so far, in a few words."""
        return f"{self.good} of {self.total} samples were good"
