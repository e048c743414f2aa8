from __future__ import annotations

import os
import socket
import subprocess

import pytest

from tests.conftest import OutsideWorldError


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.com", 80), ("2001:db8::1", 80)])
def test_a_test_that_leaves_this_machine_fails(address: tuple[str, int]) -> None:
    with pytest.raises(OutsideWorldError, match="stays on this machine"):
        socket.create_connection(address, timeout=1)


def test_a_test_may_connect_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_a_program_that_a_test_starts_does_not_get_out_either() -> None:
    result = subprocess.run(
        ["git", "ls-remote", "https://example.com/x.git"], capture_output=True, check=False, text=True
    )
    assert result.returncode == 128
    assert "127.0.0.1" in result.stderr


def test_a_test_sees_nothing_of_the_person_who_runs_it() -> None:
    settings = subprocess.run(["git", "config", "--list"], capture_output=True, check=True, text=True, cwd="/")
    assert settings.stdout == "core.fsync=none\n"
    assert not [name for name in os.environ if name.startswith(("GITHUB_", "GH_", "CI"))]
