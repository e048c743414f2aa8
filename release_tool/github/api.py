"""GitHub, through PyGithub: what it knows about pull requests, releases, tags and runs, and what is changed there."""

from __future__ import annotations

import enum
import functools
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from release_tool.errors import NoAnswerError, PermissionDeniedError, RateLimitedError, RemoteError, UsageError
from release_tool.github.issues import Issues
from release_tool.github.transport import (
    NotFoundError,
    Purpose,
    RejectedError,
    Transport,
    decode,
)
from release_tool.github.workflows import Workflows
from release_tool.model.commits import Author, PullRequest
from release_tool.system.clock import SystemClock
from release_tool.system.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from release_tool.github.transport import Query
    from release_tool.system.clock import Clock

__all__ = [
    "Account",
    "Claim",
    "GitHub",
    "Job",
    "NoAnswerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitedError",
    "RejectedError",
    "Release",
    "ReleaseAsset",
    "Repository",
    "Status",
    "TagObject",
    "WorkflowRun",
]

T = TypeVar("T")
A = TypeVar("A")

_PAGE = 100
_BATCH = 25
_SEARCHES = 50
_FEW_PULLS = 10
_FEW_LABELS = 20
_LONGEST_DESCRIPTION = 140
_MARGIN = 3600
"""Seconds by which the clocks that date commits and pull requests may differ."""
_RESTRICTED = re.compile(r"restricted|immutable|rule", re.IGNORECASE)
_LOGIN = re.compile(r"[A-Za-z0-9_-]+")


class Account(msgspec.Struct, frozen=True):
    """Somebody, or something, with a login on GitHub."""

    login: str


class Repository(msgspec.Struct, frozen=True):
    """A repository; its name may be another than the one it was asked for by, after it was renamed."""

    full_name: str
    default_branch: str
    html_url: str
    private: bool = False
    archived: bool = False


class ReleaseAsset(msgspec.Struct, frozen=True):
    """A file of a release; the digest is `sha256:…`, and None where GitHub does not tell it."""

    id: int
    name: str
    state: str
    size: int
    digest: str | None = None
    browser_download_url: str = ""


class Release(msgspec.Struct, frozen=True):
    """A release or a draft of one; `published_at` is None for a draft."""

    id: int
    tag: str = msgspec.field(name="tag_name")
    draft: bool
    prerelease: bool
    html_url: str
    upload_url: str
    created_at: datetime
    name: str | None = None
    body: str | None = None
    immutable: bool = False
    published_at: datetime | None = None
    updated_at: datetime | None = None
    author: Account | None = None
    assets: tuple[ReleaseAsset, ...] = ()


class _StatusEntry(msgspec.Struct, frozen=True):
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class _Combined(msgspec.Struct, frozen=True):
    statuses: list[_StatusEntry]


class WorkflowRun(msgspec.Struct, frozen=True):
    """A workflow run; the status is `completed` when it has ended, and only then is there a conclusion."""

    id: int
    status: str
    head_sha: str
    html_url: str
    event: str = ""
    conclusion: str | None = None
    run_attempt: int = 1
    display_title: str = ""


class Job(msgspec.Struct, frozen=True):
    """A job of one attempt of a run; the runner's name is None while it waits for one."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    runner_name: str | None = None
    html_url: str = ""


class Status(msgspec.Struct, frozen=True):
    """A status of a commit; the state is `error`, `failure`, `pending` or `success`."""

    state: str
    description: str = ""
    target_url: str = ""


class _Target(msgspec.Struct, frozen=True):
    sha: str
    type: str = ""


class _Tagger(msgspec.Struct, frozen=True):
    date: datetime


class TagObject(msgspec.Struct, frozen=True):
    """An annotated tag's object."""

    sha: str
    tag: str
    message: str
    tagger: _Tagger
    object: _Target

    @property
    def commit(self) -> str:
        """The hash of what was tagged."""
        return self.object.sha

    @property
    def tagged_at(self) -> datetime:
        """When the tag was made, as its maker said."""
        return self.tagger.date


class _Ref(msgspec.Struct, frozen=True):
    object: _Target


class _Jobs(msgspec.Struct, frozen=True):
    jobs: list[Job]


class Claim(enum.Enum):
    """How an attempt to create a ref ended."""

    CREATED = "created"
    EXISTS = "exists"
    FORBIDDEN = "forbidden"
    """The token may not, be it for want of rights or because workflow files differ from the branch's."""
    RESTRICTED = "restricted"
    """A rule of the repository, or an immutable release that once had the name, stands against it."""


class _Actor(msgspec.Struct, frozen=True):
    login: str
    kind: str = msgspec.field(name="__typename")

    def author(self) -> Author:
        """GraphQL leaves the `[bot]` out that bots have in their names everywhere else."""
        bot = self.kind == "Bot"
        login = f"{self.login}[bot]" if bot and not self.login.endswith("[bot]") else self.login
        return Author(name=login, login=login, bot=bot or login.endswith("[bot]"))


class _Label(msgspec.Struct, frozen=True):
    name: str


class _Labels(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int = 0
    nodes: tuple[_Label, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.nodes)


class _Oid(msgspec.Struct, frozen=True):
    oid: str


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    name_with_owner: str


class _Pull(msgspec.Struct, frozen=True, rename="camel"):
    number: int
    title: str
    body: str
    url: str
    merged: bool
    merged_at: datetime | None
    updated_at: datetime
    base_ref_name: str
    base_repository: _Named | None
    author: _Actor | None
    merge_commit: _Oid | None
    labels: _Labels

    @property
    def merge_oid(self) -> str:
        return self.merge_commit.oid if self.merge_commit else ""

    def landed(self, base: str, repository: str) -> bool:
        """Whether it was merged into that branch of that repository, and not of a fork."""
        here = self.base_repository is not None and self.base_repository.name_with_owner == repository
        return self.merged and here and self.base_ref_name == base

    def told(self, labels: tuple[str, ...]) -> PullRequest:
        return PullRequest(
            number=self.number,
            title=self.title,
            body=self.body,
            labels=labels,
            author=self.author.author() if self.author else None,
            url=self.url,
            base=self.base_ref_name,
            merge_commit=self.merge_oid or None,
        )


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class _PullPage(msgspec.Struct, frozen=True, rename="camel"):
    page_info: _PageInfo
    pulls: list[_Pull] = msgspec.field(name="nodes")


class _MergedRepository(msgspec.Struct, frozen=True, rename="camel"):
    pull_requests: _PullPage


class _MergedAnswer(msgspec.Struct, frozen=True):
    repository: _MergedRepository | None


class _PullRepository(msgspec.Struct, frozen=True):
    pull: _Pull | None


class _PullAnswer(msgspec.Struct, frozen=True):
    repository: _PullRepository | None


class _Associated(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int = 0
    nodes: tuple[_Pull, ...] = ()

    def introducing(self, sha: str, base: str, repository: str) -> _Pull | None:
        """The pull request that a commit came with: the one merged as it, else the first that was merged with it."""
        landed = [pull for pull in self.nodes if pull.landed(base, repository)]
        return min(landed, key=lambda pull: (pull.merge_oid != sha, pull.merged_at or pull.updated_at), default=None)


class _Commit(msgspec.Struct, frozen=True):
    pulls: _Associated | None = None


class _AssociationsAnswer(msgspec.Struct, frozen=True):
    about: _Named | None
    repository: dict[str, _Commit | None] | None


class _Count(msgspec.Struct, frozen=True, rename="camel"):
    issue_count: int


_PULL_FIELDS = """
fragment pull on PullRequest {
  number title body url merged mergedAt updatedAt baseRefName
  baseRepository { nameWithOwner }
  author { login __typename }
  mergeCommit { oid }
  labels(first: $labels) { totalCount nodes { name } }
}
"""

_MERGED = (
    """
query($owner: String!, $name: String!, $base: String!, $first: Int!, $after: String, $labels: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequests(
      states: MERGED, baseRefName: $base, orderBy: {field: UPDATED_AT, direction: DESC}, first: $first, after: $after
    ) {
      pageInfo { hasNextPage endCursor }
      nodes { ...pull }
    }
  }
}
"""
    + _PULL_FIELDS
)

_PULL = (
    """
query($owner: String!, $name: String!, $number: Int!, $labels: Int!) {
  repository(owner: $owner, name: $name) { pull: pullRequest(number: $number) { ...pull } }
}
"""
    + _PULL_FIELDS
)


def _associations_query(names: Iterable[str]) -> str:
    """Ask for the pull requests of several commits at once; each name is a variable and the alias of its answer."""
    variables = "".join(f", ${name}: GitObjectID!" for name in names)
    pulls = "pulls: associatedPullRequests(first: $first) { totalCount nodes { ...pull } }"
    commits = "\n".join(f"    {name}: object(oid: ${name}) {{ ... on Commit {{ {pulls} }} }}" for name in names)
    return f"""
query($owner: String!, $name: String!, $first: Int!, $labels: Int!{variables}) {{
  about: repository(owner: $owner, name: $name) {{ nameWithOwner }}
  repository(owner: $owner, name: $name) {{
{commits}
  }}
}}
{_PULL_FIELDS}"""


def _searches_query(names: Iterable[str]) -> str:
    """Ask how much several searches find; each name is a variable and the alias of its answer."""
    variables = ", ".join(f"${name}: String!" for name in names)
    searches = "\n".join(f"  {name}: search(query: ${name}, type: ISSUE, first: 1) {{ issueCount }}" for name in names)
    return f"query({variables}) {{\n{searches}\n}}\n"


class GitHub:
    """One repository on GitHub, asked with one token; nothing is asked before the first method that needs it.

    Every method raises RemoteError where GitHub fails, PermissionDeniedError where the token lacks a right, and
    those that write raise NoAnswerError where it is not known whether GitHub did it: read it back then.
    """

    def __init__(  # noqa: PLR0913 - what differs between GitHubs, between tokens, and between us and a test
        self,
        repository: str,
        *,
        token: str | None,
        token_source: str = "GITHUB_TOKEN",  # noqa: S107 - the name of a variable, not a token
        api_url: str = "https://api.github.com",
        graphql_url: str = "https://api.github.com/graphql",
        clock: Clock | None = None,
        max_wait: float = 300,
        silence: int = 30,
        seconds_between_writes: float = 1,
    ) -> None:
        self.name = repository
        self._known = False
        self._clock = clock or SystemClock()
        self._transport = Transport(
            token=token,
            token_source=token_source,
            api_url=api_url,
            graphql_url=graphql_url,
            patience=Patience(clock=self._clock, max_wait=timedelta(seconds=max_wait), silence=silence),
            seconds_between_writes=seconds_between_writes,
        )

    def adapter(self, kind: Callable[[str, Transport], A]) -> A:
        """What asks GitHub on behalf of one stage; it lives beside that stage, as nobody else needs it."""
        return kind(self.name, self._transport)

    def impatient(self) -> AbstractContextManager[None]:
        """Ask everything once and wait for nothing, while something else must not be kept waiting."""
        return self._transport.impatient()

    @functools.cached_property
    def issues(self) -> Issues:
        """The issues and pull requests that we open ourselves."""
        return Issues(self.name, self._transport)

    @functools.cached_property
    def workflows(self) -> Workflows:
        """The workflows that a person starts."""
        return Workflows(self.name, self._transport, self._clock)

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._transport.requests

    # The repository and who asks

    def repository(self) -> Repository:
        """The repository itself; raises RemoteError where there is none of that name for this token."""
        purpose = Purpose(f"reading the repository {self.name}", "contents: read")
        try:
            answer = self._transport.read(self._path(), purpose)
        except NotFoundError:
            raise self._no_repository(purpose) from None
        self._known = True
        return decode(answer.body, Repository, purpose)

    # Pull requests

    def merged_pulls(self, base: str, wanted: Collection[str], oldest: int) -> dict[str, PullRequest]:
        """The pull requests merged into `base` whose merge commit is wanted, by that commit.

        `oldest` is the date of the oldest wanted commit, in seconds since the epoch: what was last touched before it
        can't have been merged after it. Rebased pull requests are found by their last commit only.
        """
        found: dict[str, PullRequest] = {}
        for page in self._merged_pages(base) if wanted else ():
            ours = [pull for pull in page if pull.merge_oid in wanted]
            found |= {pull.merge_oid: self._complete(pull) for pull in ours}
            if len(found) == len(wanted) or (page and page[-1].updated_at.timestamp() < oldest - _MARGIN):
                break
        return found

    def associated_pulls(self, base: str, shas: Sequence[str]) -> dict[str, PullRequest]:
        """The pull request merged into `base` that brought each of some commits, as GitHub's index knows it.

        The index may not know yet what was merged seconds ago.
        """
        found: dict[str, PullRequest] = {}
        rest = list(shas)
        while rest:
            repository, commits = self._associations(rest, _FEW_PULLS)
            for sha, commit in zip(rest, commits, strict=False):
                pull = self._whole(sha, commit).introducing(sha, base, repository)
                if pull:
                    found[sha] = self._complete(pull)
            rest = rest[len(commits) :]
        return found

    def pull(self, number: int) -> PullRequest | None:
        """A merged pull request by its number, as consistent as GitHub gets; None if it isn't merged, or isn't one."""
        purpose = Purpose(f"reading pull request #{number}", "pull-requests: read")
        pull = self._pull(number, purpose)
        return self._complete(pull) if pull and pull.merged else None

    def newcomers(self, logins: Collection[str], before: datetime) -> set[str]:
        """Those of some people of whom no pull request was merged here before that time."""
        people = sorted(login for login in set(logins) if _LOGIN.fullmatch(login))
        found: set[str] = set()
        for start in range(0, len(people), _SEARCHES):
            found |= self._newcomers(people[start : start + _SEARCHES], before)
        return found

    # Releases

    def releases(self) -> list[Release]:
        """The hundred newest releases; drafts are among them where the token may push. New ones may take a moment."""
        purpose = Purpose("listing the releases", "contents: read")
        return self._read(self._path("releases", per_page=_PAGE), list[Release], purpose)

    def older_releases(self) -> list[Release]:
        """All releases but the hundred newest, newest first; a hundred cost a request."""
        purpose = Purpose("listing the older releases", "contents: read")
        pages = self._pages(self._path("releases", per_page=_PAGE, page=2), list[Release], purpose)
        return [release for page in pages for release in page]

    def release_by_tag(self, tag: str) -> Release | None:
        """The published release of a tag; drafts are not found by tag."""
        purpose = Purpose(f"reading the release of {tag}", "contents: read")
        return self._look(self._path("releases", "tags", tag), Release, purpose)

    def release(self, number: int) -> Release | None:
        """A release or draft by its id, which is never out of date."""
        purpose = Purpose(f"reading the release with the id {number}", "contents: read")
        return self._look(self._path("releases", number), Release, purpose)

    def latest_release(self) -> Release | None:
        """The release that GitHub shows as the latest, or None where nothing is released."""
        return self._look(
            self._path("releases", "latest"), Release, Purpose("reading the latest release", "contents: read")
        )

    def create_draft(self, tag: str, name: str, body: str, *, prerelease: bool) -> Release:
        """Make a draft; GitHub allows several for one tag, so look first. After no answer look at `releases`."""
        purpose = Purpose(f"creating the draft of {tag}", "contents: write")
        draft = {"tag_name": tag, "name": name, "body": body, "draft": True, "prerelease": prerelease}
        return self._write("POST", self._path("releases"), draft, Release, purpose)

    def update_release(  # noqa: PLR0913 - each is one field that may change
        self,
        number: int,
        tag: str,
        *,
        name: str | None = None,
        body: str | None = None,
        draft: bool | None = None,
        prerelease: bool | None = None,
        latest: bool | None = None,
    ) -> Release:
        """Change what is given of a release; the tag goes along, for a draft would lose it. Read back: `release`."""
        purpose = Purpose(f"changing the release of {tag}", "contents: write")
        make_latest = None if latest is None else str(latest).lower()
        fields = {"name": name, "body": body, "draft": draft, "prerelease": prerelease, "make_latest": make_latest}
        changes = {field: value for field, value in fields.items() if value is not None}
        return self._write("PATCH", self._path("releases", number), {"tag_name": tag, **changes}, Release, purpose)

    def delete_release(self, number: int) -> None:
        """Delete a draft. Read back: `release` finds it no more."""
        purpose = Purpose(f"deleting the draft with the id {number}", "contents: write")
        self._transport.write("DELETE", self._path("releases", number), None, purpose)

    def upload_asset(self, release: Release, name: str, path: Path, content_type: str) -> ReleaseAsset:
        """Upload a file; GitHub may rename it, so read the name of what it returns. Read back: `release`."""
        purpose = Purpose(f"uploading {name} to the release of {release.tag}", "contents: write")
        url = f"{release.upload_url.partition('{')[0]}?{urlencode({'name': name})}"
        return decode(self._transport.upload(url, path, content_type, purpose).body, ReleaseAsset, purpose)

    def delete_asset(self, asset: ReleaseAsset) -> None:
        """Delete a file of a release. Read back: `release`."""
        purpose = Purpose(f"deleting the asset {asset.name}", "contents: write")
        self._transport.write("DELETE", self._path("releases", "assets", asset.id), None, purpose)

    def digest_asset(self, asset: ReleaseAsset) -> str:
        """Download a file of a release and tell its SHA-256 in hexadecimal."""
        purpose = Purpose(f"downloading the asset {asset.name}", "contents: read")
        return self._transport.digest(self._path("releases", "assets", asset.id), purpose)

    # Tags

    def create_tag_object(self, tag: str, message: str, sha: str) -> str:
        """Make the object of an annotated tag and return its hash; until a ref names it, nobody sees it."""
        purpose = Purpose(f"creating the tag object of {tag}", "contents: write")
        fields = {"tag": tag, "message": message, "object": sha, "type": "commit"}
        return self._write("POST", self._path("git", "tags"), fields, _Target, purpose).sha

    def create_ref(self, ref: str, sha: str) -> Claim:
        """Create a ref such as `refs/tags/v1.0.0`, which only one of many can. Read back: `ref`."""
        purpose = Purpose(f"creating {ref}", "contents: write")
        try:
            self._transport.write("POST", self._path("git", "refs"), {"ref": ref, "sha": sha}, purpose)
        except (PermissionDeniedError, NotFoundError):
            return Claim.FORBIDDEN
        except RejectedError as error:
            if self.ref(ref) is not None:
                return Claim.EXISTS
            if not _RESTRICTED.search(error.message):
                raise
            return Claim.RESTRICTED
        return Claim.CREATED

    def ref(self, ref: str) -> str | None:
        """The hash of the object that a ref such as `refs/tags/v1.0.0` points at."""
        purpose = Purpose(f"reading {ref}", "contents: read")
        found = self._look(self._path("git", "ref", ref.removeprefix("refs/")), _Ref, purpose)
        return found.object.sha if found else None

    def tag_object(self, sha: str) -> TagObject | None:
        """The object of an annotated tag, or None where the hash names none."""
        purpose = Purpose(f"reading the tag object {sha[:10]}", "contents: read")
        return self._look(self._path("git", "tags", sha), TagObject, purpose)

    # Statuses of commits

    def statuses(self, sha: str) -> dict[str, Status]:
        """The newest status of each context of a commit, by context; raises RejectedError for an unknown commit."""
        purpose = Purpose(f"reading the statuses of {sha[:10]}", "statuses: read")
        pages = self._pages(self._path("commits", sha, "status", per_page=_PAGE), _Combined, purpose)
        return {
            status.context: Status(status.state, status.description or "", status.target_url or "")
            for page in pages
            for status in page.statuses
        }

    def create_status(self, sha: str, context: str, state: str, description: str, target_url: str = "") -> None:
        """Set the status of a context; twice is the same as once. Raises UsageError for a too long description.

        GitHub keeps 140 characters of it. Read back: `statuses`.
        """
        if len(description) > _LONGEST_DESCRIPTION:
            raise UsageError(
                f"{description!r} is too long for the status {context}: GitHub keeps {_LONGEST_DESCRIPTION} characters"
            )
        purpose = Purpose(f"setting the status {context} of {sha[:10]}", "statuses: write")
        fields = {"state": state, "context": context, "description": description, "target_url": target_url or None}
        self._transport.write("POST", self._path("statuses", sha), fields, purpose)

    # Runs

    def run(self, number: int) -> WorkflowRun | None:
        """A workflow run, or None where GitHub does not know it."""
        return self._look(
            self._path("actions", "runs", number), WorkflowRun, Purpose(f"reading run {number}", "actions: read")
        )

    def run_jobs(self, run: int, attempt: int) -> list[Job] | None:
        """The jobs of one attempt of a run, or None where GitHub does not know it."""
        purpose = Purpose(f"listing the jobs of run {run}", "actions: read")
        path = self._path("actions", "runs", run, "attempts", attempt, "jobs", per_page=_PAGE)
        try:
            pages = list(self._pages(path, _Jobs, purpose))
        except NotFoundError:
            self._insist_on_repository()
            return None
        return [job for page in pages for job in page.jobs]

    def follow(self, number: int, every: float = 5) -> Iterator[tuple[WorkflowRun, list[Job]]]:
        """A run and the jobs of its newest attempt, looked at every few seconds until it has ended.

        Raises RemoteError where GitHub does not know the run.
        """
        while True:
            run = self.run(number)
            jobs = self.run_jobs(number, run.run_attempt) if run else None
            if run is None or jobs is None:
                raise RemoteError(f"GitHub knows no run {number}", during=f"following run {number}")
            yield run, jobs
            if run.status == "completed":
                return
            self._clock.sleep(every)

    # How it is asked

    def _path(self, *parts: str | int, **parameters: int) -> str:
        names = [quote(str(part), safe="/") for part in parts]
        return "/".join(["/repos", self.name, *names]) + (f"?{urlencode(parameters)}" if parameters else "")

    def _read(self, path: str, kind: type[T], purpose: Purpose) -> T:
        try:
            answer = self._transport.read(path, purpose)
        except NotFoundError:
            self._insist_on_repository()
            raise
        self._known = True
        return decode(answer.body, kind, purpose)

    def _look(self, path: str, kind: type[T], purpose: Purpose) -> T | None:
        """Read something that need not be there."""
        try:
            return self._read(path, kind, purpose)
        except NotFoundError:
            return None

    def _pages(self, path: str, kind: type[T], purpose: Purpose) -> Iterator[T]:
        """Read a list to its end, following the links that GitHub gives."""
        url: str | None = path
        while url:
            answer = self._transport.read(url, purpose)
            yield decode(answer.body, kind, purpose)
            url = answer.next_page

    def _write(self, verb: str, path: str, body: Mapping[str, object], kind: type[T], purpose: Purpose) -> T:
        return decode(self._transport.write(verb, path, body, purpose).body, kind, purpose)

    def _pull(self, number: int, purpose: Purpose) -> _Pull | None:
        query: Query = {"query": _PULL, "variables": self._variables({"number": number, "labels": _PAGE})}
        answer = self._transport.query(lambda _: query, _PullAnswer, purpose)
        return self._found(answer.repository, purpose).pull

    def _variables(self, more: Mapping[str, object]) -> dict[str, object]:
        owner, _, name = self.name.partition("/")
        return {"owner": owner, "name": name, **more}

    def _merged_pages(self, base: str) -> Iterator[list[_Pull]]:
        """Every page of the pull requests merged into a branch, the last touched first."""
        after: str | None = None
        while True:
            page = self._merged_page(base, after)
            yield page.pulls
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor

    def _merged_page(self, base: str, after: str | None) -> _PullPage:
        """One page; a smaller one each time that GitHub could not make it."""
        purpose = Purpose(f"listing the pull requests merged into {base}", "pull-requests: read")

        def ask(failures: int) -> Query:
            variables = {"base": base, "after": after, "first": max(_PAGE >> failures, 1), "labels": _FEW_LABELS}
            return {"query": _MERGED, "variables": self._variables(variables)}

        answer = self._transport.query(ask, _MergedAnswer, purpose)
        return self._found(answer.repository, purpose).pull_requests

    def _associations(self, shas: Sequence[str], first: int) -> tuple[str, list[_Associated]]:
        """The name of the repository, and what it associates with the first of some commits: as many as it can tell."""
        purpose = Purpose("asking which pull requests brought commits", "pull-requests: read")

        def ask(failures: int) -> Query:
            asked = shas[: max(_BATCH >> failures, 1)]
            names = {f"c{place}": sha for place, sha in enumerate(asked)}
            variables = self._variables({"first": first, "labels": _FEW_LABELS, **names})
            return {"query": _associations_query(names), "variables": variables}

        answer = self._transport.query(ask, _AssociationsAnswer, purpose)
        commits = self._found(answer.repository, purpose)
        return self._found(answer.about, purpose).name_with_owner, [
            (commits[f"c{place}"] or _Commit()).pulls or _Associated() for place in range(len(commits))
        ]

    def _whole(self, sha: str, associated: _Associated) -> _Associated:
        """Everything that is associated with a commit, where the batch had room for some of it only."""
        if associated.total_count > len(associated.nodes):
            _, [associated] = self._associations([sha], _PAGE)
        if associated.total_count > len(associated.nodes):
            raise RemoteError(f"commit {sha[:10]} belongs to more pull requests than GitHub tells")
        return associated

    def _complete(self, pull: _Pull) -> PullRequest:
        """A pull request with all of its labels, of which a page has room for some only."""
        if pull.labels.total_count <= len(pull.labels.names):
            return pull.told(pull.labels.names)
        purpose = Purpose(f"reading the labels of pull request #{pull.number}", "pull-requests: read")
        whole = self._pull(pull.number, purpose)
        if whole is None or whole.labels.total_count > len(whole.labels.names):
            raise RemoteError("GitHub does not tell all labels", during=purpose.doing)
        return pull.told(whole.labels.names)

    def _newcomers(self, logins: Sequence[str], before: datetime) -> set[str]:
        purpose = Purpose("asking who contributes for the first time", "pull-requests: read")
        merged = f"repo:{self.name} is:pr is:merged merged:<{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        searches = {f"s{place}": f"{merged} author:{login}" for place, login in enumerate(logins)}
        query: Query = {"query": _searches_query(searches), "variables": searches}
        counts = self._transport.query(lambda _: query, dict[str, _Count], purpose)
        return {login for place, login in enumerate(logins) if counts[f"s{place}"].issue_count == 0}

    def _insist_on_repository(self) -> None:
        """Tell "there is no such thing" from "there is no such repository", which GitHub answers alike."""
        if not self._known:
            self.repository()

    def _found(self, repository: T | None, purpose: Purpose) -> T:
        if repository is None:
            raise self._no_repository(purpose)
        self._known = True
        return repository

    def _no_repository(self, purpose: Purpose) -> RemoteError:
        return RemoteError(
            f"GitHub knows no repository {self.name}, or hides it from this token",
            during=purpose.doing,
            todo="check the name (`--repo OWNER/NAME`), and that the token may read it",
        )
