"""Telling people: about a release once, whatever happens, and never at the cost of the work."""

from __future__ import annotations

import html.parser
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from inline_snapshot import snapshot
from markdown_it import MarkdownIt
from werkzeug import Response

from github_sandbox import Fault
from release_tool.config.model import Channel, Config, Messages
from release_tool.deploy import withdraw
from release_tool.deploy.halts import commands
from release_tool.deploy.halts.model import Halt, HaltOrder, Issue, read_halts
from release_tool.deploy.links import links
from release_tool.errors import SignalError
from release_tool.history.facts import Request
from release_tool.notify.channels import Channels
from release_tool.notify.message import Wording
from release_tool.notify.notice import LONGEST, Notice, NoticeChange, SendReport
from release_tool.notify.send import Notifier
from release_tool.release.make import ReleaseContents, release
from release_tool.release.notes import edit
from release_tool.release.notes.render import without_record
from release_tool.sync import sync
from release_tool.text.receipt import Receipt, receipt_of
from tests.cli.test_hostile import HOSTILE
from tests.clock import FakeClock
from tests.receivers import mailbox
from tests.shop import shop

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_httpserver import HTTPServer
    from werkzeug import Request as Asked

    from release_tool.project import Project
    from tests.shop import Entry as Happening
    from tests.shop import Result, Shop

pytestmark = pytest.mark.usefixtures("forked_senders")

FEATURE: Happening = {
    "pull": 1,
    "title": "Add search",
    "labels": ["feature"],
    "author": "ada",
    "files": {"search.py": "1"},
}
HIDDEN: Happening = {
    "pull": 2,
    "title": "Tidy up",
    "labels": ["skip-changelog"],
    "author": "bob",
    "files": {"shop.py": "2"},
}
CONFIGURATION = """
[channels.team]
url-env = "TEAM_URL"

[channels.ops]
url-env = "OPS_URL"
events = ["released", "sync-conflict", "failed"]

[channels.night]
url-env = "NIGHT_URL"
events = ["failed"]
"""

NOWHERE = Path("nowhere")
"""A project without templates of its own."""

CONFIG = Config(channels={"any": Channel(url_env="ANY")})


class Team:
    """A service with a room for each channel; `down` are the rooms where it answers 500."""

    def __init__(self, server: HTTPServer) -> None:
        self.down: set[str] = set()
        self.got: list[tuple[str, str, str]] = []
        self._server = server
        server.expect_request("/team").respond_with_handler(self._take)
        server.expect_request("/ops").respond_with_handler(self._take)
        server.expect_request("/night").respond_with_handler(self._take)

    def _take(self, request: Asked) -> Response:
        room = request.path.strip("/")
        if room in self.down:
            return Response(status=500)
        body = json.loads(request.data)
        self.got.append((room, body["title"], body["message"]))
        return Response(status=200)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """Which room heard what."""
        return sorted((room, title) for room, title, _ in self.got)

    @property
    def addresses(self) -> dict[str, str]:
        rooms = ("team", "ops", "night")
        return {f"{room.upper()}_URL": f"json://127.0.0.1:{self._server.port}/{room}" for room in rooms}


@pytest.fixture
def team(httpserver: HTTPServer) -> Team:
    return Team(httpserver)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, {"tag": "v1.2.3"}, FEATURE, HIDDEN) as made:
        (made.clone / "release-tool.toml").write_text(CONFIGURATION)
        yield made


def telling(made: Shop, team: Team, clock: FakeClock | None = None) -> Project:
    """The project with channels that are real."""
    plain = made.project(clock=clock)
    environment = os.environ | team.addresses
    return msgspec.structs.replace(plain, notify=notifier(plain.config, made, environment))


def notifier(config: Config, made: Shop, environment: dict[str, str]) -> Notifier:
    return Notifier(config, made.clone, Channels(config.channels, environment, FakeClock()), made.said.append)


def make_release(project: Project) -> None:
    outcome = release(project, Request(), ReleaseContents())
    assert outcome.released, outcome.reason


def again(project: Project) -> None:
    """The next run, which finds nothing to release."""
    assert not release(project, Request(), ReleaseContents()).released


def body_of(made: Shop, tag: str = "v1.3.0") -> str:
    found = made.github().release_by_tag(tag)
    assert found is not None
    return found.body or ""


# A release


def test_a_release_is_told_with_its_changes_and_links(project: Shop, team: Team) -> None:
    make_release(telling(project, team))
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]
    shown = team.got[0][2].replace(f"{project.box.api_url}/acme/shop", "https://github.com/acme/shop")
    assert shown == snapshot("""\
What changed since v1.2.3:

- Add search (#1)

- release: <https://github.com/acme/shop/releases/tag/v1.3.0>
- compare: <https://github.com/acme/shop/compare/v1.2.3...v1.3.0>\
""")


def test_who_was_told_stands_in_the_release_and_is_not_told_again(project: Shop, team: Team) -> None:
    make_release(telling(project, team))
    assert receipt_of(body_of(project)) == Receipt(told=("team", "ops"))
    again(telling(project, team))
    assert len(team.got) == 2


def test_a_command_tells_by_itself_and_says_so(project: Shop, team: Team) -> None:
    done = project.run("release", env=project.job() | team.addresses)
    assert done.code == 0
    assert "notified team, ops: v1.3.0 is released" in done.err
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]


def test_a_channel_that_fails_does_not_fail_the_release_and_stands_in_the_summary(
    project: Shop, team: Team, tmp_path: Path
) -> None:
    team.down = {"ops"}
    summary = tmp_path / "summary.md"
    done = project.run("release", env=project.job(GITHUB_STEP_SUMMARY=str(summary)) | team.addresses)
    assert done.code == 0
    assert "ops was not notified: the service answered 500" in done.err
    assert (
        "Some channels were not notified: v1.3.0 is released\n\n- ops: the service answered 500" in summary.read_text()
    )
    assert receipt_of(body_of(project)) == Receipt(told=("team",), owed=("ops",))


def test_the_next_run_tells_who_missed_it_and_nobody_else(project: Shop, team: Team) -> None:
    team.down = {"ops"}
    make_release(telling(project, team))
    team.down = set()
    again(telling(project, team))
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]
    assert team.got[0][2] == team.got[1][2]
    assert receipt_of(body_of(project)) == Receipt(told=("team", "ops"))


def test_a_channel_without_an_address_here_is_told_by_a_run_that_has_it(project: Shop, team: Team) -> None:
    assert project.run("release").code == 0
    assert receipt_of(body_of(project)).owed == ("team", "ops")
    again(telling(project, team))
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]


def test_a_run_that_dies_right_after_publishing_leaves_nobody_untold(project: Shop, team: Team) -> None:
    def die(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        del notice, only
        raise SignalError(signal.SIGTERM)

    with pytest.raises(SignalError):
        release(msgspec.structs.replace(project.project(), notify=die), Request(), ReleaseContents())
    again(telling(project, team))
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]


def test_releases_from_before_the_first_channel_are_never_told(project: Shop, team: Team) -> None:
    configuration = (project.clone / "release-tool.toml").read_text()
    (project.clone / "release-tool.toml").write_text("")
    make_release(project.project())
    (project.clone / "release-tool.toml").write_text(configuration)
    again(telling(project, team))
    assert team.got == []
    assert "rt:told" not in body_of(project)


def test_a_channel_that_was_added_later_hears_no_old_news(project: Shop, team: Team) -> None:
    make_release(telling(project, team))
    with (project.clone / "release-tool.toml").open("a") as configuration:
        configuration.write('\n[channels.new]\nurl-env = "NIGHT_URL"\n')
    again(telling(project, team))
    assert len(team.got) == 2


def test_after_some_days_nobody_is_told_old_news(project: Shop, team: Team) -> None:
    team.down = {"ops"}
    make_release(telling(project, team))
    team.down = set()
    again(telling(project, team, FakeClock(datetime(2026, 1, 5, 12, tzinfo=UTC) + timedelta(days=4))))
    assert team.heard == [("team", "v1.3.0 is released")]


def test_nobody_is_told_of_a_release_that_was_withdrawn_meanwhile(project: Shop, team: Team) -> None:
    team.down = {"ops", "team"}
    make_release(telling(project, team))
    withdraw.withdraw(project.project(), "v1.3.0", "broken")
    team.down = set()
    again(telling(project, team))
    assert team.got == []


def test_a_channel_that_was_taken_away_is_owed_nothing_any_more(project: Shop, team: Team) -> None:
    team.down = {"ops", "team"}
    make_release(telling(project, team))
    (project.clone / "release-tool.toml").write_text("")
    again(telling(project, team))
    assert receipt_of(body_of(project)) == Receipt()


def test_looking_for_who_missed_something_asks_github_nothing(project: Shop, team: Team) -> None:
    make_release(telling(project, team))
    again(telling(project, team))
    project.box.forget_requests()
    again(telling(project, team))
    told = len(project.box.requests)
    (project.clone / "release-tool.toml").write_text("")
    project.box.forget_requests()
    again(project.project())
    assert told == len(project.box.requests)


def test_where_it_can_t_be_written_down_the_release_is_done_all_the_same(project: Shop, team: Team) -> None:
    project.box.fault(Fault(method="PATCH", path=r"/releases/\d+", status=422, after=1))
    make_release(telling(project, team))
    assert any("could not be recorded, so they may be notified twice" in said for said in project.said)


def test_who_was_told_survives_new_notes_and_edits_and_is_not_shown(project: Shop, team: Team) -> None:
    make_release(telling(project, team))
    edit.edit(project.project(), "v1.3.0", lambda text: text.replace("Add search", "Add a search"))
    edit.write(project.project(), "v1.3.0")
    assert "Add a search" in body_of(project)
    assert receipt_of(body_of(project)) == Receipt(told=("team", "ops"))
    assert "rt:told" not in without_record(body_of(project))
    withdraw.withdraw(project.project(), "v1.3.0", "broken")
    assert receipt_of(body_of(project)) == Receipt(told=("team", "ops"))


def test_what_a_person_edits_while_people_are_told_stays(project: Shop, team: Team) -> None:
    plain = telling(project, team)

    def edit_meanwhile(notice: Notice, *, only: Collection[str] | None = None) -> SendReport:
        edit.edit(project.project(), "v1.3.0", lambda text: text.replace("Add search", "Add a search"))
        return plain.notify(notice, only=only)

    make_release(msgspec.structs.replace(plain, notify=edit_meanwhile))
    assert "Add a search" in body_of(project)
    assert receipt_of(body_of(project)) == Receipt(told=("team", "ops"))


def test_where_nothing_is_carried_the_sync_still_tells_who_missed_a_release(project: Shop, team: Team) -> None:
    team.down = {"ops"}
    make_release(telling(project, team))
    team.down = set()
    for _ in range(2):
        assert sync.candidate(telling(project, team), "").state == "nothing"
    assert team.heard == [("ops", "v1.3.0 is released"), ("team", "v1.3.0 is released")]


def test_where_nothing_is_carried_and_nobody_wants_to_know_the_sync_asks_nothing(project: Shop) -> None:
    (project.clone / "release-tool.toml").write_text("")
    project.box.forget_requests()
    sync.candidate(project.project(), "")
    assert project.box.requests == []


# A conflict


def test_of_a_conflict_who_missed_it_is_told_by_the_next_run_and_nobody_twice(tmp_path: Path, team: Team) -> None:
    own: Happening = {
        "branch": "cloud",
        "from": "v1.2.3",
        "commit": "Own search",
        "author": "ops",
        "files": {"search.py": "of the cloud"},
    }
    with shop(tmp_path, {"tag": "v1.2.3"}, own, FEATURE, {"tag": "v1.3.0"}) as made:
        (made.clone / "release-tool.toml").write_text('[sync]\nbranch = "cloud"\n' + CONFIGURATION)
        team.down = {"ops"}
        assert sync.candidate(telling(made, team), "").state == "conflict"
        assert sync.candidate(telling(made, team), "").state == "conflict"
        team.down = set()
        first = sync.candidate(telling(made, team), "")
        assert sync.candidate(telling(made, team), "").pull == first.pull
    told = "Resolve the conflicts of v1.3.0 with cloud"
    assert team.heard == [("ops", told), ("team", told)]
    assert "- Add search (#1)" in team.got[0][2]


# The words


def full(**more: object) -> Notice:
    known: dict[str, object] = {
        "event": "rolled-back",
        "title": "production was rolled back to 1.2.3",
        "environment": "production",
        "before": "1.3.0",
        "after": "1.2.3",
        "changes": (NoticeChange("#1", "Add search"),),
        "who": "ada",
        "reason": "8 bad samples in a row",
        "refers_to": ("1.2.4 is not healthy", "https://github.com/acme/shop/actions/runs/1"),
        "links": (("run", "https://github.com/acme/shop/actions/runs/2"),),
    }
    return Notice(**(known | more))  # type: ignore[arg-type]  # a test names the fields it is about


def test_a_message_says_what_happened_where_why_by_whom_and_what_it_refers_to() -> None:
    message = Wording(Messages(), NOWHERE).write(full())
    assert message.subject == "production was rolled back to 1.2.3"
    assert message.mood == "warning"
    assert message.body == snapshot("""\
production: 1.3.0 → 1.2.3

1.3.0 is not deployed there automatically again.

- Add search (#1)

Reason: 8 bad samples in a row

By: ada

Resolved: 1.2.4 is not healthy <https://github.com/acme/shop/actions/runs/1>

- run: <https://github.com/acme/shop/actions/runs/2>\
""")


@pytest.mark.parametrize("event", [field.replace("_", "-") for field in Messages.__struct_fields__])
def test_every_event_has_words_of_its_own_with_and_without_details(event: str) -> None:
    wording = Wording(Messages(), NOWHERE)
    bodies = {wording.write(notice).body for notice in (full(event=event), full(event="test"))}
    assert len(bodies) == 2
    bare = wording.write(Notice(event=event, title="Something happened"))  # type: ignore[arg-type]  # it is an event
    assert bare.subject == "Something happened"
    assert "None" not in bare.body


def test_a_message_names_as_many_changes_as_there_is_room_for() -> None:
    changes = tuple(
        NoticeChange(f"#{number}", "A change with quite a long title, as they are") for number in range(500)
    )
    message = Wording(Messages(), NOWHERE).write(full(changes=changes))
    body = message.body
    assert len(message.subject) + len(body) <= LONGEST
    assert "- … and 480 more" in body
    assert body.endswith("- run: <https://github.com/acme/shop/actions/runs/2>")


def test_ten_megabytes_of_text_are_cut_before_they_are_sent() -> None:
    huge = "x <!channel> " * 800_000
    message = Wording(Messages(), NOWHERE).write(
        full(title=huge, text=huge, reason=huge, who=huge, environment=huge, changes=(NoticeChange(huge, huge),) * 100)
    )
    assert len(message.subject) <= 200
    assert len(message.subject) + len(message.body) <= LONGEST


def test_a_project_has_words_of_its_own(project: Shop, team: Team) -> None:
    (project.clone / "ops").mkdir()
    (project.clone / "ops" / "released.j2").write_text(
        "Hurray: {{ after }}\n\n{% for change in changes %}* {{ change.title }}\n{% endfor %}{% include '_rest.j2' %}"
    )
    with (project.clone / "release-tool.toml").open("a") as configuration:
        configuration.write('\n[messages]\nreleased = "ops/released.j2"\n')
    make_release(telling(project, team))
    assert [(subject, body.splitlines()[0]) for _, subject, body in team.got] == [
        ("Hurray: v1.3.0", "* Add search")
    ] * 2


@pytest.mark.parametrize(
    "template, why",
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{% for %}", "Expected an expression"),
        ("{{ title.__class__ }}", "unsafe"),
        (None, "own.j2"),
    ],
)
def test_where_a_project_s_words_fail_the_standard_ones_are_sent(
    project: Shop, team: Team, template: str | None, why: str
) -> None:
    if template is not None:
        (project.clone / "own.j2").write_text(template)
    with (project.clone / "release-tool.toml").open("a") as configuration:
        configuration.write('\n[messages]\nreleased = "own.j2"\n')
    make_release(telling(project, team))
    assert [body.splitlines()[0] for _, _, body in team.got] == ["What changed since v1.2.3:"] * 2
    (complaint,) = [said for said in project.said if "the standard message is sent instead" in said]
    assert "`messages.released`: own.j2 can't be used" in complaint
    assert why in complaint


# What people wrote


def hostile() -> Notice:
    hostile_words = " ".join((*HOSTILE, "<!channel> <@U123> <!here|x> <https://evil.example|click> @here"))
    links_of_people = tuple(("x", f"https://github.com/{text}") for text in HOSTILE)
    return full(
        title=HOSTILE[1],
        text=hostile_words,
        reason=hostile_words,
        who="<!channel>",
        environment="[x](https://evil.example)",
        changes=tuple(
            NoticeChange(f"#{number}", text) for number, text in enumerate((*HOSTILE, "<!channel>", "@here"))
        ),
        links=(("run", "https://github.com/acme/shop/actions/runs/2"), *links_of_people),
    )


def sent_as(team_server: HTTPServer, form: str, notice: Notice) -> str:
    """What a service that takes this form gets to read."""
    got: list[dict[str, str]] = []

    def take(request: Asked) -> Response:
        got.append(json.loads(request.data))
        return Response(status=200)

    team_server.expect_request("/any").respond_with_handler(take)
    plain = Notifier(CONFIG, NOWHERE, Channels(CONFIG.channels, addressed(team_server, form), FakeClock()), print)
    assert plain(notice).delivered
    return got[0]["message"]


def addressed(server: HTTPServer, form: str) -> dict[str, str]:
    return os.environ | {"ANY": f"json://127.0.0.1:{server.port}/any?format={form}"}


class Elements(html.parser.HTMLParser):
    """The elements of a text and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value for _, value in attrs]


def ours_only(addresses: list[str]) -> bool:
    return all(address.startswith("https://github.com/") for address in addresses)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_as_text_and_as_markdown_nothing_pings_loads_or_opens(httpserver: HTTPServer, form: str) -> None:
    shown = sent_as(httpserver, form, hostile())
    tokens = [child for token in MarkdownIt("commonmark").parse(shown) for child in (token, *(token.children or []))]
    assert {token.type for token in tokens if "html" in token.type or "image" in token.type} == set()
    assert {token.type for token in tokens if "heading" in token.type or "fence" in token.type} == set()
    assert ours_only([str(token.attrs["href"]) for token in tokens if token.type == "link_open"])
    assert [
        ping for ping in ("<!", "<@", "@everyone", "@here", "|click>", "javascript:alert(1))[") if ping in shown
    ] == []


def test_as_html_there_is_nothing_but_text_lists_and_our_links(httpserver: HTTPServer) -> None:
    elements = Elements()
    elements.feed(sent_as(httpserver, "html", hostile()))
    assert elements.names <= {"p", "br", "ul", "li", "a", "em", "strong", "code"}
    assert ours_only([str(address) for address in elements.addresses])


def test_a_mail_has_no_header_that_people_wrote(httpserver: HTTPServer) -> None:
    del httpserver
    with mailbox() as box:
        environment = os.environ | {"ANY": box.url}
        told = Notifier(CONFIG, NOWHERE, Channels(CONFIG.channels, environment, FakeClock()), print)(
            full(title="Released\r\nBcc: eve@evil.example\r\n\r\n<script>")
        )
    assert told.delivered
    (mail,) = box.mails
    assert mail.to == "team@example.com"
    assert mail.subject.replace("\u200b", "") == "Released Bcc: eve@evil.example \u2039script\u203a"


# Links


def test_a_message_leads_to_the_run_the_changes_and_the_ways_to_stop(project: Shop) -> None:
    found = dict(links(project.project(env=project.job(7)), before="v1.2.3", after="a b", environment="production"))
    base = f"{project.box.api_url}/acme/shop"
    assert found["run"] == f"{base}/actions/runs/7"
    assert found["compare"] == f"{base}/compare/v1.2.3...a%20b"
    assert found["roll back"] == f"{base}/actions/workflows/release-tool-deploy.yml"
    assert urlsplit(found["halt"]).path == "/acme/shop/issues/new"


def test_an_issue_that_is_sent_off_as_the_link_writes_it_halts_just_that_environment(project: Shop) -> None:
    (*_, (name, address)) = links(project.project(), environment="production")
    asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    assert (name, asked["labels"]) == ("halt", "release-halt")
    issue = Issue(
        number=3,
        url="https://github.com/acme/shop/issues/3",
        title=asked["title"],
        body=asked["body"],
        author="ada",
        author_writes=True,
        labels=(asked["labels"],),
    )
    order = HaltOrder(environment="production", by="ada")
    assert read_halts([issue], "us") == (Halt(issue=3, url=issue.url, order=order),)


def test_without_anything_to_lead_to_there_are_no_links(project: Shop) -> None:
    assert links(project.project()) == ()


# Any other message


def test_who_is_owed_a_message_can_be_told_alone(project: Shop, team: Team) -> None:
    team.down = {"ops"}
    told = telling(project, team).tell(full(event="failed"))
    assert (told.sent, told.owed) == (("team", "night"), ("ops",))
    team.down = set()
    assert telling(project, team).tell(full(event="failed"), only=told.owed) == SendReport(sent=("ops",))
    assert [room for room, _ in team.heard] == ["night", "ops", "team"]


def test_a_halt_is_told_and_going_on_refers_to_it(project: Shop, team: Team) -> None:
    made = commands.halt(telling(project, team), HaltOrder(environment="production", by="ada", reason="a bad smell"))
    commands.resume(telling(project, team), "production", "bob")
    halted, resumed = (body.replace(project.box.api_url, "https://github.com") for _, _, body in team.got)
    assert made.changed
    assert team.heard == [
        ("team", "Deployments to production are halted"),
        ("team", "Deployments to production are resumed"),
    ]
    assert halted == snapshot("""\
Nothing is deployed to production automatically until a person resumes: close the issue, or run `release-tool resume`.

Reason: a bad smell

By: ada

- the halt: <https://github.com/acme/shop/issues/3>\
""")
    assert resumed == snapshot("""\
New versions are deployed to production automatically again.

Resumed by bob.

Resolved: the halt <https://github.com/acme/shop/issues/3>\
""")


# The command


def test_a_test_message_goes_to_every_channel_whatever_it_listens_to(project: Shop, team: Team) -> None:
    done = project.run("notify", "test", env=project.environment() | team.addresses)
    assert (done.code, done.out) == (0, "team: delivered\nops: delivered\nnight: delivered\n")
    assert team.heard == [(room, "A test from acme/shop") for room in ("night", "ops", "team")]


def test_a_channel_that_fails_the_test_ends_it_with_code_4(project: Shop, team: Team) -> None:
    team.down = {"ops"}
    done = project.run("notify", "test", env=project.environment() | team.addresses | {"NIGHT_URL": ""})
    assert done.code == 4
    assert done.out == snapshot("""\
team: delivered
ops: not delivered: the service answered 500
night: not delivered: NIGHT_URL is not set where this ran
""")
    assert "not reached: ops, night" in done.err


def test_a_program_reads_what_became_of_the_test(project: Shop, team: Team) -> None:
    team.down = {"ops", "night"}
    done: Result = project.run("notify", "test", "--json", env=project.environment() | team.addresses)
    assert done.code == 4
    assert done.document == {
        "schema": 1,
        "channels": [
            {"name": "team", "delivered": True, "reason": ""},
            {"name": "ops", "delivered": False, "reason": "the service answered 500"},
            {"name": "night", "delivered": False, "reason": "the service answered 500"},
        ],
    }


def test_without_a_channel_there_is_nothing_to_test(project: Shop) -> None:
    (project.clone / "release-tool.toml").write_text("")
    done = project.run("notify", "test")
    assert done.code == 2
    assert "no channel is configured" in done.err
    assert "[channels.NAME]" in done.err


def test_the_test_finds_a_template_that_would_fail_on_the_day(project: Shop, team: Team) -> None:
    (project.clone / "own.j2").write_text("{{ title }}\n\n{% if refers_to %}{{ refers_to.name }}{% endif %}")
    with (project.clone / "release-tool.toml").open("a") as configuration:
        configuration.write('\n[messages]\nresumed = "own.j2"\n')
    done = project.run("notify", "test", env=project.environment() | team.addresses)
    assert done.code == 2
    assert "`messages.resumed`: own.j2 can't be used" in done.err
    assert team.got == []


def test_the_test_needs_no_token(project: Shop, team: Team) -> None:
    done = project.run("notify", "test", env=project.environment(GITHUB_TOKEN="") | team.addresses)
    assert done.code == 0
