"""The set-up can't rot: what is published after the lock was written changes nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
LATER = "9999.0"
BROKEN = ("Requires-Dist: what-nobody-ever-published",)
REAL_UV = Path(sys.executable).with_name("uv")
START_UV = f'#!/bin/sh\nexec {REAL_UV} "$@"\n'


class Index(NamedTuple):
    """A package index on loopback that has the locked packages, and of each a newer build that can't be installed."""

    url: str
    hashes: Mapping[str, str]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # an installer asks for everything at once


def locked(name: str) -> list[Requirement]:
    """What a lock file pins on this machine."""
    lines = re.findall(r"^([a-z].*?) \\$", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE)
    return [asked for asked in map(Requirement, lines) if not asked.marker or asked.marker.evaluate()]


def pinned(asked: Requirement) -> str:
    (only,) = asked.specifier
    return only.version


@pytest.fixture(scope="session")
def needs() -> dict[str, tuple[str, ...]]:
    """What each package that is installed here says that it needs: extras are asked for as they really are."""
    return {
        canonicalize_name(found.name): tuple(
            f"{field}: {value}"
            for field in ("Provides-Extra", "Requires-Dist")
            for value in found.metadata.get_all(field) or ()
        )
        for found in distributions()
    }


def wheel(folder: Path, name: str, version: str, headers: tuple[str, ...]) -> str:
    """Write a wheel that holds nothing but its description, and for uv a script that starts the real one."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{stem}.dist-info/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
        ),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if name == "uv" and version != LATER:
        files[f"{stem}.data/scripts/uv"] = START_UV
    files[f"{stem}.dist-info/RECORD"] = "".join(
        f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            entry = zipfile.ZipInfo(inner)
            entry.external_attr = 0o100755 << 16  # pip starts no script that the archive does not let be started
            archive.writestr(entry, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, needs: dict[str, tuple[str, ...]]) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("index")
    hashes = {}
    for asked in locked("dev.txt"):
        place = folder / canonicalize_name(asked.name)
        hashes[asked.name] = wheel(place, asked.name, pinned(asked), needs.get(canonicalize_name(asked.name), ()))
        wheel(place, asked.name, LATER, BROKEN)
    handler = partial(_Quiet, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Index(f"http://127.0.0.1:{server.server_address[1]}/", hashes)
        server.shutdown()


def with_hashes(name: str, hashes: Mapping[str, str]) -> str:
    """A lock file as it is, its extras and versions and conditions, with the hashes of the wheels of the index."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    for asked, digest in hashes.items():
        text = re.sub(
            rf"^({re.escape(asked)}(?:\[[^]]+])?==[^\n]* \\\n)(?: +--hash=\S+(?: \\)?\n)+",
            rf"\1    --hash=sha256:{digest}\n",
            text,
            flags=re.MULTILINE,
        )
    return text


@pytest.mark.parametrize("lock,has_uv", [("dev.txt", True), ("tool.txt", False)], ids=["with uv", "with pip alone"])
def test_what_is_published_later_changes_nothing(tmp_path: Path, index: Index, lock: str, has_uv: bool) -> None:
    folder, environment = tmp_path / "checkout", tmp_path / "environment"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "install.sh", folder)
    for name in (lock, "uv.txt"):
        (folder / "requirements" / name).write_text(with_hashes(name, index.hashes), encoding="utf-8")
    wheel(folder, "the-project", "1.0", ())
    programs = tmp_path / "programs"
    programs.mkdir()
    if has_uv:
        (programs / "uv").symlink_to(REAL_UV)
    python = Path(sys.executable).resolve()  # an environment of uv has no pip, the interpreter below it has

    done = subprocess.run(
        ["sh", "install.sh", environment, f"requirements/{lock}", "the_project-1.0-py3-none-any.whl"],
        cwd=folder,
        env={
            "HOME": os.environ["HOME"],
            "PATH": f"{programs}:/usr/bin:/bin",
            "PIP_INDEX_URL": index.url,
            "PYTHON": str(python),
            "UV_CACHE_DIR": str(tmp_path / "cache"),
            "UV_DEFAULT_INDEX": index.url,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (packages,) = environment.glob("lib/python*/site-packages")
    there = {canonicalize_name(found.name): found.version for found in distributions(path=[str(packages)])}
    expected = {canonicalize_name(asked.name): pinned(asked) for asked in locked(lock)}
    assert there == expected | {"the-project": "1.0"}


def test_a_job_is_given_just_what_the_tool_needs_of_what_is_locked_and_nothing_that_builds_it() -> None:
    job, tool = ({asked.name: pinned(asked) for asked in locked(name)} for name in ("job.txt", "tool.txt"))
    assert job.items() < tool.items()
    assert {"click", "msgspec", "pygithub", "requests"} <= job.keys()
    assert not {"build", "hatchling", "setuptools"} & job.keys()


@pytest.mark.parametrize("name", ["job.txt", "tool.txt", "dev.txt", "uv.txt"])
def test_a_lock_names_every_file_by_its_hash_and_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")

    assert len(re.findall(r"^[a-z].* \\\n +--hash=sha256:", text, re.MULTILINE)) == len(
        re.findall(r"^[a-z]", text, re.MULTILINE)
    )
    assert "://" not in text
    assert "index" not in text
