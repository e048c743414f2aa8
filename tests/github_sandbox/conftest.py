"""Sandboxes for tests, each with an empty directory of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from github_sandbox import Sandbox
from tests.github_sandbox.client import Client, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Serve(Protocol):
    """Starts a sandbox for a history and gives a client with its token."""

    def __call__(self, *history: dict[str, object], **more: object) -> Client:
        """A client of the new sandbox."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with contextlib.ExitStack() as running:

        def start(*history: dict[str, object], **more: object) -> Client:
            scenario: dict[str, object] = {"repository": "acme/shop", "history": list(history)} | more
            place = tmp_path / f"sandbox-{len(list(tmp_path.iterdir()))}"
            box = running.enter_context(Sandbox.start(scenario, place))
            client = Client(box, box.token)
            running.callback(client.session.close)
            return client

        yield start


class Clone(Protocol):
    """Clones what a client's sandbox serves."""

    def __call__(self, client: Client, *options: str) -> Path:
        """The directory of the clone."""


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    def make(client: Client, *options: str) -> Path:
        place = tmp_path / f"clone-{len(list(tmp_path.iterdir()))}"
        git(tmp_path, "clone", "--quiet", *options, client.box.push_url, str(place))
        return place

    return make
