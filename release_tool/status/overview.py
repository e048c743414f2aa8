"""One look at everything: where each release is, how each environment stands, and what waits or was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.our_workflows import carrying_on, next_look
from release_tool.errors import UsageError
from release_tool.history.commit_names import name_of_commit
from release_tool.status import model, overdue
from release_tool.status.collect import FEW, as_deployed, collect, is_released, tested_at
from release_tool.status.environment import WAITS
from release_tool.status.environments import change_status, environment_ledgers, halt_status, production_of
from release_tool.status.model import NextLook, Overview, SwitchedOff
from release_tool.status.pipeline import Route, authors, pipelines
from release_tool.sync.conflict import CONFLICT_BRANCH
from release_tool.sync.sync import CANDIDATE_BRANCH
from release_tool.text.markers import is_abandoned, is_withdrawn
from release_tool.text.visible import visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from release_tool.github.api import Release as Published
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project
    from release_tool.status.collect import StatusSnapshot
    from release_tool.status.model import Cloud, EnvironmentStatus, HaltStatus, ReleaseStatus, Waiting
    from release_tool.status.pipeline import EnvironmentLedger


def look(project: Project, *, whole: bool = False, closely: str = "") -> Overview:
    """Look at everything: at what is newest for six requests, or at the `whole` past.

    A version that could be deployed costs another one, to see whether it can be undone.
    `closely` names an environment whose changes are looked up, too; raises UsageError where there is none of that name.
    """
    project = as_deployed(project)
    if closely and closely not in project.config.environments:
        known = ", ".join(f"`{name}`" for name in project.config.environments) or "none"
        raise UsageError(f"there is no environment `{closely}`", todo=f"name one of the configuration: {known}")
    snapshot = collect(project, whole=whole)
    releases = tuple(_releases(project, snapshot))
    cloud = _cloud(project, snapshot)
    found = environment_ledgers(project, snapshot, closely)
    environments = tuple(station.shown for station in found)
    stopping = tuple(halt_status(project, halt, snapshot.since) for halt in snapshot.halts)
    seen = Overview(
        repository=project.repository,
        url=project.web_url,
        at=snapshot.at,
        branch=snapshot.seen.branch,
        released=next((tag.name for tag in snapshot.followed if is_released(tag)), None),
        half_done=tuple(tag.name for tag in snapshot.facts.half_done),
        unreleased=len(snapshot.facts.changes),
        cloud=cloud,
        changes=tuple(change_status(project, change) for change in snapshot.facts.changes),
        releases=releases,
        journeys=pipelines(_followed(snapshot, releases), _route(project, snapshot, cloud, found)),
        production=production_of(environments),
        environments=environments,
        halts=stopping,
        incidents=tuple(halt for halt in stopping if halt.incident),
        waiting=(*snapshot.waiting, *_waiting(snapshot, stopping, environments)),
        unseen=snapshot.unseen,
        ignored=snapshot.ignored,
        next_look=_next_look(project, snapshot),
        switched_off=tuple(_switched_off(project, snapshot)),
    )
    return msgspec.structs.replace(seen, cases=overdue.cases(seen, project.config))


# Releases


def _releases(project: Project, snapshot: StatusSnapshot) -> Iterator[ReleaseStatus]:
    """The releases, newest first, those before them that are begun and not published."""
    for tag in snapshot.facts.half_done[::-1]:
        yield _half_done(project, tag)
    tags = {tag.name: tag for tag in snapshot.seen.tags}
    known = [release for release in snapshot.published if release.tag in tags]
    known.sort(key=lambda release: (release.published_at or release.created_at, release.id), reverse=True)
    followed = {tag.name for tag in snapshot.followed}
    shown = [one for place, one in enumerate(known) if snapshot.whole or place < FEW or one.tag in followed]
    wrote = _authors(snapshot, tags)
    latest = next((tag.name for tag in snapshot.followed if is_released(tag) and not _is_bad(snapshot, tag)), None)
    for release in shown:
        yield _release(release, tags[release.tag], wrote.get(release.tag, ()), latest=release.tag == latest)


def _authors(snapshot: StatusSnapshot, tags: Mapping[str, VersionTag]) -> dict[str, tuple[str, ...]]:
    """Who wrote each release, by tag; without all of the history only for those that are followed."""
    ordered = sorted(
        (tag for tag in tags.values() if tag.commit in snapshot.history), key=lambda tag: (tag.version, tag.name)
    )
    found = authors([tag.commit for tag in ordered], snapshot.history)
    return {tag.name: found.get(place, ()) for place, tag in enumerate(ordered)}


def _half_done(project: Project, tag: VersionTag) -> ReleaseStatus:
    return model.ReleaseStatus(
        tag=tag.name,
        version=str(tag.version),
        commit=tag.commit,
        url=f"{project.web_url}/tree/{tag.name}",
        published=None,
        notes="",
        authors=(),
        prerelease=not tag.stable,
        withdrawn=False,
        latest=False,
        half_done=True,
        todo="" if tag.owner_lives else "finish it with `release-tool release`",
    )


def _release(release: Published, tag: VersionTag, wrote: tuple[str, ...], *, latest: bool) -> ReleaseStatus:
    return model.ReleaseStatus(
        tag=tag.name,
        version=str(tag.version),
        commit=tag.commit,
        url=release.html_url,
        published=release.published_at,
        notes=visible_block(release.body or ""),
        authors=wrote,
        prerelease=release.prerelease,
        withdrawn=is_withdrawn(release.body) or is_abandoned(release.body),
        latest=latest,
        half_done=False,
    )


def _is_bad(snapshot: StatusSnapshot, tag: VersionTag) -> bool:
    return any(release.tag == tag.name and is_withdrawn(release.body) for release in snapshot.published)


def _followed(snapshot: StatusSnapshot, releases: Sequence[ReleaseStatus]) -> list[ReleaseStatus]:
    by_tag = {release.tag: release for release in releases}
    return [by_tag[tag.name] for tag in snapshot.followed if tag.name in by_tag]


# The hosted branch


def _cloud(project: Project, snapshot: StatusSnapshot) -> Cloud | None:
    settings = project.config.sync
    if settings is None:
        return None
    released = {tag.name: tag.commit for tag in reversed(snapshot.seen.tags) if is_released(tag)}
    lacking = project.git.outside(set(released.values()), snapshot.cloud) if snapshot.cloud else {*released.values()}
    elsewhere = project.git.outside(lacking, snapshot.seen.head)
    behind = tuple(name for name, commit in released.items() if commit in lacking - elsewhere)
    return model.Cloud(
        branch=settings.branch,
        head=snapshot.cloud,
        name=name_of_commit(project, snapshot.seen.tags, snapshot.cloud) if snapshot.cloud else None,
        behind=behind,
        tested=snapshot.cloud is not None and tested_at(snapshot, snapshot.cloud) is not None,
        todo=_cloud_todo(snapshot, behind),
    )


def _cloud_todo(snapshot: StatusSnapshot, behind: Sequence[str]) -> str:
    waiting = next((pull for pull in snapshot.on_github.pulls if pull.branch.startswith(CONFLICT_BRANCH)), None)
    if waiting:
        return f"resolve the conflict: {waiting.url}"
    if behind or snapshot.cloud is None:
        return "`release-tool sync`"
    return (
        ""
        if tested_at(snapshot, snapshot.cloud)
        else "see what became of its tests in the runs of the workflow `ReleaseStatus`"
    )


def _route(
    project: Project, snapshot: StatusSnapshot, cloud: Cloud | None, environment_ledgers: Sequence[EnvironmentLedger]
) -> Route:
    tested = {commit: at for commit in snapshot.on_github.marks if (at := tested_at(snapshot, commit))}
    deployed = {one.commit for station in environment_ledgers for one in station.ledger}
    apart = project.git.present(deployed - snapshot.history.keys())
    base = snapshot.followed[-1].commit if snapshot.followed else None
    history = {**snapshot.history, **project.git.history(sorted(apart), None if snapshot.whole else base)}
    return Route(
        cloud=cloud,
        line=snapshot.line,
        tested=tested,
        obstacles={one.tag: (one.todo, one.url) for one in _pulls(snapshot)},
        stations=environment_ledgers,
        history=history,
    )


# What looks


def _next_look(project: Project, snapshot: StatusSnapshot) -> NextLook | None:
    if not project.config.environments:
        return None
    on = {path: text for path, text in snapshot.workflows.items() if path not in snapshot.off}
    at = next_look(project, on)
    return NextLook(at=at, todo="" if at else f"`{carrying_on(project)}`")


def _switched_off(project: Project, snapshot: StatusSnapshot) -> Iterator[SwitchedOff]:
    for path, state in sorted(snapshot.off.items()):
        todo = f"`gh workflow enable {path.rpartition('/')[2]} --repo {project.repository}`"
        yield SwitchedOff(path=path, state=visible(state), todo=visible(todo))


# What waits


def _waiting(
    snapshot: StatusSnapshot, halts: Sequence[HaltStatus], environments: Sequence[EnvironmentStatus]
) -> Iterator[Waiting]:
    yield from _pulls(snapshot)
    for halt in halts:
        if halt.incident:
            what = f"an incident in {halt.environment or 'every environment'}: {halt.reason}"
            yield model.Waiting(what=what, url=halt.url, todo=halt.todo, environment=halt.environment, since=halt.since)
    for one in environments:
        if one.missing and one.missing.why == WAITS:
            what = f"{one.missing.name} can be deployed to {one.name}"
            yield model.Waiting(what=what, url="", todo=one.missing.todo, environment=one.name, since=one.missing.since)


def _pulls(snapshot: StatusSnapshot) -> Iterator[Waiting]:
    """The pull requests of ours that only a person can bring into the hosted branch."""
    todos = {CONFLICT_BRANCH: "resolve the conflict", CANDIDATE_BRANCH: "merge it with a merge commit"}
    for pull in snapshot.on_github.pulls:
        for prefix, todo in todos.items():
            if pull.branch.startswith(prefix):
                yield model.Waiting(
                    what=f"#{pull.number} {visible(pull.title)}",
                    url=pull.url,
                    todo=f"{todo}: {pull.url}",
                    tag=pull.branch.removeprefix(prefix),
                    since=pull.created_at,
                )
