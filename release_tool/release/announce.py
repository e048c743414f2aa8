"""Announcing releases to channels, now or in a later run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.errors import ReleaseToolError
from release_tool.history.facts import Request
from release_tool.history.look import facts_for
from release_tool.notify.notice import Notice, NoticeChange, subscribers
from release_tool.notify.send import RECENT
from release_tool.release.plan import plan_finish
from release_tool.text.markers import LIMIT, is_withdrawn
from release_tool.text.receipt import Receipt, receipt_of, with_receipt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release_tool.github.api import Release
    from release_tool.history.changes import Change
    from release_tool.history.look import RepositorySnapshot
    from release_tool.project import Project
    from release_tool.release.plan import ReleasePlan


def owed_channels(project: Project, body: str) -> str:
    """The text of a release that is about to be published, with a record of the channels to notify.

    The record comes with the release itself, so that an interruption right after it loses no message, and releases
    from before there was a channel are never announced.
    """
    names = subscribers(project.config.channels, "released")
    return with_receipt(body, Receipt(owed=names), LIMIT) if names else body


def announce(project: Project, plan: ReleasePlan, release: Release) -> None:
    """Announce a published release to the channels that still lack it, and record which were notified."""
    receipt = receipt_of(release.body)
    if not receipt.owed:
        return
    told = project.tell(_released(project, plan, release), only=receipt.owed)
    after = Receipt(told=(*receipt.told, *told.sent), owed=told.owed)
    if after != receipt:
        _write_down(project, release, after)


def announce_missed(project: Project, seen: RepositorySnapshot) -> None:
    """Announce the releases of the last days to the channels that failed then; without any it costs nothing."""
    since = project.clock.now() - RECENT
    for release in seen.releases:
        if release.published_at and release.published_at > since and receipt_of(release.body).owed:
            _announce_again(project, seen, release)


def _announce_again(project: Project, seen: RepositorySnapshot, release: Release) -> None:
    tag = next((tag for tag in seen.tags if tag.name == release.tag), None)
    if tag is None or release.draft or is_withdrawn(release.body):
        return
    try:
        plan = plan_finish(facts_for(project, seen, Request(), finishing=tag), tag)
    except ReleaseToolError as error:
        project.say(f"no channel was notified of {release.tag}: {error.message}")
    else:
        announce(project, plan, release)


def _released(project: Project, plan: ReleasePlan, release: Release) -> Notice:
    previous = plan.previous or ""
    return Notice(
        event="released",
        title=f"{release.tag} is released",
        before=previous,
        after=release.tag,
        changes=entries(plan.changes),
        who=plan.forced.by if plan.forced else "",
        links=(("release", release.html_url), *project.links(before=previous, after=release.tag)),
    )


def entries(changes: Iterable[Change]) -> tuple[NoticeChange, ...]:
    """The changes that a message names: those that the notes name, too."""
    return tuple(
        NoticeChange(change.name, change.title)
        for change in changes
        if not (change.hidden or change.cancelled_by is not None)
    )


def _write_down(project: Project, release: Release, receipt: Receipt) -> None:
    """Write the receipt into the text as it is by now: somebody may have edited it meanwhile."""
    try:
        current = project.remote.release(release.id)
        if current is not None:
            body = with_receipt(current.body or "", receipt, LIMIT)
            project.remote.update_release(release.id, release.tag, body=body)
    except ReleaseToolError as error:
        project.say(
            f"the channels notified of {release.tag} could not be recorded, so they may be notified twice: {error}"
        )
