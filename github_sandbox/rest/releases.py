"""Releases and their assets."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from github_sandbox import views
from github_sandbox.answer import Answer, ApiError, check_length, forbidden, invalid, not_found, unprocessable
from github_sandbox.call import route
from github_sandbox.repository import ZERO
from github_sandbox.rest.git import Body
from github_sandbox.store import Asset, Release

if TYPE_CHECKING:
    from pathlib import Path

    from github_sandbox.call import Call

LONGEST_BODY = 125_000
MOST_ASSETS = 1000
LARGEST_ASSET = (1 << 31) - 1
LATIN = {
    "Æ": "AE", "Ð": "D", "Ø": "O", "Þ": "Th", "ß": "ss", "æ": "ae", "ð": "d", "ø": "o", "þ": "th", "Đ": "D", "đ": "d",
    "Ħ": "H", "ħ": "h", "Ł": "L", "ł": "l", "Ŋ": "NG", "ŋ": "ng", "Œ": "OE", "œ": "oe", "Ŧ": "T", "ŧ": "t",
}  # fmt: skip
"""Letters that are no other letter with a mark, and what GitHub makes of them in the name of an asset."""


class NewRelease(Body):
    """A release to make."""

    tag_name: str
    target_commitish: str | None = None
    name: str | None = None
    body: str | None = None
    draft: bool = False
    prerelease: bool = False
    discussion_category_name: str | None = None
    generate_release_notes: bool = False
    make_latest: Literal["true", "false", "legacy"] | None = None


class ChangedRelease(Body):
    """What changes in a release."""

    tag_name: str | None = None
    target_commitish: str | None = None
    name: str | None = None
    body: str | None = None
    draft: bool | None = None
    prerelease: bool | None = None
    discussion_category_name: str | None = None
    make_latest: Literal["true", "false", "legacy"] | None = None


class NotesRequest(Body):
    """The range to write notes for."""

    tag_name: str
    target_commitish: str | None = None
    previous_tag_name: str | None = None
    configuration_file_path: str | None = None


class ChangedAsset(Body):
    """What changes in a file."""

    name: str | None = None
    label: str | None = None
    state: str | None = None


@route("GET", "{}/releases", "contents:read")
def list_releases(call: Call) -> Answer:
    """All releases, drafts for accounts that may push."""
    return call.paged(call.github.listed(call.caller), lambda release: views.release(call, release))


@route("POST", "{}/releases", "contents:write")
def create_release(call: Call) -> Answer:
    """A new release; several drafts of one tag are allowed."""
    body = call.body(NewRelease)
    _check_tag(call, body.tag_name)
    check_length("Release", "body", body.body, LONGEST_BODY)
    _check_target(call, body.target_commitish, body.tag_name)
    store = call.github.store
    now = store.tick()
    release = Release(
        key="",
        id=store.new_id(),
        tag_name=body.tag_name,
        target_commitish=body.target_commitish or call.github.main,
        name=body.name,
        body=body.body,
        draft=True,
        prerelease=body.prerelease,
        author=call.author,
        created_at=now,
        published_at=None,
        updated_at=now,
        lag=call.github.settings.lag_lists,
    )
    release.key = str(release.id)
    if body.generate_release_notes:
        release.body = (body.body or "") + _notes(call, body.tag_name, None)
    if not body.draft:
        _publish(call, release, body.make_latest)
    store.releases.put(release)
    made = views.release(call, release)
    return Answer(HTTPStatus.CREATED, made, {"Location": str(made["url"])})


def _check_tag(call: Call, tag: str) -> None:
    if not call.github.repository.valid(f"refs/tags/{tag}"):
        raise invalid("Release", "tag_name", "custom", "tag_name is not well-formed")
    if tag in call.github.settings.burned:
        raise invalid("Release", "tag_name", "custom", "tag_name was used by an immutable release")


def _check_target(call: Call, target: str | None, tag: str) -> None:
    """The rule that needs no tag: a target whose workflow files are not those of the default branch."""
    if target is None:
        return
    sha = call.github.repository.resolve(target)
    if sha is None and not call.github.tag_ref(tag):
        raise invalid("Release", "target_commitish", "invalid")
    if sha and not call.caller.may("workflows") and call.github.changes_workflows(sha):
        raise forbidden()


def _publish(call: Call, release: Release, make_latest: str | None) -> None:
    github = call.github
    other = github.published(release.tag_name)
    if other and other.id != release.id:
        raise invalid("Release", "tag_name", "already_exists")
    if not github.tag_ref(release.tag_name):
        _make_tag(call, release)
    commit = github.tag_commit(release.tag_name)
    release.created_at = commit.committer.at if commit else release.created_at
    release.published_at = github.settings.now
    release.draft = False
    release.immutable = github.settings.immutable_releases
    _mark_latest(call, release, make_latest or "true")


def _make_tag(call: Call, release: Release) -> None:
    ref = f"refs/tags/{release.tag_name}"
    sha = call.github.repository.resolve(release.target_commitish)
    if sha is None:
        raise invalid("Release", "target_commitish", "invalid")
    if refusal := call.github.refusal(call.caller, ref, sha):
        raise invalid("Release", "pre_receive", "custom", f"pre_receive {refusal}")
    call.github.repository.move(ref, sha, ZERO)


def _mark_latest(call: Call, release: Release, make_latest: str) -> None:
    settings = call.github.settings
    release.latest = make_latest
    if make_latest == "true" and not release.prerelease:
        settings.latest = release.id
    elif settings.latest == release.id:
        settings.latest = None


@route("POST", "{}/releases/generate-notes", "contents:write")
def generate_notes(call: Call) -> Answer:
    """Notes as GitHub writes them; nothing is kept."""
    body = call.body(NotesRequest)
    target = body.target_commitish or body.tag_name
    if not call.github.repository.resolve(target):
        raise unprocessable("Invalid target_commitish parameter")
    text = _notes(call, body.tag_name, body.previous_tag_name)
    return Answer(document={"name": body.tag_name, "body": text})


def _notes(call: Call, tag: str, previous: str | None) -> str:
    github = call.github
    head = github.repository.resolve(tag) or github.main_head().sha
    span = f"{previous}..{head}" if previous and github.tag_ref(previous) else head
    inside = set(github.repository.log(span))
    lines = [
        f"* {pull.title} by @{pull.author.login if pull.author else 'ghost'}"
        f" in {views.web(call, f'/pull/{pull.number}')}"
        for pull in github.store.pulls
        if pull.merge_commit in inside
    ]
    compared = f"compare/{previous}...{tag}" if previous else f"commits/{tag}"
    changelog = views.web(call, f"/{compared}")
    return "\n".join(["## What's Changed", *lines, "", "", f"**Full Changelog**: {changelog}"])


@route("GET", "{}/releases/latest", "contents:read")
def latest_release(call: Call) -> Answer:
    """The release called latest."""
    found = call.github.latest()
    if found is None:
        raise not_found()
    return Answer(document=views.release(call, found))


@route("GET", "{}/releases/tags/<path:tag>", "contents:read")
def release_by_tag(call: Call) -> Answer:
    """The published release of a tag; never a draft."""
    found = call.github.published(call.path["tag"])
    if found is None:
        raise not_found()
    return Answer(document=views.release(call, found))


@route("GET", "{}/releases/<number>", "contents:read")
def get_release(call: Call) -> Answer:
    """A release by its id."""
    return Answer(document=views.release(call, _release(call)))


def _release(call: Call) -> Release:
    found = call.github.store.releases.get(call.number("number"))
    if found is None or (found.draft and not call.caller.may("contents")):
        raise not_found()
    return found


@route("PATCH", "{}/releases/<number>", "contents:write")
def update_release(call: Call) -> Answer:
    """Changes a release; a draft that is changed without its `tag_name` loses it, unless the tag exists."""
    release = _release(call)
    body = call.body(ChangedRelease)
    check_length("Release", "body", body.body, LONGEST_BODY)
    if body.tag_name not in {None, release.tag_name}:
        _check_tag(call, body.tag_name or "")
    if release.immutable and (body.draft or body.tag_name not in {None, release.tag_name}):
        raise unprocessable("Cannot change the tag or the state of an immutable release")
    _check_target(call, body.target_commitish, body.tag_name or release.tag_name)
    release.updated_at = call.github.store.tick()
    _take(call, release, body)
    if body.draft is False and release.draft:
        _publish(call, release, body.make_latest)
    else:
        release.draft = release.draft if body.draft is None else body.draft
        release.published_at = None if release.draft else release.published_at
        _mark_latest(call, release, body.make_latest or _kept_latest(call, release))
    call.github.store.releases.put(release)
    return Answer(document=views.release(call, release))


def _take(call: Call, release: Release, body: ChangedRelease) -> None:
    untagged = f"untagged-{hashlib.sha1(release.key.encode(), usedforsecurity=False).hexdigest()[:20]}"
    nameless = release.draft and not call.github.tag_ref(release.tag_name)
    release.tag_name = body.tag_name or (untagged if nameless else release.tag_name)
    for name in ("name", "body", "prerelease", "target_commitish"):
        value = getattr(body, name)
        if value is not None:
            setattr(release, name, value)


def _kept_latest(call: Call, release: Release) -> str:
    able = not release.draft and not release.prerelease
    if call.github.settings.latest == release.id:
        return "true" if able else "legacy"
    return release.latest if release.latest != "true" else "legacy"


@route("DELETE", "{}/releases/<number>", "contents:write")
def delete_release(call: Call) -> Answer:
    """Takes a release away; its tag stays, and the name of an immutable one is used up."""
    release = _release(call)
    for asset in call.github.assets_of(release):
        call.github.store.assets.delete(asset)
    if release.immutable:
        call.github.settings.burned.append(release.tag_name)
    call.github.store.releases.delete(release)
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)


# assets


@route("GET", "{}/releases/<number>/assets", "contents:read")
def list_assets(call: Call) -> Answer:
    """The files of a release."""
    found = call.github.assets_of(_release(call))
    return call.paged(found, lambda asset: views.asset(call, asset))


@route("POST", "/uploads/repos/<owner>/<repo>/releases/<number>/assets", "contents:write")
def upload_asset(call: Call) -> Answer:
    """A new file; what is special in its name is replaced."""
    release = _release(call)
    name = asset_name(call.query.get("name", ""))
    if release.immutable:
        raise unprocessable("Cannot upload assets to an immutable release.")
    if not name:
        raise invalid("ReleaseAsset", "name", "missing_field")
    if call.size > LARGEST_ASSET:
        raise invalid("ReleaseAsset", "size", "custom", f"size must be less than {LARGEST_ASSET + 1}")
    if not call.raw:
        raise invalid("ReleaseAsset", "size", "custom", "size must be greater than or equal to 1")
    existing = call.github.assets_of(release)
    if any(asset.name == name for asset in existing):
        raise invalid("ReleaseAsset", "name", "already_exists")
    if len(existing) >= MOST_ASSETS:
        raise invalid("ReleaseAsset", "release", "custom", f"a release has at most {MOST_ASSETS} assets")
    asset = _keep(call, release, name)
    if call.cut_short:
        asset.state, asset.size, asset.digest = "starter", 0, None
        raise ApiError(HTTPStatus.BAD_GATEWAY, "Server Error")
    return Answer(HTTPStatus.CREATED, views.asset(call, asset))


def asset_name(name: str) -> str:
    """The name that an asset gets: Latin letters without marks, one dot for all that is special, none at its ends."""
    latin = unicodedata.normalize("NFD", "".join(LATIN.get(letter, letter) for letter in name))
    plain = "".join(letter for letter in latin if not unicodedata.combining(letter))
    clean = re.sub(r"[^A-Za-z0-9_+@-]+", ".", plain)
    return (f"default{clean}" if clean.startswith(".") else clean).rstrip(".")


def _keep(call: Call, release: Release, name: str) -> Asset:
    store = call.github.store
    now = store.tick()
    digest = f"sha256:{hashlib.sha256(call.raw).hexdigest()}"
    asset = Asset(
        key="",
        id=store.new_id(),
        release=release.id,
        name=name,
        label=call.query.get("label"),
        content_type=call.content_type,
        size=len(call.raw),
        digest=digest if call.github.settings.digests else None,
        uploader=call.author,
        created_at=now,
        updated_at=now,
    )
    asset.key = str(asset.id)
    path = call.github.assets / asset.key
    beside = path.with_suffix(".part")
    beside.write_bytes(call.raw)
    beside.replace(path)
    return store.assets.put(asset)


def _asset(call: Call) -> Asset:
    found = call.github.store.assets.get(call.number("number"))
    owner = call.github.store.releases.get(found.release) if found else None
    if found is None or owner is None or (owner.draft and not call.caller.may("contents")):
        raise not_found()
    return found


@route("GET", "{}/releases/assets/<number>", "contents:read")
def get_asset(call: Call) -> Answer:
    """What is known of a file, or with `Accept: application/octet-stream` the way to its bytes."""
    asset = _asset(call)
    if "application/octet-stream" in call.accept:
        asset.downloads += 1
        call.github.store.assets.put(asset)
        return Answer(HTTPStatus.FOUND, headers={"Location": f"{call.root}/_storage/{asset.id}-{asset.size}"})
    return Answer(document=views.asset(call, asset))


@route("GET", "/_storage/<name>")
def storage(call: Call) -> Answer:
    """The bytes of a file, for a client that was redirected here."""
    asset = call.github.store.assets.get(call.path["name"].partition("-")[0])
    if asset is None:
        raise not_found()
    return Answer(data=path_of(call, asset).read_bytes())


@route("GET", "/<owner>/<repo>/releases/download/<path:tag>/<name>", "contents:read")
def download(call: Call) -> Answer:
    """The bytes of a file of a published release, as a browser gets them."""
    release = call.github.published(call.path["tag"])
    for asset in call.github.assets_of(release) if release else []:
        if asset.name == call.path["name"]:
            return Answer(data=path_of(call, asset).read_bytes())
    raise not_found()


def path_of(call: Call, asset: Asset) -> Path:
    """Where the bytes of a file lie."""
    return call.github.assets / asset.key


@route("PATCH", "{}/releases/assets/<number>", "contents:write")
def update_asset(call: Call) -> Answer:
    """Renames a file."""
    asset = _asset(call)
    body = call.body(ChangedAsset)
    owner = call.github.store.releases.get(asset.release)
    if owner and owner.immutable:
        raise unprocessable("Cannot update assets of an immutable release.")
    asset.name = asset_name(body.name) if body.name else asset.name
    asset.label = body.label if body.label is not None else asset.label
    asset.updated_at = call.github.store.tick()
    return Answer(document=views.asset(call, call.github.store.assets.put(asset)))


@route("DELETE", "{}/releases/assets/<number>", "contents:write")
def delete_asset(call: Call) -> Answer:
    """Takes a file away."""
    asset = _asset(call)
    owner = call.github.store.releases.get(asset.release)
    if owner and owner.immutable:
        raise unprocessable("Cannot delete assets of an immutable release.")
    call.github.store.assets.delete(asset)
    call.github.store.tick()
    return Answer(HTTPStatus.NO_CONTENT)
