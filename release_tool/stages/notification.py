"""Telling people: what could not be told fails nothing, is reported, and is told by the next run."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote, urlencode

from release_tool.config import Event
from release_tool.domain.edits import LIMIT, is_withdrawn
from release_tool.domain.halts import LABEL, Order, marker
from release_tool.domain.markdown import inert
from release_tool.domain.notice import Entry, Notice, Told, subscribers
from release_tool.domain.receipt import Receipt, receipt_of, with_receipt
from release_tool.domain.release import Request, plan_finish
from release_tool.domain.text import visible
from release_tool.errors import ReleaseToolError, UsageError
from release_tool.stages.history import facts_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from release_tool.config import Config
    from release_tool.domain.changes import Change
    from release_tool.domain.notice import Link, Message
    from release_tool.domain.release import ReleasePlan
    from release_tool.edges.github import Release
    from release_tool.edges.notify import Channels
    from release_tool.stages.history import Look
    from release_tool.stages.project import Project

RECENT = timedelta(days=3)
"""How long it is tried to tell of something: over a weekend, and no storm of old news after a long silence."""


@dataclasses.dataclass(frozen=True)
class Notifier:
    """Words a notice and sends it to the channels that want it; `directory` is where a project's templates are."""

    config: Config
    directory: Path
    channels: Channels
    say: Callable[[str], None]

    def __call__(self, notice: Notice, *, only: Collection[str] | None = None) -> Told:
        """Tell every channel that wants to know, or of these only the ones that are named."""
        wanting = subscribers(self.config.channels, notice.event, notice.environment)
        names = [name for name in wanting if only is None or name in only]
        return self.channels.send(self._worded(notice), names) if names else Told()

    def _worded(self, notice: Notice) -> Message:
        """Write the message; a template that fails is no reason to tell nobody."""
        from release_tool.stages.wording import Wording  # the templates' library is needed here only

        wording = Wording(self.config.messages, self.directory)
        try:
            return wording.write(notice)
        except ReleaseToolError as error:
            self.say(f"{error.message}; the standard words are sent instead")
            return wording.standard(notice)


def tell(project: Project, notice: Notice, *, only: Collection[str] | None = None) -> Told:
    """Tell everybody who wants to know, and report who could not be told; this never raises for a channel.

    What is still `owed` afterwards is the caller's to write down where the fact lives, and to tell in a later run
    by naming it in `only`.
    """
    told = project.notify(notice, only=only)
    if told.sent:
        project.say(f"told {', '.join(told.sent)}: {visible(notice.title)}")
    for failure in told.failures:
        project.say(f"{failure.channel} was not told: {failure.reason}")
    if told.failures:
        project.actions.write_summary(_report(notice, told))
    return told


def links(
    project: Project, *, before: str = "", after: str = "", environment: str = "", run: str | None = None
) -> tuple[Link, ...]:
    """The pages that a message leads to: the run, what changed between two refs, and the ways to stop an environment.

    The run is this one unless the page of another is given.
    Rolling back leads to the page that starts `deploy.yml`, halting to an issue that only needs to be sent off.
    """
    found = [("run", project.actions.run_url if run is None else run)]
    if before and after:
        found.append(("compare", f"{project.web_url}/compare/{quote(before)}...{quote(after)}"))
    if environment:
        found.append(("roll back", f"{project.web_url}/actions/workflows/deploy.yml"))
        found.append(("halt", f"{project.web_url}/issues/new?{urlencode(_halt_issue(environment), quote_via=quote)}"))
    return tuple((name, address) for name, address in found if address)


def owing(project: Project, body: str) -> str:
    """The text of a release that is about to be published, with a note of who has to be told.

    The note comes with the release itself, so that a run that dies right after it leaves nobody untold, and releases
    from before there was a channel are never told.
    """
    names = subscribers(project.config.channels, "released")
    return with_receipt(body, Receipt(owed=names), LIMIT) if names else body


def announce(project: Project, plan: ReleasePlan, release: Release) -> None:
    """Tell of a published release whoever is still owed it, and write down who was told."""
    receipt = receipt_of(release.body)
    if not receipt.owed:
        return
    told = tell(project, _released(project, plan, release), only=receipt.owed)
    after = Receipt(told=(*receipt.told, *told.sent), owed=told.owed)
    if after != receipt:
        _write_down(project, release, after)


def announce_missed(project: Project, seen: Look) -> None:
    """Tell of the releases of the last days whoever could not be told then; costs nothing where there is nobody."""
    since = project.clock.now() - RECENT
    for release in seen.releases:
        if release.published_at and release.published_at > since and receipt_of(release.body).owed:
            _announce_again(project, seen, release)


def _announce_again(project: Project, seen: Look, release: Release) -> None:
    tag = next((tag for tag in seen.tags if tag.name == release.tag), None)
    if tag is None or release.draft or is_withdrawn(release.body):
        return
    try:
        plan = plan_finish(facts_for(project, seen, Request(), finishing=tag), tag)
    except ReleaseToolError as error:
        project.say(f"nobody was told of {release.tag}: {error.message}")
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
        links=(("release", release.html_url), *links(project, before=previous, after=release.tag)),
    )


def entries(changes: Iterable[Change]) -> tuple[Entry, ...]:
    """The changes that a message names: those that the notes name, too."""
    return tuple(
        Entry(change.name, change.title) for change in changes if not (change.hidden or change.cancelled_by is not None)
    )


def _write_down(project: Project, release: Release, receipt: Receipt) -> None:
    """Write the receipt into the text as it is by now: somebody may have edited it meanwhile."""
    try:
        current = project.remote.release(release.id)
        if current is not None:
            body = with_receipt(current.body or "", receipt, LIMIT)
            project.remote.update_release(release.id, release.tag, body=body)
    except ReleaseToolError as error:
        project.say(f"who was told of {release.tag} could not be written down, so they may be told twice: {error}")


def send_test(project: Project) -> Told:
    """Send a test message to every channel; raises UsageError where there is none, or a template does not work."""
    if not project.config.channels:
        raise UsageError(
            "no channel is configured",
            already="nothing was sent",
            todo="add a table `[channels.NAME]` with `url-env`, the name of the variable that holds its address",
        )
    _insist_on_templates(project)
    title = f"A test from {project.repository or 'release-tool'}"
    return tell(project, Notice(event="test", title=title, links=links(project)))


def _insist_on_templates(project: Project) -> None:
    """Raise UsageError for the first template of the project's own that fails, be there anything to tell or not."""
    from release_tool.stages.wording import Wording

    wording = Wording(project.config.messages, project.git.root)
    for event in get_args(Event):
        for notice in (Notice(event=event, title="A test"), _full(event)):
            wording.write(notice)


def _full(event: Event) -> Notice:
    """A notice in which nothing is left empty."""
    page = ("page", "https://example.com")
    return Notice(
        event=event,
        title="A test",
        text="Some text",
        links=(page,),
        environment="production",
        before="1.2.3",
        after="1.3.0",
        changes=(Entry("#1", "A change"),),
        who="ada",
        reason="A reason",
        refers_to=page,
    )


def _report(notice: Notice, told: Told) -> str:
    rows = [f"- {inert(failure.channel)}: {inert(failure.reason)}" for failure in told.failures]
    return "\n".join([f"#### Not everybody was told: {inert(notice.title)}", "", *rows])


def _halt_issue(environment: str) -> dict[str, str]:
    order = Order(environment=environment)
    text = f"{marker(order)}\n\nWhy: \n\nTo resume, close this issue.\n"
    return {"labels": LABEL, "title": f"Halt deployments to {environment}", "body": text}
