"""What somebody sees who opens the dashboard in a browser."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from release_tool.status.dashboard.site import build
from tests.status.dashboard import samples
from tests.status.dashboard.browser import looking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.status.dashboard.browser import Look

SAMPLES = {name: getattr(samples, name) for name in ("calm", "incident", "empty", "bare", "hostile")} | {
    "fleet": functools.partial(samples.fleet, 8)
}


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every sample as a site on disk."""
    root = tmp_path_factory.mktemp("sites")
    for name, sample in SAMPLES.items():
        build(sample(), root / name)
    return {name: root / name for name in SAMPLES}


def pages_on(site: Path) -> list[str]:
    return [path.as_uri() for path in sorted(site.rglob("*.html"))]


@contextmanager
def served(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def tab(look: Look, times: int) -> str:
    """Press the tabulator so often, and tell where that leads."""
    for _ in range(times):
        look.page.keyboard.press("Tab")
    return str(look.page.evaluate("document.activeElement.getAttribute('href')"))


@pytest.mark.parametrize("name", ["incident", "empty", "bare", "hostile"])
def test_everybody_can_use_every_page(browser: Browser, sites: dict[str, Path], name: str) -> None:
    with looking(browser) as look:
        found = {url: look.open(url).violations() for url in pages_on(sites[name])}
    assert {url: violations for url, violations in found.items() if violations} == {}


@pytest.mark.parametrize("width, dark", [(1440, True), (360, False), (360, True)])
def test_everybody_can_use_it_in_the_dark_and_on_a_phone(
    browser: Browser, sites: dict[str, Path], width: int, dark: bool
) -> None:
    with looking(browser, width, dark=dark) as look:
        assert look.open((sites["incident"] / "index.html").as_uri()).violations() == []


@pytest.mark.parametrize("width", [360, 768, 1440, 1920])
@pytest.mark.parametrize("name", ["incident", "empty", "hostile", "fleet"])
def test_a_page_is_never_wider_than_the_window(browser: Browser, sites: dict[str, Path], name: str, width: int) -> None:
    with looking(browser, width) as look:
        assert {url: look.open(url).overflow for url in pages_on(sites[name])} == dict.fromkeys(
            pages_on(sites[name]), 0
        )


def test_no_hash_is_broken_over_lines_however_narrow_the_window(browser: Browser, sites: dict[str, Path]) -> None:
    pages = [page for name in ("calm", "incident") for page in pages_on(sites[name])]
    for width in (160, 360, 768, 1440):
        with looking(browser, width) as look:
            assert {url: look.open(url).broken_hashes for url in pages} == dict.fromkeys(pages, 0)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_does_nothing_but_be_shown(browser: Browser, sites: dict[str, Path], name: str) -> None:
    """No request, no dialog, no error, and nothing that the policy had to stop, whatever people wrote into it."""
    with looking(browser) as look:
        for url in pages_on(sites[name]):
            look.open(url)
        assert look.complaints == []
        assert {urlsplit(url).scheme for url in look.requests} <= {"file", "data"}
        assert [url for url in look.requests if url.startswith("file")] == pages_on(sites[name])


def test_the_policy_stops_a_script_that_finds_its_way_in(
    browser: Browser, sites: dict[str, Path], tmp_path: Path
) -> None:
    page = (sites["calm"] / "index.html").read_text()
    (tmp_path / "index.html").write_text(
        page.replace("</main>", "<script>alert(1)</script><img src=//x.example></main>")
    )
    with looking(browser) as look:
        look.open((tmp_path / "index.html").as_uri())
        assert [complaint.partition(":")[0] for complaint in look.complaints] == ["console", "console"]


def test_a_served_site_asks_nobody_else(browser: Browser, sites: dict[str, Path]) -> None:
    with served(sites["incident"]) as url, looking(browser) as look:
        look.open(url)
        look.page.get_by_role("link", name="All 11 releases, with their notes").click()
        look.page.get_by_role("link", name="Deployments", exact=True).click()
        assert look.complaints == []
        assert {urlsplit(asked).netloc for asked in look.requests if not asked.startswith("data:")} == {
            urlsplit(url).netloc
        }


def test_the_first_look_tells_what_is_live_and_that_it_is_well(browser: Browser, sites: dict[str, Path]) -> None:
    with looking(browser) as look:
        look.open((sites["calm"] / "index.html").as_uri())
        for text in (
            "production is healthy",
            "1.4.1",
            "since 2026-11-17 08:32 UTC",
            "by grace",
            "No open action items",
        ):
            assert look.in_first_viewport(text), text
        assert look.page.title() == "production is healthy · acme/shop"


@pytest.mark.parametrize("width, height", [(1440, 900), (768, 1024), (360, 780)])
def test_the_first_look_tells_what_went_wrong_and_what_is_halted(
    browser: Browser, sites: dict[str, Path], width: int, height: int
) -> None:
    with looking(browser, width, height) as look:
        look.open((sites["incident"] / "index.html").as_uri())
        for text in ("production is healthy", "Rolled back from 1.4.2: answered 503", "Halted by grace: 1.4.2 answers"):
            assert look.in_first_viewport(text), text
        assert look.in_first_viewport("open action items")


def test_everything_can_be_read_without_scripts(browser: Browser, sites: dict[str, Path]) -> None:
    with looking(browser) as with_scripts, looking(browser, scripts=False) as without:
        url = (sites["incident"] / "index.html").as_uri()
        with_scripts.page.goto(url)
        without.page.goto(url)
        assert without.page.locator("body").inner_text() == with_scripts.page.locator("body").inner_text()


@pytest.mark.parametrize(
    "minutes, said",
    [(60 * 27 - 1, ""), (60 * 27, "This page is 27 hours old."), (60 * 47, "47 hours old."), (60 * 72, "3 days old.")],
)
def test_a_page_that_nobody_builds_any_more_says_how_old_it_is(
    browser: Browser, sites: dict[str, Path], minutes: int, said: str
) -> None:
    with looking(browser, moment=samples.NOW + timedelta(minutes=minutes)) as look:
        look.open((sites["calm"] / "index.html").as_uri())
        assert said in look.page.locator("#old").inner_text()
        assert look.page.locator("#old").is_visible() is bool(said)


def test_the_keyboard_reaches_the_content_first(browser: Browser, sites: dict[str, Path]) -> None:
    with looking(browser) as look:
        look.open((sites["calm"] / "index.html").as_uri())
        assert tab(look, 1) == "#main"
        look.page.keyboard.press("Enter")
        assert look.page.evaluate("document.activeElement.id") == "main"


def test_what_is_printed_has_no_dark_background_and_no_menu(browser: Browser, sites: dict[str, Path]) -> None:
    with looking(browser, dark=True) as look:
        look.open((sites["incident"] / "index.html").as_uri())
        look.page.emulate_media(media="print")
        assert look.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not look.page.get_by_role("navigation").first.is_visible()
        assert look.page.get_by_text("Halted by grace").first.is_visible()


def test_what_a_villain_wrote_is_shown_and_does_nothing(browser: Browser, sites: dict[str, Path]) -> None:
    with looking(browser) as look:
        look.open((sites["hostile"] / "releases" / "index.html").as_uri())
        links = look.page.locator("main a").evaluate_all("links => links.map(link => [link.protocol, link.rel])")
        assert {protocol for protocol, _ in links} == {"https:"}
        assert all("noopener" in rel for _, rel in links)
        assert look.page.locator("main :is(script, iframe, img, details, form, style, b)").count() == 0
        assert look.page.get_by_text("alert(1)").first.is_visible()
