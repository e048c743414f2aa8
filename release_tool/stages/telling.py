"""What everybody is told of deployments; that it could not be told never fails one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release_tool.domain.notice import Notice
from release_tool.stages.notes import resolve_tag
from release_tool.stages.notification import entries, links, tell

if TYPE_CHECKING:
    from release_tool.config import Event
    from release_tool.stages.attempt import Attempt, Deployed
    from release_tool.stages.place import Place

_EVENTS: dict[str, Event] = {
    "healthy": "deployed",
    "rolled_back": "rolled-back",
    "unhealthy": "failed",
    "inconclusive": "needs-person",
    "held": "held",
}


def deployed(attempt: Attempt, told: Deployed) -> None:
    """Tell what a deployment came to; what changed nothing and needs nobody is not told."""
    _tell(attempt.place, told)


def settled(place: Place, told: Deployed) -> None:
    """Tell how something ended that was left behind."""
    _tell(place, told)


def _tell(place: Place, told: Deployed) -> None:
    event = _EVENTS.get(told.outcome)
    if event is None:
        return
    project = place.project
    before, after = (told.version, told.rolled_back_to) if told.rolled_back_to else (told.before, told.version)
    since = resolve_tag(project, told.before.partition("+")[0]) if told.before else ""
    incident = (("incident", told.incident),) if told.incident else ()
    notice = Notice(
        event=event,
        title=f"{place.name}: {_headline(told)}",
        environment=place.name,
        before=before or "",
        after=after or "",
        changes=entries(told.changes),
        who=project.actions.actor or project.owner.user,
        reason=place.masker()(told.reason),
        links=(*incident, *links(project, before=since, after=told.commit, environment=place.name)),
    )
    tell(project, notice)


def _headline(told: Deployed) -> str:
    before = f"{told.before} → " if told.before else ""
    match told.outcome:
        case "healthy":
            return f"{before}{told.version} is healthy"
        case "rolled_back":
            return f"{told.version} was rolled back to {told.rolled_back_to}"
        case "unhealthy":
            return f"{told.version} is not healthy, and nothing is deployed until a person resumes"
        case "inconclusive":
            return f"nobody knows whether {told.version} is healthy"
        case _:
            return f"{told.version} is held"
