"""A notification, independent of the service that delivers it; what people wrote in it is inert."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, assert_never

import msgspec

from release_tool.config.model import Event
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release_tool.config.model import Channel

Topic = Event | Literal["test"]
Mood = Literal["info", "success", "warning", "failure"]
Link = tuple[str, str]
"""A name and an address."""

LONGEST = 1_900
"""Characters of a message: Discord takes 2,000 and refuses what is longer."""

_NEED_A_PERSON: frozenset[Topic] = frozenset({"failed", "sync-conflict"})
"""Events that always need a person: subscribers of `needs-person` get them too, once."""

_LONGEST_LINE = 300
_LONGEST_TITLE = 120
_ROOM_FOR_ESCAPES = 4
"""How many times as much of a text is looked at as is shown, for it may begin with much that is invisible."""
_APART = "\u200b"
"""A space without width: what it parts pings nobody and leads nowhere any more, and looks as before."""
_BRACKETS = str.maketrans({"<": "\u2039", ">": "\u203a"})
"""HTML, and all that Slack and Discord obey, begins with the first of these; there is no escape that all know."""
_ACTIVE = re.compile(r"@|&(?=#?\w)|!(?=[\[\w])|\](?=[\[(:])|`(?=`)|:(?=//)|www(?=\.)", re.IGNORECASE)
_BEGINS_BLOCK = re.compile(r"[-+*#=~|:]|\d+[.)]")
_ADDRESS = re.compile(r"https?://[\w.~:/?#@!$&'*+,;=%-]+", re.ASCII)
"""A web address in which nothing means anything in Markdown or HTML; what else it may hold can be percent-encoded."""


class NoticeChange(msgspec.Struct, frozen=True):
    """One change: `#12` or the hash of a commit, and its title."""

    name: str
    title: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell: `event` is what a channel subscribes to, and `title` says it in one sentence.

    It may be about an environment, lead from the version `before` to the version `after`, have been somebody's (`who`)
    doing, and have a reason. `refers_to` is what was told earlier and is over by this, such as a failure.
    """

    event: Topic
    title: str
    text: str = ""
    links: tuple[Link, ...] = ()
    environment: str = ""
    before: str = ""
    after: str = ""
    changes: tuple[NoticeChange, ...] = ()
    who: str = ""
    reason: str = ""
    refers_to: Link | None = None


class Message(msgspec.Struct, frozen=True):
    """What is sent: a subject, and a body in such Markdown as reads well where nobody formats it."""

    subject: str
    body: str
    mood: Mood = "info"


class SendFailure(msgspec.Struct, frozen=True):
    """A channel that a message did not reach, and why, without secrets."""

    channel: str
    reason: str


class SendReport(msgspec.Struct, frozen=True):
    """Which channels a message reached, and which it did not."""

    sent: tuple[str, ...] = ()
    failures: tuple[SendFailure, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether every subscribed channel was notified."""
        return not self.failures

    @property
    def owed(self) -> tuple[str, ...]:
        """The channels that are still to be notified."""
        return tuple(failure.channel for failure in self.failures)


def subscribers(channels: Mapping[str, Channel], event: Topic, environment: str = "") -> tuple[str, ...]:
    """The channels that an event is sent to; one that names environments also gets events about none."""
    return tuple(name for name, channel in channels.items() if _wants(channel, event, environment))


def _wants(channel: Channel, event: Topic, environment: str) -> bool:
    chosen = event in channel.events or (event in _NEED_A_PERSON and "needs-person" in channel.events)
    wanted = event == "test" or not channel.events or chosen
    return wanted and (not environment or not channel.environments or environment in channel.environments)


def mood_of(event: Topic) -> Mood:
    """How a message looks where messages have colours."""
    match event:
        case "released" | "deployed" | "resumed":
            return "success"
        case "failed":
            return "failure"
        case "sync-conflict" | "rolled-back" | "halted" | "held" | "drift" | "needs-person":
            return "warning"
        case "test":
            return "info"
        case _:
            assert_never(event)


def calm(text: str, longest: int = _LONGEST_LINE) -> str:
    """Make one line of what people wrote that does nothing in any service: it pings nobody and leads nowhere.

    Emphasis and code spans may still be shown as such.
    """
    line = visible(text[: longest * _ROOM_FOR_ESCAPES].encode(errors="replace").decode())
    cut = line if len(line) <= longest and len(text) <= longest * _ROOM_FOR_ESCAPES else f"{line[: longest - 1]}…"
    return _ACTIVE.sub(rf"\g<0>{_APART}", cut.translate(_BRACKETS))


def _calm_beginning(text: str, longest: int = _LONGEST_LINE) -> str:
    """The same for what stands first in a line, where it could be a heading or a list."""
    shown = calm(text, longest)
    return f"{_APART}{shown}" if _BEGINS_BLOCK.match(shown) else shown


def calmed(notice: Notice) -> Notice:
    """The same notice with all its texts made calm; links that are no web addresses are left out."""
    return msgspec.structs.replace(
        notice,
        title=calm(notice.title),
        text=_calm_beginning(notice.text),
        environment=calm(notice.environment),
        before=calm(notice.before),
        after=calm(notice.after),
        who=calm(notice.who),
        reason=calm(notice.reason),
        changes=tuple(map(_calm_entry, notice.changes)),
        links=tuple(link for found in notice.links if (link := _calm_link(found))),
        refers_to=_calm_link(notice.refers_to) if notice.refers_to else None,
    )


def _calm_entry(entry: NoticeChange) -> NoticeChange:
    return NoticeChange(calm(entry.name), _calm_beginning(entry.title, _LONGEST_TITLE))


def _calm_link(link: Link) -> Link | None:
    name, address = link
    return (calm(name), address) if _ADDRESS.fullmatch(address) else None
