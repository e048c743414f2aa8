"""What everybody is told of deployments, from the ledger: now, or by the next run; failing to never fails the work."""

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
"""How many deployments are told of in one go, the newest; those before them are the next run's."""


def tell_owed(writer: LedgerWriter, revisions: RevisionResolver | None = None) -> None:
    """Tell how deployments ended whoever is owed that, and write down who still is.

    It comes last, when production is settled, for a service may take its time to refuse. One that refuses is left alone
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
                f"not everybody was told how {ended} ended, the next run does that: {error.message}"
            )


def _untold(writer: LedgerWriter) -> tuple[Deployment, ...]:
    """The newest deployments of the last days that somebody is to be told of, and that nobody else is telling of."""
    since = writer.environment.project.clock.now() - RECENT
    owing = [one for one in writer.ledger if one.phase.owed and one.seen_at > since]
    return tuple(one for one in owing[-_MOST:] if not writer.is_others(one))


def _tell(
    writer: LedgerWriter, ended: Deployment, refusing: frozenset[str], revisions: RevisionResolver | None
) -> frozenset[str]:
    """Tell of one deployment; the channels that refused."""
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
            return f"{before or 'what was live'} was rolled back to {after}"
        case "failed":
            return f"{after} is not healthy, and nothing is deployed until a person resumes"
        case "held":
            return f"{after} is held"
        case _:
            return f"nobody knows whether {after} is healthy"


def _from_to(writer: LedgerWriter, ended: Deployment) -> tuple[str, str]:
    """The version that was left, empty where nobody knows, and the one that is there now or was to be."""
    payload, phase = ended.payload, ended.phase
    if phase.rolled_back_to:
        return payload.name, phase.rolled_back_to
    left = _left(writer, ended) if payload.kind is DeploymentKind.ROLLBACK else live_before(writer.ledger, ended)
    return left.payload.name if left else "", payload.name


def _between(writer: LedgerWriter, ended: Deployment) -> tuple[Deployment | None, Deployment]:
    """The older and the newer one of the two that a message compares; who goes back goes from the newer one."""
    if ended.payload.kind is DeploymentKind.ROLLBACK and (left := _left(writer, ended)):
        return ended, left
    return live_before(writer.ledger, ended), ended


def _left(writer: LedgerWriter, rollback: Deployment) -> Deployment | None:
    """What a person's rollback left."""
    return next((one for one in writer.ledger if one.id == rollback.payload.parent), None)


def _changes(
    writer: LedgerWriter, older: Deployment | None, newer: Deployment, revisions: RevisionResolver | None
) -> tuple[NoticeChange, ...]:
    """What changed; a message that can't say it is better than none."""
    project = writer.environment.project
    if older is None:
        return ()
    try:
        return entries((revisions or resolve_revisions(project)).changes(older.commit, newer.commit))
    except SignalError:
        raise
    except ReleaseToolError as error:
        project.say(f"what changed can't be told: {error.message}")
        return ()


def _who(project: Project, ended: Deployment) -> str:
    """The person; of an automatic one whoever started its run, where that is this one."""
    ours = ended.owner.run and ended.owner.run == project.actions.run
    return ended.payload.by or ended.owner.user or (project.actions.actor if ours else "")


def _run(project: Project, ended: Deployment) -> str:
    return f"{project.web_url}/actions/runs/{ended.owner.run}" if ended.owner.run else ""


def _incident(writer: LedgerWriter) -> tuple[Link, ...]:
    found = incident_of(writer.environment.project, writer.environment.name)
    return (("incident", found.url),) if found else ()


def _refers_to(writer: LedgerWriter, ended: Deployment) -> Link | None:
    """What went wrong before and is over, by its run, or among all deployments where it had none."""
    failed, project = over_by(writer.ledger, ended), writer.environment.project
    if failed is None:
        return None
    everything = f"{project.web_url}/deployments/{quote(writer.environment.name, safe='')}"
    return _headline(writer, failed), _run(project, failed) or everything
