from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest

from release_tool.config.model import Check, Duration, Environment, Target
from release_tool.config.read import parse
from release_tool.deploy.health.engines.workload import Instance, InstanceState, Workload, judge_workload
from release_tool.deploy.health.judge import Expected
from release_tool.deploy.health.probe import Occasion, Prober, Question
from release_tool.deploy.health.verdict import HealthAnalysis, HealthRule, HealthState, Reading, Sample, rules_of
from release_tool.errors import UsageError
from tests.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json: TypeAlias = "Mapping[str, object]"

NEW = "registry.example.com/web@sha256:" + "1" * 64
OLD = "registry.example.com/web@sha256:" + "2" * 64
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
EXPECTED = Expected(commit="5f3c2a1b" * 5, version="1.3.0", references={"web": NEW})
LONG = Duration(seconds=20)
KUBERNETES = Check(kind="kubernetes", workload="deployment/shop", namespace="shop", reference="web", timeout=LONG)
DOCKER = Check(kind="docker", label="com.docker.compose.service=web", reference="web", timeout=LONG)


# What an engine knows


def pod(  # noqa: PLR0913 - each of these is a fact about a pod
    name: str,
    *,
    image: str = NEW,
    image_id: str = "",
    ready: bool = True,
    restarts: int = 0,
    waiting: str = "",
    started: str = "2026-05-04T11:59:00Z",
    **more: object,
) -> Json:
    """A pod as `kubectl get pods --output json` tells it, with a sidecar that somebody injected."""
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": started}}
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}} if restarts else {}
    status = {"name": "web", "image": image, "imageID": image_id or image, "restartCount": restarts, "state": state}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", **more},
        "spec": {"containers": [{"name": "web", "image": image}, {"name": "proxy", "image": "proxy:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{**status, "lastState": ended}],
        },
    }


def deployment(*, wanted: int = 1, updated: int | None = None, available: int | None = None, seen: int = 7) -> Json:
    return {
        "kind": "Deployment",
        "metadata": {"name": "shop", "generation": 7},
        "spec": {
            "replicas": wanted,
            "selector": {
                "matchLabels": {"app": "shop"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}],
            },
        },
        "status": {
            "observedGeneration": seen,
            "replicas": wanted,
            "updatedReplicas": wanted if updated is None else updated,
            "availableReplicas": wanted if available is None else available,
        },
    }


def container(  # noqa: PLR0913 - each of these is a fact about a container
    name: str = "shop-web-1",
    *,
    image: str = NEW,
    status: str = "running",
    restarts: int = 0,
    code: int = 0,
    health: str = "",
    labels: Json | None = None,
    started: str = "2026-05-04T11:59:00.123456789Z",
) -> Json:
    """A container as `docker inspect` tells it."""
    state: dict[str, object] = {"Status": status, "ExitCode": code, "OOMKilled": code == 137, "StartedAt": started}
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Image": "sha256:" + "c" * 64,
        "RestartCount": restarts,
        "State": state | ({"Health": {"Status": health}} if health else {}),
        "Config": {"Image": image, "Labels": labels},
    }


class Engine:
    """A program that is asked as `kubectl` or `docker` is, and answers what stands in files."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.asked = place / "asked"
        for name in ("kubectl", "docker"):
            program = place / name
            program.write_text(
                f'#!/bin/sh\necho "$0 $*" >>"{self.asked}"\n'
                f'if [ -f "{place}/complaint" ]; then cat "{place}/complaint" >&2; exit 1; fi\n'
                f'exec cat "{place}/$(echo "$1 $2" | tr "/ " "--")"\n'
            )
            program.chmod(0o755)

    def has(self, controller: Json, *pods: Json) -> None:
        self.answers("get-deployment-shop", controller)
        self.answers("get-pods", {"items": pods})

    def runs(self, *containers: Json) -> None:
        (self.place / "ps---all").write_text("".join(f"id-{number}\n" for number, _ in enumerate(containers)))
        self.answers("inspect-id-0", containers)

    def answers(self, request: str, document: object) -> None:
        (self.place / request).write_text(json.dumps(document))

    def complains(self, words: str) -> None:
        (self.place / "complaint").write_text(words)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def prober(engine: Engine, *, expected: Expected = EXPECTED, calm_since: dt.datetime | None = None) -> Prober:
    path = f"{engine.place}:/usr/bin:/bin"
    return Prober(
        expected=expected,
        clock=FakeClock(NOON),
        directory=engine.place,
        environment={"PATH": path},
        secrets={"canary-secret"},
        calm_since=calm_since,
        occasion=Occasion(environment="production"),
    )


def looked(prober: Prober, check: Check) -> tuple[Reading, str]:
    (sample,) = prober.measure([Question(target=Target(name="production"), check=check)])
    return sample.sample, sample.detail


# Kubernetes


def test_it_is_good_when_every_pod_of_the_release_is_available(engine: Engine) -> None:
    engine.has(deployment(wanted=2), pod("a"), pod("b"))

    assert looked(prober(engine), KUBERNETES) == (
        Reading.OK,
        "2 of 2 pods available, of registry.example.com/web@sha256:111111111111",
    )
    assert engine.asked.read_text().splitlines() == [
        f"{engine.place}/kubectl get deployment/shop --namespace shop --output json",
        f"{engine.place}/kubectl get pods --selector app=shop,tier in (web,api) --namespace shop --output json",
    ]


def test_one_stale_pod_of_many_is_seen_by_its_digest(engine: Engine) -> None:
    engine.has(deployment(wanted=20), *(pod(f"new-{number}") for number in range(19)), pod("old", image=OLD))

    reading, detail = looked(prober(engine), KUBERNETES)

    assert (reading, detail) == (
        Reading.STALE,
        "1 of 20 pods run another image: registry.example.com/web@sha256:222222222222",
    )


@pytest.mark.parametrize(
    "controller, pods, told",
    [
        pytest.param(
            deployment(seen=6), [pod("a")], "the cluster has not observed generation 7 yet", id="not observed yet"
        ),
        pytest.param(deployment(wanted=2, updated=1), [pod("a")], "1 of 2 updated", id="a pod is missing"),
        pytest.param(deployment(available=0), [pod("a", ready=False)], "0 of 1 available", id="a pod starts"),
        pytest.param(
            deployment(available=0),
            [pod("a", ready=False, waiting="ContainerCreating")],
            "0 of 1 available",
            id="its image is pulled",
        ),
    ],
)
def test_a_rollout_that_goes_on_is_not_bad(engine: Engine, controller: Json, pods: list[Json], told: str) -> None:
    engine.has(controller, *pods)

    assert looked(prober(engine), KUBERNETES) == (Reading.STALE, told)


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError"])
def test_a_pod_that_cannot_start_is_bad_with_the_reason_of_the_cluster(engine: Engine, reason: str) -> None:
    engine.has(deployment(available=0), pod("a", ready=False, waiting=reason, restarts=3))

    assert looked(prober(engine), KUBERNETES) == (Reading.BAD, f"a: failing: {reason}, OOMKilled (137)")


def test_a_pod_that_was_available_and_is_not_any_more_is_bad(engine: Engine) -> None:
    engine.has(deployment(), pod("a"))
    asking = prober(engine)
    assert looked(asking, KUBERNETES)[0] is Reading.OK

    engine.has(deployment(available=0), pod("a", ready=False))

    assert looked(asking, KUBERNETES) == (Reading.BAD, "a: not available any more")


def test_a_restart_is_seen_although_every_pod_is_available_again(engine: Engine) -> None:
    engine.has(deployment(wanted=2), pod("a"), pod("b", restarts=1))
    asking = prober(engine)
    assert looked(asking, KUBERNETES)[0] is Reading.OK  # it waited for its database, say, before it was looked at

    engine.has(deployment(wanted=2), pod("a"), pod("b", restarts=2, started="2026-05-04T12:00:01Z"))

    assert looked(asking, KUBERNETES) == (Reading.RESTARTED, "b restarted: OOMKilled (137)")
    assert looked(asking, KUBERNETES)[0] is Reading.OK


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param([], id="scaled down"),
        pytest.param([pod("b", deletionTimestamp="2026-05-04T12:00:00Z")], id="being ended"),
        pytest.param([{**pod("b"), "status": {"phase": "Failed", "reason": "Evicted"}}], id="evicted"),
        pytest.param([{**pod("b"), "status": {"phase": "Succeeded"}}], id="its node was drained"),
    ],
)
def test_a_pod_that_ends_for_another_reason_is_no_restart(engine: Engine, gone: list[Json]) -> None:
    engine.has(deployment(wanted=2), pod("a"), pod("b"))
    asking = prober(engine)
    looked(asking, KUBERNETES)

    engine.has(deployment(wanted=1), pod("a"), *gone)

    assert looked(asking, KUBERNETES)[0] is Reading.OK


def test_restarts_of_the_version_that_goes_are_not_those_of_the_new_one(engine: Engine) -> None:
    engine.has(deployment(wanted=2), pod("a"), pod("old", image=OLD))
    asking = prober(engine)
    looked(asking, KUBERNETES)

    engine.has(deployment(wanted=2), pod("a"), pod("old", image=OLD, restarts=4))

    assert looked(asking, KUBERNETES)[0] is Reading.STALE


def test_an_image_by_a_tag_is_known_by_the_digest_that_the_node_tells(engine: Engine) -> None:
    tag = "registry.example.com/web:1.3.0"
    engine.has(deployment(wanted=2), pod("a", image=tag, image_id=NEW), pod("b", image=tag, image_id=OLD))

    reading, detail = looked(prober(engine), KUBERNETES)

    assert reading is Reading.STALE
    assert "1 of 2 pods run another image: registry.example.com/web:1.3.0@sha256:222222222222" in detail


def test_a_daemon_set_counts_the_nodes_and_a_stateful_set_its_replicas(engine: Engine) -> None:
    daemon = Check(kind="kubernetes", workload="daemonset/shop", timeout=LONG)
    stateful = Check(kind="kubernetes", workload="statefulset/shop", timeout=LONG)
    scheduled = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}
    engine.answers("get-daemonset-shop", {"spec": {}, "status": scheduled})
    engine.answers("get-statefulset-shop", deployment(wanted=3, updated=2))
    engine.answers("get-pods", {"items": [pod("a"), pod("b"), pod("c")]})

    assert looked(prober(engine), daemon) == (Reading.STALE, "2 of 3 available")
    assert looked(prober(engine), stateful) == (Reading.STALE, "2 of 3 updated")


def test_nothing_that_is_wanted_is_not_healthy(engine: Engine) -> None:
    engine.has(deployment(wanted=0))

    assert looked(prober(engine), KUBERNETES) == (Reading.BAD, "no pod is wanted")


@pytest.mark.parametrize(
    "complaint, reading",
    [
        ('Error from server (NotFound): deployments.apps "shop" not found', Reading.BAD),
        ("error: You must be logged in to the server (Unauthorized) canary-secret", Reading.UNMEASURABLE),
        (
            "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?",
            Reading.UNMEASURABLE,
        ),
    ],
)
def test_what_the_client_can_not_do_is_told_and_only_a_missing_workload_is_bad(
    engine: Engine, complaint: str, reading: Reading
) -> None:
    engine.complains(f"some warning\n{complaint}\n")

    found, detail = looked(prober(engine), KUBERNETES)

    assert found is reading
    assert detail.startswith(f"kubectl ended with code 1: {complaint[:30]}")
    assert "canary" not in detail


@pytest.mark.parametrize("said", ["", "no JSON", "[]", '{"items": 3}', '{"spec": {"replicas": "many"}}'])
def test_an_answer_that_can_not_be_read_is_unmeasurable(engine: Engine, said: str) -> None:
    (engine.place / "get-deployment-shop").write_text(said)
    (engine.place / "get-pods").write_text(said)

    assert looked(prober(engine), KUBERNETES)[0] is Reading.UNMEASURABLE


def test_a_client_that_is_not_there_or_never_ends_is_unmeasurable(engine: Engine) -> None:
    missing = Check(kind="kubernetes", workload="deployment/shop", command=("no-such-client",), timeout=LONG)
    never = ("sh", "-c", "sleep 60")
    slow = Check(kind="kubernetes", workload="deployment/shop", command=never, timeout=Duration(milliseconds=300))

    assert looked(prober(engine), missing) == (Reading.UNMEASURABLE, "no-such-client is not on the PATH")
    assert looked(prober(engine), slow) == (Reading.UNMEASURABLE, "no complete answer within 0.3 s")


def test_a_release_without_the_reference_can_not_be_proven(engine: Engine) -> None:
    engine.has(deployment(), pod("a"))
    without = Expected(commit="5f3c2a1b" * 5, version="1.2.0")

    assert looked(prober(engine, expected=without), KUBERNETES) == (
        Reading.BAD,
        "no reference named web is recorded for 1.2.0",
    )


# Docker


def test_the_containers_of_a_service_are_known_by_label_and_digest(engine: Engine) -> None:
    engine.runs(container("shop-web-1"), container("shop-web-2", image=OLD))

    assert looked(prober(engine), DOCKER) == (
        Reading.STALE,
        "1 of 2 containers run another image: registry.example.com/web@sha256:222222222222",
    )
    assert "ps --all --quiet --no-trunc --filter label=com.docker.compose.service=web" in engine.asked.read_text()


def test_an_image_that_was_asked_for_by_a_tag_is_known_by_its_digest_in_the_registry(engine: Engine) -> None:
    engine.runs(container(image="registry.example.com/web:1.3.0"))
    engine.answers("image-inspect", [{"Id": "sha256:" + "c" * 64, "RepoDigests": [NEW]}])

    assert looked(prober(engine), DOCKER)[0] is Reading.OK

    engine.answers("image-inspect", [{"Id": "sha256:" + "c" * 64, "RepoDigests": None}])
    assert looked(prober(engine), DOCKER)[0] is Reading.STALE


@pytest.mark.parametrize(
    "one, reading, told",
    [
        (container(), Reading.OK, "1 of 1 container available"),
        (container(health="healthy"), Reading.OK, "1 of 1 container available"),
        (
            container(health="starting"),
            Reading.STALE,
            "0 of 1 container available: its health check has not passed yet",
        ),
        (container(health="unhealthy"), Reading.BAD, "shop-web-1: failing: its health check fails"),
        (container(status="restarting", code=1), Reading.BAD, "shop-web-1: failing: restarting (code 1)"),
        (container(status="exited", code=137), Reading.BAD, "shop-web-1: failing: exited (code 137, out of memory)"),
        (container(status="created"), Reading.STALE, "0 of 1 container available: it was not started yet"),
        (container(status="paused"), Reading.BAD, "shop-web-1: failing: it is paused"),
        (container(labels={"com.docker.compose.oneoff": "True"}), Reading.BAD, "no container is there"),
    ],
)
def test_each_state_of_a_container_is_read(engine: Engine, one: Json, reading: Reading, told: str) -> None:
    engine.runs(one)

    found, detail = looked(prober(engine), DOCKER)

    assert found is reading
    assert detail.startswith(told)


def test_a_stopped_container_of_the_version_before_does_not_count(engine: Engine) -> None:
    engine.runs(container("web-2"), container("web-1", image=OLD, status="exited"))

    assert looked(prober(engine), DOCKER)[0] is Reading.OK


def test_a_restart_counts_and_a_start_by_hand_or_of_the_daemon_only_begins_the_bake_anew(engine: Engine) -> None:
    engine.runs(container())
    asking = prober(engine)
    looked(asking, DOCKER)

    engine.runs(container(restarts=1, started="2026-05-04T12:00:01Z"))
    assert looked(asking, DOCKER) == (Reading.RESTARTED, "shop-web-1 restarted")

    engine.runs(container(restarts=1, started="2026-05-04T12:00:09Z"))
    assert looked(asking, DOCKER) == (Reading.STALE, "shop-web-1 was started again")
    assert looked(asking, DOCKER)[0] is Reading.OK


def test_a_single_look_knows_a_restart_of_a_moment_ago(engine: Engine) -> None:
    engine.runs(container(restarts=9, started="2026-05-04T11:59:50Z"))

    assert looked(prober(engine), DOCKER)[0] is Reading.OK
    assert looked(prober(engine, calm_since=NOON - dt.timedelta(minutes=2)), DOCKER)[0] is Reading.RESTARTED
    assert looked(prober(engine, calm_since=NOON), DOCKER)[0] is Reading.OK


# What it means for a deployment

RULE = HealthRule(
    target="production",
    check="docker",
    interval=dt.timedelta(seconds=2),
    timeout=dt.timedelta(seconds=2),
    threshold=8,
    budget=10,
    deadline=dt.timedelta(minutes=5),
    bake=dt.timedelta(seconds=20),
    engine=True,
)


def judged(rule: HealthRule, *, every: int, down: int = 0) -> HealthAnalysis:
    """A container that ends by itself every so many seconds, is down for some, and is otherwise all right."""
    health, before, second = HealthAnalysis.begun([rule], NOON), None, 0
    while not health.state.final:
        second += 2
        lives, age = divmod(second, every)
        state = InstanceState.FAILING if lives and age < down else InstanceState.AVAILABLE
        begun = NOON + dt.timedelta(seconds=lives * every)
        one = Instance(id="1", name="web", images=(NEW,), state=state, restarts=lives, since=begun)
        now = Workload(noun="container", instances=(one,))
        reading, detail = judge_workload(now, before, NEW)
        at = NOON + dt.timedelta(seconds=second)
        health = health.observed(Sample(target="production", check="docker", at=at, sample=reading, detail=detail))
        before = now
    return health


@pytest.mark.parametrize(
    "bake, every, down",
    [
        pytest.param(20, 15, 0, id="a container that ends after 15 s, with a bake of 20 s"),
        pytest.param(120, 100, 0, id="one that ends after 100 s, with the usual bake"),
        pytest.param(120, 100, 4, id="one that ends after 100 s and is down for 4 s"),
        pytest.param(20, 15, 2, id="one that ends after 15 s and is down for 2 s"),
    ],
)
def test_what_ends_by_itself_and_is_started_again_is_never_healthy(bake: int, every: int, down: int) -> None:
    health = judged(msgspec.structs.replace(RULE, bake=dt.timedelta(seconds=bake)), every=every, down=down)

    assert health.verdict.state is HealthState.UNHEALTHY
    assert "it restarted 3 times" in health.verdict.reason
    assert health.now <= NOON + dt.timedelta(minutes=6)


def test_one_restart_begins_the_bake_anew_and_is_forgiven() -> None:
    health = judged(RULE, every=31)

    assert health.verdict.state is HealthState.HEALTHY


CHECKS = """
[environments.production]
command = ["x"]
health = "https://app.example.com/health"
targets = [{ name = "canary" }, { name = "stable" }]
[[environments.production.checks]]
"""


def configured(text: str, *, without_targets: bool = False) -> Check:
    told = re.sub("targets = .*", "", CHECKS) if without_targets else CHECKS
    return parse(told + text, "release-tool.toml").environments["production"].checks[0]


def test_each_target_has_a_workload_of_its_own_by_its_name(engine: Engine) -> None:
    check = configured(
        'kind = "kubernetes"\nworkload = "deployment/shop-$target"\nnamespace = "$environment"\n'
        'reference = "${target}"\ntimeout = "20s"'
    )
    engine.answers("get-deployment-shop-canary", deployment())
    engine.answers("get-deployment-shop-stable", deployment())
    engine.answers("get-pods", {"items": [pod("a")]})
    expected = msgspec.structs.replace(EXPECTED, references={"canary": NEW, "stable": OLD})
    asking = prober(engine, expected=expected)

    canary, stable = asking.measure([Question(target=Target(name=name), check=check) for name in ("canary", "stable")])

    assert (canary.sample, stable.sample) == (Reading.OK, Reading.STALE)
    asked = engine.asked.read_text()
    assert "get deployment/shop-canary --namespace production " in asked
    assert "get deployment/shop-stable --namespace production " in asked


def test_each_target_has_containers_of_its_own_by_their_label(engine: Engine) -> None:
    check = configured('kind = "docker"\nlabel = "com.docker.compose.project=shop-$target"\ntimeout = "20s"')
    engine.runs(container())

    assert looked(prober(engine), check)[0] is Reading.OK
    assert "--filter label=com.docker.compose.project=shop-production\n" in engine.asked.read_text()


@pytest.mark.parametrize(
    "text, problem",
    [
        (
            'kind = "kubernetes"\nworkload = "deployment/$track"',
            "workload`: there is no `$track`, only `$target`, `$environment`; a dollar of its own is written `$$`",
        ),
        (
            'kind = "kubernetes"\nworkload = "deployment/shop"\nnamespace = "$since"',
            "namespace`: there is no `$since`, only `$target`, `$environment`; a dollar of its own is written `$$`",
        ),
        ('kind = "kubernetes"', 'workload`: expected such as `deployment/shop`, got ""'),
        ('kind = "kubernetes"\nworkload = "shop"', 'workload`: expected such as `deployment/shop`, got "shop"'),
        (
            'kind = "kubernetes"\nworkload = "$target/shop"',
            'workload`: expected such as `deployment/shop`, got "canary/shop"',
        ),
        (
            'kind = "kubernetes"\nworkload = "deployment/shop"\nnamespace = "a b"',
            'namespace`: expected such as `shop`, got "a b"',
        ),
        ('kind = "docker"', 'label`: expected such as `com.docker.compose.service=web`, got ""'),
        (
            'kind = "docker"\nlabel = "app=a,b"',
            'label`: expected such as `com.docker.compose.service=web`, got "app=a,b"',
        ),
        ('workload = "deployment/shop"', "workload`: a check of the kind `http` knows nothing of a workload"),
        ('kind = "tcp"\nreference = "web"', "reference`: a check of the kind `tcp` knows nothing of a workload"),
    ],
)
def test_what_an_engine_can_not_look_at_is_refused_when_it_is_read(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as failure:
        configured(text)
    assert failure.value.message == f"`environments.production.checks[0].{problem}"


def test_a_target_whose_name_no_workload_can_have_is_refused() -> None:
    environment = CHECKS.replace('"stable"', '"Web 1"') + 'kind = "kubernetes"\nworkload = "deployment/shop-$target"'
    with pytest.raises(UsageError, match='expected such as `deployment/shop`, got "deployment/shop-Web 1"'):
        parse(environment, "release-tool.toml")


def test_without_targets_a_workload_is_named_after_the_environment() -> None:
    assert configured('kind = "kubernetes"\nworkload = "deployment/$target"', without_targets=True).workload
    bad = CHECKS.replace("production", "Production")
    with pytest.raises(UsageError, match='got "deployment/Production"'):
        parse(
            re.sub("targets = .*", "", bad) + 'kind = "kubernetes"\nworkload = "deployment/$target"',
            "release-tool.toml",
        )


def test_an_engine_is_asked_once_and_proves_the_version_only_with_a_reference() -> None:
    blind = Check(kind="docker", label="app=web")
    (proven, unproven) = rules_of(Environment(command=("x",), checks=(DOCKER, blind)), ["production"])

    assert (proven.samples, proven.proves, proven.check) == (1, True, "docker")
    assert (unproven.samples, unproven.proves, unproven.check) == (1, False, "docker-2")


def test_what_an_engine_says_is_compared_by_digest_and_else_by_the_whole_reference() -> None:
    one = Instance(id="1", name="web", images=("mirror/web@sha256:11", "web:1"), state=InstanceState.AVAILABLE)

    assert one.runs("registry/web@sha256:11")
    assert one.runs("web:1")
    assert not one.runs("web:2")
    assert not one.runs("registry/web@sha256:22")
