"""What the body of a pull request says to the people who read release notes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from release_tool.release.notes import body
from release_tool.release.notes.body import HEADINGS, PLACEHOLDERS, Sections, read, render

HEADS = [
    "# Features",
    "## Bug fixes",
    "### Migration:",
    "Breaking changes\n===",
    "Release notes\n---",
    "## How to test",
]
COMMENTS = ["<!-- a hint -->", "<!--", "-->", "<!-->", "<!-- x --># Features", "<!-- x -->```", "<!-<!-- x -->- y -->"]
CODE = ["```", "~~~~", "````md", "    code", "\tcode", "> ```", "`code", "code`", "``", "\\`", "`<details>`"]
LISTS = [
    "- item",
    "  # Fixes",
    "- [ ] todo",
    "- [x] done",
    "- [x] [ ] both",
    "  - [x] nested",
    "- [x] # done",
    "1. [ ] one",
]
HTML = ["<details>", "</details>", "<details><summary>more</summary>", "<div>", "[a]: <b"]
OTHERS = [
    "> quoted",
    "> # Features",
    "---",
    "***",
    "===",
    "N/A",
    "none",
    "-",
    "text  ",
    "text",
    "",
    " ",
    "\u2028",
    "\r",
    "\x00",
]
FRAGMENTS = st.sampled_from([*HEADS, *COMMENTS, *CODE, *LISTS, *HTML, *OTHERS, *PLACEHOLDERS])
BODIES = st.one_of(
    st.lists(st.tuples(FRAGMENTS, st.sampled_from(["\n", "\n", "\n\n", " ", ""]))).map(
        lambda parts: "".join(fragment + end for fragment, end in parts)
    ),
    st.text(),
)


def test_a_body_that_is_missing_or_empty_says_nothing() -> None:
    assert read(None) == read("") == read("\r\n \n") == Sections()


def test_every_section_is_read_from_under_its_heading() -> None:
    text = (
        "A summary.\n\n## Features\n\nSearch.\n\n## Bug fixes\nNo more crash.\n\n"
        "## Breaking changes\n\n`v1` is gone.\n\n## Migration\n\n1. Stop it.\n2. Start it.\n\n"
        "## Changelog\n\nIn general."
    )
    assert read(text) == Sections(
        summary="A summary.",
        features="Search.",
        fixes="No more crash.",
        breaking="`v1` is gone.",
        migration="1. Stop it.\n2. Start it.",
        other="In general.",
    )


@pytest.mark.parametrize(
    "heading",
    [
        *[
            "# Migration",
            "###### MIGRATION ######",
            "Migration\n=====",
            "Migration\n-",
            "## 🚚 Migration:",
            "## 3. Migration",
        ],
        *["## **Migration**", "## Migration (if any)", "## :truck: Migration", "## Migration <!-- required -->"],
        *["   ## Migration guide", "## How to migrate?", "## Upgrade notes", "##\tMigration"],
    ],
)
def test_a_heading_counts_whatever_its_level_case_and_decoration(heading: str) -> None:
    assert read(f"Before.\n\n{heading}\n\nDo this.").migration == "Do this."


@pytest.mark.parametrize("name", HEADINGS)
def test_the_headings_of_our_own_notes_are_understood(name: str) -> None:
    assert body.section_of(HEADINGS[name]) == name


@pytest.mark.parametrize(
    "text",
    [
        *[
            "#Migration\n\nx",
            "    # Migration\n\nx",
            "\\# Migration\n\nx",
            "Migration\n\nx",
            "## Migration of birds\n\nx",
        ],
        *["```\n## Migration\nx\n```", "~~~\n## Migration\nx", "> ## Migration\n> x", "- ## Migration\n  x"],
        *["<!--\n## Migration\n\nx\n-->", "<div>\n## Migration\nx", "<!-- ## Migration\n\nx"],
        "<details>\n<summary>What a bot pasted</summary>\n\n## Migration\n\nx\n\n</details>",
        "# Changelog\n\n- [ ] ## Migration\n",
        f"## {'migration ' * 50}\n\nx",
    ],
)
def test_what_is_no_heading_to_a_reader_begins_no_section(text: str) -> None:
    assert not read(text).migration


def test_a_details_block_that_nobody_closed_hides_nothing() -> None:
    assert read("<details>\n\n## Migration\n\nx").migration == "x"


def test_a_section_ends_at_a_heading_of_its_level_and_keeps_deeper_ones() -> None:
    text = "## Features\n\na\n\n### Details\n\nb\n\n## Testing\n\nc\n\n### More\n\nd"
    assert read(text) == Sections(summary="## Testing\n\nc\n\n### More\n\nd", features="a\n\n### Details\n\nb")


def test_a_section_inside_another_ends_it_and_gives_back_what_follows() -> None:
    text = "## Release notes\n\nx\n\n### Fixes\n\ny\n\n### Thanks\n\nz"
    assert read(text) == Sections(other="x\n\n### Thanks\n\nz", fixes="y")


def test_a_section_that_comes_twice_is_read_as_one() -> None:
    assert read("# Fixes\na\n# Features\nb\n# Bug fixes\nc").fixes == "a\n\nc"


def test_a_signature_below_a_ruler_is_no_part_of_the_notes() -> None:
    assert read("## Features\n\nSearch.\n\n---\n\nMade by a robot.").features == "Search."


def test_a_migration_is_never_cut_at_a_ruler() -> None:
    assert read("## Migration\n\nFirst.\n\n---\n\nThen.").migration == "First.\n\n---\n\nThen."


@pytest.mark.parametrize(
    "nothing",
    [
        *["N/A", "n/a.", "NONE", "none.", "-", "nothing", "**None**", "_n/a_", "- none", "…", "Not applicable", "—"],
        *[
            "<!-- Say what to do. -->",
            "<!-- one -->\n\n<!-- two -->",
            "<!-- never closed",
            "- [ ] ",
            "\r\n",
        ],
        *[*PLACEHOLDERS, f"N/A <!-- or: {PLACEHOLDERS[0]} -->"],
    ],
)
def test_a_section_that_was_not_filled_in_is_empty(nothing: str) -> None:
    assert read(f"## Migration\n\n{nothing}\n\n## Features\n\nx") in {Sections(features="x"), Sections()}


def test_a_placeholder_is_left_out_also_where_its_lines_were_wrapped() -> None:
    placeholder = PLACEHOLDERS[0].replace(" for ", "\r\nfor ")
    assert read(f"# Features\r\n\r\n{placeholder}\r\n\r\nSearch.\r\n").features == "Search."


@pytest.mark.parametrize("tick", ["x", " "])
def test_a_box_in_a_section_is_a_step_whether_somebody_ticked_it_or_not(tick: str) -> None:
    text = f"# Migration\n\n1. [{tick}] Stop it.\n2. [ ] Back it up.\n   - [x] all of it\n\nThen start it."
    assert read(text).migration == "1. Stop it.\n2. Back it up.\n   - all of it\n\nThen start it."


def test_outside_of_the_sections_what_nobody_chose_is_left_out_and_what_comes_next_stays_apart() -> None:
    text = "Kind:\n\n- [x] a fix\n- [ ] a feature\n\n| a | b |\n|---|---|\n\n# Fixes\n\nx"
    assert read(text).summary == "Kind:\n\n- a fix\n\n| a | b |\n|---|---|"


def test_links_and_footnotes_of_a_section_are_written_out_where_their_definitions_stand_elsewhere() -> None:
    text = (
        "See [it].\n\n# Features\n\nAs [the guide][g] says[^1], or [it]; not `[it]`, and not [that].\n\n"
        '# Other\n\nx\n\n[G]: https://e.org/a_(b) "A guide"\n[it]: <https://e.org/it>\n[^1]: On page *2*.\n'
    )
    assert read(text).features == (
        "As [the guide](<https://e.org/a_(b)>) says (On page *2*.), or [it](https://e.org/it); "
        "not `[it]`, and not [that]."
    )


def test_markdown_is_kept_as_it_was_typed() -> None:
    source = "* a **b** `<!-- c -->`\n\n  ```py\n\tx = 1  <!-- d -->\n  ```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[x]: https://e.org"
    assert read(f"## Features\n\n{source}\n").features == source


def test_comments_are_left_out_within_a_line_too() -> None:
    assert read("# Features\n\nFast<!-- very --> search.\n- a <!--\n b --> c").features == "Fast search.\n- a  c"


def test_line_ends_of_every_kind_are_read() -> None:
    assert read("# Features\r\na\r\n\r\n# Fixes\rb") == Sections(features="a", fixes="b")


def test_a_code_block_that_nobody_ended_is_ended() -> None:
    assert read("# Fixes\ny\n# Features\n```py\nx = 1").features == "```py\nx = 1\n```"


def test_what_would_swallow_the_next_section_otherwise_is_shown_as_code() -> None:
    assert read("# Other\n\n</details>\n\n# Features\nx").other == "```\n</details>\n```"


@pytest.mark.parametrize(
    "text",
    [
        ">" * 200_000,
        "> - " * 50_000,
        "# features\nx\n" * 10_000,
        "# features\n" + "<details>\n\n" * 10_000,
        "# features\nx" + " <!-- " * 30_000,
        "# features\nx" + "[ ] ![](" * 25_000,
    ],
    ids=["quotes", "lists", "headings", "details", "comments", "brackets"],
)
def test_huge_and_twisted_bodies_are_read(text: str) -> None:
    sections = read(text)
    assert sum(map(len, [sections.summary, sections.features])) >= len(text) // 20 or text.startswith("# features\nx\n")


@given(BODIES)
@example("<!-- x --># Features")
@example("# Features\n- a\n<!-- x -->\n  ```\n  <!-- z -->\n```\n\n<!-- y -->")
@example("# Fixes\n</details>\n# Other\n<details>\n# Features\nx")
def test_writing_what_was_read_reads_the_same_again(text: str) -> None:
    sections = read(text)
    assert read(render(sections)) == sections


@given(
    st.lists(st.tuples(st.sampled_from(sorted(HEADINGS)), st.from_regex(r"[a-z]{4,9}( `[a-z#<>]+`)?", fullmatch=True)))
)
def test_no_text_of_a_section_is_lost(written: list[tuple[str, str]]) -> None:
    words = [(name, text) for name, text in written if text not in {"none", "nothing"}]
    sections = read("\n\n".join(f"## {HEADINGS[name]}\n\n{text}" for name, text in words))
    for name in HEADINGS:
        assert getattr(sections, name) == "\n\n".join(text for section, text in words if section == name)
