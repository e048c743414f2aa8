from __future__ import annotations

import base64
import html
import json
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from release_tool.text.masking import MASK, Masker, url_secrets, without_user

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "p4ss/w'rd & më+"

secrets = st.text(min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4 and "*" not in text)
plain_words = st.text(alphabet="abcxyz ", max_size=30)


def in_base64(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode((before + text + after).encode()).decode()


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(SECRET).replace("/", "\\/"),
        json.dumps(SECRET).replace("&", "\\u0026"),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%C3%AB", "%c3%ab").replace("%2B", "%2b"),
        quote_plus(SECRET),
        shlex.quote(SECRET),
        SECRET.replace("'", "'\\''"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        html.escape(SECRET),
        SECRET.replace("&", "&amp;").replace("'", "&apos;"),
        SECRET.replace("&", "&amp;").replace("'", "&#39;"),
        ascii(SECRET),
        repr(SECRET.encode())[1:],
        json.dumps(json.dumps(SECRET))[3:-3],
        quote(quote(SECRET, safe=""), safe=""),
        quote(quote_plus(SECRET)),
        r"p4ss/w\'rd\ \&\ më+",
        r"p4ss/w\'rd & m\303\253+",
    ],
)
def test_a_secret_is_hidden_however_a_program_writes_it(written: str) -> None:
    shown = Masker([SECRET])(f"before {written} after")

    assert shown.replace('"', "").replace("'", "") == "before *** after"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_of_something_encoded_in_base64_is_hidden_at_every_alignment(
    before: str, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(f"{before}{SECRET}after".encode()).decode()
    beginning = base64.b64encode(before.encode()).decode().rstrip("=")

    shown = Masker([SECRET])(encoded)

    hidden = len(encoded) - len(shown) + len(MASK)
    assert MASK in shown
    assert shown.startswith(beginning[: len(before) * 8 // 6])
    assert hidden >= len(SECRET.encode()) * 8 // 6 - 1


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "abcd", "user:"])
def test_a_secret_inside_of_something_encoded_in_base32_is_hidden_at_every_alignment(before: str) -> None:
    encoded = base64.b32encode(f"{before}{SECRET}after".encode()).decode()

    shown = Masker([SECRET])(encoded)

    assert MASK in shown
    assert len(encoded) - len(shown) + len(MASK) >= len(SECRET.encode()) * 8 // 5 - 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_secret_is_hidden_as_bash_quotes_it(locale: str) -> None:
    for secret in (SECRET, "tab\there 'and' \"there\"", r"a\b$c`d!e#f~g=h", "line\nline two"):
        done = subprocess.run(
            ["bash", "-c", 'printf "<%q>" "$1"', "bash", secret],
            env={"LC_ALL": locale},
            capture_output=True,
            check=True,
        )
        shown = Masker([secret])(done.stdout.decode())

        assert not any(part in shown for part in re.split(r"[^a-z0-9]", secret) if len(part) > 3), shown


def test_a_key_of_many_lines_is_hidden_line_by_line_and_in_wrapped_base64() -> None:
    key = (
        "-----BEGIN KEY-----\n" + "\n".join(f"{number}abcDEF{number * 7}" * 4 for number in range(9)) + "\n-----END--\n"
    )
    mask = Masker([key])

    assert {mask(line) for line in key.splitlines()} == {MASK}
    assert mask(json.dumps(key)) == f'"{MASK}"'
    for width in (64, 76):
        encoded = in_base64(key.strip())
        wrapped = [encoded[at : at + width] for at in range(0, len(encoded), width)]
        assert {mask(line).rstrip("=")[-3:] for line in wrapped} == {MASK}


def test_secrets_that_overlap_hide_all_that_they_cover() -> None:
    assert Masker(["abcd", "cdef"])("abcdef") == MASK
    assert Masker(["abab"])("xabababx") == "x***x"
    assert Masker(["long secret", "long"])("a long secret") == "a ***"


def test_what_is_too_short_to_be_a_secret_does_not_make_the_evidence_unreadable() -> None:
    text = "ended with code 1: yes"

    assert Masker(["1", "yes", ""])(text) == text
    assert Masker()(text) == text


@given(st.lists(secrets, min_size=1, max_size=3), plain_words, plain_words)
def test_no_secret_is_left_in_any_text_and_nothing_else_is_taken(hidden: list[str], before: str, after: str) -> None:
    mask = Masker(hidden)

    for secret in hidden:
        shown = mask(f"{before}|{secret}|{after}")
        assert not any(other in shown for other in hidden)
        assume(not any(other in f"{before}|" or other in f"|{after}" for other in hidden))
        assert MASK in shown


@given(st.lists(secrets, max_size=3), plain_words)
def test_a_text_without_secrets_stays_as_it_is(hidden: list[str], text: str) -> None:
    mask = Masker(hidden)
    assume(mask(text) == text)

    assert mask(f"{text}\n") == f"{text}\n"
    assert Masker(hidden)(mask(text)) == text


@given(st.lists(secrets.filter(lambda text: "|" not in text), min_size=1, max_size=2), st.integers(0, 100))
def test_of_a_secret_that_a_cut_went_through_nothing_is_left_before_the_length_of_the_longest(
    hidden: list[str], cut: int
) -> None:
    mask = Masker(hidden)
    shown = mask(f"{'|' * 500}{''.join(hidden)[:cut]}")

    assert set(shown[: len(shown) - mask.longest]) <= {"|", *MASK}


@pytest.mark.parametrize(
    "url, hidden",
    [
        ("https://app.example.com/health", set()),
        ("https://ada:p%40ss@app.example.com/health", {"p%40ss", "p@ss"}),
        ("https://token@app.example.com", {"token"}),
        ("https://app.example.com/@ada", set()),
        ("https://ada:@app.example.com", set()),
        ("postgres://ada:a:b@c@db:5432", {"a:b@c"}),
    ],
)
def test_the_password_of_a_url_is_a_secret(url: str, hidden: set[str]) -> None:
    assert url_secrets(url) == hidden


@pytest.mark.parametrize("name", ["ada:p%40ss@", "token@", ""])
def test_a_url_can_be_shown_without_its_user(name: str) -> None:
    assert without_user(f"https://{name}app.example.com/@ada?a=b@c") == "https://app.example.com/@ada?a=b@c"


def test_a_secret_with_a_quote_is_found_in_a_literal() -> None:
    assert Masker(['it\'s "so"'])(repr('it\'s "so"')) == "'***'"
