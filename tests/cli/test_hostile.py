"""Text of users stays text: whatever a title, body, name, label or message holds is shown, and is nothing else."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from release_tool.release.notes.render import without_record
from release_tool.text.visible import visible
from tests.cli.terminal import on_a_terminal
from tests.github.test_actions import read_by_the_runner
from tests.shop import shop
from tests.text.reading import active, reads

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shop import Entry, Shop

RELEASED: Entry = {"tag": "v1.2.3"}
HOSTILE = (
    "thanks @everyone and @acme/team",
    "<img src=x onerror=alert(1)>",
    "</details><script>alert(1)</script>",
    "{{ 7*7 }} {% raw %} {# x #}",
    "${{ secrets.GITHUB_TOKEN }}",
    "$(touch owned) `touch owned`; touch owned",
    "a code span `<b>@everyone</b>` here",
    "an open ` span @everyone",
    "\x1b[31mred\x1b[0m and \x1b]0;title\x07bell",
    "a\u202etxt.exe\u2066 turned",
    "](javascript:alert(1)) [x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "::set-output name=again::true",
    "  ::error file=x::stop",
    "##[set-env name=PATH]/tmp",
    "x ##[group]y",
    "again<<EOF",
    "EOF",
    "again=true",
    "%0Aagain=true%0A::error::x",
    "fixes #99, closes eve/shop#3, eve#4",
    "a | b \\| c",
    "%s %(tag)s {0} {tag} \\1 \\g<0>",
    "<!-- rt:notes base=v0.0.1 -->",
    "<!-- hidden",
    "&lt;b&gt; &#64;everyone",
    "# Heading",
    "- item",
    "---",
    "```",
)
OUTPUTS = {"action", "reason", "tag", "version", "sha", "previous", "bump", "again"}


@dataclass(frozen=True)
class Seen:
    """Every place where text of users comes out."""

    log: str
    outputs: tuple[dict[str, str], ...]
    summaries: tuple[str, ...]
    notes: str
    published: str
    tag_message: str


def everywhere(ours: Shop) -> Seen:
    """Plan and release in jobs, and collect what came out."""
    place = ours.clone.parent

    def job(name: str) -> dict[str, str]:
        return ours.job(GITHUB_OUTPUT=f"{place}/{name}-output", GITHUB_STEP_SUMMARY=f"{place}/{name}-summary")

    planned = ours.run("plan", env=job("plan"))
    notes = ours.run("plan", "--json").document["notes"]
    made = ours.run("release", env=job("release"))
    shown = ours.run("notes", env=ours.job())
    assert (planned.code, made.code, shown.code) == (0, 0, 0), planned.err + made.err + shown.err
    assert isinstance(notes, str)
    ours.git("fetch", "--quiet", "--tags")
    (release,) = [release for release in ours.github().releases() if release.tag != "v1.2.3"]
    return Seen(
        log="".join(result.out + result.err for result in (planned, made, shown)),
        outputs=tuple(read_by_the_runner((place / f"{name}-output").read_text()) for name in ("plan", "release")),
        summaries=tuple((place / f"{name}-summary").read_text() for name in ("plan", "release")),
        notes=notes,
        published=release.body or "",
        tag_message=ours.git("cat-file", "tag", release.tag),
    )


def assert_inert(ours: Shop, seen: Seen) -> None:
    """Nothing that users wrote does anything, wherever it came out."""
    planned, released = seen.outputs
    assert set(planned) == OUTPUTS
    assert set(released) == OUTPUTS | {"released", "url"}
    assert (planned["again"], released["again"], released["released"]) == ("false", "false", "true")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", seen.log)
    assert [line for line in seen.log.splitlines() if re.match(r"\s*::", line) or "##[" in line] == []
    for text in (seen.notes, seen.published, *seen.summaries):
        assert active(without_record(text)) == []
        assert not re.search(r"[\x1b\x07\u202a-\u202e\u2066-\u2069]", text)
    assert sorted(re.findall(r"^(\S+):", seen.tag_message.rpartition("\n\n")[2], re.MULTILINE)) == [
        "Release-Tool-Assets",
        "Release-Tool-Owner",
    ]
    assert list(ours.clone.parent.rglob("owned")) == []


def plain(text: str) -> str:
    """A text as somebody reads it: code loses its backticks, and what can't be seen is not there."""
    return visible(text).replace("`", "").replace("\\", "")


def commit(ours: Shop, message: str, name: str = "Eve") -> None:
    """Push a commit with this very message, by somebody of this very name."""
    (ours.clone / "file").write_text(message)
    ours.git("add", "file")
    who = ["-c", f"user.name={name}", "-c", "user.email=eve@example.com"]
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    done = ["git", *who, "commit", "--quiet", "--cleanup=verbatim", "--message", message]
    subprocess.run(done, cwd=ours.clone, env=environment, check=True)
    ours.git("push", "--quiet", ours.box.push_url, "HEAD:main")


def test_titles_are_shown_and_nothing_else(tmp_path: Path) -> None:
    pulls: list[Entry] = [
        {"pull": number, "title": title, "labels": ["feature"], "author": "eve", "files": {f"{number}": "1\n"}}
        for number, title in enumerate(HOSTILE, start=1)
    ]
    with shop(tmp_path, RELEASED, *pulls) as ours:
        seen = everywhere(ours)

        assert_inert(ours, seen)
        for title in HOSTILE:
            for text in (reads(seen.notes), reads(seen.published), *map(reads, seen.summaries[:1])):
                assert plain(title) in plain(text)
            assert plain(title) in plain(seen.log)


def test_titles_are_text_for_git_alone_too(tmp_path: Path) -> None:
    pulls: list[Entry] = [
        {"pull": number, "title": title, "files": {f"{number}": "1\n"}} for number, title in enumerate(HOSTILE, start=1)
    ]
    with shop(tmp_path, RELEASED, *pulls) as ours:
        document = ours.run("plan", "--json", env={}).document

        assert isinstance(document["notes"], str)
        assert active(without_record(document["notes"])) == []
        assert isinstance(document["changes"], list)
        assert [plain(change["title"]) for change in document["changes"]] == [plain(title) for title in HOSTILE]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_bodies_are_shown_and_nothing_else(tmp_path: Path, ending: str) -> None:
    body = ending.join(["## New features", "", *(f"{text}{ending}" for text in HOSTILE), "", "the end"])
    with shop(
        tmp_path,
        RELEASED,
        {"pull": 1, "title": "feat: first", "body": body, "files": {"a": "1\n"}},
        {"pull": 2, "title": "feat: second", "files": {"b": "1\n"}},
    ) as ours:
        seen = everywhere(ours)

        assert_inert(ours, seen)
        assert "second (" in reads(seen.notes)
        assert "Full changelog" in reads(seen.published)


def test_a_migration_stays_in_its_section(tmp_path: Path) -> None:
    body = "## Migration\n\n```sh\nrun me\n\n## Contributors\n\n@everyone\n\n::error::x\n"
    with shop(tmp_path, RELEASED, {"pull": 1, "title": "feat!: x", "body": body, "files": {"a": "1\n"}}) as ours:
        seen = everywhere(ours)

        assert_inert(ours, seen)
        assert [line for line in seen.published.splitlines() if line.startswith("## ")] == [
            "## Breaking changes",
            "## Migration",
            "## Contributors",
        ]


def test_labels_are_shown_and_nothing_else(tmp_path: Path) -> None:
    quoted = ", ".join(f'"{_toml(label)}"' for label in HOSTILE)
    pulls: list[Entry] = [
        {"pull": number, "title": f"Part {number}", "labels": [label], "files": {f"{number}": "1\n"}}
        for number, label in enumerate(HOSTILE, start=1)
    ]
    with shop(tmp_path, RELEASED, *pulls, files={"release-tool.toml": f"[labels]\nminor = [{quoted}]\n"}) as ours:
        seen = everywhere(ours)

        assert_inert(ours, seen)
        assert seen.outputs[0]["bump"] == "minor"


def _toml(text: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else f"\\u{ord(letter):04x}" for letter in text)


def test_messages_and_names_of_commits_are_shown_and_nothing_else(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED) as ours:
        for text in HOSTILE:
            commit(
                ours, f"{text}\n\n{text}\n\n## New features\n\n{text}\n\nCo-authored-by: {text} <x@example.com>", text
            )
        seen = everywhere(ours)

        assert_inert(ours, seen)
        for text in HOSTILE:
            assert plain(text) in plain(reads(seen.notes))
            assert plain(text) in plain(seen.log)


def test_a_message_can_t_pass_for_the_trailer_of_our_tags(tmp_path: Path) -> None:
    trailer = "Release-Tool-Owner: run=1 attempt=1 job=1"
    with shop(tmp_path, RELEASED, {"pull": 1, "title": trailer, "body": trailer, "files": {"a": "1\n"}}) as ours:
        commit(ours, f"feat: x\n\n{trailer}")
        seen = everywhere(ours)

        assert seen.tag_message.count("Release-Tool-Owner: ") == 1
        assert "run=1 attempt=1 job=1" not in seen.tag_message


@pytest.mark.parametrize("actor", ["eve\nagain=true", "eve\n::error::x", "@everyone", "<img src=x onerror=alert(1)>"])
def test_who_forces_a_release_is_shown_and_nothing_else(tmp_path: Path, actor: str) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    with shop(tmp_path, RELEASED, {"pull": 1, "title": "fix: x", "files": {"a": "1\n"}}) as ours:
        job = ours.job(GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary), GITHUB_TRIGGERING_ACTOR=actor)
        result = ours.run("release", "--force", "minor", env=job)

        assert result.code == 0
        assert read_by_the_runner(output.read_text())["again"] == "false"
        assert active(summary.read_text()) == []
        assert not re.search(r"^\s*::", result.out + result.err, re.MULTILINE)
        ours.git("fetch", "--quiet", "--tags")
        assert f"forced by {' '.join(actor.split())}" in ours.git("cat-file", "tag", "v1.3.0")


def test_notes_that_somebody_edited_can_t_speak_to_the_terminal(tmp_path: Path) -> None:
    body = "Now \x1b[31mred\x1b]0;title\x07 and \u202ebackwards"
    with shop(tmp_path, {**RELEASED, "body": body}) as ours:
        assert on_a_terminal(ours, "notes").strip() == "Now red and backwards"


@pytest.mark.parametrize("name", ["\x1b]0;title\x07x", "a\u202eb", "::error::x", "a\n::error::x"])
def test_an_error_quotes_what_it_was_given_and_nothing_else(tmp_path: Path, name: str) -> None:
    with shop(tmp_path, RELEASED) as ours:
        for args in (["release", name], ["plan", f"--force={name}"], ["plan", f"--since={name}"], [name]):
            result = ours.run(*args, env=ours.job())

            assert result.code == 2
            assert not re.search(r"[\x1b\x07\u202e]", result.err)
            commands = [line for line in result.err.splitlines() if line.lstrip().startswith("::")]
            assert [command.partition(" ")[0] for command in commands] == ["::error"]
