"""Templates that a project brings along: sandboxed, so that they can show values and do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release_tool.errors import RefusedError, UsageError
from release_tool.release.notes.merge import merge, whole
from release_tool.release.notes.render import Rendered, render
from release_tool.text.markdown import inert, inert_block
from release_tool.text.markers import LIMIT, without_record

if TYPE_CHECKING:
    from pathlib import Path

    from release_tool.release.notes.render import Notes


class Template:
    """A project's own template for release notes.

    It is given `tag`, `previous`, `changes`, `url`, and as `notes` what would be written without it.
    The filters `inert` and `inert_block` make a line and a block of user text safe to show.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def render(self, notes: Notes) -> Rendered:
        """Write the notes; raises UsageError for a template that fails, or that writes more than GitHub takes."""
        standard = render(notes)
        text = whole(self._filled(notes, without_record(standard.text)), notes.previous)
        if len(text) > LIMIT:
            raise self._wrong(f"writes {len(text)} characters, and GitHub takes {LIMIT}")
        return Rendered(text, standard.full)

    def regenerate(self, existing: str, notes: Notes) -> Rendered:
        """Write the notes into a text that may have been edited; RefusedError where that is too long."""
        rendered = self.render(notes)
        merged = merge(existing, rendered.text)
        if len(merged) > LIMIT:
            raise RefusedError(
                f"the release notes would have {len(merged)} characters, and GitHub takes {LIMIT}",
                already="the published text is unchanged",
                todo="shorten what was added by hand, or the template",
            )
        return Rendered(merged, rendered.full)

    def _filled(self, notes: Notes, standard: str) -> str:
        environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        environment.filters |= {"inert": inert, "inert_block": inert_block}
        try:
            return environment.from_string(self._path.read_text()).render(
                tag=notes.tag,
                previous=notes.previous,
                changes=notes.changes,
                url=notes.repository_url,
                notes=standard,
            )
        except (OSError, UnicodeDecodeError, jinja2.TemplateError) as error:
            raise self._wrong(f"can't be used: {error}") from error

    def _wrong(self, why: str) -> UsageError:
        return UsageError(
            f"`notes-template`: {self._path.name} {why}",
            during="writing the notes",
            todo="correct the template, or take `notes-template` out of the configuration",
        )
