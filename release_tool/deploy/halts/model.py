"""Halts: who stopped automatic deployments of what, why, and until when, from the issues that say so."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from release_tool.text.markdown import closed, inert, inert_block
from release_tool.text.receipt import Receipt, receipt_of
from release_tool.text.typed import word
from release_tool.text.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LABEL = "release-halt"
"""The label of every halt."""

REMEMBERED = timedelta(days=14)
"""For how long it is looked at how a halt ended; every look after an end that lifts nothing opens the issue again."""

_START, _END = "<!-- release-tool:halt ", " -->"
_MARKER = re.compile(rf"{re.escape(_START)}(\{{.*?\}}){re.escape(_END)}")
_LONGEST_REASON = 200
KEPT_OF_A_REASON = 2_000
"""Characters of a person's reason that are kept: in an issue's marker as well as in its text, and in the ledger."""
_LONGEST_BODY = 60_000
"""Characters of an issue's text, with room to spare: GitHub takes 65,536."""
_CUT = "\n\n… there is no room here for the rest of it: the log of the run has it."


class HaltOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=1, omit_defaults=True):
    """What is halted. No environment means all of them, no time means until somebody resumes.

    An incident's halt has no end, and only a person lifts it.
    """

    environment: str = ""
    by: str = ""
    reason: str = ""
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    incident: bool = False

    @property
    def fitting(self) -> HaltOrder:
        """The same with a reason that an issue has room for."""
        return msgspec.structs.replace(self, reason=shortened(self.reason, KEPT_OF_A_REASON))


class IssueComment(msgspec.Struct, frozen=True):
    """Something said on an issue, oldest first in its list; `at` is when."""

    author: str
    body: str
    id: int = 0
    at: datetime | None = None


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How an issue was closed, or lost the label: by whom, who `counts` or not, and by what `means`, empty by hand."""

    by: str
    means: str = ""
    unlabelled: bool = False
    counts: bool = False

    def __str__(self) -> str:
        what = "lost its label" if self.unlabelled else "was closed"
        by = f" by {visible(self.by)}" if self.by else ""
        return f"{what}{by}" + (f" with {self.means}" if self.means else "")

    def lifts(self, *, incident: bool) -> bool:
        """Whether that lifts a halt: a person with write access does, by hand, and an incident's only by closing it."""
        return self.counts and not self.means and not (incident and self.unlabelled)


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue or pull request as GitHub tells of it; `author_writes` says that its author may push.

    `labelled_well` says that whoever set the label may, and `end` how it ended, where it did.
    """

    number: int
    url: str
    title: str
    body: str
    author: str
    author_writes: bool
    labels: tuple[str, ...]
    labelled_well: bool = True
    open: bool = True
    end: End | None = None
    is_pull: bool = False
    comments: tuple[IssueComment, ...] = ()


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """A halt and the issue that it stands in; `kept` is an end of it that lifts nothing."""

    issue: int
    url: str
    order: HaltOrder
    kept: End | None = None

    def __str__(self) -> str:
        by = f" by {visible(self.order.by)}" if self.order.by else ""
        reason = f": {shortened(visible(self.order.reason), _LONGEST_REASON)}" if self.order.reason else ""
        kept = f", which {self.kept}, but the halt still holds" if self.kept else ""
        return f"halted{by}{reason} (#{self.issue}{kept})"

    def stops(self, environment: str) -> bool:
        """Whether it is about an environment."""
        return self.order.environment in {"", environment}

    def is_over(self, now: datetime) -> bool:
        """Whether its time has passed, which never ends an incident's."""
        return not self.order.incident and self.order.until is not None and self.order.until <= now


class OwedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A notification of a halt that is still to be sent: that it was set, or that it is `over`.

    `comment` is ours, with the receipt that says so.
    """

    halt: Halt
    comment: IssueComment
    over: bool

    @property
    def receipt(self) -> Receipt:
        """The channels that were notified, and those that are still to be."""
        return receipt_of(self.comment.body)


def owed_notices(issues: Iterable[Issue], us: str, since: datetime) -> tuple[OwedNotice, ...]:
    """The notifications since a time that are still to be sent, by the records in our comments."""
    found = (
        (Halt(issue=issue.number, url=issue.url, order=_order(issue, us)), issue, comment)
        for issue in issues
        for comment in _ours(issue, us)
        if comment.at and comment.at > since
    )
    noted = (
        OwedNotice(halt=halt, comment=comment, over=_marked(comment.body) is None)
        for halt, issue, comment in found
        if _marked(comment.body) or not issue.open
    )
    return tuple(debt for debt in noted if debt.receipt.owed)


def closed_by_hand(issues: Iterable[Issue], us: str) -> tuple[Halt, ...]:
    """Known halts whose issues were closed by hand, and that are not announced yet."""
    return tuple(
        Halt(issue=issue.number, url=issue.url, order=_order(issue, us))
        for issue in issues
        if not issue.open
        and _kept(issue, us) is None
        and _pinned(issue, us)
        and not any(_tells_end(comment) for comment in _ours(issue, us))
    )


def _tells_end(comment: IssueComment) -> bool:
    return _marked(comment.body) is None and receipt_of(comment.body) != Receipt()


def read_halts(issues: Iterable[Issue], us: str) -> tuple[Halt, ...]:
    """The halts among the issues, over or not, oldest first; `us` is the account that the tool writes as."""
    found = (issue for issue in issues if _is_halt(issue, us))
    return tuple(
        Halt(issue=issue.number, url=issue.url, order=_order(issue, us), kept=_kept(issue, us))
        for issue in sorted(found, key=lambda issue: issue.number)
    )


def halting(halts: Iterable[Halt], environment: str, now: datetime) -> Halt | None:
    """The halt that stops an environment now: an incident's before any other, then the oldest."""
    stopping = (halt for halt in halts if halt.stops(environment) and not halt.is_over(now))
    return min(stopping, key=lambda halt: (not halt.order.incident, halt.issue), default=None)


def over(halts: Iterable[Halt], now: datetime) -> tuple[Halt, ...]:
    """The halts whose issues are still open although their time has passed."""
    return tuple(halt for halt in halts if halt.is_over(now))


def lifted_by(halts: Iterable[Halt], environment: str = "") -> tuple[Halt, ...]:
    """The halts that a person's `resume` lifts: all of them, or those of just one environment and of no other."""
    return tuple(halt for halt in halts if environment in {"", halt.order.environment})


def unpinned(issues: Iterable[Issue], us: str) -> tuple[Issue, ...]:
    """The halts that `pin` has to be written on, so that they stay what they are when somebody edits their text."""
    return tuple(issue for issue in issues if _is_halt(issue, us) and _pinned(issue, us) is None)


def issue_text(order: HaltOrder, *details: str) -> tuple[str, str]:
    """Write the title and body of the issue that halts; `details` are Markdown of our own, such as the evidence.

    Where there is no room for them, each loses its end: an issue that GitHub refuses would halt nothing.
    """
    what = order.environment or "every environment"
    title = f"Deployments to {what} are halted" + (" after an incident" if order.incident else "")
    parts = [marker(order), f"**{_sentence(order)}**"]
    if order.reason:
        parts.append(inert_block(order.reason))
    room = _LONGEST_BODY - len("\n\n".join([*parts, _way_out(order)]))
    for left, text in zip(range(len(details), 0, -1), details, strict=True):
        parts.append(_cut(text, room // left))
        room -= len(parts[-1])
    return title, "\n\n".join([*filter(None, parts), _way_out(order)]) + "\n"


def _cut(text: str, room: int) -> str:
    """As many lines of a text as there is room for, with every fence closed."""
    if len(text) <= room:
        return text
    return closed(text[: max(room - 2 * len(_CUT), 0)].rpartition("\n")[0]) + _CUT


def pin(order: HaltOrder) -> str:
    """Write the comment that preserves a halt, whatever is edited in the text above it."""
    return f"{marker(order)}\n\n{_sentence(order)} Editing the text above does not change that.\n"


def order_of(issue: Issue, us: str) -> HaltOrder:
    """What an issue halts, for `pin`."""
    return _order(issue, us)


def marker(order: HaltOrder) -> str:
    """Write an order where people don't see it, in a form that can't end the comment it stands in."""
    text = msgspec.json.encode(order).decode()
    return _START + text.replace("<", r"\u003c").replace(">", r"\u003e").replace("--", r"\u002d\u002d") + _END


def _is_halt(issue: Issue, us: str) -> bool:
    labelled = LABEL in {label.casefold() for label in issue.labels}
    stands = (issue.open and labelled and issue.labelled_well) or _kept(issue, us) is not None
    return stands and not issue.is_pull and (issue.author_writes or issue.author == us)


def _kept(issue: Issue, us: str) -> End | None:
    """The end of a halt that lifts nothing; what is not known to have been a halt has none."""
    if issue.end is None or issue.end.lifts(incident=_order(issue, us).incident):
        return None
    theirs = issue.author_writes and issue.labelled_well and not issue.end.unlabelled
    known = theirs or _pinned(issue, us) or (issue.author == us and _marked(issue.body))
    return issue.end if known else None


def reopening(halt: Halt) -> str:
    """Write the comment under which an issue is opened again, or gets its label back."""
    who_may = "by `release-tool resume`, or by somebody with write access who closes it by hand"
    return f"This issue {_inert_end(halt)}. That lifts no halt, so it holds: it is lifted {who_may}.\n"


def _inert_end(halt: Halt) -> str:
    return inert(str(halt.kept))


def _order(issue: Issue, us: str) -> HaltOrder:
    """Read our own comment, else the text. An issue that can't be read halts everything until it is closed."""
    order = _pinned(issue, us) or _marked(issue.body) or HaltOrder(reason=issue.title)
    return order if issue.author == us else msgspec.structs.replace(order, by=issue.author)


def _pinned(issue: Issue, us: str) -> HaltOrder | None:
    return next((order for comment in _ours(issue, us) if (order := _marked(comment.body))), None)


def _ours(issue: Issue, us: str) -> Sequence[IssueComment]:
    return [comment for comment in issue.comments if comment.author == us]


def _marked(text: str) -> HaltOrder | None:
    """Read the marker that begins a text; one further down may be a quotation."""
    match = _MARKER.match(text.lstrip())
    try:
        return msgspec.json.decode(match[1], type=HaltOrder) if match else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _sentence(order: HaltOrder) -> str:
    what = inert(order.environment) or "every environment"
    by = f" by {inert(order.by)}" if order.by else ""
    return f"Automatic deployments to {what} are halted{by}, {_until(order)}."


def _until(order: HaltOrder) -> str:
    if order.incident or order.until is None:
        return "until a person resumes"
    return f"until {order.until:%Y-%m-%d %H:%M %Z}"


def _way_out(order: HaltOrder) -> str:
    where = order.environment.replace("`", "")
    resume = f"`release-tool resume -e {word(where)}`" if where else "`release-tool resume`"
    close = "close this issue" if order.incident else "close this issue, take its label off,"
    return (
        f"To resume, {close} or run {resume}.\n"
        "That takes write access, and a person: a pull request or a commit that closes it lifts nothing."
    )
