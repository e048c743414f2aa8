"""A release that conflicts with the hosted branch: one pull request that tells a person exactly what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.github.api import PermissionDeniedError
from release_tool.history.look import changes_between
from release_tool.model.version import parse_tag
from release_tool.notify.notice import Notice, NoticeChange
from release_tool.pull_request.comment import LIMIT
from release_tool.sync.conflict_text import MARKER, ConflictingChange, conflict_text, conflict_title, tag_in_title
from release_tool.text.receipt import Receipt, receipt_of, with_receipt, without_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release_tool.config.model import Sync
    from release_tool.git.merge import Conflict
    from release_tool.history.changes import Change
    from release_tool.history.look import RepositorySnapshot
    from release_tool.project import Project
    from release_tool.sync.plan import SyncFacts

CONFLICT_BRANCH = "release-tool/conflict/"
LABEL = "sync-conflict"


class ConflictRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the conflict is reported: in a pull request, or in an issue where none may be opened.

    `told` says that an earlier run announced it already, except to the channels that are `owed` the message.
    """

    number: int
    url: str
    is_pull: bool
    told: bool
    owed: tuple[str, ...] = ()


def open_conflict(
    project: Project, seen: RepositorySnapshot, facts: SyncFacts, conflicts: Sequence[Conflict], *, offered: str
) -> ConflictRequest:
    """Open the pull request of a conflict, or bring the one that is open up to date; older ones are superseded.

    `offered` is the commit that a person begins with.
    """
    branch = f"{CONFLICT_BRANCH}{facts.tag.name}"
    _offer_branch(project, branch, offered)
    culprits = _culprits(project, seen, facts, conflicts)
    text = conflict_text(facts.tag.name, facts.branch, branch, conflicts, culprits)
    title = conflict_title(facts.tag.name, facts.branch)
    people = tuple(dict.fromkeys(culprit.merged_by for culprit in culprits if culprit.merged_by))
    opened = _pull_request(project, branch, facts.branch, title, text) or _issue(project, title, text)
    if not opened.told:
        _supersede(project, facts.branch, branch, opened)
        _notify(project, opened, title, text, culprits)
        project.remote.issues.assign(opened.number, people)
        project.remote.issues.add_labels(opened.number, (LABEL,))  # last, so that it records the notified channels
    elif opened.owed:
        _notify(project, opened, title, text, culprits)
    return opened


def close_superseded(project: Project, settings: Sync, commit: str) -> None:
    """Close what is open about conflicts of releases that the hosted branch has by now."""
    branches = project.branches.tips(CONFLICT_BRANCH)
    tags = project.git.remote_tags() if branches else {}
    for name in branches:
        tag = name.removeprefix(CONFLICT_BRANCH)
        if tag in tags and project.git.first_reachable([tags[tag].commit], commit) is None:
            continue
        pull = project.remote.issues.open_pull(name, settings.branch)
        if pull is not None:
            project.remote.issues.close(pull.number, f"`{settings.branch}` has {tag} by now.")
        project.branches.delete(name, expect=branches[name])
    issue = project.remote.issues.find_issue(LABEL, MARKER)
    told = project.git.remote_tags().get(tag_in_title(issue.title) or "") if issue else None
    if issue and told and project.git.first_reachable([told.commit], commit) is not None:
        project.remote.issues.close(issue.number, f"`{settings.branch}` has it by now.")


def _notify(
    project: Project, opened: ConflictRequest, title: str, text: str, culprits: Sequence[ConflictingChange]
) -> None:
    """Notify the channels, or those that failed before; the ones that fail now are recorded in the text, invisibly."""
    notice = Notice(
        event="sync-conflict",
        title=title,
        changes=tuple(NoticeChange(culprit.name, culprit.title) for culprit in culprits),
        links=(("resolve it", opened.url), *project.links()),
    )
    told = project.tell(notice, only=opened.owed or None)
    if told.owed != opened.owed:
        change = project.remote.issues.update_pull if opened.is_pull else project.remote.issues.update_issue
        change(opened.number, title=title, body=with_receipt(text, Receipt(owed=told.owed), LIMIT))


def _offer_branch(project: Project, branch: str, commit: str) -> None:
    """Push a commit as the branch of the pull request, unless a person has begun to resolve there."""
    if branch not in project.branches.tips(CONFLICT_BRANCH):
        project.branches.push(commit, branch, expect=None)


def _culprits(
    project: Project, seen: RepositorySnapshot, facts: SyncFacts, conflicts: Sequence[Conflict]
) -> tuple[ConflictingChange, ...]:
    """The changes of the release that touch a file in conflict, and who merged each."""
    changes = changes_between(project, seen, facts.cloud, facts.tag.commit)
    paths = {conflict.path for conflict in conflicts}
    touching = [(change, sorted(paths.intersection(_files(project, change)))) for change in changes]
    numbers = [change.pull for change, files in touching if files and change.pull is not None]
    merged_by = project.remote.issues.who_merged(numbers) if numbers else {}
    return tuple(
        ConflictingChange(change.name, change.title, tuple(files), merged_by.get(change.pull or 0, ""))
        for change, files in touching
        if files
    )


def _files(project: Project, change: Change) -> tuple[str, ...]:
    commit = project.git.commit(change.sha)
    parent = next(iter(commit.parents), None) if commit else None
    return project.git.files_between(parent, change.sha) if parent else ()


def _pull_request(project: Project, branch: str, base: str, title: str, text: str) -> ConflictRequest | None:
    """Find or open the pull request; None where the token may not open one."""
    issues = project.remote.issues
    found = issues.open_pull(branch, base)
    if found is None:
        project.say(f"opening a pull request against `{base}`")
        try:
            found = issues.create_pull(title, branch, base, text)
        except PermissionDeniedError:
            return None
    elif without_receipt(found.body).strip() != text.strip():
        issues.update_pull(found.number, title=title, body=with_receipt(text, receipt_of(found.body), LIMIT))
    owed = receipt_of(found.body).owed
    return ConflictRequest(number=found.number, url=found.url, is_pull=True, told=LABEL in found.labels, owed=owed)


def _issue(project: Project, title: str, text: str) -> ConflictRequest:
    issues = project.remote.issues
    found = issues.find_issue(LABEL, MARKER)
    if found is None:
        project.say("this token may not open pull requests: opening an issue instead")
        found = issues.create_issue(title, text, (LABEL,))
        return ConflictRequest(number=found.number, url=found.url, is_pull=False, told=False)
    told = found.title == title
    receipt = receipt_of(found.body) if told else Receipt()
    if without_receipt(found.body).strip() != text.strip():
        issues.update_issue(found.number, title=title, body=with_receipt(text, receipt, LIMIT))
    return ConflictRequest(number=found.number, url=found.url, is_pull=False, told=told, owed=receipt.owed)


def _supersede(project: Project, base: str, branch: str, opened: ConflictRequest) -> None:
    """Close the pull requests of older releases: the newest one has their changes too."""
    issues = project.remote.issues
    ours = parse_tag(branch.removeprefix(CONFLICT_BRANCH), project.config.tag_prefix)
    for name, sha in project.branches.tips(CONFLICT_BRANCH).items():
        other = parse_tag(name.removeprefix(CONFLICT_BRANCH), project.config.tag_prefix)
        if name == branch or other is None or ours is None or other > ours:
            continue
        pull = issues.open_pull(name, base)
        if pull is not None:
            issues.close(pull.number, f"Superseded by {opened.url}, which has these changes too.")
        project.branches.delete(name, expect=sha)
