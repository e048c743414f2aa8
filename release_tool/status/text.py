"""A look at everything as lines for one screen: each says one fact, and what to do where that is not fine."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from release_tool.status.model import Health, OverdueKind
from release_tool.text.humanize import count
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from release_tool.status.metrics import DeliveryMetrics, Percentiles
    from release_tool.status.model import (
        ChangeStatus,
        EnvironmentStatus,
        HaltStatus,
        LiveVersion,
        Overview,
        SwitchedOff,
        TimelineEntry,
    )

_LONGEST = 240
"""The characters of one fact; what people wrote may be longer, and a screen is small."""

_RECENT = 8
_INACTIVE = "disabled_inactivity"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Tone(enum.Enum):
    """How a line is meant."""

    PLAIN = "plain"
    GOOD = "good"
    CARE = "care"
    BAD = "bad"


class StatusLine(NamedTuple):
    """One line: a label, empty where the line belongs to the one above, a fact, and what to do about it."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN
    todo: str = ""


_TONES = {
    Health.HEALTHY: Tone.GOOD,
    Health.CHANGING: Tone.CARE,
    Health.UNHEALTHY: Tone.BAD,
    Health.UNKNOWN: Tone.BAD,
    Health.NOTHING: Tone.CARE,
}


def screen(seen: Overview) -> Iterator[StatusLine]:
    """Everything at a glance."""
    yield from _releases(seen)
    yield from _cloud(seen)
    for environment in seen.environments:
        yield from _environment(seen, environment)
    yield from _looks(seen)
    yield from _attention(seen)
    production = next((one for one in seen.environments if one.name == seen.production), None)
    if production and production.delivery.frequency is not None:
        yield StatusLine("delivery", _delivered(production.delivery))


def closely(seen: Overview, name: str) -> Iterator[StatusLine]:
    """One environment in all detail: the rollback target with reasons, what it got last, and its newest deployments."""
    environment = next(one for one in seen.environments if one.name == name)
    yield from _environment(seen, environment)
    for passed in environment.way_back.passed_over:
        yield _line("", f"not back to {passed.name} (#{passed.deployment}): it {passed.why}")
    for quarantined in environment.quarantined:
        yield _line("quarantine", f"{quarantined.name} ({quarantined.commit[:10]}) {quarantined.why}", Tone.CARE)
    yield from _changes(environment)
    for entry in environment.timeline[:_RECENT]:
        yield _entry(entry)
        for curve in entry.curves:
            yield _line("", f"{curve.target} {curve.check} {curve.line} {curve.told}")
    yield StatusLine("delivery", _delivered(environment.delivery))


def verdict(seen: Overview, lines: Sequence[StatusLine], name: str) -> StatusLine:
    """All of the lines in one: how the environment of a name is, and how much waits for a person."""
    open_items = len({line.todo for line in lines if line.todo and line.tone in {Tone.CARE, Tone.BAD}})
    todo = count(open_items, "open action item") if open_items else "nothing to do"
    environment = next((one for one in seen.environments if one.name == name), None)
    if environment is None:
        return StatusLine("verdict", todo, Tone.CARE if open_items else Tone.GOOD)
    live = f" ({environment.live.name})" if environment.live else ""
    return _line("verdict", f"{name} {_state(environment)}{live}; {todo}", _TONES[environment.health])


def moment(at: datetime | None, now: datetime) -> str:
    """A time as people say it, with how long ago that was; empty where there is none."""
    if at is None:
        return ""
    return f"{at:%Y-%m-%d %H:%M} UTC, {lasting((now - at).total_seconds())} ago"


def lasting(seconds: float) -> str:
    """A length of time in its largest unit, such as `14 min`."""
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _line(label: str, text: str, tone: Tone = Tone.PLAIN, todo: str = "") -> StatusLine:
    """A line of one row, whatever people wrote into it."""
    return StatusLine(visible(label), shortened(visible(text), _LONGEST), tone, visible(todo))


# Releases


def _releases(seen: Overview) -> Iterator[StatusLine]:
    newest = next((release for release in seen.releases if release.tag == seen.released), None)
    if seen.released is None:
        yield StatusLine("released", "nothing yet", Tone.CARE, "see `release-tool plan`")
    elif newest is None:
        yield _line("released", seen.released)
    elif newest.withdrawn:
        yield _line("released", f"{seen.released}, which was withdrawn", Tone.CARE, "release a fix")
    else:
        by = f", by {', '.join(newest.authors)}" if newest.authors else ""
        yield _line("released", f"{seen.released}, {moment(newest.published, seen.at)}{by}", Tone.GOOD)
    if seen.unreleased:
        yield from _unreleased(seen)
    for tag in seen.half_done:
        todo = next((release.todo for release in seen.releases if release.tag == tag), "")
        yield _line("half-done", tag, Tone.CARE, todo) if todo else _line("half-done", f"{tag}, in progress")


def _unreleased(seen: Overview) -> Iterator[StatusLine]:
    """What waits, by name where it waits for something else to be released."""
    quiet = [change for change in seen.changes if change.bump == "none" and not change.cancelled]
    alone = not any(change.bump != "none" for change in seen.changes)
    text = f"{count(seen.unreleased, 'change')} on `{seen.branch}`"
    if quiet and alone:
        yield _line("unreleased", f"{text}, none asks for a release", todo="`release-tool bump --force patch`")
    else:
        yield _line("unreleased", text, todo="see `release-tool plan`")
    for change in quiet[:_RECENT]:
        yield _line("", f"asks for no release: {_name(change)} {change.title}")
    if len(quiet) > _RECENT:
        yield StatusLine("", f"and {len(quiet) - _RECENT} more")


def _cloud(seen: Overview) -> Iterator[StatusLine]:
    cloud = seen.cloud
    if cloud is None:
        return
    if cloud.head is None:
        yield _line(cloud.branch, "does not exist yet", Tone.CARE, f"{cloud.todo} makes it")
    elif cloud.behind:
        yield _line(cloud.branch, f"{cloud.name}, behind by {', '.join(cloud.behind)}", Tone.CARE, cloud.todo)
    elif not cloud.tested:
        yield _line(cloud.branch, f"{cloud.name}, up to date, not tested", Tone.CARE, cloud.todo)
    else:
        yield _line(cloud.branch, f"{cloud.name}, up to date", Tone.GOOD)


# Environments


def _environment(seen: Overview, environment: EnvironmentStatus) -> Iterator[StatusLine]:
    tone = _TONES[environment.health] if environment.todo or environment.live else Tone.PLAIN
    if environment.live and environment.health is Health.HEALTHY:
        yield _line(environment.name, f"{_state(environment)}: {_live(environment.live, seen.at)}", tone)
    elif environment.health is Health.NOTHING:
        todo = "" if environment.missing else environment.todo  # what is pending says what to do
        yield _line(environment.name, _state(environment), tone, todo)
    else:
        yield _line(environment.name, f"{_state(environment)}: {environment.text}", tone, environment.todo)
    for entry in environment.running:
        run = next((link.url for link in entry.links if link.name == "run"), "")
        yield _line("", f"#{entry.id} {entry.kind} of {entry.name} by {entry.by or entry.owner}: {entry.text} {run}")
    if missing := environment.missing:
        yield _line("", f"pending: {missing.name} ({missing.why})", Tone.CARE, missing.todo)
    if environment.frozen:
        yield _line("", environment.frozen)
    if environment.health is not Health.NOTHING:
        yield _way_back(environment)


def _state(environment: EnvironmentStatus) -> str:
    until = environment.watched_until
    watched = f", watched until {until:%H:%M} UTC" if until else ""
    return environment.health.value + watched + (", halted" if environment.halts else "")


def _live(live: LiveVersion, now: datetime) -> str:
    doubt = "" if live.proven else ", unproven: no check tells the version"
    who = _who(live.by, automatic=live.automatic)
    return f"{live.name} ({live.commit[:10]}) since {moment(live.since, now)}, {who}{doubt}"


def _who(by: str, *, automatic: bool) -> str:
    return "automatically" if automatic else f"by {by or 'a person'}"


def _way_back(environment: EnvironmentStatus) -> StatusLine:
    back = environment.way_back
    if back.name is None:
        return _line("", "no rollback target", Tone.CARE, back.todo)
    return _line("", f"rollback target: {back.name} ({(back.commit or '')[:10]})")


def _changes(environment: EnvironmentStatus) -> Iterator[StatusLine]:
    if environment.changes is None:
        return
    changes = environment.changes
    yield _line("changes", f"{changes.before} → {changes.after}: {count(len(changes.changes), 'change')}")
    for change in changes.changes:
        yield _line("", f"{_name(change)} {change.title} ({', '.join(change.authors)})")


def _name(change: ChangeStatus) -> str:
    return f"#{change.pull}" if change.pull else change.commit[:10]


def _entry(entry: TimelineEntry) -> StatusLine:
    who = _who(entry.by, automatic=entry.automatic)
    reason = f" because: {entry.reason}" if entry.reason else ""
    took = f" in {lasting(entry.seconds)}" if entry.seconds is not None else ""
    bad = entry.phase in {"failed", "unknown"}
    text = f"{entry.created:%m-%d %H:%M} {entry.kind} {entry.name} {who}{took}: {entry.text}{reason}"
    return _line(f"#{entry.id}", text, Tone.BAD if bad else Tone.PLAIN)


# What looks


def _looks(seen: Overview) -> Iterator[StatusLine]:
    """The next scheduled look, where anything waits; and workflows that are switched off."""
    waits = any(one.automatic and (one.missing or one.frozen) for one in seen.environments)
    if waits and seen.next_look:
        at, todo = seen.next_look.at, seen.next_look.todo
        text = f"{at:%a} {at:%Y-%m-%d %H:%M} UTC" if at else "not scheduled"
        yield _line("next look", text, Tone.PLAIN if at else Tone.CARE, todo)
    for off in seen.switched_off:
        yield _line("off", switched_off(off), Tone.CARE, off.todo)


def switched_off(off: SwitchedOff) -> str:
    """A workflow that is off, and whose doing that is."""
    why = "GitHub switched it off, for nothing happened here for 60 days" if off.state == _INACTIVE else off.state
    return f"{off.path}: {why}"


# Action items


def _word(kind: OverdueKind) -> str:
    match kind:
        case OverdueKind.DRIFT:
            return "drift"
        case OverdueKind.UNRELEASED | OverdueKind.NEVER_SYNCED | OverdueKind.NEVER_DEPLOYED | OverdueKind.APPROVAL:
            return "missed"


def _attention(seen: Overview) -> Iterator[StatusLine]:
    for halt in seen.halts:
        yield _halt(halt)
    for waiting in seen.waiting:
        if not any(waiting.url == halt.url for halt in seen.halts):
            yield _line("waiting", waiting.what, Tone.CARE, waiting.todo)
    for case in seen.cases:
        yield _line(_word(case.kind), case.text, Tone.BAD, case.todo)
    for ignored in seen.ignored:
        yield _line("ignored", str(ignored), Tone.CARE, ignored.todo)
    for unseen in seen.unseen:
        yield _line("not seen", unseen, Tone.CARE, "use a token with that right")


def _halt(halt: HaltStatus) -> StatusLine:
    what = halt.environment or "everything"
    until = f" until {halt.until:%Y-%m-%d %H:%M} UTC" if halt.until else ""
    by = f" by {halt.by}" if halt.by else ""
    kept = f", which {halt.kept}, but the halt still holds" if halt.kept else ""
    text = f"{what}{by}{until}: {halt.reason or 'no reason given'} (#{halt.issue}{kept})"
    return _line("incident" if halt.incident else "halted", text, Tone.BAD, halt.todo)


# Delivery


def _delivered(delivery: DeliveryMetrics) -> str:
    frequency, rate = delivery.frequency, delivery.change_failure_rate
    facts = {
        "frequency": "" if frequency is None else f"{frequency:.1f} a week",
        "lead time": _spread(delivery.lead_time),
        "failure rate": "" if rate is None else f"{rate:.0%}",
        "recovery": _spread(delivery.recovery_time),
    }
    return ", ".join(f"{name} {value or 'not known'}" for name, value in facts.items())


def _spread(spread: Percentiles | None) -> str:
    return f"{lasting(spread.median)} (p90 {lasting(spread.p90)})" if spread else ""
