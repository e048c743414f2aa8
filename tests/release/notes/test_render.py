"""What the people who use a project read about a release."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from release_tool.errors import RefusedError
from release_tool.history.changes import ChangeKind
from release_tool.model.commits import Author
from release_tool.release.notes.render import LIMIT, Notes, base_of, entry, inert, merge, regenerate, render, withdrawn
from release_tool.text.markers import without_record
from tests import examples
from tests.builders import change, sha
from tests.text.reading import active, items, outline, reads
from tests.text.test_markdown import TEXTS

if TYPE_CHECKING:
    from release_tool.history.changes import Change

URL = "https://github.com/acme/shop"
ADA, BOB, EVE = Author("Ada L.", "ada"), Author("Bob", "bob"), Author("Eve M.")
BOT = Author("dependabot[bot]", "dependabot[bot]", bot=True)


def by(*authors: Author, of: Change) -> Change:
    return msgspec.structs.replace(of, authors=authors)


def notes(*changes: Change, previous: str | None = "v1.2.3", url: str = URL, new: str = "") -> Notes:
    return Notes(
        tag="v1.3.0", previous=previous, changes=changes, repository_url=url, newcomers=frozenset(filter(None, [new]))
    )


def text_of(*changes: Change, previous: str | None = "v1.2.3", url: str = URL, new: str = "") -> str:
    return without_record(render(notes(*changes, previous=previous, url=url, new=new)).text)


EVERYTHING = (
    by(
        BOB,
        of=change(
            11,
            "feat(api)!: drop v1",
            kind=ChangeKind.BREAKING,
            body="## Breaking\r\n\r\n`/v1` answers 410.\r\n\r\n## Migration\r\n\r\n1. Call `/v2`.\r\n2. Enjoy.",
        ),
    ),
    by(
        ADA,
        EVE,
        of=change(12, "Add search", kind=ChangeKind.FEATURE, body="# New features\n\nFinds things:\n\n- fast\n- well"),
    ),
    by(BOB, of=change(13, "fix: crash on an empty cart (#13)", kind=ChangeKind.FIX, body="## Fixes\n\nN/A")),
    by(BOT, of=change(14, "Bump click", body="### Release notes\n\nWhat others wrote.")),
    by(EVE, of=change(None, "Say it better")),
)


def test_notes_tell_everything_in_the_order_of_its_importance() -> None:
    assert text_of(*EVERYTHING, new="Bob") == snapshot("""\
## Breaking changes

- **api:** drop v1 ([#11](https://github.com/acme/shop/pull/11)) by bob

  `/v1` answers 410.

## Migration

- [#11](https://github.com/acme/shop/pull/11): **api:** drop v1

  1. Call `/v2`.
  2. Enjoy.

## New features

- Add search ([#12](https://github.com/acme/shop/pull/12)) by ada and Eve M.

  Finds things:

  - fast
  - well

## Bug fixes

- crash on an empty cart ([#13](https://github.com/acme/shop/pull/13)) by bob

## Other changes

- Bump click ([#14](https://github.com/acme/shop/pull/14)) by dependabot
- Say it better ([ef2d2ff2c5](https://github.com/acme/shop/commit/ef2d2ff2c5c091f9ef1a35f9487420d20b53c160)) by Eve M.

## Contributors

[ada](https://github.com/ada), [bob](https://github.com/bob), Eve M.

- [bob](https://github.com/bob) made their first contribution in [#11](https://github.com/acme/shop/pull/11). Welcome!

**Full changelog:** [v1.2.3...v1.3.0](https://github.com/acme/shop/compare/v1.2.3...v1.3.0)
""")


def test_offline_notes_have_no_links() -> None:
    assert text_of(*EVERYTHING[1:4], url="") == snapshot("""\
## New features

- Add search (#12) by ada and Eve M.

  Finds things:

  - fast
  - well

## Bug fixes

- crash on an empty cart (#13) by bob

## Other changes

- Bump click (#14) by dependabot

## Contributors

ada, bob, Eve M.

**Full changelog:** v1.2.3...v1.3.0
""")


def test_a_first_release_says_so_and_compares_with_nothing() -> None:
    assert text_of(previous=None) == "First release.\n"
    assert text_of(change(1, "Begin"), previous=None, url="").startswith(
        "First release.\n\n## Other changes\n\n- Begin (#1)"
    )
    assert "compare" not in text_of(change(1, "Begin"), previous=None)


def test_a_release_in_which_nothing_is_shown_says_so() -> None:
    hidden = msgspec.structs.replace(change(1, "Secret"), hidden=True)
    cancelled = msgspec.structs.replace(change(2, "Gone"), cancelled_by=3)
    assert text_of(hidden, cancelled, url="") == (
        "Nothing in this release changes what its users see.\n\n**Full changelog:** v1.2.3...v1.3.0\n"
    )


def test_hidden_and_cancelled_changes_and_their_authors_stand_nowhere() -> None:
    hidden = by(EVE, of=msgspec.structs.replace(change(7, "Secret", body="# Migration\nx"), hidden=True))
    cancelled = by(BOB, of=msgspec.structs.replace(change(8, "Gone"), cancelled_by="a1b2c3"))
    text = text_of(change(9, "Seen"), hidden, cancelled)
    assert not re.search(r"Secret|Gone|Migration|Eve|bob|#7|#8", text)


@pytest.mark.parametrize(
    "title, shown",
    [
        ("feat: add x", "add x"),
        ("fix(api, ui)!: mend `y`", "**api, ui:** mend `y`"),
        ("feat(@acme/ui): add x", "**@\u200bacme/ui:** add x"),
        ("revert: add x", "revert: add x"),
        ("README: say more", "README: say more"),
        ("Add x (#12)", "Add x"),
        ("Add x (#11)", "Add x (#11)"),
        ("  ", "Untitled"),
    ],
)
def test_an_entry_shows_the_title_without_what_stands_beside_it(title: str, shown: str) -> None:
    assert entry(change(12, title), "") == f"- {shown} (#12) by ada"


@pytest.mark.parametrize(
    "authors, shown",
    [
        ((), ""),
        ((Author("ghost"),), ""),
        ((ADA, BOB, EVE), " by ada, bob and Eve M."),
        ((BOT,), " by dependabot"),
        ((Author("*_[x](y) @ada"),), " by \\*\\_\\[x\\](y) @\u200bada"),
    ],
)
def test_an_entry_names_its_authors_and_pings_nobody(authors: tuple[Author, ...], shown: str) -> None:
    assert entry(by(*authors, of=change(12, "Add x")), "") == f"- Add x (#12){shown}"


def test_an_entry_reads_in_the_preview_as_in_the_notes() -> None:
    assert entry(EVERYTHING[1], f"{URL}/") in text_of(*EVERYTHING)


def test_a_general_release_note_is_shown_where_there_is_none_for_its_section() -> None:
    assert entry(change(1, "Add x", kind=ChangeKind.FEATURE, body="## Changelog\n\nUse it."), "").endswith(
        "\n\n  Use it."
    )


def test_a_migration_of_any_change_is_told() -> None:
    text = text_of(change(1, "Mend x", kind=ChangeKind.FIX, body="## Migration\n\nRun `y`."), url="")
    assert "## Migration\n\n- #1: Mend x\n\n  Run `y`.\n\n## Bug fixes\n\n- Mend x (#1) by ada" in text


def test_contributors_are_named_once_in_the_order_of_the_alphabet() -> None:
    people = [Author("x", "Zoe"), ADA, Author("Ada again", "ADA"), BOT, Author("[x] b"), Author("x", "a/../b"), BOB]
    text = text_of(by(*people, of=change(1, "Add x")))
    host = "https://github.com"
    assert f"[ada]({host}/ada), [bob]({host}/bob), [Zoe]({host}/Zoe)" in text.replace("\\[x\\] b, a/../b, ", "")


def test_newcomers_are_welcomed_at_their_first_change() -> None:
    text = text_of(
        by(ADA, of=change(1, "One")), by(BOB, of=change(2, "Two")), by(BOB, of=change(3, "Three")), new="BOB"
    )
    assert [item for item in items(text) if "first" in item] == ["bob made their first contribution in #2. Welcome!"]


@pytest.mark.parametrize("tag", ["v1.3.0", "release/1.3.0", "a)b", "a b<c>"])
def test_the_comparison_is_linked_whatever_the_tags_are_called(tag: str) -> None:
    text = text_of(change(1, "x"), previous=tag)
    assert active(text) == []
    assert f"{tag}...v1.3.0" in reads(text)


def test_notes_say_where_they_begin() -> None:
    assert base_of(render(notes(change(1, "x"))).text) == "v1.2.3"


HOSTILE = [
    "@everyone <img src=x onerror=alert(1)>",
    "{{ 7*7 }} ${{ secrets.X }} `@code <b>`",
    "\x1b[31mred\x1b[0m \u202eevil",
    "[x](javascript:alert(1)) ![y](https://e.org/z.png)",
    "a\n::set-output name=x::y\nb",
    "<!-- rt:notes base=v9\nother-p1:gone\n-->",
    "<details><summary>x",
    "```",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_users_stays_text_wherever_it_stands(text: str) -> None:
    first = by(Author(text), of=change(1, text, kind=ChangeKind.BREAKING, body=f"# Breaking\n\nIt was {text}"))
    second = change(2, text, kind=ChangeKind.FEATURE, body=f"# Migration\n\nDo this.\n\n{text}")
    written = render(notes(first, second, change(3, "After it"))).text
    assert active(without_record(written)) == []
    assert outline(without_record(written)) == ["h2", "ul"] * 4 + ["h2", "p", "p"]
    assert base_of(written) == "v1.2.3"
    assert not re.search("\x1b|\u202e|^\\s*::", written, re.MULTILINE)
    assert "49" not in written


KINDS = st.sampled_from(ChangeKind)
CHANGES = st.lists(
    st.builds(
        lambda number, title, kind, body, hidden, cancelled: msgspec.structs.replace(
            change(number, title, kind=kind, body=body),
            pull=None if number > 30 else number,
            sha=sha(number),
            hidden=hidden,
            cancelled_by=cancelled,
        ),
        st.integers(1, 40),
        TEXTS,
        KINDS,
        st.tuples(st.sampled_from(["# Features\n\n", "# Migration\n\n", "# Other\n\n"]), TEXTS).map("".join),
        st.sampled_from([False, False, True]),
        st.sampled_from([None, None, 3]),
    ),
    unique_by=lambda made: made.sha,
    max_size=6,
).map(tuple)


@given(CHANGES, st.sampled_from(["", URL]))
def test_every_change_that_is_shown_stands_there_as_one_entry(changes: tuple[Change, ...], url: str) -> None:
    text = text_of(*changes, url=url)
    found = Counter(re.findall(r"\((#\d+|[0-9a-f]{10})\) by ada", "\n".join(items(text))))
    assert found == Counter(made.name for made in notes(*changes).shown)
    assert active(text) == []


@given(CHANGES, CHANGES)
@settings(max_examples=examples.number(25))
def test_notes_that_nobody_touched_are_written_anew(before: tuple[Change, ...], after: tuple[Change, ...]) -> None:
    existing, fresh = render(notes(*before)).text, render(notes(*after)).text
    assert merge(existing.replace("\n", "\r\n"), fresh) == fresh


def many(count: int, kind: ChangeKind, *, title: str = "A change", body: str = "", start: int = 1) -> list[Change]:
    return [change(number, f"{title} {number}", kind=kind, body=body) for number in range(start, start + count)]


LONG = "word " * 100
SETTING = [
    *many(20, ChangeKind.OTHER, body=f"# Other\n\n{LONG}"),
    *many(20, ChangeKind.FIX, body=f"# Fixes\n\n{LONG}", start=100),
    *many(20, ChangeKind.FEATURE, body=f"# Features\n\n{LONG}", start=200),
    *many(3, ChangeKind.BREAKING, body=f"# Breaking\n\n{LONG}\n\n# Migration\n\n{LONG}\n\n{LONG}", start=300),
]


def last_left_out(limit: int) -> str:
    text = render(notes(*SETTING, url=""), limit).text
    found = re.search(r"Left out: (?:.*, )?(.*)\. The full text is attached as `RELEASE_NOTES.md`\.", text)
    return found[1] if found else "nothing"


def test_the_least_important_is_folded_first() -> None:
    limits = [*range(50_000, 10_000, -2_500), 8_500, 7_500, 6_500, 5_500]
    assert list(dict.fromkeys(map(last_left_out, limits))) == snapshot(
        [
            "nothing",
            "the texts of other changes",
            "the list of other changes",
            "the texts of bug fixes",
            "the texts of new features",
            "the list of bug fixes",
            "the list of new features",
            "long texts of breaking changes and migrations",
        ]
    )


@pytest.mark.parametrize("limit", [4_000, 6_000, 10_000, 20_000, 40_000, LIMIT])
def test_notes_never_exceed_the_limit_and_room_for_a_banner_is_left(limit: int) -> None:
    rendered = render(notes(*SETTING), limit)
    assert len(rendered.text) <= limit - 1_500
    banner = withdrawn(rendered.text, "v1.3.0", "x" * 9_000)
    assert len(banner) <= limit
    assert banner.endswith(rendered.text)


def test_folded_notes_come_with_their_full_text() -> None:
    full = render(notes(*SETTING)).text
    assert render(notes(*SETTING)).full is None
    assert render(notes(*SETTING), 20_000).full == without_record(full)


def test_a_folded_list_says_how_many_there_are_and_where() -> None:
    text = render(
        notes(
            *many(900, ChangeKind.OTHER),
            *many(900, ChangeKind.FEATURE, start=1000),
            change(1, "!", kind=ChangeKind.BREAKING),
        )
    ).text
    assert "- 900 of them, listed in `RELEASE_NOTES.md` and in the [comparison](" in text
    assert len(items(text)) > 900


def test_a_folded_list_keeps_what_fits() -> None:
    text = render(notes(*many(3000, ChangeKind.FEATURE, title="x" * 50), url="")).text
    shown = [item for item in items(text) if item.startswith("x")]
    assert LIMIT * 0.6 < len(text) <= LIMIT
    assert f"- {3000 - len(shown)} more, listed in `RELEASE_NOTES.md`" in text


def test_one_long_text_costs_the_others_nothing() -> None:
    huge = change(1, "Huge", kind=ChangeKind.FEATURE, body="# Features\n\n" + "A paragraph. 🎉\n\n" * 9_000)
    text = render(notes(huge, change(2, "Small", kind=ChangeKind.FEATURE, body="# Features\n\nStays."))).text
    assert "Left out: the ends of long texts." in text
    assert "\n\n  Stays.\n" in text
    assert "A paragraph. 🎉\n\n  *This text is cut here. The full text is attached as `RELEASE_NOTES.md`.*\n" in text


def test_a_migration_is_cut_between_paragraphs_when_nothing_else_is_left_to_fold() -> None:
    steps = "Step one.\n\n```sh\n" + "run it\n" * 5_000 + "```\n\nStep two.\n\n" + "Step three.\n\n" * 500
    changes = [change(n, f"Drop {n}", kind=ChangeKind.BREAKING, body=f"# Migration\n\n{steps}") for n in range(1, 4)]
    text = render(notes(*changes, *many(50, ChangeKind.OTHER, start=10))).text
    assert len(text) <= LIMIT
    assert text.count("Step one.") == text.count("*This text is cut here.") == 3
    assert "Left out: the list of other changes, the list of contributors, long texts of breaking changes" in text
    assert outline(without_record(text))[:4] == ["h2", "ul", "h2", "ul"]


def test_even_breaking_changes_without_number_fit() -> None:
    text = render(notes(*many(3_000, ChangeKind.BREAKING, title="x" * 300))).text
    assert len(text) <= LIMIT
    assert "more, listed in `RELEASE_NOTES.md`" in text


def test_a_title_longer_than_the_limit_is_folded_too() -> None:
    rendered = render(notes(change(None, "x" * 130_000)))
    assert len(rendered.text) < 2_000
    assert rendered.full
    assert "x" * 130_000 in rendered.full


def test_a_limit_below_all_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="don't fit into 100 characters"):
        render(notes(*SETTING), 100)


def test_regenerated_notes_keep_what_was_written_by_hand() -> None:
    existing = render(notes(change(1, "Add x"))).text.replace("- Add x", "- Add x, by hand")
    again = regenerate(existing, notes(change(1, "Add x"), change(2, "Add y")))
    assert "- Add x, by hand" in again.text
    assert "- Add y" in again.text
    assert again.full is None


def test_regenerated_notes_are_folded_to_make_room_for_what_was_written_by_hand() -> None:
    changes = notes(*many(800, ChangeKind.OTHER))
    existing = f"{'By hand. ' * 8_000}\n\n{render(changes).text}"
    again = regenerate(existing, changes)
    assert len(again.text) <= LIMIT
    assert again.text.startswith("By hand. By hand.")
    assert again.full
    assert "800 of them" in again.text


def test_a_text_by_hand_that_leaves_no_room_is_never_cut() -> None:
    with pytest.raises(
        RefusedError, match=r"the release notes would have 1[0-9]{5} characters, and GitHub takes 125000"
    ):
        regenerate("By hand. " * 13_880, notes(change(1, "Add x")))


def test_what_is_inert_in_notes_can_be_used_elsewhere() -> None:
    assert inert("@ada") == "@\u200bada"


def test_notes_without_sections_are_written_without_loading_a_parser() -> None:
    code = (
        "import sys; from release_tool.release.notes.render import Notes, render; from tests.builders import change\n"
        "render(Notes(tag='v2', previous='v1', changes=(change(1, '**x** `y`', body='Words.\\n\\n- a'),)))\n"
        "assert 'markdown_it' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_sort_of_change_has_a_section_of_its_own() -> None:
    texts = [text_of(change(1, "x", kind=kind)) for kind in ChangeKind]
    assert all(first.splitlines()[0] != second.splitlines()[0] for first, second in itertools.combinations(texts, 2))


RENOVATE = (
    "This PR contains the following updates:\n\n| Package | Change |\n|---|---|\n| lib | 1 -> 2 |\n\n"
    "---\n\n### Release Notes\n\n<details>\n\n## Breaking changes\n\nNot ours.\n\n</details>\n\n"
    "## Migration\n\nNot ours.\n\n## Features\n\nNot ours.\n\n## Changelog\n\nNot ours.\n"
)


@pytest.mark.parametrize(
    "body, head",
    [
        (RENOVATE, "update"),
        (RENOVATE.partition("\n\n")[2], "renovate/lib-2.x"),
        (RENOVATE.partition("\n\n")[2] + "<!--renovate-debug:eyJj-->", "main"),
        (RENOVATE.partition("\n\n")[2] + "[//]: # (dependabot-end)", "main"),
    ],
)
@pytest.mark.parametrize("kind", ChangeKind)
def test_what_a_bot_wrote_under_a_persons_account_gives_a_line_and_no_section(
    body: str, head: str, kind: ChangeKind
) -> None:
    bump = msgspec.structs.replace(by(ADA, of=change(14, "Bump lib to 2", kind=kind, body=body)), head=head)
    text = text_of(bump)
    assert "- Bump lib to 2 ([#14]" in text
    assert "Not ours" not in text
    assert "## Migration" not in text


def test_one_person_who_is_known_by_login_and_elsewhere_by_name_contributes_once() -> None:
    text = text_of(
        by(Author("Ada L.", "ada"), of=change(1, "One")), by(Author("Bob"), Author("ada l."), of=change(2, "Two"))
    )
    assert outline(text)
    assert "[ada](https://github.com/ada), Bob\n" in text
