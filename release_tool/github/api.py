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
from release_tool.github.accounts import Accounts
from release_tool.github.graphql import Actor, GraphQL, LabelPage, PageInfo, no_repository, pages, told
from release_tool.github.issues import Issues
from release_tool.github.rest import Rest
from release_tool.github.transport import (
    NotFoundError,
    Purpose,
    RejectedError,
    Transport,
    decode,
)
from release_tool.github.workflows import Workflows
from release_tool.model.commits import PullRequest
from release_tool.system.clock import SystemClock
from release_tool.system.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from release_tool.system.clock import Clock

__all__ = [
    "Account",
    "Claim",
    "GitHub",
    "NoAnswerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitedError",
    "RejectedError",
    "Release",
    "ReleaseAsset",
    "Repository",
    "RestrictedError",
    "Status",
    "TagObject",
    "WorkflowJob",
    "WorkflowRun",
]

T = TypeVar("T")
A = TypeVar("A")

_LESS_OFTEN, _LEAST_OFTEN = 1.5, 20.0
"""How much longer each pause is while a run does not change, and the seconds of the longest."""
_PAGE = 100
_BATCH = 25
_SEARCHES = 50
_FEW_LABELS = 20
_REBASED = 100
"""The commits of a pull request that GitHub rebases at most."""
_LONGEST_DESCRIPTION = 140
_MARGIN = 3600
"""Seconds by which the clocks that date commits and pull requests may differ."""
_RULE = re.compile(r"restricted|immutable|rule", re.IGNORECASE)
_NO_RULE = re.compile(r"does not exist|not formatted", re.IGNORECASE)
"""What GitHub says of a ref that can't exist."""
_LOGIN = re.compile(r"[A-Za-z0-9_-]+")


class Account(msgspec.Struct, frozen=True):
    """An account on GitHub."""

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
    label: str | None = None
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
    creator: Account | None = None
    created_at: datetime | None = None

    def told(self) -> Status:
        return Status(
            context=self.context,
            state=self.state,
            description=self.description or "",
            target_url=self.target_url or "",
            author=self.creator.login if self.creator else "",
            at=self.created_at,
        )


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


class WorkflowJob(msgspec.Struct, frozen=True):
    """A job of one attempt of a run; the runner's name is None while it waits for one."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    runner_name: str | None = None
    html_url: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A status of a commit; the state is `error`, `failure`, `pending` or `success`.

    The author is a login, empty where the account is gone.
    """

    context: str
    state: str
    author: str = ""
    at: datetime | None = None
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
    jobs: list[WorkflowJob]


class Claim(enum.Enum):
    """How an attempt to create a ref ended."""

    CREATED = "created"
    EXISTS = "exists"
    FORBIDDEN = "forbidden"
    """The token may not, be it for want of rights or because workflow files differ from the branch's."""


class RestrictedError(RejectedError):
    """A rule of the repository, or an immutable release that once had the name, stands against a ref."""


class _Oid(msgspec.Struct, frozen=True):
    oid: str


class _Pull(msgspec.Struct, frozen=True, rename="camel"):
    number: int
    title: str
    body: str
    url: str
    merged: bool
    updated_at: datetime
    base_ref_name: str
    author: Actor | None
    merge_commit: _Oid | None
    labels: LabelPage
    head_ref_name: str = ""

    @property
    def merge_oid(self) -> str:
        return self.merge_commit.oid if self.merge_commit else ""

    def told(self, labels: tuple[str, ...]) -> PullRequest:
        return PullRequest(
            number=self.number,
            title=self.title,
            body=self.body,
            labels=labels,
            author=self.author.author() if self.author else None,
            url=self.url,
            base=self.base_ref_name,
            head=self.head_ref_name,
            merge_commit=self.merge_oid or None,
        )


class _PullPage(msgspec.Struct, frozen=True, rename="camel"):
    page_info: PageInfo
    pulls: list[_Pull] = msgspec.field(name="nodes")


class _MergedRepository(msgspec.Struct, frozen=True, rename="camel"):
    pull_requests: _PullPage


class _PullRepository(msgspec.Struct, frozen=True):
    pull: _Pull | None


class _Size(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int


class _Written(msgspec.Struct, frozen=True):
    message: str
    parents: _Size


class _PullCommit(msgspec.Struct, frozen=True):
    commit: _Written


class _PullCommits(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    nodes: tuple[_PullCommit, ...]


class _Committed(msgspec.Struct, frozen=True):
    commits: _PullCommits


class _Count(msgspec.Struct, frozen=True, rename="camel"):
    issue_count: int


_PULL_FIELDS = """
fragment pull on PullRequest {
  number title body url merged updatedAt baseRefName headRefName
  author { login __typename ... on User { name } }
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


def _commits_query(names: Iterable[str]) -> str:
    """Ask for the commits of several pull requests at once; each name is a variable and the alias of its answer."""
    variables = "".join(f", ${name}: Int!" for name in names)
    fields = "commits(last: $last) { totalCount nodes { commit { message parents(first: 2) { totalCount } } } }"
    pulls = "\n".join(f"    {name}: pullRequest(number: ${name}) {{ {fields} }}" for name in names)
    return f"""
query($owner: String!, $name: String!, $last: Int!{variables}) {{
  repository(owner: $owner, name: $name) {{
{pulls}
  }}
}}
"""


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
        self._rest = Rest(repository, self._transport)
        self._graphql = GraphQL(repository, self._transport)

    def adapter(self, kind: Callable[[Rest, GraphQL], A]) -> A:
        """What asks GitHub on behalf of one stage; it lives beside that stage, as nobody else needs it."""
        return kind(self._rest, self._graphql)

    def time(self) -> datetime:
        """What time it is at GitHub, which dates everything that is read there."""
        return self._transport.time()

    def impatient(self) -> AbstractContextManager[None]:
        """Ask everything once and wait for nothing, while something else must not be kept waiting."""
        return self._transport.impatient()

    @property
    def page_ends(self) -> dict[str, tuple[str, ...]]:
        """Where the pages of lists that were read whole end, by the name of the list; it only saves requests."""
        return self._graphql.page_ends

    @functools.cached_property
    def issues(self) -> Issues:
        """The issues and pull requests that we open ourselves."""
        return Issues(self._rest, self._graphql)

    @functools.cached_property
    def accounts(self) -> Accounts:
        """Who writes here, and what they may do."""
        return Accounts(self._rest, self._graphql)

    @functools.cached_property
    def workflows(self) -> Workflows:
        """The workflows that a person starts."""
        return Workflows(self._rest, self._graphql, self._clock)

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._transport.requests

    # The repository and who asks

    def repository(self) -> Repository:
        """The repository itself; raises RemoteError where there is none of that name for this token."""
        purpose = Purpose(f"reading the repository {self.name}", "contents: read")
        try:
            answer = self._transport.read(self._rest.path(), purpose)
        except NotFoundError:
            raise no_repository(self.name, purpose) from None
        self._known = True
        return decode(answer.body, Repository, purpose)

    # Pull requests

    def merged_pulls(self, base: str, wanted: Collection[str], oldest: int) -> dict[str, PullRequest]:
        """The pull requests merged into `base` whose merge commit is wanted, by that commit.

        `oldest` is the date of the oldest wanted commit, in seconds since the epoch: what was last touched before it
        can't have been merged after it. Rebased pull requests are found by their last commit only.
        """
        found: dict[str, PullRequest] = {}
        for page in pages(lambda after: self._merged_page(base, after)) if wanted else ():
            ours = [pull for pull in page.pulls if pull.merge_oid in wanted]
            found |= {pull.merge_oid: self._complete(pull) for pull in ours}
            if len(found) == len(wanted) or (page.pulls and page.pulls[-1].updated_at.timestamp() < oldest - _MARGIN):
                break
        return found

    def pull_messages(self, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The messages of the commits of some pull requests, oldest first and without merges, by number.

        One with more commits than GitHub rebases is left out.
        """
        found: dict[int, tuple[str, ...]] = {}
        rest = list(numbers)
        while rest:
            pulls = self._commits(rest)
            for number, pull in zip(rest, pulls, strict=False):
                if pull and pull.commits.total_count <= _REBASED:
                    commits = [node.commit for node in pull.commits.nodes]
                    found[number] = tuple(one.message for one in commits if one.parents.total_count <= 1)
            rest = rest[len(pulls) :]
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
        return self._read("releases", list[Release], purpose, per_page=_PAGE)

    def older_releases(self) -> list[Release]:
        """All releases but the hundred newest, newest first; a hundred cost a request."""
        purpose = Purpose("listing the older releases", "contents: read")
        older = self._rest.pages("releases", list[Release], purpose, page=2)
        return [release for page in older for release in page]

    def release_by_tag(self, tag: str) -> Release | None:
        """The published release of a tag; drafts are not found by tag."""
        purpose = Purpose(f"reading the release of {tag}", "contents: read")
        return self._look(_path("releases", "tags", tag), Release, purpose)

    def release(self, number: int) -> Release | None:
        """A release or draft by its id, which is never out of date."""
        purpose = Purpose(f"reading the release with the id {number}", "contents: read")
        return self._look(_path("releases", number), Release, purpose)

    def latest_release(self) -> Release | None:
        """The release that GitHub shows as the latest, or None where nothing is released."""
        return self._look(_path("releases", "latest"), Release, Purpose("reading the latest release", "contents: read"))

    def create_draft(self, tag: str, name: str, body: str, *, prerelease: bool) -> Release:
        """Make a draft; GitHub allows several for one tag, so look first. After no answer look at `releases`."""
        purpose = Purpose(f"creating the draft of {tag}", "contents: write")
        draft = {"tag_name": tag, "name": name, "body": body, "draft": True, "prerelease": prerelease}
        return self._rest.write("POST", _path("releases"), draft, Release, purpose)

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
        return self._rest.write("PATCH", _path("releases", number), {"tag_name": tag, **changes}, Release, purpose)

    def delete_release(self, number: int) -> None:
        """Delete a draft. Read back: `release` finds it no more."""
        purpose = Purpose(f"deleting the draft with the id {number}", "contents: write")
        self._rest.send("DELETE", _path("releases", number), None, purpose)

    def upload_asset(
        self, release: Release, name: str, path: Path, content_type: str, *, label: str = ""
    ) -> ReleaseAsset:
        """Upload a file; GitHub may rename it, so read the name of what it returns. Read back: `release`."""
        purpose = Purpose(f"uploading {name} to the release of {release.tag}", "contents: write")
        fields = {"name": name, "label": label} if label else {"name": name}
        url = f"{release.upload_url.partition('{')[0]}?{urlencode(fields)}"
        return decode(self._transport.upload(url, path, content_type, purpose).body, ReleaseAsset, purpose)

    def delete_asset(self, asset: ReleaseAsset) -> None:
        """Delete a file of a release. Read back: `release`."""
        purpose = Purpose(f"deleting the asset {asset.name}", "contents: write")
        self._rest.send("DELETE", _path("releases", "assets", asset.id), None, purpose)

    def digest_asset(self, asset: ReleaseAsset) -> str:
        """Download a file of a release and tell its SHA-256 in hexadecimal."""
        purpose = Purpose(f"downloading the asset {asset.name}", "contents: read")
        return self._transport.digest(self._rest.path(_path("releases", "assets", asset.id)), purpose)

    def read_asset(self, asset: ReleaseAsset, *, most: int) -> bytes:
        """Download a file of a release that has no more than so many bytes."""
        purpose = Purpose(f"downloading the asset {asset.name}", "contents: read")
        return self._transport.download(self._rest.path(_path("releases", "assets", asset.id)), purpose, most=most)

    # Tags

    def create_tag_object(self, tag: str, message: str, sha: str) -> str:
        """Make the object of an annotated tag and return its hash; until a ref names it, nobody sees it."""
        purpose = Purpose(f"creating the tag object of {tag}", "contents: write")
        fields = {"tag": tag, "message": message, "object": sha, "type": "commit"}
        return self._rest.write("POST", _path("git", "tags"), fields, _Target, purpose).sha

    def create_ref(self, ref: str, sha: str) -> Claim:
        """Create a ref such as `refs/tags/v1.0.0`, which only one of many can. Read back: `ref`.

        RestrictedError is raised where a rule forbids it. GitHub may also say no for a moment, and without a reason.
        """
        try:
            return self._create_ref(ref, sha)
        except RestrictedError as error:
            if _RULE.search(error.said):
                raise
            return self._create_ref(ref, sha)

    def _create_ref(self, ref: str, sha: str) -> Claim:
        purpose = Purpose(f"creating {ref}", "contents: write")
        try:
            self._rest.send("POST", _path("git", "refs"), {"ref": ref, "sha": sha}, purpose)
        except (PermissionDeniedError, NotFoundError):
            return Claim.FORBIDDEN
        except RejectedError as error:
            if self.ref(ref) is not None:
                return Claim.EXISTS
            if _NO_RULE.search(error.said):
                raise
            raise RestrictedError(error.said, error.codes, during=purpose.doing) from error
        return Claim.CREATED

    def ref(self, ref: str) -> str | None:
        """The hash of the object that a ref such as `refs/tags/v1.0.0` points at."""
        purpose = Purpose(f"reading {ref}", "contents: read")
        found = self._look(_path("git", "ref", ref.removeprefix("refs/")), _Ref, purpose)
        return found.object.sha if found else None

    def tag_object(self, sha: str) -> TagObject | None:
        """The object of an annotated tag, or None where the hash names none."""
        purpose = Purpose(f"reading the tag object {sha[:10]}", "contents: read")
        return self._look(_path("git", "tags", sha), TagObject, purpose)

    # Statuses of commits

    def statuses(self, sha: str) -> tuple[Status, ...]:
        """All statuses of a commit by whomever, newest first; raises RejectedError for an unknown commit."""
        purpose = Purpose(f"reading the statuses of {sha[:10]}", "statuses: read")
        found = self._rest.pages(_path("commits", sha, "statuses"), list[_StatusEntry], purpose)
        return tuple(status.told() for page in found for status in page)

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
        self._rest.send("POST", _path("statuses", sha), fields, purpose)

    # Runs

    def run(self, number: int) -> WorkflowRun | None:
        """A workflow run, or None where GitHub does not know it."""
        return self._look(
            _path("actions", "runs", number), WorkflowRun, Purpose(f"reading run {number}", "actions: read")
        )

    def run_jobs(self, run: int, attempt: int) -> list[WorkflowJob] | None:
        """The jobs of one attempt of a run, or None where GitHub does not know it."""
        purpose = Purpose(f"listing the jobs of run {run}", "actions: read")
        path = _path("actions", "runs", run, "attempts", attempt, "jobs")
        try:
            found = list(self._rest.pages(path, _Jobs, purpose))
        except NotFoundError:
            self._insist_on_repository()
            return None
        return [job for page in found for job in page.jobs]

    def follow(self, number: int, every: float = 5) -> Iterator[tuple[WorkflowRun, list[WorkflowJob]]]:
        """A run and the jobs of its newest attempt, looked at every few seconds until it has ended.

        While nothing changes it is looked at less and less often. Raises RemoteError where GitHub does not know the
        run.
        """
        seen, pause = None, every
        while True:
            run = self.run(number)
            jobs = self.run_jobs(number, run.run_attempt) if run else None
            if run is None or jobs is None:
                raise RemoteError(f"GitHub knows no run {number}", during=f"following run {number}")
            yield run, jobs
            if run.status == "completed":
                return
            pause = min(pause * _LESS_OFTEN, _LEAST_OFTEN) if (run, jobs) == seen else every
            seen = (run, jobs)
            self._clock.sleep(pause)

    # How it is asked

    def _read(self, path: str, kind: type[T], purpose: Purpose, **parameters: str | int) -> T:
        try:
            found = self._rest.read(path, kind, purpose, **parameters)
        except NotFoundError:
            self._insist_on_repository()
            raise
        self._known = True
        return found

    def _look(self, path: str, kind: type[T], purpose: Purpose) -> T | None:
        """Read something that need not be there."""
        try:
            return self._read(path, kind, purpose)
        except NotFoundError:
            return None

    def _pull(self, number: int, purpose: Purpose) -> _Pull | None:
        return self._graphql.repository(_PULL, {"number": number, "labels": _PAGE}, _PullRepository, purpose).pull

    def _merged_page(self, base: str, after: str | None) -> _PullPage:
        """One page; a smaller one each time that GitHub could not make it."""
        purpose = Purpose(f"listing the pull requests merged into {base}", "pull-requests: read")

        def ask(failures: int) -> tuple[str, dict[str, object]]:
            variables: dict[str, object] = {
                "base": base,
                "after": after,
                "first": max(_PAGE >> failures, 1),
                "labels": _FEW_LABELS,
            }
            return _MERGED, variables

        return self._graphql.repository_less(ask, _MergedRepository, purpose).pull_requests

    def _commits(self, numbers: Sequence[int]) -> list[_Committed | None]:
        """The commits of the first of some pull requests: of as many as GitHub can tell at once."""
        purpose = Purpose("asking which commits pull requests had", "pull-requests: read")
        names: dict[str, object] = {}

        def ask(failures: int) -> tuple[str, dict[str, object]]:
            nonlocal names
            names = {f"p{number}": number for number in numbers[: max(_BATCH >> failures, 1)]}
            return _commits_query(names), {"last": _REBASED, **names}

        return told(self._graphql.repository_less(ask, dict[str, _Committed | None], purpose), names, purpose)

    def _complete(self, pull: _Pull) -> PullRequest:
        """A pull request with all of its labels, of which a page has room for some only."""
        if pull.labels.whole:
            return pull.told(pull.labels.names)
        purpose = Purpose(f"reading the labels of pull request #{pull.number}", "pull-requests: read")
        whole = self._pull(pull.number, purpose)
        if whole is None or not whole.labels.whole:
            raise RemoteError("GitHub did not return all labels", during=purpose.doing)
        return pull.told(whole.labels.names)

    def _newcomers(self, logins: Sequence[str], before: datetime) -> set[str]:
        purpose = Purpose("asking who contributes for the first time", "pull-requests: read")
        merged = f"repo:{self.name} is:pr is:merged merged:<{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        searches = {f"s{place}": f"{merged} author:{login}" for place, login in enumerate(logins)}
        answer = self._graphql.ask(_searches_query(searches), searches, dict[str, _Count], purpose)
        counts = zip(logins, told(answer, searches, purpose), strict=True)
        return {login for login, count in counts if count.issue_count == 0}

    def _insist_on_repository(self) -> None:
        """Tell "there is no such thing" from "there is no such repository", which GitHub answers alike."""
        if not self._known:
            self.repository()


def _path(*parts: str | int) -> str:
    return "/".join(quote(str(part), safe="/") for part in parts)
