"""What everybody is told of deployments, from the ledger: now, or by the next run; failing to never fails the work."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from release_tool.deploy.candidates import look_at_deployable
from release_tool.deploy.halts.commands import incident_of
from release_tool.deploy.ledger.events import news_of
from release_tool.deploy.ledger.model import Kind, live_before, over_by
from release_tool.deploy.ledger.phase import EVERYBODY
from release_tool.deploy.links import links
from release_tool.deploy.preconditions import changes_to
from release_tool.errors import ReleaseToolError, SignalError
from release_tool.notify.notice import Notice, subscribers
from release_tool.notify.send import RECENT
from release_tool.release.announce import entries
from release_tool.release.notes.edit import resolve_tag

if TYPE_CHECKING:
    from release_tool.config import Event
    from release_tool.deploy.candidates import Deployable
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.deploy.ledger.writer import Book
    from release_tool.notify.notice import Entry, Link
    from release_tool.project import Project

_MOST = 5
"""How many deployments are told of in one go, the newest; those before them are the next run's."""


def tell_owed(book: Book, deployable: Deployable | None = None) -> None:
    """Tell how deployments ended whoever is owed that, and write down who still is.

    It comes last, when production is settled, for a service may take its time to refuse. One that refuses is left alone
    until the next run.
    """
    refusing: frozenset[str] = frozenset()
    for ended in _untold(book):
        try:
            refusing |= _tell(book, ended, refusing, deployable)
        except SignalError:
            raise
        except ReleaseToolError as error:
            book.place.project.say(f"not everybody was told how {ended} ended, the next run does that: {error.message}")


def _untold(book: Book) -> tuple[Deployment, ...]:
    """The newest deployments of the last days that somebody is to be told of, and that nobody else is telling of."""
    since = book.place.project.clock.now() - RECENT
    owing = [one for one in book.ledger if one.phase.owed and one.seen_at > since]
    return tuple(one for one in owing[-_MOST:] if not book.is_others(one))


def _tell(book: Book, ended: Deployment, refusing: frozenset[str], deployable: Deployable | None) -> frozenset[str]:
    """Tell of one deployment; the channels that refused."""
    event, project = news_of(ended), book.place.project
    if event is None:
        return frozenset()
    everybody = subscribers(project.config.channels, event, book.place.name)
    owed = everybody if ended.phase.owed == (EVERYBODY,) else ended.phase.owed
    asked = [name for name in owed if name not in refusing]
    if not asked:
        return frozenset()
    told = project.tell(_notice(book, ended, event, deployable), only=asked)
    left = tuple(name for name in owed if name in refusing or name in told.owed)
    if left != ended.phase.owed:
        book.write_owed(ended, left)
    return frozenset(told.owed)


def _notice(book: Book, ended: Deployment, event: Event, deployable: Deployable | None) -> Notice:
    place, payload = book.place, ended.payload
    project, mask = place.project, place.masker()
    older, newer = _between(book, ended)
    before, after = _from_to(book, ended)
    since = resolve_tag(project, older.payload.name.partition("+")[0]) if older else ""
    proven = ended.proven
    return Notice(
        event=event,
        title=f"{place.name}: {_headline(book, ended)}",
        text=mask(ended.phase.text) if ended.healthy else "",
        environment=place.name,
        before=before,
        after=after,
        changes=_changes(book, older, newer, deployable),
        who=_who(project, ended),
        reason=mask(payload.reason if proven else ended.phase.text),
        links=(
            *(_incident(book) if event == "failed" else ()),
            *links(project, before=since, after=newer.commit, environment=place.name, run=_run(project, ended)),
        ),
        refers_to=_refers_to(book, ended) if proven else None,
    )


def _headline(book: Book, ended: Deployment) -> str:
    before, after = _from_to(book, ended)
    match news_of(ended):
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


def _from_to(book: Book, ended: Deployment) -> tuple[str, str]:
    """The version that was left, empty where nobody knows, and the one that is there now or was to be."""
    payload, phase = ended.payload, ended.phase
    if phase.rolled_back_to:
        return payload.name, phase.rolled_back_to
    left = _left(book, ended) if payload.kind is Kind.ROLLBACK else live_before(book.ledger, ended)
    return left.payload.name if left else "", payload.name


def _between(book: Book, ended: Deployment) -> tuple[Deployment | None, Deployment]:
    """The older and the newer one of the two that a message compares; who goes back goes from the newer one."""
    if ended.payload.kind is Kind.ROLLBACK and (left := _left(book, ended)):
        return ended, left
    return live_before(book.ledger, ended), ended


def _left(book: Book, rollback: Deployment) -> Deployment | None:
    """What a person's rollback left."""
    return next((one for one in book.ledger if one.id == rollback.payload.parent), None)


def _changes(
    book: Book, older: Deployment | None, newer: Deployment, deployable: Deployable | None
) -> tuple[Entry, ...]:
    """What changed; a message that can't say it is better than none."""
    project = book.place.project
    if older is None:
        return ()
    try:
        return entries(changes_to(deployable or look_at_deployable(project), older.commit, newer.commit))
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


def _incident(book: Book) -> tuple[Link, ...]:
    found = incident_of(book.place.project, book.place.name)
    return (("incident", found.url),) if found else ()


def _refers_to(book: Book, ended: Deployment) -> Link | None:
    """What went wrong before and is over, by its run, or among all deployments where it had none."""
    failed, project = over_by(book.ledger, ended), book.place.project
    if failed is None:
        return None
    everything = f"{project.web_url}/deployments/{quote(book.place.name, safe='')}"
    return _headline(book, failed), _run(project, failed) or everything
