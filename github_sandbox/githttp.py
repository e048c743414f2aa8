"""Git's smart HTTP protocol, answered by the programs that `git http-backend` would start."""

from __future__ import annotations

import fnmatch
import gzip
import io
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
PROGRAMS = {
    "git-upload-pack": ("git", "upload-pack", "--stateless-rpc"),
    "git-receive-pack": ("git", "receive-pack", "--stateless-rpc"),
}
NEW = "version=2"
ABILITIES: dict[str, bytes] = {}
"""What git's newer protocol begins with, which is the same for all our repositories."""

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
    """Hands a request to the program of git that it is for, and answers what it says, when it is done."""
    path, _, rest = environ["PATH_INFO"].lstrip("/").partition(".git/")
    asked = rest if environ["REQUEST_METHOD"] == "POST" else environ["QUERY_STRING"].removeprefix("service=")
    if asked not in PROGRAMS or (environ["REQUEST_METHOD"] == "GET" and rest != "info/refs"):
        start("404 Not Found", [("Content-Length", "0")])
        return []
    repository, protocol = root / f"{path}.git", environ.get("HTTP_GIT_PROTOCOL", "")
    ours = environment() | variables | ({"GIT_PROTOCOL": protocol} if protocol else {})
    if environ["REQUEST_METHOD"] == "POST":
        answer = _asked(environ, [*PROGRAMS[asked], os.fspath(repository)], ours)
        return _sent(answer, start, f"application/x-{asked}-result")
    return _sent(_advertised(asked, repository, ours), start, f"application/x-{asked}-advertisement")


def _asked(environ: WSGIEnvironment, argv: list[str], variables: dict[str, str]) -> IO[bytes]:
    """What a program says to the body of a request."""
    answer = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when it was sent
    with tempfile.TemporaryFile() as request:
        shutil.copyfileobj(_plain(environ), request)
        request.seek(0)
        who = {"GIT_COMMITTER_NAME": "sandbox", "GIT_COMMITTER_EMAIL": "sandbox@http.127.0.0.1"}
        subprocess.run(argv, stdin=request, stdout=answer, stderr=subprocess.DEVNULL, env=variables | who, check=False)
    return answer


def _plain(environ: WSGIEnvironment) -> IO[bytes]:
    """The body of a request, which git compresses when it is long."""
    body: IO[bytes] = environ["wsgi.input"]
    packed = environ.get("HTTP_CONTENT_ENCODING", "") in {"gzip", "x-gzip"}
    return gzip.GzipFile(fileobj=body, mode="rb") if packed else body  # type: ignore[return-value] # only read


def _advertised(program: str, repository: Path, variables: dict[str, str]) -> IO[bytes]:
    """What git begins with: its abilities, and in the old protocol the refs as well."""
    if (program, variables.get("GIT_PROTOCOL")) == ("git-upload-pack", NEW):
        if NEW not in ABILITIES:
            ABILITIES[NEW] = _advertisement(program, repository, variables)
        return io.BytesIO(ABILITIES[NEW])
    head = f"# service={program}\n"
    return io.BytesIO(f"{len(head) + 4:04x}{head}0000".encode() + _advertisement(program, repository, variables))


def _advertisement(program: str, repository: Path, variables: dict[str, str]) -> bytes:
    argv = [*PROGRAMS[program], "--http-backend-info-refs", os.fspath(repository)]
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables, check=False).stdout


def _sent(answer: IO[bytes], start: StartResponse, kind: str) -> Iterable[bytes]:
    size = answer.seek(0, os.SEEK_END)
    answer.seek(0)
    start("200 OK", [("Content-Type", kind), ("Cache-Control", "no-cache"), ("Content-Length", str(size))])
    return _chunks(answer)


def _chunks(output: IO[bytes]) -> Iterator[bytes]:
    with output:
        while data := output.read(CHUNK):
            yield data
