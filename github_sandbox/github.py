"""What GitHub does beyond storing: merging, following branches, and rules about who may do what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from github_sandbox.answer import Caller, forbidden, not_found, unprocessable
from github_sandbox.githttp import protected
from github_sandbox.history import person, web_flow
from github_sandbox.repository import ZERO
from github_sandbox.store import IssueEvent, Label, Pull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from github_sandbox.repository import Commit, Ref, Repository
    from github_sandbox.store import Asset, Author, Issue, Release, Ruleset, Settings, Store

WORKFLOWS = ".github/workflows"
MERGED_LABEL = "ededed"
SIGNATURES = "required_signatures"
OBJECTIONS = {
    "creation": "Cannot create ref due to creations being restricted.",
    "update": "Cannot update this protected ref.",
    SIGNATURES: "Commits must have verified signatures.\n\nFound 1 violation:\n\n{sha}",
}
"""What is said of the rules that are held up; nothing here is signed."""
CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#([0-9]+)", re.IGNORECASE)
"""The keywords before the number of an issue that is closed by what lands on the default branch."""


class MergeConflictError(Exception):
    """Two commits that can't be merged without a person."""


class GitHub:
    """One repository on the stand-in."""

    def __init__(self, store: Store, repository: Repository, assets: Path) -> None:
        self.store = store
        self.repository = repository
        self.assets = assets
        self._late: dict[str, Pull | Release] = {}

    @property
    def settings(self) -> Settings:
        """What holds for the whole repository."""
        return self.store.settings

    @property
    def main(self) -> str:
        """The default branch."""
        return self.settings.default_branch

    def caller(self, token: str | None) -> Caller | None:
        """Who a token belongs to; None when nobody has it."""
        if token is None:
            return Caller(None, {} if self.settings.private else PUBLIC)
        found = self.store.tokens.get(token)
        return Caller(found.author, found.rights) if found else None

    def shut(self) -> None:
        """Closes the file of the records and the processes of git."""
        self.store.close()
        self.repository.close()

    def finish_request(self) -> None:
        """Writes everything down; what came late for this request comes sooner for the next."""
        for late in self._late.values():
            late.lag -= 1
            if isinstance(late, Pull):
                self.store.pulls.put(late)
            else:
                self.store.releases.put(late)
        self._late.clear()
        self.store.commit()

    # commits and refs

    def commit(self, revision: str) -> Commit:
        """The commit of a branch, tag or hash."""
        sha = self.repository.resolve(revision)
        if sha is None:
            raise unprocessable(f"No commit found for SHA: {revision}")
        return self.repository.commit(sha)

    def head(self, branch: str) -> str | None:
        """The hash a branch points at."""
        ref = self.repository.ref(f"refs/heads/{branch}")
        return ref.sha if ref else None

    def main_head(self) -> Commit:
        """The newest commit of the default branch."""
        return self.repository.commit(self.head(self.main) or ZERO)

    def check_creation(self, caller: Caller, ref: str, sha: str) -> None:
        """Refuses a new ref where a rule, a burned name or workflow files are in the way."""
        if refusal := self.refusal(caller, ref, sha):
            raise unprocessable(refusal)
        self.check_workflows(caller, sha)

    def refusal(self, caller: Caller, ref: str, sha: str) -> str:
        """What the REST interface says of rules that keep this caller from a ref; empty where none does."""
        if objections := self.objections(caller, ref, sha):
            return "".join(f"{line}\n\n" for line in ("Repository rule violations found", *objections))
        return "Reference update failed" if self.is_protected(caller, ref) else ""

    def objections(self, caller: Caller, ref: str, sha: str = "") -> list[str]:
        """What rulesets, and immutable releases that are gone, have against a ref that is created or moved."""
        burned = ref.removeprefix("refs/tags/") in self.settings.burned
        kind = "creation" if self.repository.ref(ref) is None else "update"
        rules = [
            rule
            for ruleset in self.settings.rulesets
            if self._holds(ruleset, caller) and self.covers(ruleset, ref)
            for rule in ruleset.rules
        ]
        found = [OBJECTIONS[rule] for rule in (kind, SIGNATURES) if rule in rules or (burned and rule == "creation")]
        return [line.format(sha=sha) for line in found]

    def _holds(self, ruleset: Ruleset, caller: Caller) -> bool:
        return ruleset.active and not ruleset.bypass and not caller.may("administration")

    def is_protected(self, caller: Caller, ref: str) -> bool:
        """Whether a rule keeps this caller from creating or moving a ref."""
        guarded = protected(self.settings.protected, ref) and not caller.may("administration")
        return guarded or bool(self.objections(caller, ref))

    def covers(self, ruleset: Ruleset, ref: str) -> bool:
        """Whether a ruleset holds for a ref."""
        kind = "refs/tags/" if ruleset.target == "tag" else "refs/heads/"
        if not ref.startswith(kind) or any(self._matches(pattern, ref) for pattern in ruleset.exclude):
            return False
        return any(self._matches(pattern, ref) for pattern in ruleset.include)

    def _matches(self, pattern: str, ref: str) -> bool:
        if pattern == "~DEFAULT_BRANCH":
            return ref == f"refs/heads/{self.main}"
        return pattern == "~ALL" or protected([pattern], ref)

    def check_workflows(self, caller: Caller, sha: str) -> None:
        """Refuses a commit whose workflow files are at the head of no branch, without the right to change them."""
        if caller.may("workflows"):
            return
        own = self.workflow_files(sha)
        known = {file for ref in self.repository.refs("refs/heads/") for file in self.workflow_files(ref.sha)}
        if own - known:
            raise forbidden()

    def changes_workflows(self, sha: str) -> bool:
        """Whether a commit has workflow files that differ from those of the default branch."""
        return bool(self.workflow_files(sha) - self.workflow_files(self.main_head().sha))

    def workflow_files(self, sha: str) -> set[str]:
        """The workflow files of a commit, each with the hash of its contents."""
        return set(self.repository.run("ls-tree", "-r", sha, "--", WORKFLOWS + "/").splitlines())

    def move(self, caller: Caller, name: str, new: str, old: str) -> bool:
        """Moves a ref and lets what depends on it follow; False when it is not where `old` says."""
        if not self.repository.move(name, new, old):
            return False
        self.follow(caller.author)
        if name == f"refs/heads/{self.main}" and old.strip("0"):
            for sha in self.repository.log(f"{old}..{new}"):
                self.close_named(self.repository.commit(sha).message, caller.author, commit=sha, pull=None)
        return True

    def follow(self, author: Author | None) -> None:
        """Brings up to date what depends on refs.

        Open pull requests get new commits, are merged, or are closed; a release without its tag is a draft again.
        """
        for release in self.store.releases:
            if not release.draft and not self.tag_ref(release.tag_name):
                release.draft, release.published_at = True, None
                self.store.releases.put(release)
        heads = {ref.name.removeprefix("refs/heads/"): ref.sha for ref in self.repository.refs("refs/heads/")}
        for pull in self.store.pulls:
            if pull.state == "open" and not pull.fork:
                self._follow(pull, heads, author)

    def _follow(self, pull: Pull, heads: dict[str, str], author: Author | None) -> None:
        head, base = heads.get(pull.head), heads.get(pull.base)
        if head is None or base is None:
            self.close(pull, author)
        elif head != pull.head_sha:
            pull.head_sha = head
            pull.commits = self.repository.log("--reverse", f"{base}..{head}")
            pull.updated_at = self.store.tick()
            self.repository.run("update-ref", f"refs/pull/{pull.number}/head", head)
            self.store.pulls.put(pull)
        if base and pull.state == "open" and self.repository.is_ancestor(pull.head_sha, base):
            if not pull.commits:
                return
            self.merged(pull, author, pull.head_sha, pull.commits)

    # pull requests and issues

    def pull(self, number: int) -> Pull:
        """A pull request by number."""
        found = self.store.pulls.get(number)
        if found is None:
            raise not_found()
        return found

    def issue(self, number: int) -> Issue:
        """An issue, or a pull request as one."""
        found = self.store.issues.get(number) or self.store.pulls.get(number)
        if found is None:
            raise not_found()
        return found

    def issues(self) -> Iterator[Issue]:
        """All issues and pull requests."""
        yield from self.store.issues
        yield from self.store.pulls

    def save(self, issue: Issue) -> None:
        """Keeps what was changed in an issue or pull request."""
        issue.updated_at = self.store.tick()
        if isinstance(issue, Pull):
            self.store.pulls.put(issue)
        else:
            self.store.issues.put(issue)

    def close(self, issue: Issue, author: Author | None, *, commit: str | None = None, pull: int | None = None) -> None:
        """Closes an issue or pull request, by hand unless a commit or a pull request does it."""
        issue.state = "closed"
        self.save(issue)
        issue.closed_at, issue.closed_by = issue.updated_at, author
        self.note(issue, "closed", author, commit=commit, pull=pull)

    def reopen(self, issue: Issue, author: Author | None) -> None:
        """Opens a closed issue again."""
        issue.state, issue.closed_at, issue.closed_by, issue.state_reason = "open", None, None, "reopened"
        self.note(issue, "reopened", author)

    def relabel(self, issue: Issue, names: list[str], author: Author | None) -> None:
        """Gives an issue or pull request the labels of these names, and no others."""
        before, issue.labels = issue.labels, names
        for name in names:
            if name not in before:
                self.note(issue, "labeled", author, label=name)
        for name in before:
            if name not in names:
                self.note(issue, "unlabeled", author, label=name)

    def note(  # noqa: PLR0913 -- each is one thing to know of an event
        self,
        issue: Issue,
        kind: Literal["closed", "reopened", "labeled", "unlabeled"],
        actor: Author | None,
        *,
        label: str | None = None,
        commit: str | None = None,
        pull: int | None = None,
    ) -> None:
        """Keeps that something happened to an issue or pull request."""
        new = len(self.store.issue_events) + 1
        self.store.issue_events.put(
            IssueEvent(
                key=str(new),
                id=new,
                issue=issue.number,
                kind=kind,
                actor=actor,
                label=label,
                commit=commit,
                pull=pull,
                created_at=self.settings.now,
            )
        )

    def close_named(self, text: str | None, author: Author | None, *, commit: str | None, pull: int | None) -> None:
        """Closes the issues that a text names with a keyword, as what lands on the default branch does."""
        for number in CLOSING.findall(text or ""):
            issue = self.store.issues.get(number)
            if issue and issue.state == "open":
                self.close(issue, author, commit=commit, pull=pull)
                issue.state_reason = "completed"

    def label(self, name: str) -> Label:
        """A label by name, made when it is missing."""
        found = self.store.labels.get(name.lower())
        if found is None:
            new = self.store.new_id()
            found = self.store.labels.put(Label(key=name.lower(), id=new, name=name, color=MERGED_LABEL))
        return found

    def merged(self, pull: Pull, author: Author | None, commit: str, landed: list[str]) -> None:
        """Marks a pull request as merged."""
        self.close(pull, author)
        pull.merged_at, pull.merged_by = pull.updated_at, author
        pull.merge_commit, pull.landed = commit, landed
        pull.lag = self.settings.lag_associations
        if pull.base == self.main:
            self.close_named(pull.body, author, commit=None, pull=pull.number)

    def associated(self, sha: str) -> list[Pull]:
        """The pull requests of a commit as the index knows them, which may be late."""
        found = [pull for pull in self.store.pulls if sha in pull.landed or sha in pull.commits]
        seen = []
        for pull in found:
            if pull.lag:
                self._late[f"pull {pull.key}"] = pull
            else:
                seen.append(pull)
        landed = [pull for pull in seen if pull.merged_at]
        return [*landed, *(pull for pull in seen if pull.state == "open")]

    # merging

    def merge_commit(self, base: str, head: str, author: Author, message: str) -> str:
        """A merge commit of two commits; MergeConflictError when it takes a person."""
        tree = self.repository.merge_tree(base, head)
        if tree is None:
            raise MergeConflictError
        now = self.store.tick()
        return self.repository.write_commit(tree, [base, head], person(author.login, now), web_flow(now), message)

    def squash_commit(self, pull: Pull, base: str, message: str) -> str:
        """A pull request as one commit on its base."""
        tree = self.repository.merge_tree(base, pull.head_sha)
        if tree is None:
            raise MergeConflictError
        now = self.store.tick()
        author = person(pull.author.login if pull.author else None, now)
        return self.repository.write_commit(tree, [base], author, web_flow(now), message)

    def rebased_commits(self, pull: Pull, base: str) -> list[str]:
        """The commits of a pull request again, on top of its base."""
        now = self.store.tick()
        landed: list[str] = []
        for sha in pull.commits:
            commit = self.repository.commit(sha)
            if len(commit.parents) > 1:
                continue
            onto = landed[-1] if landed else base
            tree = self.repository.pick_tree(onto, sha)
            if tree is None:
                raise MergeConflictError
            landed.append(self.repository.write_commit(tree, [onto], commit.author, web_flow(now), commit.message))
        return landed

    # releases

    def tag_commit(self, tag: str) -> Commit | None:
        """The commit that a tag stands for."""
        found = self.repository.read(f"refs/tags/{tag}^{{commit}}")
        return self.repository.commit(found.sha) if found else None

    def tag_ref(self, tag: str) -> Ref | None:
        """The ref of a tag."""
        return self.repository.ref(f"refs/tags/{tag}")

    def published(self, tag: str) -> Release | None:
        """The published release of a tag."""
        for release in self.store.releases:
            if release.tag_name == tag and not release.draft:
                return release
        return None

    def assets_of(self, release: Release) -> list[Asset]:
        """The files of a release."""
        return [asset for asset in self.store.assets if asset.release == release.id]

    def listed(self, caller: Caller) -> list[Release]:
        """The releases that a list shows: newest first, drafts only for accounts that may push, new ones late."""
        found = []
        for release in self.store.releases:
            if release.draft and not caller.may("contents"):
                continue
            if release.lag:
                self._late[f"release {release.key}"] = release
            else:
                found.append(release)
        return sorted(found, key=lambda release: (release.draft, release.created_at, release.id), reverse=True)

    def latest(self) -> Release | None:
        """The release called latest: the one that was marked, else the newest by the date of its commit."""
        marked = self.store.releases.get(self.settings.latest)
        if marked and not marked.draft and not marked.prerelease:
            return marked
        able = [r for r in self.store.releases if not r.draft and not r.prerelease and r.latest != "false"]
        return max(able, key=lambda release: (release.created_at, release.id), default=None)

    def permission(self, login: str) -> str:
        """The level of somebody in the repository."""
        return self.settings.collaborators.get(login, "none" if self.settings.private else "read")


PUBLIC: dict[str, str | bool] = dict.fromkeys(
    ("actions", "checks", "contents", "deployments", "issues", "metadata", "pull-requests", "statuses"), "read"
)
"""What everybody may do in a public repository."""
