"""The recipes `kubectl`, `kubectl-canary` and `helm` with their very files, on a Kubernetes of one node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.engines.programs import HELM, KUBERNETES
from tests.engines.project import BAKE, DEFAULT_BAKE, adapted, deployed, recipe_files
from tests.engines.recipe import GOOD, IMAGES, Place, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engines.cluster import Cluster
    from tests.engines.docker import Docker
    from tests.engines.project import Deployed, Version
    from tests.engines.recipe import Wrong

ADDRESS = "10.96.0.80"
URL = f"http://{ADDRESS}"
SERVICE = "k8s/production/service.yaml"
DEPLOYMENT = "k8s/production/deployment.yaml"
BASE = "k8s/production/base/deployment.yaml"
USERS = "k8s/production/users/service.yaml"
TRACKS = {"canary": "10.96.0.83", "stable": "10.96.0.84"}
_WITH_ADDRESS = """patches:
  - target: {{ kind: Service }}
    patch: |
      - {{ op: add, path: /spec/clusterIP, value: {address} }}
"""
Files = dict[str, str]


class Namespace(Place):
    """A namespace that is the shop's own."""

    def __init__(self, here: Deployed, cluster: Cluster, docker: Docker) -> None:
        super().__init__(here)
        self.cluster = cluster
        self._docker = docker

    def runs(self) -> list[str]:
        return [pod.image for pod in self.cluster.pods()]

    def state(self) -> object:
        return {pod.name for pod in self.cluster.pods()}

    def track(self, name: str) -> set[tuple[str, str]]:
        """The pods of one track of several, each with its image."""
        return {(pod.name, pod.image) for pod in self.cluster.pods() if pod.track == name}

    def generation(self, deployment: str) -> int:
        """How often the specification of a Deployment was changed."""
        told = ("--namespace", "shop", "--output", "jsonpath={.metadata.generation}")
        return int(self.cluster.kubectl("get", f"deployment/{deployment}", *told))

    def settle(self) -> None:
        self.cluster.kubectl("rollout", "status", "deployment/shop", "--namespace", "shop", "--timeout", "60s")

    def restart(self) -> None:
        self.cluster.restart_kubelet()

    def expired(self) -> dict[str, str]:
        return {"KUBE_CONFIG": self.cluster.kubeconfig({"token": "gone"})}

    def forget(self, version: str) -> None:
        image = self.here.references[version]
        self._docker.forget(image)
        self.cluster.remove_image(image)


class OnCluster(Recipe):
    """A recipe on the cluster; `_fit` is what it asks a project to fit, with short waits but where all is as usual."""

    secret = "KUBE_CONFIG"

    def __init__(self, cluster: Cluster, docker: Docker) -> None:
        self.cluster = cluster
        self.docker = docker

    @contextmanager
    def place(self, folder: Path, wrong: Wrong | None = None, *, bake: str = BAKE) -> Iterator[Namespace]:
        with self.namespace(folder, *([IMAGES[wrong]] if wrong else []), bake=bake, replicas=3) as found:
            yield found

    @contextmanager
    def namespace(
        self,
        folder: Path,
        *more: Version,
        bake: str = BAKE,
        replicas: int = 2,
        change: Callable[[Files], Files] = lambda files: files,
    ) -> Iterator[Namespace]:
        """An empty namespace, and a project with two good releases and what a case adds."""
        files = self._fit(recipe_files(self.name), replicas, short=bake != DEFAULT_BAKE)
        files["release-tool.toml"] = self._configuration(bake)
        with deployed(folder, change(files), (*GOOD, *more), {"KUBE_CONFIG": self.cluster.new_shop()}) as here:
            yield Namespace(here, self.cluster, self.docker)

    def _configuration(self, bake: str) -> str:
        return adapted(self.name, URL, bake)

    def _fit(self, files: Files, replicas: int, *, short: bool) -> Files:
        raise NotImplementedError


class Kubectl(OnCluster):
    """Manifests that kustomize gives their image."""

    name = "kubectl"
    engine = f"Kubernetes {KUBERNETES}, one node"

    def _fit(self, files: Files, replicas: int, *, short: bool) -> Files:
        files = replaced(files, SERVICE, "spec:\n", f"spec:\n  clusterIP: {ADDRESS}\n")
        files = replaced(files, DEPLOYMENT, "replicas: 2", f"replicas: {replicas}")
        usual, quick = "progressDeadlineSeconds: 240", "progressDeadlineSeconds: 30"
        return replaced(files, DEPLOYMENT, usual, quick) if short else files


class KubectlCanary(OnCluster):
    """Manifests for a canary and the rest, whose checks have an address of each."""

    name = "kubectl-canary"
    engine = f"Kubernetes {KUBERNETES}, one node"

    def _fit(self, files: Files, replicas: int, *, short: bool) -> Files:
        files = replaced(files, USERS, "spec:\n", f"spec:\n  clusterIP: {ADDRESS}\n")
        for track, address in TRACKS.items():
            files[f"k8s/production/{track}/kustomization.yaml"] += _WITH_ADDRESS.format(address=address)
        files = replaced(files, "k8s/production/stable/kustomization.yaml", "count: 3", f"count: {replicas}")
        usual, quick = "progressDeadlineSeconds: 240", "progressDeadlineSeconds: 30"
        return replaced(files, BASE, usual, quick) if short else files

    def _configuration(self, bake: str) -> str:
        text = adapted(self.name, URL, bake)
        for track, address in TRACKS.items():
            assert f"https://{track}.app.example.com" in text
            text = text.replace(f"https://{track}.app.example.com", f"http://{address}")
        return text


class Helm(OnCluster):
    """A small chart."""

    name = "helm"
    engine = f"Helm {HELM.version}, Kubernetes {KUBERNETES}"

    def _fit(self, files: Files, replicas: int, *, short: bool) -> Files:
        files = files | CHART | {"chart/values-production.yaml": f"replicas: {replicas}\n"}
        return replaced(files, "deploy.sh", "--timeout 5m", "--timeout 40s") if short else files


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "chart/values.yaml": "image: unset\n",
    "chart/templates/shop.yaml": f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: {{{{ .Values.replicas }}}}
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      containers:
        - name: web
          image: {{{{ .Values.image | quote }}}}
          readinessProbe: {{httpGet: {{path: /health, port: 8080}}, periodSeconds: 2}}
---
apiVersion: v1
kind: Service
metadata: {{name: shop}}
spec:
  clusterIP: {ADDRESS}
  selector: {{app: shop}}
  ports: [{{port: 80, targetPort: 8080}}]
""",
}


def as_stateful_set(files: Files) -> Files:
    """The project with a StatefulSet in place of its Deployment."""
    files = replaced(files, DEPLOYMENT, "kind: Deployment", "kind: StatefulSet")
    parallel = "serviceName: shop\n  podManagementPolicy: Parallel"
    return _of_kind(replaced(files, DEPLOYMENT, "progressDeadlineSeconds: 30", parallel), "statefulset")


def as_daemon_set(files: Files) -> Files:
    """The project with a DaemonSet in place of its Deployment."""
    files = replaced(files, DEPLOYMENT, "kind: Deployment", "kind: DaemonSet")
    files = replaced(files, DEPLOYMENT, "  progressDeadlineSeconds: 30\n", "")
    return _of_kind(replaced(files, DEPLOYMENT, "  replicas: 2\n", ""), "daemonset")


def _of_kind(files: Files, kind: str) -> Files:
    files = replaced(files, "release-tool.toml", 'workload = "deployment/shop"', f'workload = "{kind}/shop"')
    return replaced(files, "deploy.sh", '"deployment/$deployment"', f'"{kind}/$deployment"')


def replaced(files: Files, name: str, old: str, new: str) -> Files:
    assert old in files[name]
    return files | {name: files[name].replace(old, new)}
