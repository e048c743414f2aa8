"""A real git repository for tests, with a line for each thing that they do to it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Repo:
    """A repository in a directory; every commit is a second later than the one before."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._time = 1767603600

    @classmethod
    def create(cls, directory: Path) -> Repo:
        directory.mkdir(parents=True)
        repo = cls(directory)
        repo.git("init", "--quiet", "--initial-branch=main")
        return repo

    def git(self, *args: str, stdin: bytes = b"") -> str:
        code, said = self.attempt(*args, stdin=stdin)
        assert code == 0, said
        return said

    def attempt(self, *args: str, stdin: bytes = b"") -> tuple[int, str]:
        """The exit code of git, and what it said: the complaints, too, where it failed."""
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "1+ada@users.noreply.github.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "1+ada@users.noreply.github.com",
            "GIT_AUTHOR_DATE": f"{self._time} +0000",
            "GIT_COMMITTER_DATE": f"{self._time} +0000",
        }
        done = subprocess.run(
            ["git", *args], cwd=self.directory, env=env, input=stdin, capture_output=True, check=False
        )
        said = done.stdout + (done.stderr if done.returncode else b"")
        return done.returncode, said.decode(errors="replace").strip()

    def commit(self, message: str = "Change", **files: str | bytes) -> str:
        self._time += 1
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (self.directory / name).write_bytes(data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--file=-", "--cleanup=verbatim", stdin=message.encode())
        return self.head()

    def commits(self, count: int) -> list[str]:
        """Make many empty commits at once; their hashes are told oldest first."""
        who = "Ada <1+ada@users.noreply.github.com>"
        made = (
            f"commit refs/heads/main\ncommitter {who} {self._time + number} +0000\ndata 6\nChange\n"
            for number in range(1, count + 1)
        )
        self.git("fast-import", "--quiet", stdin="".join(made).encode())
        self._time += count
        return self.git("rev-list", "--reverse", "main").split()

    def merge(self, branch: str, message: str = "Merge") -> str:
        self._time += 1
        self.git("merge", "--quiet", "--no-ff", "-m", message, branch)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, message: str | None = None, at: str = "HEAD") -> str:
        """Tag a commit, with an object of its own where there is a message; returns the hash of what the ref names."""
        self._time += 1
        self.git("tag", name, at, *(("-m", message) if message is not None else ()))
        return self.git("rev-parse", f"refs/tags/{name}")

    def clone(self, directory: Path, *options: str) -> Repo:
        self.git("clone", "--quiet", *options, f"file://{self.directory}", str(directory))
        return Repo(directory)
