"""The release stage: plan → claim the tag → draft → upload → verify → publish."""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.errors import RefusedError, RemoteError
from release_tool.github.api import Claim, NoAnswerError, RestrictedError
from release_tool.history.facts import Request
from release_tool.history.look import facts_for, look, tag_refs
from release_tool.history.owner import claimant
from release_tool.history.references import ImageReference
from release_tool.model.tag_message import assets_of, tag_message
from release_tool.model.tags import TagState
from release_tool.release.announce import announce, announce_missed
from release_tool.release.assets import Asset
from release_tool.release.notes.edit import notes_of
from release_tool.release.plan import Action, ReleasePlan, plan_finish
from release_tool.release.planning import look_and_plan
from release_tool.release.publish import Publication, remove_late_drafts
from release_tool.release.withdraw import abandon
from release_tool.text.markers import base_of, is_ours

if TYPE_CHECKING:
    from datetime import datetime

    from release_tool.git.repository import TagRef
    from release_tool.history.look import RepositorySnapshot
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project

_POLL_SECONDS = 2.0
_PATIENCE = timedelta(minutes=30)
"""How long a person's command waits for another run; a job does not wait, it asks for one more run."""

_ALREADY_NOTHING = "nothing was written"
_LET_THROUGH = (
    "let the tool's token bypass the rule that protects tags (Settings, Rules), or use an app that it lets through"
)
_ADVICE = (
    (
        re.compile("signature", re.IGNORECASE),
        (
            "release a commit that GitHub signed, as it does when it merges, or let the tool's token bypass the "
            "rule that wants signatures"
        ),
    ),
    (
        re.compile("pattern", re.IGNORECASE),
        "set `tag-prefix` so that tags have the form that the rule wants, or let the tool's token bypass it",
    ),
    (
        re.compile("restricted|immutable", re.IGNORECASE),
        (
            "if a tag rule restricts creation, let the tool's token bypass it; if the name is burned by an immutable "
            "release that was deleted, name the next version with `--force X.Y.Z`"
        ),
    ),
)
"""What to do about a tag that is refused, by what GitHub says."""


class ReleaseContents(msgspec.Struct, frozen=True, kw_only=True):
    """What a release consists of besides its notes, and the tag that it was built for where that was said."""

    assets: tuple[Asset, ...] = ()
    references: tuple[ImageReference, ...] = ()
    expect: str = ""


class ReleaseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a command; `again` says that another run has more to do, and `reason` why."""

    plan: ReleasePlan
    reason: str
    released: bool = False
    again: bool = False
    url: str = ""


def release(project: Project, request: Request, materials: ReleaseContents) -> ReleaseOutcome:
    """Make the next release, or finish the one that is half-done; running it again is always safe."""
    until = project.clock.steady() + _PATIENCE
    while True:
        seen, planned = look_and_plan(project, request, online=True)
        if planned.action is Action.NOTHING:
            outcome = ReleaseOutcome(plan=planned, reason=planned.reason, again=planned.again)
        else:
            outcome = _perform(project, seen, planned, materials)
        if not outcome.again or project.actions.enabled:
            remove_late_drafts(project, seen.releases)
            announce_missed(project, seen)
            return outcome  # a job was built for one version and can't go on with another; the next run can
        if outcome.released:
            project.say(f"{outcome.reason}; looking again")
        else:
            _wait(project, outcome.reason, until)


def claim_next(project: Project, request: Request, agreed: str) -> ReleaseOutcome:
    """Claim the tag that was agreed on; building and publishing are left to the run that finishes the release."""
    _, planned = look_and_plan(project, request, online=True)
    if planned.action is not Action.RELEASE:
        return ReleaseOutcome(plan=planned, reason=planned.reason, again=planned.again)
    if planned.tag != agreed:
        raise RefusedError(
            f"the next release is now {planned.tag}, not {agreed}",
            already=_ALREADY_NOTHING,
            todo="look at the new plan and decide again",
        )
    lost = _claim(project, planned, assets=None)
    return lost or ReleaseOutcome(plan=planned, reason=f"{planned.tag} is claimed at {planned.sha[:10]}")


def _perform(
    project: Project, seen: RepositorySnapshot, planned: ReleasePlan, materials: ReleaseContents
) -> ReleaseOutcome:
    unexpected = _unexpected(project, seen, planned, materials)
    if unexpected:
        return unexpected
    if planned.action is Action.RELEASE:
        lost = _claim(project, planned, assets=len(materials.assets))
        if lost:
            return lost
    with tempfile.TemporaryDirectory(prefix="release-tool-") as directory:
        publication = Publication(project, planned, Path(directory))
        notes = notes_of(project, planned)
        publication.draft(notes, seen.releases)
        publication.upload(materials.assets, materials.references)
        settled = _settle(project, seen, planned)
        if isinstance(settled, ReleaseOutcome):
            return settled
        published = publication.publish(notes if settled is planned else notes_of(project, settled), settled)
    url = published.html_url
    announce(project, settled, published)
    more = planned.action is Action.FINISH and planned.sha != seen.head and not project.actions.pushed_tag
    return ReleaseOutcome(plan=settled, reason=f"{planned.tag} is released", released=True, again=more, url=url)


def _unexpected(
    project: Project, seen: RepositorySnapshot, planned: ReleasePlan, materials: ReleaseContents
) -> ReleaseOutcome | None:
    """Refuse to publish files under a version or a commit that they were not built for."""
    if materials.expect and materials.expect != planned.tag:
        reason = f"built for {materials.expect}, but the next release is {planned.tag}"
        if project.actions.enabled:
            return ReleaseOutcome(plan=planned, reason=reason, again=True)
        raise RefusedError(reason, already=_ALREADY_NOTHING, todo=f"build {planned.tag} at {planned.sha[:10]}")
    if planned.action is not Action.FINISH:
        return None
    if materials.assets and planned.sha != seen.target:
        raise RefusedError(
            f"{planned.tag} is half-done and comes first, but these files belong to another commit",
            during=f"finishing {planned.tag}",
            already=_ALREADY_NOTHING,
            todo=f"build commit {planned.sha} and release that, or give {planned.tag} up with "
            f"`release-tool withdraw {planned.tag} --reason TEXT`",
        )
    message = project.git.tag_message(_tag_of(project, planned).object)
    promised = assets_of(message.text) if message else None
    if promised and not materials.assets:
        raise RefusedError(
            f"{planned.tag} was claimed for {promised} files, but none is given now",
            during=f"finishing {planned.tag}",
            already=_ALREADY_NOTHING,
            todo=f"build commit {planned.sha} and give its files, or give {planned.tag} up with "
            f"`release-tool withdraw {planned.tag} --reason TEXT`",
        )
    return None


def _tag_of(project: Project, planned: ReleasePlan) -> TagRef:
    """Where the tag of a release is that was claimed before; a list without it is asked for once more."""
    name = str(planned.tag)
    found = project.git.remote_tags().get(name) or project.git.remote_tags().get(name)
    if found is None:
        raise _unlisted(planned)
    return found


def _unlisted(planned: ReleasePlan) -> RemoteError:
    return RemoteError(
        f"{planned.tag} was claimed, and git does not list it",
        during=f"finishing {planned.tag}",
        already=f"{planned.tag} is claimed, and not published",
        todo="run the same command again; it carries on",
    )


def _claim(project: Project, planned: ReleasePlan, *, assets: int | None) -> ReleaseOutcome | None:
    """Create the tag, which is the lock of the release; returns the outcome where another run has it."""
    tag = str(planned.tag)
    project.say(f"claiming {tag} at {planned.sha[:10]}")
    made = project.remote.create_tag_object(
        tag, tag_message(tag, planned.reason, claimant(project), assets), planned.sha
    )
    try:
        claim = _create_ref(project, f"refs/tags/{tag}", made)
    except RestrictedError as error:
        raise _restricted(tag, error.said) from error
    match claim:
        case Claim.CREATED:
            return None
        case Claim.EXISTS:
            return ReleaseOutcome(plan=planned, reason=f"somebody else claimed {tag} meanwhile", again=True)
        case Claim.FORBIDDEN:
            return _forbidden(project, planned)
        case _ as never:
            assert_never(never)


def _restricted(tag: str, said: str) -> RefusedError:
    """A rule's refusal, with GitHub's own reason; the reason chooses nothing but the advice."""
    advice = (advice for reason, advice in _ADVICE if reason.search(said))
    return RefusedError(
        f"GitHub does not allow the tag {tag}, which does not exist: {said}",
        during=f"claiming {tag}",
        already=_ALREADY_NOTHING,
        todo=next(advice, _LET_THROUGH),
    )


def _create_ref(project: Project, ref: str, sha: str) -> Claim:
    """Create a ref; where no answer came, look what it is now before saying anything."""
    try:
        claim = project.remote.create_ref(ref, sha)
    except NoAnswerError:
        there = project.remote.ref(ref)
        if there is None:
            raise
        return Claim.CREATED if there == sha else Claim.EXISTS
    if claim is Claim.EXISTS and project.remote.ref(ref) == sha:
        return Claim.CREATED
    return claim


def _forbidden(project: Project, planned: ReleasePlan) -> ReleaseOutcome:
    """A commit whose workflow files differ from the head's can't be tagged by every token: the head can."""
    head = project.git.fetch_branch(planned.branch)
    if head != planned.sha and project.actions.enabled:
        reason = f"workflow files have changed since {planned.sha[:10]}, so {planned.branch} is released at its head"
        return ReleaseOutcome(plan=planned, reason=reason, again=True)
    raise RefusedError(
        f"this token may not create the tag {planned.tag}",
        during=f"claiming {planned.tag}",
        already=_ALREADY_NOTHING,
        todo="give the job `permissions: contents: write`; where the commit's workflow files differ from those of "
        f"`{planned.branch}`, release its head, or use the token of an app with `workflows: write`",
    )


def _settle(project: Project, seen: RepositorySnapshot, planned: ReleasePlan) -> ReleasePlan | ReleaseOutcome:
    """Look again after the claim: others may have claimed another version, and each change belongs into one release.

    A release leaves out what a claimed tag below it holds. The lower one therefore waits for the higher one,
    and is given up when that was published before it could see the lower one's tag.
    """
    known = seen.refs | {(str(planned.tag), planned.sha)}
    until = project.clock.steady() + _PATIENCE
    while (now := tag_refs(project.git.remote_tags())) != known:
        seen, known = look(project, online=True), now
        ours = next((tag for tag in seen.tags if tag.name == planned.tag), None)
        if ours is None:
            raise _unlisted(planned)
        above = [tag for tag in seen.tags if _holds(project, tag, ours)]
        waiting = next((tag for tag in above if tag.state is TagState.HALF_DONE and tag.owner_lives), None)
        covering = next((tag for tag in above if _covers(project, seen, tag, ours)), None)
        if covering:
            return _given_up(project, planned, covering)
        if waiting is None:
            planned = _replanned(project, seen, planned, ours)
        elif project.actions.enabled:
            return ReleaseOutcome(
                plan=planned, reason=f"{waiting.owner} is working on {waiting.name}, which contains it too", again=True
            )
        else:
            _wait(project, f"waiting for {waiting.name}, which holds {planned.sha[:10]} too", until)
            known = frozenset()
    return planned


def _wait(project: Project, why: str, until: datetime) -> None:
    """Wait a moment for another run; raises RefusedError when that has taken too long."""
    if project.clock.steady() >= until:
        raise RefusedError(
            f"gave up after {int(_PATIENCE.total_seconds()) // 60} minutes: {why}",
            already="what was done stays",
            todo="see what the other one is doing, and run the same command again",
        )
    project.say(f"{why}; looking again")
    project.clock.sleep(_POLL_SECONDS)


def _holds(project: Project, tag: VersionTag, ours: VersionTag) -> bool:
    """Whether another stable tag's release begins below ours and ends above it."""
    if tag == ours or tag.state is TagState.ABANDONED or tag.stable != ours.stable:
        return False
    if tag.commit == ours.commit:
        return tag.version > ours.version
    return project.git.is_ancestor(ours.commit, tag.commit)


def _covers(project: Project, seen: RepositorySnapshot, tag: VersionTag, ours: VersionTag) -> bool:
    """Whether a published release tells of our changes already: it was counted from a release below them."""
    body = next((release.body for release in seen.releases if release.tag == tag.name and not release.draft), None)
    if not is_ours(body):
        return False  # a person made it, and what it contains is unknown
    base = base_of(body or "")
    if base is None:
        return True
    commit = next((other.commit for other in seen.tags if other.name == base), None)
    return commit is None or not project.git.is_ancestor(ours.commit, commit)


def _given_up(project: Project, planned: ReleasePlan, covering: VersionTag) -> ReleaseOutcome:
    reason = f"its changes were released in {covering.name} meanwhile"
    abandon(project, str(planned.tag), reason)
    return ReleaseOutcome(plan=planned, reason=f"{planned.tag} is abandoned: {reason}")


def _replanned(project: Project, seen: RepositorySnapshot, planned: ReleasePlan, ours: VersionTag) -> ReleasePlan:
    facts = facts_for(project, seen, Request(), finishing=ours)
    fresh = plan_finish(facts, ours)
    return msgspec.structs.replace(fresh, action=planned.action, reason=planned.reason, forced=planned.forced)
