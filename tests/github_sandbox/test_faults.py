"""Tests can make any request go wrong, in the ways networks and services do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from github_sandbox import Fault
from tests.github_sandbox.client import fails

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github_sandbox.client import Client
    from tests.github_sandbox.conftest import Serve


def plain(client: Client, method: str, path: str, body: object = None) -> requests.Response:
    """A request whose answer need not be what GitHub describes."""
    headers = {"Authorization": f"Bearer {client.box.token}"}
    return requests.request(method, f"{client.box.api_url}{path}", json=body, headers=headers, timeout=20)


ISSUES = "/repos/acme/shop/issues"


def test_an_answer_can_be_any_status_with_any_headers(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(path="/issues", status=429, document={"message": "slow down"}, headers={"Retry-After": "7"}))
    broken = plain(client, "GET", ISSUES)

    assert (broken.status_code, broken.json(), broken.headers["Retry-After"]) == (429, {"message": "slow down"}, "7")
    assert plain(client, "GET", ISSUES).status_code == 200


def test_a_fault_can_wait_for_a_later_request_and_hit_several(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(method="GET", path="/issues$", after=1, times=2, status=502, text="<html>"))

    assert [plain(client, "GET", ISSUES).status_code for _ in range(4)] == [200, 502, 502, 200]


@pytest.mark.parametrize("when,made", [("before", 0), ("after", 1)])
def test_a_write_can_get_no_answer_done_or_not(serve: Serve, when: str, made: int) -> None:
    client = serve()
    fault = Fault(method="POST", path="/issues$", drop="before" if when == "before" else "after")
    client.box.fault(fault)
    with pytest.raises(requests.ConnectionError):
        plain(client, "POST", ISSUES, {"title": "A"})

    assert len(client.many("issues")) == made
    assert [request.status for request in client.box.requests] == [0, 200]


def test_a_write_can_be_done_and_answered_as_if_it_had_failed(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(method="POST", path="/issues$", status=502, text="", acts=True))

    broken = plain(client, "POST", ISSUES, {"title": "A"})

    assert (broken.status_code, broken.text) == (502, "")
    assert len(client.many("issues")) == 1


def test_a_write_can_be_done_twice(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(method="POST", path="/issues$", twice=True))

    assert plain(client, "POST", ISSUES, {"title": "A"}).status_code == 201
    assert [issue["title"] for issue in client.many("issues")] == ["A", "A"]


def test_an_answer_can_end_in_the_middle(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(method="POST", path="/issues$", truncated=True))
    with pytest.raises(requests.RequestException):
        plain(client, "POST", ISSUES, {"title": "A"})

    assert len(client.many("issues")) == 1


@pytest.mark.parametrize("when,made", [("before", 0), ("after", 1)])
def test_a_connection_can_be_reset(serve: Serve, when: str, made: int) -> None:
    client = serve()
    fault = Fault(method="POST", path="/issues$", drop="before" if when == "before" else "after", reset=True)
    client.box.fault(fault)
    with pytest.raises(requests.ConnectionError, match=r"[Rr]eset"):
        plain(client, "POST", ISSUES, {"title": "A"})

    assert len(client.many("issues")) == made


def test_a_graphql_query_is_found_by_its_text(serve: Serve) -> None:
    client = serve()
    client.box.fault(Fault(path="^/graphql$", body="viewer", status=502))

    assert plain(client, "POST", "/graphql", {"query": "{rateLimit{cost}}"}).status_code == 200
    assert plain(client, "POST", "/graphql", {"query": "{viewer{login}}"}).status_code == 502


@pytest.mark.parametrize("when,made", [("before", 0), ("after", 1)])
def test_a_request_can_be_held_back_while_something_else_happens(serve: Serve, when: str, made: int) -> None:
    client = serve()
    fault = Fault(method="POST", path="/issues$", block="before" if when == "before" else "after")
    armed = client.box.fault(fault)
    waiting = threading.Thread(target=plain, args=(client, "POST", ISSUES, {"title": "A"}))
    waiting.start()

    assert armed.wait_until_reached()
    if made:
        armed.wait_until_acted()
    assert len(client.many("issues")) == made
    armed.release()
    waiting.join()
    assert len(client.many("issues")) == 1


def test_an_upload_can_leave_an_empty_asset_behind(serve: Serve) -> None:
    client = serve({"release": "v1", "draft": True})
    number = client.many("releases")[0]["id"]
    path = f"/uploads/repos/acme/shop/releases/{number}/assets?name=a.txt"
    client.box.fault(Fault(method="POST", path="/assets", starter=True))

    assert plain(client, "POST", path, "text").status_code == 502
    (asset,) = plain(client, "GET", f"/repos/acme/shop/releases/{number}/assets").json()
    assert (asset["state"], asset["size"], asset["digest"]) == ("starter", 0, None)
    assert plain(client, "POST", path, "text").status_code == 422
    assert plain(client, "DELETE", f"/repos/acme/shop/releases/assets/{asset['id']}").status_code == 204
    assert plain(client, "POST", path, "text").status_code == 201


def test_git_can_fail_too(serve: Serve, tmp_path: Path) -> None:
    client = serve()
    client.box.fault(Fault(path="/info/refs", status=503, text="sorry"))

    assert "503" in fails(tmp_path, "clone", client.box.clone_url, "clone")


def test_faults_and_the_request_log_are_reached_over_http(serve: Serve) -> None:
    client = serve()
    assert plain(client, "POST", "/_sandbox/faults", {"path": "/labels", "status": 500}).status_code == 201
    assert plain(client, "POST", "/_sandbox/faults", {"pth": "/labels"}).status_code == 422
    assert plain(client, "GET", "/repos/acme/shop/labels").status_code == 500
    plain(client, "POST", "/_sandbox/faults", {"path": "/labels", "status": 500})
    assert plain(client, "DELETE", "/_sandbox/faults").status_code == 200
    assert plain(client, "GET", "/repos/acme/shop/labels?per_page=1").status_code == 200
    log = plain(client, "GET", "/_sandbox/requests").json()

    assert [(line["method"], line["path"], line["status"]) for line in log] == [
        ("GET", "/repos/acme/shop/labels", 500),
        ("GET", "/repos/acme/shop/labels?per_page=1", 200),
    ]
    plain(client, "DELETE", "/_sandbox/requests")
    assert client.box.requests == []
    assert plain(client, "GET", "/_sandbox/nothing").status_code == 404


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    client = serve()
    with requests.Session() as session:
        for _ in range(3):
            answer = session.post(f"{client.box.api_url}{ISSUES}", json={"title": "A"}, timeout=9)
            assert answer.status_code == 401
            assert "Connection" not in answer.headers
