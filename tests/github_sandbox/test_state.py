"""A sandbox keeps its state in one directory, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import requests

from github_sandbox import Sandbox
from github_sandbox.errors import SandboxError
from tests.github_sandbox.client import Client, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github_sandbox.conftest import Serve

SCENARIO: dict[str, object] = {"history": [{"tag": "v1"}, {"pull": 1, "title": "A", "files": {"a": "1"}}]}
UP = "import sys, pathlib; from github_sandbox import up; up(*map(pathlib.Path, sys.argv[1:]), print)"

ENDED_BY_A_THREAD = """
import json, signal, sys, threading, urllib.error, urllib.request
from pathlib import Path
from github_sandbox import up

def end(announced):
    try:
        urllib.request.urlopen(json.loads(announced)["api_url"], timeout=9).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

def announce(announced):
    threading.Thread(target=end, args=[announced]).start()

up(Path(sys.argv[1]), Path(sys.argv[2]), announce)
"""


def started(tmp_path: Path, directory: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """The program in a process of its own, and what it announces."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps(SCENARIO))
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", UP, str(scenario), str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def ended(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with Sandbox.start(SCENARIO, tmp_path) as box:
        client = Client(box, box.token)
        release = client.post("releases", {"tag_name": "v2", "draft": True})
        asset = client.upload(release, "a.txt", b"bytes").json()
        client.post("issues", {"title": "Halt"})
        client.session.close()
    with Sandbox.start(SCENARIO, tmp_path) as box:
        client = Client(box, box.token)
        assert client.get(f"releases/{release['id']}")["tag_name"] == "v2"
        found = client.ask("GET", f"releases/assets/{asset['id']}", headers={"Accept": "application/octet-stream"})
        assert client.session.get(found.headers["Location"], timeout=9).content == b"bytes"
        assert client.get("issues/2")["title"] == "Halt"
        assert client.post("issues", {"title": "Next"})["number"] == 3
        client.session.close()


def test_time_goes_on_one_second_for_each_write(tmp_path: Path) -> None:
    with Sandbox.start(SCENARIO, tmp_path) as box:
        client = Client(box, box.token)
        times = [client.post("issues", {"title": "A"})["created_at"] for _ in range(2)]
        client.session.close()

    assert times == ["2026-01-05T09:00:03Z", "2026-01-05T09:00:04Z"]


def test_time_is_that_of_the_machine_where_the_scenario_says_so(tmp_path: Path) -> None:
    scenario = SCENARIO | {"clock": "machine"}
    before = int(time.time())

    with Sandbox.start(scenario, tmp_path) as box:
        client = Client(box, box.token)
        made = datetime.fromisoformat(str(client.post("issues", {"title": "A"})["created_at"]))
        client.session.close()

    assert before <= made.timestamp() <= time.time()


def test_another_scenario_for_the_same_directory_is_refused(tmp_path: Path) -> None:
    Sandbox.start(SCENARIO, tmp_path).stop()

    with pytest.raises(SandboxError, match="holds the state of another scenario") as caught:
        Sandbox.start({"history": []}, tmp_path)
    assert caught.value.todo == "give the same scenario, or another directory"
    Sandbox.start(SCENARIO, tmp_path).stop()


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()

    with pytest.raises(SandboxError, match="is not empty, and holds no sandbox"):
        Sandbox.start(SCENARIO, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["git"]


def test_one_directory_is_served_once_at_a_time(tmp_path: Path) -> None:
    with Sandbox.start(SCENARIO, tmp_path), pytest.raises(SandboxError, match="is served by another sandbox"):
        Sandbox.start(SCENARIO, tmp_path)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with Sandbox.start(SCENARIO, tmp_path / "one") as box:
        port = int(box.api_url.rpartition(":")[2])
        with pytest.raises(SandboxError, match=f"port {port} can't be used"):
            Sandbox.start(SCENARIO, tmp_path / "other", port)


def test_a_history_that_was_half_built_is_built_again(tmp_path: Path) -> None:
    Sandbox.start(SCENARIO, tmp_path).stop()
    (tmp_path / "state.db").unlink()
    (tmp_path / "state.db").touch()

    with Sandbox.start(SCENARIO, tmp_path) as box:
        assert git(box.git_directory, "rev-list", "--count", "main") == "2"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_announces_itself_and_ends_when_asked(tmp_path: Path, number: int) -> None:
    process, announced = started(tmp_path, tmp_path / "state")

    assert sorted(announced) == ["api_url", "clone_url", "graphql_url", "repository", "token"]
    assert git(tmp_path, "ls-remote", announced["clone_url"], "refs/tags/v1") != ""
    assert ended(process, number) == 0


def test_the_program_ends_whichever_of_its_threads_is_handed_the_signal(tmp_path: Path) -> None:
    scenario, program = tmp_path / "scenario.json", [sys.executable, "-c", ENDED_BY_A_THREAD]
    scenario.write_text(json.dumps(SCENARIO))

    subprocess.run([*program, str(scenario), str(tmp_path / "state")], check=True, timeout=30)


def test_nothing_that_was_answered_is_lost_when_the_program_is_killed(tmp_path: Path) -> None:
    for run in range(3):
        process, announced = started(tmp_path, tmp_path / "state")
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {announced['token']}"
            url = f"{announced['api_url']}/repos/acme/shop/issues"
            titles = [issue["title"] for issue in session.get(url, timeout=9).json()]
            assert titles == [f"Issue {n}" for n in reversed(range(run))]
            assert session.post(url, json={"title": f"Issue {run}"}, timeout=9).status_code == 201
        assert ended(process, signal.SIGKILL) == -signal.SIGKILL


def test_only_one_of_many_claims_wins(serve: Serve) -> None:
    client = serve()
    sha = client.get("commits/main")["sha"]
    together = threading.Barrier(8)

    def claim(_: int) -> int:
        own = Client(client.box, client.box.token)
        with own.session:
            together.wait()
            return own.ask("POST", "git/refs", {"ref": "refs/tags/v1", "sha": sha}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [201] + [422] * 7


def test_nothing_of_the_persons_own_git_settings_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n\tgpgSign = true\n[core]\n\thooksPath = /nowhere\n[init]\n\tdefaultBranch = x\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.fspath(settings))
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    with Sandbox.start(SCENARIO, tmp_path / "state") as box:
        assert box.github.head("main")
