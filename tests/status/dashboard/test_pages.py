"""What is on the pages, before any browser."""

from __future__ import annotations

import functools
import posixpath
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.status.dashboard.pages import address, commands, set_code, slug
from release_tool.status.dashboard.site import LONGEST_PAGE, ROOM, cut_into_pages, headline, pages_of
from release_tool.status.model import Health, LiveVersion
from tests.status.dashboard import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_tool.status.dashboard.site import SiteFile
    from release_tool.status.model import Overview

SAMPLES = [
    samples.calm,
    samples.incident,
    samples.empty,
    samples.bare,
    samples.hostile,
    samples.vast,
    samples.fleet,
    samples.outage,
]
SAID = {"text", "reason", "why", "detail"}

NAMES = st.text(min_size=1, max_size=80)


class Reader(HTMLParser):
    """Reads a page: its text, its links and the places that a link can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and (target := values.get("href")):
            self.links.append(target)
        if place := values.get("id"):
            self.places.append(place)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@functools.cache
def pages(sample: Callable[[], Overview]) -> tuple[SiteFile, ...]:
    return pages_of(sample())


@functools.cache
def read(sample: Callable[[], Overview]) -> dict[str, Reader]:
    return {page.path: Reader(page.text) for page in pages(sample)}


def first_page(overview: Overview) -> str:
    return Reader(pages_of(overview)[0].text).text


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_link_between_pages_leads_to_a_page_and_to_a_place_on_it(sample: Callable[[], Overview]) -> None:
    found = read(sample)
    for path, page in found.items():
        for target in page.links:
            there = urlsplit(target)
            if there.scheme:
                continue
            file = posixpath.normpath(posixpath.join(posixpath.dirname(path), there.path)) if there.path else path
            assert file in found, (path, target)
            assert not there.fragment or unquote(there.fragment) in found[file].places, (path, target)


def test_why_it_went_back_is_drawn_and_told_to_those_who_do_not_see_it() -> None:
    text = pages(samples.incident)[0].text
    assert text.count('<figure class="curve">') >= 2
    assert '<title id="c2101-1t">latency of web-1, before and after #2100</title>' in text
    shows = "0.12 s before, 0.48 s in the end, at most 0.3 s is good, 2 of 5 points after it are bad"
    assert f'<desc id="c2101-1d">{shows}</desc>' in text
    assert f"of web-1: {shows}</figcaption>" in text
    assert '<line class="bound"' in text
    assert '<line class="began"' in text
    assert "style=" not in text[text.index("<main") :]


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_two_places_on_a_page_have_the_same_name(sample: Callable[[], Overview]) -> None:
    for page in read(sample).values():
        assert len(page.places) == len(set(page.places))


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_page_is_longer_than_300_kilobytes(sample: Callable[[], Overview]) -> None:
    assert max(len(page.text.encode()) for page in pages(sample)) <= LONGEST_PAGE


def test_what_the_first_page_has_no_room_for_is_counted() -> None:
    text = read(samples.outage)["index.html"].text
    assert "And 100 more: release-tool status lists them all." in text
    assert "And 117 more halts: release-tool status lists them all." in text


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_same_overview_always_makes_the_same_bytes(sample: Callable[[], Overview]) -> None:
    assert pages_of(sample()) == pages(sample)


def test_where_what_is_shown_in_full_has_no_deployment_nobody_says_that_there_is_none() -> None:
    full = samples.fleet(30)
    *places, production = (msgspec.structs.replace(one, timeline=()) for one in full.environments)
    last = msgspec.structs.replace(places[-1], timeline=full.environments[0].timeline)
    late = msgspec.structs.replace(full, environments=(*places[:-1], last, production))
    nowhere = msgspec.structs.replace(full, environments=(*places, production))

    deployed, never = pages_of(late)[0].text, pages_of(nowhere)[0].text
    assert ("Nothing was deployed yet" in deployed, "1 more environment</a>, each" in deployed) == (False, True)
    assert ("Nothing was deployed yet" in never, "on a page of its own" in never) == (True, False)


def test_every_release_and_every_deployment_of_years_can_be_turned_to() -> None:
    found = read(samples.vast)
    reached, waiting = set[str](), ["index.html"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            links = [urlsplit(link).path for link in found[path].links if not urlsplit(link).scheme]
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in links if link]
    assert reached == found.keys()
    places = [place for page in found.values() for place in page.places]
    assert {f"d{number}" for number in range(4_001, 5_001)} <= set(places)
    assert {f"release-v3.{number}.0" for number in range(1, 1_001)} <= set(places)


def test_an_incident_is_told_with_its_reason_and_what_to_do() -> None:
    text = first_page(samples.incident())
    assert "Rolled back from 1.4.2: answered 503 at /health" in text
    assert "Halted by grace: 1.4.2 answers 503 under load" in text
    assert "5 open action items" in text
    assert "run 9101 waits for somebody to approve" in text
    assert "Do next: release-tool resume -e production" in text
    assert "Went back from 1.4.2 (#2100): answered 503 at /health" in text


@pytest.mark.parametrize(
    "sample, says",
    [
        (samples.empty, "Name an environment in the configuration".lower()),
        (samples.empty, "release-tool plan says what the first release would be"),
        (samples.empty, "Nothing was deployed yet"),
        (samples.bare, "nothing is deployed to production"),
        (samples.bare, "release-tool deploy VERSION -e ENVIRONMENT"),
        (samples.bare, "Nothing was measured yet"),
        (samples.calm, "Nothing is halted or blocked, and nothing waits for a person."),
        (samples.calm, "None. One is opened where a rollback did not bring"),
    ],
)
def test_where_there_is_nothing_to_see_the_page_says_what_would_change_that(
    sample: Callable[[], Overview], says: str
) -> None:
    assert says in first_page(sample())


@pytest.mark.parametrize(
    "health, says",
    [
        (Health.HEALTHY, "production is healthy"),
        (Health.CHANGING, "production is changing"),
        (Health.UNHEALTHY, "production is unhealthy"),
        (Health.UNKNOWN, "the health of production is unknown"),
        (Health.NOTHING, "nothing is deployed to production"),
    ],
)
def test_the_headline_says_how_production_is(health: Health, says: str) -> None:
    production = msgspec.structs.replace(samples.calm().environments[1], health=health)
    assert headline(production) == says


def test_a_halted_environment_says_so_in_the_same_breath() -> None:
    halted = samples.incident().environments[1]
    assert halted.halts
    assert headline(msgspec.structs.replace(halted, health=Health.HEALTHY)) == "production is healthy, and halted"


def test_as_many_entries_stand_under_what_needs_a_person_as_it_says() -> None:
    page = pages_of(samples.incident())[0].text
    needing, noted = page.partition('<h2 id="attention">')[2].split('<h3 class="noted">')
    assert needing.count("<li class=") == 5
    assert "open action items" in needing
    assert '<li class="note">' in noted


def test_the_way_back_is_one_fact_in_one_line() -> None:
    day = samples.calm()
    back = day.environments[1].way_back
    text = first_page(day)
    assert f"Rollback target{back.name} {str(back.commit)[:10]}" in text.replace("Rollback target ", "Rollback target")
    assert back.reason not in text


def test_code_stands_in_code_and_an_address_to_go_to_is_a_link() -> None:
    assert set_code("`web-1` `http`: 8 bad <b>") == "<code>web-1</code> <code>http</code>: 8 bad &lt;b&gt;"
    assert commands("resolve it (https://x.example/1).") == (
        'resolve it (<a href="https://x.example/1" rel="noopener noreferrer">https://x.example/1</a>).'
    )
    assert set_code("see https://x.example/1") == "see https://x.example/1", "what people wrote leads nowhere"


def with_code(value: object) -> object:
    """What was written of something, each time with the name of a program in it."""
    if isinstance(value, dict):
        said = {key: f"{one} `web-1`" for key, one in value.items() if key in SAID and one and isinstance(one, str)}
        return {key: with_code(one) for key, one in value.items()} | said
    return [with_code(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("sample", [samples.calm, samples.incident])
def test_wherever_code_is_written_it_stands_in_code_and_not_in_back_quotes(sample: Callable[[], Overview]) -> None:
    overview = msgspec.convert(with_code(msgspec.to_builtins(sample())), type(sample()))
    shown = {page.path: re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL) for page in pages_of(overview)}
    assert "<code>web-1</code>" in shown["index.html"]
    assert {path for path, text in shown.items() if "`" in text} == set()


def test_what_no_check_proves_is_called_unproven() -> None:
    day = samples.calm()
    production = day.environments[1]
    assert isinstance(production.live, LiveVersion)
    unsure = msgspec.structs.replace(production, live=msgspec.structs.replace(production.live, proven=False))
    assert "unproven" not in first_page(day)
    assert "unproven: no check tells which version answers" in first_page(
        msgspec.structs.replace(day, environments=(day.environments[0], unsure))
    )


def test_the_definition_of_every_number_stands_beside_it() -> None:
    text = first_page(samples.calm())
    for definition in msgspec.structs.asdict(samples.calm().environments[0].delivery.definitions).values():
        assert definition in text


def test_what_people_wrote_is_never_markup() -> None:
    for page in pages(samples.hostile):
        assert not re.search(r"<(?:img|iframe|b[ >]|form|object|details open)", page.text)
        assert page.text.count("<script") == 1
        assert "javascript:" not in re.sub(r">[^<]*<", "><", page.text)
        assert not re.search("[\u202e\x1b\ud800]", page.text)


@given(NAMES, NAMES)
def test_two_names_never_share_a_file(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) is (one == other)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", slug(one))
    assert ".." not in slug(one)


@given(st.lists(st.integers(0, ROOM * 2), max_size=40), st.integers(1, 9))
def test_pages_keep_the_order_lose_nothing_and_are_full_before_the_next_begins(sizes: list[int], most: int) -> None:
    parts = ["x" * size for size in sizes]
    sheets = cut_into_pages(parts, most)
    assert [part for sheet in sheets for part in sheet] == parts
    assert all(len(sheet) <= most for sheet in sheets)
    assert all(len(sheet) == 1 or sum(map(len, sheet)) <= ROOM for sheet in sheets)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", "ftp://x", "https://x y", 'https://x"onclick="y'],
)
def test_only_a_web_address_becomes_a_link(url: str) -> None:
    assert address(url) == ""
