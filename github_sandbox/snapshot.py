"""A copy of a real repository: its refs over borrowed objects, and what is known of its pull requests and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from github_sandbox.build import DEFAULT_RIGHTS, TOKEN
from github_sandbox.scenario import ACTIONS, MAINTAINER
from github_sandbox.store import Author, Label, Pull, Release, Settings, Token

if TYPE_CHECKING:
    from pathlib import Path

    from github_sandbox.repository import Repository
    from github_sandbox.store import Store


class PullPart(msgspec.Struct, frozen=True, kw_only=True):
    """A merged pull request; `landed` are the commits it put on its base, the oldest first."""

    number: int
    title: str
    body: str
    labels: list[str]
    author: str | None
    bot: bool
    merge_commit: str | None
    landed: list[str]
    merged_by: str | None
    merged_at: int


class ReleasePart(msgspec.Struct, frozen=True, kw_only=True):
    """A release, or a draft of one; times are in seconds since 1970."""

    tag: str
    created_at: int
    published_at: int | None
    name: str | None = None
    body: str | None = None
    draft: bool = False
    prerelease: bool = False
    immutable: bool = False
    author: str | None = MAINTAINER


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A repository at one moment, `now`; `objects` is the directory in which git finds all of it.

    `branch` is the one that is released and `hosted` the one that releases are carried into, empty where there is none.
    `configuration` is the tool's own, `template` the text of the notes template it may name.
    `unseen` says what could not be looked at; `contributors` had pull requests merged before those that are told.
    """

    repository: str
    server: str
    source: str
    unseen: list[str]
    branch: str
    hosted: str
    objects: str
    branches: dict[str, str]
    tags: dict[str, str]
    pulls: list[PullPart]
    releases: list[ReleasePart]
    contributors: list[str]
    configuration: dict[str, object]
    template: str | None
    now: int


def fill(snapshot: Snapshot, repository: Repository, store: Store) -> None:
    """Makes the refs and the records of a snapshot."""
    borrow(snapshot, repository.path / "objects")
    refs = [f"create refs/heads/{name} {sha}\n" for name, sha in snapshot.branches.items()]
    refs += [f"create refs/tags/{name} {sha}\n" for name, sha in snapshot.tags.items()]
    repository.run("update-ref", "--stdin", text="".join(refs).encode())
    repository.run("pack-refs", "--all")
    store.all_settings.put(_settings(snapshot))
    store.tokens.put(Token(key=TOKEN, author=Author(ACTIONS, "Bot"), rights=dict(DEFAULT_RIGHTS)))
    for part in snapshot.pulls:
        store.pulls.put(_pull(snapshot, part, repository, store))
    for login in snapshot.contributors:
        store.pulls.put(_earlier(snapshot, login, store))
    for release in snapshot.releases:
        store.releases.put(_release(snapshot, release, store))


def borrow(snapshot: Snapshot, objects: Path) -> None:
    """Lets a repository find the objects of the snapshot without a copy of them."""
    (objects / "info").mkdir(exist_ok=True)
    (objects / "info" / "alternates").write_text(f"{snapshot.objects}\n", encoding="utf-8")


def _settings(snapshot: Snapshot) -> Settings:
    people = {part.merged_by: "write" for part in snapshot.pulls if part.merged_by}
    return Settings(
        key="settings",
        scenario="",
        repository=snapshot.repository,
        default_branch=snapshot.branch,
        private=False,
        immutable_releases=False,
        digests=True,
        now=snapshot.now,
        clock="machine",
        next_number=max((part.number for part in snapshot.pulls), default=0) + 1,
        collaborators={MAINTAINER: "admin", **people},
    )


def _pull(snapshot: Snapshot, part: PullPart, repository: Repository, store: Store) -> Pull:
    for name in part.labels:
        if store.labels.get(name.lower()) is None:
            store.labels.put(Label(key=name.lower(), id=store.new_id(), name=name))
    before = repository.commit(part.landed[0]).parents
    return Pull(
        key=str(part.number),
        id=store.new_id(),
        number=part.number,
        title=part.title,
        body=part.body,
        author=None if part.author is None else Author(part.author, "Bot" if part.bot else "User"),
        labels=part.labels,
        state="closed",
        created_at=part.merged_at,
        updated_at=part.merged_at,
        closed_at=part.merged_at,
        base=snapshot.branch,
        base_sha=before[0] if before else part.landed[0],
        head=f"pull-{part.number}",
        head_sha=part.landed[-1],
        commits=part.landed,
        landed=part.landed,
        merged_at=part.merged_at,
        merged_by=Author(part.merged_by) if part.merged_by else None,
        merge_commit=part.merge_commit,
    )


def _earlier(snapshot: Snapshot, login: str, store: Store) -> Pull:
    """A pull request that only says that somebody had one merged long ago; no number leads to it."""
    head = snapshot.branches[snapshot.branch]
    return Pull(
        key=f"before {login}",
        id=store.new_id(),
        number=0,
        title="An earlier pull request",
        body=None,
        author=Author(login),
        labels=[],
        state="closed",
        created_at=0,
        updated_at=0,
        closed_at=0,
        base=snapshot.branch,
        base_sha=head,
        head="earlier",
        head_sha=head,
        commits=[],
        merged_at=0,
    )


def _release(snapshot: Snapshot, part: ReleasePart, store: Store) -> Release:
    number = store.new_id()
    return Release(
        key=str(number),
        id=number,
        tag_name=part.tag,
        target_commitish=snapshot.branch,
        name=part.name,
        body=part.body,
        draft=part.draft,
        prerelease=part.prerelease,
        immutable=part.immutable,
        author=None if part.author is None else Author(part.author, "Bot" if part.author.endswith("[bot]") else "User"),
        created_at=part.created_at,
        published_at=part.published_at,
        updated_at=part.published_at or part.created_at,
    )
