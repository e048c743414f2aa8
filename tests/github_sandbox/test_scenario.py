"""A scenario that is wrong is refused with the place and the value, and nothing is served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from github_sandbox import scenario
from github_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github_sandbox.conftest import Serve

PULL: dict[str, object] = {"pull": 1, "title": "A", "files": {"a": "1"}}


@pytest.mark.parametrize(
    "entry,message",
    [
        ({"pull": 1, "title": "A", "lables": ["x"]}, "`history[0].lables`: unknown key"),
        ({"pull": 1, "title": 5}, "`history[0].title`: expected `str`, got 5"),
        ({"pull": 1, "title": "A", "merge": "sqash"}, "`history[0].merge`: invalid enum value 'sqash'"),
        (
            {"pull": 1, "title": "A", "files": {"a": 1}},
            "`history[0].files[...]`: expected `str | null`, got something else",
        ),
        (
            {"pull": 1, "title": "A", "commits": [{"message": 1}]},
            "`history[0].commits[0].message`: expected `str`, got 1",
        ),
        ({"pull": 1}, "`history[0]`: Object missing required field `title`"),
        ({"pull": 0, "title": "A"}, "`history[0].pull`: a number is at least 1"),
        ({"pull": 1, "title": "A", "base": "next"}, "`history[0].base`: there is no branch 'next' yet"),
        ({"tag": "v1.0.0\n"}, "`history[0].tag`: git does not accept the name 'v1.0.0\\n'"),
        ({"tag": "v1", "at": "v0"}, "`history[0].at`: there is no branch, tag or merged pull request 'v0' yet"),
        ({"tag": "v1", "at": "main~3"}, "`history[0].at`: 'main~3' goes back further than the history"),
        (
            {"tag": "v1", "claimed": True, "annotated": False},
            "`history[0].annotated`: a claimed tag is always annotated",
        ),
        ({"revert": 9}, "`history[0].revert`: there is no merged pull request #9 yet"),
        ({"commit": "A", "files": {"../a": "1"}}, "`history[0].files`: '../a' is no path of a file in a repository"),
        ({"commit": "A", "from": "main"}, "`history[0].from`: only a branch can begin somewhere; `branch` is missing"),
        ({"branch": "next", "files": {"a": "1"}}, "`history[0].files`: files need a `commit`"),
        ({"merge-branch": "main", "into": "next"}, "`history[0].into`: there is no branch 'next' yet"),
        ({"rights": {"contents": True}}, "`history[0].rights.contents`: expected none, read or write, got True"),
        ({"rights": {"workflows": "write"}}, "`history[0].rights.workflows`: expected true or false, got 'write'"),
    ],
)  # fmt: skip
def test_an_entry_that_is_wrong_is_named(serve: Serve, entry: dict[str, object], message: str) -> None:
    with pytest.raises(SandboxError) as caught:
        serve(entry)

    assert caught.value.message == message


@pytest.mark.parametrize(
    "document,message",
    [
        ({"histroy": []}, "`histroy`: unknown key"),
        ({"repository": "shop"}, "`repository`: expected OWNER/NAME, got 'shop'"),
        ({"files": {"a": None}}, "`files[...]`: expected `str`, got something else"),
        ({"history": [{"pul": 1}]}, "`history[0]`: unknown kind of entry: it has `pul`, and none of "),
        ({"history": [{}]}, "`history[0]`: unknown kind of entry: it has nothing, and none of "),
    ],
)
def test_a_document_that_is_wrong_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(SandboxError) as caught:
        scenario.parse(document)

    assert caught.value.message.startswith(message)


def test_an_unknown_permission_lists_the_known_ones(serve: Serve) -> None:
    with pytest.raises(SandboxError, match=r"`history\[0\]\.rights\.contnts`: unknown permission; known are actions,"):
        serve({"rights": {"contnts": "read"}})


def test_a_number_can_be_used_once_only(serve: Serve) -> None:
    with pytest.raises(SandboxError, match=r"`history\[1\]\.pull`: the number 1 is taken"):
        serve(PULL, PULL)


def test_a_tag_can_be_made_once_only(serve: Serve) -> None:
    with pytest.raises(SandboxError, match=r"`history\[1\]\.tag`: 'v1' exists"):
        serve({"tag": "v1"}, {"tag": "v1"})


def test_files_stand_in_the_pull_request_or_in_its_commits(serve: Serve) -> None:
    with pytest.raises(SandboxError, match=r"`history\[0\]\.files`: give either `files` or `commits`"):
        serve(PULL | {"commits": [{"message": "a"}]})


def test_a_revert_that_conflicts_names_the_file(serve: Serve) -> None:
    with pytest.raises(SandboxError, match=r"`history\[2\]`: a conflict in a, which was changed on both sides"):
        serve(PULL, {"commit": "B", "files": {"a": "2"}}, {"revert": 1})


def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text("[]")

    with pytest.raises(SandboxError, match="is not a JSON object"):
        scenario.load(path)
    with pytest.raises(SandboxError, match="can't be read: No such file or directory"):
        scenario.load(tmp_path / "missing.json")


def test_the_example_of_the_documentation_is_served(serve: Serve) -> None:
    text = """
    {"repository": "acme/shop", "files": {"README.md": "hello"},
     "history": [
       {"tag": "v1.2.3"},
       {"pull": 1, "title": "Add search", "body": "…", "labels": ["feature"], "author": "ada",
        "merge": "squash", "files": {"search.py": "…"}},
       {"commit": "Fix a typo", "author": "bob", "files": {"README.md": "hello!"}},
       {"pull": 2, "title": "Open one", "labels": [], "author": "eve", "state": "open", "files": {"x": "y"}},
       {"branch": "cloud", "from": "v1.2.3", "commit": "Cloud settings", "author": "ops",
        "files": {"fly.toml": "…"}}]}
    """
    document = json.loads(text)
    client = serve(*document.pop("history"), **document)

    assert [release["tag_name"] for release in client.many("releases")] == ["v1.2.3"]
    assert client.get("commits/main")["sha"] == "a73be3db205303a8df81523bc5122c404e07b777"
