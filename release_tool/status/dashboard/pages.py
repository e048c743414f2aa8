"""How a page of the dashboard is written: the templates, what they may use, and what holds for every text in them."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from release_tool.status.attention import Level
from release_tool.status.dashboard import charts, figures
from release_tool.status.model import Health, StageState
from release_tool.text import humanize
from release_tool.text.html import as_html
from release_tool.text.humanize import few
from release_tool.text.visible import shortened, visible_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from release_tool.status.attention import Concern
    from release_tool.status.dashboard.charts import Lane
    from release_tool.status.model import EnvironmentStatus, Milestone, ReleasePipeline, TimelineEntry

    Values = Mapping[str, object]

LONGEST = 400
"""How many characters of a person's text are shown in one place; release notes have a limit of their own."""

_LONGEST_ADDRESS = 2_000
_UNMEASURED = "—"
_ASSETS = files("release_tool.status.dashboard")
_CODE = re.compile(r"`([^`]+)`")
_WEB = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_ADDRESS = re.compile(r"(https?://[^\s\"'<>]*[^\s\"'<>.,;:!?)\]])")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,58}[a-z0-9])?")
_OWN_COMMAND = "release-tool "
_COLOURS = {"good": "#2c8a4b", "bad": "#c2321f", "busy": "#1f6fbf", "unsure": "#b07a00", "quiet": "#8b9199"}

_HEALTH = {
    Health.HEALTHY: "good",
    Health.CHANGING: "busy",
    Health.UNHEALTHY: "bad",
    Health.UNKNOWN: "unsure",
    Health.NOTHING: "quiet",
}
_MARKS = {
    StageState.DONE: "good",
    StageState.UNDER_WAY: "busy",
    StageState.WAITING: "open",
    StageState.HELD: "held",
    StageState.FAILED: "bad",
    StageState.PASSED_BY: "quiet",
}
_LEVELS = {Level.URGENT: "bad", Level.DUE: "held", Level.NOTE: "open"}
_PHASES = {"failed": "bad", "unknown": "unsure", "held": "held", "waiting": "open"}
"""The signs of what people should see; the names of all signs are those of the symbols in `parts.html`."""


class Pages:
    """The templates of one dashboard, whose times are told as seen from `now`."""

    def __init__(self, now: datetime) -> None:
        self._templates = _environment(now)
        self._templates.globals |= {
            "curve_size": charts.CURVE,
            "height": charts.HEIGHT,
            "lane_height": charts.LANE,
            "policy": Markup(policy()),  # noqa: S704  # our own text, with quotes that HTML takes in an attribute
            "script": Markup(_asset("age.js")),  # noqa: S704  # our own file
            "style": Markup(_asset("style.css")),  # noqa: S704  # our own file
        }

    def render(self, template: str, values: Values) -> str:
        """Write a whole page."""
        return self._templates.get_template(template).render(values)

    def part(self, macro: str, *arguments: object, **options: object) -> Markup:
        """Write one of the parts that pages share."""
        module = self._templates.get_template("parts.html").module
        return Markup(getattr(module, macro)(*arguments, **options))  # noqa: S704  # escaped by the template


def policy() -> str:
    """Say what a page may load: its own style and script, known by their digests, and nothing from anywhere."""
    style, script = (_digest(_asset(name)) for name in ("style.css", "age.js"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def icon(health: Health | None) -> Markup:
    """Draw the sign of a tab: a disc in the colour of how things are."""
    colour = _COLOURS[_HEALTH[health] if health else "quiet"]
    disc = f'<circle cx="8" cy="8" r="7" fill="{colour}"/>'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{disc}</svg>'
    return Markup(f"data:image/svg+xml,{quote(drawing)}")  # noqa: S704  # our own text


def slug(name: str) -> str:
    """Name a file or a place in a page after something; two names never give the same, whatever they hold."""
    if _SLUG.fullmatch(name) and ".." not in name:
        return name
    cleaned = re.sub(r"[^a-z0-9]+", "-", name[:40].lower()).strip("-")
    return f"{cleaned or 'x'}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def leaf(page: int) -> str:
    """Name the file of a page in its folder."""
    return "index.html" if page == 1 else f"{page}.html"


def tone(entry: TimelineEntry) -> str:
    """The sign of a deployment."""
    if entry.kind == "rollback" and entry.finished and entry.proven:
        return "back"
    if entry.phase in _PHASES:
        return _PHASES[entry.phase]
    if not entry.finished:
        return "busy"
    return "good" if entry.proven else "quiet"


def why(entry: TimelineEntry) -> str:
    """What the ledger's line says behind the phase that it begins with."""
    return entry.text.removeprefix(entry.phase).removeprefix(":").strip()


def stations(journeys: Sequence[ReleasePipeline], shown: Iterable[EnvironmentStatus]) -> tuple[Milestone, ...]:
    """The columns of the pipeline: every stretch that one of the releases has before it, in the usual order.

    Of the environments those that are shown.
    """
    names = {"", *(environment.name for environment in shown)}
    found: dict[tuple[str, str], Milestone] = {}
    for journey in sorted(journeys, key=lambda journey: -len(journey.milestones)):
        for milestone in journey.milestones:
            if milestone.environment in names:
                found.setdefault((milestone.name, milestone.environment), milestone)
    return tuple(found.values())


def at_station(journey: ReleasePipeline, station: Milestone) -> Milestone | None:
    """Where a release is on one stretch."""
    wanted = (station.name, station.environment)
    return next((stone for stone in journey.milestones if (stone.name, stone.environment) == wanted), None)


def about(stone: Milestone) -> str:
    """What there is to say of a stretch besides its mark."""
    return stone.text.removeprefix(f"{stone.mark.value}: ")


def needing(concerns: Iterable[Concern]) -> str:
    """Say how much waits for a person."""
    number = sum(concern.level is not Level.NOTE for concern in concerns)
    if not number:
        return "No open action items"
    return humanize.count(number, "open action item")


def told(lane: Lane) -> str:
    """Describe a lane in words."""
    entries = [mark.entry for mark in lane.marks]
    failed = sum(tone(entry) == "bad" for entry in entries)
    back = sum(entry.kind == "rollback" for entry in entries)
    return (
        f"{humanize.count(len(entries), 'deployment')} from {_day(lane.start)} to {_day(lane.end)}, "
        f"{failed} failed, {humanize.count(back, 'rollback')}"
    )


def commands(text: str) -> Markup:
    """Set what is to be typed apart from what is said, and link to where one has to go."""
    text = _shown(text)
    if text.startswith(_OWN_COMMAND) and "`" not in text:
        return Markup("<code>{}</code>").format(text)
    return _set(text, _with_links)


def set_code(text: str) -> Markup:
    """Set code as code, where a text has it in back-quotes."""
    return _set(_shown(text), escape)


def _set(text: str, write: Callable[[str], Markup]) -> Markup:
    pieces = [write(piece) if at % 2 == 0 else _code(piece) for at, piece in enumerate(_CODE.split(text))]
    return Markup("").join(pieces)


def _with_links(text: str) -> Markup:
    """A text whose web addresses are links, without the full stop or bracket behind one."""
    pieces = [escape(piece) if at % 2 == 0 else link(piece, piece) for at, piece in enumerate(_ADDRESS.split(text))]
    return Markup("").join(pieces)


def address(url: str) -> str:
    """Let web addresses through, and nothing that a browser would run."""
    return url if len(url) <= _LONGEST_ADDRESS and _WEB.fullmatch(url) else ""


def link(url: str, text: str) -> Markup:
    """Link to somewhere else, where the address is one; else show the text alone."""
    if not address(url):
        return escape(_shown(text))
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, _shown(text))


def _environment(now: datetime) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.globals |= {"link": link}
    made.filters |= {
        "about": about,
        "address": address,
        "ago": lambda at: humanize.ago(at, now),
        "at_station": at_station,
        "clock": lambda at: f"{at:%H:%M}",
        "commands": commands,
        "count": humanize.count,
        "curve": charts.curve,
        "day": _day,
        "duration": lambda seconds: _UNMEASURED if seconds is None else humanize.duration(seconds),
        "health_tone": _HEALTH.__getitem__,
        "iso": lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "leaf": leaf,
        "level_tone": _LEVELS.__getitem__,
        "mark_tone": _MARKS.__getitem__,
        "metrics": figures.figures,
        "moment": lambda at: f"{at:%Y-%m-%d %H:%M} UTC",
        "needing": needing,
        "notes": _notes,
        "people": _people,
        "percent": lambda share: _UNMEASURED if share is None else figures.percent(share),
        "short": lambda commit: commit[:10],
        "set_code": set_code,
        "slug": slug,
        "stations": stations,
        "tallied": figures.tallied,
        "told": told,
        "tone": tone,
        "why": why,
        "without_scheme": lambda url: url.partition("://")[2] or url,
    }
    return made


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_T = TypeVar("_T")


def _finalize(value: _T) -> _T | str:
    """Cut every text and make it visible on its way into a page, so that no template can forget to."""
    return _shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _shown(text: str) -> str:
    return visible_block(shortened(text, LONGEST))


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _notes(text: str, level: int) -> tuple[Markup, bool]:
    html, is_cut = as_html(text, level=level)
    return Markup(html), is_cut  # noqa: S704  # as_html lets nothing through that does anything


def _people(names: Sequence[str]) -> str:
    return few([name[:60] for name in names], 6)


def _day(at: date) -> str:
    return f"{at.day} {at:%b}"
