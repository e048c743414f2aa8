from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.errors import BugError, UsageError
from release_tool.github.actions import Actions

if TYPE_CHECKING:
    from pathlib import Path

    from release_tool.github.actions import Level

IN_ACTIONS = Actions({"GITHUB_ACTIONS": "true"})

awkward = st.text(st.sampled_from(list("a:=<>%,[]#\r\n \t\u2028\x0b::##[end-EOF")) | st.characters(codec="utf-8"))


def read_by_the_runner(text: str) -> dict[str, str]:
    """Read outputs as GitHub's runner does: by lines, `name=value` or `name<<END` up to a line END."""
    lines = iter(text.split("\n")[:-1])
    outputs = {}
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            outputs[line[:equals]] = line[equals + 1 :]
        else:
            assert heredoc >= 0
            end = line[heredoc + 2 :]
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            outputs[line[:heredoc]] = "\n".join(value)
    return outputs


@given(st.dictionaries(st.sampled_from(["tag", "version", "again", "notes-url"]), awkward))
def test_no_value_of_an_output_can_set_another_output(
    tmp_path_factory: pytest.TempPathFactory, outputs: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("outputs") / "output"
    file.touch()

    Actions({"GITHUB_OUTPUT": str(file)}).write_outputs(outputs)

    assert read_by_the_runner(file.read_bytes().decode()) == outputs


def test_outputs_are_flat_and_added_to_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_text("before=1\n")
    actions = Actions({"GITHUB_OUTPUT": str(file)})

    actions.write_outputs({"tag": "v1.3.0", "again": "false"})

    assert file.read_text() == "before=1\ntag=v1.3.0\nagain=false\n"
    with pytest.raises(BugError):
        actions.write_outputs({"tag=v2\nother": "x"})
    Actions({}).write_outputs({"tag": "v1.3.0"})


def test_a_summary_is_added_to_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    actions = Actions({"GITHUB_STEP_SUMMARY": str(file)})

    actions.write_summary("# One")
    actions.write_summary("Two\n")

    assert file.read_text() == "# One\nTwo\n"
    Actions({}).write_summary("nobody reads it")


@given(st.integers(0, 5), st.sampled_from(["x", "ü", "🚀"]))
def test_a_summary_never_grows_beyond_what_github_shows_and_says_that_it_was_cut(
    tmp_path_factory: pytest.TempPathFactory, shift: int, letter: str
) -> None:
    file = tmp_path_factory.mktemp("summary") / "summary"
    actions = Actions({"GITHUB_STEP_SUMMARY": str(file)})

    actions.write_summary("-" * shift + letter * 1024 * 1024)
    actions.write_summary("no room left")

    assert 1024 * 1024 - 4 < file.stat().st_size <= 1024 * 1024
    assert file.read_text().endswith(f"{letter}\n\n*The summary is cut here: GitHub shows no more than 1 MiB.*\n")


@pytest.mark.parametrize("level", ["error", "warning", "notice"])
def test_an_annotation_stays_one_command_whatever_it_says(level: Level) -> None:
    line = IN_ACTIONS.annotation(level, "100%\r\n::error::x", title="a:b,c\n")

    assert line == f"::{level} title=a%3Ab%2Cc%0A::100%25%0D%0A::error::x"
    assert IN_ACTIONS.annotation(level, "short") == f"::{level}::short"


@given(awkward)
def test_no_line_of_a_text_is_taken_for_a_command_in_the_log(text: str) -> None:
    for line in IN_ACTIONS.safe_log(text).replace("\r", "\n").split("\n"):
        assert not line.strip().startswith("::")
        assert "##[" not in line


@given(awkward)
def test_a_text_reads_the_same_in_the_log_and_outside_of_actions_it_is_the_same(text: str) -> None:
    assert Actions({}).safe_log(text) == text
    assert IN_ACTIONS.safe_log(text).replace("\u200b", "").split() == text.replace("\u200b", "").split()


def test_a_secret_of_several_lines_is_hidden_line_by_line() -> None:
    assert IN_ACTIONS.mask("one%\n\ntwo") == "::add-mask::one%25\n::add-mask::two"


def test_a_job_is_told_by_its_environment() -> None:
    actions = Actions(
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_JOB": "release",
            "RUNNER_NAME": "r1",
            "GITHUB_ACTOR": "ada",
            "GITHUB_TRIGGERING_ACTOR": "bob",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF_NAME": "v1.3.0",
            "GITHUB_REF_TYPE": "tag",
            "GITHUB_SHA": "abc",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": "https://ghe.example.com",
            "GITHUB_API_URL": "https://ghe.example.com/api/v3",
            "GITHUB_GRAPHQL_URL": "https://ghe.example.com/api/graphql",
        }
    )

    assert actions.enabled
    assert (actions.run, actions.attempt, actions.job, actions.runner) == (77, 2, "release", "r1")
    assert (actions.actor, actions.event_name, actions.sha) == ("bob", "push", "abc")
    assert (actions.tag, actions.pushed_tag, actions.branch) == ("v1.3.0", "v1.3.0", None)
    assert actions.run_url == "https://ghe.example.com/acme/shop/actions/runs/77"
    assert (actions.api_url, actions.graphql_url) == (
        "https://ghe.example.com/api/v3",
        "https://ghe.example.com/api/graphql",
    )


def test_a_branch_is_no_tag_and_a_dispatch_on_a_tag_is_no_push_of_it() -> None:
    push = Actions({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"})
    dispatch = Actions({"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF_NAME": "v1", "GITHUB_REF_TYPE": "tag"})

    assert (push.branch, push.tag, push.pushed_tag) == ("main", None, None)
    assert (dispatch.branch, dispatch.tag, dispatch.pushed_tag) == (None, "v1", None)


def test_outside_of_actions_everything_is_empty_and_github_is_where_it_always_is() -> None:
    nowhere = Actions({"GITHUB_RUN_ID": "²"})

    assert not nowhere.enabled
    assert (nowhere.run, nowhere.attempt, nowhere.run_url, nowhere.event) == (0, 0, "", {})
    assert (nowhere.branch, nowhere.tag, nowhere.actor, nowhere.repository) == (None, None, "", "")
    assert (nowhere.server_url, nowhere.api_url, nowhere.graphql_url) == (
        "https://github.com",
        "https://api.github.com",
        "https://api.github.com/graphql",
    )


def test_the_event_is_read_from_its_file_and_a_broken_one_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"before": null, "commits": [{"id": "abc"}]}')
    actions = Actions({"GITHUB_EVENT_PATH": str(file)})

    assert actions.event == {"before": None, "commits": [{"id": "abc"}]}
    for broken in ("[]", "{"):
        file.write_text(broken)
        with pytest.raises(UsageError, match="can't be read"):
            _ = Actions({"GITHUB_EVENT_PATH": str(file)}).event
    with pytest.raises(UsageError, match="can't be read"):
        _ = Actions({"GITHUB_EVENT_PATH": str(tmp_path / "gone")}).event
