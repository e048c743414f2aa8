"""The recipe `helm` with its very files and a small chart, on a Kubernetes of one node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engines.programs import HELM, KUBERNETES
from tests.engines.project import BAKE, Version, adapted, deployed, recipe_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.cluster import Cluster
    from tests.engines.project import Deployed

ADDRESS = "10.96.0.81"
ENGINE = f"Helm {HELM.version}, Kubernetes {KUBERNETES}"
GOOD = (Version("1.0.0"), Version("1.1.0"))
HEALTHY, ROLLED_BACK = 0, 6
pytestmark = pytest.mark.usefixtures("helm")
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "chart/values.yaml": "image: unset\n",
    "chart/values-production.yaml": "replicas: 2\n",
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


def case(text: str) -> pytest.MarkDecorator:
    return pytest.mark.case("helm", text, ENGINE)


@contextmanager
def release(folder: Path, cluster: Cluster, *bad: Version, bake: str = BAKE) -> Iterator[Deployed]:
    files = recipe_files("helm") | CHART | {"release-tool.toml": adapted("helm", f"http://{ADDRESS}", bake)}
    with deployed(folder, files, (*GOOD, *bad), {"KUBE_CONFIG": cluster.new_shop()}) as here:
        yield here


def agree(here: Deployed, cluster: Cluster, version: str) -> None:
    """Insist that ledger, cluster and checks name the same version."""
    assert here.live() == here.commit(version), here.story()
    assert {pod.image for pod in cluster.pods()} == {here.references[version]}
    assert here.verify().code == HEALTHY


@case("first deployment, an upgrade, and a rollback by a person")
def test_forth_and_back(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    with release(tmp_path, cluster) as here:
        for version in ("1.0.0", "1.1.0"):
            assert here.deploy(version).code == HEALTHY
            agree(here, cluster, version)
        ended = here.rollback()
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        agree(here, cluster, "1.0.0")


@case("healthy, but the old version answers")
def test_a_bad_version_is_rolled_back_and_the_old_one_proven(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    with release(tmp_path, cluster, Version("1.2.0", built_of="1.0.0")) as here:
        assert here.deploy("1.0.0").code == HEALTHY
        ended = here.deploy("1.2.0")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == ROLLED_BACK
        agree(here, cluster, "1.0.0")


@case("killed at: changing, then reconcile, then the next upgrade")
def test_a_release_that_was_left_pending_is_taken_up_again(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    slow = Version("1.2.0", {"SHOP_START_AFTER": "20s"})
    with release(tmp_path, cluster, slow) as here:
        assert here.deploy("1.0.0").code == HEALTHY
        here.killed_at("changing", "deploy", "1.2.0", "-e", "production", "--here")
        ended = here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {here.story()[-1]}")
        assert here.deploy("1.1.0", "--override", "older", "--reason", "the next one").code == HEALTHY
        agree(here, cluster, "1.1.0")
