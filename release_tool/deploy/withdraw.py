"""Withdrawing a published release, which may be live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.ledger.model import live
from release_tool.deploy.ledger.store import deployments_of
from release_tool.errors import RefusedError, RemoteError
from release_tool.github.api import PermissionDeniedError
from release_tool.history.look import look
from release_tool.model.version import parse_tag
from release_tool.release.notes.edit import resolve_tag
from release_tool.release.withdraw import Withdrawal, WithdrawalState, give_up, mark
from release_tool.text.markers import is_abandoned, is_withdrawn

if TYPE_CHECKING:
    from release_tool.project import Project


def withdraw(project: Project, tag: str, reason: str) -> Withdrawal:
    """Mark a bad release, so that it is never deployed or rolled back to; a half-done one is abandoned for good."""
    done = _withdrawn(project, resolve_tag(project, tag), reason)
    return msgspec.structs.replace(done, live=_live(project, done.tag))


def _live(project: Project, tag: str) -> tuple[str, ...]:
    """The environments that a release is live in."""
    version = str(parse_tag(tag, project.config.tag_prefix) or tag)
    try:
        ledgers = deployments_of(project).ledgers(project.config.environments)
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
        return give_up(project, found, reason)
    if is_withdrawn(published.body) or is_abandoned(published.body):
        return Withdrawal(
            tag=name, state=WithdrawalState.UNCHANGED, reason=f"{name} is withdrawn already", url=published.html_url
        )
    return mark(project, seen, published, reason)
