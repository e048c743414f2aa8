"""One release on GitHub, from draft to published; each step first looks whether it was done before a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.github.api import NoAnswerError
from release_tool.history.references import MANIFEST, record
from release_tool.release.announce import owed_channels
from release_tool.release.assets import CHECKSUMS, RECORDS, File, full_notes, records
from release_tool.release.notes.edit import rewritten, written
from release_tool.text.markers import is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from release_tool.github.api import Release
    from release_tool.github.api import ReleaseAsset as Uploaded
    from release_tool.history.references import ImageReference
    from release_tool.project import Project
    from release_tool.release.assets import Asset
    from release_tool.release.notes.render import Notes, Rendered
    from release_tool.release.plan import ReleasePlan

_TRIES = 3
_SECONDS_BETWEEN_LOOKS = 2.0
_CONTENT_TYPE = "application/octet-stream"


def remove_late_drafts(project: Project, releases: Iterable[Release]) -> None:
    """Remove our drafts whose tag is published: a request without an answer can make one after it was made again.

    Each is read once more, for a list can show a release as the draft that it was when its page was made. What can't be
    removed now is left to the next run: it is in nobody's way.
    """
    known = tuple(releases)
    published = {release.tag for release in known if not release.draft}

    def is_late(draft: Release) -> bool:
        return draft.draft and draft.tag in published and is_ours(draft.body)

    for late in filter(is_late, known):
        try:
            now = project.remote.release(late.id)
            if now is not None and is_late(now):
                project.say(f"removing a draft of {late.tag}, which is published")
                project.remote.delete_release(late.id)
        except (RemoteError, PermissionDeniedError) as error:
            project.say(f"a draft of {late.tag}, which is published, could not be removed: {error.message}")


class Publication:
    """The way of one planned release; `directory` is where generated files are written."""

    def __init__(self, project: Project, plan: ReleasePlan, directory: Path) -> None:
        self._project = project
        self._remote = project.remote
        self._plan = plan
        self._tag = str(plan.tag)
        self._directory = directory
        self._files: tuple[File, ...] = ()
        self._references: tuple[ImageReference, ...] = ()
        self._release: Release | None = None

    def draft(self, notes: Notes, known: Iterable[Release]) -> None:
        """Find our draft of the tag among the known releases, or make one."""
        ours = self._ours(known)
        if ours:
            self._release = ours[0]
            return
        self._project.say(f"drafting {self._tag}")
        text = written(self._project, notes).text
        try:
            self._release = self._remote.create_draft(self._tag, self._tag, text, prerelease=self._plan.prerelease)
        except NoAnswerError:
            self._release = self._draft_after_no_answer(text)

    def upload(self, assets: Sequence[Asset], references: Sequence[ImageReference]) -> None:
        """Upload what is not there yet with the right bytes; other bytes are replaced, which only a draft allows.

        References are written on the commit as well, before anybody could deploy it.
        """
        self._files = tuple(self._uploaded(asset) for asset in assets)
        self._references = tuple(references)
        record(self._project, self._plan.sha, references)

    def publish(self, notes: Notes, plan: ReleasePlan) -> Release:
        """Write down everything that the draft holds, read it back and publish; other drafts of ours are removed."""
        full = self._full(self._rewritten(self._draft, notes))
        drafts = self._ours(self._remote.releases())
        self._release = next((draft for draft in drafts if draft.id == self._draft.id), None) or self._current()
        self._files += self._added_by_people(full)
        made = tuple(self._uploaded(asset) for asset in records(self._files, self._references, plan, self._directory))
        self._files += (*full, *made)
        release = self._current() if made else self._draft
        self._verify(release)
        for duplicate in (draft for draft in drafts if draft.id != release.id):
            self._project.say(f"removing a second draft of {self._tag}")
            self._remote.delete_release(duplicate.id)
        self._project.say(f"publishing {self._tag}")
        return self._published(release, owed_channels(self._project, self._rewritten(release, notes).text), plan)

    @property
    def _draft(self) -> Release:
        assert self._release is not None  # noqa: S101  # `draft` comes first
        return self._release

    def _rewritten(self, release: Release, notes: Notes) -> Rendered:
        return rewritten(self._project, release.body or "", notes)

    def _ours(self, releases: Iterable[Release]) -> list[Release]:
        """Our drafts of the tag, the one with the most files first: a person's draft is never touched."""
        found = [
            release for release in releases if release.draft and release.tag == self._tag and is_ours(release.body)
        ]
        return sorted(found, key=lambda release: (-len(release.assets), release.id))

    def _draft_after_no_answer(self, text: str) -> Release:
        """Look whether a draft was made although no answer came; the list of releases may need a moment to show it."""
        for _ in range(_TRIES):
            self._project.clock.sleep(_SECONDS_BETWEEN_LOOKS)
            ours = self._ours(self._remote.releases())
            if ours:
                return ours[0]
        return self._remote.create_draft(self._tag, self._tag, text, prerelease=self._plan.prerelease)

    def _current(self) -> Release:
        release = self._remote.release(self._draft.id)
        if release is None:
            raise RemoteError(
                f"the draft of {self._tag} has disappeared",
                during=f"publishing {self._tag}",
                already=f"the tag {self._tag} is claimed",
                todo="run the same command again; it makes a new draft",
            )
        return release

    def _uploaded(self, asset: Asset) -> File:
        """The asset as GitHub has it, which decides its name; uploaded where it is not there yet."""
        for attempt in range(1, _TRIES + 1):
            there = next((found for found in self._draft.assets if self._stands_for(found, asset)), None)
            if there is not None and self._same(asset, there):
                return self._named(asset, there)
            try:
                if there is not None:
                    self._remove(there)
                self._project.say(f"uploading {asset.name} ({asset.size} bytes)")
                uploaded = self._remote.upload_asset(
                    self._draft, asset.name, asset.path, _CONTENT_TYPE, label=asset.label
                )
            except NoAnswerError:
                if attempt == _TRIES:
                    raise
                self._release = self._current()
            else:
                self._keep(uploaded.name, uploaded)
                return self._named(asset, uploaded)
        raise AssertionError

    def _named(self, asset: Asset, there: Uploaded) -> File:
        if there.name != asset.label:
            self._project.say(f"{asset.label} is called {there.name} on GitHub")
        return File(there.name, asset.size, asset.digest)

    @staticmethod
    def _stands_for(there: Uploaded, asset: Asset) -> bool:
        return asset.name == there.name or asset.label == there.label

    def _added_by_people(self, full: Sequence[File]) -> tuple[File, ...]:
        """What others put into the draft, which is published and listed; what our interrupted runs left is removed."""
        kept = {file.name for file in (*self._files, *full)}
        kept |= {MANIFEST, CHECKSUMS} if self._files or self._references else set()
        strange = [there for there in self._draft.assets if there.name not in kept]
        added = [there for there in strange if self._is_a_persons(there)]
        for there in strange:
            if there in added:
                self._project.say(f"publishing {there.name} too, which somebody added to the draft")
            else:
                self._project.say(f"removing {there.name}, which an earlier run left")
                self._remove(there)
        return tuple(File(there.name, there.size, self._digest(there)) for there in added)

    @staticmethod
    def _is_a_persons(there: Uploaded) -> bool:
        """Whether somebody else uploaded a file, and whole: ours have a label."""
        return there.state == "uploaded" and not there.label and there.name not in RECORDS

    def _remove(self, there: Uploaded) -> None:
        self._remote.delete_asset(there)
        self._keep(there.name)

    def _keep(self, name: str, *uploaded: Uploaded) -> None:
        """Remember what the draft has under a name now."""
        others = tuple(asset for asset in self._draft.assets if asset.name != name)
        self._release = msgspec.structs.replace(self._draft, assets=(*others, *uploaded))

    def _same(self, file: File, there: Uploaded) -> bool:
        if there.state != "uploaded" or there.size != file.size:
            return False
        return self._digest(there) == file.digest

    def _digest(self, there: Uploaded) -> str:
        return there.digest or f"sha256:{self._remote.digest_asset(there)}"

    def _full(self, rendered: Rendered) -> tuple[File, ...]:
        """The asset of notes that are too long for a release."""
        return () if rendered.full is None else (self._uploaded(full_notes(rendered.full, self._directory)),)

    def _verify(self, release: Release) -> None:
        """Compare every file as GitHub has it with what is to be published, and see that there is no other."""
        there = {asset.name: asset for asset in release.assets}
        wrong = [file.name for file in self._files if file.name not in there or not self._same(file, there[file.name])]
        wrong += sorted(there.keys() - {file.name for file in self._files})
        if wrong:
            raise RemoteError(
                f"GitHub does not have these files of {self._tag} as they are to be published: {', '.join(wrong)}",
                during=f"verifying the draft of {self._tag}",
                already=f"the tag {self._tag} is claimed and its draft is not published",
                todo="run the same command again; it uploads or lists them anew",
            )

    def _published(self, release: Release, body: str, plan: ReleasePlan) -> Release:
        for attempt in range(1, _TRIES + 1):
            try:
                return self._remote.update_release(
                    release.id,
                    self._tag,
                    name=self._tag,
                    body=body,
                    draft=False,
                    prerelease=plan.prerelease,
                    latest=plan.latest,
                )
            except NoAnswerError:
                current = self._current()
                if not current.draft:
                    return current
                if attempt == _TRIES:
                    raise
        raise AssertionError
