from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from release_tool.deploy.command import CommandInput, passed_on, run, said_since, surroundings
from release_tool.errors import UsageError
from release_tool.text.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from release_tool.deploy.command import CommandResult

DELIVERY = CommandInput(
    version="1.3.0+cloud.1",
    commit="5" * 40,
    tag="v1.3.0",
    environment="production",
    target="web-1",
    target_url="https://web-1.example.com",
    references={"web": "ghcr.io/acme/shop@sha256:aa", "data-base.v2": "ghcr.io/acme/db@sha256:bb"},
)
PATH = os.environ["PATH"]


class Deploy:
    """Runs a script of the shell as `./deploy.sh` in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(
        self, script: str, *, timeout: float = 30, secrets: tuple[str, ...] = (), show: Callable[[str], None] = print
    ) -> CommandResult:
        file = self.directory / "deploy.sh"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return run(
            ["./deploy.sh"],
            directory=self.directory,
            environment={"PATH": PATH},
            timeout=timeout,
            mask=Masker(secrets),
            show=show,
            grace=0.2,
        )


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    return Deploy(tmp_path)


@contextlib.contextmanager
def ending(path: Path) -> Iterator[Callable[[], bool]]:
    """A pipe in the file system, and whether all who opened it for writing have ended by now."""
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def ended() -> bool:
        while select.select([reading], [], [], 10)[0]:
            if not os.read(reading, 1024):
                return True
        return False

    try:
        yield ended
    finally:
        os.close(reading)


# What it is given


def test_a_command_is_told_exactly_what_it_is_to_do_and_nothing_of_ours(tmp_path: Path) -> None:
    ours = {
        "PATH": PATH,
        "HOME": "/home/ada",
        "GITHUB_TOKEN": "ours",
        "GITHUB_SHA": "x",
        "LANG": "C",
        "SSH_HOST": "web-1",
        "SSH_KEY": "k",
    }
    environment = surroundings(DELIVERY, passed_on(["SSH_HOST"], ours), ours)

    ran = run(
        [sys.executable, "-c", "import os; print(*sorted(f'{n}={v}' for n, v in os.environ.items()), sep='\\n')"],
        directory=tmp_path,
        environment=environment,
        timeout=30,
        mask=Masker(),
    )

    assert [line for line in ran.evidence.splitlines() if not line.startswith("LC_CTYPE=")] == [
        "HOME=/home/ada",
        f"PATH={PATH}",
        f"RELEASE_COMMIT={'5' * 40}",
        "RELEASE_ENVIRONMENT=production",
        "RELEASE_KIND=deploy",
        "RELEASE_REF_DATA_BASE_V2=ghcr.io/acme/db@sha256:bb",
        "RELEASE_REF_WEB=ghcr.io/acme/shop@sha256:aa",
        "RELEASE_TAG=v1.3.0",
        "RELEASE_TARGET=web-1",
        "RELEASE_TARGET_URL=https://web-1.example.com",
        "RELEASE_VERSION=1.3.0+cloud.1",
        "SSH_HOST=web-1",
    ]


def test_what_is_passed_on_can_not_change_what_is_deployed() -> None:
    ours = {"RELEASE_VERSION": "9.9.9"}

    assert surroundings(DELIVERY, passed_on(ours, ours), ours)["RELEASE_VERSION"] == "1.3.0+cloud.1"


def test_a_variable_that_is_not_set_is_told_before_anything_is_changed() -> None:
    with pytest.raises(UsageError, match="names SSH_KEY, which is not set") as failure:
        passed_on(["SSH_KEY"], {})
    assert failure.value.todo.startswith("set SSH_KEY where the tool runs")


def test_two_references_never_share_a_variable() -> None:
    delivery = CommandInput(
        version="", commit="", tag="", environment="", target="", target_url="", references={"a-b": "x", "a.b": "y"}
    )
    with pytest.raises(UsageError, match="two references would be RELEASE_REF_A_B"):
        _ = delivery.variables


# How it is started


def test_a_relative_program_is_the_one_of_the_checkout_and_runs_there(deploy: Deploy) -> None:
    ran = deploy("basename \"$0\"; ls; read -r nothing || echo 'no input'; exit 3")

    assert ran.evidence == "deploy.sh\ndeploy.sh\nno input\n"
    assert (ran.code, ran.timed_out, ran.succeeded) == (3, False, False)
    assert ran.ending == "ended with code 3"
    assert deploy("exit 0").succeeded


def test_a_command_that_can_not_be_started_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plain.sh").write_text("#!/bin/sh\n")
    (tmp_path / "broken").write_text("no program\n")
    (tmp_path / "broken").chmod(0o755)

    def start(program: str) -> str:
        with pytest.raises(UsageError) as failure:
            run([program], directory=tmp_path, environment={"PATH": PATH}, timeout=30, mask=Masker())
        return failure.value.message

    assert start("./gone.sh") == "there is no file ./gone.sh"
    assert start("./plain.sh") == "./plain.sh is not executable"
    assert start("no-such-program") == "no-such-program is not on the PATH"
    assert "can't be started" in start("./broken")


# What it says


def test_each_line_is_shown_as_it_comes(deploy: Deploy, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go-on")
    seen: list[str] = []

    def show(line: str) -> None:
        seen.append(line)
        if line == "first":
            (tmp_path / "go-on").write_text("yes\n")  # waits until the command reads it

    ran = deploy("echo first; read -r answer < go-on; echo second >&2", show=show)

    assert seen == ["first", "second"]
    assert ran.evidence == "first\nsecond\n"


def test_secrets_and_terminal_tricks_are_in_nothing_that_is_shown_or_kept(deploy: Deploy) -> None:
    seen: list[str] = []
    secret = "hunter2-hunter2"

    ran = deploy(
        f"printf 'a %s\\n' {secret}; printf %s {secret} | base64; printf 'hun\\033[31mter2-hunter2\\n';"
        f" printf '10%%\\r100%%\\n\\033[2J\\377end'",
        secrets=(secret,),
        show=seen.append,
    )

    assert seen == ["a ***", "***", "***", "100%", "\ufffdend"]
    assert ran.evidence == "".join(f"{line}\n" for line in seen)


def test_a_line_without_an_end_is_cut_and_leaves_no_half_of_a_secret(deploy: Deploy) -> None:
    secret = "0123456789abcdef"
    much = f"yes 'x {secret}' | head -n 100000 | tr -d '\\n'"

    ran = deploy(much, secrets=(secret,))

    assert ran.evidence.startswith("x ***x ***x ***")
    assert ran.evidence.endswith(" … (the line goes on)\n")
    assert set(ran.evidence.removesuffix(" … (the line goes on)\n")) == {"x", " ", "*"}
    assert len(ran.evidence) < 5_000


def test_evidence_of_an_endless_talker_is_its_beginning_and_its_end(deploy: Deploy) -> None:
    ran = deploy("echo beginning; seq 1 100000; echo end")

    assert ran.evidence.startswith("beginning\n1\n")
    assert ran.evidence.endswith("100000\nend\n")
    assert "lines left out here" in ran.evidence
    assert len(ran.evidence) < 70_000


def test_nobody_reading_along_does_not_stop_a_deployment_half_way(deploy: Deploy) -> None:
    def show(_: str) -> None:
        raise BrokenPipeError

    assert deploy("echo 1; echo 2", show=show).evidence == "1\n2\n"


# How it ends


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(deploy: Deploy, tmp_path: Path) -> None:
    with ending(tmp_path / "alive") as ended:
        ran = deploy("exec 3>alive; sleep 100 & sleep 100 | cat; echo never", timeout=0.2)
        assert ended()

    assert ran.timed_out
    assert not ran.succeeded
    assert ran.code == -signal.SIGTERM
    assert ran.ending == "was ended after 0 s"
    assert ran.evidence == ""


def test_a_command_gets_time_to_clean_up_and_its_last_words_are_kept(deploy: Deploy) -> None:
    ran = deploy("trap 'echo cleaning up; exit 9' TERM; echo begun; while :; do :; done", timeout=0.2)

    assert (ran.code, ran.timed_out, ran.evidence) == (9, True, "begun\ncleaning up\n")


def test_a_command_that_does_not_listen_is_killed(deploy: Deploy, tmp_path: Path) -> None:
    with ending(tmp_path / "alive") as ended:
        ran = deploy("exec 3>alive; trap '' TERM; yes", timeout=0.2)
        assert ended()

    assert (ran.code, ran.timed_out) == (-signal.SIGKILL, True)


def test_a_command_that_succeeds_while_it_is_ended_has_still_been_late(deploy: Deploy) -> None:
    ran = deploy("trap 'exit 0' TERM; while :; do :; done", timeout=0.2)

    assert (ran.code, ran.timed_out, ran.succeeded) == (0, True, False)


def test_a_service_that_a_command_leaves_running_stays_and_is_not_waited_for(deploy: Deploy, tmp_path: Path) -> None:
    ran = deploy("sleep 100 & echo $! > pid; echo started")
    service = int((tmp_path / "pid").read_text())

    assert ran.succeeded
    assert ran.evidence == "started\n"
    os.kill(service, signal.SIGTERM)  # raises where it does not live any more


@pytest.mark.parametrize("way", ["", "setsid nohup"], ids=["in its group", "on its own"])
def test_a_service_that_a_command_leaves_running_lives_through_its_next_words(
    deploy: Deploy, tmp_path: Path, way: str
) -> None:
    os.mkfifo(tmp_path / "go-on")
    seen: list[str] = []
    (tmp_path / "server").write_text("read -r nothing < go-on; echo hunter2-served; echo lives > done\n")
    os.mkfifo(tmp_path / "done")
    ran = deploy(f"{way} sh ./server & echo started", show=seen.append, secrets=("hunter2-",))
    assert (ran.succeeded, ran.evidence) == (True, "started\n")
    assert ran.left is not None
    assert seen == ["started", f"… processes that still run write to {ran.left} …"]
    (tmp_path / "go-on").write_text("go on\n")
    assert (tmp_path / "done").read_text() == "lives\n"  # waits until it says so, or is gone
    until = time.monotonic() + 10
    while not said_since(ran.left, Masker()) and time.monotonic() < until:
        os.sched_yield()
    assert said_since(ran.left, Masker(["hunter2-"])) == "***served\n"
    ran.left.unlink()


def test_a_command_that_leaves_nothing_leaves_no_file(deploy: Deploy) -> None:
    assert deploy("echo done").left is None


def test_of_what_a_service_says_the_beginning_and_the_end_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("begun\n" + "x" * 99 + "\n" + "0123456789\n" * 100_000 + "ended\n")
    said = said_since(file, Masker())
    assert said.startswith("begun\n")
    assert said.endswith("0123456789\nended\n")
    assert "lines left out here" in said
    assert len(said) < 70_000


def test_much_output_flows_at_the_speed_of_a_pipe_and_little_of_it_is_shown(deploy: Deploy) -> None:
    seen: list[str] = []
    line, lines = "0123456789 " * 8, 1_000_000
    ran = deploy(f"echo first; yes '{line}' | head -n {lines}; echo last", show=seen.append, secrets=("s3cret" * 9,))
    assert ran.succeeded
    assert ran.evidence.startswith("first\n0123456789 ")
    assert ran.evidence.endswith(f"{line}\nlast\n")
    missing = int(next(line for line in ran.evidence.splitlines() if "left out here" in line).split()[-2])
    assert missing + len(ran.evidence.splitlines()) - 1 == lines + 2
    assert sum(map(len, seen)) < 2_000_000
    assert seen[-1] == "last"
    assert ran.seconds < 20


@pytest.mark.parametrize("manners", ["", "trap '' TERM;"], ids=["listens", "does not listen"])
def test_leaving_by_an_exception_ends_the_command(deploy: Deploy, tmp_path: Path, manners: str) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with ending(tmp_path / "alive") as ended:
        with pytest.raises(KeyboardInterrupt):
            deploy(f"{manners} exec 3>alive; echo begun; while :; do sleep 1; done", show=interrupt)
        assert ended()


TOOL = (
    "import pathlib, sys;"
    "from release_tool.text.masking import Masker; from release_tool.deploy.command import run;"
    "run(['sh', '-c', sys.argv[3]], directory=pathlib.Path(sys.argv[1]),"
    " environment={'PATH': sys.argv[2]}, timeout=100, mask=Masker(), show=lambda line: print(line, flush=True),"
    " grace=0.1)"
)


def test_a_command_does_not_outlive_the_tool(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", TOOL, str(tmp_path), PATH, "exec 3>alive; echo begun; sleep 100"]
    with ending(tmp_path / "alive") as ended:
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == b"begun\n"
            running.kill()
        assert ended()


def test_a_command_does_not_outlive_a_tool_that_is_killed_while_it_starts_it(tmp_path: Path) -> None:
    """The command itself kills it, as the first thing it does."""
    argv = [sys.executable, "-c", TOOL, str(tmp_path), PATH, "exec 3>alive; kill -KILL $PPID; sleep 100"]
    with ending(tmp_path / "alive") as ended:
        assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
        assert ended()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_that_comes_while_a_command_is_started_ends_all_of_it(
    deploy: Deploy, tmp_path: Path, number: signal.Signals
) -> None:
    """The command itself sends it, as the first thing it does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with ending(tmp_path / "held") as ended:
            with pytest.raises(KeyboardInterrupt):
                deploy(f"exec 3> held; kill -{number.value} $PPID; while :; do sleep 1; done")
            assert ended()
        assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupted_command_may_clean_up_and_talk_about_it(deploy: Deploy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        deploy("trap 'echo cleaning; touch cleaned; exit' TERM; kill -INT $PPID; while :; do sleep 0.05; done")
    assert (tmp_path / "cleaned").exists()
