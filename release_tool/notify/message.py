"""The words of a message: a template for each event, the standard one or a project's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release_tool.errors import UsageError
from release_tool.notify.notice import LONGEST, Message, calmed, mood_of
from release_tool.text.visible import shortened

if TYPE_CHECKING:
    from release_tool.config.model import Messages
    from release_tool.notify.notice import Notice, Topic

_STANDARD = Path(__file__).parent / "messages"
_MOST_CHANGES = 20
_FEWER_CHANGES = (10, 5, 2, 0)
_LONGEST_SUBJECT = 200
_GAP = re.compile(r"\n{3,}")


class Wording:
    """What the messages of a project say; `directory` is where the templates of `messages` are found.

    A template is given the fields of a notice, whose texts do nothing in any service, and `more`: how many changes
    there was no room for. The first line that it writes is the subject.
    """

    def __init__(self, messages: Messages, directory: Path) -> None:
        self._names: dict[str, str] = msgspec.to_builtins(messages)
        self._directory = directory

    def own(self, event: Topic) -> str:
        """The name of the project's own template; empty where it has none."""
        return self._names.get(event, "")

    def standard(self, notice: Notice) -> Message:
        """Write it as it is written where a project has no words of its own."""
        return _fitting(_template(f"{notice.event}.j2", _STANDARD), calmed(notice))

    def write(self, notice: Notice) -> Message:
        """Write it in the project's own words where it has any; raises UsageError for a template that fails."""
        name = self.own(notice.event)
        if not name:
            return self.standard(notice)
        try:
            return _fitting(_template(name, self._directory, _STANDARD), calmed(notice))
        except (OSError, UnicodeDecodeError, jinja2.TemplateError) as error:
            raise UsageError(
                f"`messages.{notice.event}`: {name} can't be used: {str(error) or type(error).__name__}",
                during="writing a message",
                todo="correct the template, or take it out of the configuration",
            ) from error


def _template(name: str, *directories: Path) -> jinja2.Template:
    return ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(directories),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def _fitting(template: jinja2.Template, notice: Notice) -> Message:
    """Write as many changes as there is room for; what is too long without any is cut."""
    message = _written(template, notice, _MOST_CHANGES)
    for shown in _FEWER_CHANGES:
        if len(message.body) <= _room(message):
            return message
        message = _written(template, notice, shown)
    return msgspec.structs.replace(message, body=shortened(message.body, _room(message)))


def _room(message: Message) -> int:
    """The characters that a body may have: services count the subject, and the line break behind it, too."""
    return LONGEST - len(message.subject) - len("\r\n")


def _written(template: jinja2.Template, notice: Notice, shown: int) -> Message:
    changes = notice.changes[:shown]
    fields = msgspec.structs.asdict(notice) | {"changes": changes, "more": len(notice.changes) - len(changes)}
    subject, _, body = template.render(fields).strip().partition("\n")
    return Message(subject[:_LONGEST_SUBJECT], _GAP.sub("\n\n", body).strip() or subject, mood_of(notice.event))
