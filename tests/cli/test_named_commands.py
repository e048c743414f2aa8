"""What messages and documents tell people to type is what the command line takes."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release_tool.cli import group
from release_tool.text.typed import environment_path, word
from tests.production import QUICK, production
from tests.service import bad

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "release_tool").rglob("*.py"))
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "release_tool").rglob("*.md")),
    *sorted((ROOT / "release_tool").rglob("*.html")),
    *sorted((ROOT / "release_tool").rglob("*.j2")),
]
TYPED = re.compile(
    r"`release-tool ([^`]+)`|<code>release-tool ([^<]+)</code>|^\s*(?:\$ )?release-tool ([a-z-]+ -.*)$", re.MULTILINE
)
HOLE = "12"
"""What stands for a value that is known only when a message is written."""


def texts(code: str) -> Iterator[str]:
    """Every text of a module, with a hole for each value in it."""
    tree = ast.parse(code)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value.replace("{}", HOLE)


def named(text: str) -> set[str]:
    """The commands that a text names, without the brackets around what may be left out."""
    found = (next(filter(None, one.groups())).replace("\\|", "|") for one in TYPED.finditer(text))
    return {re.split(r";| {3}| (?:\||\|\||&&|#) ", re.sub(r"[\[\]]|\.\.\.", "", one))[0] for one in found}


def objection(command: str) -> str:
    """What the command line says against a command, but for what is left out; empty where it takes it."""
    context: click.Context | None = None
    parser: click.Command = group
    words = shlex.split(command.replace("NUMBER", HOLE))
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            while True:
                context = click.Context(parser, parent=context, info_name=parser.name)
                if not isinstance(parser, click.Group):
                    parser.parse_args(context, words)
                    return ""
                _, words, _ = parser.make_parser(context).parse_args(words)
                if not words:
                    return ""
                _, found, words = parser.resolve_command(context, words)
                parser = found or parser
        except (click.MissingParameter, click.exceptions.Exit):
            return ""
        except click.ClickException as error:
            return error.format_message()


def test_every_command_that_people_are_told_to_type_is_one() -> None:
    parts = [text for path in CODE for text in texts(path.read_text(encoding="utf-8"))]
    parts += [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    told = {command for part in parts for command in named(part)} - {HOLE}
    assert len(told) > 80
    assert {command: why for command in told if (why := objection(command))} == {}


def test_a_command_that_is_none_is_found() -> None:
    assert "No such option" in objection("deploy 1.2.3 -e production --agian")
    assert objection("roll -e production")
    assert objection("resume -e Production EU")
    assert not objection("resume -e 'Production EU'")


def test_the_name_of_an_environment_is_one_word_of_every_command() -> None:
    """It is written by `word`, or by `where`, which was."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in CODE]
    written = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    values = [
        ast.unparse(value)
        for text in written
        for before, value in itertools.pairwise(text.values)
        if isinstance(before, ast.Constant) and str(before.value).endswith((" -e ", " --env "))
    ]
    assert len(values) > 10
    assert [value for value in values if not re.search(r"\{(word\(|where\})", value)] == []


def test_a_name_is_typed_as_it_has_to_be() -> None:
    assert (word("production"), word("Production EU"), word("it's")) == (
        "production",
        "'Production EU'",
        "'it'\"'\"'s'",
    )
    assert environment_path("acme/shop", "eu/west 1") == "repos/acme/shop/environments/eu%2Fwest%201"


def test_what_to_do_next_can_be_typed_where_an_environment_has_a_name_of_two_words(tmp_path: Path) -> None:
    configuration = QUICK.replace("environments.production", 'environments."Production EU"')
    with production(tmp_path, configuration=configuration, behave=bad("1.2.4")) as here:
        refused = here.shop.run("verify", "-e", "Production EU")
        unseen = here.shop.run("status", "-e", "Production EU")

    told = named(refused.err) | named(unseen.out)
    assert "deploy VERSION -e 'Production EU' --record" in told
    assert {objection(command) for command in told} == {""}
