"""Overviews of a sample project: on a calm day, in an incident, on its first day, after years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.curves import Curve
from release_tool.status.metrics import Counts, DeliveryMetrics, Percentiles, Week
from release_tool.status.model import (
    ChangeStatus,
    Cloud,
    EnvironmentStatus,
    HaltStatus,
    Health,
    Link,
    LiveVersion,
    Milestone,
    OverdueCase,
    OverdueKind,
    Overview,
    Passed,
    PendingVersion,
    ReleasePipeline,
    ReleaseStatus,
    RollbackTargetStatus,
    StageState,
    TimelineEntry,
    Waiting,
)
from tests.builders import sha

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
URL = "https://github.com/acme/shop"
DAY = timedelta(days=1)

CURVES = (
    Curve(
        target="web-1",
        check="latency",
        at=(-60, -45, -30, -15, 0, 15, 30, 45, 60),
        marks="ooooooobb",
        values=(0.12, 0.13, 0.11, 0.12, 0.14, 0.2, 0.28, 0.41, 0.48),
        seconds=True,
        most=0.3,
    ),
    Curve(target="web-1", check="health", at=(0, 2, 4, 6), marks="soub"),
)
"""Why something was left: it became slow, and did not answer in the end."""

NOTES = """## New features

- Search the catalogue by name ([#212](https://github.com/acme/shop/pull/212)) by ada

  Type a part of a name and see what fits, best first. Turn it off with `SEARCH=off`.
- Pay in instalments ([#214](https://github.com/acme/shop/pull/214)) by grace and linus

## Bug fixes

- Round totals to cents ([#213](https://github.com/acme/shop/pull/213)) by ada

| where | before | now |
|---|---:|---:|
| basket | 10.005 | 10.01 |

**Full changelog:** [v1.4.0...v1.4.1](https://github.com/acme/shop/compare/v1.4.0...v1.4.1)

<!-- rt:notes base=v1.4.0
features:abcdefgh
-->
"""


def link(name: str, path: str) -> Link:
    return Link(name=name, url=f"{URL}/{path}")


def entry(number: int, name: str, when: datetime, phase: str = "healthy", **more: object) -> TimelineEntry:
    """A deployment that took four minutes and ended well, unless said otherwise."""
    changed = phase in {"healthy", "replaced", "failed", "unknown"}
    usual = TimelineEntry(
        id=number,
        environment="production",
        name=name,
        commit=sha(name),
        kind="deploy",
        automatic=True,
        by="",
        reason="",
        created=when - timedelta(minutes=5),
        phase=phase,
        text={"healthy": "healthy: every check held", "failed": "failed: 8 bad samples in a row"}.get(phase, phase),
        state="success" if phase == "healthy" else "inactive",
        finished=True,
        changed=changed,
        proven=phase in {"healthy", "replaced"},
        ended=when,
        seconds=252.0 if changed else None,
        links=(link("run", f"actions/runs/{9_000 + number}"), link("compare", "compare/v1.4.0...v1.4.1")),
    )
    return msgspec.structs.replace(usual, **more)


def live(item: TimelineEntry, **more: object) -> LiveVersion:
    """What a deployment left live."""
    usual = LiveVersion(
        name=item.name,
        commit=item.commit,
        deployment=item.id,
        since=item.ended or item.created,
        by=item.by,
        automatic=item.automatic,
        proven=True,
        kind=item.kind,
        links=(link("run", "actions/runs/1"), link("release", f"releases/tag/v{item.name}")),
    )
    return msgspec.structs.replace(usual, **more)


def delivery(weeks: int = 12) -> DeliveryMetrics:
    """Metrics that rise and fall, with a week in which nothing happened."""
    healthy = [3, 5, 4, 0, 6, 7, 5, 8, 6, 9, 7, 4][:weeks]
    failed = [0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1][:weeks]
    rows = [
        Week(
            start=date(2026, 8, 31) + at * timedelta(weeks=1),
            counts=Counts(healthy=well, failed=bad, manual=well // 4, rollbacks=bad),
            lead_time=Percentiles(count=4 * well, median=3_600.0 * (9 - well / 2), p90=9_000.0 * (9 - well / 2))
            if well
            else None,
            change_failure_rate=bad / (well + bad) if well + bad else None,
            recovery_time=Percentiles(count=1, median=420.0 + 60 * at, p90=420.0 + 60 * at) if bad else None,
        )
        for at, (well, bad) in enumerate(zip(healthy, failed, strict=True))
    ]
    return DeliveryMetrics(
        weeks=tuple(rows),
        counts=Counts(healthy=64, failed=5, manual=14, rollbacks=5),
        frequency=5.33,
        lead_time=Percentiles(count=256, median=5.2 * 3600, p90=19.5 * 3600),
        change_failure_rate=5 / 69,
        recovery_time=Percentiles(count=5, median=660, p90=1_080),
    )


def timeline(environment: str, first: int, *, minutes: int = 0) -> tuple[TimelineEntry, ...]:
    """Ten weeks of deployments, one of them rolled back."""
    found: list[TimelineEntry] = []
    for at in range(26):
        when = NOW - DAY * (72 - at * 2.75) + timedelta(minutes=minutes)
        number, name = first + 3 * at, f"1.{at // 6}.{at % 6}"
        by = {} if at % 5 else {"automatic": False, "by": "grace", "reason": "asked for by support"}
        if at in {9, 17}:
            found += _rolled_back(environment, number, name, found[-1].name, when)
        elif at == 13:
            found.append(
                entry(number, name, when, "held", environment=environment, text="held: frozen until Monday 06:00")
            )
        else:
            phase = "healthy" if at == 25 else "replaced"
            found.append(entry(number, name, when, phase, environment=environment, **by))
    return tuple(reversed(found))


def _rolled_back(environment: str, number: int, name: str, before: str, when: datetime) -> list[TimelineEntry]:
    text = f"failed: 8 bad samples in a row of `health`, answered 503; rolled back to {before}"
    return [
        entry(number, name, when, "failed", environment=environment, text=text, rolled_back_to=before),
        entry(
            number + 1,
            before,
            when + timedelta(minutes=6),
            "replaced",
            environment=environment,
            kind="rollback",
            parent=number,
            reason="8 bad samples in a row of `health`",
        ),
    ]


def environment(name: str, entries: Sequence[TimelineEntry], **more: object) -> EnvironmentStatus:
    """An environment that is healthy with its latest healthy deployment."""
    proven = [one for one in entries if one.proven]
    now = live(proven[0]) if proven else None
    before = live(proven[1]) if len(proven) > 1 else None
    usual = EnvironmentStatus(
        name=name,
        url=f"https://{name}.shop.example",
        automatic=True,
        health=Health.HEALTHY if now else Health.NOTHING,
        text=f"{now.name} is healthy" if now else "nothing was deployed here yet",
        todo="",
        live=now,
        unknown="",
        previous=before,
        running=(),
        missing=None,
        quarantined=(),
        way_back=RollbackTargetStatus(
            name=before.name,
            commit=before.commit,
            deployment=before.deployment,
            reason=f"proven healthy here (#{before.deployment})",
            passed_over=(Passed(name="1.2.5", commit=sha("1.2.5"), deployment=50, why="was rolled back (#51)"),),
        )
        if before
        else RollbackTargetStatus(reason="nothing was proven here yet"),
        halts=(),
        frozen="",
        frozen_until=None,
        timeline=tuple(entries),
        delivery=delivery() if entries else DeliveryMetrics(),
    )
    return msgspec.structs.replace(usual, **more)


def release(version: str, at: datetime, **more: object) -> ReleaseStatus:
    usual = ReleaseStatus(
        tag=f"v{version}",
        version=version,
        commit=sha(version),
        url=f"{URL}/releases/tag/v{version}",
        published=at,
        notes=NOTES,
        authors=("ada", "grace", "linus"),
        prerelease=False,
        withdrawn=False,
        latest=False,
        half_done=False,
    )
    return msgspec.structs.replace(usual, **more)


def journey(version: str, start: datetime, *marks: StageState) -> ReleasePipeline:
    """A release on its way over two environments; the marks of the stretches that are not done come last."""
    names = [("merged", ""), ("released", ""), ("in cloud", "")]
    names += [(name, place) for place in ("staging", "production") for name in ("deployed", "healthy")]
    all_marks = [StageState.DONE] * (len(names) - len(marks)) + list(marks)
    return ReleasePipeline(
        tag=f"v{version}",
        commit=sha(version),
        url=f"{URL}/releases/tag/v{version}",
        milestones=tuple(
            Milestone(
                name=name,
                environment=place,
                mark=mark,
                at=start + timedelta(minutes=7 * at) if mark is StageState.DONE else None,
                text={StageState.HELD: "waits for an approval", StageState.FAILED: "8 bad samples in a row"}.get(
                    mark, ""
                ),
            )
            for at, ((name, place), mark) in enumerate(zip(names, all_marks, strict=True))
        ),
    )


def releases() -> tuple[ReleaseStatus, ...]:
    return (
        release("1.4.1", NOW - DAY * 0.3, latest=True),
        release("1.4.0", NOW - DAY * 3),
        release("1.4.0-rc.1", NOW - DAY * 5, prerelease=True, notes="A first look at instalments."),
        release("1.3.5", NOW - DAY * 9, withdrawn=True),
        *(release(f"1.3.{patch}", NOW - DAY * (30 - 4 * patch)) for patch in reversed(range(5))),
    )


def calm() -> Overview:
    """Everything is well."""
    return Overview(
        repository="acme/shop",
        url=URL,
        at=NOW,
        branch="main",
        released="v1.4.1",
        half_done=(),
        unreleased=2,
        cloud=Cloud(branch="cloud", head=sha("cloud"), name="1.4.1+cloud.2", behind=(), tested=True),
        changes=tuple(
            ChangeStatus(
                pull=number,
                commit=sha(number),
                title="Tell what the shop is for",
                kind="other",
                bump="patch",
                authors=("ada",),
                at=NOW,
                url=f"{URL}/pull/{number}",
            )
            for number in (215, 216)
        ),
        releases=releases(),
        journeys=(
            journey("1.4.1", NOW - DAY * 0.31, StageState.DONE),
            journey("1.4.0", NOW - DAY * 3),
            journey("1.3.5", NOW - DAY * 9, StageState.DONE, StageState.PASSED_BY, StageState.PASSED_BY),
            journey("1.3.4", NOW - DAY * 14),
        ),
        production="production",
        environments=(
            environment("staging", timeline("staging", 1_000, minutes=-40)),
            environment("production", timeline("production", 2_000)),
        ),
    )


def incident() -> Overview:
    """Production was rolled back and is halted, staging is being deployed to, and much waits for a person."""
    day = calm()
    staging, production = day.environments
    when = NOW - timedelta(hours=2)
    before = production.timeline[0]
    failed = entry(
        2_100,
        "1.4.2",
        when,
        "failed",
        text="failed: 8 bad samples in a row of `health`, answered 503; rolled back to 1.4.1",
        rolled_back_to="1.4.1",
    )
    back = entry(
        2_101,
        "1.4.1",
        when + timedelta(minutes=5),
        kind="rollback",
        parent=2_100,
        reason="answered 503 at /health",
        curves=CURVES,
    )
    running = entry(
        1_100,
        "1.4.3",
        NOW,
        "baking",
        environment="staging",
        finished=False,
        ended=None,
        seconds=None,
        proven=False,
        changed=True,
        text="baking: every check is well since 14:31",
    )
    halt = HaltStatus(
        issue=231,
        url=f"{URL}/issues/231",
        environment="production",
        by="grace",
        reason="1.4.2 answers 503 under load; we look into the pool of connections first",
        since=when + timedelta(minutes=9),
        until=None,
        incident=False,
        todo="`release-tool resume -e production`",
    )
    whole = halt.issue + 1
    incident_halt = msgspec.structs.replace(
        halt,
        issue=whole,
        url=f"{URL}/issues/{whole}",
        environment="staging",
        todo="`release-tool resume -e staging`",
        incident=True,
        by="",
        reason="the rollback to 1.4.0 failed",
    )
    return msgspec.structs.replace(
        day,
        half_done=("v1.4.3",),
        cloud=Cloud(
            branch="cloud", head=sha("cloud"), name="1.4.1", behind=("v1.4.2", "v1.4.3"), todo="`release-tool sync`"
        ),
        releases=(
            release("1.4.3", NOW, published=None, half_done=True, todo="`release-tool release`", authors=()),
            release("1.4.2", NOW - DAY * 0.1, withdrawn=True),
            *day.releases,
        ),
        journeys=(
            journey(
                "1.4.3", NOW - DAY * 0.02, StageState.UNDER_WAY, StageState.WAITING, StageState.HELD, StageState.WAITING
            ),
            journey("1.4.2", NOW - DAY * 0.2, StageState.FAILED),
            *day.journeys,
        ),
        environments=(
            msgspec.structs.replace(
                staging,
                health=Health.CHANGING,
                running=(running,),
                timeline=(running, *staging.timeline),
            ),
            msgspec.structs.replace(
                production,
                live=live(back),
                previous=live(before),
                timeline=(back, failed, *production.timeline),
                halts=(halt,),
                missing=PendingVersion(
                    name="1.4.3",
                    commit=sha("1.4.3"),
                    since=NOW,
                    why="halted by grace (#231)",
                    todo="`release-tool resume -e production`",
                ),
            ),
        ),
        halts=(halt, incident_halt),
        incidents=(incident_halt,),
        waiting=(
            Waiting(
                what="run 9101 waits for somebody to approve the deployment of 1.4.3 to production",
                url=f"{URL}/actions/runs/9101",
                todo="approve it there",
                environment="production",
                since=NOW - timedelta(minutes=4),
            ),
        ),
        cases=(
            OverdueCase(
                kind=OverdueKind.NEVER_DEPLOYED,
                key="v1.3.2",
                text="v1.3.2 was never deployed to production",
                todo="`release-tool deploy 1.3.2 -e production`",
                environment="production",
                since=NOW - DAY * 20,
            ),
        ),
    )


def empty() -> Overview:
    """A repository on its first day."""
    return Overview(
        repository="acme/shop", url=URL, at=NOW, branch="main", released=None, half_done=(), unreleased=0, cloud=None
    )


def bare() -> Overview:
    """A repository that has an environment and nothing in it."""
    return msgspec.structs.replace(empty(), production="production", environments=(environment("production", ()),))


def vast(number: int = 1_000) -> Overview:
    """Years of work: so many releases, each deployed to production."""
    when = [NOW - timedelta(hours=20 * at) for at in range(number)]
    many = tuple(release(f"3.{number - at}.0", at_time, latest=at == 0) for at, at_time in enumerate(when))
    done = tuple(
        entry(5_000 - at, f"3.{number - at}.0", at_time, "replaced" if at else "healthy", by="ada", automatic=False)
        for at, at_time in enumerate(when)
    )
    return msgspec.structs.replace(
        calm(), releases=many, released=many[0].tag, environments=(environment("production", done),)
    )


def fleet(number: int = 120) -> Overview:
    """An incident in one of many environments, all of them busy."""
    day = incident()
    staging, production = day.environments
    names = [f"place-{at}" for at in range(number)]
    places = [
        msgspec.structs.replace(staging, name=name, timeline=_apart(staging, at)) for at, name in enumerate(names)
    ]
    journeys = tuple(
        msgspec.structs.replace(
            one, milestones=tuple(stone for each in one.milestones for stone in _everywhere(each, names))
        )
        for one in day.journeys
    )
    return msgspec.structs.replace(day, environments=(*places, production), journeys=journeys)


def outage(number: int = 120) -> Overview:
    """An incident in each of many environments, halts without end, and much under way at once."""
    day = fleet(number)
    reason = "`web-1` `health`: another version still answered (200 in 6 ms: it is `1.3.0`, not `1.3.1`) " * 4
    halts = [msgspec.structs.replace(day.halts[0], reason=reason, issue=at) for at in range(number)]
    incidents = tuple(
        msgspec.structs.replace(halt, incident=True, environment=place.name)
        for halt, place in zip(halts, day.environments, strict=False)
    )
    *places, production = day.environments
    running = (msgspec.structs.replace(places[0].running[0], text=reason),) * number
    production = msgspec.structs.replace(production, halts=tuple(halts), running=running)
    return msgspec.structs.replace(
        day,
        environments=(*places, production),
        halts=(*halts, *incidents),
        incidents=incidents,
        cloud=Cloud(
            branch="cloud", head=sha("cloud"), name="1.0.0", behind=tuple(f"v1.{at}.0" for at in range(number))
        ),
    )


def _everywhere(stone: Milestone, names: list[str]) -> list[Milestone]:
    """The stretch of a release to the first environment as one to each of many."""
    if stone.environment != "staging":
        return [stone]
    return [msgspec.structs.replace(stone, environment=name) for name in names]


def _apart(environment: EnvironmentStatus, at: int) -> tuple[TimelineEntry, ...]:
    """The deployments of an environment under numbers of their own, as GitHub counts them all together."""
    shift = (at + 1) * 100_000
    return tuple(
        msgspec.structs.replace(one, id=one.id + shift, parent=one.parent and one.parent + shift)
        for one in environment.timeline
    )


PRONE = (
    '<script>alert("{0}")</script><img src=x onerror=alert(1)>"\' style="x" onclick="alert(2)" '
    "\u202e{{7*7}}\x1b[31m\ud800"
)
"""What a villain writes wherever there is room: markup, attributes, a template, a direction, an escape."""

VILE_NOTES = f"""# {PRONE}

<script src="https://evil.example/a.js"></script>
<iframe src="https://evil.example"></iframe>

![pixel](https://evil.example/pixel.png)
[click](javascript:alert(1)) [data](data:text/html,<script>alert(1)</script>) [ok](https://ok.example/?a=1&b="2")
[](https://empty.example) <https://auto.example> https://bare.example/x).
[![badge](https://evil.example/badge.svg)](https://ok.example)

#
<details open ontoggle=alert(1)><summary>more</summary>

> [!CAUTION]
> **careful** <!-- nobody sees this -->

| a | |
|:-:|---|
| <b onmouseover=alert(1)>x</b> | `</code><script>alert(1)</script>` |

```html"><script>alert(1)</script>
</pre><script>alert(1)</script>
```

<style>body {{ display: none }}</style>
"""


def hostile() -> Overview:
    """The same project, in which a villain wrote every text that people may write."""
    day = incident()
    staging, production = day.environments
    vile = msgspec.structs.replace(
        production.timeline[0],
        name=PRONE,
        by=PRONE,
        reason=PRONE,
        text=PRONE * 10_000,
        links=(Link(name="run", url="javascript:alert(1)"), Link(name=PRONE, url=f"https://x.example/{PRONE}")),
    )
    where = msgspec.structs.replace(
        production,
        name="../../etc/<b>",
        url="javascript:alert(1)",
        live=live(vile),
        timeline=(vile, *production.timeline[1:4]),
        halts=tuple(msgspec.structs.replace(halt, by=PRONE, reason=PRONE, todo=PRONE) for halt in production.halts),
    )
    long = "# Long\n\n" + "- `a` **b** <c> [d](https://d.example) & \n" * 240_000
    return msgspec.structs.replace(
        day,
        repository=PRONE,
        branch=PRONE,
        production=where.name,
        cloud=Cloud(branch=PRONE, head="f" * 40, name=PRONE, behind=(PRONE,), todo=PRONE),
        environments=(staging, where),
        releases=(
            release("9.9.9", NOW, tag=PRONE, notes=VILE_NOTES, authors=(PRONE,) * 50, url="javascript:alert(1)"),
            release("9.9.8", NOW, notes=long),
            release("9.9.7", NOW, notes="[" * 20_000 + "*_`" * 5_000),
            release("9.9.6", NOW, notes="|" * 9_000 + "\n" + "|-" * 9_000 + "\n" + "|" * 9_000),
        ),
        waiting=(Waiting(what=PRONE, url="data:text/html,x", todo=f"`{PRONE}`"),),
        unseen=(PRONE,),
    )
