"""Plays a scenario: each entry becomes commits of the graph and records of the store."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never

import msgspec

from github_sandbox import scenario as form
from github_sandbox.history import ConflictError, Graph, Node, TagNode, ancestors, person, web_flow
from github_sandbox.store import (
    Actions,
    Asset,
    Author,
    Comment,
    CommitStatus,
    Deployment,
    DeploymentStatus,
    Environment,
    Issue,
    IssueEvent,
    Job,
    Label,
    Pull,
    Release,
    Ruleset,
    Run,
    Settings,
    Token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from github_sandbox.history import Files
    from github_sandbox.repository import Repository
    from github_sandbox.store import Rights, Store

T = TypeVar("T", Ruleset, Environment)

TOKEN = "sandbox-token"  # noqa: S105 -- opens nothing but the sandbox
"""The token that every sandbox has: an app's, as a workflow gets it."""

DEFAULT_RIGHTS: Rights = {
    "actions": "write",
    "administration": "none",
    "checks": "write",
    "contents": "write",
    "deployments": "write",
    "environments": "none",
    "issues": "write",
    "metadata": "read",
    "pull-requests": "write",
    "secrets": "none",
    "statuses": "write",
    "workflows": False,
}
"""What a token may do unless the scenario says otherwise: as a workflow's with all its permissions."""


class ProblemError(Exception):
    """What is wrong with an entry; the key is where, below the entry."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class Landed(msgspec.Struct, frozen=True):
    """Where a pull request landed: the base before and after."""

    title: str
    before: Node
    after: Node


def build(scenario: form.Scenario, repository: Repository, store: Store, assets: Path) -> None:
    """Makes the repository and the records of a scenario; SandboxError names the entry that is wrong."""
    store.all_settings.put(_settings(scenario))
    store.tokens.put(Token(key=TOKEN, author=Author(form.ACTIONS, "Bot"), rights=dict(DEFAULT_RIGHTS)))
    builder = Builder(scenario, store, assets)
    for index, entry in enumerate(scenario.history):
        path = f"history[{index}]"
        try:
            builder.play(entry, int(scenario.begins.timestamp()) + 1 + index)
        except ProblemError as problem:
            raise form.wrong(f"{path}.{problem.key}".rstrip("."), str(problem)) from problem
        except ConflictError as conflict:
            raise form.wrong(path, f"a conflict in {conflict}, which was changed on both sides") from conflict
    try:
        builder.graph.write(repository)
    except ValueError as error:
        raise form.wrong("history", f"git refuses it: {error}") from error
    builder.finish()


def _settings(scenario: form.Scenario) -> Settings:
    return Settings(
        key="settings",
        scenario="",
        repository=scenario.repository,
        default_branch=scenario.default_branch,
        private=scenario.private,
        immutable_releases=scenario.immutable_releases,
        digests=scenario.digests,
        now=int(scenario.begins.timestamp()),
        clock=scenario.clock,
        collaborators={form.MAINTAINER: "admin"},
    )


class Builder:
    """One history in the making; records that need hashes are made at the end."""

    def __init__(self, scenario: form.Scenario, store: Store, assets: Path) -> None:
        self.store = store
        self.assets = assets
        self.main = scenario.default_branch
        self.repository = scenario.repository
        self.graph = Graph()
        self.now = int(scenario.begins.timestamp())
        self._later: list[Callable[[], object]] = []
        self._landed: dict[int, Landed] = {}
        self._numbers: set[int] = set()
        self._queues: dict[str, Node] = {}
        maintainer = person(form.MAINTAINER, self.now)
        self.graph.heads[self.main] = self.graph.add([], maintainer, "Initial commit", dict(scenario.files))

    def finish(self) -> None:
        """Makes the records, now that hashes are known."""
        for make in self._later:
            make()

    def play(self, entry: form.Entry, at: int) -> None:  # noqa: C901 -- one case for each kind
        """Lets one entry happen; ProblemError or ConflictError when it can't."""
        self.now = at
        self.store.settings.now = max(self.store.settings.now, at)
        match entry:
            case form.TagEntry():
                self._tag(entry)
            case form.ReleaseEntry():
                self._release_entry(entry)
            case form.PullEntry():
                self._pull(entry)
            case form.RevertEntry():
                self._revert(entry)
            case form.CommitEntry():
                self._commit(entry)
            case form.MergeEntry():
                self._merge(entry)
            case form.IssueEntry():
                self._issue(entry)
            case form.DeploymentEntry():
                self._deployment(entry)
            case form.StatusEntry():
                self._status(entry)
            case form.RunEntry():
                self._run(entry)
            case _:
                self._set(entry)

    def _set(
        self,
        entry: form.RightsEntry
        | form.TokenEntry
        | form.CollaboratorEntry
        | form.BurnedEntry
        | form.ProtectEntry
        | form.LabelEntry
        | form.RulesetEntry
        | form.EnvironmentEntry
        | form.ActionsEntry
        | form.LagEntry,
    ) -> None:
        settings = self.store.settings
        match entry:
            case form.RightsEntry():
                self._token(TOKEN, Author(form.ACTIONS, "Bot"), entry.rights)
            case form.TokenEntry():
                self._token(entry.token, Author(entry.login, entry.type), entry.rights)
            case form.CollaboratorEntry():
                settings.collaborators[entry.collaborator] = entry.permission
            case form.BurnedEntry():
                settings.burned.append(entry.burned)
            case form.ProtectEntry():
                name = entry.protect
                settings.protected.append(name if name.startswith("refs/") else f"refs/heads/{name}")
            case form.LabelEntry():
                self._label(entry.label, entry.color, entry.description)
            case form.RulesetEntry() | form.EnvironmentEntry() | form.ActionsEntry():
                self._configure(entry)
            case form.LagEntry():
                settings.lag_associations = entry.lag.associations
                settings.lag_lists = entry.lag.lists
            case _:
                assert_never(entry)

    def _configure(self, entry: form.RulesetEntry | form.EnvironmentEntry | form.ActionsEntry) -> None:
        settings = self.store.settings
        match entry:
            case form.RulesetEntry():
                settings.rulesets.append(_named(entry, entry.ruleset, "ruleset", Ruleset))
            case form.EnvironmentEntry():
                made = _named(entry, entry.environment, "environment", Environment, secrets=_valued(entry.secrets))
                settings.environments.append(made)
            case form.ActionsEntry():
                settings.actions = Actions(
                    enabled=entry.actions == "enabled",
                    allowed=entry.allowed,
                    opens_pulls=entry.opens_pulls,
                    states=dict(entry.states),
                    secrets=_valued(entry.secrets),
                )
            case _:
                assert_never(entry)

    # names

    def _find(self, name: str | None, key: str) -> Node:
        """The commit of a branch, a tag or `#N` (where pull request N landed), with `~N` for its Nth parent."""
        stem, _, back = (name or self.main).partition("~")
        node = self._named(stem, key)
        for _ in range(int(back) if back.isdigit() else 0):
            if not node.parents:
                raise ProblemError(key, f"{name!r} goes back further than the history")
            node = node.parents[0]
        return node

    def _named(self, name: str, key: str) -> Node:
        if name in self.graph.heads:
            return self.graph.heads[name]
        if name in self.graph.tags:
            return self.graph.tags[name].target
        if name.startswith("#") and name[1:].isdigit() and int(name[1:]) in self._landed:
            return self._landed[int(name[1:])].after
        raise ProblemError(key, f"there is no branch, tag or merged pull request {name!r} yet")

    def _head(self, branch: str | None, key: str) -> Node:
        name = branch or self.main
        if name not in self.graph.heads:
            raise ProblemError(key, f"there is no branch {name!r} yet")
        return self.graph.heads[name]

    def _check_ref(self, name: str, key: str) -> None:
        bad = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(/|$)|(^|/)\.|[./]$|^[-/]|^@$", name)
        if not name or bad:
            raise ProblemError(key, f"git does not accept the name {name!r}")

    # commits

    def _commit(self, entry: form.CommitEntry) -> None:
        branch = entry.branch or self.main
        self._check_ref(branch, "branch")
        if entry.from_ is not None and entry.branch is None:
            raise ProblemError("from", "only a branch can begin somewhere; `branch` is missing")
        base = self.graph.heads.get(branch) or self._find(entry.from_, "from")
        if entry.commit is not None:
            text = _with_trailers(entry.commit, entry.co_authors)
            base = self.graph.add([base], person(entry.author, self.now), text, self._files(entry.files))
        elif entry.files:
            raise ProblemError("files", "files need a `commit`")
        self.graph.heads[branch] = base

    def _files(self, files: Files) -> Files:
        for path in files:
            if not path or any(part in {"", ".", "..", ".git"} for part in path.split("/")):
                raise ProblemError("files", f"{path!r} is no path of a file in a repository")
        return files

    def _merge(self, entry: form.MergeEntry) -> None:
        ours, theirs = self._head(entry.into, "into"), self._find(entry.merge_branch, "merge-branch")
        text = entry.message or f"Merge branch '{entry.merge_branch}' into {entry.into}"
        files = self.graph.merge(ours, theirs)
        self.graph.heads[entry.into] = self.graph.add([ours, theirs], person(entry.author, self.now), text, files)

    # pull requests

    def _pull(self, entry: form.PullEntry) -> None:
        self._number(entry.pull, "pull")
        if entry.files and entry.commits:
            raise ProblemError("files", "give either `files` or `commits`")
        base = self._head(entry.base, "base")
        branch = entry.branch or f"pull-{entry.pull}"
        self._check_ref(branch, "branch")
        given = branch in self.graph.heads and not entry.fork
        head = self._head_of(entry, self.graph.heads[branch] if given else base, given=given)
        landed = self._land(entry, base, head, branch) if entry.state == "merged" else []
        if landed:
            self._landed[entry.pull] = Landed(entry.title, base, landed[-1])
            self.graph.heads[entry.base or self.main] = landed[-1]
        if given or (entry.state == "open" and not entry.fork):
            self.graph.heads[branch] = head
        self.graph.hidden[f"refs/pull/{entry.pull}/head"] = head
        self._remember(entry, branch, [base, head], landed)

    def _number(self, number: int, key: str) -> None:
        if number < 1 or number in self._numbers:
            raise ProblemError(key, f"the number {number} is taken" if number > 0 else "a number is at least 1")
        self._numbers.add(number)
        self.store.settings.next_number = max(self.store.settings.next_number, number + 1)

    def _head_of(self, entry: form.PullEntry, start: Node, *, given: bool) -> Node:
        parts = entry.commits or [form.CommitPart(message=entry.title, files=entry.files)]
        if given and not entry.commits and not entry.files:
            return start
        for part in parts:
            author = person(part.author or entry.author, self.now)
            text = _with_trailers(part.message, entry.co_authors)
            start = self.graph.add([start], author, text, self._files(part.files))
        return start

    def _land(self, entry: form.PullEntry, base: Node, head: Node, branch: str) -> list[Node]:
        own = self._own(base, head)
        author = person(entry.author, self.now)
        match entry.merge:
            case "squash":
                text = entry.message or f"{entry.title} (#{entry.pull})"
                others = [f"{n.author.name} <{n.author.mail}>" for n in own if n.author.name != author.name]
                text = _with_trailers(text, [*entry.co_authors, *others] if entry.message is None else [])
                return [self.graph.add([base], author, text, self._merged(base, own, head), web_flow(self.now))]
            case "merge":
                owner = (entry.author or "ghost") if entry.fork else self.repository.split("/")[0]
                text = entry.message or f"Merge pull request #{entry.pull} from {owner}/{branch}\n\n{entry.title}"
                by = person(entry.merged_by, self.now)
                files = self._merged(base, own, head)
                return [self.graph.add([base, head], by, text, files, web_flow(self.now))]
            case "rebase":
                return self._rebased(base, own)
            case _:
                assert_never(entry.merge)

    def _own(self, base: Node, head: Node) -> list[Node]:
        """The commits of the head that the base has not, oldest first."""
        line = []
        at = head
        while at is not base and len(at.parents) == 1:
            line.append(at)
            at = at.parents[0]
        if at is base:
            return line[::-1]
        known = ancestors(base)
        return sorted((node for node in ancestors(head) if node not in known), key=lambda node: node.mark)

    def _merged(self, base: Node, own: list[Node], head: Node) -> Files:
        if own and own[0].parents == [base] and all(len(node.parents) == 1 for node in own):
            files: Files = {}
            for node in own:
                files.update(node.delta)
            return files
        return self.graph.merge(base, head)

    def _rebased(self, base: Node, own: list[Node]) -> list[Node]:
        landed: list[Node] = []
        for node in own:
            if len(node.parents) == 1:
                onto = landed[-1] if landed else base
                new = self.graph.add([onto], node.author, node.text, node.delta, web_flow(self.now))
                landed.append(new)
        return landed

    def _remember(self, entry: form.PullEntry, branch: str, ends: list[Node], landed: list[Node]) -> None:
        base, head = ends
        own = self._own(base, head)
        open_ = entry.state == "open"
        queue_head = self._queue(entry, base, own, head) if entry.queued and open_ else None
        made = Pull(
            key=str(entry.pull),
            id=self.store.new_id(),
            number=entry.pull,
            title=entry.title if entry.title_now is None else entry.title_now,
            body=entry.body,
            author=_author(entry.author, entry.author_type),
            labels=[self._label(name) for name in entry.labels],
            state="open" if open_ else "closed",
            created_at=self.now,
            updated_at=self.now,
            closed_at=None if open_ else self.now,
            base=entry.base or self.main,
            base_sha="",
            head=branch,
            head_sha="",
            fork=entry.fork,
            draft=entry.draft,
            commits=[],
            merged_at=self.now if landed else None,
            merged_by=_author(entry.merged_by) if landed else None,
            lag=self.store.settings.lag_associations if landed else 0,
        )

        def make() -> None:
            made.base_sha, made.head_sha = base.sha, head.sha
            made.commits = [node.sha for node in own]
            made.landed = [node.sha for node in landed]
            made.merge_commit = landed[-1].sha if landed else None
            made.queue_head = queue_head.sha if queue_head else None
            self.store.pulls.put(made)

        self._later.append(make)

    def _queue(self, entry: form.PullEntry, base: Node, own: list[Node], head: Node) -> Node:
        """What the merge queue would put on the base: this pull request after those that wait already."""
        onto = self._queues.get(entry.base or self.main, base)
        text = f"{entry.title} (#{entry.pull})"
        author = person(entry.author, self.now)
        files = self._merged(base, own, head)
        group = self.graph.add([onto], author, text, files, web_flow(self.now))
        self._queues[entry.base or self.main] = group
        self.graph.heads[f"gh-readonly-queue/{entry.base or self.main}/pr-{entry.pull}"] = group
        return group

    def _revert(self, entry: form.RevertEntry) -> None:
        was = self._landed.get(entry.revert)
        if was is None:
            raise ProblemError("revert", f"there is no merged pull request #{entry.revert} yet")
        onto = self.graph.heads[self.main]
        self._pull(
            form.PullEntry(
                pull=self.store.settings.next_number if entry.number is None else entry.number,
                title=entry.title or f'Revert "{was.title}"',
                body=f"Reverts {self.repository}#{entry.revert}" if entry.body is None else entry.body,
                labels=entry.labels,
                author=entry.author,
                author_type=entry.author_type,
                state=entry.state,
                merge=entry.merge,
                message=entry.message,
                branch=f"revert-{entry.revert}",
                files=self.graph.inverse(onto, was.before, was.after),
            )
        )

    # tags and releases

    def _tag(self, entry: form.TagEntry) -> None:
        self._check_ref(entry.tag, "tag")
        if entry.tag in self.graph.tags:
            raise ProblemError("tag", f"{entry.tag!r} exists")
        if entry.claimed and not entry.annotated:
            raise ProblemError("annotated", "a claimed tag is always annotated")
        target = self._find(entry.at, "at")
        tagger = person(entry.author, self.now)
        message = entry.message or _claim(entry)
        self.graph.tags[entry.tag] = TagNode(entry.tag, target, message if entry.annotated else None, tagger)
        if entry.draft or (entry.release and not entry.claimed):
            self._release(msgspec.convert(_release_part(entry), form.ReleaseEntry), target)

    def _release_entry(self, entry: form.ReleaseEntry) -> None:
        tag = self.graph.tags.get(entry.release)
        target = tag.target if tag else self._find(entry.target, "target")
        if not tag and not entry.draft:
            self._check_ref(entry.release, "release")
            self.graph.tags[entry.release] = TagNode(entry.release, target, None, person(None, self.now))
        self._release(entry, target)

    def _release(self, entry: form.ReleaseEntry, target: Node) -> None:
        immutable = entry.immutable or (self.store.settings.immutable_releases and not entry.draft)
        made = Release(
            key="",
            id=self.store.new_id(),
            tag_name=entry.release,
            target_commitish=entry.target or self.main,
            name=entry.release if entry.name is None else entry.name,
            body=entry.body,
            draft=entry.draft,
            prerelease=entry.prerelease,
            immutable=immutable,
            author=_author(entry.author),
            created_at=target.author.at,
            published_at=None if entry.draft else self.now,
            updated_at=self.now,
            lag=self.store.settings.lag_lists,
        )
        made.key = str(made.id)
        if not entry.draft and not entry.prerelease:
            made.latest = "true"
            self.store.settings.latest = made.id
        self._later.append(lambda: self.store.releases.put(made))
        for name, text in entry.assets.items():
            self._asset(made, name, text.encode())

    def _asset(self, release: Release, name: str, data: bytes) -> None:
        made = Asset(
            key="",
            id=self.store.new_id(),
            release=release.id,
            name=name,
            label=None,
            content_type="application/octet-stream",
            size=len(data),
            digest=f"sha256:{hashlib.sha256(data).hexdigest()}" if self.store.settings.digests else None,
            uploader=release.author,
            created_at=self.now,
            updated_at=self.now,
        )
        made.key = str(made.id)
        (self.assets / made.key).write_bytes(data)
        self._later.append(lambda: self.store.assets.put(made))

    # the rest

    def _label(self, name: str, color: str = "ededed", description: str | None = None) -> str:
        found = self.store.labels.get(name.lower())
        if found is None:
            made = Label(key=name.lower(), id=self.store.new_id(), name=name, color=color, description=description)
            found = self.store.labels.put(made)
        return found.name

    def _token(self, text: str, author: Author, rights: dict[str, form.Right]) -> None:
        for name, right in rights.items():
            if name not in DEFAULT_RIGHTS:
                raise ProblemError(f"rights.{name}", f"unknown permission; known are {', '.join(DEFAULT_RIGHTS)}")
            if isinstance(right, bool) != (name == "workflows"):
                raise ProblemError(f"rights.{name}", f"expected {_expected(name)}, got {right!r}")
        self.store.tokens.put(Token(key=text, author=author, rights={**DEFAULT_RIGHTS, **rights}))

    def _issue(self, entry: form.IssueEntry) -> None:
        number = self.store.settings.next_number if entry.number is None else entry.number
        self._number(number, "number")
        made = Issue(
            key=str(number),
            id=self.store.new_id(),
            number=number,
            title=entry.issue,
            body=entry.body,
            author=_author(entry.author, entry.author_type),
            labels=[self._label(name) for name in entry.labels],
            assignees=entry.assignees,
            state=entry.state,
            created_at=self.now,
            updated_at=self.now,
            closed_at=self.now if entry.state == "closed" else None,
        )
        self.store.issues.put(made)
        labeller = _author(entry.labelled_by) if entry.labelled_by else made.author
        for label in made.labels:
            self._event(number, kind="labeled", actor=labeller, label=label)
        if entry.state == "closed":
            self._closed(number, entry)
        for part in entry.comments:
            self._comment(number, part)

    def _closed(self, number: int, entry: form.IssueEntry) -> None:
        actor, name = _author(entry.closed_by), entry.closed_with or ""
        if name.startswith("#") and name[1:].isdigit():
            self._event(number, kind="closed", actor=actor, pull=int(name[1:]))
        elif name:
            node = self._find(name, "closed_with")
            self._later.append(lambda: self._event(number, kind="closed", actor=actor, commit=node.sha))
        else:
            self._event(number, kind="closed", actor=actor)

    def _event(  # noqa: PLR0913 -- each is one thing to know of an event
        self,
        number: int,
        *,
        kind: Literal["closed", "labeled"],
        actor: Author | None,
        label: str | None = None,
        commit: str | None = None,
        pull: int | None = None,
    ) -> None:
        new = len(self.store.issue_events) + 1
        self.store.issue_events.put(
            IssueEvent(
                key=str(new),
                id=new,
                issue=number,
                kind=kind,
                actor=actor,
                label=label,
                commit=commit,
                pull=pull,
                created_at=self.now,
            )
        )

    def _comment(self, number: int, part: form.CommentPart) -> None:
        new = self.store.new_id()
        self.store.comments.put(
            Comment(
                key=str(new),
                id=new,
                issue=number,
                body=part.body,
                author=_author(part.author, part.author_type),
                created_at=self.now,
                updated_at=self.now,
            )
        )

    def _deployment(self, entry: form.DeploymentEntry) -> None:
        node = self._find(entry.ref, "ref")
        production = entry.deployment == "production" if entry.production is None else entry.production
        made = Deployment(
            key="",
            id=self.store.new_id(),
            sha="",
            ref=entry.ref or self.main,
            task=entry.task,
            environment=entry.deployment,
            payload=entry.payload,
            description=entry.description,
            creator=_author(entry.creator),
            transient=entry.transient,
            production=production,
            created_at=self.now,
            updated_at=self.now + len(entry.statuses),
        )
        made.key = str(made.id)

        def make() -> None:
            made.sha = _deployed(entry) or node.sha
            self.store.deployments.put(made)

        self._later.append(make)
        for index, part in enumerate(entry.statuses):
            self._deployment_status(made, part, self.now + 1 + index)

    def _deployment_status(self, of: Deployment, part: form.DeploymentStatusPart, at: int) -> None:
        new = self.store.new_id()
        self.store.settings.now = max(self.store.settings.now, at)
        self.store.deployment_statuses.put(
            DeploymentStatus(
                key=str(new),
                id=new,
                deployment=of.id,
                state=part.state,
                description=part.description,
                environment=of.environment,
                log_url=part.log_url,
                environment_url=part.environment_url,
                creator=_author(part.creator) if part.creator else of.creator,
                created_at=at,
            )
        )

    def _status(self, entry: form.StatusEntry) -> None:
        node = self._find(entry.ref, "ref")
        made = CommitStatus(
            key="",
            id=self.store.new_id(),
            sha="",
            state=entry.state,
            context=entry.status,
            description=entry.description,
            target_url=entry.target_url,
            creator=_author(entry.creator),
            created_at=self.now,
        )
        made.key = str(made.id)

        def make() -> None:
            made.sha = node.sha
            self.store.statuses.put(made)

        self._later.append(make)

    def _run(self, entry: form.RunEntry) -> None:
        node = self._head(entry.branch, "branch")
        made = Run(
            key=f"{entry.run}/{entry.attempt}",
            id=entry.run,
            attempt=entry.attempt,
            number=len({run.id for run in self.store.runs} | {entry.run}),
            name=entry.name,
            path=entry.path,
            event=entry.event,
            branch=entry.branch or self.main,
            sha="",
            status=entry.status,
            conclusion=_conclusion(entry),
            actor=Author(form.MAINTAINER),
            jobs=[_job(part) for part in entry.jobs],
            created_at=self.now,
        )
        self.store.settings.next_run = max(self.store.settings.next_run, entry.run + 1)

        def make() -> None:
            made.sha = node.sha
            self.store.runs.put(made)

        self._later.append(make)


def _valued(secrets: form.Secrets) -> dict[str, str]:
    return secrets if isinstance(secrets, dict) else {name: name for name in secrets}


def _named(entry: form.Part, name: str, key: str, kind: type[T], **more: object) -> T:
    """The record that an entry describes; what tells the entry's kind is the record's name."""
    fields = msgspec.to_builtins(entry)
    del fields[key]
    return msgspec.convert({"name": name, **fields, **more}, kind)


def _author(login: str | None, kind: str = "User") -> Author | None:
    if login is None:
        return None
    return Author(login, "Bot" if login.endswith("[bot]") else kind)


def _deployed(entry: form.DeploymentEntry) -> str | None:
    """The commit that a deployment without a ref names by its hash; it need not be there any more."""
    named = entry.payload.get("commit") if isinstance(entry.payload, dict) else None
    whole = isinstance(named, str) and re.fullmatch("[0-9a-f]{40}", named)
    return str(named) if whole and entry.ref is None else None


def _with_trailers(text: str, co_authors: Iterable[str]) -> str:
    lines = dict.fromkeys(f"Co-authored-by: {name}" for name in co_authors)
    return "\n\n".join([text, "\n".join(lines)]) if lines else text


def _claim(entry: form.TagEntry) -> str:
    if not entry.claimed:
        return entry.tag
    owner = entry.owner or form.Owner()
    return f"{entry.tag}\n\nRelease-Tool-Owner: run={owner.run} attempt={owner.attempt} job={owner.job}"


def _release_part(entry: form.TagEntry) -> dict[str, object]:
    names = ("draft", "prerelease", "immutable", "name", "body", "assets", "author")
    return {"release": entry.tag} | {name: getattr(entry, name) for name in names}


def _expected(name: str) -> str:
    return "true or false" if name == "workflows" else "none, read or write"


def _conclusion(part: form.RunEntry | form.JobPart) -> str | None:
    return (part.conclusion or "success") if part.status == "completed" else None


def _job(part: form.JobPart) -> Job:
    return Job(
        id=part.id,
        name=part.name,
        status=part.status,
        conclusion=_conclusion(part),
        runner_name=part.runner_name,
    )
