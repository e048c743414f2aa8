"""Git's smart HTTP protocol, answered by git's own CGI program."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING

from github_sandbox.repository import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CHUNK = 1 << 16

HOOK = """\
#!/bin/sh
# $SANDBOX_REFUSAL refuses the push; $SANDBOX_BRANCH guards workflow files, and is what a new ref is compared with.
if [ -n "$SANDBOX_REFUSAL" ]; then
    echo "error: $SANDBOX_REFUSAL" >&2
    exit 1
fi
[ -n "$SANDBOX_BRANCH" ] || exit 0
is_known() {
    git for-each-ref --format='%(refname)' refs/heads | while read -r head; do
        [ "$(git rev-parse --quiet --verify "$head:$2")" = "$1" ] && echo yes
    done
}
while read -r old new ref; do
    case $new in *[!0]*) ;; *) continue ;; esac
    case $old in *[!0]*) ;; *) old=$SANDBOX_BRANCH ;; esac
    git diff-tree -r --name-only --diff-filter=d "$old^{commit}" "$new^{commit}" -- .github/workflows |
    while read -r path; do
        [ -n "$(is_known "$(git rev-parse "$new^{commit}:$path")" "$path")" ] || echo "$path"
    done | {
        read -r path || exit 0
        echo "error: refusing to allow a GitHub App to create or update workflow \\`$path\\`" \\
            "without \\`workflows\\` permission" >&2
        exit 1
    } || exit 1
done
"""


def install_hook(repository: Path) -> None:
    """Puts the hook that guards workflow files into a bare repository."""
    hooks = repository / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-receive").write_text(HOOK)
    (hooks / "pre-receive").chmod(0o755)


def commands(body: IO[bytes]) -> list[tuple[str, str, str]]:
    """What a push asks for, as (old, new, name of the ref); the body is left at its start."""
    found = []
    while size := int(body.read(4) or b"0", 16):
        line = body.read(size - 4).split(b"\0")[0].decode(errors="replace").strip()
        parts = line.split(" ", 2)
        if len(parts) == 3:  # noqa: PLR2004 -- old, new, ref; a shallow line has fewer
            found.append((parts[0], parts[1], parts[2]))
    body.seek(0)
    return found


def protected(patterns: list[str], ref: str) -> bool:
    """Whether one of the patterns covers a ref."""
    return any(fnmatch.fnmatchcase(ref, pattern) for pattern in patterns)


def serve(environ: WSGIEnvironment, start: StartResponse, root: Path, variables: dict[str, str]) -> Iterable[bytes]:
    """Hands a request to `git http-backend` and answers what it says, when it is done."""
    answer = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when it was sent
    with tempfile.TemporaryFile() as request:
        shutil.copyfileobj(environ["wsgi.input"], request)
        request.seek(0)
        subprocess.run(
            ["git", "http-backend"],
            stdin=request,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env=_cgi(environ, root) | variables,
            check=False,
        )
    size = answer.tell()
    answer.seek(0)
    status, headers = _head(answer)
    start(status, [*headers, ("Content-Length", str(size - answer.tell()))])
    return _chunks(answer)


def _chunks(output: IO[bytes]) -> Iterator[bytes]:
    with output:
        while data := output.read(CHUNK):
            yield data


def _cgi(environ: WSGIEnvironment, root: Path) -> dict[str, str]:
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR")
    passed = {name: str(environ.get(name, "")) for name in names}
    headers = {"HTTP_CONTENT_ENCODING": "HTTP_CONTENT_ENCODING", "HTTP_GIT_PROTOCOL": "GIT_PROTOCOL"}
    optional = {name: str(environ[header]) for header, name in headers.items() if header in environ}
    return (
        environment()
        | passed
        | optional
        | {
            "GIT_PROJECT_ROOT": os.fspath(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "sandbox",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
    )


def _head(answer: IO[bytes]) -> tuple[str, list[tuple[str, str]]]:
    status = "200 OK"
    headers = []
    while line := answer.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "status":
            status = value.strip()
        else:
            headers.append((name, value.strip()))
    return status, headers
