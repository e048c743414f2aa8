"""Secrets end nowhere: not in logs, the ledger, issues, evidence, summaries, outputs or documents, however written."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import urllib.parse
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.chaos.past import prove
from tests.cli.test_deployment import QUICK, WORKFLOW, started_run
from tests.production import production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.production import Production
    from tests.shop import Result

KEY = "-----BEGIN KEY-----\nk3y/of \"the\" house+and='garden'\n&what-b3longs_to:it\n-----END KEY-----"
PASSWORD = "pa55/w0rd-of-health"
LINES = KEY.splitlines()[1:3]
PARTS = ("k3y/of", "what-b3longs", "w0rd-of-health")
"""What is left of the secrets in every notation that leaves most letters alone."""
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz" * 8
CANARIES = {source: f"canary-{source}-{LETTERS}" for source in ("key", "url", "team")}
"""A secret for each place that holds one, longer than anything is shown."""
WINDOW = 14
"""So many letters of a canary in a row are one."""
ROAD = (
    ("plan",),
    ("release",),
    ("deploy", "1.3.0", "-e", "production"),
    ("verify", "-e", "production"),
    ("verify", "-e", "production", "--json"),
    ("rollback", "-e", "production", "--to", "1.2.4", "--reason", "a canary"),
    ("reconcile", "-e", "production"),
    ("status", "-e", "production"),
    ("status", "--json", "--tell"),
    ("dashboard", "site"),
    ("notify",),
    ("doctor",),
)
BABBLE = """
import base64, json, os, sys, textwrap, urllib.parse
key = os.environ["DEPLOY_KEY"]
for text in (
    key, repr(key), json.dumps({"key": key}), urllib.parse.quote(key), urllib.parse.quote_plus(key),
    base64.b64encode(key.encode()).decode(), base64.urlsafe_b64encode(b"user:" + key.encode()).decode(),
    "\\n".join(textwrap.wrap(base64.b64encode(key.encode()).decode(), 64)), key.encode().hex(),
    f"https://user:{urllib.parse.quote(key, safe='')}@example.com/",
):
    print("look:", text)
    print("::error::", text, file=sys.stderr)
"""
COMMAND = f"""#!/bin/sh
printf '%s' "$RELEASE_VERSION" > '{{file}}'
exec {sys.executable} babble.py
"""


def forms(secret: str) -> list[str]:
    """A secret as it may be written."""
    encoded = base64.b64encode(secret.encode()).decode()
    quoted = urllib.parse.quote(secret, safe="")
    return [secret, quoted, urllib.parse.quote(secret), json.dumps(secret)[1:-1], encoded[:-4], secret.encode().hex()]


@contextmanager
def scene(directory: Path) -> Iterator[Production]:
    """The command tells its key in every way that it can, the check's URL has a password, and the answers a key."""
    configuration = QUICK.replace("bake =", 'pass-env = ["DEPLOY_KEY"]\nbake =')
    answer = f"{LINES[0]} http://ada:{urllib.parse.quote(PASSWORD, safe='')}@db/ {PASSWORD}"
    with production(
        directory,
        behave=lambda version, _: (500 if version == "1.3.0" else 200, {"version": answer}),
        configuration=configuration,
        command=COMMAND,
        files={**WORKFLOW, "babble.py": BABBLE},
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        put_a_password_into_every_address(here)
        here.shop.box.forget_requests()
        yield here


def put_a_password_into_every_address(here: Production, password: str = PASSWORD) -> None:
    file = here.shop.clone / "release-tool.toml"
    file.write_text(file.read_text().replace("http://", f"http://ada:{urllib.parse.quote(password, safe='')}@"))
    here.shop.git("commit", "--quiet", "--all", "--message", "ci: ask with a password")
    here.shop.git("push", "--quiet", here.shop.box.push_url, "HEAD:main")


def run_in_a_job(here: Production, directory: Path, *argv: str) -> Result:
    env = here.shop.job(
        DEPLOY_KEY=KEY,
        GITHUB_OUTPUT=str(directory / "output"),
        GITHUB_STEP_SUMMARY=str(directory / "summary"),
        RUNNER_TEMP=str(directory / "temp"),
    )
    return here.shop.run(*argv, env=env)


def sinks(here: Production, directory: Path, *results: Result) -> dict[str, str]:
    """Everything that was written anywhere, by where."""
    found = {f"{number}": result.out + result.err for number, result in enumerate(results)}
    for number, request in enumerate(here.shop.box.requests):
        if not request.path.startswith("/acme/"):
            found[f"{request.method} {request.path} {number}"] = request.path + request.body
    store = here.shop.box.github.store
    for table in (store.issues, store.comments, store.deployments, store.deployment_statuses, store.runs):
        for number, record in enumerate(table):
            found[f"{table.name} {number}"] = msgspec.json.encode(record).decode()
    kept = [path for path in directory.rglob("*") if path.is_file()]
    return found | {str(path): path.read_text() for path in kept}


def assert_nothing_leaked(found: dict[str, str], *secrets: str) -> None:
    leaks = {
        place: form
        for place, text in found.items()
        for one in secrets
        for form in (*forms(one), *PARTS)
        if form in text
    }
    assert not leaks


@pytest.mark.parametrize("shape", [(), ("--json",)], ids=["text", "json"])
def test_a_command_and_an_application_that_tell_secrets_tell_nobody(tmp_path: Path, shape: tuple[str, ...]) -> None:
    told = tmp_path / "told"
    told.mkdir()
    with scene(tmp_path) as here:
        done = run_in_a_job(here, told, "deploy", "1.3.0", "-e", "production", *shape)
        again = run_in_a_job(here, told, "verify", "-e", "production", *shape)
        assert (done.code, again.code) == (7, 7), done.err
        assert here.halts() == ["Deployments to production are halted after an incident"]
        found = sinks(here, told, done, again)
        assert any("look: ***" in text for text in found.values())
        assert {"summary", "output"} <= {place.rpartition("/")[2] for place in found}
        assert any("command-1.log" in place for place in found)
        assert_nothing_leaked(found, *LINES)


@pytest.mark.parametrize(
    "argv",
    [
        ("deploy", "1.3.0", "-e", "production", "--here"),
        ("deploy", "1.2.3", "-e", "production", "--here", "--override", "older"),
        ("rollback", "-e", "production", "--here"),
        ("halt", "-e", "production"),
        ("halt",),
    ],
    ids=" ".join,
)
def test_a_token_that_slipped_into_a_reason_goes_no_further(tmp_path: Path, argv: tuple[str, ...]) -> None:
    told = tmp_path / "told"
    told.mkdir()
    with scene(tmp_path) as here:
        reason = f"because {here.shop.box.token} and {LINES[0]}"
        done = here.shop.run(*argv, "--reason", reason, env=here.shop.environment(DEPLOY_KEY=KEY))
        assert [one for one in here.shop.box.requests if one.method == "POST" and one.path.startswith("/repos/")]
        assert_nothing_leaked(sinks(here, told, done), here.shop.box.token, *LINES)


def test_a_token_in_a_reason_is_no_input_of_a_workflow(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        token = here.shop.box.token
        doomed = here.shop.begin(
            "deploy", "1.3.0", "-e", "production", "--reason", f"{token}!", env=here.shop.environment(DEPLOY_KEY=KEY)
        )
        assert doomed.says("started http", 60)
        doomed.kill()
        assert started_run(here).inputs["reason"] == "***!"


def canaries(found: dict[str, str], *secrets: str) -> dict[str, str]:
    """Where a part of a secret stands, wherever it was cut."""
    parts = {secret[at : at + WINDOW] for secret in secrets for at in range(len(secret) - WINDOW + 1)}
    return {place: part for place, text in found.items() for part in parts if part in text}


def test_no_command_of_the_whole_road_writes_or_sends_a_part_of_any_secret(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    configuration = QUICK.replace("bake =", 'pass-env = ["DEPLOY_KEY"]\nbake =')
    address = f"json://127.0.0.1:9/{CANARIES['team']}"
    with production(
        tmp_path,
        {"pull": 1, "title": "fix: a hole", "files": {"a.py": "1\n"}},
        behave=lambda version, _: (200, {"version": f"{version}, {CANARIES['url']} {CANARIES['key']} {address}"}),
        configuration=f'{configuration}\n[channels.team]\nurl-env = "TEAM_URL"\n',
        command='#!/bin/sh\nprintf %s "$RELEASE_VERSION" > \'{file}\'\nprintf "%s\\n" "$DEPLOY_KEY" "$TEAM_URL"\nenv\n',
    ) as here:
        prove(here, "1.2.3", "1.2.4")
        put_a_password_into_every_address(here, CANARIES["url"])
        here.shop.box.forget_requests()
        env = here.shop.job(
            DEPLOY_KEY=CANARIES["key"],
            TEAM_URL=address,
            GITHUB_OUTPUT=str(told / "output"),
            GITHUB_STEP_SUMMARY=str(told / "summary"),
            RUNNER_TEMP=str(told / "temp"),
        )
        results = [here.shop.run(*argv, env=env) for argv in ROAD]
        shutil.copytree(here.shop.clone / "site", told / "site")

        found = sinks(here, told, *results)

        assert not [result.err for result in results if result.code == 1]
        assert "***" in results[2].err + results[2].out
        assert any("data/" in place or "site" in place for place in found)
        assert canaries(found, *CANARIES.values(), here.shop.box.token) == {}
