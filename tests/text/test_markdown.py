"""Text of users stays text: it is shown, and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from release_tool.text.markdown import MARK, Piece, blocks, closed, fenced, inert, inert_block, nested, pieces
from release_tool.text.visible import visible
from tests.text.reading import PARSER, active, items, outline, reads

WORDS = ["@ada", "@a/b", "&#64;ada", "&commat;ada", "https://x.org/@a_b_", "https://@ada", "a/b#3", "GH-4", "fixes #1"]
HTML = ["<", ">", "<b>", "<img src=x onerror=y>", "<!-- rt:notes\n-->", "<!--", "-->", "<details>", "<https://e.org>"]
LINKS = [
    "[",
    "]",
    "(",
    ")",
    "](",
    "](javascript:x)",
    "[a](https://e.org)",
    "![",
    "![a](https://e.org/x.png)",
    "[a]: j:x",
    "]:",
]
MARKS = [
    "`",
    "``",
    "```",
    "~~~",
    "\\",
    "\\\\",
    "*",
    "**",
    "_",
    "~",
    "~~",
    "$",
    "$$",
    "|",
    "---",
    "===",
    "[^1]: x",
    "&lt;",
]
STARTS = [
    "# ",
    " - ",
    "1. ",
    "+ ",
    "> ",
    "|---|---|\n",
    "a | b\n---|---\n",
    "\t",
    "    ",
    "::set-output x",
    "##[error]",
]
OTHERS = [
    "x",
    "é",
    " ",
    "\n",
    "\n\n",
    "\r",
    "7*7",
    "{{ 7*7 }}",
    "${{ x }}",
    "\x1b[31m",
    "\u202e",
    "\x00",
    "\u2028",
    "\ud800",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from([*WORDS, *HTML, *LINKS, *MARKS, *STARTS, *OTHERS]), max_size=14).map("".join),
    st.text(),
)


@pytest.mark.parametrize(
    "typed, written",
    [
        ("Add search_index to the API (v2) & more", "Add search_index to the API (v2) & more"),
        ("Ask @ada, @org/team and @everyone", "Ask @\u200bada, @\u200borg/team and @\u200beveryone"),
        ("Write to ada@example.org", "Write to ada@example.org"),
        ("Keep `@ada <b> *x*` as code", "Keep `@ada <b> *x*` as code"),
        ("<img src=x onerror=alert(1)>", "\\<img src=x onerror=alert(1)>"),
        ("{{ 7*7 }} ${{ secrets.X }}", "{{ 7*7 }} ${{ secrets.X }}"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
        ("*bold* **bold** _x_ ~~gone~~", "\\*bold\\* \\*\\*bold\\*\\* \\_x\\_ \\~\\~gone\\~\\~"),
        ("Fixes #12 and closes: acme/shop#3", "Fixes\u200b #12 and closes\u200b: acme/shop#\u200b3"),
        ("See #12", "See #12"),
        ("See https://example.org/@ada/a#1", "See https://example.org/%40ada/a#1"),
        ("&lt;b&gt; & &#64;ada", "\\&lt;b\\&gt; & \\&#64;ada"),
        ("# not a heading", "\\# not a heading"),
        ("1. not a list", "1\\. not a list"),
        ("::set-output name=x::y", "\\::set-output name=x::y"),
        ("two\r\nlines\u2028or three", "two lines or three"),
        ("\x1b[31mred\x1b[0m \u202egnp.exe", "red gnp.exe"),
        ("C:\\dir\\*", "C:\\dir\\\\*"),
        ("an `unpaired tick", "an \\`unpaired tick"),
        ("`<!-- rt:notes", "\\`\\<!--\u200b rt:notes"),
        ("", ""),
    ],
)
def test_a_title_is_shown_as_it_was_typed_and_does_nothing(typed: str, written: str) -> None:
    assert inert(typed) == written


def test_a_title_of_300_characters_is_kept_whole() -> None:
    assert inert("é" * 300) == "é" * 300


def test_marks_in_two_texts_of_one_paragraph_make_no_pair() -> None:
    line = f"{inert('a * b')} {inert('*c', alone=False)}"
    assert reads(line) == "a * b *c"


@given(TEXTS)
@example("\\")
@example("`\n`")
@example("a `b")
def test_any_title_is_one_item_of_text_and_code(text: str) -> None:
    line = f"- {inert(text)}"
    assert active(line) == []
    assert MARK not in line
    children = [child for token in PARSER.parse(line) for child in token.children or []]
    assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
    assert outline(f"{line}\n\n## Next") == ["ul", "h2"]


@given(TEXTS.filter(lambda text: "`" not in text))
def test_any_title_reads_as_it_was_typed(text: str) -> None:
    typed = visible(re.sub("[\r\v\f\x85\u2028\u2029]", "\n", text).replace("\ud800", "\ufffd"))
    assert reads(f"- {inert(text)}").replace("%40", "@") == typed.replace("%40", "@")


def test_formatting_and_code_of_a_block_stay() -> None:
    text = "**Bold** `code @ada` [guide](https://e.org/a_b)\n\n1. one\n   - two\n\n```py\nx = '@ada <b>'  # [x]: y\n```"
    assert inert_block(text) == text


@pytest.mark.parametrize(
    "typed, written",
    [
        ("Ask @ada <b>now</b>", "Ask @\u200bada \\<b>now\\</b>"),
        ("<!-- hidden -->", "\\<!-- hidden -->"),
        ("![shot](https://e.org/x.png)", "[shot](https://e.org/x.png)"),
        ("[x](javascript:alert(1)) [y](docs/a.md)", "[x]\\(javascript:alert(1)) [y](docs/a.md)"),
        ("[x](java&#115;cript:alert(1))", "[x]\\(java\\&#115;cript:alert(1))"),
        ("[x]: https://e.org\n\nsee [x]", "[x]\\: https://e.org\n\nsee [x]"),
        ("  ::set-output name=a::b", "  \\::set-output name=a::b"),
        ("##[error]no", "#\\#[error]no"),
        ("| `a | @b` |\n|---|---|", "| \\`a | @\u200bb\\` |\n|---|---|"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("a\tb\n\n\tcode\t@ada", "a   b\n\n    code\t@ada"),
        ("```make\nall:\n\techo\n```", "```make\nall:\n\techo\n```"),
        ("- ```\n\tcode\n  ```", "- ```\n    code\n  ```"),
        ("```\n<!-- rt:notes\n```", "```\n<!--\u200b rt:notes\n```"),
    ],
)
def test_what_is_active_in_a_block_is_shown(typed: str, written: str) -> None:
    assert inert_block(typed) == written


@given(TEXTS)
@example("```\n@ada")
@example("<details>\n\n```")
@example(f"{'>' * 30} <b> @ada\n")
@example("a `b\n@ada` c")
def test_any_block_stays_in_its_list_item_and_does_nothing(text: str) -> None:
    block = inert_block(text)
    document = f"- One\n\n{nested(block)}\n- Two\n\n## Next"
    assert active(document) == []
    assert MARK not in block
    assert outline(document) == ["ul", "h2"]
    assert [items(document)[0], items(document)[-1]] == ["One", "Two"]
    assert len(items(document)) == 2


@given(TEXTS)
def test_any_block_at_the_left_margin_leaves_what_follows_alone(text: str) -> None:
    document = f"{inert_block(text)}\n\n## Next"
    assert active(document) == []
    assert outline(document)[-1] == "h2"


@given(TEXTS)
def test_no_line_outside_code_is_a_command_to_a_runner(text: str) -> None:
    block = inert_block(text.replace("`", "").replace("~", "").replace("    ", "").replace("\t", ""))
    assert not re.search(r"^\s*::|##\[", block, re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    ["`" * 200_000, "@a " * 60_000, "[a](" * 50_000, "_" * 200_000, "-" * 200_000 + "x", ">" * 200_000, "&a" * 100_000],
    ids=["ticks", "mentions", "links", "underscores", "rules", "quotes", "entities"],
)
def test_huge_texts_are_made_inert(text: str) -> None:
    assert len(inert(text)) >= len(text)
    assert len(inert_block(text)) >= len(text)


@given(TEXTS)
def test_a_paragraph_is_cut_into_all_of_its_pieces(text: str) -> None:
    assert "".join(piece for _, piece in pieces(text, comments=True)) == text


def test_a_comment_ends_no_code_span_and_a_code_span_no_comment() -> None:
    cut = [(kind, piece) for kind, piece in pieces("a `<!--` b --> <!-- `c --> d`", comments=True) if piece]
    assert cut == [
        (Piece.PROSE, "a "),
        (Piece.CODE, "`<!--`"),
        (Piece.PROSE, " b --> "),
        (Piece.COMMENT, "<!-- `c -->"),
        (Piece.PROSE, " d`"),
    ]


@given(TEXTS.map(lambda text: re.sub("[\r\x00\ud800]", "", text)))
def test_anything_can_be_shown_as_a_block_of_code(text: str) -> None:
    assert [(token.type, token.content) for token in PARSER.parse(fenced(text))] == [("fence", f"{text}\n")]


def test_a_closed_code_fence_is_left_as_it_is() -> None:
    assert closed("````\n```\n`````  ") == "````\n```\n`````  "


def test_a_text_is_never_cut_inside_a_list_or_a_fence() -> None:
    paragraphs = ("One\ntwo.", "- a\n\n  b\n- c", "```\n\nx\n\n```", "Last.")
    assert blocks("\n\n".join(paragraphs)) == paragraphs
