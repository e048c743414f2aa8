"""How fast the live version answers, measured before a deployment begins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from release_tool.config.queries import LOOKS_COMPARED
from release_tool.deploy.health.verdict import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from release_tool.deploy.health.before import Before
    from release_tool.deploy.health.probe import Question
    from release_tool.deploy.health.verdict import Sample


def look_before(
    measure: Callable[[Sequence[Question]], Sequence[Sample]],
    questions: Sequence[Question],
    bake: timedelta,
    sleep: Callable[[float], None],
    before: Before,
) -> None:
    """Measure for a quarter of a bake how long the answers take; what does not answer well at first is left out.

    Whoever answers then is not the version that is deployed, so that its good answers are stale ones.
    """
    found: list[Sample] = []
    asked, looks = (
        list(questions),
        max(math.ceil(bake / 4 / min(one.check.interval for one in questions)), LOOKS_COMPARED),
    )
    for number in range(looks):
        samples = measure([one for one in asked for _ in range(one.check.asked)])
        found += (one for one in samples if one.took is not None and one.sample in {Reading.OK, Reading.STALE})
        answering = {(one.target, one.check) for one in found}
        asked = [one for one in asked if (one.target.name, one.check.name) in answering]
        if not asked or number == looks - 1:
            break
        sleep(min(one.check.interval for one in asked).total_seconds())
    for one in questions:
        name = one.target.name, one.check.name
        before.keep(*name, [sample for sample in found if (sample.target, sample.check) == name])
