"""How tests talk to a sandbox."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, TypeAlias

import requests

if TYPE_CHECKING:
    from pathlib import Path

    from github_sandbox import Sandbox

Doc: TypeAlias = dict[str, object]


class Client:
    """One caller of a sandbox; without a token, anybody."""

    def __init__(self, box: Sandbox, token: str | None) -> None:
        self.box = box
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """Sends a request; a path without a leading slash is below the repository's."""
        base = self.box.api_url if path.startswith("/") else f"{self.box.api_url}/repos/{self.box.repository}"
        url = path if path.startswith("http") else f"{base}/{path.lstrip('/')}".rstrip("/")
        return self.session.request(method, url, json=body, headers=headers, allow_redirects=False, timeout=20)

    def get(self, path: str) -> Doc:
        """An object, which must be there."""
        return self._object(self.ask("GET", path), 200)

    def many(self, path: str) -> list[Doc]:
        """A list, which must be there."""
        response = self.ask("GET", path)
        assert response.status_code == 200, response.text
        found = response.json()
        assert isinstance(found, list)
        return found

    def post(self, path: str, body: object, status: int = 201) -> Doc:
        """What a POST made."""
        return self._object(self.ask("POST", path, body), status)

    def patch(self, path: str, body: object, status: int = 200) -> Doc:
        """What a PATCH left."""
        return self._object(self.ask("PATCH", path, body), status)

    def upload(self, release: Doc, name: str, data: bytes) -> requests.Response:
        """Uploads a file to a release."""
        url = str(release["upload_url"]).partition("{")[0]
        kind = {"Content-Type": "application/octet-stream"}
        return self.session.post(url, params={"name": name}, data=data, headers=kind, timeout=20)

    def query(self, text: str, **variables: object) -> Doc:
        """What a GraphQL query answers: data, errors, or both."""
        body = {"query": text, "variables": variables}
        return self._object(self.session.post(self.box.graphql_url, json=body, timeout=20), 200)

    def data(self, text: str, **variables: object) -> Doc:
        """The repository of a GraphQL answer without errors."""
        owner, name = self.box.repository.split("/")
        whole = f'{{repository(owner:"{owner}",name:"{name}"){{{text}}}}}'
        if variables:
            whole = text
        answer = self.query(whole, **variables)
        assert "errors" not in answer, answer
        data = answer["data"]
        assert isinstance(data, dict)
        found = data["repository"]
        assert isinstance(found, dict)
        return found

    @staticmethod
    def _object(response: requests.Response, status: int) -> Doc:
        assert response.status_code == status, response.text
        found = response.json()
        assert isinstance(found, dict)
        return found


def git(directory: Path, *argv: str) -> str:
    """What git prints in a directory; it must succeed."""
    done = subprocess.run(["git", *argv], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fails(directory: Path, *argv: str) -> str:
    """What git complains about; it must fail."""
    done = subprocess.run(["git", *argv], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr
