"""The notes of a release: shown, edited by a person, or regenerated around what a person wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.errors import RefusedError, UsageError
from release_tool.history.facts import Request
from release_tool.history.look import facts_for, look, look_at_tags
from release_tool.model.version import parse_version, tag_name
from release_tool.release.notes.render import Notes, regenerate, render
from release_tool.release.plan import plan_finish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from release_tool.github.api import Release
    from release_tool.history.changes import Change
    from release_tool.history.look import RepositorySnapshot
    from release_tool.model.tags import VersionTag
    from release_tool.project import Project
    from release_tool.release.notes.render import Rendered
    from release_tool.release.notes.template import Template
    from release_tool.release.plan import ReleasePlan


class NotesResult(msgspec.Struct, frozen=True, kw_only=True):
    """The notes of a tag, where they are published, and whether this command changed them."""

    tag: str
    text: str
    url: str = ""
    changed: bool = False


def notes_of(project: Project, plan: ReleasePlan) -> Notes:
    """What the notes of a planned release tell; who is new is asked of GitHub where there is a token."""
    return Notes(
        tag=str(plan.tag),
        previous=plan.previous,
        changes=plan.changes,
        repository_url=project.web_url,
        newcomers=frozenset() if plan.unseen else newcomers(project, plan.changes),
    )


def written(project: Project, notes: Notes) -> Rendered:
    """Write notes, with the project's own template where it has one."""
    template = _template(project)
    return template.render(notes) if template else render(notes)


def rewritten(project: Project, existing: str, notes: Notes) -> Rendered:
    """Write notes into a text that people may have edited; raises RefusedError where their words leave no room."""
    template = _template(project)
    return template.regenerate(existing, notes) if template else regenerate(existing, notes)


def show(project: Project, tag: str) -> NotesResult:
    """Read the notes of a tag, or of the newest release: as published, else as they would be generated."""
    if project.github is None:
        return _preview(project, tag, online=False)
    name, release = _find(project, tag)
    if release is None:
        return _preview(project, name, online=True)
    return NotesResult(tag=release.tag, text=release.body or "", url=release.html_url)


def edit(project: Project, tag: str, editor: Callable[[str], str | None]) -> NotesResult:
    """Let a person edit the published notes; refuses to overwrite what somebody else changed meanwhile.

    `editor` returns the edited text, or None where the person left it as it was.
    """
    release = _published(project, tag)
    before = release.body or ""
    after = editor(before)
    if after is None or after == before:
        return NotesResult(tag=release.tag, text=before, url=release.html_url)
    current = project.remote.release(release.id)
    if current is None or (current.body or "") != before:
        raise RefusedError(
            f"somebody changed the notes of {release.tag} while you edited them",
            during=f"saving the notes of {release.tag}",
            already="the notes on GitHub are as they left them",
            todo=f"your text is kept in {_keep(project, release.tag, after)}; edit again and copy it from there",
        )
    return _saved(project, current, after)


def write(project: Project, tag: str) -> NotesResult:
    """Generate the notes anew and keep what people wrote into them."""
    release = _published(project, tag)
    merged = rewritten(project, release.body or "", _generated(project, release.tag, online=True)).text
    if merged == (release.body or ""):
        return NotesResult(tag=release.tag, text=merged, url=release.html_url)
    return _saved(project, release, merged)


def resolve_tag(project: Project, text: str) -> str:
    """The tag that a person names as `v1.3.0` or `1.3.0`."""
    version = parse_version(text)
    if version is None:
        return text
    found, tags = look_at_tags(project)
    return next((tag.name for tag in tags if tag.version == version), tag_name(version, found.prefix))


def _saved(project: Project, release: Release, body: str) -> NotesResult:
    project.remote.update_release(release.id, release.tag, body=body)
    return NotesResult(tag=release.tag, text=body, url=release.html_url, changed=True)


def _published(project: Project, tag: str) -> Release:
    name, release = _find(project, tag)
    if release is None:
        raise RefusedError(
            f"there is no release {name} on GitHub" if name else "nothing is released yet",
            already="nothing was changed",
            todo="see `release-tool plan` for what will be released next",
        )
    return release


def _find(project: Project, tag: str) -> tuple[str, Release | None]:
    """Find a release by its tag, published or our draft; without a tag the newest published one."""
    releases = project.remote.releases()
    if not tag:
        newest = next((release for release in releases if not release.draft), None)
        return (newest.tag if newest else "", newest)
    name = resolve_tag(project, tag)
    found = sorted((release for release in releases if release.tag == name), key=lambda release: release.draft)
    return name, found[0] if found else project.remote.release_by_tag(name)


def _preview(project: Project, tag: str, *, online: bool) -> NotesResult:
    notes = _generated(project, tag, online=online)
    return NotesResult(tag=notes.tag, text=written(project, notes).text)


def _generated(project: Project, tag: str, *, online: bool) -> Notes:
    seen = look(project, online=online)
    found = _version_tag(project, seen, tag)
    return notes_of(project, plan_finish(facts_for(project, seen, Request(), finishing=found), found))


def _template(project: Project) -> Template | None:
    if not project.config.notes_template:
        return None
    from release_tool.release.notes.template import Template

    return Template(project.git.root / project.config.notes_template)


def _version_tag(project: Project, seen: RepositorySnapshot, tag: str) -> VersionTag:
    name = resolve_tag(project, tag)
    found = next((known for known in seen.tags if known.name == name or (not name and known.stable)), None)
    if found is None:
        raise UsageError(
            f"there is no version tag {name}" if name else "there is no version tag yet",
            todo="see `git tag --list`, and fetch what is missing with `git fetch --tags`",
        )
    return found


def newcomers(project: Project, changes: Sequence[Change]) -> frozenset[str]:
    """Whose first pull request here is among some changes, as GitHub knows it."""
    people = contributors(changes)
    if project.github is None or not people:
        return frozenset()
    oldest = min(change.landed_at for change in changes)
    return frozenset(project.github.newcomers(people, datetime.fromtimestamp(oldest, UTC)))


def contributors(changes: Sequence[Change]) -> frozenset[str]:
    """Everybody who wrote a pull request of some changes and has an account; bots are left out."""
    authors = (author for change in changes if change.pull for author in change.authors)
    return frozenset(author.login for author in authors if author.login and not author.bot)


def _keep(project: Project, tag: str, text: str) -> str:
    path = project.git.root / f".release-notes-{tag.replace('/', '-')}.md"
    path.write_text(text)
    return str(path)
