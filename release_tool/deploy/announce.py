"""Notifications of deployments, sent from the ledger; what fails is sent by the next run, and fails no deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from release_tool.deploy.candidates import resolve_revisions
from release_tool.deploy.halts.commands import incident_of
from release_tool.deploy.ledger.events import event_of
from release_tool.deploy.ledger.model import DeploymentKind, live_before, over_by
from release_tool.deploy.ledger.phase import EVERYBODY
from release_tool.deploy.links import links
from release_tool.errors import ReleaseToolError, SignalError
from release_tool.notify.notice import Notice, subscribers
from release_tool.notify.send import RECENT
from release_tool.release.announce import entries
from release_tool.release.notes.edit import resolve_tag

if TYPE_CHECKING:
    from release_tool.config.model import Event
    from release_tool.deploy.candidates import RevisionResolver
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.notify.notice import Link, NoticeChange
    from release_tool.project import Project

_MOST = 5
"""How many deployments one run announces, the newest first; the next run announces the others."""


def tell_owed(writer: LedgerWriter, revisions: RevisionResolver | None = None) -> None:
    """Announce ended deployments to the channels that were not notified yet, and record which still are not.

    It comes last, because a service may be slow to answer. One that fails is left alone
    until the next run.
    """
    refusing: frozenset[str] = frozenset()
    for ended in _untold(writer):
        try:
            refusing |= _tell(writer, ended, refusing, revisions)
        except SignalError:
            raise
        except ReleaseToolError as error:
            writer.environment.project.say(
                f"some channels were not notified of the end of {ended}; the next run notifies them: {error.message}"
            )


def _untold(writer: LedgerWriter) -> tuple[Deployment, ...]:
    """The newest deployments of the last days that are not announced yet, and that no other run is announcing."""
    since = writer.environment.project.clock.now() - RECENT
    owing = [one for one in writer.ledger if one.phase.owed and one.seen_at > since]
    return tuple(one for one in owing[-_MOST:] if not writer.is_others(one))


def _tell(
    writer: LedgerWriter, ended: Deployment, refusing: frozenset[str], revisions: RevisionResolver | None
) -> frozenset[str]:
    """Announce one deployment, and return the channels that failed."""
    event, project = event_of(ended), writer.environment.project
    if event is None:
        return frozenset()
    everybody = subscribers(project.config.channels, event, writer.environment.name)
    owed = everybody if ended.phase.owed == (EVERYBODY,) else ended.phase.owed
    request = [name for name in owed if name not in refusing]
    if not request:
        return frozenset()
    told = project.tell(_notice(writer, ended, event, revisions), only=request)
    left = tuple(name for name in owed if name in refusing or name in told.owed)
    if left != ended.phase.owed:
        writer.write_owed(ended, left)
    return frozenset(told.owed)


def _notice(writer: LedgerWriter, ended: Deployment, event: Event, revisions: RevisionResolver | None) -> Notice:
    environment, payload = writer.environment, ended.payload
    project, mask = environment.project, environment.mask
    older, newer = _between(writer, ended)
    before, after = _from_to(writer, ended)
    since = resolve_tag(project, older.payload.name.partition("+")[0]) if older else ""
    proven = ended.proven
    return Notice(
        event=event,
        title=f"{environment.name}: {_headline(writer, ended)}",
        text=mask(ended.proof) if ended.healthy else "",
        environment=environment.name,
        before=before,
        after=after,
        changes=_changes(writer, older, newer, revisions),
        who=_who(project, ended),
        reason=mask(payload.reason if proven else ended.phase.text),
        links=(
            *(_incident(writer) if event == "failed" else ()),
            *links(project, before=since, after=newer.commit, environment=environment.name, run=_run(project, ended)),
        ),
        refers_to=_refers_to(writer, ended) if proven else None,
    )


def _headline(writer: LedgerWriter, ended: Deployment) -> str:
    before, after = _from_to(writer, ended)
    match event_of(ended):
        case "deployed":
            return f"{before} → {after} is healthy" if before else f"{after} is healthy"
        case "rolled-back":
            return f"{before or 'the live version'} was rolled back to {after}"
        case "failed":
            return f"{after} is not healthy, and nothing is deployed until a person resumes"
        case "held":
            return f"{after} is held"
        case _:
            return f"the health of {after} is unknown"


def _from_to(writer: LedgerWriter, ended: Deployment) -> tuple[str, str]:
    """The version before (empty where unknown), and the one that is live now or should have been."""
    payload, phase = ended.payload, ended.phase
    if phase.rolled_back_to:
        return payload.name, phase.rolled_back_to
    left = _left(writer, ended) if payload.kind is DeploymentKind.ROLLBACK else live_before(writer.ledger, ended)
    return left.payload.name if left else "", payload.name


def _between(writer: LedgerWriter, ended: Deployment) -> tuple[Deployment | None, Deployment]:
    """The older and the newer of the two versions that a message compares; a rollback starts from the newer one."""
    if ended.payload.kind is DeploymentKind.ROLLBACK and (left := _left(writer, ended)):
        return ended, left
    return live_before(writer.ledger, ended), ended


def _left(writer: LedgerWriter, rollback: Deployment) -> Deployment | None:
    """The version that a person rolled back from."""
    return next((one for one in writer.ledger if one.id == rollback.payload.parent), None)


def _changes(
    writer: LedgerWriter, older: Deployment | None, newer: Deployment, revisions: RevisionResolver | None
) -> tuple[NoticeChange, ...]:
    """The changes; where they can't be listed the message goes out without them."""
    project = writer.environment.project
    if older is None:
        return ()
    try:
        return entries((revisions or resolve_revisions(project)).changes(older.commit, newer.commit))
    except SignalError:
        raise
    except ReleaseToolError as error:
        project.say(f"the changes can't be listed: {error.message}")
        return ()


def _who(project: Project, ended: Deployment) -> str:
    """The person who deployed; for an automatic deployment of this run, the person who started the run."""
    ours = ended.owner.run and ended.owner.run == project.actions.run
    return ended.payload.by or ended.owner.user or (project.actions.actor if ours else "")


def _run(project: Project, ended: Deployment) -> str:
    return f"{project.web_url}/actions/runs/{ended.owner.run}" if ended.owner.run else ""


def _incident(writer: LedgerWriter) -> tuple[Link, ...]:
    found = incident_of(writer.environment.project, writer.environment.name)
    return (("incident", found.url),) if found else ()


def _refers_to(writer: LedgerWriter, ended: Deployment) -> Link | None:
    """The earlier failure that this resolves, as a link to its run, else to the list of deployments."""
    failed, project = over_by(writer.ledger, ended), writer.environment.project
    if failed is None:
        return None
    everything = f"{project.web_url}/deployments/{quote(writer.environment.name, safe='')}"
    return _headline(writer, failed), _run(project, failed) or everything
