"""The recipe `kubectl` with its very files, on a Kubernetes of one node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engines.programs import KUBERNETES
from tests.engines.project import BAKE, DEFAULT_BAKE, Version, adapted, deployed, recipe_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.cluster import Cluster
    from tests.engines.project import Deployed

ADDRESS = "10.96.0.80"
URL = f"http://{ADDRESS}"
ENGINE = f"Kubernetes {KUBERNETES}, one node"
GOOD = (Version("1.0.0"), Version("1.1.0"))
HEALTHY, ROLLED_BACK, LOST = 0, 6, 7
_SERVICE = "k8s/production/service.yaml"
_DEPLOYMENT = "k8s/production/deployment.yaml"


def case(text: str) -> pytest.MarkDecorator:
    return pytest.mark.case("kubectl", text, ENGINE)


@contextmanager
def namespace(folder: Path, cluster: Cluster, *bad: Version, bake: str = BAKE, replicas: int = 2) -> Iterator[Deployed]:
    """An empty namespace, and a project with two good releases and what a case adds."""
    files = recipe_files("kubectl")
    files[_SERVICE] = files[_SERVICE].replace("spec:\n", f"spec:\n  clusterIP: {ADDRESS}\n")
    files[_DEPLOYMENT] = files[_DEPLOYMENT].replace("replicas: 2", f"replicas: {replicas}")
    if bake != DEFAULT_BAKE:
        files[_DEPLOYMENT] = files[_DEPLOYMENT].replace("progressDeadlineSeconds: 240", "progressDeadlineSeconds: 30")
    files["release-tool.toml"] = adapted("kubectl", URL, bake)
    with deployed(folder, files, (*GOOD, *bad), {"KUBE_CONFIG": cluster.new_shop()}) as here:
        yield here


def first(here: Deployed) -> None:
    """Have the first version running and proven."""
    assert here.deploy("1.0.0").code == HEALTHY, here.story()


def agree(here: Deployed, cluster: Cluster, version: str) -> None:
    """Insist that ledger, cluster and checks name the same version."""
    assert here.live() == here.commit(version), here.story()
    assert {pod.image for pod in cluster.pods()} == {here.references[version]}
    assert here.verify().code == HEALTHY


@case("first deployment, then an upgrade")
def test_first_deployment_and_upgrade_are_healthy(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    with namespace(tmp_path, cluster) as here:
        one = here.deploy("1.0.0")
        assert (one.code, one.outcome) == (HEALTHY, "healthy")
        agree(here, cluster, "1.0.0")
        two = here.deploy("1.1.0")
        assert (two.code, two.outcome) == (HEALTHY, "healthy")
        agree(here, cluster, "1.1.0")
        seen.append(f"healthy in {one.seconds:.0f} s, upgraded in {two.seconds:.0f} s")


BAD = {
    "crash loop": Version("1.2.0", {"SHOP_END_AFTER": "0s"}),
    "healthy, but the old version answers": Version("1.2.0", built_of="1.0.0"),
    "one of three replicas answers with another commit": Version("1.2.0", {"SHOP_STALE_ONE_OF": "3"}),
    "failing after a while": Version("1.2.0", {"SHOP_FAIL_AFTER": "12s"}),
}


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name, marks=case(name)) for name, bad in BAD.items()])
def test_a_bad_version_is_rolled_back_and_the_old_one_proven(
    tmp_path: Path, cluster: Cluster, bad: Version, seen: list[str]
) -> None:
    with namespace(tmp_path, cluster, bad, replicas=3) as here:
        first(here)
        ended = here.deploy("1.2.0")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert (ended.code, ended.outcome) == (ROLLED_BACK, "rolled_back")
        agree(here, cluster, "1.0.0")


SHORT_LIVES = {"ends by itself after 15 s, with a bake of 20 s": ("15s", "20s")}
LONG_LIVES = {"ends by itself after 100 s, with the default bake of 2 m": ("100s", DEFAULT_BAKE)}


@pytest.mark.parametrize(
    "life, bake", [pytest.param(*how, id=name, marks=case(name)) for name, how in (SHORT_LIVES | LONG_LIVES).items()]
)
def test_pods_that_end_by_themselves_are_not_healthy(
    tmp_path: Path, cluster: Cluster, life: str, bake: str, seen: list[str]
) -> None:
    with namespace(tmp_path, cluster, Version("1.2.0", {"SHOP_END_AFTER": life}), bake=bake) as here:
        first(here)
        ended = here.deploy("1.2.0")
        restarts = [pod.restarts for pod in cluster.pods()]
        bad = sum(one["sample"] == "bad" for one in ended.samples)
        seen.append(f"{ended.outcome} with {bad} bad of the last {len(ended.samples)} samples; restarts {restarts}")
        assert ended.code == ROLLED_BACK
        agree(here, cluster, "1.0.0")


@case("rollback by a person")
def test_a_person_goes_back_and_the_environment_is_halted(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    with namespace(tmp_path, cluster) as here:
        first(here)
        assert here.deploy("1.1.0").code == HEALTHY
        ended = here.rollback()
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, in {ended.seconds:.0f} s")
        assert ended.code == HEALTHY
        agree(here, cluster, "1.0.0")


MOMENTS = {
    "waiting": ("1.1.0", {"1.0.0"}),
    "changing": ("1.1.0", {"1.0.0", "1.1.0"}),
    "verifying": ("1.1.0", {"1.0.0", "1.1.0"}),
    "baking": ("1.1.0", {"1.0.0", "1.1.0"}),
    "rolling back": ("1.2.0", {"1.0.0"}),
}


@pytest.mark.parametrize("moment", [pytest.param(at, marks=case(f"killed at: {at}, then reconcile")) for at in MOMENTS])
def test_reconcile_finishes_what_a_killed_run_left(
    tmp_path: Path, cluster: Cluster, moment: str, seen: list[str]
) -> None:
    version, allowed = MOMENTS[moment]
    with namespace(tmp_path, cluster, BAD["healthy, but the old version answers"]) as here:
        first(here)
        here.killed_at(moment, "deploy", version, "-e", "production", "--here")
        ended = here.reconcile()
        seen.append(f"exit code {ended.code} in {ended.seconds:.0f} s; {here.story()[-1]}")
        [name] = [one for one in allowed if here.live() == here.commit(one)]
        agree(here, cluster, name)


@case("node restarted (kubelet) at: changing")
def test_a_kubelet_that_is_restarted_ends_in_agreement(tmp_path: Path, cluster: Cluster, seen: list[str]) -> None:
    with namespace(tmp_path, cluster) as here:
        first(here)
        ended = here.when("changing", cluster.restart_kubelet, "deploy", "1.1.0", "-e", "production", "--here")
        seen.append(f"{ended.outcome}: {ended.document.get('reason')}, exit code {ended.code}")
        assert ended.code in {HEALTHY, ROLLED_BACK}
        agree(here, cluster, "1.1.0" if ended.code == HEALTHY else "1.0.0")


CREDENTIALS = {"no kubeconfig": "", "a token that is not valid any more": "expired"}


@pytest.mark.parametrize("word", [pytest.param(one, id=name, marks=case(name)) for name, one in CREDENTIALS.items()])
def test_without_credentials_nothing_is_changed(tmp_path: Path, cluster: Cluster, word: str, seen: list[str]) -> None:
    with namespace(tmp_path, cluster) as here:
        first(here)
        before = {pod.name for pod in cluster.pods()}
        ended = here.deploy("1.1.0", KUBE_CONFIG=word and cluster.kubeconfig({"token": "gone"}))
        seen.append(f"exit code {ended.code}, {ended.outcome}: {ended.document.get('reason') or ended.err.strip()}")
        assert {pod.name for pod in cluster.pods()} == before
        assert ended.code != HEALTHY
        here.reconcile()
        agree(here, cluster, "1.0.0")
