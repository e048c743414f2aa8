"""What is told to whom, and that what people wrote does nothing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Channel
from release_tool.notify.notice import Notice, NoticeChange, calm, calmed, subscribers
from release_tool.text.receipt import Receipt, receipt_of, with_receipt, without_receipt
from release_tool.text.visible import visible

if TYPE_CHECKING:
    from release_tool.config.model import Event

LIMIT = 10_000
NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4).map(tuple)


def test_a_channel_hears_what_it_asked_for_and_without_asking_everything() -> None:
    channels = {
        "all": Channel(url_env="A"),
        "releases": Channel(url_env="B", events=("released",)),
        "production": Channel(url_env="C", environments=("production",)),
    }
    assert subscribers(channels, "released") == ("all", "releases", "production")
    assert subscribers(channels, "deployed", "production") == ("all", "production")
    assert subscribers(channels, "deployed", "staging") == ("all",)
    assert subscribers(channels, "halted") == ("all", "production")
    assert subscribers(channels, "test") == ("all", "releases", "production")


@pytest.mark.parametrize("event", ["failed", "sync-conflict", "needs-person"])
def test_who_asked_for_what_needs_a_person_hears_whatever_does_and_each_thing_once(event: Event) -> None:
    channels = {
        "people": Channel(url_env="A", events=("needs-person",)),
        "both": Channel(url_env="B", events=("needs-person", event)),
        "others": Channel(url_env="C", events=("deployed", "rolled-back", "held")),
    }
    assert subscribers(channels, event) == ("people", "both")


@pytest.mark.parametrize(
    "typed, shown",
    [
        ("Add search", "Add search"),
        ("fix: a `code span` stays", "fix: a `code span` stays"),
        ("<!channel> look", "\u2039!_channel\u203a look"),
        ("thanks @everyone", "thanks @_everyone"),
        ("[click](https://evil.example)", "[click]_(https:_//evil.example)"),
        ("see www.evil.example", "see www_.evil.example"),
        ("<script>alert(1)</script>", "\u2039script\u203aalert(1)\u2039/script\u203a"),
        ("&lt;b&gt;", "&_lt;b&_gt;"),
        ("``` and ```", "`_`_` and `_`_`"),
        ("![x](y)", "!_[x]_(y)"),
        ("two\nlines\x1b[31m and a bell\x07", "two lines and a bell"),
        ("a lone \ud800 half", "a lone ? half"),
    ],
)
def test_what_people_wrote_looks_as_before_and_does_nothing(typed: str, shown: str) -> None:
    assert calm(typed) == shown.replace("_", "\u200b")


def test_a_text_of_ten_million_letters_becomes_one_short_line() -> None:
    assert calm("word " * 2_000_000) == "word " * 59 + "word…"
    assert len(calm("\x07" * 10_000_000 + "x")) <= 300


@given(st.text())
def test_whatever_people_wrote_is_one_line_that_pings_and_opens_nothing(text: str) -> None:
    shown = calm(text)
    assert visible(shown) == shown.replace("\u200b", "")
    assert "\n" not in shown
    assert "<" not in shown
    assert "://" not in shown
    assert "](" not in shown
    assert all(mark == "\u200b" for at, mark in enumerate(shown) if at and shown[at - 1] == "@")


def test_a_title_can_t_become_a_heading_or_a_list() -> None:
    made = calmed(
        Notice(
            event="released",
            title="x",
            changes=tuple(NoticeChange("#1", title) for title in ("# a", "- b", "1. c", "d")),
        )
    )
    assert [entry.title for entry in made.changes] == ["\u200b# a", "\u200b- b", "\u200b1. c", "d"]


def test_a_link_that_is_no_web_address_is_left_out() -> None:
    good = ("run", "https://github.com/acme/shop/actions/runs/1?check=a&b=c")
    bad = (
        ("x", "javascript:alert(1)"),
        ("y", "https://a b"),
        ("z", "https://a>b"),
        ("e", ""),
        ("i", "https://a/![x](https://b)"),
    )
    assert calmed(Notice(event="released", title="x", links=(good, *bad), refers_to=("z", "ftp://z"))).links == (good,)


@given(NAMES, NAMES, st.sampled_from(["", "The notes.", "A\n\n<!-- rt:notes\n-->\n"]))
def test_who_was_told_is_read_as_it_was_written_and_leaves_no_trace(
    told: tuple[str, ...], owed: tuple[str, ...], text: str
) -> None:
    written = with_receipt(text, Receipt(told=told, owed=owed), LIMIT)
    assert receipt_of(written) == Receipt(told=told, owed=owed)
    assert receipt_of(written.replace("\n", "\r\n")) == Receipt(told=told, owed=owed)
    assert without_receipt(written).rstrip() == text.rstrip()
    assert with_receipt(written, Receipt(owed=("x",)), LIMIT).count("rt:told") == 1
    assert "--" not in written.removeprefix(text.rstrip()).strip()[4:-3]


def test_a_text_that_leaves_no_room_is_published_without_saying_who_is_owed() -> None:
    assert with_receipt("x" * 90, Receipt(owed=("team",)), 100) == "x" * 90


@pytest.mark.parametrize("line", ["<!-- rt:told {] -->", '<!-- rt:told {"owed": 1} -->', "<!-- rt:told -->", ""])
def test_what_a_person_broke_owes_nobody_anything(line: str) -> None:
    assert receipt_of(f"The notes.\n{line}\n") == Receipt()
