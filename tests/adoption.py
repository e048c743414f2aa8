"""A repository that adopts the tool: `init` writes its files, and the default branch gets them as by a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.shop import Entry, Shop

SOURCE = f"git+https://github.com/acme/release-tool@{'a' * 40}"
"""Where the adopted workflows install the tool from; nothing is installed from there in a test."""

ACTION = f"acme/release-tool@{'a' * 40} # v1.4.0"
"""How a workflow names the action that the tool is."""

ADMIN: Entry = {"token": "admins", "login": "root", "rights": {"administration": "write", "workflows": True}}
"""The token of somebody who may push workflow files; it has to be in the history of a repository that adopts."""


def adopt(made: Shop, *args: str) -> Shop:
    """Run `init` in the clone with some options, commit what it wrote, and push it to the default branch."""
    result = made.run("init", "--source", SOURCE, "--test", "true", "--yes", *args)
    assert result.code == 0, result.err
    made.git("add", "--all")
    made.git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message=Set up")
    made.git("push", "--quiet", made.box.clone_url.replace("://", "://x:admins@"), "HEAD")
    made.git("fetch", "--quiet", "origin")
    return made
