from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.release.notes.merge import withdrawn
from release_tool.text.html import as_html
from tests.status.dashboard.samples import NOTES, VILE_NOTES

PLAIN = "blockquote br em h4 hr li p pre s strong table tbody thead tr ul"
ALLOWED = {
    "a": {"href", "rel", "title"},
    "code": {"class"},
    "ol": {"start"},
    "td": {"class"},
    "th": {"class"},
    **{name: set[str]() for name in PLAIN.split()},
}

AWKWARD = st.text(st.sampled_from("<>&\"'`*_[]()!#|-:~\\ \n\tabhttps/.=0x\u202e"), max_size=300)
PIECES = st.lists(
    st.sampled_from(
        [
            "<script>",
            "</p>",
            "<!--",
            "-->",
            "![a](https://x.example/a.png)",
            "[a](javascript:b)",
            "[](https://x.example)",
            "https://x.example/?q=<b>",
            "| a | b |\n|---|:-:|\n| c | |\n",
            "```\n",
            "# ",
            "> [!NOTE]\n",
            "&lt;",
            "&#x3c;script>",
            "\n\n",
            "- ",
            "`",
            "**",
        ]
    ),
    max_size=40,
).map("".join)


class Checker(HTMLParser):
    """Collects whatever a page of notes must not have: elements, attributes and addresses that could do something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name not in ALLOWED.get(tag, set()) or (name == "href" and not re.match(r"https?://", value or "")):
                self.wrong.append(f"{tag} {name}={value}")
        if tag not in ALLOWED:
            self.wrong.append(tag)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}")


def html(text: str) -> str:
    return as_html(text)[0]


@given(st.one_of(AWKWARD, PIECES, st.text(max_size=200)))
def test_whatever_people_write_does_nothing(text: str) -> None:
    assert Checker(html(text)).wrong == []


def test_a_villain_gets_text_on_the_page_and_nothing_else() -> None:
    assert Checker(html(VILE_NOTES)).wrong == []
    assert "&lt;script src=" in html(VILE_NOTES)


def test_our_own_notes_read_as_they_do_on_github() -> None:
    written = html(NOTES)
    assert '<a href="https://github.com/acme/shop/pull/212" rel="noopener nofollow noreferrer">#212</a>' in written
    assert "<h4>New features</h4>" in written
    assert '<td class="right">10.01</td>' in written
    assert "rt:notes" not in written


def test_the_banner_of_a_withdrawn_release_is_shown_without_its_marks() -> None:
    written = html(withdrawn(NOTES, "v1.4.1", "it loses orders"))
    assert "<strong>Caution: </strong>" in written
    assert "it loses orders" in written
    assert "[!CAUTION]" not in written
    assert "rt:" not in written


@pytest.mark.parametrize(
    "text, shown",
    [
        ("# One\n\n### Three", "<h4>One</h4>\n<h4>Three</h4>\n"),
        ("#\n\ntext", "<p></p>\n<p>text</p>\n"),
        ("![a cat](https://x.example/cat.png)", "<p><em>image: a cat</em></p>\n"),
        ("![](https://x.example/cat.png)", "<p><em>image: without a description</em></p>\n"),
        ("[a](mailto:a@b.c)", "<p>[a](mailto:a@b.c)</p>\n"),
        ("a <!-- hidden --> b", "<p>a  b</p>\n"),
        ("<!-- hidden\n\nfor long -->\n\nb", "<p>b</p>\n"),
        ("`<!-- shown -->`", "<p><code>&lt;!-- shown --&gt;</code></p>\n"),
        ("<b>loud</b>", "<p>&lt;b&gt;loud&lt;/b&gt;</p>\n"),
        (
            "see https://x.example/a_b.",
            '<p>see <a href="https://x.example/a_b" rel="noopener nofollow noreferrer">https://x.example/a_b</a>.</p>\n',
        ),
        (
            "[](https://x.example)",
            '<p><a href="https://x.example" rel="noopener nofollow noreferrer">https://x.example</a></p>\n',
        ),
    ],
)
def test_what_could_mislead_or_load_is_shown_as_text(text: str, shown: str) -> None:
    assert html(text) == shown


@pytest.mark.parametrize("piece", ["word ", "- x\n", "| a ", "[", "*", "> ", "`", "<a>", "&", "# x\n\n", "![a](b)"])
def test_a_note_of_ten_megabytes_is_cut_and_says_so(piece: str) -> None:
    written, is_cut = as_html(piece * (10_000_000 // len(piece)))
    assert is_cut
    assert len(written.encode()) <= 60_000


def test_notes_are_cut_between_lines() -> None:
    written, is_cut = as_html("a whole line of notes\n\n" * 2_000)
    assert is_cut
    assert written.endswith("<p>a whole line of notes</p>\n")
    assert as_html("short") == ("<p>short</p>\n", False)
