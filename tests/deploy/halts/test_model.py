"""Who may halt deployments, what a halt says, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from release_tool.deploy.halts.model import (
    LABEL,
    Halt,
    HaltOrder,
    Issue,
    IssueComment,
    closed_by_hand,
    halting,
    issue_text,
    lifted_by,
    marker,
    order_of,
    over,
    owed_notices,
    pin,
    read_halts,
    unpinned,
)
from release_tool.text.receipt import Receipt, with_receipt

US = "release-bot"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORDER = HaltOrder(environment="production", by="ada", reason="the database is slow", until=NOW + timedelta(hours=2))
ORDERS = st.builds(
    HaltOrder,
    environment=st.text(),
    by=st.text(),
    reason=st.text(),
    until=st.none() | st.datetimes(timezones=st.just(UTC)),
    incident=st.booleans(),
)


def issue(order: HaltOrder | None = ORDER, number: int = 12, **more: object) -> Issue:
    """A halt that we opened, and what is different about it."""
    title, body = issue_text(order) if order else ("Stop!", "")
    made = Issue(
        number=number,
        url=f"https://example.com/{number}",
        title=title,
        body=body,
        author=US,
        author_writes=False,
        labels=(LABEL,),
    )
    return msgspec.structs.replace(made, **more)


def orders(*issues: Issue) -> list[HaltOrder]:
    return [halt.order for halt in read_halts(issues, US)]


def test_what_we_opened_is_a_halt() -> None:
    assert orders(issue()) == [ORDER]


def test_an_issue_of_somebody_with_write_access_is_a_halt_by_that_person() -> None:
    theirs = issue(HaltOrder(environment="production", by="somebody else"), author="bob", author_writes=True)
    assert orders(theirs) == [HaltOrder(environment="production", by="bob")]


@pytest.mark.parametrize(
    "more",
    [
        {"author": "mallory"},
        {"is_pull": True},
        {"is_pull": True, "author": "bob", "author_writes": True},
        {"open": False},
        {"labels": ("bug",)},
        {"labels": ()},
    ],
    ids=["an outsider's", "a pull request", "a writer's pull request", "closed", "another label", "label taken off"],
)
def test_these_are_no_halts(more: dict[str, object]) -> None:
    assert orders(msgspec.structs.replace(issue(), **more)) == []


def test_a_label_is_compared_without_regard_to_case() -> None:
    assert orders(issue(labels=("Release-Halt",))) == [ORDER]


def test_an_issue_that_says_nothing_readable_halts_everything_until_it_is_closed() -> None:
    plain = issue(None, author="bob", author_writes=True)
    assert orders(plain) == [HaltOrder(by="bob", reason="Stop!")]
    assert orders(issue(body="<!-- release-tool:halt {nonsense} -->")) == [HaltOrder(reason=issue().title)]


def test_an_edited_body_leaves_the_halt_what_it_was() -> None:
    pinned = IssueComment(US, pin(ORDER))
    for body in ("", marker(HaltOrder(environment="staging")), "tidied up"):
        assert orders(issue(body=body, comments=(IssueComment("ada", "hm"), pinned))) == [ORDER]


def test_nobody_elses_comment_says_what_is_halted() -> None:
    forged = IssueComment("mallory", pin(HaltOrder(environment="nowhere")))
    assert orders(issue(comments=(forged,))) == [ORDER]


def test_the_first_of_our_comments_counts() -> None:
    comments = (
        IssueComment(US, "Hello"),
        IssueComment(US, pin(ORDER)),
        IssueComment(US, pin(HaltOrder(environment="staging"))),
    )
    assert orders(issue(body="", comments=comments)) == [ORDER]


def test_a_marker_further_down_is_a_quotation() -> None:
    body = f"They wrote:\n{marker(HaltOrder(environment='nowhere'))}"
    assert orders(issue(body=body)) == [HaltOrder(reason=issue().title)]


def test_a_halt_is_pinned_once_so_that_editing_does_not_change_it() -> None:
    fresh, theirs = issue(), issue(None, 13, author="bob", author_writes=True)
    outsiders = issue(None, 14, author="mallory")
    assert unpinned([fresh, theirs, outsiders], US) == (fresh, theirs)
    pinned = msgspec.structs.replace(theirs, title="Go on", comments=(IssueComment(US, pin(order_of(theirs, US))),))
    assert unpinned([pinned], US) == ()
    assert orders(pinned) == [HaltOrder(by="bob", reason="Stop!")]


@given(ORDERS)
def test_every_order_is_read_back_and_can_not_end_the_comment_it_stands_in(order: HaltOrder) -> None:
    text = marker(order)
    assert text.count("-->") == 1
    assert "--" not in text.removeprefix("<!-- ").removesuffix(" -->")
    assert "\n" not in text
    assert orders(issue(body=f"{text}\n\nmore")) == [order]
    assert orders(issue(order)) == [order]


def halt(number: int, order: HaltOrder) -> Halt:
    return Halt(issue=number, url="", order=order)


def test_a_halt_stops_its_environment_or_all() -> None:
    one, every = halt(1, HaltOrder(environment="production")), halt(2, HaltOrder())
    assert halting([one], "production", NOW) == one
    assert halting([one], "staging", NOW) is None
    assert halting([one, every], "staging", NOW) == every
    assert halting([], "staging", NOW) is None


def test_time_ends_a_halt_at_the_very_moment() -> None:
    until = halt(1, ORDER)
    assert halting([until], "production", NOW + timedelta(hours=2) - timedelta(seconds=1)) == until
    assert halting([until], "production", NOW + timedelta(hours=2)) is None
    assert over([until], NOW + timedelta(hours=2)) == (until,)
    assert over([until], NOW) == ()


def test_time_never_ends_what_an_incident_halted() -> None:
    incident = halt(3, HaltOrder(environment="production", until=NOW, incident=True))
    assert halting([halt(1, HaltOrder()), incident], "production", NOW + timedelta(days=99)) == incident
    assert over([incident], NOW + timedelta(days=99)) == ()


def test_a_person_resumes_one_environment_or_everything() -> None:
    one, other, every = (
        halt(1, HaltOrder(environment="production")),
        halt(2, HaltOrder(environment="staging")),
        halt(3, HaltOrder()),
    )
    assert lifted_by([one, other, every], "production") == (one,)
    assert lifted_by([one, other, every]) == (one, other, every)


def test_a_halt_says_who_and_why_in_one_short_line() -> None:
    assert str(halt(12, ORDER)) == "halted by ada: the database is slow (#12)"
    assert str(halt(12, HaltOrder())) == "halted (#12)"
    assert len(str(halt(12, HaltOrder(by="ada", reason="why\n" * 500)))) < 230


def test_the_issue_says_what_is_halted_why_until_when_and_how_to_resume() -> None:
    title, body = issue_text(ORDER)
    assert title == "Deployments to production are halted"
    assert body.partition("\n\n")[2] == snapshot("""\
**Automatic deployments to production are halted by ada, until 2026-11-20 14:00 UTC.**

the database is slow

To resume, close this issue, take its label off, or run `release-tool resume -e production`.
That takes write access, and a person: a pull request or a commit that closes it lifts nothing.
""")


def test_the_issue_of_an_incident_says_that_only_a_person_resumes_and_shows_the_evidence() -> None:
    title, body = issue_text(HaltOrder(environment="production", incident=True), "| the | evidence |")
    assert title == "Deployments to production are halted after an incident"
    assert "until a person resumes" in body
    assert "| the | evidence |" in body


def test_a_reason_pings_nobody_and_closes_nothing() -> None:
    _, body = issue_text(HaltOrder(by="@everyone", reason="@everyone --> <img src=x onerror=y>\nFixes #1"))
    shown = body.partition("\n\n")[2]
    assert "@everyone" not in shown
    assert r"\<img" in shown
    assert "Fixes #1" not in shown


@pytest.mark.parametrize("fence", ["```", "`````"])
def test_an_issue_never_has_more_than_github_takes_and_keeps_the_way_out(fence: str) -> None:
    evidence = "\n".join([fence, *("x" * 200 for _ in range(1_000))])
    by_hand = "\n".join(["By hand:", "", *(f"    deploy host-{number}" for number in range(10_000))])

    _, body = issue_text(HaltOrder(reason="@" * 100_000, environment="production").fitting, evidence, by_hand)

    assert len(body) < 65_536
    assert f"x\n{fence}\n\n…" in body
    assert "deploy host-0\n" in body
    assert body.count("the log of the run has it") == 2
    assert "release-tool resume -e production" in body


# Who is owed a message


def noted(text: str, *owed: str, number: int = 1, at: datetime = NOW) -> IssueComment:
    """Our comment with a note of who is owed a message."""
    return IssueComment(US, with_receipt(text, Receipt(owed=owed), 10_000), number, at)


RESUMED = noted("Resumed by ada.", "team", number=2)
LONG_AGO = NOW - timedelta(days=3)


def test_a_halt_and_its_end_are_owed_by_what_our_comments_note() -> None:
    pinned = noted(pin(ORDER), "team", "ops")
    over = issue(open=False, comments=(pinned, RESUMED))
    assert [(debt.over, debt.comment.id, debt.receipt.owed) for debt in owed_notices([over], US, LONG_AGO)] == [
        (False, 1, ("team", "ops")),
        (True, 2, ("team",)),
    ]
    assert [debt.halt.order for debt in owed_notices([over], US, LONG_AGO)] == [ORDER, ORDER]


def test_that_a_halt_is_over_is_not_told_while_its_issue_is_still_open() -> None:
    assert owed_notices([issue(comments=(noted(pin(ORDER)), RESUMED))], US, LONG_AGO) == ()


def test_nobody_is_owed_anything_by_somebody_elses_comment_or_after_some_days() -> None:
    forged = msgspec.structs.replace(noted(pin(ORDER), "team"), author="eve")
    old = noted(pin(ORDER), "team", at=LONG_AGO)
    assert owed_notices([issue(comments=(forged, old))], US, LONG_AGO) == ()


def test_a_halt_that_we_knew_and_said_nothing_of_was_closed_by_hand() -> None:
    pinned, remark = noted(pin(ORDER)), IssueComment(US, "Thank you")
    cases = {
        "closed by hand": issue(open=False, comments=(pinned, remark)),
        "closed by us": issue(open=False, comments=(pinned, RESUMED)),
        "still open": issue(comments=(pinned,)),
        "never seen": issue(open=False),
    }
    assert [name for name, one in cases.items() if closed_by_hand([one], US)] == ["closed by hand"]
