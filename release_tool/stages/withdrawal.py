"""Withdrawing: a bad release is marked and passed over from now on; nothing is deleted."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from release_tool.domain.edits import is_abandoned, is_ours, is_withdrawn, withdrawn
from release_tool.domain.ledger import live
from release_tool.edges.github import PermissionDeniedError
from release_tool.errors import RefusedError, RemoteError
from release_tool.stages.history import look
from release_tool.stages.notes import resolve_tag

if TYPE_CHECKING:
    from release_tool.domain.release import VersionTag
    from release_tool.edges.github import Release
    from release_tool.stages.history import Look
    from release_tool.stages.project import Project


@dataclasses.dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """What became of a tag, and why: `withdrawn`, `abandoned` (never released), or `unchanged`.

    `live` are the environments that it is live in all the same.
    """

    tag: str
    state: str
    reason: str
    url: str = ""
    latest: str = ""
    live: tuple[str, ...] = ()


def withdraw(project: Project, tag: str, reason: str) -> Withdrawal:
    """Mark a bad release, so that it is never deployed or rolled back to; a half-done one is given up for good."""
    done = _withdrawn(project, resolve_tag(project, tag), reason)
    return dataclasses.replace(done, live=_live(project, done.tag))


def _live(project: Project, tag: str) -> tuple[str, ...]:
    """The environments that a release is live in."""
    version = tag.removeprefix(project.config.tag_prefix)
    try:
        ledgers = project.remote.deployments.ledgers(project.config.environments)
    except (RemoteError, PermissionDeniedError) as error:
        project.say(f"whether {tag} is live anywhere can't be read: {error.message}")
        return ()
    found = {name: live(ledger).deployment for name, ledger in ledgers.items()}
    return tuple(name for name, now in found.items() if now and now.payload.name.partition("+")[0] == version)


def _withdrawn(project: Project, name: str, reason: str) -> Withdrawal:
    seen = look(project, online=True)
    found = next((known for known in seen.tags if known.name == name), None)
    if found is None:
        raise RefusedError(
            f"there is no version tag {name} on GitHub",
            already="nothing was changed",
            todo="see `git ls-remote --tags`, and name one of these",
        )
    published = next((release for release in seen.releases if release.tag == name and not release.draft), None)
    published = published or project.remote.release_by_tag(name)
    if published is None:
        return _give_up(project, found, reason)
    if is_withdrawn(published.body) or is_abandoned(published.body):
        return Withdrawal(tag=name, state="unchanged", reason=f"{name} is withdrawn already", url=published.html_url)
    return _mark(project, seen, published, reason)


def abandon(project: Project, tag: str, reason: str) -> Withdrawal:
    """Give a claimed tag up: its number is spent, and its changes go into the next release."""
    project.say(f"giving {tag} up: {reason}")
    drafts = [release for release in project.remote.releases() if release.tag == tag and release.draft]
    ours = next((draft for draft in drafts if is_ours(draft.body)), None)
    body = withdrawn("", tag, reason, never_released=True)
    draft = ours or project.remote.create_draft(tag, f"{tag} (never released)", body, prerelease=True)
    made = project.remote.update_release(
        draft.id, tag, name=f"{tag} (never released)", body=body, draft=False, prerelease=True, latest=False
    )
    return Withdrawal(tag=tag, state="abandoned", reason=reason, url=made.html_url)


def _give_up(project: Project, tag: VersionTag, reason: str) -> Withdrawal:
    if tag.owner_lives:
        raise RefusedError(
            f"{tag.owner} is making {tag.name} right now",
            already="nothing was changed",
            todo=f"cancel it, or wait until it has ended; then withdraw {tag.name}",
        )
    return abandon(project, tag.name, reason)


def _mark(project: Project, seen: Look, release: Release, reason: str) -> Withdrawal:
    """Put the banner on top, and the mark `latest` onto the newest release that was not withdrawn."""
    body = withdrawn(release.body or "", release.tag, reason)
    project.remote.update_release(release.id, release.tag, name=f"{release.tag} (withdrawn)", body=body)
    latest = _next_latest(project, seen, release)
    return Withdrawal(tag=release.tag, state="withdrawn", reason=reason, url=release.html_url, latest=latest)


def _next_latest(project: Project, seen: Look, bad: Release) -> str:
    """Hand `latest` on, where the bad release has it: GitHub has no other way of taking it away."""
    current = project.remote.latest_release()
    if current is None or current.id != bad.id:
        return ""
    good = {
        release.tag: release
        for release in seen.releases
        if not (release.draft or release.prerelease or release.id == bad.id or is_withdrawn(release.body))
    }
    heir = next((good[tag.name] for tag in seen.tags if tag.stable and tag.name in good), None)
    if heir:
        project.remote.update_release(heir.id, heir.tag, latest=True)
        return heir.tag
    if not bad.immutable:
        project.remote.update_release(bad.id, bad.tag, prerelease=True)
    return ""
