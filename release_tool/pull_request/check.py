"""The pull request stage: the release that merging it makes, what prevents the merge, and one comment about both."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError, ReleaseToolError, RemoteError, UsageError
from release_tool.github.api import NoAnswerError, PermissionDeniedError
from release_tool.history.changes import Change
from release_tool.history.facts import Request
from release_tool.history.look import branch_snapshot, facts_for, is_released
from release_tool.model.commits import LARGEST_NUMBER
from release_tool.pull_request import comment as comment_text
from release_tool.pull_request.comment import Preview
from release_tool.pull_request.github import PullRequests
from release_tool.pull_request.policy import PolicyFinding, Severity, change_of, findings, refuses
from release_tool.release.notes.render import entry
from release_tool.release.plan import plan_release

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release_tool.history.facts import ReleaseFacts
    from release_tool.project import Project
    from release_tool.pull_request.github import PullRequestComment
    from release_tool.pull_request.policy import MergeCandidate
    from release_tool.release.plan import ReleasePlan

_LOOKS = 5
"""How often a check begins anew because the pull request was edited meanwhile; then the next event's run does it."""


class CommentState(enum.StrEnum):
    """What became of the comment on a pull request; the token may be forbidden to write one."""

    NONE = "none"
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FORBIDDEN = "forbidden"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check; `change` is None where the base is not released from here."""

    number: int
    base: str
    change: Change | None = None
    found: tuple[PolicyFinding, ...] = ()
    preview: Preview | None = None
    entry: str = ""
    text: str = ""
    said: CommentState = CommentState.NONE
    url: str = ""

    @property
    def refused(self) -> bool:
        """Whether the policy prevents the merge."""
        return refuses(self.found)


def check(project: Project, number: int) -> CheckResult:
    """Check a pull request against the policy, and report that in its one comment.

    It is read again after the comment was written: what was edited meanwhile is checked anew, so that the last word
    is about what it is now, whichever of two runs comes last.
    """
    candidate = _candidate(project, number)
    facts = _waiting(project, candidate.pull.base)
    checked = _say(project, candidate, _checked(project, candidate, facts))
    for _ in range(_LOOKS):
        now = candidate if checked.said in {CommentState.NONE, CommentState.FORBIDDEN} else _candidate(project, number)
        if now == candidate:
            break
        candidate = now
        checked = _say(project, candidate, _checked(project, candidate, facts))
    return checked


def check_group(project: Project) -> tuple[CheckResult, ...]:
    """Check every pull request of the merge queue's group against the policy; no comment is written."""
    return tuple(
        _checked(project, candidate, _waiting(project, candidate.pull.base))
        for candidate in (_candidate(project, number) for number in _numbers_in_group(project))
    )


def tell_released(project: Project, plan: ReleasePlan, url: str) -> None:
    """Name the release in the comment on each of its pull requests (`comment-released`); a failure is only reported."""
    for number in [change.pull for change in plan.changes if change.pull is not None]:
        try:
            _add_release(project.remote.adapter(PullRequests), number, str(plan.tag), url)
        except ReleaseToolError as failure:
            project.say(f"#{number} got no comment about {plan.tag}: {failure.message}")


def number_of_event(project: Project) -> int | None:
    """The pull request that the event in Actions is about; None where it is about none."""
    return event_number(project.actions.event)


def event_number(event: Mapping[str, object]) -> int | None:
    """The number of the pull request in an event; None where there is none that could be one."""
    number = event.get("number")
    pull = event.get("pull_request")
    if number is None and isinstance(pull, dict):
        number = pull.get("number")
    return number if type(number) is int and 0 < number <= LARGEST_NUMBER else None


def _candidate(project: Project, number: int) -> MergeCandidate:
    candidate = project.remote.adapter(PullRequests).candidate(number, files=bool(project.config.irreversible_paths))
    if candidate is None:
        raise UsageError(
            f"there is no pull request #{number} in {project.repository}", todo="name the number of a pull request"
        )
    return candidate


def _waiting(project: Project, base: str) -> ReleaseFacts | None:
    """What waits on a branch to be released; None where the branch is not released from here."""
    seen = branch_snapshot(project, base) if is_released(project, base) else None
    return None if seen is None else facts_for(project, seen, Request())


def _checked(project: Project, candidate: MergeCandidate, facts: ReleaseFacts | None) -> CheckResult:
    pull = candidate.pull
    if facts is None:
        return CheckResult(number=pull.number, base=pull.base, text=comment_text.elsewhere(pull.base))
    change = change_of(candidate, project.config)
    found = findings(candidate, project.config, project.repository)
    alone, together = (_tag_with(project, facts, changes) for changes in ((change,), (*facts.changes, change)))
    if isinstance(together, PolicyFinding):
        found = tuple(sorted((together, *found), key=lambda one: list(Severity).index(one.severity)))
    preview = Preview(
        base=pull.base,
        alone=alone if isinstance(alone, str) else None,
        together=together if isinstance(together, str) else None,
        waiting=len(facts.changes),
    )
    line = "" if change.hidden else entry(change, project.web_url)
    text = comment_text.render(change, preview, found, line)
    return CheckResult(
        number=pull.number, base=pull.base, change=change, found=found, preview=preview, entry=line, text=text
    )


def _tag_with(project: Project, facts: ReleaseFacts, changes: tuple[Change, ...]) -> str | PolicyFinding | None:
    """The tag that a release of these changes would have, or why it could not be made."""
    imagined = msgspec.structs.replace(
        facts, changes=changes, since_stable=changes, half_done=(), containing=None, withheld=""
    )
    try:
        return plan_release(imagined, Request(), project.config).tag
    except RefusedError as refused:
        return PolicyFinding(
            "no-version", Severity.WARNING, f"nothing will be released: {refused.message}", refused.todo
        )


def _say(project: Project, candidate: MergeCandidate, checked: CheckResult) -> CheckResult:
    """Keep the one comment up to date; where we may not comment, the summary of the run says it all."""
    if candidate.state != "open":
        return checked
    conversation = project.remote.adapter(PullRequests)
    ours = _ours(conversation, checked.number)
    if not ours and checked.change is None:
        return checked
    try:
        said, comment = _written(project, conversation, checked, ours)
    except PermissionDeniedError:
        return msgspec.structs.replace(checked, said=CommentState.FORBIDDEN)
    return msgspec.structs.replace(checked, said=said, url=comment.url)


def _written(
    project: Project, conversation: PullRequests, checked: CheckResult, ours: Sequence[PullRequestComment]
) -> tuple[CommentState, PullRequestComment]:
    if ours:
        return _updated(conversation, checked, ours)
    try:
        conversation.create(checked.number, checked.text)
    except NoAnswerError:
        project.say("no answer to the comment: looking whether it is there")
    # Another run may have commented at the same moment: both keep the first of the two.
    there = _ours(conversation, checked.number)
    if not there:
        raise RemoteError(
            f"the comment on #{checked.number} could not be written", todo="run it again; the check itself is done"
        )
    _, comment = _updated(conversation, checked, there)
    return CommentState.CREATED, comment


def _add_release(conversation: PullRequests, number: int, tag: str, url: str) -> None:
    ours = _ours(conversation, number)
    body = ours[0].body if ours else comment_text.MARKER
    text = comment_text.with_release(body, tag, url)
    if not ours:
        conversation.create(number, text)
    elif text != body:
        conversation.update(ours[0], text)


def _updated(
    conversation: PullRequests, checked: CheckResult, ours: Sequence[PullRequestComment]
) -> tuple[CommentState, PullRequestComment]:
    first, *others = ours
    for other in others:
        conversation.delete(other)
    if _same(first.body, checked.text):
        return CommentState.UNCHANGED, first
    return CommentState.UPDATED, conversation.update(first, checked.text)


def _ours(conversation: PullRequests, number: int) -> list[PullRequestComment]:
    return [comment for comment in conversation.comments(number) if comment_text.is_ours(comment.body)]


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").strip() == other.strip()


def _numbers_in_group(project: Project) -> list[int]:
    """The pull requests whose commits the merge queue tests together; raises RemoteError where that can't be read."""
    group = project.actions.event.get("merge_group")
    base, head, ref = (
        (group.get(key) for key in ("base_ref", "head_sha", "head_ref")) if isinstance(group, dict) else (None,) * 3
    )
    if not (isinstance(base, str) and isinstance(head, str) and isinstance(ref, str)):
        raise RemoteError("the event does not say which pull requests are in the merge group")
    branch = base.removeprefix("refs/heads/")
    queued = project.remote.adapter(PullRequests).queued(branch)
    project.git.fetch_commit(head)
    numbers = {number for sha, number in queued.items() if project.git.first_reachable([sha], head) is not None}
    named = comment_text.number_in_ref(ref)
    if named is None and not numbers:
        raise RemoteError(f"no pull request is known for the merge group {ref}")
    return sorted(numbers | ({named} if named is not None else set()))
