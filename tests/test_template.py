from __future__ import annotations

import re
from pathlib import Path

import pytest

from release_tool.release.notes.body import HEADINGS, PLACEHOLDERS, Sections, read

TEMPLATE = (Path(__file__).parent.parent / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text()
SAMPLE = "Search the catalogue by name.\n\n- quickly\n- at night"


def filled_in(name: str, *, instead: bool) -> str:
    """The template with text under one heading: instead of the hint that stands there, or after it."""
    heading = f"## {HEADINGS[name]}\n\n"
    assert heading in TEMPLATE
    before, rest = TEMPLATE.split(heading)
    hint, after = rest.split("\n", 1)
    return before + heading + (SAMPLE if instead else f"{hint}\n\n{SAMPLE}") + "\n" + after


def in_a_browser(text: str) -> str:
    """A body as GitHub's form sends it."""
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize("body", [TEMPLATE, in_a_browser(TEMPLATE)], ids=["as it is", "from a browser"])
def test_the_untouched_template_says_nothing(body: str) -> None:
    assert read(body) == Sections()


def test_every_section_of_the_release_notes_has_its_heading_in_the_template() -> None:
    assert sorted(re.findall(r"^## (.+)$", TEMPLATE, re.MULTILINE)) == sorted(HEADINGS.values())


@pytest.mark.parametrize("name", HEADINGS)
@pytest.mark.parametrize("instead", [True, False], ids=["instead of the hint", "after the hint"])
def test_what_is_written_under_a_heading_is_found_in_its_section(name: str, instead: bool) -> None:
    assert read(in_a_browser(filled_in(name, instead=instead))) == Sections(**{name: SAMPLE})


def test_what_is_written_above_the_headings_stays_out_of_the_release_notes() -> None:
    assert read(f"{SAMPLE}\n\n{TEMPLATE}") == Sections(summary=SAMPLE)


@pytest.mark.parametrize("hint", PLACEHOLDERS)
def test_a_hint_that_lost_its_comment_marks_says_nothing(hint: str) -> None:
    assert f"<!-- {hint} -->" in TEMPLATE
    assert read(TEMPLATE.replace(f"<!-- {hint} -->", hint)) == Sections()
