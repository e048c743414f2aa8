"""What people write into generated notes survives when these are generated again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.release.notes.merge import GeneratedPart, compose, merge, whole, withdrawn
from release_tool.text.markers import LIMIT, base_of, is_abandoned, is_ours, is_withdrawn, without_record
from tests.text.reading import outline, reads

NAMES = {"features": "New features", "fixes": "Bug fixes", "other": "Other changes"}


def notes(*entries: str, base: str | None = "v1.2.3", thanks: str = "ada") -> str:
    """Notes with entries such as `features-p1: Search`; a text after a slash stands below its entry."""
    parts = []
    for section, heading in NAMES.items():
        listed = [entry.partition(": ") for entry in entries if entry.startswith(section)]
        if listed:
            parts.append(GeneratedPart(section, f"## {heading}"))
            parts += [GeneratedPart(id_, f"- {text}".replace("/", "\n\n  ")) for id_, _, text in listed]
    return compose([*parts, GeneratedPart("contributors", f"## Contributors\n\n{thanks}")], base)


SEARCH, FILTERS, CRASH = "features-p1: Search", "features-p2: Filters", "fixes-p3: No more crash"
BEFORE = notes(SEARCH, CRASH)
FRESH = notes(SEARCH, FILTERS, CRASH)


def visible(text: str) -> str:
    return without_record(text).rstrip("\n")


def test_notes_that_nobody_touched_become_the_fresh_ones() -> None:
    assert merge(BEFORE, FRESH) == FRESH
    assert merge(BEFORE.replace("\n", "\r\n"), FRESH) == FRESH
    assert merge("", FRESH) == FRESH
    assert merge(" \r\n", FRESH) == FRESH


def test_the_record_is_invisible() -> None:
    assert "rt:" in BEFORE
    assert reads(visible(BEFORE)) == reads(BEFORE.partition("<!--")[0])
    assert visible(BEFORE) == "## New features\n\n- Search\n\n## Bug fixes\n\n- No more crash\n\n## Contributors\n\nada"


def test_an_edited_entry_is_kept_and_new_ones_are_added_beside_it() -> None:
    edited = BEFORE.replace("- Search", "- Search, at last").replace("\n", "\r\n")
    assert visible(merge(edited, notes("features-p1: Search!", FILTERS, CRASH))) == (
        "## New features\n\n- Search, at last\n- Filters\n\n## Bug fixes\n\n- No more crash\n\n## Contributors\n\nada"
    )


def test_a_deleted_entry_stays_deleted() -> None:
    merged = merge(BEFORE.replace("- Search\n", ""), FRESH)
    assert "Search" not in merged
    assert "- Filters" in merged
    assert "Search" not in merge(merged, FRESH)


def test_a_text_below_an_entry_belongs_to_it() -> None:
    before = notes("features-p1: Search/Everywhere.")
    assert "Everywhere" not in merge(before, notes("features-p1: Search"))
    edited = before.replace("Everywhere.", "Everywhere, and fast.")
    assert "- Search\n\n  Everywhere, and fast." in merge(edited, notes("features-p1: Other words"))


def test_free_text_stays_where_it_was_written() -> None:
    edited = "Dear users!\n\n" + BEFORE.replace("## Bug", "*See the video.*\n\n## Bug").replace("<!--", "Bye.\n\n<!--")
    assert visible(merge(edited, notes(FILTERS, CRASH, thanks="ada, bob"))) == (
        "Dear users!\n\n## New features\n\n*See the video.*\n\n- Filters\n\n## Bug fixes\n\n- No more crash\n\n"
        "## Contributors\n\nada, bob\n\nBye."
    )


def test_what_is_gone_from_the_fresh_notes_goes_with_its_heading() -> None:
    merged = merge("Hello.\n\n" + BEFORE, notes(SEARCH))
    assert visible(merged) == "Hello.\n\n## New features\n\n- Search\n\n## Contributors\n\nada"


def test_a_heading_stays_as_long_as_a_person_has_something_below_it() -> None:
    edited = BEFORE.replace("- No more crash", "- No more crash\n- By hand")
    assert "## Bug fixes\n\n- By hand\n\n## Contributors" in merge(edited, notes(SEARCH))


def test_a_new_entry_goes_below_what_a_person_added_to_the_one_above() -> None:
    edited = BEFORE.replace("- Search", "- Search\n  - by name").replace("ada", "ada\n\nThank you!")
    assert visible(merge(edited, FRESH)) == (
        "## New features\n\n- Search\n  - by name\n- Filters\n\n## Bug fixes\n\n- No more crash\n\n"
        "## Contributors\n\nada\n\nThank you!"
    )


def test_a_generated_remark_goes_although_a_person_wrote_below_it() -> None:
    remark = GeneratedPart("intro", "First release.")
    before = compose([remark, GeneratedPart("compare", "v1...v2")], None)
    merged = merge(
        before.replace("First release.", "First release.\n\nHello."),
        compose([GeneratedPart("compare", "v1...v2")], "v1"),
    )
    assert visible(merged) == "Hello.\n\nv1...v2"


def test_a_new_section_goes_where_it_belongs() -> None:
    merged = merge("Hello.\n\n" + notes(SEARCH), notes(SEARCH, CRASH, "other-p4: Docs"))
    assert outline(merged) == ["p", "h2", "ul", "h2", "ul", "h2", "ul", "h2", "p"]
    assert visible(merged) == f"Hello.\n\n{visible(notes(SEARCH, CRASH, 'other-p4: Docs'))}"


@pytest.mark.parametrize("heading", ["## 🚀 Features", "## What's new", "## Enhancements:"])
def test_new_entries_go_below_the_heading_that_a_person_gave_their_section(heading: str) -> None:
    edited = BEFORE.replace("## New features", heading).replace("- Search", "- Search it is")
    assert f"{heading}\n\n- Search it is\n- Filters\n\n## Bug fixes" in merge(edited, FRESH)


def test_new_entries_follow_their_siblings_where_a_person_took_the_headings_away() -> None:
    edited = BEFORE.replace("## New features\n\n", "").replace("## Bug fixes\n\n", "")
    assert visible(merge(edited, FRESH)) == "- Search\n- Filters\n\n- No more crash\n\n## Contributors\n\nada"


def test_a_new_entry_brings_the_heading_back_where_nothing_is_left_of_its_section() -> None:
    edited = BEFORE.replace("## New features\n\n- Search\n\n", "")
    merged = merge(edited, FRESH)
    assert visible(merged).startswith("## New features\n\n- Filters\n\n## Bug fixes")
    assert "Search" not in merged


def test_an_entry_that_changes_its_section_moves() -> None:
    merged = merge("Hello.\n\n" + BEFORE, notes("fixes-p1: Search", CRASH))
    assert visible(merged) == f"Hello.\n\n{visible(notes('fixes-p1: Search', CRASH))}"


def test_an_entry_that_was_edited_does_not_come_again_in_another_section() -> None:
    merged = merge(BEFORE.replace("- Search", "- My search"), notes("fixes-p1: Search", CRASH))
    assert "- My search" in merged
    assert "- Search" not in merged


def test_a_text_that_a_person_wrote_gets_the_notes_below_it_once() -> None:
    merged = merge("My own notes.\r\n", FRESH)
    assert merged == f"My own notes.\n\n{FRESH}"
    assert merge(merged, FRESH) == merged


def test_a_record_that_a_person_deleted_is_written_again() -> None:
    assert merge(f"{visible(FRESH)}\n", FRESH) == FRESH
    assert merge(f"Hello.\n\n{visible(FRESH)}", FRESH) == f"Hello.\n\n{FRESH}"


def test_a_record_that_came_twice_counts_as_the_last_one() -> None:
    doubled = BEFORE + FRESH
    merged = merge(doubled, FRESH)
    assert merged.count("rt:notes") == 1
    assert merge(merged, FRESH) == merged


def test_a_spoilt_record_loses_nothing() -> None:
    spoilt = BEFORE.replace("features-p1:", "features-p1=")
    assert "- Search" in merge(spoilt, FRESH)


def test_a_text_that_is_generated_as_one_piece_is_replaced_or_kept_as_one() -> None:
    before = whole("# Ours\n\nold\n", "v1")
    assert merge(before, whole("# Ours\n\nnew\n", "v1")) == whole("# Ours\n\nnew", "v1")
    edited = before.replace("old", "edited")
    assert visible(merge(edited, whole("# Ours\n\nnew\n", "v1"))) == "# Ours\n\nedited"


def test_a_generated_piece_forges_no_record() -> None:
    assert base_of(whole("<!-- rt:notes base=v9\nx:gone", "v1")) == "v1"


def test_fresh_notes_without_a_record_take_nothing_away() -> None:
    merged = merge(BEFORE, "Something else.")
    assert merged == f"{BEFORE.rstrip()}\n\nSomething else."
    assert merge(merged, "Something else.") == merged


@pytest.mark.parametrize("tag", ["v1.2.3", "release/1.0", "v1.0.0-rc.1+build", "a-->b", "a--b", "é`<x> y", "100%25"])
def test_the_base_is_read_back(tag: str) -> None:
    text = notes(SEARCH, base=tag)
    assert base_of(text) == tag
    assert base_of(f"Edited.\r\n{text}".replace("\n", "\r\n")) == tag
    assert merge(text, text) == text


def test_there_is_no_base_where_nothing_says_so() -> None:
    assert base_of("Some text") is None
    assert base_of(notes(SEARCH, base=None)) is None


def test_only_what_was_generated_here_is_ours() -> None:
    assert is_ours(BEFORE.replace("\n", "\r\n"))
    assert not is_ours("## New features\n\n- Search")
    assert not is_ours(None)


def test_a_withdrawn_release_says_so_on_top() -> None:
    text = withdrawn(BEFORE, "v1.3.0", "It *loses* data, @everyone.")
    assert without_record(text).startswith(
        "> [!CAUTION]\n> **v1.3.0 was withdrawn.** Use another release.\n>\n"
        "> It \\*loses\\* data, @\u200beveryone.\n\n## New features"
    )
    assert is_withdrawn(text)
    assert not is_abandoned(text)
    assert outline(text)[0] == "blockquote"


def test_an_abandoned_release_says_that_it_was_never_released() -> None:
    text = withdrawn("", "v1.3.0", "It can't be built", never_released=True)
    assert "**v1.3.0 was never released.** Its changes are in a later release." in text
    assert is_withdrawn(text)
    assert is_abandoned(text.replace("\n", "\r\n"))


def test_a_banner_is_replaced_by_the_next_one() -> None:
    once = withdrawn(BEFORE, "v1.3.0", "bad")
    assert withdrawn(once, "v1.3.0", "bad") == once
    assert withdrawn(once.replace("\n", "\r\n"), "v1.3.0", "worse") == withdrawn(BEFORE, "v1.3.0", "worse")


def test_the_banner_survives_new_notes_and_base() -> None:
    merged = merge(withdrawn(BEFORE, "v1.3.0", "bad"), FRESH)
    assert merged == withdrawn(FRESH, "v1.3.0", "bad")
    assert base_of(merged) == "v1.2.3"


def test_notes_that_a_person_emptied_stay_empty_below_the_banner() -> None:
    emptied = withdrawn(BEFORE[BEFORE.index("<!--") :], "v1.3.0", "bad")
    merged = merge(emptied, BEFORE)
    assert visible(merged) == visible(withdrawn("", "v1.3.0", "bad"))
    assert merge(merged, BEFORE) == merged


def test_words_about_withdrawing_make_no_banner() -> None:
    assert not is_withdrawn("v1.3.0 was withdrawn. `<!-- rt:withdrawn -->`")
    assert not is_withdrawn(None)


def test_a_text_at_the_limit_makes_room_for_the_banner_and_says_so() -> None:
    text = withdrawn("A line.\n" * (LIMIT // 8), "v1.3.0", "x" * 10_000)
    assert LIMIT - 100 < len(text) <= LIMIT
    assert is_withdrawn(text)
    assert text.endswith("A line.\n\nThe rest of this text was taken out, because GitHub takes no longer one.\n")


SECTIONS = st.sampled_from(sorted(NAMES))
TEXTS = st.sampled_from(["Search", "Filters", "Search/Long\n\n  text", "Fix/```\n  x\n  ```"])
BY_HAND = ["By hand", "- an item", "  indented", "```", "## Bug fixes", "## Mine", "## 🚀 Features", "", "- Search"]


@st.composite
def generated(draw: st.DrawFn) -> str:
    """Notes of some of eight changes, each with one of several texts."""
    numbers = draw(st.lists(st.integers(1, 8), unique=True))
    return notes(*(f"{draw(SECTIONS)}-p{number}: {draw(TEXTS)} {number}" for number in numbers))


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, Counter[str]]:
    """Generated notes after some edits, with the lines that a person wrote."""
    text, end, record = draw(generated()).partition("<!-- rt:")
    lines, mine = text.rstrip().split("\n"), Counter[str]()
    for at in draw(st.lists(st.integers(0, len(lines) - 1), max_size=4)):
        match draw(st.sampled_from(["write", "change", "delete", "move"])):
            case "write":
                line = draw(st.sampled_from(BY_HAND)) + draw(st.sampled_from(["", "!"]))
                lines.insert(at, line)
                mine[line] += 1
            case "change" if at < len(lines):
                mine[lines[at]] -= 1
                lines[at] += " (edited)"
                mine[lines[at]] += 1
            case "delete" if at < len(lines):
                mine[lines.pop(at)] -= 1
            case "move" if lines:
                lines.insert(at // 2, lines.pop())
            case _:
                pass
    return "\n".join([*lines, "", end + record]), Counter({line: count for line, count in mine.items() if line})


@given(generated())
def test_merging_a_text_with_itself_changes_nothing(text: str) -> None:
    assert merge(text, text) == text


@given(generated(), generated())
def test_untouched_notes_always_become_the_fresh_ones(before: str, fresh: str) -> None:
    assert merge(before, fresh) == fresh


@given(edited(), generated())
def test_merging_twice_is_merging_once(written: tuple[str, Counter[str]], fresh: str) -> None:
    merged = merge(written[0], fresh)
    assert merge(merged, fresh) == merged
    assert merge(merged.replace("\n", "\r\n"), fresh) == merged


@given(edited(), generated())
def test_the_lines_of_a_person_are_always_there_afterwards(written: tuple[str, Counter[str]], fresh: str) -> None:
    text, mine = written
    assert +mine - Counter(merge(text, fresh).split("\n")) == Counter()


@given(edited(), st.integers(9, 12), SECTIONS)
def test_a_new_change_is_always_told_of_once(written: tuple[str, Counter[str]], number: int, section: str) -> None:
    lines = merge(written[0], notes(f"{section}-p{number}: New entry {number}")).split("\n")
    assert lines.count(f"- New entry {number}") == 1
