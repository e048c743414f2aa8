"""Withdrawing: a bad release is marked and passed over from now on; nothing is deleted."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError
from release_tool.history.commit_names import newest_in
from release_tool.history.look import main_branch
from release_tool.release.notes.merge import withdrawn
from release_tool.text.markers import is_ours, is_withdrawn

if TYPE_CHECKING:
    from release_tool.github.api import Release
    from release_tool.history.look import RepositorySnapshot
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project


class WithdrawalState(enum.StrEnum):
    """The result of a withdrawal; an abandoned tag was never released."""

    WITHDRAWN = "withdrawn"
    ABANDONED = "abandoned"
    UNCHANGED = "unchanged"


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a tag, and why; `live` are the environments that it is still live in."""

    tag: str
    state: WithdrawalState
    reason: str
    url: str = ""
    latest: str = ""
    live: tuple[str, ...] = ()


def abandon(project: Project, tag: str, reason: str) -> Withdrawal:
    """Abandon a claimed tag: its number is not used again, and its changes go into the next release."""
    project.say(f"abandoning {tag}: {reason}")
    drafts = [release for release in project.remote.releases() if release.tag == tag and release.draft]
    ours = next((draft for draft in drafts if is_ours(draft.body)), None)
    body = withdrawn("", tag, reason, never_released=True)
    draft = ours or project.remote.create_draft(tag, f"{tag} (never released)", body, prerelease=True)
    made = project.remote.update_release(
        draft.id, tag, name=f"{tag} (never released)", body=body, draft=False, prerelease=True, latest=False
    )
    return Withdrawal(tag=tag, state=WithdrawalState.ABANDONED, reason=reason, url=made.html_url)


def give_up(project: Project, tag: VersionTag, reason: str) -> Withdrawal:
    """Abandon a claimed tag whose owner is gone; raises RefusedError where it is still running."""
    if tag.owner_lives:
        raise RefusedError(
            f"{tag.owner} is making {tag.name} right now",
            already="nothing was changed",
            todo=f"cancel it, or wait until it has ended; then withdraw {tag.name}",
        )
    return abandon(project, tag.name, reason)


def mark(project: Project, seen: RepositorySnapshot, release: Release, reason: str) -> Withdrawal:
    """Put the banner on top, and the mark `latest` onto the newest release that was not withdrawn."""
    body = withdrawn(release.body or "", release.tag, reason)
    project.remote.update_release(release.id, release.tag, name=f"{release.tag} (withdrawn)", body=body)
    latest = _next_latest(project, seen, release)
    return Withdrawal(
        tag=release.tag, state=WithdrawalState.WITHDRAWN, reason=reason, url=release.html_url, latest=latest
    )


def _next_latest(project: Project, seen: RepositorySnapshot, bad: Release) -> str:
    """Hand `latest` on, where the bad release has it: GitHub has no other way of taking it away."""
    current = project.remote.latest_release()
    if current is None or current.id != bad.id:
        return ""
    good = {
        release.tag: release
        for release in seen.releases
        if not (release.draft or release.prerelease or release.id == bad.id or is_withdrawn(release.body))
    }
    head = project.git.fetch_branch(main_branch(project)) or seen.head
    newest = newest_in(project, [tag for tag in seen.tags if tag.name in good], head)
    if newest:
        heir = good[newest.name]
        project.remote.update_release(heir.id, heir.tag, latest=True)
        return heir.tag
    if not bad.immutable:
        project.remote.update_release(bad.id, bad.tag, prerelease=True)
    return ""
