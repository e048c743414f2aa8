"""Bad input gets one clear error that says what to do, and writes nothing; good manners at the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from release_tool import errors
from release_tool.cli import group
from tests import forkserver
from tests.cli.terminal import on_a_terminal
from tests.shop import Result, shop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.shop import Entry, Shop

RELEASED: Entry = {"tag": "v1.2.3"}
FIX: Entry = {"pull": 1, "title": "fix: a hole", "files": {"a.py": "1\n"}}
TOOL = [sys.executable, "-m", "release_tool"]


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Shop]:
    """A shop with a fix that waits for its release."""
    with shop(tmp_path, RELEASED, FIX) as made:
        yield made


def writes(of: Shop) -> list[str]:
    """What was asked of GitHub that could have changed something."""
    reading = re.compile(r"GET .*|POST /graphql|POST \S+/git-upload-pack")
    asked = [f"{request.method} {request.path}" for request in of.box.requests]
    return [request for request in asked if not reading.fullmatch(request)]


def assert_one_clear_error(result: Result, code: int, *says: str) -> None:
    """One error in plain words, with what to do next, and nothing on standard output."""
    assert (result.code, result.out) == (code, "")
    assert len(re.findall("^error: ", result.err, re.MULTILINE)) == 1
    assert "Traceback" not in result.err
    assert "\x1b" not in result.err
    assert re.search(r"^  do next: \S", result.err, re.MULTILINE)
    for text in says:
        assert text in result.err


def run_in(directory: Path, *args: str, env: Mapping[str, str]) -> Result:
    return Result(*forkserver.run(args, cwd=directory, env=os.environ | env))


# Configuration


@pytest.mark.parametrize(
    "text, says",
    [
        ('tag-prefx = "v"', "`tag-prefx`: unknown key; did you mean `tag-prefix`?"),
        ('[labels]\nmayor = ["big"]', "`labels.mayor`: unknown key; did you mean `major`?"),
        ('major-on-zero = "yes"', '`major-on-zero`: expected `bool`, got "yes"'),
        ('unlabelled = "minor"', '`unlabelled`: expected one of `patch`, `fail`, got "minor"'),
        ("max-wait = 5", "`max-wait`: expected a duration such as `5s`, got 5"),
        ('[labels]\nmajor = ["big"]\nminor = ["Big"]', '`labels.major` and `labels.minor`: both have the label "big"'),
        ("tag-prefix = ", "release-tool.toml is not valid TOML"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_by_key_and_value(ours: Shop, text: str, says: str) -> None:
    (ours.clone / "release-tool.toml").write_text(text)

    assert_one_clear_error(ours.run("release"), 2, says, "release-tool.toml")
    assert writes(ours) == []


def test_two_files_that_configure_contradict_each_other(ours: Shop) -> None:
    (ours.clone / "release-tool.toml").write_text('tag-prefix = "v"\n')
    (ours.clone / "pyproject.toml").write_text('[tool.release-tool]\ntag-prefix = ""\n')

    assert_one_clear_error(ours.run("plan"), 2, "release-tool.toml", "pyproject.toml", "keep one of them")


def test_a_configuration_file_that_is_missing_is_named(ours: Shop) -> None:
    assert_one_clear_error(ours.run("--config", "gone.toml", "plan"), 2, "gone.toml")


# Where one stands


@pytest.mark.parametrize("command", ["plan", "release", "notes"])
def test_a_directory_without_a_repository_is_refused(tmp_path: Path, command: str) -> None:
    result = run_in(tmp_path, command, env={})

    assert_one_clear_error(result, 2, "no git repository", "run this inside a clone of the repository")


def test_a_repository_without_a_commit_has_nothing_to_plan(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)

    assert_one_clear_error(run_in(tmp_path, "plan", env={}), 2, "no commit yet")


def test_without_a_remote_a_release_asks_for_the_repository(ours: Shop) -> None:
    ours.git("remote", "remove", "origin")

    result = ours.run("release", env=ours.environment(GITHUB_REPOSITORY=""))

    assert_one_clear_error(result, 2, "there is no remote `origin`", "--repo OWNER/NAME")
    assert writes(ours) == []


def test_without_a_remote_git_alone_still_plans(ours: Shop) -> None:
    ours.git("remote", "remove", "origin")

    assert ours.run("plan", "--json", env={}).document["tag"] == "v1.2.4"


@pytest.mark.parametrize(
    "command", [("release",), ("bump", "--here", "--yes"), ("withdraw", "v1.2.3", "--reason", "x")]
)
def test_without_a_token_nothing_can_be_written_and_the_error_says_where_to_get_one(
    ours: Shop, command: tuple[str, ...]
) -> None:
    result = ours.run(*command, env=ours.environment(GITHUB_TOKEN="", PATH="/usr/bin:/bin"))

    assert_one_clear_error(result, 2, "there is no token for acme/shop", "GITHUB_TOKEN", "gh auth login")
    assert ours.git("tag", "--list") == "v1.2.3"


def test_a_token_without_rights_is_told_which_right_it_lacks(tmp_path: Path) -> None:
    with shop(tmp_path, RELEASED, FIX, {"rights": {"contents": "read"}}) as ours:
        result = ours.run("release")

        assert_one_clear_error(result, 2, "contents: write")
        assert "v1.2.4" not in ours.git("ls-remote", "--tags", "origin")
        assert ours.run("plan", "--json").document["tag"] == "v1.2.4"


def test_a_token_that_github_does_not_know_is_told_so(ours: Shop) -> None:
    result = ours.run("release", env=ours.environment(GITHUB_TOKEN="no-such-token"))

    assert result.code in {2, 3}
    assert_one_clear_error(result, result.code, "GITHUB_TOKEN")
    assert "no-such-token" not in result.err
    assert writes(ours) == []


def test_a_repository_that_is_not_there_is_named(ours: Shop) -> None:
    result = ours.run("--repo", "acme/nothing", "plan", env=ours.environment(GITHUB_REPOSITORY="acme/nothing"))

    assert_one_clear_error(result, 4, "acme/nothing", "--repo OWNER/NAME")


@pytest.mark.parametrize("name", ["shop", "acme/shop/more", "https://github.com/acme/shop"])
def test_a_repository_is_named_as_owner_and_name(ours: Shop, name: str) -> None:
    assert_one_clear_error(ours.run("--repo", name, "plan"), 2, "OWNER/NAME", "acme/shop")


# Assets


@pytest.mark.parametrize(
    "names, says",
    [
        (["gone.whl"], "'gone.whl' does not exist"),
        (["empty.whl"], "'empty.whl' is empty"),
        (["folder"], "'folder' is not a file"),
        (["one/shop.whl", "two/shop.whl"], "'two/shop.whl' would be published as 'shop.whl', which is one/shop.whl"),
        (["one/shop.whl", "one/shop.whl"], "'one/shop.whl' would be published as 'shop.whl'"),
        (["one/a b.whl", "one/a c/../a.b.whl"], "'a.b.whl'"),
        (["SHA256SUMS"], "is made by release-tool itself"),
    ],
)
def test_a_file_that_can_t_be_published_stops_everything_before_it_begins(
    ours: Shop, names: list[str], says: str
) -> None:
    for name in ("one/shop.whl", "two/shop.whl", "one/a b.whl", "one/a.b.whl", "one/a c/x", "folder/x", "SHA256SUMS"):
        (ours.clone / name).parent.mkdir(parents=True, exist_ok=True)
        (ours.clone / name).write_text(name)
    (ours.clone / "empty.whl").touch()

    assert_one_clear_error(ours.run("release", *names), 2, says)
    assert writes(ours) == []


@pytest.mark.parametrize(
    "value", ["web", "web=ghcr.io/acme/shop:1.0", "web=ghcr.io/acme/shop@sha256:abc", "=x@sha256:1"]
)
def test_a_reference_has_a_name_and_a_digest(ours: Shop, value: str) -> None:
    assert_one_clear_error(ours.run("release", "--reference", value), 2, "NAME=REF@DIGEST")
    assert writes(ours) == []


def test_a_reference_that_does_not_fit_on_its_commit_is_refused_before_anything_is_written(ours: Shop) -> None:
    long = f"web=registry.example.com/{'a' * 60}@sha256:{'0' * 64}"
    assert_one_clear_error(ours.run("release", "--reference", long), 2, "GitHub keeps 140 characters")


# What is asked for


NONSENSE = ["huge", "1.3", "v1.3.0.0", "1.3.0-rc.1", "1.3.0+build", "Minor", "-1", "١.٣.٠"]
TOO_LOW = ["1.2.2", "0.9.0", "v1.2.3"]
CLAIMS = [("release",), ("bump", "--here", "--yes")]


@pytest.mark.parametrize(
    "command, value", [*((("plan",), value) for value in NONSENSE), *((command, "huge") for command in CLAIMS)]
)
def test_a_force_that_is_neither_level_nor_version_is_refused(ours: Shop, command: tuple[str, ...], value: str) -> None:
    assert_one_clear_error(ours.run(*command, f"--force={value}"), 2, "--force", "1.3.0")
    assert writes(ours) == []


@pytest.mark.parametrize(
    "command, value", [*((("plan",), value) for value in TOO_LOW), *((command, "1.2.2") for command in CLAIMS)]
)
def test_a_forced_version_that_is_not_higher_is_refused(ours: Shop, command: tuple[str, ...], value: str) -> None:
    assert_one_clear_error(ours.run(*command, "--force", value), 3, value.removeprefix("v"))
    assert writes(ours) == []


@pytest.mark.parametrize("value", ["1", "rc.1", "rc 1", "-", "ä"])
def test_a_prerelease_is_named_by_an_identifier(ours: Shop, value: str) -> None:
    if value == "-":
        assert ours.run("plan", "--json", f"--pre={value}").document["tag"] == "v1.2.4--.1"
        return
    assert_one_clear_error(ours.run("plan", f"--pre={value}"), 2, "--pre", "`rc`")


@pytest.mark.parametrize("value", ["nowhere", "--all", "v9.9.9", "HEAD~99", "a\nb"])
def test_a_since_that_names_no_commit_of_the_branch_is_refused(ours: Shop, value: str) -> None:
    assert_one_clear_error(ours.run("plan", f"--since={value}"), 2)
    assert writes(ours) == []


def test_files_that_were_built_for_another_version_are_refused_to_a_person(ours: Shop) -> None:
    result = ours.run("release", "--expect", "v1.3.0")

    assert_one_clear_error(result, 3, "built for v1.3.0, but the next release is v1.2.4")
    assert writes(ours) == []


def test_files_that_were_built_for_another_version_make_a_job_start_again(ours: Shop, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"

    result = ours.run("release", "--expect", "v1.3.0", env=ours.job(GITHUB_OUTPUT=str(outputs)))

    assert (result.code, writes(ours)) == (0, [])
    assert "again=true\n" in outputs.read_text()
    assert "released=false\n" in outputs.read_text()
    assert "built for v1.3.0, but the next release is v1.2.4" in result.out


@pytest.mark.parametrize("answer", ["n\n", "\n", "no\n", ""])
def test_a_no_at_the_question_claims_nothing(ours: Shop, answer: str) -> None:
    result = ours.run("bump", "--here", answer=answer)

    assert (result.code, result.out, writes(ours)) == (3, "", [])
    assert "Release v1.2.4 at" in result.err
    assert "aborted: not confirmed" in result.err
    assert "Traceback" not in result.err


def test_a_yes_at_the_question_claims_the_tag(ours: Shop) -> None:
    assert ours.run("bump", "--here", answer="y\n").code == 0
    assert "refs/tags/v1.2.4" in ours.git("ls-remote", "--tags", "origin")


@pytest.mark.parametrize(
    "args",
    [
        ("plam",),
        ("plan", "--jsn"),
        ("plan", "extra"),
        ("--verbos", "plan"),
        ("withdraw",),
        ("withdraw", "v1.2.3"),
        ("withdraw", "v1.2.3", "--reason", " "),
        ("notes", "--edit", "--write"),
        ("notes", "v9.9.9", "--write"),
        ("release", "--force"),
    ],
)
def test_a_command_line_that_is_wrong_is_one_error(ours: Shop, args: tuple[str, ...]) -> None:
    result = ours.run(*args)

    assert result.code in {2, 3}
    assert_one_clear_error(result, result.code)
    assert writes(ours) == []


def test_a_command_that_is_not_given_shows_the_help(ours: Shop) -> None:
    result = ours.run()

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: release-tool")
    assert "error:" not in result.err


# Errors for programs


def test_an_error_is_one_document_for_programs(ours: Shop) -> None:
    result = ours.run("release", "--json", "--expect", "v9.9.9")

    assert (result.code, result.document["schema"]) == (3, 1)
    error = result.document["error"]
    assert isinstance(error, dict)
    assert (error["kind"], error["exit_code"], error["already"]) == ("refused", 3, "nothing was written")
    assert error["message"] in result.err


@pytest.mark.parametrize("args", [("plan", "--json", "--what"), ("--json",), ("what", "--json")])
def test_a_wrong_command_line_is_a_document_too_where_json_was_asked_for(ours: Shop, args: tuple[str, ...]) -> None:
    assert ours.run(*args).document["schema"] == 1


def test_every_failure_has_an_exit_code_of_its_own() -> None:
    table = {kind.kind: kind.exit_code for kind in errors.ReleaseToolError.__subclasses__()}

    assert table == {
        "bug": 1,
        "usage": 2,
        "refused": 3,
        "remote": 4,
        "needs-person": 5,
        "rolled-back": 6,
        "unhealthy": 7,
        "signal": 128,
    }


def test_debug_also_shows_where_an_error_was_raised(ours: Shop) -> None:
    assert "Traceback" in ours.run("--debug", "plan", "--force", "huge").err


# The terminal


def test_a_terminal_gets_colours(ours: Shop) -> None:
    assert "\x1b[" in on_a_terminal(ours, "plan")


@pytest.mark.parametrize("args", [("plan",), ("plan", "--force", "huge"), ("release", "--dry-run"), ("--help",)])
def test_no_color_is_honoured(ours: Shop, args: tuple[str, ...]) -> None:
    assert "\x1b" not in on_a_terminal(ours, *args, NO_COLOR="1")


@pytest.mark.parametrize("args", [("plan",), ("plan", "--json"), ("plan", "--force", "huge"), ("release",)])
def test_a_pipe_gets_plain_text(ours: Shop, args: tuple[str, ...]) -> None:
    result = ours.run(*args)

    assert "\x1b" not in result.out + result.err


def test_a_reader_that_goes_away_is_no_reason_to_complain(tmp_path: Path) -> None:
    many: list[Entry] = [
        {"commit": f"Part {number} of {'a very long story ' * 20}", "files": {"x": f"{number}\n"}}
        for number in range(400)
    ]
    with shop(tmp_path, RELEASED, *many) as ours:
        started = ours.start("plan", "--json", env={})
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline() == "{\n"
        started.stdout.close()

        assert started.stderr.read() == ""
        assert started.wait() in {0, 141}
        started.stderr.close()


# Help


def commands(of: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and every group of commands, with the words that call it."""
    with click.Context(of) as ctx:
        for name in of.list_commands(ctx):
            command = of.get_command(ctx, name)
            assert command is not None
            yield (*above, name), command
            if isinstance(command, click.Group):
                yield from commands(command, *above, name)


ALL = dict(commands(group))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_help_of_every_command_has_an_example_that_can_be_copied(words: tuple[str, ...]) -> None:
    shown = run_in_help(words)
    examples = [line.strip() for line in shown.splitlines() if line.startswith("    release-tool ")]

    assert re.search(r"^  Examples?:$", shown, re.MULTILINE)
    assert examples
    assert all(example.startswith(f"release-tool {' '.join(words)}") for example in examples)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_option_in_the_help_is_explained(words: tuple[str, ...]) -> None:
    options = [parameter for parameter in ALL[words].params if isinstance(parameter, click.Option)]

    assert [option.name for option in options if not option.help] == []


def run_in_help(words: tuple[str, ...]) -> str:
    with click.Context(group, info_name="release-tool", max_content_width=100) as ctx:
        return ALL[words].get_help(click.Context(ALL[words], parent=ctx, info_name=" ".join(words)))


def test_the_table_of_contents_names_every_command_with_what_it_does_in_groups(tmp_path: Path) -> None:
    shown = run_in(tmp_path, "--help", env={}).out.partition("\nOptions:\n")[2]
    sections = dict(re.findall(r"^(\w[\w -]+):\n((?:  .+\n)+)", shown, re.MULTILINE))
    lines = dict(re.findall(r"^  ([\w-]+) {2,}(\S.*)$", "".join(sections.values()), re.MULTILINE))

    assert list(sections) == [
        "Release",
        "Pull requests",
        "Hosted branch",
        "Deployments",
        "Monitoring",
        "Set-up",
        "Try it",
    ]
    assert set(lines) == {words[0] for words in ALL}
    with click.Context(group) as ctx:
        for name, text in lines.items():
            command = group.get_command(ctx, name)
            assert command is not None
            assert command.help is not None
            assert text.endswith(".")
            assert text.split()[0].strip(",") == command.help.split()[0]


@pytest.mark.parametrize("words", [(), ("plan",), ("notify", "test")], ids=" ".join)
def test_help_is_a_command_too(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run_in(tmp_path, "help", *words, env={}) == run_in(tmp_path, *words, "--help", env={})


@pytest.mark.parametrize(
    "words, meant",
    [
        (("plam",), "unknown command `plam`; did you mean `plan`?"),
        (("recon", "--json"), "unknown command `recon`; did you mean `reconcile`?"),
        (("notify", "tset"), "unknown command `tset`; did you mean `test`?"),
        (("help", "sandbox", "down"), "unknown command `down`"),
        (("help", "rolback"), "unknown command `rolback`; did you mean `rollback`?"),
        (("help", "plan", "x"), "`release-tool plan` has no commands of its own"),
        (("plan", "--jsn"), "Did you mean"),
        (("--verson",), "Did you mean"),
    ],
)
def test_what_was_probably_meant_is_named(tmp_path: Path, words: tuple[str, ...], meant: str) -> None:
    result = run_in(tmp_path, *words, env={})

    assert result.code == 2
    assert meant in result.err.splitlines()[0]


def test_the_version_is_asked_for_in_short_too(tmp_path: Path) -> None:
    assert run_in(tmp_path, "-V", env={}) == run_in(tmp_path, "--version", env={})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(tmp_path: Path, shell: str) -> None:
    result = run_in(tmp_path, env={"_RELEASE_TOOL_COMPLETE": f"{shell}_source"})

    assert result.code == 0
    assert "_RELEASE_TOOL_COMPLETE" in result.out
    assert result.err == ""


def completed(directory: Path, line: str, **env: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    asked = {"_RELEASE_TOOL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    result = run_in(directory, env=asked | env)
    assert (result.code, result.err) == (0, "")
    return [offer.partition(",")[2] for offer in result.out.splitlines() if offer]


def test_a_shell_completes_the_name_of_a_command(tmp_path: Path) -> None:
    assert completed(tmp_path, "release-tool wi") == ["withdraw"]


@pytest.mark.parametrize("command", ["plan", "bump", "release"])
def test_a_shell_completes_the_level_of_a_release(tmp_path: Path, command: str) -> None:
    assert completed(tmp_path, f"release-tool {command} --force ") == ["major", "minor", "patch"]
    assert completed(tmp_path, f"release-tool {command} --force mi") == ["minor"]


@pytest.mark.parametrize("command", ["deploy", "rollback", "reconcile", "verify", "halt", "resume", "status"])
def test_a_shell_completes_an_environment_of_the_configuration(clone: Path, command: str) -> None:
    assert completed(clone, f"release-tool {command} -e ") == ["staging", "production"]
    assert completed(clone, f"release-tool {command} --environment p") == ["production"]


def test_a_shell_reads_the_configuration_that_is_named(clone: Path) -> None:
    (clone / "other.toml").write_text('[environments.edge]\ncommand = ["./deploy.sh"]\n')

    assert completed(clone, "release-tool --config other.toml deploy -e ") == ["edge"]


@pytest.mark.parametrize("words", ["notes ", "withdraw ", "sync ", "plan --since "])
def test_a_shell_completes_version_tags_the_newest_first(clone: Path, words: str) -> None:
    assert completed(clone, f"release-tool {words}") == ["v1.10.0", "v1.9.0", "v1.9.0-rc.1"]
    assert completed(clone, f"release-tool {words}v1.9") == ["v1.9.0", "v1.9.0-rc.1"]


@pytest.mark.parametrize("words", ["deploy ", "rollback -e production --to "])
def test_a_shell_completes_versions_and_tags_where_one_is_begun(clone: Path, words: str) -> None:
    assert completed(clone, f"release-tool {words}") == ["1.10.0", "1.9.0", "1.9.0-rc.1"]
    assert completed(clone, f"release-tool {words}v1.1") == ["v1.10.0"]


@pytest.mark.parametrize("words", ["deploy ", "deploy -e ", "plan --since ", "notes "])
def test_a_shell_is_offered_nothing_and_told_nothing_where_nothing_can_be_read(clone: Path, words: str) -> None:
    (clone / "release-tool.toml").write_text("environments = [")

    assert completed(clone, f"release-tool {words}") == []
    assert completed(clone.parent, f"release-tool {words}") == []
    assert completed(clone, f"release-tool {words}", PATH="/nowhere") == []


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with three version tags, another one, and two environments; GitHub is nowhere."""
    made = tmp_path / "clone"
    tags = [["tag", name] for name in ("v1.9.0-rc.1", "v1.9.0", "v1.10.0", "nightly")]
    for args in (["init", "--quiet", "."], ["commit", "--quiet", "--allow-empty", "-m", "x"], *tags):
        made.mkdir(exist_ok=True)
        subprocess.run(["git", *args], cwd=made, check=True)
    settings = [f'[environments.{name}]\ncommand = ["./deploy.sh"]\n' for name in ("staging", "production")]
    (made / "release-tool.toml").write_text("".join(settings))
    return made
