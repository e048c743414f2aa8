"""The whole road on Kubernetes: the files that `init` wrote, run under act, up to a bad version that is rolled back."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from release_tool.deploy.ledger.store import Deployments
from tests.act import program
from tests.act.project import DEPLOY, LOOK, POLICY, RELEASE, Project
from tests.adoption import ADMIN, SOURCE
from tests.engines.docker import REGISTRY
from tests.engines.on_kubernetes import Kubectl
from tests.engines.place import BIN, BUILD, REPORT
from tests.engines.project import CHECK, DEADLINE, DEFAULT_BAKE, Version, application_files, recipe_files
from tests.engines.rows import written_into
from tests.shop import shop
from tests.workflow_rules import PINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.act.runner import Run
    from tests.engines.cluster import Cluster
    from tests.engines.docker import Docker
    from tests.shop import Entry

ADDRESS = "10.96.0.82"
BAKE = "20s"
MAKEFILE = f"""\
IMAGE := {REGISTRY}/shop
COMMIT := $(shell git rev-parse HEAD)
FLAGS := -s -w -X main.commit=$(COMMIT) -X main.version=$(shell git describe --tags --always)

build:
	mkdir -p dist
	CGO_ENABLED=0 go -C app build -trimpath -ldflags "$(FLAGS)" -o ../shop .
	cp /bin/busybox busybox
	DOCKER_BUILDKIT=0 docker build --quiet --tag $(IMAGE):$(COMMIT) .
	docker push --quiet $(IMAGE):$(COMMIT)
	docker inspect --format 'web={{{{index .RepoDigests 0}}}}' $(IMAGE):$(COMMIT) > dist/release-references.txt
test:
	cd app && gofmt -l . && go vet ./...
"""
CHECKS = f"""\
name: Checks
on: pull_request
permissions: {{}}
jobs:
  checks:
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@{PINS["actions/checkout"]}
      - run: make test
"""
GOOD: Entry = {
    "pull": 1,
    "title": "Add search",
    "labels": ["feature"],
    "author": "ada",
    "files": {"search.txt": "found\n"},
    "state": "open",
}
BAD: Entry = {
    "pull": 2,
    "title": "Save memory",
    "labels": ["fix"],
    "author": "bob",
    "files": {"Dockerfile": application_files(Version("", {"SHOP_END_AFTER": "15s"}))["Dockerfile"]},
    "state": "open",
}
RELEASED = ("plan", "build", "release", "tests", "advance")
BROUGHT = ("environments", "after")
_WHERE = re.compile(r"http://127\.0\.0\.1:\d+")


class Told(msgspec.Struct, frozen=True):
    """A pull request, as GitHub tells it."""

    number: int


class Road:
    """The way of a project from `init` to a bad version; `lines` tell what there was to see."""

    def __init__(self, project: Project, url: str, pods: Callable[[], str]) -> None:
        self._project = project
        self._shop = project.shop
        self._url = url
        self._pods = pods
        self.lines: list[str] = []

    def adopt(self) -> None:
        self._steps("A repository with a Makefile, a Dockerfile and manifests adopts the tool by a pull request")
        self._project.merge(self._set_up())
        self._shop.git("pull", "--quiet", "origin", "main")
        made = self._shop.run("doctor", "--fix").err.splitlines()
        self._says("$ release-tool doctor --fix", *(line for line in made if line.startswith("made ")))
        self._insists(self._project.push(RELEASE), "plan", "release")

    def begin(self) -> None:
        self._steps("A person makes the first release, and deploys it for the first time")
        self._insists(self._project.dispatch(RELEASE, level="auto"), *RELEASED)
        assert self._project.dispatched(DEPLOY) == []
        first = {"action": "deploy", "environment": "production", "version": "1.0.1"}
        self._insists(self._project.dispatch(DEPLOY, **first), "plan", *BROUGHT)
        self._looks_at_the_cluster()

    def bring_the_good_one(self) -> None:
        self._steps("A pull request is merged: released, built, tested, carried into cloud, deployed")
        self._insists(self._project.pull_request(POLICY, "pull_request_target", 1), "policy")
        self._project.merge(1)
        self._insists(self._project.push(RELEASE), *RELEASED)
        assert self._project.commit("cloud") == self._project.commit("v1.1.0")
        [brought] = self._project.dispatched(DEPLOY)
        self._insists(brought, *BROUGHT)
        self._looks_at_the_cluster()

    def bring_the_bad_one(self) -> None:
        self._steps("A pull request whose pods end by themselves after 15 s: released, deployed, and rolled back")
        self._project.merge(2)
        self._insists(self._project.push(RELEASE), *RELEASED)
        [brought] = self._project.dispatched(DEPLOY)
        self._insists(brought, "environments: failure", "after", green=False)
        self._looks_at_the_cluster()

    def look_back(self) -> None:
        self._steps("The ledger, and the look that leaves the dashboard as an artifact")
        ledger = self._shop.github().adapter(Deployments).ledger("production")
        self._says(*(f"{one.payload.kind.value} {one.payload.name}: {one.phase}" for one in ledger))
        self._insists(self._project.dispatch(LOOK), "look")
        self._shop.git("fetch", "--quiet", "--tags", "origin")
        status = self._shop.run("status")
        assert status.code == 0, status.err
        self._says("$ release-tool status", *status.out.splitlines())

    def _set_up(self) -> int:
        """Run `init` on a branch, fit what is a person's to fit, and open a pull request; its number is told."""
        git = self._shop.git
        git("switch", "--quiet", "--create", "set-up")
        asked = ("--recipe", "kubectl", "--url", self._url, "--cloud", "cloud", "--test", "make test")
        self._says(f"$ release-tool init {shlex.join(asked)}")
        done = self._shop.run("init", *asked, "--source", SOURCE, "--yes")
        assert done.code == 0, done.err
        configuration = self._shop.clone / "release-tool.toml"
        configuration.write_text(fitted(configuration.read_text()))
        git("add", "--all")
        git("commit", "--quiet", "--message=Set up release-tool")
        git("push", "--quiet", self._shop.box.clone_url.replace("://", "://x:admins@"), "HEAD")
        git("switch", "--quiet", "main")
        opened = self._shop.api("POST", "pulls", {"title": "Set up release-tool", "head": "set-up", "base": "main"})
        return msgspec.convert(opened, Told).number

    def _insists(self, run: Run, *jobs: str, green: bool = True) -> None:
        """A run has to have had these jobs; it is told with what its page shows."""
        self._says(f"{run.of.workflow}: {', '.join(run.jobs)} ({'green' if run.green else 'red'})")
        shown = dict.fromkeys(line for line in run.summary.splitlines() if line.startswith("### "))
        self._says(*(f"  {line.removeprefix('### ').replace(chr(92), '')}" for line in shown))
        assert (run.green, run.jobs) == (green, [*jobs]), run.said.log[-6000:]

    def _looks_at_the_cluster(self) -> None:
        self._says("$ kubectl get pods --namespace shop", *self._pods().splitlines())

    def _steps(self, title: str) -> None:
        self._says(*([""] if self.lines else []), f"# {title}")

    def _says(self, *lines: str) -> None:
        for line in lines:
            told = _WHERE.sub("https://github.com", line).rstrip()
            print(f"    {told}", flush=True)
            self.lines.append(told)


def fitted(configuration: str) -> str:
    """What `init` proposed, with the image that the build tells and with short times."""
    for old, new in (
        ("[sync]", '[build]\nreferences = ["web"]\n\n[sync]'),
        (f'bake = "{DEFAULT_BAKE}"', f'bake = "{BAKE}"'),
        (CHECK, f'{CHECK}deadline = "{DEADLINE}"\n'),
    ):
        assert old in configuration
        configuration = configuration.replace(old, new)
    return configuration


def travel(project: Project, url: str, pods: Callable[[], str]) -> list[str]:
    """Go the whole road; what was seen on the way is told."""
    road = Road(project, url, pods)
    road.adopt()
    road.begin()
    road.bring_the_good_one()
    road.bring_the_bad_one()
    road.look_back()
    return road.lines


@pytest.fixture
def act() -> Path:
    return program.find()


@pytest.fixture
def project(tmp_path: Path, act: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A released project without any workflow of ours, and a runner that has Docker, Go and kubectl."""
    path = (str(Path(sys.executable).parent), str(BIN), "/usr/local/go/bin", os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("no_proxy", "*")  # there is nobody but ourselves in the room
    with shop(tmp_path, {"tag": "v1.0.0"}, GOOD, BAD, ADMIN, files=files(), clock="machine") as made:
        found = Project(made, act, tmp_path / "runner", limit=600)
        (found.home / ".cache").symlink_to("/root/.cache")  # what Go has compiled already
        found.secrets["KUBE_CONFIG"] = cluster.new_shop()
        yield found


def files() -> dict[str, str]:
    """The application with its manifests, before anybody thought of the tool."""
    found = application_files(Version(""))
    manifests = {name: text for name, text in recipe_files("kubectl").items() if name.startswith("k8s/")}
    service, deployment = "k8s/production/service.yaml", "k8s/production/deployment.yaml"
    manifests[service] = manifests[service].replace("spec:\n", f"spec:\n  clusterIP: {ADDRESS}\n")
    manifests[deployment] = manifests[deployment].replace("progressDeadlineSeconds: 240", "progressDeadlineSeconds: 60")
    ours = {
        ".github/workflows/checks.yml": CHECKS,
        ".gitignore": "/busybox\n/dist/\n/k8s/release/\n/shop\n",
        "Makefile": MAKEFILE,
        "README.md": "hello\n",
    }
    return found | manifests | ours


@pytest.mark.case(
    "road", "from `init` to a bad version that is rolled back", f"kubectl on {Kubectl.engine}, nektos/act"
)
def test_the_whole_road_ends_with_the_bad_version_rolled_back(
    project: Project, docker: Docker, cluster: Cluster, seen: list[str]
) -> None:
    def pods() -> str:
        columns = (
            "NAME:.metadata.name,IMAGE:.spec.containers[0].image,RESTARTS:.status.containerStatuses[0].restartCount"
        )
        return cluster.kubectl("get", "pods", "--namespace", "shop", "--output", f"custom-columns={columns}")

    lines = travel(project, f"http://{ADDRESS}", pods)
    [image] = {pod.image for pod in cluster.pods()}
    name, _, digest = image.removeprefix(f"{REGISTRY}/").partition("@")
    assert requests.get(f"http://{REGISTRY}/v2/{name}/manifests/{digest}", timeout=10).ok
    assert docker.version
    seen.append(next(line for line in lines if line.startswith("deploy 1.1.1: ")))
    page = max(project.artifacts.glob("*/*/dashboard/index.html"), key=lambda one: one.stat().st_mtime)
    shutil.copytree(page.parent, BUILD / "dashboard", dirs_exist_ok=True)
    REPORT.write_text(written_into(REPORT.read_text(), "road", "```text\n" + "\n".join(lines) + "\n```\n"))
