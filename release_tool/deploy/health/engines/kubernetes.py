"""A Deployment, StatefulSet or DaemonSet and its pods, as `kubectl get --output json` tells them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.health.engines.workload import Instance, InstanceState, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.config.model import Check
    from release_tool.deploy.health.engines.client import EngineClient

_PROGRESSING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons to wait that a container has while it starts; every other one is a failure."""
_ENDED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that is over: it was evicted, or its node is gone, and another one takes its place."""


class _Read(msgspec.Struct, frozen=True, rename="camel"):
    """Of the API's objects what is needed here; the rest is passed by."""


class _Expression(_Read, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.operator:
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case _:
                return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"


class _Selector(_Read, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[_Expression, ...] = ()

    def __str__(self) -> str:
        return ",".join(
            [*(f"{key}={value}" for key, value in self.match_labels.items()), *map(str, self.match_expressions)]
        )


class _Metadata(_Read, frozen=True):
    name: str = ""
    uid: str = ""
    generation: int = 0
    deletion_timestamp: str | None = None


class _WorkloadSpec(_Read, frozen=True):
    selector: _Selector = _Selector()
    replicas: int = 1


class _WorkloadStatus(_Read, frozen=True):
    """A DaemonSet counts what is scheduled, the others replicas."""

    observed_generation: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int | None = None
    updated_number_scheduled: int = 0
    number_available: int = 0


class _Controller(_Read, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _WorkloadSpec = _WorkloadSpec()
    status: _WorkloadStatus = _WorkloadStatus()

    @property
    def wanted(self) -> int:
        scheduled = self.status.desired_number_scheduled
        return self.spec.replicas if scheduled is None else scheduled

    @property
    def pending(self) -> str:
        status = self.status
        if status.observed_generation < self.metadata.generation:
            return f"the cluster has not observed generation {self.metadata.generation} yet"
        for done, what in (
            (status.updated_replicas + status.updated_number_scheduled, "updated"),
            (status.available_replicas + status.number_available, "available"),
        ):
            if done < self.wanted:
                return f"{done} of {self.wanted} {what}"
        return ""


class _Container(_Read, frozen=True):
    name: str
    image: str = ""


class _PodSpec(_Read, frozen=True):
    containers: tuple[_Container, ...] = ()


class _Condition(_Read, frozen=True):
    type: str
    status: str


class _Waiting(_Read, frozen=True):
    reason: str = ""


class _Running(_Read, frozen=True):
    started_at: datetime | None = None


class _Terminated(_Read, frozen=True):
    exit_code: int = 0
    reason: str = ""


class _ContainerState(_Read, frozen=True):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(_Read, frozen=True):
    name: str
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    restart_count: int = 0
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()


class _PodStatus(_Read, frozen=True):
    phase: str = ""
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_ContainerStatus, ...] = ()
    init_container_statuses: tuple[_ContainerStatus, ...] = ()


class _Pod(_Read, frozen=True):
    metadata: _Metadata
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()

    @property
    def over(self) -> bool:
        return self.metadata.deletion_timestamp is not None or self.status.phase in _ENDED

    @property
    def ready(self) -> bool:
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


class _Pods(_Read, frozen=True):
    items: tuple[_Pod, ...] = ()


def look(client: EngineClient, check: Check) -> Workload:
    """Ask the cluster for a workload and its pods; raises ConnectionFailedError without an answer."""
    namespace = ("--namespace", check.namespace) if check.namespace else ()
    controller = client.ask("get", check.workload, *namespace, "--output", "json", kind=_Controller)
    selector = str(controller.spec.selector)
    pods = client.ask("get", "pods", "--selector", selector, *namespace, "--output", "json", kind=_Pods)
    instances = tuple(_instance(pod) for pod in pods.items if not pod.over)
    return Workload(noun="pod", instances=instances, wanted=controller.wanted, pending=controller.pending)


def _instance(pod: _Pod) -> Instance:
    statuses = pod.status.container_statuses
    state, why = _state(pod)
    begun = [status.state.running.started_at for status in statuses if status.state.running]
    return Instance(
        id=pod.metadata.uid,
        name=pod.metadata.name,
        images=tuple(_images(pod)),
        state=state,
        why=why or _last_end(statuses),
        restarts=sum(status.restart_count for status in statuses),
        since=max((at for at in begun if at), default=None),
    )


def _state(pod: _Pod) -> tuple[InstanceState, str]:
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting
        if waiting and waiting.reason not in _PROGRESSING:
            return InstanceState.FAILING, f"{waiting.reason}{_last_end((status,), ', ')}"
    return (InstanceState.AVAILABLE if pod.ready else InstanceState.STARTING), ""


def _last_end(statuses: tuple[_ContainerStatus, ...], before: str = "") -> str:
    """How a container ended the last time, such as `OOMKilled (137)`."""
    ends = (status.last_state.terminated or status.state.terminated for status in statuses)
    end = next((one for one in ends if one), None)
    return f"{before}{end.reason or 'it ended'} ({end.exit_code})" if end else ""


def _images(pod: _Pod) -> Iterator[str]:
    """The image of each container: as the pod asks for it where that has a digest, else with the one that it got.

    Who asks by a digest gets just that; what a runtime tells may be the digest of one platform in an index.
    """
    told = {status.name: status for status in pod.status.container_statuses}
    for container in pod.spec.containers:
        status = told.get(container.name)
        yield container.image if "@" in container.image or status is None else _with_digest(container.image, status)


def _with_digest(image: str, status: _ContainerStatus) -> str:
    _, at, digest = status.image_id.rpartition("@")
    return f"{image}@{digest}" if at else image
