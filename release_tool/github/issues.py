"""The issues and pull requests that we open ourselves: written, found again, changed and closed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import NoAnswerError
from release_tool.github.graphql import Actor, account, told
from release_tool.github.transport import Purpose, RejectedError
from release_tool.text.visible import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest


_PAGE = 100
_LONGEST_TITLE = 256
_FEW = 50
_WRITE_PULLS = "pull-requests: write"
_WRITE_ISSUES = "issues: write"


class OpenPull(msgspec.Struct, frozen=True):
    """An open pull request between two branches of the repository; `head` is the commit it would merge."""

    number: int
    url: str
    title: str
    body: str
    branch: str
    head: str
    labels: tuple[str, ...] = ()


class ClosedPull(msgspec.Struct, frozen=True):
    """A pull request that was merged or closed; `merge_commit` is what the merge put on its base, None without one."""

    number: int
    branch: str
    head: str
    merged: bool
    merge_commit: str | None


class OpenIssue(msgspec.Struct, frozen=True):
    """An open issue."""

    number: int
    url: str
    title: str
    body: str


class OwnIssue(msgspec.Struct, frozen=True):
    """An issue that this token's account wrote, open or closed."""

    number: int
    url: str
    title: str
    body: str
    open: bool


class _Repository(msgspec.Struct, frozen=True):
    full_name: str


class _Head(msgspec.Struct, frozen=True):
    ref: str
    sha: str
    repo: _Repository | None = None


class _Label(msgspec.Struct, frozen=True):
    name: str


class _Pull(msgspec.Struct, frozen=True):
    number: int
    html_url: str
    title: str
    head: _Head
    body: str | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    labels: tuple[_Label, ...] = ()

    def opened(self) -> OpenPull:
        names = tuple(label.name for label in self.labels)
        return OpenPull(self.number, self.html_url, self.title, self.body or "", self.head.ref, self.head.sha, names)

    def closed(self) -> ClosedPull:
        merged = self.merged_at is not None
        commit = self.merge_commit_sha if merged else None
        return ClosedPull(self.number, self.head.ref, self.head.sha, merged, commit)


class _User(msgspec.Struct, frozen=True):
    login: str


class _Issue(msgspec.Struct, frozen=True):
    number: int
    html_url: str
    title: str
    user: _User | None
    body: str | None = None
    state: str = "open"
    pull_request: dict[str, object] | None = None

    def opened(self) -> OpenIssue:
        return OpenIssue(self.number, self.html_url, self.title, self.body or "")


class _Made(msgspec.Struct, frozen=True):
    id: int


class _Merged(msgspec.Struct, frozen=True, rename="camel"):
    merged_by: Actor | None


def _who_merged_query(numbers: Sequence[int]) -> str:
    asked = "\n".join(
        f"    p{number}: pullRequest(number: {number}) {{ mergedBy {{ login __typename }} }}" for number in numbers
    )
    return (
        f"query($owner: String!, $name: String!) {{\n  repository(owner: $owner, name: $name) {{\n{asked}\n  }}\n}}\n"
    )


class Issues:
    """The issues and pull requests of one repository, as somebody who opens them needs them.

    Every method raises RemoteError where GitHub fails, PermissionDeniedError where the token lacks a right, and
    those that write raise NoAnswerError where it is not known whether GitHub did it.
    """

    def __init__(self, rest: Rest, graphql: GraphQL) -> None:
        self._rest = rest
        self._graphql = graphql

    # Pull requests

    def open_pull(self, branch: str, base: str) -> OpenPull | None:
        """The open pull request from a branch of the repository, and of no fork, to another branch."""
        return next((pull for pull in self.open_pulls(branch, base) if pull.branch == branch), None)

    def open_pulls(self, prefix: str, base: str) -> list[OpenPull]:
        """The hundred newest open pull requests to `base` from branches whose names begin so, newest first."""
        purpose = Purpose(f"listing the open pull requests to {base}", "pull-requests: read")
        found = self._pulls(prefix, {"state": "open", "base": base, "per_page": _PAGE}, purpose)
        return [pull.opened() for pull in found]

    def closed_pulls(self, prefix: str, base: str) -> list[ClosedPull]:
        """Those of the fifty pull requests to `base` that were touched and closed last, from branches named so."""
        purpose = Purpose(f"listing the closed pull requests to {base}", "pull-requests: read")
        order = {"sort": "updated", "direction": "desc"}
        found = self._pulls(prefix, {"state": "closed", "base": base, "per_page": _FEW, **order}, purpose)
        return [pull.closed() for pull in found]

    def create_pull(self, title: str, branch: str, base: str, body: str) -> OpenPull:
        """Open a pull request, or tell the one that is open already; raises RejectedError without any commits.

        PermissionDeniedError is also what a repository says whose workflows may not open pull requests.
        Read back: `open_pull`.
        """
        purpose = Purpose(f"opening a pull request from {branch} to {base}", _WRITE_PULLS)
        fields = {"title": shortened(title, _LONGEST_TITLE), "head": branch, "base": base, "body": body}
        try:
            return self._rest.write("POST", "pulls", fields, _Pull, purpose).opened()
        except (NoAnswerError, RejectedError):
            there = self.open_pull(branch, base)
            if there is None:
                raise
            return there

    def update_pull(self, number: int, *, title: str, body: str) -> None:
        """Write a pull request's title and text anew; twice is the same as once."""
        purpose = Purpose(f"changing pull request #{number}", _WRITE_PULLS)
        fields = {"title": shortened(title, _LONGEST_TITLE), "body": body}
        self._rest.write("PATCH", f"pulls/{number}", fields, _Pull, purpose)

    def who_merged(self, numbers: Collection[int]) -> dict[int, str]:
        """The logins of the people who merged pull requests, by number; bots are left out."""
        asked = sorted(set(numbers))
        merged = {
            number: pull.merged_by
            for start in range(0, len(asked), _FEW)
            for number, pull in self._merged(asked[start : start + _FEW]).items()
            if pull is not None
        }
        return {number: who.login for number, who in merged.items() if who is not None and who.kind == "User"}

    # Issues

    def find_issue(self, label: str, marker: str) -> OpenIssue | None:
        """The oldest open issue with a label that this token's account wrote, with a marker in its text."""
        purpose = Purpose(f"looking for an issue with the label {label}", "issues: read")
        order = {"sort": "created", "direction": "asc"}
        asked: dict[str, str | int] = {"state": "open", "labels": label, "per_page": _PAGE, **order}
        found = self._rest.read("issues", list[_Issue], purpose, **asked)
        marked = [issue for issue in found if issue.pull_request is None and marker in (issue.body or "")]
        us = account(self._graphql.viewer()) if marked else ""
        return next((issue.opened() for issue in marked if issue.user and account(issue.user.login) == us), None)

    def own_issues(self, label: str) -> list[OwnIssue]:
        """Those of the hundred newest issues with a label that this token's account wrote, newest first."""
        purpose = Purpose(f"looking for issues with the label {label}", "issues: read")
        order = {"sort": "created", "direction": "desc"}
        asked: dict[str, str | int] = {"state": "all", "labels": label, "per_page": _PAGE, **order}
        found = self._rest.read("issues", list[_Issue], purpose, **asked)
        issues = [issue for issue in found if issue.pull_request is None]
        us = account(self._graphql.viewer()) if issues else ""
        return [
            OwnIssue(issue.number, issue.html_url, issue.title, issue.body or "", issue.state == "open")
            for issue in issues
            if issue.user and account(issue.user.login) == us
        ]

    def create_issue(self, title: str, body: str, labels: Sequence[str]) -> OpenIssue:
        """Open an issue; labels that do not exist are made. Read back: `find_issue`."""
        purpose = Purpose("opening an issue", _WRITE_ISSUES)
        fields = {"title": shortened(title, _LONGEST_TITLE), "body": body, "labels": list(labels)}
        return self._rest.write("POST", "issues", fields, _Issue, purpose).opened()

    def update_issue(self, number: int, *, title: str, body: str) -> None:
        """Write an issue's title and text anew; twice is the same as once."""
        purpose = Purpose(f"changing issue #{number}", _WRITE_ISSUES)
        fields = {"title": shortened(title, _LONGEST_TITLE), "body": body}
        self._rest.write("PATCH", f"issues/{number}", fields, _Issue, purpose)

    # Both

    def close(self, number: int, comment: str) -> int:
        """Say why on an issue or pull request, then close it; done again, it says so again. The comment's number."""
        purpose = Purpose(f"closing #{number}", _WRITE_ISSUES)
        made = self._rest.write("POST", f"issues/{number}/comments", {"body": comment}, _Made, purpose)
        self._rest.send("PATCH", f"issues/{number}", {"state": "closed"}, purpose)
        return made.id

    def reopen(self, number: int) -> None:
        """Open an issue again; twice is the same as once."""
        purpose = Purpose(f"opening #{number} again", _WRITE_ISSUES)
        self._rest.send("PATCH", f"issues/{number}", {"state": "open"}, purpose)

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Put labels on an issue or pull request; those that do not exist are made; twice is the same as once."""
        purpose = Purpose(f"labelling #{number}", _WRITE_ISSUES)
        self._rest.send("POST", f"issues/{number}/labels", {"labels": list(labels)}, purpose)

    def assign(self, number: int, logins: Sequence[str]) -> None:
        """Assign people to an issue or pull request; those who can't be are left out; twice is the same as once."""
        purpose = Purpose(f"assigning #{number}", _WRITE_ISSUES)
        for login in logins:
            # One by one, for GitHub may refuse all of them because of one whom it does not know.
            with contextlib.suppress(RejectedError):
                self._rest.send("POST", f"issues/{number}/assignees", {"assignees": [login]}, purpose)

    # How it is asked

    def _merged(self, numbers: Sequence[int]) -> dict[int, _Merged | None]:
        purpose = Purpose("asking who merged pull requests", "pull-requests: read")
        found = self._graphql.repository(_who_merged_query(numbers), {}, dict[str, _Merged | None], purpose)
        return dict(zip(numbers, told(found, (f"p{number}" for number in numbers), purpose), strict=True))

    def _pulls(self, prefix: str, parameters: Mapping[str, str | int], purpose: Purpose) -> list[_Pull]:
        """The pull requests of one page whose branch is this repository's and begins so."""
        ours = self._rest.repository.casefold()
        return [
            pull
            for pull in self._rest.read("pulls", list[_Pull], purpose, **parameters)
            if pull.head.ref.startswith(prefix) and pull.head.repo and pull.head.repo.full_name.casefold() == ours
        ]
