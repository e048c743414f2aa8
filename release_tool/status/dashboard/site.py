"""The dashboard: which pages it has, and what is on them."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from release_tool.status import exports
from release_tool.status.attention import concerns
from release_tool.status.dashboard import charts
from release_tool.status.dashboard.pages import Pages, icon, leaf, slug
from release_tool.status.model import Health, Overview
from release_tool.status.overview import look
from release_tool.system.folder import Folder
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from release_tool.project import Project
    from release_tool.status.model import EnvironmentStatus, TimelineEntry

LONGEST_PAGE = 300_000
"""How many bytes a page may have."""

ROOM = 240_000
"""How many bytes the entries of a page may have; what is around them has its room in those of a page."""

LEDGER_PAGES = "ledger-pages.json"
"""The file of a site that is for the next run of the command alone."""

MOST_RELEASES = 25
MOST_DEPLOYMENTS = 100
SPAN = timedelta(weeks=12)
"""How far back the lanes of the first page reach."""

PARTS = (
    ("Now", "index.html#now"),
    ("Pipeline", "index.html#pipeline"),
    ("Deployments", "index.html#deployments"),
    ("Delivery", "index.html#delivery"),
    ("Releases", "releases/index.html"),
)
MOST_ENVIRONMENTS = 12
"""How many environments the first page shows in full, where there is room for them; each has a card or a page."""

MOST_BESIDE = 6
"""How many environments stand beside the first one; more of them stand below, where they have the whole width."""

_ON_FIRST_PAGE = {
    "most_cards": 100,
    "most_concerns": 8,
    "most_entries": 6,
    "most_halts": 3,
    "most_incidents": 20,
    "most_journeys": 6,
    "most_releases": 3,
    "most_running": 3,
}


class _LedgerPages(msgspec.Struct, frozen=True, tag_field="schema", tag=2):
    """GitHub's cursors at the ends of the ledgers' pages, by the list that they are of, the oldest first."""

    ends: dict[str, tuple[str, ...]]


class SiteFile(msgspec.Struct, frozen=True):
    """One file of the site, by its path below the site's folder."""

    path: str
    text: str


class Frame(msgspec.Struct, frozen=True):
    """What all pages of a site have in common."""

    pages: Pages
    overview: Overview
    machine: tuple[str, ...]

    def render(self, template: str, path: str, **values: object) -> SiteFile:
        """Write one page; links in it lead from its place."""
        first = first_environment(self.overview)
        common = {
            "here": path,
            "icon": icon(first.health if first else None),
            "machine": self.machine,
            "overview": self.overview,
            "parts": PARTS,
            "root": "../" * path.count("/"),
        }
        return SiteFile(path, self.pages.render(template, common | values))


def pages_of(overview: Overview, machine: Sequence[str] = ()) -> tuple[SiteFile, ...]:
    """Write every page; `machine` are the files for programs that the footer links to."""
    frame = Frame(Pages(overview.at), overview, tuple(machine))
    return tuple(chain([_first_page(frame)], _releases(frame), _deployments(frame)))


def write(project: Project, directory: Path) -> tuple[str, ...]:
    """Look at everything, and write what there is to see into a folder; give the paths below it, first page first.

    Of a site that is there already only that is used where the pages of the ledger ended, so that they can be asked for
    together: each of them is read anew.
    """
    page_ends = project.remote.page_ends
    page_ends.update(_page_ends(directory))
    overview = look(project, whole=True)
    return build(overview, directory, _ledger_pages(page_ends))


def build(overview: Overview, directory: Path, beside: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Write the site of an overview into a folder, and files `beside` it; give the paths, the first page first."""
    machine = for_programs(overview)
    pages = pages_of(overview, tuple(machine))
    files = {page.path: page.text for page in pages} | machine | dict(beside or {})
    Folder(directory).replace(files, last=pages[0].path)
    return tuple(files)


def _page_ends(directory: Path) -> dict[str, tuple[str, ...]]:
    """Where the pages of the ledger ended when the site was written; nothing where that can't be told."""
    try:
        return msgspec.json.decode((directory / LEDGER_PAGES).read_bytes(), type=_LedgerPages).ends
    except (OSError, *UNREADABLE):
        return {}


def _ledger_pages(page_ends: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The file that tells the next run where the pages of the ledger end; none where it has one page."""
    ends = {name: found for name, found in page_ends.items() if found}
    return {LEDGER_PAGES: msgspec.json.encode(_LedgerPages(ends)).decode() + "\n"} if ends else {}


def for_programs(overview: Overview) -> dict[str, str]:
    """The same facts for programs, by path: one document, the metrics, and a badge for each thing worth one."""
    badges = {f"badges/{name}": text for name, text in exports.badges(overview).items()}
    return {"status.json": exports.status_json(overview), "metrics.prom": exports.metrics(overview), **badges}


def first_environment(overview: Overview) -> EnvironmentStatus | None:
    """The environment that matters most, which the first look falls on."""
    return next(iter(in_order(overview)), None)


def in_order(overview: Overview) -> list[EnvironmentStatus]:
    """The environments, with the one that matters most first."""
    return sorted(overview.environments, key=lambda environment: environment.name != overview.production)


def headline(environment: EnvironmentStatus | None) -> str:
    """Say in one line how an environment is."""
    if environment is None:
        return "no environment yet"
    halted = ", and halted" if environment.halts else ""
    match environment.health:
        case Health.UNKNOWN:
            return f"the health of {environment.name} is unknown{halted}"
        case Health.NOTHING:
            return f"nothing is deployed to {environment.name}{halted}"
        case health:
            return f"{environment.name} is {health.value}{halted}"


def cut_into_pages(parts: Iterable[str], most: int) -> list[list[str]]:
    """Put parts on pages, in order: at most so many on each, and no more than there is room for."""
    found: list[list[str]] = [[]]
    room = ROOM
    for part in parts:
        size = len(part.encode())
        if found[-1] and (len(found[-1]) == most or size > room):
            found.append([])
            room = ROOM
        found[-1].append(part)
        room -= size
    return found


def _first_page(frame: Frame) -> SiteFile:
    """Everything at a glance, with as many environments in full as there is room for."""
    most = min(len(frame.overview.environments), MOST_ENVIRONMENTS)
    page = _at_a_glance(frame, most)
    while most > 1 and len(page.text.encode(errors="replace")) > LONGEST_PAGE:
        most //= 2
        page = _at_a_glance(frame, most)
    return page


def _at_a_glance(frame: Frame, most: int) -> SiteFile:
    overview = frame.overview
    environments = in_order(overview)
    shown = environments[:most]
    start = charts.beginning([environment.timeline for environment in shown], overview.at, SPAN)
    return frame.render(
        "index.html",
        "index.html",
        concerns=concerns(overview),
        environments=environments,
        headline=headline(first_environment(overview)),
        lane_start=start,
        left=_left(first_environment(overview)),
        lanes={environment.name: charts.lane(environment.timeline, start, overview.at) for environment in shown},
        many=len(environments) > MOST_BESIDE,
        more=sum(bool(environment.timeline) for environment in environments[most:]),
        parents={environment.name: _by_id(environment) for environment in shown},
        shown=shown,
        timelines=[environment for environment in shown if environment.timeline],
        **_ON_FIRST_PAGE,
    )


def _left(environment: EnvironmentStatus | None) -> TimelineEntry | None:
    """The rollback that brought what is live, as the deployment that it left: its name, and why it was left."""
    if environment is None or environment.live is None or environment.live.kind != "rollback":
        return None
    by_id = _by_id(environment)
    rollback = by_id.get(environment.live.deployment)
    left = by_id.get(rollback.parent or 0) if rollback else None
    if rollback is None or left is None:
        return None
    return msgspec.structs.replace(left, parent=left.id, reason=rollback.reason or left.text, curves=rollback.curves)


def _releases(frame: Frame) -> Iterator[SiteFile]:
    parts = (frame.pages.part("release", release, level=2) for release in frame.overview.releases)
    yield from _paged(frame, "releases.html", "releases", cut_into_pages(parts, MOST_RELEASES))


def _deployments(frame: Frame) -> Iterator[SiteFile]:
    for environment in frame.overview.environments:
        if environment.timeline:
            by_id = _by_id(environment)
            parts = (frame.pages.part("entry", entry, by_id.get(entry.parent or 0)) for entry in environment.timeline)
            sheets = cut_into_pages(parts, MOST_DEPLOYMENTS)
            folder = f"deployments/{slug(environment.name)}"
            yield from _paged(frame, "deployments.html", folder, sheets, environment=environment)


def _paged(frame: Frame, template: str, folder: str, sheets: list[list[str]], **values: object) -> Iterator[SiteFile]:
    for page, items in enumerate(sheets, start=1):
        path = f"{folder}/{leaf(page)}"
        yield frame.render(template, path, items=items, page=page, last=len(sheets), **values)


def _by_id(environment: EnvironmentStatus) -> dict[int, TimelineEntry]:
    return {entry.id: entry for entry in environment.timeline}
