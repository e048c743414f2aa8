"""Judging what an engine reports: every instance runs the right image, is available, and did not restart."""

from __future__ import annotations

import enum
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.verdict import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHORT = 12
"""Digits of a digest that a detail shows."""


class InstanceState(enum.Enum):
    """What the engine says of an instance."""

    AVAILABLE = "available"
    STARTING = "starting"
    FAILING = "failing"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A pod or a container; `id` is another one's whenever it is made anew, `since` when its program began last.

    `images` are the references by which its containers run, with their digests where the engine tells them.
    """

    id: str
    name: str
    images: tuple[str, ...]
    state: InstanceState
    why: str = ""
    restarts: int = 0
    since: datetime | None = None

    def runs(self, reference: str) -> bool:
        """Whether one of its containers runs a reference, which is compared by its digest where it has one."""
        _, _, digest = reference.rpartition("@")
        return any(image == reference or image.rpartition("@")[2] == digest for image in self.images)


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """All instances of something that an engine runs; `wanted` is how many there should be, where the engine knows.

    `pending` is what the engine itself has still to do.
    """

    noun: str
    instances: tuple[Instance, ...]
    wanted: int | None = None
    pending: str = ""


def judge_workload(
    now: Workload, before: Workload | None, reference: str = "", *, calm_since: datetime | None = None
) -> tuple[Reading, str]:
    """Compare a workload with the look before it, and with the image that it should run, if that is known.

    What ended because it was replaced, scaled down or moved is gone from the list, and is no restart. A restart before
    the first look counts only where the program began after `calm_since`, and then at every look.
    """
    right = [one for one in now.instances if not reference or one.runs(reference)]
    known = {one.id: one for one in before.instances} if before else {}
    if restarted := [one for one in right if _restarted(one, known.get(one.id), calm_since)]:
        return Reading.RESTARTED, f"{_named(restarted)} restarted{_why(restarted)}"
    lost = [one for one in right if _lost(one, known.get(one.id))]
    if failing := lost or [one for one in right if one.state is InstanceState.FAILING]:
        return Reading.BAD, f"{_named(failing)}: {'not available any more' if lost else 'failing'}{_why(failing)}"
    if now.wanted == 0 or (now.wanted is None and not now.instances):
        return Reading.BAD, f"no {now.noun} is {'there' if now.wanted is None else 'wanted'}"
    return _progress(now, right, known, reference)


def _progress(
    now: Workload, right: Sequence[Instance], known: dict[str, Instance], reference: str
) -> tuple[Reading, str]:
    """How far the new version has come, where nothing is wrong with it."""
    total = len(now.instances)
    if others := [one for one in now.instances if one not in right]:
        return Reading.STALE, f"{len(others)} of {_counted(total, now.noun)} run another image: {_images(others)}"
    if again := [one for one in right if one.id in known and known[one.id].since != one.since]:
        return Reading.STALE, f"{_named(again)} was started again"
    ready = sum(one.state is InstanceState.AVAILABLE for one in right)
    wanted = total if now.wanted is None else now.wanted
    if ready < wanted or now.pending:
        return Reading.STALE, now.pending or f"{ready} of {_counted(wanted, now.noun)} available{_why(right)}"
    return Reading.OK, f"{ready} of {_counted(wanted, now.noun)} available{_of(reference)}"


def _restarted(one: Instance, before: Instance | None, calm_since: datetime | None) -> bool:
    lately = calm_since is not None and one.since is not None and one.since > calm_since
    return (lately and one.restarts > 0) or (before is not None and one.restarts > before.restarts)


def _lost(one: Instance, before: Instance | None) -> bool:
    available = InstanceState.AVAILABLE
    return before is not None and before.state is available and one.state is not available and before.since == one.since


def _named(instances: Sequence[Instance]) -> str:
    more = len(instances) - 1
    return instances[0].name + (f" and {more} more" if more else "")


def _why(instances: Iterable[Instance]) -> str:
    why = next((one.why for one in instances if one.why), "")
    return f": {why}" if why else ""


def _images(instances: Iterable[Instance]) -> str:
    images = Counter(image for one in instances for image in one.images[:1])
    return ", ".join(_shortened(image) for image, _ in images.most_common(2))


def _of(reference: str) -> str:
    return f", of {_shortened(reference)}" if reference else ""


def _shortened(image: str) -> str:
    """An image by its name and the beginning of its digest."""
    name, at, digest = image.rpartition("@")
    kind, colon, digits = digest.rpartition(":")
    return f"{name}{at}{kind}{colon}{digits[:_SHORT]}" if at else image


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
